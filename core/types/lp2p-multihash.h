/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-macros.h>

G_BEGIN_DECLS

/**
 * LP2P_MULTIHASH_IDENTITY:
 *
 * The code of a multihash whose digest is the data itself.
 */
#define LP2P_MULTIHASH_IDENTITY 0x00

/**
 * LP2P_MULTIHASH_SHA2_256:
 *
 * The code of a SHA-256 multihash.
 */
#define LP2P_MULTIHASH_SHA2_256 0x12

/**
 * LP2P_MULTIHASH_MAX_DIGEST:
 *
 * The longest digest that is accepted, in bytes.
 */
#define LP2P_MULTIHASH_MAX_DIGEST 128

LP2P_AVAILABLE_IN_1_0
GBytes *lp2p_multihash_encode (guint64 code, const guint8 *digest, gsize len);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_multihash_decode (const guint8 *data,
                                gsize len,
                                guint64 *code,
                                const guint8 **digest,
                                gsize *digest_len,
                                GError **error);
LP2P_AVAILABLE_IN_1_0
GBytes *lp2p_multihash_sha2_256 (const guint8 *data, gsize len);

G_END_DECLS
