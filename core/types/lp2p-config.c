/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "types/lp2p-config-private.h"
#include "types/lp2p-i18n-private.h"

#include <lp2p/types/lp2p-error.h>
#include <lp2p/types/lp2p-quote.h>

#include <string.h>

enum
{
  SIGNAL_CHANGED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

/**
 * Lp2pConfig:
 *
 * The options of a host and of its plugins.
 *
 * Options stand in groups: `host` has the library's own, `plugin NAME` those
 * that the plugin NAME has registered. Each has a type, a default and sometimes
 * a range, and no value that violates them is ever stored.
 *
 * Key files are read as groups in brackets with `key=value` lines, the values
 * being GVariant text:
 *
 * ```ini
 * [host]
 * transports=['tcp', 'quic-v1']
 * listen=['/ip4/0.0.0.0/tcp/4001']
 * handshake-timeout=10
 *
 * [plugin quic-v1]
 * idle-timeout=30
 * ```
 *
 * A plugin's group may be loaded before the plugin: its values are then kept as
 * text until [method@Lp2p.Config.register_group].
 *
 * A config belongs to the thread of the host that uses it.
 */
G_DEFINE_FINAL_TYPE (Lp2pConfig, lp2p_config, G_TYPE_OBJECT)

static void
pending_free (Lp2pConfigPending *pending)
{
  g_free (pending->text);
  g_ref_string_release (pending->source);
  g_free (pending);
}

static void
group_free (Lp2pConfigGroup *group)
{
  g_free (group->name);
  g_ptr_array_unref (group->options);
  g_hash_table_unref (group->pending);
  g_free (group);
}

static void
lp2p_config_finalize (GObject *object)
{
  Lp2pConfig *self = LP2P_CONFIG (object);

  g_hash_table_unref (self->groups);
  G_OBJECT_CLASS (lp2p_config_parent_class)->finalize (object);
}

static void
lp2p_config_class_init (Lp2pConfigClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = lp2p_config_finalize;

  /**
   * Lp2pConfig::changed:
   * @self: the config
   * @group: the group of the option
   * @key: the option
   *
   * Emitted after the value of an option became another one. When a file
   * changes several, all are stored before the first emission. The detail is
   * `group:key`: connect to `changed::host:listen` for a single option.
   */
  signals[SIGNAL_CHANGED] =
      g_signal_new ("changed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST | G_SIGNAL_DETAILED, 0,
                    NULL, NULL, NULL, G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_STRING);
}

/*
 * lp2p_config_fail:
 *
 * Sets an error that says where something is wrong.
 *
 * Returns: %FALSE
 */
gboolean
lp2p_config_fail (const Lp2pConfigOrigin *origin, GError **error, const char *format, ...)
{
  g_autoptr (GString) message = g_string_new (NULL);
  g_autofree char *group = g_strescape (origin->group, NULL);
  va_list args;

  if (origin->source != NULL)
    g_string_append_printf (message, "%s:%u: ", origin->source, origin->line);
  g_string_append_printf (message, "[%.64s]", group);
  if (origin->key != NULL)
    {
      g_autofree char *key = g_strescape (origin->key, NULL);
      g_string_append_printf (message, " %.64s", key);
    }
  g_string_append (message, ": ");
  va_start (args, format);
  g_string_append_vprintf (message, format, args);
  va_end (args);

  g_set_error_literal (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_CONFIG, message->str);
  return FALSE;
}

Lp2pConfigGroup *
lp2p_config_lookup_group (Lp2pConfig *self, const char *name)
{
  return g_hash_table_lookup (self->groups, name);
}

Lp2pConfigGroup *
lp2p_config_ensure_group (Lp2pConfig *self, const char *name)
{
  Lp2pConfigGroup *group = lp2p_config_lookup_group (self, name);

  if (group == NULL)
    {
      group = g_new0 (Lp2pConfigGroup, 1);
      group->name = g_strdup (name);
      group->options =
          g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_config_option_free);
      group->pending =
          g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) pending_free);
      g_hash_table_insert (self->groups, group->name, group);
    }
  return group;
}

static Lp2pConfigOption *
find_option (GPtrArray *options, const char *key)
{
  for (guint i = 0; i < options->len; i++)
    {
      Lp2pConfigOption *option = g_ptr_array_index (options, i);
      if (g_str_equal (option->option.name, key))
        return option;
    }
  return NULL;
}

static Lp2pConfigOption *
lookup_option (Lp2pConfig *self, const char *group_name, const char *key)
{
  Lp2pConfigGroup *group = lp2p_config_lookup_group (self, group_name);

  return group != NULL && group->registered ? find_option (group->options, key) : NULL;
}

static gboolean
fail_unknown_key (const Lp2pConfigOrigin *origin, GPtrArray *options, GError **error)
{
  g_autoptr (GString) names = g_string_new (NULL);

  for (guint i = 0; i < options->len; i++)
    {
      Lp2pConfigOption *option = g_ptr_array_index (options, i);
      g_string_append_printf (names, "%s%s", i > 0 ? ", " : "", option->option.name);
    }
  return lp2p_config_fail (origin, error, _("unknown key, expected one of: %s"),
                           options->len > 0 ? names->str : _("(none)"));
}

/* Finds the option that is to be set from outside. */
Lp2pConfigOption *
lp2p_config_require_option (Lp2pConfig *self, const Lp2pConfigOrigin *origin, GError **error)
{
  Lp2pConfigGroup *group = lp2p_config_lookup_group (self, origin->group);
  Lp2pConfigOption *option;

  if (group == NULL || !group->registered)
    {
      lp2p_config_fail (origin, error, _("unknown group"));
      return NULL;
    }
  option = find_option (group->options, origin->key);
  if (option == NULL)
    fail_unknown_key (origin, group->options, error);
  return option;
}

void
lp2p_config_emit_changed (Lp2pConfig *self, const char *group, const char *key)
{
  g_autofree char *detail = g_strconcat (group, ":", key, NULL);

  /* Only names of registered options become quarks. */
  g_signal_emit (self, signals[SIGNAL_CHANGED], g_quark_from_string (detail), group, key);
}

/* Parses the values of a group of which the options have become known. */
static gboolean
parse_pending (Lp2pConfigGroup *group, GPtrArray *options, GError **error)
{
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, group->pending);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      const Lp2pConfigPending *pending = value;
      const Lp2pConfigOrigin origin = { pending->source, pending->line, group->name, key };
      Lp2pConfigOption *option = find_option (options, key);
      g_autofree char *problem = NULL;

      if (option == NULL)
        return fail_unknown_key (&origin, options, error);
      option->value = lp2p_config_option_parse (option, group->name, pending->text, &problem);
      if (option->value == NULL)
        return lp2p_config_fail (&origin, error, "%s", problem);
    }
  return TRUE;
}

static GPtrArray *
copy_options (const char *group, const Lp2pOption *options, gsize n_options, GError **error)
{
  g_autoptr (GPtrArray) copies =
      g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_config_option_free);

  for (gsize i = 0; i < n_options; i++)
    {
      g_autofree char *problem = NULL;
      const Lp2pConfigOrigin origin = { NULL, 0, group, options[i].name };
      Lp2pConfigOption *copy = lp2p_config_option_new (&options[i], &problem);

      if (copy != NULL && find_option (copies, copy->option.name) != NULL)
        {
          g_clear_pointer (&copy, lp2p_config_option_free);
          problem = g_strdup (_("the option is there twice"));
        }
      if (copy == NULL)
        {
          lp2p_config_fail (&origin, error, _("option table: %s"), problem);
          return NULL;
        }
      g_ptr_array_add (copies, copy);
    }
  return g_steal_pointer (&copies);
}

static gboolean
has_same_options (const Lp2pConfigGroup *group, GPtrArray *options)
{
  if (group->options->len != options->len)
    return FALSE;
  for (guint i = 0; i < options->len; i++)
    if (!lp2p_config_option_is_same (g_ptr_array_index (group->options, i),
                                     g_ptr_array_index (options, i)))
      return FALSE;
  return TRUE;
}

/**
 * lp2p_config_register_group: (skip)
 * @self: a config
 * @group: the name of the group, such as `plugin quic-v1`
 * @options: (array length=n_options): its options, which are copied
 * @n_options: how many there are
 * @error: return location for a [error@Lp2p.TypesError]
 *
 * Makes a group of options known. Values that were loaded for it before are
 * checked now; if one is wrong, the group stays unregistered. Registering the
 * same options again does nothing, so that several hosts may share a config.
 *
 * Returns: whether the group is registered; else @error is
 *   %LP2P_TYPES_ERROR_INVALID_CONFIG
 */
gboolean
lp2p_config_register_group (Lp2pConfig *self,
                            const char *group,
                            const Lp2pOption *options,
                            gsize n_options,
                            GError **error)
{
  const Lp2pConfigOrigin origin = { NULL, 0, group, NULL };
  g_autoptr (GPtrArray) copies = NULL;
  Lp2pConfigGroup *found;

  g_return_val_if_fail (LP2P_IS_CONFIG (self), FALSE);
  g_return_val_if_fail (group != NULL, FALSE);
  g_return_val_if_fail (options != NULL || n_options == 0, FALSE);

  copies = copy_options (group, options, n_options, error);
  if (copies == NULL)
    return FALSE;

  found = lp2p_config_lookup_group (self, group);
  if (found != NULL && found->registered)
    return has_same_options (found, copies) ||
           lp2p_config_fail (&origin, error, _("the group is registered with other options"));
  if (found != NULL && !parse_pending (found, copies, error))
    return FALSE;

  found = lp2p_config_ensure_group (self, group);
  found->registered = TRUE;
  g_ptr_array_unref (found->options);
  found->options = g_steal_pointer (&copies);
  g_hash_table_remove_all (found->pending);
  return TRUE;
}

static void
lp2p_config_init (Lp2pConfig *self)
{
  g_autoptr (GError) error = NULL;
  gsize n_options;
  const Lp2pOption *options = lp2p_config_get_host_options (&n_options);

  self->groups =
      g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) group_free);
  if (!lp2p_config_register_group (self, LP2P_CONFIG_GROUP_HOST, options, n_options, &error))
    g_error ("%s", error->message);
}

/**
 * lp2p_config_new:
 *
 * Makes a config in which every option has its default.
 *
 * Returns: (transfer full): the config
 */
Lp2pConfig *
lp2p_config_new (void)
{
  return g_object_new (LP2P_TYPE_CONFIG, NULL);
}

static int
compare_strings (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static char **
list_groups (Lp2pConfig *self, gboolean registered)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->groups);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const Lp2pConfigGroup *group = value;

      if (group->registered == registered)
        g_ptr_array_add (names, g_strdup (group->name));
    }
  g_ptr_array_sort (names, compare_strings);
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&names), FALSE);
}

/**
 * lp2p_config_validate:
 * @self: a config
 * @error: return location for a [error@Lp2p.TypesError]
 *
 * Checks the values of groups that are not registered, as far as it can be told
 * without their options: they must be GVariant text. All other values are
 * checked before they are stored.
 *
 * Returns: whether nothing wrong was found; else @error is
 *   %LP2P_TYPES_ERROR_INVALID_CONFIG
 */
gboolean
lp2p_config_validate (Lp2pConfig *self, GError **error)
{
  GHashTableIter groups, values;
  gpointer group_value, key, value;

  g_return_val_if_fail (LP2P_IS_CONFIG (self), FALSE);

  g_hash_table_iter_init (&groups, self->groups);
  while (g_hash_table_iter_next (&groups, NULL, &group_value))
    {
      const Lp2pConfigGroup *group = group_value;

      g_hash_table_iter_init (&values, group->pending);
      while (g_hash_table_iter_next (&values, &key, &value))
        {
          const Lp2pConfigPending *pending = value;
          const Lp2pConfigOrigin origin = { pending->source, pending->line, group->name, key };
          g_autoptr (GError) problem = NULL;
          g_autoptr (GVariant) parsed =
              g_variant_parse (NULL, pending->text, NULL, NULL, &problem);
          g_autofree char *quoted = lp2p_quote (pending->text, strlen (pending->text));

          /* Some texts, such as [], have a value only where the type is known. */
          if (parsed == NULL &&
              !g_error_matches (problem, G_VARIANT_PARSE_ERROR,
                                G_VARIANT_PARSE_ERROR_CANNOT_INFER_TYPE))
            return lp2p_config_fail (&origin, error, _("got %s (%s), expected GVariant text"), quoted,
                         problem->message + strspn (problem->message, "0123456789-,:"));
        }
    }
  return TRUE;
}

/**
 * lp2p_config_get_unknown_groups:
 * @self: a config
 *
 * Lists the groups that were loaded but never registered: those of plugins that
 * are not installed or not enabled. They are worth a warning.
 *
 * Returns: (transfer full) (array zero-terminated=1): their names, sorted
 */
char **
lp2p_config_get_unknown_groups (Lp2pConfig *self)
{
  g_return_val_if_fail (LP2P_IS_CONFIG (self), NULL);

  return list_groups (self, FALSE);
}

/**
 * lp2p_config_list_groups:
 * @self: a config
 *
 * Lists the registered groups, `host` among them.
 *
 * Returns: (transfer full) (array zero-terminated=1): their names, sorted
 */
char **
lp2p_config_list_groups (Lp2pConfig *self)
{
  g_return_val_if_fail (LP2P_IS_CONFIG (self), NULL);

  return list_groups (self, TRUE);
}

/**
 * lp2p_config_list_options: (skip)
 * @self: a config
 * @group: a group
 * @n_options: (out): return location for the number of options
 *
 * Lists the options of a registered group.
 *
 * Returns: (transfer container) (nullable) (array length=n_options): the
 *   options, which live as long as @self; %NULL if the group is not registered
 */
const Lp2pOption **
lp2p_config_list_options (Lp2pConfig *self, const char *group, gsize *n_options)
{
  Lp2pConfigGroup *found;
  const Lp2pOption **options;

  g_return_val_if_fail (LP2P_IS_CONFIG (self), NULL);
  g_return_val_if_fail (group != NULL, NULL);
  g_return_val_if_fail (n_options != NULL, NULL);

  *n_options = 0;
  found = lp2p_config_lookup_group (self, group);
  if (found == NULL || !found->registered)
    return NULL;

  options = g_new (const Lp2pOption *, found->options->len + 1);
  for (guint i = 0; i < found->options->len; i++)
    {
      const Lp2pConfigOption *option = g_ptr_array_index (found->options, i);
      options[i] = &option->option;
    }
  options[found->options->len] = NULL;
  *n_options = found->options->len;
  return options;
}

/**
 * lp2p_config_get:
 * @self: a config
 * @group: a group
 * @key: an option of the group
 *
 * Gets the value of an option, its default if none was set.
 *
 * Returns: (transfer full) (nullable): the value, or %NULL if the group is not
 *   registered or has no such option
 */
GVariant *
lp2p_config_get (Lp2pConfig *self, const char *group, const char *key)
{
  const Lp2pConfigOption *option;

  g_return_val_if_fail (LP2P_IS_CONFIG (self), NULL);
  g_return_val_if_fail (group != NULL, NULL);
  g_return_val_if_fail (key != NULL, NULL);

  option = lookup_option (self, group, key);
  return option != NULL ? g_variant_ref (lp2p_config_option_get (option)) : NULL;
}

/**
 * lp2p_config_set:
 * @self: a config
 * @group: a registered group
 * @key: an option of the group
 * @value: the new value; consumed if it is floating
 * @error: return location for a [error@Lp2p.TypesError]
 *
 * Sets an option.
 *
 * Returns: whether the value is stored; else @error is
 *   %LP2P_TYPES_ERROR_INVALID_CONFIG
 */
gboolean
lp2p_config_set (Lp2pConfig *self,
                 const char *group,
                 const char *key,
                 GVariant *value,
                 GError **error)
{
  const Lp2pConfigOrigin origin = { NULL, 0, group, key };
  g_autoptr (GVariant) sunk = NULL;
  g_autofree char *problem = NULL;
  Lp2pConfigOption *option;

  g_return_val_if_fail (LP2P_IS_CONFIG (self), FALSE);
  g_return_val_if_fail (group != NULL, FALSE);
  g_return_val_if_fail (key != NULL, FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  sunk = g_variant_ref_sink (value);
  option = lp2p_config_require_option (self, &origin, error);
  if (option == NULL)
    return FALSE;
  if (!lp2p_config_option_check (option, group, sunk, &problem))
    return lp2p_config_fail (&origin, error, "%s", problem);
  if (lp2p_config_option_store (option, sunk))
    lp2p_config_emit_changed (self, group, key);
  return TRUE;
}

/**
 * lp2p_config_set_from_string:
 * @self: a config
 * @group: a registered group
 * @key: an option of the group
 * @text: the new value as GVariant text
 * @error: return location for a [error@Lp2p.TypesError]
 *
 * Sets an option as a line of a key file does.
 *
 * Returns: whether the value is stored; else @error is
 *   %LP2P_TYPES_ERROR_INVALID_CONFIG
 */
gboolean
lp2p_config_set_from_string (Lp2pConfig *self,
                             const char *group,
                             const char *key,
                             const char *text,
                             GError **error)
{
  const Lp2pConfigOrigin origin = { NULL, 0, group, key };
  g_autoptr (GVariant) value = NULL;
  g_autofree char *problem = NULL;
  Lp2pConfigOption *option;

  g_return_val_if_fail (LP2P_IS_CONFIG (self), FALSE);
  g_return_val_if_fail (group != NULL, FALSE);
  g_return_val_if_fail (key != NULL, FALSE);
  g_return_val_if_fail (text != NULL, FALSE);

  option = lp2p_config_require_option (self, &origin, error);
  if (option == NULL)
    return FALSE;
  value = lp2p_config_option_parse (option, group, text, &problem);
  if (value == NULL)
    return lp2p_config_fail (&origin, error, "%s", problem);
  if (lp2p_config_option_store (option, value))
    lp2p_config_emit_changed (self, group, key);
  return TRUE;
}
