/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the system decides: open files, the network, names, proxies. Nothing is sent
 * to anybody but the name servers. */

#include "tools/doctor/lp2p-doctor-private.h"

#include "tools/lp2p-session-private.h"
#include "types/lp2p-i18n-private.h"

#include <gio/gio.h>
#include <inttypes.h>
#include <sys/resource.h>

/* A busy host has that many connections; others of its files come on top. */
#define ENOUGH_FILES 4096

/* Documentation addresses (RFC 5737, RFC 3849): a route to them is a route to all. */
#define ANYWHERE_IP4 "192.0.2.1"
#define ANYWHERE_IP6 "2001:db8::1"

static void
check_files (ToolDoctor *self)
{
  struct rlimit limit;
  g_autofree char *detail = NULL;
  gboolean enough;

  if (getrlimit (RLIMIT_NOFILE, &limit) != 0)
    return;
  enough = limit.rlim_max >= ENOUGH_FILES;
  detail = g_strdup_printf (_("%" PRIu64 " open files, at most %" PRIu64),
                            (guint64) limit.rlim_cur, (guint64) limit.rlim_max);
  tool_doctor_tell (self, NULL, "files", enough ? TOOL_VERDICT_OK : TOOL_VERDICT_WARNING, -1, detail,
                    enough ? NULL : _("allow more for many connections: ulimit -n, or LimitNOFILE= of systemd"));
}

/* Addresses. Connecting a UDP socket looks for a route and sends nothing. */
static void
check_route (ToolDoctor *self, const char *check, const char *anywhere, const char *advice)
{
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string (anywhere, 9);
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = g_socket_new (g_socket_address_get_family (address),
                                             G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, &error);
  g_autoptr (GSocketAddress) local = NULL;
  g_autofree char *text = NULL;

  if (socket != NULL && g_socket_connect (socket, address, NULL, &error))
    local = g_socket_get_local_address (socket, &error);
  if (local == NULL)
    {
      tool_doctor_tell (self, NULL, check, TOOL_VERDICT_WARNING, -1, error->message, advice);
      return;
    }
  text = g_inet_address_to_string (g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (local)));
  tool_doctor_tell (self, NULL, check, TOOL_VERDICT_OK, -1, text, NULL);
}

static gboolean
send_to_itself (GError **error)
{
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GSocket) socket =
      g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, error);
  g_autoptr (GSocketAddress) bound = NULL;
  char byte = 1;

  if (socket == NULL || !g_socket_bind (socket, any, FALSE, error))
    return FALSE;
  g_socket_set_timeout (socket, 1);
  bound = g_socket_get_local_address (socket, error);
  return bound != NULL && g_socket_send_to (socket, bound, &byte, 1, NULL, error) == 1 &&
         g_socket_receive (socket, &byte, 1, NULL, error) == 1;
}

static void
check_udp (ToolDoctor *self)
{
  g_autoptr (GError) error = NULL;

  if (send_to_itself (&error))
    tool_doctor_tell (self, NULL, "udp", TOOL_VERDICT_OK, -1, _("datagrams arrive on this machine"), NULL);
  else
    tool_doctor_tell (self, NULL, "udp", TOOL_VERDICT_WARNING, -1, error->message,
                      _("QUIC, WebTransport and WebRTC need UDP: look at the firewall"));
}

/* Names */

static void
check_names (ToolDoctor *self)
{
  GResolver *resolver = g_resolver_get_default ();
  gint64 start = g_get_monotonic_time ();
  g_autoptr (GError) error = NULL;
  g_autofree char *detail = NULL;
  GList *addresses;
  g_auto (ToolWait) wait;

  tool_wait_init (&wait, self->timeout);
  g_resolver_lookup_by_name_async (resolver, self->dns_name, wait.cancellable, tool_wait_ready, &wait);
  addresses = g_resolver_lookup_by_name_finish (resolver, tool_wait_run (&wait), &error);
  if (addresses != NULL)
    {
      guint n = g_list_length (addresses);

      detail = g_strdup_printf (lp2p_ngettext ("%s has %u address", "%s has %u addresses", n), self->dns_name, n);
      tool_doctor_tell (self, NULL, "names", TOOL_VERDICT_OK,
                        (double) (g_get_monotonic_time () - start) / G_USEC_PER_SEC, detail, NULL);
    }
  else
    {
      tool_wait_explain (&wait, &error);
      tool_doctor_tell (self, NULL, "names", TOOL_VERDICT_WARNING, -1, error->message,
                        _("addresses with names (/dns, /dnsaddr) need a name server: /etc/resolv.conf, resolvectl"));
    }
  g_resolver_free_addresses (addresses);
  g_object_unref (resolver);
}

/* Proxies */

static char *
dup_proxy (ToolDoctor *self, GError **error)
{
  GProxyResolver *resolver = g_proxy_resolver_get_default ();
  g_auto (GStrv) proxies = NULL;
  g_auto (ToolWait) wait;

  tool_wait_init (&wait, self->timeout);
  g_proxy_resolver_lookup_async (resolver, "https://example.org:443", wait.cancellable, tool_wait_ready, &wait);
  proxies = g_proxy_resolver_lookup_finish (resolver, tool_wait_run (&wait), error);
  if (proxies == NULL)
    {
      tool_wait_explain (&wait, error);
      return NULL;
    }
  return g_strdup (proxies[0] != NULL ? proxies[0] : "direct://");
}

/* Where a proxy is set there is often no other way out. */
static void
check_proxy (ToolDoctor *self, Lp2pConfig *config)
{
  g_autofree char *option = lp2p_config_get_string (config, LP2P_CONFIG_GROUP_HOST, "proxy");
  g_autoptr (GError) error = NULL;
  g_autofree char *proxy = dup_proxy (self, &error);
  gboolean direct = g_strcmp0 (proxy, "direct://") == 0;
  g_autofree char *detail = NULL;

  if (proxy == NULL)
    tool_doctor_tell (self, NULL, "proxy", TOOL_VERDICT_WARNING, -1, error->message,
                      _("look at the proxy settings of the system"));
  else if (direct)
    tool_doctor_tell (self, NULL, "proxy", TOOL_VERDICT_OK, -1, _("the system has none"), NULL);
  else if (g_str_equal (option, "system"))
    tool_doctor_tell (self, NULL, "proxy", TOOL_VERDICT_OK, -1, _("TCP goes through that of the system"), NULL);
  else
    tool_doctor_tell (self, NULL, "proxy", TOOL_VERDICT_WARNING, -1,
                      _("the system has one, but it is not used"),
                      _("where there is no other way out: proxy='system' in the group [host]"));
}

void
tool_doctor_check_system (ToolDoctor *self, Lp2pConfig *config)
{
  check_files (self);
  check_route (self, "ipv4", ANYWHERE_IP4, _("without IPv4 most peers cannot be reached: look at the network"));
  check_route (self, "ipv6", ANYWHERE_IP6,
               _("peers that have IPv6 only cannot be reached; else nothing is wrong"));
  check_udp (self);
  if (self->dns_name != NULL)
    check_names (self);
  else
    tool_doctor_tell (self, NULL, "names", TOOL_VERDICT_OK, -1,
                      _("not tried, as that asks the name servers: --dns-name NAME does it"), NULL);
  check_proxy (self, config);
}
