#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The lp2p command, as its users call it. Usage: tests/cli/run.sh [BUILD]

set -eu

lp2p_root=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$lp2p_root/_build}
exec python3 "$lp2p_root/tests/cli/cases.py" "$lp2p_root" "$build"
