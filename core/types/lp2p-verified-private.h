/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Signatures that were found good lately. A peer that is met again shows the same
 * ones: its key's over the key of its Noise or TLS handshake, and its record. To
 * verify one takes a hundred times as long as to know it again. */

#define LP2P_VERIFIED_HASH 32

/* What is signed, by which key, how: all that the verdict depends on. */
typedef struct
{
  const void *data;
  gsize len;
} Lp2pVerifiedPart;

void lp2p_verified_hash (const char *what, const Lp2pVerifiedPart *parts, guint n_parts, guint8 hash[LP2P_VERIFIED_HASH]);
gboolean lp2p_verified_has (const guint8 hash[LP2P_VERIFIED_HASH]);
void lp2p_verified_add (const guint8 hash[LP2P_VERIFIED_HASH]);

G_END_DECLS
