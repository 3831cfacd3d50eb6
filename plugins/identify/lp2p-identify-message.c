/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-identify-message.h"

#include "identify.pb-c.h"

#include <glib/gi18n-lib.h>
#include <string.h>

typedef Lp2p__Identify__Pb__Identify Wire;

/* Messages */

Lp2pIdentifyMessage *
lp2p_identify_message_new (void)
{
  return g_new0 (Lp2pIdentifyMessage, 1);
}

void
lp2p_identify_message_free (Lp2pIdentifyMessage *self)
{
  g_clear_pointer (&self->public_key, g_bytes_unref);
  g_clear_pointer (&self->addresses, g_ptr_array_unref);
  g_clear_pointer (&self->protocols, g_ptr_array_unref);
  g_clear_pointer (&self->observed, lp2p_multiaddr_unref);
  g_clear_pointer (&self->protocol_version, g_free);
  g_clear_pointer (&self->agent_version, g_free);
  g_clear_pointer (&self->signed_record, g_bytes_unref);
  g_free (self);
}

/* Encoding. The message on the wire borrows from ours, but for the two lists. */

static ProtobufCBinaryData
borrow_bytes (GBytes *bytes)
{
  ProtobufCBinaryData data = { 0 };

  if (bytes != NULL)
    data.data = (guint8 *) g_bytes_get_data (bytes, &data.len);
  return data;
}

static ProtobufCBinaryData
borrow_address (Lp2pMultiaddr *address)
{
  return borrow_bytes (address != NULL ? lp2p_multiaddr_get_bytes (address) : NULL);
}

static ProtobufCBinaryData
borrow_text (const char *text)
{
  ProtobufCBinaryData data = { 0 };

  if (text != NULL)
    {
      data.data = (guint8 *) text;
      data.len = strlen (text);
    }
  return data;
}

static void
wire_init (Wire *wire, const Lp2pIdentifyMessage *self)
{
  lp2p__identify__pb__identify__init (wire);
  wire->has_public_key = self->public_key != NULL;
  wire->public_key = borrow_bytes (self->public_key);
  wire->has_observed_address = self->observed != NULL;
  wire->observed_address = borrow_address (self->observed);
  wire->has_protocol_version = self->protocol_version != NULL;
  wire->protocol_version = borrow_text (self->protocol_version);
  wire->has_agent_version = self->agent_version != NULL;
  wire->agent_version = borrow_text (self->agent_version);
  wire->has_signed_record = self->signed_record != NULL;
  wire->signed_record = borrow_bytes (self->signed_record);

  wire->n_listen_addresses = self->addresses != NULL ? self->addresses->len : 0;
  wire->listen_addresses = g_new (ProtobufCBinaryData, wire->n_listen_addresses);
  for (gsize i = 0; i < wire->n_listen_addresses; i++)
    wire->listen_addresses[i] = borrow_address (g_ptr_array_index (self->addresses, i));
  wire->n_protocols = self->protocols != NULL ? self->protocols->len : 0;
  wire->protocols = g_new (ProtobufCBinaryData, wire->n_protocols);
  for (gsize i = 0; i < wire->n_protocols; i++)
    wire->protocols[i] = borrow_text (g_ptr_array_index (self->protocols, i));
}

static void
wire_clear (Wire *wire)
{
  g_free (wire->listen_addresses);
  g_free (wire->protocols);
}

gsize
lp2p_identify_message_get_size (const Lp2pIdentifyMessage *self)
{
  Wire wire;
  gsize size;

  wire_init (&wire, self);
  size = lp2p__identify__pb__identify__get_packed_size (&wire);
  wire_clear (&wire);
  return lp2p_varint_size (size) + size;
}

GBytes *
lp2p_identify_message_encode (const Lp2pIdentifyMessage *self)
{
  GByteArray *array = g_byte_array_new ();
  Wire wire;
  gsize size;
  guint start;

  wire_init (&wire, self);
  size = lp2p__identify__pb__identify__get_packed_size (&wire);
  lp2p_append_varint (array, size);
  start = array->len;
  g_byte_array_set_size (array, start + size);
  lp2p__identify__pb__identify__pack (&wire, array->data + start);
  wire_clear (&wire);
  return g_byte_array_free_to_bytes (array);
}

/* Decoding */

static void
take_bytes (GBytes **where, gboolean present, const ProtobufCBinaryData *data)
{
  if (!present)
    return;
  g_clear_pointer (where, g_bytes_unref);
  *where = g_bytes_new (data->data, data->len);
}

/* A text that people will see: no byte of it may steer their terminal. */
static void
take_text (char **where, gboolean present, const ProtobufCBinaryData *data)
{
  g_autofree char *valid = NULL;
  GString *shown;

  if (!present || data->len > LP2P_IDENTIFY_MAX_TEXT)
    return;

  /* Of no bytes there is no address either. */
  valid = data->len > 0 ? g_utf8_make_valid ((const char *) data->data, data->len) : g_strdup ("");
  shown = g_string_sized_new (data->len);
  for (const char *p = valid; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      g_string_append_unichar (shown, g_unichar_iscntrl (c) ? 0xfffd : c);
    }
  g_free (*where);
  *where = g_string_free (shown, FALSE);
}

/* An address of a protocol that we do not know is none for us; the others are
 * good all the same. */
static void
take_addresses (Lp2pIdentifyMessage *self, const Wire *wire)
{
  if (wire->n_listen_addresses > 0 && self->addresses == NULL)
    self->addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);

  for (gsize i = 0; i < wire->n_listen_addresses; i++)
    {
      const ProtobufCBinaryData *data = &wire->listen_addresses[i];
      Lp2pMultiaddr *address;

      if (self->addresses->len >= LP2P_IDENTIFY_MAX_ADDRESSES)
        return;
      address = lp2p_multiaddr_new_from_bytes (data->data, data->len, NULL);
      if (address != NULL)
        g_ptr_array_add (self->addresses, address);
    }
}

static gboolean
is_protocol (const char *name)
{
  if (!lp2p_multistream_is_protocol_name (name))
    return FALSE;
  for (const char *p = name; *p != '\0'; p = g_utf8_next_char (p))
    if (g_unichar_iscntrl (g_utf8_get_char (p)))
      return FALSE;
  return TRUE;
}

static void
take_protocols (Lp2pIdentifyMessage *self, const Wire *wire)
{
  if (wire->n_protocols > 0 && self->protocols == NULL)
    self->protocols = g_ptr_array_new_null_terminated (wire->n_protocols, g_free, TRUE);

  for (gsize i = 0; i < wire->n_protocols; i++)
    {
      const ProtobufCBinaryData *data = &wire->protocols[i];
      g_autofree char *name = NULL;

      if (self->protocols->len >= LP2P_IDENTIFY_MAX_PROTOCOLS)
        return;
      if (data->len == 0 || data->len > LP2P_IDENTIFY_MAX_TEXT)
        continue;
      name = g_strndup ((const char *) data->data, data->len);
      if (strlen (name) == data->len && is_protocol (name))
        g_ptr_array_add (self->protocols, g_steal_pointer (&name));
    }
}

static void
take_observed (Lp2pIdentifyMessage *self, const Wire *wire)
{
  Lp2pMultiaddr *address;

  if (!wire->has_observed_address)
    return;
  address =
      lp2p_multiaddr_new_from_bytes (wire->observed_address.data, wire->observed_address.len, NULL);
  if (address == NULL)
    return;
  g_clear_pointer (&self->observed, lp2p_multiaddr_unref);
  self->observed = address;
}

gboolean
lp2p_identify_message_merge (Lp2pIdentifyMessage *self,
                             const guint8 *data,
                             gsize size,
                             GError **error)
{
  Wire *wire = lp2p__identify__pb__identify__unpack (NULL, size, data);

  if (wire == NULL)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                   _("identify: a frame of %zu bytes is no protobuf message"), size);
      return FALSE;
    }
  take_bytes (&self->public_key, wire->has_public_key, &wire->public_key);
  take_bytes (&self->signed_record, wire->has_signed_record, &wire->signed_record);
  take_text (&self->protocol_version, wire->has_protocol_version, &wire->protocol_version);
  take_text (&self->agent_version, wire->has_agent_version, &wire->agent_version);
  take_addresses (self, wire);
  take_protocols (self, wire);
  take_observed (self, wire);
  lp2p__identify__pb__identify__free_unpacked (wire, NULL);
  return TRUE;
}

/* Frames */

struct _Lp2pIdentifyReader
{
  Lp2pIdentifyMessage *message;
  /* The part of a frame that has come so far. */
  GByteArray *pending;
  guint n_frames;
};

Lp2pIdentifyReader *
lp2p_identify_reader_new (void)
{
  Lp2pIdentifyReader *self = g_new0 (Lp2pIdentifyReader, 1);

  self->message = lp2p_identify_message_new ();
  self->pending = g_byte_array_new ();
  return self;
}

void
lp2p_identify_reader_free (Lp2pIdentifyReader *self)
{
  g_clear_pointer (&self->message, lp2p_identify_message_free);
  g_byte_array_unref (self->pending);
  g_free (self);
}

/* How many bytes the frame at the start of @data takes, 0 when more are needed
 * for it, -1 with an error. */
static gssize
take_frame (Lp2pIdentifyReader *self, const guint8 *data, gsize size, GError **error)
{
  guint64 length;
  gssize head = lp2p_varint_decode (data, size, &length);

  if (head == 0)
    return 0;
  if (head < 0 || length > LP2P_IDENTIFY_MAX_FRAME)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                   _("identify: the length of a frame is wrong, expected at most %d bytes"),
                   LP2P_IDENTIFY_MAX_FRAME);
      return -1;
    }
  if (self->n_frames == LP2P_IDENTIFY_MAX_FRAMES)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                   _("identify: the message has too many frames, expected at most %d"),
                   LP2P_IDENTIFY_MAX_FRAMES);
      return -1;
    }
  if (length > size - head)
    return 0;

  self->n_frames++;
  if (!lp2p_identify_message_merge (self->message, data + head, length, error))
    return -1;
  return head + (gssize) length;
}

gboolean
lp2p_identify_reader_input (Lp2pIdentifyReader *self,
                            const guint8 *data,
                            gsize size,
                            GError **error)
{
  gsize done = 0;
  gssize n;

  g_byte_array_append (self->pending, data, size);
  do
    {
      n = take_frame (self, self->pending->data + done, self->pending->len - done, error);
      done += MAX (n, 0);
    }
  while (n > 0);

  g_byte_array_remove_range (self->pending, 0, done);
  return n == 0;
}

Lp2pIdentifyMessage *
lp2p_identify_reader_end (Lp2pIdentifyReader *self, GError **error)
{
  if (self->pending->len == 0 && self->n_frames > 0)
    return g_steal_pointer (&self->message);
  g_set_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL,
               _("identify: the message ended after %u frames and %u bytes of the next"),
               self->n_frames, self->pending->len);
  return NULL;
}
