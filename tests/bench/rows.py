# SPDX-License-Identifier: LGPL-2.1-or-later
"""From samples to rows: what several tries come to, medians, and ratios."""

import collections
import statistics

OURS = "lp2p"

# What noise of the machine only ever makes worse, by unit, and which of two is the better.
BETTER = {"MB/s": max, "GB/s": max, "1/s": max, "s/GB": min, "ms/connection": min,
          "KiB/connection": min, "round trips": min}
# What ours is compared with was measured well when half of its rounds came so near to its
# best one.
STEADY = 0.95


def better(before, again):
    """The samples of two tries as one. A round is the same measurement in both: it keeps the
    better value, on each side of a ratio for itself. Where noise goes both ways, the first
    one stays."""
    kept = {s._replace(value=None): s for s in before}
    for s in again:
        old = kept.setdefault(s._replace(value=None), s)
        if s.unit in BETTER:
            kept[s._replace(value=None)] = BETTER[s.unit](old, s, key=lambda found: found.value)
    return list(kept.values())


def is_disturbed(samples):
    """Whether what ours is compared with is too low to judge by, in half of its rounds."""
    bases = collections.defaultdict(list)
    for s in samples:
        if s.metric == "throughput" and (s.peer != OURS or s.bench.startswith("beside ")):
            bases[s.bench, s.stack, s.peer].append(s.value)
    return any(statistics.median(values) < STEADY * max(values) for values in bases.values())


def rows_of(samples):
    """The median of the rounds of each sample, and ratios of what ran in the same
    round."""
    values = collections.defaultdict(dict)
    for s in samples:
        values[s.bench, s.stack, s.peer, s.metric, s.unit][s.round] = s.value
    rows = [row(*key, statistics.median(rounds.values())) for key, rounds in values.items()]
    return rows + list(ratios(values)) + list(own_states(values))


def row(bench, stack, peer, metric, unit, value):
    keys = dict(zip(("transport", "security", "muxer"), stack))
    return {"bench": bench, **keys, "peer": peer, "metric": metric, "value": round(value, 3),
            "unit": unit}


def key_of(r):
    """What a row is of, whatever its value."""
    return r["bench"], (r["transport"], r["security"], r["muxer"]), r["peer"], r["metric"]


def ratio(ours, others, best):
    """The median over the rounds of ours to the best of the others."""
    found = [ours[n] / best(o[n] for o in others) for n in ours
             if others and all(o.get(n) for o in others)]
    return statistics.median(found) if found else None


def beside(bench, stack):
    """What ours is compared with besides other libraries: a name, and its bench and stack."""
    if bench == "delayed line":
        return "raw", bench, ("tcp", "none", "none")
    if bench.startswith("send, "):
        return "perf", f"beside {bench}", stack
    if stack[0] in ("ws", "wss"):
        return "tcp", f"beside {stack[0]}, {bench}", ("tcp", *stack[1:])
    return "raw", f"raw loop, {bench}" if stack[0] == "quic-v1" else "raw loop", stack


def ratios(values):
    for (bench, stack, peer, metric, unit), ours in values.items():
        if peer != OURS or metric not in ("throughput", "CPU") or bench.startswith("beside "):
            continue
        best = max if metric == "throughput" else min
        base, *what = beside(bench, stack)
        bases = [v for key, v in values.items() if key[:2] == tuple(what) and key[3] == metric]
        peers = [v for key, v in values.items()
                 if key[:2] == (bench, stack) and key[2] not in (OURS, "none") and key[3] == metric]
        for name, others in ((base, bases), ("best peer", peers)):
            value = ratio(ours, others, best)
            if value is not None:
                yield row(bench, stack, OURS, f"{metric} / {name}", "ratio", value)


def own_states(values):
    """What an idle connection of ours holds beyond what the libraries under it do."""
    for (bench, stack, peer, metric, unit), ours in values.items():
        bare = values.get((bench, stack, "none", metric, unit))
        if bench == "idle" and peer == OURS and bare:
            own = statistics.median(ours.values()) - statistics.median(bare.values())
            yield row(bench, stack, peer, metric.replace("heap", "own state"), unit, own)
