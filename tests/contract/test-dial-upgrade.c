/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Round trips that a dialing host saves, and what it does where a peer does not
 * take part. */

#include "dial-fixture.h"

#include <string.h>

#define HEADER "\x13/multistream/1.0.0\n"

/* Waits for a connection, and tells what came on it before any answer. */
static Lp2pLayer *
accept_and_read (DialFixture *self, Stranger *stranger, GByteArray *bytes)
{
  guint8 buffer[1000];
  Lp2pLayer *layer = stranger_accept (stranger, self);
  gssize n;

  test_world_advance (self->world, 100000);
  while ((n = lp2p_layer_read (layer, buffer, sizeof buffer)) > 0)
    g_byte_array_append (bytes, buffer, n);
  return layer;
}

#define PROPOSAL HEADER "\x07/noise\n"

/* How go, rust and js take what is proposed ahead, if they do not like it: a
 * refusal, then the end; or the end alone. */
static const char *const refusals[] = { HEADER "\x03na\n", HEADER "\x03na\n\x03na\n", HEADER, "" };

static void
test_redial (DialFixture *self, gconstpointer data)
{
  Stranger stranger;

  stranger_init (&stranger, self);
  for (guint i = 0; i < 2 * G_N_ELEMENTS (refusals); i++)
    {
      g_autoptr (GByteArray) first = g_byte_array_new ();
      g_autoptr (GByteArray) later = g_byte_array_new ();
      const char *refusal = refusals[i / 2];
      Lp2pConnection *connection;
      GAsyncResult *result = NULL;
      Lp2pLayer *layer;

      scripted_transport_route (self->network, "one", ONE, 0, stranger.address);
      dial_start (self, LIST (ONE), NULL, NULL, &result);
      layer = accept_and_read (self, &stranger, first);
      g_assert_cmpuint (first->len, >, strlen (PROPOSAL));
      g_assert_cmpmem (first->data, strlen (PROPOSAL), PROPOSAL, strlen (PROPOSAL));

      /* The next one is the real host; nothing is due by then. */
      scripted_transport_route (self->network, "one", ONE, 0, self->to_b);
      if (refusal[0] != '\0')
        {
          lp2p_layer_write (layer, refusal, strlen (refusal), LP2P_WRITE_NONE);
          lp2p_layer_flush (layer);
        }
      if (i % 2 == 0)
        lp2p_layer_shutdown_write (layer);
      else
        lp2p_layer_abort (layer, 0);
      connection = dial_finish (self, &result, NULL);
      g_assert_nonnull (connection);
      lp2p_layer_free (layer);
      dial_drop (self, connection);
      dial_assert_clean (self, 0);

      /* It did agree in the end, to the same: it wants to be asked. */
      scripted_transport_route (self->network, "one", ONE, 0, stranger.address);
      dial_start (self, LIST (ONE), NULL, NULL, &result);
      layer = accept_and_read (self, &stranger, later);
      g_assert_cmpmem (later->data, later->len, PROPOSAL, strlen (PROPOSAL));
      lp2p_layer_abort (layer, 0);
      g_assert_null (dial_finish (self, &result, NULL));
      lp2p_layer_free (layer);
      lp2p_context_set_peer_data (self->a->context, dial_peer (self->b), "host", "dial", NULL, 0, 0);
    }
  stranger_clear (&stranger);
}

/* A peer that took it ahead is asked so again, first where it answered. */
static void
test_remembered (DialFixture *self, gconstpointer data)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  Stranger stranger;
  Lp2pConnection *connection;
  GAsyncResult *result = NULL;
  Lp2pLayer *layer;

  stranger_init (&stranger, self);
  scripted_transport_route (self->network, "one", ONE, 0, NULL);
  scripted_transport_route (self->network, "two", TWO, 0, self->to_b);
  connection = dial (self, LIST (ONE, TWO), NULL, NULL);
  g_assert_nonnull (connection);
  dial_drop (self, connection);
  dial_assert_log (self, "one@0 two@1");

  scripted_transport_route (self->network, "two", TWO, 0, stranger.address);
  dial_start (self, LIST (ONE, TWO), NULL, NULL, &result);
  dial_assert_log (self, "two@0");
  layer = accept_and_read (self, &stranger, bytes);
  g_assert_cmpuint (bytes->len, >, strlen (PROPOSAL));
  lp2p_layer_free (layer);
  connection = dial_finish (self, &result, NULL);
  g_assert_null (connection);
  stranger_clear (&stranger);
}

/* A peer that only has what was proposed second costs a connection once. */
static void
test_other_security (DialFixture *self, gconstpointer data)
{
  g_auto (GStrv) securities = test_list_plugins ("security");
  Lp2pConnection *connection;

  if (!g_strv_contains ((const char *const *) securities, "tls"))
    {
      g_test_skip ("there is no second security protocol: tls is not built");
      return;
    }
  test_host_free (self->b);
  lp2p_multiaddr_unref (self->to_b);
  self->b = dial_new_host (self, "security=['tls']");
  self->to_b = test_host_dup_address (self->b);
  test_host_free (self->a);
  self->a = dial_new_host (self, "security=['noise', 'tls']");
  self->network = scripted_transport_new (self->a, FALSE);
  scripted_transport_route (self->network, "one", ONE, 0, self->to_b);
  for (guint i = 0; i < 3; i++)
    {
      connection = dial (self, LIST (ONE), NULL, NULL);
      g_assert_nonnull (connection);
      g_assert_cmpstr (lp2p_connection_get_security (connection), ==, "tls");
      if (i > 0)
        g_assert_null (strchr (self->network->log->str, ' '));
      else
        g_assert_nonnull (strchr (self->network->log->str, ' '));
      g_string_truncate (self->network->log, 0);
      dial_drop (self, connection);
    }
}

/* Where there is no muxer that both have, the application has a connection by then. It
 * is told of both attempts, and what was known of the peer is forgotten. */
static void
test_other_muxer (DialFixture *self, gconstpointer data)
{
  g_auto (GStrv) muxers = test_list_plugins ("muxer");
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) hint = g_variant_ref_sink (g_variant_new ("(sssb)", "noise", "yamux", ONE, FALSE));
  g_autoptr (GBytes) bytes = g_variant_get_data_as_bytes (hint);

  if (!g_strv_contains ((const char *const *) muxers, "mplex"))
    {
      g_test_skip ("there is no second muxer: mplex is not built");
      return;
    }
  test_host_free (self->b);
  lp2p_multiaddr_unref (self->to_b);
  self->b = dial_new_host (self, "muxers=['mplex']");
  self->to_b = test_host_dup_address (self->b);
  test_host_free (self->a);
  self->a = dial_new_host (self, "muxers=['yamux']");
  self->network = scripted_transport_new (self->a, FALSE);
  scripted_transport_route (self->network, "one", ONE, 0, self->to_b);
  lp2p_context_set_peer_data (self->a->context, dial_peer (self->b), "host", "dial", bytes, 1000, 0);
  connection = dial (self, LIST (ONE), NULL, &error);
  g_assert_no_error (error);
  test_until (self->world, lp2p_connection_get_state (connection) == LP2P_CONNECTION_CLOSED);
  g_assert_nonnull (strstr (lp2p_connection_get_error (connection)->message, "yamux was proposed ahead: "));
  g_assert_nonnull (strstr (lp2p_connection_get_error (connection)->message, "; dialing again: "));
  dial_assert_clean (self, 0);
  g_assert_null (lp2p_context_get_peer_data (self->a->context, dial_peer (self->b), "host", "dial"));
}

/* What is remembered may be anything. */
static void
test_bad_hint (DialFixture *self, gconstpointer data)
{
  static const char *const texts[] = { "", "x", "\xff\xff\xff\xff\xff\xff", "noise" };

  scripted_transport_route (self->network, "one", ONE, 0, self->to_b);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GBytes) bytes = g_bytes_new_static (texts[i], strlen (texts[i]));
      Lp2pConnection *connection;

      lp2p_context_set_peer_data (self->a->context, dial_peer (self->b), "host", "dial", bytes, 1000, 0);
      lp2p_context_set_peer_data (self->a->context, dial_peer (self->b), "host", "near", bytes, 1000, 0);
      connection = dial (self, LIST (ONE), NULL, NULL);
      g_assert_nonnull (connection);
      dial_drop (self, connection);
    }
}

/* From the dial to the first byte that the other application answers. */
static void
test_round_trips (DialFixture *self, gconstpointer data)
{
  enum { ONE_WAY_US = 100 * 1000 };
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (Lp2pStream) accepted = NULL;
  GAsyncResult *result = NULL;
  gint64 before, taken;

  test_host_free (self->b);
  g_clear_pointer (&self->to_b, lp2p_multiaddr_unref);
  self->b = dial_new_host (self, "[plugin memory]\ndelay-ms=100");
  self->to_b = test_host_dup_address (self->b);
  scripted_transport_route (self->network, "one", ONE, 0, self->to_b);

  before = self->world->now;
  dial_start (self, LIST (ONE), NULL, NULL, &result);
  connection = dial_finish (self, &result, NULL);
  stream = test_host_open (self->a, connection);
  test_stream_write (self->world, stream, 10, 0);
  accepted = test_host_accept (self->b);
  test_stream_expect (self->world, accepted, 10, 0);
  test_stream_write (self->world, accepted, 10, 0);
  test_stream_expect (self->world, stream, 10, 0);
  taken = self->world->now - before;
  g_assert_cmpint (taken, >=, 6 * ONE_WAY_US);
  g_assert_cmpint (taken, <, 7 * ONE_WAY_US);
}

/* Dialers that prefer something else, or propose what nobody does any more, come
 * to what both have. */
static void
test_other_preferences (DialFixture *self, gconstpointer data)
{
  static const char proposals[] = HEADER "\x1d/libp2p/simultaneous-connect\n\x0b/tls/1.0.0\n\x11/plaintext/2.0.0\n\x07/noise\n";
  static const char answers[] = HEADER "\x03na\n\x03na\n\x03na\n\x07/noise\n";
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
  g_autoptr (Lp2pMultiaddr) plain = NULL;
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  GAsyncResult *result = NULL;
  Stranger stranger;
  Lp2pRawConnection *raw;
  Lp2pLayer *layer;
  guint8 buffer[200];
  gssize n;

  test_host_free (self->b);
  lp2p_multiaddr_unref (self->to_b);
  self->b = dial_new_host (self, "security=['noise']");
  self->to_b = test_host_dup_address (self->b);
  plain = lp2p_multiaddr_without_peer_id (self->to_b);
  stranger_init (&stranger, self);
  lp2p_transport_dial_async (stranger.transport, plain, &options, NULL, test_take_result, &result);
  test_wait (self->world, result);
  raw = lp2p_transport_dial_finish (stranger.transport, result, NULL);
  g_clear_object (&result);
  layer = lp2p_raw_connection_steal_layer (raw);
  lp2p_raw_connection_free (raw);
  lp2p_layer_write (layer, proposals, strlen (proposals), LP2P_WRITE_NONE);
  lp2p_layer_flush (layer);
  test_world_advance (self->world, 100000);
  while ((n = lp2p_layer_read (layer, buffer, sizeof buffer)) > 0)
    g_byte_array_append (bytes, buffer, n);
  g_assert_cmpmem (bytes->data, bytes->len, answers, strlen (answers));
  lp2p_layer_free (layer);
  stranger_clear (&stranger);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  dial_add_test ("/dial-upgrade/redial", NULL, test_redial);
  dial_add_test ("/dial-upgrade/remembered", NULL, test_remembered);
  dial_add_test ("/dial-upgrade/other-security", NULL, test_other_security);
  dial_add_test ("/dial-upgrade/other-muxer", NULL, test_other_muxer);
  dial_add_test ("/dial-upgrade/bad-hint", NULL, test_bad_hint);
  dial_add_test ("/dial-upgrade/round-trips", "[plugin memory]\ndelay-ms=100", test_round_trips);
  dial_add_test ("/dial-upgrade/other-preferences", NULL, test_other_preferences);
  return g_test_run ();
}
