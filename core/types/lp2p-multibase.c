/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/types/lp2p-multibase.h>

#include "types/lp2p-i18n-private.h"

#include <lp2p/types/lp2p-error.h>

#include <string.h>

#define BASE10 "0123456789"
#define BASE16 "0123456789abcdef"
#define BASE16_UPPER "0123456789ABCDEF"
#define BASE32 "abcdefghijklmnopqrstuvwxyz234567"
#define BASE32_UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
#define BASE32HEX "0123456789abcdefghijklmnopqrstuv"
#define BASE32HEX_UPPER "0123456789ABCDEFGHIJKLMNOPQRSTUV"
#define BASE32Z "ybndrfg8ejkmcpqxot1uwisza345h769"
#define BASE36 "0123456789abcdefghijklmnopqrstuvwxyz"
#define BASE36_UPPER "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define BASE58BTC "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
#define BASE58FLICKR "123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"
#define BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

/* Bases that are no power of two are converted as one large number, in time
 * that grows with the square of the length; nothing that libp2p writes in them
 * is anywhere near this long. */
#define MAX_NUMBER_DIGITS 1024

typedef struct
{
  char prefix;
  const char *name;
  const char *alphabet;
  guint8 bits;     /* per digit; 0: the text is one large number */
  guint8 group;    /* digits per group that '=' fills up; 0: no padding */
  gboolean folded; /* upper and lower case mean the same */
} Base;

static const Base bases[] = {
  { '0', "base2", "01", 1, 0, FALSE },
  { '7', "base8", "01234567", 3, 0, FALSE },
  { '9', "base10", BASE10, 0, 0, FALSE },
  { 'f', "base16", BASE16, 4, 0, TRUE },
  { 'F', "base16upper", BASE16_UPPER, 4, 0, TRUE },
  { 'v', "base32hex", BASE32HEX, 5, 0, TRUE },
  { 'V', "base32hexupper", BASE32HEX_UPPER, 5, 0, TRUE },
  { 't', "base32hexpad", BASE32HEX, 5, 8, TRUE },
  { 'T', "base32hexpadupper", BASE32HEX_UPPER, 5, 8, TRUE },
  { 'b', "base32", BASE32, 5, 0, TRUE },
  { 'B', "base32upper", BASE32_UPPER, 5, 0, TRUE },
  { 'c', "base32pad", BASE32, 5, 8, TRUE },
  { 'C', "base32padupper", BASE32_UPPER, 5, 8, TRUE },
  { 'h', "base32z", BASE32Z, 5, 0, FALSE },
  { 'k', "base36", BASE36, 0, 0, TRUE },
  { 'K', "base36upper", BASE36_UPPER, 0, 0, TRUE },
  { 'z', "base58btc", BASE58BTC, 0, 0, FALSE },
  { 'Z', "base58flickr", BASE58FLICKR, 0, 0, FALSE },
  { 'm', "base64", BASE64, 6, 0, FALSE },
  { 'M', "base64pad", BASE64, 6, 4, FALSE },
  { 'u', "base64url", BASE64URL, 6, 0, FALSE },
  { 'U', "base64urlpad", BASE64URL, 6, 4, FALSE },
};

static const Base *
find_base (char prefix)
{
  for (gsize i = 0; i < G_N_ELEMENTS (bases); i++)
    if (bases[i].prefix == prefix)
      return &bases[i];
  return NULL;
}

/* The value of a digit, -1 if the alphabet lacks it. */
static int
digit_value (const Base *base, char digit)
{
  const char *found;

  if (digit == '\0')
    return -1;
  found = strchr (base->alphabet, digit);
  if (found == NULL && base->folded)
    {
      found = strchr (base->alphabet, g_ascii_tolower (digit));
      if (found == NULL)
        found = strchr (base->alphabet, g_ascii_toupper (digit));
    }
  return found != NULL ? (int) (found - base->alphabet) : -1;
}

static gboolean
read_digit (const Base *base, const char *text, gsize position, guint *value, GError **error)
{
  int found = digit_value (base, text[position]);

  if (found < 0)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_MULTIHASH,
                   _("Character %zu is not a digit of %s"), position + 1, base->name);
      return FALSE;
    }
  *value = (guint) found;
  return TRUE;
}

static void
encode_bits (const Base *base, GString *text, const guint8 *data, gsize len)
{
  guint buffer = 0;
  guint held = 0;
  gsize digits = 0;
  guint mask = (1u << base->bits) - 1;

  for (gsize i = 0; i < len; i++)
    {
      buffer = (buffer << 8 | data[i]) & 0xffff;
      held += 8;
      while (held >= base->bits)
        {
          held -= base->bits;
          g_string_append_c (text, base->alphabet[buffer >> held & mask]);
          digits++;
        }
    }
  if (held > 0)
    {
      g_string_append_c (text, base->alphabet[buffer << (base->bits - held) & mask]);
      digits++;
    }
  while (base->group > 0 && digits++ % base->group != 0)
    g_string_append_c (text, '=');
}

/* Takes the padding off the end; what it must be follows from the length. */
static gboolean
strip_padding (const Base *base, const char *text, gsize *len, GError **error)
{
  gsize digits = *len;

  while (digits > 0 && *len - digits < base->group && text[digits - 1] == '=')
    digits--;
  if (*len % base->group != 0 || *len - digits >= base->group)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_MULTIHASH,
                   _("Padding of %s is wrong: expected a multiple of %u characters"), base->name,
                   base->group);
      return FALSE;
    }
  *len = digits;
  return TRUE;
}

static GByteArray *
decode_bits (const Base *base, const char *text, gsize len, GError **error)
{
  g_autoptr (GByteArray) bytes = NULL;
  guint buffer = 0;
  guint held = 0;

  if (base->group > 0 && !strip_padding (base, text, &len, error))
    return NULL;

  bytes = g_byte_array_new ();
  for (gsize i = 0; i < len; i++)
    {
      guint value;

      if (!read_digit (base, text, i, &value, error))
        return NULL;
      buffer = (buffer << base->bits | value) & 0xffff;
      held += base->bits;
      if (held >= 8)
        {
          guint8 byte = (guint8) (buffer >> (held - 8));

          held -= 8;
          g_byte_array_append (bytes, &byte, 1);
        }
    }

  /* Accepting other left-over bits would give one value many texts. */
  if (held >= base->bits || (buffer & ((1u << held) - 1)) != 0)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_MULTIHASH,
                   _("Text of %s does not end at a byte"), base->name);
      return NULL;
    }
  return g_steal_pointer (&bytes);
}

/* Multiplies the number of @used digits, least significant first, by @factor
 * and adds @carry. @digits has room for the digits that arise. */
static gsize
multiply_add (guint8 *digits, gsize used, guint base, guint factor, guint carry)
{
  for (gsize i = 0; i < used; i++)
    {
      carry += digits[i] * factor;
      digits[i] = (guint8) (carry % base);
      carry /= base;
    }
  while (carry > 0)
    {
      digits[used++] = (guint8) (carry % base);
      carry /= base;
    }
  return used;
}

static void
encode_number (const Base *base, GString *text, const guint8 *data, gsize len)
{
  guint radix = (guint) strlen (base->alphabet);
  g_autofree guint8 *digits = NULL;
  gsize used = 0;
  gsize zeros = 0;

  while (zeros < len && data[zeros] == 0)
    zeros++;

  /* No base here has more than three digits to the byte. */
  digits = g_malloc ((len - zeros) * 3 + 1);
  for (gsize i = zeros; i < len; i++)
    used = multiply_add (digits, used, radix, 256, data[i]);

  for (gsize i = 0; i < zeros; i++)
    g_string_append_c (text, base->alphabet[0]);
  while (used > 0)
    g_string_append_c (text, base->alphabet[digits[--used]]);
}

static GByteArray *
decode_number (const Base *base, const char *text, gsize len, GError **error)
{
  guint radix = (guint) strlen (base->alphabet);
  g_autoptr (GByteArray) bytes = NULL;
  guint8 number[MAX_NUMBER_DIGITS];
  gsize used = 0;
  gsize zeros = 0;

  if (len > MAX_NUMBER_DIGITS)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_MULTIHASH,
                   _("Text of %s has %zu digits, expected at most %d"), base->name,
                   len, MAX_NUMBER_DIGITS);
      return NULL;
    }

  while (zeros < len && text[zeros] == base->alphabet[0])
    zeros++;
  for (gsize i = zeros; i < len; i++)
    {
      guint value;

      if (!read_digit (base, text, i, &value, error))
        return NULL;
      used = multiply_add (number, used, 256, radix, value);
    }

  /* Each leading zero digit stands for a leading zero byte. */
  bytes = g_byte_array_sized_new ((guint) (zeros + used));
  g_byte_array_set_size (bytes, (guint) (zeros + used));
  for (gsize i = 0; i < zeros; i++)
    bytes->data[i] = 0;
  for (gsize i = 0; i < used; i++)
    bytes->data[zeros + i] = number[used - 1 - i];
  return g_steal_pointer (&bytes);
}

static GBytes *
decode (const Base *base, const char *text, GError **error)
{
  gsize len = strlen (text);
  GByteArray *bytes = base->bits > 0 ? decode_bits (base, text, len, error)
                                     : decode_number (base, text, len, error);

  return bytes != NULL ? g_byte_array_free_to_bytes (bytes) : NULL;
}

static void
encode (const Base *base, GString *text, const guint8 *data, gsize len)
{
  if (base->bits > 0)
    encode_bits (base, text, data, len);
  else
    encode_number (base, text, data, len);
}

/**
 * lp2p_base58btc_encode:
 * @data: (array length=len) (nullable): the bytes
 * @len: how many there are
 *
 * Writes @data in base58 with Bitcoin's alphabet and no multibase prefix, as
 * the classic text of a peer id is. The time grows with the square of @len.
 *
 * Returns: (transfer full): the text
 */
char *
lp2p_base58btc_encode (const guint8 *data, gsize len)
{
  g_autoptr (GString) text = NULL;

  g_return_val_if_fail (data != NULL || len == 0, NULL);

  text = g_string_new (NULL);
  encode_number (find_base ('z'), text, data, len);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/**
 * lp2p_base58btc_decode:
 * @text: base58 text without a multibase prefix
 * @error: return location for a [error@Lp2p.TypesError]
 *
 * Reads base58 with Bitcoin's alphabet. Texts of more than 1024 digits are
 * refused.
 *
 * Returns: (transfer full): the bytes, or %NULL with
 *   %LP2P_TYPES_ERROR_INVALID_MULTIHASH
 */
GBytes *
lp2p_base58btc_decode (const char *text, GError **error)
{
  g_return_val_if_fail (text != NULL, NULL);

  return decode (find_base ('z'), text, error);
}

/**
 * lp2p_multibase_encode:
 * @base: the multibase prefix, such as `z` (base58btc), `b` (base32), `k`
 *   (base36), `u` (base64url), `m` (base64) or `f` (base16)
 * @data: (array length=len) (nullable): the bytes
 * @len: how many there are
 *
 * Writes @data in the given base, prefix included.
 *
 * Returns: (transfer full): the text
 */
char *
lp2p_multibase_encode (char base, const guint8 *data, gsize len)
{
  const Base *found = find_base (base);
  g_autoptr (GString) text = NULL;

  g_return_val_if_fail (found != NULL, NULL);
  g_return_val_if_fail (data != NULL || len == 0, NULL);

  text = g_string_new (NULL);
  g_string_append_c (text, base);
  encode (found, text, data, len);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/**
 * lp2p_multibase_decode:
 * @text: text that starts with a multibase prefix
 * @error: return location for a [error@Lp2p.TypesError]
 *
 * Reads text in any base of the multibase table that is written in ASCII
 * digits. Bases whose table entry says so are read in either case. The result
 * has exactly one text per base and case: wrong padding and stray bits at the
 * end are refused.
 *
 * Returns: (transfer full): the bytes, or %NULL with
 *   %LP2P_TYPES_ERROR_INVALID_MULTIHASH or %LP2P_TYPES_ERROR_UNSUPPORTED
 */
GBytes *
lp2p_multibase_decode (const char *text, GError **error)
{
  const Base *base;

  g_return_val_if_fail (text != NULL, NULL);

  if (text[0] == '\0')
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_MULTIHASH,
                   _("Empty text, expected a multibase prefix"));
      return NULL;
    }
  base = find_base (text[0]);
  if (base == NULL)
    {
      if (g_ascii_isprint (text[0]))
        g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_UNSUPPORTED,
                     _("Unknown multibase prefix '%c'"), text[0]);
      else
        g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_UNSUPPORTED,
                     _("Unknown multibase prefix 0x%02x"), (guint8) text[0]);
      return NULL;
    }
  return decode (base, text + 1, error);
}
