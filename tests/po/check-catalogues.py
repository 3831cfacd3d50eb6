#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Checks po/: that all sources with messages are listed, and all translations complete.

Usage: check-catalogues.py FOLDER [ARGUMENT...]

FOLDER is the top of the source tree, the ARGUMENTs are those of po/meson.build for
xgettext. Prints TAP; below a case, what is wrong.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from report import print_tap  # noqa: E402

# What meson's preset "glib" gives to xgettext, as far as we use it.
PRESET = ["--from-code=UTF-8", "--keyword=_", "--keyword=N_", "--keyword=g_dngettext:2,3",
          "--flag=N_:1:pass-c-format", "--flag=_:1:pass-c-format",
          "--flag=g_dngettext:2:pass-c-format", "--flag=g_dngettext:3:pass-c-format"]

MESSAGE = re.compile(r'\b(?:_|N_|lp2p_ngettext|g_dngettext) ?\(')
# Where the functions themselves are.
NO_MESSAGES = ("core/types/lp2p-i18n-private.h", "core/types/lp2p-i18n.c")


def find_sources(root):
    """All that has messages."""
    for top in ("core", "modules", "plugins"):
        for path in sorted((root / top).rglob("*")):
            name = path.relative_to(root).as_posix()
            if name.endswith(".plugin.desktop.in"):
                yield name
            elif name.endswith((".c", ".h")) and name not in NO_MESSAGES:
                if MESSAGE.search(path.read_text("utf-8")):
                    yield name


def check_potfiles(root):
    lines = (root / "po/POTFILES.in").read_text("utf-8").splitlines()
    listed = [line for line in lines if line and not line.startswith("#")]
    sources = set(find_sources(root))
    problems = [f"{name} has messages, but is not in po/POTFILES.in"
                for name in sorted(sources - set(listed))]
    problems += [f"po/POTFILES.in lists {name}, which has no messages or does not exist"
                 for name in sorted(set(listed) - sources)]
    if listed != sorted(set(listed)):
        problems.append("po/POTFILES.in is not in alphabetical order, or lists a file twice")
    return problems


def run(*command, cwd=None):
    made = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          encoding="utf-8", check=False)
    return made.returncode, made.stdout


def extract(root, arguments, pot):
    status, text = run("xgettext", *PRESET, *arguments, "--files-from=po/POTFILES.in",
                       f"--output={pot}", cwd=root)
    problems = text.splitlines()
    return problems if status == 0 or problems else [f"xgettext ends with {status}"]


def list_messages(catalogue, *which):
    """The ids of some messages of a catalogue, each in one line."""
    text = run("msgattrib", *which, "--no-obsolete", "--no-wrap", catalogue)[1]
    return [line for line in re.findall(r'^msgid "(.+)"$', text, re.MULTILINE)]


def check_language(root, language, pot, folder):
    source = root / "po" / f"{language}.po"
    merged = str(folder / f"{language}.po")
    if not source.exists():
        return [f"po/LINGUAS lists {language}, but there is no po/{language}.po"]
    status, text = run("msgfmt", "--check", f"--output-file={folder / 'checked.mo'}", str(source))
    problems = text.splitlines() if status != 0 else []
    status, text = run("msgmerge", "--quiet", f"--output-file={merged}", str(source), pot)
    if status != 0:
        return problems + text.splitlines()
    problems += [f"not translated: {text}" for text in list_messages(merged, "--untranslated")]
    problems += [f"fuzzy: {text}" for text in list_messages(merged, "--only-fuzzy")]
    problems += [f"translated, but not in the sources any more: {text}" for text in
                 sorted(set(list_messages(str(source))) - set(list_messages(pot)))]
    return problems


def main():
    root = pathlib.Path(sys.argv[1])
    languages = (root / "po/LINGUAS").read_text("utf-8").split()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        pot = str(folder / "lp2p.pot")
        cases = [("all sources with messages are listed, and no others", check_potfiles(root)),
                 ("messages can be taken from the sources", extract(root, sys.argv[2:], pot))]
        cases += [(f"{language} is complete, and its formats agree",
                   check_language(root, language, pot, folder)) for language in languages]
    return print_tap(cases)


sys.exit(main())
