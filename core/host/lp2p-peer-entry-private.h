/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-context.h>
#include <lp2p/types/lp2p-peer-record.h>

G_BEGIN_DECLS

/* What is known of one peer. Times are wall-clock microseconds, because what is
 * kept on disk outlives the monotonic clock. */

/* Most peers say less than 2 KB of themselves. These bounds keep a stranger below
 * 100 KB, whatever it says: */
/* a host behind several routers with every transport has about 40 addresses; */
#define LP2P_PEER_MAX_ADDRESSES 64
/* a relayed WebTransport address with two certificate hashes has 250 bytes; */
#define LP2P_PEER_MAX_ADDRESS_SIZE 512
/* a record of so many such addresses has 16 KB; */
#define LP2P_PEER_MAX_RECORD_SIZE (16 * 1024)
/* the busiest public nodes serve about 60 protocols; */
#define LP2P_PEER_MAX_PROTOCOLS 256
#define LP2P_PEER_MAX_PROTOCOLS_SIZE (16 * 1024)
#define LP2P_PEER_MAX_TEXT 256
/* ten plugins with six entries each, of which the largest is a TLS ticket. */
#define LP2P_PEER_MAX_DATA 64
#define LP2P_PEER_MAX_DATA_SIZE (64 * 1024)
#define LP2P_PEER_MAX_NETWORK 64

/* From the least to the most trusted; the numbers are those on disk. */
typedef enum
{
  LP2P_PEER_ADDRESS_TOLD,       /* somebody says so */
  LP2P_PEER_ADDRESS_CERTIFIED,  /* the peer signed it */
  LP2P_PEER_ADDRESS_CONNECTED,  /* the peer answered there */
  LP2P_PEER_ADDRESS_CONFIGURED, /* the application or its user says so */
} Lp2pPeerAddressSource;

typedef struct
{
  Lp2pMultiaddr *address;
  Lp2pPeerAddressSource source;
  /* Where it was learnt; a GRefString. */
  char *network;
  gint64 expires;
  /* When it worked and when it failed last, 0 for never. */
  gint64 last_success;
  gint64 last_failure;
  gboolean stale;
} Lp2pPeerAddress;

typedef struct
{
  char *plugin;
  char *key;
  GBytes *value;
  gint64 expires;
  Lp2pPeerDataFlags flags;
} Lp2pPeerData;

typedef enum
{
  LP2P_PEER_DIRTY_NONE = 0,
  LP2P_PEER_DIRTY_FACTS = 1 << 0,
  LP2P_PEER_DIRTY_ADDRESSES = 1 << 1,
  LP2P_PEER_DIRTY_DATA = 1 << 2,
  LP2P_PEER_DIRTY_ALL = LP2P_PEER_DIRTY_FACTS | LP2P_PEER_DIRTY_ADDRESSES | LP2P_PEER_DIRTY_DATA,
} Lp2pPeerDirty;

typedef struct
{
  Lp2pPeerId *id;
  Lp2pPublicKey *public_key;
  /* Of Lp2pPeerAddress and Lp2pPeerData. */
  GArray *addresses;
  GArray *data;
  GStrv protocols;
  char *agent_version;
  char *protocol_version;
  GBytes *record;
  guint64 record_seq;

  /* For the store: what the disk does not have yet, whether that is being written, and
   * whether the disk may have more, as reading failed: what is written adds to that. */
  Lp2pPeerDirty dirty;
  gboolean writing;
  gboolean unread;
  guint n_connections;
  /* When the first of them came, by the wall clock. */
  gint64 connected_at;
  /* Of those that may be dropped: where it waits for that, with how many bytes. */
  GQueue *queue;
  gsize size;
  GList recent_link;
  GList dirty_link;
} Lp2pPeerEntry;

Lp2pPeerEntry *lp2p_peer_entry_new (Lp2pPeerId *id);
void lp2p_peer_entry_free (Lp2pPeerEntry *self);
/* What the disk shall have of it, for another thread. */
Lp2pPeerEntry *lp2p_peer_entry_copy (const Lp2pPeerEntry *self);
/* About how many bytes it takes. */
gsize lp2p_peer_entry_get_size (const Lp2pPeerEntry *self);
/* Forgets all but who it is. */
void lp2p_peer_entry_clear (Lp2pPeerEntry *self);

/* lp2p-peer-entry.c */
gboolean lp2p_peer_entry_set_protocols (Lp2pPeerEntry *self, const char *const *protocols);
/* What is kept of a peer's text: valid UTF-8 without control characters, not too
 * long. */
gboolean lp2p_peer_entry_set_text (char **where, const char *text);
gboolean lp2p_peer_entry_set_public_key (Lp2pPeerEntry *self, Lp2pPublicKey *key);
/* Refuses what is not signed by the peer, or older than what it signed before.
 * The addresses are the caller's to add. */
Lp2pPeerRecord *lp2p_peer_entry_take_record (Lp2pPeerEntry *self, GBytes *record, GError **error);

/* lp2p-peer-entry-addresses.c: @how is what all the addresses have in common. */
gboolean lp2p_peer_entry_add_address (Lp2pPeerEntry *self, Lp2pMultiaddr *address, const Lp2pPeerAddress *how, gint64 now);
/* Those of the same source or a weaker one, told or certified, which are not among
 * them go. */
void lp2p_peer_entry_replace_addresses (Lp2pPeerEntry *self, GPtrArray *addresses, const Lp2pPeerAddress *how, gint64 now);
void lp2p_peer_entry_copy_addresses (Lp2pPeerEntry *self, const Lp2pPeerEntry *from);
Lp2pPeerAddress *lp2p_peer_entry_find_address (Lp2pPeerEntry *self, Lp2pMultiaddr *address);
/* Whether it is more than a stranger: it was dialed, or somebody here told of it. */
gboolean lp2p_peer_entry_is_known (const Lp2pPeerEntry *self);
/* Best first, seen from @network. */
GPtrArray *lp2p_peer_entry_dup_addresses (Lp2pPeerEntry *self, const char *network, gint64 now);
gboolean lp2p_peer_address_is_elsewhere (const Lp2pPeerAddress *address, const char *network);

/* lp2p-peer-entry-data.c */
GBytes *lp2p_peer_entry_get_data (Lp2pPeerEntry *self, const char *plugin, const char *key, gint64 now);
/* Whether the disk has to know; a NULL @value removes. */
gboolean lp2p_peer_entry_set_data (Lp2pPeerEntry *self, const char *plugin, const char *key, GBytes *value, gint64 expires, Lp2pPeerDataFlags flags, gint64 now);
void lp2p_peer_data_clear (gpointer data);
void lp2p_peer_entry_copy_data (Lp2pPeerEntry *self, const Lp2pPeerEntry *from);

/* lp2p-peer-entry-rows.c: what a row on disk says, checked as if a stranger did. */
gboolean lp2p_peer_entry_restore_facts (Lp2pPeerEntry *self, GBytes *public_key, const char *protocols, const char *agent, const char *protocol_version, GBytes *record);
gboolean lp2p_peer_entry_restore_address (Lp2pPeerEntry *self, gconstpointer bytes, gsize size, gint64 source, const char *network, gint64 expires, gint64 last_success, gint64 last_failure, gint64 now);
gboolean lp2p_peer_entry_restore_data (Lp2pPeerEntry *self, const char *plugin, const char *key, gconstpointer bytes, gsize size, gint64 expires, gint64 flags, gint64 now);
char *lp2p_peer_entry_join_protocols (Lp2pPeerEntry *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pPeerEntry, lp2p_peer_entry_free)

G_END_DECLS
