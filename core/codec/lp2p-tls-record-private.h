/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "codec/lp2p-aead-private.h"

G_BEGIN_DECLS

/* The records of an established TLS 1.3 connection, RFC 8446 section 5, and the
 * messages behind a handshake, section 4.6. */

/* Type, version and length. */
#define LP2P_TLS_HEAD 5
/* The largest payload of a record. */
#define LP2P_TLS_MAX_PAYLOAD 16384
/* What a record that we make is longer than its payload: the head, the type of
 * what is inside, the tag. */
#define LP2P_TLS_OVERHEAD (LP2P_TLS_HEAD + 1 + LP2P_AEAD_TAG)
/* A peer may add padding. */
#define LP2P_TLS_MAX_RECORD (LP2P_TLS_HEAD + LP2P_TLS_MAX_PAYLOAD + 256)

#define LP2P_TLS_MAX_SECRET 48

typedef enum
{
  LP2P_TLS_CONTENT_ALERT = 21,
  LP2P_TLS_CONTENT_HANDSHAKE = 22,
  LP2P_TLS_CONTENT_DATA = 23,
} Lp2pTlsContent;

/* Those that are needed here; 0 is no error. */
typedef enum
{
  LP2P_TLS_ALERT_CLOSE_NOTIFY = 0,
  LP2P_TLS_ALERT_UNEXPECTED_MESSAGE = 10,
  LP2P_TLS_ALERT_BAD_RECORD_MAC = 20,
  LP2P_TLS_ALERT_RECORD_OVERFLOW = 22,
  LP2P_TLS_ALERT_DECODE_ERROR = 50,
  LP2P_TLS_ALERT_USER_CANCELED = 90,
} Lp2pTlsAlert;

/* The keys of one direction. */
typedef struct
{
  Lp2pAead aead;
  gsize secret_size;
  guint8 secret[LP2P_TLS_MAX_SECRET];
  guint8 key[LP2P_AEAD_KEY];
  guint8 iv[LP2P_AEAD_NONCE];
  guint64 sequence; /* of the next record */
} Lp2pTlsKeys;

gboolean
lp2p_tls_keys_init (Lp2pTlsKeys *self, Lp2pAead aead, const guint8 *secret, gsize secret_size);
gboolean lp2p_tls_keys_update (Lp2pTlsKeys *self);
gboolean lp2p_tls_keys_are_worn (const Lp2pTlsKeys *self);
void lp2p_tls_keys_clear (Lp2pTlsKeys *self);

gsize lp2p_tls_record_seal (
    Lp2pTlsKeys *keys, Lp2pTlsContent content, const GOutputVector *in, guint n_in, guint8 *out);
Lp2pTlsAlert lp2p_tls_record_parse_head (const guint8 head[LP2P_TLS_HEAD], gsize *size);
Lp2pTlsAlert lp2p_tls_record_open (Lp2pTlsKeys *keys,
                                   const guint8 *record,
                                   gsize size,
                                   guint8 *out,
                                   gsize *out_size,
                                   Lp2pTlsContent *content);

/* What is known of a handshake message that comes in pieces. */
typedef struct
{
  guint8 head[4];
  guint8 n_head;
  guint32 left;
} Lp2pTlsMessages;

typedef enum
{
  LP2P_TLS_KEY_UPDATE_NONE = -1,
  LP2P_TLS_KEY_UPDATE_NOT_REQUESTED,
  LP2P_TLS_KEY_UPDATE_REQUESTED,
} Lp2pTlsKeyUpdate;

#define LP2P_TLS_KEY_UPDATE_SIZE 5
extern const guint8 lp2p_tls_key_update[LP2P_TLS_KEY_UPDATE_SIZE];

Lp2pTlsAlert lp2p_tls_messages_take (Lp2pTlsMessages *self,
                                     const guint8 *data,
                                     gsize size,
                                     Lp2pTlsKeyUpdate *update);

G_END_DECLS
