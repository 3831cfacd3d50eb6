/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/types/lp2p-envelope.h>
#include <lp2p/types/lp2p-peer-record.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pEnvelope) envelope = NULL;
  g_autoptr (Lp2pPeerRecord) record = NULL;

  envelope = lp2p_envelope_open (data, size, "libp2p-peer-record", &error);
  g_assert ((envelope == NULL) == (error != NULL));
  g_clear_error (&error);
  record = lp2p_peer_record_open (data, size, &error);
  g_assert ((record == NULL) == (error != NULL));
  return 0;
}
