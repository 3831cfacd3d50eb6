#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""reverse.py BUILD: listeners of WebSocket behind nginx, which has the certificate of them
all, as `ok`, `not ok` and `skip` lines. To one of them it goes on with TLS.
"""

import functools
import json
import os
import shutil
import socket
import subprocess
import sys
import time

from lab import HAVE_WS, OUTSIDE, SECONDS, TLS, Failed, Report, listening, lp2p, place, run_cases, running, write

FRONT = 8443
PLAIN, SECURE = 4002, 4003

NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen {outside}:{front} ssl;
    ssl_certificate {tls}/localhost.pem;
    ssl_certificate_key {tls}/localhost-key.pem;
    ssl_protocols TLSv1.3;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_ssl_trusted_certificate {tls}/localhost.pem;
    proxy_ssl_name localhost;
    proxy_ssl_server_name on;
    proxy_ssl_verify on;
    proxy_ssl_protocols TLSv1.3;
    location / {{
      proxy_pass http://127.0.0.1:{plain};
    }}
    location /secure {{
      proxy_pass https://127.0.0.1:{secure};
    }}
  }}
}}
"""

LISTENER = """[host]
transports=['ws', 'wss']
[plugin ws]
trusted-proxies=['127.0.0.1']
[plugin wss]
trusted-proxies=['127.0.0.1']
certificate='{tls}/localhost.pem'
private-key='{tls}/localhost-key.pem'
"""
DIALER = "[host]\ntransports=['wss']\n[plugin wss]\nca-file='{tls}/localhost.pem'\n"


def fill(text, folder):
    return text.format(folder=folder, tls=TLS, outside=OUTSIDE, front=FRONT, plain=PLAIN, secure=SECURE)


def wait_for(nginx):
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and nginx.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((OUTSIDE, FRONT)) == 0:
                return
        time.sleep(0.05)
    raise Failed("it does not")


def check_identify(address, config):
    known = json.loads(lp2p("identify", "--json", address, "--config", config).stdout)
    if known["transport"] != "wss":
        raise Failed(f"the transport is {known['transport']}")
    observed = known["observed_addresses"]
    if not any(seen.startswith(f"/ip4/{OUTSIDE}/") for seen in observed):
        raise Failed(f"the listener takes us for {observed}, expected {OUTSIDE}")


def cases(nginx, peer, config):
    yield "nginx listens", functools.partial(wait_for, nginx)
    address = f"/ip4/{OUTSIDE}/tcp/{FRONT}/tls/sni/localhost/ws"
    for what, target in (("", address + peer), (", which goes on with TLS", f"{address}/http-path/secure{peer}")):
        yield f"ping behind nginx{what}", functools.partial(lp2p, "ping", target, "-c", "3", "--config", config)
        yield f"the client behind nginx{what}", functools.partial(check_identify, target, config)


def main():
    report = Report()
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if not HAVE_WS:
        report.skip("behind nginx", "missing: the transports over WebSocket")
        return report.status
    if program is None:
        report.skip("behind nginx", "missing: nginx")
        return report.status
    addresses = [f"/ip4/127.0.0.1/tcp/{PLAIN}/ws", f"/ip4/127.0.0.1/tcp/{SECURE}/tls/ws/http-path/secure"]
    with place("reverse") as folder:
        configs = {name: write(folder, f"{name}.conf", fill(text, folder))
                   for name, text in (("nginx", NGINX), ("listener", LISTENER), ("dialer", DIALER))}
        with (listening(report, "the listener behind nginx", addresses, configs["listener"]) as peer,
              running(report, "nginx", [program, "-p", folder, "-c", configs["nginx"]],
                      stdin=subprocess.DEVNULL) as nginx):
            run_cases(report, cases(nginx, peer, configs["dialer"]))
    return report.status


if __name__ == "__main__":
    sys.exit(main())
