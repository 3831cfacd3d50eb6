/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Speed of the sans-IO codecs, on one core. */

#include <lp2p/codec/lp2p-multistream.h>
#include <lp2p/codec/lp2p-noise.h>

#include "codec/lp2p-noise-cipher-private.h"

#include <openssl/evp.h>

#include "bench-work.h"

/* The cipher beside plain libcrypto */

typedef struct
{
  gsize len;
  guint8 *plain;
  guint8 *sealed; /* by our cipher */
  guint8 *out;
  Lp2pNoiseCipher *ours;
  EVP_CIPHER_CTX *raw_seal;
  EVP_CIPHER_CTX *raw_open;
  guint64 raw_nonce;
} CipherBench;

static const guint8 bench_key[LP2P_NOISE_KEY] = "a key of thirty-two bytes, no 33";

static void
work_seal (gpointer data, guint n)
{
  CipherBench *bench = data;
  GOutputVector vector = { bench->plain, bench->len };

  for (guint i = 0; i < n; i++)
    bench_work_check (lp2p_noise_cipher_seal (bench->ours, &vector, 1, bench->out, NULL), "seal");
}

/* Three vectors, as a muxer writes: a header, and what is left of two buffers. */
static void
work_seal_gather (gpointer data, guint n)
{
  CipherBench *bench = data;
  gsize half = bench->len / 2;
  GOutputVector vectors[] = {
    { bench->plain, 12 },
    { bench->plain + 12, half - 12 },
    { bench->plain + half, bench->len - half },
  };

  for (guint i = 0; i < n; i++)
    bench_work_check (lp2p_noise_cipher_seal (bench->ours, vectors, 3, bench->out, NULL), "seal");
}

static void
work_raw_seal (gpointer data, guint n)
{
  CipherBench *bench = data;
  EVP_CIPHER_CTX *ctx = bench->raw_seal;
  int len;

  for (guint i = 0; i < n; i++)
    {
      guint64 nonce[2] = { 0, bench->raw_nonce++ };

      bench_work_check (EVP_EncryptInit_ex (ctx, NULL, NULL, NULL, (guint8 *) nonce + 4) &&
                 EVP_EncryptUpdate (ctx, bench->out, &len, bench->plain, bench->len) &&
                 EVP_EncryptFinal_ex (ctx, bench->out + len, &len) &&
                 EVP_CIPHER_CTX_ctrl (ctx, EVP_CTRL_AEAD_GET_TAG, LP2P_NOISE_TAG,
                                      bench->out + bench->len),
             "EVP_Encrypt");
    }
}

/* One message again and again, since each has its own counter. */
static void
work_open (gpointer data, guint n)
{
  CipherBench *bench = data;

  for (guint i = 0; i < n; i++)
    {
      lp2p_noise_cipher_set_nonce (bench->ours, 0);
      bench_work_check (lp2p_noise_cipher_open (bench->ours, bench->sealed, bench->len + LP2P_NOISE_TAG,
                                     bench->out, NULL),
             "open");
    }
}

static void
work_raw_open (gpointer data, guint n)
{
  CipherBench *bench = data;
  EVP_CIPHER_CTX *ctx = bench->raw_open;
  static const guint8 nonce[12];
  int len;

  for (guint i = 0; i < n; i++)
    bench_work_check (EVP_DecryptInit_ex (ctx, NULL, NULL, NULL, nonce) &&
               EVP_CIPHER_CTX_ctrl (ctx, EVP_CTRL_AEAD_SET_TAG, LP2P_NOISE_TAG,
                                    bench->sealed + bench->len) &&
               EVP_DecryptUpdate (ctx, bench->out, &len, bench->sealed, bench->len) &&
               EVP_DecryptFinal_ex (ctx, bench->out + len, &len),
           "EVP_Decrypt");
}

static void
report_beside (const char *name, BenchWork ours, BenchWork raw, CipherBench *bench)
{
  double rate, raw_rate, ratio;

  bench_work_beside (ours, raw, bench, &rate, &raw_rate, &ratio);
  bench_work_report (name, "throughput", rate * bench->len / 1e9, "GB/s");
  bench_work_report (name, "libcrypto", raw_rate * bench->len / 1e9, "GB/s");
  bench_work_report (name, "ratio", ratio, "");
}

static void
bench_cipher (gsize len)
{
  CipherBench bench = { .len = len };
  g_autofree char *seal = g_strdup_printf ("noise-seal-%" G_GSIZE_FORMAT, len);
  g_autofree char *gather = g_strdup_printf ("noise-seal-3-%" G_GSIZE_FORMAT, len);
  g_autofree char *open = g_strdup_printf ("noise-open-%" G_GSIZE_FORMAT, len);
  GOutputVector vector;

  bench.plain = g_malloc0 (len);
  bench.sealed = g_malloc0 (len + LP2P_NOISE_TAG);
  bench.out = g_malloc0 (len + LP2P_NOISE_TAG);
  bench.ours = lp2p_noise_cipher_new (bench_key, NULL);
  bench.raw_seal = EVP_CIPHER_CTX_new ();
  bench.raw_open = EVP_CIPHER_CTX_new ();
  bench_work_check (EVP_EncryptInit_ex (bench.raw_seal, EVP_chacha20_poly1305 (), NULL, bench_key, NULL) &&
             EVP_DecryptInit_ex (bench.raw_open, EVP_chacha20_poly1305 (), NULL, bench_key, NULL),
         "EVP_CipherInit");

  vector = (GOutputVector) { bench.plain, len };
  bench_work_check (lp2p_noise_cipher_seal (bench.ours, &vector, 1, bench.sealed, NULL), "seal");

  report_beside (seal, work_seal, work_raw_seal, &bench);
  report_beside (gather, work_seal_gather, work_raw_seal, &bench);
  report_beside (open, work_open, work_raw_open, &bench);

  lp2p_noise_cipher_free (bench.ours);
  EVP_CIPHER_CTX_free (bench.raw_seal);
  EVP_CIPHER_CTX_free (bench.raw_open);
  g_free (bench.plain);
  g_free (bench.sealed);
  g_free (bench.out);
}

/* Handshakes */

typedef struct
{
  Lp2pIdentity *initiator;
  Lp2pIdentity *responder;
} HandshakeBench;

static void
exchange (Lp2pNoise *from, Lp2pNoise *to, GByteArray *wire)
{
  g_byte_array_set_size (wire, 0);
  bench_work_check (lp2p_noise_write_message (from, wire, NULL), "write_message");
  bench_work_check (lp2p_noise_read_message (to, wire->data + 2, wire->len - 2, NULL), "read_message");
}

static void
work_handshake (gpointer data, guint n)
{
  HandshakeBench *bench = data;
  static const char *const muxers[] = { "/yamux/1.0.0", NULL };
  const Lp2pNoiseParams params[] = {
    { .initiator = TRUE, .identity = bench->initiator, .stream_muxers = muxers },
    { .initiator = FALSE, .identity = bench->responder, .stream_muxers = muxers },
  };
  g_autoptr (GByteArray) wire = g_byte_array_new ();

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (Lp2pNoise) initiator = lp2p_noise_new (&params[0], NULL);
      g_autoptr (Lp2pNoise) responder = lp2p_noise_new (&params[1], NULL);
      Lp2pNoiseCipher *ciphers[4] = { NULL };

      exchange (initiator, responder, wire);
      exchange (responder, initiator, wire);
      exchange (initiator, responder, wire);
      bench_work_check (lp2p_noise_split (initiator, &ciphers[0], &ciphers[1], NULL) &&
                 lp2p_noise_split (responder, &ciphers[2], &ciphers[3], NULL),
             "split");
      for (guint k = 0; k < G_N_ELEMENTS (ciphers); k++)
        lp2p_noise_cipher_free (ciphers[k]);
    }
}

static void
bench_handshake (Lp2pKeyType key_type)
{
  g_autoptr (Lp2pIdentity) initiator = lp2p_identity_generate (key_type, NULL);
  g_autoptr (Lp2pIdentity) responder = lp2p_identity_generate (key_type, NULL);
  HandshakeBench bench = { initiator, responder };
  g_autofree char *name
      = g_strdup_printf ("noise-handshake-%s", lp2p_key_type_to_string (key_type));

  bench_work_report (name, "both sides", bench_work_alone (work_handshake, &bench), "1/s");
}

/* multistream-select */

static gboolean
match (const char *protocol, gpointer data)
{
  return g_str_equal (protocol, data);
}

static void
move (Lp2pMultistream *from, Lp2pMultistream *to, GByteArray *wire)
{
  gsize consumed;

  g_byte_array_set_size (wire, 0);
  bench_work_check (lp2p_multistream_take_output (from, wire), "take_output");
  bench_work_check (lp2p_multistream_input (to, wire->data, wire->len, &consumed, NULL) !=
             LP2P_MULTISTREAM_FAILED,
         "input");
}

static void
negotiate (const char *const *protocols, guint rounds, guint n)
{
  g_autoptr (GByteArray) wire = g_byte_array_new ();

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (Lp2pMultistream) dialer = lp2p_multistream_new_dialer (protocols);
      g_autoptr (Lp2pMultistream) listener
          = lp2p_multistream_new_listener (match, (gpointer) "/ipfs/ping/1.0.0");

      for (guint round = 0; round < rounds; round++)
        {
          move (dialer, listener, wire);
          move (listener, dialer, wire);
        }
      bench_work_check (lp2p_multistream_get_status (dialer) == LP2P_MULTISTREAM_DONE, "negotiation");
    }
}

static void
work_negotiate (gpointer data, guint n)
{
  static const char *const protocols[] = { "/ipfs/ping/1.0.0", NULL };

  negotiate (protocols, 1, n);
}

static void
work_negotiate_refused (gpointer data, guint n)
{
  static const char *const protocols[] = { "/ipfs/id/1.0.0", "/ipfs/ping/1.0.0", NULL };

  negotiate (protocols, 2, n);
}

int
main (int argc, char **argv)
{
  bench_work_init (&argc, &argv);

  bench_cipher (1024);
  bench_cipher (16 * 1024);
  bench_cipher (64 * 1024 - 1 - LP2P_NOISE_TAG);
  bench_handshake (LP2P_KEY_TYPE_ED25519);
  bench_handshake (LP2P_KEY_TYPE_ECDSA);
  bench_work_report ("multistream", "negotiations", bench_work_alone (work_negotiate, NULL), "1/s");
  bench_work_report ("multistream-refused-once", "negotiations", bench_work_alone (work_negotiate_refused, NULL),
                     "1/s");
  return 0;
}
