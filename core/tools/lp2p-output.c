/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/lp2p-output-private.h"

#include "types/lp2p-i18n-private.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Between two columns. */
#define GAP 2

/* Of a pipe. Some lines of progress fit in, and leave most of the room that a pipe has to
 * what must be told. */
#define MAX_UNREAD 4096

struct _ToolJson
{
  GString *text;
};

typedef struct
{
  char *text;
  guint width;
  ToolStyle style;
} Cell;

struct _ToolTable
{
  GPtrArray *cells; /* row by row; the titles are the first row */
  guint n_columns;
  gboolean *right;
};

static gboolean progress_shown;

/* Terminals */

static gboolean
is_terminal (int fd)
{
  const char *term = g_getenv ("TERM");

  return isatty (fd) && g_strcmp0 (term, "dumb") != 0;
}

static const char *
style_start (ToolStyle style)
{
  const char *no_color = g_getenv ("NO_COLOR");

  if (style == TOOL_STYLE_PLAIN || !is_terminal (STDOUT_FILENO) ||
      (no_color != NULL && no_color[0] != '\0'))
    return "";
  switch (style)
    {
    case TOOL_STYLE_HEADING:
      return "\033[1m";
    case TOOL_STYLE_GOOD:
      return "\033[32m";
    case TOOL_STYLE_BAD:
      return "\033[31m";
    case TOOL_STYLE_PLAIN:
    default:
      return "";
    }
}

/**
 * tool_make_printable:
 * @text: text that may come from a peer or a file
 *
 * Makes text fit for a terminal: what is not printable is escaped, so that a peer
 * cannot send escape sequences to it.
 *
 * Returns: (transfer full): the text
 */
char *
tool_make_printable (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GString *printable = g_string_sized_new (strlen (valid));

  for (const char *p = valid; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (g_unichar_isprint (c))
        g_string_append_unichar (printable, c);
      else
        g_string_append_printf (printable, "\\u%04x", c);
    }
  return g_string_free (printable, FALSE);
}

void
tool_print (const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  tool_progress_clear ();
  g_print ("%s", text);
}

/**
 * tool_translate:
 * @text: (nullable): a message that is known only now, such as what a peer says
 *
 * Returns: (nullable): the same in the language of the user, where it is one of ours
 */
const char *
tool_translate (const char *text)
{
  /* What stands for nothing is the head of the catalogue. */
  return text != NULL && text[0] != '\0' ? _(text) : text;
}

/* Of errors of the system, which a peer names in English. */
#define MAX_ERRNO 256

/* NULL for what nobody here knows. */
static const char *
find_translation (const char *text)
{
  const char *translated = tool_translate (text);

  if (translated != text)
    return translated;
  for (int code = 1; code < MAX_ERRNO; code++)
    if (g_strcmp0 (strerrordesc_np (code), text) == 0)
      return g_strerror (code);
  return NULL;
}

/**
 * tool_translate_reason:
 * @text: why something went wrong, which is known only now: a message, or one of the
 *   system, perhaps behind what it is about and a colon
 *
 * Returns: (transfer full): the same in the language of the user, as far as it is known
 */
char *
tool_translate_reason (const char *text)
{
  const char *found = find_translation (text);

  for (const char *tail = text; found == NULL && (tail = strstr (tail, ": ")) != NULL;)
    {
      tail += strlen (": ");
      found = find_translation (tail);
      if (found != NULL)
        return g_strdup_printf ("%.*s%s", (int) (tail - text), text, found);
    }
  return g_strdup (found != NULL ? found : text);
}

/**
 * tool_is_yes:
 * @answer: what the user wrote after a question
 *
 * Returns: whether that is a yes, in English or the language of the user
 */
gboolean
tool_is_yes (const char *answer)
{
  /* Translators: the letter that says yes, as in [y/N] */
  const char *yes = _("y");

  return answer[0] == 'y' || answer[0] == 'Y' ||
         (answer[0] != '\0' && g_unichar_tolower (g_utf8_get_char_validated (answer, -1)) == g_utf8_get_char (yes));
}

static guint measure (const char *text);

/**
 * tool_pad:
 * @text: a text
 * @width: the width of its column
 *
 * Returns: (transfer full): the text, with spaces behind it
 */
char *
tool_pad (const char *text, guint width)
{
  guint n = measure (text);
  g_autofree char *spaces = g_strnfill (n < width ? width - n : 1, ' ');

  return g_strconcat (text, spaces, NULL);
}

/* A line of a description: the names stand in a column of their own. */
void
tool_print_field (const char *name, const char *value)
{
  g_autofree char *printable = tool_make_printable (value);
  g_autofree char *padded = tool_pad (name, 16);

  tool_print ("%s%s\n", padded, printable);
}

/**
 * tool_flush:
 *
 * Makes the reader of a pipe see what was printed.
 *
 * Returns: whether all output so far was taken
 */
gboolean
tool_flush (void)
{
  return fflush (stdout) == 0 && !ferror (stdout);
}

static gboolean
is_pipe (int fd)
{
  struct stat status;

  return fstat (fd, &status) == 0 && S_ISFIFO (status.st_mode);
}

/**
 * tool_is_read:
 *
 * Tells whether somebody reads what is printed, or it goes to a file. If not, printing
 * would wait for a reader sooner or later, which is not worth it for what is only of
 * interest at this moment.
 *
 * Returns: whether there is room for more
 */
gboolean
tool_is_read (void)
{
  struct pollfd output = { STDOUT_FILENO, POLLOUT, 0 };
  int unread;

  if (poll (&output, 1, 0) == 0)
    return FALSE;
  /* Of a reader that has gone, who writes is told. */
  return (output.revents & POLLERR) || !is_pipe (STDOUT_FILENO) ||
         ioctl (STDOUT_FILENO, FIONREAD, &unread) < 0 || unread <= MAX_UNREAD;
}

/**
 * tool_progress:
 * @format: a format for `printf()`
 *
 * Shows what is going on, in one line that the next call or output replaces. Only
 * on a terminal: in a file or a pipe it would be in the way.
 */
void
tool_progress (const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  if (!is_terminal (STDERR_FILENO))
    return;
  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  fflush (stdout);
  g_printerr ("\r\033[K%s", text);
  progress_shown = TRUE;
}

void
tool_progress_clear (void)
{
  if (!progress_shown)
    return;
  progress_shown = FALSE;
  g_printerr ("\r\033[K");
}

/* JSON */

ToolJson *
tool_json_new (void)
{
  ToolJson *self = g_new0 (ToolJson, 1);

  self->text = g_string_new ("{");
  return self;
}

void
tool_json_free (ToolJson *self)
{
  g_string_free (self->text, TRUE);
  g_free (self);
}

static void
append_quoted (GString *json, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  g_string_append_c (json, '"');
  for (const char *p = valid; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (c == '"' || c == '\\')
        g_string_append_printf (json, "\\%c", (char) c);
      else if (c == '\n')
        g_string_append (json, "\\n");
      else if (c == '\t')
        g_string_append (json, "\\t");
      else if (g_unichar_iscntrl (c))
        g_string_append_printf (json, "\\u%04x", c);
      else
        g_string_append_unichar (json, c);
    }
  g_string_append_c (json, '"');
}

static void
append_name (ToolJson *self, const char *name)
{
  if (self->text->len > 1)
    g_string_append (self->text, ", ");
  append_quoted (self->text, name);
  g_string_append (self->text, ": ");
}

void
tool_json_add_null (ToolJson *self, const char *name)
{
  append_name (self, name);
  g_string_append (self->text, "null");
}

/* NULL becomes null. */
void
tool_json_add_string (ToolJson *self, const char *name, const char *value)
{
  if (value == NULL)
    {
      tool_json_add_null (self, name);
      return;
    }
  append_name (self, name);
  append_quoted (self->text, value);
}

void
tool_json_add_strings (ToolJson *self, const char *name, const char *const *values)
{
  append_name (self, name);
  g_string_append_c (self->text, '[');
  for (gsize i = 0; values != NULL && values[i] != NULL; i++)
    {
      if (i > 0)
        g_string_append (self->text, ", ");
      append_quoted (self->text, values[i]);
    }
  g_string_append_c (self->text, ']');
}

void
tool_json_add_integer (ToolJson *self, const char *name, gint64 value)
{
  append_name (self, name);
  g_string_append_printf (self->text, "%" G_GINT64_FORMAT, value);
}

/* JSON has neither infinities nor NaN; a value that is none becomes null. */
void
tool_json_add_number (ToolJson *self, const char *name, double value, guint decimals)
{
  char format[16];
  char buffer[G_ASCII_DTOSTR_BUF_SIZE + 32];

  if (!isfinite (value) || fabs (value) > 1e30)
    {
      tool_json_add_null (self, name);
      return;
    }
  g_snprintf (format, sizeof format, "%%.%uf", MIN (decimals, 9));
  append_name (self, name);
  g_string_append (self->text, g_ascii_formatd (buffer, sizeof buffer, format, value));
}

void
tool_json_add_boolean (ToolJson *self, const char *name, gboolean value)
{
  append_name (self, name);
  g_string_append (self->text, value ? "true" : "false");
}

/* The object is complete then. */
void
tool_json_append (ToolJson *self, GString *lines)
{
  g_string_append (self->text, "}\n");
  g_string_append_len (lines, self->text->str, (gssize) self->text->len);
}

/* The object is complete then. It is flushed at once: the reader may wait for it. */
void
tool_json_print (ToolJson *self)
{
  g_autoptr (GString) line = g_string_new (NULL);

  tool_json_append (self, line);
  tool_print_json (line->str);
}

/* Lines that are JSON already. */
void
tool_print_json (const char *lines)
{
  tool_progress_clear ();
  /* Not g_print(), which would convert: JSON is UTF-8 whatever the locale. */
  fputs (lines, stdout);
  fflush (stdout);
}

/* Tables */

static void
cell_free (Cell *cell)
{
  g_free (cell->text);
  g_free (cell);
}

static guint
measure (const char *text)
{
  guint width = 0;

  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (!g_unichar_iszerowidth (c))
        width += g_unichar_iswide (c) ? 2 : 1;
    }
  return width;
}

ToolTable *
tool_table_new (const char *const *titles)
{
  ToolTable *self = g_new0 (ToolTable, 1);

  self->cells = g_ptr_array_new_with_free_func ((GDestroyNotify) cell_free);
  self->n_columns = g_strv_length ((char **) titles);
  self->right = g_new0 (gboolean, self->n_columns);
  for (guint i = 0; i < self->n_columns; i++)
    {
      /* Translators: a title of a table may begin with ">", which moves it to the right: keep it */
      const char *title = _(titles[i]);

      self->right[i] = titles[i][0] == '>';
      tool_table_add (self, TOOL_STYLE_HEADING, title + (title[0] == '>' ? 1 : 0));
    }
  return self;
}

void
tool_table_free (ToolTable *self)
{
  g_ptr_array_unref (self->cells);
  g_free (self->right);
  g_free (self);
}

/**
 * tool_table_add:
 * @self: a table
 * @style: how it looks on a terminal
 * @text: (nullable): what is in it
 *
 * Adds the next cell, row by row.
 */
void
tool_table_add (ToolTable *self, ToolStyle style, const char *text)
{
  Cell *cell = g_new0 (Cell, 1);

  cell->text = tool_make_printable (text != NULL ? text : "");
  cell->width = measure (cell->text);
  cell->style = style;
  g_ptr_array_add (self->cells, cell);
}

static void
append_spaces (GString *line, guint n)
{
  for (guint i = 0; i < n; i++)
    g_string_append_c (line, ' ');
}

static void
append_cell (GString *line, const Cell *cell, guint width, gboolean right, gboolean last)
{
  const char *start = style_start (cell->text[0] != '\0' ? cell->style : TOOL_STYLE_PLAIN);

  if (right)
    append_spaces (line, width - cell->width);
  g_string_append_printf (line, "%s%s%s", start, cell->text, start[0] != '\0' ? "\033[0m" : "");
  /* Nothing follows the last one, so a long text there wraps as it is. */
  if (!right && !last)
    append_spaces (line, width - cell->width);
  if (!last)
    append_spaces (line, GAP);
}

void
tool_table_print (ToolTable *self)
{
  g_autofree guint *widths = g_new0 (guint, self->n_columns);

  for (guint i = 0; i < self->cells->len; i++)
    {
      const Cell *cell = g_ptr_array_index (self->cells, i);
      guint *width = &widths[i % self->n_columns];

      *width = MAX (*width, cell->width);
    }
  for (guint row = 0; row + self->n_columns <= self->cells->len; row += self->n_columns)
    {
      g_autoptr (GString) line = g_string_new (NULL);

      for (guint i = 0; i < self->n_columns; i++)
        append_cell (line, g_ptr_array_index (self->cells, row + i), widths[i], self->right[i],
                     i + 1 == self->n_columns);
      while (line->len > 0 && line->str[line->len - 1] == ' ')
        g_string_truncate (line, line->len - 1);
      tool_print ("%s\n", line->str);
    }
}

const char *
tool_describe_kept (Lp2pKeptPeer *kept)
{
  switch (lp2p_kept_peer_get_state (kept))
    {
    case LP2P_KEPT_PEER_CONNECTING:
      return N_("connecting");
    case LP2P_KEPT_PEER_CONNECTED:
      return N_("connected");
    case LP2P_KEPT_PEER_WAITING:
      return N_("waiting");
    case LP2P_KEPT_PEER_RELEASED:
    default:
      return N_("released");
    }
}
