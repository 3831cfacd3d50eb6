/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Addresses in the TXT records of the domain name system. */

#include "codec/lp2p-dnsaddr-private.h"
#include "types/lp2p-i18n-private.h"

#include <lp2p/codec/lp2p-codec-error.h>
#include <lp2p/types/lp2p-cursor.h>
#include <lp2p/types/lp2p-quote.h>

#include <string.h>

#define TYPE_TXT 16
#define CLASS_IN 1
/* The two upper bits of a length say that the rest of the name stands elsewhere
 * in the message. */
#define POINTER 0xc0

#define PREFIX "dnsaddr="

/* Whose record it is does not matter: a chain of aliases leads to it. So no pointer
 * has to be followed. */
static gboolean
skip_name (Lp2pCursor *cursor)
{
  guint8 length;

  while (lp2p_cursor_read_u8 (cursor, &length) && length != 0)
    {
      if ((length & POINTER) == POINTER)
        return lp2p_cursor_skip (cursor, 1);
      if ((length & POINTER) != 0 || !lp2p_cursor_skip (cursor, length))
        return FALSE;
    }
  return !cursor->failed;
}

/* The strings of a record are one text that was too long for one of them.
 *
 * Returns: (transfer full) (nullable): the text, %NULL when it breaks off */
static GString *
read_strings (Lp2pCursor *cursor)
{
  g_autoptr (GString) text = g_string_new (NULL);

  while (!lp2p_cursor_at_end (cursor))
    {
      const guint8 *bytes;
      guint8 length;

      if (!lp2p_cursor_read_u8 (cursor, &length) || !lp2p_cursor_read_bytes (cursor, length, &bytes))
        return NULL;
      g_string_append_len (text, (const char *) bytes, length);
    }
  return g_steal_pointer (&text);
}

static gboolean
read_record (Lp2pCursor *cursor, GPtrArray *records)
{
  guint16 type, class, length;
  const guint8 *bytes;
  Lp2pCursor data;
  GString *text;

  if (!skip_name (cursor) || !lp2p_cursor_read_u16be (cursor, &type) ||
      !lp2p_cursor_read_u16be (cursor, &class) || !lp2p_cursor_skip (cursor, 4) ||
      !lp2p_cursor_read_u16be (cursor, &length) || !lp2p_cursor_read_bytes (cursor, length, &bytes))
    return FALSE;
  if (type != TYPE_TXT || class != CLASS_IN)
    return TRUE;

  lp2p_cursor_init (&data, bytes, length);
  text = read_strings (&data);
  if (text == NULL)
    return FALSE;
  /* Anything may be in a record; what is no text is not meant for us. */
  if (g_utf8_validate_len (text->str, text->len, NULL))
    g_ptr_array_add (records, g_string_free (text, FALSE));
  else
    g_string_free (text, TRUE);
  return TRUE;
}

/*
 * lp2p_dns_read_txt:
 * @data: (array length=len): an answer as RFC 1035 has it
 * @len: its length in bytes
 * @error: return location for %LP2P_CODEC_ERROR_PROTOCOL
 *
 * Reads the TXT records of an answer, the strings of each put together. Those
 * that are not UTF-8 are left out.
 *
 * Returns: (transfer container) (element-type utf8): the records, or %NULL when the
 *   message is malformed
 */
GPtrArray *
lp2p_dns_read_txt (const guint8 *data, gsize len, GError **error)
{
  g_autoptr (GPtrArray) records = g_ptr_array_new_with_free_func (g_free);
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, len);
  guint16 n_questions = 0, n_answers = 0;
  gboolean valid;

  /* An id and flags are in front of the counts, two more counts behind them. */
  lp2p_cursor_skip (&cursor, 4);
  lp2p_cursor_read_u16be (&cursor, &n_questions);
  lp2p_cursor_read_u16be (&cursor, &n_answers);
  valid = lp2p_cursor_skip (&cursor, 4);
  for (guint i = 0; valid && i < n_questions; i++)
    valid = skip_name (&cursor) && lp2p_cursor_skip (&cursor, 4);
  for (guint i = 0; valid && i < n_answers; i++)
    valid = read_record (&cursor, records);
  if (valid)
    return g_steal_pointer (&records);

  g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_PROTOCOL,
               _("DNS answer of %zu bytes is malformed"), len);
  return NULL;
}

/*
 * lp2p_dnsaddr_parse:
 * @record: the text of a TXT record
 * @error: return location for a [error@Lp2p.TypesError] or %LP2P_CODEC_ERROR_PROTOCOL
 *
 * Reads a TXT record of a domain that `/dnsaddr` names. An address that leads
 * into this machine whatever its network is, `/unix` or `/memory`, is not for the
 * domain name system to give.
 *
 * Returns: (transfer full): the address, or %NULL with why it cannot be used
 */
Lp2pMultiaddr *
lp2p_dnsaddr_parse (const char *record, GError **error)
{
  g_autoptr (Lp2pMultiaddr) address = NULL;

  if (!g_str_has_prefix (record, PREFIX))
    {
      g_autofree char *quoted = lp2p_quote (record, strlen (record));

      g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_PROTOCOL,
                   _("%s does not begin with %s"), quoted, PREFIX);
      return NULL;
    }
  address = lp2p_multiaddr_new_from_string (record + strlen (PREFIX), error);
  if (address == NULL)
    return NULL;
  if (lp2p_multiaddr_find (address, LP2P_PROTOCOL_UNIX, 0) >= 0 ||
      lp2p_multiaddr_find (address, LP2P_PROTOCOL_MEMORY, 0) >= 0)
    {
      g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_PROTOCOL,
                   _("%s is an address within this machine"), lp2p_multiaddr_get_string (address));
      return NULL;
    }
  return g_steal_pointer (&address);
}

/*
 * lp2p_dnsaddr_matches:
 * @address: what a record says
 * @suffix: (nullable): what stands behind the name of the domain
 *
 * Tells whether an address is one of those that were asked for.
 *
 * Returns: whether it ends with @suffix, and is more than that
 */
gboolean
lp2p_dnsaddr_matches (Lp2pMultiaddr *address, Lp2pMultiaddr *suffix)
{
  g_autoptr (Lp2pMultiaddr) end = NULL;
  guint n, n_suffix;

  if (suffix == NULL)
    return TRUE;
  n = lp2p_multiaddr_get_n_components (address);
  n_suffix = lp2p_multiaddr_get_n_components (suffix);
  if (n <= n_suffix)
    return FALSE;
  end = lp2p_multiaddr_slice (address, n - n_suffix, G_MAXUINT);
  return lp2p_multiaddr_equal (end, suffix);
}
