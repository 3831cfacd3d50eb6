/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-ws-certificate.h"

#include <glib/gi18n-lib.h>
#include <gnutls/x509.h>

#include "lp2p-ws-stamp.h"
#include "lp2p-ws-trust.h"

/* How often the files are looked at, which is done when somebody connects: an idle
 * host has nothing to do. */
#define LOOK_US G_USEC_PER_SEC

/* What could not be loaded may be good later, although the files stay as they are: its
 * time begins, or the system reads again. */
#define RETRY_US (60 * G_USEC_PER_SEC)

struct _Lp2pWsShown
{
  grefcount ref_count;
  gint64 expires; /* seconds since 1970 */
  gnutls_certificate_credentials_t credentials;
};

struct _Lp2pWsCertificate
{
  Lp2pLoop *loop;
  char *certificate_file;
  char *key_file;
  char *server_name; /* or NULL */
  Lp2pWsShown *shown;
  Lp2pWsStamp stamps[2];
  gint64 looked_at;
  gint64 retry_at;       /* 0 where what is in the files is shown */
  gboolean told_expired; /* of what is shown */
};

static Lp2pWsShown *
shown_ref (Lp2pWsShown *self)
{
  g_ref_count_inc (&self->ref_count);
  return self;
}

void
lp2p_ws_shown_unref (Lp2pWsShown *self)
{
  if (!g_ref_count_dec (&self->ref_count))
    return;
  if (self->credentials != NULL)
    gnutls_certificate_free_credentials (self->credentials);
  g_free (self);
}

static gint64
get_real_time (Lp2pWsCertificate *self)
{
  return lp2p_loop_real_time (self->loop) / G_USEC_PER_SEC;
}

static gboolean
is_over (Lp2pWsCertificate *self, Lp2pWsShown *shown)
{
  return shown->expires < get_real_time (self);
}

/* Checks what a client would find wrong. */
static gboolean
check_first (Lp2pWsCertificate *self, Lp2pWsShown *shown, gnutls_x509_crt_t first, GError **error)
{
  gboolean over;

  shown->expires = gnutls_x509_crt_get_expiration_time (first);
  over = is_over (self, shown);
  if (over || gnutls_x509_crt_get_activation_time (first) > get_real_time (self))
    {
      gint64 when = over ? shown->expires : gnutls_x509_crt_get_activation_time (first);
      g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (when);
      g_autofree char *text = g_date_time_format_iso8601 (time);

      g_set_error (error, LP2P_ERROR, LP2P_ERROR_FAILED,
                   over ? _("The certificate in %s has expired on %s") : _("The certificate in %s holds from %s on only"),
                   self->certificate_file, text);
      return FALSE;
    }
  if (self->server_name != NULL && !gnutls_x509_crt_check_hostname (first, self->server_name))
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_FAILED, _("The certificate in %s is not for %s"),
                   self->certificate_file, self->server_name);
      return FALSE;
    }
  return TRUE;
}

static gboolean
check (Lp2pWsCertificate *self, Lp2pWsShown *shown, GError **error)
{
  gnutls_x509_crt_t *chain = NULL;
  unsigned n = 0;
  gboolean good;

  if (gnutls_certificate_get_x509_crt (shown->credentials, 0, &chain, &n) < 0 || n == 0)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_FAILED, _("There is no certificate in %s"), self->certificate_file);
      return FALSE;
    }
  good = check_first (self, shown, chain[0], error);
  for (unsigned i = 0; i < n; i++)
    gnutls_x509_crt_deinit (chain[i]);
  gnutls_free (chain);
  return good;
}

static gboolean
read_file (const char *file, gnutls_datum_t *contents, GError **error)
{
  g_autoptr (GError) reason = NULL;
  char *data = NULL;
  gsize size = 0;

  if (!g_file_get_contents (file, &data, &size, &reason))
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_FAILED, _("TLS of WebSocket listeners: %s"), reason->message);
      return FALSE;
    }
  *contents = (gnutls_datum_t){ (guint8 *) data, (unsigned) size };
  return TRUE;
}

/* GnuTLS does not tell which of the files it could not read. */
static gboolean
check_key (Lp2pWsCertificate *self, GError **error)
{
  gnutls_datum_t contents;

  if (!read_file (self->key_file, &contents, error))
    return FALSE;
  gnutls_memset (contents.data, 0, contents.size);
  g_free (contents.data);
  return TRUE;
}

/* Credentials would keep the memory of certificates of which one is broken. */
static int
check_certificates (Lp2pWsCertificate *self, GError **error)
{
  gnutls_x509_crt_t *list = NULL;
  gnutls_datum_t contents;
  unsigned n = 0;
  int code;

  if (!read_file (self->certificate_file, &contents, error))
    return GNUTLS_E_FILE_ERROR;
  code = gnutls_x509_crt_list_import2 (&list, &n, &contents, GNUTLS_X509_FMT_PEM, 0);
  g_free (contents.data);
  for (unsigned i = 0; code >= 0 && i < n; i++)
    gnutls_x509_crt_deinit (list[i]);
  if (code >= 0)
    gnutls_free (list);
  return code;
}

/* Returns: (transfer full) (nullable) */
static Lp2pWsShown *
load (Lp2pWsCertificate *self, GError **error)
{
  g_autoptr (Lp2pWsShown) shown = g_new0 (Lp2pWsShown, 1);
  g_autoptr (GError) unread = NULL;
  int code;

  g_ref_count_init (&shown->ref_count);
  code = check_certificates (self, &unread);
  if (unread != NULL || !check_key (self, &unread))
    {
      g_propagate_error (error, g_steal_pointer (&unread));
      return NULL;
    }
  if (code >= 0)
    code = gnutls_certificate_allocate_credentials (&shown->credentials);
  if (code >= 0)
    code = gnutls_certificate_set_x509_key_file (shown->credentials, self->certificate_file, self->key_file,
                                                 GNUTLS_X509_FMT_PEM);
  if (code < 0)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_FAILED,
                   _("Cannot use the certificate in %s with the private key in %s: %s"), self->certificate_file,
                   self->key_file, gnutls_strerror (code));
      return NULL;
    }
  return check (self, shown, error) ? g_steal_pointer (&shown) : NULL;
}

/* Returns: whether the files are others than when this was asked last */
static gboolean
look (Lp2pWsCertificate *self)
{
  Lp2pWsStamp stamps[] = { lp2p_ws_stamp_get (self->certificate_file), lp2p_ws_stamp_get (self->key_file) };
  gboolean same =
      lp2p_ws_stamp_equal (&stamps[0], &self->stamps[0]) && lp2p_ws_stamp_equal (&stamps[1], &self->stamps[1]);

  self->looked_at = lp2p_loop_now (self->loop);
  self->stamps[0] = stamps[0];
  self->stamps[1] = stamps[1];
  return !same;
}

/* @server_name: for whom the certificate has to be, or NULL */
Lp2pWsCertificate *
lp2p_ws_certificate_new (Lp2pLoop *loop,
                         const char *certificate_file,
                         const char *key_file,
                         const char *server_name,
                         GError **error)
{
  g_autoptr (Lp2pWsCertificate) self = g_new0 (Lp2pWsCertificate, 1);

  self->loop = lp2p_loop_ref (loop);
  self->certificate_file = g_strdup (certificate_file);
  self->key_file = g_strdup (key_file);
  self->server_name = g_strdup (server_name);
  look (self);
  self->shown = load (self, error);
  return self->shown != NULL ? g_steal_pointer (&self) : NULL;
}

void
lp2p_ws_certificate_free (Lp2pWsCertificate *self)
{
  g_clear_pointer (&self->shown, lp2p_ws_shown_unref);
  g_free (self->certificate_file);
  g_free (self->key_file);
  g_free (self->server_name);
  lp2p_loop_unref (self->loop);
  g_free (self);
}

/* Whoever renews a certificate replaces two files, one after the other: between them
 * they do not fit, and the certificate before stays. */
static void
try_load (Lp2pWsCertificate *self, gboolean tell)
{
  g_autoptr (GError) error = NULL;
  Lp2pWsShown *shown = load (self, &error);

  if (shown == NULL)
    {
      self->retry_at = lp2p_loop_now (self->loop) + RETRY_US;
      if (tell)
        g_warning ("The certificate that was loaded before is kept: %s", error->message);
      return;
    }
  g_message ("Loaded the certificate in %s anew", self->certificate_file);
  lp2p_ws_shown_unref (self->shown);
  self->shown = shown;
  self->retry_at = 0;
  self->told_expired = FALSE;
}

static void
reload (Lp2pWsCertificate *self)
{
  gint64 now = lp2p_loop_now (self->loop);
  gboolean changed;

  if (now - self->looked_at < LOOK_US)
    return;
  changed = look (self);
  if (changed || (self->retry_at != 0 && now >= self->retry_at))
    try_load (self, changed);
  if (!self->told_expired && is_over (self, self->shown))
    {
      g_warning ("The certificate in %s has expired, and is shown for want of another one", self->certificate_file);
      self->told_expired = TRUE;
    }
}

/* @shown: (out) (transfer full): has to stay until the handshake is over */
gnutls_session_t
lp2p_ws_certificate_new_session (Lp2pWsCertificate *self, Lp2pWsShown **shown, GError **error)
{
  gnutls_session_t session;

  reload (self);
  session = lp2p_ws_session_new (GNUTLS_SERVER, self->shown->credentials, error);
  if (session != NULL)
    *shown = shown_ref (self->shown);
  return session;
}
