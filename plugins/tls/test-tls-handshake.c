/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Handshakes between two of ours, and with GnuTLS as it comes, which shows
 * certificates of any shape. What goes wrong on the way is in the contract of
 * security protocols. */

#include <string.h>

#include <lp2p/net/lp2p-gnutls-credentials.h>

#include "lp2p-tls-security.h"
#include "security-cases.h"
#include "tls-foreign.h"

#define TLS LP2P_TYPE_TLS_SECURITY, "tls"

#define YAMUX "/yamux/1.0.0"
#define MPLEX "/mplex/6.7.0"

static const char *const yamux_mplex[] = { YAMUX, MPLEX, NULL };
static const char *const yamux_only[] = { YAMUX, NULL };
static const char *const libp2p_only[] = { "libp2p", NULL };
static const char *const http_only[] = { "h2", "http/1.1", NULL };

/* Two of ours */

static void
test_success (void)
{
  SecurityPair fixture;

  security_case_meet (&fixture, TLS, "/tls/1.0.0");
  security_pair_clear (&fixture);
}

static void
test_muxers (void)
{
  static const char *const too_long[] = { "/a-name-of-more-than-31-characters/1", YAMUX, NULL };
  static const char *const many[] = { "/a", "/b", "/c", "/d", "/e", "/f", "/g", YAMUX, NULL };

  security_case_muxers (TLS);
  /* What a list cannot hold is left out. */
  security_case_muxer (TLS, too_long, too_long, YAMUX);
  security_case_muxer (TLS, many, yamux_only, NULL);
  security_case_muxer (TLS, many, many, "/a");
}

/* The side that expects somebody else fails; the other one is told. */
static void
test_wrong_peer (void)
{
  for (guint side = 0; side < 2; side++)
    {
      SecurityPair fixture;
      SecuritySide *other = &fixture.sides[1 - side];

      security_case_mistake (&fixture, TLS, side);
      if (side == PAIR_INITIATOR)
        {
          /* It did not say who it is. */
          security_pair_assert_failed (&fixture, PAIR_RESPONDER, LP2P_ERROR, LP2P_ERROR_HANDSHAKE, "the alert");
        }
      else
        {
          const guint8 *data;
          const GError *error;

          g_assert_cmpint (lp2p_layer_peek (other->result->layer, &data), ==, LP2P_IO_FAILED);
          error = lp2p_layer_get_error (other->result->layer);
          g_assert_error (error, G_TLS_ERROR, G_TLS_ERROR_HANDSHAKE);
          g_test_message ("%s", error->message);
          g_assert_nonnull (strstr (error->message, "the alert"));
        }
      security_pair_clear (&fixture);
    }
}

static void
test_silence (void)
{
  for (guint side = 0; side < 2; side++)
    security_case_silence (TLS, side, "cancelled");
}

static void
test_break (void)
{
  security_case_break (TLS, "TLS handshake failed: The connection broke");
}

static void
test_garbage (void)
{
  static const struct
  {
    const char *bytes;
    gsize size;
  } inputs[] = {
    { "", 0 },
    { "\x16\x03", 2 },
    { "\x16\x03\x01\x00\x00", 5 },
    { "\x16\x03\x01\xff\xff", 5 },
    { "\x13/multistream/1.0.0\n", 20 },
    { "GET / HTTP/1.1\r\n\r\n", 18 },
    { "\x15\x03\x03\x00\x02\x02\x28", 7 },
    { "\x15\x03\x03\x00\x02\x01\x00", 7 },
    { "\x17\x03\x03\x00\x05hello", 10 },
    { "\x14\x03\x03\x00\x01\x01", 6 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (inputs); i++)
    security_case_garbage (TLS, inputs[i].bytes, inputs[i].size, "TLS handshake failed: ");
}

/* A message that goes on and on is not collected. */
static void
test_endless (void)
{
  static const guint8 hello[] = { 0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff };
  g_autofree guint8 *record = g_malloc0 (5 + 0x4000);

  for (guint side = 0; side < 2; side++)
    {
      SecurityPair fixture;
      gsize sent = 0;

      security_pair_init (&fixture, LP2P_TYPE_TLS_SECURITY, "tls");
      security_pair_connect_wires (&fixture, NULL);
      security_pair_start (&fixture, side);
      memcpy (record, hello, sizeof hello);
      record[5] = side == PAIR_RESPONDER ? 1 : 2;
      while (!fixture.sides[side].done)
        {
          gssize n = lp2p_layer_write (fixture.wire[side], record + sent % (5 + 0x4000), 5 + 0x4000 - sent % (5 + 0x4000),
                                       LP2P_WRITE_NONE);

          sent += MAX (n, 0);
          g_assert_cmpuint (sent, <, 2 * LP2P_GNUTLS_MAX_HANDSHAKE);
          if (sent >= 5 + 0x4000)
            memset (record + 5, 0, 4);
          security_pair_settle ();
        }
      security_pair_assert_failed (&fixture, side, LP2P_ERROR, LP2P_ERROR_HANDSHAKE, "more than 128 KiB");
      lp2p_layer_free (fixture.lower[1 - side]);
      security_pair_clear (&fixture);
    }
}

/* With GnuTLS */

static void
run_foreign (SecurityPair *fixture, TlsForeign *foreign, guint ours, const TlsForeignOptions *options)
{
  security_pair_init (fixture, TLS);
  fixture->sides[ours].params.muxers = yamux_mplex;
  security_pair_connect_wires (fixture, NULL);
  lp2p_layer_free (fixture->lower[1 - ours]);
  tls_foreign_start (foreign, fixture, ours, options);
  security_pair_start (fixture, ours);
  security_pair_settle ();
  g_assert_true (fixture->sides[ours].done);
}

static void
end_foreign (SecurityPair *fixture, TlsForeign *foreign)
{
  tls_foreign_clear (foreign);
  security_pair_clear (fixture);
}

static void
check_accepted (guint ours, const TlsForeignOptions *options, const char *muxer)
{
  SecurityPair fixture;
  TlsForeign foreign;
  SecuritySide *side = &fixture.sides[ours];

  run_foreign (&fixture, &foreign, ours, options);
  g_assert_no_error (side->error);
  g_assert_cmpint (foreign.result, ==, 0);
  g_assert_true (lp2p_peer_id_equal (side->result->remote_peer,
                                     lp2p_identity_get_peer_id (foreign.identity)));
  g_assert_cmpstr (side->result->muxer, ==, muxer);
  g_assert_cmpint (gnutls_protocol_get_version (foreign.session), ==, GNUTLS_TLS1_3);
  end_foreign (&fixture, &foreign);
}

/* @alert: what the peer is told, %NULL for nothing that it can read */
static void
check_refused_by (guint ours, const TlsForeignOptions *options, const char *part, const char *alert)
{
  SecurityPair fixture;
  TlsForeign foreign;
  const GError *error;
  const guint8 *data;

  run_foreign (&fixture, &foreign, ours, options);
  security_pair_assert_failed (&fixture, ours, LP2P_ERROR, LP2P_ERROR_HANDSHAKE, part);
  g_assert_true (g_str_has_prefix (fixture.sides[ours].error->message, "TLS handshake failed: "));

  /* A client may have believed that all is well. */
  if (foreign.result == 0)
    lp2p_layer_peek (foreign.layer, &data);
  error = lp2p_layer_get_error (foreign.layer);
  g_assert_nonnull (error);
  g_test_message ("the peer: %s", error->message);
  g_assert_nonnull (strstr (error->message, "TLS handshake failed"));
  if (alert != NULL && strstr (error->message, alert) == NULL)
    g_error ("'%s' not in '%s'", alert, error->message);
  end_foreign (&fixture, &foreign);
}

static void
check_refused (const TlsForeignOptions *options, const char *part)
{
  for (guint ours = 0; ours < 2; ours++)
    check_refused_by (ours, options, part, "Certificate is bad");
}

static void
test_foreign (void)
{
  static const TlsForeignOptions options[] = {
    { .protocols = libp2p_only },
    { .protocols = libp2p_only, .certificate.algorithm = GNUTLS_PK_EDDSA_ED25519, .certificate.bits = 256 },
    { .protocols = libp2p_only, .certificate.algorithm = GNUTLS_PK_RSA, .certificate.bits = 2048 },
    { .protocols = libp2p_only,
      .certificate.algorithm = GNUTLS_PK_ECDSA,
      .certificate.bits = GNUTLS_CURVE_TO_BITS (GNUTLS_ECC_CURVE_SECP384R1) },
    { .protocols = libp2p_only,
      .certificate.algorithm = GNUTLS_PK_ECDSA,
      .certificate.bits = GNUTLS_CURVE_TO_BITS (GNUTLS_ECC_CURVE_SECP521R1) },
    { .protocols = libp2p_only,
      .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+CHACHA20-POLY1305" },
    { .protocols = libp2p_only,
      .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-SECP256R1" },
    { .protocols = libp2p_only, .priority = "NORMAL" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    for (guint ours = 0; ours < 2; ours++)
      check_accepted (ours, &options[i], NULL);
}

static void
test_protocols (void)
{
  static const char *const yamux_libp2p[] = { "/other/1", YAMUX, "libp2p", NULL };
  TlsForeignOptions options = { .protocols = yamux_libp2p };

  check_accepted (PAIR_RESPONDER, &options, YAMUX);
  check_accepted (PAIR_INITIATOR, &options, YAMUX);

  /* No list at all is what go-libp2p takes, too. */
  options.protocols = NULL;
  check_accepted (PAIR_RESPONDER, &options, NULL);
  check_accepted (PAIR_INITIATOR, &options, NULL);

  options.protocols = http_only;
  check_refused_by (PAIR_RESPONDER, &options, "No common application protocol", "protocol");
}

static void
test_certificates (void)
{
  TlsForeignOptions options = { .protocols = libp2p_only };

  options.certificate.from = -7200;
  options.certificate.until = -3600;
  check_refused (&options, "expired 3600 seconds ago");
  options.certificate.from = 3600;
  options.certificate.until = 7200;
  check_refused (&options, "not valid before 3600 seconds from now");
  options.certificate.from = options.certificate.until = 0;

  options.certificate.extension = TLS_FOREIGN_MISSING;
  check_refused (&options, "does not have the libp2p extension");
  options.certificate.extension = TLS_FOREIGN_GARBAGE;
  check_refused (&options, "malformed libp2p extension");
  options.certificate.extension = TLS_FOREIGN_STOLEN;
  check_refused (&options, "not vouched for by the host key");
  options.certificate.extension = TLS_FOREIGN_GOOD;

  options.certificate.unknown_critical = TRUE;
  check_refused (&options, "unknown critical extension 1.2.3.4");
  options.certificate.unknown_critical = FALSE;
  options.certificate.bad_signature = TRUE;
  check_refused (&options, "not signed with its own key");
  options.certificate.bad_signature = FALSE;
  options.certificate.n_more_certificates = 1;
  check_refused (&options, "sent 2 certificates, expected one");
  options.certificate.n_more_certificates = 0;

  /* What a stranger says is signed with such a key would take minutes to verify. */
  options.certificate.large_key = 7000;
  check_refused (&options, "no valid public key: Malformed RSA public key, expected a DER modulus of at most 8192 bits");
  options.certificate.large_key = 24000;
  check_refused (&options, "expected at most 16384");
  options.certificate.large_key = 0;

  options.certificate.algorithm = GNUTLS_PK_RSA;
  options.certificate.bits = 1024;
  check_refused (&options, "no valid public key");
  options.certificate.algorithm = GNUTLS_PK_EDDSA_ED448;
  options.certificate.bits = 456;
  check_refused (&options, "no valid public key");
}

static void
test_one_sided (void)
{
  TlsForeignOptions options = { .protocols = libp2p_only, .certificate.no_certificate = TRUE };

  check_refused_by (PAIR_RESPONDER, &options, "Certificate is required", "Certificate is required");
  options.certificate.no_certificate = FALSE;
  options.no_request = TRUE;
  {
    SecurityPair fixture;
    TlsForeign foreign;

    run_foreign (&fixture, &foreign, PAIR_INITIATOR, &options);
    security_pair_assert_failed (&fixture, PAIR_INITIATOR, LP2P_ERROR, LP2P_ERROR_HANDSHAKE,
                   "did not ask for our certificate");
    end_foreign (&fixture, &foreign);
  }
}

static void
test_old_version (void)
{
  TlsForeignOptions options = {
    .protocols = libp2p_only,
    .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2",
  };

  check_refused_by (PAIR_RESPONDER, &options, "does not speak TLS 1.3", "the alert");
  check_refused_by (PAIR_INITIATOR, &options, "the alert", NULL);
}

/* The cipher that our processor is fast at, whatever the other side likes best. */
static void
test_cipher (void)
{
  static const TlsForeignOptions options[] = {
    { .protocols = libp2p_only,
      .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+CHACHA20-POLY1305:+AES-256-GCM:+AES-128-GCM" },
    { .protocols = libp2p_only,
      .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305" },
  };
  g_autofree char *priorities = lp2p_gnutls_get_priorities (LP2P_GNUTLS_NONE);
  gboolean aes_first = strstr (priorities, "+AES-128-GCM") < strstr (priorities, "+CHACHA20-POLY1305");

#ifdef __x86_64__
  if (__builtin_cpu_supports ("aes"))
    g_assert_true (aes_first);
#endif
  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    for (guint ours = 0; ours < 2; ours++)
      {
        SecurityPair fixture;
        TlsForeign foreign;

        run_foreign (&fixture, &foreign, ours, &options[i]);
        g_assert_no_error (fixture.sides[ours].error);
        g_assert_cmpint (gnutls_cipher_get (foreign.session), ==,
                         aes_first ? GNUTLS_CIPHER_AES_128_GCM : GNUTLS_CIPHER_CHACHA20_POLY1305);
        end_foreign (&fixture, &foreign);
      }
}

/* RFC 6066 is not for us. */
static void
test_no_server_name (void)
{
  SecurityPair fixture;
  TlsForeign foreign;
  static const TlsForeignOptions options = { .protocols = libp2p_only };
  char name[256];
  size_t size = sizeof name;
  unsigned type;

  run_foreign (&fixture, &foreign, PAIR_INITIATOR, &options);
  g_assert_no_error (fixture.sides[PAIR_INITIATOR].error);
  g_assert_cmpint (gnutls_server_name_get (foreign.session, name, &size, &type, 0), ==,
                   GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE);
  end_foreign (&fixture, &foreign);
}

/* Tickets would let a client in again without its certificate. */
static void
test_no_tickets (void)
{
  SecurityPair fixture;
  TlsForeign foreign;
  static const TlsForeignOptions options = { .protocols = libp2p_only };
  const guint8 *data;

  run_foreign (&fixture, &foreign, PAIR_RESPONDER, &options);
  g_assert_no_error (fixture.sides[PAIR_RESPONDER].error);
  lp2p_layer_peek (foreign.layer, &data);
  g_assert_cmpuint (gnutls_session_get_flags (foreign.session) & GNUTLS_SFLAGS_SESSION_TICKET, ==, 0);
  end_foreign (&fixture, &foreign);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add_func ("/tls/handshake/success", test_success);
  g_test_add_func ("/tls/handshake/muxers", test_muxers);
  g_test_add_func ("/tls/handshake/wrong-peer", test_wrong_peer);
  g_test_add_func ("/tls/handshake/silence", test_silence);
  g_test_add_func ("/tls/handshake/break", test_break);
  g_test_add_func ("/tls/handshake/garbage", test_garbage);
  g_test_add_func ("/tls/handshake/endless", test_endless);
  g_test_add_func ("/tls/foreign/accepted", test_foreign);
  g_test_add_func ("/tls/foreign/cipher", test_cipher);
  g_test_add_func ("/tls/foreign/protocols", test_protocols);
  g_test_add_func ("/tls/foreign/certificates", test_certificates);
  g_test_add_func ("/tls/foreign/one-sided", test_one_sided);
  g_test_add_func ("/tls/foreign/old-version", test_old_version);
  g_test_add_func ("/tls/foreign/no-server-name", test_no_server_name);
  g_test_add_func ("/tls/foreign/no-tickets", test_no_tickets);
  return g_test_run ();
}
