# SPDX-License-Identifier: LGPL-2.1-or-later
"""The cases of the suite forward: one function each, named by its docstring.

Usage: forward.py SOURCE BUILD; prints `ok NAME` or `not ok NAME: REASON`.
"""

import contextlib
import hashlib
import http.client
import http.server
import json
import os
import queue
import random
import resource
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))

import cases  # noqa: E402  pylint: disable=wrong-import-position
from cases import ANOTHER_PEER, LONG, LOOPBACK, LOOPBACKS, Cases, Result, Skip, check  # noqa: E402

CASES = case = Cases()
STRANGER = os.path.join(cases.BUILD, "tests/forward/forward-stranger")
# What a direction may hold in both processes, all kernel buffers and windows included,
# when nobody reads: far less than a sender that is not stopped would send.
MOST_IN_FLIGHT = 96 << 20


class Forwarder:
    """`lp2p forward`, with what it prints."""

    def __init__(self, world, *arguments):
        self.process = world.start("forward", "--json", "--verbose", *arguments)
        self.lines = queue.Queue()
        self.notes = []
        self.noted = threading.Condition()
        self.watchdog = threading.Timer(LONG, self.process.kill)
        self.watchdog.start()
        self.readers = [threading.Thread(target=target, daemon=True)
                        for target in (self.read_output, self.read_notes)]
        for reader in self.readers:
            reader.start()
        self.ready = self.next()

    def read_output(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def read_notes(self):
        for line in self.process.stderr:
            with self.noted:
                self.notes.append(line)
                self.noted.notify_all()

    def wait_note(self, text):
        with self.noted:
            check(self.noted.wait_for(lambda: text in "".join(self.notes), LONG),
                  f"expected {text!r}: {self.notes}")
            self.notes.clear()

    def next(self):
        line = self.lines.get(timeout=LONG)
        if line is None:
            self.readers[1].join(LONG)
        check(line is not None, f"it ended: {self.notes}")
        return line

    def wait_for(self, state):
        while (line := self.next())["state"] != state:
            pass
        return line

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(LONG)
        for reader in self.readers:
            reader.join(LONG)
        check(self.process.returncode == 0, f"status {self.process.returncode}: {self.notes}")

    def end(self):
        self.watchdog.cancel()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def forwarder(world, *arguments):
    running = Forwarder(world, *arguments)
    try:
        yield running
        check(running.process.poll() is None, f"it ended by itself: {running.notes}")
        running.stop()
    finally:
        running.end()


def make_key(world, name):
    """The key file of a peer, and its id."""
    file = world.path(name + ".key")
    how = ["--file", file] if os.path.exists(file) else ["--make", "--file", file]
    return file, world.run("id", *how, "--json").expect(0).object()["peer_id"]


@contextlib.contextmanager
def tunnel(world, local, *more, client="tcp:127.0.0.1:0", server_arguments=(), loopback=LOOPBACK):
    """A served local socket and the one that leads to it."""
    key, peer = make_key(world, "client")
    server_key, _ = make_key(world, "server")
    with forwarder(world, "--identity", server_key, "--serve", f"web={local}", "--allow", peer,
                   "--listen", loopback, *server_arguments) as server:
        with forwarder(world, "--identity", key, "--from", client, "--to",
                       server.ready["addresses"][0] + "/web", *more) as near:
            yield near, server


def connect(near, index=0):
    """A connection to what the forwarder accepts on."""
    where = near.ready["from"][index]
    if where.startswith("unix:"):
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(LONG)
        made.connect(where[len("unix:"):])
        return made
    host, port = where[len("tcp:"):].rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=LONG)


class Listener:
    """A local service, whose connections the test takes by hand."""

    def __init__(self, backlog=4096):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.socket.settimeout(LONG)
        self.local = f"tcp:127.0.0.1:{self.socket.getsockname()[1]}"

    def accept(self):
        connection, _ = self.socket.accept()
        connection.settimeout(LONG)
        return connection

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.socket.close()


def read_all(connection):
    data = bytearray()
    while chunk := connection.recv(1 << 16):
        data += chunk
    return bytes(data)


def is_reset(connection):
    try:
        while connection.recv(1 << 16):
            pass
    except ConnectionResetError:
        return True
    return False


def is_refused(near, index=0, data=b""):
    """Whether a new connection is reset, which may be at once."""
    try:
        with connect(near, index) as client:
            client.sendall(data)
            return is_reset(client)
    except (ConnectionResetError, BrokenPipeError):
        return True


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def fill(connection):
    """Writes until nothing more is taken for some time; how much was, and its hash."""
    maker, block = random.Random(0), b""
    taken, content = 0, hashlib.sha256()
    connection.settimeout(2)
    try:
        while taken <= MOST_IN_FLIGHT:
            block = block or maker.randbytes(1 << 16)
            sent = connection.send(block)
            taken += sent
            content.update(block[:sent])
            block = block[sent:]
    except TimeoutError:
        pass
    connection.settimeout(LONG)
    return taken, content.digest()


# What passes through

@case
def test_http(world):
    """an HTTP server through two processes"""
    body = os.urandom(3 << 20)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, data):
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self):  # pylint: disable=invalid-name
            self.answer(body)

        def do_POST(self):  # pylint: disable=invalid-name
            self.answer(self.rfile.read(int(self.headers["Content-Length"])))

        def log_message(self, *arguments):  # pylint: disable=arguments-differ
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    # A connection that is cut off at the end is no failure.
    server.handle_error = lambda *arguments: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        for loopback, _, _ in LOOPBACKS.values():
            with tunnel(world, f"tcp:127.0.0.1:{server.server_port}", loopback=loopback) as (near, _):
                host, port = near.ready["from"][0][len("tcp:"):].rsplit(":", 1)
                client = http.client.HTTPConnection(host, int(port), timeout=LONG)
                for _ in range(3):
                    client.request("GET", "/")
                    check(client.getresponse().read() == body, "other bytes came back")
                    client.request("POST", "/", body[:1 << 20])
                    check(client.getresponse().read() == body[:1 << 20], "other bytes came back")
                client.close()
    finally:
        server.shutdown()
        server.server_close()


def half_close(world, first_ends):
    with Listener() as service, tunnel(world, service.local) as (near, _):
        client, server = connect(near), service.accept()
        first, second = (client, server) if first_ends == "client" else (server, client)
        data = os.urandom(300000)
        threading.Thread(target=lambda: (first.sendall(data), first.shutdown(socket.SHUT_WR))).start()
        check(read_all(second) == data, "other bytes came")
        # The other direction goes on, long after the end of the first.
        for _ in range(3):
            second.sendall(b"still here")
            check(first.recv(10, socket.MSG_WAITALL) == b"still here", "the other direction ended")
        second.shutdown(socket.SHUT_WR)
        check(first.recv(1) == b"", "no end")
        client.close()
        server.close()


@case
def test_half_close_client(world):
    """the end of the client's direction passes through"""
    half_close(world, "client")


@case
def test_half_close_server(world):
    """the end of the server's direction passes through"""
    half_close(world, "server")


@case
def test_server_speaks_first(world):
    """a service that speaks first"""
    with Listener() as service, tunnel(world, service.local) as (near, _):
        with connect(near) as client, service.accept() as server:
            server.sendall(b"220 hello")
            check(client.recv(9, socket.MSG_WAITALL) == b"220 hello", "no greeting")


def back_pressure(world, from_client):
    with Listener() as service, tunnel(world, service.local) as (near, _):
        with connect(near) as client, service.accept() as server:
            writer, reader = (client, server) if from_client else (server, client)
            taken, content = fill(writer)
            check(taken <= MOST_IN_FLIGHT, f"{taken} bytes were taken that nobody reads")
            # Others are not held up, and what was taken arrives when it is read.
            with connect(near) as other, service.accept() as far:
                other.sendall(b"x")
                check(far.recv(1) == b"x", "another connection is held up")
            writer.shutdown(socket.SHUT_WR)
            data = read_all(reader)
            check(len(data) == taken, f"{len(data)} bytes came of {taken}")
            check(hashlib.sha256(data).digest() == content, "other bytes came")


@case
def test_back_pressure_upwards(world):
    """a service that does not read stops the client"""
    back_pressure(world, True)


@case
def test_back_pressure_downwards(world):
    """a client that does not read stops the service"""
    back_pressure(world, False)


@case
def test_reset(world):
    """a reset of either side resets the other"""
    with Listener() as service, tunnel(world, service.local) as (near, _):
        for by_client in (True, False):
            client, server = connect(near), service.accept()
            client.sendall(b"x")
            check(server.recv(1) == b"x", "nothing came")
            first, second = (client, server) if by_client else (server, client)
            reset(first)
            check(is_reset(second), f"an end instead of a reset, by the client: {by_client}")
            second.close()


@case
def test_reset_while_blocked(world):
    """a reset is seen by who neither reads nor writes"""
    with Listener() as service, tunnel(world, service.local) as (near, _):
        for by_client in (True, False):
            client, server = connect(near), service.accept()
            writer, stuck = (client, server) if by_client else (server, client)
            fill(writer)
            reset(writer)
            # The one that reads nothing is reset: poll() tells without reading.
            check(poll_error(stuck), "the stuck side was not reset")
            stuck.close()


def poll_error(connection):
    import select  # pylint: disable=import-outside-toplevel
    poller = select.poll()
    poller.register(connection.fileno(), 0)
    return bool(poller.poll(LONG * 1000))


# Who may

@case
def test_not_allowed(world):
    """a peer that is not named is refused"""
    key, _ = make_key(world, "client")
    with Listener() as service, forwarder(world, "--serve", f"web={service.local}", "--allow",
                                          ANOTHER_PEER, "--listen", LOOPBACK) as server:
        address = server.ready["addresses"][0]
        with forwarder(world, "--identity", key, "--from", "tcp:127.0.0.1:0", "--to",
                       address + "/web") as near:
            check(is_refused(near, data=bytes(100000)), "it was served")
        check("no such service for us" in "".join(near.notes), near.notes)
        service.socket.setblocking(False)
        try:
            service.accept()
            check(False, "the service was connected")
        except BlockingIOError:
            pass


@case
def test_allowed_by_name(world):
    """a peer may use the service that it is named for, and no other"""
    key, peer = make_key(world, "client")
    with Listener() as one, Listener() as two:
        with forwarder(world, "--serve", f"one={one.local}", "--serve", f"two={two.local}",
                       "--allow", f"one={peer}", "--allow", f"two={ANOTHER_PEER}",
                       "--listen", LOOPBACK) as server:
            address = server.ready["addresses"][0]
            check(server.ready["serve"] == ["one", "two"], server.ready)
            arguments = []
            for name in ("one", "two", "three"):
                arguments += ["--from", "tcp:127.0.0.1:0", "--to", f"{address}/{name}"]
            with forwarder(world, "--identity", key, *arguments) as near:
                with connect(near) as client, one.accept() as far:
                    far.sendall(b"x")
                    check(client.recv(1) == b"x", "not served")
                for index in (1, 2):
                    check(is_refused(near, index), f"{index} was served")


@case
def test_allow_file(world):
    """SIGHUP reads the file of those that are served, and what is open stays open"""
    key, peer = make_key(world, "client")
    allowed = world.write("allowed", f"# nobody yet\n\n{ANOTHER_PEER}\n")
    with Listener() as service, forwarder(world, "--serve", f"web={service.local}", "--allow-file", allowed,
                                          "--listen", LOOPBACK) as server:
        def reload(text, note="configuration read again"):
            world.write("allowed", text)
            server.process.send_signal(signal.SIGHUP)
            server.wait_note(note)

        address = server.ready["addresses"][0]
        with forwarder(world, "--identity", key, "--from", "tcp:127.0.0.1:0", "--to", address + "/web") as near:
            check(is_refused(near), "it was served")
            reload(f" web={peer} \n")
            with connect(near) as client, service.accept() as far:
                # What is wrong changes nothing.
                reload("no=peer\n", "there is no service of this name")
                with connect(near), service.accept():
                    pass
                reload(f"{ANOTHER_PEER}\n")
                check(is_refused(near), "it is still served")
                far.sendall(b"x")
                check(client.recv(1) == b"x", "what was open is broken")


@case
def test_no_memory(world):
    """a connection for whose waiting bytes there is no memory breaks off, and a line tells why"""
    config = world.write("small.conf", "[plugin yamux]\nmax-memory=65536\n")
    with Listener() as service, tunnel(world, service.local, "--config", config) as (near, _):
        with connect(near), service.accept() as far:
            try:
                fill(far)
            except (ConnectionResetError, BrokenPipeError):
                pass
            near.wait_note("No memory is left for bytes that wait to be read")
        with connect(near) as client, service.accept() as far:
            far.sendall(b"x")
            check(client.recv(1) == b"x", "the next one is not served")


@case
def test_unreachable_service(world):
    """a service that does not run"""
    with Listener() as service:
        local = service.local
    with tunnel(world, local) as (near, _):
        check(is_refused(near), "no reset")
    check("cannot reach the service" in "".join(near.notes), near.notes)


# Sockets

@case
def test_unix(world):
    """UNIX sockets on both sides"""
    path, far = world.path("near.sock"), world.path("far.sock")
    # What nobody listens on any more is no hindrance.
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(path)
    stale.close()
    with socket.socket(socket.AF_UNIX) as service:
        service.bind(far)
        service.listen()
        service.settimeout(LONG)
        with tunnel(world, f"unix:{far}", client=f"unix:{path}") as (near, _):
            check(stat.S_IMODE(os.stat(path).st_mode) == 0o600, "the mode is not 0600")
            with connect(near) as client:
                server, _ = service.accept()
                server.settimeout(LONG)
                client.sendall(b"question")
                client.shutdown(socket.SHUT_WR)
                check(read_all(server) == b"question", "another question")
                server.sendall(b"answer")
                server.close()
                check(read_all(client) == b"answer", "another answer")
            world.run("forward", "--from", f"unix:{path}", "--to", f"{ANOTHER_PEER}/web").expect(
                1, "in use")
    check(not os.path.exists(path), "the socket file is still there")
    world.write("file", "")
    world.run("forward", "--from", f"unix:{world.path('file')}", "--to",
              f"{ANOTHER_PEER}/web").expect(1, "in use")
    check(os.path.exists(world.path("file")), "a file that is no socket was removed")


@case
def test_many(world):
    """2,000 connections at a time"""
    number = 2000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Both ends of each are here, beside a few files.
    if hard < 2 * number + 200:
        raise Skip(f"missing: a limit of {2 * number + 200} open files, it is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with Listener() as service, tunnel(world, service.local) as (near, _):
            pairs = {}
            clients = [connect(near) for _ in range(number)]
            for index, client in enumerate(clients):
                client.sendall(struct.pack("!I", index))
            for _ in range(number):
                server = service.accept()
                index, = struct.unpack("!I", server.recv(4, socket.MSG_WAITALL))
                pairs[index] = server
            check(len(pairs) == number, "some are missing")
            for index, server in pairs.items():
                server.sendall(struct.pack("!I", index * 3))
            for index, client in enumerate(clients):
                answer, = struct.unpack("!I", client.recv(4, socket.MSG_WAITALL))
                check(answer == index * 3, "an answer for another one")
            for connection in [*clients, *pairs.values()]:
                connection.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@case
def test_max_connections(world):
    """more connections than wanted wait"""
    with Listener() as service, tunnel(world, service.local, "--max-connections", "2") as (near, _):
        clients = [connect(near) for _ in range(3)]
        servers = [service.accept(), service.accept()]
        clients[2].sendall(b"third")
        service.socket.setblocking(False)
        try:
            service.accept()
            check(False, "a third one came")
        except BlockingIOError:
            service.socket.settimeout(LONG)
        for connection in (clients[0], servers[0]):
            connection.close()
        with service.accept() as third:
            check(third.recv(5, socket.MSG_WAITALL) == b"third", "another one came")


@case
def test_no_descriptors(world):
    """what cannot be accepted for want of descriptors is accepted when there are some"""
    with Listener() as service, tunnel(world, service.local) as (near, _):
        pid = near.process.pid
        with cases.without_descriptors(pid):
            client = connect(near)
            near.wait_note("Too many open files")
        client.sendall(b"data")
        with client, service.accept() as server:
            check(server.recv(4, socket.MSG_WAITALL) == b"data", "something else came")


# The peer

@case
def test_peer_comes_later(world):
    """the peer goes and comes back"""
    key, peer = make_key(world, "client")
    server_key, server_peer = make_key(world, "server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with Listener() as service:
        serve = ("--identity", server_key, "--serve", f"web={service.local}", "--allow", peer,
                 "--listen", f"/ip4/127.0.0.1/tcp/{port}")
        with forwarder(world, "--identity", key, "--from", "tcp:127.0.0.1:0", "--to",
                       f"/ip4/127.0.0.1/tcp/{port}/p2p/{server_peer}/web") as near:
            waiting = near.wait_for("waiting")
            check("efused" in waiting["error"] and waiting["retry_s"] > 0, waiting)
            for _ in range(2):
                with forwarder(world, *serve):
                    near.wait_for("connected")
                    with connect(near) as client, service.accept() as far:
                        far.sendall(b"here")
                        check(client.recv(4, socket.MSG_WAITALL) == b"here", "not served")
                near.wait_for("waiting")


@case
def test_connection_lost(world):
    """a peer that is killed resets what came through it"""
    key, peer = make_key(world, "client")
    with Listener() as service:
        server = Forwarder(world, "--serve", f"web={service.local}", "--allow", peer,
                           "--listen", LOOPBACK)
        try:
            with forwarder(world, "--identity", key, "--from", "tcp:127.0.0.1:0", "--to",
                           server.ready["addresses"][0] + "/web") as near:
                with connect(near) as client, service.accept() as far:
                    client.sendall(b"x")
                    check(far.recv(1) == b"x", "nothing came")
                    server.process.kill()
                    check(is_reset(client), "an end instead of a reset")
        finally:
            server.end()


@case
def test_protocol(world):
    """the protocol, right and wrong, by hand"""
    key, peer = make_key(world, "client")
    stranger_key, _ = make_key(world, "stranger")

    def speak(key, text):
        result = subprocess.run([STRANGER, address, key, text], env=world.env, text=True,
                                capture_output=True, timeout=LONG, check=False)
        check(result.returncode == 0, result)
        return result.stdout.strip()

    def request(name):
        return f"{len(name):02x}" + name.encode().hex()

    with Listener() as service, Listener() as gone:
        gone.socket.close()
        with forwarder(world, "--serve", f"web={service.local}", "--serve", f"gone={gone.local}",
                       "--allow", peer, "--listen", LOOPBACK) as server:
            address = server.ready["addresses"][0]
            protocols = world.run("identify", address, "--json").expect(0).object()["protocols"]
            check("/lp2p/forward/1.0.0" in protocols, protocols)
            check("web" not in " ".join(protocols), "the names of services are told to everybody")

            # What is behind the request goes to the service.
            answers = queue.Queue()
            speaker = threading.Thread(
                target=lambda: answers.put(speak(key, request("web") + b"question".hex())))
            speaker.start()
            with service.accept() as far:
                check(read_all(far) == b"question", "another question")
                far.sendall(b"answer")
            check(answers.get(timeout=LONG) == "00" + b"answer".hex() + " end", "another answer")
            speaker.join()

            for text, expected in (
                    (request("other") + "ff" * 100, "01 end"),      # no such service
                    (request("gone") + "-", "02 end"),              # it does not run
                    ("", " reset"), ("00", " reset"), ("41" + "61" * 65, " reset"),
                    ("ff" * 10, " reset"), ("0361", " reset"), (request("a b"), " reset"),
                    (request("a/b"), " reset"), ("01ff", " reset"), ("0100", " reset")):
                answer = speak(key, text)
                check(answer == expected.strip() or answer == expected, f"{text}: {answer!r}")
            # Who is not named is told so whatever it asks for, and before it asks.
            for text in (request("web"), request("other"), "-"):
                answer = speak(stranger_key, text)
                check(answer == "01 end", f"{text}: {answer!r}")


@case
def test_silent_request(world):
    """a request that does not come is not waited for without an end"""
    # Not the time itself is tested, which is long, but that others are not held up.
    key, peer = make_key(world, "client")
    with Listener() as service, forwarder(world, "--serve", f"web={service.local}", "--allow", peer,
                                          "--listen", LOOPBACK, "--max-connections", "1") as server:
        address = server.ready["addresses"][0]
        silent = [subprocess.Popen([STRANGER, address, key, text], env=world.env,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                  for text in ("-", "03-", "0377-")]
        try:
            with forwarder(world, "--identity", key, "--from", "tcp:127.0.0.1:0", "--to",
                           address + "/web") as near:
                with connect(near) as client, service.accept() as far:
                    client.sendall(b"x")
                    check(far.recv(1) == b"x", "nothing came")
                    check(is_refused(near), "more than one were served")
            check("as many connections as it takes" in "".join(near.notes), near.notes)
        finally:
            for process in silent:
                process.kill()
                process.wait()


# Usage

@case
def test_usage(world):
    """wrong usage"""
    to = f"{ANOTHER_PEER}/web"
    for arguments, reason in (
            ((), "nothing to forward"),
            (("--from", "tcp:127.0.0.1:0"), "--to"),
            (("--serve", "web=tcp:127.0.0.1:80"), "--allow"),
            (("--allow", ANOTHER_PEER, "--from", "tcp:127.0.0.1:0", "--to", to), "--serve"),
            (("--from", "udp:127.0.0.1:0", "--to", to), "tcp:HOST:PORT"),
            (("--from", "tcp:127.0.0.1", "--to", to), "tcp:HOST:PORT"),
            (("--from", "unix:", "--to", to), "path"),
            (("--from", "unix:/" + "x" * 200, "--to", to), "107"),
            (("--from", "tcp:127.0.0.1:0", "--to", ANOTHER_PEER), "no service"),
            (("--from", "tcp:127.0.0.1:0", "--to", "nobody/web"), "nobody"),
            (("--from", "tcp:127.0.0.1:0", "--to", "/ip4/127.0.0.1/tcp/1/web"), "no peer"),
            (("--serve", "web", "--allow", ANOTHER_PEER), "NAME=LOCAL"),
            (("--serve", "-x=tcp:127.0.0.1:80", "--allow", ANOTHER_PEER), "NAME=LOCAL"),
            (("--serve", "a=tcp:127.0.0.1:1", "--allow", f"b={ANOTHER_PEER}"), "no service"),
            (("--serve", "a=tcp:127.0.0.1:1", "--serve", "a=tcp:127.0.0.1:1", "--allow",
              ANOTHER_PEER), "already"),
            (("--serve", "a=tcp:127.0.0.1:1", "--allow", "nobody"), "nobody"),
            (("--from", "tcp:127.0.0.1:0", "--to", to, "--max-connections", "0"), "max-conn"),
            (("--from", "tcp:127.0.0.1:0", "--to", to, "--peer-address",
              "/ip4/127.0.0.1/tcp/1"), "/p2p/"),
    ):
        world.run("forward", *arguments).expect(2, reason)
    world.run("forward", "--from", "tcp:example.org:0", "--to", to).expect(1, "an IP address")


if __name__ == "__main__":
    sys.exit(cases.main(CASES))
