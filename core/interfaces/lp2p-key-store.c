/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/interfaces/lp2p-key-store.h>

/**
 * Lp2pKeyStore:
 *
 * A place that keeps private keys.
 */
G_DEFINE_INTERFACE (Lp2pKeyStore, lp2p_key_store, LP2P_TYPE_EXTENSION)

static void
lp2p_key_store_default_init (Lp2pKeyStoreInterface *iface)
{
}

/**
 * lp2p_key_store_load_async:
 * @self: a key store
 * @name: the name that the identity was saved under
 * @cancellable: (nullable): to give up
 * @callback: called when done
 * @user_data: passed on
 *
 * Looks an identity up.
 */
void
lp2p_key_store_load_async (Lp2pKeyStore *self, const char *name, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (LP2P_IS_KEY_STORE (self));
  LP2P_KEY_STORE_GET_IFACE (self)->load_async (self, name, cancellable, callback, user_data);
}

/**
 * lp2p_key_store_load_finish:
 * @self: a key store
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Returns: (transfer full): the identity
 */
Lp2pIdentity *
lp2p_key_store_load_finish (Lp2pKeyStore *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (LP2P_IS_KEY_STORE (self), NULL);
  return LP2P_KEY_STORE_GET_IFACE (self)->load_finish (self, result, error);
}

/**
 * lp2p_key_store_save_async:
 * @self: a key store
 * @name: the name to save under
 * @identity: what to save
 * @cancellable: (nullable): to give up
 * @callback: called when done
 * @user_data: passed on
 *
 * Keeps an identity. One that is there under the name is never replaced.
 */
void
lp2p_key_store_save_async (Lp2pKeyStore *self, const char *name, Lp2pIdentity *identity, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (LP2P_IS_KEY_STORE (self));
  LP2P_KEY_STORE_GET_IFACE (self)->save_async (self, name, identity, cancellable, callback, user_data);
}

/**
 * lp2p_key_store_save_finish:
 * @self: a key store
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Returns: whether the identity is kept
 */
gboolean
lp2p_key_store_save_finish (Lp2pKeyStore *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (LP2P_IS_KEY_STORE (self), FALSE);
  return LP2P_KEY_STORE_GET_IFACE (self)->save_finish (self, result, error);
}
