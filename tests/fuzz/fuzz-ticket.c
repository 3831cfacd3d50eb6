/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/types/lp2p-ticket.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pTicket) ticket = lp2p_ticket_open (text, 1700000000, &error);

  g_assert ((ticket == NULL) == (error != NULL));
  if (ticket != NULL)
    g_assert (lp2p_ticket_get_expires (ticket) > 1700000000);
  return 0;
}
