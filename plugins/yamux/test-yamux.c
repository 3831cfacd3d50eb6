/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The parts of yamux that know neither time nor layers. */

#include <string.h>

#include <lp2p/interfaces/lp2p-interfaces-types.h>

#include "lp2p-yamux-frame.h"
#include "lp2p-yamux-window.h"

typedef struct
{
  const char *name;
  guint8 bytes[LP2P_YAMUX_HEADER_SIZE];
  Lp2pYamuxHeader header;
} Vector;

static const Vector valid[] = {
  { "open by window update",
    { 0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0 },
    { LP2P_YAMUX_WINDOW_UPDATE, LP2P_YAMUX_SYN, 1, 0 } },
  { "accept with a larger window",
    { 0, 1, 0, 2, 0, 0, 0, 3, 0, 4, 0, 0 },
    { LP2P_YAMUX_WINDOW_UPDATE, LP2P_YAMUX_ACK, 3, 256 * 1024 } },
  { "data that opens and ends",
    { 0, 0, 0, 5, 0, 0, 1, 2, 0, 0, 0x10, 0x20 },
    { LP2P_YAMUX_DATA, LP2P_YAMUX_SYN | LP2P_YAMUX_FIN, 258, 0x1020 } },
  { "reset with a code",
    { 0, 1, 0, 8, 0xff, 0xff, 0xff, 0xfe, 0, 0, 0x10, 0x02 },
    { LP2P_YAMUX_WINDOW_UPDATE, LP2P_YAMUX_RST, 0xfffffffe, 0x1002 } },
  { "ping",
    { 0, 2, 0, 1, 0, 0, 0, 0, 0xde, 0xad, 0xbe, 0xef },
    { LP2P_YAMUX_PING, LP2P_YAMUX_SYN, 0, 0xdeadbeef } },
  { "pong", { 0, 2, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0 }, { LP2P_YAMUX_PING, LP2P_YAMUX_ACK, 0, 0 } },
  { "go away", { 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, { LP2P_YAMUX_GO_AWAY, 0, 0, 1 } },
};

static const struct
{
  guint8 bytes[LP2P_YAMUX_HEADER_SIZE];
  const char *message;
} invalid[] = {
  { { 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0 }, "*version 1*" },
  { { 0, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0 }, "*type 4*" },
  { { 0, 255, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0 }, "*type 255*" },
  { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, "*data*stream 0*" },
  { { 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0 }, "*window update*stream 0*" },
  { { 0, 2, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0 }, "*ping*stream 1*" },
  { { 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, "*ping*flags 0x0*" },
  { { 0, 2, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0 }, "*ping*flags 0x3*" },
  { { 0, 3, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0 }, "*go-away*stream 2*" },
};

static void
test_frames (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (valid); i++)
    {
      g_autoptr (GError) error = NULL;
      Lp2pYamuxHeader header;
      guint8 bytes[LP2P_YAMUX_HEADER_SIZE];

      g_test_message ("%s", valid[i].name);
      g_assert_true (lp2p_yamux_header_decode (valid[i].bytes, &header, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (header.type, ==, valid[i].header.type);
      g_assert_cmpuint (header.flags, ==, valid[i].header.flags);
      g_assert_cmpuint (header.stream_id, ==, valid[i].header.stream_id);
      g_assert_cmpuint (header.length, ==, valid[i].header.length);
      lp2p_yamux_header_encode (&header, bytes);
      g_assert_cmpmem (bytes, sizeof bytes, valid[i].bytes, sizeof bytes);
    }
}

static void
test_broken_frames (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (invalid); i++)
    {
      g_autoptr (GError) error = NULL;
      Lp2pYamuxHeader header;

      g_assert_false (lp2p_yamux_header_decode (invalid[i].bytes, &header, &error));
      g_assert_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL);
      g_test_message ("%s", error->message);
      g_assert_true (g_pattern_match_simple (invalid[i].message, error->message));
    }
}

static void
test_window (void)
{
  const guint32 initial = LP2P_YAMUX_INITIAL_WINDOW;
  Lp2pYamuxWindow window;

  lp2p_yamux_window_init (&window, 0);
  g_assert_false (lp2p_yamux_window_take (&window, initial + 1));
  g_assert_true (lp2p_yamux_window_take (&window, initial));
  g_assert_false (lp2p_yamux_window_take (&window, 1));

  /* Nothing is due while it is unread. */
  g_assert_false (lp2p_yamux_window_is_due (&window, initial));
  g_assert_false (lp2p_yamux_window_is_due (&window, initial / 2 + 1));
  g_assert_true (lp2p_yamux_window_is_due (&window, initial / 2));
  g_assert_cmpuint (lp2p_yamux_window_grant (&window, initial / 2, 5), ==, initial / 2);
  g_assert_cmpuint (window.left, ==, initial / 2);
  g_assert_cmpint (window.since, ==, 5);
  g_assert_cmpuint (lp2p_yamux_window_grant (&window, 0, 5), ==, initial / 2);
  g_assert_cmpuint (lp2p_yamux_window_grant (&window, 0, 5), ==, 0);
}

static void
test_window_growth (void)
{
  const guint32 initial = LP2P_YAMUX_INITIAL_WINDOW;
  const guint32 max = 3 * initial;
  Lp2pYamuxWindow window;

  lp2p_yamux_window_init (&window, 1000);
  /* Not without knowing the round trip. */
  g_assert_cmpuint (lp2p_yamux_window_propose (&window, 1001, -1, max), ==, initial);
  /* Not when there was time enough. */
  g_assert_cmpuint (lp2p_yamux_window_propose (&window, 1200, 100, max), ==, initial);
  g_assert_cmpuint (lp2p_yamux_window_propose (&window, 1199, 100, max), ==, 2 * initial);
  window.size = 2 * initial;
  g_assert_cmpuint (lp2p_yamux_window_propose (&window, 1199, 100, max), ==, max);
  window.size = max;
  g_assert_cmpuint (lp2p_yamux_window_propose (&window, 1199, 100, max), ==, max);
  /* A limit below what the specification demands changes nothing. */
  window.size = initial;
  g_assert_cmpuint (lp2p_yamux_window_propose (&window, 1001, 100, 1), ==, initial);
  /* A pong that takes its time does not make it grow for ever. */
  g_assert_cmpuint (lp2p_yamux_window_propose (&window, 1000 + 1999 * 1000, G_MAXINT64, max), ==, 2 * initial);
  g_assert_cmpuint (lp2p_yamux_window_propose (&window, 1000 + 2000 * 1000, G_MAXINT64, max), ==, initial);
  window.size = G_MAXUINT32 - 1;
  g_assert_cmpuint (lp2p_yamux_window_propose (&window, 1001, 100, G_MAXUINT32), ==, G_MAXUINT32);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/yamux/frame/valid", test_frames);
  g_test_add_func ("/yamux/frame/broken", test_broken_frames);
  g_test_add_func ("/yamux/window/credit", test_window);
  g_test_add_func ("/yamux/window/growth", test_window_growth);
  return g_test_run ();
}
