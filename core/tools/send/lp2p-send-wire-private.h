/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The codec of /lp2p/send/1.0.0: bytes in, frames and chunks out, and the other way
 * round. data/docs/send.md describes it. */

#include "tools/send/lp2p-send-hash-private.h"
#include "tools/send/send.pb-c.h"

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

#define SEND_PROTOCOL "/lp2p/send/1.0.0"

/* The longest frame: two paths and a little. */
#define SEND_MAX_FRAME 16384
/* The longest text for people, in bytes. */
#define SEND_MAX_TEXT 1024
/* How many entries may be announced that have not ended yet. */
#define SEND_MAX_ANNOUNCED 1024
/* How many entries may be offered, and how many names at the top of them. */
#define SEND_MAX_ENTRIES 10000000
#define SEND_MAX_NAMES   4096

typedef Lp2p__Send__Frame SendFrame;

#define SEND_BODY(name) LP2P__SEND__FRAME__BODY_##name

void send_frame_free (SendFrame *frame);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SendFrame, send_frame_free)

gboolean send_fail_protocol (GError **error, const char *what);

GPtrArray *send_offer_list_names (const Lp2p__Send__Offer *offer);

/* One frame that is known to be what it should be. */
void send_append_frame (GByteArray *out, const SendFrame *frame);

void send_append (GByteArray *out, Lp2p__Send__Frame__BodyCase kind, gpointer message);

/* The frames that have little in them. */
void send_append_nothing (GByteArray *out, Lp2p__Send__Frame__BodyCase kind);
void send_append_text (GByteArray *out, Lp2p__Send__Frame__BodyCase kind, const char *text);
void send_append_failure (GByteArray *out,
                          Lp2p__Send__Frame__BodyCase kind,
                          guint64 entry,
                          const char *text);
void send_append_chunk (GByteArray *out, gsize size, const SendHash *hash);
void send_append_end (GByteArray *out, guint64 entry, const SendHash *hash);

typedef enum
{
  SEND_INPUT_MORE,
  SEND_INPUT_FRAME,
  SEND_INPUT_DATA,
  SEND_INPUT_FAILED,
} SendInput;

/* What comes in.
 * @left: how many bytes of a chunk are still to come
 * @offer: (nullable): the first frames of one that takes several */
typedef struct
{
  gsize left;
  SendFrame *offer;
} SendDecoder;

void send_decoder_clear (SendDecoder *self);

/* One thing that came: a frame, or some of the bytes of a chunk. */
typedef struct
{
  SendFrame *frame;
  const guint8 *data;
  gsize size;
} SendEvent;

SendInput
send_decoder_next (SendDecoder *self, Lp2pCursor *cursor, SendEvent *event, GError **error);

G_END_DECLS
