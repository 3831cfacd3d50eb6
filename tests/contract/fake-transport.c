/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A transport with security and streams of its own, as QUIC has: early data,
 * certificate hashes that rotate, hole punching. */

#include "fake-private.h"

#define DIAL_RANK 10
#define SECURITY "fake-tls"
#define TICKET_LIFETIME_S 3600

#define FAKE_TYPE_LISTENER (fake_listener_get_type ())
G_DECLARE_FINAL_TYPE (FakeListener, fake_listener, FAKE, LISTENER, Lp2pListener)

struct _FakeTransport
{
  Lp2pExtension parent_instance;

  Lp2pLoop *loop;
  char *group;
  GPtrArray *listeners;
  GPtrArray *handshakes;
  GPtrArray *punches;
};

struct _FakeListener
{
  Lp2pListener parent_instance;

  FakeTransport *transport;
  char *port;
  Lp2pMultiaddr *address;
  guint generation;
  Lp2pTimer late;
  Lp2pTimer rotation;
};

static void transport_init (Lp2pTransportInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (FakeTransport, fake_transport, LP2P_TYPE_EXTENSION,
                               G_IMPLEMENT_INTERFACE (LP2P_TYPE_TRANSPORT, transport_init))
G_DEFINE_FINAL_TYPE (FakeListener, fake_listener, LP2P_TYPE_LISTENER)

static const Lp2pOption options[] = {
  { "early-data", "b", "true", 0, 0, "Whether a listener takes early data" },
  { "handshake-ms", "u", "50", 0, 60000, "How long a handshake takes" },
  { "late-ms", "u", "0", 0, 60000, "When a listener knows its addresses" },
  { "rotate-ms", "u", "0", 0, 60000, "How long a certificate is used, 0 for ever" },
  { "nat", "b", "false", 0, 0, "Whether only those come in to whom a hole was punched" },
};

/* Who listens where, in the whole process. */
static GHashTable *ports;
static guint last_port = 50000;

static Lp2pContext *
get_context (FakeTransport *self)
{
  return lp2p_extension_get_context (LP2P_EXTENSION (self));
}

static gboolean
get_flag (FakeTransport *self, const char *key)
{
  return lp2p_config_get_boolean (lp2p_context_get_config (get_context (self)), self->group, key);
}

static gint64
get_time (FakeTransport *self, const char *key)
{
  guint ms = lp2p_config_get_uint (lp2p_context_get_config (get_context (self)), self->group, key);

  return ms * G_GINT64_CONSTANT (1000);
}

static Lp2pPeerId *
get_own_id (FakeTransport *self)
{
  return lp2p_identity_get_peer_id (lp2p_context_get_identity (get_context (self)));
}

static Lp2pMultiaddr *
parse (const char *format, const char *argument)
{
  g_autofree char *text = g_strdup_printf (format, argument);

  return lp2p_multiaddr_new_from_string (text, NULL);
}

/* Certificate hashes: that of the present one and that of the next. */

static char *
certificate_hash (guint generation)
{
  g_autofree char *name = g_strdup_printf ("certificate %u", generation);
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autoptr (GBytes) hash = NULL;
  guint8 digest[32];
  gsize size = sizeof digest;

  g_checksum_update (checksum, (const guchar *) name, -1);
  g_checksum_get_digest (checksum, digest, &size);
  hash = lp2p_multihash_encode (0x12, digest, size);
  return lp2p_multibase_encode ('u', g_bytes_get_data (hash, NULL), g_bytes_get_size (hash));
}

static void
set_suffixes (FakeListener *self)
{
  g_autoptr (GPtrArray) suffixes = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
  g_autofree char *present = certificate_hash (self->generation);
  g_autofree char *next = certificate_hash (self->generation + 1);
  g_autofree char *both = g_strdup_printf ("%s/certhash/%s", present, next);

  g_ptr_array_add (suffixes, parse ("/%s", "quic-v1"));
  g_ptr_array_add (suffixes, parse ("/quic-v1/webtransport/certhash/%s", both));
  lp2p_listener_set_suffixes (LP2P_LISTENER (self), suffixes);
}

static gboolean
has_certificate (FakeListener *self, const char *hash)
{
  for (guint i = self->generation > 0 ? self->generation - 1 : 0; i <= self->generation + 1; i++)
    {
      g_autofree char *known = certificate_hash (i);

      if (g_str_equal (hash, known))
        return TRUE;
    }
  return FALSE;
}

/* An address says which certificates would do. */
static gboolean
has_any_certificate (FakeListener *self, Lp2pMultiaddr *address)
{
  guint n = lp2p_multiaddr_get_n_components (address);
  gboolean asked = FALSE;

  for (guint i = 4; i < n; i++)
    {
      g_autofree char *hash = lp2p_multiaddr_get_component_string (address, i);
      Lp2pProtocol protocol;

      if (!lp2p_multiaddr_get_component (address, i, &protocol, NULL, NULL) || protocol != LP2P_PROTOCOL_CERTHASH)
        break;
      if (has_certificate (self, hash))
        return TRUE;
      asked = TRUE;
    }
  return !asked;
}

/* Listening */

static void
announce_address (FakeListener *self)
{
  g_autoptr (GPtrArray) bound = g_ptr_array_new ();

  g_ptr_array_add (bound, self->address);
  lp2p_listener_set_bound_addresses (LP2P_LISTENER (self), bound);
  set_suffixes (self);
}

static void
on_late (Lp2pTimer *timer)
{
  announce_address ((FakeListener *) ((char *) timer - G_STRUCT_OFFSET (FakeListener, late)));
}

static void
on_rotation (Lp2pTimer *timer)
{
  FakeListener *self = (FakeListener *) ((char *) timer - G_STRUCT_OFFSET (FakeListener, rotation));

  self->generation++;
  set_suffixes (self);
  lp2p_timer_set (timer, lp2p_loop_now (self->transport->loop) + get_time (self->transport, "rotate-ms"));
}

static void
fake_listener_close (Lp2pListener *listener)
{
  FakeListener *self = FAKE_LISTENER (listener);

  g_hash_table_remove (ports, self->port);
  g_ptr_array_remove (self->transport->listeners, self);
  lp2p_timer_clear (&self->late);
  lp2p_timer_clear (&self->rotation);
}

static void
fake_listener_finalize (GObject *object)
{
  FakeListener *self = FAKE_LISTENER (object);

  g_free (self->port);
  lp2p_multiaddr_unref (self->address);
  g_object_unref (self->transport);
  G_OBJECT_CLASS (fake_listener_parent_class)->finalize (object);
}

static void
fake_listener_class_init (FakeListenerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = fake_listener_finalize;
  LP2P_LISTENER_CLASS (klass)->close = fake_listener_close;
}

static void
fake_listener_init (FakeListener *self)
{
}

static Lp2pListener *
transport_listen (Lp2pTransport *transport, Lp2pMultiaddr *address, GError **error)
{
  FakeTransport *self = FAKE_TRANSPORT (transport);
  g_autofree char *port = lp2p_multiaddr_get_component_string (address, 1);
  FakeListener *listener;

  if (ports == NULL)
    ports = g_hash_table_new (g_str_hash, g_str_equal);
  if (g_str_equal (port, "0"))
    {
      g_free (port);
      port = g_strdup_printf ("%u", ++last_port);
    }
  if (g_hash_table_contains (ports, port))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE, "Port %s is in use", port);
      return NULL;
    }

  listener = g_object_new (FAKE_TYPE_LISTENER, "transport", lp2p_extension_get_name (LP2P_EXTENSION (self)), NULL);
  listener->transport = g_object_ref (self);
  listener->port = g_steal_pointer (&port);
  listener->address = parse ("/ip4/127.0.0.1/udp/%s", listener->port);
  lp2p_listener_set_socket_id (LP2P_LISTENER (listener), listener->port);
  lp2p_timer_init (&listener->late, self->loop, on_late);
  lp2p_timer_init (&listener->rotation, self->loop, on_rotation);
  if (get_time (self, "late-ms") > 0)
    lp2p_timer_set (&listener->late, lp2p_loop_now (self->loop) + get_time (self, "late-ms"));
  else
    announce_address (listener);
  if (get_time (self, "rotate-ms") > 0)
    lp2p_timer_set (&listener->rotation, lp2p_loop_now (self->loop) + get_time (self, "rotate-ms"));
  g_hash_table_insert (ports, listener->port, listener);
  g_ptr_array_add (self->listeners, listener);
  return LP2P_LISTENER (listener);
}

/* Handing over */

/* Somebody who waits for who comes through the hole. */
typedef struct
{
  FakeTransport *transport;
  Lp2pMultiaddr *address;
  GTask *task;
  Lp2pTimer deadline;
} Punch;

static void
punch_free (Punch *self)
{
  g_ptr_array_remove_fast (self->transport->punches, self);
  lp2p_timer_clear (&self->deadline);
  lp2p_multiaddr_unref (self->address);
  g_object_unref (self->task);
  g_free (self);
}

static Punch *
find_punch (FakeTransport *self, Lp2pMultiaddr *remote_address)
{
  for (guint i = 0; i < self->punches->len; i++)
    {
      Punch *punch = g_ptr_array_index (self->punches, i);

      if (lp2p_multiaddr_has_prefix (punch->address, remote_address) ||
          lp2p_multiaddr_has_prefix (remote_address, punch->address))
        return punch;
    }
  return NULL;
}

static Lp2pRawConnection *
raw_new (FakeTransport *self,
         FakeSession *session,
         Lp2pRole role,
         Lp2pPeerId *peer,
         Lp2pMultiaddr *local,
         Lp2pMultiaddr *remote)
{
  Lp2pRawConnection *raw = lp2p_raw_connection_new_session ((Lp2pMuxerSession *) session,
                                                            lp2p_extension_get_name (LP2P_EXTENSION (self)), role);

  raw->security = g_intern_static_string (SECURITY);
  raw->remote_peer = lp2p_peer_id_ref (peer);
  raw->local_address = lp2p_multiaddr_ref (local);
  raw->remote_address = lp2p_multiaddr_ref (remote);
  return raw;
}

/* Takes the session. */
static void
come_in (FakeListener *listener, FakeSession *session, Lp2pPeerId *peer, Lp2pMultiaddr *local, Lp2pMultiaddr *remote)
{
  FakeTransport *self = listener->transport;
  Lp2pContext *context = get_context (self);
  const char *name = lp2p_extension_get_name (LP2P_EXTENSION (self));
  Punch *punch = find_punch (self, remote);
  Lp2pRawConnection *raw = raw_new (self, session, LP2P_ROLE_RESPONDER, peer, local, remote);

  raw->socket_id = g_strdup (lp2p_listener_get_socket_id (LP2P_LISTENER (listener)));
  if (punch != NULL)
    {
      g_task_return_pointer (punch->task, raw, (GDestroyNotify) lp2p_raw_connection_free);
      punch_free (punch);
    }
  else if (lp2p_context_begin_inbound (context, name, remote, NULL))
    {
      /* The handshake of a fake session takes no time. */
      lp2p_context_end_inbound (context, name, remote);
      lp2p_context_offer_inbound (context, raw);
    }
  else
    lp2p_raw_connection_free (raw);
}

/* Dialing */

typedef struct
{
  FakeTransport *transport;
  FakeListener *listener;
  Lp2pTimer timer;
  GTask *task; /* who waits for the end of it */
  Lp2pMultiaddr *local;
  Lp2pMultiaddr *remote;
  FakeSession *client; /* while they live */
  FakeSession *server;
  gboolean early;
} Handshake;

static void
forget (FakeSession *session)
{
  if (session != NULL)
    fake_session_watch (session, NULL);
}

static void
handshake_free (Handshake *self)
{
  g_ptr_array_remove_fast (self->transport->handshakes, self);
  lp2p_timer_clear (&self->timer);
  g_clear_object (&self->task);
  g_clear_pointer (&self->local, lp2p_multiaddr_unref);
  g_clear_pointer (&self->remote, lp2p_multiaddr_unref);
  g_object_unref (self->listener);
  g_object_unref (self->transport);
  g_free (self);
}

static gboolean
take_ticket (FakeTransport *self, const Lp2pDialOptions *dial_options)
{
  g_autoptr (GBytes) ticket = NULL;

  if (!dial_options->early_data || dial_options->expected_peer == NULL)
    return FALSE;
  ticket = lp2p_context_get_peer_data (get_context (self), dial_options->expected_peer,
                                       lp2p_extension_get_name (LP2P_EXTENSION (self)), "ticket");
  return ticket != NULL;
}

static void
keep_ticket (FakeTransport *self, Lp2pPeerId *peer)
{
  g_autoptr (GBytes) ticket = g_bytes_new_static ("ticket", 6);

  lp2p_context_set_peer_data (get_context (self), peer, lp2p_extension_get_name (LP2P_EXTENSION (self)), "ticket",
                              ticket, TICKET_LIFETIME_S, LP2P_PEER_DATA_SECRET);
}

/* The server's side of the pair. */
static void
add_server (Handshake *self)
{
  FakeTransport *other = self->listener->transport;
  FakeSession *server = fake_session_new (other->loop, self->remote, self->local);

  fake_session_set_remote_peer (server, get_own_id (self->transport));
  fake_session_pair (self->client, server);
  fake_session_watch (server, &self->server);
}

static void
offer_server (Handshake *self)
{
  come_in (self->listener, self->server, get_own_id (self->transport), self->remote, self->local);
}

static void
return_raw (Handshake *self, GTask *task, Lp2pPeerId *peer)
{
  Lp2pRawConnection *raw = raw_new (self->transport, self->client, LP2P_ROLE_INITIATOR, peer, self->local, self->remote);

  g_task_return_pointer (task, raw, (GDestroyNotify) lp2p_raw_connection_free);
}

static void
finish_handshake (Handshake *self)
{
  Lp2pPeerId *answers = get_own_id (self->listener->transport);
  gboolean rejected = self->early && self->server == NULL;

  keep_ticket (self->transport, answers);
  if (!self->early)
    {
      FakeSession *client = fake_session_new (self->transport->loop, self->local, self->remote);

      fake_session_watch (client, &self->client);
    }
  if (self->server == NULL)
    add_server (self);
  fake_session_become_ready (self->client, answers, rejected);
  fake_session_become_ready (self->server, get_own_id (self->transport), FALSE);
  if (!self->early || rejected)
    offer_server (self);
  if (!self->early)
    return_raw (self, self->task, answers);
}

static void
on_handshake (Lp2pTimer *timer)
{
  Handshake *self = (Handshake *) ((char *) timer - G_STRUCT_OFFSET (Handshake, timer));
  GError *error = NULL;

  if (lp2p_listener_is_closed (LP2P_LISTENER (self->listener)))
    error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED, "Nobody listens there");
  else if (get_flag (self->listener->transport, "nat") && find_punch (self->listener->transport, self->local) == NULL)
    error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "Nobody answers");

  if (self->task != NULL && g_task_return_error_if_cancelled (self->task))
    g_clear_error (&error);
  else if (self->task != NULL && error != NULL)
    g_task_return_error (self->task, error);
  else if (self->early && self->client == NULL)
    g_clear_error (&error);
  else if (error != NULL)
    fake_session_fail (self->client, error);
  else
    finish_handshake (self);
  forget (self->client);
  forget (self->server);
  handshake_free (self);
}

/* The client can send at once; where the server takes that, it gets it. */
static void
begin_early (Handshake *self, GTask *task, Lp2pPeerId *expected)
{
  FakeTransport *other = self->listener->transport;
  FakeSession *client = fake_session_new (self->transport->loop, self->local, self->remote);

  self->early = TRUE;
  fake_session_set_remote_peer (client, expected);
  fake_session_watch (client, &self->client);
  if (get_flag (other, "early-data") && lp2p_peer_id_equal (expected, get_own_id (other)))
    {
      add_server (self);
      offer_server (self);
    }
  return_raw (self, task, expected);
}

static FakeListener *
find_listener (Lp2pMultiaddr *address, GError **error)
{
  g_autofree char *port = lp2p_multiaddr_get_component_string (address, 1);
  FakeListener *listener = ports != NULL ? g_hash_table_lookup (ports, port) : NULL;

  if (listener == NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED, "Nobody listens on port %s", port);
  else if (!has_any_certificate (listener, address))
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_HANDSHAKE, "The certificate has none of the hashes in %s",
                   lp2p_multiaddr_get_string (address));
      listener = NULL;
    }
  return listener;
}

/* Dials leave from where one listens, so that a NAT has one mapping for both. */
static Lp2pMultiaddr *
pick_local (FakeTransport *self, const Lp2pDialOptions *dial_options)
{
  g_autofree char *port = NULL;

  if (dial_options->reuse_local_port && self->listeners->len > 0)
    return parse ("/ip4/127.0.0.1/udp/%s/quic-v1", ((FakeListener *) g_ptr_array_index (self->listeners, 0))->port);
  port = g_strdup_printf ("%u", ++last_port);
  return parse ("/ip4/127.0.0.1/udp/%s/quic-v1", port);
}

static void
transport_dial_async (Lp2pTransport *transport,
                      Lp2pMultiaddr *address,
                      const Lp2pDialOptions *dial_options,
                      GCancellable *cancellable,
                      GAsyncReadyCallback callback,
                      gpointer user_data)
{
  FakeTransport *self = FAKE_TRANSPORT (transport);
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  GError *error = NULL;
  FakeListener *listener = find_listener (address, &error);
  Handshake *handshake;

  if (listener == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  handshake = g_new0 (Handshake, 1);
  handshake->transport = g_object_ref (self);
  handshake->listener = g_object_ref (listener);
  handshake->local = pick_local (self, dial_options);
  handshake->remote = lp2p_multiaddr_slice (address, 0, 3);
  g_ptr_array_add (self->handshakes, handshake);
  lp2p_timer_init (&handshake->timer, self->loop, on_handshake);
  lp2p_timer_set (&handshake->timer, lp2p_loop_now (self->loop) + get_time (self, "handshake-ms"));
  if (take_ticket (self, dial_options))
    begin_early (handshake, task, dial_options->expected_peer);
  else
    handshake->task = g_steal_pointer (&task);
}

static Lp2pRawConnection *
transport_finish (Lp2pTransport *transport, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
on_deadline (Lp2pTimer *timer)
{
  Punch *punch = (Punch *) ((char *) timer - G_STRUCT_OFFSET (Punch, deadline));

  g_task_return_new_error (punch->task, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "Nobody came through the hole to %s",
                           lp2p_multiaddr_get_string (punch->address));
  punch_free (punch);
}

static void
transport_punch_async (Lp2pTransport *transport,
                       Lp2pMultiaddr *address,
                       const Lp2pDialOptions *dial_options,
                       GCancellable *cancellable,
                       GAsyncReadyCallback callback,
                       gpointer user_data)
{
  FakeTransport *self = FAKE_TRANSPORT (transport);
  Punch *punch = g_new0 (Punch, 1);

  punch->transport = self;
  punch->address = lp2p_multiaddr_ref (address);
  punch->task = g_task_new (self, cancellable, callback, user_data);
  lp2p_timer_init (&punch->deadline, self->loop, on_deadline);
  lp2p_timer_set (&punch->deadline, dial_options->punch_deadline);
  g_ptr_array_add (self->punches, punch);
}

/* What it is */

static Lp2pTransportFlags
transport_get_flags (Lp2pTransport *transport)
{
  return LP2P_TRANSPORT_DIALS | LP2P_TRANSPORT_LISTENS | LP2P_TRANSPORT_DATAGRAM | LP2P_TRANSPORT_PUNCHES |
         LP2P_TRANSPORT_EARLY_DATA | LP2P_TRANSPORT_LOCAL;
}

static guint
transport_get_dial_rank (Lp2pTransport *transport, Lp2pMultiaddr *address)
{
  return DIAL_RANK;
}

/* /ip4/udp/quic-v1, with certificate hashes or not, and nothing else. */
static gboolean
transport_match (Lp2pTransport *transport, Lp2pMultiaddr *address)
{
  static const Lp2pProtocol expected[] = { LP2P_PROTOCOL_IP4, LP2P_PROTOCOL_UDP, LP2P_PROTOCOL_QUIC_V1,
                                           LP2P_PROTOCOL_WEBTRANSPORT };
  g_autoptr (Lp2pMultiaddr) plain = lp2p_multiaddr_without_peer_id (address);
  guint n = plain != NULL ? lp2p_multiaddr_get_n_components (plain) : 0;
  Lp2pProtocol protocol;

  if (n < 3)
    return FALSE;
  for (guint i = 0; i < n; i++)
    if (!lp2p_multiaddr_get_component (plain, i, &protocol, NULL, NULL) ||
        protocol != (i < G_N_ELEMENTS (expected) ? expected[i] : LP2P_PROTOCOL_CERTHASH))
      return FALSE;
  return TRUE;
}

static void
transport_init (Lp2pTransportInterface *iface)
{
  iface->get_flags = transport_get_flags;
  iface->get_dial_rank = transport_get_dial_rank;
  iface->match = transport_match;
  iface->dial_async = transport_dial_async;
  iface->dial_finish = transport_finish;
  iface->listen = transport_listen;
  iface->punch_async = transport_punch_async;
  iface->punch_finish = transport_finish;
}

static gboolean
fake_transport_start (Lp2pExtension *extension, GError **error)
{
  FakeTransport *self = FAKE_TRANSPORT (extension);
  Lp2pContext *context = lp2p_extension_get_context (extension);

  self->loop = lp2p_loop_ref (lp2p_context_get_loop (context));
  self->group = g_strdup_printf ("plugin %s", lp2p_extension_get_name (extension));
  return lp2p_config_register_group (lp2p_context_get_config (context), self->group, options, G_N_ELEMENTS (options),
                                     error);
}

static void
set_closed (GTask *task)
{
  g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CLOSED, "The host is closed");
}

static void
fake_transport_stop (Lp2pExtension *extension)
{
  FakeTransport *self = FAKE_TRANSPORT (extension);

  while (self->listeners->len > 0)
    lp2p_listener_close (g_ptr_array_index (self->listeners, 0));
  while (self->handshakes->len > 0)
    {
      Handshake *handshake = g_ptr_array_index (self->handshakes, 0);

      if (handshake->task != NULL)
        set_closed (handshake->task);
      forget (handshake->client);
      forget (handshake->server);
      handshake_free (handshake);
    }
  while (self->punches->len > 0)
    {
      Punch *punch = g_ptr_array_index (self->punches, 0);

      set_closed (punch->task);
      punch_free (punch);
    }
}

static void
fake_transport_finalize (GObject *object)
{
  FakeTransport *self = FAKE_TRANSPORT (object);

  g_free (self->group);
  g_ptr_array_unref (self->listeners);
  g_ptr_array_unref (self->handshakes);
  g_ptr_array_unref (self->punches);
  g_clear_pointer (&self->loop, lp2p_loop_unref);
  G_OBJECT_CLASS (fake_transport_parent_class)->finalize (object);
}

static void
fake_transport_class_init (FakeTransportClass *klass)
{
  Lp2pExtensionClass *extension_class = LP2P_EXTENSION_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = fake_transport_finalize;
  extension_class->start = fake_transport_start;
  extension_class->stop = fake_transport_stop;
}

static void
fake_transport_init (FakeTransport *self)
{
  self->listeners = g_ptr_array_new ();
  self->handshakes = g_ptr_array_new ();
  self->punches = g_ptr_array_new ();
}

LP2P_PLUGIN_DEFINE ({ "fake", fake_transport_get_type }, { "fake-relay", fake_relay_get_type })
