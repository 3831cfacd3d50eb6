/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What one peer does must not keep the others waiting. */

#include "combination.h"

static void
add_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GError *error = NULL;

  g_ptr_array_add (user_data, lp2p_connection_open_stream_finish (LP2P_CONNECTION (source), result, &error));
  g_assert_no_error (error);
}

/* Who opens many streams keeps the one of another peer waiting for a few of them at
 * most. */
static void
test_accept (Pair *self, gconstpointer data)
{
  const guint n = 200;
  TestHost *third = pair_new_host (self, NULL);
  const char *const protocols[] = { TEST_PROTOCOL, NULL };
  g_autoptr (GPtrArray) streams = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (Lp2pConnection) connection = NULL;
  guint ahead = 0;

  pair_connect (self);
  connection = test_host_connect (third, self->b);
  pair_settle (self);
  for (guint i = 0; i <= n; i++)
    lp2p_connection_open_stream_async (i < n ? self->connection : connection, protocols, LP2P_STREAM_NONE, NULL,
                                       add_opened, streams);
  test_until (self->world, streams->len == n + 1 && self->b->streams.length == n + 1);

  for (GList *l = self->b->streams.head; l != NULL; l = l->next, ahead++)
    if (lp2p_peer_id_equal (lp2p_connection_get_remote_peer (lp2p_stream_get_connection (l->data)),
                            lp2p_host_get_peer_id (third->host)))
      break;
  g_assert_cmpuint (ahead, <=, self->world->real ? n : n / 2);
  test_host_forget_streams (self->b);
  g_ptr_array_set_size (streams, 0);
  g_clear_object (&connection);
  test_host_free (third);
}

static const PairTest tests[] = {
  { "accept", test_accept },
};

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  combination_add_tests ("fairness", tests, G_N_ELEMENTS (tests));
  return g_test_run ();
}
