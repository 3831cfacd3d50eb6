#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Compares what the library exports with the list of what it should, and what programs that
are linked with it look for.

Usage: check-library-symbols.py LIBRARY OTHER...   compares, and prints TAP
       check-library-symbols.py --update LIBRARY   writes the list

The list is liblp2p-1.symbols in this folder, sorted, one symbol a line. See
data/docs/abi.md for what may change in it.
"""

import importlib
import os
import re
import subprocess
import sys

LIST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "liblp2p-1.symbols")

sys.path[:0] = [os.path.dirname(LIST), os.path.join(os.path.dirname(LIST), "..", "lib")]
from report import print_tap  # noqa: E402
exported = importlib.import_module("check-symbols").exported


def find_soname(library):
    text = subprocess.run(["readelf", "-d", library], check=True, capture_output=True, text=True).stdout
    return re.findall(r"\(SONAME\) .*\[(.+)\]", text)


def check_sonames(libraries):
    """Another name is for another ABI: programs that were built before do not start with it."""
    for library in libraries:
        name = os.path.basename(library).partition(".so")[0] + ".so.0"
        found = find_soname(library)
        if found != [name]:
            yield f"{library} is called {found}, expected {name}"


def compare(library, *others):
    with open(LIST, encoding="utf-8") as file:
        listed = file.read().splitlines()
    found = exported(library)
    return print_tap([
        ("the list is sorted, each symbol once", [] if listed == sorted(set(listed)) else [LIST]),
        ("nothing that is listed has gone", sorted(set(listed) - set(found))),
        ("nothing is exported that is not listed", sorted(set(found) - set(listed))),
        ("programs find it by the name that they know", list(check_sonames([library, *others]))),
    ])


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "--update":
        with open(LIST, "w", encoding="utf-8") as file:
            file.writelines(symbol + "\n" for symbol in exported(arguments[1]))
        return 0
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    return compare(*arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
