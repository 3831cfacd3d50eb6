/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/interfaces/lp2p-ports.h>

static void
on_gone (gpointer data, GObject *listener)
{
  Lp2pPorts *self = data;

  self->listeners = g_slist_remove (self->listeners, listener);
}

/**
 * lp2p_ports_add: (skip)
 * @self: listeners
 * @listener: one more
 *
 * Keeps a listener in mind as long as it lives.
 */
void
lp2p_ports_add (Lp2pPorts *self, Lp2pListener *listener)
{
  g_object_weak_ref (G_OBJECT (listener), on_gone, self);
  self->listeners = g_slist_prepend (self->listeners, listener);
}

/**
 * lp2p_ports_find: (skip)
 * @self: listeners
 * @socket_id: a socket
 *
 * Looks for one that takes connections on a socket.
 *
 * Returns: (transfer none) (nullable): the listener
 */
Lp2pListener *
lp2p_ports_find (Lp2pPorts *self, const char *socket_id)
{
  for (GSList *link = self->listeners; link != NULL; link = link->next)
    if (!lp2p_listener_is_closed (link->data) &&
        g_strcmp0 (lp2p_listener_get_socket_id (link->data), socket_id) == 0)
      return link->data;
  return NULL;
}

/**
 * lp2p_ports_close: (skip)
 * @self: listeners
 *
 * Closes all of them, as a transport does that stops.
 */
void
lp2p_ports_close (Lp2pPorts *self)
{
  /* A copy: who hears of it may drop the last reference of another. */
  g_autoslist (Lp2pListener) listeners = NULL;

  for (GSList *link = self->listeners; link != NULL; link = link->next)
    listeners = g_slist_prepend (listeners, g_object_ref (link->data));
  for (GSList *link = listeners; link != NULL; link = link->next)
    lp2p_listener_close (link->data);
}

/**
 * lp2p_ports_clear: (skip)
 * @self: listeners
 *
 * Forgets all of them.
 */
void
lp2p_ports_clear (Lp2pPorts *self)
{
  for (GSList *link = self->listeners; link != NULL; link = link->next)
    g_object_weak_unref (link->data, on_gone, self);
  g_clear_pointer (&self->listeners, g_slist_free);
}
