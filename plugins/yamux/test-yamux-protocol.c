/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A session against a peer that sends frames by hand: what go, rust and js do,
 * and what nobody may do. The session is the initiator: its ids are odd. */

#include <lp2p/interfaces/lp2p-connection.h>

#include "lp2p-yamux-session-private.h"
#include "yamux-fixture.h"

#define KIB     1024
#define WINDOW  LP2P_YAMUX_INITIAL_WINDOW
#define DATA    LP2P_YAMUX_DATA
#define UPDATE  LP2P_YAMUX_WINDOW_UPDATE
#define PING    LP2P_YAMUX_PING
#define GO_AWAY LP2P_YAMUX_GO_AWAY
#define SYN     LP2P_YAMUX_SYN
#define ACK     LP2P_YAMUX_ACK
#define FIN     LP2P_YAMUX_FIN
#define RST     LP2P_YAMUX_RST

static void
start (Fixture *f)
{
  fixture_init (f, NULL);
  fixture_start (f, FALSE);
}

static Lp2pSessionState
get_state (Fixture *f)
{
  return f->pair.a->session->klass->get_state (f->pair.a->session);
}

static const GError *
get_error (Fixture *f)
{
  return f->pair.a->session->klass->get_error (f->pair.a->session, NULL);
}

static guint
count_streams (Fixture *f)
{
  return session_pair_count_streams (f->pair.a);
}

/* Opens stream 1 and has the peer acknowledge it. */
static DriverStream *
open_one (Fixture *f)
{
  DriverStream *stream = session_driver_open (f->pair.a);

  session_pair_run (&f->pair);
  raw_expect (f, UPDATE, SYN, 1, 0);
  raw_send (f, UPDATE, ACK, 1, 0);
  return stream;
}

static DriverStream *
accept_one (Fixture *f)
{
  DriverStream *stream = session_driver_accept (f->pair.a);

  g_assert_nonnull (stream);
  session_pair_run (&f->pair);
  return stream;
}

/* Violations: the peer gets a go-away with code 1, the session ends with an
 * error that says what was wrong. */

typedef struct
{
  const char *name;
  const char *message;
  guint8 frames[4][12];
} Violation;

/* Stream 1 is open, 3 is closed on both sides. */
static const Violation violations[] = {
  { "version", "*version 7*", { { 7, DATA } } },
  { "type", "*type 9*", { { 0, 9 } } },
  { "data-on-session", "*stream 0*", { { 0, DATA, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4 } } },
  { "update-on-session", "*stream 0*", { { 0, UPDATE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4 } } },
  { "ping-on-stream", "*ping*stream 1*", { { 0, PING, 0, SYN, 0, 0, 0, 1 } } },
  { "ping-without-direction", "*ping*flags 0x0*", { { 0, PING } } },
  { "go-away-on-stream", "*go-away*stream 1*", { { 0, GO_AWAY, 0, 0, 0, 0, 0, 1 } } },
  { "syn-with-our-parity", "*opened stream 5*odd*", { { 0, UPDATE, 0, SYN, 0, 0, 0, 5 } } },
  { "syn-with-our-open-id", "*opened stream 1*odd*", { { 0, DATA, 0, SYN, 0, 0, 0, 1 } } },
  { "syn-twice",
    "*opened stream 2*exists*",
    { { 0, UPDATE, 0, SYN, 0, 0, 0, 2 }, { 0, UPDATE, 0, SYN, 0, 0, 0, 2 } } },
  { "data-for-unopened", "*stream 4*never opened*", { { 0, DATA, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1 } } },
  { "update-for-unopened",
    "*stream 4*never opened*",
    { { 0, UPDATE, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1 } } },
  { "data-for-our-unopened",
    "*stream 5*never opened*",
    { { 0, DATA, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1 } } },
  { "reset-of-our-unopened",
    "*stream 5*never opened*",
    { { 0, UPDATE, 0, RST, 0, 0, 0, 5, 0, 0, 0, 1 } } },
  { "acknowledgement-of-unopened",
    "*stream 5*never opened*",
    { { 0, UPDATE, 0, ACK, 0, 0, 0, 5 } } },
  { "beyond-window",
    "*262145 bytes*stream 1*262144 left*",
    { { 0, DATA, 0, 0, 0, 0, 0, 1, 0, 4, 0, 1 } } },
  { "far-beyond-window",
    "*4294967295 bytes*",
    { { 0, DATA, 0, 0, 0, 0, 0, 1, 255, 255, 255, 255 } } },
  { "beyond-window-with-syn",
    "*262145 bytes*stream 2*",
    { { 0, DATA, 0, SYN, 0, 0, 0, 2, 0, 4, 0, 1 } } },
  { "beyond-window-with-reset",
    "*262145 bytes*stream 1*",
    { { 0, DATA, 0, RST, 0, 0, 0, 1, 0, 4, 0, 1 } } },
  { "window-overflow",
    "*stream 1*32 bits*",
    { { 0, UPDATE, 0, 0, 0, 0, 0, 1, 255, 255, 255, 255 } } },
  { "window-overflow-slowly",
    "*stream 1*32 bits*",
    { { 0, UPDATE, 0, 0, 0, 0, 0, 1, 255, 0, 0, 0 },
      { 0, UPDATE, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0 } } },
  { "window-overflow-with-syn",
    "*stream 2*32 bits*",
    { { 0, UPDATE, 0, SYN, 0, 0, 0, 2, 255, 255, 255, 255 } } },
  { "much-for-closed", "*stream 3*closed*", { { 0, DATA, 0, 0, 0, 0, 0, 3, 0, 5, 0, 0 } } },
};

static void
send_until_end (Fixture *f, const Violation *violation)
{
  for (guint i = 0; i < G_N_ELEMENTS (violation->frames); i++)
    if (get_state (f) == LP2P_SESSION_READY && (i == 0 || violation->frames[i][7] != 0))
      session_pair_send (&f->pair, violation->frames[i], sizeof violation->frames[i]);
}

static void
test_violation (gconstpointer data)
{
  const Violation *violation = data;
  DriverStream *stream;
  Lp2pYamuxHeader header;
  Fixture f;

  start (&f);
  stream = open_one (&f);
  stream->read = TRUE;
  driver_stream_want (stream, LP2P_READY_READ);
  session_driver_open (f.pair.a);
  session_pair_run (&f.pair);
  raw_expect (&f, UPDATE, SYN, 3, 0);
  driver_stream_release (session_driver_get (f.pair.a, 1));
  session_pair_run (&f.pair);
  raw_expect (&f, UPDATE, RST, 3, 0);

  send_until_end (&f, violation);
  g_assert_cmpint (get_state (&f), ==, LP2P_SESSION_CLOSED);
  g_assert_error (get_error (&f), LP2P_ERROR, LP2P_ERROR_PROTOCOL);
  g_test_message ("%s", get_error (&f)->message);
  g_assert_true (g_pattern_match_simple (violation->message, get_error (&f)->message));
  g_assert_true (stream->failed);
  g_assert_error (driver_stream_get_error (stream, LP2P_READY_WRITE, NULL), LP2P_ERROR, LP2P_ERROR_PROTOCOL);
  g_assert_cmpuint (f.pair.a->n_closed, ==, 1);

  do
    g_assert_true (raw_receive (&f, &header));
  while (header.type != GO_AWAY);
  g_assert_cmpuint (header.length, ==, LP2P_YAMUX_PROTOCOL_ERROR);
  g_assert_false (raw_receive (&f, &header));
  fixture_clear (&f);
}

/* Flags ride on what is sent anyway. */
static void
test_flags_ride (void)
{
  DriverStream *stream;
  Fixture f;

  start (&f);
  stream = session_driver_open (f.pair.a);
  g_assert_cmpint (driver_stream_write (stream, "hello", 5), ==, 5);
  driver_stream_finish (stream);
  session_pair_run (&f.pair);
  raw_expect (&f, DATA, SYN, 1, 5);
  raw_expect (&f, UPDATE, FIN, 1, 0);

  raw_send (&f, UPDATE, SYN, 2, 0);
  stream = accept_one (&f);
  raw_expect (&f, UPDATE, ACK, 2, 0);
  raw_send_data (&f, SYN, 4, 3);
  stream = session_driver_accept (f.pair.a);
  g_assert_cmpint (driver_stream_write (stream, "hello", 5), ==, 5);
  g_assert_cmpint (driver_stream_write (stream, "again", 5), ==, 5);
  session_pair_run (&f.pair);
  raw_expect (&f, DATA, ACK, 4, 5);
  raw_expect (&f, DATA, 0, 4, 5);

  /* All in one frame where there is no data. */
  stream = session_driver_open (f.pair.a);
  driver_stream_finish (stream);
  session_pair_run (&f.pair);
  raw_expect (&f, UPDATE, SYN | FIN, 3, 0);
  raw_expect_silence (&f);
  fixture_clear (&f);
}

/* Streams appear in the order of their ids even when written in another. */
static void
test_order_of_ids (void)
{
  DriverStream *streams[4];
  Fixture f;

  start (&f);
  for (guint i = 0; i < 4; i++)
    streams[i] = session_driver_open (f.pair.a);
  g_assert_cmpint (driver_stream_write (streams[2], "x", 1), ==, 1);
  g_assert_cmpint (driver_stream_write (streams[0], "x", 1), ==, 1);
  session_pair_run (&f.pair);
  raw_expect (&f, UPDATE, SYN, 1, 0);
  raw_expect (&f, UPDATE, SYN, 3, 0);
  raw_expect (&f, DATA, SYN, 5, 1);
  raw_expect (&f, DATA, 0, 1, 1);
  raw_expect (&f, UPDATE, SYN, 7, 0);
  fixture_clear (&f);
}

/* Returns how much of what was sent has come. */
static gsize
receive_frames (Fixture *f, gsize *largest)
{
  Lp2pYamuxHeader header;
  gsize total = 0;

  session_pair_run (&f->pair);
  for (*largest = 0; raw_receive (f, &header);)
    if (header.type == DATA)
      {
        *largest = MAX (*largest, header.length);
        total += header.length;
      }
  return total;
}

/* Frames are as large as the window, but no larger than all peers take. */
static void
test_frame_size (void)
{
  g_autofree guint8 *bytes = g_malloc0 (1024 * KIB);
  DriverStream *stream;
  gsize largest;
  Fixture f;

  fixture_init (&f, &(MemoryLayerOptions){ .capacity = 1024 * KIB });
  fixture_start (&f, FALSE);
  stream = open_one (&f);
  g_assert_cmpint (driver_stream_write (stream, bytes, 1024 * KIB), ==, WINDOW);
  g_assert_cmpuint (receive_frames (&f, &largest), ==, WINDOW);
  g_assert_cmpuint (largest, ==, WINDOW);
  raw_send (&f, UPDATE, 0, 1, 600 * KIB);
  session_pair_run (&f.pair);
  g_assert_cmpint (driver_stream_write (stream, bytes, 1024 * KIB), ==, 600 * KIB);
  g_assert_cmpuint (receive_frames (&f, &largest), ==, 600 * KIB);
  g_assert_cmpuint (largest, ==, 256 * KIB);
  fixture_clear (&f);
}

static void
test_split_header (void)
{
  static const guint8 bytes[] = { 0, DATA, 0,      SYN, 0,   0, 0, 2, 0, 0, 0, 3, 0, 1,
                                  2, 0,    UPDATE, 0,   FIN, 0, 0, 0, 2, 0, 0, 0, 0 };
  DriverStream *stream;
  guint8 buffer[10];
  Fixture f;

  start (&f);
  for (guint i = 0; i < sizeof bytes; i++)
    session_pair_send (&f.pair, bytes + i, 1);
  stream = accept_one (&f);
  g_assert_cmpint (driver_stream_read (stream, buffer, 10), ==, 3);
  g_assert_cmpint (driver_stream_read (stream, buffer, 10), ==, 0);
  fixture_clear (&f);
}

/* End and payload in one frame: the payload comes first. */
static void
test_data_with_fin (void)
{
  DriverStream *stream;
  guint8 buffer[10];
  Fixture f;

  start (&f);
  stream = open_one (&f);
  stream->take = 2;
  stream->read = FALSE;
  raw_send (&f, DATA, FIN, 1, 3);
  g_assert_cmpint (driver_stream_read (stream, buffer, 10), ==, LP2P_IO_AGAIN);
  session_pair_send (&f.pair, "\0\1\2", 3);
  g_assert_cmpuint (stream->n_received, ==, 2);
  g_assert_cmpint (driver_stream_read (stream, buffer, 10), ==, 1);
  g_assert_cmpint (driver_stream_read (stream, buffer, 10), ==, 0);
  fixture_clear (&f);
}

/* One stream is reset, the session goes on. */
static void
test_data_after_fin (void)
{
  DriverStream *stream;
  Fixture f;

  start (&f);
  stream = open_one (&f);
  raw_send (&f, UPDATE, FIN, 1, 0);
  raw_send (&f, UPDATE, FIN, 1, 100);
  g_assert_null (driver_stream_get_error (stream, LP2P_READY_WRITE, NULL));
  raw_send_data (&f, 0, 1, 10);
  g_assert_error (driver_stream_get_error (stream, LP2P_READY_WRITE, NULL), LP2P_ERROR, LP2P_ERROR_PROTOCOL);
  raw_expect (&f, UPDATE, RST, 1, LP2P_CODE_STREAM_PROTOCOL_VIOLATION);
  g_assert_cmpint (get_state (&f), ==, LP2P_SESSION_READY);
  raw_send (&f, PING, SYN, 0, 1);
  raw_expect (&f, PING, ACK, 0, 1);
  fixture_clear (&f);
}

/* A reset as go sends it, and as rust does. */
static void
test_remote_reset (void)
{
  DriverStream *stream;
  guint32 code;
  guint8 byte;
  Fixture f;

  start (&f);
  stream = open_one (&f);
  raw_send_data (&f, 0, 1, 10);
  raw_send (&f, UPDATE, RST, 1, 0x1005);
  g_assert_cmpint (driver_stream_read (stream, &byte, 1), ==, LP2P_IO_FAILED);
  g_assert_error (driver_stream_get_error (stream, LP2P_READY_READ, &code), LP2P_ERROR, LP2P_ERROR_RESET);
  g_assert_cmpuint (code, ==, 0x1005);

  raw_send_data (&f, SYN, 2, 10);
  stream = accept_one (&f);
  raw_send_data (&f, FIN, 2, 10);
  raw_send_data (&f, RST, 2, 0);
  /* What was complete before the reset can be read. */
  for (guint i = 0; i < 20; i++)
    g_assert_cmpint (driver_stream_read (stream, &byte, 1), ==, 1);
  g_assert_cmpint (driver_stream_read (stream, &byte, 1), ==, 0);
  g_assert_cmpint (driver_stream_write (stream, &byte, 1), ==, LP2P_IO_FAILED);
  g_assert_error (driver_stream_get_error (stream, LP2P_READY_WRITE, &code), LP2P_ERROR, LP2P_ERROR_RESET);
  g_assert_cmpuint (code, ==, 0);
  g_assert_null (driver_stream_get_error (stream, LP2P_READY_READ, &code));
  raw_expect (&f, UPDATE, ACK, 2, 0);
  raw_expect_silence (&f);

  /* With payload, which is dropped. */
  raw_send_data (&f, SYN, 4, 10);
  stream = accept_one (&f);
  raw_send_data (&f, RST, 4, 1000);
  g_assert_cmpint (driver_stream_read (stream, &byte, 1), ==, LP2P_IO_FAILED);
  raw_send (&f, PING, SYN, 0, 1);
  raw_expect (&f, UPDATE, ACK, 4, 0);
  raw_expect (&f, PING, ACK, 0, 1);
  fixture_clear (&f);
}

/* Reset before anybody accepted it. */
static void
test_reset_before_accept (void)
{
  Fixture f;

  start (&f);
  raw_send_data (&f, SYN, 2, 10);
  raw_send (&f, UPDATE, RST, 2, 5);
  g_assert_null (session_driver_accept (f.pair.a));
  g_assert_cmpuint (f.pair.a->n_withdrawn, ==, 1);
  g_assert_cmpuint (count_streams (&f), ==, 0);
  raw_send (&f, UPDATE, SYN | RST, 4, 5);
  g_assert_null (session_driver_accept (f.pair.a));
  g_assert_cmpuint (count_streams (&f), ==, 0);
  raw_expect_silence (&f);
  fixture_clear (&f);
}

/* Frames that cross our reset are dropped, as far as the window allowed them. */
static void
test_late_frames (void)
{
  DriverStream *stream;
  Fixture f;

  start (&f);
  stream = open_one (&f);
  driver_stream_release (stream);
  session_pair_run (&f.pair);
  raw_expect (&f, UPDATE, RST, 1, 0);
  g_assert_cmpuint (count_streams (&f), ==, 0);
  raw_send_data (&f, 0, 1, 200 * KIB);
  raw_send (&f, UPDATE, 0, 1, G_MAXUINT32);
  raw_send (&f, UPDATE, ACK, 1, 0);
  raw_send_data (&f, FIN, 1, 56 * KIB);
  raw_send (&f, UPDATE, RST, 1, 0);
  g_assert_cmpint (get_state (&f), ==, LP2P_SESSION_READY);
  raw_expect_silence (&f);
  raw_send (&f, DATA, 0, 1, 1);
  g_assert_cmpint (get_state (&f), ==, LP2P_SESSION_CLOSED);
  fixture_clear (&f);
}

/* rust numbers streams when they are opened and sends SYN with the first frame;
 * it ends and resets those that it never announced. */
static void
test_rust_habits (void)
{
  Fixture f;

  start (&f);
  raw_send_data (&f, SYN, 6, 10);
  raw_send_data (&f, SYN, 2, 10);
  accept_one (&f);
  accept_one (&f);
  g_assert_cmpuint (count_streams (&f), ==, 2);
  raw_send (&f, DATA, RST, 4, 0);
  raw_send (&f, DATA, RST, 8, 0);
  raw_send (&f, DATA, FIN, 10, 0);
  g_assert_cmpint (get_state (&f), ==, LP2P_SESSION_READY);
  g_assert_cmpuint (count_streams (&f), ==, 2);
  fixture_clear (&f);
}

/* SYN and ACK may carry a larger window at once. */
static void
test_initial_window (void)
{
  DriverStream *stream;
  Fixture f;

  fixture_init (&f, &(MemoryLayerOptions){ .capacity = 1024 * KIB });
  fixture_start (&f, FALSE);
  raw_send (&f, UPDATE, SYN, 2, 100);
  stream = accept_one (&f);
  driver_stream_send (stream, 1024 * KIB, FALSE);
  g_assert_cmpuint (stream->n_written, ==, WINDOW + 100);

  stream = session_driver_open (f.pair.a);
  raw_send (&f, UPDATE, ACK, 1, 200);
  driver_stream_send (stream, 1024 * KIB, FALSE);
  g_assert_cmpuint (stream->n_written, ==, WINDOW + 200);
  fixture_clear (&f);
}

static void
test_too_many_streams (void)
{
  Fixture f;

  fixture_init (&f, NULL);
  f.options.max_streams = 3;
  fixture_start (&f, FALSE);
  raw_send (&f, UPDATE, SYN, 2, 0);
  raw_send (&f, UPDATE, SYN, 4, 0);
  raw_send (&f, UPDATE, SYN, 6, 0);
  /* Those that wait to be accepted are counted. */
  raw_send_data (&f, SYN, 8, 1000);
  raw_expect (&f, UPDATE, RST, 8, LP2P_CODE_STREAM_RESOURCE_LIMIT);
  /* What it sent before it knew. */
  raw_send_data (&f, FIN, 8, 1000);

  for (guint id = 2; id <= 6; id += 2)
    {
      accept_one (&f);
      raw_expect (&f, UPDATE, ACK, id, 0);
    }
  raw_send (&f, UPDATE, SYN, 10, 0);
  raw_expect (&f, UPDATE, RST, 10, LP2P_CODE_STREAM_RESOURCE_LIMIT);

  /* Our own are not counted. */
  g_assert_nonnull (session_driver_open (f.pair.a));
  session_pair_run (&f.pair);
  raw_expect (&f, UPDATE, SYN, 1, 0);

  driver_stream_release (session_driver_get (f.pair.a, 0));
  session_pair_run (&f.pair);
  raw_expect (&f, UPDATE, RST, 2, 0);
  raw_send (&f, UPDATE, SYN, 12, 0);
  accept_one (&f);
  raw_expect (&f, UPDATE, ACK, 12, 0);
  fixture_clear (&f);
}

/* js opens more than a backlog before it reads an answer, and all in one record. */
static void
test_many_at_once (void)
{
  const guint n = 300;
  g_autoptr (GByteArray) opens = g_byte_array_new ();
  Fixture f;

  fixture_init (&f, &(MemoryLayerOptions){ .capacity = 64 * KIB });
  g_assert_cmpuint (n, >, f.options.ack_backlog);
  fixture_start (&f, FALSE);
  for (guint i = 1; i <= n; i++)
    {
      Lp2pYamuxHeader header = { UPDATE, SYN, 2 * i, 0 };
      guint8 bytes[LP2P_YAMUX_HEADER_SIZE];

      lp2p_yamux_header_encode (&header, bytes);
      g_byte_array_append (opens, bytes, sizeof bytes);
    }
  session_pair_send (&f.pair, opens->data, opens->len);
  raw_expect_silence (&f);
  for (guint i = 1; i <= n; i++)
    {
      accept_one (&f);
      raw_expect (&f, UPDATE, ACK, 2 * i, 0);
    }
  raw_expect_silence (&f);
  fixture_clear (&f);
}

static void
test_ping (void)
{
  DriverStream *stream;
  Fixture f;

  fixture_init (&f, &(MemoryLayerOptions){ .capacity = 1024 * KIB });
  fixture_start (&f, FALSE);
  raw_send (&f, PING, SYN, 0, 0xcafe);
  raw_expect (&f, PING, ACK, 0, 0xcafe);
  raw_send (&f, PING, ACK, 0, 77);
  g_assert_cmpint (get_state (&f), ==, LP2P_SESSION_READY);

  /* Also while every window is used up. */
  stream = open_one (&f);
  driver_stream_send (stream, 1024 * KIB, FALSE);
  session_pair_run (&f.pair);
  g_assert_cmpuint (stream->n_written, ==, WINDOW);
  raw_send (&f, PING, SYN, 0, 1);
  for (gsize total = 0; total < WINDOW;)
    {
      Lp2pYamuxHeader header;

      g_assert_true (raw_receive (&f, &header));
      total += header.type == DATA ? header.length : 0;
    }
  raw_expect (&f, PING, ACK, 0, 1);
  fixture_clear (&f);
}

/* Nobody makes us keep answers that they do not read. */
static void
test_ping_flood (void)
{
  guint8 ping[LP2P_YAMUX_HEADER_SIZE] = { 0, PING, 0, SYN };
  g_autoptr (GByteArray) pings = g_byte_array_new ();
  Fixture f;

  /* Read, they may be many. */
  fixture_init (&f, &(MemoryLayerOptions){ .capacity = 16 * KIB });
  fixture_start (&f, FALSE);
  for (guint i = 0; i < 1000; i++)
    g_byte_array_append (pings, ping, sizeof ping);
  session_pair_send (&f.pair, pings->data, pings->len);
  for (guint i = 0; i < 1000; i++)
    raw_expect (&f, PING, ACK, 0, 0);

  /* Not read, they fill what the layer holds, then 256 more. */
  for (guint i = 0; i < 5 && get_state (&f) == LP2P_SESSION_READY; i++)
    session_pair_send (&f.pair, pings->data, pings->len);
  session_pair_run (&f.pair);
  g_assert_cmpint (get_state (&f), ==, LP2P_SESSION_CLOSING);
  session_pair_pass (&f.pair, 10 * G_USEC_PER_SEC, G_USEC_PER_SEC);
  g_assert_cmpint (get_state (&f), ==, LP2P_SESSION_CLOSED);
  g_assert_error (get_error (&f), LP2P_ERROR, LP2P_ERROR_PROTOCOL);
  g_assert_nonnull (strstr (get_error (&f)->message, "does not read"));
  fixture_clear (&f);
}

/* The same with streams that are refused. */
static void
test_syn_flood (void)
{
  Fixture f;

  fixture_init (&f, &(MemoryLayerOptions){ .capacity = 16 * KIB });
  f.options.max_streams = 10;
  fixture_start (&f, FALSE);
  for (guint i = 1; i <= 3000 && get_state (&f) == LP2P_SESSION_READY; i++)
    raw_send (&f, UPDATE, SYN, 2 * i, 0);
  g_assert_cmpint (get_state (&f), !=, LP2P_SESSION_READY);
  g_assert_cmpuint (count_streams (&f), ==, 0);
  session_pair_pass (&f.pair, 10 * G_USEC_PER_SEC, G_USEC_PER_SEC);
  g_assert_nonnull (strstr (get_error (&f)->message, "does not read"));
  fixture_clear (&f);
}

/* Streams that come and go keep nothing. */
static void
test_stream_churn (void)
{
  Fixture f;

  start (&f);
  for (guint i = 1; i <= 2000; i++)
    {
      DriverStream *stream;

      raw_send_data (&f, SYN | FIN, 2 * i, 3);
      stream = accept_one (&f);
      driver_stream_finish (stream);
      driver_stream_release (stream);
      session_pair_run (&f.pair);
      raw_expect (&f, UPDATE, ACK, 2 * i, 0);
      raw_expect (&f, UPDATE, FIN, 2 * i, 0);
    }
  g_assert_cmpuint (count_streams (&f), ==, 0);
  fixture_clear (&f);
}

static void
test_go_away_with_code (void)
{
  DriverStream *stream;
  guint32 code;
  Fixture f;

  start (&f);
  stream = open_one (&f);
  raw_send (&f, GO_AWAY, 0, 0, 0x2001);
  g_assert_cmpint (get_state (&f), ==, LP2P_SESSION_CLOSED);
  g_assert_error (f.pair.a->session->klass->get_error (f.pair.a->session, &code), LP2P_ERROR,
                  LP2P_ERROR_CONNECTION_LOST);
  g_assert_cmpuint (code, ==, 0x2001);
  g_assert_error (driver_stream_get_error (stream, LP2P_READY_READ, &code), LP2P_ERROR,
                  LP2P_ERROR_CONNECTION_LOST);
  g_assert_cmpuint (code, ==, 0x2001);
  fixture_clear (&f);
}

/* The peer takes no new streams; those that exist are finished. */
static void
test_go_away_normal (void)
{
  DriverStream *stream;
  Fixture f;

  start (&f);
  stream = open_one (&f);
  raw_send (&f, GO_AWAY, 0, 0, 0);
  g_assert_cmpint (get_state (&f), ==, LP2P_SESSION_CLOSING);
  g_assert_cmpuint (f.pair.a->n_closing, ==, 1);
  g_assert_null (session_driver_open (f.pair.a));

  driver_stream_send (stream, 10, TRUE);
  session_pair_run (&f.pair);
  raw_expect (&f, DATA, 0, 1, 10);
  raw_expect (&f, UPDATE, FIN, 1, 0);
  raw_send_data (&f, FIN, 1, 10);
  driver_stream_release (stream);
  session_pair_run (&f.pair);
  raw_expect (&f, GO_AWAY, 0, 0, 0);
  /* The peer ends the connection when it has read that. */
  g_assert_cmpint (get_state (&f), ==, LP2P_SESSION_CLOSING);
  g_assert_cmpint (lp2p_layer_shutdown_write (f.pair.layers[1]), ==, 0);
  session_pair_run (&f.pair);
  g_assert_cmpint (get_state (&f), ==, LP2P_SESSION_CLOSED);
  g_assert_null (get_error (&f));
  fixture_clear (&f);
}

/* What go, rust and js do in fact: the go-away, then the end. */
static void
test_go_away_and_end (void)
{
  DriverStream *stream;
  guint8 buffer[20];
  Fixture f;

  start (&f);
  stream = open_one (&f);
  raw_send_data (&f, 0, 1, 10);
  raw_send (&f, GO_AWAY, 0, 0, 0);
  g_assert_cmpint (lp2p_layer_shutdown_write (f.pair.layers[1]), ==, 0);
  session_pair_run (&f.pair);
  g_assert_cmpint (get_state (&f), ==, LP2P_SESSION_CLOSED);
  g_assert_null (get_error (&f));
  g_assert_cmpint (driver_stream_read (stream, buffer, 20), ==, 10);
  g_assert_cmpint (driver_stream_read (stream, buffer, 20), ==, LP2P_IO_FAILED);
  g_assert_error (driver_stream_get_error (stream, LP2P_READY_READ, NULL), LP2P_ERROR,
                  LP2P_ERROR_CONNECTION_LOST);
  fixture_clear (&f);
}

/* go ends an idle session without a word. */
static void
test_end (void)
{
  Fixture f;

  start (&f);
  g_assert_cmpint (lp2p_layer_shutdown_write (f.pair.layers[1]), ==, 0);
  session_pair_run (&f.pair);
  g_assert_cmpint (get_state (&f), ==, LP2P_SESSION_CLOSED);
  g_assert_null (get_error (&f));
  fixture_clear (&f);

  start (&f);
  open_one (&f);
  g_assert_cmpint (lp2p_layer_shutdown_write (f.pair.layers[1]), ==, 0);
  session_pair_run (&f.pair);
  g_assert_error (get_error (&f), LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST);
  fixture_clear (&f);
}

static void
test_end_in_frame (void)
{
  static const guint8 bytes[] = { 0, DATA, 0, SYN, 0, 0, 0, 2, 0, 0, 0, 3, 0 };

  for (guint size = 1; size <= sizeof bytes; size++)
    {
      Fixture f;

      start (&f);
      session_pair_send (&f.pair, bytes, size);
      g_assert_cmpint (lp2p_layer_shutdown_write (f.pair.layers[1]), ==, 0);
      session_pair_run (&f.pair);
      g_assert_cmpint (get_state (&f), ==, LP2P_SESSION_CLOSED);
      g_assert_error (get_error (&f), LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST);
      g_assert_nonnull (strstr (get_error (&f)->message, "middle of a frame"));
      fixture_clear (&f);
    }
}

/* The head of a frame is not what it announces: for that, nothing is granted. */
static void
test_no_credit_ahead (void)
{
  g_autofree guint8 *buffer = g_malloc0 (WINDOW);
  DriverStream *stream;
  Fixture f;

  fixture_init (&f, NULL);
  f.options.max_window = WINDOW;
  fixture_start (&f, FALSE);
  stream = open_one (&f);
  /* The first data is answered by a ping, whose answer must not come amid others. */
  raw_send_data (&f, 0, 1, KIB);
  session_pair_run (&f.pair);
  raw_expect_silence (&f);
  g_assert_cmpint (driver_stream_read (stream, buffer, WINDOW), ==, KIB);
  raw_send (&f, DATA, 0, 1, WINDOW - KIB);
  for (guint i = 0; i < 2; i++)
    {
      session_pair_send (&f.pair, buffer, 50 * KIB);
      session_pair_run (&f.pair);
      g_assert_cmpint (driver_stream_read (stream, buffer, WINDOW), ==, 50 * KIB);
      session_pair_run (&f.pair);
      raw_expect_silence (&f);
    }
  session_pair_send (&f.pair, buffer, 50 * KIB);
  session_pair_run (&f.pair);
  g_assert_cmpint (driver_stream_read (stream, buffer, WINDOW), ==, 50 * KIB);
  session_pair_run (&f.pair);
  raw_expect (&f, UPDATE, 0, 1, 151 * KIB);
  fixture_clear (&f);
}

/* A window update is worth sending while the peer can still send. */
static void
test_no_credit_after_end (void)
{
  g_autofree guint8 *buffer = g_malloc (WINDOW);
  DriverStream *stream;
  Fixture f;

  start (&f);
  stream = open_one (&f);
  raw_send_data (&f, FIN, 1, 200 * KIB);
  while (driver_stream_read (stream, buffer, WINDOW) > 0)
    continue;
  g_assert_true (stream->ended);
  session_pair_run (&f.pair);
  raw_expect_silence (&f);
  fixture_clear (&f);
}

/* A peer that never ends its side of streams that we have finished holds only
 * so many of them. */
static void
test_zombies (void)
{
  Fixture f;

  fixture_init (&f, NULL);
  f.options.ack_backlog = 10;
  fixture_start (&f, FALSE);
  for (guint i = 0; i < 30; i++)
    {
      DriverStream *stream = session_driver_open (f.pair.a);

      driver_stream_finish (stream);
      session_pair_run (&f.pair);
      raw_expect (&f, UPDATE, SYN | FIN, 2 * i + 1, 0);
      driver_stream_release (stream);
      session_pair_run (&f.pair);
      if (i >= 10)
        raw_expect (&f, UPDATE, RST, 2 * i + 1, 0);
      else
        raw_send (&f, UPDATE, ACK, 2 * i + 1, 0);
    }
  g_assert_cmpuint (count_streams (&f), ==, 10);
  raw_send (&f, UPDATE, FIN, 1, 0);
  g_assert_cmpuint (count_streams (&f), ==, 9);
  fixture_clear (&f);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (violations); i++)
    {
      g_autofree char *path = g_strconcat ("/yamux/violation/", violations[i].name, NULL);

      g_test_add_data_func (path, &violations[i], test_violation);
    }
  g_test_add_func ("/yamux/frames/flags-ride", test_flags_ride);
  g_test_add_func ("/yamux/frames/order-of-ids", test_order_of_ids);
  g_test_add_func ("/yamux/frames/size", test_frame_size);
  g_test_add_func ("/yamux/frames/split-header", test_split_header);
  g_test_add_func ("/yamux/frames/data-with-fin", test_data_with_fin);
  g_test_add_func ("/yamux/frames/data-after-fin", test_data_after_fin);
  g_test_add_func ("/yamux/frames/initial-window", test_initial_window);
  g_test_add_func ("/yamux/frames/no-credit-ahead", test_no_credit_ahead);
  g_test_add_func ("/yamux/frames/no-credit-after-end", test_no_credit_after_end);
  g_test_add_func ("/yamux/reset/remote", test_remote_reset);
  g_test_add_func ("/yamux/reset/before-accept", test_reset_before_accept);
  g_test_add_func ("/yamux/reset/late-frames", test_late_frames);
  g_test_add_func ("/yamux/peers/rust", test_rust_habits);
  g_test_add_func ("/yamux/limits/streams", test_too_many_streams);
  g_test_add_func ("/yamux/limits/at-once", test_many_at_once);
  g_test_add_func ("/yamux/limits/ping", test_ping);
  g_test_add_func ("/yamux/limits/ping-flood", test_ping_flood);
  g_test_add_func ("/yamux/limits/syn-flood", test_syn_flood);
  g_test_add_func ("/yamux/limits/churn", test_stream_churn);
  g_test_add_func ("/yamux/limits/zombies", test_zombies);
  g_test_add_func ("/yamux/go-away/code", test_go_away_with_code);
  g_test_add_func ("/yamux/go-away/normal", test_go_away_normal);
  g_test_add_func ("/yamux/go-away/and-end", test_go_away_and_end);
  g_test_add_func ("/yamux/go-away/end", test_end);
  g_test_add_func ("/yamux/go-away/end-in-frame", test_end_in_frame);
  return g_test_run ();
}
