#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# suite.sh BUILD: our test program of the official suite against itself and
# against the go peer, in a network namespace that has an address besides the
# loopback one. Without being root it tries in a user namespace of its own.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
PATH=$PATH:/usr/sbin:/sbin
user=
[ "$(id -u)" = 0 ] || user=--map-root-user

# shellcheck disable=SC2086
if ! unshare $user --net true 2>/dev/null; then
  echo 'skip suite: missing: the privileges for a network namespace'
  exit 0
fi
# What fetches and compiles needs the network that is outside.
"$here/../peers/go/build" >/dev/null 2>&1 || true
# shellcheck disable=SC2016,SC2086
exec unshare $user --net sh -c '
  ip link set lo up && ip address add 10.77.2.1/32 dev lo && exec "$@"' \
  sh python3 "$here/suite.py" "$@"
