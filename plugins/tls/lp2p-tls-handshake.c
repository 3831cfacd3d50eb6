/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-tls-handshake.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include <lp2p/net/lp2p-gnutls-credentials.h>
#include <lp2p/net/lp2p-gnutls-layer.h>

#include "lp2p-tls-peer.h"

typedef struct
{
  Lp2pSecurityHandshake parent;
  Lp2pTlsCredentials *credentials;
  gnutls_session_t session; /* the layer's, until that is complete */
  Lp2pPublicKey *key;       /* who the peer is */
  GError *refusal;          /* why its certificate was refused */
} Handshake;

static void
handshake_clear (Lp2pSecurityHandshake *handshake)
{
  Handshake *self = (Handshake *) handshake;

  g_clear_pointer (&self->key, lp2p_public_key_unref);
  g_clear_error (&self->refusal);
  lp2p_tls_credentials_unref (self->credentials);
}

/* Ending */

static void
fail (Handshake *self, GQuark domain, int code, const char *reason)
{
  lp2p_security_handshake_fail (&self->parent,
                                g_error_new (domain, code, _("TLS handshake failed: %s"), reason));
}

static void
handshake_give_up (Lp2pSecurityHandshake *handshake, int code, const char *reason)
{
  lp2p_layer_abort (handshake->layer, 0);
  fail ((Handshake *) handshake, G_IO_ERROR, code, reason);
}

/* GnuTLS then complains of cipher suites. */
static gboolean
is_old_client (Handshake *self)
{
  gnutls_protocol_t version = gnutls_protocol_get_version (self->session);

  return !self->parent.initiator && version != GNUTLS_VERSION_UNKNOWN && version < GNUTLS_TLS1_3;
}

/* What the layer says of TLS itself is complete. */
static void
fail_layer (Handshake *self)
{
  const GError *error = lp2p_layer_get_error (self->parent.layer);

  if (self->refusal != NULL)
    lp2p_security_handshake_fail (&self->parent, g_steal_pointer (&self->refusal));
  else if (error->domain == G_TLS_ERROR && is_old_client (self))
    fail (self, LP2P_ERROR, LP2P_ERROR_HANDSHAKE, _("the peer does not speak TLS 1.3"));
  else if (lp2p_gnutls_layer_get_same_role (self->parent.layer))
    fail (self, LP2P_ERROR, LP2P_ERROR_SAME_ROLE, _("the peer began a handshake as well"));
  else if (error->domain == G_TLS_ERROR)
    lp2p_security_handshake_fail (
        &self->parent, g_error_new_literal (LP2P_ERROR, LP2P_ERROR_HANDSHAKE, error->message));
  else
    fail (self, error->domain, error->code, error->message);
}

/* The result */

/* Called by GnuTLS when it has a message, before it reads it. */
static int
on_message (gnutls_session_t session, unsigned type, unsigned when, unsigned incoming, const gnutls_datum_t *message)
{
  Handshake *self = gnutls_session_get_ptr (session);
  GError *reason = NULL;
  int code = lp2p_gnutls_check_message (type, incoming, message, FALSE, &reason);

  if (code < 0)
    {
      g_clear_error (&self->refusal);
      lp2p_tls_peer_refuse (&self->refusal, reason);
    }
  return code;
}

/* Called by GnuTLS when it has the peer's certificates and the proof that the
 * peer has the key of the first. */
static int
verify (gnutls_session_t session)
{
  Handshake *self = gnutls_session_get_ptr (session);
  unsigned n = 0;
  const gnutls_datum_t *certificates = gnutls_certificate_get_peers (session, &n);
  gint64 now = lp2p_loop_real_time (self->parent.loop) / G_USEC_PER_SEC;

  g_clear_error (&self->refusal);
  g_clear_pointer (&self->key, lp2p_public_key_unref);
  self->key = lp2p_tls_peer_verify (certificates, certificates != NULL ? n : 0, now,
                                    self->parent.expected_peer, &self->refusal);
  return self->key != NULL ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

/* That of ours which TLS agreed on, if it did. */
static const char *
get_muxer (Handshake *self)
{
  gnutls_datum_t selected;

  if (gnutls_alpn_get_selected_protocol (self->session, &selected) < 0)
    return NULL;
  for (guint i = 0; self->parent.muxers != NULL && self->parent.muxers[i] != NULL; i++)
    if (strlen (self->parent.muxers[i]) == selected.size &&
        memcmp (self->parent.muxers[i], selected.data, selected.size) == 0)
      return self->parent.muxers[i];
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
  if (self->parent.initiator && !gnutls_certificate_client_get_request_status (self->session))
    {
      fail (self, LP2P_ERROR, LP2P_ERROR_HANDSHAKE, _("the peer did not ask for our certificate"));
      return;
    }

  peer = lp2p_peer_id_new_from_public_key (self->key);
  lp2p_layer_set_events (self->parent.layer, NULL, NULL);
  /* The connection needs it no more. */
  gnutls_deinit (lp2p_gnutls_layer_steal_session (self->parent.layer));
  self->session = NULL;
  lp2p_security_handshake_succeed (&self->parent, g_steal_pointer (&self->parent.layer), peer,
                                   self->key, muxer);
}

static void
handshake_pump (Lp2pSecurityHandshake *handshake)
{
  Handshake *self = (Handshake *) handshake;

  switch (lp2p_gnutls_layer_handshake (handshake->layer))
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

static const Lp2pSecurityHandshakeClass handshake_class = {
  .name = "TLS",
  .pump = handshake_pump,
  .give_up = handshake_give_up,
  .clear = handshake_clear,
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

  lp2p_security_handshake_init (&self->parent, &handshake_class, layer, params, closing, task);
  self->credentials = lp2p_tls_credentials_ref (credentials);
  code = lp2p_tls_credentials_new_session (credentials, params->role, params->muxers, verify,
                                           &self->session);
  if (code < 0)
    {
      fail (self, LP2P_ERROR, LP2P_ERROR_HANDSHAKE, gnutls_strerror (code));
      return;
    }
  gnutls_session_set_ptr (self->session, self);
  gnutls_handshake_set_hook_function (self->session, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_PRE, on_message);
  lp2p_security_handshake_set_layer (&self->parent, lp2p_gnutls_layer_new (layer, self->session));
  lp2p_job_queue (&self->parent.pump);
}
