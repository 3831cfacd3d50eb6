#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""quic.py BUILD [LISTENER DIALER]: transfers over QUIC through a forwarder that treats
datagrams badly, as `ok`, `not ok` and `skip` lines.

Each transfer must complete with the right hash; where the fault allows nothing else, it
may end in a clear error in time. The fault must have happened, and afterwards the
listener must serve another client. Programs are the peers of tests/interop/peers and
"bare", the loop of ngtcp2 that the benches compare with. With peers of other languages,
unless two are named, only a NAT is tried that takes another port in the middle.
"""

import collections
import functools
import json
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
from forwarder import Forwarder  # noqa: E402
from peers import Listener, Missing, Peer, dial, last_line, read_line  # noqa: E402

MIB = 1 << 20
SIZE = 4 * MIB
HOSTS = {4: "127.0.0.1", 6: "::1"}
TRANSPORT = "--transport=quic-v1"
# A step of a peer has 30 seconds, as the idle time of a connection has, and before it
# there is a handshake. A busy machine needs some more.
SECONDS = 90
DIRECTIONS = ("upload", "download")

# What is done, in which count of the forwarder it shows, what error is allowed to whom,
# and how much is transferred.
Fault = collections.namedtuple("Fault", "name options shows error size", defaults=(None, SIZE))

# The bare loop finds out once what size passes, and would not end: only ours has to
# notice that it changes.
OURS = "ours"
# What else but an error can be expected, which has to be that of the transport, and soon.
LOST = "has not been heard of for too long"
PATIENCE = "--set=plugin quic-v1.idle-timeout=5"
# The other side may be heard for as long again as it hears nothing itself.
PATIENCE_SECONDS = 25

# Where the other side breaks the protocol, ours ends with that error: listener, dialer, fault,
# direction, and what the error says.
#
# quic-go (0.64, and what followed it in 2026) takes a NEW_CONNECTION_ID for one that is over
# where its number is less than that of the id with which it asks whether a new path holds. It
# may be the id that it uses: it retires that, in a packet to that very id, which RFC 9000
# forbids (section 19.16), and goes on using it. The frame comes again where it was lost or
# its acknowledgement was, and here that goes where the client no longer is.
BROKEN = {
    ("go", "lp2p", "all at once", "upload"): "the peer broke the protocol: ERR_PROTO",
}

# As many datagrams as on a usual line: loopback takes them for far larger ones.
LINE = {"mtu": 1472}

FAULTS = (
    Fault("nothing", {}, None),
    Fault("large datagrams", {"mtu": 65535}, None),
    Fault("loss of large datagrams", {"mtu": 65535, "loss": 0.1}, "lost"),
    Fault("1 % loss", {"loss": 0.01}, "lost"),
    Fault("5 % loss", {"loss": 0.05}, "lost"),
    Fault("20 % loss", {"loss": 0.2}, "lost", size=MIB),
    Fault("reordering", {"reorder": 0.1}, "reordered"),
    Fault("duplication", {"duplicate": 0.2}, "duplicated"),
    Fault("corruption", {"corrupt": 0.02}, "corrupted"),
    Fault("delay", {"delay_ms": 50}, None),
    # A full queue is three milliseconds long: nobody notices by the delay, and slows down,
    # before it overflows.
    Fault("a narrow line", {"rate_mbit": 20, "delay_ms": 10, "queue_kb": 8}, "overflowed",
          size=2 * MIB),
    Fault("rebinding", {"rebind_after": 40}, "rebinds"),
    Fault("rebinding with loss", {"rebind_after": 40, "loss": 0.05}, "rebinds"),
    # Beyond the handshake, and before all has gone in datagrams of any size.
    Fault("a path that shrinks", {"mtu": 1472, "mtu_after": 30}, "tooLarge", OURS),
    Fault("a path that shrinks more", {"mtu": 1300, "mtu_after": 30}, "tooLarge", OURS),
    Fault("all at once", {"loss": 0.02, "reorder": 0.05, "duplicate": 0.05, "corrupt": 0.01,
                          "delay_ms": 5, "rebind_after": 40}, "rebinds"),
    Fault("a path that ends", {"mtu": 0, "mtu_after": 60}, "tooLarge", LOST),
)


class Failed(Exception):
    pass


class Clear(Exception):
    """An error that the program has told; str() is that."""


class PeerPair:
    """Two of the peers; one listener serves all transfers."""

    def __init__(self, build, listener, dialer, faults, family):
        self.faults = faults
        self._listener, self._dialer = Peer(listener, build), Peer(dialer, build)
        for peer in (self._listener, self._dialer):
            peer.build()
        address = f"/ip{family}/{HOSTS[family]}/udp/0/quic-v1"
        self._server = Listener(self._listener, [TRANSPORT, f"--address={address}"])
        self.target = (HOSTS[family], int(re.search(r"/udp/(\d+)/", self._server.address)[1]))

    def transfer(self, port, direction, size, error=None):
        options = [PATIENCE] if error == LOST and self._dialer.name == "lp2p" else []
        address = self._server.address.replace(f"/udp/{self.target[1]}/", f"/udp/{port}/")
        result = dial(self._dialer, address,
                      [TRANSPORT, f"--steps=connect,{direction}", f"--upload-bytes={size}", *options],
                      SECONDS)
        if result.status not in (0, 1):
            raise Failed(f"the dialer ended with {result.status}: {last_line(result.stderr)}")
        for step in ("connect", direction):
            reason = result.reason(step)
            if reason == "":
                raise Failed(f"{step} failed without a reason")
            if reason is not None:
                raise Clear(f"{step}: {reason}")

    def allows(self, fault, direction, error, seconds):
        names = (self._listener.name, self._dialer.name)
        if (*names, fault.name, direction) in BROKEN:
            return BROKEN[*names, fault.name, direction] in error
        if fault.error != LOST:
            return False
        return self._dialer.name != "lp2p" or (LOST in error and seconds < PATIENCE_SECONDS)

    def close(self):
        if self._server.stop() != 0:
            raise Failed(f"the listener ended with {self._server.status}: "
                         f"{last_line(self._server.stderr())}")


class BarePair:
    """The loop without lp2p: a listener for each transfer, always at the same port."""

    faults = tuple(fault for fault in FAULTS if fault.error != OURS)

    def __init__(self, build):
        self._program = os.path.join(build, "tests", "bench", "bench-quic")
        if not os.access(self._program, os.X_OK):
            raise Missing("the development files of ngtcp2")
        self._start("127.0.0.1")

    def _start(self, address):
        self._listener = subprocess.Popen(
            [self._program, "listen", "--hash", address], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        host, port = read_line(self._listener, SECONDS).split(":")
        self.target = (host, int(port))

    def _end(self, process):
        try:
            output, errors = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise Failed("a side did not end") from None
        return process.returncode, output, errors.decode()

    def transfer(self, port, direction, size, error=None):
        amounts = ["0", str(size)] if direction == "download" else [str(size), "0"]
        dialer = subprocess.Popen(
            [self._program, "dial", "--hash", f"127.0.0.1:{port}", *amounts],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        status, output, errors = self._end(dialer)
        served, found, why = self._end(self._listener)
        self._start(f"127.0.0.1:{self.target[1]}")
        if status == 1 and errors.strip():
            raise Clear(last_line(errors))
        if status != 0:
            raise Failed(f"the dialer ended with {status}: {last_line(errors)}")
        sent, got = json.loads(output), json.loads(found)
        if sent["sent"] != got["received"] or sent["received"] != got["sent"]:
            raise Failed("the hashes differ")
        # That the dialer has closed may be lost.
        if served != 0 and not why.strip():
            raise Failed(f"the listener ended with {served}")

    def allows(self, fault, direction, error, seconds):
        """It shows what comes through unharmed: it may give up where something is done."""
        return fault.shows is not None

    def close(self):
        self._listener.kill()
        self._listener.communicate()


def happened(fault, stats):
    if fault.shows is None:
        return True
    return (stats["rebinds"] if fault.shows == "rebinds"
            else stats["toServer"][fault.shows] + stats["toClient"][fault.shows]) > 0


def run_fault(pair, binary, fault, direction):
    """Returns what to tell of a transfer that was allowed to fail."""
    note = ""
    with Forwarder(binary, pair.target, **{**LINE, **fault.options}) as forwarder:
        begin = time.monotonic()
        try:
            pair.transfer(forwarder.address[1], direction, fault.size, fault.error)
        except Clear as error:
            seconds = time.monotonic() - begin
            if not pair.allows(fault, direction, str(error), seconds):
                raise Failed(f"after {seconds:.0f} s: {error}") from None
            note = f" ended after {seconds:.0f} s, {error}"
        seconds = time.monotonic() - begin
        stats = forwarder.stats()
    if seconds > SECONDS:
        raise Failed(f"it took {seconds:.0f} s")
    if not happened(fault, stats):
        raise Failed(f"the fault did not happen: {stats}")
    return note or f" {seconds:.1f} s"


def run_pair(build, name, make_pair):
    """Returns whether all of it is as it must be."""
    binary = os.path.join(build, "tests", "fixtures", "lp2p-forwarder")
    try:
        pair = make_pair()
    except Missing as reason:
        print(f"skip quic {name}: missing: {str(reason).removeprefix('missing: ')}", flush=True)
        return True
    except RuntimeError as reason:
        print(f"not ok quic {name}: {reason}", flush=True)
        return False

    ok = True
    for fault in pair.faults:
        for direction in DIRECTIONS:
            case = f"quic {name} {direction} with {fault.name}"
            try:
                note = run_fault(pair, binary, fault, direction)
                try:
                    pair.transfer(pair.target[1], direction, 1000)
                except Clear as error:
                    raise Failed(f"another client is not served: {error}") from None
            except (Failed, RuntimeError) as reason:
                ok = False
                print(f"not ok {case}: {reason}", flush=True)
            else:
                print(f"ok {case}", flush=True)
                print(f"# {note.strip()}", flush=True)
    try:
        pair.close()
    except Failed as reason:
        ok = False
        print(f"not ok quic {name} end: {reason}", flush=True)
    return ok


# rust's listener does not go on with a client that has another port; js has rust's QUIC.
FOREIGN = (("lp2p", "go"), ("go", "lp2p"), ("lp2p", "rust"))
FULL = (("lp2p", "go"), ("go", "lp2p"))


def choose(chosen):
    """Names, what is tried with them, and the version of IP."""
    # That one is wide enough for all packets that others send, or take.
    narrow = tuple(fault for fault in FAULTS if fault.name != "a path that shrinks")
    if chosen:
        return [(tuple(chosen), FAULTS if set(chosen) <= {"bare", "lp2p"} else narrow, 4)]
    full = FULL if os.environ.get("LP2P_FULL") == "1" else ()
    rebinding = tuple(fault for fault in FAULTS if fault.name == "rebinding")
    return [(names, FAULTS, 4) for names in (("bare", "bare"), ("lp2p", "lp2p"))] + \
        [(names, narrow, 4) for names in full] + \
        [(names, rebinding, 4) for names in FOREIGN if names not in full] + \
        [(("lp2p", "lp2p"), rebinding, 6)]


def pairs(build, chosen):
    """What runs: names and how to start them."""
    for (listener, dialer), faults, family in choose(chosen):
        if "bare" in (listener, dialer):
            yield f"{dialer}->{listener}", lambda: BarePair(build)
        elif "lp2p" in (listener, dialer) and not os.path.exists(
                os.path.join(build, "plugins", "quic-v1.plugin")):
            print(f"skip quic {dialer}->{listener}: this build has no module quic", flush=True)
        else:
            name = f"{dialer}->{listener}{' over IPv6' if family == 6 else ''}"
            yield name, functools.partial(PeerPair, build, listener, dialer, faults, family)


def main():
    if len(sys.argv) not in (2, 4):
        print(f"usage: {sys.argv[0]} BUILD [LISTENER DIALER]", file=sys.stderr)
        return 2
    build = os.path.abspath(sys.argv[1])
    results = [run_pair(build, name, make) for name, make in pairs(build, sys.argv[2:])]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
