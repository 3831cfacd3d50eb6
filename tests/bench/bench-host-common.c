/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bench-host.h"

#include <malloc.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

void
bench_fail (const char *what, const GError *error)
{
  g_printerr ("bench-host: %s: %s\n", what, error != NULL ? error->message : "failed");
  exit (1);
}

/* Side 0 and 1 do not share a processor where there are two: the numbers are
 * those of one processor a side. */
void
bench_pin (guint side)
{
  cpu_set_t allowed, one;
  guint seen = 0;

  if (sched_getaffinity (0, sizeof allowed, &allowed) != 0 || CPU_COUNT (&allowed) < 2)
    return;
  CPU_ZERO (&one);
  for (guint cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET (cpu, &allowed) && seen++ == side)
      CPU_SET (cpu, &one);
  sched_setaffinity (0, sizeof one, &one);
}

/* Figures of this process */

static double
private_bytes (void)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  double kib = 0;

  if (!g_file_get_contents ("/proc/self/smaps_rollup", &text, NULL, NULL))
    return 0;
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    if (g_str_has_prefix (lines[i], "Private_"))
      kib += g_ascii_strtod (strchr (lines[i], ':') + 1, NULL);
  return kib * 1024;
}

void
bench_stat (BenchStat *stat)
{
  struct rusage usage;
  struct mallinfo2 heap = mallinfo2 ();

  getrusage (RUSAGE_SELF, &usage);
  stat->cpu_seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
                      (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  stat->heap_bytes = heap.uordblks + heap.hblkhd;
  stat->private_bytes = private_bytes ();
}

/* The other process */

static char *
read_line (BenchChild *child)
{
  g_autoptr (GError) error = NULL;
  char *line = g_data_input_stream_read_line (child->output, NULL, NULL, &error);

  if (line == NULL)
    bench_fail ("the listening process ended", error);
  return line;
}

void
bench_child_start (BenchChild *child, const BenchOptions *options, const char *command)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *connections = g_strdup_printf ("--connections=%d", options->connections);
  const char *argv[] = {
    self,          command,
    "--transport", options->transport,
    "--security",  options->security,
    "--muxer",     options->muxer,
    connections,   NULL,
  };
  g_autoptr (GError) error = NULL;

  child->process = g_subprocess_newv (
      argv, G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error);
  if (child->process == NULL)
    bench_fail ("cannot start the listening process", error);
  child->input = g_subprocess_get_stdin_pipe (child->process);
  child->output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (child->process));
  child->address = read_line (child);
}

void
bench_child_stat (BenchChild *child, BenchStat *stat)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *line = NULL;
  g_auto (GStrv) fields = NULL;

  if (!g_output_stream_write_all (child->input, "\n", 1, NULL, NULL, &error))
    bench_fail ("the listening process", error);
  line = read_line (child);
  fields = g_strsplit (line, " ", -1);
  if (g_strv_length (fields) != 4)
    bench_fail ("the listening process says too little", NULL);
  stat->cpu_seconds = g_ascii_strtod (fields[0], NULL);
  stat->heap_bytes = g_ascii_strtod (fields[1], NULL);
  stat->private_bytes = g_ascii_strtod (fields[2], NULL);
  stat->connections = g_ascii_strtoull (fields[3], NULL, 10);
}

void
bench_child_end (BenchChild *child)
{
  g_autoptr (GError) error = NULL;

  g_output_stream_close (child->input, NULL, NULL);
  if (!g_subprocess_wait_check (child->process, NULL, &error))
    bench_fail ("the listening process", error);
  g_object_unref (child->output);
  g_object_unref (child->process);
  g_free (child->address);
}

/* Hosts */

static void
set_one (Lp2pConfig *config, const char *key, const char *name)
{
  const char *const names[] = { name, NULL };
  g_autoptr (GError) error = NULL;

  if (!lp2p_config_set (config, LP2P_CONFIG_GROUP_HOST, key,
                        g_variant_new_strv (names, name != NULL ? 1 : 0), &error))
    bench_fail (key, error);
}

static void
set_uint (Lp2pConfig *config, const char *key, guint value)
{
  g_autoptr (GError) error = NULL;

  if (!lp2p_config_set (config, LP2P_CONFIG_GROUP_HOST, key, g_variant_new_uint32 (value), &error))
    bench_fail (key, error);
}

void
bench_on_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

GAsyncResult *
bench_await (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return *result;
}

/* Everything is as it comes, but for the limits. */
Lp2pHost *
bench_host_start (const BenchOptions *options, const char *listen)
{
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  g_autoptr (Lp2pHost) host = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  set_one (config, "transports", options->transport);
  set_one (config, "security", options->security);
  set_one (config, "muxers", options->muxer);
  set_one (config, "listen", listen);
  set_uint (config, "max-connections", options->connections + 100);

  host = lp2p_host_new (config, NULL);
  lp2p_host_start_async (host, NULL, bench_on_result, &result);
  if (!lp2p_host_start_finish (host, bench_await (&result), &error))
    bench_fail ("cannot start a host", error);
  return g_steal_pointer (&host);
}

/* Reporting */

void
bench_report (const BenchOptions *options,
              const char *bench,
              const char *metric,
              double value,
              const char *unit)
{
  gboolean raw = g_str_equal (bench, "raw-tcp");
  char number[G_ASCII_DTOSTR_BUF_SIZE];

  g_print ("{\"bench\": \"%s\", \"transport\": \"%s\", \"security\": \"%s\", \"muxer\": \"%s\", "
           "\"peer\": \"%s\", \"metric\": \"%s\", \"value\": %s, \"unit\": \"%s\"}\n",
           bench, raw ? "tcp" : options->transport, raw ? "none" : options->security,
           raw ? "none" : options->muxer, raw ? "none" : "lp2p", metric,
           g_ascii_formatd (number, sizeof number, "%.3f", value), unit);
}

void
bench_report_transfer (const BenchOptions *options,
                       const char *bench,
                       gint64 microseconds,
                       double dialer_cpu,
                       double listener_cpu)
{
  double gigabytes = options->bytes / 1e9;

  bench_report (options, bench, "throughput", options->bytes / (double) microseconds, "MB/s");
  bench_report (options, bench, "dialer CPU", dialer_cpu / gigabytes, "s/GB");
  bench_report (options, bench, "listener CPU", listener_cpu / gigabytes, "s/GB");
}
