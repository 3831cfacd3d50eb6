/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-macros.h>

G_BEGIN_DECLS

#define LP2P_TYPE_DATAGRAMS (lp2p_datagrams_get_type ())
LP2P_AVAILABLE_IN_1_0
G_DECLARE_INTERFACE (Lp2pDatagrams, lp2p_datagrams, LP2P, DATAGRAMS, GObject)

/**
 * Lp2pDatagramsInterface:
 * @get_max_size: largest payload in bytes that can be sent now, 0 while none can
 * @send: queues one datagram; `G_IO_ERROR_WOULD_BLOCK` when the queue is full,
 *   `G_IO_ERROR_MESSAGE_TOO_LARGE` when it does not fit
 *
 * The capability of a connection to carry unreliable datagrams beside its
 * streams. A connection has it once it is ready: an implementation sends nothing,
 * and hands nothing out, before.
 */
struct _Lp2pDatagramsInterface
{
  GTypeInterface parent_iface;

  gsize (*get_max_size) (Lp2pDatagrams *self);
  gboolean (*send) (Lp2pDatagrams *self, GBytes *datagram, GError **error);

  /*< private >*/
  gpointer padding[8];
};

LP2P_AVAILABLE_IN_1_0
gsize lp2p_datagrams_get_max_size (Lp2pDatagrams *self);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_datagrams_send (Lp2pDatagrams *self, GBytes *datagram, GError **error);
LP2P_AVAILABLE_IN_1_0
void lp2p_datagrams_received (Lp2pDatagrams *self, GBytes *datagram);
LP2P_AVAILABLE_IN_1_0
void lp2p_datagrams_writable (Lp2pDatagrams *self);

G_END_DECLS
