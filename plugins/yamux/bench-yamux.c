/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What framing costs: 64 KiB writes through a pair of sessions, beside the copies
 * that any way from one buffer into another needs.
 *
 * The layer between the sessions is a buffer: one copy in, none out; the reader
 * copies once more. So the same bytes copied twice are the yardstick. Both run in
 * turns, processor time is counted, the median of the rounds is taken. */

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lp2p-yamux-session.h"

#define WRITE_SIZE  (64 * 1024)
#define BUFFER_SIZE (1024 * 1024)
#define ROUNDS      9

static gboolean json;
static guint64 round_size = 256 * 1024 * 1024;

/* A layer that hands what is written to its peer at once. */
typedef struct _Pipe Pipe;
struct _Pipe
{
  Lp2pLayer parent;
  Pipe *peer;
  guint8 *data;
  gsize start;
  gsize end;
};

static gsize
pipe_write_room (Lp2pLayer *layer)
{
  return BUFFER_SIZE - ((Pipe *) layer)->peer->end;
}

static gssize
pipe_writev (Lp2pLayer *layer, const GOutputVector *vectors, guint n_vectors, Lp2pWriteFlags flags)
{
  Pipe *peer = ((Pipe *) layer)->peer;
  gsize done = 0;

  for (guint i = 0; i < n_vectors; i++)
    {
      gsize n = MIN (vectors[i].size, BUFFER_SIZE - peer->end);

      memcpy (peer->data + peer->end, vectors[i].buffer, n);
      peer->end += n;
      done += n;
    }
  return done > 0 ? (gssize) done : LP2P_IO_AGAIN;
}

static gssize
pipe_peek (Lp2pLayer *layer, const guint8 **data)
{
  Pipe *self = (Pipe *) layer;

  *data = self->data + self->start;
  return self->end > self->start ? (gssize) (self->end - self->start) : LP2P_IO_AGAIN;
}

static void
pipe_consume (Lp2pLayer *layer, gsize size)
{
  Pipe *self = (Pipe *) layer;

  self->start += size;
  if (self->start == self->end)
    self->start = self->end = 0;
}

static void
pipe_want (Lp2pLayer *layer, Lp2pReady ready)
{
}

static void
pipe_abort (Lp2pLayer *layer, guint32 code)
{
}

static const GError *
pipe_get_error (Lp2pLayer *layer)
{
  return NULL;
}

static void
pipe_free (Lp2pLayer *layer)
{
  g_free (((Pipe *) layer)->data);
  lp2p_layer_clear (layer);
  g_free (layer);
}

static const Lp2pLayerClass pipe_class = {
  .name = "pipe",
  .peek = pipe_peek,
  .consume = pipe_consume,
  .writev = pipe_writev,
  .write_room = pipe_write_room,
  .want = pipe_want,
  .abort = pipe_abort,
  .free = pipe_free,
  .get_error = pipe_get_error,
};

/* The pair */

typedef struct
{
  Lp2pLoop *loop;
  Pipe *pipes[2];
  Lp2pMuxerSession *sessions[2];
  Lp2pMuxerStream *stream;
  guint8 *source;
  guint8 *sink;
  guint64 received;
} Bench;

static gsize
on_stream_input (Lp2pMuxerSession *session,
                 Lp2pMuxerStream *stream,
                 const guint8 *data,
                 gsize size,
                 gpointer user_data)
{
  Bench *self = user_data;
  gsize n = MIN (size, WRITE_SIZE);

  memcpy (self->sink, data, n);
  self->received += n;
  return n;
}

static const Lp2pMuxerEvents events = { .stream_input = on_stream_input };

static void
pump (Bench *self, guint side)
{
  const Lp2pMuxerSessionClass *klass = self->sessions[side]->klass;

  lp2p_layer_announce (&self->pipes[side]->parent, LP2P_READY_READ);
  klass->input (self->sessions[side], G_MAXSIZE);
  klass->pump_output (self->sessions[side]);
}

static void
bench_init (Bench *self)
{
  static const Lp2pYamuxOptions options = LP2P_YAMUX_OPTIONS_INIT;

  self->loop = lp2p_loop_new (NULL, NULL);
  self->source = g_malloc (WRITE_SIZE);
  self->sink = g_malloc (WRITE_SIZE);
  memset (self->source, 'x', WRITE_SIZE);
  for (guint i = 0; i < 2; i++)
    {
      self->pipes[i] = g_new0 (Pipe, 1);
      lp2p_layer_init (&self->pipes[i]->parent, &pipe_class, self->loop);
      self->pipes[i]->data = g_malloc0 (BUFFER_SIZE);
    }
  self->pipes[0]->peer = self->pipes[1];
  self->pipes[1]->peer = self->pipes[0];
  for (guint i = 0; i < 2; i++)
    {
      self->sessions[i] = lp2p_yamux_session_new (
          &self->pipes[i]->parent, i == 0 ? LP2P_ROLE_INITIATOR : LP2P_ROLE_RESPONDER, &options);
      lp2p_muxer_session_set_events (self->sessions[i], &events, self);
    }
  if (self->sessions[0]->klass->open (self->sessions[0], &self->stream) != 0)
    g_error ("The session opens no stream");
  pump (self, 0);
  pump (self, 1);
  if (self->sessions[1]->klass->accept (self->sessions[1]) == NULL)
    g_error ("The stream did not arrive");
}

static void
bench_clear (Bench *self)
{
  for (guint i = 0; i < 2; i++)
    lp2p_muxer_session_free (self->sessions[i]);
  g_free (self->source);
  g_free (self->sink);
  lp2p_loop_unref (self->loop);
}

/* Moves @total bytes from source to sink in writes of @write_size. */
static void
move_framed (Bench *self, guint64 total, gsize write_size)
{
  const Lp2pMuxerSessionClass *klass = self->sessions[0]->klass;
  guint64 goal = self->received + total;
  GOutputVector vector = { self->source, write_size };

  while (self->received < goal)
    {
      gssize n;

      do
        n = klass->stream_writev (self->sessions[0], self->stream, &vector, 1);
      while (n == (gssize) write_size);
      if (n == LP2P_IO_FAILED)
        g_error ("The session failed");
      pump (self, 0);
      pump (self, 1);
      pump (self, 0);
    }
}

static void
move_copied (Bench *self, guint64 total, gsize write_size)
{
  Pipe *pipe = self->pipes[1];
  gsize at = 0;

  for (guint64 done = 0; done < total; done += write_size)
    {
      memcpy (pipe->data + at, self->source, write_size);
      /* Neither copy may be left out. */
      __asm__ volatile ("" : : "r"(pipe->data), "r"(self->sink) : "memory");
      memcpy (self->sink, pipe->data + at, write_size);
      __asm__ volatile ("" : : "r"(pipe->data), "r"(self->sink) : "memory");
      at = at + 2 * write_size <= BUFFER_SIZE ? at + write_size : 0;
    }
}

static double
get_seconds (void)
{
  struct timespec time;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a;
  double y = *(const double *) b;

  return (x > y) - (x < y);
}

static double
get_median (double *values)
{
  qsort (values, ROUNDS, sizeof *values, compare_doubles);
  return values[ROUNDS / 2];
}

static void
report (const char *bench, const char *metric, double value, const char *unit)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_formatd (text, sizeof text, value < 100 ? "%.3f" : "%.0f", value);
  if (json)
    g_print ("{\"bench\": \"%s\", \"metric\": \"%s\", \"value\": %s, \"unit\": \"%s\"}\n", bench,
             metric, text, unit);
  else
    g_print ("%-20s %-16s %10s %s\n", bench, metric, text, unit);
}

static void
run (const char *name, guint64 total, gsize write_size)
{
  double framed[ROUNDS];
  double copied[ROUNDS];
  double ratio[ROUNDS];
  Bench bench = { NULL };

  bench_init (&bench);
  move_framed (&bench, total / 8, write_size);
  for (guint i = 0; i < ROUNDS; i++)
    {
      double start = get_seconds ();
      double middle;

      move_framed (&bench, total, write_size);
      middle = get_seconds ();
      move_copied (&bench, total, write_size);
      framed[i] = total / (middle - start) / 1e9;
      copied[i] = total / (get_seconds () - middle) / 1e9;
      ratio[i] = framed[i] / copied[i];
    }
  report (name, "framed", get_median (framed), "GB/s");
  report (name, "copied twice", get_median (copied), "GB/s");
  report (name, "framed/copied", get_median (ratio), "ratio");
  report (name, "each write", write_size / get_median (framed), "ns");
  bench_clear (&bench);
}

int
main (int argc, char **argv)
{
  gboolean quick = FALSE;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print one JSON object per line", NULL },
    { "quick", 0, 0, G_OPTION_ARG_NONE, &quick, "Only see that it works", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      g_printerr ("%s\n", error->message);
      return 2;
    }
  if (quick)
    round_size = 4 * 1024 * 1024;
  run ("yamux-64k", round_size, WRITE_SIZE);
  run ("yamux-1k", round_size / 8, 1024);
  return 0;
}
