/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/codec/lp2p-multistream.h>
#include <lp2p/interfaces/lp2p-connection.h>
#include <lp2p/interfaces/lp2p-muxer.h>
#include <lp2p/interfaces/lp2p-raw-connection.h>

/* Who decides what becomes of a connection's incoming streams and is told of
 * its end: the host. All but @match_protocol, @allows_early and @end_stream are
 * called from the run queue. */
typedef struct
{
  /* Whether a handler serves @protocol on this connection. */
  gboolean (*match_protocol) (Lp2pConnection *connection, const char *protocol, gpointer user_data);
  /* Whether the peer may hold one stream more; it then counts until it ends, which
   * the end of the connection does for all. */
  gboolean (*begin_stream) (Lp2pConnection *connection, gpointer user_data);
  void (*end_stream) (Lp2pConnection *connection, gpointer user_data);
  /* An incoming stream agreed on its protocol. */
  void (*incoming_stream) (Lp2pConnection *connection, Lp2pStream *stream, gpointer user_data);
  /* Whether the handler of @protocol takes bytes that may have been replayed. */
  gboolean (*allows_early) (Lp2pConnection *connection, const char *protocol, gpointer user_data);
  /* Streams that are safe to replay can be opened. */
  void (*early) (Lp2pConnection *connection, gpointer user_data);
  /* The peer is verified now. */
  void (*ready) (Lp2pConnection *connection, gpointer user_data);
  /* The peer has agreed to the muxer that was proposed ahead. */
  void (*muxer_agreed) (Lp2pConnection *connection, gpointer user_data);
  /* The session is over before that: either lp2p_connection_resume() or
   * lp2p_connection_give_up() is to follow. */
  void (*muxer_refused) (Lp2pConnection *connection, gpointer user_data);
  /* The session of an early connection for which others race is over; with the same to
   * follow. @error (nullable): why */
  void (*early_lost) (Lp2pConnection *connection, const GError *error, gpointer user_data);
  /* Over; lp2p_connection_get_error() says why. Called once. */
  void (*closed) (Lp2pConnection *connection, gpointer user_data);
} Lp2pConnectionOwner;

typedef struct
{
  guint max_streams;
  /* How long a stream may take to agree on its protocol, and an early connection to
   * become ready, in microseconds. */
  gint64 negotiation_timeout;
} Lp2pConnectionLimits;

/* Takes the session out of @raw, which must have one, a remote peer, a security
 * and a muxer name. Nothing happens before lp2p_connection_begin(). */
Lp2pConnection *lp2p_connection_new (Lp2pRawConnection *raw,
                                     const Lp2pConnectionLimits *limits,
                                     const Lp2pConnectionOwner *owner,
                                     gpointer user_data);
/* @answer (transfer full): to the muxer, which was proposed ahead; see
 * lp2p_multistream_layer_ref_status() */
void lp2p_connection_expect_answer (Lp2pConnection *self, const Lp2pMultistreamStatus *answer);
void lp2p_connection_begin (Lp2pConnection *self);
/* The owner goes away: no further call to it. */
void lp2p_connection_disown (Lp2pConnection *self);

gboolean lp2p_connection_was_refused (Lp2pConnection *self);
/* Whether it is early, and other addresses are tried for it. */
void lp2p_connection_set_racing (Lp2pConnection *self, gboolean racing);
gboolean lp2p_connection_may_resume (Lp2pConnection *self);
/* Goes on with the session of @raw, another connection to the same peer, after a
 * refusal, or while it is early. Returns whether it does: else the connection is over
 * by now, and so is that session. @answer (transfer full) (nullable): as
 * lp2p_connection_expect_answer() */
gboolean lp2p_connection_resume (Lp2pConnection *self, Lp2pRawConnection *raw, const Lp2pMultistreamStatus *answer);
/* Tells the owner, once, that the peer is verified. Where another peer answered than
 * expected, that ends the session instead. */
void lp2p_connection_become_ready (Lp2pConnection *self);
/* There is no other session, as @error says. */
void lp2p_connection_give_up (Lp2pConnection *self, const GError *error);

/* From the connection's streams. */
void lp2p_connection_stream_agreed (Lp2pConnection *self, Lp2pStream *stream);
/* One of ours: the peer has agreed. */
void lp2p_connection_stream_answered (Lp2pConnection *self, Lp2pStream *stream);
/* @wasted: the peer opened it, and nothing came of it */
void lp2p_connection_stream_gone (Lp2pConnection *self, Lp2pStream *stream, gboolean wasted);
/* Whether the peer is not verified yet. */
gboolean lp2p_connection_get_early (Lp2pConnection *self);
/* How many more bytes may be sent before the peer is verified and has agreed to the
 * muxer, 0 also where it takes none of them; and that some of them were sent. */
gsize lp2p_connection_get_early_room (Lp2pConnection *self);
void lp2p_connection_count_early (Lp2pConnection *self, gsize size);
/* A round-trip time measured above the muxer. */
void lp2p_connection_set_rtt (Lp2pConnection *self, gint64 rtt);
