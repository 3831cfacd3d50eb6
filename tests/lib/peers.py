# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the peers of tests/interop/peers, ours and those of other languages.

    peer = Peer("go", build_folder)
    peer.build()
    with Listener(peer) as listener:
        result = dial(Peer("lp2p", build_folder), listener.address)
    print(result.steps["ping"]["ok"])
"""

import json
import os
import selectors
import signal
import subprocess
import tempfile
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PEERS = os.path.join(TESTS, "interop", "peers")

# What `build` ends with where the toolchain is absent.
SKIP_STATUS = 77
# A first build may fetch and compile a whole library.
BUILD_SECONDS = 1500
START_SECONDS = 30
END_SECONDS = 15
# The lines of an answer to SIGUSR1, in their order.
USAGE = ("cpu", "rss", "heap")

# A critical message is a bug, also where the peer goes on after it.
OUR_ENVIRONMENT = {"G_DEBUG": "fatal-criticals", "G_SLICE": "always-malloc"}


class Missing(Exception):
    """The machine has no toolchain for a peer; str() says which."""


class Peer:
    def __init__(self, name, build_folder, environment=None):
        self.name = name
        self.environment = dict(os.environ, **(environment or {}))
        if name == "lp2p":
            self.argv = [os.path.join(build_folder, "tests", "interop", "lp2p-peer")]
            self.environment["LP2P_PLUGIN_PATH"] = os.path.join(build_folder, "plugins")
            for key, value in OUR_ENVIRONMENT.items():
                self.environment.setdefault(key, value)
        else:
            self.argv = [os.path.join(PEERS, name, "run")]

    def build(self):
        """Prepares the peer; what is there already is not built again."""
        if self.name == "lp2p":
            if not os.access(self.argv[0], os.X_OK):
                raise Missing(f"{self.argv[0]} is not built")
            return
        done = subprocess.run(
            [os.path.join(PEERS, self.name, "build")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=BUILD_SECONDS,
        )
        if done.returncode == SKIP_STATUS:
            raise Missing(last_line(done.stderr))
        if done.returncode != 0:
            raise RuntimeError(f"the peer {self.name} cannot be built: {last_line(done.stderr)}")


def last_line(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def read_line(process, seconds):
    """The first line of a child's stdout, "" when none comes in time."""
    line = b""
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            if not selector.select(max(0, deadline - time.monotonic())):
                return ""
            byte = os.read(process.stdout.fileno(), 1)
            if not byte:
                return ""
            line += byte
    return line.decode().strip()


class Listener:
    """A peer that serves until it is stopped."""

    def __init__(self, peer, options=(), popen=subprocess.Popen):
        self.peer = peer
        self.status = None
        self.usage = None
        self._stderr = tempfile.TemporaryFile(prefix="lp2p-peer-")
        self.process = popen(
            [*peer.argv, "listen", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=peer.environment,
            start_new_session=True,
        )
        self.address = read_line(self.process, START_SECONDS)
        if not self.address:
            self.stop()
            raise RuntimeError(f"the peer {peer.name} does not listen: {last_line(self.stderr())}")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.stop()

    @property
    def pid(self):
        return self.process.pid

    def stderr(self, begin=0):
        # Not by seeking: the peer writes at the same place.
        size = os.fstat(self._stderr.fileno()).st_size
        return os.pread(self._stderr.fileno(), size - begin, begin).decode(errors="replace")

    def ask_usage(self):
        """What its answer to SIGUSR1 says, as numbers by name."""
        begin = os.fstat(self._stderr.fileno()).st_size
        os.kill(self.pid, signal.SIGUSR1)
        deadline = time.monotonic() + END_SECONDS
        while time.monotonic() < deadline:
            text = self.stderr(begin)
            fields = [line.split() for line in text.splitlines(keepends=True) if line.endswith("\n")]
            usage = {f[0]: float(f[1]) for f in fields if len(f) == 2 and f[0] in USAGE}
            if USAGE[-1] in usage:
                return usage
            time.sleep(0.005)
        raise RuntimeError(f"the peer {self.peer.name} does not say what it uses")

    def stop(self):
        """Ends it as its contract says; the status is None when it had to be killed."""
        if not self.process.stdin.closed:
            self.process.stdin.close()
            self.usage = wait_usage(self.process, END_SECONDS)
            if self.usage is not None:
                self.status = self.process.returncode
            self.process.stdout.close()
        return self.status


class Result:
    """What a `dial` left behind."""

    def __init__(self, status, stdout, stderr, usage):
        self.status = status
        self.stderr = stderr
        self.usage = usage
        self.steps = {}
        for line in stdout.splitlines():
            try:
                step = json.loads(line)
                self.steps[step["step"]] = step
            except (ValueError, KeyError, TypeError):
                self.stderr += f"not a step: {line}\n"

    def reason(self, name):
        """None when a step is all right, else why it is not."""
        step = self.steps.get(name)
        if step is None:
            status = "was killed" if self.status is None else f"ended with status {self.status}"
            return f"no report, the dialer {status}: {last_line(self.stderr)}"
        if step["ok"]:
            return None
        return " ".join(str(step["error"]).split())


def dial(peer, address, options=(), seconds=120, popen=subprocess.Popen):
    """Runs a `dial` to its end."""
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        process = popen(
            [*peer.argv, "dial", address, *options],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env=peer.environment,
            start_new_session=True,
        )
        usage = wait_usage(process, seconds)
        for file in (stdout, stderr):
            file.seek(0)
        status = None if usage is None else process.returncode
        return Result(
            status,
            stdout.read().decode(errors="replace"),
            stderr.read().decode(errors="replace"),
            usage,
        )


def wait_usage(process, seconds):
    """Waits for one of our own children and says what it used; None when it had
    to be killed, with its group."""
    deadline = time.monotonic() + seconds
    killed = False
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return None if killed else usage
        if not killed and time.monotonic() > deadline:
            # It was started in a group of its own.
            os.killpg(process.pid, signal.SIGKILL)
            killed = True
        time.sleep(0.01)
