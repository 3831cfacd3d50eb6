#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Makes lp2p.conf(5) out of what `lp2p config` prints.

Usage: make-conf-man.py VERSION INTRODUCTION CONFIGURATION OUTPUT

INTRODUCTION is a file in the format of man with the sections before the options.
"""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from roff import escape, heading, mark_up  # noqa: E402

GROUP = re.compile(r"\[(.+)\]")
COMMENT = re.compile(r"# (.*) \((\w+)((?:, from \d+ to \d+)?)\)")
KEY = re.compile(r"#?([\w-]+)=(.*)")


def format_line(line, comment):
    """Returns the text of a line and the comment that is above the next one."""
    if group := GROUP.fullmatch(line):
        return f".SS [{escape(group[1])}]", None
    if found := COMMENT.fullmatch(line):
        return None, found
    if (key := KEY.fullmatch(line)) and comment:
        text, type_code, limits = comment.groups()
        return (f".TP\n\\fB{escape(key[1])}\\fR (type {type_code})\n{mark_up(text)}"
                f"{escape(limits)}; the default is \\fB{escape(key[2])}\\fR."), None
    if line:
        raise ValueError(f"cannot read the line {line!r}")
    return None, comment


def make_options(lines):
    comment = None
    for line in lines:
        text, comment = format_line(line, comment)
        if text:
            yield text


def main(arguments):
    if len(arguments) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    version, introduction, configuration, output = arguments
    page = [
        heading("lp2p.conf", 5, version),
        pathlib.Path(introduction).read_text("ascii").rstrip("\n"),
        ".SH OPTIONS",
        *make_options(pathlib.Path(configuration).read_text("utf-8").splitlines()),
        ".SH SEE ALSO\n\\fBlp2p\\fR(1),\n\\fBlp2p\\-config\\fR(1)",
    ]
    pathlib.Path(output).write_text("\n".join(page) + "\n", encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
