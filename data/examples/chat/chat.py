#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Chats with one peer: chat.py [ADDRESS]"""

import sys

import gi
gi.require_version("Lp2p", "1.0")
from gi.repository import Gio, GLib, Lp2p


def on_started(host, result):
    host.start_finish(result)
    print("\n".join(listening.get_string() for listening in host.dup_listen_addresses()), flush=True)
    if address:
        host.open_stream_at_async(address, [PROTOCOL], Lp2p.StreamFlags.NONE, None, on_stream)
    else:
        host.accept_stream_async(PROTOCOL, Lp2p.HandlerFlags.NONE, None, on_stream)


def on_stream(host, result):
    stream = host.open_stream_at_finish(result) if address else host.accept_stream_finish(result)
    stream.pipe_async(Gio.UnixInputStream.new(0, False), Gio.UnixOutputStream.new(1, False),
                      GLib.PRIORITY_DEFAULT, None, on_ended)


def on_ended(stream, result):
    stream.pipe_finish(result)
    host.close_async(None, lambda host, result: loop.quit())


PROTOCOL = "/org.example.Chat/1"
sys.excepthook = lambda kind, error, trace: sys.exit(str(error))  # also of a callback
address = Lp2p.Multiaddr.new_from_string(sys.argv[1]) if len(sys.argv) > 1 else None
config = Lp2p.Config.new()
config.set_from_string("host", "listen", "['/ip4/0.0.0.0/tcp/0']")
loop = GLib.MainLoop()
host = Lp2p.Host.new(config, None)
host.start_async(None, on_started)
loop.run()
