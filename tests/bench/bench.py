#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Speed and memory of lp2p on this machine, beside raw loops over one socket and
beside go-libp2p and rust-libp2p, each with itself, in the same run; over WebSocket
beside js-libp2p too, and beside our own TCP.

Values are medians of alternating runs, ratios medians of the ratios of each run.
"CPU" is that of both sides. "heap" is what malloc() has given out, "private" are
the pages that no other process shares.
"""

import argparse
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from measure import MIB  # noqa: E402
import gates  # noqa: E402
import measure  # noqa: E402
import quic  # noqa: E402
import results  # noqa: E402
import sending  # noqa: E402
import websocket  # noqa: E402

BENCHES = {**measure.BENCHES, **websocket.BENCHES, **quic.BENCHES, "send": sending.send}
SIZES = {
    "quick": {"runs": 1, "bytes": 16 * MIB, "connects": 64, "idle": 500, "foreign_idle": 20,
              "link_runs": 1, "link_bytes": 16 * MIB, "js_bytes": 2 * MIB, "js_connects": 8},
    "normal": {"runs": 7, "bytes": 128 * MIB, "connects": 256, "idle": 1000, "foreign_idle": 100,
               "link_runs": 3, "link_bytes": 256 * MIB, "js_bytes": 16 * MIB, "js_connects": 64},
    "full": {"runs": 7, "bytes": 256 * MIB, "connects": 256, "idle": 5000, "foreign_idle": 200,
             "link_runs": 3, "link_bytes": 512 * MIB, "js_bytes": 32 * MIB, "js_connects": 64},
}


def collect(context, names):
    samples = []
    for name in names:
        samples += BENCHES[name](context)
    return gates.rows_of(samples)


def print_table(rows, prefix=""):
    print(f"{prefix}{'bench':<21} {'stack':<18} {'peer':<17} {'metric':<29} {'value':>10} unit")
    for r in rows:
        stack = f"{r['transport']}/{r['security']}/{r['muxer']}"
        print(f"{prefix}{r['bench']:<21} {stack:<18} {r['peer']:<17} {r['metric']:<29} "
              f"{r['value']:>10.3f} {r['unit']}")


def print_gates(rows):
    """Returns whether all gates hold; goals are only told."""
    found, goals = gates.judge(rows)
    for gate in found:
        print(f"{'PASS' if gate.holds else 'MISS'} {gate.what} {gate.value} {gate.sign} {gate.limit}")
    for goal in goals:
        print(f"goal {'reached' if goal.holds else 'not yet'}: "
              f"{goal.what} {goal.value} {goal.sign} {goal.limit}")
    return all(gate.holds for gate in found)


def expected_rows(build):
    """The rows of a quick run that need neither other peers nor privileges."""
    for stack in (*measure.STACKS, measure.QUIC_STACK, *websocket.STACKS):
        if os.path.exists(os.path.join(build, "plugins", f"{stack[0]}.plugin")):
            yield from stack_rows(stack)
    for place, _ in sending.places():
        for metric in ("throughput", "throughput / perf", "small files"):
            yield f"send, {place}", measure.STACKS[0], metric


def stack_rows(stack):
    beside = gates.beside("", stack)[0]
    for bench in measure.DIRECTIONS:
        for metric in ("throughput", "dialer CPU", "listener CPU", f"throughput / {beside}"):
            yield bench, stack, metric
    for metric in ("sequential", "64 parallel"):
        yield "connect", stack, metric
    for side in ("dialer", "listener"):
        yield "idle", stack, f"{side} heap"


def check(build):
    """TAP: whether the rows come out, and whether idle connections are small."""
    notes = []
    samples = []
    context = measure.Context(build, SIZES["quick"], notes.append)
    for name, bench in BENCHES.items():
        try:
            samples += bench(context)
        except (RuntimeError, ValueError, subprocess.SubprocessError) as reason:
            notes.append(f"{name}: {reason}")
    rows = gates.rows_of(samples)
    found = {(r["bench"], (r["transport"], r["security"], r["muxer"]), r["metric"]): r["value"]
             for r in rows if r["peer"] == gates.OURS}
    small = [gate for gate in gates.judge(rows)[0] if gate.what.startswith("idle")]
    wanted = list(expected_rows(build))
    print(f"1..{len(wanted) + 1}")
    failed = 0
    for number, row in enumerate(wanted, 1):
        ok = found.get(row, 0) > 0
        failed += not ok
        print(f"{'ok' if ok else 'not ok'} {number} {row[0]} {'/'.join(row[1])} {row[2]}")
    ok = bool(small) and all(gate.holds for gate in small)
    failed += not ok
    print(f"{'ok' if ok else 'not ok'} {len(wanted) + 1} idle connections are small")
    print_table(rows, "# ")
    for note in notes:
        print(f"# {note}")
    return 1 if failed else 0


def write_json(rows, name):
    with open(name, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(r) + "\n" for r in rows)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.path.join(HERE, "..", "..", "_build")
    parser.add_argument("--build", default=default, metavar="FOLDER", help="default: _build")
    parser.add_argument("--json", metavar="FILE", help="also write one JSON object per row")
    parser.add_argument("--only", action="append", choices=list(BENCHES), metavar="NAME",
                        help=f"one of {', '.join(BENCHES)}; may be repeated")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="one run of little: does it work")
    size.add_argument("--full", action="store_true", help="256 MiB and 5,000 connections")
    parser.add_argument("--runs", type=int, metavar="N", help="alternating runs (7)")
    parser.add_argument("--gate", action="store_true", help="end with 1 when a gate does not hold")
    parser.add_argument("--write", action="store_true", help="write data/docs/results.md")
    parser.add_argument("--check", action="store_true",
                        help="print TAP of a quick run: only whether all rows come out and memory is small")
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    if args.check:
        return check(build)

    chosen = dict(SIZES["quick" if args.quick else "full" if args.full else "normal"])
    chosen["runs"] = args.runs or chosen["runs"]
    load = os.getloadavg()[0]
    try:
        context = measure.Context(build, chosen, lambda note: print(note, file=sys.stderr))
        rows = collect(context, args.only or BENCHES)
    except (RuntimeError, ValueError, subprocess.SubprocessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print_table(rows)
    hold = print_gates(rows)
    if args.json:
        write_json(rows, args.json)
    if args.write:
        results.write(rows, chosen, (load, os.getloadavg()[0]))
    return 1 if args.gate and not hold else 0


if __name__ == "__main__":
    sys.exit(main())
