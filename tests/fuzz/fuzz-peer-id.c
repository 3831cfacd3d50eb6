/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/types/lp2p-peer-id.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
check (Lp2pPeerId *peer_id)
{
  g_autoptr (Lp2pPeerId) from_text = NULL;
  g_autoptr (Lp2pPeerId) from_cid = NULL;
  g_autoptr (Lp2pPublicKey) key = NULL;
  g_autofree char *cid = lp2p_peer_id_to_cid (peer_id);

  from_text = lp2p_peer_id_new_from_string (lp2p_peer_id_get_string (peer_id), NULL);
  from_cid = lp2p_peer_id_new_from_string (cid, NULL);
  g_assert (from_text != NULL && lp2p_peer_id_equal (peer_id, from_text));
  g_assert (from_cid != NULL && lp2p_peer_id_equal (peer_id, from_cid));
  key = lp2p_peer_id_extract_public_key (peer_id);
  if (key != NULL)
    g_assert (lp2p_peer_id_matches_public_key (peer_id, key));
}

/* The input is taken as bytes and as text. */
int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_autoptr (Lp2pPeerId) from_bytes = lp2p_peer_id_new_from_bytes (data, size, &error);
  g_autoptr (Lp2pPeerId) from_text = NULL;

  g_assert ((from_bytes == NULL) == (error != NULL));
  g_clear_error (&error);
  from_text = lp2p_peer_id_new_from_string (text, &error);
  g_assert ((from_text == NULL) == (error != NULL));

  if (from_bytes != NULL)
    check (from_bytes);
  if (from_text != NULL)
    check (from_text);
  return 0;
}
