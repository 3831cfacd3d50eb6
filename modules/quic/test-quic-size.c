/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How large packets are where larger ones do not arrive any more, or seemed not to. */

#include "lp2p-udp-hub-private.h"

#include "quic-pair.h"

#define STEP_US G_TIME_SPAN_MILLISECOND

/* What is written at once, and how often that is. */
#define BURST     80000
#define PERIOD_US (40 * G_TIME_SPAN_MILLISECOND)

/* Of what loopback passes, as much as one batch of several packets leaves to each. */
#define LARGE 50000

/* A bulk transfer, and what is to be known of it.
 *
 * @longest: for how long nothing came at the most, in microseconds */
typedef struct
{
  QuicPair pair;
  Lp2pQuicConnection *connection; /* of the dialer */
  Lp2pMuxerStream *stream;
  Lp2pMuxerStream *other;
  gsize written;
  gint64 write_at;
  gsize seen;
  gint64 seen_at;
  gint64 longest;
} Fixture;

static gsize
get_size (Fixture *f)
{
  return lp2p_quic_size_get_max (f->connection);
}

static gboolean
is_small (Fixture *f)
{
  return get_size (f) == NGTCP2_MAX_UDP_PAYLOAD_SIZE;
}

static void
step (Fixture *f)
{
  gsize n;

  test_world_advance (f->pair.world, STEP_US);
  n = quic_pair_read (&f->pair, f->other, f->seen);
  if (n == 0)
    return;
  f->seen += n;
  f->longest = MAX (f->longest, f->pair.world->now - f->seen_at);
  f->seen_at = f->pair.world->now;
}

/* Writes more than goes into the largest packet, again and again, where the last has left. */
static void
go_on (Fixture *f, gint64 us)
{
  const Lp2pQuicSendBuffer *output = &((Lp2pQuicStream *) f->stream)->output;

  for (gint64 end = f->pair.world->now + us; f->pair.world->now < end; step (f))
    {
      if (f->pair.world->now < f->write_at || lp2p_quic_send_buffer_get_unsent (output) > 0)
        continue;
      f->written += quic_pair_write (&f->pair, f->stream, BURST, f->written);
      f->write_at = f->pair.world->now + PERIOD_US;
    }
}

/* Until all has arrived and is known to. */
static void
drain (Fixture *f)
{
  for (guint i = 0; f->seen < f->written; i++, step (f))
    g_assert_cmpuint (i, <, 10000);
  test_world_advance (f->pair.world, 4 * TEST_WIRE_DELAY_US);
  f->seen_at = f->pair.world->now;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  quic_pair_init (&f->pair, NULL, TRUE);
  quic_pair_connect (&f->pair);
  f->connection = quic_host_get_connection (&f->pair.dialer);
  f->stream = quic_pair_open (&f->pair);
  f->written = quic_pair_write (&f->pair, f->stream, 1, 0);
  test_until (f->pair.world, (f->other = f->pair.accepted->klass->accept (f->pair.accepted)) != NULL);
  f->seen_at = f->pair.world->now;
  go_on (f, G_USEC_PER_SEC);
  g_assert_cmpuint (get_size (f), >, LARGE);
  f->longest = 0;
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  test_wire_set_mtu (f->pair.wire, 0);
  f->pair.dialed->klass->stream_release (f->pair.dialed, f->stream);
  f->pair.accepted->klass->stream_release (f->pair.accepted, f->other);
  quic_pair_clear (&f->pair);
}

/* From now on the path takes only what a usual link does. */
static void
shrink (Fixture *f)
{
  test_wire_set_mtu (f->pair.wire, 1472);
  go_on (f, 2 * G_USEC_PER_SEC);
  g_test_message ("stalled for %d ms", (int) (f->longest / 1000));
  g_assert_cmpint (f->longest, <=, G_USEC_PER_SEC);
  g_assert_true (is_small (f));
  f->longest = 0;
}

/* The listener does nothing for a while, and then all at once. */
static void
starve (Fixture *f)
{
  Lp2pUdpSocket *socket = quic_host_get_endpoint (&f->pair.listener)->socket;

  socket->blocked = TRUE;
  go_on (f, G_USEC_PER_SEC);
  g_assert_true (is_small (f));
  lp2p_udp_socket_unblock (socket);
}

/* Of ten seconds, in which all that is tried gets lost. */
static void
check_trials (Fixture *f, guint n_lost)
{
  g_test_message ("%u packets lost, stalled for %d ms", n_lost, (int) (f->longest / 1000));
  g_assert_cmpuint (n_lost, >=, 2);
  g_assert_cmpuint (n_lost, <=, 5);
}

/* A path that only small packets pass: that is noticed once, and larger ones are tried so
 * rarely, one by one, that it makes no difference. */
static void
test_shrunk (Fixture *f, gconstpointer data)
{
  guint n_lost;
  gsize seen;

  shrink (f);
  n_lost = test_wire_get_n_too_large (f->pair.wire);
  seen = f->seen;
  for (guint i = 0; i < 1000; i++)
    {
      go_on (f, 10 * G_TIME_SPAN_MILLISECOND);
      g_assert_true (is_small (f));
    }
  check_trials (f, test_wire_get_n_too_large (f->pair.wire) - n_lost);
  g_assert_cmpint (f->longest, <=, PERIOD_US + 6 * TEST_WIRE_DELAY_US);
  g_assert_cmpuint (f->seen - seen, >=, 0.7 * BURST * 10 * G_USEC_PER_SEC / PERIOD_US);
}

/* The same where nothing follows the packet that is tried, and only a timer says that it was
 * lost. */
static void
test_shrunk_messages (Fixture *f, gconstpointer data)
{
  guint n_lost;

  shrink (f);
  drain (f);
  n_lost = test_wire_get_n_too_large (f->pair.wire);
  for (guint i = 0; i < 100; i++)
    {
      f->written += quic_pair_write (&f->pair, f->stream, 2000, f->written);
      for (guint k = 0; k < 100; k++)
        step (f);
      g_assert_true (is_small (f));
    }
  check_trials (f, test_wire_get_n_too_large (f->pair.wire) - n_lost);
  g_assert_cmpint (f->longest, <=, 500 * G_TIME_SPAN_MILLISECOND);
}

/* What is sent because nothing is acknowledged is small. */
static void
test_shrunk_silent (Fixture *f, gconstpointer data)
{
  Lp2pUdpSocket *socket = quic_host_get_endpoint (&f->pair.listener)->socket;
  guint n_lost;

  shrink (f);
  socket->blocked = TRUE;
  go_on (f, 500 * G_TIME_SPAN_MILLISECOND);
  n_lost = test_wire_get_n_too_large (f->pair.wire);
  go_on (f, 5 * G_USEC_PER_SEC);
  g_assert_cmpuint (test_wire_get_n_too_large (f->pair.wire), ==, n_lost);
  lp2p_udp_socket_unblock (socket);
  drain (f);
}

/* As long as a path is wide, its packets are, but for a second. */
static void
test_starved (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < 3; i++)
    {
      gint64 begin;

      starve (f);
      for (begin = f->pair.world->now; is_small (f); go_on (f, STEP_US))
        g_assert_cmpint (f->pair.world->now - begin, <=, G_USEC_PER_SEC);
      g_test_message ("small for %d ms", (int) ((f->pair.world->now - begin) / 1000));
      g_assert_cmpuint (get_size (f), >, LARGE);
      go_on (f, G_USEC_PER_SEC);
    }
}

/* Packets become as large as those which have arrived. */
static void
test_starved_messages (Fixture *f, gconstpointer data)
{
  starve (f);
  drain (f);
  for (gsize size = 2000; size <= 16000; size *= 2)
    {
      for (guint i = 0; i < 10; i++)
        {
          f->written += quic_pair_write (&f->pair, f->stream, size, f->written);
          drain (f);
        }
      g_assert_cmpuint (get_size (f), >=, size);
      g_assert_cmpuint (get_size (f), <, size + 100);
    }
  go_on (f, G_USEC_PER_SEC);
  g_assert_cmpuint (get_size (f), >, LARGE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

#define ADD(name, function) g_test_add ("/quic-size/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("shrunk", test_shrunk);
  ADD ("shrunk-messages", test_shrunk_messages);
  ADD ("shrunk-silent", test_shrunk_silent);
  ADD ("starved", test_starved);
  ADD ("starved-messages", test_starved_messages);
#undef ADD

  return g_test_run ();
}
