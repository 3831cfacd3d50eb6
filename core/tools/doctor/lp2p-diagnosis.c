/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What an error of a dial means, and what can be done about it. */

#include "tools/doctor/lp2p-doctor-private.h"

#include "tools/lp2p-transports-private.h"
#include "types/lp2p-i18n-private.h"

static char *
advise_on_transport (Lp2pConfig *config, Lp2pMultiaddr *address)
{
  g_autoptr (Lp2pRegistry) registry = lp2p_registry_new (config);
  g_autoptr (Lp2pDescriptor) transport = NULL;
  const char *name;

  lp2p_registry_scan (registry);
  transport = tool_find_transport_for (lp2p_registry_get_descriptors (registry), address);
  if (transport == NULL)
    return g_strdup (_("no transport that is installed here has such addresses: install one, or ask the peer for "
                       "another one"));
  name = lp2p_descriptor_get_name (transport);
  if (!lp2p_registry_is_enabled (registry, transport))
    return g_strdup_printf (_("enable it: add '%s' to transports in the group [host]"), name);
  return g_strdup_printf (_("the transport %s does not take this address; lp2p inspect %s shows whether it works"),
                          name, name);
}

static const char *
advise_on_connecting (const GError *error)
{
  switch (error->code)
    {
    case G_IO_ERROR_CONNECTION_REFUSED:
      return _("the machine is there, but nobody listens on the port: is the peer running, and is this its port?");
    case G_IO_ERROR_HOST_UNREACHABLE:
    case G_IO_ERROR_NETWORK_UNREACHABLE:
      return _("this machine has no route there: look at the network, or use an address of the other IP version");
    case G_IO_ERROR_TIMED_OUT:
      return _("nothing comes back: a firewall drops it, the machine is off, or a NAT is in between");
    case G_IO_ERROR_PROXY_FAILED:
    case G_IO_ERROR_PROXY_AUTH_FAILED:
    case G_IO_ERROR_PROXY_NEED_AUTH:
    case G_IO_ERROR_PROXY_NOT_ALLOWED:
      return _("the proxy does not let it through: look at the proxy settings of the system");
    default:
      return NULL;
    }
}

static void
set (ToolDiagnosis *self, const char *check, const char *advice)
{
  self->check = check;
  self->advice = g_strdup (advice);
}

/* @diagnosis: (out): to be cleared */
void
tool_diagnose (const GError *error, Lp2pConfig *config, Lp2pMultiaddr *address, ToolDiagnosis *diagnosis)
{
  if (error->domain == G_IO_ERROR)
    {
      set (diagnosis, "connect", advise_on_connecting (error));
      return;
    }
  if (error->domain != LP2P_ERROR)
    {
      set (diagnosis, "handshake", NULL);
      return;
    }
  switch (error->code)
    {
    case LP2P_ERROR_NO_TRANSPORT:
      diagnosis->check = "transport";
      diagnosis->advice = advise_on_transport (config, address);
      break;
    case LP2P_ERROR_NO_ADDRESS:
    case LP2P_ERROR_REFUSED_BY_GATER:
      set (diagnosis, "filter", _("it is not dialed from here: ask the peer for another address"));
      break;
    case LP2P_ERROR_WRONG_PEER:
      set (diagnosis, "peer", _("another peer is there now: take its new id, if it is the one you want"));
      break;
    default:
      set (diagnosis, "handshake",
           _("something answers, but does not speak with us: is it libp2p, with a security protocol and a "
             "muxer that are enabled here?"));
    }
}

void
tool_diagnosis_clear (ToolDiagnosis *self)
{
  g_clear_pointer (&self->advice, g_free);
}
