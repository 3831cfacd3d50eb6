/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "test-host.h"
#include "transport-table.h"

G_BEGIN_DECLS

/* A transport, and what is put on it. */
typedef struct
{
  const Lp2pTestTransport *transport;
  char *security;
  char *muxer;
} Combination;

/* Two hosts that can reach each other. */
typedef struct
{
  const Combination *combination;
  TestWorld *world;
  TestHost *a;
  TestHost *b;
  Lp2pConnection *connection;
} Pair;

typedef struct
{
  const char *name;
  void (*test) (Pair *self, gconstpointer combination);
} PairTest;

/* Adds a test of each for each combination of what was built. */
void combination_add_tests (const char *suite, const PairTest *tests, guint n_tests);

/* @more_config goes into the group of the host; %NULL allows many streams. */
TestHost *pair_new_host (Pair *self, const char *more_config);
void pair_connect (Pair *self);
/* What B knows of the connection. */
Lp2pConnection *pair_dup_other_connection (Pair *self);
/* A stream and its other end, which has had the first byte of the pattern. */
Lp2pStream *pair_open (Pair *self, Lp2pStream **accepted);
/* Whatever is due happens, and time for acknowledgements goes by. */
void pair_settle (Pair *self);

G_END_DECLS
