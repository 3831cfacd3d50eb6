/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-ws-layer-private.h"

#include <glib/gi18n-lib.h>
#include <gnutls/crypto.h>

/* Pieces that one frame is made of without copying. A muxer gives two for each of
 * its frames. */
#define MAX_PIECES 64

/* What a client masks in one go. */
#define MAX_PAYLOAD (LP2P_SCRATCH_SIZE - LP2P_WS_MAX_HEADER)

/* So much is taken in any case as long as the layer below has room for a part of it,
 * so that little room cannot be mistaken for none. A muxer counts on place for the
 * head of a frame where there is any. */
#define MIN_ROOM 64

gboolean
lp2p_ws_layer_is_blocked (Lp2pWsLayer *self)
{
  return lp2p_held_get_size (&self->out) > 0;
}

/* Hands bytes down, behind those that wait. What is not taken is kept.
 * Returns: 0 or %LP2P_IO_FAILED */
static int
hand_down (Lp2pWsLayer *self, const GOutputVector *vectors, guint n_vectors, Lp2pWriteFlags flags)
{
  gsize size = lp2p_output_vectors_get_size (vectors, n_vectors);
  gssize n = 0;

  if (self->error != NULL)
    return LP2P_IO_FAILED;
  if (!lp2p_ws_layer_is_blocked (self))
    n = lp2p_layer_writev (self->lower, vectors, n_vectors, flags);
  if (n == LP2P_IO_FAILED)
    return lp2p_ws_layer_fail_lower (self);
  n = MAX (n, 0);
  self->held_back = (flags & LP2P_WRITE_MORE) != 0;
  lp2p_held_append (&self->out, vectors, n_vectors, n, size - n);
  return 0;
}

/* Returns: 0 when nothing is kept, %LP2P_IO_AGAIN or %LP2P_IO_FAILED */
int
lp2p_ws_layer_drain (Lp2pWsLayer *self)
{
  gssize n;

  if (lp2p_ws_layer_is_blocked (self))
    {
      n = lp2p_layer_write (self->lower, lp2p_held_get_data (&self->out), lp2p_held_get_size (&self->out),
                            LP2P_WRITE_NONE);
      if (n == LP2P_IO_FAILED)
        return lp2p_ws_layer_fail_lower (self);
      if (n > 0)
        lp2p_held_drop (&self->out, n);
    }
  return lp2p_ws_layer_is_blocked (self) ? LP2P_IO_AGAIN : 0;
}

/* Frames of our own */

/* A client masks with what nobody can foresee; without that, the layer fails, and
 * nothing is handed down.
 * Returns: @mask, or %NULL for a server */
static const guint8 *
choose_mask (Lp2pWsLayer *self, guint8 mask[LP2P_WS_MASK_SIZE])
{
  if (!self->is_client)
    return NULL;
  if (gnutls_rnd (GNUTLS_RND_NONCE, mask, LP2P_WS_MASK_SIZE) < 0)
    lp2p_ws_layer_fail (self, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED,
                                                   _("WebSocket: there are no random bytes")));
  return mask;
}

static void
send_own (Lp2pWsLayer *self, const guint8 *frame, gsize size)
{
  GOutputVector vector = { frame, size };

  if (hand_down (self, &vector, 1, LP2P_WRITE_MORE) == LP2P_IO_FAILED)
    return;
  self->flush_due = TRUE;
  lp2p_job_queue (&self->job);
}

static void
send_pong (Lp2pWsLayer *self, const guint8 *payload, gsize size)
{
  guint8 frame[LP2P_WS_MAX_CONTROL_FRAME];
  guint8 mask[LP2P_WS_MASK_SIZE];

  send_own (self, frame, lp2p_ws_write_control (frame, LP2P_WS_PONG, payload, size, choose_mask (self, mask)));
}

/* While nothing can be written only the last ping is kept in mind, which RFC 6455
 * section 5.5.3 allows. */
void
lp2p_ws_layer_answer_ping (Lp2pWsLayer *self)
{
  if (self->ending)
    return;
  g_clear_pointer (&self->pong, g_bytes_unref);
  if (lp2p_ws_layer_is_blocked (self))
    self->pong = g_bytes_new (self->parser.control, self->parser.control_size);
  else
    send_pong (self, self->parser.control, self->parser.control_size);
}

static void
send_late_pong (Lp2pWsLayer *self)
{
  g_autoptr (GBytes) pong = g_steal_pointer (&self->pong);
  gsize size;
  const guint8 *payload;

  if (pong == NULL || self->ending)
    return;
  payload = g_bytes_get_data (pong, &size);
  send_pong (self, payload, size);
}

/* Nothing follows it. */
void
lp2p_ws_layer_send_close (Lp2pWsLayer *self, guint16 code, const char *reason)
{
  guint8 frame[LP2P_WS_MAX_CONTROL_FRAME];
  guint8 mask[LP2P_WS_MASK_SIZE];

  if (self->ending)
    return;
  self->ending = TRUE;
  send_own (self, frame, lp2p_ws_write_close (frame, code, reason, choose_mask (self, mask)));
}

/* Payload */

gsize
lp2p_ws_layer_get_room (Lp2pWsLayer *self)
{
  gsize room;

  if (self->error != NULL || self->ending || lp2p_ws_layer_is_blocked (self))
    return 0;
  room = lp2p_layer_write_room (self->lower);
  if (room == 0)
    return 0;
  return room < MIN_ROOM + LP2P_WS_MAX_HEADER ? MIN_ROOM : MIN (room - LP2P_WS_MAX_HEADER, MAX_PAYLOAD);
}

/* What was held back for company in the layer below may be all that takes its room. */
static gsize
room_or_starve (Lp2pWsLayer *self)
{
  gsize room = lp2p_ws_layer_get_room (self);

  if (room == 0 && self->held_back && self->error == NULL && !lp2p_ws_layer_is_blocked (self) &&
      lp2p_ws_layer_finish (self) == 0)
    room = lp2p_ws_layer_get_room (self);
  if (room == 0)
    {
      self->starved = TRUE;
      lp2p_ws_layer_update_want (self);
    }
  return room;
}

/* One frame of what is next, up to @size bytes, as it is. Returns: how many bytes that
 * took, or %LP2P_IO_FAILED */
static gssize
send_plain (Lp2pWsLayer *self, Lp2pVectorCursor *source, gsize size, Lp2pWriteFlags flags)
{
  guint8 header[LP2P_WS_MAX_HEADER];
  GOutputVector pieces[1 + MAX_PIECES];
  gsize taken = 0;
  guint n = lp2p_vector_cursor_take (source, size, pieces + 1, MAX_PIECES, &taken);

  pieces[0] = (GOutputVector){ header, lp2p_ws_write_header (header, LP2P_WS_BINARY, taken, NULL) };
  return hand_down (self, pieces, n + 1, taken < size ? flags | LP2P_WRITE_MORE : flags) == 0 ? (gssize) taken
                                                                                            : LP2P_IO_FAILED;
}

/* Likewise, masked on the way into scratch memory. */
static gssize
send_masked (Lp2pWsLayer *self, Lp2pVectorCursor *source, gsize size, Lp2pWriteFlags flags)
{
  guint8 *frame = lp2p_loop_take_scratch (self->parent.loop);
  guint8 mask[LP2P_WS_MASK_SIZE];
  gsize head = lp2p_ws_write_header (frame, LP2P_WS_BINARY, size, choose_mask (self, mask));
  GOutputVector vector = { frame, head + size };
  gsize done = 0;
  int result;

  while (done < size)
    {
      GOutputVector piece;
      gsize taken = 0;

      lp2p_vector_cursor_take (source, size - done, &piece, 1, &taken);
      lp2p_ws_mask (frame + head + done, piece.buffer, taken, mask, done);
      done += taken;
    }
  result = hand_down (self, &vector, 1, flags);
  lp2p_loop_give_scratch (self->parent.loop, frame);
  return result == 0 ? (gssize) size : LP2P_IO_FAILED;
}

gssize
lp2p_ws_layer_writev (Lp2pLayer *layer, const GOutputVector *vectors, guint n_vectors, Lp2pWriteFlags flags)
{
  Lp2pWsLayer *self = (Lp2pWsLayer *) layer;
  Lp2pVectorCursor source = { vectors, n_vectors, 0 };
  gsize size = lp2p_output_vectors_get_size (vectors, n_vectors);
  gsize total = size;
  gsize taken = 0;

  if (self->error != NULL)
    return LP2P_IO_FAILED;
  g_return_val_if_fail (!self->ending, LP2P_IO_FAILED);
  if (total == 0)
    return 0;
  if (lp2p_ws_layer_drain (self) == LP2P_IO_FAILED)
    return LP2P_IO_FAILED;
  size = MIN (size, room_or_starve (self));
  /* A layer that has failed has no room either. */
  if (size == 0)
    return lp2p_layer_get_error (self->lower) != NULL ? lp2p_ws_layer_fail_lower (self) : LP2P_IO_AGAIN;

  while (taken < size)
    {
      gssize n = self->is_client ? send_masked (self, &source, size - taken, flags)
                                 : send_plain (self, &source, size - taken, flags);

      if (n < 0)
        return LP2P_IO_FAILED;
      taken += n;
    }
  if (taken < total)
    self->starved = TRUE;
  lp2p_ws_layer_update_want (self);
  return taken;
}

gsize
lp2p_ws_layer_write_room (Lp2pLayer *layer)
{
  return room_or_starve ((Lp2pWsLayer *) layer);
}

/* Returns: as `flush` */
int
lp2p_ws_layer_finish (Lp2pWsLayer *self)
{
  int result = lp2p_ws_layer_drain (self);

  if (result == 0)
    {
      send_late_pong (self);
      self->flush_due = FALSE;
      self->held_back = FALSE;
      result = self->ending && self->eof ? lp2p_layer_shutdown_write (self->lower) : lp2p_layer_flush (self->lower);
    }
  if (result == LP2P_IO_FAILED)
    return lp2p_ws_layer_fail_lower (self);
  lp2p_ws_layer_update_want (self);
  return result;
}

int
lp2p_ws_layer_flush (Lp2pLayer *layer)
{
  Lp2pWsLayer *self = (Lp2pWsLayer *) layer;
  int result;

  if (self->error != NULL)
    return LP2P_IO_FAILED;
  result = lp2p_ws_layer_finish (self);
  self->flushing = result == LP2P_IO_AGAIN;
  lp2p_ws_layer_update_want (self);
  return result;
}

int
lp2p_ws_layer_shutdown_write (Lp2pLayer *layer)
{
  Lp2pWsLayer *self = (Lp2pWsLayer *) layer;

  if (self->error != NULL)
    return LP2P_IO_FAILED;
  lp2p_ws_layer_send_close (self, LP2P_WS_NORMAL, NULL);
  return lp2p_ws_layer_flush (layer);
}
