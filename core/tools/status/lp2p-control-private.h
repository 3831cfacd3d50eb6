/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a running host tells lp2p status.
 *
 * Each process listens on a socket of its own, PID.sock in the folder lp2p of the
 * user's runtime folder, which nobody else can enter. A client sends a line with an
 * object such as {"request": "status"}; the answer is lines with one flat object
 * each, of which `type` tells what it is about, and the last one is of the type "end"
 * or "error". More requests may follow. */

#include "tools/lp2p-tool-private.h"

G_BEGIN_DECLS

#define TOOL_CONTROL_SUFFIX ".sock"

/* The longest line of a request, its end included. */
#define TOOL_CONTROL_MAX_REQUEST 4096
#define TOOL_CONTROL_MAX_CLIENTS 16

typedef struct _ToolControl ToolControl;

/* Adds what only this command knows. */
typedef void (*ToolControlReport) (GString *lines, gpointer user_data);

/* (transfer full): the folder with the sockets */
char *tool_control_dup_folder (void);

/* Answers from now on. That it cannot do so is no reason not to run: it is noted. */
ToolControl *tool_control_new (ToolLine *line, Lp2pHost *host, ToolControlReport report, gpointer user_data);
void tool_control_free (ToolControl *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ToolControl, tool_control_free)

/* What any host has to tell, with how fast its connections are. */
typedef struct _ToolReporter ToolReporter;

ToolReporter *tool_reporter_new (Lp2pHost *host, const char *command);
void tool_reporter_free (ToolReporter *self);
void tool_reporter_append (ToolReporter *self, GString *lines);

G_END_DECLS
