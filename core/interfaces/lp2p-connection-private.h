/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-connection.h>
#include <lp2p/interfaces/lp2p-muxer.h>
#include <lp2p/interfaces/lp2p-raw-connection.h>

/* Who decides what becomes of a connection's incoming streams and is told of
 * its end: the host. Called from the run queue. */
typedef struct
{
  /* Whether a handler serves @protocol on this connection. */
  gboolean (*match_protocol) (Lp2pConnection *connection, const char *protocol, gpointer user_data);
  /* An incoming stream agreed on its protocol. */
  void (*incoming_stream) (Lp2pConnection *connection, Lp2pStream *stream, gpointer user_data);
  /* EARLY became READY. */
  void (*ready) (Lp2pConnection *connection, gpointer user_data);
  /* Over; lp2p_connection_get_error() says why. Called once. */
  void (*closed) (Lp2pConnection *connection, gpointer user_data);
} Lp2pConnectionOwner;

/* Takes the session out of @raw, which must have one, a remote peer, a security
 * and a muxer name. */
Lp2pConnection *lp2p_connection_new (Lp2pRawConnection *raw,
                                     guint max_streams,
                                     gint64 negotiation_timeout,
                                     const Lp2pConnectionOwner *owner,
                                     gpointer user_data);
/* The owner goes away: no further call to it. */
void lp2p_connection_disown (Lp2pConnection *self);
