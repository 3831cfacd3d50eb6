/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "types/lp2p-i18n-private.h"
#include "types/lp2p-multiaddr-private.h"

#include <lp2p/types/lp2p-quote.h>

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
G_DEFINE_BOXED_TYPE (Lp2pMultiaddr, lp2p_multiaddr, lp2p_multiaddr_ref, lp2p_multiaddr_unref)

/* Reads the component at the start of *@text, which follows a slash, and moves
 * *@text behind it and the next slash; to NULL at the end. */
static gboolean
parse_component (Lp2pMultiaddrBuilder *builder, const char **text, GError **error)
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
      lp2p_multiaddr_set_error (
          error, name_len > 0 ? LP2P_TYPES_ERROR_UNSUPPORTED : LP2P_TYPES_ERROR_INVALID_MULTIADDR,
          builder->n_components, component,
          name_len > 0 ? _("unknown protocol") : _("expected the name of a protocol"));
      return FALSE;
    }

  if (info->size != 0)
    {
      if (rest == NULL)
        {
          g_autofree char *component = g_strdup_printf ("/%.*s", (int) name_len, name);
          lp2p_multiaddr_set_error (error, LP2P_TYPES_ERROR_INVALID_MULTIADDR,
                                    builder->n_components, component,
                                    _("value is missing, expected %s"), _(info->expected));
          return FALSE;
        }

      /* A path begins with the slash that ends the name. */
      value_text = info->path ? g_strdup (rest - 1) : g_strndup (rest, strcspn (rest, "/"));
      if (!info->parse (value_text, value))
        {
          g_autofree char *component = g_strdup_printf ("/%.*s%s%s", (int) name_len, name,
                                                        info->path ? "" : "/", value_text);
          lp2p_multiaddr_set_error (error, LP2P_TYPES_ERROR_INVALID_MULTIADDR,
                                    builder->n_components, component, _("expected %s"),
                                    _(info->expected));
          return FALSE;
        }
      rest = info->path ? NULL : strchr (rest, '/');
      if (rest != NULL)
        rest++;
    }

  *text = rest;
  return lp2p_multiaddr_builder_append (builder, info, value->data, value->len, error);
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
  g_auto (Lp2pMultiaddrBuilder) builder = { NULL };
  g_autofree char *trimmed = NULL;
  const char *rest;
  gsize len;

  g_return_val_if_fail (text != NULL, NULL);

  lp2p_multiaddr_builder_init (&builder, NULL);
  len = strlen (text);
  if (len > MAX_TEXT)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_MULTIADDR,
                   _("Text of multiaddr has %zu bytes, expected at most %d"), len,
                   MAX_TEXT);
      return NULL;
    }
  if (text[0] != '/')
    {
      g_autofree char *quoted = lp2p_quote (text, len);
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_MULTIADDR,
                   _("Multiaddr %s does not start with a slash"), quoted);
      return NULL;
    }

  while (len > 0 && text[len - 1] == '/')
    len--;
  if (len == 0)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_MULTIADDR,
                   _("Multiaddr has no components"));
      return NULL;
    }

  trimmed = g_strndup (text, len);
  rest = trimmed + 1;
  while (rest != NULL)
    if (!parse_component (&builder, &rest, error))
      return NULL;
  return lp2p_multiaddr_builder_end (&builder);
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
                   _("Multiaddr has %zu bytes, expected 1 to %d"), len,
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
                       _("Multiaddr has more than %d components"), LP2P_MULTIADDR_MAX_COMPONENTS);
          return NULL;
        }
      if (!lp2p_multiaddr_read_component (&cursor, n_components, &info, &value, &value_len, error))
        return NULL;
      if (complete)
        {
          lp2p_multiaddr_set_error (error, LP2P_TYPES_ERROR_INVALID_MULTIADDR, n_components,
                                    info->name, _("nothing may follow a path"));
          return NULL;
        }
      if (!lp2p_protocol_info_check (info, value, value_len))
        {
          lp2p_multiaddr_set_error (error, LP2P_TYPES_ERROR_INVALID_MULTIADDR, n_components,
                                    info->name, _("expected %s"), _(info->expected));
          return NULL;
        }
      complete = info->path;
    }
  return lp2p_multiaddr_new_trusted (data, len, n_components);
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

static char *
format (Lp2pMultiaddr *self)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (self->data, self->len);
  GString *text = g_string_sized_new (64);
  const Lp2pProtocolInfo *info;
  const guint8 *value;
  gsize len;

  while (lp2p_multiaddr_next_component (&cursor, &info, &value, &len))
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
