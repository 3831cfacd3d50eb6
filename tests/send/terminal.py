# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command on a terminal."""

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

from sides import LONG, Failure


class Terminal:
    def __init__(self, world, *arguments, columns=120, lines=60):
        self.name = arguments[0]
        self.text = ""
        # What is read may end in the middle of a character.
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.status = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
            os.chdir(world.folder)
            os.execve(world.lp2p, [world.lp2p, *arguments], world.env)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def read(self, seconds):
        """Whether there was something to read."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # the other end is closed
            return False
        self.text = (self.text + self.decoder.decode(data)).replace("\r\n", "\n")
        return bool(data)

    def expect(self, pattern):
        """Waits until a pattern is there; forgets all up to its end."""
        end = time.monotonic() + LONG
        while True:
            match = re.search(pattern, self.text)
            if match:
                self.text = self.text[match.end():]
                return match
            if not self.read(end - time.monotonic()):
                raise Failure(f"{self.name}: expected {pattern!r} on the terminal, found "
                              f"{self.text[-500:]!r}")

    def write(self, data):
        os.write(self.fd, data)

    def wait(self):
        while self.read(LONG):
            pass
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status
