/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the command prints: tables for people, one JSON object per line for
 * programs, and a line of progress where somebody watches. */

#include <lp2p/lp2p.h>

G_BEGIN_DECLS

typedef enum
{
  TOOL_STYLE_PLAIN,
  TOOL_STYLE_HEADING,
  TOOL_STYLE_GOOD,
  TOOL_STYLE_BAD,
} ToolStyle;

/* JSON: one flat object, written as one line. */
typedef struct _ToolJson ToolJson;

ToolJson *tool_json_new (void);
void tool_json_free (ToolJson *self);
void tool_json_add_string (ToolJson *self, const char *name, const char *value);
void tool_json_add_strings (ToolJson *self, const char *name, const char *const *values);
void tool_json_add_integer (ToolJson *self, const char *name, gint64 value);
void tool_json_add_number (ToolJson *self, const char *name, double value, guint decimals);
void tool_json_add_null (ToolJson *self, const char *name);
void tool_json_add_boolean (ToolJson *self, const char *name, gboolean value);
void tool_json_append (ToolJson *self, GString *lines);
void tool_json_print (ToolJson *self);
void tool_print_json (const char *lines);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ToolJson, tool_json_free)

/* Tables: columns as wide as their widest cell. */
typedef struct _ToolTable ToolTable;

/* A title that starts with '>' makes a column that is aligned to the right. */
ToolTable *tool_table_new (const char *const *titles);
void tool_table_free (ToolTable *self);
void tool_table_add (ToolTable *self, ToolStyle style, const char *text);
void tool_table_print (ToolTable *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ToolTable, tool_table_free)

void tool_print (const char *format, ...) G_GNUC_PRINTF (1, 2);
void tool_print_field (const char *name, const char *value);
gboolean tool_flush (void);
gboolean tool_is_read (void);
char *tool_make_printable (const char *text);
char *tool_pad (const char *text, guint width);
const char *tool_translate (const char *text);
char *tool_translate_reason (const char *text);
gboolean tool_is_yes (const char *answer);

void tool_progress (const char *format, ...) G_GNUC_PRINTF (1, 2);
void tool_progress_clear (void);

/* What a kept peer is doing, in a word. */
const char *tool_describe_kept (Lp2pKeptPeer *kept);

G_END_DECLS
