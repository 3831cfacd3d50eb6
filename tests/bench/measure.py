# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is measured: each function yields samples, a number for a key in a round.

In every round all participants run, one after the other, so that whatever else
the machine does meets them all. Each side of a connection has one processor,
where there are two.
"""

import collections
import contextlib
import functools
import json
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(TESTS, "lib"))
sys.path.insert(0, os.path.join(TESTS, "interop"))
sys.path.insert(0, os.path.join(TESTS, "interop", "roundtrips"))
import roundtrips  # noqa: E402
from interop import IP4, PORTS, tls_options  # noqa: E402
from link import Link  # noqa: E402
from link import Missing as LinkMissing  # noqa: E402
from peers import Listener, Missing, Peer, dial, read_line  # noqa: E402

# One line for each stack, and the goal for an idle connection on each side.
STACKS = (("tcp", "noise", "yamux"), ("tcp", "tls", "yamux"))
PEERS = ("lp2p", "go", "rust")
# Slower than the others by far; it stands beside ours where browsers do.
WEB_PEERS = ("js",)
DIRECTIONS = ("upload", "download")
NO_STACK = ("tcp", "none", "none")
# As ours has it inside the machine (modules/tcp/README.md): both are compared by what they do.
LOOPBACK_CONGESTION = "reno"
# It has security and streams of its own.
QUIC_STACK = ("quic-v1", "tls", "native")

# Everything is as it comes, but for the limits.
OUR_LIMITS = {"max-connections": 100000, "max-connections-per-peer": 100000,
              "max-half-open-per-ip": 1000, "connections-high": 100000}
OUR_SERVICES = "services=['identify','ping','perf']"

SECONDS = 900
# Services greet new connections, and buffers are freed when they are done.
SETTLE_SECONDS = 2

# The line of the specification of this library's speed.
LINK_DELAY_MS = 30
LINK_RATE_MBIT = 1000
LINK_PORT = 4001
# A round trip at full rate is 7.5 MB, and the kernel's own limits are below that.
LINK_BUFFERS = "4096 131072 33554432"

MIB = 1 << 20

Sample = collections.namedtuple("Sample", "bench stack peer metric unit value round")


class Context:
    """The build, how much to do, and which peers there are. With gates_only, what no gate
    looks at is left out."""

    def __init__(self, build, size, note, gates_only=False):
        self.build = build
        self.size = size
        self.note = note
        self.gates_only = gates_only
        # The reasons, by name.
        self.missing = {}
        self.peers = list(self.built(PEERS))

    def built(self, names):
        for name in names:
            peer = Peer(name, self.build, {"G_DEBUG": "", "G_SLICE": "", "MALLOC_CHECK_": "0"})
            try:
                peer.build()
                yield peer
            except Missing as reason:
                self.missing[name] = f"missing: {str(reason).removeprefix('missing: ')}"
                self.note(f"the peer {name} is left out: {reason}")

    @functools.cached_property
    def web_peers(self):
        return [*self.peers, *(() if self.gates_only else self.built(WEB_PEERS))]

    @functools.cached_property
    def without_line(self):
        """Why there are no lines between namespaces here, or None."""
        try:
            with Link(self.link, delay_ms=1, trace=False):
                return None
        except LinkMissing as reason:
            return str(reason)

    @functools.cached_property
    def without_fast_open(self):
        """Why TCP Fast Open tells nothing here, or None."""
        return "missing: TCP Fast Open on this machine" if roundtrips.misses_fast_open(self.link) else None

    def amount(self, peer, what):
        """How many `bytes` or `connects` it gets."""
        return self.size[f"js_{what}" if peer.name == "js" else what]

    def has_plugin(self, name):
        return os.path.exists(os.path.join(self.build, "plugins", f"{name}.plugin"))

    @property
    def raw(self):
        return os.path.join(self.build, "tests", "bench", "bench-raw")

    @property
    def link(self):
        return os.path.join(self.build, "tests", "fixtures", "lp2p-link")


def pinned(side, argv, popen=subprocess.Popen, **options):
    """Runs a program on a processor of its own."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) > 1 and shutil.which("taskset"):
        argv = ["taskset", "-c", str(cpus[side]), *argv]
    return popen(argv, **options)


def options_of(peer, stack, listens=False):
    options = [f"--{key}={value}" for key, value in zip(("transport", "security", "muxer"), stack)]
    if stack == QUIC_STACK:
        del options[1:]
    options += tls_options(stack, listens)
    if peer.name == "lp2p":
        options += [f"--set={key}={value}" for key, value in OUR_LIMITS.items()]
    return options


def listen(peer, stack, popen=functools.partial(pinned, 0), options=()):
    options = [*options_of(peer, stack, listens=True), *options]
    if not any(o.startswith("--address=") for o in options):
        options.append(f"--address={IP4}{PORTS[stack[0]]}")
    if peer.name == "lp2p":
        options.append(f"--set={OUR_SERVICES}")
    return Listener(peer, options, popen)


def run_json(argv, popen=functools.partial(pinned, 1), **options):
    """The object that a program prints."""
    process = popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, **options)
    try:
        text = process.communicate(timeout=SECONDS)[0]
    finally:
        process.kill()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(argv[:3])} ended with status {process.returncode}")
    return json.loads(text)


def run_peer(peer, command, address, stack, **options):
    argv = [*peer.argv, command, address, *options_of(peer, stack)]
    argv += [f"--{key}={value}" for key, value in options.items() if key != "popen"]
    popen = options.get("popen", functools.partial(pinned, 1))
    return run_json(argv, popen, env=peer.environment)


# Raw loops

def run_raw(context, cipher, size, address="127.0.0.1", listener=functools.partial(pinned, 0),
            sender=functools.partial(pinned, 1), congestion=None):
    """Bytes per second, and the processor time of both sides."""
    process = listener([context.raw, "listen", cipher, address], stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE)
    try:
        where = read_line(process, 30)
        argv = [context.raw, "send", cipher, where, str(size)]
        sent = run_json(argv + ([congestion] if congestion else []), sender)
        received = json.loads(process.communicate(timeout=30)[0])
    finally:
        process.kill()
        process.wait()
    return size / sent["seconds"], sent["cpuSeconds"], received["cpuSeconds"]


def transfer_samples(bench, stack, peer, number, size, rate, dialer, listener):
    gigabytes = size / 1e9
    rows = (("throughput", "MB/s", rate / 1e6), ("dialer CPU", "s/GB", dialer / gigabytes),
            ("listener CPU", "s/GB", listener / gigabytes),
            ("CPU", "s/GB", (dialer + listener) / gigabytes))
    for metric, unit, value in rows:
        yield Sample(bench, stack, peer, metric, unit, value, number)


# The benches

def raw_loops(context, stack, number):
    size = context.size["bytes"]
    for cipher in ("none", stack[1]):
        where = NO_STACK if cipher == "none" else stack
        yield from transfer_samples("raw loop", where, "none", number, size,
                                    *run_raw(context, cipher, size, congestion=LOOPBACK_CONGESTION))


def transfer_once(context, bench, stack, peer, listener, direction, number):
    size = context.amount(peer, "bytes")
    who = peer.name if size == context.size["bytes"] else f"{peer.name}, {size // MIB} MiB"
    before = listener.ask_usage()["cpu"]
    result = run_peer(peer, "perf", listener.address, stack, **{direction: size})[direction]
    used = listener.ask_usage()["cpu"] - before
    yield from transfer_samples(bench, stack, who, number, size, size / result["seconds"],
                                result["cpuSeconds"], used)


def transfer_rounds(context, stack, listeners, loops=raw_loops):
    for number in range(context.size["runs"]):
        yield from loops(context, stack, number)
        for direction in DIRECTIONS:
            for peer, listener in listeners:
                yield from transfer_once(context, direction, stack, peer, listener, direction, number)


@contextlib.contextmanager
def listening(peers, stack):
    """Pairs of a peer and its listener."""
    with contextlib.ExitStack() as listeners:
        yield [(peer, listeners.enter_context(listen(peer, stack))) for peer in peers]


def transfer(context):
    """One stream over /perf/1.0.0, each library with itself, beside raw loops."""
    for stack in STACKS:
        with listening(context.peers, stack) as listeners:
            yield from transfer_rounds(context, stack, listeners)


def connect_rounds(context, stack, listeners):
    for number in range(context.size["runs"]):
        for parallel, metric in ((1, "sequential"), (64, "64 parallel")):
            for peer, listener in listeners:
                count = context.amount(peer, "connects")
                before = listener.ask_usage()["cpu"]
                result = run_peer(peer, "connect-loop", listener.address, stack, count=count,
                                  parallel=parallel)
                used = listener.ask_usage()["cpu"] - before + result["cpuSeconds"]
                yield Sample("connect", stack, peer.name, metric, "1/s", result["perSecond"], number)
                yield Sample("connect", stack, peer.name, f"{metric} CPU", "ms/connection",
                             used * 1000 / count, number)


def connect(context):
    """Connections that echo 32 bytes and end, with identify as it comes."""
    for stack in STACKS:
        with listening(context.peers, stack) as listeners:
            yield from connect_rounds(context, stack, listeners)


def private_bytes(pid):
    """Pages that no other process shares."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as lines:
        return 1024 * sum(int(l.split()[1]) for l in lines if l.startswith("Private_"))


def idle_of(context, peer, stack, count):
    with listen(peer, stack) as listener:
        # What only the first connection needs does not count.
        dial(peer, listener.address, [*options_of(peer, stack), "--steps=connect,ping"])
        time.sleep(SETTLE_SECONDS)
        before, pages = listener.ask_usage(), private_bytes(listener.pid)
        dialer = pinned(1, [*peer.argv, "idle", listener.address, *options_of(peer, stack),
                            f"--count={count}"],
                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=peer.environment)
        try:
            line = read_line(dialer, SECONDS)
            if not line:
                raise RuntimeError(f"the peer {peer.name} makes no {count} connections")
            result = json.loads(line)
            time.sleep(SETTLE_SECONDS)
            after, more_pages = listener.ask_usage(), private_bytes(listener.pid)
        finally:
            dialer.stdin.close()
            dialer.kill()
            dialer.wait()
    per = 1024 * count
    rows = {"listener heap": (after["heap"] - before["heap"]) / per}
    if peer.name == "lp2p":
        # A collector of garbage keeps pages as it likes, and the dialers of the
        # others are as many hosts as connections.
        rows["listener private"] = (more_pages - pages) / per
        rows["dialer heap"] = result["heapGrowth"] / per
        rows["dialer resident"] = result["rssGrowth"] / per
    for metric, value in rows.items():
        yield Sample("idle", stack, peer.name, metric, "KiB/connection", value, 0)


def idle_all(context, peers, stack):
    for peer in peers:
        if context.gates_only and peer.name != "lp2p":
            continue
        count = context.size["idle" if peer.name == "lp2p" else "foreign_idle"]
        try:
            yield from idle_of(context, peer, stack, count)
        except RuntimeError as reason:
            if peer.name == "lp2p":
                raise
            context.note(f"idle, {peer.name}: {reason}")


def idle(context):
    """What a connection that does nothing holds."""
    for stack in STACKS:
        yield from idle_all(context, context.peers, stack)


def set_buffers(sides):
    for popen in sides.values():
        for key in ("tcp_rmem", "tcp_wmem"):
            if popen(["sysctl", "-qw", f"net.ipv4.{key}={LINK_BUFFERS}"]).wait() != 0:
                raise RuntimeError(f"cannot set net.ipv4.{key}")


def link(context):
    """One stream on a line of 60 ms and 1 Gbit/s, beside raw TCP on it."""
    size = context.size["link_bytes"]
    ours = next(peer for peer in context.peers if peer.name == "lp2p")
    try:
        line = Link(context.link, LINK_DELAY_MS, LINK_RATE_MBIT, trace=False)
    except LinkMissing as reason:
        context.note(f"the delayed line is left out: {reason}")
        return
    with line:
        sides = {side: functools.partial(line.popen, side) for side in "ab"}
        set_buffers(sides)
        address = f"/ip4/{line.address['b']}/tcp/{LINK_PORT}"
        for number in range(context.size["link_runs"]):
            rate, *used = run_raw(context, "none", size, line.address["b"], sides["b"], sides["a"])
            yield from transfer_samples("delayed line", NO_STACK, "none", number, size, rate, *used)
            for stack in STACKS:
                with listen(ours, stack, sides["b"], [f"--address={address}"]) as listener:
                    result = run_peer(ours, "perf", listener.address, stack, upload=size,
                                      popen=sides["a"])["upload"]
                yield Sample("delayed line", stack, "lp2p", "throughput", "MB/s",
                             size / result["seconds"] / 1e6, number)


def round_trips_of(context, peers, stacks):
    ours = next(peer for peer in context.peers if peer.name == "lp2p")
    cases = [(peer, stack, fast_open) for peer in peers for stack in stacks
             for fast_open in ((False, True) if peer is ours else (False,))]
    for peer, stack, fast_open in cases:
        try:
            found = roundtrips.measure(context.link, ours, peer, stack, "cookie" if fast_open else "-")
        except LinkMissing as reason:
            context.note(f"round trips are left out: {reason}")
            return
        except roundtrips.Failed as reason:
            raise RuntimeError(f"round trips to {peer.name}: {reason}") from reason
        metric = "with TCP Fast Open" if fast_open else "first answered byte"
        yield Sample("round trips", stack, peer.name, metric, "round trips", found, 0)


def round_trips(context):
    """From a fresh dial to the first byte that is answered, counted by causality."""
    yield from round_trips_of(context, context.peers, STACKS)


def codec(context):
    """Noise beside the cipher alone, yamux and WebSocket beside the copies that they make."""
    for program in ("bench/bench-codec", "loadable/bench-yamux", "loadable/bench-ws"):
        argv = [os.path.join(context.build, "tests", program), "--json"]
        if not os.path.exists(argv[0]):
            continue  # WebSocket is not built where its libraries are absent.
        done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True, timeout=SECONDS)
        for line in done.stdout.splitlines():
            row = json.loads(line)
            if row["unit"] == "GB/s":
                yield Sample("codec", NO_STACK, row["bench"], row["metric"], row["unit"], row["value"], 0)


BENCHES = {"codec": codec, "transfer": transfer, "connect": connect, "idle": idle, "link": link,
           "round-trips": round_trips}
