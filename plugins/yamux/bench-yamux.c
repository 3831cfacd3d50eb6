/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What framing costs; see session-bench.c. */

#include "lp2p-yamux-session.h"
#include "session-bench.h"

static Lp2pMuxerSession *
new_session (Lp2pLayer *layer, Lp2pRole role)
{
  static const Lp2pYamuxOptions options = LP2P_YAMUX_OPTIONS_INIT;

  return lp2p_yamux_session_new (layer, role, &options);
}

int
main (int argc, char **argv)
{
  return session_bench_main (argc, argv, "yamux", new_session);
}
