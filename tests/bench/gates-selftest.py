#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is made of samples, and when a gate holds, as TAP; nothing is measured."""

import contextlib
import io
import itertools
import os
import sys
import threading
import types
from unittest import mock

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
import expected  # noqa: E402
import gates  # noqa: E402
import gating  # noqa: E402
import measure  # noqa: E402
from measure import NO_STACK, QUIC_STACK, Sample  # noqa: E402
from rows import OURS, better, is_disturbed, key_of, row, rows_of  # noqa: E402
from report import run_tap  # noqa: E402

NOISE, TLS = measure.STACKS
WS, WSS = ("ws", "noise", "yamux"), ("wss", "noise", "yamux")
LINK_RATIO = ("delayed line", NOISE, OURS, "throughput / raw")

# What the library promises: the bench, the metric, the stacks, the sign and the limit.
PROMISED = (
    ("upload", "throughput / raw", (NOISE, TLS, QUIC_STACK), ">=", 0.85),
    ("download", "throughput / raw", (NOISE, TLS, QUIC_STACK), ">=", 0.85),
    ("upload", "throughput / best peer", (NOISE, TLS, QUIC_STACK, WS, WSS), ">=", 1),
    ("download", "throughput / best peer", (NOISE, TLS, QUIC_STACK, WS, WSS), ">=", 1),
    ("upload", "CPU / best peer", (NOISE, TLS, QUIC_STACK, WS, WSS), "<=", 1),
    ("download", "CPU / best peer", (NOISE, TLS, QUIC_STACK, WS, WSS), "<=", 1),
    ("upload", "throughput / tcp", (WS,), ">=", 0.85),
    ("download", "throughput / tcp", (WS,), ">=", 0.85),
    ("idle", "dialer heap", (NOISE,), "<=", 24),
    ("idle", "listener heap", (NOISE,), "<=", 24),
    ("idle", "dialer heap", (TLS,), "<=", 32),
    ("idle", "listener heap", (TLS,), "<=", 32),
    ("idle", "dialer heap", (WS, WSS), "<=", 28),
    ("idle", "listener heap", (WS, WSS), "<=", 28),
    ("idle", "dialer heap", (QUIC_STACK,), "<=", 128),
    ("idle", "listener heap", (QUIC_STACK,), "<=", 128),
    ("idle", "dialer own state", (QUIC_STACK,), "<=", 12),
    ("idle", "listener own state", (QUIC_STACK,), "<=", 12),
    ("send, disk", "throughput / perf", (NOISE,), ">=", 0.8),
    ("delayed line", "throughput / raw", (NOISE, TLS), ">=", 0.9),
    ("lossy line", "throughput", (QUIC_STACK,), ">=", 37.5),
    ("shared line", "smaller part beside cubic TCP", (QUIC_STACK,), ">=", 25),
    ("shared line", "smaller part beside cubic QUIC", (QUIC_STACK,), ">=", 25),
    ("round trips", "first answered byte", (NOISE, TLS), "<=", 3),
    ("round trips", "with TCP Fast Open", (NOISE, TLS), "<=", 2),
    ("round trips", "first answered byte", (WS,), "<=", 4),
    ("round trips", "with TCP Fast Open", (WS,), "<=", 3),
    ("round trips", "first answered byte", (WSS,), "<=", 5),
    ("round trips", "with TCP Fast Open", (WSS,), "<=", 4),
)


def check(condition, what=""):
    if not condition:
        raise AssertionError(what)


def judged(bench, metric, stack, value):
    """The one gate of a row, or None."""
    found, _ = gates.judge([row(bench, stack, OURS, metric, "", value)])
    check(len(found) <= 1, found)
    return found[0] if found else None


def line_samples(raw, ours, stack=NOISE):
    """A try of the delayed line with a round for each pair of rates."""
    for number, (theirs, mine) in enumerate(zip(raw, ours)):
        yield Sample("delayed line", NO_STACK, "none", "throughput", "MB/s", theirs, number)
        yield Sample("delayed line", stack, OURS, "throughput", "MB/s", mine, number)


def shares(*parts):
    for number, part in enumerate(parts):
        yield Sample("shared line", QUIC_STACK, OURS, "smaller part beside cubic TCP", "%", part, number)


def value_of(samples, key):
    return {key_of(r): r["value"] for r in rows_of(samples)}[key]


class Bench:
    """Yields what it is told, a list for each try; an exception is raised."""

    def __init__(self, *tries):
        self.tries = list(tries)
        self.runs = 0

    def __call__(self, context):
        self.runs += 1
        for sample in self.tries[min(self.runs, len(self.tries)) - 1]:
            if isinstance(sample, Exception):
                raise sample
            yield sample


def run_tries(bench, wanted, tries=3):
    """The samples that are left, and the notes."""
    notes = []
    context = types.SimpleNamespace(note=notes.append)
    *_, samples = gating.tries_of("name", gating.forgiving("name", bench), context, wanted, tries)
    return samples, notes


def context_with(**facts):
    """A machine on which everything is there, but for what is said."""
    names = facts.pop("peers", measure.PEERS)
    plugins = facts.pop("plugins", ("tcp", "ws", "wss", "quic-v1"))
    usual = {"missing": {}, "without_line": None, "without_fast_open": None}
    return types.SimpleNamespace(peers=[types.SimpleNamespace(name=name) for name in names],
                                 has_plugin=lambda name: name in plugins, **{**usual, **facts})


# The limits

def test_promised():
    for bench, metric, stacks, sign, limit in PROMISED:
        for stack in stacks:
            gate = judged(bench, metric, stack, limit)
            check(gate and (gate.sign, gate.limit) == (sign, limit), f"{bench} {metric} {stack}: {gate}")


def test_nothing_else_is_gated():
    promised = {(bench, stack, OURS, metric) for bench, metric, stacks, *_ in PROMISED for stack in stacks}
    found = {key for name in expected.GATED for key in expected.gate_rows(context_with(), name)
             if key[2] == OURS}
    # Whether there is a disk depends on the machine.
    found.add(("send, disk", NOISE, OURS, "throughput / perf"))
    check(found == promised, found ^ promised)


def test_at_the_limit():
    for bench, metric, stacks, _, limit in PROMISED:
        check(judged(bench, metric, stacks[0], limit).holds, f"{bench} {metric}")


def test_beyond_the_limit():
    for bench, metric, stacks, sign, limit in PROMISED:
        worse = limit - 0.001 if sign == ">=" else limit + 0.001
        check(not judged(bench, metric, stacks[0], worse).holds, f"{bench} {metric}")


def test_goal_is_no_gate():
    found, goals = gates.judge([row("send, disk", TLS, OURS, "throughput / perf", "ratio", 0.5)])
    check(not found and [goal.holds for goal in goals] == [False], goals)


def test_others_have_no_gates():
    found, _ = gates.judge([row("idle", NOISE, "go", "listener heap", "KiB/connection", 99)])
    check(not found, found)


def test_listener_of_others():
    found, _ = gates.judge([row("round trips", NOISE, "go", "first answered byte", "round trips", 4)])
    check([gate.holds for gate in found] == [False], found)


# What is not there

def test_missing_row():
    found, _ = gates.judge([], {LINK_RATIO: None})
    check([(gate.holds, gate.value) for gate in found] == [(False, None)], found)
    check("not measured" in str(found[0]), str(found[0]))


def test_row_that_cannot_be_told():
    wanted = {LINK_RATIO: "missing: something"}
    for rows in ([], [row("delayed line", NOISE, OURS, "throughput / raw", "ratio", 0.1)]):
        check(not gates.judge(rows, wanted)[0])
    check(gates.left_out(wanted) == [(gates.name_of(*LINK_RATIO), "missing: something")])


def test_expected_without_lines():
    found = expected.gate_rows(context_with(without_line="missing: a"), "link")
    check(len(found) == 2 and set(found.values()) == {"missing: a"}, found)


def test_expected_without_fast_open():
    found = expected.gate_rows(context_with(without_fast_open="missing: a"), "round-trips")
    check([key for key, reason in found.items() if reason] ==
          [("round trips", stack, OURS, "with TCP Fast Open") for stack in (NOISE, TLS)], found)


def test_expected_without_peer():
    context = context_with(peers=("lp2p", "rust"), missing={"go": "missing: a"})
    found = expected.gate_rows(context, "round-trips")
    check([key[2] for key, reason in found.items() if reason] == ["go", "go"], found)


def test_expected_without_any_peer():
    found = expected.gate_rows(context_with(peers=("lp2p",)), "transfer")
    check(found and not any(key[3].endswith("best peer") for key in found), found)


def test_expected_without_plugin():
    context = context_with(plugins=("tcp",))
    for name, there in (("idle", True), ("quic-idle", False), ("ws-round-trips", False), ("connect", False)):
        check(bool(expected.gate_rows(context, name)) == there, name)


# Several tries

def test_ratio_within_rounds():
    samples = list(line_samples((100, 50, 80), (90, 50, 40)))
    check(value_of(samples, LINK_RATIO) == 0.9)


def test_better_on_both_sides():
    samples = better(line_samples((100,), (60,)), line_samples((50,), (80,)))
    # The better of both tries, 1.6, is what a disturbed line made of it.
    check(value_of(samples, LINK_RATIO) == 0.8, samples)


def test_better_is_less():
    key = "idle", NOISE, OURS, "dialer heap", "KiB/connection"
    for order in itertools.permutations((3, 4)):
        first, second = ([Sample(*key, value, 0)] for value in order)
        check([s.value for s in better(first, second)] == [3], order)


def test_better_by_rounds():
    samples = better(line_samples((100, 90), (50, 60)), line_samples((80, 95), (70, 40)))
    values = {(s.peer, s.round): s.value for s in samples}
    check(values == {("none", 0): 100, ("none", 1): 95, (OURS, 0): 70, (OURS, 1): 60}, values)


def test_luck_is_not_bettered():
    check([s.value for s in better(shares(10), shares(50))] == [10])
    check([s.value for s in better((), shares(50))] == [50])


def test_disturbed():
    check(not is_disturbed(line_samples((100, 96, 40), (1, 1, 1))))
    check(is_disturbed(line_samples((100, 90, 94), (90, 90, 90))))
    check(not is_disturbed(line_samples((100,), (90,))))


def test_clear_at_once():
    bench = Bench(line_samples((100, 100), (95, 95)))
    _, notes = run_tries(bench, {LINK_RATIO: None})
    check(bench.runs == 1 and not notes, notes)


def test_again_when_missed():
    bench = Bench(line_samples((100,), (70,)), line_samples((100,), (95,)))
    samples, notes = run_tries(bench, {LINK_RATIO: None})
    check(bench.runs == 2 and value_of(samples, LINK_RATIO) == 0.95 and len(notes) == 1, notes)


def test_again_when_disturbed():
    bench = Bench(line_samples((100, 50, 50), (90, 80, 80)), line_samples((100, 100, 100), (80, 80, 80)))
    samples, _ = run_tries(bench, {LINK_RATIO: None}, tries=2)
    check(bench.runs == 2 and value_of(samples, LINK_RATIO) == 0.8, samples)


def test_missed_in_the_end():
    bench = Bench(*(list(line_samples((100,), (70,))) for _ in range(3)))
    samples, notes = run_tries(bench, {LINK_RATIO: None})
    check(bench.runs == 3 and len(notes) == 2, notes)
    check([gate.holds for gate in gates.judge(rows_of(samples), {LINK_RATIO: None})[0]] == [False])


def test_luck_is_not_tried_again():
    bench = Bench(list(shares(10, 11, 12)))
    run_tries(bench, {("shared line", QUIC_STACK, OURS, "smaller part beside cubic TCP"): None})
    check(bench.runs == 1)


def test_again_after_an_error():
    bench = Bench([RuntimeError("it broke")], line_samples((100,), (95,)))
    _, notes = run_tries(bench, {LINK_RATIO: None})
    check(bench.runs == 2 and "it broke" in notes[0] and "not measured" in notes[1], notes)


def test_time_limit():
    try:
        with gating.time_limit(1e-4):
            threading.Event().wait()
    except gating.TimeIsUp as reason:
        check("minutes were over" in str(reason), str(reason))
        return
    raise AssertionError("it goes on for ever")


# The whole

def run_test(benches, minutes=1, goals=False):
    """The status, and what is printed."""
    printed = io.StringIO()
    context = context_with(note=lambda note: None)
    with contextlib.redirect_stdout(printed), mock.patch.object(measure, "Context", lambda *_, **__: context):
        return gating.run("", {}, benches, 2, minutes, goals), printed.getvalue().splitlines()


def test_a_case_for_each_gate():
    both = [*line_samples((100,), (95,)), *line_samples((100,), (60,), TLS)]
    status, lines = run_test({"link": Bench(both)})
    check(status == 1 and lines[-1] == "1..2", lines)
    check(f"ok 1 - {gates.name_of(*LINK_RATIO)} 0.95 >= 0.9" in lines, lines)
    check("not ok 2 - delayed line tcp/tls/yamux: throughput / raw 0.6 >= 0.9" in lines, lines)


def test_goals_as_gates():
    beside = [*line_samples((100,), (95,)), *line_samples((100,), (95,), TLS)]
    idle = Sample("idle", QUIC_STACK, OURS, "dialer heap", "KiB/connection", 100, 0)
    for goals, count in ((False, 3), (True, 4)):
        _, lines = run_test({"link": Bench([*beside, idle])}, goals=goals)
        check(lines[-1] == f"1..{count}", lines)
    check("not ok 4 - idle quic-v1/tls/native: dialer heap 100 <= 72" in lines, lines)


def test_time_is_up():
    def hanging(_):
        yield from line_samples((100,), (60,))
        threading.Event().wait()

    status, lines = run_test({"link": hanging, "quic-lossy": hanging}, minutes=0.005)
    check(status == 1 and lines[-1] == "1..3", lines)
    check(all(line.startswith("not ok") and "(not measured)" in line and
              line.endswith(": 0.005 minutes were over") for line in lines[:-1]), lines)


if __name__ == "__main__":
    sys.exit(run_tap(globals()))
