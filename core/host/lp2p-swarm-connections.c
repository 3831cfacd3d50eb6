/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/interfaces/lp2p-log.h>

#include "host/lp2p-swarm-private.h"
#include "interfaces/lp2p-connection-private.h"
#include "net/lp2p-cancel-private.h"
#include "types/lp2p-i18n-private.h"

/* What connections tell the host. */

static gboolean
on_match_protocol (Lp2pConnection *connection, const char *protocol, gpointer user_data)
{
  Lp2pSwarm *self = user_data;

  return lp2p_handlers_match (self->handlers, connection, protocol);
}

static gboolean
on_allows_early (Lp2pConnection *connection, const char *protocol, gpointer user_data)
{
  Lp2pSwarm *self = user_data;

  return lp2p_handlers_allows_early (self->handlers, protocol);
}

static gboolean
on_begin_stream (Lp2pConnection *connection, gpointer user_data)
{
  Lp2pSwarm *self = user_data;
  g_autoptr (GError) error = NULL;

  if (lp2p_limits_add_stream (self->limits, connection, &error))
    return TRUE;
  lp2p_log_connection (G_LOG_LEVEL_DEBUG, connection, "A stream of the peer is refused: %s", error->message);
  return FALSE;
}

static void
on_end_stream (Lp2pConnection *connection, gpointer user_data)
{
  Lp2pSwarm *self = user_data;

  lp2p_limits_remove_stream (self->limits, connection);
}

static void
on_incoming_stream (Lp2pConnection *connection, Lp2pStream *stream, gpointer user_data)
{
  Lp2pSwarm *self = user_data;

  lp2p_handlers_serve (self->handlers, stream);
}

#define WAIT_CANCEL "lp2p-cancel"

/* Whoever waited does so no longer. A dial cancels what is left of it when it is over,
 * and its callers may run the main loop when they are told: that is no reason any more
 * to drop the connection. */
static GTask *
steal_waiting (Lp2pSwarm *self, Lp2pConnection *connection)
{
  gpointer task = NULL;

  if (g_hash_table_steal_extended (self->waiting, connection, NULL, &task))
    g_object_set_data (task, WAIT_CANCEL, NULL);
  return task;
}

/* An address that was dialed is worth remembering, one that dialed is not. */
static void
note_connected (Lp2pSwarm *self, Lp2pConnection *connection)
{
  Lp2pPeerId *peer = lp2p_connection_get_remote_peer (connection);
  Lp2pMultiaddr *address = lp2p_connection_get_remote_address (connection);

  lp2p_peer_store_note_connected (self->peers, peer, lp2p_connection_get_remote_key (connection), TRUE);
  if (address != NULL && lp2p_connection_get_direction (connection) == LP2P_ROLE_INITIATOR)
    lp2p_peer_store_note_dial (self->peers, peer, address, TRUE);
}

gboolean
lp2p_swarm_drop_unwanted (Lp2pConnection *connection)
{
  if (lp2p_connection_get_n_streams (connection) > 0)
    return FALSE;
  lp2p_connection_abort (connection, LP2P_CODE_NONE);
  return TRUE;
}

static gboolean
return_if_cancelled (GTask *task, Lp2pConnection *connection)
{
  if (!g_cancellable_is_cancelled (g_task_get_cancellable (task)) || !lp2p_swarm_drop_unwanted (connection))
    return FALSE;
  g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CANCELLED, _("Operation was cancelled"));
  return TRUE;
}

static void
return_lost (GTask *task, const GError *error)
{
  if (error != NULL)
    g_task_return_error (task, g_error_copy (error));
  else
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CLOSED, _("The peer closed the connection at once"));
}

static gboolean
on_wait_cancelled (GCancellable *cancellable, gpointer user_data)
{
  lp2p_swarm_drop_unwanted (user_data);
  return G_SOURCE_REMOVE;
}

static void
wait_for_ready (Lp2pSwarm *self, Lp2pConnection *connection, GTask *task)
{
  GCancellable *cancellable = g_task_get_cancellable (task);

  g_hash_table_insert (self->waiting, connection, g_object_ref (task));
  if (cancellable != NULL)
    {
      GSource *source = g_cancellable_source_new (cancellable);

      g_source_set_callback (source, G_SOURCE_FUNC (on_wait_cancelled), g_object_ref (connection), g_object_unref);
      g_source_attach (source, lp2p_loop_get_context (self->loop));
      g_object_set_data_full (G_OBJECT (task), WAIT_CANCEL, source, lp2p_cancel_drop);
    }
}

static void
on_early (Lp2pConnection *connection, gpointer user_data)
{
  lp2p_swarm_serve_opens (user_data, lp2p_connection_get_remote_peer (connection));
}

static void
on_ready (Lp2pConnection *connection, gpointer user_data)
{
  g_autoptr (Lp2pSwarm) self = g_object_ref (user_data);
  g_autoptr (GTask) task = steal_waiting (self, connection);
  const char *muxer = lp2p_connection_get_muxer (connection);

  lp2p_dials_remove_early (self->dials, connection);
  if (task != NULL && return_if_cancelled (task, connection))
    return;
  lp2p_log_connection (G_LOG_LEVEL_DEBUG, connection, "Connected: %s by %s, %s, %s, %s",
                       lp2p_peer_id_get_string (lp2p_connection_get_remote_peer (connection)),
                       lp2p_connection_get_transport (connection), lp2p_connection_get_security (connection),
                       muxer != NULL ? muxer : "a muxer that is being agreed on",
                       lp2p_connection_get_direction (connection) == LP2P_ROLE_INITIATOR ? "dialed" : "accepted");
  lp2p_dials_connected (self->dials, connection);
  note_connected (self, connection);
  g_list_store_append (self->connections, connection);
  g_signal_emit_by_name (self, "connection-added", connection);
  if (task != NULL)
    g_task_return_pointer (task, g_object_ref (connection), g_object_unref);
  lp2p_swarm_serve_opens (self, lp2p_connection_get_remote_peer (connection));
}

static void
on_muxer_agreed (Lp2pConnection *connection, gpointer user_data)
{
  Lp2pSwarm *self = user_data;

  lp2p_dials_muxer_agreed (self->dials, connection);
}

static void
on_muxer_refused (Lp2pConnection *connection, gpointer user_data)
{
  Lp2pSwarm *self = user_data;

  lp2p_dials_muxer_refused (self->dials, connection);
}

/* The session of an early connection is over: the address is no good, but the dial may
 * find a better one. */
static void
on_early_lost (Lp2pConnection *connection, const GError *error, gpointer user_data)
{
  g_autoptr (GTask) task = steal_waiting (user_data, connection);

  if (task != NULL)
    return_lost (task, error);
}

void
lp2p_swarm_forget_connection (Lp2pSwarm *self, Lp2pConnection *connection)
{
  lp2p_connection_disown (connection);
  lp2p_dials_disconnected (self->dials, connection);
  lp2p_observed_remove_connection (self->observed, connection);
  lp2p_connection_manager_remove (self->manager, connection);
  lp2p_limits_remove_connection (self->limits, connection);
}

static void
on_closed (Lp2pConnection *connection, gpointer user_data)
{
  g_autoptr (Lp2pSwarm) self = g_object_ref (user_data);
  g_autoptr (Lp2pConnection) keep = g_object_ref (connection);
  g_autoptr (GTask) task = steal_waiting (self, connection);
  const GError *error = lp2p_connection_get_error (connection);
  guint position;

  lp2p_swarm_forget_connection (self, connection);
  g_ptr_array_remove_fast (self->all_connections, connection);

  if (g_list_store_find (self->connections, connection, &position))
    {
      lp2p_peer_store_note_connected (self->peers, lp2p_connection_get_remote_peer (connection), NULL, FALSE);
      g_list_store_remove (self->connections, position);
      g_signal_emit_by_name (self, "connection-removed", connection);
    }
  if (task != NULL && !return_if_cancelled (task, connection))
    return_lost (task, error);
  lp2p_swarm_serve_opens (self, lp2p_connection_get_remote_peer (connection));
}

static const Lp2pConnectionOwner connection_owner = {
  .match_protocol = on_match_protocol,
  .allows_early = on_allows_early,
  .begin_stream = on_begin_stream,
  .end_stream = on_end_stream,
  .incoming_stream = on_incoming_stream,
  .early = on_early,
  .ready = on_ready,
  .muxer_agreed = on_muxer_agreed,
  .muxer_refused = on_muxer_refused,
  .early_lost = on_early_lost,
  .closed = on_closed,
};

static guint
config_uint (Lp2pSwarm *self, const char *key)
{
  return lp2p_config_get_uint (self->config, LP2P_CONFIG_GROUP_HOST, key);
}

/* Adding */

static gboolean
check_peer (Lp2pSwarm *self, Lp2pRawConnection *raw, GError **error)
{
  if (!lp2p_peer_id_equal (raw->remote_peer, lp2p_identity_get_peer_id (self->identity)))
    return TRUE;
  g_set_error_literal (error, LP2P_ERROR, LP2P_ERROR_WRONG_PEER, _("The peer is this host itself"));
  return FALSE;
}

gboolean
lp2p_swarm_check_open (Lp2pSwarm *self, GError **error)
{
  if (!self->closed)
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, _("The host is closed"));
  return FALSE;
}

static gboolean
check_gater (Lp2pSwarm *self, Lp2pRawConnection *raw, GError **error)
{
  if (self->gater == NULL ||
      lp2p_gater_allow_peer (self->gater, raw->remote_peer, raw->remote_address, raw->transport_role))
    return TRUE;
  g_set_error (error, LP2P_ERROR, LP2P_ERROR_REFUSED_BY_GATER, _("The application refuses %s at %s"),
               lp2p_peer_id_get_string (raw->remote_peer), lp2p_multiaddr_get_string (raw->remote_address));
  return FALSE;
}

/* Strangers that fill all places must not keep the host from those whom it dials, or wants
 * to stay with. */
static void
make_room (Lp2pSwarm *self, Lp2pRawConnection *raw)
{
  Lp2pConnection *least = NULL;

  if (lp2p_limits_is_full (self->limits) &&
      (raw->transport_role == LP2P_ROLE_INITIATOR ||
       lp2p_connection_manager_is_protected (self->manager, raw->remote_peer)))
    least = lp2p_connection_manager_take_inbound (self->manager);
  if (least == NULL)
    return;
  lp2p_log_connection (G_LOG_LEVEL_DEBUG, least, "The connection to %s makes room for one to %s",
                       lp2p_peer_id_get_string (lp2p_connection_get_remote_peer (least)),
                       lp2p_peer_id_get_string (raw->remote_peer));
  lp2p_connection_abort (least, LP2P_CODE_CONNECTION_GARBAGE_COLLECTED);
  lp2p_limits_let_go (self->limits, least);
}

/* Whether the connection may be used. @code: what to tell the peer if not. */
static gboolean
admit (Lp2pSwarm *self, Lp2pRawConnection *raw, guint32 *code, GError **error)
{
  *code = LP2P_CODE_NONE;
  if (!lp2p_swarm_check_open (self, error) || !check_peer (self, raw, error))
    return FALSE;
  *code = LP2P_CODE_CONNECTION_GATED;
  if (!check_gater (self, raw, error))
    return FALSE;
  *code = LP2P_CODE_CONNECTION_RESOURCE_LIMIT;
  make_room (self, raw);
  return lp2p_limits_check_connection (self->limits, raw->remote_peer, raw->remote_address, error);
}

/* The peer is known by now. A session on the host's own share, as of a transport that
 * makes none for a connection, stays there. */
static void
share_time (Lp2pSwarm *self, Lp2pConnection *connection, Lp2pLoop *share)
{
  if (share != self->loop)
    lp2p_limits_share_time (self->limits, connection, share);
}

/* @answer: (transfer full) (nullable) */
static void
resume (Lp2pSwarm *self, Lp2pConnection *connection, Lp2pRawConnection *raw, const Lp2pMultistreamStatus *answer, GTask *task)
{
  /* Whoever is told of it may end it. */
  if (lp2p_connection_may_resume (connection))
    share_time (self, connection, raw->session->loop);
  if (lp2p_connection_resume (connection, raw, answer))
    {
      lp2p_connection_become_ready (connection);
      g_task_return_pointer (task, g_object_ref (connection), g_object_unref);
    }
  else
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CLOSED, _("The connection is closed by now"));
  lp2p_raw_connection_free (raw);
}

static gboolean
is_early (Lp2pRawConnection *raw)
{
  return raw->session->klass->get_state (raw->session) == LP2P_SESSION_EARLY;
}

/* Another address of the same dial has led to the peer first. Whoever waits for the early
 * one at its own address does so in vain. What is metered is no better. Returns: whether
 * there was one, which has it all then */
static gboolean
overtake_early (Lp2pSwarm *self, Lp2pRawConnection *raw, const Lp2pMultistreamStatus *answer, GTask *task)
{
  g_autoptr (Lp2pConnection) early = NULL;
  g_autoptr (GTask) slower = NULL;

  if (task == NULL || is_early (raw) || raw->limited)
    return FALSE;
  early = lp2p_dials_find_early (self->dials, g_task_get_cancellable (task));
  if (early == NULL)
    return FALSE;
  slower = steal_waiting (self, early);
  resume (self, early, raw, answer, task);
  if (slower != NULL)
    g_task_return_new_error (slower, G_IO_ERROR, G_IO_ERROR_CLOSED, _("another address led to the peer first"));
  return TRUE;
}

void
lp2p_swarm_add_connection (Lp2pSwarm *self, Lp2pRawConnection *raw, const Lp2pMultistreamStatus *answer, GTask *task)
{
  g_autoptr (Lp2pConnection) connection = NULL;
  Lp2pLoop *share = raw->session->loop;
  Lp2pConnectionLimits limits = {
    .max_streams = config_uint (self, "max-streams-per-connection"),
    .negotiation_timeout = (gint64) config_uint (self, "handshake-timeout") * G_USEC_PER_SEC,
  };
  gboolean early;
  GError *error = NULL;
  guint32 code;

  if (!admit (self, raw, &code, &error))
    {
      lp2p_log_peer (G_LOG_LEVEL_DEBUG, raw->remote_peer, "A connection is not taken: %s", error->message);
      raw->session->klass->abort (raw->session, code);
      lp2p_raw_connection_free (raw);
      if (task != NULL)
        g_task_return_error (task, error);
      else
        g_clear_error (&error);
      if (answer != NULL)
        g_rc_box_release ((gpointer) answer);
      return;
    }

  if (overtake_early (self, raw, answer, task))
    return;
  early = is_early (raw);
  connection = lp2p_connection_new (raw, &limits, &connection_owner, self);
  lp2p_limits_add_connection (self->limits, connection, raw->remote_peer, raw->remote_address);
  share_time (self, connection, share);
  lp2p_raw_connection_free (raw);
  g_ptr_array_add (self->all_connections, g_object_ref (connection));
  lp2p_connection_manager_add (self->manager, connection);
  if (task != NULL)
    wait_for_ready (self, connection, task);
  if (task != NULL && early && g_task_get_cancellable (task) != NULL)
    lp2p_dials_add_early (self->dials, connection, g_task_get_cancellable (task));
  lp2p_connection_expect_answer (connection, answer);
  lp2p_connection_begin (connection);
}

/* Upgrading */

static void
on_upgraded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Lp2pSwarm *self = g_task_get_source_object (task);
  Lp2pConnection *resumed = g_task_get_task_data (task);
  GError *error = NULL;
  const Lp2pMultistreamStatus *answer;
  Lp2pRawConnection *raw = lp2p_upgrade_finish (result, &answer, &error);

  if (raw == NULL)
    g_task_return_error (task, error);
  else if (resumed != NULL)
    resume (self, resumed, raw, answer, task);
  else
    lp2p_swarm_add_connection (self, raw, answer, task);
}

void
lp2p_swarm_upgrade_raw (Lp2pSwarm *self, Lp2pRawConnection *raw, Lp2pPeerId *expected_peer, const Lp2pDialHint *hint, void (*agreed) (gpointer), GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  Lp2pUpgradeParams params = {
    .security_agreed = agreed,
    .securities = self->securities,
    .muxers = self->muxers,
    .security = hint != NULL ? hint->security : NULL,
    .muxer = hint != NULL ? hint->muxer : NULL,
    .expected_peer = expected_peer,
    .max_streams = config_uint (self, "max-streams-per-connection"),
    .timeout = (gint64) config_uint (self, "handshake-timeout") * G_USEC_PER_SEC,
    .pipelined = hint != NULL && !hint->waits,
    .asks_muxer = hint != NULL && hint->asks_muxer,
  };

  lp2p_upgrade_async (raw, &params, cancellable, callback, user_data);
}

void
lp2p_swarm_upgrade_async (Lp2pSwarm *self, Lp2pRawConnection *raw, const Lp2pDialOptions *options, const Lp2pDialHint *hint, Lp2pConnection *resumed, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_source_tag (task, lp2p_swarm_upgrade_async);
  if (resumed != NULL)
    g_task_set_task_data (task, g_object_ref (resumed), g_object_unref);
  /* A connection that came to be is not lost between here and who asked for it. */
  g_task_set_check_cancellable (task, FALSE);
  if (options->security_role != LP2P_ROLE_UNSET)
    raw->security_role = options->security_role;
  if (options->muxer_role != LP2P_ROLE_UNSET)
    raw->muxer_role = options->muxer_role;

  if (raw->session == NULL)
    {
      lp2p_swarm_upgrade_raw (self, raw, options->expected_peer, hint, NULL, cancellable, on_upgraded, g_steal_pointer (&task));
      return;
    }
  if (options->expected_peer == NULL || lp2p_peer_id_equal (options->expected_peer, raw->remote_peer))
    {
      if (resumed != NULL)
        resume (self, resumed, raw, NULL, task);
      else
        lp2p_swarm_add_connection (self, raw, NULL, task);
      return;
    }
  g_task_return_new_error (task, LP2P_ERROR, LP2P_ERROR_WRONG_PEER, _("Expected peer %s, got %s"),
                           lp2p_peer_id_get_string (options->expected_peer),
                           lp2p_peer_id_get_string (raw->remote_peer));
  lp2p_raw_connection_free (raw);
}

Lp2pConnection *
lp2p_swarm_upgrade_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* Looking up */

/* Direct before metered, and what carries new streams first. */
static int
compare_connections (gconstpointer a, gconstpointer b)
{
  Lp2pConnection *first = *(Lp2pConnection *const *) a;
  Lp2pConnection *second = *(Lp2pConnection *const *) b;
  int limited = (int) lp2p_connection_get_limited (first) - (int) lp2p_connection_get_limited (second);

  if (limited != 0)
    return limited;
  return (int) lp2p_connection_get_state (first) - (int) lp2p_connection_get_state (second);
}

GPtrArray *
lp2p_swarm_dup_connections (Lp2pSwarm *self, Lp2pPeerId *peer)
{
  GPtrArray *found = g_ptr_array_new_with_free_func (g_object_unref);
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->connections));

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (Lp2pConnection) connection = g_list_model_get_item (G_LIST_MODEL (self->connections), i);

      if (peer == NULL || lp2p_peer_id_equal (lp2p_connection_get_remote_peer (connection), peer))
        g_ptr_array_add (found, g_steal_pointer (&connection));
    }
  g_ptr_array_sort (found, compare_connections);
  return found;
}

Lp2pConnection *
lp2p_swarm_find_connection (Lp2pSwarm *self, Lp2pPeerId *peer, gboolean allow_limited)
{
  g_autoptr (GPtrArray) connections = lp2p_swarm_dup_connections (self, peer);

  for (guint i = 0; i < connections->len; i++)
    {
      Lp2pConnection *connection = g_ptr_array_index (connections, i);

      if (lp2p_connection_get_state (connection) < LP2P_CONNECTION_CLOSING &&
          (allow_limited || !lp2p_connection_get_limited (connection)))
        return g_object_ref (connection);
    }
  return NULL;
}

Lp2pConnection *
lp2p_swarm_find_early (Lp2pSwarm *self, Lp2pPeerId *peer, gboolean allow_limited)
{
  for (guint i = 0; i < self->all_connections->len; i++)
    {
      Lp2pConnection *connection = g_ptr_array_index (self->all_connections, i);

      if (lp2p_connection_get_state (connection) == LP2P_CONNECTION_EARLY &&
          lp2p_peer_id_equal (lp2p_connection_get_remote_peer (connection), peer) &&
          (allow_limited || !lp2p_connection_get_limited (connection)))
        return g_object_ref (connection);
    }
  return NULL;
}
