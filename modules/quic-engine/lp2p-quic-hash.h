/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define LP2P_QUIC_HASH_KEY_SIZE 16

/* A hash of bytes that a peer chooses: without the key nobody can tell which of them
 * fall together (SipHash-2-4). */
guint64 lp2p_quic_hash (const guint8 key[LP2P_QUIC_HASH_KEY_SIZE], const guint8 *data, gsize size);

G_END_DECLS
