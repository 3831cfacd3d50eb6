/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/types/lp2p-config.h>

G_BEGIN_DECLS

/* One line of a key file. */
typedef struct
{
  char *group;
  char *key; /* NULL: the line only names a group */
  char *value;
  guint line;
} Lp2pConfigEntry;

/* An option as it is kept: with strings of its own and the values. */
typedef struct
{
  Lp2pOption option;
  GVariant *default_value;
  GVariant *value; /* NULL: the default */
} Lp2pConfigOption;

struct _Lp2pConfig
{
  GObject parent_instance;

  GHashTable *groups; /* name → Lp2pConfigGroup */
};

/* A value of a group that is not registered. */
typedef struct
{
  char *text;
  GRefString *source;
  guint line;
} Lp2pConfigPending;

typedef struct
{
  char *name;
  gboolean registered;
  GPtrArray *options;  /* of Lp2pConfigOption, in the order of the table */
  GHashTable *pending; /* key → Lp2pConfigPending */
} Lp2pConfigGroup;

/* Where a value comes from, for messages. */
typedef struct
{
  const char *source; /* NULL: not from a file */
  guint line;
  const char *group;
  const char *key;
} Lp2pConfigOrigin;

/* lp2p-config.c */
gboolean
lp2p_config_fail (const Lp2pConfigOrigin *origin, GError **error, const char *format, ...)
    G_GNUC_PRINTF (3, 4);
Lp2pConfigGroup *lp2p_config_lookup_group (Lp2pConfig *self, const char *name);
Lp2pConfigGroup *lp2p_config_ensure_group (Lp2pConfig *self, const char *name);
Lp2pConfigOption *
lp2p_config_require_option (Lp2pConfig *self, const Lp2pConfigOrigin *origin, GError **error);
void lp2p_config_emit_changed (Lp2pConfig *self, const char *group, const char *key);

/* lp2p-config-file.c */
char *lp2p_config_read_file (const char *path, gsize *len, GError **error);
GPtrArray *
lp2p_config_parse_data (const char *data, gsize len, const char *name, GError **error);

/* lp2p-config-option.c */
Lp2pConfigOption *lp2p_config_option_new (const Lp2pOption *option, char **problem);
void lp2p_config_option_free (Lp2pConfigOption *option);
gboolean lp2p_config_option_is_same (const Lp2pConfigOption *a, const Lp2pConfigOption *b);
gboolean lp2p_config_option_check (const Lp2pConfigOption *option,
                                   const char *group,
                                   GVariant *value,
                                   char **problem);
GVariant *lp2p_config_option_get (const Lp2pConfigOption *option);
gboolean lp2p_config_option_store (Lp2pConfigOption *option, GVariant *value);
GVariant *lp2p_config_option_parse (const Lp2pConfigOption *option,
                                    const char *group,
                                    const char *text,
                                    char **problem);
const Lp2pOption *lp2p_config_get_host_options (gsize *n_options);

G_END_DECLS
