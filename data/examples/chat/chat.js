#!/usr/bin/env -S gjs -m
// SPDX-License-Identifier: LGPL-2.1-or-later

// Chats with one peer: chat.js [ADDRESS]

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Lp2p from 'gi://Lp2p?version=1.0';
import System from 'system';

const PROTOCOL = '/org.example.Chat/1';

for (const name of ['start_async', 'close_async', 'open_stream_at_async'])
    Gio._promisify(Lp2p.Host.prototype, name);
Gio._promisify(Gio.OutputStream.prototype, 'splice_async');
Gio._promisify(Gio.DataInputStream.prototype, 'read_line_async', 'read_line_finish_utf8');

async function send(stream) {
    const input = Gio.UnixInputStream.new(0, false);
    await stream.output_stream.splice_async(input, Gio.OutputStreamSpliceFlags.CLOSE_TARGET,
        GLib.PRIORITY_DEFAULT, null);
}

async function receive(stream) {
    const lines = Gio.DataInputStream.new(stream.input_stream);
    for (;;) {
        const [line] = await lines.read_line_async(GLib.PRIORITY_DEFAULT, null);
        if (line === null)
            return;
        print(line);
    }
}

async function chat(address) {
    const config = Lp2p.Config.new();
    config.set_from_string('host', 'listen', "['/ip4/0.0.0.0/tcp/0']");
    const host = Lp2p.Host.new(config, null);
    const accepted = new Promise(resolve =>
        host.set_stream_handler(PROTOCOL, Lp2p.HandlerFlags.NONE, resolve));

    await host.start_async(null);
    host.dup_listen_addresses().forEach(listening => print(listening.get_string()));
    const stream = await (address ? host.open_stream_at_async(
        Lp2p.Multiaddr.new_from_string(address), [PROTOCOL], Lp2p.StreamFlags.NONE, null) : accepted);
    host.remove_stream_handler(PROTOCOL); // one peer is enough

    await Promise.all([send(stream), receive(stream)]);
    await host.close_async(null);
}

const loop = new GLib.MainLoop(null, false);
let status = 0;

chat(ARGV[0]).catch(error => {
    printerr(error.message);
    status = 1;
}).finally(() => loop.quit());
loop.run();
System.exit(status);
