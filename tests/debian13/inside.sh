#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs inside of what run.sh has made: the sources are in /lp2p and cannot be written.
# Prints a line for each test, and what they were built with.

set -eu

lp2p_root=/lp2p
. "$lp2p_root/data/lib-setup.sh"
# Whatever works on bytes from outside, and all that knows the library which differs.
suites='unit contract loader'
build=/build

setup_install build
setup_configure "$build"
setup_compile "$build"
echo 'ok debian13 builds'

set -- --suite lp2p:quic
for suite in $suites; do
  set -- "$@" --suite "lp2p:$suite"
done
# What fails is in the lines.
meson test -C "$build" --no-rebuild --logbase debian13 --timeout-multiplier 3 "$@" \
  >"$build/meson-logs/debian13.out" 2>&1 || true
python3 "$lp2p_root/tests/debian13/lines.py" "$build/meson-logs/debian13.json"
# What ngtcp2 0.12 leaves as a goal: how much of the heap a connection takes.
python3 "$lp2p_root/tests/bench/bench.py" --build "$build" --only quic-idle --tap --goals || true
printf 'ngtcp2 %s, GnuTLS %s, GLib %s, %s\n' \
  "$(pkg-config --modversion libngtcp2 2>/dev/null || echo none)" \
  "$(pkg-config --modversion gnutls)" "$(pkg-config --modversion glib-2.0)" \
  "$(cc --version | head -n 1)"
