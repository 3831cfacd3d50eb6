#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# run.sh BUILD: what strangers may send to a listener, tamper with on the way, show
# for a certificate, and take of it; what a line may do to datagrams of QUIC, that
# its connections move when an address goes, and how large its datagrams are.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=${1:-$here/../../_build}
status=0
for part in faults certificates abuse quic moves sizes; do
  python3 "$here/$part.py" "$build" || status=1
done
exit "$status"
