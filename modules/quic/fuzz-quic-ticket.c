/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A server's NewSessionTicket, and an entry of what a client keeps. */

#include "modules/quic-engine/lp2p-quic-ticket.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  static const guint8 secret[32] = "fuzz";
  static const Lp2pQuicTicketOwner owner = { "own", "remote", "libp2p", secret, sizeof secret };
  Lp2pQuicTicket ticket;
  guint32 lifetime;

  if (lp2p_quic_ticket_parse_message (data, size, &lifetime))
    g_assert (lifetime > 0 && lifetime <= 7 * 24 * 3600);
  if (lp2p_quic_ticket_decode (data, size, &ticket))
    {
      gsize total = 1 + LP2P_QUIC_TICKET_MAC_SIZE;

      for (guint i = 0; i < LP2P_QUIC_TICKET_N_PARTS; i++)
        total += 2 + ticket.parts[i].size;
      g_assert (total == size);
      lp2p_quic_ticket_is_at (&ticket, "/ip4/192.0.2.1/udp/1");
      /* All of the first is within that of which the mark is. */
      if (lp2p_quic_ticket_belongs_to (&ticket, &owner))
        {
          g_autoptr (GBytes) again = lp2p_quic_ticket_encode (&owner, ticket.parts);

          g_assert (g_bytes_get_size (again) == size);
        }
    }
  return 0;
}
