#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Checks the completions of the shells against the command.

Usage: check-completions.py LP2P FOLDER

Prints TAP: what the shells offer at the end of some lines, and that each knows each
command and option.
"""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

# What the end of a line is completed to, whatever the shell.
LINES = [
    ("lp2p pi", ["ping"]),
    ("lp2p re", ["receive"]),
    ("lp2p --verbose sta", ["status"]),
    ("lp2p ping --inter", ["--interval"]),
    ("lp2p ping --no-such", []),
    ("lp2p send ho", ["holiday.mp4", "home"]),
    ("lp2p send --json ho", ["holiday.mp4", "home"]),
    ("lp2p id --type r", ["rsa"]),
    ("lp2p id --type ", ["ed25519", "secp256k1", "ecdsa", "rsa"]),
    ("lp2p id --store f", ["file"]),
    ("lp2p id --store s", ["secret"]),
    ("lp2p config yam", ["yamux"]),
    ("lp2p config ho", ["host"]),
    ("lp2p inspect noi", ["noise"]),
    ("lp2p listen --service per", ["perf"]),
    ("lp2p receive --into ho", ["home"]),
    ("lp2p ping --count ", []),
]
# What fish has no such condition for.
BASH_LINES = [
    ("lp2p --config holiday.mp4 insp", ["inspect"]),
    ("lp2p --config=holiday.mp4 insp", ["inspect"]),
    ("lp2p id --type=ec", ["ecdsa"]),
    ("lp2p id --file=hol", ["holiday.mp4"]),
    ("lp2p help pe", ["perf"]),
    ("lp2p send with", ["with space"]),
]

# An option that was given already is not offered again.
ZSH_LINES = [
    ("lp2p --config holiday.mp4 insp", ["inspect"]),
    ("lp2p id --type=ec", ["--type=ecdsa"]),
    ("lp2p send with", ["with space"]),
    ("lp2p ping --json --js", []),
]

BASH = """
source "$1"
COMP_WORDS=({words}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_lp2p lp2p
[ ${{#COMPREPLY[@]}} -eq 0 ] || printf '%s\\n' "${{COMPREPLY[@]}}"
"""

# Zsh completes only for who types into a terminal, which zpty makes. There is no list of what it
# offers: each of it is inserted once, behind the line as it was.
ZSH = r"""
zmodload zsh/zpty
zpty shell zsh -f -i
for command in \
  "PS1= RPROMPT= fpath=(${(qq)1:h} \$fpath); autoload -Uz compinit; compinit -u -d ${(qq)3}/dump" \
  'choose () { number=$compstate[nmatches] compstate[insert]=$which compstate[list]= }' \
  'offer () {
    local line=$BUFFER number=1 which
    local -a offers
    for (( which = 1; which <= number; which++ )) {
      BUFFER=$line CURSOR=$#line comppostfuncs=(choose)
      zle complete-word
      (( number == 0 )) || offers+=(${BUFFER#${line% *} })
    }
    print -rl -- $offers > $folder/offers.new
    mv $folder/offers.new $folder/offers
    BUFFER=
  }' \
  "folder=${(qq)3}; zle -N offer; bindkey '^I' offer; : > \$folder/ready"
do
  zpty -w shell "$command"
done
wait_for () { until [[ -e $1 ]]; do zpty -r -t shell line; sleep 0.01; done }
wait_for $3/ready
zpty -w -n shell "$2"$'\t'
wait_for $3/offers
cat $3/offers
"""


def run(command, **options):
    made = subprocess.run(command, encoding="utf-8", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False, **options)
    return made.returncode, made.stdout


def split_words(line):
    """The words as bash tells them to a function: = is one of its own."""
    return [word for part in line.split(" ") for word in (re.split("(=)", part) if "=" in part else [part])]


def complete_bash(line, script, options):
    words = " ".join(map(shlex.quote, split_words(line)))
    status, text = run(["bash", "--norc", "-c", BASH.format(words=words), "bash", script], **options)
    return text.splitlines() if status == 0 else [f"bash failed: {text}"]


def complete_fish(line, script, options):
    code = f"source {shlex.quote(script)}; complete -C {shlex.quote(line)}"
    status, text = run(["fish", "--no-config", "-c", code], **options)
    # Each is followed by a tabulator and its description.
    return [offer.partition("\t")[0].rstrip("/") for offer in text.splitlines()] if status == 0 else [text]


def complete_zsh(line, script, options):
    with tempfile.TemporaryDirectory() as folder:
        status, text = run(["zsh", "-f", "-c", ZSH, "zsh", script, line, folder], timeout=60, **options)
    # A value is to follow =, and a path /.
    return [offer.rstrip("/=").replace("\\", "") for offer in text.splitlines() if offer] if status == 0 else [text]


def check_lines(lines, complete, script, options):
    for line, expected in lines:
        offered = complete(line, script, options)
        if sorted(offered) != sorted(expected):
            yield f"{line!r} leads to {offered}, expected {expected}"


def find_words(lp2p):
    """Each command, and its options, as its help lists them."""
    _, text = run([lp2p, "--help"])
    commands = re.findall(r"^  ([a-z]+) +[A-Z]", text.partition("Commands:")[2], re.MULTILINE)
    for name in commands:
        _, text = run([lp2p, name, "--help"])
        yield name, re.findall(r"^  (?:-\w, )?--([a-z][a-z-]*)", text, re.MULTILINE)


def check_bash_words(lp2p, script, options):
    for name, expected in find_words(lp2p):
        offered = complete_bash(f"lp2p {name} --", script, options)
        if sorted(offered) != sorted(f"--{word}" for word in expected) or not expected:
            yield f"{name}: offered {offered}, the options are {expected}"


def check_zsh_words(lp2p, script, options):
    text = pathlib.Path(script).read_text("utf-8")
    for name, expected in find_words(lp2p):
        case = re.search(rf"^ +{name}\)$(.*?);;", text, re.MULTILINE | re.DOTALL)
        offered = re.findall(r"^ +'\*?--([\w-]+)", case[1], re.MULTILINE) if case else []
        if offered != expected or not expected or f"'{name}:" not in text:
            yield f"{name}: offered {offered}, the options are {expected}"


def check_fish_words(lp2p, script, options):
    text = pathlib.Path(script).read_text("utf-8")
    for name, expected in find_words(lp2p):
        offered = re.findall(rf"_from {name}'(?: -s \w)? -l ([\w-]+)", text)
        if offered != expected or not expected or f"-a {name} " not in text:
            yield f"{name}: offered {offered}, the options are {expected}"


def check_syntax(shell, script, options):
    status, text = run([shell, "-n", script], **options)
    return text.splitlines() or ([] if status == 0 else [f"status {status}"])


def make_cases(lp2p, folder, options):
    bash, zsh, fish = (str(folder / name) for name in ("lp2p", "_lp2p", "lp2p.fish"))
    yield "bash offers what fits", "bash", lambda: check_lines(LINES + BASH_LINES, complete_bash, bash, options)
    yield "bash offers the options of each command", "bash", lambda: check_bash_words(lp2p, bash, options)
    yield "zsh offers what fits", "zsh", lambda: check_lines(LINES + ZSH_LINES, complete_zsh, zsh, options)
    yield "zsh knows all commands and options", None, lambda: check_zsh_words(lp2p, zsh, options)
    yield "fish can read it", "fish", lambda: check_syntax("fish", fish, options)
    yield "fish offers what fits", "fish", lambda: check_lines(LINES, complete_fish, fish, options)
    yield "fish knows all commands and options", None, lambda: check_fish_words(lp2p, fish, options)


def print_case(number, name, program, check):
    """Returns whether it passed, or could not be run."""
    if program and not shutil.which(program):
        print(f"ok {number} {name} # SKIP missing: {program}")
        return True
    problems = list(check())
    print(f"{'not ok' if problems else 'ok'} {number} {name}")
    for problem in problems:
        print(f"# {problem}")
    return not problems


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    lp2p, folder = pathlib.Path(arguments[0]).resolve(), pathlib.Path(arguments[1]).resolve()
    with tempfile.TemporaryDirectory() as work:
        for name in ("holiday.mp4", "with space"):
            (pathlib.Path(work) / name).touch()
        (pathlib.Path(work) / "home").mkdir()
        options = {
            "cwd": work,
            "env": {**os.environ, "LC_ALL": "C.UTF-8", "HOME": work, "XDG_CONFIG_HOME": work,
                    "PATH": f"{lp2p.parent}:{os.environ['PATH']}"},
        }
        cases = list(make_cases(str(lp2p), folder, options))
        print(f"1..{len(cases)}")
        passed = [print_case(number, *case) for number, case in enumerate(cases, 1)]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
