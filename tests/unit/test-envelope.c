/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "key-vectors.h"

#include <lp2p/types/lp2p-envelope.h>
#include <lp2p/types/lp2p-error.h>
#include <lp2p/types/lp2p-multibase.h>
#include <lp2p/types/lp2p-peer-record.h>
#include <lp2p/types/lp2p-varint.h>

#include <string.h>

#define DOMAIN "test-domain"

/* What the records in data/records/ say. */
#define RECORD_SEQ G_GUINT64_CONSTANT (1234567890123)
static const char *const record_addresses[] = {
  "/ip4/192.0.2.1/tcp/4001",
  "/ip4/192.0.2.1/udp/4001/quic-v1",
};

static Lp2pIdentity *
vector_identity (Lp2pKeyType key_type)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = lp2p_multibase_decode (key_vectors[key_type].private_key, &error);
  Lp2pIdentity *identity;

  g_assert_no_error (error);
  identity = lp2p_identity_new_from_bytes (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                                           &error);
  g_assert_no_error (error);
  return identity;
}

static Lp2pEnvelope *
open_bytes (GBytes *bytes, const char *domain, GError **error)
{
  return lp2p_envelope_open (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), domain,
                             error);
}

static GBytes *
text_bytes (const char *text)
{
  return g_bytes_new_static (text, strlen (text));
}

static void
test_round_trip (void)
{
  g_autoptr (GBytes) type = text_bytes ("a type");
  g_autoptr (GBytes) payload = text_bytes ("a payload");

  for (guint i = 0; i < G_N_ELEMENTS (key_vectors); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (Lp2pIdentity) identity = vector_identity (key_vectors[i].key_type);
      g_autoptr (GBytes) sealed = lp2p_envelope_seal (identity, DOMAIN, type, payload, &error);
      g_autoptr (Lp2pEnvelope) envelope = NULL;

      g_assert_no_error (error);
      envelope = open_bytes (sealed, DOMAIN, &error);
      g_assert_no_error (error);
      g_assert_true (lp2p_public_key_equal (lp2p_envelope_get_public_key (envelope),
                                            lp2p_identity_get_public_key (identity)));
      g_assert_true (g_bytes_equal (lp2p_envelope_get_payload_type (envelope), type));
      g_assert_true (g_bytes_equal (lp2p_envelope_get_payload (envelope), payload));

      g_assert_null (open_bytes (sealed, DOMAIN "2", &error));
      g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_SIGNATURE);
    }
}

static void
test_empty (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pIdentity) identity = vector_identity (LP2P_KEY_TYPE_ED25519);
  g_autoptr (GBytes) nothing = g_bytes_new (NULL, 0);
  g_autoptr (GBytes) sealed = lp2p_envelope_seal (identity, "", NULL, nothing, &error);
  g_autoptr (Lp2pEnvelope) envelope = NULL;

  g_assert_no_error (error);
  envelope = open_bytes (sealed, "", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_bytes_get_size (lp2p_envelope_get_payload (envelope)), ==, 0);
  g_assert_cmpuint (g_bytes_get_size (lp2p_envelope_get_payload_type (envelope)), ==, 0);
}

/* The lengths are signed too, so that nothing moves from one field to another. */
static void
test_shifted (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pIdentity) identity = vector_identity (LP2P_KEY_TYPE_ED25519);
  g_autoptr (GBytes) type = text_bytes ("ab");
  g_autoptr (GBytes) payload = text_bytes ("cd");
  g_autoptr (GBytes) sealed = lp2p_envelope_seal (identity, DOMAIN, type, payload, &error);
  g_autoptr (GByteArray) shifted = g_byte_array_new ();
  gsize len;
  const guint8 *data;

  g_assert_no_error (error);
  data = g_bytes_get_data (sealed, &len);
  /* key; 12 02 'a' 'b' 1a 02 'c' 'd'; signature */
  g_assert_cmpmem (data + 38, 8,
                   "\x12\x02"
                   "ab"
                   "\x1a\x02"
                   "cd",
                   8);
  g_byte_array_append (shifted, data, (guint) len);
  memcpy (shifted->data + 38,
          "\x12\x03"
          "abc"
          "\x1a\x01"
          "d",
          8);
  g_assert_null (lp2p_envelope_open (shifted->data, shifted->len, DOMAIN, &error));
  g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_SIGNATURE);
}

static void
test_damaged (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pIdentity) identity = vector_identity (LP2P_KEY_TYPE_ED25519);
  g_autoptr (GBytes) type = text_bytes ("\x03\x01");
  g_autoptr (GBytes) payload = text_bytes ("payload");
  g_autoptr (GBytes) sealed = lp2p_envelope_seal (identity, DOMAIN, type, payload, &error);
  gsize len;
  const guint8 *data;

  g_assert_no_error (error);
  data = g_bytes_get_data (sealed, &len);
  for (gsize at = 0; at < len; at++)
    for (guint bit = 0; bit < 8; bit++)
      {
        g_autofree guint8 *copy = g_memdup2 (data, len);

        copy[at] ^= (guint8) (1 << bit);
        g_assert_null (lp2p_envelope_open (copy, len, DOMAIN, &error));
        g_assert_cmpuint (error->domain, ==, LP2P_TYPES_ERROR);
        g_clear_error (&error);
      }
  for (gsize size = 0; size < len; size++)
    {
      g_assert_null (lp2p_envelope_open (data, size, DOMAIN, &error));
      g_assert_cmpuint (error->domain, ==, LP2P_TYPES_ERROR);
      g_clear_error (&error);
    }
}

static void
test_too_large (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pIdentity) identity = vector_identity (LP2P_KEY_TYPE_ED25519);
  g_autofree guint8 *large = g_malloc0 (LP2P_ENVELOPE_MAX_SIZE + 1);
  g_autoptr (GBytes) payload = g_bytes_new (large, LP2P_ENVELOPE_MAX_SIZE);

  g_assert_null (lp2p_envelope_seal (identity, DOMAIN, NULL, payload, &error));
  g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_ENVELOPE);
  g_clear_error (&error);
  g_assert_null (lp2p_envelope_open (large, LP2P_ENVELOPE_MAX_SIZE + 1, DOMAIN, &error));
  g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_ENVELOPE);
}

static GPtrArray *
make_addresses (const char *const *texts, guint n)
{
  GPtrArray *addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GError) error = NULL;

      g_ptr_array_add (addresses, lp2p_multiaddr_new_from_string (texts[i], &error));
      g_assert_no_error (error);
    }
  return addresses;
}

static void
assert_record (Lp2pPeerRecord *record, Lp2pIdentity *identity)
{
  GPtrArray *addresses = lp2p_peer_record_get_addresses (record);

  g_assert_true (lp2p_peer_id_equal (lp2p_peer_record_get_peer_id (record),
                                     lp2p_identity_get_peer_id (identity)));
  g_assert_cmpuint (lp2p_peer_record_get_seq (record), ==, RECORD_SEQ);
  g_assert_cmpuint (addresses->len, ==, G_N_ELEMENTS (record_addresses));
  for (guint i = 0; i < addresses->len; i++)
    g_assert_cmpstr (lp2p_multiaddr_get_string (g_ptr_array_index (addresses, i)), ==,
                     record_addresses[i]);
}

static Lp2pPeerRecord *
make_record (Lp2pIdentity *identity)
{
  g_autoptr (GPtrArray) addresses =
      make_addresses (record_addresses, G_N_ELEMENTS (record_addresses));

  return lp2p_peer_record_new (lp2p_identity_get_peer_id (identity), RECORD_SEQ, addresses);
}

static GBytes *
load (const char *name)
{
  g_autofree char *path =
      g_test_build_filename (G_TEST_DIST, "unit", "data", "records", name, NULL);
  g_autoptr (GError) error = NULL;
  char *contents;
  gsize len;

  g_file_get_contents (path, &contents, &len, &error);
  g_assert_no_error (error);
  return g_bytes_new_take (contents, len);
}

/* Records that go-libp2p and js-libp2p made with the keys of the specification;
 * those of Ed25519 are to be the same to the byte. */
static void
test_foreign_records (void)
{
  static const struct
  {
    const char *file;
    Lp2pKeyType key_type;
  } records[] = {
    { "go-ed25519", LP2P_KEY_TYPE_ED25519 },
    { "js-ed25519", LP2P_KEY_TYPE_ED25519 },
    { "go-secp256k1", LP2P_KEY_TYPE_SECP256K1 },
    { "js-secp256k1", LP2P_KEY_TYPE_SECP256K1 },
    { "go-ecdsa", LP2P_KEY_TYPE_ECDSA },
    { "go-rsa", LP2P_KEY_TYPE_RSA },
    { "js-rsa", LP2P_KEY_TYPE_RSA },
  };

  for (guint i = 0; i < G_N_ELEMENTS (records); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (Lp2pIdentity) identity = vector_identity (records[i].key_type);
      g_autoptr (GBytes) foreign = load (records[i].file);
      g_autoptr (Lp2pPeerRecord) own = make_record (identity);
      g_autoptr (Lp2pPeerRecord) record = NULL;
      g_autoptr (GBytes) sealed = NULL;

      g_test_message ("%s", records[i].file);
      record = lp2p_peer_record_open (g_bytes_get_data (foreign, NULL), g_bytes_get_size (foreign),
                                      &error);
      g_assert_no_error (error);
      assert_record (record, identity);

      sealed = lp2p_peer_record_seal (own, identity, &error);
      g_assert_no_error (error);
      if (records[i].key_type == LP2P_KEY_TYPE_ED25519)
        g_assert_cmpmem (g_bytes_get_data (sealed, NULL), g_bytes_get_size (sealed),
                         g_bytes_get_data (foreign, NULL), g_bytes_get_size (foreign));
    }
}

static Lp2pPeerRecord *
open_record (GBytes *bytes, GError **error)
{
  return lp2p_peer_record_open (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), error);
}

static GBytes *
record_payload (Lp2pIdentity *identity)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pPeerRecord) record = make_record (identity);
  g_autoptr (GBytes) sealed = lp2p_peer_record_seal (record, identity, &error);
  g_autoptr (Lp2pEnvelope) envelope = NULL;

  g_assert_no_error (error);
  envelope = open_bytes (sealed, "libp2p-peer-record", &error);
  g_assert_no_error (error);
  return g_bytes_ref (lp2p_envelope_get_payload (envelope));
}

static void
check_form (const char *domain, const char *type_text, int code)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pIdentity) identity = vector_identity (LP2P_KEY_TYPE_ED25519);
  g_autoptr (GBytes) payload = record_payload (identity);
  g_autoptr (GBytes) type = text_bytes (type_text);
  g_autoptr (GBytes) sealed = lp2p_envelope_seal (identity, domain, type, payload, &error);
  g_autoptr (Lp2pPeerRecord) record = NULL;

  g_assert_no_error (error);
  record = open_record (sealed, &error);
  if (code < 0)
    {
      g_assert_no_error (error);
      assert_record (record, identity);
    }
  else
    {
      g_assert_error (error, LP2P_TYPES_ERROR, code);
    }
}

static void
test_forms (void)
{
  check_form ("libp2p-peer-record", "\x03\x01", -1);
  check_form ("libp2p-routing-state", "/libp2p/routing-state-record", -1);
  /* the varint of the multicodec, which nobody sends */
  check_form ("libp2p-peer-record", "\x81\x06", LP2P_TYPES_ERROR_INVALID_RECORD);
  check_form ("libp2p-peer-record", "", LP2P_TYPES_ERROR_INVALID_RECORD);
  check_form ("libp2p-relay-rsvp", "\x03\x02", LP2P_TYPES_ERROR_INVALID_RECORD);
  check_form ("libp2p-routing-state", "\x03\x01", LP2P_TYPES_ERROR_INVALID_SIGNATURE);
  check_form ("libp2p-peer-record", "/libp2p/routing-state-record",
              LP2P_TYPES_ERROR_INVALID_SIGNATURE);
}

static Lp2pPeerRecord *
seal_and_open (Lp2pIdentity *identity, GBytes *payload, GError **error)
{
  g_autoptr (GBytes) type = text_bytes ("\x03\x01");
  g_autoptr (GBytes) sealed =
      lp2p_envelope_seal (identity, "libp2p-peer-record", type, payload, error);

  return sealed != NULL ? open_record (sealed, error) : NULL;
}

static void
test_other_signer (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pIdentity) identity = vector_identity (LP2P_KEY_TYPE_ED25519);
  g_autoptr (Lp2pIdentity) other = vector_identity (LP2P_KEY_TYPE_ECDSA);
  g_autoptr (Lp2pPeerRecord) record = make_record (identity);
  g_autoptr (GBytes) payload = record_payload (identity);

  g_assert_null (lp2p_peer_record_seal (record, other, &error));
  g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_RECORD);
  g_clear_error (&error);
  g_assert_null (seal_and_open (other, payload, &error));
  g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_RECORD);
}

static void
append_field (GByteArray *out, guint8 tag, gconstpointer data, gsize len)
{
  g_byte_array_append (out, &tag, 1);
  lp2p_append_varint (out, len);
  g_byte_array_append (out, data, (guint) len);
}

static GByteArray *
start_payload (Lp2pIdentity *identity)
{
  GBytes *peer_id = lp2p_peer_id_get_bytes (lp2p_identity_get_peer_id (identity));
  GByteArray *out = g_byte_array_new ();

  append_field (out, 0x0a, g_bytes_get_data (peer_id, NULL), g_bytes_get_size (peer_id));
  return out;
}

/* An address that we do not understand is left out, the others stay. */
static void
test_unknown_address (void)
{
  static const char *const addresses[] = { "\x0a\x04\xff\xff\x7f\x01",
                                           "\x0a\x08\x04\x7f\x00\x00\x01\x06\x10\x92", "\x0a" };
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pIdentity) identity = vector_identity (LP2P_KEY_TYPE_ED25519);
  g_autoptr (GByteArray) array = start_payload (identity);
  g_autoptr (GBytes) payload = NULL;
  g_autoptr (Lp2pPeerRecord) record = NULL;
  GPtrArray *found;

  append_field (array, 0x1a, addresses[0], 6);
  append_field (array, 0x1a, addresses[1], 10);
  append_field (array, 0x1a, NULL, 0);
  append_field (array, 0x7a, "?", 1);
  payload = g_byte_array_free_to_bytes (g_steal_pointer (&array));
  record = seal_and_open (identity, payload, &error);
  g_assert_no_error (error);
  found = lp2p_peer_record_get_addresses (record);
  g_assert_cmpuint (found->len, ==, 1);
  g_assert_cmpstr (lp2p_multiaddr_get_string (g_ptr_array_index (found, 0)), ==,
                   "/ip4/127.0.0.1/tcp/4242");
}

static void
test_bad_records (void)
{
  static const struct
  {
    const char *hex;
    int code;
  } payloads[] = {
    { "f", LP2P_TYPES_ERROR_INVALID_PEER_ID },
    { "f0a00", LP2P_TYPES_ERROR_INVALID_PEER_ID },
    { "f0a04abcdef00", LP2P_TYPES_ERROR_INVALID_PEER_ID },
    { "f0aff", LP2P_TYPES_ERROR_INVALID_RECORD },
    { "f1a010a", LP2P_TYPES_ERROR_INVALID_RECORD },
    { "fffffff", LP2P_TYPES_ERROR_INVALID_RECORD },
  };
  g_autoptr (Lp2pIdentity) identity = vector_identity (LP2P_KEY_TYPE_ED25519);

  for (guint i = 0; i < G_N_ELEMENTS (payloads); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) payload = lp2p_multibase_decode (payloads[i].hex, NULL);

      g_assert_null (seal_and_open (identity, payload, &error));
      g_assert_error (error, LP2P_TYPES_ERROR, payloads[i].code);
    }
}

static void
check_count (guint n, gboolean good)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pIdentity) identity = vector_identity (LP2P_KEY_TYPE_ED25519);
  g_autoptr (GByteArray) array = start_payload (identity);
  g_autoptr (GPtrArray) addresses = make_addresses (record_addresses, 1);
  g_autoptr (GBytes) payload = NULL;
  g_autoptr (GBytes) sealed = NULL;
  g_autoptr (Lp2pPeerRecord) record = NULL;
  g_autoptr (Lp2pPeerRecord) opened = NULL;

  for (guint i = 0; i < n; i++)
    append_field (array, 0x1a, "\x0a\x08\x04\x7f\x00\x00\x01\x06\x10\x92", 10);
  payload = g_byte_array_free_to_bytes (g_steal_pointer (&array));
  opened = seal_and_open (identity, payload, &error);
  g_assert_cmpint (opened != NULL, ==, good);
  if (!good)
    g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_RECORD);
  g_clear_error (&error);

  while (addresses->len < n)
    g_ptr_array_add (addresses, lp2p_multiaddr_ref (g_ptr_array_index (addresses, 0)));
  record = lp2p_peer_record_new (lp2p_identity_get_peer_id (identity), 1, addresses);
  sealed = lp2p_peer_record_seal (record, identity, &error);
  g_assert_cmpint (sealed != NULL, ==, good);
  if (!good)
    g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_RECORD);
}

static void
test_count (void)
{
  check_count (LP2P_PEER_RECORD_MAX_ADDRESSES, TRUE);
  check_count (LP2P_PEER_RECORD_MAX_ADDRESSES + 1, FALSE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/envelope/round-trip", test_round_trip);
  g_test_add_func ("/envelope/empty", test_empty);
  g_test_add_func ("/envelope/shifted", test_shifted);
  g_test_add_func ("/envelope/damaged", test_damaged);
  g_test_add_func ("/envelope/too-large", test_too_large);
  g_test_add_func ("/peer-record/foreign", test_foreign_records);
  g_test_add_func ("/peer-record/forms", test_forms);
  g_test_add_func ("/peer-record/other-signer", test_other_signer);
  g_test_add_func ("/peer-record/unknown-address", test_unknown_address);
  g_test_add_func ("/peer-record/bad", test_bad_records);
  g_test_add_func ("/peer-record/count", test_count);

  return g_test_run ();
}
