/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files of a connection share. lp2p-connection.c is the object,
 * lp2p-connection-driver.c drives the session, lp2p-connection-resume.c replaces it
 * where the peer refuses its muxer or another address leads to it sooner,
 * lp2p-connection-streams.c has the streams that are being opened and accepted,
 * lp2p-connection-resets.c ends it where too many of them come to nothing. */

#include "interfaces/lp2p-connection-private.h"
#include "interfaces/lp2p-stream-private.h"

enum
{
  LP2P_CONNECTION_PROP_0,
  LP2P_CONNECTION_PROP_STATE,
  LP2P_CONNECTION_PROP_REMOTE_PEER,
  LP2P_CONNECTION_PROP_LOCAL_ADDRESS,
  LP2P_CONNECTION_PROP_REMOTE_ADDRESS,
  LP2P_CONNECTION_PROP_DIRECTION,
  LP2P_CONNECTION_PROP_TRANSPORT,
  LP2P_CONNECTION_PROP_SECURITY,
  LP2P_CONNECTION_PROP_MUXER,
  LP2P_CONNECTION_PROP_LIMITED,
  LP2P_CONNECTION_PROP_RTT,
  LP2P_CONNECTION_PROP_BYTES_READ,
  LP2P_CONNECTION_PROP_BYTES_WRITTEN,
  LP2P_CONNECTION_PROP_N_STREAMS,
  LP2P_CONNECTION_N_PROPS,
};

struct _Lp2pConnection
{
  GObject parent_instance;

  guint64 id;
  Lp2pMuxerSession *session;
  Lp2pMuxerSession *refused_session; /* until its streams are opened again */
  /* To the muxer that was proposed ahead, until that is settled. */
  const Lp2pMultistreamStatus *answer;
  Lp2pLoop *loop;
  Lp2pConnectionState state;
  Lp2pRole direction;
  const char *transport;
  const char *security;
  const char *muxer;
  char *socket_id;
  Lp2pMultiaddr *local_address;
  Lp2pMultiaddr *remote_address;
  Lp2pPeerId *remote_peer;
  Lp2pPublicKey *remote_key;
  GError *error;
  gint64 rtt;
  gint64 notified;
  guint64 bytes_read;
  guint64 bytes_written;
  guint64 refused_bytes_read; /* of the refused session */
  guint64 refused_bytes_written;

  const Lp2pConnectionOwner *owner;
  gpointer owner_data;
  Lp2pConnectionLimits limits;

  Lp2pJob pump;
  Lp2pJob job;
  Lp2pTimer timer;
  Lp2pTimer negotiation_timer;
  Lp2pTimer ready_timer;
  GQueue opening; /* of Lp2pConnectionWaiting */
  GQueue closing; /* likewise */
  GQueue proposing;     /* of Lp2pStream: ours that are not agreed on, without a reference */
  GQueue negotiating;   /* of the peer's, as the next ones */
  GQueue held;          /* agreed on, of handlers that wait until it is ready */
  GQueue early_streams; /* ours, whose bytes may have to be sent again */
  gsize early_kept;     /* how many those are */
  guint n_streams;
  guint n_inbound;
  gsize place; /* that is left to the reader who got bytes last */
  guint n_wasted;   /* streams that the peer opened for nothing, beyond those that are forgiven */
  gint64 forgiven;  /* up to when */
  guint limited : 1;
  guint closed_here : 1;
  guint state_untold : 1; /* it changed outside the run queue */
  guint begun : 1;
  guint incoming : 1;
  guint can_open : 1;
  guint output_waits : 1;   /* for the application code that is due */
  guint early : 1;          /* the peer is not verified by a fresh handshake */
  guint early_rejected : 1; /* the peer takes nothing of what was sent early */
  guint racing : 1;         /* while it is early, other addresses are tried for it */
  guint refused : 1;        /* so of the muxer, or early lost: another session is on its way */
  guint session_ready : 1;  /* it said so, and may be over since */
  guint told_early : 1;
  guint told_ready : 1;
  guint told_closed : 1;
};

/* Somebody who waits for something of a connection. */
typedef struct
{
  GTask *task;
  GSource *cancel;
  GQueue *queue;
  GStrv protocols;
  Lp2pStreamFlags flags;
} Lp2pConnectionWaiting;

/* lp2p-connection.c */
void lp2p_connection_notify (Lp2pConnection *self, guint property);

/* lp2p-connection-driver.c */
void lp2p_connection_refresh_counters (Lp2pConnection *self);
/* Marks what this side ends, before it tells the session. */
void lp2p_connection_close_here (Lp2pConnection *self);
void lp2p_connection_start_closing (Lp2pConnection *self, GTask *task);
/* Waits at the tail of @queue; a cancellation takes it out. */
void lp2p_connection_wait (GQueue *queue, GTask *task, const char *const *protocols, Lp2pStreamFlags flags);
void lp2p_connection_waiting_free (Lp2pConnectionWaiting *self);
/* Begins to drive the session. */
void lp2p_connection_drive (Lp2pConnection *self);

/* lp2p-connection-resets.c */
/* A stream of the peer is over. @wasted: before anything came of it */
void lp2p_connection_count_end (Lp2pConnection *self, gboolean wasted);
/* Ends the connection when there were too many of these. */
void lp2p_connection_follow_resets (Lp2pConnection *self);

/* lp2p-connection-resume.c */
/* Sees what became of the muxer that was proposed ahead. */
void lp2p_connection_follow_answer (Lp2pConnection *self);
/* Sees whether the session is over while it is early, and another one may take its
 * place. */
void lp2p_connection_follow_loss (Lp2pConnection *self);
gboolean lp2p_connection_is_lost (Lp2pConnection *self);
void lp2p_connection_forget_answer (Lp2pConnection *self);
/* The session is over. Whether that may be for the peer not agreeing to its muxer. */
gboolean lp2p_connection_is_refusal (Lp2pConnection *self);
/* Frees the refused session when nothing needs it any more. */
void lp2p_connection_drop_refused (Lp2pConnection *self);

/* lp2p-connection-streams.c */
void lp2p_connection_init_streams (Lp2pConnection *self);
void lp2p_connection_start_opening (Lp2pConnection *self,
                                    GTask *task,
                                    const char *const *protocols,
                                    Lp2pStreamFlags flags);
void lp2p_connection_accept_streams (Lp2pConnection *self);
void lp2p_connection_open_queued (Lp2pConnection *self);
/* Nothing is opened any more. */
void lp2p_connection_fail_opening (Lp2pConnection *self);
void lp2p_connection_fail_streams (Lp2pConnection *self);
/* The peer is verified: what waited for that goes on. */
void lp2p_connection_settle_early (Lp2pConnection *self);
void lp2p_connection_lose_unsafe (Lp2pConnection *self);
void lp2p_connection_hand_out_held (Lp2pConnection *self);
