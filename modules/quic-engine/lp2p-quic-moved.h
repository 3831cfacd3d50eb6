/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lp2p-quic-compat.h"
#include "lp2p-quic-engine.h"

G_BEGIN_DECLS

/* What a server knows of where its client is, and was. */
typedef struct
{
  gboolean elsewhere;   /* than where the client is: what is read comes from there */
  gboolean needs_token; /* it is at another host than the one for which it has one */
  ngtcp2_path_storage shown;        /* where it has shown to be last */
  ngtcp2_path_storage shown_before; /* and before that */
  gsize allowance;      /* what may be sent where it has not shown to be; 0 where it has */
  GArray *formers;      /* ngtcp2_sockaddr_union, from where it may have moved, or NULL */
  gint64 former_pto;    /* the longest there */
  gint64 doubt;         /* how long it may be asked once more where it is, 0 where it is not */
  gint64 doubt_ends;
} Lp2pQuicMoved;

/* Of a server: its client is on @path. */
void lp2p_quic_moved_begin (Lp2pQuicConnection *self, const ngtcp2_path *path);
void lp2p_quic_moved_clear (Lp2pQuicConnection *self);

/* Whether ngtcp2 may hear of a packet that came on @path. */
gboolean lp2p_quic_moved_may_read (Lp2pQuicConnection *self, const ngtcp2_path *path);
/* A server's has. */
void lp2p_quic_moved_was_read (Lp2pQuicConnection *self, const ngtcp2_path *path, gsize size);
void lp2p_quic_moved_was_sent (Lp2pQuicConnection *self, const ngtcp2_path *path, gsize size);
/* Something was sent that is to be acknowledged, with which ngtcp2 asks what it has to. */
void lp2p_quic_moved_was_asked (Lp2pQuicConnection *self, gint64 now);
/* What of @room the next packet may take. */
gsize lp2p_quic_moved_limit_room (Lp2pQuicConnection *self, gsize room);
/* Packets go to @path from now on. */
void lp2p_quic_moved_follow (Lp2pQuicConnection *self, const ngtcp2_path *path);
/* The client has shown that it is where it moved to, or not. */
void lp2p_quic_moved_validated (Lp2pQuicConnection *self, const ngtcp2_path *path, ngtcp2_path_validation_result result);

G_END_DECLS
