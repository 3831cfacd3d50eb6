#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""faults.py BUILD: what strangers may send, as `ok` and `not ok` lines.

After each fault another client must be served, and in the end the listener must
have as many files open and as little memory as before.
"""

import contextlib
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, HERE)
import tamper  # noqa: E402
from peers import Listener, Peer, dial  # noqa: E402

# The listener's deadline, and how long a busy machine may need beyond it.
HANDSHAKE_SECONDS = 1
GRACE_SECONDS = 15
HALF_OPEN = 200
# What another client must still get.
SERVED_STEPS = ("connect", "ping")
# One identity: what a listener remembers of each peer is not what is looked for.
CLIENT = ["--steps=" + ",".join(SERVED_STEPS), "--key-seed=1"]
# A round of all faults may leave this behind, which is a few bytes for each.
MEMORY_GROWTH_KIB = 16
# A leak shows in each of them.
ROUNDS = 4


MULTISTREAM = b"\x13/multistream/1.0.0\n"
NOISE = b"\x07/noise\n"
CLIENT_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(194)


def frame(content):
    return len(content).to_bytes(2, "big") + content


class Failed(Exception):
    pass


# What is sent before the connection is given up; None waits for an answer.
BEGUN = [MULTISTREAM, NOISE, None]
KEY_SENT = [*BEGUN, frame(os.urandom(32)), None]

STAGES = {
    "connecting": [],
    "half a header": [MULTISTREAM[:7]],
    "the header": [MULTISTREAM],
    "the proposal": BEGUN,
    "half of Noise message 1": [*BEGUN, b"\x00\x20" + os.urandom(16)],
    "Noise message 1": KEY_SENT,
    "half of Noise message 3": [*KEY_SENT, b"\x00\x80" + os.urandom(50)],
}

GARBAGE = {
    "random bytes": [os.urandom(4096)],
    "zeros": [bytes(4096)],
    "a request of HTTP": [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"],
    "a client hello of TLS": [CLIENT_HELLO],
    "an endless length": [b"\xff" * 32],
    "a length of 4 GiB": [b"\xff\xff\xff\xff\x0f" + bytes(4096)],
    "an empty message": [MULTISTREAM, b"\x00"],
    "a message without a newline": [MULTISTREAM, b"\x07/noise/"],
    "another version": [b"\x13/multistream/9.9.9\n"],
    "the header ten thousand times": [MULTISTREAM * 10000],
    "ten thousand proposals": [MULTISTREAM, b"\x08/nothing"[:8] + b"\n" + b"\x08/refuse\n" * 10000],
    "an empty Noise message 1": [*BEGUN, frame(b"")],
    "a short Noise message 1": [*BEGUN, frame(os.urandom(31))],
    "a long Noise message 1": [*BEGUN, frame(os.urandom(65535))],
    "a key of zeros": [*BEGUN, frame(bytes(32)), frame(bytes(100))],
    "an empty Noise message 3": [*KEY_SENT, frame(b"")],
    "a random Noise message 3": [*KEY_SENT, frame(os.urandom(200))],
    "a long Noise message 3": [*KEY_SENT, frame(os.urandom(65535))],
    "Noise message 1 twice": [*KEY_SENT, frame(os.urandom(32))],
}


class Bench:
    """The listener under test, and a client that must always be served."""

    def __init__(self, build, options=("--set", f"handshake-timeout={HANDSHAKE_SECONDS}")):
        self.peer = Peer("lp2p", build)
        self.listener = Listener(self.peer, options)
        self.target = ("127.0.0.1", int(re.search(r"/tcp/(\d+)", self.listener.address)[1]))

    def connect(self):
        try:
            return socket.create_connection(self.target, timeout=GRACE_SECONDS)
        except TimeoutError:
            raise Failed("the listener accepts no connection") from None

    def check_served(self):
        result = dial(self.peer, self.listener.address, CLIENT, GRACE_SECONDS * 2)
        for step in SERVED_STEPS:
            if result.reason(step) is not None:
                raise Failed(f"another client is not served: {step}: {result.reason(step)}")

    def files(self):
        return len(os.listdir(f"/proc/{self.listener.pid}/fd"))

    def memory_kib(self):
        """What the listener says that it uses."""
        return int(self.listener.ask_usage()["heap"]) // 1024

    def wait_files(self, expected):
        deadline = time.monotonic() + GRACE_SECONDS
        while self.files() > expected:
            if time.monotonic() > deadline:
                raise Failed(f"{self.files()} files are open, {expected} were")
            time.sleep(0.05)


def send(connection, pieces):
    """Sends until the other side has enough."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for piece in pieces:
            if piece is None:
                connection.recv(65536)
            else:
                connection.sendall(piece)


def wait_end(connection, what):
    """The other side must end the connection; what it says before is its own."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        raise Failed(f"the connection stayed open after {what}") from None


def silence(bench):
    """Nothing follows: each stage has the same deadline."""
    with contextlib.ExitStack() as stack:
        connections = []
        for what, pieces in STAGES.items():
            connection = stack.enter_context(bench.connect())
            send(connection, pieces)
            connections.append((what, connection))
        for what, connection in connections:
            wait_end(connection, what)


def dripping(bench):
    """One byte after the other does not prolong the deadline."""
    began = time.monotonic()
    with bench.connect() as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for byte in MULTISTREAM + NOISE * 1000:
                connection.sendall(bytes([byte]))
                time.sleep(0.05)
                if time.monotonic() - began > GRACE_SECONDS:
                    raise Failed("the connection stayed open")


def abort(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def ends(bench):
    """The stranger ends in order and not in order."""
    for pieces in STAGES.values():
        with bench.connect() as connection:
            send(connection, pieces)
            connection.shutdown(socket.SHUT_WR)
            wait_end(connection, "its end")
        connection = bench.connect()
        send(connection, pieces)
        abort(connection)


def half_open(bench):
    """Many handshakes that nobody continues; others are served meanwhile."""
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(bench.connect()) for _ in range(HALF_OPEN)]
        bench.check_served()
        for connection in connections:
            wait_end(connection, "the deadline")


def flood(bench):
    """More handshakes than max-half-open: the rest is refused, for a while."""
    with contextlib.ExitStack() as stack:
        connections = []
        for _ in range(HALF_OPEN * 2):
            # Some are refused before connect() returns.
            with contextlib.suppress(ConnectionResetError):
                connections.append(stack.enter_context(bench.connect()))
        for connection in connections:
            wait_end(connection, "the deadline")


def vanish(bench):
    """Clients that are killed in the middle of their streams."""
    for delay in (0, 0.02, 0.05, 0.1, 0.2):
        process = subprocess.Popen(
            [*bench.peer.argv, "dial", bench.listener.address, "--steps=connect,streams",
             "--key-seed=1"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=bench.peer.environment,
        )
        time.sleep(0.05 + delay)
        process.send_signal(signal.SIGKILL)
        process.wait()


def garbage(pieces):
    def run(bench):
        with bench.connect() as connection:
            send(connection, pieces)
            wait_end(connection, "garbage")

    return run


def tampered(action, from_dialer, number):
    """A dialer of ours on a line with a stranger on it."""

    def run(bench):
        proxy = tamper.Proxy(bench.target, action, from_dialer, number)
        address = bench.listener.address.replace(f"/tcp/{bench.target[1]}/", f"/tcp/{proxy.port}/")
        options = [*CLIENT, "--set", f"handshake-timeout={HANDSHAKE_SECONDS}"]
        result = dial(bench.peer, address, options, GRACE_SECONDS * 2)
        if result.status != 1:
            raise Failed(f"the dialer ended with status {result.status}: {result.stderr.strip()}")
        if not proxy.finish():
            raise Failed("the frame never came, or the connection stayed open")

    return run


def faults():
    """All faults by name."""
    for run in (silence, dripping, ends, half_open, flood, vanish):
        yield run.__name__.replace("_", " "), run
    for what, pieces in GARBAGE.items():
        yield what, garbage(pieces)
    for from_dialer in (True, False):
        side = "dialer" if from_dialer else "listener"
        # The two of multistream-select, those of the handshake, and three after it.
        for number in range(7 if from_dialer else 6):
            for action in tamper.ACTIONS:
                # A header that comes twice, or early, is no more than that.
                if number < tamper.MULTISTREAM_FRAMES and action in (tamper.replay, tamper.reorder):
                    continue
                yield f"{action.__name__} frame {number} of the {side}", tampered(
                    action, from_dialer, number)


def run_all(bench, quiet):
    """Returns how many failed."""
    failed = 0
    for name, run in faults():
        try:
            run(bench)
            bench.check_served()
        except Failed as reason:
            failed += 1
            print(f"not ok {name}: {reason}", flush=True)
        else:
            if not quiet:
                print(f"ok {name}", flush=True)
        if bench.listener.process.poll() is not None:
            print(f"not ok listener: ended with status {bench.listener.process.returncode} "
                  f"after {name}", flush=True)
            sys.stderr.write(bench.listener.stderr())
            return failed + 1
    return failed


def check_left_over(bench, files):
    """What is kept for later fills up: how fast, depends on how many streams were
    under way when a client vanished. What leaks grows with every round."""
    for _ in range(ROUNDS):
        bench.wait_files(files)
        memory = bench.memory_kib()
        failed = run_all(bench, quiet=True)
        bench.wait_files(files)
        grown = bench.memory_kib() - memory
        if failed > 0 or grown <= MEMORY_GROWTH_KIB:
            break
    print("ok files return")
    if grown > MEMORY_GROWTH_KIB:
        raise Failed(f"{grown} KiB more are in use than a round before, after {ROUNDS} more rounds")
    print("ok memory returns")
    return failed


def main():
    bench = Bench(os.path.abspath(sys.argv[1]))
    failed = 0
    with bench.listener:
        try:
            files = bench.files()
            bench.check_served()
            failed = run_all(bench, quiet=False)
            if failed == 0:
                failed = check_left_over(bench, files)
        except Failed as reason:
            failed += 1
            print(f"not ok left over: {reason}")
        if bench.listener.stop() != 0:
            failed += 1
            print(f"not ok listener: ended with status {bench.listener.status}")
            sys.stderr.write(bench.listener.stderr())
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
