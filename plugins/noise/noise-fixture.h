/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-plugin.h>

#include "memory-layer.h"
#include "test-world.h"

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
} NoiseSide;

/* Two sides in a world of their own.
 * @lower: the layers that they were given
 * @wire: their other ends, where a test stands in between; %NULL where the two
 *   are connected with each other */
typedef struct
{
  TestWorld *world;
  Lp2pLoop *loop;
  NoiseSide sides[2];
  Lp2pLayer *lower[2];
  Lp2pLayer *wire[2];
} NoiseFixture;

#define NOISE_INITIATOR 0
#define NOISE_RESPONDER 1

void noise_fixture_init (NoiseFixture *self);
void noise_fixture_clear (NoiseFixture *self);

/* Connects the sides, or each with an end that the test holds. */
void noise_fixture_connect (NoiseFixture *self, const MemoryLayerOptions *options);
void noise_fixture_connect_wires (NoiseFixture *self, const MemoryLayerOptions *options);
/* Starts the handshake of a side. */
void noise_fixture_start (NoiseFixture *self, guint side);
/* Starts both and runs the loop until both are done. */
void noise_fixture_handshake (NoiseFixture *self);
Lp2pLayer *noise_fixture_get_layer (NoiseFixture *self, guint side);

/* Lets the loop run once. Returns whether there was something to do. */
gboolean noise_fixture_iterate (void);
/* Runs the loop until nothing is left to do. */
void noise_fixture_settle (void);
/* Passes on what side @from has sent, up to @max bytes, and xors @flip into the
 * byte at @at of them. Returns the number of bytes. */
gsize noise_fixture_forward (NoiseFixture *self, guint from, gsize max, gsize at, guint8 flip);

G_END_DECLS
