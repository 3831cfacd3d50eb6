/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/types/lp2p-identity.h>
#include <lp2p/types/lp2p-multiaddr.h>
#include <lp2p/types/lp2p-peer-id.h>

G_BEGIN_DECLS

/**
 * LP2P_TICKET_PREFIX:
 *
 * What the text of a ticket starts with: the scheme of a URI.
 *
 * Since: 1.0
 */
#define LP2P_TICKET_PREFIX "lp2p:"

/**
 * LP2P_TICKET_MAX_SIZE:
 *
 * The longest text of a ticket, in bytes.
 *
 * Since: 1.0
 */
#define LP2P_TICKET_MAX_SIZE 8192

/**
 * LP2P_TICKET_MAX_ADDRESSES:
 *
 * The most addresses a ticket may have.
 *
 * Since: 1.0
 */
#define LP2P_TICKET_MAX_ADDRESSES 32

/**
 * LP2P_TICKET_MAX_CODE:
 *
 * The longest code of a ticket, in bytes.
 *
 * Since: 1.0
 */
#define LP2P_TICKET_MAX_CODE 64

/**
 * LP2P_TICKET_MAX_SKEW:
 *
 * How much later than now a ticket may have been made, in seconds: clocks differ.
 *
 * Since: 1.0
 */
#define LP2P_TICKET_MAX_SKEW 300

#define LP2P_TYPE_TICKET (lp2p_ticket_get_type ())

typedef struct _Lp2pTicket Lp2pTicket;

LP2P_AVAILABLE_IN_1_0
GType lp2p_ticket_get_type (void) G_GNUC_CONST;

LP2P_AVAILABLE_IN_1_0
Lp2pTicket *lp2p_ticket_new (Lp2pPeerId *peer_id,
                             GPtrArray *addresses,
                             GBytes *code,
                             gint64 created,
                             gint64 expires);
LP2P_AVAILABLE_IN_1_0
Lp2pTicket *lp2p_ticket_open (const char *text, gint64 now, GError **error);
LP2P_AVAILABLE_IN_1_0
char *lp2p_ticket_seal (Lp2pTicket *self, Lp2pIdentity *identity, GError **error);
LP2P_AVAILABLE_IN_1_0
Lp2pTicket *lp2p_ticket_ref (Lp2pTicket *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_ticket_unref (Lp2pTicket *self);

LP2P_AVAILABLE_IN_1_0
Lp2pPeerId *lp2p_ticket_get_peer_id (Lp2pTicket *self);
LP2P_AVAILABLE_IN_1_0
GPtrArray *lp2p_ticket_get_addresses (Lp2pTicket *self);
LP2P_AVAILABLE_IN_1_0
GBytes *lp2p_ticket_get_code (Lp2pTicket *self);
LP2P_AVAILABLE_IN_1_0
gint64 lp2p_ticket_get_created (Lp2pTicket *self);
LP2P_AVAILABLE_IN_1_0
gint64 lp2p_ticket_get_expires (Lp2pTicket *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pTicket, lp2p_ticket_unref)

G_END_DECLS
