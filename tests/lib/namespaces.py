# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs in network namespaces."""

import os
import subprocess


class Missing(Exception):
    """The machine lacks a program or privileges for this; str() is the reason to skip."""


class Namespaces:
    """A name for the namespace of each side, and the programs in it. Who inherits from this
    makes the namespaces and removes them."""

    def __init__(self, *sides):
        self.netns = {side: f"lp2p-{os.getpid()}-{id(self):x}-{side}" for side in sides}
        self._env = dict(os.environ, PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        self._processes = []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def popen(self, side, argv, **options):
        """Starts a program on one side; close() ends it if it still runs."""
        options.setdefault("env", self._env)
        command = ["ip", "netns", "exec", self.netns[side], *argv]
        self._processes.append(subprocess.Popen(command, **options))
        return self._processes[-1]

    def close(self):
        """Ends the programs."""
        for process in self._processes:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self._processes = []
