/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/types/lp2p-quote.h>

#define MAX_QUOTED 64

/**
 * lp2p_quote: (skip)
 * @text: (array length=len): any bytes
 * @len: how many there are
 *
 * Makes foreign text fit to be part of a message: in quotes, shortened, with
 * escapes for what is not printable UTF-8.
 *
 * Returns: (transfer full): the quoted text
 *
 * Since: 1.0
 */
char *
lp2p_quote (const char *text, gsize len)
{
  GString *quoted = g_string_new ("\"");
  gsize i = 0;

  while (i < len && i < MAX_QUOTED)
    {
      gunichar c = g_utf8_get_char_validated (text + i, (gssize) (len - i));
      gsize step = 1;

      if (c != (gunichar) -1 && c != (gunichar) -2 && g_unichar_isprint (c))
        {
          step = (gsize) g_unichar_to_utf8 (c, NULL);
          g_string_append_len (quoted, text + i, (gssize) step);
        }
      else
        g_string_append_printf (quoted, "\\x%02x", (guint8) text[i]);
      i += step;
    }
  if (i < len)
    g_string_append (quoted, "...");
  g_string_append_c (quoted, '"');
  return g_string_free (quoted, FALSE);
}
