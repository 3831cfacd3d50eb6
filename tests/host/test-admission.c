/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who gets in, and who has to go: the gater, the limits, the connection manager. */

#include "memory-layer.h"
#include "test-host.h"

#include <lp2p/interfaces/lp2p-gater.h>

#define N_PEERS 6
#define COMMON "[host]\nsecurity=['noise']\nmuxers=['yamux']\nservices=[]\n"
#define MEMORY COMMON "transports=['memory']\nlisten=['/memory/0']\n"
#define TCP COMMON "transports=['tcp']\nlisten=['/ip4/127.0.0.1/tcp/0']\n"

/* A gater that refuses what it is told to. */

#define TEST_TYPE_GATER (test_gater_get_type ())
G_DECLARE_FINAL_TYPE (TestGater, test_gater, TEST, GATER, GObject)

struct _TestGater
{
  GObject parent_instance;

  gboolean refuse_dial;
  gboolean refuse_accept;
  Lp2pPeerId *refuse_peer;
  guint n_asked;
};

static void test_gater_iface_init (Lp2pGaterInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (TestGater, test_gater, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (LP2P_TYPE_GATER, test_gater_iface_init))

static gboolean
test_gater_allow_dial (Lp2pGater *gater, Lp2pPeerId *peer, Lp2pMultiaddr *address)
{
  TEST_GATER (gater)->n_asked++;
  return !TEST_GATER (gater)->refuse_dial;
}

static gboolean
test_gater_allow_accept (Lp2pGater *gater, Lp2pMultiaddr *remote_address)
{
  TEST_GATER (gater)->n_asked++;
  return !TEST_GATER (gater)->refuse_accept;
}

static gboolean
test_gater_allow_peer (Lp2pGater *gater, Lp2pPeerId *peer, Lp2pMultiaddr *remote_address, Lp2pRole direction)
{
  TestGater *self = TEST_GATER (gater);

  self->n_asked++;
  return self->refuse_peer == NULL || !lp2p_peer_id_equal (peer, self->refuse_peer);
}

static void
test_gater_iface_init (Lp2pGaterInterface *iface)
{
  iface->allow_dial = test_gater_allow_dial;
  iface->allow_accept = test_gater_allow_accept;
  iface->allow_peer = test_gater_allow_peer;
}

static void
test_gater_class_init (TestGaterClass *klass)
{
}

static void
test_gater_init (TestGater *self)
{
}

/* A host, and others that come to it. */

typedef struct
{
  TestWorld *world;
  TestHost *host;
  TestHost *peers[N_PEERS];
  Lp2pConnection *connections[N_PEERS];
} Fixture;

typedef struct
{
  const char *name;
  const char *config;
  void (*test) (Fixture *self, gconstpointer data);
  gboolean tcp;
} Case;

static void
setup (Fixture *self, gconstpointer data)
{
  const Case *test = data;
  const char *common = test->tcp ? TCP : MEMORY;
  g_autofree char *text = g_strconcat (common, test->config, NULL);

  self->world = test_world_new (test->tcp);
  self->host = test_host_new (self->world, text);
  for (guint i = 0; i < N_PEERS; i++)
    self->peers[i] = test_host_new (self->world, common);
}

static void
teardown (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < N_PEERS; i++)
    {
      g_clear_object (&self->connections[i]);
      test_host_close (self->peers[i]);
      test_host_free (self->peers[i]);
    }
  if (self->host->host != NULL)
    test_host_close (self->host);
  test_host_free (self->host);
  test_world_free (self->world);
}

static Lp2pConnection *
try_connect (Fixture *self, TestHost *from, TestHost *to, GError **error)
{
  g_autoptr (Lp2pMultiaddr) address = test_host_dup_address (to);
  g_autoptr (GAsyncResult) result = NULL;

  lp2p_host_connect_async (from->host, address, NULL, test_take_result, &result);
  test_wait (self->world, result);
  return lp2p_host_connect_finish (from->host, result, error);
}

static guint
count (TestHost *host)
{
  return g_list_model_get_n_items (lp2p_host_get_connections (host->host));
}

/* Whether the host has a connection with a peer in the end. */
static gboolean
comes_in (Fixture *self, guint i)
{
  guint before = count (self->host);
  g_autoptr (GError) error = NULL;

  g_clear_object (&self->connections[i]);
  self->connections[i] = try_connect (self, self->peers[i], self->host, &error);
  test_world_settle (self->world);
  return count (self->host) > before;
}

static gboolean
is_open (Fixture *self, guint i)
{
  return lp2p_connection_get_state (self->connections[i]) == LP2P_CONNECTION_READY;
}

/* The gater */

static void
test_accept (Fixture *self, gconstpointer data)
{
  g_autoptr (TestGater) gater = g_object_new (TEST_TYPE_GATER, NULL);

  lp2p_host_set_gater (self->host->host, LP2P_GATER (gater));
  g_assert_true (lp2p_host_get_gater (self->host->host) == LP2P_GATER (gater));
  gater->refuse_accept = TRUE;
  g_assert_false (comes_in (self, 0));
  gater->refuse_accept = FALSE;
  g_assert_true (comes_in (self, 0));
  /* For those that are there nothing changes. */
  gater->refuse_accept = TRUE;
  test_world_settle (self->world);
  g_assert_true (is_open (self, 0));
  lp2p_host_set_gater (self->host->host, NULL);
  g_assert_true (comes_in (self, 1));
}

static void
test_dial (Fixture *self, gconstpointer data)
{
  g_autoptr (TestGater) gater = g_object_new (TEST_TYPE_GATER, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pConnection) refused = NULL;
  g_autoptr (Lp2pConnection) allowed = NULL;

  gater->refuse_dial = TRUE;
  lp2p_host_set_gater (self->host->host, LP2P_GATER (gater));
  refused = try_connect (self, self->host, self->peers[0], &error);
  g_assert_null (refused);
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_REFUSED_BY_GATER);
  g_assert_cmpuint (gater->n_asked, ==, 1);
  g_assert_cmpuint (self->peers[0]->n_added, ==, 0);
  gater->refuse_dial = FALSE;
  allowed = try_connect (self, self->host, self->peers[0], NULL);
  g_assert_nonnull (allowed);
}

static void
test_peer (Fixture *self, gconstpointer data)
{
  g_autoptr (TestGater) gater = g_object_new (TEST_TYPE_GATER, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pConnection) outbound = NULL;

  gater->refuse_peer = lp2p_host_get_peer_id (self->peers[0]->host);
  lp2p_host_set_gater (self->host->host, LP2P_GATER (gater));
  g_assert_false (comes_in (self, 0));
  g_assert_true (comes_in (self, 1));

  outbound = try_connect (self, self->host, self->peers[0], &error);
  g_assert_null (outbound);
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_REFUSED_BY_GATER);
  test_world_settle (self->world);
  g_assert_cmpuint (count (self->host), ==, 1);
}

/* What a peer knows of why it was refused, or has to go. */

static void
assert_told (Fixture *self, guint i, const char *why)
{
  g_assert_nonnull (self->connections[i]);
  test_until (self->world, !is_open (self, i));
  g_assert_nonnull (strstr (lp2p_connection_get_error (self->connections[i])->message, why));
}

static void
test_told_refused (Fixture *self, gconstpointer data)
{
  g_autoptr (TestGater) gater = g_object_new (TEST_TYPE_GATER, NULL);

  gater->refuse_peer = lp2p_host_get_peer_id (self->peers[0]->host);
  lp2p_host_set_gater (self->host->host, LP2P_GATER (gater));
  g_assert_false (comes_in (self, 0));
  assert_told (self, 0, "connection-gated");
}

static void
test_told_trimmed (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < 3; i++)
    g_assert_true (comes_in (self, i));
  test_world_jump (self->world, 11 * G_USEC_PER_SEC);
  test_until (self->world, count (self->host) == 1);
  /* All may have come at the same time: it does not matter who stays. */
  test_until (self->world, is_open (self, 0) + is_open (self, 1) + is_open (self, 2) == 1);
  for (guint i = 0; i < 3; i++)
    if (!is_open (self, i))
      assert_told (self, i, "connection-garbage-collected");
}

/* Limits */

static void
test_limit (Fixture *self, gconstpointer data)
{
  g_assert_true (comes_in (self, 0));
  g_assert_true (comes_in (self, 1));
  g_assert_false (comes_in (self, 2));
  lp2p_connection_abort (self->connections[0], LP2P_CODE_NONE);
  test_world_settle (self->world);
  g_assert_true (comes_in (self, 2));
}

static gboolean
reaches (Fixture *self, guint i)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pConnection) connection = try_connect (self, self->host, self->peers[i], &error);

  if (connection == NULL)
    g_assert_error (error, LP2P_ERROR, LP2P_ERROR_LIMIT);
  test_world_settle (self->world);
  return connection != NULL;
}

/* However many come, the host gets to whom it dials: the oldest without streams that a
 * peer made goes, unless it is protected. */
static void
test_limit_outbound (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) stream = NULL;

  for (guint i = 0; i < 3; i++)
    g_assert_true (comes_in (self, i));
  stream = test_host_open (self->peers[0], self->connections[0]);
  lp2p_host_protect_peer (self->host->host, lp2p_host_get_peer_id (self->peers[1]->host), "test");
  test_world_settle (self->world);
  g_assert_false (comes_in (self, 3));

  g_assert_true (reaches (self, 3));
  g_assert_true (is_open (self, 0));
  g_assert_true (is_open (self, 1));
  g_assert_false (is_open (self, 2));
  g_assert_true (reaches (self, 4));
  g_assert_false (is_open (self, 0));
  g_assert_true (is_open (self, 1));
  g_assert_cmpuint (count (self->host), ==, 3);
  /* What is left is wanted. */
  g_assert_false (reaches (self, 5));
  g_assert_cmpuint (count (self->host), ==, 3);
}

/* Streams */

/* Opens one, and tells whether the host took it; if so, it is the first that the
 * host holds. */
static gboolean
opens (Fixture *self, guint i, Lp2pStream **stream)
{
  guint before = self->host->streams.length;
  g_autoptr (Lp2pStream) opened = test_host_open (self->peers[i], self->connections[i]);
  g_autoptr (GError) error = NULL;

  test_world_settle (self->world);
  if (self->host->streams.length > before)
    {
      *stream = g_steal_pointer (&opened);
      return TRUE;
    }
  error = test_stream_expect_failure (self->world, opened);
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_RESET);
  g_assert_cmpuint (lp2p_stream_get_remote_code (opened), ==, LP2P_CODE_STREAM_RESOURCE_LIMIT);
  return FALSE;
}

static void
drop_first (Fixture *self)
{
  g_autoptr (Lp2pStream) stream = g_queue_pop_head (&self->host->streams);

  lp2p_stream_reset (stream, LP2P_CODE_NONE);
  test_world_settle (self->world);
}

static void
test_streams (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) one = NULL;
  g_autoptr (Lp2pStream) two = NULL;
  g_autoptr (Lp2pStream) three = NULL;
  g_autoptr (Lp2pStream) again = NULL;
  g_autoptr (Lp2pStream) last = NULL;
  Lp2pStream *none = NULL;

  g_assert_true (comes_in (self, 0));
  g_assert_true (comes_in (self, 1));
  g_assert_true (opens (self, 0, &one));
  g_assert_true (opens (self, 0, &two));
  /* One peer must not take all, and all not more than there are. */
  g_assert_false (opens (self, 0, &none));
  g_assert_true (opens (self, 1, &three));
  g_assert_false (opens (self, 1, &none));

  /* Reset by the host, and closed by both sides. */
  drop_first (self);
  g_assert_true (opens (self, 0, &again));
  g_assert_false (opens (self, 0, &none));
  test_stream_close (self->world, two);
  test_stream_close (self->world, g_queue_peek_head (&self->host->streams));
  test_world_settle (self->world);
  g_assert_true (opens (self, 1, &last));
}

/* The end of a connection is that of its streams, though somebody holds them. */
static void
test_streams_of_connection (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) one = NULL;
  g_autoptr (Lp2pStream) two = NULL;
  g_autoptr (Lp2pStream) other = NULL;
  Lp2pStream *none = NULL;

  g_assert_true (comes_in (self, 0));
  g_assert_true (comes_in (self, 1));
  g_assert_true (opens (self, 0, &one));
  g_assert_true (opens (self, 0, &two));
  lp2p_connection_abort (self->connections[0], LP2P_CODE_NONE);
  test_until (self->world, count (self->host) == 1);
  g_assert_cmpuint (self->host->streams.length, ==, 2);
  g_assert_true (comes_in (self, 0));
  g_clear_object (&one);
  g_clear_object (&two);
  g_assert_true (opens (self, 0, &one));
  g_assert_true (opens (self, 0, &two));
  g_assert_false (opens (self, 0, &none));
  /* What is left of the first connection counts for nothing. */
  drop_first (self);
  drop_first (self);
  g_assert_false (opens (self, 0, &none));
  g_assert_true (opens (self, 1, &other));
}

/* A stream that agrees on nothing, and one that the peer gives up at once. */
static void
test_streams_refused (Fixture *self, gconstpointer data)
{
  static const char *const unknown[] = { "/lp2p/unknown/1.0.0", NULL };
  static const char *const known[] = { TEST_PROTOCOL, NULL };

  g_assert_true (comes_in (self, 0));
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (GAsyncResult) result = NULL;
      g_autoptr (Lp2pStream) stream = NULL;
      g_autoptr (GError) error = NULL;

      lp2p_connection_open_stream_async (self->connections[0], i % 2 == 0 ? unknown : known, LP2P_STREAM_NONE, NULL,
                                         test_take_result, &result);
      test_wait (self->world, result);
      stream = lp2p_connection_open_stream_finish (self->connections[0], result, &error);
      g_assert_no_error (error);
      if (i % 2 == 0)
        {
          g_autoptr (GError) refusal = test_stream_expect_failure (self->world, stream);

          g_assert_error (refusal, LP2P_ERROR, LP2P_ERROR_NOT_SUPPORTED);
        }
      else
        lp2p_stream_reset (stream, LP2P_CODE_NONE);
      test_world_settle (self->world);
      test_host_forget_streams (self->host);
    }
  {
    g_autoptr (Lp2pStream) one = NULL;
    g_autoptr (Lp2pStream) two = NULL;

    g_assert_true (opens (self, 0, &one));
    g_assert_true (opens (self, 0, &two));
  }
}

/* Memory */

/* However many want all of it, something is left for the next. */
static void
test_memory (Fixture *self, gconstpointer data)
{
  const gsize mib = 1024 * 1024;
  const gsize piece = 64 * 1024;
  Lp2pContext *context = self->host->context;
  gsize held[9] = { 0 };

  for (guint i = 0; i < 8; i++)
    while (lp2p_context_reserve_memory (context, held[i], piece))
      held[i] += piece;
  g_assert_cmpuint (held[0], ==, 8 * mib);
  for (guint i = 1; i < 8; i++)
    g_assert_cmpuint (held[i], <=, held[i - 1]);
  /* Who holds much gives back before others of it do. */
  g_assert_false (lp2p_context_reserve_memory (context, held[0], 1));
  lp2p_context_release_memory (context, held[0]);
  while (lp2p_context_reserve_memory (context, held[8], piece))
    held[8] += piece;
  g_assert_cmpuint (held[8], >=, 3 * mib);
  g_assert_false (lp2p_context_reserve_memory (context, 0, 16 * mib));
  g_assert_false (lp2p_context_reserve_memory (context, 0, G_MAXSIZE));
  g_assert_false (lp2p_context_reserve_memory (context, G_MAXSIZE, 1));
  for (guint i = 1; i < 9; i++)
    lp2p_context_release_memory (context, held[i]);
  g_assert_true (lp2p_context_reserve_memory (context, 0, 8 * mib));
  lp2p_context_release_memory (context, 8 * mib);
}

/* Handshakes that others drag out */

/* Comes from an address as a stranger who says nothing. Returns the other end, or
 * %NULL where there is no place for it. */
static Lp2pLayer *
come_silently (Fixture *self, const char *text)
{
  static const MemoryLayerOptions options;
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, NULL);
  Lp2pRawConnection *raw;
  Lp2pLayer *ours;
  Lp2pLayer *theirs;

  if (!lp2p_context_begin_inbound (self->host->context, "memory", address, NULL))
    return NULL;
  memory_layer_new_pair (self->host->loop, &options, &ours, &theirs);
  raw = lp2p_raw_connection_new_layer (ours, "memory", LP2P_ROLE_RESPONDER);
  raw->local_address = test_host_dup_address (self->host);
  raw->remote_address = lp2p_multiaddr_ref (address);
  lp2p_context_offer_inbound (self->host->context, raw);
  test_world_settle (self->world);
  return theirs;
}

static gboolean
is_given_up (Lp2pLayer *theirs)
{
  const guint8 *data;
  gssize n;

  while ((n = lp2p_layer_peek (theirs, &data)) > 0)
    lp2p_layer_consume (theirs, n);
  return n != LP2P_IO_AGAIN;
}

/* The oldest makes room, of the same IP where that has too many. */
static void
test_room (Fixture *self, gconstpointer data)
{
  Lp2pLayer *one = come_silently (self, "/ip4/192.0.2.1/tcp/1");
  Lp2pLayer *two = come_silently (self, "/ip4/192.0.2.2/tcp/1");
  Lp2pLayer *three = come_silently (self, "/ip4/192.0.2.2/tcp/2");
  Lp2pLayer *four = come_silently (self, "/ip4/192.0.2.2/tcp/3");

  g_assert_false (is_given_up (one));
  g_assert_true (is_given_up (two));
  g_assert_false (is_given_up (three));
  g_assert_false (is_given_up (four));

  /* All places are taken, and somebody who means it gets in. */
  g_assert_true (comes_in (self, 0));
  g_assert_true (is_given_up (one));
  g_assert_true (comes_in (self, 1));
  g_assert_false (is_given_up (three));

  lp2p_layer_free (one);
  lp2p_layer_free (two);
  lp2p_layer_free (three);
  lp2p_layer_free (four);
}

/* Those that a transport still has cannot make room. */
static void
test_no_room (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string ("/ip4/192.0.2.1/tcp/1", NULL);

  for (guint i = 0; i < 3; i++)
    g_assert_true (lp2p_context_begin_inbound (self->host->context, "memory", address, NULL));
  g_assert_null (come_silently (self, "/ip4/192.0.2.2/tcp/1"));
  g_assert_false (comes_in (self, 0));
  lp2p_context_end_inbound (self->host->context, "memory", address);
  g_assert_true (comes_in (self, 0));
  for (guint i = 0; i < 2; i++)
    lp2p_context_end_inbound (self->host->context, "memory", address);
}

/* A handshake that a transport makes by itself. */
typedef struct
{
  Lp2pContext *context;
  Lp2pHandshake *handshake;
  guint n_given_up;
} Native;

static void
on_give_up (gpointer user_data)
{
  Native *native = user_data;

  native->n_given_up++;
  lp2p_context_end_handshake (native->context, g_steal_pointer (&native->handshake));
}

static gboolean
begin_native (Fixture *self, Native *native, const char *text)
{
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, NULL);

  *native = (Native){ .context = self->host->context };
  native->handshake = lp2p_context_begin_handshake (native->context, "memory", address, on_give_up, native, NULL);
  return native->handshake != NULL;
}

/* Those make room, and are made room for, as all others are. */
static void
test_native (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pMultiaddr) stranger = lp2p_multiaddr_new_from_string ("/ip4/203.0.113.1/udp/1/quic-v1", NULL);
  Native one, two, three, four;
  Lp2pLayer *silent;

  g_assert_false (lp2p_context_is_crowded (self->host->context, stranger));
  g_assert_true (begin_native (self, &one, "/ip4/192.0.2.1/udp/1/quic-v1"));
  g_assert_true (lp2p_context_is_crowded (self->host->context, stranger));
  g_assert_true (begin_native (self, &two, "/ip4/192.0.2.2/udp/1/quic-v1"));
  g_assert_true (begin_native (self, &three, "/ip4/192.0.2.2/udp/2/quic-v1"));
  g_assert_cmpuint (lp2p_host_get_usage (self->host->host, "max-half-open"), ==, 3);

  /* Of the same IP, then the oldest of all. */
  g_assert_true (begin_native (self, &four, "/ip4/192.0.2.2/udp/3/quic-v1"));
  g_assert_cmpuint (two.n_given_up, ==, 1);
  silent = come_silently (self, "/ip4/192.0.2.3/tcp/1");
  g_assert_nonnull (silent);
  g_assert_cmpuint (one.n_given_up, ==, 1);
  g_assert_cmpuint (lp2p_host_get_usage (self->host->host, "max-half-open"), ==, 3);

  /* One that has come further stays; one that is silent over another transport goes. */
  lp2p_context_advance_handshake (self->host->context, three.handshake);
  lp2p_context_advance_handshake (self->host->context, three.handshake);
  g_assert_true (begin_native (self, &one, "/ip4/192.0.2.4/udp/1/quic-v1"));
  g_assert_cmpuint (four.n_given_up, ==, 1);
  g_assert_true (begin_native (self, &two, "/ip4/192.0.2.5/udp/1/quic-v1"));
  test_world_settle (self->world);
  g_assert_true (is_given_up (silent));
  lp2p_layer_free (silent);

  lp2p_context_end_handshake (self->host->context, one.handshake);
  g_assert_cmpuint (lp2p_host_get_usage (self->host->host, "max-half-open"), ==, 2);
  g_assert_true (comes_in (self, 0));
  g_assert_cmpuint (three.n_given_up, ==, 0);

  /* With the host. */
  test_host_close (self->host);
  g_assert_cmpuint (two.n_given_up, ==, 1);
  g_assert_cmpuint (three.n_given_up, ==, 1);
}

/* What a transport has begun the host goes on with: nobody is asked twice, and the place
 * is kept. */
static void
test_passed_on (Fixture *self, gconstpointer data)
{
  static const MemoryLayerOptions options;
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string ("/ip4/192.0.2.1/tcp/1/ws", NULL);
  g_autoptr (TestGater) gater = g_object_new (TEST_TYPE_GATER, NULL);
  Native one, two, three, four, five;
  Lp2pRawConnection *raw;
  Lp2pLayer *ours;
  Lp2pLayer *theirs;

  g_assert_true (begin_native (self, &one, "/ip4/192.0.2.1/tcp/1"));
  g_assert_true (begin_native (self, &two, "/ip4/192.0.2.2/tcp/1"));
  g_assert_true (begin_native (self, &three, "/ip4/192.0.2.3/tcp/1"));
  lp2p_host_set_gater (self->host->host, LP2P_GATER (gater));
  g_assert_true (lp2p_context_pass_on_handshake (one.context, g_steal_pointer (&one.handshake)));
  g_assert_cmpuint (lp2p_host_get_usage (self->host->host, "max-half-open"), ==, 3);
  memory_layer_new_pair (self->host->loop, &options, &ours, &theirs);
  raw = lp2p_raw_connection_new_layer (ours, "memory", LP2P_ROLE_RESPONDER);
  raw->local_address = test_host_dup_address (self->host);
  raw->remote_address = lp2p_multiaddr_ref (address);
  lp2p_context_offer_inbound (one.context, raw);
  test_world_settle (self->world);
  g_assert_cmpuint (lp2p_host_get_usage (self->host->host, "max-half-open"), ==, 3);
  g_assert_cmpuint (gater->n_asked, ==, 0);
  g_assert_false (is_given_up (theirs));

  /* It is given up as any other, when its turn comes. */
  g_assert_true (begin_native (self, &four, "/ip4/192.0.2.1/tcp/2"));
  g_assert_cmpuint (two.n_given_up, ==, 1);
  g_assert_false (is_given_up (theirs));
  g_assert_true (begin_native (self, &five, "/ip4/192.0.2.1/tcp/3"));
  test_world_settle (self->world);
  g_assert_true (is_given_up (theirs));
  lp2p_layer_free (theirs);
  lp2p_context_end_handshake (three.context, three.handshake);
  lp2p_context_end_handshake (four.context, four.handshake);
  lp2p_context_end_handshake (five.context, five.handshake);
  g_assert_cmpuint (lp2p_host_get_usage (self->host->host, "max-half-open"), ==, 0);
}

/* One byte each second does not prolong the deadline, at any step of it. */
static void
test_drip (Fixture *self, gconstpointer data)
{
  static const char said[] = "\023/multistream/1.0.0\n\007/noise\n\000\040abcdefghijklmnopqrstuvwxyz";
  static const gsize at_once[] = { 0, 19, 20, 28, 30, 40 };

  for (guint i = 0; i < G_N_ELEMENTS (at_once); i++)
    {
      Lp2pLayer *theirs = come_silently (self, "/ip4/192.0.2.1/tcp/1");
      guint seconds = 0;

      g_assert_cmpint (lp2p_layer_write (theirs, (const guint8 *) said, at_once[i], LP2P_WRITE_NONE), ==, (gssize) at_once[i]);
      for (; !is_given_up (theirs); seconds++)
        {
          g_assert_cmpuint (seconds, <, 15 + 1);
          lp2p_layer_write (theirs, (const guint8 *) said + at_once[i] + seconds, 1, LP2P_WRITE_NONE);
          lp2p_layer_flush (theirs);
          test_world_advance (self->world, G_USEC_PER_SEC);
        }
      g_assert_cmpuint (seconds, >=, 14);
      lp2p_layer_free (theirs);
    }
}

static void
on_connected_wait (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Fixture *self = user_data;
  g_autoptr (GError) error = NULL;

  self->connections[0] = lp2p_host_connect_finish (LP2P_HOST (source), result, &error);
  g_assert_no_error (error);
  test_world_settle (self->world);
}

/* What a dial has left to give up when it is over is not the connection that it made,
 * also where who waited for it runs the main loop when told. */
static void
test_wait_inside (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pMultiaddr) address = test_host_dup_address (self->host);

  lp2p_host_connect_async (self->peers[0]->host, address, NULL, on_connected_wait, self);
  test_until (self->world, self->connections[0] != NULL);
  test_world_settle (self->world);
  g_assert_true (is_open (self, 0));
  g_assert_cmpuint (count (self->host), ==, 1);
}

/* The connection manager */

static void
test_trim (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) stream = NULL;

  for (guint i = 0; i < 5; i++)
    g_assert_true (comes_in (self, i));
  stream = test_host_open (self->peers[0], self->connections[0]);
  lp2p_host_protect_peer (self->host->host, lp2p_host_get_peer_id (self->peers[1]->host), "test");
  test_world_settle (self->world);
  g_assert_cmpuint (count (self->host), ==, 5);

  /* Grace is over, and one more is too many: the oldest without streams go. */
  test_world_jump (self->world, 11 * G_USEC_PER_SEC);
  g_assert_true (comes_in (self, 5) || count (self->host) == 3);
  test_until (self->world, count (self->host) == 3);
  test_world_settle (self->world);
  g_assert_true (is_open (self, 0));
  g_assert_true (is_open (self, 1));
  g_assert_false (is_open (self, 2));
  g_assert_false (is_open (self, 3));
  g_assert_false (is_open (self, 4));
  /* Too young. */
  g_assert_true (is_open (self, 5));
}

/* While all are young, nothing happens; as soon as they are not, it does. */
static void
test_grace (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < 6; i++)
    g_assert_true (comes_in (self, i));
  test_world_advance (self->world, 5 * G_USEC_PER_SEC);
  g_assert_cmpuint (count (self->host), ==, 6);
  test_world_advance (self->world, 6 * G_USEC_PER_SEC);
  test_until (self->world, count (self->host) == 3);
}

/* The longest grace that may be set is as long as it says. */
static void
test_long_grace (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < 6; i++)
    g_assert_true (comes_in (self, i));
  test_world_jump (self->world, (gint64) 86399 * G_USEC_PER_SEC);
  test_world_settle (self->world);
  g_assert_cmpuint (count (self->host), ==, 6);
  test_world_jump (self->world, 2 * G_USEC_PER_SEC);
  test_until (self->world, count (self->host) == 3);
}

static void
test_held (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < 6; i++)
    {
      g_autoptr (Lp2pConnection) connection = NULL;

      g_assert_true (comes_in (self, i));
      connection = g_list_model_get_item (lp2p_host_get_connections (self->host->host), i);
      lp2p_context_hold_connection (self->host->context, connection, "one", TRUE);
      lp2p_context_hold_connection (self->host->context, connection, "two", TRUE);
    }
  test_world_jump (self->world, 20 * G_USEC_PER_SEC);
  test_world_settle (self->world);
  g_assert_cmpuint (count (self->host), ==, 6);

  for (guint i = 0; i < 6; i++)
    {
      g_autoptr (Lp2pConnection) connection =
          g_list_model_get_item (lp2p_host_get_connections (self->host->host), i);

      lp2p_context_hold_connection (self->host->context, connection, "one", FALSE);
    }
  test_world_settle (self->world);
  g_assert_cmpuint (count (self->host), ==, 6);
  {
    g_autoptr (Lp2pConnection) connection = g_list_model_get_item (lp2p_host_get_connections (self->host->host), 4);

    lp2p_context_hold_connection (self->host->context, connection, "two", FALSE);
  }
  test_until (self->world, count (self->host) == 5);
  test_world_settle (self->world);
  g_assert_false (is_open (self, 4));
}

/* Who still has the context of a host that is gone has nothing of its connections:
 * when their grace would be over, nobody looks for them. */
static void
test_dropped (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pContext) context = g_object_ref (self->host->context);

  for (guint i = 0; i < 6; i++)
    g_assert_true (comes_in (self, i));
  g_signal_handlers_disconnect_by_data (self->host->host, self->host);
  lp2p_host_remove_stream_handler (self->host->host, TEST_PROTOCOL);
  g_clear_object (&self->host->host);
  for (guint i = 0; i < 6; i++)
    test_until (self->world, !is_open (self, i));
  test_world_advance (self->world, 20 * G_USEC_PER_SEC);
}

int
main (int argc, char **argv)
{
  static const Case tests[] = {
    { "/admission/accept", "", test_accept },
    { "/admission/dial", "", test_dial },
    { "/admission/peer", "", test_peer },
    { "/admission/told/refused", "", test_told_refused, TRUE },
    { "/admission/told/trimmed", "connections-high=2\nconnections-low=1\nconnection-grace=10\n", test_told_trimmed, TRUE },
    { "/admission/limit", "max-connections=2\n", test_limit },
    { "/admission/limit-outbound", "max-connections=3\n", test_limit_outbound },
    { "/admission/streams", "max-streams=3\nmax-streams-per-peer=2\n", test_streams },
    { "/admission/streams-of-connection", "max-streams=3\nmax-streams-per-peer=2\n", test_streams_of_connection },
    { "/admission/streams-refused", "max-streams=3\nmax-streams-per-peer=2\n", test_streams_refused },
    { "/admission/memory", "memory-budget=16777216\n", test_memory },
    { "/admission/room", "max-half-open=3\nmax-half-open-per-ip=2\n", test_room },
    { "/admission/no-room", "max-half-open=3\nmax-half-open-per-ip=3\n", test_no_room },
    { "/admission/native", "max-half-open=3\nmax-half-open-per-ip=2\n", test_native },
    { "/admission/passed-on", "max-half-open=3\nmax-half-open-per-ip=2\n", test_passed_on },
    { "/admission/drip", "handshake-timeout=15\n", test_drip },
    { "/admission/wait-inside", "", test_wait_inside },
    { "/admission/trim", "connections-high=5\nconnections-low=3\nconnection-grace=10\n", test_trim },
    { "/admission/grace", "connections-high=5\nconnections-low=3\nconnection-grace=10\n", test_grace },
    { "/admission/long-grace", "connections-high=5\nconnections-low=3\nconnection-grace=86400\n", test_long_grace },
    { "/admission/held", "connections-high=5\nconnections-low=3\nconnection-grace=10\n", test_held },
    { "/admission/dropped", "connections-high=5\nconnections-low=3\nconnection-grace=10\n", test_dropped },
  };

  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].name, Fixture, &tests[i], setup, tests[i].test, teardown);
  return g_test_run ();
}
