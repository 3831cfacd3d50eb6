# SPDX-License-Identifier: LGPL-2.1-or-later
"""The steps of `dial`."""

import hashlib
import json
import os
import time

import libp2p
import multiaddr
import trio
from libp2p.identity.identify.identify import parse_identify_response
from libp2p.peer.peerinfo import PeerInfo
from libp2p.transport.quic.utils import is_quic_multiaddr

from protocols import (
    DOWNLOAD,
    ECHO,
    HALF_CLOSE,
    IDENTIFY,
    PING,
    RESET,
    UPLOAD,
    pattern,
    read_all,
    read_exactly,
    send_pattern,
)

STEP_SECONDS = 30


class StepError(Exception):
    pass


def check(condition, message):
    if not condition:
        raise StepError(message)


def describe(error):
    """An error and its causes on one line."""
    texts = []
    while error is not None:
        texts.append(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
        error = error.__cause__
    return ": ".join(texts)


def transport_of(address):
    if is_quic_multiaddr(address):
        return "quic-v1"
    names = {protocol.name for protocol in address.protocols()}
    if "wss" in names or {"tls", "ws"} <= names:
        return "wss"
    return "ws" if "ws" in names else "tcp"


class Dialer:
    def __init__(self, host, remote, options):
        self.host = host
        self.remote = remote
        self.options = options

    async def open(self, protocol):
        return await self.host.new_stream(self.remote.peer_id, [protocol])

    async def connect(self):
        await self.host.connect(self.remote)
        quic = is_quic_multiaddr(self.options.address)
        return {
            "peer": self.remote.peer_id.to_string(),
            "transport": transport_of(self.options.address),
            "security": None if quic else self.options.only("security"),
            "muxer": None if quic else self.options.only("muxer"),
        }

    async def identify(self):
        stream = await self.open(IDENTIFY)
        info = parse_identify_response(await read_all(stream))
        await stream.close()
        protocols = list(info.protocols)
        for protocol in (PING, ECHO):
            check(protocol in protocols, f"the peer's protocols {protocols} lack {protocol}")
        check(info.observed_addr, "the peer sent no observed address")
        return {
            "agentVersion": info.agent_version,
            "protocols": protocols,
            "observedAddr": str(multiaddr.Multiaddr(info.observed_addr)),
            "signedRecord": bool(info.signedPeerRecord),
        }

    async def pings(self, count):
        stream = await self.open(PING)
        for i in range(count):
            sent = os.urandom(32)
            await stream.write(sent)
            check(await read_exactly(stream, 32) == sent, f"ping {i}: the echo differs")
        await stream.close()
        return {"roundTrips": count}

    async def ping(self):
        return await self.pings(100)

    async def upload(self):
        stream = await self.open(UPLOAD)
        digest = await send_pattern(stream, self.options.upload_bytes)
        await stream.close_write()
        check(await read_all(stream) == digest, "the peer's hash differs from ours")
        return {"bytes": self.options.upload_bytes}

    async def download(self):
        size = self.options.upload_bytes
        stream = await self.open(DOWNLOAD)
        await stream.write(size.to_bytes(8, "big"))
        got = await read_all(stream)
        await stream.close()
        check(len(got) == size + 32, f"got {len(got)} bytes, expected {size} and a hash")
        check(got[:size] == b"".join(pattern(size)), "the data differs from the pattern")
        check(hashlib.sha256(got[:size]).digest() == got[size:], "the peer's hash differs from ours")
        return {"bytes": size}

    async def echo_once(self, index):
        data = os.urandom(1024)
        stream = await self.open(ECHO)
        await stream.write(data)
        await stream.close_write()
        got = await read_all(stream)
        check(got == data, f"stream {index}: the echo differs (got {len(got)})")

    async def streams(self):
        indices = iter(range(self.options.streams))

        async def worker():
            for index in indices:
                await self.echo_once(index)

        async with trio.open_nursery() as nursery:
            for _ in range(self.options.parallel):
                nursery.start_soon(worker)
        return {"streams": self.options.streams, "parallel": self.options.parallel}

    async def half_close(self):
        stream = await self.open(HALF_CLOSE)
        got = await read_all(stream)
        check(not got, f"expected only the end of the peer's side, got {len(got)} bytes")
        await stream.write(bytes(1000))
        await stream.close()
        await self.pings(1)
        return {"bytes": 1000}

    async def reset(self):
        """py-libp2p shows a reset to readers as an end of file. Only writing tells
        the two apart: after a clean end it still works, after a reset it fails."""
        stream = await self.open(RESET)
        await stream.write(b"\1")
        try:
            await read_all(stream)
            await stream.write(b"\1")
        except Exception as error:
            stream_error = describe(error)
        else:
            raise StepError("the stream ended cleanly instead of being reset")
        await self.pings(1)
        return {"streamError": stream_error}

    async def wrong_peer(self):
        wrong = libp2p.generate_peer_id_from(libp2p.generate_new_ed25519_identity())
        try:
            await self.host.connect(PeerInfo(wrong, self.remote.addrs))
        except Exception as error:
            return {"refusal": describe(error)}
        raise StepError("the connection to a wrong peer id was accepted")


STEPS = {
    "connect": Dialer.connect,
    "identify": Dialer.identify,
    "ping": Dialer.ping,
    "upload": Dialer.upload,
    "download": Dialer.download,
    "streams": Dialer.streams,
    "half-close": Dialer.half_close,
    "reset": Dialer.reset,
    "wrong-peer": Dialer.wrong_peer,
}


def choose(names):
    """Keeps the order of the list above; connect is always among them."""
    for name in names:
        if name not in STEPS:
            raise ValueError(f"unknown step {name}")
    return [name for name in STEPS if not names or name == "connect" or name in names]


async def run_step(dialer, name):
    with trio.fail_after(STEP_SECONDS):
        return await STEPS[name](dialer)


async def run_steps(dialer, names):
    """Prints one JSON object per step. What cannot be tried without a connection
    is reported as failed too, so that every step has its line."""
    connected = all_ok = True
    for name in names:
        start = time.perf_counter()
        line = {"step": name, "ok": False, "ms": 0, "error": None, "detail": None}
        try:
            check(connected, "skipped: not connected")
            line["detail"] = await run_step(dialer, name)
            line["ok"] = True
        except Exception as error:
            line["error"] = str(error) if isinstance(error, StepError) else describe(error)
            all_ok = False
            connected = connected and name != "connect"
        line["ms"] = round((time.perf_counter() - start) * 1000, 3)
        print(json.dumps(line), flush=True)
    return all_ok
