/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * Lp2pMultistream: (skip)
 *
 * One multistream-select negotiation, on one side, without any I/O.
 *
 * Feed it what arrives with [func@Lp2p.multistream_input] and send what
 * [func@Lp2p.multistream_take_output] gives. It never consumes a byte behind
 * the end of the negotiation: those belong to the agreed protocol.
 *
 * A lazy dialer needs no mode of its own: when
 * [func@Lp2p.multistream_can_send_early] says so, send the output and
 * application bytes behind it at once, and read the answer later.
 *
 * See the section "multistream-select" of connections/README.md in libp2p/specs.
 */

#include <lp2p/codec/lp2p-multistream.h>

#include "types/lp2p-i18n-private.h"

#include <lp2p/types/lp2p-cursor.h>

#include <inttypes.h>
#include <string.h>

#define HEADER "/multistream/1.0.0"
#define NOT_AVAILABLE "na"

/* How much of a message an error quotes. */
#define QUOTE_MAX 48

typedef enum
{
  STATE_HEADER,
  STATE_PROTOCOL,
  STATE_DONE,
  STATE_FAILED,
} State;

/* One of these exists for each stream, so it keeps no buffers: pending output
 * is a handful of flags, and input is buffered only while a message is split.
 */
struct _Lp2pMultistream
{
  Lp2pMultistreamMatch match; /* NULL in a dialer */
  gpointer match_data;

  /* Dialer: points into names; listener: the accepted one, owned. */
  char *protocol;

  guint8 *partial;
  guint16 partial_len;
  guint16 message_len; /* 0 while the length prefix is incomplete */
  guint8 prefix[LP2P_VARINT_MAX];
  guint8 prefix_len;

  guint8 state;
  guint8 n_proposals;
  guint8 n_unavailable; /* "na" answers to be sent */
  guint header_pending : 1;
  guint protocol_pending : 1;
  guint single : 1;
  guint refused : 1;

  /* Dialer: each proposal with its NUL, then an empty one. */
  char names[];
};
G_STATIC_ASSERT (sizeof (Lp2pMultistream) <= 64);

/**
 * lp2p_multistream_is_protocol_name:
 * @name: a text
 *
 * Checks whether a text can be negotiated as a protocol: UTF-8 of 1 to 1023
 * bytes, without a newline, and none of multistream-select's own words.
 *
 * Returns: %TRUE if it can
 *
 * Since: 1.0
 */
gboolean
lp2p_multistream_is_protocol_name (const char *name)
{
  g_return_val_if_fail (name != NULL, FALSE);

  return *name != '\0' && strlen (name) < LP2P_MULTISTREAM_MAX_MESSAGE &&
         strchr (name, '\n') == NULL && g_utf8_validate (name, -1, NULL) &&
         !g_str_equal (name, NOT_AVAILABLE) && !g_str_equal (name, "ls") &&
         !g_str_equal (name, HEADER);
}

/**
 * lp2p_multistream_new_dialer: (skip)
 * @protocols: (array zero-terminated=1): what to propose, best first; not empty
 *
 * Starts the side that proposes. The output holds the header and the first
 * proposal at once.
 *
 * Returns: (transfer full): a negotiation, to be freed with
 *   [func@Lp2p.multistream_free]
 *
 * Since: 1.0
 */
Lp2pMultistream *
lp2p_multistream_new_dialer (const char *const *protocols)
{
  Lp2pMultistream *self;
  gsize size = 1;
  char *end;

  g_return_val_if_fail (protocols != NULL && protocols[0] != NULL, NULL);

  for (guint i = 0; protocols[i] != NULL; i++)
    {
      g_return_val_if_fail (lp2p_multistream_is_protocol_name (protocols[i]), NULL);
      size += strlen (protocols[i]) + 1;
    }

  self = g_malloc0 (sizeof *self + size);
  end = self->names;
  for (guint i = 0; protocols[i] != NULL; i++)
    end = g_stpcpy (end, protocols[i]) + 1;

  self->protocol = self->names;
  self->single = protocols[1] == NULL;
  self->header_pending = TRUE;
  self->protocol_pending = TRUE;
  return self;
}

/**
 * lp2p_multistream_new_listener: (skip)
 * @match: (scope forever): says which protocols are accepted
 * @data: user data for @match; must stay valid as long as the negotiation
 *
 * Starts the side that answers. It accepts the first proposal that @match
 * accepts; "ls" is answered like an unknown protocol.
 *
 * Returns: (transfer full): a negotiation, to be freed with
 *   [func@Lp2p.multistream_free]
 *
 * Since: 1.0
 */
Lp2pMultistream *
lp2p_multistream_new_listener (Lp2pMultistreamMatch match, gpointer data)
{
  Lp2pMultistream *self;

  g_return_val_if_fail (match != NULL, NULL);

  self = g_malloc0 (sizeof *self);
  self->match = match;
  self->match_data = data;
  return self;
}

static gboolean
is_dialer (Lp2pMultistream *self)
{
  return self->match == NULL;
}

/**
 * lp2p_multistream_free: (skip)
 * @self: (transfer full) (nullable): a negotiation
 *
 * Frees a negotiation.
 *
 * Since: 1.0
 */
void
lp2p_multistream_free (Lp2pMultistream *self)
{
  if (self == NULL)
    return;

  if (!is_dialer (self))
    g_free (self->protocol);
  g_free (self->partial);
  g_free (self);
}

/* Text for an error message; what came may be anything. */
static char *
quote (const guint8 *data, gsize len)
{
  g_autoptr (GString) text = g_string_new ("\"");

  for (gsize i = 0; i < MIN (len, QUOTE_MAX); i++)
    {
      if (data[i] == '\n')
        g_string_append (text, "\\n");
      else if (g_ascii_isprint (data[i]) && data[i] != '"' && data[i] != '\\')
        g_string_append_c (text, data[i]);
      else
        g_string_append_printf (text, "\\x%02x", data[i]);
    }
  g_string_append (text, len > QUOTE_MAX ? "\"..." : "\"");
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* Reads the length prefix as far as it has come. */
static gboolean
read_prefix (Lp2pMultistream *self, Lp2pCursor *input, GError **error)
{
  guint64 value = 0;
  gssize used = 0;

  while (used == 0 && self->prefix_len < LP2P_VARINT_MAX && lp2p_cursor_left (input) > 0)
    {
      lp2p_cursor_read_u8 (input, &self->prefix[self->prefix_len]);
      used = lp2p_varint_decode (self->prefix, ++self->prefix_len, &value);
    }

  if (used == 0 && self->prefix_len < LP2P_VARINT_MAX)
    return TRUE;
  if (used <= 0)
    {
      g_autofree char *what = quote (self->prefix, self->prefix_len);
      g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_MULTISTREAM,
                   _("multistream-select: the message length is not a minimal varint: %s"), what);
      return FALSE;
    }
  if (value == 0)
    {
      g_set_error_literal (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_MULTISTREAM,
                           _("multistream-select: a message of no bytes"));
      return FALSE;
    }
  if (value > LP2P_MULTISTREAM_MAX_MESSAGE)
    {
      g_autofree char *what = quote (input->data, input->left);
      g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_TOO_LARGE,
                   _("multistream-select: a message of %" PRIu64
                     " bytes, the limit is %u: %s"),
                   value, LP2P_MULTISTREAM_MAX_MESSAGE, what);
      return FALSE;
    }
  /* Another protocol is recognised by its first byte, without waiting for as
   * many bytes as that byte happens to announce. */
  if (self->state == STATE_HEADER && value != strlen (HEADER "\n"))
    {
      g_autofree char *what = quote (input->data, input->left);
      g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_MULTISTREAM,
                   _("multistream-select: expected the header %s, got a message of %" PRIu64 " bytes: %s"),
                   HEADER, value, what);
      return FALSE;
    }

  self->message_len = value;
  return TRUE;
}

/* Sets *message to a whole message, which is either a part of the input or
 * self->partial, or to NULL when more input is needed. */
static void
read_body (Lp2pMultistream *self, Lp2pCursor *input, const guint8 **message)
{
  gsize missing = self->message_len - self->partial_len;
  gsize n = MIN (missing, lp2p_cursor_left (input));

  *message = NULL;
  if (self->partial == NULL && n == missing)
    {
      lp2p_cursor_read_bytes (input, n, message);
      return;
    }
  if (n == 0)
    return;

  if (self->partial == NULL)
    self->partial = g_malloc (self->message_len);
  lp2p_cursor_copy (input, self->partial + self->partial_len, n);
  self->partial_len += n;
  if (n == missing)
    *message = self->partial;
}

static gboolean
handle_header (Lp2pMultistream *self, const char *text, GError **error)
{
  if (!g_str_equal (text, HEADER))
    {
      g_autofree char *what = quote ((const guint8 *) text, strlen (text));
      g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_MULTISTREAM,
                   _("multistream-select: expected the header %s, got %s"), HEADER, what);
      return FALSE;
    }

  self->state = STATE_PROTOCOL;
  if (!is_dialer (self))
    self->header_pending = TRUE;
  return TRUE;
}

static char *
join_names (Lp2pMultistream *self)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (const char *name = self->names; *name != '\0'; name += strlen (name) + 1)
    g_string_append_printf (text, "%s%s", text->len > 0 ? ", " : "", name);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static gboolean
handle_answer (Lp2pMultistream *self, const char *text, GError **error)
{
  char *next;

  if (g_str_equal (text, self->protocol))
    {
      self->state = STATE_DONE;
      return TRUE;
    }
  if (!g_str_equal (text, NOT_AVAILABLE))
    {
      g_autofree char *what = quote ((const guint8 *) text, strlen (text));
      g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_PROTOCOL,
                   _("multistream-select: proposed %s, the remote answered %s"), self->protocol,
                   what);
      return FALSE;
    }

  self->refused = TRUE;
  next = self->protocol + strlen (self->protocol) + 1;
  if (*next == '\0')
    {
      g_autofree char *names = join_names (self);
      g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_REFUSED,
                   _("multistream-select: the remote supports none of: %s"), names);
      return FALSE;
    }
  self->protocol = next;
  self->protocol_pending = TRUE;
  return TRUE;
}

static gboolean
handle_proposal (Lp2pMultistream *self, const char *text, GError **error)
{
  if (self->n_proposals == LP2P_MULTISTREAM_MAX_PROPOSALS)
    {
      g_autofree char *what = quote ((const guint8 *) text, strlen (text));
      g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_PROTOCOL,
                   _("multistream-select: more than %u proposals, the next one is %s"),
                   LP2P_MULTISTREAM_MAX_PROPOSALS, what);
      return FALSE;
    }
  self->n_proposals++;

  if (lp2p_multistream_is_protocol_name (text) && self->match (text, self->match_data))
    {
      self->protocol = g_strdup (text);
      self->protocol_pending = TRUE;
      self->state = STATE_DONE;
    }
  else
    {
      self->n_unavailable++;
    }
  return TRUE;
}

static gboolean
handle_message (Lp2pMultistream *self, const guint8 *message, gsize len, GError **error)
{
  char text[LP2P_MULTISTREAM_MAX_MESSAGE];
  Lp2pCursor cursor = LP2P_CURSOR_INIT (message, len);

  if (message[len - 1] != '\n' || memchr (message, '\0', len) != NULL ||
      memchr (message, '\n', len - 1) != NULL)
    {
      g_autofree char *what = quote (message, len);
      g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_MULTISTREAM,
                   _("multistream-select: expected one line of text, got %s"), what);
      return FALSE;
    }

  lp2p_cursor_copy (&cursor, text, len - 1);
  text[len - 1] = '\0';
  if (self->state == STATE_HEADER)
    return handle_header (self, text, error);
  else if (is_dialer (self))
    return handle_answer (self, text, error);
  else
    return handle_proposal (self, text, error);
}

static gboolean
advance (Lp2pMultistream *self, Lp2pCursor *input, GError **error)
{
  const guint8 *message = NULL;
  gboolean ok;

  if (self->message_len == 0 && !read_prefix (self, input, error))
    return FALSE;
  if (self->message_len == 0)
    return TRUE;

  read_body (self, input, &message);
  if (message == NULL)
    return TRUE;

  ok = handle_message (self, message, self->message_len, error);
  g_clear_pointer (&self->partial, g_free);
  self->partial_len = 0;
  self->message_len = 0;
  self->prefix_len = 0;
  return ok;
}

/**
 * lp2p_multistream_input: (skip)
 * @self: a negotiation
 * @data: (array length=len): bytes that arrived
 * @len: how many
 * @consumed: (out): how many of them belong to the negotiation; all, unless it
 *   ended
 * @error: return location for an error
 *
 * Takes what arrived, in pieces of any size. Afterwards there may be output to
 * send, also when the negotiation is done.
 *
 * Errors are %LP2P_CODEC_ERROR_MULTISTREAM for a malformed message,
 * %LP2P_CODEC_ERROR_TOO_LARGE for one of more than
 * %LP2P_MULTISTREAM_MAX_MESSAGE bytes, %LP2P_CODEC_ERROR_PROTOCOL for one that
 * is out of place, and %LP2P_CODEC_ERROR_REFUSED when the remote refused every
 * proposal.
 *
 * Returns: where the negotiation stands; @error is set if it failed
 *
 * Since: 1.0
 */
Lp2pMultistreamStatus
lp2p_multistream_input (
    Lp2pMultistream *self, const guint8 *data, gsize len, gsize *consumed, GError **error)
{
  Lp2pCursor input = LP2P_CURSOR_INIT (data, len);

  g_return_val_if_fail (self != NULL, LP2P_MULTISTREAM_FAILED);
  g_return_val_if_fail (data != NULL || len == 0, LP2P_MULTISTREAM_FAILED);
  g_return_val_if_fail (consumed != NULL, LP2P_MULTISTREAM_FAILED);

  *consumed = 0;
  if (self->state == STATE_FAILED)
    {
      g_set_error_literal (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_PROTOCOL,
                           _("multistream-select: the negotiation has failed already"));
      return LP2P_MULTISTREAM_FAILED;
    }

  while (self->state < STATE_DONE && lp2p_cursor_left (&input) > 0)
    if (!advance (self, &input, error))
      self->state = STATE_FAILED;

  *consumed = len - lp2p_cursor_left (&input);
  return lp2p_multistream_get_status (self);
}

static void
append_message (GByteArray *out, const char *text)
{
  gsize len = strlen (text);

  lp2p_append_varint (out, len + 1);
  g_byte_array_append (out, (const guint8 *) text, len);
  g_byte_array_append (out, (const guint8 *) "\n", 1);
}

/**
 * lp2p_multistream_take_output: (skip)
 * @self: a negotiation
 * @out: where to append
 *
 * Appends what is to be sent now. There may be some when the negotiation
 * starts, after each input, and after it is done; then it must be sent before
 * the first byte of the agreed protocol.
 *
 * Returns: %TRUE if anything was appended
 *
 * Since: 1.0
 */
gboolean
lp2p_multistream_take_output (Lp2pMultistream *self, GByteArray *out)
{
  guint before;

  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (out != NULL, FALSE);

  before = out->len;
  if (self->header_pending)
    append_message (out, HEADER);
  for (; self->n_unavailable > 0; self->n_unavailable--)
    append_message (out, NOT_AVAILABLE);
  if (self->protocol_pending)
    append_message (out, self->protocol);

  self->header_pending = FALSE;
  self->protocol_pending = FALSE;
  return out->len > before;
}

/**
 * lp2p_multistream_get_status: (skip)
 * @self: a negotiation
 *
 * Gets where the negotiation stands.
 *
 * Returns: the status
 *
 * Since: 1.0
 */
Lp2pMultistreamStatus
lp2p_multistream_get_status (Lp2pMultistream *self)
{
  g_return_val_if_fail (self != NULL, LP2P_MULTISTREAM_FAILED);

  switch ((State) self->state)
    {
    case STATE_DONE:
      return LP2P_MULTISTREAM_DONE;
    case STATE_FAILED:
      return LP2P_MULTISTREAM_FAILED;
    case STATE_HEADER:
    case STATE_PROTOCOL:
    default:
      return LP2P_MULTISTREAM_MORE;
    }
}

/**
 * lp2p_multistream_get_protocol: (skip)
 * @self: a negotiation
 *
 * Gets the agreed protocol.
 *
 * Returns: (transfer none) (nullable): the protocol, or %NULL unless the
 *   negotiation is done
 *
 * Since: 1.0
 */
const char *
lp2p_multistream_get_protocol (Lp2pMultistream *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->state == STATE_DONE ? self->protocol : NULL;
}

/**
 * lp2p_multistream_get_proposed: (skip)
 * @self: a negotiation
 *
 * Gets what a dialer proposed last.
 *
 * Returns: (transfer none) (nullable): the protocol, or %NULL in a listener
 *   that has not accepted one
 *
 * Since: 1.0
 */
const char *
lp2p_multistream_get_proposed (Lp2pMultistream *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->protocol;
}

/**
 * lp2p_multistream_can_send_early: (skip)
 * @self: a negotiation
 *
 * Checks whether bytes of the proposed protocol may be sent behind the output
 * before the remote has agreed: a dialer has a single proposal and waits for
 * the answer. With more than one, a refusal would make the remote read those
 * bytes as multistream-select messages and the next proposal could not follow.
 *
 * Returns: %TRUE if early bytes are possible
 *
 * Since: 1.0
 */
gboolean
lp2p_multistream_can_send_early (Lp2pMultistream *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return is_dialer (self) && self->single && !self->refused && self->state < STATE_DONE;
}
