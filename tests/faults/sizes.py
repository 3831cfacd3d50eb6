#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""sizes.py BUILD: a transfer over QUIC uses datagrams as large as the link takes, and goes
on when the link takes less. Needs privileges."""

import functools
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
from namespaces import Missing, Namespaces  # noqa: E402
from peers import Listener, Peer, last_line  # noqa: E402

ADDRESS = {"a": "10.78.0.1", "b": "10.78.0.2"}
SIDES = {"upload": "a", "download": "b"}
PORT = 4001
TRANSPORT = "--transport=quic-v1"
SIZE = 8_000_000
# It takes a third of a second of this, which is more than it takes to look.
RATE_MBIT = 200
BEFORE = SIZE // 4
SECONDS = 60
JUMBO = 9000
HEADERS = 14 + 20 + 8
ENVIRONMENT = dict(os.environ, PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


class Failed(Exception):
    pass


def run(*argv):
    done = subprocess.run(argv, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False)
    if done.returncode != 0:
        raise Missing(f"{' '.join(argv[:4])}: {last_line(done.stderr)}")
    return done.stdout


class Wire(Namespaces):
    """A pair of devices that take JUMBO bytes, and send each packet as it is on the wire:
    nothing is left to be cut behind them."""

    def __init__(self):
        super().__init__("a", "b")

    def __enter__(self):
        try:
            for side in "ab":
                run("ip", "netns", "add", self.netns[side])
                self.ip(side, "link", "set", "lo", "up")
            self.ip("a", "link", "add", "wire", "type", "veth", "peer", "name", "wire",
                    "netns", self.netns["b"])
            for side in "ab":
                self.ip(side, "link", "set", "wire", "mtu", str(JUMBO), "gso_max_segs", "1", "up")
                self.ip(side, "addr", "add", f"{ADDRESS[side]}/24", "dev", "wire")
                run("tc", "-n", self.netns[side], "qdisc", "add", "dev", "wire", "root", "tbf",
                    "rate", f"{RATE_MBIT}mbit", "burst", "64kb", "latency", "10ms")
        except (Missing, OSError) as reason:
            self.close()
            raise Missing(str(reason)) from None
        return self

    def close(self):
        super().close()
        for name in self.netns.values():
            subprocess.run(["ip", "netns", "del", name], env=ENVIRONMENT, stderr=subprocess.DEVNULL,
                           check=False)

    def ip(self, side, *words):
        return run("ip", "-n", self.netns[side], *words)

    def set_mtu(self, mtu):
        for side in "ab":
            self.ip(side, "link", "set", "wire", "mtu", str(mtu))

    def sent(self, side):
        """Bytes and packets."""
        found = json.loads(self.ip(side, "-s", "-j", "link", "show", "wire"))[0]["stats64"]["tx"]
        return found["bytes"], found["packets"]


def mean(before, after):
    return (after[0] - before[0]) / (after[1] - before[1])


def watch(wire, dialer, side, mtu):
    """Shrinks the wire, when a part has gone over it; returns what had gone before and
    after that."""
    while (sent := wire.sent(side))[0] < BEFORE:
        if dialer.poll() is not None:
            raise Failed(f"it ended too soon: {last_line(dialer.stderr.read())}")
        time.sleep(0.001)
    wire.set_mtu(mtu)
    return sent, wire.sent(side)


def transfer(wire, peer, direction, mtu):
    side = SIDES[direction]
    address = f"--address=/ip4/{ADDRESS['b']}/udp/{PORT}/quic-v1"
    with Listener(peer, [TRANSPORT, address], functools.partial(wire.popen, "b")) as listener:
        dialer = wire.popen("a", [*peer.argv, "dial", listener.address, TRANSPORT,
                                  f"--steps=connect,{direction}", f"--upload-bytes={SIZE}"],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=peer.environment, text=True)
        before, after = watch(wire, dialer, side, mtu)
        try:
            output, errors = dialer.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            dialer.kill()
            raise Failed("the dialer did not end") from None
    steps = [json.loads(text) for text in output.splitlines()]
    wrong = [str(step["error"]) for step in steps if not step["ok"]]
    if wrong or dialer.returncode != 0 or len(steps) != 2:
        raise Failed((wrong or [last_line(errors)])[0])
    return mean((0, 0), before), mean(after, wire.sent(side))


def check(direction, mtu, large, small):
    """The means of what went over the wire; those of the handshake are among them."""
    if large < 0.8 * JUMBO:
        raise Failed(f"{direction}: the packets had {large:.0f} bytes")
    if mtu == JUMBO and small < 0.8 * JUMBO:
        raise Failed(f"{direction}: the packets had {small:.0f} bytes in the end")
    # Some wait before the wire when it shrinks.
    if mtu < JUMBO and not 1000 < small < 1.2 * (mtu + HEADERS):
        raise Failed(f"{direction}: the packets had {small:.0f} bytes on the smaller link")


def main():
    if len(sys.argv) != 2:
        print(f"usage: {sys.argv[0]} BUILD", file=sys.stderr)
        return 2
    build = os.path.abspath(sys.argv[1])
    if not os.path.exists(os.path.join(build, "plugins", "quic-v1.plugin")):
        print("skip quic sizes: this build has no module quic")
        return 0
    ok = True
    for mtu in (JUMBO, 1500, 1280):
        for direction in SIDES:
            case = f"quic {direction} on a link of {JUMBO}" + (f" and then {mtu}" if mtu < JUMBO else "")
            try:
                with Wire() as wire:
                    sizes = transfer(wire, Peer("lp2p", build), direction, mtu)
                check(direction, mtu, *sizes)
            except Missing as reason:
                print(f"skip {case}: missing: {reason}", flush=True)
            except (Failed, RuntimeError, subprocess.SubprocessError) as reason:
                ok = False
                print(f"not ok {case}: {reason}", flush=True)
            else:
                print(f"ok {case}", flush=True)
                print(f"# {sizes[0]:.0f} and {sizes[1]:.0f} bytes a packet", flush=True)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
