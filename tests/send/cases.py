#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The cases of the suite send: one function each, named by its docstring.

Usage: cases.py BUILD [WORD]; prints `ok NAME` or `not ok NAME: REASON`. With WORD only
cases with that in their names. LP2P_FULL=1 moves 10,000 files and 4 GiB through the
kills instead of 500 and 64 MiB; LP2P_SEND_SEED=N makes the kills of another run again.
"""

import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

# Each adds its cases.
import changing  # noqa: F401  pylint: disable=unused-import
import vanishing  # noqa: F401  pylint: disable=unused-import
from sides import (CASES, FULL, LOOPBACK, MIB, STATE, Report, Side, Skip, World, case, check, check_same, describe,
                   hash_file, list_target, make_large, read, transfer)
from terminal import Terminal

BUILD = os.path.abspath(sys.argv[1])
FILES = 10000 if FULL else 500
LARGE = (4 << 30) if FULL else (64 << 20)
SEED = int(os.environ.get("LP2P_SEND_SEED") or random.randrange(1 << 32))
# So many may be at the door of a receiver who have not said yet what they want.
AT_THE_DOOR = 16


def make_tree(world):
    """Some of all that a folder may have in it."""
    for number in range(40):
        world.write(f"tree/{number % 4}/file {number}", random.randbytes(number * 100))
    world.write("tree/empty", b"")
    world.write("tree/one chunk", random.randbytes(MIB))
    world.write("tree/chunks", random.randbytes(3 * MIB + 1))
    world.write(b"tree/not \xff\xfe text", b"bytes")
    world.write(b"tree/CON/back\\slash: \n\033[31m", b"names")
    os.makedirs(world.path("source/tree/empty folder"))
    os.chmod(world.path("source/tree/empty"), 0o755)
    os.chmod(world.path("source/tree/chunks"), 0o444)
    os.utime(world.path("source/tree/empty folder"), ns=(1, 1234567890123456789))
    os.utime(world.path("source/tree/0"), ns=(1, -5 * 10**9 + 7))
    os.chmod(world.path("source/tree/1"), 0o700)
    return world.path("source/tree")


@case
def test_tree(world):
    """a folder arrives with all that is in it"""
    sender, receiver = transfer(world, make_tree(world))
    check_same(world.path("source"), world.path("target"))
    final = receiver.events[-1]
    check(final["files"] == 45 and final["failed"] == 0, final)
    check(sender.events[-1]["files"] == 45, sender.events[-1])
    check(not sender.err() and not receiver.err(), sender.err() + receiver.err())


@case
def test_one_processor(world):
    """sides with one processor each, the source in the cache, not in it, and in memory"""
    one = {"preexec_fn": lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})}
    file = world.write("a", random.randbytes(5 * MIB + 1))
    for cached in (True, False):
        with open(file, "rb") as opened:
            os.fsync(opened.fileno())
            if not cached:
                os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        sender, ticket = world.send(file, **one)
        world.receive(ticket, **one).wait(0)
        sender.wait(0)
        check_same(world.path("source"), world.path("target"))
        os.unlink(world.path("target/a"))
    if not os.access("/dev/shm", os.W_OK):
        return
    with tempfile.TemporaryDirectory(prefix="lp2p-send.", dir="/dev/shm") as memory:
        shutil.copy2(world.path("source/a"), memory)
        sender, ticket = world.send(os.path.join(memory, "a"), **one)
        world.receive("--into", os.path.join(memory, "target"), ticket, **one).wait(0)
        sender.wait(0)
        check_same(world.path("source"), os.path.join(memory, "target"))


@case
def test_again(world):
    """what is there already is not sent again"""
    tree = make_tree(world)
    transfer(world, tree)
    sender, receiver = transfer(world, tree)
    for side in (sender, receiver):
        check(side.events[-1]["present"] == 45 and side.events[-1]["bytes"] == 0, side.events[-1])
    check_same(world.path("source"), world.path("target"))


@case
def test_overwrite(world):
    """what is there is replaced only with --overwrite"""
    file = world.write("a", b"new")
    for old in (b"old", b"longer", b""):
        with open(world.path("target/a"), "wb") as target:
            target.write(old)
        sender, receiver = transfer(world, file, statuses=(1, 1))
        check("--overwrite" in receiver.err() and "--overwrite" in sender.err(), receiver.err())
        with open(world.path("target/a"), "rb") as target:
            check(target.read() == old, "it was replaced")
        transfer(world, file, receive=["--overwrite"])
        check_same(world.path("source"), world.path("target"))


@case
def test_other_kinds(world):
    """a folder where a file is to be, and a file where a folder is to be"""
    world.write("tree/a", b"file")
    world.write("tree/b/c", b"file in a folder")
    world.write("tree/d", b"another")
    os.makedirs(world.path("target/tree/a"))
    with open(world.path("target/tree/b"), "wb"):
        pass
    transfer(world, world.path("source/tree"), receive=["--overwrite"], statuses=(1, 1))
    check(os.path.isdir(world.path("target/tree/a")), "the folder is gone")
    check(os.path.isfile(world.path("target/tree/b")), "the file is gone")
    check(os.path.isfile(world.path("target/tree/d")), "the other file did not arrive")


@case
def test_special_files(world):
    """symbolic links and special files"""
    world.write("tree/a", b"file")
    os.symlink("a", world.path("source/tree/link"))
    os.symlink("/etc/hostname", world.path("source/tree/out"))
    os.symlink(".", world.path("source/tree/loop"))
    os.mkfifo(world.path("source/tree/pipe"))
    tree = world.path("source/tree")

    sender, _ = transfer(world, tree)
    check(sender.events[-1]["skipped"] == 4, sender.events[-1])
    check(os.listdir(world.path("target/tree")) == ["a"], os.listdir(world.path("target/tree")))

    # A link that leads back to where it is in has no end.
    sender, _ = transfer(world, tree, send=["--follow"], receive=["--into", world.path("follow")],
                         statuses=(1, 0))
    check("leads back" in sender.err(), sender.err())
    check(not os.path.islink(world.path("follow/tree/link")), "the link is one")
    with open(world.path("follow/tree/link"), "rb") as file:
        check(file.read() == b"file", "what the link leads to did not arrive")

    links = ["--links", "--into", world.path("links")]
    _, receiver = transfer(world, tree, send=["--links"], receive=links, statuses=(1, 1))
    check("absolute" in receiver.err(), receiver.err())
    check(os.readlink(world.path("links/tree/link")) == "a", "the link leads elsewhere")
    check(not os.path.lexists(world.path("links/tree/out")), "a link leads out")
    _, receiver = transfer(world, tree, send=["--links"], statuses=(1, 1))
    check("without --links" in receiver.err(), receiver.err())


@case
def test_planted_link(world):
    """a symbolic link in the target folder leads nowhere"""
    os.makedirs(world.path("outside"))
    for number in range(3):
        world.write(f"tree/{number}/file", b"data")
    os.makedirs(world.path("target/tree"))
    os.symlink(world.path("outside"), world.path("target/tree/1"))
    _, receiver = transfer(world, world.path("source/tree"), receive=["--overwrite"],
                           statuses=(1, 1))
    check("symbolic link is in the way" in receiver.err(), receiver.err())
    check(not os.listdir(world.path("outside")), "something was written outside")
    check(os.path.isfile(world.path("target/tree/2/file")), "the rest did not arrive")

    os.symlink(world.path("outside"), world.path(f"target/{STATE}"))
    sender, ticket = world.send(world.path("source/tree"))
    world.receive(ticket).wait(1, "symbolic link is in the way")
    sender.kill()
    check(not os.listdir(world.path("outside")), "something was written outside")


@case
def test_control_characters(world):
    """no control character of a name, be it of one byte or two, is in the lines for programs"""
    name = "a\u0007\u007f\u0080\u009b31m\u009f\u00a0\u00e4"
    sender, ticket = world.send(world.write(name, b"data"))
    result = subprocess.run([world.lp2p, "receive", "--json", "--into", world.path("target"), ticket],
                            env=world.env, capture_output=True, text=True, encoding="utf-8", timeout=60)
    sender.wait(0)
    check(result.returncode == 0, result.stderr)
    wrong = [character for character in result.stdout if character != "\n" and not character.isprintable()
             and character != "\u00a0"]
    check(not wrong and "\\u009b31m" in result.stdout, result.stdout)
    found = [event["path"] for event in map(json.loads, result.stdout.splitlines()) if event["type"] == "file"]
    check(found == [name], found)


# Who is served

@case
def test_dial(world):
    """a receiver serves who is allowed, nobody else"""
    file = world.write_random("a", 3 * MIB)
    friend, friend_id = world.make_id("friend")
    stranger, _ = world.make_id("stranger")
    receiver, address = world.listen("--allow", friend_id)
    world.dial(address, "--identity", stranger, file).wait(1, "does not serve you")
    world.dial(address, "--identity", friend, file).wait(0)
    receiver.wait(0)
    check_same(world.path("source"), world.path("target"))


@case
def test_nobody(world):
    """a receiver that would serve nobody does not start"""
    world.receive().wait(2, "nobody would be served")


@case
def test_busy_receiver(world):
    """a receiver serves one sender at a time"""
    ids = [world.make_id(name) for name in ("first", "second")]
    receiver, address = world.listen(*(f"--allow={peer}" for _, peer in ids))
    first = world.dial(address, "--identity", ids[0][0], make_large(world))
    receiver.wait_event("begin")
    first.signal(signal.SIGSTOP)
    small = world.write("small", b"data")
    world.dial(address, "--identity", ids[1][0], small).wait(1, "busy with another sender")
    first.signal(signal.SIGCONT)
    first.wait(0)
    receiver.wait(0)
    check(list_target(world) == ["a"], list_target(world))


def hold_up(world):
    """A transfer that began, and whose receiver stands still."""
    sender, ticket = world.send(make_large(world))
    receiver = world.receive(ticket)
    receiver.wait_event("begin")
    receiver.signal(signal.SIGSTOP)
    return sender, ticket, receiver


@case
def test_second_receiver(world):
    """a ticket is for one receiver"""
    sender, ticket, first = hold_up(world)
    world.receive(ticket, target="other").wait(1, "used by another receiver")
    first.signal(signal.SIGCONT)
    first.wait(0)
    sender.wait(0)
    check_same(world.path("source"), world.path("target"))
    check(not os.path.exists(world.path("other/a")), "the other one got it")


@case
def test_wrong_codes(world):
    """who shows wrong codes is soon not listened to, and nobody else is hurt by that"""
    file = make_large(world)
    sender, ticket = world.send(file)

    def show():
        result = subprocess.run([world.hostile, "code", ticket, "7"], env=world.env, capture_output=True,
                                text=True, timeout=60)
        check(result.stdout.splitlines() == 5 * ["the code of the ticket is wrong"] +
              2 * ["too many wrong codes were tried"], result.stdout + result.stderr)

    show()
    receiver = world.receive(ticket)
    receiver.wait_event("begin")
    receiver.signal(signal.SIGSTOP)
    show()
    receiver.signal(signal.SIGCONT)
    receiver.wait(0)
    sender.wait(0)
    check_same(world.path("source"), world.path("target"))


@case
def test_transports(world):
    """nobody says where to listen: the ticket has QUIC and TCP, and either leads there"""
    file = world.write_random("a", 100_000)
    both = ["quic-v1", "tcp"] if world.has_transport("quic-v1") else ["tcp"]
    for transport in both:
        sender = Side(world, "send", "--json", file)
        ticket = sender.wait_event("ticket")
        found = {"quic-v1" if "/quic-v1" in address else "tcp" for address in ticket["addresses"]}
        check(found == set(both) and len(ticket["addresses"]) <= 8, ticket)
        config = world.path(transport + ".conf")
        with open(config, "w", encoding="utf-8") as out:
            out.write(f"[host]\ntransports=['{transport}']\n")
        world.receive("--config", config, ticket["ticket"], target=transport).wait(0)
        sender.wait(0)
        check_same(world.path("source"), world.path(transport))


@case
def test_many_addresses(world):
    """a ticket has eight addresses, and neither QUIC nor TCP takes all of that room"""
    if not world.has_transport("quic-v1"):
        raise Skip("quic-v1 is not built")
    file = world.write("a", b"data")
    for number, (n_udp, n_tcp, expected) in enumerate([(10, 10, (4, 4)), (10, 2, (6, 2)), (0, 10, (0, 8))]):
        listen = [f"--listen=/ip4/127.0.0.{n}/{end}" for count, end in ((n_udp, "udp/0/quic-v1"), (n_tcp, "tcp/0"))
                  for n in range(1, count + 1)]
        sender = Side(world, "send", "--json", *listen, file)
        ticket = sender.wait_event("ticket")
        n_quic = sum("/quic-v1" in address for address in ticket["addresses"])
        check((n_quic, len(ticket["addresses"]) - n_quic) == expected, ticket)
        world.receive(ticket["ticket"], target=str(number)).wait(0)
        sender.wait(0)


@case
def test_bad_tickets(world):
    """tickets that are none, changed, expired or from the future"""
    future = subprocess.run([world.hostile, "future"], capture_output=True, text=True, check=True).stdout.strip()
    world.receive(future).wait(1, "in the future: one of the two clocks is wrong")
    file = world.write("a", b"data")
    sender, ticket = world.send("--expire", "0.02", file)
    changed = ticket[:80] + ("A" if ticket[80] != "A" else "B") + ticket[81:]
    world.receive("nonsense").wait(2, "no ticket")
    world.receive(changed).wait(1, "damaged or was changed")
    sender.wait(5, "the ticket expired")
    world.receive(ticket).wait(1, "expired")
    check(not os.listdir(world.path("target")), "something is in the target folder")


@case
def test_busy_folder(world):
    """two receivers do not work in one folder"""
    sender, ticket, first = hold_up(world)
    world.receive(ticket).wait(1, "another lp2p receive")
    first.signal(signal.SIGCONT)
    first.wait(0)
    sender.wait(0)


@case
def test_busy_empty_folder(world):
    """nor does one that finds the folder taken take anything from who waits in there"""
    friend, friend_id = world.make_id("friend")
    first, address = world.listen("--allow", friend_id)
    world.receive("--allow", friend_id).wait(1, "another lp2p receive")
    check(os.listdir(world.path("target")) == [STATE], os.listdir(world.path("target")))
    world.dial(address, "--identity", friend, world.write_random("a", 3 * MIB)).wait(0)
    first.wait(0)
    check_same(world.path("source"), world.path("target"))


@case
def test_shared_identity(world):
    """a transfer by ticket goes on where the file system knows no modes"""
    sender, ticket, first = hold_up(world)
    first.kill()
    state = world.path("target", STATE)
    identity = os.path.join(state, "identity")
    before = read(identity)
    # What such a file system says of all that is in it, and then of one file alone.
    os.chmod(identity, 0o755)
    world.receive(ticket).wait(1, "open to other users")
    check(read(identity) == before, "the identity was replaced")
    os.chmod(state, 0o755)
    world.receive(ticket).wait(0)
    sender.wait(0)
    check_same(world.path("source"), world.path("target"))


@case
def test_hostile_sender(world):
    """what a hostile sender cannot do"""
    key, peer = world.make_id("hostile")
    # What the paths that go up lead to.
    os.makedirs(world.path("outside"))
    for outside in ("file", "outside/file"):
        with open(world.path(outside), "wb") as sentinel:
            sentinel.write(b"of another size: nobody compares it first")

    def look_outside():
        # The socket for lp2p status comes and goes with the receiver.
        return {path: value for path, value in describe(world.folder).items()
                if path.split(b"/")[0] not in (b"target", b"runtime")}

    listing = subprocess.run([world.hostile, "list"], capture_output=True, text=True, check=True)
    for line in listing.stdout.splitlines():
        name, expected = line.split("\t")
        before = look_outside()
        receiver, address = world.listen("--allow", peer, "--links", "--overwrite")
        result = subprocess.run([world.hostile, name, address, key], env=world.env, capture_output=True,
                                text=True, timeout=60)
        receiver.signal(signal.SIGINT)
        receiver.wait()
        after = look_outside()
        changed = [path for path in {*before, *after} if before.get(path) != after.get(path)]
        check(not changed, f"{name}: outside of the target folder {changed} changed")
        check(expected in result.stdout, f"{name}: {result.stdout} {result.stderr}")
        check(receiver.process.returncode == 1, f"{name}: status {receiver.process.returncode}")
        # Of all that, a link that leads to something in the target is taken.
        found = [entry for entry in list_target(world) if not os.path.islink(world.path("target", entry))]
        check(not found, f"{name}: {found} in the target folder")
        print(f"# {name}: {expected}")


@case
def test_hostile_crowd(world):
    """who comes when the door is full is turned away, and who stands there is served"""
    key, peer = world.make_id("hostile")
    receiver, address = world.listen("--allow", peer)
    result = subprocess.run([world.hostile, "crowd", address, key, str(AT_THE_DOOR + 1)], env=world.env,
                            capture_output=True, text=True, timeout=60)
    check(result.stdout == f"turned away: {AT_THE_DOOR + 1}\n", result.stdout + result.stderr)
    receiver.wait(0)
    check(read(world.path("target/a")) == b"data", "who stood there was not served")


@case
def test_hostile_renewal(world):
    """one peer at the door, however often it comes, keeps nobody else out"""
    stranger, _ = world.make_id("stranger")
    friend, friend_id = world.make_id("friend")
    receiver, address = world.listen("--allow", friend_id)
    with subprocess.Popen([world.hostile, "renew", address, stranger, str(AT_THE_DOOR + 1)], env=world.env,
                          stdout=subprocess.PIPE) as silent:
        try:
            check(silent.stdout.readline() == b"silent\n", "it does not stand at the door")
            world.dial(address, "--identity", friend, world.write("a", b"data")).wait(0)
        finally:
            silent.kill()
    receiver.wait(0)
    check_same(world.path("source"), world.path("target"))


@case
def test_early_result(world):
    """a receiver that has a result before all was sent is not waited for"""
    with subprocess.Popen([world.hostile, "early"], env=world.env, stdout=subprocess.PIPE, text=True) as receiver:
        try:
            address = receiver.stdout.readline().strip()
            world.dial(address, world.write("a", b"data")).wait(1, "a result before all was sent")
        finally:
            receiver.kill()


@case
def test_damaged_partial(world):
    """what is kept of a file is read again before it is believed"""
    file = make_large(world)
    sender, ticket = world.send(file)
    receiver = world.receive(ticket)
    while receiver.wait_event("progress")["done"] < 12 * MIB:
        # Eight chunks may have come that are not written.
        pass
    receiver.kill()
    sender.kill()
    state = world.path("target", STATE)
    data = [name for name in os.listdir(state) if len(name) == 32]
    check(len(data) == 1, os.listdir(state))
    with open(os.path.join(state, data[0]), "r+b") as partial:
        partial.seek(MIB + 5)
        byte = partial.read(1)
        partial.seek(MIB + 5)
        partial.write(bytes([byte[0] ^ 1]))
    _, receiver = transfer(world, file)
    check(receiver.events[-1]["bytes"] == 255 * MIB, receiver.events[-1])
    check_same(world.path("source"), world.path("target"))


# Cuts

def receive_beyond(world, size, limit):
    """As if the disk had no more room: a write beyond fails, where the signal is ignored."""
    sender, ticket = world.send(world.write_random("a", size))
    receiver = world.receive(ticket, restore_signals=False, preexec_fn=lambda: resource.setrlimit(
        resource.RLIMIT_FSIZE, (limit, limit)))
    receiver.wait(1, "File too large")
    check(not os.path.exists(world.path("target/a")), "a file that is not complete is there")
    receiver = world.receive(ticket)
    receiver.wait(0)
    check(receiver.events[-1]["bytes"] == size - limit, receiver.events[-1])
    sender.wait(0, "gave up.*File too large")
    check_same(world.path("source"), world.path("target"))


@case
def test_full_disk(world):
    """a disk that is full"""
    receive_beyond(world, 20 * MIB, 4 * MIB)


@case
def test_full_disk_at_end(world):
    """a disk that has no room for the last chunk, behind which comes the end"""
    receive_beyond(world, 2 * MIB, MIB)


def unshare_mounts():
    """What a command begins with whose mounts no other process sees. When it ends, or is killed,
    nothing that it started is left."""
    # A leak is looked for through /proc.
    unshare = ["unshare", "--mount", "--mount-proc", "--pid", "--fork", "--kill-child"]
    result = subprocess.run([*unshare, "mount", "-t", "tmpfs", "none", "/tmp"], capture_output=True, text=True)
    if result.returncode != 0:
        raise Skip(f"missing: mounts of one's own: {result.stderr.strip()}")
    return unshare


# Receives where there is no room for all of it, then where there is, and copies what is there:
# TARGET SMALL COPY COMMAND...
IN_LITTLE_SPACE = """
target=$1 small=$2 copy=$3
shift 3
mount -t tmpfs -o size=6m none "$target" || exit 77
"$@"
echo "status $?"
cp -r "$target" "$small"
mount -o remount,size=64m "$target"
"$@"
status=$?
cp -a "$target" "$copy"
exit $status
"""


@case
def test_no_space(world):
    """a file system without space keeps what is complete, and what came of the rest goes on"""
    unshare = unshare_mounts()
    files = [world.write_random(name, size) for name, size in (("first", 2 * MIB), ("large", 16 * MIB), ("z", 5))]
    sender, ticket = world.send(*files)
    result = subprocess.run(
        [*unshare, "sh", "-c", IN_LITTLE_SPACE, "sh", world.path("target"), world.path("small"), world.path("copy"),
         world.lp2p, "receive", "--json", "--into", world.path("target"), ticket],
        env=world.env, capture_output=True, text=True, timeout=60)
    check(result.returncode == 0 and "No space left" in result.stderr, f"{result.returncode}: {result.stderr}")
    sender.wait(0, "gave up.*No space left")
    before, after = result.stdout.split("status 1\n")
    check('"final"' not in before, before)
    check(sorted(os.listdir(world.path("small"))) == [STATE, "first"], os.listdir(world.path("small")))
    check(hash_file(world.path("small/first")) == hash_file(files[0]), "what was complete is not any more")
    events = [json.loads(line) for line in after.splitlines()]
    check([event["path"] for event in events if event.get("state") == "present"] == ["first"], events)
    offset, = [event["offset"] for event in events if event["type"] == "resume" and event["path"] == "large"]
    check(MIB <= offset <= 4 * MIB and events[-1]["bytes"] == 16 * MIB + 5 - offset, events)
    check_same(world.path("source"), world.path("copy"))


# Mounts an image where no other process sees it, runs a program, and copies what is there:
# IMAGE TARGET COPY COMMAND...
IN_ONE_CASE = """
image=$1 target=$2 copy=$3
shift 3
[ -e "$image" ] || { truncate -s 16M "$image" && mkntfs -q -F -Q "$image"; } || exit 77
lowntfs-3g -o ignore_case,umask=022 "$image" "$target" || exit 77
"$@"
status=$?
rm -rf "$copy"
cp -r "$target" "$copy"
umount "$target"
exit $status
"""


def receive_in_one_case(world, *options):
    """A receiver where the file system does not tell cases apart: what became of each file."""
    unshare = unshare_mounts()
    sender, ticket = world.send(world.path("source/tree"))
    result = subprocess.run(
        [*unshare, "sh", "-c", IN_ONE_CASE, "sh", world.path("image"), world.path("target"),
         world.path("copy"), world.lp2p, "receive", "--json", "--into", world.path("target"), *options, ticket],
        env=world.env, capture_output=True, text=True, timeout=60)
    if result.returncode == 77:
        raise Skip(f"missing: a file system that does not tell cases apart: {result.stderr.strip()}")
    # It may wait for the receiver to come back.
    sender.kill()
    events = [json.loads(line) for line in result.stdout.splitlines()]
    check(events and events[-1]["type"] == "final", f"the receiver did not come to its end: {result.stderr}")
    return result.returncode, {event["path"]: event["state"] for event in events if event["type"] == "file"}


@case
def test_one_case(world):
    """a file system that does not tell cases apart: what comes second replaces nothing unasked"""
    if shutil.which("mkntfs") is None or shutil.which("lowntfs-3g") is None:
        raise Skip("missing: ntfs-3g")
    content = {"A": b"first", "a": b"second"}
    for name, data in [*content.items(), ("B", b"same"), ("b", b"same"), ("C/1", b"1"), ("c/2", b"2")]:
        world.write(f"tree/{name}", data)
    folders = {"tree/C/1": "received", "tree/c/2": "received"}

    status, states = receive_in_one_case(world)
    first = "A" if states["tree/A"] == "received" else "a"
    second = first.swapcase()
    check(status == 1 and states.items() >= folders.items(), states)
    check(states[f"tree/{first}"] == "received" and states[f"tree/{second}"] == "failed", states)
    # Whether the second one is looked for when the first one has its place is not known.
    check({states["tree/B"], states["tree/b"]} in ({"received", "failed"}, {"received", "present"}), states)
    check(read(world.path("copy/tree/a")) == content[first], "the second one replaced the first one")

    # Sent again, what is alike is there already.
    status, states = receive_in_one_case(world)
    check(status == 1 and states.pop(f"tree/{second}") == "failed", states)
    check(set(states.values()) == {"present"}, states)
    check(read(world.path("copy/tree/a")) == content[first], "the second one replaced the first one")

    status, states = receive_in_one_case(world, "--overwrite")
    check(status == 0 and states[f"tree/{second}"] == "received", states)
    check(read(world.path("copy/tree/a")) == content[second], "nothing was replaced")
    check(read(world.path("copy/tree/c/1")) + read(world.path("copy/tree/c/2")) == b"12",
          "two folders are not one")


@case
def test_permissions(world):
    """files that may not be read, and a folder that may not be written"""
    nobody = 65534
    os.chmod(world.folder, 0o755)
    as_nobody = {"preexec_fn": lambda: os.setuid(nobody)} if os.geteuid() == 0 else {}
    if subprocess.run([world.lp2p, "--version"], env=world.env, capture_output=True,
                      **as_nobody).returncode != 0:
        raise Skip("missing: a build folder that everybody may read")
    world.write("tree/a", b"secret")
    world.write("tree/b", b"not secret")
    world.write("tree/c/d", b"in a folder")
    os.chmod(world.path("source/tree/a"), 0)
    os.chmod(world.path("source/tree/c"), 0)
    sender, ticket = world.send(world.path("source/tree"), **as_nobody)
    receiver = world.receive(ticket)
    receiver.wait(1, "a: the sender says: Permission denied")
    sender.wait(1, "tree/c: Permission denied")
    check(os.listdir(world.path("target/tree")) == ["b"], os.listdir(world.path("target/tree")))

    os.chmod(world.path("target"), 0o555)
    sender, ticket = world.send(world.path("source/tree/b"))
    world.receive(ticket, **as_nobody).wait(1, "target: Permission denied")
    sender.kill()
    os.chmod(world.path("source/tree/c"), 0o700)


@case
def test_interrupts(world):
    """an interrupt leaves what a transfer can go on from"""
    file = make_large(world)
    sender, ticket = world.send(file)
    receiver = world.receive(ticket)
    while receiver.wait_event("progress")["done"] < 2 * MIB:
        pass
    receiver.signal(signal.SIGINT)
    receiver.wait(1, "interrupted.*goes on")
    second = world.receive(ticket)
    second.wait_event("begin")
    sender.signal(signal.SIGINT)
    sender.wait(1, "interrupted.*goes on")
    second.wait(1, "gave up: interrupted|the peer|ended|reset|lost")
    _, receiver = transfer(world, file)
    check(receiver.events[-1]["bytes"] < 256 * MIB, receiver.events[-1])
    check_same(world.path("source"), world.path("target"))


class Killer:
    """Lets a transfer by ticket go on to some event, and a little longer, and kills a side."""

    def __init__(self, world, paths):
        self.world, self.paths = world, paths
        self.random = random.Random(SEED)
        self.listener = self.where = None
        self.kills = {"listener": 0, "dialer": 0, "both": 0}
        self.resumed = 0
        self.patience = 0.3

    def listen(self):
        """The side that listens, and what the other one has to know."""
        return self.world.send(*self.paths)

    def dial(self):
        return self.world.receive(self.where)

    def start(self):
        if self.listener is None or self.listener.process.poll() is not None:
            self.listener, self.where = self.listen()
        return self.dial()

    def run(self, victim):
        """One attempt. Returns whether it came to its end."""
        dialer = self.start()
        for _ in range(self.random.choice([0, 1, 2, 5, 20, 100, FILES // 2])):
            if dialer.next() is None:
                break
        # So that any moment is hit, that of opening a file too.
        time.sleep(self.random.uniform(0, self.random.choice([0.02, self.patience])))
        if victim != "listener":
            dialer.kill()
        if victim != "dialer":
            self.listener.kill()
        last = dialer.wait()
        self.resumed += any(event["type"] == "resume" for event in dialer.events)
        if last is not None and last["type"] == "final":
            self.listener.wait()
            return True
        check(dialer.process.returncode in (-9, 1, 3), f"the dialer ended: {dialer.err()}")
        self.kills[victim] += 1
        return False

    def hurry(self):
        """The transfer was faster: what is there goes, in part, and its end comes sooner."""
        self.patience /= 2
        os.unlink(self.world.path("target/large"))
        for folder in range(20):
            if self.random.random() < 0.5:
                shutil.rmtree(self.world.path(f"target/tree/{folder}"))

    def finish(self):
        dialer = self.start()
        dialer.wait(0)
        self.listener.wait(0)
        return dialer.events[-1]


class DialedKiller(Killer):
    """The same for a receiver that listens, and a sender that dials it."""

    def __init__(self, world, paths):
        super().__init__(world, paths)
        self.key, self.peer = world.make_id("sender")

    def listen(self):
        return self.world.listen("--allow", self.peer)

    def dial(self):
        return self.world.dial(self.where, "--identity", self.key, *self.paths)


def kill_and_go_on(world, kind, rounds):
    print(f"# LP2P_SEND_SEED={SEED}, {FILES} files, {LARGE} bytes", flush=True)
    maker = random.Random(SEED)
    for number in range(FILES):
        world.write(f"tree/{number % 20}/{number}", maker.randbytes(maker.randrange(9000)))
    world.write_random("large", LARGE, SEED)
    killer = kind(world, [world.path("source/large"), world.path("source/tree")])
    for _ in range(10 * rounds):
        if killer.run(killer.random.choice(list(killer.kills))):
            killer.hurry()
        # As many more as it takes until one of them was in the middle of the large file.
        if sum(killer.kills.values()) >= rounds and killer.resumed > 0:
            break
    final = killer.finish()
    print(f"# kills: {killer.kills}, {killer.resumed} times the large file went on, "
          f"in the end {final['bytes']} bytes", flush=True)
    check(sum(killer.kills.values()) >= rounds, "a transfer is faster than who kills it")
    check(killer.resumed > 0, "the large file began anew each time")
    check_same(world.path("source"), world.path("target"))


@case
def test_kills(world):
    """a transfer whose sides are killed again and again loses nothing"""
    kill_and_go_on(world, Killer, 40 if FULL else 20)


@case
def test_dialed_kills(world):
    """nor does one whose receiver listens"""
    kill_and_go_on(world, DialedKiller, 40 if FULL else 20)


# Terminals

@case
def test_prompt(world):
    """a receiver on a terminal asks"""
    file = world.write("a", b"x" * 5000)
    receive = ["receive", "--listen", "/ip4/127.0.0.1/tcp/0", "--into", world.path("target")]
    with Terminal(world, *receive) as terminal:
        address = terminal.expect(r"address +(\S+)").group(1)
        for answer, status, reason in ((b"n\n", 1, "does not want it"), (b"\n", 1, "not want"),
                                       (b"y\n", 0, None)):
            sender = world.dial(address, file)
            question = terminal.expect(r"(12D3\S+)\s+wants to send 1 file, 5.0\skB, into \S+\s+\"a\"\s+"
                                       r"Take them\? \[y/N\] ")
            check(len(question.group(1)) > 40, question.group(0))
            terminal.write(answer)
            sender.wait(status, reason)
        terminal.expect("1 file received")
        check(terminal.wait() == 0, "the receiver failed")
    check_same(world.path("source"), world.path("target"))


@case
def test_prompt_names(world):
    """a receiver on a terminal is told of the names at the top, above all of those with a dot"""
    for name in (*(f"file {number}" for number in range(12)), "tree/a", ".profile", ".b/c"):
        world.write(name, b"x" * 100)
    receive = ["receive", "--listen", "/ip4/127.0.0.1/tcp/0", "--into", world.path("target")]
    with Terminal(world, *receive) as terminal:
        address = terminal.expect(r"address +(\S+)").group(1)
        sender = world.dial(address, *(world.path("source", name) for name in sorted(os.listdir(world.path("source")))))
        terminal.expect(r"wants to send 15 files, 1.5\skB, into \S+\n(  \"file \d+\"\n){10}  and 3 more\n"
                        r"with 2 folders or symbolic links\nPrograms .*begin with a dot:\n"
                        r"  \"\.b\"\n  \"\.profile\"\nTake them\? \[y/N\] ")
        terminal.write(b"y\n")
        sender.wait(0)
        check(terminal.wait() == 0, "the receiver failed")
    check_same(world.path("source"), world.path("target"))


@case
def test_many_names(world):
    """more names than a frame has room for"""
    paths = [world.write(f"{number:03}{'x' * 250}", b"") for number in range(120)]
    transfer(world, *paths)
    check_same(world.path("source"), world.path("target"))
    result = subprocess.run([world.lp2p, "send", *[world.path("source")] * 4097], env=world.env,
                            capture_output=True, text=True, timeout=60)
    check(result.returncode == 1 and "more than 4096 files" in result.stderr, result.stderr[-500:])


@case
def test_prompt_once(world):
    """who got a no is not asked about again"""
    file = world.write("a", b"x")
    stranger, stranger_id = world.make_id("stranger")
    friend, friend_id = world.make_id("friend")
    receive = ["receive", "--listen", "/ip4/127.0.0.1/tcp/0", "--into", world.path("target")]
    with Terminal(world, *receive) as terminal:
        address = terminal.expect(r"address +(\S+)").group(1)
        first = world.dial(address, "--identity", stranger, file)
        terminal.expect(stranger_id + r"\s+wants to send")
        terminal.write(b"n\n")
        first.wait(1, "does not want it")
        world.dial(address, "--identity", stranger, file).wait(1, "does not want it")
        last = world.dial(address, "--identity", friend, file)
        check(stranger_id not in terminal.expect(r"(?s).*?" + friend_id).group(0), "the same question came again")
        terminal.expect(r"Take them")
        terminal.write(b"y\n")
        last.wait(0)
        check(terminal.wait() == 0, "the receiver failed")


@case
def test_prompt_withdrawn(world):
    """a sender that goes is not asked about any more"""
    file = world.write("a", b"x")
    receive = ["receive", "--listen", "/ip4/127.0.0.1/tcp/0", "--into", world.path("target")]
    with Terminal(world, *receive) as terminal:
        address = terminal.expect(r"address +(\S+)").group(1)
        sender = world.dial(address, file)
        terminal.expect(r"Take them\? \[y/N\] ")
        sender.signal(signal.SIGINT)
        sender.wait(1, "interrupted")
        terminal.expect("took the offer back|ended|reset|lost")
        terminal.write(b"\x03")
        check(terminal.wait() == 1, "an interrupt is no success")


# What is white of a character that stands for two modules, the upper one and the lower one.
HALVES = {" ": (0, 0), "\u2584": (0, 255), "\u2580": (255, 0), "\u2588": (255, 255)}
CODE_LINE = rf"\033\[97;40m([{''.join(HALVES)}]+)\033\[0m\n"


def draw(lines, path, scale=4):
    """What a black terminal shows of a code, as an image."""
    rows = []
    for line in lines:
        for half in (0, 1):
            row = bytes(HALVES[character][half] for character in line for _ in range(scale))
            rows += [row.center(len(row) + 20 * scale, b"\0")] * scale
    margin = [bytes(len(rows[0]))] * 10 * scale
    rows = [*margin, *rows, *margin]
    with open(path, "wb") as image:
        image.write(b"P5 %d %d 255\n" % (len(rows[0]), len(rows)) + b"".join(rows))


TICKET_LINE = r"lp2p receive (lp2p:\S+)\n"


@case
def test_code(world):
    """the QR code on a terminal is the ticket, which comes last"""
    if shutil.which("zbarimg") is None:
        raise Skip("missing: zbarimg")
    file = world.write("a", b"x")
    with Terminal(world, "send", file) as sender:
        first = sender.expect(CODE_LINE).group(1)
        # As high as it is wide.
        rest = sender.expect(f"(?:{CODE_LINE}){{{(len(first) - 1) // 2}}}").group(0)
        ticket = sender.expect(TICKET_LINE).group(1)
        sender.write(b"\x03")
        check(sender.wait() == 1, "an interrupt is no success")
        check("\033[97" not in sender.text, f"more follows the ticket: {sender.text!r}")
    lines = [first, *re.findall(CODE_LINE, rest)]
    draw(lines, world.path("code.pgm"))
    found = subprocess.run(["zbarimg", "--quiet", "--raw", "--nodbus", world.path("code.pgm")],
                           capture_output=True, text=True, timeout=60)
    check(found.stdout.strip() == ticket, f"expected {ticket}, found {found}")


@case
def test_code_room(world):
    """a terminal that is too small for the QR code tells what would do, and that does"""
    send = ["send", "--listen", LOOPBACK, world.write("a", b"x")]

    def show(columns, lines, *options):
        with Terminal(world, *send, *options, columns=columns, lines=lines) as sender:
            # What comes before the ticket, and with it.
            return sender.expect(f"(?s).*{TICKET_LINE}").group(0)

    hint = r"A terminal with (\d+) columns and (\d+) lines shows the ticket as a QR code"
    for columns, lines in (80, 24), (20, 200), (0, 0):
        shown = show(columns, lines)
        match = re.search(hint, shown)
        check(match and "\033[97" not in shown, f"{columns} x {lines}: {shown!r}")
        columns, lines = int(match.group(1)), int(match.group(2))
        check(re.search(CODE_LINE, show(columns, lines)), f"no code on {columns} x {lines}")
    shown = show(80, 24, "--no-qr")
    check(not re.search(hint, shown), f"--no-qr: {shown!r}")


@case
def test_progress(world):
    """progress on a terminal, and Ctrl-C"""
    file = make_large(world, 1024 * MIB)
    with Terminal(world, "send", "--listen", "/ip4/127.0.0.1/tcp/0", file) as sender:
        ticket = sender.expect(r"lp2p receive (lp2p:\S+)").group(1)
        receiver = world.receive(ticket)
        receiver.wait_event("progress")
        sender.expect(r"\[[#-]{20}\] \d+ %  \S+\s\S+ of 1.1\sGB  \S+\s\S+/s  \S+ left  a")
        sender.write(b"\x03")
        sender.expect("interrupted; the same transfer begun again goes on")
        check(sender.wait() == 1, "an interrupt is no success")
        receiver.wait(1)
    sender, ticket = world.send(file)
    with Terminal(world, "receive", "--into", world.path("target"), ticket) as receiver:
        receiver.expect(r"\[[#-]{20}\] \d+ %  \S+\s\S+ of 1.1\sGB  \S+\s\S+/s  \S+ left  a")
        receiver.write(b"\x03")
        receiver.expect("interrupted; the same transfer begun again goes on")
        check(receiver.wait() == 1, "an interrupt is no success")
    receiver = world.receive(ticket)
    receiver.wait(0)
    sender.wait(0)
    check(any(event["type"] == "resume" for event in receiver.events), "it began anew")
    check_same(world.path("source"), world.path("target"))


@case
def test_unread(world):
    """who prints to a pipe that nobody reads leaves out progress, no result, and does not wait"""
    # A pipe with room for few lines of paths that are long.
    unread = {"unread": True, "pipesize": 16384}
    name = "/".join(letter * 200 for letter in "abcdefghij")
    os.truncate(world.write(name, b""), 256 * MIB)
    folder = world.path("source", name.split("/", maxsplit=1)[0])
    friend, friend_id = world.make_id("friend")
    sender, ticket = world.send(folder)
    receivers = [(world.receive(ticket, target="fetched", **unread), sender)]
    receiver, address = world.listen("--allow", friend_id)
    receivers.append((world.dial(address, "--identity", friend, folder, **unread), receiver))
    for quiet, other in receivers:
        quiet.wait(0)
        other.wait(0)
        types = [event["type"] for event in quiet.events]
        check([kind for kind in types if kind != "progress"] == ["begin", "file", "final"], types)
        check(0 < types.count("progress") < other.events[-1]["bytes"] // (16 * MIB), types)


@case
def test_usage(world):
    """wrong usage"""
    file = world.write("a", b"x")
    world.dial("nonsense", file).wait(2, "nonsense")
    world.dial("/ip4/127.0.0.1/tcp/1", file).wait(3)
    world.dial("/ip4/127.0.0.1/tcp/1", world.path("missing")).wait(1, "missing: No such file")
    for arguments, reason in ((["--follow", "--links", file], "exclude"),
                              (["--expire", "0", file], "expires"),
                              (["--timeout", "0", file], "timeout"),
                              (["--to", "/ip4/127.0.0.1/tcp/1", "--listen", "/memory/1", file],
                               "--listen"),
                              (["/"], "no name"), ([file, world.path("source/../source/a")],
                                                   "two of the files")):
        status = 1 if reason in ("no name", "two of the files") else 2
        result = subprocess.run([world.lp2p, "send", *arguments], env=world.env,
                                capture_output=True, text=True, timeout=60)
        check(result.returncode == status and reason in result.stderr,
              f"{arguments}: {result.returncode} {result.stderr}")


def main():
    word = sys.argv[2] if len(sys.argv) > 2 else ""
    report = Report()
    for function in CASES:
        if word not in function.__name__:
            continue
        world = World(BUILD, tempfile.mkdtemp(prefix="lp2p-send."))
        started = time.monotonic()
        try:
            report.run(function, world)
        finally:
            world.close()
        print(f"# {function.__name__}: {time.monotonic() - started:.1f} s", flush=True)
    return report.status


if __name__ == "__main__":
    sys.exit(main())
