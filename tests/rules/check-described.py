#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Checks that every function of an installed header has a comment that describes it.

Usage: check-described.py FOLDER     the top of the source tree

What only loadable objects see is in no introspection data: check-gir.py cannot look at
it. Prints TAP; below it, what is wrong.
"""

import glob
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from report import print_tap  # noqa: E402

EXPORTED = re.compile(r"\bLP2P_AVAILABLE_IN_\w+\n[^;]*?\b(lp2p_\w+) \(")
DESCRIBED = re.compile(r"^/\*\*\n \* (lp2p_\w+):(.*?)\*/", re.M | re.S)
# Parameters, the result, and versions describe no function; a result alone does.
SAYS_NOTHING = re.compile(r"^ \*\s*$|^ \* (?:@\w+|Since):.*$", re.M)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def find_problems(root):
    described = {}
    for path in glob.glob(os.path.join(root, "core/*/*.c")):
        described.update(DESCRIBED.findall(read(path)))
    count = 0
    for path in sorted(glob.glob(os.path.join(root, "core/*/*.h"))):
        if path.endswith("-private.h"):
            continue
        for name in EXPORTED.findall(read(path)):
            if name.endswith("_get_type"):
                continue
            count += 1
            if not SAYS_NOTHING.sub("", described.get(name, "")).strip():
                yield f"{os.path.relpath(path, root)}: {name} is not described"
    if count == 0:
        yield "there are no functions: expected those of core"


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    return print_tap([("every function of an installed header is described", list(find_problems(arguments[0])))])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
