/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A host, a friend of it, and a stranger who does it harm. */

#include "quic-stranger.h"

typedef struct
{
  TestWorld *world;
  QuicHost host;
  QuicHost friend; /* whose connection has to stay well */
  QuicStranger stranger;
  Lp2pRawConnection *dialed;
  Lp2pRawConnection *accepted;
} Fixture;

G_GNUC_UNUSED static void
set_up (Fixture *f, gconstpointer data)
{
  f->world = test_world_new (TRUE);
  quic_host_init (&f->host, f->world, "[host]\nmax-streams-per-connection=256\n", 0);
  quic_host_init (&f->friend, f->world, NULL, -1);
  quic_host_connect (&f->friend, &f->host, &f->dialed, &f->accepted);
  quic_stranger_init (&f->stranger, f->world, &f->host.address);
}

G_GNUC_UNUSED static void
assert_friend_is_well (Fixture *f)
{
  Lp2pMuxerSession *session = f->dialed->session, *other = f->accepted->session;
  Lp2pMuxerStream *stream = NULL, *same;
  GOutputVector hello = { "hello", 5 };
  guint8 buffer[6];
  GInputVector room = { buffer, sizeof buffer };

  g_assert_cmpint (session->klass->open (session, &stream), ==, 0);
  g_assert_cmpint (session->klass->stream_writev (session, stream, &hello, 1), ==, 5);
  g_assert_cmpint (session->klass->stream_shutdown_write (session, stream), ==, 0);
  test_world_advance (f->world, 100 * G_TIME_SPAN_MILLISECOND);
  same = other->klass->accept (other);
  g_assert_nonnull (same);
  g_assert_cmpint (other->klass->stream_readv (other, same, &room, 1), ==, 5);
  g_assert_cmpmem (buffer, 5, "hello", 5);
  other->klass->stream_shutdown_write (other, same);
  other->klass->stream_release (other, same);
  test_world_advance (f->world, 100 * G_TIME_SPAN_MILLISECOND);
  session->klass->stream_release (session, stream);
}

G_GNUC_UNUSED static void
tear_down (Fixture *f, gconstpointer data)
{
  assert_friend_is_well (f);
  quic_stranger_clear (&f->stranger);
  lp2p_raw_connection_free (f->dialed);
  lp2p_raw_connection_free (f->accepted);
  quic_host_clear (&f->friend);
  quic_host_clear (&f->host);
  test_world_free (f->world);
}

/* The host's side of the stranger's connection, NULL when it is off. */
G_GNUC_UNUSED static Lp2pQuicConnection *
find_connection (Fixture *f)
{
  for (GList *l = quic_host_get_endpoint (&f->host)->connections.head; l != NULL; l = l->next)
    {
      Lp2pQuicConnection *connection = l->data;
      const struct sockaddr_in *remote = (const struct sockaddr_in *) connection->path.path.remote.addr;

      if (remote->sin_port == f->stranger.own.sin_port)
        return connection;
    }
  return NULL;
}

/* Frames of a client whose handshake was good */

typedef struct
{
  Fixture *f;
  QuicKeys keys;
  ngtcp2_cid dcid;
  guint32 number;
  Lp2pQuicConnection *connection;
} Attack;

G_GNUC_UNUSED static void
begin (Attack *self, Fixture *f)
{
  *self = (Attack){ .f = f, .number = 1 << 16 };
  quic_stranger_connect (&f->stranger);
  quic_stranger_init_keys (&f->stranger, &self->keys, &self->dcid);
  f->stranger.mute = TRUE;
  g_assert_cmpuint (f->host.context->inbound.length, ==, 1);
  self->connection = lp2p_quic_connection_ref (find_connection (f));
  g_assert_cmpint (self->connection->phase, ==, LP2P_QUIC_READY);
}

G_GNUC_UNUSED static void
send_frames (Attack *self, gconstpointer frames, gsize size)
{
  guint8 packet[QUIC_PACKET_MAX];
  gsize sealed = quic_keys_seal_short (&self->keys, &self->dcid, self->number++, frames, size, packet);

  quic_stranger_send (&self->f->stranger, packet, sealed);
}

G_GNUC_UNUSED static void
settle (Attack *self)
{
  quic_stranger_settle (&self->f->stranger);
  g_ptr_array_set_size (self->f->stranger.packets, 0);
}

G_GNUC_UNUSED static void
end (Attack *self)
{
  quic_keys_clear (&self->keys);
  quic_stranger_end (&self->f->stranger);
  test_context_drop_inbound (self->f->host.context);
  lp2p_quic_connection_unref (self->connection);
  quic_stranger_advance (&self->f->stranger, 12 * G_USEC_PER_SEC);
  g_assert_null (find_connection (self->f));
}

/* A frame that gives an id. */
G_GNUC_UNUSED static void
append_id (GByteArray *frames, guint64 number, guint64 retire_prior_to)
{
  guint8 id[] = { 8, 0, 1, 2, 3, 4, 5, 6, number };
  guint8 token[16] = { number };

  g_byte_array_append (frames, (const guint8 *) "\x18", 1);
  quic_append_number (frames, number);
  quic_append_number (frames, retire_prior_to);
  g_byte_array_append (frames, id, sizeof id);
  g_byte_array_append (frames, token, sizeof token);
}
