/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The two commands that the official suite needs of a Redis. */

#include "redis.h"

#include <stdarg.h>
#include <string.h>

#define DEFAULT_PORT 6379
/* More than anybody publishes here. */
#define MAX_SIZE 4096

static char *
read_line (GDataInputStream *input, GError **error)
{
  g_autoptr (GError) reason = NULL;
  char *line = g_data_input_stream_read_line (input, NULL, NULL, &reason);

  if (reason != NULL)
    g_propagate_error (error, g_steal_pointer (&reason));
  else if (line == NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT, "Redis closed the connection");
  return line;
}

/* Returns the size that a line of this type announces, -1 for another line. */
static gint64
parse_size (const char *line, char type, GError **error)
{
  gint64 size;

  if (line[0] == type && g_ascii_string_to_signed (line + 1, 10, 0, MAX_SIZE, &size, NULL))
    return size;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "unexpected answer of Redis: %s", line);
  return -1;
}

static char *
read_text (GDataInputStream *input, GError **error)
{
  g_autofree char *head = read_line (input, error);
  gint64 size = head != NULL ? parse_size (head, '$', error) : -1;
  g_autofree char *text = NULL;

  if (size < 0)
    return NULL;
  /* No text here has a line break in it, so that its end is that of a line. */
  text = read_line (input, error);
  return g_steal_pointer (&text);
}

/* A number as text, or the last element of an array: what BLPOP has popped. */
static char *
read_answer (GDataInputStream *input, GError **error)
{
  g_autofree char *head = read_line (input, error);
  g_autofree char *last = NULL;
  gint64 size;

  if (head == NULL)
    return NULL;
  if (head[0] == ':')
    return g_strdup (head + 1);
  size = parse_size (head, '*', error);
  for (gint64 i = 0; i < size; i++)
    {
      g_free (last);
      last = read_text (input, error);
      if (last == NULL)
        return NULL;
    }
  return g_steal_pointer (&last);
}

/**
 * redis_command: sends one command, given as words up to a %NULL, and waits for
 * its answer.
 *
 * Returns: (transfer full) (nullable): the answer, %NULL with an error
 */
char *
redis_command (const char *address, GError **error, ...)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnection) connection = NULL;
  g_autoptr (GDataInputStream) input = NULL;
  g_autoptr (GString) words = g_string_new (NULL);
  g_autofree char *command = NULL;
  guint count = 0;
  va_list list;

  va_start (list, error);
  for (const char *word; (word = va_arg (list, const char *)) != NULL; count++)
    g_string_append_printf (words, "$%zu\r\n%s\r\n", strlen (word), word);
  va_end (list);
  command = g_strdup_printf ("*%u\r\n%s", count, words->str);

  connection = g_socket_client_connect_to_host (client, address, DEFAULT_PORT, NULL, error);
  if (connection == NULL ||
      !g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (connection)), command,
                                  strlen (command), NULL, NULL, error))
    return NULL;
  input = g_data_input_stream_new (g_io_stream_get_input_stream (G_IO_STREAM (connection)));
  g_data_input_stream_set_newline_type (input, G_DATA_STREAM_NEWLINE_TYPE_CR_LF);
  return read_answer (input, error);
}
