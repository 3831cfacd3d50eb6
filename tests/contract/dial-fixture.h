/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "host/lp2p-host-private.h"
#include "scripted-transport.h"

G_BEGIN_DECLS

#define ONE "/ip4/203.0.113.1/tcp/1"
#define TWO "/ip4/203.0.113.2/tcp/1"
#define THREE "/ip4/203.0.113.3/tcp/1"
#define FAST "/ip4/203.0.113.4/udp/1/quic-v1"
#define RELAYED "/ip4/203.0.113.9/tcp/1/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN/p2p-circuit"

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

/**
 * DialFixture:
 * @a: a host that dials B over a scripted network
 * @b: which it can reach
 * @to_b: the memory address of B
 * @network: decides which addresses lead there
 *
 * Tests of how A dials. The data of a test is more of A's configuration.
 */
typedef struct
{
  TestWorld *world;
  TestHost *a;
  TestHost *b;
  Lp2pMultiaddr *to_b;
  ScriptedTransport *network;
} DialFixture;

void dial_set_up (DialFixture *self, gconstpointer config);
void dial_tear_down (DialFixture *self, gconstpointer config);
#define dial_add_test(name, config, func) \
  g_test_add ((name), DialFixture, (config), dial_set_up, (func), dial_tear_down)

TestHost *dial_new_host (DialFixture *self, const char *more_config);
Lp2pSwarm *dial_swarm (TestHost *host);
Lp2pPeerId *dial_peer (TestHost *host);
/* How many connections there are, ready or not. */
guint dial_count (TestHost *host);
/* B has told these addresses of itself. */
void dial_learn (DialFixture *self, const char *const *addresses);
/* A dials B, at the addresses @given and those it knows. */
void dial_start (DialFixture *self, const char *const *given, const Lp2pDialOptions *options, GCancellable *cancellable, GAsyncResult **result);
Lp2pConnection *dial_finish (DialFixture *self, GAsyncResult **result, GError **error);
Lp2pConnection *dial (DialFixture *self, const char *const *given, const Lp2pDialOptions *options, GError **error);
/* Closes and drops a connection. */
void dial_drop (DialFixture *self, Lp2pConnection *connection);
/* What was dialed since the last time; see ScriptedTransport. */
void dial_assert_log (DialFixture *self, const char *expected);
/* Nothing is left of what was tried but so many connections. */
void dial_assert_clean (DialFixture *self, guint n_connections);

/* Somebody who listens in the world of a fixture, but has only the transport. */
typedef struct
{
  TestContext *context;
  Lp2pTransport *transport;
  Lp2pListener *listener;
  Lp2pMultiaddr *address;
} Stranger;

void stranger_init (Stranger *self, DialFixture *fixture);
void stranger_clear (Stranger *self);
/* Waits for a connection. */
Lp2pLayer *stranger_accept (Stranger *self, DialFixture *fixture);

G_END_DECLS
