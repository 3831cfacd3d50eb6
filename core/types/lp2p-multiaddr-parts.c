/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The components of a multiaddr, and multiaddrs made of others. */

#include "types/lp2p-multiaddr-private.h"

#include "types/lp2p-i18n-private.h"

#include <string.h>

/**
 * lp2p_multiaddr_get_n_components:
 * @self: a multiaddr
 *
 * Counts the components: `/ip4/192.0.2.7/tcp/80/ws` has three.
 *
 * Returns: their number, at least 1
 */
guint
lp2p_multiaddr_get_n_components (Lp2pMultiaddr *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->n_components;
}

/* Finds a component. */
static gboolean
seek (Lp2pMultiaddr *self,
      guint index,
      const Lp2pProtocolInfo **info,
      const guint8 **value,
      gsize *len)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (self->data, self->len);

  for (guint i = 0; lp2p_multiaddr_next_component (&cursor, info, value, len); i++)
    if (i == index)
      return TRUE;
  return FALSE;
}

/**
 * lp2p_multiaddr_get_component:
 * @self: a multiaddr
 * @index: which component, from 0
 * @protocol: (out) (optional): return location for its protocol
 * @value: (out) (optional) (transfer none) (array length=len): return location
 *   for its binary value, which is valid as long as @self
 * @len: (out) (optional): return location for the length of @value in bytes; 0
 *   if the protocol has no value
 *
 * Gets one component. The number of steps grows with @index.
 *
 * Returns: whether there is such a component
 */
gboolean
lp2p_multiaddr_get_component (Lp2pMultiaddr *self,
                              guint index,
                              Lp2pProtocol *protocol,
                              const guint8 **value,
                              gsize *len)
{
  const Lp2pProtocolInfo *info;
  const guint8 *found;
  gsize found_len;

  g_return_val_if_fail (self != NULL, FALSE);

  if (!seek (self, index, &info, &found, &found_len))
    return FALSE;
  if (protocol != NULL)
    *protocol = info->code;
  if (value != NULL)
    *value = found;
  if (len != NULL)
    *len = found_len;
  return TRUE;
}

/**
 * lp2p_multiaddr_get_component_string:
 * @self: a multiaddr
 * @index: which component, from 0
 *
 * Gets the text of a component's value: `4001` for `/tcp/4001`.
 *
 * Returns: (transfer full) (nullable): the text, or %NULL if the protocol has
 *   no value or there is no such component
 */
char *
lp2p_multiaddr_get_component_string (Lp2pMultiaddr *self, guint index)
{
  const Lp2pProtocolInfo *info;
  const guint8 *value;
  gsize len;
  GString *text;

  g_return_val_if_fail (self != NULL, NULL);

  if (!seek (self, index, &info, &value, &len) || info->size == 0)
    return NULL;
  text = g_string_new (NULL);
  info->format (value, len, text);
  return g_string_free (text, FALSE);
}

/**
 * lp2p_multiaddr_find:
 * @self: a multiaddr
 * @protocol: a protocol
 * @from: the component to start at, from 0
 *
 * Finds the first component of a protocol.
 *
 * Returns: its index, or -1
 */
int
lp2p_multiaddr_find (Lp2pMultiaddr *self, Lp2pProtocol protocol, guint from)
{
  Lp2pCursor cursor;
  const Lp2pProtocolInfo *info;
  const guint8 *value;
  gsize len;

  g_return_val_if_fail (self != NULL, -1);

  lp2p_cursor_init (&cursor, self->data, self->len);
  for (guint i = 0; lp2p_multiaddr_next_component (&cursor, &info, &value, &len); i++)
    if (i >= from && info->code == protocol)
      return (int) i;
  return -1;
}

/**
 * lp2p_multiaddr_find_last:
 * @self: a multiaddr
 * @protocol: a protocol
 *
 * Finds the last component of a protocol.
 *
 * Returns: its index, or -1
 */
int
lp2p_multiaddr_find_last (Lp2pMultiaddr *self, Lp2pProtocol protocol)
{
  int last = -1;
  int next;

  g_return_val_if_fail (self != NULL, -1);

  while ((next = lp2p_multiaddr_find (self, protocol, (guint) (last + 1))) >= 0)
    last = next;
  return last;
}

/**
 * lp2p_multiaddr_slice:
 * @self: a multiaddr
 * @from: the first component to take, from 0
 * @to: the first one not to take; %G_MAXUINT for all the rest
 *
 * Takes a part of a multiaddr.
 *
 * Returns: (transfer full) (nullable): the part, or %NULL if it has no
 *   components
 */
Lp2pMultiaddr *
lp2p_multiaddr_slice (Lp2pMultiaddr *self, guint from, guint to)
{
  Lp2pCursor cursor;
  const Lp2pProtocolInfo *info;
  const guint8 *value;
  gsize len;
  gsize start = 0;

  g_return_val_if_fail (self != NULL, NULL);

  to = MIN (to, self->n_components);
  if (from >= to)
    return NULL;
  if (from == 0 && to == self->n_components)
    return lp2p_multiaddr_ref (self);

  lp2p_cursor_init (&cursor, self->data, self->len);
  for (guint i = 0; i < to; i++)
    {
      if (i == from)
        start = self->len - lp2p_cursor_left (&cursor);
      lp2p_multiaddr_next_component (&cursor, &info, &value, &len);
    }
  return lp2p_multiaddr_new_trusted (self->data + start,
                                     self->len - lp2p_cursor_left (&cursor) - start, to - from);
}

/**
 * lp2p_multiaddr_concat:
 * @self: a multiaddr
 * @other: another one
 *
 * Puts @other behind @self.
 *
 * Returns: (transfer full) (nullable): the longer multiaddr, or %NULL if it
 *   would exceed the limits of size, or if @self ends with a `unix` path
 */
Lp2pMultiaddr *
lp2p_multiaddr_concat (Lp2pMultiaddr *self, Lp2pMultiaddr *other)
{
  g_auto (Lp2pMultiaddrBuilder) builder = { NULL };

  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (other != NULL, NULL);

  lp2p_multiaddr_builder_init (&builder, self);
  if (builder.complete || self->len + other->len > LP2P_MULTIADDR_MAX_SIZE ||
      self->n_components + other->n_components > LP2P_MULTIADDR_MAX_COMPONENTS)
    return NULL;

  g_byte_array_append (builder.data, other->data, other->len);
  builder.n_components += other->n_components;
  return lp2p_multiaddr_builder_end (&builder);
}

/**
 * lp2p_multiaddr_append:
 * @self: (nullable): a multiaddr, or %NULL to start one
 * @protocol: the protocol of the component to append
 * @value: (array length=len) (nullable): its binary value
 * @len: the length of @value in bytes, 0 if the protocol has no value
 * @error: return location for a [error@Lp2p.TypesError]
 *
 * Puts one more component behind @self.
 *
 * Returns: (transfer full): the longer multiaddr, or %NULL with
 *   %LP2P_TYPES_ERROR_INVALID_MULTIADDR or %LP2P_TYPES_ERROR_UNSUPPORTED
 */
Lp2pMultiaddr *
lp2p_multiaddr_append (Lp2pMultiaddr *self,
                       Lp2pProtocol protocol,
                       const guint8 *value,
                       gsize len,
                       GError **error)
{
  const Lp2pProtocolInfo *info = lp2p_protocol_info_from_code ((guint64) protocol);
  g_auto (Lp2pMultiaddrBuilder) builder = { NULL };

  g_return_val_if_fail (value != NULL || len == 0, NULL);

  lp2p_multiaddr_builder_init (&builder, self);
  if (info == NULL)
    {
      lp2p_multiaddr_set_error (error, LP2P_TYPES_ERROR_UNSUPPORTED, builder.n_components, NULL,
                                _("unknown protocol code 0x%x"), (guint) protocol);
      return NULL;
    }
  if (len > LP2P_MULTIADDR_MAX_SIZE || !lp2p_protocol_info_check (info, value, len))
    {
      lp2p_multiaddr_set_error (error, LP2P_TYPES_ERROR_INVALID_MULTIADDR, builder.n_components,
                                info->name, _("expected %s"),
                                info->size != 0 ? _(info->expected) : _("no value"));
      return NULL;
    }
  if (!lp2p_multiaddr_builder_append (&builder, info, value, len, error))
    return NULL;
  return lp2p_multiaddr_builder_end (&builder);
}

/**
 * lp2p_multiaddr_has_prefix:
 * @self: a multiaddr
 * @prefix: another one
 *
 * Tells whether @self starts with all components of @prefix.
 *
 * Returns: whether it does; also if they are equal
 */
gboolean
lp2p_multiaddr_has_prefix (Lp2pMultiaddr *self, Lp2pMultiaddr *prefix)
{
  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (prefix != NULL, FALSE);

  /* A multiaddr says where each of its components ends, so equal bytes are
   * equal components. */
  return prefix->len <= self->len && memcmp (self->data, prefix->data, prefix->len) == 0;
}
