# SPDX-License-Identifier: LGPL-2.1-or-later
"""QUIC: each library with itself, beside a bare loop of ngtcp2 and GnuTLS, which for QUIC
is what a raw socket is for TCP."""

import concurrent.futures
import contextlib
import functools
import json
import os
import subprocess

import measure
from measure import QUIC_STACK, SECONDS, Sample
from link import Link
from link import Missing as LinkMissing
from peers import read_line

BARE_IDLE = 200
# What ngtcp2 finds by itself, and as loopback would take it.
LOOPS = (("raw loop", []), ("16 KiB loop", ["--payload=16384"]))

# 20 ms there and back, and one of a thousand is lost.
LOSSY = {"delay_ms": 10, "rate_mbit": 1000, "loss": 0.001}
# Two flows share it; they are left to find their parts before anybody counts.
SHARED = {"delay_ms": 10, "rate_mbit": 20}
SETTLE_US = 1_000_000
PORT, OTHER_PORT = 4001, 4002


class NotAvailable(Exception):
    """A side that does not exist yet; str() is what it said."""


def bare_program(context):
    program = os.path.join(context.build, "tests", "bench", "bench-quic")
    if not os.access(program, os.X_OK):
        raise NotAvailable("bare loop: ngtcp2's development files were not there")
    return program


def run_bare(context, direction, size, options=(), address="127.0.0.1",
             listener=functools.partial(measure.pinned, 0),
             dialer=functools.partial(measure.pinned, 1)):
    """Bytes per second, and the processor time of both sides."""
    program = bare_program(context)
    process = listener([program, "listen", *options, address], stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE)
    try:
        where = read_line(process, 30)
        amounts = ["0", str(size)] if direction == "download" else [str(size), "0"]
        dialed = measure.run_json([program, "dial", *options, where, *amounts], dialer)
        listened = json.loads(process.communicate(timeout=SECONDS)[0])
    finally:
        process.kill()
        process.wait()
    return size / dialed["seconds"], dialed["cpuSeconds"], listened["cpuSeconds"]


def loops(context, stack, number):
    size = context.size["bytes"]
    for name, options in LOOPS:
        for direction in ("upload", "download"):
            yield from measure.transfer_samples(
                f"{name}, {direction}", stack, "none", number, size,
                *run_bare(context, direction, size, options))


@contextlib.contextmanager
def listeners(context):
    """A listener of each peer that can."""
    found = []
    try:
        for peer in context.peers:
            try:
                found.append((peer, measure.listen(peer, QUIC_STACK)))
            except RuntimeError as reason:
                context.note(f"quic-v1, {peer.name}: not available: {reason}")
        yield found
    finally:
        for _, listener in found:
            listener.stop()


def noting(bench):
    """A bench of which a side does not exist yet has no rows, and says why."""
    @functools.wraps(bench)
    def run(context):
        try:
            yield from bench(context)
        except (NotAvailable, LinkMissing) as reason:
            context.note(f"{bench.__name__}, quic-v1: not available: {reason}")
    return run


@noting
def transfer(context):
    bare_program(context)
    with listeners(context) as found:
        yield from measure.transfer_rounds(context, QUIC_STACK, found, loops)


@noting
def connect(context):
    with listeners(context) as found:
        yield from measure.connect_rounds(context, QUIC_STACK, found)


@noting
def idle(context):
    """What a connection that does nothing holds, and of that the two libraries."""
    with listeners(context) as found:
        able = [peer for peer, _ in found]
    bare = measure.run_json([bare_program(context), "idle", str(BARE_IDLE)])
    for side in ("dialer", "listener"):
        yield Sample("idle", QUIC_STACK, "none", f"{side} heap", "KiB/connection",
                     bare[f"{side}Heap"] / 1024, 0)
    yield from measure.idle_all(context, able, QUIC_STACK)


# Lines between two namespaces

def ours(context):
    with listeners(context) as found:
        return next((peer for peer, _ in found if peer.name == "lp2p"), None)


def sides_of(line):
    return {side: functools.partial(line.popen, side) for side in "ab"}


def upload_ours(peer, line, size):
    """Seconds."""
    address = f"--address=/ip4/{line.address['b']}/udp/{PORT}/quic-v1"
    sides = sides_of(line)
    with measure.listen(peer, QUIC_STACK, sides["b"], [address]) as listener:
        return measure.run_peer(peer, "perf", listener.address, QUIC_STACK, upload=size,
                                popen=sides["a"])["upload"]["seconds"]


def upload_bare(context, congestion, port, line, size):
    """Seconds."""
    sides = sides_of(line)
    rate, *_ = run_bare(context, "upload", size, [f"--congestion={congestion}"],
                        f"{line.address['b']}:{port}", sides["b"], sides["a"])
    return size / rate


def flows(context):
    """Who is measured on lines: by what name, and how it uploads."""
    peer = ours(context)
    if peer is not None:
        yield "lp2p", functools.partial(upload_ours, peer)
    if context.gates_only:
        return
    for congestion in ("bbr", "cubic"):
        yield f"bare {congestion}", functools.partial(upload_bare, context, congestion, PORT)


@noting
def lossy(context):
    """One stream on a line that loses packets."""
    bare_program(context)
    size = context.size["bytes"] // 2
    for name, upload in flows(context):
        # Cubic takes ten times as long as the others.
        amount = size // 16 if name == "bare cubic" else size
        for number in range(context.size["link_runs"]):
            with Link(context.link, trace=False, seed=number + 1, **LOSSY) as line:
                yield Sample("lossy line", QUIC_STACK, name, "throughput", "MB/s",
                             amount / upload(line, amount) / 1e6, number)


def upload_tcp(context, line, size):
    sides = sides_of(line)
    measure.run_raw(context, "none", size, line.address["b"], sides["b"], sides["a"], "cubic")


def share(packets):
    """The part of the line, in percent, that the flow to PORT had while both flows were
    on it."""
    carried = [(p["t_us"], p["payload_len"], p["proto"] == "udp" and p["dport"] == PORT)
               for p in packets
               if p["from"] == "a" and p["proto"] in ("udp", "tcp") and "dropped" not in p]
    ours_at = [t for t, length, mine in carried if mine and length > 1000]
    others_at = [t for t, length, mine in carried if not mine and length > 1000]
    counted = []
    if ours_at and others_at:
        begin = max(ours_at[0], others_at[0]) + SETTLE_US
        end = min(ours_at[-1], others_at[-1])
        counted = [(length, mine) for t, length, mine in carried if begin <= t < end]
    if not counted:
        raise RuntimeError("the two flows were not on the line together")
    return 100 * sum(n for n, mine in counted if mine) / sum(n for n, _ in counted)


@contextlib.contextmanager
def urgent():
    """What is started meanwhile has a processor as soon as it wants one, where that is
    allowed. A narrow line keeps none busy; but who comes late to it loses packets, or sends
    them at once, whatever its control of congestion is."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def share_once(context, upload, upload_other, number):
    """The part of the first of two flows, in percent."""
    size = context.size["shared_bytes"]
    # The line is closed first: with it end the programs that threads wait for.
    with (urgent(), concurrent.futures.ThreadPoolExecutor() as pool,
          Link(context.link, seed=number + 1, **SHARED) as line):
        running = [pool.submit(run, line, size) for run in (upload, upload_other)]
        for one in running:
            one.result()
        return share(line.trace())


@noting
def shared(context):
    """Two flows on one narrow line: each must get its part of it."""
    bare_program(context)
    others = {"cubic TCP": functools.partial(upload_tcp, context),
              "cubic QUIC": functools.partial(upload_bare, context, "cubic", OTHER_PORT)}
    for name, upload in flows(context):
        for other, upload_other in others.items():
            for number in range(context.size["link_runs"]):
                part = share_once(context, upload, upload_other, number)
                for metric, value in ((f"own part beside {other}", part),
                                      (f"smaller part beside {other}", min(part, 100 - part))):
                    yield Sample("shared line", QUIC_STACK, name, metric, "%", value, number)


BENCHES = {"quic-transfer": transfer, "quic-connect": connect, "quic-idle": idle,
           "quic-lossy": lossy, "quic-shared": shared}
