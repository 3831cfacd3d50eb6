#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""names.py BUILD: `lp2p ping` finds a listener by its names, as `ok` and `not ok` lines.

It changes the addresses of the network and files in /etc: run.sh gives it a network
and mounts of its own.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(sys.argv[1])
LP2P = os.path.join(BUILD, "core/tools/lp2p")

# None of them is a loopback address: without another one the system's resolver does
# not ask for addresses of that family.
IP4, IP6, PORT = "10.78.0.1", "fd78::1", 4001
ANOTHER = "12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5"
ETC = {
    # One that is silent is silent for a second.
    "resolv.conf": f"nameserver {IP4}\noptions timeout:1 attempts:1\n",
    "nsswitch.conf": "hosts: files dns\n",
    "hosts": f"{IP4} hosts-file.test\n",
}
# What hangs is caught, and busy machines are slow.
LONG = 120
NOT_PROVED, COULD_NOT_CONNECT, ANOTHER_PEER, TIMED_OUT = 1, 3, 4, 5

TCP4 = f"/ip4/{IP4}/tcp/{PORT}"
TCP6 = f"/ip6/{IP6}/tcp/{PORT}"
WSS_PORT = 4002
# Where to listen besides, on what was built. The certificate of wss is of localhost.
MORE = {"quic-v1": (f"/ip4/{IP4}/udp/{PORT}/quic-v1", f"/ip6/{IP6}/udp/{PORT}/quic-v1"),
        "wss": (f"/ip4/0.0.0.0/tcp/{WSS_PORT}/tls/ws",)}
MORE = {name: MORE[name] for name in MORE if os.path.exists(os.path.join(BUILD, "plugins", f"{name}.plugin"))}
TLS = os.path.join(HERE, "..", "fixtures", "tls")
CONFIG = """
[host]
transports={transports}

[plugin wss]
certificate='{tls}/localhost.pem'
private-key='{tls}/localhost-key.pem'
ca-file='{tls}/localhost.pem'
"""


class Failed(Exception):
    pass


def run(*command):
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def set_up(folder):
    run("ip", "link", "set", "lo", "up")
    run("ip", "addr", "add", f"{IP4}/32", "dev", "lo")
    run("ip", "addr", "add", f"{IP6}/128", "dev", "lo", "nodad")
    os.mkdir(os.path.join(folder, "lp2p"))
    with open(os.path.join(folder, "lp2p", "lp2p.conf"), "w", encoding="ascii") as file:
        file.write(CONFIG.format(transports=["tcp", *MORE], tls=TLS))
    for name, text in ETC.items():
        path = os.path.join(folder, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        run("mount", "--bind", path, f"/etc/{name}")


def records(*addresses):
    return {"TXT": [[f"dnsaddr={address}"] for address in addresses]}


def make_zone(peer):
    """What the name server says; `peer` is the listener's /p2p."""
    other = f"/p2p/{ANOTHER}"
    strangers = [f"/ip4/{IP4}/tcp/{port}{other}" for port in range(10000, 10500)]
    giant = records(*strangers[:250], TCP4 + peer, *strangers[250:])
    lies = records(
        TCP4 + other,
        TCP4,
        "nonsense",
        f"/ip4/{IP4}/tcp/{PORT}\r\n{peer}",
        f"/dns4/\x1b[2Jhost.test/tcp/{PORT}{peer}",
        "/dnsaddr/host.test",
        f"/unix/run/{peer}",
        f"/memory/1{peer}",
    )
    # Bytes that are no text, a character that ends texts in C, no strings at all,
    # an empty one, and what else a domain has in its records.
    lies["TXT"] += [["dnsaddr=/dns4/\xff\xfe/tcp/1"], [f"dnsaddr={TCP4}\0{peer}"], [], [""], ["v=spf1 -all"]]
    zone = {
        "host.test": {"A": [IP4], "AAAA": [IP6]},
        "only4.test": {"A": [IP4]},
        "silent6.test": {"A": [IP4], "silent": ["AAAA"]},
        "broken6.test": {"A": [IP4], "servfail": ["AAAA"]},
        "silent.test": {"silent": ["A", "AAAA", "TXT"]},
        "servfail.test": {"servfail": ["A", "AAAA", "TXT"]},
        "empty.test": {},
        "xn--bcher-kva.test": {"A": [IP4]},
        "_dnsaddr.good.test": records(TCP4 + peer),
        "_dnsaddr.named.test": records(f"/dns/host.test/tcp/{PORT}{peer}"),
        "_dnsaddr.xn--bcher-kva.test": records(f"/dns4/bücher.test/tcp/{PORT}{peer}".replace("ü", "\xc3\xbc")),
        "_dnsaddr.parts.test": {"TXT": [["dns", "addr=/ip4/", IP4, "", f"/tcp/{PORT}", peer]]},
        "_dnsaddr.truncated.test": dict(records(TCP4 + peer), truncated=True),
        "_dnsaddr.giant.test": giant,
        "_dnsaddr.lies.test": lies,
        "_dnsaddr.some-lies.test": {"TXT": [*lies["TXT"], [f"dnsaddr={TCP4}{peer}"]]},
        "_dnsaddr.garbage.test": dict(records(TCP4 + peer, TCP6 + peer), garbage=True),
        "_dnsaddr.silent.test": {"silent": ["TXT"]},
        "_dnsaddr.servfail.test": {"servfail": ["TXT"]},
        "_dnsaddr.empty.test": {},
        "_dnsaddr.loop.test": records(f"/dnsaddr/pool.test{peer}"),
        "_dnsaddr.pool.test": records(f"/dnsaddr/loop.test{peer}"),
        "_dnsaddr.some-loop.test": records(f"/dnsaddr/some-loop.test{peer}", TCP4 + peer),
    }
    # Each names all of them.
    for number in range(60):
        zone[f"_dnsaddr.web{number}.test"] = records(*(f"/dnsaddr/web{i}.test{peer}" for i in range(60)))
    # The first leads over five to the address, the second over four.
    for number in range(1, 6):
        following = f"/dnsaddr/chain{number + 1}.test" if number < 5 else TCP4
        zone[f"_dnsaddr.chain{number}.test"] = records(following + peer)
    return zone


class Process:
    """A program that says when it is ready, and is ended afterwards."""

    def __init__(self, *command):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
        # One that neither gets ready nor ends would be waited for without an end.
        watchdog = threading.Timer(LONG, self.process.kill)
        watchdog.start()
        self.ready = self.process.stdout.readline()
        watchdog.cancel()
        if not self.ready:
            raise RuntimeError(f"{command[0]} ended with status {self.process.wait()}")

    def stop(self):
        """Returns the status; one that is ended by SIGTERM must end in order."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.communicate(timeout=LONG)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
        return self.process.returncode


class NameServer(Process):
    def __init__(self, folder, zone):
        path = os.path.join(folder, "zone.json")
        self.log = os.path.join(folder, "asked")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(zone, file)
        super().__init__(sys.executable, os.path.join(HERE, "dns-server.py"), IP4, path, self.log)

    def asked(self):
        with open(self.log, encoding="utf-8") as file:
            return file.read().splitlines()


def ping(address, status, message=None, seconds="60"):
    command = [LP2P, "ping", address, "-c", "1", "--timeout", seconds]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=LONG, encoding="utf-8", errors="replace", check=False)
    if done.returncode != status:
        raise Failed(f"{address}: expected status {status}, got {done.returncode}: {done.stderr}")
    if message is not None and not re.search(message, done.stderr):
        raise Failed(f"{address}: expected {message!r} in {done.stderr!r}")


def found(server, peer):
    """Addresses that lead to the listener."""
    for name, address in {
        "an IPv4 address": f"/dns4/host.test/tcp/{PORT}{peer}",
        "an IPv6 address": f"/dns6/host.test/tcp/{PORT}{peer}",
        "either address": f"/dns/host.test/tcp/{PORT}{peer}",
        "whoever answers at a name": f"/dns4/host.test/tcp/{PORT}",
        "one family is missing": f"/dns/only4.test/tcp/{PORT}{peer}",
        "one family is silent": f"/dns/silent6.test/tcp/{PORT}{peer}",
        "one family is broken": f"/dns/broken6.test/tcp/{PORT}{peer}",
        "the file hosts": f"/dns4/hosts-file.test/tcp/{PORT}{peer}",
        "a name in another script": f"/dns4/bücher.test/tcp/{PORT}{peer}",
        "a domain": f"/dnsaddr/good.test{peer}",
        "a domain, whoever it names": "/dnsaddr/good.test",
        "a domain with a host": f"/dnsaddr/named.test{peer}",
        "a domain in another script": f"/dnsaddr/bücher.test{peer}",
        "a record in parts": f"/dnsaddr/parts.test{peer}",
        "an answer over TCP": f"/dnsaddr/truncated.test{peer}",
        "one of many records": f"/dnsaddr/giant.test{peer}",
        "one true record": f"/dnsaddr/some-lies.test{peer}",
        "a loop with a way out": f"/dnsaddr/some-loop.test{peer}",
        "four domains": f"/dnsaddr/chain2.test{peer}",
    }.items():
        yield name, lambda address=address: ping(address, 0)


def other_transports(server, peer):
    """Names that lead to more than a socket."""
    if "quic-v1" in MORE:
        for family in ("dns", "dns4", "dns6"):
            yield f"QUIC by name, {family}", lambda family=family: ping(
                f"/{family}/host.test/udp/{PORT}/quic-v1{peer}", 0)
    if "wss" in MORE:
        for end in ("tls/ws", "wss"):
            yield f"WebSocket Secure by the name that is proved, {end}", lambda end=end: ping(
                f"/dns4/localhost/tcp/{WSS_PORT}/{end}{peer}", 0)
        yield "WebSocket Secure by another name", lambda: ping(
            f"/dns4/host.test/tcp/{WSS_PORT}/tls/ws{peer}", NOT_PROVED, "certificate of host.test is not trusted")
        yield "WebSocket Secure by another name, with the one that is proved", lambda: ping(
            f"/dns4/host.test/tcp/{WSS_PORT}/tls/sni/localhost/ws{peer}", 0)


def not_found(server, peer):
    """Addresses that lead nowhere, and what is said."""
    for name, (address, message) in {
        "a host that does not exist": (
            f"/dns4/nobody.test/tcp/{PORT}", "IPv4 addresses of nobody.test: "),
        "a host without the address": (
            f"/dns6/only4.test/tcp/{PORT}", "IPv6 addresses of only4.test: "),
        "a silent name server": (
            f"/dns/silent.test/tcp/{PORT}",
            "(?=.*IPv6 addresses of silent.test: ).*IPv4 addresses of silent.test: "),
        "a broken name server": (
            f"/dns4/servfail.test/tcp/{PORT}", "IPv4 addresses of servfail.test: "),
        "a domain that does not exist": (
            "/dnsaddr/nobody.test", r"TXT records of _dnsaddr\.nobody\.test: .*does not exist"),
        "a domain without records": (
            "/dnsaddr/empty.test", r"TXT records of _dnsaddr\.empty\.test: .*has none"),
        "a silent name server, records": (
            "/dnsaddr/silent.test", r"TXT records of _dnsaddr\.silent\.test: no name server answers"),
        "a broken name server, records": (
            "/dnsaddr/servfail.test", r"TXT records of _dnsaddr\.servfail\.test: no name server answers"),
        "an answer that breaks off": (
            "/dnsaddr/garbage.test", r"TXT records of _dnsaddr\.garbage\.test: DNS answer .* malformed"),
        "nothing but lies": (
            f"/dnsaddr/lies.test{peer}", rf"none is an address that ends with {peer}"),
        "a loop": (f"/dnsaddr/loop.test{peer}", rf"/dnsaddr/loop\.test{peer} leads back to itself"),
        "five domains": (f"/dnsaddr/chain1.test{peer}", "more than 4 domains lead to it"),
    }.items():
        yield name, lambda address=address, message=message: ping(address, COULD_NOT_CONNECT, message)

    # Given up long before the system's resolver does.
    for name, address in {
        "a silent name server, given up": "/dns/silent.test/tcp/4001",
        "a silent name server, records, given up": "/dnsaddr/silent.test",
    }.items():
        yield name, lambda address=address: ping(address, TIMED_OUT, seconds="0.1")

    yield "another peer answers", lambda: ping(
        f"/dns4/host.test/tcp/{PORT}/p2p/{ANOTHER}", ANOTHER_PEER)


def limits(server, peer):
    def web():
        before = len(server.asked())
        ping(f"/dnsaddr/web0.test{peer}", COULD_NOT_CONNECT, "more than 32 look-ups")
        # It asks again over TCP where an answer is too long for UDP.
        asked = {line.split()[1] for line in server.asked()[before:]}
        if len(asked) > 32:
            raise Failed(f"{len(asked)} names were asked for")

    def over_tcp():
        if "TXT _dnsaddr.giant.test tcp" not in server.asked():
            raise Failed("the long answer was not asked for over TCP")

    yield "a web of domains", web
    yield "a long answer comes over TCP", over_tcp


def main():
    failed = 0
    os.environ.update(LC_ALL="C.UTF-8", GSETTINGS_BACKEND="memory", G_DEBUG="fatal-criticals",
                      LP2P_PLUGIN_PATH=os.path.join(BUILD, "plugins"))
    with tempfile.TemporaryDirectory(prefix="lp2p-names-") as folder:
        for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
            os.environ[name] = folder
        set_up(folder)
        listener = Process(LP2P, "listen", "--json", TCP4, TCP6, *(place for places in MORE.values() for place in places))
        peer = "/p2p/" + json.loads(listener.ready)["peer_id"]
        server = NameServer(folder, make_zone(peer))
        for cases in (found, other_transports, not_found, limits):
            for name, test in cases(server, peer):
                try:
                    test()
                except (Failed, subprocess.TimeoutExpired) as reason:
                    failed += 1
                    print(f"not ok {name}: {' '.join(str(reason).split())}", flush=True)
                else:
                    print(f"ok {name}", flush=True)
        server.stop()
        if listener.stop() != 0:
            failed += 1
            print(f"not ok listener: ended with status {listener.process.returncode}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
