#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# run.sh BUILD: dials through proxies of ours, which the environment names, and through
# nginx to a listener behind it, and tries whom a dialer trusts. Each runs in a network, a
# mount and a process namespace that end with it, so nothing of the machine is asked or
# changed, and nothing goes on. Without being root it does so in a user namespace.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=${1:-$here/../../_build}
set -- unshare --net --mount --pid --fork --kill-child
[ "$(id -u)" = 0 ] || set -- "$@" --map-root-user

if ! reason=$("$@" sh -c 'ip link set lo up && mount --bind /etc/hosts /etc/hosts' 2>&1); then
  printf 'skip proxies: missing: namespaces of its own: %s\n' "$(printf '%s' "$reason" | tr '\n' ' ')"
  exit 0
fi
status=0
for part in proxies reverse trust; do
  "$@" python3 "$here/$part.py" "$build" || status=1
done
exit "$status"
