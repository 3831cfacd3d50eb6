/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/lp2p-listening-private.h"

#include "tools/lp2p-transports-private.h"
#include "types/lp2p-i18n-private.h"

/* Where nobody said where: on all interfaces, on free ports. */
#define ANY_IP4 "/ip4/0.0.0.0"
#define ANY_IP6 "/ip6/::"

/* Returns: (element-type Lp2pMultiaddr): empty for none */
GPtrArray *
tool_parse_addresses (char **texts, GError **error)
{
  g_autoptr (GPtrArray) addresses =
      g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);

  for (gsize i = 0; texts != NULL && texts[i] != NULL; i++)
    {
      Lp2pMultiaddr *address = lp2p_multiaddr_new_from_string (texts[i], error);

      if (address == NULL)
        return NULL;
      g_ptr_array_add (addresses, address);
    }
  return g_steal_pointer (&addresses);
}

/* The texts of addresses. */
GStrv
tool_list_addresses (GPtrArray *addresses)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (guint i = 0; i < addresses->len; i++)
    g_strv_builder_add (builder, lp2p_multiaddr_get_string (g_ptr_array_index (addresses, i)));
  return g_strv_builder_end (builder);
}

/* For a host that does not listen, or where the command line says. */
gboolean
tool_forget_listen (Lp2pConfig *config, GError **error)
{
  return lp2p_config_set_from_string (config, LP2P_CONFIG_GROUP_HOST, "listen", "[]", error);
}

static gboolean
listen_on_all (Lp2pHost *host, GPtrArray *addresses, GError **error)
{
  for (guint i = 0; i < addresses->len; i++)
    {
      Lp2pMultiaddr *address = g_ptr_array_index (addresses, i);

      if (!tool_host_listen (host, address, error))
        {
          g_prefix_error (error, "%s: ", lp2p_multiaddr_get_string (address));
          return FALSE;
        }
    }
  return TRUE;
}

/* A system without IPv6, or a transport that is broken, is no failure here. */
static guint
try_to_listen (Lp2pHost *host, ToolOptions *options, Lp2pDescriptor *transport, const char *ip)
{
  g_autofree char *text = tool_transport_dup_address (transport, ip);
  g_autoptr (Lp2pMultiaddr) address = NULL;
  g_autoptr (GError) error = NULL;

  if (text != NULL)
    address = lp2p_multiaddr_new_from_string (text, &error);
  if (address == NULL)
    return 0;
  if (tool_host_listen (host, address, &error))
    return 1;
  tool_note (options, _("not listening on %s: %s"), text, error->message);
  return 0;
}

static gboolean
listen_anywhere (Lp2pHost *host, ToolOptions *options, GError **error)
{
  g_auto (GStrv) names =
      lp2p_config_get_strv (lp2p_host_get_config (host), LP2P_CONFIG_GROUP_HOST, "transports");
  guint n = 0;

  for (gsize i = 0; names[i] != NULL; i++)
    {
      g_autoptr (Lp2pDescriptor) transport = tool_find_transport (lp2p_host_get_plugins (host), names[i]);

      if (transport == NULL || tool_transport_has (transport, LP2P_TRAIT_LOCAL))
        continue;
      n += try_to_listen (host, options, transport, ANY_IP4);
      if (tool_transport_has_ip (transport))
        n += try_to_listen (host, options, transport, ANY_IP6);
    }
  if (n > 0)
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                       _("there is no address to listen on: name one, or set listen in the "
                         "configuration; lp2p inspect shows which transports work"));
  return FALSE;
}

/**
 * tool_listen:
 * @host: a host that runs, and so listens where its configuration says
 * @options: the common options
 * @addresses: (element-type Lp2pMultiaddr): those of the command line
 * @error: return location for an error
 *
 * Listens on the addresses of the command line, or else somewhere, unless the
 * configuration has said where.
 *
 * Returns: whether it listens
 */
gboolean
tool_listen (Lp2pHost *host, ToolOptions *options, GPtrArray *addresses, GError **error)
{
  g_auto (GStrv) configured =
      lp2p_config_get_strv (lp2p_host_get_config (host), LP2P_CONFIG_GROUP_HOST, "listen");

  if (!listen_on_all (host, addresses, error))
    return FALSE;
  return addresses->len > 0 || configured[0] != NULL || listen_anywhere (host, options, error);
}
