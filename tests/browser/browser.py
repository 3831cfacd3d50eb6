#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""browser.py BUILD PAGE: js-libp2p in browsers dials our listener.

PAGE is the folder that `build` made. Prints an `ok`, `not ok` or `skip` line for each step
in each browser, over ws and over wss with an authority that the browser was told of. A
browser gets a profile of its own, and ends with its test.
"""

import functools
import http.server
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
from authority import TOOLS, Authority  # noqa: E402
from peers import Listener, Peer, last_line  # noqa: E402
from report import Report  # noqa: E402

STEPS = ("connect", "identify", "ping", "upload", "download", "streams", "half-close", "reset", "wrong-peer")
UPLOAD_BYTES = 8 * 1024 * 1024
STREAMS = 100
ADDRESSES = {"ws": "/ip4/127.0.0.1/tcp/0/ws", "wss": "/ip4/127.0.0.1/tcp/0/tls/ws"}

# Who does not know an authority says so in an alert, of which the listener tells.
LISTENER_LOG = {"G_MESSAGES_DEBUG": "lp2p-websocket"}
REFUSED = re.compile('the peer sent the alert "(CA is unknown|Unknown certificate|Certificate is bad)"')

# From the start of a browser to its last line; all nine steps have 30 seconds each.
RUN_SECONDS = 240
END_SECONDS = 10


def chromium(program, profile):
    argv = [program, "--headless=new", f"--user-data-dir={profile}", "--no-first-run", "--disable-gpu",
            "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update"]
    # Its sandbox does not work for root.
    return argv + ["--no-sandbox"] if os.geteuid() == 0 else argv


def firefox(program, profile):
    return [program, "--headless", "--no-remote", "--profile", profile]


# What systems call them, and where in their profile, which is their home as well, they
# keep the certificates that they trust.
BROWSERS = {"chromium": (("chromium", "chromium-browser"), chromium, ".pki/nssdb"),
            "firefox": (("firefox-esr", "firefox"), firefox, ".")}


def find_program(name):
    return next(filter(shutil.which, BROWSERS[name][0]), None)


class Page(http.server.SimpleHTTPRequestHandler):
    """Serves the page, and takes what it tells."""

    def __init__(self, *args, told, **kwargs):
        self.told = told
        super().__init__(*args, **kwargs)

    def do_POST(self):
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode(errors="replace")
        self.told.put((self.path, text))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args):
        pass


class Browser:
    """One that trusts the authority, if any, beside those that it comes with."""

    def __init__(self, name, url, authority):
        _, make_argv, database = BROWSERS[name]
        program = find_program(name)
        self.profile = tempfile.TemporaryDirectory(prefix="lp2p-browser-", ignore_cleanup_errors=True)
        if authority is not None:
            authority.add_to(os.path.join(self.profile.name, database))
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [*make_argv(program, self.profile.name), url],
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            env=dict(os.environ, HOME=self.profile.name),
            start_new_session=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        # It was started in a group of its own, with all of its processes.
        for how in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, how)
                self.process.wait(END_SECONDS)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
        self.profile.cleanup()

    def said(self):
        self.output.seek(0)
        return last_line(self.output.read().decode(errors="replace"))


def listen_to_page(browser, told):
    """The steps that the page tells of, and why there are no more, None at its own end."""
    steps = {}
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        try:
            path, text = told.get(timeout=1)
        except queue.Empty:
            if browser.process.poll() is not None:
                return steps, f"the browser ended with status {browser.process.returncode}: {browser.said()}"
            continue
        if path == "/end":
            return steps, None
        if path == "/failed":
            return steps, f"the page failed: {text}"
        if path == "/step":
            step = json.loads(text)
            steps[step["step"]] = step
    return steps, f"no end within {RUN_SECONDS} s: {browser.said()}"


def run(name, address, page, authority):
    told = queue.Queue()
    handler = functools.partial(Page, directory=page, told=told)
    query = urllib.parse.urlencode({"address": address, "upload-bytes": UPLOAD_BYTES, "streams": STREAMS})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/?{query}"
        with Browser(name, url, authority) as browser:
            steps, why = listen_to_page(browser, told)
        server.shutdown()
    return steps, why


def reason(steps, name, why):
    step = steps.get(name)
    if step is None:
        return why or "the page did not tell of it"
    return None if step["ok"] else " ".join(str(step["error"]).split())


def listen(build, transport, authority):
    options = ["--transport", transport, "--address", ADDRESSES[transport]]
    if transport == "wss":
        options += ["--tls-certificate", authority.certificate, "--tls-key", authority.key]
    return Listener(Peer("lp2p", os.path.abspath(build), LISTENER_LOG), options)


def check_all(build, page, name, transport, authority):
    """What is wrong, None for nothing, with each step of a browser that has all it needs."""
    with listen(build, transport, authority) as listener:
        steps, why = run(name, listener.address, page, authority)
        status = listener.stop()
    reasons = {step: reason(steps, step, why) for step in STEPS}
    if "half-close 1000" not in listener.stderr().splitlines():
        reasons["half-close"] = reasons["half-close"] or "the listener did not report 1000 bytes"
    reasons["end"] = None if status == 0 else f"the listener ended with status {status}"
    return reasons


def explain_refusal(steps, why, listener):
    """None where the browser did not connect since it does not trust the certificate."""
    if "connect" not in steps:
        return why or "the page did not tell whether it connected"
    if steps["connect"]["ok"]:
        return "it connected"
    if REFUSED.search(listener.stderr()):
        return None
    return f"the listener got no such alert: {reason(steps, 'connect', why)}; {last_line(listener.stderr())}"


def check_untrusted(build, page, name, authority):
    """Likewise, with a browser that never heard of the authority."""
    with listen(build, "wss", authority) as listener:
        steps, why = run(name, listener.address, page, None)
        status = listener.stop()
    return {"refusal": explain_refusal(steps, why, listener),
            "end": None if status == 0 else f"the listener ended with status {status}"}


def cases(build, page, name, authority):
    yield "ws", lambda: check_all(build, page, name, "ws", authority)
    if authority is not None:
        yield "wss", lambda: check_all(build, page, name, "wss", authority)
        yield "wss of an unknown authority", lambda: check_untrusted(build, page, name, authority)


def test(build, page, authority):
    report = Report()
    for name, (programs, *_) in BROWSERS.items():
        if find_program(name) is None:
            report.skip(f"{name}->lp2p", f"missing: {' or '.join(programs)}")
            continue
        for case, check in cases(build, page, name, authority):
            for step, problem in check().items():
                report.case(f"{name}->lp2p {case} {step}", problem)
        if authority is None:
            report.skip(f"{name}->lp2p wss", f"missing: {' or '.join(TOOLS)}")
    return report.status


def main():
    build, page = sys.argv[1:]
    if not all(map(shutil.which, TOOLS)):
        return test(build, page, None)
    with tempfile.TemporaryDirectory(prefix="lp2p-authority-") as folder:
        return test(build, page, Authority(folder))


if __name__ == "__main__":
    sys.exit(main())
