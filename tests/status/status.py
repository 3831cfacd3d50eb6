# SPDX-License-Identifier: LGPL-2.1-or-later
"""The cases of the suite status: one function each, named by its docstring.

Usage: status.py SOURCE BUILD; prints `ok NAME` or `not ok NAME: REASON`.
"""

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
for name in ("cli", "forward"):
    sys.path.insert(0, os.path.join(FOLDER, "..", name))

import cases  # noqa: E402  pylint: disable=wrong-import-position
import forward  # noqa: E402  pylint: disable=wrong-import-position
from cases import ANOTHER_PEER, LONG, LOOPBACK, LOOPBACKS, Cases, Result, check  # noqa: E402

CASES = case = Cases()


def folder(world):
    return world.path("runtime", "lp2p")


def rows(world, *arguments, status=0):
    result = world.run("status", "--json", *arguments)
    check(result.status == status, result)
    return result.objects()


def select(objects, **members):
    return [row for row in objects if all(row.get(key) == value for key, value in members.items())]


def one(objects, **members):
    found = select(objects, **members)
    check(len(found) == 1, f"expected one {members}, got {found} of {objects}")
    return found[0]


def sockets(world):
    try:
        return sorted(os.listdir(folder(world)))
    except FileNotFoundError:
        return []


def ask(world, data):
    """Sends bytes to the only host; yields the lines that come back until the end."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(LONG)
        client.connect(os.path.join(folder(world), sockets(world)[0]))
        client.sendall(data)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := client.recv(1 << 16):
                answer += chunk
    return [json.loads(line) for line in answer.splitlines()]


def check_listener(world, transport):
    loopback, security, muxer = LOOPBACKS[transport]
    with world.listener(loopback) as ready:
        host = one(rows(world), type="host")
        check(host["command"] == "listen" and host["peer_id"] == ready["peer_id"], host)
        check(host["addresses"] == ready["addresses"] and host["uptime_s"] >= 0, host)
        check(sockets(world) == [f"{host['pid']}.sock"], sockets(world))
        for path, mode in ((folder(world), 0o700),
                           (os.path.join(folder(world), sockets(world)[0]), 0o600)):
            check(stat.S_IMODE(os.stat(path).st_mode) == mode, f"{path} is not {mode:o}")

        process = world.start("ping", ready["addresses"][0], "-c", "0", "-i", "0.05", "--json")
        try:
            process.stdout.readline()
            objects = rows(world)
            connection = one(objects, type="connection")
            check(connection["direction"] == "in" and connection["transport"] == transport, connection)
            for key, expected in (("security", security), ("muxer", muxer)):
                check(connection[key] == expected if expected else connection[key], connection)
            check(connection["state"] == "ready", connection)
            check(connection["bytes_read"] > 0 and connection["bytes_written"] > 0, connection)
            check(connection["limited"] is False and connection["streams"] >= 1, connection)
            check(connection["remote_address"].startswith(loopback.split("/0")[0] + "/"), connection)
            check(connection["pid"] == host["pid"], connection)
            used = one(objects, type="limit", option="max-connections")
            check((used["used"], used["limit"]) == (1, 1024), used)
            check(one(objects, type="limit", option="max-streams")["used"] >= 1, objects)
            check(one(objects, type="limit", option="memory-budget")["limit"] > 0, objects)
            text = world.run("status").expect(0).out
            check(ready["peer_id"] in text and connection["peer_id"] in text, text)
            check("max-connections" in text and "\033" not in text, text)
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=LONG)
    check(sockets(world) == [], "a socket is left")


@case
def test_listen(world):
    """status: a listener and who is connected to it"""
    for transport in LOOPBACKS:
        check_listener(world, transport)
    world.run("status").expect(1, "no host runs")


@case
def test_rates(world):
    """status: how fast a connection is"""
    with world.listener(LOOPBACK, "--service", "perf") as ready:
        process = world.start("perf", ready["addresses"][0], "-u", "1024G", "-d", "0")
        try:
            deadline = time.monotonic() + LONG
            while time.monotonic() < deadline:
                found = select(rows(world), type="connection")
                if found and found[0]["down_bytes_s"] > found[0]["up_bytes_s"] > 0:
                    break
            check(found[0]["down_bytes_s"] > 1000, found)
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=LONG)


@case
def test_forward(world):
    """status: two forwarders, their services and the peer that is kept"""
    with forward.Listener() as service, forward.tunnel(world, service.local) as (near, server):
        near.wait_for("connected")
        with forward.connect(near) as client, service.accept() as far:
            client.sendall(bytes(1000))
            check(len(far.recv(1000, socket.MSG_WAITALL)) == 1000, "too little came")
            far.sendall(bytes(300))
            check(len(client.recv(300, socket.MSG_WAITALL)) == 300, "too little came back")
            objects = rows(world)
            check(len(select(objects, type="host", command="forward")) == 2, objects)
            out = one(objects, type="service", direction="forward")
            back = one(objects, type="service", direction="serve")
            check(out["name"] == back["name"] == "web", (out, back))
            check(out["local"] == near.ready["from"][0] and back["local"] == service.local, out)
            check(out["peer_id"] == server.ready["peer_id"], out)
            check((out["open"], out["total"], out["failed"]) == (1, 1, 0), out)
            check((out["sent"], out["received"]) == (1000, 300), out)
            check((back["sent"], back["received"]) == (300, 1000), back)
            kept = one(objects, type="kept")
            check(kept["state"] == "connected" and kept["error"] is None, kept)
            check(kept["peer_id"] == server.ready["peer_id"], kept)
            pid = near.process.pid
            check(out["pid"] == kept["pid"] == pid and back["pid"] == server.process.pid, objects)
            only = rows(world, str(pid))
            check(only and all(row["pid"] == pid for row in only), only)
            text = world.run("status").expect(0).out
            check("KEPT PEER" in text and "SERVICE" in text and "forward" in text, text)
        deadline = time.monotonic() + LONG
        while one(rows(world), type="service", direction="serve")["open"] > 0:
            check(time.monotonic() < deadline, "it is still open")
    world.run("status", "1").expect(1, "process id 1")


def wait_for(process, wanted):
    """The next of its objects that is of that type."""
    while line := cases.read_line(process):
        if (found := json.loads(line))["type"] == wanted:
            return found
    raise cases.Failure(f"no {wanted}: {process.stderr.read()}")


@contextlib.contextmanager
def frozen(process):
    """What goes on with it stands still, and does not end."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


@case
def test_transfer(world):
    """status: a sender and a receiver, before and while they do so"""
    size = 1 << 29
    with open(world.path("large"), "wb") as file:
        file.truncate(size)
    with world.running("send", "--json", "--listen", LOOPBACK, "large") as sender:
        ticket = wait_for(sender, "ticket")
        objects = rows(world)
        transfer = one(objects, type="transfer")
        check(one(objects, type="host")["command"] == "send" and sender.pid == transfer["pid"], objects)
        expected = {"direction": "send", "state": "waiting", "name": "large", "peer_id": None,
                    "files": 1, "bytes": size, "done": 0, "rate_bytes_s": 0}
        check(expected.items() <= transfer.items(), transfer)
        with world.running("receive", "--json", "--into", world.make("target"), ticket["ticket"]) as receiver:
            wait_for(sender, "progress")
            with frozen(receiver):
                objects = rows(world, str(sender.pid))
                sent = one(objects, type="transfer")
                check(sent["state"] == "running" and 0 < sent["done"] < size and sent["rate_bytes_s"] > 0, sent)
                check(sent["peer_id"] == one(objects, type="connection")["peer_id"], objects)
                text = world.run("status", str(sender.pid)).expect(0).out
                check("TRANSFER" in text and "running" in text and "512.0" in text, text)
            with frozen(sender):
                received = one(rows(world, str(receiver.pid)), type="transfer")
                expected = {"direction": "receive", "name": "large", "files": 1, "bytes": size,
                            "peer_id": ticket["peer_id"], "state": "running"}
                check(expected.items() <= received.items() and received["done"] > 0, received)
            cases.stop(receiver)
        transfer = one(rows(world), type="transfer")
        check(transfer["peer_id"] == sent["peer_id"], transfer)
        cases.stop(sender)
    check(sockets(world) == [], "a socket is left")


@case
def test_receiver(world):
    """status: a receiver that waits for a sender"""
    with world.running("receive", "--json", "--allow", ANOTHER_PEER, "--listen", LOOPBACK) as receiver:
        wait_for(receiver, "listening")
        transfer = one(rows(world), type="transfer")
        expected = {"direction": "receive", "state": "waiting", "name": None, "peer_id": None}
        check(expected.items() <= transfer.items(), transfer)
        check("TRANSFER" in world.run("status").expect(0).out, "no table")


@case
def test_failed_service(world):
    """status: why connections to a service do not come about"""
    with forward.Listener() as service:
        local = service.local
    with forward.tunnel(world, local) as (near, _):
        near.wait_for("connected")
        for _ in range(2):
            check(forward.is_refused(near), "no reset")
        objects = rows(world)
        out = one(objects, type="service", direction="forward")
        back = one(objects, type="service", direction="serve")
        check(out["failed"] == back["failed"] == 2, objects)
        check("cannot reach" in out["error"] and "efused" in back["error"], objects)
    # The same reason is told once.
    check(sum("cannot reach" in line for line in near.notes) == 1, near.notes)


@case
def test_waiting(world):
    """status: a peer that cannot be reached"""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with forward.forwarder(world, "--from", "tcp:127.0.0.1:0", "--to",
                           f"/ip4/127.0.0.1/tcp/{port}/p2p/{ANOTHER_PEER}/web") as near:
        near.wait_for("waiting")
        kept = one(rows(world), type="kept")
        check(kept["state"] in ("waiting", "connecting") and "efused" in kept["error"], kept)


@case
def test_stale(world):
    """status: a socket that nobody listens on is removed"""
    with world.listener(LOOPBACK) as ready:
        for pid in ("1", "4194999"):
            stale = socket.socket(socket.AF_UNIX)
            stale.bind(os.path.join(folder(world), f"{pid}.sock"))
            stale.close()
        world.write("runtime/lp2p/2.sock", "no socket")
        check(one(rows(world), type="host")["peer_id"] == ready["peer_id"], "another host")
        check("1.sock" not in sockets(world) and len(sockets(world)) == 2, sockets(world))


@case
def test_killed(world):
    """status: what a killed host leaves is removed"""
    process = world.start("listen", "--json", LOOPBACK)
    process.stdout.readline()
    rows(world)
    process.kill()
    process.communicate()
    check(len(sockets(world)) == 1, "nothing is left to remove")
    world.run("status").expect(1, "no host runs")
    check(sockets(world) == [], sockets(world))


@case
def test_hung(world):
    """status: a host that hangs does not hold up the others"""
    with world.listener(LOOPBACK) as ready:
        process = world.start("listen", "--json", LOOPBACK)
        process.stdout.readline()
        process.send_signal(signal.SIGSTOP)
        try:
            result = world.run("status", "--json", "--timeout", "2")
            check(result.status == 5 and "timed out after 2 s" in result.err, result)
            check(one(result.objects(), type="host")["peer_id"] == ready["peer_id"], result)
            check(one(result.objects(), type="error")["pid"] == process.pid, result)
        finally:
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=LONG)


@case
def test_liars(world):
    """status: sockets that answer something else"""
    os.makedirs(folder(world), mode=0o700)
    for answer, reason in ((b"what?\n", "not understood"), (b"", "ends before"),
                           (b"[1]\n", "without a type"), (b'{"type": 3}\n', "without a type"),
                           (b'{"type": "error", "error": "no\\u001b"}\n', "no")):
        with socket.socket(socket.AF_UNIX) as liar:
            liar.bind(os.path.join(folder(world), "7.sock"))
            liar.listen()
            process = world.start("status")
            connection, _ = liar.accept()
            connection.recv(100)
            connection.sendall(answer)
            connection.close()
            out, err = process.communicate(timeout=LONG)
            result = Result(process, out, err)
            check(result.status == 1 and reason in err and "\033" not in err, result)
        os.unlink(os.path.join(folder(world), "7.sock"))
    # Rows of another shape than ours are shown as far as they can be.
    with socket.socket(socket.AF_UNIX) as liar:
        liar.bind(os.path.join(folder(world), "7.sock"))
        liar.listen()
        process = world.start("status")
        connection, _ = liar.accept()
        connection.sendall(b'{"type": "host", "peer_id": 7, "addresses": [1, null, {}]}\n'
                           b'{"type": "connection", "rtt_ms": "x", "limited": "yes"}\n'
                           b'{"type": "end"}\n')
        out, err = process.communicate(timeout=LONG)
        connection.close()
        Result(process, out, err).expect(0)


@case
def test_requests(world):
    """status: requests that are none"""
    with world.listener(LOOPBACK):
        for request, reason in ((b"\n", "no request"), (b"hello\n", "no JSON"), (b"[]\n", "no request"),
                                (b'{"request": 7}\n', "no request"), (b"\0\xff\n", "no JSON"),
                                (b'{"request": "stop"}\n', 'unknown request "stop"'),
                                (b"[" * 4000 + b"\n", "no JSON")):
            answer = one(ask(world, request), type="error")
            check(reason in answer["error"], answer)
        check(ask(world, b"x" * 100000) == [], "a line without an end is answered")
        check(ask(world, b"") == [], "nothing is answered")
        answers = ask(world, b'{"request": "status"}\n' * 3)
        check(len(select(answers, type="end")) == 3, answers)
        one(rows(world), type="host")


@case
def test_crowd(world):
    """status: clients that say nothing are bounded"""
    with world.listener(LOOPBACK):
        path = os.path.join(folder(world), sockets(world)[0])
        idle = []
        for _ in range(16):
            client = socket.socket(socket.AF_UNIX)
            client.connect(path)
            idle.append(client)
        check(ask(world, b'{"request": "status"}\n') == [], "more than 16 are served")
        for client in idle:
            client.close()
        deadline = time.monotonic() + LONG
        while world.run("status").status != 0:
            check(time.monotonic() < deadline, "nobody is served any more")


def processor_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


@case
def test_no_descriptors(world):
    """status: a host without descriptors neither spins nor forgets who came"""
    with world.listener(LOOPBACK):
        name = sockets(world)[0]
        pid = int(name.split(".", maxsplit=1)[0])
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(LONG)
            with cases.without_descriptors(pid):
                client.connect(os.path.join(folder(world), name))
                client.sendall(b'{"request": "status"}\n')
                before = processor_ticks(pid)
                # What spins uses all that it gets of a processor.
                time.sleep(2)
                used = processor_ticks(pid) - before
            check(used < 5, f"{used} ticks of a processor for nothing")
            check(client.recv(1) == b"{", "nobody answers")


@case
def test_watch(world):
    """status: again and again"""
    with world.listener(LOOPBACK):
        process = world.start("status", "--watch", "--json", "--interval", "0.05")
        hosts = 0
        while hosts < 3:
            hosts += json.loads(process.stdout.readline())["type"] == "host"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=LONG)
        Result(process, out, err).expect(0)


@case
def test_usage(world):
    """status: wrong usage"""
    world.run("status", "nobody").expect(2, "no process id")
    world.run("status", "--timeout", "0").expect(2, "timeout")
    world.run("status", "--interval", "-1").expect(2, "interval")
    world.run("status", "1", "2").expect(2, "2")


@case
def test_no_folder(world):
    """status: without a place for its socket a host runs all the same"""
    world.write("file", "")
    world.env["XDG_RUNTIME_DIR"] = world.path("file")
    process = world.start("listen", "--verbose", LOOPBACK)
    try:
        check("peer id" in process.stdout.readline(), "it does not run")
        while "will not show this host" not in (line := process.stderr.readline()):
            check(line, "nothing was noted")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=LONG)


if __name__ == "__main__":
    sys.exit(cases.main(CASES))
