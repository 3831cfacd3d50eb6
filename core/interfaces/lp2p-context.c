/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/interfaces/lp2p-context.h>

/**
 * Lp2pContext:
 *
 * All that a loadable object is given of the host. It belongs to the thread of
 * the host; callbacks and signals run there, from the run queue.
 */
G_DEFINE_INTERFACE (Lp2pContext, lp2p_context, G_TYPE_OBJECT)

enum
{
  CONNECTION_ADDED,
  CONNECTION_REMOVED,
  PEER_UPDATED,
  ADDRESSES_CHANGED,
  LISTENERS_CHANGED,
  PROTOCOLS_CHANGED,
  REACHABILITY_CHANGED,
  NETWORK_CHANGED,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

static guint
new_signal (const char *name, guint n_args, GType arg)
{
  if (n_args == 0)
    return g_signal_new (name, LP2P_TYPE_CONTEXT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  return g_signal_new (name, LP2P_TYPE_CONTEXT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, arg);
}

static void
lp2p_context_default_init (Lp2pContextInterface *iface)
{
  /**
   * Lp2pContext::connection-added:
   * @self: the context
   * @connection: a connection whose peer is verified
   */
  signals[CONNECTION_ADDED] = new_signal ("connection-added", 1, LP2P_TYPE_CONNECTION);
  /**
   * Lp2pContext::connection-removed:
   * @self: the context
   * @connection: a connection that is over
   */
  signals[CONNECTION_REMOVED] = new_signal ("connection-removed", 1, LP2P_TYPE_CONNECTION);
  /**
   * Lp2pContext::peer-updated:
   * @self: the context
   * @peer: a peer of which more is known now
   */
  signals[PEER_UPDATED] = new_signal ("peer-updated", 1, LP2P_TYPE_PEER_ID);
  /**
   * Lp2pContext::addresses-changed:
   * @self: the context
   *
   * The addresses to advertise are others now.
   */
  signals[ADDRESSES_CHANGED] = new_signal ("addresses-changed", 0, G_TYPE_NONE);
  /**
   * Lp2pContext::listeners-changed:
   * @self: the context
   *
   * A listener came or went.
   */
  signals[LISTENERS_CHANGED] = new_signal ("listeners-changed", 0, G_TYPE_NONE);
  /**
   * Lp2pContext::protocols-changed:
   * @self: the context
   *
   * A stream handler came or went.
   */
  signals[PROTOCOLS_CHANGED] = new_signal ("protocols-changed", 0, G_TYPE_NONE);
  /**
   * Lp2pContext::reachability-changed:
   * @self: the context
   *
   * Strangers can dial in where they could not, or the other way round.
   */
  signals[REACHABILITY_CHANGED] = new_signal ("reachability-changed", 0, G_TYPE_NONE);
  /**
   * Lp2pContext::network-changed:
   * @self: the context
   *
   * The machine is on another network, or its addresses changed.
   */
  signals[NETWORK_CHANGED] = new_signal ("network-changed", 0, G_TYPE_NONE);
}

/**
 * lp2p_context_get_loop: (skip)
 * @self: the context
 *
 * Returns: (transfer none): the host's event loop
 */
Lp2pLoop *
lp2p_context_get_loop (Lp2pContext *self)
{
  g_return_val_if_fail (LP2P_IS_CONTEXT (self), NULL);
  return LP2P_CONTEXT_GET_IFACE (self)->get_loop (self);
}

/**
 * lp2p_context_get_identity:
 * @self: the context
 *
 * Returns: (transfer none): the host's private key
 */
Lp2pIdentity *
lp2p_context_get_identity (Lp2pContext *self)
{
  g_return_val_if_fail (LP2P_IS_CONTEXT (self), NULL);
  return LP2P_CONTEXT_GET_IFACE (self)->get_identity (self);
}

/**
 * lp2p_context_get_config:
 * @self: the context
 *
 * Returns: (transfer none): the host's configuration
 */
Lp2pConfig *
lp2p_context_get_config (Lp2pContext *self)
{
  g_return_val_if_fail (LP2P_IS_CONTEXT (self), NULL);
  return LP2P_CONTEXT_GET_IFACE (self)->get_config (self);
}

/**
 * lp2p_context_get_random:
 * @self: the context
 * @buffer: (out caller-allocates) (array length=size) (element-type guint8): filled
 * @size: how many bytes
 *
 * Fills a buffer with random bytes fit for keys. Tests can replace the source.
 */
void
lp2p_context_get_random (Lp2pContext *self, gpointer buffer, gsize size)
{
  g_return_if_fail (LP2P_IS_CONTEXT (self));
  LP2P_CONTEXT_GET_IFACE (self)->get_random (self, buffer, size);
}

/**
 * lp2p_context_get_tcp_hub:
 * @self: the context
 *
 * Returns: (transfer none): the TCP sockets that transports share
 */
Lp2pTcpHub *
lp2p_context_get_tcp_hub (Lp2pContext *self)
{
  g_return_val_if_fail (LP2P_IS_CONTEXT (self), NULL);
  return LP2P_CONTEXT_GET_IFACE (self)->get_tcp_hub (self);
}

/**
 * lp2p_context_get_udp_hub:
 * @self: the context
 *
 * Returns: (transfer none): the UDP sockets that transports share
 */
Lp2pUdpHub *
lp2p_context_get_udp_hub (Lp2pContext *self)
{
  g_return_val_if_fail (LP2P_IS_CONTEXT (self), NULL);
  return LP2P_CONTEXT_GET_IFACE (self)->get_udp_hub (self);
}

/**
 * lp2p_context_reserve_memory:
 * @self: the context
 * @held: bytes that were granted to the same connection and not given back
 * @size: bytes beyond them
 *
 * Asks for memory that grows with what a peer does, such as a stream's window. No
 * connection gets more than it leaves free, so that of N that want all of it each
 * gets its share of N + 1, and there is always one for the next.
 *
 * Returns: whether the host's budget has room for them
 */
gboolean
lp2p_context_reserve_memory (Lp2pContext *self, gsize held, gsize size)
{
  g_return_val_if_fail (LP2P_IS_CONTEXT (self), FALSE);
  return LP2P_CONTEXT_GET_IFACE (self)->reserve_memory (self, held, size);
}

/**
 * lp2p_context_release_memory:
 * @self: the context
 * @size: bytes
 *
 * Gives back what [method@Context.reserve_memory] granted.
 */
void
lp2p_context_release_memory (Lp2pContext *self, gsize size)
{
  g_return_if_fail (LP2P_IS_CONTEXT (self));
  LP2P_CONTEXT_GET_IFACE (self)->release_memory (self, size);
}

/**
 * lp2p_context_offer_inbound: (skip)
 * @self: the context
 * @raw: (transfer full): the connection
 *
 * Hands an inbound connection to the host, which secures and multiplexes it where
 * the transport did not. One with a layer was begun with
 * [method@Context.begin_inbound], or comes of [method@Context.pass_on_handshake]; for one with a session
 * [method@Context.end_handshake] is called when its handshake is over, which is before
 * this unless the session is early.
 */
void
lp2p_context_offer_inbound (Lp2pContext *self, Lp2pRawConnection *raw)
{
  g_return_if_fail (LP2P_IS_CONTEXT (self));
  LP2P_CONTEXT_GET_IFACE (self)->offer_inbound (self, raw);
}

/**
 * lp2p_context_upgrade_async: (skip)
 * @self: the context
 * @raw: (transfer full): the connection
 * @options: who is expected, in which roles
 * @cancellable: (nullable): to give up
 * @callback: called when done
 * @user_data: passed on
 *
 * Secures and multiplexes a connection and adds it to the host's.
 */
void
lp2p_context_upgrade_async (Lp2pContext *self,
                            Lp2pRawConnection *raw,
                            const Lp2pDialOptions *options,
                            GCancellable *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer user_data)
{
  g_return_if_fail (LP2P_IS_CONTEXT (self));
  LP2P_CONTEXT_GET_IFACE (self)->upgrade_async (self, raw, options, cancellable, callback, user_data);
}

/**
 * lp2p_context_upgrade_finish:
 * @self: the context
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Returns: (transfer full): the connection
 */
Lp2pConnection *
lp2p_context_upgrade_finish (Lp2pContext *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (LP2P_IS_CONTEXT (self), NULL);
  return LP2P_CONTEXT_GET_IFACE (self)->upgrade_finish (self, result, error);
}

/**
 * lp2p_context_connect_async: (skip)
 * @self: the context
 * @peer: (nullable): to whom
 * @addresses: (nullable) (element-type Lp2pMultiaddr): where, beside what is known
 * @options: (nullable): how to dial
 * @cancellable: (nullable): to give up
 * @callback: called when done
 * @user_data: passed on
 *
 * Connects to a peer, or yields the best connection that there is.
 *
 * A transport that, as part of a dial, needs another connection to the peer that is
 * being dialed asks for a separate one: else it would wait for itself.
 */
void
lp2p_context_connect_async (Lp2pContext *self,
                            Lp2pPeerId *peer,
                            GPtrArray *addresses,
                            const Lp2pDialOptions *options,
                            GCancellable *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer user_data)
{
  g_return_if_fail (LP2P_IS_CONTEXT (self));
  LP2P_CONTEXT_GET_IFACE (self)->connect_async (self, peer, addresses, options, cancellable, callback, user_data);
}

/**
 * lp2p_context_connect_finish: (skip)
 * @self: the context
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Returns: (transfer full): the connection
 */
Lp2pConnection *
lp2p_context_connect_finish (Lp2pContext *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (LP2P_IS_CONTEXT (self), NULL);
  return LP2P_CONTEXT_GET_IFACE (self)->connect_finish (self, result, error);
}

/**
 * lp2p_context_open_stream_async:
 * @self: the context
 * @peer: to whom
 * @protocols: (array zero-terminated=1): what to speak, preferred first
 * @flags: on which connections
 * @cancellable: (nullable): to give up
 * @callback: called when done
 * @user_data: passed on
 *
 * Opens a stream, connecting first where needed. A transport that is dialing @peer
 * adds %LP2P_STREAM_NO_DIAL: the dial that would be joined is its own.
 */
void
lp2p_context_open_stream_async (Lp2pContext *self,
                                Lp2pPeerId *peer,
                                const char *const *protocols,
                                Lp2pStreamFlags flags,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer user_data)
{
  g_return_if_fail (LP2P_IS_CONTEXT (self));
  LP2P_CONTEXT_GET_IFACE (self)->open_stream_async (self, peer, protocols, flags, cancellable, callback, user_data);
}

/**
 * lp2p_context_open_stream_finish:
 * @self: the context
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Returns: (transfer full): the stream
 */
Lp2pStream *
lp2p_context_open_stream_finish (Lp2pContext *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (LP2P_IS_CONTEXT (self), NULL);
  return LP2P_CONTEXT_GET_IFACE (self)->open_stream_finish (self, result, error);
}

/**
 * lp2p_context_set_stream_handler:
 * @self: the context
 * @protocol: the protocol id
 * @flags: on which connections
 * @handler: (scope notified): who serves it
 * @user_data: passed on
 * @destroy: (nullable): frees @user_data
 *
 * Serves a protocol. A handler that was set before is replaced.
 */
void
lp2p_context_set_stream_handler (Lp2pContext *self,
                                 const char *protocol,
                                 Lp2pHandlerFlags flags,
                                 Lp2pStreamHandler handler,
                                 gpointer user_data,
                                 GDestroyNotify destroy)
{
  g_return_if_fail (LP2P_IS_CONTEXT (self));
  LP2P_CONTEXT_GET_IFACE (self)->set_stream_handler (self, protocol, flags, handler, user_data, destroy);
}

/**
 * lp2p_context_remove_stream_handler:
 * @self: the context
 * @protocol: the protocol id
 *
 * Serves a protocol no longer.
 */
void
lp2p_context_remove_stream_handler (Lp2pContext *self, const char *protocol)
{
  g_return_if_fail (LP2P_IS_CONTEXT (self));
  LP2P_CONTEXT_GET_IFACE (self)->remove_stream_handler (self, protocol);
}

/**
 * lp2p_context_dup_protocols:
 * @self: the context
 *
 * Returns: (transfer full): the protocols that are served, sorted
 */
GStrv
lp2p_context_dup_protocols (Lp2pContext *self)
{
  g_return_val_if_fail (LP2P_IS_CONTEXT (self), NULL);
  return LP2P_CONTEXT_GET_IFACE (self)->dup_protocols (self);
}

/**
 * lp2p_context_dup_addresses:
 * @self: the context
 *
 * Returns: (transfer container) (element-type Lp2pMultiaddr): the addresses to
 *   advertise, without peer id
 */
GPtrArray *
lp2p_context_dup_addresses (Lp2pContext *self)
{
  g_return_val_if_fail (LP2P_IS_CONTEXT (self), NULL);
  return LP2P_CONTEXT_GET_IFACE (self)->dup_addresses (self);
}

/**
 * lp2p_context_dup_connections:
 * @self: the context
 * @peer: (nullable): of one peer only
 *
 * Returns: (transfer container) (element-type Lp2pConnection): the connections, best
 *   first
 */
GPtrArray *
lp2p_context_dup_connections (Lp2pContext *self, Lp2pPeerId *peer)
{
  g_return_val_if_fail (LP2P_IS_CONTEXT (self), NULL);
  return LP2P_CONTEXT_GET_IFACE (self)->dup_connections (self, peer);
}

/**
 * lp2p_context_add_observed_address:
 * @self: the context
 * @connection: over which it was told
 * @address: what the peer sees as our end of it
 *
 * Notes an address under which a peer sees this host.
 */
void
lp2p_context_add_observed_address (Lp2pContext *self,
                                   Lp2pConnection *connection,
                                   Lp2pMultiaddr *address)
{
  g_return_if_fail (LP2P_IS_CONTEXT (self));
  LP2P_CONTEXT_GET_IFACE (self)->add_observed_address (self, connection, address);
}

/**
 * lp2p_context_add_mapped_address:
 * @self: the context
 * @socket_id: which socket
 * @address: where the router forwards it from, as a bound address: without what the
 *   listeners of the socket add to theirs
 * @present: %FALSE when the mapping is gone
 *
 * Notes a port mapping on a router.
 */
void
lp2p_context_add_mapped_address (Lp2pContext *self,
                                 const char *socket_id,
                                 Lp2pMultiaddr *address,
                                 gboolean present)
{
  g_return_if_fail (LP2P_IS_CONTEXT (self));
  LP2P_CONTEXT_GET_IFACE (self)->add_mapped_address (self, socket_id, address, present);
}

/**
 * lp2p_context_begin_inbound:
 * @self: the context
 * @transport: which transport
 * @remote_address: who comes
 * @error: where to put the error
 *
 * Asks, before anything is spent on a handshake, whether an inbound connection is
 * wanted. It counts as half open until [method@Context.end_inbound] or
 * [method@Context.offer_inbound].
 *
 * Returns: whether to go on
 */
gboolean
lp2p_context_begin_inbound (Lp2pContext *self,
                            const char *transport,
                            Lp2pMultiaddr *remote_address,
                            GError **error)
{
  g_return_val_if_fail (LP2P_IS_CONTEXT (self), FALSE);
  return LP2P_CONTEXT_GET_IFACE (self)->begin_inbound (self, transport, remote_address, error);
}

/**
 * lp2p_context_end_inbound:
 * @self: the context
 * @transport: which transport
 * @remote_address: who came
 *
 * Says that a handshake that had begun came to nothing.
 */
void
lp2p_context_end_inbound (Lp2pContext *self, const char *transport, Lp2pMultiaddr *remote_address)
{
  g_return_if_fail (LP2P_IS_CONTEXT (self));
  LP2P_CONTEXT_GET_IFACE (self)->end_inbound (self, transport, remote_address);
}

/**
 * lp2p_context_is_crowded: (skip)
 * @self: the context
 * @remote_address: who comes
 *
 * Whether so many handshakes are under way, in all or with that address, that a
 * transport whose packets may have a forged address makes sure of it before it begins
 * one more: else strangers who are nowhere take all places.
 *
 * Returns: whether they are
 */
gboolean
lp2p_context_is_crowded (Lp2pContext *self, Lp2pMultiaddr *remote_address)
{
  g_return_val_if_fail (LP2P_IS_CONTEXT (self), FALSE);
  return LP2P_CONTEXT_GET_IFACE (self)->is_crowded (self, remote_address);
}

/**
 * lp2p_context_begin_handshake: (skip)
 * @self: the context
 * @transport: which transport
 * @remote_address: who comes
 * @give_up: called when the handshake has to make room for another one, while that is
 *   begun, or when the host is closed, also where its early connection was offered; it
 *   may call [method@Context.end_handshake]
 * @user_data: passed on
 * @error: where to put the error
 *
 * What [method@Context.begin_inbound] is for a transport that makes the handshake by
 * itself, and offers a connection with a session when it is over, or early. Strangers
 * may begin as many as they like: where all places are taken, one handshake is given up.
 *
 * Returns: (nullable): the handshake, for [method@Context.end_handshake]; %NULL where
 *   it is not wanted
 */
Lp2pHandshake *
lp2p_context_begin_handshake (Lp2pContext *self,
                              const char *transport,
                              Lp2pMultiaddr *remote_address,
                              Lp2pHandshakeGiveUp give_up,
                              gpointer user_data,
                              GError **error)
{
  g_return_val_if_fail (LP2P_IS_CONTEXT (self), NULL);
  return LP2P_CONTEXT_GET_IFACE (self)->begin_handshake (self, transport, remote_address, give_up, user_data, error);
}

/**
 * lp2p_context_advance_handshake: (skip)
 * @self: the context
 * @handshake: a handshake
 *
 * Says that it has come further than strangers do who only begin: whoever makes it is
 * known to be at its address, and has said what it wants. It then does not make room
 * for as long as there are more of those that have not.
 */
void
lp2p_context_advance_handshake (Lp2pContext *self, Lp2pHandshake *handshake)
{
  g_return_if_fail (LP2P_IS_CONTEXT (self));
  LP2P_CONTEXT_GET_IFACE (self)->advance_handshake (self, handshake);
}

/**
 * lp2p_context_end_handshake: (skip)
 * @self: the context
 * @handshake: (transfer full): a handshake
 *
 * Says that it is over: it came to nothing, was given up, or has come to its end. The
 * connection may be offered before that, and stays half open until then.
 */
void
lp2p_context_end_handshake (Lp2pContext *self, Lp2pHandshake *handshake)
{
  g_return_if_fail (LP2P_IS_CONTEXT (self));
  LP2P_CONTEXT_GET_IFACE (self)->end_handshake (self, handshake);
}

/**
 * lp2p_context_pass_on_handshake: (skip)
 * @self: the context
 * @handshake: (transfer full): a handshake
 *
 * Says that the transport has made its part of it and offers a connection with a layer
 * next, from the same IP: what it takes stays taken, as if it had been begun with
 * [method@Context.begin_inbound], and nobody is asked again.
 *
 * Returns: whether to offer the connection; %FALSE where it was given up
 */
gboolean
lp2p_context_pass_on_handshake (Lp2pContext *self, Lp2pHandshake *handshake)
{
  g_return_val_if_fail (LP2P_IS_CONTEXT (self), FALSE);
  return LP2P_CONTEXT_GET_IFACE (self)->pass_on_handshake (self, handshake);
}

/**
 * lp2p_context_dup_listeners:
 * @self: the context
 *
 * Returns: (transfer container) (element-type Lp2pListener): all listeners
 */
GPtrArray *
lp2p_context_dup_listeners (Lp2pContext *self)
{
  g_return_val_if_fail (LP2P_IS_CONTEXT (self), NULL);
  return LP2P_CONTEXT_GET_IFACE (self)->dup_listeners (self);
}

/**
 * lp2p_context_dup_observed_addresses:
 * @self: the context
 * @socket_id: which socket
 *
 * Returns: (transfer container) (element-type Lp2pMultiaddr): what peers see it as, most
 *   seen first
 */
GPtrArray *
lp2p_context_dup_observed_addresses (Lp2pContext *self, const char *socket_id)
{
  g_return_val_if_fail (LP2P_IS_CONTEXT (self), NULL);
  return LP2P_CONTEXT_GET_IFACE (self)->dup_observed_addresses (self, socket_id);
}

/**
 * lp2p_context_set_reachability:
 * @self: the context
 * @address: (nullable): which address, %NULL for the host as a whole
 * @reachability: what a test showed
 *
 * Notes whether strangers can dial in.
 */
void
lp2p_context_set_reachability (Lp2pContext *self,
                               Lp2pMultiaddr *address,
                               Lp2pReachability reachability)
{
  g_return_if_fail (LP2P_IS_CONTEXT (self));
  LP2P_CONTEXT_GET_IFACE (self)->set_reachability (self, address, reachability);
}

/**
 * lp2p_context_get_reachability:
 * @self: the context
 * @address: (nullable): which address, %NULL for the host as a whole
 *
 * Returns: whether strangers can dial in
 */
Lp2pReachability
lp2p_context_get_reachability (Lp2pContext *self, Lp2pMultiaddr *address)
{
  g_return_val_if_fail (LP2P_IS_CONTEXT (self), LP2P_REACHABILITY_UNKNOWN);
  return LP2P_CONTEXT_GET_IFACE (self)->get_reachability (self, address);
}

/**
 * lp2p_context_hold_connection:
 * @self: the context
 * @connection: which
 * @tag: who holds it
 * @hold: %FALSE to let it go
 *
 * Keeps a connection from being closed for being idle or one too many.
 */
void
lp2p_context_hold_connection (Lp2pContext *self,
                              Lp2pConnection *connection,
                              const char *tag,
                              gboolean hold)
{
  g_return_if_fail (LP2P_IS_CONTEXT (self));
  LP2P_CONTEXT_GET_IFACE (self)->hold_connection (self, connection, tag, hold);
}

/**
 * lp2p_context_report_rtt:
 * @self: the context
 * @connection: which
 * @rtt: microseconds
 *
 * Tells a round-trip time that was measured above the muxer.
 */
void
lp2p_context_report_rtt (Lp2pContext *self, Lp2pConnection *connection, gint64 rtt)
{
  g_return_if_fail (LP2P_IS_CONTEXT (self));
  LP2P_CONTEXT_GET_IFACE (self)->report_rtt (self, connection, rtt);
}

/**
 * lp2p_context_resolve_async:
 * @self: the context
 * @address: an address, with a name or without
 * @cancellable: (nullable): to give up
 * @callback: called when done
 * @user_data: passed on
 *
 * Resolves the names in an address: `/dns`, `/dns4`, `/dns6` and `/dnsaddr`, up to
 * the first relay, as what is behind `/p2p-circuit` is for that to resolve. An
 * address without names stands for itself. Of the records of a domain only those
 * count that end with what stands behind `/dnsaddr`, as a rule a peer id. How far
 * records are followed, how many there may be and how long it may take is bounded.
 */
void
lp2p_context_resolve_async (Lp2pContext *self,
                            Lp2pMultiaddr *address,
                            GCancellable *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer user_data)
{
  g_return_if_fail (LP2P_IS_CONTEXT (self));
  LP2P_CONTEXT_GET_IFACE (self)->resolve_async (self, address, cancellable, callback, user_data);
}

/**
 * lp2p_context_resolve_finish:
 * @self: the context
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Fails when no name leads to an address: with the code of the first failure, a
 * `G_RESOLVER_ERROR` as a rule, or with %G_IO_ERROR_TIMED_OUT. The message lists what
 * was asked and why it failed.
 *
 * Returns: (transfer container) (element-type Lp2pMultiaddr): at least one address without
 *   names, each once, in the order of the records, for `/dns` IPv6 before IPv4
 */
GPtrArray *
lp2p_context_resolve_finish (Lp2pContext *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (LP2P_IS_CONTEXT (self), NULL);
  return LP2P_CONTEXT_GET_IFACE (self)->resolve_finish (self, result, error);
}

/**
 * lp2p_context_update_peer:
 * @self: the context
 * @peer: who
 * @info: what it said of itself
 *
 * Notes what a peer said of itself.
 */
void
lp2p_context_update_peer (Lp2pContext *self, Lp2pPeerId *peer, const Lp2pPeerInfo *info)
{
  g_return_if_fail (LP2P_IS_CONTEXT (self));
  LP2P_CONTEXT_GET_IFACE (self)->update_peer (self, peer, info);
}

/**
 * lp2p_context_dup_peer_addresses:
 * @self: the context
 * @peer: who
 *
 * Returns: (transfer container) (element-type Lp2pMultiaddr): where it can be dialed, as
 *   far as known
 */
GPtrArray *
lp2p_context_dup_peer_addresses (Lp2pContext *self, Lp2pPeerId *peer)
{
  g_return_val_if_fail (LP2P_IS_CONTEXT (self), NULL);
  return LP2P_CONTEXT_GET_IFACE (self)->dup_peer_addresses (self, peer);
}

/**
 * lp2p_context_dup_peer_protocols:
 * @self: the context
 * @peer: who
 *
 * Returns: (transfer full) (nullable): what it serves, %NULL while unknown
 */
GStrv
lp2p_context_dup_peer_protocols (Lp2pContext *self, Lp2pPeerId *peer)
{
  g_return_val_if_fail (LP2P_IS_CONTEXT (self), NULL);
  return LP2P_CONTEXT_GET_IFACE (self)->dup_peer_protocols (self, peer);
}

/**
 * lp2p_context_get_peer_data:
 * @self: the context
 * @peer: who; the host's own id for data of the host itself
 * @plugin: whose entry
 * @key: its name
 *
 * Returns: (transfer full) (nullable): the entry, %NULL when there is none or it
 *   expired
 */
GBytes *
lp2p_context_get_peer_data (Lp2pContext *self,
                            Lp2pPeerId *peer,
                            const char *plugin,
                            const char *key)
{
  g_return_val_if_fail (LP2P_IS_CONTEXT (self), NULL);
  return LP2P_CONTEXT_GET_IFACE (self)->get_peer_data (self, peer, plugin, key);
}

/**
 * lp2p_context_set_peer_data:
 * @self: the context
 * @peer: who; the host's own id for data of the host itself
 * @plugin: whose entry
 * @key: its name
 * @data: (nullable): the entry, %NULL to remove it
 * @lifetime: for how many seconds
 * @flags: how to keep it
 *
 * Keeps an opaque entry about a peer, such as a session ticket or the security
 * protocol it took.
 */
void
lp2p_context_set_peer_data (Lp2pContext *self,
                            Lp2pPeerId *peer,
                            const char *plugin,
                            const char *key,
                            GBytes *data,
                            gint64 lifetime,
                            Lp2pPeerDataFlags flags)
{
  g_return_if_fail (LP2P_IS_CONTEXT (self));
  LP2P_CONTEXT_GET_IFACE (self)->set_peer_data (self, peer, plugin, key, data, lifetime, flags);
}
