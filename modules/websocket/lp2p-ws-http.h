/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* The dialer's half of the opening handshake, sans-IO: one GET, and the answer
 * to it, which must be the 101 that RFC 6455 asks for and nothing else. */

/* All lines of an answer together, and the headers in it. */
#define LP2P_WS_MAX_HEAD 8192
#define LP2P_WS_MAX_HEADERS 64

/* The random bytes that a key is made of. */
#define LP2P_WS_NONCE_SIZE 16

/* @host is what Host says, with the port where it is not the scheme's own;
 * @path is that of the address, unescaped, %NULL for the root. */
typedef struct
{
  const char *host;
  const char *path;
} Lp2pWsRequest;

char *lp2p_ws_key_new (const guint8 nonce[LP2P_WS_NONCE_SIZE]);
char *lp2p_ws_key_answer (const char *key);

gboolean lp2p_ws_is_header_name (const char *name, gsize size);
gboolean lp2p_ws_is_header_value (const char *value, gsize size);

gboolean lp2p_ws_request_write (const Lp2pWsRequest *request, const char *key, GString *out, GError **error);

typedef enum
{
  LP2P_WS_REPLY_MORE,
  LP2P_WS_REPLY_DONE,
  LP2P_WS_REPLY_FAILED,
} Lp2pWsReplyStatus;

typedef struct _Lp2pWsReply Lp2pWsReply;

Lp2pWsReply *lp2p_ws_reply_new (const char *key);
void lp2p_ws_reply_free (Lp2pWsReply *self);
Lp2pWsReplyStatus lp2p_ws_reply_input (Lp2pWsReply *self, const guint8 *bytes, gsize size, gsize *used, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pWsReply, lp2p_ws_reply_free)

G_END_DECLS
