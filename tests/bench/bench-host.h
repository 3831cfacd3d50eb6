/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p.h>

#define BENCH_PROTOCOL_SINK   "/lp2p/bench-sink/1.0.0"
#define BENCH_PROTOCOL_SOURCE "/lp2p/bench-source/1.0.0"

/* What an application would choose for a bulk transfer. */
#define BENCH_BUFFER_SIZE (256 * 1024)

typedef struct
{
  char *transport;
  char *security;
  char *muxer;
  gint64 bytes;
  int connections;
} BenchOptions;

/* What a process has used and holds. */
typedef struct
{
  double cpu_seconds;
  double heap_bytes;
  double private_bytes;
  guint connections;
} BenchStat;

/* The other process: this program once more, on a processor of its own. */
typedef struct
{
  GSubprocess *process;
  GOutputStream *input;
  GDataInputStream *output;
  char *address;
} BenchChild;

void bench_fail (const char *what, const GError *error) G_GNUC_NORETURN;
void bench_pin (guint side);
void bench_stat (BenchStat *stat);

void bench_child_start (BenchChild *child, const BenchOptions *options, const char *command);
void bench_child_stat (BenchChild *child, BenchStat *stat);
void bench_child_end (BenchChild *child);

Lp2pHost *bench_host_start (const BenchOptions *options, const char *listen);

/* Runs the main context until an asynchronous call has its result. */
void bench_on_result (GObject *source, GAsyncResult *result, gpointer user_data);
GAsyncResult *bench_await (GAsyncResult **result);

void bench_report (const BenchOptions *options,
                   const char *bench,
                   const char *metric,
                   double value,
                   const char *unit);
void bench_report_transfer (const BenchOptions *options,
                            const char *bench,
                            gint64 microseconds,
                            double dialer_cpu,
                            double listener_cpu);

/* The commands: those of the child, and what the parent measures. */
void bench_serve (const BenchOptions *options);
void bench_serve_tcp (void);
void bench_serve_control (GMainLoop *loop, Lp2pHost *host);
void bench_transfer (const BenchOptions *options);
void bench_tcp (const BenchOptions *options);
void bench_idle (const BenchOptions *options);
