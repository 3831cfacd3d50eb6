/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The first byte picks what a stranger does to a host that listens:
 *
 * - it sends datagrams, each behind two bytes with its size, the first bit of which says
 *   that it comes from another address;
 * - it sends the rest of the input as frames of a first packet, sealed as they have to
 *   be;
 * - it makes a handshake with the rest as transport parameters, behind the one that has
 *   to be there or not;
 * - it is connected, and sends packets of frames, each behind such two bytes.
 *
 * Whatever that is, a while later nothing is left of it. */

#include "quic-stranger.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static TestWorld *world;
static QuicHost host;
static QuicStranger stranger;
static QuicStranger elsewhere; /* the other address */

#define ELSEWHERE 0x8000

static void
set_up (void)
{
  world = test_world_new (TRUE);
  quic_host_init (&host, world, NULL, 0);
  quic_stranger_init (&stranger, world, &host.address);
  quic_stranger_init (&elsewhere, world, &host.address);
}

/* Returns FALSE at the end of the input. */
static gboolean
read_piece (Lp2pCursor *cursor, const guint8 **piece, gsize max, gsize *size, QuicStranger **from)
{
  guint16 wanted;

  if (!lp2p_cursor_read_u16be (cursor, &wanted))
    return FALSE;
  *from = wanted & ELSEWHERE ? &elsewhere : &stranger;
  *size = MIN (MIN (wanted & ~ELSEWHERE, lp2p_cursor_left (cursor)), max);
  return lp2p_cursor_read_bytes (cursor, *size, piece);
}

static void
send_datagrams (Lp2pCursor *cursor)
{
  QuicStranger *from;
  const guint8 *piece;
  gsize size;

  stranger.mute = TRUE;
  while (read_piece (cursor, &piece, 65000, &size, &from))
    quic_stranger_send (from, piece, size);
  quic_stranger_settle (&stranger);
}

static void
send_initial (const guint8 *frames, gsize size)
{
  guint8 packet[QUIC_PACKET_MAX];
  ngtcp2_cid dcid, scid;
  QuicKeys keys;

  stranger.mute = TRUE;
  lp2p_quic_random_cid (&dcid);
  lp2p_quic_random_cid (&scid);
  quic_keys_init_initial (&keys, &dcid);
  size = quic_keys_seal_initial (&keys, &dcid, &scid, NULL, 0, frames, MIN (size, 1100), packet);
  quic_keys_clear (&keys);
  quic_stranger_send (&stranger, packet, size);
  quic_stranger_settle (&stranger);
}

static void
send_params (const guint8 *bytes, gsize size, gboolean with_id)
{
  GByteArray *array = g_byte_array_new ();

  stranger.mute = TRUE;
  quic_stranger_dial (&stranger, "libp2p");
  if (with_id)
    quic_stranger_append_id (&stranger, array);
  g_byte_array_append (array, bytes, MIN (size, 800));
  stranger.params = g_byte_array_free_to_bytes (array);
  stranger.mute = FALSE;
  quic_stranger_pump (&stranger);
  quic_stranger_advance (&stranger, 100 * G_TIME_SPAN_MILLISECOND);
}

static void
send_frames (Lp2pCursor *cursor)
{
  QuicKeys keys;
  ngtcp2_cid dcid;
  QuicStranger *from;
  const guint8 *piece;
  gsize size;

  quic_stranger_connect (&stranger);
  quic_stranger_init_keys (&stranger, &keys, &dcid);
  stranger.mute = TRUE;
  for (guint32 number = 1 << 16; read_piece (cursor, &piece, 1400, &size, &from); number++)
    {
      guint8 packet[QUIC_PACKET_MAX];
      gsize sealed = quic_keys_seal_short (&keys, &dcid, number, piece, size, packet);

      quic_stranger_send (from, packet, sealed);
      quic_stranger_settle (&stranger);
    }
  quic_keys_clear (&keys);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, size);
  guint8 game;

  if (!lp2p_cursor_read_u8 (&cursor, &game))
    return 0;
  if (world == NULL)
    set_up ();
  switch (game % 5)
    {
    case 0:
      send_datagrams (&cursor);
      break;
    case 1:
      send_initial (data + 1, size - 1);
      break;
    case 2:
    case 3:
      send_params (data + 1, size - 1, game % 5 == 3);
      break;
    default:
      send_frames (&cursor);
    }
  quic_stranger_pump (&elsewhere);
  quic_stranger_end (&elsewhere);
  quic_stranger_leave (&stranger, &host);
  return 0;
}
