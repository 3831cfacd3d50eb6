/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A session that is resumed at an address where the peer is no more, while another one
 * leads to it: what was sent early arrives there, and soon. */

#include <string.h>

#include "old-listener.h"
#include "test-wire.h"

#define CONFIG "[host]\ntransports=['quic-v1','tcp','memory']\nsecurity=['noise']\nservices=[]\n"
#define LISTEN "listen=['/ip4/127.0.0.1/udp/0/quic-v1','/ip4/127.0.0.1/tcp/0']\n"
#define SAFE   (LP2P_STREAM_REPLAY_SAFE | LP2P_STREAM_NO_DIAL)
/* The handshake that nobody answers. */
#define HANDSHAKE_US (10 * G_USEC_PER_SEC)
/* A dial of TCP starts when QUIC has had its time, and takes some round trips. */
#define SOON_US (G_USEC_PER_SEC)

/* How QUIC ends where B was. */
typedef enum
{
  SILENT,  /* nobody answers */
  REFUSED, /* the system says that there is nobody */
} End;

typedef struct
{
  DialFixture hosts; /* without a network of its own */
  TestWire *wire;    /* on the way to B over QUIC; NULL when it is cut */
  Lp2pMultiaddr *tcp;
} Fixture;

static gboolean
has_ticket (Fixture *self)
{
  g_autoptr (GBytes) ticket =
      lp2p_context_get_peer_data (self->hosts.a->context, lp2p_host_get_peer_id (self->hosts.b->host), "quic-engine",
                                  "ticket libp2p");

  return ticket != NULL;
}

static void
tell_address (Fixture *self, Lp2pMultiaddr *address)
{
  g_autoptr (GPtrArray) addresses = g_ptr_array_new ();
  Lp2pPeerInfo info = { .addresses = addresses };

  g_ptr_array_add (addresses, address);
  lp2p_context_update_peer (self->hosts.a->context, lp2p_host_get_peer_id (self->hosts.b->host), &info);
}

static void
find_addresses (Fixture *self)
{
  g_autoptr (GPtrArray) addresses = lp2p_host_dup_listen_addresses (self->hosts.b->host);

  for (guint i = 0; i < addresses->len; i++)
    {
      Lp2pMultiaddr *address = g_ptr_array_index (addresses, i);
      g_autofree char *port = lp2p_multiaddr_get_component_string (address, 1);

      if (lp2p_multiaddr_find (address, LP2P_PROTOCOL_QUIC_V1, 0) >= 0)
        test_wire_set_server (self->wire, g_ascii_strtoull (port, NULL, 10));
      else
        self->tcp = lp2p_multiaddr_without_peer_id (address);
    }
}

/* A connection over QUIC leaves a ticket. */
static void
become_acquainted (Fixture *self)
{
  g_autofree char *text = g_strdup_printf ("/ip4/127.0.0.1/udp/%u/quic-v1", test_wire_get_port (self->wire));
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, NULL);
  g_autoptr (GPtrArray) addresses = g_ptr_array_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pConnection) connection = NULL;

  g_ptr_array_add (addresses, address);
  lp2p_host_connect_peer_async (self->hosts.a->host, lp2p_host_get_peer_id (self->hosts.b->host), addresses, NULL,
                                test_take_result, &result);
  test_wait (self->hosts.world, result);
  connection = lp2p_host_connect_peer_finish (self->hosts.a->host, result, &error);
  g_assert_no_error (error);
  test_until (self->hosts.world, has_ticket (self));
  lp2p_connection_abort (connection, LP2P_CODE_NONE);
  test_until (self->hosts.world, self->hosts.a->n_removed == 1 && self->hosts.b->n_removed == 1);
}

static void
set_up (Fixture *self, gconstpointer data)
{
  self->hosts.world = test_world_new (TRUE);
  self->hosts.world->ticking = TRUE;
  self->wire = test_wire_new (self->hosts.world);
  self->hosts.a = test_host_new (self->hosts.world, CONFIG "listen=[]\n");
  self->hosts.b = test_host_new (self->hosts.world, CONFIG LISTEN);
  find_addresses (self);
  become_acquainted (self);
}

static void
end_quic (Fixture *self, End end)
{
  if (end == SILENT)
    test_wire_set_silent (self->wire, TRUE);
  else
    g_clear_pointer (&self->wire, test_wire_free);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  lp2p_multiaddr_unref (self->tcp);
  test_host_free (self->hosts.a);
  test_host_free (self->hosts.b);
  g_clear_pointer (&self->wire, test_wire_free);
  test_world_free (self->hosts.world);
}

static void
start_open (Fixture *self, Lp2pStreamFlags flags, GAsyncResult **result)
{
  static const char *const protocols[] = { TEST_PROTOCOL, NULL };

  lp2p_host_open_stream_async (self->hosts.a->host, lp2p_host_get_peer_id (self->hosts.b->host), protocols, flags, NULL,
                               test_take_result, result);
}

static Lp2pStream *
finish_open (Fixture *self, GAsyncResult **result, GError **error)
{
  Lp2pStream *stream;

  test_wait (self->hosts.world, *result);
  stream = lp2p_host_open_stream_finish (self->hosts.a->host, *result, error);
  g_clear_object (result);
  return stream;
}

/* Where the system says that nobody is there, that may be known before. */
static Lp2pStream *
open_early (Fixture *self)
{
  GAsyncResult *result = NULL;
  g_autoptr (GError) error = NULL;
  Lp2pStream *stream;

  start_open (self, LP2P_STREAM_REPLAY_SAFE, &result);
  stream = finish_open (self, &result, &error);
  g_assert_no_error (error);
  if (self->wire != NULL)
    g_assert_cmpint (lp2p_connection_get_state (lp2p_stream_get_connection (stream)), ==, LP2P_CONNECTION_EARLY);
  return stream;
}

static void
check_both_ways (Fixture *self, Lp2pStream *stream, Lp2pStream *other, gsize sent)
{
  test_stream_expect (self->hosts.world, other, sent, 0);
  test_stream_write (self->hosts.world, other, 100, 0);
  test_stream_expect (self->hosts.world, stream, 100, 0);
  test_stream_close_output (self->hosts.world, stream);
  test_stream_expect_end (self->hosts.world, other);
}

/* What was sent early, what waits to be opened, what is not safe to replay: all go on over
 * TCP, on the same connection. */
static void
test_tcp_wins (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (Lp2pStream) unsafe = NULL;
  g_autoptr (Lp2pStream) other = NULL;
  g_autoptr (Lp2pStream) other_unsafe = NULL;
  g_autoptr (GError) error = NULL;
  GAsyncResult *result = NULL;
  Lp2pConnection *connection;
  gint64 start;

  end_quic (self, GPOINTER_TO_INT (data));
  tell_address (self, self->tcp);
  start = self->hosts.world->now;
  stream = open_early (self);
  connection = lp2p_stream_get_connection (stream);
  if (self->wire != NULL)
    g_assert_cmpstr (lp2p_connection_get_transport (connection), ==, "quic-v1");
  start_open (self, LP2P_STREAM_NONE, &result);
  test_stream_write (self->hosts.world, stream, 1000, 0);
  other = test_host_accept (self->hosts.b);
  check_both_ways (self, stream, other, 1000);
  g_assert_cmpint (self->hosts.world->now - start, <, SOON_US);

  g_assert_cmpint (lp2p_connection_get_state (connection), ==, LP2P_CONNECTION_READY);
  g_assert_cmpstr (lp2p_connection_get_transport (connection), ==, "tcp");
  g_assert_cmpstr (lp2p_connection_get_muxer (connection), ==, "yamux");
  g_assert_cmpstr (lp2p_multiaddr_get_string (lp2p_connection_get_remote_address (connection)), ==,
                   lp2p_multiaddr_get_string (self->tcp));
  unsafe = finish_open (self, &result, &error);
  g_assert_no_error (error);
  g_assert_true (lp2p_stream_get_connection (unsafe) == connection);
  test_stream_write (self->hosts.world, unsafe, 10, 0);
  other_unsafe = test_host_accept (self->hosts.b);
  check_both_ways (self, unsafe, other_unsafe, 10);

  /* It is one more for either side, and stays so when the handshake would be given up. */
  test_world_jump (self->hosts.world, 2 * HANDSHAKE_US);
  test_world_settle (self->hosts.world);
  g_assert_cmpuint (self->hosts.a->n_added, ==, 2);
  g_assert_cmpuint (self->hosts.b->n_added, ==, 2);
  g_assert_cmpuint (self->hosts.a->n_removed, ==, 1);
}

/* Closed and dropped while it was early. */
static void
test_forgotten (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) other = NULL;
  g_autoptr (Lp2pConnection) connection = NULL;
  Lp2pStream *stream;

  end_quic (self, GPOINTER_TO_INT (data));
  tell_address (self, self->tcp);
  stream = open_early (self);
  connection = g_object_ref (lp2p_stream_get_connection (stream));
  test_stream_write (self->hosts.world, stream, 1000, 0);
  test_stream_close (self->hosts.world, stream);
  g_object_unref (stream);
  other = test_host_accept (self->hosts.b);
  test_stream_expect (self->hosts.world, other, 1000, 0);
  test_stream_expect_end (self->hosts.world, other);
  g_assert_cmpstr (lp2p_connection_get_transport (connection), ==, "tcp");
  g_io_stream_close (G_IO_STREAM (other), NULL, NULL);
  test_until (self->hosts.world, lp2p_connection_get_n_streams (connection) == 0);
}

/* No address does: the reasons of all of them are told. */
static void
test_nothing_wins (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pMultiaddr) nowhere = lp2p_multiaddr_new_from_string ("/ip4/127.0.0.1/tcp/1", NULL);
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (GError) error = NULL;
  const GError *reason;

  end_quic (self, SILENT);
  tell_address (self, nowhere);
  stream = open_early (self);
  connection = g_object_ref (lp2p_stream_get_connection (stream));
  test_stream_write (self->hosts.world, stream, 10, 0);
  test_world_jump (self->hosts.world, HANDSHAKE_US);
  error = test_stream_expect_failure (self->hosts.world, stream);
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST);
  reason = lp2p_connection_get_error (connection);
  g_assert_nonnull (strstr (reason->message, "/quic-v1: "));
  g_assert_nonnull (strstr (reason->message, "/tcp/1: "));
  g_assert_cmpint (lp2p_connection_get_state (connection), ==, LP2P_CONNECTION_CLOSED);
  test_world_advance (self->hosts.world, HANDSHAKE_US);
  g_assert_cmpuint (self->hosts.a->n_added, ==, 1);
  g_assert_cmpuint (self->hosts.b->n_added, ==, 1);
}

/* The host goes in the middle of it. */
static void
test_close (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  end_quic (self, GPOINTER_TO_INT (data));
  tell_address (self, self->tcp);
  stream = open_early (self);
  test_stream_write (self->hosts.world, stream, 10, 0);
  lp2p_host_close_async (self->hosts.a->host, NULL, test_take_result, &result);
  test_world_settle (self->hosts.world);
  test_world_jump (self->hosts.world, HANDSHAKE_US);
  test_wait (self->hosts.world, result);
  error = test_stream_expect_failure (self->hosts.world, stream);
}

#define ADD(path, function)                                                                                             \
  G_STMT_START                                                                                                          \
  {                                                                                                                     \
    g_test_add ("/early-race/" path "-silent", Fixture, GINT_TO_POINTER (SILENT), set_up, function, tear_down);         \
    g_test_add ("/early-race/" path "-refused", Fixture, GINT_TO_POINTER (REFUSED), set_up, function, tear_down);       \
  }                                                                                                                     \
  G_STMT_END

/* The muxer is proposed ahead over the address that wins, which is of a peer that agrees to
 * it only then, or asks for another one; with that both sessions were in vain. */
static void
test_old (Fixture *self, gconstpointer data)
{
  static const char na[] = "\x13/multistream/1.0.0\n\x03na\n";
  DialFixture *hosts = &self->hosts;
  gboolean refuses = g_strcmp0 (data, "refuses") == 0;
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (Lp2pStream) other = NULL;
  Lp2pConnection *connection;
  Lp2pLayer *layer;
  Lp2pLayer *refused = NULL;
  Old old;

  if (refuses && !old_has_mplex ())
    return;
  end_quic (self, SILENT);
  old_init (&old, hosts);
  tell_address (self, old.stranger.address);
  stream = open_early (self);
  connection = lp2p_stream_get_connection (stream);
  test_stream_write (hosts->world, stream, 1000, 0);
  layer = old_accept (&old, hosts);
  test_until (hosts->world, lp2p_connection_get_state (connection) == LP2P_CONNECTION_READY);
  g_assert_null (lp2p_connection_get_muxer (connection));
  if (refuses)
    {
      refused = g_steal_pointer (&layer);
      lp2p_layer_write (refused, na, sizeof na - 1, LP2P_WRITE_NONE);
      lp2p_layer_flush (refused);
      layer = old_accept (&old, hosts);
    }
  old_serve (&old, hosts, layer, refuses ? "mplex" : "yamux");
  other = test_host_accept (hosts->b);
  check_both_ways (self, stream, other, 1000);
  g_assert_cmpstr (lp2p_connection_get_transport (connection), ==, "memory");
  g_assert_cmpstr (lp2p_connection_get_muxer (connection), ==, refuses ? "mplex" : "yamux");
  test_world_jump (hosts->world, 2 * HANDSHAKE_US);
  test_world_settle (hosts->world);
  g_assert_cmpuint (hosts->a->n_added, ==, 2);
  g_assert_cmpuint (hosts->a->n_removed, ==, 1);
  g_clear_pointer (&refused, lp2p_layer_free);
  g_clear_object (&stream);
  g_clear_object (&other);
  old_clear (&old);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  ADD ("tcp-wins", test_tcp_wins);
  ADD ("forgotten", test_forgotten);
  g_test_add ("/early-race/nothing-wins", Fixture, NULL, set_up, test_nothing_wins, tear_down);
  ADD ("close", test_close);
  g_test_add ("/early-race/old-agrees", Fixture, "agrees", set_up, test_old, tear_down);
  g_test_add ("/early-race/old-refuses", Fixture, "refuses", set_up, test_old, tear_down);
  return g_test_run ();
}
