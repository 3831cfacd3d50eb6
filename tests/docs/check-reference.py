#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Checks that the reference is made without a warning, that its links lead somewhere, and
that a page which tells of messages shows them.

Usage: check-reference.py PAGES GIR GI-DOCGEN ARGUMENT...

Prints TAP, a case for each of these; below it, what is wrong.
"""

import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from report import print_tap  # noqa: E402

LINK = re.compile(r'(?:href|src)="([^"#:]+)(?:#([^"]*))?"')
TAG = re.compile(r"<[^>]*>")
ANCHOR = re.compile(r'(?:id|name)="([^"]+)"')


def find_broken_links(folder):
    texts = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".html"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                texts[name] = file.read()
    anchors = {name: set(ANCHOR.findall(text)) for name, text in texts.items()}
    for name, text in texts.items():
        for target, anchor in LINK.findall(text):
            if not os.path.exists(os.path.join(folder, target)):
                yield f"{name}: there is no {target}"
            elif anchor and anchor not in anchors.get(target, {anchor}):
                yield f"{name}: there is no {anchor} in {target}"


def find_missing_messages(folder):
    """Messages of the protocol of lp2p send that its page does not show."""
    with open(os.path.join(folder, "send.html"), encoding="utf-8") as file:
        text = TAG.sub("", file.read())
    return [f"send.html: there is no message {name}" for name in ("Frame", "Offer", "Ticket")
            if not re.search(rf"message\s+{name}\s*{{", text)]


def main(arguments):
    if len(arguments) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    pages, gir, docgen, *options = arguments
    with tempfile.TemporaryDirectory() as folder:
        made = subprocess.run(
            [docgen, "generate", *options, "--content-dir", pages, "--output-dir", folder,
             "--no-namespace-dir", gir],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        broken = list(find_broken_links(folder))
        count = len(os.listdir(folder))
        missing = find_missing_messages(folder) if count else ["there are no pages"]
    cases = [("it is made without a warning", made.stdout.splitlines() if made.returncode else []),
             ("its links lead somewhere", broken if count else ["there are no pages"]),
             ("messages are shown", missing)]
    return print_tap(cases)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
