#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""dns-server.py ADDRESS ZONE LOG: answers DNS questions over UDP and TCP on port 53.

ZONE is a file of JSON: an object with one member for each name, in lower case
and without the dot at the end. Its value is an object:

    "A", "AAAA"   a list of addresses
    "TXT"         a list of records, each a list of strings, whose characters
                  stand for bytes (latin-1)
    "silent"      a list of the types that are never answered
    "servfail"    likewise, answered with SERVFAIL
    "truncated"   true: over UDP only "ask me over TCP"
    "garbage"     true: the answer breaks off in the middle of a record

A name that is not there does not exist. Prints "ready" when it serves, and writes
"TYPE NAME TRANSPORT" to LOG before it answers a question.
"""

import ipaddress
import json
import socket
import socketserver
import struct
import sys
import threading

TYPES = {1: "A", 16: "TXT", 28: "AAAA"}
NOERROR, SERVFAIL, NXDOMAIN, NOTIMP = 0, 2, 3, 4
# Response, authoritative, recursion available.
FLAGS = 0x8480
RECURSION_DESIRED = 0x0100
TRUNCATED = 0x0200
UDP_SIZE = 512
OPT = 41


def read_name(message, offset):
    labels = []
    while message[offset]:
        size = message[offset]
        labels.append(message[offset + 1 : offset + 1 + size].decode("latin-1").lower())
        offset += 1 + size
    return ".".join(labels), offset + 1


def read_udp_size(message, offset):
    """What the client takes over UDP: 512 bytes unless it says so."""
    (additional,) = struct.unpack_from("!H", message, 10)
    # The root, the type OPT, and where others have their class, the size.
    if additional == 1 and message[offset] == 0:
        kind, size = struct.unpack_from("!HH", message, offset + 1)
        if kind == OPT:
            return max(UDP_SIZE, size)
    return UDP_SIZE


def encode_txt(strings):
    encoded = [string.encode("latin-1") for string in strings]
    return b"".join(bytes([len(string)]) + string for string in encoded)


def encode_records(kind, values):
    number = next(code for code, name in TYPES.items() if name == kind)
    for value in values:
        data = encode_txt(value) if kind == "TXT" else ipaddress.ip_address(value).packed
        # The name is the one at offset 12, the question's.
        yield struct.pack("!HHHIH", 0xC00C, number, 1, 60, len(data)) + data


class Zone:
    def __init__(self, path, log):
        with open(path, encoding="utf-8") as file:
            self.names = json.load(file)
        self.log = open(log, "w", encoding="utf-8")
        self.lock = threading.Lock()

    def note(self, *words):
        with self.lock:
            print(*words, file=self.log, flush=True)

    def answer(self, message, tcp):
        """The answer to a message, None for silence."""
        identity, flags, questions = struct.unpack_from("!HHH", message)
        name, offset = read_name(message, 12)
        (code,) = struct.unpack_from("!H", message, offset)
        question = message[12 : offset + 4]
        kind = TYPES.get(code, str(code))
        self.note(kind, name, "tcp" if tcp else "udp")

        entry = self.names.get(name)
        records = []
        status = NOERROR
        if questions != 1:
            status = NOTIMP
        elif entry is None:
            status = NXDOMAIN
        elif kind in entry.get("silent", []):
            return None
        elif kind in entry.get("servfail", []):
            status = SERVFAIL
        else:
            records = list(encode_records(kind, entry.get(kind, [])))

        body = b"".join(records)
        truncated = False
        if not tcp and entry is not None:
            limit = read_udp_size(message, offset + 4)
            truncated = entry.get("truncated", False) or 12 + len(question) + len(body) > limit
        if truncated:
            records, body = [], b""
        if entry is not None and entry.get("garbage", False):
            body = body[: len(body) // 2]
        flags = FLAGS | flags & RECURSION_DESIRED | (TRUNCATED if truncated else 0) | status
        header = struct.pack("!HHHHHH", identity, flags, 1, len(records), 0, 0)
        return header + question + body


class UdpHandler(socketserver.BaseRequestHandler):
    def handle(self):
        message, server = self.request
        answer = self.server.zone.answer(message, False)
        if answer is not None:
            server.sendto(answer, self.client_address)


class TcpHandler(socketserver.StreamRequestHandler):
    def handle(self):
        while len(size := self.rfile.read(2)) == 2:
            message = self.rfile.read(struct.unpack("!H", size)[0])
            answer = self.server.zone.answer(message, True)
            if answer is not None:
                self.wfile.write(struct.pack("!H", len(answer)) + answer)


class UdpServer(socketserver.ThreadingUDPServer):
    daemon_threads = True
    allow_reuse_address = True


class TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def main():
    address, path, log = sys.argv[1:]
    zone = Zone(path, log)
    for server_class, handler in ((UdpServer, UdpHandler), (TcpServer, TcpHandler)):
        server_class.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        server = server_class((address, 53), handler)
        server.zone = zone
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    # It ends when whoever started it does.
    sys.stdin.read()


if __name__ == "__main__":
    main()
