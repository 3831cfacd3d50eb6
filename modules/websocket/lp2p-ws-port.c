/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-ws-port.h"

#include <glib/gi18n-lib.h>
#include <libsoup/soup-status.h>
#include <string.h>

#include <lp2p/net/lp2p-gnutls-layer.h>

#include "lp2p-ws-forwarded.h"

/* Connections that are not a WebSocket yet. More than a busy host has in one round
 * trip; beyond it the oldest goes, so that slow clients cannot keep others out. */
#define MAX_ARRIVALS 256

#define TLS_HANDSHAKE 0x16
#define TLS_MAJOR 0x03

struct _Lp2pWsPort
{
  Lp2pTcpPort parent_instance;

  Lp2pWsAddress address;
  Lp2pMultiaddr *suffix;
  Lp2pWsServer *server;
  Lp2pWsCertificate *certificate; /* NULL without TLS */
  const Lp2pWsPortOptions *options;
  GQueue arrivals;
};

G_DEFINE_FINAL_TYPE (Lp2pWsPort, lp2p_ws_port, LP2P_TYPE_TCP_PORT)

/* A connection that is to become a WebSocket: first @layer makes its TLS handshake, if
 * that is wanted, then @visit has it. Until it has, it makes room for others as all
 * that are half open do; @handshake is NULL where it is to be refused anyway. */
typedef struct
{
  Lp2pWsPort *port;
  Lp2pMultiaddr *local_address;
  Lp2pMultiaddr *remote_address;
  Lp2pHandshake *handshake;
  Lp2pLayer *layer;
  Lp2pWsShown *shown;
  Lp2pWsVisit *visit;
  Lp2pTimer timer;
  Lp2pJob pump;
  GList link;
} Arrival;

#define ARRIVAL_OF(member, pointer) ((Arrival *) ((char *) (pointer) - G_STRUCT_OFFSET (Arrival, member)))

/* What begins what */

static Lp2pSniffResult
sniff_http (const guint8 *data, gsize size, gpointer user_data)
{
  static const char start[] = { 'G', 'E', 'T', ' ' };
  gsize n = MIN (size, sizeof start);

  if (memcmp (data, start, n) != 0)
    return LP2P_SNIFF_NO;
  return n == sizeof start ? LP2P_SNIFF_YES : LP2P_SNIFF_MORE;
}

static Lp2pSniffResult
sniff_tls (const guint8 *data, gsize size, gpointer user_data)
{
  if (data[0] != TLS_HANDSHAKE || (size > 1 && data[1] != TLS_MAJOR))
    return LP2P_SNIFF_NO;
  return size > 1 ? LP2P_SNIFF_YES : LP2P_SNIFF_MORE;
}

/* Arrivals */

static Lp2pContext *
get_context (Lp2pWsPort *self)
{
  return lp2p_tcp_port_get_context (LP2P_TCP_PORT (self));
}

/* What it has of the connection must be gone. */
static void
arrival_free (Arrival *self)
{
  if (self->handshake != NULL)
    lp2p_context_end_handshake (get_context (self->port), self->handshake);
  g_queue_unlink (&self->port->arrivals, &self->link);
  lp2p_timer_clear (&self->timer);
  lp2p_job_clear (&self->pump);
  g_clear_pointer (&self->shown, lp2p_ws_shown_unref);
  lp2p_multiaddr_unref (self->local_address);
  lp2p_multiaddr_unref (self->remote_address);
  g_free (self);
}

static void
arrival_drop (Arrival *self, const char *why)
{
  g_debug ("Connection from %s came to nothing: %s", lp2p_multiaddr_get_string (self->remote_address), why);
  g_clear_pointer (&self->visit, lp2p_ws_visit_drop);
  if (self->layer != NULL)
    {
      lp2p_layer_set_events (self->layer, NULL, NULL);
      lp2p_layer_abort (self->layer, 0);
      g_clear_pointer (&self->layer, lp2p_layer_free);
    }
  arrival_free (self);
}

static void
on_give_up (gpointer user_data)
{
  arrival_drop (user_data, "it makes room for another one");
}

/* Returns: whether the host lets @remote_address in, which then is who comes */
static gboolean
begin_handshake (Arrival *self, Lp2pMultiaddr *remote_address)
{
  const char *transport = lp2p_listener_get_transport (LP2P_LISTENER (self->port));
  g_autoptr (GError) error = NULL;

  self->handshake = lp2p_context_begin_handshake (get_context (self->port), transport, remote_address, on_give_up,
                                                  self, &error);
  if (self->handshake != NULL)
    return TRUE;
  g_debug ("Refused %s: %s", lp2p_multiaddr_get_string (remote_address), error->message);
  return FALSE;
}

static void
on_timeout (Lp2pTimer *timer)
{
  Arrival *self = ARRIVAL_OF (timer, timer);

  arrival_drop (self, self->visit != NULL ? "it sent no request of HTTP in time"
                                          : "its TLS handshake was not complete in time");
}

/* HTTP */

/* The host was asked for the proxy; now it is asked for the client. The place of the
 * proxy is left first: this very connection must not have to make room for itself. */
static guint
become_client (Arrival *self, Lp2pMultiaddr *client)
{
  lp2p_context_end_handshake (get_context (self->port), g_steal_pointer (&self->handshake));
  if (!begin_handshake (self, client))
    {
      begin_handshake (self, self->remote_address);
      return SOUP_STATUS_SERVICE_UNAVAILABLE;
    }
  lp2p_multiaddr_unref (self->remote_address);
  self->remote_address = lp2p_multiaddr_ref (client);
  return 0;
}

static gboolean
is_path (Lp2pWsPort *self, const char *path)
{
  const char *wanted = self->address.path;

  if (wanted == NULL)
    return TRUE;
  return strcmp (path[0] == '/' ? path + 1 : path, wanted[0] == '/' ? wanted + 1 : wanted) == 0;
}

static guint
on_admit (const char *path, SoupMessageHeaders *request, gpointer user_data)
{
  Arrival *self = user_data;
  g_autoptr (Lp2pMultiaddr) client = NULL;

  if (!is_path (self->port, path))
    return SOUP_STATUS_NOT_FOUND;
  client = lp2p_ws_forwarded_client (self->remote_address, request, self->port->options->trusted_proxies);
  return client != NULL ? become_client (self, client) : 0;
}

/* The host goes on with it, and has been asked already. */
static void
become_connection (Arrival *self)
{
  g_autoptr (Lp2pWsPort) port = g_object_ref (self->port);
  g_autoptr (Lp2pMultiaddr) local_address = lp2p_multiaddr_concat (self->local_address, port->suffix);
  g_autoptr (Lp2pMultiaddr) remote_address = lp2p_multiaddr_concat (self->remote_address, port->suffix);
  Lp2pLayer *layer = g_steal_pointer (&self->layer);

  arrival_free (self);
  lp2p_tcp_port_offer (LP2P_TCP_PORT (port), layer, local_address, remote_address);
}

static void
on_visit_ended (Lp2pLayer *layer, gpointer user_data)
{
  Arrival *self = user_data;

  self->visit = NULL;
  self->layer = layer;
  if (layer == NULL)
    arrival_drop (self, "its HTTP did not lead to a WebSocket");
  else if (!lp2p_context_pass_on_handshake (get_context (self->port), g_steal_pointer (&self->handshake)))
    arrival_drop (self, "it was given up");
  else
    become_connection (self);
}

static const Lp2pWsVisitFuncs visit_funcs = {
  .admit = on_admit,
  .ended = on_visit_ended,
};

/* It may be over when this returns. */
static void
begin_http (Arrival *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketAddress) local = lp2p_multiaddr_get_socket_address (self->local_address, &error);
  g_autoptr (GSocketAddress) remote =
      local != NULL ? lp2p_multiaddr_get_socket_address (self->remote_address, &error) : NULL;

  if (remote == NULL)
    {
      arrival_drop (self, error->message);
      return;
    }
  lp2p_ws_server_receive (self->port->server, g_steal_pointer (&self->layer), local, remote, &visit_funcs, self,
                          &self->visit);
}

/* TLS */

static void
run_pump (Lp2pJob *job)
{
  Arrival *self = ARRIVAL_OF (pump, job);

  switch (lp2p_gnutls_layer_handshake (self->layer))
    {
    case 0:
      gnutls_deinit (lp2p_gnutls_layer_steal_session (self->layer));
      g_clear_pointer (&self->shown, lp2p_ws_shown_unref);
      lp2p_layer_set_events (self->layer, NULL, NULL);
      begin_http (self);
      break;
    case LP2P_IO_FAILED:
      arrival_drop (self, lp2p_layer_get_error (self->layer)->message);
      break;
    default:
      break;
    }
}

static void
on_layer_ready (Lp2pLayer *layer, Lp2pReady ready, gpointer data)
{
  lp2p_job_queue (&((Arrival *) data)->pump);
}

static void
on_layer_failed (Lp2pLayer *layer, const GError *error, gpointer data)
{
  lp2p_job_queue (&((Arrival *) data)->pump);
}

static const Lp2pLayerEvents tls_events = {
  .ready = on_layer_ready,
  .failed = on_layer_failed,
};

static void
begin_tls (Arrival *self)
{
  g_autoptr (GError) error = NULL;
  gnutls_session_t session = lp2p_ws_certificate_new_session (self->port->certificate, &self->shown, &error);

  if (session == NULL)
    {
      arrival_drop (self, error->message);
      return;
    }
  self->layer = lp2p_gnutls_layer_new (self->layer, session);
  lp2p_layer_set_events (self->layer, &tls_events, self);
  lp2p_job_queue (&self->pump);
}

/* The port */

static void
lp2p_ws_port_accepted (Lp2pTcpPort *port, Lp2pLayer *layer, Lp2pMultiaddr *local_address, Lp2pMultiaddr *remote_address)
{
  Lp2pWsPort *self = LP2P_WS_PORT (port);
  Lp2pLoop *loop = lp2p_context_get_loop (get_context (self));
  Arrival *arrival = g_new0 (Arrival, 1);

  arrival->port = self;
  arrival->layer = layer;
  arrival->local_address = lp2p_multiaddr_ref (local_address);
  arrival->remote_address = lp2p_multiaddr_ref (remote_address);
  arrival->link.data = arrival;
  lp2p_timer_init (&arrival->timer, loop, on_timeout);
  lp2p_timer_set (&arrival->timer, lp2p_loop_now (loop) + self->options->timeout);
  /* TLS is complete behind the socket's turn: HTTP begins when applications run. */
  lp2p_job_init (&arrival->pump, layer->loop, LP2P_JOB_RUN, run_pump);
  g_queue_push_tail_link (&self->arrivals, &arrival->link);

  if (!begin_handshake (arrival, remote_address))
    {
      arrival_drop (arrival, "the host does not want it");
      return;
    }
  if (self->arrivals.length > MAX_ARRIVALS)
    arrival_drop (self->arrivals.head->data, "too many connections are not a WebSocket yet");
  if (self->certificate != NULL)
    begin_tls (arrival);
  else
    begin_http (arrival);
}

static void
lp2p_ws_port_close (Lp2pListener *listener)
{
  Lp2pWsPort *self = LP2P_WS_PORT (listener);

  while (self->arrivals.head != NULL)
    arrival_drop (self->arrivals.head->data, "the port is closed");
  LP2P_LISTENER_CLASS (lp2p_ws_port_parent_class)->close (listener);
}

static void
lp2p_ws_port_finalize (GObject *object)
{
  Lp2pWsPort *self = LP2P_WS_PORT (object);

  lp2p_ws_address_clear (&self->address);
  g_clear_pointer (&self->suffix, lp2p_multiaddr_unref);
  g_clear_pointer (&self->certificate, lp2p_ws_certificate_free);
  G_OBJECT_CLASS (lp2p_ws_port_parent_class)->finalize (object);
}

static void
lp2p_ws_port_class_init (Lp2pWsPortClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = lp2p_ws_port_finalize;
  LP2P_LISTENER_CLASS (klass)->close = lp2p_ws_port_close;
  LP2P_TCP_PORT_CLASS (klass)->accepted = lp2p_ws_port_accepted;
}

static void
lp2p_ws_port_init (Lp2pWsPort *self)
{
}

Lp2pWsPort *
lp2p_ws_port_new (Lp2pContext *context,
                  const char *transport,
                  Lp2pMultiaddr *address,
                  Lp2pWsServer *server,
                  Lp2pWsCertificate *certificate,
                  const Lp2pWsPortOptions *options,
                  GError **error)
{
  g_autoptr (Lp2pWsPort) self = g_object_new (LP2P_TYPE_WS_PORT, "transport", transport, NULL);
  g_autoptr (GPtrArray) suffixes = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
  g_autoptr (GSocketAddress) native = NULL;

  self->server = server;
  self->certificate = certificate;
  self->options = options;
  native = lp2p_multiaddr_get_socket_address (address, error);
  if (native == NULL || !lp2p_ws_address_parse (&self->address, address))
    return NULL;
  self->suffix = lp2p_ws_address_make_suffix (&self->address);
  g_ptr_array_add (suffixes, lp2p_multiaddr_ref (self->suffix));
  lp2p_listener_set_suffixes (LP2P_LISTENER (self), suffixes);
  if (!lp2p_tcp_port_bind (LP2P_TCP_PORT (self), context, native, certificate != NULL ? sniff_tls : sniff_http, error))
    return NULL;
  return g_steal_pointer (&self);
}
