#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""roundtrips.py BUILD: how many round trips pass from a fresh dial to the first
byte that an application on the other side answers, as `ok`, `not ok` and `skip`
lines.

No clock decides. Our dialer ends the moment it has that byte, without closing
anything, and its system then tells the other side so. The causal depth of that
packet is one more than the depth of all that had reached the dialer by then.
"""

import functools
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "lib"))
from link import Link  # noqa: E402
from link import Missing as LinkMissing  # noqa: E402
from peers import Listener, Missing, Peer, dial  # noqa: E402

# One way. A flight must be sent within a round trip, also on a busy machine; js and
# py take their time over a handshake.
DELAY_MS = 60
SLOW_DELAY_MS = 1000
SLOW = ("js", "py")
PORT = 4001
# What a host enables where nobody says otherwise.
OURS = "yamux,mplex"

# One line for each case: the listener, what both sides speak, TCP Fast Open, and the
# round trips. rust and py agree on a muxer behind the handshake, to which our first one
# is proposed ahead. No dialer has met its listener before, but for Fast Open.
ROWS = """
# listener  security  muxers       fast-open  round-trips
lp2p        noise     yamux,mplex  off        3
lp2p        tls       yamux,mplex  off        3
go          noise     yamux        off        3
go          tls       yamux        off        3
rust        noise     yamux,mplex  off        3
rust        tls       yamux,mplex  off        3
js          noise     yamux,mplex  off        3
py          noise     yamux,mplex  off        3
lp2p        noise     yamux,mplex  on         2
lp2p        tls       yamux,mplex  on         2
"""


class Failed(Exception):
    pass


def set_fast_open(link, value):
    for side in "ab":
        done = link.popen(side, ["sysctl", "-qw", f"net.ipv4.tcp_fastopen={value}"])
        if done.wait() != 0:
            raise Failed("cannot set net.ipv4.tcp_fastopen")


def last_dial(packets):
    """The packets of the flow that was opened last, and how many were opened."""
    opened = [p for p in packets if p["from"] == "a" and p["flags"] == "S" and p["dport"] == PORT]
    ports = list(dict.fromkeys(p["sport"] for p in opened))
    if not ports:
        raise Failed("the dialer sent no SYN")
    return [p for p in packets if ports[-1] in (p["sport"], p["dport"])], len(ports)


def count(packets):
    """The round trips until the dialer ended."""
    for packet in packets:
        if packet["from"] == "a" and set(packet["flags"]) & set("FR"):
            return (packet["depth"] - 1) / 2
    raise Failed("the dialer's end is not in the trace")


def measure(link_binary, dialer, listener, security, muxers, fast_open):
    stack = ["--security", security, "--muxer"]
    delay_ms = SLOW_DELAY_MS if listener.name in SLOW else DELAY_MS
    with Link(link_binary, delay_ms=delay_ms) as link:
        set_fast_open(link, 3 if fast_open else 0)
        address = f"/ip4/{link.address['b']}/tcp/{PORT}"
        with Listener(listener, [*stack, muxers, "--address", address],
                      functools.partial(link.popen, "b")) as server:
            # The first connection brings the cookie for the second.
            dials = 2 if fast_open else 1
            for _ in range(dials):
                result = dial(dialer, server.address, [*stack, OURS, "--steps=connect,first-byte", "--abrupt"],
                              popen=functools.partial(link.popen, "a"))
                for step in ("connect", "first-byte"):
                    if result.reason(step) is not None:
                        raise Failed(f"{step}: {result.reason(step)}")
            # What the dialer's system sent at its end is on the line by now.
            packets, opened = last_dial(link.trace())
        if opened != dials:
            raise Failed(f"{opened} connections were opened, expected {dials}")
        return count(packets)


def run_row(build, name, security, muxers, fast_open, expected):
    case = f"lp2p->{name} {security} round trips{' with TCP Fast Open' if fast_open else ''}"
    link_binary = os.path.join(build, "tests", "fixtures", "lp2p-link")
    try:
        listener = Peer(name, build)
        listener.build()
        found = measure(link_binary, Peer("lp2p", build), listener, security, muxers, fast_open)
    except (Missing, LinkMissing) as reason:
        print(f"skip {case}: missing: {str(reason).removeprefix('missing: ')}", flush=True)
        return True
    except (Failed, RuntimeError, subprocess.SubprocessError) as error:
        print(f"not ok {case}: {error}", flush=True)
        return False
    if found == expected:
        print(f"ok {case}", flush=True)
    elif fast_open and found == expected + 1:
        print(f"skip {case}: Fast Open is not used, {found:g} round trips", flush=True)
    else:
        print(f"not ok {case}: {found:g}, expected {expected}", flush=True)
        return False
    return True


def main():
    build = os.path.abspath(sys.argv[1])
    ok = True
    for line in ROWS.splitlines():
        if line.strip() and not line.startswith("#"):
            name, security, muxers, fast_open, expected = line.split()
            ok = run_row(build, name, security, muxers, fast_open == "on", int(expected)) and ok
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
