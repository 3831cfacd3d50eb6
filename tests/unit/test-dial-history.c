/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What earlier dials teach: addresses that are left alone for a while, kinds of
 * addresses that lead nowhere. */

#include <string.h>

#include <gio/gio.h>

#include "host/lp2p-black-hole-private.h"
#include "host/lp2p-dial-backoff-private.h"
#include "host/lp2p-dial-pace-private.h"

#define SECOND G_USEC_PER_SEC

static Lp2pMultiaddr *
number (guint i)
{
  g_autofree char *text = g_strdup_printf ("/ip4/8.%u.%u.%u/tcp/1", i >> 16, (i >> 8) & 255, i & 255);

  return lp2p_multiaddr_new_from_string (text, NULL);
}

static Lp2pPeerId *
peer (const char *text)
{
  Lp2pPeerId *id = lp2p_peer_id_new_from_string (text, NULL);

  g_assert_nonnull (id);
  return id;
}

static void
fail (Lp2pDialBackoff *backoff, Lp2pPeerId *id, Lp2pMultiaddr *address, gint64 now)
{
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "no answer");

  lp2p_dial_backoff_add_failure (backoff, id, address, error, now);
}

/* The last reason, never longer than somebody reads. */
static void
test_reason (void)
{
  Lp2pDialBackoff *backoff = lp2p_dial_backoff_new ();
  g_autoptr (Lp2pMultiaddr) address = number (1);
  g_autofree char *text = g_strnfill (10000, 'x');
  g_autoptr (GError) refused = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED, text);
  const GError *reason;

  g_assert_null (lp2p_dial_backoff_get_reason (backoff, NULL, address));
  fail (backoff, NULL, address, 1);
  reason = lp2p_dial_backoff_get_reason (backoff, NULL, address);
  g_assert_error (reason, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpstr (reason->message, ==, "no answer");

  lp2p_dial_backoff_add_failure (backoff, NULL, address, refused, 2);
  reason = lp2p_dial_backoff_get_reason (backoff, NULL, address);
  g_assert_error (reason, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
  g_assert_cmpuint (strlen (reason->message), <, 200);
  g_assert_true (g_str_has_suffix (reason->message, "…"));

  lp2p_dial_backoff_clear (backoff, NULL, address);
  g_assert_null (lp2p_dial_backoff_get_reason (backoff, NULL, address));
  lp2p_dial_backoff_free (backoff);
}

static void
test_growth (void)
{
  static const guint pauses[] = { 5, 6, 9, 14, 21, 30, 41, 54, 69, 86, 105, 126, 149, 174, 201, 230, 261, 294, 300, 300 };
  Lp2pDialBackoff *backoff = lp2p_dial_backoff_new ();
  g_autoptr (Lp2pMultiaddr) address = number (1);
  gint64 now = 1000;

  g_assert_cmpint (lp2p_dial_backoff_get_until (backoff, NULL, address, now), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (pauses); i++)
    {
      gint64 until = now + pauses[i] * SECOND;

      fail (backoff, NULL, address, now);
      g_assert_cmpint (lp2p_dial_backoff_get_until (backoff, NULL, address, now), ==, until);
      g_assert_cmpint (lp2p_dial_backoff_get_until (backoff, NULL, address, until - 1), ==, until);
      g_assert_cmpint (lp2p_dial_backoff_get_until (backoff, NULL, address, until), ==, 0);
      now = until;
    }
  for (guint i = 0; i < 1000; i++)
    fail (backoff, NULL, address, now);
  g_assert_cmpint (lp2p_dial_backoff_get_until (backoff, NULL, address, now), ==, now + 300 * SECOND);

  lp2p_dial_backoff_clear (backoff, NULL, address);
  lp2p_dial_backoff_clear (backoff, NULL, address);
  g_assert_cmpint (lp2p_dial_backoff_get_until (backoff, NULL, address, now), ==, 0);
  g_assert_cmpuint (lp2p_dial_backoff_get_size (backoff), ==, 0);
  fail (backoff, NULL, address, now);
  g_assert_cmpint (lp2p_dial_backoff_get_until (backoff, NULL, address, now), ==, now + 5 * SECOND);
  lp2p_dial_backoff_free (backoff);
}

/* An address that is bad for one peer may be good for another. */
static void
test_peers (void)
{
  Lp2pDialBackoff *backoff = lp2p_dial_backoff_new ();
  g_autoptr (Lp2pMultiaddr) address = number (1);
  g_autoptr (Lp2pPeerId) one = peer ("12D3KooWGQ4ncdUVMSaVrWrCU1fyM8ZdcVvuWa7MdwqkUu4SSDo4");
  g_autoptr (Lp2pPeerId) same = peer ("12D3KooWGQ4ncdUVMSaVrWrCU1fyM8ZdcVvuWa7MdwqkUu4SSDo4");
  g_autoptr (Lp2pPeerId) two = peer ("QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN");

  fail (backoff, one, address, 0);
  g_assert_cmpint (lp2p_dial_backoff_get_until (backoff, same, address, 0), >, 0);
  g_assert_cmpint (lp2p_dial_backoff_get_until (backoff, two, address, 0), ==, 0);
  g_assert_cmpint (lp2p_dial_backoff_get_until (backoff, NULL, address, 0), ==, 0);
  lp2p_dial_backoff_clear (backoff, two, address);
  g_assert_cmpuint (lp2p_dial_backoff_get_size (backoff), ==, 1);
  lp2p_dial_backoff_free (backoff);
}

static void
test_bound (void)
{
  Lp2pDialBackoff *backoff = lp2p_dial_backoff_new ();
  g_autoptr (Lp2pMultiaddr) first = number (0);
  g_autoptr (Lp2pMultiaddr) last = number (19999);

  for (guint i = 0; i < 20000; i++)
    {
      g_autoptr (Lp2pMultiaddr) address = number (i);

      fail (backoff, NULL, address, i);
    }
  g_assert_cmpuint (lp2p_dial_backoff_get_size (backoff), ==, 8192);
  g_assert_cmpint (lp2p_dial_backoff_get_until (backoff, NULL, first, 20000), ==, 0);
  g_assert_cmpint (lp2p_dial_backoff_get_until (backoff, NULL, last, 20000), >, 0);

  /* Old failures go by themselves. */
  fail (backoff, NULL, first, 3600 * (gint64) SECOND);
  g_assert_cmpuint (lp2p_dial_backoff_get_size (backoff), ==, 1);
  lp2p_dial_backoff_free (backoff);
}

/* Black holes */

static void
record (Lp2pBlackHole *hole, guint failures, guint successes)
{
  for (guint i = 0; i < failures; i++)
    lp2p_black_hole_record (hole, FALSE);
  for (guint i = 0; i < successes; i++)
    lp2p_black_hole_record (hole, TRUE);
}

static void
test_hole_threshold (void)
{
  Lp2pBlackHole hole = LP2P_BLACK_HOLE_INIT;

  record (&hole, 99, 0);
  g_assert_false (lp2p_black_hole_is_blocked (&hole));
  record (&hole, 1, 0);
  g_assert_true (lp2p_black_hole_is_blocked (&hole));

  /* One success in twenty is enough, and it counts as long as it is in sight. */
  hole = (Lp2pBlackHole) LP2P_BLACK_HOLE_INIT;
  record (&hole, 0, 5);
  record (&hole, 95, 0);
  g_assert_false (lp2p_black_hole_is_blocked (&hole));
  record (&hole, 1, 0);
  g_assert_true (lp2p_black_hole_is_blocked (&hole));

  hole = (Lp2pBlackHole) LP2P_BLACK_HOLE_INIT;
  for (guint i = 0; i < 1000; i++)
    {
      record (&hole, 19, 1);
      g_assert_false (lp2p_black_hole_is_blocked (&hole));
    }
}

static void
test_hole_probes (void)
{
  Lp2pBlackHole hole = LP2P_BLACK_HOLE_INIT;
  guint allowed = 0;

  for (guint i = 0; i < 1000; i++)
    g_assert_true (lp2p_black_hole_allows (&hole));
  record (&hole, 100, 0);
  for (guint i = 1; i <= 1000; i++)
    {
      allowed += lp2p_black_hole_allows (&hole);
      g_assert_cmpuint (allowed, ==, i / 100);
    }
  /* A probe that failed changes nothing; one that came through changes all. */
  record (&hole, 1, 0);
  g_assert_true (lp2p_black_hole_is_blocked (&hole));
  record (&hole, 0, 1);
  g_assert_false (lp2p_black_hole_is_blocked (&hole));
  record (&hole, 98, 0);
  g_assert_false (lp2p_black_hole_is_blocked (&hole));
  record (&hole, 1, 0);
  g_assert_true (lp2p_black_hole_is_blocked (&hole));
}

/* Three in a row put the kind last, but for every tenth dial; one answer undoes it. */
static void
test_hole_late (void)
{
  Lp2pBlackHole hole = LP2P_BLACK_HOLE_INIT;
  guint early = 0;

  for (guint i = 0; i < 2; i++)
    lp2p_black_hole_lose (&hole);
  g_assert_false (lp2p_black_hole_comes_late (&hole));
  lp2p_black_hole_record (&hole, TRUE);
  for (guint i = 0; i < 2; i++)
    lp2p_black_hole_lose (&hole);
  g_assert_false (lp2p_black_hole_comes_late (&hole));

  lp2p_black_hole_lose (&hole);
  for (guint i = 1; i <= 100; i++)
    {
      early += !lp2p_black_hole_comes_late (&hole);
      g_assert_cmpuint (early, ==, i / 10);
    }
  g_assert_true (lp2p_black_hole_allows (&hole));
  lp2p_black_hole_lose (&hole);
  lp2p_black_hole_record (&hole, FALSE);
  g_assert_true (lp2p_black_hole_comes_late (&hole));
  lp2p_black_hole_record (&hole, TRUE);
  g_assert_false (lp2p_black_hole_comes_late (&hole));
}

/* Paces */

static void
test_pace (void)
{
  Lp2pDialPace pace = LP2P_DIAL_PACE_INIT;
  const gint64 ms = 1000;

  g_assert_cmpint (lp2p_dial_pace_get_delay (&pace, 7, 10, 20), ==, 7);
  lp2p_dial_pace_record (&pace, 40 * ms);
  g_assert_cmpint (lp2p_dial_pace_get_delay (&pace, 7, 0, G_MAXINT64), ==, 120 * ms);
  g_assert_cmpint (lp2p_dial_pace_get_delay (&pace, 7, 200 * ms, G_MAXINT64), ==, 200 * ms);
  g_assert_cmpint (lp2p_dial_pace_get_delay (&pace, 7, 0, 100 * ms), ==, 100 * ms);
  /* What is always the same needs no margin, */
  for (guint i = 0; i < 100; i++)
    lp2p_dial_pace_record (&pace, 40 * ms);
  g_assert_cmpint (lp2p_dial_pace_get_delay (&pace, 7, 0, G_MAXINT64), >=, 40 * ms);
  g_assert_cmpint (lp2p_dial_pace_get_delay (&pace, 7, 0, G_MAXINT64), <, 41 * ms);
  /* and a longer way is noticed. */
  for (guint i = 0; i < 10; i++)
    lp2p_dial_pace_record (&pace, 600 * ms);
  g_assert_cmpint (lp2p_dial_pace_get_delay (&pace, 7, 0, G_MAXINT64), >, 600 * ms);
  lp2p_dial_pace_record (&pace, 0);
  g_assert_cmpint (lp2p_dial_pace_get_delay (&pace, 7, 0, G_MAXINT64), >, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add_func ("/dial-history/back-off/growth", test_growth);
  g_test_add_func ("/dial-history/back-off/reason", test_reason);
  g_test_add_func ("/dial-history/back-off/peers", test_peers);
  g_test_add_func ("/dial-history/back-off/bound", test_bound);
  g_test_add_func ("/dial-history/black-hole/threshold", test_hole_threshold);
  g_test_add_func ("/dial-history/black-hole/probes", test_hole_probes);
  g_test_add_func ("/dial-history/black-hole/late", test_hole_late);
  g_test_add_func ("/dial-history/pace", test_pace);
  return g_test_run ();
}
