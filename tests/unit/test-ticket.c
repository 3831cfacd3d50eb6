/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "types/ticket.pb-c.h"

#include <lp2p/types/lp2p-envelope.h>
#include <lp2p/types/lp2p-error.h>
#include <lp2p/types/lp2p-multibase.h>
#include <lp2p/types/lp2p-ticket.h>

#include <string.h>

#define NOW G_GINT64_CONSTANT (1700000000)

static const char *const address_texts[] = { "/ip4/192.0.2.1/tcp/4001", "/ip6/2001:db8::1/udp/9/quic-v1" };

static Lp2pIdentity *
make_identity (void)
{
  g_autoptr (GError) error = NULL;
  Lp2pIdentity *identity = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, &error);

  g_assert_no_error (error);
  return identity;
}

static Lp2pTicket *
make_ticket (Lp2pIdentity *identity, guint n_addresses, gsize code_size, gint64 lifetime)
{
  g_autoptr (GPtrArray) addresses =
      g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
  g_autoptr (GBytes) code = g_bytes_new_take (g_malloc0 (code_size), code_size);

  for (guint i = 0; i < n_addresses; i++)
    g_ptr_array_add (addresses,
                     lp2p_multiaddr_new_from_string (address_texts[i % 2], NULL));
  return lp2p_ticket_new (lp2p_identity_get_peer_id (identity), addresses, code, NOW,
                          NOW + lifetime);
}

static char *
seal (Lp2pIdentity *identity)
{
  g_autoptr (Lp2pTicket) ticket = make_ticket (identity, 2, 16, 3600);
  g_autoptr (GError) error = NULL;
  char *text = lp2p_ticket_seal (ticket, identity, &error);

  g_assert_no_error (error);
  return text;
}

static void
assert_refused (const char *text, gint64 now, int code, const char *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pTicket) ticket = lp2p_ticket_open (text, now, &error);

  g_assert_null (ticket);
  g_assert_error (error, LP2P_TYPES_ERROR, code);
  g_assert_nonnull (strstr (error->message, message));
}

static void
test_round_trip (void)
{
  g_autoptr (Lp2pIdentity) identity = make_identity ();
  g_autofree char *text = seal (identity);
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pTicket) ticket = lp2p_ticket_open (text, NOW + 5, &error);
  g_autofree char *upper = g_strconcat ("LP2P:", text + strlen (LP2P_TICKET_PREFIX), NULL);
  GPtrArray *addresses;

  g_assert_no_error (error);
  g_assert_true (g_str_has_prefix (text, LP2P_TICKET_PREFIX));
  g_assert_true (lp2p_peer_id_equal (lp2p_ticket_get_peer_id (ticket),
                                     lp2p_identity_get_peer_id (identity)));
  g_assert_cmpint (lp2p_ticket_get_created (ticket), ==, NOW);
  g_assert_cmpint (lp2p_ticket_get_expires (ticket), ==, NOW + 3600);
  g_assert_cmpuint (g_bytes_get_size (lp2p_ticket_get_code (ticket)), ==, 16);
  addresses = lp2p_ticket_get_addresses (ticket);
  g_assert_cmpuint (addresses->len, ==, 2);
  for (guint i = 0; i < 2; i++)
    g_assert_cmpstr (lp2p_multiaddr_get_string (g_ptr_array_index (addresses, i)), ==,
                     address_texts[i]);
  lp2p_ticket_unref (lp2p_ticket_open (upper, NOW, &error));
  g_assert_no_error (error);
}

static void
test_clock (void)
{
  g_autoptr (Lp2pIdentity) identity = make_identity ();
  g_autofree char *text = seal (identity);
  g_autoptr (GError) error = NULL;

  assert_refused (text, NOW + 3600, LP2P_TYPES_ERROR_EXPIRED, "expired 0 s ago");
  assert_refused (text, G_MAXINT64, LP2P_TYPES_ERROR_EXPIRED, "expired");
  assert_refused (text, NOW - LP2P_TICKET_MAX_SKEW - 1, LP2P_TYPES_ERROR_NOT_YET_VALID,
                  "301 s in the future");
  assert_refused (text, 0, LP2P_TYPES_ERROR_NOT_YET_VALID, "future");
  lp2p_ticket_unref (lp2p_ticket_open (text, NOW + 3599, &error));
  g_assert_no_error (error);
  lp2p_ticket_unref (lp2p_ticket_open (text, NOW - LP2P_TICKET_MAX_SKEW, &error));
  g_assert_no_error (error);
}

/* Each bit of it counts. */
static void
test_tampered (void)
{
  g_autoptr (Lp2pIdentity) identity = make_identity ();
  g_autofree char *text = seal (identity);
  g_autoptr (GBytes) bytes =
      lp2p_multibase_decode (text + strlen (LP2P_TICKET_PREFIX), NULL);
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  for (gsize i = 0; i < size; i++)
    {
      g_autofree guint8 *copy = g_memdup2 (data, size);
      g_autofree char *encoded = NULL;
      g_autofree char *changed = NULL;

      copy[i] ^= 1 << (i % 8);
      encoded = lp2p_multibase_encode ('u', copy, size);
      changed = g_strconcat (LP2P_TICKET_PREFIX, encoded, NULL);
      g_assert_null (lp2p_ticket_open (changed, NOW, NULL));
    }
  for (gsize i = 0; i < strlen (text); i++)
    {
      g_autofree char *cut = g_strndup (text, i);

      g_assert_null (lp2p_ticket_open (cut, NOW, NULL));
    }
}

static void
test_malformed (void)
{
  g_autofree char *long_text = g_strnfill (LP2P_TICKET_MAX_SIZE, 'A');
  g_autofree char *too_long = g_strconcat (LP2P_TICKET_PREFIX, "u", long_text, NULL);

  assert_refused ("", NOW, LP2P_TYPES_ERROR_INVALID_TICKET, "starts with lp2p:");
  assert_refused ("/ip4/127.0.0.1/tcp/1", NOW, LP2P_TYPES_ERROR_INVALID_TICKET, "no ticket");
  assert_refused ("lp2p:", NOW, LP2P_TYPES_ERROR_INVALID_TICKET, "base64url");
  assert_refused ("lp2p:zABC", NOW, LP2P_TYPES_ERROR_INVALID_TICKET, "base64url");
  assert_refused ("lp2p:u!", NOW, LP2P_TYPES_ERROR_INVALID_TICKET, "damaged");
  assert_refused ("lp2p:uAAAA", NOW, LP2P_TYPES_ERROR_INVALID_ENVELOPE, "damaged or was changed");
  assert_refused (too_long, NOW, LP2P_TYPES_ERROR_INVALID_TICKET, "at most 8192");
}

/* What the holder of a key signs. */
static char *
seal_message (Lp2pIdentity *identity,
              const char *domain,
              const char *type_text,
              const Lp2p__Pb__Ticket *message)
{
  gsize size = lp2p__pb__ticket__get_packed_size (message);
  guint8 *packed = g_malloc (size);
  g_autoptr (GBytes) payload = g_bytes_new_take (packed, size);
  g_autoptr (GBytes) type = g_bytes_new_static (type_text, strlen (type_text));
  g_autoptr (GBytes) sealed = NULL;
  g_autofree char *encoded = NULL;

  lp2p__pb__ticket__pack (message, packed);
  sealed = lp2p_envelope_seal (identity, domain, type, payload, NULL);
  encoded = lp2p_multibase_encode ('u', g_bytes_get_data (sealed, NULL), g_bytes_get_size (sealed));
  return g_strconcat (LP2P_TICKET_PREFIX, encoded, NULL);
}

static void
assert_message_refused (const char *domain,
                        const char *type,
                        const Lp2p__Pb__Ticket *message,
                        int code,
                        const char *reason)
{
  g_autoptr (Lp2pIdentity) identity = make_identity ();
  g_autofree char *text = seal_message (identity, domain, type, message);

  assert_refused (text, NOW, code, reason);
}

#define DOMAIN "lp2p-ticket"
#define TYPE   "/lp2p/ticket"

static void
test_signed_nonsense (void)
{
  Lp2p__Pb__Ticket good = LP2P__PB__TICKET__INIT;
  Lp2p__Pb__Ticket bad;
  ProtobufCBinaryData addresses[LP2P_TICKET_MAX_ADDRESSES + 1] = { { 0, NULL } };
  g_autoptr (Lp2pIdentity) identity = make_identity ();
  g_autofree char *text = NULL;
  g_autoptr (Lp2pTicket) ticket = NULL;
  g_autoptr (GError) error = NULL;

  good.version = 1;
  good.code = (ProtobufCBinaryData) { 4, (guint8 *) "code" };
  good.created = NOW;
  good.expires = NOW + 1;
  /* An address that nobody understands is none. */
  good.n_addresses = 1;
  good.addresses = addresses;
  text = seal_message (identity, DOMAIN, TYPE, &good);
  ticket = lp2p_ticket_open (text, NOW, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (lp2p_ticket_get_addresses (ticket)->len, ==, 0);

  assert_message_refused ("lp2p-other", TYPE, &good, LP2P_TYPES_ERROR_INVALID_SIGNATURE, "changed");
  assert_message_refused (DOMAIN, "/lp2p/other", &good, LP2P_TYPES_ERROR_INVALID_TICKET,
                          "something else");
  bad = good;
  bad.version = 2;
  assert_message_refused (DOMAIN, TYPE, &bad, LP2P_TYPES_ERROR_UNSUPPORTED, "version 2");
  bad = good;
  bad.code.len = 0;
  assert_message_refused (DOMAIN, TYPE, &bad, LP2P_TYPES_ERROR_INVALID_TICKET, "code of 0 bytes");
  bad = good;
  bad.expires = NOW;
  assert_message_refused (DOMAIN, TYPE, &bad, LP2P_TYPES_ERROR_INVALID_TICKET, "later");
  bad = good;
  bad.created = G_MININT64;
  assert_message_refused (DOMAIN, TYPE, &bad, LP2P_TYPES_ERROR_INVALID_TICKET, "later");
  bad = good;
  bad.n_addresses = G_N_ELEMENTS (addresses);
  assert_message_refused (DOMAIN, TYPE, &bad, LP2P_TYPES_ERROR_INVALID_TICKET, "33 addresses");
}

static void
assert_not_sealed (Lp2pTicket *ticket, Lp2pIdentity *identity, const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (lp2p_ticket_seal (ticket, identity, &error));
  g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_TICKET);
  g_assert_nonnull (strstr (error->message, message));
}

static void
test_seal (void)
{
  g_autoptr (Lp2pIdentity) identity = make_identity ();
  g_autoptr (Lp2pIdentity) other = make_identity ();
  g_autoptr (Lp2pTicket) good = make_ticket (identity, 2, 16, 60);
  g_autoptr (Lp2pTicket) old = make_ticket (identity, 2, 16, 0);
  g_autoptr (Lp2pTicket) wide = make_ticket (identity, LP2P_TICKET_MAX_ADDRESSES + 1, 16, 60);
  g_autoptr (Lp2pTicket) empty = make_ticket (identity, 2, 0, 60);
  g_autoptr (Lp2pTicket) secret = make_ticket (identity, 2, LP2P_TICKET_MAX_CODE + 1, 60);

  assert_not_sealed (good, other, "who signs it");
  assert_not_sealed (old, identity, "later");
  assert_not_sealed (wide, identity, "33 addresses");
  assert_not_sealed (empty, identity, "code of 0");
  assert_not_sealed (secret, identity, "code of 65");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ticket/round-trip", test_round_trip);
  g_test_add_func ("/ticket/clock", test_clock);
  g_test_add_func ("/ticket/tampered", test_tampered);
  g_test_add_func ("/ticket/malformed", test_malformed);
  g_test_add_func ("/ticket/signed-nonsense", test_signed_nonsense);
  g_test_add_func ("/ticket/seal", test_seal);
  return g_test_run ();
}
