/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/lp2p-swarm-private.h"

#include "net/lp2p-cancel-private.h"
#include "types/lp2p-i18n-private.h"

/* Streams to a peer: over a connection that exists, or over one that is made. A
 * stream that is safe to replay takes the first that is at least early, all others
 * one whose peer is verified. */

typedef struct
{
  Lp2pPeerId *peer;
  GStrv protocols;
  Lp2pStreamFlags flags;
  GSource *cancel;
  gboolean waiting;
  gboolean dialing;
} Open;

static void
open_free (gpointer pointer)
{
  Open *open = pointer;

  lp2p_peer_id_unref (open->peer);
  g_strfreev (open->protocols);
  g_free (open);
}

void
lp2p_swarm_return_stream (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  Lp2pStream *stream = lp2p_connection_open_stream_finish (LP2P_CONNECTION (source), result, &error);

  if (stream != NULL)
    g_task_return_pointer (task, stream, g_object_unref);
  else
    g_task_return_error (task, error);
}

static Lp2pConnection *
find_connection (Lp2pSwarm *self, Open *open)
{
  gboolean allow_limited = (open->flags & LP2P_STREAM_ALLOW_LIMITED) != 0;
  Lp2pConnection *connection = lp2p_swarm_find_connection (self, open->peer, allow_limited);

  if (connection == NULL && (open->flags & LP2P_STREAM_REPLAY_SAFE) != 0)
    connection = lp2p_swarm_find_early (self, open->peer, allow_limited);
  return connection;
}

/* Waiting */

/* Returns the reference that was held while the task waited, NULL where it did not. */
static GTask *
stop_waiting (Lp2pSwarm *self, GTask *task)
{
  Open *open = g_task_get_task_data (task);

  if (!open->waiting)
    return NULL;
  open->waiting = FALSE;
  g_queue_remove (&self->opens, task);
  g_clear_pointer (&open->cancel, lp2p_cancel_drop);
  return task;
}

static gboolean
waiting_cancelled (GCancellable *cancellable, gpointer user_data)
{
  g_autoptr (GTask) task = stop_waiting (g_task_get_source_object (user_data), user_data);

  if (task != NULL)
    g_task_return_error_if_cancelled (task);
  return G_SOURCE_REMOVE;
}

static void
start_waiting (Lp2pSwarm *self, GTask *task)
{
  Open *open = g_task_get_task_data (task);

  open->waiting = TRUE;
  g_queue_push_tail (&self->opens, g_object_ref (task));
  open->cancel = lp2p_cancel_watch (self->loop, g_task_get_cancellable (task), waiting_cancelled, task);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GTask) waiting = stop_waiting (LP2P_SWARM (source), task);
  GError *error = NULL;
  g_autoptr (Lp2pConnection) connection = lp2p_swarm_connect_finish (result, &error);
  Open *open = g_task_get_task_data (task);

  /* It may have been served by another connection, or early. */
  if (waiting == NULL)
    g_clear_error (&error);
  else if (connection == NULL)
    g_task_return_error (task, error);
  else
    lp2p_connection_open_stream_async (connection, (const char *const *) open->protocols, open->flags,
                                       g_task_get_cancellable (task), lp2p_swarm_return_stream, g_object_ref (task));
}

static void
dial (Lp2pSwarm *self, GTask *task)
{
  Open *open = g_task_get_task_data (task);
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;

  open->dialing = TRUE;
  options.allow_limited = (open->flags & LP2P_STREAM_ALLOW_LIMITED) != 0;
  options.early_data = (open->flags & LP2P_STREAM_REPLAY_SAFE) != 0;
  lp2p_swarm_connect_async (self, open->peer, NULL, &options, g_task_get_cancellable (task), on_connected,
                            g_object_ref (task));
}

/* Goes on as far as the connections to the peer allow. */
static void
try_open (Lp2pSwarm *self, GTask *task)
{
  Open *open = g_task_get_task_data (task);
  g_autoptr (Lp2pConnection) connection = find_connection (self, open);
  g_autoptr (Lp2pConnection) early = NULL;

  if (connection != NULL)
    {
      g_autoptr (GTask) waiting = stop_waiting (self, task);

      lp2p_connection_open_stream_async (connection, (const char *const *) open->protocols, open->flags,
                                         g_task_get_cancellable (task), lp2p_swarm_return_stream, g_object_ref (task));
      return;
    }
  if (!open->waiting)
    start_waiting (self, task);
  if (open->dialing)
    return;

  early = lp2p_swarm_find_early (self, open->peer, (open->flags & LP2P_STREAM_ALLOW_LIMITED) != 0);
  if (early != NULL)
    return;
  if (open->flags & LP2P_STREAM_NO_DIAL)
    {
      g_autoptr (GTask) waiting = stop_waiting (self, task);

      g_task_return_new_error (task, LP2P_ERROR, LP2P_ERROR_NO_ADDRESS, _("There is no connection to %s"),
                               lp2p_peer_id_get_string (open->peer));
      return;
    }
  dial (self, task);
}

void
lp2p_swarm_serve_opens (Lp2pSwarm *self, Lp2pPeerId *peer)
{
  g_autoptr (GPtrArray) tasks = g_ptr_array_new_with_free_func (g_object_unref);

  for (GList *l = self->opens.head; l != NULL; l = l->next)
    if (lp2p_peer_id_equal (((Open *) g_task_get_task_data (l->data))->peer, peer))
      g_ptr_array_add (tasks, g_object_ref (l->data));

  for (guint i = 0; i < tasks->len && !self->closed; i++)
    try_open (self, g_ptr_array_index (tasks, i));
}

void
lp2p_swarm_fail_opens (Lp2pSwarm *self)
{
  GTask *next;

  while ((next = g_queue_peek_head (&self->opens)) != NULL)
    {
      g_autoptr (GTask) task = stop_waiting (self, next);

      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CLOSED, _("The host is closed"));
    }
}

void
lp2p_swarm_open_stream_async (Lp2pSwarm *self, Lp2pPeerId *peer, const char *const *protocols, Lp2pStreamFlags flags, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  Open *open = g_new0 (Open, 1);

  open->peer = lp2p_peer_id_ref (peer);
  open->protocols = g_strdupv ((GStrv) protocols);
  open->flags = flags;
  g_task_set_source_tag (task, lp2p_swarm_open_stream_async);
  g_task_set_task_data (task, open, open_free);
  if (self->closed)
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CLOSED, _("The host is closed"));
  else
    try_open (self, task);
}

Lp2pStream *
lp2p_swarm_open_stream_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
