#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Checks that each loadable object exports one symbol, the loader's.

Usage: check-symbols.py OBJECT...

Anything more could clash with what another object or the application has.
Prints TAP, a case for each object.
"""

import os
import subprocess
import sys

EXPECTED = "lp2p_plugin_info"
# What the linker and the sanitizers put into every shared object.
MADE_BY_TOOLS = ("_init", "_fini", "__bss_start", "_edata", "_end", "__asan_", "__odr_asan",
                 "__start_", "__stop_", "__ubsan_", "__sanitizer_", "__gcov_", "__llvm_")


def exported(path):
    command = ["nm", "-D", "--defined-only", "--format=posix", path]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    names = [line.split()[0].split("@")[0] for line in lines if line.strip()]
    return sorted(name for name in names if not name.startswith(MADE_BY_TOOLS))


def main(paths):
    failed = False
    print(f"1..{len(paths)}" if paths else "1..0 # SKIP there are no loadable objects")
    for number, path in enumerate(paths, 1):
        names = exported(path)
        good = names == [EXPECTED]
        print(f"{'ok' if good else 'not ok'} {number} {os.path.basename(path)}")
        if not good:
            failed = True
            print(f"# exports {', '.join(names) or 'nothing'}, expected only {EXPECTED}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
