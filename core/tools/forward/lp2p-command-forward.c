/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lp2p forward: local sockets lead to services of peers, and services of peers to
 * local sockets. */

#include "tools/forward/lp2p-forward-private.h"
#include "tools/lp2p-output-private.h"
#include "tools/lp2p-listening-private.h"
#include "tools/lp2p-session-private.h"
#include "tools/status/lp2p-control-private.h"
#include "types/lp2p-i18n-private.h"

#include <glib-unix.h>

#define WHAT "forward"

#define DEFAULT_CONNECTIONS 4096
#define MAX_CONNECTIONS     100000

typedef struct
{
  char **from;
  char **to;
  char **peer_addresses;
  char **serve;
  char **allow;
  char *allow_file;
  char **listen;
  int max;
  gboolean json;
} Options;

typedef struct
{
  const Options *options;
  ToolForward forward;
  ToolForwardIn *in;
} Command;

static const char description[] =
    N_("Each connection to --from becomes a stream to a service of the peer --to, which\n"
       "connects it to the socket that it serves under that name. The ends of directions,\n"
       "resets and the pace of a slow reader pass through. Several --from and --to go\n"
       "together in their order. The connection to the peer is kept: it is made again when\n"
       "it is lost, after 1 second, 2, 4, up to 5 minutes.\n"
       "\n"
       "--serve offers a local socket under a name, to the peers of --allow and nobody else.\n"
       "It listens as lp2p listen does, or on the addresses of --listen.\n"
       "\n"
       "%s"
       "A socket file that is listened on is for its owner only (mode 0600).\n"
       "\n"
       "Peers know each other by their ids, so both sides should keep theirs: lp2p id --make\n"
       "makes one, or --identity names one. Without, it is another one each time.\n"
       "\n"
       "On SIGHUP it reads the configuration and the file of --allow-file again; what is open\n"
       "stays open. It ends in order on SIGINT or SIGTERM.\n"
       "\n"
       "--json prints an object when it is ready (type \"ready\"; peer_id, addresses, from,\n"
       "serve) and whenever the state of a kept peer changes (type \"peer\"; peer_id, state,\n"
       "retry_s, error). lp2p status shows more.\n"
       "\n"
       "Exit status: 0 it was told to end, 1 it could not begin.\n"
       "\n"
       "Example: a web server of one machine on another one:\n"
       "  lp2p forward --serve web=tcp:127.0.0.1:80 --allow 12D3KooW...\n"
       "  lp2p forward --from tcp:127.0.0.1:8080 --to /ip4/192.0.2.1/tcp/4001/p2p/12D3KooW.../web");

static void
options_clear (Options *self)
{
  g_strfreev (self->from);
  g_strfreev (self->to);
  g_strfreev (self->peer_addresses);
  g_strfreev (self->serve);
  g_strfreev (self->allow);
  g_free (self->allow_file);
  g_strfreev (self->listen);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static guint
count (char **texts)
{
  return texts != NULL ? g_strv_length (texts) : 0;
}

/* The command line */

static gboolean
fail_usage (GError **error, const char *message)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, message);
  return FALSE;
}

static gboolean
check_options (const Options *options, GError **error)
{
  if (count (options->from) != count (options->to))
    return fail_usage (error, _("each --from needs a --to and the other way round"));
  if (options->from == NULL && options->serve == NULL)
    return fail_usage (error, _("nothing to forward: expected --from LOCAL --to PEER/NAME, or --serve NAME=LOCAL"));
  if (options->serve != NULL && options->allow == NULL && options->allow_file == NULL)
    return fail_usage (error, _("--serve serves nobody without --allow PEER"));
  if (options->serve == NULL && (options->allow != NULL || options->allow_file != NULL))
    return fail_usage (error, _("--allow needs something to allow: --serve NAME=LOCAL"));
  if (options->max < 1 || options->max > MAX_CONNECTIONS)
    return fail_usage (error, _("--max-connections is not from 1 to 100000"));
  return TRUE;
}

static gboolean
add_peer_address (Command *self, const char *text, GError **error)
{
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, error);
  g_autoptr (Lp2pPeerId) peer = NULL;
  gboolean used = FALSE;

  if (address == NULL)
    return FALSE;
  peer = lp2p_peer_id_from_multiaddr (address);
  for (guint i = 0; peer != NULL && i < self->forward.outs->len; i++)
    {
      ToolForwardOut *out = g_ptr_array_index (self->forward.outs, i);

      if (!lp2p_peer_id_equal (tool_forward_out_get_peer (out), peer))
        continue;
      tool_forward_out_add_address (out, address);
      used = TRUE;
    }
  if (!used)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                 _("--peer-address %s: it does not end in /p2p/ with a peer of --to"), text);
  return used;
}

/* The lines of the file, without comments. */
static gboolean
add_lines (GStrvBuilder *texts, const char *path, GError **error)
{
  g_autofree char *content = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents (path, &content, NULL, error))
    return FALSE;
  lines = g_strsplit (content, "\n", -1);
  for (gsize i = 0; lines[i] != NULL; i++)
    if (g_strstrip (lines[i])[0] != '\0' && lines[i][0] != '#')
      g_strv_builder_add (texts, lines[i]);
  return TRUE;
}

/* Those of the command line and of the file. */
static gboolean
allow (Command *self, GError **error)
{
  const Options *options = self->options;
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) texts = NULL;

  if (options->allow != NULL)
    g_strv_builder_addv (builder, (const char **) options->allow);
  if (options->allow_file != NULL && !add_lines (builder, options->allow_file, error))
    return FALSE;
  texts = g_strv_builder_end (builder);
  return tool_forward_in_set_allowed (self->in, (const char *const *) texts, error);
}

static gboolean
parse (Command *self, GError **error)
{
  const Options *options = self->options;

  for (guint i = 0; i < count (options->from); i++)
    {
      ToolForwardOut *out = tool_forward_out_new (options->from[i], options->to[i], error);

      if (out == NULL)
        return FALSE;
      g_ptr_array_add (self->forward.outs, out);
    }
  for (guint i = 0; i < count (options->peer_addresses); i++)
    if (!add_peer_address (self, options->peer_addresses[i], error))
      return FALSE;
  for (guint i = 0; i < count (options->serve); i++)
    if (!tool_forward_in_add (self->in, options->serve[i], error))
      return FALSE;
  return allow (self, error);
}

/* Output */

static void
print_ready (Command *self)
{
  Lp2pHost *host = self->forward.host;
  const char *peer = lp2p_peer_id_get_string (lp2p_host_get_peer_id (host));
  g_autoptr (GPtrArray) addresses = lp2p_host_dup_listen_addresses (host);
  guint n_outs = self->forward.outs->len;
  guint n_services = tool_forward_in_get_n_services (self->in);
  g_autofree const char **texts = g_new0 (const char *, addresses->len + 1);
  g_autofree const char **from = g_new0 (const char *, n_outs + 1);
  g_autofree const char **serve = g_new0 (const char *, n_services + 1);

  for (guint i = 0; i < addresses->len; i++)
    texts[i] = lp2p_multiaddr_get_string (g_ptr_array_index (addresses, i));
  for (guint i = 0; i < n_outs; i++)
    from[i] = tool_forward_out_get_local (g_ptr_array_index (self->forward.outs, i));
  for (guint i = 0; i < n_services; i++)
    serve[i] = tool_forward_in_get_name (self->in, i);

  if (self->options->json)
    {
      g_autoptr (ToolJson) object = tool_json_new ();

      tool_json_add_string (object, "type", "ready");
      tool_json_add_string (object, "peer_id", peer);
      tool_json_add_strings (object, "addresses", texts);
      tool_json_add_strings (object, "from", from);
      tool_json_add_strings (object, "serve", serve);
      tool_json_print (object);
      return;
    }
  tool_print_field (_("peer id"), peer);
  for (guint i = 0; i < addresses->len; i++)
    tool_print_field (_("address"), texts[i]);
  for (guint i = 0; i < n_outs; i++)
    {
      ToolForwardOut *out = g_ptr_array_index (self->forward.outs, i);
      /* Translators: a local socket, a service, a peer */
      g_autofree char *text = g_strdup_printf (
          _("%s to %s of %s"), from[i], tool_forward_out_get_service (out),
          lp2p_peer_id_get_string (tool_forward_out_get_peer (out)));

      tool_print_field (_("forward"), text);
    }
  for (guint i = 0; i < n_services; i++)
    {
      /* Translators: a service, a local socket */
      g_autofree char *text =
          g_strdup_printf (_("%s from %s"), serve[i], tool_forward_in_get_local (self->in, i));

      tool_print_field (_("serve"), text);
    }
  tool_flush ();
}

static void
print_kept (Lp2pKeptPeer *kept, GParamSpec *pspec, gpointer user_data)
{
  const Options *options = user_data;
  const char *peer = lp2p_peer_id_get_string (lp2p_kept_peer_get_peer_id (kept));
  const char *state = tool_describe_kept (kept);
  const GError *error = lp2p_kept_peer_get_error (kept);
  double retry = (double) lp2p_kept_peer_get_retry_delay (kept) / G_USEC_PER_SEC;
  g_autofree char *text = NULL;

  if (options->json)
    {
      g_autoptr (ToolJson) object = tool_json_new ();

      tool_json_add_string (object, "type", "peer");
      tool_json_add_string (object, "peer_id", peer);
      tool_json_add_string (object, "state", state);
      tool_json_add_number (object, "retry_s", retry, 3);
      tool_json_add_string (object, "error", error != NULL ? error->message : NULL);
      tool_json_print (object);
      return;
    }
  if (error != NULL)
    /* Translators: a peer, the state "waiting", seconds, why */
    text = g_strdup_printf (_("%s %s for %.1f s: %s"), peer, _(state), retry, error->message);
  else
    text = g_strdup_printf ("%s %s", peer, _(state));
  tool_print_field (_("peer"), text);
  tool_flush ();
}

/* For lp2p status. */
static void
append_service (GString *lines,
                const char *direction,
                const char *name,
                const char *local,
                Lp2pPeerId *peer,
                const ToolForwardCounts *counts)
{
  g_autoptr (ToolJson) object = tool_json_new ();

  tool_json_add_string (object, "type", "service");
  tool_json_add_string (object, "direction", direction);
  tool_json_add_string (object, "name", name);
  tool_json_add_string (object, "local", local);
  tool_json_add_string (object, "peer_id", peer != NULL ? lp2p_peer_id_get_string (peer) : NULL);
  tool_json_add_integer (object, "open", counts->open);
  tool_json_add_integer (object, "total", (gint64) counts->total);
  tool_json_add_integer (object, "failed", (gint64) counts->failed);
  tool_json_add_integer (object, "sent", (gint64) counts->sent);
  tool_json_add_integer (object, "received", (gint64) counts->received);
  tool_json_add_string (object, "error", counts->error);
  tool_json_append (object, lines);
}

static void
report (GString *lines, gpointer user_data)
{
  Command *self = user_data;

  for (guint i = 0; i < self->forward.outs->len; i++)
    {
      ToolForwardOut *out = g_ptr_array_index (self->forward.outs, i);

      append_service (lines, N_("forward"), tool_forward_out_get_service (out),
                      tool_forward_out_get_local (out), tool_forward_out_get_peer (out),
                      tool_forward_out_get_counts (out));
    }
  for (guint i = 0; i < tool_forward_in_get_n_services (self->in); i++)
    append_service (lines, N_("serve"), tool_forward_in_get_name (self->in, i),
                    tool_forward_in_get_local (self->in, i), NULL,
                    tool_forward_in_get_counts (self->in, i));
}

/* Running */

/* One connection with a peer carries all its streams. */
static gboolean
make_room (Lp2pConfig *config, guint max, GError **error)
{
  static const char *const limits[] = { "max-streams-per-connection", "max-streams-per-peer",
                                        "max-streams" };

  for (gsize i = 0; i < G_N_ELEMENTS (limits); i++)
    {
      guint limit = lp2p_config_get_uint (config, LP2P_CONFIG_GROUP_HOST, limits[i]);
      GVariant *value = g_variant_new_uint32 (MAX (limit, max));

      if (!lp2p_config_set (config, LP2P_CONFIG_GROUP_HOST, limits[i], value, error))
        return FALSE;
    }
  return TRUE;
}

/* What the command line says goes before the configuration. Whoever only dials leaves the
 * addresses to those that listen. */
static gboolean
apply_command_line (Command *self, Lp2pConfig *config, GError **error)
{
  gboolean serves = tool_forward_in_get_n_services (self->in) > 0;

  return make_room (config, self->forward.max, error) &&
         ((serves && self->options->listen == NULL) || tool_forget_listen (config, error));
}

static gboolean
start_host (Command *self, ToolOptions *options, GError **error)
{
  g_autoptr (Lp2pConfig) config = tool_options_load_config (options, error);
  g_autoptr (GPtrArray) addresses = tool_parse_addresses (self->options->listen, error);
  g_autoptr (Lp2pIdentity) identity = NULL;

  if (config == NULL || addresses == NULL || !apply_command_line (self, config, error))
    return FALSE;
  identity = tool_load_identity (options, config, TRUE, error);
  if (identity == NULL)
    return FALSE;
  self->forward.host = tool_host_start (config, identity, error);
  if (self->forward.host == NULL)
    return FALSE;
  return (tool_forward_in_get_n_services (self->in) == 0 && addresses->len == 0) ||
         tool_listen (self->forward.host, options, addresses, error);
}

static gboolean
on_reload (gpointer user_data)
{
  Command *self = user_data;
  ToolOptions *options = self->forward.options;
  Lp2pConfig *config = lp2p_host_get_config (self->forward.host);
  g_autoptr (GError) error = NULL;

  if (tool_options_reload_config (options, config, &error) && apply_command_line (self, config, &error) &&
      allow (self, &error))
    tool_note (options, _("configuration read again"));
  else
    tool_fail_error (WHAT, error);
  return G_SOURCE_CONTINUE;
}

static gboolean
start (Command *self, ToolOptions *options, GError **error)
{
  tool_raise_file_limit ();
  self->forward.options = options;
  self->forward.max = (guint) self->options->max;
  self->forward.poll = tool_poll_new (error);
  if (self->forward.poll == NULL || !start_host (self, options, error))
    return FALSE;
  tool_forward_in_start (self->in, &self->forward);
  for (guint i = 0; i < self->forward.outs->len; i++)
    {
      ToolForwardOut *out = g_ptr_array_index (self->forward.outs, i);

      if (!tool_forward_out_start (out, &self->forward, error))
        return FALSE;
    }
  return TRUE;
}

static void
run (Command *self, ToolLine *line)
{
  g_autoptr (ToolControl) control = tool_control_new (line, self->forward.host, report, self);
  guint reload = g_unix_signal_add (SIGHUP, on_reload, self);

  print_ready (self);
  for (guint i = 0; i < self->forward.outs->len; i++)
    {
      Lp2pKeptPeer *kept = tool_forward_out_get_kept (g_ptr_array_index (self->forward.outs, i));

      g_signal_connect (kept, "notify::state", G_CALLBACK (print_kept), (gpointer) self->options);
      print_kept (kept, NULL, (gpointer) self->options);
    }
  while (!tool_is_interrupted ())
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (reload);
  for (guint i = 0; i < self->forward.outs->len; i++)
    g_signal_handlers_disconnect_by_func (
        tool_forward_out_get_kept (g_ptr_array_index (self->forward.outs, i)), print_kept,
        (gpointer) self->options);
}

static void
stop (Command *self)
{
  if (self->forward.host == NULL)
    return;
  tool_forward_in_stop (self->in);
  for (guint i = 0; i < self->forward.outs->len; i++)
    tool_forward_out_stop (g_ptr_array_index (self->forward.outs, i));
  tool_host_close (self->forward.host);
  /* What was begun comes back, now that nothing can hold it up. */
  while (!tool_forward_in_is_idle (self->in) || self->forward.n > 0)
    g_main_context_iteration (NULL, TRUE);
}

static void
command_clear (Command *self)
{
  stop (self);
  tool_forward_stop (&self->forward);
  g_ptr_array_unref (self->forward.outs);
  tool_forward_in_free (self->in);
  g_clear_object (&self->forward.host);
  g_clear_pointer (&self->forward.poll, tool_poll_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Command, command_clear)

int
tool_command_forward (ToolLine *line)
{
  g_auto (Options) options = { .max = DEFAULT_CONNECTIONS };
  const GOptionEntry entries[] = {
    { "from", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.from,
      N_("Accept local connections here; may be given several times"), N_("LOCAL") },
    { "to", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.to,
      N_("Where they go: the address of a peer, with /p2p/ and its id, or the id of a peer whose "
         "addresses are known; and the name of its service"),
      N_("PEER/NAME") },
    { "peer-address", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.peer_addresses,
      N_("One more address of a peer of --to"), N_("ADDRESS") },
    { "serve", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.serve,
      N_("Connect what peers ask for by this name to a local socket; may be given several times"),
      N_("NAME=LOCAL") },
    { "allow", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.allow,
      N_("Serve this peer, with NAME= that service only; may be given several times"),
      N_("[NAME=]PEER") },
    { "allow-file", 0, 0, G_OPTION_ARG_FILENAME, &options.allow_file,
      N_("Serve the peers of this file, too, one in a line"), N_("FILE") },
    { "listen", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.listen,
      N_("Let peers connect here; may be given several times"), N_("ADDRESS") },
    { "max-connections", 0, 0, G_OPTION_ARG_INT, &options.max,
      N_("How many connections at a time; the default is 4096"), N_("COUNT") },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, N_("Print JSON objects"), NULL },
    { NULL },
  };
  g_auto (Command) self = { .options = &options };
  g_autofree char *help = g_strdup_printf (_(description), _(TOOL_LOCAL_HELP));
  g_autoptr (GError) error = NULL;

  self.in = tool_forward_in_new ();
  self.forward.outs = g_ptr_array_new_with_free_func ((GDestroyNotify) tool_forward_out_free);
  if (!tool_line_parse (line, entries, help, 0, 0))
    return TOOL_EXIT_USAGE;
  if (!check_options (&options, &error) || !parse (&self, &error))
    return tool_fail (TOOL_EXIT_USAGE, WHAT, "%s", error->message);

  tool_watch_interrupts ();
  if (start (&self, line->options, &error))
    run (&self, line);
  else if (!tool_is_interrupted ())
    return tool_fail (TOOL_EXIT_FAILURE, WHAT, "%s", error->message);
  return TOOL_EXIT_OK;
}
