# SPDX-License-Identifier: LGPL-2.1-or-later
"""A proxy for one TCP connection that tampers with one frame of one direction.

It knows where the frames of multistream-select (a varint and as many bytes) end
and those of Noise (two bytes of length) begin, and nothing of what is in them.
"""

import os
import socket
import threading

MULTISTREAM_FRAMES = 2
# How long to wait for the frame that is to overtake the chosen one.
OVERTAKE_SECONDS = 0.3


def read_exactly(source, size):
    data = b""
    while len(data) < size:
        piece = source.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def read_frame(source, number):
    """The length field and the content of the next frame."""
    if number >= MULTISTREAM_FRAMES:
        head = read_exactly(source, 2)
        return head, read_exactly(source, int.from_bytes(head, "big"))
    head = b""
    while not head or head[-1] & 0x80:
        head += read_exactly(source, 1)
    size = sum((byte & 0x7F) << (7 * index) for index, byte in enumerate(head))
    return head, read_exactly(source, size)


def keep(source, target, number):
    target.sendall(b"".join(read_frame(source, number)))


def corrupt(source, target, number):
    head, content = read_frame(source, number)
    middle = len(content) // 2
    target.sendall(head + content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])


def truncate(source, target, number):
    head, content = read_frame(source, number)
    target.sendall(head + content[: len(content) // 2])
    raise EOFError


def shorten(source, target, number):
    """The length says so, too."""
    head, content = read_frame(source, number)
    content = content[: len(content) // 2]
    size = bytes([len(content)]) if len(head) == 1 else len(content).to_bytes(2, "big")
    target.sendall(size + content)


def enlarge(source, target, number):
    head, content = read_frame(source, number)
    size = b"\xff\x7f" if len(head) == 1 else b"\xff\xff"
    target.sendall(size + content + os.urandom(int.from_bytes(b"\xff\xff", "big") - len(content)))


def replay(source, target, number):
    target.sendall(b"".join(read_frame(source, number)) * 2)


def inject(source, target, number):
    target.sendall(b"\x00\x40" + os.urandom(0x40))
    keep(source, target, number)


def reorder(source, target, number):
    first = b"".join(read_frame(source, number))
    source.settimeout(OVERTAKE_SECONDS)
    try:
        second = b"".join(read_frame(source, number + 1))
    except TimeoutError:
        second = os.urandom(18)
    source.settimeout(None)
    target.sendall(second + first)


ACTIONS = (corrupt, truncate, shorten, enlarge, replay, inject, reorder)


class Proxy:
    """Listens on a port of its own and carries one connection to `target`."""

    def __init__(self, target, action, from_dialer, number):
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(30)
        self.port = self._server.getsockname()[1]
        self.applied = False
        self._target = target
        self._action = action
        self._from_dialer = from_dialer
        self._number = number
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            dialer = self._server.accept()[0]
        except OSError:
            return
        with self._server, dialer, socket.create_connection(self._target) as listener:
            for side in (dialer, listener):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=self._carry, args=(listener, dialer, False), daemon=True)
            back.start()
            self._carry(dialer, listener, True)
            back.join()

    def _carry(self, source, target, from_dialer):
        number = 0
        try:
            while True:
                chosen = from_dialer == self._from_dialer and number == self._number
                self.applied |= chosen
                (self._action if chosen else keep)(source, target, number)
                number += 1
        except (EOFError, OSError):
            pass
        # Both directions: half a connection would be another test.
        for side in (source, target):
            try:
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def finish(self):
        self._thread.join(10)
        return self.applied and not self._thread.is_alive()
