/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What one peer does must not keep the others waiting. The clock stands still, and each
 * host does one thing in its turn: what is counted is what is done, not how long it takes. */

#include "combination.h"

/* Of each connection of the peer that opens as many as it can. */
#define N_STREAMS 200

/* As many as a peer may have. */
#define N_CONNECTIONS 8

/* Of the other peer, one after the other. */
#define N_ASKED 10

typedef struct
{
  Pair *pair;
  TestHost *third;
  Lp2pConnection *asking; /* of the third host with B */
  GPtrArray *connections; /* of A with B */
  GPtrArray *streams;
} Fixture;

static void
set_up (Fixture *self, Pair *pair)
{
  *self = (Fixture){ .pair = pair };
  self->third = pair_new_host (pair, NULL);
  self->asking = test_host_connect (self->third, pair->b);
  self->connections = g_ptr_array_new_with_free_func (g_object_unref);
  self->streams = g_ptr_array_new_with_free_func (g_object_unref);
}

static void
tear_down (Fixture *self)
{
  g_ptr_array_unref (self->streams);
  test_host_forget_streams (self->pair->b);
  g_ptr_array_unref (self->connections);
  g_object_unref (self->asking);
  test_host_free (self->third);
}

/* Another connection of A with B. An address without a peer id is not looked up among
 * those that there are. */
static void
add_connection (Fixture *self)
{
  g_autoptr (Lp2pMultiaddr) full = test_host_dup_address (self->pair->b);
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_without_peer_id (full);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  guint before = self->pair->b->n_added;

  lp2p_host_connect_async (self->pair->a->host, address, NULL, test_take_result, &result);
  test_wait (self->pair->world, result);
  g_ptr_array_add (self->connections, lp2p_host_connect_finish (self->pair->a->host, result, &error));
  g_assert_no_error (error);
  test_until (self->pair->world, self->pair->b->n_added > before);
}

static void
on_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Fixture *self = user_data;
  g_autoptr (GError) error = NULL;

  g_ptr_array_add (self->streams, lp2p_connection_open_stream_finish (LP2P_CONNECTION (source), result, &error));
  g_assert_no_error (error);
}

static void
open_streams (Fixture *self, Lp2pConnection *connection, guint n)
{
  const char *const protocols[] = { TEST_PROTOCOL, NULL };

  for (guint i = 0; i < n; i++)
    lp2p_connection_open_stream_async (connection, protocols, LP2P_STREAM_NONE, NULL, on_opened, self);
}

/* Whether B has served the third host just now. */
static gboolean
is_served (Fixture *self)
{
  Lp2pStream *newest = g_queue_peek_tail (&self->pair->b->streams);

  return newest != NULL && lp2p_peer_id_equal (lp2p_connection_get_remote_peer (lp2p_stream_get_connection (newest)),
                                               lp2p_host_get_peer_id (self->third->host));
}

static void
set_up_flood (Fixture *self, Pair *pair, guint n_connections)
{
  set_up (self, pair);
  while (self->connections->len < n_connections)
    add_connection (self);
  pair_settle (pair);
  for (guint i = 0; i < n_connections; i++)
    open_streams (self, g_ptr_array_index (self->connections, i), N_STREAMS);
  test_until (pair->world, pair->b->streams.length > 0);
}

/* The third host has @n streams served; those of A stay in the queue. */
static void
wait_served (Fixture *self, guint n)
{
  while (n-- > 0)
    {
      test_until (self->pair->world, is_served (self));
      g_object_unref (g_queue_pop_tail (&self->pair->b->streams));
    }
}

/* With a delay all is served before anybody else can ask. */
static gboolean
has_queue (Pair *pair)
{
  if (pair->combination->transport->config == NULL)
    return TRUE;
  g_test_skip ("Nobody has to wait where the way takes so long");
  return FALSE;
}

/* Who opens many streams keeps another peer, who asks for one after the other, waiting
 * for hardly any of them. */
static void
test_streams (Pair *pair, gconstpointer data)
{
  Fixture self;
  guint before;

  if (!has_queue (pair))
    return;
  set_up_flood (&self, pair, 1);
  before = pair->b->streams.length;
  for (guint i = 0; i < N_ASKED; i++)
    {
      open_streams (&self, self.asking, 1);
      wait_served (&self, 1);
    }
  /* One turn for each, and some more where one socket brings the datagrams of both.
   * Whoever accepts without end makes it twice as many. */
  g_assert_cmpuint (pair->b->streams.length - before, <=,
                    pair->combination->transport->security == NULL ? N_ASKED : N_ASKED * 3 / 2);
  tear_down (&self);
}

/* Who opens them on many connections has no more of them served than another peer who
 * opens as many on one, as long as that has any. */
static void
test_connections (Pair *pair, gconstpointer data)
{
  Fixture self;
  guint before;

  if (!has_queue (pair))
    return;
  set_up_flood (&self, pair, N_CONNECTIONS);
  before = pair->b->streams.length;
  open_streams (&self, self.asking, N_STREAMS);
  wait_served (&self, N_STREAMS);
  g_assert_cmpuint (pair->b->streams.length - before, <=, 3 * N_STREAMS / 2);
  tear_down (&self);
}

static const PairTest tests[] = {
  { "streams", test_streams },
  { "connections", test_connections },
};

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_setenv (TEST_WORLD_TURN, "1", TRUE);
  combination_add_tests ("fairness", tests, G_N_ELEMENTS (tests));
  return g_test_run ();
}
