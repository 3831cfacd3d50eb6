/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kit's tests over installed objects, as the author of another one runs them. */

#include <lp2p-test/lp2p-test.h>

static const Lp2pTestTransport memory = {
  .name = "memory",
  .plugin = "memory",
  .listen = "/memory/0",
  .refused = "/memory/77777",
  .matches = { "/memory/1" },
  .strange = { "/ip4/127.0.0.1/tcp/1" },
};

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  lp2p_test_add_transport (&memory);
  lp2p_test_add_muxer ("yamux");
  lp2p_test_add_security ("noise");
  lp2p_test_add_security_layer ("noise");
  return g_test_run ();
}
