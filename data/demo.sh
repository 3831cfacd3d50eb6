#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Shows lp2p from a fresh checkout: installs what is missing, builds, runs the demo.

set -eu

lp2p_root=$(cd "$(dirname "$0")/.." && pwd)
build=$lp2p_root/_build
. "$lp2p_root/data/lib-setup.sh"

usage ()
{
  cat <<END
Usage: data/demo.sh [--dry-run | --help] [ARGUMENTS OF lp2p demo]

Installs the packages that are missing (table: data/packages.txt), builds the
command lp2p in _build and runs its demo.

  --dry-run   show the packages and their state and what would be done; change nothing
  --help      this text; \`data/demo.sh -- --help\` is that of the demo itself

LP2P_NO_INSTALL=1 in the environment: install nothing, trust that all is there.
END
}

dry_run ()
{
  setup_detect
  setup_table build demo
  echo
  lacking=
  [ "$setup_system" = other ] || lacking=$(setup_missing build demo)
  if [ "$setup_system" = other ]; then
    echo 'This system has neither apt-get nor dnf: install the packages above (Debian'
    echo 'names) yourself, then run data/demo.sh with LP2P_NO_INSTALL=1.'
  elif [ -z "$lacking" ]; then
    echo 'Nothing to install. data/demo.sh would:'
  else
    echo 'data/demo.sh would:'
    # shellcheck disable=SC2086
    echo "  install with $setup_system: $(setup_choose $lacking)"
  fi
  [ -f "$build/build.ninja" ] || echo '  meson setup _build'
  echo '  meson compile -C _build command'
  echo "  run lp2p demo${*:+ $*}, uninstalled, out of _build"
}

case ${1:-} in
  --help | -h)
    usage
    exit 0
    ;;
  --dry-run)
    shift
    dry_run "$@"
    exit 0
    ;;
  --)
    shift
    ;;
esac

setup_install build demo || exit 1
setup_configure "$build" || exit 1
# Not the tests, which take longer than all else.
setup_compile "$build" command || exit 1

command=$build/core/tools/lp2p
if [ ! -x "$command" ]; then
  setup_say 'this tree builds no lp2p command, so there is no demo to run'
  exit 1
fi
exec meson devenv -C "$build" -w "$PWD" "$command" demo "$@"
