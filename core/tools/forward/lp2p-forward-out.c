/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The side that accepts local connections: each gets a stream of its own to the
 * service of the peer. */

#include "tools/forward/lp2p-forward-private.h"

#include "types/lp2p-i18n-private.h"

#include <string.h>

/* Taken in one turn, before others have theirs. */
#define MAX_ACCEPTS_A_TURN 16

/* Where the peer cannot be reached, a local connection makes an attempt, if the last
 * one is as long ago as this. */
#define RETRY_US G_USEC_PER_SEC

struct _ToolForwardOut
{
  ToolForward *forward;
  ToolLocal *local;
  Lp2pPeerId *peer;
  GPtrArray *addresses;
  char *service;
  GSocket *listener;
  ToolWatch watch;
  Lp2pKeptPeer *kept;
  gint64 tried;
  GCancellable *cancellable;
  GHashTable *splices;
  ToolForwardCounts counts;
};

/* One local connection on its way to the peer.
 * @refs: one of what waits for the stream and then for the answer, one of the splice
 * @splice: %NULL until there is a stream
 * @answer: the first byte that the peer sends
 * @refused: whether it is not what was hoped for */
typedef struct
{
  ToolForwardOut *out;
  guint refs;
  GSocketConnection *connection;
  ToolSplice *splice;
  guint8 answer;
  gboolean refused;
} Link;

/* Making */

/* ADDRESS/NAME: the name is what stands behind the last slash. */
static gboolean
parse_target (ToolForwardOut *self, const char *to, GError **error)
{
  const char *slash = strrchr (to, '/');
  g_autofree char *where = slash != NULL ? g_strndup (to, (gsize) (slash - to)) : NULL;
  g_autoptr (Lp2pMultiaddr) address = NULL;

  if (slash == NULL || !tool_forward_check_name (slash + 1, strlen (slash + 1)))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   _("\"%s\" names no service, expected PEER/NAME or ADDRESS/NAME"), to);
      return FALSE;
    }
  self->service = g_strdup (slash + 1);
  if (where[0] != '/')
    {
      self->peer = lp2p_peer_id_new_from_string (where, error);
      return self->peer != NULL;
    }
  address = lp2p_multiaddr_new_from_string (where, error);
  if (address == NULL)
    return FALSE;
  self->peer = lp2p_peer_id_from_multiaddr (address);
  if (self->peer == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   _("\"%s\" names no peer, expected /p2p/PEER at the end of the address"), where);
      return FALSE;
    }
  /* Of a mere /p2p/PEER the address has to be known. */
  if (lp2p_multiaddr_get_n_components (address) > 1)
    g_ptr_array_add (self->addresses, g_steal_pointer (&address));
  return TRUE;
}

/**
 * tool_forward_out_new:
 * @from: where to accept
 * @to: the peer and the name of its service
 * @error: return location for an error
 *
 * Returns: (transfer full): what is to be started
 */
ToolForwardOut *
tool_forward_out_new (const char *from, const char *to, GError **error)
{
  g_autoptr (ToolForwardOut) self = g_new0 (ToolForwardOut, 1);

  self->addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
  self->splices = g_hash_table_new (NULL, NULL);
  self->cancellable = g_cancellable_new ();
  self->local = tool_local_new (from, error);
  if (self->local == NULL || !parse_target (self, to, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
tool_forward_out_free (ToolForwardOut *self)
{
  g_clear_object (&self->kept);
  g_clear_object (&self->listener);
  g_clear_pointer (&self->local, tool_local_free);
  g_clear_pointer (&self->peer, lp2p_peer_id_unref);
  g_ptr_array_unref (self->addresses);
  g_hash_table_unref (self->splices);
  g_object_unref (self->cancellable);
  g_free (self->counts.error);
  g_free (self->service);
  g_free (self);
}

Lp2pPeerId *
tool_forward_out_get_peer (ToolForwardOut *self)
{
  return self->peer;
}

void
tool_forward_out_add_address (ToolForwardOut *self, Lp2pMultiaddr *address)
{
  g_ptr_array_add (self->addresses, lp2p_multiaddr_ref (address));
}

Lp2pKeptPeer *
tool_forward_out_get_kept (ToolForwardOut *self)
{
  return self->kept;
}

const char *
tool_forward_out_get_local (ToolForwardOut *self)
{
  return tool_local_get_text (self->local);
}

const char *
tool_forward_out_get_service (ToolForwardOut *self)
{
  return self->service;
}

const ToolForwardCounts *
tool_forward_out_get_counts (ToolForwardOut *self)
{
  GHashTableIter iter;
  gpointer splice;
  static ToolForwardCounts counts;

  counts = self->counts;
  g_hash_table_iter_init (&iter, self->splices);
  while (g_hash_table_iter_next (&iter, &splice, NULL))
    {
      counts.sent += tool_splice_get_sent (splice);
      counts.received += tool_splice_get_received (splice);
    }
  return &counts;
}

/* One connection */

static void
link_unref (Link *link)
{
  ToolForward *forward = link->out->forward;

  if (--link->refs > 0)
    return;
  link->out->counts.open--;
  g_clear_pointer (&link->splice, tool_splice_unref);
  g_object_unref (link->connection);
  g_free (link);
  tool_forward_give_back (forward);
}

static void
on_done (ToolSplice *splice, const GError *error, gpointer user_data)
{
  Link *link = user_data;
  ToolForwardOut *self = link->out;

  g_hash_table_remove (self->splices, splice);
  if (tool_forward_counts_end (&self->counts, self->service, splice, link->refused ? NULL : error))
    /* Translators: a local socket, a service, why the connection is over */
  tool_note (self->forward->options, _("%s to %s: %s"), tool_local_get_text (self->local),
               self->service, error->message);
  if (link->refused)
    tool_forward_counts_fail (&self->counts, self->service, error->message);
  link_unref (link);
}

static void
on_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Link *link = user_data;
  g_autoptr (GError) error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (n == 0)
    error = g_error_new_literal (LP2P_ERROR, LP2P_ERROR_PROTOCOL, _("the peer ended the stream without an answer"));
  else if (n == 1 && link->answer != TOOL_FORWARD_CONNECTED)
    error = g_error_new_literal (LP2P_ERROR, LP2P_ERROR_FAILED, tool_forward_describe (link->answer));
  link->refused = n >= 0 && error != NULL;
  if (error != NULL)
    tool_splice_break (link->splice, error);
  else
    tool_splice_start_receiving (link->splice);
  link_unref (link);
}

/* What the local side sends goes right behind the request: the answer is waited for
 * only before anything is delivered here. */
static void
join (Link *link, Lp2pStream *stream)
{
  ToolForwardOut *self = link->out;
  gsize size = strlen (self->service);
  guint8 request[1 + TOOL_FORWARD_MAX_NAME] = { (guint8) size };

  for (gsize i = 0; i < size; i++)
    request[1 + i] = (guint8) self->service[i];
  link->refs++;
  g_hash_table_add (self->splices, link->splice);
  tool_splice_start_sending (link->splice, request, 1 + size);
  g_input_stream_read_async (g_io_stream_get_input_stream (G_IO_STREAM (stream)), &link->answer, 1,
                             G_PRIORITY_DEFAULT, NULL, on_answer, link);
}

static void
link_fail (Link *link, const GError *error)
{
  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    tool_forward_counts_fail (&link->out->counts, link->out->service, error->message);
  tool_splice_refuse (link->connection);
  link_unref (link);
}

static void
on_stream (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Link *link = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pStream) stream =
      lp2p_connection_open_stream_finish (LP2P_CONNECTION (source), result, &error);

  if (stream != NULL)
    link->splice = tool_splice_new (stream, link->connection, link->out->forward->poll, on_done,
                                    link, &error);
  if (link->splice != NULL)
    join (link, stream);
  else
    link_fail (link, error);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  static const char *const protocols[] = { TOOL_FORWARD_PROTOCOL, NULL };
  Link *link = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pConnection) connection =
      lp2p_host_connect_finish (LP2P_HOST (source), result, &error);

  if (connection != NULL)
    lp2p_connection_open_stream_async (connection, protocols, LP2P_STREAM_NONE,
                                       link->out->cancellable, on_stream, link);
  else
    link_fail (link, error);
}

/* What knocks again and again must not make a dial each time. */
static gboolean
may_try (ToolForwardOut *self)
{
  gint64 now = g_get_monotonic_time ();

  if (lp2p_kept_peer_get_state (self->kept) != LP2P_KEPT_PEER_WAITING)
    return TRUE;
  if (now - self->tried < RETRY_US)
    return FALSE;
  self->tried = now;
  return TRUE;
}

static void
start_link (ToolForwardOut *self, GSocket *socket)
{
  Link *link = g_new0 (Link, 1);

  link->out = self;
  link->refs = 1;
  link->connection = g_socket_connection_factory_create_connection (socket);
  self->counts.open++;
  self->counts.total++;
  tool_forward_take (self->forward);
  if (may_try (self))
    lp2p_host_connect_peer_async (self->forward->host, self->peer, self->addresses,
                                  self->cancellable, on_connected, link);
  else
    link_fail (link, lp2p_kept_peer_get_error (self->kept));
}

/* Accepting */

static void
accept_more (ToolForwardOut *self)
{
  for (guint i = 0; i < MAX_ACCEPTS_A_TURN; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GSocket) socket = NULL;

      if (self->watch.poll == NULL)
        return;
      /* The rest waits where the kernel keeps it. */
      if (self->forward->n >= self->forward->max)
        {
          self->forward->starved = TRUE;
          return;
        }
      socket = g_socket_accept (self->listener, NULL, &error);
      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        return;
      if (socket == NULL)
        {
          /* No file descriptor is left, most likely. */
          tool_forward_retry (self->forward);
          tool_note (self->forward->options, "%s: %s", tool_local_get_text (self->local),
                     error->message);
          return;
        }
      start_link (self, socket);
    }
  tool_watch_again (&self->watch);
}

static void
on_watch (ToolWatch *watch, guint32 events)
{
  accept_more ((ToolForwardOut *) ((guint8 *) watch - G_STRUCT_OFFSET (ToolForwardOut, watch)));
}

gboolean
tool_forward_out_start (ToolForwardOut *self, ToolForward *forward, GError **error)
{
  self->forward = forward;
  self->listener = tool_local_listen (self->local, error);
  if (self->listener == NULL)
    return FALSE;
  self->kept = lp2p_host_keep_connected (forward->host, self->peer, self->addresses);
  return tool_watch_add (&self->watch, forward->poll, g_socket_get_fd (self->listener), on_watch,
                         error);
}

void
tool_forward_out_resume (ToolForwardOut *self)
{
  if (self->watch.poll != NULL)
    tool_watch_again (&self->watch);
}

void
tool_forward_out_stop (ToolForwardOut *self)
{
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("interrupted"));
  g_autoptr (GList) splices = g_hash_table_get_keys (self->splices);

  tool_watch_remove (&self->watch);
  g_cancellable_cancel (self->cancellable);
  if (self->kept != NULL)
    lp2p_kept_peer_release (self->kept);
  for (GList *l = splices; l != NULL; l = l->next)
    tool_splice_break (l->data, error);
}
