/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a transfer tells its user: a line of progress on a terminal, objects for
 * programs, a line for each thing that went wrong, and a sum at the end. */

#include "tools/lp2p-tool-private.h"

G_BEGIN_DECLS

typedef enum
{
  SEND_OUTCOME_DONE,    /* sent or received */
  SEND_OUTCOME_PRESENT, /* was at the receiver already */
  SEND_OUTCOME_SKIPPED, /* left out on purpose */
  SEND_OUTCOME_FAILED,
} SendOutcome;

typedef struct _SendReport SendReport;

SendReport *send_report_new (ToolLine *line, gboolean sending, gboolean json);
void send_report_free (SendReport *self);
gboolean send_report_get_json (SendReport *self);

void send_report_expect (SendReport *self, const char *name, guint64 files, guint64 size);
void send_report_begin (SendReport *self, const char *peer, const char *name, guint64 files, guint64 size);
void send_report_move (SendReport *self, const char *path, guint64 bytes);
void send_report_pass (SendReport *self, guint64 bytes);
void send_report_resume (SendReport *self, const char *path, guint64 offset);
void send_report_entry (SendReport *self,
                        const char *path,
                        gboolean is_file,
                        guint64 size,
                        SendOutcome outcome,
                        const char *why);
guint64 send_report_get_count (SendReport *self, SendOutcome outcome);
int send_report_finish (SendReport *self);
gboolean send_report_is_finished (SendReport *self);
void send_report_pause (SendReport *self);
void send_report_append_status (GString *lines, gpointer report);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SendReport, send_report_free)

G_END_DECLS
