/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Agreeing on a protocol over a layer: at once, by a layer that sends its one
 * proposal ahead of the first bytes and takes the answer off those that come
 * back, or in a step of its own. */

#include <string.h>

#include "net/lp2p-cancel-private.h"
#include "types/lp2p-i18n-private.h"

#include <lp2p/net/lp2p-multistream-layer.h>

/* More vectors than a frame of any protocol here has. */
#define MAX_VECTORS 16

/* How often the proposal lets the run queue go first, to leave with the first bytes: as
 * often as it may take until the application is told of the connection and writes,
 * and once more than the end of a handshake below waits. */
#define TURNS_TO_SEND 5

typedef struct
{
  Lp2pLayer parent;
  Lp2pLayer *lower;
  Lp2pMultistream *negotiation;
  GByteArray *head;
  Lp2pMultistreamStatus *status;
  GError *error;
  Lp2pJob job;
  guint turns_to_send;
} MultistreamLayer;

static void
forward_ready (Lp2pLayer *lower, Lp2pReady ready, gpointer data)
{
  lp2p_layer_announce (data, ready);
}

static void
forward_failed (Lp2pLayer *lower, const GError *error, gpointer data)
{
  lp2p_layer_announce_failed (data, lp2p_layer_get_error (data));
}

static const Lp2pLayerEvents lower_events = {
  .ready = forward_ready,
  .failed = forward_failed,
};

/* Takes the answer off what has come. Returns 1 when nothing stands before the
 * bytes of the layer above. */
static gssize
finish_negotiation (MultistreamLayer *self)
{
  while (self->negotiation != NULL)
    {
      const guint8 *data;
      gsize consumed = 0;
      gssize n = lp2p_layer_peek (self->lower, &data);

      if (self->error != NULL)
        return LP2P_IO_FAILED;
      if (n == 0)
        {
          g_set_error (&self->error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_MULTISTREAM,
                       _("The peer closed the connection instead of agreeing to %s"),
                       lp2p_multistream_get_proposed (self->negotiation));
          return LP2P_IO_FAILED;
        }
      if (n < 0)
        return n;

      *self->status = lp2p_multistream_input (self->negotiation, data, n, &consumed, &self->error);
      lp2p_layer_consume (self->lower, consumed);
      if (*self->status == LP2P_MULTISTREAM_FAILED)
        return LP2P_IO_FAILED;
      if (*self->status == LP2P_MULTISTREAM_DONE)
        g_clear_pointer (&self->negotiation, lp2p_multistream_free);
    }
  return 1;
}

static gssize
multistream_readv (Lp2pLayer *layer, const GInputVector *vectors, guint n_vectors)
{
  MultistreamLayer *self = (MultistreamLayer *) layer;
  gssize ready = finish_negotiation (self);

  return ready > 0 ? lp2p_layer_readv (self->lower, vectors, n_vectors) : ready;
}

static gssize
multistream_peek (Lp2pLayer *layer, const guint8 **data)
{
  MultistreamLayer *self = (MultistreamLayer *) layer;
  gssize ready = finish_negotiation (self);

  return ready > 0 ? lp2p_layer_peek (self->lower, data) : ready;
}

static void
multistream_consume (Lp2pLayer *layer, gsize size)
{
  lp2p_layer_consume (((MultistreamLayer *) layer)->lower, size);
}

static void
multistream_park (Lp2pLayer *layer)
{
  lp2p_layer_park (((MultistreamLayer *) layer)->lower);
}

static void
drop_head (MultistreamLayer *self, gsize size)
{
  if (size >= self->head->len)
    g_clear_pointer (&self->head, g_byte_array_unref);
  else
    g_byte_array_remove_range (self->head, 0, size);
}

static gssize
write_head (MultistreamLayer *self, Lp2pWriteFlags flags)
{
  gssize n = 0;

  while (self->head != NULL && n >= 0)
    {
      n = lp2p_layer_write (self->lower, self->head->data, self->head->len, flags);
      if (n > 0)
        drop_head (self, n);
    }
  return n;
}

static gssize
multistream_writev (Lp2pLayer *layer, const GOutputVector *vectors, guint n_vectors, Lp2pWriteFlags flags)
{
  MultistreamLayer *self = (MultistreamLayer *) layer;
  GOutputVector with_head[MAX_VECTORS + 1];
  gsize head;
  gssize n;

  if (self->error != NULL)
    return LP2P_IO_FAILED;
  if (self->head == NULL)
    return lp2p_layer_writev (self->lower, vectors, n_vectors, flags);

  head = self->head->len;
  n_vectors = MIN (n_vectors, MAX_VECTORS);
  with_head[0] = (GOutputVector) { self->head->data, head };
  memcpy (with_head + 1, vectors, n_vectors * sizeof *vectors);
  n = lp2p_layer_writev (self->lower, with_head, n_vectors + 1, flags);
  if (n < 0)
    return n;
  drop_head (self, n);
  return n > (gssize) head ? n - (gssize) head : LP2P_IO_AGAIN;
}

static int
multistream_flush (Lp2pLayer *layer)
{
  MultistreamLayer *self = (MultistreamLayer *) layer;
  gssize n = write_head (self, LP2P_WRITE_MORE);

  return n < 0 ? n : lp2p_layer_flush (self->lower);
}

/* An idle connection has nothing to write, and is to be agreed on all the same. */
static void
run_send (Lp2pJob *job)
{
  MultistreamLayer *self = (MultistreamLayer *) ((guint8 *) job - G_STRUCT_OFFSET (MultistreamLayer, job));

  if (self->head == NULL || self->error != NULL)
    return;
  if (--self->turns_to_send > 0)
    lp2p_job_queue (&self->job);
  else
    multistream_flush (&self->parent);
}

static gsize
multistream_write_room (Lp2pLayer *layer)
{
  MultistreamLayer *self = (MultistreamLayer *) layer;
  gsize room = lp2p_layer_write_room (self->lower);
  gsize head = self->head != NULL ? self->head->len : 0;

  return room > head ? room - head : 0;
}

static void
multistream_want (Lp2pLayer *layer, Lp2pReady ready)
{
  lp2p_layer_want (((MultistreamLayer *) layer)->lower, ready);
}

static int
multistream_shutdown_write (Lp2pLayer *layer)
{
  MultistreamLayer *self = (MultistreamLayer *) layer;
  gssize n = write_head (self, LP2P_WRITE_MORE);

  return n < 0 ? n : lp2p_layer_shutdown_write (self->lower);
}

static void
multistream_abort (Lp2pLayer *layer, guint32 code)
{
  lp2p_layer_abort (((MultistreamLayer *) layer)->lower, code);
}

static void
multistream_free (Lp2pLayer *layer)
{
  MultistreamLayer *self = (MultistreamLayer *) layer;

  lp2p_job_clear (&self->job);
  lp2p_layer_free (self->lower);
  g_clear_pointer (&self->negotiation, lp2p_multistream_free);
  g_clear_pointer (&self->head, g_byte_array_unref);
  g_rc_box_release (self->status);
  g_clear_error (&self->error);
  lp2p_layer_clear (layer);
  g_free (self);
}

/* A connection that is closed before the answer may have been given up because of
 * the bytes behind the proposal. */
static const GError *
multistream_get_error (Lp2pLayer *layer)
{
  MultistreamLayer *self = (MultistreamLayer *) layer;
  const GError *below = lp2p_layer_get_error (self->lower);

  if (self->error == NULL && self->negotiation != NULL &&
      g_error_matches (below, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED))
    self->error = g_error_new (LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_MULTISTREAM,
                               _("The connection was closed before the peer agreed to %s: %s"),
                               lp2p_multistream_get_proposed (self->negotiation), below->message);
  return self->error != NULL ? self->error : below;
}

static void
multistream_get_info (Lp2pLayer *layer, Lp2pLayerInfo *info)
{
  lp2p_layer_get_info (((MultistreamLayer *) layer)->lower, info);
}

static const Lp2pLayerClass multistream_class = {
  .name = "multistream",
  .readv = multistream_readv,
  .peek = multistream_peek,
  .consume = multistream_consume,
  .park = multistream_park,
  .writev = multistream_writev,
  .flush = multistream_flush,
  .write_room = multistream_write_room,
  .want = multistream_want,
  .shutdown_write = multistream_shutdown_write,
  .abort = multistream_abort,
  .free = multistream_free,
  .get_error = multistream_get_error,
  .get_info = multistream_get_info,
};

/**
 * lp2p_multistream_layer_new: (skip)
 * @lower: (transfer full): the layer below
 * @protocol: the one protocol to propose
 *
 * Proposes a protocol without waiting for the answer: the proposal leaves with
 * the first bytes, or alone where none are written soon, and the answer is taken off those that come back, which saves
 * a round trip. A refusal fails the layer with `LP2P_CODEC_ERROR_REFUSED`,
 * anything else that comes in place of the answer with
 * `LP2P_CODEC_ERROR_MULTISTREAM`.
 *
 * Returns: (transfer full): the layer
 */
Lp2pLayer *
lp2p_multistream_layer_new (Lp2pLayer *lower, const char *protocol)
{
  const char *const protocols[] = { protocol, NULL };
  MultistreamLayer *self = g_new0 (MultistreamLayer, 1);

  lp2p_layer_init (&self->parent, &multistream_class, lower->loop);
  self->lower = lower;
  self->status = g_rc_box_new0 (Lp2pMultistreamStatus);
  self->negotiation = lp2p_multistream_new_dialer (protocols);
  self->head = g_byte_array_new ();
  lp2p_multistream_take_output (self->negotiation, self->head);
  lp2p_layer_set_events (lower, &lower_events, self);
  self->turns_to_send = TURNS_TO_SEND;
  lp2p_job_init (&self->job, lower->loop, LP2P_JOB_RUN, run_send);
  lp2p_job_queue (&self->job);
  return &self->parent;
}

/**
 * lp2p_multistream_layer_ref_status: (skip)
 * @layer: what lp2p_multistream_layer_new() returned
 *
 * Returns: (transfer full): what the peer answered, which stays up to date until the
 *   layer goes: %LP2P_MULTISTREAM_FAILED only for an answer that is no agreement, not
 *   where none came; to be released with g_rc_box_release()
 */
const Lp2pMultistreamStatus *
lp2p_multistream_layer_ref_status (Lp2pLayer *layer)
{
  return g_rc_box_acquire (((MultistreamLayer *) layer)->status);
}

/* Negotiation as a step of its own. */

typedef struct
{
  GTask *task;
  Lp2pLayer *layer;
  Lp2pMultistream *negotiation;
  GByteArray *output;
  GSource *cancel;
  Lp2pJob job;
} Step;

static void
step_free (Step *step)
{
  g_clear_pointer (&step->cancel, lp2p_cancel_drop);
  lp2p_job_clear (&step->job);
  lp2p_layer_set_events (step->layer, NULL, NULL);
  lp2p_multistream_free (step->negotiation);
  g_byte_array_unref (step->output);
  g_object_unref (step->task);
  g_free (step);
}

static void
step_return (Step *step, GError *error)
{
  g_autoptr (GTask) task = g_object_ref (step->task);
  char *protocol = g_strdup (lp2p_multistream_get_protocol (step->negotiation));

  lp2p_layer_park (step->layer);
  step_free (step);
  if (error == NULL)
    {
      g_task_return_pointer (task, protocol, g_free);
      return;
    }
  g_free (protocol);
  g_task_return_error (task, error);
}

static GError *
layer_error (Lp2pLayer *layer)
{
  const GError *error = lp2p_layer_get_error (layer);

  return error != NULL ? g_error_copy (error)
                       : g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The connection is closed"));
}

/* Returns whether all has been handed down; the step may be over otherwise. */
static gboolean
step_write (Step *step)
{
  lp2p_multistream_take_output (step->negotiation, step->output);
  while (step->output->len > 0)
    {
      gssize n = lp2p_layer_write (step->layer, step->output->data, step->output->len, LP2P_WRITE_MORE);

      if (n <= 0)
        {
          if (n == LP2P_IO_AGAIN)
            lp2p_layer_want (step->layer, LP2P_READY_READ | LP2P_READY_WRITE);
          else
            step_return (step, layer_error (step->layer));
          return FALSE;
        }
      g_byte_array_remove_range (step->output, 0, n);
    }
  return TRUE;
}

static void
step_finish (Step *step)
{
  const guint8 *data;

  if (!step_write (step))
    return;
  /* What comes next is there already: its answer takes ours along. */
  if (lp2p_layer_peek (step->layer, &data) <= 0)
    lp2p_layer_flush (step->layer);
  step_return (step, NULL);
}

static void
step_run (Lp2pJob *job)
{
  Step *step = (Step *) ((guint8 *) job - G_STRUCT_OFFSET (Step, job));
  GError *error = NULL;

  while (lp2p_multistream_get_status (step->negotiation) == LP2P_MULTISTREAM_MORE)
    {
      const guint8 *data;
      gsize consumed = 0;
      gssize n;

      if (!step_write (step))
        return;
      n = lp2p_layer_peek (step->layer, &data);
      if (n == LP2P_IO_AGAIN)
        {
          lp2p_layer_flush (step->layer);
          lp2p_layer_park (step->layer);
          lp2p_layer_want (step->layer, LP2P_READY_READ);
          return;
        }
      if (n == LP2P_IO_FAILED)
        {
          step_return (step, layer_error (step->layer));
          return;
        }
      if (n == 0)
        {
          step_return (step, g_error_new_literal (LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_MULTISTREAM,
                                                  _("The peer closed the connection while agreeing on a protocol")));
          return;
        }
      lp2p_multistream_input (step->negotiation, data, n, &consumed, &error);
      lp2p_layer_consume (step->layer, consumed);
      if (error != NULL)
        {
          step_return (step, error);
          return;
        }
    }
  step_finish (step);
}

static void
step_ready (Lp2pLayer *layer, Lp2pReady ready, gpointer data)
{
  lp2p_job_queue (&((Step *) data)->job);
}

static void
step_failed (Lp2pLayer *layer, const GError *error, gpointer data)
{
  lp2p_job_queue (&((Step *) data)->job);
}

static const Lp2pLayerEvents step_events = {
  .ready = step_ready,
  .failed = step_failed,
};

static gboolean
step_cancelled (GCancellable *cancellable, gpointer data)
{
  Step *step = data;
  GError *error = NULL;

  g_cancellable_set_error_if_cancelled (cancellable, &error);
  step_return (step, error);
  return G_SOURCE_REMOVE;
}

/**
 * lp2p_layer_negotiate_async: (skip)
 * @layer: a layer, which stays the caller's
 * @negotiation: (transfer full): the codec of a dialer or a listener
 * @cancellable: (nullable): to give up
 * @callback: called when done
 * @user_data: passed on
 *
 * Agrees on a protocol over a layer. No byte behind the agreement is taken.
 */
void
lp2p_layer_negotiate_async (Lp2pLayer *layer, Lp2pMultistream *negotiation, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  Step *step = g_new0 (Step, 1);

  step->task = g_task_new (NULL, cancellable, callback, user_data);
  g_task_set_source_tag (step->task, lp2p_layer_negotiate_async);
  g_task_set_check_cancellable (step->task, FALSE);
  step->layer = layer;
  step->negotiation = negotiation;
  step->output = g_byte_array_new ();
  lp2p_job_init (&step->job, layer->loop, LP2P_JOB_PUMP, step_run);
  lp2p_layer_set_events (layer, &step_events, step);
  step->cancel = lp2p_cancel_watch (layer->loop, cancellable, step_cancelled, step);
  lp2p_job_queue (&step->job);
}

/**
 * lp2p_layer_negotiate_finish: (skip)
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Returns: (transfer full): the protocol that was agreed on
 */
char *
lp2p_layer_negotiate_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
