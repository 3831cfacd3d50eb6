/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Private keys in the Secret Service of the session, or, inside a sandbox, in the file
 * that libsecret encrypts there. Each is an item of a schema of ours. */

#include <lp2p/lp2p-plugin.h>

#include <glib/gi18n-lib.h>
#include <libsecret/secret.h>
#include <string.h>

#define ATTRIBUTE_NAME    "name"
#define ATTRIBUTE_PEER_ID "peer-id"

#define CONTENT_TYPE "text/plain"

/* An item that goes away while libsecret looks at it fails the search. So often it is
 * done again. */
#define MAX_SEARCHES 5

/* Part of the interface: other programs find the items by it. */
static const SecretSchema schema = {
  "org.lp2p.Identity",
  SECRET_SCHEMA_NONE,
  {
      { ATTRIBUTE_NAME, SECRET_SCHEMA_ATTRIBUTE_STRING },
      { ATTRIBUTE_PEER_ID, SECRET_SCHEMA_ATTRIBUTE_STRING },
  },
};

#define LP2P_TYPE_SECRET_KEY_STORE (lp2p_secret_key_store_get_type ())
G_DECLARE_FINAL_TYPE (Lp2pSecretKeyStore, lp2p_secret_key_store, LP2P, SECRET_KEY_STORE, Lp2pExtension)

struct _Lp2pSecretKeyStore
{
  Lp2pExtension parent_instance;

  /* GTasks that save, one after another: the first one runs. */
  GQueue saves;
};

static void lp2p_secret_key_store_iface_init (Lp2pKeyStoreInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (Lp2pSecretKeyStore,
                               lp2p_secret_key_store,
                               LP2P_TYPE_EXTENSION,
                               G_IMPLEMENT_INTERFACE (LP2P_TYPE_KEY_STORE, lp2p_secret_key_store_iface_init))

/* What one call is about: the task data. */
typedef struct
{
  char *name;
  Lp2pIdentity *identity; /* that is saved */
  char *peer_id;          /* of the item at hand */
  /* The search under way. */
  SecretSearchFlags flags;
  GAsyncReadyCallback on_found;
  guint n_searches;
} Call;

static void
call_free (Call *call)
{
  g_free (call->name);
  g_clear_object (&call->identity);
  g_free (call->peer_id);
  g_free (call);
}

static GTask *
new_task (Lp2pKeyStore *store, gpointer tag, const char *name, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (store, cancellable, callback, user_data);
  Call *call = g_new0 (Call, 1);

  call->name = g_strdup (name);
  g_task_set_source_tag (task, tag);
  g_task_set_task_data (task, call, (GDestroyNotify) call_free);
  return task;
}

/* Whether an item was there, and is no longer. */
static gboolean
is_gone (const GError *error)
{
  return g_error_matches (error, SECRET_ERROR, SECRET_ERROR_NO_SUCH_OBJECT) ||
         g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD) ||
         g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT);
}

/* Whether nobody answers: there is no bus, or nobody of that name on it. */
static gboolean
is_unreachable (const GError *error)
{
  if (error->domain == G_IO_ERROR)
    return TRUE;
  if (error->domain != G_DBUS_ERROR)
    return FALSE;
  switch (error->code)
    {
    case G_DBUS_ERROR_SERVICE_UNKNOWN:
    case G_DBUS_ERROR_NAME_HAS_NO_OWNER:
    case G_DBUS_ERROR_NO_REPLY:
    case G_DBUS_ERROR_NO_SERVER:
    case G_DBUS_ERROR_TIMEOUT:
    case G_DBUS_ERROR_TIMED_OUT:
    case G_DBUS_ERROR_DISCONNECTED:
    case G_DBUS_ERROR_FILE_NOT_FOUND:
      return TRUE;
    default:
      return error->code >= G_DBUS_ERROR_SPAWN_EXEC_FAILED && error->code <= G_DBUS_ERROR_SPAWN_NO_MEMORY;
    }
}

/* Takes @error, and makes one of it that says what to do. */
static void
return_error (GTask *task, GError *error)
{
  g_autoptr (GError) cause = error;

  g_dbus_error_strip_remote_error (cause);
  if (g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_task_return_error (task, g_steal_pointer (&cause));
  else if (g_error_matches (cause, SECRET_ERROR, SECRET_ERROR_IS_LOCKED))
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                             _("the keyring is locked, and it was not unlocked: nobody answered the question for its "
                               "password, or nothing on this session can ask it"));
  else if (is_unreachable (cause))
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED,
                             _("there is no Secret Service on the session bus: %s"), cause->message);
  else
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_FAILED, _("the Secret Service failed: %s"), cause->message);
}

static void
return_not_found (GTask *task)
{
  Call *call = g_task_get_task_data (task);

  g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, _("the keyring has no key named %s"), call->name);
}

/* Items */

static void
search (GTask *task, SecretSearchFlags flags, GAsyncReadyCallback callback)
{
  Call *call = g_task_get_task_data (task);
  g_autoptr (GHashTable) attributes = g_hash_table_new (g_str_hash, g_str_equal);

  call->flags = flags;
  call->on_found = callback;
  call->n_searches++;
  if (call->name != NULL)
    g_hash_table_insert (attributes, (gpointer) ATTRIBUTE_NAME, call->name);
  secret_password_searchv (&schema, attributes, flags | SECRET_SEARCH_ALL, g_task_get_cancellable (task), callback,
                           g_object_ref (task));
}

/* The items that were searched for, or NULL when the task has its error or the search
 * is done again. */
static GPtrArray *
search_finish (GTask *task, GAsyncResult *result)
{
  Call *call = g_task_get_task_data (task);
  GError *error = NULL;
  GList *items = secret_password_search_finish (result, &error);
  GPtrArray *array;

  if (is_gone (error) && call->n_searches < MAX_SEARCHES)
    {
      g_error_free (error);
      search (task, call->flags, call->on_found);
      return NULL;
    }
  if (error != NULL)
    {
      return_error (task, error);
      return NULL;
    }
  call->n_searches = 0;
  array = g_ptr_array_new_with_free_func (g_object_unref);
  for (GList *l = items; l != NULL; l = l->next)
    g_ptr_array_add (array, l->data);
  g_list_free (items);
  return array;
}

static char *
dup_attribute (SecretRetrievable *item, const char *key)
{
  g_autoptr (GHashTable) attributes = secret_retrievable_get_attributes (item);

  return attributes != NULL ? g_strdup (g_hash_table_lookup (attributes, key)) : NULL;
}

/* Loading */

static Lp2pIdentity *
parse (Call *call, SecretValue *value, GError **error)
{
  g_autoptr (Lp2pIdentity) identity = NULL;
  const char *text;
  const char *peer_id;
  gsize len;

  text = secret_value_get (value, &len);
  identity = lp2p_identity_new_from_text (text, len, error);
  if (identity == NULL)
    {
      g_prefix_error (error, _("what the keyring has under the name %s is no private key: "), call->name);
      return NULL;
    }
  peer_id = lp2p_peer_id_get_string (lp2p_identity_get_peer_id (identity));
  if (g_strcmp0 (peer_id, call->peer_id) != 0)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY,
                   _("what the keyring has under the name %s is the key of %s, expected that of %s, as its attribute "
                     "peer-id says"),
                   call->name, peer_id, call->peer_id != NULL ? call->peer_id : _("nobody"));
      return NULL;
    }
  return g_steal_pointer (&identity);
}

static void
on_secret (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  g_autoptr (SecretValue) value = secret_retrievable_retrieve_secret_finish (SECRET_RETRIEVABLE (source), result, &error);
  Lp2pIdentity *identity;

  if (error != NULL && !is_gone (error))
    {
      return_error (task, error);
      return;
    }
  if (value == NULL)
    {
      g_clear_error (&error);
      return_not_found (task);
      return;
    }
  identity = parse (g_task_get_task_data (task), value, &error);
  if (identity != NULL)
    g_task_return_pointer (task, identity, g_object_unref);
  else
    g_task_return_error (task, error);
}

static void
on_load_found (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GPtrArray) items = search_finish (task, result);
  Call *call = g_task_get_task_data (task);

  if (items == NULL)
    return;
  if (items->len == 0)
    {
      return_not_found (task);
    }
  else if (items->len > 1)
    {
      g_task_return_new_error (task, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY,
                               _("the keyring has %u keys named %s, expected one"), items->len, call->name);
    }
  else
    {
      SecretRetrievable *item = g_ptr_array_index (items, 0);

      call->peer_id = dup_attribute (item, ATTRIBUTE_PEER_ID);
      secret_retrievable_retrieve_secret (item, g_task_get_cancellable (task), on_secret, g_object_ref (task));
    }
}

static void
lp2p_secret_key_store_load_async (Lp2pKeyStore *store, const char *name, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task =
      new_task (store, lp2p_secret_key_store_load_async, name, cancellable, callback, user_data);

  search (task, SECRET_SEARCH_UNLOCK | SECRET_SEARCH_LOAD_SECRETS, on_load_found);
}

/* Saving
 *
 * The service replaces an item only where all attributes are the same, the peer id
 * among them, so no other key is ever lost. Nor can it be asked to refuse a second one
 * of the same name: whoever finds two after he saved takes his own back. At least one
 * of two who save at once finds them. */

static void run_save (Lp2pSecretKeyStore *self);

static void
on_save_done (GObject *object, GParamSpec *pspec, gpointer user_data)
{
  Lp2pSecretKeyStore *self = LP2P_SECRET_KEY_STORE (g_task_get_source_object (G_TASK (object)));
  g_autoptr (GTask) task = g_queue_pop_head (&self->saves);

  g_assert (task == G_TASK (object));
  if (!g_queue_is_empty (&self->saves))
    run_save (self);
}

static void
return_exists (GTask *task)
{
  Call *call = g_task_get_task_data (task);

  g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_EXISTS, _("the keyring has a key named %s already"),
                           call->name);
}

static void
on_taken_back (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;

  if (secret_password_clear_finish (result, &error) || error == NULL)
    return_exists (task);
  else
    return_error (task, error);
}

static gboolean
is_only_item (GPtrArray *items, const char *peer_id)
{
  g_autofree char *found = NULL;

  if (items->len != 1)
    return FALSE;
  found = dup_attribute (g_ptr_array_index (items, 0), ATTRIBUTE_PEER_ID);
  return g_strcmp0 (found, peer_id) == 0;
}

static void
on_checked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GPtrArray) items = search_finish (task, result);
  Call *call = g_task_get_task_data (task);

  if (items == NULL)
    return;
  if (is_only_item (items, call->peer_id))
    g_task_return_boolean (task, TRUE);
  else
    secret_password_clear (&schema, NULL, on_taken_back, g_object_ref (task), ATTRIBUTE_NAME, call->name,
                           ATTRIBUTE_PEER_ID, call->peer_id, NULL);
}

static void
on_stored (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;

  if (secret_password_store_finish (result, &error))
    search (task, SECRET_SEARCH_NONE, on_checked);
  else
    return_error (task, error);
}

static void
store_secret (GTask *task, GBytes *text)
{
  Call *call = g_task_get_task_data (task);
  g_autoptr (GHashTable) attributes = g_hash_table_new (g_str_hash, g_str_equal);
  g_autofree char *label = g_strdup_printf (_("lp2p identity %s (%s)"), call->name, call->peer_id);
  /* In memory that is locked and wiped. */
  g_autoptr (SecretValue) value =
      secret_value_new (g_bytes_get_data (text, NULL), (gssize) g_bytes_get_size (text), CONTENT_TYPE);

  g_hash_table_insert (attributes, (gpointer) ATTRIBUTE_NAME, call->name);
  g_hash_table_insert (attributes, (gpointer) ATTRIBUTE_PEER_ID, call->peer_id);
  secret_password_storev_binary (&schema, attributes, SECRET_COLLECTION_DEFAULT, label, value,
                                 g_task_get_cancellable (task), on_stored, g_object_ref (task));
}

static void
on_save_found (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GPtrArray) items = search_finish (task, result);
  Call *call = g_task_get_task_data (task);
  g_autoptr (GBytes) text = NULL;
  GError *error = NULL;

  if (items == NULL)
    return;
  if (items->len > 0)
    {
      return_exists (task);
      return;
    }
  text = lp2p_identity_to_text (call->identity, &error);
  if (text != NULL)
    store_secret (task, text);
  else
    g_task_return_error (task, error);
}

static void
run_save (Lp2pSecretKeyStore *self)
{
  GTask *task = g_queue_peek_head (&self->saves);

  g_signal_connect (task, "notify::completed", G_CALLBACK (on_save_done), NULL);
  search (task, SECRET_SEARCH_NONE, on_save_found);
}

static void
lp2p_secret_key_store_save_async (Lp2pKeyStore *store, const char *name, Lp2pIdentity *identity, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  Lp2pSecretKeyStore *self = LP2P_SECRET_KEY_STORE (store);
  GTask *task = new_task (store, lp2p_secret_key_store_save_async, name, cancellable, callback, user_data);
  Call *call = g_task_get_task_data (task);

  call->identity = g_object_ref (identity);
  call->peer_id = g_strdup (lp2p_peer_id_get_string (lp2p_identity_get_peer_id (identity)));
  g_queue_push_tail (&self->saves, task);
  if (self->saves.length == 1)
    run_save (self);
}

/* Listing */

static void
add_item (GHashTable *keys, SecretRetrievable *item)
{
  g_autofree char *name = dup_attribute (item, ATTRIBUTE_NAME);
  g_autofree char *text = dup_attribute (item, ATTRIBUTE_PEER_ID);
  g_autoptr (Lp2pPeerId) peer_id = NULL;

  /* Others can store items of this schema as well. */
  if (name == NULL || !lp2p_key_store_is_name (name))
    return;
  /* Of two under one name none can be loaded. */
  if (text != NULL && !g_hash_table_contains (keys, name))
    peer_id = lp2p_peer_id_new_from_string (text, NULL);
  g_hash_table_replace (keys, g_strdup (name), lp2p_key_info_new (name, peer_id));
}

static void
on_list_found (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GPtrArray) items = search_finish (task, result);
  g_autoptr (GHashTable) by_name = NULL;
  GPtrArray *keys;
  GHashTableIter iter;
  gpointer info;

  if (items == NULL)
    return;
  by_name = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) lp2p_key_info_unref);
  for (guint i = 0; i < items->len; i++)
    add_item (by_name, g_ptr_array_index (items, i));

  keys = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_key_info_unref);
  g_hash_table_iter_init (&iter, by_name);
  while (g_hash_table_iter_next (&iter, NULL, &info))
    g_ptr_array_add (keys, lp2p_key_info_ref (info));
  g_task_return_pointer (task, keys, (GDestroyNotify) g_ptr_array_unref);
}

static void
lp2p_secret_key_store_list_async (Lp2pKeyStore *store, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task =
      new_task (store, lp2p_secret_key_store_list_async, NULL, cancellable, callback, user_data);

  search (task, SECRET_SEARCH_NONE, on_list_found);
}

/* Removing */

static void
on_removed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;

  if (secret_password_clear_finish (result, &error))
    g_task_return_boolean (task, TRUE);
  else if (error != NULL)
    return_error (task, error);
  else
    return_not_found (task);
}

static gboolean
is_locked (SecretRetrievable *item)
{
  return SECRET_IS_ITEM (item) && secret_item_get_locked (SECRET_ITEM (item));
}

/* What is locked would be left alone without a word. */
static void
on_remove_found (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GPtrArray) items = search_finish (task, result);
  Call *call = g_task_get_task_data (task);

  if (items == NULL)
    return;
  for (guint i = 0; i < items->len; i++)
    if (is_locked (g_ptr_array_index (items, i)))
      {
        return_error (task, g_error_new_literal (SECRET_ERROR, SECRET_ERROR_IS_LOCKED, ""));
        return;
      }
  secret_password_clear (&schema, g_task_get_cancellable (task), on_removed, g_object_ref (task), ATTRIBUTE_NAME,
                         call->name, NULL);
}

static void
lp2p_secret_key_store_remove_async (Lp2pKeyStore *store, const char *name, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task =
      new_task (store, lp2p_secret_key_store_remove_async, name, cancellable, callback, user_data);

  search (task, SECRET_SEARCH_UNLOCK, on_remove_found);
}

/* The class */

static Lp2pIdentity *
lp2p_secret_key_store_load_finish (Lp2pKeyStore *store, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static GPtrArray *
lp2p_secret_key_store_list_finish (Lp2pKeyStore *store, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* Of saving and removing. */
static gboolean
finish_boolean (Lp2pKeyStore *store, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
lp2p_secret_key_store_iface_init (Lp2pKeyStoreInterface *iface)
{
  iface->load_async = lp2p_secret_key_store_load_async;
  iface->load_finish = lp2p_secret_key_store_load_finish;
  iface->save_async = lp2p_secret_key_store_save_async;
  iface->save_finish = finish_boolean;
  iface->list_async = lp2p_secret_key_store_list_async;
  iface->list_finish = lp2p_secret_key_store_list_finish;
  iface->remove_async = lp2p_secret_key_store_remove_async;
  iface->remove_finish = finish_boolean;
}

static void
lp2p_secret_key_store_class_init (Lp2pSecretKeyStoreClass *klass)
{
}

static void
lp2p_secret_key_store_init (Lp2pSecretKeyStore *self)
{
  /* Each task holds a reference to the store, so it is empty when that one goes. */
  g_queue_init (&self->saves);
}

LP2P_PLUGIN_DEFINE ({ "secret", lp2p_secret_key_store_get_type })
