/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "host/lp2p-peer-entry-private.h"

/* Between an entry and its rows on disk. A file can be damaged or edited: each
 * value goes through the same checks as what a stranger says. What does not pass
 * is left out, for the rest may still be right. */

/* Protocol names have no newlines. */
char *
lp2p_peer_entry_join_protocols (Lp2pPeerEntry *self)
{
  return self->protocols != NULL ? g_strjoinv ("\n", self->protocols) : NULL;
}

gboolean
lp2p_peer_entry_restore_facts (Lp2pPeerEntry *self, GBytes *public_key, const char *protocols, const char *agent, const char *protocol_version, GBytes *record)
{
  gboolean good = TRUE;

  if (public_key != NULL)
    {
      g_autoptr (Lp2pPublicKey) key =
          lp2p_public_key_new_from_bytes (g_bytes_get_data (public_key, NULL), g_bytes_get_size (public_key), NULL);

      good = key != NULL && lp2p_peer_entry_set_public_key (self, key);
    }
  if (record != NULL)
    {
      g_autoptr (Lp2pPeerRecord) taken = lp2p_peer_entry_take_record (self, record, NULL);

      good &= taken != NULL;
    }
  if (protocols != NULL)
    {
      g_auto (GStrv) names = g_strsplit (protocols, "\n", LP2P_PEER_MAX_PROTOCOLS + 1);

      lp2p_peer_entry_set_protocols (self, (const char *const *) names);
    }
  lp2p_peer_entry_set_text (&self->agent_version, agent);
  lp2p_peer_entry_set_text (&self->protocol_version, protocol_version);
  return good;
}

gboolean
lp2p_peer_entry_restore_address (Lp2pPeerEntry *self, gconstpointer bytes, gsize size, gint64 source, const char *network, gint64 expires, gint64 last_success, gint64 last_failure, gint64 now)
{
  g_autoptr (Lp2pMultiaddr) address = NULL;
  Lp2pPeerAddress how = {
    .network = (char *) network,
    .expires = expires,
    .last_success = CLAMP (last_success, 0, now),
    .last_failure = CLAMP (last_failure, 0, now),
  };

  if (bytes == NULL || source < LP2P_PEER_ADDRESS_TOLD || source > LP2P_PEER_ADDRESS_CONFIGURED || network == NULL ||
      strlen (network) > LP2P_PEER_MAX_NETWORK || !g_utf8_validate (network, -1, NULL))
    return FALSE;
  how.source = (Lp2pPeerAddressSource) source;
  address = lp2p_multiaddr_new_from_bytes (bytes, size, NULL);
  return address != NULL && lp2p_peer_entry_add_address (self, address, &how, now);
}

gboolean
lp2p_peer_entry_restore_data (Lp2pPeerEntry *self, const char *plugin, const char *key, gconstpointer bytes, gsize size, gint64 expires, gint64 flags, gint64 now)
{
  const gint64 known = LP2P_PEER_DATA_PERSISTENT | LP2P_PEER_DATA_SECRET;
  g_autoptr (GBytes) value = NULL;

  if (plugin == NULL || key == NULL || (bytes == NULL && size > 0) || (flags & ~known) != 0 ||
      (flags & LP2P_PEER_DATA_PERSISTENT) == 0)
    return FALSE;
  /* A secret is copied later, into memory that is wiped. */
  value = (flags & LP2P_PEER_DATA_SECRET) != 0 ? g_bytes_new_static (bytes, size) : g_bytes_new (bytes, size);
  return lp2p_peer_entry_set_data (self, plugin, key, value, expires, (Lp2pPeerDataFlags) flags, now);
}
