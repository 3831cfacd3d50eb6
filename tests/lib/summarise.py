#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Counts the test cases of tests/run.sh.

  summarise.py suites BUILD
      the meson suites of a build folder, "NAME COUNT" per line
  summarise.py suite NAME --tally FILE --seconds S
               [--testlog FILE --meson-status N] [--lines FILE --lines-status N]
      counts what one suite left behind, prints it, appends it to the tally;
      fails when a case failed
  summarise.py total FILE
      adds up the tally; the last line it prints is the result of the run

A test of meson that speaks TAP counts as its cases, any other as one. A suite
that is a script prints `ok NAME`, `not ok NAME: REASON` or `skip NAME: REASON`
per case. A reason to skip that begins with "missing:" names something the
machine lacks; where CI=true that is a failure.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field

LOG_LINES = 40

TAP_CASE = re.compile(
    r"^(?P<indent> *)(?P<not>not )?ok\b *(?P<number>\d*) *(?:- )?(?P<name>.*?)"
    r"(?: *# *(?P<directive>SKIP|TODO)\S*:? *(?P<reason>.*))?$",
    re.IGNORECASE,
)
TAP_PLAN = re.compile(
    r"^(?P<indent> *)1\.\.(?P<count>\d+)(?: *# *SKIP\S* *(?P<reason>.*))?$", re.IGNORECASE
)
SCRIPT_CASE = re.compile(r"^(?P<word>ok|not ok|skip) +(?P<name>.+?)(?:: +(?P<reason>.*))?$")


@dataclass
class Case:
    name: str
    result: str
    reason: str = ""


@dataclass
class Outcome:
    """The cases of one test or script, and its output."""

    name: str
    cases: list = field(default_factory=list)
    log: str = ""

    def add(self, name, result, reason=""):
        self.cases.append(Case(name, result, reason.strip()))

    def failed(self):
        return [case for case in self.cases if case.result == "failed"]


def in_ci():
    return os.environ.get("CI", "").lower() in ("true", "1")


def last_line(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def parse_tap(test, text):
    """The cases in the TAP output of a test, or None where it is no TAP.

    A line which sums up an indented block of cases is no case of its own,
    unless it failed and nothing in the block did.
    """
    outcome = Outcome(test, log=text)
    planned = None
    inner = {}  # indentation -> the results of the cases deeper than it
    for line in text.splitlines():
        plan = TAP_PLAN.match(line)
        if plan:
            if not plan["indent"]:
                planned = int(plan["count"])
                if planned == 0:
                    outcome.add(test, "skipped", plan["reason"] or "")
            continue
        if line.lower().startswith("bail out!"):
            outcome.add(test, "failed", line)
            continue
        match = TAP_CASE.match(line)
        if not match:
            continue

        depth = len(match["indent"])
        directive = (match["directive"] or "").upper()
        result = "failed" if match["not"] else "passed"
        if directive:
            result = "skipped"
        block = [r for d, results in inner.items() if d > depth for r in results]
        inner = {d: results for d, results in inner.items() if d <= depth}
        inner.setdefault(depth, []).append(result)
        if block and (result != "failed" or "failed" in block):
            continue
        name = match["name"] or match["number"] or "?"
        reason = match["reason"] or ("not finished" if directive == "TODO" else "")
        outcome.add(f"{test}: {name}", result, reason)

    if planned is None:
        return None
    if len(inner.get(0, [])) != planned and not outcome.failed():
        outcome.add(test, "failed", f"planned {planned} cases, ran {len(inner.get(0, []))}")
    return outcome


def parse_test(entry):
    """The outcome of one entry of meson's testlog.json."""
    # It is called "PROJECT:SUITE / NAME".
    name = entry["name"].rpartition(" / ")[2]
    result = entry["result"]
    stdout = entry.get("stdout") or ""
    stderr = entry.get("stderr") or ""

    outcome = parse_tap(name, stdout) or Outcome(name)
    outcome.log = stdout + stderr
    reason = f"{result.lower()}, exit status {entry.get('returncode')}"
    if result == "TIMEOUT":
        reason = f"timed out after {entry.get('duration', 0):.0f} s"

    if result in ("OK", "EXPECTEDFAIL"):
        if not outcome.cases:
            outcome.add(name, "passed")
    elif result == "SKIP":
        if not outcome.cases:
            outcome.add(name, "skipped", last_line(stdout) or last_line(stderr))
    elif not outcome.failed():
        outcome.add(name, "failed", reason)
    return outcome


def parse_testlog(path, status):
    outcomes = []
    try:
        with open(path, encoding="utf-8", errors="replace") as log:
            outcomes = [parse_test(json.loads(line)) for line in log if line.strip()]
    except FileNotFoundError:
        pass
    if status != 0 and not any(outcome.failed() for outcome in outcomes):
        broken = Outcome("meson test")
        broken.add("meson test", "failed", f"ended with status {status}")
        outcomes.append(broken)
    return outcomes


def parse_script(suite, path, status):
    """The outcome of a tests/SUITE/run.sh."""
    with open(path, encoding="utf-8", errors="replace") as log:
        outcome = Outcome(suite, log=log.read())
    results = {"ok": "passed", "not ok": "failed", "skip": "skipped"}
    for line in outcome.log.splitlines():
        match = SCRIPT_CASE.match(line)
        if match:
            outcome.add(match["name"], results[match["word"]], match["reason"] or "")
    if status in (124, 137):
        outcome.add(f"{suite}/run.sh", "failed", "took too long and was ended")
    elif status != 0 and not outcome.failed():
        outcome.add(f"{suite}/run.sh", "failed", f"ended with status {status}")
    return outcome


def count(cases, result):
    return sum(1 for case in cases if case.result == result)


def counts_text(passed, failed, skipped):
    return f"{passed} passed, {failed} failed, {skipped} skipped"


def print_outcome(outcome):
    for case in outcome.cases:
        if case.result != "passed":
            word = "FAILED" if case.result == "failed" else "skip"
            print(f"   {word} {case.name}" + (f": {case.reason}" if case.reason else ""))
    if outcome.failed() and outcome.log.strip():
        lines = outcome.log.rstrip().splitlines()
        print(f"   --- {outcome.name}: the last lines of its log")
        for line in lines[-LOG_LINES:]:
            print(f"   | {line}")
        print("   ---")


def command_suite(args):
    outcomes = []
    if args.testlog:
        outcomes += parse_testlog(args.testlog, args.meson_status)
    if args.lines:
        outcomes.append(parse_script(args.name, args.lines, args.lines_status))

    cases = [case for outcome in outcomes for case in outcome.cases]
    if in_ci():
        for case in cases:
            if case.result == "skipped" and case.reason.startswith("missing:"):
                case.result = "failed"
                case.reason += " (CI must have it)"

    if not cases:
        print(f"   {args.name} has no tests")
        return 0

    totals = [count(cases, result) for result in ("passed", "failed", "skipped")]
    for outcome in outcomes:
        print_outcome(outcome)
    print(f"   {args.name}: {counts_text(*totals)} in {args.seconds:.1f} s", flush=True)
    with open(args.tally, "a", encoding="utf-8") as tally:
        print(*totals, args.name, file=tally)
    return 1 if totals[1] else 0


def command_total(args):
    totals = [0, 0, 0]
    failed_suites = []
    with open(args.tally, encoding="utf-8") as tally:
        for line in tally:
            *numbers, suite = line.split()
            totals = [total + int(number) for total, number in zip(totals, numbers)]
            if int(numbers[1]):
                failed_suites.append(suite)
    passed, failed, skipped = totals
    if failed_suites:
        print("failed:", *failed_suites)
    if passed + failed == 0:
        print("nothing ran")
    print(counts_text(passed, failed, skipped))
    return 1 if failed or not passed else 0


def command_suites(args):
    tests = json.loads(subprocess.check_output(["meson", "introspect", "--tests", args.build]))
    counts = {}
    for test in tests:
        # "PROJECT:SUITE", or "PROJECT" alone where a test names no suite.
        suites = [suite.partition(":")[2] for suite in test["suite"]]
        for suite in suites:
            counts[suite or "other"] = counts.get(suite or "other", 0) + 1
    for suite, number in counts.items():
        print(suite, number)
    return 0


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)

    suites = commands.add_parser("suites")
    suites.add_argument("build")
    suites.set_defaults(run=command_suites)

    suite = commands.add_parser("suite")
    suite.add_argument("name")
    suite.add_argument("--tally", required=True)
    suite.add_argument("--seconds", type=float, default=0)
    suite.add_argument("--testlog")
    suite.add_argument("--meson-status", type=int, default=0)
    suite.add_argument("--lines")
    suite.add_argument("--lines-status", type=int, default=0)
    suite.set_defaults(run=command_suite)

    total = commands.add_parser("total")
    total.add_argument("tally")
    total.set_defaults(run=command_total)

    args = parser.parse_args()
    return args.run(args)


if __name__ == "__main__":
    sys.exit(main())
