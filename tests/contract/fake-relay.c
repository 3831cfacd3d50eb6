/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A transport whose connections are streams to a relay: it asks the host for a
 * stream, says on it whom it wants, and yields the stream as a layer, which the host
 * secures and multiplexes. The same object is the relay, and who is called. */

#include "fake-private.h"

#define DIAL_RANK 900
#define HOP_PROTOCOL "/fake/hop/1.0.0"
#define STOP_PROTOCOL "/fake/stop/1.0.0"
/* A peer id in text, with zeros behind it. */
#define NAME_SIZE 64

#define FAKE_TYPE_RELAY_LISTENER (fake_relay_listener_get_type ())
G_DECLARE_FINAL_TYPE (FakeRelayListener, fake_relay_listener, FAKE, RELAY_LISTENER, Lp2pListener)

struct _FakeRelay
{
  Lp2pExtension parent_instance;

  char *group;
  GCancellable *cancellable;
};

struct _FakeRelayListener
{
  Lp2pListener parent_instance;

  Lp2pMultiaddr *address;
};

static void transport_init (Lp2pTransportInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (FakeRelay, fake_relay, LP2P_TYPE_EXTENSION,
                               G_IMPLEMENT_INTERFACE (LP2P_TYPE_TRANSPORT, transport_init))
G_DEFINE_FINAL_TYPE (FakeRelayListener, fake_relay_listener, LP2P_TYPE_LISTENER)

static const Lp2pOption options[] = {
  { "inverted", "b", "true", 0, 0, "Whether who is called begins the security handshake" },
};

static Lp2pContext *
get_context (FakeRelay *self)
{
  return lp2p_extension_get_context (LP2P_EXTENSION (self));
}

/* A name on its way, and whose stream it is. */
typedef struct
{
  FakeRelay *relay;
  Lp2pStream *stream;
  guint8 name[NAME_SIZE];
} Call;

static Call *
call_new (FakeRelay *relay, Lp2pStream *stream)
{
  Call *self = g_new0 (Call, 1);

  self->relay = g_object_ref (relay);
  self->stream = g_object_ref (stream);
  return self;
}

static void
call_free (gpointer pointer)
{
  Call *self = pointer;

  g_object_unref (self->relay);
  g_object_unref (self->stream);
  g_free (self);
}

/* Connections */

static Lp2pRawConnection *
raw_new (FakeRelay *self, Lp2pStream *stream, Lp2pRole role, Lp2pMultiaddr *remote, GError **error)
{
  Lp2pContext *context = get_context (self);
  gboolean inverted = lp2p_config_get_boolean (lp2p_context_get_config (context), self->group, "inverted");
  Lp2pLayer *layer = lp2p_io_stream_layer_new (lp2p_context_get_loop (context), G_IO_STREAM (stream), error);
  Lp2pRawConnection *raw;

  if (layer == NULL)
    return NULL;
  raw = lp2p_raw_connection_new_layer (layer, lp2p_extension_get_name (LP2P_EXTENSION (self)), role);
  raw->remote_address = lp2p_multiaddr_ref (remote);
  raw->limited = TRUE;
  /* As in WebRTC, where the side that was called begins. */
  if (inverted)
    {
      raw->security_role = role == LP2P_ROLE_INITIATOR ? LP2P_ROLE_RESPONDER : LP2P_ROLE_INITIATOR;
      raw->muxer_role = raw->security_role;
    }
  return raw;
}

static void
on_called (Lp2pStream *stream, gpointer user_data)
{
  FakeRelay *self = user_data;
  Lp2pContext *context = get_context (self);
  Lp2pConnection *connection = lp2p_stream_get_connection (stream);
  g_autoptr (Lp2pMultiaddr) relay = lp2p_multiaddr_with_peer_id (lp2p_connection_get_remote_address (connection),
                                                                 lp2p_connection_get_remote_peer (connection));
  g_autoptr (Lp2pMultiaddr) hop = lp2p_multiaddr_new_from_string ("/p2p-circuit", NULL);
  g_autoptr (Lp2pMultiaddr) remote = lp2p_multiaddr_concat (relay, hop);
  Lp2pRawConnection *raw = raw_new (self, stream, LP2P_ROLE_RESPONDER, remote, NULL);

  if (raw == NULL)
    return;
  if (lp2p_context_begin_inbound (context, raw->transport, remote, NULL))
    lp2p_context_offer_inbound (context, raw);
  else
    lp2p_raw_connection_free (raw);
}

/* Dialing: the stream to the relay, then the name, then all else is the peer's. */

typedef struct
{
  Lp2pMultiaddr *address;
  Lp2pPeerId *relay;
  Lp2pPeerId *target;
} Dial;

static void
dial_free (gpointer pointer)
{
  Dial *self = pointer;

  lp2p_multiaddr_unref (self->address);
  lp2p_peer_id_unref (self->relay);
  lp2p_peer_id_unref (self->target);
  g_free (self);
}

static void
on_name_sent (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Dial *dial = g_task_get_task_data (task);
  Call *call = g_object_get_data (G_OBJECT (task), "call");
  Lp2pRawConnection *raw = NULL;
  GError *error = NULL;

  if (g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error))
    raw = raw_new (g_task_get_source_object (task), call->stream, LP2P_ROLE_INITIATOR, dial->address, &error);
  if (raw != NULL)
    g_task_return_pointer (task, raw, (GDestroyNotify) lp2p_raw_connection_free);
  else
    g_task_return_error (task, error);
}

static void
on_hop_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Dial *dial = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (Lp2pStream) stream = lp2p_context_open_stream_finish (LP2P_CONTEXT (source), result, &error);
  Call *call;

  if (stream == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  call = call_new (g_task_get_source_object (task), stream);
  g_object_set_data_full (G_OBJECT (task), "call", call, call_free);
  g_strlcpy ((char *) call->name, lp2p_peer_id_get_string (dial->target), NAME_SIZE);
  g_output_stream_write_all_async (g_io_stream_get_output_stream (G_IO_STREAM (stream)), call->name, NAME_SIZE,
                                   G_PRIORITY_DEFAULT, g_task_get_cancellable (task), on_name_sent,
                                   g_object_ref (task));
}

static void
on_relay_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  static const char *const protocols[] = { HOP_PROTOCOL, NULL };
  g_autoptr (GTask) task = user_data;
  Dial *dial = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (Lp2pConnection) connection = lp2p_context_connect_finish (LP2P_CONTEXT (source), result, &error);

  if (connection == NULL)
    g_task_return_error (task, error);
  else
    lp2p_context_open_stream_async (LP2P_CONTEXT (source), dial->relay, protocols, LP2P_STREAM_NONE,
                                    g_task_get_cancellable (task), on_hop_opened, g_object_ref (task));
}

/* Splits /.../p2p/RELAY/p2p-circuit. */
static Lp2pPeerId *
split (Lp2pMultiaddr *address, Lp2pMultiaddr **relay_address)
{
  int circuit = lp2p_multiaddr_find_last (address, LP2P_PROTOCOL_P2P_CIRCUIT);
  g_autofree char *relay = circuit > 1 ? lp2p_multiaddr_get_component_string (address, circuit - 1) : NULL;

  if (relay == NULL)
    return NULL;
  if (relay_address != NULL)
    *relay_address = lp2p_multiaddr_slice (address, 0, circuit - 1);
  return lp2p_peer_id_new_from_string (relay, NULL);
}

static void
connect_to_relay (FakeRelay *self,
                  Lp2pPeerId *relay,
                  Lp2pMultiaddr *address,
                  GCancellable *cancellable,
                  GAsyncReadyCallback callback,
                  gpointer user_data)
{
  g_autoptr (GPtrArray) addresses = g_ptr_array_new ();
  Lp2pDialOptions dial_options = LP2P_DIAL_OPTIONS_INIT;

  g_ptr_array_add (addresses, address);
  lp2p_context_connect_async (get_context (self), relay, addresses, &dial_options, cancellable, callback, user_data);
}

static void
transport_dial_async (Lp2pTransport *transport,
                      Lp2pMultiaddr *address,
                      const Lp2pDialOptions *dial_options,
                      GCancellable *cancellable,
                      GAsyncReadyCallback callback,
                      gpointer user_data)
{
  FakeRelay *self = FAKE_RELAY (transport);
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  g_autoptr (Lp2pMultiaddr) relay_address = NULL;
  g_autoptr (Lp2pPeerId) relay = split (address, &relay_address);
  Dial *dial;

  if (relay == NULL || dial_options->expected_peer == NULL)
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "Whom to call over %s?",
                               lp2p_multiaddr_get_string (address));
      return;
    }
  dial = g_new0 (Dial, 1);
  dial->address = lp2p_multiaddr_ref (address);
  dial->relay = lp2p_peer_id_ref (relay);
  dial->target = lp2p_peer_id_ref (dial_options->expected_peer);
  g_task_set_task_data (task, dial, dial_free);
  connect_to_relay (self, relay, relay_address, cancellable, on_relay_connected, g_steal_pointer (&task));
}

static Lp2pRawConnection *
transport_dial_finish (Lp2pTransport *transport, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* Relaying */

static void
on_spliced (GObject *source, GAsyncResult *result, gpointer user_data)
{
  call_free (user_data);
}

static void
splice (FakeRelay *self, Lp2pStream *from, Lp2pStream *to)
{
  g_output_stream_splice_async (g_io_stream_get_output_stream (G_IO_STREAM (to)),
                                g_io_stream_get_input_stream (G_IO_STREAM (from)),
                                G_OUTPUT_STREAM_SPLICE_CLOSE_SOURCE | G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET,
                                G_PRIORITY_DEFAULT, self->cancellable, on_spliced, call_new (self, from));
}

static void
on_stop_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Call *call = user_data;
  g_autoptr (Lp2pStream) stream = lp2p_context_open_stream_finish (LP2P_CONTEXT (source), result, NULL);

  if (stream == NULL)
    {
      lp2p_stream_reset (call->stream, LP2P_CODE_NONE);
    }
  else
    {
      splice (call->relay, call->stream, stream);
      splice (call->relay, stream, call->stream);
    }
  call_free (call);
}

static void
on_name_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  static const char *const protocols[] = { STOP_PROTOCOL, NULL };
  Call *call = user_data;
  g_autofree char *name = g_strndup ((const char *) call->name, NAME_SIZE);
  g_autoptr (Lp2pPeerId) target = NULL;
  gsize n = 0;

  if (g_input_stream_read_all_finish (G_INPUT_STREAM (source), result, &n, NULL) && n == NAME_SIZE)
    target = lp2p_peer_id_new_from_string (name, NULL);
  if (target != NULL)
    {
      lp2p_context_open_stream_async (get_context (call->relay), target, protocols, LP2P_STREAM_NO_DIAL,
                                      call->relay->cancellable, on_stop_opened, call);
      return;
    }
  lp2p_stream_reset (call->stream, LP2P_CODE_NONE);
  call_free (call);
}

static void
on_asked (Lp2pStream *stream, gpointer user_data)
{
  FakeRelay *self = user_data;
  Call *call = call_new (self, stream);

  g_input_stream_read_all_async (g_io_stream_get_input_stream (G_IO_STREAM (stream)), call->name, NAME_SIZE,
                                 G_PRIORITY_DEFAULT, self->cancellable, on_name_read, call);
}

/* Listening: the address is there once the relay is. */

static void
on_reserved (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (FakeRelayListener) listener = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pConnection) connection = lp2p_context_connect_finish (LP2P_CONTEXT (source), result, &error);
  g_autoptr (GPtrArray) bound = g_ptr_array_new ();

  if (connection == NULL)
    {
      lp2p_listener_fail (LP2P_LISTENER (listener), error);
      return;
    }
  g_ptr_array_add (bound, listener->address);
  lp2p_listener_set_bound_addresses (LP2P_LISTENER (listener), bound);
}

static Lp2pListener *
transport_listen (Lp2pTransport *transport, Lp2pMultiaddr *address, GError **error)
{
  FakeRelay *self = FAKE_RELAY (transport);
  g_autoptr (Lp2pMultiaddr) relay_address = NULL;
  g_autoptr (Lp2pPeerId) relay = split (address, &relay_address);
  FakeRelayListener *listener;

  if (relay == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "%s names no relay",
                   lp2p_multiaddr_get_string (address));
      return NULL;
    }
  listener = g_object_new (FAKE_TYPE_RELAY_LISTENER, "transport",
                           lp2p_extension_get_name (LP2P_EXTENSION (self)), NULL);
  listener->address = lp2p_multiaddr_ref (address);
  connect_to_relay (self, relay, relay_address, self->cancellable, on_reserved, g_object_ref (listener));
  return LP2P_LISTENER (listener);
}

static void
fake_relay_listener_finalize (GObject *object)
{
  lp2p_multiaddr_unref (FAKE_RELAY_LISTENER (object)->address);
  G_OBJECT_CLASS (fake_relay_listener_parent_class)->finalize (object);
}

static void
fake_relay_listener_class_init (FakeRelayListenerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = fake_relay_listener_finalize;
}

static void
fake_relay_listener_init (FakeRelayListener *self)
{
}

/* What it is */

static Lp2pTransportFlags
transport_get_flags (Lp2pTransport *transport)
{
  return LP2P_TRANSPORT_DIALS | LP2P_TRANSPORT_LISTENS | LP2P_TRANSPORT_NEEDS_UPGRADE | LP2P_TRANSPORT_LIMITED;
}

static guint
transport_get_dial_rank (Lp2pTransport *transport, Lp2pMultiaddr *address)
{
  return DIAL_RANK;
}

/* Nothing stands behind the last relay. */
static gboolean
transport_match (Lp2pTransport *transport, Lp2pMultiaddr *address)
{
  int circuit = lp2p_multiaddr_find_last (address, LP2P_PROTOCOL_P2P_CIRCUIT);
  int n = lp2p_multiaddr_get_n_components (address);
  Lp2pProtocol last;

  if (circuit < 0 || !lp2p_multiaddr_get_component (address, n - 1, &last, NULL, NULL))
    return FALSE;
  return circuit == n - 1 || (circuit == n - 2 && last == LP2P_PROTOCOL_P2P);
}

static void
transport_init (Lp2pTransportInterface *iface)
{
  iface->get_flags = transport_get_flags;
  iface->get_dial_rank = transport_get_dial_rank;
  iface->match = transport_match;
  iface->dial_async = transport_dial_async;
  iface->dial_finish = transport_dial_finish;
  iface->listen = transport_listen;
}

static gboolean
fake_relay_start (Lp2pExtension *extension, GError **error)
{
  FakeRelay *self = FAKE_RELAY (extension);
  Lp2pContext *context = lp2p_extension_get_context (extension);

  self->group = g_strdup_printf ("plugin %s", lp2p_extension_get_name (extension));
  lp2p_context_set_stream_handler (context, HOP_PROTOCOL, LP2P_HANDLER_NONE, on_asked, self, NULL);
  lp2p_context_set_stream_handler (context, STOP_PROTOCOL, LP2P_HANDLER_NONE, on_called, self, NULL);
  return lp2p_config_register_group (lp2p_context_get_config (context), self->group, options, G_N_ELEMENTS (options),
                                     error);
}

static void
fake_relay_stop (Lp2pExtension *extension)
{
  FakeRelay *self = FAKE_RELAY (extension);
  Lp2pContext *context = lp2p_extension_get_context (extension);

  g_cancellable_cancel (self->cancellable);
  lp2p_context_remove_stream_handler (context, HOP_PROTOCOL);
  lp2p_context_remove_stream_handler (context, STOP_PROTOCOL);
}

static void
fake_relay_finalize (GObject *object)
{
  FakeRelay *self = FAKE_RELAY (object);

  g_free (self->group);
  g_object_unref (self->cancellable);
  G_OBJECT_CLASS (fake_relay_parent_class)->finalize (object);
}

static void
fake_relay_class_init (FakeRelayClass *klass)
{
  Lp2pExtensionClass *extension_class = LP2P_EXTENSION_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = fake_relay_finalize;
  extension_class->start = fake_relay_start;
  extension_class->stop = fake_relay_stop;
}

static void
fake_relay_init (FakeRelay *self)
{
  self->cancellable = g_cancellable_new ();
}
