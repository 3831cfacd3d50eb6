/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The key stores that a configuration enables, and the identity that it names. That
 * comes before there is a host, as a host is made with its identity. */

#include <lp2p/host/lp2p-key-stores.h>

#include "types/lp2p-i18n-private.h"

#include <lp2p/host/lp2p-file-key-store.h>
#include <lp2p/plugin/lp2p-loader.h>

#include <string.h>

static char *
get_option (Lp2pConfig *config, const char *key)
{
  return lp2p_config_get_string (config, LP2P_CONFIG_GROUP_HOST, key);
}

/**
 * lp2p_key_stores_dup_names:
 * @config: a configuration
 *
 * Lists the key stores that a configuration enables: the one of files, those of the
 * option `key-stores`, and those of `key-store` and `key-store-fallback`.
 *
 * Returns: (transfer full) (array zero-terminated=1): their names
 *
 * Since: 1.0
 */
char **
lp2p_key_stores_dup_names (Lp2pConfig *config)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_autoptr (Lp2pRegistry) registry = NULL;
  g_auto (GStrv) loaded = NULL;

  g_return_val_if_fail (LP2P_IS_CONFIG (config), NULL);

  registry = lp2p_registry_new (config);
  loaded = lp2p_registry_dup_enabled (registry, LP2P_KIND_KEY_STORE);
  g_strv_builder_add (builder, LP2P_KEY_STORE_FILE);
  g_strv_builder_addv (builder, (const char **) loaded);
  return g_strv_builder_end (builder);
}

/**
 * lp2p_key_stores_open:
 * @config: a configuration, which tells where loadable objects are
 * @name: the name of a key store, enabled or not
 * @error: return location for a %LP2P_ERROR_PLUGIN error
 *
 * Makes a key store: %LP2P_KEY_STORE_FILE is part of the library, others are loaded.
 *
 * Returns: (transfer full): the key store
 *
 * Since: 1.0
 */
Lp2pKeyStore *
lp2p_key_stores_open (Lp2pConfig *config, const char *name, GError **error)
{
  g_autoptr (Lp2pRegistry) registry = NULL;
  Lp2pExtension *extension;

  g_return_val_if_fail (LP2P_IS_CONFIG (config), NULL);
  g_return_val_if_fail (name != NULL, NULL);

  if (g_str_equal (name, LP2P_KEY_STORE_FILE))
    return LP2P_KEY_STORE (lp2p_file_key_store_new (NULL));
  registry = lp2p_registry_new (config);
  lp2p_registry_scan (registry);
  extension = lp2p_registry_create_one (registry, LP2P_KIND_KEY_STORE, name, NULL, error);
  return extension != NULL ? LP2P_KEY_STORE (extension) : NULL;
}

/* Loading */

typedef struct
{
  Lp2pConfig *config;
  char *name;  /* of the key */
  char *store; /* the one that is asked */
} Load;

static void
load_free (Load *load)
{
  g_object_unref (load->config);
  g_free (load->name);
  g_free (load->store);
  g_free (load);
}

static void ask_store (GTask *task);

static void
return_identity (GTask *task, Lp2pIdentity *identity, GError *error)
{
  if (identity != NULL)
    g_task_return_pointer (task, identity, g_object_unref);
  else
    g_task_return_error (task, error);
}

/* Only where the configuration names another store, and never without a word: that one
 * may have another key under the name. */
static gboolean
fall_back (GTask *task, const GError *error)
{
  Load *load = g_task_get_task_data (task);
  g_autofree char *fallback = get_option (load->config, "key-store-fallback");

  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED) || fallback[0] == '\0' ||
      g_str_equal (fallback, load->store))
    return FALSE;
  g_warning ("The key store %s cannot be reached (%s); the identity %s is taken from the key store %s", load->store,
             error->message, load->name, fallback);
  g_free (load->store);
  load->store = g_steal_pointer (&fallback);
  ask_store (task);
  return TRUE;
}

static void
on_loaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Load *load = g_task_get_task_data (task);
  GError *error = NULL;
  Lp2pIdentity *identity = lp2p_key_store_load_finish (LP2P_KEY_STORE (source), result, &error);

  if (identity == NULL && fall_back (task, error))
    {
      g_error_free (error);
      return;
    }
  if (identity == NULL && !g_str_equal (load->store, LP2P_KEY_STORE_FILE))
    g_prefix_error (&error, _("identity %s in the key store %s: "), load->name, load->store);
  return_identity (task, identity, error);
}

static void
ask_store (GTask *task)
{
  Load *load = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (Lp2pKeyStore) store = lp2p_key_stores_open (load->config, load->store, &error);

  if (store != NULL)
    lp2p_key_store_load_async (store, load->name, g_task_get_cancellable (task), on_loaded, g_object_ref (task));
  else
    g_task_return_error (task, error);
}

static void
load_file (GTask *task)
{
  Load *load = g_task_get_task_data (task);
  GError *error = NULL;
  Lp2pIdentity *identity;

  if (g_str_equal (load->store, LP2P_KEY_STORE_FILE))
    identity = lp2p_identity_load_file (load->name, LP2P_IDENTITY_FILE_NONE, &error);
  else
    identity = NULL;
  if (identity == NULL && error == NULL)
    g_set_error (&error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                 _("[host] identity: got the path %s, expected the name of a key, as key-store is '%s'"), load->name,
                 load->store);
  return_identity (task, identity, error);
}

/**
 * lp2p_key_stores_load_async:
 * @config: a configuration
 * @name: (nullable): the name of a key or the path of its file, %NULL for the one of the
 *   option `identity`
 * @cancellable: (nullable): to give up
 * @callback: called when done
 * @user_data: passed on
 *
 * Loads the identity that a configuration names, from the key store that it names, for
 * [ctor@Host.new]. Where the option `identity` is empty, it is a new one that is not
 * kept.
 *
 * Where the key store cannot be reached, and `key-store-fallback` names another one,
 * that is asked, and a warning says so. A key store that is locked or has no such key
 * is no reason for that.
 *
 * Since: 1.0
 */
void
lp2p_key_stores_load_async (Lp2pConfig *config,
                            const char *name,
                            GCancellable *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer user_data)
{
  g_autoptr (GTask) task = NULL;
  Load *load;

  g_return_if_fail (LP2P_IS_CONFIG (config));

  task = g_task_new (NULL, cancellable, callback, user_data);
  g_task_set_source_tag (task, lp2p_key_stores_load_async);
  load = g_new0 (Load, 1);
  load->config = g_object_ref (config);
  load->name = name != NULL ? g_strdup (name) : get_option (config, "identity");
  load->store = get_option (config, "key-store");
  g_task_set_task_data (task, load, (GDestroyNotify) load_free);

  if (g_task_return_error_if_cancelled (task))
    return;
  if (load->name[0] == '\0')
    {
      GError *error = NULL;
      Lp2pIdentity *identity = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, &error);

      return_identity (task, identity, error);
    }
  else if (strchr (load->name, G_DIR_SEPARATOR) != NULL)
    {
      load_file (task);
    }
  else
    {
      ask_store (task);
    }
}

/**
 * lp2p_key_stores_load_finish:
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Finishes what [func@key_stores_load_async] began.
 *
 * Returns: (transfer full): the identity, or %NULL as for
 *   [method@KeyStore.load_finish], or with %LP2P_ERROR_PLUGIN where the key store cannot
 *   be loaded
 *
 * Since: 1.0
 */
Lp2pIdentity *
lp2p_key_stores_load_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}
