/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What hosts make of those who have only the transport, over each that has nothing
 * above it of its own. */

#include "combination.h"
#include "test-end.h"

#define HANDSHAKE_TIMEOUT_US (15 * G_USEC_PER_SEC)

/* Somebody who has only the transport. */
typedef struct
{
  TestContext *context;
  Lp2pTransport *transport;
  TestEnd end;
} Stranger;

/* A stranger speaks to what is above the transport. */
static gboolean
has_nothing_above (Pair *self)
{
  if (self->combination->transport->security == NULL)
    return FALSE;
  g_test_skip ("The handshake is the transport's own");
  return TRUE;
}

static void
stranger_init (Pair *self, Stranger *stranger)
{
  g_autoptr (Lp2pMultiaddr) address = test_host_dup_address (self->b);
  g_autoptr (Lp2pMultiaddr) plain = lp2p_multiaddr_without_peer_id (address);
  const char *config = self->combination->transport->config;
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  Lp2pRawConnection *raw;

  stranger->context = test_context_new (self->world);
  if (config != NULL)
    lp2p_config_load_data (stranger->context->config, config, strlen (config), "test", &error);
  g_assert_no_error (error);
  stranger->transport = test_plugin_new (stranger->context, self->combination->transport->plugin);
  lp2p_transport_dial_async (stranger->transport, plain, &options, NULL, test_take_result, &result);
  test_wait (self->world, result);
  raw = lp2p_transport_dial_finish (stranger->transport, result, &error);
  g_assert_no_error (error);
  test_end_init (&stranger->end, self->world, lp2p_raw_connection_steal_layer (raw));
  stranger->end.failed = FALSE;
  lp2p_raw_connection_free (raw);
}

static void
stranger_clear (Stranger *stranger)
{
  test_end_clear (&stranger->end);
  test_plugin_free (stranger->transport);
  g_object_unref (stranger->context);
}

/* Reads what comes, whatever it is. */
static gboolean
is_over (Stranger *stranger)
{
  guint8 bytes[100];
  gssize n;

  while ((n = lp2p_layer_read (stranger->end.layer, bytes, sizeof bytes)) > 0)
    ;
  return n != LP2P_IO_AGAIN;
}

static void
test_silent_stranger (Pair *self, gconstpointer data)
{
  Stranger strangers[10];

  if (has_nothing_above (self))
    return;
  for (guint i = 0; i < G_N_ELEMENTS (strangers); i++)
    stranger_init (self, &strangers[i]);
  test_world_advance (self->world, HANDSHAKE_TIMEOUT_US - G_USEC_PER_SEC);
  for (guint i = 0; i < G_N_ELEMENTS (strangers); i++)
    g_assert_false (is_over (&strangers[i]));
  test_world_advance (self->world, 2 * G_USEC_PER_SEC);
  for (guint i = 0; i < G_N_ELEMENTS (strangers); i++)
    {
      test_until (self->world, is_over (&strangers[i]));
      stranger_clear (&strangers[i]);
    }
  pair_connect (self);
}

/* Handshakes in progress are limited; beyond that the one that began first makes
 * room, so that strangers keep nobody out. */
static void
test_half_open_limit (Pair *self, gconstpointer data)
{
  Stranger strangers[2];

  if (has_nothing_above (self))
    return;
  test_host_free (self->b);
  self->b = pair_new_host (self, "max-half-open=2");
  for (guint round = 0; round < 3; round++)
    {
      for (guint i = 0; i < 2; i++)
        {
          stranger_init (self, &strangers[i]);
          pair_settle (self);
        }
      pair_connect (self);
      test_until (self->world, is_over (&strangers[0]));
      g_assert_false (is_over (&strangers[1]));
      for (guint i = 0; i < 2; i++)
        stranger_clear (&strangers[i]);
      lp2p_connection_abort (self->connection, LP2P_CODE_NONE);
      g_clear_object (&self->connection);
      pair_settle (self);
    }
}

static void
test_rude_stranger (Pair *self, gconstpointer data)
{
  if (has_nothing_above (self))
    return;
  for (guint i = 0; i < 20; i++)
    {
      Stranger stranger;
      guint8 bytes[300];

      stranger_init (self, &stranger);
      for (guint j = 0; j < sizeof bytes; j++)
        bytes[j] = g_test_rand_int_range (0, 256);
      lp2p_layer_write (stranger.end.layer, bytes, 1 + i * 15, LP2P_WRITE_NONE);
      if (i % 2 == 0)
        lp2p_layer_shutdown_write (stranger.end.layer);
      for (guint j = 0; j < 40 && !is_over (&stranger); j++)
        test_world_advance (self->world, 500 * 1000);
      test_until (self->world, is_over (&stranger));
      stranger_clear (&stranger);
    }
  pair_connect (self);
}

static const PairTest tests[] = {
  { "silent", test_silent_stranger },
  { "half-open-limit", test_half_open_limit },
  { "rude", test_rude_stranger },
};

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  combination_add_tests ("strangers", tests, G_N_ELEMENTS (tests));
  return g_test_run ();
}
