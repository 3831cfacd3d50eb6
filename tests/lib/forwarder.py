# SPDX-License-Identifier: LGPL-2.1-or-later
"""Drives lp2p-forwarder, the NAT that treats datagrams badly.

    with Forwarder(binary, ("127.0.0.1", port), loss=0.05, rebind_after=100) as forwarder:
        client.sendto(b"...", forwarder.address)
        ...
        print(forwarder.stats()["toServer"]["lost"])
"""

import json
import subprocess

END_SECONDS = 15


class Forwarder:
    """Carries datagrams to `target` until it is closed; address is where to send them."""

    def __init__(self, binary, target, **faults):
        options = [f"--{name.replace('_', '-')}={value}" for name, value in faults.items()]
        host = f"[{target[0]}]" if ":" in target[0] else target[0]
        self._process = subprocess.Popen(
            [binary, *options, f"{host}:{target[1]}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        first = self._process.stdout.readline().strip()
        if not first:
            raise RuntimeError(f"lp2p-forwarder ended with status {self._process.wait()}")
        host, port = first.rsplit(":", 1)
        self.address = (host.strip("[]"), int(port))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def command(self, line):
        """Does what the line says and returns what has been done to datagrams before."""
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"lp2p-forwarder ended at the command {line}")
        return json.loads(answer)

    def stats(self):
        return self.command("stats")

    def close(self):
        try:
            self._process.communicate(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        return self._process.returncode
