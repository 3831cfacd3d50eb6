/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From a byte stream to streams: agree on a security protocol, run its
 * handshake, agree on a muxer, start its session. */

#include <lp2p/interfaces/lp2p-log.h>
#include <lp2p/net/lp2p-multistream-layer.h>

#include "host/lp2p-upgrade-private.h"
#include "types/lp2p-i18n-private.h"
#include "types/lp2p-trace-private.h"

typedef struct
{
  Lp2pRawConnection *raw;
  GPtrArray *securities;
  GPtrArray *muxers;
  char **muxer_protocols;
  /* The one that is proposed without waiting for an answer; %NULL to ask. */
  Lp2pMuxer *guess;
  const Lp2pMultistreamStatus *answer;
  Lp2pPeerId *expected_peer;
  guint max_streams;
  gboolean pipelined;
  gboolean timed_out;
  void (*security_agreed) (gpointer user_data);
  gpointer user_data;
  gint64 trace; /* when it began, for Sysprof */

  Lp2pLoop *loop;
  Lp2pSecurity *security;
  GCancellable *cancellable;
  GCancellable *outer;
  gulong outer_id;
  Lp2pTimer timer;
} Upgrade;

static void
upgrade_free (Upgrade *self)
{
  lp2p_timer_clear (&self->timer);
  if (self->outer_id != 0)
    g_cancellable_disconnect (self->outer, self->outer_id);
  g_clear_object (&self->outer);
  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->raw, lp2p_raw_connection_free);
  g_clear_pointer (&self->securities, g_ptr_array_unref);
  g_clear_pointer (&self->muxers, g_ptr_array_unref);
  g_clear_pointer (&self->muxer_protocols, g_strfreev);
  g_clear_pointer (&self->expected_peer, lp2p_peer_id_unref);
  g_clear_pointer (&self->loop, lp2p_loop_unref);
  if (self->answer != NULL)
    g_rc_box_release ((gpointer) self->answer);
  g_free (self);
}

static void
upgrade_fail (GTask *task, GError *error, const char *step)
{
  Upgrade *self = g_task_get_task_data (task);

  lp2p_timer_clear (&self->timer);
  if (self->timed_out)
    {
      g_error_free (error);
      /* Translators: what was being done, as "agreeing on a muxer" */
      error = g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT, _("Timed out while %s"), step);
    }
  else if (g_error_matches (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_WRONG_PEER))
    {
      error->domain = LP2P_ERROR;
      error->code = LP2P_ERROR_WRONG_PEER;
    }
  else
    g_prefix_error (&error, _("Failed while %s: "), step);

  lp2p_trace_end (self->trace, "handshake", error->message);
  if (self->raw->layer != NULL)
    lp2p_layer_abort (self->raw->layer, 0);
  g_task_return_error (task, error);
}

static void
on_timeout (Lp2pTimer *timer)
{
  Upgrade *self = (Upgrade *) ((guint8 *) timer - G_STRUCT_OFFSET (Upgrade, timer));

  self->timed_out = TRUE;
  g_cancellable_cancel (self->cancellable);
}

static void
on_outer_cancelled (GCancellable *outer, gpointer user_data)
{
  g_cancellable_cancel (user_data);
}

/* Protocols of extensions, which differ only in who tells theirs. */

static char **
list_protocols (GPtrArray *extensions, const char *(*get_protocol) (gpointer))
{
  GStrvBuilder *builder = g_strv_builder_new ();
  char **protocols;

  for (guint i = 0; i < extensions->len; i++)
    g_strv_builder_add (builder, get_protocol (g_ptr_array_index (extensions, i)));
  protocols = g_strv_builder_end (builder);
  g_strv_builder_unref (builder);
  return protocols;
}

static const char *
security_protocol (gpointer extension)
{
  return lp2p_security_get_protocol (extension);
}

static const char *
muxer_protocol (gpointer extension)
{
  return lp2p_muxer_get_protocol (extension);
}

static gpointer
find_protocol (GPtrArray *extensions, const char *(*get_protocol) (gpointer), const char *protocol)
{
  for (guint i = 0; i < extensions->len; i++)
    if (g_strcmp0 (get_protocol (g_ptr_array_index (extensions, i)), protocol) == 0)
      return g_ptr_array_index (extensions, i);
  return NULL;
}

static gpointer
find_name (GPtrArray *extensions, const char *name)
{
  for (guint i = 0; i < extensions->len; i++)
    if (g_strcmp0 (lp2p_extension_get_name (g_ptr_array_index (extensions, i)), name) == 0)
      return g_ptr_array_index (extensions, i);
  return NULL;
}

/* The same ones, with what the peer took last time at the front: a list that does
 * not change when the host's does. */
static GPtrArray *
prefer (GPtrArray *extensions, const char *name)
{
  gpointer first = find_name (extensions, name);
  GPtrArray *ordered = g_ptr_array_new_with_free_func (g_object_unref);

  if (first != NULL)
    g_ptr_array_add (ordered, g_object_ref (first));
  for (guint i = 0; i < extensions->len; i++)
    if (g_ptr_array_index (extensions, i) != first)
      g_ptr_array_add (ordered, g_object_ref (g_ptr_array_index (extensions, i)));
  return ordered;
}

static gboolean
match_security (const char *protocol, gpointer data)
{
  return find_protocol (((Upgrade *) data)->securities, security_protocol, protocol) != NULL;
}

static gboolean
match_muxer (const char *protocol, gpointer data)
{
  return find_protocol (((Upgrade *) data)->muxers, muxer_protocol, protocol) != NULL;
}

static Lp2pMultistream *
new_negotiation (Lp2pRole role, const char *const *protocols, Lp2pMultistreamMatch match, Upgrade *self)
{
  if (role == LP2P_ROLE_INITIATOR)
    return lp2p_multistream_new_dialer (protocols);
  return lp2p_multistream_new_listener (match, self);
}

/* The muxer */

static void
start_session (GTask *task, Lp2pMuxer *muxer)
{
  Upgrade *self = g_task_get_task_data (task);
  Lp2pMuxerParams params = {
    .role = self->raw->muxer_role,
    .remote_peer = self->raw->remote_peer,
    .max_streams = self->max_streams,
  };

  self->raw->session = lp2p_muxer_create_session (muxer, lp2p_raw_connection_steal_layer (self->raw), &params);
  self->raw->muxer = g_intern_string (lp2p_extension_get_name (LP2P_EXTENSION (muxer)));
  lp2p_timer_clear (&self->timer);
  lp2p_trace_end (self->trace, "handshake", self->raw->muxer);
  lp2p_log_peer (G_LOG_LEVEL_DEBUG, self->raw->remote_peer, "The handshake with %s at %s is done: %s, %s",
                 lp2p_peer_id_get_string (self->raw->remote_peer),
                 lp2p_multiaddr_get_string (self->raw->remote_address), self->raw->security, self->raw->muxer);
  g_task_return_pointer (task, g_steal_pointer (&self->raw), (GDestroyNotify) lp2p_raw_connection_free);
}

static void
on_muxer_negotiated (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Upgrade *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autofree char *protocol = lp2p_layer_negotiate_finish (result, &error);

  if (protocol != NULL)
    start_session (task, find_protocol (self->muxers, muxer_protocol, protocol));
  else
    upgrade_fail (task, error, _("agreeing on a muxer"));
}

/* What the peer took before, else the preferred one. */
static Lp2pMuxer *
find_guess (const Lp2pUpgradeParams *params)
{
  Lp2pMuxer *known = find_name (params->muxers, params->muxer);

  return known != NULL ? known : g_ptr_array_index (params->muxers, 0);
}

/* What was refused ahead is asked for last. */
static GPtrArray *
order_muxers (const Lp2pUpgradeParams *params)
{
  GPtrArray *muxers = prefer (params->muxers, NULL);
  guint i;

  if (params->asks_muxer && g_ptr_array_find (muxers, find_guess (params), &i))
    g_ptr_array_add (muxers, g_ptr_array_steal_index (muxers, i));
  return muxers;
}

static void
negotiate_muxer (GTask *task)
{
  Upgrade *self = g_task_get_task_data (task);
  const char *const *protocols = (const char *const *) self->muxer_protocols;

  if (self->raw->muxer_role == LP2P_ROLE_INITIATOR && self->guess != NULL)
    {
      self->raw->layer = lp2p_multistream_layer_new (self->raw->layer, lp2p_muxer_get_protocol (self->guess));
      self->answer = lp2p_multistream_layer_ref_status (self->raw->layer);
      start_session (task, self->guess);
      return;
    }
  lp2p_layer_negotiate_async (self->raw->layer, new_negotiation (self->raw->muxer_role, protocols, match_muxer, self),
                              self->cancellable, on_muxer_negotiated, g_object_ref (task));
}

/* Security */

static gboolean
check_peer (Upgrade *self, Lp2pPeerId *peer, GError **error)
{
  if (self->expected_peer == NULL || lp2p_peer_id_equal (self->expected_peer, peer))
    return TRUE;
  g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_WRONG_PEER, _("Expected peer %s, got %s"),
               lp2p_peer_id_get_string (self->expected_peer), lp2p_peer_id_get_string (peer));
  return FALSE;
}

static void
on_secured (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Upgrade *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (Lp2pSecurityResult) secured = lp2p_security_secure_finish (LP2P_SECURITY (source), result, &error);
  gpointer muxer = NULL;

  if (secured == NULL)
    {
      upgrade_fail (task, error, _("securing the connection"));
      return;
    }
  self->raw->layer = g_steal_pointer (&secured->layer);
  if (!check_peer (self, secured->remote_peer, &error))
    {
      upgrade_fail (task, error, _("securing the connection"));
      return;
    }

  self->raw->security = g_intern_string (lp2p_extension_get_name (LP2P_EXTENSION (self->security)));
  g_clear_pointer (&self->raw->remote_peer, lp2p_peer_id_unref);
  g_clear_pointer (&self->raw->remote_key, lp2p_public_key_unref);
  self->raw->remote_peer = g_steal_pointer (&secured->remote_peer);
  self->raw->remote_key = g_steal_pointer (&secured->remote_key);
  if (secured->muxer != NULL)
    muxer = find_protocol (self->muxers, muxer_protocol, secured->muxer);
  if (muxer != NULL)
    start_session (task, muxer);
  else
    negotiate_muxer (task);
}

static void
start_security (GTask *task, gpointer security)
{
  Upgrade *self = g_task_get_task_data (task);
  Lp2pSecurityParams params = {
    .role = self->raw->security_role,
    .expected_peer = self->expected_peer,
    .muxers = (const char *const *) self->muxer_protocols,
  };

  self->security = security;
  if (self->security_agreed != NULL)
    self->security_agreed (self->user_data);
  lp2p_security_secure_async (security, lp2p_raw_connection_steal_layer (self->raw), &params, self->cancellable,
                              on_secured, g_object_ref (task));
}

static void
on_security_negotiated (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Upgrade *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autofree char *protocol = lp2p_layer_negotiate_finish (result, &error);

  /* It may have been given up since, to make room. Who dialed must not get the answer
   * with which it takes the connection for made. */
  if (protocol != NULL && g_cancellable_set_error_if_cancelled (self->cancellable, &error))
    g_clear_pointer (&protocol, g_free);
  if (protocol != NULL)
    start_security (task, find_protocol (self->securities, security_protocol, protocol));
  else
    upgrade_fail (task, error, _("agreeing on a security protocol"));
}

static void
negotiate_security (GTask *task)
{
  Upgrade *self = g_task_get_task_data (task);
  g_auto (GStrv) protocols = list_protocols (self->securities, security_protocol);

  if (self->raw->security_role == LP2P_ROLE_INITIATOR && self->pipelined)
    {
      self->raw->layer = lp2p_multistream_layer_new (self->raw->layer, protocols[0]);
      start_security (task, g_ptr_array_index (self->securities, 0));
      return;
    }
  lp2p_layer_negotiate_async (
      self->raw->layer,
      new_negotiation (self->raw->security_role, (const char *const *) protocols, match_security, self),
      self->cancellable, on_security_negotiated, g_object_ref (task));
}

static gboolean
check_choice (const Lp2pUpgradeParams *params, GTask *task)
{
  if (params->securities->len > 0 && params->muxers->len > 0)
    return TRUE;
  g_task_return_new_error (task, LP2P_ERROR, LP2P_ERROR_NOT_SUPPORTED, "%s",
                           params->securities->len == 0 ? _("No security protocol is enabled and loaded")
                                                        : _("No muxer is enabled and loaded"));
  return FALSE;
}

void
lp2p_upgrade_async (Lp2pRawConnection *raw, const Lp2pUpgradeParams *params, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  Upgrade *self = g_new0 (Upgrade, 1);

  g_task_set_source_tag (task, lp2p_upgrade_async);
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, self, (GDestroyNotify) upgrade_free);
  self->raw = raw;
  self->trace = lp2p_trace_begin ();
  self->loop = lp2p_loop_ref (raw->layer->loop);
  lp2p_timer_init (&self->timer, self->loop, on_timeout);
  if (!check_choice (params, task))
    return;

  self->securities = prefer (params->securities, params->security);
  self->muxers = order_muxers (params);
  self->muxer_protocols = list_protocols (self->muxers, muxer_protocol);
  if (params->pipelined && !params->asks_muxer)
    self->guess = find_guess (params);
  self->expected_peer = params->expected_peer != NULL ? lp2p_peer_id_ref (params->expected_peer) : NULL;
  self->max_streams = params->max_streams;
  self->pipelined = params->pipelined;
  self->security_agreed = params->security_agreed;
  self->user_data = user_data;
  self->cancellable = g_cancellable_new ();
  if (cancellable != NULL)
    {
      self->outer = g_object_ref (cancellable);
      self->outer_id = g_cancellable_connect (cancellable, G_CALLBACK (on_outer_cancelled),
                                              g_object_ref (self->cancellable), g_object_unref);
    }
  lp2p_timer_set (&self->timer, lp2p_loop_now (self->loop) + params->timeout);
  lp2p_log_peer (G_LOG_LEVEL_DEBUG, self->expected_peer, "A handshake with %s begins, %s",
                 lp2p_multiaddr_get_string (raw->remote_address),
                 raw->security_role == LP2P_ROLE_INITIATOR ? "dialed" : "accepted");
  negotiate_security (task);
}

Lp2pRawConnection *
lp2p_upgrade_finish (GAsyncResult *result, const Lp2pMultistreamStatus **answer, GError **error)
{
  Upgrade *self = g_task_get_task_data (G_TASK (result));

  if (answer != NULL)
    *answer = g_steal_pointer (&self->answer);
  return g_task_propagate_pointer (G_TASK (result), error);
}

gboolean
lp2p_upgrade_was_refused (const GError *error)
{
  /* The second is what else can stand in place of an answer: the connection ends,
   * or the peer reads the bytes behind the proposal as the next one. */
  return g_error_matches (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_REFUSED) ||
         g_error_matches (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_MULTISTREAM);
}
