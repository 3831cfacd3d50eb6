/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One dial of a peer: addresses come in, some of them names that are resolved
 * first; the plan says which one to try when; the first that leads to the peer
 * wins. Whoever asked meanwhile gets the same answer. */

#include "host/lp2p-dial-private.h"

#include "net/lp2p-cancel-private.h"
#include "types/lp2p-i18n-private.h"

#include <lp2p/interfaces/lp2p-log.h>

#define dial_debug(self, ...) lp2p_log_peer (G_LOG_LEVEL_DEBUG, (self)->options.expected_peer, __VA_ARGS__)

/* An error that lists more than that is read by nobody. */
#define MAX_REASONS 64

/* Where a target came from. */
typedef struct
{
  Lp2pDial *dial;
  Lp2pTransport *transport;
  Lp2pDialTarget *target;
} Attempt;

static void finish (Lp2pDial *self, Lp2pConnection *connection, GError *error);

Lp2pDial *
lp2p_dial_ref (Lp2pDial *self)
{
  self->refs++;
  return self;
}

void
lp2p_dial_unref (Lp2pDial *self)
{
  if (--self->refs > 0)
    return;
  lp2p_timer_clear (&self->wake);
  lp2p_timer_clear (&self->deadline);
  lp2p_dial_plan_free (self->plan);
  g_ptr_array_unref (self->transports);
  g_hash_table_unref (self->seen);
  lp2p_dial_options_clear (&self->options);
  lp2p_dial_networks_unref (self->networks);
  lp2p_dial_hint_clear (&self->hint);
  g_ptr_array_unref (self->filter.own);
  g_ptr_array_unref (self->waiters);
  g_object_unref (self->cancellable);
  g_string_free (self->reasons, TRUE);
  g_clear_error (&self->last);
  g_object_unref (self->swarm);
  g_free (self);
}

/* Reasons */

void
lp2p_dial_note (Lp2pDial *self, Lp2pMultiaddr *address, GError *error, gboolean tried)
{
  dial_debug (self, "%s: %s", lp2p_multiaddr_get_string (address), error->message);
  if (self->n_reasons++ < MAX_REASONS)
    g_string_append_printf (self->reasons, "%s%s: %s", self->reasons->len > 0 ? "; " : "",
                            lp2p_multiaddr_get_string (address), error->message);
  if (self->tried && !tried)
    {
      g_error_free (error);
      return;
    }
  g_clear_error (&self->last);
  self->last = error;
  self->tried = tried;
}

static GError *
make_error (Lp2pDial *self)
{
  GQuark domain = self->last != NULL ? self->last->domain : LP2P_ERROR;
  int code = self->last != NULL ? self->last->code : LP2P_ERROR_NO_ADDRESS;

  if (self->last == NULL)
    return g_error_new_literal (domain, code, _("No address of the peer is known"));
  if (self->n_reasons > MAX_REASONS)
    g_string_append_printf (self->reasons, _("; and %u more"), self->n_reasons - MAX_REASONS);
  return g_error_new (domain, code, _("Cannot connect: %s"), self->reasons->str);
}

/* Attempts */

static void
attempt_free (Attempt *self)
{
  g_object_unref (self->transport);
  lp2p_dial_unref (self->dial);
  g_free (self);
}

/* Who had less time than the winner, or gave up early, taught nothing. */
static gboolean
had_its_time (Lp2pDial *self, const Lp2pDialTarget *target)
{
  return !self->over || (self->winner != NULL && target->started <= self->winner->started);
}

/* Whether @target was silent where the winner came through to the same place. */
static gboolean
has_lost (Lp2pDial *self, const Lp2pDialTarget *target, gboolean answered)
{
  return !answered && self->winner != NULL && !self->winner->limited && self->winner->scope == target->scope;
}

static void
count_kind (Lp2pBlackHole *hole, gboolean answered, gboolean lost)
{
  lp2p_black_hole_record (hole, answered);
  if (lost)
    lp2p_black_hole_lose (hole);
}

/* Only what would cross the network tells of it. */
static void
count_outcome (Lp2pDial *self, const Lp2pDialTarget *target, gboolean answered)
{
  gboolean lost = has_lost (self, target, answered);
  gboolean udp_lost = lost && !self->winner->udp;
  gboolean ip6_lost = lost && lp2p_dial_get_family (self->winner->address) == 4;

  if (target->limited || !had_its_time (self, target))
    return;
  if (target->udp && self->options.expected_peer != NULL && (answered || udp_lost))
    lp2p_dials_set_silent (self->dials, self->options.expected_peer, udp_lost);
  if (target->scope != LP2P_DIAL_SCOPE_PUBLIC)
    return;
  if (target->udp)
    count_kind (&self->dials->udp, answered, udp_lost);
  if (lp2p_dial_get_family (target->address) == 6)
    count_kind (&self->dials->ip6, answered, ip6_lost);
}

static void
count_time (Lp2pDial *self, const Lp2pDialTarget *target)
{
  if (!target->limited)
    lp2p_dials_note_time (self->dials, target->scope, target->udp,
                          lp2p_loop_now (self->swarm->loop) - target->started);
}

static gboolean
is_address_to_blame (const GError *error)
{
  return !g_error_matches (error, LP2P_ERROR, LP2P_ERROR_LIMIT) &&
         !g_error_matches (error, LP2P_ERROR, LP2P_ERROR_REFUSED_BY_GATER) &&
         !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
}

static void
note_failure (Lp2pDial *self, Lp2pDialTarget *target, GError *error, gint64 now)
{
  if (is_address_to_blame (error))
    {
      lp2p_dial_backoff_add_failure (self->dials->backoff, self->options.expected_peer, target->address, error, now);
      if (self->options.expected_peer != NULL)
        lp2p_peer_store_note_dial (self->swarm->peers, self->options.expected_peer, target->address, FALSE);
    }
  lp2p_dial_note (self, target->address, error, TRUE);
}

static void
attempt_failed (Lp2pDial *self, Lp2pDialTarget *target, GError *error)
{
  gint64 now = lp2p_loop_now (self->swarm->loop);

  if (lp2p_dial_resolve_failed (self, target->address, error))
    g_error_free (error);
  else
    note_failure (self, target, error, now);
  lp2p_dial_plan_failed (self->plan, target, now);
  lp2p_dial_kick (self);
}

static void
feed_starved (Lp2pDials *dials)
{
  while (dials->n_attempts < LP2P_DIAL_MAX_PARALLEL_HOST && dials->starved.length > 0)
    {
      g_autoptr (Lp2pDial) dial = g_queue_pop_head (&dials->starved);

      lp2p_dial_kick (dial);
    }
}

static void
on_attempt_over (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Attempt *attempt = user_data;
  g_autoptr (Lp2pDial) self = lp2p_dial_ref (attempt->dial);
  Lp2pDialTarget *target = attempt->target;
  gboolean answered;
  GError *error = NULL;
  g_autoptr (Lp2pConnection) connection = lp2p_dial_attempt_finish (result, &answered, &error);

  self->dials->n_attempts -= !target->limited;
  count_outcome (self, target, answered);
  attempt_free (attempt);

  if (self->over)
    {
      g_clear_error (&error);
      if (connection != NULL)
        lp2p_swarm_drop_unwanted (connection);
    }
  else if (connection == NULL)
    attempt_failed (self, target, error);
  else
    {
      dial_debug (self, "%s: connected", lp2p_multiaddr_get_string (target->address));
      lp2p_dial_backoff_clear (self->dials->backoff, self->options.expected_peer, target->address);
      count_time (self, target);
      self->winner = target;
      finish (self, connection, NULL);
    }
  feed_starved (self->dials);
}

static void
start_attempt (Lp2pDial *self, Lp2pDialTarget *target)
{
  Attempt *attempt = g_new0 (Attempt, 1);
  Lp2pDialOptions options = self->options;

  attempt->dial = lp2p_dial_ref (self);
  attempt->transport = g_object_ref (target->transport);
  attempt->target = target;
  if (target->host_name != NULL)
    options.host_name = target->host_name;
  self->dials->n_attempts += !target->limited;
  dial_debug (self, "%s: dialing over %s", lp2p_multiaddr_get_string (target->address),
              lp2p_extension_get_name (LP2P_EXTENSION (target->transport)));
  lp2p_dial_attempt_async (self->dials, target->transport, target->address, &options, self->cancellable,
                           on_attempt_over, attempt);
}

void
lp2p_dial_kick (Lp2pDial *self)
{
  gint64 now = lp2p_loop_now (self->swarm->loop);
  Lp2pDialTarget *target = NULL;
  gint64 wake = -1;

  if (self->over)
    return;
  lp2p_timer_clear (&self->wake);
  while (self->dials->n_attempts < LP2P_DIAL_MAX_PARALLEL_HOST &&
         (target = lp2p_dial_plan_next (self->plan, now, &wake)) != NULL)
    start_attempt (self, target);

  if (self->dials->n_attempts >= LP2P_DIAL_MAX_PARALLEL_HOST && g_queue_find (&self->dials->starved, self) == NULL)
    g_queue_push_tail (&self->dials->starved, lp2p_dial_ref (self));
  else if (wake >= 0)
    lp2p_timer_set (&self->wake, wake);
  else if (self->n_resolving == 0 && lp2p_dial_plan_is_over (self->plan))
    finish (self, NULL, make_error (self));
}

static void
on_wake (Lp2pTimer *timer)
{
  g_autoptr (Lp2pDial) self = lp2p_dial_ref ((Lp2pDial *) ((guint8 *) timer - G_STRUCT_OFFSET (Lp2pDial, wake)));

  lp2p_dial_kick (self);
}

static void
on_deadline (Lp2pTimer *timer)
{
  g_autoptr (Lp2pDial) self =
      lp2p_dial_ref ((Lp2pDial *) ((guint8 *) timer - G_STRUCT_OFFSET (Lp2pDial, deadline)));

  finish (self, NULL,
          g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT, _("Cannot connect within %u seconds of dial-timeout%s%s"),
                       self->timeout, self->reasons->len > 0 ? ": " : "", self->reasons->str));
}

/* Those who wait */

static gboolean
on_waiter_cancelled (GCancellable *cancellable, gpointer user_data)
{
  g_autoptr (GTask) task = g_object_ref (user_data);
  g_autoptr (Lp2pDial) self = lp2p_dial_ref (g_task_get_task_data (task));

  if (!g_ptr_array_remove (self->waiters, task))
    return G_SOURCE_REMOVE;
  if (self->waiters->len == 0 && !self->over)
    finish (self, NULL, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, _("Cancelled")));
  g_task_return_error_if_cancelled (task);
  return G_SOURCE_REMOVE;
}

void
lp2p_dial_add_waiter (Lp2pDial *self, GTask *task)
{
  GSource *source;

  g_task_set_task_data (task, lp2p_dial_ref (self), (GDestroyNotify) lp2p_dial_unref);
  g_ptr_array_add (self->waiters, task);
  source = lp2p_cancel_watch (self->swarm->loop, g_task_get_cancellable (task), on_waiter_cancelled, task);
  if (source != NULL)
    g_object_set_data_full (G_OBJECT (task), "lp2p-cancel", source, lp2p_cancel_drop);
}

/* Takes @error. Callers may do what they like when they are told, also close the
 * host; the dial is over by then. */
static void
finish (Lp2pDial *self, Lp2pConnection *connection, GError *error)
{
  g_autoptr (GPtrArray) waiters = g_steal_pointer (&self->waiters);

  lp2p_trace_end (self->trace, "dial", connection != NULL ? "connected" : error->message);
  dial_debug (self, "The dial is over: %s", connection != NULL ? "connected" : error->message);
  self->over = TRUE;
  self->waiters = g_ptr_array_new_with_free_func (g_object_unref);
  lp2p_timer_clear (&self->wake);
  lp2p_timer_clear (&self->deadline);
  lp2p_dial_ref (self);
  if (g_queue_remove (&self->dials->starved, self))
    lp2p_dial_unref (self);
  g_ptr_array_remove (self->dials->running, self);
  g_cancellable_cancel (self->cancellable);
  lp2p_dials_end_race (self->dials, self->cancellable, error);

  for (guint i = 0; i < waiters->len; i++)
    if (connection != NULL)
      g_task_return_pointer (g_ptr_array_index (waiters, i), g_object_ref (connection), g_object_unref);
    else
      g_task_return_error (g_ptr_array_index (waiters, i), g_error_copy (error));
  g_clear_error (&error);
  lp2p_dial_unref (self);
}

void
lp2p_dial_fail (Lp2pDial *self, GError *error)
{
  finish (self, NULL, error);
}

/* Making */

/* Whether nobody else may join. */
static gboolean
is_private (const Lp2pDialOptions *options)
{
  return options->force_direct || options->separate || options->security_role != LP2P_ROLE_UNSET ||
         options->muxer_role != LP2P_ROLE_UNSET || options->punch_at != 0;
}

gboolean
lp2p_dial_serves (Lp2pDial *self, const Lp2pDialOptions *options)
{
  const Lp2pDialOptions *ours = &self->options;

  return options->expected_peer != NULL && ours->expected_peer != NULL &&
         lp2p_peer_id_equal (ours->expected_peer, options->expected_peer) && !is_private (ours) &&
         !is_private (options);
}

static GPtrArray *
dup_own_addresses (Lp2pSwarm *swarm)
{
  GPtrArray *own = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);

  for (guint i = 0; i < swarm->listeners->len; i++)
    {
      g_autoptr (GPtrArray) bound = lp2p_listener_dup_addresses (g_ptr_array_index (swarm->listeners, i));

      g_ptr_array_extend (own, bound, (GCopyFunc) (gpointer) lp2p_multiaddr_ref, NULL);
    }
  return own;
}

Lp2pDial *
lp2p_dial_new (Lp2pDials *dials, const Lp2pDialOptions *options)
{
  Lp2pDial *self = g_new0 (Lp2pDial, 1);
  Lp2pSwarm *swarm = dials->swarm;
  gint64 now = lp2p_loop_now (swarm->loop);

  self->refs = 1;
  self->trace = lp2p_trace_begin ();
  self->dials = dials;
  self->swarm = g_object_ref (swarm);
  lp2p_dial_options_copy (options, &self->options);
  self->transports = g_ptr_array_copy (swarm->transports, (GCopyFunc) (gpointer) g_object_ref, NULL);
  self->plan = lp2p_dial_plan_new (now);
  self->lookups_left = LP2P_DIAL_MAX_LOOKUPS;
  lp2p_dials_check_network (dials);
  self->seen = g_hash_table_new_full (lp2p_multiaddr_hash, lp2p_multiaddr_equal, (GDestroyNotify) lp2p_multiaddr_unref,
                                      NULL);
  if (options->punch_at != 0)
    lp2p_dial_plan_start_at_once (self->plan);
  self->waiters = g_ptr_array_new_with_free_func (g_object_unref);
  self->cancellable = g_cancellable_new ();
  self->reasons = g_string_new (NULL);
  self->networks = lp2p_dials_get_networks (dials);
  if (options->expected_peer != NULL)
    lp2p_dial_hint_load (&self->hint, LP2P_CONTEXT (swarm), options->expected_peer);
  self->filter = (Lp2pDialFilter){
    .networks = self->networks,
    .own = dup_own_addresses (swarm),
    .gater = dials->gater,
    .gater_data = dials->gater_data,
  };
  if (options->expected_peer != NULL)
    lp2p_dials_get_nearness (dials, options->expected_peer, &self->filter);
  lp2p_timer_init (&self->wake, swarm->loop, on_wake);
  lp2p_timer_init (&self->deadline, swarm->loop, on_deadline);
  self->timeout = lp2p_config_get_uint (swarm->config, LP2P_CONFIG_GROUP_HOST, "dial-timeout");
  lp2p_timer_set (&self->deadline, now + (gint64) self->timeout * G_USEC_PER_SEC);
  g_ptr_array_add (dials->running, lp2p_dial_ref (self));
  return self;
}
