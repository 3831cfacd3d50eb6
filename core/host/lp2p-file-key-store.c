/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/host/lp2p-file-key-store.h>

#include "types/lp2p-i18n-private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#define SUFFIX ".key"

/**
 * Lp2pFileKeyStore:
 *
 * A folder with a file for each key, `NAME.key`, that only its owner may read (mode
 * 0600). The keys are not encrypted: whoever can read the files of the user has them.
 *
 * Reading and writing such a file is done in place, without a thread: it is one block,
 * once in the life of a program.
 *
 * Since: 1.0
 */
struct _Lp2pFileKeyStore
{
  Lp2pExtension parent_instance;

  char *folder;
};

static void lp2p_file_key_store_iface_init (Lp2pKeyStoreInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (Lp2pFileKeyStore,
                               lp2p_file_key_store,
                               LP2P_TYPE_EXTENSION,
                               G_IMPLEMENT_INTERFACE (LP2P_TYPE_KEY_STORE, lp2p_file_key_store_iface_init))

static void
lp2p_file_key_store_finalize (GObject *object)
{
  g_free (LP2P_FILE_KEY_STORE (object)->folder);
  G_OBJECT_CLASS (lp2p_file_key_store_parent_class)->finalize (object);
}

static void
lp2p_file_key_store_class_init (Lp2pFileKeyStoreClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = lp2p_file_key_store_finalize;
}

static void
lp2p_file_key_store_init (Lp2pFileKeyStore *self)
{
}

/**
 * lp2p_file_key_store_new:
 * @folder: (nullable) (type filename): where the keys are, %NULL for the folder `lp2p`
 *   in the user's data folder
 *
 * Makes a key store. The folder need not exist: saving makes it, with mode 0700.
 *
 * Returns: (transfer full): the store
 *
 * Since: 1.0
 */
Lp2pFileKeyStore *
lp2p_file_key_store_new (const char *folder)
{
  Lp2pFileKeyStore *self = g_object_new (LP2P_TYPE_FILE_KEY_STORE, "name", LP2P_KEY_STORE_FILE, NULL);

  self->folder = folder != NULL ? g_strdup (folder) : g_build_filename (g_get_user_data_dir (), "lp2p", NULL);
  return self;
}

/**
 * lp2p_file_key_store_dup_path:
 * @self: a key store
 * @name: the name of a key, see [func@KeyStore.is_name]
 *
 * Tells which file is the one of a key, whether it exists or not.
 *
 * Returns: (transfer full) (type filename): its path
 *
 * Since: 1.0
 */
char *
lp2p_file_key_store_dup_path (Lp2pFileKeyStore *self, const char *name)
{
  g_autofree char *base = NULL;

  g_return_val_if_fail (LP2P_IS_FILE_KEY_STORE (self), NULL);
  g_return_val_if_fail (name != NULL && lp2p_key_store_is_name (name), NULL);

  base = g_strconcat (name, SUFFIX, NULL);
  return g_build_filename (self->folder, base, NULL);
}

static GTask *
new_task (Lp2pKeyStore *store, gpointer tag, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (store, cancellable, callback, user_data);

  g_task_set_source_tag (task, tag);
  return task;
}

static void
lp2p_file_key_store_load_async (Lp2pKeyStore *store, const char *name, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = new_task (store, lp2p_file_key_store_load_async, cancellable, callback, user_data);
  g_autofree char *path = lp2p_file_key_store_dup_path (LP2P_FILE_KEY_STORE (store), name);
  Lp2pIdentity *identity;
  GError *error = NULL;

  if (g_task_return_error_if_cancelled (task))
    return;
  identity = lp2p_identity_load_file (path, LP2P_IDENTITY_FILE_NONE, &error);
  if (identity != NULL)
    g_task_return_pointer (task, identity, g_object_unref);
  else
    g_task_return_error (task, error);
}

static Lp2pIdentity *
lp2p_file_key_store_load_finish (Lp2pKeyStore *store, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static gboolean
save (Lp2pFileKeyStore *self, const char *name, Lp2pIdentity *identity, GError **error)
{
  g_autofree char *path = lp2p_file_key_store_dup_path (self, name);

  if (g_mkdir_with_parents (self->folder, 0700) != 0)
    {
      int code = errno;

      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "%s: %s", self->folder, g_strerror (code));
      return FALSE;
    }
  return lp2p_identity_save_file (identity, path, LP2P_IDENTITY_FILE_NONE, error);
}

static void
lp2p_file_key_store_save_async (Lp2pKeyStore *store, const char *name, Lp2pIdentity *identity, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = new_task (store, lp2p_file_key_store_save_async, cancellable, callback, user_data);
  GError *error = NULL;

  if (g_task_return_error_if_cancelled (task))
    return;
  /* What is written is written: a cancellable that comes later does not undo it. */
  g_task_set_check_cancellable (task, FALSE);
  if (save (LP2P_FILE_KEY_STORE (store), name, identity, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

/* What has the name of a key, damaged or not. */
static void
add_file (GPtrArray *keys, const char *folder, const char *base)
{
  g_autofree char *name = NULL;
  g_autofree char *path = NULL;
  g_autoptr (Lp2pIdentity) identity = NULL;

  if (!g_str_has_suffix (base, SUFFIX))
    return;
  name = g_strndup (base, strlen (base) - strlen (SUFFIX));
  if (!lp2p_key_store_is_name (name))
    return;
  path = g_build_filename (folder, base, NULL);
  identity = lp2p_identity_load_file (path, LP2P_IDENTITY_FILE_NONE, NULL);
  g_ptr_array_add (keys, lp2p_key_info_new (name, identity != NULL ? lp2p_identity_get_peer_id (identity) : NULL));
}

/* A folder that does not exist yet holds nothing. */
static GPtrArray *
list (Lp2pFileKeyStore *self, GError **error)
{
  g_autoptr (GPtrArray) keys = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_key_info_unref);
  g_autoptr (GError) local_error = NULL;
  g_autoptr (GDir) dir = g_dir_open (self->folder, 0, &local_error);
  const char *base;

  if (dir == NULL && !g_error_matches (local_error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED, local_error->message);
      return NULL;
    }
  while (dir != NULL && (base = g_dir_read_name (dir)) != NULL)
    add_file (keys, self->folder, base);
  return g_steal_pointer (&keys);
}

static void
lp2p_file_key_store_list_async (Lp2pKeyStore *store, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = new_task (store, lp2p_file_key_store_list_async, cancellable, callback, user_data);
  GPtrArray *keys;
  GError *error = NULL;

  if (g_task_return_error_if_cancelled (task))
    return;
  keys = list (LP2P_FILE_KEY_STORE (store), &error);
  if (keys != NULL)
    g_task_return_pointer (task, keys, (GDestroyNotify) g_ptr_array_unref);
  else
    g_task_return_error (task, error);
}

static GPtrArray *
lp2p_file_key_store_list_finish (Lp2pKeyStore *store, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
lp2p_file_key_store_remove_async (Lp2pKeyStore *store, const char *name, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = new_task (store, lp2p_file_key_store_remove_async, cancellable, callback, user_data);
  g_autofree char *path = lp2p_file_key_store_dup_path (LP2P_FILE_KEY_STORE (store), name);

  if (g_task_return_error_if_cancelled (task))
    return;
  g_task_set_check_cancellable (task, FALSE);
  if (g_unlink (path) == 0)
    {
      g_task_return_boolean (task, TRUE);
    }
  else
    {
      int code = errno;

      g_task_return_new_error (task, G_IO_ERROR, g_io_error_from_errno (code), _("%s: cannot remove the key file: %s"),
                               path, g_strerror (code));
    }
}

/* Of saving and removing. */
static gboolean
finish_boolean (Lp2pKeyStore *store, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
lp2p_file_key_store_iface_init (Lp2pKeyStoreInterface *iface)
{
  iface->load_async = lp2p_file_key_store_load_async;
  iface->load_finish = lp2p_file_key_store_load_finish;
  iface->save_async = lp2p_file_key_store_save_async;
  iface->save_finish = finish_boolean;
  iface->list_async = lp2p_file_key_store_list_async;
  iface->list_finish = lp2p_file_key_store_list_finish;
  iface->remove_async = lp2p_file_key_store_remove_async;
  iface->remove_finish = finish_boolean;
}
