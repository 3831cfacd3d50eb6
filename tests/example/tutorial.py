#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Does what a tutorial says, to the letter.

Usage: tutorial.py DOCUMENT FOLDER

A block of code below a line "`NAME`:" is a file of FOLDER. A block of `sh` is typed
into a terminal there: the second one where the line before the block says so. A block
of `text` behind it is what it prints, where … stands for anything; the last command may
then go on running. Else every command has to succeed. ADDRESS is the first address that
was printed, TICKET the first ticket. A command may take 120 seconds, or as many as
LP2P_TUTORIAL_SECONDS says. Of each command it prints "# N s: COMMAND": how long it took, or
until it had printed what is expected.
"""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time

SECONDS = int(os.environ.get("LP2P_TUTORIAL_SECONDS") or 120)
BLOCK = re.compile(r"([^\n]*)\n\n```(\w+)\n(.*?)\n```\n", re.S)
FILE = re.compile(r"`([\w./-]+)`:$")
PRINTED = {"ADDRESS": re.compile(r"/ip4/127\.0\.0\.1/\S+/p2p/\w+"),
           "TICKET": re.compile(r"\blp2p:[\w-]+")}
DONE = "tutorial-command-ended"


class Failure(Exception):
    pass


class Terminal:
    """A shell that is typed into."""

    def __init__(self, folder):
        self.shell = subprocess.Popen(
            ["bash"], cwd=folder, text=True, encoding="utf-8", start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.lines = queue.Queue()
        threading.Thread(target=self.read_lines, daemon=True).start()

    def read_lines(self):
        for line in self.shell.stdout:
            self.lines.put(" ".join(line.split()))

    def type(self, command):
        self.shell.stdin.write(command + "\n")
        self.shell.stdin.flush()

    def next_line(self, deadline, what):
        try:
            line = self.lines.get(timeout=max(0, deadline - time.monotonic()))
        except queue.Empty:
            raise Failure(f"{what}: waited for too long") from None
        print(line, flush=True)
        return line

    def run(self, command):
        """Types a command and waits until it has succeeded."""
        self.type(f"{command}\necho {DONE} $?")
        deadline = time.monotonic() + SECONDS
        line = ""
        while not line.startswith(DONE):
            line = self.next_line(deadline, command)
        if line != f"{DONE} 0":
            raise Failure(f"{command}: exit status {line.split()[-1]}")

    def expect(self, command, pattern):
        """Types a command and waits until it has printed a line; returns that."""
        self.type(command)
        deadline = time.monotonic() + SECONDS
        line = ""
        while not pattern.search(line):
            line = self.next_line(deadline, f"{command}: expected {pattern.pattern}")
        return line

    def close(self):
        os.killpg(self.shell.pid, signal.SIGKILL)
        self.shell.wait()


def as_pattern(line):
    return re.compile("^" + ".*".join(re.escape(part) for part in " ".join(line.split()).split("…")) + "$")


def fill_in(command, words):
    for word, value in words.items():
        command = re.sub(rf"\b{word}\b", value, command)
    return command


def print_seconds(started, command):
    print(f"# {time.monotonic() - started:.1f} s: {command}", flush=True)


def type_block(terminal, commands, expected, words):
    """Notes in words what stands for ADDRESS and TICKET, once it was printed."""
    commands = [fill_in(command, words) for command in commands.split("\n")]
    for command in commands if expected is None else commands[:-1]:
        started = time.monotonic()
        terminal.run(command)
        print_seconds(started, command)
    if expected is None:
        return
    started = time.monotonic()
    for number, line in enumerate(expected.split("\n")):
        printed = terminal.expect(commands[-1] if number == 0 else "", as_pattern(line))
        for word, pattern in PRINTED.items():
            found = pattern.search(printed)
            if found:
                words.setdefault(word, found[0])
    print_seconds(started, commands[-1])


def follow(document, folder, terminals):
    with open(document, encoding="utf-8") as file:
        # One block may follow another at once: every block needs its own line before.
        blocks = BLOCK.findall(file.read().replace("```\n\n```", "```\n\n\n\n```"))
    words = {}
    for number, (before, language, text) in enumerate(blocks):
        name = FILE.search(before)
        if language == "sh":
            following = blocks[number + 1] if number + 1 < len(blocks) else ("", "", "")
            expected = following[2] if following[1] == "text" else None
            which = "second" if "second terminal" in before else "first"
            if which not in terminals:
                terminals[which] = Terminal(folder)
            type_block(terminals[which], text, expected, words)
        elif language != "text":
            if not name:
                raise Failure(f"a block of {language} has no name: expected a line such as `NAME`: before it")
            with open(os.path.join(folder, name[1]), "w", encoding="utf-8") as file:
                file.write(text + "\n")
    if not terminals:
        raise Failure(f"{document} tells to type nothing")


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    terminals = {}
    try:
        follow(*arguments, terminals)
    except Failure as failure:
        print(failure)
        return 1
    finally:
        for terminal in terminals.values():
            terminal.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
