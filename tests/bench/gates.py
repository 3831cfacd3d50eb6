# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the rows have to fulfil."""

import collections

from rows import OURS, key_of

SIDES = ("dialer", "listener")

# For what is at most so much of the heap for an idle connection on each side, in KiB, and what
# it should be. ngtcp2 0.12 holds most of it; with 1.x the second is a gate as well, in
# tests/debian13.
IDLE_HEAP_KIB = {"noise": (24, None), "tls": (32, None), "ws": (28, None), "wss": (28, None),
                 "quic-v1": (128, 72)}
QUIC_IDLE_OWN_KIB = 12

# What each metric of ours must reach, and what it should; where a transport or a security
# protocol is named, that one's.
LIMITS = {
    ("upload", "throughput / raw"): (">=", 0.85, None),
    ("upload", "throughput / best peer"): (">=", 1, 1.5),
    ("upload", "CPU / best peer"): ("<=", 1, 0.5),
    ("download", "throughput / raw"): (">=", 0.85, None),
    ("download", "throughput / best peer"): (">=", 1, 1.5),
    ("download", "CPU / best peer"): ("<=", 1, 0.5),
    ("delayed line", "throughput / raw"): (">=", 0.9, None),
    # 0.3 Gbit/s.
    ("lossy line", "throughput"): (">=", 37.5, None),
    ("shared line", "smaller part beside cubic TCP"): (">=", 25, None),
    ("shared line", "smaller part beside cubic QUIC"): (">=", 25, None),
    # Files cost the same whatever they are sent over; the cheaper that is, the more of it.
    ("send, disk", "throughput / perf", "noise"): (">=", 0.8, None),
    ("send, disk", "throughput / perf"): (">=", None, 0.8),
    # Where each byte takes new memory of the kernel, that alone is more than a fifth.
    ("send, memory", "throughput / perf"): (">=", None, 0.8),
    ("round trips", "first answered byte"): ("<=", 3, None),
    ("round trips", "with TCP Fast Open"): ("<=", 2, None),
    ("upload", "throughput / tcp", "ws"): (">=", 0.85, None),
    ("download", "throughput / tcp", "ws"): (">=", 0.85, None),
    ("round trips", "first answered byte", "ws"): ("<=", 4, None),
    ("round trips", "with TCP Fast Open", "ws"): ("<=", 3, None),
    ("round trips", "first answered byte", "wss"): ("<=", 5, None),
    ("round trips", "with TCP Fast Open", "wss"): ("<=", 4, None),
    **{("idle", f"{side} heap", of): ("<=", *kib) for side in SIDES for of, kib in IDLE_HEAP_KIB.items()},
    **{("idle", f"{side} own state", "quic-v1"): ("<=", QUIC_IDLE_OWN_KIB, None) for side in SIDES},
}


class Gate(collections.namedtuple("Gate", "what value sign limit holds")):
    """A limit, and what was measured; None where nothing was."""

    def __str__(self):
        value = "(not measured)" if self.value is None else f"{self.value:g}"
        return f"{self.what} {value} {self.sign} {self.limit}"


def limits_of(bench, metric, stack):
    """The sign, the gate and the goal; the latter two may be None. Nothing where no limit is."""
    transport, security, _ = stack
    for key in ((bench, metric, transport), (bench, metric, security), (bench, metric)):
        if key in LIMITS:
            return LIMITS[key]
    return None


def gated(stack):
    """Each bench and metric that has a gate with a stack."""
    for bench, metric in dict.fromkeys(key[:2] for key in LIMITS):
        limits = limits_of(bench, metric, stack)
        if limits and limits[1] is not None:
            yield bench, metric


def name_of(bench, stack, peer, metric):
    return f"{bench} {'/'.join(stack)}: {metric}" + (f" of {peer}" if peer != OURS else "")


def holds(value, sign, limit):
    return value >= limit if sign == ">=" else value <= limit


def missing(rows, wanted):
    """Gates without a row."""
    there = {key_of(r) for r in rows}
    for key, unable in wanted.items():
        if key not in there and not unable:
            bench, stack, _, metric = key
            sign, gate, _ = limits_of(bench, metric, stack)
            yield Gate(name_of(*key), None, sign, gate, False)


def judge(rows, wanted=None):
    """The gates, and then the goals, of what was measured. wanted has the keys of rows that
    there must be, each with the reason why it cannot be told here, or None: without its row, a
    gate does not hold, and with a reason it is none."""
    wanted = wanted or {}
    gates, goals = [], []
    for r in rows:
        key = bench, stack, peer, metric = key_of(r)
        limits = limits_of(bench, metric, stack)
        # Round trips are those of our dialer, whoever listens.
        if limits is None or wanted.get(key) or (peer != OURS and bench != "round trips"):
            continue
        sign, gate, goal = limits
        for limit, found in ((gate, gates), (goal, goals)):
            if limit is not None:
                found.append(Gate(name_of(*key), r["value"], sign, limit, holds(r["value"], sign, limit)))
    return [*gates, *missing(rows, wanted)], goals


def left_out(wanted):
    """The names of gates that cannot be told here, and why."""
    return [(name_of(*key), unable) for key, unable in wanted.items() if unable]
