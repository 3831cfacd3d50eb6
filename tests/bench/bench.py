#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Speed and memory of lp2p on this machine, beside raw loops over one socket and
beside go-libp2p and rust-libp2p, each with itself, in the same run; over WebSocket
beside js-libp2p too, and beside our own TCP.

Values are medians of alternating runs, ratios medians of the ratios of each run.
"CPU" is that of both sides. "heap" is what malloc() has given out, "private" are
the pages that no other process shares.

With --tries, a bench is measured again where a gate is missed. Whatever else the
machine does only ever lowers a rate and raises a time, the heap or a number of
round trips: the better value of the same run in two tries is nearer to what it is.
Both sides of a ratio keep their better value for themselves, the best ratio would
be the one whose other side was disturbed most. So a gate that holds at once is
not yet believed where half of the runs of what ours is compared with were more
than 5 % below their best. Parts of a shared line move both ways and keep what
the first try found.
"""

import argparse
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from measure import MIB  # noqa: E402
from rows import OURS, rows_of  # noqa: E402
import expected  # noqa: E402
import gates  # noqa: E402
import gating  # noqa: E402
import measure  # noqa: E402
import quic  # noqa: E402
import results  # noqa: E402
import sending  # noqa: E402
import websocket  # noqa: E402

BENCHES = {**measure.BENCHES, **websocket.BENCHES, **quic.BENCHES, "send": sending.send}
# Flows that share a line take ten seconds to find their parts of it.
SIZES = {
    "quick": {"runs": 1, "bytes": 16 * MIB, "connects": 64, "idle": 500, "foreign_idle": 20,
              "link_runs": 1, "link_bytes": 16 * MIB, "shared_bytes": 2 * MIB,
              "js_bytes": 2 * MIB, "js_connects": 8},
    "normal": {"runs": 7, "bytes": 128 * MIB, "connects": 256, "idle": 1000, "foreign_idle": 100,
               "link_runs": 3, "link_bytes": 256 * MIB, "shared_bytes": 32 * MIB,
               "js_bytes": 16 * MIB, "js_connects": 64},
    "full": {"runs": 7, "bytes": 256 * MIB, "connects": 256, "idle": 5000, "foreign_idle": 200,
             "link_runs": 3, "link_bytes": 512 * MIB, "shared_bytes": 32 * MIB,
             "js_bytes": 32 * MIB, "js_connects": 64},
}


def collect(context, wanted, tries):
    samples = []
    for name in wanted:
        for best in gating.tries_of(name, BENCHES[name], context, wanted[name], tries):
            pass
        samples += best
    return rows_of(samples)


def print_table(rows, prefix=""):
    print(f"{prefix}{'bench':<21} {'stack':<18} {'peer':<17} {'metric':<29} {'value':>10} unit")
    for r in rows:
        stack = f"{r['transport']}/{r['security']}/{r['muxer']}"
        print(f"{prefix}{r['bench']:<21} {stack:<18} {r['peer']:<17} {r['metric']:<29} "
              f"{r['value']:>10.3f} {r['unit']}")


def print_gates(rows, wanted):
    """Returns whether all gates hold; goals are only told."""
    found, goals = gates.judge(rows, wanted)
    for gate in found:
        print(f"{'PASS' if gate.holds else 'MISS'} {gate}")
    for what, reason in gates.left_out(wanted):
        print(f"skip {what}: {reason}")
    for goal in goals:
        print(f"goal {'reached' if goal.holds else 'not yet'}: {goal}")
    return all(gate.holds for gate in found)


def check(build):
    """TAP: whether the rows come out, and whether idle connections are small."""
    notes = []
    samples = []
    context = measure.Context(build, SIZES["quick"], notes.append)
    for name, bench in BENCHES.items():
        samples += gating.forgiving(name, bench)(context)
    rows = rows_of(samples)
    found = {(r["bench"], (r["transport"], r["security"], r["muxer"]), r["metric"]): r["value"]
             for r in rows if r["peer"] == OURS}
    small = [gate for gate in gates.judge(rows)[0] if gate.what.startswith("idle")]
    wanted = list(expected.quick_rows(build))
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


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is less than 1")
    return value


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
    parser.add_argument("--runs", type=positive, metavar="N", help="alternating runs (7)")
    parser.add_argument("--gate", action="store_true",
                        help="end with 1 when a gate does not hold, or was not measured though it can be here")
    parser.add_argument("--tries", type=positive, default=1, metavar="N",
                        help="measure a bench up to N times where a gate is missed (1)")
    parser.add_argument("--tap", action="store_true",
                        help="print TAP, a case for each gate, and measure nothing that no gate looks at")
    parser.add_argument("--minutes", type=positive, default=18, metavar="N",
                        help="with --tap: give up after N minutes (18)")
    parser.add_argument("--goals", action="store_true", help="with --tap: goals are gates too")
    parser.add_argument("--write", action="store_true", help="write data/docs/results.md")
    parser.add_argument("--check", action="store_true",
                        help="print TAP of a quick run: only whether all rows come out and memory is small")
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    if args.check:
        return check(build)

    chosen = dict(SIZES["quick" if args.quick else "full" if args.full else "normal"])
    chosen["runs"] = args.runs or chosen["runs"]
    names = dict.fromkeys(args.only or BENCHES)
    if args.tap:
        return gating.run(build, chosen, {name: BENCHES[name] for name in names}, args.tries, args.minutes, args.goals)
    load = os.getloadavg()[0]
    try:
        context = measure.Context(build, chosen, lambda note: print(note, file=sys.stderr))
        wanted = {name: expected.gate_rows(context, name) for name in names}
        rows = collect(context, wanted, args.tries)
    except (RuntimeError, ValueError, subprocess.SubprocessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print_table(rows)
    hold = print_gates(rows, {key: reason for keys in wanted.values() for key, reason in keys.items()})
    if args.json:
        write_json(rows, args.json)
    if args.write:
        results.write(rows, chosen, (load, os.getloadavg()[0]))
    return 1 if args.gate and not hold else 0


if __name__ == "__main__":
    sys.exit(main())
