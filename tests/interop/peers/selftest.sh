#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Lets every pair of the given peers (default: all here) talk, in both
# directions. Peers whose toolchain is missing are left out.
# Usage: selftest.sh [-v] [-t TRANSPORT] [PEER]...
set -u
here=$(cd "$(dirname "$0")" && pwd)
verbose=
transport=tcp
while getopts vt: option; do
  case $option in
    v) verbose=1 ;;
    t) transport=$OPTARG ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
show=
trust=
case $transport in
  quic-v1) port=udp/0/quic-v1 ;;
  ws) port=tcp/0/ws ;;
  wss)
    port=tcp/0/tls/ws
    tls=$here/../../fixtures/tls
    show="--tls-certificate $tls/localhost.pem --tls-key $tls/localhost-key.pem"
    trust="--tls-trust $tls/localhost.pem"
    ;;
  *) port=tcp/0 ;;
esac
[ $# -gt 0 ] || set -- go js py rust

# What each pair does, and how much of it; README.md tells what libraries cannot do.
all=connect,identify,ping,upload,download,streams,half-close
steps () {
  case $transport-$1-$2 in
    ws*-py) echo "${all%,identify*}${all#*,identify},reset,wrong-peer" ;;
    quic-v1-*-rust | quic-v1-js-js | quic-v1-js-py) echo "$all,wrong-peer" ;;
    *) echo "$all,reset,wrong-peer" ;;
  esac
}
amount () {
  case $transport-$1-$2 in
    quic-v1-py-* | quic-v1-*-py | ws*-py-* | ws*-*-py) echo '--upload-bytes 524288 --streams 60 --parallel 16' ;;
  esac
}

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
    # shellcheck disable=SC2086
    "$here/$listener/run" listen --transport "$transport" --address "/ip4/127.0.0.1/$port" $show \
      < "$work/stdin" > "$work/address" 2> "$work/stderr" &
    exec 9> "$work/stdin"
    tries=0
    until [ -s "$work/address" ] || [ $tries -eq 100 ]; do
      tries=$((tries + 1))
      sleep 0.1
    done
    status=0
    # shellcheck disable=SC2046,SC2086
    "$here/$dialer/run" dial "$(head -n 1 "$work/address")" --transport "$transport" $trust \
      --steps "$(steps "$dialer" "$listener")" $(amount "$dialer" "$listener") \
      > "$work/steps" 2>&1 9>&- || status=$?
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
