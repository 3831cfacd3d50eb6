#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# run.sh BUILD: a peer store whose process is killed again and again, and a large one.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
exec python3 "$here/store.py" "${1:-$here/../../_build}/tests/store/store-tool"
