/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What masking and framing cost, beside the copy that a frame needs anyway. */

#include "bench-work.h"
#include "lp2p-ws-frame.h"

#include <string.h>

/* No cache holds this. */
#define LARGE (64 * 1024 * 1024)

static const guint8 mask[LP2P_WS_MASK_SIZE] = { 0x37, 0xfa, 0x21, 0x3d };

typedef struct
{
  gsize size;
  gsize frame_size;
  guint8 *from;
  guint8 *to;
} Bench;

static void
work_mask (gpointer data, guint n)
{
  Bench *bench = data;

  for (guint i = 0; i < n; i++)
    lp2p_ws_mask (bench->to, bench->from, bench->size, mask, i);
}

static void
work_copy (gpointer data, guint n)
{
  Bench *bench = data;

  for (guint i = 0; i < n; i++)
    {
      memcpy (bench->to, bench->from, bench->size);
      /* Or the compiler would see that once is enough. */
      __asm__ volatile ("" ::: "memory");
    }
}

static void
work_mask_in_place (gpointer data, guint n)
{
  Bench *bench = data;

  for (guint i = 0; i < n; i++)
    lp2p_ws_mask (bench->to, bench->to, bench->size, mask, i);
}

/* All of it through frames of a client, each masked and read again. */
static void
work_frames (gpointer data, guint n)
{
  Bench *bench = data;
  guint8 header[LP2P_WS_MAX_HEADER];
  Lp2pWsParser parser;
  gsize used;

  lp2p_ws_parser_init (&parser, LP2P_WS_FROM_CLIENT);
  for (guint i = 0; i < n; i++)
    for (gsize at = 0; at < bench->size; at += bench->frame_size)
      {
        gsize size = MIN (bench->frame_size, bench->size - at);
        gsize header_size = lp2p_ws_write_header (header, LP2P_WS_BINARY, size, mask);

        lp2p_ws_mask (bench->to + at, bench->from + at, size, mask, 0);
        bench_work_check (lp2p_ws_parser_input (&parser, header, header_size, &used, NULL) == LP2P_WS_EVENT_DATA,
                          "input");
        lp2p_ws_parser_take (&parser, bench->to + at, bench->to + at, size);
      }
}

/* Both sides touch each byte once. */
static void
work_copy_twice (gpointer data, guint n)
{
  work_copy (data, n);
  work_copy (data, n);
}

static void
compare (const char *name, BenchWork ours, BenchWork other, Bench *bench)
{
  double rate, other_rate, ratio;

  bench_work_beside (ours, other, bench, &rate, &other_rate, &ratio);
  bench_work_report (name, "throughput", rate * bench->size / 1e9, "GB/s");
  bench_work_report (name, "copy", other_rate * bench->size / 1e9, "GB/s");
  bench_work_report (name, "ratio", ratio, "");
}

int
main (int argc, char **argv)
{
  /* Not at the same place in their pages: a processor takes such addresses for the same. */
  guint8 *to = g_malloc0 (LARGE + 4096);
  Bench bench = { .from = g_malloc0 (LARGE), .to = to + 2048 };

  bench_work_init (&argc, &argv);

  bench.size = 64 * 1024;
  compare ("ws-mask-65536", work_mask, work_copy, &bench);
  compare ("ws-mask-in-place-65536", work_mask_in_place, work_copy, &bench);
  bench.frame_size = 64 * 1024;
  compare ("ws-frames-65536", work_frames, work_copy_twice, &bench);
  bench.frame_size = 1400;
  compare ("ws-frames-1400", work_frames, work_copy_twice, &bench);

  bench.size = LARGE;
  compare ("ws-mask-memory", work_mask, work_copy, &bench);
  bench.to++;
  compare ("ws-mask-memory-unaligned", work_mask, work_copy, &bench);

  g_free (bench.from);
  g_free (to);
  return 0;
}
