/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-memory-private.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

/* As many calls wait as a socket's queue has by default. */
#define BACKLOG 128

/* Numbers that nobody asked for by name lie where nobody does so by hand. */
#define FIRST_PICKED (G_GUINT64_CONSTANT (1) << 32)

/* Who listens, of all hosts of the process. Hosts of several threads may listen
 * at once, which is why there is a lock; they do not touch each other's
 * listeners beyond finding out whose they are. */
static GMutex lock;
static GHashTable *listeners;
static guint64 last_picked = FIRST_PICKED;

struct _Lp2pMemoryListener
{
  Lp2pListener parent_instance;

  Lp2pMemoryTransport *transport;
  Lp2pLoop *loop;
  Lp2pMultiaddr *address;
  guint64 number;
  GQueue backlog;
  Lp2pJob job;
};

G_DEFINE_FINAL_TYPE (Lp2pMemoryListener, lp2p_memory_listener, LP2P_TYPE_LISTENER)

Lp2pMultiaddr *
lp2p_memory_address_new (guint64 number)
{
  g_autofree char *text = g_strdup_printf ("/memory/%" G_GUINT64_FORMAT, number);

  return lp2p_multiaddr_new_from_string (text, NULL);
}

guint64
lp2p_memory_address_get_number (Lp2pMultiaddr *address)
{
  g_autofree char *text = lp2p_multiaddr_get_component_string (address, 0);

  return text != NULL ? g_ascii_strtoull (text, NULL, 10) : 0;
}

guint64
lp2p_memory_pick_number (void)
{
  guint64 number;

  g_mutex_lock (&lock);
  do
    number = ++last_picked;
  while (listeners != NULL && g_hash_table_contains (listeners, &number));
  g_mutex_unlock (&lock);
  return number;
}

static gboolean
enter (Lp2pMemoryListener *self)
{
  gboolean free;

  g_mutex_lock (&lock);
  if (listeners == NULL)
    listeners = g_hash_table_new (g_int64_hash, g_int64_equal);
  free = !g_hash_table_contains (listeners, &self->number);
  if (free)
    g_hash_table_insert (listeners, &self->number, self);
  g_mutex_unlock (&lock);
  return free;
}

static void
leave (Lp2pMemoryListener *self)
{
  g_mutex_lock (&lock);
  if (listeners != NULL && g_hash_table_lookup (listeners, &self->number) == self)
    g_hash_table_remove (listeners, &self->number);
  g_mutex_unlock (&lock);
}

Lp2pMemoryListener *
lp2p_memory_listener_find (guint64 number, GError **error)
{
  Lp2pMemoryListener *self;
  gboolean ours;

  g_mutex_lock (&lock);
  self = listeners != NULL ? g_hash_table_lookup (listeners, &number) : NULL;
  ours = self != NULL && lp2p_loop_is_owner (self->loop);
  if (ours)
    g_object_ref (self);
  g_mutex_unlock (&lock);

  if (ours)
    return self;
  if (self == NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED,
                 _("Nobody in this process listens on /memory/%" PRIu64), number);
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                 _("The host that listens on /memory/%" PRIu64 " runs in another thread; "
                   "memory connections are made within one thread only"),
                 number);
  return NULL;
}

gboolean
lp2p_memory_listener_call (Lp2pMemoryListener *self, Lp2pMemoryDial *dial, GError **error)
{
  if (self->backlog.length >= BACKLOG)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED,
                   _("%u others wait for /memory/%" PRIu64 " already"), BACKLOG, self->number);
      return FALSE;
    }
  g_queue_push_tail (&self->backlog, dial);
  lp2p_job_queue (&self->job);
  return TRUE;
}

void
lp2p_memory_listener_hang_up (Lp2pMemoryListener *self, Lp2pMemoryDial *dial)
{
  g_queue_remove (&self->backlog, dial);
}

static void
offer (Lp2pMemoryListener *self, Lp2pContext *context, Lp2pLayer *layer, Lp2pMultiaddr *remote_address)
{
  const char *name = lp2p_listener_get_transport (LP2P_LISTENER (self));
  Lp2pRawConnection *raw = lp2p_raw_connection_new_layer (layer, name, LP2P_ROLE_RESPONDER);

  raw->local_address = lp2p_multiaddr_ref (self->address);
  raw->remote_address = lp2p_multiaddr_ref (remote_address);
  raw->socket_id = g_strdup (lp2p_listener_get_socket_id (LP2P_LISTENER (self)));
  lp2p_context_offer_inbound (context, raw);
}

static void
take_call (Lp2pMemoryListener *self, Lp2pMemoryDial *dial)
{
  Lp2pContext *context = lp2p_extension_get_context (LP2P_EXTENSION (self->transport));
  const char *name = lp2p_listener_get_transport (LP2P_LISTENER (self));
  g_autoptr (Lp2pMultiaddr) remote_address = lp2p_multiaddr_ref (lp2p_memory_dial_get_local_address (dial));
  Lp2pMemoryOptions options;
  Lp2pMemoryEnd near = { self->loop, &options, self->address };
  Lp2pMemoryEnd far = { lp2p_memory_dial_get_loop (dial), lp2p_memory_dial_get_options (dial), remote_address };
  Lp2pLayer *ours;
  Lp2pLayer *theirs;
  GError *error = NULL;

  if (!lp2p_context_begin_inbound (context, name, remote_address, &error))
    {
      lp2p_memory_dial_refused (dial, g_error_new (G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED,
                                                   /* Translators: an address, and why */
                                                   _("%s refused: %s"), lp2p_multiaddr_get_string (self->address),
                                                   error->message));
      g_error_free (error);
      return;
    }
  lp2p_memory_transport_get_options (self->transport, &options);
  if (!lp2p_memory_pipe_new (&near, &far, &ours, &theirs, &error))
    {
      lp2p_context_end_inbound (context, name, remote_address);
      lp2p_memory_dial_refused (dial, error);
      return;
    }
  lp2p_memory_dial_taken (dial, theirs);
  offer (self, context, ours, remote_address);
}

/* The host may close, and with it the listener, when it is offered something. */
static void
run_job (Lp2pJob *job)
{
  g_autoptr (Lp2pMemoryListener) self = g_object_ref (
      (Lp2pMemoryListener *) ((char *) job - G_STRUCT_OFFSET (Lp2pMemoryListener, job)));
  Lp2pMemoryDial *dial;

  while ((dial = g_queue_pop_head (&self->backlog)) != NULL)
    take_call (self, dial);
}

static void
lp2p_memory_listener_close (Lp2pListener *listener)
{
  Lp2pMemoryListener *self = LP2P_MEMORY_LISTENER (listener);
  Lp2pMemoryDial *dial;

  leave (self);
  if (self->transport != NULL)
    lp2p_memory_transport_remove_listener (self->transport, self);
  while ((dial = g_queue_pop_head (&self->backlog)) != NULL)
    lp2p_memory_dial_refused (dial, g_error_new (G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED,
                                                 _("The listener on /memory/%" PRIu64 " was closed"),
                                                 self->number));
  if (self->loop != NULL)
    lp2p_job_clear (&self->job);
}

static void
lp2p_memory_listener_finalize (GObject *object)
{
  Lp2pMemoryListener *self = LP2P_MEMORY_LISTENER (object);

  g_clear_pointer (&self->address, lp2p_multiaddr_unref);
  g_clear_object (&self->transport);
  g_clear_pointer (&self->loop, lp2p_loop_unref);
  G_OBJECT_CLASS (lp2p_memory_listener_parent_class)->finalize (object);
}

static void
lp2p_memory_listener_class_init (Lp2pMemoryListenerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = lp2p_memory_listener_finalize;
  LP2P_LISTENER_CLASS (klass)->close = lp2p_memory_listener_close;
}

static void
lp2p_memory_listener_init (Lp2pMemoryListener *self)
{
}

Lp2pMemoryListener *
lp2p_memory_listener_new (Lp2pMemoryTransport *transport, guint64 number, GError **error)
{
  Lp2pContext *context = lp2p_extension_get_context (LP2P_EXTENSION (transport));
  g_autoptr (Lp2pMemoryListener) self = g_object_new (
      LP2P_TYPE_MEMORY_LISTENER, "transport", lp2p_extension_get_name (LP2P_EXTENSION (transport)), NULL);
  g_autoptr (GPtrArray) addresses = g_ptr_array_new ();
  g_autofree char *socket_id = NULL;

  self->transport = g_object_ref (transport);
  self->loop = lp2p_loop_ref (lp2p_context_get_loop (context));
  self->number = number != 0 ? number : lp2p_memory_pick_number ();
  lp2p_job_init (&self->job, self->loop, LP2P_JOB_RUN, run_job);
  if (!enter (self))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE,
                   _("Somebody in this process listens on /memory/%" PRIu64 " already"), number);
      return NULL;
    }

  self->address = lp2p_memory_address_new (self->number);
  socket_id = g_strdup_printf ("memory/%" G_GUINT64_FORMAT, self->number);
  g_ptr_array_add (addresses, self->address);
  lp2p_listener_set_socket_id (LP2P_LISTENER (self), socket_id);
  lp2p_listener_set_bound_addresses (LP2P_LISTENER (self), addresses);
  lp2p_memory_transport_add_listener (transport, self);
  return g_steal_pointer (&self);
}
