/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The first byte picks one of three games:
 *
 * - the rest of the input is what the peer sends in the handshake, to either
 *   role, and the connection ends behind it;
 * - two of ours shake hands, and the input says how many bytes pass and which of
 *   them are changed on the way;
 * - the handshake is over, and the input is a list of things that happen: writes,
 *   flushes, reads of several kinds, pieces of ciphertext that arrive, bits that
 *   are turned on the way, bytes that somebody slips in. What arrives must be
 *   what was sent, or an error. */

#include "tls-fixture.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static TlsFixture fixture;

static void
drop_wires (void)
{
  for (guint i = 0; i < 2; i++)
    {
      g_clear_pointer (&fixture.wire[i], lp2p_layer_free);
      tls_fixture_forget (&fixture, i);
    }
}

static void
run_input (guint side, const guint8 *data, gsize size)
{
  tls_fixture_connect_wires (&fixture, NULL);
  tls_fixture_start (&fixture, side);
  while (size > 0)
    {
      gssize n = lp2p_layer_write (fixture.wire[side], data, size, LP2P_WRITE_NONE);

      tls_fixture_settle ();
      if (n <= 0)
        break;
      data += n;
      size -= n;
    }
  lp2p_layer_shutdown_write (fixture.wire[side]);
  tls_fixture_settle ();
  g_assert_true (fixture.sides[side].done);
  g_assert_nonnull (fixture.sides[side].error);
  lp2p_layer_free (fixture.lower[1 - side]);
  drop_wires ();
}

/* Returns whether something passed. */
static gboolean
pass (gsize max, gsize at, guint8 flip)
{
  gsize passed = 0;

  for (guint i = 0; i < 2; i++)
    {
      tls_fixture_settle ();
      passed += tls_fixture_forward (&fixture, i, max, at, flip);
    }
  tls_fixture_settle ();
  return passed > 0;
}

static void
run_changes (Lp2pCursor *cursor)
{
  guint8 count, at, flip;

  tls_fixture_connect_wires (&fixture, NULL);
  for (guint i = 0; i < 2; i++)
    tls_fixture_start (&fixture, i);
  while (lp2p_cursor_read_u8 (cursor, &count) && lp2p_cursor_read_u8 (cursor, &at) &&
         lp2p_cursor_read_u8 (cursor, &flip))
    pass (count + 1u, at, flip);
  while (pass (G_MAXSIZE, G_MAXSIZE, 0))
    ;
  for (guint i = 0; i < 2; i++)
    lp2p_layer_shutdown_write (fixture.wire[i]);
  tls_fixture_settle ();

  for (guint i = 0; i < 2; i++)
    {
      Lp2pSecurityResult *result = fixture.sides[i].result;

      g_assert_true (fixture.sides[i].done);
      if (result != NULL)
        g_assert_true (lp2p_peer_id_equal (result->remote_peer,
                                           lp2p_identity_get_peer_id (fixture.sides[1 - i].identity)));
    }
  drop_wires ();
}

/* A connection */

typedef struct
{
  Lp2pLayer *layers[2];
  guint64 sent;
  guint64 received;
  gboolean tampered;
  gboolean ended;
} Game;

static void
connect_layers (Game *game)
{
  static const MemoryLayerOptions options = { .capacity = 256 * 1024 };

  tls_fixture_connect_wires (&fixture, &options);
  for (guint i = 0; i < 2; i++)
    tls_fixture_start (&fixture, i);
  while (pass (G_MAXSIZE, G_MAXSIZE, 0))
    ;
  for (guint i = 0; i < 2; i++)
    {
      g_assert_no_error (fixture.sides[i].error);
      game->layers[i] = tls_fixture_get_layer (&fixture, i);
    }
}

static void
write_bytes (Game *game, gsize size, Lp2pWriteFlags flags)
{
  g_autofree guint8 *bytes = g_malloc (size + 1);
  gssize n;

  if (game->ended)
    return;
  for (gsize i = 0; i < size; i++)
    bytes[i] = (guint8) ((game->sent + i) * 31);
  n = lp2p_layer_write (game->layers[0], bytes, size, flags);
  g_assert_cmpint (n, !=, LP2P_IO_FAILED);
  game->sent += MAX (n, 0);
}

static void
check (Game *game, const guint8 *bytes, gsize size)
{
  for (gsize i = 0; i < size; i++)
    g_assert_cmpuint (bytes[i], ==, (guint8) ((game->received + i) * 31));
  game->received += size;
  g_assert_cmpuint (game->received, <=, game->sent);
}

static gssize
read_peek (Game *game, guint part, gboolean park)
{
  const guint8 *bytes;
  gssize n = lp2p_layer_peek (game->layers[1], &bytes);

  if (n > 0)
    {
      gsize taken = (gsize) n * (part + 1) / 256;

      check (game, bytes, taken);
      lp2p_layer_consume (game->layers[1], taken);
    }
  if (park)
    lp2p_layer_park (game->layers[1]);
  return n;
}

static void
read_vectors (Game *game, gsize size)
{
  g_autofree guint8 *buffer = g_malloc (size + 1);
  GInputVector vectors[] = { { buffer, size / 3 }, { buffer + size / 3, size - size / 3 + 1 } };
  gssize n = lp2p_layer_readv (game->layers[1], vectors, 2);

  if (n > 0)
    check (game, buffer, n);
}

static void
slip_in (Game *game, guint8 first, guint8 arg)
{
  guint8 bytes[64] = { first, 3, 3, 0, arg };

  if (lp2p_layer_write (fixture.wire[1], bytes, 2 + arg % 60, LP2P_WRITE_NONE) > 0)
    game->tampered = TRUE;
}

static void
play (Game *game, Lp2pCursor *cursor)
{
  guint8 op, arg;

  while (lp2p_cursor_read_u8 (cursor, &op) && lp2p_cursor_read_u8 (cursor, &arg))
    switch (op % 10)
      {
      case 0:
        write_bytes (game, arg, LP2P_WRITE_MORE);
        break;
      case 1:
        write_bytes (game, arg * 400, op & 0x80 ? LP2P_WRITE_MORE : LP2P_WRITE_NONE);
        break;
      case 2:
        lp2p_layer_flush (game->layers[0]);
        break;
      case 3:
        tls_fixture_forward (&fixture, 0, arg * 300 + 1, G_MAXSIZE, 0);
        break;
      case 4:
        if (tls_fixture_forward (&fixture, 0, arg + 1, arg / 2, 0x10) > 0)
          game->tampered = TRUE;
        break;
      case 5:
        read_peek (game, arg, op & 0x80);
        break;
      case 6:
        read_vectors (game, arg * 300);
        break;
      case 7:
        if (arg > 200)
          {
            game->ended = TRUE;
            lp2p_layer_shutdown_write (game->layers[0]);
          }
        break;
      case 8:
        if (arg > 128)
          slip_in (game, op, arg);
        break;
      default:
        tls_fixture_settle ();
      }
}

static void
run_layers (Lp2pCursor *cursor)
{
  Game game = { 0 };
  gboolean moved = TRUE;
  gssize n = 0;

  connect_layers (&game);
  play (&game, cursor);
  while (moved)
    {
      guint64 before = game.received;

      if (!game.ended)
        lp2p_layer_flush (game.layers[0]);
      tls_fixture_settle ();
      moved = tls_fixture_forward (&fixture, 0, 100000, G_MAXSIZE, 0) > 0;
      tls_fixture_settle ();
      while ((n = read_peek (&game, 255, FALSE)) > 0)
        ;
      moved |= game.received > before;
    }

  if (!game.tampered)
    {
      g_assert_cmpuint (game.received, ==, game.sent);
      /* A session of TLS says that it ends. */
      g_assert_cmpint (n, ==, game.ended ? 0 : LP2P_IO_AGAIN);
    }
  drop_wires ();
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, size);
  guint8 game;

  if (!lp2p_cursor_read_u8 (&cursor, &game))
    return 0;
  if (fixture.loop == NULL)
    tls_fixture_init (&fixture);
  switch (game % 4)
    {
    case 0:
    case 1:
      run_input (game % 2, data + 1, size - 1);
      break;
    case 2:
      run_layers (&cursor);
      break;
    default:
      run_changes (&cursor);
    }
  tls_fixture_settle ();
  return 0;
}
