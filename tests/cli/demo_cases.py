# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cases of the suite cli that are about the demo."""

import glob
import os
import signal
import time

from cases import (BUILD, FOREIGN_ADDRESSES, LONG, LOOPBACKS, Skip, case, check, stop,
                   write_foreign)


@case
def test_demo(world):
    """demo: all rows, as JSON"""
    rows = world.run("demo", "--size", "1M", "--json").expect(0).objects()
    check({row["transport"] for row in rows} == set(LOOPBACKS), rows)
    for row in rows:
        check(row["ok"] and row["error"] is None, row)
        check(row["transport"] and row["security"] and row["muxer"] and row["address"], row)
        check(all(row[key] > 0 for key in ("connect_ms", "ping_ms", "up_mb_s", "down_mb_s")), row)
    check(not os.listdir(world.path("tmp")), "the temporary folder is still there")


@case
def test_demo_ws(world):
    """demo: WebSocket, with a certificate of its own"""
    if not os.path.exists(os.path.join(BUILD, "plugins", "wss.plugin")):
        raise Skip("missing: libsoup, so wss is not built")
    # What the user has is for another name.
    config = world.write("lp2p.conf", "[host]\ntransports=['ws', 'wss']\n"
                         "[plugin wss]\ncertificate='/nowhere.pem'\nprivate-key='/nowhere-key.pem'\n")
    rows = world.run("demo", "--config", config, "--size", "1M", "--json").expect(0).objects()
    stacks = {(row["transport"], row["security"], row["muxer"]) for row in rows}
    for transport, end in ("ws", "/ws/"), ("wss", "/tls/ws/"):
        check((transport, "noise", "yamux") in stacks, rows)
        check(all(row["ok"] and end in row["address"] for row in rows if row["transport"] == transport), rows)
    check(not os.listdir(world.path("tmp")), "the temporary folder is still there")


@case
def test_demo_table(world):
    """demo: the table"""
    result = world.run("demo", "--size", "100000", "--keep")
    check(result.status == 0 and "temporary" not in result.out, result)
    check(result.out.startswith("TRANSPORT  SECURITY"), result)
    check("\033" not in result.out + result.err, "escape sequences in a pipe")
    folder = os.listdir(world.path("tmp"))
    check(len(folder) == 1 and world.path("tmp", folder[0]) in result.err, (folder, result))
    check(os.listdir(world.path("tmp", folder[0])), "nothing was kept")


@case
def test_demo_nothing(world):
    """demo: nothing to try, or not all of it"""
    config = world.write("lp2p.conf", "[host]\ntransports=[]\n")
    world.run("demo", "--config", config, "--json").expect(1, "nothing to try")
    config = world.write("lp2p.conf", "[host]\ntransports=['tcp', 'no-such']\nservices=[]\n")
    result = world.run("demo", "--config", config, "--size", "1", "--json")
    check(result.status == 0 and result.objects()[0]["ok"], result)
    check("no-such left out: enabled but not installed" in result.err, result)


@case
def test_demo_memory(world):
    """demo: a transport that stays in its process"""
    if not os.path.exists(os.path.join(BUILD, "plugins", "memory.plugin")):
        raise Skip("memory is not built")
    config = world.write("lp2p.conf", "[host]\ntransports=['memory']\n")
    result = world.run("demo", "--config", config, "--size", "1M")
    check(result.status == 0 and "does not leave its process" in result.out, result)


@case
def test_demo_foreign(world):
    """demo: a transport of somebody else"""
    options = write_foreign(world, FOREIGN_ADDRESSES, "Traits=native;local;")
    row = world.run("demo", *options, "--size", "1M", "--json").expect(0).object()
    check(row["ok"] and (row["transport"], row["security"]) == ("fake", "fake-tls"), row)
    result = world.run("demo", *write_foreign(world), "--json")
    check(result.status == 1 and "does not say where it listens" in result.err, result)


@case
def test_demo_interrupted(world):
    """demo: interrupted, it leaves nothing behind"""
    with world.running("demo", "--size", "4G", "--json") as process:
        latest = time.monotonic() + LONG
        while not glob.glob(world.path("tmp", "*", "random")) and time.monotonic() < latest:
            check(process.poll() is None, f"it ended with {process.poll()}")
            time.sleep(0.05)
        result = stop(process, signal.SIGINT)
    check(result.status == 1, result)
    check(not os.listdir(world.path("tmp")), "the temporary folder is still there")
