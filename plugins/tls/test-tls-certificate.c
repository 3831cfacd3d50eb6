/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Certificates: those of others without a handshake, and our own. */

#include <string.h>

#include "lp2p-tls-peer.h"
#include "lp2p-tls-security.h"
#include "tls-foreign.h"

/* When the certificates in tests/unit/data were made. */
#define FOREIGN_TIME G_GINT64_CONSTANT (1795346600)

#define YEAR (365 * 24 * 3600)

static Lp2pPublicKey *
verify (const char *name, Lp2pPeerId *expected, GError **error)
{
  g_autofree char *path =
      g_test_build_filename (G_TEST_DIST, "unit", "data", "certificates", name, NULL);
  g_autofree char *der = NULL;
  gsize size;
  gnutls_datum_t certificate;

  g_assert_true (g_file_get_contents (path, &der, &size, NULL));
  certificate = (gnutls_datum_t){ (unsigned char *) der, (unsigned) size };
  return lp2p_tls_peer_verify (&certificate, 1, FOREIGN_TIME, expected, error);
}

/* Those of the specification; the key of the third is one that GnuTLS does not
 * know. */
static void
test_vectors (void)
{
  static const struct
  {
    const char *name;
    const char *peer_id;
  } vectors[] = {
    { "spec-1.der", "12D3KooWM6CgA9iBFZmcYAHA6A2qvbAxqfkmrYiRQuz3XEsk4Ksv" },
    { "spec-2.der", "QmfXbAwNjJLXfesgztEHe8HwgVDCMMpZ9Eax1HYq6hn9uE" },
    { "spec-3.der", "16Uiu2HAkutTMoTzDw1tCvSRtu6YoixJwS46S1ZFxW8hSx9fWHiPs" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (vectors); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (Lp2pPeerId) expected = lp2p_peer_id_new_from_string (vectors[i].peer_id, NULL);
      g_autoptr (Lp2pPublicKey) key = verify (vectors[i].name, expected, &error);

      g_assert_no_error (error);
      g_assert_true (lp2p_peer_id_matches_public_key (expected, key));
    }
}

static void
check_refused (const char *name, Lp2pPeerId *expected, int code, const char *part)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (verify (name, expected, &error));
  g_assert_error (error, LP2P_ERROR, code);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, part));
}

static void
test_refused (void)
{
  g_autoptr (Lp2pPeerId) other =
      lp2p_peer_id_new_from_string ("QmfXbAwNjJLXfesgztEHe8HwgVDCMMpZ9Eax1HYq6hn9uE", NULL);

  check_refused ("spec-4.der", NULL, LP2P_ERROR_HANDSHAKE, "not vouched for");
  check_refused ("spec-1.der", other, LP2P_ERROR_WRONG_PEER, "expected peer QmfX");
}

static void
test_number (void)
{
  g_autoptr (GError) error = NULL;
  const gnutls_datum_t certificates[2] = { { NULL, 0 }, { NULL, 0 } };

  g_assert_null (lp2p_tls_peer_verify (NULL, 0, FOREIGN_TIME, NULL, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_HANDSHAKE);
  g_assert_nonnull (strstr (error->message, "0 certificates"));
  g_clear_error (&error);
  g_assert_null (lp2p_tls_peer_verify (certificates, 2, FOREIGN_TIME, NULL, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_HANDSHAKE);
}

/* The certificate that side 0 shows. */
static GBytes *
see_certificate (SecurityPair *fixture)
{
  static const TlsForeignOptions options = { .certificate.n_more_certificates = 0 };
  TlsForeign foreign;
  const gnutls_datum_t *certificates;
  unsigned n;
  GBytes *der;

  security_pair_connect_wires (fixture, NULL);
  lp2p_layer_free (fixture->lower[1]);
  g_clear_pointer (&fixture->wire[1], lp2p_layer_free);
  tls_foreign_start (&foreign, fixture, 0, &options);
  security_pair_start (fixture, 0);
  security_pair_settle ();
  g_assert_no_error (fixture->sides[0].error);
  certificates = gnutls_certificate_get_peers (foreign.session, &n);
  g_assert_cmpuint (n, ==, 1);
  der = g_bytes_new (certificates->data, certificates->size);
  tls_foreign_clear (&foreign);
  security_pair_forget (fixture, 0);
  return der;
}

static void
set_time (SecurityPair *fixture, gint64 unix_time)
{
  fixture->world->epoch = unix_time * G_USEC_PER_SEC - fixture->world->now;
}

static gboolean
shows_the_same (SecurityPair *fixture, gint64 earlier, gint64 later)
{
  g_autoptr (GBytes) one = NULL;
  g_autoptr (GBytes) two = NULL;

  set_time (fixture, earlier);
  one = see_certificate (fixture);
  set_time (fixture, later);
  two = see_certificate (fixture);
  g_assert_true (lp2p_tls_verify_certificate (g_bytes_get_data (two, NULL), g_bytes_get_size (two),
                                              later, NULL, NULL));
  return g_bytes_equal (one, two);
}

static void
test_renewal (void)
{
  /* 2025-01-01 00:00:00 UTC */
  const gint64 start = G_GINT64_CONSTANT (1735689600);
  SecurityPair fixture;

  security_pair_init (&fixture, LP2P_TYPE_TLS_SECURITY, "tls");
  g_assert_true (shows_the_same (&fixture, start, start + 3600));
  g_assert_true (shows_the_same (&fixture, start, start + YEAR - 1));
  g_assert_false (shows_the_same (&fixture, start, start + YEAR));
  g_assert_true (shows_the_same (&fixture, start + YEAR, start + YEAR + 1));
  /* The clock was wrong and was set back. */
  g_assert_false (shows_the_same (&fixture, start + YEAR, start));
  security_pair_clear (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add_func ("/tls/certificate/vectors", test_vectors);
  g_test_add_func ("/tls/certificate/refused", test_refused);
  g_test_add_func ("/tls/certificate/number", test_number);
  g_test_add_func ("/tls/certificate/renewal", test_renewal);
  return g_test_run ();
}
