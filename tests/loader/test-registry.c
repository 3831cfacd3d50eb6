/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "loader-fixture.h"

#include <lp2p/lp2p-plugin.h>

#include <glib/gstdio.h>
#include <unistd.h>

static const char *fixtures;

static const char *
get_error_of (Lp2pRegistry *registry, const char *name)
{
  Lp2pDescriptor *descriptor = lp2p_registry_find (registry, name);

  g_assert_nonnull (descriptor);
  g_assert_nonnull (lp2p_descriptor_get_error (descriptor));
  return lp2p_descriptor_get_error (descriptor)->message;
}

static Lp2pDescriptor *
find_file (Lp2pRegistry *registry, const char *name)
{
  GListModel *list = lp2p_registry_get_descriptors (registry);

  for (guint i = 0; i < g_list_model_get_n_items (list); i++)
    {
      g_autoptr (Lp2pDescriptor) descriptor = g_list_model_get_item (list, i);
      g_autofree char *base = g_path_get_basename (lp2p_descriptor_get_file (descriptor));

      if (g_str_equal (base, name))
        return descriptor;
    }
  return NULL;
}

static void
test_scan (void)
{
  g_autoptr (Lp2pRegistry) registry = loader_fixture_scan (fixtures, "['good']", "[]", "[]");
  GListModel *list = lp2p_registry_get_descriptors (registry);
  guint n = g_list_model_get_n_items (list);
  g_autoptr (Lp2pDescriptor) first = g_list_model_get_item (list, 0);
  g_autofree char *base = g_path_get_basename (lp2p_descriptor_get_file (first));
  Lp2pDescriptor *good = lp2p_registry_find (registry, "good");
  g_auto (GStrv) missing = lp2p_registry_get_missing (registry);

  g_assert_cmpuint (g_list_model_get_item_type (list), ==, LP2P_TYPE_DESCRIPTOR);
  g_assert_cmpuint (n, >=, 15);
  g_assert_cmpstr (base, ==, "abstract.plugin");
  g_assert_nonnull (good);
  g_assert_true (lp2p_registry_is_enabled (registry, good));
  g_assert_false (lp2p_registry_is_enabled (registry, lp2p_registry_find (registry, "good-too")));
  g_assert_false (lp2p_registry_is_enabled (registry, find_file (registry, "bad-keyfile.plugin")));
  g_assert_null (lp2p_registry_find (registry, "nobody-has-this"));
  g_assert_cmpuint (g_strv_length (missing), ==, 0);

  /* Nothing was opened: it would have registered its types, or crashed. */
  g_assert_cmpuint (g_type_from_name ("FixtureGood"), ==, 0);
  g_assert_false (lp2p_descriptor_get_loaded (good));

  lp2p_registry_scan (registry);
  g_assert_cmpuint (g_list_model_get_n_items (list), ==, n);
  g_assert_true (lp2p_registry_find (registry, "good") == good);
}

static void
test_duplicate (void)
{
  g_autoptr (Lp2pRegistry) registry = loader_fixture_scan (fixtures, "['good']", "[]", "[]");
  Lp2pDescriptor *duplicate = find_file (registry, "zz-duplicate.plugin");
  Lp2pDescriptor *good = lp2p_registry_find (registry, "good");

  assert_plugin_error (duplicate, "duplicate name \"good\", which ");
  assert_plugin_error (duplicate, lp2p_descriptor_get_file (good));
  g_assert_true (find_file (registry, "good.plugin") == good);
  g_assert_null (lp2p_descriptor_get_error (good));
}

/* A broken descriptor does not keep its name from one that works. */
static void
test_broken_first (void)
{
  g_autofree char *folder = g_dir_make_tmp ("lp2p-registry-XXXXXX", NULL);
  g_autofree char *broken =
      loader_fixture_write (folder, "a.plugin", "[Plugin]\nName=b\nKind=service\n");
  g_autofree char *good =
      loader_fixture_write (folder, "b.plugin",
                            "[Plugin]\nName=b\nKind=service\nTitle=t\nDescription=d\n"
                            "License=MIT\nModule=b.so\nAbi=" G_STRINGIFY (LP2P_PLUGIN_ABI) "\n");
  g_autoptr (Lp2pRegistry) registry = loader_fixture_scan (folder, "['b']", "[]", "[]");

  g_assert_cmpstr (lp2p_descriptor_get_file (lp2p_registry_find (registry, "b")), ==, good);
  assert_plugin_error (find_file (registry, "a.plugin"), "key Title");
  g_assert_no_errno (g_remove (good));
  {
    g_autoptr (Lp2pRegistry) other = loader_fixture_scan (folder, "['b']", "[]", "[]");
    g_assert_cmpstr (lp2p_descriptor_get_file (lp2p_registry_find (other, "b")), ==, broken);
  }
  loader_fixture_remove (folder);
}

/* All that is broken beside what works, in one host. */
static void
test_create (void)
{
  g_autoptr (Lp2pRegistry) registry = loader_fixture_scan (
      fixtures,
      "['stale-abi', 'missing-symbol', 'good', 'undefined-symbol', 'nobody-has-this', "
      "'stale-module', 'wrong-entry', 'path-in-module', 'no-extension', 'abstract', "
      "'not-a-module', 'good-too']",
      "['wrong-kind', 'missing-so']", "['good-too']");
  g_autoptr (GPtrArray) services = lp2p_registry_create (registry, LP2P_KIND_SERVICE, NULL, NULL);
  g_autoptr (GPtrArray) transports = lp2p_registry_create (registry, LP2P_KIND_TRANSPORT, NULL, NULL);
  g_autoptr (GPtrArray) discovery = lp2p_registry_create (registry, LP2P_KIND_DISCOVERY, NULL, NULL);
  g_autoptr (GPtrArray) muxers = lp2p_registry_create (registry, LP2P_KIND_MUXER, NULL, NULL);
  g_autoptr (GPtrArray) again = NULL;
  g_auto (GStrv) missing = lp2p_registry_get_missing (registry);
  Lp2pDescriptor *good = lp2p_registry_find (registry, "good");

  g_assert_cmpuint (services->len, ==, 1);
  g_assert_true (LP2P_IS_SERVICE (services->pdata[0]));
  g_assert_cmpstr (lp2p_extension_get_name (services->pdata[0]), ==, "good");
  g_assert_cmpuint (discovery->len, ==, 1);
  g_assert_true (LP2P_IS_DISCOVERY (discovery->pdata[0]));
  g_assert_cmpuint (transports->len, ==, 0);
  g_assert_cmpuint (muxers->len, ==, 0);
  g_assert_true (lp2p_descriptor_get_loaded (good));
  g_assert_null (lp2p_descriptor_get_error (good));

  assert_contains (get_error_of (registry, "stale-abi"), "key Abi");
  assert_contains (get_error_of (registry, "stale-module"), "built for plugin ABI ");
  assert_contains (get_error_of (registry, "missing-symbol"), "has no symbol");
  assert_contains (get_error_of (registry, "undefined-symbol"), "undefined symbol");
  assert_contains (get_error_of (registry, "wrong-entry"), "expected \"wrong-entry\"");
  assert_contains (get_error_of (registry, "path-in-module"), "key Module");
  assert_contains (get_error_of (registry, "wrong-kind"), "does not implement Lp2pTransport");
  assert_contains (get_error_of (registry, "missing-so"), "No such file");

  /* One that is enabled as another kind is as good as absent. */
  g_assert_cmpuint (g_strv_length (missing), ==, 2);
  g_assert_cmpstr (missing[0], ==, "nobody-has-this");
  g_assert_cmpstr (missing[1], ==, "good-too");

  again = lp2p_registry_create (registry, LP2P_KIND_SERVICE, NULL, NULL);
  g_assert_cmpuint (again->len, ==, 1);
  g_assert_true (G_OBJECT_TYPE (again->pdata[0]) == G_OBJECT_TYPE (services->pdata[0]));
  g_assert_true (again->pdata[0] != services->pdata[0]);
}

/* What runs already is not made a second time. */
static void
test_existing (void)
{
  g_autoptr (Lp2pRegistry) registry = loader_fixture_scan (fixtures, "['good']", "[]", "[]");
  g_autoptr (GPtrArray) first = lp2p_registry_create (registry, LP2P_KIND_SERVICE, NULL, NULL);
  g_autoptr (Lp2pConfig) config = NULL;
  g_autoptr (GPtrArray) second = NULL;

  g_object_get (registry, "config", &config, NULL);
  loader_fixture_set_list (config, "services", "['another', 'good']");
  second = lp2p_registry_create (registry, LP2P_KIND_SERVICE, first, NULL);
  g_assert_cmpuint (second->len, ==, 2);
  g_assert_true (second->pdata[1] == first->pdata[0]);
  g_assert_cmpstr (lp2p_extension_get_name (second->pdata[0]), ==, "another");
}

/* The order is that of the configuration, not that of the folder. */
static void
test_order (void)
{
  const char *const orders[] = { "['good', 'another']", "['another', 'good']" };

  for (gsize i = 0; i < G_N_ELEMENTS (orders); i++)
    {
      g_autoptr (Lp2pRegistry) registry = loader_fixture_scan (fixtures, orders[i], "[]", "[]");
      g_autoptr (GPtrArray) services = lp2p_registry_create (registry, LP2P_KIND_SERVICE, NULL, NULL);

      g_assert_cmpuint (services->len, ==, 2);
      g_assert_cmpstr (lp2p_extension_get_name (services->pdata[i]), ==, "good");
      g_assert_cmpstr (lp2p_extension_get_name (services->pdata[1 - i]), ==, "another");
    }
}

/* What one host has loaded, another does not get unasked. */
static void
test_two_hosts (void)
{
  g_autoptr (Lp2pRegistry) a = loader_fixture_scan (fixtures, "['good']", "[]", "[]");
  g_autoptr (Lp2pRegistry) b = loader_fixture_scan (fixtures, "[]", "[]", "['good-too']");
  g_autoptr (GPtrArray) of_a = lp2p_registry_create (a, LP2P_KIND_SERVICE, NULL, NULL);
  g_autoptr (GPtrArray) of_b = lp2p_registry_create (b, LP2P_KIND_SERVICE, NULL, NULL);

  g_assert_cmpuint (of_a->len, ==, 1);
  /* Registered in this process, but not enabled in this host. */
  g_assert_cmpuint (of_b->len, ==, 0);
  g_assert_false (lp2p_descriptor_get_loaded (lp2p_registry_find (b, "good")));
}

static void
test_search_path (void)
{
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  g_autoptr (Lp2pRegistry) registry = lp2p_registry_new (config);
  g_autofree char *folder = g_dir_make_tmp ("lp2p-path-XXXXXX", NULL);
  g_autofree char *link = g_strconcat (folder, "-link", NULL);
  g_autofree char *option = g_strdup_printf ("['%s', '/nowhere']", folder);
  g_autofree char *variable = g_strdup_printf ("/env::%s:relative:/env:", link);
  g_autofree char *current = g_get_current_dir ();
  g_autofree char *relative = g_build_filename (current, "relative", NULL);
  g_auto (GStrv) path = NULL;

  g_assert_no_errno (symlink (folder, link));
  loader_fixture_set_list (config, "plugin-path", option);
  g_setenv ("LP2P_PLUGIN_PATH", variable, TRUE);
  path = lp2p_registry_dup_search_path (registry);
  g_unsetenv ("LP2P_PLUGIN_PATH");

  g_assert_cmpuint (g_strv_length (path), ==, 5);
  g_assert_cmpstr (path[0], ==, folder);
  g_assert_cmpstr (path[1], ==, "/nowhere");
  g_assert_cmpstr (path[2], ==, "/env");
  g_assert_cmpstr (path[3], ==, relative);
  g_assert_true (g_path_is_absolute (path[4]));

  /* Folders that are not there do no harm. */
  lp2p_registry_scan (registry);
  g_assert_no_errno (g_remove (link));
  loader_fixture_remove (folder);
}

/* All that this tree builds can be loaded. */
static void
test_built (void)
{
  g_autoptr (Lp2pRegistry) registry =
      loader_fixture_scan (g_getenv ("LP2P_BUILT_PLUGINS"), "[]", "[]", "[]");
  GListModel *list = lp2p_registry_get_descriptors (registry);
  guint n = 0;

  for (guint i = 0; i < g_list_model_get_n_items (list); i++)
    {
      g_autoptr (Lp2pDescriptor) descriptor = g_list_model_get_item (list, i);
      g_autoptr (GError) error = NULL;

      if (!g_str_has_prefix (lp2p_descriptor_get_file (descriptor),
                             g_getenv ("LP2P_BUILT_PLUGINS")))
        continue;
      g_test_message ("%s", lp2p_descriptor_get_file (descriptor));
      lp2p_loader_load (descriptor, &error);
      g_assert_no_error (error);
      n++;
    }
  g_assert_cmpuint (n, >, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_unsetenv ("LP2P_PLUGIN_PATH");
  fixtures = g_getenv ("LP2P_FIXTURE_PLUGINS");
  g_test_add_func ("/registry/scan", test_scan);
  g_test_add_func ("/registry/duplicate", test_duplicate);
  g_test_add_func ("/registry/broken-first", test_broken_first);
  g_test_add_func ("/registry/create", test_create);
  g_test_add_func ("/registry/existing", test_existing);
  g_test_add_func ("/registry/order", test_order);
  g_test_add_func ("/registry/two-hosts", test_two_hosts);
  g_test_add_func ("/registry/search-path", test_search_path);
  g_test_add_func ("/registry/built", test_built);
  return g_test_run ();
}
