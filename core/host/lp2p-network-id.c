/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "host/lp2p-network-id-private.h"

/* The columns of /proc/net/route. */
enum
{
  COLUMN_INTERFACE,
  COLUMN_DESTINATION,
  COLUMN_GATEWAY,
  COLUMN_FLAGS,
  COLUMN_REF_COUNT,
  COLUMN_USE,
  COLUMN_METRIC,
  COLUMN_MASK,
  N_COLUMNS,
};

/* As much of a hash as makes a coincidence unlikely. */
#define ID_LENGTH 16

static gboolean
is_default (char **columns)
{
  return g_str_equal (columns[COLUMN_DESTINATION], "00000000") && g_str_equal (columns[COLUMN_MASK], "00000000");
}

char *
lp2p_network_id_from_routes (const char *routes)
{
  g_auto (GStrv) lines = g_strsplit (routes, "\n", -1);
  g_autofree char *best = NULL;
  guint64 best_metric = G_MAXUINT64;
  g_autofree char *hash = NULL;

  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_auto (GStrv) columns = g_strsplit (lines[i], "\t", -1);
      guint64 metric;

      if (g_strv_length (columns) < N_COLUMNS || !is_default (columns) ||
          !g_ascii_string_to_unsigned (columns[COLUMN_METRIC], 10, 0, G_MAXUINT32, &metric, NULL) ||
          metric >= best_metric)
        continue;
      g_free (best);
      best = g_strconcat (columns[COLUMN_INTERFACE], " ", columns[COLUMN_GATEWAY], NULL);
      best_metric = metric;
    }
  if (best == NULL)
    return g_strdup (LP2P_NETWORK_UNKNOWN);
  hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, best, -1);
  return g_strndup (hash, ID_LENGTH);
}

char *
lp2p_network_id_dup (void)
{
  g_autofree char *routes = NULL;

  if (!g_file_get_contents ("/proc/net/route", &routes, NULL, NULL))
    return g_strdup (LP2P_NETWORK_UNKNOWN);
  return lp2p_network_id_from_routes (routes);
}
