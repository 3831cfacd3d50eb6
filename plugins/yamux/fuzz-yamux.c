/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A session whose peer sends what the input says, while the input also opens,
 * reads, writes and closes streams. The first byte chooses role and layer; then
 * come commands, each a byte and its arguments. */

#include <lp2p/types/lp2p-cursor.h>

#include "yamux-fixture.h"

#define PAYLOAD_MAX 4096
#define STREAMS_MAX 64

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static const guint8 payload[PAYLOAD_MAX];

static guint8
next (Lp2pCursor *input)
{
  guint8 byte = 0;

  lp2p_cursor_read_u8 (input, &byte);
  return byte;
}

/* What finds no room is lost. */
static void
feed (Fixture *f, gconstpointer data, gsize size)
{
  lp2p_layer_write (f->pair.layers[1], data, size, LP2P_WRITE_NONE);
}

static void
feed_raw (Fixture *f, Lp2pCursor *input)
{
  gsize size = MIN (next (input), lp2p_cursor_left (input));
  const guint8 *bytes;

  if (lp2p_cursor_read_bytes (input, size, &bytes))
    feed (f, bytes, size);
}

/* A header that is well-formed more often than not, with payload. */
static void
feed_frame (Fixture *f, Lp2pCursor *input)
{
  guint8 kind = next (input);
  Lp2pYamuxHeader header = { kind & 3, kind >> 4, next (input), 0 };
  guint8 bytes[LP2P_YAMUX_HEADER_SIZE];

  header.length = next (input) << 8;
  header.length |= next (input);
  if (kind & 4)
    header.length <<= 16;
  lp2p_yamux_header_encode (&header, bytes);
  feed (f, bytes, sizeof bytes);
  if (header.type == LP2P_YAMUX_DATA)
    feed (f, payload, MIN (header.length, sizeof payload));
}

static DriverStream *
pick (Fixture *f, Lp2pCursor *input)
{
  guint n = f->pair.a->streams->len;

  return n > 0 ? session_driver_get (f->pair.a, next (input) % n) : NULL;
}

static void
adopt (DriverStream *stream, guint8 how)
{
  if (stream == NULL)
    return;
  stream->keep = TRUE;
  stream->take = how & 1 ? 100 : 0;
  stream->read = (how & 2) != 0;
  stream->end = (how & 4) != 0;
  driver_stream_want (stream, how >> 3 & (LP2P_READY_READ | LP2P_READY_WRITE));
}

static void
use_stream (Fixture *f, Lp2pCursor *input, guint8 command)
{
  Lp2pMuxerSession *session = f->pair.a->session;
  DriverStream *stream = pick (f, input);
  guint8 argument = next (input);
  guint8 buffer[300];

  if (stream == NULL)
    return;
  switch (command)
    {
    case 0:
      driver_stream_write (stream, payload, argument * 16);
      break;
    case 1:
      driver_stream_send (stream, argument * 4096, argument & 1);
      break;
    case 2:
      driver_stream_read (stream, buffer, argument);
      break;
    case 3:
      driver_stream_finish (stream);
      break;
    case 4:
      driver_stream_release (stream);
      break;
    case 5:
      session->klass->stream_reset (session, stream->stream, argument);
      break;
    case 6:
      session->klass->stream_stop_reading (session, stream->stream, argument);
      break;
    default:
      driver_stream_want (stream, argument & (LP2P_READY_READ | LP2P_READY_WRITE));
      break;
    }
}

static void
use_session (Fixture *f, guint8 argument)
{
  Lp2pMuxerSession *session = f->pair.a->session;
  guint8 buffer[4096];
  Lp2pLayerInfo info;
  guint32 code;

  switch (argument & 7)
    {
    case 0:
      memory_layer_set_stalled (f->pair.layers[0], argument & 8);
      break;
    case 1:
    case 2:
      while (lp2p_layer_read (f->pair.layers[1], buffer, sizeof buffer) > 0)
        g_main_context_iteration (f->pair.context, FALSE);
      break;
    case 3:
      if (argument & 128)
        session->klass->close (session, argument, "fuzz");
      break;
    case 4:
      if (argument & 128)
        session->klass->abort (session, argument);
      break;
    case 5:
      if (argument & 128)
        lp2p_layer_shutdown_write (f->pair.layers[1]);
      break;
    default:
      session->klass->get_info (session, &info);
      session->klass->get_error (session, &code);
      session->klass->has_unsent (session);
      break;
    }
}

static void
run_command (Fixture *f, Lp2pCursor *input)
{
  guint8 command = next (input);

  switch (command & 7)
    {
    case 0:
    case 1:
      feed_raw (f, input);
      break;
    case 2:
    case 3:
      feed_frame (f, input);
      break;
    case 4:
      if (f->pair.a->streams->len < STREAMS_MAX)
        adopt (command & 128 ? session_driver_open (f->pair.a) : session_driver_accept (f->pair.a),
               command >> 3);
      break;
    case 5:
      use_stream (f, input, command >> 3 & 7);
      break;
    case 6:
      use_session (f, next (input));
      break;
    default:
      session_pair_pass (&f->pair, (gint64) next (input) * 200000, G_USEC_PER_SEC * 5);
      break;
    }
  for (guint i = 0; i < 8 && g_main_context_iteration (f->pair.context, FALSE); i++)
    continue;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  Lp2pCursor input = LP2P_CURSOR_INIT (data, size);
  guint8 setup = next (&input);
  MemoryLayerOptions layer = { .capacity = setup & 1 ? 1000 : 0, .max_peek = setup & 2 ? 5 : 0 };
  Fixture f;

  fixture_init (&f, &layer);
  f.options.max_streams = 20;
  f.options.ack_backlog = 10;
  fixture_start (&f, FALSE);
  while (lp2p_cursor_left (&input) > 0)
    run_command (&f, &input);
  fixture_clear (&f);
  return 0;
}
