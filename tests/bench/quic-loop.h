/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One UDP socket, read and written in a loop, for one connection: large reads that the
 * system has put together (GRO), large writes that it takes apart (GSO). */

#include "quic-session.h"

#include <netinet/in.h>

typedef struct _QuicLoop QuicLoop;

ngtcp2_tstamp quic_now (void);

QuicLoop *quic_loop_new (const struct sockaddr_in *own, const struct sockaddr_in *remote);
void quic_loop_get_path (QuicLoop *self, ngtcp2_path *path);
void quic_loop_accept (QuicLoop *self, const QuicOptions *options);
void quic_loop_take (QuicLoop *self, QuicSession *session);
QuicSession *quic_loop_get_session (QuicLoop *self);
gboolean quic_loop_run (QuicLoop *self, gboolean (*is_done) (QuicSession *session));
void quic_loop_close (QuicLoop *self);
