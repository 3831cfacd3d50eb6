#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The example programs, against each other, from the build folder: what
# `meson devenv` sets is all that they need.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=${1:-$here/../../_build}

exec meson devenv -C "$build" python3 "$here/chat.py" "$build" "$here/../../data/examples/chat"
