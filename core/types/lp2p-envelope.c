/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "types/lp2p-envelope-private.h"

#include "types/lp2p-i18n-private.h"
#include "types/records.pb-c.h"

#include <lp2p/types/lp2p-error.h>
#include <lp2p/types/lp2p-varint.h>

#include <string.h>

/**
 * Lp2pEnvelope:
 *
 * A payload with the signature of the peer it comes from, as
 * [RFC 0002](https://github.com/libp2p/specs/blob/master/RFC/0002-signed-envelopes.md)
 * lays down.
 *
 * An envelope that was opened is genuine: its signature has been verified. It
 * is immutable and may be used from several threads at once.
 *
 * Since: 1.0
 */
struct _Lp2pEnvelope
{
  gatomicrefcount ref_count;
  Lp2pPublicKey *public_key;
  GBytes *payload_type;
  GBytes *payload;
  GBytes *signature;
};

G_DEFINE_BOXED_TYPE (Lp2pEnvelope, lp2p_envelope, lp2p_envelope_ref, lp2p_envelope_unref)

static void
append_prefixed (GByteArray *out, gconstpointer data, gsize len)
{
  lp2p_append_varint (out, len);
  if (len > 0)
    g_byte_array_append (out, data, (guint) len);
}

/* What the signature is made over. */
static GByteArray *
make_signed (const char *domain, GBytes *payload_type, GBytes *payload)
{
  GByteArray *out = g_byte_array_new ();

  append_prefixed (out, domain, strlen (domain));
  append_prefixed (out, g_bytes_get_data (payload_type, NULL), g_bytes_get_size (payload_type));
  append_prefixed (out, g_bytes_get_data (payload, NULL), g_bytes_get_size (payload));
  return out;
}

static ProtobufCBinaryData
borrow (GBytes *bytes)
{
  ProtobufCBinaryData data;

  data.data = (guint8 *) g_bytes_get_data (bytes, &data.len);
  return data;
}

/**
 * lp2p_envelope_seal:
 * @identity: who signs
 * @domain: what the signature is for, in UTF-8; only an envelope opened for the
 *   same domain is genuine
 * @payload_type: (nullable): what tells the kind of payload, usually a
 *   multicodec; %NULL for none
 * @payload: the payload
 * @error: return location for an error
 *
 * Signs a payload and encodes it together with the signature.
 *
 * Returns: (transfer full): the encoded envelope, or %NULL with
 *   %LP2P_TYPES_ERROR_INVALID_ENVELOPE when it were longer than
 *   %LP2P_ENVELOPE_MAX_SIZE, or an error of [method@Lp2p.Identity.sign]
 *
 * Since: 1.0
 */
GBytes *
lp2p_envelope_seal (Lp2pIdentity *identity,
                    const char *domain,
                    GBytes *payload_type,
                    GBytes *payload,
                    GError **error)
{
  Lp2p__Pb__Envelope message = LP2P__PB__ENVELOPE__INIT;
  g_autoptr (GBytes) type = NULL;
  g_autoptr (GByteArray) data = NULL;
  g_autoptr (GBytes) signature = NULL;
  guint8 *packed;
  gsize size;

  g_return_val_if_fail (LP2P_IS_IDENTITY (identity), NULL);
  g_return_val_if_fail (domain != NULL, NULL);
  g_return_val_if_fail (payload != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  type = payload_type != NULL ? g_bytes_ref (payload_type) : g_bytes_new (NULL, 0);
  data = make_signed (domain, type, payload);
  signature = lp2p_identity_sign (identity, data->data, data->len, error);
  if (signature == NULL)
    return NULL;

  message.public_key = borrow (lp2p_public_key_get_bytes (lp2p_identity_get_public_key (identity)));
  message.payload_type = borrow (type);
  message.payload = borrow (payload);
  message.signature = borrow (signature);
  size = lp2p__pb__envelope__get_packed_size (&message);
  if (size > LP2P_ENVELOPE_MAX_SIZE)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_ENVELOPE,
                   _("The signed envelope would have %zu bytes, expected at most %d"),
                   size, LP2P_ENVELOPE_MAX_SIZE);
      return NULL;
    }
  packed = g_malloc (size);
  lp2p__pb__envelope__pack (&message, packed);
  return g_bytes_new_take (packed, size);
}

static GBytes *
copy (const ProtobufCBinaryData *data)
{
  return g_bytes_new (data->data, data->len);
}

Lp2pEnvelope *
lp2p_envelope_parse (const guint8 *data, gsize len, GError **error)
{
  Lp2p__Pb__Envelope *message = NULL;
  g_autoptr (Lp2pPublicKey) key = NULL;
  Lp2pEnvelope *self = NULL;

  if (len > 0 && len <= LP2P_ENVELOPE_MAX_SIZE)
    message = lp2p__pb__envelope__unpack (NULL, len, data);
  if (message == NULL)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_ENVELOPE,
                   _("Malformed signed envelope of %zu bytes, expected a protobuf "
                     "Envelope of at most %d bytes"),
                   len, LP2P_ENVELOPE_MAX_SIZE);
      return NULL;
    }

  key = lp2p_public_key_new_from_bytes (message->public_key.data, message->public_key.len, error);
  if (key == NULL)
    {
      g_prefix_error_literal (error, _("The signed envelope has no valid public key: "));
    }
  else
    {
      self = g_new0 (Lp2pEnvelope, 1);
      g_atomic_ref_count_init (&self->ref_count);
      self->public_key = g_steal_pointer (&key);
      self->payload_type = copy (&message->payload_type);
      self->payload = copy (&message->payload);
      self->signature = copy (&message->signature);
    }
  lp2p__pb__envelope__free_unpacked (message, NULL);
  return self;
}

gboolean
lp2p_envelope_check (Lp2pEnvelope *self, const char *domain, GError **error)
{
  g_autoptr (GByteArray) data = make_signed (domain, self->payload_type, self->payload);

  if (!lp2p_public_key_verify (self->public_key, data->data, data->len,
                               g_bytes_get_data (self->signature, NULL),
                               g_bytes_get_size (self->signature)))
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_SIGNATURE,
                   _("The signature of the envelope is not valid, expected that of its public key "
                     "for \"%s\""),
                   domain);
      return FALSE;
    }
  return TRUE;
}

/**
 * lp2p_envelope_open:
 * @data: (array length=len): an encoded envelope
 * @len: how many bytes it has
 * @domain: what the signature must be for
 * @error: return location for an error
 *
 * Decodes an envelope and verifies its signature. That the public key in it is
 * that of the expected peer, and that the payload is of the expected type, is
 * for the caller to check.
 *
 * Returns: (transfer full): the envelope, or %NULL with
 *   %LP2P_TYPES_ERROR_INVALID_ENVELOPE, %LP2P_TYPES_ERROR_INVALID_SIGNATURE, or
 *   an error of [ctor@Lp2p.PublicKey.new_from_bytes]
 *
 * Since: 1.0
 */
Lp2pEnvelope *
lp2p_envelope_open (const guint8 *data, gsize len, const char *domain, GError **error)
{
  g_autoptr (Lp2pEnvelope) self = NULL;

  g_return_val_if_fail (data != NULL || len == 0, NULL);
  g_return_val_if_fail (domain != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  self = lp2p_envelope_parse (data, len, error);
  if (self == NULL || !lp2p_envelope_check (self, domain, error))
    return NULL;
  return g_steal_pointer (&self);
}

/**
 * lp2p_envelope_ref:
 * @self: an envelope
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self
 *
 * Since: 1.0
 */
Lp2pEnvelope *
lp2p_envelope_ref (Lp2pEnvelope *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

/**
 * lp2p_envelope_unref:
 * @self: (transfer full): an envelope
 *
 * Gives a reference back.
 *
 * Since: 1.0
 */
void
lp2p_envelope_unref (Lp2pEnvelope *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  lp2p_public_key_unref (self->public_key);
  g_bytes_unref (self->payload_type);
  g_bytes_unref (self->payload);
  g_bytes_unref (self->signature);
  g_free (self);
}

/**
 * lp2p_envelope_get_public_key:
 * @self: an envelope
 *
 * Returns the key that signed the envelope.
 *
 * Returns: (transfer none): the key
 *
 * Since: 1.0
 */
Lp2pPublicKey *
lp2p_envelope_get_public_key (Lp2pEnvelope *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->public_key;
}

/**
 * lp2p_envelope_get_payload_type:
 * @self: an envelope
 *
 * Returns what tells the kind of payload; empty if nothing does.
 *
 * Returns: (transfer none): the type
 *
 * Since: 1.0
 */
GBytes *
lp2p_envelope_get_payload_type (Lp2pEnvelope *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->payload_type;
}

/**
 * lp2p_envelope_get_payload:
 * @self: an envelope
 *
 * Returns what was signed.
 *
 * Returns: (transfer none): the payload
 *
 * Since: 1.0
 */
GBytes *
lp2p_envelope_get_payload (Lp2pEnvelope *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->payload;
}
