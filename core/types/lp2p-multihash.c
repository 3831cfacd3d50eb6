/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/types/lp2p-multihash.h>

#include "types/lp2p-i18n-private.h"

#include <lp2p/types/lp2p-cursor.h>
#include <lp2p/types/lp2p-error.h>

#include <inttypes.h>

#define SHA2_256_SIZE 32

/**
 * lp2p_multihash_encode:
 * @code: the multicodec code of the hash function
 * @digest: (array length=len) (nullable): the digest
 * @len: its length, at most %LP2P_MULTIHASH_MAX_DIGEST bytes
 *
 * Puts the code and the length in front of a digest.
 *
 * Returns: (transfer full): the multihash
 */
GBytes *
lp2p_multihash_encode (guint64 code, const guint8 *digest, gsize len)
{
  GByteArray *array;

  g_return_val_if_fail (digest != NULL || len == 0, NULL);
  g_return_val_if_fail (len <= LP2P_MULTIHASH_MAX_DIGEST, NULL);

  array = g_byte_array_sized_new ((guint) (2 * LP2P_VARINT_MAX + len));
  lp2p_append_varint (array, code);
  lp2p_append_varint (array, len);
  if (len > 0)
    g_byte_array_append (array, digest, (guint) len);
  return g_byte_array_free_to_bytes (array);
}

/**
 * lp2p_multihash_decode:
 * @data: (array length=len) (nullable): the bytes
 * @len: how many there are
 * @code: (out) (optional): return location for the hash function's code
 * @digest: (out) (optional) (transfer none) (array length=digest_len): return
 *   location for the digest, which lies within @data
 * @digest_len: (out) (optional): return location for the digest's length
 * @error: return location for a [error@Lp2p.TypesError]
 *
 * Takes a multihash apart. It must fill @data exactly, and its digest have at
 * most %LP2P_MULTIHASH_MAX_DIGEST bytes (32 for SHA-256). Any hash function is
 * accepted.
 *
 * Returns: whether @data is a multihash; else @error is
 *   %LP2P_TYPES_ERROR_INVALID_MULTIHASH or %LP2P_TYPES_ERROR_TRUNCATED
 */
gboolean
lp2p_multihash_decode (const guint8 *data,
                       gsize len,
                       guint64 *code,
                       const guint8 **digest,
                       gsize *digest_len,
                       GError **error)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, len);
  guint64 found_code, found_len;
  guint64 limit = LP2P_MULTIHASH_MAX_DIGEST;
  const guint8 *found = NULL;

  g_return_val_if_fail (data != NULL || len == 0, FALSE);

  if (!lp2p_cursor_read_varint (&cursor, &found_code) ||
      !lp2p_cursor_read_varint (&cursor, &found_len))
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_MULTIHASH,
                   _("Multihash does not start with a code and a length"));
      return FALSE;
    }
  if (found_code == LP2P_MULTIHASH_SHA2_256)
    limit = SHA2_256_SIZE;
  if (found_len > limit)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_MULTIHASH,
                   _("Multihash with code 0x%" PRIx64 " announces a digest of"
                     " %" PRIu64 " bytes, expected at most %" PRIu64),
                   found_code, found_len, limit);
      return FALSE;
    }
  if (found_len != lp2p_cursor_left (&cursor))
    {
      gboolean short_of = found_len > lp2p_cursor_left (&cursor);

      g_set_error (error, LP2P_TYPES_ERROR,
                   short_of ? LP2P_TYPES_ERROR_TRUNCATED : LP2P_TYPES_ERROR_INVALID_MULTIHASH,
                   _("Multihash announces a digest of %" PRIu64
                     " bytes but %zu follow"),
                   found_len, lp2p_cursor_left (&cursor));
      return FALSE;
    }

  lp2p_cursor_read_bytes (&cursor, (gsize) found_len, &found);
  if (code != NULL)
    *code = found_code;
  if (digest != NULL)
    *digest = found;
  if (digest_len != NULL)
    *digest_len = (gsize) found_len;
  return TRUE;
}

/**
 * lp2p_multihash_sha2_256:
 * @data: (array length=len) (nullable): the bytes
 * @len: how many there are
 *
 * Hashes @data with SHA-256.
 *
 * Returns: (transfer full): the multihash, of 34 bytes
 */
GBytes *
lp2p_multihash_sha2_256 (const guint8 *data, gsize len)
{
  g_autoptr (GChecksum) checksum = NULL;
  guint8 digest[SHA2_256_SIZE];
  gsize digest_len = sizeof digest;

  g_return_val_if_fail (data != NULL || len == 0, NULL);

  checksum = g_checksum_new (G_CHECKSUM_SHA256);
  if (len > 0)
    g_checksum_update (checksum, data, (gssize) len);
  g_checksum_get_digest (checksum, digest, &digest_len);
  return lp2p_multihash_encode (LP2P_MULTIHASH_SHA2_256, digest, digest_len);
}
