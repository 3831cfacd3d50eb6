# shellcheck shell=sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Installs what is missing of data/packages.txt and makes build folders.
# Sourced by data/demo.sh and tests/run.sh, which set lp2p_root first. Works
# under `set -eu`; each function that fails has said why in one sentence.

: "${lp2p_root:?set lp2p_root before sourcing lib-setup.sh}"

# Whether the last setup_install installed something.
setup_changed=no
# Debian asks this program, where there is one, before it starts a daemon.
setup_policy=/usr/sbin/policy-rc.d

setup_say ()
{
  printf 'lp2p: %s\n' "$*" >&2
}

# setup_show_progress WHAT LOG: shows for how long that has been going on, and the last line
# of its log, on a line of the terminal, until it is killed or this shell has ended.
setup_show_progress ()
{
  setup_seconds=0
  while kill -0 $$ 2>/dev/null; do
    setup_width=$(stty size <&2 2>/dev/null | cut -d ' ' -f 2)
    # A terminal that does not know has 0.
    [ "${setup_width:-0}" -gt 1 ] || setup_width=80
    setup_line="lp2p: $1: $setup_seconds s  $(tail -n 1 "$2")"
    printf '\r\033[K%s' "$(printf '%s' "$setup_line" | cut -c "1-$((setup_width - 1))")" >&2
    sleep 1
    setup_seconds=$((setup_seconds + 1))
  done
}

# setup_run WHAT COMMAND...: runs what takes long with its output in $setup_log, and says so.
# The command stays in the foreground, so that Ctrl-C ends it.
setup_run ()
{
  setup_what=$1
  shift
  setup_say "$setup_what"
  setup_watcher=
  if [ -t 2 ] && [ "${TERM:-dumb}" != dumb ]; then
    setup_show_progress "$setup_what" "$setup_log" &
    setup_watcher=$!
  fi
  setup_started=$(date +%s)
  setup_status=0
  "$@" >"$setup_log" 2>&1 || setup_status=$?
  if [ -n "$setup_watcher" ]; then
    kill "$setup_watcher" 2>/dev/null || true
    wait "$setup_watcher" 2>/dev/null || true
    printf '\r\033[K' >&2
  fi
  [ $setup_status != 0 ] || setup_say "$setup_what: done in $(($(date +%s) - setup_started)) s"
  return $setup_status
}

# Sets setup_system and setup_column, the column of packages.txt that fits it.
setup_detect ()
{
  if command -v apt-get >/dev/null 2>&1 && command -v dpkg-query >/dev/null 2>&1; then
    setup_system=apt setup_column=2
  elif command -v dnf >/dev/null 2>&1 && command -v rpm >/dev/null 2>&1; then
    setup_system=dnf setup_column=3
  else
    setup_system=other setup_column=2
  fi
}

# setup_rows GROUP...: the rows of these groups, as group, package, what for,
# with tabs between them.
setup_rows ()
{
  awk -v groups=" $* " -v column="$setup_column" '
    /^[ \t]*(#|$)/ { next }
    index (groups, " " $1 " ") && $column != "-" {
      why = $4
      for (i = 5; i <= NF; i++)
        why = why " " $i
      printf "%s\t%s\t%s\n", $1, $column, why
    }' "$lp2p_root/data/packages.txt"
}

# setup_absent NAME...: those of the names that no installed package has or
# provides, one per line.
setup_absent ()
{
  case $setup_system in
    apt)
      dpkg-query -W -f '${db:Status-Status} ${Package} ${Provides}\n' 2>/dev/null |
        awk -v names="$*" '
          $1 == "installed" {
            for (i = 2; i <= NF; i++) {
              sub (/,$/, "", $i)
              have[$i] = 1
            }
          }
          END {
            n = split (names, name, " ")
            for (i = 1; i <= n; i++)
              if (!(name[i] in have))
                print name[i]
          }'
      ;;
    dnf)
      LC_ALL=C rpm -q --whatprovides "$@" 2>&1 | sed -n 's/^no package provides //p'
      ;;
    *)
      printf '%s\n' "$@"
      ;;
  esac
}

# setup_missing GROUP...: the entries of these groups, alternatives and all, of
# which nothing is installed, one per line.
setup_missing ()
{
  setup_wanted=$(setup_rows "$@" | cut -f 2)
  # shellcheck disable=SC2046
  setup_gone=" $(setup_absent $(printf '%s\n' "$setup_wanted" | tr '|' ' ') | tr '\n' ' ')"
  for setup_entry in $setup_wanted; do
    setup_found=no
    for setup_name in $(printf '%s' "$setup_entry" | tr '|' ' '); do
      case $setup_gone in
        *" $setup_name "*) ;;
        *) setup_found=yes ;;
      esac
    done
    [ $setup_found = yes ] || printf '%s\n' "$setup_entry"
  done
}

# setup_choose ENTRY...: one package name for each entry, on one line.
setup_choose ()
{
  setup_names=
  for setup_entry in "$@"; do
    setup_pick=${setup_entry%%|*}
    if [ "$setup_pick" != "$setup_entry" ] && [ "$setup_system" = apt ]; then
      for setup_name in $(printf '%s' "$setup_entry" | tr '|' ' '); do
        if [ -n "$(apt-cache show "$setup_name" 2>/dev/null | head -n 1)" ]; then
          setup_pick=$setup_name
          break
        fi
      done
    fi
    setup_names="$setup_names${setup_names:+ }$setup_pick"
  done
  printf '%s\n' "$setup_names"
}

# setup_table GROUP...: what is needed, and what of it is there.
setup_table ()
{
  setup_lacking=" $(setup_missing "$@" | tr '\n' ' ')"
  printf '%-8s %-28s %-10s %s\n' group package state 'what for'
  setup_rows "$@" | while IFS='	' read -r setup_group setup_entry setup_why; do
    setup_state=installed
    case $setup_lacking in
      *" $setup_entry "*) setup_state=missing ;;
    esac
    [ "$setup_system" != other ] || setup_state=unknown
    printf '%-8s %-28s %-10s %s\n' "$setup_group" "$(setup_choose "$setup_entry")" "$setup_state" "$setup_why"
  done
}

# Sets setup_sudo to what has to stand before a command for it to run as root.
setup_become_root ()
{
  if [ "$(id -u)" = 0 ]; then
    setup_sudo=
  elif ! command -v sudo >/dev/null 2>&1; then
    return 1
  elif [ -t 0 ]; then
    setup_sudo=sudo
    # Now, where nothing else is written over the question for a password.
    sudo -v || return 1
  else
    # Nobody is there to type a password.
    setup_sudo='sudo -n'
  fi
}

# The reason that a package manager gave, out of its log.
setup_reason ()
{
  setup_line=$(grep -E '^(E: |Error|error|sudo: )' "$1" | head -n 1 || true)
  [ -n "$setup_line" ] || setup_line=$(grep -v '^[[:space:]]*$' "$1" | tail -n 1 || true)
  printf '%s' "${setup_line#E: }"
}

setup_apt_get ()
{
  # The lists may be old or empty; one try in a network without packages must
  # not take minutes.
  $setup_sudo env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get \
    -o Acquire::Retries=2 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -qq "$@" </dev/null
}

# setup_apt_install NAME...: installs these and starts no daemon, as all that is needed is run
# by the tests themselves. What runs already is restarted where an upgrade wants that.
setup_apt_install ()
(
  if [ ! -e "$setup_policy" ] || grep -q '^# lp2p: ' "$setup_policy"; then
    trap '$setup_sudo rm -f "$setup_policy"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    $setup_sudo tee "$setup_policy" >/dev/null <<'END' || exit 1
#!/bin/sh
# lp2p: here only while data/lib-setup.sh installs packages
[ "$2" != start ] || exit 101
END
    $setup_sudo chmod 755 "$setup_policy" || exit 1
  fi
  setup_apt_get install -y --no-install-recommends "$@"
)

# setup_plan_apt ENTRY...: sets setup_names and setup_others, the packages that
# they draw in; fails where the archive does not have them.
setup_plan_apt ()
{
  setup_names=$(setup_choose "$@")
  # shellcheck disable=SC2086
  LC_ALL=C apt-get -s -qq --no-install-recommends install $setup_names >"$setup_log" 2>&1 || return 1
  setup_others=$(awk -v names=" $setup_names " '
    $1 == "Inst" && !index (names, " " $2 " ") { printf "%s%s", sep, $2; sep = " " }' "$setup_log")
}

# setup_install_apt ENTRY...
setup_install_apt ()
{
  setup_updated=no
  if ! setup_plan_apt "$@"; then
    setup_run 'reading the package lists (apt-get update)' setup_apt_get update || true
    setup_updated=yes
    setup_plan_apt "$@" || return 1
  fi
  setup_say "installing with apt-get: $setup_names${setup_others:+; which need: $setup_others}"
  # shellcheck disable=SC2086
  if ! setup_run installing setup_apt_install $setup_names; then
    # A list that is too old names files which the archive no longer has.
    [ $setup_updated = no ] || return 1
    setup_run 'reading the package lists (apt-get update)' setup_apt_get update || true
    # shellcheck disable=SC2086
    setup_run installing setup_apt_install $setup_names || return 1
  fi
}

# setup_install_dnf ENTRY...
setup_install_dnf ()
{
  setup_names=$(setup_choose "$@")
  setup_say "installing with dnf: $setup_names, and what they need"
  # shellcheck disable=SC2086
  setup_run installing $setup_sudo env LC_ALL=C dnf install -y -q --setopt=install_weak_deps=False \
    $setup_names </dev/null
}

# setup_install GROUP...: installs what is missing of these groups. With
# LP2P_NO_INSTALL set it trusts that everything is there.
setup_install ()
{
  setup_changed=no
  [ -z "${LP2P_NO_INSTALL:-}" ] || return 0
  setup_detect
  if [ "$setup_system" = other ]; then
    setup_say "this system has neither apt-get nor dnf; install what follows (Debian names), then run this again with LP2P_NO_INSTALL=1"
    setup_rows "$@" | awk -F '\t' '{ sub (/\|.*/, "", $2); printf "  %-28s %s\n", $2, $3 }' >&2
    return 1
  fi

  setup_groups=$*
  setup_entries=$(setup_missing "$@")
  [ -n "$setup_entries" ] || return 0

  # The entries are words without blanks or globs.
  # shellcheck disable=SC2086
  set -- $setup_entries
  if ! setup_become_root; then
    setup_say "these packages are missing and neither root nor sudo is at hand to install them: $(setup_choose "$@")"
    return 1
  fi
  setup_log=$(mktemp "${TMPDIR:-/tmp}/lp2p-setup.XXXXXX")
  if ! "setup_install_$setup_system" "$@"; then
    tail -n 20 "$setup_log" >&2
    setup_say "cannot install $(setup_choose "$@"): $(setup_reason "$setup_log") (whole log: $setup_log)"
    return 1
  fi
  rm -f "$setup_log"

  # shellcheck disable=SC2086
  setup_entries=$(setup_missing $setup_groups)
  if [ -n "$setup_entries" ]; then
    setup_say "the package manager reported success, but these are still missing: $setup_entries"
    return 1
  fi
  setup_changed=yes
}

# The part of a build log that says what went wrong.
setup_build_error ()
{
  awk '/^FAILED:/ { failed = 1 } failed' "$1" | head -n 40 | grep . || tail -n 40 "$1"
}

# setup_configure FOLDER [MESON OPTION...]: configures a build folder that is
# not configured yet.
setup_configure ()
{
  setup_folder=$1
  shift
  if [ ! -f "$setup_folder/build.ninja" ]; then
    set -- "$@" "$setup_folder" "$lp2p_root"
  elif [ $setup_changed = yes ]; then
    # What was not found when it was configured may be there now.
    set -- --reconfigure "$@" "$setup_folder" "$lp2p_root"
  else
    return 0
  fi
  setup_log=$(mktemp "${TMPDIR:-/tmp}/lp2p-build.XXXXXX")
  if ! setup_run "configuring ${setup_folder##*/}" meson setup "$@"; then
    tail -n 40 "$setup_log" >&2
    setup_say "cannot configure ${setup_folder##*/} (whole log: $setup_log)"
    return 1
  fi
  rm -f "$setup_log"
}

# setup_compile FOLDER [TARGET...]: compiles these or everything in a configured build
# folder.
setup_compile ()
{
  setup_folder=$1
  shift
  setup_log=$(mktemp "${TMPDIR:-/tmp}/lp2p-build.XXXXXX")
  if ! setup_run "compiling ${setup_folder##*/}" meson compile -C "$setup_folder" "$@"; then
    setup_build_error "$setup_log" >&2
    setup_say "cannot compile ${setup_folder##*/} (whole log: $setup_log)"
    return 1
  fi
  rm -f "$setup_log"
}
