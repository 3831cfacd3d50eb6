/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Work with files that may take long. */

#include <glib.h>

G_BEGIN_DECLS

typedef void (*SendWork) (gpointer data);

gboolean send_has_spare_processor (void);
gboolean send_is_in_memory (int fd);
void send_run_in_thread (SendWork work, SendWork done, gpointer data);

G_END_DECLS
