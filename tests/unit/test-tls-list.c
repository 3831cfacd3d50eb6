/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which certificates are looked at, and which are not since that would take too long. */

#include "codec/lp2p-tls-extension-private.h"
#include "types/lp2p-der-private.h"

#include <lp2p/codec/lp2p-codec-error.h>

#include <string.h>

#define OID_RSA     "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
#define OID_RSA_PSS "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"
#define OID_DSA     "\x2a\x86\x48\xce\x38\x04\x01"

static void
append_number (GByteArray *out, guint size)
{
  gboolean modulus = size >= 128;
  g_autofree guint8 *number = g_malloc0 (size + 1);

  /* The first bit of a modulus is set. */
  memset (number + 1, modulus ? 0xd5 : 0x55, size);
  lp2p_der_append (out, LP2P_DER_INTEGER, number + !modulus, size + modulus);
}

static void
wrap (GByteArray *array, guint8 tag)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();

  lp2p_der_append (out, tag, array->data, array->len);
  g_byte_array_set_size (array, 0);
  g_byte_array_append (array, out->data, out->len);
}

static void
append_wrapped (GByteArray *out, guint8 tag, GByteArray *value)
{
  lp2p_der_append (out, tag, value->data, value->len);
}

/* @exponent: bytes; 0 for a key that is one number */
static GByteArray *
make_key (const char *oid, guint modulus, guint exponent)
{
  GByteArray *info = g_byte_array_new ();
  g_autoptr (GByteArray) algorithm = g_byte_array_new ();
  g_autoptr (GByteArray) key = g_byte_array_new ();
  g_autoptr (GByteArray) bits = g_byte_array_new ();

  lp2p_der_append (algorithm, LP2P_DER_OID, oid, strlen (oid));
  lp2p_der_append (algorithm, LP2P_DER_NULL, NULL, 0);
  append_wrapped (info, LP2P_DER_SEQUENCE, algorithm);
  append_number (key, modulus);
  if (exponent > 0)
    {
      append_number (key, exponent);
      wrap (key, LP2P_DER_SEQUENCE);
    }
  g_byte_array_append (bits, (const guint8 *) "", 1);
  g_byte_array_append (bits, key->data, key->len);
  append_wrapped (info, LP2P_DER_BIT_STRING, bits);
  wrap (info, LP2P_DER_SEQUENCE);
  return info;
}

/* Only what stands before a key, and that it has no version is right, too. */
static GByteArray *
make_certificate (const char *oid, guint modulus, guint exponent)
{
  g_autoptr (GByteArray) key = make_key (oid, modulus, exponent);
  GByteArray *out = g_byte_array_new ();

  append_number (out, 1);
  for (guint i = 0; i < 4; i++)
    lp2p_der_append (out, LP2P_DER_SEQUENCE, NULL, 0);
  g_byte_array_append (out, key->data, key->len);
  wrap (out, LP2P_DER_SEQUENCE);
  wrap (out, LP2P_DER_SEQUENCE);
  return out;
}

static void
append_size (GByteArray *out, gsize size)
{
  const guint8 bytes[] = { size >> 16, size >> 8, size };

  g_byte_array_append (out, bytes, sizeof bytes);
}

static void
append_entry (GByteArray *list, gconstpointer der, gsize len)
{
  append_size (list, len);
  g_byte_array_append (list, der, (guint) len);
  g_byte_array_append (list, (const guint8 *) "\0", 2);
}

static GByteArray *
make_message (GByteArray *list)
{
  GByteArray *out = g_byte_array_new ();

  g_byte_array_append (out, (const guint8 *) "", 1);
  append_size (out, list->len);
  g_byte_array_append (out, list->data, list->len);
  return out;
}

/* @part: of what is said of @list, or NULL */
static void
check (GByteArray *list, gboolean chain, const char *part)
{
  g_autoptr (GByteArray) message = make_message (list);
  g_autoptr (GError) error = NULL;
  gboolean good = lp2p_tls_check_list (message->data, message->len, chain, &error);

  if (part == NULL)
    g_assert_no_error (error);
  else
    g_assert_nonnull (strstr (error->message, part));
  g_assert_true (good == (part == NULL));
}

static void
check_key (const char *oid, guint modulus, guint exponent, gboolean chain, const char *part)
{
  g_autoptr (GByteArray) certificate = make_certificate (oid, modulus, exponent);
  g_autoptr (GByteArray) list = g_byte_array_new ();

  append_entry (list, certificate->data, certificate->len);
  check (list, chain, part);
}

static void
test_peer (void)
{
  check_key (OID_RSA, 256, 3, FALSE, NULL);
  check_key (OID_RSA, 1024, 3, FALSE, NULL);
  check_key (OID_RSA, 1025, 3, FALSE, "no valid public key");
  check_key (OID_RSA, 256, 4, FALSE, NULL);
  check_key (OID_RSA, 256, 5, FALSE, "no valid public key");
  check_key (OID_RSA, 7000, 7000, FALSE, "no valid public key");
  check_key (OID_RSA_PSS, 256, 3, FALSE, "unknown algorithm");
  check_key (OID_DSA, 256, 0, FALSE, "unknown algorithm");
  check_key (OID_RSA, 20000, 20000, FALSE, "expected at most 16384");
}

static void
test_chain (void)
{
  check_key (OID_RSA, 128, 3, TRUE, NULL);
  check_key (OID_RSA, 1024, 4, TRUE, NULL);
  check_key (OID_RSA, 1025, 3, TRUE, "too large");
  check_key (OID_RSA, 128, 5, TRUE, "too large");
  check_key (OID_RSA_PSS, 20000, 3, TRUE, "too large");
  check_key (OID_DSA, 400, 0, TRUE, NULL);
  check_key (OID_DSA, 1300, 0, TRUE, "too large");
  /* Whatever it is called. */
  check_key (OID_DSA, 256, 256, TRUE, "too large");
}

/* One of many is enough, where there may be many. */
static void
test_number (void)
{
  g_autoptr (GByteArray) good = make_certificate (OID_RSA, 256, 3);
  g_autoptr (GByteArray) bad = make_certificate (OID_RSA, 256, 256);
  g_autoptr (GByteArray) list = g_byte_array_new ();

  check (list, FALSE, NULL);
  append_entry (list, good->data, good->len);
  append_entry (list, good->data, good->len);
  check (list, TRUE, NULL);
  check (list, FALSE, "sent 2 certificates, expected one");
  append_entry (list, bad->data, bad->len);
  check (list, TRUE, "too large");
}

static void
test_real (void)
{
  static const char *const names[] = { "spec-1.der", "spec-2.der", "spec-3.der", "go-rsa.der", "js-secp256k1.der" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_test_build_filename (G_TEST_DIST, "unit", "data", "certificates", names[i], NULL);
      g_autoptr (GByteArray) list = g_byte_array_new ();
      g_autofree char *der = NULL;
      gsize len;

      g_assert_true (g_file_get_contents (path, &der, &len, NULL));
      append_entry (list, der, len);
      check (list, FALSE, NULL);
      check (list, TRUE, NULL);
    }
}

/* Whatever is missing or too much. */
static void
test_malformed (void)
{
  g_autoptr (GByteArray) certificate = make_certificate (OID_RSA, 256, 3);
  g_autoptr (GByteArray) list = g_byte_array_new ();
  g_autoptr (GByteArray) message = NULL;

  append_entry (list, certificate->data, certificate->len);
  message = make_message (list);
  g_byte_array_append (message, (const guint8 *) "", 1);
  for (gsize len = 0; len <= message->len; len++)
    for (guint chain = 0; chain < 2; chain++)
      {
        g_autoptr (GError) error = NULL;

        if (len == message->len - 1)
          continue;
        g_assert_false (lp2p_tls_check_list (message->data, len, chain, &error));
        g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_CERTIFICATE);
        g_assert_nonnull (strstr (error->message, "malformed list"));
      }
  g_byte_array_set_size (list, 0);
  append_entry (list, "not a certificate", 17);
  check (list, FALSE, "is malformed, expected X.509 in DER");
  check (list, TRUE, "is malformed, expected X.509 in DER");
  g_byte_array_set_size (list, list->len - 3);
  check (list, FALSE, "malformed list");
  check (list, TRUE, "malformed list");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add_func ("/tls-list/peer", test_peer);
  g_test_add_func ("/tls-list/chain", test_chain);
  g_test_add_func ("/tls-list/number", test_number);
  g_test_add_func ("/tls-list/real", test_real);
  g_test_add_func ("/tls-list/malformed", test_malformed);
  return g_test_run ();
}
