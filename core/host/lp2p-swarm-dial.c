/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/lp2p-swarm-private.h"

/* One attempt after the other, in the order of the transports' ranks; the first
 * that verifies the peer ends it. */

typedef struct
{
  Lp2pTransport *transport;
  Lp2pMultiaddr *address;
  guint rank;
} Candidate;

typedef struct
{
  Lp2pDialOptions options;
  GArray *candidates;
  guint next;
  gboolean pipelined;
  /* What each attempt that failed says. */
  GString *reasons;
  GError *last;
} Dial;

static void
candidate_clear (gpointer pointer)
{
  lp2p_multiaddr_unref (((Candidate *) pointer)->address);
}

static void
dial_free (gpointer pointer)
{
  Dial *dial = pointer;

  lp2p_dial_options_clear (&dial->options);
  g_array_unref (dial->candidates);
  g_string_free (dial->reasons, TRUE);
  g_clear_error (&dial->last);
  g_free (dial);
}

static void try_next (GTask *task);

static void
note_reason (Dial *dial, Lp2pMultiaddr *address, const char *reason)
{
  if (dial->reasons->len > 0)
    g_string_append (dial->reasons, "; ");
  g_string_append_printf (dial->reasons, "%s: %s", lp2p_multiaddr_get_string (address), reason);
}

static void
attempt_failed (GTask *task, GError *error)
{
  Dial *dial = g_task_get_task_data (task);
  Candidate *candidate = &g_array_index (dial->candidates, Candidate, dial->next);

  /* A peer that does not take the pipelined proposal reads what came behind it
   * as a negotiation message: that connection is lost, the peer is not. */
  if (dial->pipelined && lp2p_upgrade_was_refused (error))
    {
      g_error_free (error);
      dial->pipelined = FALSE;
      try_next (task);
      return;
    }
  note_reason (dial, candidate->address, error->message);
  g_clear_error (&dial->last);
  dial->last = error;
  dial->next++;
  dial->pipelined = TRUE;
  try_next (task);
}

static void
on_upgraded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  Lp2pConnection *connection = lp2p_swarm_upgrade_finish (result, &error);

  if (connection != NULL)
    g_task_return_pointer (task, connection, g_object_unref);
  else
    attempt_failed (task, error);
}

static void
on_dialed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Lp2pSwarm *self = g_task_get_source_object (task);
  Dial *dial = g_task_get_task_data (task);
  GError *error = NULL;
  Lp2pRawConnection *raw = lp2p_transport_dial_finish (LP2P_TRANSPORT (source), result, &error);

  if (raw != NULL)
    lp2p_swarm_upgrade_async (self, raw, &dial->options, dial->pipelined, g_task_get_cancellable (task),
                              on_upgraded, g_object_ref (task));
  else
    attempt_failed (task, error);
}

/* All failed: one error says why, address by address, with the code of the last,
 * so that callers can tell a refusal from a wrong peer. */
static void
return_failure (GTask *task)
{
  Dial *dial = g_task_get_task_data (task);

  if (dial->last == NULL && dial->reasons->len == 0)
    g_task_return_new_error (task, LP2P_ERROR, LP2P_ERROR_NO_ADDRESS, "No address of the peer is known");
  else if (dial->last == NULL)
    g_task_return_new_error (task, LP2P_ERROR, LP2P_ERROR_NO_TRANSPORT, "Cannot connect: %s", dial->reasons->str);
  else
    g_task_return_new_error (task, dial->last->domain, dial->last->code, "Cannot connect: %s", dial->reasons->str);
}

static void
try_next (GTask *task)
{
  Dial *dial = g_task_get_task_data (task);
  Candidate *candidate;

  if (g_task_return_error_if_cancelled (task))
    return;
  if (dial->next >= dial->candidates->len)
    {
      return_failure (task);
      return;
    }
  candidate = &g_array_index (dial->candidates, Candidate, dial->next);
  lp2p_transport_dial_async (candidate->transport, candidate->address, &dial->options,
                             g_task_get_cancellable (task), on_dialed, g_object_ref (task));
}

static Lp2pTransport *
find_dialing_transport (Lp2pSwarm *self, Lp2pMultiaddr *address)
{
  for (guint i = 0; i < self->transports->len; i++)
    {
      Lp2pTransport *transport = g_ptr_array_index (self->transports, i);

      if ((lp2p_transport_get_flags (transport) & LP2P_TRANSPORT_DIALS) != 0 &&
          lp2p_transport_match (transport, address))
        return transport;
    }
  return NULL;
}

static void
add_candidate (Lp2pSwarm *self, Dial *dial, Lp2pMultiaddr *address)
{
  g_autoptr (Lp2pMultiaddr) plain = lp2p_multiaddr_without_peer_id (address);
  Candidate candidate = { NULL, NULL, 0 };

  if (plain == NULL)
    return;
  for (guint i = 0; i < dial->candidates->len; i++)
    if (lp2p_multiaddr_equal (g_array_index (dial->candidates, Candidate, i).address, plain))
      return;

  candidate.transport = find_dialing_transport (self, plain);
  if (candidate.transport == NULL)
    {
      note_reason (dial, plain, "no enabled transport can dial it");
      return;
    }
  candidate.rank = lp2p_transport_get_dial_rank (candidate.transport, plain);
  candidate.address = g_steal_pointer (&plain);
  g_array_append_val (dial->candidates, candidate);
}

static void
add_candidates (Lp2pSwarm *self, Dial *dial, GPtrArray *addresses)
{
  for (guint i = 0; addresses != NULL && i < addresses->len; i++)
    add_candidate (self, dial, g_ptr_array_index (addresses, i));
}

static int
compare_candidates (gconstpointer a, gconstpointer b)
{
  return (int) ((const Candidate *) a)->rank - (int) ((const Candidate *) b)->rank;
}

void
lp2p_swarm_connect_async (Lp2pSwarm *self, Lp2pPeerId *peer, GPtrArray *addresses, const Lp2pDialOptions *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  static const Lp2pDialOptions defaults = LP2P_DIAL_OPTIONS_INIT;
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  Dial *dial = g_new0 (Dial, 1);

  g_task_set_source_tag (task, lp2p_swarm_connect_async);
  g_task_set_task_data (task, dial, dial_free);
  lp2p_dial_options_copy (options != NULL ? options : &defaults, &dial->options);
  dial->candidates = g_array_new (FALSE, FALSE, sizeof (Candidate));
  g_array_set_clear_func (dial->candidates, candidate_clear);
  dial->reasons = g_string_new (NULL);
  dial->pipelined = TRUE;
  if (peer != NULL && dial->options.expected_peer == NULL)
    dial->options.expected_peer = lp2p_peer_id_ref (peer);

  if (self->closed)
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CLOSED, "The host is closed");
      return;
    }
  if (peer != NULL && !dial->options.separate && !dial->options.force_direct)
    {
      Lp2pConnection *connection = lp2p_swarm_find_connection (self, peer, dial->options.allow_limited);

      if (connection != NULL)
        {
          g_task_return_pointer (task, connection, g_object_unref);
          return;
        }
    }

  add_candidates (self, dial, addresses);
  if (peer != NULL && !dial->options.separate)
    {
      g_autoptr (GPtrArray) known = lp2p_peer_store_dup_addresses (self->peers, peer);

      add_candidates (self, dial, known);
    }
  g_array_sort (dial->candidates, compare_candidates);
  try_next (task);
}

Lp2pConnection *
lp2p_swarm_connect_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* Streams to a peer */

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
