#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The example programs, against each other, from the build folder: what
# `meson devenv` sets is all that they need.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=${1:-$here/../../_build}

# The first Python in the path may have no bindings where that of the system has.
python=
for candidate in python3 /usr/bin/python3; do
  if [ -z "$python" ] && "$candidate" -c 'import gi' 2>/dev/null; then
    python=$candidate
  fi
done

status=0
if [ -n "$python" ] && [ -f "$build/core/Lp2p-1.0.typelib" ]; then
  meson devenv -C "$build" "$python" "$here/bindings.py" || status=1
else
  echo 'skip the interface from Python: missing: python3-gi, gobject-introspection'
fi
meson devenv -C "$build" python3 "$here/chat.py" "$build" "$here/../../data/examples/chat" $python || status=1
exit $status
