/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The least that moving bytes over QUIC can cost with ngtcp2 and GnuTLS: one socket and
 * one connection on each side, in a loop, with AES-128-GCM.
 *
 *   bench-quic listen [OPTIONS] [ADDRESS]
 *   bench-quic dial [OPTIONS] ADDRESS:PORT UPLOAD DOWNLOAD
 *   bench-quic idle [OPTIONS] COUNT
 *
 * listen serves one connection and ends with it. Both print a line of JSON with what
 * their side used, with --hash also the SHA-256 of what it sent and received. idle has
 * as many connections between two sides in this process and prints what one of them
 * holds on each side. */

#include "quic-loop.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

/* Longer than any acknowledgement is put off. */
#define PAIR_STEP (30 * NGTCP2_MILLISECONDS)
#define PAIR_STEPS 20

static char *option_congestion;
static int option_payload;
static gboolean option_hash;

static GOptionEntry option_entries[] = {
  { "congestion", 0, 0, G_OPTION_ARG_STRING, &option_congestion, "cubic (default), bbr, bbr2 or reno",
    "NAME" },
  { "payload", 0, 0, G_OPTION_ARG_INT, &option_payload,
    "Datagrams of this size, whatever the path takes (1444 at most, as ngtcp2 finds)", "BYTES" },
  { "hash", 0, 0, G_OPTION_ARG_NONE, &option_hash, "Tell the SHA-256 of all bytes", NULL },
  { NULL },
};

static double
cpu_seconds (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
         (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void
report (QuicSession *session, gint64 began, double cpu)
{
  printf ("{\"seconds\":%.6f,\"cpuSeconds\":%.6f", (g_get_monotonic_time () - began) / 1e6,
          cpu_seconds () - cpu);
  if (option_hash)
    printf (",\"sent\":\"%s\",\"received\":\"%s\"", g_checksum_get_string (session->sent_hash),
            g_checksum_get_string (session->received_hash));
  printf ("}\n");
  fflush (stdout);
}

static gboolean
set_address (struct sockaddr_in *address, const char *text)
{
  g_auto (GStrv) parts = g_strsplit (text, ":", 2);

  *address = (struct sockaddr_in){ .sin_family = AF_INET };
  if (parts[0] == NULL || inet_pton (AF_INET, parts[0], &address->sin_addr) != 1)
    {
      fprintf (stderr, "bench-quic: %s: expected an address of IPv4\n", text);
      return FALSE;
    }
  address->sin_port = htons (parts[1] != NULL ? strtoul (parts[1], NULL, 10) : 0);
  return TRUE;
}

static gboolean
is_ready (QuicSession *session)
{
  return session->ready;
}

static gboolean
has_all (QuicSession *session)
{
  return session->all_received;
}

/* What the listener sends has all been acknowledged when the dialer says goodbye. */
static gboolean
has_served (QuicSession *session)
{
  return session->all_received && session->ended;
}

static gboolean
never (QuicSession *session)
{
  return FALSE;
}

static gboolean
listen_once (const QuicOptions *options, const char *text)
{
  QuicLoop *loop;
  QuicSession *session;
  struct sockaddr_in address;
  ngtcp2_path path;
  gint64 began;
  double cpu;

  if (!set_address (&address, text))
    return FALSE;
  loop = quic_loop_new (&address, NULL);
  quic_loop_get_path (loop, &path);
  quic_loop_accept (loop, options);
  printf ("%s:%u\n", inet_ntoa (address.sin_addr),
          ntohs (((struct sockaddr_in *) path.local.addr)->sin_port));
  fflush (stdout);

  if (!quic_loop_run (loop, is_ready))
    return FALSE;
  began = g_get_monotonic_time ();
  cpu = cpu_seconds ();
  quic_loop_run (loop, never);
  session = quic_loop_get_session (loop);
  report (session, began, cpu);
  return has_served (session);
}

static gboolean
dial (const QuicOptions *options, const char *text, guint64 upload, guint64 download)
{
  QuicLoop *loop;
  QuicSession *session;
  struct sockaddr_in address;
  struct sockaddr_in own = { .sin_family = AF_INET };
  ngtcp2_path path;
  gint64 began;
  double cpu;

  if (!set_address (&address, text))
    return FALSE;
  loop = quic_loop_new (&own, &address);
  quic_loop_get_path (loop, &path);
  session = quic_session_dial (options, &path, upload, download, quic_now ());
  quic_loop_take (loop, session);
  if (!quic_loop_run (loop, is_ready))
    return FALSE;
  began = g_get_monotonic_time ();
  cpu = cpu_seconds ();
  if (!quic_loop_run (loop, has_all) || session->received != download)
    return FALSE;
  report (session, began, cpu);
  quic_loop_close (loop);
  return TRUE;
}

/* Connections within this process, by a clock of their own */

typedef struct
{
  QuicSession *sides[2]; /* dialer, listener */
} Pair;

/* Carries packets until neither side has any. */
static void
pump_pair (Pair *pair, const QuicOptions *options, const ngtcp2_path *path, ngtcp2_tstamp now)
{
  gboolean busy = TRUE;

  while (busy)
    {
      busy = FALSE;
      for (int i = 0; i < 2; i++)
        {
          guint8 packet[2048];
          ngtcp2_path_storage ignored;
          gssize len;

          if (pair->sides[i] == NULL)
            continue;
          if (ngtcp2_conn_get_expiry (pair->sides[i]->conn) <= now)
            ngtcp2_conn_handle_expiry (pair->sides[i]->conn, now);
          ngtcp2_path_storage_zero (&ignored);
          len = quic_session_write (pair->sides[i], &ignored.path, packet, sizeof packet, now);
          if (len <= 0)
            continue;
          busy = TRUE;
          if (pair->sides[1] == NULL)
            pair->sides[1] = quic_session_accept (options, path, packet, len, now);
          quic_session_read (pair->sides[1 - i], path, packet, len, now);
        }
    }
}

static gsize
heap_bytes (void)
{
  struct mallinfo2 heap = mallinfo2 ();

  return heap.uordblks + heap.hblkhd;
}

/* Handshakes, moves a few bytes over a stream, and lets all that is due happen. Then the
 * other side has a stream too: each of libp2p opens one to tell who it is, and ngtcp2
 * keeps what it needed for it. */
static Pair
make_pair (const QuicOptions *options, const ngtcp2_path *path)
{
  ngtcp2_tstamp now = NGTCP2_SECONDS;
  Pair pair = { { quic_session_dial (options, path, 32, 32, now), NULL } };

  for (guint i = 0; i < PAIR_STEPS; i++, now += PAIR_STEP)
    pump_pair (&pair, options, path, now);
  quic_session_touch_stream (pair.sides[1]);
  for (guint i = 0; i < PAIR_STEPS; i++, now += PAIR_STEP)
    pump_pair (&pair, options, path, now);
  return pair;
}

static gboolean
idle (const QuicOptions *options, guint count)
{
  struct sockaddr_in address = { .sin_family = AF_INET };
  ngtcp2_path path = { { (struct sockaddr *) &address, sizeof address },
                       { (struct sockaddr *) &address, sizeof address },
                       NULL };
  g_autofree Pair *pairs = g_new0 (Pair, count);
  gsize before, both, listeners;
  guint complete = 0;

  /* What only the first connection needs does not count. */
  make_pair (options, &path);
  before = heap_bytes ();
  for (guint i = 0; i < count; i++)
    {
      pairs[i] = make_pair (options, &path);
      complete += has_all (pairs[i].sides[0]) && has_served (pairs[i].sides[1]);
    }
  both = heap_bytes ();
  for (guint i = 0; i < count; i++)
    quic_session_free (pairs[i].sides[0]);
  listeners = heap_bytes ();
  printf ("{\"connections\":%u,\"dialerHeap\":%.0f,\"listenerHeap\":%.0f,\"ngtcp2\":\"%s\"}\n",
          complete, (double) (both - listeners) / count, (double) (listeners - before) / count,
          ngtcp2_version (0)->version_str);
  return complete == count;
}

static gboolean
set_options (QuicOptions *options)
{
  static const struct
  {
    const char *name;
    ngtcp2_cc_algo algorithm;
  } known[] = {
    { "cubic", NGTCP2_CC_ALGO_CUBIC },
    { "bbr", NGTCP2_CC_ALGO_BBR },
#if NGTCP2_VERSION_NUM < 0x010000
    { "bbr2", NGTCP2_CC_ALGO_BBR2 },
#endif
    { "reno", NGTCP2_CC_ALGO_RENO },
  };

  quic_options_init (options);
  options->hash = option_hash;
  options->payload = option_payload;
  if (option_payload != 0 && (option_payload < 1200 || option_payload > 65000))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    if (option_congestion == NULL || g_str_equal (option_congestion, known[i].name))
      {
        options->congestion = known[i].algorithm;
        return TRUE;
      }
  return FALSE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context =
      g_option_context_new ("listen [ADDRESS] | dial ADDRESS:PORT UPLOAD DOWNLOAD | idle COUNT");
  g_autoptr (GError) error = NULL;
  QuicOptions options;
  gboolean ok;

  g_option_context_add_main_entries (context, option_entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || !set_options (&options))
    {
      fprintf (stderr, "bench-quic: %s\n", error != NULL ? error->message : "wrong option; see --help");
      return 2;
    }
  if (argc >= 2 && argc <= 3 && g_str_equal (argv[1], "listen"))
    ok = listen_once (&options, argc == 3 ? argv[2] : "127.0.0.1");
  else if (argc == 5 && g_str_equal (argv[1], "dial"))
    ok = dial (&options, argv[2], g_ascii_strtoull (argv[3], NULL, 10),
               g_ascii_strtoull (argv[4], NULL, 10));
  else if (argc == 3 && g_str_equal (argv[1], "idle"))
    ok = idle (&options, strtoul (argv[2], NULL, 10));
  else
    {
      fprintf (stderr, "bench-quic: wrong arguments; see --help\n");
      return 2;
    }
  return ok ? 0 : 1;
}
