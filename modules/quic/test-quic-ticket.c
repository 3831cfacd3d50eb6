/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a client keeps of a session, what it understands of a server's ticket, and what
 * a server remembers against replays. */

#include "lp2p-quic-private.h"

#include <string.h>

static const guint8 secret[32] = "a secret of this host";

static const Lp2pQuicTicketOwner owner = { "own", "remote", "libp2p", secret, sizeof secret };

#define PART(text) { (guint8 *) (text), sizeof (text) - 1 }

static const gnutls_datum_t parts[LP2P_QUIC_TICKET_N_PARTS] = { PART ("/ip4/192.0.2.1/udp/1"), PART ("key"),
                                                                PART ("params"), PART ("session") };

static gboolean
is_good (const guint8 *data, gsize size, const Lp2pQuicTicketOwner *asked)
{
  Lp2pQuicTicket ticket;

  return lp2p_quic_ticket_decode (data, size, &ticket) && lp2p_quic_ticket_belongs_to (&ticket, asked);
}

static void
test_round_trip (void)
{
  g_autoptr (GBytes) entry = lp2p_quic_ticket_encode (&owner, parts);
  gsize size;
  const guint8 *data = g_bytes_get_data (entry, &size);
  Lp2pQuicTicket ticket;

  g_assert_true (lp2p_quic_ticket_decode (data, size, &ticket));
  for (guint i = 0; i < LP2P_QUIC_TICKET_N_PARTS; i++)
    g_assert_cmpmem (ticket.parts[i].data, ticket.parts[i].size, parts[i].data, parts[i].size);
  g_assert_true (lp2p_quic_ticket_belongs_to (&ticket, &owner));
  g_assert_true (lp2p_quic_ticket_is_at (&ticket, "/ip4/192.0.2.1/udp/1"));
  g_assert_false (lp2p_quic_ticket_is_at (&ticket, "/ip4/192.0.2.1/udp/12"));
  g_assert_false (lp2p_quic_ticket_is_at (&ticket, "/ip4/192.0.2.1/udp"));
}

/* Of another identity of ours, of another peer, of another protocol, of another
 * host. */
static void
test_owner (void)
{
  g_autoptr (GBytes) entry = lp2p_quic_ticket_encode (&owner, parts);
  static const guint8 other_secret[32] = "another";
  const Lp2pQuicTicketOwner others[] = {
    { "other", "remote", "libp2p", secret, sizeof secret },
    { "own", "other", "libp2p", secret, sizeof secret },
    { "own", "remote", "h3", secret, sizeof secret },
    { "own", "remote", "libp2p", other_secret, sizeof other_secret },
    { "ownr", "emote", "libp2p", secret, sizeof secret },
  };
  gsize size;
  const guint8 *data = g_bytes_get_data (entry, &size);

  g_assert_true (is_good (data, size, &owner));
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    g_assert_false (is_good (data, size, &others[i]));
}

/* Each bit of it counts. */
static void
test_tampered (void)
{
  g_autoptr (GBytes) entry = lp2p_quic_ticket_encode (&owner, parts);
  gsize size;
  const guint8 *data = g_bytes_get_data (entry, &size);
  g_autofree guint8 *longer = g_malloc0 (size + 1);

  for (gsize i = 0; i < size; i++)
    {
      g_autofree guint8 *copy = g_memdup2 (data, size);
      g_autofree guint8 *cut = g_memdup2 (data, i);

      copy[i] ^= 1 << (i % 8);
      g_assert_false (is_good (copy, size, &owner));
      g_assert_false (is_good (cut, i, &owner));
      longer[i] = data[i];
    }
  g_assert_true (is_good (longer, size, &owner));
  g_assert_false (is_good (longer, size + 1, &owner));
}

static void
test_large (void)
{
  gnutls_datum_t large[LP2P_QUIC_TICKET_N_PARTS] = { { NULL, 0 } };
  g_autofree guint8 *bytes = g_malloc0 (16 * 1024 + 1);
  g_autoptr (GBytes) entry = NULL;

  large[LP2P_QUIC_TICKET_SESSION] = (gnutls_datum_t){ bytes, 16 * 1024 };
  entry = lp2p_quic_ticket_encode (&owner, large);
  g_assert_true (is_good (g_bytes_get_data (entry, NULL), g_bytes_get_size (entry), &owner));
  large[LP2P_QUIC_TICKET_SESSION].size++;
  g_assert_null (lp2p_quic_ticket_encode (&owner, large));
}

/* NewSessionTicket: lifetime, age_add, nonce, ticket, extensions. */

#define HEAD(a, b, c, d) a, b, c, d, 1, 2, 3, 4
#define NONCE 2, 0, 1
#define TICKET 0, 3, 't', 'k', 't'
#define EARLY(a, b, c, d) 0, 42, 0, 4, a, b, c, d

#define CHECK(expected, ...)                                                          \
  G_STMT_START                                                                        \
  {                                                                                   \
    static const guint8 message[] = { __VA_ARGS__ };                                  \
    guint32 seconds = 0;                                                              \
    gboolean taken = lp2p_quic_ticket_parse_message (message, sizeof message, &seconds); \
    g_assert_cmpuint (taken ? seconds : 0, ==, (expected));                           \
  }                                                                                   \
  G_STMT_END

static void
test_message (void)
{
  CHECK (21600, HEAD (0, 0, 0x54, 0x60), NONCE, TICKET, 0, 8, EARLY (0xff, 0xff, 0xff, 0xff));
  CHECK (21600, HEAD (0, 0, 0x54, 0x60), 0, TICKET, 0, 12, 0xfa, 0xfa, 0, 0, EARLY (0xff, 0xff, 0xff, 0xff));
  /* A week is the most. */
  CHECK (604800, HEAD (0xff, 0, 0, 0), NONCE, TICKET, 0, 8, EARLY (0xff, 0xff, 0xff, 0xff));
  /* To be forgotten at once. */
  CHECK (0, HEAD (0, 0, 0, 0), NONCE, TICKET, 0, 8, EARLY (0xff, 0xff, 0xff, 0xff));
  /* Who resumes, but takes nothing early, as rustls does. */
  CHECK (0, HEAD (0, 0, 0x54, 0x60), NONCE, TICKET, 0, 0);
  CHECK (0, HEAD (0, 0, 0x54, 0x60), NONCE, TICKET, 0, 4, 0xfa, 0xfa, 0, 0);
  /* Not as much as QUIC has. */
  CHECK (0, HEAD (0, 0, 0x54, 0x60), NONCE, TICKET, 0, 8, EARLY (0, 0, 0x40, 0));
}

static void
test_broken_message (void)
{
  static const guint8 good[] = { HEAD (0, 0, 0x54, 0x60), NONCE, TICKET, 0, 8, EARLY (0xff, 0xff, 0xff, 0xff) };
  guint32 lifetime;

  for (gsize i = 0; i < sizeof good; i++)
    g_assert_false (lp2p_quic_ticket_parse_message (good, i, &lifetime));
  CHECK (0, HEAD (0, 0, 0x54, 0x60), NONCE, TICKET, 0, 8, EARLY (0xff, 0xff, 0xff, 0xff), 0);
  CHECK (0, HEAD (0, 0, 0x54, 0x60), NONCE, 0, 0, 0, 8, EARLY (0xff, 0xff, 0xff, 0xff));
  CHECK (0, HEAD (0, 0, 0x54, 0x60), NONCE, TICKET, 0, 9, 0, 42, 0, 5, 0xff, 0xff, 0xff, 0xff, 0);
  CHECK (0, HEAD (0, 0, 0x54, 0x60), NONCE, TICKET, 0, 7, 0, 42, 0, 3, 0xff, 0xff, 0xff);
  CHECK (0, HEAD (0, 0, 0x54, 0x60), NONCE, TICKET, 0, 10, EARLY (0xff, 0xff, 0xff, 0xff), 0, 1);
}

/* Replays */

static gboolean
see (Lp2pQuicSeen *seen, guint number, gint64 seconds)
{
  return lp2p_quic_seen_add (seen, &number, sizeof number, 1000, 1000 + seconds);
}

static void
test_seen (void)
{
  Lp2pQuicSeen *seen = lp2p_quic_seen_new ();

  g_assert_true (see (seen, 1, 1000));
  g_assert_true (see (seen, 2, 1000));
  g_assert_false (see (seen, 1, 1000));
  g_assert_false (see (seen, 2, 1000));
  lp2p_quic_seen_free (seen);
}

/* Where it cannot remember more it takes nothing, until the first are too old. */
static void
test_seen_bound (void)
{
  Lp2pQuicSeen *seen = lp2p_quic_seen_new ();

  for (guint i = 0; i < LP2P_QUIC_SEEN_MAX; i++)
    g_assert_true (see (seen, i, 1000));
  g_assert_true (lp2p_quic_seen_is_full (seen));
  g_assert_false (see (seen, LP2P_QUIC_SEEN_MAX, 1000));
  lp2p_quic_seen_free (seen);

  seen = lp2p_quic_seen_new ();
  for (guint i = 0; i < 3 * LP2P_QUIC_SEEN_MAX; i++)
    g_assert_true (see (seen, i, -1000));
  g_assert_true (see (seen, 1, 1000));
  lp2p_quic_seen_free (seen);
}

/* Keys of tickets */

static void
test_keys (void)
{
  g_autoptr (GHashTable) keys = lp2p_quic_ticket_keys_new ();
  ngtcp2_transport_params params = { .initial_max_streams_bidi = 10,
                                     .initial_max_stream_data_bidi_remote = 1000,
                                     .initial_max_data = 2000 };
  const gnutls_datum_t *first = lp2p_quic_ticket_keys_get (keys, "libp2p", &params);
  g_autoptr (GBytes) key = g_bytes_new (first->data, first->size);
  guint64 *members[] = { &params.initial_max_streams_bidi, &params.initial_max_stream_data_bidi_remote,
                         &params.initial_max_data };
  const gnutls_datum_t *other = lp2p_quic_ticket_keys_get (keys, "h3", &params);

  g_assert_false (other->size == first->size && gnutls_memcmp (other->data, first->data, first->size) == 0);
  g_assert_true (lp2p_quic_ticket_keys_get (keys, "libp2p", &params) == first);
  /* More is fine; from then on, what was enough before is less. */
  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    {
      *members[i] += 5;
      g_assert_true (lp2p_quic_ticket_keys_get (keys, "libp2p", &params) == first);
    }
  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    {
      const gnutls_datum_t *made;

      *members[i] -= 1;
      made = lp2p_quic_ticket_keys_get (keys, "libp2p", &params);
      g_assert_cmpint (made->size, ==, g_bytes_get_size (key));
      g_assert_cmpint (gnutls_memcmp (made->data, g_bytes_get_data (key, NULL), made->size), !=, 0);
      g_bytes_unref (key);
      key = g_bytes_new (made->data, made->size);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/quic-ticket/round-trip", test_round_trip);
  g_test_add_func ("/quic-ticket/owner", test_owner);
  g_test_add_func ("/quic-ticket/tampered", test_tampered);
  g_test_add_func ("/quic-ticket/large", test_large);
  g_test_add_func ("/quic-ticket/message", test_message);
  g_test_add_func ("/quic-ticket/broken-message", test_broken_message);
  g_test_add_func ("/quic-ticket/seen", test_seen);
  g_test_add_func ("/quic-ticket/seen-bound", test_seen_bound);
  g_test_add_func ("/quic-ticket/keys", test_keys);

  return g_test_run ();
}
