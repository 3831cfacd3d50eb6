/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "key-vectors.h"

#include <lp2p/types/lp2p-error.h>
#include <lp2p/types/lp2p-multibase.h>
#include <lp2p/types/lp2p-peer-id.h>

#include <string.h>

#define ED25519_ID "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq"
#define HASHED_ID  "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"

/* Peer ids that go-libp2p and js-libp2p derive from the keys of the
 * specification, in both text forms. */
static const struct
{
  const char *text;
  const char *cid;
  gboolean has_key;
} expected[] = {
  [LP2P_KEY_TYPE_RSA] = { "QmaeANgBs1DTSxWSrPPtobgQuxW8XTfsS4ydbK4rCHzqxG",
                          "bafzbeifwzcumbiyql7bhv7fe7mixg6i7aohegq75k234m63bnw6dbicmzu", FALSE },
  [LP2P_KEY_TYPE_ED25519] = { ED25519_ID,
                              "bafzaajaiaejcahwr5d5ofrfbis4l5d6uwr57hu5tjodrypfm6yaq6dsc2r2pzyt6",
                              TRUE },
  [LP2P_KEY_TYPE_SECP256K1] = { "16Uiu2HAmLhLvBoYaoZfaMUKuibM6ac163GwKY74c5kiSLg5KvLpY",
                                "bafzaajiiaijcca3xo7uzjzcsyilaj6i54cj44qk7kqzpoao5rti2pjx6udtdbp6kte",
                                TRUE },
  [LP2P_KEY_TYPE_ECDSA] = { "QmVMT29id3TUASyfZZ6k9hmNyc2nYabCo4uMSpDw4zrgDk",
                            "bafzbeidigywdclqvl5hxfefwp5onbffcfife7pza57mmfb4tiqmtkdjw64", FALSE },
};

static Lp2pPublicKey *
public_key (guint i)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = lp2p_multibase_decode (key_vectors[i].public_key, &error);
  Lp2pPublicKey *key;

  g_assert_no_error (error);
  key = lp2p_public_key_new_from_bytes (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                                        &error);
  g_assert_no_error (error);
  return key;
}

static Lp2pPeerId *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  Lp2pPeerId *peer_id = lp2p_peer_id_new_from_string (text, &error);

  g_assert_no_error (error);
  return peer_id;
}

static void
test_from_keys (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (Lp2pPublicKey) key = public_key (i);
      g_autoptr (Lp2pPublicKey) other = public_key ((i + 1) % G_N_ELEMENTS (expected));
      g_autoptr (Lp2pPublicKey) extracted = NULL;
      g_autoptr (Lp2pPeerId) peer_id = lp2p_peer_id_new_from_public_key (key);
      g_autoptr (Lp2pPeerId) from_cid = parse (expected[i].cid);
      g_autoptr (Lp2pPeerId) from_own_cid = NULL;
      g_autoptr (Lp2pPeerId) from_bytes = NULL;
      g_autofree char *cid = lp2p_peer_id_to_cid (peer_id);
      GBytes *bytes = lp2p_peer_id_get_bytes (peer_id);

      g_assert_cmpstr (lp2p_peer_id_get_string (peer_id), ==, expected[i].text);
      g_assert_true (lp2p_peer_id_equal (peer_id, from_cid));
      g_assert_cmpint (cid[0], ==, 'k');
      from_own_cid = parse (cid);
      g_assert_true (lp2p_peer_id_equal (peer_id, from_own_cid));
      from_bytes = lp2p_peer_id_new_from_bytes (g_bytes_get_data (bytes, NULL),
                                                g_bytes_get_size (bytes), &error);
      g_assert_no_error (error);
      g_assert_true (lp2p_peer_id_equal (peer_id, from_bytes));
      g_assert_cmpuint (lp2p_peer_id_hash (peer_id), ==, lp2p_peer_id_hash (from_bytes));
      g_assert_cmpint (lp2p_peer_id_compare (peer_id, from_bytes), ==, 0);

      g_assert_true (lp2p_peer_id_matches_public_key (peer_id, key));
      g_assert_false (lp2p_peer_id_matches_public_key (peer_id, other));
      extracted = lp2p_peer_id_extract_public_key (peer_id);
      g_assert_cmpint (extracted != NULL, ==, expected[i].has_key);
      if (extracted != NULL)
        g_assert_true (lp2p_public_key_equal (extracted, key));
    }
}

/* The examples of the specification, and the same peer id in every base. */
static void
test_text (void)
{
  static const char bases[] = "zbkumf";
  g_autoptr (Lp2pPeerId) hashed = parse (HASHED_ID);
  g_autoptr (Lp2pPeerId) from_cid =
      parse ("bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe");
  g_autoptr (Lp2pPeerId) inlined = parse ("12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA");
  g_autoptr (GByteArray) cid = g_byte_array_new ();
  GBytes *multihash = lp2p_peer_id_get_bytes (hashed);

  g_assert_true (lp2p_peer_id_equal (hashed, from_cid));
  g_assert_cmpstr (lp2p_peer_id_get_string (from_cid), ==, HASHED_ID);
  g_assert_false (lp2p_peer_id_equal (hashed, inlined));
  g_assert_cmpint (lp2p_peer_id_compare (hashed, inlined), !=, 0);

  g_byte_array_append (cid, (const guint8 *) "\x01\x72", 2);
  g_byte_array_append (cid, g_bytes_get_data (multihash, NULL),
                       (guint) g_bytes_get_size (multihash));
  for (const char *base = bases; *base != '\0'; base++)
    {
      g_autofree char *text = lp2p_multibase_encode (*base, cid->data, cid->len);
      g_autoptr (Lp2pPeerId) peer_id = parse (text);

      g_assert_true (lp2p_peer_id_equal (peer_id, hashed));
    }
}

static void
test_bad_text (void)
{
  static const char *const texts[] = {
    "",
    "1",
    "Q",
    "Qm",
    "x",
    /* no base58, one character less, one more */
    "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3p0",
    "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3p",
    "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pqq",
    /* a CID of a file (codec dag-pb), of version 2, without a hash */
    "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi",
    "f027212200000000000000000000000000000000000000000000000000000000000000000",
    "f0172",
    "f01",
    /* SHA-1, SHA-512, SHA-256 cut short */
    "f017211140000000000000000000000000000000000000000",
    "f0172134000000000000000000000000000000000000000000000000000000000000000000000"
    "0000000000000000000000000000000000000000000000000000000",
    "f0172121f00000000000000000000000000000000000000000000000000000000000000",
    /* the identity of nothing, and of 43 bytes */
    "f01720000",
    "f0172002b0000000000000000000000000000000000000000000000000000000000000000000000"
    "0000000000000000",
    /* whitespace */
    " 12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq",
    "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq\n",
    "\xff\xfe",
  };
  g_autofree char *large = g_strnfill (1000000, '1');
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_assert_null (lp2p_peer_id_new_from_string (texts[i], &error));
      g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_PEER_ID);
      g_test_message ("%s", error->message);
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      g_clear_error (&error);
    }
  g_assert_null (lp2p_peer_id_new_from_string (large, &error));
  g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_PEER_ID);
}

static void
test_bad_bytes (void)
{
  g_autoptr (Lp2pPeerId) good = parse (HASHED_ID);
  gsize len;
  const guint8 *data = g_bytes_get_data (lp2p_peer_id_get_bytes (good), &len);
  g_autofree guint8 *longer = g_malloc0 (len + 1);

  memcpy (longer, data, len);
  for (gsize size = 0; size <= len + 1; size++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (Lp2pPeerId) peer_id = NULL;

      if (size == len)
        continue;
      peer_id = lp2p_peer_id_new_from_bytes (longer, size, &error);
      g_assert_null (peer_id);
      g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_PEER_ID);
    }
}

/* An identity hash that holds no key is still the name of somebody. */
static void
test_no_key (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pPeerId) peer_id = lp2p_peer_id_new_from_bytes ((const guint8 *) "\x00\x03"
                                                                                 "abc",
                                                                5, &error);

  g_assert_no_error (error);
  g_assert_null (lp2p_peer_id_extract_public_key (peer_id));
}

static void
check_address (const char *text, const char *id, const char *bare, const char *with)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, &error);
  g_autoptr (Lp2pPeerId) other = parse (HASHED_ID);
  g_autoptr (Lp2pPeerId) peer_id = NULL;
  g_autoptr (Lp2pMultiaddr) without_id = NULL;
  g_autoptr (Lp2pMultiaddr) with_id = NULL;

  g_assert_no_error (error);
  peer_id = lp2p_peer_id_from_multiaddr (address);
  g_assert_cmpstr (peer_id != NULL ? lp2p_peer_id_get_string (peer_id) : NULL, ==, id);
  without_id = lp2p_multiaddr_without_peer_id (address);
  g_assert_cmpstr (without_id != NULL ? lp2p_multiaddr_get_string (without_id) : NULL, ==, bare);
  with_id = lp2p_multiaddr_with_peer_id (address, other);
  g_assert_nonnull (with_id);
  g_assert_cmpstr (lp2p_multiaddr_get_string (with_id), ==, with);
}

static void
test_multiaddr (void)
{
#define RELAY "/ip4/192.0.2.1/tcp/1/p2p/" ED25519_ID "/p2p-circuit"
  check_address ("/ip4/192.0.2.1/tcp/1", NULL, "/ip4/192.0.2.1/tcp/1",
                 "/ip4/192.0.2.1/tcp/1/p2p/" HASHED_ID);
  check_address ("/ip4/192.0.2.1/tcp/1/p2p/" ED25519_ID, ED25519_ID, "/ip4/192.0.2.1/tcp/1",
                 "/ip4/192.0.2.1/tcp/1/p2p/" HASHED_ID);
  check_address (RELAY, NULL, RELAY, RELAY "/p2p/" HASHED_ID);
  check_address (RELAY "/p2p/" HASHED_ID, HASHED_ID, RELAY, RELAY "/p2p/" HASHED_ID);
  check_address ("/p2p/" ED25519_ID, ED25519_ID, NULL, "/p2p/" HASHED_ID);
#undef RELAY
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/peer-id/from-keys", test_from_keys);
  g_test_add_func ("/peer-id/text", test_text);
  g_test_add_func ("/peer-id/bad-text", test_bad_text);
  g_test_add_func ("/peer-id/bad-bytes", test_bad_bytes);
  g_test_add_func ("/peer-id/no-key", test_no_key);
  g_test_add_func ("/peer-id/multiaddr", test_multiaddr);

  return g_test_run ();
}
