/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a client keeps of a session in order to resume it. */

#include <lp2p/lp2p-plugin.h>

#include <gnutls/gnutls.h>

G_BEGIN_DECLS

#define LP2P_QUIC_TICKET_MAC_SIZE 32

/* The only amount that QUIC knows (RFC 9001 section 4.6.1). */
#define LP2P_QUIC_MAX_EARLY_DATA 0xffffffffu

/* Who it is good for; an entry of somebody else is as good as none. */
typedef struct
{
  const char *own_peer;
  const char *remote_peer;
  const char *alpn;
  const guint8 *secret; /* of this host */
  gsize secret_size;
  const char *kind; /* of what is not a session, none of which is taken for another */
} Lp2pQuicTicketOwner;

/* The parts of an entry. */
typedef enum
{
  LP2P_QUIC_TICKET_ADDRESS, /* where the peer was, as text */
  LP2P_QUIC_TICKET_KEY,     /* its public key */
  LP2P_QUIC_TICKET_PARAMS,  /* its transport parameters */
  LP2P_QUIC_TICKET_SESSION, /* for GnuTLS; or a token, and the others but the first are empty */
  LP2P_QUIC_TICKET_N_PARTS,
} Lp2pQuicTicketPart;

/* All within the bytes of the entry. */
typedef struct
{
  gnutls_datum_t parts[LP2P_QUIC_TICKET_N_PARTS];
  gnutls_datum_t body; /* what the mark is of */
  const guint8 *mac;
} Lp2pQuicTicket;

/* NULL if a part is too large. What is returned is wiped when it goes. */
GBytes *lp2p_quic_ticket_encode (const Lp2pQuicTicketOwner *owner, const gnutls_datum_t *parts);
gboolean lp2p_quic_ticket_decode (const guint8 *data, gsize size, Lp2pQuicTicket *ticket);
gboolean lp2p_quic_ticket_is_at (const Lp2pQuicTicket *ticket, const char *address);
/* Whether this process made it, for that owner. */
gboolean lp2p_quic_ticket_belongs_to (const Lp2pQuicTicket *ticket, const Lp2pQuicTicketOwner *owner);

/* A server's message NewSessionTicket (RFC 8446 section 4.6.1): for how many seconds
 * it holds. FALSE if it is malformed or of no use: without early data there is nothing
 * to gain, and QUIC knows only one amount of it (RFC 9001 section 4.6.1). */
gboolean lp2p_quic_ticket_parse_message (const guint8 *data, gsize size, guint32 *lifetime);

G_END_DECLS
