/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What every muxer must do, as far as it says that it can. */

#include "suite-muxer-private.h"

#include "lp2p-test.h"

static void
set_up (MuxerTest *self, gconstpointer data)
{
  self->name = data;
  self->world = test_world_new (FALSE);
  for (guint i = 0; i < 2; i++)
    {
      self->contexts[i] = test_context_new (self->world);
      self->muxers[i] = test_plugin_new (self->contexts[i], self->name);
    }
}

void
muxer_test_disconnect (MuxerTest *self)
{
  g_clear_pointer (&self->a, session_driver_free);
  g_clear_pointer (&self->b, session_driver_free);
  test_world_settle (self->world);
}

static void
tear_down (MuxerTest *self, gconstpointer data)
{
  muxer_test_disconnect (self);
  for (guint i = 0; i < 2; i++)
    {
      test_plugin_free (self->muxers[i]);
      g_assert_finalize_object (self->contexts[i]);
    }
  test_world_free (self->world);
}

SessionDriver *
muxer_test_start_session (MuxerTest *self, guint i, guint max_streams)
{
  Lp2pMuxerParams params = {
    .role = i == 0 ? LP2P_ROLE_INITIATOR : LP2P_ROLE_RESPONDER,
    .remote_peer = lp2p_identity_get_peer_id (self->contexts[1 - i]->identity),
    .max_streams = max_streams,
  };
  Lp2pMuxerSession *session = lp2p_muxer_create_session (self->muxers[i], self->layers[i], &params);

  g_assert_nonnull (session);
  return session_driver_new (session, session->loop);
}

void
muxer_test_connect_with (MuxerTest *self, const Lp2pMemoryOptions *options, guint max_streams)
{
  Lp2pMemoryEnd one = { self->contexts[0]->loop, options, NULL };
  Lp2pMemoryEnd two = { self->contexts[1]->loop, options, NULL };

  muxer_test_disconnect (self);
  g_assert_true (lp2p_memory_pipe_new (&one, &two, &self->layers[0], &self->layers[1], NULL));
  self->a = muxer_test_start_session (self, 0, max_streams);
  self->b = muxer_test_start_session (self, 1, max_streams);
  self->b->auto_accept = TRUE;
  self->b->auto_read = TRUE;
  self->caps = self->a->session->klass->caps;
}

void
muxer_test_connect (MuxerTest *self)
{
  muxer_test_connect_with (self, NULL, 1000);
}

DriverStream *
muxer_test_open_pair (MuxerTest *self, DriverStream **accepted)
{
  guint before = self->b->streams->len;
  DriverStream *stream = session_driver_open (self->a);

  g_assert_nonnull (stream);
  stream->read = TRUE;
  driver_stream_want (stream, LP2P_READY_READ);
  driver_stream_send (stream, 1, FALSE);
  until (self, self->b->streams->len > before);
  *accepted = session_driver_get (self->b, before);
  if ((*accepted)->read)
    until (self, (*accepted)->n_received == 1);
  return stream;
}

gboolean
muxer_test_has (MuxerTest *self, Lp2pMuxerCaps cap)
{
  return (self->caps & cap) != 0;
}

void
muxer_test_move_bytes (MuxerTest *self, gsize size)
{
  DriverStream *accepted;
  DriverStream *stream = muxer_test_open_pair (self, &accepted);

  driver_stream_send (stream, size - 1, TRUE);
  driver_stream_send (accepted, size / 2, TRUE);
  until (self, stream->ended && accepted->ended);
  g_assert_cmpuint (accepted->n_received, ==, size);
  g_assert_cmpuint (stream->n_received, ==, size / 2);
}

DriverStream *
muxer_test_connect_pair (MuxerTest *self, DriverStream **accepted)
{
  muxer_test_connect (self);
  return muxer_test_open_pair (self, accepted);
}

void
muxer_test_read_on (DriverStream *stream)
{
  stream->read = TRUE;
  stream->ready = LP2P_READY_READ;
  driver_stream_want (stream, LP2P_READY_READ);
  lp2p_job_queue (&stream->driver->run);
}

void
muxer_test_release_all (SessionDriver *driver)
{
  while (driver->streams->len > 0)
    driver_stream_release (session_driver_get (driver, driver->streams->len - 1));
}

void
muxer_test_add (const char *name, const MuxerTestCase *cases, guint n_cases)
{
  for (guint i = 0; i < n_cases; i++)
    {
      g_autofree char *path = g_strdup_printf ("/muxer/%s/%s", name, cases[i].name);

      g_test_add (path, MuxerTest, g_intern_string (name), set_up, cases[i].test, tear_down);
    }
}

void
lp2p_test_add_muxer (const char *name)
{
  muxer_test_add_bytes (name);
  muxer_test_add_streams (name);
  muxer_test_add_session (name);
}
