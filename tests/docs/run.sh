#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# run.sh [BUILD]: does what README.md tells a new user, to the letter, in a folder that
# looks like this one and with a home that has nothing in it.

set -eu

lp2p_root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$lp2p_root/_build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/lp2p-docs.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

mkdir "$work/home" "$work/lp2p"
for entry in "$lp2p_root"/*; do
  case ${entry##*/} in
    _build*) ;;
    *) ln -s "$entry" "$work/lp2p/" ;;
  esac
done
ln -s "$build" "$work/lp2p/_build"

# What is needed is installed, or this would not run.
if HOME=$work/home LP2P_NO_INSTALL=1 \
  python3 "$lp2p_root/tests/example/tutorial.py" "$lp2p_root/README.md" "$work/lp2p" >"$work/log" 2>&1 \
  && cmp "$lp2p_root/README.md" "$work/lp2p/received/README.md"; then
  echo 'ok what README.md tells to do works'
else
  tail -n 40 "$work/log"
  echo 'not ok what README.md tells to do works'
  exit 1
fi
