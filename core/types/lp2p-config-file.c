/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads a key file into a list of entries. GKeyFile would lose line numbers
 * and let a key be set twice without a word. */

#include "types/lp2p-config-private.h"
#include "types/lp2p-i18n-private.h"

#include <lp2p/types/lp2p-error.h>
#include <lp2p/types/lp2p-quote.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A configuration is written by hand; what is larger is some other file. */
#define MAX_FILE (1024 * 1024)
#define MAX_LINE (64 * 1024)

static void
entry_free (Lp2pConfigEntry *entry)
{
  g_free (entry->group);
  g_free (entry->key);
  g_free (entry->value);
  g_free (entry);
}

/*
 * lp2p_config_read_file:
 * @path: a file
 * @len: (out): return location for the number of bytes
 * @error: return location for a #GIOErrorEnum, or a [error@Lp2p.TypesError] if
 *   the file is too large
 *
 * Reads a file of at most 1 MiB, which may be a pipe.
 *
 * Returns: (transfer full) (nullable): the bytes
 */
char *
lp2p_config_read_file (const char *path, gsize *len, GError **error)
{
  g_autofree char *data = g_malloc (MAX_FILE + 1);
  g_autofree char *name = g_filename_display_name (path);
  FILE *file = fopen (path, "re");
  int problem = 0;

  if (file == NULL)
    problem = errno;
  else
    {
      errno = 0;
      *len = fread (data, 1, MAX_FILE + 1, file);
      if (ferror (file))
        problem = errno != 0 ? errno : EIO;
      fclose (file);
    }
  if (problem != 0)
    {
      g_set_error (error, G_IO_ERROR, (int) g_io_error_from_errno (problem),
                   _("Cannot read configuration file %s: %s"), name, g_strerror (problem));
      return NULL;
    }
  if (*len > MAX_FILE)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_CONFIG,
                   _("%s: file is larger than 1 MiB"), name);
      return NULL;
    }
  return g_realloc (g_steal_pointer (&data), *len + 1);
}

/* What the parser knows while it goes through the lines. */
typedef struct
{
  const char *name;
  guint line;
  char *group; /* NULL before the first */
  GPtrArray *entries;
  GHashTable *seen; /* "group\nkey" → line */
} Parser;

static void
parser_clear (Parser *parser)
{
  g_free (parser->group);
  g_clear_pointer (&parser->entries, g_ptr_array_unref);
  g_clear_pointer (&parser->seen, g_hash_table_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Parser, parser_clear)

G_GNUC_PRINTF (3, 4)
static gboolean
fail (const Parser *parser, GError **error, const char *format, ...)
{
  g_autofree char *detail = NULL;
  va_list args;

  va_start (args, format);
  detail = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_CONFIG, "%s:%u: %s", parser->name,
               parser->line, detail);
  return FALSE;
}

static void
add_entry (Parser *parser, const char *key, const char *value)
{
  Lp2pConfigEntry *entry = g_new0 (Lp2pConfigEntry, 1);

  entry->group = g_strdup (parser->group);
  entry->key = g_strdup (key);
  entry->value = g_strdup (value);
  entry->line = parser->line;
  g_ptr_array_add (parser->entries, entry);
}

static gboolean
parse_group (Parser *parser, char *line, GError **error)
{
  gsize len = strlen (line);

  if (len < 3 || line[len - 1] != ']' || strpbrk (line + 1, "[") != NULL ||
      strchr (line, ']') != line + len - 1)
    {
      g_autofree char *quoted = lp2p_quote (line, len);
      return fail (parser, error, _("%s is not a group, expected [name]"), quoted);
    }
  g_free (parser->group);
  parser->group = g_strndup (line + 1, len - 2);
  add_entry (parser, NULL, NULL);
  return TRUE;
}

static gboolean
parse_setting (Parser *parser, char *line, GError **error)
{
  char *equals = strchr (line, '=');
  char *seen_name;
  gpointer earlier;

  if (equals == NULL || equals == line)
    {
      g_autofree char *quoted = lp2p_quote (line, strlen (line));
      return fail (parser, error, _("%s is not a setting, expected key=value"), quoted);
    }
  *equals = '\0';
  g_strchomp (line);
  if (parser->group == NULL)
    {
      g_autofree char *quoted = lp2p_quote (line, strlen (line));
      return fail (parser, error, _("%s stands before the first group, expected [host]"), quoted);
    }

  seen_name = g_strconcat (parser->group, "\n", line, NULL);
  earlier = g_hash_table_lookup (parser->seen, seen_name);
  g_hash_table_replace (parser->seen, seen_name, GUINT_TO_POINTER (parser->line));
  if (earlier != NULL)
    {
      g_autofree char *group = lp2p_quote (parser->group, strlen (parser->group));
      g_autofree char *key = lp2p_quote (line, strlen (line));
      return fail (parser, error, _("key %s of group %s is set twice, first in line %u"), key, group,
                   GPOINTER_TO_UINT (earlier));
    }

  add_entry (parser, line, g_strstrip (equals + 1));
  return TRUE;
}

static gboolean
parse_line (Parser *parser, const char *start, gsize len, GError **error)
{
  g_autofree char *line = NULL;

  if (len > MAX_LINE)
    return fail (parser, error, _("line has %zu bytes, expected at most %d"), len,
                 MAX_LINE);
  if (!g_utf8_validate_len (start, len, NULL))
    return fail (parser, error, _("line is not UTF-8"));

  line = g_strndup (start, len);
  g_strstrip (line);
  if (line[0] == '\0' || line[0] == '#')
    return TRUE;
  if (line[0] == '[')
    return parse_group (parser, line, error);
  return parse_setting (parser, line, error);
}

/*
 * lp2p_config_parse_data:
 * @data: the contents of a key file
 * @len: their length in bytes
 * @name: what errors call the file
 * @error: return location for a [error@Lp2p.TypesError]
 *
 * Splits a key file into its lines: groups in brackets, `key=value`, comments
 * after `#`. A group may be named again, a key within it may not.
 *
 * Returns: (transfer container) (nullable) (element-type Lp2pConfigEntry): the entries
 */
GPtrArray *
lp2p_config_parse_data (const char *data, gsize len, const char *name, GError **error)
{
  g_auto (Parser) parser = { .name = name };
  gsize start = 0;

  parser.entries = g_ptr_array_new_with_free_func ((GDestroyNotify) entry_free);
  parser.seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  if (len > MAX_FILE)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_CONFIG,
                   _("%s: file is larger than 1 MiB"), name);
      return NULL;
    }

  while (start < len)
    {
      const char *newline = memchr (data + start, '\n', len - start);
      gsize end = newline != NULL ? (gsize) (newline - data) : len;

      parser.line++;
      if (!parse_line (&parser, data + start, end - start, error))
        return NULL;
      start = end + 1;
    }
  return g_steal_pointer (&parser.entries);
}
