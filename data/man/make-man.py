#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Makes the manual pages of the lp2p command out of its --help.

Usage: make-man.py LP2P VERSION SECTIONS FOLDER COMMAND...

SECTIONS is a file in the format of man with what --help does not tell, for the
page of lp2p itself. The COMMANDs have to be those that there are.
"""

import itertools
import pathlib
import re
import sys
import textwrap

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import command_help  # noqa: E402
from roff import escape, heading, mark_up  # noqa: E402


def is_literal(line):
    """Examples are indented, and tables have their columns."""
    return line.startswith(" ") or "   " in line


def format_literal(lines):
    text = textwrap.dedent("\n".join(lines)).split("\n")
    return "\n".join([".RS 4\n.nf", *map(escape, text), ".fi\n.RE"])


def format_block(lines):
    runs = itertools.groupby(lines, is_literal)
    return "\n".join(format_literal(run) if literal else "\n".join(map(mark_up, run))
                     for literal, run in runs)


def format_option(option):
    names = f"{option.short}, {option.name}" if option.short else option.name
    value = f"=\\fI{escape(option.value)}\\fR" if option.value else ""
    return f".TP\n\\fB{escape(names)}\\fR{value}\n{mark_up(option.text)}."


def format_options(title, options):
    return [f".SH {title}", *map(format_option, options)] if options else []


def format_commands(commands):
    yield ".SH COMMANDS"
    for name, summary in commands:
        yield f".TP\n\\fBlp2p\\-{escape(name)}\\fR(1)\n{mark_up(summary)}"


def find_section(block):
    first = block[0]
    if first.startswith("Exit status:"):
        return "EXIT STATUS", [first[len("Exit status:"):].strip(), *block[1:]]
    if first.startswith("The exit status is"):
        return "EXIT STATUS", block
    if re.match("Examples?:", first):
        return "EXAMPLES", [first.partition(":")[2].strip().capitalize(), *block[1:]]
    if first.startswith("--json prints"):
        return "JSON OUTPUT", block
    return "DESCRIPTION", block


def sort_blocks(blocks):
    sections = {"DESCRIPTION": [], "JSON OUTPUT": [], "EXIT STATUS": [], "EXAMPLES": []}
    for block in blocks:
        title, lines = find_section(block)
        sections[title].append([line for line in lines if line])
    return sections


def format_section(title, blocks):
    return [f".SH {title}", "\n.PP\n".join(map(format_block, blocks))] if blocks else []


def format_name(page, summary):
    return f".SH NAME\n{escape(page)} \\- {escape(summary[0].lower() + summary[1:].rstrip('.'))}"


def format_usage(usage):
    command, _, rest = usage.partition(" [")
    return f".SH SYNOPSIS\n\\fB{escape(command)}\\fR [{escape(rest)}"


def make_top_page(top, version, more):
    sections = sort_blocks(block for block in top.blocks
                           if block[0] != "Commands:" and not block[0].endswith("tells more about each."))
    return [
        heading("lp2p", 1, version),
        format_name("lp2p", "libp2p from the command line"),
        format_usage(top.usage),
        f".SH DESCRIPTION\n{mark_up(top.summary)}\nEach command has a page of its own, and "
        "tells of itself with \\fB\\-\\-help\\fR.",
        *format_commands(top.commands),
        *format_options("OPTIONS", top.options),
        *format_section("EXIT STATUS", sections["EXIT STATUS"]),
        more.rstrip("\n"),
    ]


def find_related(page, commands, name):
    """The commands that a page speaks of."""
    text = " ".join(" ".join(block) for block in page.blocks)
    named = set(re.findall(r"lp2p ([a-z]+)", text))
    return [f"lp2p-{other}" for other in commands if other in named and other != name]


def make_page(name, page, top, version):
    common = [option for option in page.options if option in top.options]
    own = [option for option in page.options if option not in common]
    sections = sort_blocks(page.blocks)
    status = sections["EXIT STATUS"] or [["That of lp2p, which its page lists."]]
    related = ["lp2p", *find_related(page, dict(top.commands), name)]
    if [page.summary] not in sections["DESCRIPTION"]:
        sections["DESCRIPTION"].insert(0, [page.summary])
    return [
        heading(f"lp2p-{name}", 1, version),
        format_name(f"lp2p-{name}", page.summary),
        format_usage(page.usage),
        *format_section("DESCRIPTION", sections["DESCRIPTION"]),
        *format_options("OPTIONS", own),
        *format_options("COMMON OPTIONS", common),
        *format_section("JSON OUTPUT", sections["JSON OUTPUT"]),
        *format_section("EXIT STATUS", status),
        *format_section("EXAMPLES", sections["EXAMPLES"]),
        ".SH SEE ALSO",
        ",\n".join(f"\\fB{escape(other)}\\fR(1)" for other in related) + ",\n\\fBlp2p.conf\\fR(5)",
    ]


def write(folder, name, parts):
    (folder / name).write_text("\n".join(parts) + "\n", encoding="ascii")


def main(arguments):
    if len(arguments) < 5:
        print(__doc__, file=sys.stderr)
        return 2
    lp2p, version, sections, folder, *names = arguments
    folder = pathlib.Path(folder)
    top, commands = command_help.read_all(lp2p)
    if sorted(names) != sorted(commands):
        print(f"the commands are {' '.join(sorted(commands))}, pages were asked for "
              f"{' '.join(sorted(names))}", file=sys.stderr)
        return 1
    write(folder, "lp2p.1", make_top_page(top, version, pathlib.Path(sections).read_text("utf-8")))
    for name, page in commands.items():
        write(folder, f"lp2p-{name}.1", make_page(name, page, top, version))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
