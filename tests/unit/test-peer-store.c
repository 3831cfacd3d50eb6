/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a peer store remembers, and for how long: each case in memory and on disk,
 * where the store is opened again in between. */

#include "host/lp2p-network-id-private.h"
#include "peer-store-fixture.h"

#define A "/ip4/192.0.2.1/tcp/1"
#define B "/ip4/192.0.2.2/tcp/2"
#define C "/ip6/2001:db8::3/tcp/3"
#define LAN "/ip4/192.168.1.5/tcp/4"

static void
pass (Fixture *f, gint64 seconds)
{
  test_world_jump (f->world, seconds * G_USEC_PER_SEC);
  test_world_settle (f->world);
}

static void
test_lifetimes (Fixture *f, gconstpointer on_disk)
{
  fixture_tell (f, 0, A);
  fixture_certify (f, 1, 1, A);
  fixture_dial (f, 2, A, TRUE);
  fixture_configure (f, 2, B, 10);
  fixture_configure (f, 2, C, G_MAXINT64);
  fixture_reopen (f);
  fixture_assert_addresses (f, 2, A " " B " " C);
  pass (f, 10);
  fixture_assert_addresses (f, 2, A " " C);
  pass (f, LP2P_PEER_LIFETIME_TOLD_S - 11);
  fixture_reopen (f);
  fixture_assert_addresses (f, 0, A);
  pass (f, 1);
  fixture_assert_addresses (f, 0, "");
  fixture_reopen (f);
  fixture_assert_addresses (f, 0, "");
  fixture_assert_addresses (f, 1, A);
  pass (f, LP2P_PEER_LIFETIME_CERTIFIED_S);
  fixture_assert_addresses (f, 1, "");
  fixture_assert_addresses (f, 2, A " " C);
  pass (f, LP2P_PEER_LIFETIME_CONNECTED_S);
  fixture_assert_addresses (f, 2, C);
  pass (f, 400 * 24 * 60 * 60);
  fixture_reopen (f);
  fixture_assert_addresses (f, 2, C);
}

static void
test_own_lifetime (Fixture *f, gconstpointer on_disk)
{
  g_autoptr (GPtrArray) addresses = fixture_addresses (A);
  Lp2pPeerInfo info = { .addresses = addresses, .lifetime = 120 };

  lp2p_peer_store_update (f->store, fixture_id (f, 0), &info);
  fixture_reopen (f);
  pass (f, 119);
  fixture_assert_addresses (f, 0, A);
  pass (f, 1);
  fixture_assert_addresses (f, 0, "");
  /* A lifetime that no clock reaches. */
  info.lifetime = G_MAXINT64 / 2;
  lp2p_peer_store_update (f->store, fixture_id (f, 0), &info);
  pass (f, 1000);
  fixture_assert_addresses (f, 0, A);
}

static Lp2pPeerAddressSource
get_source (Fixture *f, guint i, const char *text)
{
  g_autoptr (Lp2pMultiaddr) address = fixture_address (text);
  const Lp2pPeerAddress *known = lp2p_peer_store_find_address (f->store, fixture_id (f, i), address);

  g_assert_nonnull (known);
  return known->source;
}

static void
test_sources (Fixture *f, gconstpointer on_disk)
{
  fixture_tell (f, 0, A " " B);
  fixture_tell (f, 0, B " " C);
  fixture_reopen (f);
  fixture_assert_addresses (f, 0, B " " C);
  g_assert_cmpint (get_source (f, 0, B), ==, LP2P_PEER_ADDRESS_TOLD);

  /* What is certified replaces what is only told, not the other way around. */
  fixture_certify (f, 0, 1, A " " B);
  fixture_reopen (f);
  fixture_assert_addresses (f, 0, A " " B);
  fixture_tell (f, 0, C);
  fixture_reopen (f);
  fixture_assert_addresses (f, 0, A " " B " " C);
  g_assert_cmpint (get_source (f, 0, A), ==, LP2P_PEER_ADDRESS_CERTIFIED);

  /* What answered stays when the peer does not list it. */
  fixture_dial (f, 0, A, TRUE);
  fixture_certify (f, 0, 2, B);
  fixture_reopen (f);
  fixture_assert_addresses (f, 0, A " " B);
  g_assert_cmpint (get_source (f, 0, A), ==, LP2P_PEER_ADDRESS_CONNECTED);

  /* A weaker source neither takes over nor shortens. */
  fixture_configure (f, 0, C, G_MAXINT64);
  fixture_tell (f, 0, C);
  fixture_dial (f, 0, C, TRUE);
  fixture_reopen (f);
  g_assert_cmpint (get_source (f, 0, C), ==, LP2P_PEER_ADDRESS_CONFIGURED);
  pass (f, 30 * 24 * 60 * 60);
  fixture_assert_addresses (f, 0, C);
  /* The same source may. */
  fixture_configure (f, 0, C, 5);
  pass (f, 5);
  fixture_assert_addresses (f, 0, "");
}

static void
test_peer_ids (Fixture *f, gconstpointer on_disk)
{
  g_autofree char *own = g_strdup_printf (A "/p2p/%s", lp2p_peer_id_get_string (fixture_id (f, 0)));
  g_autofree char *others = g_strdup_printf (B "/p2p/%s", lp2p_peer_id_get_string (fixture_id (f, 1)));
  g_autofree char *relayed = g_strdup_printf (B "/p2p/%s/p2p-circuit", lp2p_peer_id_get_string (fixture_id (f, 1)));
  g_autofree char *all = g_strjoin (" ", own, others, relayed, NULL);
  g_autofree char *expected = g_strjoin (" ", A, relayed, NULL);

  fixture_tell (f, 0, all);
  fixture_reopen (f);
  fixture_assert_addresses (f, 0, expected);
  fixture_dial (f, 0, own, FALSE);
  g_autoptr (Lp2pMultiaddr) address = fixture_address (own);
  g_assert_cmpint (lp2p_peer_store_find_address (f->store, fixture_id (f, 0), address)->last_failure, >, 0);
}

static void
offer_record (Fixture *f, guint i, GBytes *record)
{
  Lp2pPeerInfo info = { .signed_record = record };

  lp2p_peer_store_update (f->store, fixture_id (f, i), &info);
}

static void
test_records (Fixture *f, gconstpointer on_disk)
{
  g_autoptr (GBytes) five = fixture_seal (f, 0, 5, A);
  g_autoptr (GBytes) other = fixture_seal (f, 1, 9, C);
  g_autoptr (GBytes) kept = NULL;
  g_autofree guint8 *broken = g_memdup2 (g_bytes_get_data (five, NULL), g_bytes_get_size (five));
  g_autoptr (GBytes) damaged = NULL;

  offer_record (f, 0, five);
  fixture_reopen (f);
  fixture_certify (f, 0, 4, B);
  fixture_assert_addresses (f, 0, A);
  fixture_certify (f, 0, 5, B);
  fixture_assert_addresses (f, 0, A);
  offer_record (f, 0, other);
  fixture_assert_addresses (f, 0, A);
  broken[g_bytes_get_size (five) - 1] ^= 1;
  damaged = g_bytes_new (broken, g_bytes_get_size (five));
  offer_record (f, 1, damaged);
  offer_record (f, 0, damaged);
  fixture_reopen (f);
  fixture_assert_addresses (f, 0, A);
  fixture_assert_addresses (f, 1, "");
  kept = lp2p_peer_store_dup_record (f->store, fixture_id (f, 0));
  g_assert_true (g_bytes_equal (kept, five));

  /* The same one again renews it. */
  pass (f, LP2P_PEER_LIFETIME_CERTIFIED_S - 1);
  offer_record (f, 0, five);
  fixture_reopen (f);
  pass (f, LP2P_PEER_LIFETIME_CERTIFIED_S - 1);
  fixture_assert_addresses (f, 0, A);
  /* When the addresses are no longer valid, the number still counts. */
  pass (f, 1);
  fixture_reopen (f);
  fixture_assert_addresses (f, 0, "");
  fixture_certify (f, 0, 3, B);
  fixture_assert_addresses (f, 0, "");
  fixture_certify (f, 0, G_MAXUINT64, B);
  fixture_reopen (f);
  fixture_certify (f, 0, 6, C);
  fixture_assert_addresses (f, 0, B);
  fixture_certify (f, 2, 1, "");
  fixture_assert_addresses (f, 2, "");
}

/* Beside a record that is refused, or certifies nothing, what is told counts. */
static void
test_told_beside_record (Fixture *f, gconstpointer on_disk)
{
  g_autoptr (GBytes) two = fixture_seal (f, 0, 2, A);
  g_autoptr (GBytes) one = fixture_seal (f, 0, 1, B);
  g_autoptr (GBytes) none = fixture_seal (f, 1, 1, "");
  g_autoptr (GPtrArray) told = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
  Lp2pPeerInfo info = { .addresses = told };

  g_ptr_array_add (told, fixture_address (C));
  info.signed_record = two;
  lp2p_peer_store_update (f->store, fixture_id (f, 0), &info);
  fixture_assert_addresses (f, 0, A);
  info.signed_record = one;
  lp2p_peer_store_update (f->store, fixture_id (f, 0), &info);
  fixture_assert_addresses (f, 0, A " " C);
  info.signed_record = none;
  lp2p_peer_store_update (f->store, fixture_id (f, 1), &info);
  fixture_assert_addresses (f, 1, C);
}

static void
test_address_bounds (Fixture *f, gconstpointer on_disk)
{
  g_autoptr (GString) many = g_string_new (NULL);
  g_autoptr (GString) large = g_string_new ("/ip4/192.0.2.1/tcp/1/http-path/");
  g_autoptr (GPtrArray) known = NULL;
  g_autoptr (GBytes) record = NULL;

  for (guint i = 0; i < 600; i++)
    g_string_append_c (large, 'x');
  fixture_tell (f, 0, large->str);
  fixture_assert_addresses (f, 0, "");

  for (guint i = 1; i <= 200; i++)
    g_string_append_printf (many, "/ip4/198.51.100.1/tcp/%u ", i);
  fixture_configure (f, 0, A " " B, G_MAXINT64);
  fixture_tell (f, 0, many->str);
  fixture_reopen (f);
  known = lp2p_peer_store_dup_addresses (f->store, fixture_id (f, 0));
  g_assert_cmpuint (known->len, ==, LP2P_PEER_MAX_ADDRESSES);
  g_assert_cmpint (get_source (f, 0, A), ==, LP2P_PEER_ADDRESS_CONFIGURED);
  g_assert_cmpint (get_source (f, 0, B), ==, LP2P_PEER_ADDRESS_CONFIGURED);

  /* The same where nothing makes room. */
  fixture_configure (f, 1, many->str, 1000);
  fixture_tell (f, 1, C);
  fixture_dial (f, 1, C, TRUE);
  g_clear_pointer (&known, g_ptr_array_unref);
  known = lp2p_peer_store_dup_addresses (f->store, fixture_id (f, 1));
  g_assert_cmpuint (known->len, ==, LP2P_PEER_MAX_ADDRESSES);
  for (guint i = 0; i < known->len; i++)
    g_assert_cmpstr (lp2p_multiaddr_get_string (g_ptr_array_index (known, i)), !=, C);

  /* More than a record of so many addresses can have. */
  for (guint i = 201; i <= 1000; i++)
    g_string_append_printf (many, "/ip6/2001:db8::%x/udp/%u/quic-v1 ", i, i);
  record = fixture_seal (f, 2, 1, many->str);
  g_assert_cmpuint (g_bytes_get_size (record), >, LP2P_PEER_MAX_RECORD_SIZE);
  offer_record (f, 2, record);
  fixture_assert_addresses (f, 2, "");
}

static void
test_facts (Fixture *f, gconstpointer on_disk)
{
  g_autoptr (GPtrArray) protocols = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *long_text = g_strnfill (1000, 'a');
  Lp2pPeerInfo info = { .agent_version = "lp2p\n\x1b[1m\xff", .protocol_version = long_text };
  g_auto (GStrv) kept = NULL;
  g_autofree char *agent = NULL;

  g_ptr_array_add (protocols, g_strdup ("/a\n/b"));
  g_ptr_array_add (protocols, g_strdup (""));
  for (guint i = 0; i < 1000; i++)
    g_ptr_array_add (protocols, g_strdup_printf ("/test/%u", i));
  g_ptr_array_add (protocols, NULL);
  info.protocols = (const char *const *) protocols->pdata;
  lp2p_peer_store_update (f->store, fixture_id (f, 0), &info);
  fixture_reopen (f);
  kept = lp2p_peer_store_dup_protocols (f->store, fixture_id (f, 0));
  g_assert_cmpuint (g_strv_length (kept), ==, LP2P_PEER_MAX_PROTOCOLS);
  g_assert_cmpstr (kept[0], ==, "/test/0");
  agent = lp2p_peer_store_dup_agent (f->store, fixture_id (f, 0));
  g_assert_cmpstr (agent, ==, "lp2p  [1m\357\277\275");

  /* What is not said stays. */
  info = (Lp2pPeerInfo){ .agent_version = "other" };
  lp2p_peer_store_update (f->store, fixture_id (f, 0), &info);
  fixture_reopen (f);
  g_clear_pointer (&kept, g_strfreev);
  kept = lp2p_peer_store_dup_protocols (f->store, fixture_id (f, 0));
  g_assert_cmpuint (g_strv_length (kept), ==, LP2P_PEER_MAX_PROTOCOLS);
  g_assert_null (lp2p_peer_store_dup_agent (f->store, fixture_id (f, 1)));
  g_assert_null (lp2p_peer_store_dup_protocols (f->store, fixture_id (f, 1)));
}

static void
test_public_key (Fixture *f, gconstpointer on_disk)
{
  g_autoptr (Lp2pIdentity) rsa = lp2p_identity_generate (LP2P_KEY_TYPE_RSA, NULL);
  Lp2pPeerId *id = lp2p_identity_get_peer_id (rsa);
  g_autoptr (Lp2pPublicKey) kept = NULL;
  g_autoptr (Lp2pPublicKey) inlined = lp2p_peer_store_dup_public_key (f->store, fixture_id (f, 0));

  g_assert_true (lp2p_public_key_equal (inlined, lp2p_identity_get_public_key (f->peers[0])));
  g_assert_null (lp2p_peer_store_dup_public_key (f->store, id));
  lp2p_peer_store_note_connected (f->store, id, lp2p_identity_get_public_key (f->peers[0]), TRUE);
  g_assert_null (lp2p_peer_store_dup_public_key (f->store, id));
  lp2p_peer_store_note_connected (f->store, id, lp2p_identity_get_public_key (rsa), TRUE);
  fixture_reopen (f);
  kept = lp2p_peer_store_dup_public_key (f->store, id);
  g_assert_true (lp2p_public_key_equal (kept, lp2p_identity_get_public_key (rsa)));
}

static void
test_ranking (Fixture *f, gconstpointer on_disk)
{
  fixture_tell (f, 0, A " " B);
  fixture_configure (f, 0, C, 100);
  fixture_reopen (f);
  fixture_assert_addresses (f, 0, C " " A " " B);
  fixture_dial (f, 0, A, FALSE);
  fixture_reopen (f);
  fixture_assert_addresses (f, 0, C " " B " " A);
  pass (f, 1);
  fixture_dial (f, 0, B, TRUE);
  fixture_reopen (f);
  fixture_assert_addresses (f, 0, B " " C " " A);
  pass (f, 1);
  fixture_dial (f, 0, A, TRUE);
  fixture_reopen (f);
  fixture_assert_addresses (f, 0, A " " B " " C);
  pass (f, 1);
  fixture_dial (f, 0, A, FALSE);
  fixture_reopen (f);
  fixture_assert_addresses (f, 0, B " " C " " A);
  /* The address of nobody known is not made one. */
  fixture_dial (f, 1, A, FALSE);
  fixture_dial (f, 0, LAN, FALSE);
  fixture_assert_addresses (f, 1, "");
  fixture_assert_addresses (f, 0, B " " C " " A);
}

static void
move_to (Fixture *f, const char *network)
{
  f->network = network;
  /* How old the answer may get. */
  pass (f, 10);
}

static void
test_network (Fixture *f, gconstpointer on_disk)
{
  const char *loopback = "/ip4/127.0.0.1/tcp/9";

  fixture_configure (f, 0, LAN, 100000);
  fixture_tell (f, 0, A);
  fixture_configure (f, 1, loopback, 100000);
  fixture_tell (f, 1, A);
  fixture_reopen (f);
  fixture_assert_addresses (f, 0, LAN " " A);
  move_to (f, "cafe");
  fixture_reopen (f);
  /* The same number is somebody else's here; public addresses are the same everywhere. */
  fixture_assert_addresses (f, 0, A " " LAN);
  fixture_assert_addresses (f, 1, "/ip4/127.0.0.1/tcp/9 " A);
  fixture_configure (f, 0, LAN, 100000);
  fixture_assert_addresses (f, 0, LAN " " A);
  move_to (f, "home");
  fixture_assert_addresses (f, 0, A " " LAN);
}

static void
test_data (Fixture *f, gconstpointer on_disk)
{
  const Lp2pPeerDataFlags flags = LP2P_PEER_DATA_PERSISTENT;
  g_autofree char *large = g_strnfill (LP2P_PEER_MAX_DATA_SIZE + 1, 'a');

  fixture_assert_data (f, 0, "one", NULL);
  fixture_set_data (f, 0, "one", "1", 100, flags);
  fixture_set_data (f, 0, "two", "2", 200, flags | LP2P_PEER_DATA_SECRET);
  fixture_set_data (f, 0, "empty", "", 200, flags | LP2P_PEER_DATA_SECRET);
  fixture_set_data (f, 1, "one", "other", 100, flags);
  fixture_reopen (f);
  fixture_assert_data (f, 0, "one", "1");
  fixture_assert_data (f, 0, "two", "2");
  fixture_assert_data (f, 0, "empty", "");
  fixture_assert_data (f, 1, "one", "other");
  fixture_set_data (f, 0, "one", "new", 150, flags);
  pass (f, 100);
  fixture_reopen (f);
  fixture_assert_data (f, 0, "one", "new");
  fixture_assert_data (f, 1, "one", NULL);
  fixture_set_data (f, 0, "one", NULL, 0, LP2P_PEER_DATA_NONE);
  fixture_reopen (f);
  fixture_assert_data (f, 0, "one", NULL);
  fixture_assert_data (f, 0, "two", "2");
  pass (f, 100);
  fixture_assert_data (f, 0, "two", NULL);
  fixture_set_data (f, 0, "large", large, 100, flags);
  fixture_assert_data (f, 0, "large", NULL);

  /* Of one too many, the one that would go first makes room. */
  for (guint i = 0; i < LP2P_PEER_MAX_DATA + 1; i++)
    {
      g_autofree char *key = g_strdup_printf ("key-%u", i);

      fixture_set_data (f, 2, key, key, i == 7 ? 10 : 1000, flags);
    }
  fixture_reopen (f);
  fixture_assert_data (f, 2, "key-0", "key-0");
  fixture_assert_data (f, 2, "key-7", NULL);
  fixture_assert_data (f, 2, "key-64", "key-64");
}

static void
test_own_data (Fixture *f, gconstpointer on_disk)
{
  Lp2pPeerId *own = lp2p_identity_get_peer_id (f->own);
  g_autoptr (GBytes) data = g_bytes_new_static ("x", 1);
  g_autoptr (GBytes) kept = NULL;

  lp2p_peer_store_get_list (f->store);
  lp2p_peer_store_set_data (f->store, own, "test", "own", data, 100, LP2P_PEER_DATA_PERSISTENT);
  test_world_settle (f->world);
  g_assert_cmpuint (g_list_model_get_n_items (lp2p_peer_store_get_list (f->store)), ==, 0);
  fixture_reopen (f);
  kept = lp2p_peer_store_get_data (f->store, own, "test", "own");
  g_assert_true (g_bytes_equal (kept, data));
  g_assert_cmpuint (g_list_model_get_n_items (lp2p_peer_store_get_list (f->store)), ==, 0);
}

static void
test_secrets_are_copied (Fixture *f, gconstpointer on_disk)
{
  g_autofree char *text = g_strdup ("secret");
  g_autoptr (GBytes) data = g_bytes_new_static (text, 6);

  lp2p_peer_store_set_data (f->store, fixture_id (f, 0), "test", "key", data, 100, LP2P_PEER_DATA_SECRET);
  memset (text, 'x', 6);
  fixture_assert_data (f, 0, "key", "secret");
  if (f->on_disk)
    {
      fixture_reopen (f);
      fixture_assert_data (f, 0, "key", NULL);
    }
}

static void
test_forget (Fixture *f, gconstpointer on_disk)
{
  g_autofree char *agent = NULL;

  fixture_certify (f, 0, 7, A);
  fixture_set_data (f, 0, "one", "1", 100, LP2P_PEER_DATA_PERSISTENT);
  fixture_tell (f, 1, B);
  fixture_reopen (f);
  lp2p_peer_store_forget (f->store, fixture_id (f, 0));
  fixture_assert_addresses (f, 0, "");
  fixture_assert_data (f, 0, "one", NULL);
  fixture_reopen (f);
  fixture_assert_addresses (f, 0, "");
  fixture_assert_data (f, 0, "one", NULL);
  fixture_assert_addresses (f, 1, B);
  /* Not even how new its record was. */
  fixture_certify (f, 0, 1, C);
  fixture_reopen (f);
  fixture_assert_addresses (f, 0, C);

  /* Forgotten, then met again before it was written. */
  lp2p_peer_store_forget (f->store, fixture_id (f, 0));
  fixture_tell (f, 0, B);
  fixture_reopen (f);
  fixture_assert_addresses (f, 0, B);

  /* While connected, what is told later is kept. */
  lp2p_peer_store_note_connected (f->store, fixture_id (f, 1), NULL, TRUE);
  lp2p_peer_store_forget (f->store, fixture_id (f, 1));
  fixture_assert_addresses (f, 1, "");
  fixture_tell (f, 1, A);
  lp2p_peer_store_note_connected (f->store, fixture_id (f, 1), NULL, FALSE);
  fixture_reopen (f);
  fixture_assert_addresses (f, 1, A);
  lp2p_peer_store_forget (f->store, lp2p_identity_get_peer_id (f->own));
}

static void
test_memory_bound (Fixture *f, gconstpointer on_disk)
{
  lp2p_peer_store_set_max_peers (f->store, 2);
  fixture_tell (f, 0, A);
  fixture_tell (f, 1, B);
  fixture_assert_addresses (f, 0, A);
  fixture_flush (f);
  fixture_tell (f, 2, C);
  g_assert_cmpuint (lp2p_peer_store_get_n_peers (f->store), ==, 2);
  fixture_assert_addresses (f, 0, A);
  fixture_flush (f);
  /* The file has it still. */
  fixture_assert_addresses (f, 1, f->on_disk ? B : "");
  g_assert_cmpuint (lp2p_peer_store_get_n_peers (f->store), ==, 2);

  /* Who is connected is not dropped. */
  lp2p_peer_store_note_connected (f->store, fixture_id (f, 0), NULL, TRUE);
  lp2p_peer_store_note_connected (f->store, fixture_id (f, 1), NULL, TRUE);
  lp2p_peer_store_note_connected (f->store, fixture_id (f, 2), NULL, TRUE);
  g_assert_cmpuint (lp2p_peer_store_get_n_peers (f->store), ==, 3);
  for (guint i = 0; i < 3; i++)
    lp2p_peer_store_note_connected (f->store, fixture_id (f, i), NULL, FALSE);
  lp2p_peer_store_set_data (f->store, lp2p_identity_get_peer_id (f->own), "test", "key", NULL, 0, 0);
  fixture_set_data (f, 0, "key", "1", 10, LP2P_PEER_DATA_NONE);
  g_assert_cmpuint (lp2p_peer_store_get_n_peers (f->store), <=, 3);
}

static void
tell_protocols (Fixture *f, guint n)
{
  g_auto (GStrv) protocols = g_new0 (char *, 101);
  Lp2pPeerInfo info = { .protocols = (const char *const *) protocols };

  for (guint i = 0; i < 100; i++)
    protocols[i] = g_strdup_printf ("/%0100u", i);
  for (guint i = 0; i < n; i++)
    {
      guint8 bytes[34] = { 0x12, 0x20, [33] = i };
      g_autoptr (Lp2pPeerId) peer = lp2p_peer_id_new_from_bytes (bytes, sizeof bytes, NULL);

      lp2p_peer_store_note_connected (f->store, peer, NULL, TRUE);
      lp2p_peer_store_update (f->store, peer, &info);
      lp2p_peer_store_note_connected (f->store, peer, NULL, FALSE);
    }
}

/* Strangers who say much of themselves are fewer, and push out their like first. */
static void
test_byte_bound (Fixture *f, gconstpointer on_disk)
{
  lp2p_peer_store_set_max_bytes (f->store, 100 * 1024);
  fixture_dial (f, 0, A, TRUE);
  fixture_configure (f, 1, B, 1000);
  fixture_tell (f, 2, C);
  fixture_flush (f);
  for (guint i = 0; i < 10; i++)
    {
      tell_protocols (f, 100);
      fixture_flush (f);
    }
  g_assert_cmpuint (lp2p_peer_store_get_n_peers (f->store), <=, 2 + 20);
  fixture_assert_addresses (f, 2, f->on_disk ? C : "");
  lp2p_peer_store_set_storage (f->store, NULL);
  fixture_assert_addresses (f, 0, A);
  fixture_assert_addresses (f, 1, B);
}

static void
test_nothing_known (Fixture *f, gconstpointer on_disk)
{
  g_autoptr (Lp2pMultiaddr) address = fixture_address (A);

  g_assert_null (lp2p_peer_store_find_address (f->store, fixture_id (f, 0), address));
  g_assert_null (lp2p_peer_store_dup_record (f->store, fixture_id (f, 0)));
  fixture_assert_addresses (f, 0, "");
  fixture_set_data (f, 0, "one", NULL, 0, LP2P_PEER_DATA_NONE);
  lp2p_peer_store_forget (f->store, fixture_id (f, 0));
  g_assert_cmpuint (lp2p_peer_store_get_n_peers (f->store), ==, 0);
}

static void
test_network_id (void)
{
  const char *head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
  const char *lan = "wlan0\t0001A8C0\t00000000\t0001\t0\t0\t600\t00FFFFFF\t0\t0\t0\n";
  const char *wifi = "wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n";
  const char *cable = "eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n";
  g_autofree char *both = g_strconcat (head, wifi, lan, cable, NULL);
  g_autofree char *reversed = g_strconcat (head, cable, wifi, NULL);
  g_autofree char *one = g_strconcat (head, wifi, NULL);
  g_autofree char *first = lp2p_network_id_from_routes (both);
  g_autofree char *second = lp2p_network_id_from_routes (reversed);
  g_autofree char *third = lp2p_network_id_from_routes (one);
  g_autofree char *here = lp2p_network_id_dup ();
  const char *nothing[] = { "", "\n\n", head, lan, "x\t00000000\t0\t0\t0\t0\t-1\t00000000\n", "\t\t\t\t\t\t\t" };

  g_assert_cmpstr (first, ==, second);
  g_assert_cmpstr (first, !=, third);
  g_assert_cmpuint (strlen (third), ==, 16);
  g_assert_cmpstr (here, !=, "");
  for (guint i = 0; i < G_N_ELEMENTS (nothing); i++)
    {
      g_autofree char *id = lp2p_network_id_from_routes (nothing[i]);

      g_assert_cmpstr (id, ==, LP2P_NETWORK_UNKNOWN);
    }
}

static void
add (const char *name, void (*func) (Fixture *, gconstpointer))
{
  g_autofree char *memory = g_strdup_printf ("/peer-store/memory/%s", name);
  g_autofree char *sqlite = g_strdup_printf ("/peer-store/sqlite/%s", name);

  g_test_add (memory, Fixture, GINT_TO_POINTER (FALSE), fixture_set_up, func, fixture_tear_down);
  g_test_add (sqlite, Fixture, GINT_TO_POINTER (TRUE), fixture_set_up, func, fixture_tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_log_set_writer_func (fixture_write_log, NULL, NULL);
  add ("lifetimes", test_lifetimes);
  add ("own-lifetime", test_own_lifetime);
  add ("sources", test_sources);
  add ("peer-ids", test_peer_ids);
  add ("records", test_records);
  add ("told-beside-record", test_told_beside_record);
  add ("address-bounds", test_address_bounds);
  add ("facts", test_facts);
  add ("public-key", test_public_key);
  add ("ranking", test_ranking);
  add ("network", test_network);
  add ("data", test_data);
  add ("own-data", test_own_data);
  add ("secrets-are-copied", test_secrets_are_copied);
  add ("forget", test_forget);
  add ("memory-bound", test_memory_bound);
  add ("byte-bound", test_byte_bound);
  add ("nothing-known", test_nothing_known);
  g_test_add_func ("/peer-store/network-id", test_network_id);
  return g_test_run ();
}
