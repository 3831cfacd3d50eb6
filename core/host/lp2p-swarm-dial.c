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

/* With a time to punch at, the peer is the one who dials: a transport that can punch
 * lets it in. The others dial at that time. */
static gboolean
is_punching (Lp2pTransport *transport, const Lp2pDialOptions *options)
{
  return options->punch_at != 0 && (lp2p_transport_get_flags (transport) & LP2P_TRANSPORT_PUNCHES) != 0;
}

static void
on_dialed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Lp2pSwarm *self = g_task_get_source_object (task);
  Dial *dial = g_task_get_task_data (task);
  GError *error = NULL;
  Lp2pTransport *transport = LP2P_TRANSPORT (source);
  Lp2pRawConnection *raw = is_punching (transport, &dial->options)
                               ? lp2p_transport_punch_finish (transport, result, &error)
                               : lp2p_transport_dial_finish (transport, result, &error);

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
  if (is_punching (candidate->transport, &dial->options))
    lp2p_transport_punch_async (candidate->transport, candidate->address, &dial->options,
                                g_task_get_cancellable (task), on_dialed, g_object_ref (task));
  else
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
      g_autoptr (GPtrArray) known = lp2p_peer_book_dup_addresses (self->peers, peer);

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
