/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-ws-frame.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

#define FIN 0x80
#define RESERVED 0x70
#define OPCODE 0x0f
#define MASKED 0x80
#define LENGTH 0x7f
#define LENGTH_16 126
#define LENGTH_64 127

/* So many data frames without a byte in them may come in a row: they mean nothing
 * in a stream of bytes, and would keep a reader busy that finds nothing to read. */
#define MAX_EMPTY 1000

typedef enum
{
  STATE_HEADER,
  STATE_DATA,
  STATE_CONTROL,
  STATE_CLOSED,
  STATE_FAILED,
} State;

/* Starts before the first frame, behind the opening handshake. */
void
lp2p_ws_parser_init (Lp2pWsParser *self, Lp2pWsSender sender)
{
  *self = (Lp2pWsParser){ .from_client = sender == LP2P_WS_FROM_CLIENT };
}

static gboolean G_GNUC_PRINTF (4, 5)
fail (Lp2pWsParser *self, Lp2pWsCode code, GError **error, const char *format, ...)
{
  va_list args;

  self->state = STATE_FAILED;
  self->close_code = code;
  if (error != NULL)
    {
      va_start (args, format);
      *error = g_error_new_valist (LP2P_ERROR, LP2P_ERROR_PROTOCOL, format, args);
      va_end (args);
    }
  return FALSE;
}

static gboolean
is_control (guint8 opcode)
{
  return (opcode & 0x8) != 0;
}

static gboolean
check_opcode (Lp2pWsParser *self, guint8 opcode, gboolean is_final, GError **error)
{
  switch (opcode)
    {
    case LP2P_WS_CONTINUATION:
      if (!self->in_message)
        return fail (self, LP2P_WS_PROTOCOL_ERROR, error,
                     _("WebSocket: a frame continues a message, but none has begun"));
      return TRUE;
    case LP2P_WS_TEXT:
    case LP2P_WS_BINARY:
      if (self->in_message)
        return fail (self, LP2P_WS_PROTOCOL_ERROR, error,
                     _("WebSocket: a message began before the one before it had ended"));
      if (opcode == LP2P_WS_TEXT)
        return fail (self, LP2P_WS_UNSUPPORTED, error,
                     _("WebSocket: a text message came; libp2p has binary ones only"));
      return TRUE;
    case LP2P_WS_CLOSE:
    case LP2P_WS_PING:
    case LP2P_WS_PONG:
      if (!is_final)
        return fail (self, LP2P_WS_PROTOCOL_ERROR, error,
                     _("WebSocket: a control frame with opcode 0x%x is fragmented"), opcode);
      return TRUE;
    default:
      return fail (self, LP2P_WS_PROTOCOL_ERROR, error, _("WebSocket: a frame has the unknown opcode 0x%x"), opcode);
    }
}

/* What the first two bytes tell is checked before the rest comes. */
static gboolean
check_start (Lp2pWsParser *self, GError **error)
{
  guint8 opcode = self->header[0] & OPCODE;
  guint8 length = self->header[1] & LENGTH;
  gboolean masked = (self->header[1] & MASKED) != 0;

  if (self->header[0] & RESERVED)
    return fail (self, LP2P_WS_PROTOCOL_ERROR, error,
                 _("WebSocket: a frame begins with 0x%02x, which sets reserved bits; no extension was agreed on"),
                 self->header[0]);
  if (!check_opcode (self, opcode, (self->header[0] & FIN) != 0, error))
    return FALSE;
  if (masked != self->from_client)
    return fail (self, LP2P_WS_PROTOCOL_ERROR, error,
                 masked ? _("WebSocket: the server sent a masked frame")
                        : _("WebSocket: the client sent a frame without a mask"));
  if (is_control (opcode) && length > LP2P_WS_MAX_CONTROL)
    return fail (self, LP2P_WS_PROTOCOL_ERROR, error,
                 _("WebSocket: a control frame with opcode 0x%x has more than %u bytes"), opcode,
                 LP2P_WS_MAX_CONTROL);
  return TRUE;
}

static gsize
length_size (guint8 length)
{
  return length == LENGTH_64 ? 8 : length == LENGTH_16 ? 2 : 0;
}

/* Reads the length that all of the header tells. */
static gboolean
read_length (Lp2pWsParser *self, Lp2pCursor *header, guint8 length, guint64 *out, GError **error)
{
  guint16 length_16 = 0;

  switch (length)
    {
    case LENGTH_16:
      lp2p_cursor_read_u16be (header, &length_16);
      *out = length_16;
      if (*out < LENGTH_16)
        return fail (self, LP2P_WS_PROTOCOL_ERROR, error,
                     _("WebSocket: a frame tells its length of %" PRIu64 " in %u bytes; fewer were expected"),
                     *out, 2);
      return TRUE;
    case LENGTH_64:
      lp2p_cursor_read_u64be (header, out);
      if (*out <= G_MAXUINT16)
        return fail (self, LP2P_WS_PROTOCOL_ERROR, error,
                     _("WebSocket: a frame tells its length of %" PRIu64 " in %u bytes; fewer were expected"),
                     *out, 8);
      if (*out > G_MAXINT64)
        return fail (self, LP2P_WS_PROTOCOL_ERROR, error,
                     _("WebSocket: a frame has %" PRIu64 " bytes; lengths have 63 bits"), *out);
      return TRUE;
    default:
      *out = length;
      return TRUE;
    }
}

static gboolean
begin_data (Lp2pWsParser *self, guint64 length, GError **error)
{
  self->in_message = (self->header[0] & FIN) == 0;
  self->payload_left = length;
  if (length > 0)
    {
      self->n_empty = 0;
      self->state = STATE_DATA;
      return TRUE;
    }
  if (++self->n_empty > MAX_EMPTY)
    return fail (self, LP2P_WS_POLICY, error, _("WebSocket: more than %u empty frames came in a row"), MAX_EMPTY);
  return TRUE;
}

/* The header is complete. */
static gboolean
begin_payload (Lp2pWsParser *self, GError **error)
{
  Lp2pCursor header = LP2P_CURSOR_INIT (self->header, self->header_size);
  guint8 opcode = 0;
  guint8 length = 0;
  guint64 size = 0;

  lp2p_cursor_read_u8 (&header, &opcode);
  lp2p_cursor_read_u8 (&header, &length);
  if (!read_length (self, &header, length & LENGTH, &size, error))
    return FALSE;
  if (self->from_client)
    lp2p_cursor_copy (&header, self->mask, LP2P_WS_MASK_SIZE);
  self->mask_offset = 0;
  self->header_size = 0;

  if (!is_control (opcode))
    return begin_data (self, size, error);
  self->control_size = 0;
  self->control_left = size;
  self->state = STATE_CONTROL;
  return TRUE;
}

/* Takes bytes of the header up to the @size'th. */
static gboolean
collect_header (Lp2pWsParser *self, Lp2pCursor *input, gsize size)
{
  gsize n = MIN (size - self->header_size, lp2p_cursor_left (input));

  lp2p_cursor_copy (input, self->header + self->header_size, n);
  self->header_size += n;
  return self->header_size == size;
}

/* What follows takes bytes of payload, masked or not. */
static void
unmask (Lp2pWsParser *self, guint8 *dest, const guint8 *payload, gsize size)
{
  static const guint8 no_mask[LP2P_WS_MASK_SIZE];

  if (dest != NULL && (self->from_client || dest != payload))
    lp2p_ws_mask (dest, payload, size, self->from_client ? self->mask : no_mask, self->mask_offset);
  self->mask_offset = (self->mask_offset + size) % LP2P_WS_MASK_SIZE;
}

/* A reason may contain NULs, at which GLib would stop. */
static gboolean
is_utf8 (const guint8 *text, gsize size)
{
  const char *at = (const char *) text;
  const char *end = at + size;

  while (!g_utf8_validate_len (at, end - at, &at))
    if (*at++ != '\0')
      return FALSE;
  return TRUE;
}

static gboolean
read_close (Lp2pWsParser *self, GError **error)
{
  Lp2pCursor payload = LP2P_CURSOR_INIT (self->control, self->control_size);
  guint16 code = LP2P_WS_NO_CODE;

  if (self->control_size == 1)
    return fail (self, LP2P_WS_PROTOCOL_ERROR, error,
                 _("WebSocket: a close has one byte; none, or the two of a code were expected"));
  if (self->control_size > 0 && lp2p_cursor_read_u16be (&payload, &code) && !lp2p_ws_code_is_valid (code))
    return fail (self, LP2P_WS_PROTOCOL_ERROR, error, _("WebSocket: a close has the code %u, which is never sent"),
                 code);
  if (!is_utf8 (payload.data, lp2p_cursor_left (&payload)))
    return fail (self, LP2P_WS_INVALID_DATA, error, _("WebSocket: the reason of a close with code %u is not UTF-8"),
                 code);
  self->close_code = code;
  self->state = STATE_CLOSED;
  return TRUE;
}

static Lp2pWsEvent
read_control (Lp2pWsParser *self, Lp2pCursor *input, GError **error)
{
  gsize n = MIN (self->control_left, lp2p_cursor_left (input));
  const guint8 *payload = NULL;

  lp2p_cursor_read_bytes (input, n, &payload);
  unmask (self, self->control + self->control_size, payload, n);
  self->control_size += n;
  self->control_left -= n;
  if (self->control_left > 0)
    return LP2P_WS_EVENT_NONE;

  self->control[self->control_size] = '\0';
  self->state = STATE_HEADER;
  switch (self->header[0] & OPCODE)
    {
    case LP2P_WS_CLOSE:
      return read_close (self, error) ? LP2P_WS_EVENT_CLOSE : LP2P_WS_EVENT_ERROR;
    case LP2P_WS_PING:
      return LP2P_WS_EVENT_PING;
    default:
      return LP2P_WS_EVENT_PONG;
    }
}

static Lp2pWsEvent
read_header (Lp2pWsParser *self, Lp2pCursor *input, GError **error)
{
  gsize size;

  if (self->header_size < 2)
    {
      if (!collect_header (self, input, 2))
        return LP2P_WS_EVENT_NONE;
      if (!check_start (self, error))
        return LP2P_WS_EVENT_ERROR;
    }
  size = 2 + length_size (self->header[1] & LENGTH) + (self->from_client ? LP2P_WS_MASK_SIZE : 0);
  if (!collect_header (self, input, size))
    return LP2P_WS_EVENT_NONE;
  if (!begin_payload (self, error))
    return LP2P_WS_EVENT_ERROR;
  if (self->state == STATE_CONTROL)
    return read_control (self, input, error);
  return self->state == STATE_DATA ? LP2P_WS_EVENT_DATA : LP2P_WS_EVENT_NONE;
}

/* Reads up to the next event, and says in @used how many bytes of the input that
 * took. Payload of data frames is never among them: after LP2P_WS_EVENT_DATA the
 * caller reads it, as much at a time as it likes, and shows it to
 * lp2p_ws_parser_take() until payload_left is 0; until then there is no other
 * event. After an error there is nothing else, and @error is not set again. */
Lp2pWsEvent
lp2p_ws_parser_input (Lp2pWsParser *self, const guint8 *bytes, gsize size, gsize *used, GError **error)
{
  Lp2pCursor input = LP2P_CURSOR_INIT (bytes, size);
  Lp2pWsEvent event = LP2P_WS_EVENT_NONE;

  do
    switch (self->state)
      {
      case STATE_HEADER:
        event = read_header (self, &input, error);
        break;
      case STATE_DATA:
        event = LP2P_WS_EVENT_DATA;
        break;
      case STATE_CONTROL:
        event = read_control (self, &input, error);
        break;
      case STATE_CLOSED:
        lp2p_cursor_skip (&input, lp2p_cursor_left (&input));
        break;
      case STATE_FAILED:
        event = LP2P_WS_EVENT_ERROR;
        break;
      }
  while (event == LP2P_WS_EVENT_NONE && lp2p_cursor_left (&input) > 0);

  *used = size - lp2p_cursor_left (&input);
  return event;
}

/* Tells that @size bytes of payload, at most payload_left, are read, and writes
 * them to @dest as they were before masking. @dest may be where they are, or %NULL:
 * they are dropped, or come from a server, whose frames have no mask, and stay
 * where they are. */
void
lp2p_ws_parser_take (Lp2pWsParser *self, guint8 *dest, const guint8 *payload, gsize size)
{
  g_return_if_fail (self->state == STATE_DATA && size <= self->payload_left);

  unmask (self, dest, payload, size);
  self->payload_left -= size;
  if (self->payload_left == 0)
    self->state = STATE_HEADER;
}

/* Returns: (transfer none): the reason of the last close, UTF-8 that may be empty
 * and has up to 123 bytes of anybody's choice */
const char *
lp2p_ws_parser_get_reason (const Lp2pWsParser *self)
{
  return self->state == STATE_CLOSED && self->control_size > 2 ? (const char *) self->control + 2 : "";
}

/* Says whether a close may have a code: those that RFC 6455 and the registry have,
 * without the ones that only a library tells its program, and the private ones. */
gboolean
lp2p_ws_code_is_valid (guint code)
{
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}
