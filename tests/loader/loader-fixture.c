/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "loader-fixture.h"

#include <glib/gstdio.h>
#include <string.h>

void
loader_fixture_assert_contains (const char *where, const char *text, const char *part)
{
  if (text == NULL || strstr (text, part) == NULL)
    g_error ("%s: \"%s\" is not in \"%s\"", where, part, text);
}

char *
loader_fixture_write (const char *folder, const char *name, const char *text)
{
  char *path = g_build_filename (folder, name, NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  return path;
}

/* Removes a folder and what is in it, one level deep. */
void
loader_fixture_remove (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      g_remove (path);
    }
  g_rmdir (folder);
}

void
loader_fixture_set_list (Lp2pConfig *config, const char *key, const char *value)
{
  GError *error = NULL;

  lp2p_config_set_from_string (config, LP2P_CONFIG_GROUP_HOST, key, value, &error);
  g_assert_no_error (error);
}

/* A registry of one folder, in which only what is given is enabled. */
Lp2pRegistry *
loader_fixture_scan (const char *folder,
                     const char *services,
                     const char *transports,
                     const char *discovery)
{
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  g_autofree char *path = g_strdup_printf ("['%s']", folder);
  Lp2pRegistry *registry;

  loader_fixture_set_list (config, "plugin-path", path);
  loader_fixture_set_list (config, "services", services);
  loader_fixture_set_list (config, "transports", transports);
  loader_fixture_set_list (config, "discovery", discovery);
  loader_fixture_set_list (config, "security", "[]");
  loader_fixture_set_list (config, "muxers", "[]");
  registry = lp2p_registry_new (config);
  lp2p_registry_scan (registry);
  return registry;
}
