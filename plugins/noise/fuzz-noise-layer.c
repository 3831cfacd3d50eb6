/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The first byte picks one of three games:
 *
 * - the rest of the input is what the peer sends in the handshake, to either
 *   role, and the connection ends behind it;
 * - the handshake is over, and the input is a list of things that happen: writes,
 *   flushes, reads of several kinds, pieces of ciphertext that arrive, bits that
 *   are turned on the way, bytes that somebody slips in. What arrives must be
 *   what was sent, or an error. */

#include "lp2p-noise-layer.h"
#include "noise-fixture.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static NoiseFixture fixture;

static void
run_handshake (guint side, const guint8 *data, gsize size)
{
  NoiseSide *s = &fixture.sides[side];

  noise_fixture_connect_wires (&fixture, NULL);
  noise_fixture_start (&fixture, side);
  while (size > 0)
    {
      gssize n = lp2p_layer_write (fixture.wire[side], data, size, LP2P_WRITE_NONE);

      noise_fixture_settle ();
      if (n <= 0)
        break;
      data += n;
      size -= n;
    }
  lp2p_layer_shutdown_write (fixture.wire[side]);
  noise_fixture_settle ();
  g_assert_true (s->done);
  g_assert_nonnull (s->error);

  g_clear_error (&s->error);
  s->done = FALSE;
  lp2p_layer_free (fixture.lower[1 - side]);
  for (guint i = 0; i < 2; i++)
    g_clear_pointer (&fixture.wire[i], lp2p_layer_free);
}

/* A pair of layers. The handshake needs no loop here. */
static void
make_layers (Lp2pLayer *layers[2])
{
  static const MemoryLayerOptions options = { .capacity = 256 * 1024 };
  Lp2pNoise *noise[2];

  noise_fixture_connect_wires (&fixture, &options);
  for (guint i = 0; i < 2; i++)
    {
      Lp2pNoiseParams params = { .initiator = i == 0, .identity = fixture.sides[i].identity };

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

typedef struct
{
  Lp2pLayer *layers[2];
  guint64 sent;
  guint64 received;
  gboolean tampered;
  gboolean ended;
} Game;

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
  guint8 bytes[64] = { 0 };

  bytes[0] = first;
  bytes[1] = arg;
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
        noise_fixture_forward (&fixture, 0, arg * 300 + 1, G_MAXSIZE, 0);
        break;
      case 4:
        if (noise_fixture_forward (&fixture, 0, arg + 1, arg / 2, 0x10) > 0)
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
        noise_fixture_settle ();
      }
}

static void
run_layers (const guint8 *data, gsize size)
{
  Game game = { 0 };
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, size);
  gboolean moved = TRUE;
  gssize n = 0;

  make_layers (game.layers);
  play (&game, &cursor);
  while (moved)
    {
      guint64 before = game.received;

      lp2p_layer_flush (game.layers[0]);
      noise_fixture_settle ();
      moved = noise_fixture_forward (&fixture, 0, 100000, G_MAXSIZE, 0) > 0;
      noise_fixture_settle ();
      while ((n = read_peek (&game, 255, FALSE)) > 0)
        ;
      moved |= game.received > before;
    }

  if (!game.tampered)
    {
      g_assert_cmpuint (game.received, ==, game.sent);
      g_assert_cmpint (n, ==, LP2P_IO_AGAIN);
    }
  for (guint i = 0; i < 2; i++)
    {
      lp2p_layer_free (game.layers[i]);
      g_clear_pointer (&fixture.wire[i], lp2p_layer_free);
    }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  if (fixture.loop == NULL)
    noise_fixture_init (&fixture);
  if (size == 0)
    return 0;
  if (data[0] % 4 < 2)
    run_handshake (data[0] % 2, data + 1, size - 1);
  else
    run_layers (data + 1, size - 1);
  noise_fixture_settle ();
  return 0;
}
