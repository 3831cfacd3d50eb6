/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A certificate of the loopback interface, which proves itself: for those transports
 * of the demo that listen with one. */

#include "tools/lp2p-demo-private.h"

#include "types/lp2p-i18n-private.h"

#include <glib/gstdio.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>

/* So that it holds whichever way the clock is set meanwhile. */
#define VALID_SECONDS (24 * 3600)

#define SERIAL_SIZE 8

static const guint8 ip4[] = { 127, 0, 0, 1 };
static const guint8 ip6[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 };

typedef struct
{
  gnutls_x509_privkey_t key;
  gnutls_x509_crt_t certificate;
} Maker;

static void
maker_clear (Maker *self)
{
  if (self->certificate != NULL)
    gnutls_x509_crt_deinit (self->certificate);
  if (self->key != NULL)
    gnutls_x509_privkey_deinit (self->key);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Maker, maker_clear)

/* Returns: a code of GnuTLS */
static int
make_key (Maker *self)
{
  int code = gnutls_x509_privkey_init (&self->key);

  return code < 0 ? code
                  : gnutls_x509_privkey_generate (self->key, GNUTLS_PK_ECDSA,
                                                  GNUTLS_CURVE_TO_BITS (GNUTLS_ECC_CURVE_SECP256R1), 0);
}

/* Returns: a code of GnuTLS */
static int
make_certificate (Maker *self)
{
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  guint8 serial[SERIAL_SIZE];
  gnutls_x509_crt_t certificate;
  int code;

  if ((code = gnutls_rnd (GNUTLS_RND_NONCE, serial, sizeof serial)) < 0 ||
      (code = gnutls_x509_crt_init (&self->certificate)) < 0)
    return code;
  /* Positive, and without a leading zero byte. */
  serial[0] = (serial[0] & 0x7f) | 0x40;
  certificate = self->certificate;
  if ((code = gnutls_x509_crt_set_version (certificate, 3)) < 0 ||
      (code = gnutls_x509_crt_set_serial (certificate, serial, sizeof serial)) < 0 ||
      (code = gnutls_x509_crt_set_dn (certificate, "CN=lp2p demo", NULL)) < 0 ||
      (code = gnutls_x509_crt_set_subject_alt_name (certificate, GNUTLS_SAN_IPADDRESS, ip4, sizeof ip4,
                                                    GNUTLS_FSAN_SET)) < 0 ||
      (code = gnutls_x509_crt_set_subject_alt_name (certificate, GNUTLS_SAN_IPADDRESS, ip6, sizeof ip6,
                                                    GNUTLS_FSAN_APPEND)) < 0 ||
      (code = gnutls_x509_crt_set_activation_time (certificate, now - VALID_SECONDS)) < 0 ||
      (code = gnutls_x509_crt_set_expiration_time (certificate, now + VALID_SECONDS)) < 0 ||
      (code = gnutls_x509_crt_set_key (certificate, self->key)) < 0)
    return code;
  return gnutls_x509_crt_sign2 (certificate, certificate, self->key, GNUTLS_DIG_SHA256, 0);
}

static gboolean
write_file (const char *file, gnutls_datum_t *pem, GError **error)
{
  gboolean written = g_file_set_contents_full (file, (const char *) pem->data, pem->size,
                                               G_FILE_SET_CONTENTS_CONSISTENT, 0600, error);

  gnutls_memset (pem->data, 0, pem->size);
  gnutls_free (pem->data);
  return written;
}

static gboolean
write_files (Maker *self, const char *certificate, const char *key, int *code, GError **error)
{
  gnutls_datum_t pem = { NULL, 0 };

  *code = gnutls_x509_privkey_export2_pkcs8 (self->key, GNUTLS_X509_FMT_PEM, NULL, 0, &pem);
  if (*code < 0 || !write_file (key, &pem, error))
    return FALSE;
  *code = gnutls_x509_crt_export2 (self->certificate, GNUTLS_X509_FMT_PEM, &pem);
  return *code >= 0 && write_file (certificate, &pem, error);
}

/**
 * tool_demo_make_certificate:
 * @demo: the demo
 * @certificate: (out): its file, in PEM, which is also the authority to trust
 * @key: (out): the file of the private key, in PEM
 * @error: return location for an error
 *
 * Makes a certificate, if that was not done before.
 *
 * Returns: whether there is one
 */
gboolean
tool_demo_make_certificate (const ToolDemo *demo, char **certificate, char **key, GError **error)
{
  g_autofree char *certificate_file = g_build_filename (demo->folder, "certificate.pem", NULL);
  g_autofree char *key_file = g_build_filename (demo->folder, "certificate-key.pem", NULL);
  g_auto (Maker) maker = { NULL, NULL };
  int code = 0;

  if (!g_file_test (certificate_file, G_FILE_TEST_EXISTS))
    {
      g_autoptr (GError) reason = NULL;

      if ((code = make_key (&maker)) < 0 || (code = make_certificate (&maker)) < 0 ||
          !write_files (&maker, certificate_file, key_file, &code, &reason))
        {
          g_set_error (error, LP2P_ERROR, LP2P_ERROR_FAILED, _("no certificate can be made: %s"),
                       reason != NULL ? reason->message : gnutls_strerror (code));
          return FALSE;
        }
    }
  *certificate = g_steal_pointer (&certificate_file);
  *key = g_steal_pointer (&key_file);
  return TRUE;
}
