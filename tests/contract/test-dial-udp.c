/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A peer that has QUIC and TCP, and networks that do with UDP what they like. */

#include <stdio.h>

#include "dial-fixture.h"

#define IP6 "/ip6/2001:db8:ffff::1/tcp/1"
#define SILENT_US (10 * 60 * G_USEC_PER_SEC)
#define BOTH LIST (FAST, ONE)

/* A transport over UDP in front of that of the fixture. */
static ScriptedTransport *
add_udp (DialFixture *self, int delay_ms)
{
  ScriptedTransport *udp = scripted_transport_new (self->a, FALSE);

  udp->datagram = TRUE;
  scripted_transport_route (udp, "fast", FAST, delay_ms, delay_ms >= 0 ? self->to_b : NULL);
  return udp;
}

static void
forget_log (ScriptedTransport *transport)
{
  g_string_truncate (transport->log, 0);
  transport->epoch = transport->host->world->now;
}

/* What did not win learns of it a turn later. */
static void
drop (DialFixture *self, Lp2pConnection *connection)
{
  dial_drop (self, connection);
  test_world_settle (self->world);
}

/* Dials, and compares what was tried over UDP and over TCP, "" for nothing. */
static void
expect_dial (DialFixture *self, ScriptedTransport *udp, const char *over_udp, const char *over_tcp)
{
  g_autoptr (GError) error = NULL;
  Lp2pConnection *connection;

  forget_log (udp);
  forget_log (self->network);
  connection = dial (self, BOTH, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (udp->log->str, ==, over_udp);
  g_assert_cmpstr (self->network->log->str, ==, over_tcp);
  drop (self, connection);
}

/* Dials, and tells after how many milliseconds TCP was tried beside UDP. */
static guint
measure_delay (DialFixture *self, ScriptedTransport *udp)
{
  guint delay = 0;

  forget_log (udp);
  forget_log (self->network);
  drop (self, dial (self, BOTH, NULL, NULL));
  g_assert_cmpstr (udp->log->str, ==, "fast@0");
  g_assert_cmpint (sscanf (self->network->log->str, "one@%u", &delay), ==, 1);
  return delay;
}

/* As expect_dial (), with a peer of which nothing is known. */
static void
expect_dial_of_stranger (DialFixture *self, ScriptedTransport *udp, const char *over_udp, const char *over_tcp)
{
  lp2p_host_forget_peer (self->a->host, dial_peer (self->b));
  expect_dial (self, udp, over_udp, over_tcp);
}

static void
test_quic_alone (DialFixture *self, gconstpointer data)
{
  ScriptedTransport *udp = add_udp (self, 100);

  scripted_transport_route (self->network, "one", ONE, 0, self->to_b);
  for (guint i = 0; i < 5; i++)
    expect_dial (self, udp, "fast@0", "");
}

/* TCP gets through within the delay, and is the first for as long as the peer is known
 * to be silent. When that is forgotten and UDP works, it is first again. */
static void
test_silent_peer (DialFixture *self, gconstpointer data)
{
  ScriptedTransport *udp = add_udp (self, -1);

  scripted_transport_route (self->network, "one", ONE, 0, self->to_b);
  expect_dial (self, udp, "fast@0", "one@250");
  for (guint i = 0; i < 5; i++)
    expect_dial (self, udp, "", "one@0");

  test_world_jump (self->world, SILENT_US);
  expect_dial (self, udp, "fast@0", "one@250");
  expect_dial (self, udp, "", "one@0");

  scripted_transport_route (udp, "fast", FAST, 50, self->to_b);
  test_world_jump (self->world, SILENT_US);
  expect_dial (self, udp, "fast@0", "");
  expect_dial (self, udp, "fast@0", "");
}

/* What is tried last is still tried, and its answer is an answer. */
static void
test_only_udp_is_left (DialFixture *self, gconstpointer data)
{
  ScriptedTransport *udp = add_udp (self, -1);

  scripted_transport_route (self->network, "one", ONE, 0, self->to_b);
  expect_dial (self, udp, "fast@0", "one@250");
  scripted_transport_route (udp, "fast", FAST, 50, self->to_b);
  scripted_transport_route (self->network, "one", ONE, 10, NULL);
  expect_dial (self, udp, "fast@10", "one@0");
  expect_dial (self, udp, "fast@0", "");
}

/* Three peers in a row that were silent are this network's doing. Every tenth dial finds
 * out whether it still is. */
static void
test_silent_network (DialFixture *self, gconstpointer data)
{
  ScriptedTransport *udp = add_udp (self, -1);

  scripted_transport_route (self->network, "one", ONE, 0, self->to_b);
  for (guint i = 0; i < 3; i++)
    expect_dial_of_stranger (self, udp, "fast@0", "one@250");
  for (guint i = 0; i < 9; i++)
    expect_dial_of_stranger (self, udp, "", "one@0");
  expect_dial_of_stranger (self, udp, "fast@0", "one@250");
  for (guint i = 0; i < 9; i++)
    expect_dial_of_stranger (self, udp, "", "one@0");
  scripted_transport_route (udp, "fast", FAST, 50, self->to_b);
  for (guint i = 0; i < 5; i++)
    expect_dial_of_stranger (self, udp, "fast@0", "");
}

/* What was learned belongs to the network where it was. */
static void
test_another_network (DialFixture *self, gconstpointer data)
{
  ScriptedTransport *udp = add_udp (self, -1);
  Lp2pDials *dials = dial_swarm (self->a)->dials;

  scripted_transport_route (self->network, "one", ONE, 0, self->to_b);
  for (guint i = 0; i < 3; i++)
    expect_dial_of_stranger (self, udp, "fast@0", "one@250");
  expect_dial_of_stranger (self, udp, "", "one@0");
  g_free (dials->network);
  dials->network = g_strdup ("that of yesterday");
  expect_dial_of_stranger (self, udp, "fast@0", "one@250");
}

/* Where connections take long, TCP is not begun each time; where they do not, it has
 * less to wait for. */
static void
test_delay_adapts (DialFixture *self, gconstpointer data)
{
  ScriptedTransport *udp = add_udp (self, 400);
  guint delay;

  scripted_transport_route (self->network, "one", ONE, 300, self->to_b);
  expect_dial (self, udp, "fast@0", "one@250");
  for (guint i = 0; i < 40; i++)
    expect_dial (self, udp, "fast@0", "");
  scripted_transport_route (udp, "fast", FAST, -1, NULL);
  delay = measure_delay (self, udp);
  g_assert_cmpuint (delay, >=, 400);
  g_assert_cmpuint (delay, <, 450);

  scripted_transport_route (udp, "fast", FAST, 5, self->to_b);
  for (guint i = 0; i < 100; i++)
    expect_dial_of_stranger (self, udp, "fast@0", "");
  scripted_transport_route (udp, "fast", FAST, -1, NULL);
  g_assert_cmpuint (measure_delay (self, udp), ==, 100);
}

/* IPv6 that leads nowhere. TCP is known to be quick here by then. */
static void
test_silent_ip6 (DialFixture *self, gconstpointer data)
{
  static const char *const expected[] = { "six@0 one@250", "six@0 one@100", "six@0 one@100", "one@0", "one@0" };

  scripted_transport_route (self->network, "six", IP6, -1, NULL);
  scripted_transport_route (self->network, "one", ONE, 0, self->to_b);
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      g_autoptr (GError) error = NULL;
      Lp2pConnection *connection;

      lp2p_host_forget_peer (self->a->host, dial_peer (self->b));
      forget_log (self->network);
      connection = dial (self, LIST (IP6, ONE), NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (self->network->log->str, ==, expected[i]);
      drop (self, connection);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  dial_add_test ("/dial-udp/quic-alone", NULL, test_quic_alone);
  dial_add_test ("/dial-udp/silent-peer", NULL, test_silent_peer);
  dial_add_test ("/dial-udp/only-udp-is-left", NULL, test_only_udp_is_left);
  dial_add_test ("/dial-udp/silent-network", NULL, test_silent_network);
  dial_add_test ("/dial-udp/another-network", NULL, test_another_network);
  dial_add_test ("/dial-udp/delay-adapts", NULL, test_delay_adapts);
  dial_add_test ("/dial-udp/silent-ip6", NULL, test_silent_ip6);
  return g_test_run ();
}
