#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Makes pages of the reference from the documents of this tree.

Usage: make-pages.py FOLDER NAME=DOCUMENT...

gi-docgen wants the title in a header of its own, and links to what it makes. Links
to documents that are no pages lose their target, not their text; messages (`.proto`) that
are linked to stand at the end of the page.
"""

import os
import re
import sys

LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)")


def make_page(document, pages):
    with open(document, encoding="utf-8") as file:
        first, _, text = file.read().partition("\n")
    if not first.startswith("# "):
        raise ValueError(f"{document}:1: expected a title, such as `# Threads`")

    messages = []

    def link(match):
        target = os.path.normpath(os.path.join(os.path.dirname(document), match[2]))
        name = pages.get(os.path.realpath(target))
        if target.endswith(".proto") and target not in messages:
            messages.append(target)
        return f"[{match[1]}]({name}.html{match[3] or ''})" if name else match[1]

    page = f"Title: {first[2:]}\n{LINK.sub(link, text)}"
    for path in messages:
        with open(path, encoding="utf-8") as file:
            page += f"\n## {os.path.basename(path)}\n\n```protobuf\n{file.read()}```\n"
    return page


def main(arguments):
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    folder = arguments[0]
    documents = dict(argument.split("=", 1) for argument in arguments[1:])
    pages = {os.path.realpath(document): name for name, document in documents.items()}
    os.makedirs(folder, exist_ok=True)
    for name, document in documents.items():
        with open(os.path.join(folder, name + ".md"), "w", encoding="utf-8") as file:
            file.write(make_page(document, pages))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
