/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the test kit asks of every transport, of those that were built. */

#include "test-context.h"
#include "transport-table.h"

int
main (int argc, char **argv)
{
  g_auto (GStrv) names = NULL;

  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  names = test_list_plugins ("transport");
  for (guint i = 0; i < n_transport_cases; i++)
    if (g_strv_contains ((const char *const *) names, transport_cases[i].plugin))
      lp2p_test_add_transport (&transport_cases[i]);
  return g_test_run ();
}
