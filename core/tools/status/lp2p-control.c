/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/status/lp2p-control-private.h"

#include "tools/lp2p-local-private.h"
#include "tools/lp2p-output-private.h"
#include "types/lp2p-i18n-private.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Until a client asks, and until it has taken the answer. */
#define PATIENCE_S 30

/* How long nobody is accepted after that went wrong. */
#define PAUSE_SECONDS 1

struct _ToolControl
{
  ToolLocal *local;
  GSocket *socket;
  GSource *source;
  guint pause; /* a timer, instead of the source, or 0 */
  ToolReporter *reporter;
  ToolControlReport report;
  gpointer user_data;
  GPtrArray *clients;
};

/* @request: what came of a line
 * @control: %NULL once that is gone */
typedef struct
{
  ToolControl *control;
  GSocketConnection *connection;
  GCancellable *cancellable;
  guint timer;
  char buffer[512];
  GString *request;
  GString *answer;
} Client;

static void client_read (Client *client);
static gboolean on_pause_over (gpointer user_data);

/* The folder */

char *
tool_control_dup_folder (void)
{
  return g_build_filename (g_get_user_runtime_dir (), "lp2p", NULL);
}

/* Where the system gives no such folder, GLib's one is not private by itself. */
static gboolean
make_folder (const char *path, GError **error)
{
  struct stat status;

  if (g_mkdir_with_parents (path, 0700) == 0 && lstat (path, &status) == 0)
    {
      if (S_ISDIR (status.st_mode) && status.st_uid == geteuid () && (status.st_mode & 0077) == 0)
        return TRUE;
      errno = EPERM;
    }
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
               _("%s: %s, expected a folder of ours that is for nobody else (mode 0700)"), path,
               g_strerror (errno));
  return FALSE;
}

/* Clients */

static void
client_free (Client *client)
{
  if (client->control != NULL)
    g_ptr_array_remove_fast (client->control->clients, client);
  g_clear_handle_id (&client->timer, g_source_remove);
  g_io_stream_close (G_IO_STREAM (client->connection), NULL, NULL);
  g_object_unref (client->connection);
  g_object_unref (client->cancellable);
  g_string_free (client->request, TRUE);
  g_string_free (client->answer, TRUE);
  g_free (client);
}

static gboolean
on_impatient (gpointer user_data)
{
  Client *client = user_data;

  client->timer = 0;
  g_cancellable_cancel (client->cancellable);
  return G_SOURCE_REMOVE;
}

static void
client_be_patient (Client *client)
{
  g_clear_handle_id (&client->timer, g_source_remove);
  client->timer = g_timeout_add_seconds (PATIENCE_S, on_impatient, client);
}

static void
append_error (GString *answer, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
append_error (GString *answer, const char *format, ...)
{
  g_autoptr (ToolJson) object = tool_json_new ();
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  tool_json_add_string (object, "type", "error");
  tool_json_add_string (object, "error", text);
  tool_json_append (object, answer);
}

static void
append_status (ToolControl *self, GString *answer)
{
  g_autoptr (ToolJson) object = tool_json_new ();

  tool_reporter_append (self->reporter, answer);
  if (self->report != NULL)
    self->report (answer, self->user_data);
  tool_json_add_string (object, "type", "end");
  tool_json_append (object, answer);
}

static const char *
get_request (JsonParser *parser)
{
  JsonNode *root = json_parser_get_root (parser);
  JsonNode *request = NULL;

  if (root != NULL && JSON_NODE_HOLDS_OBJECT (root))
    request = json_object_get_member (json_node_get_object (root), "request");
  if (request == NULL || !JSON_NODE_HOLDS_VALUE (request) ||
      json_node_get_value_type (request) != G_TYPE_STRING)
    return NULL;
  return json_node_get_string (request);
}

static void
answer_request (ToolControl *self, const char *line, gsize size, GString *answer)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  const char *request = NULL;

  if (!json_parser_load_from_data (parser, line, (gssize) size, &error))
    {
      append_error (answer, "no JSON: %s", error->message);
      return;
    }
  request = get_request (parser);
  if (g_strcmp0 (request, "status") == 0)
    append_status (self, answer);
  else if (request != NULL)
    append_error (answer, "unknown request \"%s\", expected \"status\"", request);
  else
    append_error (answer, "no request, expected {\"request\": \"status\"}");
}

static void
on_answered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Client *client = user_data;

  if (!g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, NULL) ||
      client->control == NULL)
    client_free (client);
  else
    client_read (client);
}

static void
client_answer (Client *client)
{
  client_be_patient (client);
  g_output_stream_write_all_async (g_io_stream_get_output_stream (G_IO_STREAM (client->connection)),
                                   client->answer->str, client->answer->len, G_PRIORITY_DEFAULT,
                                   client->cancellable, on_answered, client);
}

/* Takes one line of what came. Whether there was one. */
static gboolean
client_take_line (Client *client)
{
  const char *end = memchr (client->request->str, '\n', client->request->len);
  gsize size;

  if (end == NULL)
    return FALSE;
  size = (gsize) (end - client->request->str);
  g_string_truncate (client->answer, 0);
  answer_request (client->control, client->request->str, size, client->answer);
  g_string_erase (client->request, 0, (gssize) size + 1);
  client_answer (client);
  return TRUE;
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Client *client = user_data;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, NULL);

  if (n <= 0 || client->control == NULL)
    {
      client_free (client);
      return;
    }
  g_string_append_len (client->request, client->buffer, n);
  client_read (client);
}

/* A line that is too long ends the client, as where the next one begins is not known. */
static void
client_read (Client *client)
{
  if (client_take_line (client))
    return;
  if (client->request->len >= TOOL_CONTROL_MAX_REQUEST)
    {
      client_free (client);
      return;
    }
  client_be_patient (client);
  g_input_stream_read_async (g_io_stream_get_input_stream (G_IO_STREAM (client->connection)),
                             client->buffer, sizeof client->buffer, G_PRIORITY_DEFAULT,
                             client->cancellable, on_read, client);
}

static gboolean
on_connection (GSocket *socket, GIOCondition condition, gpointer user_data)
{
  ToolControl *self = user_data;
  g_autoptr (GSocket) accepted = g_socket_accept (socket, NULL, NULL);
  Client *client;

  /* No descriptor is left, most likely. Whoever came stays there, so the socket stays ready. */
  if (accepted == NULL)
    {
      g_clear_pointer (&self->source, g_source_unref);
      self->pause = g_timeout_add_seconds (PAUSE_SECONDS, on_pause_over, self);
      return G_SOURCE_REMOVE;
    }
  /* Whoever comes when it is crowded finds the end at once. */
  if (self->clients->len >= TOOL_CONTROL_MAX_CLIENTS)
    return G_SOURCE_CONTINUE;
  client = g_new0 (Client, 1);
  client->control = self;
  client->connection = g_socket_connection_factory_create_connection (accepted);
  client->cancellable = g_cancellable_new ();
  client->request = g_string_new (NULL);
  client->answer = g_string_new (NULL);
  g_ptr_array_add (self->clients, client);
  client_read (client);
  return G_SOURCE_CONTINUE;
}

static void
watch_socket (ToolControl *self)
{
  self->source = g_socket_create_source (self->socket, G_IO_IN, NULL);
  g_source_set_callback (self->source, G_SOURCE_FUNC (on_connection), self, NULL);
  g_source_attach (self->source, NULL);
}

static gboolean
on_pause_over (gpointer user_data)
{
  ToolControl *self = user_data;

  self->pause = 0;
  watch_socket (self);
  return G_SOURCE_REMOVE;
}

/* Life */

static gboolean
listen_for_clients (ToolControl *self, GError **error)
{
  g_autofree char *folder = tool_control_dup_folder ();
  g_autofree char *name = g_strdup_printf ("%d" TOOL_CONTROL_SUFFIX, (int) getpid ());
  g_autofree char *path = g_build_filename (folder, name, NULL);

  if (!make_folder (folder, error))
    return FALSE;
  self->local = tool_local_new_unix (path);
  self->socket = tool_local_listen (self->local, error);
  return self->socket != NULL;
}

/**
 * tool_control_new:
 * @line: the line of the command
 * @host: its host
 * @report: (nullable): adds what only the command knows
 * @user_data: passed on
 *
 * Makes a host one that lp2p status shows.
 *
 * Returns: (transfer full): what does so
 */
ToolControl *
tool_control_new (ToolLine *line, Lp2pHost *host, ToolControlReport report, gpointer user_data)
{
  ToolControl *self = g_new0 (ToolControl, 1);
  g_autoptr (GError) error = NULL;

  self->reporter = tool_reporter_new (host, line->command->name);
  self->report = report;
  self->user_data = user_data;
  self->clients = g_ptr_array_new ();
  if (!listen_for_clients (self, &error))
    {
      tool_note (line->options, _("lp2p status will not show this host: %s"), error->message);
      return self;
    }
  watch_socket (self);
  return self;
}

void
tool_control_free (ToolControl *self)
{
  g_clear_handle_id (&self->pause, g_source_remove);
  if (self->source != NULL)
    g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
  /* Each is freed when its call came back. */
  for (guint i = 0; i < self->clients->len; i++)
    {
      Client *client = g_ptr_array_index (self->clients, i);

      client->control = NULL;
      g_cancellable_cancel (client->cancellable);
    }
  g_ptr_array_unref (self->clients);
  g_clear_object (&self->socket);
  g_clear_pointer (&self->local, tool_local_free);
  tool_reporter_free (self->reporter);
  g_free (self);
}
