/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Typed getters. */

#include <lp2p/types/lp2p-config.h>

/* For typed getters: asking for what is not there is a mistake in a program. */
static GVariant *
get_typed (Lp2pConfig *self, const char *group, const char *key, const char *type)
{
  g_autoptr (GVariant) value = lp2p_config_get (self, group, key);

  if (value == NULL || !g_variant_is_of_type (value, G_VARIANT_TYPE (type)))
    {
      g_critical ("There is no option %s of type %s in group %s", key, type, group);
      return NULL;
    }
  return g_steal_pointer (&value);
}

/**
 * lp2p_config_get_strv:
 * @self: a config
 * @group: a group
 * @key: an option of type `as`
 *
 * Gets the value of an option that is a list of strings.
 *
 * Returns: (transfer full) (array zero-terminated=1): the strings
 */
char **
lp2p_config_get_strv (Lp2pConfig *self, const char *group, const char *key)
{
  g_autoptr (GVariant) value = get_typed (self, group, key, "as");

  return value != NULL ? g_variant_dup_strv (value, NULL) : g_new0 (char *, 1);
}

/**
 * lp2p_config_get_string:
 * @self: a config
 * @group: a group
 * @key: an option of type `s`
 *
 * Gets the value of an option that is a string.
 *
 * Returns: (transfer full): the string
 */
char *
lp2p_config_get_string (Lp2pConfig *self, const char *group, const char *key)
{
  g_autoptr (GVariant) value = get_typed (self, group, key, "s");

  return value != NULL ? g_variant_dup_string (value, NULL) : g_strdup ("");
}

/**
 * lp2p_config_get_uint:
 * @self: a config
 * @group: a group
 * @key: an option of type `u`
 *
 * Gets the value of an option that is a 32-bit number.
 *
 * Returns: the number
 */
guint
lp2p_config_get_uint (Lp2pConfig *self, const char *group, const char *key)
{
  g_autoptr (GVariant) value = get_typed (self, group, key, "u");

  return value != NULL ? g_variant_get_uint32 (value) : 0;
}

/**
 * lp2p_config_get_uint64:
 * @self: a config
 * @group: a group
 * @key: an option of type `t`
 *
 * Gets the value of an option that is a 64-bit number.
 *
 * Returns: the number
 */
guint64
lp2p_config_get_uint64 (Lp2pConfig *self, const char *group, const char *key)
{
  g_autoptr (GVariant) value = get_typed (self, group, key, "t");

  return value != NULL ? g_variant_get_uint64 (value) : 0;
}

/**
 * lp2p_config_get_boolean:
 * @self: a config
 * @group: a group
 * @key: an option of type `b`
 *
 * Gets the value of an option that is true or false.
 *
 * Returns: the value
 */
gboolean
lp2p_config_get_boolean (Lp2pConfig *self, const char *group, const char *key)
{
  g_autoptr (GVariant) value = get_typed (self, group, key, "b");

  return value != NULL && g_variant_get_boolean (value);
}
