/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lp2p perf: how many bytes a peer takes and sends in which time. */

#include "tools/lp2p-output-private.h"
#include "tools/lp2p-session-private.h"
#include "types/lp2p-i18n-private.h"

#include <inttypes.h>

#define WHAT         "perf"
#define PROTOCOL     "/perf/1.0.0"
#define DEFAULT_SIZE (64 * 1024 * 1024)

/* Large enough that what a call costs does not show. */
#define BLOCK_SIZE (1024 * 1024)

typedef struct
{
  char *upload_text;
  char *download_text;
  guint64 upload;
  guint64 download;
  double timeout;
  gboolean json;
} Options;

/* One direction.
 * @size: what it is to move
 * @start: when it began
 * @seconds: how long it took */
typedef struct
{
  const char *name;
  guint64 size;
  gint64 start;
  double seconds;
} Phase;

static const char description[] =
    N_("%s"
       "\n"
       "The peer has to serve /perf/1.0.0, which is off by default: lp2p listen --service\n"
       "perf serves it. A temporary identity is used unless --identity names one.\n"
       "\n"
       "First the bytes of --upload go to the peer, then those of --download come back. The\n"
       "upload counts from the request until the peer answers that it has all of it, the\n"
       "download from there to its end. MB are 1,000,000 bytes.\n"
       "\n"
       "--json prints an object for each direction that was measured, as soon as it is (type,\n"
       "which is \"upload\" or \"download\"; bytes, seconds, mb_s), and one at the end (type\n"
       "\"final\"; peer_id, transport, security, muxer, upload, download, both in bytes, and\n"
       "seconds).\n"
       "\n"
       "Exit status: 3 could not connect, 4 another peer answered, 5 timed out.\n"
       "\n"
       "Example:\n"
       "  lp2p perf /ip4/192.0.2.1/tcp/4001 --upload 1G --download 0");

static void
options_clear (Options *self)
{
  g_free (self->upload_text);
  g_free (self->download_text);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

/* Output */

static void
print_phase (const Options *options, const Phase *phase)
{
  double rate = (double) phase->size / MAX (phase->seconds, 1e-6) / 1e6;
  g_autoptr (ToolJson) object = NULL;

  if (!options->json)
    {
      g_autofree char *name = tool_pad (_(phase->name), 10);

      tool_print (_("%s%" PRIu64 " bytes in %.3f s: %.1f MB/s\n"), name, phase->size,
                  phase->seconds, rate);
      tool_flush ();
      return;
    }
  object = tool_json_new ();
  tool_json_add_string (object, "type", phase->name);
  tool_json_add_integer (object, "bytes", (gint64) phase->size);
  tool_json_add_number (object, "seconds", phase->seconds, 6);
  tool_json_add_number (object, "mb_s", rate, 3);
  tool_json_print (object);
}

static void
print_final (const Options *options, Lp2pConnection *connection, double seconds)
{
  const char *peer = lp2p_peer_id_get_string (lp2p_connection_get_remote_peer (connection));
  g_autoptr (ToolJson) object = NULL;

  if (!options->json)
    {
      g_autofree char *description = tool_describe_connection (connection);

      tool_print ("%s: %.3f s\n", description, seconds);
      return;
    }
  object = tool_json_new ();
  tool_json_add_string (object, "type", "final");
  tool_json_add_string (object, "peer_id", peer);
  tool_json_add_string (object, "transport", lp2p_connection_get_transport (connection));
  tool_json_add_string (object, "security", lp2p_connection_get_security (connection));
  tool_json_add_string (object, "muxer", lp2p_connection_get_muxer (connection));
  tool_json_add_integer (object, "upload", (gint64) options->upload);
  tool_json_add_integer (object, "download", (gint64) options->download);
  tool_json_add_number (object, "seconds", seconds, 6);
  tool_json_print (object);
}

static void
show_progress (const Phase *phase, guint64 done)
{
  tool_progress ("%s: %d %%", _(phase->name), (int) (100.0 * (double) done / (double) phase->size));
}

/* The request */

static gboolean
ask (Lp2pStream *stream, const Options *options, GError **error)
{
  guint64 count = GUINT64_TO_BE (options->download);

  return tool_stream_write_all (stream, &count, sizeof count, options->timeout, error);
}

static gboolean
upload (Lp2pStream *stream, const Options *options, guint8 *block, const Phase *phase, GError **error)
{
  guint64 done = 0;

  while (done < phase->size)
    {
      gsize size = (gsize) MIN (phase->size - done, BLOCK_SIZE);
      gssize n = tool_stream_write (stream, block, size, options->timeout, error);

      if (n < 0)
        return FALSE;
      done += (guint64) n;
      show_progress (phase, done);
    }
  return tool_stream_end_writing (stream, options->timeout, error);
}

static gboolean
check_sent (guint64 done, const Phase *phase, GError **error)
{
  if (done == phase->size)
    return TRUE;
  if (done > phase->size)
    g_set_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                 _("the peer sent at least %" PRIu64 " bytes, expected %" PRIu64), done, phase->size);
  else
    g_set_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                 _("the peer sent %" PRIu64 " bytes, expected %" PRIu64), done, phase->size);
  return FALSE;
}

/* @first is what came already, with which the upload ended. */
static gboolean
download (Lp2pStream *stream,
          const Options *options,
          guint8 *block,
          const Phase *phase,
          gssize first,
          GError **error)
{
  guint64 done = 0;

  for (gssize n = first; n > 0;)
    {
      done += (guint64) n;
      if (done > phase->size)
        break;
      show_progress (phase, done);
      n = tool_stream_read (stream, block, BLOCK_SIZE, options->timeout, error);
      if (n < 0)
        return FALSE;
    }
  return check_sent (done, phase, error);
}

static void
phase_end (Phase *self, const Options *options)
{
  self->seconds = (double) (g_get_monotonic_time () - self->start) / G_USEC_PER_SEC;
  tool_progress_clear ();
  if (self->size > 0)
    print_phase (options, self);
}

/* The first byte that comes back, or the end where none was asked for, tells that
 * the peer has had the whole upload. */
static gboolean
run (const Options *options, Lp2pConnection *connection, double *seconds, GError **error)
{
  g_autofree guint8 *block = g_malloc0 (BLOCK_SIZE);
  Phase up = { .name = N_("upload"), .size = options->upload };
  Phase down = { .name = N_("download"), .size = options->download };
  g_autoptr (Lp2pStream) stream =
      tool_connection_open_stream (connection, PROTOCOL, options->timeout, error);
  gssize first;

  if (stream == NULL)
    return FALSE;
  up.start = g_get_monotonic_time ();
  if (!ask (stream, options, error) || !upload (stream, options, block, &up, error))
    return FALSE;
  first = tool_stream_read (stream, block, BLOCK_SIZE, options->timeout, error);
  if (first < 0)
    return FALSE;
  phase_end (&up, options);

  down.start = options->upload > 0 ? g_get_monotonic_time () : up.start;
  if (!download (stream, options, block, &down, first, error))
    return FALSE;
  phase_end (&down, options);
  *seconds = (double) (g_get_monotonic_time () - up.start) / G_USEC_PER_SEC;
  return TRUE;
}

/* Most peers do not serve it. */
static int
fail (const GError *error)
{
  if (g_error_matches (error, LP2P_ERROR, LP2P_ERROR_NOT_SUPPORTED))
    return tool_fail (TOOL_EXIT_FAILURE, WHAT,
                      _("%s: the peer has to serve it, as lp2p listen --service perf does"), error->message);
  return tool_fail_error (WHAT, error);
}

static gboolean
check_size (const char *format, const char *text, guint64 *size)
{
  if (text == NULL || tool_parse_size (text, 0, size))
    return TRUE;
  tool_fail (TOOL_EXIT_USAGE, WHAT, format, text);
  return FALSE;
}

static gboolean
check_options (Options *options)
{
  if (!check_size (_("an upload of \"%s\", expected a number of bytes from 0 to 1024G, such as 64M"),
                   options->upload_text, &options->upload) ||
      !check_size (_("a download of \"%s\", expected a number of bytes from 0 to 1024G, such as 64M"),
                   options->download_text, &options->download))
    return FALSE;
  if (options->timeout > 0 && options->timeout <= 86400)
    return TRUE;
  tool_fail (TOOL_EXIT_USAGE, WHAT, _("a timeout of %g s, expected more than 0, at most 86400"),
             options->timeout);
  return FALSE;
}

int
tool_command_perf (ToolLine *line)
{
  g_auto (Options) options = { .upload = DEFAULT_SIZE, .download = DEFAULT_SIZE, .timeout = 30 };
  const GOptionEntry entries[] = {
    { "upload", 'u', 0, G_OPTION_ARG_STRING, &options.upload_text,
      N_("What to send, in bytes or with K, M or G; the default is 64M"), N_("SIZE") },
    { "download", 'd', 0, G_OPTION_ARG_STRING, &options.download_text,
      N_("What to have sent back; the default is 64M"), N_("SIZE") },
    { "timeout", 0, 0, G_OPTION_ARG_DOUBLE, &options.timeout,
      N_("Seconds that connecting may take, and that may pass without a byte; the default is 30"),
      N_("SECONDS") },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, N_("Print JSON objects"), NULL },
    { NULL },
  };
  g_autofree char *help = g_strdup_printf (_(description), _(TOOL_ADDRESS_HELP));
  g_auto (ToolDial) dial = { NULL };
  g_autoptr (GError) error = NULL;
  double seconds = 0;
  int status;

  if (!tool_line_parse (line, entries, help, 1, 1) || !check_options (&options))
    return TOOL_EXIT_USAGE;
  status = tool_dial (line, line->arguments[0], options.timeout, &dial);
  if (status != TOOL_EXIT_OK)
    return status;
  if (!run (&options, dial.connection, &seconds, &error))
    return fail (error);
  print_final (&options, dial.connection, seconds);
  return TOOL_EXIT_OK;
}
