/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lp2p-peer.h"

typedef struct
{
  const PeerOptions *options;
  Lp2pHost *host;
  Lp2pMultiaddr *address;
  Lp2pPeerId *peer;
  Lp2pConnection *connection;
} PeerDialer;

/* A step takes the task and returns from it the members of its detail as JSON,
 * or an error. The task's cancellable is the step's deadline. */
typedef void (*PeerStepFunc) (PeerDialer *dialer, GTask *task);

void peer_step_connect (PeerDialer *dialer, GTask *task);
void peer_step_first_byte (PeerDialer *dialer, GTask *task);
void peer_step_identify (PeerDialer *dialer, GTask *task);
void peer_step_ping (PeerDialer *dialer, GTask *task);
void peer_step_quiet (PeerDialer *dialer, GTask *task);
void peer_step_upload (PeerDialer *dialer, GTask *task);
void peer_step_lend (PeerDialer *dialer, GTask *task);
void peer_step_download (PeerDialer *dialer, GTask *task);
void peer_step_streams (PeerDialer *dialer, GTask *task);
void peer_step_half_close (PeerDialer *dialer, GTask *task);
void peer_step_reset (PeerDialer *dialer, GTask *task);
void peer_step_datagrams (PeerDialer *dialer, GTask *task);
void peer_step_wrong_peer (PeerDialer *dialer, GTask *task);

/* Round trips of 32 random bytes, one after the other on one stream. */
void peer_ping_async (PeerDialer *dialer,
                      guint round_trips,
                      GCancellable *cancellable,
                      GAsyncReadyCallback callback,
                      gpointer user_data);
gboolean peer_ping_finish (GAsyncResult *result, GError **error);

/* Opens a stream on the dialer's connection. */
void peer_open_async (PeerDialer *dialer,
                      const char *protocol,
                      GCancellable *cancellable,
                      GAsyncReadyCallback callback,
                      gpointer user_data);
Lp2pStream *peer_open_finish (GAsyncResult *result, GError **error);

/* Ends a step whose stream is of no more use, and the stream. */
void peer_step_return (GTask *task, Lp2pStream *stream, char *detail, GError *error);

char *peer_json_string (const char *text);
