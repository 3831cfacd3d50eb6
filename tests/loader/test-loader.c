/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "loader-fixture.h"

#include <lp2p/lp2p-plugin.h>

#include <glib/gstdio.h>
#include <unistd.h>

#define THIS_ABI G_STRINGIFY (LP2P_PLUGIN_ABI)

static const char *fixtures;

static Lp2pDescriptor *
get_fixture (const char *name)
{
  g_autofree char *file = g_strdup_printf ("%s/%s.plugin", fixtures, name);

  return lp2p_descriptor_new (file);
}

/* The one that works, and what GIO knows of it then. */
static void
test_good (void)
{
  g_autoptr (Lp2pDescriptor) descriptor = get_fixture ("good");
  g_autoptr (Lp2pDescriptor) too = get_fixture ("good-too");
  g_autoptr (GError) error = NULL;
  GIOExtensionPoint *point;
  GIOExtension *extension;
  GType type;

  g_assert_cmpuint (g_type_from_name ("FixtureGood"), ==, 0);
  type = lp2p_loader_load (descriptor, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (g_type_name (type), ==, "FixtureGood");
  g_assert_true (g_type_is_a (type, LP2P_TYPE_SERVICE));
  g_assert_true (lp2p_descriptor_get_loaded (descriptor));
  g_assert_null (lp2p_descriptor_get_error (descriptor));

  point = g_io_extension_point_lookup (LP2P_SERVICE_EXTENSION_POINT);
  g_assert_nonnull (point);
  g_assert_cmpuint (g_io_extension_point_get_required_type (point), ==, LP2P_TYPE_SERVICE);
  extension = g_io_extension_point_get_extension_by_name (point, "good");
  g_assert_nonnull (extension);
  g_assert_cmpuint (g_io_extension_get_type (extension), ==, type);
  g_assert_cmpint (g_io_extension_get_priority (extension), ==, -7);

  /* The same module serves another descriptor, of another kind. */
  type = lp2p_loader_load (too, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (g_type_name (type), ==, "FixtureGoodToo");
  point = g_io_extension_point_lookup (LP2P_DISCOVERY_EXTENSION_POINT);
  g_assert_nonnull (g_io_extension_point_get_extension_by_name (point, "good-too"));
}

static gpointer
load_in_thread (gpointer data)
{
  g_autoptr (Lp2pDescriptor) descriptor = get_fixture ("good");

  return GSIZE_TO_POINTER (lp2p_loader_load (descriptor, NULL));
}

/* A second host loads nothing again, whichever thread it is in. */
static void
test_once (void)
{
  g_autoptr (Lp2pDescriptor) descriptor = get_fixture ("good");
  GType type = lp2p_loader_load (descriptor, NULL);
  GThread *threads[8];
  GIOExtensionPoint *point;

  g_assert_cmpuint (type, !=, G_TYPE_INVALID);
  g_assert_cmpuint (lp2p_loader_load (descriptor, NULL), ==, type);
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("loader", load_in_thread, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    g_assert_cmpuint (GPOINTER_TO_SIZE (g_thread_join (threads[i])), ==, type);

  point = g_io_extension_point_lookup (LP2P_SERVICE_EXTENSION_POINT);
  g_assert_cmpuint (g_list_length (g_io_extension_point_get_extensions (point)), ==, 1);
}

static const struct
{
  const char *name;
  const char *message;
} broken[] = {
  { "stale-abi", "expected the number " THIS_ABI ", the plugin ABI of this library" },
  { "stale-module", "expected " THIS_ABI ", the ABI of this library" },
  { "missing-symbol", "has no symbol lp2p_plugin_info" },
  { "undefined-symbol", "undefined symbol: lp2p_fixture_nobody_has_this" },
  { "not-a-module", "cannot be loaded: " },
  { "missing-so", "fixture-is-not-there.so: No such file or directory" },
  { "path-in-module", "key Module: got \"../plugins/fixture-good.so\", expected the bare name" },
  { "wrong-kind", "type FixtureWrongKind does not implement Lp2pTransport, expected of kind "
                  "transport" },
  { "no-extension", "type FixtureNoExtension is no subclass of Lp2pExtension" },
  { "abstract", "type FixtureAbstract is abstract" },
  { "wrong-entry", "contains \"good\", \"good-too\", \"another\", expected \"wrong-entry\"" },
  { "bad-keyfile", "not a key file" },
};

static void
test_broken (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (broken); i++)
    {
      g_autoptr (Lp2pDescriptor) descriptor = get_fixture (broken[i].name);
      g_autoptr (GError) error = NULL;
      g_autoptr (GError) again = NULL;

      g_test_message ("%s", broken[i].name);
      g_assert_cmpuint (lp2p_loader_load (descriptor, &error), ==, G_TYPE_INVALID);
      g_assert_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN);
      g_test_message ("%s", error->message);
      assert_contains (error->message, broken[i].message);
      assert_plugin_error (descriptor, broken[i].message);
      g_assert_false (lp2p_descriptor_get_loaded (descriptor));

      /* It stays broken, for the same reason. */
      g_assert_cmpuint (lp2p_loader_load (descriptor, &again), ==, G_TYPE_INVALID);
      g_assert_cmpstr (again->message, ==, error->message);
    }
}

/* Two modules with one name cannot both be in a process: their types would clash. */
static void
test_other_module (void)
{
  g_autofree char *folder = g_dir_make_tmp ("lp2p-loader-XXXXXX", NULL);
  g_autofree char *from = g_build_filename (fixtures, "fixture-good.so", NULL);
  g_autofree char *to = g_build_filename (folder, "fixture-good.so", NULL);
  g_autofree char *text_from = g_build_filename (fixtures, "good.plugin", NULL);
  g_autofree char *linked = g_build_filename (folder, "linked.so", NULL);
  g_autofree char *text = NULL;
  g_autofree char *file = NULL;
  g_autofree char *module = NULL;
  gsize len;

  g_assert_true (g_file_get_contents (from, &module, &len, NULL));
  g_assert_true (g_file_set_contents (to, module, (gssize) len, NULL));
  g_assert_true (g_file_get_contents (text_from, &text, NULL, NULL));
  file = loader_fixture_write (folder, "good.plugin", text);
  {
    g_autoptr (Lp2pDescriptor) first = get_fixture ("good");
    g_autoptr (Lp2pDescriptor) descriptor = lp2p_descriptor_new (file);

    g_assert_cmpuint (lp2p_loader_load (first, NULL), !=, G_TYPE_INVALID);
    g_assert_cmpuint (lp2p_loader_load (descriptor, NULL), ==, G_TYPE_INVALID);
    assert_plugin_error (descriptor, "this process has already loaded");
    assert_plugin_error (descriptor, from);
  }

  /* A link to the same module is the same module. */
  g_assert_no_errno (g_remove (to));
  g_assert_no_errno (symlink (from, to));
  {
    g_autoptr (Lp2pDescriptor) descriptor = lp2p_descriptor_new (file);
    g_assert_cmpuint (lp2p_loader_load (descriptor, NULL), !=, G_TYPE_INVALID);
  }
  loader_fixture_remove (folder);
}

static void
assert_trusted (const char *file, gboolean trusted, const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (lp2p_loader_check_file (file, TRUE, &error), ==, trusted);
  if (!trusted)
    {
      g_assert_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN);
      assert_contains (error->message, message);
    }
  /* Whoever runs a program without privileges may load what he likes. */
  g_assert_true (lp2p_loader_check_file (file, FALSE, NULL));
}

static void
test_permissions (void)
{
  g_autofree char *top = g_dir_make_tmp ("lp2p-permissions-XXXXXX", NULL);
  g_autofree char *folder = g_build_filename (top, "folder", NULL);
  g_autofree char *link = g_build_filename (top, "link.so", NULL);
  g_autofree char *missing = g_build_filename (top, "missing.so", NULL);
  g_autofree char *file = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_no_errno (g_mkdir (folder, 0755));
  file = loader_fixture_write (folder, "x.so", "");
  g_assert_no_errno (symlink (file, link));
  g_assert_no_errno (g_chmod (file, 0644));
  /* Not a test of the machine: its folder for temporary files may be anybody's. */
  if (!lp2p_loader_check_file (file, TRUE, &error))
    {
      g_test_skip (error->message);
      loader_fixture_remove (folder);
      loader_fixture_remove (top);
      return;
    }

  assert_trusted (file, TRUE, NULL);
  assert_trusted (link, TRUE, NULL);
  g_assert_no_errno (g_chmod (file, 0664));
  assert_trusted (file, FALSE, "x.so: has mode 0664 and so is writable by others");
  assert_trusted (link, FALSE, "writable by others");
  g_assert_no_errno (g_chmod (file, 0646));
  assert_trusted (file, FALSE, "has mode 0646");
  g_assert_no_errno (g_chmod (file, 0644));

  g_assert_no_errno (g_chmod (folder, 0777));
  assert_trusted (file, FALSE, "folder: has mode 0777");
  assert_trusted (link, FALSE, "folder: has mode 0777");
  g_assert_no_errno (g_chmod (folder, 01777));
  assert_trusted (file, FALSE, "folder: has mode 1777");
  g_assert_no_errno (g_chmod (folder, 0755));

  /* Further up the sticky bit is enough: entries cannot be replaced. */
  g_assert_no_errno (g_chmod (top, 01777));
  assert_trusted (file, TRUE, NULL);
  g_assert_no_errno (g_chmod (top, 0777));
  assert_trusted (file, FALSE, "has mode 0777");
  g_assert_no_errno (g_chmod (top, 0755));

  assert_trusted (missing, FALSE, "missing.so: No such file");
  assert_trusted ("relative.so", FALSE, "expected an absolute path");
  if (geteuid () == 0)
    {
      g_assert_no_errno (chown (file, 1234, (gid_t) -1));
      assert_trusted (file, FALSE, "belongs to user 1234, expected user 0 or 0");
    }

  loader_fixture_remove (folder);
  loader_fixture_remove (top);
}

static void
test_privileged (void)
{
  g_assert_false (lp2p_loader_is_privileged ());
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  fixtures = g_getenv ("LP2P_FIXTURE_PLUGINS");
  g_test_add_func ("/loader/good", test_good);
  g_test_add_func ("/loader/once", test_once);
  g_test_add_func ("/loader/broken", test_broken);
  g_test_add_func ("/loader/other-module", test_other_module);
  g_test_add_func ("/loader/permissions", test_permissions);
  g_test_add_func ("/loader/privileged", test_privileged);
  return g_test_run ();
}
