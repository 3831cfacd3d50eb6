# SPDX-License-Identifier: LGPL-2.1-or-later
"""From samples to rows, and what the rows have to fulfil."""

import collections
import statistics

OURS = "lp2p"
IDLE_HEAP_KIB = {"noise": 24, "tls": 32, "ws": 28, "wss": 28}
# ngtcp2 0.12 holds most of it; with 1.x the second is what there should be.
QUIC_IDLE_HEAP_KIB = (128, 72)
QUIC_IDLE_OWN_KIB = 12

Gate = collections.namedtuple("Gate", "what value sign limit holds")


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


def ratio(ours, others, best):
    """The median over the rounds of ours to the best of the others."""
    found = [ours[n] / best(o[n] for o in others) for n in ours
             if others and all(o.get(n) for o in others)]
    return statistics.median(found) if found else None


def beside(bench, stack):
    """What ours is compared with besides other libraries: a name, and its bench and stack."""
    if bench == "delayed line":
        return "raw", bench, ("tcp", "none", "none")
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


# What each metric of ours must reach, and what it should; where a transport is named, that
# one's.
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
    ("send, disk", "throughput / perf"): (">=", 0.8, None),
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
}


def limits_of(r):
    if r["bench"] == "idle" and r["metric"] in ("dialer own state", "listener own state"):
        return ("<=", QUIC_IDLE_OWN_KIB, None)
    if r["bench"] == "idle" and r["metric"] in ("dialer heap", "listener heap"):
        if r["transport"] == "quic-v1":
            return ("<=", *QUIC_IDLE_HEAP_KIB)
        return ("<=", IDLE_HEAP_KIB.get(r["transport"]) or IDLE_HEAP_KIB[r["security"]], None)
    what = (r["bench"], r["metric"])
    return LIMITS.get((*what, r["transport"])) or LIMITS.get(what)


def judge(rows):
    """The gates, and then the goals, of what was measured."""
    gates, goals = [], []
    for r in rows:
        limits = limits_of(r)
        # Round trips are those of our dialer, whoever listens.
        if limits is None or (r["peer"] != OURS and r["bench"] != "round trips"):
            continue
        sign, gate, goal = limits
        what = f"{r['bench']} {r['transport']}/{r['security']}/{r['muxer']}: {r['metric']}"
        what += f" of {r['peer']}" if r["peer"] != OURS else ""
        for limit, found in ((gate, gates), (goal, goals)):
            if limit is not None:
                holds = r["value"] >= limit if sign == ">=" else r["value"] <= limit
                found.append(Gate(what, r["value"], sign, limit, holds))
    return gates, goals
