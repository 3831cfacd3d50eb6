#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Checks what is installed, and where.

Usage: check-installed.py BUILD LP2P PLUGINDIR

Prints TAP: all that other programs look for is where they do, and nothing else is installed.
"""

import fnmatch
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from report import print_tap  # noqa: E402

COMPLETIONS = ("bash-completion/completions/lp2p", "fish/vendor_completions.d/lp2p.fish", "zsh/site-functions/_lp2p")
# What comes in numbers that change.
OTHERS = ("{includedir}/lp2p-1/*.h", "{datadir}/doc/lp2p/*", "{datadir}/glib-2.0/schemas/org.lp2p.*.gschema.xml",
          "{datadir}/vala/vapi/lp2p-1.deps", "{libdir}/liblp2p-test-1.so", "{libdir}/liblp2p-test-1.so.0",
          "{libdir}/pkgconfig/lp2p-test-1.pc", "{plugindir}/*.so", "{plugindir}/liblp2p-quic-1.so.0",
          "{plugindir}/*.plugin")
PLUGINS = ("tcp", "memory", "noise", "tls", "yamux", "mplex", "ping", "identify", "perf")


def list_expected(build, lp2p):
    """Without what only some builds have."""
    text = subprocess.run([lp2p, "--help"], check=True, capture_output=True, text=True).stdout
    commands = re.findall(r"^  ([a-z]+) +[A-Z]", text.partition("Commands:")[2], re.MULTILINE)
    yield "{bindir}/lp2p"
    yield from ("{libdir}/liblp2p-1.so", "{libdir}/liblp2p-1.so.0")
    yield from ("{libdir}/pkgconfig/lp2p-1.pc", "{libdir}/pkgconfig/lp2p-plugin-1.pc")
    yield from ("{includedir}/lp2p-1/lp2p/lp2p.h", "{includedir}/lp2p-1/lp2p/lp2p-plugin.h")
    yield from ("{mandir}/man1/lp2p.1", "{mandir}/man5/lp2p.conf.5", "{datadir}/doc/lp2p/lp2p.conf")
    yield from (f"{{mandir}}/man1/lp2p-{name}.1" for name in commands)
    yield from (f"{{datadir}}/{name}" for name in COMPLETIONS)
    yield from (f"{{datadir}}/glib-2.0/schemas/{path.name}" for path in (build / "data").glob("*.gschema.xml"))
    yield "{localedir}/de/LC_MESSAGES/lp2p.mo"
    for name in PLUGINS:
        yield f"{{plugindir}}/{name}.plugin"
    if (build / "core/Lp2p-1.0.typelib").exists():
        yield from ("{libdir}/girepository-1.0/Lp2p-1.0.typelib", "{datadir}/gir-1.0/Lp2p-1.0.gir")
    if (build / "core/lp2p-1.vapi").exists():
        yield "{datadir}/vala/vapi/lp2p-1.vapi"


def find_folders(build, plugindir):
    text = subprocess.run(["meson", "introspect", "--buildoptions", build], check=True, capture_output=True).stdout
    options = {option["name"]: option["value"] for option in json.loads(text)}
    names = ("bindir", "libdir", "includedir", "datadir", "mandir", "localedir")
    folders = {name: os.path.join(options["prefix"], options[name]) for name in names}
    return {**folders, "plugindir": os.path.join(options["prefix"], plugindir)}


def find_modules(folder):
    """What descriptors name has to be beside them."""
    for path in sorted(folder.glob("*.plugin")):
        module = re.search(r"^Module=(.*)$", path.read_text("utf-8"), re.MULTILINE)[1]
        if not (folder / module).exists():
            yield f"{path.name} names {module}, which is not there"


def main(arguments):
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    build, lp2p, plugindir = pathlib.Path(arguments[0]), arguments[1], arguments[2]
    folders = find_folders(build, plugindir)
    with tempfile.TemporaryDirectory() as root:
        made = subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", root],
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        found = {"/" + os.path.relpath(os.path.join(folder, name), root)
                 for folder, _, names in os.walk(root) for name in names}
        modules = list(find_modules(pathlib.Path(root + folders["plugindir"])))
    expected = {path.format(**folders) for path in list_expected(build, lp2p)}
    others = [path.format(**folders) for path in OTHERS]
    stray = [path for path in sorted(found - expected) if not any(fnmatch.fnmatch(path, other) for other in others)]
    cases = [("it can be installed", made.stdout.splitlines() if made.returncode else []),
             ("all is where others look for it", sorted(expected - found)),
             ("nothing else is installed", stray),
             ("each descriptor has its object", modules)]
    return print_tap(cases)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
