/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/lp2p-dial-plan-private.h"

#include <lp2p/interfaces/lp2p-interfaces-types.h>
#include <string.h>

/* A machine at home: 192.168.1.10/24, and an IPv6 prefix of its own. */
static Lp2pDialNetworks *
home_networks (void)
{
  static const guint8 ip4[] = { 192, 168, 1, 10 };
  static const guint8 ip6[] = { 0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0x10 };
  static const guint8 odd[] = { 10, 20, 176, 3 };
  Lp2pDialNetworks *networks = lp2p_dial_networks_new ();

  lp2p_dial_networks_add (networks, ip4, sizeof ip4, 24);
  lp2p_dial_networks_add (networks, ip6, sizeof ip6, 64);
  lp2p_dial_networks_add (networks, odd, sizeof odd, 20);
  return networks;
}

static Lp2pMultiaddr *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  Lp2pMultiaddr *address = lp2p_multiaddr_new_from_string (text, &error);

  g_assert_no_error (error);
  return address;
}

/* Scopes */

static const struct
{
  const char *address;
  Lp2pDialScope scope;
  guint family;
} scopes[] = {
  { "/ip4/127.0.0.1/tcp/1", LP2P_DIAL_SCOPE_LOCAL, 4 },
  { "/ip6/::1/tcp/1", LP2P_DIAL_SCOPE_LOCAL, 6 },
  { "/memory/5", LP2P_DIAL_SCOPE_LOCAL, 0 },
  { "/ip4/192.168.1.200/tcp/1", LP2P_DIAL_SCOPE_LAN, 4 },
  { "/ip4/192.168.2.1/tcp/1", LP2P_DIAL_SCOPE_PRIVATE, 4 },
  { "/ip4/10.20.176.1/tcp/1", LP2P_DIAL_SCOPE_LAN, 4 },
  { "/ip4/10.20.191.255/udp/1/quic-v1", LP2P_DIAL_SCOPE_LAN, 4 },
  { "/ip4/10.20.192.0/tcp/1", LP2P_DIAL_SCOPE_PRIVATE, 4 },
  { "/ip4/10.20.175.255/tcp/1", LP2P_DIAL_SCOPE_PRIVATE, 4 },
  { "/ip4/100.64.0.1/tcp/1", LP2P_DIAL_SCOPE_PRIVATE, 4 },
  { "/ip4/169.254.1.1/tcp/1", LP2P_DIAL_SCOPE_PRIVATE, 4 },
  { "/ip6/fd00::1/tcp/1", LP2P_DIAL_SCOPE_PRIVATE, 6 },
  { "/ip6/fe80::1/tcp/1", LP2P_DIAL_SCOPE_PRIVATE, 6 },
  { "/ip6zone/lo/ip6/fe80::1/tcp/1", LP2P_DIAL_SCOPE_PRIVATE, 6 },
  { "/ip6/2001:db8:1:2::99/tcp/1", LP2P_DIAL_SCOPE_LAN, 6 },
  { "/ip6/2001:db8:1:3::99/tcp/1", LP2P_DIAL_SCOPE_PUBLIC, 6 },
  { "/ip4/8.8.8.8/tcp/1", LP2P_DIAL_SCOPE_PUBLIC, 4 },
  { "/dns4/example.org/tcp/1", LP2P_DIAL_SCOPE_PUBLIC, 0 },
};

static void
test_scopes (void)
{
  g_autoptr (Lp2pDialNetworks) networks = home_networks ();

  for (guint i = 0; i < G_N_ELEMENTS (scopes); i++)
    {
      g_autoptr (Lp2pMultiaddr) address = parse (scopes[i].address);

      g_test_message ("%s", scopes[i].address);
      g_assert_cmpint (lp2p_dial_scope (address, networks), ==, scopes[i].scope);
      g_assert_cmpuint (lp2p_dial_get_family (address), ==, scopes[i].family);
    }
}

static void
test_system_networks (void)
{
  g_autoptr (Lp2pDialNetworks) networks = lp2p_dial_networks_new_from_system ();
  g_autoptr (Lp2pMultiaddr) loopback = parse ("/ip4/127.0.0.1/tcp/1");
  g_autoptr (Lp2pMultiaddr) name = parse ("/dns/example.org/tcp/1");

  g_assert_false (lp2p_dial_networks_have (networks, loopback));
  g_assert_false (lp2p_dial_networks_have (networks, name));
}

/* The filter */

/* What a peer says of itself, and what the user says. */
static const struct
{
  const char *address;
  gboolean told;
  gboolean given;
} filtered[] = {
  { "/ip4/8.8.8.8/tcp/1", TRUE, TRUE },
  { "/ip4/192.168.1.20/tcp/1", TRUE, TRUE },
  { "/ip4/192.168.7.20/tcp/1", FALSE, TRUE },
  { "/ip4/100.64.3.4/udp/1/quic-v1", FALSE, TRUE },
  { "/ip6/fd12::1/tcp/1", FALSE, TRUE },
  { "/ip6/fe80::1/tcp/1", FALSE, TRUE },
  { "/ip4/127.0.0.1/tcp/1", FALSE, TRUE },
  { "/ip6/::1/tcp/1", FALSE, TRUE },
  { "/ip4/0.0.0.0/tcp/1", FALSE, FALSE },
  { "/ip6/::/tcp/1", FALSE, FALSE },
  { "/ip4/224.0.0.1/udp/1/quic-v1", FALSE, FALSE },
  { "/ip4/255.255.255.255/udp/1/quic-v1", FALSE, FALSE },
  { "/ip6/ff02::1/udp/1/quic-v1", FALSE, FALSE },
  { "/ip4/192.168.1.10/tcp/4001", FALSE, FALSE },
  { "/ip4/192.168.1.10/tcp/4002", TRUE, TRUE },
  { "/memory/1", TRUE, TRUE },
};

static gboolean
refuse_port_1 (Lp2pPeerId *peer, Lp2pMultiaddr *address, gpointer user_data, GError **error)
{
  guint *asked = user_data;

  (*asked)++;
  if (strstr (lp2p_multiaddr_get_string (address), "/1") == NULL)
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, "not that one");
  return FALSE;
}

static void
test_filter (void)
{
  g_autoptr (Lp2pDialNetworks) networks = home_networks ();
  g_autoptr (GPtrArray) own = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
  Lp2pDialFilter filter = { .networks = networks, .own = own };
  g_autoptr (Lp2pMultiaddr) loopback = parse ("/ip4/127.0.0.1/tcp/1");
  g_autoptr (Lp2pMultiaddr) here = parse ("/ip4/192.168.1.10/tcp/1");
  g_autoptr (GError) error = NULL;
  guint asked = 0;

  g_ptr_array_add (own, parse ("/ip4/192.168.1.10/tcp/4001"));
  for (guint i = 0; i < G_N_ELEMENTS (filtered); i++)
    for (guint given = 0; given < 2; given++)
      {
        g_autoptr (Lp2pMultiaddr) address = parse (filtered[i].address);
        g_autoptr (GError) reason = NULL;
        gboolean expected = given ? filtered[i].given : filtered[i].told;

        g_test_message ("%s, given %u", filtered[i].address, given);
        g_assert_cmpint (lp2p_dial_filter_allows (&filter, NULL, address, given, &reason), ==, expected);
        if (!expected)
          g_assert_error (reason, LP2P_ERROR, LP2P_ERROR_NO_ADDRESS);
      }

  g_assert_true (lp2p_dial_networks_have (networks, here));
  filter.same_machine = TRUE;
  g_assert_true (lp2p_dial_filter_allows (&filter, NULL, loopback, FALSE, &error));
  g_assert_no_error (error);

  filter.gater = refuse_port_1;
  filter.gater_data = &asked;
  g_assert_false (lp2p_dial_filter_allows (&filter, NULL, loopback, TRUE, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  g_assert_cmpuint (asked, ==, 1);
}

/* Plans: "L" near, "P" public, "R" over a relay; rank; family; "+" worked before, "!" late */

typedef struct
{
  const char *name;
  const char *const *targets;
  /* "index@milliseconds", in the order of their starts, when nothing fails */
  const char *const *starts;
} Schedule;

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const Schedule schedules[] = {
  { "one", LIST ("P100-4"), LIST ("0@0") },
  { "families-take-turns", LIST ("P100-4", "P100-4", "P100-6", "P100-6"), LIST ("2@0", "0@250", "3@500", "1@750") },
  { "quic-first", LIST ("P100-4", "P0-4"), LIST ("1@0", "0@250") },
  { "quic-in-both-families", LIST ("P100-4", "P0-4", "P0-6"), LIST ("2@0", "1@250", "0@500") },
  { "many-quic-delay-tcp-no-further", LIST ("P0-4", "P0-4", "P0-4", "P0-4", "P100-4"),
    LIST ("0@0", "1@250", "2@500", "4@500", "3@750") },
  { "http-behind-tcp", LIST ("P200-4", "P100-4", "P0-4"), LIST ("2@0", "1@250", "0@500") },
  { "near-first", LIST ("P0-4", "L100-4", "L0-4"), LIST ("2@0", "1@30", "0@60") },
  { "relay-last", LIST ("R900-4", "P100-4"), LIST ("1@0", "0@500") },
  { "relay-behind-near", LIST ("R900-4", "L100-4"), LIST ("1@0", "0@500") },
  { "relay-alone", LIST ("R900-4", "R900-6"), LIST ("1@0", "0@250") },
  { "worked-first", LIST ("P100-6", "P100-4", "P100-4+"), LIST ("2@0", "0@250", "1@500") },
  { "late-behind-its-scope", LIST ("P0-4!", "P100-4", "P200-6"), LIST ("1@0", "2@250", "0@500") },
  { "late-but-nearer", LIST ("L0-4!", "P0-4", "L100-4"), LIST ("2@0", "0@30", "1@60") },
  { "late-before-relays", LIST ("R900-4", "P0-4!", "P100-4"), LIST ("2@0", "1@250", "0@500") },
  { "rank-within-a-lane", LIST ("P110-4", "P100-4"), LIST ("1@0", "0@250") },
  { "no-family", LIST ("P100-0", "P100-6"), LIST ("1@0", "0@250") },
};

static void
add (Lp2pDialPlan *plan, guint index, const char *spec)
{
  static const char *const formats[] = { "/dns/h%u/tcp/1", "/ip4/8.8.8.%u/tcp/1", "/ip6/2001:db8::%u/tcp/1" };
  g_auto (GStrv) parts = g_strsplit (spec + 1, "-", 2);
  guint family = parts[1][0] - '0';
  g_autofree char *text = family == 0   ? g_strdup_printf (formats[0], index)
                          : family == 4 ? g_strdup_printf (formats[1], index)
                                        : g_strdup_printf (formats[2], index);
  g_autoptr (Lp2pMultiaddr) address = parse (text);
  Lp2pDialTarget target = {
    .address = address,
    .transport = GUINT_TO_POINTER (index),
    .rank = (guint) g_ascii_strtoull (parts[0], NULL, 10),
    .scope = spec[0] == 'L' ? LP2P_DIAL_SCOPE_LAN : LP2P_DIAL_SCOPE_PUBLIC,
    .limited = spec[0] == 'R',
    .worked = parts[1][1] == '+',
    .late = parts[1][1] == '!',
    .delay = spec[0] == 'L' ? LP2P_DIAL_NEAR_DELAY_US : LP2P_DIAL_PUBLIC_DELAY_US,
  };

  g_assert_true (lp2p_dial_plan_add (plan, &target));
}

static void
test_schedule (gconstpointer data)
{
  const Schedule *test = data;
  g_autoptr (Lp2pDialPlan) plan = lp2p_dial_plan_new (7000);
  gint64 now = 7000;

  for (guint i = 0; test->targets[i] != NULL; i++)
    add (plan, i, test->targets[i]);
  for (guint i = 0; test->starts[i] != NULL; i++)
    {
      gint64 wake = 0;
      Lp2pDialTarget *target = lp2p_dial_plan_next (plan, now, &wake);
      g_autofree char *found = NULL;

      if (target == NULL)
        {
          g_assert_cmpint (wake, >, now);
          now = wake;
          target = lp2p_dial_plan_next (plan, now, &wake);
        }
      g_assert_nonnull (target);
      found = g_strdup_printf ("%u@%u", GPOINTER_TO_UINT (target->transport), (guint) (now - 7000) / 1000);
      g_assert_cmpstr (found, ==, test->starts[i]);
    }
  {
    gint64 wake = 0;

    g_assert_null (lp2p_dial_plan_next (plan, now, &wake));
    g_assert_cmpint (wake, ==, -1);
    g_assert_false (lp2p_dial_plan_is_over (plan));
  }
}

static Lp2pDialTarget *
expect (Lp2pDialPlan *plan, gint64 now, int index)
{
  gint64 wake;
  Lp2pDialTarget *target = lp2p_dial_plan_next (plan, now, &wake);

  g_assert_cmpint (target != NULL ? (int) GPOINTER_TO_UINT (target->transport) : -1, ==, index);
  return target;
}

static gint64
expect_wait (Lp2pDialPlan *plan, gint64 now)
{
  gint64 wake;

  g_assert_null (lp2p_dial_plan_next (plan, now, &wake));
  return wake;
}

/* Each has the time that its kind takes. */
static void
test_delays (void)
{
  static const guint delays[] = { 400, 100, 50 };
  g_autoptr (Lp2pDialPlan) plan = lp2p_dial_plan_new (0);

  for (guint i = 0; i < G_N_ELEMENTS (delays); i++)
    {
      g_autofree char *text = g_strdup_printf ("/ip4/8.8.8.%u/tcp/1", i);
      g_autoptr (Lp2pMultiaddr) address = parse (text);
      Lp2pDialTarget target = {
        .address = address,
        .transport = GUINT_TO_POINTER (i),
        .rank = i == 0 ? 0 : 100,
        .scope = LP2P_DIAL_SCOPE_PUBLIC,
        .delay = delays[i] * 1000,
      };

      g_assert_true (lp2p_dial_plan_add (plan, &target));
    }
  g_assert_cmpint (expect (plan, 0, 0)->started, ==, 0);
  g_assert_cmpint (expect_wait (plan, 0), ==, 400000);
  g_assert_cmpint (expect (plan, 400000, 1)->started, ==, 400000);
  g_assert_cmpint (expect_wait (plan, 400000), ==, 500000);
  expect (plan, 500000, 2);
}

/* The next one starts at once, and the others move up behind it. */
static void
test_failure (void)
{
  g_autoptr (Lp2pDialPlan) plan = lp2p_dial_plan_new (0);
  Lp2pDialTarget *first, *second;

  for (guint i = 0; i < 4; i++)
    add (plan, i, "P100-4");
  first = expect (plan, 0, 0);
  g_assert_cmpint (expect_wait (plan, 0), ==, 250000);
  lp2p_dial_plan_failed (plan, first, 10000);
  second = expect (plan, 10000, 1);
  g_assert_cmpint (expect_wait (plan, 10000), ==, 260000);
  expect (plan, 260000, 2);
  lp2p_dial_plan_failed (plan, second, 300000);
  expect (plan, 300000, 3);
  g_assert_cmpint (expect_wait (plan, 300000), ==, -1);
}

/* Relays are not hurried while something better may still come. */
static void
test_relay_waits (void)
{
  g_autoptr (Lp2pDialPlan) plan = lp2p_dial_plan_new (0);
  Lp2pDialTarget *first, *second, *relay;

  add (plan, 0, "P100-4");
  add (plan, 1, "P100-4");
  add (plan, 2, "R900-4");
  first = expect (plan, 0, 0);
  second = expect (plan, 250000, 1);
  lp2p_dial_plan_failed (plan, first, 260000);
  g_assert_cmpint (expect_wait (plan, 260000), ==, 500000);
  lp2p_dial_plan_failed (plan, second, 270000);
  relay = expect (plan, 270000, 2);
  g_assert_false (lp2p_dial_plan_is_over (plan));
  lp2p_dial_plan_failed (plan, relay, 280000);
  g_assert_true (lp2p_dial_plan_is_over (plan));
}

/* What is added late neither jumps the queue nor comes all at once. */
static void
test_late (void)
{
  g_autoptr (Lp2pDialPlan) plan = lp2p_dial_plan_new (0);

  g_assert_true (lp2p_dial_plan_is_over (plan));
  add (plan, 0, "P100-4");
  expect (plan, 0, 0);
  for (guint i = 1; i < 4; i++)
    add (plan, i, "P100-6");
  g_assert_cmpint (expect_wait (plan, 10000), ==, 250000);
  expect (plan, 2000000, 1);
  g_assert_cmpint (expect_wait (plan, 2000000), ==, 2250000);
  expect (plan, 2250000, 2);
}

/* What comes when nothing is tried any more does not wait for its turn. */
static void
test_idle (void)
{
  g_autoptr (Lp2pDialPlan) plan = lp2p_dial_plan_new (0);
  Lp2pDialTarget *first;

  add (plan, 0, "P0-4");
  first = expect (plan, 0, 0);
  lp2p_dial_plan_failed (plan, first, 1000);
  add (plan, 1, "P100-4");
  add (plan, 2, "P100-4");
  expect (plan, 20000, 1);
  g_assert_cmpint (expect_wait (plan, 20000), ==, 270000);
}

static void
test_at_once (void)
{
  g_autoptr (Lp2pDialPlan) plan = lp2p_dial_plan_new (0);

  lp2p_dial_plan_start_at_once (plan);
  for (guint i = 0; i < 3; i++)
    add (plan, i, "P100-4");
  for (guint i = 0; i < 3; i++)
    expect (plan, 0, i);
  g_assert_cmpint (expect_wait (plan, 0), ==, -1);
}

static void
test_limits (void)
{
  g_autoptr (Lp2pDialPlan) plan = lp2p_dial_plan_new (0);
  Lp2pDialTarget *targets[LP2P_DIAL_MAX_PARALLEL];
  g_autoptr (Lp2pMultiaddr) address = parse ("/ip4/9.9.9.9/tcp/1");
  Lp2pDialTarget beyond = { .address = address };
  g_autoptr (Lp2pMultiaddr) known = parse ("/ip4/8.8.8.3/tcp/1");
  guint i;

  for (i = 0; i < LP2P_DIAL_MAX_TARGETS; i++)
    add (plan, i, "P100-4");
  g_assert_true (lp2p_dial_plan_contains (plan, known));
  g_assert_false (lp2p_dial_plan_contains (plan, beyond.address));
  g_assert_false (lp2p_dial_plan_add (plan, &beyond));

  for (i = 0; i < LP2P_DIAL_MAX_PARALLEL; i++)
    targets[i] = expect (plan, i * 250000, i);
  g_assert_cmpint (expect_wait (plan, 60 * G_USEC_PER_SEC), ==, -1);
  lp2p_dial_plan_failed (plan, targets[3], 60 * G_USEC_PER_SEC);
  expect (plan, 60 * G_USEC_PER_SEC, LP2P_DIAL_MAX_PARALLEL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add_func ("/dial-plan/scopes", test_scopes);
  g_test_add_func ("/dial-plan/system-networks", test_system_networks);
  g_test_add_func ("/dial-plan/filter", test_filter);
  for (guint i = 0; i < G_N_ELEMENTS (schedules); i++)
    {
      g_autofree char *path = g_strconcat ("/dial-plan/schedule/", schedules[i].name, NULL);

      g_test_add_data_func (path, &schedules[i], test_schedule);
    }
  g_test_add_func ("/dial-plan/delays", test_delays);
  g_test_add_func ("/dial-plan/failure", test_failure);
  g_test_add_func ("/dial-plan/relay-waits", test_relay_waits);
  g_test_add_func ("/dial-plan/late", test_late);
  g_test_add_func ("/dial-plan/idle", test_idle);
  g_test_add_func ("/dial-plan/at-once", test_at_once);
  g_test_add_func ("/dial-plan/limits", test_limits);
  return g_test_run ();
}
