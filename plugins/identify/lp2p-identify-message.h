/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* What go takes apart a large message into, and puts together. */
#define LP2P_IDENTIFY_MAX_FRAME  8192
#define LP2P_IDENTIFY_MAX_FRAMES 10
/* What rust reads. It counts the length in front as well here, to be safe. */
#define LP2P_IDENTIFY_MAX_SENT 4096

#define LP2P_IDENTIFY_MAX_PROTOCOLS 1024
#define LP2P_IDENTIFY_MAX_ADDRESSES 500
#define LP2P_IDENTIFY_MAX_TEXT      1024

/* What a peer says of itself. All members are nullable: an absent one says
 * nothing. */
typedef struct
{
  GBytes *public_key;
  GPtrArray *addresses;
  /* Texts, with a NULL behind them. */
  GPtrArray *protocols;
  Lp2pMultiaddr *observed;
  char *protocol_version;
  char *agent_version;
  GBytes *signed_record;
} Lp2pIdentifyMessage;

Lp2pIdentifyMessage *lp2p_identify_message_new (void);
void lp2p_identify_message_free (Lp2pIdentifyMessage *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pIdentifyMessage, lp2p_identify_message_free)

/* Bytes on the wire, with the length in front. */
gsize lp2p_identify_message_get_size (const Lp2pIdentifyMessage *self);
GBytes *lp2p_identify_message_encode (const Lp2pIdentifyMessage *self);
/* Adds what one frame says: lists grow, all else is replaced. What exceeds the
 * limits or cannot be understood is left out; only what is no message at all is
 * an error. */
gboolean lp2p_identify_message_merge (Lp2pIdentifyMessage *self,
                                      const guint8 *data,
                                      gsize size,
                                      GError **error);

/* Takes a message out of a stream of bytes. */
typedef struct _Lp2pIdentifyReader Lp2pIdentifyReader;

Lp2pIdentifyReader *lp2p_identify_reader_new (void);
void lp2p_identify_reader_free (Lp2pIdentifyReader *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pIdentifyReader, lp2p_identify_reader_free)

gboolean lp2p_identify_reader_input (Lp2pIdentifyReader *self,
                                     const guint8 *data,
                                     gsize size,
                                     GError **error);
/* The message, which then belongs to the caller; fails in the middle of a frame
 * and before the first one. */
Lp2pIdentifyMessage *lp2p_identify_reader_end (Lp2pIdentifyReader *self, GError **error);

G_END_DECLS
