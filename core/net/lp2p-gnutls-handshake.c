/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GnuTLS makes the handshake; what it agreed on is taken over by our own records. */

#include "net/lp2p-gnutls-private.h"

#include "types/lp2p-i18n-private.h"

#include <lp2p/types/lp2p-cursor.h>

#include <errno.h>
#include <gnutls/crypto.h>
#include <string.h>

static gboolean
is_transient (int code)
{
  return code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED;
}

/* Errors */

static int
fail (Lp2pGnutlsLayer *self, int error, const char *reason)
{
  return lp2p_gnutls_fail (
      self, g_error_new (G_TLS_ERROR, error, _("TLS handshake failed: %s"), reason));
}

static gboolean
is_no_tls (int code)
{
  return code == GNUTLS_E_UNEXPECTED_PACKET || code == GNUTLS_E_UNEXPECTED_PACKET_LENGTH ||
         code == GNUTLS_E_UNSUPPORTED_VERSION_PACKET || code == GNUTLS_E_RECORD_OVERFLOW;
}

/* A client whose first answer is another message than that of a server. */
static gboolean
is_same_role (Lp2pGnutlsLayer *self, int code)
{
  return code == GNUTLS_E_UNEXPECTED_HANDSHAKE_PACKET && !self->answered &&
         gnutls_handshake_get_last_out (self->session) == GNUTLS_HANDSHAKE_CLIENT_HELLO;
}

/* The peer is told why, as far as it still listens. */
static int
fail_with_alert (Lp2pGnutlsLayer *self, int code)
{
  if (code == GNUTLS_E_FATAL_ALERT_RECEIVED)
    return lp2p_gnutls_fail_refused (self, gnutls_alert_get (self->session));
  self->same_role = is_same_role (self, code);
  fail (self, is_no_tls (code) ? G_TLS_ERROR_NOT_TLS : G_TLS_ERROR_HANDSHAKE, gnutls_strerror (code));
  gnutls_alert_send_appropriate (self->session, code);
  lp2p_gnutls_send_out (self, LP2P_WRITE_NONE);
  return LP2P_IO_FAILED;
}

static gssize
take_pulled (Lp2pGnutlsLayer *self, const guint8 *data, gsize size, void *buffer)
{
  if (self->handshake && self->n_pulled + size > LP2P_GNUTLS_MAX_HANDSHAKE)
    {
      g_autofree char *reason = g_strdup_printf (_("the peer sent more than %u KiB"), LP2P_GNUTLS_MAX_HANDSHAKE / 1024);

      fail (self, G_TLS_ERROR_HANDSHAKE, reason);
      gnutls_transport_set_errno (self->session, EMSGSIZE);
      return -1;
    }
  self->n_pulled += size;
  memcpy (buffer, data, size);
  lp2p_layer_consume (self->lower, size);
  return size;
}

/* For GnuTLS. The end of the layer below and its errors are kept from it: why there
 * are no bytes is explained better here. */
static ssize_t
pull (gnutls_transport_ptr_t transport, void *buffer, size_t size)
{
  Lp2pGnutlsLayer *self = transport;
  const guint8 *data;
  gssize n = lp2p_layer_peek (self->lower, &data);

  self->more = n > 0;
  if (n > 0)
    return take_pulled (self, data, MIN ((gsize) n, size), buffer);
  self->pulled = n;
  gnutls_transport_set_errno (self->session, EAGAIN);
  return -1;
}

static int
pull_timeout (gnutls_transport_ptr_t transport, unsigned int milliseconds)
{
  const guint8 *data;

  return lp2p_layer_peek (((Lp2pGnutlsLayer *) transport)->lower, &data) != LP2P_IO_AGAIN;
}

G_STATIC_ASSERT (sizeof (giovec_t) == sizeof (GOutputVector));
G_STATIC_ASSERT (G_STRUCT_OFFSET (giovec_t, iov_base) == G_STRUCT_OFFSET (GOutputVector, buffer));
G_STATIC_ASSERT (G_STRUCT_OFFSET (giovec_t, iov_len) == G_STRUCT_OFFSET (GOutputVector, size));

static ssize_t
push (gnutls_transport_ptr_t transport, const giovec_t *vectors, int n_vectors)
{
  Lp2pGnutlsLayer *self = transport;
  const GOutputVector *out = (const GOutputVector *) vectors;

  if (lp2p_gnutls_take_cipher (self, out, n_vectors))
    return lp2p_output_vectors_get_size (out, n_vectors);
  gnutls_transport_set_errno (self->session, ENOBUFS);
  return -1;
}

/* The keys of the connection, one direction after the other. */

static gboolean
get_aead (gnutls_session_t session, Lp2pAead *aead)
{
  switch (gnutls_cipher_get (session))
    {
    case GNUTLS_CIPHER_AES_128_GCM:
      *aead = LP2P_AEAD_AES_128_GCM;
      return TRUE;
    case GNUTLS_CIPHER_AES_256_GCM:
      *aead = LP2P_AEAD_AES_256_GCM;
      return TRUE;
    case GNUTLS_CIPHER_CHACHA20_POLY1305:
      *aead = LP2P_AEAD_CHACHA20_POLY1305;
      return TRUE;
    default:
      return FALSE;
    }
}

static int
take_secret (gnutls_session_t session,
             gnutls_record_encryption_level_t level,
             const void *read,
             const void *write,
             size_t size)
{
  Lp2pGnutlsLayer *self = gnutls_transport_get_ptr (session);
  Lp2pAead aead;

  self->answered = TRUE;
  if (level != GNUTLS_ENCRYPTION_LEVEL_APPLICATION)
    return 0;
  if (!get_aead (session, &aead) || size > LP2P_TLS_MAX_SECRET ||
      (read != NULL && !lp2p_tls_keys_init (&self->receive, aead, read, size)) ||
      (write != NULL && !lp2p_tls_keys_init (&self->send, aead, write, size)))
    return GNUTLS_E_UNWANTED_ALGORITHM;
  return 0;
}

/* A server that sends session tickets has made records already. */
static gboolean
take_sequence (Lp2pGnutlsLayer *self, Lp2pTlsKeys *keys, gboolean read)
{
  guint8 bytes[8];
  Lp2pCursor cursor = LP2P_CURSOR_INIT (bytes, sizeof bytes);

  return keys->secret_size > 0 &&
         gnutls_record_get_state (self->session, read, NULL, NULL, NULL, bytes) >= 0 &&
         lp2p_cursor_read_u64be (&cursor, &keys->sequence);
}

/* The handshake is complete. */
static int
begin_records (Lp2pGnutlsLayer *self)
{
  if (gnutls_protocol_get_version (self->session) != GNUTLS_TLS1_3)
    return fail (self, G_TLS_ERROR_HANDSHAKE, _("the peer does not speak TLS 1.3"));
  if (!take_sequence (self, &self->receive, TRUE) || !take_sequence (self, &self->send, FALSE))
    return fail (self, G_TLS_ERROR_HANDSHAKE, _("GnuTLS gives no keys for the connection"));

  self->max_payload = MIN (gnutls_record_get_max_size (self->session), LP2P_TLS_MAX_PAYLOAD);
  self->handshake = FALSE;
  lp2p_job_queue (&self->job);
  lp2p_gnutls_update_lower_wanted (self);
  return 0;
}

void
lp2p_gnutls_set_session (Lp2pGnutlsLayer *self, gnutls_session_t session)
{
  self->session = session;
  self->handshake = TRUE;
  gnutls_transport_set_ptr (session, self);
  gnutls_transport_set_pull_function (session, pull);
  gnutls_transport_set_pull_timeout_function (session, pull_timeout);
  gnutls_transport_set_vec_push_function (session, push);
  gnutls_handshake_set_secret_function (session, take_secret);
}

/* Returns: as lp2p_gnutls_layer_handshake() */
int
lp2p_gnutls_handshake (Lp2pGnutlsLayer *self)
{
  int result = GNUTLS_E_AGAIN;

  self->interrupted = FALSE;
  self->pulled = 1;
  for (guint i = 0; i < LP2P_GNUTLS_MAX_CONTROL && is_transient (result) && self->pulled > 0; i++)
    {
      result = gnutls_handshake (self->session);
      /* Nothing waits for company, the last message neither: while the peer checks
       * what it says, we set up what comes behind the handshake. */
      if (lp2p_gnutls_send_out (self, LP2P_WRITE_NONE) == LP2P_IO_FAILED)
        return LP2P_IO_FAILED;
      if (result == GNUTLS_E_WARNING_ALERT_RECEIVED)
        result = GNUTLS_E_AGAIN;
    }

  lp2p_layer_park (self->lower);
  if (result == 0)
    return begin_records (self);
  if (!is_transient (result))
    return fail_with_alert (self, result);
  lp2p_gnutls_update_lower_wanted (self);
  if (self->pulled <= 0)
    return lp2p_gnutls_explain_pull (self);
  self->interrupted = TRUE;
  lp2p_gnutls_queue_announcement (self);
  return LP2P_IO_AGAIN;
}
