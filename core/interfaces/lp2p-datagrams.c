/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/interfaces/lp2p-datagrams.h>

/**
 * Lp2pDatagrams:
 *
 * The capability of a connection to carry unreliable datagrams.
 */
G_DEFINE_INTERFACE (Lp2pDatagrams, lp2p_datagrams, G_TYPE_OBJECT)

static guint received_signal;
static guint writable_signal;

static void
lp2p_datagrams_default_init (Lp2pDatagramsInterface *iface)
{
  /**
   * Lp2pDatagrams::received:
   * @self: the capability
   * @datagram: what came
   *
   * Emitted for each datagram of the peer. One that nobody is connected for is lost.
   */
  received_signal = g_signal_new ("received", LP2P_TYPE_DATAGRAMS, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                  NULL, G_TYPE_NONE, 1, G_TYPE_BYTES);
  /**
   * Lp2pDatagrams::writable:
   * @self: the capability
   *
   * Datagrams can be sent again, or their largest size changed.
   */
  writable_signal = g_signal_new ("writable", LP2P_TYPE_DATAGRAMS, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                  NULL, G_TYPE_NONE, 0);
}

/**
 * lp2p_datagrams_get_max_size:
 * @self: the capability
 *
 * Gets the largest datagram that can be sent now.
 *
 * Returns: the largest payload in bytes that can be sent now, 0 while none can
 */
gsize
lp2p_datagrams_get_max_size (Lp2pDatagrams *self)
{
  g_return_val_if_fail (LP2P_IS_DATAGRAMS (self), 0);
  return LP2P_DATAGRAMS_GET_IFACE (self)->get_max_size (self);
}

/**
 * lp2p_datagrams_send:
 * @self: the capability
 * @datagram: what to send
 * @error: where to put the error
 *
 * Queues a datagram. It may get lost.
 *
 * Returns: whether it was queued
 */
gboolean
lp2p_datagrams_send (Lp2pDatagrams *self, GBytes *datagram, GError **error)
{
  g_return_val_if_fail (LP2P_IS_DATAGRAMS (self), FALSE);
  return LP2P_DATAGRAMS_GET_IFACE (self)->send (self, datagram, error);
}

/**
 * lp2p_datagrams_received:
 * @self: the capability
 * @datagram: what came
 *
 * Hands a datagram to the application. For implementations; from the run queue
 * only.
 */
void
lp2p_datagrams_received (Lp2pDatagrams *self, GBytes *datagram)
{
  g_return_if_fail (LP2P_IS_DATAGRAMS (self));
  g_signal_emit (self, received_signal, 0, datagram);
}

/**
 * lp2p_datagrams_writable:
 * @self: the capability
 *
 * Tells the application that it can send again. For implementations; from the
 * run queue only.
 */
void
lp2p_datagrams_writable (Lp2pDatagrams *self)
{
  g_return_if_fail (LP2P_IS_DATAGRAMS (self));
  g_signal_emit (self, writable_signal, 0);
}
