/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/interfaces/lp2p-key-store.h>

#include "types/lp2p-i18n-private.h"

#include <string.h>

#define MAX_NAME 64

/**
 * Lp2pKeyStore:
 *
 * A place that keeps private keys, each under a name.
 *
 * Several programs may use the same place at once. What differs between them is up to
 * the names: a program that has its own identity saves it under its application id.
 *
 * Since: 1.0
 */
G_DEFINE_INTERFACE (Lp2pKeyStore, lp2p_key_store, LP2P_TYPE_EXTENSION)

static void
lp2p_key_store_default_init (Lp2pKeyStoreInterface *iface)
{
}

/**
 * lp2p_key_store_is_name:
 * @name: a text
 *
 * Tells whether a key can be saved under @name: 1 to 64 ASCII letters, digits, dots,
 * hyphens and underscores, of which the first is a letter, a digit or an underscore.
 * So a name is no path, no hidden file and no option of a command.
 *
 * Returns: whether it is a name
 *
 * Since: 1.0
 */
gboolean
lp2p_key_store_is_name (const char *name)
{
  gsize len;

  g_return_val_if_fail (name != NULL, FALSE);

  len = strlen (name);
  return len > 0 && len <= MAX_NAME && name[0] != '.' && name[0] != '-' &&
         strspn (name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._-") == len;
}

/* A wrong name ends the call here, with a task of which @tag tells in the end. */
static gboolean
check_name (Lp2pKeyStore *self, const char *name, gpointer tag, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autofree char *escaped = NULL;

  if (lp2p_key_store_is_name (name))
    return TRUE;
  escaped = g_strescape (name, NULL);
  g_task_report_new_error (self, callback, user_data, tag, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                           _("\"%.100s\" is no name of a key, expected 1 to %d letters, digits, dots, hyphens and "
                             "underscores, the first no dot or hyphen"),
                           escaped, MAX_NAME);
  return FALSE;
}

/* What stores of others, built before there was more than loading and saving, lack. */
static gboolean
check_function (Lp2pKeyStore *self, gboolean present, gpointer tag, GAsyncReadyCallback callback, gpointer user_data)
{
  if (!present)
    g_task_report_new_error (self, callback, user_data, tag, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                             _("the key store %s can only load and save"),
                             lp2p_extension_get_name (LP2P_EXTENSION (self)));
  return present;
}

/**
 * lp2p_key_store_load_async:
 * @self: a key store
 * @name: the name that the identity was saved under
 * @cancellable: (nullable): to give up
 * @callback: called when done
 * @user_data: passed on
 *
 * Looks an identity up. Where the store is locked, it asks the user to unlock it.
 *
 * Since: 1.0
 */
void
lp2p_key_store_load_async (Lp2pKeyStore *self, const char *name, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (LP2P_IS_KEY_STORE (self));
  g_return_if_fail (name != NULL);

  if (check_name (self, name, lp2p_key_store_load_async, callback, user_data))
    LP2P_KEY_STORE_GET_IFACE (self)->load_async (self, name, cancellable, callback, user_data);
}

/**
 * lp2p_key_store_load_finish:
 * @self: a key store
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Finishes what [method@KeyStore.load_async] began.
 *
 * Returns: (transfer full): the identity, or %NULL: %G_IO_ERROR_NOT_FOUND where there is
 *   none of that name, %G_IO_ERROR_NOT_CONNECTED where the store cannot be reached,
 *   %G_IO_ERROR_PERMISSION_DENIED where it stays locked or is open to others,
 *   %LP2P_TYPES_ERROR_INVALID_KEY where something else is kept under the name
 *
 * Since: 1.0
 */
Lp2pIdentity *
lp2p_key_store_load_finish (Lp2pKeyStore *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (LP2P_IS_KEY_STORE (self), NULL);

  if (g_async_result_is_tagged (result, lp2p_key_store_load_async))
    return g_task_propagate_pointer (G_TASK (result), error);
  return LP2P_KEY_STORE_GET_IFACE (self)->load_finish (self, result, error);
}

/**
 * lp2p_key_store_save_async:
 * @self: a key store
 * @name: the name to save under, see [func@KeyStore.is_name]
 * @identity: what to save
 * @cancellable: (nullable): to give up; the identity may be kept all the same
 * @callback: called when done
 * @user_data: passed on
 *
 * Keeps an identity. One that is there under the name is never replaced, also when
 * several programs try at once.
 *
 * Since: 1.0
 */
void
lp2p_key_store_save_async (Lp2pKeyStore *self, const char *name, Lp2pIdentity *identity, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (LP2P_IS_KEY_STORE (self));
  g_return_if_fail (name != NULL);
  g_return_if_fail (LP2P_IS_IDENTITY (identity));

  if (check_name (self, name, lp2p_key_store_save_async, callback, user_data))
    LP2P_KEY_STORE_GET_IFACE (self)->save_async (self, name, identity, cancellable, callback, user_data);
}

/**
 * lp2p_key_store_save_finish:
 * @self: a key store
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Finishes what [method@KeyStore.save_async] began.
 *
 * Returns: whether the identity is kept; else %G_IO_ERROR_EXISTS where there is one of
 *   that name, or as for [method@KeyStore.load_finish]
 *
 * Since: 1.0
 */
gboolean
lp2p_key_store_save_finish (Lp2pKeyStore *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (LP2P_IS_KEY_STORE (self), FALSE);

  if (g_async_result_is_tagged (result, lp2p_key_store_save_async))
    return g_task_propagate_boolean (G_TASK (result), error);
  return LP2P_KEY_STORE_GET_IFACE (self)->save_finish (self, result, error);
}

/**
 * lp2p_key_store_list_async:
 * @self: a key store
 * @cancellable: (nullable): to give up
 * @callback: called when done
 * @user_data: passed on
 *
 * Lists what is kept. Nobody is asked to unlock anything for it.
 *
 * Since: 1.0
 */
void
lp2p_key_store_list_async (Lp2pKeyStore *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (LP2P_IS_KEY_STORE (self));

  if (check_function (self, LP2P_KEY_STORE_GET_IFACE (self)->list_async != NULL, lp2p_key_store_list_async, callback,
                      user_data))
    LP2P_KEY_STORE_GET_IFACE (self)->list_async (self, cancellable, callback, user_data);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (lp2p_key_info_get_name (*(Lp2pKeyInfo *const *) a),
                 lp2p_key_info_get_name (*(Lp2pKeyInfo *const *) b));
}

/**
 * lp2p_key_store_list_finish:
 * @self: a key store
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Finishes what [method@KeyStore.list_async] began.
 *
 * Returns: (transfer container) (element-type Lp2pKeyInfo): what is kept, in the order of the
 *   names, or %NULL with %G_IO_ERROR_NOT_CONNECTED where the store cannot be reached
 *
 * Since: 1.0
 */
GPtrArray *
lp2p_key_store_list_finish (Lp2pKeyStore *self, GAsyncResult *result, GError **error)
{
  GPtrArray *keys;

  g_return_val_if_fail (LP2P_IS_KEY_STORE (self), NULL);

  if (g_async_result_is_tagged (result, lp2p_key_store_list_async))
    return g_task_propagate_pointer (G_TASK (result), error);
  keys = LP2P_KEY_STORE_GET_IFACE (self)->list_finish (self, result, error);
  if (keys != NULL)
    g_ptr_array_sort (keys, compare_names);
  return keys;
}

/**
 * lp2p_key_store_remove_async:
 * @self: a key store
 * @name: the name that the identity was saved under
 * @cancellable: (nullable): to give up; the identity may be gone all the same
 * @callback: called when done
 * @user_data: passed on
 *
 * Drops an identity, or what else is kept under its name, for good.
 *
 * Since: 1.0
 */
void
lp2p_key_store_remove_async (Lp2pKeyStore *self, const char *name, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (LP2P_IS_KEY_STORE (self));
  g_return_if_fail (name != NULL);

  if (check_name (self, name, lp2p_key_store_remove_async, callback, user_data) &&
      check_function (self, LP2P_KEY_STORE_GET_IFACE (self)->remove_async != NULL, lp2p_key_store_remove_async,
                      callback, user_data))
    LP2P_KEY_STORE_GET_IFACE (self)->remove_async (self, name, cancellable, callback, user_data);
}

/**
 * lp2p_key_store_remove_finish:
 * @self: a key store
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Finishes what [method@KeyStore.remove_async] began.
 *
 * Returns: whether it is gone; else %G_IO_ERROR_NOT_FOUND where there is none of that
 *   name, or as for [method@KeyStore.load_finish]
 *
 * Since: 1.0
 */
gboolean
lp2p_key_store_remove_finish (Lp2pKeyStore *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (LP2P_IS_KEY_STORE (self), FALSE);

  if (g_async_result_is_tagged (result, lp2p_key_store_remove_async))
    return g_task_propagate_boolean (G_TASK (result), error);
  return LP2P_KEY_STORE_GET_IFACE (self)->remove_finish (self, result, error);
}
