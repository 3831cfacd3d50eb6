/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "test-host.h"

G_BEGIN_DECLS

/* Hosts that speak the transports of fake-transport.c and fake-relay.c. */
typedef struct
{
  TestWorld *world;
  TestHost *a;
  TestHost *b;
  TestHost *c;
} FakeFixture;

/* Loads fake, fake-relay, noise and yamux; @options are further groups. */
TestHost *fake_new_host (FakeFixture *self, const char *listen, const char *options);
/* One that listens on an address of its own; @options are those of fake. */
TestHost *fake_new_plain_host (FakeFixture *self, const char *options);
void fake_set_up (FakeFixture *self, gconstpointer data);
void fake_tear_down (FakeFixture *self, gconstpointer data);
Lp2pMultiaddr *fake_dup_address (TestHost *host);

/* Connects through the context, as services do; @result as for test_take_result(). */
void fake_start_connect (TestHost *host, TestHost *other, Lp2pMultiaddr *address, const Lp2pDialOptions *options, GAsyncResult **result);
Lp2pConnection *fake_finish_connect (TestHost *host, GAsyncResult **result, GError **error);
/* A metered connection will do. */
Lp2pConnection *fake_connect (TestHost *host, TestHost *other, Lp2pMultiaddr *address, GError **error);

/* Streams of TEST_PROTOCOL. */
void fake_start_open (TestHost *host, TestHost *other, Lp2pStreamFlags flags, GAsyncResult **result);
Lp2pStream *fake_finish_open (TestHost *host, GAsyncResult **result, GError **error);
Lp2pStream *fake_open (TestHost *host, TestHost *other, Lp2pStreamFlags flags, GError **error);
/* As test hosts do anyway, with other flags. */
void fake_serve (TestHost *host, Lp2pHandlerFlags flags);
guint fake_count_connections (TestHost *host);
Lp2pConnectionState fake_get_state (Lp2pStream *stream);
/* Sends from each side to the other. */
void fake_check_both_ways (FakeFixture *self, Lp2pStream *one, Lp2pStream *other);

/* A has been connected to B, and remembers: the next connection begins early. */
void fake_become_acquainted (FakeFixture *self);
/* A stream of A to B that is open before B is verified. */
Lp2pStream *fake_open_early (FakeFixture *self);

#define FAKE_ADD(path, data, function) \
  g_test_add (path, FakeFixture, data, fake_set_up, function, fake_tear_down)

G_END_DECLS
