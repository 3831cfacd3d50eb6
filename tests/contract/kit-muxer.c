/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the test kit asks of every muxer, of those that were built. */

#include "lp2p-test.h"
#include "test-context.h"

int
main (int argc, char **argv)
{
  g_auto (GStrv) names = NULL;

  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  names = test_list_plugins ("muxer");
  for (guint i = 0; names[i] != NULL; i++)
    lp2p_test_add_muxer (names[i]);
  return g_test_run ();
}
