#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# roundtrips.sh BUILD: counts round trips on the delayed line. Without being
# root it tries in a user namespace of its own, where it may make network
# namespaces if the system's rules and /dev/net/tun allow it.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
set -- python3 "$here/roundtrips.py" "$@"

if [ "$(id -u)" != 0 ] && unshare --map-root-user --net --mount true 2>/dev/null; then
  # `ip netns` keeps its names in /run.
  # shellcheck disable=SC2016
  exec unshare --map-root-user --net --mount \
    sh -c 'mount -t tmpfs tmpfs /run && exec "$@"' sh "$@"
fi
exec "$@"
