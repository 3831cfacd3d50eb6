#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""quiet.py BUILD [PEER...]: connections of QUIC that are quiet for longer than either side
waits for a sign of the other, as `ok`, `not ok` and `skip` lines. All are quiet at once.
"""

import concurrent.futures
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
from interop import IP4, PORTS, Built, in_common  # noqa: E402
from peers import Listener, Peer, dial, last_line  # noqa: E402
from report import Report  # noqa: E402

TRANSPORT = "quic-v1"
PEERS = ("lp2p", "go", "rust", "js", "py")
# rust and js wait for so long; where the peer waits for longer, we do not.
TIMEOUT_SECONDS = 10
QUIET_SECONDS = TIMEOUT_SECONDS + 2
OURS = [f"--set=plugin {TRANSPORT}.idle-timeout={TIMEOUT_SECONDS}", f"--quiet={QUIET_SECONDS}"]
# Ours has a step for it; others wait for what our listener takes its time over.
STEPS = {True: ("connect", "quiet"), False: ("connect", "upload")}
FEW_BYTES = "--upload-bytes=1000"
RUN_SECONDS = 90


def options(peer):
    return [f"--transport={TRANSPORT}", *(OURS if peer.name == "lp2p" else [])]


def run_pair(dialer, listener, steps):
    """None where the connection was there in the end, else why not."""
    with Listener(listener, [*options(listener), "--address", IP4 + PORTS[TRANSPORT]]) as server:
        result = dial(dialer, server.address, [*options(dialer), FEW_BYTES, f"--steps={','.join(steps)}"], RUN_SECONDS)
        status = server.stop()
    reasons = [f"{step}: {result.reason(step)}" for step in steps if result.reason(step) is not None]
    for step in steps[1:]:
        if not reasons and result.steps[step]["ms"] < TIMEOUT_SECONDS * 1000:
            reasons.append(f"{step} took {result.steps[step]['ms']} ms only")
    if not reasons and status != 0:
        reasons.append(f"the listener ended with status {status}: {last_line(server.stderr())}")
    return reasons[0] if reasons else None


def main():
    build, *wanted = sys.argv[1:]
    build = os.path.abspath(build)
    ours = Peer("lp2p", build)
    report = Report()
    if not all(in_common([[TRANSPORT]], build)):
        report.skip(f"{TRANSPORT} quiet for {QUIET_SECONDS} s", "QUIC is not built")
        return report.status
    with concurrent.futures.ThreadPoolExecutor(max_workers=2 * len(PEERS)) as pool:
        cases = []
        for name in wanted or PEERS:
            peer = Built(name, build)
            for dialer, listener in ((ours, peer), (peer, ours))[: 1 if name == ours.name else 2]:
                case = f"{dialer.name}->{listener.name} {TRANSPORT} quiet for {QUIET_SECONDS} s"
                if peer.missing is not None:
                    report.skip(case, f"missing: {peer.missing}")
                elif peer.error is not None:
                    report.case(f"{case} build", peer.error)
                else:
                    cases.append((case, pool.submit(run_pair, dialer, listener, STEPS[dialer is ours])))
        for case, outcome in cases:
            try:
                report.case(case, outcome.result())
            except (RuntimeError, OSError) as error:
                report.case(case, error)
    return report.status


if __name__ == "__main__":
    sys.exit(main())
