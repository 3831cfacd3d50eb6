/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* The head of a message of mplex: sans-IO, no state. */

/* Two varints. */
#define LP2P_MPLEX_HEADER_MAX (2 * LP2P_VARINT_MAX)

/* The most bytes that one message may carry: 1 MiB, as the specification and all
 * peers have it. */
#define LP2P_MPLEX_MESSAGE_MAX (1024 * 1024)

/* What a varint of nine bytes leaves beside the flag. */
#define LP2P_MPLEX_ID_MAX ((G_GUINT64_CONSTANT (1) << 60) - 1)

typedef enum
{
  LP2P_MPLEX_NEW_STREAM,
  LP2P_MPLEX_MESSAGE,
  LP2P_MPLEX_CLOSE,
  LP2P_MPLEX_RESET,
} Lp2pMplexType;

/* @from_opener: the sender of the message is who opened the stream. Both sides
 *   count for themselves, so only this tells two streams of one id apart
 * @length: bytes that follow */
typedef struct
{
  Lp2pMplexType type;
  gboolean from_opener;
  guint64 stream_id;
  guint32 length;
} Lp2pMplexHeader;

gssize lp2p_mplex_header_decode (const guint8 *data,
                                 gsize size,
                                 Lp2pMplexHeader *header,
                                 GError **error);
gsize lp2p_mplex_header_encode (const Lp2pMplexHeader *header,
                                guint8 out[LP2P_MPLEX_HEADER_MAX]);

G_END_DECLS
