#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Lets every pair of the given peers (default: all here) talk, in both
# directions. Peers whose toolchain is missing are left out.
# Usage: selftest.sh [-v] [PEER]...
set -u
here=$(cd "$(dirname "$0")" && pwd)
verbose=
[ "${1-}" = -v ] && verbose=1 && shift
[ $# -gt 0 ] || set -- go js py rust

peers=
for peer; do
  "$here/$peer/build" > /dev/null
  case $? in
    0) peers="$peers $peer" ;;
    77) ;;
    *) echo "the peer $peer cannot be built" >&2; exit 1 ;;
  esac
done
[ -n "$peers" ] || exit 77

work=$(mktemp -d)
trap 'exec 9>&-; rm -rf "$work"' EXIT
failed=0
for listener in $peers; do
  for dialer in $peers; do
    rm -f "$work"/*
    mkfifo "$work/stdin"
    "$here/$listener/run" listen < "$work/stdin" > "$work/address" 2> "$work/stderr" &
    exec 9> "$work/stdin"
    tries=0
    until [ -s "$work/address" ] || [ $tries -eq 100 ]; do
      tries=$((tries + 1))
      sleep 0.1
    done
    status=0
    "$here/$dialer/run" dial "$(head -n 1 "$work/address")" > "$work/steps" 2>&1 9>&- || status=$?
    exec 9>&-
    wait $! || status=$?
    grep -qx 'half-close 1000' "$work/stderr" || status=1
    if [ $status -eq 0 ]; then
      echo "ok - $dialer dials $listener"
    else
      echo "not ok - $dialer dials $listener"
      failed=1
    fi
    if [ $status -ne 0 ] || [ -n "$verbose" ]; then
      sed 's/^/# /' "$work/steps" "$work/stderr"
    fi
  done
done
exit $failed
