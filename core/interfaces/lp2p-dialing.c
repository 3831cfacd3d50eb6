/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/interfaces/lp2p-dialing.h>

#include "types/lp2p-i18n-private.h"

/**
 * lp2p_dialings_check: (skip)
 * @self: the dials of a transport
 * @address: what is to be dialed
 * @error: where to put the error
 *
 * Tells whether the transport has not stopped.
 *
 * Returns: whether to dial, %FALSE with %G_IO_ERROR_CLOSED
 */
gboolean
lp2p_dialings_check (Lp2pDialings *self, Lp2pMultiaddr *address, GError **error)
{
  if (!self->stopped)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED, _("Cannot connect to %s: the host is closed"),
               lp2p_multiaddr_get_string (address));
  return FALSE;
}

/**
 * lp2p_dialings_stop: (skip)
 * @self: the dials of a transport
 *
 * Cancels all of them, which then end with %G_IO_ERROR_CLOSED.
 */
void
lp2p_dialings_stop (Lp2pDialings *self)
{
  self->stopped = TRUE;
  for (GList *link = self->running.head; link != NULL; link = link->next)
    g_cancellable_cancel (((Lp2pDialing *) link->data)->cancellable);
}

static void
cancel_inner (GCancellable *cancellable, gpointer inner)
{
  g_cancellable_cancel (inner);
}

/**
 * lp2p_dialing_begin: (skip)
 * @self: a dial, of zeros
 * @dialings: (not nullable): the dials of the transport
 * @task: what yields the connection
 * @address: what is dialed
 *
 * Makes a dial one of those under way.
 */
void
lp2p_dialing_begin (Lp2pDialing *self, Lp2pDialings *dialings, GTask *task, Lp2pMultiaddr *address)
{
  GCancellable *cancellable = g_task_get_cancellable (task);

  self->dialings = dialings;
  self->task = g_object_ref (task);
  self->cancellable = g_cancellable_new ();
  self->address = lp2p_multiaddr_ref (address);
  self->link.data = self;
  g_queue_push_tail_link (&dialings->running, &self->link);
  if (cancellable != NULL)
    self->cancelled = g_cancellable_connect (cancellable, G_CALLBACK (cancel_inner),
                                             g_object_ref (self->cancellable), g_object_unref);
}

/**
 * lp2p_dialing_end: (skip)
 * @self: a dial
 * @raw: (nullable) (transfer full): the connection
 * @error: (nullable) (transfer full): why there is none
 *
 * Ends a dial, and its task, whose callback runs the application's code: nothing of the
 * dial may be needed behind it. Of a transport that has stopped, an error is
 * %G_IO_ERROR_CLOSED.
 */
void
lp2p_dialing_end (Lp2pDialing *self, Lp2pRawConnection *raw, GError *error)
{
  g_autoptr (GTask) task = g_steal_pointer (&self->task);
  g_autoptr (Lp2pMultiaddr) address = g_steal_pointer (&self->address);
  GError *closed = NULL;

  g_queue_unlink (&self->dialings->running, &self->link);
  g_cancellable_disconnect (g_task_get_cancellable (task), self->cancelled);
  g_clear_object (&self->cancellable);

  if (raw != NULL)
    {
      g_task_return_pointer (task, raw, (GDestroyNotify) lp2p_raw_connection_free);
      return;
    }
  if (!lp2p_dialings_check (self->dialings, address, &closed))
    {
      g_error_free (error);
      error = closed;
    }
  /* What it was waiting for may be in it; the task would have a text of its own. */
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_task_set_check_cancellable (task, FALSE);
  g_task_return_error (task, error);
}
