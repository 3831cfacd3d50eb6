/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-ws-transport.h"

#include "lp2p-ws-authorities.h"
#include "lp2p-ws-dial.h"
#include "lp2p-ws-forwarded.h"
#include "lp2p-ws-port.h"

#include <glib/gi18n-lib.h>

/* The first of the transports over HTTP. */
#define DIAL_RANK 200

typedef struct
{
  char *group; /* of the configuration */
  Lp2pPorts ports;
  Lp2pDialings dialings;
  Lp2pWsServer *server;
  Lp2pWsPortOptions port_options;
  Lp2pWsAuthorities *authorities; /* NULL until they are needed */
} Lp2pWsTransportPrivate;

struct _Lp2pWssTransport
{
  Lp2pWsTransport parent_instance;
};

static void lp2p_ws_transport_iface_init (Lp2pTransportInterface *iface);

G_DEFINE_TYPE_WITH_CODE (Lp2pWsTransport,
                         lp2p_ws_transport,
                         LP2P_TYPE_EXTENSION,
                         G_ADD_PRIVATE (Lp2pWsTransport)
                             G_IMPLEMENT_INTERFACE (LP2P_TYPE_TRANSPORT, lp2p_ws_transport_iface_init))

G_DEFINE_FINAL_TYPE (Lp2pWssTransport, lp2p_wss_transport, LP2P_TYPE_WS_TRANSPORT)

#define OPTION_UPGRADE_TIMEOUT                                                                       \
  {                                                                                                  \
    "upgrade-timeout", "u", "10", 1, 300, N_("Seconds until a connection has to be a WebSocket")     \
  }
#define OPTION_TRUSTED_PROXIES                                                                       \
  {                                                                                                  \
    "trusted-proxies", "as", "[]", 0, 0,                                                             \
        N_("Addresses and networks of reverse proxies, whose X-Forwarded-For tells who the peer is") \
  }
#define OPTION_FAST_OPEN                                                                             \
  {                                                                                                  \
    "fast-open", "b", "true", 0, 0, N_("Whether the first bytes may ride on the SYN")                \
  }
#define OPTION_REUSE_PORT                                                                            \
  {                                                                                                  \
    "reuse-port", "b", "true", 0, 0, N_("Whether to dial from a port that is listened on")           \
  }

static const Lp2pOption ws_options[] = {
  OPTION_UPGRADE_TIMEOUT,
  OPTION_TRUSTED_PROXIES,
  OPTION_FAST_OPEN,
  OPTION_REUSE_PORT,
};

static const Lp2pOption wss_options[] = {
  { "certificate", "s", "''", 0, 0, N_("File in PEM with the certificate of the listeners and those that lead to its authority") },
  { "private-key", "s", "''", 0, 0, N_("File in PEM with the private key of the certificate") },
  { "ca-file", "s", "''", 0, 0, N_("File in PEM with the authorities to trust when dialing, empty for those of the system") },
  OPTION_UPGRADE_TIMEOUT,
  OPTION_TRUSTED_PROXIES,
  OPTION_FAST_OPEN,
  OPTION_REUSE_PORT,
};

static Lp2pWsTransportPrivate *
get_private (gpointer transport)
{
  return lp2p_ws_transport_get_instance_private (LP2P_WS_TRANSPORT (transport));
}

static gboolean
is_secure (gpointer transport)
{
  return LP2P_WS_TRANSPORT_GET_CLASS (transport)->secure;
}

static Lp2pContext *
get_context (gpointer transport)
{
  return lp2p_extension_get_context (LP2P_EXTENSION (transport));
}

static Lp2pConfig *
get_config (gpointer transport)
{
  return lp2p_context_get_config (get_context (transport));
}

/* Addresses */

static gboolean
parse (gpointer transport, Lp2pMultiaddr *address, Lp2pWsAddress *parsed)
{
  if (!lp2p_ws_address_parse (parsed, address))
    return FALSE;
  if (parsed->secure == is_secure (transport))
    return TRUE;
  lp2p_ws_address_clear (parsed);
  return FALSE;
}

static gboolean
lp2p_ws_transport_match (Lp2pTransport *transport, Lp2pMultiaddr *address)
{
  g_auto (Lp2pWsAddress) parsed = { 0 };

  return parse (transport, address, &parsed) && !parsed.named;
}

static gboolean
lp2p_ws_transport_match_name (Lp2pTransport *transport, Lp2pMultiaddr *address)
{
  g_auto (Lp2pWsAddress) parsed = { 0 };

  return parse (transport, address, &parsed) && parsed.named;
}

static void
set_no_match (Lp2pTransport *transport, Lp2pMultiaddr *address, GError **error)
{
  const char *expected = is_secure (transport) ? "/tls/ws" : "/ws";

  g_set_error (error, LP2P_ERROR, LP2P_ERROR_NO_TRANSPORT, _("%s is not an IP address with a TCP port and %s alone"),
               lp2p_multiaddr_get_string (address), expected);
}

/* Dialing */

/* This side speaks first, whoever begins the security handshake. */
static Lp2pTcpDialFlags
get_dial_flags (Lp2pTransport *transport, const Lp2pDialOptions *dial_options)
{
  const char *group = get_private (transport)->group;
  Lp2pTcpDialFlags flags = LP2P_TCP_DIAL_NONE;

  if (dial_options->reuse_local_port && lp2p_config_get_boolean (get_config (transport), group, "reuse-port"))
    flags |= LP2P_TCP_REUSE_PORT;
  if (!dial_options->no_fast_open && lp2p_config_get_boolean (get_config (transport), group, "fast-open"))
    flags |= LP2P_TCP_FAST_OPEN;
  return flags;
}

/* Returns: (transfer none) (nullable) */
static Lp2pWsTrust *
get_trust (Lp2pTransport *transport, GError **error)
{
  Lp2pWsTransportPrivate *priv = get_private (transport);

  if (priv->authorities == NULL)
    {
      g_autofree char *ca_file = lp2p_config_get_string (get_config (transport), priv->group, "ca-file");

      priv->authorities = lp2p_ws_authorities_new (lp2p_context_get_loop (get_context (transport)), ca_file);
    }
  return lp2p_ws_authorities_get (priv->authorities, error);
}

/* Of a connection that both sides began, none is the server. */
static gboolean
check_punch (const Lp2pDialOptions *dial_options, GError **error)
{
  if (dial_options->punch_at == 0)
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, _("WebSocket cannot punch holes into NATs"));
  return FALSE;
}

static gboolean
prepare_dial (Lp2pTransport *transport,
              Lp2pMultiaddr *address,
              const Lp2pDialOptions *dial_options,
              Lp2pWsDialParams *params,
              GError **error)
{
  if (!parse (transport, address, &params->address))
    {
      set_no_match (transport, address, error);
      return FALSE;
    }
  if (!check_punch (dial_options, error) ||
      !lp2p_dialings_check (&get_private (transport)->dialings, address, error))
    return FALSE;
  if (!is_secure (transport))
    return TRUE;
  params->trust = get_trust (transport, error);
  return params->trust != NULL;
}

static void
lp2p_ws_transport_dial_async (Lp2pTransport *transport,
                              Lp2pMultiaddr *address,
                              const Lp2pDialOptions *dial_options,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (transport, cancellable, callback, user_data);
  Lp2pWsDialParams params = {
    .transport = g_intern_string (lp2p_extension_get_name (LP2P_EXTENSION (transport))),
    .host_name = dial_options->host_name,
  };
  GError *error = NULL;

  g_task_set_source_tag (task, lp2p_ws_transport_dial_async);
  if (!prepare_dial (transport, address, dial_options, &params, &error))
    g_task_return_error (task, error);
  else
    {
      params.flags = get_dial_flags (transport, dial_options);
      lp2p_ws_dial_start (lp2p_context_get_tcp_hub (get_context (transport)), &get_private (transport)->dialings,
                          address, &params, task);
    }
  lp2p_ws_address_clear (&params.address);
}

static Lp2pRawConnection *
lp2p_ws_transport_dial_finish (Lp2pTransport *transport, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, transport), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* Listening */

/* Returns: (transfer full) (nullable) */
static Lp2pWsCertificate *
load_certificate (Lp2pTransport *transport, const char *server_name, GError **error)
{
  const char *group = get_private (transport)->group;
  g_autofree char *certificate = lp2p_config_get_string (get_config (transport), group, "certificate");
  g_autofree char *key = lp2p_config_get_string (get_config (transport), group, "private-key");

  if (*certificate == '\0' || *key == '\0')
    {
      const char *missing = *certificate == '\0' ? "certificate" : "private-key";

      g_set_error (error, LP2P_ERROR, LP2P_ERROR_FAILED,
                   _("A listener of WebSocket Secure needs a certificate: the option %s of [%s] is empty"),
                   missing, group);
      return NULL;
    }
  return lp2p_ws_certificate_new (lp2p_context_get_loop (get_context (transport)), certificate, key, server_name, error);
}

/* Of two ports on one socket that wait for the same, the second would get nothing. */
static gboolean
check_alone (Lp2pTransport *transport, Lp2pListener *port, GError **error)
{
  const char *socket_id = lp2p_listener_get_socket_id (port);

  if (lp2p_ports_find (&get_private (transport)->ports, socket_id) == NULL)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE, _("Cannot listen on %s: this host listens on it already"),
               socket_id);
  return FALSE;
}

static Lp2pListener *
lp2p_ws_transport_listen (Lp2pTransport *transport, Lp2pMultiaddr *address, GError **error)
{
  Lp2pWsTransportPrivate *priv = get_private (transport);
  g_auto (Lp2pWsAddress) parsed = { 0 };
  Lp2pWsCertificate *certificate = NULL;
  g_autoptr (Lp2pWsPort) port = NULL;

  if (!parse (transport, address, &parsed) || parsed.named)
    {
      set_no_match (transport, address, error);
      return NULL;
    }
  if (is_secure (transport) &&
      (certificate = load_certificate (transport, parsed.server_name, error)) == NULL)
    return NULL;
  port = lp2p_ws_port_new (get_context (transport), lp2p_extension_get_name (LP2P_EXTENSION (transport)), address,
                           priv->server, certificate, &priv->port_options, error);
  if (port == NULL || !check_alone (transport, LP2P_LISTENER (port), error))
    return NULL;
  lp2p_ports_add (&priv->ports, LP2P_LISTENER (port));
  return LP2P_LISTENER (g_steal_pointer (&port));
}

static Lp2pTransportFlags
lp2p_ws_transport_get_flags (Lp2pTransport *transport)
{
  return LP2P_TRANSPORT_DIALS | LP2P_TRANSPORT_LISTENS | LP2P_TRANSPORT_NEEDS_UPGRADE;
}

/* TLS takes a round trip more. */
static guint
lp2p_ws_transport_get_dial_rank (Lp2pTransport *transport, Lp2pMultiaddr *address)
{
  return is_secure (transport) ? DIAL_RANK + 1 : DIAL_RANK;
}

static void
lp2p_ws_transport_iface_init (Lp2pTransportInterface *iface)
{
  iface->get_flags = lp2p_ws_transport_get_flags;
  iface->get_dial_rank = lp2p_ws_transport_get_dial_rank;
  iface->match = lp2p_ws_transport_match;
  iface->match_name = lp2p_ws_transport_match_name;
  iface->dial_async = lp2p_ws_transport_dial_async;
  iface->dial_finish = lp2p_ws_transport_dial_finish;
  iface->listen = lp2p_ws_transport_listen;
}

/* The object */

/* Connections that come from now on have them. */
static gboolean
set_port_options (Lp2pWsTransport *self, GError **error)
{
  Lp2pWsTransportPrivate *priv = get_private (self);
  g_auto (GStrv) proxies = lp2p_config_get_strv (get_config (self), priv->group, "trusted-proxies");
  GPtrArray *masks = lp2p_ws_forwarded_parse_proxies ((const char *const *) proxies, error);

  priv->port_options.timeout =
      lp2p_config_get_uint (get_config (self), priv->group, "upgrade-timeout") * (gint64) G_USEC_PER_SEC;
  if (masks == NULL)
    {
      g_prefix_error (error, _("Option trusted-proxies of [%s]: "), priv->group);
      return FALSE;
    }
  g_clear_pointer (&priv->port_options.trusted_proxies, g_ptr_array_unref);
  priv->port_options.trusted_proxies = masks;
  return TRUE;
}

static void
on_config_changed (Lp2pWsTransport *self, const char *group, const char *key)
{
  Lp2pWsTransportPrivate *priv = get_private (self);
  g_autoptr (GError) error = NULL;

  if (!g_str_equal (group, priv->group))
    return;
  if (g_strcmp0 (key, "ca-file") == 0)
    g_clear_pointer (&priv->authorities, lp2p_ws_authorities_free);
  if (!set_port_options (self, &error))
    g_warning ("%s", error->message);
}

static gboolean
lp2p_ws_transport_start (Lp2pExtension *extension, GError **error)
{
  Lp2pWsTransport *self = LP2P_WS_TRANSPORT (extension);
  Lp2pWsTransportPrivate *priv = get_private (self);
  Lp2pConfig *config = get_config (self);
  gboolean secure = is_secure (self);

  priv->group = g_strdup_printf ("plugin %s", lp2p_extension_get_name (extension));
  if (!lp2p_config_register_group (config, priv->group, secure ? wss_options : ws_options,
                                   secure ? G_N_ELEMENTS (wss_options) : G_N_ELEMENTS (ws_options), error) ||
      !set_port_options (self, error))
    return FALSE;
  g_signal_connect_object (config, "changed", G_CALLBACK (on_config_changed), self, G_CONNECT_SWAPPED);
  return TRUE;
}

static void
lp2p_ws_transport_stop (Lp2pExtension *extension)
{
  Lp2pWsTransportPrivate *priv = get_private (extension);

  lp2p_dialings_stop (&priv->dialings);
  lp2p_ports_close (&priv->ports);
}

static void
lp2p_ws_transport_finalize (GObject *object)
{
  Lp2pWsTransportPrivate *priv = get_private (object);

  lp2p_ports_clear (&priv->ports);
  g_clear_pointer (&priv->server, lp2p_ws_server_free);
  g_clear_pointer (&priv->port_options.trusted_proxies, g_ptr_array_unref);
  g_clear_pointer (&priv->authorities, lp2p_ws_authorities_free);
  g_free (priv->group);
  G_OBJECT_CLASS (lp2p_ws_transport_parent_class)->finalize (object);
}

static void
lp2p_ws_transport_class_init (Lp2pWsTransportClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = lp2p_ws_transport_finalize;
  LP2P_EXTENSION_CLASS (klass)->start = lp2p_ws_transport_start;
  LP2P_EXTENSION_CLASS (klass)->stop = lp2p_ws_transport_stop;
}

static void
lp2p_ws_transport_init (Lp2pWsTransport *self)
{
  get_private (self)->server = lp2p_ws_server_new ();
}

static void
lp2p_wss_transport_class_init (Lp2pWssTransportClass *klass)
{
  LP2P_WS_TRANSPORT_CLASS (klass)->secure = TRUE;
}

static void
lp2p_wss_transport_init (Lp2pWssTransport *self)
{
}

LP2P_PLUGIN_DEFINE ({ "ws", lp2p_ws_transport_get_type }, { "wss", lp2p_wss_transport_get_type })
