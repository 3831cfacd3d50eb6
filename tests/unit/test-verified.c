/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Signatures that are known again. */

#include "types/lp2p-verified-private.h"

#include <lp2p/types/lp2p-identity.h>

#include <string.h>

static void
hash_text (const char *what, const char *const *texts, guint n, guint8 hash[LP2P_VERIFIED_HASH])
{
  Lp2pVerifiedPart parts[4];

  for (guint i = 0; i < n; i++)
    parts[i] = (Lp2pVerifiedPart){ texts[i], strlen (texts[i]) };
  lp2p_verified_hash (what, parts, n, hash);
}

/* All that is told apart has another name. */
static void
test_hash (void)
{
  static const struct
  {
    const char *what;
    const char *texts[3];
    guint n;
  } cases[] = {
    { "a", { "key", "data", "signature" }, 3 }, { "b", { "key", "data", "signature" }, 3 },
    { "a", { "keyd", "ata", "signature" }, 3 }, { "a", { "key", "datasignature", "" }, 3 },
    { "a", { "key", "datasignature" }, 2 },     { "a", { "kez", "data", "signature" }, 3 },
  };
  guint8 hashes[G_N_ELEMENTS (cases)][LP2P_VERIFIED_HASH];

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      hash_text (cases[i].what, cases[i].texts, cases[i].n, hashes[i]);
      for (guint k = 0; k < i; k++)
        g_assert_cmpint (memcmp (hashes[i], hashes[k], LP2P_VERIFIED_HASH), !=, 0);
    }
}

/* A few that fall on the same places stay, the last ones; more does not happen. */
static void
test_places (void)
{
  guint8 hashes[6][LP2P_VERIFIED_HASH] = { 0 };
  guint8 other[LP2P_VERIFIED_HASH] = { 7, 8, 9 };

  lp2p_verified_add (other);
  for (guint i = 0; i < G_N_ELEMENTS (hashes); i++)
    {
      hashes[i][0] = 1;
      hashes[i][1] = i + 1;
      g_assert_false (lp2p_verified_has (hashes[i]));
      lp2p_verified_add (hashes[i]);
      for (guint k = 0; k <= i; k++)
        g_assert_cmpint (lp2p_verified_has (hashes[k]), ==, k + 4 > i);
    }
  g_assert_true (lp2p_verified_has (other));
}

/* A good signature makes nothing else good, and a bad one is bad again. */
static void
test_keys (void)
{
  static const Lp2pKeyType types[] = { LP2P_KEY_TYPE_ED25519, LP2P_KEY_TYPE_SECP256K1,
                                       LP2P_KEY_TYPE_ECDSA };

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      g_autoptr (Lp2pIdentity) identity = lp2p_identity_generate (types[i], NULL);
      g_autoptr (Lp2pIdentity) other = lp2p_identity_generate (types[i], NULL);
      Lp2pPublicKey *key = lp2p_identity_get_public_key (identity);
      g_autoptr (GBytes) signature = lp2p_identity_sign (identity, (const guint8 *) "data", 4, NULL);
      gsize size;
      const guint8 *good = g_bytes_get_data (signature, &size);
      g_autofree guint8 *bad = g_memdup2 (good, size);

      bad[size - 1] ^= 1;
      for (guint k = 0; k < 3; k++)
        {
          g_assert_true (lp2p_public_key_verify (key, (const guint8 *) "data", 4, good, size));
          g_assert_false (lp2p_public_key_verify (key, (const guint8 *) "datb", 4, good, size));
          g_assert_false (lp2p_public_key_verify (key, (const guint8 *) "data", 3, good, size));
          g_assert_false (lp2p_public_key_verify (key, (const guint8 *) "data", 4, bad, size));
          g_assert_false (lp2p_public_key_verify (key, (const guint8 *) "data", 4, good, size - 1));
          g_assert_false (lp2p_public_key_verify (lp2p_identity_get_public_key (other),
                                                  (const guint8 *) "data", 4, good, size));
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/verified/hash", test_hash);
  g_test_add_func ("/verified/places", test_places);
  g_test_add_func ("/verified/keys", test_keys);
  return g_test_run ();
}
