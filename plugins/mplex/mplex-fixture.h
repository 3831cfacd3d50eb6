/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lp2p-mplex-frame.h"
#include "lp2p-mplex-session.h"
#include "session-pair.h"

G_BEGIN_DECLS

/* A pair with a session as its first end, and on the second a session or a peer
 * that sends messages by hand. */
typedef struct
{
  SessionPair pair;
  Lp2pMplexOptions options;
} Fixture;

void fixture_init (Fixture *self, const MemoryLayerOptions *layer);
/* A session on either end; on the second only where @with_peer. */
void fixture_start (Fixture *self, gboolean with_peer);
void fixture_clear (Fixture *self);

/* The payload is a pattern that drivers check. */
void raw_send (Fixture *self, Lp2pMplexType type, gboolean from_opener, guint64 id, gsize size);
/* Fails unless this comes next; payload is dropped. */
void raw_expect (Fixture *self, Lp2pMplexType type, gboolean from_opener, guint64 id, gsize size);
void raw_expect_silence (Fixture *self);

G_END_DECLS
