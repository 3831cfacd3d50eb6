/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tls-foreign.h"

#include <string.h>

#include <lp2p/net/lp2p-gnutls-layer.h>

#define CHECK(call) g_assert_cmpint (call, >=, 0)

/* The session */

static void
set_protocols (gnutls_session_t session, const char *const *protocols)
{
  gnutls_datum_t data[8];
  guint n = 0;

  if (protocols == NULL)
    return;
  for (; protocols[n] != NULL; n++)
    data[n] = (gnutls_datum_t){ (void *) protocols[n], (unsigned) strlen (protocols[n]) };
  CHECK (gnutls_alpn_set_protocols (session, data, n, 0));
}

static void
shake_hands (Lp2pJob *job)
{
  TlsForeign *self = (TlsForeign *) ((char *) job - G_STRUCT_OFFSET (TlsForeign, job));

  if (self->result == LP2P_IO_AGAIN)
    self->result = lp2p_gnutls_layer_handshake (self->layer);
}

static void
layer_ready (Lp2pLayer *layer, Lp2pReady ready, gpointer data)
{
  lp2p_job_queue (&((TlsForeign *) data)->job);
}

static void
layer_failed (Lp2pLayer *layer, const GError *error, gpointer data)
{
  lp2p_job_queue (&((TlsForeign *) data)->job);
}

static const Lp2pLayerEvents events = { layer_ready, layer_failed };

void
tls_foreign_start (TlsForeign *self,
                   SecurityPair *fixture,
                   guint ours,
                   const TlsForeignOptions *options)
{
  gint64 now = lp2p_loop_real_time (fixture->world->loop) / G_USEC_PER_SEC;
  const char *priority = options->priority != NULL ? options->priority
                                                   : "NORMAL:-VERS-ALL:+VERS-TLS1.3";

  self->identity = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, NULL);
  self->credentials = tls_foreign_credentials_new (self->identity, now, &options->certificate);
  CHECK (gnutls_init (&self->session,
                      GNUTLS_NONBLOCK | (ours == PAIR_RESPONDER ? GNUTLS_CLIENT : GNUTLS_SERVER)));
  CHECK (gnutls_priority_set_direct (self->session, priority, NULL));
  CHECK (gnutls_credentials_set (self->session, GNUTLS_CRD_CERTIFICATE, self->credentials));
  gnutls_certificate_server_set_request (self->session, options->no_request ? GNUTLS_CERT_IGNORE
                                                                            : GNUTLS_CERT_REQUIRE);
  set_protocols (self->session, options->protocols);
  self->layer = lp2p_gnutls_layer_new (g_steal_pointer (&fixture->wire[ours]), self->session);
  self->result = LP2P_IO_AGAIN;
  lp2p_layer_set_events (self->layer, &events, self);
  lp2p_job_init (&self->job, fixture->world->loop, LP2P_JOB_PUMP, shake_hands);
  lp2p_job_queue (&self->job);
}

void
tls_foreign_clear (TlsForeign *self)
{
  lp2p_job_clear (&self->job);
  g_clear_pointer (&self->layer, lp2p_layer_free);
  gnutls_certificate_free_credentials (self->credentials);
  g_clear_object (&self->identity);
}
