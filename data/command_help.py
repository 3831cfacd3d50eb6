# SPDX-License-Identifier: LGPL-2.1-or-later

"""Reads what `lp2p --help` and `lp2p COMMAND --help` print.

The manual pages and the completions of shells are made from it, so that they
say what the command does.
"""

import dataclasses
import os
import re
import subprocess

OPTION = re.compile(r"  (?:(-\w), )?(--[\w-]+)(?:=(\S+))?\s+(.*)")
COMMAND = re.compile(r"  ([\w-]+)\s+(.*)")


@dataclasses.dataclass(frozen=True)
class Option:
    short: str | None
    name: str
    value: str | None
    text: str


@dataclasses.dataclass(frozen=True)
class Help:
    """What one --help says; blocks are what stands between empty lines below the options."""

    usage: str
    summary: str
    options: list[Option]
    blocks: list[list[str]]

    @property
    def commands(self):
        """Pairs of name and summary."""
        for block in self.blocks:
            if block[0] == "Commands:":
                return [COMMAND.fullmatch(line).groups() for line in block[1:]]
        return []

    @property
    def arguments(self):
        return self.usage.partition("[OPTION…]")[2].strip()


def parse(text):
    blocks = [block.split("\n") for block in text.strip("\n").split("\n\n")]
    usage, summary, *rest = blocks
    options = []
    while rest and rest[0][0].endswith("Options:"):
        options += [Option(*OPTION.fullmatch(line).groups()) for line in rest.pop(0)[1:]]
    return Help(usage[1].strip(), " ".join(summary), options, rest)


def read(lp2p, *command):
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    made = subprocess.run([lp2p, *command, "--help"], env=environment, stdout=subprocess.PIPE,
                          encoding="utf-8", check=True)
    return parse(made.stdout)


def read_all(lp2p):
    """The help of lp2p itself, and that of each command by name."""
    top = read(lp2p)
    return top, {name: read(lp2p, name) for name, _ in top.commands}
