/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "codec/lp2p-noise-cipher-private.h"

#include <lp2p/types/lp2p-identity.h>
#include <lp2p/types/lp2p-peer-id.h>
#include <lp2p/types/lp2p-public-key.h>

G_BEGIN_DECLS

/* Limits for each of the two lists of the extensions, in both directions. */
#define LP2P_NOISE_MAX_EXTENSIONS 64
#define LP2P_NOISE_MAX_EXTENSION_LEN 256

/* What the remote says of itself, once its signature is verified. */
typedef struct
{
  Lp2pPublicKey *public_key;
  Lp2pPeerId *peer_id;
  GStrv stream_muxers;  /* NULL when it sent none */
  GPtrArray *certhashes; /* of GBytes; NULL when it sent none */
} Lp2pNoiseRemote;

void lp2p_noise_remote_clear (Lp2pNoiseRemote *self);

gboolean lp2p_noise_check_extensions (const char *const *stream_muxers,
                                      GPtrArray *certhashes,
                                      GError **error);
GBytes *lp2p_noise_payload_sign (Lp2pIdentity *identity,
                                 const guint8 static_key[LP2P_NOISE_KEY],
                                 GError **error);
GBytes *lp2p_noise_payload_build (Lp2pIdentity *identity,
                                  GBytes *signature,
                                  const char *const *stream_muxers,
                                  GPtrArray *certhashes);
gboolean lp2p_noise_payload_parse (const guint8 *data,
                                   gsize len,
                                   const guint8 static_key[LP2P_NOISE_KEY],
                                   Lp2pNoiseRemote *remote,
                                   GError **error);

G_END_DECLS
