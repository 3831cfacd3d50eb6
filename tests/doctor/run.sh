#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# run.sh BUILD: lp2p doctor, about listeners that are wrong in different ways. All of it
# runs in a network namespace that ends with it, so nothing of the machine is asked or
# changed. Without being root it does so in a user namespace.

set -eu

lp2p_root=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$lp2p_root/_build}
set -- unshare --net
[ "$(id -u)" = 0 ] || set -- "$@" --map-root-user

if ! reason=$("$@" ip link set lo up 2>&1); then
  printf 'skip doctor: missing: a network namespace of its own: %s\n' "$(printf '%s' "$reason" | tr '\n' ' ')"
  exit 0
fi
exec "$@" python3 "$lp2p_root/tests/doctor/doctor.py" "$lp2p_root" "$build"
