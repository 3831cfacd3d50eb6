// SPDX-License-Identifier: LGPL-2.1-or-later

// Chats with one peer: chat [ADDRESS]

const string PROTOCOL = "/org.example.Chat/1";

async void chat (string? address) throws Error {
    var config = new Lp2p.Config ();
    config.set_from_string ("host", "listen", "['/ip4/0.0.0.0/tcp/0']");
    var host = new Lp2p.Host (config, null);
    Lp2p.Stream stream;

    yield host.start_async ();
    foreach (unowned var listening in host.dup_listen_addresses ())
        stdout.printf ("%s\n", listening.get_string ());
    stdout.flush ();
    if (address != null)
        stream = yield host.open_stream_at_async (new Lp2p.Multiaddr.from_string (address), { PROTOCOL }, NONE);
    else
        stream = yield host.accept_stream_async (PROTOCOL, NONE);
    yield stream.pipe_async (new UnixInputStream (0, false), new UnixOutputStream (1, false), Priority.DEFAULT);
    yield host.close_async ();
}

int main (string[] arguments) {
    var loop = new MainLoop ();
    int status = 0;

    chat.begin (arguments[1], (object, result) => {
        try {
            chat.end (result);
        } catch (Error error) {
            printerr ("%s\n", error.message);
            status = 1;
        }
        loop.quit ();
    });
    loop.run ();
    return status;
}
