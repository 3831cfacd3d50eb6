/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-identify-message.h"

static GPtrArray *
new_addresses (const char *first, ...)
{
  GPtrArray *addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
  va_list args;

  va_start (args, first);
  for (const char *text = first; text != NULL; text = va_arg (args, const char *))
    g_ptr_array_add (addresses, lp2p_multiaddr_new_from_string (text, NULL));
  va_end (args);
  return addresses;
}

static GPtrArray *
new_protocols (const char *first, ...)
{
  GPtrArray *protocols = g_ptr_array_new_null_terminated (0, g_free, TRUE);
  va_list args;

  va_start (args, first);
  for (const char *text = first; text != NULL; text = va_arg (args, const char *))
    g_ptr_array_add (protocols, g_strdup (text));
  va_end (args);
  return protocols;
}

static Lp2pIdentifyMessage *
new_full (void)
{
  Lp2pIdentifyMessage *message = lp2p_identify_message_new ();

  message->public_key = g_bytes_new_static ("key", 3);
  message->addresses = new_addresses ("/ip4/127.0.0.1/tcp/4001", "/ip6/::1/udp/4001/quic-v1", NULL);
  message->protocols = new_protocols ("/ipfs/id/1.0.0", "/ipfs/ping/1.0.0", NULL);
  message->observed = lp2p_multiaddr_new_from_string ("/ip4/192.0.2.7/tcp/1234", NULL);
  message->protocol_version = g_strdup ("lp2p/1.0.0");
  message->agent_version = g_strdup ("test/1");
  message->signed_record = g_bytes_new_static ("record", 6);
  return message;
}

static void
feed (Lp2pIdentifyReader *reader, GBytes *bytes, gsize step)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < size; i += step)
    {
      lp2p_identify_reader_input (reader, data + i, MIN (step, size - i), &error);
      g_assert_no_error (error);
    }
}

static Lp2pIdentifyMessage *
end (Lp2pIdentifyReader *reader)
{
  g_autoptr (GError) error = NULL;
  Lp2pIdentifyMessage *message = lp2p_identify_reader_end (reader, &error);

  g_assert_no_error (error);
  g_assert_nonnull (message);
  return message;
}

static void
assert_full (Lp2pIdentifyMessage *message)
{
  g_assert_cmpmem (g_bytes_get_data (message->public_key, NULL), 3, "key", 3);
  g_assert_cmpuint (message->addresses->len, ==, 2);
  g_assert_cmpstr (lp2p_multiaddr_get_string (g_ptr_array_index (message->addresses, 1)), ==,
                   "/ip6/::1/udp/4001/quic-v1");
  g_assert_cmpuint (message->protocols->len, ==, 2);
  g_assert_cmpstr (g_ptr_array_index (message->protocols, 1), ==, "/ipfs/ping/1.0.0");
  g_assert_null (message->protocols->pdata[2]);
  g_assert_cmpstr (lp2p_multiaddr_get_string (message->observed), ==, "/ip4/192.0.2.7/tcp/1234");
  g_assert_cmpstr (message->protocol_version, ==, "lp2p/1.0.0");
  g_assert_cmpstr (message->agent_version, ==, "test/1");
  g_assert_cmpmem (g_bytes_get_data (message->signed_record, NULL), 6, "record", 6);
}

/* However the bytes arrive. */
static void
test_round_trip (void)
{
  const gsize steps[] = { 1, 7, 4096 };
  g_autoptr (Lp2pIdentifyMessage) sent = new_full ();
  g_autoptr (GBytes) bytes = lp2p_identify_message_encode (sent);

  g_assert_cmpuint (g_bytes_get_size (bytes), ==, lp2p_identify_message_get_size (sent));
  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      g_autoptr (Lp2pIdentifyReader) reader = lp2p_identify_reader_new ();
      g_autoptr (Lp2pIdentifyMessage) got = NULL;

      feed (reader, bytes, steps[i]);
      got = end (reader);
      assert_full (got);
    }
}

/* The numbers of the fields, byte for byte. */
static void
test_wire (void)
{
  static const guint8 wire[] = "\x31"
                               "\x0a\x01K"                                /* publicKey */
                               "\x12\x08\x04\x7f\x00\x00\x01\x06\x0f\xa1" /* listenAddrs */
                               "\x1a\x02/a"                               /* protocols */
                               "\x1a\x02/b"
                               "\x22\x08\x04\x01\x02\x03\x04\x06\x00\x50" /* observedAddr */
                               "\x2a\x02v1"                               /* protocolVersion */
                               "\x32\x02"                                 /* agentVersion */
                               "a1"
                               "\x42\x01R"  /* signedPeerRecord */
                               "\x3a\x02xx" /* what we do not know */
                               "\xa8\x06\x05";
  g_autoptr (GBytes) bytes = g_bytes_new_static (wire, sizeof wire - 1);
  g_autoptr (Lp2pIdentifyReader) reader = lp2p_identify_reader_new ();
  g_autoptr (Lp2pIdentifyMessage) got = NULL;

  g_assert_cmpuint (wire[0], ==, sizeof wire - 2);
  feed (reader, bytes, sizeof wire);
  got = end (reader);
  g_assert_cmpmem (g_bytes_get_data (got->public_key, NULL), 1, "K", 1);
  g_assert_cmpstr (lp2p_multiaddr_get_string (g_ptr_array_index (got->addresses, 0)), ==,
                   "/ip4/127.0.0.1/tcp/4001");
  g_assert_cmpuint (got->protocols->len, ==, 2);
  g_assert_cmpstr (lp2p_multiaddr_get_string (got->observed), ==, "/ip4/1.2.3.4/tcp/80");
  g_assert_cmpstr (got->protocol_version, ==, "v1");
  g_assert_cmpstr (got->agent_version, ==, "a1");
  g_assert_cmpmem (g_bytes_get_data (got->signed_record, NULL), 1, "R", 1);
}

/* What a frame does not say stays as it was. */
static void
test_merge (void)
{
  g_autoptr (Lp2pIdentifyMessage) first = new_full ();
  g_autoptr (Lp2pIdentifyMessage) second = lp2p_identify_message_new ();
  g_autoptr (GBytes) first_bytes = lp2p_identify_message_encode (first);
  g_autoptr (GBytes) second_bytes = NULL;
  g_autoptr (Lp2pIdentifyReader) reader = lp2p_identify_reader_new ();
  g_autoptr (Lp2pIdentifyMessage) got = NULL;

  second->protocols = new_protocols ("/third", NULL);
  second->agent_version = g_strdup ("other");
  second_bytes = lp2p_identify_message_encode (second);
  feed (reader, first_bytes, 5);
  feed (reader, second_bytes, 5);
  got = end (reader);
  g_assert_cmpuint (got->protocols->len, ==, 3);
  g_assert_cmpstr (g_ptr_array_index (got->protocols, 2), ==, "/third");
  g_assert_cmpstr (got->agent_version, ==, "other");
  g_assert_cmpstr (got->protocol_version, ==, "lp2p/1.0.0");
  g_assert_cmpuint (got->addresses->len, ==, 2);
}

/* An empty message says nothing; an empty text is one. */
static void
test_empty (void)
{
  g_autoptr (GBytes) nothing = g_bytes_new_static ("\0", 1);
  g_autoptr (GBytes) text = g_bytes_new_static ("\x04\x32\x00\x0a\x00", 5);
  g_autoptr (Lp2pIdentifyReader) reader = lp2p_identify_reader_new ();
  g_autoptr (Lp2pIdentifyMessage) got = NULL;

  feed (reader, nothing, 1);
  feed (reader, text, 5);
  got = end (reader);
  g_assert_null (got->protocols);
  g_assert_null (got->addresses);
  g_assert_null (got->observed);
  g_assert_null (got->protocol_version);
  g_assert_cmpstr (got->agent_version, ==, "");
  g_assert_cmpuint (g_bytes_get_size (got->public_key), ==, 0);
}

static Lp2pIdentifyMessage *
pass_on (const Lp2pIdentifyMessage *message)
{
  g_autoptr (Lp2pIdentifyReader) reader = lp2p_identify_reader_new ();
  g_autoptr (GBytes) bytes = lp2p_identify_message_encode (message);

  feed (reader, bytes, 4096);
  return end (reader);
}

/* Texts that no terminal and no list should have. */
static void
test_texts (void)
{
  g_autofree char *long_name = g_strnfill (LP2P_IDENTIFY_MAX_TEXT + 1, 'x');
  g_autoptr (Lp2pIdentifyMessage) message = lp2p_identify_message_new ();
  g_autoptr (Lp2pIdentifyMessage) got = NULL;

  message->agent_version = g_strdup ("a\033[2Jb\xff");
  message->protocol_version = g_strdup (long_name);
  message->protocols = new_protocols ("", "/a\nb", "/\033[2J", "/\xff", long_name, "/good", NULL);
  got = pass_on (message);
  g_assert_cmpstr (got->agent_version, ==, "a\xef\xbf\xbd[2Jb\xef\xbf\xbd");
  g_assert_null (got->protocol_version);
  g_assert_cmpuint (got->protocols->len, ==, 1);
  g_assert_cmpstr (g_ptr_array_index (got->protocols, 0), ==, "/good");
}

/* Addresses of a future protocol are passed over. */
static void
test_addresses (void)
{
  static const guint8 data[] = "\x12\x03\xff\xff\x01"
                               "\x12\x00"
                               "\x12\x08\x04\x7f\x00\x00\x01\x06\x0f\xa1"
                               "\x22\x01\x05";
  g_autoptr (Lp2pIdentifyMessage) message = lp2p_identify_message_new ();
  g_autoptr (GError) error = NULL;

  lp2p_identify_message_merge (message, data, sizeof data - 1, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (message->addresses->len, ==, 1);
  g_assert_null (message->observed);
}

static void
test_limits (void)
{
  g_autoptr (Lp2pIdentifyMessage) message = lp2p_identify_message_new ();

  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (Lp2pIdentifyMessage) part = lp2p_identify_message_new ();
      g_autoptr (GBytes) bytes = NULL;
      g_autoptr (GError) error = NULL;
      gsize head;

      part->protocols = new_protocols (NULL, NULL);
      part->addresses = new_addresses (NULL, NULL);
      for (guint j = 0; j < 400; j++)
        {
          g_ptr_array_add (part->protocols, g_strdup_printf ("/%u", j));
          g_ptr_array_add (part->addresses,
                           lp2p_multiaddr_new_from_string ("/ip4/1.2.3.4/tcp/1", NULL));
        }
      bytes = lp2p_identify_message_encode (part);
      head = g_bytes_get_size (bytes) > 127 + 1 ? 2 : 1;
      lp2p_identify_message_merge (message, (const guint8 *) g_bytes_get_data (bytes, NULL) + head,
                                   g_bytes_get_size (bytes) - head, &error);
      g_assert_no_error (error);
    }
  g_assert_cmpuint (message->protocols->len, ==, LP2P_IDENTIFY_MAX_PROTOCOLS);
  g_assert_cmpuint (message->addresses->len, ==, LP2P_IDENTIFY_MAX_ADDRESSES);
}

static void
test_frames (void)
{
  g_autoptr (Lp2pIdentifyReader) reader = lp2p_identify_reader_new ();
  g_autoptr (GError) error = NULL;
  const guint8 empty = 0;

  for (guint i = 0; i < LP2P_IDENTIFY_MAX_FRAMES; i++)
    g_assert_true (lp2p_identify_reader_input (reader, &empty, 1, NULL));
  g_assert_false (lp2p_identify_reader_input (reader, &empty, 1, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL);
}

static void
test_broken (void)
{
  static const struct
  {
    const char *data;
    gsize size;
    gboolean at_end;
  } cases[] = {
    { "", 0, TRUE },          /* nothing at all */
    { "\x05\x0a", 2, TRUE },  /* ends in a frame */
    { "\x80", 1, TRUE },      /* ends in a length */
    { "\x81\x40", 2, FALSE }, /* 8193 bytes */
    { "\x80\x00", 2, FALSE }, /* not the shortest form */
    { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, FALSE },
    { "\x02\x0a\x05", 3, FALSE }, /* a field that is longer than the frame */
    { "\x02\xff\xff", 3, FALSE }, /* no protobuf */
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Lp2pIdentifyReader) reader = lp2p_identify_reader_new ();
      g_autoptr (GError) error = NULL;
      gboolean ok = lp2p_identify_reader_input (reader, (const guint8 *) cases[i].data,
                                                cases[i].size, &error);

      g_assert_true (ok == cases[i].at_end);
      if (ok)
        g_assert_null (lp2p_identify_reader_end (reader, &error));
      g_assert_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add_func ("/identify-message/round-trip", test_round_trip);
  g_test_add_func ("/identify-message/wire", test_wire);
  g_test_add_func ("/identify-message/merge", test_merge);
  g_test_add_func ("/identify-message/empty", test_empty);
  g_test_add_func ("/identify-message/texts", test_texts);
  g_test_add_func ("/identify-message/addresses", test_addresses);
  g_test_add_func ("/identify-message/limits", test_limits);
  g_test_add_func ("/identify-message/frames", test_frames);
  g_test_add_func ("/identify-message/broken", test_broken);
  return g_test_run ();
}
