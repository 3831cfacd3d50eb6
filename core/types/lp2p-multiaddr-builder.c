/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What reading, writing and taking apart multiaddrs have in common. */

#include "types/lp2p-i18n-private.h"
#include "types/lp2p-multiaddr-private.h"

#include <lp2p/types/lp2p-quote.h>

#include <inttypes.h>
#include <string.h>

G_STATIC_ASSERT (LP2P_MULTIADDR_MAX_SIZE <= G_MAXUINT16);

void
lp2p_multiaddr_builder_init (Lp2pMultiaddrBuilder *builder, Lp2pMultiaddr *start)
{
  builder->data = g_byte_array_new ();
  builder->n_components = 0;
  builder->complete = FALSE;

  if (start != NULL)
    {
      g_byte_array_append (builder->data, start->data, start->len);
      builder->n_components = start->n_components;
      builder->complete = lp2p_multiaddr_find (start, LP2P_PROTOCOL_UNIX, 0) >= 0;
    }
}

void
lp2p_multiaddr_builder_clear (Lp2pMultiaddrBuilder *builder)
{
  g_clear_pointer (&builder->data, g_byte_array_unref);
}

Lp2pMultiaddr *
lp2p_multiaddr_new_trusted (const guint8 *data, gsize len, guint n_components)
{
  Lp2pMultiaddr *self = g_malloc0 (sizeof (Lp2pMultiaddr) + len);

  g_atomic_ref_count_init (&self->ref_count);
  self->len = (guint16) len;
  self->n_components = (guint16) n_components;
  memcpy (self->data, data, len);
  return self;
}

Lp2pMultiaddr *
lp2p_multiaddr_builder_end (Lp2pMultiaddrBuilder *builder)
{
  return lp2p_multiaddr_new_trusted (builder->data->data, builder->data->len,
                                     builder->n_components);
}

void
lp2p_multiaddr_set_error (GError **error,
                          Lp2pTypesError code,
                          guint index,
                          const char *component,
                          const char *format,
                          ...)
{
  g_autofree char *detail = NULL;
  va_list args;

  va_start (args, format);
  detail = g_strdup_vprintf (format, args);
  va_end (args);

  if (component != NULL)
    {
      g_autofree char *quoted = lp2p_quote (component, strlen (component));
      g_set_error (error, LP2P_TYPES_ERROR, (int) code, _("Component %u (%s) of multiaddr: %s"),
                   index + 1, quoted, detail);
    }
  else
    g_set_error (error, LP2P_TYPES_ERROR, (int) code, _("Component %u of multiaddr: %s"), index + 1,
                 detail);
}

/* Appends one component with a value that was checked. */
gboolean
lp2p_multiaddr_builder_append (Lp2pMultiaddrBuilder *builder,
                               const Lp2pProtocolInfo *info,
                               const guint8 *value,
                               gsize len,
                               GError **error)
{
  if (builder->complete)
    {
      lp2p_multiaddr_set_error (error, LP2P_TYPES_ERROR_INVALID_MULTIADDR, builder->n_components,
                                info->name, _("nothing may follow a path"));
      return FALSE;
    }
  if (builder->n_components == LP2P_MULTIADDR_MAX_COMPONENTS)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_MULTIADDR,
                   _("Multiaddr has more than %d components"), LP2P_MULTIADDR_MAX_COMPONENTS);
      return FALSE;
    }

  lp2p_append_varint (builder->data, (guint64) info->code);
  if (info->size == LP2P_PROTOCOL_VARIABLE)
    lp2p_append_varint (builder->data, len);
  if (len > 0)
    g_byte_array_append (builder->data, value, (guint) len);
  builder->n_components++;
  builder->complete = info->path;

  if (builder->data->len > LP2P_MULTIADDR_MAX_SIZE)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_MULTIADDR,
                   _("Multiaddr has more than %d bytes"), LP2P_MULTIADDR_MAX_SIZE);
      return FALSE;
    }
  return TRUE;
}

gboolean
lp2p_protocol_info_check (const Lp2pProtocolInfo *info, const guint8 *value, gsize len)
{
  if (info->size == LP2P_PROTOCOL_VARIABLE)
    return len > 0 && (info->check == NULL || info->check (value, len));
  return len == (gsize) info->size && (len == 0 || info->check == NULL || info->check (value, len));
}

/* Reads the next component without checking the value. */
gboolean
lp2p_multiaddr_read_component (Lp2pCursor *cursor,
                               guint index,
                               const Lp2pProtocolInfo **info,
                               const guint8 **value,
                               gsize *len,
                               GError **error)
{
  guint64 code, size;

  if (!lp2p_cursor_read_varint (cursor, &code))
    {
      lp2p_multiaddr_set_error (error, LP2P_TYPES_ERROR_INVALID_MULTIADDR, index, NULL,
                                _("expected the code of a protocol"));
      return FALSE;
    }
  *info = lp2p_protocol_info_from_code (code);
  if (*info == NULL)
    {
      lp2p_multiaddr_set_error (error, LP2P_TYPES_ERROR_UNSUPPORTED, index, NULL,
                                _("unknown protocol code 0x%" PRIx64), code);
      return FALSE;
    }

  if ((*info)->size != LP2P_PROTOCOL_VARIABLE)
    size = (guint64) (*info)->size;
  else if (!lp2p_cursor_read_varint (cursor, &size))
    {
      lp2p_multiaddr_set_error (error, LP2P_TYPES_ERROR_INVALID_MULTIADDR, index, (*info)->name,
                                _("expected the length of the value"));
      return FALSE;
    }
  if (size > lp2p_cursor_left (cursor))
    {
      lp2p_multiaddr_set_error (error, LP2P_TYPES_ERROR_INVALID_MULTIADDR, index, (*info)->name,
                                _("expected a value of %" PRIu64 " bytes, but only"
                                  " %zu are left"),
                                size, lp2p_cursor_left (cursor));
      return FALSE;
    }
  *len = (gsize) size;
  return lp2p_cursor_read_bytes (cursor, *len, value);
}

/* Reads the next component of an address that was checked. */
gboolean
lp2p_multiaddr_next_component (Lp2pCursor *cursor,
                               const Lp2pProtocolInfo **info,
                               const guint8 **value,
                               gsize *len)
{
  return !lp2p_cursor_at_end (cursor) &&
         lp2p_multiaddr_read_component (cursor, 0, info, value, len, NULL);
}
