/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a remote that plays the handshake well may put into its payload. */

#include "codec/lp2p-noise-payload-private.h"
#include "codec/lp2p-noise-private.h"
#include "codec/lp2p-noise-xx-private.h"

#include "codec/noise.pb-c.h"

#include <lp2p/types/lp2p-error.h>

#include <string.h>

#include "noise-messages.h"

static Lp2pIdentity *
identity (void)
{
  g_autoptr (GError) error = NULL;
  Lp2pIdentity *self = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, &error);

  g_assert_no_error (error);
  return self;
}

/* A responder that sends whatever payload a test wants */

typedef struct
{
  Lp2pIdentity *identity;
  Lp2pNoiseXX xx;
  Lp2pNoise *initiator;
} Forger;

static void
forger_init (Forger *forger)
{
  g_autoptr (Lp2pIdentity) self = identity ();
  g_autoptr (GByteArray) wire = NULL;
  g_autoptr (GByteArray) payload = g_byte_array_new ();
  g_autoptr (GError) error = NULL;

  forger->identity = identity ();
  forger->initiator = noise_start ((Lp2pNoiseParams) { .initiator = TRUE, .identity = self });
  g_assert_true (lp2p_noise_xx_init (&forger->xx, FALSE, NULL, 0, NULL, &error));
  wire = noise_write_message (forger->initiator);
  g_assert_true (lp2p_noise_xx_read (&forger->xx, wire->data + 2, wire->len - 2, payload, &error));
  g_assert_cmpuint (payload->len, ==, 0);
}

static gboolean
forger_send (Forger *forger, const guint8 *payload, gsize len, GError **error)
{
  g_autoptr (GByteArray) wire = g_byte_array_new ();
  gboolean ok;

  g_assert_true (lp2p_noise_xx_write (&forger->xx, payload, len, wire, error));
  ok = noise_read_message (forger->initiator, wire->data, wire->len, error);

  lp2p_noise_xx_clear (&forger->xx);
  lp2p_noise_free (forger->initiator);
  g_object_unref (forger->identity);
  return ok;
}

static gboolean
forger_send_message (Forger *forger, Lp2p__Pb__NoiseHandshakePayload *message, GError **error)
{
  gsize len = lp2p__pb__noise_handshake_payload__get_packed_size (message);
  g_autofree guint8 *packed = g_malloc (len + 1);

  lp2p__pb__noise_handshake_payload__pack (message, packed);
  return forger_send (forger, packed, len, error);
}

static GBytes *
vouch (Lp2pIdentity *identity, const guint8 *static_key, GError **error)
{
  g_autoptr (GBytes) signature = lp2p_noise_payload_sign (identity, static_key, error);

  return signature != NULL ? lp2p_noise_payload_build (identity, signature, NULL, NULL) : NULL;
}

/* A payload that would be accepted, to be spoilt. */
static Lp2p__Pb__NoiseHandshakePayload *
forger_payload (Forger *forger)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes
      = vouch (forger->identity, forger->xx.static_pair.public_key, &error);
  Lp2p__Pb__NoiseHandshakePayload *payload;

  g_assert_no_error (error);
  payload = lp2p__pb__noise_handshake_payload__unpack (NULL, g_bytes_get_size (bytes),
                                                       g_bytes_get_data (bytes, NULL));
  g_assert_nonnull (payload);
  return payload;
}

typedef void (*Spoil) (Forger *forger, Lp2p__Pb__NoiseHandshakePayload *payload);

static void
spoil_nothing (Forger *forger, Lp2p__Pb__NoiseHandshakePayload *payload)
{
}

static void
spoil_no_key (Forger *forger, Lp2p__Pb__NoiseHandshakePayload *payload)
{
  payload->has_identity_key = FALSE;
}

static void
spoil_empty_key (Forger *forger, Lp2p__Pb__NoiseHandshakePayload *payload)
{
  payload->identity_key.len = 0;
}

static void
spoil_no_signature (Forger *forger, Lp2p__Pb__NoiseHandshakePayload *payload)
{
  payload->has_identity_sig = FALSE;
}

static void
spoil_empty_signature (Forger *forger, Lp2p__Pb__NoiseHandshakePayload *payload)
{
  payload->identity_sig.len = 0;
}

static void
spoil_signature (Forger *forger, Lp2p__Pb__NoiseHandshakePayload *payload)
{
  payload->identity_sig.data[5] ^= 1;
}

static void
spoil_short_signature (Forger *forger, Lp2p__Pb__NoiseHandshakePayload *payload)
{
  payload->identity_sig.len--;
}

/* Somebody else's key over our own signature: the attack that it is all about. */
static void
spoil_other_key (Forger *forger, Lp2p__Pb__NoiseHandshakePayload *payload)
{
  g_autoptr (Lp2pIdentity) other = identity ();
  GBytes *bytes = lp2p_public_key_get_bytes (lp2p_identity_get_public_key (other));
  gsize len;
  const guint8 *data = g_bytes_get_data (bytes, &len);

  g_assert_cmpuint (len, ==, payload->identity_key.len);
  for (gsize i = 0; i < len; i++)
    payload->identity_key.data[i] = data[i];
}

static void
spoil_key (Forger *forger, Lp2p__Pb__NoiseHandshakePayload *payload)
{
  payload->identity_key.len--;
}

static void
check_spoilt (Spoil spoil, GQuark domain, int code, const char *says)
{
  Forger forger;
  Lp2p__Pb__NoiseHandshakePayload *payload;
  g_autoptr (GError) error = NULL;
  gboolean ok;

  forger_init (&forger);
  payload = forger_payload (&forger);
  spoil (&forger, payload);
  ok = forger_send_message (&forger, payload, &error);
  lp2p__pb__noise_handshake_payload__free_unpacked (payload, NULL);

  g_assert_cmpint (ok, ==, says == NULL);
  if (ok)
    return;
  g_assert_error (error, domain, code);
  if (strstr (error->message, says) == NULL)
    g_error ("\"%s\" does not say %s", error->message, says);
}

static void
test_payload_identity (void)
{
  const GQuark codec = LP2P_CODEC_ERROR;
  const int noise = LP2P_CODEC_ERROR_NOISE;

  check_spoilt (spoil_nothing, 0, 0, NULL);
  check_spoilt (spoil_no_key, codec, noise, "no identity key");
  check_spoilt (spoil_empty_key, codec, noise, "no identity key");
  check_spoilt (spoil_no_signature, codec, noise, "no signature");
  check_spoilt (spoil_empty_signature, codec, noise, "no signature");
  check_spoilt (spoil_signature, codec, noise, "signature");
  check_spoilt (spoil_short_signature, codec, noise, "signature");
  check_spoilt (spoil_other_key, codec, noise, "signature");
  check_spoilt (spoil_key, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY, "identity key");
}

static void
test_payload_garbage (void)
{
  static const char *const payloads[]
      = { "", "\x0a", "\x0a\x7fxx", "garbage, not protobuf", "\xff" };

  for (guint i = 0; i < G_N_ELEMENTS (payloads); i++)
    {
      Forger forger;
      g_autoptr (GError) error = NULL;

      forger_init (&forger);
      g_assert_false (forger_send (&forger, (const guint8 *) payloads[i], strlen (payloads[i]),
                                   &error));
      g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_NOISE);
    }
}

/* Fields that this version does not know are passed over. */
static void
test_payload_unknown_fields (void)
{
  Forger forger;
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GBytes) known = NULL;
  g_autoptr (GError) error = NULL;

  forger_init (&forger);
  known = vouch (forger.identity, forger.xx.static_pair.public_key, &error);
  /* The field 3 of old versions, and an extension from the experimental range. */
  g_byte_array_append (bytes, (const guint8 *) "\x1a\x04" "data", 6);
  g_byte_array_append (bytes, g_bytes_get_data (known, NULL), g_bytes_get_size (known));
  g_byte_array_append (bytes, (const guint8 *) "\x22\x06\x82\x41\x03" "new", 8);
  g_assert_true (forger_send (&forger, bytes->data, bytes->len, &error));
}

static gboolean
send_muxers (const char *name, gsize len, guint n, GError **error)
{
  Forger forger;
  Lp2p__Pb__NoiseHandshakePayload *payload;
  Lp2p__Pb__NoiseExtensions extensions = LP2P__PB__NOISE_EXTENSIONS__INIT;
  g_autofree ProtobufCBinaryData *names = g_new0 (ProtobufCBinaryData, n);
  gboolean ok;

  for (guint i = 0; i < n; i++)
    {
      names[i].data = (guint8 *) name;
      names[i].len = len;
    }
  extensions.stream_muxers = names;
  extensions.n_stream_muxers = n;

  forger_init (&forger);
  payload = forger_payload (&forger);
  payload->extensions = &extensions;
  ok = forger_send_message (&forger, payload, error);
  payload->extensions = NULL;
  lp2p__pb__noise_handshake_payload__free_unpacked (payload, NULL);
  return ok;
}

static void
test_payload_muxers (void)
{
  g_autofree char *name = g_strnfill (LP2P_NOISE_MAX_EXTENSION_LEN + 1, 'm');
  const struct
  {
    const char *name;
    gsize len;
    guint n;
    int code; /* -1: accepted */
  } cases[] = {
    { "/yamux/1.0.0", 12, 1, -1 },
    { name, LP2P_NOISE_MAX_EXTENSION_LEN, LP2P_NOISE_MAX_EXTENSIONS, -1 },
    { name, LP2P_NOISE_MAX_EXTENSION_LEN + 1, 1, LP2P_CODEC_ERROR_TOO_LARGE },
    { "m", 1, LP2P_NOISE_MAX_EXTENSIONS + 1, LP2P_CODEC_ERROR_TOO_LARGE },
    { "m", 1, 16000, LP2P_CODEC_ERROR_TOO_LARGE },
    { "/ya\0mux", 7, 1, LP2P_CODEC_ERROR_NOISE },
    { "/\xff", 2, 1, LP2P_CODEC_ERROR_NOISE },
    { "", 0, 1, LP2P_CODEC_ERROR_NOISE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      gboolean ok = send_muxers (cases[i].name, cases[i].len, cases[i].n, &error);

      g_assert_cmpint (ok, ==, cases[i].code == -1);
      if (!ok)
        g_assert_error (error, LP2P_CODEC_ERROR, cases[i].code);
    }
}

/* A payload in the first message is not refused, and not believed. */
static void
test_first_payload (void)
{
  g_autoptr (Lp2pIdentity) self = identity ();
  g_autoptr (Lp2pIdentity) other = identity ();
  g_autoptr (Lp2pNoise) responder = noise_start ((Lp2pNoiseParams) { .identity = self });
  Lp2pNoiseXX xx;
  g_autoptr (GByteArray) first = g_byte_array_new ();
  g_autoptr (GByteArray) second = NULL;
  g_autoptr (GByteArray) third = g_byte_array_new ();
  g_autoptr (GByteArray) payload = g_byte_array_new ();
  g_autoptr (GBytes) proof = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (lp2p_noise_xx_init (&xx, TRUE, NULL, 0, NULL, &error));
  g_assert_true (lp2p_noise_xx_write (&xx, (const guint8 *) "early", 5, first, &error));
  g_assert_true (noise_read_message (responder, first->data, first->len, &error));
  second = noise_write_message (responder);
  g_assert_true (lp2p_noise_xx_read (&xx, second->data + 2, second->len - 2, payload, &error));
  proof = vouch (other, xx.static_pair.public_key, &error);
  g_assert_true (lp2p_noise_xx_write (&xx, g_bytes_get_data (proof, NULL),
                                      g_bytes_get_size (proof), third, &error));
  g_assert_true (noise_read_message (responder, third->data, third->len, &error));
  g_assert_cmpint (lp2p_noise_get_state (responder), ==, LP2P_NOISE_STATE_DONE);
  g_assert_true (lp2p_peer_id_equal (lp2p_noise_get_remote_peer_id (responder),
                                     lp2p_identity_get_peer_id (other)));
  lp2p_noise_xx_clear (&xx);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/noise-payload/identity", test_payload_identity);
  g_test_add_func ("/noise-payload/garbage", test_payload_garbage);
  g_test_add_func ("/noise-payload/unknown-fields", test_payload_unknown_fields);
  g_test_add_func ("/noise-payload/muxers", test_payload_muxers);
  g_test_add_func ("/noise-payload/first-message", test_first_payload);

  return g_test_run ();
}
