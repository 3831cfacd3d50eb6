/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/lp2p-half-open-private.h"
#include "host/lp2p-limits-private.h"
#include "host/lp2p-swarm-private.h"
#include "net/lp2p-tcp-hub-private.h"

typedef struct
{
  Lp2pHalfOpen half_open;
  GQueue entries;
} Fixture;

static void
setup (Fixture *self, gconstpointer data)
{
  lp2p_half_open_init (&self->half_open);
  g_queue_init (&self->entries);
}

static void
leave (Fixture *self, Lp2pHalfOpenEntry *entry)
{
  lp2p_half_open_remove (&self->half_open, entry);
  g_queue_remove (&self->entries, entry);
  g_free (entry);
}

static void
teardown (Fixture *self, gconstpointer data)
{
  while (self->entries.length > 0)
    leave (self, g_queue_peek_head (&self->entries));
  g_assert_null (lp2p_half_open_choose (&self->half_open));
  lp2p_half_open_clear (&self->half_open);
}

static Lp2pMultiaddr *
parse (const char *text)
{
  Lp2pMultiaddr *address = lp2p_multiaddr_new_from_string (text, NULL);

  g_assert_nonnull (address);
  return address;
}

static Lp2pHalfOpenEntry *
come (Fixture *self, const char *text)
{
  g_autoptr (Lp2pMultiaddr) address = parse (text);
  Lp2pHalfOpenEntry *entry = g_new0 (Lp2pHalfOpenEntry, 1);

  lp2p_half_open_add (&self->half_open, entry, address);
  g_queue_push_tail (&self->entries, entry);
  return entry;
}

static Lp2pHalfOpenEntry *
come_by_number (Fixture *self, guint number)
{
  g_autofree char *text = g_strdup_printf ("/ip4/10.%u.%u.1/tcp/1", number >> 8, number & 0xff);

  return come (self, text);
}

static void
expect (Fixture *self, Lp2pHalfOpenEntry *entry)
{
  g_assert_true (lp2p_half_open_choose (&self->half_open) == entry);
}

/* Goes as the next one. */
static void
give_up (Fixture *self, Lp2pHalfOpenEntry *entry)
{
  expect (self, entry);
  leave (self, entry);
}

static void
test_oldest (Fixture *self, gconstpointer data)
{
  Lp2pHalfOpenEntry *entries[5];

  expect (self, NULL);
  for (guint i = 0; i < 5; i++)
    entries[i] = come_by_number (self, i);
  leave (self, entries[1]);
  give_up (self, entries[0]);
  give_up (self, entries[2]);
  give_up (self, entries[3]);
  give_up (self, entries[4]);
  expect (self, NULL);
}

static void
test_subnets (Fixture *self, gconstpointer data)
{
  Lp2pHalfOpenEntry *alone = come (self, "/ip4/192.0.2.1/tcp/1");
  Lp2pHalfOpenEntry *two[2] = { come (self, "/ip6/2001:db8:1::1/tcp/1"), come (self, "/ip6/2001:db8:1:2::1/tcp/1") };
  Lp2pHalfOpenEntry *three[3] = { come (self, "/ip4/198.51.100.1/tcp/1"), come (self, "/ip4/198.51.100.2/tcp/1"),
                                  come (self, "/ip6/::ffff:198.51.100.3/tcp/1") };
  Lp2pHalfOpenEntry *relayed = come (self, "/memory/1");

  give_up (self, three[0]);
  /* Two and two: that of the one that has been there longest. */
  give_up (self, two[0]);
  give_up (self, three[1]);
  give_up (self, alone);
  give_up (self, two[1]);
  give_up (self, three[2]);
  give_up (self, relayed);
}

/* Those who say nothing do not push out one who has come further, however many they
 * are. */
static void
test_silent (Fixture *self, gconstpointer data)
{
  Lp2pHalfOpenEntry *honest[16];

  for (guint i = 0; i < 16; i++)
    {
      honest[i] = come (self, "/ip4/192.0.2.1/tcp/1");
      lp2p_half_open_advance (&self->half_open, honest[i]);
      lp2p_half_open_advance (&self->half_open, honest[i]);
    }
  for (guint i = 0; i < 2000; i++)
    {
      Lp2pHalfOpenEntry *entry = i < 16 ? NULL : lp2p_half_open_choose (&self->half_open);

      if (entry != NULL)
        leave (self, entry);
      come_by_number (self, i);
    }
  for (guint i = 0; i < 16; i++)
    g_assert_nonnull (honest[i]->group);
  g_assert_cmpuint (self->half_open.n_entries[LP2P_HALF_OPEN_SECURING], ==, 16);
  g_assert_cmpuint (self->half_open.n_entries[LP2P_HALF_OPEN_AGREEING], ==, 16);
}

/* Those who stop further on leave places to those who come. */
static void
test_stalled (Fixture *self, gconstpointer data)
{
  Lp2pHalfOpenEntry *newcomers[16];
  Lp2pHalfOpenEntry *late;

  for (guint i = 0; i < 32; i++)
    lp2p_half_open_advance (&self->half_open, come_by_number (self, i));
  for (guint i = 0; i < 16; i++)
    {
      leave (self, lp2p_half_open_choose (&self->half_open));
      newcomers[i] = come (self, "/ip4/192.0.2.1/tcp/1");
    }
  for (guint i = 0; i < 16; i++)
    g_assert_nonnull (newcomers[i]->group);
  g_assert_cmpuint (self->half_open.n_entries[LP2P_HALF_OPEN_SECURING], ==, 16);

  /* Each takes the place of one who stopped. */
  lp2p_half_open_advance (&self->half_open, newcomers[0]);
  leave (self, lp2p_half_open_choose (&self->half_open));
  late = come (self, "/ip4/192.0.2.1/tcp/1");
  g_assert_nonnull (newcomers[0]->group);
  g_assert_nonnull (newcomers[1]->group);
  leave (self, late);
}

static void
test_of_ip (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pMultiaddr) address = parse ("/ip4/192.0.2.1/tcp/9");
  g_autoptr (Lp2pMultiaddr) stranger = parse ("/ip4/198.51.100.1/tcp/9");
  Lp2pHalfOpenEntry *neighbour = come (self, "/ip4/192.0.2.2/tcp/1");
  Lp2pHalfOpenEntry *first = come (self, "/ip4/192.0.2.1/tcp/1");
  Lp2pHalfOpenEntry *second = come (self, "/ip4/192.0.2.1/tcp/2");
  Lp2pHalfOpenEntry *third = come (self, "/ip4/192.0.2.1/tcp/3");

  g_assert_null (lp2p_half_open_choose_of_ip (&self->half_open, stranger));
  g_assert_true (lp2p_half_open_choose_of_ip (&self->half_open, address) == first);
  lp2p_half_open_advance (&self->half_open, first);
  g_assert_true (lp2p_half_open_choose_of_ip (&self->half_open, address) == second);
  lp2p_half_open_advance (&self->half_open, second);
  g_assert_true (lp2p_half_open_choose_of_ip (&self->half_open, address) == first);
  leave (self, first);
  leave (self, second);
  leave (self, third);
  g_assert_null (lp2p_half_open_choose_of_ip (&self->half_open, address));
  expect (self, neighbour);
}

/* The order against a plain search. */

static Lp2pHalfOpenEntry *
search (Fixture *self, GHashTable *advanced)
{
  guint n_advanced = g_hash_table_size (advanced);
  gboolean wanted = n_advanced > self->entries.length - n_advanced;
  Lp2pHalfOpenEntry *best = NULL;
  guint most = 0;

  for (GList *l = self->entries.head; l != NULL; l = l->next)
    {
      Lp2pHalfOpenEntry *entry = l->data;
      guint n = 0;

      if (g_hash_table_contains (advanced, entry) != wanted)
        continue;
      for (GList *other = self->entries.head; other != NULL; other = other->next)
        n += g_hash_table_contains (advanced, other->data) == wanted &&
             lp2p_limits_get_subnet (((Lp2pHalfOpenEntry *) other->data)->address) ==
                 lp2p_limits_get_subnet (entry->address);
      if (n > most || (n == most && entry->since < best->since))
        {
          most = n;
          best = entry;
        }
    }
  return best;
}

static void
test_random (Fixture *self, gconstpointer data)
{
  g_autoptr (GHashTable) advanced = g_hash_table_new (NULL, NULL);

  for (guint i = 0; i < 3000; i++)
    {
      Lp2pHalfOpenEntry *entry = g_queue_peek_nth (&self->entries, g_test_rand_int_range (0, 40));

      if (self->entries.length < 40)
        come_by_number (self, g_test_rand_int_range (0, 8));
      if (entry != NULL && g_test_rand_int_range (0, 3) > 0)
        {
          lp2p_half_open_advance (&self->half_open, entry);
          g_hash_table_add (advanced, entry);
        }
      else if (entry != NULL)
        {
          g_hash_table_remove (advanced, entry);
          leave (self, entry);
        }
      expect (self, search (self, advanced));
    }
}

#define ADD(path, func) g_test_add ("/half-open/" path, Fixture, NULL, setup, func, teardown)

/* A connection on a port that transports share. */
typedef struct
{
  const Lp2pTcpPlaces *places;
  gpointer place;
} Shared;

static void
on_give_up (gpointer data)
{
  Shared *self = data;

  self->places->end (g_steal_pointer (&self->place));
}

static void
begin_shared (Shared *self, const Lp2pTcpPlaces *places, const char *text, GError **error)
{
  g_autoptr (Lp2pMultiaddr) address = parse (text);

  self->places = places;
  self->place = places->begin (address, on_give_up, self, places->user_data, error);
}

/* They have their places before it is known whose they are, and give way to others. */
static void
test_shared_port (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  g_autoptr (Lp2pIdentity) identity = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, NULL);
  g_autoptr (Lp2pSwarm) swarm = lp2p_swarm_new (config, identity, NULL);
  g_autoptr (Lp2pMultiaddr) other = parse ("/ip4/203.0.113.1/tcp/1");
  Shared shared[4];

  g_assert_true (lp2p_config_set_from_string (config, "host", "max-half-open", "3", &error));
  begin_shared (&shared[0], &swarm->tcp_hub->places, "/ip4/192.0.2.1/tcp/1", &error);
  begin_shared (&shared[1], &swarm->tcp_hub->places, "/ip4/192.0.2.2/tcp/1", &error);
  begin_shared (&shared[2], &swarm->tcp_hub->places, "/ip4/198.51.100.1/tcp/1", &error);
  g_assert_nonnull (shared[0].place);
  g_assert_true (lp2p_swarm_begin_inbound (swarm, other, &error));
  g_assert_null (shared[0].place);
  g_assert_nonnull (shared[1].place);
  begin_shared (&shared[3], &swarm->tcp_hub->places, "/ip4/198.51.100.2/tcp/1", &error);
  g_assert_nonnull (shared[3].place);
  g_assert_cmpint (shared[1].place != NULL, !=, shared[2].place != NULL);
  lp2p_limits_end_handshake (swarm->limits, other);

  lp2p_swarm_abandon (swarm);
  for (guint i = 0; i < G_N_ELEMENTS (shared); i++)
    g_assert_null (shared[i].place);
  begin_shared (&shared[0], &swarm->tcp_hub->places, "/ip4/192.0.2.1/tcp/1", &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  ADD ("oldest", test_oldest);
  ADD ("subnets", test_subnets);
  ADD ("silent", test_silent);
  ADD ("stalled", test_stalled);
  ADD ("of-ip", test_of_ip);
  ADD ("random", test_random);
  ADD ("shared-port", test_shared_port);

  return g_test_run ();
}
