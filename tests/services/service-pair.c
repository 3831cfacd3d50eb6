/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service-pair.h"

static const char config[] = "[host]\n"
                             "transports=['memory']\n"
                             "security=['noise']\n"
                             "muxers=['%s']\n"
                             "services=['%s']\n"
                             "listen=['/memory/0']\n";

void
service_pair_init (ServicePair *self, const char *service, const char *muxer)
{
  g_autofree char *text = g_strdup_printf (config, muxer, service);

  self->world = test_world_new (FALSE);
  self->asks = test_host_new (self->world, text);
  self->answers = test_host_new (self->world, text);
  self->connection = test_host_connect (self->asks, self->answers);
}

void
service_pair_clear (ServicePair *self)
{
  test_host_close (self->asks);
  test_host_close (self->answers);
  g_clear_object (&self->connection);
  test_host_free (self->asks);
  test_host_free (self->answers);
  test_world_free (self->world);
}

Lp2pStream *
service_pair_open (ServicePair *self, const char *protocol)
{
  const char *const protocols[] = { protocol, NULL };
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  Lp2pStream *stream;

  lp2p_connection_open_stream_async (self->connection, protocols, LP2P_STREAM_NONE, NULL,
                                     test_take_result, &result);
  test_wait (self->world, result);
  stream = lp2p_connection_open_stream_finish (self->connection, result, &error);
  g_assert_no_error (error);
  return stream;
}
