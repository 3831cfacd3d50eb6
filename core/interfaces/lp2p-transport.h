/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-loadable-types.h>
#include <lp2p/interfaces/lp2p-listener.h>
#include <lp2p/interfaces/lp2p-raw-connection.h>

G_BEGIN_DECLS

#define LP2P_TRANSPORT_EXTENSION_POINT "lp2p-transport"

/**
 * Lp2pTransportFlags:
 * @LP2P_TRANSPORT_DIALS: can dial
 * @LP2P_TRANSPORT_LISTENS: can listen
 * @LP2P_TRANSPORT_NEEDS_UPGRADE: yields layers; without it, sessions
 * @LP2P_TRANSPORT_LIMITED: its connections may be metered (relays)
 * @LP2P_TRANSPORT_DATAGRAM: runs over UDP: counts for black-hole detection
 * @LP2P_TRANSPORT_PUNCHES: implements punching
 * @LP2P_TRANSPORT_LOCAL: never leaves this process or machine
 * @LP2P_TRANSPORT_EARLY_DATA: sessions may carry bytes before they are ready
 */
typedef enum
{
  LP2P_TRANSPORT_DIALS = 1 << 0,
  LP2P_TRANSPORT_LISTENS = 1 << 1,
  LP2P_TRANSPORT_NEEDS_UPGRADE = 1 << 2,
  LP2P_TRANSPORT_LIMITED = 1 << 3,
  LP2P_TRANSPORT_DATAGRAM = 1 << 4,
  LP2P_TRANSPORT_PUNCHES = 1 << 5,
  LP2P_TRANSPORT_LOCAL = 1 << 6,
  LP2P_TRANSPORT_EARLY_DATA = 1 << 7,
} Lp2pTransportFlags;

/**
 * Lp2pDialOptions:
 * @expected_peer: (nullable): who must answer; %NULL accepts whoever proves an
 *   identity
 * @security_role: the role in the security handshake, where it is not that of
 *   the transport; holds through a simultaneous open
 * @muxer_role: likewise for the muxer
 * @force_direct: no relay, no sharing with another dial, no back-off
 * @separate: joins no other dial and yields no connection that exists; only the
 *   given addresses, no back-off
 * @reuse_local_port: dial from a port that is listened on where possible
 * @allow_limited: a metered connection will do
 * @no_fast_open: no TCP Fast Open: the first bytes must not ride on the SYN
 * @punch_at: loop time in microseconds at which a hole punch starts, 0 for none: a
 *   transport that punches is then asked for the peer's connection instead of one
 *   to the peer; one that is no use to two who both dial fails with
 *   %G_IO_ERROR_NOT_SUPPORTED
 * @punch_deadline: loop time in microseconds at which it is given up
 * @host_name: (nullable): the DNS name that the address was resolved from
 * @early_data: a first stream's bytes wait and may be replayed: 0-RTT is wanted
 *
 * How to dial.
 */
typedef struct
{
  Lp2pPeerId *expected_peer;
  Lp2pRole security_role;
  Lp2pRole muxer_role;
  gboolean force_direct;
  gboolean separate;
  gboolean reuse_local_port;
  gboolean allow_limited;
  gboolean no_fast_open;
  gint64 punch_at;
  gint64 punch_deadline;
  const char *host_name;
  gboolean early_data;
  /*< private >*/
  gpointer padding[4];
} Lp2pDialOptions;

#define LP2P_DIAL_OPTIONS_INIT { .reuse_local_port = TRUE }

LP2P_AVAILABLE_IN_1_0
void lp2p_dial_options_copy (const Lp2pDialOptions *self, Lp2pDialOptions *dest);
LP2P_AVAILABLE_IN_1_0
void lp2p_dial_options_clear (Lp2pDialOptions *self);

#define LP2P_TYPE_TRANSPORT (lp2p_transport_get_type ())
LP2P_AVAILABLE_IN_1_0
G_DECLARE_INTERFACE (Lp2pTransport, lp2p_transport, LP2P, TRANSPORT, Lp2pExtension)

/**
 * Lp2pTransportInterface:
 * @get_flags: what the transport is and can do
 * @get_dial_rank: where it stands in the order of dialing, lower first:
 *   0-99 datagram, 100-199 plain stream, 200-299 HTTP-based, 900- relays
 * @match: whether the transport uses this address; must consume all of it
 *   behind the last relay hop and before the final peer id
 * @dial_async: connects; no security or muxing unless they are its own. Where it is
 *   stopped, the message of %G_IO_ERROR_CANCELLED may be what it was waiting for, as
 *   "the proxy did not connect"; the host tells it where time ran out
 * @dial_finish: yields the connection; %LP2P_ERROR_SAME_ROLE where the peer dialed as
 *   well, and TCP made one connection of both, which is dialed again from another port
 * @listen: starts to listen; addresses may come later
 * @punch_async: (nullable): sends packets that open a NAT towards @address and
 *   yields the connection that comes in through it
 * @punch_finish: (nullable): as @dial_finish
 * @match_name: (nullable): whether it can dial an address that @match would take were
 *   there an IP address in place of the name that it begins with: through a proxy that
 *   looks the name up
 *
 * A way to reach other programs.
 */
struct _Lp2pTransportInterface
{
  GTypeInterface parent_iface;

  Lp2pTransportFlags (*get_flags) (Lp2pTransport *self);
  guint (*get_dial_rank) (Lp2pTransport *self, Lp2pMultiaddr *address);
  gboolean (*match) (Lp2pTransport *self, Lp2pMultiaddr *address);
  void (*dial_async) (Lp2pTransport *self,
                      Lp2pMultiaddr *address,
                      const Lp2pDialOptions *options,
                      GCancellable *cancellable,
                      GAsyncReadyCallback callback,
                      gpointer user_data);
  Lp2pRawConnection *(*dial_finish) (Lp2pTransport *self, GAsyncResult *result, GError **error);
  Lp2pListener *(*listen) (Lp2pTransport *self, Lp2pMultiaddr *address, GError **error);
  void (*punch_async) (Lp2pTransport *self,
                       Lp2pMultiaddr *address,
                       const Lp2pDialOptions *options,
                       GCancellable *cancellable,
                       GAsyncReadyCallback callback,
                       gpointer user_data);
  Lp2pRawConnection *(*punch_finish) (Lp2pTransport *self, GAsyncResult *result, GError **error);

  gboolean (*match_name) (Lp2pTransport *self, Lp2pMultiaddr *address);
  /*< private >*/
  gpointer padding[7];
};

LP2P_AVAILABLE_IN_1_0
Lp2pTransportFlags lp2p_transport_get_flags (Lp2pTransport *self);
LP2P_AVAILABLE_IN_1_0
guint lp2p_transport_get_dial_rank (Lp2pTransport *self, Lp2pMultiaddr *address);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_transport_match (Lp2pTransport *self, Lp2pMultiaddr *address);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_transport_match_name (Lp2pTransport *self, Lp2pMultiaddr *address);
LP2P_AVAILABLE_IN_1_0
void lp2p_transport_dial_async (Lp2pTransport *self,
                                Lp2pMultiaddr *address,
                                const Lp2pDialOptions *options,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer user_data);
LP2P_AVAILABLE_IN_1_0
Lp2pRawConnection *lp2p_transport_dial_finish (Lp2pTransport *self, GAsyncResult *result, GError **error);
LP2P_AVAILABLE_IN_1_0
Lp2pListener *lp2p_transport_listen (Lp2pTransport *self, Lp2pMultiaddr *address, GError **error);
LP2P_AVAILABLE_IN_1_0
void lp2p_transport_punch_async (Lp2pTransport *self,
                                 Lp2pMultiaddr *address,
                                 const Lp2pDialOptions *options,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data);
LP2P_AVAILABLE_IN_1_0
Lp2pRawConnection *lp2p_transport_punch_finish (Lp2pTransport *self, GAsyncResult *result, GError **error);

G_END_DECLS
