/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-memory-private.h"

/*
 * A dial takes as long as on a network: the call travels, waits until the
 * listener takes it, and the answer travels back.
 */
struct _Lp2pMemoryDial
{
  Lp2pMemoryTransport *transport;
  Lp2pMemoryListener *listener; /* while the call waits there */
  Lp2pLoop *loop;
  Lp2pMemoryOptions options;
  Lp2pMultiaddr *local_address;
  Lp2pMultiaddr *remote_address;
  guint64 number;
  GTask *task;
  GSource *cancel;

  Lp2pJob job;
  Lp2pTimer timer;
  gboolean answered;
  Lp2pLayer *layer;
  GError *error;
};

#define DIAL_OF(member, pointer) \
  ((Lp2pMemoryDial *) ((char *) (pointer) - G_STRUCT_OFFSET (Lp2pMemoryDial, member)))

static void
dial_free (Lp2pMemoryDial *self)
{
  if (self->listener != NULL)
    lp2p_memory_listener_hang_up (self->listener, self);
  g_clear_object (&self->listener);
  lp2p_memory_transport_remove_dial (self->transport, self);

  lp2p_job_clear (&self->job);
  lp2p_timer_clear (&self->timer);
  if (self->cancel != NULL)
    g_source_destroy (self->cancel);
  g_clear_pointer (&self->cancel, g_source_unref);
  g_clear_pointer (&self->layer, lp2p_layer_free);
  g_clear_error (&self->error);
  g_clear_pointer (&self->local_address, lp2p_multiaddr_unref);
  g_clear_pointer (&self->remote_address, lp2p_multiaddr_unref);
  g_clear_object (&self->task);
  g_clear_object (&self->transport);
  g_clear_pointer (&self->loop, lp2p_loop_unref);
  g_free (self);
}

void
lp2p_memory_dial_fail (Lp2pMemoryDial *self, GError *error)
{
  g_autoptr (GTask) task = g_steal_pointer (&self->task);

  dial_free (self);
  g_task_return_error (task, error);
}

static void
succeed (Lp2pMemoryDial *self)
{
  g_autoptr (GTask) task = g_steal_pointer (&self->task);
  const char *name = lp2p_extension_get_name (LP2P_EXTENSION (self->transport));
  Lp2pRawConnection *raw =
      lp2p_raw_connection_new_layer (g_steal_pointer (&self->layer), name, LP2P_ROLE_INITIATOR);

  raw->local_address = g_steal_pointer (&self->local_address);
  raw->remote_address = g_steal_pointer (&self->remote_address);
  dial_free (self);
  g_task_return_pointer (task, raw, (GDestroyNotify) lp2p_raw_connection_free);
}

static void
call (Lp2pMemoryDial *self)
{
  GError *error = NULL;

  self->listener = lp2p_memory_listener_find (self->number, &error);
  if (self->listener == NULL || !lp2p_memory_listener_call (self->listener, self, &error))
    {
      g_clear_object (&self->listener);
      lp2p_memory_dial_refused (self, error);
    }
}

static void
arrive (Lp2pMemoryDial *self)
{
  if (!self->answered)
    call (self);
  else if (self->error != NULL)
    lp2p_memory_dial_fail (self, g_steal_pointer (&self->error));
  else
    succeed (self);
}

static void
run_job (Lp2pJob *job)
{
  arrive (DIAL_OF (job, job));
}

static void
run_timer (Lp2pTimer *timer)
{
  lp2p_job_queue (&DIAL_OF (timer, timer)->job);
}

static void
travel (Lp2pMemoryDial *self)
{
  if (self->options.delay > 0)
    lp2p_timer_set (&self->timer, lp2p_loop_now (self->loop) + self->options.delay);
  else
    lp2p_job_queue (&self->job);
}

void
lp2p_memory_dial_taken (Lp2pMemoryDial *self, Lp2pLayer *layer)
{
  g_clear_object (&self->listener);
  self->answered = TRUE;
  self->layer = layer;
  travel (self);
}

void
lp2p_memory_dial_refused (Lp2pMemoryDial *self, GError *error)
{
  g_clear_object (&self->listener);
  self->answered = TRUE;
  self->error = error;
  travel (self);
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  GError *error = NULL;

  g_cancellable_set_error_if_cancelled (cancellable, &error);
  lp2p_memory_dial_fail (user_data, error);
  return G_SOURCE_REMOVE;
}

Lp2pLoop *
lp2p_memory_dial_get_loop (Lp2pMemoryDial *self)
{
  return self->loop;
}

const Lp2pMemoryOptions *
lp2p_memory_dial_get_options (Lp2pMemoryDial *self)
{
  return &self->options;
}

Lp2pMultiaddr *
lp2p_memory_dial_get_local_address (Lp2pMemoryDial *self)
{
  return self->local_address;
}

void
lp2p_memory_dial_start (Lp2pMemoryTransport *transport, Lp2pMultiaddr *address, GTask *task)
{
  Lp2pContext *context = lp2p_extension_get_context (LP2P_EXTENSION (transport));
  GCancellable *cancellable = g_task_get_cancellable (task);
  Lp2pMemoryDial *self = g_new0 (Lp2pMemoryDial, 1);

  self->transport = g_object_ref (transport);
  self->loop = lp2p_loop_ref (lp2p_context_get_loop (context));
  self->number = lp2p_memory_address_get_number (address);
  self->local_address = lp2p_memory_address_new (lp2p_memory_pick_number ());
  self->remote_address = lp2p_memory_address_new (self->number);
  self->task = g_object_ref (task);
  lp2p_memory_transport_get_options (transport, &self->options);
  lp2p_job_init (&self->job, self->loop, LP2P_JOB_RUN, run_job);
  lp2p_timer_init (&self->timer, self->loop, run_timer);
  lp2p_memory_transport_add_dial (transport, self);

  if (cancellable != NULL)
    {
      self->cancel = g_cancellable_source_new (cancellable);
      g_source_set_callback (self->cancel, G_SOURCE_FUNC (on_cancelled), self, NULL);
      g_source_attach (self->cancel, lp2p_loop_get_context (self->loop));
    }
  travel (self);
}
