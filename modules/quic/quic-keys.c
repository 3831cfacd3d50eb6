/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "quic-keys.h"

#include <string.h>

#define CHECK(call) g_assert_cmpint (call, >=, 0)

#define INITIAL_SIZE 1200
#define TAG_SIZE     16
#define NUMBER_SIZE  4

static void
expand_label (const guint8 *secret, gsize size, const char *label, guint8 *out, gsize out_size)
{
  gnutls_datum_t key = { (guint8 *) secret, size };
  g_autoptr (GByteArray) info = g_byte_array_new ();
  guint8 head[] = { 0, out_size, 6 + strlen (label) };
  gnutls_datum_t datum;

  g_byte_array_append (info, head, sizeof head);
  g_byte_array_append (info, (const guint8 *) "tls13 ", 6);
  g_byte_array_append (info, (const guint8 *) label, strlen (label));
  g_byte_array_append (info, (const guint8 *) "", 1);
  datum = (gnutls_datum_t){ info->data, info->len };
  CHECK (gnutls_hkdf_expand (GNUTLS_MAC_SHA256, &key, &datum, out, out_size));
}

void
quic_keys_init (QuicKeys *self, const guint8 *secret, gsize size)
{
  guint8 key[16], mask[16], zero[16] = { 0 };
  gnutls_datum_t key_datum = { key, sizeof key };
  gnutls_datum_t mask_datum = { mask, sizeof mask };
  gnutls_datum_t zero_datum = { zero, sizeof zero };

  expand_label (secret, size, "quic key", key, sizeof key);
  expand_label (secret, size, "quic iv", self->iv, sizeof self->iv);
  expand_label (secret, size, "quic hp", mask, sizeof mask);
  CHECK (gnutls_aead_cipher_init (&self->aead, GNUTLS_CIPHER_AES_128_GCM, &key_datum));
  CHECK (gnutls_cipher_init (&self->mask, GNUTLS_CIPHER_AES_128_CBC, &mask_datum, &zero_datum));
}

void
quic_keys_init_initial (QuicKeys *self, const ngtcp2_cid *dcid)
{
  static const guint8 salt[] = { 0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
                                 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a };
  gnutls_datum_t salt_datum = { (guint8 *) salt, sizeof salt };
  gnutls_datum_t id = { (guint8 *) dcid->data, dcid->datalen };
  guint8 initial[32], client[32];

  CHECK (gnutls_hkdf_extract (GNUTLS_MAC_SHA256, &id, &salt_datum, initial));
  expand_label (initial, sizeof initial, "client in", client, sizeof client);
  quic_keys_init (self, client, sizeof client);
}

void
quic_keys_clear (QuicKeys *self)
{
  if (self->aead != NULL)
    gnutls_aead_cipher_deinit (self->aead);
  if (self->mask != NULL)
    gnutls_cipher_deinit (self->mask);
  *self = (QuicKeys){ 0 };
}

/* @head: the header, which ends with the packet number. */
static gsize
seal (QuicKeys *self, gsize head, guint32 number, const guint8 *frames, gsize size, guint8 *packet)
{
  guint8 nonce[12], zero[16] = { 0 }, mask[16];
  gsize sealed = size + TAG_SIZE;

  for (guint i = 0; i < sizeof nonce; i++)
    nonce[i] = self->iv[i] ^ (i < 8 ? 0 : (number >> (8 * (11 - i))) & 0xff);
  CHECK (gnutls_aead_cipher_encrypt (self->aead, nonce, sizeof nonce, packet, head, TAG_SIZE, frames, size,
                                     packet + head, &sealed));
  gnutls_cipher_set_iv (self->mask, zero, sizeof zero);
  CHECK (gnutls_cipher_encrypt2 (self->mask, packet + head, sizeof mask, mask, sizeof mask));
  packet[0] ^= mask[0] & (packet[0] & 0x80 ? 0x0f : 0x1f);
  for (guint i = 0; i < NUMBER_SIZE; i++)
    packet[head - NUMBER_SIZE + i] ^= mask[1 + i];
  return head + sealed;
}

static void
append_packet_number (GByteArray *array, guint32 number)
{
  guint32 big = GUINT32_TO_BE (number);

  g_byte_array_append (array, (const guint8 *) &big, sizeof big);
}

static gsize
seal_behind (QuicKeys *self, GByteArray *header, guint32 number, const guint8 *frames, gsize size, guint8 *packet)
{
  g_assert_cmpuint (header->len + size + TAG_SIZE, <=, QUIC_PACKET_MAX);
  memcpy (packet, header->data, header->len);
  return seal (self, header->len, number, frames, size, packet);
}

gsize
quic_keys_seal_short (QuicKeys *self, const ngtcp2_cid *dcid, guint32 number, const guint8 *frames, gsize size, guint8 *packet)
{
  g_autoptr (GByteArray) header = g_byte_array_new ();
  guint8 first = 0x43;

  g_byte_array_append (header, &first, 1);
  g_byte_array_append (header, dcid->data, dcid->datalen);
  append_packet_number (header, number);
  return seal_behind (self, header, number, frames, size, packet);
}

gsize
quic_keys_seal_initial (QuicKeys *self, const ngtcp2_cid *dcid, const ngtcp2_cid *scid, GBytes *token, guint32 number, const guint8 *frames, gsize size, guint8 *packet)
{
  g_autoptr (GByteArray) header = g_byte_array_new ();
  g_autofree guint8 *padded = g_malloc0 (INITIAL_SIZE);
  guint32 big = GUINT32_TO_BE (NGTCP2_PROTO_VER_V1);
  gsize token_size = token != NULL ? g_bytes_get_size (token) : 0;
  guint8 lengths[] = { 0xc3, dcid->datalen, scid->datalen, 0x40 | token_size >> 8, token_size & 0xff, 0, 0 };
  gsize rest;

  memcpy (padded, frames, size);
  g_byte_array_append (header, &lengths[0], 1);
  g_byte_array_append (header, (const guint8 *) &big, 4);
  g_byte_array_append (header, &lengths[1], 1);
  g_byte_array_append (header, dcid->data, dcid->datalen);
  g_byte_array_append (header, &lengths[2], 1);
  g_byte_array_append (header, scid->data, scid->datalen);
  g_byte_array_append (header, &lengths[3], 2);
  if (token_size > 0)
    g_byte_array_append (header, g_bytes_get_data (token, NULL), token_size);
  rest = INITIAL_SIZE - header->len - 2;
  lengths[5] = 0x40 | rest >> 8;
  lengths[6] = rest & 0xff;
  g_byte_array_append (header, &lengths[5], 2);
  append_packet_number (header, number);
  return seal_behind (self, header, number, padded, INITIAL_SIZE - header->len - TAG_SIZE, packet);
}

void
quic_append_number (GByteArray *array, guint64 number)
{
  guint64 big = GUINT64_TO_BE (number | G_GUINT64_CONSTANT (3) << 62);

  g_byte_array_append (array, (const guint8 *) &big, sizeof big);
}
