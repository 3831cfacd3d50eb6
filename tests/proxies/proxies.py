#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""proxies.py BUILD: `lp2p ping` goes through the proxy that the environment names, as
`ok` and `not ok` lines.

It changes files in /etc as well: run.sh gives it mounts of its own.
"""

import contextlib
import functools
import re
import socket
import socketserver
import sys
import threading

from lab import HAVE_WS, OUTSIDE, TLS, Failed, Report, listening, lp2p, place, run, run_cases, write

# The peer can be reached without a proxy as well: a dial that did so is noticed.
PEER, PORT, WS_PORT, WSS_PORT = OUTSIDE, 4001, 4002, 4003
# What the certificate is for.
SECURE = "/tls/sni/localhost/ws"
# What only the proxy knows; the machine's own name server knows nothing.
HIDDEN = "hidden.test"
CONFIG = "[host]\nproxy='{option}'\n"
WS_CONFIG = """transports=['tcp', 'ws', 'wss']
[plugin wss]
certificate='{tls}/localhost.pem'
private-key='{tls}/localhost-key.pem'
ca-file='{tls}/localhost.pem'
"""
DEAD = "127.0.0.1:1"
REFUSED_HERE, COULD_NOT_CONNECT, TIMED_OUT = 1, 3, 5


def set_up_names(folder):
    for name, text in {"hosts": f"{PEER} peer.test\n", "nsswitch.conf": "hosts: files dns\n",
                       "resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"}.items():
        run("mount", "--bind", write(folder, name, text), f"/etc/{name}")


class NameServer:
    """Notes what it is asked for, and knows nothing of it."""

    def __init__(self):
        self.asked = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            query, client = self.socket.recvfrom(4096)
            self.asked.append(query)
            # The same question, "no such name".
            self.socket.sendto(query[:2] + b"\x81\x83" + query[4:6] + bytes(6) + query[12:], client)


class Tunnel(socketserver.StreamRequestHandler):
    """SOCKS 5 and HTTP CONNECT, told apart by the first byte."""

    def handle(self):
        if self.server.mode == "silent":
            self.rfile.read()
            return
        first = self.rfile.read(1)
        target = self.socks() if first == b"\5" else self.http(first)
        if target is None:
            return
        if self.server.mode == "mute":
            self.rfile.read()
            return
        self.pump(target)

    def connect(self, host, port):
        self.server.asked.append(f"{host}:{port}")
        if self.server.mode == "refuses":
            return None
        return socket.create_connection((PEER if host == HIDDEN else host, port))

    def socks(self):
        self.rfile.read(self.rfile.read(1)[0])
        self.wfile.write(b"\5\0")
        kind = self.rfile.read(4)[3]
        if kind == 3:
            host = self.rfile.read(self.rfile.read(1)[0]).decode("ascii")
        else:
            host = socket.inet_ntop(*{1: (socket.AF_INET, self.rfile.read(4))}[kind])
        target = self.connect(host, int.from_bytes(self.rfile.read(2), "big"))
        self.wfile.write(bytes([5, 2 if target is None else 0, 0, 1]) + bytes(6))
        return target

    def http(self, first):
        lines = [first + self.rfile.readline()]
        while lines[-1].strip():
            lines.append(self.rfile.readline())
        host, port = re.match(rb"CONNECT (.*):(\d+) HTTP/1", lines[0]).groups()
        target = self.connect(host.decode("ascii"), int(port))
        self.wfile.write(b"HTTP/1.1 %s\r\n\r\n" % (b"403 Forbidden" if target is None else b"200 OK"))
        return target

    def pump(self, target):
        def back():
            # Who gives a connection up does not end it in an orderly way.
            with contextlib.suppress(OSError):
                while data := target.recv(65536):
                    self.wfile.write(data)
                self.connection.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=back)
        thread.start()
        while data := self.rfile.read1(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
        thread.join()
        target.close()


class Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Tunnel)
        self.mode = "works"
        self.asked = []
        self.address = "127.0.0.1:%u" % self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """Connections end as they like."""


def write_config(folder, name, option="system"):
    return write(folder, name, (CONFIG + WS_CONFIG * HAVE_WS).format(option=option, tls=TLS))


def ping(folder, address, proxy, status=0, message=None, option="system", **environment):
    config = write_config(folder, "lp2p.conf", option)
    done = lp2p("ping", address, "-c", "1", "--timeout", "60", "--config", config, status=status,
                http_proxy=proxy, **environment)
    if message is not None and not re.search(message, done.stderr):
        raise Failed(f"expected {message!r} in {done.stderr!r}")
    return done.stderr


def expect(proxy, mode, asked, *args, **named):
    proxy.mode, proxy.asked = mode, []
    ping(*args, **named)
    if proxy.asked != asked:
        raise Failed(f"expected the proxy to be asked for {asked}, it was for {proxy.asked}")


def expect_hidden(names, proxy, proxied, *args, port=PORT, **named):
    """Dials the name that only the proxy knows."""
    names.asked = []
    expect(proxy, "works", [f"{HIDDEN}:{port}"] if proxied else [], *args, **named)
    looked_up = any(HIDDEN.split(".")[0].encode() in query for query in names.asked)
    if looked_up == proxied:
        raise Failed(f"expected the name {'not ' * proxied}to be looked up here")


def web_cases(folder, proxy, names, peer):
    """WebSocket, with and without TLS, which proves a name to the dialer."""
    http = f"http://{proxy.address}"
    for kind, url in (("SOCKS 5", f"socks5://{proxy.address}"), ("HTTP", http)):
        for what, port, suffix in (("a WebSocket", WS_PORT, f"/ws{peer}"),
                                   ("a WebSocket Secure", WSS_PORT, SECURE + peer)):
            yield f"{kind}, {what}", functools.partial(
                expect, proxy, "works", [f"{PEER}:{port}"], folder, f"/ip4/{PEER}/tcp/{port}{suffix}", url)
            yield f"{kind}, {what} of a name that is known nowhere else", functools.partial(
                expect_hidden, names, proxy, True, folder, f"/dns4/{HIDDEN}/tcp/{port}{suffix}", url, port=port)
        yield f"{kind}, a WebSocket Secure that cannot prove its name", functools.partial(
            expect_hidden, names, proxy, True, folder, f"/dns4/{HIDDEN}/tcp/{WSS_PORT}/tls/ws{peer}", url,
            REFUSED_HERE, f"certificate of {HIDDEN} is not trusted", port=WSS_PORT)
    for what, port, suffix, why in (
            ("a WebSocket", WS_PORT, "/ws", f"{PEER} did not begin a WebSocket"),
            ("a WebSocket Secure", WSS_PORT, SECURE, "the TLS handshake with localhost was not complete")):
        yield f"silence behind the proxy, {what}", functools.partial(
            expect, proxy, "mute", [f"{PEER}:{port}"], folder, f"/ip4/{PEER}/tcp/{port}{suffix}{peer}", http,
            TIMED_OUT, f"no answer within .*: {why}")


def cases(folder, proxy, names, peer):
    by_ip, by_name = f"/ip4/{PEER}/tcp/{PORT}{peer}", f"/dns4/peer.test/tcp/{PORT}{peer}"
    ip, name = [f"{PEER}:{PORT}"], [f"peer.test:{PORT}"]
    socks, http = f"socks5://{proxy.address}", f"http://{proxy.address}"
    through = "through the proxy "
    for title, args, named in (
            ("SOCKS 5", ("works", ip, folder, by_ip, socks), {}),
            ("SOCKS 5, a name", ("works", name, folder, by_name, socks), {}),
            ("SOCKS 5 refuses", ("refuses", ip, folder, by_ip, socks, COULD_NOT_CONNECT, through + socks), {}),
            ("HTTP", ("works", ip, folder, by_ip, http), {}),
            ("HTTP, a name", ("works", name, folder, by_name, http), {}),
            ("HTTP refuses", ("refuses", ip, folder, by_ip, http, COULD_NOT_CONNECT, through + http), {}),
            ("a silent proxy", ("silent", [], folder, by_ip, socks, TIMED_OUT, f"no answer within .* the proxy {socks} did not"), {}),
            ("a proxy that is not there",
             ("works", [], folder, by_ip, f"http://{DEAD}", COULD_NOT_CONNECT, through + f"http://{DEAD}"), {}),
            ("an exception", ("works", [], folder, by_ip, f"http://{DEAD}"), {"no_proxy": PEER}),
            ("no proxies wanted", ("works", [], folder, by_ip, f"http://{DEAD}"), {"option": "none"}),
    ):
        yield title, functools.partial(expect, proxy, *args, **named)
    hidden = f"/dns4/{HIDDEN}/tcp/{PORT}{peer}"
    for title, args, named in (
            ("SOCKS 5, a name that is known nowhere else", (True, folder, hidden, socks), {}),
            ("HTTP, a name that is known nowhere else", (True, folder, hidden, http), {}),
            ("a name that is an exception",
             (False, folder, hidden, socks, COULD_NOT_CONNECT, HIDDEN), {"no_proxy": HIDDEN}),
            ("a name without proxies",
             (False, folder, hidden, socks, COULD_NOT_CONNECT, HIDDEN), {"option": "none"}),
    ):
        yield title, functools.partial(expect_hidden, names, proxy, *args, **named)
    if HAVE_WS:
        yield from web_cases(folder, proxy, names, peer)


def main():
    report = Report()
    addresses = [f"/ip4/{PEER}/tcp/{PORT}"]
    if HAVE_WS:
        addresses += [f"/ip4/{PEER}/tcp/{WS_PORT}/ws", f"/ip4/{PEER}/tcp/{WSS_PORT}/tls/ws"]
    with place("proxies") as folder:
        set_up_names(folder)
        with listening(report, "the listener behind proxies", addresses, write_config(folder, "listener.conf")) as peer:
            if "GIO has no module" in ping(folder, addresses[0] + peer, ""):
                report.skip("proxies", "missing: a module of GIO that reads http_proxy (glib-networking)")
            else:
                run_cases(report, cases(folder, Proxy(), NameServer(), peer))
    return report.status


if __name__ == "__main__":
    sys.exit(main())
