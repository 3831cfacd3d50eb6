# SPDX-License-Identifier: LGPL-2.1-or-later
"""The protocols that the listener serves, and what both sides need for them."""

import functools
import hashlib
import sys

from libp2p.network.stream.exceptions import StreamEOF

PING = "/ipfs/ping/1.0.0"
IDENTIFY = "/ipfs/id/1.0.0"
ECHO = "/lp2p/echo/1.0.0"
UPLOAD = "/lp2p/upload/1.0.0"
DOWNLOAD = "/lp2p/download/1.0.0"
RESET = "/lp2p/reset/1.0.0"
HALF_CLOSE = "/lp2p/half-close/1.0.0"

CHUNK = 65536


@functools.lru_cache(maxsize=256)
def pattern_chunk(start, size):
    """Bytes of the test pattern: byte i depends on i alone."""
    return bytes((i * 167 + (i >> 8) * 13 + (i >> 16)) & 0xFF for i in range(start, start + size))


def pattern(size):
    for start in range(0, size, CHUNK):
        yield pattern_chunk(start, min(CHUNK, size - start))


async def read_some(stream):
    """What has come, b"" at the end of the stream."""
    try:
        return await stream.read(CHUNK)
    except StreamEOF:
        return b""


async def read_exactly(stream, count):
    data = b""
    while len(data) < count:
        data += await stream.read(count - len(data))
    return data


async def read_all(stream):
    data = bytearray()
    while piece := await read_some(stream):
        data += piece
    return bytes(data)


async def send_pattern(stream, size):
    """Returns the hash of what was sent."""
    digest = hashlib.sha256()
    for chunk in pattern(size):
        digest.update(chunk)
        await stream.write(chunk)
    return digest.digest()


async def serve_echo(stream):
    while data := await read_some(stream):
        await stream.write(data)


async def serve_upload(stream):
    digest = hashlib.sha256()
    while data := await read_some(stream):
        digest.update(data)
    await stream.write(digest.digest())


async def serve_download(stream):
    count = int.from_bytes(await read_exactly(stream, 8), "big")
    await stream.write(await send_pattern(stream, count))


async def serve_reset(stream):
    await read_exactly(stream, 1)
    await stream.reset()


async def serve_half_close(stream):
    await stream.close_write()
    print("half-close", len(await read_all(stream)), file=sys.stderr, flush=True)


SERVED = {
    ECHO: serve_echo,
    UPLOAD: serve_upload,
    DOWNLOAD: serve_download,
    RESET: serve_reset,
    HALF_CLOSE: serve_half_close,
}


def serve(host):
    """A handler that fails resets its stream, one that succeeds closes it."""
    for protocol, handler in SERVED.items():

        async def run(stream, protocol=protocol, handler=handler):
            try:
                await handler(stream)
                if handler is not serve_reset:
                    await stream.close()
            except Exception as error:
                print(f"{protocol}: {error!r}", file=sys.stderr, flush=True)
                await stream.reset()

        host.set_stream_handler(protocol, run)
