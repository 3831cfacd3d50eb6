#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# run.sh BUILD: lets js-libp2p in headless browsers dial our listener over WebSocket and
# prints a line for each step. The page comes from here, the library is fetched once.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=${1:-$here/../../_build}

if [ ! -e "$build/plugins/ws.plugin" ]; then
  echo 'skip browser: WebSocket is not built'
  exit 0
fi
status=0
why=$(mktemp)
trap 'rm -f "$why"' EXIT
page=$("$here/build" 2>"$why") || status=$?
case $status in
  0) python3 "$here/browser.py" "$build" "$page" ;;
  77) echo "skip browser: missing: $(tail -n 1 "$why")" ;;
  *) echo "not ok browser: the page cannot be made: $(tail -n 1 "$why")"; exit 1 ;;
esac
