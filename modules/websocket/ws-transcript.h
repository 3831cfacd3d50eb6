/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lp2p-ws-frame.h"

G_BEGIN_DECLS

/* What a parser told of, in order, with data that came in a row as one. */
typedef struct
{
  Lp2pWsEvent event;
  guint16 code;
  GByteArray *bytes;
} WsEntry;

/* How the bytes come, and how they are taken; 0 is as many as there are. */
typedef struct
{
  gsize chunk;
  gsize take;
} WsPace;

GPtrArray *ws_transcript_new (void);
void ws_transcript_add (GPtrArray *self, Lp2pWsEvent event, guint16 code, const guint8 *bytes, gsize size);
void ws_transcript_read (GPtrArray *self, Lp2pWsParser *parser, const guint8 *bytes, gsize size, const WsPace *pace);
void ws_transcript_assert_equal (GPtrArray *self, GPtrArray *expected);

G_END_DECLS
