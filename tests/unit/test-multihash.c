/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/types/lp2p-error.h>
#include <lp2p/types/lp2p-multibase.h>
#include <lp2p/types/lp2p-multihash.h>

#include <string.h>

static GBytes *
from_hex (const char *hex)
{
  g_autofree char *text = g_strconcat ("f", hex, NULL);

  return lp2p_multibase_decode (text, NULL);
}

static char *
to_hex (GBytes *bytes)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);
  g_autofree char *text = lp2p_multibase_encode ('f', data, size);

  return g_strdup (text + 1);
}

/* The multihash repository's test cases, which hash the text of the input
 * column as it stands, and SHA-256 of nothing. */
static const struct
{
  const char *input;
  const char *multihash;
} hashed[] = {
  { "431fb5d4c9b735ba1a34d0df045118806ae2336f2c",
    "1220ffb31f07aa15348368c90c73a834dbf9f8710365860fa0fd4ddce9ac2782cc17" },
  { "2d6db2d7882fa8b7d56e74b8e24036deb475de8c94",
    "12203afa34fba2f3572ac56d80f52002e8727dd95f17a2e7c9376a3147a96d3e78ac" },
  { "6c00022ba29d15926c4580332ded091e666f0ec5d9",
    "1220ef387c6fea7ab702d470a9432c4cde44199c8d06c6eaa5a1f2c61cfb0b70a97f" },
  { "", "1220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
};

static void
test_sha2_256 (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (hashed); i++)
    {
      g_autoptr (GBytes) hash = lp2p_multihash_sha2_256 ((const guint8 *) hashed[i].input,
                                                         strlen (hashed[i].input));
      g_autofree char *hex = to_hex (hash);

      g_assert_cmpstr (hex, ==, hashed[i].multihash);
    }
}

static void
test_decode (void)
{
  static const struct
  {
    const char *hex;
    guint64 code;
    gsize len;
  } good[] = {
    { "0000", 0, 0 },
    { "0003010203", 0, 3 },
    { "1114e861e452cfd84dca9a176258c3d06e020a0c93d8", 0x11, 20 },
    { "120affb31f07aa15348368c9", 0x12, 10 },
    { "1220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 0x12, 32 },
    { "a0e4020401020304", 0xb220, 4 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autoptr (GBytes) bytes = from_hex (good[i].hex);
      g_autoptr (GBytes) again = NULL;
      g_autoptr (GError) error = NULL;
      gsize size;
      const guint8 *data = g_bytes_get_data (bytes, &size);
      const guint8 *digest;
      gsize digest_len;
      guint64 code;

      g_assert_true (lp2p_multihash_decode (data, size, &code, &digest, &digest_len, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (code, ==, good[i].code);
      g_assert_cmpuint (digest_len, ==, good[i].len);
      g_assert_true (digest + digest_len == data + size);
      again = lp2p_multihash_encode (code, digest, digest_len);
      g_assert_true (g_bytes_equal (bytes, again));
    }
}

static void
test_bad (void)
{
  static const struct
  {
    const char *hex;
    int code;
  } bad[] = {
    { "", LP2P_TYPES_ERROR_INVALID_MULTIHASH },
    { "12", LP2P_TYPES_ERROR_INVALID_MULTIHASH },
    { "80", LP2P_TYPES_ERROR_INVALID_MULTIHASH },
    { "8000", LP2P_TYPES_ERROR_INVALID_MULTIHASH },
    { "1220aabb", LP2P_TYPES_ERROR_TRUNCATED },
    { "0001aabb", LP2P_TYPES_ERROR_INVALID_MULTIHASH },
    { "1221e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85500",
      LP2P_TYPES_ERROR_INVALID_MULTIHASH },
    { "008101aabb", LP2P_TYPES_ERROR_INVALID_MULTIHASH },
    { "00ffffffffffffffff7faabb", LP2P_TYPES_ERROR_INVALID_MULTIHASH },
    { "000300000000", LP2P_TYPES_ERROR_INVALID_MULTIHASH },
    { "00830001", LP2P_TYPES_ERROR_INVALID_MULTIHASH },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GBytes) bytes = from_hex (bad[i].hex);
      g_autoptr (GError) error = NULL;

      g_assert_false (lp2p_multihash_decode (g_bytes_get_data (bytes, NULL),
                                             g_bytes_get_size (bytes), NULL, NULL, NULL, &error));
      g_assert_error (error, LP2P_TYPES_ERROR, bad[i].code);
    }
}

static void
test_longest (void)
{
  guint8 digest[LP2P_MULTIHASH_MAX_DIGEST] = { 1 };
  g_autoptr (GBytes) bytes = lp2p_multihash_encode (0, digest, sizeof digest);
  gsize len;

  g_assert_cmpuint (g_bytes_get_size (bytes), ==, 3 + sizeof digest);
  g_assert_true (lp2p_multihash_decode (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                                        NULL, NULL, &len, NULL));
  g_assert_cmpuint (len, ==, sizeof digest);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/multihash/sha2-256", test_sha2_256);
  g_test_add_func ("/multihash/decode", test_decode);
  g_test_add_func ("/multihash/bad", test_bad);
  g_test_add_func ("/multihash/longest", test_longest);

  return g_test_run ();
}
