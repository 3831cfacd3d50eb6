# SPDX-License-Identifier: LGPL-2.1-or-later
"""Drives lp2p-link, the delayed line between two network namespaces.

    with Link(binary, delay_ms=20) as link:
        server = link.popen("b", ["lp2p", "listen", ...])
        client = link.popen("a", [..., link.address["b"], ...])
        ...
        packets = link.trace()
    print(round_trips(packets, lambda p: p["from"] == "b" and p["payload_len"]))
"""

import json
import subprocess
import tempfile
import time

from namespaces import Missing, Namespaces

# lp2p-link ends with this where the machine does not allow it.
IMPOSSIBLE = 77


class Link(Namespaces):
    """A line between the namespaces of the sides "a" and "b"."""

    address = {"a": "10.77.0.1", "b": "10.77.0.2"}
    address6 = {"a": "fd77::1", "b": "fd77::2"}

    def __init__(self, binary, delay_ms, rate_mbit=0, loss=0, queue_kb=0, seed=1, trace=True):
        super().__init__("a", "b")
        self._trace = tempfile.NamedTemporaryFile(prefix="lp2p-link-", suffix=".jsonl")
        command = [binary, f"--delay-ms={delay_ms}", f"--rate-mbit={rate_mbit}"]
        command += [f"--loss={loss}", f"--queue-kb={queue_kb}", f"--seed={seed}"]
        # Each packet makes a line of it: not for what is to be fast.
        command += [f"--trace={self._trace.name}"] if trace else []
        for side in "ab":
            command += [self.netns[side], self.address[side] + "/30"]

        # It ends when the pipe does, and so with this process.
        self._line = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        first = self._line.stdout.readline().strip()
        if first != "ready":
            status = self._line.wait()
            self._trace.close()
            if status == IMPOSSIBLE:
                raise Missing(first)
            raise RuntimeError(f"lp2p-link ended with status {status}: {first}")

    def trace(self):
        """What has entered the line up to now, in that order, as dictionaries."""
        # Lines stay in its buffer for 2 ms when nothing happens.
        time.sleep(0.02)
        with open(self._trace.name, encoding="ascii") as lines:
            return [json.loads(line) for line in lines if line.endswith("\n")]

    def close(self):
        """Ends the programs and the line and removes the namespaces."""
        super().close()
        if not self._line.stdin.closed:
            # Reads what it reports at its end, too.
            self.report = self._line.communicate(timeout=30)[0]
            self._trace.close()
        return self._line.returncode


def round_trips(packets, is_answer, field="depth"):
    """The round trips up to the first packet that is_answer() accepts."""
    for packet in packets:
        if is_answer(packet) and "dropped" not in packet:
            return packet[field] / 2
    raise ValueError("no answer in the trace")
