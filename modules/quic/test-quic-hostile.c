/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Peers that break the protocol: the connection ends with an error that says so, or
 * goes on; no more is kept than the limits say, and others do not notice. */

#include "tls-foreign-certificate.h"

#include "quic-attack.h"

#include <malloc.h>
#include <string.h>

/* Waits for the end of a handshake that must fail. */
static void
assert_handshake_fails (Fixture *f, const char *alpn, guint64 code)
{
  f->stranger.told = (ngtcp2_ccerr){ 0 };
  quic_stranger_dial (&f->stranger, alpn);
  quic_stranger_advance (&f->stranger, 200 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpint (f->stranger.read_error, ==, NGTCP2_ERR_DRAINING);
  g_assert_cmpint (f->stranger.told.type, ==, NGTCP2_CCERR_TYPE_TRANSPORT);
  g_assert_cmphex (f->stranger.told.error_code, ==, code);
  g_assert_cmpuint (f->host.context->inbound.length, ==, 0);
  quic_stranger_end (&f->stranger);
  quic_stranger_advance (&f->stranger, 12 * G_USEC_PER_SEC);
  g_assert_null (find_connection (f));
  g_assert_cmpint (f->host.context->n_half_open, ==, 0);
}

#define ALERT(number) (0x100 + (number))

static void
test_alpn (Fixture *f, gconstpointer data)
{
  assert_handshake_fails (f, "h3", ALERT (GNUTLS_A_NO_APPLICATION_PROTOCOL));
  assert_handshake_fails (f, NULL, ALERT (GNUTLS_A_NO_APPLICATION_PROTOCOL));
  assert_handshake_fails (f, "libp2", ALERT (GNUTLS_A_NO_APPLICATION_PROTOCOL));
}

/* Certificates */

static void
use_certificate (Fixture *f, const TlsForeignCertificate *certificate)
{
  gint64 now = lp2p_loop_real_time (f->world->loop) / G_USEC_PER_SEC;

  f->stranger.identity = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, NULL);
  f->stranger.credentials = tls_foreign_credentials_new (f->stranger.identity, now, certificate);
}

static void
test_certificates (Fixture *f, gconstpointer data)
{
  static const TlsForeignCertificate bad[] = {
    { .bad_signature = TRUE },
    { .n_more_certificates = 1 },
    { .extension = TLS_FOREIGN_MISSING },
    { .extension = TLS_FOREIGN_GARBAGE },
    { .extension = TLS_FOREIGN_STOLEN },
    { .unknown_critical = TRUE },
    { .from = -7200, .until = -3600 },
    { .from = 3600, .until = 7200 },
    /* Its signature is not computed with, which would take minutes. */
    { .large_key = 7000 },
  };
  TlsForeignCertificate none = { .no_certificate = TRUE };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      use_certificate (f, &bad[i]);
      assert_handshake_fails (f, "libp2p", ALERT (GNUTLS_A_BAD_CERTIFICATE));
    }
  use_certificate (f, &none);
  assert_handshake_fails (f, "libp2p", ALERT (GNUTLS_A_CERTIFICATE_REQUIRED));
}

/* The message keeps its size, what is in it does not. */
static void
shorten_certificate (QuicStranger *self, gnutls_handshake_description_t type, guint8 *data, gsize *size)
{
  if (type != GNUTLS_HANDSHAKE_CERTIFICATE_PKT)
    return;
  *size -= 100;
  data[2] = (*size - 4) >> 8;
  data[3] = (*size - 4) & 0xff;
}

static void
lengthen_certificate (QuicStranger *self, gnutls_handshake_description_t type, guint8 *data, gsize *size)
{
  if (type == GNUTLS_HANDSHAKE_CERTIFICATE_PKT)
    data[7] ^= 0x40;
}

static void
break_certificate (QuicStranger *self, gnutls_handshake_description_t type, guint8 *data, gsize *size)
{
  if (type == GNUTLS_HANDSHAKE_CERTIFICATE_PKT)
    memset (data + 11, 0xff, 20);
}

static void
assert_refused (Fixture *f)
{
  f->stranger.told = (ngtcp2_ccerr){ 0 };
  quic_stranger_dial (&f->stranger, "libp2p");
  quic_stranger_advance (&f->stranger, 200 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpint (f->stranger.read_error, ==, NGTCP2_ERR_DRAINING);
  g_assert_cmphex (f->stranger.told.error_code & 0xff00, ==, 0x100);
  g_assert_cmpuint (f->host.context->inbound.length, ==, 0);
  quic_stranger_end (&f->stranger);
  quic_stranger_advance (&f->stranger, 12 * G_USEC_PER_SEC);
  g_assert_null (find_connection (f));
}

static void
test_certificate_bytes (Fixture *f, gconstpointer data)
{
  f->stranger.change = shorten_certificate;
  assert_refused (f);
  f->stranger.change = lengthen_certificate;
  assert_refused (f);
  f->stranger.change = break_certificate;
  assert_refused (f);
}

/* Transport parameters */

typedef struct
{
  const char *name;
  const char *bytes;
  gsize size;
  guint64 code;
} Params;

/* %: the source id of the client, with identifier and length, which must be there. */
#define ID "%"
#define PARAMS(name, bytes, code) { name, bytes, sizeof bytes - 1, code }

static const Params bad_params[] = {
  PARAMS ("no source id", "\x04\x02\x40\x64", NGTCP2_TRANSPORT_PARAMETER_ERROR),
  PARAMS ("wrong source id", "\x0f\x02xx", NGTCP2_TRANSPORT_PARAMETER_ERROR),
  PARAMS ("source id too long", "\x0f\x15xxxxxxxxxxxxxxxxxxxxx", NGTCP2_TRANSPORT_PARAMETER_ERROR),
  PARAMS ("cut off", ID "\x04\x08\x40", NGTCP2_TRANSPORT_PARAMETER_ERROR),
  PARAMS ("length beyond the end", ID "\x04\x7f\xff", NGTCP2_TRANSPORT_PARAMETER_ERROR),
  PARAMS ("identifier cut off", ID "\xc0", NGTCP2_TRANSPORT_PARAMETER_ERROR),
  PARAMS ("original id of a server", ID "\x00\x02xx", NGTCP2_TRANSPORT_PARAMETER_ERROR),
  PARAMS ("reset token of a server", ID "\x02\x10xxxxxxxxxxxxxxxx", NGTCP2_TRANSPORT_PARAMETER_ERROR),
  PARAMS ("retry id of a server", ID "\x10\x02xx", NGTCP2_TRANSPORT_PARAMETER_ERROR),
  PARAMS ("preferred address of a server", ID "\x0d\x02xx", NGTCP2_TRANSPORT_PARAMETER_ERROR),
  PARAMS ("packets too small", ID "\x03\x02\x44\xaf", NGTCP2_TRANSPORT_PARAMETER_ERROR),
  PARAMS ("exponent too large", ID "\x0a\x01\x15", NGTCP2_TRANSPORT_PARAMETER_ERROR),
  PARAMS ("delay too large", ID "\x0b\x04\x80\x00\x40\x00", NGTCP2_TRANSPORT_PARAMETER_ERROR),
  PARAMS ("too few ids", ID "\x0e\x01\x01", NGTCP2_TRANSPORT_PARAMETER_ERROR),
  PARAMS ("too many streams", ID "\x08\x08\xff\xff\xff\xff\xff\xff\xff\xff", NGTCP2_TRANSPORT_PARAMETER_ERROR),
  PARAMS ("migration with a value", ID "\x0c\x01x", NGTCP2_TRANSPORT_PARAMETER_ERROR),
  PARAMS ("length that does not fit", ID "\x04\x02\x01\x01", NGTCP2_TRANSPORT_PARAMETER_ERROR),
};

static GBytes *
make_params (QuicStranger *self, const Params *params)
{
  GByteArray *array = g_byte_array_new ();
  gboolean with_id = params->bytes[0] == '%';

  if (with_id)
    quic_stranger_append_id (self, array);
  g_byte_array_append (array, (const guint8 *) params->bytes + with_id, params->size - with_id);
  return g_byte_array_free_to_bytes (array);
}

/* The first message is made when the first packet is written, and so after the ids. */
static void
test_params (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (bad_params); i++)
    {
      f->stranger.told = (ngtcp2_ccerr){ 0 };
      f->stranger.mute = TRUE;
      quic_stranger_dial (&f->stranger, "libp2p");
      f->stranger.params = make_params (&f->stranger, &bad_params[i]);
      f->stranger.mute = FALSE;
      quic_stranger_pump (&f->stranger);
      quic_stranger_advance (&f->stranger, 200 * G_TIME_SPAN_MILLISECOND);
      g_test_message ("%s: 0x%" G_GINT64_MODIFIER "x", bad_params[i].name, (guint64) f->stranger.told.error_code);
      g_assert_false (f->stranger.ready && f->stranger.read_error == 0);
      g_assert_cmpint (f->stranger.read_error, ==, NGTCP2_ERR_DRAINING);
      g_assert_cmphex (f->stranger.told.error_code, ==, bad_params[i].code);
      g_assert_cmpuint (f->host.context->inbound.length, ==, 0);
      quic_stranger_end (&f->stranger);
      quic_stranger_advance (&f->stranger, 12 * G_USEC_PER_SEC);
      g_assert_null (find_connection (f));
    }
}

/* Without the extension it is not QUIC (RFC 9001 section 8.2). */
static void
test_no_params (Fixture *f, gconstpointer data)
{
  f->stranger.params = g_bytes_new_static ("", 0);
  assert_handshake_fails (f, "libp2p", ALERT (GNUTLS_A_MISSING_EXTENSION));
}

static void
lengthen (QuicStranger *self, gnutls_handshake_description_t type, guint8 *data, gsize *size)
{
  for (guint i = 1; i < 4; i++)
    data[i] = 0xff;
}

/* A message that goes on and on is not collected, whoever sends it. */
static void
test_endless_hello (Fixture *f, gconstpointer data)
{
  static const guint8 more[1000];
  gsize before = mallinfo2 ().uordblks;
  Lp2pQuicConnection *connection;

  f->stranger.change = lengthen;
  quic_stranger_dial (&f->stranger, "libp2p");
  connection = lp2p_quic_connection_ref (find_connection (f));
  for (guint i = 0; i < 1000 && connection->phase == LP2P_QUIC_HANDSHAKE; i++)
    {
      ngtcp2_conn_submit_crypto_data (f->stranger.conn, NGTCP2_ENCRYPTION_LEVEL_INITIAL, more, sizeof more);
      quic_stranger_advance (&f->stranger, G_TIME_SPAN_MILLISECOND);
      g_assert_cmpuint (mallinfo2 ().uordblks, <, before + 3 * 1024 * 1024);
    }
  g_assert_cmpint (connection->phase, ==, LP2P_QUIC_CLOSED);
  g_assert_error (connection->error, LP2P_ERROR, LP2P_ERROR_HANDSHAKE);
  g_assert_nonnull (strstr (connection->error->message, "more than 128 KiB"));
  lp2p_quic_connection_unref (connection);
  quic_stranger_end (&f->stranger);
  quic_stranger_advance (&f->stranger, 12 * G_USEC_PER_SEC);
  g_assert_null (find_connection (f));
}

/* Frames of a client whose handshake was good */

typedef struct
{
  const char *name;
  const char *bytes;
  gsize size;
  const char *message;
} Frames;

#define FRAMES(name, bytes, message) { name, bytes, sizeof bytes - 1, message }
#define MAX_NUMBER "\xff\xff\xff\xff\xff\xff\xff\xff"

static const Frames bad_frames[] = {
  FRAMES ("unknown type", "\x21\0\0\0\0", "FRAME_ENCODING"),
  FRAMES ("no frames", "", "PROTO"),
  FRAMES ("cut off", "\0\0\0\0\x0a\x00\x40", "FRAME_ENCODING"),
  FRAMES ("stream beyond the limit", "\x08\xc0\0\0\0\0\1\0\0x", "STREAM_LIMIT"),
  FRAMES ("one-way stream", "\x08\x02x", "STREAM_LIMIT"),
  FRAMES ("stream of the server", "\x08\x01x", "STREAM_STATE"),
  FRAMES ("end of a stream of the server", "\x04\x01\x00\x00", "STREAM_STATE"),
  FRAMES ("beyond the window", "\x0e\x00\x80\x10\x00\x00\x01x", "FLOW_CONTROL"),
  FRAMES ("offset beyond all", "\x0c\x00" MAX_NUMBER "xx", "FRAME_ENCODING|FLOW_CONTROL|PROTO"),
  FRAMES ("two ends", "\x0f\x00\x00\x01x\x0f\x00\x00\x02xx", "FINAL_SIZE"),
  FRAMES ("end before what came", "\x0e\x00\x00\x04xxxx\x04\x00\x00\x01", "FINAL_SIZE"),
  FRAMES ("retired id that was not given", "\x19\x20", "PROTO"),
  FRAMES ("id with no bytes", "\x18\x01\x00\x00xxxxxxxxxxxxxxxx", "FRAME_ENCODING|PROTO"),
  FRAMES ("retires more than it gives", "\x18\x01\x02\x08xxxxxxxxyyyyyyyyyyyyyyyy", "FRAME_ENCODING|PROTO"),
  FRAMES ("answer to a packet that was not sent", "\x02\x80\x01\x00\x00\x00\x00\x00", "PROTO"),
  FRAMES ("token of a client", "\x07\x01x", "PROTO"),
  FRAMES ("handshake done of a client", "\x1e", "PROTO"),
  FRAMES ("too many streams", "\x12" MAX_NUMBER, "FRAME_ENCODING"),
  FRAMES ("credit for its own stream", "\x11\x02\x01", "STREAM"),
};

static void
test_frames (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (bad_frames); i++)
    {
      g_auto (GStrv) expected = g_strsplit (bad_frames[i].message, "|", -1);
      gboolean found = FALSE;
      Attack attack;

      begin (&attack, f);
      send_frames (&attack, bad_frames[i].bytes, bad_frames[i].size);
      settle (&attack);
      g_test_message ("%s: %s", bad_frames[i].name,
                      attack.connection->error != NULL ? attack.connection->error->message : "nothing");
      g_assert_cmpint (attack.connection->phase, >=, LP2P_QUIC_CLOSED);
      g_assert_error (attack.connection->error, LP2P_ERROR, LP2P_ERROR_PROTOCOL);
      for (guint j = 0; expected[j] != NULL; j++)
        found |= strstr (attack.connection->error->message, expected[j]) != NULL;
      g_assert_true (found);
      end (&attack);
    }
}

/* Floods of what is allowed by itself. */

typedef void (*MakeFrames) (GByteArray *array, guint round);

static void
append (GByteArray *array, const char *bytes, gsize size)
{
  g_byte_array_append (array, (const guint8 *) bytes, size);
}

static void
make_challenges (GByteArray *array, guint round)
{
  for (guint i = 0; i < 100; i++)
    append (array, "\x1a" "12345678", 9);
}

/* Each makes an older one obsolete, which has to be said. */
static void
make_ids (GByteArray *array, guint round)
{
  for (guint i = 0; i < 20; i++)
    {
      guint64 number = 100 + round * 20 + i;
      guint8 id[9] = { 8 };
      guint8 token[16] = { 1 };

      lp2p_quic_random (id + 1, 8);
      lp2p_quic_random (token, sizeof token);
      append (array, "\x18", 1);
      quic_append_number (array, number);
      quic_append_number (array, number);
      g_byte_array_append (array, id, sizeof id);
      g_byte_array_append (array, token, sizeof token);
    }
}

/* Never in order: nothing can be handed on. */
static void
make_crypto (GByteArray *array, guint round)
{
  append (array, "\x06", 1);
  quic_append_number (array, 2 + round * 2000);
  append (array, "\x41\x00", 2);
  g_byte_array_set_size (array, array->len + 256);
}

/* One message of TLS, in order, that has 16 MiB. */
static void
make_message (GByteArray *array, guint round)
{
  append (array, "\x06", 1);
  quic_append_number (array, round * 1000);
  append (array, "\x43\xe8", 2);
  append (array, round == 0 ? "\x04\xff\xff\xff" : "\0\0\0\0", 4);
  g_byte_array_set_size (array, array->len + 996);
}

static void
make_stream_holes (GByteArray *array, guint round)
{
  for (guint i = 0; i < 60; i++)
    {
      append (array, "\x0e", 1);
      quic_append_number (array, 0);
      quic_append_number (array, 1 + (round * 60 + i) * 2);
      append (array, "\x01x", 2);
    }
}

static void
make_resets (GByteArray *array, guint round)
{
  for (guint i = 0; i < 30; i++)
    {
      guint64 id = 4 * (round * 30 + i);

      append (array, "\x0a", 1);
      quic_append_number (array, id);
      append (array, "\x01x\x04", 3);
      quic_append_number (array, id);
      append (array, "\x07\x01\x05", 3);
      quic_append_number (array, id);
      append (array, "\x07", 1);
    }
}

static void
make_pings (GByteArray *array, guint round)
{
  for (guint i = 0; i < 1000; i++)
    append (array, "\x01", 1);
}

/* Each one that was given, again and again: others have to be given for them. The one to
 * which the packets go stays. */
static void
make_retirements (GByteArray *array, guint round)
{
  for (guint i = 0; i < 100; i++)
    {
      append (array, "\x19", 1);
      quic_append_number (array, 1 + round);
    }
}

static void
make_datagrams (GByteArray *array, guint round)
{
  for (guint i = 0; i < 500; i++)
    append (array, "\x31\x00", 2);
}

static void
make_blocked (GByteArray *array, guint round)
{
  for (guint i = 0; i < 100; i++)
    append (array, "\x14\x01\x16\x01", 4);
}

typedef struct
{
  MakeFrames make;
  gboolean ends; /* the connection must not survive it */
  gsize memory;  /* that it may take */
} Flood;

static const Flood challenges = { make_challenges, FALSE, 128 * 1024 };
static const Flood ids = { make_ids, TRUE, 128 * 1024 };
static const Flood crypto = { make_crypto, TRUE, 256 * 1024 };
static const Flood message = { make_message, TRUE, 512 * 1024 };
static const Flood stream_holes = { make_stream_holes, FALSE, 4 * 1024 * 1024 };
static const Flood resets = { make_resets, TRUE, 1024 * 1024 };
static const Flood pings = { make_pings, FALSE, 128 * 1024 };
static const Flood retirements = { make_retirements, FALSE, 128 * 1024 };
static const Flood datagrams = { make_datagrams, FALSE, 128 * 1024 };
static const Flood blocked = { make_blocked, FALSE, 128 * 1024 };

/* Whoever has the streams takes those that come and leaves them at once, as the host
 * does with what nobody serves. */
static void
drop_streams (Lp2pMuxerSession *session)
{
  Lp2pMuxerStream *stream;

  while ((stream = session->klass->accept (session)) != NULL)
    {
      session->klass->stream_reset (session, stream, 0);
      session->klass->stream_release (session, stream);
    }
}

static void
test_flood (Fixture *f, gconstpointer data)
{
  const Flood *flood = data;
  Lp2pMuxerSession *session;
  gsize before, most = 0;
  Attack attack;

  begin (&attack, f);
  session = ((Lp2pRawConnection *) g_queue_peek_head (&f->host.context->inbound))->session;
  before = mallinfo2 ().uordblks;
  for (guint round = 0; round < 1000 && attack.connection->phase == LP2P_QUIC_READY; round++)
    {
      g_autoptr (GByteArray) frames = g_byte_array_new ();

      flood->make (frames, round);
      send_frames (&attack, frames->data, frames->len);
      settle (&attack);
      drop_streams (session);
      test_world_jump (f->world, 1000);
      most = MAX (most, mallinfo2 ().uordblks);
      g_assert_cmpuint (attack.connection->streams.length, <=, 256);
      g_assert_cmpuint (attack.connection->ids->len, <=, 16);
    }
  g_test_message ("%" G_GSIZE_FORMAT " bytes: %s", most - MIN (most, before),
                  attack.connection->error != NULL ? attack.connection->error->message : "goes on");
  g_assert_cmpuint (most, <, before + flood->memory);
  if (flood->ends)
    g_assert_error (attack.connection->error, LP2P_ERROR, LP2P_ERROR_PROTOCOL);
  else if (attack.connection->error != NULL)
    g_assert_error (attack.connection->error, LP2P_ERROR, LP2P_ERROR_PROTOCOL);
  end (&attack);
}

static void
count_datagram (Lp2pDatagrams *datagrams, GBytes *datagram, gpointer user_data)
{
  g_assert_cmpuint (g_bytes_get_size (datagram), ==, 0);
  ++*(guint *) user_data;
}

/* So many wait for whoever takes them, however small they are. */
static void
test_datagrams (Fixture *f, gconstpointer data)
{
  g_autoptr (GByteArray) frames = g_byte_array_new ();
  g_autoptr (GBytes) empty = g_bytes_new_static ("", 0);
  g_autoptr (GError) error = NULL;
  Lp2pMuxerSession *session;
  GObject *capability;
  guint n = 0;
  Attack attack;

  begin (&attack, f);
  session = ((Lp2pRawConnection *) g_queue_peek_head (&f->host.context->inbound))->session;
  capability = session->klass->get_capability (session, LP2P_TYPE_DATAGRAMS);
  g_signal_connect (capability, "received", G_CALLBACK (count_datagram), &n);
  make_datagrams (frames, 0);
  send_frames (&attack, frames->data, frames->len);
  settle (&attack);
  g_assert_cmpuint (n, ==, 256);
  send_frames (&attack, "\x31\x00\x31\x00", 4);
  settle (&attack);
  g_assert_cmpuint (n, ==, 258);
  /* It has not said that it takes any itself. */
  g_assert_false (lp2p_datagrams_send (LP2P_DATAGRAMS (capability), empty, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
  g_signal_handlers_disconnect_by_data (capability, &n);
  end (&attack);
}

/* What a client may ask for in its parameters */

static void
connect_with (Fixture *f, const Params *params)
{
  f->stranger.mute = TRUE;
  quic_stranger_dial (&f->stranger, "libp2p");
  f->stranger.params = make_params (&f->stranger, params);
  f->stranger.mute = FALSE;
  quic_stranger_pump (&f->stranger);
  quic_stranger_advance (&f->stranger, 500 * G_TIME_SPAN_MILLISECOND);
  g_assert_true (f->stranger.ready);
  g_assert_cmpint (f->stranger.read_error, ==, 0);
}

/* Signs of life, but not all the time. */
static void
test_keep_alive (Fixture *f, gconstpointer data)
{
  static const Params params = PARAMS ("idle for 150 ms", ID "\x01\x02\x40\x96", 0);
  guint64 before;

  connect_with (f, &params);
  g_assert_cmpint (find_connection (f)->arrival.keep_alive, ==, 100 * G_TIME_SPAN_MILLISECOND);
  before = f->stranger.received;
  quic_stranger_advance (&f->stranger, 2 * G_USEC_PER_SEC);
  g_assert_cmpint (find_connection (f)->phase, ==, LP2P_QUIC_READY);
  g_assert_cmpuint (f->stranger.received - before, >, 10 * 20);
  g_assert_cmpuint (f->stranger.received - before, <, 21 * 60);
  test_context_drop_inbound (f->host.context);
}

/* The last packet of a peer that acknowledges late is not kept for as long as it likes. */
static void
test_linger (Fixture *f, gconstpointer data)
{
  static const Params params = PARAMS ("acknowledges after 16 s", ID "\x0b\x02\x7f\xfe", 0);

  connect_with (f, &params);
  f->stranger.mute = TRUE;
  test_context_drop_inbound (f->host.context);
  g_assert_cmpint (find_connection (f)->phase, ==, LP2P_QUIC_CLOSED);
  quic_stranger_advance (&f->stranger, 9 * G_USEC_PER_SEC);
  g_assert_nonnull (find_connection (f));
  quic_stranger_advance (&f->stranger, 2 * G_USEC_PER_SEC);
  g_assert_null (find_connection (f));
}

/* As many streams as there can be, each reset at once, by somebody who keeps to the
 * limits. */
#define N_RESETS 5000

static guint
open_and_reset (QuicStranger *self)
{
  guint8 packet[QUIC_PACKET_MAX];
  ngtcp2_pkt_info info;
  ngtcp2_vec byte = { (guint8 *) "x", 1 };
  guint n = 0;
  gint64 id;

  for (; ngtcp2_conn_open_bidi_stream (self->conn, &id, NULL) == 0; n++)
    {
      ngtcp2_ssize taken;
      ngtcp2_ssize size = ngtcp2_conn_writev_stream (self->conn, NULL, &info, packet, sizeof packet, &taken,
                                                     NGTCP2_WRITE_STREAM_FLAG_NONE, id, &byte, 1,
                                                     LP2P_QUIC_TIME (self->world->now));

      if (size > 0)
        quic_stranger_send (self, packet, size);
      lp2p_quic_shutdown_read (self->conn, id, 7);
      lp2p_quic_shutdown_write (self->conn, id, 7);
    }
  return n;
}

static void
test_open_and_reset (Fixture *f, gconstpointer data)
{
  Lp2pQuicConnection *connection;
  Lp2pMuxerSession *session;
  gsize before;
  guint n = 0;

  quic_stranger_connect (&f->stranger);
  connection = find_connection (f);
  session = ((Lp2pRawConnection *) g_queue_peek_head (&f->host.context->inbound))->session;
  before = mallinfo2 ().uordblks;
  for (guint round = 0; n < N_RESETS; round++)
    {
      g_assert_cmpuint (round, <, N_RESETS);
      n += open_and_reset (&f->stranger);
      quic_stranger_advance (&f->stranger, 10 * G_TIME_SPAN_MILLISECOND);
      drop_streams (session);
      quic_stranger_advance (&f->stranger, 10 * G_TIME_SPAN_MILLISECOND);
      g_assert_cmpint (f->stranger.read_error, ==, 0);
      g_assert_cmpint (connection->phase, ==, LP2P_QUIC_READY);
      g_assert_cmpuint (connection->streams.length, <=, 256);
    }
  g_assert_cmpuint (mallinfo2 ().uordblks, <, before + 1024 * 1024);
  quic_stranger_advance (&f->stranger, G_USEC_PER_SEC);
  g_assert_cmpuint (connection->streams.length, ==, 0);
  test_context_drop_inbound (f->host.context);
}

/* What does not decrypt is as if it had not come. */
static void
test_corrupted (Fixture *f, gconstpointer data)
{
  Attack attack;

  begin (&attack, f);
  for (guint i = 0; i < 5000; i++)
    {
      guint8 packet[QUIC_PACKET_MAX];
      gsize size = quic_keys_seal_short (&attack.keys, &attack.dcid, attack.number++, (const guint8 *) "\x01\0\0\0", 4, packet);
      guint at = g_test_rand_int_range (0, size);

      if (at > 0 && at < 9)
        at = 0;
      packet[at] ^= 1 << g_test_rand_int_range (0, at == 0 ? 6 : 8);
      quic_stranger_send (&f->stranger, packet, size);
      if (i % 64 == 0)
        settle (&attack);
    }
  settle (&attack);
  g_assert_cmpint (attack.connection->phase, ==, LP2P_QUIC_READY);

  /* It still listens. */
  send_frames (&attack, "\x0a\x00\x05hello", 8);
  settle (&attack);
  g_assert_cmpuint (attack.connection->incoming.length, ==, 1);
  end (&attack);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

#define ADD(name, data, function) g_test_add ("/quic-hostile/" name, Fixture, data, set_up, function, tear_down)
  ADD ("alpn", NULL, test_alpn);
  ADD ("certificates", NULL, test_certificates);
  ADD ("certificate-bytes", NULL, test_certificate_bytes);
  ADD ("params", NULL, test_params);
  ADD ("no-params", NULL, test_no_params);
  ADD ("frames", NULL, test_frames);
  ADD ("endless-hello", NULL, test_endless_hello);
  ADD ("flood/challenges", &challenges, test_flood);
  ADD ("flood/ids", &ids, test_flood);
  ADD ("flood/crypto", &crypto, test_flood);
  ADD ("flood/message", &message, test_flood);
  ADD ("flood/stream-holes", &stream_holes, test_flood);
  ADD ("flood/resets", &resets, test_flood);
  ADD ("flood/pings", &pings, test_flood);
  ADD ("flood/retirements", &retirements, test_flood);
  ADD ("flood/datagrams", &datagrams, test_flood);
  ADD ("flood/blocked", &blocked, test_flood);
  ADD ("datagrams", NULL, test_datagrams);
  ADD ("keep-alive", NULL, test_keep_alive);
  ADD ("linger", NULL, test_linger);
  ADD ("open-and-reset", NULL, test_open_and_reset);
  ADD ("corrupted", NULL, test_corrupted);
#undef ADD

  return g_test_run ();
}
