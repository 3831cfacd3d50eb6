#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# lp2p status, of hosts that it starts. Usage: tests/status/run.sh [BUILD]

set -eu

lp2p_root=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$lp2p_root/_build}
exec python3 "$lp2p_root/tests/status/status.py" "$lp2p_root" "$build"
