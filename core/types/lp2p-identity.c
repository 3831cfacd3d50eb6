/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/types/lp2p-identity.h>

#include "types/keys.pb-c.h"
#include "types/lp2p-i18n-private.h"
#include "types/lp2p-private-key-private.h"

#include <lp2p/types/lp2p-error.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <stddef.h>
#include <string.h>

/* The largest, RSA of 8192 bits, has some 4,700 bytes. */
#define PRIVATE_KEY_MAX 8192

/**
 * Lp2pIdentity:
 *
 * The private key of this peer, from which its peer id follows.
 *
 * The key never leaves the object except through
 * [method@Lp2p.Identity.to_bytes] and [method@Lp2p.Identity.save_file], and its
 * memory is overwritten when the object is finalized. An identity is immutable
 * and may be used from several threads at once.
 *
 * Since: 1.0
 */
struct _Lp2pIdentity
{
  GObject parent_instance;

  Lp2pKeyType key_type;
  EVP_PKEY *key;
  Lp2pPublicKey *public_key;
  Lp2pPeerId *peer_id;
};

G_DEFINE_FINAL_TYPE (Lp2pIdentity, lp2p_identity, G_TYPE_OBJECT)

static void
lp2p_identity_finalize (GObject *object)
{
  Lp2pIdentity *self = LP2P_IDENTITY (object);

  g_clear_pointer (&self->key, EVP_PKEY_free);
  g_clear_pointer (&self->public_key, lp2p_public_key_unref);
  g_clear_pointer (&self->peer_id, lp2p_peer_id_unref);

  G_OBJECT_CLASS (lp2p_identity_parent_class)->finalize (object);
}

static void
lp2p_identity_class_init (Lp2pIdentityClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = lp2p_identity_finalize;
}

static void
lp2p_identity_init (Lp2pIdentity *self)
{
}

/* Takes @key, which has passed lp2p_private_key_read() or was generated. */
static Lp2pIdentity *
identity_take_key (Lp2pKeyType key_type, EVP_PKEY *key, GError **error)
{
  g_autoptr (Lp2pIdentity) self = g_object_new (LP2P_TYPE_IDENTITY, NULL);
  g_autoptr (GBytes) public_key = NULL;

  self->key_type = key_type;
  self->key = key;
  public_key = lp2p_private_key_write_public (key_type, key);
  if (public_key == NULL)
    {
      g_set_error_literal (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY,
                           _("No public key can be made from the private key"));
      return NULL;
    }

  self->public_key = lp2p_public_key_new_raw (key_type, g_bytes_get_data (public_key, NULL),
                                              g_bytes_get_size (public_key), error);
  if (self->public_key == NULL)
    return NULL;
  self->peer_id = lp2p_peer_id_new_from_public_key (self->public_key);
  return g_steal_pointer (&self);
}

static Lp2pIdentity *
identity_new_raw (Lp2pKeyType key_type, const guint8 *data, gsize len, GError **error)
{
  EVP_PKEY *key = lp2p_private_key_read (key_type, data, len, error);

  return key != NULL ? identity_take_key (key_type, key, error) : NULL;
}

Lp2pIdentity *
lp2p_identity_new_from_key (EVP_PKEY *key, GError **error)
{
  Lp2pKeyType key_type;
  g_autoptr (GBytes) raw = NULL;

  if (lp2p_private_key_get_kind (key, &key_type))
    raw = lp2p_private_key_write (key_type, key);
  if (raw == NULL)
    {
      g_set_error_literal (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_UNSUPPORTED,
                           _("Not a private key of a kind that libp2p has, expected Ed25519, RSA, "
                             "secp256k1, P-256, P-384 or P-521"));
      return NULL;
    }
  return identity_new_raw (key_type, g_bytes_get_data (raw, NULL), g_bytes_get_size (raw), error);
}

/**
 * lp2p_identity_generate:
 * @key_type: the kind of key, usually %LP2P_KEY_TYPE_ED25519
 * @error: return location for an error
 *
 * Makes a new key. For RSA, of 2048 bits, this takes a noticeable time.
 *
 * Returns: (transfer full): the identity, or %NULL with
 *   %LP2P_TYPES_ERROR_UNSUPPORTED when the cryptographic library refuses
 *
 * Since: 1.0
 */
Lp2pIdentity *
lp2p_identity_generate (Lp2pKeyType key_type, GError **error)
{
  EVP_PKEY *key;

  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  key = lp2p_private_key_generate (key_type);
  if (key == NULL)
    {
      ERR_clear_error ();
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_UNSUPPORTED,
                   _("No key of kind %d can be made here"), (int) key_type);
      return NULL;
    }
  return identity_take_key (key_type, key, error);
}

/* protobuf-c copies what it decodes; these copies are overwritten too. */
typedef struct
{
  gsize size;
  max_align_t data[];
} Block;

static void *
secret_alloc (void *allocator_data, size_t size)
{
  Block *block = OPENSSL_malloc (sizeof *block + size);

  if (block == NULL)
    return NULL;
  block->size = size;
  return block->data;
}

static void
secret_free (void *allocator_data, void *pointer)
{
  Block *block;

  if (pointer == NULL)
    return;
  block = (Block *) (void *) ((guint8 *) pointer - G_STRUCT_OFFSET (Block, data));
  OPENSSL_clear_free (block, sizeof *block + block->size);
}

static ProtobufCAllocator secret_allocator = { secret_alloc, secret_free, NULL };

static GBytes *
pack_secret (Lp2p__Pb__PrivateKey *message)
{
  gsize size = lp2p__pb__private_key__get_packed_size (message);
  guint8 *packed = OPENSSL_malloc (size);
  GBytes *bytes;

  if (packed == NULL)
    g_error ("Out of memory for a key of %" G_GSIZE_FORMAT " bytes", size);
  lp2p__pb__private_key__pack (message, packed);
  bytes = lp2p_secret_bytes_new (packed, size);
  OPENSSL_clear_free (packed, size);
  return bytes;
}

static gboolean
is_deterministic (Lp2p__Pb__PrivateKey *message, const guint8 *data, gsize len)
{
  g_autoptr (GBytes) again = NULL;

  if (message->base.n_unknown_fields > 0)
    return FALSE;
  again = pack_secret (message);
  return g_bytes_get_size (again) == len && memcmp (g_bytes_get_data (again, NULL), data, len) == 0;
}

/**
 * lp2p_identity_new_from_bytes:
 * @data: (array length=len): an encoded private key
 * @len: how many bytes it has
 * @error: return location for an error
 *
 * Decodes the protobuf `PrivateKey` of the specification
 * [Peer Ids and Keys](https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md),
 * in which all implementations store their keys. Only the deterministic
 * encoding is accepted, and only a key whose halves belong together.
 *
 * Returns: (transfer full): the identity, or %NULL with
 *   %LP2P_TYPES_ERROR_INVALID_KEY or %LP2P_TYPES_ERROR_UNSUPPORTED
 *
 * Since: 1.0
 */
Lp2pIdentity *
lp2p_identity_new_from_bytes (const guint8 *data, gsize len, GError **error)
{
  Lp2p__Pb__PrivateKey *message = NULL;
  Lp2pIdentity *self = NULL;

  g_return_val_if_fail (data != NULL || len == 0, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (len > 0 && len <= PRIVATE_KEY_MAX)
    message = lp2p__pb__private_key__unpack (&secret_allocator, len, data);
  if (message == NULL)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY,
                   _("Malformed private key of %zu bytes, expected a protobuf "
                     "PrivateKey with type and data, of at most %d bytes"),
                   len, PRIVATE_KEY_MAX);
      return NULL;
    }

  if (is_deterministic (message, data, len))
    self = identity_new_raw ((Lp2pKeyType) message->type, message->data.data, message->data.len,
                             error);
  else
    g_set_error_literal (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY,
                         _("The private key is not encoded deterministically, expected type and "
                           "data, in this order, in their shortest form and nothing else"));
  lp2p__pb__private_key__free_unpacked (message, &secret_allocator);
  return self;
}

/**
 * lp2p_identity_to_bytes:
 * @self: an identity
 * @error: return location for an error
 *
 * Encodes the private key as the protobuf `PrivateKey` of the specification,
 * which [ctor@Lp2p.Identity.new_from_bytes] reads.
 *
 * The bytes are secret. They are overwritten when their last reference is
 * given back; copies of them must be overwritten by whoever makes them.
 *
 * Returns: (transfer full): the encoded key, or %NULL with
 *   %LP2P_TYPES_ERROR_UNSUPPORTED when the cryptographic library refuses
 *
 * Since: 1.0
 */
GBytes *
lp2p_identity_to_bytes (Lp2pIdentity *self, GError **error)
{
  Lp2p__Pb__PrivateKey message = LP2P__PB__PRIVATE_KEY__INIT;
  g_autoptr (GBytes) raw = NULL;

  g_return_val_if_fail (LP2P_IS_IDENTITY (self) && self->key != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  raw = lp2p_private_key_write (self->key_type, self->key);
  if (raw == NULL)
    {
      g_set_error_literal (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_UNSUPPORTED,
                           _("The cryptographic library does not give the private key"));
      return NULL;
    }

  message.type = (Lp2p__Pb__KeyType) self->key_type;
  message.data.data = (guint8 *) g_bytes_get_data (raw, NULL);
  message.data.len = g_bytes_get_size (raw);
  return pack_secret (&message);
}

/**
 * lp2p_identity_get_key_type:
 * @self: an identity
 *
 * Tells the kind of key.
 *
 * Returns: the kind
 *
 * Since: 1.0
 */
Lp2pKeyType
lp2p_identity_get_key_type (Lp2pIdentity *self)
{
  g_return_val_if_fail (LP2P_IS_IDENTITY (self), LP2P_KEY_TYPE_ED25519);

  return self->key_type;
}

/**
 * lp2p_identity_get_public_key:
 * @self: an identity
 *
 * Returns the public half of the key.
 *
 * Returns: (transfer none): the public key
 *
 * Since: 1.0
 */
Lp2pPublicKey *
lp2p_identity_get_public_key (Lp2pIdentity *self)
{
  g_return_val_if_fail (LP2P_IS_IDENTITY (self), NULL);

  return self->public_key;
}

/**
 * lp2p_identity_get_peer_id:
 * @self: an identity
 *
 * Returns the peer id that follows from the key.
 *
 * Returns: (transfer none): the peer id
 *
 * Since: 1.0
 */
Lp2pPeerId *
lp2p_identity_get_peer_id (Lp2pIdentity *self)
{
  g_return_val_if_fail (LP2P_IS_IDENTITY (self), NULL);

  return self->peer_id;
}

static GBytes *
encode_signature (ECDSA_SIG *signature)
{
  unsigned char *der = NULL;
  int size = i2d_ECDSA_SIG (signature, &der);
  GBytes *bytes = size > 0 ? g_bytes_new (der, (gsize) size) : NULL;

  OPENSSL_free (der);
  return bytes;
}

/* Of the two signatures (r, s) and (r, n - s), which are both good, Bitcoin's
 * rules (BIP 62) want the one with the smaller s; rust and js refuse the other.
 * Takes @der. */
static GBytes *
with_low_s (GBytes *der)
{
  const unsigned char *p = g_bytes_get_data (der, NULL);
  ECDSA_SIG *signature = d2i_ECDSA_SIG (NULL, &p, (long) g_bytes_get_size (der));
  EC_GROUP *group = EC_GROUP_new_by_curve_name (NID_secp256k1);
  BIGNUM *half = BN_new ();
  BIGNUM *r = NULL;
  BIGNUM *s = BN_new ();
  const BIGNUM *order;
  GBytes *result = NULL;

  if (signature != NULL && group != NULL && half != NULL && s != NULL)
    {
      order = EC_GROUP_get0_order (group);
      if (BN_rshift1 (half, order) == 1)
        {
          if (BN_cmp (ECDSA_SIG_get0_s (signature), half) <= 0)
            {
              result = g_bytes_ref (der);
            }
          else if (BN_sub (s, order, ECDSA_SIG_get0_s (signature)) == 1 &&
                   (r = BN_dup (ECDSA_SIG_get0_r (signature))) != NULL &&
                   ECDSA_SIG_set0 (signature, r, s) == 1)
            {
              r = s = NULL;
              result = encode_signature (signature);
            }
        }
    }
  BN_free (r);
  BN_free (s);
  BN_free (half);
  EC_GROUP_free (group);
  ECDSA_SIG_free (signature);
  g_bytes_unref (der);
  return result;
}

/**
 * lp2p_identity_sign:
 * @self: an identity
 * @data: (array length=len): what to sign
 * @len: how many bytes it has
 * @error: return location for an error
 *
 * Signs @data as the specification
 * [Peer Ids and Keys](https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md)
 * lays down: Ed25519 as it is; ECDSA and secp256k1 over SHA-256, in DER; RSA
 * with PKCS #1 version 1.5 over SHA-256.
 *
 * Returns: (transfer full): the signature, or %NULL with
 *   %LP2P_TYPES_ERROR_INVALID_KEY when the cryptographic library refuses
 *
 * Since: 1.0
 */
GBytes *
lp2p_identity_sign (Lp2pIdentity *self, const guint8 *data, gsize len, GError **error)
{
  const EVP_MD *digest;
  GBytes *signature;

  g_return_val_if_fail (LP2P_IS_IDENTITY (self) && self->key != NULL, NULL);
  g_return_val_if_fail (data != NULL || len == 0, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  digest = self->key_type == LP2P_KEY_TYPE_ED25519 ? NULL : EVP_sha256 ();
  signature = lp2p_crypto_sign (self->key, digest, data, len);
  if (signature != NULL && self->key_type == LP2P_KEY_TYPE_SECP256K1)
    signature = with_low_s (signature);
  if (signature == NULL)
    g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY,
                 _("The cryptographic library does not sign with the %s key"),
                 lp2p_key_type_to_string (self->key_type));
  return signature;
}
