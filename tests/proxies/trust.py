#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""trust.py BUILD: whom a dialer of WebSocket Secure trusts, as `ok`, `not ok` and `skip`
lines: the authorities of the system, or those of its option, never both.

It mounts over the folder that the system has them in: run.sh gives it mounts of its own.
"""

import contextlib
import functools
import os
import re
import sys

from lab import HAVE_WS, OUTSIDE, TLS, Failed, Report, listening, lp2p, place, run, run_cases, write

# Where GnuTLS looks on Debian; elsewhere it may ask p11-kit.
STORE, BUNDLE = "/etc/ssl/certs", "ca-certificates.crt"
PORT = 4003

LISTENER = f"""[host]
transports=['wss']
[plugin wss]
certificate='{TLS}/localhost.pem'
private-key='{TLS}/localhost-key.pem'
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
        lp2p("ping", address, "-c", "1", "--config", config)
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


@contextlib.contextmanager
def mounted_store(folder):
    """A folder of ours is where the system has its authorities, while the block runs."""
    store = os.path.join(folder, "store")
    os.mkdir(store)
    run("mount", "--bind", store, STORE)
    try:
        yield
    finally:
        run("umount", STORE)


def main():
    report = Report()
    if not HAVE_WS:
        report.skip("authorities", "missing: the transports over WebSocket")
        return report.status
    if not os.path.isdir(STORE) or os.path.isdir("/etc/pki/ca-trust"):
        report.skip("authorities", f"this system does not have them in {STORE}")
        return report.status
    listen = f"/ip4/{OUTSIDE}/tcp/{PORT}/tls/ws"
    dial = f"/ip4/{OUTSIDE}/tcp/{PORT}/tls/sni/localhost/ws"
    with place("trust") as folder, mounted_store(folder), listening(
            report, "the listener that is trusted", [listen], write(folder, "listener.conf", LISTENER)) as peer:
        run_cases(report, cases(folder, dial + peer))
    return report.status


if __name__ == "__main__":
    sys.exit(main())
