/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-ws-layer-private.h"

#include <glib/gi18n-lib.h>

/* Failing */

/* Takes @error. What tells the peer of it leaves all the same. */
int
lp2p_ws_layer_fail (Lp2pWsLayer *self, GError *error)
{
  if (self->error == NULL)
    self->error = error;
  else
    g_error_free (error);
  lp2p_held_clear (&self->in);
  self->n_plain = 0;
  self->more = FALSE;
  return LP2P_IO_FAILED;
}

int
lp2p_ws_layer_fail_lower (Lp2pWsLayer *self)
{
  const GError *reason = lp2p_layer_get_error (self->lower);

  lp2p_held_clear (&self->out);
  return lp2p_ws_layer_fail (self, reason != NULL
                                       ? g_error_copy (reason)
                                       : g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED,
                                                              _("The connection below the WebSocket is closed")));
}

/* What is waited for, and what the layer above is told */

static Lp2pReady
get_lower_wanted (Lp2pWsLayer *self)
{
  Lp2pReady wanted = self->eof || self->error != NULL ? LP2P_READY_NONE : self->wanted & LP2P_READY_READ;

  if (lp2p_ws_layer_is_blocked (self) || self->flushing || (self->starved && (self->wanted & LP2P_READY_WRITE)))
    wanted |= LP2P_READY_WRITE;
  return wanted;
}

void
lp2p_ws_layer_update_want (Lp2pWsLayer *self)
{
  Lp2pReady wanted = get_lower_wanted (self);

  if (wanted == self->lower_wanted)
    return;
  self->lower_wanted = wanted;
  lp2p_layer_want (self->lower, wanted);
}

void
lp2p_ws_layer_queue (Lp2pWsLayer *self)
{
  if ((self->wanted & LP2P_READY_READ) && lp2p_ws_layer_is_readable (self))
    lp2p_job_queue (&self->job);
}

/* What waited leaves. Returns what to announce. */
static Lp2pReady
continue_output (Lp2pWsLayer *self)
{
  Lp2pReady due = LP2P_READY_NONE;
  int result = lp2p_ws_layer_finish (self);

  if (result == LP2P_IO_FAILED)
    return LP2P_READY_NONE;
  if (self->flushing && result == 0)
    {
      self->flushing = FALSE;
      due = LP2P_READY_WRITE;
    }
  if (self->starved && (self->wanted & LP2P_READY_WRITE) && lp2p_ws_layer_get_room (self) > 0)
    due = LP2P_READY_WRITE;
  if (due != LP2P_READY_NONE)
    self->starved = FALSE;
  return due;
}

static void
work (Lp2pJob *job)
{
  Lp2pWsLayer *self = (Lp2pWsLayer *) ((guint8 *) job - G_STRUCT_OFFSET (Lp2pWsLayer, job));
  gboolean had_failed = self->error != NULL;
  Lp2pReady due = LP2P_READY_NONE;

  if (self->can_write || self->flush_due)
    {
      self->can_write = FALSE;
      due |= continue_output (self);
    }
  if (self->error != NULL && !had_failed)
    {
      lp2p_layer_announce_failed (&self->parent, self->error);
      return;
    }
  if ((self->wanted & LP2P_READY_READ) && lp2p_ws_layer_is_readable (self))
    due |= LP2P_READY_READ;
  lp2p_ws_layer_update_want (self);
  if (due != LP2P_READY_NONE)
    lp2p_layer_announce (&self->parent, due);
}

/* From the layer below, which must not be called from here */

static void
lower_ready (Lp2pLayer *lower, Lp2pReady ready, gpointer data)
{
  Lp2pWsLayer *self = data;

  if (ready & LP2P_READY_WRITE)
    {
      self->can_write = TRUE;
      lp2p_job_queue (&self->job);
    }
  if ((ready & LP2P_READY_READ) && !self->eof && self->error == NULL)
    {
      self->more = TRUE;
      if (self->wanted & LP2P_READY_READ)
        lp2p_layer_announce (&self->parent, LP2P_READY_READ);
    }
}

/* Who reads on still gets what came before. */
static void
lower_failed (Lp2pLayer *lower, const GError *error, gpointer data)
{
  lp2p_layer_announce_failed (data, error);
}

static const Lp2pLayerEvents lower_events = {
  .ready = lower_ready,
  .failed = lower_failed,
};

/* From the layer above */

static void
ws_layer_want (Lp2pLayer *layer, Lp2pReady ready)
{
  Lp2pWsLayer *self = (Lp2pWsLayer *) layer;

  self->wanted = ready & (LP2P_READY_READ | LP2P_READY_WRITE);
  /* Also when that is nothing new: the layer below says what it still holds. */
  self->lower_wanted = get_lower_wanted (self);
  lp2p_layer_want (self->lower, self->lower_wanted);
  if (self->starved && (self->wanted & LP2P_READY_WRITE) && lp2p_ws_layer_get_room (self) > 0)
    {
      self->can_write = TRUE;
      lp2p_job_queue (&self->job);
    }
  lp2p_ws_layer_queue (self);
}

static void
drop_all (Lp2pWsLayer *self)
{
  lp2p_job_clear (&self->job);
  lp2p_held_clear (&self->in);
  lp2p_held_clear (&self->out);
  g_clear_pointer (&self->pong, g_bytes_unref);
}

static void
ws_layer_abort (Lp2pLayer *layer, guint32 code)
{
  Lp2pWsLayer *self = (Lp2pWsLayer *) layer;

  drop_all (self);
  lp2p_ws_layer_fail (self,
                      g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The WebSocket was given up here")));
  lp2p_layer_abort (self->lower, code);
}

static void
ws_layer_free (Lp2pLayer *layer)
{
  Lp2pWsLayer *self = (Lp2pWsLayer *) layer;

  drop_all (self);
  lp2p_layer_free (self->lower);
  g_clear_error (&self->error);
  lp2p_layer_clear (layer);
  g_free (self);
}

static const GError *
ws_layer_get_error (Lp2pLayer *layer)
{
  Lp2pWsLayer *self = (Lp2pWsLayer *) layer;

  return self->error != NULL ? self->error : lp2p_layer_get_error (self->lower);
}

static void
ws_layer_get_info (Lp2pLayer *layer, Lp2pLayerInfo *info)
{
  Lp2pWsLayer *self = (Lp2pWsLayer *) layer;

  lp2p_layer_get_info (self->lower, info);
  info->overhead += LP2P_WS_MAX_HEADER;
  /* They are what the transport said: below, nobody knows of WebSocket, nor who is
   * behind a proxy. */
  info->local_address = NULL;
  info->remote_address = NULL;
}

static const Lp2pLayerClass ws_layer_class = {
  .name = "WebSocket",
  .readv = lp2p_ws_layer_readv,
  .peek = lp2p_ws_layer_peek,
  .consume = lp2p_ws_layer_consume,
  .park = lp2p_ws_layer_park,
  .writev = lp2p_ws_layer_writev,
  .flush = lp2p_ws_layer_flush,
  .write_room = lp2p_ws_layer_write_room,
  .want = ws_layer_want,
  .shutdown_write = lp2p_ws_layer_shutdown_write,
  .abort = ws_layer_abort,
  .free = ws_layer_free,
  .get_error = ws_layer_get_error,
  .get_info = ws_layer_get_info,
};

/* @early: bytes behind the opening handshake that were taken with it */
Lp2pLayer *
lp2p_ws_layer_new (Lp2pLayer *lower, Lp2pRole role, const guint8 *early, gsize n_early)
{
  Lp2pWsLayer *self = g_new0 (Lp2pWsLayer, 1);
  GOutputVector vector = { early, n_early };

  lp2p_layer_init (&self->parent, &ws_layer_class, lower->loop);
  lp2p_job_init (&self->job, lower->loop, LP2P_JOB_PUMP, work);
  self->lower = lower;
  self->is_client = role == LP2P_ROLE_INITIATOR;
  lp2p_ws_parser_init (&self->parser, self->is_client ? LP2P_WS_FROM_SERVER : LP2P_WS_FROM_CLIENT);
  lp2p_held_append (&self->in, &vector, 1, 0, n_early);
  lp2p_layer_set_events (lower, &lower_events, self);
  return &self->parent;
}
