# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where the tests of this folder run, and how they start and stop what they need.

Each is `TEST.py BUILD`, and changes the addresses of the network: run.sh gives it one of
its own.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
from report import Report  # noqa: E402, F401

BUILD = os.path.abspath(sys.argv[1])
LP2P = os.path.join(BUILD, "core/tools/lp2p")
TLS = os.path.join(HERE, "..", "fixtures", "tls")
HAVE_WS = os.path.exists(os.path.join(BUILD, "plugins/ws.plugin"))

# An address of this machine that is none of the loopback network: whoever connects to it
# does so from there.
OUTSIDE = "192.0.2.1"
SECONDS = 120
# What would lead elsewhere.
FOREIGN = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "XDG_CURRENT_DESKTOP")
HOMES = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")


class Failed(Exception):
    pass


def run(*command):
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return path


@contextlib.contextmanager
def place(name):
    """A folder that is the home of all that runs while the block does."""
    # The first process of a namespace ends by a signal only if it says so.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    for variable in FOREIGN:
        os.environ.pop(variable, None)
    os.environ.update(LC_ALL="C.UTF-8", GSETTINGS_BACKEND="memory", G_DEBUG="fatal-criticals",
                      LP2P_PLUGIN_PATH=os.path.join(BUILD, "plugins"))
    run("ip", "link", "set", "lo", "up")
    run("ip", "addr", "replace", f"{OUTSIDE}/32", "dev", "lo")
    with tempfile.TemporaryDirectory(prefix=f"lp2p-{name}-") as folder:
        os.environ.update(dict.fromkeys(HOMES, folder))
        yield folder


@contextlib.contextmanager
def running(report, name, command, **how):
    """A program while the block runs. It is a case of its own that it ends when it is told to."""
    with subprocess.Popen(command, **how) as program:
        try:
            yield program
        finally:
            program.terminate()
            try:
                status = program.wait(SECONDS)
                report.case(f"{name} ends", f"its status is {status}" if status != 0 else None)
            except subprocess.TimeoutExpired:
                program.kill()
                report.case(f"{name} ends", f"not within {SECONDS} s")


@contextlib.contextmanager
def listening(report, name, addresses, config):
    """`lp2p listen` while the block runs, which gets what the addresses end with."""
    with running(report, name, [LP2P, "listen", "--json", *addresses, "--config", config],
                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as listener:
        yield "/p2p/" + json.loads(listener.stdout.readline())["peer_id"]


def lp2p(*arguments, status=0, **environment):
    """Runs it to its end, which has to be that one."""
    done = subprocess.run([LP2P, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=SECONDS, env={**os.environ, **environment}, check=False)
    if done.returncode != status:
        raise Failed(f"{arguments[0]} ended with status {done.returncode}, expected {status}: {done.stderr}")
    return done


def run_cases(report, cases):
    for name, case in cases:
        try:
            case()
        except (Failed, subprocess.TimeoutExpired) as reason:
            report.case(name, " ".join(str(reason).split()))
        else:
            report.case(name)
