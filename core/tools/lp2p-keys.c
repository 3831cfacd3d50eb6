/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Keys in key stores: listing, moving, copying and removing them. */

#include "tools/lp2p-keys-private.h"
#include "types/lp2p-i18n-private.h"

#include "tools/lp2p-output-private.h"
#include "tools/lp2p-session-private.h"

#include <stdio.h>
#include <unistd.h>

#define WHAT "id"

/* The calls */

Lp2pIdentity *
tool_key_load (Lp2pKeyStore *store, const char *name, GError **error)
{
  Lp2pIdentity *identity;
  g_auto (ToolWait) wait;

  tool_wait_init (&wait, 0);
  lp2p_key_store_load_async (store, name, wait.cancellable, tool_wait_ready, &wait);
  identity = lp2p_key_store_load_finish (store, tool_wait_run (&wait), error);
  if (identity == NULL)
    tool_wait_explain (&wait, error);
  return identity;
}

gboolean
tool_key_save (Lp2pKeyStore *store, const char *name, Lp2pIdentity *identity, GError **error)
{
  g_auto (ToolWait) wait;

  tool_wait_init (&wait, 0);
  lp2p_key_store_save_async (store, name, identity, wait.cancellable, tool_wait_ready, &wait);
  return lp2p_key_store_save_finish (store, tool_wait_run (&wait), error) ||
         tool_wait_explain (&wait, error);
}

static GPtrArray *
list_keys (Lp2pKeyStore *store, GError **error)
{
  GPtrArray *keys;
  g_auto (ToolWait) wait;

  tool_wait_init (&wait, 0);
  lp2p_key_store_list_async (store, wait.cancellable, tool_wait_ready, &wait);
  keys = lp2p_key_store_list_finish (store, tool_wait_run (&wait), error);
  if (keys == NULL)
    tool_wait_explain (&wait, error);
  return keys;
}

static gboolean
remove_key (Lp2pKeyStore *store, const char *name, GError **error)
{
  g_auto (ToolWait) wait;

  tool_wait_init (&wait, 0);
  lp2p_key_store_remove_async (store, name, wait.cancellable, tool_wait_ready, &wait);
  return lp2p_key_store_remove_finish (store, tool_wait_run (&wait), error) ||
         tool_wait_explain (&wait, error);
}

static int
fail_in_store (const char *store, const GError *error)
{
  return tool_fail (TOOL_EXIT_FAILURE, WHAT, _("key store %s: %s"), store, error->message);
}

/* Listing */

static void
print_key (const char *store, Lp2pKeyInfo *info, ToolTable *table)
{
  Lp2pPeerId *peer = lp2p_key_info_get_peer_id (info);
  const char *peer_text = peer != NULL ? lp2p_peer_id_get_string (peer) : NULL;
  g_autoptr (ToolJson) object = NULL;

  if (table != NULL)
    {
      tool_table_add (table, TOOL_STYLE_PLAIN, store);
      tool_table_add (table, TOOL_STYLE_PLAIN, lp2p_key_info_get_name (info));
      tool_table_add (table, peer != NULL ? TOOL_STYLE_PLAIN : TOOL_STYLE_BAD,
                      peer != NULL ? peer_text : _("damaged"));
      return;
    }
  object = tool_json_new ();
  tool_json_add_string (object, "store", store);
  tool_json_add_string (object, "name", lp2p_key_info_get_name (info));
  tool_json_add_string (object, "peer_id", peer_text);
  tool_json_print (object);
}

/**
 * tool_keys_list:
 * @config: which key stores are enabled
 * @json: whether to print an object per line
 *
 * Lists the keys of all enabled stores. One that cannot be reached does not hide what is
 * in the others.
 *
 * Returns: %TOOL_EXIT_OK, or %TOOL_EXIT_FAILURE when a store failed
 */
int
tool_keys_list (Lp2pConfig *config, gboolean json)
{
  static const char *const titles[] = { N_("STORE"), N_("NAME"), N_("PEER ID"), NULL };
  g_autoptr (ToolTable) table = json ? NULL : tool_table_new (titles);
  g_auto (GStrv) names = lp2p_key_stores_dup_names (config);
  g_autoptr (GString) failures = g_string_new (NULL);

  for (gsize i = 0; names[i] != NULL; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (Lp2pKeyStore) store = lp2p_key_stores_open (config, names[i], &error);
      g_autoptr (GPtrArray) keys = store != NULL ? list_keys (store, &error) : NULL;

      if (keys == NULL)
        {
          g_string_append (failures, failures->len > 0 ? "; " : "");
          g_string_append_printf (failures, _("key store %s: %s"), names[i], error->message);
        }
      for (guint j = 0; keys != NULL && j < keys->len; j++)
        print_key (names[i], g_ptr_array_index (keys, j), table);
    }
  if (table != NULL)
    tool_table_print (table);
  return failures->len == 0 ? TOOL_EXIT_OK : tool_fail (TOOL_EXIT_FAILURE, WHAT, "%s", failures->str);
}

/* Moving */

static gboolean
is_same_key (Lp2pIdentity *a, Lp2pIdentity *b)
{
  g_autoptr (GBytes) first = lp2p_identity_to_bytes (a, NULL);
  g_autoptr (GBytes) second = lp2p_identity_to_bytes (b, NULL);

  return first != NULL && second != NULL && g_bytes_equal (first, second);
}

/* Has @store keep the key. One that is there already will do if it is the same, so that
 * a move that was interrupted can be done again. What counts is what the store gives
 * back. */
static gboolean
write_and_compare (Lp2pKeyStore *store, const char *name, Lp2pIdentity *identity, GError **error)
{
  g_autoptr (GError) exists = NULL;
  g_autoptr (Lp2pIdentity) kept = NULL;

  if (!tool_key_save (store, name, identity, &exists) &&
      !g_error_matches (exists, G_IO_ERROR, G_IO_ERROR_EXISTS))
    {
      g_propagate_error (error, g_steal_pointer (&exists));
      return FALSE;
    }
  kept = tool_key_load (store, name, error);
  if (kept == NULL)
    {
      g_prefix_error (error, _("reading back what was written: "));
      return FALSE;
    }
  if (is_same_key (kept, identity))
    return TRUE;
  if (exists != NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS, _("it has another key named %s, that of %s"), name,
                 lp2p_peer_id_get_string (lp2p_identity_get_peer_id (kept)));
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                 _("the key that was read back is not the one that was written, but that of %s"),
                 lp2p_peer_id_get_string (lp2p_identity_get_peer_id (kept)));
  return FALSE;
}

/**
 * tool_keys_copy:
 * @config: the configuration
 * @from: the key store that has it
 * @name: the name of the key, the same in both
 * @to: the key store that is to have it
 * @move: whether to remove it where it was
 *
 * Copies a key. Only when the other store gave back the very same key is it removed
 * from the first.
 *
 * Returns: %TOOL_EXIT_OK or %TOOL_EXIT_FAILURE
 */
int
tool_keys_copy (Lp2pConfig *config, const char *from, const char *name, const char *to, gboolean move)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pKeyStore) source = NULL;
  g_autoptr (Lp2pKeyStore) target = NULL;
  g_autoptr (Lp2pIdentity) identity = NULL;

  source = lp2p_key_stores_open (config, from, &error);
  if (source != NULL)
    identity = tool_key_load (source, name, &error);
  if (identity == NULL)
    return fail_in_store (from, error);
  target = lp2p_key_stores_open (config, to, &error);
  if (target == NULL || !write_and_compare (target, name, identity, &error))
    return fail_in_store (to, error);
  if (move && !remove_key (source, name, &error))
    return tool_fail (TOOL_EXIT_FAILURE, WHAT, _("the key is in the key store %s now, but also still in %s: %s"), to,
                      from, error->message);
  return TOOL_EXIT_OK;
}

/* Removing */

static Lp2pKeyInfo *
find_key (Lp2pKeyStore *store, const char *name, GError **error)
{
  g_autoptr (GPtrArray) keys = list_keys (store, error);

  if (keys == NULL)
    return NULL;
  for (guint i = 0; i < keys->len; i++)
    if (g_str_equal (lp2p_key_info_get_name (g_ptr_array_index (keys, i)), name))
      return lp2p_key_info_ref (g_ptr_array_index (keys, i));
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, _("it has no key named %s"), name);
  return NULL;
}

static gboolean
confirm (const char *store, Lp2pKeyInfo *info)
{
  Lp2pPeerId *peer = lp2p_key_info_get_peer_id (info);
  char answer[16];

  tool_print (_("Remove the key %s (%s) from the key store %s for good? [y/N] "), lp2p_key_info_get_name (info),
              peer != NULL ? lp2p_peer_id_get_string (peer) : _("damaged"), store);
  tool_flush ();
  return fgets (answer, sizeof answer, stdin) != NULL && tool_is_yes (answer);
}

/**
 * tool_keys_remove:
 * @config: the configuration
 * @from: the key store that has it
 * @name: the name of the key
 * @force: whether not to ask
 *
 * Removes a key for good, after the user said yes.
 *
 * Returns: %TOOL_EXIT_OK, %TOOL_EXIT_FAILURE, or %TOOL_EXIT_USAGE where nobody is there
 *   to say yes
 */
int
tool_keys_remove (Lp2pConfig *config, const char *from, const char *name, gboolean force)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pKeyStore) store = lp2p_key_stores_open (config, from, &error);
  g_autoptr (Lp2pKeyInfo) info = store != NULL ? find_key (store, name, &error) : NULL;

  if (info == NULL)
    return fail_in_store (from, error);
  if (!force && !isatty (STDIN_FILENO))
    return tool_fail (TOOL_EXIT_USAGE, WHAT, _("nobody is there to confirm that the key %s goes; --force removes it"),
                      name);
  if (!force && !confirm (from, info))
    return tool_fail (TOOL_EXIT_FAILURE, WHAT, _("the key %s was left where it is"), name);
  return remove_key (store, name, &error) ? TOOL_EXIT_OK : fail_in_store (from, error);
}
