/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Folders that lp2p receive reaches name by name. */

#include "tools/send/lp2p-send-folder-private.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

/* What is closed off is so by any name: that of a file system that knows short ones, too, or
 * does not care for a dot at the end. */
static void
test_closed_off (void)
{
  g_autofree char *path = g_dir_make_tmp ("lp2p-folder.XXXXXX", NULL);
  g_autofree char *state = g_build_filename (path, "state", NULL);
  g_autofree char *alias = g_build_filename (path, "STATE~1", NULL);
  g_autofree char *inner = g_build_filename (alias, "inner", NULL);
  g_autofree char *other = g_build_filename (path, "other", NULL);
  g_autoptr (SendFolder) folder = send_folder_new (path, FALSE, NULL);
  const char *const closed[] = { "STATE~1/file", "STATE~1/inner/file", "STATE~1/new/file" };
  const char *name;
  g_autoptr (GError) error = NULL;
  int fd;

  g_assert_nonnull (folder);
  g_assert_cmpint (g_mkdir (state, 0700), ==, 0);
  fd = send_open_folder_at (send_folder_get_fd (folder), "state", FALSE, FALSE);
  g_assert_cmpint (fd, >=, 0);
  send_folder_close_off (folder, fd);
  g_assert_cmpint (g_rename (state, alias), ==, 0);
  g_assert_cmpint (g_mkdir (inner, 0700), ==, 0);

  for (gsize i = 0; i < G_N_ELEMENTS (closed); i++)
    {
      g_assert_cmpint (send_folder_reach (folder, closed[i], TRUE, &name, &error), <, 0);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
      g_clear_error (&error);
    }
  g_assert_cmpint (send_folder_open_folder (folder, "STATE~1", TRUE, &error), <, 0);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  g_clear_error (&error);
  g_assert_cmpint (send_folder_reach (folder, "other/file", TRUE, &name, &error), >=, 0);
  g_assert_no_error (error);
  g_assert_cmpstr (name, ==, "file");

  send_close (&fd);
  g_assert_cmpint (g_rmdir (inner), ==, 0);
  g_assert_cmpint (g_rmdir (alias), ==, 0);
  g_assert_cmpint (g_rmdir (other), ==, 0);
  g_assert_cmpint (g_rmdir (path), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add_func ("/send-folder/closed-off", test_closed_off);
  return g_test_run ();
}
