/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The extension as a host uses it. */

#include "muxer-case.h"

extern const Lp2pPluginInfo lp2p_plugin_info;

static void
test_sessions (void)
{
  MuxerCase self;

  muxer_case_init (&self, &lp2p_plugin_info, "yamux", "[plugin yamux]\nack-backlog=2\n");
  g_assert_cmpstr (lp2p_muxer_get_protocol (LP2P_MUXER (self.muxer)), ==, "/yamux/1.0.0");
  g_assert_cmpint (self.a->session->klass->caps, ==,
                   LP2P_MUXER_BACKPRESSURE | LP2P_MUXER_HALF_CLOSE | LP2P_MUXER_CODES);

  /* The configured backlog of two, then the host's limit of three. */
  driver_stream_send (session_driver_open (self.a), 1000, FALSE);
  g_assert_nonnull (session_driver_open (self.a));
  g_assert_null (session_driver_open (self.a));
  self.b->auto_accept = TRUE;
  muxer_case_run (&self);
  g_assert_cmpuint (self.context->reserved, >=, 1000);
  g_assert_nonnull (session_driver_open (self.a));
  g_assert_nonnull (session_driver_open (self.a));
  muxer_case_run (&self);
  g_assert_cmpuint (self.b->streams->len, ==, 3);
  muxer_case_clear (&self);
}

/* Microseconds of more than an hour do not fit 32 bits. */
static void
test_long_times (void)
{
  MuxerCase self;

  muxer_case_init (&self, &lp2p_plugin_info, "yamux", "[plugin yamux]\nwrite-timeout=86400\n");
  g_assert_cmpint (((Lp2pFramedSession *) self.a->session)->write_timeout, ==, 86400 * (gint64) G_USEC_PER_SEC);
  muxer_case_clear (&self);
}

static void
test_bad_options (void)
{
  static const char *const bad[] = {
    "[plugin yamux]\nmax-window=262143\n", "[plugin yamux]\nmax-window='x'\n",
    "[plugin yamux]\nack-backlog=0\n",     "[plugin yamux]\nwrite-timeout=0\n",
    "[plugin yamux]\nunknown=1\n",         NULL,
  };

  muxer_case_expect_bad (&lp2p_plugin_info, "yamux", bad);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/yamux/muxer/sessions", test_sessions);
  g_test_add_func ("/yamux/muxer/long-times", test_long_times);
  g_test_add_func ("/yamux/muxer/bad-options", test_bad_options);
  return g_test_run ();
}
