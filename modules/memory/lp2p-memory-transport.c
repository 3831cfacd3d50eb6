/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-memory-private.h"

#include <glib/gi18n-lib.h>

/* The first of the byte streams: nothing is nearer. */
#define DIAL_RANK 100

struct _Lp2pMemoryTransport
{
  Lp2pExtension parent_instance;

  char *group;
  GPtrArray *listeners;
  GPtrArray *dials;
  gboolean stopped;
};

static void transport_init (Lp2pTransportInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (Lp2pMemoryTransport, lp2p_memory_transport, LP2P_TYPE_EXTENSION,
                               G_IMPLEMENT_INTERFACE (LP2P_TYPE_TRANSPORT, transport_init))

/* The faults are for tests: each host applies them to what it sends or reads. */
static const Lp2pOption options[] = {
  { "buffer-size", "u", "262144", 1, G_MAXINT32,
    N_("Bytes that wait on either side of a connection in one direction") },
  { "delay-ms", "u", "0", 0, 60 * 1000, N_("Milliseconds until what is sent arrives") },
  { "loss", "u", "0", 0, 99, N_("Percentage of what is sent that arrives late, as if it had been lost once") },
  { "short-reads", "u", "0", 0, G_MAXINT32, N_("The most bytes that one read yields, 0 for no limit") },
  { "short-writes", "u", "0", 0, G_MAXINT32, N_("The most bytes that one write takes, 0 for no limit") },
  { "seed", "u", "0", 0, 0, N_("What the losses are drawn from") },
};

void
lp2p_memory_transport_get_options (Lp2pMemoryTransport *self, Lp2pMemoryOptions *result)
{
  Lp2pConfig *config = lp2p_context_get_config (lp2p_extension_get_context (LP2P_EXTENSION (self)));

  *result = (Lp2pMemoryOptions){
    .buffer_size = lp2p_config_get_uint (config, self->group, "buffer-size"),
    .delay = lp2p_config_get_uint (config, self->group, "delay-ms") * G_GINT64_CONSTANT (1000),
    .loss = lp2p_config_get_uint (config, self->group, "loss") * 10,
    .short_reads = lp2p_config_get_uint (config, self->group, "short-reads"),
    .short_writes = lp2p_config_get_uint (config, self->group, "short-writes"),
    .seed = lp2p_config_get_uint (config, self->group, "seed"),
  };
}

void
lp2p_memory_transport_add_listener (Lp2pMemoryTransport *self, Lp2pMemoryListener *listener)
{
  g_ptr_array_add (self->listeners, listener);
}

void
lp2p_memory_transport_remove_listener (Lp2pMemoryTransport *self, Lp2pMemoryListener *listener)
{
  g_ptr_array_remove_fast (self->listeners, listener);
}

void
lp2p_memory_transport_add_dial (Lp2pMemoryTransport *self, Lp2pMemoryDial *dial)
{
  g_ptr_array_add (self->dials, dial);
}

void
lp2p_memory_transport_remove_dial (Lp2pMemoryTransport *self, Lp2pMemoryDial *dial)
{
  g_ptr_array_remove_fast (self->dials, dial);
}

static Lp2pTransportFlags
memory_get_flags (Lp2pTransport *transport)
{
  return LP2P_TRANSPORT_DIALS | LP2P_TRANSPORT_LISTENS | LP2P_TRANSPORT_NEEDS_UPGRADE | LP2P_TRANSPORT_LOCAL;
}

static guint
memory_get_dial_rank (Lp2pTransport *transport, Lp2pMultiaddr *address)
{
  return DIAL_RANK;
}

static gboolean
memory_match (Lp2pTransport *transport, Lp2pMultiaddr *address)
{
  guint n = lp2p_multiaddr_get_n_components (address);
  Lp2pProtocol first;
  Lp2pProtocol second;

  if (n == 0 || n > 2 || !lp2p_multiaddr_get_component (address, 0, &first, NULL, NULL) ||
      first != LP2P_PROTOCOL_MEMORY)
    return FALSE;
  return n == 1 || (lp2p_multiaddr_get_component (address, 1, &second, NULL, NULL) && second == LP2P_PROTOCOL_P2P);
}

static gboolean
check_address (Lp2pMemoryTransport *self, Lp2pMultiaddr *address, GError **error)
{
  if (self->stopped)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, _("The host is closed"));
      return FALSE;
    }
  if (!memory_match (LP2P_TRANSPORT (self), address))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, _("%s is not an address of the form /memory/NUMBER"),
                   lp2p_multiaddr_get_string (address));
      return FALSE;
    }
  return TRUE;
}

static void
memory_dial_async (Lp2pTransport *transport,
                   Lp2pMultiaddr *address,
                   const Lp2pDialOptions *dial_options,
                   GCancellable *cancellable,
                   GAsyncReadyCallback callback,
                   gpointer user_data)
{
  Lp2pMemoryTransport *self = LP2P_MEMORY_TRANSPORT (transport);
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  GError *error = NULL;

  g_task_set_source_tag (task, memory_dial_async);
  /* The dial looks after cancellation itself: a connection is not lost to it. */
  g_task_set_check_cancellable (task, FALSE);
  if (g_task_return_error_if_cancelled (task))
    return;
  if (!check_address (self, address, &error))
    g_task_return_error (task, error);
  else if (lp2p_memory_address_get_number (address) == 0)
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                             _("/memory/0 can be listened on, not dialed"));
  else
    lp2p_memory_dial_start (self, address, task);
}

static Lp2pRawConnection *
memory_dial_finish (Lp2pTransport *transport, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, transport), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

static Lp2pListener *
memory_listen (Lp2pTransport *transport, Lp2pMultiaddr *address, GError **error)
{
  Lp2pMemoryTransport *self = LP2P_MEMORY_TRANSPORT (transport);
  Lp2pMemoryListener *listener;

  if (!check_address (self, address, error))
    return NULL;
  listener = lp2p_memory_listener_new (self, lp2p_memory_address_get_number (address), error);
  return listener != NULL ? LP2P_LISTENER (listener) : NULL;
}

static void
transport_init (Lp2pTransportInterface *iface)
{
  iface->get_flags = memory_get_flags;
  iface->get_dial_rank = memory_get_dial_rank;
  iface->match = memory_match;
  iface->dial_async = memory_dial_async;
  iface->dial_finish = memory_dial_finish;
  iface->listen = memory_listen;
}

static gboolean
lp2p_memory_transport_start (Lp2pExtension *extension, GError **error)
{
  Lp2pMemoryTransport *self = LP2P_MEMORY_TRANSPORT (extension);
  Lp2pConfig *config = lp2p_context_get_config (lp2p_extension_get_context (extension));

  g_free (self->group);
  self->group = g_strdup_printf ("plugin %s", lp2p_extension_get_name (extension));
  return lp2p_config_register_group (config, self->group, options, G_N_ELEMENTS (options), error);
}

static void
lp2p_memory_transport_stop (Lp2pExtension *extension)
{
  Lp2pMemoryTransport *self = LP2P_MEMORY_TRANSPORT (extension);

  self->stopped = TRUE;
  while (self->listeners->len > 0)
    {
      g_autoptr (Lp2pListener) listener = g_object_ref (g_ptr_array_index (self->listeners, 0));

      lp2p_listener_close (listener);
    }
  while (self->dials->len > 0)
    lp2p_memory_dial_fail (g_ptr_array_index (self->dials, 0),
                           g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The host is closed")));
}

static void
lp2p_memory_transport_finalize (GObject *object)
{
  Lp2pMemoryTransport *self = LP2P_MEMORY_TRANSPORT (object);

  g_clear_pointer (&self->group, g_free);
  g_clear_pointer (&self->listeners, g_ptr_array_unref);
  g_clear_pointer (&self->dials, g_ptr_array_unref);
  G_OBJECT_CLASS (lp2p_memory_transport_parent_class)->finalize (object);
}

static void
lp2p_memory_transport_class_init (Lp2pMemoryTransportClass *klass)
{
  Lp2pExtensionClass *extension_class = LP2P_EXTENSION_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = lp2p_memory_transport_finalize;
  extension_class->start = lp2p_memory_transport_start;
  extension_class->stop = lp2p_memory_transport_stop;
}

static void
lp2p_memory_transport_init (Lp2pMemoryTransport *self)
{
  self->listeners = g_ptr_array_new ();
  self->dials = g_ptr_array_new ();
}

LP2P_PLUGIN_DEFINE ({ "memory", lp2p_memory_transport_get_type })
