/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/types/lp2p-varint.h>

G_BEGIN_DECLS

/**
 * Lp2pCursor: (skip)
 * @data: the next byte
 * @left: how many bytes are left
 * @failed: whether a read has failed
 *
 * A bounds-checked reader over borrowed bytes.
 *
 * It is a plain value: it owns nothing, may live on the stack, and a copy of
 * it is a mark to come back to. Once a read has failed, every later one fails
 * too, so that a parser may check once at the end of a group of reads.
 */
typedef struct
{
  const guint8 *data;
  gsize left;
  gboolean failed;
} Lp2pCursor;

/**
 * LP2P_CURSOR_INIT: (skip)
 * @d: the first byte
 * @l: the number of bytes
 *
 * Initializer of a [struct@Lp2p.Cursor] variable.
 */
#define LP2P_CURSOR_INIT(d, l)                                                                     \
  {                                                                                                \
    (const guint8 *) (d), (l), FALSE                                                               \
  }

LP2P_AVAILABLE_IN_1_0
void lp2p_cursor_init (Lp2pCursor *cursor, gconstpointer data, gsize len);

LP2P_AVAILABLE_IN_1_0
gboolean lp2p_cursor_read_u8 (Lp2pCursor *cursor, guint8 *out);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_cursor_read_u16be (Lp2pCursor *cursor, guint16 *out);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_cursor_read_u32be (Lp2pCursor *cursor, guint32 *out);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_cursor_read_u64be (Lp2pCursor *cursor, guint64 *out);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_cursor_read_varint (Lp2pCursor *cursor, guint64 *out);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_cursor_read_bytes (Lp2pCursor *cursor, gsize n, const guint8 **out);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_cursor_copy (Lp2pCursor *cursor, gpointer dest, gsize n);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_cursor_read_prefixed (Lp2pCursor *cursor, gsize max, Lp2pCursor *inner);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_cursor_skip (Lp2pCursor *cursor, gsize n);

LP2P_AVAILABLE_IN_1_0
gsize lp2p_cursor_left (const Lp2pCursor *cursor);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_cursor_at_end (const Lp2pCursor *cursor);

G_END_DECLS
