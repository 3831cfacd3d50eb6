#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Builds lp2p and runs its tests; .ci/run is this with CI=true.

set -eu
# Tests compare messages, which are in English then.
export LC_ALL=C.UTF-8 LANGUAGE=

lp2p_root=$(cd "$(dirname "$0")/.." && pwd)
build=$lp2p_root/_build
build_asan=$lp2p_root/_build-asan
summarise=$lp2p_root/tests/lib/summarise.py
. "$lp2p_root/data/lib-setup.sh"

# In this order; suites that only the tree knows come after them.
known_suites='rules unit contract loader cli link fuzz asan interop bench-smoke'
# What the sanitizer build runs: all that works on bytes from outside.
asan_suites='unit contract loader fuzz paths'
# Of the command, what takes seconds: hostile peers of a receiver, and what status asks. With
# --full it runs all of these.
asan_scripts='send:hostile status'
asan_full_scripts='send forward status doctor'
# A script that hangs must not hold up the others for ever. A full one may have to make a
# system, and to build in it.
script_seconds=${LP2P_SUITE_TIMEOUT:-1800}
script_seconds_full=${LP2P_SUITE_TIMEOUT:-5400}
# What waits in vain ends by itself, mostly: more time than meson.build gives a test is for
# machines that do other work too.
patience=1

usage ()
{
  cat <<END
Usage: tests/run.sh [--suite NAME[,NAME...]]... [--full] [--list] [--help]

Installs the packages that are missing (table: data/packages.txt), builds lp2p
in _build, runs the tests and adds them up. The last line is
"N passed, N failed, N skipped"; the exit status is 0 when something ran and
nothing failed.

  --suite NAME  only these suites; the default is all
  --full        also the tests that take long (LP2P_FULL=1, meson suite "full")
  --list        the suites and what they hold
  --help        this text

A suite is what meson calls so, or an executable tests/NAME/run.sh, or both.
"asan" is $asan_suites once more, in _build-asan, with the address and
undefined behaviour sanitizers, and the scripts $asan_scripts (a suite, and a word
that its cases have), with --full $asan_full_scripts.

Environment: CI=true makes a skip for a missing peer, toolchain or browser a
failure. LP2P_NO_INSTALL=1 trusts that all packages are there.
LP2P_SUITE_TIMEOUT is the seconds a tests/NAME/run.sh may take
(now $script_seconds, with --full $script_seconds_full).
END
}

fail_usage ()
{
  printf 'tests/run.sh: %s\nTry tests/run.sh --help\n' "$1" >&2
  exit 2
}

# contains WORD LIST
contains ()
{
  case " $2 " in
    *" $1 "*) return 0 ;;
  esac
  return 1
}

has_script ()
{
  [ -x "$lp2p_root/tests/$1/run.sh" ]
}

# Sets suites to the names of all suites, in the order they run in, and
# meson_suites to "NAME COUNT" lines.
find_suites ()
{
  meson_suites=
  if [ -f "$build/build.ninja" ]; then
    meson_suites=$(python3 "$summarise" suites "$build")
  fi
  suites=$known_suites
  script_suites=$(cd "$lp2p_root/tests" && printf '%s\n' */run.sh | cut -d / -f 1)
  [ "$script_suites" != '*' ] || script_suites=
  for suite in $(printf '%s\n' "$meson_suites" | cut -d ' ' -f 1) $script_suites; do
    # "full" tests run with the suite they are also in; alone they come last.
    # tests/bench/run.sh measures and tests nothing.
    if [ "$suite" != full ] && [ "$suite" != bench ] && ! contains "$suite" "$suites"; then
      suites="$suites $suite"
    fi
  done
  suites="$suites full"
}

# meson_count SUITE: how many tests meson has in it.
meson_count ()
{
  printf '%s\n' "$meson_suites" |
    awk -v suite="$1" '$1 == suite { n = $2 } END { print n + 0 }'
}

list_suites ()
{
  [ -n "$meson_suites" ] || echo '_build is not configured: the tests of meson are not in this list'
  for suite in $suites; do
    what=
    number=$(meson_count "$suite")
    [ "$number" = 0 ] || what="$number tests of meson"
    [ "$suite" != asan ] || what="$asan_suites and $asan_scripts under sanitizers"
    ! has_script "$suite" || what="$what${what:+, }tests/$suite/run.sh"
    printf '%-14s %s\n' "$suite" "${what:-empty}"
  done
}

# Seconds since the epoch, with a fraction.
now ()
{
  date +%s.%N
}

# meson_test FOLDER SUITE ARGUMENTS: runs tests of meson for the suite; sets
# testlog and meson_status.
meson_test ()
{
  meson_folder=$1
  meson_logbase=run-$2
  shift 2
  testlog=$meson_folder/meson-logs/$meson_logbase.json
  rm -f "$testlog"
  meson_status=0
  meson test -C "$meson_folder" --no-rebuild --logbase "$meson_logbase" "$@" \
    >"$meson_folder/meson-logs/$meson_logbase.out" 2>&1 || meson_status=$?
}

# run_meson_suite SUITE: a suite of the normal build folder. What ran already
# because it is in an earlier suite too does not run again.
run_meson_suite ()
{
  [ "$(meson_count "$1")" != 0 ] || return 0
  suite_name=$1
  set -- --timeout-multiplier $((2 * patience))
  if [ "$suite_name" = other ]; then
    # The tests that name no suite.
    for suite in $suites; do
      set -- "$@" --no-suite "lp2p:$suite"
    done
  else
    set -- "$@" --suite "lp2p:$suite_name"
    for suite in $done_suites; do
      set -- "$@" --no-suite "lp2p:$suite"
    done
    [ -n "$full" ] || set -- "$@" --no-suite lp2p:full
  fi
  meson_test "$build" "$suite_name" "$@"
}

run_asan ()
{
  # The options are given when the folder is made; b_lundef, because the
  # sanitizers' symbols are in the program; introspection, because its scanner
  # cannot load a library that is built with them.
  setup_configure "$build_asan" -Db_sanitize=address,undefined -Db_lundef=false \
    -Dintrospection=disabled || return 1
  setup_compile "$build_asan" || return 1

  set -- --timeout-multiplier $((5 * patience))
  for suite in $asan_suites; do
    set -- "$@" --suite "lp2p:$suite"
  done
  [ -n "$full" ] || set -- "$@" --no-suite lp2p:full
  (
    # GLib's slices hide a use after free; each report ends the test.
    export G_SLICE=always-malloc
    # GLib has no frame pointers: only the slow unwinder finds whose a leak is.
    # Unwinding for each allocation is nearly all of the time: not deeper than what a
    # report of a leak needs.
    export ASAN_OPTIONS=fast_unwind_on_malloc=0:malloc_context_size=16:detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1:strict_init_order=1
    export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
    export LSAN_OPTIONS="suppressions=$lp2p_root/tests/lsan.supp:print_suppressions=0"
    [ -n "$full" ] || export LP2P_TEST_PAIRS=1
    meson_test "$build_asan" asan "$@"
    # A status of its own: a command that is expected to fail would hide a report.
    export ASAN_OPTIONS=$ASAN_OPTIONS:exitcode=99
    run_asan_scripts
    printf '%s\n' "$meson_status $lines_status" >"$build_asan/meson-logs/run-asan.status"
  )
  testlog=$build_asan/meson-logs/run-asan.json
  lines=$build_asan/meson-logs/run-asan.txt
  read -r meson_status lines_status <"$build_asan/meson-logs/run-asan.status"
}

# Sets lines_status.
run_asan_scripts ()
{
  lines_status=0
  [ -z "$full" ] || asan_scripts=$asan_full_scripts
  for script in $asan_scripts; do
    word=${script#"${script%%:*}"}
    timeout --kill-after=10 "$script_seconds" \
      "$lp2p_root/tests/${script%%:*}/run.sh" "$build_asan" ${word:+"${word#:}"} </dev/null 2>&1 || lines_status=$?
  done >"$build_asan/meson-logs/run-asan.txt"
}

# run_script SUITE: tests/SUITE/run.sh; sets lines and lines_status.
run_script ()
{
  has_script "$1" || return 0
  lines=$build/meson-logs/run-$1.txt
  lines_status=0
  timeout --kill-after=10 "$script_seconds" \
    "$lp2p_root/tests/$1/run.sh" "$build" >"$lines" 2>&1 </dev/null || lines_status=$?
}

# not_built SUITE WHAT: counts a suite that could not be built as one failure.
not_built ()
{
  printf 'not ok %s: %s\n' "$1" "$2" >"$tally.lines"
  python3 "$summarise" suite "$1" --tally "$tally" --lines "$tally.lines" || true
}

run_suite ()
{
  testlog='' meson_status=0 lines='' lines_status=0
  printf '== %s\n' "$1"
  started=$(now)
  if [ "$1" = asan ]; then
    if ! run_asan; then
      not_built asan 'the sanitizer build failed'
      return 0
    fi
  else
    run_meson_suite "$1"
    done_suites="$done_suites $1"
  fi
  run_script "$1"
  seconds=$(awk -v from="$started" -v to="$(now)" 'BEGIN { printf "%.2f", to - from }')
  python3 "$summarise" suite "$1" --tally "$tally" --seconds "$seconds" \
    ${testlog:+--testlog "$testlog" --meson-status "$meson_status"} \
    ${lines:+--lines "$lines" --lines-status "$lines_status"} || true
}

wanted=
full=
list=
while [ $# -gt 0 ]; do
  case $1 in
    --suite)
      [ $# -ge 2 ] || fail_usage '--suite needs a name'
      wanted="$wanted $(printf '%s' "$2" | tr ',' ' ')"
      shift
      ;;
    --suite=*) wanted="$wanted $(printf '%s' "${1#*=}" | tr ',' ' ')" ;;
    --full) full=yes ;;
    --list) list=yes ;;
    --help | -h)
      usage
      exit 0
      ;;
    *) fail_usage "unknown argument $1" ;;
  esac
  shift
done

if [ -n "$list" ]; then
  find_suites
  list_suites
  exit 0
fi
if [ -n "$full" ]; then
  export LP2P_FULL=1
  script_seconds=$script_seconds_full
  patience=4
fi

setup_install build test || exit 1
tally=$(mktemp "${TMPDIR:-/tmp}/lp2p-tests.XXXXXX")
trap 'rm -f "$tally" "$tally.lines"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if ! setup_configure "$build" || ! setup_compile "$build"; then
  not_built build 'lp2p could not be built'
  python3 "$summarise" total "$tally" || exit 1
fi

find_suites
for suite in $wanted; do
  contains "$suite" "$suites" || fail_usage "no suite $suite; there are: $suites"
done

done_suites=
for suite_to_run in $suites; do
  if [ -n "$wanted" ]; then
    contains "$suite_to_run" "$wanted" || continue
  elif [ "$suite_to_run" = full ] && [ -z "$full" ]; then
    continue
  fi
  [ "$suite_to_run" != full ] || full=yes
  run_suite "$suite_to_run"
done

status=0
python3 "$summarise" total "$tally" || status=1
exit $status
