/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What run.sh lets happen to a peer store.
 *
 * store-tool write PATH START: counts from START for ever. Each number is what is
 *   known of one of PEERS peers; when all are on disk the last number is printed.
 * store-tool host PATH START: the same, in the store of a host that runs.
 * store-tool check PATH LAST: LAST was printed: all up to it must be there, whole.
 * store-tool measure PATH N: times a store of N peers. */

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "host/lp2p-host-private.h"
#include "host/lp2p-peer-store-private.h"
#include "host/lp2p-swarm-private.h"
#include "test-world.h"

#define PEERS 300
/* Most numbers that may be known and not written. */
#define MAX_STEP 40
/* Longer than a store waits for more before it writes. */
#define DELAY_US (5 * G_USEC_PER_SEC)
#define FOR_GOOD G_MAXINT64

/* Whose the stores are: what is kept for one identity is not there for another. The key is that
 * of libp2p's test vectors. */
static Lp2pIdentity *
make_identity (void)
{
  gsize size;
  g_autofree guchar *key = g_base64_decode ("CAESQH4IMGF8Sn3oOSXfsmlFVrEpNsR3oOH+suFI7J2mD+59HtHo+uLE"
                                            "oUS4vo/UtHvz07NLhxw8rPYBDw5C1HT84n4=", &size);
  Lp2pIdentity *identity = lp2p_identity_new_from_bytes (key, size, NULL);

  g_assert_nonnull (identity);
  return identity;
}

static Lp2pPeerId *
make_id (guint64 number)
{
  guint8 bytes[34] = { 0x12, 0x20 };

  for (guint i = 0; i < 8; i++)
    bytes[33 - i] = number >> (8 * i);
  return lp2p_peer_id_new_from_bytes (bytes, sizeof bytes, NULL);
}

/* A number as an address. */
static Lp2pMultiaddr *
make_address (guint64 number, guint port)
{
  g_autofree char *text = g_strdup_printf ("/ip6/2001:db8::%x:%x/tcp/%u", (guint) (number >> 16) & 0xffff,
                                           (guint) number & 0xffff, port);

  return lp2p_multiaddr_new_from_string (text, NULL);
}

static Lp2pPeerStore *
open_store_in (Lp2pLoop *loop, const char *path)
{
  g_autoptr (Lp2pIdentity) identity = make_identity ();
  Lp2pPeerStore *store = lp2p_peer_store_new (loop, lp2p_identity_get_peer_id (identity), path);

  lp2p_peer_store_open (store);
  if (!lp2p_peer_store_is_on_disk (store))
    g_error ("%s cannot be used", path);
  return store;
}

static Lp2pPeerStore *
open_store (const char *path)
{
  g_autoptr (Lp2pLoop) loop = lp2p_loop_new (NULL, NULL);

  return open_store_in (loop, path);
}

static void
flush (Lp2pPeerStore *store)
{
  g_autoptr (GError) error = NULL;

  if (!lp2p_peer_store_flush (store, &error))
    g_error ("Cannot write: %s", error->message);
}

/* Writing */

/* The number of a peer is kept twice: the two must not differ after a crash. Every
 * seventh time all else that is known of the peer is forgotten first. */
static void
put_number (Lp2pPeerStore *store, guint64 number)
{
  g_autoptr (Lp2pPeerId) peer = make_id (number % PEERS);
  g_autoptr (GPtrArray) addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
  g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, number);
  g_autoptr (GBytes) data = g_bytes_new (text, strlen (text) + 1);
  Lp2pPeerInfo info = { .addresses = addresses, .lifetime = FOR_GOOD, .agent_version = text };

  if (number % 7 == 0)
    lp2p_peer_store_forget (store, peer);
  for (guint port = 1; port <= 1 + number % 5; port++)
    g_ptr_array_add (addresses, make_address (number, port));
  lp2p_peer_store_update (store, peer, &info);
  lp2p_peer_store_set_data (store, peer, "test", "number", data, FOR_GOOD,
                            LP2P_PEER_DATA_PERSISTENT | LP2P_PEER_DATA_SECRET);
}

/* As in a host: what is due is written by a thread, and the loop goes on. */
static void
wait_for_disk (TestWorld *world, Lp2pPeerStore *store)
{
  do
    {
      test_until (world, !lp2p_peer_store_is_writing (store));
      test_world_jump (world, DELAY_US);
    }
  while (lp2p_peer_store_is_writing (store));
}

static void
write_numbers_to (TestWorld *world, Lp2pPeerStore *store, guint64 number)
{
  for (;;)
    {
      guint step = g_random_int_range (1, MAX_STEP + 1);

      for (guint i = 0; i < step; i++)
        {
          put_number (store, number++);
          test_world_jump (world, 0);
        }
      wait_for_disk (world, store);
      printf ("%" G_GUINT64_FORMAT "\n", number - 1);
      fflush (stdout);
    }
}

static void
write_numbers (const char *path, guint64 number)
{
  g_autoptr (TestWorld) world = test_world_new (TRUE);
  g_autoptr (Lp2pPeerStore) store = open_store_in (world->loop, path);

  write_numbers_to (world, store, number);
}

static void
take_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

/* It loads nothing, and so neither listens nor dials. */
static void
write_numbers_in_host (const char *path, guint64 number)
{
  g_autoptr (TestWorld) world = test_world_new (TRUE);
  g_autofree char *text = g_strdup_printf ("[host]\ntransports=[]\nsecurity=[]\nmuxers=[]\nservices=[]\n"
                                           "peer-store='%s'\n", path);
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  g_autoptr (Lp2pIdentity) identity = make_identity ();
  g_autoptr (Lp2pHost) host = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  Lp2pSwarm *swarm;

  if (!lp2p_config_load_data (config, text, strlen (text), "store-tool", &error))
    g_error ("%s", error->message);
  host = lp2p_host_new_with_clock (config, identity, &world->clock);
  swarm = lp2p_host_get_swarm (host);
  g_ptr_array_add (world->loops, lp2p_loop_ref (swarm->loop));
  lp2p_host_start_async (host, NULL, take_result, &result);
  test_until (world, result != NULL);
  if (!lp2p_host_start_finish (host, result, &error))
    g_error ("%s", error->message);
  if (!lp2p_peer_store_is_on_disk (swarm->peers))
    g_error ("%s cannot be used", path);
  write_numbers_to (world, swarm->peers, number);
}

/* Checking */

static void
check_integrity (const char *path)
{
  sqlite3 *database = NULL;
  sqlite3_stmt *statement = NULL;

  if (sqlite3_open (path, &database) != SQLITE_OK ||
      sqlite3_prepare_v2 (database, "PRAGMA integrity_check", -1, &statement, NULL) != SQLITE_OK ||
      sqlite3_step (statement) != SQLITE_ROW)
    g_error ("%s: %s", path, sqlite3_errmsg (database));
  if (g_strcmp0 ((const char *) sqlite3_column_text (statement, 0), "ok") != 0)
    g_error ("%s: %s", path, sqlite3_column_text (statement, 0));
  sqlite3_finalize (statement);
  sqlite3_close (database);
}

static void
check_whole (Lp2pPeerStore *store, Lp2pPeerId *peer, guint64 number)
{
  g_autoptr (GPtrArray) addresses = lp2p_peer_store_dup_addresses (store, peer);
  g_autofree char *agent = lp2p_peer_store_dup_agent (store, peer);
  g_autofree char *expected = g_strdup_printf ("%" G_GUINT64_FORMAT, number);

  if (g_strcmp0 (agent, expected) != 0)
    g_error ("The agent is %s, expected %s", agent, expected);
  if (addresses->len != 1 + number % 5)
    g_error ("%s has %u addresses, expected %u", expected, addresses->len, (guint) (1 + number % 5));
  for (guint i = 0; i < addresses->len; i++)
    {
      g_autoptr (Lp2pMultiaddr) address = make_address (number, i + 1);

      if (!g_ptr_array_find_with_equal_func (addresses, address, lp2p_multiaddr_equal, NULL))
        g_error ("%s lacks %s", expected, lp2p_multiaddr_get_string (address));
    }
}

/* The last of the numbers up to @last that is about the peer @index; -1 when none is. */
static gint64
last_number (gint64 last, guint index)
{
  if (last < (gint64) index)
    return -1;
  return last - (last - index) % PEERS;
}

static void
check_numbers (const char *path, gint64 last)
{
  g_autoptr (Lp2pPeerStore) store = NULL;

  check_integrity (path);
  store = open_store (path);
  for (guint i = 0; i < PEERS; i++)
    {
      g_autoptr (Lp2pPeerId) peer = make_id (i);
      g_autoptr (GBytes) data = lp2p_peer_store_get_data (store, peer, "test", "number");
      gint64 number = data != NULL ? g_ascii_strtoll (g_bytes_get_data (data, NULL), NULL, 10) : -1;

      if (number < last_number (last, i))
        g_error ("Peer %u is at %" G_GINT64_FORMAT ", but %" G_GINT64_FORMAT " was written", i, number,
                 last_number (last, i));
      if (number > last + MAX_STEP)
        g_error ("Peer %u is at %" G_GINT64_FORMAT ", ahead of %" G_GINT64_FORMAT, i, number, last);
      if (number >= 0)
        check_whole (store, peer, number);
    }
}

/* Measuring */

static double
get_ms (gint64 since)
{
  return (g_get_monotonic_time () - since) / 1000.0;
}

static void
put_peer (Lp2pPeerStore *store, guint64 number)
{
  g_autoptr (Lp2pPeerId) peer = make_id (number);
  g_autoptr (GPtrArray) addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
  static const char *const protocols[] = { "/ipfs/id/1.0.0", "/ipfs/ping/1.0.0", "/libp2p/circuit/relay/0.2.0/hop", NULL };
  Lp2pPeerInfo info = { .addresses = addresses, .lifetime = FOR_GOOD, .agent_version = "lp2p", .protocols = protocols };

  for (guint i = 0; i < 8; i++)
    g_ptr_array_add (addresses, make_address (number, i + 1));
  lp2p_peer_store_update (store, peer, &info);
}

static void
fill (const char *path, guint64 n_peers)
{
  g_autoptr (Lp2pPeerStore) store = open_store (path);
  double total = 0, longest = 0;
  guint n_flushes = 0;

  for (guint64 number = 0; number < n_peers; number++)
    {
      put_peer (store, number);
      if (number % 16 == 15 || number + 1 == n_peers)
        {
          gint64 started = g_get_monotonic_time ();
          double ms;

          flush (store);
          ms = get_ms (started);
          total += ms;
          longest = MAX (longest, ms);
          n_flushes++;
        }
    }
  printf ("# a write of 16 peers takes %.2f ms, the longest took %.2f ms\n", total / n_flushes, longest);
}

static void
look_up (const char *path, guint64 n_peers)
{
  gint64 started = g_get_monotonic_time ();
  g_autoptr (Lp2pPeerStore) store = open_store (path);
  g_autoptr (Lp2pPeerId) peer = make_id (n_peers / 2);
  g_autoptr (GPtrArray) addresses = NULL;
  double opened = get_ms (started);

  started = g_get_monotonic_time ();
  addresses = lp2p_peer_store_dup_addresses (store, peer);
  printf ("# %" G_GUINT64_FORMAT " peers open in %.2f ms, the first look at one takes %.2f ms\n", n_peers, opened,
          get_ms (started));
  if (addresses->len != 8)
    g_error ("A peer has %u addresses, expected 8", addresses->len);
  if (lp2p_peer_store_get_n_peers (store) != 1)
    g_error ("%u peers were read, expected 1", lp2p_peer_store_get_n_peers (store));

  started = g_get_monotonic_time ();
  put_peer (store, n_peers / 3);
  flush (store);
  printf ("# a write of one peer takes %.2f ms\n", get_ms (started));
}

int
main (int argc, char **argv)
{
  if (argc == 4 && g_str_equal (argv[1], "write"))
    write_numbers (argv[2], g_ascii_strtoull (argv[3], NULL, 10));
  else if (argc == 4 && g_str_equal (argv[1], "host"))
    write_numbers_in_host (argv[2], g_ascii_strtoull (argv[3], NULL, 10));
  else if (argc == 4 && g_str_equal (argv[1], "check"))
    check_numbers (argv[2], g_ascii_strtoll (argv[3], NULL, 10));
  else if (argc == 4 && g_str_equal (argv[1], "measure"))
    {
      fill (argv[2], g_ascii_strtoull (argv[3], NULL, 10));
      look_up (argv[2], g_ascii_strtoull (argv[3], NULL, 10));
    }
  else
    {
      g_printerr ("Usage: store-tool write|host|check|measure PATH NUMBER\n");
      return 2;
    }
  return 0;
}
