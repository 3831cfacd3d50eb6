/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lp2p status: what the hosts of this user are doing. */

#include "tools/status/lp2p-status-private.h"

#include "tools/lp2p-output-private.h"
#include "tools/lp2p-session-private.h"
#include "types/lp2p-i18n-private.h"

#define WHAT "status"

typedef struct
{
  gboolean json;
  gboolean watch;
  double interval;
  double timeout;
} Options;

/* A column: its title, and the text of a row, NULL where there is none. */
typedef struct
{
  const char *title;
  char *(*dup_text) (JsonNode *row);
} Column;

static const char description[] =
    N_("Shows the hosts that this user runs: lp2p listen, forward, send and receive; with PID\n"
       "that one. Of each: what it listens on, who is connected and how, which peers it keeps,\n"
       "what it forwards, sends or receives, and how much of its limits is in use. DOWN, UP and\n"
       "RATE are bytes per second, as of the last time in which there were any.\n"
       "\n"
       "--json prints an object per line, with the pid of the process and a type: host,\n"
       "connection, kept, service, transfer, limit, or error for a host that does not answer.\n"
       "\n"
       "Exit status: 1 no host runs, 5 one of them did not answer in time.");

/* Columns */

static char *
dup_string (JsonNode *row, const char *name)
{
  return g_strdup (tool_row_get_string (row, name));
}

/* One of those that the host knows, in the language of the user. */
static char *
dup_word (JsonNode *row, const char *name)
{
  const char *word = tool_row_get_string (row, name);

  return word != NULL ? g_strdup (tool_translate (word)) : NULL;
}

static char *
dup_size (gint64 bytes)
{
  return bytes > 0 ? g_format_size_full ((guint64) bytes, G_FORMAT_SIZE_IEC_UNITS) : NULL;
}

#define STRING_COLUMN(name) \
  static char *dup_##name (JsonNode *row) { return dup_string (row, #name); }
#define WORD_COLUMN(name) \
  static char *dup_##name (JsonNode *row) { return dup_word (row, #name); }
#define COUNT_COLUMN(name)                                                    \
  static char *dup_##name (JsonNode *row)                                     \
  {                                                                           \
    return g_strdup_printf ("%" G_GINT64_FORMAT, tool_row_get_integer (row, #name)); \
  }
#define SIZE_COLUMN(name) \
  static char *dup_##name (JsonNode *row) { return dup_size (tool_row_get_integer (row, #name)); }

STRING_COLUMN (peer_id)
WORD_COLUMN (direction)
STRING_COLUMN (transport)
STRING_COLUMN (security)
STRING_COLUMN (muxer)
STRING_COLUMN (remote_address)
WORD_COLUMN (state)
STRING_COLUMN (error)
STRING_COLUMN (name)
STRING_COLUMN (local)
STRING_COLUMN (option)
COUNT_COLUMN (files)
COUNT_COLUMN (streams)
COUNT_COLUMN (open)
COUNT_COLUMN (total)
COUNT_COLUMN (failed)
COUNT_COLUMN (used)
COUNT_COLUMN (limit)
SIZE_COLUMN (bytes)
SIZE_COLUMN (done)
SIZE_COLUMN (rate_bytes_s)
SIZE_COLUMN (down_bytes_s)
SIZE_COLUMN (up_bytes_s)
SIZE_COLUMN (sent)
SIZE_COLUMN (received)

static char *
dup_rtt (JsonNode *row)
{
  double rtt = tool_row_get_number (row, "rtt_ms");

  return rtt >= 0 ? g_strdup_printf ("%.1f ms", rtt) : NULL;
}

static char *
dup_retry (JsonNode *row)
{
  double seconds = tool_row_get_number (row, "retry_s");

  return seconds > 0 ? g_strdup_printf ("%.0f s", seconds) : NULL;
}

static char *
dup_limited (JsonNode *row)
{
  JsonNode *member = json_object_get_member (json_node_get_object (row), "limited");

  return member != NULL && JSON_NODE_HOLDS_VALUE (member) && json_node_get_boolean (member)
             ? g_strdup (_("limited"))
             : NULL;
}

static const Column connection_columns[] = {
  { N_("PEER"), dup_peer_id },       { N_("DIRECTION"), dup_direction },
  { N_("TRANSPORT"), dup_transport }, { N_("SECURITY"), dup_security },
  { N_("MUXER"), dup_muxer },        { N_(">RTT"), dup_rtt },
  { N_(">DOWN"), dup_down_bytes_s }, { N_(">UP"), dup_up_bytes_s },
  { N_(">STREAMS"), dup_streams },   { N_("LIMITED"), dup_limited },
  { N_("ADDRESS"), dup_remote_address }, { NULL },
};

static const Column kept_columns[] = {
  { N_("KEPT PEER"), dup_peer_id }, { N_("STATE"), dup_state }, { N_(">RETRY"), dup_retry },
  { N_("ERROR"), dup_error },       { NULL },
};

static const Column service_columns[] = {
  { N_("SERVICE"), dup_name },   { N_("DIRECTION"), dup_direction }, { N_("LOCAL"), dup_local },
  { N_(">OPEN"), dup_open },     { N_(">TOTAL"), dup_total },        { N_(">FAILED"), dup_failed },
  { N_(">SENT"), dup_sent },     { N_(">RECEIVED"), dup_received },  { N_("PEER"), dup_peer_id },
  { N_("ERROR"), dup_error },    { NULL },
};

static const Column transfer_columns[] = {
  { N_("TRANSFER"), dup_name },  { N_("DIRECTION"), dup_direction }, { N_("STATE"), dup_state },
  { N_(">FILES"), dup_files },   { N_(">DONE"), dup_done },          { N_(">SIZE"), dup_bytes },
  { N_(">RATE"), dup_rate_bytes_s }, { N_("PEER"), dup_peer_id },    { NULL },
};

static const Column limit_columns[] = {
  { N_("LIMIT"), dup_option }, { N_(">USED"), dup_used }, { N_(">MOST"), dup_limit }, { NULL },
};

static const struct
{
  const char *type;
  const Column *columns;
} tables[] = {
  { "connection", connection_columns },
  { "kept", kept_columns },
  { "service", service_columns },
  { "transfer", transfer_columns },
  { "limit", limit_columns },
};

/* Output */

static void
print_table (const ToolAnswer *answer, const char *type, const Column *columns)
{
  const char *titles[16] = { NULL };
  g_autoptr (ToolTable) table = NULL;
  gboolean any = FALSE;

  for (gsize i = 0; columns[i].title != NULL; i++)
    titles[i] = columns[i].title;
  table = tool_table_new (titles);
  for (guint i = 0; i < answer->objects->len; i++)
    {
      JsonNode *row = g_ptr_array_index (answer->objects, i);

      if (!tool_row_is (row, type))
        continue;
      any = TRUE;
      for (const Column *column = columns; column->title != NULL; column++)
        {
          g_autofree char *text = column->dup_text (row);

          tool_table_add (table, TOOL_STYLE_PLAIN, text != NULL ? text : "-");
        }
    }
  if (!any)
    return;
  tool_print ("\n");
  tool_table_print (table);
}

static void
print_strings (JsonNode *row, const char *member, const char *name)
{
  JsonNode *node = json_object_get_member (json_node_get_object (row), member);
  JsonArray *array = node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;

  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++)
    {
      JsonNode *element = json_array_get_element (array, i);

      if (JSON_NODE_HOLDS_VALUE (element) && json_node_get_value_type (element) == G_TYPE_STRING)
        tool_print_field (name, json_node_get_string (element));
    }
}

static void
print_field (const char *name, const char *value)
{
  tool_print_field (name, value != NULL ? value : "-");
}

static void
print_host (const ToolAnswer *answer)
{
  for (guint i = 0; i < answer->objects->len; i++)
    {
      JsonNode *row = g_ptr_array_index (answer->objects, i);

      if (!tool_row_is (row, "host"))
        continue;
      print_field (_("command"), tool_row_get_string (row, "command"));
      print_field (_("pid"), answer->pid);
      print_field (_("peer id"), tool_row_get_string (row, "peer_id"));
      print_strings (row, "addresses", _("listens on"));
      print_strings (row, "observed_addresses", _("seen as"));
    }
  for (gsize i = 0; i < G_N_ELEMENTS (tables); i++)
    print_table (answer, tables[i].type, tables[i].columns);
}

static void
print_json (const ToolAnswer *answer)
{
  for (guint i = 0; i < answer->objects->len; i++)
    {
      JsonNode *row = g_ptr_array_index (answer->objects, i);
      g_autofree char *text = NULL;
      g_autofree char *line = NULL;

      json_object_set_int_member (json_node_get_object (row), "pid",
                                  (gint64) g_ascii_strtoull (answer->pid, NULL, 10));
      text = json_to_string (row, FALSE);
      line = g_strconcat (text, "\n", NULL);
      tool_print_json (line);
    }
}

static int
report_silent (const Options *options, const ToolAnswer *answer)
{
  g_autofree char *what = g_strdup_printf (_("%s: process %s"), WHAT, answer->pid);
  g_autoptr (ToolJson) object = NULL;

  if (options->json)
    {
      object = tool_json_new ();
      tool_json_add_string (object, "type", "error");
      tool_json_add_integer (object, "pid", (gint64) g_ascii_strtoull (answer->pid, NULL, 10));
      tool_json_add_string (object, "error", answer->error->message);
      tool_json_print (object);
    }
  return tool_fail_error (what, answer->error);
}

static int
show (const Options *options, const char *folder, const char *pid)
{
  g_autoptr (GPtrArray) answers = tool_status_ask (folder, pid, options->timeout);
  int status = TOOL_EXIT_OK;

  if (tool_is_interrupted ())
    return status;
  for (guint i = 0; i < answers->len; i++)
    {
      const ToolAnswer *answer = g_ptr_array_index (answers, i);

      if (answer->error != NULL)
        status = report_silent (options, answer);
      else if (options->json)
        print_json (answer);
      else
        {
          if (i > 0)
            tool_print ("\n");
          print_host (answer);
        }
    }
  tool_flush ();
  if (answers->len == 0 && pid != NULL)
    return tool_fail (TOOL_EXIT_FAILURE, WHAT, _("no host has the process id %s"), pid);
  if (answers->len == 0)
    return tool_fail (TOOL_EXIT_FAILURE, WHAT, _("no host runs: none answers in %s"), folder);
  return status;
}

/* Hosts may come and go meanwhile. */
static void
watch (const Options *options, const char *folder, const char *pid)
{
  do
    {
      show (options, folder, pid);
      if (!options->json)
        tool_print ("\n");
    }
  while (tool_sleep (options->interval));
}

static gboolean
is_pid (const char *text)
{
  return g_ascii_string_to_unsigned (text, 10, 1, G_MAXINT32, NULL, NULL);
}

int
tool_command_status (ToolLine *line)
{
  Options options = { .interval = 1, .timeout = 3 };
  const GOptionEntry entries[] = {
    { "watch", 'w', 0, G_OPTION_ARG_NONE, &options.watch, N_("Show it again and again, until interrupted"), NULL },
    { "interval", 'i', 0, G_OPTION_ARG_DOUBLE, &options.interval,
      N_("Seconds in between; the default is 1"), N_("SECONDS") },
    { "timeout", 0, 0, G_OPTION_ARG_DOUBLE, &options.timeout,
      N_("Seconds that an answer may take; the default is 3"), N_("SECONDS") },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, N_("Print JSON objects"), NULL },
    { NULL },
  };
  g_autofree char *folder = tool_control_dup_folder ();
  const char *pid;

  if (!tool_line_parse (line, entries, description, 0, 1))
    return TOOL_EXIT_USAGE;
  pid = line->arguments != NULL ? line->arguments[0] : NULL;
  if (pid != NULL && !is_pid (pid))
    return tool_fail (TOOL_EXIT_USAGE, WHAT, _("\"%s\" is no process id"), pid);
  if (!(options.timeout > 0 && options.timeout <= 86400))
    return tool_fail (TOOL_EXIT_USAGE, WHAT, _("a timeout of %g s, expected more than 0, at most 86400"),
                      options.timeout);
  if (!(options.interval > 0 && options.interval <= 86400))
    return tool_fail (TOOL_EXIT_USAGE, WHAT, _("an interval of %g s, expected more than 0, at most 86400"),
                      options.interval);

  tool_watch_interrupts ();
  if (!options.watch)
    return show (&options, folder, pid);
  watch (&options, folder, pid);
  return TOOL_EXIT_OK;
}
