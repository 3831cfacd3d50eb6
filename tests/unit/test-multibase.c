/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/types/lp2p-error.h>
#include <lp2p/types/lp2p-multibase.h>

#include <string.h>

/* The vectors of the multibase specification, but for its emoji. */
static const struct
{
  const char *bytes;
  gsize size;
  const char *text;
  gboolean canonical;
} vectors[] = {
  { "yes mani !", 10,
    "001111001011001010111001100100000011011010110000101101110011"
    "010010010000000100001", TRUE },
  { "yes mani !", 10, "7362625631006654133464440102", TRUE },
  { "yes mani !", 10, "9573277761329450583662625", TRUE },
  { "yes mani !", 10, "f796573206d616e692021", TRUE },
  { "yes mani !", 10, "F796573206D616E692021", TRUE },
  { "yes mani !", 10, "bpfsxgidnmfxgsibb", TRUE },
  { "yes mani !", 10, "BPFSXGIDNMFXGSIBB", TRUE },
  { "yes mani !", 10, "vf5in683dc5n6i811", TRUE },
  { "yes mani !", 10, "VF5IN683DC5N6I811", TRUE },
  { "yes mani !", 10, "cpfsxgidnmfxgsibb", TRUE },
  { "yes mani !", 10, "CPFSXGIDNMFXGSIBB", TRUE },
  { "yes mani !", 10, "tf5in683dc5n6i811", TRUE },
  { "yes mani !", 10, "TF5IN683DC5N6I811", TRUE },
  { "yes mani !", 10, "hxf1zgedpcfzg1ebb", TRUE },
  { "yes mani !", 10, "k2lcpzo5yikidynfl", TRUE },
  { "yes mani !", 10, "K2LCPZO5YIKIDYNFL", TRUE },
  { "yes mani !", 10, "Z7Pznk19XTTzBtx", TRUE },
  { "yes mani !", 10, "z7paNL19xttacUY", TRUE },
  { "yes mani !", 10, "meWVzIG1hbmkgIQ", TRUE },
  { "yes mani !", 10, "MeWVzIG1hbmkgIQ==", TRUE },
  { "yes mani !", 10, "ueWVzIG1hbmkgIQ", TRUE },
  { "yes mani !", 10, "UeWVzIG1hbmkgIQ==", TRUE },
  { "\x00" "yes mani !", 11,
    "000000000011110010110010101110011001000000110110101100001011"
    "01110011010010010000000100001", TRUE },
  { "\x00" "yes mani !", 11, "7000745453462015530267151100204", TRUE },
  { "\x00" "yes mani !", 11, "90573277761329450583662625", TRUE },
  { "\x00" "yes mani !", 11, "f00796573206d616e692021", TRUE },
  { "\x00" "yes mani !", 11, "F00796573206D616E692021", TRUE },
  { "\x00" "yes mani !", 11, "bab4wk4zanvqw42jaee", TRUE },
  { "\x00" "yes mani !", 11, "BAB4WK4ZANVQW42JAEE", TRUE },
  { "\x00" "yes mani !", 11, "v01smasp0dlgmsq9044", TRUE },
  { "\x00" "yes mani !", 11, "V01SMASP0DLGMSQ9044", TRUE },
  { "\x00" "yes mani !", 11, "cab4wk4zanvqw42jaee======", TRUE },
  { "\x00" "yes mani !", 11, "CAB4WK4ZANVQW42JAEE======", TRUE },
  { "\x00" "yes mani !", 11, "t01smasp0dlgmsq9044======", TRUE },
  { "\x00" "yes mani !", 11, "T01SMASP0DLGMSQ9044======", TRUE },
  { "\x00" "yes mani !", 11, "hybhskh3ypiosh4jyrr", TRUE },
  { "\x00" "yes mani !", 11, "k02lcpzo5yikidynfl", TRUE },
  { "\x00" "yes mani !", 11, "K02LCPZO5YIKIDYNFL", TRUE },
  { "\x00" "yes mani !", 11, "Z17Pznk19XTTzBtx", TRUE },
  { "\x00" "yes mani !", 11, "z17paNL19xttacUY", TRUE },
  { "\x00" "yes mani !", 11, "mAHllcyBtYW5pICE", TRUE },
  { "\x00" "yes mani !", 11, "MAHllcyBtYW5pICE=", TRUE },
  { "\x00" "yes mani !", 11, "uAHllcyBtYW5pICE", TRUE },
  { "\x00" "yes mani !", 11, "UAHllcyBtYW5pICE=", TRUE },
  { "\x00\x00" "yes mani !", 12,
    "000000000000000000111100101100101011100110010000001101101011"
    "0000101101110011010010010000000100001", TRUE },
  { "\x00\x00" "yes mani !", 12, "700000171312714403326055632220041", TRUE },
  { "\x00\x00" "yes mani !", 12, "900573277761329450583662625", TRUE },
  { "\x00\x00" "yes mani !", 12, "f0000796573206d616e692021", TRUE },
  { "\x00\x00" "yes mani !", 12, "F0000796573206D616E692021", TRUE },
  { "\x00\x00" "yes mani !", 12, "baaahszltebwwc3tjeaqq", TRUE },
  { "\x00\x00" "yes mani !", 12, "BAAAHSZLTEBWWC3TJEAQQ", TRUE },
  { "\x00\x00" "yes mani !", 12, "v0007ipbj41mm2rj940gg", TRUE },
  { "\x00\x00" "yes mani !", 12, "V0007IPBJ41MM2RJ940GG", TRUE },
  { "\x00\x00" "yes mani !", 12, "caaahszltebwwc3tjeaqq====", TRUE },
  { "\x00\x00" "yes mani !", 12, "CAAAHSZLTEBWWC3TJEAQQ====", TRUE },
  { "\x00\x00" "yes mani !", 12, "t0007ipbj41mm2rj940gg====", TRUE },
  { "\x00\x00" "yes mani !", 12, "T0007IPBJ41MM2RJ940GG====", TRUE },
  { "\x00\x00" "yes mani !", 12, "hyyy813murbssn5ujryoo", TRUE },
  { "\x00\x00" "yes mani !", 12, "k002lcpzo5yikidynfl", TRUE },
  { "\x00\x00" "yes mani !", 12, "K002LCPZO5YIKIDYNFL", TRUE },
  { "\x00\x00" "yes mani !", 12, "Z117Pznk19XTTzBtx", TRUE },
  { "\x00\x00" "yes mani !", 12, "z117paNL19xttacUY", TRUE },
  { "\x00\x00" "yes mani !", 12, "mAAB5ZXMgbWFuaSAh", TRUE },
  { "\x00\x00" "yes mani !", 12, "MAAB5ZXMgbWFuaSAh", TRUE },
  { "\x00\x00" "yes mani !", 12, "uAAB5ZXMgbWFuaSAh", TRUE },
  { "\x00\x00" "yes mani !", 12, "UAAB5ZXMgbWFuaSAh", TRUE },
  { "hello world", 11, "f68656c6c6f20776F726C64", FALSE },
  { "hello world", 11, "F68656c6c6f20776F726C64", FALSE },
  { "hello world", 11, "bnbswy3dpeB3W64TMMQ", FALSE },
  { "hello world", 11, "Bnbswy3dpeB3W64TMMQ", FALSE },
  { "hello world", 11, "vd1imor3f41RMUSJCCG", FALSE },
  { "hello world", 11, "Vd1imor3f41RMUSJCCG", FALSE },
  { "hello world", 11, "cnbswy3dpeB3W64TMMQ======", FALSE },
  { "hello world", 11, "Cnbswy3dpeB3W64TMMQ======", FALSE },
  { "hello world", 11, "td1imor3f41RMUSJCCG======", FALSE },
  { "hello world", 11, "Td1imor3f41RMUSJCCG======", FALSE },
  { "hello world", 11, "kfUvrsIvVnfRbjWaJo", FALSE },
  { "hello world", 11, "KfUVrSIVVnFRbJWAJo", FALSE },
};

static void
test_vectors (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (vectors); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) bytes = lp2p_multibase_decode (vectors[i].text, &error);
      g_autofree char *text = lp2p_multibase_encode (
          vectors[i].text[0], (const guint8 *) vectors[i].bytes, vectors[i].size);

      g_assert_no_error (error);
      g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), vectors[i].bytes,
                       vectors[i].size);
      if (vectors[i].canonical)
        g_assert_cmpstr (text, ==, vectors[i].text);
    }
}

static void
test_base58 (void)
{
  /* The vectors of the IETF draft on base58. */
  static const struct
  {
    const char *bytes;
    gsize size;
    const char *text;
  } base58[] = {
    { "Hello World!", 12, "2NEpo7TZRRrLZSi2U" },
    { "The quick brown fox jumps over the lazy dog.", 44,
      "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z" },
    { "\x00\x00\x28\x7f\xb4\xcd", 6, "11233QC4" },
    { "", 0, "" },
    { "\x00", 1, "1" },
    { "\xff", 1, "5Q" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (base58); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) bytes = lp2p_base58btc_decode (base58[i].text, &error);
      g_autofree char *text =
          lp2p_base58btc_encode ((const guint8 *) base58[i].bytes, base58[i].size);

      g_assert_no_error (error);
      g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), base58[i].bytes,
                       base58[i].size);
      g_assert_cmpstr (text, ==, base58[i].text);
    }
}

static void
test_roundtrip (void)
{
  static const char prefixes[] = "079fFvVtTbBcChkKzZmMuU";
  guint8 data[40];

  for (gsize len = 0; len <= sizeof data; len++)
    for (gsize p = 0; p < strlen (prefixes); p++)
      {
        g_autoptr (GError) error = NULL;
        g_autoptr (GBytes) bytes = NULL;
        g_autofree char *text = NULL;

        for (gsize i = 0; i < len; i++)
          data[i] = (guint8) (i * 37 + len * 11);
        text = lp2p_multibase_encode (prefixes[p], data, len);
        g_assert_cmpint (text[0], ==, prefixes[p]);
        bytes = lp2p_multibase_decode (text, &error);
        g_assert_no_error (error);
        g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), data, len);
      }
}

static void
test_bad (void)
{
  static const struct
  {
    const char *text;
    int code;
    const char *message;
  } bad[] = {
    { "", LP2P_TYPES_ERROR_INVALID_MULTIHASH, "prefix" },
    { "Qabc", LP2P_TYPES_ERROR_UNSUPPORTED, "'Q'" },
    { "\x01", LP2P_TYPES_ERROR_UNSUPPORTED, "0x01" },
    { "\xf0\x9f\x9a\x80", LP2P_TYPES_ERROR_UNSUPPORTED, "0xf0" },
    { "z0", LP2P_TYPES_ERROR_INVALID_MULTIHASH, "Character 1 is not a digit of base58btc" },
    { "z1l", LP2P_TYPES_ERROR_INVALID_MULTIHASH, "Character 2" },
    { "f0", LP2P_TYPES_ERROR_INVALID_MULTIHASH, "base16 does not end at a byte" },
    { "f0g", LP2P_TYPES_ERROR_INVALID_MULTIHASH, "Character 2" },
    { "f0x", LP2P_TYPES_ERROR_INVALID_MULTIHASH, "Character 2" },
    { "f 0", LP2P_TYPES_ERROR_INVALID_MULTIHASH, "Character 1" },
    { "ba", LP2P_TYPES_ERROR_INVALID_MULTIHASH, "does not end" },
    { "bab", LP2P_TYPES_ERROR_INVALID_MULTIHASH, "does not end" },
    { "baa=", LP2P_TYPES_ERROR_INVALID_MULTIHASH, "Character 3" },
    { "cae", LP2P_TYPES_ERROR_INVALID_MULTIHASH, "Padding of base32pad" },
    { "cae===", LP2P_TYPES_ERROR_INVALID_MULTIHASH, "Padding" },
    { "cae=======", LP2P_TYPES_ERROR_INVALID_MULTIHASH, "Padding" },
    { "c========", LP2P_TYPES_ERROR_INVALID_MULTIHASH, "Padding" },
    { "c=ae=====", LP2P_TYPES_ERROR_INVALID_MULTIHASH, "Character 1" },
    { "uA", LP2P_TYPES_ERROR_INVALID_MULTIHASH, "does not end" },
    { "uAB", LP2P_TYPES_ERROR_INVALID_MULTIHASH, "does not end" },
    { "uAA==", LP2P_TYPES_ERROR_INVALID_MULTIHASH, "Character 3" },
    { "uA+", LP2P_TYPES_ERROR_INVALID_MULTIHASH, "Character 2" },
    { "mA-", LP2P_TYPES_ERROR_INVALID_MULTIHASH, "Character 2" },
    { "MAA=", LP2P_TYPES_ERROR_INVALID_MULTIHASH, "Padding" },
    { "0012", LP2P_TYPES_ERROR_INVALID_MULTIHASH, "Character 3" },
    { "00", LP2P_TYPES_ERROR_INVALID_MULTIHASH, "does not end" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) bytes = lp2p_multibase_decode (bad[i].text, &error);

      g_assert_null (bytes);
      g_assert_error (error, LP2P_TYPES_ERROR, bad[i].code);
      g_assert_nonnull (strstr (error->message, bad[i].message));
    }
}

static void
test_long (void)
{
  g_autofree char *ones = g_strnfill (1024, '1');
  g_autofree char *large = g_strnfill (1024, 'z');
  g_autofree char *more = g_strnfill (1025, 'z');
  g_autoptr (GBytes) zeros = lp2p_base58btc_decode (ones, NULL);
  g_autoptr (GBytes) number = lp2p_base58btc_decode (large, NULL);
  g_autoptr (GBytes) refused = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (g_bytes_get_size (zeros), ==, 1024);
  g_assert_cmpuint (g_bytes_get_size (number), ==, 750);
  refused = lp2p_base58btc_decode (more, &error);
  g_assert_null (refused);
  g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_MULTIHASH);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/multibase/vectors", test_vectors);
  g_test_add_func ("/multibase/base58", test_base58);
  g_test_add_func ("/multibase/roundtrip", test_roundtrip);
  g_test_add_func ("/multibase/bad", test_bad);
  g_test_add_func ("/multibase/long", test_long);

  return g_test_run ();
}
