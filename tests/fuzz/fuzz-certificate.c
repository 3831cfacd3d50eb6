/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/codec/lp2p-tls-extension.h>

/* A time at which the certificates of the corpus are valid. */
#define NOW G_GINT64_CONSTANT (1795346600)

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pPublicKey) key = NULL;
  gboolean good = lp2p_tls_verify_certificate (data, size, NOW, &key, &error);

  g_assert (good == (error == NULL));
  g_assert (good == (key != NULL));
  return 0;
}
