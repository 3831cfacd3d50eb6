/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-macros.h>

G_BEGIN_DECLS

/**
 * LP2P_VARINT_MAX:
 *
 * The most bytes an unsigned varint has: nine, for values below 2⁶³.
 */
#define LP2P_VARINT_MAX 9

LP2P_AVAILABLE_IN_1_0
gsize lp2p_varint_size (guint64 value);
LP2P_AVAILABLE_IN_1_0
gsize lp2p_varint_encode (guint64 value, guint8 out[LP2P_VARINT_MAX]);
LP2P_AVAILABLE_IN_1_0
gssize lp2p_varint_decode (const guint8 *data, gsize len, guint64 *value);

LP2P_AVAILABLE_IN_1_0
void lp2p_append_varint (GByteArray *array, guint64 value);
LP2P_AVAILABLE_IN_1_0
void lp2p_append_u16be (GByteArray *array, guint16 value);
LP2P_AVAILABLE_IN_1_0
void lp2p_append_u32be (GByteArray *array, guint32 value);
LP2P_AVAILABLE_IN_1_0
void lp2p_append_u64be (GByteArray *array, guint64 value);

G_END_DECLS
