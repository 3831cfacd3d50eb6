/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How what is sent is spread over time, on a line whose rate is known. */

#include <dlfcn.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "quic-pair.h"

/* Twenty megabits in a second, and a round trip. */
#define RATE          2500 /* bytes in a millisecond */
#define ROUND_TRIP_US (2 * TEST_WIRE_DELAY_US)

/* What the largest packet of such a line holds. */
#define PACKET 1452

/* By how much BBR goes above the rate that it knows, to see whether there is more. */
#define GAIN 1.25

/* A link of a usual size, behind which the others have to be found out about. */
int
getsockopt (int fd, int level, int option, void *value, socklen_t *size)
{
  static int (*original) (int, int, int, void *, socklen_t *);
  int result;

  if (original == NULL)
    original = (int (*) (int, int, int, void *, socklen_t *)) dlsym (RTLD_NEXT, "getsockopt");
  result = original (fd, level, option, value, size);
  if (result == 0 && level == IPPROTO_IP && option == IP_MTU)
    *(int *) value = 1500;
  return result;
}

typedef struct
{
  Lp2pMuxerStream *stream;
  Lp2pMuxerStream *other; /* at the other end, or NULL */
  gsize written;
  gsize seen;
} Flow;

/* Lets @us go by at once, and reads what has come. */
static void
flow_on (QuicPair *f, Flow *flows, guint n, gint64 us)
{
  test_world_jump (f->world, us);
  test_world_settle (f->world);
  for (guint i = 0; i < n; i++)
    {
      if (flows[i].other == NULL)
        flows[i].other = f->accepted->klass->accept (f->accepted);
      if (flows[i].other != NULL)
        flows[i].seen += quic_pair_read (f, flows[i].other, flows[i].seen);
    }
}

/* As much as there is room for, all the time, in steps of @step. */
static void
saturate (QuicPair *f, Flow *flows, guint n, gint64 us, gint64 step)
{
  for (gint64 end = f->world->now + us; f->world->now < end; flow_on (f, flows, n, step))
    for (guint i = 0; i < n; i++)
      flows[i].written += quic_pair_write (f, flows[i].stream, 100000, flows[i].written);
}

static gboolean
is_drained (const Flow *flows, guint n)
{
  for (guint i = 0; i < n; i++)
    if (flows[i].seen < flows[i].written)
      return FALSE;
  return TRUE;
}

static void
drain (QuicPair *f, Flow *flows, guint n)
{
  for (guint i = 0; !is_drained (flows, n); i++)
    {
      g_assert_cmpuint (i, <, 10000);
      flow_on (f, flows, n, G_TIME_SPAN_MILLISECOND);
    }
  test_world_advance (f->world, 4 * ROUND_TRIP_US);
}

static void
release (QuicPair *f, Flow *flow)
{
  f->dialed->klass->stream_release (f->dialed, flow->stream);
  f->accepted->klass->stream_release (f->accepted, flow->other);
}

static void
set_up (QuicPair *f, gconstpointer data)
{
  quic_pair_init (f, NULL, TRUE);
  test_wire_set_rate (f->wire, RATE);
  quic_pair_connect (f);
}

static void
tear_down (QuicPair *f, gconstpointer data)
{
  quic_pair_clear (f);
}

/* It has got to know the line. */
static Flow
begin (QuicPair *f)
{
  Flow flow = { quic_pair_open (f) };

  saturate (f, &flow, 1, 2 * G_USEC_PER_SEC, G_TIME_SPAN_MILLISECOND);
  drain (f, &flow, 1);
  return flow;
}

/* What was written at once, and the window has room for, does not leave at once. */
static void
test_burst (QuicPair *f, gconstpointer data)
{
  Lp2pQuicConnection *connection = quic_host_get_connection (&f->dialer);
  Flow flow = begin (f);

  for (guint i = 0; i < 3; i++)
    {
      guint64 first = connection->bytes_written, before = first;
      gint64 begin = f->world->now;

      flow.written += quic_pair_write (f, flow.stream, 60000, flow.written);
      test_world_settle (f->world);
      /* What is a millisecond late, in time, and early, each in whole packets. */
      g_assert_cmpuint (connection->bytes_written - before, <=, 3 * (GAIN * RATE + PACKET));
      while (connection->bytes_written - first < 60000)
        {
          before = connection->bytes_written;
          flow_on (f, &flow, 1, G_TIME_SPAN_MILLISECOND);
          g_assert_cmpuint (connection->bytes_written - before, <=, 2 * (GAIN * RATE + PACKET));
          g_assert_cmpint (f->world->now - begin, <=, 1.3 * 60000 * 1000 / RATE);
        }
      drain (f, &flow, 1);
    }
  release (f, &flow);
}

/* The line is full all the time, also where the loop comes late. BBR leaves some of it to
 * itself, for a part of a second to measure the round trip. */
static void
test_rate (QuicPair *f, gconstpointer data)
{
  Flow flow = begin (f);

  for (gint64 step = 1000; step <= 16000; step *= 4)
    {
      gsize before;

      saturate (f, &flow, 1, G_USEC_PER_SEC, step);
      before = flow.seen;
      saturate (f, &flow, 1, G_USEC_PER_SEC, step);
      g_test_message ("steps of %d us: %" G_GSIZE_FORMAT " of %u bytes", (int) step, flow.seen - before, RATE * 1000);
      g_assert_cmpuint (flow.seen - before, >=, 0.8 * RATE * 1000);
    }
  drain (f, &flow, 1);
  release (f, &flow);
}

/* A packet that nothing is to follow does not wake the loop once more: pacing would have
 * the next one wait for a part of a millisecond. */
static void
test_wake (QuicPair *f, gconstpointer data)
{
  Lp2pQuicConnection *connection = quic_host_get_connection (&f->dialer);
  Flow flow = begin (f);

  for (gsize size = 1; size <= 2000; size += 333)
    {
      flow.written += quic_pair_write (f, flow.stream, size, flow.written);
      test_world_settle (f->world);
      g_assert_true (lp2p_timer_is_set (&connection->timer));
      g_assert_cmpint (connection->timer.deadline, >, lp2p_loop_now (connection->loop) + LP2P_QUIC_PACED_AHEAD_US);
      drain (f, &flow, 1);
    }
  release (f, &flow);
}

/* Streams that have all the time something to send have the same of a line that is full. */
static void
test_fair (QuicPair *f, gconstpointer data)
{
  Flow first = begin (f);
  Flow flows[3] = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (flows); i++)
    flows[i].stream = quic_pair_open (f);
  saturate (f, flows, G_N_ELEMENTS (flows), G_USEC_PER_SEC, G_TIME_SPAN_MILLISECOND);
  for (guint i = 0; i < G_N_ELEMENTS (flows); i++)
    {
      g_test_message ("stream %u: %" G_GSIZE_FORMAT " bytes", i, flows[i].seen);
      g_assert_cmpuint (flows[i].seen, >=, 0.7 * 1000 * RATE / G_N_ELEMENTS (flows));
    }
  drain (f, flows, G_N_ELEMENTS (flows));
  for (guint i = 0; i < G_N_ELEMENTS (flows); i++)
    release (f, &flows[i]);
  release (f, &first);
}

/* Where nothing takes time, neither does the handshake, though pacing knows nothing of the
 * path. */
static void
test_handshake (void)
{
  QuicPair pair = { 0 };
  gint64 begin;

  quic_pair_init (&pair, NULL, FALSE);
  begin = pair.world->now;
  quic_pair_connect (&pair);
  g_assert_cmpint (pair.world->now, ==, begin);
  quic_pair_clear (&pair);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

#define ADD(name, function) g_test_add ("/quic-pacing/" name, QuicPair, NULL, set_up, function, tear_down)
  ADD ("burst", test_burst);
  ADD ("rate", test_rate);
  ADD ("wake", test_wake);
  ADD ("fair", test_fair);
#undef ADD
  g_test_add_func ("/quic-pacing/handshake", test_handshake);

  return g_test_run ();
}
