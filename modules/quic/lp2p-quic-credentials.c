/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-quic-credentials.h"

#include <lp2p/net/lp2p-gnutls-credentials.h>

#include <glib/gi18n-lib.h>

/* A certificate holds for 100 years. That of a process that runs for years is made
 * anew all the same, in case its key leaked. */
#define RENEW_SECONDS (365 * 24 * 3600)

typedef struct
{
  Lp2pTlsCertificate *certificate;
  gnutls_certificate_credentials_t credentials;
  gint64 made;
} Shown;

/* Handshakes may still use what was shown before. */
struct _Lp2pQuicCredentials
{
  Lp2pContext *context; /* whose it is */
  GPtrArray *shown;
};

static void
shown_free (Shown *self)
{
  if (self->credentials != NULL)
    gnutls_certificate_free_credentials (self->credentials);
  lp2p_tls_certificate_unref (self->certificate);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Shown, shown_free)

Lp2pQuicCredentials *
lp2p_quic_credentials_new (Lp2pContext *context)
{
  Lp2pQuicCredentials *self = g_new0 (Lp2pQuicCredentials, 1);

  self->context = context;
  self->shown = g_ptr_array_new_with_free_func ((GDestroyNotify) shown_free);
  return self;
}

void
lp2p_quic_credentials_free (Lp2pQuicCredentials *self)
{
  g_ptr_array_unref (self->shown);
  g_free (self);
}

static gnutls_certificate_credentials_t
renew (Lp2pQuicCredentials *self, gint64 now, GError **error)
{
  Lp2pTlsCertificate *certificate =
      lp2p_tls_certificate_new (lp2p_context_get_identity (self->context), now, error);
  g_autoptr (Shown) shown = NULL;
  int code;

  if (certificate == NULL)
    return NULL;
  shown = g_new0 (Shown, 1);
  shown->certificate = certificate;
  shown->made = now;
  code = lp2p_gnutls_credentials_new (certificate, &shown->credentials);
  if (code < 0)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_FAILED, _("TLS cannot be used: %s"), gnutls_strerror (code));
      return NULL;
    }
  g_ptr_array_add (self->shown, shown);
  return g_steal_pointer (&shown)->credentials;
}

/* A clock that was set back would leave us with a certificate of the future: then that is
 * shown again which was then, if there is one. */
gnutls_certificate_credentials_t
lp2p_quic_credentials_get (gpointer data, GError **error)
{
  Lp2pQuicCredentials *self = data;
  gint64 now = lp2p_loop_real_time (lp2p_context_get_loop (self->context)) / G_USEC_PER_SEC;

  for (guint i = self->shown->len; i > 0; i--)
    {
      const Shown *shown = g_ptr_array_index (self->shown, i - 1);

      if (now >= shown->made && now - shown->made < RENEW_SECONDS)
        return shown->credentials;
    }
  return renew (self, now, error);
}

Lp2pPublicKey *
lp2p_quic_verify (const gnutls_datum_t *certificates,
                  guint n_certificates,
                  gint64 now_unix,
                  Lp2pPeerId *expected,
                  GError **error)
{
  g_autoptr (Lp2pPublicKey) key = NULL;
  g_autoptr (Lp2pPeerId) peer = NULL;
  g_autoptr (GError) reason = NULL;

  if (n_certificates != 1)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_HANDSHAKE,
                   _("QUIC handshake failed: the peer sent %u certificates, expected one"), n_certificates);
      return NULL;
    }
  if (!lp2p_tls_verify_certificate (certificates->data, certificates->size, now_unix, &key, &reason))
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_HANDSHAKE, _("QUIC handshake failed: of the peer: %s"), reason->message);
      return NULL;
    }
  if (expected == NULL || lp2p_peer_id_matches_public_key (expected, key))
    return g_steal_pointer (&key);
  peer = lp2p_peer_id_new_from_public_key (key);
  g_set_error (error, LP2P_ERROR, LP2P_ERROR_WRONG_PEER, _("QUIC handshake failed: expected peer %s, got %s"),
               lp2p_peer_id_get_string (expected), lp2p_peer_id_get_string (peer));
  return NULL;
}
