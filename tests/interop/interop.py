#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""interop.py BUILD [PEER...]: every step of every pair, as `ok`, `not ok` and `skip` lines."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
from peers import Listener, Missing, Peer, dial, last_line  # noqa: E402

# One line for each peer and stack that it shares with us. "full" rows need
# LP2P_FULL=1: their peers take many minutes to build for the first time.
ROWS = """
# peer  transport  security  muxer   when
lp2p    tcp        noise     yamux   always
lp2p    tcp        tls       yamux   always
go      tcp        noise     yamux   always
go      tcp        tls       yamux   always
js      tcp        noise     yamux   always
rust    tcp        noise     yamux   full
"""

STEPS = ("connect", "identify", "ping", "upload", "download", "streams", "half-close", "reset",
         "wrong-peer")
DEFAULT_STACK = ("tcp", "noise", "yamux")
ADDRESSES = {"tcp": "/ip4/127.0.0.1/tcp/0"}

# All nine steps; each has 30 seconds of its own.
RUN_SECONDS = 150

KEY_SEED = "7"
SEEDED_PEER_ID = "12D3KooWL6nDXu5hGD71Ei3bs3TFmNk36y94XRkyXV6wfdfG4Rb4"


class Report:
    failed = 0

    def case(self, name, reason=None):
        if reason is None:
            print(f"ok {name}", flush=True)
        else:
            self.failed += 1
            print(f"not ok {name}: {reason}", flush=True)

    def skip(self, name, reason):
        print(f"skip {name}: {reason}", flush=True)


def rows(wanted):
    full = os.environ.get("LP2P_FULL") == "1"
    for line in ROWS.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        peer, *stack, when = line.split()
        if (not wanted or peer in wanted) and (when == "always" or full or peer in wanted):
            yield peer, tuple(stack)


def pair_name(dialer, listener, stack):
    name = f"{dialer.name}->{listener.name}"
    return name if stack == DEFAULT_STACK else f"{name} {'/'.join(stack)}"


def half_close_reason(dial_reason, listener_stderr):
    """Both sides must agree on what was sent."""
    if dial_reason is None and "half-close 1000" not in listener_stderr.splitlines():
        return "the listener did not report 1000 bytes"
    return dial_reason


def run_pair(report, dialer, listener, stack):
    name = pair_name(dialer, listener, stack)
    options = [f"--{key}={value}" for key, value in zip(("transport", "security", "muxer"), stack)]
    try:
        server = Listener(listener, [*options, "--address", ADDRESSES[stack[0]],
                                     "--key-seed", KEY_SEED])
    except RuntimeError as error:
        report.case(f"{name} listen", error)
        return
    with server:
        result = dial(dialer, server.address, options, RUN_SECONDS)
        status = server.stop()

    stderr = server.stderr()
    for step in STEPS:
        reason = result.reason(step)
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
    for name, stack in rows(wanted):
        peer = Peer(name, build)
        pairs = [(peer, ours)] if name == ours.name else [(peer, ours), (ours, peer)]
        try:
            peer.build()
        except Missing as reason:
            for dialer, listener in pairs:
                report.skip(pair_name(dialer, listener, stack), f"missing: {reason}")
            continue
        except RuntimeError as error:
            report.case(f"{name} build", error)
            continue
        for dialer, listener in pairs:
            run_pair(report, dialer, listener, stack)
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
