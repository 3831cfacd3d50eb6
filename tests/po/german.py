#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Uses the command in German, without anything installed.

Usage: german.py LP2P PLUGINS CATALOGUES

PLUGINS is the folder with the loadable objects, CATALOGUES that with the translations,
both of the build tree. Prints TAP.
"""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from report import Failure, check, print_tap  # noqa: E402

LP2P, PLUGINS, CATALOGUES = (os.path.abspath(path) for path in sys.argv[1:4])
# Longer than anything here takes on a busy machine.
LONG = 60

# A system need not have a German locale, but it has this one. gettext goes by the name,
# so under another one it serves.
C_LOCALES = ("/usr/lib/locale/C.utf8", "/usr/lib/locale/C.UTF-8", "/usr/share/locale/C.utf8")
LOCALE = "de_DE.UTF-8"


def make_locale(folder):
    """A German locale, as far as gettext can tell. Returns the folder of locales."""
    there = [path for path in C_LOCALES if os.path.isdir(path)]
    if not there:
        return None
    os.mkdir(folder)
    os.symlink(there[0], os.path.join(folder, LOCALE))
    return folder


class World:
    def __init__(self, folder):
        self.folder = folder
        self.english = {**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "", "HOME": folder,
                        "XDG_RUNTIME_DIR": folder, "XDG_CONFIG_HOME": folder,
                        "XDG_DATA_HOME": folder, "GSETTINGS_BACKEND": "memory",
                        "LP2P_PLUGIN_PATH": PLUGINS, "LP2P_LOCALE_DIR": CATALOGUES}
        self.german = {**self.english, "LC_ALL": LOCALE, "LANGUAGE": "de",
                       "LOCPATH": make_locale(os.path.join(folder, "locale")) or ""}

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def start(self, *arguments, env=None):
        return subprocess.Popen([LP2P, *arguments], env=env or self.german, cwd=self.folder,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, encoding="utf-8")

    def run(self, *arguments, env=None):
        """Returns what is said on standard output and on standard error."""
        process = self.start(*arguments, env=env)
        try:
            return process.communicate(timeout=LONG)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise Failure(f"{arguments} takes longer than {LONG} s") from None


def stop(process):
    process.send_signal(signal.SIGTERM)
    try:
        return process.communicate(timeout=LONG)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise Failure("the command does not end on SIGTERM") from None


def read_until(process, pattern):
    """Reads lines until one is like @pattern, which they do before the process ends."""
    read = []
    for line in process.stdout:
        read.append(line)
        found = re.search(pattern, line)
        if found:
            return found
    raise Failure(f"no line like {pattern!r} in {read}")


# Cases

def case_help(world):
    out, _ = world.run("--help")
    check("Befehle:\n" in out and "Exit-Status:\n" in out, out)
    check("Misst, wie lange eine Nachricht zu einer Gegenstelle und zurück braucht." in out, out)
    out, _ = world.run("ping", "--help")
    check("=SEKUNDEN" in out and "Sekunden zwischen zwei Pings" in out, out)
    check("ADRESSE ist eine Multiaddr" in out and "Die Gegenstelle muss" in out, out)


def case_library(world):
    _, err = world.run("ping", "/ip4/1.2.3/tcp/1")
    check("der Multiaddr: eine IPv4-Adresse erwartet" in err, err)


def case_plugin(world):
    config = world.write("memory.conf", "[host]\ntransports=['memory']\n")
    _, err = world.run("--config", config, "ping", "/memory/5")
    check("In diesem Prozess lauscht niemand auf /memory/5" in err, err)


def case_descriptor(world):
    out, _ = world.run("inspect", "memory")
    check(re.search(r"^Titel +Speicher$", out, re.MULTILINE), out)
    # Letters count, not bytes.
    columns = {len(re.match(r"\S+ +", line).group()) for line in out.splitlines()}
    check(columns == {16}, out)


def case_plurals(world):
    listener = world.start("listen", "/ip4/127.0.0.1/tcp/0")
    try:
        address = read_until(listener, r"^Adresse +(/\S+)$").group(1)
        for count, text in ((1, "1 Ping an "), (2, "2 Pings an ")):
            out, err = world.run("ping", "--count", str(count), "--interval", "0", address)
            check(f"\n{text}" in out, out + err)
    finally:
        stop(listener)


def case_demo(world):
    """Its processes tell each other where they are, in whatever language."""
    out, err = world.run("demo", "--size", "1K")
    check("SICHERHEIT" in out and re.search(r"\bja\b", out) and not re.search(r"\bnein\b", out),
          out + err)


def case_json(world):
    for arguments in (("inspect", "--json"), ("inspect", "--json", "memory"), ("config", "--json"),
                      ("ping", "--json", "/ip4/1.2.3/tcp/1")):
        german = world.run(*arguments)
        english = world.run(*arguments, env=world.english)
        check(german == english, f"{arguments}: {german}, expected {english}")
    out, _ = world.run("doctor", "--json", "--timeout", "1", "/ip4/127.0.0.1/tcp/1")
    objects = [json.loads(line) for line in out.splitlines()]
    check(objects[0]["verdict"] == "failure" and "nobody listens" in objects[0]["advice"], out)


def case_schema(world):
    for arguments in (("config", "--schema", "host"),):
        german = world.run(*arguments)
        check(german == world.run(*arguments, env=world.english), german)


def answer(world, text, *arguments):
    """Runs the command on a terminal and answers its question. Returns what it said."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(world.folder)
        os.execve(LP2P, [LP2P, *arguments], world.german)
    said = b""
    try:
        os.write(terminal, text.encode())
        while True:
            try:
                read = os.read(terminal, 4096)
            except OSError:
                break
            if not read:
                break
            said += read
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)
    return said.decode()


def case_reasons(world):
    """A reason that is found on one side is read on both, each in its own language."""
    world.write("a", "one thing")
    for folder in ("link", "other"):
        os.mkdir(os.path.join(world.folder, folder))
    os.mkdir(os.path.join(world.folder, "tree"))
    world.write("tree/a", "one thing")
    world.write("other/a", "some thing else")
    os.symlink("..", os.path.join(world.folder, "link", "tree"))
    for path, target, english, german in (
            ("a", "other", "another file has that name", "eine andere Datei hat diesen Namen"),
            ("tree", "link", "a symbolic link is in the way", "eine symbolische Verknüpfung ist im Weg")):
        for env, wanted in ((world.german, german), (world.english, english)):
            other, other_wanted = (world.english, english) if env is world.german else (world.german, german)
            sender = world.start("send", "--listen", "/ip4/127.0.0.1/tcp/0", path, env=env)
            ticket = read_until(sender, r"lp2p receive (lp2p:\S+)").group(1)
            _, err = world.run("receive", "--into", target, ticket, env=other)
            check(other_wanted in err, err)
            check(wanted in sender.communicate(timeout=LONG)[1], f"the sender does not say {wanted}")


def case_yes(world):
    key = os.path.join(world.folder, "lp2p", "one.key")
    world.run("id", "--make", "--name", "one")
    check(os.path.exists(key), "no key was made")
    said = answer(world, "n\n", "id", "--remove", "one")
    check("[j/N]" in said and os.path.exists(key), said)
    said = answer(world, "j\n", "id", "--remove", "one")
    check(not os.path.exists(key), said)


CASES = [
    ("--help is in German", case_help),
    ("so are errors of the library", case_library),
    ("and those of a loadable object", case_plugin),
    ("a descriptor has its title in German", case_descriptor),
    ("one and two are told apart", case_plurals),
    ("the processes of the demo understand each other", case_demo),
    ("--json is the same in every language", case_json),
    ("so is a schema", case_schema),
    ("reasons of a peer are told in the language of who reads them", case_reasons),
    ("the question before a removal takes a German yes", case_yes),
]


def run(case):
    """What is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            case(World(folder))
        except Failure as failure:
            return str(failure).splitlines()
    return []


def main():
    if not any(os.path.isdir(path) for path in C_LOCALES):
        print(f"1..0 # SKIP none of {', '.join(C_LOCALES)} is there")
        return 0
    return print_tap([(title, run(case)) for title, case in CASES])


sys.exit(main())
