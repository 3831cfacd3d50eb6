#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""reverse.py BUILD: listeners of WebSocket behind nginx, which has the certificate of them
all, as `ok`, `not ok` and `skip` lines. To one of them it goes on with TLS.

It changes the addresses of the network: run.sh gives it a network of its own.
"""

import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(sys.argv[1])
LP2P = os.path.join(BUILD, "core/tools/lp2p")
TLS = os.path.join(HERE, "..", "fixtures", "tls")

# Whoever connects to an address of the machine does so from there.
OUTSIDE, FRONT = "192.0.2.1", 8443
PLAIN, SECURE = 4002, 4003
SECONDS = 60

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


class Failed(Exception):
    pass


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="ascii") as file:
        file.write(text.format(folder=folder, tls=TLS, outside=OUTSIDE, front=FRONT, plain=PLAIN,
                               secure=SECURE))
    return path


def run(*command):
    done = subprocess.run([LP2P, *command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=SECONDS, check=False)
    if done.returncode != 0:
        raise Failed(f"{command[0]} ended with status {done.returncode}: {done.stderr}")
    return done.stdout


def wait_for_nginx(nginx):
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and nginx.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((OUTSIDE, FRONT)) == 0:
                return
        time.sleep(0.05)
    raise Failed("nginx does not listen")


def check_identify(address, config):
    known = json.loads(run("identify", "--json", address, "--config", config))
    if known["transport"] != "wss":
        raise Failed(f"the transport is {known['transport']}")
    observed = known["observed_addresses"]
    if not any(seen.startswith(f"/ip4/{OUTSIDE}/") for seen in observed):
        raise Failed(f"the listener takes us for {observed}, expected {OUTSIDE}")


def cases(peer, config):
    address = f"/ip4/{OUTSIDE}/tcp/{FRONT}/tls/sni/localhost/ws"
    for what, target in (("", address + peer), (", which goes on with TLS", f"{address}/http-path/secure{peer}")):
        yield f"ping behind nginx{what}", functools.partial(run, "ping", target, "-c", "3", "--config", config)
        yield f"the client behind nginx{what}", functools.partial(check_identify, target, config)


def test(folder, nginx_path):
    failed = 0
    listener = subprocess.Popen([LP2P, "listen", "--json", f"/ip4/127.0.0.1/tcp/{PLAIN}/ws",
                                 f"/ip4/127.0.0.1/tcp/{SECURE}/tls/ws/http-path/secure", "--config",
                                 write(folder, "listener.conf", LISTENER)],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    peer = "/p2p/" + json.loads(listener.stdout.readline())["peer_id"]
    nginx = subprocess.Popen([nginx_path, "-p", folder, "-c", write(folder, "nginx.conf", NGINX)],
                             stdin=subprocess.DEVNULL)
    try:
        wait_for_nginx(nginx)
        for name, case in cases(peer, write(folder, "dialer.conf", DIALER)):
            try:
                case()
            except (Failed, subprocess.TimeoutExpired) as reason:
                failed += 1
                print(f"not ok {name}: {' '.join(str(reason).split())}", flush=True)
            else:
                print(f"ok {name}", flush=True)
    finally:
        nginx.terminate()
        nginx.wait(SECONDS)
        listener.send_signal(signal.SIGTERM)
        if listener.wait(SECONDS) != 0:
            failed += 1
            print(f"not ok the listener behind nginx: ended with status {listener.returncode}")
    return 1 if failed else 0


def main():
    nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if not os.path.exists(os.path.join(BUILD, "plugins", "ws.plugin")):
        print("skip behind nginx: missing: the transports over WebSocket")
        return 0
    if nginx is None:
        print("skip behind nginx: missing: nginx")
        return 0
    os.environ.update(LC_ALL="C.UTF-8", GSETTINGS_BACKEND="memory", G_DEBUG="fatal-criticals",
                      LP2P_PLUGIN_PATH=os.path.join(BUILD, "plugins"))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "addr", "replace", f"{OUTSIDE}/32", "dev", "lo"], check=True)
    with tempfile.TemporaryDirectory(prefix="lp2p-reverse-") as folder:
        for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
            os.environ[name] = folder
        return test(folder, nginx)


if __name__ == "__main__":
    sys.exit(main())
