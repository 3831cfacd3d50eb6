# SPDX-License-Identifier: LGPL-2.1-or-later
# Helpers for the `build` scripts of the peers; to be sourced, needs $here.

# Says in one sentence why this peer cannot be had, and ends as a skipped test.
skip () {
  echo "peer $name: $*" >&2
  exit 77
}

# True if version $1 is at least version $2.
at_least () {
  [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

# The directory of a finished build, named after the content of the given files.
cache_dir () {
  root=${LP2P_PEER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lp2p-peers}
  sum=$(cd "$here" && sha256sum "$@" build ../common.sh) || exit 1
  sum=$(echo "$sum" | sha256sum | cut -c 1-32)
  echo "$root/$name-$sum"
}

# Moves a build finished in $1 to its place $2. Another run may have been faster.
publish () {
  mv -T "$1" "$2" 2> /dev/null || [ -e "$2" ] || exit 1
}
