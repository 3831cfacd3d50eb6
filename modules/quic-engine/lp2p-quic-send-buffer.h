/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <ngtcp2/ngtcp2.h>

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

typedef struct _Lp2pQuicChunk Lp2pQuicChunk;

/* Bytes of a stream from the moment that they are written until the peer has
 * acknowledged them. They never move, as ngtcp2 points to them. It holds no memory
 * while it is empty; all zeros are an empty buffer. Offsets count from the beginning
 * of the stream. */
typedef struct
{
  Lp2pQuicChunk *head;
  Lp2pQuicChunk *tail;
  Lp2pQuicChunk *next; /* where unsent bytes begin */
  GBytes *loan;        /* (nullable) */
  guint64 acknowledged;
  guint64 sent;
  guint64 end;
} Lp2pQuicSendBuffer;

/* Bytes within @bytes are not copied from now on, but held. @bytes: (nullable) */
void lp2p_quic_send_buffer_lend (Lp2pQuicSendBuffer *self, GBytes *bytes);
/* Appends at most @max bytes; returns their number. */
gsize lp2p_quic_send_buffer_append (Lp2pQuicSendBuffer *self, const GOutputVector *vectors, guint n_vectors, gsize max);
/* Where the next bytes to be sent are; returns the number of @vectors. */
guint lp2p_quic_send_buffer_peek (Lp2pQuicSendBuffer *self, ngtcp2_vec *vectors, guint n_vectors);
void lp2p_quic_send_buffer_sent (Lp2pQuicSendBuffer *self, gsize size);
void lp2p_quic_send_buffer_acknowledge (Lp2pQuicSendBuffer *self, guint64 offset);
/* Forgets what was not sent, and the loan. */
void lp2p_quic_send_buffer_truncate (Lp2pQuicSendBuffer *self);
/* Forgets all, and the loan. */
void lp2p_quic_send_buffer_clear (Lp2pQuicSendBuffer *self);

static inline gsize
lp2p_quic_send_buffer_get_size (const Lp2pQuicSendBuffer *self)
{
  return self->end - self->acknowledged;
}

static inline gsize
lp2p_quic_send_buffer_get_unsent (const Lp2pQuicSendBuffer *self)
{
  return self->end - self->sent;
}

G_END_DECLS
