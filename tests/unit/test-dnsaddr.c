/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "codec/lp2p-dnsaddr-private.h"

#include <lp2p/codec/lp2p-codec-error.h>

#include <string.h>

#define PEER "/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN"

/* The string literals are messages as RFC 1035 has them. */
#define HEADER(questions, answers) "\x12\x34\x84\x00\x00" questions "\x00" answers "\x00\x00\x00\x00"
#define QUESTION "\x01" "a\x04test\x00" "\x00\x10\x00\x01"
#define TTL "\x00\x00\x00\x3c"
/* With a pointer to the question's name. */
#define TXT(length, strings) "\xc0\x0c" "\x00\x10\x00\x01" TTL "\x00" length strings
#define CNAME "\xc0\x0c" "\x00\x05\x00\x01" TTL "\x00\x08\x01" "b\x04test\x00"

#define read_txt(literal, error) lp2p_dns_read_txt ((const guint8 *) (literal), sizeof (literal) - 1, (error))

static void
test_records (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) records = read_txt (HEADER ("\x01", "\x07") QUESTION CNAME
                                            TXT ("\x03", "\x02" "ab")
                                            /* Two strings are one text. */
                                            TXT ("\x05", "\x01" "a" "\x02" "bc")
                                            TXT ("\x01", "\x00")
                                            TXT ("\x00", "")
                                            /* Neither is text. */
                                            TXT ("\x03", "\x02" "\xff\xfe")
                                            TXT ("\x03", "\x02" "a\x00"),
                                            &error);

  g_assert_no_error (error);
  g_assert_cmpuint (records->len, ==, 4);
  g_assert_cmpstr (records->pdata[0], ==, "ab");
  g_assert_cmpstr (records->pdata[1], ==, "abc");
  g_assert_cmpstr (records->pdata[2], ==, "");
  g_assert_cmpstr (records->pdata[3], ==, "");
}

/* What is behind the records is not read. */
static void
test_additional (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) records = read_txt (HEADER ("\x01", "\x01") QUESTION
                                            TXT ("\x02", "\x01" "a") "\xff\xff",
                                            &error);

  g_assert_no_error (error);
  g_assert_cmpuint (records->len, ==, 1);
}

static void
test_cut (void)
{
  static const char message[] = HEADER ("\x01", "\x02") QUESTION CNAME TXT ("\x05", "\x01" "a" "\x02" "bc");

  for (gsize len = 0; len < sizeof message - 1; len++)
    {
      g_autofree guint8 *exact = g_memdup2 (message, len);
      g_autoptr (GError) error = NULL;

      g_assert_null (lp2p_dns_read_txt (exact, len, &error));
      g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_PROTOCOL);
    }
}

static void
test_malformed (void)
{
  g_autoptr (GError) error = NULL;

  /* A string that is longer than its record. */
  g_assert_null (read_txt (HEADER ("\x01", "\x01") QUESTION TXT ("\x02", "\x05" "a") "bcdefgh", &error));
  g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_PROTOCOL);
  g_clear_error (&error);
  /* A kind of label that nobody defined. */
  g_assert_null (read_txt (HEADER ("\x01", "\x00") "\x41" "a\x04test\x00" "\x00\x10\x00\x01", &error));
  g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_PROTOCOL);
}

static void
test_accepted (void)
{
  static const char *const texts[] = {
    "/ip4/192.0.2.7/tcp/4001",
    "/ip6/2001:db8::7/udp/4001/quic-v1" PEER,
    "/dns4/example.com/tcp/443/tls/sni/example.com/ws" PEER,
    "/dnsaddr/example.com",
    "/ip4/192.0.2.7/tcp/4001" PEER "/p2p-circuit" PEER,
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autofree char *record = g_strconcat ("dnsaddr=", texts[i], NULL);
      g_autoptr (GError) error = NULL;
      g_autoptr (Lp2pMultiaddr) address = lp2p_dnsaddr_parse (record, &error);

      g_assert_no_error (error);
      g_assert_cmpstr (lp2p_multiaddr_get_string (address), ==, texts[i]);
    }
}

static void
test_refused (void)
{
  static const char *const records[] = {
    "",
    "v=spf1 -all",
    "/ip4/192.0.2.7/tcp/4001",
    "DNSADDR=/ip4/192.0.2.7/tcp/4001",
    " dnsaddr=/ip4/192.0.2.7/tcp/4001",
    "dnsaddr=",
    "dnsaddr=/",
    "dnsaddr= /ip4/192.0.2.7/tcp/4001",
    "dnsaddr=/ip4/192.0.2.7/tcp/4001\n",
    "dnsaddr=/ip4/192.0.2.7/tcp/4001 ",
    "dnsaddr=/ip4/192.0.2.256/tcp/4001",
    "dnsaddr=/dns4/exam\x1b[31mple.com/tcp/4001",
    "dnsaddr=/dns4/example.com/tcp/4001/p2p/nobody",
    "dnsaddr=/unix/run/dbus/system_bus_socket",
    "dnsaddr=/memory/1",
    "dnsaddr=/memory/1" PEER,
    "dnsaddr=/ip4/192.0.2.7/tcp/4001" PEER "/p2p-circuit/memory/1" PEER,
  };

  for (guint i = 0; i < G_N_ELEMENTS (records); i++)
    {
      g_autoptr (GError) error = NULL;

      g_test_message ("%u", i);
      g_assert_null (lp2p_dnsaddr_parse (records[i], &error));
      g_assert_nonnull (error);
      /* It is written to the log. */
      for (const char *p = error->message; *p != '\0'; p++)
        g_assert_false (g_ascii_iscntrl (*p));
    }
}

static gboolean
matches (const char *text, const char *suffix_text)
{
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, NULL);
  g_autoptr (Lp2pMultiaddr) suffix = suffix_text != NULL ? lp2p_multiaddr_new_from_string (suffix_text, NULL) : NULL;

  return lp2p_dnsaddr_matches (address, suffix);
}

static void
test_matches (void)
{
  g_assert_true (matches ("/ip4/192.0.2.7/tcp/1", NULL));
  g_assert_true (matches ("/ip4/192.0.2.7/tcp/1" PEER, PEER));
  g_assert_true (matches ("/ip4/192.0.2.7/tcp/1" PEER, "/tcp/1" PEER));
  g_assert_false (matches ("/ip4/192.0.2.7/tcp/1", PEER));
  g_assert_false (matches ("/ip4/192.0.2.7/tcp/1" PEER "/p2p-circuit", PEER));
  g_assert_false (matches ("/ip4/192.0.2.7/tcp/1" PEER, "/tcp/2" PEER));
  g_assert_false (matches ("/ip4/192.0.2.7/tcp/1/p2p/QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC", PEER));
  g_assert_false (matches (PEER, PEER));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/dnsaddr/records", test_records);
  g_test_add_func ("/dnsaddr/additional", test_additional);
  g_test_add_func ("/dnsaddr/cut", test_cut);
  g_test_add_func ("/dnsaddr/malformed", test_malformed);
  g_test_add_func ("/dnsaddr/accepted", test_accepted);
  g_test_add_func ("/dnsaddr/refused", test_refused);
  g_test_add_func ("/dnsaddr/matches", test_matches);

  return g_test_run ();
}
