/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/interfaces/lp2p-security.h>

/**
 * Lp2pSecurity:
 *
 * A protocol that authenticates both sides and encrypts what they send.
 */
G_DEFINE_INTERFACE (Lp2pSecurity, lp2p_security, LP2P_TYPE_EXTENSION)

static void
lp2p_security_default_init (Lp2pSecurityInterface *iface)
{
}

/**
 * lp2p_security_result_new: (skip)
 * @layer: (transfer full): the secured byte stream
 * @remote_peer: the verified peer
 * @remote_key: its public key
 * @muxer: (nullable): the muxer that was agreed on
 *
 * Returns: (transfer full): the result of a handshake
 */
Lp2pSecurityResult *
lp2p_security_result_new (Lp2pLayer *layer, Lp2pPeerId *remote_peer, Lp2pPublicKey *remote_key, const char *muxer)
{
  Lp2pSecurityResult *self = g_new0 (Lp2pSecurityResult, 1);

  self->layer = layer;
  self->remote_peer = lp2p_peer_id_ref (remote_peer);
  self->remote_key = lp2p_public_key_ref (remote_key);
  self->muxer = g_strdup (muxer);
  return self;
}

/**
 * lp2p_security_result_free: (skip)
 * @self: (transfer full): a result
 */
void
lp2p_security_result_free (Lp2pSecurityResult *self)
{
  g_clear_pointer (&self->layer, lp2p_layer_free);
  g_clear_pointer (&self->remote_peer, lp2p_peer_id_unref);
  g_clear_pointer (&self->remote_key, lp2p_public_key_unref);
  g_free (self->muxer);
  g_free (self);
}

/**
 * lp2p_security_get_protocol:
 * @self: a security protocol
 *
 * Returns: (transfer none): its protocol id
 */
const char *
lp2p_security_get_protocol (Lp2pSecurity *self)
{
  return LP2P_SECURITY_GET_IFACE (self)->get_protocol (self);
}

/**
 * lp2p_security_secure_async: (skip)
 * @self: a security protocol
 * @layer: (transfer full): the byte stream
 * @params: role, expected peer, muxers
 * @cancellable: (nullable): to give up
 * @callback: called when done
 * @user_data: passed on
 *
 * Runs the handshake.
 */
void
lp2p_security_secure_async (Lp2pSecurity *self,
                            Lp2pLayer *layer,
                            const Lp2pSecurityParams *params,
                            GCancellable *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer user_data)
{
  LP2P_SECURITY_GET_IFACE (self)->secure_async (self, layer, params, cancellable, callback, user_data);
}

/**
 * lp2p_security_secure_finish: (skip)
 * @self: a security protocol
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Returns: (transfer full): the secured layer and the verified peer
 */
Lp2pSecurityResult *
lp2p_security_secure_finish (Lp2pSecurity *self, GAsyncResult *result, GError **error)
{
  return LP2P_SECURITY_GET_IFACE (self)->secure_finish (self, result, error);
}
