/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A handshake with a remote that may send anything.
 *
 * The first byte picks the role, and whether the input is what the remote sends
 * on the wire (length-prefixed messages), or what it puts into the payload of a
 * handshake that is otherwise right. The second way gets past the
 * authentication that stops random bytes. All keys are fixed. */

#include "codec/lp2p-noise-private.h"
#include "codec/lp2p-noise-static-private.h"
#include "codec/lp2p-noise-xx-private.h"

#include <lp2p/types/lp2p-cursor.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

#define RESPONDER 0x01
#define PAYLOAD   0x02

static const guint8 keys[][LP2P_NOISE_KEY] = {
  "static key of the local side....",
  "ephemeral key of the local side.",
  "static key of the remote side...",
  "ephemeral key of the remote side",
};

/* The Ed25519 example of the peer-ids specification. */
static const guint8 private_key[] = {
  0x08, 0x01, 0x12, 0x40, 0x7e, 0x08, 0x30, 0x61, 0x7c, 0x4a, 0x7d, 0xe8, 0x39, 0x25,
  0xdf, 0xb2, 0x69, 0x45, 0x56, 0xb1, 0x29, 0x36, 0xc4, 0x77, 0xa0, 0xe1, 0xfe, 0xb2,
  0xe1, 0x48, 0xec, 0x9d, 0xa6, 0x0f, 0xee, 0x7d, 0x1e, 0xd1, 0xe8, 0xfa, 0xe2, 0xc4,
  0xa1, 0x44, 0xb8, 0xbe, 0x8f, 0xd4, 0xb4, 0x7b, 0xf3, 0xd3, 0xb3, 0x4b, 0x87, 0x1c,
  0x3c, 0xac, 0xf6, 0x01, 0x0f, 0x0e, 0x42, 0xd4, 0x74, 0xfc, 0xe2, 0x7e,
};

static Lp2pNoise *
start (gboolean initiator)
{
  static Lp2pIdentity *identity = NULL;
  static Lp2pNoiseStatic *static_key = NULL;
  Lp2pNoiseParams params = { .initiator = initiator };
  Lp2pNoise *self;

  if (identity == NULL)
    {
      identity = lp2p_identity_new_from_bytes (private_key, sizeof private_key, NULL);
      static_key = lp2p_noise_static_load (identity, keys[0], NULL);
    }
  params.identity = identity;
  params.static_key = static_key;
  self = lp2p_noise_new (&params, NULL);
  g_assert (self != NULL && lp2p_noise_set_ephemeral_key (self, keys[1], NULL));
  return self;
}

/* Writes where it is this side's turn, reads the input otherwise. */
static void
run_wire (Lp2pNoise *self, const guint8 *data, gsize size)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, size);
  g_autoptr (GByteArray) out = g_byte_array_new ();
  const guint8 *frame;
  guint16 len;

  while (lp2p_noise_get_state (self) < LP2P_NOISE_STATE_DONE)
    {
      g_autoptr (GError) error = NULL;
      gboolean ok;

      if (lp2p_noise_get_state (self) == LP2P_NOISE_STATE_WRITE)
        ok = lp2p_noise_write_message (self, out, &error);
      else if (lp2p_cursor_read_u16be (&cursor, &len)
               && lp2p_cursor_read_bytes (&cursor, len, &frame))
        ok = lp2p_noise_read_message (self, frame, len, &error);
      else
        return;
      g_assert (ok == (error == NULL));
    }
}

/* Plays the remote well, except for its payload. */
static void
run_payload (Lp2pNoise *self, gboolean remote_initiator, const guint8 *data, gsize size)
{
  Lp2pNoiseXX remote;
  Lp2pNoiseKeyPair pair = { NULL };

  g_assert (lp2p_noise_key_pair_load (&pair, keys[2], NULL));
  g_assert (lp2p_noise_xx_init (&remote, remote_initiator, NULL, 0, &pair, NULL));
  lp2p_noise_key_pair_clear (&pair);
  g_assert (lp2p_noise_key_pair_load (&remote.ephemeral_pair, keys[3], NULL));

  while (lp2p_noise_get_state (self) < LP2P_NOISE_STATE_DONE)
    {
      g_autoptr (GByteArray) wire = g_byte_array_new ();
      g_autoptr (GByteArray) payload = g_byte_array_new ();

      if (lp2p_noise_get_state (self) == LP2P_NOISE_STATE_WRITE)
        {
          g_assert (lp2p_noise_write_message (self, wire, NULL));
          g_assert (lp2p_noise_xx_read (&remote, wire->data + 2, wire->len - 2, payload, NULL));
        }
      else
        {
          if (!lp2p_noise_xx_write (&remote, data, size, wire, NULL))
            break;
          lp2p_noise_read_message (self, wire->data, wire->len, NULL);
        }
    }
  lp2p_noise_xx_clear (&remote);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (Lp2pNoise) self = NULL;
  gboolean initiator;

  if (size == 0)
    return 0;

  initiator = (data[0] & RESPONDER) == 0;
  self = start (initiator);
  if (data[0] & PAYLOAD)
    run_payload (self, !initiator, data + 1, size - 1);
  else
    run_wire (self, data + 1, size - 1);

  g_assert ((lp2p_noise_get_state (self) == LP2P_NOISE_STATE_DONE)
            == (lp2p_noise_get_remote_peer_id (self) != NULL));
  return 0;
}
