# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes data/docs/results.md from the rows of a run."""

import os
import platform
import re
import subprocess

import gates

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
RESULTS = os.path.join(ROOT, "data", "docs", "results.md")
PEERS = os.path.join(ROOT, "tests", "interop", "peers")

INTRODUCTION = """# Figures

`tests/bench/run.sh --full --write` measured and wrote this. Each library talks to itself in two processes on loopback, each on a processor of its own where there are two, and all take turns; values are medians of {runs} rounds, ratios are medians of the ratios within a round.

The machine was one with {cpus} processors ({model}), {system}; GLib {glib}, OpenSSL {openssl}, GnuTLS {gnutls}; go-libp2p {go}, rust-libp2p {rust}, js-libp2p {js} in node. Its load average was {begin:.0f} when the run began and {end:.0f} when it ended: what is above two is work of others, which took its part of the throughput. Only what stands in one table may be compared, and the ratios suffer least. Run it on a quiet machine for figures to plan with.
"""

TRANSFER = """
## One stream of {mib} MiB

Over `/perf/1.0.0`. The raw loop is one socket, written and read in a loop, up to 256 KiB in a call, with `reno` as ours has it on loopback, and with the same cipher: libcrypto's ChaCha20-Poly1305 in records as large as Noise allows beside noise, GnuTLS' AES-128-GCM in records of 16 KiB beside tls. For QUIC it is a loop around ngtcp2 and GnuTLS with AES-128-GCM, in datagrams as large as ngtcp2 finds them to pass, and in some of 16 KiB. Beside WebSocket it is our own TCP with noise, in the same rounds. js-libp2p, which is slower, moves {js_mib} MiB. The times are those of the processor.

| What | Who | Throughput | Dialer | Listener |
|---|---|---|---|---|
"""
CONNECT = """
## Connections

A handshake, identify as each library does it by default, an echo of 32 bytes, and the end; {connects} of them in a round, {js_connects} with js-libp2p. The times are those of the processors of both sides. Both meet each other again and again: lp2p then knows the signatures of the other, which saves it about a quarter.

| Stack | Who | One after the other | 64 at once |
|---|---|---|---|
"""
IDLE = """
## Idle connections

What one connection adds: for lp2p to the memory of a host with {idle} of them, for the others to that of a listener with {foreign_idle}. This is measured once, not in rounds; without `--full` with 1,000 and 100 of them, and the test of the bench looks whether the goal is met with 500. The goal is a heap of 24 KiB or less on each side with noise and 32 KiB with tls, and 28 KiB over WebSocket. Memory in the kernel is not counted; "private" are the pages that no other process shares.

| Stack | Who | Heap of the dialer | Heap of the listener | Private pages of the listener |
|---|---|---|---|---|
"""
SEND = """
## Files

`lp2p send` and `lp2p receive` with a file of {send_mib} MiB and a folder with {files} files of 1,000 bytes, beside `lp2p perf`, which moves as many bytes from nowhere to nowhere. In memory, the kernel has to find memory for each page that is written; on a disk, the source is in the page cache, and what is written goes past it.

| From and to | Stack | perf | A large file | Small files |
|---|---|---|---|---|
"""
CODEC = """
## Codecs

In one thread, without a socket. Noise stands beside libcrypto's cipher on the same buffers, with three chunks to a record where it says so; yamux, in writes of 64 KiB and of 1 KiB, beside two copies of the same bytes.

| What | Alone | Beside | Ratio |
|---|---|---|---|
"""
LINK = """
## A line of 60 ms and 1 Gbit/s

One stream of {link_mib} MiB on a line that the tests' own forwarder makes of two network namespaces, beside a plain socket on the same line. The forwarder has to share the processors; what it reaches for the plain socket is what the line can do here.

| What | Throughput |
|---|---|
"""
LOSSY = """
## A line of 20 ms and 1 Gbit/s that loses one of a thousand packets

One stream over QUIC. The bare loops are ngtcp2 with one or the other control of congestion.

| What | Throughput |
|---|---|
"""
SHARED = """
## A line of 20 ms and 20 Mbit/s that two share

What a flow over QUIC had of the line while another was on it, from when both had gone on for a second; each is to have a quarter at least.

| What | Beside TCP with cubic | Beside QUIC with cubic |
|---|---|---|
"""
ROUND_TRIPS = """
## Round trips

From a fresh dial to the first byte that an application on the other side answers. They are counted by causality on a delayed line, so a busy machine changes nothing; `tests/interop/run.sh` does the same as a test.

| Dialer to listener | Round trips |
|---|---|
"""
GATES = """
## Gates

| What | Measured | Must be | |
|---|---|---|---|
"""
GOALS = """
And what is aimed at:

| What | Measured | Aim | |
|---|---|---|---|
"""
TRANSFERS = ("raw loop", "raw loop, upload", "raw loop, download", "16 KiB loop, upload",
             "16 KiB loop, download", "beside ws, upload", "beside ws, download", "beside wss, upload",
             "beside wss, download", "upload", "download")
NAMES = {"none": "raw loop", "lp2p": "lp2p", "go": "go-libp2p", "rust": "rust-libp2p", "js": "js-libp2p"}


def first_match(pattern, *path):
    try:
        with open(os.path.join(*path), encoding="utf-8") as file:
            found = re.search(pattern, file.read(), re.M)
    except OSError:
        found = None
    return found.group(1).strip() if found else "?"


def library(name):
    try:
        return subprocess.run(["pkg-config", "--modversion", name], capture_output=True, text=True,
                              check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "?"


def introduction(size, load):
    return INTRODUCTION.format(
        runs=size["runs"], cpus=len(os.sched_getaffinity(0)),
        model=first_match(r"^model name\s*:\s*(.*)$", "/proc/cpuinfo"),
        system=f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}, "
               + first_match(r'^PRETTY_NAME="(.*)"$', "/etc/os-release"),
        glib=library("glib-2.0"), openssl=library("libcrypto"), gnutls=library("gnutls"),
        go=first_match(r"go-libp2p v(\S+)", PEERS, "go", "go.mod"),
        rust=first_match(r'^name = "libp2p"\nversion = "(.*)"$', PEERS, "rust", "Cargo.lock"),
        js=first_match(r'"libp2p": "(.*)"', PEERS, "js", "package.json"),
        begin=load[0], end=load[1])


def name_of(peer):
    """Behind a peer's name may stand what is different for it."""
    name, comma, different = peer.partition(", ")
    return NAMES[name] + comma + different


def stack_of(row):
    stack = (row["transport"], row["security"], row["muxer"])
    return "tcp" if stack[1] == "none" else "/".join(stack)


def group(rows, *benches):
    """The rows of some benches as {(bench, stack, peer): {metric: value}}, in order."""
    found = {}
    for row in rows:
        if row["bench"] in benches and row["unit"] != "ratio":
            key = (row["bench"], stack_of(row), row["peer"])
            found.setdefault(key, {})[row["metric"]] = row["value"]
    return found


def transfer_lines(rows):
    for (bench, stack, peer), m in group(rows, *TRANSFERS).items():
        yield (f"| {bench}, {stack} | {name_of(peer)} | {m['throughput']:.0f} MB/s "
               f"| {m['dialer CPU']:.2f} s/GB | {m['listener CPU']:.2f} s/GB |")


def connect_lines(rows):
    for (_, stack, peer), m in group(rows, "connect").items():
        cells = [f"{m[name]:.0f}/s, {m[f'{name} CPU']:.2f} ms each"
                 for name in ("sequential", "64 parallel")]
        yield f"| {stack} | {NAMES[peer]} | {' | '.join(cells)} |"


def idle_lines(rows):
    for (_, stack, peer), m in group(rows, "idle").items():
        cells = [f"{m[name]:.1f} KiB" if name in m else ""
                 for name in ("dialer heap", "listener heap", "listener private")]
        yield f"| {stack} | {NAMES[peer]} | {' | '.join(cells)} |"


def send_lines(rows):
    perf = group(rows, "beside send, disk", "beside send, memory")
    for (bench, stack, peer), m in group(rows, "send, disk", "send, memory").items():
        moved = perf[f"beside {bench}", stack, peer]["throughput"]
        yield (f"| {bench[6:]} | {stack} | {moved:.0f} MB/s | {m['throughput']:.0f} MB/s "
               f"| {m['small files']:.0f} files/s |")


def codec_lines(rows):
    for (_, _, name), m in group(rows, "codec").items():
        (_, ours), (beside, theirs) = m.items()
        yield f"| {name} | {ours:.2f} GB/s | {theirs:.2f} GB/s, {beside} | {ours / theirs:.2f} |"


def link_lines(rows):
    for (_, stack, peer), m in group(rows, "delayed line").items():
        name = "plain socket" if peer == "none" else f"{NAMES[peer]}, {stack}"
        yield f"| {name} | {m['throughput']:.1f} MB/s |"


def lossy_lines(rows):
    for (_, _, peer), m in group(rows, "lossy line").items():
        yield f"| {NAMES.get(peer, peer)} | {m['throughput']:.1f} MB/s |"


def shared_lines(rows):
    for (_, _, peer), m in group(rows, "shared line").items():
        cells = [f"{m[f'own part beside {other}']:.0f} %" for other in ("cubic TCP", "cubic QUIC")]
        yield f"| {NAMES.get(peer, peer)} | {' | '.join(cells)} |"


def round_trip_lines(rows):
    for (_, stack, peer), metrics in group(rows, "round trips").items():
        for metric, value in metrics.items():
            how = f", {metric.removeprefix('with ')}" if metric.startswith("with") else ""
            yield f"| lp2p to {NAMES[peer]}, {stack}{how} | {value:g} |"


def gate_lines(found, words):
    for gate in found:
        sign = "≥" if gate.sign == ">=" else "≤"
        yield f"| {gate.what} | {gate.value:.2f} | {sign} {gate.limit} | {words[gate.holds]} |"


def write(rows, size, load):
    sizes = dict(size, mib=size["bytes"] >> 20, js_mib=size["js_bytes"] >> 20, link_mib=size["link_bytes"] >> 20,
                 send_mib=size["bytes"] >> 18, files=size["connects"] * 20)
    must, aims = gates.judge(rows)
    parts = [(TRANSFER, transfer_lines(rows)), (CONNECT, connect_lines(rows)),
             (IDLE, idle_lines(rows)), (SEND, send_lines(rows)), (CODEC, codec_lines(rows)), (LINK, link_lines(rows)),
             (LOSSY, lossy_lines(rows)), (SHARED, shared_lines(rows)),
             (ROUND_TRIPS, round_trip_lines(rows)),
             (GATES, gate_lines(must, {True: "holds", False: "**missed**"})),
             (GOALS, gate_lines(aims, {True: "reached", False: "not yet"}))]
    with open(RESULTS, "w", encoding="utf-8") as file:
        file.write(introduction(size, load))
        for heading, lines in parts:
            lines = list(lines)
            if lines:
                file.write(heading.format(**sizes) + "\n".join(lines) + "\n")
