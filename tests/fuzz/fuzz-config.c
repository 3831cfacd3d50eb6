/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Loads the input as a key file, once with a plugin's group registered before
 * and once after. Both ways must end with the same values, and a refused file
 * must leave nothing behind. */

#include <lp2p/types/lp2p-config.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static const Lp2pOption options[] = {
  { "number", "u", "30", 1, 600, "A number" },
  { "switch", "b", "true", 0, 0, "A switch" },
  { "table", "a{sv}", "{}", 0, 0, "Anything" },
};

static gboolean
register_group (Lp2pConfig *config)
{
  return lp2p_config_register_group (config, "plugin x", options, G_N_ELEMENTS (options), NULL);
}

static void
check_same (Lp2pConfig *a, Lp2pConfig *b, const char *group)
{
  gsize n;
  g_autofree const Lp2pOption **listed = lp2p_config_list_options (a, group, &n);

  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) first = lp2p_config_get (a, group, listed[i]->name);
      g_autoptr (GVariant) second = lp2p_config_get (b, group, listed[i]->name);

      g_assert_true (g_variant_equal (first, second));
    }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (Lp2pConfig) untouched = lp2p_config_new ();
  g_autoptr (Lp2pConfig) before = lp2p_config_new ();
  g_autoptr (Lp2pConfig) after = lp2p_config_new ();
  g_autoptr (GError) error = NULL;
  gboolean loaded, loaded_after;

  g_assert_true (register_group (untouched));
  g_assert_true (register_group (before));
  loaded = lp2p_config_load_data (before, (const char *) data, size, "fuzz", &error);
  g_assert_true (loaded == (error == NULL));
  if (error != NULL)
    g_assert_true (g_utf8_validate (error->message, -1, NULL));
  loaded_after = lp2p_config_load_data (after, (const char *) data, size, "fuzz", NULL);
  (void) lp2p_config_validate (after, NULL);

  if (!loaded)
    {
      check_same (untouched, before, "host");
      check_same (untouched, before, "plugin x");
      return 0;
    }
  g_assert_true (loaded_after);
  g_assert_true (register_group (after));
  check_same (before, after, "host");
  check_same (before, after, "plugin x");
  return 0;
}
