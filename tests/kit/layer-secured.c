/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The layer that a security protocol makes, over lines of several kinds. */

#include "layer-pair.h"

#include <lp2p/interfaces/lp2p-security.h>

#include "lp2p-memory-pipe.h"
#include "lp2p-test.h"
#include "test-context.h"

static void
start_securing (TestContext *context, Lp2pSecurity *security, Lp2pLayer *layer, Lp2pRole role, GAsyncResult **result)
{
  Lp2pSecurityParams params = { .role = role };

  lp2p_security_secure_async (security, layer, &params, NULL, test_take_result, result);
}

static Lp2pLayer *
finish_securing (TestContext *context, Lp2pSecurity *security, GAsyncResult *result)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pSecurityResult) secured = lp2p_security_secure_finish (security, result, &error);
  Lp2pLayer *layer;

  g_assert_no_error (error);
  layer = g_steal_pointer (&secured->layer);
  test_plugin_free (security);
  g_object_unref (context);
  g_object_unref (result);
  return layer;
}

static void
make_secured (TestWorld *world, const LayerPair *pair, Lp2pLayer **a, Lp2pLayer **b)
{
  TestContext *one = test_context_new (world);
  TestContext *two = test_context_new (world);
  Lp2pSecurity *near = test_plugin_new (one, pair->security);
  Lp2pSecurity *far = test_plugin_new (two, pair->security);
  GAsyncResult *results[2] = { NULL };

  g_assert_true (lp2p_memory_pipe_new (&(Lp2pMemoryEnd){ one->loop, pair->data, NULL },
                                       &(Lp2pMemoryEnd){ two->loop, pair->data, NULL }, a, b, NULL));
  start_securing (one, near, *a, LP2P_ROLE_INITIATOR, &results[0]);
  start_securing (two, far, *b, LP2P_ROLE_RESPONDER, &results[1]);
  test_until (world, results[0] != NULL && results[1] != NULL);
  *a = finish_securing (one, near, results[0]);
  *b = finish_securing (two, far, results[1]);
}

static const struct
{
  const char *suffix;
  gsize volume;
  gboolean pieces;
  Lp2pMemoryOptions options;
} lines[] = {
  { "", 3000000, FALSE, { 0 } },
  { "-narrow", 20000, TRUE, { .buffer_size = 100, .max_step = 7 } },
  { "-bytes", 5000, TRUE, { .buffer_size = 50, .short_reads = 1, .short_writes = 1 } },
  { "-bad-line", 200000, FALSE, { .buffer_size = 5000, .delay = 20000, .loss = 100, .seed = 3 } },
};

void
lp2p_test_add_security_layer (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      g_autofree char *full_name = g_strconcat (name, lines[i].suffix, NULL);

      layer_pair_add_tests (layer_pair_keep (&(LayerPair){
          .name = g_intern_string (full_name),
          .volume = lines[i].volume,
          .pieces = lines[i].pieces,
          .make = make_secured,
          .data = &lines[i].options,
          .security = g_intern_string (name),
      }));
    }
}
