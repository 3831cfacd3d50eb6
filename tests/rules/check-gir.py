#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Checks that bindings can use, and readers understand, what lp2p.h declares.

Usage: check-gir.py GIR UMBRELLA-HEADER

GIR is what the scanner made; the header and those it includes tell which
functions there should be. Prints TAP, a case for each rule; below it, what is
wrong.
"""

import os
import re
import sys
import xml.etree.ElementTree as ET

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from report import print_tap  # noqa: E402

CORE = "{http://www.gtk.org/introspection/core/1.0}"
C = "{http://www.gtk.org/introspection/c/1.0}"
GLIB = "{http://www.gtk.org/introspection/glib/1.0}"

CALLABLES = {"method", "function", "constructor", "virtual-method", "callback"}
WITH_DOCUMENTATION = CALLABLES | {
    "class", "interface", "record", "enumeration", "bitfield", "constant", "member", "property",
    "signal"}

# What an application in C needs and others do not; each says (skip) in its comment.
FOR_C_ONLY = {
    "context": "of an extension that a host made, which is written in C",
    "Option": "it is made of constant C strings",
    "lp2p_config_list_options": "the table of options is one of C structures",
    "lp2p_config_register_group": "the table of options is one of C structures",
    "lp2p_log_write": "it takes arguments as printf() does",
}

# What becomes of None and of memory in other languages, of some that stand for all kinds: who owns
# what is returned, and whether it may be NULL, for "there is none".
RESULTS = {
    "lp2p_config_find_default_file": ("full", True),
    "lp2p_connection_get_error": ("none", True),
    "lp2p_connection_get_muxer": ("none", True),
    "lp2p_connection_get_remote_key": ("none", True),
    "lp2p_connection_get_remote_peer": ("none", False),
    "lp2p_connection_open_stream_finish": ("full", False),
    "lp2p_descriptor_get_error": ("none", True),
    "lp2p_host_connect_finish": ("full", False),
    "lp2p_host_dup_listen_addresses": ("container", False),
    "lp2p_host_dup_peer_agent": ("full", True),
    "lp2p_host_dup_peer_protocols": ("full", True),
    "lp2p_host_get_gater": ("none", True),
    "lp2p_host_get_peer_id": ("none", False),
    "lp2p_host_new": ("full", False),
    "lp2p_identity_generate": ("full", False),
    "lp2p_kept_peer_get_error": ("none", True),
    "lp2p_multiaddr_get_component_string": ("full", True),
    "lp2p_multiaddr_get_string": ("none", False),
    "lp2p_multiaddr_new_from_string": ("full", False),
    "lp2p_multiaddr_without_peer_id": ("full", True),
    "lp2p_peer_get_agent_version": ("none", True),
    "lp2p_peer_id_from_multiaddr": ("full", True),
    "lp2p_protocol_get_name": ("none", True),
    "lp2p_registry_find": ("none", True),
    "lp2p_stream_get_protocol": ("none", True),
}
# The same of what is passed.
PARAMETERS = {
    ("lp2p_host_new", "config"): ("none", True),
    ("lp2p_host_new", "identity"): ("none", True),
    ("lp2p_host_set_gater", "gater"): ("none", True),
    ("lp2p_host_start_async", "cancellable"): ("none", True),
    ("lp2p_host_connect_peer_async", "peer"): ("none", True),
    ("lp2p_host_connect_peer_async", "addresses"): ("none", True),
    ("lp2p_host_connect_async", "address"): ("none", False),
    ("lp2p_host_listen_async", "address"): ("none", False),
    ("lp2p_host_set_stream_handler", "protocol"): ("none", False),
    ("lp2p_identity_save_file", "path"): ("none", False),
    ("lp2p_multiaddr_new_from_string", "text"): ("none", False),
    ("lp2p_peer_id_equal", "a"): ("none", False),
}

DECLARED = re.compile(r"^[\w\s*]*?\b(lp2p_\w+) \(", re.M)
INCLUDE = re.compile(r"^#include <lp2p/(?!lp2p-enum-types\.h)([\w/.-]+)>", re.M)
COMMENT = re.compile(r"/\*.*?\*/", re.S)
DIRECTIVE = re.compile(r"^#.*(?:\\\n.*)*$", re.M)


def kind(element):
    return element.tag.rpartition("}")[2]


def is_structure_of_class(element):
    """Structures that come with a type; those of interfaces are documented."""
    return element.get(GLIB + "is-gtype-struct-for") is not None


def walk(element, path):
    """Yields (path, element) for what has a name, but for what is in structures of classes."""
    for child in element:
        name = child.get(C + "identifier") or child.get("name")
        if name is None or is_structure_of_class(child):
            continue
        if kind(child) in WITH_DOCUMENTATION:
            yield f"{path}.{name}", child
            yield from walk(child, f"{path}.{name}")


def documentation(element):
    found = element.find(CORE + "doc")
    return (found.text or "").strip() if found is not None else ""


def public_functions(header):
    """The functions that a header declares, and those it includes."""
    folder = os.path.dirname(header)
    seen, todo, names = set(), [header], set()
    while todo:
        path = todo.pop()
        if path in seen or not os.path.exists(path):
            continue
        seen.add(path)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if path != header and not path.endswith("-macros.h"):
            code = DIRECTIVE.sub("", COMMENT.sub("", text))
            names |= set(DECLARED.findall(code))
            names |= {f"{prefix}_get_type" for prefix in re.findall(
                r"G_DECLARE_\w+ \(\w+, (\w+),", code)}
        todo += [os.path.join(folder, name) for name in INCLUDE.findall(text)]
    return names


def describe_passing(element):
    return element.get("transfer-ownership"), element.get("nullable") == "1"


def find_passing(namespace):
    """What RESULTS and PARAMETERS tell, of all functions."""
    found = {}
    for element in namespace.iter():
        name = element.get(C + "identifier")
        if name is None or kind(element) not in CALLABLES:
            continue
        found[name] = describe_passing(element.find(CORE + "return-value"))
        for parameter in element.iterfind(f"{CORE}parameters/*"):
            found[name, parameter.get("name")] = describe_passing(parameter)
    return found


def find_problems(namespace, header):
    elements = list(walk(namespace, namespace.get("name")))
    callables = [(path, element) for path, element in elements if kind(element) in CALLABLES]

    yield "everything is documented", [
        f"{path}: {kind(element)} without a description"
        for path, element in elements
        if not documentation(element) and element.get("moved-to") is None]

    undocumented = []
    for path, element in callables:
        for parameter in element.iterfind(f"{CORE}parameters/{CORE}parameter"):
            if not documentation(parameter):
                undocumented.append(f"{path}: parameter {parameter.get('name')} without a description")
        result = element.find(CORE + "return-value")
        is_void = result is None or result.find(f"{CORE}type[@name='none']") is not None
        if not is_void and kind(element) != "virtual-method" and not documentation(result):
            undocumented.append(f"{path}: result without a description")
    yield "so is what goes in and comes out", undocumented

    yield "everything can be used from other languages", [
        f"{path}: they cannot"
        for path, element in elements
        if element.get("introspectable") == "0" and path.rpartition(".")[2] not in FOR_C_ONLY]

    names = {element.get(C + "identifier") for _, element in callables}
    finishes = []
    for path, element in callables:
        name = element.get(C + "identifier") or ""
        if name.endswith("_async") and name[:-len("async")] + "finish" not in names:
            finishes.append(f"{path}: no {name[:-len('async')]}finish")
        if name.endswith("_finish") and element.get("throws") != "1":
            finishes.append(f"{path}: does not throw")
    yield "what is asynchronous has a function that finishes it", finishes

    passing = find_passing(namespace)
    yield "who owns it, and whether it may be absent, is told", [
        f"{name}: {passing.get(name)}, expected {expected}"
        for name, expected in [*RESULTS.items(), *PARAMETERS.items()] if passing.get(name) != expected]

    types = {element.get(GLIB + "get-type") for element in namespace.iter()}
    types |= {element.get("type-init") for element in namespace.iter()}
    yield "every function of the header is there", [
        f"{name} is not in the introspection data"
        for name in sorted(public_functions(header) - names - types - set(FOR_C_ONLY))]


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    namespace = ET.parse(arguments[0]).getroot().find(CORE + "namespace")
    cases = list(find_problems(namespace, arguments[1]))
    return print_tap(cases)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
