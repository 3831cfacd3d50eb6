/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Sockets of this machine that a user names: tcp:HOST:PORT and unix:PATH. */

#include <gio/gio.h>
#include <sys/types.h>

G_BEGIN_DECLS

#define TOOL_LOCAL_HELP                                                                       \
  N_("LOCAL is tcp:HOST:PORT, such as tcp:127.0.0.1:8080 or tcp:[::1]:8080, or unix:PATH.\n")

typedef struct _ToolLocal ToolLocal;

ToolLocal *tool_local_new (const char *text, GError **error);
ToolLocal *tool_local_new_unix (const char *path);
void tool_local_free (ToolLocal *self);
const char *tool_local_get_text (const ToolLocal *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ToolLocal, tool_local_free)

/* Listens there; the text tells the port then, where it was 0. A socket file is for
 * its owner only, takes the place of one that nobody listens on, and goes with
 * tool_local_free(). */
GSocket *tool_local_listen (ToolLocal *self, GError **error);
void tool_local_connect_async (const ToolLocal *self,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data);
GSocketConnection *tool_local_connect_finish (GAsyncResult *result, GError **error);

void tool_remove_stale_socket (const char *path);

/* As far as the system allows; for what keeps many sockets. */
void tool_raise_file_limit (void);

G_END_DECLS
