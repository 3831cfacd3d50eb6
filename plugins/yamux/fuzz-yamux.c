/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The first byte chooses the layer; then come commands, see session-fuzz.h. */

#include "session-fuzz.h"
#include "yamux-fixture.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* A header that is well-formed more often than not, with payload. */
static void
feed_frame (SessionPair *pair, Lp2pCursor *input)
{
  guint8 kind = session_fuzz_next (input);
  Lp2pYamuxHeader header = { kind & 3, kind >> 4, session_fuzz_next (input), 0 };
  guint8 bytes[LP2P_YAMUX_HEADER_SIZE];

  header.length = session_fuzz_next (input) << 8;
  header.length |= session_fuzz_next (input);
  if (kind & 4)
    header.length <<= 16;
  lp2p_yamux_header_encode (&header, bytes);
  session_fuzz_feed (pair, bytes, sizeof bytes);
  if (header.type == LP2P_YAMUX_DATA)
    session_fuzz_feed (pair, session_fuzz_payload, MIN (header.length, SESSION_FUZZ_PAYLOAD_MAX));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  Lp2pCursor input = LP2P_CURSOR_INIT (data, size);
  guint8 setup = session_fuzz_next (&input);
  MemoryLayerOptions layer = { .capacity = setup & 1 ? 1000 : 0, .max_peek = setup & 2 ? 5 : 0 };
  Fixture f;

  fixture_init (&f, &layer);
  f.options.max_streams = 20;
  f.options.ack_backlog = 10;
  fixture_start (&f, FALSE);
  session_fuzz_run (&f.pair, &input, feed_frame);
  fixture_clear (&f);
  return 0;
}
