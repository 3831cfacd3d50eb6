/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What every key store does, run over the one of files and all that are loaded. */

#include "key-store-calls.h"
#include "secret-service.h"

#include <lp2p/host/lp2p-key-stores.h>
#include <lp2p/lp2p.h>

#include <string.h>

/* The name of the store that a case is about, and what it needs to be there. */
typedef struct
{
  const char *name;
  gboolean needs_service;
} Kind;

static const Kind kinds[] = {
  { LP2P_KEY_STORE_FILE, FALSE },
  { "secret", TRUE },
};

/* One for all cases of a process, which connects to a bus once. */
static TestSecretService *service;

typedef struct
{
  Lp2pConfig *config;
  Lp2pKeyStore *store;
} Fixture;

static Lp2pKeyStore *
open_store (Fixture *self, const Kind *kind)
{
  g_autoptr (GError) error = NULL;
  Lp2pKeyStore *store = lp2p_key_stores_open (self->config, kind->name, &error);

  g_assert_no_error (error);
  return store;
}

static gboolean
is_installed (Lp2pConfig *config, const char *name)
{
  g_autoptr (Lp2pRegistry) registry = lp2p_registry_new (config);

  lp2p_registry_scan (registry);
  return g_str_equal (name, LP2P_KEY_STORE_FILE) || lp2p_registry_find (registry, name) != NULL;
}

/* What an earlier case left in a store that all share goes first. */
static void
empty (Lp2pKeyStore *store)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) keys = test_key_store_list (store, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < keys->len; i++)
    {
      test_key_store_remove (store, lp2p_key_info_get_name (g_ptr_array_index (keys, i)), &error);
      g_assert_no_error (error);
    }
}

static void
setup (Fixture *self, gconstpointer data)
{
  const Kind *kind = data;

  self->config = lp2p_config_new ();
  if (!is_installed (self->config, kind->name))
    {
      g_test_skip ("it is not built");
      return;
    }
  if (kind->needs_service && !test_secret_service_is_possible (TRUE))
    return;
  if (kind->needs_service && service == NULL)
    service = test_secret_service_new (TRUE);
  self->store = open_store (self, kind);
  empty (self->store);
}

static void
teardown (Fixture *self, gconstpointer data)
{
  if (self->store != NULL)
    g_assert_finalize_object (self->store);
  g_assert_finalize_object (self->config);
}

static void
save (Lp2pKeyStore *store, const char *name, Lp2pIdentity *identity)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (test_key_store_save (store, name, identity, &error));
  g_assert_no_error (error);
}

static void
assert_kept (Lp2pKeyStore *store, const char *name, Lp2pIdentity *identity)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pIdentity) loaded = test_key_store_load (store, name, &error);

  g_assert_no_error (error);
  test_assert_same_key (loaded, identity);
}

static void
test_types (Fixture *self, gconstpointer data)
{
  static const Lp2pKeyType types[] = { LP2P_KEY_TYPE_ED25519, LP2P_KEY_TYPE_SECP256K1, LP2P_KEY_TYPE_ECDSA,
                                       LP2P_KEY_TYPE_RSA };

  if (self->store == NULL)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      const char *name = lp2p_key_type_to_string (types[i]);
      g_autoptr (Lp2pIdentity) identity = lp2p_identity_generate (types[i], NULL);

      save (self->store, name, identity);
      assert_kept (self->store, name, identity);
    }
}

/* Another instance, as another program would have, sees the same. */
static void
test_shared (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pIdentity) identity = test_key_new ();
  g_autoptr (Lp2pKeyStore) other = NULL;
  g_autoptr (GError) error = NULL;

  if (self->store == NULL)
    return;
  other = open_store (self, data);
  save (self->store, "shared", identity);
  assert_kept (other, "shared", identity);
  g_assert_true (test_key_store_remove (other, "shared", &error));
  g_assert_null (test_key_store_load (self->store, "shared", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

static void
test_absent (Fixture *self, gconstpointer data)
{
  GError *error = NULL;

  if (self->store == NULL)
    return;
  g_assert_null (test_key_store_load (self->store, "absent", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "absent"));
  g_clear_error (&error);
  g_assert_false (test_key_store_remove (self->store, "absent", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "absent"));
  g_clear_error (&error);
}

static void
test_no_replacing (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pIdentity) identity = test_key_new ();
  g_autoptr (Lp2pIdentity) other = test_key_new ();
  GError *error = NULL;

  if (self->store == NULL)
    return;
  save (self->store, "kept", identity);
  for (guint i = 0; i < 2; i++)
    {
      g_assert_false (test_key_store_save (self->store, "kept", i == 0 ? other : identity, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS);
      g_clear_error (&error);
      assert_kept (self->store, "kept", identity);
    }
}

static void
test_list (Fixture *self, gconstpointer data)
{
  static const char *const names[] = { "c.d", "A_1", "b-2" };
  static const char *const sorted[] = { "A_1", "b-2", "c.d" };
  g_autoptr (GPtrArray) none = NULL;
  g_autoptr (GPtrArray) keys = NULL;
  Lp2pIdentity *identities[3] = { test_key_new (), test_key_new (), test_key_new () };
  g_autoptr (GError) error = NULL;

  if (self->store != NULL)
    {
      none = test_key_store_list (self->store, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (none->len, ==, 0);
      for (guint i = 0; i < G_N_ELEMENTS (names); i++)
        save (self->store, names[i], identities[i]);
      keys = test_key_store_list (self->store, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (keys->len, ==, G_N_ELEMENTS (names));
      for (guint i = 0; i < keys->len; i++)
        {
          Lp2pKeyInfo *info = g_ptr_array_index (keys, i);

          g_assert_cmpstr (lp2p_key_info_get_name (info), ==, sorted[i]);
          g_assert_true (lp2p_peer_id_equal (lp2p_key_info_get_peer_id (info),
                                             lp2p_identity_get_peer_id (identities[(i + 1) % 3])));
        }
    }
  for (guint i = 0; i < G_N_ELEMENTS (identities); i++)
    g_object_unref (identities[i]);
}

static void
test_names (Fixture *self, gconstpointer data)
{
  g_autofree char *longest = g_strnfill (64, 'x');
  g_autofree char *too_long = g_strnfill (65, 'x');
  const char *const bad[] = { "", ".", "..", ".hidden", "-option", "a/b", "../a", "a b", "a\nb", "ä", too_long };
  g_autoptr (Lp2pIdentity) identity = test_key_new ();

  if (self->store == NULL)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      GError *error = NULL;

      g_test_message ("\"%s\"", bad[i]);
      g_assert_false (lp2p_key_store_is_name (bad[i]));
      g_assert_null (test_key_store_load (self->store, bad[i], &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
      g_clear_error (&error);
      g_assert_false (test_key_store_save (self->store, bad[i], identity, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
      g_clear_error (&error);
      g_assert_false (test_key_store_remove (self->store, bad[i], &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
      g_clear_error (&error);
    }
  save (self->store, longest, identity);
  assert_kept (self->store, longest, identity);
}

/* Of many who save at once exactly one does, and its key is the one that is kept. */
static void
test_concurrent (Fixture *self, gconstpointer data)
{
  Lp2pIdentity *identities[5];
  GAsyncResult *results[G_N_ELEMENTS (identities)] = { NULL };
  guint n_done = 0;
  int winner = -1;

  if (self->store == NULL)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (identities); i++)
    {
      identities[i] = test_key_new ();
      lp2p_key_store_save_async (self->store, "wanted", identities[i], NULL, test_key_store_take, &results[i]);
      g_assert_null (results[i]);
    }
  while (n_done < G_N_ELEMENTS (identities))
    {
      g_main_context_iteration (NULL, TRUE);
      n_done = 0;
      for (guint i = 0; i < G_N_ELEMENTS (identities); i++)
        n_done += results[i] != NULL;
    }
  for (guint i = 0; i < G_N_ELEMENTS (identities); i++)
    {
      g_autoptr (GError) error = NULL;

      if (lp2p_key_store_save_finish (self->store, results[i], &error))
        {
          g_assert_cmpint (winner, ==, -1);
          winner = (int) i;
        }
      else
        {
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS);
        }
      g_object_unref (results[i]);
    }
  g_assert_cmpint (winner, >=, 0);
  assert_kept (self->store, "wanted", identities[winner]);
  for (guint i = 0; i < G_N_ELEMENTS (identities); i++)
    g_object_unref (identities[i]);
}

/* Cancelled from the start, each call ends so, once, and nothing was done. */
static void
test_cancelled (Fixture *self, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (Lp2pIdentity) identity = test_key_new ();
  g_autoptr (GError) error = NULL;
  GAsyncResult *result = NULL;

  if (self->store == NULL)
    return;
  save (self->store, "kept", identity);
  g_cancellable_cancel (cancellable);

  lp2p_key_store_load_async (self->store, "kept", cancellable, test_key_store_take, &result);
  test_key_store_wait (&result);
  g_assert_null (lp2p_key_store_load_finish (self->store, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_clear_object (&result);

  lp2p_key_store_save_async (self->store, "other", identity, cancellable, test_key_store_take, &result);
  test_key_store_wait (&result);
  g_assert_false (lp2p_key_store_save_finish (self->store, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_clear_object (&result);

  lp2p_key_store_list_async (self->store, cancellable, test_key_store_take, &result);
  test_key_store_wait (&result);
  g_assert_null (lp2p_key_store_list_finish (self->store, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_clear_object (&result);

  lp2p_key_store_remove_async (self->store, "kept", cancellable, test_key_store_take, &result);
  test_key_store_wait (&result);
  g_assert_false (lp2p_key_store_remove_finish (self->store, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_clear_object (&result);

  assert_kept (self->store, "kept", identity);
  g_assert_null (test_key_store_load (self->store, "other", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

/* Who asked for something and drops the store still gets it. */
static void
test_dropped (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pIdentity) identity = test_key_new ();
  g_autoptr (Lp2pIdentity) loaded = NULL;
  g_autoptr (GObject) source = NULL;
  g_autoptr (GError) error = NULL;
  GAsyncResult *result = NULL;

  if (self->store == NULL)
    return;
  save (self->store, "kept", identity);
  lp2p_key_store_load_async (self->store, "kept", NULL, test_key_store_take, &result);
  g_clear_object (&self->store);
  test_key_store_wait (&result);
  source = g_async_result_get_source_object (result);
  loaded = lp2p_key_store_load_finish (LP2P_KEY_STORE (source), result, &error);
  g_assert_no_error (error);
  test_assert_same_key (loaded, identity);
  g_object_unref (result);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *name;
    void (*run) (Fixture *self, gconstpointer data);
  } cases[] = {
    { "types", test_types },           { "shared", test_shared },         { "absent", test_absent },
    { "no-replacing", test_no_replacing }, { "list", test_list },         { "names", test_names },
    { "concurrent", test_concurrent }, { "cancelled", test_cancelled },   { "dropped", test_dropped },
  };
  int status;

  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    for (guint j = 0; j < G_N_ELEMENTS (cases); j++)
      {
        g_autofree char *path = g_strdup_printf ("/key-store/%s/%s", kinds[i].name, cases[j].name);

        g_test_add (path, Fixture, &kinds[i], setup, cases[j].run, teardown);
      }
  status = g_test_run ();
  g_clear_pointer (&service, test_secret_service_free);
  return status;
}
