#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Makes the completions of bash, zsh and fish out of what lp2p --help prints.

Usage: make-completions.py LP2P FOLDER
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import bash  # noqa: E402
import command_help  # noqa: E402
import fish  # noqa: E402
import zsh  # noqa: E402

SHELLS = {"lp2p": bash, "_lp2p": zsh, "lp2p.fish": fish}


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    lp2p, folder = arguments
    top, commands = command_help.read_all(lp2p)
    for name, shell in SHELLS.items():
        text = shell.make(top, commands)
        (pathlib.Path(folder) / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
