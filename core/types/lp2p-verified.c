/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "types/lp2p-verified-private.h"

#include <string.h>

/* 32 KiB for a process. Each signature has one place, where the last one stays;
 * whoever presents many makes others be verified again, and no more. */
#define N_PLACES 1024

G_LOCK_DEFINE_STATIC (places);
static guint8 places[N_PLACES][LP2P_VERIFIED_HASH];

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

static guint8 *
get_place (const guint8 hash[LP2P_VERIFIED_HASH])
{
  return places[((guint) hash[0] << 8 | hash[1]) % N_PLACES];
}

gboolean
lp2p_verified_has (const guint8 hash[LP2P_VERIFIED_HASH])
{
  gboolean has;

  G_LOCK (places);
  has = memcmp (get_place (hash), hash, LP2P_VERIFIED_HASH) == 0;
  G_UNLOCK (places);
  return has;
}

void
lp2p_verified_add (const guint8 hash[LP2P_VERIFIED_HASH])
{
  G_LOCK (places);
  for (guint i = 0; i < LP2P_VERIFIED_HASH; i++)
    get_place (hash)[i] = hash[i];
  G_UNLOCK (places);
}
