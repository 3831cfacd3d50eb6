/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/send/lp2p-send-session-private.h"

#include "tools/lp2p-listening-private.h"
#include "tools/lp2p-output-private.h"
#include "types/lp2p-i18n-private.h"

gboolean
send_check_timeout (ToolLine *line, double timeout)
{
  if (timeout > 0 && timeout <= 86400)
    return TRUE;
  tool_fail (TOOL_EXIT_USAGE, line->command->name,
             _("a timeout of %g s, expected more than 0, at most 86400"), timeout);
  return FALSE;
}

/**
 * send_start_listener:
 * @line: the line of the command
 * @addresses: (nullable): where to listen
 * @error: return location for an error
 *
 * Starts a host as lp2p listen does.
 *
 * Returns: (transfer full): the host
 */
Lp2pHost *
send_start_listener (ToolLine *line, char **addresses, GError **error)
{
  g_autoptr (GPtrArray) parsed = tool_parse_addresses (addresses, error);
  g_autoptr (Lp2pConfig) config = NULL;
  g_autoptr (Lp2pIdentity) identity = NULL;
  g_autoptr (Lp2pHost) host = NULL;

  if (parsed == NULL)
    return NULL;
  config = tool_options_load_config (line->options, error);
  if (config == NULL || (parsed->len > 0 && !tool_forget_listen (config, error)))
    return NULL;
  identity = tool_load_identity (line->options, config, TRUE, error);
  if (identity == NULL)
    return NULL;
  host = tool_host_start (config, identity, error);
  if (host == NULL)
    return NULL;
  if (tool_listen (host, line->options, parsed, error))
    return g_steal_pointer (&host);
  tool_host_close (host);
  return NULL;
}

/**
 * send_start_dialer:
 * @line: the line of the command
 * @identity: (nullable): its identity; %NULL for that of --identity, or else the one
 *   of a listener, by which the other side knows us
 * @error: return location for an error
 *
 * Starts a host that does not listen.
 *
 * Returns: (transfer full): the host
 */
Lp2pHost *
send_start_dialer (ToolLine *line, Lp2pIdentity *identity, GError **error)
{
  g_autoptr (Lp2pConfig) config = tool_options_load_config (line->options, error);
  g_autoptr (Lp2pIdentity) own = NULL;

  if (config == NULL || !tool_forget_listen (config, error))
    return NULL;
  if (identity != NULL && line->options->identity_file == NULL)
    own = g_object_ref (identity);
  else
    own = tool_load_identity (line->options, config, TRUE, error);
  return own != NULL ? tool_host_start (config, own, error) : NULL;
}

static Lp2pConnection *
connect_to (
    Lp2pHost *host, Lp2pPeerId *peer, GPtrArray *addresses, double seconds, GError **error)
{
  Lp2pConnection *connection;
  g_auto (ToolWait) wait;

  tool_wait_init (&wait, seconds);
  lp2p_host_connect_peer_async (host, peer, addresses, wait.cancellable, tool_wait_ready, &wait);
  connection = lp2p_host_connect_finish (host, tool_wait_run (&wait), error);
  if (connection == NULL)
    tool_wait_explain (&wait, error);
  return connection;
}

/**
 * send_open_channel:
 * @host: a host
 * @peer: (nullable): to whom
 * @addresses: (element-type Lp2pMultiaddr): where that peer is
 * @seconds: how long that may take
 * @error: return location for an error
 *
 * Connects, and opens a stream of the protocol.
 *
 * Returns: (transfer full): the channel
 */
SendChannel *
send_open_channel (
    Lp2pHost *host, Lp2pPeerId *peer, GPtrArray *addresses, double seconds, GError **error)
{
  g_autoptr (Lp2pConnection) connection = connect_to (host, peer, addresses, seconds, error);
  g_autoptr (Lp2pStream) stream = NULL;

  if (connection == NULL)
    return NULL;
  stream = tool_connection_open_stream (connection, SEND_PROTOCOL, seconds, error);
  return stream != NULL ? send_channel_new (stream) : NULL;
}

static void
print_error (ToolLine *line, SendReport *report, const GError *error)
{
  g_autoptr (ToolJson) object = NULL;

  if (!send_report_get_json (report))
    return;
  object = tool_json_new ();
  tool_json_add_string (object, "type", "error");
  tool_json_add_string (object, "reason", error->message);
  tool_json_print (object);
}

/**
 * send_end:
 * @line: the line of the command
 * @channel: the channel
 * @report: who told the user
 * @good: whether the transfer came to its end
 * @error: why it did not
 *
 * Ends a transfer: tells the peer, and the user.
 *
 * Returns: what the command is to end with
 */
int
send_end (ToolLine *line, SendChannel *channel, SendReport *report, gboolean good, GError *error)
{
  g_autoptr (GError) explained = NULL;

  send_report_pause (report);
  if (good)
    {
      send_channel_part (channel, SEND_BODY (ABORT), NULL);
      return send_report_finish (report);
    }
  /* What the peer said itself it need not be told. */
  send_channel_part (channel, SEND_BODY (ABORT),
                     g_error_matches (error, LP2P_ERROR, LP2P_ERROR_FAILED) ? NULL : error->message);
  explained = g_error_copy (error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_free (explained->message);
      explained->message = g_strdup (_("interrupted; the same transfer begun again goes on where "
                                       "this one ended"));
    }
  print_error (line, report, explained);
  return tool_fail_error (line->command->name, explained);
}
