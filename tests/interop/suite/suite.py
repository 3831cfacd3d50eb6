#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""suite.py BUILD: plays the runner of the official suite and prints `ok`, `not ok`
and `skip` lines: a Redis, a listener and a dialer that are told everything by
environment variables."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
sys.path.insert(0, os.path.join(HERE, "..", "..", "lib"))
from interop import BUILT_IN, CERTIFICATE, PRIVATE_KEY, combinations, stack_name  # noqa: E402
from peers import Missing, Peer, last_line  # noqa: E402
from report import Report  # noqa: E402

DIAL_SECONDS = 60
START_SECONDS = 20
END_SECONDS = 15

LATENCY = re.compile(
    r"latency:\n  handshake_plus_one_rtt: [0-9.]+\n  ping_rtt: [0-9.]+\n  unit: ms\n"
)


class Redis:
    """A private one, on a free port."""

    def __init__(self, binary):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % free.getsockname()[1]
        self.folder = tempfile.TemporaryDirectory(prefix="lp2p-redis-")
        host, port = self.address.split(":")
        self.process = subprocess.Popen(
            [binary, "--bind", host, "--port", port, "--save", "", "--dir", self.folder.name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    def __enter__(self):
        deadline = time.monotonic() + START_SECONDS
        host, port = self.address.split(":")
        while True:
            try:
                socket.create_connection((host, int(port))).close()
                return self
            except OSError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"redis-server does not answer: {error}") from error
                time.sleep(0.02)

    def __exit__(self, *exception):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


class Program:
    """What a peer has for this contract: its command and its environment."""

    def __init__(self, name, build):
        self.name = name
        peer = Peer(name, build)
        self.environment = peer.environment
        if name == "lp2p":
            self.argv = [os.path.join(build, "tests", "interop", "lp2p-interop")]
        else:
            peer.build()
            self.argv = [*peer.argv, "suite"]

    def start(self, stderr, **variables):
        return subprocess.Popen(
            self.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=dict(self.environment, DEBUG="false", **variables),
            text=True,
        )


def read_back(file):
    file.seek(0)
    return last_line(file.read().decode(errors="replace"))


def finish(process, seconds):
    try:
        return process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


def check(dialer, listener, redis, stack):
    """None when all is as the contract says, else why it is not."""
    common = {
        "REDIS_ADDR": redis,
        "TEST_KEY": f"{dialer.name}-{listener.name}-{stack_name(stack)}",
        "LISTENER_IP": "0.0.0.0",
    }
    # The runner says nothing of what is built in.
    common.update((key, value) for key, value in zip(("TRANSPORT", "SECURE_CHANNEL", "MUXER"), stack)
                  if value != BUILT_IN)
    # Nor of certificates: its programs trust any, ours does not.
    if stack[0] == "wss":
        common.update(TLS_CERTIFICATE=CERTIFICATE, TLS_KEY=PRIVATE_KEY, TLS_TRUST=CERTIFICATE,
                      LISTENER_IP="127.0.0.1")
    with tempfile.TemporaryFile() as listen_errors, tempfile.TemporaryFile() as dial_errors:
        server = listener.start(listen_errors, IS_DIALER="false", **common)
        client = dialer.start(dial_errors, IS_DIALER="true", **common)
        output = finish(client, DIAL_SECONDS)
        server.terminate()
        said = finish(server, END_SECONDS)
        if client.returncode != 0:
            return (f"the dialer ended with status {client.returncode}: {read_back(dial_errors)}; "
                    f"the listener said: {read_back(listen_errors)}")
        if not LATENCY.fullmatch(output):
            return f"the dialer printed {output!r}"
        if listener.name == "lp2p" and server.returncode != 0:
            return f"the listener ended with status {server.returncode}: {read_back(listen_errors)}"
        if said:
            return f"the listener printed {said!r}"
    return None


def lost_redis(ours):
    """A program that meets nobody says so and fails."""
    with tempfile.TemporaryFile() as errors:
        process = ours.start(errors, IS_DIALER="true", REDIS_ADDR="127.0.0.1:1", TEST_KEY="x")
        finish(process, DIAL_SECONDS)
        if process.returncode != 1 or "lp2p-interop:" not in read_back(errors):
            return f"status {process.returncode}: {read_back(errors)}"
    return None


def pairs(build, report):
    ours = Program("lp2p", build)
    for stack in combinations("lp2p", build):
        yield ours, ours, stack
    try:
        go = Program("go", build)
    except Missing as reason:
        report.skip("suite lp2p->go", f"missing: {reason}")
        return
    except RuntimeError as error:
        report.case("suite go build", error)
        return
    for stack in combinations("go", build):
        yield ours, go, stack
        yield go, ours, stack


def main():
    build = os.path.abspath(sys.argv[1])
    report = Report()
    binary = shutil.which("redis-server")
    if binary is None:
        report.skip("suite", "missing: redis-server")
        return 0
    report.case("suite without a redis", lost_redis(Program("lp2p", build)))
    with Redis(binary) as redis:
        for dialer, listener, stack in pairs(build, report):
            report.case(f"suite {dialer.name}->{listener.name} {stack_name(stack)}",
                        check(dialer, listener, redis.address, stack))
    return report.status


if __name__ == "__main__":
    sys.exit(main())
