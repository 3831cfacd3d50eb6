/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-plugin.h>

#include "memory-layer.h"

G_BEGIN_DECLS

/* One side of a handshake. */
typedef struct
{
  Lp2pIdentity *identity;
  GObject *context;
  Lp2pSecurity *security;
  GCancellable *cancellable;

  Lp2pSecurityParams params;
  gboolean done;
  Lp2pSecurityResult *result;
  GError *error;
} TlsSide;

/* 2025-01-01 00:00:00 UTC: what the clock of the loop says at first. */
#define TLS_FIXTURE_TIME G_GINT64_CONSTANT (1735689600)

/* Two sides, and a loop in the default context.
 * @unix_time: what the clock says, which moves only here
 * @lower: the layers that they were given
 * @wire: their other ends, where a test stands in between; %NULL where the two
 *   are connected with each other */
typedef struct
{
  Lp2pClock clock;
  gint64 unix_time;
  Lp2pLoop *loop;
  TlsSide sides[2];
  Lp2pLayer *lower[2];
  Lp2pLayer *wire[2];
} TlsFixture;

#define TLS_CLIENT 0
#define TLS_SERVER 1

void tls_fixture_init (TlsFixture *self);
void tls_fixture_clear (TlsFixture *self);

/* Connects the sides, or each with an end that the test holds. */
void tls_fixture_connect (TlsFixture *self, const MemoryLayerOptions *options);
void tls_fixture_connect_wires (TlsFixture *self, const MemoryLayerOptions *options);
/* Starts the handshake of a side. */
void tls_fixture_start (TlsFixture *self, guint side);
/* Drops what came of it. */
void tls_fixture_forget (TlsFixture *self, guint side);
/* Starts both and runs the loop until both are done. */
void tls_fixture_handshake (TlsFixture *self);
Lp2pLayer *tls_fixture_get_layer (TlsFixture *self, guint side);

/* Runs the loop until nothing is left to do. */
void tls_fixture_settle (void);
/* Passes on what side @from has sent, up to @max bytes, and xors @flip into the
 * byte at @at of them. Returns the number of bytes. */
gsize tls_fixture_forward (TlsFixture *self, guint from, gsize max, gsize at, guint8 flip);

G_END_DECLS
