#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# run.sh BUILD: lets lp2p and the peers of other languages talk and prints a line
# for each step of each pair, then lets them be quiet for long, then counts round
# trips on a delayed line, then does what the official suite would do with us.
# LP2P_FULL=1 makes slow peers do as much as the others.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=${1:-$here/../../_build}

status=0
python3 "$here/interop.py" "$build" || status=1
python3 "$here/quiet.py" "$build" || status=1
"$here/roundtrips/roundtrips.sh" "$build" || status=1
"$here/suite/suite.sh" "$build" || status=1
exit $status
