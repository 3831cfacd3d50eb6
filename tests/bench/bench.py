#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Throughput, memory and connections of lp2p on loopback, beside a plain socket
and beside go-libp2p with itself where its peer can be built.

Each side of a transfer has one processor, where there are two. "upload" and
"download" move zeros. "hashed upload" is the step `upload` of the interop peers,
the same for both: each side hashes what passes. There, CPU time is that of whole
processes, with their start. "heap" is what malloc() has given out, "private" are
the pages that no other process shares; both are what one connection adds.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
from peers import Listener, Missing, Peer, dial  # noqa: E402

MIB = 1024 * 1024
SHORT = {"bytes": 128 * MIB, "connections": 1000}
FULL = {"bytes": 1024 * MIB, "connections": 5000}
# The most that one idle connection may hold on one side.
IDLE_GOAL_KIB = 24

# One line for each stack.
STACKS = """
# transport security muxer
tcp         noise    yamux
"""
# Whose hashed uploads are compared.
PEERS = ("lp2p", "go")

TRANSFER = ("throughput", "dialer CPU", "listener CPU")
IDLE = ("connections", "dialer CPU", "dialer heap", "dialer private", "listener CPU",
        "listener heap", "listener private")
SECONDS = 600


def stacks():
    for line in STACKS.splitlines():
        if line.strip() and not line.startswith("#"):
            yield tuple(line.split())


def bench_host(build, command, size, stack):
    options = [f"--{key}={value}" for key, value in zip(("transport", "security", "muxer"), stack)]
    options += [f"--{key}={value}" for key, value in size.items()]
    done = subprocess.run(
        [os.path.join(build, "tests", "bench", "bench-host"), command, *options],
        env=dict(os.environ, LP2P_PLUGIN_PATH=os.path.join(build, "plugins")),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=SECONDS,
    )
    if done.returncode != 0:
        raise RuntimeError(f"bench-host {command} ended with status {done.returncode}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def pinned(side):
    """Runs a peer on a processor of its own."""
    cpus = sorted(os.sched_getaffinity(0))

    def popen(argv, **options):
        if len(cpus) > 1 and shutil.which("taskset"):
            argv = ["taskset", "-c", str(cpus[side]), *argv]
        return subprocess.Popen(argv, **options)

    return popen


def hashed_upload(peer, size, stack):
    options = [f"--{key}={value}" for key, value in zip(("transport", "security", "muxer"), stack)]
    with Listener(peer, options, pinned(0)) as listener:
        result = dial(
            peer,
            listener.address,
            [*options, "--steps=connect,upload", f"--upload-bytes={size['bytes']}"],
            SECONDS,
            pinned(1),
        )
        listener.stop()
    if result.reason("upload") is not None:
        raise RuntimeError(f"the upload of the peer {peer.name}: {result.reason('upload')}")

    gigabytes = size["bytes"] / 1e9
    figures = {
        "throughput": (size["bytes"] / result.steps["upload"]["ms"] / 1000, "MB/s"),
        "dialer CPU": ((result.usage.ru_utime + result.usage.ru_stime) / gigabytes, "s/GB"),
        "listener CPU": ((listener.usage.ru_utime + listener.usage.ru_stime) / gigabytes, "s/GB"),
    }
    keys = dict(zip(("transport", "security", "muxer"), stack))
    for metric, (value, unit) in figures.items():
        yield {"bench": "hashed upload", **keys, "peer": peer.name, "metric": metric,
               "value": round(value, 3), "unit": unit}


def measure(build, size, note):
    """All rows; note() is told what is left out."""
    for number, stack in enumerate(stacks()):
        if number == 0:
            yield from bench_host(build, "tcp", size, stack)
        yield from bench_host(build, "transfer", size, stack)
        for name in PEERS:
            peer = Peer(name, build, {"G_DEBUG": "", "G_SLICE": ""})
            try:
                peer.build()
            except Missing as reason:
                note(f"the peer {name} is left out: {reason}")
                continue
            yield from hashed_upload(peer, size, stack)
        yield from bench_host(build, "idle", size, stack)


def expected_rows():
    """The rows that a run without other peers has, too."""
    rows = [("raw-tcp", "none", metric) for metric in TRANSFER]
    for bench in ("upload", "download", "hashed upload"):
        rows += [(bench, "lp2p", metric) for metric in TRANSFER]
    return rows + [("idle", "lp2p", metric) for metric in IDLE]


def print_table(rows, prefix=""):
    print(f"{prefix}{'bench':<14} {'stack':<16} {'peer':<5} {'metric':<17} {'value':>10} unit")
    for row in rows:
        stack = "/".join(row[key] for key in ("transport", "security", "muxer"))
        print(f"{prefix}{row['bench']:<14} {stack:<16} {row['peer']:<5} {row['metric']:<17} "
              f"{row['value']:>10.3f} {row['unit']}")


def check(build):
    """TAP: whether the rows come out, and whether idle connections are small."""
    notes = []
    error = None
    rows = []
    try:
        rows = list(measure(build, SHORT, notes.append))
    except (RuntimeError, ValueError, subprocess.SubprocessError) as reason:
        error = reason
    found = {(row["bench"], row["peer"], row["metric"]): row["value"] for row in rows}
    wanted = expected_rows()
    print(f"1..{len(wanted) + 2}")
    failed = 0
    for number, row in enumerate(wanted, 1):
        ok = found.get(row, 0) > 0
        failed += not ok
        print(f"{'ok' if ok else 'not ok'} {number} {' '.join(row)}")
    for number, side in enumerate(("dialer", "listener"), len(wanted) + 1):
        value = found.get(("idle", "lp2p", f"{side} private"), float("inf"))
        ok = value <= IDLE_GOAL_KIB
        failed += not ok
        print(f"{'ok' if ok else 'not ok'} {number} {side} holds {value} KiB for an idle "
              f"connection, at most {IDLE_GOAL_KIB}")
    print_table(rows, "# ")
    for note in [*notes, *([error] if error else [])]:
        print(f"# {note}")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.path.join(HERE, "..", "..", "_build")
    parser.add_argument("--build", default=default, metavar="FOLDER", help="default: _build")
    parser.add_argument("--json", metavar="FILE", help="also write one JSON object per row")
    parser.add_argument("--full", action="store_true", help="1 GiB and 5,000 connections")
    parser.add_argument("--check", action="store_true",
                        help="print TAP: only whether all rows come out and memory is small")
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    if args.check:
        return check(build)

    try:
        rows = list(measure(build, FULL if args.full else SHORT,
                            lambda note: print(note, file=sys.stderr)))
    except (RuntimeError, subprocess.SubprocessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print_table(rows)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
