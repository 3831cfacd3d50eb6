/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lp2p listen: a peer that others can connect to, until it is interrupted. */

#include "tools/lp2p-listening-private.h"
#include "tools/lp2p-output-private.h"
#include "tools/lp2p-session-private.h"
#include "tools/lp2p-transfer-private.h"
#include "tools/status/lp2p-control-private.h"
#include "types/lp2p-i18n-private.h"

#include <glib-unix.h>
#include <unistd.h>

#define WHAT          "listen"
#define ECHO_PROTOCOL "/lp2p/echo/1.0.0"

typedef struct
{
  gboolean echo;
  gboolean json;
  char **services; /* in addition to those of the configuration */
  /* How lp2p demo calls it: where to store files, for whom, and how large ones. */
  char *demo_folder;
  char *demo_peer;
  gint64 demo_size;
} Options;

typedef struct
{
  const Options *options;
  ToolOptions *common;
  Lp2pHost *host;
  /* Whether the command line says where to listen, not the configuration. */
  gboolean own_addresses;
  GHashTable *printed; /* addresses */
} Listen;

static const char description[] =
    N_("Listens on the ADDRESSes, or else on those of the configuration, or else on a free\n"
       "port of each enabled transport on all interfaces. Serves the enabled services, reads\n"
       "the configuration file again on SIGHUP, and ends in order on SIGINT or SIGTERM.\n"
       "\n"
       "It prints its peer id and its addresses when it is ready, and addresses that come\n"
       "later when they come. --json prints an object with peer_id and addresses each time\n"
       "instead.\n"
       "\n"
       "Its identity is the one of --identity, of the configuration, or the one that lp2p id\n"
       "keeps; without any of them, a temporary one.\n"
       "\n"
       "Exit status: 0 it was told to end, 1 it could not begin.\n"
       "\n"
       "Example:\n"
       "  lp2p listen /ip4/0.0.0.0/tcp/4001");

static void
options_clear (Options *self)
{
  g_free (self->demo_folder);
  g_free (self->demo_peer);
  g_strfreev (self->services);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

/* Echo */

static void
on_echoed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Lp2pStream) stream = user_data;
  g_autoptr (GError) error = NULL;

  if (g_output_stream_splice_finish (G_OUTPUT_STREAM (source), result, &error) < 0)
    {
      lp2p_log_connection (G_LOG_LEVEL_MESSAGE, lp2p_stream_get_connection (stream), "%s: %s", ECHO_PROTOCOL,
                           error->message);
      lp2p_stream_reset (stream, LP2P_CODE_NONE);
    }
}

static void
on_echo (Lp2pStream *stream, gpointer user_data)
{
  g_output_stream_splice_async (g_io_stream_get_output_stream (G_IO_STREAM (stream)),
                                g_io_stream_get_input_stream (G_IO_STREAM (stream)),
                                G_OUTPUT_STREAM_SPLICE_CLOSE_SOURCE |
                                    G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET,
                                G_PRIORITY_DEFAULT, NULL, on_echoed, g_object_ref (stream));
}

/* Output */

static void
print_addresses (Listen *self, gboolean first)
{
  const char *peer = lp2p_peer_id_get_string (lp2p_host_get_peer_id (self->host));
  g_autoptr (GPtrArray) addresses = lp2p_host_dup_listen_addresses (self->host);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) texts = NULL;
  gboolean changed = first;

  if (first && !self->options->json)
    tool_print_field (_("peer id"), peer);
  for (guint i = 0; i < addresses->len; i++)
    {
      const char *text = lp2p_multiaddr_get_string (g_ptr_array_index (addresses, i));

      g_strv_builder_add (builder, text);
      if (!g_hash_table_add (self->printed, g_strdup (text)))
        continue;
      changed = TRUE;
      if (!self->options->json)
        tool_print_field (_("address"), text);
    }
  texts = g_strv_builder_end (builder);
  if (self->options->json && changed)
    {
      g_autoptr (ToolJson) object = tool_json_new ();

      tool_json_add_string (object, "peer_id", peer);
      tool_json_add_strings (object, "addresses", (const char *const *) texts);
      tool_json_print (object);
    }
  tool_flush ();
}

static void
on_addresses_changed (Lp2pHost *host, GParamSpec *pspec, gpointer user_data)
{
  print_addresses (user_data, FALSE);
}

static void
on_connection_added (Lp2pHost *host, Lp2pConnection *connection, gpointer user_data)
{
  g_autofree char *description = tool_describe_connection (connection);

  tool_note (user_data, _("connected: %s"), description);
}

static void
on_connection_removed (Lp2pHost *host, Lp2pConnection *connection, gpointer user_data)
{
  const GError *error = lp2p_connection_get_error (connection);

  tool_note (user_data, _("connection over: %s%s%s"),
             lp2p_peer_id_get_string (lp2p_connection_get_remote_peer (connection)),
             error != NULL ? ": " : "", error != NULL ? error->message : "");
}

/* The demo */

/* The demo holds the other end: when it is gone, so are we. */
static gboolean
on_stdin (int fd, GIOCondition condition, gpointer user_data)
{
  char byte;

  if (read (fd, &byte, 1) > 0)
    return G_SOURCE_CONTINUE;
  tool_interrupt ();
  return G_SOURCE_REMOVE;
}

static gboolean
serve_demo (Listen *self, GError **error)
{
  const Options *options = self->options;
  g_autoptr (Lp2pPeerId) peer = NULL;

  if (options->demo_folder == NULL)
    return TRUE;
  peer = lp2p_peer_id_new_from_string (options->demo_peer != NULL ? options->demo_peer : "", error);
  if (peer == NULL)
    return FALSE;
  tool_transfer_serve (self->host, options->demo_folder, peer, (guint64) options->demo_size);
  g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP | G_IO_ERR, on_stdin, NULL);
  return TRUE;
}

static gboolean
enable_services (Lp2pConfig *config, char **names, GError **error)
{
  g_auto (GStrv) configured = lp2p_config_get_strv (config, LP2P_CONFIG_GROUP_HOST, "services");
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) all = NULL;

  g_strv_builder_addv (builder, (const char **) configured);
  for (gsize i = 0; names[i] != NULL; i++)
    if (!g_strv_contains ((const char *const *) configured, names[i]))
      g_strv_builder_add (builder, names[i]);
  all = g_strv_builder_end (builder);
  return lp2p_config_set (config, LP2P_CONFIG_GROUP_HOST, "services",
                          g_variant_new_strv ((const char *const *) all, -1), error);
}

/* Addresses and services of the command line stay what they are, whatever the
 * configuration says. */
static gboolean
apply_command_line (Listen *self, Lp2pConfig *config, GError **error)
{
  char **services = self->options->services;

  return (!self->own_addresses || tool_forget_listen (config, error)) &&
         (services == NULL || enable_services (config, services, error));
}

static gboolean
on_reload (gpointer user_data)
{
  Listen *self = user_data;
  Lp2pConfig *config = lp2p_host_get_config (self->host);
  g_autoptr (GError) error = NULL;

  if (tool_options_reload_config (self->common, config, &error) &&
      apply_command_line (self, config, &error))
    tool_note (self->common, _("configuration read again"));
  else
    tool_fail_error (WHAT, error);
  return G_SOURCE_CONTINUE;
}

static gboolean
start (Listen *self, ToolOptions *options, GPtrArray *addresses, GError **error)
{
  g_autoptr (Lp2pConfig) config = tool_options_load_config (options, error);
  g_autoptr (Lp2pIdentity) identity = NULL;

  if (config == NULL)
    return FALSE;
  self->own_addresses = addresses->len > 0;
  if (!apply_command_line (self, config, error))
    return FALSE;
  identity = tool_load_identity (options, config, TRUE, error);
  if (identity == NULL)
    return FALSE;
  self->host = tool_host_start (config, identity, error);
  if (self->host == NULL)
    return FALSE;

  g_signal_connect (self->host, "connection-added", G_CALLBACK (on_connection_added), options);
  g_signal_connect (self->host, "connection-removed", G_CALLBACK (on_connection_removed), options);
  if (self->options->echo)
    lp2p_host_set_stream_handler (self->host, ECHO_PROTOCOL, LP2P_HANDLER_NONE, on_echo, NULL,
                                  NULL);
  return serve_demo (self, error) && tool_listen (self->host, options, addresses, error);
}

int
tool_command_listen (ToolLine *line)
{
  g_auto (Options) options = { FALSE };
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, N_("Print JSON objects"), NULL },
    { "service", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.services,
      N_("Also serve this one, such as perf, as if the configuration named it; may be given several "
         "times"),
      N_("NAME") },
    { "echo", 0, 0, G_OPTION_ARG_NONE, &options.echo,
      N_("Also serve /lp2p/echo/1.0.0, which sends back what it gets"), NULL },
    { "demo-folder", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_FILENAME, &options.demo_folder, NULL,
      NULL },
    { "demo-peer", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_STRING, &options.demo_peer, NULL, NULL },
    { "demo-size", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT64, &options.demo_size, NULL, NULL },
    { NULL },
  };
  Listen self = { .options = &options, .common = line->options };
  ToolControl *control = NULL;
  guint reload;
  g_autoptr (GPtrArray) addresses = NULL;
  g_autoptr (GError) error = NULL;
  int status = TOOL_EXIT_OK;

  if (!tool_line_parse (line, entries, description, 0, G_MAXUINT))
    return TOOL_EXIT_USAGE;
  addresses = tool_parse_addresses (line->arguments, &error);
  if (addresses == NULL)
    return tool_fail (TOOL_EXIT_USAGE, WHAT, "%s", error->message);

  tool_watch_interrupts ();
  self.printed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  if (start (&self, line->options, addresses, &error))
    {
      g_signal_connect (self.host, "notify::listen-addresses", G_CALLBACK (on_addresses_changed),
                        &self);
      reload = g_unix_signal_add (SIGHUP, on_reload, &self);
      control = tool_control_new (line, self.host, NULL, NULL);
      print_addresses (&self, TRUE);
      while (!tool_is_interrupted ())
        g_main_context_iteration (NULL, TRUE);
      g_clear_pointer (&control, tool_control_free);
      g_source_remove (reload);
      g_signal_handlers_disconnect_by_func (self.host, on_addresses_changed, &self);
    }
  else if (!tool_is_interrupted ())
    {
      status = tool_fail (TOOL_EXIT_FAILURE, WHAT, "%s", error->message);
    }
  if (self.host != NULL)
    tool_host_close (self.host);
  g_clear_object (&self.host);
  g_hash_table_unref (self.printed);
  return status;
}
