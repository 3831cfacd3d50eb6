/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of protocols, and how the value of each is read, checked and
 * written. Every function here sees values from the network. */

#include "types/lp2p-multiaddr-private.h"

#include "types/lp2p-i18n-private.h"

#include <lp2p/types/lp2p-cursor.h>
#include <lp2p/types/lp2p-multibase.h>
#include <lp2p/types/lp2p-multihash.h>

#include <arpa/inet.h>
#include <string.h>

#define CID_VERSION 1
#define CID_LIBP2P_KEY 0x72

#define MAX_DOMAIN_NAME 255

/* Digits only, no sign, no needless zero in front: one number, one text. */
static gboolean
parse_decimal (const char *text, guint64 max, guint64 *out)
{
  if (!g_ascii_isdigit (text[0]) || (text[0] == '0' && text[1] != '\0'))
    return FALSE;
  return g_ascii_string_to_unsigned (text, 10, 0, max, out, NULL);
}

static guint64
big_endian (const guint8 *value, gsize len)
{
  guint64 number = 0;

  for (gsize i = 0; i < len; i++)
    number = number << 8 | value[i];
  return number;
}

static void
format_number (const guint8 *value, gsize len, GString *text)
{
  g_string_append_printf (text, "%" G_GUINT64_FORMAT, big_endian (value, len));
}

static gboolean
parse_ip4 (const char *text, GByteArray *value)
{
  g_auto (GStrv) parts = g_strsplit (text, ".", 5);

  if (g_strv_length (parts) != 4)
    return FALSE;
  for (guint i = 0; i < 4; i++)
    {
      guint64 number;
      guint8 byte;

      if (!parse_decimal (parts[i], 255, &number))
        return FALSE;
      byte = (guint8) number;
      g_byte_array_append (value, &byte, 1);
    }
  return TRUE;
}

static void
format_ip4 (const guint8 *value, gsize len, GString *text)
{
  g_string_append_printf (text, "%u.%u.%u.%u", value[0], value[1], value[2], value[3]);
}

static gboolean
parse_ip6 (const char *text, GByteArray *value)
{
  guint8 bytes[16];

  if (inet_pton (AF_INET6, text, bytes) != 1)
    return FALSE;
  g_byte_array_append (value, bytes, sizeof bytes);
  return TRUE;
}

/* Finds the longest run of at least two zero groups, the first of equal ones. */
static void
find_zero_run (const guint8 *value, guint *start, guint *length)
{
  guint run = 0;

  *start = 0;
  *length = 0;
  for (guint i = 0; i < 8; i++)
    {
      run = value[2 * i] == 0 && value[2 * i + 1] == 0 ? run + 1 : 0;
      if (run >= 2 && run > *length)
        {
          *length = run;
          *start = i + 1 - run;
        }
    }
}

/* RFC 5952. inet_ntop() would write ::1:2 as ::0.1.0.2, unlike other libp2p
 * implementations, whose texts people compare ours with. */
static void
format_ip6 (const guint8 *value, gsize len, GString *text)
{
  static const guint8 mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
  guint start, length;

  if (memcmp (value, mapped, sizeof mapped) == 0)
    {
      g_string_append (text, "::ffff:");
      format_ip4 (value + 12, 4, text);
      return;
    }

  find_zero_run (value, &start, &length);
  for (guint i = 0; i < 8; i++)
    {
      if (length > 0 && i == start)
        {
          g_string_append (text, "::");
          i += length - 1;
          continue;
        }
      if (i > 0 && (length == 0 || i != start + length))
        g_string_append_c (text, ':');
      g_string_append_printf (text, "%x", (guint) big_endian (value + 2 * i, 2));
    }
}

static gboolean
parse_port (const char *text, GByteArray *value)
{
  guint64 number;

  if (!parse_decimal (text, G_MAXUINT16, &number))
    return FALSE;
  lp2p_append_u16be (value, (guint16) number);
  return TRUE;
}

static gboolean
check_ipcidr (const guint8 *value, gsize len)
{
  return value[0] <= 128;
}

static gboolean
parse_ipcidr (const char *text, GByteArray *value)
{
  guint64 number;
  guint8 byte;

  if (!parse_decimal (text, 128, &number))
    return FALSE;
  byte = (guint8) number;
  g_byte_array_append (value, &byte, 1);
  return TRUE;
}

/* memory: a 64-bit number as in the Rust and Go libraries. The JavaScript one
 * has a variable-length value under the same code, so this never leaves the
 * process. */
static gboolean
parse_memory (const char *text, GByteArray *value)
{
  guint64 number;

  if (!parse_decimal (text, G_MAXUINT64, &number))
    return FALSE;
  lp2p_append_u64be (value, number);
  return TRUE;
}

/* Names are shown to people and separated by slashes, so they may hold neither
 * slashes nor what is invisible. */
static gboolean
check_name (const guint8 *value, gsize len)
{
  const char *p = (const char *) value;
  const char *end = p + len;

  if (len == 0 || len > MAX_DOMAIN_NAME || !g_utf8_validate_len (p, len, NULL))
    return FALSE;
  for (; p < end; p = g_utf8_next_char (p))
    if (*p == '/' || !g_unichar_isgraph (g_utf8_get_char (p)))
      return FALSE;
  return TRUE;
}

static gboolean
parse_name (const char *text, GByteArray *value)
{
  gsize len = strlen (text);

  if (!check_name ((const guint8 *) text, len))
    return FALSE;
  g_byte_array_append (value, (const guint8 *) text, (guint) len);
  return TRUE;
}

static void
format_verbatim (const guint8 *value, gsize len, GString *text)
{
  g_string_append_len (text, (const char *) value, (gssize) len);
}

static gboolean
check_unix (const guint8 *value, gsize len)
{
  const char *p = (const char *) value;
  const char *end = p + len;

  if (len < 2 || value[0] != '/' || value[len - 1] == '/' || !g_utf8_validate_len (p, len, NULL))
    return FALSE;
  for (; p < end; p = g_utf8_next_char (p))
    if (!g_unichar_isprint (g_utf8_get_char (p)))
      return FALSE;
  return TRUE;
}

static gboolean
parse_unix (const char *text, GByteArray *value)
{
  gsize len = strlen (text);

  if (!check_unix ((const guint8 *) text, len))
    return FALSE;
  g_byte_array_append (value, (const guint8 *) text, (guint) len);
  return TRUE;
}

static gboolean
check_p2p (const guint8 *value, gsize len)
{
  return lp2p_peer_id_check (value, len, NULL);
}

static gboolean
append_checked (GByteArray *value,
                const guint8 *data,
                gsize len,
                gboolean (*check) (const guint8 *, gsize))
{
  if (!check (data, len))
    return FALSE;
  g_byte_array_append (value, data, (guint) len);
  return TRUE;
}

static gboolean
parse_p2p (const char *text, GByteArray *value)
{
  g_autoptr (GBytes) bytes = NULL;
  const guint8 *data;
  gsize len;
  Lp2pCursor cursor;
  guint64 version, codec;

  /* No multibase prefix is '1' or 'Q': this is a bare base58 multihash. */
  if (text[0] == '1' || g_str_has_prefix (text, "Qm"))
    {
      bytes = lp2p_base58btc_decode (text, NULL);
      if (bytes == NULL)
        return FALSE;
      data = g_bytes_get_data (bytes, &len);
      return append_checked (value, data, len, check_p2p);
    }

  bytes = lp2p_multibase_decode (text, NULL);
  if (bytes == NULL)
    return FALSE;
  data = g_bytes_get_data (bytes, &len);
  lp2p_cursor_init (&cursor, data, len);
  if (!lp2p_cursor_read_varint (&cursor, &version) || version != CID_VERSION ||
      !lp2p_cursor_read_varint (&cursor, &codec) || codec != CID_LIBP2P_KEY)
    return FALSE;
  len = lp2p_cursor_left (&cursor);
  return lp2p_cursor_read_bytes (&cursor, len, &data) &&
         append_checked (value, data, len, check_p2p);
}

static void
format_p2p (const guint8 *value, gsize len, GString *text)
{
  g_autofree char *base58 = lp2p_base58btc_encode (value, len);

  g_string_append (text, base58);
}

static gboolean
check_certhash (const guint8 *value, gsize len)
{
  return lp2p_multihash_decode (value, len, NULL, NULL, NULL, NULL);
}

static gboolean
parse_certhash (const char *text, GByteArray *value)
{
  g_autoptr (GBytes) bytes = lp2p_multibase_decode (text, NULL);
  const guint8 *data;
  gsize len;

  if (bytes == NULL)
    return FALSE;
  data = g_bytes_get_data (bytes, &len);
  return append_checked (value, data, len, check_certhash);
}

static void
format_certhash (const guint8 *value, gsize len, GString *text)
{
  g_autofree char *base64url = lp2p_multibase_encode ('u', value, len);

  g_string_append (text, base64url);
}

static gboolean
is_unreserved (char c)
{
  return g_ascii_isalnum (c) || (c != '\0' && strchr ("-._~", c) != NULL);
}

/* RFC 3986 segment-nz. A plus sign is itself, not a space. */
static gboolean
parse_http_path (const char *text, GByteArray *value)
{
  if (*text == '\0')
    return FALSE;

  while (*text != '\0')
    {
      guint8 byte = (guint8) *text;

      if (*text == '%')
        {
          if (!g_ascii_isxdigit (text[1]) || !g_ascii_isxdigit (text[2]))
            return FALSE;
          byte = (guint8) (g_ascii_xdigit_value (text[1]) << 4 | g_ascii_xdigit_value (text[2]));
          text += 2;
        }
      else if (!is_unreserved (*text) && strchr ("!$&'()*+,;=:@", *text) == NULL)
        return FALSE;

      g_byte_array_append (value, &byte, 1);
      text++;
    }
  return TRUE;
}

/* Escapes more than it must, because some readers take '+' for a space. */
static void
format_http_path (const guint8 *value, gsize len, GString *text)
{
  for (gsize i = 0; i < len; i++)
    if (is_unreserved ((char) value[i]))
      g_string_append_c (text, (char) value[i]);
    else
      g_string_append_printf (text, "%%%02X", value[i]);
}

#define PORT N_("a port number from 0 to 65535"), parse_port, NULL, format_number
#define NAME(what) what, parse_name, check_name, format_verbatim
#define DOMAIN_NAME NAME (N_("a domain name of 1 to 255 bytes"))

static const Lp2pProtocolInfo protocols[] = {
  { LP2P_PROTOCOL_IP4, "ip4", 4, FALSE, N_("an IPv4 address"), parse_ip4, NULL, format_ip4 },
  { LP2P_PROTOCOL_TCP, "tcp", 2, FALSE, PORT },
  { LP2P_PROTOCOL_IP6, "ip6", 16, FALSE, N_("an IPv6 address"), parse_ip6, NULL, format_ip6 },
  { LP2P_PROTOCOL_IP6ZONE, "ip6zone", LP2P_PROTOCOL_VARIABLE, FALSE,
    NAME (N_("the name of an IPv6 zone")) },
  { LP2P_PROTOCOL_IPCIDR, "ipcidr", 1, FALSE, N_("a prefix length from 0 to 128"), parse_ipcidr,
    check_ipcidr, format_number },
  { LP2P_PROTOCOL_DNS, "dns", LP2P_PROTOCOL_VARIABLE, FALSE, DOMAIN_NAME },
  { LP2P_PROTOCOL_DNS4, "dns4", LP2P_PROTOCOL_VARIABLE, FALSE, DOMAIN_NAME },
  { LP2P_PROTOCOL_DNS6, "dns6", LP2P_PROTOCOL_VARIABLE, FALSE, DOMAIN_NAME },
  { LP2P_PROTOCOL_DNSADDR, "dnsaddr", LP2P_PROTOCOL_VARIABLE, FALSE, DOMAIN_NAME },
  { LP2P_PROTOCOL_UDP, "udp", 2, FALSE, PORT },
  { LP2P_PROTOCOL_WEBRTC_DIRECT, "webrtc-direct" },
  { LP2P_PROTOCOL_WEBRTC, "webrtc" },
  { LP2P_PROTOCOL_P2P_CIRCUIT, "p2p-circuit" },
  { LP2P_PROTOCOL_UNIX, "unix", LP2P_PROTOCOL_VARIABLE, TRUE, N_("an absolute path"), parse_unix,
    check_unix, format_verbatim },
  { LP2P_PROTOCOL_P2P, "p2p", LP2P_PROTOCOL_VARIABLE, FALSE,
    N_("a peer id (base58 text such as Qm... or 12D3..., or a CIDv1 of a libp2p key)"), parse_p2p,
    check_p2p, format_p2p },
  { LP2P_PROTOCOL_TLS, "tls" },
  { LP2P_PROTOCOL_SNI, "sni", LP2P_PROTOCOL_VARIABLE, FALSE, DOMAIN_NAME },
  { LP2P_PROTOCOL_NOISE, "noise" },
  { LP2P_PROTOCOL_QUIC, "quic" },
  { LP2P_PROTOCOL_QUIC_V1, "quic-v1" },
  { LP2P_PROTOCOL_WEBTRANSPORT, "webtransport" },
  { LP2P_PROTOCOL_CERTHASH, "certhash", LP2P_PROTOCOL_VARIABLE, FALSE,
    N_("a multihash (in text, with a multibase prefix)"), parse_certhash, check_certhash,
    format_certhash },
  { LP2P_PROTOCOL_WS, "ws" },
  { LP2P_PROTOCOL_WSS, "wss" },
  { LP2P_PROTOCOL_HTTP, "http" },
  { LP2P_PROTOCOL_HTTP_PATH, "http-path", LP2P_PROTOCOL_VARIABLE, FALSE,
    N_("a path (in text, percent-encoded)"), parse_http_path, NULL, format_http_path },
  { LP2P_PROTOCOL_MEMORY, "memory", 8, FALSE, N_("a number below 2^64"), parse_memory, NULL,
    format_number },
};

const Lp2pProtocolInfo *
lp2p_protocol_info_from_code (guint64 code)
{
  for (gsize i = 0; i < G_N_ELEMENTS (protocols); i++)
    if ((guint64) protocols[i].code == code)
      return &protocols[i];
  return NULL;
}

const Lp2pProtocolInfo *
lp2p_protocol_info_from_name (const char *name, gsize len)
{
  /* The name of p2p before 2019. */
  if (len == strlen ("ipfs") && strncmp (name, "ipfs", len) == 0)
    return lp2p_protocol_info_from_code (LP2P_PROTOCOL_P2P);

  for (gsize i = 0; i < G_N_ELEMENTS (protocols); i++)
    if (strlen (protocols[i].name) == len && strncmp (protocols[i].name, name, len) == 0)
      return &protocols[i];
  return NULL;
}

/**
 * lp2p_protocol_get_name:
 * @protocol: a protocol
 *
 * Gets the name that @protocol has in the text of a multiaddr.
 *
 * Returns: (transfer none) (nullable): the name, or %NULL if @protocol is not
 *   known
 */
const char *
lp2p_protocol_get_name (Lp2pProtocol protocol)
{
  const Lp2pProtocolInfo *info = lp2p_protocol_info_from_code ((guint64) protocol);

  return info != NULL ? info->name : NULL;
}

/**
 * lp2p_protocol_has_value:
 * @protocol: a protocol
 *
 * Tells whether a component with @protocol has a value: `/tcp/443` has one,
 * `/ws` has none.
 *
 * Returns: whether it has
 */
gboolean
lp2p_protocol_has_value (Lp2pProtocol protocol)
{
  const Lp2pProtocolInfo *info = lp2p_protocol_info_from_code ((guint64) protocol);

  return info != NULL && info->size != 0;
}
