/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Speed and memory of two hosts in two processes on loopback.
 *
 *   bench-host transfer|tcp|idle [OPTIONS]
 *
 * prints one JSON object per figure. The listener is this program once more; it
 * has the first processor, the dialer the second, where there are two. */

#include "bench-host.h"

#include <string.h>
#include <sys/resource.h>

static void
raise_file_limit (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) == 0)
    {
      limit.rlim_cur = limit.rlim_max;
      setrlimit (RLIMIT_NOFILE, &limit);
    }
}

static gboolean
run (const char *command, const BenchOptions *options)
{
  gboolean child = g_str_has_prefix (command, "serve");

  raise_file_limit ();
  bench_pin (child ? 0 : 1);
  if (g_str_equal (command, "serve"))
    bench_serve (options);
  else if (g_str_equal (command, "serve-tcp"))
    bench_serve_tcp ();
  else if (g_str_equal (command, "transfer"))
    bench_transfer (options);
  else if (g_str_equal (command, "tcp"))
    bench_tcp (options);
  else if (g_str_equal (command, "idle"))
    bench_idle (options);
  else
    return FALSE;
  return TRUE;
}

int
main (int argc, char **argv)
{
  BenchOptions options = { .bytes = 128 * 1024 * 1024, .connections = 1000 };
  const GOptionEntry entries[] = {
    { "transport", 0, 0, G_OPTION_ARG_STRING, &options.transport, "Transport (tcp)", "NAME" },
    { "security", 0, 0, G_OPTION_ARG_STRING, &options.security, "Security (noise)", "NAME" },
    { "muxer", 0, 0, G_OPTION_ARG_STRING, &options.muxer, "Muxer (yamux)", "NAME" },
    { "bytes", 0, 0, G_OPTION_ARG_INT64, &options.bytes, "Bytes to transfer (128 MiB)", "N" },
    { "connections", 0, 0, G_OPTION_ARG_INT, &options.connections, "Idle connections (1000)", "N" },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("transfer|tcp|idle");
  g_autoptr (GError) error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    bench_fail ("the options", error);
  if (options.transport == NULL)
    options.transport = g_strdup ("tcp");
  if (options.security == NULL)
    options.security = g_strdup ("noise");
  if (options.muxer == NULL)
    options.muxer = g_strdup ("yamux");

  if (argc != 2 || !run (argv[1], &options))
    {
      g_printerr ("bench-host: expected transfer, tcp or idle\n");
      return 2;
    }
  g_free (options.transport);
  g_free (options.security);
  g_free (options.muxer);
  return 0;
}
