/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-ws-http.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#define VERSION "HTTP/1.1 "
#define REQUEST "GET "

#define SWITCHING_PROTOCOLS 101

typedef enum
{
  STATE_STATUS,
  STATE_HEADERS,
  STATE_DONE,
  STATE_FAILED,
} State;

struct _Lp2pWsReply
{
  char *expected;  /* what Sec-WebSocket-Accept must say */
  GString *line;   /* as much of it as has come */
  char *reason;    /* quoted */
  char *location;  /* quoted, or NULL */
  gsize head_left; /* bytes */
  guint n_headers;
  guint status;
  State state;
  guint has_upgrade : 1;
  guint has_connection : 1;
  guint has_accept : 1;
};

/* @key is that of the request. */
Lp2pWsReply *
lp2p_ws_reply_new (const char *key)
{
  Lp2pWsReply *self = g_new0 (Lp2pWsReply, 1);

  self->expected = lp2p_ws_key_answer (key);
  self->line = g_string_new (NULL);
  self->head_left = LP2P_WS_MAX_HEAD;
  return self;
}

void
lp2p_ws_reply_free (Lp2pWsReply *self)
{
  g_free (self->expected);
  g_string_free (self->line, TRUE);
  g_free (self->reason);
  g_free (self->location);
  g_free (self);
}

/* @what is followed by the text that is wrong. */
static gboolean
refuse (const char *what, const char *text, gsize size, GError **error)
{
  g_autofree char *quoted = lp2p_quote (text, size);

  g_set_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL, "%s: %s", what, quoted);
  return FALSE;
}

/* Whether a list such as "keep-alive, Upgrade" has an element. */
static gboolean
has_token (const char *list, const char *token)
{
  g_auto (GStrv) elements = g_strsplit (list, ",", -1);

  for (guint i = 0; elements[i] != NULL; i++)
    if (g_ascii_strcasecmp (g_strstrip (elements[i]), token) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
is_redirect (guint status)
{
  return status >= 300 && status < 400;
}

/* Tells of an answer that is complete, and another one than was asked for. */
static gboolean
refuse_status (Lp2pWsReply *self, GError **error)
{
  if (self->location != NULL)
    g_set_error (error, LP2P_ERROR, LP2P_ERROR_HANDSHAKE,
                 _("WebSocket: the server answered %u %s and names %s, but redirections are not followed"),
                 self->status, self->reason, self->location);
  else
    g_set_error (error, LP2P_ERROR, LP2P_ERROR_HANDSHAKE,
                 _("WebSocket: the server answered %u %s; %u was expected"), self->status, self->reason,
                 SWITCHING_PROTOCOLS);
  return FALSE;
}

static gboolean
handle_status (Lp2pWsReply *self, const char *line, gsize size, GError **error)
{
  const char *code = line + strlen (VERSION);

  if (size < strlen (VERSION) + 3 || !g_ascii_isdigit (code[0]) || !g_ascii_isdigit (code[1]) ||
      !g_ascii_isdigit (code[2]) || code[0] == '0' || (code[3] != ' ' && code[3] != '\0') ||
      !lp2p_ws_is_header_value (line, size))
    return refuse (_("WebSocket: the answer has a malformed status line"), line, size, error);

  self->status = g_ascii_strtoull (code, NULL, 10);
  g_free (self->reason);
  self->reason = lp2p_quote (code + 3 + (code[3] == ' '), size - (code + 3 + (code[3] == ' ') - line));
  self->state = STATE_HEADERS;
  /* Only where it redirects to is worth waiting for, and what is to come after
   * an answer that is no final one. */
  if (self->status < 200 || is_redirect (self->status))
    return TRUE;
  return refuse_status (self, error);
}

static gboolean
handle_upgrade_header (Lp2pWsReply *self, const char *name, const char *value, GError **error)
{
  gsize size = strlen (value);

  if (g_ascii_strcasecmp (name, "Upgrade") == 0)
    {
      if (g_ascii_strcasecmp (value, "websocket") != 0)
        return refuse (_("WebSocket: the server switches to another protocol"), value, size, error);
      self->has_upgrade = TRUE;
    }
  else if (g_ascii_strcasecmp (name, "Connection") == 0)
    self->has_connection |= has_token (value, "Upgrade");
  else if (g_ascii_strcasecmp (name, "Sec-WebSocket-Accept") == 0)
    {
      if (!g_str_equal (value, self->expected))
        return refuse (_("WebSocket: the server answers another key than was sent"), value, size, error);
      if (self->has_accept)
        return refuse (_("WebSocket: the server answers the key twice"), value, size, error);
      self->has_accept = TRUE;
    }
  else if (g_ascii_strcasecmp (name, "Sec-WebSocket-Extensions") == 0 && size > 0)
    return refuse (_("WebSocket: the server uses extensions, but none were offered"), value, size, error);
  else if (g_ascii_strcasecmp (name, "Sec-WebSocket-Protocol") == 0 && size > 0)
    return refuse (_("WebSocket: the server chose a subprotocol, but none was offered"), value, size, error);
  else if (g_ascii_strcasecmp (name, "Transfer-Encoding") == 0 ||
           (g_ascii_strcasecmp (name, "Content-Length") == 0 && !g_str_equal (value, "0")))
    return refuse (_("WebSocket: the server sends a document with the upgrade, its length is told as"), value, size,
                   error);
  return TRUE;
}

static gboolean
handle_header (Lp2pWsReply *self, char *line, gsize size, GError **error)
{
  char *colon = memchr (line, ':', size);
  char *value;

  if (++self->n_headers > LP2P_WS_MAX_HEADERS)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                   _("WebSocket: the answer has more than %u headers"), LP2P_WS_MAX_HEADERS);
      return FALSE;
    }
  if (*line == ' ' || *line == '\t')
    return refuse (_("WebSocket: the answer has a header that goes on in the next line"), line, size, error);
  if (colon == NULL || !lp2p_ws_is_header_name (line, colon - line) ||
      !lp2p_ws_is_header_value (colon, size - (colon - line)))
    return refuse (_("WebSocket: the answer has a malformed header"), line, size, error);

  *colon = '\0';
  value = g_strstrip (colon + 1);
  if (self->status == SWITCHING_PROTOCOLS)
    return handle_upgrade_header (self, line, value, error);
  if (is_redirect (self->status) && g_ascii_strcasecmp (line, "Location") == 0)
    {
      g_free (self->location);
      self->location = lp2p_quote (value, strlen (value));
    }
  return TRUE;
}

static gboolean
handle_end (Lp2pWsReply *self, GError **error)
{
  const char *missing = !self->has_upgrade      ? "Upgrade: websocket"
                        : !self->has_connection ? "Connection: Upgrade"
                        : !self->has_accept     ? "Sec-WebSocket-Accept"
                                                : NULL;

  if (is_redirect (self->status))
    return refuse_status (self, error);
  if (self->status != SWITCHING_PROTOCOLS)
    {
      self->state = STATE_STATUS;
      return TRUE;
    }
  if (missing != NULL)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                   _("WebSocket: the server switches protocols, but its answer lacks the header %s"), missing);
      return FALSE;
    }
  self->state = STATE_DONE;
  return TRUE;
}

/* The line has come as a whole, with its end. */
static gboolean
handle_line (Lp2pWsReply *self, GError **error)
{
  char *line = self->line->str;
  gsize size = self->line->len - 1;

  if (size == 0 || line[size - 1] != '\r')
    return refuse (_("WebSocket: a line of the answer does not end in CR LF"), line, size, error);
  line[--size] = '\0';

  if (self->state == STATE_STATUS)
    return handle_status (self, line, size, error);
  return size > 0 ? handle_header (self, line, size, error) : handle_end (self, error);
}

/* As far as the line has come. */
static gboolean
begins_as (GString *line, const char *text)
{
  return strncmp (line->str, text, MIN (line->len, strlen (text))) == 0;
}

/* What is no HTTP at all is recognised by its first bytes: there may never be an
 * end of a line in it. A request is of a peer that dialed at the same time. */
static gboolean
check_version (Lp2pWsReply *self, GError **error)
{
  if (self->state != STATE_STATUS || begins_as (self->line, VERSION))
    return TRUE;
  if (!begins_as (self->line, REQUEST))
    return refuse (_("WebSocket: the server does not answer in HTTP/1.1"), self->line->str, self->line->len, error);
  if (self->line->len < strlen (REQUEST))
    return TRUE;
  g_set_error_literal (error, LP2P_ERROR, LP2P_ERROR_SAME_ROLE, _("WebSocket: the other side sent a request as well"));
  return FALSE;
}

/* Takes bytes up to the end of a line. */
static gboolean
collect_line (Lp2pWsReply *self, Lp2pCursor *input, gboolean *complete, GError **error)
{
  gsize left = lp2p_cursor_left (input);
  const guint8 *end = memchr (input->data, '\n', left);
  gsize size = end != NULL ? (gsize) (end + 1 - input->data) : left;
  const guint8 *bytes;

  if (size > self->head_left)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL, _("WebSocket: the answer has more than %u bytes"),
                   LP2P_WS_MAX_HEAD);
      return FALSE;
    }
  self->head_left -= size;
  lp2p_cursor_read_bytes (input, size, &bytes);
  g_string_append_len (self->line, (const char *) bytes, size);
  *complete = end != NULL;
  return check_version (self, error);
}

/* Reads as far as the answer goes, and says in @used how many bytes of the input
 * that took: what comes behind the end belongs to the stream of frames. @error is
 * set when the answer fails, not again at later calls. */
Lp2pWsReplyStatus
lp2p_ws_reply_input (Lp2pWsReply *self, const guint8 *bytes, gsize size, gsize *used, GError **error)
{
  Lp2pCursor input = LP2P_CURSOR_INIT (bytes, size);

  while (self->state < STATE_DONE && lp2p_cursor_left (&input) > 0)
    {
      gboolean complete = FALSE;

      if (!collect_line (self, &input, &complete, error) || (complete && !handle_line (self, error)))
        self->state = STATE_FAILED;
      else if (complete)
        g_string_truncate (self->line, 0);
    }
  *used = size - lp2p_cursor_left (&input);
  return self->state == STATE_DONE     ? LP2P_WS_REPLY_DONE
         : self->state == STATE_FAILED ? LP2P_WS_REPLY_FAILED
                                       : LP2P_WS_REPLY_MORE;
}
