#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""nat.py BUILD: two hosts, each behind a NAT of its own, punch a hole for QUIC, as `ok`,
`not ok` and `skip` lines. Needs privileges.

What a relay will carry goes over the pipes of this program: each host is told where the
other one is seen, the one that punches begins, and the other one then dials.
"""

import collections
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
from nat import Missing, Nats  # noqa: E402
from peers import OUR_ENVIRONMENT, read_line  # noqa: E402

PORT = 4001
SIZE = 8 << 20
# What a host may take for one answer on a busy machine.
SECONDS = 60
# How long a hole is punched, for which the dialer has one more, and how much later they
# may say that it came to nothing.
TRY_SECONDS = 4
SPARE_SECONDS = 5

# The NATs of the one that dials and of the one that punches, whether it does, whether that
# works, and the version of IP.
Case = collections.namedtuple("Case", "name dialer puncher punches works family",
                              defaults=(True, False, 4))
CASES = (
    Case("both keep the port", "kept", "kept", works=True),
    Case("the dialer's takes another port, the other filters by host", "random", "host", works=True),
    Case("nobody punches", "kept", "kept", punches=False),
    Case("the dialer's takes another port", "random", "kept"),
    Case("the puncher's takes another port", "kept", "random"),
    Case("both take another port", "random", "random"),
    Case("both keep the port", "kept", "kept", works=True, family=6),
    Case("the dialer's takes another port, the other filters by host", "random", "host",
         works=True, family=6),
    Case("nobody punches", "kept", "kept", punches=False, family=6),
)
ANY = {4: "/ip4/0.0.0.0", 6: "/ip6/::"}


class Failed(Exception):
    pass


class Host:
    """One nat-puncher."""

    def __init__(self, nats, side, build, seed, family):
        environment = dict(os.environ, LP2P_PLUGIN_PATH=os.path.join(build, "plugins"))
        for key, value in OUR_ENVIRONMENT.items():
            environment.setdefault(key, value)
        self.side = side
        self._process = nats.popen(
            side, [os.path.join(build, "tests", "nat", "nat-puncher"), str(seed),
                   f"{ANY[family]}/udp/{PORT}/quic-v1", str(TRY_SECONDS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        first = self.answer()
        self.inside = f"/ip{family}/{nats.inside[side]}/udp/{PORT}/quic-v1"
        self.outside = f"/ip{family}/{nats.outside[side]}/udp/{PORT}/quic-v1"
        self.peer = first[first.index("/p2p/"):]

    def tell(self, line):
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def answer(self, seconds=SECONDS):
        line = read_line(self._process, seconds)
        if not line:
            raise Failed(f"{self.side} says nothing, its status is {self._process.poll()}")
        return line

    def ask(self, line, expected):
        self.tell(line)
        answer = self.answer()
        if answer != expected:
            raise Failed(f"{self.side}: {line}: expected {expected}, got {answer}")

    def end(self):
        self._process.stdin.close()
        if self._process.wait(SECONDS) != 0:
            raise Failed(f"{self.side} ended with {self._process.returncode}")


def begin(nats, build, case):
    """What causes what: the puncher says that it has begun, only then is the other told."""
    dialer, puncher = (Host(nats, side, build, seed, case.family) for seed, side in enumerate("ab", 1))
    if case.punches:
        puncher.ask(f"punch {dialer.outside}{dialer.peer}", "punching")
    dialer.tell(f"dial {puncher.outside}{puncher.peer}")
    return dialer, puncher


def end(hosts, n_connections):
    for host in hosts:
        host.ask("connections", f"connections {n_connections}")
    for host in hosts:
        host.end()


def check_connected(host, other, direction, other_port):
    """It goes from the port that is listened on to where the other one is seen."""
    answer = host.answer()
    remote = re.escape(other.outside)
    if other_port:
        remote = remote.replace(f"/udp/{PORT}/", rf"/udp/(?!{PORT}/)\d+/")
    if re.fullmatch(f"connected {re.escape(host.inside)} {remote} quic-v1 {direction}", answer) is None:
        raise Failed(f"{host.side}: {answer}")


def punch(nats, build, case):
    dialer, puncher = begin(nats, build, case)
    check_connected(dialer, puncher, "dialed", False)
    check_connected(puncher, dialer, "accepted", case.dialer == "random")
    for host in (dialer, puncher):
        host.ask(f"echo {SIZE}", f"echoed {SIZE}")
    end((dialer, puncher), 1)


def check_failed(host, expected, started):
    answer = host.answer()
    took = time.monotonic() - started
    if not answer.startswith("failed ") or expected not in answer:
        raise Failed(f"{host.side}: expected \"{expected}\", got {answer}")
    if not TRY_SECONDS <= took < TRY_SECONDS + SPARE_SECONDS:
        raise Failed(f"{host.side} gave up after {took:.1f} s: {answer}")


def punch_in_vain(nats, build, case):
    started = time.monotonic()
    dialer, puncher = begin(nats, build, case)
    check_failed(dialer, f"Cannot connect within {TRY_SECONDS + 1} seconds", started)
    if case.punches:
        check_failed(puncher, "No connection came through the hole", started)
    end((dialer, puncher), 0)


def main():
    if len(sys.argv) != 2:
        print(f"usage: {sys.argv[0]} BUILD", file=sys.stderr)
        return 2
    build = os.path.abspath(sys.argv[1])
    if not os.access(os.path.join(build, "tests", "nat", "nat-puncher"), os.X_OK):
        print("skip hole punching: this build has no module quic")
        return 0
    ok = True
    for case in CASES:
        name = f"a hole for IPv{case.family} where {case.name}"
        try:
            with Nats({"a": case.dialer, "b": case.puncher}, case.family) as nats:
                (punch if case.works else punch_in_vain)(nats, build, case)
        except Missing as reason:
            print(f"skip {name}: missing: {reason}", flush=True)
        except (Failed, subprocess.SubprocessError) as reason:
            ok = False
            print(f"not ok {name}: {reason}", flush=True)
        else:
            print(f"ok {name}", flush=True)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
