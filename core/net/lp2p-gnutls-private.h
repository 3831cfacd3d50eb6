/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/net/lp2p-gnutls-layer.h>

#include "codec/lp2p-tls-record-private.h"
#include <lp2p/net/lp2p-gnutls-credentials.h>
#include <lp2p/net/lp2p-held.h>

G_BEGIN_DECLS

/* The TLS layer: lp2p-gnutls-handshake.c has what GnuTLS does, lp2p-gnutls-input.c
 * the records that come from the layer below, lp2p-gnutls-output.c those that go
 * there, lp2p-gnutls-layer.c the rest. */

/* Records in a row that carry no payload, such as session tickets: beyond that
 * others come first. */
#define LP2P_GNUTLS_MAX_CONTROL 32

typedef struct _Lp2pGnutlsLayer Lp2pGnutlsLayer;
struct _Lp2pGnutlsLayer
{
  Lp2pLayer parent;
  Lp2pLayer *lower;
  gnutls_session_t session; /* NULL when it was taken back */
  GError *error;
  Lp2pJob job;

  Lp2pReady wanted;
  Lp2pReady lower_wanted;
  gssize pulled;       /* what the layer below said when it had no bytes */
  guint n_pulled;      /* bytes of the handshake */
  guint handshake : 1; /* it is not complete */
  guint answered : 1;  /* there are keys, so the peer has the other role */
  guint same_role : 1; /* it failed since the peer has not */
  guint heard : 1; /* the peer sent something behind its handshake */
  guint require_close_notify : 1;
  guint eof : 1;
  guint untold : 1;      /* the end or an error was found behind bytes */
  guint interrupted : 1; /* there may be more, behind records without payload */
  guint more : 1;        /* the layer below may have more: it was not asked again */
  guint update_due : 1;  /* the peer asked for other keys of ours */
  guint starved : 1;     /* the layer above was refused room and waits for it */
  guint flushing : 1;    /* it waits until all has left */
  guint ending : 1;
  guint ended : 1;

  /* What the handshake agreed on. */
  Lp2pTlsKeys receive;
  Lp2pTlsKeys send;
  gsize max_payload;

  /* A record of which a part has come, one that the layer below still lends, and
   * plaintext for the reader. */
  Lp2pHeld record;
  gsize lent;
  Lp2pHeld in;
  Lp2pTlsMessages messages;

  /* Scratch memory while something is collected, and what was refused. */
  guint8 *batch;
  gsize n_plain;
  gsize n_cipher;
  Lp2pHeld out;
};

/* What fails returns LP2P_IO_FAILED. */
int lp2p_gnutls_fail (Lp2pGnutlsLayer *self, GError *error);
int lp2p_gnutls_fail_lower (Lp2pGnutlsLayer *self);
int lp2p_gnutls_fail_refused (Lp2pGnutlsLayer *self, guint8 alert);

void lp2p_gnutls_update_lower_wanted (Lp2pGnutlsLayer *self);
void lp2p_gnutls_queue_announcement (Lp2pGnutlsLayer *self);

/* Handshake */

void lp2p_gnutls_set_session (Lp2pGnutlsLayer *self, gnutls_session_t session);
int lp2p_gnutls_handshake (Lp2pGnutlsLayer *self);

/* Input */

gssize lp2p_gnutls_explain_pull (Lp2pGnutlsLayer *self);
gboolean lp2p_gnutls_is_readable (Lp2pGnutlsLayer *self);
gssize lp2p_gnutls_peek (Lp2pLayer *layer, const guint8 **data);
void lp2p_gnutls_consume (Lp2pLayer *layer, gsize size);
void lp2p_gnutls_park (Lp2pLayer *layer);
gssize lp2p_gnutls_readv (Lp2pLayer *layer, const GInputVector *vectors, guint n_vectors);

/* Output */

void lp2p_gnutls_release_batch (Lp2pGnutlsLayer *self);
gboolean lp2p_gnutls_is_blocked (Lp2pGnutlsLayer *self);
int lp2p_gnutls_send_out (Lp2pGnutlsLayer *self, Lp2pWriteFlags flags);
gboolean lp2p_gnutls_take_cipher (Lp2pGnutlsLayer *self, const GOutputVector *vectors, guint n_vectors);
void lp2p_gnutls_add_alert (Lp2pGnutlsLayer *self, Lp2pTlsAlert alert);
gsize lp2p_gnutls_get_room (Lp2pGnutlsLayer *self);
gssize lp2p_gnutls_writev (Lp2pLayer *layer,
                           const GOutputVector *vectors,
                           guint n_vectors,
                           Lp2pWriteFlags flags);
int lp2p_gnutls_finish_output (Lp2pGnutlsLayer *self);
int lp2p_gnutls_flush (Lp2pLayer *layer);
gsize lp2p_gnutls_write_room (Lp2pLayer *layer);
int lp2p_gnutls_shutdown_write (Lp2pLayer *layer);

G_END_DECLS
