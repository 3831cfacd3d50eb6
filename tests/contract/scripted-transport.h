/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "test-host.h"

G_BEGIN_DECLS

/* Stands for the network in front of a host: addresses lead to other hosts of the
 * process after a time, or nowhere. It dials with the host's own transport, the
 * memory transport. */
#define SCRIPTED_TYPE_TRANSPORT (scripted_transport_get_type ())
G_DECLARE_FINAL_TYPE (ScriptedTransport, scripted_transport, SCRIPTED, TRANSPORT, Lp2pExtension)

/**
 * ScriptedTransport:
 * @datagram: it says that it runs over UDP, and matches no other addresses
 * @n_pending: dials that wait for an outcome
 * @log: what was dialed and when, in milliseconds since the transport was made:
 *   `NAME@TIME` for each, by the name of its route, or `NAME=HOST@TIME` where a
 *   host's name led there
 *
 * Addresses of UDP are dialed before those of TCP, and these before WebSocket.
 */
struct _ScriptedTransport
{
  Lp2pExtension parent_instance;

  TestHost *host;
  gboolean relay;
  gboolean datagram;
  GPtrArray *routes;
  gint64 epoch;
  guint n_pending;
  GString *log;
};

/* Put in front of the transports of @host, which owns it. A @relay matches only
 * addresses over relays, and its connections are limited. */
ScriptedTransport *scripted_transport_new (TestHost *host, gboolean relay);
/* From now on @address leads to @target, which is a memory address, or is refused
 * where that is %NULL, after @delay_ms; never, where that is negative. */
void scripted_transport_route (ScriptedTransport *self, const char *name, const char *address, int delay_ms, Lp2pMultiaddr *target);

G_END_DECLS
