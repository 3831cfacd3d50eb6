/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/types/lp2p-public-key.h>

#include "types/keys.pb-c.h"
#include "types/lp2p-crypto-private.h"
#include "types/lp2p-i18n-private.h"
#include "types/lp2p-verified-private.h"

#include <lp2p/types/lp2p-error.h>

#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <string.h>

/* The largest, RSA of 8192 bits, has 1066 bytes. */
#define PUBLIC_KEY_MAX 2048

#define SECP256K1_PUBLIC_SIZE 33

/**
 * Lp2pPublicKey:
 *
 * The public half of the key of a peer.
 *
 * A public key is immutable and may be used from several threads at once. Its
 * encoding is that of the libp2p specification
 * [Peer Ids and Keys](https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md).
 *
 * Since: 1.0
 */
struct _Lp2pPublicKey
{
  gatomicrefcount ref_count;
  Lp2pKeyType key_type;
  GBytes *bytes;
  GBytes *raw;
  EVP_PKEY *key; /* of an Ed25519 key %NULL until there is something to verify */
};

G_DEFINE_BOXED_TYPE (Lp2pPublicKey, lp2p_public_key, lp2p_public_key_ref, lp2p_public_key_unref)

static const char *const key_type_names[] = {
  [LP2P_KEY_TYPE_RSA] = "rsa",
  [LP2P_KEY_TYPE_ED25519] = "ed25519",
  [LP2P_KEY_TYPE_SECP256K1] = "secp256k1",
  [LP2P_KEY_TYPE_ECDSA] = "ecdsa",
};

/**
 * lp2p_key_type_to_string:
 * @key_type: a kind of key
 *
 * Names a kind of key.
 *
 * Returns: `rsa`, `ed25519`, `secp256k1` or `ecdsa`
 *
 * Since: 1.0
 */
const char *
lp2p_key_type_to_string (Lp2pKeyType key_type)
{
  g_return_val_if_fail ((guint) key_type < G_N_ELEMENTS (key_type_names), "unknown");

  return key_type_names[key_type];
}

/**
 * lp2p_key_type_from_string:
 * @name: a name as [func@Lp2p.KeyType.to_string] returns it
 * @key_type: (out): return location for the kind of key; untouched on failure
 *
 * Finds a kind of key by its name.
 *
 * Returns: whether there is one of that name
 *
 * Since: 1.0
 */
gboolean
lp2p_key_type_from_string (const char *name, Lp2pKeyType *key_type)
{
  g_return_val_if_fail (name != NULL, FALSE);
  g_return_val_if_fail (key_type != NULL, FALSE);

  for (guint i = 0; i < G_N_ELEMENTS (key_type_names); i++)
    if (strcmp (name, key_type_names[i]) == 0)
      {
        *key_type = (Lp2pKeyType) i;
        return TRUE;
      }
  return FALSE;
}

static gboolean
check_ed25519 (gsize len, GError **error)
{
  if (len == LP2P_ED25519_KEY_SIZE)
    return TRUE;
  g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY, _("Ed25519 public key of %zu bytes, expected %d"),
               len, LP2P_ED25519_KEY_SIZE);
  return FALSE;
}

static EVP_PKEY *
read_secp256k1 (const guint8 *data, gsize len, GError **error)
{
  EVP_PKEY *key = NULL;

  if (len == SECP256K1_PUBLIC_SIZE && (data[0] == 2 || data[0] == 3))
    key = lp2p_crypto_ec_public (lp2p_curve_by_nid (NID_secp256k1), data, len);
  if (key == NULL)
    g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY,
                 _("secp256k1 public key is not valid, expected a compressed point of %d bytes"),
                 SECP256K1_PUBLIC_SIZE);
  return key;
}

/* Both are a SubjectPublicKeyInfo, which names its own algorithm. */
static EVP_PKEY *
read_pkix (Lp2pKeyType key_type, const guint8 *data, gsize len, GError **error)
{
  g_autoptr (EVP_PKEY) key = lp2p_crypto_read_spki (data, len, error);
  gboolean matches;

  if (key == NULL)
    return NULL;

  if (key_type == LP2P_KEY_TYPE_RSA)
    {
      matches = EVP_PKEY_get_base_id (key) == EVP_PKEY_RSA;
    }
  else
    {
      const Lp2pCurve *curve = lp2p_crypto_get_curve (key);
      matches = curve != NULL && curve->nid != NID_secp256k1;
    }
  if (!matches)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY,
                   _("The public key holds a key of another kind, expected %s"),
                   lp2p_key_type_to_string (key_type));
      return NULL;
    }
  return g_steal_pointer (&key);
}

/* Of 32 bytes any are an Ed25519 key, and most keys are only compared: libcrypto's
 * form of it, which costs more than all else here, waits until it is needed. */
static gboolean
read_raw (Lp2pKeyType key_type, const guint8 *data, gsize len, EVP_PKEY **key, GError **error)
{
  switch (key_type)
    {
    case LP2P_KEY_TYPE_ED25519:
      return check_ed25519 (len, error);
    case LP2P_KEY_TYPE_SECP256K1:
      *key = read_secp256k1 (data, len, error);
      return *key != NULL;
    case LP2P_KEY_TYPE_RSA:
    case LP2P_KEY_TYPE_ECDSA:
      *key = read_pkix (key_type, data, len, error);
      return *key != NULL;
    default:
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_UNSUPPORTED,
                   _("Public key of the unknown kind %d, expected 0 to 3"), (int) key_type);
      return FALSE;
    }
}

static GBytes *
encode (Lp2pKeyType key_type, const guint8 *data, gsize len)
{
  Lp2p__Pb__PublicKey message = LP2P__PB__PUBLIC_KEY__INIT;
  guint8 *packed;
  gsize size;

  message.type = (Lp2p__Pb__KeyType) key_type;
  message.data.data = (guint8 *) data;
  message.data.len = len;
  size = lp2p__pb__public_key__get_packed_size (&message);
  packed = g_malloc (size);
  lp2p__pb__public_key__pack (&message, packed);
  return g_bytes_new_take (packed, size);
}

/**
 * lp2p_public_key_new_raw:
 * @key_type: the kind of key
 * @data: (array length=len): the key alone
 * @len: how many bytes it has
 * @error: return location for an error
 *
 * Makes a public key from what the `Data` field of its encoding holds: the 32
 * bytes of an Ed25519 key, the 33 bytes of a compressed secp256k1 point, or a
 * DER SubjectPublicKeyInfo for ECDSA and RSA.
 *
 * Returns: (transfer full): the key, or %NULL with
 *   %LP2P_TYPES_ERROR_INVALID_KEY or %LP2P_TYPES_ERROR_UNSUPPORTED
 *
 * Since: 1.0
 */
Lp2pPublicKey *
lp2p_public_key_new_raw (Lp2pKeyType key_type, const guint8 *data, gsize len, GError **error)
{
  Lp2pPublicKey *self;
  EVP_PKEY *key = NULL;

  g_return_val_if_fail (data != NULL || len == 0, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (!read_raw (key_type, data, len, &key, error))
    {
      ERR_clear_error ();
      return NULL;
    }

  self = g_new0 (Lp2pPublicKey, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->key_type = key_type;
  self->key = key;
  self->raw = g_bytes_new (data, len);
  self->bytes = encode (key_type, data, len);
  return self;
}

/**
 * lp2p_public_key_new_from_bytes:
 * @data: (array length=len): an encoded public key
 * @len: how many bytes it has
 * @error: return location for an error
 *
 * Decodes the protobuf `PublicKey` of the specification. Only its deterministic
 * encoding is accepted, since the peer id is derived from these bytes.
 *
 * Returns: (transfer full): the key, or %NULL with
 *   %LP2P_TYPES_ERROR_INVALID_KEY or %LP2P_TYPES_ERROR_UNSUPPORTED
 *
 * Since: 1.0
 */
Lp2pPublicKey *
lp2p_public_key_new_from_bytes (const guint8 *data, gsize len, GError **error)
{
  Lp2p__Pb__PublicKey *message = NULL;
  Lp2pPublicKey *self = NULL;

  g_return_val_if_fail (data != NULL || len == 0, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (len > 0 && len <= PUBLIC_KEY_MAX)
    message = lp2p__pb__public_key__unpack (NULL, len, data);
  if (message == NULL)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY,
                   _("Malformed public key of %zu bytes, expected a protobuf "
                     "PublicKey with type and data, of at most %d bytes"),
                   len, PUBLIC_KEY_MAX);
      return NULL;
    }

  self = lp2p_public_key_new_raw ((Lp2pKeyType) message->type, message->data.data,
                                  message->data.len, error);
  lp2p__pb__public_key__free_unpacked (message, NULL);
  if (self == NULL)
    return NULL;

  if (g_bytes_get_size (self->bytes) != len ||
      memcmp (g_bytes_get_data (self->bytes, NULL), data, len) != 0)
    {
      g_set_error_literal (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY,
                           _("The public key is not encoded deterministically, expected type and "
                             "data, in this order, in their shortest form and nothing else"));
      g_clear_pointer (&self, lp2p_public_key_unref);
    }
  return self;
}

/**
 * lp2p_public_key_ref:
 * @self: a public key
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self
 *
 * Since: 1.0
 */
Lp2pPublicKey *
lp2p_public_key_ref (Lp2pPublicKey *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

/**
 * lp2p_public_key_unref:
 * @self: (transfer full): a public key
 *
 * Gives a reference back.
 *
 * Since: 1.0
 */
void
lp2p_public_key_unref (Lp2pPublicKey *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_bytes_unref (self->bytes);
  g_bytes_unref (self->raw);
  EVP_PKEY_free (self->key);
  g_free (self);
}

/**
 * lp2p_public_key_get_key_type:
 * @self: a public key
 *
 * Tells the kind of key.
 *
 * Returns: the kind
 *
 * Since: 1.0
 */
Lp2pKeyType
lp2p_public_key_get_key_type (Lp2pPublicKey *self)
{
  g_return_val_if_fail (self != NULL, LP2P_KEY_TYPE_ED25519);

  return self->key_type;
}

/**
 * lp2p_public_key_get_bytes:
 * @self: a public key
 *
 * Returns the encoding that is sent to other peers and from which the peer id
 * is derived: the protobuf `PublicKey` of the specification.
 *
 * Returns: (transfer none): the encoded key
 *
 * Since: 1.0
 */
GBytes *
lp2p_public_key_get_bytes (Lp2pPublicKey *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->bytes;
}

/**
 * lp2p_public_key_get_raw:
 * @self: a public key
 *
 * Returns the key alone, see [ctor@Lp2p.PublicKey.new_raw] for its form.
 *
 * Returns: (transfer none): the key
 *
 * Since: 1.0
 */
GBytes *
lp2p_public_key_get_raw (Lp2pPublicKey *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->raw;
}

/**
 * lp2p_public_key_equal:
 * @a: (type Lp2pPublicKey): a public key
 * @b: (type Lp2pPublicKey): another
 *
 * Compares two keys.
 *
 * Returns: whether they are the same key
 *
 * Since: 1.0
 */
gboolean
lp2p_public_key_equal (gconstpointer a, gconstpointer b)
{
  const Lp2pPublicKey *one = a;
  const Lp2pPublicKey *two = b;

  g_return_val_if_fail (one != NULL && two != NULL, FALSE);

  return one == two || g_bytes_equal (one->bytes, two->bytes);
}

static void
hash_signature (Lp2pPublicKey *self,
                const guint8 *data,
                gsize len,
                const guint8 *signature,
                gsize signature_len,
                guint8 hash[LP2P_VERIFIED_HASH])
{
  gsize key_len;
  const guint8 *key = g_bytes_get_data (self->bytes, &key_len);
  const Lp2pVerifiedPart parts[] = { { key, key_len }, { data, len }, { signature, signature_len } };

  lp2p_verified_hash ("signature", parts, G_N_ELEMENTS (parts), hash);
}

/* Returns: (transfer none) (nullable): libcrypto's form */
static EVP_PKEY *
get_key (Lp2pPublicKey *self)
{
  EVP_PKEY *key = g_atomic_pointer_get (&self->key);
  gsize size;
  const guint8 *data;

  if (key != NULL)
    return key;
  data = g_bytes_get_data (self->raw, &size);
  key = EVP_PKEY_new_raw_public_key (EVP_PKEY_ED25519, NULL, data, size);
  if (g_atomic_pointer_compare_and_exchange (&self->key, NULL, key))
    return key;
  EVP_PKEY_free (key);
  return g_atomic_pointer_get (&self->key);
}

/**
 * lp2p_public_key_verify:
 * @self: a public key
 * @data: (array length=len): what was signed
 * @len: how many bytes it has
 * @signature: (array length=signature_len): the signature
 * @signature_len: how many bytes it has
 *
 * Checks a signature made as [method@Lp2p.Identity.sign] makes it.
 *
 * Returns: whether the signature is that of this key over @data
 *
 * Since: 1.0
 */
gboolean
lp2p_public_key_verify (Lp2pPublicKey *self,
                        const guint8 *data,
                        gsize len,
                        const guint8 *signature,
                        gsize signature_len)
{
  const EVP_MD *digest;
  EVP_PKEY *key;
  guint8 hash[LP2P_VERIFIED_HASH];

  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (data != NULL || len == 0, FALSE);
  g_return_val_if_fail (signature != NULL || signature_len == 0, FALSE);

  if (signature_len == 0)
    return FALSE;
  hash_signature (self, data, len, signature, signature_len, hash);
  if (lp2p_verified_has (hash))
    return TRUE;
  digest = self->key_type == LP2P_KEY_TYPE_ED25519 ? NULL : EVP_sha256 ();
  key = get_key (self);
  if (key == NULL || !lp2p_crypto_verify (key, digest, data, len, signature, signature_len))
    return FALSE;
  lp2p_verified_add (hash);
  return TRUE;
}
