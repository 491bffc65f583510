#!/bin/sh
# SPDX-License-Identifier: MIT
# What the path puts on the wire, judged by tshark: every IPv4, TCP and UDP checksum, and no frame above the MTU.
# Usage: wire.sh LONGSHORE DRIVER.inf BUILD
set -eu
longshore=$1
inf=$2
build=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$longshore" demo "$inf" --driver "$build" --seconds 1 --capture "$work/wire.pcapng" >"$work/out" || {
    cat "$work/out"
    exit 1
}
# A capture of seconds at full speed is large: tshark looks at a bounded part of it.
count() {
    tshark -r "$work/wire.pcapng" -c 30000 -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE \
        -o udp.check_checksum:TRUE -Y "$1" 2>/dev/null | wc -l
}
frames=$(count "tcp")
bad=$(count "ip.checksum.status == Bad || tcp.checksum.status == Bad || udp.checksum.status == Bad")
good=$(count "tcp.checksum.status == Good")
long=$(count "frame.len > 1514")
echo "$frames TCP frames looked at, $good with a right checksum, $bad with a wrong one, $long above 1514 bytes"
[ "$frames" -gt 1000 ] && [ "$good" -eq "$frames" ] && [ "$bad" -eq 0 ] && [ "$long" -eq 0 ]
