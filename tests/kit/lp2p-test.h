/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What authors of loadable objects and of applications test theirs with; programs
 * that use it are linked with lp2p-test-1. It works with the version of lp2p that it
 * was installed with, and is no part of what stays as it is. */

#include <lp2p/lp2p-plugin.h>

#ifdef LP2P_TEST_COMPILATION
#define LP2P_TEST_API __attribute__ ((visibility ("default"))) extern
#else
#define LP2P_TEST_API extern
#endif

G_BEGIN_DECLS

/* What every loadable object of a kind must do. Each of these adds test cases, to be
 * run by g_test_run(). The object is found as a host would find it: LP2P_PLUGIN_PATH
 * names the folder of one that is not installed. */

/**
 * Lp2pTestTransport:
 * @name: in the names of the tests
 * @plugin: the name of the transport
 * @real: sockets are at work, so that time is not the test's own
 * @listen: what can be listened on, with a place that is free
 * @refused: where nobody listens
 * @matches: addresses of its own, up to %NULL
 * @strange: addresses that are not, though they look similar, up to %NULL
 * @config: (nullable): configuration, as a key file
 * @security: (nullable): its own, where it yields sessions
 * @muxer: (nullable): likewise
 * @timers: its protocol needs time to go by also on real sockets: that is then the
 *   test's own as well, and goes on when nothing else does
 * @alike: what is above it cannot tell it from another one: where pairs of a security
 *   protocol and a muxer are tried, half of them are enough, and none where it has both
 *
 * A transport, with the addresses that its tests need.
 */
typedef struct
{
  const char *name;
  const char *plugin;
  gboolean real;
  const char *listen;
  const char *refused;
  const char *matches[8];
  const char *strange[16];
  const char *config;
  const char *security;
  const char *muxer;
  gboolean timers;
  gboolean alike;
} Lp2pTestTransport;

/**
 * Lp2pTestLayers:
 * @name: in the names of the tests
 * @real: sockets are at work, so that time is not the test's own
 * @volume: how many bytes a test moves that moves many, such as 3000000; less where
 *   each takes long
 * @pieces: bytes come in records, and these in pieces: that some came does not mean
 *   that a record did
 * @no_reset: an abort looks like the end of the stream from the other side
 * @make: makes two ends that are connected, each in a loop of its own; it may leave
 *   a handshake to them
 *
 * A layer, with what its tests need.
 */
typedef struct
{
  const char *name;
  gboolean real;
  gsize volume;
  gboolean pieces;
  gboolean no_reset;
  void (*make) (Lp2pLoop *a_loop, Lp2pLoop *b_loop, Lp2pLayer **a, Lp2pLayer **b);
} Lp2pTestLayers;

/* @transport has to stay until the tests have run. */
LP2P_TEST_API
void lp2p_test_add_transport (const Lp2pTestTransport *transport);
LP2P_TEST_API
void lp2p_test_add_security (const char *name);
/* What the layer does that a security protocol makes. */
LP2P_TEST_API
void lp2p_test_add_security_layer (const char *name);
/* What any layer does; @layers has to stay until the tests have run. */
LP2P_TEST_API
void lp2p_test_add_layer (const Lp2pTestLayers *layers);
LP2P_TEST_API
void lp2p_test_add_muxer (const char *name);
/* @prepare, if not %NULL, is called ahead of each test for what the store needs, such as
 * a service. %FALSE tells that it cannot be had; g_test_skip() has been called then. The
 * store has to be empty, and is left so. */
LP2P_TEST_API
void lp2p_test_add_key_store (const char *name, gboolean (*prepare) (void));

/**
 * Lp2pTestPair:
 *
 * Two hosts in one main context, connected by the transport in memory, in a time
 * that the test makes: nothing in it waits for the clock on the wall. All that is to
 * be waited for goes through lp2p_test_until(). Failures end the test.
 */
typedef struct _Lp2pTestPair Lp2pTestPair;

/* Makes and starts both hosts. @config is a key file that both have, or %NULL. */
LP2P_TEST_API
Lp2pTestPair *lp2p_test_pair_new (const char *config);
/* Drops both as they are. */
LP2P_TEST_API
void lp2p_test_pair_free (Lp2pTestPair *self);
/* The first host, 0, or the second, 1. */
LP2P_TEST_API
Lp2pHost *lp2p_test_pair_get_host (Lp2pTestPair *self, guint which);

/* Opens a stream from the first host to the second; the caller owns it. */
LP2P_TEST_API
Lp2pStream *lp2p_test_pair_open (Lp2pTestPair *self, const char *protocol);
/* Reads up to the end of the stream. */
LP2P_TEST_API
char *lp2p_test_pair_read (Lp2pTestPair *self, Lp2pStream *stream);
/* Writes all of it. */
LP2P_TEST_API
void lp2p_test_pair_write (Lp2pTestPair *self, Lp2pStream *stream, const char *text);
/* Ends the own side of the stream. */
LP2P_TEST_API
void lp2p_test_pair_end (Lp2pTestPair *self, Lp2pStream *stream);

/* Does all that can be done without time going by. */
LP2P_TEST_API
void lp2p_test_pair_settle (Lp2pTestPair *self);
/* Lets time go by, in microseconds. */
LP2P_TEST_API
void lp2p_test_pair_advance (Lp2pTestPair *self, gint64 us);

/* A callback that keeps the result: @user_data is where, a `GAsyncResult **` that
 * holds %NULL. */
LP2P_TEST_API
void lp2p_test_take_result (GObject *source, GAsyncResult *result, gpointer user_data);

/* For lp2p_test_until(). */
LP2P_TEST_API
void lp2p_test_pair_start_waiting (Lp2pTestPair *self);
LP2P_TEST_API
void lp2p_test_pair_step (Lp2pTestPair *self, const char *what, const char *where);

/* Goes on until @condition holds. A test that would wait for ever fails. */
#define lp2p_test_until(pair, condition)                  \
  G_STMT_START                                            \
  {                                                       \
    lp2p_test_pair_start_waiting (pair);                  \
    while (!(condition))                                  \
      lp2p_test_pair_step ((pair), #condition, G_STRLOC); \
  }                                                       \
  G_STMT_END

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pTestPair, lp2p_test_pair_free)

G_END_DECLS
