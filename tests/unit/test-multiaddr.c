/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/types/lp2p-error.h>
#include <lp2p/types/lp2p-multiaddr.h>
#include <lp2p/types/lp2p-multibase.h>

#include <string.h>

#define PEER "12D3KooWCryG7Mon9orvQxcS1rYZjotPgpwoJNHHKcLLfE4Hf5mV"

static GBytes *
from_hex (const char *hex)
{
  g_autofree char *text = g_strconcat ("f", hex, NULL);
  g_autoptr (GError) error = NULL;
  GBytes *bytes = lp2p_multibase_decode (text, &error);

  g_assert_no_error (error);
  return bytes;
}

static Lp2pMultiaddr *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  Lp2pMultiaddr *address = lp2p_multiaddr_new_from_string (text, &error);

  g_assert_no_error (error);
  g_assert_nonnull (address);
  return address;
}

/* The address built from the parts of @address, in each way there is. */
static void
check_parts (Lp2pMultiaddr *address)
{
  guint n = lp2p_multiaddr_get_n_components (address);
  g_autoptr (Lp2pMultiaddr) appended = NULL;

  for (guint i = 0; i < n; i++)
    {
      Lp2pProtocol protocol;
      const guint8 *value;
      gsize len;
      g_autoptr (GError) error = NULL;
      g_autofree char *text = lp2p_multiaddr_get_component_string (address, i);
      g_autoptr (Lp2pMultiaddr) head = lp2p_multiaddr_slice (address, 0, i);
      g_autoptr (Lp2pMultiaddr) tail = lp2p_multiaddr_slice (address, i, G_MAXUINT);
      Lp2pMultiaddr *longer;

      g_assert_true (lp2p_multiaddr_get_component (address, i, &protocol, &value, &len));
      g_assert_true (lp2p_protocol_has_value (protocol) == (text != NULL));
      g_assert_true ((len > 0) == (text != NULL));
      longer = lp2p_multiaddr_append (appended, protocol, value, len, &error);
      g_assert_no_error (error);
      g_clear_pointer (&appended, lp2p_multiaddr_unref);
      appended = longer;
      g_assert_true (lp2p_multiaddr_has_prefix (address, appended));

      if (head != NULL)
        {
          g_autoptr (Lp2pMultiaddr) joined = lp2p_multiaddr_concat (head, tail);
          g_assert_true (lp2p_multiaddr_equal (joined, address));
          g_assert_false (lp2p_multiaddr_has_prefix (head, address));
        }
    }
  g_assert_true (lp2p_multiaddr_equal (appended, address));
  g_assert_false (lp2p_multiaddr_get_component (address, n, NULL, NULL, NULL));
  g_assert_null (lp2p_multiaddr_get_component_string (address, n));
}

static void
check_good (const char *text, const char *canonical)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, &error);
  g_autoptr (Lp2pMultiaddr) from_bytes = NULL;
  g_autoptr (Lp2pMultiaddr) from_text = NULL;
  gsize len;
  const guint8 *data;

  g_assert_no_error (error);
  g_assert_cmpstr (lp2p_multiaddr_get_string (address), ==, canonical);

  data = lp2p_multiaddr_get_data (address, &len);
  from_bytes = lp2p_multiaddr_new_from_bytes (data, len, &error);
  g_assert_no_error (error);
  g_assert_true (lp2p_multiaddr_equal (address, from_bytes));
  g_assert_cmpint (lp2p_multiaddr_compare (address, from_bytes), ==, 0);
  g_assert_cmpuint (lp2p_multiaddr_hash (address), ==, lp2p_multiaddr_hash (from_bytes));
  g_assert_cmpuint (lp2p_multiaddr_get_n_components (address), ==,
                    lp2p_multiaddr_get_n_components (from_bytes));
  g_assert_cmpstr (lp2p_multiaddr_get_string (from_bytes), ==, canonical);

  from_text = lp2p_multiaddr_new_from_string (canonical, &error);
  g_assert_no_error (error);
  g_assert_true (lp2p_multiaddr_equal (address, from_text));

  check_parts (address);
}

static void
check_bad (const char *text, int code)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, &error);

  if (address != NULL)
    g_error ("'%s' was read as '%s'", text, lp2p_multiaddr_get_string (address));
  g_assert_error (error, LP2P_TYPES_ERROR, code);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
}

static void
check_bytes (const char *hex, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = from_hex (hex);
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_bytes (
      g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), &error);

  g_assert_no_error (error);
  g_assert_cmpstr (lp2p_multiaddr_get_string (address), ==, text);
  g_assert_true (g_bytes_equal (lp2p_multiaddr_get_bytes (address), bytes));
  check_good (text, text);
}

static void
check_bad_bytes (const char *hex, int code)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = from_hex (hex);
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_bytes (
      g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), &error);

  if (address != NULL)
    g_error ("0x%s was read as '%s'", hex, lp2p_multiaddr_get_string (address));
  g_assert_error (error, LP2P_TYPES_ERROR, code);
}

static void
test_data_file (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "unit/data/multiaddr.txt", NULL);
  g_autofree char *contents = NULL;
  g_auto (GStrv) lines = NULL;
  g_autoptr (GError) error = NULL;
  guint checked = 0;

  g_file_get_contents (path, &contents, NULL, &error);
  g_assert_no_error (error);
  lines = g_strsplit (contents, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_auto (GStrv) fields = g_strsplit (lines[i], "\t", 3);

      if (lines[i][0] == '\0' || lines[i][0] == '#')
        continue;
      g_test_message ("%s", lines[i]);
      if (g_str_equal (fields[0], "good"))
        check_good (fields[1], fields[1]);
      else if (g_str_equal (fields[0], "same"))
        check_good (fields[1], fields[2]);
      else if (g_str_equal (fields[0], "bad"))
        check_bad (fields[1], LP2P_TYPES_ERROR_INVALID_MULTIADDR);
      else if (g_str_equal (fields[0], "unknown"))
        check_bad (fields[1], LP2P_TYPES_ERROR_UNSUPPORTED);
      else if (g_str_equal (fields[0], "bytes"))
        check_bytes (fields[1], fields[2]);
      else if (g_str_equal (fields[0], "badbytes"))
        check_bad_bytes (fields[1], LP2P_TYPES_ERROR_INVALID_MULTIADDR);
      else if (g_str_equal (fields[0], "unknownbytes"))
        check_bad_bytes (fields[1], LP2P_TYPES_ERROR_UNSUPPORTED);
      else
        g_error ("%s:%u: unknown kind '%s'", path, i + 1, fields[0]);
      checked++;
    }
  g_assert_cmpuint (checked, >, 300);
}

static void
test_messages (void)
{
  static const struct
  {
    const char *text;
    const char *message;
  } messages[] = {
    { "", "Multiaddr \"\" does not start with a slash" },
    { "/", "Multiaddr has no components" },
    { "/ip4/1.2.3.4/tcp/70000",
      "Component 2 (\"/tcp/70000\") of multiaddr: expected a port number from 0 to 65535" },
    { "/ip4/1.2.3.4/tcp",
      "Component 2 (\"/tcp\") of multiaddr: value is missing, expected a port number from 0 to"
      " 65535" },
    { "/ip4/1.2.3.4/quic-v1/foo", "Component 3 (\"/foo\") of multiaddr: unknown protocol" },
    { "/ip4/1.2.3.4//tcp",
      "Component 2 (\"/\") of multiaddr: expected the name of a protocol" },
    { "/ip4/::1", "Component 1 (\"/ip4/::1\") of multiaddr: expected an IPv4 address" },
    { "/dns/a\x1b[31m\xff",
      "Component 1 (\"/dns/a\\x1b[31m\\xff\") of multiaddr: expected a domain name of 1 to 255"
      " bytes" },
    { "/tcp/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "Component 1 (\"/tcp/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...\") of"
      " multiaddr: expected a port number from 0 to 65535" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (messages); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (lp2p_multiaddr_new_from_string (messages[i].text, &error));
      g_assert_cmpstr (error->message, ==, messages[i].message);
    }
}

static void
test_byte_messages (void)
{
  static const struct
  {
    const char *hex;
    const char *message;
  } messages[] = {
    { "04c00002010601", "Component 2 (\"tcp\") of multiaddr: expected a value of 2 bytes, but only"
                        " 1 are left" },
    { "04c000020180", "Component 2 of multiaddr: expected the code of a protocol" },
    { "04c0000201bb03", "Component 2 of multiaddr: unknown protocol code 0x1bb" },
    { "3580", "Component 1 (\"dns\") of multiaddr: expected the length of the value" },
    { "350120", "Component 1 (\"dns\") of multiaddr: expected a domain name of 1 to 255 bytes" },
    { "9003022f61dd03", "Component 2 (\"ws\") of multiaddr: nothing may follow a path" },
    { "", "Multiaddr has 0 bytes, expected 1 to 2048" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (messages); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) bytes = from_hex (messages[i].hex);

      g_assert_null (lp2p_multiaddr_new_from_bytes (g_bytes_get_data (bytes, NULL),
                                                    g_bytes_get_size (bytes), &error));
      g_assert_cmpstr (error->message, ==, messages[i].message);
    }
}

static Lp2pMultiaddr *
repeat (const char *component, guint times, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < times; i++)
    g_string_append (text, component);
  return lp2p_multiaddr_new_from_string (text->str, error);
}

static void
test_limits (void)
{
  g_autofree char *long_name = g_strnfill (250, 'a');
  g_autofree char *component = g_strconcat ("/dns/", long_name, NULL);
  g_autofree char *long_path = g_strnfill (2048 - 4, '~');
  g_autofree char *escaped = g_strnfill (9000, 'a');
  g_autofree char *fits = g_strconcat ("/http-path/", long_path, NULL);
  g_autofree char *too_long = g_strconcat ("/http-path/a", long_path, NULL);
  g_autofree char *huge = g_strconcat ("/http-path/", escaped, NULL);
  g_autoptr (Lp2pMultiaddr) most = repeat ("/ws", 64, NULL);
  g_autoptr (Lp2pMultiaddr) largest = lp2p_multiaddr_new_from_string (fits, NULL);
  g_autoptr (Lp2pMultiaddr) one = parse ("/ws");
  g_autoptr (GError) error = NULL;
  guint8 data[2 * 65];
  gsize len;

  g_assert_cmpuint (lp2p_multiaddr_get_n_components (most), ==, 64);
  g_assert_null (lp2p_multiaddr_concat (most, one));
  g_assert_null (lp2p_multiaddr_append (most, LP2P_PROTOCOL_WS, NULL, 0, &error));
  g_assert_cmpstr (error->message, ==, "Multiaddr has more than 64 components");
  g_clear_error (&error);
  g_assert_null (repeat ("/ws", 65, &error));
  g_assert_cmpstr (error->message, ==, "Multiaddr has more than 64 components");
  g_clear_error (&error);
  for (gsize i = 0; i < sizeof data; i += 2)
    {
      data[i] = 0xdd;
      data[i + 1] = 0x03;
    }
  g_assert_null (lp2p_multiaddr_new_from_bytes (data, sizeof data, &error));
  g_assert_cmpstr (error->message, ==, "Multiaddr has more than 64 components");
  g_clear_error (&error);

  lp2p_multiaddr_get_data (largest, &len);
  g_assert_cmpuint (len, ==, 2048);
  g_assert_null (lp2p_multiaddr_concat (largest, one));
  g_assert_null (lp2p_multiaddr_append (largest, LP2P_PROTOCOL_WS, NULL, 0, &error));
  g_assert_cmpstr (error->message, ==, "Multiaddr has more than 2048 bytes");
  g_clear_error (&error);
  g_assert_null (lp2p_multiaddr_new_from_string (too_long, &error));
  g_assert_cmpstr (error->message, ==, "Multiaddr has more than 2048 bytes");
  g_clear_error (&error);
  g_assert_null (repeat (component, 9, &error));
  g_assert_cmpstr (error->message, ==, "Multiaddr has more than 2048 bytes");
  g_clear_error (&error);
  g_assert_null (lp2p_multiaddr_new_from_string (huge, &error));
  g_assert_cmpstr (error->message, ==, "Text of multiaddr has 9011 bytes, expected at most 8192");
}

/* The largest text that a binary form can have is itself accepted. */
static void
test_largest_text (void)
{
  guint8 data[2048] = { 0xe1, 0x03, 0xfc, 0x0f };
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pMultiaddr) address = NULL;
  g_autoptr (Lp2pMultiaddr) again = NULL;

  address = lp2p_multiaddr_new_from_bytes (data, sizeof data, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (strlen (lp2p_multiaddr_get_string (address)), ==, 11 + 3 * 2044);
  again = lp2p_multiaddr_new_from_string (lp2p_multiaddr_get_string (address), &error);
  g_assert_no_error (error);
  g_assert_true (lp2p_multiaddr_equal (address, again));
}

static void
test_components (void)
{
  g_autoptr (Lp2pMultiaddr) address =
      parse ("/ip4/192.0.2.1/tcp/4001/p2p/" PEER "/p2p-circuit/p2p/" PEER);
  g_autoptr (Lp2pMultiaddr) relay = lp2p_multiaddr_slice (address, 0, 3);
  g_autoptr (Lp2pMultiaddr) middle = lp2p_multiaddr_slice (address, 1, 4);
  g_autoptr (Lp2pMultiaddr) all = lp2p_multiaddr_slice (address, 0, G_MAXUINT);
  g_autofree char *port = lp2p_multiaddr_get_component_string (address, 1);
  Lp2pProtocol protocol;
  const guint8 *value;
  gsize len;

  g_assert_cmpuint (lp2p_multiaddr_get_n_components (address), ==, 5);
  g_assert_cmpstr (port, ==, "4001");
  g_assert_null (lp2p_multiaddr_get_component_string (address, 3));
  g_assert_true (lp2p_multiaddr_get_component (address, 1, &protocol, &value, &len));
  g_assert_cmpint (protocol, ==, LP2P_PROTOCOL_TCP);
  g_assert_cmpmem (value, len, "\x0f\xa1", 2);
  g_assert_true (lp2p_multiaddr_get_component (address, 3, &protocol, &value, &len));
  g_assert_cmpint (protocol, ==, LP2P_PROTOCOL_P2P_CIRCUIT);
  g_assert_cmpuint (len, ==, 0);

  g_assert_cmpint (lp2p_multiaddr_find (address, LP2P_PROTOCOL_P2P, 0), ==, 2);
  g_assert_cmpint (lp2p_multiaddr_find (address, LP2P_PROTOCOL_P2P, 3), ==, 4);
  g_assert_cmpint (lp2p_multiaddr_find (address, LP2P_PROTOCOL_P2P, 5), ==, -1);
  g_assert_cmpint (lp2p_multiaddr_find_last (address, LP2P_PROTOCOL_P2P), ==, 4);
  g_assert_cmpint (lp2p_multiaddr_find_last (address, LP2P_PROTOCOL_IP4), ==, 0);
  g_assert_cmpint (lp2p_multiaddr_find_last (address, LP2P_PROTOCOL_WS), ==, -1);

  g_assert_cmpstr (lp2p_multiaddr_get_string (relay), ==, "/ip4/192.0.2.1/tcp/4001/p2p/" PEER);
  g_assert_cmpstr (lp2p_multiaddr_get_string (middle), ==,
                   "/tcp/4001/p2p/" PEER "/p2p-circuit");
  g_assert_true (all == address);
  g_assert_null (lp2p_multiaddr_slice (address, 5, G_MAXUINT));
  g_assert_null (lp2p_multiaddr_slice (address, 2, 2));
  g_assert_null (lp2p_multiaddr_slice (address, 3, 2));
  g_assert_true (lp2p_multiaddr_has_prefix (address, relay));
  g_assert_false (lp2p_multiaddr_has_prefix (address, middle));
  g_assert_cmpstr (lp2p_protocol_get_name (LP2P_PROTOCOL_WEBRTC_DIRECT), ==, "webrtc-direct");
  g_assert_null (lp2p_protocol_get_name ((Lp2pProtocol) 0x1bb));
}

static void
test_prefix_ends_at_component (void)
{
  g_autoptr (Lp2pMultiaddr) longer = parse ("/dns/example.com");
  g_autoptr (Lp2pMultiaddr) shorter = parse ("/dns/example.co");

  g_assert_false (lp2p_multiaddr_has_prefix (longer, shorter));
  g_assert_cmpint (lp2p_multiaddr_compare (longer, shorter), !=, 0);
  g_assert_cmpint (lp2p_multiaddr_compare (longer, shorter), ==,
                   -lp2p_multiaddr_compare (shorter, longer));
}

static void
test_append_bad (void)
{
  g_autoptr (Lp2pMultiaddr) address = parse ("/ip4/192.0.2.1");
  g_autoptr (Lp2pMultiaddr) path = parse ("/unix/tmp/socket");
  g_autoptr (GError) error = NULL;
  static const guint8 three[3] = { 0 };

  g_assert_null (lp2p_multiaddr_append (address, LP2P_PROTOCOL_TCP, three, 3, &error));
  g_assert_cmpstr (error->message, ==, "Component 2 (\"tcp\") of multiaddr: expected a port number"
                                       " from 0 to 65535");
  g_clear_error (&error);
  g_assert_null (lp2p_multiaddr_append (address, LP2P_PROTOCOL_WS, three, 3, &error));
  g_assert_cmpstr (error->message, ==, "Component 2 (\"ws\") of multiaddr: expected no value");
  g_clear_error (&error);
  g_assert_null (lp2p_multiaddr_append (address, LP2P_PROTOCOL_DNS, NULL, 0, &error));
  g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_MULTIADDR);
  g_clear_error (&error);
  g_assert_null (lp2p_multiaddr_append (address, (Lp2pProtocol) 0x1bb, NULL, 0, &error));
  g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  g_assert_null (lp2p_multiaddr_append (path, LP2P_PROTOCOL_WS, NULL, 0, &error));
  g_assert_cmpstr (error->message, ==, "Component 2 (\"ws\") of multiaddr: nothing may follow a"
                                       " path");
  g_assert_null (lp2p_multiaddr_concat (path, address));
}

static void
test_to_socket_address (void)
{
  static const struct
  {
    const char *text;
    const char *host;
    guint port;
    guint scope;
  } good[] = {
    { "/ip4/192.0.2.1/tcp/4001", "192.0.2.1", 4001, 0 },
    { "/ip4/192.0.2.1/udp/4001/quic-v1/webtransport", "192.0.2.1", 4001, 0 },
    { "/ip6/2001:db8::1/tcp/65535/ws", "2001:db8::1", 65535, 0 },
    { "/ip6/::ffff:192.0.2.1/tcp/1", "192.0.2.1", 1, 0 },
    { "/ip6zone/7/ip6/fe80::1/udp/0", "fe80::1", 0, 7 },
    { "/ip6zone/lo/ip6/fe80::1/udp/9", "fe80::1", 9, 1 },
  };
  static const char *const bad[] = {
    "/dns/example.com/tcp/1", "/ip4/192.0.2.1",
    "/ip4/192.0.2.1/ws",      "/tcp/1",
    "/ip6zone/lo",            "/ip6zone/lo/ip4/192.0.2.1/tcp/1",
    "/memory/1",              "/ip6zone/no-such-interface/ip6/fe80::1/tcp/1",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (Lp2pMultiaddr) address = parse (good[i].text);
      g_autoptr (GSocketAddress) socket = lp2p_multiaddr_get_socket_address (address, &error);
      GInetSocketAddress *inet;
      g_autofree char *host = NULL;

      g_assert_no_error (error);
      inet = G_INET_SOCKET_ADDRESS (socket);
      host = g_inet_address_to_string (g_inet_socket_address_get_address (inet));
      g_assert_cmpstr (host, ==, good[i].host);
      g_assert_cmpuint (g_inet_socket_address_get_port (inet), ==, good[i].port);
      if (g_socket_address_get_family (socket) == G_SOCKET_FAMILY_IPV6)
        g_assert_cmpuint (g_inet_socket_address_get_scope_id (inet), ==, good[i].scope);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (Lp2pMultiaddr) address = parse (bad[i]);

      g_assert_null (lp2p_multiaddr_get_socket_address (address, &error));
      g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_UNSUPPORTED);
    }
}

static void
check_from_socket_address (GSocketAddress *address, Lp2pProtocol transport, const char *text)
{
  g_autoptr (GSocketAddress) owned = address;
  g_autoptr (Lp2pMultiaddr) multiaddr =
      lp2p_multiaddr_new_from_socket_address (owned, transport);

  g_assert_cmpstr (lp2p_multiaddr_get_string (multiaddr), ==, text);
}

static GSocketAddress *
scoped (const char *host, guint scope)
{
  g_autoptr (GInetAddress) ip = g_inet_address_new_from_string (host);

  return g_object_new (G_TYPE_INET_SOCKET_ADDRESS, "address", ip, "port", 9, "scope-id", scope,
                       NULL);
}

static void
test_from_socket_address (void)
{
  g_autoptr (GSocketAddress) native =
      g_native_socket_address_new ((gpointer) "\0\0\0\0\0\0\0\0", 8);

  check_from_socket_address (g_inet_socket_address_new_from_string ("192.0.2.1", 4001),
                             LP2P_PROTOCOL_TCP, "/ip4/192.0.2.1/tcp/4001");
  check_from_socket_address (g_inet_socket_address_new_from_string ("2001:db8::1", 0),
                             LP2P_PROTOCOL_UDP, "/ip6/2001:db8::1/udp/0");
  check_from_socket_address (g_inet_socket_address_new_from_string ("::ffff:192.0.2.1", 65535),
                             LP2P_PROTOCOL_TCP, "/ip4/192.0.2.1/tcp/65535");
  check_from_socket_address (scoped ("fe80::1", 1), LP2P_PROTOCOL_UDP,
                             "/ip6zone/lo/ip6/fe80::1/udp/9");
  check_from_socket_address (scoped ("fe80::1", 999999), LP2P_PROTOCOL_UDP,
                             "/ip6zone/999999/ip6/fe80::1/udp/9");
  g_assert_null (lp2p_multiaddr_new_from_socket_address (native, LP2P_PROTOCOL_TCP));
}

static void
test_kinds (void)
{
  static const struct
  {
    const char *text;
    gboolean ip, loopback, private, unspecified;
  } kinds[] = {
    { "/ip4/127.0.0.1/tcp/1", TRUE, TRUE, FALSE, FALSE },
    { "/ip4/127.255.0.1", TRUE, TRUE, FALSE, FALSE },
    { "/ip6/::1/tcp/1", TRUE, TRUE, FALSE, FALSE },
    { "/ip6/::ffff:127.0.0.1/tcp/1", TRUE, TRUE, FALSE, FALSE },
    { "/ip6zone/lo/ip6/::1", TRUE, TRUE, FALSE, FALSE },
    { "/ip4/0.0.0.0/tcp/1", TRUE, FALSE, FALSE, TRUE },
    { "/ip6/::/udp/1", TRUE, FALSE, FALSE, TRUE },
    { "/ip4/0.0.0.1/tcp/1", TRUE, FALSE, FALSE, FALSE },
    { "/ip4/10.1.2.3", TRUE, FALSE, TRUE, FALSE },
    { "/ip4/11.0.0.0", TRUE, FALSE, FALSE, FALSE },
    { "/ip4/172.15.255.255", TRUE, FALSE, FALSE, FALSE },
    { "/ip4/172.16.0.0", TRUE, FALSE, TRUE, FALSE },
    { "/ip4/172.31.255.255", TRUE, FALSE, TRUE, FALSE },
    { "/ip4/172.32.0.0", TRUE, FALSE, FALSE, FALSE },
    { "/ip4/192.168.1.1", TRUE, FALSE, TRUE, FALSE },
    { "/ip4/192.169.1.1", TRUE, FALSE, FALSE, FALSE },
    { "/ip4/100.63.255.255", TRUE, FALSE, FALSE, FALSE },
    { "/ip4/100.64.0.0", TRUE, FALSE, TRUE, FALSE },
    { "/ip4/100.127.255.255", TRUE, FALSE, TRUE, FALSE },
    { "/ip4/100.128.0.0", TRUE, FALSE, FALSE, FALSE },
    { "/ip4/169.254.7.7", TRUE, FALSE, TRUE, FALSE },
    { "/ip6/::ffff:10.0.0.1", TRUE, FALSE, TRUE, FALSE },
    { "/ip6/fc00::1", TRUE, FALSE, TRUE, FALSE },
    { "/ip6/fdff::1", TRUE, FALSE, TRUE, FALSE },
    { "/ip6/fe00::1", TRUE, FALSE, FALSE, FALSE },
    { "/ip6/fe80::1", TRUE, FALSE, TRUE, FALSE },
    { "/ip6zone/nowhere/ip6/febf::1", TRUE, FALSE, TRUE, FALSE },
    { "/ip6/fec0::1", TRUE, FALSE, FALSE, FALSE },
    { "/ip6/2001:db8::1", TRUE, FALSE, FALSE, FALSE },
    { "/ip4/192.0.2.1", TRUE, FALSE, FALSE, FALSE },
    { "/dns/localhost/tcp/1", FALSE, FALSE, FALSE, FALSE },
    { "/tcp/1/ip4/127.0.0.1", FALSE, FALSE, FALSE, FALSE },
    { "/ip6zone/lo", FALSE, FALSE, FALSE, FALSE },
    { "/unix/tmp/x", FALSE, FALSE, FALSE, FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autoptr (Lp2pMultiaddr) address = parse (kinds[i].text);

      g_test_message ("%s", kinds[i].text);
      g_assert_cmpint (lp2p_multiaddr_is_ip (address), ==, kinds[i].ip);
      g_assert_cmpint (lp2p_multiaddr_is_loopback (address), ==, kinds[i].loopback);
      g_assert_cmpint (lp2p_multiaddr_is_private (address), ==, kinds[i].private);
      g_assert_cmpint (lp2p_multiaddr_is_unspecified (address), ==, kinds[i].unspecified);
    }
}

static void
test_count_socket (void)
{
  static const struct
  {
    const char *text;
    guint tcp;
    guint udp;
    guint named_tcp;
    guint named_udp;
  } cases[] = {
    { "/ip4/192.0.2.1/tcp/1", 2, 0, 0, 0 },
    { "/ip6/::1/tcp/1/tls/ws", 2, 0, 0, 0 },
    { "/ip6zone/lo/ip6/fe80::1/tcp/1/ws", 3, 0, 0, 0 },
    { "/ip4/192.0.2.1/udp/1/quic-v1", 0, 2, 0, 0 },
    { "/ip4/192.0.2.1", 0, 0, 0, 0 },
    { "/ip4/192.0.2.1/ws/tcp/1", 0, 0, 0, 0 },
    { "/dns/localhost/tcp/1", 0, 0, 2, 0 },
    { "/dns4/localhost/tcp/1/tls/ws", 0, 0, 2, 0 },
    { "/dns6/localhost/udp/1/quic-v1", 0, 0, 0, 2 },
    { "/dnsaddr/localhost/tcp/1", 0, 0, 0, 0 },
    { "/dns/localhost", 0, 0, 0, 0 },
    { "/dns/localhost/ws/tcp/1", 0, 0, 0, 0 },
    { "/tcp/1", 0, 0, 0, 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Lp2pMultiaddr) address = parse (cases[i].text);

      g_assert_cmpuint (lp2p_multiaddr_count_socket (address, LP2P_PROTOCOL_TCP), ==, cases[i].tcp);
      g_assert_cmpuint (lp2p_multiaddr_count_socket (address, LP2P_PROTOCOL_UDP), ==, cases[i].udp);
      g_assert_cmpuint (lp2p_multiaddr_count_named_socket (address, LP2P_PROTOCOL_TCP), ==, cases[i].named_tcp);
      g_assert_cmpuint (lp2p_multiaddr_count_named_socket (address, LP2P_PROTOCOL_UDP), ==, cases[i].named_udp);
    }
}

static void
test_boxed (void)
{
  g_autoptr (Lp2pMultiaddr) address = parse ("/ip4/192.0.2.1/tcp/1");
  g_auto (GValue) value = G_VALUE_INIT;
  GBytes *bytes = lp2p_multiaddr_get_bytes (address);

  g_value_init (&value, LP2P_TYPE_MULTIADDR);
  g_value_set_boxed (&value, address);
  g_assert_true (g_value_get_boxed (&value) == address);
  g_assert_true (lp2p_multiaddr_get_bytes (address) == bytes);
  g_assert_true (lp2p_multiaddr_get_string (address) == lp2p_multiaddr_get_string (address));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/multiaddr/data-file", test_data_file);
  g_test_add_func ("/multiaddr/messages", test_messages);
  g_test_add_func ("/multiaddr/byte-messages", test_byte_messages);
  g_test_add_func ("/multiaddr/limits", test_limits);
  g_test_add_func ("/multiaddr/largest-text", test_largest_text);
  g_test_add_func ("/multiaddr/components", test_components);
  g_test_add_func ("/multiaddr/prefix-ends-at-component", test_prefix_ends_at_component);
  g_test_add_func ("/multiaddr/append-bad", test_append_bad);
  g_test_add_func ("/multiaddr/to-socket-address", test_to_socket_address);
  g_test_add_func ("/multiaddr/from-socket-address", test_from_socket_address);
  g_test_add_func ("/multiaddr/kinds", test_kinds);
  g_test_add_func ("/multiaddr/count-socket", test_count_socket);
  g_test_add_func ("/multiaddr/boxed", test_boxed);

  return g_test_run ();
}
