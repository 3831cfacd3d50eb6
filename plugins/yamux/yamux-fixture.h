/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lp2p-yamux-frame.h"
#include "lp2p-yamux-session.h"
#include "session-pair.h"

G_BEGIN_DECLS

/* A pair with a session as its first end, and on the second a session or a peer
 * that sends frames by hand. */
typedef struct
{
  SessionPair pair;
  Lp2pYamuxOptions options;
} Fixture;

void fixture_init (Fixture *self, const MemoryLayerOptions *layer);
/* A session on either end; on the second only where @with_peer. */
void fixture_start (Fixture *self, gboolean with_peer);
void fixture_clear (Fixture *self);

void raw_send (Fixture *self, Lp2pYamuxType type, guint16 flags, guint32 id, guint32 length);
void raw_send_data (Fixture *self, guint16 flags, guint32 id, gsize size);
gboolean raw_receive (Fixture *self, Lp2pYamuxHeader *header);
/* Passes over pings, answering them, and fails unless this comes next. */
void raw_expect (Fixture *self, Lp2pYamuxType type, guint16 flags, guint32 id, guint32 length);
/* Nothing but pings came. */
void raw_expect_silence (Fixture *self);

G_END_DECLS
