/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The first byte picks one of three games:
 *
 * - the rest of the input is what the peer sends in the handshake, to either
 *   role, and the connection ends behind it;
 * - two of ours shake hands, and the input says how many bytes pass and which of
 *   them are changed on the way;
 * - the handshake is over, and the input is a list of things that happen, see
 *   layer-game.h. */

#include "layer-game.h"
#include "lp2p-tls-security.h"
#include "security-pair.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static SecurityPair fixture;

/* Returns whether something passed. */
static gboolean
pass (gsize max, gsize at, guint8 flip)
{
  gsize passed = 0;

  for (guint i = 0; i < 2; i++)
    {
      security_pair_settle ();
      passed += security_pair_forward (&fixture, i, max, at, flip);
    }
  security_pair_settle ();
  return passed > 0;
}

static void
run_changes (Lp2pCursor *cursor)
{
  guint8 count, at, flip;

  security_pair_connect_wires (&fixture, NULL);
  for (guint i = 0; i < 2; i++)
    security_pair_start (&fixture, i);
  while (lp2p_cursor_read_u8 (cursor, &count) && lp2p_cursor_read_u8 (cursor, &at) &&
         lp2p_cursor_read_u8 (cursor, &flip))
    pass (count + 1u, at, flip);
  while (pass (G_MAXSIZE, G_MAXSIZE, 0))
    ;
  for (guint i = 0; i < 2; i++)
    lp2p_layer_shutdown_write (fixture.wire[i]);
  security_pair_settle ();

  for (guint i = 0; i < 2; i++)
    {
      Lp2pSecurityResult *result = fixture.sides[i].result;

      g_assert_true (fixture.sides[i].done);
      if (result != NULL)
        g_assert_true (lp2p_peer_id_equal (result->remote_peer,
                                           security_pair_get_peer_id (&fixture, 1 - i)));
    }
  security_pair_disconnect (&fixture);
}

/* A connection */

static void
connect_layers (LayerGame *game)
{
  static const MemoryLayerOptions options = { .capacity = 256 * 1024 };

  security_pair_connect_wires (&fixture, &options);
  for (guint i = 0; i < 2; i++)
    security_pair_start (&fixture, i);
  while (pass (G_MAXSIZE, G_MAXSIZE, 0))
    ;
  for (guint i = 0; i < 2; i++)
    {
      g_assert_no_error (fixture.sides[i].error);
      game->layers[i] = security_pair_get_layer (&fixture, i);
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
  guint8 bytes[64] = { first, 3, 3, 0, arg };

  return lp2p_layer_write (fixture.wire[1], bytes, 2 + arg % 60, LP2P_WRITE_NONE) > 0;
}

static void
run_layers (Lp2pCursor *cursor)
{
  LayerGame game = { .settle = security_pair_settle, .forward = forward, .slip_in = slip_in };
  gssize last;

  connect_layers (&game);
  layer_game_play (&game, cursor);
  last = layer_game_finish (&game);
  /* A session of TLS says that it ends. */
  if (!game.tampered)
    g_assert_cmpint (last, ==, game.ended ? 0 : LP2P_IO_AGAIN);
  security_pair_disconnect (&fixture);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, size);
  guint8 game;

  if (!lp2p_cursor_read_u8 (&cursor, &game))
    return 0;
  if (fixture.world == NULL)
    security_pair_init (&fixture, LP2P_TYPE_TLS_SECURITY, "tls");
  switch (game % 4)
    {
    case 0:
    case 1:
      security_pair_feed (&fixture, game % 2, data + 1, size - 1);
      break;
    case 2:
      run_layers (&cursor);
      break;
    default:
      run_changes (&cursor);
    }
  security_pair_settle ();
  return 0;
}
