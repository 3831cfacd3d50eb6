/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "types/lp2p-multiaddr-private.h"
#include "types/lp2p-quote-private.h"

#include <lp2p/types/lp2p-cursor.h>
#include <lp2p/types/lp2p-error.h>

#include <string.h>

/* No accepted binary form has a longer canonical text: a percent-encoded path
 * takes three bytes for one, and 64 protocol names add less than 1 KiB. */
#define MAX_TEXT 8192

/**
 * Lp2pMultiaddr:
 *
 * An address made of components, such as `/ip4/192.0.2.7/tcp/4001/p2p/12D3...`
 * (multiaddr specification).
 *
 * Multiaddrs are immutable and reference-counted; they may be shared between
 * threads. Two are equal when their binary forms are, however their text was
 * spelled. A multiaddr has at least one component, at most
 * %LP2P_MULTIADDR_MAX_COMPONENTS, and at most %LP2P_MULTIADDR_MAX_SIZE bytes.
 */
struct _Lp2pMultiaddr
{
  gatomicrefcount ref_count;
  guint16 len;
  guint16 n_components;
  /* Both made on first use and then kept; set atomically, since several threads
   * may be the first. */
  char *text;
  GBytes *bytes;
  guint8 data[];
};

G_STATIC_ASSERT (LP2P_MULTIADDR_MAX_SIZE <= G_MAXUINT16);

G_DEFINE_BOXED_TYPE (Lp2pMultiaddr, lp2p_multiaddr, lp2p_multiaddr_ref, lp2p_multiaddr_unref)

/* A multiaddr being put together. */
typedef struct
{
  GByteArray *data;
  guint n_components;
  gboolean complete; /* a path took the rest of the address: nothing may follow */
} Builder;

static void
builder_init (Builder *builder, Lp2pMultiaddr *start)
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

static void
builder_clear (Builder *builder)
{
  g_clear_pointer (&builder->data, g_byte_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Builder, builder_clear)

static Lp2pMultiaddr *
new_trusted (const guint8 *data, gsize len, guint n_components)
{
  Lp2pMultiaddr *self = g_malloc0 (sizeof (Lp2pMultiaddr) + len);

  g_atomic_ref_count_init (&self->ref_count);
  self->len = (guint16) len;
  self->n_components = (guint16) n_components;
  memcpy (self->data, data, len);
  return self;
}

static Lp2pMultiaddr *
builder_end (Builder *builder)
{
  return new_trusted (builder->data->data, builder->data->len, builder->n_components);
}

G_GNUC_PRINTF (5, 6)
static void
set_component_error (GError **error,
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
      g_set_error (error, LP2P_TYPES_ERROR, (int) code, "Component %u (%s) of multiaddr: %s",
                   index + 1, quoted, detail);
    }
  else
    g_set_error (error, LP2P_TYPES_ERROR, (int) code, "Component %u of multiaddr: %s", index + 1,
                 detail);
}

/* Appends one component with a value that was checked. */
static gboolean
builder_append (Builder *builder,
                const Lp2pProtocolInfo *info,
                const guint8 *value,
                gsize len,
                GError **error)
{
  if (builder->complete)
    {
      set_component_error (error, LP2P_TYPES_ERROR_INVALID_MULTIADDR, builder->n_components,
                           info->name, "nothing may follow a path");
      return FALSE;
    }
  if (builder->n_components == LP2P_MULTIADDR_MAX_COMPONENTS)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_MULTIADDR,
                   "Multiaddr has more than %d components", LP2P_MULTIADDR_MAX_COMPONENTS);
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
                   "Multiaddr has more than %d bytes", LP2P_MULTIADDR_MAX_SIZE);
      return FALSE;
    }
  return TRUE;
}

/* Reads the component at the start of *@text, which follows a slash, and moves
 * *@text behind it and the next slash; to NULL at the end. */
static gboolean
parse_component (Builder *builder, const char **text, GError **error)
{
  const char *name = *text;
  gsize name_len = strcspn (name, "/");
  const char *rest = name[name_len] == '/' ? name + name_len + 1 : NULL;
  const Lp2pProtocolInfo *info = lp2p_protocol_info_from_name (name, name_len);
  g_autofree char *value_text = NULL;
  g_autoptr (GByteArray) value = g_byte_array_new ();

  if (info == NULL)
    {
      g_autofree char *component = g_strdup_printf ("/%.*s", (int) name_len, name);
      set_component_error (error,
                           name_len > 0 ? LP2P_TYPES_ERROR_UNSUPPORTED
                                        : LP2P_TYPES_ERROR_INVALID_MULTIADDR,
                           builder->n_components, component,
                           name_len > 0 ? "unknown protocol" : "expected the name of a protocol");
      return FALSE;
    }

  if (info->size != 0)
    {
      if (rest == NULL)
        {
          g_autofree char *component = g_strdup_printf ("/%.*s", (int) name_len, name);
          set_component_error (error, LP2P_TYPES_ERROR_INVALID_MULTIADDR, builder->n_components,
                               component, "value is missing, expected %s", info->expected);
          return FALSE;
        }

      /* A path begins with the slash that ends the name. */
      value_text = info->path ? g_strdup (rest - 1) : g_strndup (rest, strcspn (rest, "/"));
      if (!info->parse (value_text, value))
        {
          g_autofree char *component = g_strdup_printf ("/%.*s%s%s", (int) name_len, name,
                                                        info->path ? "" : "/", value_text);
          set_component_error (error, LP2P_TYPES_ERROR_INVALID_MULTIADDR, builder->n_components,
                               component, "expected %s", info->expected);
          return FALSE;
        }
      rest = info->path ? NULL : strchr (rest, '/');
      if (rest != NULL)
        rest++;
    }

  *text = rest;
  return builder_append (builder, info, value->data, value->len, error);
}

/**
 * lp2p_multiaddr_new_from_string:
 * @text: the text of a multiaddr
 * @error: return location for a [error@Lp2p.TypesError]
 *
 * Reads the text form of a multiaddr. Slashes at the end are ignored, `ipfs` is
 * read as `p2p`, and a peer id may be base58 or a CID. An error says which
 * component is wrong, counted from 1, and what was expected.
 *
 * Returns: (transfer full): the multiaddr, or %NULL with
 *   %LP2P_TYPES_ERROR_INVALID_MULTIADDR, or %LP2P_TYPES_ERROR_UNSUPPORTED if a
 *   protocol is not known
 */
Lp2pMultiaddr *
lp2p_multiaddr_new_from_string (const char *text, GError **error)
{
  g_auto (Builder) builder = { NULL };
  g_autofree char *trimmed = NULL;
  const char *rest;
  gsize len;

  g_return_val_if_fail (text != NULL, NULL);

  builder_init (&builder, NULL);
  len = strlen (text);
  if (len > MAX_TEXT)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_MULTIADDR,
                   "Text of multiaddr has %" G_GSIZE_FORMAT " bytes, expected at most %d", len,
                   MAX_TEXT);
      return NULL;
    }
  if (text[0] != '/')
    {
      g_autofree char *quoted = lp2p_quote (text, len);
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_MULTIADDR,
                   "Multiaddr %s does not start with a slash", quoted);
      return NULL;
    }

  while (len > 0 && text[len - 1] == '/')
    len--;
  if (len == 0)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_MULTIADDR,
                   "Multiaddr has no components");
      return NULL;
    }

  trimmed = g_strndup (text, len);
  rest = trimmed + 1;
  while (rest != NULL)
    if (!parse_component (&builder, &rest, error))
      return NULL;
  return builder_end (&builder);
}

static gboolean
check_value (const Lp2pProtocolInfo *info, const guint8 *value, gsize len)
{
  if (info->size == LP2P_PROTOCOL_VARIABLE)
    return len > 0 && (info->check == NULL || info->check (value, len));
  return len == (gsize) info->size && (len == 0 || info->check == NULL || info->check (value, len));
}

/* Reads the next component without checking the value. */
static gboolean
read_component (Lp2pCursor *cursor,
                guint index,
                const Lp2pProtocolInfo **info,
                const guint8 **value,
                gsize *len,
                GError **error)
{
  guint64 code, size;

  if (!lp2p_cursor_read_varint (cursor, &code))
    {
      set_component_error (error, LP2P_TYPES_ERROR_INVALID_MULTIADDR, index, NULL,
                           "expected the code of a protocol");
      return FALSE;
    }
  *info = lp2p_protocol_info_from_code (code);
  if (*info == NULL)
    {
      set_component_error (error, LP2P_TYPES_ERROR_UNSUPPORTED, index, NULL,
                           "unknown protocol code 0x%" G_GINT64_MODIFIER "x", code);
      return FALSE;
    }

  if ((*info)->size != LP2P_PROTOCOL_VARIABLE)
    size = (guint64) (*info)->size;
  else if (!lp2p_cursor_read_varint (cursor, &size))
    {
      set_component_error (error, LP2P_TYPES_ERROR_INVALID_MULTIADDR, index, (*info)->name,
                           "expected the length of the value");
      return FALSE;
    }
  if (size > lp2p_cursor_left (cursor))
    {
      set_component_error (error, LP2P_TYPES_ERROR_INVALID_MULTIADDR, index, (*info)->name,
                           "expected a value of %" G_GUINT64_FORMAT " bytes, but only"
                           " %" G_GSIZE_FORMAT " are left",
                           size, lp2p_cursor_left (cursor));
      return FALSE;
    }
  *len = (gsize) size;
  return lp2p_cursor_read_bytes (cursor, *len, value);
}

/**
 * lp2p_multiaddr_new_from_bytes:
 * @data: (array length=len) (nullable): the binary form of a multiaddr
 * @len: its length in bytes
 * @error: return location for a [error@Lp2p.TypesError]
 *
 * Reads the binary form of a multiaddr, which must fill @data exactly. Every
 * value is checked, so that a multiaddr from the network always has a text.
 *
 * Returns: (transfer full): the multiaddr, or %NULL with
 *   %LP2P_TYPES_ERROR_INVALID_MULTIADDR, or %LP2P_TYPES_ERROR_UNSUPPORTED if a
 *   protocol is not known
 */
Lp2pMultiaddr *
lp2p_multiaddr_new_from_bytes (const guint8 *data, gsize len, GError **error)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, len);
  guint n_components = 0;
  gboolean complete = FALSE;

  g_return_val_if_fail (data != NULL || len == 0, NULL);

  if (len == 0 || len > LP2P_MULTIADDR_MAX_SIZE)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_MULTIADDR,
                   "Multiaddr has %" G_GSIZE_FORMAT " bytes, expected 1 to %d", len,
                   LP2P_MULTIADDR_MAX_SIZE);
      return NULL;
    }

  for (; !lp2p_cursor_at_end (&cursor); n_components++)
    {
      const Lp2pProtocolInfo *info;
      const guint8 *value;
      gsize value_len;

      if (n_components == LP2P_MULTIADDR_MAX_COMPONENTS)
        {
          g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_MULTIADDR,
                       "Multiaddr has more than %d components", LP2P_MULTIADDR_MAX_COMPONENTS);
          return NULL;
        }
      if (!read_component (&cursor, n_components, &info, &value, &value_len, error))
        return NULL;
      if (complete)
        {
          set_component_error (error, LP2P_TYPES_ERROR_INVALID_MULTIADDR, n_components, info->name,
                               "nothing may follow a path");
          return NULL;
        }
      if (!check_value (info, value, value_len))
        {
          set_component_error (error, LP2P_TYPES_ERROR_INVALID_MULTIADDR, n_components, info->name,
                               "expected %s", info->expected);
          return NULL;
        }
      complete = info->path;
    }
  return new_trusted (data, len, n_components);
}

/**
 * lp2p_multiaddr_ref:
 * @self: a multiaddr
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self
 */
Lp2pMultiaddr *
lp2p_multiaddr_ref (Lp2pMultiaddr *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

/**
 * lp2p_multiaddr_unref:
 * @self: (transfer full): a multiaddr
 *
 * Drops a reference, and the multiaddr with the last one.
 */
void
lp2p_multiaddr_unref (Lp2pMultiaddr *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_free (self->text);
  g_clear_pointer (&self->bytes, g_bytes_unref);
  g_free (self);
}

/* Reads the next component of an address that was checked. */
static gboolean
next_component (Lp2pCursor *cursor,
                const Lp2pProtocolInfo **info,
                const guint8 **value,
                gsize *len)
{
  return !lp2p_cursor_at_end (cursor) && read_component (cursor, 0, info, value, len, NULL);
}

static char *
format (Lp2pMultiaddr *self)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (self->data, self->len);
  GString *text = g_string_sized_new (64);
  const Lp2pProtocolInfo *info;
  const guint8 *value;
  gsize len;

  while (next_component (&cursor, &info, &value, &len))
    {
      g_string_append_c (text, '/');
      g_string_append (text, info->name);
      if (info->size == 0)
        continue;
      if (!info->path)
        g_string_append_c (text, '/');
      info->format (value, len, text);
    }
  return g_string_free (text, FALSE);
}

/**
 * lp2p_multiaddr_get_string:
 * @self: a multiaddr
 *
 * Gets the canonical text: IPv6 addresses as in RFC 5952, peer ids in base58,
 * certificate hashes in multibase base64url, paths percent-encoded. It is made
 * on the first call and kept.
 *
 * Returns: (transfer none): the text
 */
const char *
lp2p_multiaddr_get_string (Lp2pMultiaddr *self)
{
  char *text;

  g_return_val_if_fail (self != NULL, NULL);

  text = g_atomic_pointer_get (&self->text);
  if (text == NULL)
    {
      text = format (self);
      if (!g_atomic_pointer_compare_and_exchange (&self->text, NULL, text))
        {
          g_free (text);
          text = g_atomic_pointer_get (&self->text);
        }
    }
  return text;
}

/**
 * lp2p_multiaddr_get_bytes:
 * @self: a multiaddr
 *
 * Gets the binary form. It is made on the first call and kept;
 * [method@Lp2p.Multiaddr.get_data] costs nothing.
 *
 * Returns: (transfer none): the bytes
 */
GBytes *
lp2p_multiaddr_get_bytes (Lp2pMultiaddr *self)
{
  GBytes *bytes;

  g_return_val_if_fail (self != NULL, NULL);

  bytes = g_atomic_pointer_get (&self->bytes);
  if (bytes == NULL)
    {
      bytes = g_bytes_new (self->data, self->len);
      if (!g_atomic_pointer_compare_and_exchange (&self->bytes, NULL, bytes))
        {
          g_bytes_unref (bytes);
          bytes = g_atomic_pointer_get (&self->bytes);
        }
    }
  return bytes;
}

/**
 * lp2p_multiaddr_get_data:
 * @self: a multiaddr
 * @len: (out): return location for the length in bytes
 *
 * Gets the binary form.
 *
 * Returns: (transfer none) (array length=len): the bytes, valid as long as @self
 */
const guint8 *
lp2p_multiaddr_get_data (Lp2pMultiaddr *self, gsize *len)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (len != NULL, NULL);

  *len = self->len;
  return self->data;
}

/**
 * lp2p_multiaddr_equal:
 * @a: (type Lp2pMultiaddr): a multiaddr
 * @b: (type Lp2pMultiaddr): another one
 *
 * Compares two multiaddrs; fit to be a #GEqualFunc.
 *
 * Returns: whether they are the same address
 */
gboolean
lp2p_multiaddr_equal (gconstpointer a, gconstpointer b)
{
  const Lp2pMultiaddr *first = a;
  const Lp2pMultiaddr *second = b;

  g_return_val_if_fail (first != NULL, FALSE);
  g_return_val_if_fail (second != NULL, FALSE);

  return first == second ||
         (first->len == second->len && memcmp (first->data, second->data, first->len) == 0);
}

/**
 * lp2p_multiaddr_hash:
 * @self: (type Lp2pMultiaddr): a multiaddr
 *
 * Hashes a multiaddr; fit to be a #GHashFunc.
 *
 * Returns: the hash value
 */
guint
lp2p_multiaddr_hash (gconstpointer self)
{
  const Lp2pMultiaddr *address = self;
  guint32 hash = 2166136261u;

  g_return_val_if_fail (address != NULL, 0);

  /* FNV-1a. */
  for (gsize i = 0; i < address->len; i++)
    hash = (hash ^ address->data[i]) * 16777619u;
  return hash;
}

/**
 * lp2p_multiaddr_compare:
 * @a: (type Lp2pMultiaddr): a multiaddr
 * @b: (type Lp2pMultiaddr): another one
 *
 * Orders multiaddrs by their binary form; fit to be a #GCompareFunc.
 *
 * Returns: a number less than, equal to or greater than zero
 */
int
lp2p_multiaddr_compare (gconstpointer a, gconstpointer b)
{
  const Lp2pMultiaddr *first = a;
  const Lp2pMultiaddr *second = b;
  int order;

  g_return_val_if_fail (first != NULL, 0);
  g_return_val_if_fail (second != NULL, 0);

  order = memcmp (first->data, second->data, MIN (first->len, second->len));
  return order != 0 ? order : (int) first->len - (int) second->len;
}

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

  for (guint i = 0; next_component (&cursor, info, value, len); i++)
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
  for (guint i = 0; next_component (&cursor, &info, &value, &len); i++)
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
      next_component (&cursor, &info, &value, &len);
    }
  return new_trusted (self->data + start, self->len - lp2p_cursor_left (&cursor) - start,
                      to - from);
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
  g_auto (Builder) builder = { NULL };

  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (other != NULL, NULL);

  builder_init (&builder, self);
  if (builder.complete || self->len + other->len > LP2P_MULTIADDR_MAX_SIZE ||
      self->n_components + other->n_components > LP2P_MULTIADDR_MAX_COMPONENTS)
    return NULL;

  g_byte_array_append (builder.data, other->data, other->len);
  builder.n_components += other->n_components;
  return builder_end (&builder);
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
  g_auto (Builder) builder = { NULL };

  g_return_val_if_fail (value != NULL || len == 0, NULL);

  builder_init (&builder, self);
  if (info == NULL)
    {
      set_component_error (error, LP2P_TYPES_ERROR_UNSUPPORTED, builder.n_components, NULL,
                           "unknown protocol code 0x%x", (guint) protocol);
      return NULL;
    }
  if (len > LP2P_MULTIADDR_MAX_SIZE || !check_value (info, value, len))
    {
      set_component_error (error, LP2P_TYPES_ERROR_INVALID_MULTIADDR, builder.n_components,
                           info->name, "expected %s",
                           info->size != 0 ? info->expected : "no value");
      return NULL;
    }
  if (!builder_append (&builder, info, value, len, error))
    return NULL;
  return builder_end (&builder);
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
