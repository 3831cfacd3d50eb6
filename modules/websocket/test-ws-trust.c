/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a server shows, and what a dialer thinks of it: without sockets. And whom it trusts
 * when that changes. */

#include <glib/gstdio.h>
#include <string.h>

#include "lp2p-ws-authorities.h"
#include "test-log.h"
#include "tls-foreign-certificate.h"
#include "ws-fixture.h"

#define CHECK(call) g_assert_cmpint (call, >=, 0)

/* The way to the other end. */
typedef struct
{
  gnutls_session_t session;
  GByteArray *in;
  GByteArray *out;
} End;

static ssize_t
push (gnutls_transport_ptr_t transport, const void *data, size_t size)
{
  g_byte_array_append (((End *) transport)->out, data, size);
  return size;
}

static ssize_t
pull (gnutls_transport_ptr_t transport, void *buffer, size_t size)
{
  End *self = transport;
  gsize n = MIN (size, self->in->len);

  if (n == 0)
    {
      gnutls_transport_set_errno (self->session, EAGAIN);
      return -1;
    }
  memcpy (buffer, self->in->data, n);
  g_byte_array_remove_range (self->in, 0, n);
  return n;
}

static void
end_init (End *self, gnutls_session_t session, GByteArray *in, GByteArray *out)
{
  *self = (End){ session, in, out };
  gnutls_transport_set_ptr (session, self);
  gnutls_transport_set_push_function (session, push);
  gnutls_transport_set_pull_function (session, pull);
}

static gboolean
is_over (int code)
{
  return code == 0 || gnutls_error_is_fatal (code);
}

/* Returns: what GnuTLS said to the dialer */
static int
meet (const TlsForeignCertificate *shown, GError **refusal)
{
  g_autoptr (GByteArray) to_client = g_byte_array_new ();
  g_autoptr (GByteArray) to_server = g_byte_array_new ();
  g_autoptr (Lp2pIdentity) identity = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *ca_file = ws_fixture_find ("localhost.pem");
  g_autoptr (Lp2pWsTrust) trust = lp2p_ws_trust_new (ca_file, &error);
  gnutls_certificate_credentials_t credentials =
      tls_foreign_credentials_new (identity, g_get_real_time () / G_USEC_PER_SEC, shown);
  gnutls_session_t server, client;
  End ends[2];
  int code = GNUTLS_E_AGAIN, other = GNUTLS_E_AGAIN;

  g_assert_no_error (error);
  client = lp2p_ws_trust_new_session (trust, "localhost", refusal, &error);
  g_assert_no_error (error);
  server = lp2p_ws_session_new (GNUTLS_SERVER, credentials, &error);
  g_assert_no_error (error);
  end_init (&ends[0], client, to_client, to_server);
  end_init (&ends[1], server, to_server, to_client);
  while (!is_over (code))
    {
      code = gnutls_handshake (client);
      if (!is_over (other))
        other = gnutls_handshake (server);
    }
  gnutls_deinit (client);
  gnutls_deinit (server);
  gnutls_certificate_free_credentials (credentials);
  return code;
}

static void
assert_looked_at (const TlsForeignCertificate *shown)
{
  g_autoptr (GError) refusal = NULL;

  g_assert_cmpint (meet (shown, &refusal), ==, GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR);
  g_assert_no_error (refusal);
}

/* Whatever the web shows is looked at, and found not to be for us. */
static void
test_shapes (void)
{
  static const TlsForeignCertificate shapes[] = {
    { .extension = TLS_FOREIGN_MISSING },
    { .n_more_certificates = 3 },
    { .algorithm = GNUTLS_PK_RSA, .bits = 2048 },
    { .algorithm = GNUTLS_PK_RSA_PSS, .bits = 2048 },
    { .algorithm = GNUTLS_PK_EDDSA_ED25519, .bits = 256 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
    assert_looked_at (&shapes[i]);
}

/* To verify what is signed with such a key would take hours. */
static void
test_large_key (void)
{
  const TlsForeignCertificate large = { .large_key = 24000 };
  g_autoptr (GError) refusal = NULL;

  g_assert_cmpint (meet (&large, &refusal), ==, GNUTLS_E_CERTIFICATE_ERROR);
  g_assert_error (refusal, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_CERTIFICATE);
  g_assert_nonnull (strstr (refusal->message, "has a key that is too large, expected RSA of at most 8192 bits"));
}

/* Authorities */

static void
test_ca_file (WsFixture *f, gconstpointer data)
{
  g_autofree char *folder = g_dir_make_tmp (NULL, NULL);
  g_autofree char *path = g_build_filename (folder, "authorities.pem", NULL);
  g_autofree char *certificate = ws_fixture_find ("localhost.pem");
  g_autofree char *key = ws_fixture_find ("localhost-key.pem");

  ws_fixture_replace (path, "other.pem");
  ws_fixture_configure_tls (f, certificate, key, path);
  ws_fixture_start_listening (f, "/ip4/127.0.0.1/tcp/0/tls/ws");
  ws_fixture_assert_no_dial (f, "/tls/ws", "localhost", "not trusted");
  ws_fixture_replace (path, "localhost.pem");
  test_world_advance (f->world, 2 * G_USEC_PER_SEC);
  ws_fixture_assert_dial (f, "/tls/ws", "localhost");

  /* What cannot be read does not replace anything, and is complained of once. */
  ws_fixture_replace (path, "README.md");
  for (guint i = 0; i < 2; i++)
    {
      test_log_clear ();
      test_world_advance (f->world, 2 * G_USEC_PER_SEC);
      ws_fixture_assert_dial (f, "/tls/ws", "localhost");
      g_assert_true ((test_log_find ("are kept") != NULL) == (i == 0));
    }
  ws_fixture_replace (path, "other.pem");
  test_world_advance (f->world, 2 * G_USEC_PER_SEC);
  ws_fixture_assert_no_dial (f, "/tls/ws", "localhost", "not trusted");
  g_unlink (path);
  g_rmdir (folder);
}

static void
test_system (WsFixture *f, gconstpointer data)
{
  Lp2pWsAuthorities *authorities = lp2p_ws_authorities_new (f->world->loop, "");
  g_autoptr (Lp2pWsTrust) first = lp2p_ws_authorities_get (authorities, NULL);

  if (first != NULL)
    {
      lp2p_ws_trust_ref (first);
      test_world_advance (f->world, 9 * 60 * G_USEC_PER_SEC);
      g_assert_true (lp2p_ws_authorities_get (authorities, NULL) == first);
      test_world_advance (f->world, 60 * G_USEC_PER_SEC);
      g_assert_true (lp2p_ws_authorities_get (authorities, NULL) != first);
    }
  else
    g_test_skip ("this system trusts no certificate authorities");
  lp2p_ws_authorities_free (authorities);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  test_log_install ();
  g_test_add_func ("/ws-trust/shapes", test_shapes);
  g_test_add_func ("/ws-trust/large-key", test_large_key);
  g_test_add ("/ws-trust/ca-file", WsFixture, NULL, ws_fixture_set_up_secure, test_ca_file, ws_fixture_tear_down);
  g_test_add ("/ws-trust/system", WsFixture, NULL, ws_fixture_set_up_secure, test_system, ws_fixture_tear_down);
  return g_test_run ();
}
