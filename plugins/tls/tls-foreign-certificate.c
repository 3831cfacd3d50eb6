/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tls-foreign-certificate.h"

#include <gnutls/abstract.h>
#include <gnutls/x509.h>

#define CHECK(call) g_assert_cmpint (call, >=, 0)

static void
add_extension (gnutls_x509_crt_t certificate, TlsForeignExtension kind, Lp2pIdentity *identity)
{
  gnutls_pubkey_t key;
  gnutls_datum_t spki;
  g_autoptr (GBytes) value = NULL;

  if (kind == TLS_FOREIGN_MISSING)
    return;
  CHECK (gnutls_pubkey_init (&key));
  CHECK (gnutls_pubkey_import_x509 (key, certificate, 0));
  CHECK (gnutls_pubkey_export2 (key, GNUTLS_X509_FMT_DER, &spki));
  if (kind == TLS_FOREIGN_STOLEN)
    spki.data[spki.size - 1] ^= 1;
  value = kind == TLS_FOREIGN_GARBAGE
              ? g_bytes_new_static ("garbage", 7)
              : lp2p_tls_extension_encode (identity, spki.data, spki.size, NULL);
  CHECK (gnutls_x509_crt_set_extension_by_oid (certificate, LP2P_TLS_EXTENSION_OID,
                                               g_bytes_get_data (value, NULL),
                                               g_bytes_get_size (value), 0));
  gnutls_free (spki.data);
  gnutls_pubkey_deinit (key);
}

static gnutls_digest_algorithm_t
get_digest (gnutls_pk_algorithm_t algorithm)
{
  switch (algorithm)
    {
    case GNUTLS_PK_EDDSA_ED25519:
      return GNUTLS_DIG_SHA512;
    case GNUTLS_PK_EDDSA_ED448:
      return GNUTLS_DIG_SHAKE_256;
    default:
      return GNUTLS_DIG_SHA256;
    }
}

static gnutls_x509_crt_t
make_certificate (gnutls_x509_privkey_t key,
                  Lp2pIdentity *identity,
                  gint64 now,
                  const TlsForeignCertificate *options)
{
  gboolean always = options->from == 0 && options->until == 0;
  guint8 serial = 1;
  gnutls_x509_crt_t certificate;
  gnutls_datum_t der;

  CHECK (gnutls_x509_crt_init (&certificate));
  CHECK (gnutls_x509_crt_set_version (certificate, 3));
  CHECK (gnutls_x509_crt_set_serial (certificate, &serial, 1));
  CHECK (gnutls_x509_crt_set_dn (certificate, "CN=foreign", NULL));
  CHECK (gnutls_x509_crt_set_activation_time (certificate, now + (always ? -3600 : options->from)));
  CHECK (gnutls_x509_crt_set_expiration_time (certificate, now + (always ? 3600 : options->until)));
  CHECK (gnutls_x509_crt_set_key (certificate, key));
  CHECK (gnutls_x509_crt_set_basic_constraints (certificate, 0, -1));
  add_extension (certificate, options->extension, identity);
  if (options->unknown_critical)
    CHECK (gnutls_x509_crt_set_extension_by_oid (certificate, "1.2.3.4", "\x05\x00", 2, 1));
  CHECK (gnutls_x509_crt_sign2 (certificate, certificate, key, get_digest (options->algorithm), 0));
  if (!options->bad_signature)
    return certificate;

  /* The signature is what it ends with. */
  CHECK (gnutls_x509_crt_export2 (certificate, GNUTLS_X509_FMT_DER, &der));
  gnutls_x509_crt_deinit (certificate);
  der.data[der.size - 1] ^= 1;
  CHECK (gnutls_x509_crt_init (&certificate));
  CHECK (gnutls_x509_crt_import (certificate, &der, GNUTLS_X509_FMT_DER));
  gnutls_free (der.data);
  return certificate;
}

gnutls_certificate_credentials_t
tls_foreign_credentials_new (Lp2pIdentity *identity, gint64 now, const TlsForeignCertificate *options)
{
  gnutls_pk_algorithm_t algorithm =
      options->algorithm != GNUTLS_PK_UNKNOWN ? options->algorithm : GNUTLS_PK_ECDSA;
  guint bits = options->bits != 0 ? options->bits : GNUTLS_CURVE_TO_BITS (GNUTLS_ECC_CURVE_SECP256R1);
  gnutls_certificate_credentials_t credentials;
  gnutls_x509_privkey_t key;
  gnutls_privkey_t abstract_key;
  gnutls_pcert_st chain[4];
  guint n = 1 + options->n_more_certificates;

  CHECK (gnutls_certificate_allocate_credentials (&credentials));
  if (options->no_certificate)
    return credentials;
  g_assert_cmpuint (n, <=, G_N_ELEMENTS (chain));
  CHECK (gnutls_x509_privkey_init (&key));
  CHECK (gnutls_x509_privkey_generate (key, algorithm, bits, 0));
  for (guint i = 0; i < n; i++)
    {
      gnutls_x509_crt_t certificate = make_certificate (key, identity, now, options);

      CHECK (gnutls_pcert_import_x509 (&chain[i], certificate, 0));
      gnutls_x509_crt_deinit (certificate);
    }
  CHECK (gnutls_privkey_init (&abstract_key));
  CHECK (gnutls_privkey_import_x509 (abstract_key, key, GNUTLS_PRIVKEY_IMPORT_COPY));
  gnutls_x509_privkey_deinit (key);
  /* Unlike with certificates as such, all of them are sent. */
  CHECK (gnutls_certificate_set_key (credentials, NULL, 0, chain, (int) n, abstract_key));
  return credentials;
}
