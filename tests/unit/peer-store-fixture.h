/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "host/lp2p-peer-batch-private.h"
#include "host/lp2p-peer-store-private.h"
#include "test-world.h"

#include <lp2p/types/lp2p-peer-record.h>

/* A peer store in a test's world, in memory or in a file of its own folder. */
typedef struct
{
  TestWorld *world;
  Lp2pIdentity *own;
  Lp2pIdentity *peers[3];
  char *folder;
  char *path;
  const char *network;
  Lp2pPeerStore *store;
  gboolean on_disk;
} Fixture;

/* What was warned of since fixture_expect_warnings(), one a line. */
static GString *fixture_warnings;
/* Whose the store is: no other may log. */
static GThread *fixture_thread;

G_GNUC_UNUSED static GLogWriterOutput
fixture_write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  if ((level & G_LOG_LEVEL_WARNING) == 0)
    return g_log_writer_default (level, fields, n_fields, user_data);
  g_assert_true (g_thread_self () == fixture_thread);
  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (fields[i].key, "MESSAGE"))
      g_string_append_printf (fixture_warnings, "%s\n", (const char *) fields[i].value);
  return G_LOG_WRITER_HANDLED;
}

/* Checks what was warned of: a text in each line expected, in their order. */
G_GNUC_UNUSED static void
fixture_assert_warned (const char *first, const char *second)
{
  g_auto (GStrv) lines = g_strsplit (fixture_warnings->str, "\n", -1);
  guint n = (first != NULL) + (second != NULL);

  /* Each line has an end, behind which the last piece is empty. */
  if (g_strv_length (lines) != (n > 0 ? n + 1 : 0) || (first != NULL && strstr (lines[0], first) == NULL) ||
      (second != NULL && strstr (lines[1], second) == NULL))
    g_error ("Warned of:\n%sexpected: %s, %s", fixture_warnings->str, first, second);
  g_string_set_size (fixture_warnings, 0);
}

G_GNUC_UNUSED static char *
fixture_get_network (gpointer user_data)
{
  return g_strdup (((Fixture *) user_data)->network);
}

G_GNUC_UNUSED static void
fixture_open (Fixture *f)
{
  f->store = lp2p_peer_store_new (f->world->loop, lp2p_identity_get_peer_id (f->own), f->on_disk ? f->path : NULL);
  lp2p_peer_store_set_network_func (f->store, fixture_get_network, f);
  lp2p_peer_store_open (f->store);
}

G_GNUC_UNUSED static void
fixture_set_up (Fixture *f, gconstpointer on_disk)
{
  fixture_warnings = g_string_new (NULL);
  fixture_thread = g_thread_self ();
  f->world = test_world_new (FALSE);
  f->own = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (f->peers); i++)
    f->peers[i] = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, NULL);
  f->folder = g_dir_make_tmp ("lp2p-peer-store-XXXXXX", NULL);
  g_assert_nonnull (f->folder);
  f->path = g_build_filename (f->folder, "peers", NULL);
  f->network = "home";
  f->on_disk = GPOINTER_TO_INT (on_disk);
  fixture_open (f);
  g_assert_true (lp2p_peer_store_is_on_disk (f->store) == f->on_disk);
}

G_GNUC_UNUSED static void
fixture_tear_down (Fixture *f, gconstpointer on_disk)
{
  g_autoptr (GDir) dir = NULL;
  const char *name;

  g_clear_pointer (&f->store, lp2p_peer_store_free);
  dir = g_dir_open (f->folder, 0, NULL);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (f->folder, name, NULL);

      g_remove (path);
    }
  g_rmdir (f->folder);
  for (guint i = 0; i < G_N_ELEMENTS (f->peers); i++)
    g_object_unref (f->peers[i]);
  g_object_unref (f->own);
  test_world_free (f->world);
  g_free (f->folder);
  g_free (f->path);
  fixture_assert_warned (NULL, NULL);
  g_string_free (fixture_warnings, TRUE);
}

/* Damages the file under a store that has it open. */
G_GNUC_UNUSED static void
fixture_damage (Fixture *f)
{
  g_autofree char *log = g_strconcat (f->path, "-wal", NULL);
  g_autofree char *noise = g_strnfill (65536, 'x');
  FILE *file = fopen (f->path, "r+");

  g_assert_nonnull (file);
  g_assert_cmpint (fseek (file, 4096, SEEK_SET), ==, 0);
  g_assert_cmpuint (fwrite (noise, 65536, 1, file), ==, 1);
  fclose (file);
  g_assert_cmpint (truncate (log, 0), ==, 0);
}

/* What the disk does not have yet is written. */
G_GNUC_UNUSED static void
fixture_flush (Fixture *f)
{
  g_autoptr (GError) error = NULL;

  lp2p_peer_store_flush (f->store, &error);
  g_assert_no_error (error);
}

/* What is on disk is read again; in memory there is nothing to do. */
G_GNUC_UNUSED static void
fixture_reopen (Fixture *f)
{
  if (!f->on_disk)
    return;
  fixture_flush (f);
  lp2p_peer_store_free (f->store);
  fixture_open (f);
}

G_GNUC_UNUSED static Lp2pPeerId *
fixture_id (Fixture *f, guint i)
{
  return lp2p_identity_get_peer_id (f->peers[i]);
}

G_GNUC_UNUSED static Lp2pMultiaddr *
fixture_address (const char *text)
{
  Lp2pMultiaddr *address = lp2p_multiaddr_new_from_string (text, NULL);

  g_assert_nonnull (address);
  return address;
}

/* From texts that are separated by spaces. */
G_GNUC_UNUSED static GPtrArray *
fixture_addresses (const char *texts)
{
  g_auto (GStrv) all = g_strsplit (texts, " ", -1);
  GPtrArray *addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);

  for (guint i = 0; all[i] != NULL; i++)
    if (all[i][0] != '\0')
      g_ptr_array_add (addresses, fixture_address (all[i]));
  return addresses;
}

G_GNUC_UNUSED static void
fixture_tell (Fixture *f, guint i, const char *texts)
{
  g_autoptr (GPtrArray) addresses = fixture_addresses (texts);
  Lp2pPeerInfo info = { .addresses = addresses };

  lp2p_peer_store_update (f->store, fixture_id (f, i), &info);
}

G_GNUC_UNUSED static void
fixture_configure (Fixture *f, guint i, const char *texts, gint64 lifetime)
{
  g_autoptr (GPtrArray) addresses = fixture_addresses (texts);

  lp2p_peer_store_add_addresses (f->store, fixture_id (f, i), addresses, lifetime);
}

G_GNUC_UNUSED static void
fixture_dial (Fixture *f, guint i, const char *text, gboolean ok)
{
  g_autoptr (Lp2pMultiaddr) address = fixture_address (text);

  lp2p_peer_store_note_dial (f->store, fixture_id (f, i), address, ok);
}

G_GNUC_UNUSED static GBytes *
fixture_seal (Fixture *f, guint i, guint64 seq, const char *texts)
{
  g_autoptr (GPtrArray) addresses = fixture_addresses (texts);
  g_autoptr (Lp2pPeerRecord) record = lp2p_peer_record_new (fixture_id (f, i), seq, addresses);
  GBytes *sealed = lp2p_peer_record_seal (record, f->peers[i], NULL);

  g_assert_nonnull (sealed);
  return sealed;
}

G_GNUC_UNUSED static void
fixture_certify (Fixture *f, guint i, guint64 seq, const char *texts)
{
  g_autoptr (GBytes) sealed = fixture_seal (f, i, seq, texts);
  Lp2pPeerInfo info = { .signed_record = sealed };

  lp2p_peer_store_update (f->store, fixture_id (f, i), &info);
}

G_GNUC_UNUSED static void
fixture_check (Fixture *f, guint i, const char *texts, const char *where)
{
  g_autoptr (GPtrArray) addresses = lp2p_peer_store_dup_addresses (f->store, fixture_id (f, i));
  g_autoptr (GString) got = g_string_new (NULL);

  for (guint j = 0; j < addresses->len; j++)
    g_string_append_printf (got, "%s%s", j > 0 ? " " : "", lp2p_multiaddr_get_string (g_ptr_array_index (addresses, j)));
  if (!g_str_equal (got->str, texts))
    g_error ("%s: the addresses are \"%s\", expected \"%s\"", where, got->str, texts);
}

/* The addresses of a peer, in the order they are to be tried. */
#define fixture_assert_addresses(f, i, texts) fixture_check ((f), (i), (texts), G_STRLOC)

G_GNUC_UNUSED static void
fixture_set_data (Fixture *f, guint i, const char *key, const char *text, gint64 lifetime, Lp2pPeerDataFlags flags)
{
  g_autoptr (GBytes) data = text != NULL ? g_bytes_new (text, strlen (text)) : NULL;

  lp2p_peer_store_set_data (f->store, fixture_id (f, i), "test", key, data, lifetime, flags);
}

G_GNUC_UNUSED static void
fixture_check_data (Fixture *f, guint i, const char *key, const char *text, const char *where)
{
  g_autoptr (GBytes) data = lp2p_peer_store_get_data (f->store, fixture_id (f, i), "test", key);
  g_autofree char *got = data != NULL ? g_strndup (g_bytes_get_data (data, NULL), g_bytes_get_size (data)) : NULL;

  if (g_strcmp0 (got, text) != 0)
    g_error ("%s: the entry is %s, expected %s", where, got, text);
}

#define fixture_assert_data(f, i, key, text) fixture_check_data ((f), (i), (key), (text), G_STRLOC)
