/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which identity a configuration stands for. What key stores do is in tests/contract. */

#include "key-store-calls.h"
#include "test-log.h"

#include <lp2p/host/lp2p-key-stores.h>
#include <lp2p/host/lp2p-file-key-store.h>
#include <lp2p/lp2p.h>

#include <string.h>

static Lp2pConfig *
make_config (const char *text)
{
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  g_autoptr (GError) error = NULL;

  lp2p_config_load_data (config, text, strlen (text), "test", &error);
  g_assert_no_error (error);
  return g_steal_pointer (&config);
}

static Lp2pIdentity *
load (Lp2pConfig *config, const char *name, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  lp2p_key_stores_load_async (config, name, NULL, test_key_store_take, &result);
  test_key_store_wait (&result);
  return lp2p_key_stores_load_finish (result, error);
}

/* Saves a new key in the store of files. */
static Lp2pIdentity *
save_file (Lp2pFileKeyStore *store, const char *name)
{
  g_autoptr (GError) error = NULL;
  Lp2pIdentity *identity = test_key_new ();

  test_key_store_save (LP2P_KEY_STORE (store), name, identity, &error);
  g_assert_no_error (error);
  return identity;
}

static void
test_none (void)
{
  g_autoptr (Lp2pConfig) config = make_config ("[host]\nkey-store='secret'\n");
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pIdentity) first = load (config, NULL, &error);
  g_autoptr (Lp2pIdentity) second = load (config, NULL, &error);

  g_assert_no_error (error);
  g_assert_false (lp2p_peer_id_equal (lp2p_identity_get_peer_id (first), lp2p_identity_get_peer_id (second)));
}

static void
test_file (void)
{
  g_autoptr (Lp2pFileKeyStore) store = lp2p_file_key_store_new (NULL);
  g_autoptr (Lp2pIdentity) kept = save_file (store, "kept");
  g_autoptr (Lp2pIdentity) other = save_file (store, "other");
  g_autoptr (Lp2pConfig) by_name = make_config ("[host]\nidentity='kept'\n");
  g_autofree char *path = lp2p_file_key_store_dup_path (store, "other");
  g_autofree char *text = g_strdup_printf ("[host]\nidentity='%s'\n", path);
  g_autoptr (Lp2pConfig) by_path = make_config (text);
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pIdentity) named = load (by_name, NULL, &error);
  g_autoptr (Lp2pIdentity) at_path = load (by_path, NULL, &error);
  g_autoptr (Lp2pIdentity) asked_for = load (by_path, "kept", &error);

  g_assert_no_error (error);
  test_assert_same_key (named, kept);
  test_assert_same_key (at_path, other);
  test_assert_same_key (asked_for, kept);
  g_assert_null (load (by_name, "absent", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

static void
assert_fails (const char *text, GQuark domain, int code, const char *word)
{
  g_autoptr (Lp2pConfig) config = make_config (text);
  g_autoptr (GError) error = NULL;

  g_assert_null (load (config, NULL, &error));
  g_assert_error (error, domain, code);
  g_assert_nonnull (strstr (error->message, word));
}

static void
test_wrong (void)
{
  assert_fails ("[host]\nkey-store='secret'\nidentity='/some/where.key'\n", G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                "/some/where.key");
  assert_fails ("[host]\nidentity='.hidden'\n", G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, ".hidden");
  assert_fails ("[host]\nkey-store='absent'\nidentity='a'\n", LP2P_ERROR, LP2P_ERROR_PLUGIN, "absent");
  /* A service is no key store. */
  assert_fails ("[host]\nkey-store='ping'\nidentity='a'\n", LP2P_ERROR, LP2P_ERROR_PLUGIN, "ping");
}

/* There is no bus here. */
static void
test_fallback (void)
{
  g_autoptr (Lp2pConfig) config = make_config ("[host]\nkey-store='secret'\nkey-store-fallback='file'\nidentity='a'\n");
  g_autoptr (Lp2pRegistry) registry = lp2p_registry_new (config);
  g_autoptr (Lp2pFileKeyStore) store = lp2p_file_key_store_new (NULL);
  g_autoptr (Lp2pIdentity) kept = save_file (store, "a");
  g_autoptr (Lp2pIdentity) loaded = NULL;
  g_autoptr (GError) error = NULL;
  const TestLogRecord *warning;

  test_log_clear ();
  lp2p_registry_scan (registry);
  if (lp2p_registry_find (registry, "secret") == NULL)
    {
      g_test_skip ("the key store secret is not built");
      return;
    }
  assert_fails ("[host]\nkey-store='secret'\nidentity='a'\n", G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED, "Secret Service");
  g_assert_null (test_log_find ("is taken from"));
  loaded = load (config, NULL, &error);
  g_assert_no_error (error);
  warning = test_log_find ("the identity a is taken from the key store file");
  g_assert_nonnull (warning);
  g_assert_cmpint (warning->level, ==, G_LOG_LEVEL_WARNING);
  test_assert_same_key (loaded, kept);
}

/* The fallback is for a store that cannot be reached, not for a key that is not there. */
static void
test_no_fallback (void)
{
  assert_fails ("[host]\nkey-store-fallback='absent'\nidentity='absent'\n", G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "absent");
}

static void
test_cancelled (void)
{
  g_autoptr (Lp2pConfig) config = make_config ("[host]\nidentity='a'\n");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancellable);
  lp2p_key_stores_load_async (config, NULL, cancellable, test_key_store_take, &result);
  test_key_store_wait (&result);
  g_assert_null (lp2p_key_stores_load_finish (result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_names (void)
{
  g_autoptr (Lp2pConfig) plain = make_config ("");
  g_autoptr (Lp2pConfig) many =
      make_config ("[host]\nkey-stores=['file', 'one']\nkey-store='two'\nkey-store-fallback='one'\n");
  g_auto (GStrv) plain_names = lp2p_key_stores_dup_names (plain);
  g_auto (GStrv) many_names = lp2p_key_stores_dup_names (many);

  g_assert_cmpstrv (plain_names, ((const char *const[]){ "file", NULL }));
  g_assert_cmpstrv (many_names, ((const char *const[]){ "file", "one", "two", NULL }));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  test_log_install ();
  g_setenv ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus", TRUE);
  g_test_add_func ("/identity/none", test_none);
  g_test_add_func ("/identity/file", test_file);
  g_test_add_func ("/identity/wrong", test_wrong);
  g_test_add_func ("/identity/fallback", test_fallback);
  g_test_add_func ("/identity/no-fallback", test_no_fallback);
  g_test_add_func ("/identity/cancelled", test_cancelled);
  g_test_add_func ("/identity/names", test_names);
  return g_test_run ();
}
