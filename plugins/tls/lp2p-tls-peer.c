/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-tls-peer.h"

#include <glib/gi18n-lib.h>
#include <string.h>

static void
fail (GError **error, int code, const char *reason)
{
  g_set_error (error, LP2P_ERROR, code, _("TLS handshake failed: %s"), reason);
}

/* The codec says what "The certificate" is; here there are two. */
void
lp2p_tls_peer_refuse (GError **error, GError *reason)
{
  /* As it begins in this language. */
  g_autofree char *start = g_strdup_printf (_("The certificate %s"), "");
  g_autofree char *text = NULL;

  if (g_str_has_prefix (reason->message, start))
    /* Translators: what is wrong with it, as "has a malformed extension" */
    text = g_strdup_printf (_("the peer's certificate %s"), reason->message + strlen (start));
  fail (error, LP2P_ERROR_HANDSHAKE, text != NULL ? text : reason->message);
  g_error_free (reason);
}

static gboolean
check_expected (Lp2pPublicKey *key, Lp2pPeerId *expected, GError **error)
{
  g_autoptr (Lp2pPeerId) peer = NULL;
  g_autofree char *text = NULL;

  if (expected == NULL || lp2p_peer_id_matches_public_key (expected, key))
    return TRUE;
  peer = lp2p_peer_id_new_from_public_key (key);
  text = g_strdup_printf (_("expected peer %s, got %s"), lp2p_peer_id_get_string (expected),
                          lp2p_peer_id_get_string (peer));
  fail (error, LP2P_ERROR_WRONG_PEER, text);
  return FALSE;
}

Lp2pPublicKey *
lp2p_tls_peer_verify (const gnutls_datum_t *certificates,
                      guint n_certificates,
                      gint64 now_unix,
                      Lp2pPeerId *expected,
                      GError **error)
{
  g_autoptr (Lp2pPublicKey) key = NULL;
  GError *reason = NULL;

  if (n_certificates != 1)
    {
      g_autofree char *text =
          g_strdup_printf (_("the peer sent %u certificates, expected one"), n_certificates);

      fail (error, LP2P_ERROR_HANDSHAKE, text);
      return NULL;
    }
  if (!lp2p_tls_verify_certificate (certificates->data, certificates->size, now_unix, &key,
                                    &reason))
    {
      lp2p_tls_peer_refuse (error, reason);
      return NULL;
    }
  if (!check_expected (key, expected, error))
    return NULL;
  return g_steal_pointer (&key);
}
