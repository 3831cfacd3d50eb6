/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/plugin/lp2p-registry.h>

#include "plugin/lp2p-descriptor-private.h"
#include "types/lp2p-i18n-private.h"

#include <lp2p/interfaces/lp2p-context.h>
#include <lp2p/interfaces/lp2p-key-store.h>
#include <lp2p/plugin/lp2p-loader.h>

#include <string.h>

#define PATH_VARIABLE "LP2P_PLUGIN_PATH"

/**
 * Lp2pRegistry:
 *
 * Which loadable objects there are, which of them a configuration enables, and
 * how loading them went. Each host has one; what is loaded is shared by all hosts
 * of the process.
 *
 * Since: 1.0
 */
struct _Lp2pRegistry
{
  GObject parent_instance;

  Lp2pConfig *config;
  GListStore *descriptors;
  GHashTable *by_name;  /* name -> descriptor that has it; borrowed of the store */
  GHashTable *by_file;  /* path -> descriptor, likewise */
  GHashTable *reported; /* names whose failure was logged */
};

G_DEFINE_FINAL_TYPE (Lp2pRegistry, lp2p_registry, G_TYPE_OBJECT)

enum
{
  PROP_0,
  PROP_CONFIG,
  N_PROPS,
};

static GParamSpec *properties[N_PROPS];

/* The option that lists the enabled objects of a kind, in the order of preference. */
static const struct
{
  const char *kind;
  const char *option;
} kind_options[] = {
  { LP2P_KIND_TRANSPORT, "transports" }, { LP2P_KIND_SECURITY, "security" },
  { LP2P_KIND_MUXER, "muxers" },         { LP2P_KIND_SERVICE, "services" },
  { LP2P_KIND_DISCOVERY, "discovery" },  { LP2P_KIND_KEY_STORE, "key-stores" },
};

static void
lp2p_registry_finalize (GObject *object)
{
  Lp2pRegistry *self = LP2P_REGISTRY (object);

  g_clear_pointer (&self->by_name, g_hash_table_unref);
  g_clear_pointer (&self->by_file, g_hash_table_unref);
  g_clear_pointer (&self->reported, g_hash_table_unref);
  g_clear_object (&self->descriptors);
  g_clear_object (&self->config);
  G_OBJECT_CLASS (lp2p_registry_parent_class)->finalize (object);
}

static void
lp2p_registry_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  Lp2pRegistry *self = LP2P_REGISTRY (object);

  switch (id)
    {
    case PROP_CONFIG:
      g_value_set_object (value, self->config);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
lp2p_registry_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  Lp2pRegistry *self = LP2P_REGISTRY (object);

  switch (id)
    {
    case PROP_CONFIG:
      self->config = g_value_dup_object (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
lp2p_registry_class_init (Lp2pRegistryClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = lp2p_registry_finalize;
  object_class->get_property = lp2p_registry_get_property;
  object_class->set_property = lp2p_registry_set_property;

  /**
   * Lp2pRegistry:config:
   *
   * What is enabled, and where to look besides the usual folders.
   */
  properties[PROP_CONFIG] =
      g_param_spec_object ("config", NULL, NULL, LP2P_TYPE_CONFIG,
                           G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
lp2p_registry_init (Lp2pRegistry *self)
{
  self->descriptors = g_list_store_new (LP2P_TYPE_DESCRIPTOR);
  self->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  self->by_file = g_hash_table_new (g_str_hash, g_str_equal);
  self->reported = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}

/**
 * lp2p_registry_new:
 * @config: the configuration of the host
 *
 * Makes a registry of the loadable objects that a host with this configuration
 * finds.
 *
 * Returns: (transfer full): a registry that knows nothing yet, see
 *   [method@Registry.scan]
 *
 * Since: 1.0
 */
Lp2pRegistry *
lp2p_registry_new (Lp2pConfig *config)
{
  g_return_val_if_fail (LP2P_IS_CONFIG (config), NULL);
  return g_object_new (LP2P_TYPE_REGISTRY, "config", config, NULL);
}

/* Adds a folder unless it is there already, by whatever name. */
static void
add_folder (GStrvBuilder *path, GHashTable *seen, const char *folder)
{
  g_autofree char *absolute = NULL;
  g_autofree char *resolved = NULL;

  if (folder[0] == '\0')
    return;
  absolute = g_canonicalize_filename (folder, NULL);
  resolved = realpath (absolute, NULL);
  if (g_hash_table_add (seen, g_strdup (resolved != NULL ? resolved : absolute)))
    g_strv_builder_add (path, absolute);
}

/**
 * lp2p_registry_dup_search_path:
 * @self: a registry
 *
 * Tells in which folders descriptors are looked for, the first one first: those
 * of the option `plugin-path`, those of the environment variable
 * `LP2P_PLUGIN_PATH`, which are separated by colons and ignored in a process that
 * is set-uid, and the one of the installation.
 *
 * Returns: (transfer full) (array zero-terminated=1): absolute paths
 *
 * Since: 1.0
 */
char **
lp2p_registry_dup_search_path (Lp2pRegistry *self)
{
  g_autoptr (GStrvBuilder) path = g_strv_builder_new ();
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_auto (GStrv) configured = NULL;
  const char *variable = g_getenv (PATH_VARIABLE);

  g_return_val_if_fail (LP2P_IS_REGISTRY (self), NULL);

  configured = lp2p_config_get_strv (self->config, LP2P_CONFIG_GROUP_HOST, "plugin-path");
  for (gsize i = 0; configured != NULL && configured[i] != NULL; i++)
    add_folder (path, seen, configured[i]);

  if (variable != NULL && lp2p_loader_is_privileged ())
    {
      g_debug ("%s is ignored as this process is set-uid", PATH_VARIABLE);
    }
  else if (variable != NULL)
    {
      g_auto (GStrv) folders = g_strsplit (variable, ":", -1);

      for (gsize i = 0; folders[i] != NULL; i++)
        add_folder (path, seen, folders[i]);
    }

  add_folder (path, seen, LP2P_PLUGINDIR);
  return g_strv_builder_end (path);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* The order of a folder's entries is that of the disk, so they are sorted: which
 * of two descriptors with the same name comes first must not depend on it. */
static GPtrArray *
list_descriptor_files (const char *folder)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = g_dir_open (folder, 0, &error);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *name;

  if (dir == NULL)
    {
      if (g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        g_debug ("%s: no such folder", folder);
      else
        g_message ("%s", error->message);
      return g_steal_pointer (&names);
    }
  while ((name = g_dir_read_name (dir)) != NULL)
    if (g_str_has_suffix (name, ".plugin") && name[0] != '.')
      g_ptr_array_add (names, g_build_filename (folder, name, NULL));
  g_ptr_array_sort (names, compare_names);
  return g_steal_pointer (&names);
}

/* The first descriptor that can be used gets the name: one that is wrong must not
 * stand in the way of one that works. */
static void
claim_name (Lp2pRegistry *self, Lp2pDescriptor *descriptor)
{
  const char *name = lp2p_descriptor_get_name (descriptor);
  Lp2pDescriptor *first = g_hash_table_lookup (self->by_name, name);
  g_autoptr (GError) error = NULL;

  if (first == NULL)
    {
      g_hash_table_insert (self->by_name, (gpointer) name, descriptor);
      return;
    }
  g_set_error (&error, LP2P_ERROR, LP2P_ERROR_PLUGIN,
               _("%s: duplicate name \"%s\", which %s has already"),
               lp2p_descriptor_get_file (descriptor), name, lp2p_descriptor_get_file (first));
  g_debug ("%s", error->message);
  lp2p_descriptor_set_error (descriptor, error);
}

static void
add_descriptor (Lp2pRegistry *self, const char *file)
{
  g_autoptr (Lp2pDescriptor) descriptor = NULL;

  if (g_hash_table_contains (self->by_file, file))
    return;
  descriptor = lp2p_descriptor_new (file);
  if (lp2p_descriptor_get_error (descriptor) == NULL)
    {
      claim_name (self, descriptor);
    }
  else
    {
      g_message ("%s", lp2p_descriptor_get_error (descriptor)->message);
      if (lp2p_descriptor_get_name (descriptor) != NULL)
        g_hash_table_add (self->reported, g_strdup (lp2p_descriptor_get_name (descriptor)));
    }
  g_list_store_append (self->descriptors, descriptor);
  g_hash_table_insert (self->by_file, (gpointer) lp2p_descriptor_get_file (descriptor), descriptor);
}

/**
 * lp2p_registry_scan:
 * @self: a registry
 *
 * Reads all descriptors in the search path; nothing is loaded. Doing it again
 * adds those that are new.
 *
 * Since: 1.0
 */
void
lp2p_registry_scan (Lp2pRegistry *self)
{
  g_auto (GStrv) path = NULL;

  g_return_if_fail (LP2P_IS_REGISTRY (self));

  path = lp2p_registry_dup_search_path (self);
  for (gsize i = 0; path[i] != NULL; i++)
    {
      g_autoptr (GPtrArray) files = list_descriptor_files (path[i]);

      for (guint j = 0; j < files->len; j++)
        add_descriptor (self, g_ptr_array_index (files, j));
    }
}

/**
 * lp2p_registry_get_descriptors:
 * @self: a registry
 *
 * Lists what the last scan found, in the order of the search path, those that
 * cannot be used among them.
 *
 * Returns: (transfer none): a list of [class@Descriptor]
 *
 * Since: 1.0
 */
GListModel *
lp2p_registry_get_descriptors (Lp2pRegistry *self)
{
  g_return_val_if_fail (LP2P_IS_REGISTRY (self), NULL);
  return G_LIST_MODEL (self->descriptors);
}

/**
 * lp2p_registry_find:
 * @self: a registry
 * @name: the name of a loadable object
 *
 * Looks up a descriptor by name. Where only descriptors that cannot be used have
 * it, one of those is returned.
 *
 * Returns: (transfer none) (nullable): the descriptor
 *
 * Since: 1.0
 */
Lp2pDescriptor *
lp2p_registry_find (Lp2pRegistry *self, const char *name)
{
  Lp2pDescriptor *found;
  guint n;

  g_return_val_if_fail (LP2P_IS_REGISTRY (self), NULL);
  g_return_val_if_fail (name != NULL, NULL);

  found = g_hash_table_lookup (self->by_name, name);
  if (found != NULL)
    return found;

  n = g_list_model_get_n_items (G_LIST_MODEL (self->descriptors));
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (Lp2pDescriptor) descriptor =
          g_list_model_get_item (G_LIST_MODEL (self->descriptors), i);

      /* The store keeps its own reference. */
      if (g_strcmp0 (lp2p_descriptor_get_name (descriptor), name) == 0)
        return descriptor;
    }
  return NULL;
}

/* To be the key store of the configuration is to be enabled; the one of files is not
 * loaded. */
static char **
dup_key_stores (Lp2pRegistry *self)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) listed = lp2p_config_get_strv (self->config, LP2P_CONFIG_GROUP_HOST, "key-stores");
  g_autofree char *chosen = lp2p_config_get_string (self->config, LP2P_CONFIG_GROUP_HOST, "key-store");
  g_autofree char *fallback = lp2p_config_get_string (self->config, LP2P_CONFIG_GROUP_HOST, "key-store-fallback");
  const char *const named[] = { chosen, fallback };

  for (gsize i = 0; listed[i] != NULL; i++)
    if (!g_str_equal (listed[i], LP2P_KEY_STORE_FILE))
      g_strv_builder_add (builder, listed[i]);
  for (gsize i = 0; i < G_N_ELEMENTS (named); i++)
    if (named[i][0] != '\0' && !g_str_equal (named[i], LP2P_KEY_STORE_FILE) &&
        !g_strv_contains ((const char *const *) listed, named[i]) && (i == 0 || !g_str_equal (named[i], named[0])))
      g_strv_builder_add (builder, named[i]);
  return g_strv_builder_end (builder);
}

/**
 * lp2p_registry_dup_enabled:
 * @self: a registry
 * @kind: which kind, such as %LP2P_KIND_TRANSPORT
 *
 * Lists what the configuration enables of a kind, installed or not.
 *
 * Returns: (transfer full) (nullable) (array zero-terminated=1): the names, in the
 *   order of the configuration; %NULL for a kind that there is not
 *
 * Since: 1.0
 */
char **
lp2p_registry_dup_enabled (Lp2pRegistry *self, const char *kind)
{
  g_return_val_if_fail (LP2P_IS_REGISTRY (self), NULL);
  g_return_val_if_fail (kind != NULL, NULL);

  if (g_str_equal (kind, LP2P_KIND_KEY_STORE))
    return dup_key_stores (self);
  for (gsize i = 0; i < G_N_ELEMENTS (kind_options); i++)
    if (g_str_equal (kind_options[i].kind, kind))
      return lp2p_config_get_strv (self->config, LP2P_CONFIG_GROUP_HOST, kind_options[i].option);
  return NULL;
}

/**
 * lp2p_registry_is_enabled:
 * @self: a registry
 * @descriptor: one of its descriptors
 *
 * Tells whether the configuration lists a loadable object among its kind.
 *
 * Returns: whether it does
 *
 * Since: 1.0
 */
gboolean
lp2p_registry_is_enabled (Lp2pRegistry *self, Lp2pDescriptor *descriptor)
{
  const char *name;
  const char *kind;
  g_auto (GStrv) enabled = NULL;

  g_return_val_if_fail (LP2P_IS_REGISTRY (self), FALSE);
  g_return_val_if_fail (LP2P_IS_DESCRIPTOR (descriptor), FALSE);

  name = lp2p_descriptor_get_name (descriptor);
  kind = lp2p_descriptor_get_kind (descriptor);
  if (name == NULL || kind == NULL)
    return FALSE;
  enabled = lp2p_registry_dup_enabled (self, kind);
  return enabled != NULL && g_strv_contains ((const char *const *) enabled, name);
}

/* Finds an enabled name. It may be that of another kind, which is no use. */
static Lp2pDescriptor *
find_of_kind (Lp2pRegistry *self, const char *name, const char *kind, GError **error)
{
  Lp2pDescriptor *descriptor = lp2p_registry_find (self, name);
  const char *actual = descriptor != NULL ? lp2p_descriptor_get_kind (descriptor) : NULL;

  if (descriptor == NULL)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN, _("%s \"%s\" is enabled but not installed"),
                   kind, name);
      return NULL;
    }
  if (actual != NULL && !g_str_equal (actual, kind))
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN,
                   _("%s \"%s\" is enabled but not installed: the one in %s is of kind %s"), kind,
                   name, lp2p_descriptor_get_file (descriptor), actual);
      return NULL;
    }
  return descriptor;
}

/**
 * lp2p_registry_get_missing:
 * @self: a registry
 *
 * Lists what the configuration enables although no descriptor of that name and
 * kind was found.
 *
 * Returns: (transfer full) (array zero-terminated=1): the names
 *
 * Since: 1.0
 */
char **
lp2p_registry_get_missing (Lp2pRegistry *self)
{
  g_autoptr (GStrvBuilder) missing = g_strv_builder_new ();

  g_return_val_if_fail (LP2P_IS_REGISTRY (self), NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (kind_options); i++)
    {
      g_auto (GStrv) enabled = lp2p_registry_dup_enabled (self, kind_options[i].kind);

      for (gsize j = 0; enabled != NULL && enabled[j] != NULL; j++)
        if (find_of_kind (self, enabled[j], kind_options[i].kind, NULL) == NULL)
          g_strv_builder_add (missing, enabled[j]);
    }
  return g_strv_builder_end (missing);
}

/**
 * lp2p_registry_create_one:
 * @self: a registry
 * @kind: of which kind, such as %LP2P_KIND_KEY_STORE
 * @name: what to load, enabled or not
 * @context: (nullable): what the extension is given of the host
 * @error: return location for a %LP2P_ERROR_PLUGIN error
 *
 * Loads an object and makes an instance of it.
 *
 * Returns: (transfer full): the instance
 *
 * Since: 1.0
 */
Lp2pExtension *
lp2p_registry_create_one (
    Lp2pRegistry *self, const char *kind, const char *name, Lp2pContext *context, GError **error)
{
  Lp2pDescriptor *descriptor;
  GType type;

  g_return_val_if_fail (LP2P_IS_REGISTRY (self), NULL);
  g_return_val_if_fail (kind != NULL && name != NULL, NULL);
  g_return_val_if_fail (context == NULL || LP2P_IS_CONTEXT (context), NULL);

  descriptor = find_of_kind (self, name, kind, error);
  if (descriptor == NULL)
    return NULL;
  type = lp2p_loader_load (descriptor, error);
  if (type == G_TYPE_INVALID)
    return NULL;
  return g_object_new (type, "context", context, "name", name, NULL);
}

static Lp2pExtension *
find_existing (GPtrArray *existing, const char *name)
{
  for (guint i = 0; existing != NULL && i < existing->len; i++)
    if (g_str_equal (lp2p_extension_get_name (g_ptr_array_index (existing, i)), name))
      return g_ptr_array_index (existing, i);
  return NULL;
}

/**
 * lp2p_registry_create:
 * @self: a registry
 * @kind: which kind, such as %LP2P_KIND_TRANSPORT
 * @existing: (nullable) (element-type Lp2pExtension): instances of this kind that
 *   there are already
 * @context: (nullable): what the extensions are given of the host
 *
 * Loads the enabled objects of a kind and makes an instance of each that
 * @existing has none of. One that cannot be loaded is left out: why is kept in its
 * descriptor, and logged once.
 *
 * Returns: (transfer container) (element-type Lp2pExtension): the instances, in the
 *   order of the configuration
 *
 * Since: 1.0
 */
GPtrArray *
lp2p_registry_create (Lp2pRegistry *self,
                      const char *kind,
                      GPtrArray *existing,
                      Lp2pContext *context)
{
  g_autoptr (GPtrArray) extensions = NULL;
  g_auto (GStrv) enabled = NULL;

  g_return_val_if_fail (LP2P_IS_REGISTRY (self), NULL);
  g_return_val_if_fail (kind != NULL, NULL);
  g_return_val_if_fail (context == NULL || LP2P_IS_CONTEXT (context), NULL);

  extensions = g_ptr_array_new_with_free_func (g_object_unref);
  enabled = lp2p_registry_dup_enabled (self, kind);
  for (gsize i = 0; enabled != NULL && enabled[i] != NULL; i++)
    {
      g_autoptr (GError) error = NULL;
      Lp2pExtension *extension = find_existing (existing, enabled[i]);

      if (extension != NULL)
        g_object_ref (extension);
      else
        extension = lp2p_registry_create_one (self, kind, enabled[i], context, &error);
      if (extension != NULL)
        g_ptr_array_add (extensions, extension);
      else if (g_hash_table_add (self->reported, g_strdup (enabled[i])))
        g_message ("%s", error->message);
    }
  return g_steal_pointer (&extensions);
}
