/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/status/lp2p-control-private.h"

#include "tools/lp2p-output-private.h"
#include "types/lp2p-i18n-private.h"

#include <unistd.h>

#define RATE_KEY "tool-rate"

/* How fast a connection was between the last two times that its counters were told,
 * which is at most once a second. Nothing wakes up for it.
 * @down, @up: in bytes per second */
typedef struct
{
  gint64 time;
  guint64 read;
  guint64 written;
  double down;
  double up;
} Rate;

struct _ToolReporter
{
  Lp2pHost *host;
  char *command;
  gint64 started;
};

/* Rates */

static void
rate_take (Rate *self, Lp2pConnection *connection)
{
  gint64 now = g_get_monotonic_time ();
  double seconds = (double) (now - self->time) / G_USEC_PER_SEC;
  guint64 read = lp2p_connection_get_bytes_read (connection);
  guint64 written = lp2p_connection_get_bytes_written (connection);

  if (seconds < 1)
    return;
  self->down = (double) (read - self->read) / seconds;
  self->up = (double) (written - self->written) / seconds;
  self->time = now;
  self->read = read;
  self->written = written;
}

static void
on_counted (Lp2pConnection *connection, GParamSpec *pspec, gpointer user_data)
{
  rate_take (user_data, connection);
}

static void
watch_connection (Lp2pHost *host, Lp2pConnection *connection, gpointer user_data)
{
  Rate *rate = g_new0 (Rate, 1);

  rate->time = g_get_monotonic_time ();
  rate->read = lp2p_connection_get_bytes_read (connection);
  rate->written = lp2p_connection_get_bytes_written (connection);
  g_object_set_data_full (G_OBJECT (connection), RATE_KEY, rate, g_free);
  /* The last of the counters that are told together. */
  g_signal_connect (connection, "notify::bytes-written", G_CALLBACK (on_counted), rate);
}

static void
unwatch_connection (Lp2pHost *host, Lp2pConnection *connection, gpointer user_data)
{
  g_signal_handlers_disconnect_matched (connection, G_SIGNAL_MATCH_FUNC, 0, 0, NULL, on_counted,
                                        NULL);
  g_object_set_data (G_OBJECT (connection), RATE_KEY, NULL);
}

/* Lines */

static const char **
get_texts (GPtrArray *addresses)
{
  const char **texts = g_new0 (const char *, addresses->len + 1);

  for (guint i = 0; i < addresses->len; i++)
    texts[i] = lp2p_multiaddr_get_string (g_ptr_array_index (addresses, i));
  return texts;
}

static void
append_host (ToolReporter *self, GString *lines)
{
  g_autoptr (ToolJson) object = tool_json_new ();
  g_autoptr (GPtrArray) listen = lp2p_host_dup_listen_addresses (self->host);
  g_autoptr (GPtrArray) observed = lp2p_host_dup_observed_addresses (self->host);
  g_autofree const char **listen_texts = get_texts (listen);
  g_autofree const char **observed_texts = get_texts (observed);

  tool_json_add_string (object, "type", "host");
  tool_json_add_integer (object, "pid", getpid ());
  tool_json_add_string (object, "command", self->command);
  tool_json_add_string (object, "version", LP2P_VERSION_S);
  tool_json_add_string (object, "peer_id",
                        lp2p_peer_id_get_string (lp2p_host_get_peer_id (self->host)));
  tool_json_add_number (object, "uptime_s",
                        (double) (g_get_monotonic_time () - self->started) / G_USEC_PER_SEC, 1);
  tool_json_add_strings (object, "addresses", listen_texts);
  tool_json_add_strings (object, "observed_addresses", observed_texts);
  tool_json_append (object, lines);
}

static const char *
describe_state (Lp2pConnection *connection)
{
  switch (lp2p_connection_get_state (connection))
    {
    case LP2P_CONNECTION_CONNECTING:
      return "connecting";
    case LP2P_CONNECTION_EARLY:
      return "early";
    case LP2P_CONNECTION_READY:
      return "ready";
    case LP2P_CONNECTION_CLOSING:
      return "closing";
    case LP2P_CONNECTION_CLOSED:
    default:
      return "closed";
    }
}

static const char *
get_address (Lp2pMultiaddr *address)
{
  return address != NULL ? lp2p_multiaddr_get_string (address) : NULL;
}

static void
append_connection (GString *lines, Lp2pConnection *connection)
{
  g_autoptr (ToolJson) object = tool_json_new ();
  Rate *rate = g_object_get_data (G_OBJECT (connection), RATE_KEY);
  gint64 rtt = lp2p_connection_get_rtt (connection);

  if (rate != NULL)
    rate_take (rate, connection);
  tool_json_add_string (object, "type", "connection");
  tool_json_add_string (object, "peer_id",
                        lp2p_peer_id_get_string (lp2p_connection_get_remote_peer (connection)));
  tool_json_add_string (
      object, "direction",
      lp2p_connection_get_direction (connection) == LP2P_ROLE_INITIATOR ? N_("out") : N_("in"));
  tool_json_add_string (object, "state", describe_state (connection));
  tool_json_add_string (object, "transport", lp2p_connection_get_transport (connection));
  tool_json_add_string (object, "security", lp2p_connection_get_security (connection));
  tool_json_add_string (object, "muxer", lp2p_connection_get_muxer (connection));
  tool_json_add_string (object, "remote_address",
                        get_address (lp2p_connection_get_remote_address (connection)));
  tool_json_add_string (object, "local_address",
                        get_address (lp2p_connection_get_local_address (connection)));
  tool_json_add_boolean (object, "limited", lp2p_connection_get_limited (connection));
  if (rtt >= 0)
    tool_json_add_number (object, "rtt_ms", (double) rtt / 1000, 3);
  else
    tool_json_add_null (object, "rtt_ms");
  tool_json_add_integer (object, "streams", lp2p_connection_get_n_streams (connection));
  tool_json_add_integer (object, "bytes_read", (gint64) lp2p_connection_get_bytes_read (connection));
  tool_json_add_integer (object, "bytes_written",
                         (gint64) lp2p_connection_get_bytes_written (connection));
  tool_json_add_number (object, "down_bytes_s", rate != NULL ? rate->down : 0, 0);
  tool_json_add_number (object, "up_bytes_s", rate != NULL ? rate->up : 0, 0);
  tool_json_append (object, lines);
}

static void
append_kept (GString *lines, Lp2pKeptPeer *kept)
{
  g_autoptr (ToolJson) object = tool_json_new ();
  const GError *error = lp2p_kept_peer_get_error (kept);

  tool_json_add_string (object, "type", "kept");
  tool_json_add_string (object, "peer_id",
                        lp2p_peer_id_get_string (lp2p_kept_peer_get_peer_id (kept)));
  tool_json_add_string (object, "state", tool_describe_kept (kept));
  tool_json_add_number (object, "retry_s",
                        (double) lp2p_kept_peer_get_retry_delay (kept) / G_USEC_PER_SEC, 3);
  tool_json_add_string (object, "error", error != NULL ? error->message : NULL);
  tool_json_append (object, lines);
}

static void
append_limit (ToolReporter *self, GString *lines, const char *option, guint64 limit)
{
  g_autoptr (ToolJson) object = tool_json_new ();

  tool_json_add_string (object, "type", "limit");
  tool_json_add_string (object, "option", option);
  tool_json_add_integer (object, "used", (gint64) lp2p_host_get_usage (self->host, option));
  tool_json_add_integer (object, "limit", (gint64) limit);
  tool_json_append (object, lines);
}

void
tool_reporter_append (ToolReporter *self, GString *lines)
{
  static const char *const options[] = { "max-connections", "max-half-open", "max-streams" };
  Lp2pConfig *config = lp2p_host_get_config (self->host);
  GListModel *connections = lp2p_host_get_connections (self->host);
  g_autoptr (GPtrArray) kept = lp2p_host_dup_kept_peers (self->host);

  append_host (self, lines);
  for (guint i = 0; i < g_list_model_get_n_items (connections); i++)
    {
      g_autoptr (Lp2pConnection) connection = g_list_model_get_item (connections, i);

      append_connection (lines, connection);
    }
  for (guint i = 0; i < kept->len; i++)
    append_kept (lines, g_ptr_array_index (kept, i));
  for (gsize i = 0; i < G_N_ELEMENTS (options); i++)
    append_limit (self, lines, options[i],
                  lp2p_config_get_uint (config, LP2P_CONFIG_GROUP_HOST, options[i]));
  append_limit (self, lines, "memory-budget",
                lp2p_config_get_uint64 (config, LP2P_CONFIG_GROUP_HOST, "memory-budget"));
}

/* Life */

ToolReporter *
tool_reporter_new (Lp2pHost *host, const char *command)
{
  ToolReporter *self = g_new0 (ToolReporter, 1);

  self->host = g_object_ref (host);
  self->command = g_strdup (command);
  self->started = g_get_monotonic_time ();
  g_signal_connect (host, "connection-added", G_CALLBACK (watch_connection), NULL);
  g_signal_connect (host, "connection-removed", G_CALLBACK (unwatch_connection), NULL);
  return self;
}

void
tool_reporter_free (ToolReporter *self)
{
  GListModel *connections = lp2p_host_get_connections (self->host);

  g_signal_handlers_disconnect_by_func (self->host, watch_connection, NULL);
  g_signal_handlers_disconnect_by_func (self->host, unwatch_connection, NULL);
  for (guint i = 0; i < g_list_model_get_n_items (connections); i++)
    {
      g_autoptr (Lp2pConnection) connection = g_list_model_get_item (connections, i);

      unwatch_connection (self->host, connection, NULL);
    }
  g_object_unref (self->host);
  g_free (self->command);
  g_free (self);
}
