/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the host and the system give a connection: memory, room in the socket, time,
 * addresses. */

#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

#include "lp2p-udp-hub-private.h"

#include "quic-pair.h"

typedef QuicPair Fixture;

/* What goes to the listener is there in no time; what it answers takes this long. */
#define ROUND_TRIP_US 1000
#define TURNS_OF_ROUND_TRIP 20

/* Congestion control knows from the beginning how far it is. */
static void
set_up (Fixture *f, gconstpointer config)
{
  quic_pair_init (f, config, FALSE);
  f->world->turn_time = ROUND_TRIP_US;
  quic_pair_connect (f);
  f->world->turn_time = 0;
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  quic_pair_clear (f);
}

static void
go_on (Fixture *f)
{
  test_world_advance (f->world, G_TIME_SPAN_MILLISECOND);
}

/* A part of a round trip goes by. At the end of one all leaves that the listener had to
 * answer. */
static void
go_on_far (Fixture *f, guint turn)
{
  Lp2pUdpSocket *socket = quic_host_get_endpoint (&f->listener)->socket;

  test_world_jump (f->world, ROUND_TRIP_US / TURNS_OF_ROUND_TRIP);
  if (turn % TURNS_OF_ROUND_TRIP == 0)
    {
      lp2p_udp_socket_unblock (socket);
      g_main_context_iteration (f->world->context, FALSE);
    }
  socket->blocked = TRUE;
}

/* Moves @size bytes from end to end, as fast as congestion control and windows let. They
 * are read as soon as they come. */
static void
transfer (Fixture *f, gsize size)
{
  Lp2pMuxerStream *stream = quic_pair_open (f), *other = NULL;
  gsize written = 0, seen = 0;

  for (guint i = 0; seen < size; i++)
    {
      g_assert_cmpuint (i, <, 10000);
      if (written < size)
        written += quic_pair_write (f, stream, MIN (size - written, 100000), written);
      go_on_far (f, i);
      while (g_main_context_iteration (f->world->context, FALSE))
        {
          if (other == NULL)
            other = f->accepted->klass->accept (f->accepted);
          if (other != NULL)
            seen += quic_pair_read (f, other, seen);
        }
    }
  lp2p_udp_socket_unblock (quic_host_get_endpoint (&f->listener)->socket);
  f->dialed->klass->stream_release (f->dialed, stream);
  f->accepted->klass->stream_release (f->accepted, other);
  go_on (f);
}

/* Bytes that nobody reads, up to where all have arrived. */
static void
fill (Fixture *f, Lp2pMuxerStream *stream, gsize size)
{
  gsize written = 0;

  for (guint i = 0; i < 2000 && (written < size || lp2p_quic_stream_has_unsent ((Lp2pQuicStream *) stream)); i++)
    {
      if (written < size)
        written += quic_pair_write (f, stream, size - written, written);
      go_on (f);
    }
  g_assert_cmpuint (written, ==, size);
}

static void
count (Lp2pMuxerSession *session, gpointer user_data)
{
  ++*(guint *) user_data;
}

/* Memory */

/* Windows grow as far as the host has memory for it, and it is given back. */
static void
test_window (Fixture *f, gconstpointer data)
{
  Lp2pQuicConnection *connection = quic_host_get_connection (&f->listener);

  f->listener.context->memory_limit = 3 * 1024 * 1024;
  transfer (f, 32 * 1024 * 1024);
  g_assert_cmpuint (connection->memory.window, >, LP2P_QUIC_INITIAL_WINDOW);
  g_assert_cmpuint (f->listener.context->memory, ==, connection->memory.window - LP2P_QUIC_INITIAL_WINDOW);
  f->dialed->klass->abort (f->dialed, 0);
  test_world_settle (f->world);
  g_assert_cmpuint (f->listener.context->memory, ==, 0);
}

/* With none, all goes on, slowly. */
static void
test_no_memory (Fixture *f, gconstpointer data)
{
  f->listener.context->memory_limit = f->dialer.context->memory_limit = 0;
  transfer (f, 2 * 1024 * 1024);
  g_assert_cmpuint (quic_host_get_connection (&f->listener)->memory.window, ==, LP2P_QUIC_INITIAL_WINDOW);
}

/* Bytes that wait to be read. */
static void
test_unread (Fixture *f, gconstpointer data)
{
  Lp2pMuxerStream *streams[3];
  gsize most = 0;

  for (guint i = 0; i < 3; i++)
    {
      streams[i] = quic_pair_open (f);
      fill (f, streams[i], 250000);
      most = MAX (most, f->listener.context->memory);
    }
  g_assert_cmpuint (most, >=, 3 * 250000 - 256 * 1024);
  g_assert_cmpuint (most, <=, 1024 * 1024);
  for (guint i = 0; i < 3; i++)
    {
      Lp2pMuxerStream *other = quic_pair_accept (f);

      for (gsize seen = 0; seen < 250000; go_on (f))
        seen += quic_pair_read (f, other, seen);
      f->accepted->klass->stream_release (f->accepted, other);
      f->dialed->klass->stream_release (f->dialed, streams[i]);
    }
  g_assert_cmpuint (f->listener.context->memory, ==, 0);
}

/* They are counted as long as they are there, also when the connection is over. */
static void
test_unread_ended (Fixture *f, gconstpointer data)
{
  Lp2pMuxerStream *streams[3];

  for (guint i = 0; i < 3; i++)
    {
      Lp2pMuxerStream *own = quic_pair_open (f);

      fill (f, own, 250000);
      streams[i] = quic_pair_accept (f);
      f->dialed->klass->stream_release (f->dialed, own);
    }
  f->dialed->klass->abort (f->dialed, 0);
  go_on (f);
  g_assert_cmpint (f->accepted->klass->get_state (f->accepted), ==, LP2P_SESSION_CLOSED);
  g_assert_cmpuint (f->listener.context->memory, >=, 3 * 250000 - 256 * 1024);
  for (guint i = 0; i < 3; i++)
    {
      for (gsize seen = 0; seen < 250000;)
        seen += quic_pair_read (f, streams[i], seen);
      f->accepted->klass->stream_release (f->accepted, streams[i]);
    }
  g_assert_cmpuint (f->listener.context->memory, ==, 0);
}

/* Nobody reads, and the peer may send no more: what needs no credit leaves all the same. */
static void
test_no_credit (Fixture *f, gconstpointer data)
{
  const gsize each = LP2P_QUIC_INITIAL_WINDOW / 4;
  static const Lp2pMuxerEvents events = { .withdrawn = count };
  Lp2pMuxerStream *other, *waiting, *reset, *ended;
  guint8 byte;
  GInputVector vector = { &byte, 1 };
  guint n_withdrawn = 0;

  lp2p_muxer_session_set_events (f->accepted, &events, &n_withdrawn);
  for (guint i = 0; i < 4; i++)
    fill (f, quic_pair_open (f), each);
  g_assert_cmpuint (ngtcp2_conn_get_max_data_left (quic_host_get_connection (&f->dialer)->conn), ==, 0);
  waiting = quic_pair_open (f);
  g_assert_cmpuint (quic_pair_write (f, waiting, 10, 0), ==, 10);
  go_on (f);

  reset = quic_pair_open (f);
  g_assert_cmpuint (quic_pair_write (f, reset, 10, 0), ==, 10);
  f->dialed->klass->stream_reset (f->dialed, reset, 7);
  ended = quic_pair_open (f);
  g_assert_cmpint (f->dialed->klass->stream_shutdown_write (f->dialed, ended), ==, 0);
  test_world_advance (f->world, 100 * G_TIME_SPAN_MILLISECOND);
  for (guint i = 0; i < 4; i++)
    quic_pair_accept (f);
  g_assert_cmpuint (n_withdrawn, ==, 1);
  other = quic_pair_accept (f);
  g_assert_cmpint (f->accepted->klass->stream_readv (f->accepted, other, &vector, 1), ==, 0);
  g_assert_null (f->accepted->klass->accept (f->accepted));
  lp2p_muxer_session_set_events (f->accepted, NULL, NULL);
}

/* One that waited for credit, and in the meantime has nothing to send any more, holds
 * nobody up. */
static void
test_stalled (Fixture *f, gconstpointer data)
{
  Lp2pQuicConnection *connection = quic_host_get_connection (&f->dialer);
  Lp2pQuicStream *idle = (Lp2pQuicStream *) quic_pair_open (f);
  Lp2pQuicStream *busy = (Lp2pQuicStream *) quic_pair_open (f);

  g_assert_cmpuint (quic_pair_write (f, &busy->parent, 10, 0), ==, 10);
  lp2p_quic_stream_stall (idle);
  lp2p_quic_stream_stall (busy);
  connection->heard = TRUE;
  lp2p_quic_streams_retry_stalled (connection);
  g_assert_cmpuint (connection->stalled.length, ==, 0);
  g_assert_cmpuint (connection->sendable.length, ==, 1);
  g_assert_true (connection->sendable.head->data == busy);
}

/* Those for which there is none: the stream is over, its reader is told, and so is the
 * peer; others go on. */
static void
test_unread_without_memory (Fixture *f, gconstpointer data)
{
  Lp2pMuxerStream *first = quic_pair_open (f), *second = quic_pair_open (f), *other;
  gsize written = 0;
  guint8 byte;
  GInputVector vector = { &byte, 1 };
  guint32 code = 0;

  f->listener.context->memory_limit = 0;
  fill (f, first, 250000);
  for (guint i = 0; i < 2000 && f->dialed->klass->stream_get_error (f->dialed, second, LP2P_READY_READ, NULL) == NULL; i++)
    {
      if (written < 250000)
        written += quic_pair_write (f, second, 250000 - written, written);
      go_on (f);
    }
  g_assert_error (f->dialed->klass->stream_get_error (f->dialed, second, LP2P_READY_READ, &code), LP2P_ERROR,
                  LP2P_ERROR_RESET);
  g_assert_cmpuint (code, ==, LP2P_CODE_STREAM_RESOURCE_LIMIT);

  other = quic_pair_accept (f);
  for (gsize seen = 0; seen < 250000; go_on (f))
    seen += quic_pair_read (f, other, seen);
  f->accepted->klass->stream_release (f->accepted, other);
  other = quic_pair_accept (f);
  g_assert_cmpint (f->accepted->klass->stream_readv (f->accepted, other, &vector, 1), ==, LP2P_IO_FAILED);
  g_assert_error (f->accepted->klass->stream_get_error (f->accepted, other, LP2P_READY_READ, NULL), LP2P_ERROR,
                  LP2P_ERROR_LIMIT);
  f->accepted->klass->stream_release (f->accepted, other);
  f->dialed->klass->stream_release (f->dialed, first);
  f->dialed->klass->stream_release (f->dialed, second);
  go_on (f);
  transfer (f, 100000);
}

/* What is written, and not acknowledged by a peer that is gone. */
static void
test_unacknowledged (Fixture *f, gconstpointer data)
{
  Lp2pMuxerStream *streams[64];
  Lp2pUdpSocket *socket = quic_host_get_endpoint (&f->dialer)->socket;
  gsize total = 0;

  socket->blocked = TRUE;
  f->dialer.context->memory_limit = 1024 * 1024;
  for (guint i = 0; i < G_N_ELEMENTS (streams); i++)
    {
      streams[i] = quic_pair_open (f);
      total += quic_pair_write (f, streams[i], 1024 * 1024, 0);
    }
  g_assert_cmpuint (f->dialer.context->memory, >, 512 * 1024);
  g_assert_cmpuint (f->dialer.context->memory, <=, 1024 * 1024);
  g_assert_cmpuint (total, <=, 1024 * 1024 + G_N_ELEMENTS (streams) * 16 * 1024);
  g_assert_cmpuint (total, >=, G_N_ELEMENTS (streams) * 16 * 1024);

  socket->starved = TRUE;
  lp2p_udp_socket_unblock (socket);
  for (guint i = 0; i < G_N_ELEMENTS (streams); i++)
    f->dialed->klass->stream_reset (f->dialed, streams[i], 0);
  for (guint i = 0; i < G_N_ELEMENTS (streams); i++)
    f->dialed->klass->stream_release (f->dialed, streams[i]);
  test_world_advance (f->world, G_USEC_PER_SEC);
  g_assert_cmpuint (quic_host_get_connection (&f->dialer)->streams.length, ==, 0);
  g_assert_cmpuint (f->dialer.context->memory, ==, 0);
}

/* The socket */

/* Streams that their opener gives up before anybody took them are told of, for whoever
 * judges such a peer. */
static void
test_withdrawn (Fixture *f, gconstpointer data)
{
  static const Lp2pMuxerEvents events = { .withdrawn = count };
  Lp2pMuxerStream *stream = quic_pair_open (f);
  guint n = 0;

  lp2p_muxer_session_set_events (f->accepted, &events, &n);
  quic_pair_write (f, stream, 100, 0);
  test_world_advance (f->world, 100 * G_TIME_SPAN_MILLISECOND);
  f->dialed->klass->stream_reset (f->dialed, stream, 7);
  f->dialed->klass->stream_release (f->dialed, stream);
  test_world_advance (f->world, 100 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpuint (n, ==, 1);
  g_assert_null (f->accepted->klass->accept (f->accepted));

  stream = quic_pair_open (f);
  quic_pair_write (f, stream, 100, 0);
  test_world_advance (f->world, 100 * G_TIME_SPAN_MILLISECOND);
  quic_pair_accept (f);
  f->dialed->klass->stream_reset (f->dialed, stream, 7);
  f->dialed->klass->stream_release (f->dialed, stream);
  test_world_advance (f->world, 100 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpuint (n, ==, 1);
}

/* The kernel takes nothing for a while: nothing is lost, nothing sent twice. */
static void
test_blocked (Fixture *f, gconstpointer data)
{
  Lp2pUdpSocket *socket = quic_host_get_endpoint (&f->dialer)->socket;
  Lp2pMuxerStream *stream = quic_pair_open (f), *other;
  gsize written, seen = 0;

  socket->blocked = TRUE;
  written = quic_pair_write (f, stream, 100000, 0);
  g_assert_cmpuint (written, >, 0);
  test_world_settle (f->world);
  g_assert_null (f->accepted->klass->accept (f->accepted));
  g_assert_cmpuint (quic_host_get_endpoint (&f->dialer)->blocked.length, ==, 1);

  g_assert_true (socket->starved);
  lp2p_udp_socket_unblock (socket);
  test_world_settle (f->world);
  g_assert_cmpuint (quic_host_get_endpoint (&f->dialer)->blocked.length, ==, 0);
  other = quic_pair_accept (f);
  for (guint i = 0; i < 1000 && seen < written; i++, go_on (f))
    seen += quic_pair_read (f, other, seen);
  g_assert_cmpuint (seen, ==, written);

  f->accepted->klass->stream_release (f->accepted, other);
  f->dialed->klass->stream_release (f->dialed, stream);
}

/* How many system calls the kernel refuses in a row, and after how many that it did not. */
static guint n_refusals;
static guint n_before;

static gboolean
is_refused (void)
{
  static guint n_calls;

  if (n_refusals == 0 || ++n_calls % (n_before + n_refusals) < n_before)
    return FALSE;
  errno = EAGAIN;
  return TRUE;
}

ssize_t
sendmsg (int fd, const struct msghdr *message, int flags)
{
  static ssize_t (*original) (int, const struct msghdr *, int);

  if (original == NULL)
    original = (ssize_t (*) (int, const struct msghdr *, int)) dlsym (RTLD_NEXT, "sendmsg");
  return is_refused () ? -1 : original (fd, message, flags);
}

int
sendmmsg (int fd, struct mmsghdr *messages, unsigned n, int flags)
{
  static int (*original) (int, struct mmsghdr *, unsigned, int);

  if (original == NULL)
    original = (int (*) (int, struct mmsghdr *, unsigned, int)) dlsym (RTLD_NEXT, "sendmmsg");
  return is_refused () ? -1 : original (fd, messages, n, flags);
}

/* The kernel itself says that it takes no more, on both sides, wherever that hits. */
static void
test_again (Fixture *f, gconstpointer data)
{
  for (guint i = 1; i <= 4; i++)
    {
      n_before = 5 - i;
      n_refusals = i;
      transfer (f, 1024 * 1024);
    }
  n_refusals = 0;
  g_assert_cmpuint (quic_host_get_endpoint (&f->dialer)->blocked.length, ==, 0);
  g_assert_cmpuint (quic_host_get_connection (&f->dialer)->held.length, ==, 0);
}

/* A connection that ends while it waits for the socket. */
static void
test_blocked_end (Fixture *f, gconstpointer data)
{
  Lp2pUdpSocket *socket = quic_host_get_endpoint (&f->dialer)->socket;
  Lp2pMuxerStream *stream = quic_pair_open (f);

  socket->blocked = TRUE;
  quic_pair_write (f, stream, 100000, 0);
  test_world_settle (f->world);
  f->dialed->klass->abort (f->dialed, 0);
  test_world_advance (f->world, 10 * G_USEC_PER_SEC);
  g_assert_cmpuint (quic_host_get_endpoint (&f->dialer)->blocked.length, ==, 0);
  g_assert_cmpuint (quic_host_count_connections (&f->dialer), ==, 0);
  lp2p_udp_socket_unblock (socket);
  f->dialed->klass->stream_release (f->dialed, stream);
}

/* Datagrams */

static void
on_received (Lp2pDatagrams *datagrams, GBytes *datagram, gpointer user_data)
{
  g_ptr_array_add (user_data, g_bytes_ref (datagram));
}

static void
on_writable (Lp2pDatagrams *datagrams, gpointer user_data)
{
  ++*(guint *) user_data;
}

static Lp2pDatagrams *
get_datagrams (Lp2pMuxerSession *session)
{
  return LP2P_DATAGRAMS (session->klass->get_capability (session, LP2P_TYPE_DATAGRAMS));
}

static void
test_datagrams (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) got = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  Lp2pDatagrams *ours = get_datagrams (f->dialed), *theirs = get_datagrams (f->accepted);
  gsize max = lp2p_datagrams_get_max_size (ours);
  g_autofree guint8 *zero = g_malloc0 (max + 1);
  g_autoptr (GBytes) large = g_bytes_new (zero, max);
  g_autoptr (GBytes) too_large = g_bytes_new (zero, max + 1);
  g_autoptr (GBytes) small = g_bytes_new (zero, 1000);
  g_autoptr (GError) error = NULL;
  guint n_sent = 0, n_writable = 0;

  g_signal_connect (theirs, "received", G_CALLBACK (on_received), got);
  g_signal_connect (ours, "writable", G_CALLBACK (on_writable), &n_writable);
  g_assert_cmpuint (max, >, 1000);
  g_assert_false (lp2p_datagrams_send (ours, too_large, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
  g_clear_error (&error);
  g_assert_true (lp2p_datagrams_send (ours, large, &error));
  test_world_advance (f->world, 100 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpuint (got->len, ==, 1);
  g_assert_true (g_bytes_equal (got->pdata[0], large));

  while (lp2p_datagrams_send (ours, small, &error))
    g_assert_cmpuint (++n_sent, <, 1000);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  g_assert_cmpuint (n_sent, >, 100);
  test_world_advance (f->world, 5 * G_USEC_PER_SEC);
  g_assert_cmpuint (n_writable, ==, 1);
  g_assert_cmpuint (got->len, >, 100);
  g_signal_handlers_disconnect_by_data (theirs, got);
  g_signal_handlers_disconnect_by_data (ours, &n_writable);

  f->dialed->klass->abort (f->dialed, 0);
  g_clear_error (&error);
  g_assert_false (lp2p_datagrams_send (ours, large, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
}

/* Empty ones take no bytes, but not less for that. */
static void
test_empty_datagrams (Fixture *f, gconstpointer data)
{
  Lp2pDatagrams *ours = get_datagrams (f->dialed);
  g_autoptr (GBytes) empty = g_bytes_new_static ("", 0);
  g_autoptr (GError) error = NULL;
  guint n = 0;

  while (lp2p_datagrams_send (ours, empty, &error))
    g_assert_cmpuint (++n, <, 10000);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  g_assert_cmpuint (n, ==, 4096);
  test_world_advance (f->world, G_USEC_PER_SEC);
  g_clear_error (&error);
  g_assert_true (lp2p_datagrams_send (ours, empty, &error));
}

/* Packets of which each is larger than the one before, and so none fits the train of it. */
static void
test_growing_datagrams (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) got = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  Lp2pDatagrams *ours = get_datagrams (f->dialed), *theirs = get_datagrams (f->accepted);
  static const guint8 zero[1000];
  g_autoptr (GError) error = NULL;
  gsize size;

  g_signal_connect (theirs, "received", G_CALLBACK (on_received), got);
  for (size = 800; size < 840; size++)
    {
      g_autoptr (GBytes) datagram = g_bytes_new_static (zero, size);

      g_assert_true (lp2p_datagrams_send (ours, datagram, &error));
    }
  test_world_advance (f->world, G_USEC_PER_SEC);
  g_assert_cmpuint (got->len, ==, 40);
  for (guint i = 0; i < got->len; i++)
    g_assert_cmpuint (g_bytes_get_size (got->pdata[i]), ==, 800 + i);
  g_signal_handlers_disconnect_by_data (theirs, got);
}

/* Time */

static void
test_keep_alive (Fixture *f, gconstpointer data)
{
  test_world_advance (f->world, 60 * G_USEC_PER_SEC);
  g_assert_cmpint (f->dialed->klass->get_state (f->dialed), ==, LP2P_SESSION_READY);
  g_assert_cmpint (f->accepted->klass->get_state (f->accepted), ==, LP2P_SESSION_READY);
}

/* What one side would not wait for the other one's signs for, both end. */
static void
test_idle (Fixture *f, gconstpointer data)
{
  Lp2pUdpSocket *socket = quic_host_get_endpoint (&f->dialer)->socket;

  socket->blocked = TRUE;
  test_world_advance (f->world, 4 * G_USEC_PER_SEC);
  g_assert_cmpint (f->accepted->klass->get_state (f->accepted), ==, LP2P_SESSION_READY);
  test_world_advance (f->world, 8 * G_USEC_PER_SEC);
  g_assert_cmpint (f->accepted->klass->get_state (f->accepted), ==, LP2P_SESSION_CLOSED);
  g_assert_error (f->accepted->klass->get_error (f->accepted, NULL), LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST);
  g_assert_cmpint (f->dialed->klass->get_state (f->dialed), ==, LP2P_SESSION_CLOSED);
  g_assert_error (f->dialed->klass->get_error (f->dialed, NULL), LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST);
}

/* Addresses */

static void
test_addresses (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pMultiaddr) wildcard = lp2p_multiaddr_new_from_string ("/ip4/0.0.0.0/udp/0/quic-v1", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pListener) port =
      lp2p_transport_listen (LP2P_TRANSPORT (f->listener.transport), wildcard, &error);
  Lp2pUdpHub *hub = lp2p_context_get_udp_hub (LP2P_CONTEXT (f->listener.context));
  Lp2pUdpSocket *socket = NULL;
  guint n;

  g_assert_no_error (error);
  for (guint i = 0; i < hub->sockets->len; i++)
    if (((Lp2pUdpSocket *) hub->sockets->pdata[i])->wildcard)
      socket = hub->sockets->pdata[i];
  g_assert_nonnull (socket);
  n = lp2p_listener_get_bound_addresses (port)->len;
  g_assert_cmpuint (n, >, 0);

  /* As if there had been none before. */
  g_ptr_array_set_size (socket->addresses, 0);
  lp2p_listener_set_bound_addresses (port, socket->addresses);
  g_assert_cmpuint (lp2p_listener_get_bound_addresses (port)->len, ==, 0);
  lp2p_udp_socket_update_addresses (socket);
  test_world_settle (f->world);
  g_assert_cmpuint (lp2p_listener_get_bound_addresses (port)->len, ==, n);
  lp2p_listener_close (port);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

#define ADD(name, config, function) g_test_add ("/quic-session/" name, Fixture, config, set_up, function, tear_down)
  ADD ("window", NULL, test_window);
  ADD ("no-memory", NULL, test_no_memory);
  ADD ("unread", NULL, test_unread);
  ADD ("unread-ended", NULL, test_unread_ended);
  ADD ("no-credit", NULL, test_no_credit);
  ADD ("stalled", NULL, test_stalled);
  ADD ("unread-without-memory", NULL, test_unread_without_memory);
  ADD ("unacknowledged", NULL, test_unacknowledged);
  ADD ("withdrawn", NULL, test_withdrawn);
  ADD ("blocked", NULL, test_blocked);
  ADD ("again", NULL, test_again);
  ADD ("blocked-end", NULL, test_blocked_end);
  ADD ("datagrams", NULL, test_datagrams);
  ADD ("empty-datagrams", NULL, test_empty_datagrams);
  ADD ("growing-datagrams", NULL, test_growing_datagrams);
  ADD ("keep-alive", "[plugin quic-v1]\nidle-timeout=5\nkeep-alive=0\n", test_keep_alive);
  ADD ("idle", "[plugin quic-v1]\nidle-timeout=5\nkeep-alive=0\n", test_idle);
  ADD ("addresses", NULL, test_addresses);
#undef ADD

  return g_test_run ();
}
