/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A QR code for a terminal.
 * @text: its lines, with what sets their colours
 * @columns, @lines: the room that it takes */
typedef struct
{
  char *text;
  guint columns;
  guint lines;
} SendQr;

/* NULL for a text that is too long. */
SendQr *send_qr_new (const char *text);
void send_qr_free (SendQr *self);
gboolean send_qr_is_shown (void);
void send_qr_measure_terminal (guint *columns, guint *lines);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SendQr, send_qr_free)

G_END_DECLS
