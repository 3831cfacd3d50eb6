# SPDX-License-Identifier: LGPL-2.1-or-later
"""The cases of the suite doctor: one function each, named by its docstring.

Usage: doctor.py SOURCE BUILD; prints `ok NAME` or `not ok NAME: REASON`. It changes the
routes of the network: run.sh gives it one of its own.
"""

import json
import os
import re
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))

import cases  # noqa: E402  pylint: disable=wrong-import-position
from cases import ANOTHER_PEER, LOOPBACK, LOOPBACKS, Cases, check  # noqa: E402

CASES = case = Cases()
# What is sent there comes back to this machine, which it is not for: it is lost.
BLACK_HOLE = "192.0.2.7"
UNREACHABLE = "198.51.100.7"
NO_ROUTE = "203.0.113.7"
# Transports, and how a port looks to each.
WAYS = {name: way for name, way in (("tcp", "tcp/{}"), ("ws", "tcp/{}/ws"), ("quic-v1", "udp/{}/quic-v1"))
        if os.path.exists(os.path.join(cases.BUILD, "plugins", name + ".plugin"))}


def run(*command):
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def doctor(world, *arguments, status=0):
    """The results, without the last object."""
    result = world.run("doctor", "--json", *arguments)
    check(result.status == status, f"expected status {status}, got {result}")
    check("\033" not in result.out + result.err, result)
    *rows, final = result.objects()
    check(final["type"] == "final", final)
    for verdict in ("warning", "failure"):
        number = sum(row["verdict"] == verdict for row in rows)
        check(final[verdict + "s"] == number, (final, rows))
    return rows


def find(rows, **members):
    found = [row for row in rows if all(row[key] == value for key, value in members.items())]
    check(found, f"no {members} in {rows}")
    return found[0]


def with_transports(world):
    """A configuration with all of WAYS."""
    return world.write("ways.conf", f"[host]\ntransports={list(WAYS)}\n")


def expect_failure(world, address, name, advice, status, *arguments):
    """The only failure; what failed, and why."""
    rows = doctor(world, address, *arguments, status=status)
    failures = [row for row in rows if row["verdict"] == "failure"]
    check(len(failures) == 1 and failures[0]["check"] == name, rows)
    check(advice in failures[0]["advice"], failures)
    check(failures[0]["time_ms"] >= 0 and "Cannot connect: /" not in failures[0]["detail"], failures)
    return failures[0]


# The own set-up

@case
def test_setup(world):
    """doctor: all is well here"""
    key = world.run("id", "--make", "--json").expect(0).object()
    rows = doctor(world, "--dns-name", "localhost")
    names = {row["check"] for row in rows}
    check(names >= {"configuration", "plugins", "identity", "listen", "files", "ipv4", "ipv6", "udp",
                    "names", "proxy"}, names)
    check(find(rows, check="identity")["detail"] == key["peer_id"], rows)
    for name in ("configuration", "plugins", "identity", "listen", "udp", "names"):
        check(find(rows, check=name)["verdict"] == "ok", rows)
    # There is no way out of this network.
    for name in ("ipv4", "ipv6"):
        row = find(rows, check=name)
        check(row["verdict"] == "warning" and row["advice"], row)
    text = world.run("doctor", "--dns-name", "localhost").expect(0).out
    check("warning  ipv6" in text and "failures: 0, warnings: " in text, text)


@case
def test_configuration(world):
    """doctor: a wrong configuration"""
    config = world.write("lp2p.conf", "[host]\nmax-connections='many'\n")
    row = find(doctor(world, "--config", config, status=1), check="configuration")
    check(row["verdict"] == "failure" and "lp2p.conf:2" in row["detail"], row)
    config = world.write("lp2p.conf", "[host]\ntransports=[]\n")
    rows = doctor(world, "--config", config, status=1)
    check("no transport" in find(rows, verdict="failure")["detail"], rows)


@case
def test_plugins(world):
    """doctor: loadable objects that are missing or broken"""
    folder = world.make("broken")
    world.write("broken/gone.plugin", "[Plugin]\nName=gone\nModule=gone.so\nAbi=1\nKind=service\n"
                "Title=Gone\nDescription=Is not there\nLicense=MIT\n")
    config = world.write("lp2p.conf", "[host]\nservices=['gone']\nmuxers=['yamux', 'no-such']\n")
    rows = doctor(world, "--config", config, "--plugin-path", folder, status=1)
    failures = [row["detail"] for row in rows if row["verdict"] == "failure"]
    check(any("no-such" in text and "not installed" in text for text in failures), failures)
    check(any("gone.so" in text for text in failures), failures)


@case
def test_identity(world):
    """doctor: an identity that others can read, or none"""
    check(find(doctor(world), check="identity")["verdict"] == "warning", "no warning")
    file = world.run("id", "--make", "--json").expect(0).object()["file"]
    os.chmod(file, 0o644)
    row = find(doctor(world, status=1), check="identity")
    check(row["verdict"] == "failure" and "0600" in row["detail"] + row["advice"], row)


@case
def test_listening(world):
    """doctor: addresses that cannot be listened on"""
    with world.listener(LOOPBACK) as ready:
        taken = ready["addresses"][0].split("/p2p/")[0]
        config = world.write("lp2p.conf", f"[host]\nlisten=['{taken}', '/ip4/{NO_ROUTE}/tcp/0']\n")
        rows = doctor(world, "--config", config)
        check("lp2p status" in find(rows, address=taken)["advice"], rows)
        row = find(rows, address=f"/ip4/{NO_ROUTE}/tcp/0")
        check(row["verdict"] == "warning" and "0.0.0.0" in row["advice"], row)


@case
def test_names(world):
    """doctor: a name that cannot be looked up, and none"""
    row = find(doctor(world), check="names")
    check(row["verdict"] == "ok" and row["detail"].startswith("not tried"), row)
    row = find(doctor(world, "--dns-name", "no.such.invalid"), check="names")
    check(row["verdict"] == "warning" and "name server" in row["advice"], row)


# A peer

@case
def test_reached(world):
    """doctor: a peer that can be reached"""
    for transport, (loopback, security, muxer) in LOOPBACKS.items():
        with world.listener(loopback) as ready:
            rows = doctor(world, ready["addresses"][0])
            reached = find(rows, check="reached")
            for name in (ready["peer_id"], transport, security or "", muxer or ""):
                check(name in reached["detail"], reached)
            check(reached["time_ms"] > 0, rows)
            if transport == "tcp":  # where a handshake is a step of its own
                check(find(rows, check="connect")["time_ms"] > 0, rows)
                check(find(rows, check="connect")["address"] == ready["addresses"][0], rows)
            text = world.run("doctor", ready["addresses"][0]).expect(0).out
            check("ok       reached" in text, text)


@case
def test_no_muxer(world):
    """doctor: a peer that is reached before a muxer is agreed on"""
    with world.listener(LOOPBACK, "--config", world.write("other.conf", "[host]\nmuxers=['mplex']\n")) as ready:
        config = world.write("lp2p.conf", "[host]\nmuxers=['yamux']\n")
        reached = find(doctor(world, ready["addresses"][0], "--config", config), check="reached")
        check(re.fullmatch(f"{ready['peer_id']} by tcp, (noise|tls)", reached["detail"]), reached)


@case
def test_resolved(world):
    """doctor: names are resolved, and each address is dialed on its own"""
    with world.listener(LOOPBACK) as ready:
        port = ready["addresses"][0].split("/")[4]
        rows = doctor(world, f"/dns/localhost/tcp/{port}/p2p/{ready['peer_id']}")
        resolved = find(rows, check="resolve")
        # GLib has both for this name, whatever the system knows of it.
        check(resolved["verdict"] == "ok" and resolved["detail"] == "2 addresses", resolved)
        reached = find(rows, check="reached")
        check(reached["address"].startswith("/ip4/") and ready["peer_id"] in reached["detail"], rows)
        other, = [row for row in rows if row["address"].startswith("/ip6/::1/")]
        check(other["check"] == "connect" and other["verdict"] == "failure", rows)
    row = find(doctor(world, "/dns/no.such.invalid/tcp/1", status=3), check="resolve")
    check(row["verdict"] == "failure" and "name" in row["advice"], row)


@case
def test_wrong_peer(world):
    """doctor: another peer answers"""
    with world.listener(LOOPBACK) as ready:
        wrong = ready["addresses"][0].replace(ready["peer_id"], ANOTHER_PEER)
        row = expect_failure(world, wrong, "peer", "new id", 4)
        check(ready["peer_id"] in row["detail"], row)


@case
def test_refused(world):
    """doctor: nobody listens"""
    config = with_transports(world)
    for way in WAYS.values():
        row = expect_failure(world, f"/ip4/127.0.0.1/{way.format(1)}", "connect", "nobody listens", 3,
                             "--config", config)
        check("refused" in row["detail"], row)


@case
def test_no_route(world):
    """doctor: there is no way there"""
    expect_failure(world, f"/ip4/{NO_ROUTE}/tcp/1", "connect", "no route", 3)
    expect_failure(world, f"/ip4/{UNREACHABLE}/tcp/1", "connect", "no route", 3)


@case
def test_black_hole(world):
    """doctor: nothing comes back"""
    row = expect_failure(world, f"/ip4/{BLACK_HOLE}/tcp/1", "connect", "nothing comes back", 5,
                         "--timeout", "0.5")
    check("timed out after 0.5 s" in row["detail"], row)


@case
def test_silent(world):
    """doctor: the port is open, but nothing is said"""
    config = with_transports(world)
    for name, way in WAYS.items():
        datagrams = name == "quic-v1"
        with socket.socket(type=socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM) as silent:
            silent.bind(("127.0.0.1", 0))
            if not datagrams:
                silent.listen()
            # Of UDP nobody knows whether a port is open.
            what, advice = ("connect", "nothing comes back") if datagrams else ("handshake", "port is open")
            row = expect_failure(world, f"/ip4/127.0.0.1/{way.format(silent.getsockname()[1])}", what, advice, 5,
                                 "--timeout", "0.5", "--config", config)
            check("timed out after 0.5 s" in row["detail"], row)


@case
def test_stranger(world):
    """doctor: what answers is something else"""
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()

        def answer():
            while True:
                try:
                    connection, _ = stranger.accept()
                except OSError:
                    return
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.close()

        threading.Thread(target=answer, daemon=True).start()
        address = f"/ip4/127.0.0.1/tcp/{stranger.getsockname()[1]}"
        rows = doctor(world, address, status=1)
        check(find(rows, verdict="failure")["check"] == "handshake", rows)
        stranger.shutdown(socket.SHUT_RDWR)


@case
def test_no_transport(world):
    """doctor: no transport for the address"""
    expect_failure(world, "/ip4/127.0.0.1/udp/1",
                   "transport", "another one", 3)
    # What is behind a relay is not for the transport that leads to the relay.
    config = world.write("tcp.conf", "[host]\ntransports=['tcp']\n")
    row = expect_failure(world, f"/ip4/127.0.0.1/tcp/1/p2p/{ANOTHER_PEER}/p2p-circuit/p2p/"
                         f"{ANOTHER_PEER}", "transport", "transport", 3, "--config", config)
    check("'tcp'" not in row["advice"], row)
    if os.path.exists(os.path.join(cases.BUILD, "plugins", "memory.plugin")):
        expect_failure(world, "/memory/1", "transport", "add 'memory'", 3)
    config = world.write("lp2p.conf", "[host]\ntransports=['memory']\n")
    expect_failure(world, "/ip4/127.0.0.1/tcp/1", "transport", "add 'tcp'", 3, "--config", config)


@case
def test_filtered(world):
    """doctor: an address that is not dialed"""
    expect_failure(world, "/ip4/224.0.0.1/tcp/1", "filter", "another address", 3)


@case
def test_peer_id(world):
    """doctor: a peer of which only the id is given"""
    world.run("doctor", ANOTHER_PEER).expect(3, "no address of " + ANOTHER_PEER)
    config = world.write("lp2p.conf", f"[host]\npeer-store='{world.path('peers.db')}'\n")
    with world.listener(LOOPBACK) as ready:
        world.run("--config", config, "ping", ready["addresses"][0], "-c", "1").expect(0)
        rows = doctor(world, "--config", config, ready["peer_id"])
        check(find(rows, check="reached")["address"].startswith("/ip4/127.0.0.1/tcp/"), rows)


@case
def test_addresses(world):
    """doctor: two addresses of a peer, each with what is wrong with it"""
    config = world.write("lp2p.conf", f"[host]\npeer-store='{world.path('peers.db')}'\n")
    # A network that this machine leaves: of the peer both addresses are known then.
    run("ip", "address", "add", f"{NO_ROUTE}/32", "dev", "lo")
    try:
        with world.listener(LOOPBACK, f"/ip4/{NO_ROUTE}/tcp/0") as ready:
            world.run("--config", config, "ping", ready["addresses"][0], "-c", "1").expect(0)
    finally:
        run("ip", "address", "delete", f"{NO_ROUTE}/32", "dev", "lo")
    rows = doctor(world, "--config", config, ready["peer_id"], status=3)
    failures = {row["address"]: row["advice"] for row in rows if row["verdict"] == "failure"}
    check(set(failures) == {address.split("/p2p/")[0] for address in ready["addresses"]}, (ready, rows))
    for address, advice in failures.items():
        expected = "nobody listens" if address.startswith("/ip4/127.0.0.1/") else "no route"
        check(expected in advice, failures)


@case
def test_ticket(world):
    """doctor: the ticket of a sender, which serves its receiver then, and one that expired"""
    send = ["send", "--json", "--listen", LOOPBACK, world.write("a", "some")]
    with world.running(*send) as sender:
        ticket = json.loads(cases.read_line(sender))
        rows = doctor(world, ticket["ticket"])
        check(ticket["peer_id"] in find(rows, check="reached")["detail"], rows)
        world.run("receive", "--into", world.make("target"), ticket["ticket"]).expect(0)
        check(sender.wait(cases.LONG) == 0, "the sender failed")
    check(find(doctor(world, ticket["ticket"], status=3), verdict="failure")["check"] == "connect", ticket)
    with world.running(*send, "--expire", "0.01") as sender:
        ticket = json.loads(cases.read_line(sender))
        check(sender.wait(cases.LONG) == 5, "the ticket did not expire")
    row = find(doctor(world, ticket["ticket"], status=1), check="ticket")
    check("expired" in row["detail"], row)
    world.run("doctor", "lp2p:uAAAA").expect(2, "ticket")


@case
def test_usage(world):
    """doctor: wrong usage"""
    for target in ("nobody", "/ip4/127.0.0.1/tcp/99999", ""):
        world.run("doctor", target).expect(2)
    world.run("doctor", "--timeout", "0").expect(2, "timeout")
    world.run("doctor", "a", "b").expect(2, "b")


def main():
    run("ip", "link", "set", "lo", "up")
    run("ip", "route", "add", f"{BLACK_HOLE}/32", "dev", "lo")
    run("ip", "route", "add", "unreachable", f"{UNREACHABLE}/32")
    return cases.main(CASES)


if __name__ == "__main__":
    sys.exit(main())
