/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/send/lp2p-send-report-private.h"

#include "tools/lp2p-output-private.h"
#include "types/lp2p-i18n-private.h"

#include <inttypes.h>
#include <string.h>

/* How often progress is shown, to programs also after so many bytes, and how much a new
 * figure counts for the rate. */
#define TICK (G_USEC_PER_SEC / 5)
#define STEP (16 * 1024 * 1024)
#define NEW  0.15

/* So many things that went wrong get a line each. */
#define MAX_LINES 100

#define BAR_WIDTH 20

struct _SendReport
{
  ToolLine *line;
  gboolean sending;
  gboolean json;

  gboolean running; /* between the offer and the end */
  char *peer;       /* of this transfer or the last one, NULL before there was one */
  char *name;       /* of what is moved, NULL while that is not known */
  guint64 files;    /* as offered */
  guint64 size;
  guint64 done;   /* bytes that need not move any more */
  guint64 moved;  /* bytes that did */
  guint64 counts[SEND_OUTCOME_FAILED + 1];
  guint lines;
  gboolean finished;

  gint64 start;
  gint64 shown_at;
  guint64 shown; /* what had moved then */
  double rate;   /* bytes in a second */
};

SendReport *
send_report_new (ToolLine *line, gboolean sending, gboolean json)
{
  SendReport *self = g_new0 (SendReport, 1);

  self->line = line;
  self->sending = sending;
  self->json = json;
  return self;
}

void
send_report_free (SendReport *self)
{
  g_free (self->peer);
  g_free (self->name);
  g_free (self);
}

gboolean
send_report_get_json (SendReport *self)
{
  return self->json;
}

guint64
send_report_get_count (SendReport *self, SendOutcome outcome)
{
  return self->counts[outcome];
}

/* What is to be sent is known, but not to whom. */
void
send_report_expect (SendReport *self, const char *name, guint64 files, guint64 size)
{
  g_free (self->name);
  self->name = g_strdup (name);
  self->files = files;
  self->size = size;
}

/* What is to be moved is known. A transfer that is taken up again begins anew. */
void
send_report_begin (SendReport *self, const char *peer, const char *name, guint64 files, guint64 size)
{
  g_autoptr (ToolJson) object = NULL;

  send_report_expect (self, name, files, size);
  g_free (self->peer);
  self->peer = g_strdup (peer);
  self->running = TRUE;
  self->done = 0;
  self->moved = 0;
  self->rate = 0;
  self->shown = 0;
  memset (self->counts, 0, sizeof self->counts);
  self->start = g_get_monotonic_time ();
  self->shown_at = self->start;
  if (!self->json)
    return;
  object = tool_json_new ();
  tool_json_add_string (object, "type", "begin");
  tool_json_add_string (object, "peer_id", peer);
  tool_json_add_string (object, "name", name);
  tool_json_add_integer (object, "files", (gint64) files);
  tool_json_add_integer (object, "bytes", (gint64) size);
  tool_json_print (object);
}

/* Progress */

static char *
describe_time (guint64 seconds)
{
  if (seconds >= 3600)
    return g_strdup_printf ("%" G_GUINT64_FORMAT ":%02u:%02u", seconds / 3600,
                            (guint) (seconds / 60 % 60), (guint) (seconds % 60));
  return g_strdup_printf ("%u:%02u", (guint) (seconds / 60), (guint) (seconds % 60));
}

static void
show_bar (SendReport *self, const char *path)
{
  double part = self->size > 0 ? MIN (1.0, (double) self->done / (double) self->size) : 1.0;
  int filled = (int) (part * BAR_WIDTH);
  g_autofree char *bar = g_strnfill (BAR_WIDTH, '-');
  g_autofree char *done = g_format_size (self->done);
  g_autofree char *size = g_format_size (self->size);
  g_autofree char *rate = g_format_size ((guint64) self->rate);
  g_autofree char *left = NULL;
  g_autofree char *name = g_path_get_basename (path);
  g_autofree char *printable = tool_make_printable (name);

  memset (bar, '#', (gsize) filled);
  if (self->rate >= 1 && self->done < self->size)
    left = describe_time ((guint64) ((double) (self->size - self->done) / self->rate));
  /* Translators: a bar, percent, bytes done, all bytes, bytes of a second, time, a file name */
  tool_progress (_("[%s] %d %%  %s of %s  %s/s  %s left  %.40s"), bar, (int) (part * 100), done, size,
                 rate, left != NULL ? left : "-:--", printable);
}

static void
print_progress (SendReport *self, const char *path)
{
  g_autoptr (ToolJson) object = tool_json_new ();

  tool_json_add_string (object, "type", "progress");
  tool_json_add_string (object, "path", path);
  tool_json_add_integer (object, "done", (gint64) self->done);
  tool_json_add_integer (object, "bytes", (gint64) self->size);
  tool_json_add_number (object, "rate", self->rate, 0);
  tool_json_print (object);
}

static void
tick (SendReport *self, const char *path)
{
  gint64 now = g_get_monotonic_time ();
  double seconds = (double) (now - self->shown_at) / G_USEC_PER_SEC;
  gboolean step = self->json && self->moved - self->shown >= STEP;
  double rate;

  if (now - self->shown_at < TICK && !step)
    return;
  rate = (double) (self->moved - self->shown) / MAX (seconds, 1e-6);
  self->rate = self->rate > 0 ? (1 - NEW) * self->rate + NEW * rate : rate;
  self->shown_at = now;
  self->shown = self->moved;
  if (!self->json)
    show_bar (self, path);
  else if (tool_is_read ())
    print_progress (self, path);
}

/* Bytes of a file went over the network. */
void
send_report_move (SendReport *self, const char *path, guint64 bytes)
{
  self->done += bytes;
  self->moved += bytes;
  tick (self, path);
}

/* Bytes that need not: they are there already, or will not come. */
void
send_report_pass (SendReport *self, guint64 bytes)
{
  self->done += bytes;
}

/* A file goes on at an offset; with 0 it begins. */
void
send_report_resume (SendReport *self, const char *path, guint64 offset)
{
  g_autofree char *printable = NULL;

  if (offset == 0)
    return;
  send_report_pass (self, offset);
  if (self->json)
    {
      g_autoptr (ToolJson) object = tool_json_new ();

      tool_json_add_string (object, "type", "resume");
      tool_json_add_string (object, "path", path);
      tool_json_add_integer (object, "offset", (gint64) offset);
      tool_json_print (object);
      return;
    }
  printable = tool_make_printable (path);
  tool_note (self->line->options, _("%s: goes on at %" PRIu64 " bytes"), printable, offset);
}

/* Entries */

static void
print_entry (SendReport *self, const char *path, guint64 size, SendOutcome outcome, const char *why)
{
  const char *const states[] = { self->sending ? "sent" : "received", "present", "skipped", "failed" };
  g_autoptr (ToolJson) object = tool_json_new ();

  tool_json_add_string (object, "type", "file");
  tool_json_add_string (object, "path", path);
  tool_json_add_integer (object, "bytes", (gint64) size);
  tool_json_add_string (object, "state", states[outcome]);
  if (why != NULL)
    tool_json_add_string (object, "reason", why);
  tool_json_print (object);
}

/**
 * send_report_entry:
 * @self: a report
 * @path: a file, a folder or a symbolic link
 * @is_file: whether it is a file: the rest is told of only where it went wrong
 * @size: its size
 * @outcome: what became of it
 * @why: (nullable): why it was not moved
 *
 * Tells what became of one thing.
 */
void
send_report_entry (SendReport *self,
                   const char *path,
                   gboolean is_file,
                   guint64 size,
                   SendOutcome outcome,
                   const char *why)
{
  g_autofree char *printable = tool_make_printable (path);
  g_autofree char *reason = NULL;

  if (!is_file && outcome <= SEND_OUTCOME_PRESENT)
    return;
  self->counts[outcome]++;
  if (self->json)
    print_entry (self, path, size, outcome, why);
  if (outcome <= SEND_OUTCOME_PRESENT)
    {
      tool_note (self->line->options, "%s: %s", printable,
                 outcome == SEND_OUTCOME_PRESENT ? _("is there already") : _("done"));
      return;
    }
  reason = tool_translate_reason (why);
  if (self->lines++ < MAX_LINES)
    tool_fail (TOOL_EXIT_FAILURE, printable, outcome == SEND_OUTCOME_SKIPPED ? _("skipped: %s") : "%s", reason);
  else if (self->lines == MAX_LINES + 1)
    tool_fail (TOOL_EXIT_FAILURE, self->line->command->name,
               _("and more like these, which are only counted"));
}

/* What lp2p status tells */

/* For a control socket. @report: (type SendReport) */
void
send_report_append_status (GString *lines, gpointer report)
{
  SendReport *self = report;
  g_autoptr (ToolJson) object = tool_json_new ();

  tool_json_add_string (object, "type", "transfer");
  tool_json_add_string (object, "direction", self->sending ? N_("send") : N_("receive"));
  tool_json_add_string (object, "state", self->running ? N_("running") : N_("waiting"));
  tool_json_add_string (object, "name", self->name);
  tool_json_add_string (object, "peer_id", self->peer);
  tool_json_add_integer (object, "files", (gint64) self->files);
  tool_json_add_integer (object, "bytes", (gint64) self->size);
  tool_json_add_integer (object, "done", (gint64) self->done);
  tool_json_add_number (object, "rate_bytes_s", self->running ? self->rate : 0, 0);
  tool_json_append (object, lines);
}

/* The transfer has ended, or was cut: another one may follow. */
void
send_report_pause (SendReport *self)
{
  self->running = FALSE;
}

/* The sum */

static void
print_final (SendReport *self, double seconds)
{
  g_autoptr (ToolJson) object = tool_json_new ();

  tool_json_add_string (object, "type", "final");
  tool_json_add_integer (object, "files", (gint64) self->counts[SEND_OUTCOME_DONE]);
  tool_json_add_integer (object, "present", (gint64) self->counts[SEND_OUTCOME_PRESENT]);
  tool_json_add_integer (object, "skipped", (gint64) self->counts[SEND_OUTCOME_SKIPPED]);
  tool_json_add_integer (object, "failed", (gint64) self->counts[SEND_OUTCOME_FAILED]);
  tool_json_add_integer (object, "bytes", (gint64) self->moved);
  tool_json_add_number (object, "seconds", seconds, 6);
  tool_json_add_number (object, "mb_s", (double) self->moved / MAX (seconds, 1e-6) / 1e6, 3);
  tool_json_print (object);
}

static void
append_count (GString *text, SendReport *self, SendOutcome outcome, const char *format)
{
  if (self->counts[outcome] > 0)
    g_string_append_printf (text, format, self->counts[outcome]);
}

/**
 * send_report_finish:
 * @self: a report
 *
 * Tells the sum.
 *
 * Returns: what the command is to end with
 */
int
send_report_finish (SendReport *self)
{
  double seconds = (double) (g_get_monotonic_time () - self->start) / G_USEC_PER_SEC;
  g_autofree char *moved = g_format_size (self->moved);
  g_autofree char *rate = g_format_size ((guint64) ((double) self->moved / MAX (seconds, 1e-6)));
  g_autoptr (GString) text = g_string_new (NULL);

  self->finished = TRUE;
  if (self->json)
    {
      print_final (self, seconds);
    }
  else
    {
      guint64 n = self->counts[SEND_OUTCOME_DONE];

      /* Translators: a number of files, their size, seconds, bytes of a second */
      g_string_append_printf (text,
                              self->sending ? lp2p_ngettext ("%" PRIu64 " file sent, %s in %.1f s, %s/s",
                                                             "%" PRIu64 " files sent, %s in %.1f s, %s/s", n)
                                            : lp2p_ngettext ("%" PRIu64 " file received, %s in %.1f s, %s/s",
                                                             "%" PRIu64 " files received, %s in %.1f s, %s/s", n),
                              n, moved, seconds, rate);
      append_count (text, self, SEND_OUTCOME_PRESENT, _(", %" PRIu64 " there already"));
      append_count (text, self, SEND_OUTCOME_SKIPPED, _(", %" PRIu64 " skipped"));
      append_count (text, self, SEND_OUTCOME_FAILED, _(", %" PRIu64 " failed"));
      tool_print ("%s\n", text->str);
      tool_flush ();
    }
  return self->counts[SEND_OUTCOME_FAILED] > 0 ? TOOL_EXIT_FAILURE : TOOL_EXIT_OK;
}

/* Whether there was a sum to tell. */
gboolean
send_report_is_finished (SendReport *self)
{
  return self->finished;
}
