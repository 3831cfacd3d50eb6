/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lp2p identify: what a peer says of itself. */

#include "tools/lp2p-output-private.h"
#include "tools/lp2p-session-private.h"
#include "types/lp2p-i18n-private.h"

#define WHAT "identify"

static const char description[] =
    N_("Connects to a peer and prints what its identify protocol tells: what it runs, which\n"
       "protocols it serves, where it can be reached, and as what it sees us. The service\n"
       "identify has to be enabled here, as it is by default. A temporary identity is used\n"
       "unless --identity names one.\n"
       "\n"
       "%s"
       "\n"
       "--json prints one object: peer_id, key_type, agent, protocols, addresses,\n"
       "observed_addresses, transport, security, muxer.\n"
       "\n"
       "Exit status: 3 could not connect, 4 another peer answered, 5 timed out.");

/* Waits for what the identify service learns. */
typedef struct
{
  Lp2pConnection *connection;
  ToolWait wait;
  gboolean lost;
} Watch;

static void
on_peer_updated (Lp2pHost *host, Lp2pPeerId *peer, gpointer user_data)
{
  Watch *watch = user_data;
  g_auto (GStrv) protocols = NULL;

  if (!lp2p_peer_id_equal (peer, lp2p_connection_get_remote_peer (watch->connection)))
    return;
  protocols = lp2p_host_dup_peer_protocols (host, peer);
  /* They are unknown until the peer has told them, whatever else is known. */
  if (protocols != NULL)
    watch->wait.done = TRUE;
}

static void
on_connection_removed (Lp2pHost *host, Lp2pConnection *connection, gpointer user_data)
{
  Watch *watch = user_data;

  if (connection == watch->connection)
    watch->lost = TRUE;
}

static gboolean
wait_for_peer (ToolDial *dial, double seconds, GError **error)
{
  Watch watch = { .connection = dial->connection };
  gulong updated_id, removed_id;

  tool_wait_init (&watch.wait, seconds);
  updated_id = g_signal_connect (dial->host, "peer-updated", G_CALLBACK (on_peer_updated), &watch);
  removed_id = g_signal_connect (dial->host, "connection-removed",
                                 G_CALLBACK (on_connection_removed), &watch);
  /* It may have come before the connection was told. */
  on_peer_updated (dial->host, lp2p_connection_get_remote_peer (dial->connection), &watch);

  while (!watch.wait.done && !watch.lost && !g_cancellable_is_cancelled (watch.wait.cancellable))
    g_main_context_iteration (NULL, TRUE);

  g_signal_handler_disconnect (dial->host, updated_id);
  g_signal_handler_disconnect (dial->host, removed_id);
  if (!watch.wait.done && watch.lost)
    {
      const GError *reason = lp2p_connection_get_error (dial->connection);

      g_set_error (error, LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST,
                   _("the connection ended before the peer told anything%s%s"),
                   reason != NULL ? ": " : "", reason != NULL ? reason->message : "");
    }
  else if (!watch.wait.done && watch.wait.timed_out)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                   _("timed out after %g s: connected, but the peer told nothing"), seconds);
    }
  else if (!watch.wait.done)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, _("interrupted"));
    }
  tool_wait_clear (&watch.wait);
  return watch.wait.done;
}

static char **
list_addresses (GPtrArray *addresses)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (guint i = 0; addresses != NULL && i < addresses->len; i++)
    g_strv_builder_add (builder, lp2p_multiaddr_get_string (g_ptr_array_index (addresses, i)));
  return g_strv_builder_end (builder);
}

static void
print_list (const char *name, char **values)
{
  for (gsize i = 0; values != NULL && values[i] != NULL; i++)
    tool_print_field (i == 0 ? name : "", values[i]);
}

static void
show (ToolDial *dial, gboolean json)
{
  Lp2pPeerId *peer = lp2p_connection_get_remote_peer (dial->connection);
  Lp2pPublicKey *key = lp2p_connection_get_remote_key (dial->connection);
  const char *key_type =
      key != NULL ? lp2p_key_type_to_string (lp2p_public_key_get_key_type (key)) : NULL;
  g_autofree char *agent = lp2p_host_dup_peer_agent (dial->host, peer);
  g_auto (GStrv) protocols = lp2p_host_dup_peer_protocols (dial->host, peer);
  g_autoptr (GPtrArray) known = lp2p_host_dup_peer_addresses (dial->host, peer);
  g_autoptr (GPtrArray) seen = lp2p_host_dup_observed_addresses (dial->host);
  g_auto (GStrv) addresses = list_addresses (known);
  g_auto (GStrv) observed = list_addresses (seen);
  g_autoptr (ToolJson) object = NULL;

  if (!json)
    {
      tool_print_field (_("peer id"), lp2p_peer_id_get_string (peer));
      tool_print_field (_("key type"), key_type != NULL ? key_type : _("unknown"));
      tool_print_field (_("agent"), agent != NULL ? agent : _("unknown"));
      print_list (_("protocols"), protocols);
      print_list (_("addresses"), addresses);
      print_list (_("sees us as"), observed);
      return;
    }
  object = tool_json_new ();
  tool_json_add_string (object, "peer_id", lp2p_peer_id_get_string (peer));
  tool_json_add_string (object, "key_type", key_type);
  tool_json_add_string (object, "agent", agent);
  tool_json_add_strings (object, "protocols", (const char *const *) protocols);
  tool_json_add_strings (object, "addresses", (const char *const *) addresses);
  tool_json_add_strings (object, "observed_addresses", (const char *const *) observed);
  tool_json_add_string (object, "transport", lp2p_connection_get_transport (dial->connection));
  tool_json_add_string (object, "security", lp2p_connection_get_security (dial->connection));
  tool_json_add_string (object, "muxer", lp2p_connection_get_muxer (dial->connection));
  tool_json_print (object);
}

int
tool_command_identify (ToolLine *line)
{
  gboolean json = FALSE;
  double timeout = 10;
  const GOptionEntry entries[] = {
    { "timeout", 0, 0, G_OPTION_ARG_DOUBLE, &timeout,
      N_("Seconds that connecting and the answer may take; the default is 10"), N_("SECONDS") },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, N_("Print a JSON object"), NULL },
    { NULL },
  };
  g_autofree char *help = g_strdup_printf (_(description), _(TOOL_ADDRESS_HELP));
  g_auto (ToolDial) dial = { NULL };
  g_autoptr (GError) error = NULL;
  int status;

  if (!tool_line_parse (line, entries, help, 1, 1))
    return TOOL_EXIT_USAGE;
  if (!(timeout > 0 && timeout <= 86400))
    return tool_fail (TOOL_EXIT_USAGE, WHAT,
                      _("a timeout of %g s, expected more than 0, at most 86400"), timeout);
  status = tool_dial (line, line->arguments[0], timeout, &dial);
  if (status != TOOL_EXIT_OK)
    return status;
  if (!wait_for_peer (&dial, timeout, &error))
    return tool_fail_error (WHAT, error);
  show (&dial, json);
  return TOOL_EXIT_OK;
}
