# SPDX-License-Identifier: LGPL-2.1-or-later
"""The cases of the suite setup: one function each, named by its docstring.

Prints `ok NAME` or `not ok NAME: REASON`. Nothing is installed.
"""

import collections
import os
import pty
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from report import Cases, Report, check  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LONG = 60
CASES = case = Cases()


class World:
    def __init__(self, folder):
        self.folder = folder
        self.policy = os.path.join(folder, "policy-rc.d")
        self.env = dict(os.environ, LC_ALL="C.UTF-8", TERM="xterm", TMPDIR=folder,
                        PATH=f"{folder}:{os.environ['PATH']}")

    def program(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\n{text}\n")
        os.chmod(path, 0o755)
        return path

    def command(self, text):
        return ["sh", "-euc", f"lp2p_root={ROOT}; . {ROOT}/data/lib-setup.sh; "
                f"setup_sudo= setup_policy={self.policy}; {text}"]

    def run(self, text):
        return subprocess.run(self.command(text), env=self.env, cwd=self.folder, text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=LONG)

    def run_on_terminal(self, text):
        """Returns all that is shown."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.folder)
            os.execvpe("sh", self.command(text), self.env)
        shown = b""
        try:
            while data := os.read(terminal, 65536):
                shown += data
        except OSError:  # the other end is closed
            pass
        os.close(terminal)
        os.waitpid(pid, 0)
        return shown.decode()


@case
def test_table(world):
    """setup: no package is in the table twice, nor shown twice"""
    for column in (1, 2):
        with open(os.path.join(ROOT, "data/packages.txt"), encoding="utf-8") as file:
            rows = [line.split() for line in file if line.strip() and not line.startswith("#")]
        names = collections.Counter(row[column] for row in rows if row[column] != "-")
        check(max(names.values()) == 1, names.most_common(3))
    shown = world.run("setup_detect; setup_table build demo").stdout.splitlines()
    packages = [line.split()[1] for line in shown]
    check(len(packages) > 10 and len(packages) == len(set(packages)), shown)


@case
def test_plain(world):
    """setup: without a terminal there are plain lines"""
    world.program("meson", "echo '[1/2] one'; echo '[2/2] two'")
    result = world.run("setup_compile some/_build")
    lines = result.stderr.splitlines()
    check(lines[0] == "lp2p: compiling _build" and lines[1].startswith("lp2p: compiling _build: done in ")
          and len(lines) == 2 and result.stdout == "", result)
    check(not [name for name in os.listdir(world.folder) if name.startswith("lp2p-")], "a log was left")


@case
def test_terminal(world):
    """setup: on a terminal there is what goes on"""
    # Until it was shown, which is told by nothing but the clock: the first look is at once.
    world.program("meson", "echo '[7/9] Compiling'; i=0; while [ $i -lt 3 ]; do sleep 1; i=$((i + 1)); done")
    shown = world.run_on_terminal("setup_compile some/_build")
    check("\r\033[Klp2p: compiling _build: " in shown and " s  [7/9] Compiling" in shown, repr(shown))
    check("lp2p: compiling _build: done in " in shown.split("\r\033[K")[-1], repr(shown))


@case
def test_failure(world):
    """setup: a failure shows the end of the log, and where all of it is"""
    world.program("meson", "echo '[1/2] one'; echo 'FAILED: two.o'; echo 'two.c:1: error: no'; exit 1")
    for shown in (world.run("setup_compile some/_build || exit 0").stderr,
                  world.run_on_terminal("setup_compile some/_build")):
        check("two.c:1: error: no" in shown and "done in" not in shown, repr(shown))
        log = shown.split("whole log: ")[1].split(")")[0]
        with open(log, encoding="utf-8") as file:
            check("[1/2] one" in file.read(), log)


APT = """
for action in start restart; do
  status=0; "$POLICY" redis-server "$action" || status=$?
  echo "$action $status"
done >policy-said
exit ${APT_STATUS:-0}"""


def ask_policy(world, status=0):
    world.env.update(POLICY=world.policy, APT_STATUS=str(status))
    result = world.run("setup_apt_install redis-server")
    check(result.returncode == status, result)
    with open(os.path.join(world.folder, "policy-said"), encoding="utf-8") as file:
        return file.read()


@case
def test_daemons(world):
    """setup: no daemon is started by what is installed, also where that fails"""
    world.program("apt-get", APT)
    for status in (0, 100):
        said = ask_policy(world, status)
        check(said == "start 101\nrestart 0\n", said)
        check(not os.path.exists(world.policy), "the policy was left")


@case
def test_policy(world):
    """setup: a policy that is there decides, one that was left is replaced"""
    world.program("apt-get", APT)
    world.program("policy-rc.d", "exit 5")
    said = ask_policy(world)
    check(said == "start 5\nrestart 5\n" and os.path.exists(world.policy), said)
    world.program("policy-rc.d", "# lp2p: of a start that was killed")
    said = ask_policy(world)
    check(said == "start 101\nrestart 0\n" and not os.path.exists(world.policy), said)


def main():
    report = Report()
    for function in CASES:
        with tempfile.TemporaryDirectory() as folder:
            report.run(function, World(folder))
    return report.status


if __name__ == "__main__":
    sys.exit(main())
