/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/types/lp2p-peer-record.h>

#include "types/lp2p-envelope-private.h"
#include "types/lp2p-i18n-private.h"
#include "types/records.pb-c.h"

#include <lp2p/types/lp2p-error.h>

#include <string.h>

/**
 * Lp2pPeerRecord:
 *
 * The addresses of a peer, certified by that peer, as
 * [RFC 0003](https://github.com/libp2p/specs/blob/master/RFC/0003-routing-records.md)
 * lays down.
 *
 * A record is immutable and may be used from several threads at once.
 *
 * Since: 1.0
 */
struct _Lp2pPeerRecord
{
  gatomicrefcount ref_count;
  Lp2pPeerId *peer_id;
  guint64 seq;
  GPtrArray *addresses;
};

G_DEFINE_BOXED_TYPE (Lp2pPeerRecord, lp2p_peer_record, lp2p_peer_record_ref, lp2p_peer_record_unref)

/* What is on the wire differs from the text of RFC 0003: go, js and py sign for
 * the first of these, which has the two bytes of the multicodec as they are in
 * the table instead of as a varint; older rust signs for the second, that of the
 * text. We send the first. */
static const struct
{
  const char *domain;
  const char *payload_type;
} forms[] = {
  { "libp2p-peer-record", "\x03\x01" },
  { "libp2p-routing-state", "/libp2p/routing-state-record" },
};

/* Takes @addresses. */
static Lp2pPeerRecord *
peer_record_take (Lp2pPeerId *peer_id, guint64 seq, GPtrArray *addresses)
{
  Lp2pPeerRecord *self = g_new0 (Lp2pPeerRecord, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->peer_id = lp2p_peer_id_ref (peer_id);
  self->seq = seq;
  self->addresses = addresses;
  return self;
}

/**
 * lp2p_peer_record_new:
 * @peer_id: whose addresses these are
 * @seq: a number larger than that of the peer's previous record; the time in
 *   seconds or nanoseconds will do
 * @addresses: (element-type Lp2pMultiaddr): the addresses, which are copied
 *
 * Makes a record.
 *
 * Returns: (transfer full): the record
 *
 * Since: 1.0
 */
Lp2pPeerRecord *
lp2p_peer_record_new (Lp2pPeerId *peer_id, guint64 seq, GPtrArray *addresses)
{
  GPtrArray *own;

  g_return_val_if_fail (peer_id != NULL, NULL);
  g_return_val_if_fail (addresses != NULL, NULL);

  own = g_ptr_array_new_full (addresses->len, (GDestroyNotify) lp2p_multiaddr_unref);
  for (guint i = 0; i < addresses->len; i++)
    g_ptr_array_add (own, lp2p_multiaddr_ref (g_ptr_array_index (addresses, i)));
  return peer_record_take (peer_id, seq, own);
}

static GBytes *
encode (Lp2pPeerRecord *self)
{
  Lp2p__Pb__PeerRecord message = LP2P__PB__PEER_RECORD__INIT;
  guint n = self->addresses->len;
  g_autofree Lp2p__Pb__PeerRecord__AddressInfo *infos =
      g_new0 (Lp2p__Pb__PeerRecord__AddressInfo, n);
  g_autofree Lp2p__Pb__PeerRecord__AddressInfo **pointers =
      g_new0 (Lp2p__Pb__PeerRecord__AddressInfo *, n);
  GBytes *peer_id = lp2p_peer_id_get_bytes (self->peer_id);
  guint8 *packed;
  gsize size;

  for (guint i = 0; i < n; i++)
    {
      GBytes *bytes = lp2p_multiaddr_get_bytes (g_ptr_array_index (self->addresses, i));

      lp2p__pb__peer_record__address_info__init (&infos[i]);
      infos[i].multiaddr.data = (guint8 *) g_bytes_get_data (bytes, &infos[i].multiaddr.len);
      pointers[i] = &infos[i];
    }
  message.peer_id.data = (guint8 *) g_bytes_get_data (peer_id, &message.peer_id.len);
  message.seq = self->seq;
  message.n_addresses = n;
  message.addresses = pointers;

  size = lp2p__pb__peer_record__get_packed_size (&message);
  packed = g_malloc (size);
  lp2p__pb__peer_record__pack (&message, packed);
  return g_bytes_new_take (packed, size);
}

/**
 * lp2p_peer_record_seal:
 * @self: a peer record
 * @identity: the identity of the peer whose record it is
 * @error: return location for an error
 *
 * Encodes the record and signs it, in the form that other implementations send:
 * an envelope with the domain `libp2p-peer-record` and the payload type 0x03
 * 0x01.
 *
 * Returns: (transfer full): the encoded envelope, or %NULL with
 *   %LP2P_TYPES_ERROR_INVALID_RECORD when @identity is another's or the record
 *   has more than %LP2P_PEER_RECORD_MAX_ADDRESSES addresses, or an error of
 *   [func@Lp2p.Envelope.seal]
 *
 * Since: 1.0
 */
GBytes *
lp2p_peer_record_seal (Lp2pPeerRecord *self, Lp2pIdentity *identity, GError **error)
{
  g_autoptr (GBytes) type = NULL;
  g_autoptr (GBytes) payload = NULL;

  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (LP2P_IS_IDENTITY (identity), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (!lp2p_peer_id_equal (self->peer_id, lp2p_identity_get_peer_id (identity)))
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_RECORD,
                   _("The peer record is that of %s, expected %s, who signs it"),
                   lp2p_peer_id_get_string (self->peer_id),
                   lp2p_peer_id_get_string (lp2p_identity_get_peer_id (identity)));
      return NULL;
    }
  if (self->addresses->len > LP2P_PEER_RECORD_MAX_ADDRESSES)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_RECORD,
                   _("The peer record has %u addresses, expected at most %d"), self->addresses->len,
                   LP2P_PEER_RECORD_MAX_ADDRESSES);
      return NULL;
    }

  type = g_bytes_new_static (forms[0].payload_type, strlen (forms[0].payload_type));
  payload = encode (self);
  return lp2p_envelope_seal (identity, forms[0].domain, type, payload, error);
}

/* Which domain belongs to the payload type of @envelope; NULL if none does. */
static const char *
find_domain (Lp2pEnvelope *envelope)
{
  gsize size;
  const guint8 *type = g_bytes_get_data (lp2p_envelope_get_payload_type (envelope), &size);

  for (guint i = 0; i < G_N_ELEMENTS (forms); i++)
    if (size == strlen (forms[i].payload_type) && memcmp (type, forms[i].payload_type, size) == 0)
      return forms[i].domain;
  return NULL;
}

/* An address of a protocol that we do not know is not the end of the record: a
 * newer peer may have more than we do. */
static GPtrArray *
read_addresses (const Lp2p__Pb__PeerRecord *message)
{
  GPtrArray *addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);

  for (gsize i = 0; i < message->n_addresses; i++)
    {
      const ProtobufCBinaryData *data = &message->addresses[i]->multiaddr;
      Lp2pMultiaddr *address = lp2p_multiaddr_new_from_bytes (data->data, data->len, NULL);

      if (address != NULL)
        g_ptr_array_add (addresses, address);
    }
  return addresses;
}

static Lp2pPeerRecord *
read_message (const Lp2p__Pb__PeerRecord *message, Lp2pPublicKey *key, GError **error)
{
  g_autoptr (Lp2pPeerId) peer_id = NULL;

  if (message->n_addresses > LP2P_PEER_RECORD_MAX_ADDRESSES)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_RECORD,
                   _("The peer record has %zu addresses, expected at most %d"),
                   message->n_addresses, LP2P_PEER_RECORD_MAX_ADDRESSES);
      return NULL;
    }

  peer_id = lp2p_peer_id_new_from_bytes (message->peer_id.data, message->peer_id.len, error);
  if (peer_id == NULL)
    {
      g_prefix_error_literal (error, _("The peer record names no peer: "));
      return NULL;
    }
  if (!lp2p_peer_id_matches_public_key (peer_id, key))
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_RECORD,
                   _("The peer record of %s is signed by another peer"),
                   lp2p_peer_id_get_string (peer_id));
      return NULL;
    }
  return peer_record_take (peer_id, message->seq, read_addresses (message));
}

/**
 * lp2p_peer_record_open:
 * @data: (array length=len): an encoded envelope
 * @len: how many bytes it has
 * @error: return location for an error
 *
 * Decodes a signed peer record and verifies that the peer that it names has
 * signed it. Accepted are the form that most implementations send and that of
 * the text of the specification, which older versions of rust-libp2p send.
 *
 * Addresses that are not understood are left out.
 *
 * A record is worth something only if its sequence number is larger than that
 * of the last one of the same peer; that is for the caller to check.
 *
 * Returns: (transfer full): the record, or %NULL with
 *   %LP2P_TYPES_ERROR_INVALID_RECORD, %LP2P_TYPES_ERROR_INVALID_PEER_ID, or an
 *   error of [func@Lp2p.Envelope.open]
 *
 * Since: 1.0
 */
Lp2pPeerRecord *
lp2p_peer_record_open (const guint8 *data, gsize len, GError **error)
{
  g_autoptr (Lp2pEnvelope) envelope = NULL;
  Lp2p__Pb__PeerRecord *message;
  const char *domain;
  GBytes *payload;
  Lp2pPeerRecord *self;

  g_return_val_if_fail (data != NULL || len == 0, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  envelope = lp2p_envelope_parse (data, len, error);
  if (envelope == NULL)
    return NULL;
  domain = find_domain (envelope);
  if (domain == NULL)
    {
      g_set_error_literal (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_RECORD,
                           _("The signed envelope holds something else, expected a peer record "
                             "(payload type 0x03 0x01)"));
      return NULL;
    }
  if (!lp2p_envelope_check (envelope, domain, error))
    return NULL;

  payload = lp2p_envelope_get_payload (envelope);
  message = lp2p__pb__peer_record__unpack (NULL, g_bytes_get_size (payload),
                                           g_bytes_get_data (payload, NULL));
  if (message == NULL)
    {
      g_set_error_literal (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_RECORD,
                           _("Malformed peer record, expected a protobuf PeerRecord"));
      return NULL;
    }
  self = read_message (message, lp2p_envelope_get_public_key (envelope), error);
  lp2p__pb__peer_record__free_unpacked (message, NULL);
  return self;
}

/**
 * lp2p_peer_record_ref:
 * @self: a peer record
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self
 *
 * Since: 1.0
 */
Lp2pPeerRecord *
lp2p_peer_record_ref (Lp2pPeerRecord *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

/**
 * lp2p_peer_record_unref:
 * @self: (transfer full): a peer record
 *
 * Gives a reference back.
 *
 * Since: 1.0
 */
void
lp2p_peer_record_unref (Lp2pPeerRecord *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  lp2p_peer_id_unref (self->peer_id);
  g_ptr_array_unref (self->addresses);
  g_free (self);
}

/**
 * lp2p_peer_record_get_peer_id:
 * @self: a peer record
 *
 * Tells whose addresses these are.
 *
 * Returns: (transfer none): the peer id
 *
 * Since: 1.0
 */
Lp2pPeerId *
lp2p_peer_record_get_peer_id (Lp2pPeerRecord *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->peer_id;
}

/**
 * lp2p_peer_record_get_seq:
 * @self: a peer record
 *
 * Returns the sequence number, which rises with each record of the same peer.
 * It is no time, even though some implementations take it from the clock.
 *
 * Returns: the number
 *
 * Since: 1.0
 */
guint64
lp2p_peer_record_get_seq (Lp2pPeerRecord *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->seq;
}

/**
 * lp2p_peer_record_get_addresses:
 * @self: a peer record
 *
 * Returns the addresses.
 *
 * Returns: (transfer none) (element-type Lp2pMultiaddr): the addresses, which
 *   must not be changed
 *
 * Since: 1.0
 */
GPtrArray *
lp2p_peer_record_get_addresses (Lp2pPeerRecord *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->addresses;
}
