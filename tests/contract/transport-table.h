/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-transport.h>

G_BEGIN_DECLS

/**
 * TransportCase:
 * @name: in the names of the tests
 * @plugin: the name of the transport
 * @real: sockets are at work
 * @listen: what can be listened on, with a place that is free
 * @refused: where nobody listens
 * @matches: addresses of its own, up to %NULL
 * @strange: addresses that are not, though they look similar
 * @config: configuration, as a key file
 *
 * A transport, with the addresses that the suites need.
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
} TransportCase;

extern const TransportCase transport_cases[];
extern const guint n_transport_cases;

G_END_DECLS
