/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "lp2p-test.h"
#include "test-host.h"

static const char defaults[] = "[host]\ntransports=['memory']\nlisten=['/memory/0']\nservices=[]\n";

struct _Lp2pTestPair
{
  TestWorld *world;
  TestHost *hosts[2];
  TestDeadline waiting;
};

static void
load (Lp2pConfig *config, const char *text)
{
  g_autoptr (GError) error = NULL;

  lp2p_config_load_data (config, text, strlen (text), "test", &error);
  g_assert_no_error (error);
}

static TestHost *
new_host (Lp2pTestPair *self, const char *text)
{
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();

  load (config, defaults);
  if (text != NULL)
    load (config, text);
  return test_host_new_with_config (self->world, config);
}

Lp2pTestPair *
lp2p_test_pair_new (const char *config)
{
  Lp2pTestPair *self = g_new0 (Lp2pTestPair, 1);

  self->world = test_world_new (FALSE);
  for (guint i = 0; i < G_N_ELEMENTS (self->hosts); i++)
    self->hosts[i] = new_host (self, config);
  return self;
}

void
lp2p_test_pair_free (Lp2pTestPair *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->hosts); i++)
    test_host_free (self->hosts[i]);
  test_world_free (self->world);
  g_free (self);
}

Lp2pHost *
lp2p_test_pair_get_host (Lp2pTestPair *self, guint which)
{
  g_assert_cmpuint (which, <, G_N_ELEMENTS (self->hosts));
  return self->hosts[which]->host;
}

Lp2pStream *
lp2p_test_pair_open (Lp2pTestPair *self, const char *protocol)
{
  const char *const protocols[] = { protocol, NULL };
  g_autoptr (Lp2pMultiaddr) address = test_host_dup_address (self->hosts[1]);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  Lp2pStream *stream;

  lp2p_host_open_stream_at_async (self->hosts[0]->host, address, protocols, LP2P_STREAM_NONE, NULL,
                                  test_take_result, &result);
  test_wait (self->world, result);
  stream = lp2p_host_open_stream_at_finish (self->hosts[0]->host, result, &error);
  g_assert_no_error (error);
  return stream;
}

char *
lp2p_test_pair_read (Lp2pTestPair *self, Lp2pStream *stream)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  char bytes[4096];
  gssize n;

  while ((n = test_stream_read (self->world, stream, bytes, sizeof bytes, &error)) > 0)
    g_string_append_len (text, bytes, n);
  g_assert_no_error (error);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

void
lp2p_test_pair_write (Lp2pTestPair *self, Lp2pStream *stream, const char *text)
{
  GOutputStream *output = g_io_stream_get_output_stream (G_IO_STREAM (stream));
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  g_output_stream_write_all_async (output, text, strlen (text), G_PRIORITY_DEFAULT, NULL, test_take_result, &result);
  test_wait (self->world, result);
  g_output_stream_write_all_finish (output, result, NULL, &error);
  g_assert_no_error (error);
}

void
lp2p_test_pair_end (Lp2pTestPair *self, Lp2pStream *stream)
{
  test_stream_close_output (self->world, stream);
}

void
lp2p_test_pair_settle (Lp2pTestPair *self)
{
  test_world_settle (self->world);
}

void
lp2p_test_pair_advance (Lp2pTestPair *self, gint64 us)
{
  test_world_advance (self->world, us);
}

void
lp2p_test_take_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  test_take_result (source, result, user_data);
}

void
lp2p_test_pair_start_waiting (Lp2pTestPair *self)
{
  self->waiting = test_world_start_waiting (self->world);
}

void
lp2p_test_pair_step (Lp2pTestPair *self, const char *what, const char *where)
{
  test_world_step (self->world, &self->waiting, what, where);
}
