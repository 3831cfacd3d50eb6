/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-noise-security.h"

#include "lp2p-noise-handshake.h"

#define PROTOCOL "/noise"

struct _Lp2pNoiseSecurity
{
  Lp2pExtension parent_instance;

  GCancellable *closing; /* triggered when the host closes */
  Lp2pNoiseStatic *static_key; /* of all sessions; NULL until the first */
};

static void security_init (Lp2pSecurityInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (Lp2pNoiseSecurity,
                               lp2p_noise_security,
                               LP2P_TYPE_EXTENSION,
                               G_IMPLEMENT_INTERFACE (LP2P_TYPE_SECURITY, security_init))

static const char *
get_protocol (Lp2pSecurity *security)
{
  return PROTOCOL;
}

/* Where none can be made, the handshake finds out why. */
static Lp2pNoiseStatic *
get_static_key (Lp2pNoiseSecurity *self, Lp2pIdentity *identity)
{
  if (self->static_key != NULL && lp2p_noise_static_get_identity (self->static_key) != identity)
    g_clear_pointer (&self->static_key, lp2p_noise_static_unref);
  if (self->static_key == NULL)
    self->static_key = lp2p_noise_static_new (identity, NULL);
  return self->static_key;
}

static void
secure_async (Lp2pSecurity *security,
              Lp2pLayer *layer,
              const Lp2pSecurityParams *params,
              GCancellable *cancellable,
              GAsyncReadyCallback callback,
              gpointer user_data)
{
  Lp2pContext *context = lp2p_extension_get_context (LP2P_EXTENSION (security));
  Lp2pIdentity *identity = lp2p_context_get_identity (context);
  GTask *task = g_task_new (security, cancellable, callback, user_data);

  g_task_set_source_tag (task, secure_async);
  /* The handshake looks after cancellation: its message says how far it came. */
  g_task_set_check_cancellable (task, FALSE);
  lp2p_noise_handshake_start (layer, identity,
                              get_static_key (LP2P_NOISE_SECURITY (security), identity), params,
                              LP2P_NOISE_SECURITY (security)->closing, task);
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
lp2p_noise_security_stop (Lp2pExtension *extension)
{
  g_cancellable_cancel (LP2P_NOISE_SECURITY (extension)->closing);
}

static void
lp2p_noise_security_finalize (GObject *object)
{
  Lp2pNoiseSecurity *self = LP2P_NOISE_SECURITY (object);

  g_clear_object (&self->closing);
  g_clear_pointer (&self->static_key, lp2p_noise_static_unref);
  G_OBJECT_CLASS (lp2p_noise_security_parent_class)->finalize (object);
}

static void
lp2p_noise_security_class_init (Lp2pNoiseSecurityClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = lp2p_noise_security_finalize;
  LP2P_EXTENSION_CLASS (klass)->stop = lp2p_noise_security_stop;
}

static void
lp2p_noise_security_init (Lp2pNoiseSecurity *self)
{
  self->closing = g_cancellable_new ();
}
