# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cases of the suite send: a side that vanishes, or says nothing more."""

import os
import random
import re
import signal
import subprocess

from sides import FULL, LONG, MIB, case, check, list_target, make_large, read

# What a side says that is left alone; which of the two depends on what the system still had for it.
GONE = r"yamux: (the peer ended the connection|the connection failed: .*Connection reset by peer)"


def start_hostile(world, *arguments):
    """A side that listens; where."""
    process = subprocess.Popen([world.hostile, *map(str, arguments)], env=world.env, stdout=subprocess.PIPE, text=True)
    world.sides.append(Helper(process))
    return process, process.stdout.readline().strip()


class Helper:
    """What a world ends with itself."""

    def __init__(self, process):
        self.process = process

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()


def expect_error(side, reason):
    """What it prints, and tells programs, about the end of a transfer."""
    events = [event["reason"] for event in side.events if event["type"] == "error"]
    check(len(events) == 1 and re.fullmatch(reason, events[0]), f"{side.name}: {events}, expected {reason}")
    check(side.err() == f"lp2p: {side.name}: {events[0]}\n", side.err())


@case
def test_cut_sender(world):
    """a sender that vanishes at any byte leaves no file that is not whole"""
    key, peer = world.make_id("hostile")
    receiver, address = world.listen("--allow", peer)
    size = int(subprocess.run([world.hostile, "cut"], capture_output=True, text=True, check=True).stdout)
    for number in [*range(random.randrange(4), size, 1 if FULL else 4), size]:
        subprocess.run([world.hostile, "cut", address, key, f"{number:03}"], env=world.env, check=True, timeout=60)
    receiver.wait(0)
    files = list_target(world)
    check(f"{size:03}" in files, files)
    for name in files:
        check(read(world.path("target", name)) == b"data", f"cut at byte {name}: a part is there")


@case
def test_cut_chunks(world):
    """a receiver whose sender vanishes in the middle of a large file says so"""
    chunk = MIB + 40
    numbers = [0, 1, 9, 17, 30, chunk - 1, chunk, chunk + 20, 3 * chunk + random.randrange(chunk), 9 * MIB]
    for number in numbers:
        _, ticket = start_hostile(world, "offer", number, "gone")
        receiver = world.receive(ticket)
        receiver.wait(1)
        expect_error(receiver, GONE)
        check(not list_target(world), f"cut at byte {number}: a part is there")


def cut_receiver(world, file, n_read, n_said):
    """Whether the receiver had all, and said so, before it vanished."""
    hostile, address = start_hostile(world, "take", n_read, n_said, "gone")
    sender = world.dial(address, file)
    sender.wait()
    whole = hostile.communicate(timeout=LONG)[0].startswith("whole\n")
    status = sender.process.returncode
    check(status == (0 if whole else 1), f"cut at byte {n_read} and {n_said}: whole {whole}, status {status}")
    if not whole:
        expect_error(sender, GONE)
    return whole


@case
def test_cut_receiver(world):
    """a sender whose receiver vanishes at any byte says so, and none is taken for the end"""
    file = world.write("a", b"data")
    many = 1 << 20
    n_read = n_said = 0
    while not cut_receiver(world, file, n_read, many):
        n_read += 1 if FULL else random.randrange(1, 5)
    while not cut_receiver(world, file, many, n_said):
        n_said += 1
    # An offer, an entry, a file and its end; and what is answered to them.
    check(n_read > 60 and n_said > 8, f"all of it were {n_read} bytes, and {n_said}")
    large = make_large(world, 8 * MIB)
    for number in (MIB - 1, MIB + 100, 5 * MIB + random.randrange(MIB)):
        check(not cut_receiver(world, large, number, many), f"the whole file were {number} bytes")


def make_fast(world):
    """A minute takes two seconds, for whatever is started then. Nor does the connection find
    out by itself that its peer says nothing."""
    config = world.path("fast.conf")
    with open(config, "w", encoding="utf-8") as out:
        out.write("[plugin yamux]\nkeepalive-interval=0\n")
    world.env["LD_PRELOAD"] = os.path.join(world.build, "tests/fixtures/fast-clock.so")
    world.env["LP2P_FAST_CLOCK"] = "30"
    # The sanitizers want to be first, and are not.
    world.env["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    return ["--config", config]


@case
def test_silent(world):
    """a peer that says nothing for a minute is given up"""
    file = world.write("a", b"data")
    large = make_large(world, 64 * MIB)
    many = 1 << 20
    # At the offer, at the content, at the result, and where it takes no more of the content.
    takes = [(file, 0, many), (file, 60, many), (file, many, 9), (large, MIB, many)]
    for path, n_read, n_said in takes:
        _, address = start_hostile(world, "take", n_read, n_said, "silent")
        sender = world.dial(address, *make_fast(world), path)
        del world.env["LD_PRELOAD"]
        sender.wait(5)
        expect_error(sender, "the peer has been silent for 60 s")
    for number in (0, 30, 3 * MIB):
        _, ticket = start_hostile(world, "offer", number, "silent")
        receiver = world.receive(*make_fast(world), ticket)
        del world.env["LD_PRELOAD"]
        receiver.wait(5)
        expect_error(receiver, "the peer has been silent for 60 s")
        check(not list_target(world), "a part is there")


@case
def test_interrupt_stuck(world):
    """an interrupt ends a sender whose peer takes nothing"""
    hostile, address = start_hostile(world, "take", MIB, MIB, "silent")
    sender = world.dial(address, make_large(world))
    sender.wait_event("begin")
    check(hostile.stdout.readline() == "silent\n", "it read more than it should")
    sender.signal(signal.SIGINT)
    sender.wait(1)
    expect_error(sender, "interrupted; the same transfer begun again goes on where this one ended")
