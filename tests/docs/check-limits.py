#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Checks the defaults that the page of limits tells against those that options have.

Usage: check-limits.py LP2P PAGE [MODULE...]

MODULEs are objects that this build lacks, whose options are left out. Prints TAP.
"""

import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from report import print_tap  # noqa: E402

ROW = re.compile(r"^\| .*$", re.MULTILINE)
GROUP = re.compile(r"\[(plugin [a-z0-9-]+)\]")
# The name of an option, in its group or not, and the number and unit that follow.
VALUE = re.compile(r"`(?:\[[a-z0-9 -]+\] )?([a-z]+(?:-[a-z]+)*)`,? \(?([0-9][0-9,]*)(?: (s|KiB|MiB)\b)?")
# No other words in this form are on the page.
NAME = re.compile(r"`(?:\[[a-z0-9 -]+\] )?([a-z]+(?:-[a-z]+)+)`")
UNITS = {"": 1, "s": 1, "KiB": 1024, "MiB": 1024 * 1024}
# Options of the host that bound what others take of it.
LIMIT = re.compile(r"(?:max|connections)-.*|.*-(?:timeout|budget|max|grace)")


def read_options(lp2p, *names):
    text = subprocess.run([lp2p, "config", *names], check=True, capture_output=True, text=True).stdout
    group = None
    for line in text.splitlines():
        head = re.fullmatch(r"\[(.*)\]", line)
        group = head[1] if head else group
        option = re.fullmatch(r"#?([a-z-]+)=(.*)", line)
        if option:
            yield (group, option[1]), option[2]


def check_row(row, options, lacking):
    """The options of a row are those of the groups that it names, or of the host."""
    groups = [group for group in dict.fromkeys(GROUP.findall(row)) if group not in lacking]
    used = set()
    for name, number, unit in VALUE.findall(row):
        value = int(number.replace(",", "")) * UNITS[unit]
        owners = [group for group in groups if (group, name) in options]
        used.update(owners)
        for group in owners or ["host"]:
            default = options.get((group, name))
            # Else the option may be that of an object which is not here.
            if default != str(value) and (default is not None or not lacking & set(GROUP.findall(row))):
                yield f"[{group}] {name} is {default}, the page says {value}: {row[:60]}..."
    for group in groups:
        if group not in used:
            yield f"[{group}] has no option of its row: {row[:60]}..."


def check_names(text, options):
    known = {name for _, name in options}
    return [f"there is no option {name}" for name in sorted(set(NAME.findall(text)) - known)]


def check_all_told(text, options):
    told = {name for name, _, _ in VALUE.findall(text)}
    return [f"[host] {name} is not told" for group, name in options
            if group == "host" and LIMIT.fullmatch(name) and name not in told]


def main(arguments):
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    lp2p, page, lacking = arguments[0], arguments[1], {f"plugin {name}" for name in arguments[2:]}
    text = pathlib.Path(page).read_text("utf-8")
    options = dict(read_options(lp2p))
    for group in sorted(set(GROUP.findall(text)) - lacking):
        options.update(read_options(lp2p, group.removeprefix("plugin ")))
    rows = [row for row in ROW.findall(text) if VALUE.search(row)]
    cases = [("defaults in tables are those of the options",
              [problem for row in rows for problem in check_row(row, options, lacking)] if rows else ["no rows"]),
             ("defaults elsewhere, too", list(check_row(ROW.sub("", text), options, lacking))),
             ("all options exist", check_names(text, options) if not lacking else []),
             ("all limits of a host are told", check_all_told(text, options))]
    return print_tap(cases)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
