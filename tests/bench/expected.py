# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which rows there must be, by what is built and what the machine allows."""

import os

import gates
import measure
import rows
import sending
import websocket

QUIC = (measure.QUIC_STACK,)
# The rows with gates that each bench has: what they are called, and of which stacks.
GATED = {
    "transfer": (measure.DIRECTIONS, measure.STACKS),
    "ws-transfer": (measure.DIRECTIONS, websocket.STACKS),
    "quic-transfer": (measure.DIRECTIONS, QUIC),
    "idle": (("idle",), measure.STACKS),
    "ws-idle": (("idle",), websocket.STACKS),
    "quic-idle": (("idle",), QUIC),
    "link": (("delayed line",), measure.STACKS),
    "quic-lossy": (("lossy line",), QUIC),
    "quic-shared": (("shared line",), QUIC),
    "round-trips": (("round trips",), measure.STACKS),
    "ws-round-trips": (("round trips",), websocket.STACKS),
    "send": (("send, disk",), (*measure.STACKS, *QUIC)),
}
ON_A_LINE = ("delayed line", "lossy line", "shared line", "round trips")


# A quick run

def quick_rows(build):
    """The rows of a quick run that need neither other peers nor privileges."""
    for stack in (*measure.STACKS, *QUIC, *websocket.STACKS):
        if os.path.exists(os.path.join(build, "plugins", f"{stack[0]}.plugin")):
            yield from stack_rows(stack)
    for place, _ in sending.places():
        for metric in ("throughput", "throughput / perf", "small files"):
            yield f"send, {place}", measure.STACKS[0], metric


def stack_rows(stack):
    beside = rows.beside("", stack)[0]
    for bench in measure.DIRECTIONS:
        for metric in ("throughput", "dialer CPU", "listener CPU", f"throughput / {beside}"):
            yield bench, stack, metric
    for metric in ("sequential", "64 parallel"):
        yield "connect", stack, metric
    for side in ("dialer", "listener"):
        yield "idle", stack, f"{side} heap"


# Gates

def gate_rows(context, name):
    """The keys of the rows with gates that a bench must have, each with the reason why it
    cannot be told here, or None."""
    benches, stacks = GATED.get(name, ((), ()))
    found = {}
    for stack in stacks:
        for bench, metric in gates.gated(stack):
            if bench in benches and context.has_plugin(stack[0]) and is_compared(context, bench, stack, metric):
                for peer in listeners(bench, metric):
                    found[bench, stack, peer, metric] = unable(context, bench, peer, metric)
    return found


def is_compared(context, bench, stack, metric):
    """Whether what a ratio is to has rows."""
    base = metric.partition(" / ")[2]
    if base == "best peer":
        return len(context.peers) > 1
    if base == "perf":
        return bench in [f"send, {place}" for place, _ in sending.places()]
    return base in ("", rows.beside(bench, stack)[0])


def listeners(bench, metric):
    is_dial = bench == "round trips" and metric == "first answered byte"
    return measure.PEERS if is_dial else (rows.OURS,)


def unable(context, bench, peer, metric):
    if bench in ON_A_LINE and context.without_line:
        return context.without_line
    if metric == "with TCP Fast Open":
        return context.without_fast_open
    return context.missing.get(peer)
