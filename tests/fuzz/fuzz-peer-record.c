/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/types/lp2p-envelope.h>
#include <lp2p/types/lp2p-peer-record.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* The Ed25519 key of the specification's test vectors. */
static const guint8 key[] = {
  0x08, 0x01, 0x12, 0x40, 0x7e, 0x08, 0x30, 0x61, 0x7c, 0x4a, 0x7d, 0xe8, 0x39, 0x25,
  0xdf, 0xb2, 0x69, 0x45, 0x56, 0xb1, 0x29, 0x36, 0xc4, 0x77, 0xa0, 0xe1, 0xfe, 0xb2,
  0xe1, 0x48, 0xec, 0x9d, 0xa6, 0x0f, 0xee, 0x7d, 0x1e, 0xd1, 0xe8, 0xfa, 0xe2, 0xc4,
  0xa1, 0x44, 0xb8, 0xbe, 0x8f, 0xd4, 0xb4, 0x7b, 0xf3, 0xd3, 0xb3, 0x4b, 0x87, 0x1c,
  0x3c, 0xac, 0xf6, 0x01, 0x0f, 0x0e, 0x42, 0xd4, 0x74, 0xfc, 0xe2, 0x7e,
};

/* The input is what is in the envelope: without a valid signature around it,
 * nothing would look at it. */
int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  static Lp2pIdentity *identity = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) payload = g_bytes_new (data, size);
  g_autoptr (GBytes) type = g_bytes_new_static ("\x03\x01", 2);
  g_autoptr (GBytes) sealed = NULL;
  g_autoptr (Lp2pPeerRecord) record = NULL;

  if (identity == NULL)
    identity = lp2p_identity_new_from_bytes (key, sizeof key, NULL);
  sealed = lp2p_envelope_seal (identity, "libp2p-peer-record", type, payload, NULL);
  if (sealed == NULL)
    return 0;

  record =
      lp2p_peer_record_open (g_bytes_get_data (sealed, NULL), g_bytes_get_size (sealed), &error);
  g_assert ((record == NULL) == (error != NULL));
  if (record != NULL)
    {
      g_autoptr (GBytes) again = lp2p_peer_record_seal (record, identity, &error);

      g_assert (again != NULL);
    }
  return 0;
}
