/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads the input once as an answer with TXT records, and once as the text of one. */

#include "codec/lp2p-dnsaddr-private.h"

#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
check_record (const char *record)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pMultiaddr) address = lp2p_dnsaddr_parse (record, &error);
  g_autoptr (Lp2pMultiaddr) last = NULL;
  guint n;

  g_assert_true ((address == NULL) == (error != NULL));
  if (address == NULL)
    {
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      return;
    }
  g_assert_true (g_str_has_prefix (record, "dnsaddr=/"));
  g_assert_cmpint (lp2p_multiaddr_find (address, LP2P_PROTOCOL_UNIX, 0), <, 0);
  g_assert_false (lp2p_dnsaddr_matches (address, address));
  n = lp2p_multiaddr_get_n_components (address);
  last = lp2p_multiaddr_slice (address, n - 1, G_MAXUINT);
  g_assert_true (lp2p_dnsaddr_matches (address, last) == (n > 1));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) records = lp2p_dns_read_txt (data, size, &error);
  g_autofree char *text = g_strndup ((const char *) data, size);

  g_assert_true ((records == NULL) == (error != NULL));
  for (guint i = 0; records != NULL && i < records->len; i++)
    {
      g_assert_true (g_utf8_validate (records->pdata[i], -1, NULL));
      check_record (records->pdata[i]);
    }
  check_record (text);
  return 0;
}
