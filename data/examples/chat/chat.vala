// SPDX-License-Identifier: LGPL-2.1-or-later

// Chats with one peer: chat [ADDRESS]

const string PROTOCOL = "/org.example.Chat/1";

Lp2p.Host host;
MainLoop loop;
int ways = 2;

async void start (string? address) throws Error {
    yield host.start_async ();
    foreach (unowned var listening in host.dup_listen_addresses ())
        print_line (listening.get_string ());
    if (address != null)
        talk (yield host.open_stream_at_async (new Lp2p.Multiaddr.from_string (address), { PROTOCOL }, NONE));
}

void talk (Lp2p.Stream stream) {
    host.remove_stream_handler (PROTOCOL); // one peer is enough
    send.begin (stream, (object, result) => finish_or_stop (() => send.end (result)));
    receive.begin (stream, (object, result) => finish_or_stop (() => receive.end (result)));
}

async void send (Lp2p.Stream stream) throws Error {
    yield stream.output_stream.splice_async (new UnixInputStream (0, false), CLOSE_TARGET);
    yield end_one_way ();
}

async void receive (Lp2p.Stream stream) throws Error {
    var lines = new DataInputStream (stream.input_stream);
    for (string? line; (line = yield lines.read_line_async ()) != null;)
        print_line (line);
    yield end_one_way ();
}

async void end_one_way () throws Error {
    if (--ways == 0) {
        yield host.close_async ();
        loop.quit ();
    }
}

void print_line (string line) {
    stdout.printf ("%s\n", line);
    stdout.flush ();
}

delegate void Finish () throws Error;

void finish_or_stop (Finish finish) {
    try {
        finish ();
    } catch (Error error) {
        printerr ("%s\n", error.message);
        Process.exit (1);
    }
}

void main (string[] arguments) {
    var config = new Lp2p.Config ();
    finish_or_stop (() => config.set_from_string ("host", "listen", "['/ip4/0.0.0.0/tcp/0']"));
    loop = new MainLoop ();
    host = new Lp2p.Host (config, null);
    host.set_stream_handler (PROTOCOL, NONE, talk);
    start.begin (arguments[1], (object, result) => finish_or_stop (() => start.end (result)));
    loop.run ();
}
