/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The pure Noise handshake against published vectors. */

#include "codec/lp2p-noise-xx-private.h"

static GBytes *
get_hex (GKeyFile *file, const char *group, const char *key)
{
  g_autofree char *text = g_key_file_get_string (file, group, key, NULL);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  g_assert_nonnull (text);
  for (const char *p = text; *p != '\0'; p += 2)
    {
      guint8 byte = g_ascii_xdigit_value (p[0]) << 4 | g_ascii_xdigit_value (p[1]);
      g_byte_array_append (bytes, &byte, 1);
    }
  return g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
}

static GBytes *
get_message (GKeyFile *file, const char *group, const char *what, guint n)
{
  g_autofree char *key = g_strdup_printf ("%s%u", what, n);

  return get_hex (file, group, key);
}

#define DATA(bytes) ((const guint8 *) g_bytes_get_data (bytes, NULL))

static void
start (Lp2pNoiseXX *xx, gboolean initiator, GKeyFile *file, const char *group)
{
  g_autoptr (GBytes) prologue = get_hex (file, group, "init_prologue");
  g_autoptr (GBytes) fixed = get_hex (file, group, initiator ? "init_static" : "resp_static");
  g_autoptr (GBytes) ephemeral
      = get_hex (file, group, initiator ? "init_ephemeral" : "resp_ephemeral");
  g_autoptr (GError) error = NULL;
  Lp2pNoiseKeyPair pair = { NULL };

  lp2p_noise_key_pair_load (&pair, DATA (fixed), &error);
  g_assert_no_error (error);
  lp2p_noise_xx_init (xx, initiator, DATA (prologue), g_bytes_get_size (prologue), &pair, &error);
  g_assert_no_error (error);
  lp2p_noise_key_pair_clear (&pair);
  lp2p_noise_key_pair_load (&xx->ephemeral_pair, DATA (ephemeral), &error);
  g_assert_no_error (error);
}

static void
check_handshake (Lp2pNoiseXX *initiator, Lp2pNoiseXX *responder, GKeyFile *file, const char *group)
{
  for (guint i = 1; i <= LP2P_NOISE_XX_MESSAGES; i++)
    {
      Lp2pNoiseXX *writer = i % 2 == 1 ? initiator : responder;
      Lp2pNoiseXX *reader = i % 2 == 1 ? responder : initiator;
      g_autoptr (GBytes) payload = get_message (file, group, "payload", i);
      g_autoptr (GBytes) ciphertext = get_message (file, group, "ciphertext", i);
      g_autoptr (GByteArray) out = g_byte_array_new ();
      g_autoptr (GByteArray) in = g_byte_array_new ();
      g_autoptr (GError) error = NULL;

      g_assert_true (lp2p_noise_xx_is_writer (writer));
      g_assert_false (lp2p_noise_xx_is_writer (reader));
      lp2p_noise_xx_write (writer, DATA (payload), g_bytes_get_size (payload), out, &error);
      g_assert_no_error (error);
      g_assert_cmpmem (out->data, out->len, DATA (ciphertext), g_bytes_get_size (ciphertext));
      lp2p_noise_xx_read (reader, out->data, out->len, in, &error);
      g_assert_no_error (error);
      g_assert_cmpmem (in->data, in->len, DATA (payload), g_bytes_get_size (payload));
    }
}

static void
check_transport (Lp2pNoiseXX *initiator, Lp2pNoiseXX *responder, GKeyFile *file, const char *group)
{
  guint n = g_key_file_get_integer (file, group, "messages", NULL);
  Lp2pNoiseCipher *from_initiator[2] = { NULL, NULL };
  Lp2pNoiseCipher *from_responder[2] = { NULL, NULL };
  g_autoptr (GError) error = NULL;

  lp2p_noise_symmetric_split (&initiator->symmetric, &from_initiator[0], &from_responder[0],
                              &error);
  g_assert_no_error (error);
  lp2p_noise_symmetric_split (&responder->symmetric, &from_initiator[1], &from_responder[1],
                              &error);
  g_assert_no_error (error);

  for (guint i = LP2P_NOISE_XX_MESSAGES + 1; i <= n; i++)
    {
      Lp2pNoiseCipher **ciphers = i % 2 == 1 ? from_initiator : from_responder;
      g_autoptr (GBytes) payload = get_message (file, group, "payload", i);
      g_autoptr (GBytes) ciphertext = get_message (file, group, "ciphertext", i);
      gsize len = g_bytes_get_size (ciphertext);
      g_autofree guint8 *out = g_malloc (len);
      GOutputVector vector = { DATA (payload), g_bytes_get_size (payload) };

      lp2p_noise_cipher_seal (ciphers[0], &vector, 1, out, &error);
      g_assert_no_error (error);
      g_assert_cmpmem (out, len, DATA (ciphertext), len);
      lp2p_noise_cipher_open (ciphers[1], out, len, out, &error);
      g_assert_no_error (error);
      g_assert_cmpmem (out, len - LP2P_NOISE_TAG, DATA (payload), vector.size);
    }

  for (guint i = 0; i < 2; i++)
    {
      lp2p_noise_cipher_free (from_initiator[i]);
      lp2p_noise_cipher_free (from_responder[i]);
    }
}

static void
test_vectors (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "fixtures", "noise-xx.ini", NULL);
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_auto (GStrv) groups = NULL;
  g_autoptr (GError) error = NULL;

  g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, &error);
  g_assert_no_error (error);
  groups = g_key_file_get_groups (file, NULL);
  g_assert_cmpuint (g_strv_length (groups), ==, 2);

  for (char **group = groups; *group != NULL; group++)
    {
      Lp2pNoiseXX initiator;
      Lp2pNoiseXX responder;

      g_test_message ("%s", *group);
      start (&initiator, TRUE, file, *group);
      start (&responder, FALSE, file, *group);
      check_handshake (&initiator, &responder, file, *group);
      g_assert_cmpmem (initiator.symmetric.hash, LP2P_NOISE_HASH, responder.symmetric.hash,
                       LP2P_NOISE_HASH);
      if (g_key_file_has_key (file, *group, "handshake_hash", NULL))
        {
          g_autoptr (GBytes) hash = get_hex (file, *group, "handshake_hash");
          g_assert_cmpmem (initiator.symmetric.hash, LP2P_NOISE_HASH, DATA (hash),
                           g_bytes_get_size (hash));
        }
      check_transport (&initiator, &responder, file, *group);
      lp2p_noise_xx_clear (&initiator);
      lp2p_noise_xx_clear (&responder);
    }
}

/* Writes the messages before @n from one side to the other. */
static void
play (Lp2pNoiseXX *initiator, Lp2pNoiseXX *responder, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      Lp2pNoiseXX *writer = i % 2 == 0 ? initiator : responder;
      Lp2pNoiseXX *reader = i % 2 == 0 ? responder : initiator;
      g_autoptr (GByteArray) message = g_byte_array_new ();
      g_autoptr (GByteArray) payload = g_byte_array_new ();
      g_autoptr (GError) error = NULL;

      lp2p_noise_xx_write (writer, (const guint8 *) "pay", 3, message, &error);
      g_assert_no_error (error);
      lp2p_noise_xx_read (reader, message->data, message->len, payload, &error);
      g_assert_no_error (error);
      g_assert_cmpmem (payload->data, payload->len, "pay", 3);
    }
}

/* The zero point and other points of small order give no secret. */
static void
test_small_order (void)
{
  static const guint8 points[][LP2P_NOISE_KEY] = {
    { 0 },
    { 1 },
    { 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
      0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
      0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (points); i++)
    {
      Lp2pNoiseXX responder;
      g_autoptr (GByteArray) out = g_byte_array_new ();
      g_autoptr (GError) error = NULL;

      g_assert_true (lp2p_noise_xx_init (&responder, FALSE, NULL, 0, NULL, &error));
      g_assert_true (lp2p_noise_xx_read (&responder, points[i], LP2P_NOISE_KEY, out, &error));
      g_assert_false (lp2p_noise_xx_write (&responder, NULL, 0, out, &error));
      g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_NOISE);
      lp2p_noise_xx_clear (&responder);
    }
}

/* Tries the first @len bytes of message @n; returns whether that was all of it. */
static gboolean
check_cut (guint n, gsize len)
{
  Lp2pNoiseXX initiator;
  Lp2pNoiseXX responder;
  Lp2pNoiseXX *writer = n % 2 == 0 ? &initiator : &responder;
  Lp2pNoiseXX *reader = n % 2 == 0 ? &responder : &initiator;
  g_autoptr (GByteArray) message = g_byte_array_new ();
  g_autoptr (GByteArray) payload = g_byte_array_new ();
  g_autofree guint8 *exact = NULL;
  g_autoptr (GError) error = NULL;
  gboolean whole;

  g_assert_true (lp2p_noise_xx_init (&initiator, TRUE, NULL, 0, NULL, &error));
  g_assert_true (lp2p_noise_xx_init (&responder, FALSE, NULL, 0, NULL, &error));
  play (&initiator, &responder, n);
  g_assert_true (lp2p_noise_xx_write (writer, NULL, 0, message, &error));

  whole = len == message->len;
  exact = g_memdup2 (message->data, len);
  g_assert_cmpint (lp2p_noise_xx_read (reader, exact, len, payload, &error), ==, whole);
  if (!whole)
    g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_NOISE);

  lp2p_noise_xx_clear (&initiator);
  lp2p_noise_xx_clear (&responder);
  return whole;
}

static void
test_truncated (void)
{
  for (guint n = 0; n < LP2P_NOISE_XX_MESSAGES; n++)
    {
      gsize len = 0;

      while (!check_cut (n, len))
        len++;
    }
}

static void
test_payload_limit (void)
{
  static const guint8 zeros[LP2P_NOISE_MAX_FRAME];
  const gsize most = LP2P_NOISE_MAX_FRAME - 32 - 48 - 16;

  for (guint excess = 0; excess < 2; excess++)
    {
      Lp2pNoiseXX initiator;
      Lp2pNoiseXX responder;
      g_autoptr (GByteArray) message = g_byte_array_new ();
      g_autoptr (GByteArray) payload = g_byte_array_new ();
      g_autoptr (GError) error = NULL;

      g_assert_true (lp2p_noise_xx_init (&initiator, TRUE, NULL, 0, NULL, &error));
      g_assert_true (lp2p_noise_xx_init (&responder, FALSE, NULL, 0, NULL, &error));
      play (&initiator, &responder, 1);
      if (lp2p_noise_xx_write (&responder, zeros, most + excess, message, &error))
        {
          g_assert_cmpuint (excess, ==, 0);
          g_assert_cmpuint (message->len, ==, LP2P_NOISE_MAX_FRAME);
          g_assert_true (
              lp2p_noise_xx_read (&initiator, message->data, message->len, payload, &error));
          g_assert_cmpmem (payload->data, payload->len, zeros, most);
        }
      else
        {
          g_assert_cmpuint (excess, ==, 1);
          g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_TOO_LARGE);
        }
      lp2p_noise_xx_clear (&initiator);
      lp2p_noise_xx_clear (&responder);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/noise-xx/vectors", test_vectors);
  g_test_add_func ("/noise-xx/small-order", test_small_order);
  g_test_add_func ("/noise-xx/truncated", test_truncated);
  g_test_add_func ("/noise-xx/payload-limit", test_payload_limit);

  return g_test_run ();
}
