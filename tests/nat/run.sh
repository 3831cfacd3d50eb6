#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# run.sh BUILD: holes that are punched through NATs, in network namespaces.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
exec python3 "$here/nat.py" "${1:-$here/../../_build}"
