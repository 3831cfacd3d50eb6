/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a peer of lp2p forward may ask for, as it comes: as many bytes as are said to be
 * missing make it complete, or tell that it is no request. */

#include "tools/forward/lp2p-forward-request-private.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  gsize end = 0;
  gssize missing;

  do
    {
      Lp2pCursor cursor = LP2P_CURSOR_INIT (data, end);
      g_autoptr (GError) error = NULL;
      const char *name = NULL;
      gsize length = 0;

      missing = tool_forward_read_request (&cursor, &name, &length, &error);
      g_assert ((missing < 0) == (error != NULL));
      g_assert ((missing == 0) == (name != NULL));
      if (missing == 0)
        {
          g_assert (tool_forward_check_name (name, length));
          g_assert (end == 1 + length);
        }
      g_assert (missing <= TOOL_FORWARD_MAX_NAME);
      end += (gsize) MAX (missing, 0);
    }
  while (missing > 0 && end <= size);
  return 0;
}
