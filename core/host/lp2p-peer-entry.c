/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <inttypes.h>
#include <string.h>

#include <lp2p/codec/lp2p-multistream.h>
#include <lp2p/types/lp2p-error.h>

#include "host/lp2p-peer-entry-private.h"
#include "types/lp2p-i18n-private.h"

Lp2pPeerEntry *
lp2p_peer_entry_new (Lp2pPeerId *id)
{
  Lp2pPeerEntry *self = g_new0 (Lp2pPeerEntry, 1);

  self->id = lp2p_peer_id_ref (id);
  self->recent_link.data = self;
  self->dirty_link.data = self;
  return self;
}

void
lp2p_peer_entry_clear (Lp2pPeerEntry *self)
{
  g_clear_pointer (&self->public_key, lp2p_public_key_unref);
  g_clear_pointer (&self->addresses, g_array_unref);
  g_clear_pointer (&self->data, g_array_unref);
  g_clear_pointer (&self->protocols, g_strfreev);
  g_clear_pointer (&self->agent_version, g_free);
  g_clear_pointer (&self->protocol_version, g_free);
  g_clear_pointer (&self->record, g_bytes_unref);
  self->record_seq = 0;
}

void
lp2p_peer_entry_free (Lp2pPeerEntry *self)
{
  lp2p_peer_entry_clear (self);
  lp2p_peer_id_unref (self->id);
  g_free (self);
}

Lp2pPeerEntry *
lp2p_peer_entry_copy (const Lp2pPeerEntry *self)
{
  Lp2pPeerEntry *copy = lp2p_peer_entry_new (self->id);

  copy->public_key = self->public_key != NULL ? lp2p_public_key_ref (self->public_key) : NULL;
  lp2p_peer_entry_copy_addresses (copy, self);
  lp2p_peer_entry_copy_data (copy, self);
  copy->protocols = g_strdupv (self->protocols);
  copy->agent_version = g_strdup (self->agent_version);
  copy->protocol_version = g_strdup (self->protocol_version);
  copy->record = self->record != NULL ? g_bytes_ref (self->record) : NULL;
  copy->record_seq = self->record_seq;
  copy->dirty = self->dirty;
  copy->unread = self->unread;
  return copy;
}

static gsize
get_text_size (const char *text)
{
  return text != NULL ? strlen (text) + 1 : 0;
}

static gsize
get_bytes_size (GBytes *bytes)
{
  return bytes != NULL ? g_bytes_get_size (bytes) : 0;
}

gsize
lp2p_peer_entry_get_size (const Lp2pPeerEntry *self)
{
  gsize size = sizeof *self + g_bytes_get_size (lp2p_peer_id_get_bytes (self->id)) + get_bytes_size (self->record) +
               get_text_size (self->agent_version) + get_text_size (self->protocol_version);

  if (self->public_key != NULL)
    size += g_bytes_get_size (lp2p_public_key_get_bytes (self->public_key));
  for (guint i = 0; self->protocols != NULL && self->protocols[i] != NULL; i++)
    size += sizeof (char *) + get_text_size (self->protocols[i]);
  for (guint i = 0; self->addresses != NULL && i < self->addresses->len; i++)
    {
      gsize bytes;

      lp2p_multiaddr_get_data (g_array_index (self->addresses, Lp2pPeerAddress, i).address, &bytes);
      size += sizeof (Lp2pPeerAddress) + bytes;
    }
  for (guint i = 0; self->data != NULL && i < self->data->len; i++)
    {
      const Lp2pPeerData *data = &g_array_index (self->data, Lp2pPeerData, i);

      size += sizeof *data + get_text_size (data->plugin) + get_text_size (data->key) + get_bytes_size (data->value);
    }
  return size;
}

/* Protocols */

gboolean
lp2p_peer_entry_set_protocols (Lp2pPeerEntry *self, const char *const *protocols)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) kept = NULL;
  gsize size = 0;
  guint n = 0;

  for (guint i = 0; protocols[i] != NULL && n < LP2P_PEER_MAX_PROTOCOLS; i++)
    {
      if (!lp2p_multistream_is_protocol_name (protocols[i]))
        continue;
      size += strlen (protocols[i]);
      if (size > LP2P_PEER_MAX_PROTOCOLS_SIZE)
        break;
      g_strv_builder_add (builder, protocols[i]);
      n++;
    }

  kept = g_strv_builder_end (builder);
  if (self->protocols != NULL && g_strv_equal ((const char *const *) kept, (const char *const *) self->protocols))
    return FALSE;
  g_strfreev (self->protocols);
  self->protocols = g_steal_pointer (&kept);
  return TRUE;
}

/* Texts */

static char *
clean_text (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GString *clean = g_string_new (NULL);

  for (const char *p = valid; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (clean->len + g_unichar_to_utf8 (c, NULL) > LP2P_PEER_MAX_TEXT)
        break;
      g_string_append_unichar (clean, g_unichar_iscntrl (c) ? ' ' : c);
    }
  return g_string_free (clean, FALSE);
}

gboolean
lp2p_peer_entry_set_text (char **where, const char *text)
{
  g_autofree char *clean = NULL;

  if (text == NULL)
    return FALSE;
  clean = clean_text (text);
  if (g_strcmp0 (clean, *where) == 0)
    return FALSE;
  g_free (*where);
  *where = g_steal_pointer (&clean);
  return TRUE;
}

/* Keys and records */

gboolean
lp2p_peer_entry_set_public_key (Lp2pPeerEntry *self, Lp2pPublicKey *key)
{
  if (self->public_key != NULL || !lp2p_peer_id_matches_public_key (self->id, key))
    return FALSE;
  self->public_key = lp2p_public_key_ref (key);
  return TRUE;
}

static gboolean
check_record (Lp2pPeerEntry *self, GBytes *bytes, Lp2pPeerRecord *record, GError **error)
{
  guint64 seq = lp2p_peer_record_get_seq (record);

  if (!lp2p_peer_id_equal (lp2p_peer_record_get_peer_id (record), self->id))
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_RECORD,
                   _("The peer record is that of %s, expected %s"),
                   lp2p_peer_id_get_string (lp2p_peer_record_get_peer_id (record)), lp2p_peer_id_get_string (self->id));
      return FALSE;
    }
  /* The same one again only renews it. */
  if (self->record != NULL &&
      (seq < self->record_seq || (seq == self->record_seq && !g_bytes_equal (bytes, self->record))))
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_RECORD,
                   _("The peer record has sequence number %" PRIu64 ", expected more than %" PRIu64),
                   seq, self->record_seq);
      return FALSE;
    }
  return TRUE;
}

Lp2pPeerRecord *
lp2p_peer_entry_take_record (Lp2pPeerEntry *self, GBytes *bytes, GError **error)
{
  g_autoptr (Lp2pPeerRecord) record = NULL;
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  if (size > LP2P_PEER_MAX_RECORD_SIZE)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_RECORD,
                   _("The peer record has %zu bytes, expected at most %d"), size,
                   LP2P_PEER_MAX_RECORD_SIZE);
      return NULL;
    }
  record = lp2p_peer_record_open (data, size, error);
  if (record == NULL || !check_record (self, bytes, record, error))
    return NULL;

  g_clear_pointer (&self->record, g_bytes_unref);
  self->record = g_bytes_ref (bytes);
  self->record_seq = lp2p_peer_record_get_seq (record);
  return g_steal_pointer (&record);
}
