/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "key-vectors.h"

#include <lp2p/types/lp2p-error.h>
#include <lp2p/types/lp2p-identity.h>
#include <lp2p/types/lp2p-multibase.h>

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *
data_file (const char *name)
{
  return g_test_get_filename (G_TEST_DIST, "unit", "data", "keys", name, NULL);
}

/* The files in the source tree are readable by all, as a checkout makes them. */
static Lp2pIdentity *
load_data (const char *name, GError **error)
{
  return lp2p_identity_load_file (data_file (name), LP2P_IDENTITY_FILE_ALLOW_SHARED, error);
}

static void
test_good_files (void)
{
  static const struct
  {
    const char *name;
    Lp2pKeyType key_type;
  } files[] = {
    { "rsa.base64", LP2P_KEY_TYPE_RSA },
    { "rsa.protobuf", LP2P_KEY_TYPE_RSA },
    { "rsa.pem", LP2P_KEY_TYPE_RSA },
    { "rsa-pkcs1.pem", LP2P_KEY_TYPE_RSA },
    { "ed25519.base64", LP2P_KEY_TYPE_ED25519 },
    { "ed25519.protobuf", LP2P_KEY_TYPE_ED25519 },
    { "ed25519.pem", LP2P_KEY_TYPE_ED25519 },
    { "secp256k1.base64", LP2P_KEY_TYPE_SECP256K1 },
    { "secp256k1.protobuf", LP2P_KEY_TYPE_SECP256K1 },
    { "secp256k1.pem", LP2P_KEY_TYPE_SECP256K1 },
    { "ecdsa.base64", LP2P_KEY_TYPE_ECDSA },
    { "ecdsa.protobuf", LP2P_KEY_TYPE_ECDSA },
    { "ecdsa.pem", LP2P_KEY_TYPE_ECDSA },
    { "ecdsa-sec1.pem", LP2P_KEY_TYPE_ECDSA },
  };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (Lp2pIdentity) identity = load_data (files[i].name, &error);
      g_autoptr (GBytes) expected =
          lp2p_multibase_decode (key_vectors[files[i].key_type].private_key, NULL);
      g_autoptr (GBytes) bytes = NULL;

      g_test_message ("%s", files[i].name);
      g_assert_no_error (error);
      bytes = lp2p_identity_to_bytes (identity, &error);
      g_assert_no_error (error);
      g_assert_true (g_bytes_equal (bytes, expected));
    }
}

static void
test_broken_files (void)
{
  static const struct
  {
    const char *name;
    int code;
  } files[] = {
    { "broken-empty", LP2P_TYPES_ERROR_INVALID_KEY },
    { "broken-text", LP2P_TYPES_ERROR_INVALID_KEY },
    { "broken-truncated.protobuf", LP2P_TYPES_ERROR_INVALID_KEY },
    { "broken-trailing.protobuf", LP2P_TYPES_ERROR_INVALID_KEY },
    { "broken-two-lines.base64", LP2P_TYPES_ERROR_INVALID_KEY },
    { "broken-letter.base64", LP2P_TYPES_ERROR_INVALID_KEY },
    { "broken-padding.base64", LP2P_TYPES_ERROR_INVALID_KEY },
    { "broken-halves.base64", LP2P_TYPES_ERROR_INVALID_KEY },
    { "broken.pem", LP2P_TYPES_ERROR_INVALID_KEY },
    { "broken-small-rsa.pem", LP2P_TYPES_ERROR_INVALID_KEY },
    { "broken-kind.pem", LP2P_TYPES_ERROR_UNSUPPORTED },
    { "encrypted.pem", LP2P_TYPES_ERROR_UNSUPPORTED },
  };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (load_data (files[i].name, &error));
      g_test_message ("%s", error->message);
      g_assert_error (error, LP2P_TYPES_ERROR, files[i].code);
      g_assert_true (g_str_has_prefix (error->message, data_file (files[i].name)));
    }
}

typedef struct
{
  char *folder;
  char *path;
  Lp2pIdentity *identity;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->folder = g_dir_make_tmp ("lp2p-XXXXXX", &error);
  g_assert_no_error (error);
  fixture->path = g_build_filename (fixture->folder, "key", NULL);
  fixture->identity = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  GDir *dir = g_dir_open (fixture->folder, 0, NULL);
  const char *name;

  /* Nothing but the key: no temporary file is ever left behind. */
  while ((name = g_dir_read_name (dir)) != NULL)
    g_assert_cmpstr (name, ==, "key");
  g_dir_close (dir);
  g_remove (fixture->path);
  g_assert_cmpint (g_rmdir (fixture->folder), ==, 0);
  g_free (fixture->folder);
  g_free (fixture->path);
  g_object_unref (fixture->identity);
}

static void
assert_holds (Fixture *fixture, Lp2pIdentity *identity)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pIdentity) loaded =
      lp2p_identity_load_file (fixture->path, LP2P_IDENTITY_FILE_NONE, &error);

  g_assert_no_error (error);
  g_assert_true (lp2p_peer_id_equal (lp2p_identity_get_peer_id (loaded),
                                     lp2p_identity_get_peer_id (identity)));
}

static void
save (Fixture *fixture, Lp2pIdentity *identity, Lp2pIdentityFileFlags flags)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (lp2p_identity_save_file (identity, fixture->path, flags, &error));
  g_assert_no_error (error);
}

static void
test_save (Fixture *fixture, gconstpointer data)
{
  g_autofree char *text = NULL;
  GStatBuf info;
  gsize len;

  save (fixture, fixture->identity, LP2P_IDENTITY_FILE_NONE);
  assert_holds (fixture, fixture->identity);

  g_assert_cmpint (g_stat (fixture->path, &info), ==, 0);
  g_assert_cmpuint (info.st_mode & 07777, ==, 0600);
  g_assert_true (g_file_get_contents (fixture->path, &text, &len, NULL));
  g_assert_true (g_str_has_suffix (text, "\n"));
  g_assert_cmpuint (strcspn (text, "\n"), ==, len - 1);
}

static void
test_no_replace (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pIdentity) other = lp2p_identity_generate (LP2P_KEY_TYPE_ECDSA, &error);

  g_assert_no_error (error);
  save (fixture, fixture->identity, LP2P_IDENTITY_FILE_NONE);
  g_assert_false (lp2p_identity_save_file (other, fixture->path, LP2P_IDENTITY_FILE_NONE, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS);
  g_assert_true (g_str_has_prefix (error->message, fixture->path));
  assert_holds (fixture, fixture->identity);

  save (fixture, other, LP2P_IDENTITY_FILE_REPLACE);
  assert_holds (fixture, other);
}

/* A file that was open to others is replaced by one that is not. */
static void
test_replace_shared (Fixture *fixture, gconstpointer data)
{
  GStatBuf info;

  save (fixture, fixture->identity, LP2P_IDENTITY_FILE_NONE);
  g_assert_cmpint (g_chmod (fixture->path, 0644), ==, 0);
  save (fixture, fixture->identity, LP2P_IDENTITY_FILE_REPLACE);
  g_assert_cmpint (g_stat (fixture->path, &info), ==, 0);
  g_assert_cmpuint (info.st_mode & 07777, ==, 0600);
}

static void
test_shared (Fixture *fixture, gconstpointer data)
{
  static const int modes[] = { 0604, 0640, 0620, 0602, 0644, 0777 };

  save (fixture, fixture->identity, LP2P_IDENTITY_FILE_NONE);
  for (guint i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (Lp2pIdentity) identity = NULL;

      g_assert_cmpint (g_chmod (fixture->path, modes[i]), ==, 0);
      g_assert_null (lp2p_identity_load_file (fixture->path, LP2P_IDENTITY_FILE_NONE, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
      g_assert_nonnull (strstr (error->message, "expected mode 0600"));
      g_assert_true (g_str_has_prefix (error->message, fixture->path));
      g_clear_error (&error);

      identity = lp2p_identity_load_file (fixture->path, LP2P_IDENTITY_FILE_ALLOW_SHARED, &error);
      g_assert_no_error (error);
      g_assert_nonnull (identity);
    }
}

static void
test_not_a_file (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *nowhere = g_build_filename (fixture->folder, "missing", "key", NULL);

  g_assert_null (lp2p_identity_load_file (fixture->path, LP2P_IDENTITY_FILE_NONE, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_clear_error (&error);

  g_assert_null (lp2p_identity_load_file (fixture->folder, LP2P_IDENTITY_FILE_NONE, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE);
  g_clear_error (&error);

  g_assert_cmpint (mkfifo (fixture->path, 0600), ==, 0);
  g_assert_null (lp2p_identity_load_file (fixture->path, LP2P_IDENTITY_FILE_NONE, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE);
  g_clear_error (&error);

  g_assert_false (
      lp2p_identity_save_file (fixture->identity, nowhere, LP2P_IDENTITY_FILE_NONE, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

static void
test_too_large (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *large = g_strnfill (100000, 'A');

  g_assert_true (
      g_file_set_contents_full (fixture->path, large, -1, G_FILE_SET_CONTENTS_NONE, 0600, &error));
  g_assert_null (lp2p_identity_load_file (fixture->path, LP2P_IDENTITY_FILE_NONE, &error));
  g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY);
}

static void
add (const char *path, void (*func) (Fixture *, gconstpointer))
{
  g_test_add (path, Fixture, NULL, set_up, func, tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/identity-file/good", test_good_files);
  g_test_add_func ("/identity-file/broken", test_broken_files);
  add ("/identity-file/save", test_save);
  add ("/identity-file/no-replace", test_no_replace);
  add ("/identity-file/replace-shared", test_replace_shared);
  add ("/identity-file/shared", test_shared);
  add ("/identity-file/not-a-file", test_not_a_file);
  add ("/identity-file/too-large", test_too_large);

  return g_test_run ();
}
