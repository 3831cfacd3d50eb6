/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The first byte picks one of two games:
 *
 * - the rest of the input is what the peer sends in the handshake, to either
 *   role, and the connection ends behind it;
 * - the handshake is over, and the input is a list of things that happen, see
 *   layer-game.h. */

#include "layer-game.h"
#include "lp2p-noise-layer.h"
#include "lp2p-noise-security.h"
#include "security-pair.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static SecurityPair fixture;

/* A pair of layers. The handshake needs no loop here. */
static void
make_layers (Lp2pLayer *layers[2])
{
  static const MemoryLayerOptions options = { .capacity = 256 * 1024 };
  Lp2pNoise *noise[2];

  security_pair_connect_wires (&fixture, &options);
  for (guint i = 0; i < 2; i++)
    {
      Lp2pNoiseParams params = { .initiator = i == 0, .identity = security_pair_get_identity (&fixture, i) };

      noise[i] = lp2p_noise_new (&params, NULL);
    }
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GByteArray) message = g_byte_array_new ();

      g_assert_true (lp2p_noise_write_message (noise[i % 2], message, NULL));
      g_assert_true (
          lp2p_noise_read_message (noise[1 - i % 2], message->data + 2, message->len - 2, NULL));
    }
  for (guint i = 0; i < 2; i++)
    {
      Lp2pNoiseCipher *send, *receive;

      g_assert_true (lp2p_noise_split (noise[i], &send, &receive, NULL));
      layers[i] = lp2p_noise_layer_new (fixture.lower[i], send, receive);
      lp2p_noise_free (noise[i]);
    }
}

static gsize
forward (gsize max, gsize at, guint8 flip)
{
  return security_pair_forward (&fixture, 0, max, at, flip);
}

static gboolean
slip_in (guint8 first, guint8 arg)
{
  guint8 bytes[64] = { first, arg };

  return lp2p_layer_write (fixture.wire[1], bytes, 2 + arg % 60, LP2P_WRITE_NONE) > 0;
}

static void
run_layers (const guint8 *data, gsize size)
{
  LayerGame game = { .settle = security_pair_settle, .forward = forward, .slip_in = slip_in };
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, size);
  gssize last;

  make_layers (game.layers);
  layer_game_play (&game, &cursor);
  last = layer_game_finish (&game);
  if (!game.tampered)
    g_assert_cmpint (last, ==, LP2P_IO_AGAIN);
  for (guint i = 0; i < 2; i++)
    lp2p_layer_free (game.layers[i]);
  security_pair_disconnect (&fixture);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  if (fixture.world == NULL)
    security_pair_init (&fixture, LP2P_TYPE_NOISE_SECURITY, "noise");
  if (size == 0)
    return 0;
  if (data[0] % 4 < 2)
    security_pair_feed (&fixture, data[0] % 2, data + 1, size - 1);
  else
    run_layers (data + 1, size - 1);
  security_pair_settle ();
  return 0;
}
