#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""trust.py BUILD: whom a dialer of WebSocket Secure trusts, as `ok`, `not ok` and `skip`
lines: the authorities of the system, or those of its option, never both.

It mounts over the folder that the system has them in: run.sh gives it mounts of its own.
"""

import functools
import json
import os
import re
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from reverse import BUILD, LP2P, OUTSIDE, SECONDS, TLS, Failed, run, write  # noqa: E402

# Where GnuTLS looks on Debian; elsewhere it may ask p11-kit.
STORE, BUNDLE = "/etc/ssl/certs", "ca-certificates.crt"
PORT = 4003

LISTENER = """[host]
transports=['wss']
[plugin wss]
certificate='{tls}/localhost.pem'
private-key='{tls}/localhost-key.pem'
"""
DIALER = "[host]\ntransports=['wss']\n"
OPTION = "[plugin wss]\nca-file='"
OURS, OTHER, ABSENT = (os.path.join(TLS, name + ".pem") for name in ("localhost", "other", "absent"))


def fill_store(folder, source):
    path = os.path.join(folder, "store", BUNDLE)
    if source is None:
        if os.path.exists(path):
            os.remove(path)
        return
    with open(source, "rb") as certificate, open(path, "wb") as bundle:
        bundle.write(certificate.read())


def check(folder, address, store, option, refusal):
    """What is in the system's store and in the option, and why it will not do, if so."""
    fill_store(folder, store)
    config = write(folder, "dialer.conf", DIALER + (f"{OPTION}{option}'\n" if option else ""))
    try:
        run("ping", address, "-c", "1", "--config", config)
    except Failed as reason:
        if refusal is None or not re.search(refusal, str(reason)):
            raise
    else:
        if refusal is not None:
            raise Failed("the server was trusted")


def cases(folder, address):
    for name, *what in (
            ("of the system", OURS, None, None),
            ("of nobody that the system knows", OTHER, None, "is not trusted"),
            ("of a system that trusts nobody", None, None, "trusts no certificate authorities"),
            ("of the option", OTHER, OURS, None),
            ("of the option alone", OURS, OTHER, "is not trusted"),
            ("of an option that cannot be read", OURS, ABSENT, "absent.pem")):
        yield f"authority {name}", functools.partial(check, folder, address, *what)


def test(folder):
    failed = 0
    listener = subprocess.Popen([LP2P, "listen", "--json", f"/ip4/{OUTSIDE}/tcp/{PORT}/tls/ws", "--config",
                                 write(folder, "listener.conf", LISTENER)],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    peer = "/p2p/" + json.loads(listener.stdout.readline())["peer_id"]
    for name, case in cases(folder, f"/ip4/{OUTSIDE}/tcp/{PORT}/tls/sni/localhost/ws{peer}"):
        try:
            case()
        except (Failed, subprocess.TimeoutExpired) as reason:
            failed += 1
            print(f"not ok {name}: {' '.join(str(reason).split())}", flush=True)
        else:
            print(f"ok {name}", flush=True)
    listener.send_signal(signal.SIGTERM)
    if listener.wait(SECONDS) != 0:
        failed += 1
        print(f"not ok the listener: ended with status {listener.returncode}")
    return 1 if failed else 0


def main():
    if not os.path.exists(os.path.join(BUILD, "plugins", "wss.plugin")):
        print("skip authorities: missing: the transports over WebSocket")
        return 0
    if not os.path.isdir(STORE) or os.path.isdir("/etc/pki/ca-trust"):
        print(f"skip authorities: this system does not have them in {STORE}")
        return 0
    os.environ.update(LC_ALL="C.UTF-8", GSETTINGS_BACKEND="memory", G_DEBUG="fatal-criticals",
                      LP2P_PLUGIN_PATH=os.path.join(BUILD, "plugins"))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "addr", "replace", f"{OUTSIDE}/32", "dev", "lo"], check=True)
    with tempfile.TemporaryDirectory(prefix="lp2p-trust-") as folder:
        for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
            os.environ[name] = folder
        os.mkdir(os.path.join(folder, "store"))
        subprocess.run(["mount", "--bind", os.path.join(folder, "store"), STORE], check=True)
        try:
            return test(folder)
        finally:
            subprocess.run(["umount", STORE], check=True)


if __name__ == "__main__":
    sys.exit(main())
