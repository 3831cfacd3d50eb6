/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Log messages that say which peer and which connection they are about, in fields of
 * their own. Keys, tickets and what streams carry are in none. */

#include <lp2p/interfaces/lp2p-log.h>

#include <stdio.h>
#include <string.h>

#define DEBUG_VARIABLE "G_MESSAGES_DEBUG"

/* Whether a word of the variable that ends in a star stands for @domain. */
static gboolean
matches_pattern (const char *domain)
{
  const char *word = g_getenv (DEBUG_VARIABLE);

  if (word == NULL || domain == NULL || strchr (word, '*') == NULL)
    return FALSE;
  while (*word != '\0')
    {
      gsize len = strcspn (word, " ");

      if (len > 0 && word[len - 1] == '*' && strncmp (word, domain, len - 1) == 0)
        return TRUE;
      word += len;
      word += strspn (word, " ");
    }
  return FALSE;
}

/**
 * lp2p_log_is_wanted:
 * @domain: a log domain, such as `lp2p-yamux`
 * @level: a level
 *
 * Tells whether a message would be seen by anybody: that is what GLib's default writer
 * says, or a word with a star at its end in `G_MESSAGES_DEBUG`, such as `lp2p*`, which
 * only [func@log_writer] knows.
 *
 * Returns: whether it is worth making
 *
 * Since: 1.0
 */
gboolean
lp2p_log_is_wanted (const char *domain, GLogLevelFlags level)
{
  return !g_log_writer_default_would_drop (level, domain) || matches_pattern (domain);
}

static const char *
find_domain (const GLogField *fields, gsize n_fields)
{
  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (fields[i].key, "GLIB_DOMAIN") && fields[i].length < 0)
      return fields[i].value;
  return NULL;
}

/**
 * lp2p_log_writer:
 * @level: the level of a message
 * @fields: (array length=n_fields): its fields
 * @n_fields: how many
 * @user_data: not used
 *
 * GLib's default writer, except that words of `G_MESSAGES_DEBUG` may end in a star:
 * `G_MESSAGES_DEBUG=lp2p*` shows the debug messages of the library and of all that it
 * has loaded. A program has this with `g_log_set_writer_func (lp2p_log_writer, NULL,
 * NULL)`; the `lp2p` command does.
 *
 * Returns: whether the message was handled
 *
 * Since: 1.0
 */
GLogWriterOutput
lp2p_log_writer (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  if (!matches_pattern (find_domain (fields, n_fields)))
    return g_log_writer_default (level, fields, n_fields, user_data);
  if (g_log_writer_is_journald (fileno (stderr)) &&
      g_log_writer_journald (level, fields, n_fields, user_data) == G_LOG_WRITER_HANDLED)
    return G_LOG_WRITER_HANDLED;
  return g_log_writer_standard_streams (level, fields, n_fields, user_data);
}

/**
 * lp2p_log_write: (skip)
 * @domain: the log domain
 * @level: the level
 * @peer: (nullable): the peer that the message is about
 * @connection: (nullable): the connection that the message is about
 * @format: the message, as for printf()
 * @...: what it takes
 *
 * Logs a message with the fields `LP2P_PEER` and `LP2P_CONNECTION`, as far as they are
 * known. Callers use lp2p_log_peer() and lp2p_log_connection(), which do nothing where
 * nobody would see it.
 *
 * Since: 1.0
 */
void
lp2p_log_write (const char *domain,
                GLogLevelFlags level,
                Lp2pPeerId *peer,
                Lp2pConnection *connection,
                const char *format,
                ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);

  if (connection != NULL)
    {
      g_autofree char *id = g_strdup_printf ("%" G_GUINT64_FORMAT, lp2p_connection_get_id (connection));

      g_log_structured (domain, level, LP2P_LOG_PEER,
                        lp2p_peer_id_get_string (lp2p_connection_get_remote_peer (connection)), LP2P_LOG_CONNECTION,
                        id, "MESSAGE", "%s", message);
    }
  else if (peer != NULL)
    {
      g_log_structured (domain, level, LP2P_LOG_PEER, lp2p_peer_id_get_string (peer), "MESSAGE", "%s", message);
    }
  else
    {
      g_log_structured (domain, level, "MESSAGE", "%s", message);
    }
}
