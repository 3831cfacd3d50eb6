#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Kills a process that writes a peer store, and looks at what is left.

Usage: store.py STORE-TOOL

LP2P_FULL=1 measures 100,000 peers instead of 5,000. Prints a line for each case.
"""

import os
import random
import subprocess
import sys
import tempfile
import time

FULL = bool(os.environ.get("LP2P_FULL"))
KILLS = 200
PEERS = 100000 if FULL else 5000
TIMEOUT = 600


def write_and_kill(tool, path, start, last, writing):
    """Lets it write a random number of times; returns the last number it printed."""
    writer = subprocess.Popen([tool, writing, path, str(start)], stdout=subprocess.PIPE)
    for _ in range(random.choice([0, 1, 3, 10, 30])):
        line = writer.stdout.readline()
        if not line:
            break
        last = int(line)
    # So that any moment is hit, that of opening the file too.
    time.sleep(random.uniform(0, 0.01))
    writer.kill()
    # A line that was cut counts no more than one that was not printed.
    for line in writer.stdout.read().splitlines(keepends=True):
        if line.endswith(b"\n"):
            last = int(line)
    status = writer.wait()
    if status != -9:
        raise RuntimeError(f"the writer ended with status {status}")
    return last


def check(tool, path, last):
    result = subprocess.run([tool, "check", path, str(last)], capture_output=True, text=True,
                            timeout=TIMEOUT)
    if result.returncode != 0:
        raise RuntimeError(f"after {last}: {result.stderr.strip()}")


def test_kills(tool, folder):
    path = os.path.join(folder, "peers")
    last, logs = -1, 0
    for number in range(KILLS):
        # Of what was not printed some may have been written: that is done again. Every other
        # one is the store of a host.
        last = write_and_kill(tool, path, last + 1, last, ("write", "host")[number % 2])
        logs += os.path.exists(path + "-wal")
        check(tool, path, last)
    if last < KILLS:
        raise RuntimeError(f"only {last} numbers were written in {KILLS} rounds")
    if logs == 0:
        raise RuntimeError("no kill left a log to recover")
    extra = [name for name in os.listdir(folder) if "corrupt" in name]
    if extra:
        raise RuntimeError(f"a store was set aside: {extra}")
    print(f"# {last + 1} numbers, {logs} logs recovered")


def test_two_writers(tool, folder):
    """The second one gives up at once, the first one's work is not disturbed."""
    path = os.path.join(folder, "two")
    first = subprocess.Popen([tool, "write", path, "0"], stdout=subprocess.PIPE)
    last = int(first.stdout.readline())
    second = subprocess.run([tool, "write", path, "0"], capture_output=True, text=True,
                            timeout=TIMEOUT)
    first.kill()
    lines = [line for line in first.stdout.read().splitlines(keepends=True) if line.endswith(b"\n")]
    first.wait()
    if "another process uses it" not in second.stdout + second.stderr:
        raise RuntimeError(f"the second writer said: {second.stderr}")
    check(tool, path, max([last] + [int(line) for line in lines]))


def test_large(tool, folder):
    path = os.path.join(folder, "large")
    result = subprocess.run([tool, "measure", path, str(PEERS)], capture_output=True, text=True,
                            timeout=TIMEOUT)
    print(result.stdout, end="")
    print(f"# the file has {os.path.getsize(path) / PEERS:.0f} bytes a peer")
    if result.returncode != 0:
        raise RuntimeError(result.stderr)


def main():
    tool = sys.argv[1]
    failed = False
    cases = {
        f"a store whose process is killed {KILLS} times loses nothing": test_kills,
        "two processes do not write to one store": test_two_writers,
        f"a store of {PEERS} peers is read one by one": test_large,
    }
    for name, test in cases.items():
        with tempfile.TemporaryDirectory(prefix="lp2p-store.") as folder:
            try:
                test(tool, folder)
                print(f"ok {name}", flush=True)
            except (RuntimeError, subprocess.TimeoutExpired, ValueError, OSError) as error:
                print(f"# {error}")
                print(f"not ok {name}", flush=True)
                failed = True
    return failed


if __name__ == "__main__":
    sys.exit(main())
