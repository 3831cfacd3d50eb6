#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What an author of a plugin does: installs lp2p, copies plugins/example out of
# the tree, builds it against the installed pkg-config file and nothing else,
# installs it, enables it in a configuration file, and sees it work. And what authors
# of applications do, in C and in other languages, and readers of the tutorials.

set -eu

lp2p_root=$(cd "$(dirname "$0")/../.." && pwd)
build=$lp2p_root/_build-installed
prefix=$build/prefix
plugins=$prefix/lib/lp2p-1
. "$lp2p_root/data/lib-setup.sh"

unset LP2P_PLUGIN_PATH PKG_CONFIG_PATH
work=$(mktemp -d "${TMPDIR:-/tmp}/lp2p-example.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
log=$work/log
status=0

# check NAME COMMAND...: a case that holds when the command works.
check ()
{
  check_name=$1
  shift
  if "$@" >"$log" 2>&1; then
    echo "ok $check_name"
    return 0
  fi
  tail -n 40 "$log"
  echo "not ok $check_name: $*"
  status=1
  return 1
}

install_lp2p ()
{
  setup_configure "$build" -Dprefix="$prefix" -Dlibdir=lib -Dtests=false -Ddocs=disabled -Dbuildtype=debug \
    && setup_compile "$build" \
    && rm -rf "$prefix" \
    && meson install -C "$build" --no-rebuild --quiet
}

build_plugin ()
{
  cp -r "$lp2p_root/plugins/example" "$work/plugin" \
    && meson setup "$work/plugin/build" "$work/plugin" --werror \
    && meson compile -C "$work/plugin/build"
}

install_plugin ()
{
  meson install -C "$work/plugin/build" --no-rebuild \
    && [ -f "$plugins/example.plugin" ] \
    && [ -f "$plugins/lp2p-example.so" ]
}

# What a programmer of an application does: pkg-config, cc, run.
build_greet ()
{
  # shellcheck disable=SC2046 # the flags are words
  "${CC:-cc}" -Wall -Wextra -Wno-unused-parameter -Werror -o "$work/greet" "$lp2p_root/tests/example/greet.c" \
    $(pkg-config --cflags --libs lp2p-1)
}

# A plugin that brings TLS of its own makes the session.
build_tls ()
{
  # shellcheck disable=SC2046 # the flags are words
  "${CC:-cc}" -Wall -Wextra -Werror -o "$work/tls" "$lp2p_root/tests/example/tls.c" \
    $(pkg-config --cflags --libs lp2p-plugin-1)
}

# inspect TEXT: "lp2p inspect example --json" prints it.
inspect ()
{
  "$prefix/bin/lp2p" inspect example --json >"$work/json" || true
  cat "$work/json"
  python3 - "$work/json" "$1" "$2" <<'END'
import json, sys
found = json.load(open(sys.argv[1]))
value = json.dumps(found.get(sys.argv[2]))
print(f"{sys.argv[2]} is {value}, expected {sys.argv[3]}")
sys.exit(value != sys.argv[3])
END
}

# Bindings are where they are looked for, beside the library.
binds ()
{
  [ -f "$prefix/share/gir-1.0/Lp2p-1.0.gir" ] \
    && [ -f "$prefix/lib/girepository-1.0/Lp2p-1.0.typelib" ] \
    && [ -f "$prefix/share/vala/vapi/lp2p-1.vapi" ] \
    && [ -f "$prefix/share/vala/vapi/lp2p-1.deps" ]
}

# What valac makes has warnings of its own.
build_vala ()
{
  valac --vapidir "$prefix/share/vala/vapi" --pkg lp2p-1 --pkg gio-unix-2.0 -X -w \
    -o "$work/chat" "$prefix/share/doc/lp2p/examples/chat/chat.vala"
}

# The author of another object runs the kit's tests over it: some of each kind will do.
run_kit ()
{
  # shellcheck disable=SC2046 # the flags are words
  "${CC:-cc}" -Wall -Wextra -Wno-unused-parameter -Werror -o "$work/kit" "$lp2p_root/tests/example/kit.c" \
    $(pkg-config --cflags --libs lp2p-test-1) || return 1
  for kit_path in /transport/memory/dial /muxer/yamux/both-ways /security/noise/handshake /layer/noise/vectors \
    /layer/sockets /key-store/file; do
    "$work/kit" -p "$kit_path" >"$work/kit.tap" || return 1
    cat "$work/kit.tap"
    grep -q "^ok .*$kit_path" "$work/kit.tap" || return 1
  done
}

# follow NAME: does what the tutorial says.
follow ()
{
  mkdir "$work/$1" && python3 "$lp2p_root/tests/example/tutorial.py" "$lp2p_root/data/docs/$1.md" "$work/$1"
}

uses_installed ()
{
  inspect file "\"$plugins/example.plugin\""
}

# greets [ADDRESS]: the greeting is the one of the configuration file.
greets ()
{
  timeout 60 "$work/greet" "$@" >"$work/greeting" || return 1
  cat "$work/greeting"
  grep -qx 'good day' "$work/greeting"
}

# Another process has loaded the plugin because its configuration says so.
listen_greets ()
{
  "$prefix/bin/lp2p" listen >"$work/listen" 2>&1 &
  listener=$!
  address=
  for _ in $(seq 100); do
    address=$(grep -o '/ip4/127\.0\.0\.1/tcp/[0-9]*/p2p/[A-Za-z0-9]*' "$work/listen" | head -n 1)
    [ -z "$address" ] || break
    sleep 0.1
  done
  greeted=1
  if [ -n "$address" ] && greets "$address"; then
    greeted=0
  fi
  kill "$listener" 2>/dev/null || true
  wait "$listener" 2>/dev/null || true
  cat "$work/listen"
  return $greeted
}

check 'lp2p installs' install_lp2p || exit 1
PKG_CONFIG_PATH=$prefix/lib/pkgconfig
LD_LIBRARY_PATH=$prefix/lib
XDG_CONFIG_HOME=$work/config
export PKG_CONFIG_PATH LD_LIBRARY_PATH XDG_CONFIG_HOME
mkdir -p "$XDG_CONFIG_HOME/lp2p"
cat >"$XDG_CONFIG_HOME/lp2p/lp2p.conf" <<'END'
[host]
services=['identify','ping','example']
listen=['/ip4/127.0.0.1/tcp/0']

[plugin example]
greeting='good day'
END

check 'the template is not installed with lp2p' [ ! -e "$plugins/example.plugin" ] || true
check 'the plugin builds out of tree' build_plugin || exit 1
check 'the plugin exports one symbol' \
  python3 "$lp2p_root/tests/rules/check-symbols.py" "$work/plugin/build/lp2p-example.so" || true
check 'before it is installed, inspect tells that it is not loaded' inspect loaded false || true
check 'the plugin installs into the plugin folder' install_plugin || exit 1
check 'then inspect tells that it is loaded' inspect loaded true || true
check 'and from where' uses_installed || true
check 'code with the TLS layer builds against pkg-config' build_tls || true
check 'an application builds against pkg-config' build_greet || exit 1
check 'a host greets with the text of the configuration file' greets || true
check 'and so does lp2p listen' listen_greets || true

if command -v g-ir-scanner >/dev/null && command -v valac >/dev/null; then
  check 'the bindings are installed' binds || true
  check 'an application in Vala builds against them' build_vala || true
else
  echo 'skip the bindings are installed: missing: gobject-introspection, valac'
fi
check 'the test kit runs over installed objects' run_kit || true
PATH=$prefix/bin:$PATH
export PATH
XDG_CONFIG_HOME=$work/none
check 'the tutorial first-peer works' follow first-peer || true
check 'the tutorial first-plugin works' follow first-plugin || true
exit $status
