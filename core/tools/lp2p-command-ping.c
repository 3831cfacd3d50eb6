/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lp2p ping: how long a message takes to a peer and back. */

#include "tools/lp2p-output-private.h"
#include "tools/lp2p-session-private.h"
#include "types/lp2p-i18n-private.h"

#define WHAT "ping"

typedef struct
{
  int count;
  double interval;
  double timeout;
  gboolean json;
} Options;

typedef struct
{
  int n;
  double min;
  double max;
  double sum;
} Summary;

static const char description[] =
    N_("%s"
       "\n"
       "The peer has to serve /ipfs/ping/1.0.0, as nearly all do. A temporary identity is\n"
       "used unless --identity names one.\n"
       "\n"
       "--json prints an object for each ping (seq, time_ms) and one at the end (peer_id,\n"
       "transport, security, muxer, count, min_ms, avg_ms, max_ms).\n"
       "\n"
       "Exit status: 3 could not connect, 4 another peer answered, 5 timed out.");

static void
print_ping (const Options *options, int seq, double time)
{
  g_autoptr (ToolJson) object = NULL;

  if (!options->json)
    {
      tool_print (_("ping %d: %.3f ms\n"), seq, time);
      tool_flush ();
      return;
    }
  object = tool_json_new ();
  tool_json_add_integer (object, "seq", seq);
  tool_json_add_number (object, "time_ms", time, 3);
  tool_json_print (object);
}

static void
print_summary (const Options *options, Lp2pConnection *connection, const Summary *summary)
{
  const char *peer = lp2p_peer_id_get_string (lp2p_connection_get_remote_peer (connection));
  double average = summary->sum / MAX (summary->n, 1);
  g_autoptr (ToolJson) object = NULL;

  if (!options->json)
    {
      if (summary->n > 0)
        tool_print (lp2p_ngettext ("%d ping of %s: min %.3f, avg %.3f, max %.3f ms\n",
                                   "%d pings of %s: min %.3f, avg %.3f, max %.3f ms\n", (gulong) summary->n),
                    summary->n, peer, summary->min, average, summary->max);
      return;
    }
  object = tool_json_new ();
  tool_json_add_string (object, "peer_id", peer);
  tool_json_add_string (object, "transport", lp2p_connection_get_transport (connection));
  tool_json_add_string (object, "security", lp2p_connection_get_security (connection));
  tool_json_add_string (object, "muxer", lp2p_connection_get_muxer (connection));
  tool_json_add_integer (object, "count", summary->n);
  /* Without a ping there is no time: these become null. */
  tool_json_add_number (object, "min_ms", summary->n > 0 ? summary->min : G_MAXDOUBLE, 3);
  tool_json_add_number (object, "avg_ms", summary->n > 0 ? average : G_MAXDOUBLE, 3);
  tool_json_add_number (object, "max_ms", summary->n > 0 ? summary->max : G_MAXDOUBLE, 3);
  tool_json_print (object);
}

static void
add_time (Summary *summary, double time)
{
  summary->min = summary->n == 0 ? time : MIN (summary->min, time);
  summary->max = MAX (summary->max, time);
  summary->sum += time;
  summary->n++;
}

static gboolean
run_pings (const Options *options, Lp2pConnection *connection, Summary *summary, GError **error)
{
  g_autoptr (Lp2pStream) stream =
      tool_connection_open_stream (connection, TOOL_PING_PROTOCOL, options->timeout, error);

  if (stream == NULL)
    return FALSE;
  do
    {
      double time;

      if (!tool_stream_ping (stream, options->timeout, &time, error))
        return FALSE;
      add_time (summary, time);
      print_ping (options, summary->n, time);
    }
  while ((options->count == 0 || summary->n < options->count) && tool_sleep (options->interval));
  return TRUE;
}

static gboolean
check_options (const Options *options)
{
  if (options->count < 0)
    tool_fail (TOOL_EXIT_USAGE, WHAT, _("a count of %d, expected at least 0"), options->count);
  else if (!(options->interval >= 0 && options->interval <= 86400))
    tool_fail (TOOL_EXIT_USAGE, WHAT, _("an interval of %g s, expected 0 to 86400"),
               options->interval);
  else if (!(options->timeout > 0 && options->timeout <= 86400))
    tool_fail (TOOL_EXIT_USAGE, WHAT, _("a timeout of %g s, expected more than 0, at most 86400"),
               options->timeout);
  else
    return TRUE;
  return FALSE;
}

int
tool_command_ping (ToolLine *line)
{
  Options options = { .count = 4, .interval = 1, .timeout = 10 };
  const GOptionEntry entries[] = {
    { "count", 'c', 0, G_OPTION_ARG_INT, &options.count,
      N_("How many pings; the default is 4, 0 goes on until it is interrupted"), N_("COUNT") },
    { "interval", 'i', 0, G_OPTION_ARG_DOUBLE, &options.interval,
      N_("Seconds between two pings; the default is 1"), N_("SECONDS") },
    { "timeout", 0, 0, G_OPTION_ARG_DOUBLE, &options.timeout,
      N_("Seconds that connecting and each answer may take; the default is 10"), N_("SECONDS") },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, N_("Print JSON objects"), NULL },
    { NULL },
  };
  g_autofree char *help = g_strdup_printf (_(description), _(TOOL_ADDRESS_HELP));
  g_auto (ToolDial) dial = { NULL };
  g_autoptr (GError) error = NULL;
  Summary summary = { 0 };
  int status;

  if (!tool_line_parse (line, entries, help, 1, 1) || !check_options (&options))
    return TOOL_EXIT_USAGE;
  status = tool_dial (line, line->arguments[0], options.timeout, &dial);
  if (status != TOOL_EXIT_OK)
    return status;

  if (!run_pings (&options, dial.connection, &summary, &error) &&
      !(summary.n > 0 && tool_is_interrupted ()))
    status = tool_fail_error (WHAT, error);
  print_summary (&options, dial.connection, &summary);
  return status;
}
