# SPDX-License-Identifier: LGPL-2.1-or-later
"""The cases of the suite cli: one function each, named by its docstring.

Usage: cases.py SOURCE BUILD; prints `ok NAME` or `not ok NAME: REASON`.
"""

import contextlib
import glob
import json
import os
import pty
import re
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from report import Cases, Failure, Report, Skip, check  # noqa: E402

SOURCE, BUILD = (os.path.abspath(path) for path in sys.argv[1:3])
LP2P = os.path.join(BUILD, "core/tools/lp2p")
KEYS = os.path.join(SOURCE, "tests/unit/data/keys")
# Sanitizers and busy machines are slow; what hangs is caught all the same.
LONG = 120
COMMANDS = ["config", "demo", "doctor", "forward", "id", "identify", "inspect", "listen", "perf", "ping",
            "receive", "send", "status"]
ANOTHER_PEER = "12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5"
LOOPBACK = "/ip4/127.0.0.1/tcp/0"
# Transport: where to listen, security and muxer where these are its own.
LOOPBACKS = {"tcp": (LOOPBACK, None, None)}
if os.path.exists(os.path.join(BUILD, "plugins", "quic-v1.plugin")):
    LOOPBACKS["quic-v1"] = ("/ip4/127.0.0.1/udp/0/quic-v1", "tls", "native")


class Result:
    def __init__(self, process, out, err):
        self.status, self.out, self.err = process.returncode, out, err

    def __str__(self):
        return f"status {self.status}, out {self.out!r}, err {self.err!r}"

    def expect(self, status, err=None):
        check(self.status == status, f"expected status {status}, got {self}")
        if err is not None:
            check(re.search(err, self.err), f"expected {err!r} in {self.err!r}")
        if status != 0:
            check(self.err.startswith("lp2p: ") and self.err.count("\n") == 1,
                  f"expected one line that starts with lp2p:, got {self}")
        return self

    def objects(self):
        try:
            return [json.loads(line) for line in self.out.splitlines()]
        except ValueError as error:
            raise Failure(f"no JSON ({error}): {self.out!r}") from error

    def object(self):
        objects = self.objects()
        check(len(objects) == 1, f"expected one JSON object, got {self}")
        return objects[0]


@contextlib.contextmanager
def deadline(process):
    """Kills a process that is waited for in vain, so that what is read from it has an end."""
    watchdog = threading.Timer(LONG, process.kill)
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


def read_line(process, file=None):
    """The next line that it prints; nothing when it has ended."""
    with deadline(process):
        return (file or process.stdout).readline()


def stop(process, number=signal.SIGTERM):
    """Tells a process to end."""
    process.send_signal(number)
    return Result(process, *process.communicate(timeout=LONG))


@contextlib.contextmanager
def without_descriptors(pid):
    """As if a process had as many files open as it may."""
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = {int(number) for number in os.listdir(f"/proc/{pid}/fd")}
    first = min(set(range(len(used) + 1)) - used)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (first, limits[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)


class World:
    """A home of its own for each case."""

    def __init__(self, folder):
        self.folder = folder
        self.env = dict(os.environ, LC_ALL="C.UTF-8", HOME=folder, GSETTINGS_BACKEND="memory",
                        TMPDIR=self.make("tmp"), LP2P_PLUGIN_PATH=os.path.join(BUILD, "plugins"))
        for name in ("CONFIG", "DATA", "STATE", "CACHE"):
            self.env[f"XDG_{name}_HOME"] = os.path.join(folder, name.lower())
        self.env["XDG_RUNTIME_DIR"] = self.make("runtime")
        os.chmod(self.env["XDG_RUNTIME_DIR"], 0o700)
        self.env.pop("G_MESSAGES_DEBUG", None)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def make(self, name):
        os.makedirs(self.path(name), exist_ok=True)
        return self.path(name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def start(self, *arguments, **options):
        """A process that the caller ends."""
        options = {"env": self.env, "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                   "stderr": subprocess.PIPE, "text": True, "cwd": self.folder, **options}
        return subprocess.Popen([LP2P, *arguments], **options)

    @contextlib.contextmanager
    def running(self, *arguments, **options):
        """A process that does not outlive what is done with it."""
        with self.start(*arguments, **options) as process:
            try:
                yield process
            finally:
                process.kill()

    def run(self, *arguments):
        with self.running(*arguments) as process:
            try:
                out, err = process.communicate(timeout=LONG)
            except subprocess.TimeoutExpired as error:
                raise Failure(f"{' '.join(arguments)}: still running after {LONG} s") from error
        return Result(process, out, err)

    @contextlib.contextmanager
    def listener(self, *arguments):
        """Runs `lp2p listen`; yields what it says when it is ready."""
        with self.running("listen", "--json", *arguments) as process:
            line = read_line(process)
            check(line, "the listener ended: " + (process.stderr.read() if not line else ""))
            yield json.loads(line)
            check(process.poll() is None, f"the listener ended by itself: {process.poll()}")
            stop(process).expect(0)


CASES = case = Cases()


# The command itself

@case
def test_help(world):
    """help of the command"""
    result = world.run("--help").expect(0)
    for command in COMMANDS:
        check(re.search(rf"^  {command} +\S", result.out, re.M), f"{command} is not in {result.out}")
    for code in range(6):
        check(re.search(rf"^  {code}  \S", result.out, re.M), f"no exit status {code}")
    check(world.run("help").expect(0).out == result.out, "lp2p help differs")


@case
def test_help_of_commands(world):
    """help of each command"""
    for command in COMMANDS:
        result = world.run(command, "--help").expect(0)
        check(result.out.startswith(f"Usage:\n  lp2p {command} "), result.out)
        for option in ("--config", "--identity", "--plugin-path", "--verbose", "--json"):
            check(option in result.out, f"{command} --help has no {option}")
        check("demo-folder" not in result.out, "an internal option is shown")
        check(world.run("help", command).expect(0).out == result.out, f"help {command} differs")


@case
def test_version(world):
    """version"""
    check(re.fullmatch(r"lp2p \d+\.\d+\.\d+\n", world.run("--version").expect(0).out), "no version")


@case
def test_usage(world):
    """wrong usage"""
    world.run().expect(2, "missing")
    world.run("pong").expect(2, 'did you mean "ping"')
    world.run("inspcet").expect(2, 'did you mean "inspect"')
    world.run("completely-else").expect(2, "unknown command")
    world.run("--nonsense").expect(2, "--nonsense")
    for command in COMMANDS:
        world.run(command, "--nonsense").expect(2, "--nonsense.* --help")
    world.run("ping").expect(2, "missing ADDRESS")
    world.run("ping", "/ip4/127.0.0.1/tcp/1", "more").expect(2, "more")
    world.run("ping", "-c", "-1", "/ip4/127.0.0.1/tcp/1").expect(2, "count")
    world.run("ping", "-i", "nan", "/ip4/127.0.0.1/tcp/1").expect(2, "interval")
    world.run("identify", "--timeout", "0", "/ip4/127.0.0.1/tcp/1").expect(2, "timeout")
    world.run("id", "more").expect(2, "more")
    world.run("id", "--type", "rsa").expect(2, "--make")
    world.run("id", "--make", "--type", "dsa").expect(2, "dsa.*ed25519")
    world.run("id", "--make", "--import", "x").expect(2, "exclude")
    world.run("id", "--force").expect(2, "--force")
    world.run("perf").expect(2, "missing ADDRESS")
    world.run("perf", "-u", "1X", LOOPBACK).expect(2, "upload.*1X")
    world.run("perf", "--download", "-1", LOOPBACK).expect(2, "download.*-1")
    world.run("perf", "--timeout", "0", LOOPBACK).expect(2, "timeout")
    for size in ("0", "-1", "x", "1X", "1025G", "99999999999999999999", ""):
        world.run("demo", "--size", size).expect(2, "size")


@case
def test_control_characters(world):
    """no escape sequence reaches the terminal"""
    result = world.run("inspect", "a\033[31m\nb").expect(1)
    check("\033" not in result.err, result)


# lp2p id

@case
def test_id_make(world):
    """id: make and show"""
    made = world.run("id", "--make", "--json").expect(0).object()
    check(made["file"] == world.path("data", "lp2p", "identity.key"), made)
    check(made["key_type"] == "ed25519" and made["peer_id"].startswith("12D3KooW"), made)
    check(made["cid"][0] in "bk", made)
    check(stat.S_IMODE(os.stat(made["file"]).st_mode) == 0o600, "the mode is not 0600")
    check(stat.S_IMODE(os.stat(os.path.dirname(made["file"])).st_mode) == 0o700, "nor 0700")
    check(world.run("id", "--json").expect(0).object() == made, "shows another one")
    text = world.run("id").expect(0).out
    check(all(value in text for value in made.values()), text)


@case
def test_id_keep(world):
    """id: no key is replaced unless forced"""
    made = world.run("id", "--make", "--json").expect(0).object()
    world.run("id", "--make").expect(1, "--force")
    check(world.run("id", "--json").expect(0).object() == made, "it was replaced")
    other = world.run("id", "--make", "--force", "--json").expect(0).object()
    check(other["peer_id"] != made["peer_id"], "it was not replaced")
    world.run("id", "--export", world.path("out")).expect(0)
    world.run("id", "--export", world.path("out")).expect(1, "--force")


@case
def test_id_types(world):
    """id: all types of keys, exported and imported"""
    starts = {"ed25519": "12D3KooW", "secp256k1": "16Uiu2", "ecdsa": "Qm", "rsa": "Qm"}
    for key_type, start in starts.items():
        file = world.path(key_type)
        made = world.run("id", "--make", "--type", key_type, "--file", file, "--export",
                         world.path("out"), "--force", "--json").expect(0).object()
        check(made["key_type"] == key_type and made["peer_id"].startswith(start), made)
        check(stat.S_IMODE(os.stat(world.path("out")).st_mode) == 0o600, "the mode is not 0600")
        copied = world.run("--identity", world.path("copy"), "id", "--import", world.path("out"),
                           "--force", "--json").expect(0).object()
        check(copied["peer_id"] == made["peer_id"], f"{key_type}: {copied} of {made}")


@case
def test_id_import(world):
    """id: keys of other programs"""
    for kind in ("ed25519", "secp256k1", "ecdsa", "rsa"):
        ids = set()
        for form in ("base64", "pem", "protobuf"):
            result = world.run("id", "--import", os.path.join(KEYS, f"{kind}.{form}"), "--file",
                               world.path("key"), "--force", "--json").expect(0).object()
            check(result["key_type"] == kind, result)
            ids.add(result["peer_id"])
        check(len(ids) == 1, f"{kind}: the forms give {ids}")


@case
def test_id_broken(world):
    """id: files that are no keys"""
    broken = sorted(glob.glob(os.path.join(KEYS, "broken*")))
    check(len(broken) > 5, "where are the broken keys?")
    for file in broken:
        world.run("id", "--import", file).expect(1, re.escape(os.path.basename(file)))
    check(not os.path.exists(world.path("data", "lp2p", "identity.key")), "something was stored")
    world.run("id").expect(1, "--make")
    world.run("id", "--file", world.path("none")).expect(1, "--make")
    world.run("id", "--file", world.folder).expect(1, "regular file")
    world.run("id", "--make", "--file", "/dev/null/key").expect(1, "/dev/null")
    world.run("id", "--make").expect(0)
    os.chmod(world.path("data", "lp2p", "identity.key"), 0o644)
    world.run("id").expect(1, "0600")


# lp2p inspect

@case
def test_inspect(world):
    """inspect: what is enabled is loaded"""
    objects = world.run("inspect", "--json").expect(0).objects()
    enabled = [row for row in objects if row["enabled"]]
    check({"transport", "security", "muxer", "service"} <= {row["kind"] for row in enabled}, objects)
    for row in enabled:
        check(row["loaded"] and row["error"] is None and os.path.isfile(row["file"]), row)
    table = world.run("inspect").expect(0).out.splitlines()
    check(table[0].split() == "NAME KIND PROTOCOLS ENABLED LOADED FILE ERROR".split(), table[0])
    check([line.split()[0] for line in table[1:]] == [row["name"] for row in objects], table)


@case
def test_inspect_name(world):
    """inspect: one in detail"""
    row = world.run("inspect", "noise", "--json").expect(0).object()
    check(row["protocols"] == ["/noise"] and row["title"] and row["description"], row)
    check(isinstance(row["priority"], int) and row["license"] == "LGPL-2.1-or-later", row)
    check(row["title"] in world.run("inspect", "noise").expect(0).out, "no title")
    world.run("inspect", "nois").expect(1, 'did you mean "noise"')


@case
def test_inspect_missing(world):
    """inspect: what is enabled but not there"""
    config = world.write("lp2p.conf", "[host]\nmuxers=['yamux', 'no-such']\n")
    result = world.run("inspect", "--config", config, "--json")
    check(result.status == 1, result)
    rows = {row["name"]: row for row in result.objects()}
    check(rows["no-such"]["kind"] == "muxer" and rows["no-such"]["enabled"], rows)
    check("not installed" in rows["no-such"]["error"] and not rows["no-such"]["loaded"], rows)
    check(rows["yamux"]["loaded"], rows)


@case
def test_inspect_broken(world):
    """inspect: objects that cannot be loaded"""
    folder = world.make("broken")
    world.write("broken/gone.plugin", "[Plugin]\nName=gone\nModule=gone.so\nAbi=1\nKind=service\n"
                "Title=Gone\nDescription=Is not there\nLicense=MIT\n")
    world.write("broken/text.plugin", "what is this?\n")
    rows = {row["name"]: row for row in
            world.run("--plugin-path", folder, "inspect", "--json").expect(0).objects()}
    check(not rows["gone"]["enabled"] and rows["gone"]["error"] is None, rows["gone"])
    check(rows["text"]["kind"] is None and rows["text"]["error"], rows["text"])

    config = world.write("lp2p.conf", "[host]\nservices=['gone']\n")
    result = world.run("inspect", "gone", "--plugin-path", folder, "--config", config, "--json")
    check(result.status == 1 and "gone.so" in result.object()["error"], result)


@case
def test_config(world):
    """configuration: errors name file, group and key"""
    config = world.write("lp2p.conf", "[host]\n\nmax-connections='many'\n")
    for command in (["inspect"], ["demo"], ["listen"], ["ping", "/ip4/127.0.0.1/tcp/1"]):
        world.run("--config", config, *command).expect(
            1, r"lp2p\.conf:3: \[host\] max-connections: .*many.* a whole number")
    world.run("--config", world.write("key.conf", "[host]\nmax-conections=1\n"), "inspect").expect(
        1, r"key\.conf:2: \[host\] max-conections: unknown key")
    world.run("--config", world.path("none.conf"), "inspect").expect(1, r"none\.conf")
    world.make("config/lp2p")
    world.write("config/lp2p/lp2p.conf", "[nonsense]\n")
    world.run("inspect").expect(1, r"lp2p\.conf:1: \[nonsense\]")


@case
def test_config_of_another_version(world):
    """configuration: what an older or a newer version has is named, not skipped"""
    for text, reason in (
            # An option and a group that this version does not have, and one that means less now.
            ("max-connections=7\nno-such-yet=1\n", r":3: \[host\] no-such-yet: unknown key, expected one of: .*max-conn"),
            ("max-connections=7\n[listen]\n", r":3: \[listen\]: unknown group, expected \[host\] or \[plugin NAME\]"),
            ("max-connections=[7]\n", r":2: \[host\] max-connections: .*\[7\].* a whole number")):
        config = world.write("lp2p.conf", "[host]\n" + text)
        for command in (["config"], ["listen"]):
            world.run("--config", config, *command).expect(1, r"lp2p\.conf" + reason)
    # A loadable object may come later.
    config = world.write("lp2p.conf", "[host]\nmax-connections=7\n[plugin no-such-yet]\nsize=1\n")
    result = world.run("--config", config, "config", "host").expect(0)
    check("\nmax-connections=7\n" in result.out, result)
    with world.running("--config", config, "--verbose", "listen", LOOPBACK) as process:
        check(read_line(process), "it does not listen")
        result = stop(process).expect(0)
    check("group [plugin no-such-yet], but no such" in result.err, result)


@case
def test_unreadable(world):
    """configuration and keys that may not be read"""
    if os.geteuid() == 0:
        os.chmod(world.folder, 0o755)
        nobody = {"preexec_fn": lambda: os.setuid(65534)}
    else:
        nobody = {}

    def run(*arguments):
        return subprocess.run([LP2P, *arguments], env=world.env, capture_output=True, text=True, timeout=LONG,
                              cwd="/", **nobody)

    if run("--version").returncode != 0:
        raise Skip("the build folder is not for everybody")
    world.make("config/lp2p")
    config = world.write("config/lp2p/lp2p.conf", "[host]\nmax-connections=7\n")
    key = world.run("id", "--make", "--file", world.path("a.key"), "--json").expect(0).object()["file"]
    os.chmod(config, 0)
    # The one that is looked for is not passed over.
    for arguments in (["config"], ["listen"], ["--config", config, "config"]):
        result = run(*arguments)
        check(result.returncode == 1 and f"{config}: Permission denied" in result.stderr, result)
    os.unlink(config)
    os.chmod(key, 0)
    for arguments in (["id", "--file", key], ["listen", "--identity", key]):
        result = run(*arguments)
        check(result.returncode == 1 and not result.stdout, result)
        check(re.fullmatch(f"lp2p: .*{key}.*Permission denied\n", result.stderr), result)


def sample():
    with open(os.path.join(BUILD, "data", "lp2p.conf"), encoding="utf-8") as file:
        return file.read()


@case
def test_config_shows(world):
    """config: every option, with what is set"""
    config = world.write("lp2p.conf", "[host]\nmax-connections=7\n[plugin yamux]\nack-backlog=8\n")
    text = world.run("--config", config, "config").expect(0).out
    check(text.startswith("[host]\n") and "\nmax-connections=7\n" in text, text)
    check("\n#max-half-open=256\n" in text and "\nack-backlog=8\n" in text, text)
    again = world.write("again.conf", text)
    check(world.run("--config", again, "config").expect(0).out == text, "differs")
    rows = world.run("--config", config, "config", "host", "yamux", "--json").expect(0).objects()
    check({row["group"] for row in rows} == {"host", "plugin yamux"}, rows)
    check([row["value"] for row in rows if row["key"] == "ack-backlog"] == ["8"], rows)
    check(all(row["description"] and row["type"] and "default" in row for row in rows), rows)
    world.run("config", "no-such").expect(1, "no-such")
    world.run("config", "--schema").expect(2, "NAME")
    world.run("config", "noise").expect(1, "no options")


@case
def test_config_checks(world):
    """config: options of loadable objects are checked too"""
    config = world.write("lp2p.conf", "[host]\n\n[plugin yamux]\nack-backlog=0\n")
    world.run("--config", config, "config").expect(1, r"lp2p\.conf:4: \[plugin yamux\] ack-backlog")
    config = world.write("lp2p.conf", "[plugin yamux]\nack=1\n")
    world.run("--config", config, "config").expect(1, "unknown key")


@case
def test_config_sample(world):
    """config: the sample file, as it is and with every line in force"""
    world.run("--config", world.write("lp2p.conf", sample()), "config").expect(0)
    text = re.sub(r"^#([a-z0-9-]+=)", r"\1", sample(), flags=re.M)
    check(text != sample(), "nothing in it")
    for name in re.findall(r"^\[plugin (.*)\]$", text, re.M):
        world.run("--config", world.write("all.conf", text), "config", name).expect(0)
    shown = world.run("--config", world.path("all.conf"), "config", "host", "--json").expect(0)
    check(all(row["value"] == row["default"] for row in shown.objects()), shown.out)


@case
def test_config_reload(world):
    """listen: SIGHUP reads the configuration again"""
    config = world.write("lp2p.conf", f"[host]\nlisten=['{LOOPBACK}']\n")
    with world.running("--config", config, "listen", "--json", "--verbose", "--service", "perf") as process:
        first = json.loads(read_line(process))
        world.write("lp2p.conf", f"[host]\nlisten=['{LOOPBACK}', '/ip4/127.0.0.2/tcp/0']\n")
        process.send_signal(signal.SIGHUP)
        second = json.loads(read_line(process))
        check(len(second["addresses"]) == 2, second)
        check(first["addresses"][0] in second["addresses"], (first, second))
        # What the command line enables stays.
        world.run("perf", second["addresses"][0], "-u", "1", "-d", "1").expect(0)
        world.write("lp2p.conf", "[host]\nlisten='wrong'\n")
        process.send_signal(signal.SIGHUP)
        while "lp2p.conf:2" not in (line := read_line(process, process.stderr)):
            check(line, "no error was told")
        world.run("ping", "-c", "1", second["addresses"][1]).expect(0)
        stop(process).expect(0)


# Connections

@case
def test_ping(world):
    """listen and ping"""
    with world.listener(LOOPBACK) as ready:
        check(ready["addresses"] and ready["peer_id"] in ready["addresses"][0], ready)
        *pings, summary = world.run("ping", ready["addresses"][0], "-c", "3", "-i", "0",
                                    "--json").expect(0).objects()
        check([ping["seq"] for ping in pings] == [1, 2, 3], pings)
        times = [ping["time_ms"] for ping in pings]
        check(all(0 < time < 60000 for time in times), times)
        check(summary["peer_id"] == ready["peer_id"] and summary["count"] == 3, summary)
        check(summary["min_ms"] == min(times) and summary["max_ms"] == max(times), summary)
        text = world.run("ping", ready["addresses"][0], "-c", "1").expect(0).out
        check(re.search(r"^ping 1: [\d.]+ ms\n1 ping .*" + ready["peer_id"], text), text)
        # Without a peer id, whoever answers.
        world.run("ping", ready["addresses"][0].split("/p2p/")[0], "-c", "1").expect(0)


@case
def test_ping_interrupted(world):
    """ping: interrupted, it still sums up"""
    with world.listener(LOOPBACK) as ready, \
            world.running("ping", ready["addresses"][0], "-c", "0", "-i", "60", "--json") as process:
        first = json.loads(read_line(process))
        check(first["seq"] == 1, first)
        result = stop(process, signal.SIGINT).expect(0)
        check(result.object()["count"] == 1, result)


@case
def test_perf(world):
    """listen and perf"""
    with world.listener(LOOPBACK, "--service", "perf") as ready:
        address = ready["addresses"][0]
        up, down, final = world.run("perf", address, "-u", "3M", "-d", "5M",
                                    "--json").expect(0).objects()
        check((up["type"], up["bytes"]) == ("upload", 3 << 20), up)
        check((down["type"], down["bytes"]) == ("download", 5 << 20), down)
        check(all(row["mb_s"] > 0 and row["seconds"] > 0 for row in (up, down)), (up, down))
        check((final["type"], final["upload"], final["download"]) == ("final", 3 << 20, 5 << 20),
              final)
        check(final["seconds"] >= up["seconds"] and final["peer_id"] == ready["peer_id"], final)
        check(None not in (final["transport"], final["security"], final["muxer"]), final)
        # One direction only, and none.
        only, final = world.run("perf", address, "-u", "0", "-d", "1", "--json").expect(0).objects()
        check((only["type"], only["bytes"], final["upload"]) == ("download", 1, 0), (only, final))
        check(world.run("perf", address, "-u", "0", "-d", "0",
                        "--json").expect(0).object()["type"] == "final", "more than the end")
        text = world.run("perf", address, "-u", "1K", "-d", "2k").expect(0).out
        check(re.search(r"^upload +1024 bytes in [\d.]+ s: [\d.]+ MB/s\n"
                        r"download +2048 bytes in [\d.]+ s: [\d.]+ MB/s\n"
                        + ready["peer_id"], text), text)


@case
def test_perf_is_off(world):
    """perf: off unless it is enabled"""
    with world.listener(LOOPBACK) as ready:
        world.run("perf", ready["addresses"][0]).expect(
            1, "/perf/1.0.0: the peer has to serve it, as lp2p listen --service perf does")
    with world.listener(LOOPBACK, "--service", "ping", "--service", "perf") as ready:
        protocols = world.run("identify", ready["addresses"][0],
                              "--json").expect(0).object()["protocols"]
        check({"/perf/1.0.0", "/ipfs/ping/1.0.0"} <= set(protocols), protocols)


@case
def test_perf_interrupted(world):
    """perf: interrupted, both sides go on to their ends"""
    with world.listener(LOOPBACK, "--service", "perf") as ready:
        with world.running("perf", ready["addresses"][0], "-u", "1", "-d", "1024G", "--json") as process:
            check(json.loads(read_line(process))["type"] == "upload", "no upload")
            stop(process, signal.SIGINT).expect(1, "interrupted")
        world.run("perf", ready["addresses"][0], "-u", "1", "-d", "1").expect(0)


@case
def test_identify(world):
    """listen and identify"""
    with world.listener(LOOPBACK, "--echo") as ready:
        result = world.run("identify", ready["addresses"][0], "--json").expect(0).object()
        check(result["peer_id"] == ready["peer_id"], result)
        check(result["key_type"] == "ed25519" and result["agent"].startswith("lp2p/"), result)
        check({"/ipfs/ping/1.0.0", "/ipfs/id/1.0.0", "/lp2p/echo/1.0.0"} <=
              set(result["protocols"]), result)
        bare = ready["addresses"][0].split("/p2p/")[0]
        check(any(address.startswith(bare) for address in result["addresses"]), result)
        check(any("/ip4/127.0.0.1/tcp/" in address for address in result["observed_addresses"]),
              result)
        check(None not in (result["transport"], result["security"], result["muxer"]), result)
        text = world.run("identify", ready["addresses"][0]).expect(0).out
        check(ready["peer_id"] in text and "/ipfs/ping/1.0.0" in text, text)


@case
def test_echo(world):
    """listen: echo"""
    with world.listener(LOOPBACK, "--echo") as ready:
        client = subprocess.run([os.path.join(BUILD, "tests/cli/echo-client"), *ready["addresses"]],
                                env=world.env, capture_output=True, text=True, timeout=LONG,
                                check=False)
        check(client.returncode == 0, client)


@case
def test_identities(world):
    """listen: whose identity it has"""
    kept = world.run("id", "--make", "--json").expect(0).object()["peer_id"]
    other = world.run("id", "--make", "--file", world.path("other"), "--json").expect(0).object()
    with world.listener(LOOPBACK) as ready:
        check(ready["peer_id"] == kept, "not the one that lp2p id keeps")
        # The dialer on the same machine is somebody else.
        world.run("ping", ready["addresses"][0], "-c", "1").expect(0)
    with world.listener(LOOPBACK, "--identity", world.path("other")) as ready:
        check(ready["peer_id"] == other["peer_id"], "not the one of --identity")
    config = world.write("lp2p.conf", f"[host]\nidentity='{world.path('other')}'\n"
                         f"listen=['{LOOPBACK}']\n")
    with world.listener("--config", config) as ready:
        check(ready["peer_id"] == other["peer_id"], "not the one of the configuration")
        check(len(ready["addresses"]) == 1, ready)


@case
def test_debug_messages(world):
    """G_MESSAGES_DEBUG=lp2p* shows what goes on, beside the output"""
    with world.listener(LOOPBACK) as ready:
        world.env["G_MESSAGES_DEBUG"] = "lp2p*"
        result = world.run("ping", ready["addresses"][0], "-c", "1", "--json").expect(0)
        check(result.objects(), "no output")
        for part in ("dialing over tcp", f"Connected: {ready['peer_id']}", "protocol /ipfs/ping/1.0.0"):
            check(part in result.err, f"no {part} in {result.err}")
        check("GLib" not in result.err, result.err)
        del world.env["G_MESSAGES_DEBUG"]
        check(not world.run("ping", ready["addresses"][0], "-c", "1").expect(0).err, "not silent")


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@case
def test_listen_anywhere(world):
    """listen: without addresses, wherever it can, and can be dialed there"""
    loopbacks = ["/ip4/127.0.0.1/"] + ["/ip6/::1/"] * has_ipv6()
    with world.listener("--verbose") as ready:
        for transport in LOOPBACKS:
            for loopback in loopbacks:
                here = [address for address in ready["addresses"]
                        if address.startswith(loopback) and f"/{transport}/" in address]
                check(len(here) == 1, (transport, loopback, ready))
                world.run("ping", here[0], "-c", "1").expect(0)


@case
def test_listen_tells(world):
    """listen: who connects, and who goes"""
    with world.running("listen", "--json", "--verbose", LOOPBACK) as process:
        address = json.loads(read_line(process))["addresses"][0]
        world.run("ping", address, "-c", "1").expect(0)
        told = ""
        while "connection over" not in told:
            told += read_line(process, process.stderr) or "connection over, as it ended"
        check(re.search(r"connected: (\w+) by tcp, noise, yamux\n(.*\n)*.*connection over: \1\b", told), told)
        stop(process).expect(0)


FOREIGN = """[Plugin]
Name=fake
Module=fake-transport.so
Abi={abi}
Kind=transport
{more}
License=MIT
Title=Foreign
Description=A transport of somebody else
"""
FOREIGN_ADDRESSES = "Addresses=/ip/udp/0/quic-v1;"


def write_foreign(world, *more):
    """A transport that is not known by name; options for it and nothing else."""
    folder = world.make("foreign")
    built = os.path.join(BUILD, "tests", "contract")
    with open(os.path.join(built, "fake.plugin"), encoding="ascii") as file:
        abi = re.search(r"^Abi=(.*)$", file.read(), re.M)[1]
    shutil.copy(os.path.join(built, "fake-transport.so"), folder)
    world.write("foreign/fake.plugin", FOREIGN.format(abi=abi, more="\n".join(more)))
    config = world.write("lp2p.conf", "[host]\ntransports=['fake']\n")
    return "--config", config, "--plugin-path", folder


@case
def test_listen_foreign(world):
    """listen: without addresses, on a transport of somebody else"""
    with world.listener(*write_foreign(world, FOREIGN_ADDRESSES, "Traits=native;")) as ready:
        check(any(re.match(r"/ip4/127.0.0.1/udp/\d+/quic-v1/", address) for address in ready["addresses"]), ready)
    fixed = "Addresses=/ip4/127.0.0.1/udp/0/quic-v1;"
    with world.listener(*write_foreign(world, fixed, "Traits=native;")) as ready:
        check(len({address.split("/")[4] for address in ready["addresses"]}) == 1, ready)
    for more in ("Traits=native;",), (FOREIGN_ADDRESSES, "Traits=native;local;"):
        world.run("listen", *write_foreign(world, *more)).expect(1, "no address to listen on")


@case
def test_listen_fails(world):
    """listen: addresses that cannot be used"""
    world.run("listen", "/ip4/127.0.0.1").expect(1, "/ip4/127.0.0.1")
    world.run("listen", "nonsense").expect(2, "nonsense")
    world.run("listen", "/ip4/192.0.2.1/tcp/0").expect(1, "/ip4/192.0.2.1/tcp/0")
    with world.listener(LOOPBACK) as ready:
        taken = ready["addresses"][0].split("/p2p/")[0]
        world.run("listen", taken).expect(1, re.escape(taken))


@case
def test_wrong_peer(world):
    """another peer than expected: 4"""
    with world.listener(LOOPBACK) as ready:
        wrong = ready["addresses"][0].replace(ready["peer_id"], ANOTHER_PEER)
        for command in ("ping", "identify"):
            world.run(command, wrong).expect(4, ready["peer_id"] + "|" + ANOTHER_PEER)


@case
def test_refused(world):
    """nobody listens: 3"""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        for command in ("ping", "identify"):
            world.run(command, f"/ip4/127.0.0.1/tcp/{port}").expect(3, "[Rr]efused")
    world.run("ping", "/ip4/127.0.0.1/udp/1").expect(3, "transport")


@case
def test_bad_address(world):
    """addresses that are none: 2"""
    for address in ("nonsense", "", "/ip4/300.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/99999",
                    "/ip4/127.0.0.1/tcp/1/p2p/nobody"):
        for command in ("ping", "identify", "listen"):
            world.run(command, address).expect(2)


@case
def test_silent(world):
    """a listener that says nothing: 5"""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"/ip4/127.0.0.1/tcp/{silent.getsockname()[1]}"
        for command in ("ping", "identify"):
            start = time.monotonic()
            world.run(command, address, "--timeout", "0.5").expect(5, "timed out after 0.5 s")
            check(time.monotonic() - start < 10, "it took long")


@case
def test_interrupted(world):
    """an interrupt ends what waits"""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        silent.settimeout(LONG)
        address = f"/ip4/127.0.0.1/tcp/{silent.getsockname()[1]}"
        with world.running("ping", address, "--timeout", "60") as process, silent.accept()[0]:
            stop(process).expect(1, "interrupted")


@case
def test_full_output(world):
    """output that cannot be written is a failure"""
    if not os.path.exists("/dev/full"):
        return
    with open("/dev/full", "w", encoding="utf-8") as full:
        process = subprocess.run([LP2P, "--version"], env=world.env, stdout=full,
                                 stderr=subprocess.PIPE, text=True, check=False)
    check(process.returncode == 1 and "output" in process.stderr, process)


# Terminals

def run_on_terminal(world, *arguments, **environment):
    """What is printed there."""
    near, far = pty.openpty()
    text = b""
    with world.running(*arguments, env={**world.env, **environment}, stdout=far,
                       stderr=subprocess.DEVNULL) as process, deadline(process):
        os.close(far)
        try:
            while chunk := os.read(near, 65536):
                text += chunk
        except OSError:  # the other end is closed
            pass
        check(process.wait() >= 0, f"{' '.join(arguments)}: still running after {LONG} s")
    os.close(near)
    return text.decode().replace("\r\n", "\n")


@case
def test_colors(world):
    """tables have colors on a terminal, unless NO_COLOR or the terminal says no"""
    config = world.write("lp2p.conf", "[host]\nservices=['ping', 'no-such']\n")
    arguments = ("inspect", "--config", config)
    plain = world.run(*arguments).out
    check("\033" not in plain and "no-such" in plain, plain)
    colored = run_on_terminal(world, *arguments, TERM="xterm", NO_COLOR="")
    for code, text in ((1, "NAME"), (32, "yes"), (31, "no"), (31, "enabled but not installed")):
        check(f"\033[{code}m{text}\033[0m" in colored, (code, text, colored))
    check(re.sub("\033\\[[0-9;]*m", "", colored) == plain, (colored, plain))
    for environment in ({"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb", "NO_COLOR": ""}):
        check(run_on_terminal(world, *arguments, **environment) == plain, environment)


# They add their cases to those of this program, which is no module of that name.
sys.modules["cases"] = sys.modules[__name__]
import demo_cases  # noqa: E402,F401  pylint: disable=wrong-import-position,unused-import
import key_cases  # noqa: E402,F401  pylint: disable=wrong-import-position,unused-import
import status_cases  # noqa: E402,F401  pylint: disable=wrong-import-position,unused-import


def main(functions):
    report = Report()
    for function in functions:
        folder = tempfile.mkdtemp(prefix="lp2p-cli-")
        try:
            report.run(function, World(folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return report.status


if __name__ == "__main__":
    sys.exit(main(CASES))
