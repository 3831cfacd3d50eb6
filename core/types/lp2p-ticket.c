/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/types/lp2p-ticket.h>

#include "types/lp2p-i18n-private.h"
#include "types/ticket.pb-c.h"

#include <lp2p/types/lp2p-envelope.h>
#include <lp2p/types/lp2p-error.h>
#include <lp2p/types/lp2p-multibase.h>

#include <inttypes.h>
#include <string.h>

#define DOMAIN       "lp2p-ticket"
#define PAYLOAD_TYPE "/lp2p/ticket"
#define VERSION      1

/* URL-safe, so that a ticket is a URI as it is. */
#define BASE 'u'

/**
 * Lp2pTicket:
 *
 * A short text that lets whoever has it reach a peer once: who and where the peer
 * is, until when, and a secret code that the peer serves.
 *
 * The text is a URI, `lp2p:` and the multibase form of a signed envelope: nobody on
 * the way can change where it leads without being noticed. Who reads it on the way
 * can use it, so it is to be handed over as a password is.
 *
 * A ticket is immutable and may be used from several threads at once.
 *
 * Since: 1.0
 */
struct _Lp2pTicket
{
  gatomicrefcount ref_count;
  Lp2pPeerId *peer_id;
  GPtrArray *addresses;
  GBytes *code;
  gint64 created;
  gint64 expires;
};

G_DEFINE_BOXED_TYPE (Lp2pTicket, lp2p_ticket, lp2p_ticket_ref, lp2p_ticket_unref)

/* Takes @addresses. */
static Lp2pTicket *
ticket_take (Lp2pPeerId *peer_id, GPtrArray *addresses, GBytes *code, gint64 created, gint64 expires)
{
  Lp2pTicket *self = g_new0 (Lp2pTicket, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->peer_id = lp2p_peer_id_ref (peer_id);
  self->addresses = addresses;
  self->code = g_bytes_ref (code);
  self->created = created;
  self->expires = expires;
  return self;
}

/**
 * lp2p_ticket_new:
 * @peer_id: who is to be reached
 * @addresses: (element-type Lp2pMultiaddr): where, which is copied; may be empty
 * @code: the secret, 16 random bytes for instance
 * @created: when it is made, in seconds since 1970, UTC
 * @expires: from when on it is worth nothing, likewise
 *
 * Makes a ticket.
 *
 * Returns: (transfer full): the ticket
 *
 * Since: 1.0
 */
Lp2pTicket *
lp2p_ticket_new (Lp2pPeerId *peer_id,
                 GPtrArray *addresses,
                 GBytes *code,
                 gint64 created,
                 gint64 expires)
{
  GPtrArray *own;

  g_return_val_if_fail (peer_id != NULL, NULL);
  g_return_val_if_fail (addresses != NULL, NULL);
  g_return_val_if_fail (code != NULL, NULL);

  own = g_ptr_array_new_full (addresses->len, (GDestroyNotify) lp2p_multiaddr_unref);
  for (guint i = 0; i < addresses->len; i++)
    g_ptr_array_add (own, lp2p_multiaddr_ref (g_ptr_array_index (addresses, i)));
  return ticket_take (peer_id, own, code, created, expires);
}

static gboolean
set_invalid (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

static gboolean
set_invalid (GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error_literal (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_TICKET, text);
  return FALSE;
}

/* What holds for a ticket of ours as for one that came from somewhere. */
static gboolean
check_content (gsize n_addresses, gsize code_size, gint64 created, gint64 expires, GError **error)
{
  if (n_addresses > LP2P_TICKET_MAX_ADDRESSES)
    return set_invalid (error, _("The ticket has %zu addresses, expected at most %d"),
                        n_addresses, LP2P_TICKET_MAX_ADDRESSES);
  if (code_size == 0 || code_size > LP2P_TICKET_MAX_CODE)
    return set_invalid (error,
                        _("The ticket has a code of %zu bytes, expected 1 to %d"),
                        code_size, LP2P_TICKET_MAX_CODE);
  if (created < 0 || expires <= created)
    return set_invalid (error,
                        _("The ticket was made at %" PRId64
                          " and expires at %" PRId64 ", expected a later time"),
                        created, expires);
  return TRUE;
}

/* Sealing */

static GBytes *
encode (Lp2pTicket *self)
{
  Lp2p__Pb__Ticket message = LP2P__PB__TICKET__INIT;
  g_autofree ProtobufCBinaryData *addresses = g_new0 (ProtobufCBinaryData, self->addresses->len);
  guint8 *packed;
  gsize size;

  for (guint i = 0; i < self->addresses->len; i++)
    {
      GBytes *bytes = lp2p_multiaddr_get_bytes (g_ptr_array_index (self->addresses, i));

      addresses[i].data = (guint8 *) g_bytes_get_data (bytes, &addresses[i].len);
    }
  message.version = VERSION;
  message.code.data = (guint8 *) g_bytes_get_data (self->code, &message.code.len);
  message.created = self->created;
  message.expires = self->expires;
  message.n_addresses = self->addresses->len;
  message.addresses = addresses;

  size = lp2p__pb__ticket__get_packed_size (&message);
  packed = g_malloc (size);
  lp2p__pb__ticket__pack (&message, packed);
  return g_bytes_new_take (packed, size);
}

/**
 * lp2p_ticket_seal:
 * @self: a ticket
 * @identity: the identity of the peer that it leads to
 * @error: return location for an error
 *
 * Signs the ticket and writes it as text.
 *
 * Returns: (transfer full): the text, or %NULL with
 *   %LP2P_TYPES_ERROR_INVALID_TICKET when @identity is another's, when the ticket
 *   expires before it is made, or when something of it is too large, or an error of
 *   `lp2p_envelope_seal()`
 *
 * Since: 1.0
 */
char *
lp2p_ticket_seal (Lp2pTicket *self, Lp2pIdentity *identity, GError **error)
{
  g_autoptr (GBytes) type = g_bytes_new_static (PAYLOAD_TYPE, strlen (PAYLOAD_TYPE));
  g_autoptr (GBytes) payload = NULL;
  g_autoptr (GBytes) sealed = NULL;
  g_autofree char *encoded = NULL;
  g_autofree char *text = NULL;

  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (LP2P_IS_IDENTITY (identity), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (!lp2p_peer_id_equal (self->peer_id, lp2p_identity_get_peer_id (identity)))
    {
      set_invalid (error, _("The ticket leads to %s, expected %s, who signs it"),
                   lp2p_peer_id_get_string (self->peer_id),
                   lp2p_peer_id_get_string (lp2p_identity_get_peer_id (identity)));
      return NULL;
    }
  if (!check_content (self->addresses->len, g_bytes_get_size (self->code), self->created,
                      self->expires, error))
    return NULL;
  payload = encode (self);
  sealed = lp2p_envelope_seal (identity, DOMAIN, type, payload, error);
  if (sealed == NULL)
    return NULL;
  encoded = lp2p_multibase_encode (BASE, g_bytes_get_data (sealed, NULL), g_bytes_get_size (sealed));
  text = g_strconcat (LP2P_TICKET_PREFIX, encoded, NULL);
  if (strlen (text) > LP2P_TICKET_MAX_SIZE)
    {
      set_invalid (error, _("The ticket would have %zu letters, expected at most %d"),
                   strlen (text), LP2P_TICKET_MAX_SIZE);
      return NULL;
    }
  return g_steal_pointer (&text);
}

/* Opening */

/* Addresses of protocols that we do not know are left out: a newer peer may have
 * more than we do. */
static GPtrArray *
read_addresses (const Lp2p__Pb__Ticket *message)
{
  GPtrArray *addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);

  for (gsize i = 0; i < message->n_addresses; i++)
    {
      const ProtobufCBinaryData *data = &message->addresses[i];
      Lp2pMultiaddr *address = lp2p_multiaddr_new_from_bytes (data->data, data->len, NULL);

      if (address != NULL)
        g_ptr_array_add (addresses, address);
    }
  return addresses;
}

static gboolean
check_clock (gint64 created, gint64 expires, gint64 now, GError **error)
{
  if (now >= expires)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_EXPIRED,
                   _("The ticket expired %" PRId64 " s ago; ask for a new one"),
                   now - expires);
      return FALSE;
    }
  if (created > LP2P_TICKET_MAX_SKEW && created - LP2P_TICKET_MAX_SKEW > now)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_NOT_YET_VALID,
                   _("The ticket was made %" PRId64
                     " s in the future: one of the two clocks is wrong"),
                   created - now);
      return FALSE;
    }
  return TRUE;
}

static Lp2pTicket *
read_message (const Lp2p__Pb__Ticket *message, Lp2pPublicKey *key, gint64 now, GError **error)
{
  g_autoptr (Lp2pPeerId) peer_id = NULL;
  g_autoptr (GBytes) code = NULL;

  if (message->version != VERSION)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_UNSUPPORTED,
                   _("The ticket is of version %u, expected version %d: one side needs a newer lp2p"),
                   message->version, VERSION);
      return NULL;
    }
  if (!check_content (message->n_addresses, message->code.len, message->created, message->expires,
                      error) ||
      !check_clock (message->created, message->expires, now, error))
    return NULL;
  peer_id = lp2p_peer_id_new_from_public_key (key);
  code = g_bytes_new (message->code.data, message->code.len);
  return ticket_take (peer_id, read_addresses (message), code, message->created, message->expires);
}

static GBytes *
decode_text (const char *text, GError **error)
{
  gsize prefix = strlen (LP2P_TICKET_PREFIX);
  g_autoptr (GError) reason = NULL;
  GBytes *bytes;

  if (g_ascii_strncasecmp (text, LP2P_TICKET_PREFIX, prefix) != 0)
    {
      set_invalid (error, _("This is no ticket, expected a text that starts with %s"),
                   LP2P_TICKET_PREFIX);
      return NULL;
    }
  if (strlen (text) > LP2P_TICKET_MAX_SIZE)
    {
      set_invalid (error, _("The ticket has %zu letters, expected at most %d"),
                   strlen (text), LP2P_TICKET_MAX_SIZE);
      return NULL;
    }
  /* Those that are no power of two take long to decode. */
  if (text[prefix] != BASE)
    {
      set_invalid (error, _("The ticket is not in base64url, expected a %c behind %s"), BASE,
                   LP2P_TICKET_PREFIX);
      return NULL;
    }
  bytes = lp2p_multibase_decode (text + prefix, &reason);
  if (bytes == NULL)
    set_invalid (error, _("The ticket is damaged: %s"), reason->message);
  return bytes;
}

/**
 * lp2p_ticket_open:
 * @text: the text of a ticket
 * @now: the time, in seconds since 1970, UTC
 * @error: return location for an error
 *
 * Reads a ticket, and verifies that the peer that it leads to has signed it and that
 * it is valid now.
 *
 * Returns: (transfer full): the ticket, or %NULL with
 *   %LP2P_TYPES_ERROR_INVALID_TICKET when it is malformed,
 *   %LP2P_TYPES_ERROR_INVALID_SIGNATURE when it was changed,
 *   %LP2P_TYPES_ERROR_EXPIRED, %LP2P_TYPES_ERROR_NOT_YET_VALID when it was made more
 *   than %LP2P_TICKET_MAX_SKEW seconds after @now, or %LP2P_TYPES_ERROR_UNSUPPORTED
 *   when it is of another version
 *
 * Since: 1.0
 */
Lp2pTicket *
lp2p_ticket_open (const char *text, gint64 now, GError **error)
{
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (Lp2pEnvelope) envelope = NULL;
  Lp2p__Pb__Ticket *message;
  Lp2pTicket *self;
  GBytes *payload;
  gsize type_size;
  const void *type;

  g_return_val_if_fail (text != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  bytes = decode_text (text, error);
  if (bytes == NULL)
    return NULL;
  envelope = lp2p_envelope_open (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), DOMAIN,
                                 error);
  if (envelope == NULL)
    {
      g_prefix_error_literal (error, _("The ticket is damaged or was changed: "));
      return NULL;
    }
  type = g_bytes_get_data (lp2p_envelope_get_payload_type (envelope), &type_size);
  payload = lp2p_envelope_get_payload (envelope);
  if (type_size != strlen (PAYLOAD_TYPE) || memcmp (type, PAYLOAD_TYPE, type_size) != 0)
    {
      set_invalid (error, _("The signed envelope holds something else, expected a ticket "
                            "(payload type %s)"), PAYLOAD_TYPE);
      return NULL;
    }
  message = lp2p__pb__ticket__unpack (NULL, g_bytes_get_size (payload),
                                      g_bytes_get_data (payload, NULL));
  if (message == NULL)
    {
      set_invalid (error, _("Malformed ticket, expected a protobuf Ticket"));
      return NULL;
    }
  self = read_message (message, lp2p_envelope_get_public_key (envelope), now, error);
  lp2p__pb__ticket__free_unpacked (message, NULL);
  return self;
}

/**
 * lp2p_ticket_ref:
 * @self: a ticket
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self
 *
 * Since: 1.0
 */
Lp2pTicket *
lp2p_ticket_ref (Lp2pTicket *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

/**
 * lp2p_ticket_unref:
 * @self: (transfer full): a ticket
 *
 * Gives a reference back.
 *
 * Since: 1.0
 */
void
lp2p_ticket_unref (Lp2pTicket *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  lp2p_peer_id_unref (self->peer_id);
  g_ptr_array_unref (self->addresses);
  g_bytes_unref (self->code);
  g_free (self);
}

/**
 * lp2p_ticket_get_peer_id:
 * @self: a ticket
 *
 * Tells whom it leads to.
 *
 * Returns: (transfer none): the peer id
 *
 * Since: 1.0
 */
Lp2pPeerId *
lp2p_ticket_get_peer_id (Lp2pTicket *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->peer_id;
}

/**
 * lp2p_ticket_get_addresses:
 * @self: a ticket
 *
 * Tells where the peer is. Addresses that are not understood are left out.
 *
 * Returns: (transfer none) (element-type Lp2pMultiaddr): the addresses, which
 *   must not be changed
 *
 * Since: 1.0
 */
GPtrArray *
lp2p_ticket_get_addresses (Lp2pTicket *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->addresses;
}

/**
 * lp2p_ticket_get_code:
 * @self: a ticket
 *
 * Returns the secret that the peer serves.
 *
 * Returns: (transfer none): the code
 *
 * Since: 1.0
 */
GBytes *
lp2p_ticket_get_code (Lp2pTicket *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->code;
}

/**
 * lp2p_ticket_get_created:
 * @self: a ticket
 *
 * Tells when it was made.
 *
 * Returns: seconds since 1970, UTC
 *
 * Since: 1.0
 */
gint64
lp2p_ticket_get_created (Lp2pTicket *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->created;
}

/**
 * lp2p_ticket_get_expires:
 * @self: a ticket
 *
 * Tells from when on it is worth nothing.
 *
 * Returns: seconds since 1970, UTC
 *
 * Since: 1.0
 */
gint64
lp2p_ticket_get_expires (Lp2pTicket *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->expires;
}
