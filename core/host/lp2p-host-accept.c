/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Waiting for one stream of a peer. */

#include <lp2p/codec/lp2p-multistream.h>

#include "host/lp2p-host-private.h"
#include "net/lp2p-cancel-private.h"
#include "types/lp2p-i18n-private.h"

/* @task: until there is a stream or an error */
typedef struct
{
  GTask *task;
  char *protocol;
  GSource *cancelled;
} Waiting;

static gboolean
on_over (gpointer user_data)
{
  GTask *task = user_data;

  if (!g_task_return_error_if_cancelled (task))
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CLOSED, _("The stream is not waited for any longer"));
  return G_SOURCE_REMOVE;
}

/* The handler goes, and with it the waiting. Handlers are being changed, which is no
 * time to call the application. */
static void
waiting_free (gpointer pointer)
{
  Waiting *self = pointer;
  g_autoptr (GSource) idle = self->task != NULL ? g_idle_source_new () : NULL;

  g_clear_pointer (&self->cancelled, lp2p_cancel_drop);
  if (idle != NULL)
    g_task_attach_source (self->task, idle, on_over);
  g_clear_object (&self->task);
  g_free (self->protocol);
  g_free (self);
}

static void
on_stream (Lp2pStream *stream, gpointer user_data)
{
  Waiting *self = user_data;
  g_autoptr (GTask) task = g_steal_pointer (&self->task);

  lp2p_host_remove_stream_handler (g_task_get_source_object (task), self->protocol);
  g_task_return_pointer (task, g_object_ref (stream), g_object_unref);
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  Waiting *self = user_data;

  lp2p_host_remove_stream_handler (g_task_get_source_object (self->task), self->protocol);
  return G_SOURCE_REMOVE;
}

static void
watch (Waiting *self, GCancellable *cancellable)
{
  if (cancellable == NULL)
    return;
  self->cancelled = g_cancellable_source_new (cancellable);
  g_source_set_callback (self->cancelled, G_SOURCE_FUNC (on_cancelled), self, NULL);
  g_source_attach (self->cancelled, g_task_get_context (self->task));
}

/**
 * lp2p_host_accept_stream_async:
 * @self: a host
 * @protocol: the protocol id, such as `/org.example.Chat/1`
 * @flags: on which connections
 * @cancellable: (nullable): to give up
 * @callback: called when a peer has opened a stream
 * @user_data: passed on
 *
 * Waits for one stream that a peer opens. Before and after that the protocol is not
 * served: a program that serves any number of peers uses
 * [method@Host.set_stream_handler].
 *
 * The waiting takes the place of a stream handler. Setting or removing one for the same
 * protocol, waiting once more, and closing the host end it with %G_IO_ERROR_CLOSED.
 */
void
lp2p_host_accept_stream_async (Lp2pHost *self,
                               const char *protocol,
                               Lp2pHandlerFlags flags,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data)
{
  g_autoptr (GTask) task = NULL;
  Waiting *waiting;

  g_return_if_fail (LP2P_IS_HOST (self));
  g_return_if_fail (protocol != NULL && lp2p_multistream_is_protocol_name (protocol));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, lp2p_host_accept_stream_async);
  if (!lp2p_host_check_thread (self, task) || g_task_return_error_if_cancelled (task))
    return;
  waiting = g_new0 (Waiting, 1);
  waiting->task = g_steal_pointer (&task);
  waiting->protocol = g_strdup (protocol);
  watch (waiting, cancellable);
  lp2p_host_set_stream_handler (self, protocol, flags, on_stream, waiting, waiting_free);
}

/**
 * lp2p_host_accept_stream_finish:
 * @self: a host
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Finishes [method@Host.accept_stream_async].
 *
 * Returns: (transfer full): the stream
 */
Lp2pStream *
lp2p_host_accept_stream_finish (Lp2pHost *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}
