#!/bin/sh
# SPDX-License-Identifier: MIT
# The administrator on running adapters: offloads, set, wmi, the control socket, the registry file; adapter, and
# the members of a team.
# Usage: admin.sh LONGSHORE DRIVER.inf TEAM.inf [BUILD]
set -u
if [ "${ADMIN_INSIDE:-}" != 1 ]; then
    ADMIN_INSIDE=1 exec unshare -Urn "$0" "$@"
fi
longshore=$1
inf=$2
team=$3
build=${4:-sys}
work=$(mktemp -d)
export XDG_RUNTIME_DIR="$work/run"
mkdir -m 700 "$XDG_RUNTIME_DIR"
running=
trap 'for p in $running; do kill -9 $p 2>/dev/null; done; rm -rf "$work"' EXIT
passed=0
failed=0

result() { # WHAT RC
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $1"
    fi
}
ok() { # WHAT COMMAND...: succeeds
    what=$1
    shift
    "$@" >"$work/out" 2>"$work/err"
    rc=$?
    result "$what" $rc
    [ $rc -eq 0 ] || cat "$work/out" "$work/err" | head -5
}
expect() { # PATTERN ARGS...: exit 2 and one line that matches
    pattern=$1
    shift
    timeout 20 "$longshore" "$@" >"$work/out" 2>"$work/err"
    rc=$?
    [ $rc -eq 2 ] && [ "$(wc -l <"$work/err")" -eq 1 ] && grep -qE "$pattern" "$work/err"
    result "longshore $* exits $rc and says: $(head -c 300 "$work/err")" $?
}
start() { # NAME ARGS...: $inf in the background; returns when its socket answers; its pid in $pid
    name=$1
    shift
    start_driver "$inf" "$@"
}
start_driver() { # INF ARGS...: the same, of name $name
    driver=$1
    shift
    "$longshore" run "$driver" --driver "$build" --name "$name" --quiet "$@" >>"$work/log" 2>&1 &
    pid=$!
    running="$running $pid"
    for i in $(seq 200); do
        "$longshore" offloads "$name" >/dev/null 2>&1 && return 0
        sleep 0.05
    done
    echo "$name did not start"
    cat "$work/log"
    exit 1
}
stop() { # PID: as Ctrl-C does
    kill -INT "$1" 2>/dev/null
    wait "$1"
}
soon() { # WHAT COMMAND...: succeeds within 5 s
    what=$1
    shift
    for i in $(seq 100); do
        "$@" && break
        sleep 0.05
    done
    "$@"
    result "$what" $?
}
# value NAME PART MEMBER hardware|current
value() {
    "$longshore" offloads "$1" --json | python3 -c '
import json, sys
[a] = json.load(sys.stdin)
print(a["offloads"][sys.argv[1]][sys.argv[2]][sys.argv[3]])' "$2" "$3" "$4"
}
is() { # WANT NAME PART MEMBER VIEW
    got=$(value "$2" "$3" "$4" "$5")
    [ "$got" = "$1" ]
    result "$2 $3.$4 $5 is $got, want $1" $?
}

# ---- nobody there
expect "none is running" offloads
expect "alpha.*no such adapter" set alpha LsoV2IPv4=off

# ---- two adapters
start alpha --tap t0 --wire tap:w0
alpha=$pid
start "beta two" --tap t1 --wire tap:w1
beta=$pid
sock="$XDG_RUNTIME_DIR/longshore/alpha.sock"
[ "$(stat -c %a "$sock")" = 600 ] && [ "$(stat -c %a "$XDG_RUNTIME_DIR/longshore")" = 700 ]
result "socket of mode 600 in a directory of mode 700" $?
[ "$(ls "$XDG_RUNTIME_DIR/longshore" | wc -l)" -eq 2 ]
result "a socket for each" $?
"$longshore" offloads >"$work/out"
[ "$(grep -c '^MINIPORT' "$work/out")" -eq 2 ] && grep -q "MaxOffLoadSize" "$work/out" &&
    grep -q "MinSegmentCount" "$work/out" && grep -q "Encapsulation types" "$work/out"
result "offloads lists both" $?
[ "$("$longshore" offloads "BETA TWO" | grep -c '^MINIPORT')" -eq 1 ]
result "offloads of one" $?
[ "$("$longshore" offloads --json | python3 -c 'import json,sys; print(len(json.load(sys.stdin)))')" = 2 ]
result "json of both" $?
expect "more than one adapter.*alpha.*beta two" wmi GUID_NDIS_TCP_OFFLOAD_CURRENT_CONFIG
expect "gamma: no such adapter; running: alpha .*beta two" offloads gamma

# ---- set
is 2 alpha LsoV2.IPv4 MinSegmentCount current
ok "set several" "$longshore" set alpha LsoV2IPv4=off '*lsov2ipv6=0' TCPCHECKSUMOFFLOADIPV6=tx
is 0 alpha LsoV2.IPv4 MaxOffLoadSize current
is 0 alpha LsoV2.IPv6 Encapsulation current
is 1 alpha Checksum.IPv6Transmit TcpChecksum current
is 0 alpha Checksum.IPv6Receive TcpChecksum current
is 1 alpha Checksum.IPv6Receive TcpChecksum hardware
is 2 "beta two" LsoV2.IPv4 MinSegmentCount current
expect "LsoV3: no such offload; there are .*LsoV2IPv6" set alpha LsoV3=on
expect "LsoV2IPv4: tx: possible values are off, on" set alpha LsoV2IPv4=tx
expect "UDPChecksumOffloadIPv4: 4: possible values are off, on, tx, rx" set alpha UDPChecksumOffloadIPv4=4
expect "LsoV2IPv4: given twice" set alpha LsoV2IPv4=on '*LSOV2IPV4=off'
expect "want NAME=VALUE" set alpha LsoV2IPv4
expect "want ADAPTER KEYWORD=VALUE" set alpha
# All or nothing: connection offload is more than this hardware has.
expect "refused with 0x.*nothing is changed" set alpha LsoV2IPv4=on TCPConnectionOffloadIPv4=on
is 0 alpha LsoV2.IPv4 MaxOffLoadSize current
# A group is each of its keywords; IPsec can be switched off where there is none.
ok "set groups" "$longshore" set alpha TCPUDPChecksumOffloadIPv4=tx '*tcpudpchecksumoffloadipv6=off' IPsecOffloadV1IPv4=off
is 1 alpha Checksum.IPv4Transmit IpChecksum current
is 1 alpha Checksum.IPv4Transmit UdpChecksum current
is 0 alpha Checksum.IPv4Receive TcpChecksum current
is 0 alpha Checksum.IPv6Transmit TcpChecksum current
is 0 alpha Checksum.IPv6Receive UdpChecksum current
expect "TCPUDPChecksumOffloadIPv6: given twice" set alpha UDPChecksumOffloadIPv6=on TCPUDPChecksumOffloadIPv6=on
expect "alpha: has no IPsec offload.*nothing is changed" set alpha IPsecOffloadV1IPv4=esp TCPUDPChecksumOffloadIPv6=on
expect "IPsecOffloadV1IPv4: tx: possible values are off, on, ah, esp" set alpha IPsecOffloadV1IPv4=tx
is 0 alpha Checksum.IPv6Transmit TcpChecksum current
ok "set groups back" "$longshore" set alpha TCPUDPChecksumOffloadIPv4=on TCPUDPChecksumOffloadIPv6=3
is 1 alpha Checksum.IPv4Receive TcpChecksum current
ok "set back" "$longshore" set alpha LsoV2IPv4=on LsoV2IPv6=on TCPChecksumOffloadIPv6=3
is 2 alpha LsoV2.IPv4 MinSegmentCount current
is 1 alpha Checksum.IPv6Receive TcpChecksum current

# ---- wmi
wmi() {
    "$longshore" wmi "$@" --adapter alpha
}
[ "$("$longshore" wmi | grep -c '^[0-9a-f]\{8\}-')" -eq 8 ]
result "wmi lists the GUIDs" $?
wmi '{68542FED-5C74-461E-8934-91C6F9C60960}' >"$work/a"
wmi guid_ndis_tcp_offload_capabilities >"$work/b"
cmp -s "$work/a" "$work/b" && grep -q '^LsoV2.IPv4.MinSegmentCount = 2$' "$work/a"
result "a GUID and its names are one" $?
wmi GUID_NDIS_TCP_OFFLOAD_HW_CAPABILITIES | grep -q '^Checksum.IPv4Transmit.TcpChecksum = 1$'
result "hardware capabilities" $?
fired=$(wmi GUID_NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG | sed 's/.*= //')
ok "wmi set" wmi GUID_NDIS_TCP_OFFLOAD_ADMIN_SETTINGS LsoV2IPv4=1 TCPIPv4Checksum=2
is 0 alpha LsoV2.IPv4 MaxOffLoadSize current
is 0 alpha Checksum.IPv4Receive TcpChecksum current
wmi GUID_NDIS_STATUS_OFFLOAD_CAPABILITIES_CHANGE --json >"$work/json"
python3 -c 'import json,sys; assert json.load(open(sys.argv[1]))["data"]["Event"]["Fired"] == int(sys.argv[2])' \
    "$work/json" $((fired + 1))
result "the event fired once more" $?
expect "invalid data" wmi GUID_NDIS_TCP_OFFLOAD_PARAMETERS LsoV2IPv4=9 --adapter alpha
expect "Lso: no such member; there are IPv4Checksum" wmi GUID_NDIS_TCP_OFFLOAD_PARAMETERS Lso=1 --adapter alpha
expect "want a number from 0 to 255" wmi GUID_NDIS_TCP_OFFLOAD_PARAMETERS LsoV1=256 --adapter alpha
expect "nope: no such GUID; there are GUID_NDIS" wmi nope --adapter alpha
expect "can only be set" wmi GUID_NDIS_TCP_OFFLOAD_PARAMETERS --adapter alpha
expect "cannot be set" wmi GUID_NDIS_TCP_OFFLOAD_CURRENT_CONFIG LsoV1=1 --adapter alpha

# ---- whoever may open the socket need not be well-formed
python3 - "$sock" <<'PY'
import json, random, socket, sys
seed = random.randrange(1 << 32)
print("seed", seed)
random.seed(seed)
def connect():
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1]) # waits while the server's queue is full
    s.settimeout(10)
    return s
def ask(s, line):
    s.sendall(line + b"\n")
    got = b""
    while not got.endswith(b"\n"):
        got += s.recv(65536)
    return json.loads(got)
s = connect()
for bad in (b"", b"{", b"[]", b"1", b'{"op":1}', b'{"op":"x"}', b'{"op":"set"}', b'{"op":"set","values":{"a":1}}',
            b'{"op":"wmi"}', b'{"op":"adapter","action":"add"}', b'{"op":"adapter","action":"add","card":"x"}',
            b'{"op":"adapter","action":"pause","card":"x,wire=y"}', b'{"op":"adapter","action":"x"}',
            b'{"op":"offloads","member":"x"}', b'{"op":"adapter","action":"remove"}', b'{"op":"hello","x":1}', b'{"op":"hello"}{}', b"\0", b"\xff" * 100, b"[" * 4000):
    answer = ask(s, bad)
    assert answer["ok"] is False and answer["error"], bad
assert ask(s, b'{"op":"hello"}')["adapter"] == "alpha"
for _ in range(300):
    junk = bytes(random.randrange(256) for _ in range(random.randrange(1, 200))).replace(b"\n", b"")
    assert ask(s, junk)["ok"] is False
s.sendall(b'{"op":"hello"}\n' * 200) # all at once, in order
got = b""
while got.count(b"\n") < 200:
    got += s.recv(65536)
long = connect()
try:
    long.sendall(b"x" * 100000)
    assert b'"ok":false' in long.recv(65536)
    assert long.recv(65536) == b""
except (ConnectionResetError, BrokenPipeError):
    pass
crowd = [connect() for _ in range(60)] # idle ones lose their places
mute = connect() # asks, never reads
mute.setblocking(False)
try:
    while True:
        mute.send(b'{"op":"offloads"}\n')
except BlockingIOError:
    pass
half = connect()
half.sendall(b'{"op":"hel')
assert ask(connect(), b'{"op":"hello"}')["ok"] is True
half.sendall(b'lo"}\n')
assert b'"ok":true' in half.recv(65536)
PY
result "hostile clients" $?

# ---- sockets: stale ones go, others stay
expect "in use by a running longshore" run "$inf" --tap t2 --wire tap:w2 --control "$sock"
echo text >"$work/file"
expect "is no socket; left alone" run "$inf" --tap t2 --wire tap:w2 --control "$work/file"
grep -q text "$work/file"
result "a file is left alone" $?
expect "longer than" run "$inf" --tap t2 --wire tap:w2 --control "/$(printf 'x%.0s' $(seq 200))"
stop "$beta"
[ "$(ls "$XDG_RUNTIME_DIR/longshore" | wc -l)" -eq 1 ]
result "stop removes the socket" $?
kill -9 "$alpha"
wait "$alpha" 2>/dev/null
[ -S "$sock" ]
result "a killed one leaves its socket" $?
expect "none is running" offloads
start alpha --tap t0 --wire tap:w0
[ "$(ls "$XDG_RUNTIME_DIR/longshore")" = alpha.sock ]
result "a stale socket is replaced" $?
alpha=$pid
start alpha --tap t1 --wire tap:w1 --control "$work/own.sock" # returns early: the first alpha answers
for i in $(seq 200); do
    [ -S "$work/own.sock" ] && break
    sleep 0.05
done
ok "own path" "$longshore" offloads --control "$work/own.sock"
stop "$pid"
stop "$alpha"
[ ! -e "$sock" ] && [ ! -e "$work/own.sock" ]
result "both sockets are gone" $?

# ---- the registry file (PAR-17, PAR-18)
reg="$work/machine.reg"
printf 'Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Kept]\n"a"="b"\n' >"$reg"
cp "$reg" "$work/before.reg"
start alpha --tap t0 --wire tap:w0 --registry "$reg"
cmp -s "$reg" "$work/before.reg"
result "nothing set, nothing written" $?
ok "set with a registry" "$longshore" set alpha LsoV2IPv4=off UDPChecksumOffloadIPv6=rx
kill -9 "$pid" # the answer came after the file was written
wait "$pid" 2>/dev/null
grep -q '"\*LsoV2IPv4"="0"' "$reg" && grep -q '"\*UDPChecksumOffloadIPv6"="2"' "$reg" && grep -q '"a"="b"' "$reg"
result "stored as keywords, beside what was there" $?
start alpha --tap t0 --wire tap:w0 --registry "$reg"
is 0 alpha LsoV2.IPv4 MaxOffLoadSize current
is 0 alpha Checksum.IPv6Transmit UdpChecksum current
is 1 alpha Checksum.IPv6Receive UdpChecksum current
is 2 alpha LsoV2.IPv4 MinSegmentCount hardware
expect "refused" set alpha LsoV2IPv4=on TCPConnectionOffloadIPv4=on
sleep 0.3
grep -q '"\*LsoV2IPv4"="0"' "$reg"
result "a refused set is not stored" $?
ok "both off" "$longshore" set alpha LsoV2IPv6=off
stop "$pid"

# ---- the state of an adapter
start alpha --tap t0 --wire tap:w0
[ "$("$longshore" adapter)" = "alpha                            running      link up" ]
result "adapter shows state and link" $?
ok "pause" "$longshore" adapter ALPHA pause
"$longshore" adapter alpha | grep -q "paused"
result "it is paused" $?
expect "alpha: pause did not succeed .it was paused." adapter alpha pause
ok "restart" "$longshore" adapter alpha restart
ok "reset" "$longshore" adapter alpha reset
ok "link down" "$longshore" adapter alpha link-down
soon "the driver says that the link is down" sh -c '"$1" adapter alpha | grep -q "link down"' - "$longshore"
! ip -br link show w0 | grep -q LOWER_UP
result "and the wire has no carrier" $?
ok "link up" "$longshore" adapter alpha link-up
soon "the link is up again" sh -c '"$1" adapter alpha | grep -q "link up"' - "$longshore"
ip -br link show w0 | grep -q LOWER_UP
result "and the wire has a carrier" $?
expect "only members can be removed" adapter alpha remove
expect "alpha is no team" adapter alpha add "$inf,wire=tap:w5"
expect "no such member of alpha" offloads alpha --member m
expect "want NAME ACTION" adapter alpha explode
expect "want NAME ACTION" adapter alpha add
expect "No such file" adapter alpha add "$work/none.inf,wire=tap:w5"
stop "$pid"

# ---- a team and its members
name=team0
start_driver "$team" --tap t0 --member "$inf,wire=tap:w0" --member "$inf,wire=tap:w1,withhold=csum+guest_csum,name=spare"
[ "$("$longshore" adapter team0 --json | python3 -c '
import json, sys
[a] = json.load(sys.stdin)
print(a["adapter"], a["state"], a["link"], *[m[k] for m in a["members"] for k in ("name", "state", "link")])')" = \
    "team0 running up member 1 running up spare running up" ]
result "adapter shows the team and its members" $?
team_has() { # WANT: MinSegmentCount of LsoV2, IPv4
    [ "$(value team0 LsoV2.IPv4 MinSegmentCount current)" = "$1" ]
}
is 2 team0 LsoV2.IPv4 MinSegmentCount current
"$longshore" offloads team0 --member SPARE | grep -q "LARGE SEND VERSION 2, IPv4 *not supported"
result "offloads of a member" $?
"$longshore" wmi GUID_NDIS_TCP_OFFLOAD_HW_CAPABILITIES --adapter team0 --member spare |
    grep -q "^Checksum.IPv4Transmit.TcpChecksum = 0$"
result "wmi of a member" $?
ok "set on a member" "$longshore" set team0 LsoV2IPv4=off --member "member 1"
soon "the team follows" team_has 0
ok "set back" "$longshore" set team0 LsoV2IPv4=on --member "member 1"
soon "the team follows again" team_has 2
ok "set off on the team" "$longshore" set team0 LsoV2IPv6=off
ok "on, behind its back" "$longshore" set team0 LsoV2IPv6=on --member "member 1"
is 0 team0 LsoV2.IPv6 MinSegmentCount current
ok "pull the cable of the first" "$longshore" adapter team0 link-down --member "member 1"
soon "the spare one is in use" team_has 0
ok "plug it in" "$longshore" adapter team0 link-up --member "member 1"
soon "the first one is in use" team_has 2
ok "pause the first" "$longshore" adapter team0 pause --member "member 1"
soon "the spare one is in use" team_has 0
ok "a third card" "$longshore" adapter team0 add "$inf,wire=tap:w2"
"$longshore" adapter team0 | grep -q "^  member 2 .* running .* link up"
result "has the first name that is free" $?
ok "surprise removal of the spare one" "$longshore" adapter team0 surprise-remove --member spare
soon "the third is in use" team_has 2
expect "there is a member of that name" adapter team0 add "$inf,wire=tap:w3,name=MEMBER 1"
expect "want DRIVER.inf,wire=" adapter team0 add "$inf,name=x"
expect "w9|no such" adapter team0 add "$inf,wire=packet:w9"
expect "has no link; its members have" adapter team0 link-down
expect "no such member of team0" adapter team0 reset --member spare
ok "remove a paused one" "$longshore" adapter team0 remove --member "member 1"
ok "remove the last" "$longshore" adapter team0 remove --member "member 2"
"$longshore" adapter team0 | grep -q "^team0 .* halted .* link down"
result "a team without members is halted" $?
ok "a card for it" "$longshore" adapter team0 add "$inf,wire=tap:w1,name=last"
[ "$("$longshore" adapter team0 --member last)" = "last                             running      link up" ]
result "one member's state" $?
soon "it runs" sh -c '"$1" adapter team0 | grep -q "^team0 .* running .* link up"' - "$longshore"
stop "$pid"

# ---- killed at any moment while it writes, it leaves a file that the next run takes
for round in 1 2 3 4 5 6; do
    start alpha --tap t0 --wire tap:w0 --registry "$reg"
    victim=$pid
    (
        while "$longshore" set alpha LsoV2IPv4=on LsoV2IPv6=on && "$longshore" set alpha LsoV2IPv4=off LsoV2IPv6=off; do
            :
        done
    ) >/dev/null 2>&1 &
    setter=$!
    sleep "0.$(awk -v s="$$$round" 'BEGIN { srand(s); printf "%03d", 50 + rand() * 300 }')"
    kill -9 "$victim"
    wait "$victim" 2>/dev/null
    wait "$setter"
    v4=$(sed -n 's/^"\*LsoV2IPv4"="\(.\)"\r*$/\1/p' "$reg")
    v6=$(sed -n 's/^"\*LsoV2IPv6"="\(.\)"\r*$/\1/p' "$reg")
    [ -n "$v4" ] && [ "$v4" = "$v6" ]
    result "round $round: old or new, not a mixture: LsoV2IPv4=$v4 LsoV2IPv6=$v6" $?
done
start alpha --tap t0 --wire tap:w0 --registry "$reg"
stop "$pid"
! grep "^finding " "$work/log"
result "no findings" $?

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
