# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether TCP Fast Open works between the two sides of a line, with nothing of ours in it."""

import subprocess
import sys

SECONDS = 30
PORT = "4010"

SERVER = """
import socket, sys
server = socket.create_server((sys.argv[1], int(sys.argv[2])))
server.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 5)
print("ready", flush=True)
for _ in range(2):
    client, _ = server.accept()
    client.sendall(client.recv(1))
    client.close()
"""
# The first one asks for the cookie, with which the other's first packet has a byte in it.
# The sixth byte of what the kernel tells says whether that was taken.
CLIENT = """
import socket, sys
for _ in range(2):
    client = socket.socket()
    client.sendto(b"x", socket.MSG_FASTOPEN, (sys.argv[1], int(sys.argv[2])))
    client.recv(1)
SYN_DATA = 32
sys.exit(not client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 6)[5] & SYN_DATA)
"""


def works(link):
    """From side a to side b of a line."""
    arguments = [link.address["b"], PORT]
    server = link.popen("b", [sys.executable, "-c", SERVER, *arguments], stdout=subprocess.PIPE, text=True)
    with server.stdout:
        if server.stdout.readline().strip() != "ready":
            return False
        client = link.popen("a", [sys.executable, "-c", CLIENT, *arguments], stderr=subprocess.DEVNULL)
        try:
            return client.wait(SECONDS) == 0
        except subprocess.TimeoutExpired:
            return False
