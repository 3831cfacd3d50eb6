# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cases of the suite cli that are about key stores."""

import contextlib
import json
import os
import pty
import select
import shutil
import subprocess
import time

from cases import BUILD, LONG, LOOPBACK, Result, Skip, case, check, read_line, stop

FIXTURES = os.path.join(BUILD, "tests", "fixtures", "plugins")
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:dir={}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
"""


def end(process):
    process.kill()
    process.communicate()


@contextlib.contextmanager
def session_bus(world):
    """A session bus of the case's own, on which nothing starts by itself."""
    if shutil.which("dbus-daemon") is None:
        raise Skip("missing: dbus-daemon")
    file = world.write("bus.conf", BUS.format(world.make("bus")))
    bus = subprocess.Popen(["dbus-daemon", "--nofork", "--print-address", f"--config-file={file}"],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        world.env["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().strip()
        yield
    finally:
        end(bus)


@contextlib.contextmanager
def keyring(world):
    """A bus with a keyring that is unlocked."""
    if not os.path.exists(os.path.join(BUILD, "plugins", "secret.plugin")):
        raise Skip("missing: libsecret, so the key store secret is not built")
    if shutil.which("gnome-keyring-daemon") is None:
        raise Skip("missing: gnome-keyring-daemon")
    with session_bus(world):
        env = dict(world.env, XDG_RUNTIME_DIR=world.make("runtime"))
        daemon = subprocess.Popen(["gnome-keyring-daemon", "--foreground", "--unlock",
                                   "--components=secrets", "--control-directory",
                                   world.make("control")], env=env, stdin=subprocess.PIPE,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
        try:
            daemon.stdin.write("password\n")
            daemon.stdin.close()
            daemon.stdin = None
            deadline = time.monotonic() + LONG
            # The keyring is there when something can be listed in it.
            while list_keys(world, "secret") is None:
                check(daemon.poll() is None and time.monotonic() < deadline, "no keyring")
                time.sleep(0.05)
            yield
        finally:
            end(daemon)


def list_keys(world, store):
    """Names and peer ids of a store, None when it cannot be reached."""
    config = world.write("list.conf", f"[host]\nkey-stores=['{store}']\n" if store != "file" else "")
    result = world.run("--config", config, "id", "--list", "--json")
    if result.status != 0:
        return None
    return {row["name"]: row["peer_id"] for row in result.objects() if row["store"] == store}


@case
def test_file_store(world):
    """id: names in the store of files"""
    first = world.run("id", "--make", "--json").expect(0).object()
    check(first["store"] == "file" and first["name"] == "identity", first)
    second = world.run("id", "--make", "--name", "org.example.Chat", "--json").expect(0).object()
    check(second["file"] == world.path("data", "lp2p", "org.example.Chat.key"), second)
    world.write("data/lp2p/broken.key", "nonsense\n")
    rows = world.run("id", "--list", "--json").expect(0).objects()
    check(rows == [{"store": "file", "name": "broken", "peer_id": None},
                   {"store": "file", "name": "identity", "peer_id": first["peer_id"]},
                   {"store": "file", "name": "org.example.Chat", "peer_id": second["peer_id"]}], rows)
    table = world.run("id", "--list").expect(0).out.splitlines()
    check(table[0].split() == ["STORE", "NAME", "PEER", "ID"] and len(table) == 4, table)
    check("damaged" in table[1], table)
    config = world.write("lp2p.conf", "[host]\nidentity='org.example.Chat'\n")
    with world.listener("--config", config, LOOPBACK) as ready:
        check(ready["peer_id"] == second["peer_id"], "not the one of the configuration")
    world.run("--config", config, "id", "--json").expect(0)
    config = world.write("lp2p.conf", "[host]\nidentity='absent'\n")
    world.run("--config", config, "listen", LOOPBACK).expect(1, "absent")


@case
def test_id_usage(world):
    """id: options that exclude each other"""
    world.run("id", "--list", "--make").expect(2, "exclude")
    world.run("id", "--move", "a").expect(2, "--to")
    world.run("id", "--to", "file").expect(2, "--to")
    world.run("id", "--file", "x", "--name", "y").expect(2, "--file")
    world.run("id", "--list", "--store", "file").expect(2, "--store")
    world.run("id", "--move", "identity", "--to", "file").expect(2, "already")
    world.run("id", "--name", "../x").expect(1, "no name of a key")
    world.run("id", "--remove", "../x").expect(1, "no key named")
    world.run("id", "--store", "no-such").expect(1, "not installed")
    config = world.write("lp2p.conf", "[host]\nkey-store='no-such'\n")
    world.run("--config", config, "listen", LOOPBACK).expect(1, "not installed")
    config = world.write("lp2p.conf", "[host]\nkey-store='A/b'\n")
    world.run("--config", config, "config").expect(1, r"lp2p\.conf:2: \[host\] key-store: .*A/b")


def confirm(world, answer):
    """lp2p id --remove identity on a terminal of its own."""
    master, slave = pty.openpty()
    with world.running("id", "--remove", "identity", stdin=slave) as process:
        os.close(slave)
        ready, _, _ = select.select([process.stdout], [], [], LONG)
        check(ready, "it asks nothing")
        os.write(master, answer.encode())
        out, err = process.communicate(timeout=LONG)
    os.close(master)
    check("for good? [y/N]" in out, out)
    return Result(process, out, err)


@case
def test_id_remove(world):
    """id: nothing is removed unless confirmed"""
    world.run("id", "--make").expect(0)
    world.run("id", "--remove", "identity").expect(2, "--force")
    confirm(world, "n\n").expect(1, "left")
    confirm(world, "\n").expect(1, "left")
    check("identity" in list_keys(world, "file"), "it was removed")
    confirm(world, "y\n").expect(0)
    world.run("id", "--make").expect(0)
    world.run("id", "--remove", "identity", "--force").expect(0)
    check(list_keys(world, "file") == {}, "it was not removed")
    world.run("id", "--remove", "identity", "--force").expect(1, "no key named identity")


@case
def test_id_move_fails(world):
    """id: a key whose copy is not the same stays where it is"""
    made = world.run("id", "--make", "--json").expect(0).object()
    arguments = ["--plugin-path", FIXTURES, "id", "--move", "identity", "--to", "forgetful"]
    world.run(*arguments).expect(1, "read back is not the one")
    world.run("id", "--move", "identity", "--to", "no-such").expect(1, "not installed")
    world.run("id", "--move", "absent", "--to", "no-such").expect(1, "absent")
    check(world.run("id", "--json").expect(0).object() == made, "the key is gone")
    config = world.write("lp2p.conf", "[host]\nkey-stores=['forgetful']\n")
    result = world.run("--plugin-path", FIXTURES, "--config", config, "id", "--list", "--json")
    result.expect(1, "can only load and save")
    check(result.object()["peer_id"] == made["peer_id"], "what works is not listed")


@case
def test_keyring(world):
    """id: in the keyring"""
    with keyring(world):
        config = world.write("lp2p.conf", "[host]\nkey-store='secret'\n")
        secret = ["--config", config]
        with world.listener(*secret, LOOPBACK):
            pass  # Without a key it is a temporary one.
        made = world.run(*secret, "id", "--make", "--json").expect(0).object()
        check(made["store"] == "secret" and made["file"] is None, made)
        world.run(*secret, "id", "--make").expect(1, "has a key named identity already")
        world.run(*secret, "id", "--make", "--force").expect(1, "already")
        check(world.run(*secret, "id", "--json").expect(0).object() == made, "shows another one")
        with world.listener(*secret, LOOPBACK) as ready:
            check(ready["peer_id"] == made["peer_id"], "listens as somebody else")
        rows = world.run(*secret, "inspect", "--json").expect(0).objects()
        row = [row for row in rows if row["name"] == "secret"][0]
        check(row["kind"] == "key-store" and row["enabled"] and row["loaded"], row)
        world.run(*secret, "id", "--export", world.path("out")).expect(0)
        out = world.run("id", "--file", world.path("out"), "--json").expect(0).object()
        check(out["peer_id"] == made["peer_id"], out)
        world.run(*secret, "id", "--name", "absent").expect(1, "no key named absent")


@case
def test_keyring_moves(world):
    """id: from files to the keyring and back"""
    with keyring(world):
        made = world.run("id", "--make", "--json").expect(0).object()
        world.run("id", "--copy", "identity", "--to", "secret").expect(0)
        check(list_keys(world, "secret") == {"identity": made["peer_id"]}, "not copied")
        check(list_keys(world, "file") == {"identity": made["peer_id"]}, "not kept")
        # The same key is there already, as after a move that was interrupted.
        world.run("id", "--move", "identity", "--to", "secret").expect(0)
        check(list_keys(world, "file") == {}, "not removed")
        check(not os.path.exists(made["file"]), "the file is still there")
        other = world.run("id", "--make", "--json").expect(0).object()
        world.run("id", "--move", "identity", "--to", "secret").expect(1, "another key named identity")
        check(list_keys(world, "file") == {"identity": other["peer_id"]}, "lost")
        check(list_keys(world, "secret") == {"identity": made["peer_id"]}, "replaced")
        world.run("id", "--remove", "identity", "--force").expect(0)
        world.run("id", "--move", "identity", "--store", "secret", "--to", "file").expect(0)
        check(world.run("id", "--json").expect(0).object() == made, "not moved back")
        check(list_keys(world, "secret") == {}, "still in the keyring")


@case
def test_no_keyring(world):
    """id: no keyring, which is told and not passed over"""
    if not os.path.exists(os.path.join(BUILD, "plugins", "secret.plugin")):
        raise Skip("missing: libsecret, so the key store secret is not built")
    with session_bus(world):
        made = world.run("id", "--make", "--json").expect(0).object()
        config = world.write("lp2p.conf", "[host]\nkey-store='secret'\nidentity='identity'\n")
        world.run("--config", config, "id").expect(1, "no Secret Service")
        world.run("--config", config, "listen", LOOPBACK).expect(1, "no Secret Service")
        result = world.run("--config", config, "id", "--list", "--json").expect(1, "no Secret Service")
        check(result.object()["peer_id"] == made["peer_id"], result)
        world.run("id", "--move", "identity", "--to", "secret").expect(1, "no Secret Service")
        check(world.run("id", "--json").expect(0).object() == made, "the key is gone")
        world.write("lp2p.conf", "[host]\nkey-store='secret'\nkey-store-fallback='file'\n"
                    "identity='identity'\n")
        with world.running("--config", config, "listen", "--json", LOOPBACK) as process:
            check(json.loads(read_line(process))["peer_id"] == made["peer_id"], "no fallback")
            result = stop(process).expect(0)
        check("taken from the key store file" in result.err, result)
