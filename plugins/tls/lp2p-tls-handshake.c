/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-tls-handshake.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include <lp2p/net/lp2p-gnutls-layer.h>

#include "lp2p-tls-peer.h"

/*
 * Work is done by `pump`, which events of the layer queue; the task ends in
 * `done`, from the run queue, so that whoever waits may do what they like.
 */
typedef struct
{
  GTask *task;
  Lp2pLoop *loop;
  Lp2pJob pump;
  Lp2pJob done;
  GSource *cancel;
  GSource *close;

  Lp2pTlsCredentials *credentials;
  gnutls_session_t session; /* the layer's, until that is complete */
  Lp2pLayer *layer;
  gboolean initiator;
  Lp2pPeerId *expected_peer;
  GStrv muxers;

  Lp2pPublicKey *key; /* who the peer is */
  GError *refusal;    /* why its certificate was refused */
  Lp2pSecurityResult *result;
  GError *error;
} Handshake;

static void
drop_source (GSource *source)
{
  if (source == NULL)
    return;
  g_source_destroy (source);
  g_source_unref (source);
}

static void
handshake_free (Handshake *self)
{
  drop_source (self->cancel);
  drop_source (self->close);
  lp2p_job_clear (&self->pump);
  lp2p_job_clear (&self->done);
  g_clear_pointer (&self->layer, lp2p_layer_free);
  g_clear_pointer (&self->result, lp2p_security_result_free);
  g_clear_pointer (&self->expected_peer, lp2p_peer_id_unref);
  g_clear_pointer (&self->key, lp2p_public_key_unref);
  g_clear_error (&self->refusal);
  g_clear_error (&self->error);
  g_strfreev (self->muxers);
  lp2p_tls_credentials_unref (self->credentials);
  lp2p_loop_unref (self->loop);
  g_free (self);
}

/* Ending */

/* Takes @error. */
static void
end_with (Handshake *self, GError *error)
{
  self->error = error;
  lp2p_job_clear (&self->pump);
  if (self->layer != NULL)
    lp2p_layer_set_events (self->layer, NULL, NULL);
  /* Without a reset, which could overtake the alert that tells the peer why. */
  g_clear_pointer (&self->layer, lp2p_layer_free);
  lp2p_job_queue (&self->done);
}

static void
fail (Handshake *self, GQuark domain, int code, const char *reason)
{
  end_with (self, g_error_new (domain, code, _("TLS handshake failed: %s"), reason));
}

static void
give_up (Handshake *self, int code, const char *reason)
{
  if (self->error != NULL || self->result != NULL)
    return;
  lp2p_layer_abort (self->layer, 0);
  fail (self, G_IO_ERROR, code, reason);
}

/* GnuTLS then complains of cipher suites. */
static gboolean
is_old_client (Handshake *self)
{
  gnutls_protocol_t version = gnutls_protocol_get_version (self->session);

  return !self->initiator && version != GNUTLS_VERSION_UNKNOWN && version < GNUTLS_TLS1_3;
}

/* A client that gets the first message of one: any other at this place is as wrong, but
 * no program sends one. */
static gboolean
is_other_client (Handshake *self, const GError *error)
{
  return self->initiator && self->key == NULL &&
         g_str_has_suffix (error->message, gnutls_strerror (GNUTLS_E_UNEXPECTED_HANDSHAKE_PACKET));
}

/* What the layer says of TLS itself is complete. */
static void
fail_layer (Handshake *self)
{
  const GError *error = lp2p_layer_get_error (self->layer);

  if (self->refusal != NULL)
    end_with (self, g_steal_pointer (&self->refusal));
  else if (error->domain == G_TLS_ERROR && is_old_client (self))
    fail (self, LP2P_ERROR, LP2P_ERROR_HANDSHAKE, _("the peer does not speak TLS 1.3"));
  else if (error->domain == G_TLS_ERROR && is_other_client (self, error))
    fail (self, LP2P_ERROR, LP2P_ERROR_SAME_ROLE, _("the peer began a handshake as well"));
  else if (error->domain == G_TLS_ERROR)
    end_with (self, g_error_new_literal (LP2P_ERROR, LP2P_ERROR_HANDSHAKE, error->message));
  else
    fail (self, error->domain, error->code, error->message);
}

static void
end_task (Lp2pJob *job)
{
  Handshake *self = (Handshake *) ((char *) job - G_STRUCT_OFFSET (Handshake, done));
  g_autoptr (GTask) task = g_steal_pointer (&self->task);
  Lp2pSecurityResult *result;
  GError *error;

  /* The callback of the cancellable may not have come yet. */
  if (self->result != NULL && g_cancellable_is_cancelled (g_task_get_cancellable (task)))
    {
      g_clear_pointer (&self->result, lp2p_security_result_free);
      g_set_error_literal (&self->error, G_IO_ERROR, G_IO_ERROR_CANCELLED,
                           _("TLS handshake was cancelled"));
    }
  result = g_steal_pointer (&self->result);
  error = g_steal_pointer (&self->error);
  handshake_free (self);

  if (result != NULL)
    g_task_return_pointer (task, result, (GDestroyNotify) lp2p_security_result_free);
  else
    g_task_return_error (task, error);
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

static GSource *
watch_cancellable (Handshake *self, GCancellable *cancellable, GCancellableSourceFunc func)
{
  GSource *source;

  if (cancellable == NULL)
    return NULL;
  source = g_cancellable_source_new (cancellable);
  g_source_set_callback (source, G_SOURCE_FUNC (func), self, NULL);
  g_source_attach (source, lp2p_loop_get_context (self->loop));
  return source;
}

/* The result */

/* Called by GnuTLS when it has the peer's certificates and the proof that the
 * peer has the key of the first. */
static int
verify (gnutls_session_t session)
{
  Handshake *self = gnutls_session_get_ptr (session);
  unsigned n = 0;
  const gnutls_datum_t *certificates = gnutls_certificate_get_peers (session, &n);
  gint64 now = lp2p_loop_real_time (self->loop) / G_USEC_PER_SEC;

  g_clear_error (&self->refusal);
  g_clear_pointer (&self->key, lp2p_public_key_unref);
  self->key = lp2p_tls_peer_verify (certificates, certificates != NULL ? n : 0, now,
                                    self->expected_peer, &self->refusal);
  return self->key != NULL ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

/* That of ours which TLS agreed on, if it did. */
static const char *
get_muxer (Handshake *self)
{
  gnutls_datum_t selected;

  if (gnutls_alpn_get_selected_protocol (self->session, &selected) < 0)
    return NULL;
  for (guint i = 0; self->muxers != NULL && self->muxers[i] != NULL; i++)
    if (strlen (self->muxers[i]) == selected.size &&
        memcmp (self->muxers[i], selected.data, selected.size) == 0)
      return self->muxers[i];
  return NULL;
}

static void
succeed (Handshake *self)
{
  g_autoptr (Lp2pPeerId) peer = NULL;
  const char *muxer = get_muxer (self);

  if (self->key == NULL)
    {
      fail (self, LP2P_ERROR, LP2P_ERROR_HANDSHAKE, _("the peer showed no certificate"));
      return;
    }
  if (self->initiator && !gnutls_certificate_client_get_request_status (self->session))
    {
      fail (self, LP2P_ERROR, LP2P_ERROR_HANDSHAKE, _("the peer did not ask for our certificate"));
      return;
    }

  peer = lp2p_peer_id_new_from_public_key (self->key);
  lp2p_layer_set_events (self->layer, NULL, NULL);
  /* The last step may have queued another one, which would find no layer. */
  lp2p_job_clear (&self->pump);
  /* The connection needs it no more. */
  gnutls_deinit (lp2p_gnutls_layer_steal_session (self->layer));
  self->session = NULL;
  self->result =
      lp2p_security_result_new (g_steal_pointer (&self->layer), peer, self->key, muxer);
  lp2p_job_queue (&self->done);
}

static void
pump (Lp2pJob *job)
{
  Handshake *self = (Handshake *) ((char *) job - G_STRUCT_OFFSET (Handshake, pump));

  switch (lp2p_gnutls_layer_handshake (self->layer))
    {
    case 0:
      succeed (self);
      break;
    case LP2P_IO_FAILED:
      fail_layer (self);
      break;
    default:
      break;
    }
}

static void
layer_ready (Lp2pLayer *layer, Lp2pReady ready, gpointer data)
{
  lp2p_job_queue (&((Handshake *) data)->pump);
}

/* The next step finds the error. */
static void
layer_failed (Lp2pLayer *layer, const GError *error, gpointer data)
{
  lp2p_job_queue (&((Handshake *) data)->pump);
}

static const Lp2pLayerEvents layer_events = {
  .ready = layer_ready,
  .failed = layer_failed,
};

void
lp2p_tls_handshake_start (Lp2pLayer *layer,
                          Lp2pTlsCredentials *credentials,
                          const Lp2pSecurityParams *params,
                          GCancellable *closing,
                          GTask *task)
{
  Handshake *self = g_new0 (Handshake, 1);
  int code;

  self->task = task;
  self->loop = lp2p_loop_ref (layer->loop);
  self->credentials = lp2p_tls_credentials_ref (credentials);
  self->layer = layer;
  self->initiator = params->role == LP2P_ROLE_INITIATOR;
  self->muxers = g_strdupv ((GStrv) params->muxers);
  self->expected_peer =
      params->expected_peer != NULL ? lp2p_peer_id_ref (params->expected_peer) : NULL;
  lp2p_job_init (&self->pump, self->loop, LP2P_JOB_PUMP, pump);
  lp2p_job_init (&self->done, self->loop, LP2P_JOB_RUN, end_task);
  self->cancel = watch_cancellable (self, g_task_get_cancellable (task), cancelled);
  self->close = watch_cancellable (self, closing, host_closes);

  code = lp2p_tls_credentials_new_session (credentials, params->role, params->muxers, verify,
                                           &self->session);
  if (code < 0)
    {
      fail (self, LP2P_ERROR, LP2P_ERROR_HANDSHAKE, gnutls_strerror (code));
      return;
    }
  gnutls_session_set_ptr (self->session, self);
  self->layer = lp2p_gnutls_layer_new (layer, self->session);
  lp2p_layer_set_events (self->layer, &layer_events, self);
  lp2p_job_queue (&self->pump);
}
