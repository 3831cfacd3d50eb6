/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/codec/lp2p-codec-error.h>

/**
 * lp2p_codec_error_quark:
 *
 * Gets the error domain of protocol code.
 *
 * Returns: the quark
 */
G_DEFINE_QUARK (lp2p-codec-error-quark, lp2p_codec_error)
