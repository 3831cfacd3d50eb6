# SPDX-License-Identifier: LGPL-2.1-or-later
"""Exit status and JSON of every command, one row for each way to end."""

import contextlib
import json
import os
import socket

from cases import (ANOTHER_PEER, COMMANDS, LONG, LOOPBACK, Failure, Result, case, check, read_line,
                   stop)

# What stands for an address: of a listener, of nobody, of another peer than the one that
# is there, and of somebody who says nothing.
GOOD, NOBODY, WRONG, SILENT = "GOOD", "NOBODY", "WRONG", "SILENT"
QUICK = ["--timeout", "0.5"]

# The arguments, the exit status, and how it is told: OBJECTS on standard output, a LINE on
# standard error, or BOTH. A command that RUNS is interrupted after its first object.
OBJECTS, LINE, BOTH, RUNS = "objects", "line", "both", "runs"
TABLE = [
    (["config", "host"], 0, OBJECTS),
    (["config", "no-such"], 1, LINE),
    (["config", "--schema"], 2, LINE),
    (["demo", "--size", "1"], 0, OBJECTS),
    (["demo", "--config", "NOTHING"], 1, LINE),
    (["demo", "--size", "0"], 2, LINE),
    (["doctor"], 0, OBJECTS),
    (["doctor", "--config", "BROKEN"], 1, OBJECTS),
    (["doctor", "one", "two"], 2, LINE),
    (["doctor", GOOD], 0, OBJECTS),
    (["doctor", NOBODY], 3, OBJECTS),
    (["doctor", WRONG], 4, OBJECTS),
    (["doctor", *QUICK, SILENT], 5, OBJECTS),
    (["forward", "--serve", "web=tcp:127.0.0.1:1", "--allow", ANOTHER_PEER, "--listen", LOOPBACK], 0, RUNS),
    (["forward", "--from", "unix:/dev/null/socket", "--to", GOOD + "/web"], 1, LINE),
    (["forward"], 2, LINE),
    (["id", "--make"], 0, OBJECTS),
    (["id", "--file", "missing"], 1, LINE),
    (["id", "more"], 2, LINE),
    (["identify", GOOD], 0, OBJECTS),
    (["identify"], 2, LINE),
    (["identify", NOBODY], 3, LINE),
    (["identify", WRONG], 4, LINE),
    (["identify", *QUICK, SILENT], 5, LINE),
    (["inspect"], 0, OBJECTS),
    (["inspect", "no-such"], 1, LINE),
    (["inspect", "--config", "NOTHING"], 1, OBJECTS),
    (["inspect", "one", "two"], 2, LINE),
    (["listen", LOOPBACK], 0, RUNS),
    (["listen", "/ip4/192.0.2.1/tcp/1"], 1, LINE),
    (["listen", "nonsense"], 2, LINE),
    (["perf", "-u", "1", "-d", "1", GOOD], 0, OBJECTS),
    (["perf"], 2, LINE),
    (["perf", NOBODY], 3, LINE),
    (["perf", WRONG], 4, LINE),
    (["perf", *QUICK, SILENT], 5, LINE),
    (["ping", "-c", "1", GOOD], 0, OBJECTS),
    (["ping"], 2, LINE),
    (["ping", NOBODY], 3, LINE),
    (["ping", WRONG], 4, LINE),
    (["ping", *QUICK, SILENT], 5, LINE),
    (["receive", "--into", "/dev/null/folder", "--allow", ANOTHER_PEER], 1, LINE),
    (["receive"], 2, LINE),
    (["receive", "--into", "target", "--listen", LOOPBACK, "--allow", ANOTHER_PEER], 1, RUNS),
    (["send", "--to", GOOD, "missing"], 1, LINE),
    (["send"], 2, LINE),
    (["send", "--to", NOBODY, "file"], 3, LINE),
    (["send", "--to", WRONG, "file"], 4, LINE),
    (["send", *QUICK, "--to", SILENT, "file"], 5, LINE),
    (["status"], 0, OBJECTS),
    (["status", "--nonsense"], 2, LINE),
]


def read_objects(text):
    for line in text.splitlines():
        check(isinstance(json.loads(line), dict), f"no JSON object: {line!r}")


def interrupt(world, arguments):
    """A command that runs until it is told to end."""
    with world.running(*arguments) as process:
        first = read_line(process)
        result = stop(process)
    return Result(process, first + result.out, result.err)


def check_row(world, arguments, status, told):
    arguments = [arguments[0], "--json", *arguments[1:]]
    result = interrupt(world, arguments) if told == RUNS else world.run(*arguments)
    check(result.status == status, f"expected status {status}, got {result}")
    read_objects(result.out)
    check(bool(result.out) == (told != LINE), f"expected {told}, got {result}")
    if told == LINE:
        check(result.err and all(line.startswith("lp2p: ") for line in result.err.splitlines()),
              f"expected lines for people, got {result}")
    elif status == 0:
        check(not result.err, f"expected nothing on standard error, got {result}")


@contextlib.contextmanager
def addresses(world):
    with world.listener("--service", "perf", LOOPBACK) as ready, socket.create_server(("127.0.0.1", 0)) as silent, \
            socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        good = ready["addresses"][0]
        yield {GOOD: good, WRONG: good.partition("/p2p/")[0] + "/p2p/" + ANOTHER_PEER,
               NOBODY: f"/ip4/127.0.0.1/tcp/{nobody.getsockname()[1]}",
               SILENT: f"/ip4/127.0.0.1/tcp/{silent.getsockname()[1]}"}


def fill_in(argument, words):
    for word, value in words.items():
        argument = argument.replace(word, value)
    return argument


@case
def test_every_status(world):
    """every command: its exit status, and JSON alone with --json"""
    check({row[0][0] for row in TABLE} == set(COMMANDS), "the table has other commands")
    world.write("file", "text")
    files = {"NOTHING": world.write("nothing.conf", "[host]\ntransports=['no-such']\n"),
             "BROKEN": world.write("broken.conf", "[host]\nno-such=1\n")}
    problems = []
    with addresses(world) as found:
        for arguments, status, told in TABLE:
            filled = [fill_in(argument, {**found, **files}) for argument in arguments]
            try:
                check_row(world, filled, status, told)
            except (Failure, ValueError) as error:
                problems.append(f"{' '.join(arguments)}: {error}")
    world.env["XDG_RUNTIME_DIR"] = world.make("empty")
    os.chmod(world.path("empty"), 0o700)
    world.run("status", "--json").expect(1)
    check(not problems, "; ".join(problems))


@case
def test_transfer_status(world):
    """send and receive: exit status and JSON of both sides"""
    world.write("file", "text")
    with world.running("send", "--json", "--listen", LOOPBACK, "file") as sender:
        first = read_line(sender)
        ticket = json.loads(first)["ticket"]
        check_row(world, ["receive", "--into", "target", ticket], 0, OBJECTS)
        out, err = sender.communicate(timeout=LONG)
        read_objects(Result(sender, first + out, err).expect(0).out)
    check_row(world, ["receive", "--into", "target", ticket], 3, LINE)
