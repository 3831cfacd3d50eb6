/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The streams of a host: those that it opens, and who serves those of its peers. */

#include <lp2p/codec/lp2p-multistream.h>

#include "host/lp2p-host-private.h"

/* What is to be opened once there is a connection. */
typedef struct
{
  GStrv protocols;
  Lp2pStreamFlags flags;
} Wanted;

static Wanted *
wanted_new (const char *const *protocols, Lp2pStreamFlags flags)
{
  Wanted *wanted = g_new0 (Wanted, 1);

  wanted->protocols = g_strdupv ((char **) protocols);
  wanted->flags = flags;
  return wanted;
}

static void
wanted_free (gpointer pointer)
{
  Wanted *wanted = pointer;

  g_strfreev (wanted->protocols);
  g_free (wanted);
}

static void
on_stream_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  Lp2pStream *stream = lp2p_swarm_open_stream_finish (result, &error);

  if (stream != NULL)
    g_task_return_pointer (task, stream, g_object_unref);
  else
    g_task_return_error (task, error);
}

/**
 * lp2p_host_open_stream_async:
 * @self: a host that runs
 * @peer: to whom
 * @protocols: (array zero-terminated=1): what to speak, preferred first
 * @flags: on which kind of connection
 * @cancellable: (nullable): to give up
 * @callback: called when it is open
 * @user_data: passed on
 *
 * Opens a stream to a peer, connecting first where needed. See
 * [method@Connection.open_stream_async] for what one protocol and several mean.
 */
void
lp2p_host_open_stream_async (Lp2pHost *self,
                             Lp2pPeerId *peer,
                             const char *const *protocols,
                             Lp2pStreamFlags flags,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (LP2P_IS_HOST (self));
  g_return_if_fail (peer != NULL);
  g_return_if_fail (protocols != NULL && protocols[0] != NULL);

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, lp2p_host_open_stream_async);
  if (lp2p_host_check_thread (self, task))
    lp2p_swarm_open_stream_async (lp2p_host_get_swarm (self), peer, protocols, flags, cancellable, on_stream_opened,
                                  g_steal_pointer (&task));
}

/**
 * lp2p_host_open_stream_finish:
 * @self: a host
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Finishes [method@Host.open_stream_async].
 *
 * Returns: (transfer full): the stream
 */
Lp2pStream *
lp2p_host_open_stream_finish (Lp2pHost *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
on_connected_for_stream (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Wanted *wanted = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (Lp2pConnection) connection = lp2p_swarm_connect_finish (result, &error);

  if (connection == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  lp2p_connection_open_stream_async (connection, (const char *const *) wanted->protocols, wanted->flags,
                                     g_task_get_cancellable (task), lp2p_swarm_return_stream,
                                     g_object_ref (task));
}

/**
 * lp2p_host_open_stream_at_async:
 * @self: a host that runs
 * @address: where to; with a peer id at its end only that peer is accepted
 * @protocols: (array zero-terminated=1): what to speak, preferred first
 * @flags: on which kind of connection; not %LP2P_STREAM_NO_DIAL
 * @cancellable: (nullable): to give up
 * @callback: called when it is open
 * @user_data: passed on
 *
 * Opens a stream to whoever is at an address: [method@Host.connect_async] and
 * [method@Connection.open_stream_async] in one.
 */
void
lp2p_host_open_stream_at_async (Lp2pHost *self,
                                Lp2pMultiaddr *address,
                                const char *const *protocols,
                                Lp2pStreamFlags flags,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer user_data)
{
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
  g_autoptr (Lp2pPeerId) peer = NULL;
  g_autoptr (GPtrArray) addresses = NULL;
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (LP2P_IS_HOST (self));
  g_return_if_fail (address != NULL);
  g_return_if_fail (protocols != NULL && protocols[0] != NULL);
  g_return_if_fail ((flags & LP2P_STREAM_NO_DIAL) == 0);

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, lp2p_host_open_stream_at_async);
  g_task_set_task_data (task, wanted_new (protocols, flags), wanted_free);
  if (!lp2p_host_check_thread (self, task))
    return;

  peer = lp2p_peer_id_from_multiaddr (address);
  addresses = g_ptr_array_new ();
  g_ptr_array_add (addresses, address);
  options.allow_limited = (flags & LP2P_STREAM_ALLOW_LIMITED) != 0;
  lp2p_swarm_connect_async (lp2p_host_get_swarm (self), peer, addresses, &options, cancellable,
                            on_connected_for_stream, g_steal_pointer (&task));
}

/**
 * lp2p_host_open_stream_at_finish:
 * @self: a host
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Finishes [method@Host.open_stream_at_async]. Where nobody can be reached, the error
 * tells why.
 *
 * Returns: (transfer full): the stream
 */
Lp2pStream *
lp2p_host_open_stream_at_finish (Lp2pHost *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * lp2p_host_set_stream_handler:
 * @self: a host
 * @protocol: the protocol id, such as `/org.example.Chat/1`
 * @flags: on which connections
 * @handler: (scope notified): who serves it
 * @user_data: passed on
 * @destroy: (nullable): frees @user_data
 *
 * Serves a protocol. A handler that was set before is replaced.
 */
void
lp2p_host_set_stream_handler (Lp2pHost *self,
                              const char *protocol,
                              Lp2pHandlerFlags flags,
                              Lp2pStreamHandler handler,
                              gpointer user_data,
                              GDestroyNotify destroy)
{
  g_return_if_fail (LP2P_IS_HOST (self));
  g_return_if_fail (protocol != NULL && lp2p_multistream_is_protocol_name (protocol));

  lp2p_context_set_stream_handler (LP2P_CONTEXT (lp2p_host_get_swarm (self)), protocol, flags, handler, user_data, destroy);
}

/**
 * lp2p_host_remove_stream_handler:
 * @self: a host
 * @protocol: the protocol id
 *
 * Serves a protocol no longer. Streams that are open stay.
 */
void
lp2p_host_remove_stream_handler (Lp2pHost *self, const char *protocol)
{
  g_return_if_fail (LP2P_IS_HOST (self));
  lp2p_context_remove_stream_handler (LP2P_CONTEXT (lp2p_host_get_swarm (self)), protocol);
}
