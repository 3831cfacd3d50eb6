# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cases of the suite send: what changes at either side while a transfer goes on."""

import os
import signal
import stat

from sides import MIB, case, check, check_same, describe, make_large, read, transfer


def stop_in_the_middle(world, *paths):
    """A transfer whose receiver stands still, so that the sender does not come to its end."""
    sender, ticket = world.send(*paths)
    receiver = world.receive(ticket)
    sender.wait_event("progress")
    receiver.signal(signal.SIGSTOP)
    return sender, receiver


@case
def test_source_changes(world):
    """a file that grows, shrinks or vanishes while it is sent"""
    file = make_large(world)
    world.write("b/other", b"data")
    for change, expected in ((MIB, "changed"), (-255 * MIB, "changed")):
        sender, receiver = stop_in_the_middle(world, file, world.path("source/b"))
        size = os.path.getsize(file)
        os.truncate(file, size + change)
        receiver.signal(signal.SIGCONT)
        receiver.wait(1, expected)
        sender.wait(1, expected)
        check(not os.path.exists(world.path("target/a")), "a file that changed is there")
        check(os.path.exists(world.path("target/b/other")), "the other file is missing")
        os.truncate(file, 256 * MIB)
    sender, receiver = stop_in_the_middle(world, file, world.path("source/b"))
    os.unlink(world.path("source/b/other"))
    os.unlink(world.path("target/b/other"))
    receiver.signal(signal.SIGCONT)
    receiver.wait(1, "No such file")
    sender.wait(1, "No such file")
    check(not os.listdir(world.path("target/b")), "what is gone is there")
    check(describe(world.path("target"))[b"a"] == describe(world.path("source"))[b"a"], "a differs")


@case
def test_source_rewritten(world):
    """a file that is written to while it is sent, and keeps its size"""
    file = make_large(world)
    sender, receiver = stop_in_the_middle(world, file)
    with open(file, "r+b") as opened:
        opened.write(b"x")
    receiver.signal(signal.SIGCONT)
    receiver.wait(1, "a: the sender says: it changed while it was being sent")
    sender.wait(1, "a: it changed while it was being sent; sending it again begins it anew")
    check(not os.listdir(world.path("target")), "a file that changed is there")
    transfer(world, file)
    check_same(world.path("source"), world.path("target"))


@case
def test_source_kinds(world):
    """a file that becomes a pipe, a link or a folder before its turn comes"""
    file = make_large(world)
    names = ("pipe", "link", "folder", "linked/file")
    for name in (*names, "still"):
        world.write(f"b/{name}", b"data")
    sender, receiver = stop_in_the_middle(world, file, world.path("source/b"))
    for name in names[:-1]:
        os.unlink(world.path("source/b", name))
    os.mkfifo(world.path("source/b/pipe"))
    os.symlink("still", world.path("source/b/link"))
    os.mkdir(world.path("source/b/folder"))
    os.rename(world.path("source/b/linked"), world.path("source/elsewhere"))
    os.symlink("../elsewhere", world.path("source/b/linked"))
    receiver.signal(signal.SIGCONT)
    receiver.wait(1)
    sender.wait(1)
    for side, says in ((sender, ""), (receiver, "the sender says: ")):
        for name, reason in (("pipe", "it is no file any more"), ("folder", "it is no file any more"),
                             ("link", "a symbolic link is in the way"),
                             ("linked/file", "a symbolic link is in the way")):
            check(f"b/{name}: {says}{reason}\n" in side.err(), f"{side.name}: {name}: {side.err()}")
    arrived = set(os.listdir(world.path("target/b"))) - {"linked"}
    check(arrived == {"still"}, arrived)
    check(read(world.path("target/b/still")) == b"data", "the other file did not arrive")


@case
def test_target_appears(world):
    """what appears in the target while a file comes is not replaced"""
    file = make_large(world)
    for name in ("file", "pipe", "link", "free"):
        world.write(f"b/{name}", b"theirs")
    sender, receiver = stop_in_the_middle(world, file, world.path("source/b"))
    os.makedirs(world.path("target/b"), exist_ok=True)
    paths = [world.path("target", name) for name in ("a", "b/file", "b/pipe", "b/link")]
    for path in paths[:2]:
        with open(path, "wb") as out:
            out.write(b"mine")
    os.mkfifo(paths[2])
    os.symlink("elsewhere", paths[3])
    before = [os.lstat(path) for path in paths]
    receiver.signal(signal.SIGCONT)
    receiver.wait(1)
    sender.wait(1, "a: 4 files could not be stored by the receiver, which tells why")
    for path, was in zip(paths, before):
        check(f"{os.path.relpath(path, world.path('target'))}: File exists\n" in receiver.err(), receiver.err())
        found = os.lstat(path)
        check((was.st_ino, was.st_size, was.st_mtime_ns) == (found.st_ino, found.st_size, found.st_mtime_ns),
              f"{path}: {was} became {found}")
        os.unlink(path)
    check(read(world.path("target/b/free")) == b"theirs", "the other file did not arrive")
    # Nothing is in the way now, and what is large has not to come again.
    _, receiver = transfer(world, file, world.path("source/b"))
    check(receiver.events[-1]["bytes"] == 3 * len("theirs"), receiver.events[-1])
    check_same(world.path("source"), world.path("target"))


@case
def test_target_pipe(world):
    """a pipe that has the name of a file is neither read nor replaced"""
    file = world.write("a", b"data")
    os.mkfifo(world.path("target/a"))
    for options in ([], ["--overwrite"]):
        _, receiver = transfer(world, file, receive=options, statuses=(1, 1))
        check("a: something that is no file has that name" in receiver.err(), receiver.err())
        check(stat.S_ISFIFO(os.stat(world.path("target/a")).st_mode), "the pipe is gone")


@case
def test_source_replaced(world):
    """a file that is another one when the transfer goes on begins anew"""
    file = make_large(world)
    sender, ticket = world.send(file)
    receiver = world.receive(ticket)
    receiver.wait_event("progress")
    receiver.kill()
    sender.kill()
    status = os.stat(file)
    with open(file, "r+b") as opened:
        opened.write(b"x")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    _, receiver = transfer(world, file)
    check(receiver.events[-1]["bytes"] == 256 * MIB, receiver.events[-1])
    check_same(world.path("source"), world.path("target"))


