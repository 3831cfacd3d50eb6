/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fake-fixture.h"
#include "test-wire.h"

G_BEGIN_DECLS

/* What a transport with early data has to provide, for test-early.c. A is made by the
 * set-up; an answer of B takes 50 ms. */
typedef struct
{
  FakeFixture parent;
  TestWire *wire; /* where there is a real one */
  gboolean refuses;
} EarlyFixture;

void early_set_up (EarlyFixture *self, gconstpointer data);
void early_tear_down (EarlyFixture *self, gconstpointer data);

/* What A dials. @options are "early-data=false" where it is to refuse that, or "". */
TestHost *early_new_server (EarlyFixture *self, const char *options);
/* A has been connected to B, and remembers: the next connection begins early. */
void early_become_acquainted (EarlyFixture *self);
/* B is gone, and somebody else is where it was. */
TestHost *early_replace_server (EarlyFixture *self);
/* Nothing is answered any more. */
void early_silence (EarlyFixture *self);

#define EARLY_ADD(path, data, function) \
  g_test_add ("/" EARLY_NAME path, EarlyFixture, data, early_set_up, function, early_tear_down)

G_END_DECLS
