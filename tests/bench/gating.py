# SPDX-License-Identifier: LGPL-2.1-or-later
"""The gates as a test: measures until they are clear, within a time, and prints TAP."""

import contextlib
import signal
import subprocess

import expected
import gates
import measure
import rows


class TimeIsUp(Exception):
    """str() tells how much it was."""


@contextlib.contextmanager
def time_limit(minutes):
    """Interrupts whatever goes on then; what that has started, it ends."""
    def ring(*_):
        raise TimeIsUp(f"{minutes} minutes were over")

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, minutes * 60)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def forgiving(name, bench):
    """A bench in which something goes wrong ends with what it has, and tells that."""
    def run(context):
        try:
            yield from bench(context)
        except (RuntimeError, ValueError, subprocess.SubprocessError) as reason:
            context.note(f"{name}: {reason}")
    return run


def unclear(samples, wanted):
    """Why another try could change whether the gates hold; "" when it could not."""
    missed = [gate for gate in gates.judge(rows.rows_of(samples), wanted)[0] if not gate.holds]
    unmeasured = [gate for gate in missed if gate.value is None]
    if unmeasured:
        return ", ".join(map(str, unmeasured))
    if not any(s.unit in rows.BETTER for s in samples):
        return ""
    if missed:
        return ", ".join(map(str, missed))
    return "what ours is compared with was disturbed" if rows.is_disturbed(samples) else ""


def tries_of(name, bench, context, wanted, tries):
    """The samples of a bench after each try, until they are clear."""
    samples = []
    for left in reversed(range(tries)):
        samples = rows.better(samples, bench(context))
        yield samples
        reason = unclear(samples, wanted)
        if not reason:
            break
        if left:
            context.note(f"{name} is tried again: {reason}")


class Report:
    """Prints TAP."""

    count = failed = 0

    def __init__(self, goals):
        self.goals = goals

    def case(self, holds, text):
        self.count += 1
        self.failed += not holds
        print(f"{'ok' if holds else 'not ok'} {self.count} - {text}", flush=True)

    def gates(self, samples, wanted, over=None):
        """A case for each, with the reason, if any, why there was no time for more."""
        for what, unable in gates.left_out(wanted):
            self.case(True, f"{what} # SKIP {unable}")
        found, goals = gates.judge(rows.rows_of(samples), wanted)
        for gate in [*found, *(goals if self.goals else ())]:
            self.case(gate.holds, str(gate) if gate.holds or not over else f"{gate}: {over}")

    def end(self):
        print(f"1..{self.count}")
        return 1 if self.failed else 0


def run(build, size, benches, tries, minutes, goals=False):
    """Measures what has gates, and nothing else; the exit status. The benches are functions by
    name. With goals, these are gates too."""
    report = Report(goals)
    wanted, samples, over = {}, {}, None
    try:
        with time_limit(minutes):
            context = measure.Context(build, size, lambda note: print(f"# {note}", flush=True), gates_only=True)
            wanted = {name: expected.gate_rows(context, name) for name in benches}
            for name, bench in benches.items():
                # What cannot be told here is not measured.
                if not all(wanted[name].values()):
                    for samples[name] in tries_of(name, forgiving(name, bench), context, wanted[name], tries):
                        pass
                report.gates(samples.pop(name, []), wanted.pop(name))
    except TimeIsUp as reason:
        over = reason
        if not wanted:
            report.case(False, f"the peers are prepared: {over}")
    for name, rest in wanted.items():
        report.gates(samples.get(name, []), rest, over)
    return report.end()
