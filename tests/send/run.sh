#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# run.sh BUILD [WORD]: lp2p send and lp2p receive, as their users call them, cut at any moment,
# and against peers that mean no good. With a word, only the cases that have it in their names.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
exec python3 "$here/cases.py" "${1:-$here/../../_build}" ${2:+"$2"}
