/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files of the lp2p command share: commands, the options that all of
 * them take, and how failures are reported. */

#include <lp2p/lp2p.h>

G_BEGIN_DECLS

/* The exit codes, which are part of the interface and stand in --help. */
typedef enum
{
  TOOL_EXIT_OK = 0,
  TOOL_EXIT_FAILURE = 1,
  TOOL_EXIT_USAGE = 2,
  TOOL_EXIT_NO_CONNECTION = 3,
  TOOL_EXIT_WRONG_PEER = 4,
  TOOL_EXIT_TIMED_OUT = 5,
} ToolExit;

/* The options that stand before or behind the command. */
typedef struct
{
  char *config_file;
  char *identity_file;
  GPtrArray *plugin_path;
  gboolean verbose;
} ToolOptions;

typedef struct _ToolCommand ToolCommand;

/* What one command was called with. */
typedef struct
{
  const ToolCommand *command;
  ToolOptions *options;
  char **argv;
  char **arguments; /* what is left of argv without the options */
} ToolLine;

struct _ToolCommand
{
  const char *name;
  const char *arguments;
  const char *summary;
  int (*run) (ToolLine *line);
};

int tool_command_config (ToolLine *line);
int tool_command_demo (ToolLine *line);
int tool_command_doctor (ToolLine *line);
int tool_command_forward (ToolLine *line);
int tool_command_id (ToolLine *line);
int tool_command_identify (ToolLine *line);
int tool_command_inspect (ToolLine *line);
int tool_command_listen (ToolLine *line);
int tool_command_perf (ToolLine *line);
int tool_command_ping (ToolLine *line);
int tool_command_receive (ToolLine *line);
int tool_command_send (ToolLine *line);
int tool_command_status (ToolLine *line);

/* The kinds of loadable objects and the option of the host that enables those of
 * a kind. Ends with a kind of NULL. */
typedef struct
{
  const char *kind;
  const char *option;
} ToolKind;

extern const ToolKind tool_kinds[];

gboolean tool_line_parse (ToolLine *line,
                          const GOptionEntry *entries,
                          const char *description,
                          guint min_arguments,
                          guint max_arguments);

void tool_options_add (ToolOptions *self, GOptionContext *context);
void tool_options_clear (ToolOptions *self);
Lp2pConfig *tool_options_load_config (ToolOptions *self, GError **error);
gboolean tool_options_reload_config (ToolOptions *self, Lp2pConfig *config, GError **error);
void tool_options_listen_to_logs (ToolOptions *self);

gboolean tool_parse_size (const char *text, guint64 min, guint64 *size);

int tool_fail (ToolExit status, const char *what, const char *format, ...) G_GNUC_PRINTF (3, 4);
int tool_fail_error (const char *what, const GError *error);
void tool_note (ToolOptions *options, const char *format, ...) G_GNUC_PRINTF (2, 3);
const char *tool_find_nearest (const char *wanted, const char *const *names);

G_END_DECLS
