#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""roundtrips.py BUILD: how many round trips pass from a fresh dial to the first
byte that an application on the other side answers, as `ok`, `not ok` and `skip`
lines.

No clock decides. Our dialer ends the moment it has that byte, without closing
anything, and its system then tells the other side so; with QUIC its last packet
does. The causal depth of that packet is one more than the depth of all that had
reached the dialer by then.
"""

import functools
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
sys.path.insert(0, os.path.join(HERE, "..", "..", "lib"))
import fast_open  # noqa: E402
from interop import BUILT_IN, in_common, stack_name, stack_options, tls_options  # noqa: E402
from link import Link  # noqa: E402
from link import Missing as LinkMissing  # noqa: E402
from peers import Listener, Missing, Peer, dial  # noqa: E402

# One way. A flight must be sent within a round trip, also on a busy machine; js and
# py take their time over a handshake.
DELAY_MS = 60
SLOW_DELAY_MS = 1000
SLOW = ("js", "py")
MORE_DIALS = 2
PORT = 4001
PORTS = {"tcp": f"tcp/{PORT}", "quic-v1": f"udp/{PORT}/quic-v1", "ws": f"tcp/{PORT}/ws",
         "wss": f"tcp/{PORT}/tls/ws"}
# The certificate is of localhost, not of the addresses of the line; not all listen on a name.
NAMED = ("/tls/ws/", "/tls/sni/localhost/ws/")
MARKER_PORT = 4009
MARK = """
import socket, sys
socket.socket(type=socket.SOCK_DGRAM).sendto(b"", (sys.argv[1], int(sys.argv[2])))
"""
MARK_SECONDS = 10
# What a host enables where nobody says otherwise.
OURS = "yamux,mplex"

# One line for each case: the listener, what both sides speak, what the dialer keeps of a
# dial before, whether the listener is under load, and the round trips. rust and py agree on
# a muxer behind the handshake, to which our first one is proposed ahead.
ROWS = """
# listener  transport  security  muxers       kept    load  round-trips
lp2p        tcp        noise     yamux,mplex  -       -     3
lp2p        tcp        tls       yamux,mplex  -       -     3
go          tcp        noise     yamux        -       -     3
go          tcp        tls       yamux        -       -     3
rust        tcp        noise     yamux,mplex  -       -     3
rust        tcp        tls       yamux,mplex  -       -     3
js          tcp        noise     yamux,mplex  -       -     3
js          tcp        tls       yamux,mplex  -       -     3
py          tcp        noise     yamux,mplex  -       -     3
py          tcp        tls       yamux,mplex  -       -     3
lp2p        tcp        noise     yamux,mplex  cookie  -     2
lp2p        tcp        tls       yamux,mplex  cookie  -     2
lp2p        ws         noise     yamux,mplex  -       -     4
lp2p        wss        noise     yamux,mplex  -       -     5
lp2p        ws         noise     yamux,mplex  cookie  -     3
lp2p        wss        noise     yamux,mplex  cookie  -     4
go          ws         noise     yamux        -       -     4
go          wss        noise     yamux        -       -     5
rust        ws         noise     yamux,mplex  -       -     4
rust        wss        noise     yamux,mplex  -       -     5
js          ws         noise     yamux,mplex  -       -     4
js          wss        noise     yamux,mplex  -       -     5
py          ws         noise     yamux,mplex  -       -     4
py          wss        noise     yamux,mplex  -       -     5
lp2p        quic-v1    -         -            -       -     2
go          quic-v1    -         -            -       -     2
rust        quic-v1    -         -            -       -     2
js          quic-v1    -         -            -       -     2
py          quic-v1    -         -            -       -     2
lp2p        quic-v1    -         -            ticket  -     1
go          quic-v1    -         -            store   -     2
rust        quic-v1    -         -            store   -     2
js          quic-v1    -         -            store   -     2
py          quic-v1    -         -            store   -     2
lp2p        quic-v1    -         -            -       full  3
lp2p        quic-v1    -         -            token   full  2
lp2p        quic-v1    -         -            ticket  full  1
"""

# What can be kept: nothing, the cookie of TCP Fast Open, the token that proves an address,
# and with that the ticket of a session. The latter two are in the peer store, where others
# may have given either, or none: then it takes at the most what a fresh dial does.
KEPT = {"-": "", "cookie": " with TCP Fast Open", "token": " with a token", "ticket": " resumed",
        "store": " the second time"}
STORED = ("token", "ticket", "store")
# Half of the places for handshakes, from which on a client has to prove its address, are
# taken without anybody else: a retry, or the token in its place.
LOAD = {"-": (), "full": ("--set=max-half-open=1",)}


class Failed(Exception):
    pass


def set_fast_open(link, value):
    for side in "ab":
        done = link.popen(side, ["sysctl", "-qw", f"net.ipv4.tcp_fastopen={value}"])
        if done.wait() != 0:
            raise Failed("cannot set net.ipv4.tcp_fastopen")


def last_dial(packets):
    """The packets of the flow that was opened last, and how many were opened."""
    opened = [p for p in packets if p["from"] == "a" and p["dport"] == PORT
              and (p["proto"] == "udp" or p["flags"] == "S")]
    ports = list(dict.fromkeys(p["sport"] for p in opened))
    if not ports:
        raise Failed("the dialer opened nothing")
    return [p for p in packets if ports[-1] in (p["sport"], p["dport"])], len(ports)


def count(packets):
    """The round trips until the dialer ended."""
    sent = [p for p in packets if p["from"] == "a"]
    ends = [p for p in sent if set(p["flags"]) & set("FR")] or [p for p in sent[-1:] if p["proto"] == "udp"]
    if not ends:
        raise Failed("the dialer's end is not in the trace")
    return (ends[0]["depth"] - 1) / 2


def whole_trace(link):
    """What has entered the line: a datagram behind all else tells that it is complete."""
    command = [sys.executable, "-c", MARK, link.address["b"], str(MARKER_PORT)]
    if link.popen("a", command).wait() != 0:
        raise Failed("cannot mark the end of the trace")
    deadline = time.monotonic() + MARK_SECONDS
    while time.monotonic() < deadline:
        packets = link.trace()
        if any(packet["dport"] == MARKER_PORT for packet in packets):
            return packets
    raise Failed("the end of the trace does not come")


def dial_first_byte(dialer, address, options, popen, steps=("connect", "first-byte")):
    result = dial(dialer, address, [*options, "--steps=" + ",".join(steps)], popen=popen)
    for step in steps:
        if result.reason(step) is not None:
            raise Failed(f"{step}: {result.reason(step)}")


def measure(link_binary, dialer, listener, stack, kept="-", load="-"):
    """The round trips of a dial; `stack` is the transport, the security protocol and the
    listener's muxers."""
    theirs = stack_options(stack) + tls_options(stack, True) + [*LOAD[load]]
    ours = stack_options((*stack[:2], stack[2] if stack[2] == BUILT_IN else OURS)) + tls_options(stack, False)
    delay_ms = SLOW_DELAY_MS if listener.name in SLOW else DELAY_MS
    with Link(link_binary, delay_ms=delay_ms) as link, tempfile.TemporaryDirectory() as folder:
        popen = {side: functools.partial(link.popen, side) for side in "ab"}
        set_fast_open(link, 3 if kept == "cookie" else 0)
        address = f"/ip4/{link.address['b']}/{PORTS[stack[0]]}"
        if kept in STORED:
            ours += ["--key-seed=1", f"--set=peer-store='{folder}/peers'"]
        with Listener(listener, [*theirs, "--address", address], popen["b"]) as server:
            address = server.address.replace("/wss/", NAMED[0]).replace(*NAMED)
            if kept != "-":
                dial_first_byte(dialer, address, ours, popen["a"])
            steps = ("first-byte",) if kept == "ticket" else ("connect", "first-byte")
            dial_first_byte(dialer, address, [*ours, "--abrupt"], popen["a"], steps)
            packets, opened = last_dial(whole_trace(link))
        dials = 1 if kept == "-" else 2
        if opened != dials:
            raise Failed(f"{opened} connections were opened, expected {dials}")
        return count(packets)


def measure_least(link_binary, dialer, listener, stack, kept, load, expected):
    """The fewest of some dials: a program that is kept from running for longer than a
    round trip sends what seems to answer what came meanwhile, which only adds some."""
    found = measure(link_binary, dialer, listener, stack, kept, load)
    for _ in range(MORE_DIALS):
        if found <= expected:
            break
        found = min(found, measure(link_binary, dialer, listener, stack, kept, load))
    return found


def misses_fast_open(link_binary):
    """Whether this machine has none, whoever asks for it."""
    with Link(link_binary, delay_ms=1) as link:
        set_fast_open(link, 3)
        return not fast_open.works(link)


def run_row(build, name, stack, kept, load, expected):
    """Whether the row is all right, or cannot be done."""
    case = f"lp2p->{name} {stack_name(stack[:2])} round trips{KEPT[kept]}"
    if load != "-":
        case += " under load"
    link_binary = os.path.join(build, "tests", "fixtures", "lp2p-link")
    try:
        listener = Peer(name, build)
        listener.build()
        found = measure_least(link_binary, Peer("lp2p", build), listener, stack, kept, load, expected)
    except (Missing, LinkMissing) as reason:
        print(f"skip {case}: missing: {str(reason).removeprefix('missing: ')}", flush=True)
        return True
    except (Failed, RuntimeError, subprocess.SubprocessError) as error:
        print(f"not ok {case}: {error}", flush=True)
        return False
    if found == expected or (kept == "store" and found < expected):
        print(f"ok {case}", flush=True)
    elif kept == "cookie" and found == expected + 1 and misses_fast_open(link_binary):
        print(f"skip {case}: missing: TCP Fast Open on this machine", flush=True)
    else:
        print(f"not ok {case}: {found:g}, expected {expected}", flush=True)
        return False
    return True


def takes_long(name, stack):
    """A row of a slow peer takes ten seconds and more: what others show as well is left out
    unless everything is to be done."""
    return name in SLOW and (stack[0] in ("ws", "wss") or stack[1] == "tls")


def main():
    build = os.path.abspath(sys.argv[1])
    full = os.environ.get("LP2P_FULL") == "1"
    ok = True
    for line in ROWS.splitlines():
        if line.strip() and not line.startswith("#"):
            name, *stack, kept, load, expected = line.split()
            if all(in_common([stack[:1]], build)) and (full or not takes_long(name, stack)):
                ok = run_row(build, name, stack, kept, load, int(expected)) and ok
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
