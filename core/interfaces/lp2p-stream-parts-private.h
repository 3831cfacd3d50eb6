/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files of a stream share. lp2p-stream.c is the object with its two sides,
 * lp2p-stream-negotiation.c agrees on the protocol, lp2p-stream-early.c keeps what may
 * have to be sent again. */

#include "interfaces/lp2p-stream-private.h"
#include "net/lp2p-async-io-private.h"

struct _Lp2pStream
{
  GIOStream parent_instance;

  Lp2pConnection *connection;
  Lp2pMuxerSession *session;
  Lp2pMuxerStream *handle;
  Lp2pAsyncIo io;
  Lp2pStreamPlace place;

  Lp2pMultistream *negotiation;
  GError *refusal; /* what is wrong with the peer's answer, until the stream's turn */
  GByteArray *head;
  GByteArray *early;
  GByteArray *kept; /* what was sent and may be refused, until it is known */
  char *protocol;
  gint64 trace; /* when it was opened, for Sysprof */

  Lp2pAsyncOperation agreeing;
  GError *error;
  guint32 remote_code;
  guint32 stop_code;
  Lp2pReady ready;
  guint outbound : 1;
  guint replay_safe : 1;
  guint agreed : 1; /* on the protocol */
  guint useful : 1; /* the application wrote something, or read to the end */
  guint input_closed : 1;
  guint output_ended : 1;
  guint told_agreed : 1;
  guint told_broken : 1;
  guint resending : 1; /* holds a reference until the head has left */
};

/* lp2p-stream.c */
/* Sets @error to why @side does not go on. Returns -1. */
gssize lp2p_stream_fail_io (Lp2pStream *self, Lp2pReady side, GError **error);
/* @error: (transfer full) */
void lp2p_stream_break (Lp2pStream *self, GError *error, guint32 code);

/* lp2p-stream-negotiation.c */
/* Puts what the codec has to send into the head. */
void lp2p_stream_collect_head (Lp2pStream *self);
void lp2p_stream_send_head (Lp2pStream *self);
void lp2p_stream_drive_negotiation (Lp2pStream *self);
gsize lp2p_stream_take_answer (Lp2pStream *self, const guint8 *data, gsize size);
void lp2p_stream_settle_answer (Lp2pStream *self);

/* lp2p-stream-early.c */
gssize lp2p_stream_write_out (Lp2pStream *self, const GOutputVector *vectors, guint n_vectors);
void lp2p_stream_wait_for_room (Lp2pStream *self);
void lp2p_stream_forget_kept (Lp2pStream *self);
