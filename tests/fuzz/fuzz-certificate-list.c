/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "codec/lp2p-tls-extension-private.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* The first byte says whether it is a chain of web servers. */
int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;

  if (size > 0)
    {
      gboolean good = lp2p_tls_check_list (data + 1, size - 1, data[0] & 1, &error);

      g_assert (good == (error == NULL));
    }
  return 0;
}
