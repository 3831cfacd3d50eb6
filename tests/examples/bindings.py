#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Uses what bindings make of the interface, as programs in Python do.

Prints a line for each case: `ok` or `not ok`, its name, and why.
"""

import sys
import tempfile
import traceback

import gi

gi.require_version("Lp2p", "1.0")
from gi.repository import GLib, GObject, Lp2p

ADDRESS = "/ip4/127.0.0.1/tcp/1"


class Refuser(GObject.Object, Lp2p.Gater):
    """Wants nobody, and remembers who was asked about."""

    asked = ()

    def do_allow_dial(self, peer, address):
        self.asked += (address.get_string(),)
        return False


def run(host, start):
    """Starts a host, calls start (host, done), and runs until done is called."""
    loop = GLib.MainLoop()
    problems = []

    def done(check=None, *arguments):
        try:
            if check:
                check(*arguments)
        except Exception as error:
            problems.append(error)
        loop.quit()

    def on_started(_, result):
        host.start_finish(result)
        start(host, done)

    def fail():
        raise AssertionError("took too long")

    late = GLib.timeout_add_seconds(30, done, fail)
    host.start_async(None, on_started)
    loop.run()
    if not problems:
        GLib.source_remove(late)
    host.close_async(None, lambda *_: loop.quit())
    loop.run()
    for problem in problems:
        raise problem


def test_multiaddr():
    address, same = (Lp2p.Multiaddr.new_from_string(ADDRESS) for _ in range(2))
    assert address.equal(same) and address.hash() == same.hash() and address.compare(same) == 0
    assert address.get_component(1) == (True, Lp2p.Protocol.TCP, b"\0\1")
    assert address.get_data() == address.get_bytes().get_data() == b"\4\x7f\0\0\1\6\0\1"
    assert Lp2p.Multiaddr.new_from_bytes(address.get_data()).equal(address)
    assert Lp2p.PeerId.from_multiaddr(address) is None
    assert Lp2p.Protocol.get_name(Lp2p.Protocol.TCP) == "tcp"


def test_none():
    host = Lp2p.Host.new(None, None)
    peer = Lp2p.Identity.generate(Lp2p.KeyType.ED25519).get_peer_id()
    assert host.get_gater() is None
    assert host.dup_peer_agent(peer) is None and not host.dup_peer_protocols(peer)
    registry = Lp2p.Registry.new(Lp2p.Config())
    registry.scan()
    assert registry.find("no-such") is None
    host.set_gater(Refuser())
    host.set_gater(None)
    assert host.get_gater() is None


def test_errors():
    try:
        Lp2p.Multiaddr.new_from_string("nonsense")
    except GLib.Error as error:
        assert error.matches(Lp2p.TypesError.quark(), Lp2p.TypesError.INVALID_MULTIADDR)
        assert "slash" in error.message
    else:
        raise AssertionError("it is none")


def test_keys():
    identity = Lp2p.Identity.generate(Lp2p.KeyType.ED25519)
    signature = identity.sign(b"text").get_data()
    key = identity.get_public_key()
    assert key.verify(b"text", signature) and not key.verify(b"test", signature)
    assert Lp2p.PeerId.new_from_public_key(key).equal(identity.get_peer_id())
    assert Lp2p.KeyType.from_string("rsa") == (True, Lp2p.KeyType.RSA)
    assert Lp2p.Host.new(None, identity).props.peer_id.equal(identity.get_peer_id())


def test_key_store():
    """A key that one store keeps, the configuration finds by its path."""
    config = Lp2p.Config()
    assert Lp2p.key_stores_dup_names(config) == [Lp2p.KEY_STORE_FILE]
    assert isinstance(Lp2p.key_stores_open(config, Lp2p.KEY_STORE_FILE), Lp2p.FileKeyStore)
    identity = Lp2p.Identity.generate(Lp2p.KeyType.ED25519)
    loop = GLib.MainLoop()
    results = []

    def wait(start, *arguments):
        start(*arguments, None, lambda _, result: (results.append(result), loop.quit()))
        loop.run()
        return results.pop()

    with tempfile.TemporaryDirectory() as folder:
        store = Lp2p.FileKeyStore.new(folder)
        assert store.save_finish(wait(store.save_async, "mine", identity))
        info, = store.list_finish(wait(store.list_async))
        assert info.get_name() == "mine" and info.get_peer_id().equal(identity.get_peer_id())
        found = Lp2p.key_stores_load_finish(wait(Lp2p.key_stores_load_async, config, store.dup_path("mine")))
        assert found.get_peer_id().equal(identity.get_peer_id())


def test_config():
    config = Lp2p.Config()
    changed = []
    config.connect("changed", lambda _, group, key: changed.append((group, key)))
    config.set("host", "listen", GLib.Variant("as", [ADDRESS]))
    assert config.get_strv("host", "listen") == [ADDRESS]
    assert changed == [("host", "listen")]
    assert config.list_groups() == ["host"]


def test_registry():
    registry = Lp2p.Registry.new(Lp2p.Config())
    registry.scan()
    tcp = registry.find("tcp")
    assert tcp in list(registry.get_descriptors())
    assert tcp.get_kind() == Lp2p.KIND_TRANSPORT and tcp.get_protocols() == ["tcp"]
    assert registry.is_enabled(tcp) and registry.get_missing() == []


def test_addresses():
    """Arrays of values: a wrong transfer shows as a crash here."""
    host = Lp2p.Host.new(None, None)
    peer = Lp2p.Identity.generate(Lp2p.KeyType.ED25519).get_peer_id()
    notified = []

    def on_listening(_, result, done):
        host.listen_finish(result)
        for _ in range(3):
            addresses = host.dup_listen_addresses()
            assert [address.get_string() for address in addresses] == \
                [address.get_string() for address in host.props.listen_addresses]
        # Which may come before the result or behind it.
        while not notified:
            GLib.MainContext.default().iteration(True)
        assert addresses[0].get_string().endswith(host.get_peer_id().get_string())
        host.add_peer_addresses(peer, addresses[:1] + [Lp2p.Multiaddr.new_from_string(ADDRESS)], 60)
        assert ADDRESS in [address.get_string() for address in host.dup_peer_addresses(peer)]
        known = [entry for entry in host.get_peers() if entry.get_peer_id().equal(peer)]
        assert ADDRESS in [address.get_string() for address in known[0].get_addresses()]

    host.connect("notify::listen-addresses", lambda *_: notified.append(True))
    run(host, lambda host, done: host.listen_async(
        Lp2p.Multiaddr.new_from_string("/ip4/127.0.0.1/tcp/0"), None,
        lambda host, result: done(on_listening, host, result, done)))


def test_gater():
    host = Lp2p.Host.new(None, None)
    gater = Refuser()

    def on_connected(_, result):
        try:
            host.connect_finish(result)
        except GLib.Error as error:
            assert error.matches(Lp2p.error_quark(), Lp2p.Error.REFUSED_BY_GATER), error
        else:
            raise AssertionError("was not refused")
        assert gater.asked == (ADDRESS,)

    host.set_gater(gater)
    assert host.props.gater is gater
    run(host, lambda host, done: host.connect_async(
        Lp2p.Multiaddr.new_from_string(ADDRESS), None,
        lambda host, result: done(on_connected, host, result)))


def main():
    failed = False
    for name, function in sorted(globals().items()):
        if not name.startswith("test_"):
            continue
        try:
            function()
            print(f"ok {name[5:]} from Python", flush=True)
        except Exception as error:
            traceback.print_exc()
            failed = True
            print(f"not ok {name[5:]} from Python: {error!r}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
