/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What every key store must do. */

#include <string.h>

#include <lp2p/host/lp2p-key-stores.h>

#include "key-store-calls.h"
#include "lp2p-test.h"

typedef struct
{
  const char *name;
  Lp2pConfig *config;
  Lp2pKeyStore *store;
} Fixture;

typedef struct
{
  const char *name; /* of the store */
  gboolean (*prepare) (void);
  void (*test) (Fixture *self);
} Case;

static Lp2pKeyStore *
open_store (Fixture *self)
{
  g_autoptr (GError) error = NULL;
  Lp2pKeyStore *store = lp2p_key_stores_open (self->config, self->name, &error);

  g_assert_no_error (error);
  return store;
}

static GPtrArray *
list (Lp2pKeyStore *store)
{
  g_autoptr (GError) error = NULL;
  GPtrArray *keys = test_key_store_list (store, &error);

  g_assert_no_error (error);
  return keys;
}

/* It may be somebody's own, whose keys are not for a test to remove. */
static void
set_up (Fixture *self)
{
  g_autoptr (GPtrArray) keys = NULL;

  self->config = lp2p_config_new ();
  self->store = open_store (self);
  keys = list (self->store);
  if (keys->len > 0)
    g_error ("The key store %s already has %u keys; these tests need one that is empty, and leave it so", self->name,
             keys->len);
}

static void
tear_down (Fixture *self)
{
  g_autoptr (Lp2pKeyStore) store = open_store (self);
  g_autoptr (GPtrArray) keys = list (store);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < keys->len; i++)
    {
      test_key_store_remove (store, lp2p_key_info_get_name (g_ptr_array_index (keys, i)), &error);
      g_assert_no_error (error);
    }
  if (self->store != NULL)
    g_assert_finalize_object (self->store);
  g_assert_finalize_object (g_steal_pointer (&store));
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
test_types (Fixture *self)
{
  static const Lp2pKeyType types[] = { LP2P_KEY_TYPE_ED25519, LP2P_KEY_TYPE_SECP256K1, LP2P_KEY_TYPE_ECDSA,
                                       LP2P_KEY_TYPE_RSA };

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
test_shared (Fixture *self)
{
  g_autoptr (Lp2pIdentity) identity = test_key_new ();
  g_autoptr (Lp2pKeyStore) other = NULL;
  g_autoptr (GError) error = NULL;

  other = open_store (self);
  save (self->store, "shared", identity);
  assert_kept (other, "shared", identity);
  g_assert_true (test_key_store_remove (other, "shared", &error));
  g_assert_null (test_key_store_load (self->store, "shared", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

static void
test_absent (Fixture *self)
{
  GError *error = NULL;

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
test_no_replacing (Fixture *self)
{
  g_autoptr (Lp2pIdentity) identity = test_key_new ();
  g_autoptr (Lp2pIdentity) other = test_key_new ();
  GError *error = NULL;

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
test_list (Fixture *self)
{
  static const char *const names[] = { "c.d", "A_1", "b-2" };
  static const char *const sorted[] = { "A_1", "b-2", "c.d" };
  Lp2pIdentity *identities[3] = { test_key_new (), test_key_new (), test_key_new () };
  g_autoptr (GPtrArray) keys = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    save (self->store, names[i], identities[i]);
  keys = list (self->store);
  g_assert_cmpuint (keys->len, ==, G_N_ELEMENTS (names));
  for (guint i = 0; i < keys->len; i++)
    {
      Lp2pKeyInfo *info = g_ptr_array_index (keys, i);

      g_assert_cmpstr (lp2p_key_info_get_name (info), ==, sorted[i]);
      g_assert_true (lp2p_peer_id_equal (lp2p_key_info_get_peer_id (info),
                                         lp2p_identity_get_peer_id (identities[(i + 1) % 3])));
    }
  for (guint i = 0; i < G_N_ELEMENTS (identities); i++)
    g_object_unref (identities[i]);
}

static void
test_names (Fixture *self)
{
  g_autofree char *longest = g_strnfill (64, 'x');
  g_autofree char *too_long = g_strnfill (65, 'x');
  const char *const bad[] = { "", ".", "..", ".hidden", "-option", "a/b", "../a", "a b", "a\nb", "ä", too_long };
  g_autoptr (Lp2pIdentity) identity = test_key_new ();

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
test_concurrent (Fixture *self)
{
  Lp2pIdentity *identities[5];
  GAsyncResult *results[G_N_ELEMENTS (identities)] = { NULL };
  guint n_done = 0;
  int winner = -1;

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
test_cancelled (Fixture *self)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (Lp2pIdentity) identity = test_key_new ();
  g_autoptr (GError) error = NULL;
  GAsyncResult *result = NULL;

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
test_dropped (Fixture *self)
{
  g_autoptr (Lp2pIdentity) identity = test_key_new ();
  g_autoptr (Lp2pIdentity) loaded = NULL;
  g_autoptr (GObject) source = NULL;
  g_autoptr (GError) error = NULL;
  GAsyncResult *result = NULL;

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

static void
run (gconstpointer data)
{
  const Case *test_case = data;
  Fixture fixture = { .name = test_case->name };

  if (test_case->prepare != NULL && !test_case->prepare ())
    return;
  set_up (&fixture);
  test_case->test (&fixture);
  tear_down (&fixture);
}

static const struct
{
  const char *name;
  void (*test) (Fixture *self);
} tests[] = {
  { "types", test_types },
  { "shared", test_shared },
  { "absent", test_absent },
  { "no-replacing", test_no_replacing },
  { "list", test_list },
  { "names", test_names },
  { "concurrent", test_concurrent },
  { "cancelled", test_cancelled },
  { "dropped", test_dropped },
};

void
lp2p_test_add_key_store (const char *name, gboolean (*prepare) (void))
{
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strdup_printf ("/key-store/%s/%s", name, tests[i].name);
      Case *test_case = g_new0 (Case, 1);

      test_case->name = g_intern_string (name);
      test_case->prepare = prepare;
      test_case->test = tests[i].test;
      g_test_add_data_func_full (path, test_case, run, g_free);
    }
}
