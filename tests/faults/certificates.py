#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""certificates.py BUILD: bad certificates for `lp2p listen` and `lp2p ping`, as `ok`
and `not ok` lines: each is refused for its own reason, and others are served."""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time

# Of each kind of tls-stranger, what is said of it; None where it is taken.
REASONS = {
    "expired": r"the peer's certificate expired 36\d\d seconds ago",
    "future": r"the peer's certificate is not valid before 3[56]\d\d seconds from now",
    "wrong-signature": r"the peer's certificate is not signed with its own key",
    "no-extension": r"the peer's certificate does not have the libp2p extension",
    "broken-extension": r"the peer's certificate has a malformed libp2p extension",
    "stolen-extension": r"the peer's certificate is not vouched for by the host key",
    "critical-extension": r"the peer's certificate has the unknown critical extension 1\.2\.3\.4",
    "two": r"the peer sent 2 certificates, expected one",
    "ed448": r"the peer's certificate has no valid public key: Public key of an unknown algorithm",
    "small-rsa": r"the peer's certificate has no valid public key: .*1024",
    "good": None,
}
# A server that has none cannot even begin.
REASONS_OF_CLIENTS = {"none": r"Certificate is required", **REASONS}
SECONDS = 10


class Failed(Exception):
    pass


class Programs:
    def __init__(self, build, folder):
        self.lp2p = os.path.join(build, "core", "tools", "lp2p")
        self.stranger = os.path.join(build, "tests", "faults", "tls-stranger")
        self.config = os.path.join(folder, "lp2p.conf")
        self.environment = dict(
            os.environ, HOME=folder, XDG_DATA_HOME=folder, XDG_CONFIG_HOME=folder,
            GSETTINGS_BACKEND="memory", LC_ALL="C.UTF-8", G_DEBUG="fatal-criticals",
            LP2P_PLUGIN_PATH=os.path.join(build, "plugins"))
        self.environment.pop("G_MESSAGES_DEBUG", None)
        with open(self.config, "w", encoding="utf-8") as file:
            file.write("[host]\nsecurity=['tls']\n")

    def run(self, *argv):
        return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env=self.environment, timeout=SECONDS)

    def ping(self, address):
        return self.run(self.lp2p, "ping", "--config", self.config, "--count", "1", address)


class Listener:
    """`lp2p listen`, with a log of what it refuses."""

    def __init__(self, programs):
        self.log = tempfile.TemporaryFile(prefix="lp2p-listen-")
        # GLib writes what is for debugging to stdout.
        self.process = subprocess.Popen(
            [programs.lp2p, "listen", "--config", programs.config, "/ip4/127.0.0.1/tcp/0"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            env=dict(programs.environment, G_MESSAGES_DEBUG="all"))
        self.address = self.wait(r"(/ip4/127\.0\.0\.1/tcp/\d+/p2p/\w+)$", 0)[0]
        self.port = re.search(r"/tcp/(\d+)", self.address)[1]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.terminate()
        self.process.wait(SECONDS)

    def read_log(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def wait(self, pattern, before):
        """What came to the log behind its first `before` characters."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            found = re.findall(pattern, self.read_log()[before:], re.MULTILINE)
            if found:
                return found
            time.sleep(0.02)
        raise Failed(f"the log has no {pattern!r}: {self.read_log()[before:]}")

    def wait_reason(self, reason, before):
        reasons = self.wait("came to nothing: (.*)$", before)
        if len(reasons) != 1 or not re.search(reason, reasons[0]):
            raise Failed(f"expected one reason like {reason!r} in the log, got {reasons}")


def as_client(programs, listener, kind, reason):
    before = len(listener.read_log())
    said = programs.run(programs.stranger, "dial", listener.port, kind).stdout.strip()
    expected = "accepted" if reason is None else "refused"
    if said != expected:
        raise Failed(f"the stranger was {said or 'let down'}, not {expected}")
    if reason is not None:
        listener.wait_reason(reason, before)
    else:
        # Only what was one can be closed.
        listener.wait(r"Connection to \w+ closed: ", before)
    result = programs.ping(listener.address)
    if result.returncode != 0:
        raise Failed(f"the next client is not served: {result.stderr.strip()}")


def as_server(programs, kind, reason):
    with subprocess.Popen([programs.stranger, "listen", kind], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True, env=programs.environment) as stranger:
        address = stranger.stdout.readline().strip()
        result = programs.ping(address)
        with contextlib.suppress(subprocess.TimeoutExpired):
            stranger.wait(SECONDS)
        if stranger.returncode is None:
            stranger.kill()
            raise Failed("the connection stayed open")
        said = stranger.stdout.read().strip()
    if reason is None:
        # It agrees on a muxer and no more, so that the ping on it has no answer.
        if said != "accepted":
            raise Failed(f"the stranger was {said or 'let down'}: {result.stderr.strip()}")
        reason = r"ping: (The connection to \w+ is closed: )?yamux: the peer ended the connection"
    if result.returncode != 1 or not re.fullmatch(f"lp2p: .*{reason}.*\n", result.stderr):
        raise Failed(f"expected status 1 and one line with {reason!r}, got {result.returncode} "
                     f"and {result.stderr!r}")


def report(name, run, *arguments):
    try:
        run(*arguments)
    except (Failed, subprocess.TimeoutExpired) as reason:
        print(f"not ok {name}: {reason}", flush=True)
        return 1
    print(f"ok {name}", flush=True)
    return 0


def main():
    failed = 0
    with tempfile.TemporaryDirectory(prefix="lp2p-certificates-") as folder:
        programs = Programs(os.path.abspath(sys.argv[1]), folder)
        with Listener(programs) as listener:
            for kind, reason in REASONS_OF_CLIENTS.items():
                failed += report(f"certificate of a client: {kind}", as_client, programs, listener,
                                 kind, reason)
            if listener.process.poll() is not None:
                failed += 1
                print(f"not ok lp2p listen: ended with status {listener.process.returncode}")
        for kind, reason in REASONS.items():
            failed += report(f"certificate of a server: {kind}", as_server, programs, kind, reason)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
