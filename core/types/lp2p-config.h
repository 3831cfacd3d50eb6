/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-macros.h>

G_BEGIN_DECLS

/**
 * LP2P_CONFIG_GROUP_HOST:
 *
 * The group of the library's own options.
 */
#define LP2P_CONFIG_GROUP_HOST "host"

typedef struct _Lp2pOption Lp2pOption;

/**
 * Lp2pOption: (skip)
 * @name: the key, of lower-case letters, digits and hyphens
 * @type: the GVariant type of its value, as a string
 * @default_value: the default, as GVariant text
 * @min: for numbers, the smallest value
 * @max: for numbers, the largest value; 0 with a @min of 0 for no limits
 * @description: what it does, in one line
 *
 * An option of a configuration group.
 */
struct _Lp2pOption
{
  const char *name;
  const char *type;
  const char *default_value;
  guint64 min;
  guint64 max;
  const char *description;
};

#define LP2P_TYPE_CONFIG (lp2p_config_get_type ())

LP2P_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (Lp2pConfig, lp2p_config, LP2P, CONFIG, GObject)

LP2P_AVAILABLE_IN_1_0
Lp2pConfig *lp2p_config_new (void);
LP2P_AVAILABLE_IN_1_0
char *lp2p_config_find_default_file (void);

LP2P_AVAILABLE_IN_1_0
gboolean lp2p_config_load_file (Lp2pConfig *self, const char *path, GError **error);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_config_replace_file (Lp2pConfig *self, const char *path, GError **error);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_config_load_data (Lp2pConfig *self,
                                const char *data,
                                gsize len,
                                const char *name_for_errors,
                                GError **error);

LP2P_AVAILABLE_IN_1_0
gboolean lp2p_config_register_group (Lp2pConfig *self,
                                     const char *group,
                                     const Lp2pOption *options,
                                     gsize n_options,
                                     GError **error);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_config_validate (Lp2pConfig *self, GError **error);
LP2P_AVAILABLE_IN_1_0
char **lp2p_config_get_unknown_groups (Lp2pConfig *self);
LP2P_AVAILABLE_IN_1_0
char **lp2p_config_list_groups (Lp2pConfig *self);
LP2P_AVAILABLE_IN_1_0
const Lp2pOption **lp2p_config_list_options (Lp2pConfig *self, const char *group, gsize *n_options);

LP2P_AVAILABLE_IN_1_0
GVariant *lp2p_config_get (Lp2pConfig *self, const char *group, const char *key);
LP2P_AVAILABLE_IN_1_0
char **lp2p_config_get_strv (Lp2pConfig *self, const char *group, const char *key);
LP2P_AVAILABLE_IN_1_0
char *lp2p_config_get_string (Lp2pConfig *self, const char *group, const char *key);
LP2P_AVAILABLE_IN_1_0
guint lp2p_config_get_uint (Lp2pConfig *self, const char *group, const char *key);
LP2P_AVAILABLE_IN_1_0
guint64 lp2p_config_get_uint64 (Lp2pConfig *self, const char *group, const char *key);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_config_get_boolean (Lp2pConfig *self, const char *group, const char *key);

LP2P_AVAILABLE_IN_1_0
gboolean lp2p_config_set (Lp2pConfig *self,
                          const char *group,
                          const char *key,
                          GVariant *value,
                          GError **error);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_config_set_from_string (Lp2pConfig *self,
                                      const char *group,
                                      const char *key,
                                      const char *text,
                                      GError **error);

G_END_DECLS
