/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/types/lp2p-varint.h>

#define VARINT_LIMIT (G_GUINT64_CONSTANT (1) << 63)

/**
 * lp2p_varint_size: (skip)
 * @value: a number below 2⁶³
 *
 * Tells how many bytes @value takes as an unsigned varint.
 *
 * Returns: 1 to %LP2P_VARINT_MAX
 */
gsize
lp2p_varint_size (guint64 value)
{
  gsize size = 1;

  g_return_val_if_fail (value < VARINT_LIMIT, LP2P_VARINT_MAX);

  while (value >= 0x80)
    {
      value >>= 7;
      size++;
    }
  return size;
}

/**
 * lp2p_varint_encode: (skip)
 * @value: a number below 2⁶³
 * @out: where to write, of at least %LP2P_VARINT_MAX bytes
 *
 * Writes @value as an unsigned varint (multiformats unsigned-varint
 * specification): seven bits to the byte, least significant first.
 *
 * Returns: the number of bytes written
 */
gsize
lp2p_varint_encode (guint64 value, guint8 out[LP2P_VARINT_MAX])
{
  gsize n = 0;

  g_return_val_if_fail (value < VARINT_LIMIT, 0);

  while (value >= 0x80)
    {
      out[n++] = (guint8) (value | 0x80);
      value >>= 7;
    }
  out[n++] = (guint8) value;
  return n;
}

/**
 * lp2p_varint_decode: (skip)
 * @data: (array length=len): the bytes to read
 * @len: how many there are
 * @value: (out): return location for the number
 *
 * Reads an unsigned varint from the start of @data. As the specification
 * demands, at most nine bytes are accepted and only the shortest form.
 *
 * Returns: the number of bytes used, 0 if more bytes are needed, -1 if the
 *   bytes are not a varint
 */
gssize
lp2p_varint_decode (const guint8 *data, gsize len, guint64 *value)
{
  guint64 result = 0;

  for (gsize i = 0; i < LP2P_VARINT_MAX; i++)
    {
      if (i == len)
        return 0;

      result |= (guint64) (data[i] & 0x7f) << (7 * i);
      if ((data[i] & 0x80) == 0)
        {
          /* A last byte of zero adds nothing, so a shorter form exists. */
          if (i > 0 && data[i] == 0)
            return -1;
          *value = result;
          return (gssize) i + 1;
        }
    }
  return -1;
}

/**
 * lp2p_append_varint: (skip)
 * @array: where to append
 * @value: a number below 2⁶³
 *
 * Appends @value as an unsigned varint.
 */
void
lp2p_append_varint (GByteArray *array, guint64 value)
{
  guint8 buffer[LP2P_VARINT_MAX];
  gsize n;

  g_return_if_fail (array != NULL);

  n = lp2p_varint_encode (value, buffer);
  g_byte_array_append (array, buffer, (guint) n);
}

static void
append_big_endian (GByteArray *array, guint64 value, guint size)
{
  guint8 buffer[8];

  for (guint i = 0; i < size; i++)
    buffer[i] = (guint8) (value >> (8 * (size - 1 - i)));
  g_byte_array_append (array, buffer, size);
}

/**
 * lp2p_append_u16be: (skip)
 * @array: where to append
 * @value: a number
 *
 * Appends two bytes, the most significant first.
 */
void
lp2p_append_u16be (GByteArray *array, guint16 value)
{
  g_return_if_fail (array != NULL);

  append_big_endian (array, value, 2);
}

/**
 * lp2p_append_u32be: (skip)
 * @array: where to append
 * @value: a number
 *
 * Appends four bytes, the most significant first.
 */
void
lp2p_append_u32be (GByteArray *array, guint32 value)
{
  g_return_if_fail (array != NULL);

  append_big_endian (array, value, 4);
}

/**
 * lp2p_append_u64be: (skip)
 * @array: where to append
 * @value: a number
 *
 * Appends eight bytes, the most significant first.
 */
void
lp2p_append_u64be (GByteArray *array, guint64 value)
{
  g_return_if_fail (array != NULL);

  append_big_endian (array, value, 8);
}
