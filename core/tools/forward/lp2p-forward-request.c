/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/forward/lp2p-forward-request-private.h"

#include "types/lp2p-i18n-private.h"

/**
 * tool_forward_check_name:
 * @name: (array length=size): what may be the name of a service
 * @size: its size
 *
 * Returns: whether it is one: 1 to 64 letters, digits, dots, hyphens and
 *   underscores, the first one a letter or digit
 */
gboolean
tool_forward_check_name (const char *name, gsize size)
{
  if (size == 0 || size > TOOL_FORWARD_MAX_NAME || !g_ascii_isalnum (name[0]))
    return FALSE;
  for (gsize i = 1; i < size; i++)
    if (!g_ascii_isalnum (name[i]) && name[i] != '.' && name[i] != '-' && name[i] != '_')
      return FALSE;
  return TRUE;
}

/**
 * tool_forward_read_request:
 * @cursor: what has come of a request, from its beginning
 * @name: (out): the name of a service, borrowed
 * @size: (out): its size
 * @error: return location for an error
 *
 * Returns: 0 when the request is complete, how many bytes of it are missing at least, or
 *   -1 if it is none
 */
gssize
tool_forward_read_request (Lp2pCursor *cursor, const char **name, gsize *size, GError **error)
{
  const guint8 *bytes;
  guint8 length;

  if (!lp2p_cursor_read_u8 (cursor, &length))
    return 1;
  if (length > 0 && length <= TOOL_FORWARD_MAX_NAME && lp2p_cursor_left (cursor) < length)
    return (gssize) (length - lp2p_cursor_left (cursor));
  if (lp2p_cursor_read_bytes (cursor, length, &bytes) && tool_forward_check_name ((const char *) bytes, length))
    {
      *name = (const char *) bytes;
      *size = length;
      return 0;
    }
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
               _("a request without the name of a service, expected its size, 1 to %d, and the name"),
               TOOL_FORWARD_MAX_NAME);
  return -1;
}
