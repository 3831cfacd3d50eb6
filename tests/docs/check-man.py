#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Checks the manual pages against the command, and that they are well-formed.

Usage: check-man.py LP2P CONFIGURATION FOLDER

CONFIGURATION is what `lp2p config` prints. Prints TAP, a case for each page; below
it, what is wrong.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from report import print_tap  # noqa: E402

SECTION = re.compile(r"^(?:COMMON )?OPTIONS\n(.*?)^(?=\w)", re.MULTILINE | re.DOTALL)
# What is described is less indented than its description.
ENTRY = re.compile(r"^ {7}(?:-\w, )?(--[a-z][a-z-]*)", re.MULTILINE)


def run(*command):
    made = subprocess.run(command, env={**os.environ, "LC_ALL": "C.UTF-8"}, encoding="utf-8",
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    return made.stdout, made.stderr.splitlines()


def render(path):
    """The text of a page without overstriking, and what the formatter complains of."""
    text, problems = run("groff", "-man", "-ww", "-Tutf8", "-P-cbou", "-rHY=0", str(path))
    return text.expandtabs(), problems


def list_options(help_text):
    """The options that the help lists: those it only speaks of may be those of others."""
    return set(re.findall(r"^  (?:-\w, )?(--[a-z][a-z-]*)", help_text, re.MULTILINE))


def check_command(lp2p, command, path):
    if not path.exists():
        return [f"there is no {path.name}"]
    options = list_options(run(lp2p, *command, "--help")[0])
    text, problems = render(path)
    described = {name for section in SECTION.findall(text) for name in ENTRY.findall(section)}
    problems += [f"{name} is not described" for name in sorted(options - described)]
    problems += [f"{name} is described but does not exist" for name in sorted(described - options)]
    problems += [f"there is no section {title}"
                 for title in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "SEE ALSO")
                 if not re.search(rf"^{title}$", text, re.MULTILINE)]
    return problems if options else ["the command has no options"]


def check_configuration(configuration, path):
    keys = re.findall(r"^#?([a-z-]+)=", pathlib.Path(configuration).read_text("utf-8"), re.MULTILINE)
    text, problems = render(path)
    described = re.findall(r"^ +([a-z-]+) \(type \w+\)", text, re.MULTILINE)
    if not keys or described != keys:
        problems.append(f"the options are {keys}, those described {described}")
    return problems


def check_links(folder):
    """Pages that are pointed to have to be there."""
    for path in sorted(folder.glob("*.[15]")):
        for name, section in re.findall(r"\b(lp2p[\w.-]*)\((\d)\)", render(path)[0]):
            if not (folder / f"{name}.{section}").exists():
                yield f"{path.name}: there is no {name}({section})"


def main(arguments):
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    if not shutil.which("groff"):
        print("1..0 # SKIP missing: groff")
        return 0
    lp2p, configuration, folder = arguments[0], arguments[1], pathlib.Path(arguments[2])
    commands = re.findall(r"^  ([a-z]+) +[A-Z]", run(lp2p, "--help")[0].partition("Commands:")[2], re.MULTILINE)
    cases = [("lp2p(1)", check_command(lp2p, [], folder / "lp2p.1"))]
    cases += [(f"lp2p-{name}(1)", check_command(lp2p, [name], folder / f"lp2p-{name}.1")) for name in commands]
    cases.append(("lp2p.conf(5)", check_configuration(configuration, folder / "lp2p.conf.5")))
    cases.append(("pages that others name are there", list(check_links(folder))))
    pages = {path.name for path in folder.glob("lp2p-*.1")}
    stray = pages - {f"lp2p-{name}.1" for name in commands}
    cases.append(("each page is that of a command", sorted(stray) if commands else ["there are no commands"]))
    return print_tap(cases)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
