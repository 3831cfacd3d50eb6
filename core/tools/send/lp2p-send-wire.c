/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/send/lp2p-send-wire-private.h"

#include "tools/send/lp2p-send-path-private.h"
#include "types/lp2p-i18n-private.h"

#include <string.h>

void
send_frame_free (SendFrame *frame)
{
  lp2p__send__frame__free_unpacked (frame, NULL);
}

/* Writing */

void
send_append_frame (GByteArray *out, const SendFrame *frame)
{
  gsize size = lp2p__send__frame__get_packed_size (frame);
  gsize start;

  lp2p_append_varint (out, size);
  start = out->len;
  g_byte_array_set_size (out, (guint) (start + size));
  lp2p__send__frame__pack (frame, out->data + start);
}

/* @message is one of that kind. */
void
send_append (GByteArray *out, Lp2p__Send__Frame__BodyCase kind, gpointer message)
{
  SendFrame frame = LP2P__SEND__FRAME__INIT;

  frame.body_case = kind;
  frame.busy = message;
  send_append_frame (out, &frame);
}

/* @kind is one of those without content. */
void
send_append_nothing (GByteArray *out, Lp2p__Send__Frame__BodyCase kind)
{
  Lp2p__Send__Nothing nothing = LP2P__SEND__NOTHING__INIT;

  send_append (out, kind, &nothing);
}

static char *
shorten (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  if (strlen (valid) > SEND_MAX_TEXT)
    *g_utf8_find_prev_char (valid, valid + SEND_MAX_TEXT) = '\0';
  return g_steal_pointer (&valid);
}

/* @kind is one of those with a text alone. */
void
send_append_text (GByteArray *out, Lp2p__Send__Frame__BodyCase kind, const char *text)
{
  Lp2p__Send__Text message = LP2P__SEND__TEXT__INIT;
  g_autofree char *shortened = shorten (text);

  message.text = shortened;
  send_append (out, kind, &message);
}

void
send_append_failure (GByteArray *out,
                     Lp2p__Send__Frame__BodyCase kind,
                     guint64 entry,
                     const char *text)
{
  Lp2p__Send__Failure message = LP2P__SEND__FAILURE__INIT;
  g_autofree char *shortened = shorten (text);

  message.entry = entry;
  message.text = shortened;
  send_append (out, kind, &message);
}

void
send_append_chunk (GByteArray *out, gsize size, const SendHash *hash)
{
  Lp2p__Send__Chunk message = LP2P__SEND__CHUNK__INIT;

  message.size = (guint32) size;
  message.hash = (ProtobufCBinaryData) { SEND_HASH_SIZE, (guint8 *) hash->bytes };
  send_append (out, SEND_BODY (CHUNK), &message);
}

void
send_append_end (GByteArray *out, guint64 entry, const SendHash *hash)
{
  Lp2p__Send__End message = LP2P__SEND__END__INIT;

  message.entry = entry;
  message.hash = (ProtobufCBinaryData) { SEND_HASH_SIZE, (guint8 *) hash->bytes };
  send_append (out, SEND_BODY (END), &message);
}

/* Reading */

/* Returns FALSE. */
gboolean
send_fail_protocol (GError **error, const char *what)
{
  g_set_error_literal (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL, what);
  return FALSE;
}

static gboolean
check_hash (const ProtobufCBinaryData *hash, GError **error)
{
  return hash->len == SEND_HASH_SIZE ||
         send_fail_protocol (error, N_("the peer sent a hash of another length, expected 16 bytes"));
}

/* What is wrong with a path is told about that entry alone, later. */
static gboolean
check_entry (const Lp2p__Send__Entry *entry, GError **error)
{
  if (entry->kind != LP2P__SEND__KIND__FILE && entry->kind != LP2P__SEND__KIND__FOLDER &&
      entry->kind != LP2P__SEND__KIND__LINK)
    return send_fail_protocol (error, N_("the peer sent an entry of an unknown kind, expected 0, 1 or 2"));
  if (entry->size > G_MAXINT64 || (entry->kind != LP2P__SEND__KIND__FILE && entry->size != 0))
    return send_fail_protocol (error, N_("the peer sent an entry with an impossible size"));
  return TRUE;
}

static gboolean
check_chunk (const Lp2p__Send__Chunk *chunk, GError **error)
{
  if (chunk->size == 0 || chunk->size > SEND_CHUNK_SIZE)
    return send_fail_protocol (error, N_("the peer sent a chunk of an impossible size, expected 1 to 1048576 bytes"));
  return check_hash (&chunk->hash, error);
}

/* An offset is where a chunk starts, or the end of the file. Where nothing is there
 * yet, there is nothing to compare either. */
static gboolean
check_want (const Lp2p__Send__Want *want, GError **error)
{
  return want->offset == 0 || check_hash (&want->hash, error);
}

static gboolean
check_name (const ProtobufCBinaryData *name)
{
  return name->len > 0 && name->len <= SEND_MAX_NAME && memchr (name->data, '/', name->len) == NULL &&
         memchr (name->data, '\0', name->len) == NULL;
}

static gboolean
check_offer (const Lp2p__Send__Offer *offer, GError **error)
{
  if (offer->entries > SEND_MAX_ENTRIES || offer->files > offer->entries || offer->size > G_MAXINT64)
    return send_fail_protocol (error, N_("the peer offers an impossible number of files, expected 10000000 at most"));
  if (offer->more && offer->n_names == 0)
    return send_fail_protocol (error, N_("the peer sent a part of an offer without a name in it"));
  for (gsize i = 0; i < offer->n_names; i++)
    if (!check_name (&offer->names[i]))
      return send_fail_protocol (error, N_("the peer offers a name that is none, expected 1 to 255 bytes without a slash"));
  return TRUE;
}

/* A text is looked for in catalogues, piece by piece. */
static gboolean
check_text (const char *text, GError **error)
{
  return strlen (text) <= SEND_MAX_TEXT ||
         send_fail_protocol (error, N_("the peer sent a text that is too long, expected 1024 bytes at most"));
}

static gboolean
check_frame (const SendFrame *frame, GError **error)
{
  switch (frame->body_case)
    {
    case SEND_BODY (_NOT_SET):
      return send_fail_protocol (error, N_("the peer sent a frame of an unknown kind"));
    case SEND_BODY (OFFER):
      return check_offer (frame->offer, error);
    case SEND_BODY (ABORT):
      return check_text (frame->abort->text, error);
    case SEND_BODY (DECLINE):
      return check_text (frame->decline->text, error);
    case SEND_BODY (REFUSE):
      return check_text (frame->refuse->text, error);
    case SEND_BODY (FAIL):
      return check_text (frame->fail->text, error);
    case SEND_BODY (ENTRY):
      return check_entry (frame->entry, error);
    case SEND_BODY (CHUNK):
      return check_chunk (frame->chunk, error);
    case SEND_BODY (END):
      return check_hash (&frame->end->hash, error);
    case SEND_BODY (WANT):
      return check_want (frame->want, error);
    case SEND_BODY (COMPARE):
      return check_hash (&frame->compare->hash, error);
    default:
      return TRUE;
    }
}

/* A frame that is not complete leaves the cursor where it is. */
static SendInput
read_frame (Lp2pCursor *cursor, SendFrame **frame, GError **error)
{
  Lp2pCursor ahead = *cursor;
  const guint8 *bytes;
  guint64 size;

  if (!lp2p_cursor_read_varint (&ahead, &size))
    {
      if (lp2p_cursor_left (cursor) < LP2P_VARINT_MAX)
        return SEND_INPUT_MORE;
      send_fail_protocol (error, N_("the peer sent a malformed length of a frame"));
      return SEND_INPUT_FAILED;
    }
  if (size == 0 || size > SEND_MAX_FRAME)
    {
      send_fail_protocol (error, N_("the peer sent a frame of an impossible size, expected 1 to 16384 bytes"));
      return SEND_INPUT_FAILED;
    }
  if (!lp2p_cursor_read_bytes (&ahead, (gsize) size, &bytes))
    return SEND_INPUT_MORE;
  *frame = lp2p__send__frame__unpack (NULL, (gsize) size, bytes);
  if (*frame == NULL)
    {
      send_fail_protocol (error, N_("the peer sent a malformed frame, expected a protobuf Frame"));
      return SEND_INPUT_FAILED;
    }
  *cursor = ahead;
  return SEND_INPUT_FRAME;
}

/* Who is busy may say so at any time. */
static gboolean
is_of_offer (const SendDecoder *self, const SendFrame *frame)
{
  return frame->body_case == SEND_BODY (OFFER) ||
         (self->offer != NULL && frame->body_case != SEND_BODY (BUSY));
}

static void
move_names (Lp2p__Send__Offer *from, Lp2p__Send__Offer *to)
{
  to->names = g_renew (ProtobufCBinaryData, to->names, to->n_names + from->n_names);
  for (gsize i = 0; i < from->n_names; i++)
    to->names[to->n_names++] = from->names[i];
  from->n_names = 0;
}

/* The frames of an offer become one. Until the last of them, there is none. */
static gboolean
join_offer (SendDecoder *self, SendFrame **frame, GError **error)
{
  gboolean more;

  if ((*frame)->body_case != SEND_BODY (OFFER))
    return send_fail_protocol (error, N_("the peer sent another frame in the middle of an offer"));
  more = (*frame)->offer->more;
  if (self->offer == NULL)
    {
      self->offer = g_steal_pointer (frame);
    }
  else
    {
      move_names ((*frame)->offer, self->offer->offer);
      g_clear_pointer (frame, send_frame_free);
    }
  if (self->offer->offer->n_names > SEND_MAX_NAMES)
    return send_fail_protocol (error, N_("the peer offers more than 4096 names"));
  if (!more)
    *frame = g_steal_pointer (&self->offer);
  return TRUE;
}

void
send_decoder_clear (SendDecoder *self)
{
  g_clear_pointer (&self->offer, send_frame_free);
}

/**
 * send_offer_list_names:
 * @offer: an offer
 *
 * Lists what the paths of its entries may begin with. One without a list is about a
 * single thing.
 *
 * Returns: (transfer full) (element-type filename): the names, of which there is one
 *   at least
 */
GPtrArray *
send_offer_list_names (const Lp2p__Send__Offer *offer)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);

  for (gsize i = 0; i < offer->n_names; i++)
    g_ptr_array_add (names, g_strndup ((const char *) offer->names[i].data, offer->names[i].len));
  if (names->len == 0)
    g_ptr_array_add (names, g_strdup (offer->name));
  return names;
}

/**
 * send_decoder_next:
 * @self: a decoder, which starts as zeros and is cleared in the end
 * @cursor: what came and was not used yet
 * @event: (out): what it is; a frame is the caller's, bytes are borrowed
 * @error: return location for an error
 *
 * Takes the next thing off what came. An offer is one thing, whatever number of frames
 * it takes.
 *
 * Returns: what was found; %SEND_INPUT_MORE when that is less than a frame, which
 *   stays, and is to come again with more behind it
 */
SendInput
send_decoder_next (SendDecoder *self, Lp2pCursor *cursor, SendEvent *event, GError **error)
{
  *event = (SendEvent) { NULL };
  if (self->left > 0)
    {
      event->size = MIN (self->left, lp2p_cursor_left (cursor));
      if (event->size == 0)
        return SEND_INPUT_MORE;
      lp2p_cursor_read_bytes (cursor, event->size, &event->data);
      self->left -= event->size;
      return SEND_INPUT_DATA;
    }
  for (;;)
    {
      g_autoptr (SendFrame) frame = NULL;
      SendInput found = read_frame (cursor, &frame, error);

      if (found != SEND_INPUT_FRAME)
        return found;
      if (!check_frame (frame, error) || (is_of_offer (self, frame) && !join_offer (self, &frame, error)))
        return SEND_INPUT_FAILED;
      if (frame == NULL)
        continue;
      if (frame->body_case == SEND_BODY (CHUNK))
        self->left = frame->chunk->size;
      event->frame = g_steal_pointer (&frame);
      return SEND_INPUT_FRAME;
    }
}
