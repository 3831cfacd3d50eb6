/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The libp2p handshake: identities, extensions, order, and what must fail on the wire. */

#include "codec/lp2p-noise-payload-private.h"
#include "codec/lp2p-noise-private.h"
#include "codec/lp2p-noise-x25519-private.h"

#include <string.h>

#include "noise-messages.h"

typedef struct
{
  Lp2pIdentity *a;
  Lp2pIdentity *b;
  Lp2pNoise *initiator;
  Lp2pNoise *responder;
} Pair;

static Lp2pIdentity *
identity (void)
{
  g_autoptr (GError) error = NULL;
  Lp2pIdentity *self = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, &error);

  g_assert_no_error (error);
  return self;
}

/* A and B with the given parameters; the roles and identities are filled in. */
static void
pair_init (Pair *pair, Lp2pNoiseParams a, Lp2pNoiseParams b)
{
  pair->a = identity ();
  pair->b = identity ();
  a.initiator = TRUE;
  a.identity = pair->a;
  b.initiator = FALSE;
  b.identity = pair->b;
  pair->initiator = noise_start (a);
  pair->responder = noise_start (b);
}

static void
pair_clear (Pair *pair)
{
  lp2p_noise_free (pair->initiator);
  lp2p_noise_free (pair->responder);
  g_object_unref (pair->a);
  g_object_unref (pair->b);
}

static Lp2pNoise *
pair_writer (Pair *pair, guint n)
{
  return n % 2 == 0 ? pair->initiator : pair->responder;
}

static Lp2pNoise *
pair_reader (Pair *pair, guint n)
{
  return n % 2 == 0 ? pair->responder : pair->initiator;
}

/* Exchanges the first @n messages. */
static void
pair_play (Pair *pair, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GByteArray) wire = noise_write_message (pair_writer (pair, i));
      g_autoptr (GError) error = NULL;

      noise_read_message (pair_reader (pair, i), wire->data + 2, wire->len - 2, &error);
      g_assert_no_error (error);
    }
}

/* Exchanges messages until one is refused, which must happen. */
static void
pair_play_fails (Pair *pair, int code, const char *says)
{
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GByteArray) wire = noise_write_message (pair_writer (pair, i));
      g_autoptr (GError) error = NULL;

      if (noise_read_message (pair_reader (pair, i), wire->data + 2, wire->len - 2, &error))
        continue;
      g_assert_error (error, LP2P_CODEC_ERROR, code);
      if (strstr (error->message, says) == NULL)
        g_error ("\"%s\" does not say %s", error->message, says);
      g_assert_null (lp2p_noise_get_remote_peer_id (pair_reader (pair, i)));
      return;
    }
  g_assert_not_reached ();
}

static void
assert_done (Lp2pNoise *self, Lp2pIdentity *remote)
{
  g_assert_cmpint (lp2p_noise_get_state (self), ==, LP2P_NOISE_STATE_DONE);
  g_assert_cmpstr (lp2p_peer_id_get_string (lp2p_noise_get_remote_peer_id (self)), ==,
                   lp2p_peer_id_get_string (lp2p_identity_get_peer_id (remote)));
  g_assert_true (lp2p_public_key_equal (lp2p_noise_get_remote_public_key (self),
                                        lp2p_identity_get_public_key (remote)));
}

static void
check_session (Lp2pNoise *from, Lp2pNoise *to)
{
  g_autoptr (Lp2pNoiseCipher) send = NULL;
  g_autoptr (Lp2pNoiseCipher) receive = NULL;
  g_autoptr (Lp2pNoiseCipher) remote_send = NULL;
  g_autoptr (Lp2pNoiseCipher) remote_receive = NULL;
  g_autofree guint8 *plain = g_malloc0 (LP2P_NOISE_MAX_FRAME);
  g_autofree guint8 *sealed = g_malloc (LP2P_NOISE_MAX_FRAME);
  GOutputVector vector = { plain, LP2P_NOISE_MAX_FRAME - LP2P_NOISE_TAG };
  g_autoptr (GError) error = NULL;

  g_assert_true (lp2p_noise_split (from, &send, &receive, &error));
  g_assert_true (lp2p_noise_split (to, &remote_send, &remote_receive, &error));

  /* The largest frame, both ways. */
  g_assert_true (lp2p_noise_cipher_seal (send, &vector, 1, sealed, &error));
  g_assert_true (lp2p_noise_cipher_open (remote_receive, sealed, LP2P_NOISE_MAX_FRAME, sealed,
                                         &error));
  g_assert_cmpmem (sealed, vector.size, plain, vector.size);
  g_assert_true (lp2p_noise_cipher_seal (remote_send, &vector, 1, sealed, &error));
  g_assert_false (lp2p_noise_cipher_open (remote_receive, sealed, LP2P_NOISE_MAX_FRAME, plain,
                                          &error));
  g_clear_error (&error);
  g_assert_true (lp2p_noise_cipher_open (receive, sealed, LP2P_NOISE_MAX_FRAME, sealed, &error));
}

static void
test_handshake (void)
{
  Pair pair;
  const guint8 *hash;
  gsize len, other_len;

  pair_init (&pair, (Lp2pNoiseParams) { 0 }, (Lp2pNoiseParams) { 0 });
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GByteArray) wire = NULL;
      g_autoptr (GError) error = NULL;

      g_assert_null (lp2p_noise_get_remote_peer_id (pair.initiator));
      g_assert_null (lp2p_noise_get_remote_public_key (pair.responder));
      g_assert_null (lp2p_noise_get_handshake_hash (pair.responder, NULL));
      wire = noise_write_message (pair_writer (&pair, i));
      if (i == 0)
        g_assert_cmpuint (wire->len, ==, 2 + 32);
      noise_read_message (pair_reader (&pair, i), wire->data + 2, wire->len - 2, &error);
      g_assert_no_error (error);
    }

  assert_done (pair.initiator, pair.b);
  assert_done (pair.responder, pair.a);
  g_assert_null (lp2p_noise_get_remote_stream_muxers (pair.initiator));
  g_assert_null (lp2p_noise_get_remote_certhashes (pair.initiator));
  hash = lp2p_noise_get_handshake_hash (pair.initiator, &len);
  g_assert_cmpuint (len, ==, 32);
  g_assert_cmpmem (hash, len, lp2p_noise_get_handshake_hash (pair.responder, &other_len), 32);
  check_session (pair.initiator, pair.responder);
  pair_clear (&pair);
}

static void
test_key_types (void)
{
  static const Lp2pKeyType types[]
      = { LP2P_KEY_TYPE_RSA, LP2P_KEY_TYPE_SECP256K1, LP2P_KEY_TYPE_ECDSA };

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (Lp2pIdentity) other = lp2p_identity_generate (types[i], &error);
      Pair pair;

      g_assert_no_error (error);
      pair_init (&pair, (Lp2pNoiseParams) { 0 }, (Lp2pNoiseParams) { 0 });
      lp2p_noise_free (pair.responder);
      pair.responder = noise_start ((Lp2pNoiseParams) { .identity = other });
      pair_play (&pair, 3);
      assert_done (pair.initiator, other);
      pair_clear (&pair);
    }
}

static void
test_expected_peer (void)
{
  Pair pair;
  g_autoptr (Lp2pIdentity) other = identity ();
  g_autofree char *says = NULL;

  /* The initiator learns it from message 2, before it says who it is. */
  pair_init (&pair, (Lp2pNoiseParams) { .expected_peer = lp2p_identity_get_peer_id (other) },
             (Lp2pNoiseParams) { 0 });
  says = g_strdup_printf ("expected peer %s, got %s",
                          lp2p_peer_id_get_string (lp2p_identity_get_peer_id (other)),
                          lp2p_peer_id_get_string (lp2p_identity_get_peer_id (pair.b)));
  pair_play_fails (&pair, LP2P_CODEC_ERROR_WRONG_PEER, says);
  g_assert_cmpint (lp2p_noise_get_state (pair.initiator), ==, LP2P_NOISE_STATE_FAILED);
  pair_clear (&pair);

  pair_init (&pair, (Lp2pNoiseParams) { 0 },
             (Lp2pNoiseParams) { .expected_peer = lp2p_identity_get_peer_id (other) });
  pair_play_fails (&pair, LP2P_CODEC_ERROR_WRONG_PEER, "expected peer");
  g_assert_cmpint (lp2p_noise_get_state (pair.responder), ==, LP2P_NOISE_STATE_FAILED);
  pair_clear (&pair);
}

static void
test_expected_peer_right (void)
{
  g_autoptr (Lp2pIdentity) a = identity ();
  g_autoptr (Lp2pIdentity) b = identity ();
  Pair pair = { g_object_ref (a), g_object_ref (b), NULL, NULL };

  pair.initiator = noise_start ((Lp2pNoiseParams) {
      .initiator = TRUE, .identity = a, .expected_peer = lp2p_identity_get_peer_id (b) });
  pair.responder = noise_start (
      (Lp2pNoiseParams) { .identity = b, .expected_peer = lp2p_identity_get_peer_id (a) });
  pair_play (&pair, 3);
  assert_done (pair.initiator, b);
  assert_done (pair.responder, a);
  pair_clear (&pair);
}

static void
test_prologue (void)
{
  const Lp2pNoiseParams one = { .prologue = (const guint8 *) "one", .prologue_len = 3 };
  const Lp2pNoiseParams two = { .prologue = (const guint8 *) "two", .prologue_len = 3 };
  Pair pair;

  pair_init (&pair, one, one);
  pair_play (&pair, 3);
  pair_clear (&pair);

  pair_init (&pair, one, two);
  pair_play_fails (&pair, LP2P_CODEC_ERROR_NOISE, "authentication");
  pair_clear (&pair);

  pair_init (&pair, (Lp2pNoiseParams) { 0 }, two);
  pair_play_fails (&pair, LP2P_CODEC_ERROR_NOISE, "authentication");
  pair_clear (&pair);
}

static void
test_muxers (void)
{
  const char *const ours[] = { "/yamux/1.0.0", "/mplex/6.7.0", NULL };
  const char *const theirs[] = { "/mplex/6.7.0", "/yamux/1.0.0", NULL };
  const char *const other[] = { "/other", NULL };
  const char *const none[] = { NULL };
  Pair pair;

  pair_init (&pair, (Lp2pNoiseParams) { .stream_muxers = ours },
             (Lp2pNoiseParams) { .stream_muxers = theirs });
  pair_play (&pair, 2);
  /* Not before the handshake is complete. */
  g_assert_null (lp2p_noise_get_remote_stream_muxers (pair.initiator));
  pair_clear (&pair);

  pair_init (&pair, (Lp2pNoiseParams) { .stream_muxers = ours },
             (Lp2pNoiseParams) { .stream_muxers = theirs });
  pair_play (&pair, 3);
  g_assert_true (
      g_strv_equal (lp2p_noise_get_remote_stream_muxers (pair.initiator), theirs));
  g_assert_true (g_strv_equal (lp2p_noise_get_remote_stream_muxers (pair.responder), ours));
  pair_clear (&pair);

  g_assert_cmpstr (lp2p_noise_select_muxer (ours, theirs), ==, "/yamux/1.0.0");
  g_assert_cmpstr (lp2p_noise_select_muxer (theirs, ours), ==, "/mplex/6.7.0");
  g_assert_null (lp2p_noise_select_muxer (ours, other));
  g_assert_null (lp2p_noise_select_muxer (ours, none));
  g_assert_null (lp2p_noise_select_muxer (NULL, ours));
  g_assert_null (lp2p_noise_select_muxer (ours, NULL));
}

static void
test_certhashes (void)
{
  g_autoptr (GPtrArray) hashes = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  GPtrArray *got;
  Pair pair;

  g_ptr_array_add (hashes, g_bytes_new_static ("\x12\x20" "first", 7));
  g_ptr_array_add (hashes, g_bytes_new_static ("\x12\x20" "second", 8));
  pair_init (&pair, (Lp2pNoiseParams) { 0 },
             (Lp2pNoiseParams) { .webtransport_certhashes = hashes });
  pair_play (&pair, 3);
  got = lp2p_noise_get_remote_certhashes (pair.initiator);
  g_assert_nonnull (got);
  g_assert_cmpuint (got->len, ==, 2);
  g_assert_true (g_bytes_equal (got->pdata[0], hashes->pdata[0]));
  g_assert_true (g_bytes_equal (got->pdata[1], hashes->pdata[1]));
  g_assert_null (lp2p_noise_get_remote_certhashes (pair.responder));
  g_assert_null (lp2p_noise_get_remote_stream_muxers (pair.initiator));
  pair_clear (&pair);
}

static void
test_own_limits (void)
{
  g_autoptr (Lp2pIdentity) self = identity ();
  g_autofree char *name = g_strnfill (LP2P_NOISE_MAX_EXTENSION_LEN + 1, 'm');
  const char *longer[] = { name, NULL };
  const char *many[LP2P_NOISE_MAX_EXTENSIONS + 2];
  Lp2pNoiseParams params = { .initiator = TRUE, .identity = self };
  g_autoptr (Lp2pNoise) noise = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i <= LP2P_NOISE_MAX_EXTENSIONS; i++)
    many[i] = "/m";
  many[LP2P_NOISE_MAX_EXTENSIONS + 1] = NULL;

  params.stream_muxers = many;
  g_assert_null (lp2p_noise_new (&params, &error));
  g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_TOO_LARGE);
  g_clear_error (&error);
  params.stream_muxers = longer;
  g_assert_null (lp2p_noise_new (&params, &error));
  g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_TOO_LARGE);
  g_clear_error (&error);

  many[LP2P_NOISE_MAX_EXTENSIONS] = NULL;
  params.stream_muxers = many;
  noise = lp2p_noise_new (&params, &error);
  g_assert_no_error (error);
}

static void
test_truncated (void)
{
  for (guint n = 0; n < 3; n++)
    {
      gsize whole = G_MAXSIZE;

      for (gsize len = 0; len < whole; len++)
        {
          Pair pair;
          g_autoptr (GByteArray) wire = NULL;
          g_autoptr (GError) error = NULL;

          pair_init (&pair, (Lp2pNoiseParams) { 0 }, (Lp2pNoiseParams) { 0 });
          pair_play (&pair, n);
          wire = noise_write_message (pair_writer (&pair, n));
          whole = wire->len - 2;
          g_assert_false (noise_read_message (pair_reader (&pair, n), wire->data + 2, len, &error));
          g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_NOISE);
          pair_clear (&pair);
        }
    }
}

/* One flipped bit in each byte of each message. One in the first message is
 * found when the second is read: nothing authenticates it before. */
static void
test_flipped (void)
{
  for (guint n = 0; n < 3; n++)
    {
      gsize len = 1;

      for (gsize at = 0; at < len; at++)
        {
          Pair pair;
          g_autoptr (GByteArray) wire = NULL;
          g_autoptr (GError) error = NULL;
          gboolean ok;

          pair_init (&pair, (Lp2pNoiseParams) { 0 }, (Lp2pNoiseParams) { 0 });
          pair_play (&pair, n);
          wire = noise_write_message (pair_writer (&pair, n));
          len = wire->len - 2;
          wire->data[2 + at] ^= 1 << at % 8;
          ok = noise_read_message (pair_reader (&pair, n), wire->data + 2, len, &error);
          if (n == 0)
            {
              g_autoptr (GByteArray) answer = noise_write_message (pair.responder);

              g_assert_true (ok);
              ok = noise_read_message (pair.initiator, answer->data + 2, answer->len - 2, &error);
            }
          g_assert_false (ok);
          g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_NOISE);
          pair_clear (&pair);
        }
    }
}

static void
test_appended (void)
{
  for (guint n = 1; n < 3; n++)
    {
      Pair pair;
      g_autoptr (GByteArray) wire = NULL;
      g_autoptr (GError) error = NULL;

      pair_init (&pair, (Lp2pNoiseParams) { 0 }, (Lp2pNoiseParams) { 0 });
      pair_play (&pair, n);
      wire = noise_write_message (pair_writer (&pair, n));
      g_byte_array_append (wire, (const guint8 *) "", 1);
      g_assert_false (
          noise_read_message (pair_reader (&pair, n), wire->data + 2, wire->len - 2, &error));
      g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_NOISE);
      pair_clear (&pair);
    }
}

static void
test_order (void)
{
  Pair pair;
  g_autoptr (GByteArray) first = NULL;
  g_autoptr (GByteArray) second = NULL;
  g_autoptr (GByteArray) wire = g_byte_array_new ();
  g_autoptr (GError) error = NULL;

  /* Whose turn it is. */
  pair_init (&pair, (Lp2pNoiseParams) { 0 }, (Lp2pNoiseParams) { 0 });
  g_assert_cmpint (lp2p_noise_get_state (pair.initiator), ==, LP2P_NOISE_STATE_WRITE);
  g_assert_cmpint (lp2p_noise_get_state (pair.responder), ==, LP2P_NOISE_STATE_READ);
  g_assert_false (lp2p_noise_write_message (pair.responder, wire, &error));
  g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_PROTOCOL);
  g_assert_cmpuint (wire->len, ==, 0);
  g_clear_error (&error);
  g_assert_cmpint (lp2p_noise_get_state (pair.responder), ==, LP2P_NOISE_STATE_READ);

  /* The first message twice. */
  first = noise_write_message (pair.initiator);
  g_assert_true (noise_read_message (pair.responder, first->data + 2, first->len - 2, &error));
  g_assert_false (
      lp2p_noise_read_message (pair.responder, first->data + 2, first->len - 2, &error));
  g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_PROTOCOL);
  g_clear_error (&error);
  g_assert_cmpint (lp2p_noise_get_state (pair.responder), ==, LP2P_NOISE_STATE_FAILED);
  g_assert_false (lp2p_noise_write_message (pair.responder, wire, &error));
  g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_PROTOCOL);
  g_clear_error (&error);
  pair_clear (&pair);

  /* The first message as the third. */
  pair_init (&pair, (Lp2pNoiseParams) { 0 }, (Lp2pNoiseParams) { 0 });
  pair_play (&pair, 2);
  g_assert_false (noise_read_message (pair.responder, first->data + 2, first->len - 2, &error));
  g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_NOISE);
  g_clear_error (&error);
  pair_clear (&pair);

  /* The second message of another session, and one's own first. */
  pair_init (&pair, (Lp2pNoiseParams) { 0 }, (Lp2pNoiseParams) { 0 });
  pair_play (&pair, 1);
  second = noise_write_message (pair.responder);
  pair_clear (&pair);
  pair_init (&pair, (Lp2pNoiseParams) { 0 }, (Lp2pNoiseParams) { 0 });
  pair_play (&pair, 1);
  g_assert_false (noise_read_message (pair.initiator, second->data + 2, second->len - 2, &error));
  g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_NOISE);
  pair_clear (&pair);
}

static void
test_after_done (void)
{
  Pair pair;
  Lp2pNoiseCipher *send = NULL;
  Lp2pNoiseCipher *receive = NULL;
  g_autoptr (GByteArray) wire = g_byte_array_new ();
  g_autoptr (GError) error = NULL;

  pair_init (&pair, (Lp2pNoiseParams) { 0 }, (Lp2pNoiseParams) { 0 });
  g_assert_false (lp2p_noise_split (pair.initiator, &send, &receive, &error));
  g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_PROTOCOL);
  g_clear_error (&error);

  pair_play (&pair, 3);
  g_assert_false (lp2p_noise_read_message (pair.initiator, (const guint8 *) "x", 1, &error));
  g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_PROTOCOL);
  g_clear_error (&error);
  g_assert_false (lp2p_noise_write_message (pair.initiator, wire, &error));
  g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_PROTOCOL);
  g_clear_error (&error);
  g_assert_cmpint (lp2p_noise_get_state (pair.initiator), ==, LP2P_NOISE_STATE_DONE);

  /* A second pair of ciphers would use the nonces again. */
  g_assert_true (lp2p_noise_split (pair.initiator, &send, &receive, &error));
  lp2p_noise_cipher_free (send);
  lp2p_noise_cipher_free (receive);
  g_assert_false (lp2p_noise_split (pair.initiator, &send, &receive, &error));
  g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_PROTOCOL);
  g_assert_null (send);
  g_assert_null (receive);
  pair_clear (&pair);
}

/* All that goes over the wire, with these ephemeral keys. */
static GByteArray *
run_with_keys (Lp2pNoiseParams a, Lp2pNoiseParams b)
{
  static const guint8 keys[][LP2P_NOISE_KEY] = { "ephemeral of A, with 32 bytes...",
                                                 "ephemeral of B, with 32 bytes..." };
  Pair pair = { g_object_ref (a.identity), g_object_ref (b.identity), noise_start (a), noise_start (b) };
  GByteArray *all = g_byte_array_new ();
  g_autoptr (GError) error = NULL;

  g_assert_true (lp2p_noise_set_ephemeral_key (pair.initiator, keys[0], &error));
  g_assert_true (lp2p_noise_set_ephemeral_key (pair.responder, keys[1], &error));
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GByteArray) wire = noise_write_message (pair_writer (&pair, i));

      g_byte_array_append (all, wire->data, wire->len);
      noise_read_message (pair_reader (&pair, i), wire->data + 2, wire->len - 2, &error);
      g_assert_no_error (error);
    }
  pair_clear (&pair);
  return all;
}

/* With all keys given, a handshake repeats itself byte by byte: also where the
 * identity signs a little differently each time, because it signed once. */
static void
test_shared_key (void)
{
  g_autoptr (Lp2pIdentity) a = lp2p_identity_generate (LP2P_KEY_TYPE_ECDSA, NULL);
  g_autoptr (Lp2pIdentity) b = identity ();
  g_autoptr (Lp2pNoiseStatic) a_key = lp2p_noise_static_new (a, NULL);
  g_autoptr (Lp2pNoiseStatic) b_key = lp2p_noise_static_new (b, NULL);
  Lp2pNoiseParams a_params = { .initiator = TRUE, .identity = a, .static_key = a_key };
  Lp2pNoiseParams b_params = { .identity = b, .static_key = b_key };
  g_autoptr (GByteArray) first = run_with_keys (a_params, b_params);
  g_autoptr (GByteArray) second = run_with_keys (a_params, b_params);
  g_autoptr (GByteArray) other = NULL;

  g_assert_cmpmem (first->data, first->len, second->data, second->len);

  /* Without one, each session makes its own. */
  b_params.static_key = NULL;
  other = run_with_keys (a_params, b_params);
  g_assert_cmpuint (other->len, >, 0);
  g_assert_false (other->len == first->len && memcmp (other->data, first->data, first->len) == 0);
}

static void
test_too_large (void)
{
  g_autoptr (Lp2pIdentity) self = identity ();
  g_autofree guint8 *frame = g_malloc0 (LP2P_NOISE_MAX_FRAME + 1);
  g_autoptr (Lp2pNoise) responder = noise_start ((Lp2pNoiseParams) { .identity = self });
  g_autoptr (GError) error = NULL;

  frame[0] = 9;
  g_assert_false (noise_read_message (responder, frame, LP2P_NOISE_MAX_FRAME + 1, &error));
  g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_TOO_LARGE);
  g_clear_error (&error);

  g_clear_pointer (&responder, lp2p_noise_free);
  responder = noise_start ((Lp2pNoiseParams) { .identity = self });
  g_assert_true (noise_read_message (responder, frame, LP2P_NOISE_MAX_FRAME, &error));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/noise/handshake", test_handshake);
  g_test_add_func ("/noise/key-types", test_key_types);
  g_test_add_func ("/noise/expected-peer", test_expected_peer);
  g_test_add_func ("/noise/expected-peer-right", test_expected_peer_right);
  g_test_add_func ("/noise/prologue", test_prologue);
  g_test_add_func ("/noise/muxers", test_muxers);
  g_test_add_func ("/noise/certhashes", test_certhashes);
  g_test_add_func ("/noise/own-limits", test_own_limits);
  g_test_add_func ("/noise/truncated", test_truncated);
  g_test_add_func ("/noise/flipped", test_flipped);
  g_test_add_func ("/noise/appended", test_appended);
  g_test_add_func ("/noise/order", test_order);
  g_test_add_func ("/noise/after-done", test_after_done);
  g_test_add_func ("/noise/shared-key", test_shared_key);
  g_test_add_func ("/noise/too-large", test_too_large);

  return g_test_run ();
}
