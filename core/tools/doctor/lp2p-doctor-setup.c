/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What of the own set-up lp2p itself decides: configuration, loadable objects,
 * identity, where to listen. */

#include <lp2p/lp2p-plugin.h>

#include "tools/doctor/lp2p-doctor-private.h"
#include "types/lp2p-i18n-private.h"

#include "tools/lp2p-session-private.h"
#include "tools/lp2p-transports-private.h"
#include "tools/status/lp2p-control-private.h"

static Lp2pConfig *
check_configuration (ToolDoctor *self)
{
  ToolOptions *options = self->line->options;
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pConfig) config = tool_options_load_config (options, &error);
  g_autofree char *file = options->config_file != NULL ? g_strdup (options->config_file)
                                                       : lp2p_config_find_default_file ();

  if (config == NULL)
    tool_doctor_tell (self, NULL, "configuration", TOOL_VERDICT_FAILURE, -1, error->message,
                      _("correct it; lp2p config lists all options. What follows is for the defaults"));
  else
    tool_doctor_tell (self, NULL, "configuration", TOOL_VERDICT_OK, -1,
                      file != NULL ? file : _("no file, so all options have their defaults"), NULL);
  return config != NULL ? g_steal_pointer (&config) : lp2p_config_new ();
}

/* Loadable objects */

static void
check_plugin (ToolDoctor *self, Lp2pRegistry *registry, const ToolKind *kind, const char *name, guint *n_loaded)
{
  Lp2pDescriptor *descriptor = lp2p_registry_find (registry, name);
  g_autoptr (GError) error = NULL;
  g_autofree char *what = NULL;

  if (descriptor == NULL)
    {
      what = g_strdup_printf (_("%s \"%s\": enabled but not installed"), kind->kind, name);
      tool_doctor_tell (self, NULL, "plugin", TOOL_VERDICT_FAILURE, -1, what,
                        _("install it, or take it out of the configuration; lp2p inspect lists what there is"));
      return;
    }
  if (lp2p_loader_load (descriptor, &error) != G_TYPE_INVALID)
    {
      ++*n_loaded;
      return;
    }
  what = g_strdup_printf ("%s \"%s\": %s", kind->kind, name, error->message);
  tool_doctor_tell (self, NULL, "plugin", TOOL_VERDICT_FAILURE, -1, what,
                    _("install the version that goes with this one; lp2p inspect shows its file"));
}

static void
check_plugins (ToolDoctor *self, Lp2pConfig *config)
{
  g_autoptr (Lp2pRegistry) registry = lp2p_registry_new (config);
  g_autofree char *detail = NULL;
  guint n_all = 0;

  lp2p_registry_scan (registry);
  for (const ToolKind *kind = tool_kinds; kind->kind != NULL; kind++)
    {
      g_auto (GStrv) names = lp2p_config_get_strv (config, LP2P_CONFIG_GROUP_HOST, kind->option);
      guint n = 0;

      for (gsize i = 0; names[i] != NULL; i++)
        check_plugin (self, registry, kind, names[i], &n);
      if (n == 0 && g_str_equal (kind->kind, LP2P_KIND_TRANSPORT))
        tool_doctor_tell (self, NULL, "plugin", TOOL_VERDICT_FAILURE, -1, _("no transport can be used"),
                          _("enable one: transports=['tcp'] in the group [host]"));
      n_all += n;
    }
  detail = g_strdup_printf (_("%u loaded"), n_all);
  tool_doctor_tell (self, NULL, "plugins", TOOL_VERDICT_OK, -1, detail, NULL);
}

/* The identity */

static void
check_identity (ToolDoctor *self, Lp2pConfig *config)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pIdentity) identity = NULL;

  if (!tool_load_kept_identity (self->line->options, config, &identity, &error))
    tool_doctor_tell (self, NULL, "identity", TOOL_VERDICT_FAILURE, -1, error->message,
                      _("make the file readable for you alone (mode 0600), or name another one"));
  else if (identity == NULL)
    tool_doctor_tell (self, NULL, "identity", TOOL_VERDICT_WARNING, -1,
                      _("none is kept, so each start makes another peer"),
                      _("lp2p id --make makes one that stays"));
  else
    tool_doctor_tell (self, NULL, "identity", TOOL_VERDICT_OK, -1,
                      lp2p_peer_id_get_string (lp2p_identity_get_peer_id (identity)), NULL);
}

/* Listening */

static const char *
advise_on_listening (const GError *error)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE))
    return _("another program has the port, or a host that runs: lp2p status tells");
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED))
    return _("take a port from 1024 on, or let the program have lower ones (CAP_NET_BIND_SERVICE)");
  if (g_error_matches (error, LP2P_ERROR, LP2P_ERROR_NO_TRANSPORT))
    return _("enable the transport that the address is of, in transports of the group [host]");
  return _("name an address that this machine has; /ip4/0.0.0.0 and /ip6/:: stand for all");
}

static gboolean
try_address (ToolDoctor *self, Lp2pHost *host, const char *text, ToolVerdict verdict)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, &error);
  gint64 start = g_get_monotonic_time ();

  if (address != NULL && tool_host_listen (host, address, &error))
    {
      tool_doctor_tell (self, text, "listen", TOOL_VERDICT_OK,
                        (double) (g_get_monotonic_time () - start) / G_USEC_PER_SEC, _("can be listened on"), NULL);
      return TRUE;
    }
  tool_doctor_tell (self, text, "listen", verdict, -1, error->message, advise_on_listening (error));
  return FALSE;
}

static void
try_transports (ToolDoctor *self, Lp2pHost *host, Lp2pConfig *config)
{
  g_auto (GStrv) names = lp2p_config_get_strv (config, LP2P_CONFIG_GROUP_HOST, "transports");

  for (gsize i = 0; names[i] != NULL; i++)
    {
      g_autoptr (Lp2pDescriptor) transport = tool_find_transport (lp2p_host_get_plugins (host), names[i]);
      g_autofree char *text =
          transport != NULL ? tool_transport_dup_address (transport, "/ip4/127.0.0.1") : NULL;

      if (text != NULL)
        try_address (self, host, text, TOOL_VERDICT_FAILURE);
    }
}

static void
check_listening (ToolDoctor *self, Lp2pConfig *config)
{
  g_auto (GStrv) configured = lp2p_config_get_strv (config, LP2P_CONFIG_GROUP_HOST, "listen");
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pHost) host = NULL;

  /* A host that runs has the addresses and the peer store of the configuration. */
  if (lp2p_config_set_from_string (config, LP2P_CONFIG_GROUP_HOST, "listen", "[]", &error) &&
      lp2p_config_set_from_string (config, LP2P_CONFIG_GROUP_HOST, "peer-store", "''", &error))
    host = tool_host_start (config, NULL, &error);
  if (host == NULL)
    {
      tool_doctor_tell (self, NULL, "host", TOOL_VERDICT_FAILURE, -1, error->message,
                        _("what stands above may be the reason"));
      return;
    }
  try_transports (self, host, config);
  for (gsize i = 0; configured[i] != NULL; i++)
    try_address (self, host, configured[i], TOOL_VERDICT_WARNING);
  tool_host_close (host);
}

void
tool_doctor_check_setup (ToolDoctor *self)
{
  g_autoptr (Lp2pConfig) config = check_configuration (self);

  check_plugins (self, config);
  check_identity (self, config);
  check_listening (self, config);
  tool_doctor_check_system (self, config);
}
