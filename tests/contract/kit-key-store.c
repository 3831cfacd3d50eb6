/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the test kit asks of every key store, of the one of files and those that were
 * built. */

#include "lp2p-test.h"
#include "secret-service.h"
#include "test-context.h"

/* One for all tests of a process, which connects to a bus once. */
static TestSecretService *service;

static gboolean
prepare_service (void)
{
  if (!test_secret_service_is_possible (TRUE))
    return FALSE;
  if (service == NULL)
    service = test_secret_service_new (TRUE);
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_auto (GStrv) names = NULL;
  int status;

  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  lp2p_test_add_key_store (LP2P_KEY_STORE_FILE, NULL);
  names = test_list_plugins ("key-store");
  for (guint i = 0; names[i] != NULL; i++)
    lp2p_test_add_key_store (names[i], g_str_equal (names[i], "secret") ? prepare_service : NULL);
  status = g_test_run ();
  g_clear_pointer (&service, test_secret_service_free);
  return status;
}
