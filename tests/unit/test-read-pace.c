/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How many bytes a reader is woken for. */

#include "net/lp2p-read-pace-private.h"

#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/lp2p-socket-layer-private.h"

#define KIB       1024
#define STEP_US   250
#define STEP_SIZE (64 * KIB)

/* Reads @speed bytes in each millisecond, for @ms of them. */
static gsize
read_for (Lp2pReadPace *pace, gint64 *now, guint64 *read, guint ms, gsize speed)
{
  gsize worth = 0;

  for (guint i = 0; i < ms; i++)
    {
      *now += 1000;
      *read += speed;
      worth = lp2p_read_pace_drained (pace, *now, *read);
    }
  return worth;
}

/* As much as comes in 0.4 ms, where that is much. */
static void
test_speeds (void)
{
  static const struct
  {
    gsize speed;
    gsize worth;
  } cases[] = {
    { 0, 1 }, { 1, 1 }, { 79 * KIB, 1 }, { 80 * KIB, 32 * KIB }, { 1000 * KIB, 400 * KIB }, { 1 << 30, 512 * KIB },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Lp2pReadPace pace;
      gint64 now = 1000 * 1000;
      guint64 read = 0;

      lp2p_read_pace_init (&pace, now);
      g_assert_cmpuint (read_for (&pace, &now, &read, 1, cases[i].speed), ==, 1);
      g_assert_cmpuint (read_for (&pace, &now, &read, 1, cases[i].speed), ==, cases[i].worth);
      g_assert_cmpuint (read_for (&pace, &now, &read, 10, cases[i].speed), ==, cases[i].worth);
      g_assert_cmpuint (read_for (&pace, &now, &read, 2, 0), ==, 1);
    }
}

/* Who let bytes wait for others that did not come lets none wait for a while. */
static void
test_rest (void)
{
  Lp2pReadPace pace;
  gint64 now = 0;
  guint64 read = 0;

  lp2p_read_pace_init (&pace, now);
  g_assert_cmpuint (read_for (&pace, &now, &read, 2, 1000 * KIB), ==, 400 * KIB);
  g_assert_cmpuint (lp2p_read_pace_waited (&pace, now, read, FALSE), ==, 1);
  g_assert_cmpuint (read_for (&pace, &now, &read, 2, 1000 * KIB), ==, 400 * KIB);
  g_assert_cmpuint (lp2p_read_pace_waited (&pace, now, read, TRUE), ==, 1);
  g_assert_cmpuint (read_for (&pace, &now, &read, 101, 1000 * KIB), ==, 1);
  g_assert_cmpuint (read_for (&pace, &now, &read, 1, 1000 * KIB), >, 400 * KIB);
}

/* A socket */

typedef struct
{
  Lp2pClock clock;
  gint64 now;
  GMainContext *context;
  Lp2pLoop *loop;
  Lp2pLayer *layer;
  int fd;
  int peer;
  guint64 written;
  guint64 got;
  gboolean ended;
} Fixture;

static gint64
clock_now (Lp2pClock *clock)
{
  return ((Fixture *) clock)->now;
}

static void
on_ready (Lp2pLayer *layer, Lp2pReady ready, gpointer data)
{
  Fixture *f = data;
  const guint8 *bytes;
  gssize n;

  while ((n = lp2p_layer_peek (layer, &bytes)) > 0)
    {
      f->got += n;
      lp2p_layer_consume (layer, n);
    }
  f->ended = n == 0;
  lp2p_layer_park (layer);
}

static void
on_failed (Lp2pLayer *layer, const GError *error, gpointer data)
{
  g_assert_not_reached ();
}

static const Lp2pLayerEvents events = { on_ready, on_failed };

static void
set_up (Fixture *f, gconstpointer data)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t size = sizeof address;
  int listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_autoptr (GError) error = NULL;

  f->clock = (Lp2pClock){ .now = clock_now, .real_time = clock_now };
  f->context = g_main_context_new ();
  f->loop = lp2p_loop_new (f->context, &f->clock);
  g_assert_cmpint (bind (listener, (struct sockaddr *) &address, size), ==, 0);
  g_assert_cmpint (listen (listener, 1), ==, 0);
  g_assert_cmpint (getsockname (listener, (struct sockaddr *) &address, &size), ==, 0);
  f->peer = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (connect (f->peer, (struct sockaddr *) &address, size), ==, 0);
  f->fd = accept4 (listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  close (listener);
  f->layer = lp2p_socket_layer_new (f->loop, f->fd, NULL, NULL, &error);
  g_assert_no_error (error);
  lp2p_layer_set_events (f->layer, &events, f);
  lp2p_layer_want (f->layer, LP2P_READY_READ);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  lp2p_layer_free (f->layer);
  close (f->peer);
  lp2p_loop_unref (f->loop);
  g_main_context_unref (f->context);
}

static void
settle (Fixture *f)
{
  while (g_main_context_iteration (f->context, FALSE))
    ;
}

/* Until the kernel has brought it over, which it need not do at once. */
static void
peer_write (Fixture *f, gsize size)
{
  static const guint8 zeros[STEP_SIZE];
  int there = 0;

  g_assert_cmpint (write (f->peer, zeros, size), ==, size);
  f->written += size;
  while (f->got + there < f->written && ioctl (f->fd, FIONREAD, &there) == 0)
    g_thread_yield ();
}

static int
get_worth (Fixture *f)
{
  int value = 0;
  socklen_t size = sizeof value;

  g_assert_cmpint (getsockopt (f->fd, SOL_SOCKET, SO_RCVLOWAT, &value, &size), ==, 0);
  return value;
}

/* 262 MB/s: 100 KiB are waited for, at the latest until the time of a timer. */
static void
stream_for (Fixture *f, guint ms)
{
  for (guint i = 0; i < ms * 1000 / STEP_US; i++)
    {
      f->now += STEP_US;
      peer_write (f, STEP_SIZE);
      settle (f);
    }
}

static void
wait_out (Fixture *f)
{
  f->now += LP2P_READ_PACE_WAIT_US;
  lp2p_loop_advance (f->loop);
  settle (f);
}

/* How many bytes wait now does not matter to the tests: they are fetched first. */
static void
become_fast (Fixture *f)
{
  guint64 sent = f->got + 40 * STEP_SIZE;

  stream_for (f, 10);
  g_assert_cmpint (get_worth (f), >, STEP_SIZE);
  peer_write (f, STEP_SIZE);
  settle (f);
  if (f->got == sent)
    {
      peer_write (f, STEP_SIZE);
      settle (f);
      sent += STEP_SIZE;
    }
  g_assert_cmpuint (f->got, ==, sent + STEP_SIZE);
}

static void
test_socket (Fixture *f, gconstpointer data)
{
  guint64 before;

  settle (f);
  g_assert_cmpint (get_worth (f), ==, 1);
  become_fast (f);

  /* Nothing waits, and whatever comes next is read at once. */
  before = f->got;
  wait_out (f);
  g_assert_cmpint (get_worth (f), ==, 1);
  peer_write (f, 10);
  settle (f);
  g_assert_cmpuint (f->got, ==, before + 10);

  /* A few bytes wait, but not for long. */
  become_fast (f);
  before = f->got;
  peer_write (f, 10);
  settle (f);
  g_assert_cmpuint (f->got, ==, before);
  wait_out (f);
  g_assert_cmpuint (f->got, ==, before + 10);

  /* That was in vain: for a while all is read at once. */
  stream_for (f, 10);
  g_assert_cmpint (get_worth (f), ==, 1);
  g_assert_cmpuint (f->got, ==, before + 10 + 40 * STEP_SIZE);
}

/* The end of the stream does not wait, nor what came before it. */
static void
test_end (Fixture *f, gconstpointer data)
{
  settle (f);
  stream_for (f, 10);
  g_assert_cmpint (get_worth (f), >, 64 * KIB);
  peer_write (f, 10);
  shutdown (f->peer, SHUT_WR);
  settle (f);
  g_assert_cmpuint (f->got, ==, 40 * STEP_SIZE + 10);
  g_assert_true (f->ended);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/read-pace/speeds", test_speeds);
  g_test_add_func ("/read-pace/rest", test_rest);
  g_test_add ("/read-pace/socket", Fixture, NULL, set_up, test_socket, tear_down);
  g_test_add ("/read-pace/end", Fixture, NULL, set_up, test_end, tear_down);
  return g_test_run ();
}
