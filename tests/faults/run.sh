#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# run.sh BUILD: what strangers may send to a listener, and tamper with on the way.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
exec python3 "$here/faults.py" "${1:-$here/../../_build}"
