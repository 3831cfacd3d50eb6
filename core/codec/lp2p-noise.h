/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/codec/lp2p-noise-cipher.h>
#include <lp2p/types/lp2p-identity.h>
#include <lp2p/types/lp2p-peer-id.h>
#include <lp2p/types/lp2p-public-key.h>

G_BEGIN_DECLS

typedef struct _Lp2pNoiseStatic Lp2pNoiseStatic;

LP2P_AVAILABLE_IN_1_0
Lp2pNoiseStatic *lp2p_noise_static_new (Lp2pIdentity *identity, GError **error);
LP2P_AVAILABLE_IN_1_0
Lp2pNoiseStatic *lp2p_noise_static_ref (Lp2pNoiseStatic *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_noise_static_unref (Lp2pNoiseStatic *self);
LP2P_AVAILABLE_IN_1_0
Lp2pIdentity *lp2p_noise_static_get_identity (Lp2pNoiseStatic *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pNoiseStatic, lp2p_noise_static_unref)

/**
 * Lp2pNoiseParams: (skip)
 * @initiator: whether this side writes the first message, whoever dialed
 * @identity: who this side is
 * @prologue: (array length=prologue_len) (nullable): bytes that both sides must
 *   know; none in libp2p except for WebRTC-direct
 * @prologue_len: how many
 * @expected_peer: (nullable): whom the remote must prove to be, or %NULL for
 *   anybody
 * @stream_muxers: (array zero-terminated=1) (nullable): the stream muxers to
 *   offer inside the handshake, best first, or %NULL to negotiate the muxer
 *   afterwards
 * @webtransport_certhashes: (element-type GBytes) (nullable): the multihashes
 *   of the certificates that a WebTransport server uses now and has announced
 *   for later
 * @static_key: (nullable): a static key that @identity signed, which this session
 *   shares with others, or %NULL to make one for this session alone
 *
 * What a Noise handshake is started with. Nothing is kept by pointer; objects
 * are referenced.
 *
 * Since: 1.0
 */
typedef struct
{
  gboolean initiator;
  Lp2pIdentity *identity;
  const guint8 *prologue;
  gsize prologue_len;
  Lp2pPeerId *expected_peer;
  const char *const *stream_muxers;
  GPtrArray *webtransport_certhashes;
  Lp2pNoiseStatic *static_key;
} Lp2pNoiseParams;

/**
 * Lp2pNoiseState:
 * @LP2P_NOISE_STATE_WRITE: a message is to be written
 * @LP2P_NOISE_STATE_READ: a message is to be read
 * @LP2P_NOISE_STATE_DONE: both sides are authenticated
 * @LP2P_NOISE_STATE_FAILED: the handshake has failed for good
 *
 * What a Noise handshake needs next.
 *
 * Since: 1.0
 */
typedef enum
{
  LP2P_NOISE_STATE_WRITE,
  LP2P_NOISE_STATE_READ,
  LP2P_NOISE_STATE_DONE,
  LP2P_NOISE_STATE_FAILED,
} Lp2pNoiseState;

typedef struct _Lp2pNoise Lp2pNoise;

LP2P_AVAILABLE_IN_1_0
Lp2pNoise *lp2p_noise_new (const Lp2pNoiseParams *params, GError **error);
LP2P_AVAILABLE_IN_1_0
void lp2p_noise_free (Lp2pNoise *self);

LP2P_AVAILABLE_IN_1_0
Lp2pNoiseState lp2p_noise_get_state (Lp2pNoise *self);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_noise_write_message (Lp2pNoise *self, GByteArray *out, GError **error);
LP2P_AVAILABLE_IN_1_0
gboolean
lp2p_noise_read_message (Lp2pNoise *self, const guint8 *frame, gsize len, GError **error);

LP2P_AVAILABLE_IN_1_0
gboolean lp2p_noise_split (Lp2pNoise *self,
                           Lp2pNoiseCipher **send,
                           Lp2pNoiseCipher **receive,
                           GError **error);

LP2P_AVAILABLE_IN_1_0
Lp2pPublicKey *lp2p_noise_get_remote_public_key (Lp2pNoise *self);
LP2P_AVAILABLE_IN_1_0
Lp2pPeerId *lp2p_noise_get_remote_peer_id (Lp2pNoise *self);
LP2P_AVAILABLE_IN_1_0
const char *const *lp2p_noise_get_remote_stream_muxers (Lp2pNoise *self);
LP2P_AVAILABLE_IN_1_0
GPtrArray *lp2p_noise_get_remote_certhashes (Lp2pNoise *self);
LP2P_AVAILABLE_IN_1_0
const guint8 *lp2p_noise_get_handshake_hash (Lp2pNoise *self, gsize *len);

LP2P_AVAILABLE_IN_1_0
const char *lp2p_noise_select_muxer (const char *const *initiator, const char *const *responder);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pNoise, lp2p_noise_free)

G_END_DECLS
