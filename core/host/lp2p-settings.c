/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/host/lp2p-settings.h>

#include <lp2p/plugin/lp2p-registry.h>

#include <string.h>

#define HOST_SCHEMA "org.lp2p.Host"

/* A group that follows GSettings; lives as long as its config. */
typedef struct
{
  Lp2pConfig *config; /* not owned */
  char *group;
  GSettings *settings;
  gulong handler;
} Binding;

static void
binding_free (gpointer pointer)
{
  Binding *self = pointer;

  g_signal_handler_disconnect (self->settings, self->handler);
  g_object_unref (self->settings);
  g_free (self->group);
  g_free (self);
}

/* By way of a key file's text, because the group of a plugin that has not started
 * yet takes nothing else. */
static void
take_over (Binding *self, const char *key, GVariant *value)
{
  g_autofree char *text = g_variant_print (value, FALSE);
  g_autofree char *line = g_strdup_printf ("[%s]\n%s=%s\n", self->group, key, text);
  g_autoptr (GError) error = NULL;

  if (!lp2p_config_load_data (self->config, line, strlen (line), "GSettings", &error))
    g_warning ("%s", error->message);
}

static void
on_changed (GSettings *settings, const char *key, gpointer user_data)
{
  g_autoptr (GVariant) value = g_settings_get_value (settings, key);

  take_over (user_data, key, value);
}

static void
take_over_all (Binding *self, GSettingsSchema *schema)
{
  g_auto (GStrv) keys = g_settings_schema_list_keys (schema);

  for (gsize i = 0; keys[i] != NULL; i++)
    {
      /* What nobody has set leaves the config's own value alone. */
      g_autoptr (GVariant) value = g_settings_get_user_value (self->settings, keys[i]);

      if (value != NULL)
        take_over (self, keys[i], value);
    }
}

/**
 * lp2p_settings_bind:
 * @config: a config
 * @group: the group, `host` or `plugin NAME`
 * @settings: settings of the group's schema, `org.lp2p.Host` or
 *   `org.lp2p.plugin.NAME`
 *
 * Takes the values over that are set in @settings, now and whenever they change,
 * as long as @config lives. A value that the option does not take is left out with
 * a warning.
 *
 * The schemas have no path, so that each application keeps its own values. A
 * running host follows its config: a preferences dialog needs only
 * [class@Gio.Settings].
 */
void
lp2p_settings_bind (Lp2pConfig *config, const char *group, GSettings *settings)
{
  g_autoptr (GSettingsSchema) schema = NULL;
  g_autofree char *name = NULL;
  Binding *self;

  g_return_if_fail (LP2P_IS_CONFIG (config));
  g_return_if_fail (group != NULL);
  g_return_if_fail (G_IS_SETTINGS (settings));

  self = g_new0 (Binding, 1);
  self->config = config;
  self->group = g_strdup (group);
  self->settings = g_object_ref (settings);
  self->handler = g_signal_connect (settings, "changed", G_CALLBACK (on_changed), self);
  name = g_strconcat ("lp2p-settings-", group, NULL);
  g_object_set_data_full (G_OBJECT (config), name, self, binding_free);
  g_object_get (settings, "settings-schema", &schema, NULL);
  take_over_all (self, schema);
}

/* Unlike g_settings_new(), does not end the process when the schema is absent. */
static gboolean
bind_schema (Lp2pConfig *config, const char *group, const char *schema_id, const char *path)
{
  GSettingsSchemaSource *source = g_settings_schema_source_get_default ();
  g_autoptr (GSettingsSchema) schema = NULL;
  g_autoptr (GSettings) settings = NULL;

  if (source != NULL)
    schema = g_settings_schema_source_lookup (source, schema_id, TRUE);
  if (schema == NULL || g_settings_schema_get_path (schema) != NULL)
    return FALSE;
  settings = g_settings_new_full (schema, NULL, path);
  lp2p_settings_bind (config, group, settings);
  return TRUE;
}

/**
 * lp2p_settings_bind_all:
 * @config: a config
 * @path: where the values are kept, such as `/org/example/Chat/lp2p/`
 *
 * Binds the group of the host at @path, and those of all installed loadable
 * objects whose descriptors name a schema at `plugin/NAME/` below it, see
 * [func@settings_bind]. A schema that is not installed is no error.
 *
 * Returns: how many schemas are installed
 */
guint
lp2p_settings_bind_all (Lp2pConfig *config, const char *path)
{
  g_autoptr (Lp2pRegistry) registry = NULL;
  GListModel *descriptors;
  guint n;

  g_return_val_if_fail (LP2P_IS_CONFIG (config), 0);
  g_return_val_if_fail (path != NULL && path[0] == '/' && g_str_has_suffix (path, "/"), 0);

  n = bind_schema (config, LP2P_CONFIG_GROUP_HOST, HOST_SCHEMA, path) ? 1 : 0;
  registry = lp2p_registry_new (config);
  lp2p_registry_scan (registry);
  descriptors = lp2p_registry_get_descriptors (registry);
  for (guint i = 0; i < g_list_model_get_n_items (descriptors); i++)
    {
      g_autoptr (Lp2pDescriptor) descriptor = g_list_model_get_item (descriptors, i);
      const char *name = lp2p_descriptor_get_name (descriptor);
      const char *schema = lp2p_descriptor_get_schema (descriptor);
      g_autofree char *group = g_strdup_printf ("plugin %s", name);
      g_autofree char *below = g_strdup_printf ("%splugin/%s/", path, name);

      if (schema != NULL && lp2p_registry_find (registry, name) == descriptor &&
          bind_schema (config, group, schema, below))
        n++;
    }
  return n;
}
