/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The extension as a host uses it. */

#include "muxer-case.h"

extern const Lp2pPluginInfo lp2p_plugin_info;

static void
test_sessions (void)
{
  DriverStream *stream;
  MuxerCase self;

  muxer_case_init (&self, &lp2p_plugin_info, "mplex", "[plugin mplex]\nmax-buffer=65536\n");
  g_assert_cmpstr (lp2p_muxer_get_protocol (LP2P_MUXER (self.muxer)), ==, "/mplex/6.7.0");
  g_assert_cmpint (self.a->session->klass->caps, ==, LP2P_MUXER_HALF_CLOSE);

  /* The configured buffer, then the host's limit of three streams. */
  stream = session_driver_open (self.a);
  driver_stream_send (stream, 1000000, FALSE);
  for (guint i = 0; i < 3; i++)
    driver_stream_send (session_driver_open (self.a), 1, FALSE);
  self.b->auto_accept = TRUE;
  muxer_case_run (&self);
  g_assert_cmpuint (stream->to_write, >, 0);
  g_assert_cmpuint (self.context->reserved, >=, 65536);
  g_assert_cmpuint (self.context->reserved, <, 2 * 65536);
  session_driver_get (self.b, 0)->read = TRUE;
  driver_stream_want (session_driver_get (self.b, 0), LP2P_READY_READ);
  muxer_case_run (&self);
  g_assert_cmpuint (stream->to_write, ==, 0);
  g_assert_cmpuint (self.b->streams->len, ==, 3);
  muxer_case_clear (&self);
}

/* Microseconds of more than an hour do not fit 32 bits. */
static void
test_long_times (void)
{
  MuxerCase self;

  muxer_case_init (&self, &lp2p_plugin_info, "mplex", "[plugin mplex]\nwrite-timeout=86400\n");
  g_assert_cmpint (((Lp2pFramedSession *) self.a->session)->write_timeout, ==, 86400 * (gint64) G_USEC_PER_SEC);
  muxer_case_clear (&self);
}

static void
test_bad_options (void)
{
  static const char *const bad[] = {
    "[plugin mplex]\nmax-buffer=65535\n", "[plugin mplex]\nmax-buffer='x'\n",
    "[plugin mplex]\nread-timeout=0\n",   "[plugin mplex]\nwrite-timeout=0\n",
    "[plugin mplex]\nmax-memory=-1\n",    "[plugin mplex]\nunknown=1\n",
    NULL,
  };

  muxer_case_expect_bad (&lp2p_plugin_info, "mplex", bad);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/mplex/muxer/sessions", test_sessions);
  g_test_add_func ("/mplex/muxer/long-times", test_long_times);
  g_test_add_func ("/mplex/muxer/bad-options", test_bad_options);
  return g_test_run ();
}
