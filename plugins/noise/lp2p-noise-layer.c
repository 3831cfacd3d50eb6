/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The byte stream inside an established Noise session: a layer on a layer. */

#include "lp2p-noise-layer-private.h"

#include <glib/gi18n-lib.h>

#define LAYER_OF(member, pointer)                                                                  \
  ((Lp2pNoiseLayer *) ((char *) (pointer) -G_STRUCT_OFFSET (Lp2pNoiseLayer, member)))

/* Failing */

void
lp2p_noise_layer_fail (Lp2pNoiseLayer *self, const char *format, ...)
{
  va_list args;

  if (self->error != NULL)
    return;
  va_start (args, format);
  self->error = g_error_new_valist (LP2P_ERROR, LP2P_ERROR_PROTOCOL, format, args);
  va_end (args);
  lp2p_noise_layer_drop_output (self);
}

static void
take_error (Lp2pNoiseLayer *self, const GError *error)
{
  if (self->error == NULL)
    self->error = g_error_copy (error);
  lp2p_noise_layer_drop_output (self);
}

/* The layer below has failed. */
void
lp2p_noise_layer_fail_below (Lp2pNoiseLayer *self, const char *what)
{
  const GError *error = lp2p_layer_get_error (self->lower);

  if (error != NULL)
    take_error (self, error);
  else
    /* Translators: "read" or "write" */
    lp2p_noise_layer_fail (self, _("The layer below Noise failed to %s without a reason"), what);
}

/* Announcing */

/* Tells the layer below what is waited for, where that changed. */
void
lp2p_noise_layer_update_want (Lp2pNoiseLayer *self)
{
  Lp2pReady ready = self->wanted;

  if (self->error != NULL)
    return;
  if (self->sealed != NULL || self->flushing || (self->ending && !self->ended))
    ready |= LP2P_READY_WRITE;
  if (ready == self->lower_wanted)
    return;
  self->lower_wanted = ready;
  lp2p_layer_want (self->lower, ready);
}

/* What the layer below did not take leaves. Returns what to announce. */
static Lp2pReady
continue_output (Lp2pNoiseLayer *self)
{
  Lp2pReady due = LP2P_READY_NONE;
  int result = lp2p_noise_layer_drain (self);

  if (result == LP2P_IO_FAILED)
    return LP2P_READY_NONE;
  if (self->flushing && result == 0)
    {
      self->flushing = FALSE;
      due = LP2P_READY_WRITE;
    }
  if (self->starved && (self->wanted & LP2P_READY_WRITE) && lp2p_noise_layer_get_room (self) > 0)
    due = LP2P_READY_WRITE;
  if (due != LP2P_READY_NONE)
    self->starved = FALSE;
  lp2p_noise_layer_update_want (self);
  return due;
}

static void
work (Lp2pJob *job)
{
  Lp2pNoiseLayer *self = LAYER_OF (job, job);
  gboolean had_failed = self->error != NULL;
  Lp2pReady due = LP2P_READY_NONE;
  gboolean asked;

  if (!had_failed)
    {
      if (lp2p_flush_hold_take (&self->hold, &asked) && lp2p_noise_layer_flush (&self->parent) == 0 && asked)
        due = LP2P_READY_WRITE;
      if (self->can_write)
        due |= continue_output (self);
      self->can_write = FALSE;
    }

  if (self->error != NULL && !had_failed)
    {
      lp2p_layer_announce_failed (&self->parent, self->error);
      return;
    }
  if ((self->wanted & LP2P_READY_READ) && lp2p_noise_layer_is_readable (self))
    due |= LP2P_READY_READ;
  if (due != LP2P_READY_NONE)
    lp2p_layer_announce (&self->parent, due);
}

/* From the layer below, which must not be called from here. */

static void
lower_ready (Lp2pLayer *lower, Lp2pReady ready, gpointer data)
{
  Lp2pNoiseLayer *self = data;

  if (ready & LP2P_READY_WRITE)
    {
      self->can_write = TRUE;
      lp2p_job_queue (&self->job);
    }
  if (ready & LP2P_READY_READ)
    {
      /* The layer above may first take what was opened before. */
      self->more_input = TRUE;
      if (self->wanted & LP2P_READY_READ)
        lp2p_layer_announce (&self->parent, LP2P_READY_READ);
    }
}

static void
lower_failed (Lp2pLayer *lower, const GError *error, gpointer data)
{
  Lp2pNoiseLayer *self = data;

  if (self->error != NULL)
    return;
  take_error (self, error);
  lp2p_layer_announce_failed (&self->parent, self->error);
}

static const Lp2pLayerEvents lower_events = {
  .ready = lower_ready,
  .failed = lower_failed,
};

/* From the layer above */

static void
noise_layer_want (Lp2pLayer *layer, Lp2pReady ready)
{
  Lp2pNoiseLayer *self = (Lp2pNoiseLayer *) layer;

  self->wanted = ready & (LP2P_READY_READ | LP2P_READY_WRITE);
  if ((ready & LP2P_READY_READ) && lp2p_noise_layer_is_readable (self))
    lp2p_job_queue (&self->job);
  if (self->error != NULL)
    return;

  /* Also when it is the same as before: the layer below looks again. */
  self->lower_wanted = G_MAXUINT;
  lp2p_noise_layer_update_want (self);
  lp2p_noise_layer_check_room (self);
}

static void
noise_layer_abort (Lp2pLayer *layer, guint32 code)
{
  Lp2pNoiseLayer *self = (Lp2pNoiseLayer *) layer;

  lp2p_job_clear (&self->job);
  lp2p_flush_hold_end (&self->hold);
  lp2p_layer_abort (self->lower, code);
  if (self->error == NULL)
    self->error =
        g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The Noise session was given up here"));
  lp2p_noise_layer_drop_input (self);
  lp2p_noise_layer_drop_output (self);
}

static void
noise_layer_free (Lp2pLayer *layer)
{
  Lp2pNoiseLayer *self = (Lp2pNoiseLayer *) layer;

  lp2p_job_clear (&self->job);
  lp2p_flush_hold_end (&self->hold);
  lp2p_noise_layer_drop_input (self);
  lp2p_noise_layer_drop_output (self);
  lp2p_noise_cipher_free (self->send);
  lp2p_noise_cipher_free (self->receive);
  lp2p_layer_free (self->lower);
  g_clear_error (&self->error);
  lp2p_layer_clear (layer);
  g_free (self);
}

static const GError *
noise_layer_get_error (Lp2pLayer *layer)
{
  return ((Lp2pNoiseLayer *) layer)->error;
}

static void
noise_layer_get_info (Lp2pLayer *layer, Lp2pLayerInfo *info)
{
  Lp2pNoiseLayer *self = (Lp2pNoiseLayer *) layer;

  lp2p_layer_get_info (self->lower, info);
  info->record_size = LP2P_NOISE_PLAIN_MAX;
  info->overhead += LP2P_NOISE_OVERHEAD;
}

static const Lp2pLayerClass noise_layer_class = {
  .name = "noise",
  .readv = lp2p_noise_layer_readv,
  .peek = lp2p_noise_layer_peek,
  .consume = lp2p_noise_layer_consume,
  .park = lp2p_noise_layer_park,
  .writev = lp2p_noise_layer_writev,
  .flush = lp2p_noise_layer_flush,
  .write_room = lp2p_noise_layer_write_room,
  .want = noise_layer_want,
  .shutdown_write = lp2p_noise_layer_shutdown_write,
  .abort = noise_layer_abort,
  .free = noise_layer_free,
  .get_error = noise_layer_get_error,
  .get_info = noise_layer_get_info,
};

/* Takes the layer below and both ciphers. */
Lp2pLayer *
lp2p_noise_layer_new (Lp2pLayer *lower, Lp2pNoiseCipher *send, Lp2pNoiseCipher *receive)
{
  Lp2pNoiseLayer *self = g_new0 (Lp2pNoiseLayer, 1);

  lp2p_layer_init (&self->parent, &noise_layer_class, lower->loop);
  lp2p_job_init (&self->job, lower->loop, LP2P_JOB_PUMP, work);
  lp2p_flush_hold_init (&self->hold, &self->job);
  self->lower = lower;
  self->send = send;
  self->receive = receive;
  self->lower_wanted = G_MAXUINT;
  lp2p_layer_set_events (lower, &lower_events, self);
  return &self->parent;
}

/* Something was written to the layer below with %LP2P_WRITE_MORE: it leaves with
 * what the layer above writes in this wake-up, or alone at its end. */
void
lp2p_noise_layer_flush_soon (Lp2pLayer *layer)
{
  lp2p_flush_hold_begin (&((Lp2pNoiseLayer *) layer)->hold);
}
