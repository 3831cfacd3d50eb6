/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/lp2p-transports-private.h"

#include <string.h>

static gboolean
is_transport (Lp2pDescriptor *descriptor)
{
  return lp2p_descriptor_get_error (descriptor) == NULL &&
         g_str_equal (lp2p_descriptor_get_kind (descriptor), LP2P_KIND_TRANSPORT);
}

/**
 * tool_find_transport:
 * @descriptors: (element-type Lp2pDescriptor): what is installed
 * @name: a name
 *
 * Returns: (transfer full) (nullable): the transport of that name
 */
Lp2pDescriptor *
tool_find_transport (GListModel *descriptors, const char *name)
{
  for (guint i = 0; i < g_list_model_get_n_items (descriptors); i++)
    {
      g_autoptr (Lp2pDescriptor) descriptor = g_list_model_get_item (descriptors, i);

      if (is_transport (descriptor) && g_str_equal (lp2p_descriptor_get_name (descriptor), name))
        return g_steal_pointer (&descriptor);
    }
  return NULL;
}

static Lp2pProtocol
get_protocol (Lp2pMultiaddr *address, guint i, gsize *size)
{
  Lp2pProtocol protocol = 0;
  const guint8 *value;

  lp2p_multiaddr_get_component (address, i, &protocol, &value, size);
  return protocol;
}

/* What is behind a relay is for its transport alone, however the relay is reached. */
static guint
find_start (Lp2pMultiaddr *address)
{
  int relay = lp2p_multiaddr_find_last (address, LP2P_PROTOCOL_P2P_CIRCUIT);

  return relay >= 0 ? (guint) relay : 0;
}

/* Each protocol of the form is there in its turn, with whichever value; between them
 * there are only values that make an address more precise, such as a name or a hash. */
static gboolean
has_form (Lp2pMultiaddr *address, const char *text)
{
  g_autofree char *rest = lp2p_descriptor_fill_address (text, NULL);
  g_autoptr (Lp2pMultiaddr) form = lp2p_multiaddr_new_from_string (rest, NULL);
  guint n_form = lp2p_multiaddr_get_n_components (form);
  guint next = 0;

  for (guint i = find_start (address); i < lp2p_multiaddr_get_n_components (address); i++)
    {
      gsize size;
      Lp2pProtocol protocol = get_protocol (address, i, &size);

      if (next < n_form && protocol == get_protocol (form, next, NULL))
        next++;
      else if (size == 0)
        return FALSE;
    }
  return next == n_form;
}

static gboolean
has_any_form (Lp2pMultiaddr *address, const char *const *forms)
{
  for (gsize i = 0; forms[i] != NULL; i++)
    if (has_form (address, forms[i]))
      return TRUE;
  return FALSE;
}

/**
 * tool_find_transport_for:
 * @descriptors: (element-type Lp2pDescriptor): what is installed
 * @address: an address
 *
 * Returns: (transfer full) (nullable): the transport that has addresses like it
 */
Lp2pDescriptor *
tool_find_transport_for (GListModel *descriptors, Lp2pMultiaddr *address)
{
  for (guint i = 0; i < g_list_model_get_n_items (descriptors); i++)
    {
      g_autoptr (Lp2pDescriptor) descriptor = g_list_model_get_item (descriptors, i);

      if (is_transport (descriptor) && has_any_form (address, lp2p_descriptor_get_addresses (descriptor)))
        return g_steal_pointer (&descriptor);
    }
  return NULL;
}

gboolean
tool_transport_has (Lp2pDescriptor *transport, const char *trait)
{
  return g_strv_contains (lp2p_descriptor_get_traits (transport), trait);
}

/* Two peers alone cannot show it. */
gboolean
tool_transport_needs_relay (Lp2pDescriptor *transport)
{
  const char *form = lp2p_descriptor_get_addresses (transport)[0];

  return form != NULL && strstr (form, "/p2p-circuit") != NULL;
}

/* Whether the address of an interface is a part of where it listens. */
gboolean
tool_transport_has_ip (Lp2pDescriptor *transport)
{
  const char *form = lp2p_descriptor_get_addresses (transport)[0];

  return form != NULL && g_str_has_prefix (form, LP2P_ADDRESS_FORM_IP);
}

/**
 * tool_transport_dup_address:
 * @transport: a transport
 * @ip: the address of an interface, such as `/ip4/127.0.0.1`, for a transport that has one
 *
 * Returns: (transfer full) (nullable): an address on a free port
 */
char *
tool_transport_dup_address (Lp2pDescriptor *transport, const char *ip)
{
  const char *form = lp2p_descriptor_get_addresses (transport)[0];

  if (form == NULL || tool_transport_needs_relay (transport))
    return NULL;
  return lp2p_descriptor_fill_address (form, ip);
}
