/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "types/lp2p-verified-private.h"

#include <string.h>

/* 32 KiB for a process. Each signature has a few places, where the last ones stay: with
 * one, a sixth of those of a hundred peers would drive each other out. Whoever presents
 * many makes others be verified again, and no more. */
#define N_SETS   256
#define SET_SIZE 4

typedef guint8 Hash[LP2P_VERIFIED_HASH];

G_LOCK_DEFINE_STATIC (places);
static Hash places[N_SETS][SET_SIZE];

/* Names a verdict.
 * @what: the kind of it, which says what the parts are. Where each of them ends is
 *   part of the name, too */
void
lp2p_verified_hash (const char *what, const Lp2pVerifiedPart *parts, guint n_parts, guint8 hash[LP2P_VERIFIED_HASH])
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize size = LP2P_VERIFIED_HASH;

  g_checksum_update (checksum, (const guint8 *) what, -1);
  for (guint i = 0; i < n_parts; i++)
    {
      guint64 len = parts[i].len;

      g_checksum_update (checksum, (const guint8 *) &len, sizeof len);
      g_checksum_update (checksum, parts[i].data, parts[i].len);
    }
  g_checksum_get_digest (checksum, hash, &size);
}

/* The last one that was added comes first. */
static Hash *
get_set (const guint8 hash[LP2P_VERIFIED_HASH])
{
  return places[hash[0] % N_SETS];
}

gboolean
lp2p_verified_has (const guint8 hash[LP2P_VERIFIED_HASH])
{
  gboolean has = FALSE;

  G_LOCK (places);
  for (guint i = 0; i < SET_SIZE && !has; i++)
    has = memcmp (get_set (hash)[i], hash, LP2P_VERIFIED_HASH) == 0;
  G_UNLOCK (places);
  return has;
}

void
lp2p_verified_add (const guint8 hash[LP2P_VERIFIED_HASH])
{
  Hash *set;

  G_LOCK (places);
  set = get_set (hash);
  for (guint i = SET_SIZE - 1; i > 0; i--)
    for (guint k = 0; k < LP2P_VERIFIED_HASH; k++)
      set[i][k] = set[i - 1][k];
  for (guint k = 0; k < LP2P_VERIFIED_HASH; k++)
    set[0][k] = hash[k];
  G_UNLOCK (places);
}
