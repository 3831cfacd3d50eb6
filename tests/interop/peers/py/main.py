# SPDX-License-Identifier: LGPL-2.1-or-later
"""The py peer of the interop tests: py-libp2p as the others meet it in the wild,
behind the command line described in ../README.md."""

import argparse
import hashlib
import os
import resource
import signal
import sys

import libp2p
import multiaddr
import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.x25519 import create_new_key_pair as create_noise_key_pair
from libp2p.host.ping import ID as PING_ID
from libp2p.host.ping import handle_ping
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.security.noise.transport import Transport as Noise
from libp2p.security.tls.transport import TLSTransport
from libp2p.stream_muxer.mplex.mplex import Mplex
from libp2p.stream_muxer.yamux.yamux import Yamux
from libp2p.transport.tcp.tcp import TCP

import quic
import websocket
from protocols import serve
from steps import Dialer, choose, run_steps

SECURITY = {
    "noise": (
        "/noise",
        lambda key: Noise(key, noise_privkey=create_noise_key_pair().private_key),
    ),
    "tls": ("/tls/1.0.0", TLSTransport),
}
MUXERS = {"yamux": ("/yamux/1.0.0", Yamux), "mplex": ("/mplex/6.7.0", Mplex)}
TRANSPORTS = {
    "tcp": ("tcp", lambda key, options: TCP()),
    "quic-v1": ("quic-v1", lambda key, options: quic.new_transport(key)),
    "ws": ("ws", websocket.new_transport),
    "wss": ("wss", websocket.new_transport),
}
STACK = {"transport": TRANSPORTS, "security": SECURITY, "muxer": MUXERS}


class Options(argparse.Namespace):
    def only(self, kind):
        """What was negotiated, where only one was offered."""
        names = getattr(self, kind)
        return STACK[kind][names[0]][0] if len(names) == 1 else None


def one_of(kind):
    def names(text):
        for name in text.split(","):
            if name not in STACK[kind]:
                choices = " or ".join(STACK[kind])
                raise argparse.ArgumentTypeError(f'{kind} "{name}" is not supported, use {choices}')
        return text.split(",")

    return names


def parse():
    common = argparse.ArgumentParser(add_help=False)
    for kind, choices in STACK.items():
        common.add_argument(f"--{kind}", type=one_of(kind), default=[next(iter(choices))])
    for name in ("key-seed", "tls-certificate", "tls-key", "tls-trust"):
        common.add_argument(f"--{name}")

    parser = argparse.ArgumentParser(prog="peer-py")
    commands = parser.add_subparsers(dest="command", required=True)
    listen = commands.add_parser("listen", parents=[common])
    listen.add_argument("--address", type=multiaddr.Multiaddr, default="/ip4/127.0.0.1/tcp/0")
    dial = commands.add_parser("dial", parents=[common])
    dial.add_argument("address", type=multiaddr.Multiaddr)
    dial.add_argument("--upload-bytes", type=int, default=8388608)
    dial.add_argument("--streams", type=int, default=1000)
    dial.add_argument("--parallel", type=int, default=256)
    dial.add_argument("--steps", type=lambda text: choose(text.split(",")), default=choose([]))
    return parser.parse_args(namespace=Options())


def new_host(options):
    """Every peer program derives the same key from the same seed."""
    seed = None
    if options.key_seed is not None:
        seed = hashlib.sha256(f"lp2p-peer-key-seed:{options.key_seed}".encode()).digest()
    key = create_new_key_pair(seed)
    security = [SECURITY[name] for name in options.security]
    host = libp2p.new_host(
        key_pair=key,
        transports=[TRANSPORTS[name][1](key, options) for name in options.transport],
        sec_opt={protocol: make(key) for protocol, make in security},
        muxer_opt=dict(MUXERS[name] for name in options.muxer),
    )
    host.set_stream_handler(PING_ID, handle_ping)
    return host


def report_usage():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    with open("/proc/self/statm", encoding="ascii") as statm:
        rss = int(statm.read().split()[1]) * resource.getpagesize()
    print(f"cpu {usage.ru_utime + usage.ru_stime:.6f}\nrss {rss}", file=sys.stderr, flush=True)


async def wait_for_end(scope):
    async with await trio.open_file(sys.stdin.fileno(), "rb", closefd=False) as stdin:
        while await stdin.read1(256):
            pass
    scope.cancel()


async def listen(options):
    host = new_host(options)
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGUSR1) as signals:
        async with host.run(listen_addrs=[options.address]):
            serve(host)
            print(host.get_addrs()[0], flush=True)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(wait_for_end, nursery.cancel_scope)
                async for number in signals:
                    if number != signal.SIGUSR1:
                        break
                    report_usage()
                # The thread that waits for stdin cannot be cancelled.
                os._exit(0)
    return True


async def dial(options):
    host = new_host(options)
    async with host.run(listen_addrs=[]):
        dialer = Dialer(host, info_from_p2p_addr(websocket.dialable(options.address)), options)
        return await run_steps(dialer, options.steps)


def main():
    options = parse()
    command = {"listen": listen, "dial": dial}[options.command]
    return 0 if trio.run(command, options) else 1


if __name__ == "__main__":
    sys.exit(main())
