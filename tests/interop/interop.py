#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""interop.py BUILD [PEER...]: every step of every pair, as `ok`, `not ok` and `skip` lines."""

import functools
import glob
import itertools
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
from peers import Listener, Missing, Peer, dial, last_line  # noqa: E402
from report import Report  # noqa: E402

# Lines for each peer, with all that it has; the preferred of each comes first. A row
# comes of each combination of which our build has the plugins. What a transport has
# built in is nothing to choose from.
BUILT_IN = "-"
ROWS = """
# peer  transports  security   muxers       work
lp2p    tcp         noise,tls  yamux,mplex  all
lp2p    quic-v1     -          -            all
lp2p    ws,wss      noise      yamux        all
go      tcp         noise,tls  yamux        all
go      quic-v1     -          -            all
go      ws,wss      noise      yamux        all
rust    tcp         noise,tls  yamux,mplex  all
rust    quic-v1     -          -            all
rust    ws,wss      noise      yamux        all
js      tcp         noise,tls  yamux,mplex  all
js      quic-v1     -          -            all
js      ws,wss      noise      yamux        all
py      tcp         noise,tls  yamux,mplex  less
py      quic-v1     -          -            least
py      ws,wss      noise      yamux        less
"""

# A whole run must not take long; LP2P_FULL=1 makes those do all the work that do less
# only because they are slow.
LESS = ("--upload-bytes=524288", "--streams=60", "--parallel=16")
WORK = {"all": (), "less": LESS, "least": LESS}

STEPS = ("connect", "identify", "ping", "upload", "download", "streams", "half-close", "reset",
         "wrong-peer")
# What is done where both sides offer more than one and only the choice is tested.
CHOICE_STEPS = ("connect", "identify", "ping")
# What a listener's library does not do, and whose tells no address of the transport, or
# none; peers/README.md tells more.
UNABLE = {("rust", "quic-v1"): ("reset",)}
# What only some peers can do over a transport.
EXTRA = {("go", "quic-v1"): ("datagrams",)}
# What only our dialer does, with any listener: QUIC keeps a reference to what is lent to it.
OURS = {"quic-v1": ("lend",)}
UNOBSERVANT = (("py", "quic-v1"), ("py", "ws"), ("py", "wss"))
DEFAULT_STACK = ("tcp", "noise", "yamux")
IP4, IP6 = "/ip4/127.0.0.1", "/ip6/::1"
PORTS = {"tcp": "/tcp/0", "quic-v1": "/udp/0/quic-v1", "ws": "/tcp/0/ws", "wss": "/tcp/0/tls/ws"}
# With whom all is done over IPv6, too.
ALSO_IP6 = (("lp2p", "quic-v1"), ("go", "quic-v1"))
# For wss: of localhost, signed by itself.
TLS = os.path.join(HERE, "..", "fixtures", "tls")
CERTIFICATE = os.path.join(TLS, "localhost.pem")
PRIVATE_KEY = os.path.join(TLS, "localhost-key.pem")

# All nine steps; each has 30 seconds of its own.
RUN_SECONDS = 150

KEY_SEED = "7"
SEEDED_PEER_ID = "12D3KooWL6nDXu5hGD71Ei3bs3TFmNk36y94XRkyXV6wfdfG4Rb4"


class Built(Peer):
    """A peer that was built, or the reason why it was not."""

    def __init__(self, name, build):
        super().__init__(name, build)
        self.missing = self.error = None
        try:
            self.build()
        except Missing as reason:
            self.missing = reason
        except RuntimeError as error:
            self.error = error


def table():
    """Each peer, the lists of what it has, and its work."""
    full = os.environ.get("LP2P_FULL") == "1"
    for line in ROWS.splitlines():
        if line.strip() and not line.startswith("#"):
            peer, *stack, work = line.split()
            yield peer, [names.split(",") for names in stack], WORK["all" if full and work == "less" else work]


@functools.cache
def built(build):
    """The names of the plugins that our build has."""
    names = {BUILT_IN}
    for path in glob.glob(os.path.join(glob.escape(build), "plugins", "*.plugin")):
        with open(path, encoding="utf-8") as descriptor:
            names.update(line[5:].strip() for line in descriptor if line.startswith("Name="))
    return names


def in_common(stack, build):
    """What is left of the lists with the plugins of our build."""
    return [[name for name in names if name in built(build)] for names in stack]


def combinations(wanted, build):
    """Each transport, security protocol and muxer that we share with a peer."""
    for peer, stack, _ in table():
        if peer == wanted:
            yield from itertools.product(*in_common(stack, build))


def choices(stack):
    """What a peer may have or prefer that is not what we propose first."""
    transports, security, muxers = stack
    for transport in transports:
        if len(security) > 1 or len(muxers) > 1:
            yield transport, security[-1], muxers[-1]
            yield transport, ",".join(security[::-1]), ",".join(muxers[::-1])


def rows(wanted, build):
    """The peer, our stack, the peer's stack, where to listen, the steps, and options for the
    dialer."""
    for peer, stack, work in table():
        if wanted and peer not in wanted:
            continue
        stack = in_common(stack, build)
        for one in itertools.product(*stack):
            for ip in (IP4, IP6) if (peer, one[0]) in ALSO_IP6 else (IP4,):
                yield peer, one, one, ip, STEPS + EXTRA.get((peer, one[0]), ()), work
        ours = tuple(",".join(names) for names in stack)
        for theirs in choices(stack):
            yield peer, ours, theirs, IP4, CHOICE_STEPS, ()


def pair_name(dialer, listener, ours, theirs, ip):
    name = f"{dialer.name}->{listener.name}"
    if ours == theirs == DEFAULT_STACK:
        return name
    if ours == theirs:
        return f"{name} {stack_name(theirs)}{' over IPv6' if ip == IP6 else ''}"
    return f"{name} {stack_name(theirs)} offered {stack_name(ours)}"


def stack_name(stack):
    return "/".join(name for name in stack if name != BUILT_IN)


def stack_options(stack):
    return [f"--{key}={value}" for key, value in zip(("transport", "security", "muxer"), stack)
            if value != BUILT_IN]


def tls_options(stack, listens):
    if stack[0] != "wss":
        return []
    if listens:
        return ["--tls-certificate", CERTIFICATE, "--tls-key", PRIVATE_KEY]
    return ["--tls-trust", CERTIFICATE]


def negotiated_reason(connect, *stacks):
    """Where the dialer knows what was negotiated, both sides must have offered it."""
    for kind, *offers in zip(("transport", "security", "muxer"), *stacks):
        said = (connect.get("detail") or {}).get(kind)
        # Some say the name, some the whole protocol id.
        name = said.strip("/").split("/")[0] if said else None
        if name and not all(name in offer.split(",") for offer in offers if offer != BUILT_IN):
            return f"the {kind} is {said}, offered were {' and '.join(offers)}"
    return None


def observed_reason(identify, listener, transport, ip):
    """Where the listener saw the dialer is an address of the transport and of IP's version."""
    observed = identify["detail"]["observedAddr"]
    # Some say that it is secure, some do not.
    names = {"ws", "wss"} if transport == "wss" else {transport}
    parts = (observed or "").split("/")
    if (listener.name, transport) in UNOBSERVANT or (names & set(parts) and ip.split("/")[1] in parts):
        return None
    return f"over {transport} from {ip} the observed address is {observed}"


def half_close_reason(dial_reason, listener_stderr):
    """Both sides must agree on what was sent."""
    if dial_reason is None and "half-close 1000" not in listener_stderr.splitlines():
        return "the listener did not report 1000 bytes"
    return dial_reason


def run_pair(report, name, dialer, listener, stacks, ip, steps, work):
    """Dialer and listener, each with its own stack, for one connection."""
    dialing, listening = stacks
    unable = UNABLE.get((listener.name, listening[0]), ())
    extra = OURS.get(dialing[0], ()) if dialer.name == "lp2p" else ()
    steps = [step for step in [*steps, *extra] if step not in unable]
    try:
        server = Listener(listener, [*stack_options(listening), *tls_options(listening, True),
                                     "--key-seed", KEY_SEED, "--address", ip + PORTS[listening[0]]])
    except RuntimeError as error:
        report.case(f"{name} listen", error)
        return
    with server:
        result = dial(dialer, server.address, [
            *stack_options(dialing), *tls_options(dialing, False), *work, f"--steps={','.join(steps)}"], RUN_SECONDS)
        status = server.stop()

    stderr = server.stderr()
    for step in steps:
        reason = result.reason(step)
        if step == "connect" and reason is None:
            reason = negotiated_reason(result.steps[step], dialing, listening)
        if step == "identify" and reason is None:
            reason = observed_reason(result.steps[step], listener, listening[0], ip)
        if step == "half-close":
            reason = half_close_reason(reason, stderr)
        report.case(f"{name} {step}", reason)
    if not server.address.endswith(f"/p2p/{SEEDED_PEER_ID}"):
        report.case(f"{name} key-seed", f"the listener is {server.address}")
    if status != 0:
        what = "had to be killed" if status is None else f"ended with status {status}"
        report.case(f"{name} end", f"the listener {what}: {last_line(stderr)}")


def main():
    build, *wanted = sys.argv[1:]
    build = os.path.abspath(build)
    ours = Peer("lp2p", build)
    report = Report()
    peers = {}
    for name, our_stack, stack, ip, steps, work in rows(wanted, build):
        if name not in peers:
            peers[name] = Built(name, build)
        peer = peers[name]
        sides = [((peer, stack), (ours, our_stack)), ((ours, our_stack), (peer, stack))]
        for (dialer, dialing), (listener, listening) in sides[: 1 if name == ours.name else 2]:
            case = pair_name(dialer, listener, our_stack, stack, ip)
            if peer.missing is not None:
                report.skip(case, f"missing: {peer.missing}")
            elif peer.error is not None:
                report.case(f"{case} build", peer.error)
            else:
                run_pair(report, case, dialer, listener, (dialing, listening), ip, steps, work)
    return report.status


if __name__ == "__main__":
    sys.exit(main())
