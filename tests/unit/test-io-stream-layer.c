/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GIOStreams as layers: one of GIO's own, over a TCP socket, and one that is
 * itself a layer in memory, which shows what such a stream is asked for. */

#include <errno.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/lp2p-async-io-private.h"

#include <lp2p/net/lp2p-io-stream-layer.h>
#include <lp2p/net/lp2p-layer-io-stream.h>

#include "memory-layer.h"

typedef struct
{
  GMainContext *context;
  Lp2pLoop *loop;
  Lp2pLayer *layer;
  int peer;              /* the other end of a socket */
  Lp2pLayer *peer_layer; /* the other end of a memory layer */
  Lp2pLayer *below;      /* what the GIOStream is made of */
  Lp2pAsyncIo *io;
  guint n_read;
  guint n_write;
  guint n_failed;
  guint n_threads;
} Fixture;

static void
on_ready (Lp2pLayer *layer, Lp2pReady ready, gpointer data)
{
  Fixture *f = data;

  f->n_read += (ready & LP2P_READY_READ) != 0;
  f->n_write += (ready & LP2P_READY_WRITE) != 0;
}

static void
on_failed (Lp2pLayer *layer, const GError *error, gpointer data)
{
  g_assert_nonnull (error);
  ((Fixture *) data)->n_failed++;
}

static const Lp2pLayerEvents events = { on_ready, on_failed };

static guint
count_threads (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  guint n = 0;

  while (dir != NULL && g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

static void
set_up (Fixture *f)
{
  f->context = g_main_context_new ();
  g_main_context_push_thread_default (f->context);
  f->loop = lp2p_loop_new (f->context, NULL);
  f->peer = -1;
  /* GLib starts a thread when this type is first used. */
  g_type_ensure (G_TYPE_TASK);
  f->n_threads = count_threads ();
}

static void
take_stream (Fixture *f, GIOStream *stream)
{
  g_autoptr (GError) error = NULL;

  f->layer = lp2p_io_stream_layer_new (f->loop, stream, &error);
  g_assert_no_error (error);
  lp2p_layer_set_events (f->layer, &events, f);
}

static void
set_up_socket (Fixture *f, gconstpointer data)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t size = sizeof address;
  int listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int small = 8192;
  g_autoptr (GSocket) socket_ = NULL;
  g_autoptr (GIOStream) stream = NULL;
  int fd;

  set_up (f);
  /* Small buffers, so that the kernel soon takes no more. */
  setsockopt (listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  g_assert_cmpint (bind (listener, (struct sockaddr *) &address, size), ==, 0);
  g_assert_cmpint (listen (listener, 1), ==, 0);
  g_assert_cmpint (getsockname (listener, (struct sockaddr *) &address, &size), ==, 0);
  fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt (fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  g_assert_cmpint (connect (fd, (struct sockaddr *) &address, size), ==, 0);
  f->peer = accept4 (listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  close (listener);

  socket_ = g_socket_new_from_fd (fd, NULL);
  stream = G_IO_STREAM (g_socket_connection_factory_create_connection (socket_));
  take_stream (f, stream);
}

static void
set_up_memory (Fixture *f, gconstpointer options)
{
  g_autoptr (GIOStream) stream = NULL;

  set_up (f);
  memory_layer_new_pair (f->loop, options, &f->below, &f->peer_layer);
  stream = lp2p_layer_to_io_stream (f->below);
  f->io = lp2p_async_input_get_io (g_io_stream_get_input_stream (stream));
  take_stream (f, stream);
}

static void
settle (Fixture *f)
{
  while (g_main_context_iteration (f->context, FALSE))
    ;
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_clear_pointer (&f->layer, lp2p_layer_free);
  g_clear_pointer (&f->peer_layer, lp2p_layer_free);
  settle (f);
  g_assert_cmpuint (count_threads (), ==, f->n_threads);
  if (f->peer >= 0)
    close (f->peer);
  lp2p_loop_unref (f->loop);
  g_main_context_pop_thread_default (f->context);
  g_main_context_unref (f->context);
}

static void
wait_for (Fixture *f, guint *count, guint n)
{
  while (*count < n)
    g_main_context_iteration (f->context, TRUE);
}

static void
peer_write (Fixture *f, const char *text)
{
  g_assert_cmpint (write (f->peer, text, strlen (text)), ==, strlen (text));
}

static void
test_not_pollable (void)
{
  g_autoptr (Lp2pLoop) loop = lp2p_loop_new (NULL, NULL);
  g_autoptr (GInputStream) input = g_memory_input_stream_new ();
  g_autoptr (GOutputStream) memory = g_memory_output_stream_new_resizable ();
  g_autoptr (GOutputStream) output = g_buffered_output_stream_new (memory);
  g_autoptr (GIOStream) stream = g_simple_io_stream_new (input, output);
  g_autoptr (GError) error = NULL;

  g_assert_null (lp2p_io_stream_layer_new (loop, stream, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_assert_nonnull (strstr (error->message, "GBufferedOutputStream"));
}

static void
test_read (Fixture *f, gconstpointer data)
{
  char buffer[16] = "";
  GInputVector vectors[2] = { { buffer, 2 }, { buffer + 8, 8 } };
  const guint8 *bytes;

  g_assert_cmpint (lp2p_layer_read (f->layer, buffer, sizeof buffer), ==, LP2P_IO_AGAIN);
  g_assert_cmpint (lp2p_layer_peek (f->layer, &bytes), ==, LP2P_IO_AGAIN);
  lp2p_layer_want (f->layer, LP2P_READY_READ);
  peer_write (f, "hello");
  wait_for (f, &f->n_read, 1);
  settle (f);
  g_assert_cmpuint (f->n_read, ==, 1);

  /* What is left is announced again, as long as there is progress. */
  g_assert_cmpint (lp2p_layer_read (f->layer, buffer, 1), ==, 1);
  settle (f);
  g_assert_cmpuint (f->n_read, ==, 2);
  g_assert_cmpint (lp2p_layer_peek (f->layer, &bytes), ==, 4);
  g_assert_cmpmem (bytes, 4, "ello", 4);
  lp2p_layer_consume (f->layer, 1);
  lp2p_layer_park (f->layer);
  settle (f);
  g_assert_cmpuint (f->n_read, ==, 3);
  g_assert_cmpint (lp2p_layer_peek (f->layer, &bytes), ==, 3);
  g_assert_cmpint (lp2p_layer_readv (f->layer, vectors, 2), ==, 3);
  g_assert_cmpmem (buffer, 2, "ll", 2);
  g_assert_cmpmem (buffer + 8, 1, "o", 1);
  g_assert_cmpint (lp2p_layer_readv (f->layer, vectors, 2), ==, LP2P_IO_AGAIN);

  peer_write (f, "again");
  wait_for (f, &f->n_read, 4);
  g_assert_cmpint (lp2p_layer_readv (f->layer, vectors, 2), ==, 5);
  g_assert_cmpint (lp2p_layer_peek (f->layer, &bytes), ==, LP2P_IO_AGAIN);
  close (g_steal_fd (&f->peer));
  wait_for (f, &f->n_read, 5);
  g_assert_cmpint (lp2p_layer_peek (f->layer, &bytes), ==, 0);
  g_assert_cmpint (lp2p_layer_readv (f->layer, vectors, 2), ==, 0);
}

/* Bytes with a pattern in and out, as fast as they go. */
static void
check_transfer (Fixture *f, gsize total)
{
  gsize sent = 0;
  gsize received = 0;
  guint8 bytes[3000];

  lp2p_layer_want (f->layer, LP2P_READY_WRITE);
  while (received < total)
    {
      gsize room = MIN (MIN (lp2p_layer_write_room (f->layer), total - sent), sizeof bytes);
      gssize n;

      for (gsize i = 0; i < room; i++)
        bytes[i] = (sent + i) % 251;
      if (room > 0)
        g_assert_cmpint (lp2p_layer_write (f->layer, bytes, room, sent % 2 ? LP2P_WRITE_MORE : 0),
                         ==, room);
      sent += room;
      if (sent == total)
        lp2p_layer_flush (f->layer);

      if (f->peer >= 0)
        n = read (f->peer, bytes, sizeof bytes);
      else
        n = lp2p_layer_read (f->peer_layer, bytes, sizeof bytes);
      for (gssize i = 0; i < n; i++)
        g_assert_cmpuint (bytes[i], ==, (received + i) % 251);
      received += MAX (n, 0);
      g_main_context_iteration (f->context, FALSE);
    }
}

static void
test_transfer (Fixture *f, gconstpointer data)
{
  check_transfer (f, f->peer >= 0 ? 2000000 : 5000);
}

static const MemoryLayerOptions tiny = { .capacity = 16, .max_peek = 1, .max_step = 1 };

static void
test_one_byte (Fixture *f, gconstpointer data)
{
  guint n = 0;

  check_transfer (f, 500);
  lp2p_layer_want (f->layer, LP2P_READY_READ);
  for (guint i = 0; i < 200; i++)
    {
      guint8 byte = i;

      while (lp2p_layer_write (f->peer_layer, &byte, 1, 0) != 1)
        settle (f);
      settle (f);
      g_assert_cmpuint (f->n_read, >, n);
      n = f->n_read;
      g_assert_cmpint (lp2p_layer_read (f->layer, &byte, 1), ==, 1);
      g_assert_cmpuint (byte, ==, i);
    }
}

/* The promise holds, whatever the stream takes; behind it comes nothing. */
static void
test_back_pressure (Fixture *f, gconstpointer data)
{
  gsize room = lp2p_layer_write_room (f->layer);
  g_autofree guint8 *bytes = g_malloc (room + 1);
  gsize received = 0;

  g_assert_cmpuint (room, ==, 256 * 1024);
  for (gsize i = 0; i < room; i++)
    bytes[i] = i % 251;
  g_assert_cmpint (lp2p_layer_write (f->layer, bytes, room + 1, 0), ==, room);
  g_assert_cmpuint (lp2p_layer_write_room (f->layer), ==, 0);
  g_assert_cmpint (lp2p_layer_write (f->layer, bytes, 1, LP2P_WRITE_MORE), ==, LP2P_IO_AGAIN);
  g_assert_cmpint (lp2p_layer_flush (f->layer), ==, LP2P_IO_AGAIN);
  settle (f);
  g_assert_cmpuint (f->n_write, ==, 0);

  /* The end of the flush is told without anybody wanting to write. */
  while (received < room)
    {
      guint8 piece[4096];
      gssize n = read (f->peer, piece, sizeof piece);

      for (gssize i = 0; i < n; i++)
        g_assert_cmpuint (piece[i], ==, (received + i) % 251);
      received += MAX (n, 0);
      g_main_context_iteration (f->context, FALSE);
    }
  settle (f);
  g_assert_cmpuint (f->n_write, ==, 1);
  g_assert_cmpint (lp2p_layer_flush (f->layer), ==, 0);
  g_assert_cmpuint (lp2p_layer_write_room (f->layer), ==, room);
}

static void
test_more (Fixture *f, gconstpointer data)
{
  char buffer[16];
  GOutputVector vectors[3] = { { "c", 1 }, { "", 0 }, { "d", 1 } };

  g_assert_cmpint (lp2p_layer_write (f->layer, "ab", 2, LP2P_WRITE_MORE), ==, 2);
  g_assert_cmpint (lp2p_layer_writev (f->layer, vectors, 3, LP2P_WRITE_MORE), ==, 2);
  settle (f);
  g_assert_cmpint (read (f->peer, buffer, sizeof buffer), ==, -1);
  g_assert_cmpint (lp2p_layer_write (f->layer, "", 0, 0), ==, 0);
  g_assert_cmpint (lp2p_layer_flush (f->layer), ==, 0);
  g_assert_cmpint (read (f->peer, buffer, sizeof buffer), ==, 4);
  g_assert_cmpmem (buffer, 4, "abcd", 4);
  g_assert_cmpint (lp2p_layer_write (f->layer, "ab", 2, LP2P_WRITE_MORE), ==, 2);
  g_assert_cmpint (lp2p_layer_writev (f->layer, vectors, 3, 0), ==, 2);
  g_assert_cmpint (read (f->peer, buffer, sizeof buffer), ==, 4);
}

/* More vectors than are passed on in one call. */
static void
test_many_vectors (Fixture *f, gconstpointer data)
{
  GOutputVector vectors[200];
  char buffer[201];

  for (guint i = 0; i < 200; i++)
    vectors[i] = (GOutputVector){ "x", 1 };
  g_assert_cmpint (lp2p_layer_writev (f->layer, vectors, 200, 0), ==, 200);
  g_assert_cmpint (read (f->peer, buffer, sizeof buffer), ==, 200);
}

static void
test_half_close_socket (Fixture *f, gconstpointer data)
{
  char buffer[8];

  g_assert_cmpint (lp2p_layer_write (f->layer, "end", 3, LP2P_WRITE_MORE), ==, 3);
  g_assert_cmpint (lp2p_layer_shutdown_write (f->layer), ==, 0);
  g_assert_cmpint (lp2p_layer_shutdown_write (f->layer), ==, 0);
  g_assert_cmpuint (lp2p_layer_write_room (f->layer), ==, 0);
  g_assert_cmpint (read (f->peer, buffer, sizeof buffer), ==, 3);
  g_assert_cmpint (read (f->peer, buffer, sizeof buffer), ==, 0);
  lp2p_layer_want (f->layer, LP2P_READY_READ);
  peer_write (f, "more");
  wait_for (f, &f->n_read, 1);
  g_assert_cmpint (lp2p_layer_read (f->layer, buffer, sizeof buffer), ==, 4);
}

static void
test_half_close_memory (Fixture *f, gconstpointer data)
{
  char buffer[8];

  memory_layer_set_stalled (f->below, TRUE);
  g_assert_cmpint (lp2p_layer_write (f->layer, "end", 3, LP2P_WRITE_MORE), ==, 3);
  g_assert_cmpint (lp2p_layer_shutdown_write (f->layer), ==, LP2P_IO_AGAIN);
  settle (f);
  g_assert_cmpuint (f->n_write, ==, 1);
  g_assert_cmpint (lp2p_layer_shutdown_write (f->layer), ==, 0);
  memory_layer_set_stalled (f->below, FALSE);
  settle (f);
  g_assert_cmpint (lp2p_layer_read (f->peer_layer, buffer, sizeof buffer), ==, 3);
  g_assert_cmpint (lp2p_layer_read (f->peer_layer, buffer, sizeof buffer), ==, 0);
  lp2p_layer_write (f->peer_layer, "more", 4, 0);
  settle (f);
  g_assert_cmpint (lp2p_layer_read (f->layer, buffer, sizeof buffer), ==, 4);
}

/* Freed while the output closes. */
static void
test_free_closing (Fixture *f, gconstpointer data)
{
  g_assert_cmpint (lp2p_layer_shutdown_write (f->layer), ==, LP2P_IO_AGAIN);
  g_clear_pointer (&f->layer, lp2p_layer_free);
  settle (f);
}

static void
test_abort_socket (Fixture *f, gconstpointer data)
{
  char buffer[8];

  lp2p_layer_write (f->layer, "x", 1, LP2P_WRITE_MORE);
  lp2p_layer_abort (f->layer, 7);
  lp2p_layer_abort (f->layer, 7);
  g_assert_cmpint (read (f->peer, buffer, sizeof buffer), ==, -1);
  g_assert_cmpint (errno, ==, ECONNRESET);
  g_assert_cmpint (lp2p_layer_read (f->layer, buffer, sizeof buffer), ==, LP2P_IO_FAILED);
  g_assert_cmpint (lp2p_layer_write (f->layer, "x", 1, 0), ==, LP2P_IO_FAILED);
  g_assert_cmpint (lp2p_layer_flush (f->layer), ==, LP2P_IO_FAILED);
  g_assert_error (lp2p_layer_get_error (f->layer), G_IO_ERROR, G_IO_ERROR_CLOSED);
  lp2p_layer_want (f->layer, LP2P_READY_READ);
}

/* One of our own streams passes the reset on. */
static void
test_abort_memory (Fixture *f, gconstpointer data)
{
  char buffer[8];

  lp2p_layer_abort (f->layer, 7);
  settle (f);
  g_assert_cmpint (lp2p_layer_read (f->peer_layer, buffer, sizeof buffer), ==, LP2P_IO_FAILED);
  g_assert_error (lp2p_layer_get_error (f->peer_layer), G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED);
}

/* Nothing is polled unless somebody waits. */
static void
test_sources (Fixture *f, gconstpointer data)
{
  char buffer[8];

  settle (f);
  g_assert_null (f->io->sources);
  g_assert_cmpint (lp2p_layer_read (f->layer, buffer, sizeof buffer), ==, LP2P_IO_AGAIN);
  g_assert_null (f->io->sources);
  lp2p_layer_want (f->layer, LP2P_READY_READ | LP2P_READY_WRITE);
  g_assert_cmpuint (g_slist_length (f->io->sources), ==, 1);
  settle (f);

  /* Who does not read is not told again and again. */
  lp2p_layer_write (f->peer_layer, "x", 1, 0);
  settle (f);
  g_assert_cmpuint (f->n_read, ==, 1);
  g_assert_null (f->io->sources);
  g_assert_cmpint (lp2p_layer_read (f->layer, buffer, sizeof buffer), ==, 1);
  g_assert_cmpint (lp2p_layer_read (f->layer, buffer, sizeof buffer), ==, LP2P_IO_AGAIN);
  g_assert_cmpuint (g_slist_length (f->io->sources), ==, 1);
  lp2p_layer_want (f->layer, LP2P_READY_NONE);
  g_assert_null (f->io->sources);

  /* What was refused leaves without being wanted. */
  memory_layer_set_stalled (f->below, TRUE);
  while (lp2p_layer_write_room (f->layer) > 0)
    lp2p_layer_write (f->layer, buffer, sizeof buffer, 0);
  g_assert_cmpuint (g_slist_length (f->io->sources), ==, 1);
  memory_layer_set_stalled (f->below, FALSE);
  settle (f);
  while (lp2p_layer_read (f->peer_layer, buffer, sizeof buffer) > 0)
    settle (f);
  g_assert_null (f->io->sources);
}

static void
test_broken (Fixture *f, gconstpointer data)
{
  struct linger linger = { .l_onoff = 1 };
  g_autofree guint8 *bytes = g_malloc0 (100000);
  char buffer[8];

  g_assert_cmpint (lp2p_layer_write (f->layer, bytes, 100000, 0), ==, 100000);
  setsockopt (f->peer, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close (g_steal_fd (&f->peer));
  wait_for (f, &f->n_failed, 1);
  settle (f);
  g_assert_cmpuint (f->n_failed, ==, 1);
  g_assert_cmpint (lp2p_layer_read (f->layer, buffer, sizeof buffer), ==, LP2P_IO_FAILED);
  g_assert_nonnull (lp2p_layer_get_error (f->layer));
}

static void
test_info (Fixture *f, gconstpointer data)
{
  Lp2pLayerInfo info;

  lp2p_layer_write (f->layer, "12345", 5, 0);
  lp2p_layer_get_info (f->layer, &info);
  g_assert_cmpuint (info.bytes_written, ==, 5);
  g_assert_true (
      g_str_has_prefix (lp2p_multiaddr_get_string (info.local_address), "/ip4/127.0.0.1/tcp/"));
  g_assert_true (
      g_str_has_prefix (lp2p_multiaddr_get_string (info.remote_address), "/ip4/127.0.0.1/tcp/"));
}

#define ADD(name, test, kind, options)                                                             \
  g_test_add ("/io-stream-layer/" name, Fixture, options, set_up_##kind, test_##test, tear_down)

int
main (int argc, char **argv)
{
  static const MemoryLayerOptions small = { .capacity = 10000 };

  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add_func ("/io-stream-layer/not-pollable", test_not_pollable);
  ADD ("read", read, socket, NULL);
  ADD ("transfer/socket", transfer, socket, NULL);
  ADD ("transfer/memory", transfer, memory, &small);
  ADD ("one-byte", one_byte, memory, &tiny);
  ADD ("back-pressure", back_pressure, socket, NULL);
  ADD ("more", more, socket, NULL);
  ADD ("many-vectors", many_vectors, socket, NULL);
  ADD ("half-close/socket", half_close_socket, socket, NULL);
  ADD ("half-close/memory", half_close_memory, memory, NULL);
  ADD ("free-closing", free_closing, memory, NULL);
  ADD ("abort/socket", abort_socket, socket, NULL);
  ADD ("abort/memory", abort_memory, memory, NULL);
  ADD ("sources", sources, memory, &small);
  ADD ("broken", broken, socket, NULL);
  ADD ("info", info, socket, NULL);
  return g_test_run ();
}
