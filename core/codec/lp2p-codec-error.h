/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-macros.h>

G_BEGIN_DECLS

#define LP2P_CODEC_ERROR (lp2p_codec_error_quark ())

/**
 * Lp2pCodecError:
 * @LP2P_CODEC_ERROR_MULTISTREAM: a malformed multistream-select message
 * @LP2P_CODEC_ERROR_NOISE: a Noise handshake or transport message failed: wrong
 *   order, wrong length, authentication tag or signature
 * @LP2P_CODEC_ERROR_CERTIFICATE: a libp2p X.509 certificate is not acceptable
 * @LP2P_CODEC_ERROR_TOO_LARGE: a message is longer than its protocol allows
 * @LP2P_CODEC_ERROR_PROTOCOL: a message is well formed, but breaks the rules of
 *   its protocol
 * @LP2P_CODEC_ERROR_REFUSED: the remote supports nothing of what was proposed
 * @LP2P_CODEC_ERROR_WRONG_PEER: another peer answered than the one expected
 *
 * What can go wrong in the protocol code that plugins share.
 *
 * Since: 1.0
 */
typedef enum
{
  LP2P_CODEC_ERROR_MULTISTREAM,
  LP2P_CODEC_ERROR_NOISE,
  LP2P_CODEC_ERROR_CERTIFICATE,
  LP2P_CODEC_ERROR_TOO_LARGE,
  LP2P_CODEC_ERROR_PROTOCOL,
  LP2P_CODEC_ERROR_REFUSED,
  LP2P_CODEC_ERROR_WRONG_PEER,
} Lp2pCodecError;

LP2P_AVAILABLE_IN_1_0
GQuark lp2p_codec_error_quark (void);

G_END_DECLS
