#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Lets the chat programs talk to each other, each language to each.

Usage: chat.py BUILD-FOLDER FOLDER-OF-THE-EXAMPLES [PYTHON]

PYTHON is one that has the bindings.

Prints a line for each ordered pair: `ok`, `not ok` or `skip`, its name, and why.
"""

import os
import queue
import shutil
import subprocess
import sys
import threading

SECONDS = 30
# More than what fits into a pipe or the first window of a stream.
BURST = [f"line {number} of many" for number in range(20000)]


def find_programs(build, folder, python=None):
    """Maps each language to its command, or to what is missing for it."""
    programs = {}
    for language, why in (("c", "a build of it"), ("vala", "valac")):
        path = os.path.join(build, "tests/examples/chat-" + language)
        programs[language] = [path] if os.path.exists(path) else why
    has_typelib = os.path.exists(os.path.join(build, "core/Lp2p-1.0.typelib"))
    gjs = shutil.which("gjs")
    programs["python"] = [python, os.path.join(folder, "chat.py")] if python else "python3-gi"
    programs["javascript"] = [gjs, "-m", os.path.join(folder, "chat.js")] if gjs else "gjs"
    if not has_typelib:
        programs["python"] = programs["javascript"] = "gobject-introspection"
    return programs


class Chat:
    """A running chat program."""

    def __init__(self, command, *arguments):
        self.process = subprocess.Popen(
            [*command, *arguments], text=True, encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines = queue.Queue()
        threading.Thread(target=self.read_lines, daemon=True).start()
        self.address = None
        while self.address is None:
            line = self.next_line()
            if line.startswith("/ip4/127.0.0.1/"):
                self.address = line

    def read_lines(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def next_line(self):
        try:
            line = self.lines.get(timeout=SECONDS)
        except queue.Empty:
            raise AssertionError("printed nothing for too long") from None
        if line is None:
            raise AssertionError("ended: " + " ".join(self.process.stderr.read().split()))
        return line

    def say(self, *lines):
        self.process.stdin.write("".join(line + "\n" for line in lines))
        self.process.stdin.flush()

    def hear(self, *lines):
        """The next lines are these; addresses of other interfaces come before them."""
        for expected in lines:
            line = self.next_line()
            while line.startswith("/ip"):
                line = self.next_line()
            if line != expected:
                raise AssertionError(f"heard {line!r}, expected {expected!r}")

    def end(self):
        """Ends the input, which ends the program once its peer has done that too."""
        self.process.stdin.close()

    def wait(self):
        status = self.process.wait(timeout=SECONDS)
        if status != 0 or self.lines.get(timeout=SECONDS) is not None:
            raise AssertionError(f"exit status {status}: {self.process.stderr.read().strip()}")

    def kill(self):
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            pipe.close()


def let_talk(dialer, listener):
    listening = dialing = None
    try:
        listening = Chat(listener)
        dialing = Chat(dialer, listening.address)
        dialing.say("hello")
        listening.hear("hello")
        listening.say("hello yourself", "ĝis")
        dialing.hear("hello yourself", "ĝis")
        dialing.end()
        # One way is closed, the other one still carries.
        speaker = threading.Thread(target=listening.say, args=BURST, daemon=True)
        speaker.start()
        dialing.hear(*BURST)
        speaker.join(SECONDS)
        listening.end()
        dialing.wait()
        listening.wait()
    finally:
        for chat in (dialing, listening):
            if chat is not None:
                chat.kill()


def let_fail(command):
    """An address that nobody listens on is an error that the program tells."""
    ended = subprocess.run([*command, "/ip4/127.0.0.1/tcp/1"], text=True, capture_output=True,
                           stdin=subprocess.DEVNULL, timeout=SECONDS, check=False)
    if ended.returncode != 1 or "refused" not in ended.stderr:
        raise AssertionError(f"exit status {ended.returncode}: {ended.stderr.strip()}")


def run_case(name, commands, function):
    """Prints the line of a case; tells whether it failed."""
    missing = [command for command in commands if isinstance(command, str)]
    if missing:
        print(f"skip {name}: missing: {missing[0]}")
        return False
    try:
        function(*commands)
        print(f"ok {name}", flush=True)
        return False
    except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
        print(f"not ok {name}: {error}", flush=True)
        return True


def main(arguments):
    if len(arguments) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    programs = find_programs(*arguments)
    failures = [run_case(f"chat in {language} tells why it cannot connect", [command], let_fail)
                for language, command in programs.items()]
    failures += [run_case(f"chat in {dialer} with one in {listener}",
                          [programs[dialer], programs[listener]], let_talk)
                 for dialer in programs for listener in programs]
    return 1 if any(failures) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
