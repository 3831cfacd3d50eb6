/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-quic-hash.h"

static guint64
rotate (guint64 value, guint bits)
{
  return value << bits | value >> (64 - bits);
}

/* Little-endian, of up to 8 bytes. */
static guint64
get_word (const guint8 *data, gsize size)
{
  guint64 word = 0;

  for (gsize i = 0; i < size; i++)
    word |= (guint64) data[i] << (8 * i);
  return word;
}

static void
mix (guint64 v[4], guint rounds)
{
  for (guint i = 0; i < rounds; i++)
    {
      v[0] += v[1];
      v[1] = rotate (v[1], 13) ^ v[0];
      v[0] = rotate (v[0], 32);
      v[2] += v[3];
      v[3] = rotate (v[3], 16) ^ v[2];
      v[0] += v[3];
      v[3] = rotate (v[3], 21) ^ v[0];
      v[2] += v[1];
      v[1] = rotate (v[1], 17) ^ v[2];
      v[2] = rotate (v[2], 32);
    }
}

static void
take_word (guint64 v[4], guint64 word)
{
  v[3] ^= word;
  mix (v, 2);
  v[0] ^= word;
}

guint64
lp2p_quic_hash (const guint8 key[LP2P_QUIC_HASH_KEY_SIZE], const guint8 *data, gsize size)
{
  guint64 k0 = get_word (key, 8);
  guint64 k1 = get_word (key + 8, 8);
  guint64 v[4] = {
    k0 ^ G_GUINT64_CONSTANT (0x736f6d6570736575),
    k1 ^ G_GUINT64_CONSTANT (0x646f72616e646f6d),
    k0 ^ G_GUINT64_CONSTANT (0x6c7967656e657261),
    k1 ^ G_GUINT64_CONSTANT (0x7465646279746573),
  };
  gsize rest = size % 8;

  for (gsize i = 0; i + 8 <= size; i += 8)
    take_word (v, get_word (data + i, 8));
  take_word (v, (guint64) size << 56 | get_word (data + size - rest, rest));
  v[2] ^= 0xff;
  mix (v, 4);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}
