/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/status/lp2p-status-private.h"

#include "tools/lp2p-local-private.h"
#include "tools/lp2p-session-private.h"
#include "types/lp2p-i18n-private.h"

#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <string.h>

#define REQUEST "{\"request\": \"status\"}\n"

/* More than a host with all the connections that it may have would say. */
#define MAX_ANSWER (64 * 1024 * 1024)

/* One host, until it has answered.
 * @n_asking: (not owned): of all of them, how many have not */
typedef struct
{
  ToolAnswer *answer;
  char *path;
  GCancellable *cancellable;
  guint *n_asking;
  GSocketConnection *connection;
  JsonParser *parser;
  char buffer[64 * 1024];
  GString *line;
  gsize total;
} Ask;

static void read_more (Ask *ask);

static void
answer_free (gpointer pointer)
{
  ToolAnswer *answer = pointer;

  g_free (answer->pid);
  g_ptr_array_unref (answer->objects);
  g_clear_error (&answer->error);
  g_free (answer);
}

/* Rows */

static JsonNode *
get_member (JsonNode *row, const char *name, GType type)
{
  JsonNode *member = json_object_get_member (json_node_get_object (row), name);

  if (member == NULL || !JSON_NODE_HOLDS_VALUE (member))
    return NULL;
  if (type == G_TYPE_DOUBLE && json_node_get_value_type (member) == G_TYPE_INT64)
    return member;
  return json_node_get_value_type (member) == type ? member : NULL;
}

const char *
tool_row_get_string (JsonNode *row, const char *name)
{
  JsonNode *member = get_member (row, name, G_TYPE_STRING);

  return member != NULL ? json_node_get_string (member) : NULL;
}

gint64
tool_row_get_integer (JsonNode *row, const char *name)
{
  JsonNode *member = get_member (row, name, G_TYPE_INT64);

  return member != NULL ? json_node_get_int (member) : 0;
}

double
tool_row_get_number (JsonNode *row, const char *name)
{
  JsonNode *member = get_member (row, name, G_TYPE_DOUBLE);

  return member != NULL ? json_node_get_double (member) : -1;
}

gboolean
tool_row_is (JsonNode *row, const char *type)
{
  return g_strcmp0 (tool_row_get_string (row, "type"), type) == 0;
}

/* One host */

static void
ask_end (Ask *ask, GError *error)
{
  ask->answer->error = error;
  --*ask->n_asking;
  g_clear_object (&ask->connection);
  g_object_unref (ask->cancellable);
  g_object_unref (ask->parser);
  g_string_free (ask->line, TRUE);
  g_free (ask->path);
  g_free (ask);
}

static GError *
new_protocol_error (const char *what)
{
  return g_error_new (LP2P_ERROR, LP2P_ERROR_PROTOCOL, _("its answer is not understood: %s"), what);
}

/* Whether more is to come. */
static gboolean
take_line (Ask *ask, const char *line, gsize size, GError **error)
{
  g_autoptr (GError) why = NULL;
  JsonNode *row;

  if (!json_parser_load_from_data (ask->parser, line, (gssize) size, &why))
    {
      *error = new_protocol_error (why->message);
      return FALSE;
    }
  row = json_parser_get_root (ask->parser);
  if (row == NULL || !JSON_NODE_HOLDS_OBJECT (row) || tool_row_get_string (row, "type") == NULL)
    {
      *error = new_protocol_error (_("a line without a type"));
      return FALSE;
    }
  if (tool_row_is (row, "error"))
    {
      const char *reason = tool_row_get_string (row, "error");

      *error = new_protocol_error (reason != NULL ? reason : _("an error without a reason"));
      return FALSE;
    }
  if (tool_row_is (row, "end"))
    return FALSE;
  g_ptr_array_add (ask->answer->objects, json_node_copy (row));
  return TRUE;
}

static gboolean
take_lines (Ask *ask, GError **error)
{
  const char *begin = ask->line->str;
  const char *limit = begin + ask->line->len;
  const char *end;

  while ((end = memchr (begin, '\n', (gsize) (limit - begin))) != NULL)
    {
      if (!take_line (ask, begin, (gsize) (end - begin), error))
        return FALSE;
      begin = end + 1;
    }
  g_string_erase (ask->line, 0, begin - ask->line->str);
  return TRUE;
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Ask *ask = user_data;
  GError *error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (n > 0)
    {
      ask->total += (gsize) n;
      g_string_append_len (ask->line, ask->buffer, n);
    }
  if (n == 0)
    error = new_protocol_error (_("it ends before its end"));
  else if (ask->total > MAX_ANSWER)
    error = new_protocol_error (_("it has no end"));
  if (error == NULL && take_lines (ask, &error))
    read_more (ask);
  else
    ask_end (ask, error);
}

static void
read_more (Ask *ask)
{
  g_input_stream_read_async (g_io_stream_get_input_stream (G_IO_STREAM (ask->connection)),
                             ask->buffer, sizeof ask->buffer, G_PRIORITY_DEFAULT, ask->cancellable,
                             on_read, ask);
}

static void
on_asked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Ask *ask = user_data;
  GError *error = NULL;

  if (g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error))
    read_more (ask);
  else
    ask_end (ask, error);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Ask *ask = user_data;
  GError *error = NULL;

  ask->connection = g_socket_client_connect_finish (G_SOCKET_CLIENT (source), result, &error);
  /* Its process did not get to remove it. */
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
    tool_remove_stale_socket (ask->path);
  if (ask->connection != NULL)
    g_output_stream_write_all_async (g_io_stream_get_output_stream (G_IO_STREAM (ask->connection)),
                                     REQUEST, strlen (REQUEST), G_PRIORITY_DEFAULT,
                                     ask->cancellable, on_asked, ask);
  else
    ask_end (ask, error);
}

static ToolAnswer *
ask_one (const char *folder, const char *name, GCancellable *cancellable, guint *n_asking)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketAddress) address = NULL;
  Ask *ask = g_new0 (Ask, 1);

  ask->answer = g_new0 (ToolAnswer, 1);
  ask->answer->pid = g_strndup (name, strlen (name) - strlen (TOOL_CONTROL_SUFFIX));
  ask->answer->objects = g_ptr_array_new_with_free_func ((GDestroyNotify) json_node_unref);
  ask->path = g_build_filename (folder, name, NULL);
  ask->cancellable = g_object_ref (cancellable);
  ask->n_asking = n_asking;
  ask->parser = json_parser_new ();
  ask->line = g_string_new (NULL);
  ++*n_asking;
  address = g_unix_socket_address_new (ask->path);
  g_socket_client_set_enable_proxy (client, FALSE);
  g_socket_client_connect_async (client, G_SOCKET_CONNECTABLE (address), cancellable, on_connected,
                                 ask);
  return ask->answer;
}

/* All hosts */

static int
compare_answers (gconstpointer a, gconstpointer b)
{
  const ToolAnswer *first = *(const ToolAnswer *const *) a;
  const ToolAnswer *second = *(const ToolAnswer *const *) b;

  return (int) (g_ascii_strtoull (first->pid, NULL, 10) > g_ascii_strtoull (second->pid, NULL, 10)) * 2 - 1;
}

/* What is gone has nothing to say; what is silent is told from what broke. */
static void
explain (GPtrArray *answers, ToolWait *wait)
{
  for (guint i = answers->len; i > 0; i--)
    {
      ToolAnswer *answer = g_ptr_array_index (answers, i - 1);

      if (g_error_matches (answer->error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED) ||
          g_error_matches (answer->error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
        g_ptr_array_remove_index (answers, i - 1);
      else
        tool_wait_explain (wait, &answer->error);
    }
}

GPtrArray *
tool_status_ask (const char *folder, const char *pid, double seconds)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  GPtrArray *answers = g_ptr_array_new_with_free_func (answer_free);
  const char *name;
  guint n_asking = 0;
  g_auto (ToolWait) wait;

  tool_wait_init (&wait, seconds);
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (g_str_has_suffix (name, TOOL_CONTROL_SUFFIX) &&
        (pid == NULL || (g_str_has_prefix (name, pid) && g_str_equal (name + strlen (pid), TOOL_CONTROL_SUFFIX))))
      g_ptr_array_add (answers, ask_one (folder, name, wait.cancellable, &n_asking));
  while (n_asking > 0)
    g_main_context_iteration (NULL, TRUE);
  explain (answers, &wait);
  g_ptr_array_sort (answers, compare_answers);
  return answers;
}
