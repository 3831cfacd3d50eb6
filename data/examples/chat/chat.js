#!/usr/bin/env -S gjs -m
// SPDX-License-Identifier: LGPL-2.1-or-later

// Chats with one peer: chat.js [ADDRESS]

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Lp2p from 'gi://Lp2p?version=1.0';
import System from 'system';

const PROTOCOL = '/org.example.Chat/1';

for (const name of ['start_async', 'close_async', 'open_stream_at_async', 'accept_stream_async'])
    Gio._promisify(Lp2p.Host.prototype, name);
Gio._promisify(Lp2p.Stream.prototype, 'pipe_async');

async function chat(address) {
    const config = Lp2p.Config.new();
    config.set_from_string('host', 'listen', "['/ip4/0.0.0.0/tcp/0']");
    const host = Lp2p.Host.new(config, null);

    await host.start_async(null);
    host.dup_listen_addresses().forEach(listening => print(listening.get_string()));
    const stream = await (address
        ? host.open_stream_at_async(Lp2p.Multiaddr.new_from_string(address), [PROTOCOL], Lp2p.StreamFlags.NONE, null)
        : host.accept_stream_async(PROTOCOL, Lp2p.HandlerFlags.NONE, null));
    await stream.pipe_async(Gio.UnixInputStream.new(0, false), Gio.UnixOutputStream.new(1, false),
        GLib.PRIORITY_DEFAULT, null);
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
