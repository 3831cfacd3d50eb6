/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What framing costs; see session-bench.c. */

#include "lp2p-mplex-session.h"
#include "session-bench.h"

static Lp2pMuxerSession *
new_session (Lp2pLayer *layer, Lp2pRole role)
{
  static const Lp2pMplexOptions options = LP2P_MPLEX_OPTIONS_INIT;

  return lp2p_mplex_session_new (layer, role, &options);
}

int
main (int argc, char **argv)
{
  return session_bench_main (argc, argv, "mplex", new_session);
}
