# SPDX-License-Identifier: LGPL-2.1-or-later
"""lp2p send beside lp2p perf: the same bytes, from a file into a file, and from nowhere
to nowhere."""

import json
import os
import resource
import shutil
import subprocess
import tempfile
import threading

from measure import QUIC_STACK, SECONDS, STACKS, Sample

LISTEN = {"tcp": "/ip4/127.0.0.1/tcp/0", "quic-v1": "/ip4/127.0.0.1/udp/0/quic-v1"}
# Where the files are. A file system in memory shows no disk, but what it takes to find
# memory for each page is none of what the command does either.
PLACES = {"disk": os.environ.get("TMPDIR", "/var/tmp"), "memory": "/dev/shm"}


def side_processors():
    """Half of them for each side: a transfer reads, writes and hashes in threads."""
    cpus = sorted(os.sched_getaffinity(0))
    half = max(len(cpus) // 2, 1)
    return cpus[:half], cpus[-half:]


class Command:
    """The command, with a home of its own."""

    def __init__(self, context, folder, stack):
        self.address = LISTEN[stack[0]]
        self.config = os.path.join(folder, "lp2p.conf")
        with open(self.config, "w", encoding="utf-8") as file:
            if stack[0] == "tcp":
                file.write(f"[host]\nsecurity=['{stack[1]}']\n")
        self.lp2p = os.path.join(context.build, "core", "tools", "lp2p")
        self.env = dict(os.environ, HOME=folder, XDG_CONFIG_HOME=folder, XDG_DATA_HOME=folder,
                        GSETTINGS_BACKEND="memory", G_DEBUG="", G_SLICE="", MALLOC_CHECK_="0",
                        LP2P_PLUGIN_PATH=os.path.join(context.build, "plugins"))

    def start(self, side, *arguments):
        argv = [self.lp2p, "--config", self.config, *arguments]
        if shutil.which("taskset"):
            argv = ["taskset", "-c", ",".join(map(str, side_processors()[side])), *argv]
        return subprocess.Popen(argv, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)


def read_object(process):
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("a side of the transfer ended too early")
    return json.loads(line)


def finish(process):
    """The last object that it prints."""
    text = process.communicate(timeout=SECONDS)[0]
    if process.returncode != 0:
        raise RuntimeError(f"a side of the transfer ended with status {process.returncode}")
    return json.loads(text.splitlines()[-1])


def run_pair(first, start_second):
    """The last object of the second side."""
    try:
        second = start_second(read_object(first))
        # A side whose output nobody reads stands still.
        drain = threading.Thread(target=first.stdout.read)
        drain.start()
        try:
            return finish(second)
        finally:
            second.kill()
            second.wait()
            first.terminate()
            drain.join()
    finally:
        first.terminate()
        first.wait()


def run_perf(command, size):
    listener = command.start(0, "listen", "--json", "--service", "perf", command.address)
    final = run_pair(listener, lambda ready: command.start(
        1, "perf", "--json", "--upload", str(size), "--download", "0", ready["addresses"][0]))
    return size / final["seconds"] / 1e6


def run_send(command, source, target):
    sender = command.start(1, "send", "--json", "--listen", command.address, source)
    final = run_pair(sender, lambda ready: command.start(
        0, "receive", "--json", "--into", target, ready["ticket"]))
    return final["bytes"] / final["seconds"] / 1e6


def with_cpu(run, *arguments):
    """What a run moves in a second, and the processor time of both sides."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    rate = run(*arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return rate, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def make_files(folder, size, count):
    large, small = os.path.join(folder, "large"), os.path.join(folder, "small")
    with open(large, "wb") as file:
        for _ in range(0, size, 1 << 20):
            file.write(os.urandom(1 << 20))
    os.mkdir(small)
    for number in range(count):
        with open(os.path.join(small, str(number)), "wb") as file:
            file.write(os.urandom(1000))
    # Else the first transfer waits at its end until the source is on the disk as well.
    os.sync()
    return large, small


def is_in_memory(folder):
    found = subprocess.run(["stat", "-f", "-c", "%T", folder], stdout=subprocess.PIPE, text=True, check=False)
    return found.stdout.strip() in ("tmpfs", "ramfs")


def places():
    for place, folder in PLACES.items():
        if os.access(folder, os.W_OK) and is_in_memory(folder) == (place == "memory"):
            yield place, folder


def send_round(command, large, small, size):
    """What is measured in one round, and whether it is perf that does it."""
    target = os.path.join(os.path.dirname(large), "target")
    perf, perf_cpu = with_cpu(run_perf, command, size)
    rate, cpu = with_cpu(run_send, command, large, target)
    files = run_send(command, small, target) * 1e6 / 1000
    shutil.rmtree(target)
    return ((True, "throughput", "MB/s", perf), (False, "throughput", "MB/s", rate),
            (True, "both CPU", "s/GB", perf_cpu / size * 1e9), (False, "both CPU", "s/GB", cpu / size * 1e9),
            (False, "perf CPU / CPU", "ratio", perf_cpu / cpu), (False, "small files", "1/s", files))


def send(context):
    """A large file and many small ones, beside what perf moves."""
    size = context.size["bytes"] * 4
    stacks = [*STACKS, *([QUIC_STACK] if context.has_plugin("quic-v1") else [])]
    for place, where in places():
        with tempfile.TemporaryDirectory(prefix="lp2p-bench.", dir=where) as folder:
            large, small = make_files(folder, size, context.size["connects"] * 20)
            for stack in stacks:
                command = Command(context, folder, stack)
                for number in range(context.size["runs"]):
                    for is_perf, metric, unit, value in send_round(command, large, small, size):
                        bench = f"{'beside ' if is_perf else ''}send, {place}"
                        yield Sample(bench, stack, "lp2p", metric, unit, value, number)
