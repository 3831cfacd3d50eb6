/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-tls-security.h"

#include "lp2p-tls-handshake.h"

#define PROTOCOL "/tls/1.0.0"

struct _Lp2pTlsSecurity
{
  Lp2pExtension parent_instance;

  GCancellable *closing; /* triggered when the host closes */
  Lp2pTlsCredentials *credentials;
};

static void security_init (Lp2pSecurityInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (Lp2pTlsSecurity,
                               lp2p_tls_security,
                               LP2P_TYPE_EXTENSION,
                               G_IMPLEMENT_INTERFACE (LP2P_TYPE_SECURITY, security_init))

static const char *
get_protocol (Lp2pSecurity *security)
{
  return PROTOCOL;
}

/* Made when they are first needed, and again when they get old. Handshakes that
 * run keep theirs. */
static Lp2pTlsCredentials *
get_credentials (Lp2pTlsSecurity *self, Lp2pLoop *loop, GError **error)
{
  Lp2pContext *context = lp2p_extension_get_context (LP2P_EXTENSION (self));
  Lp2pIdentity *identity = lp2p_context_get_identity (context);
  gint64 now = lp2p_loop_real_time (loop) / G_USEC_PER_SEC;

  if (self->credentials != NULL && lp2p_tls_credentials_hold (self->credentials, identity, now))
    return self->credentials;
  g_clear_pointer (&self->credentials, lp2p_tls_credentials_unref);
  self->credentials = lp2p_tls_credentials_new (identity, now, error);
  return self->credentials;
}

static void
secure_async (Lp2pSecurity *security,
              Lp2pLayer *layer,
              const Lp2pSecurityParams *params,
              GCancellable *cancellable,
              GAsyncReadyCallback callback,
              gpointer user_data)
{
  Lp2pTlsSecurity *self = LP2P_TLS_SECURITY (security);
  GTask *task = g_task_new (security, cancellable, callback, user_data);
  GError *error = NULL;
  Lp2pTlsCredentials *credentials = get_credentials (self, layer->loop, &error);

  g_task_set_source_tag (task, secure_async);
  /* The handshake looks after cancellation: it ends the layer too. */
  g_task_set_check_cancellable (task, FALSE);
  if (credentials == NULL)
    {
      lp2p_layer_free (layer);
      g_task_return_error (task, error);
      g_object_unref (task);
      return;
    }
  lp2p_tls_handshake_start (layer, credentials, params, self->closing, task);
}

static Lp2pSecurityResult *
secure_finish (Lp2pSecurity *security, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, security), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
security_init (Lp2pSecurityInterface *iface)
{
  iface->get_protocol = get_protocol;
  iface->secure_async = secure_async;
  iface->secure_finish = secure_finish;
}

static void
lp2p_tls_security_stop (Lp2pExtension *extension)
{
  g_cancellable_cancel (LP2P_TLS_SECURITY (extension)->closing);
}

static void
lp2p_tls_security_finalize (GObject *object)
{
  Lp2pTlsSecurity *self = LP2P_TLS_SECURITY (object);

  g_clear_object (&self->closing);
  g_clear_pointer (&self->credentials, lp2p_tls_credentials_unref);
  G_OBJECT_CLASS (lp2p_tls_security_parent_class)->finalize (object);
}

static void
lp2p_tls_security_class_init (Lp2pTlsSecurityClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = lp2p_tls_security_finalize;
  LP2P_EXTENSION_CLASS (klass)->stop = lp2p_tls_security_stop;
}

static void
lp2p_tls_security_init (Lp2pTlsSecurity *self)
{
  self->closing = g_cancellable_new ();
}
