#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""abuse.py BUILD: what strangers and peers may take of a listener, as `ok` and `not ok`
lines. While each of them does its worst another client must get all that it asks for;
afterwards the listener must have as many files open and as little memory as before.

Time is not judged: who waits for the listener waits for the processor, too, and others
want it. What is judged is how much the listener does until it has answered some hundred
questions of an honest peer: the time that it spent on the processor meanwhile, compared
with the same when all is quiet. With as much done for who abuses it, that is twice as
much. The honest peer has to get its own turns on the processor, when the listener goes on
with the abuse: so it is more, but where the system gives both as much, not much more.

A `#` line tells this, and how often a client had to dial again: a host that is flooded
gives up handshakes that have not come far, see data/docs/limits.md.
"""

import contextlib
import os
import random
import resource
import signal
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import faults  # noqa: E402
from faults import GRACE_SECONDS, MULTISTREAM, Failed  # noqa: E402
from peers import dial, read_line  # noqa: E402

FULL = os.environ.get("LP2P_FULL") == "1"
STACKS = [("noise", "yamux"), ("noise", "mplex"), ("tls", "yamux"), ("tls", "mplex")]

HALF_OPEN = 10000
DRIPPING = 500 if FULL else 300
# How long what has no end goes on.
SECONDS = 10 if FULL else 2
CONNECTIONS = 20
STREAMS = 400 if FULL else 100
RESETTING = 2
LEAVING = 10000 if FULL else 2000

# So often the honest peer asks at once, and so many times.
ASKED = 400
ROUNDS = 7
# Who has a share of the listener's time at any moment: the honest peer, the one that abuses
# it with all its connections, and the host itself, which accepts others. So the listener
# does at most so many times as much as when all is quiet, as long as it has questions.
# Strangers have a share each, but little to do, and no more of them are accepted until all
# who are there have been answered.
SHARES = 3
# While it has none, it goes on with the abuse: the honest peer has to get its turn on the
# processor first. That is for the system to decide, which may give the listener so many
# times as much of it as the peer takes; 3 is seen on a busy machine. Who comes first at the
# listener, the burst tells.
WAITING = 8
# Who asks behind a burst has a turn for each that the burst has. Without shares all of
# it would come before.
BURST = 256
MOST_BEFORE = BURST // 2
# A client may dial so often where strangers push out those who begin: it loses its place
# when as many strangers as there are places for half-open connections come within its
# handshake, which takes longer where the machine has others to run. All clients together
# may do so this often in one run, of some hundred that come.
DIALS = 3
MOST_REDIALS = 6

# Handshakes end by making room, or with the client, before this deadline does it.
LONG_HANDSHAKE_SECONDS = 60
DRIP_HANDSHAKE_SECONDS = 3
CONNECTIONS_PER_PEER = 8
STREAMS_PER_PEER = 512
MEMORY_BUDGET = 32 * 1024 * 1024
# What the listener's own echo service takes for a stream, and all else for it.
STREAM_MEMORY = (64 + 16) * 1024
# Of each connection: records, frames, output that waits for the socket.
CONNECTION_MEMORY = 512 * 1024
# What is kept of an attack: tables and pools that have grown, which do so only once.
MEMORY_SLACK_KIB = 1024

STEPS = ("connect", "ping", "upload", "download")
HONEST = ["--steps=" + ",".join(STEPS), "--upload-bytes=1048576", "--key-seed=1"]


class Bench(faults.Bench):
    """A listener of one stack, and an honest client of it."""

    all_redials = 0

    def __init__(self, build, security, muxer, settings):
        self.stack = (security, muxer)
        self.build = build
        options = [f"--security={security}", f"--muxer={muxer}"]
        self.honest = HONEST + options
        for key, value in settings.items():
            options += ["--set", f"{key}={value}"]
        super().__init__(build, options)
        # What is kept for the first client of all is not what is looked for.
        self.redials = 0
        for _ in range(3):
            self.serve_honest()
        self.asker = Asker(self)
        self.quiet, _ = self.asker.ask()
        self.files_before = self.files()
        self.memory_before = self.memory_kib()

    def serve_honest(self, dials=1):
        """A client that may have to dial so often."""
        result = dial(self.peer, self.listener.address, self.honest, GRACE_SECONDS * 8)
        if dials > 1 and result.reason("connect") is not None:
            self.redials += 1
            Bench.all_redials += 1
            self.serve_honest(dials - 1)
            return
        for step in STEPS:
            if result.reason(step) is not None:
                raise Failed(f"another client is not served: {step}: {result.reason(step)}")

    def serve_others(self, name, dials=1):
        """A peer that is there, and clients that come."""
        before = self.redials
        took, own = self.asker.ask()
        for _ in range(2):
            self.serve_honest(dials)
        most = SHARES * self.quiet + WAITING * own
        print(f"# {' '.join(self.stack)}: {name}: the listener did {took / self.quiet:.1f} times as much until it "
              f"answered, of at most {most / self.quiet:.1f}, {self.redials - before} clients dialed again", flush=True)
        if took > most:
            raise Failed(f"{name} the listener was {took} µs on the processor until it answered another peer, which was "
                         f"there {own} µs; expected at most {most} when it takes {self.quiet} while all is quiet")

    def check_memory(self, bound, what):
        grown = (self.memory_kib() - self.memory_before) * 1024
        if grown > bound:
            raise Failed(f"{grown} bytes more are in use while {what}, expected at most {bound}")

    def check_returned(self):
        self.wait_files(self.files_before)
        deadline = time.monotonic() + GRACE_SECONDS
        while True:
            grown = self.memory_kib() - self.memory_before
            if grown <= MEMORY_SLACK_KIB:
                return
            if time.monotonic() > deadline:
                raise Failed(f"{grown} KiB more are in use than before")
            time.sleep(0.2)


class Asker:
    """An honest peer."""

    def __init__(self, bench):
        self.process = subprocess.Popen(
            [os.path.join(bench.build, "tests", "faults", "asker"), bench.listener.address, *bench.stack,
             str(bench.listener.pid)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=bench.peer.environment)
        if read_line(self.process, GRACE_SECONDS) != "ready":
            self.process.kill()
            raise Failed("an honest peer is not connected")

    def ask(self):
        """What the listener did until all was answered, and what the peer itself did, in µs
        on the processor."""
        took, own = [], []
        for _ in range(ROUNDS):
            self.process.stdin.write(f"{ASKED}\n".encode())
            self.process.stdin.flush()
            answer = self.read_answer()
            took.append(answer[0])
            own.append(answer[2])
        return statistics.median(took), statistics.median(own)

    def begin(self):
        """Asks once; the question is on its way."""
        self.process.stdin.write(b"1\n")
        self.process.stdin.flush()
        if read_line(self.process, GRACE_SECONDS) != "asked":
            raise Failed("an honest peer cannot ask")

    def read_answer(self):
        """What the listener did, in µs on the processor, which one of all its answers this
        was, and what the peer itself did."""
        line = "asked"
        while line == "asked":
            line = read_line(self.process, GRACE_SECONDS * 4)
        if not line:
            raise Failed("an honest peer gets no answer")
        return [int(word) for word in line.split()]

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        if self.process.wait(GRACE_SECONDS) != 0:
            raise Failed("an honest peer lost its connection")


class Abuser:
    """A peer that misbehaves behind its handshake."""

    def __init__(self, bench, mode, connections, streams):
        self.process = subprocess.Popen(
            [os.path.join(bench.build, "tests", "faults", "abuser"), mode, bench.listener.address,
             *bench.stack, str(connections), str(streams)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=bench.peer.environment)
        if read_line(self.process, GRACE_SECONDS * 2) != "ready":
            self.process.kill()
            raise Failed("the abuser does not get ready")

    def burst(self):
        """Something for each of its streams, at once; it is on its way."""
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        if read_line(self.process, GRACE_SECONDS) != "sent":
            raise Failed("the abuser does not write")

    def read_first(self):
        """Which one of all the listener's answers the first one to the burst was."""
        line = read_line(self.process, GRACE_SECONDS)
        if not line:
            raise Failed("a burst is not answered")
        return int(line.split()[1])

    def stop(self):
        """How many connections it had, streams it opened, and of how many of them it
        was told that they are reset."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        line = read_line(self.process, GRACE_SECONDS)
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        if not line:
            raise Failed("the abuser does not say what it did")
        return [int(word) for word in line.split()]


# Loopback is large. Those who say nothing may come from anywhere, those who go on to
# begin a handshake from networks other than that of an honest client: half as many of
# them as there are places, each from a network of its own, would push out any.
EVERYWHERE = range(256)
ELSEWHERE = range(1, 17)


def random_source(subnets):
    return f"127.0.{random.choice(subnets)}.{random.randrange(2, 255)}"


def open_many(bench, stack, number, sent, subnets=ELSEWHERE):
    """From as many addresses; those that are let down at once count, too."""
    opened = []
    for _ in range(number):
        connection = stack.enter_context(socket.socket())
        connection.settimeout(GRACE_SECONDS)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.bind((random_source(subnets), 0))
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            connection.connect(bench.target)
            connection.sendall(sent)
        opened.append(connection)
    return opened


def begin_of(bench):
    """The two frames of multistream-select, and half of the first message."""
    if bench.stack[0] == "noise":
        return MULTISTREAM + faults.NOISE + b"\x00\x20" + bytes(16)
    return MULTISTREAM + b"\x0b/tls/1.0.0\n" + faults.CLIENT_HELLO[:60]


def half_open(bench):
    """Far more than there are places, most of them taken until they make room."""
    with contextlib.ExitStack() as stack:
        for sent, subnets, what in ((b"", EVERYWHERE, "say nothing"),
                                    (begin_of(bench), ELSEWHERE, "begin a handshake")):
            flood = threading.Thread(
                target=open_many, args=(bench, stack, HALF_OPEN // 2, sent, subnets), daemon=True)
            flood.start()
            try:
                bench.serve_others(f"while 5,000 connections {what}", DIALS)
            finally:
                flood.join()
        bench.serve_others("with 10,000 half-open connections")
        bench.check_memory(64 * 1024 * 1024, "10,000 connections are half open")


def drip(bench):
    """One byte each second, from many addresses, in turn."""
    began = time.monotonic()
    said = MULTISTREAM + begin_of(bench)[len(MULTISTREAM):] * 10
    with contextlib.ExitStack() as stack:
        connections = open_many(bench, stack, DRIPPING, b"")
        for connection in connections:
            connection.setblocking(False)
        honest = None
        alive = set(connections)
        while alive:
            byte = int(time.monotonic() - began)
            for connection in list(alive):
                try:
                    connection.send(said[byte : byte + 1])
                    while connection.recv(4096):
                        pass
                    alive.discard(connection)
                except BlockingIOError:
                    pass
                except OSError:
                    alive.discard(connection)
            if honest is None:
                bench.serve_others(f"while {DRIPPING} handshakes drip")
                honest = True
            if time.monotonic() - began > DRIP_HANDSHAKE_SECONDS + GRACE_SECONDS:
                raise Failed(f"{len(alive)} handshakes that drip stay open")
            time.sleep(max(0, began + byte + 1 - time.monotonic()))


def fill(bench):
    """One peer opens everything, and writes into all of it without reading."""
    abuser = Abuser(bench, "fill", CONNECTIONS, STREAMS)
    try:
        bench.serve_others("while a peer fills all that it can open")
        time.sleep(SECONDS)
        bench.check_memory(MEMORY_BUDGET + STREAMS_PER_PEER * STREAM_MEMORY +
                           CONNECTIONS_PER_PEER * CONNECTION_MEMORY, "a peer fills it")
        held = bench.files() - bench.files_before
        if held > CONNECTIONS_PER_PEER:
            raise Failed(f"one peer has {held} connections, expected {CONNECTIONS_PER_PEER}")
    finally:
        _, opened, refused = abuser.stop()
    if opened <= STREAMS_PER_PEER:
        raise Failed(f"the abuser opened no more than {opened} streams")
    if refused == 0:
        raise Failed("no stream was refused")


def busy(bench):
    """One peer uses all its connections as much as it can."""
    abuser = Abuser(bench, "busy", CONNECTIONS_PER_PEER, 4)
    try:
        bench.serve_others("while a peer keeps it busy")
    finally:
        connections, _, _ = abuser.stop()
    if connections != CONNECTIONS_PER_PEER:
        raise Failed(f"the abuser has {connections} connections, expected {CONNECTIONS_PER_PEER}")


def count_waiting(port):
    """At how many connections to that port is something that nobody has read yet."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table][1:]
    return sum(row[1].endswith(f":{port:04X}") and int(row[4].split(":")[1], 16) > 0
               for row in rows if row[3] == "01")


def wait_for_all(bench, number):
    """What a process has sent may still be on its way to the other where the machine is busy."""
    deadline = time.monotonic() + GRACE_SECONDS
    while count_waiting(bench.target[1]) < number:
        if time.monotonic() > deadline:
            raise Failed(f"questions have not come at {number} connections")
        os.sched_yield()


def answers_before(bench, abuser):
    """How many answers to a burst come before that to a question that is asked behind it.
    Meanwhile the listener stands still: it finds all of it at once, and its own count
    tells the order, however busy the machine is."""
    os.kill(bench.listener.pid, signal.SIGSTOP)
    try:
        abuser.burst()
        bench.asker.begin()
        wait_for_all(bench, CONNECTIONS_PER_PEER + 1)
    finally:
        os.kill(bench.listener.pid, signal.SIGCONT)
    answer = bench.asker.read_answer()[1]
    return max(0, answer - abuser.read_first())


def burst(bench):
    """One peer has something for each of its streams: each peer has a share of the time,
    however many jobs it makes of it, and whoever else runs on the machine meanwhile."""
    abuser = Abuser(bench, "burst", CONNECTIONS_PER_PEER, BURST // CONNECTIONS_PER_PEER)
    try:
        before = statistics.median(answers_before(bench, abuser) for _ in range(ROUNDS))
    finally:
        abuser.stop()
    print(f"# {' '.join(bench.stack)}: {before} of {BURST} answers come before who asks behind a burst", flush=True)
    if before > MOST_BEFORE:
        raise Failed(f"{before} of {BURST} answers came before who asked behind a burst, expected at most {MOST_BEFORE}")


def leave_at_once(bench):
    """Connections that are reset as soon as they are there."""
    for number in range(LEAVING // 50):
        with contextlib.ExitStack() as stack:
            open_many(bench, stack, 50, b"", EVERYWHERE)
        if number % 10 == 0:
            bench.serve_honest(DIALS)
    bench.check_memory(64 * 1024 * 1024, "connections are reset")
    bench.serve_others("behind connections that are reset")


def leave_behind_handshake(bench):
    """Handshakes of one peer that are all for nothing."""
    abuser = Abuser(bench, "leave", RESETTING, 1)
    try:
        bench.serve_others("while a peer leaves behind each handshake")
        time.sleep(SECONDS)
        held = bench.files() - bench.files_before
        if held > CONNECTIONS_PER_PEER:
            raise Failed(f"one peer has {held} connections, expected at most {CONNECTIONS_PER_PEER}")
        bench.check_memory(CONNECTIONS_PER_PEER * CONNECTION_MEMORY, "a peer leaves behind each handshake")
    finally:
        connections, _, _ = abuser.stop()
    print(f"# {' '.join(bench.stack)}: {connections} connections", flush=True)
    if connections < 100:
        raise Failed(f"the abuser made no more than {connections} connections")


def rapid_reset(bench):
    """Streams that are opened and reset as fast as it goes (CVE-2023-44487)."""
    abuser = Abuser(bench, "reset", RESETTING, 64)
    try:
        bench.serve_others("while a peer resets streams")
        time.sleep(SECONDS)
        bench.check_memory(STREAMS_PER_PEER * STREAM_MEMORY, "a peer resets streams")
    finally:
        connections, opened, _ = abuser.stop()
    print(f"# {' '.join(bench.stack)}: {opened} streams on {connections} connections", flush=True)
    if opened < 1000:
        raise Failed(f"the abuser opened no more than {opened} streams")
    if connections <= RESETTING:
        raise Failed("a peer that resets all its streams is not cut off")


def garbage(bench):
    """Connections without end that say nothing of sense."""
    over = threading.Event()

    def flood():
        pieces = [begin_of(bench), MULTISTREAM, b""]
        while not over.is_set():
            with contextlib.ExitStack() as stack:
                open_many(bench, stack, 10, random.choice(pieces) + os.urandom(4096))

    flooding = [threading.Thread(target=flood, daemon=True) for _ in range(4)]
    for thread in flooding:
        thread.start()
    try:
        bench.serve_others("while garbage floods in", DIALS)
        time.sleep(SECONDS / 2)
        bench.check_memory(64 * 1024 * 1024, "garbage floods in")
    finally:
        over.set()
        for thread in flooding:
            thread.join()


LIMITS = {
    "handshake-timeout": LONG_HANDSHAKE_SECONDS,
    "max-connections-per-peer": CONNECTIONS_PER_PEER,
    "max-streams-per-peer": STREAMS_PER_PEER,
    "memory-budget": MEMORY_BUDGET,
}
ABUSES = [
    (half_open, LIMITS),
    (garbage, LIMITS),
    (fill, LIMITS),
    (busy, LIMITS),
    (burst, LIMITS),
    (leave_at_once, LIMITS),
    (leave_behind_handshake, LIMITS),
    (rapid_reset, LIMITS),
    (drip, {"handshake-timeout": DRIP_HANDSHAKE_SECONDS}),
]


def run(build, stack, abuse, settings):
    name = f"{' '.join(stack)}: {abuse.__name__.replace('_', ' ')}"
    try:
        bench = Bench(build, *stack, settings)
        with bench.listener:
            abuse(bench)
            bench.check_returned()
            bench.asker.stop()
            bench.serve_honest()
            if bench.listener.stop() != 0:
                sys.stderr.write(bench.listener.stderr()[-4096:])
                raise Failed(f"the listener ended with status {bench.listener.status}")
    except (Failed, RuntimeError) as reason:
        print(f"not ok {name}: {reason}", flush=True)
        return 1
    print(f"ok {name}", flush=True)
    return 0


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < HALF_OPEN + 500:
        print(f"not ok limits: a process may open {hard} files, {HALF_OPEN + 500} are needed")
        return 1
    build = os.path.abspath(sys.argv[1])
    chosen = sys.argv[2:]
    failed = 0
    for stack in STACKS:
        for abuse, settings in ABUSES:
            if not chosen or abuse.__name__ in chosen:
                failed += run(build, stack, abuse, settings)
    # Each case alone has its own limit; together they would hide that all get worse.
    if Bench.all_redials > MOST_REDIALS:
        print(f"not ok clients dialed again {Bench.all_redials} times in all, expected at most {MOST_REDIALS}")
        failed += 1
    else:
        print(f"ok clients dialed again {Bench.all_redials} times in all")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
