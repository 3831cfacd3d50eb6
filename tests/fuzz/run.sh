#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Fuzzes each target for LP2P_FUZZ_SECONDS (20) with libFuzzer; only in a full
# run, because that is a build more and the targets' seconds. That the corpus
# itself passes is tested always, by the tests of meson.

set -eu

[ -n "${LP2P_FULL:-}" ] || exit 0

lp2p_root=$(cd "$(dirname "$0")/../.." && pwd)
build=$lp2p_root/_build-fuzz
. "$lp2p_root/data/lib-setup.sh"

if ! command -v clang >/dev/null 2>&1; then
  echo 'skip libfuzzer: missing: clang'
  exit 0
fi

if [ ! -f "$build/build.ninja" ]; then
  CC=clang
  export CC
fi
# fuzzer-no-link counts branches in the library too; b_sanitize has no such value.
if ! setup_configure "$build" -Dfuzzing=true -Db_sanitize=address,undefined -Db_lundef=false \
  -Dc_args=-fsanitize=fuzzer-no-link -Dintrospection=disabled \
  || ! setup_compile "$build" libfuzzer; then
  echo 'not ok libfuzzer: the targets could not be built'
  exit 1
fi

export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export LSAN_OPTIONS="suppressions=$lp2p_root/tests/lsan.supp:print_suppressions=0"
export G_SLICE=always-malloc

status=0
for target in $(find "$build" -type f -name 'libfuzzer-*' -perm -u+x | sort); do
  name=${target##*/libfuzzer-}
  seeds=$(find "$lp2p_root/core" "$lp2p_root/modules" "$lp2p_root/plugins" "$lp2p_root/tests" \
    -type d -path "*/corpus/$name" | head -n 1)
  # What it finds new stays in the build folder, and a crash with it.
  mkdir -p "$build/corpus/$name"
  log=$build/corpus/$name.log
  if "$target" -max_total_time="${LP2P_FUZZ_SECONDS:-20}" -timeout=60 -rss_limit_mb=1024 \
    -artifact_prefix="$build/corpus/$name-" "$build/corpus/$name" \
    ${seeds:+"$seeds"} >"$log" 2>&1; then
    echo "ok libfuzzer $name"
  else
    tail -n 40 "$log"
    echo "not ok libfuzzer $name: see $build/corpus/$name-*"
    status=1
  fi
done
exit $status
