/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <gnutls/crypto.h>
#include <ngtcp2/ngtcp2.h>

G_BEGIN_DECLS

/* Packets that ngtcp2 would not make: whatever frames a test puts in, sealed with
 * AES-128-GCM as the peer expects it (RFC 9001 section 5). */

#define QUIC_PACKET_MAX 1452

typedef struct
{
  gnutls_aead_cipher_hd_t aead;
  gnutls_cipher_hd_t mask;
  guint8 iv[12];
} QuicKeys;

void quic_keys_init (QuicKeys *self, const guint8 *secret, gsize size);
/* Of a client's first packets to @dcid. */
void quic_keys_init_initial (QuicKeys *self, const ngtcp2_cid *dcid);
void quic_keys_clear (QuicKeys *self);

/* A packet behind the handshake. Returns its size. */
gsize quic_keys_seal_short (QuicKeys *self, const ngtcp2_cid *dcid, guint32 number, const guint8 *frames, gsize size, guint8 *packet);
/* An Initial packet of version 1 that is padded up to 1200 bytes. @token: (nullable) */
gsize quic_keys_seal_initial (QuicKeys *self, const ngtcp2_cid *dcid, const ngtcp2_cid *scid, GBytes *token, guint32 number, const guint8 *frames, gsize size, guint8 *packet);

/* Appends a number as QUIC has it, in 8 bytes. */
void quic_append_number (GByteArray *array, guint64 number);

G_END_DECLS
