/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "combination.h"

static gboolean
has_name (char **names, const char *name)
{
  return g_strv_contains ((const char *const *) names, name);
}

TestHost *
pair_new_host (Pair *self, const char *more_config)
{
  const Combination *combination = self->combination;
  g_autofree char *config = g_strdup_printf (
      "[host]\ntransports=['%s']\nsecurity=['%s']\nmuxers=['%s']\nservices=[]\nlisten=['%s']\n%s\n%s\n",
      combination->transport->plugin, combination->transport->security != NULL ? "noise" : combination->security,
      combination->transport->muxer != NULL ? "yamux" : combination->muxer, combination->transport->listen,
      more_config != NULL ? more_config
                          : "max-streams=20000\nmax-streams-per-peer=20000\nmax-streams-per-connection=20000",
      combination->transport->config != NULL ? combination->transport->config : "");

  return test_host_new (self->world, config);
}

static void
set_up (Pair *self, gconstpointer data)
{
  self->combination = data;
  self->world = test_world_new (self->combination->transport->real);
  self->world->ticking = self->combination->transport->timers;
  self->a = pair_new_host (self, NULL);
  self->b = pair_new_host (self, NULL);
}

static void
tear_down (Pair *self, gconstpointer data)
{
  g_clear_object (&self->connection);
  if (self->a != NULL)
    test_host_free (self->a);
  if (self->b != NULL)
    test_host_free (self->b);
  test_world_free (self->world);
}

void
pair_connect (Pair *self)
{
  self->connection = test_host_connect (self->a, self->b);
}

Lp2pConnection *
pair_dup_other_connection (Pair *self)
{
  GListModel *connections = lp2p_host_get_connections (self->b->host);

  test_until (self->world, g_list_model_get_n_items (connections) > 0);
  return g_list_model_get_item (connections, 0);
}

Lp2pStream *
pair_open (Pair *self, Lp2pStream **accepted)
{
  Lp2pStream *stream;

  if (self->connection == NULL)
    pair_connect (self);
  stream = test_host_open (self->a, self->connection);
  test_stream_write (self->world, stream, 1, 0);
  *accepted = test_host_accept (self->b);
  test_stream_expect (self->world, *accepted, 1, 0);
  return stream;
}

void
pair_settle (Pair *self)
{
  if (self->world->real && !self->world->ticking)
    test_world_settle (self->world);
  else
    test_world_advance (self->world, 500 * 1000);
}

static void
add_tests (const char *suite, const PairTest *tests, guint n_tests, const Combination *combination)
{
  for (guint i = 0; i < n_tests; i++)
    {
      g_autofree char *path = g_strdup_printf ("/%s/%s-%s-%s/%s", suite, combination->transport->name,
                                               combination->security, combination->muxer, tests[i].name);

      g_test_add (path, Pair, combination, set_up, tests[i].test, tear_down);
    }
}

/* Half of them have every pair of a transport, a security protocol and a muxer: enough
 * where each takes ten times as long, under sanitizers, or has been tried over another
 * transport. */
static gboolean
is_chosen (guint transport, guint security, guint muxer)
{
  gboolean all = g_getenv ("LP2P_TEST_PAIRS") == NULL && !transport_cases[transport].alike;

  return all || (transport + security + muxer) % 2 == 0;
}

/* For as long as the process runs, as the tests are. */
static GPtrArray *combinations;

static const Combination *
combination_new (const Lp2pTestTransport *transport, const char *security, const char *muxer)
{
  Combination *combination = g_new (Combination, 1);

  if (combinations == NULL)
    combinations = g_ptr_array_new ();
  g_ptr_array_add (combinations, combination);
  *combination = (Combination){ transport, g_strdup (security), g_strdup (muxer) };
  return combination;
}

void
combination_add_tests (const char *suite, const PairTest *tests, guint n_tests)
{
  g_auto (GStrv) transports = test_list_plugins ("transport");
  g_auto (GStrv) securities = test_list_plugins ("security");
  g_auto (GStrv) muxers = test_list_plugins ("muxer");

  for (guint i = 0; i < n_transport_cases; i++)
    {
      const Lp2pTestTransport *transport = &transport_cases[i];

      if (!has_name (transports, transport->plugin))
        continue;
      if (transport->security != NULL)
        {
          if (!transport->alike)
            add_tests (suite, tests, n_tests, combination_new (transport, transport->security, transport->muxer));
          continue;
        }
      for (guint j = 0; securities[j] != NULL; j++)
        for (guint k = 0; muxers[k] != NULL; k++)
          if (is_chosen (i, j, k))
            add_tests (suite, tests, n_tests, combination_new (transport, securities[j], muxers[k]));
    }
}
