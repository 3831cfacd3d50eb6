/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Many connections that do nothing: how fast they are made, what they hold. */

#include "bench-host.h"

#define PARALLEL       64
#define SETTLE_SECONDS 3

typedef struct
{
  Lp2pHost *host;
  Lp2pMultiaddr *address;
  int wanted;
  int started;
  int running;
} Dials;

static void dials_next (Dials *self);

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Dials *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pConnection) connection =
      lp2p_host_connect_finish (LP2P_HOST (source), result, &error);

  if (connection == NULL)
    bench_fail ("cannot connect", error);
  self->running--;
  dials_next (self);
}

static void
dials_next (Dials *self)
{
  while (self->running < PARALLEL && self->started < self->wanted)
    {
      self->started++;
      self->running++;
      lp2p_host_connect_async (self->host, self->address, NULL, on_connected, self);
    }
}

/* An address without a peer id is dialed again and again. */
static void
connect_many (Lp2pHost *host, const char *text, int wanted)
{
  g_autoptr (Lp2pMultiaddr) full = lp2p_multiaddr_new_from_string (text, NULL);
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_without_peer_id (full);
  Dials dials = { .host = host, .address = address, .wanted = wanted };

  dials_next (&dials);
  while (dials.running > 0)
    g_main_context_iteration (NULL, TRUE);
}

static void
wait_connections (BenchChild *child, guint wanted)
{
  BenchStat stat;

  for (;;)
    {
      bench_child_stat (child, &stat);
      if (stat.connections >= wanted)
        return;
      g_main_context_iteration (NULL, FALSE);
      g_usleep (1000);
    }
}

static gboolean
on_settled (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_REMOVE;
}

/* Services greet new connections, and buffers are freed when they are done. */
static void
settle (void)
{
  gboolean settled = FALSE;

  g_timeout_add_seconds (SETTLE_SECONDS, on_settled, &settled);
  while (!settled)
    g_main_context_iteration (NULL, TRUE);
}

static void
report_side (const BenchOptions *options,
             const char *side,
             const BenchStat *before,
             const BenchStat *after)
{
  g_autofree char *heap = g_strdup_printf ("%s heap", side);
  g_autofree char *private = g_strdup_printf ("%s private", side);
  g_autofree char *cpu = g_strdup_printf ("%s CPU", side);
  double per = 1024.0 * options->connections;

  bench_report (options, "idle", cpu,
                (after->cpu_seconds - before->cpu_seconds) * 1000 / options->connections,
                "ms/connection");
  bench_report (options, "idle", heap, (after->heap_bytes - before->heap_bytes) / per,
                "KiB/connection");
  bench_report (options, "idle", private, (after->private_bytes - before->private_bytes) / per,
                "KiB/connection");
}

void
bench_idle (const BenchOptions *options)
{
  BenchChild child;
  BenchStat before[2], after[2];
  g_autoptr (Lp2pHost) host = NULL;
  gint64 began, took;

  bench_child_start (&child, options, "serve");
  host = bench_host_start (options, NULL);
  /* What only the first connection needs does not count. */
  connect_many (host, child.address, 2);
  settle ();
  bench_stat (&before[0]);
  bench_child_stat (&child, &before[1]);

  began = g_get_monotonic_time ();
  connect_many (host, child.address, options->connections);
  wait_connections (&child, options->connections + 2);
  took = g_get_monotonic_time () - began;
  settle ();
  bench_stat (&after[0]);
  bench_child_stat (&child, &after[1]);
  if (g_list_model_get_n_items (lp2p_host_get_connections (host)) !=
          (guint) options->connections + 2 ||
      after[1].connections != (guint) options->connections + 2)
    bench_fail ("not all connections stayed", NULL);

  bench_report (options, "idle", "connections", options->connections * 1e6 / took, "1/s");
  report_side (options, "dialer", &before[0], &after[0]);
  report_side (options, "listener", &before[1], &after[1]);
  bench_child_end (&child);
}
