/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Packets of strangers that belong to no connection, and handshakes that nobody
 * means: what is answered, what is kept. */

#include "quic-stranger.h"

#include <malloc.h>
#include <string.h>

typedef struct
{
  TestWorld *world;
  QuicHost host;
  QuicStranger stranger;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->world = test_world_new (TRUE);
  quic_host_init (&f->host, f->world, NULL, 0);
  quic_stranger_init (&f->stranger, f->world, &f->host.address);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  quic_stranger_clear (&f->stranger);
  quic_host_clear (&f->host);
  test_world_free (f->world);
}

static GBytes *
get_answer (Fixture *f)
{
  g_assert_cmpuint (f->stranger.packets->len, ==, 1);
  return g_ptr_array_index (f->stranger.packets, 0);
}

static void
forget_answers (Fixture *f)
{
  g_ptr_array_set_size (f->stranger.packets, 0);
}

static void
assert_nothing_kept (Fixture *f)
{
  g_assert_cmpuint (quic_host_count_connections (&f->host), ==, 0);
  g_assert_cmpuint (g_hash_table_size (quic_host_get_endpoint (&f->host)->ids), ==, 0);
  g_assert_cmpint (f->host.context->n_half_open, ==, 0);
}

/* Versions */

static const guint8 other_version[] = { 0xc0, 0x1a, 0x2a, 0x3a, 0x4a, 3, 'd', 's', 't', 4, 'f', 'r', 'o', 'm' };

static void
test_version (Fixture *f, gconstpointer data)
{
  static const guint8 expected[] = { 0, 0, 0, 0, 4, 'f', 'r', 'o', 'm', 3, 'd', 's', 't', 0, 0, 0, 1 };
  guint8 packet[1200] = { 0 };
  const guint8 *bytes;
  gsize size;

  memcpy (packet, other_version, sizeof other_version);
  quic_stranger_send (&f->stranger, packet, sizeof packet);
  quic_stranger_settle (&f->stranger);
  bytes = g_bytes_get_data (get_answer (f), &size);
  g_assert_cmpuint (bytes[0] & 0x80, ==, 0x80);
  g_assert_cmpmem (bytes + 1, size - 1, expected, sizeof expected);
  assert_nothing_kept (f);

  /* Too small to be answered, and what is an answer itself. */
  forget_answers (f);
  quic_stranger_send (&f->stranger, packet, sizeof packet - 1);
  memset (packet + 1, 0, 4);
  quic_stranger_send (&f->stranger, packet, sizeof packet);
  quic_stranger_settle (&f->stranger);
  g_assert_cmpuint (f->stranger.packets->len, ==, 0);
}

/* Ids may be longer than those of version 1. */
static void
test_version_long_ids (Fixture *f, gconstpointer data)
{
  guint8 packet[1200] = { 0xc0, 0x1a, 0x2a, 0x3a, 0x4a, 255 };
  gsize size;

  packet[6 + 255] = 255;
  quic_stranger_send (&f->stranger, packet, sizeof packet);
  quic_stranger_settle (&f->stranger);
  g_bytes_get_data (get_answer (f), &size);
  g_assert_cmpuint (size, ==, 5 + 2 * 256 + 4);
}

/* Those that ngtcp2 speaks and we do not. */
static void
test_version_known (Fixture *f, gconstpointer data)
{
  static const guint32 versions[] = { 0x6b3343cf, 0x709a50c4, 0xff00001d };
  guint8 packet[1200] = { 0xd0, 0, 0, 0, 0, 8, 'd', 's', 't', 'd', 's', 't', 'd', 's', 4, 'f', 'r', 'o', 'm', 0, 0x44, 0x90 };

  for (guint i = 0; i < G_N_ELEMENTS (versions); i++)
    {
      guint32 big = GUINT32_TO_BE (versions[i]);
      const guint8 *bytes;
      gsize size;

      memcpy (packet + 1, &big, 4);
      packet[0] = versions[i] >> 24 == 0xff ? 0xc0 : 0xd0;
      quic_stranger_send (&f->stranger, packet, sizeof packet);
      quic_stranger_settle (&f->stranger);
      bytes = g_bytes_get_data (get_answer (f), &size);
      g_assert_cmpmem (bytes + 1, 4, "\0\0\0\0", 4);
      g_assert_cmpmem (bytes + size - 4, 4, "\0\0\0\1", 4);
      forget_answers (f);
    }
  g_assert_cmpuint (f->host.context->n_begun, ==, 0);
  assert_nothing_kept (f);
}

/* Somebody who answers that it speaks others. */
static void
test_version_refused (Fixture *f, gconstpointer data)
{
  static const guint32 others[] = { 0x1a2a3a4a };
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
  g_autofree char *text = g_strdup_printf ("/ip4/127.0.0.1/udp/%u/quic-v1", g_ntohs (f->stranger.own.sin_port));
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, NULL);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  guint8 packet[1200];
  gsize size;
  const guint8 *first;
  ngtcp2_version_cid part;
  ngtcp2_ssize n;

  lp2p_transport_dial_async (LP2P_TRANSPORT (f->host.transport), address, &options, NULL, test_take_result, &result);
  quic_stranger_settle (&f->stranger);
  first = g_bytes_get_data (get_answer (f), &size);
  g_assert_cmpint (ngtcp2_pkt_decode_version_cid (&part, first, size, 0), ==, 0);
  n = ngtcp2_pkt_write_version_negotiation (packet, sizeof packet, 0, part.scid, part.scidlen, part.dcid, part.dcidlen,
                                            others, G_N_ELEMENTS (others));
  g_assert_cmpint (n, >, 0);
  quic_stranger_send (&f->stranger, packet, n);
  quic_stranger_settle (&f->stranger);
  g_assert_nonnull (result);
  g_assert_null (lp2p_transport_dial_finish (LP2P_TRANSPORT (f->host.transport), result, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_HANDSHAKE);
  g_assert_nonnull (strstr (error->message, "does not speak version 1"));
}

/* Resets */

static guint8 unknown[40] = { 0x40, 'u', 'n', 'k', 'n', 'o', 'w', 'n', '!' };

static void
test_reset (Fixture *f, gconstpointer data)
{
  guint8 first[16];
  const guint8 *bytes;
  gsize size;

  /* The same id, the same token; shorter than what it answers. */
  quic_stranger_send (&f->stranger, unknown, sizeof unknown);
  quic_stranger_settle (&f->stranger);
  bytes = g_bytes_get_data (get_answer (f), &size);
  g_assert_cmpuint (size, ==, sizeof unknown - 1);
  g_assert_cmpuint (bytes[0] & 0xc0, ==, 0x40);
  memcpy (first, bytes + size - 16, 16);
  forget_answers (f);
  quic_stranger_send (&f->stranger, unknown, 30);
  quic_stranger_settle (&f->stranger);
  bytes = g_bytes_get_data (get_answer (f), &size);
  g_assert_cmpuint (size, ==, 29);
  g_assert_cmpmem (bytes + size - 16, 16, first, 16);

  forget_answers (f);
  unknown[1]++;
  quic_stranger_send (&f->stranger, unknown, sizeof unknown);
  quic_stranger_settle (&f->stranger);
  bytes = g_bytes_get_data (get_answer (f), &size);
  g_assert_cmpint (memcmp (bytes + size - 16, first, 16), !=, 0);
  unknown[1]--;
}

/* A peer that answers each reset with one comes to an end. */
static void
test_no_ping_pong (Fixture *f, gconstpointer data)
{
  gsize last = 1200;
  guint n = 0;

  quic_stranger_send (&f->stranger, unknown, sizeof unknown);
  quic_stranger_settle (&f->stranger);
  for (; f->stranger.packets->len > 0; n++)
    {
      g_autoptr (GBytes) answer = g_bytes_ref (get_answer (f));

      g_assert_cmpuint (g_bytes_get_size (answer), <, last);
      last = g_bytes_get_size (answer);
      forget_answers (f);
      quic_stranger_send (&f->stranger, g_bytes_get_data (answer, NULL), last);
      quic_stranger_settle (&f->stranger);
    }
  g_assert_cmpuint (n, >, 1);
  g_assert_cmpuint (n, <=, 42 - 20);
}

static void
test_rate (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < 1000; i++)
    {
      quic_stranger_send (&f->stranger, unknown, sizeof unknown);
      if (i % 100 == 0)
        quic_stranger_settle (&f->stranger);
    }
  quic_stranger_settle (&f->stranger);
  g_assert_cmpuint (f->stranger.packets->len, ==, 100);

  /* It comes back with time. */
  forget_answers (f);
  test_world_jump (f->world, 100 * G_TIME_SPAN_MILLISECOND);
  for (guint i = 0; i < 200; i++)
    quic_stranger_send (&f->stranger, unknown, sizeof unknown);
  quic_stranger_settle (&f->stranger);
  g_assert_cmpuint (f->stranger.packets->len, ==, 50);
}

static void
get_token (QuicHost *host, TestWorld *world, guint8 token[16])
{
  QuicStranger stranger;
  const guint8 *bytes;
  gsize size;

  quic_stranger_init (&stranger, world, &host->address);
  quic_stranger_send (&stranger, unknown, sizeof unknown);
  quic_stranger_settle (&stranger);
  g_assert_cmpuint (stranger.packets->len, ==, 1);
  bytes = g_bytes_get_data (g_ptr_array_index (stranger.packets, 0), &size);
  memcpy (token, bytes + size - 16, 16);
  quic_stranger_clear (&stranger);
}

/* A host that is started anew can tell those who still talk to its former life. Nobody
 * else can, nor can it for another socket. */
static void
test_restart (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pIdentity) identity = g_object_ref (f->host.context->identity);
  int port = g_ntohs (f->host.address.sin_port);
  guint8 before[16], again[16];
  QuicHost other;

  get_token (&f->host, f->world, before);
  quic_host_init_with (&other, f->world, identity, 0);
  get_token (&other, f->world, again);
  g_assert_cmpint (memcmp (before, again, 16), !=, 0);
  quic_host_clear (&other);

  quic_host_clear (&f->host);
  quic_host_init_with (&f->host, f->world, identity, port);
  get_token (&f->host, f->world, again);
  g_assert_cmpmem (before, 16, again, 16);

  quic_host_clear (&f->host);
  quic_host_init (&f->host, f->world, NULL, port);
  get_token (&f->host, f->world, again);
  g_assert_cmpint (memcmp (before, again, 16), !=, 0);
}

/* A dialer is told that its listener has forgotten it, with the first thing it says. */
static void
test_forgotten (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pRawConnection) dialed = NULL;
  g_autoptr (Lp2pRawConnection) accepted = NULL;
  Lp2pMuxerSession *session;
  Lp2pMuxerStream *stream = NULL;
  GOutputVector vector = { "hello", 5 };
  Lp2pQuicConnection *lost;
  const GError *error;
  QuicHost dialer;

  quic_host_init (&dialer, f->world, NULL, -1);
  quic_host_connect (&dialer, &f->host, &dialed, &accepted);
  session = dialed->session;
  g_assert_cmpint (session->klass->get_state (session), ==, LP2P_SESSION_READY);

  lost = quic_host_get_connection (&f->host);
  for (guint i = 0; i < lost->ids->len; i++)
    lp2p_quic_endpoint_remove_id (lost->endpoint, &g_array_index (lost->ids, ngtcp2_cid, i));
  g_assert_cmpint (session->klass->open (session, &stream), ==, 0);
  g_assert_cmpint (session->klass->stream_writev (session, stream, &vector, 1), ==, 5);
  for (guint i = 0; i < 5000 && session->klass->get_state (session) == LP2P_SESSION_READY; i++)
    test_world_advance (f->world, G_TIME_SPAN_MILLISECOND);

  g_assert_cmpint (session->klass->get_state (session), ==, LP2P_SESSION_CLOSED);
  error = session->klass->get_error (session, NULL);
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST);
  g_assert_nonnull (strstr (error->message, "forgotten"));
  g_assert_error (session->klass->stream_get_error (session, stream, LP2P_READY_READ, NULL), LP2P_ERROR,
                  LP2P_ERROR_CONNECTION_LOST);
  g_clear_pointer (&dialed, lp2p_raw_connection_free);
  quic_host_clear (&dialer);
}

/* The same where the dialer clears the fixed bit, which is left to chance. */
static void
test_forgotten_greased (Fixture *f, gconstpointer data)
{
  guint8 packet[1 + 8 + 30] = { 0x02, 'u', 'n', 'k', 'n', 'o', 'w', 'n', '!' };

  quic_stranger_send (&f->stranger, packet, sizeof packet);
  quic_stranger_settle (&f->stranger);
  g_assert_cmpuint (g_bytes_get_size (get_answer (f)), ==, sizeof packet - 1);
  forget_answers (f);
  packet[0] = 0x15;
  quic_stranger_send (&f->stranger, packet, sizeof packet);
  quic_stranger_settle (&f->stranger);
  g_assert_cmpuint (g_bytes_get_size (get_answer (f)), ==, sizeof packet - 1);
}

/* Retries */

static void
ask_for_retry (Fixture *f)
{
  g_autoptr (GBytes) initial = quic_stranger_make_initial (&f->stranger, "libp2p");

  f->host.context->validate_from = 0;
  f->stranger.mute = TRUE;
  quic_stranger_send (&f->stranger, g_bytes_get_data (initial, NULL), g_bytes_get_size (initial));
  quic_stranger_settle (&f->stranger);
  g_assert_cmpuint (g_bytes_get_size (get_answer (f)), <, g_bytes_get_size (initial));
  assert_nothing_kept (f);
}

/* Goes on with what came, and tells how that ended. */
static void
follow_retry (Fixture *f)
{
  g_autoptr (GBytes) answer = g_bytes_ref (get_answer (f));
  ngtcp2_path path = {
    .local = { (struct sockaddr *) &f->stranger.own, sizeof f->stranger.own },
    .remote = { (struct sockaddr *) &f->stranger.remote, sizeof f->stranger.remote },
  };
  gsize size;
  const guint8 *bytes = g_bytes_get_data (answer, &size);
  ngtcp2_pkt_info info = { 0 };

  forget_answers (f);
  f->stranger.mute = FALSE;
  g_assert_cmpint (ngtcp2_conn_read_pkt (f->stranger.conn, &path, &info, bytes, size, LP2P_QUIC_TIME (f->world->now)),
                   ==, 0);
  quic_stranger_pump (&f->stranger);
  quic_stranger_advance (&f->stranger, 100 * G_TIME_SPAN_MILLISECOND);
}

static void
test_retry (Fixture *f, gconstpointer data)
{
  ask_for_retry (f);
  follow_retry (f);
  g_assert_true (f->stranger.ready);
  g_assert_cmpint (f->stranger.read_error, ==, 0);
  g_assert_cmpuint (f->host.context->inbound.length, ==, 1);
}

/* What a client says first needs two packets, and the second comes first: to have kept it,
 * its address must be known. */
static void
test_retry_order (Fixture *f, gconstpointer data)
{
  static const guint8 second[] = { 0x06, 0x44, 0x00, 0x04, 'r', 'e', 's', 't' };
  g_autoptr (GBytes) first = quic_stranger_make_initial (&f->stranger, "libp2p");
  const ngtcp2_cid *dcid = ngtcp2_conn_get_dcid (f->stranger.conn);
  guint8 packet[QUIC_PACKET_MAX];
  QuicKeys keys;
  ngtcp2_cid scid;

  ngtcp2_conn_get_scid (f->stranger.conn, &scid);
  quic_keys_init_initial (&keys, dcid);
  f->stranger.mute = TRUE;
  quic_stranger_send (&f->stranger, packet, quic_keys_seal_initial (&keys, dcid, &scid, NULL, 1, second, sizeof second, packet));
  quic_keys_clear (&keys);
  quic_stranger_settle (&f->stranger);
  assert_nothing_kept (f);
  follow_retry (f);
  g_assert_true (f->stranger.ready);
  g_assert_cmpuint (f->stranger.n_retries, ==, 1);
}

static void
test_retry_late (Fixture *f, gconstpointer data)
{
  ask_for_retry (f);
  test_world_jump (f->world, 11 * G_USEC_PER_SEC);
  follow_retry (f);
  g_assert_false (f->stranger.ready);
  g_assert_cmpint (f->stranger.read_error, ==, NGTCP2_ERR_DRAINING);
  g_assert_cmpuint (f->stranger.told.error_code, ==, NGTCP2_INVALID_TOKEN);
  assert_nothing_kept (f);
}

/* A token holds for one address. */
static void
test_retry_elsewhere (Fixture *f, gconstpointer data)
{
  QuicStranger other;
  int fd;

  ask_for_retry (f);
  quic_stranger_init (&other, f->world, &f->host.address);
  fd = f->stranger.fd;
  f->stranger.fd = other.fd;
  follow_retry (f);
  f->stranger.fd = fd;
  g_assert_false (f->stranger.ready);
  g_assert_cmpuint (f->stranger.told.error_code, ==, NGTCP2_INVALID_TOKEN);
  assert_nothing_kept (f);
  quic_stranger_clear (&other);
}

/* One of ours is asked to prove its address, and does. */
static void
test_retry_ours (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pRawConnection) dialed = NULL;
  g_autoptr (Lp2pRawConnection) accepted = NULL;
  QuicHost dialer;

  f->host.context->validate_from = 0;
  quic_host_init (&dialer, f->world, NULL, -1);
  quic_host_connect (&dialer, &f->host, &dialed, &accepted);
  g_assert_cmpuint (f->host.context->n_begun, ==, 1);
  g_assert_cmpuint (f->host.context->n_advanced, ==, 1);
  g_clear_pointer (&dialed, lp2p_raw_connection_free);
  quic_host_clear (&dialer);
}

static void
test_refused (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  QuicHost dialer;

  f->host.context->refuse = TRUE;
  quic_host_init (&dialer, f->world, NULL, -1);
  g_assert_null (quic_host_dial (&dialer, &f->host, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
  assert_nothing_kept (f);
  quic_host_clear (&dialer);
}

/* Forged beginnings */

/* Whatever bit is wrong, nothing is kept; who is honest gets in all the same. */
static void
test_forged (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) initial = quic_stranger_make_initial (&f->stranger, "libp2p");
  gsize size = g_bytes_get_size (initial);
  g_autofree guint8 *copy = g_malloc (size);

  f->stranger.mute = TRUE;
  for (gsize i = 0; i < size; i += i < 64 ? 1 : 37)
    {
      memcpy (copy, g_bytes_get_data (initial, NULL), size);
      copy[i] ^= 0x20;
      quic_stranger_send (&f->stranger, copy, size);
      quic_stranger_settle (&f->stranger);
      /* Only the bytes in front of the id are not authenticated by what is in it. */
      assert_nothing_kept (f);
    }

  /* Too small to be a beginning, however right. */
  forget_answers (f);
  quic_stranger_send (&f->stranger, g_bytes_get_data (initial, NULL), 1199);
  quic_stranger_settle (&f->stranger);
  g_assert_cmpuint (f->stranger.packets->len, ==, 0);
  assert_nothing_kept (f);

  quic_stranger_send (&f->stranger, g_bytes_get_data (initial, NULL), size);
  quic_stranger_settle (&f->stranger);
  g_assert_cmpuint (quic_host_count_connections (&f->host), ==, 1);
  g_assert_cmpint (f->host.context->n_half_open, ==, 1);
}

static void
test_random (Fixture *f, gconstpointer data)
{
  guint8 packet[1400];

  for (guint i = 0; i < 20000; i++)
    {
      gsize size = g_test_rand_int_range (1, sizeof packet);

      for (gsize j = 0; j < MIN (size, 64); j++)
        packet[j] = g_test_rand_int_range (0, 256);
      /* One in four is a long header of a version that is spoken. */
      if (i % 4 == 0 && size > 5)
        {
          packet[0] |= 0xc0;
          memcpy (packet + 1, "\0\0\0\1", 4);
        }
      quic_stranger_send (&f->stranger, packet, size);
      if (i % 64 == 0)
        quic_stranger_settle (&f->stranger);
    }
  quic_stranger_settle (&f->stranger);
  g_assert_cmpuint (f->stranger.received, <, f->stranger.sent / 10);
  assert_nothing_kept (f);
}

/* Until a client has proved where it is, it is sent three times what came from there
 * at the most (RFC 9000 section 8.1), however often that is repeated. */
static void
test_amplification (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) initial = quic_stranger_make_initial (&f->stranger, "libp2p");

  f->stranger.mute = TRUE;
  quic_stranger_send (&f->stranger, g_bytes_get_data (initial, NULL), g_bytes_get_size (initial));
  quic_stranger_advance (&f->stranger, 9 * G_USEC_PER_SEC);
  g_assert_cmpuint (quic_host_count_connections (&f->host), ==, 1);
  g_assert_cmpuint (f->stranger.received, >, f->stranger.sent);
  g_assert_cmpuint (f->stranger.received, <=, 3 * f->stranger.sent);

  quic_stranger_advance (&f->stranger, 3 * G_USEC_PER_SEC);
  g_assert_cmpuint (f->stranger.received, <=, 3 * f->stranger.sent);
  assert_nothing_kept (f);
}

/* Ten thousand beginnings of somebody who is not where they come from: few are kept,
 * an honest dialer gets in, and later all is as it was. */
#define N_SPOOFED 10000
#define N_KEPT    32

static void
send_spoofed (Fixture *f, const guint8 *hello, gsize size)
{
  ngtcp2_cid dcid, scid;
  QuicKeys keys;
  guint8 packet[QUIC_PACKET_MAX];
  gsize sealed;

  lp2p_quic_random_cid (&dcid);
  lp2p_quic_random_cid (&scid);
  quic_keys_init_initial (&keys, &dcid);
  sealed = quic_keys_seal_initial (&keys, &dcid, &scid, NULL, 0, hello, size, packet);
  quic_keys_clear (&keys);
  quic_stranger_send (&f->stranger, packet, sealed);
}

static void
come_and_go (Fixture *f, QuicHost *dialer)
{
  g_autoptr (Lp2pRawConnection) dialed = NULL;
  g_autoptr (Lp2pRawConnection) accepted = NULL;

  quic_host_connect (dialer, &f->host, &dialed, &accepted);
}

/* The beginning of a message that is longer: the handshake waits for the rest. */
static const guint8 frames[] = { 0x06, 0x00, 0x04, 0x01, 0x00, 0x02, 0x00 };

static void
test_spoofed (Fixture *f, gconstpointer data)
{
  QuicHost dialer;
  gsize before, after;

  f->host.context->validate_from = N_KEPT;
  quic_host_init (&dialer, f->world, NULL, -1);
  come_and_go (f, &dialer);
  quic_stranger_advance (&f->stranger, 20 * G_USEC_PER_SEC);
  before = mallinfo2 ().uordblks;
  for (guint i = 0; i < N_SPOOFED; i++)
    {
      send_spoofed (f, frames, sizeof frames);
      if (i % 64 == 0)
        {
          quic_stranger_settle (&f->stranger);
          forget_answers (f);
        }
      g_assert_cmpint (f->host.context->n_half_open, <=, N_KEPT);
    }
  quic_stranger_settle (&f->stranger);
  forget_answers (f);
  g_assert_cmpuint (quic_host_count_connections (&f->host), ==, N_KEPT);
  g_assert_cmpuint (f->stranger.received, <=, 3 * f->stranger.sent);

  come_and_go (f, &dialer);
  quic_stranger_advance (&f->stranger, 20 * G_USEC_PER_SEC);
  forget_answers (f);
  assert_nothing_kept (f);
  after = mallinfo2 ().uordblks;
  g_assert_cmpuint (after, <, before + 256 * 1024);
  quic_host_clear (&dialer);
}

/* A handshake that makes room: whoever makes it is told, and nothing is left. */
static void
test_given_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) initial = quic_stranger_make_initial (&f->stranger, "libp2p");

  f->stranger.mute = TRUE;
  quic_stranger_send (&f->stranger, g_bytes_get_data (initial, NULL), g_bytes_get_size (initial));
  quic_stranger_settle (&f->stranger);
  g_assert_cmpint (f->host.context->n_half_open, ==, 1);
  forget_answers (f);
  f->stranger.mute = FALSE;
  test_context_give_up_handshake (f->host.context);
  assert_nothing_kept (f);
  quic_stranger_settle (&f->stranger);
  g_assert_cmpint (f->stranger.read_error, ==, NGTCP2_ERR_DRAINING);
  g_assert_cmphex (f->stranger.told.error_code, ==, NGTCP2_CONNECTION_REFUSED);
}

static void
leave_out_end (QuicStranger *self, gnutls_handshake_description_t type, guint8 *data, gsize *size)
{
  if (type == GNUTLS_HANDSHAKE_FINISHED)
    *size = 0;
}

/* Whoever has proved its address and said what it wants has come further. */
static void
test_advanced (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) initial = NULL;

  send_spoofed (f, frames, sizeof frames);
  initial = quic_stranger_make_initial (&f->stranger, "libp2p");
  f->stranger.mute = TRUE;
  quic_stranger_send (&f->stranger, g_bytes_get_data (initial, NULL), g_bytes_get_size (initial));
  quic_stranger_settle (&f->stranger);
  g_assert_cmpint (f->host.context->n_half_open, ==, 2);
  g_assert_cmpuint (f->host.context->n_advanced, ==, 0);
  quic_stranger_end (&f->stranger);
  quic_stranger_advance (&f->stranger, 12 * G_USEC_PER_SEC);
  assert_nothing_kept (f);
  forget_answers (f);

  /* With the answer to what was sent to it. */
  f->stranger.mute = FALSE;
  f->stranger.change = leave_out_end;
  quic_stranger_dial (&f->stranger, "libp2p");
  quic_stranger_advance (&f->stranger, 100 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpint (f->host.context->n_half_open, ==, 1);
  g_assert_cmpuint (f->host.context->n_advanced, ==, 1);
  quic_stranger_end (&f->stranger);
  quic_stranger_advance (&f->stranger, 12 * G_USEC_PER_SEC);
  assert_nothing_kept (f);
  forget_answers (f);

  /* With the token of a retry. */
  ask_for_retry (f);
  follow_retry (f);
  g_assert_true (f->stranger.ready);
  g_assert_cmpuint (f->host.context->n_advanced, ==, 2);
}

/* Beginnings that are let down at once: what is left of them has an end, too. */
static void
test_let_down (Fixture *f, gconstpointer data)
{
  static const guint8 broken[] = { 0x06, 0x00, 0x08, 0x01, 0x00, 0x00, 0x04, 'w', 'h', 'a', 't' };
  guint most = 0;

  for (guint i = 0; i < 3000; i++)
    {
      send_spoofed (f, broken, sizeof broken);
      if (i % 64 == 0)
        quic_stranger_settle (&f->stranger);
      most = MAX (most, quic_host_count_connections (&f->host));
      g_assert_cmpint (f->host.context->n_half_open, ==, 0);
    }
  g_assert_cmpuint (most, >, 512);
  g_assert_cmpuint (most, <=, 1024 + 1);
  forget_answers (f);
  quic_stranger_advance (&f->stranger, 12 * G_USEC_PER_SEC);
  assert_nothing_kept (f);
  g_assert_cmpuint (quic_host_get_endpoint (&f->host)->n_lingering, ==, 0);
}

/* Listeners that share a port */

static void
refuse_connection (Lp2pQuicConnection *connection, gpointer user_data)
{
  g_assert_not_reached ();
}

/* Whose a handshake is may not be known when one of them closes. */
static void
test_other_listener (Fixture *f, gconstpointer data)
{
  static const Lp2pQuicListenerEvents events = { .accepted = refuse_connection };
  Lp2pQuicEndpoint *endpoint = quic_host_get_endpoint (&f->host);
  Lp2pQuicProtocol h3 = *((Lp2pQuicListener *) g_ptr_array_index (endpoint->listeners, 0))->protocol;
  g_autoptr (GSocketAddress) address = g_socket_address_new_from_native (&f->host.address, sizeof f->host.address);
  g_autoptr (GError) error = NULL;
  Lp2pQuicListener *other;

  h3.alpn = "h3";
  other = lp2p_quic_engine_listen (endpoint->engine, &h3, address, &events, NULL, &error);
  g_assert_no_error (error);
  send_spoofed (f, frames, sizeof frames);
  quic_stranger_settle (&f->stranger);
  g_assert_null (quic_host_get_connection (&f->host)->protocol);
  lp2p_quic_listener_close (other);
  g_assert_cmpint (quic_host_get_connection (&f->host)->phase, ==, LP2P_QUIC_HANDSHAKE);

  lp2p_listener_close (f->host.listener);
  g_assert_cmpint (quic_host_get_connection (&f->host)->phase, ==, LP2P_QUIC_CLOSED);
  g_clear_object (&f->host.listener);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

#define ADD(name, function) g_test_add ("/quic-stateless/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("version", test_version);
  ADD ("version-long-ids", test_version_long_ids);
  ADD ("version-known", test_version_known);
  ADD ("version-refused", test_version_refused);
  ADD ("reset", test_reset);
  ADD ("no-ping-pong", test_no_ping_pong);
  ADD ("rate", test_rate);
  ADD ("restart", test_restart);
  ADD ("forgotten", test_forgotten);
  ADD ("forgotten-greased", test_forgotten_greased);
  ADD ("retry", test_retry);
  ADD ("retry-order", test_retry_order);
  ADD ("retry-late", test_retry_late);
  ADD ("retry-elsewhere", test_retry_elsewhere);
  ADD ("retry-ours", test_retry_ours);
  ADD ("refused", test_refused);
  ADD ("forged", test_forged);
  ADD ("random", test_random);
  ADD ("amplification", test_amplification);
  ADD ("spoofed", test_spoofed);
  ADD ("given-up", test_given_up);
  ADD ("advanced", test_advanced);
  ADD ("let-down", test_let_down);
  ADD ("other-listener", test_other_listener);
#undef ADD

  return g_test_run ();
}
