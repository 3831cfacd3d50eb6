/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Speed of the sans-IO codecs, on one core.
 *
 * Where there is something to compare with, both run in turns inside the same
 * process, processor time is counted, and the median of the rounds is taken, so
 * that a machine that is busy or changes its clock favours neither. */

#include <lp2p/codec/lp2p-multistream.h>
#include <lp2p/codec/lp2p-noise.h>

#include "codec/lp2p-noise-cipher-private.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 7
/* How often the two of a comparison take turns in a round. */
#define TURNS 8
#define ROUND_SECONDS 0.1

static gboolean json;
static double round_seconds = ROUND_SECONDS;

/* Does the work @n times. */
typedef void (*Work) (gpointer data, guint n);

static void
report (const char *bench, const char *metric, double value, const char *unit)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_formatd (text, sizeof text, value < 100 ? "%.3f" : "%.0f", value);
  if (json)
    g_print ("{\"bench\": \"%s\", \"metric\": \"%s\", \"value\": %s, \"unit\": \"%s\"}\n", bench,
             metric, text, unit);
  else
    g_print ("%-28s %-12s %12s %s\n", bench, metric, text, unit);
}

static double
now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

/* Returns: how long it takes to do the work @n times */
static double
measure (Work work, gpointer data, guint n)
{
  double start = now ();

  work (data, n);
  return MAX (now () - start, 1e-9);
}

/* Returns: how many times fill a round */
static guint
calibrate (Work work, gpointer data)
{
  guint n = 1;

  while (n < G_MAXUINT / 4)
    {
      double seconds = measure (work, data, n);

      if (seconds > round_seconds / 4)
        return MAX (1, n / seconds * round_seconds);
      n *= 2;
    }
  return n;
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a;
  double y = *(const double *) b;

  return (x > y) - (x < y);
}

static double
median (double values[ROUNDS])
{
  qsort (values, ROUNDS, sizeof *values, compare_doubles);
  return values[ROUNDS / 2];
}

static double
measure_alone (Work work, gpointer data)
{
  guint n = calibrate (work, data);
  double rates[ROUNDS];

  for (guint i = 0; i < ROUNDS; i++)
    rates[i] = n / measure (work, data, n);
  return median (rates);
}

static void
measure_beside (Work a, Work b, gpointer data, double *rate_a, double *rate_b, double *ratio)
{
  guint n = MAX (1, calibrate (a, data) / TURNS);
  double rates_a[ROUNDS], rates_b[ROUNDS], ratios[ROUNDS];

  for (guint i = 0; i < ROUNDS; i++)
    {
      double seconds_a = 0;
      double seconds_b = 0;

      for (guint turn = 0; turn < TURNS; turn++)
        {
          seconds_a += measure (a, data, n);
          seconds_b += measure (b, data, n);
        }
      rates_a[i] = TURNS * n / seconds_a;
      rates_b[i] = TURNS * n / seconds_b;
      ratios[i] = seconds_b / seconds_a;
    }
  *rate_a = median (rates_a);
  *rate_b = median (rates_b);
  *ratio = median (ratios);
}

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
check (gboolean ok, const char *what)
{
  if (!ok)
    g_error ("%s failed", what);
}

static void
work_seal (gpointer data, guint n)
{
  CipherBench *bench = data;
  GOutputVector vector = { bench->plain, bench->len };

  for (guint i = 0; i < n; i++)
    check (lp2p_noise_cipher_seal (bench->ours, &vector, 1, bench->out, NULL), "seal");
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
    check (lp2p_noise_cipher_seal (bench->ours, vectors, 3, bench->out, NULL), "seal");
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

      check (EVP_EncryptInit_ex (ctx, NULL, NULL, NULL, (guint8 *) nonce + 4) &&
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
      check (lp2p_noise_cipher_open (bench->ours, bench->sealed, bench->len + LP2P_NOISE_TAG,
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
    check (EVP_DecryptInit_ex (ctx, NULL, NULL, NULL, nonce) &&
               EVP_CIPHER_CTX_ctrl (ctx, EVP_CTRL_AEAD_SET_TAG, LP2P_NOISE_TAG,
                                    bench->sealed + bench->len) &&
               EVP_DecryptUpdate (ctx, bench->out, &len, bench->sealed, bench->len) &&
               EVP_DecryptFinal_ex (ctx, bench->out + len, &len),
           "EVP_Decrypt");
}

static void
report_beside (const char *name, Work ours, Work raw, CipherBench *bench)
{
  double rate, raw_rate, ratio;

  measure_beside (ours, raw, bench, &rate, &raw_rate, &ratio);
  report (name, "throughput", rate * bench->len / 1e9, "GB/s");
  report (name, "libcrypto", raw_rate * bench->len / 1e9, "GB/s");
  report (name, "ratio", ratio, "");
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
  check (EVP_EncryptInit_ex (bench.raw_seal, EVP_chacha20_poly1305 (), NULL, bench_key, NULL) &&
             EVP_DecryptInit_ex (bench.raw_open, EVP_chacha20_poly1305 (), NULL, bench_key, NULL),
         "EVP_CipherInit");

  vector = (GOutputVector) { bench.plain, len };
  check (lp2p_noise_cipher_seal (bench.ours, &vector, 1, bench.sealed, NULL), "seal");

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
  check (lp2p_noise_write_message (from, wire, NULL), "write_message");
  check (lp2p_noise_read_message (to, wire->data + 2, wire->len - 2, NULL), "read_message");
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
      check (lp2p_noise_split (initiator, &ciphers[0], &ciphers[1], NULL) &&
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

  report (name, "both sides", measure_alone (work_handshake, &bench), "1/s");
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
  check (lp2p_multistream_take_output (from, wire), "take_output");
  check (lp2p_multistream_input (to, wire->data, wire->len, &consumed, NULL) !=
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
      check (lp2p_multistream_get_status (dialer) == LP2P_MULTISTREAM_DONE, "negotiation");
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
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print one JSON object per line", NULL },
    { "round", 0, 0, G_OPTION_ARG_DOUBLE, &round_seconds, "Length of one of the 7 rounds",
      "SECONDS" },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      g_printerr ("%s\n", error->message);
      return 2;
    }

  bench_cipher (1024);
  bench_cipher (16 * 1024);
  bench_cipher (64 * 1024 - 1 - LP2P_NOISE_TAG);
  bench_handshake (LP2P_KEY_TYPE_ED25519);
  bench_handshake (LP2P_KEY_TYPE_ECDSA);
  report ("multistream", "negotiations", measure_alone (work_negotiate, NULL), "1/s");
  report ("multistream-refused-once", "negotiations", measure_alone (work_negotiate_refused, NULL),
          "1/s");
  return 0;
}
