#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# run.sh [BUILD]: does what README.md tells a new user, to the letter, in a folder that
# looks like this one and with a home that has nothing in it. LP2P_FULL=1 does so in a
# copy without a build folder, as the user has it. Either tells how long its commands took.

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
    *) if [ -n "${LP2P_FULL:-}" ]; then cp -R "$entry" "$work/lp2p/"; else ln -s "$entry" "$work/lp2p/"; fi ;;
  esac
done
if [ -n "${LP2P_FULL:-}" ]; then
  # Nothing that was compiled before helps a new user. Two minutes are for a machine that
  # does nothing else, so this is only a limit for what does not end.
  export CCACHE_DISABLE=1 LP2P_TUTORIAL_SECONDS=3000
else
  ln -s "$build" "$work/lp2p/_build"
fi

# What is needed is installed, or this would not run.
if HOME=$work/home LP2P_NO_INSTALL=1 \
  python3 "$lp2p_root/tests/example/tutorial.py" "$lp2p_root/README.md" "$work/lp2p" >"$work/log" 2>&1 \
  && cmp "$lp2p_root/README.md" "$work/lp2p/received/README.md"; then
  awk -v from="${LP2P_FULL:+ from nothing}" '
    /^# [0-9.]+ s: / { if (/data\/demo\.sh/) build += $2; else transfer += $2 }
    END { printf "# README.md in %.1f s: the build%s and the demo took %.1f s, the transfer %.1f s\n",
                 build + transfer, from, build, transfer }' "$work/log"
  echo 'ok what README.md tells to do works'
else
  tail -n 40 "$work/log"
  echo 'not ok what README.md tells to do works'
  exit 1
fi
