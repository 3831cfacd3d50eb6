/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the layer costs: records of 16 KiB through a pair of layers, beside two
 * sessions of GnuTLS that are called in a loop, with the same cipher and over the
 * same buffer. Both run in turns, processor time is counted, the median of the
 * rounds is taken. Then what an idle connection holds in memory. */

#include <errno.h>
#include <malloc.h>
#include <string.h>

#include <lp2p/net/lp2p-gnutls-layer.h>

#include "bench-pipe.h"
#include "bench-work.h"
#include "lp2p-tls-credentials.h"

#define WRITE_SIZE    (64 * 1024)
#define RECORD_SIZE   (16 * 1024)
#define BUFFER_SIZE   (1024 * 1024)
#define ROUNDS        9
#define N_CONNECTIONS 500

/* For GnuTLS alone */

static ssize_t
raw_push (gnutls_transport_ptr_t transport, const void *data, size_t size)
{
  return (ssize_t) bench_pipe_put (transport, data, size);
}

static ssize_t
raw_pull (gnutls_transport_ptr_t transport, void *buffer, size_t size)
{
  BenchPipe *self = transport;

  size = MIN (size, self->end - self->start);
  if (size == 0)
    {
      errno = EAGAIN;
      return -1;
    }
  memcpy (buffer, self->data + self->start, size);
  bench_pipe_drop (self, size);
  return (ssize_t) size;
}

static int
raw_pull_timeout (gnutls_transport_ptr_t transport, unsigned milliseconds)
{
  return ((BenchPipe *) transport)->end > ((BenchPipe *) transport)->start;
}

static int
accept_all (gnutls_session_t session)
{
  return 0;
}

/* The pairs */

typedef struct
{
  Lp2pLoop *loop;
  Lp2pTlsCredentials *credentials;
  BenchPipe *pipes[2];
  Lp2pLayer *layers[2];
  BenchPipe *raw_pipes[2];
  gnutls_session_t raw[2];
  guint8 *source;
  guint8 *sink;
} Bench;

static gnutls_session_t
new_session (Bench *self, guint side)
{
  gnutls_session_t session;

  if (lp2p_tls_credentials_new_session (self->credentials,
                                        side == 0 ? LP2P_ROLE_INITIATOR : LP2P_ROLE_RESPONDER, NULL,
                                        accept_all, &session) < 0)
    g_error ("GnuTLS makes no session");
  return session;
}

static void
new_layers (Bench *self, BenchPipe *pipes[2], Lp2pLayer *layers[2])
{
  int results[2] = { LP2P_IO_AGAIN, LP2P_IO_AGAIN };

  for (guint i = 0; i < 2; i++)
    layers[i] = lp2p_gnutls_layer_new (&pipes[i]->parent, new_session (self, i));
  while (results[0] == LP2P_IO_AGAIN || results[1] == LP2P_IO_AGAIN)
    for (guint i = 0; i < 2; i++)
      if (results[i] == LP2P_IO_AGAIN)
        results[i] = lp2p_gnutls_layer_handshake (layers[i]);
  if (results[0] != 0 || results[1] != 0)
    g_error ("The handshake failed");
  for (guint i = 0; i < 2; i++)
    {
      lp2p_layer_flush (layers[i]);
      gnutls_deinit (lp2p_gnutls_layer_steal_session (layers[i]));
    }
}

static void
new_raw (Bench *self)
{
  int results[2] = { GNUTLS_E_AGAIN, GNUTLS_E_AGAIN };

  bench_pipe_new_pair (self->loop, BUFFER_SIZE, self->raw_pipes);
  for (guint i = 0; i < 2; i++)
    {
      self->raw[i] = new_session (self, i);
      gnutls_transport_set_ptr (self->raw[i], self->raw_pipes[i]);
      gnutls_transport_set_push_function (self->raw[i], raw_push);
      gnutls_transport_set_pull_function (self->raw[i], raw_pull);
      gnutls_transport_set_pull_timeout_function (self->raw[i], raw_pull_timeout);
    }
  while (results[0] != 0 || results[1] != 0)
    for (guint i = 0; i < 2; i++)
      if (results[i] != 0)
        results[i] = gnutls_handshake (self->raw[i]);
}

static void
bench_init (Bench *self)
{
  g_autoptr (Lp2pIdentity) identity = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, NULL);

  self->loop = lp2p_loop_new (NULL, NULL);
  self->credentials = lp2p_tls_credentials_new (identity, g_get_real_time () / G_USEC_PER_SEC, NULL);
  self->source = g_malloc (WRITE_SIZE);
  self->sink = g_malloc (WRITE_SIZE);
  memset (self->source, 'x', WRITE_SIZE);
  bench_pipe_new_pair (self->loop, BUFFER_SIZE, self->pipes);
  new_layers (self, self->pipes, self->layers);
  new_raw (self);
}

static void
bench_clear (Bench *self)
{
  for (guint i = 0; i < 2; i++)
    {
      lp2p_layer_free (self->layers[i]);
      gnutls_deinit (self->raw[i]);
      lp2p_layer_free (&self->raw_pipes[i]->parent);
    }
  lp2p_tls_credentials_unref (self->credentials);
  g_free (self->source);
  g_free (self->sink);
  lp2p_loop_unref (self->loop);
}

/* As a muxer does it: borrowed plaintext, of which the reader makes one copy. */
static void
move_layered (Bench *self, guint64 total)
{
  guint64 goal = total;

  while (goal > 0)
    {
      gsize left = MIN (WRITE_SIZE, goal);

      if (lp2p_layer_write (self->layers[0], self->source, left, LP2P_WRITE_NONE) != (gssize) left)
        g_error ("The layer took less");
      goal -= left;
      while (left > 0)
        {
          const guint8 *data;
          gssize n = lp2p_layer_peek (self->layers[1], &data);

          if (n <= 0)
            g_error ("The layer gave less");
          memcpy (self->sink, data, MIN (n, WRITE_SIZE));
          lp2p_layer_consume (self->layers[1], n);
          left -= n;
        }
      lp2p_layer_park (self->layers[1]);
    }
}

static void
move_raw (Bench *self, guint64 total)
{
  for (guint64 done = 0; done < total; done += WRITE_SIZE)
    {
      for (gsize i = 0; i < WRITE_SIZE; i += RECORD_SIZE)
        if (gnutls_record_send (self->raw[0], self->source + i, RECORD_SIZE) != RECORD_SIZE)
          g_error ("GnuTLS took less");
      for (gsize i = 0; i < WRITE_SIZE; i += RECORD_SIZE)
        if (gnutls_record_recv (self->raw[1], self->sink + i, RECORD_SIZE) != RECORD_SIZE)
          g_error ("GnuTLS gave less");
    }
}

static void
run_throughput (Bench *bench, guint64 total)
{
  double layered[ROUNDS];
  double raw[ROUNDS];
  double ratio[ROUNDS];

  move_layered (bench, total / 8);
  move_raw (bench, total / 8);
  for (guint i = 0; i < ROUNDS; i++)
    {
      double start = bench_work_now ();
      double middle;

      move_layered (bench, total);
      middle = bench_work_now ();
      move_raw (bench, total);
      layered[i] = total / (middle - start) / 1e9;
      raw[i] = total / (bench_work_now () - middle) / 1e9;
      ratio[i] = layered[i] / raw[i];
    }
  bench_work_report ("tls", "layer", bench_work_median (layered, ROUNDS), "GB/s");
  bench_work_report ("tls", "gnutls", bench_work_median (raw, ROUNDS), "GB/s");
  bench_work_report ("tls", "layer/gnutls", bench_work_median (ratio, ROUNDS), "ratio");
}

/* Both sides of each connection are in this process. */
static void
run_memory (Bench *bench, guint n)
{
  g_autofree BenchPipe **pipes = g_new (BenchPipe *, 2 * n);
  g_autofree Lp2pLayer **layers = g_new (Lp2pLayer *, 2 * n);
  gsize before;

  for (guint i = 0; i < n; i++)
    bench_pipe_new_pair (bench->loop, RECORD_SIZE, &pipes[2 * i]);
  before = mallinfo2 ().uordblks;
  for (guint i = 0; i < n; i++)
    new_layers (bench, &pipes[2 * i], &layers[2 * i]);
  bench_work_report ("tls", "idle side", (double) (mallinfo2 ().uordblks - before) / (2 * n), "bytes");
  for (guint i = 0; i < 2 * n; i++)
    lp2p_layer_free (layers[i]);
}

int
main (int argc, char **argv)
{
  gboolean quick = bench_work_init (&argc, &argv);
  Bench bench = { NULL };

  bench_init (&bench);
  run_throughput (&bench, (quick ? 4 : 256) * 1024 * 1024);
  run_memory (&bench, quick ? 10 : N_CONNECTIONS);
  bench_clear (&bench);
  return 0;
}
