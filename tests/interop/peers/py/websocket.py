# SPDX-License-Identifier: LGPL-2.1-or-later
"""WebSocket as the library has it, with the files that were named for TLS."""

import ssl

import multiaddr
from libp2p.transport.upgrader import TransportUpgrader
from libp2p.transport.websocket.transport import WebsocketTransport


def new_transport(key, options):
    client = server = None
    if options.tls_trust is not None:
        client = ssl.create_default_context(cafile=options.tls_trust)
    if options.tls_certificate is not None:
        server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        server.load_cert_chain(options.tls_certificate, options.tls_key)
    # The host has an upgrader of its own, and upgrades what the transport makes.
    return WebsocketTransport(
        TransportUpgrader({}, {}), tls_client_config=client, tls_server_config=server
    )


def dialable(address):
    """The library dials .../wss/p2p/..., but not .../tls/ws/p2p/..., which is the same."""
    return multiaddr.Multiaddr(str(address).replace("/tls/ws", "/wss"))
