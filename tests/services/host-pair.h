/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p.h>

#include "test-world.h"

G_BEGIN_DECLS

/* Two hosts in one main context, over TCP on the loopback device. */
typedef struct
{
  GMainContext *context;
  Lp2pHost *hosts[2];
} HostPair;

/* Each with the services that are named, both listening. */
HostPair *host_pair_new (const char *const *services);
/* On the clock of a world, which must be a real one. */
HostPair *host_pair_new_in (TestWorld *world, const char *const *services);
/* Closes them, and checks that nothing keeps them. */
void host_pair_free (HostPair *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HostPair, host_pair_free)

/* The first dials the second. */
Lp2pConnection *host_pair_connect (HostPair *self);

/* Iterates until @condition holds; a test that waits for ever fails. */
#define host_pair_until(self, condition)                                                           \
  G_STMT_START                                                                                     \
  {                                                                                                \
    gint64 deadline_ = g_get_monotonic_time () + 20 * G_TIME_SPAN_SECOND;                          \
    while (!(condition))                                                                           \
      host_pair_iterate ((self), deadline_, #condition, G_STRLOC);                                 \
  }                                                                                                \
  G_STMT_END

void host_pair_iterate (HostPair *self, gint64 deadline, const char *what, const char *where);
/* Iterates for a while. */
void host_pair_wait (HostPair *self, gint64 us);
/* A callback that keeps the result where @user_data, a GAsyncResult **, points. */
void host_pair_take_result (GObject *source, GAsyncResult *result, gpointer user_data);

G_END_DECLS
