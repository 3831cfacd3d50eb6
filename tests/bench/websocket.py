# SPDX-License-Identifier: LGPL-2.1-or-later
"""WebSocket: each library with itself, the one of the browsers too, and beside our own TCP
in the same rounds."""

import functools

import measure

STACKS = (("ws", "noise", "yamux"), ("wss", "noise", "yamux"))
TCP_STACK = ("tcp", "noise", "yamux")


def stacks(context):
    for stack in STACKS:
        if context.has_plugin(stack[0]):
            yield stack
        else:
            context.note(f"{stack[0]} is left out: it is not built")


def own_tcp(peer, listener, context, stack, number):
    for direction in measure.DIRECTIONS:
        yield from measure.transfer_once(context, f"beside {stack[0]}, {direction}", TCP_STACK, peer, listener,
                                         direction, number)


def transfer(context):
    """One stream over /perf/1.0.0."""
    ours = [peer for peer in context.peers if peer.name == "lp2p"]
    for stack in stacks(context):
        with measure.listening(context.web_peers, stack) as listeners, \
                measure.listening(ours, TCP_STACK) as [tcp]:
            yield from measure.transfer_rounds(context, stack, listeners, functools.partial(own_tcp, *tcp))


def connect(context):
    """Connections that echo 32 bytes and end."""
    for stack in stacks(context):
        with measure.listening(context.web_peers, stack) as listeners:
            yield from measure.connect_rounds(context, stack, listeners)


def idle(context):
    """What a connection that does nothing holds."""
    for stack in stacks(context):
        yield from measure.idle_all(context, context.web_peers, stack)


def round_trips(context):
    """From a fresh dial to the first byte that is answered; js would take long over it."""
    yield from measure.round_trips_of(context, context.peers, list(stacks(context)))


BENCHES = {"ws-transfer": transfer, "ws-connect": connect, "ws-idle": idle, "ws-round-trips": round_trips}
