/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The certificates of listeners, and what comes of files that change. */

#include <glib/gstdio.h>
#include <string.h>

#include "test-log.h"
#include "ws-fixture.h"

#define YEAR (G_GINT64_CONSTANT (365) * 24 * 3600 * G_USEC_PER_SEC)

static void
assert_no_listener (WsFixture *f, const char *certificate, const char *key, const char *suffix, const char *why)
{
  g_autofree char *certificate_file = *certificate != '\0' ? ws_fixture_find (certificate) : g_strdup ("");
  g_autofree char *key_file = *key != '\0' ? ws_fixture_find (key) : g_strdup ("");
  g_autofree char *address = g_strconcat ("/ip4/127.0.0.1/tcp/0", suffix, NULL);
  g_autoptr (GError) error = NULL;

  ws_fixture_configure_tls (f, certificate_file, key_file, certificate_file);
  g_assert_null (ws_fixture_try_listen (f, address, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_FAILED);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, why));
}

static void
test_wrong_certificates (WsFixture *f, gconstpointer data)
{
  assert_no_listener (f, "", "", "/tls/ws", "certificate");
  assert_no_listener (f, "localhost.pem", "", "/tls/ws", "private-key");
  assert_no_listener (f, "localhost.pem", "absent.pem", "/tls/ws", "absent.pem");
  assert_no_listener (f, "absent.pem", "localhost-key.pem", "/tls/ws", "absent.pem");
  assert_no_listener (f, "localhost.pem", "other-key.pem", "/tls/ws", "other-key.pem");
  assert_no_listener (f, "expired.pem", "localhost-key.pem", "/tls/ws", "2001-01-01");
  assert_no_listener (f, "localhost.pem", "localhost-key.pem", "/tls/sni/example.org/ws", "example.org");
  assert_no_listener (f, "README.md", "localhost-key.pem", "/tls/ws", "README.md");
}

/* Files that a listener has its certificate from, in a folder of their own. */
typedef struct
{
  char *folder;
  char *certificate;
  char *key;
} Files;

static void
start_with_files (WsFixture *f, Files *files)
{
  g_autofree char *trusted = ws_fixture_find ("localhost.pem");

  files->folder = g_dir_make_tmp (NULL, NULL);
  files->certificate = g_build_filename (files->folder, "certificate.pem", NULL);
  files->key = g_build_filename (files->folder, "key.pem", NULL);
  ws_fixture_replace (files->certificate, "localhost.pem");
  ws_fixture_replace (files->key, "localhost-key.pem");
  ws_fixture_configure_tls (f, files->certificate, files->key, trusted);
  ws_fixture_start_listening (f, "/ip4/127.0.0.1/tcp/0/tls/ws");
}

static void
files_clear (Files *files)
{
  g_unlink (files->certificate);
  g_unlink (files->key);
  g_rmdir (files->folder);
  g_free (files->certificate);
  g_free (files->key);
  g_free (files->folder);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Files, files_clear)

static void
test_reload (WsFixture *f, gconstpointer data)
{
  g_auto (Files) files = { 0 };
  g_autofree char *other = ws_fixture_find ("other.pem");

  start_with_files (f, &files);
  ws_fixture_assert_dial (f, "/tls/ws", "localhost");

  /* Halfway, and broken: what was there before stays. */
  ws_fixture_replace (files.certificate, "other.pem");
  test_world_advance (f->world, 2 * G_USEC_PER_SEC);
  ws_fixture_assert_dial (f, "/tls/ws", "localhost");
  g_assert_nonnull (test_log_find ("is kept"));
  test_log_clear ();
  ws_fixture_assert_dial (f, "/tls/ws", "localhost");
  g_assert_null (test_log_find ("is kept"));

  ws_fixture_replace (files.key, "other-key.pem");
  test_world_advance (f->world, 2 * G_USEC_PER_SEC);
  ws_fixture_configure_tls (f, files.certificate, files.key, other);
  ws_fixture_assert_dial (f, "/tls/ws", "example.org");
}

/* What an editor, a full disk or a renewal that went wrong may leave. */
static void
test_reload_broken (WsFixture *f, gconstpointer data)
{
  static const char cut[] = "-----BEGIN CERTIFICATE-----\nMIIB";
  static const struct
  {
    gboolean key;
    const char *contents; /* NULL: no file */
  } cases[] = {
    { FALSE, NULL }, { FALSE, "" }, { FALSE, "nothing of the kind\n" }, { FALSE, cut },
    { TRUE, NULL },  { TRUE, "" },  { TRUE, "nothing of the kind\n" },  { TRUE, cut },
  };
  g_auto (Files) files = { 0 };

  start_with_files (f, &files);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const char *path = cases[i].key ? files.key : files.certificate;

      test_log_clear ();
      if (cases[i].contents == NULL)
        g_assert_cmpint (g_unlink (path), ==, 0);
      else
        g_assert_true (g_file_set_contents (path, cases[i].contents, -1, NULL));
      test_world_advance (f->world, 2 * G_USEC_PER_SEC);
      ws_fixture_assert_dial (f, "/tls/ws", "localhost");
      g_assert_nonnull (test_log_find ("is kept"));
      g_assert_nonnull (test_log_find (path));
      ws_fixture_replace (path, cases[i].key ? "localhost-key.pem" : "localhost.pem");
      test_world_advance (f->world, 2 * G_USEC_PER_SEC);
      ws_fixture_assert_dial (f, "/tls/ws", "localhost");
      g_assert_nonnull (test_log_find ("anew"));
    }
}

/* Files that are good only later are looked at again, and complained of once. */
static void
test_reload_later (WsFixture *f, gconstpointer data)
{
  g_auto (Files) files = { 0 };
  gint64 now = f->world->epoch;

  start_with_files (f, &files);
  test_log_clear ();
  f->world->epoch = 0;
  ws_fixture_replace (files.certificate, "localhost.pem");
  for (guint i = 0; i < 3; i++)
    {
      test_world_advance (f->world, 61 * G_USEC_PER_SEC);
      ws_fixture_assert_dial (f, "/tls/ws", "localhost");
      g_assert_cmpint (test_log_find ("is kept") != NULL, ==, i == 0);
      g_assert_null (test_log_find ("anew"));
      test_log_clear ();
    }
  f->world->epoch = now;
  test_world_advance (f->world, 61 * G_USEC_PER_SEC);
  ws_fixture_assert_dial (f, "/tls/ws", "localhost");
  g_assert_nonnull (test_log_find ("anew"));

  f->world->epoch = now + 200 * YEAR;
  for (guint i = 0; i < 2; i++)
    {
      test_log_clear ();
      test_world_advance (f->world, 2 * G_USEC_PER_SEC);
      ws_fixture_assert_dial (f, "/tls/ws", "localhost");
      g_assert_cmpint (test_log_find ("has expired") != NULL, ==, i == 0);
    }
}

/* Permissions count too. */
static void
test_reload_permissions (WsFixture *f, gconstpointer data)
{
  g_auto (Files) files = { 0 };
  GStatBuf before;
  GStatBuf after;

  start_with_files (f, &files);
  test_log_clear ();
  g_assert_cmpint (g_stat (files.key, &before), ==, 0);
  do
    {
      g_assert_cmpint (g_chmod (files.key, 0600), ==, 0);
      g_assert_cmpint (g_stat (files.key, &after), ==, 0);
    }
  while (after.st_ctim.tv_sec == before.st_ctim.tv_sec && after.st_ctim.tv_nsec == before.st_ctim.tv_nsec);

  test_world_advance (f->world, 2 * G_USEC_PER_SEC);
  ws_fixture_assert_dial (f, "/tls/ws", "localhost");
  g_assert_nonnull (test_log_find ("anew"));
}

#define ADD(name, set_up, data, func) \
  g_test_add ("/ws-certificate/" name, WsFixture, data, set_up, func, ws_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  test_log_install ();
  ADD ("wrong-certificates", ws_fixture_set_up_secure, NULL, test_wrong_certificates);
  ADD ("reload", ws_fixture_set_up_secure, NULL, test_reload);
  ADD ("reload-broken", ws_fixture_set_up_secure, NULL, test_reload_broken);
  ADD ("reload-later", ws_fixture_set_up_secure, NULL, test_reload_later);
  ADD ("reload-permissions", ws_fixture_set_up_secure, NULL, test_reload_permissions);
  return g_test_run ();
}
