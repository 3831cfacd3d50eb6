/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/lp2p-enum-types.h>

#include "host/lp2p-kept-peer-private.h"
#include "types/lp2p-i18n-private.h"

/* The first attempt after a failure comes soon, as most failures are short; the
 * ones after it ever later, so that a peer that is gone costs next to nothing. */
#define FIRST_DELAY_US (1 * G_USEC_PER_SEC)
#define LAST_DELAY_US  (300 * G_USEC_PER_SEC)
/* A peer that was connected for so long wants to be: the next attempt comes at once when
 * the connection is lost. One that closes what it has just let in is as good as gone. */
#define LASTING_US (30 * G_USEC_PER_SEC)

/**
 * Lp2pKeptPeer:
 *
 * A peer that a host stays connected to, as far as that is possible. Attempts that
 * fail, or whose connection is lost within 30 seconds, are repeated after 1 second, 2, 4,
 * up to 5 minutes, each a little earlier or later so that many hosts do not come at once;
 * a change of the network makes the next one come at once. The connection is not closed
 * for being one too many.
 *
 * It ends with [method@KeptPeer.release], or when the host closes.
 */
struct _Lp2pKeptPeer
{
  GObject parent_instance;

  Lp2pSwarm *swarm; /* NULL once released */
  GMainContext *context;
  Lp2pPeerId *peer;
  GPtrArray *addresses;
  char *tag;
  Lp2pKeptPeerState state;
  GError *error;
  gint64 connected_at;
  gint64 delay;
  gint64 retry_at;
  Lp2pTimer timer;
  Lp2pJob job; /* what the timer asks for */
  GCancellable *cancellable;
};

G_DEFINE_FINAL_TYPE (Lp2pKeptPeer, lp2p_kept_peer, G_TYPE_OBJECT)

enum
{
  PROP_0,
  PROP_PEER_ID,
  PROP_STATE,
  N_PROPS,
};

static GParamSpec *properties[N_PROPS];

static void
set_state (Lp2pKeptPeer *self, Lp2pKeptPeerState state)
{
  if (self->state == state)
    return;
  self->state = state;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_STATE]);
}

/* Connecting */

static gint64
take_delay (Lp2pKeptPeer *self)
{
  guint32 random;
  gint64 delay = self->delay;

  lp2p_context_get_random (LP2P_CONTEXT (self->swarm), &random, sizeof random);
  self->delay = MIN (self->delay * 2, LAST_DELAY_US);
  /* Three to five quarters. */
  return delay * 3 / 4 + delay / 2 * (random % 1024) / 1024;
}

/* Takes @error, which is why. */
static void
begin_waiting (Lp2pKeptPeer *self, GError *error)
{
  g_clear_error (&self->error);
  self->error = error;
  self->retry_at = lp2p_loop_now (self->swarm->loop) + take_delay (self);
  lp2p_timer_set (&self->timer, self->retry_at);
  set_state (self, LP2P_KEPT_PEER_WAITING);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Lp2pKeptPeer) self = user_data;
  GError *error = NULL;
  g_autoptr (Lp2pConnection) connection = lp2p_swarm_connect_finish (result, &error);

  /* Of a connection, whoever made it, "connection-added" has told. */
  if (self->state != LP2P_KEPT_PEER_CONNECTING || connection != NULL)
    g_clear_error (&error);
  else
    begin_waiting (self, error);
}

static void
connect_now (Lp2pKeptPeer *self)
{
  static const Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;

  lp2p_timer_clear (&self->timer);
  lp2p_swarm_connect_async (self->swarm, self->peer, self->addresses, &options, self->cancellable, on_connected,
                            g_object_ref (self));
  /* Whoever is told may release it. */
  set_state (self, LP2P_KEPT_PEER_CONNECTING);
}

static void
run_job (Lp2pJob *job)
{
  Lp2pKeptPeer *self = (Lp2pKeptPeer *) ((guint8 *) job - G_STRUCT_OFFSET (Lp2pKeptPeer, job));
  g_autoptr (Lp2pKeptPeer) keep = g_object_ref (self);

  lp2p_kept_peer_retry (self);
}

static void
on_timer (Lp2pTimer *timer)
{
  lp2p_job_queue (&((Lp2pKeptPeer *) ((guint8 *) timer - G_STRUCT_OFFSET (Lp2pKeptPeer, timer)))->job);
}

/* What happens */

static gboolean
is_ours (Lp2pKeptPeer *self, Lp2pConnection *connection)
{
  return lp2p_peer_id_equal (lp2p_connection_get_remote_peer (connection), self->peer);
}

static void
on_connection_added (Lp2pKeptPeer *self, Lp2pConnection *connection)
{
  if (!is_ours (self, connection))
    return;
  lp2p_timer_clear (&self->timer);
  if (self->state != LP2P_KEPT_PEER_CONNECTED)
    self->connected_at = lp2p_loop_now (self->swarm->loop);
  g_clear_error (&self->error);
  set_state (self, LP2P_KEPT_PEER_CONNECTED);
}

static GError *
dup_reason (Lp2pConnection *connection)
{
  const GError *error = lp2p_connection_get_error (connection);

  return error != NULL ? g_error_copy (error)
                       : g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED,
                                              _("The connection was closed soon after it was made"));
}

static void
on_connection_removed (Lp2pKeptPeer *self, Lp2pConnection *connection)
{
  g_autoptr (Lp2pConnection) other = NULL;

  if (!is_ours (self, connection) || self->state != LP2P_KEPT_PEER_CONNECTED || self->swarm->closed)
    return;
  other = lp2p_swarm_find_connection (self->swarm, self->peer, FALSE);
  if (other != NULL)
    return;
  if (lp2p_loop_now (self->swarm->loop) - self->connected_at < LASTING_US)
    {
      begin_waiting (self, dup_reason (connection));
      return;
    }
  self->delay = FIRST_DELAY_US;
  connect_now (self);
}

static gboolean
retry_in_context (gpointer self)
{
  lp2p_kept_peer_retry (self);
  return G_SOURCE_REMOVE;
}

/* In the thread where somebody used the monitor first. */
static void
on_network_changed (Lp2pKeptPeer *self, gboolean available)
{
  if (available)
    g_main_context_invoke_full (self->context, G_PRIORITY_DEFAULT, retry_in_context, g_object_ref (self),
                                g_object_unref);
}

/* The object */

static void
lp2p_kept_peer_dispose (GObject *object)
{
  lp2p_kept_peer_release (LP2P_KEPT_PEER (object));
  G_OBJECT_CLASS (lp2p_kept_peer_parent_class)->dispose (object);
}

static void
lp2p_kept_peer_finalize (GObject *object)
{
  Lp2pKeptPeer *self = LP2P_KEPT_PEER (object);

  lp2p_peer_id_unref (self->peer);
  g_clear_pointer (&self->addresses, g_ptr_array_unref);
  g_clear_error (&self->error);
  g_object_unref (self->cancellable);
  g_main_context_unref (self->context);
  g_free (self->tag);
  G_OBJECT_CLASS (lp2p_kept_peer_parent_class)->finalize (object);
}

static void
lp2p_kept_peer_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  Lp2pKeptPeer *self = LP2P_KEPT_PEER (object);

  switch (id)
    {
    case PROP_PEER_ID:
      g_value_set_boxed (value, self->peer);
      break;
    case PROP_STATE:
      g_value_set_enum (value, self->state);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
lp2p_kept_peer_class_init (Lp2pKeptPeerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  object_class->dispose = lp2p_kept_peer_dispose;
  object_class->finalize = lp2p_kept_peer_finalize;
  object_class->get_property = lp2p_kept_peer_get_property;

  /**
   * Lp2pKeptPeer:peer-id: (getter get_peer_id)
   *
   * Who is kept.
   */
  properties[PROP_PEER_ID] = g_param_spec_boxed ("peer-id", NULL, NULL, LP2P_TYPE_PEER_ID, flags);
  /**
   * Lp2pKeptPeer:state: (getter get_state)
   *
   * How that goes.
   */
  properties[PROP_STATE] = g_param_spec_enum ("state", NULL, NULL, LP2P_TYPE_KEPT_PEER_STATE,
                                              LP2P_KEPT_PEER_CONNECTING, flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
lp2p_kept_peer_init (Lp2pKeptPeer *self)
{
  self->delay = FIRST_DELAY_US;
  self->cancellable = g_cancellable_new ();
}

Lp2pKeptPeer *
lp2p_kept_peer_new (Lp2pSwarm *swarm, Lp2pPeerId *peer, GPtrArray *addresses)
{
  Lp2pKeptPeer *self = g_object_new (LP2P_TYPE_KEPT_PEER, NULL);
  g_autoptr (Lp2pConnection) connection = lp2p_swarm_find_connection (swarm, peer, FALSE);

  self->swarm = g_object_ref (swarm);
  self->context = g_main_context_ref (lp2p_loop_get_context (swarm->loop));
  self->peer = lp2p_peer_id_ref (peer);
  self->addresses = addresses != NULL ? g_ptr_array_ref (addresses) : NULL;
  self->tag = g_strdup_printf ("kept-%p", (gpointer) self);
  lp2p_timer_init (&self->timer, swarm->loop, on_timer);
  lp2p_job_init (&self->job, swarm->loop, LP2P_JOB_RUN, run_job);
  if (!lp2p_swarm_check_open (swarm, &self->error))
    {
      g_clear_object (&self->swarm);
      self->state = LP2P_KEPT_PEER_RELEASED;
      return self;
    }
  g_ptr_array_add (swarm->kept_peers, self);
  lp2p_connection_manager_protect (swarm->manager, peer, self->tag, TRUE);
  g_signal_connect_object (swarm, "connection-added", G_CALLBACK (on_connection_added), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (swarm, "connection-removed", G_CALLBACK (on_connection_removed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (g_network_monitor_get_default (), "network-changed", G_CALLBACK (on_network_changed), self,
                           G_CONNECT_SWAPPED);
  if (connection != NULL)
    {
      self->connected_at = lp2p_loop_now (swarm->loop);
      self->state = LP2P_KEPT_PEER_CONNECTED;
    }
  else
    connect_now (self);
  return self;
}

/**
 * lp2p_kept_peer_get_peer_id:
 * @self: a kept peer
 *
 * Gets whom the host stays connected to.
 *
 * Returns: (transfer none): who it is
 */
Lp2pPeerId *
lp2p_kept_peer_get_peer_id (Lp2pKeptPeer *self)
{
  g_return_val_if_fail (LP2P_IS_KEPT_PEER (self), NULL);
  return self->peer;
}

/**
 * lp2p_kept_peer_get_state:
 * @self: a kept peer
 *
 * Gets how it goes.
 *
 * Returns: how it goes
 */
Lp2pKeptPeerState
lp2p_kept_peer_get_state (Lp2pKeptPeer *self)
{
  g_return_val_if_fail (LP2P_IS_KEPT_PEER (self), LP2P_KEPT_PEER_RELEASED);
  return self->state;
}

/**
 * lp2p_kept_peer_get_retry_delay:
 * @self: a kept peer
 *
 * Gets how long it takes until the next attempt.
 *
 * Returns: microseconds until the next attempt, 0 while none is waited for
 */
gint64
lp2p_kept_peer_get_retry_delay (Lp2pKeptPeer *self)
{
  g_return_val_if_fail (LP2P_IS_KEPT_PEER (self), 0);
  if (self->state != LP2P_KEPT_PEER_WAITING)
    return 0;
  return MAX (0, self->retry_at - lp2p_loop_now (self->swarm->loop));
}

/**
 * lp2p_kept_peer_get_error:
 * @self: a kept peer
 *
 * Gets why the last attempt to connect failed, or why the connection that it made was
 * lost at once.
 *
 * Returns: (transfer none) (nullable): why the last attempt failed, %NULL while
 *   connected
 */
const GError *
lp2p_kept_peer_get_error (Lp2pKeptPeer *self)
{
  g_return_val_if_fail (LP2P_IS_KEPT_PEER (self), NULL);
  return self->error;
}

/**
 * lp2p_kept_peer_retry:
 * @self: a kept peer
 *
 * Makes the next attempt now, if one is waited for.
 */
void
lp2p_kept_peer_retry (Lp2pKeptPeer *self)
{
  g_return_if_fail (LP2P_IS_KEPT_PEER (self));
  if (self->state == LP2P_KEPT_PEER_WAITING)
    connect_now (self);
}

/**
 * lp2p_kept_peer_release:
 * @self: a kept peer
 *
 * Ends it. A connection that there is stays, but is one like all others.
 */
void
lp2p_kept_peer_release (Lp2pKeptPeer *self)
{
  g_autoptr (Lp2pSwarm) swarm = NULL;

  g_return_if_fail (LP2P_IS_KEPT_PEER (self));
  swarm = g_steal_pointer (&self->swarm);
  if (swarm == NULL)
    return;
  g_signal_handlers_disconnect_by_data (swarm, self);
  g_signal_handlers_disconnect_by_data (g_network_monitor_get_default (), self);
  g_ptr_array_remove_fast (swarm->kept_peers, self);
  lp2p_timer_clear (&self->timer);
  lp2p_job_clear (&self->job);
  lp2p_connection_manager_protect (swarm->manager, self->peer, self->tag, FALSE);
  g_cancellable_cancel (self->cancellable);
  set_state (self, LP2P_KEPT_PEER_RELEASED);
}
