#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Checks who knows whom in the sources.

Usage: check-includes.py FOLDER     the top of the source tree
       check-includes.py --self-test

Prints TAP, a case for each rule; below it, file, line and what is wrong.
"""

import fnmatch
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from report import print_tap  # noqa: E402

# From the bottom to the top: each area may include itself and those before it.
AREAS = ["types", "codec", "net", "interfaces", "plugin", "host", "tools"]

# Headers in core/ itself that every area may include. The umbrella headers
# include all areas, so only programs and loadable objects may.
COMMON_HEADERS = {"lp2p-macros.h", "lp2p-version.h", "lp2p-enum-types.h", "lp2p-compat.h"}

# What belongs into loadable objects.
FOREIGN_HEADERS = re.compile(
    r"^(ngtcp2/|nghttp3/|libsoup|nice/|agent\.h$|stun/|usrsctp|srtp2?/|srtp)")

# types and codec get bytes and give bytes.
SOCKET_HEADERS = re.compile(
    r"^(gio/g(networking|socket|unixsocket|unixfd|datagram|resolver|inetsocket)"
    r"|sys/epoll\.h$|sys/socket\.h$|netdb\.h$|poll\.h$)")
SOCKET_CALLS = re.compile(
    r"\b(g_socket_(new|client|listener|service|connection|connect|bind|listen|send|receive)\w*"
    r"|g_main_(context|loop)_\w+|g_(get_monotonic_time|get_real_time|timeout_\w+|idle_\w+)"
    r"|GSocket|GMainContext|GSource)\b")
SOCKET_EXCEPTIONS = {
    "core/types/lp2p-multiaddr-socket.c": "converts socket addresses, opens none",
}

TRANSPORTS = ["tcp", "memory", "quic", "quic-v1", "ws", "wss", "webtransport", "webrtc",
              "webrtc-direct", "circuit"]
TRANSPORT_LITERAL = re.compile('"(%s)"' % "|".join(TRANSPORTS))
TRANSPORT_EXCEPTIONS = {
    "core/types/lp2p-multiaddr*": "the table of multiaddr protocols, which has the same names",
    "core/types/lp2p-config-option.c": "the default of the option transports",
    "core/net/lp2p-tcp-hub*": "the hub of TCP sockets and its multiaddrs",
    "core/net/lp2p-udp-hub*": "the hub of UDP sockets and its multiaddrs",
}

# What loadable objects may include of lp2p.
PLUGIN_HEADERS = {
    "lp2p/lp2p-plugin.h",
    "lp2p/net/lp2p-gnutls-credentials.h",  # as the next
    "lp2p/net/lp2p-gnutls-layer.h",  # only for those that configure TLS sessions
}

# What the command includes of lp2p besides <lp2p/lp2p.h>, and why. It is an application like
# others: what it cannot do with that, they cannot do either.
TOOLS_HEADERS = {
    "types/lp2p-i18n-private.h": {
        "core/tools/*": "macros of gettext; what is behind them is compiled into the command"},
    "lp2p/lp2p-plugin.h": {
        "core/tools/lp2p-command-demo.c": "loads objects, to tell which of them work",
        "core/tools/lp2p-command-inspect.c": "as before",
        "core/tools/doctor/lp2p-doctor-setup.c": "as before",
        "core/tools/forward/lp2p-forward-request-private.h": "bytes of peers, through the checked cursor",
        "core/tools/send/lp2p-send-*": "as before",
        "core/tools/send/lp2p-receive-writer.c": "as before"},
}

# Private libraries that loadable objects share: folder -> who may include its headers.
SHARED_FOLDERS = {"modules/quic-engine": ("modules/quic", "modules/webtransport")}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


class Source:
    def __init__(self, root, path):
        self.path = path
        self.folder = os.path.dirname(path)
        self.name = os.path.basename(path)
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            text = file.read()
        # A comment may mention what code must not use.
        self.lines = COMMENT.sub(blank, text).split("\n")
        self.includes = []
        for number, line in enumerate(self.lines, 1):
            match = INCLUDE.match(line)
            if match:
                self.includes.append((number, match.group(1) == "<", match.group(2)))

    @property
    def area(self):
        parts = self.path.split("/")
        return parts[1] if parts[0] == "core" and len(parts) > 2 else None

    @property
    def is_loadable(self):
        return self.path.split("/")[0] in ("modules", "plugins")

    @property
    def is_test(self):
        return self.name.startswith(("test-", "fuzz-", "bench-")) or "/tests/" in self.path

    def is_exception(self, exceptions):
        return any(fnmatch.fnmatch(self.path, pattern) for pattern in exceptions)

    def grep(self, pattern):
        for number, line in enumerate(self.lines, 1):
            match = pattern.search(line)
            if match:
                yield number, match.group(0)


def find_sources(root):
    for top in ("core", "modules", "plugins"):
        for folder, folders, names in os.walk(os.path.join(root, top)):
            folders.sort()
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield Source(root, os.path.relpath(os.path.join(folder, name), root))


def included_of_core(source, angled, header):
    """The path inside core/ that an include means, or None."""
    if angled:
        return header[len("lp2p/"):] if header.startswith("lp2p/") else None
    if header.split("/")[0] in AREAS:
        return header
    if "/" not in header and source.area is not None:
        return f"{source.area}/{header}"
    return None


def rule_areas(source):
    """areas of core include only themselves and those below"""
    if source.area not in AREAS:
        return
    for number, angled, header in source.includes:
        target = included_of_core(source, angled, header)
        if target is None:
            continue
        if "/" not in target:
            if target not in COMMON_HEADERS and source.area != "tools":
                yield number, f"{header} includes every area"
        elif target.split("/")[0] not in AREAS:
            yield number, f"{header} is in no area"
        elif AREAS.index(target.split("/")[0]) > AREAS.index(source.area):
            yield number, f"{source.area} includes {header}, which is above it"


def rule_public_headers(source):
    """public headers include only public headers"""
    if source.area is None or not source.name.endswith(".h") or source.name.endswith("-private.h"):
        return
    for number, angled, header in source.includes:
        if header.endswith("-private.h"):
            yield number, f"{header} is not installed"
        elif not angled:
            yield number, f'"{header}" is found only in the source tree, expected <lp2p/...>'


def rule_host(source):
    """nothing below the host mentions it"""
    if source.area not in AREAS[:AREAS.index("host")] and not (
            source.is_loadable and not source.is_test):
        return
    for number, word in source.grep(re.compile(r"\bLp2pHost\b|\blp2p_host_\w+")):
        yield number, f"{word} is above it"


def rule_foreign(source):
    """core includes no library that belongs into loadable objects"""
    if source.path.startswith("core/"):
        for number, _, header in source.includes:
            if FOREIGN_HEADERS.match(header):
                yield number, f"{header} belongs into a loadable object"


def rule_sans_io(source):
    """types and codec know no sockets, clock or main loop"""
    if source.area not in ("types", "codec") or source.is_exception(SOCKET_EXCEPTIONS):
        return
    for number, _, header in source.includes:
        if SOCKET_HEADERS.match(header):
            yield number, f"{header} is about I/O"
    for number, word in source.grep(SOCKET_CALLS):
        yield number, f"{word} is about I/O"


def rule_transports(source):
    """core names no transport"""
    if not source.path.startswith("core/") or source.is_exception(TRANSPORT_EXCEPTIONS):
        return
    for number, word in source.grep(TRANSPORT_LITERAL):
        yield number, f"{word} is the name of a transport"


def rule_tools(source):
    """the command includes only the public header, and its own files"""
    if source.area != "tools":
        return
    for number, angled, header in source.includes:
        target = included_of_core(source, angled, header)
        if target is None or target.startswith("tools/") or header == "lp2p/lp2p.h":
            continue
        if not source.is_exception(TOOLS_HEADERS.get(header, {})):
            yield number, f"{header} is not for applications, expected <lp2p/lp2p.h>"


def rule_loadable_core(source):
    """loadable objects include of lp2p only lp2p-plugin.h"""
    if not source.is_loadable:
        return
    for number, angled, header in source.includes:
        if header.endswith("-private.h") and (angled or "/" in header):
            yield number, f"{header} is private to core"
        elif not source.is_test and header.startswith("lp2p/") and header not in PLUGIN_HEADERS:
            yield number, f"{header} comes with <lp2p/lp2p-plugin.h>, expected only that"


def rule_loadable_each_other(source):
    """loadable objects do not know each other"""
    if not source.is_loadable:
        return
    own = "/".join(source.path.split("/")[:2])
    for number, angled, header in source.includes:
        if angled:
            continue
        if header.startswith(("..", "modules/", "plugins/")):
            shared = any(header.startswith(folder + "/") and own in users
                         for folder, users in SHARED_FOLDERS.items())
            if not shared:
                yield number, f"{header} is outside {own}"


RULES = [rule_areas, rule_public_headers, rule_host, rule_foreign, rule_sans_io, rule_transports,
         rule_tools, rule_loadable_core, rule_loadable_each_other]


def check(root):
    """Maps each rule to what violates it."""
    sources = list(find_sources(root))
    return {rule: [f"{source.path}:{number}: {message}"
                   for source in sources for number, message in rule(source)]
            for rule in RULES}


# A file that violates each rule, and one beside it that does not.
SELF_TEST = [
    (rule_areas, "core/net/lp2p-a.c", "#include <lp2p/host/lp2p-host.h>\n"),
    (rule_areas, "core/types/lp2p-a.c", '#include "codec/lp2p-b-private.h"\n'),
    (rule_areas, "core/host/lp2p-a.c", "#include <lp2p/lp2p.h>\n"),
    (None, "core/host/lp2p-a.c", '#include <lp2p/net/lp2p-b.h>\n#include "types/lp2p-c-private.h"\n'
                                 "#include <lp2p/lp2p-macros.h>\n"),
    (rule_public_headers, "core/net/lp2p-a.h", '#include "types/lp2p-b.h"\n'),
    (rule_public_headers, "core/net/lp2p-a.h", "#include <lp2p/types/lp2p-b-private.h>\n"),
    (None, "core/net/lp2p-a-private.h", '#include "types/lp2p-b-private.h"\n'),
    (rule_host, "core/interfaces/lp2p-a.h", "void f (Lp2pHost *host);\n"),
    (rule_host, "plugins/a/lp2p-a.c", "lp2p_host_start ();\n"),
    (None, "core/interfaces/lp2p-a.h", "/* An Lp2pHost does that. */\n"),
    (None, "plugins/a/test-a.c", "lp2p_host_start ();\n"),
    (rule_foreign, "core/net/lp2p-a.c", "#include <ngtcp2/ngtcp2.h>\n"),
    (rule_foreign, "core/net/lp2p-a.c", "#include <libsoup/soup.h>\n"),
    (None, "modules/a/lp2p-a.c", "#include <ngtcp2/ngtcp2.h>\n"),
    (rule_sans_io, "core/codec/lp2p-a.c", "#include <sys/socket.h>\n"),
    (rule_sans_io, "core/types/lp2p-a.c", "t = g_get_monotonic_time ();\n"),
    (None, "core/net/lp2p-a.c", "#include <sys/socket.h>\n"),
    (rule_transports, "core/host/lp2p-a.c", 'if (g_str_equal (name, "quic-v1"))\n'),
    (rule_transports, "core/interfaces/lp2p-a.h", '#define A "tcp"\n'),
    (None, "core/host/lp2p-a.c", '/* as "tcp" does */ puts ("tcpdump");\n'),
    (None, "core/types/lp2p-multiaddr.c", '"tcp"\n'),
    (rule_tools, "core/tools/lp2p-a.c", '#include "plugin/lp2p-b-private.h"\n'),
    (rule_tools, "core/tools/lp2p-a.c", "#include <lp2p/host/lp2p-host.h>\n"),
    (rule_tools, "core/tools/lp2p-a.c", "#include <lp2p/lp2p-plugin.h>\n"),
    (None, "core/tools/send/lp2p-send-wire.c", "#include <lp2p/lp2p-plugin.h>\n"),
    (None, "core/tools/a/lp2p-a.c", '#include <lp2p/lp2p.h>\n#include "tools/lp2p-b-private.h"\n'
                                    '#include "types/lp2p-i18n-private.h"\n'),
    (rule_loadable_core, "plugins/a/lp2p-a.c", "#include <lp2p/net/lp2p-loop.h>\n"),
    (rule_loadable_core, "plugins/a/lp2p-a.c", '#include "types/lp2p-b-private.h"\n'),
    (None, "plugins/a/lp2p-a.c", '#include <lp2p/lp2p-plugin.h>\n#include "lp2p-a-private.h"\n'),
    (rule_loadable_each_other, "plugins/a/lp2p-a.c", '#include "../b/lp2p-b.h"\n'),
    (rule_loadable_each_other, "modules/a/a.c", '#include "modules/quic-engine/engine.h"\n'),
    (None, "modules/quic/a.c", '#include "modules/quic-engine/engine.h"\n'),
]


def self_test():
    cases = []
    for expected, path, text in SELF_TEST:
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, os.path.dirname(path)))
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
            found = [rule.__name__ for rule, problems in check(root).items() if problems]
        name = expected.__name__ if expected else "allowed"
        good = found == ([name] if expected else [])
        cases.append((f"{name}: {path}", [] if good else [f"found {found}"]))
    return print_tap(cases)


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    return print_tap([(rule.__doc__, problems) for rule, problems in check(arguments[0]).items()])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
