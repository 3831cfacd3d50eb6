#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Measures lp2p on loopback and prints a table; see --help.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
exec python3 "$here/bench.py" "$@"
