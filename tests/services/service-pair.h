/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "test-host.h"

G_BEGIN_DECLS

/* Two hosts with one service, of which the first asks the second. */
typedef struct
{
  TestWorld *world;
  TestHost *asks;
  TestHost *answers;
  Lp2pConnection *connection;
} ServicePair;

void service_pair_init (ServicePair *self, const char *service, const char *muxer);
void service_pair_clear (ServicePair *self);
Lp2pStream *service_pair_open (ServicePair *self, const char *protocol);

G_END_DECLS
