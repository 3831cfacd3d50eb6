/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lp2p-yamux-frame.h"
#include "lp2p-yamux-session.h"
#include "memory-layer.h"
#include "session-driver.h"

G_BEGIN_DECLS

/* Two ends of one connection in memory, with a clock that tests move. The first
 * end is the initiator's session. The second is a session too, or a peer that
 * sends frames by hand.
 *
 * @budget: how much memory the sessions may still reserve */
typedef struct
{
  Lp2pClock clock;
  gint64 now;
  GMainContext *context;
  Lp2pLoop *loop;
  Lp2pLayer *layers[2];
  SessionDriver *a;
  SessionDriver *b;
  gsize budget;
  Lp2pYamuxOptions options;
} Fixture;

void fixture_init (Fixture *self, const MemoryLayerOptions *layer);
/* A session on either end; on the second only where @with_peer. */
void fixture_start (Fixture *self, gboolean with_peer);
void fixture_clear (Fixture *self);

/* Runs until nothing is left to do at this time. */
void fixture_run (Fixture *self);
/* Moves the clock on in steps, running what becomes due. */
void fixture_pass (Fixture *self, gint64 time, gint64 step);

void raw_send (Fixture *self, Lp2pYamuxType type, guint16 flags, guint32 id, guint32 length);
void raw_send_data (Fixture *self, guint16 flags, guint32 id, gsize size);
void raw_send_bytes (Fixture *self, gconstpointer data, gsize size);
gboolean raw_receive (Fixture *self, Lp2pYamuxHeader *header);
/* Passes over pings, answering them, and fails unless this comes next. */
void raw_expect (Fixture *self, Lp2pYamuxType type, guint16 flags, guint32 id, guint32 length);
/* Nothing but pings came. */
void raw_expect_silence (Fixture *self);

G_END_DECLS
