/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The extension as a host uses it. */

#include "lp2p-mplex-session.h"
#include "memory-layer.h"
#include "plain-context.h"
#include "session-driver.h"

extern const Lp2pPluginInfo lp2p_plugin_info;

static Lp2pExtension *
new_muxer (PlainContext *context)
{
  g_assert_cmpuint (lp2p_plugin_info.abi, ==, LP2P_PLUGIN_ABI);
  g_assert_cmpuint (lp2p_plugin_info.n_entries, ==, 1);
  g_assert_cmpstr (lp2p_plugin_info.entries[0].name, ==, "mplex");
  return g_object_new (lp2p_plugin_info.entries[0].get_type (), "context", context, "name", "mplex",
                       NULL);
}

static SessionDriver *
new_session (Lp2pExtension *muxer, Lp2pLayer *layer, Lp2pRole role)
{
  Lp2pMuxerParams params = { .role = role, .max_streams = 3 };

  return session_driver_new (lp2p_muxer_create_session (LP2P_MUXER (muxer), layer, &params),
                             layer->loop);
}

static void
run (GMainContext *context)
{
  while (g_main_context_iteration (context, FALSE))
    continue;
}

static void
test_sessions (void)
{
  g_autoptr (GMainContext) main_context = g_main_context_new ();
  g_autoptr (PlainContext) context = plain_context_new ();
  g_autoptr (Lp2pExtension) muxer = new_muxer (context);
  g_autoptr (GError) error = NULL;
  Lp2pLoop *loop = lp2p_loop_new (main_context, NULL);
  Lp2pLayer *layers[2];
  SessionDriver *a;
  SessionDriver *b;
  DriverStream *stream;

  plain_context_load (context, "[plugin mplex]\nmax-buffer=65536\n");
  g_assert_true (lp2p_extension_start (muxer, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (lp2p_muxer_get_protocol (LP2P_MUXER (muxer)), ==, "/mplex/6.7.0");

  memory_layer_new_pair (loop, NULL, &layers[0], &layers[1]);
  a = new_session (muxer, layers[0], LP2P_ROLE_INITIATOR);
  b = new_session (muxer, layers[1], LP2P_ROLE_RESPONDER);
  g_assert_cmpstr (a->session->klass->name, ==, "mplex");
  g_assert_cmpint (a->session->klass->caps, ==, LP2P_MUXER_HALF_CLOSE);

  /* The configured buffer, then the host's limit of three streams. */
  stream = session_driver_open (a);
  driver_stream_send (stream, 1000000, FALSE);
  for (guint i = 0; i < 3; i++)
    driver_stream_send (session_driver_open (a), 1, FALSE);
  b->auto_accept = TRUE;
  run (main_context);
  g_assert_cmpuint (stream->to_write, >, 0);
  g_assert_cmpuint (context->reserved, >=, 65536);
  g_assert_cmpuint (context->reserved, <, 2 * 65536);
  session_driver_get (b, 0)->read = TRUE;
  driver_stream_want (session_driver_get (b, 0), LP2P_READY_READ);
  run (main_context);
  g_assert_cmpuint (stream->to_write, ==, 0);
  g_assert_cmpuint (b->streams->len, ==, 3);

  /* The sessions may be the last who know the host. */
  g_clear_object (&muxer);
  session_driver_free (a);
  session_driver_free (b);
  g_assert_cmpuint (context->reserved, ==, 0);
  g_assert_cmpuint (G_OBJECT (context)->ref_count, ==, 1);
  lp2p_loop_unref (loop);
}

static void
test_bad_options (void)
{
  static const char *const bad[] = {
    "[plugin mplex]\nmax-buffer=65535\n",  "[plugin mplex]\nmax-buffer='x'\n",
    "[plugin mplex]\nread-timeout=0\n",    "[plugin mplex]\nwrite-timeout=0\n",
    "[plugin mplex]\nmax-memory=-1\n",     "[plugin mplex]\nunknown=1\n",
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (PlainContext) context = plain_context_new ();
      g_autoptr (Lp2pExtension) muxer = new_muxer (context);
      g_autoptr (GError) error = NULL;

      plain_context_load (context, bad[i]);
      g_assert_false (lp2p_extension_start (muxer, &error));
      g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_CONFIG);
      g_test_message ("%s", error->message);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/mplex/muxer/sessions", test_sessions);
  g_test_add_func ("/mplex/muxer/bad-options", test_bad_options);
  return g_test_run ();
}
