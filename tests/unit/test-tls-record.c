/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The records of TLS 1.3, and the messages behind a handshake. */

#include "codec/lp2p-tls-record-private.h"

#include <string.h>

/* RFC 8448 section 3. */
#define CLIENT_SECRET "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5"
#define CLIENT_KEY    "17422dda596ed5d9acd890e3c63f5051"
#define CLIENT_IV     "5b78923dee08579033e523d9"
#define SERVER_SECRET "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643"
#define SERVER_KEY    "9f02283b6c9c07efc26bb9f2ac92e356"
#define SERVER_IV     "cf782b88dd83549aadf1e984"
#define CLIENT_DATA                                                                                \
  "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20"     \
  "441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4"
#define CLIENT_ALERT "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3"

static GBytes *
unhex (const char *text)
{
  gsize size = strlen (text) / 2;
  guint8 *data = g_malloc (size);

  for (gsize i = 0; i < size; i++)
    data[i] = g_ascii_xdigit_value (text[2 * i]) << 4 | g_ascii_xdigit_value (text[2 * i + 1]);
  return g_bytes_new_take (data, size);
}

static void
assert_hex (const guint8 *data, gsize size, const char *expected)
{
  g_autoptr (GBytes) bytes = unhex (expected);

  g_assert_cmpmem (data, size, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

static void
set_keys (Lp2pTlsKeys *keys, Lp2pAead aead, const char *hex)
{
  g_autoptr (GBytes) secret = unhex (hex);

  g_assert_true (lp2p_tls_keys_init (keys, aead, g_bytes_get_data (secret, NULL),
                                     g_bytes_get_size (secret)));
}

static void
test_vectors (void)
{
  static const guint8 close_notify[] = { 1, 0 };
  Lp2pTlsKeys client, server, reader;
  guint8 payload[50], record[128], out[128];
  gsize size, out_size;
  Lp2pTlsContent content;

  set_keys (&client, LP2P_AEAD_AES_128_GCM, CLIENT_SECRET);
  assert_hex (client.key, 16, CLIENT_KEY);
  assert_hex (client.iv, 12, CLIENT_IV);
  set_keys (&server, LP2P_AEAD_AES_128_GCM, SERVER_SECRET);
  assert_hex (server.key, 16, SERVER_KEY);
  assert_hex (server.iv, 12, SERVER_IV);

  for (guint i = 0; i < sizeof payload; i++)
    payload[i] = i;
  size = lp2p_tls_record_seal (&client, LP2P_TLS_CONTENT_DATA,
                               &(GOutputVector){ payload, sizeof payload }, 1, record);
  assert_hex (record, size, CLIENT_DATA);
  set_keys (&reader, LP2P_AEAD_AES_128_GCM, CLIENT_SECRET);
  g_assert_cmpint (lp2p_tls_record_open (&reader, record, size, out, &out_size, &content), ==, 0);
  g_assert_cmpint (content, ==, LP2P_TLS_CONTENT_DATA);
  g_assert_cmpmem (out, out_size, payload, sizeof payload);

  /* The nonce of the second record is another one. */
  size = lp2p_tls_record_seal (&client, LP2P_TLS_CONTENT_ALERT,
                               &(GOutputVector){ close_notify, sizeof close_notify }, 1, record);
  assert_hex (record, size, CLIENT_ALERT);
  g_assert_cmpint (lp2p_tls_record_open (&reader, record, size, out, &out_size, &content), ==, 0);
  g_assert_cmpint (content, ==, LP2P_TLS_CONTENT_ALERT);
  g_assert_cmpmem (out, out_size, close_notify, sizeof close_notify);

  lp2p_tls_keys_clear (&client);
  lp2p_tls_keys_clear (&server);
  lp2p_tls_keys_clear (&reader);
}

/* All ciphers, however the payload is cut, with keys that change. */
static void
test_round_trip (void)
{
  static const gsize sizes[] = { 0, 1, 15, 16, 17, 4095, 4096, 16383, 16384 };
  g_autofree guint8 *payload = g_malloc (LP2P_TLS_MAX_PAYLOAD);
  g_autofree guint8 *record = g_malloc (LP2P_TLS_MAX_RECORD);
  g_autofree guint8 *out = g_malloc (LP2P_TLS_MAX_RECORD);

  for (guint i = 0; i < LP2P_TLS_MAX_PAYLOAD; i++)
    payload[i] = i * 7;
  for (Lp2pAead aead = 0; aead < LP2P_AEAD_N; aead++)
    {
      Lp2pTlsKeys send, receive;

      set_keys (&send, aead, aead == LP2P_AEAD_AES_256_GCM ? SERVER_IV SERVER_IV SERVER_IV SERVER_IV
                                                           : CLIENT_SECRET);
      receive = send;
      for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
        {
          gsize cut = MIN (sizes[i], 12);
          GOutputVector pieces[] = { { payload, cut }, { payload + cut, sizes[i] - cut } };
          gsize size = lp2p_tls_record_seal (&send, LP2P_TLS_CONTENT_DATA, pieces, 2, record);
          gsize parsed, out_size;
          Lp2pTlsContent content;

          g_assert_cmpuint (size, ==, sizes[i] + LP2P_TLS_OVERHEAD);
          g_assert_cmpint (lp2p_tls_record_parse_head (record, &parsed), ==, 0);
          g_assert_cmpuint (parsed, ==, size);
          g_assert_cmpint (lp2p_tls_record_open (&receive, record, size, out, &out_size, &content),
                           ==, 0);
          g_assert_cmpmem (out, out_size, payload, sizes[i]);
          if (i % 2 == 1)
            {
              g_assert_true (lp2p_tls_keys_update (&send));
              g_assert_true (lp2p_tls_keys_update (&receive));
              g_assert_cmpuint (send.sequence, ==, 0);
            }
        }
      lp2p_tls_keys_clear (&send);
      lp2p_tls_keys_clear (&receive);
    }
}

static void
test_head (void)
{
  static const struct
  {
    guint8 head[LP2P_TLS_HEAD];
    Lp2pTlsAlert alert;
  } cases[] = {
    { { 23, 3, 3, 0x41, 0x00 }, 0 },
    { { 23, 3, 3, 0x41, 0x01 }, LP2P_TLS_ALERT_RECORD_OVERFLOW },
    { { 23, 3, 3, 0, 17 }, 0 },
    { { 23, 3, 3, 0, 16 }, LP2P_TLS_ALERT_DECODE_ERROR },
    { { 23, 3, 3, 0, 0 }, LP2P_TLS_ALERT_DECODE_ERROR },
    /* The version is not looked at. */
    { { 23, 9, 9, 0, 17 }, 0 },
    { { 20, 3, 3, 0, 1 }, LP2P_TLS_ALERT_UNEXPECTED_MESSAGE },
    { { 21, 3, 3, 0, 2 }, LP2P_TLS_ALERT_UNEXPECTED_MESSAGE },
    { { 0x47, 0x45, 0x54, 0x20, 0x2f }, LP2P_TLS_ALERT_UNEXPECTED_MESSAGE },
  };
  gsize size;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpint (lp2p_tls_record_parse_head (cases[i].head, &size), ==, cases[i].alert);
}

/* Makes a record of what is inside, its type and padding included. */
static gsize
seal_inside (Lp2pTlsKeys *keys, const guint8 *inside, gsize size, guint8 *record)
{
  guint8 nonce[LP2P_AEAD_NONCE];
  gsize length = size + LP2P_AEAD_TAG;
  const guint8 head[] = { 23, 3, 3, length >> 8, length & 0xff };

  for (guint i = 0; i < sizeof nonce; i++)
    nonce[i] = keys->iv[i];
  nonce[sizeof nonce - 1] ^= keys->sequence++;
  for (guint i = 0; i < sizeof head; i++)
    record[i] = head[i];
  g_assert_true (lp2p_aead_seal (keys->aead, keys->key, nonce, head, sizeof head,
                                 &(GOutputVector){ inside, size }, 1, record + sizeof head));
  return sizeof head + length;
}

static void
test_inside (void)
{
  g_autofree guint8 *inside = g_malloc0 (LP2P_TLS_MAX_PAYLOAD + 3);
  g_autofree guint8 *record = g_malloc (LP2P_TLS_MAX_RECORD);
  g_autofree guint8 *out = g_malloc (LP2P_TLS_MAX_RECORD);
  Lp2pTlsKeys send, receive;
  Lp2pTlsContent content;
  gsize size, out_size;

  set_keys (&send, LP2P_AEAD_AES_128_GCM, CLIENT_SECRET);
  receive = send;

  /* Padding, also behind no payload, and none but padding. */
  memcpy (inside, "ab\x17", 3);
  size = seal_inside (&send, inside, 200, record);
  g_assert_cmpint (lp2p_tls_record_open (&receive, record, size, out, &out_size, &content), ==, 0);
  g_assert_cmpint (content, ==, LP2P_TLS_CONTENT_DATA);
  g_assert_cmpmem (out, out_size, "ab", 2);
  size = seal_inside (&send, inside + 2, 100, record);
  g_assert_cmpint (lp2p_tls_record_open (&receive, record, size, out, &out_size, &content), ==, 0);
  g_assert_cmpuint (out_size, ==, 0);
  size = seal_inside (&send, inside + 3, 100, record);
  g_assert_cmpint (lp2p_tls_record_open (&receive, record, size, out, &out_size, &content), ==,
                   LP2P_TLS_ALERT_UNEXPECTED_MESSAGE);

  /* As much as a record may have, and a byte more. */
  memset (inside, 23, LP2P_TLS_MAX_PAYLOAD + 2);
  size = seal_inside (&send, inside, LP2P_TLS_MAX_PAYLOAD + 1, record);
  g_assert_cmpint (lp2p_tls_record_open (&receive, record, size, out, &out_size, &content), ==, 0);
  g_assert_cmpuint (out_size, ==, LP2P_TLS_MAX_PAYLOAD);
  size = seal_inside (&send, inside, LP2P_TLS_MAX_PAYLOAD + 2, record);
  g_assert_cmpint (lp2p_tls_record_open (&receive, record, size, out, &out_size, &content), ==,
                   LP2P_TLS_ALERT_RECORD_OVERFLOW);
  lp2p_tls_keys_clear (&send);
  lp2p_tls_keys_clear (&receive);
}

/* Each bit counts, that of the head too; what is not authentic does not come out. */
static void
test_tampered (void)
{
  guint8 record[LP2P_TLS_OVERHEAD + 6], out[LP2P_TLS_OVERHEAD + 6];
  Lp2pTlsKeys send, receive;
  Lp2pTlsContent content;
  gsize size, out_size;

  set_keys (&send, LP2P_AEAD_AES_128_GCM, CLIENT_SECRET);
  receive = send;
  size = lp2p_tls_record_seal (&send, LP2P_TLS_CONTENT_DATA, &(GOutputVector){ "secret", 6 }, 1,
                               record);
  for (gsize i = 0; i < 8 * size; i++)
    {
      memset (out, 0, sizeof out);
      record[i / 8] ^= 1 << i % 8;
      g_assert_cmpint (lp2p_tls_record_open (&receive, record, size, out, &out_size, &content), ==,
                       LP2P_TLS_ALERT_BAD_RECORD_MAC);
      record[i / 8] ^= 1 << i % 8;
      for (guint k = 0; k < sizeof out; k++)
        g_assert_cmpuint (out[k], ==, 0);
    }
  g_assert_cmpint (lp2p_tls_record_open (&receive, record, size, out, &out_size, &content), ==, 0);
  /* Nor does it come out twice. */
  g_assert_cmpint (lp2p_tls_record_open (&receive, record, size, out, &out_size, &content), ==,
                   LP2P_TLS_ALERT_BAD_RECORD_MAC);
  lp2p_tls_keys_clear (&send);
  lp2p_tls_keys_clear (&receive);
}

static void
test_worn (void)
{
  Lp2pTlsKeys keys;

  set_keys (&keys, LP2P_AEAD_AES_128_GCM, CLIENT_SECRET);
  keys.sequence = (1 << 24) - 1;
  g_assert_false (lp2p_tls_keys_are_worn (&keys));
  keys.sequence++;
  g_assert_true (lp2p_tls_keys_are_worn (&keys));
  g_assert_true (lp2p_tls_keys_update (&keys));
  g_assert_false (lp2p_tls_keys_are_worn (&keys));
  lp2p_tls_keys_clear (&keys);
}

static void
test_messages (void)
{
  static const struct
  {
    const char *bytes;
    gsize size;
    Lp2pTlsAlert alert;
    Lp2pTlsKeyUpdate update;
  } cases[] = {
    { "\x18\0\0\1\0", 5, 0, LP2P_TLS_KEY_UPDATE_NOT_REQUESTED },
    { "\x18\0\0\1\1", 5, 0, LP2P_TLS_KEY_UPDATE_REQUESTED },
    { "\x18\0\0\1\2", 5, LP2P_TLS_ALERT_DECODE_ERROR, LP2P_TLS_KEY_UPDATE_NONE },
    { "\x18\0\0\0", 4, LP2P_TLS_ALERT_DECODE_ERROR, LP2P_TLS_KEY_UPDATE_NONE },
    { "\x18\0\0\2\0\0", 6, LP2P_TLS_ALERT_DECODE_ERROR, LP2P_TLS_KEY_UPDATE_NONE },
    { "\4\0\0\3abc\x18\0\0\1\0", 12, 0, LP2P_TLS_KEY_UPDATE_NOT_REQUESTED },
    { "\4\0\0\0\4\0\0\1x", 9, 0, LP2P_TLS_KEY_UPDATE_NONE },
    { "\4\0\0\3ab", 6, 0, LP2P_TLS_KEY_UPDATE_NONE },
    { "\x0d\0\0\1x", 5, LP2P_TLS_ALERT_UNEXPECTED_MESSAGE, LP2P_TLS_KEY_UPDATE_NONE },
    { "\1\0\0\1x", 5, LP2P_TLS_ALERT_UNEXPECTED_MESSAGE, LP2P_TLS_KEY_UPDATE_NONE },
    { "", 0, LP2P_TLS_ALERT_UNEXPECTED_MESSAGE, LP2P_TLS_KEY_UPDATE_NONE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Lp2pTlsMessages messages = { { 0 } };
      Lp2pTlsKeyUpdate update;
      Lp2pTlsAlert alert = 0;

      g_assert_cmpint (lp2p_tls_messages_take (&messages, (const guint8 *) cases[i].bytes,
                                               cases[i].size, &update),
                       ==, cases[i].alert);
      g_assert_cmpint (update, ==, cases[i].update);

      /* It is the same when they come byte by byte. */
      messages = (Lp2pTlsMessages){ { 0 } };
      for (gsize k = 0; k < cases[i].size && alert == 0; k++)
        alert = lp2p_tls_messages_take (&messages, (const guint8 *) cases[i].bytes + k, 1, &update);
      if (cases[i].size > 0)
        {
          g_assert_cmpint (alert, ==, cases[i].alert);
          g_assert_cmpint (update, ==, cases[i].update);
        }
    }
}

/* Keys change at the end of a record. */
static void
test_behind_update (void)
{
  Lp2pTlsMessages messages = { { 0 } };
  Lp2pTlsKeyUpdate update;

  g_assert_cmpint (
      lp2p_tls_messages_take (&messages, (const guint8 *) "\x18\0\0\1\0\4", 6, &update), ==,
      LP2P_TLS_ALERT_UNEXPECTED_MESSAGE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tls-record/vectors", test_vectors);
  g_test_add_func ("/tls-record/round-trip", test_round_trip);
  g_test_add_func ("/tls-record/head", test_head);
  g_test_add_func ("/tls-record/inside", test_inside);
  g_test_add_func ("/tls-record/tampered", test_tampered);
  g_test_add_func ("/tls-record/worn", test_worn);
  g_test_add_func ("/tls-record/messages", test_messages);
  g_test_add_func ("/tls-record/behind-update", test_behind_update);
  return g_test_run ();
}
