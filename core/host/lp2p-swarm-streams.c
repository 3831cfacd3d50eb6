/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/lp2p-swarm-private.h"

/* Streams to a peer: over a connection that exists, or over one that is made. */

typedef struct
{
  GStrv protocols;
  Lp2pStreamFlags flags;
} Open;

static void
open_free (gpointer pointer)
{
  Open *open = pointer;

  g_strfreev (open->protocols);
  g_free (open);
}

static void
on_stream_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  Lp2pStream *stream = lp2p_connection_open_stream_finish (LP2P_CONNECTION (source), result, &error);

  if (stream != NULL)
    g_task_return_pointer (task, stream, g_object_unref);
  else
    g_task_return_error (task, error);
}

static void
open_on (Lp2pConnection *connection, GTask *task)
{
  Open *open = g_task_get_task_data (task);

  lp2p_connection_open_stream_async (connection, (const char *const *) open->protocols, open->flags,
                                     g_task_get_cancellable (task), on_stream_opened, g_object_ref (task));
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  g_autoptr (Lp2pConnection) connection = lp2p_swarm_connect_finish (result, &error);

  if (connection != NULL)
    open_on (connection, task);
  else
    g_task_return_error (task, error);
}

void
lp2p_swarm_open_stream_async (Lp2pSwarm *self, Lp2pPeerId *peer, const char *const *protocols, Lp2pStreamFlags flags, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  g_autoptr (Lp2pConnection) connection = NULL;
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
  Open *open = g_new0 (Open, 1);

  open->protocols = g_strdupv ((GStrv) protocols);
  open->flags = flags;
  g_task_set_source_tag (task, lp2p_swarm_open_stream_async);
  g_task_set_task_data (task, open, open_free);

  connection = lp2p_swarm_find_connection (self, peer, (flags & LP2P_STREAM_ALLOW_LIMITED) != 0);
  if (connection != NULL)
    {
      open_on (connection, task);
      return;
    }
  if (flags & LP2P_STREAM_NO_DIAL)
    {
      g_task_return_new_error (task, LP2P_ERROR, LP2P_ERROR_NO_ADDRESS, "There is no connection to %s",
                               lp2p_peer_id_get_string (peer));
      return;
    }
  options.allow_limited = (flags & LP2P_STREAM_ALLOW_LIMITED) != 0;
  lp2p_swarm_connect_async (self, peer, NULL, &options, cancellable, on_connected, g_steal_pointer (&task));
}

Lp2pStream *
lp2p_swarm_open_stream_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
