/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/plugin/lp2p-loader.h>

#include "plugin/lp2p-descriptor-private.h"
#include "types/lp2p-i18n-private.h"

#include <lp2p/interfaces/lp2p-discovery.h>
#include <lp2p/interfaces/lp2p-key-store.h>
#include <lp2p/interfaces/lp2p-muxer.h>
#include <lp2p/interfaces/lp2p-security.h>
#include <lp2p/interfaces/lp2p-service.h>
#include <lp2p/interfaces/lp2p-transport.h>
#include <lp2p/plugin/lp2p-plugin-info.h>

#include <errno.h>
#include <gmodule.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct
{
  const char *kind;
  const char *point;
  GType (*get_type) (void);
} Kind;

static const Kind kinds[] = {
  { LP2P_KIND_TRANSPORT, LP2P_TRANSPORT_EXTENSION_POINT, lp2p_transport_get_type },
  { LP2P_KIND_SECURITY, LP2P_SECURITY_EXTENSION_POINT, lp2p_security_get_type },
  { LP2P_KIND_MUXER, LP2P_MUXER_EXTENSION_POINT, lp2p_muxer_get_type },
  { LP2P_KIND_SERVICE, LP2P_SERVICE_EXTENSION_POINT, lp2p_service_get_type },
  { LP2P_KIND_DISCOVERY, LP2P_DISCOVERY_EXTENSION_POINT, lp2p_discovery_get_type },
  { LP2P_KIND_KEY_STORE, LP2P_KEY_STORE_EXTENSION_POINT, lp2p_key_store_get_type },
};

/* An extension that this process has. It is never freed, as its code never goes. */
typedef struct
{
  char *module_file;
  const Kind *kind;
  GType type;
} Loaded;

/* GIO's lists of extensions have no lock, so everything happens under this one. */
static GMutex lock;
static GHashTable *loaded_by_name;

static void
ensure_extension_points (void)
{
  if (loaded_by_name != NULL)
    return;
  loaded_by_name = g_hash_table_new (g_str_hash, g_str_equal);
  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      GIOExtensionPoint *point = g_io_extension_point_register (kinds[i].point);
      g_io_extension_point_set_required_type (point, kinds[i].get_type ());
    }
}

static const Kind *
find_kind (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (g_str_equal (kinds[i].kind, name))
      return &kinds[i];
  return NULL;
}

/**
 * lp2p_loader_is_privileged:
 *
 * Tells whether the process has rights that its caller does not have: it is
 * set-uid, set-gid or has file capabilities. Then the caller must not be able to
 * choose what is loaded.
 *
 * Returns: whether it has such rights
 *
 * Since: 1.0
 */
gboolean
lp2p_loader_is_privileged (void)
{
  return getauxval (AT_SECURE) != 0;
}

static gboolean
is_trusted_owner (uid_t owner)
{
  return owner == 0 || owner == geteuid ();
}

/* Whether nobody but the trusted owners can change or replace @path. In a folder
 * with the sticky bit others can add entries, but not replace those that are
 * there: enough for a folder further up, not for the one that holds the file. */
static gboolean
check_path (const char *path, gboolean sticky_will_do, GError **error)
{
  struct stat info;

  if (stat (path, &info) < 0)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN, "%s: %s", path, g_strerror (errno));
      return FALSE;
    }
  if (!is_trusted_owner (info.st_uid))
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN,
                   _("%s: belongs to user %u, expected user 0 or %u as this process is set-uid"), path,
                   (guint) info.st_uid, (guint) geteuid ());
      return FALSE;
    }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0 &&
      !(sticky_will_do && S_ISDIR (info.st_mode) && (info.st_mode & S_ISVTX) != 0))
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN,
                   _("%s: has mode %04o and so is writable by others, expected it to be writable "
                     "only by its owner as this process is set-uid"),
                   path, (guint) info.st_mode & 07777);
      return FALSE;
    }
  return TRUE;
}

/* The file and every folder above it. */
static gboolean
check_path_and_above (const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);

  if (!check_path (path, FALSE, error) || !check_path (folder, FALSE, error))
    return FALSE;
  while (!g_str_equal (folder, "/"))
    {
      char *above = g_path_get_dirname (folder);

      g_free (folder);
      folder = above;
      if (!check_path (folder, TRUE, error))
        return FALSE;
    }
  return TRUE;
}

/**
 * lp2p_loader_check_file:
 * @file: absolute path of a descriptor or a loadable object
 * @privileged: whether the process has rights that its caller does not have, see
 *   [func@loader_is_privileged]
 * @error: return location for a %LP2P_ERROR_PLUGIN error
 *
 * Checks that a file can be trusted. Without privileges every file can: whoever
 * can make the process load it could run it. With them, the file, the folder it
 * is in and those above must not be writable by others, nor belong to others than
 * root and the user whose rights the process has. Symbolic links are followed,
 * and where they are is checked as well.
 *
 * Returns: whether it can be trusted
 *
 * Since: 1.0
 */
gboolean
lp2p_loader_check_file (const char *file, gboolean privileged, GError **error)
{
  g_autofree char *resolved = NULL;

  g_return_val_if_fail (file != NULL, FALSE);

  if (!privileged)
    return TRUE;
  if (!g_path_is_absolute (file))
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN,
                   _("%s: expected an absolute path as this process is set-uid"), file);
      return FALSE;
    }
  resolved = realpath (file, NULL);
  if (resolved == NULL)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN, "%s: %s", file, g_strerror (errno));
      return FALSE;
    }
  return check_path_and_above (file, error) &&
         (g_str_equal (file, resolved) || check_path_and_above (resolved, error));
}

/* Resolves the path, so that the same file is recognised by whatever way it was
 * found. GModule would guess suffixes for a file that is not there. */
static char *
resolve_module (Lp2pDescriptor *descriptor, GError **error)
{
  g_autofree char *path = lp2p_descriptor_dup_module_file (descriptor);
  g_autofree char *resolved = realpath (path, NULL);
  struct stat info;

  if (resolved == NULL || stat (resolved, &info) < 0)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN, _("%s: module %s: %s"),
                   lp2p_descriptor_get_file (descriptor), path, g_strerror (errno));
      return NULL;
    }
  if (!S_ISREG (info.st_mode))
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN, _("%s: module %s: not a regular file"),
                   lp2p_descriptor_get_file (descriptor), path);
      return NULL;
    }
  if (!lp2p_loader_check_file (path, lp2p_loader_is_privileged (), error))
    return NULL;
  return g_steal_pointer (&resolved);
}

static const Lp2pPluginEntry *
find_entry (const Lp2pPluginInfo *info, const char *name)
{
  for (guint32 i = 0; i < info->n_entries; i++)
    if (info->entries[i].name != NULL && g_str_equal (info->entries[i].name, name))
      return &info->entries[i];
  return NULL;
}

static char *
list_entries (const Lp2pPluginInfo *info)
{
  GString *list = g_string_new (NULL);

  for (guint32 i = 0; i < info->n_entries; i++)
    g_string_append_printf (list, "%s\"%s\"", i > 0 ? ", " : "", info->entries[i].name);
  if (list->len == 0)
    g_string_append (list, _("nothing"));
  return g_string_free (list, FALSE);
}

/* Looks at what an opened module says of itself. */
static const Lp2pPluginEntry *
get_entry (GModule *module, Lp2pDescriptor *descriptor, const char *module_file, GError **error)
{
  const char *file = lp2p_descriptor_get_file (descriptor);
  const char *name = lp2p_descriptor_get_name (descriptor);
  const Lp2pPluginInfo *info = NULL;
  const Lp2pPluginEntry *entry;

  if (!g_module_symbol (module, LP2P_PLUGIN_SYMBOL, (gpointer *) &info) || info == NULL)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN,
                   _("%s: module %s: has no symbol %s, expected LP2P_PLUGIN_DEFINE in one of its "
                     "sources"),
                   file, module_file, LP2P_PLUGIN_SYMBOL);
      return NULL;
    }
  /* Before anything else: with another number nothing behind it may be read. */
  if (info->abi != LP2P_PLUGIN_ABI)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN,
                   _("%s: module %s: built for plugin ABI %u, expected %d, the ABI of this library"),
                   file, module_file, info->abi, LP2P_PLUGIN_ABI);
      return NULL;
    }
  entry = find_entry (info, name);
  if (entry == NULL || entry->get_type == NULL)
    {
      g_autofree char *list = list_entries (info);
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN,
                   _("%s: module %s: contains %s, expected \"%s\""), file, module_file, list, name);
      return NULL;
    }
  return entry;
}

static gboolean
check_type (Lp2pDescriptor *descriptor,
            const char *module_file,
            const Kind *kind,
            GType type,
            GError **error)
{
  const char *file = lp2p_descriptor_get_file (descriptor);

  if (type == G_TYPE_INVALID || !g_type_is_a (type, LP2P_TYPE_EXTENSION))
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN,
                   _("%s: module %s: type %s is no subclass of %s"), file, module_file,
                   type != G_TYPE_INVALID ? g_type_name (type) : _("(none)"),
                   g_type_name (LP2P_TYPE_EXTENSION));
      return FALSE;
    }
  if (G_TYPE_IS_ABSTRACT (type))
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN, _("%s: module %s: type %s is abstract"), file,
                   module_file, g_type_name (type));
      return FALSE;
    }
  if (!g_type_is_a (type, kind->get_type ()))
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN,
                   _("%s: module %s: type %s does not implement %s, expected of kind %s"), file,
                   module_file, g_type_name (type), g_type_name (kind->get_type ()), kind->kind);
      return FALSE;
    }
  return TRUE;
}

/* Opens the module and gets its type; the lock is held. Local binding keeps the
 * symbols of two modules apart. Immediate binding turns a missing symbol into an
 * error here, where lazy binding would end the process later. */
static GType
open_module (Lp2pDescriptor *descriptor, const char *module_file, const Kind *kind, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  const Lp2pPluginEntry *entry;
  GModule *module;
  GType type;

  /* Its messages are in the catalogue of the library, or in one of its own. */
  lp2p_i18n_init ();
  module = g_module_open_full (module_file, G_MODULE_BIND_LOCAL, &local_error);
  if (module == NULL)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN, _("%s: module %s: cannot be loaded: %s"),
                   lp2p_descriptor_get_file (descriptor), module_file, local_error->message);
      return G_TYPE_INVALID;
    }
  entry = get_entry (module, descriptor, module_file, error);
  if (entry == NULL)
    {
      g_module_close (module);
      return G_TYPE_INVALID;
    }

  /* Registered types point into the code, so it stays from here on. */
  g_module_make_resident (module);
  type = entry->get_type ();
  if (!check_type (descriptor, module_file, kind, type, error))
    return G_TYPE_INVALID;
  g_io_extension_point_implement (kind->point, type, lp2p_descriptor_get_name (descriptor),
                                  lp2p_descriptor_get_priority (descriptor));
  return type;
}

static GType
load_locked (Lp2pDescriptor *descriptor, GError **error)
{
  const char *name = lp2p_descriptor_get_name (descriptor);
  const Kind *kind = find_kind (lp2p_descriptor_get_kind (descriptor));
  g_autofree char *module_file = NULL;
  Loaded *loaded;
  GType type;

  ensure_extension_points ();
  module_file = resolve_module (descriptor, error);
  if (module_file == NULL)
    return G_TYPE_INVALID;

  loaded = g_hash_table_lookup (loaded_by_name, name);
  if (loaded != NULL && g_str_equal (loaded->module_file, module_file) && loaded->kind == kind)
    return loaded->type;
  if (loaded != NULL)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN,
                   _("%s: module %s: this process has already loaded %s as %s \"%s\""),
                   lp2p_descriptor_get_file (descriptor), module_file, loaded->module_file,
                   loaded->kind->kind, name);
      return G_TYPE_INVALID;
    }

  type = open_module (descriptor, module_file, kind, error);
  if (type == G_TYPE_INVALID)
    return G_TYPE_INVALID;
  loaded = g_new0 (Loaded, 1);
  loaded->module_file = g_steal_pointer (&module_file);
  loaded->kind = kind;
  loaded->type = type;
  g_hash_table_insert (loaded_by_name, g_strdup (name), loaded);
  return type;
}

/**
 * lp2p_loader_load:
 * @descriptor: what to load
 * @error: return location for a %LP2P_ERROR_PLUGIN error
 *
 * Loads the object that a descriptor describes and registers its type at the
 * extension point of its kind. What this process has loaded already is not
 * loaded again, and what was loaded stays for the life of the process.
 *
 * Whether it worked is also noted in the descriptor.
 *
 * Returns: the type, which derives from [class@Extension] and implements the
 *   interface of its kind; %G_TYPE_INVALID when it cannot be loaded
 *
 * Since: 1.0
 */
GType
lp2p_loader_load (Lp2pDescriptor *descriptor, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  GType type = G_TYPE_INVALID;

  g_return_val_if_fail (LP2P_IS_DESCRIPTOR (descriptor), G_TYPE_INVALID);

  /* A key of the descriptor that is wrong stays wrong; a failure of the module
   * may have been repaired, but a host asks only once. */
  if (lp2p_descriptor_get_error (descriptor) != NULL)
    {
      if (error != NULL)
        *error = g_error_copy (lp2p_descriptor_get_error (descriptor));
      return G_TYPE_INVALID;
    }

  if (lp2p_loader_check_file (lp2p_descriptor_get_file (descriptor), lp2p_loader_is_privileged (),
                              &local_error))
    {
      g_mutex_lock (&lock);
      type = load_locked (descriptor, &local_error);
      g_mutex_unlock (&lock);
    }
  if (type == G_TYPE_INVALID)
    {
      lp2p_descriptor_set_error (descriptor, local_error);
      g_propagate_error (error, g_steal_pointer (&local_error));
      return G_TYPE_INVALID;
    }
  lp2p_descriptor_set_loaded (descriptor);
  return type;
}
