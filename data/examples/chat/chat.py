#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Chats with one peer: chat.py [ADDRESS]"""

import os
import sys

import gi

gi.require_version("Lp2p", "1.0")
from gi.repository import Gio, GLib, Lp2p

PROTOCOL = "/org.example.Chat/1"


class Chat:
    def __init__(self):
        self.loop = GLib.MainLoop()
        config = Lp2p.Config.new()
        config.set_from_string("host", "listen", "['/ip4/0.0.0.0/tcp/0']")
        self.host = Lp2p.Host.new(config, None)
        self.host.set_stream_handler(PROTOCOL, Lp2p.HandlerFlags.NONE, self.talk)
        self.host.start_async(None, self.on_started)
        self.loop.run()

    def on_started(self, host, result):
        host.start_finish(result)
        for address in host.dup_listen_addresses():
            print(address.get_string(), flush=True)
        if len(sys.argv) > 1:
            address = Lp2p.Multiaddr.new_from_string(sys.argv[1])
            host.open_stream_at_async(address, [PROTOCOL], Lp2p.StreamFlags.NONE, None, self.on_opened)

    def on_opened(self, host, result):
        self.talk(host.open_stream_at_finish(result))

    def talk(self, stream):
        self.host.remove_stream_handler(PROTOCOL)  # one peer is enough
        self.stream, self.ways = stream, 2
        stream.get_output_stream().splice_async(
            Gio.UnixInputStream.new(0, False), Gio.OutputStreamSpliceFlags.CLOSE_TARGET,
            GLib.PRIORITY_DEFAULT, None, self.on_sent)
        lines = Gio.DataInputStream.new(stream.get_input_stream())
        lines.read_line_async(GLib.PRIORITY_DEFAULT, None, self.on_line)

    def on_sent(self, output, result):
        output.splice_finish(result)
        self.end_one_way()

    def on_line(self, lines, result):
        line, _ = lines.read_line_finish_utf8(result)
        if line is None:
            return self.end_one_way()
        print(line, flush=True)
        lines.read_line_async(GLib.PRIORITY_DEFAULT, None, self.on_line)

    def end_one_way(self):
        self.ways -= 1
        if self.ways == 0:
            self.host.close_async(None, lambda host, result: self.loop.quit())


def stop(kind, error, trace):
    print(error, file=sys.stderr)
    os._exit(1)


sys.excepthook = stop  # an error in a callback ends the chat
Chat()
