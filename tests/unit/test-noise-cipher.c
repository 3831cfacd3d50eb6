/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "codec/lp2p-noise-cipher-private.h"

static const guint8 key[LP2P_NOISE_KEY] = "a key of thirty-two bytes, no 33";

static Lp2pNoiseCipher *
cipher (void)
{
  g_autoptr (GError) error = NULL;
  Lp2pNoiseCipher *self = lp2p_noise_cipher_new (key, &error);

  g_assert_no_error (error);
  return self;
}

/* Seals @len bytes that depend on @seed. */
static guint8 *
seal (Lp2pNoiseCipher *self, gsize len, guint8 seed)
{
  g_autofree guint8 *plain = g_malloc (len + 1);
  guint8 *out = g_malloc (len + LP2P_NOISE_TAG);
  GOutputVector vector = { plain, len };
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < len; i++)
    plain[i] = i + seed;
  lp2p_noise_cipher_seal (self, &vector, 1, out, &error);
  g_assert_no_error (error);
  return out;
}

static void
check_open (Lp2pNoiseCipher *self, const guint8 *message, gsize len, guint8 seed)
{
  g_autofree guint8 *out = g_malloc (len + 1);
  g_autoptr (GError) error = NULL;

  lp2p_noise_cipher_open (self, message, len + LP2P_NOISE_TAG, out, &error);
  g_assert_no_error (error);
  for (gsize i = 0; i < len; i++)
    g_assert_cmpuint (out[i], ==, (guint8) (i + seed));
}

static void
check_refused (Lp2pNoiseCipher *self, const guint8 *message, gsize len)
{
  g_autofree guint8 *in = g_memdup2 (message, len);
  g_autofree guint8 *out = g_malloc0 (len + 1);
  g_autoptr (GError) error = NULL;

  g_assert_false (lp2p_noise_cipher_open (self, in != NULL ? in : out, len, out, &error));
  g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_NOISE);
  /* Nothing that is not authentic comes out. */
  for (gsize i = 0; i < len; i++)
    g_assert_cmpuint (out[i], ==, 0);
}

static void
test_lengths (void)
{
  static const gsize lengths[] = { 0, 1, 15, 16, 17, 63, 64, 65, 1024, 16384, 65519 };
  g_autoptr (Lp2pNoiseCipher) sender = cipher ();
  g_autoptr (Lp2pNoiseCipher) receiver = cipher ();

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      g_autofree guint8 *message = seal (sender, lengths[i], i);
      check_open (receiver, message, lengths[i], i);
    }
}

/* However the plaintext is cut, the message is the same. */
static void
test_gather (void)
{
  g_autofree guint8 *plain = g_malloc (4096);

  for (guint i = 0; i < 4096; i++)
    plain[i] = i * 7;

  for (guint cut = 0; cut <= 4096; cut += 61)
    {
      g_autoptr (Lp2pNoiseCipher) a = cipher ();
      g_autoptr (Lp2pNoiseCipher) b = cipher ();
      g_autofree guint8 *whole = g_malloc (4096 + LP2P_NOISE_TAG);
      g_autofree guint8 *pieces = g_malloc (4096 + LP2P_NOISE_TAG);
      GOutputVector one = { plain, 4096 };
      GOutputVector many[] = {
        { plain, cut / 3 },
        { NULL, 0 },
        { plain + cut / 3, cut - cut / 3 },
        { plain + cut, 4096 - cut },
      };
      g_autoptr (GError) error = NULL;

      g_assert_true (lp2p_noise_cipher_seal (a, &one, 1, whole, &error));
      g_assert_true (lp2p_noise_cipher_seal (b, many, G_N_ELEMENTS (many), pieces, &error));
      g_assert_cmpmem (whole, 4096 + LP2P_NOISE_TAG, pieces, 4096 + LP2P_NOISE_TAG);
    }
}

static void
test_in_place (void)
{
  g_autoptr (Lp2pNoiseCipher) sender = cipher ();
  g_autoptr (Lp2pNoiseCipher) receiver = cipher ();
  guint8 buffer[1000 + LP2P_NOISE_TAG] = "in place";
  GOutputVector vector = { buffer, 1000 };
  g_autoptr (GError) error = NULL;

  g_assert_true (lp2p_noise_cipher_seal (sender, &vector, 1, buffer, &error));
  g_assert_cmpint (buffer[0] == 'i' && buffer[1] == 'n', ==, FALSE);
  g_assert_true (lp2p_noise_cipher_open (receiver, buffer, sizeof buffer, buffer, &error));
  g_assert_cmpstr ((const char *) buffer, ==, "in place");
}

static void
test_flipped (void)
{
  g_autoptr (Lp2pNoiseCipher) sender = cipher ();
  g_autoptr (Lp2pNoiseCipher) receiver = cipher ();
  const gsize len = 40;
  g_autofree guint8 *message = seal (sender, len, 1);

  for (gsize i = 0; i < (len + LP2P_NOISE_TAG) * 8; i++)
    {
      message[i / 8] ^= 1 << i % 8;
      check_refused (receiver, message, len + LP2P_NOISE_TAG);
      message[i / 8] ^= 1 << i % 8;
    }
  for (gsize cut = 0; cut < len + LP2P_NOISE_TAG; cut++)
    check_refused (receiver, message, cut);

  /* The counter has not moved. */
  check_open (receiver, message, len, 1);
}

static void
test_replay_and_order (void)
{
  g_autoptr (Lp2pNoiseCipher) sender = cipher ();
  g_autoptr (Lp2pNoiseCipher) receiver = cipher ();
  g_autofree guint8 *first = seal (sender, 10, 1);
  g_autofree guint8 *second = seal (sender, 10, 2);

  check_refused (receiver, second, 10 + LP2P_NOISE_TAG);
  check_open (receiver, first, 10, 1);
  check_refused (receiver, first, 10 + LP2P_NOISE_TAG);
  check_open (receiver, second, 10, 2);
}

static void
test_too_large (void)
{
  g_autoptr (Lp2pNoiseCipher) self = cipher ();
  g_autofree guint8 *buffer = g_malloc0 (LP2P_NOISE_MAX_FRAME + 1);
  GOutputVector one = { buffer, LP2P_NOISE_MAX_FRAME - LP2P_NOISE_TAG + 1 };
  GOutputVector wrap[] = { { buffer, G_MAXSIZE }, { buffer, 2 } };
  g_autoptr (GError) error = NULL;

  g_assert_false (lp2p_noise_cipher_seal (self, &one, 1, buffer, &error));
  g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_TOO_LARGE);
  g_clear_error (&error);
  g_assert_false (lp2p_noise_cipher_seal (self, wrap, 2, buffer, &error));
  g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_TOO_LARGE);
  check_refused (self, buffer, LP2P_NOISE_MAX_FRAME + 1);
}

static void
test_nonce (void)
{
  g_autoptr (Lp2pNoiseCipher) sender = cipher ();
  g_autoptr (Lp2pNoiseCipher) receiver = cipher ();
  g_autofree guint8 *last = NULL;
  guint8 out[LP2P_NOISE_TAG];
  g_autoptr (GError) error = NULL;

  /* Past 32 bits. */
  for (guint64 nonce = G_MAXUINT32 - G_GUINT64_CONSTANT (1); nonce < G_MAXUINT64 / 2;
       nonce = nonce * 2 + 1)
    {
      g_autofree guint8 *message = NULL;
      lp2p_noise_cipher_set_nonce (sender, nonce);
      lp2p_noise_cipher_set_nonce (receiver, nonce);
      message = seal (sender, 5, 3);
      check_open (receiver, message, 5, 3);
    }

  lp2p_noise_cipher_set_nonce (sender, G_MAXUINT64 - 1);
  lp2p_noise_cipher_set_nonce (receiver, G_MAXUINT64 - 1);
  last = seal (sender, 5, 3);
  check_open (receiver, last, 5, 3);
  g_assert_false (lp2p_noise_cipher_seal (sender, NULL, 0, out, &error));
  g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_NOISE);
  check_refused (receiver, last, 5 + LP2P_NOISE_TAG);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/noise-cipher/lengths", test_lengths);
  g_test_add_func ("/noise-cipher/gather", test_gather);
  g_test_add_func ("/noise-cipher/in-place", test_in_place);
  g_test_add_func ("/noise-cipher/flipped", test_flipped);
  g_test_add_func ("/noise-cipher/replay-and-order", test_replay_and_order);
  g_test_add_func ("/noise-cipher/too-large", test_too_large);
  g_test_add_func ("/noise-cipher/nonce", test_nonce);

  return g_test_run ();
}
