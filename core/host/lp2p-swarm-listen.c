/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/lp2p-swarm-private.h"

#include "types/lp2p-i18n-private.h"

static void
on_addresses_changed (Lp2pSwarm *self)
{
  lp2p_job_queue (&self->addresses_job);
}

static gboolean
is_listener (gpointer key, gpointer value, gpointer listener)
{
  return value == listener;
}

static void
forget_listener (Lp2pSwarm *self, Lp2pListener *listener)
{
  g_hash_table_foreach_remove (self->configured, is_listener, listener);
  g_ptr_array_remove (self->listeners, listener);
  lp2p_job_queue (&self->addresses_job);
  g_signal_emit_by_name (self, "listeners-changed");
}

static void
on_listener_failed (Lp2pListener *listener, const GError *error, Lp2pSwarm *self)
{
  g_message ("Stopped listening: %s", error->message);
  forget_listener (self, listener);
}

static Lp2pTransport *
find_listening_transport (Lp2pSwarm *self, Lp2pMultiaddr *address)
{
  for (guint i = 0; i < self->transports->len; i++)
    {
      Lp2pTransport *transport = g_ptr_array_index (self->transports, i);

      if ((lp2p_transport_get_flags (transport) & LP2P_TRANSPORT_LISTENS) != 0 &&
          lp2p_transport_match (transport, address))
        return transport;
    }
  return NULL;
}

Lp2pListener *
lp2p_swarm_listen (Lp2pSwarm *self, Lp2pMultiaddr *address, GError **error)
{
  Lp2pTransport *transport = find_listening_transport (self, address);
  Lp2pListener *listener;

  if (transport == NULL)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_NO_TRANSPORT, _("No enabled transport can listen on %s"),
                   lp2p_multiaddr_get_string (address));
      return NULL;
    }
  listener = lp2p_transport_listen (transport, address, error);
  if (listener == NULL)
    {
      g_prefix_error (error, _("Cannot listen on %s: "), lp2p_multiaddr_get_string (address));
      return NULL;
    }

  g_signal_connect_object (listener, "notify::bound-addresses", G_CALLBACK (on_addresses_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (listener, "notify::suffixes", G_CALLBACK (on_addresses_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (listener, "failed", G_CALLBACK (on_listener_failed), self, 0);
  g_ptr_array_add (self->listeners, listener);
  g_debug ("Listening on %s by %s", lp2p_multiaddr_get_string (address), lp2p_listener_get_transport (listener));
  lp2p_job_queue (&self->addresses_job);
  g_signal_emit_by_name (self, "listeners-changed");
  return listener;
}

static gboolean
listen_on (Lp2pSwarm *self, const char *text, GError **error)
{
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, error);
  Lp2pListener *listener = address != NULL ? lp2p_swarm_listen (self, address, error) : NULL;

  if (listener == NULL)
    return FALSE;
  g_hash_table_insert (self->configured, g_strdup (text), g_object_ref (listener));
  return TRUE;
}

/* Whoever was told of another one that was closed may have ended it. */
static void
close_listener (Lp2pSwarm *self, Lp2pListener *listener)
{
  g_autoptr (Lp2pListener) keep = g_object_ref (listener);

  if (!g_ptr_array_find (self->listeners, listener, NULL))
    return;
  g_debug ("No longer listening by %s, socket %s", lp2p_listener_get_transport (listener),
           lp2p_listener_get_socket_id (listener));
  lp2p_listener_close (listener);
  forget_listener (self, listener);
}

static void
close_unwanted (Lp2pSwarm *self, const char *const *wanted)
{
  g_autoptr (GPtrArray) unwanted = g_ptr_array_new_with_free_func (g_object_unref);
  GHashTableIter iter;
  gpointer text, listener;

  g_hash_table_iter_init (&iter, self->configured);
  while (g_hash_table_iter_next (&iter, &text, &listener))
    if (!g_strv_contains (wanted, text))
      g_ptr_array_add (unwanted, g_object_ref (listener));
  for (guint i = 0; i < unwanted->len; i++)
    close_listener (self, g_ptr_array_index (unwanted, i));
}

gboolean
lp2p_swarm_listen_configured (Lp2pSwarm *self, GError **error)
{
  g_auto (GStrv) wanted = lp2p_config_get_strv (self->config, LP2P_CONFIG_GROUP_HOST, "listen");
  gboolean all = TRUE;

  /* First, as a new address may need the port of an old one. */
  close_unwanted (self, (const char *const *) wanted);
  for (guint i = 0; wanted[i] != NULL; i++)
    if (!g_hash_table_contains (self->configured, wanted[i]) && !listen_on (self, wanted[i], all ? error : NULL))
      all = FALSE;
  return all;
}

void
lp2p_swarm_close_transport (Lp2pSwarm *self, const char *transport)
{
  g_autoptr (GPtrArray) listeners = g_ptr_array_copy (self->listeners, (GCopyFunc) (gpointer) g_object_ref, NULL);

  g_ptr_array_set_free_func (listeners, g_object_unref);
  for (guint i = listeners->len; i > 0; i--)
    {
      Lp2pListener *listener = g_ptr_array_index (listeners, i - 1);

      if (g_strcmp0 (lp2p_listener_get_transport (listener), transport) == 0)
        close_listener (self, listener);
    }
}

void
lp2p_swarm_close_listeners (Lp2pSwarm *self)
{
  g_autoptr (GPtrArray) listeners = self->listeners;

  self->listeners = g_ptr_array_new_with_free_func (g_object_unref);
  g_hash_table_remove_all (self->configured);
  for (guint i = 0; i < listeners->len; i++)
    lp2p_listener_close (g_ptr_array_index (listeners, i));
}

static void
add_unique (GPtrArray *addresses, Lp2pMultiaddr *address)
{
  for (guint i = 0; i < addresses->len; i++)
    if (lp2p_multiaddr_equal (g_ptr_array_index (addresses, i), address))
      return;
  g_ptr_array_add (addresses, lp2p_multiaddr_ref (address));
}

/* A NAT maps the socket, whatever is spoken on it: the address that stands for it is
 * followed by what follows the bound one. */
static void
add_mapped (Lp2pSwarm *self, GPtrArray *addresses, const Lp2pMapped *mapped)
{
  for (guint i = 0; i < self->listeners->len; i++)
    {
      Lp2pListener *listener = g_ptr_array_index (self->listeners, i);
      GPtrArray *suffixes = lp2p_listener_get_suffixes (listener);

      if (g_strcmp0 (lp2p_listener_get_socket_id (listener), mapped->socket_id) != 0)
        continue;
      if (suffixes->len == 0)
        add_unique (addresses, mapped->address);
      for (guint j = 0; j < suffixes->len; j++)
        {
          g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_concat (mapped->address, g_ptr_array_index (suffixes, j));

          add_unique (addresses, address);
        }
    }
}

GPtrArray *
lp2p_swarm_dup_addresses (Lp2pSwarm *self)
{
  GPtrArray *addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);

  for (guint i = 0; i < self->listeners->len; i++)
    {
      g_autoptr (GPtrArray) bound = lp2p_listener_dup_addresses (g_ptr_array_index (self->listeners, i));

      for (guint j = 0; j < bound->len; j++)
        add_unique (addresses, g_ptr_array_index (bound, j));
    }
  for (guint i = 0; i < self->mapped->len; i++)
    add_mapped (self, addresses, g_ptr_array_index (self->mapped, i));
  return addresses;
}

/* Mapped addresses */

void
lp2p_mapped_free (Lp2pMapped *self)
{
  lp2p_multiaddr_unref (self->address);
  g_free (self->socket_id);
  g_free (self);
}

static gboolean
find_mapped (Lp2pSwarm *self, const char *socket_id, Lp2pMultiaddr *address, guint *index)
{
  for (*index = 0; *index < self->mapped->len; ++*index)
    {
      Lp2pMapped *mapped = g_ptr_array_index (self->mapped, *index);

      if (g_strcmp0 (mapped->socket_id, socket_id) == 0 && lp2p_multiaddr_equal (mapped->address, address))
        return TRUE;
    }
  return FALSE;
}

void
lp2p_swarm_set_mapped (Lp2pSwarm *self, const char *socket_id, Lp2pMultiaddr *address, gboolean present)
{
  Lp2pMapped *mapped;
  guint index;

  if (find_mapped (self, socket_id, address, &index) == present)
    return;
  if (present)
    {
      mapped = g_new0 (Lp2pMapped, 1);
      mapped->socket_id = g_strdup (socket_id);
      mapped->address = lp2p_multiaddr_ref (address);
      g_ptr_array_add (self->mapped, mapped);
    }
  else
    g_ptr_array_remove_index (self->mapped, index);
  lp2p_job_queue (&self->addresses_job);
}
