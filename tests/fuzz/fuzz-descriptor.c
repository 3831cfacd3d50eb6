/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "plugin/lp2p-descriptor-private.h"

#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (Lp2pDescriptor) descriptor =
      lp2p_descriptor_new_for_data ("/x/x.plugin", (const char *) data, size);
  g_autofree char *module = lp2p_descriptor_dup_module_file (descriptor);

  if (lp2p_descriptor_get_error (descriptor) != NULL)
    {
      if (!g_utf8_validate (lp2p_descriptor_get_error (descriptor)->message, -1, NULL))
        g_error ("The message is not UTF-8");
      return 0;
    }
  if (!g_str_has_prefix (module, "/x/") || strchr (module + 3, '/') != NULL)
    g_error ("Out of the folder: %s", module);
  return 0;
}
