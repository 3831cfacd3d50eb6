/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A client begins with a first packet that is always the same, and goes on with anything.
 * Pieces of the input, each behind a byte that says what is done with it and two with its
 * size: a datagram as it is, frames of one more first packet, or what stands behind the id
 * that the server has given itself, in a packet with a long or a short header; where it
 * comes from; how many milliseconds go by before.
 *
 * Ids, tokens and time are the same in each run. Whatever happens, a while later nothing is
 * left of it. */

#include "quic-stranger.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

enum
{
  AS_IT_IS,
  INITIAL,
  LONG,
  SHORT,
  N_KINDS,
};

#define KIND      0x07
#define ELSEWHERE 0x08 /* than where the first packet came from */
#define TIME      4    /* in the bits above, twice as long with each number */

#define HANDSHAKE 0xe0 /* the first byte of such a packet */
#define MAX_PIECE 65000

/* What a client said that speaks the ALPN libp2p, and the id that it gave itself. */
static const guint8 client_hello[] = {
  0x01, 0x00, 0x00, 0xf0, 0x03, 0x03, 0x1d, 0x61, 0x1e, 0x5d, 0xdf, 0x57, 0x0a, 0x25, 0x11, 0x02,
  0xad, 0xa3, 0x48, 0xa9, 0xae, 0x47, 0xcc, 0x2c, 0x38, 0xfb, 0x8c, 0x09, 0x16, 0x05, 0xce, 0x30,
  0x78, 0xb6, 0x73, 0x3d, 0x8b, 0xb3, 0x00, 0x00, 0x02, 0x13, 0x01, 0x01, 0x00, 0x00, 0xc5, 0x00,
  0x39, 0x00, 0x33, 0x0f, 0x08, 0x4f, 0x7d, 0x9e, 0xae, 0xcb, 0xfd, 0x20, 0x26, 0x05, 0x04, 0x80,
  0x04, 0x00, 0x00, 0x06, 0x04, 0x80, 0x04, 0x00, 0x00, 0x04, 0x04, 0x80, 0x10, 0x00, 0x00, 0x08,
  0x02, 0x40, 0x64, 0x0e, 0x01, 0x07, 0x6a, 0xb2, 0x00, 0x80, 0xff, 0x73, 0xdb, 0x08, 0x00, 0x00,
  0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x00, 0x05, 0x00, 0x05, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x0a, 0x00, 0x04, 0x00, 0x02, 0x00, 0x1d, 0x00, 0x0b, 0x00, 0x02, 0x01, 0x00, 0x00, 0x0d, 0x00,
  0x22, 0x00, 0x20, 0x04, 0x01, 0x08, 0x09, 0x08, 0x04, 0x04, 0x03, 0x08, 0x07, 0x05, 0x01, 0x08,
  0x0a, 0x08, 0x05, 0x05, 0x03, 0x08, 0x08, 0x06, 0x01, 0x08, 0x0b, 0x08, 0x06, 0x06, 0x03, 0x02,
  0x01, 0x02, 0x03, 0x00, 0x10, 0x00, 0x09, 0x00, 0x07, 0x06, 0x6c, 0x69, 0x62, 0x70, 0x32, 0x70,
  0x00, 0x16, 0x00, 0x00, 0x00, 0x17, 0x00, 0x00, 0x00, 0x33, 0x00, 0x26, 0x00, 0x24, 0x00, 0x1d,
  0x00, 0x20, 0x83, 0xa3, 0x42, 0x2d, 0x26, 0xf0, 0xf6, 0x3d, 0x93, 0xeb, 0x0f, 0x46, 0x50, 0x08,
  0xec, 0x88, 0x30, 0xc6, 0x2c, 0xaa, 0x6d, 0x68, 0x46, 0xdf, 0x17, 0x1c, 0x78, 0xfb, 0xd9, 0x7b,
  0x3a, 0x3f, 0x00, 0x2b, 0x00, 0x03, 0x02, 0x03, 0x04, 0xff, 0x01, 0x00, 0x01, 0x00, 0x00, 0x1c,
  0x00, 0x02, 0x40, 0x01,
};
static const guint8 client_id[] = { 0x4f, 0x7d, 0x9e, 0xae, 0xcb, 0xfd, 0x20, 0x26 };
static const guint8 first_id[] = { 1, 2, 3, 4, 5, 6, 7, 8 };

static TestWorld *world;
static QuicHost host;
static QuicStranger here;
static QuicStranger elsewhere;
static guint64 state; /* of what is random here */

/* In place of that of GnuTLS, for all that asks for it from outside. */
__attribute__ ((visibility ("default"))) int
gnutls_rnd (gnutls_rnd_level_t level, void *data, size_t size)
{
  for (size_t i = 0; i < size; i++)
    {
      state = state * G_GUINT64_CONSTANT (6364136223846793005) + G_GUINT64_CONSTANT (1442695040888963407);
      ((guint8 *) data)[i] = state >> 56;
    }
  return 0;
}

static void
set_up (void)
{
  world = test_world_new (TRUE);
  quic_host_init (&host, world, NULL, 0);
  quic_stranger_init (&here, world, &host.address);
  quic_stranger_init (&elsewhere, world, &host.address);
}

static void
send_initial (QuicStranger *from, const ngtcp2_cid *to, guint32 number, const guint8 *frames, gsize size)
{
  guint8 packet[QUIC_PACKET_MAX];
  ngtcp2_cid first, own;
  QuicKeys keys;

  ngtcp2_cid_init (&first, first_id, sizeof first_id);
  ngtcp2_cid_init (&own, client_id, sizeof client_id);
  quic_keys_init_initial (&keys, &first);
  size = quic_keys_seal_initial (&keys, to, &own, NULL, number, frames, MIN (size, 1100), packet);
  quic_keys_clear (&keys);
  quic_stranger_send (from, packet, size);
}

static void
begin (void)
{
  static const guint8 head[] = { 6, 0, 0x40 | sizeof client_hello >> 8, sizeof client_hello & 0xff };
  g_autoptr (GByteArray) frames = g_byte_array_new ();
  ngtcp2_cid first;

  ngtcp2_cid_init (&first, first_id, sizeof first_id);
  g_byte_array_append (frames, head, sizeof head);
  g_byte_array_append (frames, client_hello, sizeof client_hello);
  send_initial (&here, &first, 0, frames->data, frames->len);
  test_world_settle (world);
  g_assert_cmpuint (quic_host_get_connection (&host)->bytes_written, >=, 1200);
}

static void
send_behind_id (QuicStranger *from, const ngtcp2_cid *to, guint8 kind, const guint8 *piece, gsize size)
{
  guint8 head[] = { size > 0 ? piece[0] & 0x3f : 0, 0, 0, 0, 1, LP2P_QUIC_CID_SIZE };
  g_autoptr (GByteArray) packet = g_byte_array_new ();

  head[0] |= kind == LONG ? HANDSHAKE : 0x40;
  g_byte_array_append (packet, head, kind == LONG ? sizeof head : 1);
  g_byte_array_append (packet, to->data, to->datalen);
  g_byte_array_append (packet, piece, size);
  quic_stranger_send (from, packet->data, packet->len);
}

static void
send_piece (guint8 what, const ngtcp2_cid *to, guint32 number, const guint8 *piece, gsize size)
{
  QuicStranger *from = what & ELSEWHERE ? &elsewhere : &here;
  guint8 kind = (what & KIND) % N_KINDS;

  if (what >> TIME > 0)
    test_world_jump (world, G_TIME_SPAN_MILLISECOND << (what >> TIME));
  if (kind == AS_IT_IS)
    quic_stranger_send (from, piece, size);
  else if (kind == INITIAL)
    send_initial (from, to, number, piece, size);
  else
    send_behind_id (from, to, kind, piece, size);
  test_world_settle (world);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, size);
  guint16 wanted;
  guint8 what;
  ngtcp2_cid to;

  state = 1;
  if (world == NULL)
    set_up ();
  here.mute = elsewhere.mute = TRUE;
  begin ();
  to = g_array_index (quic_host_get_connection (&host)->ids, ngtcp2_cid, 0);
  for (guint32 number = 1; lp2p_cursor_read_u8 (&cursor, &what) && lp2p_cursor_read_u16be (&cursor, &wanted); number++)
    {
      gsize left = MIN (MIN (wanted, lp2p_cursor_left (&cursor)), MAX_PIECE);
      const guint8 *piece = NULL;

      if (!lp2p_cursor_read_bytes (&cursor, left, &piece))
        break;
      send_piece (what, &to, number, piece, left);
    }
  quic_stranger_pump (&elsewhere);
  quic_stranger_end (&elsewhere);
  quic_stranger_leave (&here, &host);
  return 0;
}
