/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "yamux-fixture.h"

static gint64
read_clock (Lp2pClock *clock)
{
  return ((Fixture *) ((char *) clock - G_STRUCT_OFFSET (Fixture, clock)))->now;
}

static gboolean
reserve (gsize size, gpointer data)
{
  Fixture *self = data;

  if (size > self->budget)
    return FALSE;
  self->budget -= size;
  return TRUE;
}

static void
release (gsize size, gpointer data)
{
  ((Fixture *) data)->budget += size;
}

void
fixture_init (Fixture *self, const MemoryLayerOptions *layer)
{
  *self = (Fixture){ .now = G_USEC_PER_SEC, .budget = 1024 * 1024 * 1024 };
  self->clock.now = read_clock;
  self->context = g_main_context_new ();
  self->loop = lp2p_loop_new (self->context, &self->clock);
  memory_layer_new_pair (self->loop, layer, &self->layers[0], &self->layers[1]);
  self->options = (Lp2pYamuxOptions) LP2P_YAMUX_OPTIONS_INIT;
  self->options.reserve = reserve;
  self->options.release = release;
  self->options.data = self;
}

void
fixture_start (Fixture *self, gboolean with_peer)
{
  self->a = session_driver_new (
      lp2p_yamux_session_new (self->layers[0], LP2P_ROLE_INITIATOR, &self->options), self->loop);
  if (with_peer)
    {
      self->b = session_driver_new (
          lp2p_yamux_session_new (self->layers[1], LP2P_ROLE_RESPONDER, &self->options),
          self->loop);
      self->b->auto_accept = TRUE;
      self->b->auto_read = TRUE;
    }
  fixture_run (self);
}

void
fixture_clear (Fixture *self)
{
  gsize budget;

  g_clear_pointer (&self->a, session_driver_free);
  if (self->b != NULL)
    g_clear_pointer (&self->b, session_driver_free);
  else
    lp2p_layer_free (self->layers[1]);
  budget = self->budget;
  g_assert_cmpuint (budget, ==, 1024 * 1024 * 1024);
  lp2p_loop_unref (self->loop);
  g_main_context_unref (self->context);
}

void
fixture_run (Fixture *self)
{
  /* A loop that never comes to rest is a failure, not a hang. */
  for (guint i = 0; i < 1000000; i++)
    if (!g_main_context_iteration (self->context, FALSE))
      return;
  g_assert_not_reached ();
}

void
fixture_pass (Fixture *self, gint64 time, gint64 step)
{
  gint64 end = self->now + time;

  while (self->now < end)
    {
      self->now = MIN (self->now + step, end);
      lp2p_loop_advance (self->loop);
      fixture_run (self);
    }
}

void
raw_send_bytes (Fixture *self, gconstpointer data, gsize size)
{
  while (size > 0)
    {
      gssize n = lp2p_layer_write (self->layers[1], data, size, LP2P_WRITE_NONE);

      g_assert_cmpint (n, !=, LP2P_IO_FAILED);
      if (n > 0)
        {
          data = (const guint8 *) data + n;
          size -= n;
        }
      fixture_run (self);
    }
  fixture_run (self);
}

void
raw_send (Fixture *self, Lp2pYamuxType type, guint16 flags, guint32 id, guint32 length)
{
  Lp2pYamuxHeader header = { type, flags, id, length };
  guint8 bytes[LP2P_YAMUX_HEADER_SIZE];

  lp2p_yamux_header_encode (&header, bytes);
  raw_send_bytes (self, bytes, sizeof bytes);
}

void
raw_send_data (Fixture *self, guint16 flags, guint32 id, gsize size)
{
  g_autofree guint8 *data = g_malloc0 (size + 1);

  raw_send (self, LP2P_YAMUX_DATA, flags, id, size);
  raw_send_bytes (self, data, size);
}

static gssize
read_exactly (Fixture *self, guint8 *buffer, gsize size)
{
  gsize done = 0;

  while (done < size)
    {
      gssize n;

      fixture_run (self);
      n = lp2p_layer_read (self->layers[1], buffer + done, size - done);
      if (n <= 0)
        return done == 0 ? n : LP2P_IO_FAILED;
      done += n;
    }
  return done;
}

/* Payload is dropped. */
gboolean
raw_receive (Fixture *self, Lp2pYamuxHeader *header)
{
  guint8 bytes[LP2P_YAMUX_HEADER_SIZE];
  g_autoptr (GError) error = NULL;

  if (read_exactly (self, bytes, sizeof bytes) <= 0)
    return FALSE;
  g_assert_true (lp2p_yamux_header_decode (bytes, header, &error));
  if (header->type == LP2P_YAMUX_DATA && header->length > 0)
    {
      g_autofree guint8 *payload = g_malloc (header->length);

      g_assert_cmpint (read_exactly (self, payload, header->length), ==, header->length);
    }
  return TRUE;
}

static gboolean
receive_but_pings (Fixture *self, Lp2pYamuxHeader *header)
{
  while (raw_receive (self, header))
    {
      if (header->type != LP2P_YAMUX_PING || (header->flags & LP2P_YAMUX_SYN) == 0)
        return TRUE;
      raw_send (self, LP2P_YAMUX_PING, LP2P_YAMUX_ACK, 0, header->length);
    }
  return FALSE;
}

void
raw_expect (Fixture *self, Lp2pYamuxType type, guint16 flags, guint32 id, guint32 length)
{
  Lp2pYamuxHeader header;

  g_assert_true (receive_but_pings (self, &header));
  g_assert_cmpuint (header.type, ==, type);
  g_assert_cmpuint (header.flags, ==, flags);
  g_assert_cmpuint (header.stream_id, ==, id);
  g_assert_cmpuint (header.length, ==, length);
}

void
raw_expect_silence (Fixture *self)
{
  Lp2pYamuxHeader header;

  g_assert_false (receive_but_pings (self, &header));
}
