# SPDX-License-Identifier: LGPL-2.1-or-later
"""Processes of lp2p send and lp2p receive, and the files that they move."""

import hashlib
import json
import os
import queue
import random
import re
import shutil
import signal
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from report import Cases, Failure, Report, Skip, check  # noqa: E402, F401

# What hangs is caught; a busy machine is slow.
LONG = 180
LOOPBACK = "/ip4/127.0.0.1/tcp/0"
MIB = 1 << 20
STATE = ".lp2p-receive"
FULL = bool(os.environ.get("LP2P_FULL"))

CASES = case = Cases()


class Side:
    """One process; what it prints with --json are its events, unread until it has ended
    where that is wanted."""

    def __init__(self, world, *arguments, unread=False, **options):
        self.name = arguments[0]
        self.events = []
        self.process = subprocess.Popen(
            [world.lp2p, *arguments], env=world.env, stdin=subprocess.DEVNULL, cwd=world.folder,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        self.lines = queue.Queue()
        self.errors = []
        self.threads = [threading.Thread(target=self._read_lines, daemon=True),
                        threading.Thread(target=self._read_errors, daemon=True)]
        for thread in self.threads[1 if unread else 0:]:
            thread.start()
        world.sides.append(self)

    def _read_lines(self):
        for line in self.process.stdout:
            if line.endswith(b"\n"):
                self.lines.put(json.loads(line))
        self.lines.put(None)

    def _read_errors(self):
        for line in self.process.stderr:
            self.errors.append(line.decode("utf-8", "replace"))

    def next(self):
        """The next event; None when the process has ended."""
        try:
            event = self.lines.get(timeout=LONG)
        except queue.Empty as error:
            raise Failure(f"{self.name} says nothing for {LONG} s") from error
        if event is not None:
            self.events.append(event)
        else:
            self.lines.put(None)
        return event

    def wait_event(self, *types):
        while True:
            event = self.next()
            check(event is not None, f"{self.name} ended before {types}: {self.err()}")
            if event["type"] in types:
                return event

    def err(self):
        return "".join(self.errors)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, status=None, err=None):
        """Waits for its end; returns the last event."""
        try:
            found = self.process.wait(timeout=LONG)
        except subprocess.TimeoutExpired as error:
            raise Failure(f"{self.name} still runs after {LONG} s: {self.err()}") from error
        if self.threads[0].ident is None:
            self.threads[0].start()
        while self.next() is not None:
            pass
        for thread in self.threads:
            thread.join()
        if status is not None:
            check(found == status, f"{self.name}: status {found}, expected {status}: {self.err()}")
        if err is not None:
            check(re.search(err, self.err()), f"{self.name}: expected {err!r} in {self.err()!r}")
        return self.events[-1] if self.events else None

    def states(self):
        """What became of each file."""
        return {event["path"]: event["state"] for event in self.events if event["type"] == "file"}


class World:
    """Folders and processes of one case."""

    def __init__(self, build, folder):
        self.build = build
        self.folder = folder
        self.lp2p = os.path.join(build, "core/tools/lp2p")
        self.hostile = os.path.join(build, "tests/send/hostile")
        self.sides = []
        self.env = dict(os.environ, LC_ALL="C.UTF-8", HOME=folder, GSETTINGS_BACKEND="memory",
                        LP2P_PLUGIN_PATH=os.path.join(build, "plugins"), TERM="xterm")
        for name in ("CONFIG", "DATA", "STATE", "CACHE"):
            self.env[f"XDG_{name}_HOME"] = os.path.join(folder, name.lower())
        self.env["XDG_RUNTIME_DIR"] = os.path.join(folder, "runtime")
        os.mkdir(self.env["XDG_RUNTIME_DIR"], 0o700)
        self.env.pop("G_MESSAGES_DEBUG", None)
        os.makedirs(self.path("source"))
        os.makedirs(self.path("target"))

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, data):
        path = os.path.join(os.fsencode(self.path("source")), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def write_random(self, name, size, seed=0):
        """A file of any size, made in pieces."""
        path = self.path("source", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        maker = random.Random(seed)
        with open(path, "wb") as file:
            for start in range(0, size, 1 << 20):
                file.write(maker.randbytes(min(1 << 20, size - start)))
        return path

    def make_id(self, name):
        """An identity file and its peer id."""
        path = self.path(name + ".key")
        result = subprocess.run([self.lp2p, "id", "--make", "--identity", path, "--json"],
                                env=self.env, capture_output=True, text=True, timeout=LONG)
        check(result.returncode == 0, f"no identity: {result.stderr}")
        return path, json.loads(result.stdout)["peer_id"]

    def has_transport(self, name):
        return os.path.exists(os.path.join(self.build, "plugins", name + ".plugin"))

    def send(self, *arguments, **options):
        """A sender that listens; its ticket."""
        side = Side(self, "send", "--json", "--listen", LOOPBACK, *arguments, **options)
        return side, side.wait_event("ticket")["ticket"]

    def dial(self, address, *arguments, **options):
        return Side(self, "send", "--json", "--to", address, *arguments, **options)

    def receive(self, *arguments, target="target", **options):
        return Side(self, "receive", "--json", "--into", self.path(target), *arguments, **options)

    def listen(self, *arguments, **options):
        """A receiver that listens; its address."""
        side = self.receive("--listen", LOOPBACK, *arguments, **options)
        return side, side.wait_event("listening")["addresses"][0]

    def close(self):
        for side in self.sides:
            if side.process.poll() is None:
                side.signal(signal.SIGCONT)
                side.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def list_target(world):
    """What came, without what is not complete."""
    return [name for name in os.listdir(world.path("target")) if name != STATE]


def make_large(world, size=256 * MIB):
    """A file of zeros that takes a while: events come in time for what is to be done in
    the middle of it."""
    file = world.write("a", b"")
    os.truncate(file, size)
    return file


def transfer(world, *paths, send=(), receive=(), statuses=(0, 0)):
    """From beginning to end with a ticket; the last events of both sides."""
    sender, ticket = world.send(*send, *paths)
    receiver = world.receive(*receive, ticket)
    last = receiver.wait(statuses[1])
    # A receiver that does not come to an end leaves a sender that waits for it.
    if last is None or last["type"] != "final":
        sender.signal(signal.SIGINT)
    sender.wait(statuses[0])
    return sender, receiver


def hash_file(path):
    content = hashlib.sha256()
    with open(path, "rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            content.update(piece)
    return content.digest()


def describe(path):
    """All that is to be kept of what is below a folder."""
    found = {}
    path = os.fsencode(path)
    for folder, folders, names in os.walk(path):
        for name in folders + names:
            full = os.path.join(folder, name)
            status = os.lstat(full)
            kind = status.st_mode & 0o170000
            if os.path.islink(full):
                content = os.readlink(full)
            elif name in folders:
                content = None
            else:
                content = hash_file(full)
            mode = None if os.path.islink(full) else status.st_mode & 0o777
            found[os.path.relpath(full, path)] = (kind, mode, status.st_mtime_ns, content)
    return found


def check_same(source, target):
    """Whether two trees are the same."""
    expected, found = describe(source), describe(target)
    wrong = [name for name in sorted(set(expected) | set(found))
             if expected.get(name) != found.get(name)]
    check(not wrong, f"{len(wrong)} differ, such as " + "; ".join(
        f"{name!r}: {found.get(name)}, expected {expected.get(name)}" for name in wrong[:3]))
