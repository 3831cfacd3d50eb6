#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Checks that every message that a person reads is given to gettext.

Usage: check-wrapped.py FOLDER     the top of the source tree
       check-wrapped.py --self-test

Looks at the literals which are arguments of functions that report something, and at
those in the tables of options. Prints TAP; below a case, file, line and literal.
"""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from report import print_tap  # noqa: E402

# Function -> the first and the last argument that is a message, or a part of one.
REPORTING = {
    "g_set_error": (3, 99), "g_set_error_literal": (3, 3),
    "g_error_new": (2, 99), "g_error_new_literal": (2, 2),
    "g_task_return_new_error": (3, 99), "g_task_report_new_error": (6, 99),
    "g_prefix_error": (1, 99), "g_prefix_error_literal": (1, 1),
    "g_propagate_prefixed_error": (2, 99),
    "g_print": (0, 99), "g_printerr": (0, 99),
    "tool_print": (0, 99), "tool_print_field": (0, 1), "tool_progress": (0, 99),
    "tool_fail": (2, 99), "tool_note": (1, 99), "tool_table_add": (2, 2),
    "tool_doctor_tell": (5, 6),
    "lp2p_multiaddr_set_error": (4, 99), "lp2p_config_fail": (2, 99),
    "lp2p_noise_set_crypto_error": (1, 1), "lp2p_noise_layer_fail": (1, 99),
    "send_fail_protocol": (1, 1), "send_set_errno": (1, 1),
    # Those of single files, which have the message where they have it everywhere.
    "fail_usage": (1, 1), "set_invalid": (1, 1), "set_exists": (1, 1),
    "note_failure": (3, 99), "violation": (1, 99), "upgrade_fail": (2, 2),
}

# Type of the entries of a table -> the members that are messages.
TABLES = {"GOptionEntry": {5, 6}, "Lp2pOption": {5}, "ToolCommand": {1, 2}, "Lp2pProtocolInfo": {4}}

# What may stay: a file, the beginning of the literal, and why.
EXCEPTIONS = [
    ("core/tools/lp2p-command-config.c", "<", "a schema, not prose"),
    ("core/tools/lp2p-command-config.c", "  ", "a schema, not prose"),
    ("core/tools/lp2p-command-config.c", '\\" max=', "a schema, not prose"),
    ("core/tools/lp2p-main.c", "lp2p %s", "the name of the program"),
    ("core/tools/lp2p-options.c", "lp2p: ", "the name of the program"),
    ("core/tools/forward/lp2p-forward-poll.c", "epoll: ", "the name of a function"),
]
# Whole files: a folder, and why.
EXCEPTED = [
    ("plugins/example/", "a project of its own, which is copied and has no catalogue"),
]

TOKEN = re.compile(r'''
      (?P<space>\s+|/\*.*?\*/|//[^\n]*)
    | (?P<directive>^[ \t]*\#(?:[^\n\\]|\\\n|\\.)*)
    | (?P<string>"(?:[^"\\\n]|\\.)*")
    | (?P<other>'(?:[^'\\\n]|\\.)*'|\w+|.)''', re.VERBOSE | re.DOTALL | re.MULTILINE)
DIRECTIVE = re.compile(r"%[-+ #0]*[\d*]*(?:\.[\d*]*)?(?:hh|ll|[hlzj])?[a-zA-Z%]")
TABLE = re.compile(r"(\w+)\s+\w+\[\w*\]\s*=\s*$")


def tokenize(text):
    for match in TOKEN.finditer(text):
        if match.lastgroup not in ("space", "directive"):
            yield match.lastgroup, match.group(), match.start()


def is_prose(literal):
    """Whether there is a word in it; a literal alone may be a part of a longer one."""
    rest = re.sub(r"\\.", " ", DIRECTIVE.sub(" ", literal[1:-1]))
    return re.search(r"[A-Za-z]{2}", rest) is not None


def find_literals(text):
    """Each string with its place: (function or None, table or None, argument, literal, offset)."""
    levels = []
    before = ""
    for kind, token, start in tokenize(text):
        if token in ("(", "{", "["):
            table = TABLE.search(text[max(0, start - 100):start]) if token == "{" else None
            inside = table.group(1) if table else None
            if token == "{" and not table and levels and levels[-1][0] == "{":
                inside = levels[-1][1]
            levels.append([token, inside if token == "{" else before, 0])
        elif token in (")", "}", "]"):
            if levels:
                levels.pop()
        elif token == "," and levels:
            levels[-1][2] += 1
        elif kind == "string" and levels:
            bracket, name, argument = levels[-1]
            yield bracket, name, argument, token, start
        before = token


def check(name, text):
    for bracket, function, argument, literal, start in find_literals(text):
        first, last = REPORTING.get(function, (1, 0)) if bracket == "(" else (1, 0)
        in_table = bracket == "{" and argument in TABLES.get(function, ())
        if not (first <= argument <= last or in_table) or not is_prose(literal):
            continue
        if any(name == file and literal[1:].startswith(beginning)
               for file, beginning, _ in EXCEPTIONS):
            continue
        yield f"{name}:{text.count(chr(10), 0, start) + 1}: {function}: {literal}"


def find_sources(root):
    for top in ("core", "modules", "plugins"):
        for path in sorted((root / top).rglob("*.[ch]")):
            name = path.relative_to(root).as_posix()
            is_test = re.search(r"(^|/)(test|fuzz|bench)-|-fixture\.[ch]$|/tls-foreign", name)
            if not is_test and not name.startswith(tuple(folder for folder, _ in EXCEPTED)):
                yield name, path.read_text("utf-8")


def find_idle_exceptions(sources):
    for file, beginning, why in EXCEPTIONS:
        literals = [literal for *_, literal, _ in find_literals(sources.get(file, ""))]
        if not any(literal[1:].startswith(beginning) for literal in literals):
            yield f"nothing in {file} begins with \"{beginning}\" ({why})"


SELF_TESTS = [
    ('g_set_error (error, D, C, "cannot %s", what);', 1),
    ('g_set_error (error, D, C, _("cannot %s"), what);', 0),
    ('g_set_error (error, D, C, "%s: %s", a, b);', 0),
    ('g_set_error (error, D, C, "%s", all ? "one" : "two");', 2),
    ('g_set_error (error, D, C, _("in " X ": %s"), f ("key", g ("x y")));', 0),
    ('tool_print (/* Translators: "a word" */ _("a word"));', 0),
    ('tool_fail (STATUS, "what", "why");', 1),
    ('static const GOptionEntry e[] = { { "long", 0, 0, A, &v, "Help", "ARG" }, { NULL } };', 2),
    ('static const GOptionEntry e[] = { { "long", 0, 0, A, &v, N_("Help"), NULL } };', 0),
    ('static const char *const names[] = { "name" };', 0),
    ('# define X g_print ("text")\n g_debug ("some text");', 0),
]


def self_test():
    cases = []
    for text, expected in SELF_TESTS:
        found = list(check("file.c", text))
        wrong = [f"expected {expected}: {found}"] if len(found) != expected else []
        cases.append((text.replace("\n", " ").replace("#", ""), wrong))
    return print_tap(cases)


def main():
    if sys.argv[1] == "--self-test":
        return self_test()
    sources = dict(find_sources(pathlib.Path(sys.argv[1])))
    unwrapped = [problem for name, text in sources.items() for problem in check(name, text)]
    return print_tap([("all messages are given to gettext", unwrapped),
                      ("all exceptions are needed", list(find_idle_exceptions(sources)))])


sys.exit(main())
