/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-extension.h>
#include <lp2p/types/lp2p-identity.h>

G_BEGIN_DECLS

#define LP2P_KEY_STORE_EXTENSION_POINT "lp2p-key-store"

#define LP2P_TYPE_KEY_STORE (lp2p_key_store_get_type ())
LP2P_AVAILABLE_IN_1_0
G_DECLARE_INTERFACE (Lp2pKeyStore, lp2p_key_store, LP2P, KEY_STORE, Lp2pExtension)

/**
 * Lp2pKeyStoreInterface:
 * @load_async: looks up the identity with that name
 * @load_finish: yields it, or `G_IO_ERROR_NOT_FOUND`
 * @save_async: keeps an identity under a name, replacing none:
 *   `G_IO_ERROR_EXISTS`
 * @save_finish: whether it is kept
 *
 * A place that keeps private keys.
 */
struct _Lp2pKeyStoreInterface
{
  GTypeInterface parent_iface;

  void (*load_async) (Lp2pKeyStore *self, const char *name, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  Lp2pIdentity *(*load_finish) (Lp2pKeyStore *self, GAsyncResult *result, GError **error);
  void (*save_async) (Lp2pKeyStore *self, const char *name, Lp2pIdentity *identity, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  gboolean (*save_finish) (Lp2pKeyStore *self, GAsyncResult *result, GError **error);

  /*< private >*/
  gpointer padding[8];
};

LP2P_AVAILABLE_IN_1_0
void lp2p_key_store_load_async (Lp2pKeyStore *self, const char *name, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
LP2P_AVAILABLE_IN_1_0
Lp2pIdentity *lp2p_key_store_load_finish (Lp2pKeyStore *self, GAsyncResult *result, GError **error);
LP2P_AVAILABLE_IN_1_0
void lp2p_key_store_save_async (Lp2pKeyStore *self, const char *name, Lp2pIdentity *identity, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_key_store_save_finish (Lp2pKeyStore *self, GAsyncResult *result, GError **error);

G_END_DECLS
