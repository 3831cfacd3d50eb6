/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/types/lp2p-identity.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* Whatever is accepted as a key must sign, and be the same when read again. */
int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pIdentity) identity = lp2p_identity_new_from_bytes (data, size, &error);
  g_autoptr (Lp2pIdentity) again = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GBytes) signature = NULL;

  g_assert ((identity == NULL) == (error != NULL));
  if (identity == NULL)
    return 0;

  signature = lp2p_identity_sign (identity, data, size, &error);
  g_assert (signature != NULL);
  g_assert (lp2p_public_key_verify (lp2p_identity_get_public_key (identity), data, size,
                                    g_bytes_get_data (signature, NULL),
                                    g_bytes_get_size (signature)));
  bytes = lp2p_identity_to_bytes (identity, &error);
  g_assert (bytes != NULL);
  again = lp2p_identity_new_from_bytes (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                                        &error);
  g_assert (again != NULL);
  g_assert (
      lp2p_peer_id_equal (lp2p_identity_get_peer_id (identity), lp2p_identity_get_peer_id (again)));
  return 0;
}
