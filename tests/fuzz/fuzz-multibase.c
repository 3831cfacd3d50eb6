/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads the input as multibase text; what is accepted must be written back as
 * the same text, but for the case of digits. The bytes themselves are also read
 * as a multihash, and written in every base. */

#include <lp2p/types/lp2p-multibase.h>
#include <lp2p/types/lp2p-multihash.h>

#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
check_text (const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = lp2p_multibase_decode (text, &error);
  g_autofree char *again = NULL;

  g_assert_true ((bytes == NULL) == (error != NULL));
  if (bytes == NULL)
    return;
  again = lp2p_multibase_encode (text[0], g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  g_assert_cmpint (g_ascii_strcasecmp (again, text), ==, 0);
}

static void
check_bytes (const guint8 *data, gsize size)
{
  static const char prefixes[] = "079fFvVtTbBcChkKzZmMuU";
  guint64 code;
  const guint8 *digest;
  gsize digest_len;

  for (gsize i = 0; i < strlen (prefixes); i++)
    {
      g_autofree char *text = lp2p_multibase_encode (prefixes[i], data, size);
      g_autoptr (GBytes) bytes = lp2p_multibase_decode (text, NULL);

      /* Only large numbers are refused. */
      if (bytes != NULL)
        g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), data, size);
      else
        g_assert_cmpuint (size, >, 400);
    }

  if (lp2p_multihash_decode (data, size, &code, &digest, &digest_len, NULL))
    {
      g_autoptr (GBytes) again = lp2p_multihash_encode (code, digest, digest_len);
      g_assert_cmpmem (g_bytes_get_data (again, NULL), g_bytes_get_size (again), data, size);
    }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);

  check_text (text);
  /* Writing large numbers takes time by the square. */
  check_bytes (data, MIN (size, 600));
  return 0;
}
