/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A loadable object that uses what the transports to come need of the host, and
 * moves its bytes within the process. It knows of lp2p what anybody's plugin
 * does. */

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* What a stream's reader may have waiting, and what fits a datagram. */
#define FAKE_WINDOW (64 * 1024)
#define FAKE_DATAGRAM_MAX 1200
#define FAKE_DATAGRAM_QUEUE 4

typedef struct _FakeSession FakeSession;

/* One side of a pair that has security and streams of its own. It begins early;
 * with a @peer, what is sent arrives there. */
FakeSession *fake_session_new (Lp2pLoop *loop, Lp2pMultiaddr *local_address, Lp2pMultiaddr *remote_address);
void fake_session_pair (FakeSession *self, FakeSession *peer);
/* The handshake is over. @rejected: what was sent before is lost. */
void fake_session_become_ready (FakeSession *self, Lp2pPeerId *remote_peer, gboolean rejected);
void fake_session_set_remote_peer (FakeSession *self, Lp2pPeerId *remote_peer);
void fake_session_fail (FakeSession *self, GError *error);
/* @where, which may be NULL, is cleared when the session is over or freed. */
void fake_session_watch (FakeSession *self, FakeSession **where);

#define FAKE_TYPE_DATAGRAMS (fake_datagrams_get_type ())
G_DECLARE_FINAL_TYPE (FakeDatagrams, fake_datagrams, FAKE, DATAGRAMS, GObject)

FakeDatagrams *fake_datagrams_new (Lp2pLoop *loop);
void fake_datagrams_pair (FakeDatagrams *self, FakeDatagrams *peer);
/* Its connection is over. */
void fake_datagrams_end (FakeDatagrams *self);

#define FAKE_TYPE_TRANSPORT (fake_transport_get_type ())
G_DECLARE_FINAL_TYPE (FakeTransport, fake_transport, FAKE, TRANSPORT, Lp2pExtension)

#define FAKE_TYPE_RELAY (fake_relay_get_type ())
G_DECLARE_FINAL_TYPE (FakeRelay, fake_relay, FAKE, RELAY, Lp2pExtension)

G_END_DECLS
