/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Paths as they are sent: components of bytes below the target folder. */

#include <gio/gio.h>
#include <protobuf-c/protobuf-c.h>

G_BEGIN_DECLS

/* Where the receiver keeps what is not complete; nothing sent may be called so. */
#define SEND_STATE_FOLDER ".lp2p-receive"

#define SEND_MAX_NAME   255
#define SEND_MAX_DEPTH  256
#define SEND_MAX_PATH   4095
#define SEND_MAX_TARGET 4095

char *send_path_new (const ProtobufCBinaryData *components, gsize n, GError **error);
gboolean send_link_check (const char *path, const guint8 *target, gsize size, GError **error);

G_END_DECLS
