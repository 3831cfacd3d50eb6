#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# run.sh BUILD: configures, builds and tests lp2p in a Debian 13, where ngtcp2 is a
# 1.x and all else is newer too. It makes that system in a folder of the cache with
# debootstrap, from the archive that this system's apt reads, and as this apt is told
# to reach it. Only with LP2P_FULL=1, for the first time takes a quarter of an hour.
# What it left is used again; to have it made anew, remove the folder that it names.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
root=${XDG_CACHE_HOME:-$HOME/.cache}/lp2p-debian13
release=trixie

skip ()
{
  printf 'skip debian13: %s\n' "$1"
  exit 0
}

fail ()
{
  printf 'not ok debian13: %s\n' "$1"
  exit 1
}

[ "${LP2P_FULL:-}" = 1 ] || skip 'takes long: only with tests/run.sh --full'
command -v debootstrap >/dev/null || skip 'missing: debootstrap'
[ "$(id -u)" = 0 ] || skip 'missing: root, to make a system in a folder'

# The archive of Debian among those that this system's apt reads.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
  'Origin: Debian' 'Label: Debian' 2>/dev/null | head -n 1)
[ -n "$mirror" ] || skip 'missing: an archive of Debian in the sources of apt'

# What this system's apt is told about proxies, certificates and passwords.
copy_apt ()
{
  apt-config dump | grep '^Acquire::' >"$root/etc/apt/apt.conf.d/90-as-outside" || true
  for file in auth.conf auth.conf.d trusted.gpg.d; do
    [ ! -e "/etc/apt/$file" ] || cp -a "/etc/apt/$file" "$root/etc/apt/"
  done
  printf 'deb %s %s main\n' "$mirror" "$release" >"$root/etc/apt/sources.list"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  if [ -f /etc/ssl/certs/ca-certificates.crt ]; then
    mkdir -p "$root/etc/ssl/certs"
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  fi
}

# All mounts end with the process that has made them.
enter ()
{
  mkdir -p "$root/lp2p"
  # shellcheck disable=SC2016
  unshare --mount --pid --fork --kill-child sh -euc '
    mount -t proc proc "$1/proc"
    mount --bind /dev "$1/dev"
    mount -t tmpfs tmpfs "$1/dev/shm"
    mount -t tmpfs tmpfs "$1/tmp"
    mount --bind "$2" "$1/lp2p"
    mount -o remount,ro,bind "$1/lp2p"
    exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
      ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
      chroot "$1" /lp2p/tests/debian13/inside.sh
  ' sh "$root" "$source"
}

printf 'The system is %s\n' "$root"
if [ ! -e "$root/.made" ]; then
  rm -rf --one-file-system "$root"
  mkdir -p "$root"
  debootstrap --variant=minbase --include=ca-certificates "$release" "$root" "$mirror" ||
    fail "debootstrap cannot make a $release; its log is $root/debootstrap/debootstrap.log"
  touch "$root/.made"
fi
copy_apt
enter || fail 'see above'
