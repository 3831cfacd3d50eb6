/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Asks running hosts how they are. */

#include <json-glib/json-glib.h>

#include "tools/status/lp2p-control-private.h"

G_BEGIN_DECLS

/* What one host said.
 * @pid: of its process, as the name of its socket has it
 * @objects: (element-type JsonNode): without the last one
 * @error: (nullable): why there is no more */
typedef struct
{
  char *pid;
  GPtrArray *objects;
  GError *error;
} ToolAnswer;

/* Asks all hosts of this user at once, or the one with @pid. A socket that nobody
 * listens on is removed. (transfer full) (element-type ToolAnswer). */
GPtrArray *tool_status_ask (const char *folder, const char *pid, double seconds);

/* For rows: the member, or what stands for none. */
const char *tool_row_get_string (JsonNode *row, const char *name);
gint64 tool_row_get_integer (JsonNode *row, const char *name);
double tool_row_get_number (JsonNode *row, const char *name);
gboolean tool_row_is (JsonNode *row, const char *type);

G_END_DECLS
