/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by the files of the suite for muxers only. */

#include <lp2p/interfaces/lp2p-muxer.h>

#include "lp2p-memory-pipe.h"
#include "session-driver.h"
#include "test-context.h"

G_BEGIN_DECLS

/* More than any session may hold for a stream that nobody reads, with the
 * largest window. */
#define TOO_MUCH (64 * 1024 * 1024)

/* Waiting for no longer than it takes. */
#define until(self, condition) test_until ((self)->world, condition)

/* Two sessions of one muxer, connected in memory. The second accepts and reads what
 * comes. */
typedef struct
{
  const char *name;
  TestWorld *world;
  TestContext *contexts[2];
  Lp2pMuxer *muxers[2];
  Lp2pLayer *layers[2];
  SessionDriver *a;
  SessionDriver *b;
  Lp2pMuxerCaps caps;
} MuxerTest;

typedef struct
{
  const char *name;
  void (*test) (MuxerTest *self, gconstpointer data);
} MuxerTestCase;

void muxer_test_disconnect (MuxerTest *self);
SessionDriver *muxer_test_start_session (MuxerTest *self, guint i, guint max_streams);
void muxer_test_connect_with (MuxerTest *self, const Lp2pMemoryOptions *options, guint max_streams);
void muxer_test_connect (MuxerTest *self);
/* A stream, and the other end of it. */
DriverStream *muxer_test_open_pair (MuxerTest *self, DriverStream **accepted);
/* The same on a new pair of sessions. */
DriverStream *muxer_test_connect_pair (MuxerTest *self, DriverStream **accepted);
gboolean muxer_test_has (MuxerTest *self, Lp2pMuxerCaps cap);
/* Both ways, over a stream of its own. */
void muxer_test_move_bytes (MuxerTest *self, gsize size);
/* A stream that was not to be read is. */
void muxer_test_read_on (DriverStream *stream);
void muxer_test_release_all (SessionDriver *driver);

void muxer_test_add (const char *name, const MuxerTestCase *cases, guint n_cases);
void muxer_test_add_bytes (const char *name);
void muxer_test_add_streams (const char *name);
void muxer_test_add_session (const char *name);

G_END_DECLS
