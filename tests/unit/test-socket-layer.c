/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/lp2p-socket-layer-private.h"

/* A layer on one end of a TCP connection; the other end is a plain socket. */
typedef struct
{
  Lp2pLoop *loop;
  GMainContext *context;
  Lp2pLayer *layer;
  Lp2pMultiaddr *remote;
  int peer;
  guint n_read;
  guint n_write;
  guint n_failed;
} Fixture;

static void
on_ready (Lp2pLayer *layer, Lp2pReady ready, gpointer data)
{
  Fixture *f = data;

  g_assert_true (layer == f->layer);
  g_assert_cmpint (ready & ~(LP2P_READY_READ | LP2P_READY_WRITE), ==, 0);
  f->n_read += (ready & LP2P_READY_READ) != 0;
  f->n_write += (ready & LP2P_READY_WRITE) != 0;
}

static void
on_failed (Lp2pLayer *layer, const GError *error, gpointer data)
{
  Fixture *f = data;

  g_assert_nonnull (error);
  f->n_failed++;
}

static const Lp2pLayerEvents events = { on_ready, on_failed };

static void
make_pair (int fds[2])
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t size = sizeof address;
  int listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int small = 8192;

  /* Small buffers, so that the kernel soon takes no more. */
  setsockopt (listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  g_assert_cmpint (bind (listener, (struct sockaddr *) &address, size), ==, 0);
  g_assert_cmpint (listen (listener, 1), ==, 0);
  g_assert_cmpint (getsockname (listener, (struct sockaddr *) &address, &size), ==, 0);
  fds[0] = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt (fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  g_assert_cmpint (connect (fds[0], (struct sockaddr *) &address, size), ==, 0);
  fds[1] = accept4 (listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  g_assert_cmpint (fds[1], >=, 0);
  g_assert_true (g_unix_set_fd_nonblocking (fds[0], TRUE, NULL));
  close (listener);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  int fds[2];

  f->context = g_main_context_new ();
  f->loop = lp2p_loop_new (f->context, NULL);
  f->remote = lp2p_multiaddr_new_from_string ("/ip4/192.0.2.1/tcp/4001", &error);
  g_assert_no_error (error);
  make_pair (fds);
  f->peer = fds[1];
  f->layer = lp2p_socket_layer_new (f->loop, fds[0], NULL, f->remote, &error);
  g_assert_no_error (error);
  lp2p_layer_set_events (f->layer, &events, f);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_clear_pointer (&f->layer, lp2p_layer_free);
  if (f->peer >= 0)
    close (f->peer);
  lp2p_multiaddr_unref (f->remote);
  lp2p_loop_unref (f->loop);
  g_main_context_unref (f->context);
}

static void
settle (Fixture *f)
{
  while (g_main_context_iteration (f->context, FALSE))
    ;
}

static void
peer_write (Fixture *f, const char *text)
{
  g_assert_cmpint (write (f->peer, text, strlen (text)), ==, strlen (text));
}

static void
wait_for_read (Fixture *f, guint n)
{
  while (f->n_read < n)
    g_main_context_iteration (f->context, TRUE);
}

static void
test_read (Fixture *f, gconstpointer data)
{
  char buffer[16] = "";

  g_assert_cmpint (lp2p_layer_read (f->layer, buffer, sizeof buffer), ==, LP2P_IO_AGAIN);
  lp2p_layer_want (f->layer, LP2P_READY_READ);
  peer_write (f, "hello");
  wait_for_read (f, 1);
  settle (f);
  g_assert_cmpuint (f->n_read, ==, 1);

  /* What is left is announced again, as long as there is progress. */
  g_assert_cmpint (lp2p_layer_read (f->layer, buffer, 2), ==, 2);
  settle (f);
  g_assert_cmpuint (f->n_read, ==, 2);
  settle (f);
  g_assert_cmpuint (f->n_read, ==, 2);
  g_assert_cmpint (lp2p_layer_read (f->layer, buffer, sizeof buffer), ==, 3);
  g_assert_cmpmem (buffer, 3, "llo", 3);
  settle (f);
  g_assert_cmpuint (f->n_read, ==, 2);
  g_assert_cmpint (lp2p_layer_read (f->layer, buffer, sizeof buffer), ==, LP2P_IO_AGAIN);

  /* Not wanted, not told; wanted again, told at once. */
  lp2p_layer_want (f->layer, LP2P_READY_NONE);
  peer_write (f, "more");
  g_usleep (2000);
  settle (f);
  g_assert_cmpuint (f->n_read, ==, 2);
  lp2p_layer_want (f->layer, LP2P_READY_READ);
  g_assert_cmpuint (f->n_read, ==, 2);
  settle (f);
  g_assert_cmpuint (f->n_read, ==, 3);
  g_assert_cmpuint (f->n_write, ==, 0);
}

static void
test_readv (Fixture *f, gconstpointer data)
{
  char a[3], b[4];
  GInputVector vectors[] = { { a, 3 }, { b, 0 }, { b, 4 } };
  const guint8 *peeked;

  lp2p_layer_want (f->layer, LP2P_READY_READ);
  peer_write (f, "abcdefgh");
  wait_for_read (f, 1);
  g_assert_cmpint (lp2p_layer_readv (f->layer, vectors, 3), ==, 7);
  g_assert_cmpmem (a, 3, "abc", 3);
  g_assert_cmpmem (b, 4, "defg", 4);

  /* What was peeked comes first, also across vectors. */
  settle (f);
  g_assert_cmpint (lp2p_layer_peek (f->layer, &peeked), ==, 1);
  lp2p_layer_consume (f->layer, 1);
  f->n_read = 0;
  peer_write (f, "ijklmn");
  wait_for_read (f, 1);
  g_assert_cmpint (lp2p_layer_peek (f->layer, &peeked), ==, 6);
  lp2p_layer_consume (f->layer, 1);
  g_assert_cmpint (lp2p_layer_readv (f->layer, vectors, 3), ==, 5);
  g_assert_cmpmem (a, 3, "jkl", 3);
  g_assert_cmpmem (b, 2, "mn", 2);
}

static void
test_peek (Fixture *f, gconstpointer data)
{
  const guint8 *bytes;
  guint8 *scratch;

  g_assert_cmpint (lp2p_layer_peek (f->layer, &bytes), ==, LP2P_IO_AGAIN);
  lp2p_layer_want (f->layer, LP2P_READY_READ);
  peer_write (f, "0123456789");
  wait_for_read (f, 1);
  g_assert_cmpint (lp2p_layer_peek (f->layer, &bytes), ==, 10);
  g_assert_cmpmem (bytes, 10, "0123456789", 10);
  lp2p_layer_consume (f->layer, 4);
  g_assert_cmpint (lp2p_layer_peek (f->layer, &bytes), ==, 6);
  g_assert_cmpmem (bytes, 6, "456789", 6);

  /* Parked, the bytes are the layer's own and the scratch memory is free. */
  lp2p_layer_park (f->layer);
  lp2p_layer_park (f->layer);
  scratch = lp2p_loop_take_scratch (f->loop);
  memset (scratch, 'x', LP2P_SCRATCH_SIZE);
  g_assert_cmpint (lp2p_layer_peek (f->layer, &bytes), ==, 6);
  g_assert_cmpmem (bytes, 6, "456789", 6);
  lp2p_loop_give_scratch (f->loop, scratch);

  /* They are announced without an event of the socket. */
  f->n_read = 0;
  lp2p_layer_want (f->layer, LP2P_READY_READ);
  settle (f);
  g_assert_cmpuint (f->n_read, ==, 1);
  lp2p_layer_consume (f->layer, 6);
  settle (f);
  g_assert_cmpuint (f->n_read, ==, 1);
  g_assert_cmpint (lp2p_layer_peek (f->layer, &bytes), ==, LP2P_IO_AGAIN);
}

/* Nothing but a parked layer may keep scratch memory. */
static void
test_peek_scratch (Fixture *f, gconstpointer data)
{
  const guint8 *bytes, *first;
  guint8 *scratch;

  peer_write (f, "x");
  lp2p_layer_want (f->layer, LP2P_READY_READ);
  wait_for_read (f, 1);
  g_assert_cmpint (lp2p_layer_peek (f->layer, &first), ==, 1);
  lp2p_layer_consume (f->layer, 1);
  g_assert_cmpint (lp2p_layer_peek (f->layer, &bytes), ==, LP2P_IO_AGAIN);
  scratch = lp2p_loop_take_scratch (f->loop);
  g_assert_true (scratch == first);
  lp2p_loop_give_scratch (f->loop, scratch);
}

static void
test_eof (Fixture *f, gconstpointer data)
{
  char buffer[16];
  const guint8 *bytes;

  lp2p_layer_want (f->layer, LP2P_READY_READ);
  peer_write (f, "end");
  shutdown (f->peer, SHUT_WR);
  wait_for_read (f, 1);
  settle (f);

  /* Bytes and the end may have come in one event: a short read must not lose
   * the end. */
  g_assert_cmpint (lp2p_layer_read (f->layer, buffer, sizeof buffer), ==, 3);
  settle (f);
  g_assert_cmpint (lp2p_layer_read (f->layer, buffer, sizeof buffer), ==, 0);
  g_assert_cmpint (lp2p_layer_read (f->layer, buffer, sizeof buffer), ==, 0);
  g_assert_cmpint (lp2p_layer_peek (f->layer, &bytes), ==, 0);
  g_assert_null (lp2p_layer_get_error (f->layer));

  /* The end is not announced for ever. */
  f->n_read = 0;
  settle (f);
  g_assert_cmpuint (f->n_read, ==, 0);

  /* The other direction still works. */
  g_assert_cmpint (lp2p_layer_write (f->layer, "answer", 6, 0), ==, 6);
  g_assert_cmpint (lp2p_layer_shutdown_write (f->layer), ==, 0);
  g_usleep (2000);
  g_assert_cmpint (read (f->peer, buffer, sizeof buffer), ==, 6);
  g_assert_cmpint (read (f->peer, buffer, sizeof buffer), ==, 0);
  g_assert_cmpuint (f->n_failed, ==, 0);
}

/* Reads what the peer has, at most @max bytes. */
static gsize
drain_peer (Fixture *f, GByteArray *into, gsize max)
{
  guint8 buffer[4096];
  gsize total = 0;
  gssize size;

  while (total < max && (size = read (f->peer, buffer, MIN (sizeof buffer, max - total))) > 0)
    {
      total += size;
      if (into != NULL)
        g_byte_array_append (into, buffer, size);
    }
  return total;
}

static void
test_write_more (Fixture *f, gconstpointer data)
{
  char buffer[64];
  GOutputVector vectors[] = { { "a", 1 }, { "bc", 2 } };

  g_assert_cmpint (lp2p_layer_writev (f->layer, vectors, 2, LP2P_WRITE_MORE), ==, 3);
  g_assert_cmpint (lp2p_layer_write (f->layer, "def", 3, LP2P_WRITE_MORE), ==, 3);
  g_assert_cmpuint (lp2p_layer_write_room (f->layer), ==, 256 * 1024 - 6);
  g_usleep (3000);
  settle (f);
  g_assert_cmpint (read (f->peer, buffer, sizeof buffer), ==, -1);
  g_assert_cmpint (errno, ==, EAGAIN);

  g_assert_cmpint (lp2p_layer_flush (f->layer), ==, 0);
  g_usleep (3000);
  g_assert_cmpint (read (f->peer, buffer, sizeof buffer), ==, 6);
  g_assert_cmpmem (buffer, 6, "abcdef", 6);
  g_assert_cmpuint (lp2p_layer_write_room (f->layer), ==, 256 * 1024);
  g_assert_cmpint (lp2p_layer_flush (f->layer), ==, 0);

  /* A write without it takes along what was held back. */
  g_assert_cmpint (lp2p_layer_write (f->layer, "12", 2, LP2P_WRITE_MORE), ==, 2);
  g_assert_cmpint (lp2p_layer_write (f->layer, "34", 2, LP2P_WRITE_NONE), ==, 2);
  g_usleep (3000);
  g_assert_cmpint (read (f->peer, buffer, sizeof buffer), ==, 4);
  g_assert_cmpmem (buffer, 4, "1234", 4);
  g_assert_cmpint (lp2p_layer_write (f->layer, "", 0, LP2P_WRITE_NONE), ==, 0);
}

static guint8
pattern (gsize i)
{
  return (guint8) (i ^ (i >> 8) ^ (i >> 16));
}

/* Writes of every size through full buffers; each promise is kept and nothing
 * is lost or changes its place. */
static void
test_write_promise (Fixture *f, gconstpointer data)
{
  g_autoptr (GByteArray) got = g_byte_array_new ();
  g_autofree guint8 *bytes = g_malloc (300 * 1024);
  gsize sent = 0;
  const gsize goal = 8 * 1024 * 1024;
  guint refused = 0;

  lp2p_layer_want (f->layer, LP2P_READY_WRITE);
  while (sent < goal)
    {
      gsize room = lp2p_layer_write_room (f->layer);
      gsize size = g_test_rand_int_range (1, 300 * 1024);
      Lp2pWriteFlags flags = g_test_rand_bit () ? LP2P_WRITE_MORE : LP2P_WRITE_NONE;
      gssize taken;

      g_assert_cmpuint (room, <=, 256 * 1024);
      if (room == 0)
        {
          f->n_write = 0;
          refused++;
          while (f->n_write == 0)
            {
              drain_peer (f, got, g_test_rand_int_range (1, 100000));
              g_main_context_iteration (f->context, FALSE);
            }
          g_assert_cmpuint (lp2p_layer_write_room (f->layer), >, 0);
          continue;
        }
      if (g_test_rand_int_range (0, 4) == 0)
        size = room;
      if (g_test_rand_int_range (0, 4) == 0)
        size = g_test_rand_int_range (1, 100);
      for (gsize i = 0; i < size; i++)
        bytes[i] = pattern (sent + i);
      if (g_test_rand_bit ())
        {
          GOutputVector vectors[100];
          gsize left = size;

          for (guint i = 0; i < 100; i++)
            {
              gsize part = i == 99 ? left : MIN (left, size / 100);

              vectors[i] = (GOutputVector) { bytes + size - left, part };
              left -= part;
            }
          taken = lp2p_layer_writev (f->layer, vectors, 100, flags);
        }
      else
        taken = lp2p_layer_write (f->layer, bytes, size, flags);
      g_assert_cmpint (taken, >=, MIN (size, room));
      g_assert_cmpint (taken, <=, size);
      sent += taken;
    }

  f->n_write = 0;
  if (lp2p_layer_flush (f->layer) == LP2P_IO_AGAIN)
    {
      lp2p_layer_want (f->layer, LP2P_READY_NONE);
      while (f->n_write == 0)
        {
          drain_peer (f, got, 100000);
          g_main_context_iteration (f->context, FALSE);
        }
      g_assert_cmpint (lp2p_layer_flush (f->layer), ==, 0);
    }
  while (got->len < sent)
    drain_peer (f, got, 1000000);
  for (gsize i = 0; i < sent; i++)
    g_assert_cmpuint (got->data[i], ==, pattern (i));
  g_assert_cmpuint (refused, >, 3);
  g_assert_cmpuint (f->n_failed, ==, 0);
}

/* Without being wanted, no announcement; it comes once it is. */
static void
test_write_starved (Fixture *f, gconstpointer data)
{
  g_autofree guint8 *bytes = g_malloc0 (1024 * 1024);

  g_assert_cmpint (lp2p_layer_write (f->layer, bytes, 1024 * 1024, 0), <, 1024 * 1024);
  g_assert_cmpuint (lp2p_layer_write_room (f->layer), ==, 0);
  g_assert_cmpint (lp2p_layer_write (f->layer, bytes, 1, 0), ==, LP2P_IO_AGAIN);
  for (guint i = 0; i < 300; i++)
    {
      drain_peer (f, NULL, G_MAXSIZE);
      g_main_context_iteration (f->context, FALSE);
      g_usleep (100);
    }
  g_assert_cmpuint (f->n_write, ==, 0);
  lp2p_layer_want (f->layer, LP2P_READY_WRITE);
  settle (f);
  g_assert_cmpuint (f->n_write, ==, 1);
  lp2p_layer_want (f->layer, LP2P_READY_WRITE);
  settle (f);
  g_assert_cmpuint (f->n_write, ==, 1);
  g_assert_cmpuint (lp2p_layer_write_room (f->layer), ==, 256 * 1024);
}

/* The end comes behind what was buffered. */
static void
test_shutdown_behind_bytes (Fixture *f, gconstpointer data)
{
  g_autofree guint8 *bytes = g_malloc0 (200 * 1024);
  gsize got = 0;

  g_assert_cmpint (lp2p_layer_write (f->layer, bytes, 200 * 1024, 0), ==, 200 * 1024);
  g_assert_cmpint (lp2p_layer_shutdown_write (f->layer), ==, LP2P_IO_AGAIN);
  g_assert_cmpuint (lp2p_layer_write_room (f->layer), ==, 0);
  while (f->n_write == 0)
    {
      got += drain_peer (f, NULL, G_MAXSIZE);
      g_main_context_iteration (f->context, FALSE);
    }
  g_assert_cmpint (lp2p_layer_shutdown_write (f->layer), ==, 0);
  for (guint i = 0; i < 1000 && got < 200 * 1024; i++)
    {
      got += drain_peer (f, NULL, G_MAXSIZE);
      g_usleep (100);
    }
  g_assert_cmpuint (got, ==, 200 * 1024);
  g_assert_cmpint (read (f->peer, bytes, 1), ==, 0);
}

static void
peer_reset (Fixture *f)
{
  struct linger linger = { 1, 0 };

  setsockopt (f->peer, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close (f->peer);
  f->peer = -1;
}

static void
test_reset (Fixture *f, gconstpointer data)
{
  char buffer[4];

  lp2p_layer_want (f->layer, LP2P_READY_READ);
  peer_reset (f);
  wait_for_read (f, 1);
  g_assert_cmpint (lp2p_layer_read (f->layer, buffer, sizeof buffer), ==, LP2P_IO_FAILED);
  g_assert_error (lp2p_layer_get_error (f->layer), G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED);
  g_assert_cmpstr (lp2p_layer_get_error (f->layer)->message, ==,
                   "Connection to /ip4/192.0.2.1/tcp/4001 failed: Connection reset by peer");
  g_assert_cmpint (lp2p_layer_write (f->layer, "x", 1, 0), ==, LP2P_IO_FAILED);
  g_assert_cmpint (lp2p_layer_flush (f->layer), ==, LP2P_IO_FAILED);
  g_assert_cmpint (lp2p_layer_shutdown_write (f->layer), ==, LP2P_IO_FAILED);
  g_assert_cmpuint (lp2p_layer_write_room (f->layer), ==, 0);
  f->n_read = 0;
  settle (f);
  g_assert_cmpuint (f->n_read, ==, 0);
}

/* A failure while buffered bytes leave is told, because nobody is there to ask. */
static void
test_reset_while_draining (Fixture *f, gconstpointer data)
{
  g_autofree guint8 *bytes = g_malloc0 (256 * 1024);

  g_assert_cmpint (lp2p_layer_write (f->layer, bytes, 256 * 1024, 0), ==, 256 * 1024);
  g_assert_cmpint (lp2p_layer_flush (f->layer), ==, LP2P_IO_AGAIN);
  peer_reset (f);
  while (f->n_failed == 0)
    g_main_context_iteration (f->context, TRUE);
  g_assert_error (lp2p_layer_get_error (f->layer), G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED);
  settle (f);
  g_assert_cmpuint (f->n_failed, ==, 1);
}

static void
test_abort (Fixture *f, gconstpointer data)
{
  char buffer[4];

  lp2p_layer_want (f->layer, LP2P_READY_READ | LP2P_READY_WRITE);
  g_assert_cmpint (lp2p_layer_write (f->layer, "held", 4, LP2P_WRITE_MORE), ==, 4);
  lp2p_layer_abort (f->layer, 7);
  lp2p_layer_abort (f->layer, 7);
  g_usleep (2000);
  g_assert_cmpint (read (f->peer, buffer, sizeof buffer), ==, -1);
  g_assert_cmpint (errno, ==, ECONNRESET);
  g_assert_cmpint (lp2p_layer_read (f->layer, buffer, sizeof buffer), ==, LP2P_IO_FAILED);
  g_assert_cmpint (lp2p_layer_write (f->layer, "x", 1, 0), ==, LP2P_IO_FAILED);
  g_assert_error (lp2p_layer_get_error (f->layer), G_IO_ERROR, G_IO_ERROR_CLOSED);
  lp2p_layer_want (f->layer, LP2P_READY_READ);
  settle (f);
  g_assert_cmpuint (f->n_read, ==, 0);
}

static void
test_info (Fixture *f, gconstpointer data)
{
  Lp2pLayerInfo info;

  lp2p_layer_get_info (f->layer, &info);
  g_assert_cmpint (info.rtt, >, 0);
  g_assert_cmpint (info.rtt, <, G_USEC_PER_SEC);
  g_assert_null (info.local_address);
  g_assert_true (info.remote_address == f->remote);
  g_assert_false (info.limited);
}

/* An idle layer costs no wake-ups, whatever it wants. */
static void
test_idle (Fixture *f, gconstpointer data)
{
  guint64 before;

  lp2p_layer_want (f->layer, LP2P_READY_READ | LP2P_READY_WRITE);
  settle (f);
  g_assert_cmpuint (f->n_write, ==, 0);
  before = lp2p_loop_get_wakeups (f->loop);
  for (guint i = 0; i < 10; i++)
    {
      g_usleep (1000);
      settle (f);
    }
  g_assert_cmpuint (lp2p_loop_get_wakeups (f->loop), ==, before);
}

static void
test_bad_descriptor (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (lp2p_socket_layer_new (f->loop, -1, NULL, NULL, &error));
  g_assert_nonnull (error);
}

#define ADD(path, func) g_test_add ("/socket-layer/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  ADD ("read", test_read);
  ADD ("readv", test_readv);
  ADD ("peek", test_peek);
  ADD ("peek/scratch", test_peek_scratch);
  ADD ("eof", test_eof);
  ADD ("write/more", test_write_more);
  ADD ("write/promise", test_write_promise);
  ADD ("write/starved", test_write_starved);
  ADD ("shutdown-behind-bytes", test_shutdown_behind_bytes);
  ADD ("reset", test_reset);
  ADD ("reset/while-draining", test_reset_while_draining);
  ADD ("abort", test_abort);
  ADD ("info", test_info);
  ADD ("idle", test_idle);
  ADD ("bad-descriptor", test_bad_descriptor);

  return g_test_run ();
}
