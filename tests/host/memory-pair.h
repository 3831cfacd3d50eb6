/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "test-host.h"

/* Two hosts that can reach each other over memory and serve nothing. */
typedef struct
{
  TestWorld *world;
  TestHost *a;
  TestHost *b;
} MemoryPair;

static void
memory_pair_set_up (MemoryPair *self, gconstpointer data)
{
  static const char config[] = "[host]\ntransports=['memory']\nlisten=['/memory/0']\nservices=[]\n";

  self->world = test_world_new (FALSE);
  self->a = test_host_new (self->world, config);
  self->b = test_host_new (self->world, config);
}

static void
memory_pair_tear_down (MemoryPair *self, gconstpointer data)
{
  test_host_free (self->a);
  test_host_free (self->b);
  test_world_free (self->world);
}
