/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "codec/lp2p-noise-x25519-private.h"

#include <lp2p/codec/lp2p-noise.h>

G_BEGIN_DECLS

struct _Lp2pNoiseStatic
{
  gatomicrefcount refs;
  Lp2pIdentity *identity;
  Lp2pNoiseKeyPair pair;
  GBytes *signature; /* the identity's, of the public half */
};

/* Only a test brings the private half. */
Lp2pNoiseStatic *lp2p_noise_static_load (Lp2pIdentity *identity,
                                         const guint8 private_key[LP2P_NOISE_KEY],
                                         GError **error);

G_END_DECLS
