/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/types/lp2p-peer-id.h>

#include "types/lp2p-i18n-private.h"
#include "types/lp2p-multiaddr-private.h"

#include <lp2p/types/lp2p-cursor.h>
#include <lp2p/types/lp2p-error.h>
#include <lp2p/types/lp2p-multibase.h>
#include <lp2p/types/lp2p-multihash.h>
#include <lp2p/types/lp2p-quote.h>

#include <inttypes.h>
#include <string.h>

/* Encoded keys of at most this many bytes stand in the peer id themselves. */
#define INLINE_KEY_MAX 42

#define SHA2_256_SIZE 32

/* The longest, a CID in base 16, has 93 characters. */
#define TEXT_MAX 128

#define CID_VERSION      1
#define CODEC_LIBP2P_KEY 0x72
#define CID_DEFAULT_BASE 'k'

/**
 * Lp2pPeerId:
 *
 * The name of a peer: a hash of its public key, or the key itself where that is
 * short (Ed25519, secp256k1).
 *
 * A peer id is immutable and may be used from several threads at once. Its
 * forms are those of the specification
 * [Peer Ids and Keys](https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md).
 *
 * Since: 1.0
 */
struct _Lp2pPeerId
{
  gatomicrefcount ref_count;
  GBytes *bytes; /* the multihash */
  char *text;    /* in base58btc; %NULL until somebody asks for it */
};

G_DEFINE_BOXED_TYPE (Lp2pPeerId, lp2p_peer_id, lp2p_peer_id_ref, lp2p_peer_id_unref)

static Lp2pPeerId *
peer_id_take (GBytes *bytes)
{
  Lp2pPeerId *self = g_new0 (Lp2pPeerId, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->bytes = bytes;
  return self;
}

/* The rule for all that has a peer id in it. */
gboolean
lp2p_peer_id_check (const guint8 *data, gsize len, GError **error)
{
  guint64 code;
  gsize digest_len;
  g_autoptr (GError) reason = NULL;

  if (!lp2p_multihash_decode (data, len, &code, NULL, &digest_len, &reason))
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_PEER_ID,
                   _("The peer id is not a multihash: %s"), reason->message);
      return FALSE;
    }
  if ((code == LP2P_MULTIHASH_IDENTITY && digest_len > 0 && digest_len <= INLINE_KEY_MAX) ||
      (code == LP2P_MULTIHASH_SHA2_256 && digest_len == SHA2_256_SIZE))
    return TRUE;
  g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_PEER_ID,
               _("The peer id has %zu bytes of hash 0x%" PRIx64
                 ", expected 1 to %d bytes of hash 0x0 or %d bytes of hash 0x12"),
               digest_len, code, INLINE_KEY_MAX, SHA2_256_SIZE);
  return FALSE;
}

/**
 * lp2p_peer_id_new_from_bytes:
 * @data: (array length=len): a multihash
 * @len: how many bytes it has
 * @error: return location for an error
 *
 * Reads the binary form of a peer id: a multihash, either SHA-256 or the
 * identity hash of at most 42 bytes.
 *
 * Returns: (transfer full): the peer id, or %NULL with
 *   %LP2P_TYPES_ERROR_INVALID_PEER_ID
 *
 * Since: 1.0
 */
Lp2pPeerId *
lp2p_peer_id_new_from_bytes (const guint8 *data, gsize len, GError **error)
{
  g_return_val_if_fail (data != NULL || len == 0, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  return lp2p_peer_id_check (data, len, error) ? peer_id_take (g_bytes_new (data, len)) : NULL;
}

/* Returns the multihash of a CID, or NULL. */
static GBytes *
read_cid (GBytes *cid)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (cid, &size);
  Lp2pCursor in = LP2P_CURSOR_INIT (data, size);
  guint64 version, codec;

  if (!lp2p_cursor_read_varint (&in, &version) || version != CID_VERSION ||
      !lp2p_cursor_read_varint (&in, &codec) || codec != CODEC_LIBP2P_KEY)
    return NULL;
  return g_bytes_new_from_bytes (cid, size - lp2p_cursor_left (&in), lp2p_cursor_left (&in));
}

/**
 * lp2p_peer_id_new_from_string:
 * @text: a peer id
 * @error: return location for an error
 *
 * Reads a peer id in either of its text forms: the multihash in base58btc
 * (`12D3KooW…`, `16Uiu2HA…`, `Qm…`), or a CID of version 1 with the codec
 * `libp2p-key` in any multibase (`bafz…`, `k51…`).
 *
 * Returns: (transfer full): the peer id, or %NULL with
 *   %LP2P_TYPES_ERROR_INVALID_PEER_ID
 *
 * Since: 1.0
 */
Lp2pPeerId *
lp2p_peer_id_new_from_string (const char *text, GError **error)
{
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GBytes) cid = NULL;
  g_autoptr (GError) reason = NULL;
  g_autofree char *shown = NULL;

  g_return_val_if_fail (text != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (strnlen (text, TEXT_MAX + 1) > TEXT_MAX)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_PEER_ID,
                   _("The peer id is too long, expected at most %d characters"), TEXT_MAX);
      return NULL;
    }

  if (text[0] == '1' || g_str_has_prefix (text, "Qm"))
    {
      bytes = lp2p_base58btc_decode (text, &reason);
    }
  else
    {
      cid = lp2p_multibase_decode (text, &reason);
      if (cid != NULL)
        bytes = read_cid (cid);
    }
  if (bytes == NULL)
    {
      shown = lp2p_quote (text, strlen (text));
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_PEER_ID,
                   _("%s is not a peer id: %s"), shown,
                   reason != NULL ? reason->message
                                  : _("expected a CID of version 1 with the codec libp2p-key"));
      return NULL;
    }
  return lp2p_peer_id_new_from_bytes (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                                      error);
}

/**
 * lp2p_peer_id_new_from_public_key:
 * @key: a public key
 *
 * Derives the peer id of the peer that has this key.
 *
 * Returns: (transfer full): the peer id
 *
 * Since: 1.0
 */
Lp2pPeerId *
lp2p_peer_id_new_from_public_key (Lp2pPublicKey *key)
{
  gsize size;
  const guint8 *data;

  g_return_val_if_fail (key != NULL, NULL);

  data = g_bytes_get_data (lp2p_public_key_get_bytes (key), &size);
  if (size <= INLINE_KEY_MAX)
    return peer_id_take (lp2p_multihash_encode (LP2P_MULTIHASH_IDENTITY, data, size));
  return peer_id_take (lp2p_multihash_sha2_256 (data, size));
}

/**
 * lp2p_peer_id_ref:
 * @self: a peer id
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self
 *
 * Since: 1.0
 */
Lp2pPeerId *
lp2p_peer_id_ref (Lp2pPeerId *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

/**
 * lp2p_peer_id_unref:
 * @self: (transfer full): a peer id
 *
 * Gives a reference back.
 *
 * Since: 1.0
 */
void
lp2p_peer_id_unref (Lp2pPeerId *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_bytes_unref (self->bytes);
  g_free (self->text);
  g_free (self);
}

/**
 * lp2p_peer_id_get_string:
 * @self: a peer id
 *
 * Returns the peer id as text, in the form that all implementations show: the
 * multihash in base58btc.
 *
 * Returns: (transfer none): the text
 *
 * Since: 1.0
 */
const char *
lp2p_peer_id_get_string (Lp2pPeerId *self)
{
  const guint8 *data;
  gsize size;
  char *text;

  g_return_val_if_fail (self != NULL, NULL);

  text = g_atomic_pointer_get (&self->text);
  if (text == NULL)
    {
      data = g_bytes_get_data (self->bytes, &size);
      text = lp2p_base58btc_encode (data, size);
      if (!g_atomic_pointer_compare_and_exchange (&self->text, NULL, text))
        {
          g_free (text);
          text = g_atomic_pointer_get (&self->text);
        }
    }
  return text;
}

/**
 * lp2p_peer_id_to_cid:
 * @self: a peer id
 *
 * Writes the peer id as a CID of version 1 in base 36, which is short enough
 * and of the right letters to be a label of a domain name.
 *
 * Returns: (transfer full): the text
 *
 * Since: 1.0
 */
char *
lp2p_peer_id_to_cid (Lp2pPeerId *self)
{
  g_autoptr (GByteArray) cid = NULL;
  gsize size;
  const guint8 *data;

  g_return_val_if_fail (self != NULL, NULL);

  data = g_bytes_get_data (self->bytes, &size);
  cid = g_byte_array_sized_new ((guint) size + 2);
  lp2p_append_varint (cid, CID_VERSION);
  lp2p_append_varint (cid, CODEC_LIBP2P_KEY);
  g_byte_array_append (cid, data, (guint) size);
  return lp2p_multibase_encode (CID_DEFAULT_BASE, cid->data, cid->len);
}

/**
 * lp2p_peer_id_get_bytes:
 * @self: a peer id
 *
 * Returns the binary form, a multihash.
 *
 * Returns: (transfer none): the multihash
 *
 * Since: 1.0
 */
GBytes *
lp2p_peer_id_get_bytes (Lp2pPeerId *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->bytes;
}

/**
 * lp2p_peer_id_extract_public_key:
 * @self: a peer id
 *
 * Takes the public key out of a peer id that holds one.
 *
 * Returns: (transfer full) (nullable): the key, or %NULL when the peer id is a
 *   hash of the key or holds something else
 *
 * Since: 1.0
 */
Lp2pPublicKey *
lp2p_peer_id_extract_public_key (Lp2pPeerId *self)
{
  guint64 code;
  const guint8 *digest;
  gsize size;

  g_return_val_if_fail (self != NULL, NULL);

  if (!lp2p_multihash_decode (g_bytes_get_data (self->bytes, NULL), g_bytes_get_size (self->bytes),
                              &code, &digest, &size, NULL) ||
      code != LP2P_MULTIHASH_IDENTITY)
    return NULL;
  return lp2p_public_key_new_from_bytes (digest, size, NULL);
}

/**
 * lp2p_peer_id_matches_public_key:
 * @self: a peer id
 * @key: a public key
 *
 * Tells whether @key is the key of the peer with this id.
 *
 * Returns: whether it is
 *
 * Since: 1.0
 */
gboolean
lp2p_peer_id_matches_public_key (Lp2pPeerId *self, Lp2pPublicKey *key)
{
  g_autoptr (Lp2pPeerId) derived = NULL;

  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (key != NULL, FALSE);

  derived = lp2p_peer_id_new_from_public_key (key);
  return lp2p_peer_id_equal (self, derived);
}

/**
 * lp2p_peer_id_equal:
 * @a: (type Lp2pPeerId): a peer id
 * @b: (type Lp2pPeerId): another
 *
 * Compares two peer ids; a `GEqualFunc`.
 *
 * Returns: whether they name the same peer
 *
 * Since: 1.0
 */
gboolean
lp2p_peer_id_equal (gconstpointer a, gconstpointer b)
{
  const Lp2pPeerId *one = a;
  const Lp2pPeerId *two = b;

  g_return_val_if_fail (one != NULL && two != NULL, FALSE);

  return one == two || g_bytes_equal (one->bytes, two->bytes);
}

/**
 * lp2p_peer_id_hash:
 * @self: (type Lp2pPeerId): a peer id
 *
 * Makes a number for hash tables; a `GHashFunc`.
 *
 * Returns: the number
 *
 * Since: 1.0
 */
guint
lp2p_peer_id_hash (gconstpointer self)
{
  g_return_val_if_fail (self != NULL, 0);

  return g_bytes_hash (((const Lp2pPeerId *) self)->bytes);
}

/**
 * lp2p_peer_id_compare:
 * @a: (type Lp2pPeerId): a peer id
 * @b: (type Lp2pPeerId): another
 *
 * Orders two peer ids by their bytes; a `GCompareFunc`.
 *
 * Returns: less than, equal to, or greater than zero
 *
 * Since: 1.0
 */
int
lp2p_peer_id_compare (gconstpointer a, gconstpointer b)
{
  g_return_val_if_fail (a != NULL && b != NULL, 0);

  return g_bytes_compare (((const Lp2pPeerId *) a)->bytes, ((const Lp2pPeerId *) b)->bytes);
}

/* Whether the last component of @address is a peer id, and which bytes. */
static gboolean
ends_in_peer_id (Lp2pMultiaddr *address, const guint8 **value, gsize *len)
{
  guint n = lp2p_multiaddr_get_n_components (address);
  Lp2pProtocol protocol;

  return n > 0 && lp2p_multiaddr_get_component (address, n - 1, &protocol, value, len) &&
         protocol == LP2P_PROTOCOL_P2P;
}

/**
 * lp2p_peer_id_from_multiaddr:
 * @address: a multiaddr
 *
 * Takes the peer id out of the last component of an address. A peer id further
 * to the front is that of a relay, and not returned.
 *
 * Returns: (transfer full) (nullable): the peer id of the peer at the end of
 *   the address, or %NULL when the address does not name it
 *
 * Since: 1.0
 */
Lp2pPeerId *
lp2p_peer_id_from_multiaddr (Lp2pMultiaddr *address)
{
  const guint8 *value;
  gsize len;

  g_return_val_if_fail (address != NULL, NULL);

  if (!ends_in_peer_id (address, &value, &len))
    return NULL;
  return lp2p_peer_id_new_from_bytes (value, len, NULL);
}

/**
 * lp2p_multiaddr_with_peer_id:
 * @self: a multiaddr
 * @peer_id: a peer id
 *
 * Makes an address that ends in `/p2p/` and @peer_id; a peer id that stands at
 * the end of @self is replaced.
 *
 * Returns: (transfer full) (nullable): the address, or %NULL if it were longer
 *   than multiaddrs may be
 *
 * Since: 1.0
 */
Lp2pMultiaddr *
lp2p_multiaddr_with_peer_id (Lp2pMultiaddr *self, Lp2pPeerId *peer_id)
{
  g_autoptr (Lp2pMultiaddr) bare = NULL;

  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (peer_id != NULL, NULL);

  bare = lp2p_multiaddr_without_peer_id (self);
  return lp2p_multiaddr_append (bare, LP2P_PROTOCOL_P2P, g_bytes_get_data (peer_id->bytes, NULL),
                                g_bytes_get_size (peer_id->bytes), NULL);
}

/**
 * lp2p_multiaddr_without_peer_id:
 * @self: a multiaddr
 *
 * Makes an address without the peer id at its end, if there is one.
 *
 * Returns: (transfer full) (nullable): the address, which is @self itself if it
 *   does not end in a peer id, or %NULL if nothing is left
 *
 * Since: 1.0
 */
Lp2pMultiaddr *
lp2p_multiaddr_without_peer_id (Lp2pMultiaddr *self)
{
  const guint8 *value;
  gsize len;

  g_return_val_if_fail (self != NULL, NULL);

  if (!ends_in_peer_id (self, &value, &len))
    return lp2p_multiaddr_ref (self);
  return lp2p_multiaddr_slice (self, 0, lp2p_multiaddr_get_n_components (self) - 1);
}
