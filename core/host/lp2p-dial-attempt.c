/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/interfaces/lp2p-log.h>

#include "host/lp2p-swarm-private.h"
#include "interfaces/lp2p-connection-private.h"
#include "types/lp2p-i18n-private.h"

/* Linux repeats a SYN after one, three and seven seconds: who has not answered
 * three of them will not. What comes behind has handshake-timeout. */
#define ANSWER_TIMEOUT_US (10 * G_USEC_PER_SEC)

typedef struct
{
  Lp2pTransport *transport;
  Lp2pMultiaddr *address;
  Lp2pDialOptions options;
  Lp2pDialHint hint;
  /* The one that it is for; %NULL for a new one. */
  Lp2pConnection *resumed;
  Lp2pTimer timer;
  /* Ends the transport's dial: cancelled or timed out. */
  GCancellable *stop;
  gulong stop_id;
  gboolean timed_out;
  gboolean answered;
} Attempt;

static void
attempt_free (gpointer pointer)
{
  Attempt *self = pointer;

  lp2p_timer_clear (&self->timer);
  lp2p_dial_options_clear (&self->options);
  lp2p_dial_hint_clear (&self->hint);
  lp2p_multiaddr_unref (self->address);
  g_object_unref (self->transport);
  g_clear_object (&self->resumed);
  g_clear_object (&self->stop);
  g_free (self);
}

static void dial_transport (GTask *task);
static void keep_guess (Lp2pSwarm *swarm, Attempt *self, Lp2pConnection *connection);

/* Remembering */

/* What is proposed ahead: what is known of the peer, else the first of ours. */
static const char *
get_guess (const char *known, GPtrArray *extensions)
{
  if (known != NULL || extensions->len == 0)
    return known;
  return lp2p_extension_get_name (g_ptr_array_index (extensions, 0));
}

/* The peer agreed to the very thing that it would not take ahead. Where it agreed to
 * something else, that is what to propose next time. */
static gboolean
has_to_wait (Lp2pSwarm *swarm, Attempt *self, Lp2pConnection *connection)
{
  return (self->hint.waits || self->hint.asks_muxer) &&
         g_strcmp0 (get_guess (self->hint.security, swarm->securities), lp2p_connection_get_security (connection)) == 0 &&
         g_strcmp0 (get_guess (self->hint.muxer, swarm->muxers), lp2p_connection_get_muxer (connection)) == 0;
}

static void
remember (Lp2pSwarm *swarm, Attempt *self, Lp2pConnection *connection)
{
  g_auto (Lp2pDialHint) hint = {
    .security = g_strdup (lp2p_connection_get_security (connection)),
    .muxer = g_strdup (lp2p_connection_get_muxer (connection)),
    .address = g_strdup (lp2p_multiaddr_get_string (self->address)),
    .waits = has_to_wait (swarm, self, connection),
  };

  lp2p_dial_hint_store (&hint, LP2P_CONTEXT (swarm), lp2p_connection_get_remote_peer (connection));
}

/* Ending */

/* With what the transport was waiting for, where it says so. */
static GError *
make_timeout_error (Attempt *self, const GError *error)
{
  g_autofree char *text = g_strdup_printf (_("no answer within %u seconds"), (guint) (ANSWER_TIMEOUT_US / G_USEC_PER_SEC));
  g_autoptr (GError) silent = NULL;

  g_cancellable_set_error_if_cancelled (self->stop, &silent);
  if (g_str_equal (error->message, silent->message))
    return g_error_new_literal (G_IO_ERROR, G_IO_ERROR_TIMED_OUT, text);
  return g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "%s: %s", text, error->message);
}

static void
end_with_error (GTask *task, GError *error)
{
  Attempt *self = g_task_get_task_data (task);

  if (g_cancellable_is_cancelled (g_task_get_cancellable (task)))
    {
      g_error_free (error);
      error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, _("cancelled"));
    }
  else if (self->timed_out)
    {
      GError *late = make_timeout_error (self, error);

      g_error_free (error);
      error = late;
    }
  g_task_return_error (task, error);
}

/* Whether the other side began a handshake, too, or proposed another security protocol
 * where an answer was expected. */
static gboolean
is_same_role (const GError *error)
{
  return g_error_matches (error, LP2P_ERROR, LP2P_ERROR_SAME_ROLE) ||
         g_error_matches (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_PROTOCOL);
}

/* Where each of two hosts dials the other from the port that it listens on, TCP may
 * make one connection of the two, on which nobody answers. From another port it is a
 * dial like any other. Who has settled the roles before meant that one connection. */
static gboolean
may_cross (Attempt *self)
{
  return self->options.reuse_local_port && self->options.security_role == LP2P_ROLE_UNSET;
}

static void
dial_from_another_port (GTask *task)
{
  Attempt *self = g_task_get_task_data (task);

  g_debug ("%s dials us as well, dialing again from another port", lp2p_multiaddr_get_string (self->address));
  self->options.reuse_local_port = FALSE;
  dial_transport (task);
}

static void
on_upgraded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Lp2pSwarm *swarm = g_task_get_source_object (task);
  Attempt *self = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pConnection) connection = lp2p_swarm_upgrade_finish (result, &error);
  gboolean cancelled = g_cancellable_is_cancelled (g_task_get_cancellable (task));

  self->answered |= connection != NULL;
  if (connection != NULL && cancelled && lp2p_swarm_drop_unwanted (connection))
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CANCELLED, _("cancelled"));
  else if (connection != NULL)
    {
      if (lp2p_connection_get_muxer (connection) != NULL)
        remember (swarm, self, connection);
      else
        keep_guess (swarm, self, connection);
      g_task_return_pointer (task, g_steal_pointer (&connection), g_object_unref);
    }
  else if (!cancelled && is_same_role (error) && may_cross (self))
    dial_from_another_port (task);
  else if (!cancelled && !self->hint.waits && lp2p_upgrade_was_refused (error))
    {
      lp2p_log_peer (G_LOG_LEVEL_DEBUG, self->options.expected_peer,
                     "%s refused what was proposed ahead (%s), dialing again",
                     lp2p_multiaddr_get_string (self->address), error->message);
      self->hint.waits = TRUE;
      dial_transport (task);
    }
  else
    end_with_error (task, g_steal_pointer (&error));
}

/* The transport */

/* What is early comes of no answer. */
static gboolean
is_answer (Lp2pRawConnection *raw, const GError *error)
{
  if (raw == NULL)
    return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
  return raw->session == NULL || raw->session->klass->get_state (raw->session) != LP2P_SESSION_EARLY;
}

/* With a time to punch at, the peer is the one who dials: a transport that can punch
 * lets it in. The others dial at that time. */
static gboolean
is_punching (Attempt *self)
{
  return self->options.punch_at != 0 && (lp2p_transport_get_flags (self->transport) & LP2P_TRANSPORT_PUNCHES) != 0;
}

static void
on_dialed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Attempt *self = g_task_get_task_data (task);
  GError *error = NULL;
  Lp2pRawConnection *raw = is_punching (self) ? lp2p_transport_punch_finish (self->transport, result, &error)
                                              : lp2p_transport_dial_finish (self->transport, result, &error);

  lp2p_timer_clear (&self->timer);
  /* Not g_cancellable_disconnect(), which waits for the emission that may have led
   * here. */
  if (self->stop_id != 0)
    g_signal_handler_disconnect (g_task_get_cancellable (task), self->stop_id);
  self->answered = is_answer (raw, error);
  if (raw != NULL)
    {
      self->timed_out = FALSE;
      lp2p_swarm_upgrade_async (g_task_get_source_object (task), raw, &self->options, &self->hint,
                                self->resumed, g_task_get_cancellable (task), on_upgraded, g_object_ref (task));
    }
  else if (!g_cancellable_is_cancelled (self->stop) && g_error_matches (error, LP2P_ERROR, LP2P_ERROR_SAME_ROLE) &&
           may_cross (self))
    {
      g_error_free (error);
      dial_from_another_port (task);
    }
  else
    end_with_error (task, error);
}

static void
on_timeout (Lp2pTimer *timer)
{
  Attempt *self = (Attempt *) ((guint8 *) timer - G_STRUCT_OFFSET (Attempt, timer));

  self->timed_out = TRUE;
  g_cancellable_cancel (self->stop);
}

static void
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  g_cancellable_cancel (user_data);
}

static void
dial_transport (GTask *task)
{
  Lp2pSwarm *swarm = g_task_get_source_object (task);
  Attempt *self = g_task_get_task_data (task);

  g_clear_object (&self->stop);
  self->stop = g_cancellable_new ();
  self->stop_id = g_cancellable_connect (g_task_get_cancellable (task), G_CALLBACK (on_cancelled),
                                         g_object_ref (self->stop), g_object_unref);
  lp2p_timer_set (&self->timer, MAX (lp2p_loop_now (swarm->loop), self->options.punch_at) + ANSWER_TIMEOUT_US);
  if (is_punching (self))
    lp2p_transport_punch_async (self->transport, self->address, &self->options, self->stop, on_dialed,
                                g_object_ref (task));
  else
    lp2p_transport_dial_async (self->transport, self->address, &self->options, self->stop, on_dialed,
                               g_object_ref (task));
}

static Attempt *
attempt_new (Lp2pSwarm *swarm, Lp2pTransport *transport, Lp2pMultiaddr *address, const Lp2pDialOptions *options)
{
  Attempt *self = g_new0 (Attempt, 1);

  self->transport = g_object_ref (transport);
  self->address = lp2p_multiaddr_ref (address);
  lp2p_dial_options_copy (options, &self->options);
  lp2p_timer_init (&self->timer, swarm->loop, on_timeout);
  return self;
}

/* Takes @self. */
static void
start (Lp2pSwarm *swarm, Attempt *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (swarm, cancellable, callback, user_data);

  g_task_set_source_tag (task, lp2p_dial_attempt_async);
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, self, attempt_free);
  dial_transport (task);
}

void
lp2p_dial_attempt_async (Lp2pDials *dials, Lp2pTransport *transport, Lp2pMultiaddr *address, const Lp2pDialOptions *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  Attempt *self = attempt_new (dials->swarm, transport, address, options);

  if (options->expected_peer != NULL)
    lp2p_dial_hint_load (&self->hint, LP2P_CONTEXT (dials->swarm), options->expected_peer);
  start (dials->swarm, self, cancellable, callback, user_data);
}

Lp2pConnection *
lp2p_dial_attempt_finish (GAsyncResult *result, gboolean *answered, GError **error)
{
  *answered = ((Attempt *) g_task_get_task_data (G_TASK (result)))->answered;
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* Muxers that were proposed ahead */

typedef struct
{
  /* How the connection was made, and is made again; %NULL once that has begun. */
  Attempt *attempt;
  GCancellable *cancellable;
} Guess;

static void
guess_free (gpointer pointer)
{
  Guess *self = pointer;

  g_clear_pointer (&self->attempt, attempt_free);
  g_cancellable_cancel (self->cancellable);
  g_object_unref (self->cancellable);
  g_free (self);
}

GHashTable *
lp2p_dial_guesses_new (void)
{
  return g_hash_table_new_full (NULL, NULL, NULL, guess_free);
}

/* The peer and its security protocol are known for certain by now. */
static void
keep_guess (Lp2pSwarm *swarm, Attempt *self, Lp2pConnection *connection)
{
  Lp2pDialOptions options = self->options;
  Guess *guess = g_new0 (Guess, 1);

  options.expected_peer = lp2p_connection_get_remote_peer (connection);
  guess->attempt = attempt_new (swarm, self->transport, self->address, &options);
  guess->attempt->hint.security = g_strdup (lp2p_connection_get_security (connection));
  guess->attempt->hint.muxer = g_strdup (self->hint.muxer);
  guess->cancellable = g_cancellable_new ();
  g_hash_table_insert (swarm->dials->guesses, connection, guess);
  if (lp2p_connection_was_refused (connection))
    lp2p_dials_muxer_refused (swarm->dials, connection);
}

void
lp2p_dials_muxer_agreed (Lp2pDials *self, Lp2pConnection *connection)
{
  Guess *guess = g_hash_table_lookup (self->guesses, connection);

  if (guess == NULL)
    return;
  remember (self->swarm, guess->attempt, connection);
  g_hash_table_remove (self->guesses, connection);
}

static void
on_dialed_again (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Lp2pConnection) connection = user_data;
  g_autoptr (GError) error = NULL;
  gboolean answered;
  g_autoptr (Lp2pConnection) resumed = lp2p_dial_attempt_finish (result, &answered, &error);

  if (resumed != NULL)
    g_hash_table_remove (LP2P_SWARM (source)->dials->guesses, connection);
  else
    lp2p_connection_give_up (connection, error);
}

void
lp2p_dials_muxer_refused (Lp2pDials *self, Lp2pConnection *connection)
{
  Guess *guess = g_hash_table_lookup (self->guesses, connection);
  Attempt *attempt;

  /* The refusal may come before who dialed is told of the connection. */
  if (guess == NULL || guess->attempt == NULL)
    return;
  attempt = g_steal_pointer (&guess->attempt);
  g_debug ("%s refused the muxer that was proposed ahead, dialing again", lp2p_multiaddr_get_string (attempt->address));
  attempt->hint.asks_muxer = TRUE;
  attempt->resumed = g_object_ref (connection);
  start (self->swarm, attempt, guess->cancellable, on_dialed_again, g_object_ref (connection));
}

/* The peer may not take any more what it took before: the next dial begins as with a
 * stranger. */
void
lp2p_dials_disconnected (Lp2pDials *self, Lp2pConnection *connection)
{
  lp2p_dials_remove_early (self, connection);
  if (g_hash_table_remove (self->guesses, connection))
    lp2p_dial_hint_forget (LP2P_CONTEXT (self->swarm), lp2p_connection_get_remote_peer (connection));
}
