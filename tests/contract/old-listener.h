/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dial-fixture.h"

G_BEGIN_DECLS

/* The host B of a fixture behind a listener that agrees on nothing inside the handshake,
 * as many peers do. */
typedef struct
{
  Stranger stranger;
  Lp2pPeerId *peer;
  Lp2pPublicKey *key;
} Old;

/* The address ONE leads there, where the fixture has a network. */
void old_init (Old *self, DialFixture *fixture);
void old_clear (Old *self);
/* Up to the muxer. */
Lp2pLayer *old_accept (Old *self, DialFixture *fixture);
/* @security: that of B, or of somebody else. Returns %NULL where the dialer does not
 * like who that is. */
Lp2pLayer *old_accept_as (Old *self, DialFixture *fixture, Lp2pSecurity *security);
/* B goes on with the connection, whose muxer was agreed on. */
void old_serve (Old *self, DialFixture *fixture, Lp2pLayer *layer, const char *name);
/* Whether there is another muxer than yamux; else the test is skipped. */
gboolean old_has_mplex (void);

G_END_DECLS
