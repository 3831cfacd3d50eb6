/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is particular to a Secret Service: that there is none, that it is locked, and
 * what others put there. What every key store does is in tests/contract. */

#include "key-store-calls.h"
#include "secret-service.h"

#include <lp2p/lp2p-plugin.h>

#include <fcntl.h>
#include <gmodule.h>
#include <libsecret/secret.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is read of the own memory at a time. */
#define MEMORY_PIECE 65536
#define MEMORY_MAX   (G_GUINT64_CONSTANT (1) << 30)

GType lp2p_secret_key_store_get_type (void);

static const SecretSchema schema = {
  "org.lp2p.Identity",
  SECRET_SCHEMA_NONE,
  { { "name", SECRET_SCHEMA_ATTRIBUTE_STRING }, { "peer-id", SECRET_SCHEMA_ATTRIBUTE_STRING } },
};

#if defined(__SANITIZE_ADDRESS__)
/* Asked by LeakSanitizer, of this program alone. Each time a keyring is not unlocked, because
 * nobody can be asked, libsecret forgets the service's answer, which came by way of GIO, and
 * its own list of what it unlocked. Its functions that do so have no names. */
G_MODULE_EXPORT const char *__lsan_default_suppressions (void);

const char *
__lsan_default_suppressions (void)
{
  return "leak:libsecret-1.so\nleak:g_dbus_message_new_from_blob\n";
}
#endif

typedef struct
{
  TestSecretService *service;
  Lp2pKeyStore *store;
} Fixture;

static Lp2pKeyStore *
make_store (void)
{
  return g_object_new (lp2p_secret_key_store_get_type (), "name", "secret", NULL);
}

/* Each case has a process of its own, as each has a bus of its own. */
typedef struct
{
  gboolean with_service;
  void (*run) (Fixture *self);
} Case;

static void
run_case (gconstpointer data)
{
  const Case *test_case = data;
  Fixture self;

  if (!test_secret_service_is_possible (test_case->with_service))
    return;
  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
      g_test_trap_assert_passed ();
      return;
    }
  self.service = test_secret_service_new (test_case->with_service);
  self.store = make_store ();
  test_case->run (&self);
  g_assert_finalize_object (self.store);
  secret_service_disconnect ();
  test_secret_service_free (self.service);
}

/* As another program would store it. */
static void
store_foreign (const char *name, const char *peer_id, const char *secret)
{
  g_autoptr (GHashTable) attributes = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GError) error = NULL;

  g_hash_table_insert (attributes, (gpointer) "name", (gpointer) name);
  if (peer_id != NULL)
    g_hash_table_insert (attributes, (gpointer) "peer-id", (gpointer) peer_id);
  secret_password_storev_sync (&schema, attributes, NULL, "foreign", secret, NULL, &error);
  g_assert_no_error (error);
}

static const char *
get_peer_id (Lp2pIdentity *identity)
{
  return lp2p_peer_id_get_string (lp2p_identity_get_peer_id (identity));
}

/* Each call fails, with that code and a text that has @word in it. */
static void
assert_all_fail (Lp2pKeyStore *store, int code, const char *word, gboolean list_too)
{
  g_autoptr (Lp2pIdentity) identity = test_key_new ();
  GError *error = NULL;

  g_assert_null (test_key_store_load (store, "one", &error));
  g_assert_error (error, G_IO_ERROR, code);
  g_assert_nonnull (strstr (error->message, word));
  g_clear_error (&error);
  g_assert_false (test_key_store_save (store, "two", identity, &error));
  g_assert_error (error, G_IO_ERROR, code);
  g_assert_nonnull (strstr (error->message, word));
  g_clear_error (&error);
  g_assert_false (test_key_store_remove (store, "one", &error));
  g_assert_error (error, G_IO_ERROR, code);
  g_assert_nonnull (strstr (error->message, word));
  g_clear_error (&error);
  if (!list_too)
    return;
  g_assert_null (test_key_store_list (store, &error));
  g_assert_error (error, G_IO_ERROR, code);
  g_assert_nonnull (strstr (error->message, word));
  g_clear_error (&error);
}

static void
test_no_service (Fixture *self)
{
  assert_all_fail (self->store, G_IO_ERROR_NOT_CONNECTED, "Secret Service", TRUE);
}

static void
test_no_bus (Fixture *self)
{
  g_setenv ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus", TRUE);
  assert_all_fail (self->store, G_IO_ERROR_NOT_CONNECTED, "Secret Service", TRUE);
}

/* Nobody can be asked for the password, which ends in an error, not in a wait. */
static void
test_locked (Fixture *self)
{
  g_autoptr (Lp2pIdentity) identity = test_key_new ();
  g_autoptr (GPtrArray) keys = NULL;
  g_autoptr (GError) error = NULL;
  Lp2pKeyInfo *info;

  g_assert_true (test_key_store_save (self->store, "one", identity, &error));
  g_assert_no_error (error);
  test_secret_service_lock (self->service);
  assert_all_fail (self->store, G_IO_ERROR_PERMISSION_DENIED, "locked", FALSE);

  keys = test_key_store_list (self->store, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (keys->len, ==, 1);
  info = g_ptr_array_index (keys, 0);
  g_assert_cmpstr (lp2p_key_info_get_name (info), ==, "one");
  g_assert_cmpstr (lp2p_peer_id_get_string (lp2p_key_info_get_peer_id (info)), ==, get_peer_id (identity));
}

static void
assert_load_fails (Lp2pKeyStore *store, const char *name, const char *word)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (test_key_store_load (store, name, &error));
  g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY);
  g_assert_nonnull (strstr (error->message, word));
  g_assert_nonnull (strstr (error->message, name));
  /* Whatever it is, it may be a secret. */
  g_assert_null (strstr (error->message, "hunter2"));
}

static void
test_foreign (Fixture *self)
{
  g_autoptr (Lp2pIdentity) identity = test_key_new ();
  g_autoptr (Lp2pIdentity) other = test_key_new ();
  g_autoptr (GBytes) text = lp2p_identity_to_text (identity, NULL);
  g_autofree char *secret = g_strndup (g_bytes_get_data (text, NULL), g_bytes_get_size (text));
  g_autofree char *half = g_strndup (secret, strlen (secret) / 8 * 4);
  g_autoptr (GPtrArray) keys = NULL;
  g_autoptr (GError) error = NULL;

  store_foreign ("word", get_peer_id (identity), "hunter2");
  store_foreign ("empty", get_peer_id (identity), "");
  store_foreign ("half", get_peer_id (identity), half);
  store_foreign ("another", get_peer_id (other), secret);
  store_foreign ("anybody", NULL, secret);
  store_foreign ("../path", get_peer_id (identity), secret);
  store_foreign ("nonsense", "nonsense", "hunter2");
  assert_load_fails (self->store, "word", "no private key");
  assert_load_fails (self->store, "empty", "no private key");
  assert_load_fails (self->store, "half", "no private key");
  assert_load_fails (self->store, "another", get_peer_id (other));
  assert_load_fails (self->store, "anybody", "nobody");

  /* They are in the list, so that they can be removed; what is no name is not. */
  keys = test_key_store_list (self->store, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (keys->len, ==, 6);
  for (guint i = 0; i < keys->len; i++)
    {
      const char *name = lp2p_key_info_get_name (g_ptr_array_index (keys, i));

      g_assert_false (test_key_store_save (self->store, name, identity, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS);
      g_clear_error (&error);
      g_assert_true (test_key_store_remove (self->store, name, &error));
      g_assert_no_error (error);
      g_assert_true (test_key_store_save (self->store, name, identity, &error));
      g_assert_no_error (error);
    }
}

static void
test_duplicates (Fixture *self)
{
  g_autoptr (Lp2pIdentity) identity = test_key_new ();
  g_autoptr (Lp2pIdentity) other = test_key_new ();
  g_autoptr (GPtrArray) keys = NULL;
  g_autoptr (GError) error = NULL;

  store_foreign ("twice", get_peer_id (identity), "hunter2");
  store_foreign ("twice", get_peer_id (other), "hunter2");
  assert_load_fails (self->store, "twice", "2 keys");
  keys = test_key_store_list (self->store, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (keys->len, ==, 1);
  g_assert_null (lp2p_key_info_get_peer_id (g_ptr_array_index (keys, 0)));
  g_assert_true (test_key_store_remove (self->store, "twice", &error));
  g_assert_no_error (error);
  g_assert_null (test_key_store_load (self->store, "twice", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

/* Where one of two items goes away during a search, libsecret 0.20 returns its task
 * twice. GLib says so and leaves it at the first, which is the error that is due. Nothing
 * else may be said. */
static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  const char *message = "";

  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (fields[i].key, "MESSAGE"))
      message = fields[i].value;
  if ((level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING)) == 0)
    return g_log_writer_default (level, fields, n_fields, user_data);
  if (g_str_has_suffix (message, "assertion '!task->ever_returned' failed"))
    return G_LOG_WRITER_HANDLED;
  g_log_writer_standard_streams (level, fields, n_fields, user_data);
  abort ();
}

static void
tolerate_second_return (void)
{
  g_log_set_always_fatal (G_LOG_FATAL_MASK);
  g_log_set_writer_func (write_log, NULL, NULL);
}

/* What was there stays, whatever two stores do at once, and there is never a second
 * key: at most one of them is told that it saved. */
static void
test_race (Fixture *self)
{
  g_autoptr (Lp2pKeyStore) other = make_store ();
  Lp2pKeyStore *const stores[] = { self->store, other };

  tolerate_second_return ();
  for (guint round = 0; round < 10; round++)
    {
      g_autofree char *name = g_strdup_printf ("round-%u", round);
      Lp2pIdentity *identities[2] = { test_key_new (), test_key_new () };
      GAsyncResult *results[2] = { NULL, NULL };
      g_autoptr (Lp2pIdentity) loaded = NULL;
      g_autoptr (GError) error = NULL;
      int saved = -1;

      for (guint i = 0; i < 2; i++)
        lp2p_key_store_save_async (stores[i], name, identities[i], NULL, test_key_store_take, &results[i]);
      while (results[0] == NULL || results[1] == NULL)
        g_main_context_iteration (NULL, TRUE);
      for (guint i = 0; i < 2; i++)
        {
          g_autoptr (GError) save_error = NULL;

          if (lp2p_key_store_save_finish (stores[i], results[i], &save_error))
            {
              g_assert_cmpint (saved, ==, -1);
              saved = (int) i;
            }
          else
            {
              g_assert_error (save_error, G_IO_ERROR, G_IO_ERROR_EXISTS);
            }
          g_object_unref (results[i]);
        }
      loaded = test_key_store_load (self->store, name, &error);
      if (saved >= 0)
        {
          g_assert_no_error (error);
          test_assert_same_key (loaded, identities[saved]);
        }
      else
        {
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
        }
      g_object_unref (identities[0]);
      g_object_unref (identities[1]);
    }
}

/* What to look for, in a form in which it is not found itself. */
#define MASK     0x5a
#define MASK_LEN 32

static gboolean
is_masked (const guint8 *data, const guint8 *masked)
{
  for (gsize i = 0; i < MASK_LEN; i++)
    if (data[i] != (masked[i] ^ MASK))
      return FALSE;
  return TRUE;
}

/* How often it is in what this process can write. It reads itself by way of the kernel,
 * as parts of it may be out of bounds, and into memory that nothing else is near. What is
 * larger than any heap is the sanitizer's own. */
static guint
count_in_memory (const guint8 *masked)
{
  static guint8 buffer[MEMORY_PIECE];
  g_autofree char *maps = NULL;
  g_auto (GStrv) lines = NULL;
  int memory = open ("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  guint n = 0;

  g_assert_cmpint (memory, >=, 0);
  g_assert_true (g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL));
  lines = g_strsplit (maps, "\n", -1);
  for (gsize i = 0; lines[i] != NULL; i++)
    {
      guint64 start, end;
      char mode[5];

      if (sscanf (lines[i], "%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x %4s", &start, &end, mode) != 3 ||
          mode[0] != 'r' || mode[1] != 'w' || end - start > MEMORY_MAX)
        continue;
      for (guint64 at = start; at < end; at += MEMORY_PIECE - MASK_LEN)
        {
          gssize got;

          /* Not itself. */
          if (at < (guintptr) buffer + MEMORY_PIECE && (guintptr) buffer < at + MEMORY_PIECE)
            continue;
          got = pread (memory, buffer, MIN (MEMORY_PIECE, end - at), (off_t) at);
          for (gssize j = 0; j + MASK_LEN <= got; j++)
            n += is_masked (buffer + j, masked);
        }
    }
  close (memory);
  return n;
}

/* Neither the key in base64, as the keyring has it, nor a part of it stays behind. */
static void
test_wiped (Fixture *self)
{
  guint8 masked[MASK_LEN];
  GBytes *text;
  Lp2pIdentity *identity = test_key_new ();
  g_autoptr (GError) error = NULL;

  text = lp2p_identity_to_text (identity, NULL);
  /* Behind the first bytes, which are the same for all keys. */
  for (gsize i = 0; i < MASK_LEN; i++)
    masked[i] = ((const guint8 *) g_bytes_get_data (text, NULL))[i + 8] ^ MASK;
  g_assert_cmpuint (count_in_memory (masked), >, 0);
  g_bytes_unref (text);
  g_assert_cmpuint (count_in_memory (masked), ==, 0);

  g_assert_true (test_key_store_save (self->store, "one", identity, &error));
  g_assert_no_error (error);
  g_object_unref (identity);
  g_assert_cmpuint (count_in_memory (masked), ==, 0);
  identity = test_key_store_load (self->store, "one", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (count_in_memory (masked), ==, 0);
  g_object_unref (identity);
}

/* The service goes away under the calls. */
static void
test_service_ends (Fixture *self)
{
  g_autoptr (Lp2pIdentity) identity = test_key_new ();
  g_autoptr (GError) error = NULL;

  g_assert_true (test_key_store_save (self->store, "one", identity, &error));
  g_assert_no_error (error);
  g_subprocess_force_exit (self->service->daemon);
  g_subprocess_wait (self->service->daemon, NULL, NULL);
  assert_all_fail (self->store, G_IO_ERROR_NOT_CONNECTED, "Secret Service", TRUE);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    Case test_case;
  } cases[] = {
    { "/keystore-secret/no-bus", { FALSE, test_no_bus } },
    { "/keystore-secret/no-service", { FALSE, test_no_service } },
    { "/keystore-secret/locked", { TRUE, test_locked } },
    { "/keystore-secret/foreign", { TRUE, test_foreign } },
    { "/keystore-secret/duplicates", { TRUE, test_duplicates } },
    { "/keystore-secret/race", { TRUE, test_race } },
    { "/keystore-secret/wiped", { TRUE, test_wiped } },
    { "/keystore-secret/service-ends", { TRUE, test_service_ends } },
  };

  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_test_add_data_func (cases[i].path, &cases[i].test_case, run_case);
  return g_test_run ();
}
