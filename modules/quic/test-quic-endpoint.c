/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The tables of an endpoint: peers choose what is in them. */

#include "quic-stranger.h"

#include <string.h>

typedef struct
{
  TestWorld *world;
  QuicHost host;
  QuicHost dialers[2];
  Lp2pRawConnection *dialed[2];
  Lp2pRawConnection *accepted[2];
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->world = test_world_new (TRUE);
  quic_host_init (&f->host, f->world, NULL, 0);
  for (guint i = 0; i < 2; i++)
    {
      quic_host_init (&f->dialers[i], f->world, NULL, -1);
      quic_host_connect (&f->dialers[i], &f->host, &f->dialed[i], &f->accepted[i]);
    }
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < 2; i++)
    {
      g_clear_pointer (&f->dialed[i], lp2p_raw_connection_free);
      g_clear_pointer (&f->accepted[i], lp2p_raw_connection_free);
      quic_host_clear (&f->dialers[i]);
    }
  quic_host_clear (&f->host);
  test_world_free (f->world);
}

/* The numbers of whoever invented it. */
static void
test_hash (void)
{
  static const struct
  {
    gsize size;
    guint64 hash;
  } vectors[] = {
    { 0, G_GUINT64_CONSTANT (0x726fdb47dd0e0e31) },  { 1, G_GUINT64_CONSTANT (0x74f839c593dc67fd) },
    { 7, G_GUINT64_CONSTANT (0xab0200f58b01d137) },  { 8, G_GUINT64_CONSTANT (0x93f5f5799a932462) },
    { 15, G_GUINT64_CONSTANT (0xa129ca6149be45e5) }, { 20, G_GUINT64_CONSTANT (0xbed65cf21aa2ee98) },
  };
  guint8 bytes[20];

  for (guint i = 0; i < sizeof bytes; i++)
    bytes[i] = i;
  for (guint i = 0; i < G_N_ELEMENTS (vectors); i++)
    g_assert_cmphex (lp2p_quic_hash (bytes, bytes, vectors[i].size), ==, vectors[i].hash);
}

/* Ids that a hash without a key would have put in one place. */
static void
test_colliding (Fixture *f, gconstpointer data)
{
  static const char *const pairs[] = { "\x01\x21", "\x02\x00" };
  Lp2pQuicEndpoint *endpoint = quic_host_get_endpoint (&f->host);
  Lp2pQuicEndpoint *other = quic_host_get_endpoint (&f->dialers[0]);
  g_autoptr (GHashTable) hashes = g_hash_table_new (NULL, NULL);
  guint before = g_hash_table_size (endpoint->ids);
  guint n_same = 0;

  for (guint i = 0; i < 1024; i++)
    {
      ngtcp2_cid cid = { .datalen = 20 };
      guint hash;

      for (guint j = 0; j < 10; j++)
        memcpy (cid.data + 2 * j, pairs[(i >> j) & 1], 2);
      hash = lp2p_quic_hash (endpoint->hash_key, cid.data, cid.datalen);
      g_hash_table_add (hashes, GUINT_TO_POINTER (hash));
      n_same += hash == (guint) lp2p_quic_hash (other->hash_key, cid.data, cid.datalen);
      lp2p_quic_endpoint_add_id (endpoint, &cid, endpoint->connections.head->data);
    }
  g_assert_cmpuint (g_hash_table_size (hashes), >, 1000);
  g_assert_cmpuint (n_same, <, 10);
  g_assert_cmpuint (g_hash_table_size (endpoint->ids), ==, before + 1024);
  for (guint i = 0; i < 1024; i++)
    {
      ngtcp2_cid cid = { .datalen = 20 };

      for (guint j = 0; j < 10; j++)
        memcpy (cid.data + 2 * j, pairs[(i >> j) & 1], 2);
      lp2p_quic_endpoint_remove_id (endpoint, &cid);
    }
  g_assert_cmpuint (g_hash_table_size (endpoint->ids), ==, before);
}

/* A connection takes its own tokens along, and nobody else's. */
static void
test_reset_tokens (Fixture *f, gconstpointer data)
{
  Lp2pQuicEndpoint *endpoint = quic_host_get_endpoint (&f->host);
  Lp2pQuicConnection *one = endpoint->connections.head->data;
  Lp2pQuicConnection *two = endpoint->connections.tail->data;
  guint n_one = one->reset_tokens.length, n_two = two->reset_tokens.length;
  guint8 token[NGTCP2_STATELESS_RESET_TOKENLEN] = "a token";
  guint8 shared[NGTCP2_STATELESS_RESET_TOKENLEN] = "a shared token";

  g_assert_false (one == two);
  g_assert_cmpuint (g_hash_table_size (endpoint->reset_tokens), ==, n_one + n_two);
  lp2p_quic_endpoint_add_reset_token (endpoint, token, one);
  lp2p_quic_endpoint_remove_reset_token (endpoint, token, two);
  g_assert_cmpuint (one->reset_tokens.length, ==, n_one + 1);
  lp2p_quic_endpoint_add_reset_token (endpoint, shared, one);
  lp2p_quic_endpoint_add_reset_token (endpoint, shared, two);
  g_assert_cmpuint (one->reset_tokens.length, ==, n_one + 1);
  g_assert_cmpuint (two->reset_tokens.length, ==, n_two + 1);
  lp2p_quic_endpoint_remove_reset_token (endpoint, token, one);
  g_assert_cmpuint (one->reset_tokens.length, ==, n_one);
  lp2p_quic_endpoint_add_reset_token (endpoint, token, one);

  lp2p_quic_connection_abort (one, 0, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, "over"));
  g_assert_cmpuint (g_hash_table_size (endpoint->reset_tokens), ==, n_two + 1);
  g_assert_cmpuint (two->reset_tokens.length, ==, n_two + 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

#define ADD(name, function) g_test_add ("/quic-endpoint/" name, Fixture, NULL, set_up, function, tear_down)
  g_test_add_func ("/quic-endpoint/hash", test_hash);
  ADD ("colliding", test_colliding);
  ADD ("reset-tokens", test_reset_tokens);
#undef ADD

  return g_test_run ();
}
