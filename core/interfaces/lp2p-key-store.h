/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-extension.h>
#include <lp2p/interfaces/lp2p-key-info.h>
#include <lp2p/types/lp2p-identity.h>

G_BEGIN_DECLS

/**
 * LP2P_KEY_STORE_EXTENSION_POINT:
 *
 * Where loadable objects register their types of key stores.
 *
 * Since: 1.0
 */
#define LP2P_KEY_STORE_EXTENSION_POINT "lp2p-key-store"

/**
 * LP2P_KEY_STORE_FILE:
 *
 * What the store that keeps keys in files is called in the configuration. It is part
 * of the library; all others are loaded.
 *
 * Since: 1.0
 */
#define LP2P_KEY_STORE_FILE "file"

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
 * @list_async: (nullable): looks up what there is, without asking anybody for leave
 * @list_finish: yields a [struct@KeyInfo] for each name, in any order
 * @remove_async: (nullable): drops the identity with that name
 * @remove_finish: whether it is gone, or `G_IO_ERROR_NOT_FOUND`
 *
 * A place that keeps private keys. It is made without a context, because there is no
 * host before there is an identity, and it is neither started nor stopped.
 *
 * Names were checked before they come here, see [func@KeyStore.is_name]. Besides the
 * errors above, a store that cannot be reached is `G_IO_ERROR_NOT_CONNECTED`, one
 * that nobody unlocks `G_IO_ERROR_PERMISSION_DENIED`, and what is kept under a name
 * but is no key %LP2P_TYPES_ERROR_INVALID_KEY. Keys are wiped from memory and in no
 * message.
 */
struct _Lp2pKeyStoreInterface
{
  GTypeInterface parent_iface;

  void (*load_async) (Lp2pKeyStore *self, const char *name, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  Lp2pIdentity *(*load_finish) (Lp2pKeyStore *self, GAsyncResult *result, GError **error);
  void (*save_async) (Lp2pKeyStore *self, const char *name, Lp2pIdentity *identity, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  gboolean (*save_finish) (Lp2pKeyStore *self, GAsyncResult *result, GError **error);
  void (*list_async) (Lp2pKeyStore *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  GPtrArray *(*list_finish) (Lp2pKeyStore *self, GAsyncResult *result, GError **error);
  void (*remove_async) (Lp2pKeyStore *self, const char *name, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  gboolean (*remove_finish) (Lp2pKeyStore *self, GAsyncResult *result, GError **error);

  /*< private >*/
  gpointer padding[4];
};

LP2P_AVAILABLE_IN_1_0
gboolean lp2p_key_store_is_name (const char *name);
LP2P_AVAILABLE_IN_1_0
void lp2p_key_store_load_async (Lp2pKeyStore *self, const char *name, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
LP2P_AVAILABLE_IN_1_0
Lp2pIdentity *lp2p_key_store_load_finish (Lp2pKeyStore *self, GAsyncResult *result, GError **error);
LP2P_AVAILABLE_IN_1_0
void lp2p_key_store_save_async (Lp2pKeyStore *self, const char *name, Lp2pIdentity *identity, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_key_store_save_finish (Lp2pKeyStore *self, GAsyncResult *result, GError **error);
LP2P_AVAILABLE_IN_1_0
void lp2p_key_store_list_async (Lp2pKeyStore *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
LP2P_AVAILABLE_IN_1_0
GPtrArray *lp2p_key_store_list_finish (Lp2pKeyStore *self, GAsyncResult *result, GError **error);
LP2P_AVAILABLE_IN_1_0
void lp2p_key_store_remove_async (Lp2pKeyStore *self, const char *name, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_key_store_remove_finish (Lp2pKeyStore *self, GAsyncResult *result, GError **error);

G_END_DECLS
