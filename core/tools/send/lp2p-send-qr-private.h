/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A text as a QR code for a terminal; NULL for one that is too long. */
char *send_qr_make (const char *text);
gboolean send_qr_is_shown (void);

G_END_DECLS
