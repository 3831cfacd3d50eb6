/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * tls-stranger dial PORT KIND: shows a listener a certificate of that kind, and prints
 * "accepted", when both have agreed on yamux after that and its first frame came, or
 * "refused".
 * tls-stranger listen KIND: prints its multiaddr and shows it to one who dials.
 */

#include "tls-foreign-certificate.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HEADER   "\x13/multistream/1.0.0\n"
#define PROPOSAL "\x0b/tls/1.0.0\n"
#define GREETING HEADER PROPOSAL
#define MUXER HEADER "\x0d/yamux/1.0.0\n"
/* Of a stream that the other side opens, to ping or to identify us: version 0, data or
 * a change of the window, and SYN. */
#define FRAME_SIZE 12
/* Beyond that a test hangs. */
#define SECONDS 20

static const struct
{
  const char *name;
  TlsForeignCertificate certificate;
} kinds[] = {
  { "good", { 0 } },
  { "expired", { .from = -7200, .until = -3600 } },
  { "future", { .from = 3600, .until = 7200 } },
  { "wrong-signature", { .bad_signature = TRUE } },
  { "no-extension", { .extension = TLS_FOREIGN_MISSING } },
  { "broken-extension", { .extension = TLS_FOREIGN_GARBAGE } },
  { "stolen-extension", { .extension = TLS_FOREIGN_STOLEN } },
  { "critical-extension", { .unknown_critical = TRUE } },
  { "two", { .n_more_certificates = 1 } },
  { "none", { .no_certificate = TRUE } },
  { "ed448", { .algorithm = GNUTLS_PK_EDDSA_ED448, .bits = 456 } },
  { "small-rsa", { .algorithm = GNUTLS_PK_RSA, .bits = 1024 } },
};

static const TlsForeignCertificate *
find_kind (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (g_str_equal (kinds[i].name, name))
      return &kinds[i].certificate;
  g_error ("there is no kind %s", name);
}

/* Both sides say the same, and wait for it. */
static gboolean
greet (int fd)
{
  char answer[sizeof GREETING - 1];

  return send (fd, GREETING, sizeof answer, MSG_NOSIGNAL) == sizeof answer &&
         recv (fd, answer, sizeof answer, MSG_WAITALL) == sizeof answer &&
         memcmp (answer, GREETING, sizeof answer) == 0;
}

static gnutls_session_t
start_session (int fd, guint side, gnutls_certificate_credentials_t credentials)
{
  static const gnutls_datum_t protocol = { (guint8 *) "libp2p", 6 };
  gnutls_session_t session;

  gnutls_init (&session, side);
  gnutls_priority_set_direct (session, "NORMAL:-VERS-ALL:+VERS-TLS1.3", NULL);
  gnutls_credentials_set (session, GNUTLS_CRD_CERTIFICATE, credentials);
  gnutls_certificate_server_set_request (session, GNUTLS_CERT_REQUEST);
  gnutls_alpn_set_protocols (session, &protocol, 1, 0);
  gnutls_transport_set_int (session, fd);
  return session;
}

/* In TLS 1.3 a client's handshake is over before the server has seen its certificate:
 * only an answer tells. Both sides say the same again, and wait for it. */
static gboolean
gets_stream (gnutls_session_t session)
{
  char answer[sizeof MUXER - 1 + FRAME_SIZE];
  const char *frame = answer + sizeof MUXER - 1;
  gsize size = 0;
  gssize n;

  do
    n = gnutls_handshake (session);
  while (n < 0 && !gnutls_error_is_fatal ((int) n));
  if (n == 0)
    n = gnutls_record_send (session, MUXER, sizeof MUXER - 1);
  while (n > 0 && size < sizeof answer)
    {
      n = gnutls_record_recv (session, answer + size, sizeof answer - size);
      size += MAX (n, 0);
    }
  return size == sizeof answer && memcmp (answer, MUXER, sizeof MUXER - 1) == 0 && frame[0] == 0 && frame[1] <= 1 &&
         (frame[3] & 1) != 0;
}

static int
meet (int fd, guint side, Lp2pIdentity *identity, const TlsForeignCertificate *kind)
{
  const struct timeval timeout = { .tv_sec = SECONDS };
  gnutls_certificate_credentials_t credentials;
  gnutls_session_t session;
  char rest[256];

  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  if (!greet (fd))
    {
      g_printerr ("tls-stranger: no agreement on TLS\n");
      return 1;
    }
  credentials = tls_foreign_credentials_new (identity, g_get_real_time () / G_USEC_PER_SEC, kind);
  session = start_session (fd, side, credentials);
  puts (gets_stream (session) ? "accepted" : "refused");
  fflush (stdout);
  /* A reset would take along what is on its way. */
  shutdown (fd, SHUT_WR);
  while (recv (fd, rest, sizeof rest, 0) > 0)
    ;
  gnutls_deinit (session);
  gnutls_certificate_free_credentials (credentials);
  close (fd);
  return 0;
}

static int
dial (const char *port, Lp2pIdentity *identity, const TlsForeignCertificate *kind)
{
  const struct sockaddr_in address = {
    .sin_family = AF_INET,
    .sin_port = htons ((guint16) g_ascii_strtoull (port, NULL, 10)),
    .sin_addr.s_addr = htonl (INADDR_LOOPBACK),
  };
  int fd = socket (AF_INET, SOCK_STREAM, 0);

  if (connect (fd, (const struct sockaddr *) &address, sizeof address) < 0)
    g_error ("cannot connect");
  return meet (fd, GNUTLS_CLIENT, identity, kind);
}

static int
serve (Lp2pIdentity *identity, const TlsForeignCertificate *kind)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t size = sizeof address;
  int server = socket (AF_INET, SOCK_STREAM, 0);

  if (bind (server, (const struct sockaddr *) &address, size) < 0 || listen (server, 1) < 0 ||
      getsockname (server, (struct sockaddr *) &address, &size) < 0)
    g_error ("cannot listen");
  printf ("/ip4/127.0.0.1/tcp/%u/p2p/%s\n", ntohs (address.sin_port),
          lp2p_peer_id_get_string (lp2p_identity_get_peer_id (identity)));
  fflush (stdout);
  return meet (accept (server, NULL, NULL), GNUTLS_SERVER, identity, kind);
}

int
main (int argc, char **argv)
{
  g_autoptr (Lp2pIdentity) identity = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, NULL);

  if (argc == 4 && g_str_equal (argv[1], "dial"))
    return dial (argv[2], identity, find_kind (argv[3]));
  if (argc == 3 && g_str_equal (argv[1], "listen"))
    return serve (identity, find_kind (argv[2]));
  g_printerr ("usage: tls-stranger dial PORT KIND | listen KIND\n");
  return 2;
}
