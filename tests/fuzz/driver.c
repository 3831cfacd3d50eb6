/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs a fuzz target over the files and folders named on the command line. */

#include <glib.h>
#include <glib/gstdio.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static guint
run_file (const char *path)
{
  g_autofree char *contents = NULL;
  g_autofree guint8 *exact = NULL;
  gsize length;
  g_autoptr (GError) error = NULL;

  if (!g_file_get_contents (path, &contents, &length, &error))
    g_error ("%s", error->message);

  /* An exact-size copy: a sanitizer then sees a read one byte too far. */
  exact = g_memdup2 (contents, length);
  LLVMFuzzerTestOneInput (exact, length);
  return 1;
}

static guint
run_path (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  guint ran = 0;

  if (dir == NULL)
    return run_file (path);

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);
      ran += run_path (child);
    }
  return ran;
}

int
main (int argc, char **argv)
{
  guint ran = 0;

  for (int i = 1; i < argc; i++)
    ran += run_path (argv[i]);

  printf ("%u inputs\n", ran);
  return ran > 0 ? 0 : 1;
}
