/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/interfaces/lp2p-security-handshake.h>

#include "net/lp2p-cancel-private.h"
#include "types/lp2p-i18n-private.h"

static void
handshake_free (Lp2pSecurityHandshake *self)
{
  g_clear_pointer (&self->cancel, lp2p_cancel_drop);
  g_clear_pointer (&self->close, lp2p_cancel_drop);
  lp2p_job_clear (&self->pump);
  lp2p_job_clear (&self->done);
  g_clear_pointer (&self->layer, lp2p_layer_free);
  self->klass->clear (self);
  g_clear_pointer (&self->result, lp2p_security_result_free);
  g_clear_pointer (&self->expected_peer, lp2p_peer_id_unref);
  g_clear_error (&self->error);
  g_strfreev (self->muxers);
  lp2p_loop_unref (self->loop);
  g_free (self);
}

static void
end_task (Lp2pJob *job)
{
  Lp2pSecurityHandshake *self =
      (Lp2pSecurityHandshake *) ((char *) job - G_STRUCT_OFFSET (Lp2pSecurityHandshake, done));
  g_autoptr (GTask) task = g_steal_pointer (&self->task);
  Lp2pSecurityResult *result;
  GError *error;

  /* The callback of the cancellable may not have come yet. */
  if (self->result != NULL && g_cancellable_is_cancelled (g_task_get_cancellable (task)))
    {
      g_clear_pointer (&self->result, lp2p_security_result_free);
      /* Translators: a security protocol */
      g_set_error (&self->error, G_IO_ERROR, G_IO_ERROR_CANCELLED, _("%s handshake was cancelled"),
                   self->klass->name);
    }
  result = g_steal_pointer (&self->result);
  error = g_steal_pointer (&self->error);
  handshake_free (self);

  if (result != NULL)
    g_task_return_pointer (task, result, (GDestroyNotify) lp2p_security_result_free);
  else
    g_task_return_error (task, error);
}

static void
give_up (Lp2pSecurityHandshake *self, int code, const char *reason)
{
  if (self->error == NULL && self->result == NULL)
    self->klass->give_up (self, code, reason);
}

static gboolean
cancelled (GCancellable *cancellable, gpointer data)
{
  give_up (data, G_IO_ERROR_CANCELLED, _("cancelled"));
  return G_SOURCE_REMOVE;
}

static gboolean
host_closes (GCancellable *cancellable, gpointer data)
{
  give_up (data, G_IO_ERROR_CLOSED, _("the host is closed"));
  return G_SOURCE_REMOVE;
}

static void
pump (Lp2pJob *job)
{
  Lp2pSecurityHandshake *self =
      (Lp2pSecurityHandshake *) ((char *) job - G_STRUCT_OFFSET (Lp2pSecurityHandshake, pump));

  self->klass->pump (self);
}

static void
layer_ready (Lp2pLayer *layer, Lp2pReady ready, gpointer data)
{
  lp2p_job_queue (&((Lp2pSecurityHandshake *) data)->pump);
}

/* The next read or write finds the error. */
static void
layer_failed (Lp2pLayer *layer, const GError *error, gpointer data)
{
  lp2p_job_queue (&((Lp2pSecurityHandshake *) data)->pump);
}

static const Lp2pLayerEvents layer_events = {
  .ready = layer_ready,
  .failed = layer_failed,
};

/**
 * lp2p_security_handshake_init: (skip)
 * @self: the beginning of a new handshake, all zeros
 * @klass: what the protocol adds
 * @layer: (transfer full): the byte stream
 * @params: role, expected peer, muxers
 * @closing: (nullable): triggered when the host closes
 * @task: (transfer full): what it ends
 *
 * Starts a handshake. Who is to speak first queues its `pump`.
 */
void
lp2p_security_handshake_init (Lp2pSecurityHandshake *self,
                              const Lp2pSecurityHandshakeClass *klass,
                              Lp2pLayer *layer,
                              const Lp2pSecurityParams *params,
                              GCancellable *closing,
                              GTask *task)
{
  self->klass = klass;
  self->task = task;
  self->loop = lp2p_loop_ref (layer->loop);
  self->initiator = params->role == LP2P_ROLE_INITIATOR;
  self->muxers = g_strdupv ((GStrv) params->muxers);
  self->expected_peer =
      params->expected_peer != NULL ? lp2p_peer_id_ref (params->expected_peer) : NULL;
  lp2p_job_init (&self->pump, self->loop, LP2P_JOB_PUMP, pump);
  lp2p_job_init (&self->done, self->loop, LP2P_JOB_RUN, end_task);
  self->cancel = lp2p_cancel_watch (self->loop, g_task_get_cancellable (task), cancelled, self);
  self->close = lp2p_cancel_watch (self->loop, closing, host_closes, self);
  lp2p_security_handshake_set_layer (self, layer);
}

/**
 * lp2p_security_handshake_set_layer: (skip)
 * @self: a handshake
 * @layer: (transfer full): one over the layer that it had, which owns that
 *
 * Goes on with another layer.
 */
void
lp2p_security_handshake_set_layer (Lp2pSecurityHandshake *self, Lp2pLayer *layer)
{
  self->layer = layer;
  lp2p_layer_set_events (layer, &layer_events, self);
}

/**
 * lp2p_security_handshake_succeed: (skip)
 * @self: a handshake, whose layer was taken out of it
 * @layer: (transfer full): the secured byte stream
 * @peer: the verified peer
 * @key: its public key
 * @muxer: (nullable): the muxer that was agreed on
 */
void
lp2p_security_handshake_succeed (Lp2pSecurityHandshake *self,
                                 Lp2pLayer *layer,
                                 Lp2pPeerId *peer,
                                 Lp2pPublicKey *key,
                                 const char *muxer)
{
  /* The last step may have queued another one, which would find no layer. */
  lp2p_job_clear (&self->pump);
  self->result = lp2p_security_result_new (layer, peer, key, muxer);
  lp2p_job_queue (&self->done);
}

/**
 * lp2p_security_handshake_fail: (skip)
 * @self: a handshake
 * @error: (transfer full): why it failed
 *
 * Ends it, and frees its layer without a reset, which could overtake what the peer is
 * told. Who has told it nothing aborts the layer before.
 */
void
lp2p_security_handshake_fail (Lp2pSecurityHandshake *self, GError *error)
{
  self->error = error;
  lp2p_job_clear (&self->pump);
  if (self->layer != NULL)
    lp2p_layer_set_events (self->layer, NULL, NULL);
  g_clear_pointer (&self->layer, lp2p_layer_free);
  lp2p_job_queue (&self->done);
}
