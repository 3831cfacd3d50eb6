/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Loading of key files into a config: first everything is checked, then
 * everything is stored. */

#include "types/lp2p-config-private.h"

#include "types/lp2p-i18n-private.h"

#include <lp2p/types/lp2p-error.h>

#include <string.h>

#define PLUGIN_PREFIX "plugin "

/* A value that passed all checks and will be stored with others at once. */
typedef struct
{
  char *group;
  char *key;
  Lp2pConfigOption *option; /* NULL: the group is not registered */
  GVariant *value;
  char *text;
  guint line;
} Change;

static void
change_free (Change *change)
{
  g_free (change->group);
  g_free (change->key);
  g_clear_pointer (&change->value, g_variant_unref);
  g_free (change->text);
  g_free (change);
}

/* Makes a change of an entry, or nothing yet for the name of a group. */
static Change *
check_entry (Lp2pConfig *self, const Lp2pConfigEntry *entry, const char *name, GError **error)
{
  const Lp2pConfigOrigin origin = { name, entry->line, entry->group, entry->key };
  Lp2pConfigGroup *group = lp2p_config_lookup_group (self, entry->group);
  gboolean registered = group != NULL && group->registered;
  Lp2pConfigOption *option = NULL;
  g_autoptr (GVariant) value = NULL;
  Change *change;

  if (!registered && (!g_str_has_prefix (entry->group, PLUGIN_PREFIX) ||
                       entry->group[strlen (PLUGIN_PREFIX)] == 0))
    {
      lp2p_config_fail (&origin, error, _("unknown group, expected [host] or [plugin NAME]"));
      return NULL;
    }
  if (registered && entry->key != NULL)
    {
      g_autofree char *problem = NULL;

      option = lp2p_config_require_option (self, &origin, error);
      if (option == NULL)
        return NULL;
      value = lp2p_config_option_parse (option, entry->group, entry->value, &problem);
      if (value == NULL)
        {
          lp2p_config_fail (&origin, error, "%s", problem);
          return NULL;
        }
    }

  change = g_new0 (Change, 1);
  change->group = g_strdup (entry->group);
  change->key = g_strdup (entry->key);
  change->option = option;
  change->value = g_steal_pointer (&value);
  change->text = option == NULL ? g_strdup (entry->value) : NULL;
  change->line = entry->line;
  return change;
}

static void
keep_pending (Lp2pConfig *self, Change *change, GRefString *source)
{
  Lp2pConfigGroup *group = lp2p_config_ensure_group (self, change->group);
  Lp2pConfigPending *pending;

  if (change->key == NULL)
    return;
  pending = g_new0 (Lp2pConfigPending, 1);
  pending->text = g_steal_pointer (&change->text);
  pending->source = g_ref_string_acquire (source);
  pending->line = change->line;
  g_hash_table_replace (group->pending, g_strdup (change->key), pending);
}

/* Stores all, and only then lets others look. */
static void
apply_changes (Lp2pConfig *self, GPtrArray *changes, const char *name)
{
  GRefString *source = g_ref_string_new (name);

  for (guint i = 0; i < changes->len; i++)
    {
      Change *change = g_ptr_array_index (changes, i);

      if (change->option == NULL)
        keep_pending (self, change, source);
      else if (!lp2p_config_option_store (change->option, change->value))
        change->option = NULL;
    }
  g_ref_string_release (source);

  g_object_ref (self);
  for (guint i = 0; i < changes->len; i++)
    {
      const Change *change = g_ptr_array_index (changes, i);

      if (change->option != NULL)
        lp2p_config_emit_changed (self, change->group, change->key);
    }
  g_object_unref (self);
}

/* Adds what takes every option that @changes does not name back to its default. */
static void
add_defaults (Lp2pConfig *self, GPtrArray *changes)
{
  g_autoptr (GHashTable) named = g_hash_table_new (NULL, NULL);
  GHashTableIter iter;
  gpointer value;

  for (guint i = 0; i < changes->len; i++)
    g_hash_table_add (named, ((const Change *) g_ptr_array_index (changes, i))->option);

  g_hash_table_iter_init (&iter, self->groups);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Lp2pConfigGroup *group = value;

      if (!group->registered)
        g_hash_table_remove_all (group->pending);
      for (guint i = 0; group->registered && i < group->options->len; i++)
        {
          Lp2pConfigOption *option = g_ptr_array_index (group->options, i);
          Change *change;

          if (option->value == NULL || g_hash_table_contains (named, option))
            continue;
          change = g_new0 (Change, 1);
          change->group = g_strdup (group->name);
          change->key = g_strdup (option->option.name);
          change->option = option;
          change->value = g_variant_ref (option->default_value);
          g_ptr_array_add (changes, change);
        }
    }
}

static gboolean
load_data (Lp2pConfig *self, const char *data, gsize len, const char *name, gboolean replace, GError **error)
{
  g_autoptr (GPtrArray) entries = lp2p_config_parse_data (data, len, name, error);
  g_autoptr (GPtrArray) changes = NULL;

  if (entries == NULL)
    return FALSE;
  changes = g_ptr_array_new_with_free_func ((GDestroyNotify) change_free);
  for (guint i = 0; i < entries->len; i++)
    {
      Change *change = check_entry (self, g_ptr_array_index (entries, i), name, error);

      if (change == NULL)
        return FALSE;
      g_ptr_array_add (changes, change);
    }
  if (replace)
    add_defaults (self, changes);
  apply_changes (self, changes, name);
  return TRUE;
}

static gboolean
load_file (Lp2pConfig *self, const char *path, gboolean replace, GError **error)
{
  gsize len;
  g_autofree char *data = lp2p_config_read_file (path, &len, error);
  g_autofree char *name = g_filename_display_name (path);

  return data != NULL && load_data (self, data, len, name, replace, error);
}

/**
 * lp2p_config_load_data:
 * @self: a config
 * @data: (array length=len) (element-type guint8) (nullable): the contents of a
 *   key file
 * @len: their length in bytes
 * @name_for_errors: what messages call the file
 * @error: return location for a [error@Lp2p.TypesError]
 *
 * Loads the contents of a key file, see [method@Lp2p.Config.load_file].
 *
 * Returns: whether everything was right; else @error is
 *   %LP2P_TYPES_ERROR_INVALID_CONFIG
 */
gboolean
lp2p_config_load_data (Lp2pConfig *self,
                       const char *data,
                       gsize len,
                       const char *name_for_errors,
                       GError **error)
{
  g_return_val_if_fail (LP2P_IS_CONFIG (self), FALSE);
  g_return_val_if_fail (data != NULL || len == 0, FALSE);
  g_return_val_if_fail (name_for_errors != NULL, FALSE);

  return load_data (self, data, len, name_for_errors, FALSE, error);
}

/**
 * lp2p_config_load_file:
 * @self: a config
 * @path: (type filename): a key file
 * @error: return location for a [error@Lp2p.TypesError] or #GIOErrorEnum
 *
 * Loads a key file. Options that it does not name keep their values. An unknown
 * key, a value of a wrong type or out of range, or a line that is neither
 * comment, group nor setting is an error that names file, line, group and key;
 * then nothing of the file is taken. A group `plugin NAME` that is not
 * registered is no error, see [method@Lp2p.Config.get_unknown_groups].
 *
 * Returns: whether the file could be read and everything in it was right
 */
gboolean
lp2p_config_load_file (Lp2pConfig *self, const char *path, GError **error)
{
  g_return_val_if_fail (LP2P_IS_CONFIG (self), FALSE);
  g_return_val_if_fail (path != NULL, FALSE);

  return load_file (self, path, FALSE, error);
}

/**
 * lp2p_config_replace_file:
 * @self: a config
 * @path: (type filename): a key file
 * @error: return location for a [error@Lp2p.TypesError] or #GIOErrorEnum
 *
 * Loads a key file that takes the place of what was set before: options that it
 * does not name have their defaults again. Otherwise as
 * [method@Lp2p.Config.load_file]; if anything in the file is wrong, everything
 * stays as it was. A running host follows.
 *
 * Returns: whether the file could be read and everything in it was right
 */
gboolean
lp2p_config_replace_file (Lp2pConfig *self, const char *path, GError **error)
{
  g_return_val_if_fail (LP2P_IS_CONFIG (self), FALSE);
  g_return_val_if_fail (path != NULL, FALSE);

  return load_file (self, path, TRUE, error);
}

/**
 * lp2p_config_find_default_file:
 *
 * Finds the configuration file that is used unless one is named: `lp2p/lp2p.conf`
 * in the user's configuration directory, or else in the system's.
 *
 * Returns: (transfer full) (nullable) (type filename): its path, or %NULL if
 *   there is none
 */
char *
lp2p_config_find_default_file (void)
{
  const char *const folders[] = { g_get_user_config_dir (), LP2P_SYSCONFDIR };

  for (gsize i = 0; i < G_N_ELEMENTS (folders); i++)
    {
      g_autofree char *path = g_build_filename (folders[i], "lp2p", "lp2p.conf", NULL);

      if (g_file_test (path, G_FILE_TEST_EXISTS))
        return g_steal_pointer (&path);
    }
  return NULL;
}
