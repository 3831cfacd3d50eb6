#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""moves.py BUILD [DIALER...]: a transfer over QUIC goes on when the address of the dialer
is taken away and another one is left. Needs privileges. Dialers are peers of
tests/interop/peers; the listener is ours."""

import itertools
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
from link import Link  # noqa: E402
from link import Missing as LinkMissing  # noqa: E402
from peers import Listener, Peer, last_line  # noqa: E402
from peers import Missing as PeerMissing  # noqa: E402

SIZE = 4_000_000
SECONDS = 60
# Large packets of the transfer before the address goes: some of the 2,800 that it has.
BEFORE = 500
PORT = 4001
# The addresses of the line for each protocol, its prefix, and the dialer's other address.
FAMILIES = {
    "ip4": (lambda line: line.address, 30, "10.77.1.1/32"),
    "ip6": (lambda line: line.address6, 64, "fd78::1/128"),
}
TRANSPORT = "--transport=quic-v1"
DIALERS = ("lp2p", "go", "rust")


class Failed(Exception):
    pass


def ip(line, side, *words):
    environment = dict(os.environ, PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    return subprocess.run(["ip", "-j", "-n", line.netns[side], *words], env=environment,
                          stdout=subprocess.PIPE, text=True, check=True).stdout


def device(line, side):
    return next(found["ifname"] for found in json.loads(ip(line, side, "link"))
                if found["ifname"] != "lo")


def add_address(line, family):
    """Another address at the dialer, which the route takes when the first one is gone."""
    addresses, _, other = FAMILIES[family]
    near, far, source, target = device(line, "a"), device(line, "b"), addresses(line)["a"], addresses(line)["b"]
    ip(line, "b", "route", "add", other, "dev", far)
    # Nobody else has it, and it is to be there at once.
    ip(line, "a", "addr", "add", other, "dev", near, *(["nodad"] if family == "ip6" else []))
    for address, metric in ((other.partition("/")[0], "100"), (source, "10")):
        ip(line, "a", "route", "add", target, "dev", near, "src", address, "metric", metric)


def transfer(line, peer, dialing, direction, family):
    add_address(line, family)
    addresses, prefix, _ = FAMILIES[family]
    address = f"--address=/{family}/{addresses(line)['b']}/udp/{PORT}/quic-v1"
    with Listener(peer, [TRANSPORT, address],
                  lambda argv, **options: line.popen("b", argv, **options)) as listener:
        dialer = line.popen("a", [*dialing.argv, "dial", listener.address, TRANSPORT,
                                  f"--steps=connect,{direction}", f"--upload-bytes={SIZE}"],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=dialing.environment, text=True)
        while sum(p["payload_len"] > 1000 for p in line.trace()) < BEFORE:
            if dialer.poll() is not None:
                raise Failed(f"it ended too soon: {last_line(dialer.stderr.read())}")
        ip(line, "a", "addr", "del", f"{addresses(line)['a']}/{prefix}", "dev", device(line, "a"))
        try:
            output, errors = dialer.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            raise Failed("the dialer did not end") from None
    steps = [json.loads(text) for text in output.splitlines()]
    wrong = [str(step["error"]) for step in steps if not step["ok"]]
    if wrong or dialer.returncode != 0 or len(steps) != 2:
        raise Failed((wrong or [last_line(errors)])[0])


def run(build, dialing, direction, family):
    with Link(os.path.join(build, "tests", "fixtures", "lp2p-link"), delay_ms=10,
              rate_mbit=20) as line:
        transfer(line, Peer("lp2p", build), dialing, direction, family)


def main():
    if len(sys.argv) < 2:
        print(f"usage: {sys.argv[0]} BUILD [DIALER...]", file=sys.stderr)
        return 2
    build = os.path.abspath(sys.argv[1])
    if not os.path.exists(os.path.join(build, "plugins", "quic-v1.plugin")):
        print("skip quic moves: this build has no module quic")
        return 0
    ok = True
    for name, direction, family in itertools.product(sys.argv[2:] or DIALERS, ("upload", "download"), FAMILIES):
        case = f"quic {name}->lp2p {direction} when the address goes, {family}"
        dialing = Peer(name, build)
        try:
            dialing.build()
            run(build, dialing, direction, family)
        except (LinkMissing, PeerMissing) as reason:
            print(f"skip {case}: missing: {reason}", flush=True)
        except (Failed, RuntimeError, subprocess.SubprocessError) as reason:
            ok = False
            print(f"not ok {case}: {reason}", flush=True)
        else:
            print(f"ok {case}", flush=True)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
