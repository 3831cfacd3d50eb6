/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

void lp2p_txt_lookup_async (const char *name, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
GPtrArray *lp2p_txt_lookup_finish (GAsyncResult *result, GError **error);

G_END_DECLS
