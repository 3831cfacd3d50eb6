/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "host/lp2p-network-id-private.h"
#include "host/lp2p-peer-entry-private.h"

#include <lp2p/types/lp2p-cursor.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* The time of the reader, in the middle of what rows may say. */
#define NOW (G_GINT64_CONSTANT (1) << 50)

/* The Ed25519 peer of the specification's test vectors. */
static const guint8 id[] = {
  0x00, 0x24, 0x08, 0x01, 0x12, 0x20, 0x1e, 0xd1, 0xe8, 0xfa, 0xe2, 0xc4, 0xa1, 0x44, 0xb8, 0xbe, 0x8f, 0xd4, 0xb4,
  0x7b, 0xf3, 0xd3, 0xb3, 0x4b, 0x87, 0x1c, 0x3c, 0xac, 0xf6, 0x01, 0x0f, 0x0e, 0x42, 0xd4, 0x74, 0xfc, 0xe2, 0x7e,
};

/* A column with a length in front; SQLite ends texts with a zero byte. NULL when the
 * column is. */
static GBytes *
read_blob (Lp2pCursor *cursor)
{
  guint16 size = 0;
  const guint8 *bytes = NULL;

  if (!lp2p_cursor_read_u16be (cursor, &size) || size == 0xffff ||
      !lp2p_cursor_read_bytes (cursor, MIN (size, cursor->left), &bytes))
    return NULL;
  return g_bytes_new (bytes, MIN (size, (gsize) (cursor->data - bytes)));
}

static char *
read_text (Lp2pCursor *cursor)
{
  g_autoptr (GBytes) blob = read_blob (cursor);

  return blob != NULL ? g_strndup (g_bytes_get_data (blob, NULL) ?: "", g_bytes_get_size (blob)) : NULL;
}

static gint64
read_number (Lp2pCursor *cursor)
{
  guint64 number = 0;

  lp2p_cursor_read_u64be (cursor, &number);
  return (gint64) number;
}

static void
read_facts (Lp2pPeerEntry *entry, Lp2pCursor *cursor)
{
  g_autoptr (GBytes) key = read_blob (cursor);
  g_autofree char *protocols = read_text (cursor);
  g_autofree char *agent = read_text (cursor);
  g_autofree char *version = read_text (cursor);
  g_autoptr (GBytes) record = read_blob (cursor);

  lp2p_peer_entry_restore_facts (entry, key, protocols, agent, version, record);
}

static void
read_address (Lp2pPeerEntry *entry, Lp2pCursor *cursor)
{
  gint64 source = read_number (cursor) & 7;
  gint64 expires = read_number (cursor);
  gint64 success = read_number (cursor);
  gint64 failure = read_number (cursor);
  g_autofree char *network = read_text (cursor);
  g_autoptr (GBytes) address = read_blob (cursor);
  gsize size = 0;
  gconstpointer bytes = address != NULL ? g_bytes_get_data (address, &size) : NULL;

  lp2p_peer_entry_restore_address (entry, bytes, size, source, network, expires, success, failure, NOW);
}

static void
read_data (Lp2pPeerEntry *entry, Lp2pCursor *cursor)
{
  gint64 flags = read_number (cursor) & 7;
  gint64 expires = read_number (cursor);
  g_autofree char *plugin = read_text (cursor);
  g_autofree char *key = read_text (cursor);
  g_autoptr (GBytes) value = read_blob (cursor);
  gsize size = 0;
  gconstpointer bytes = value != NULL ? g_bytes_get_data (value, &size) : NULL;

  lp2p_peer_entry_restore_data (entry, plugin, key, bytes, size, expires, flags, NOW);
}

/* What was let through is within the bounds, and reads the same when it is written. */
static void
check (Lp2pPeerEntry *entry)
{
  g_autofree char *joined = lp2p_peer_entry_join_protocols (entry);
  g_autoptr (GPtrArray) addresses = lp2p_peer_entry_dup_addresses (entry, "home", NOW);

  g_assert (addresses->len <= LP2P_PEER_MAX_ADDRESSES);
  g_assert (entry->data == NULL || entry->data->len <= LP2P_PEER_MAX_DATA);
  if (entry->agent_version != NULL)
    g_assert (g_utf8_validate (entry->agent_version, -1, NULL) && strlen (entry->agent_version) <= LP2P_PEER_MAX_TEXT);
  if (joined != NULL)
    {
      g_auto (GStrv) names = g_strsplit (joined, "\n", -1);

      g_assert (g_strv_length (names) <= LP2P_PEER_MAX_PROTOCOLS);
      g_assert (!lp2p_peer_entry_set_protocols (entry, (const char *const *) names));
    }
}

/* The input is rows: a byte tells of which table, columns follow; a routing table is
 * one of them. */
int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, size);
  g_autoptr (Lp2pPeerId) peer = lp2p_peer_id_new_from_bytes (id, sizeof id, NULL);
  g_autoptr (Lp2pPeerEntry) entry = lp2p_peer_entry_new (peer);
  guint8 table;

  while (lp2p_cursor_read_u8 (&cursor, &table))
    switch (table & 3)
      {
      case 0:
        read_facts (entry, &cursor);
        break;
      case 1:
        read_address (entry, &cursor);
        break;
      case 2:
        read_data (entry, &cursor);
        break;
      default:
        {
          g_autofree char *routes = read_text (&cursor);
          g_autofree char *network = routes != NULL ? lp2p_network_id_from_routes (routes) : NULL;

          g_assert (network == NULL || *network != '\0');
        }
      }
  check (entry);
  return 0;
}
