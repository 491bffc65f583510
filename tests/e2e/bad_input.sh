#!/bin/sh
# SPDX-License-Identifier: MIT
# Bad input gets one clear line that names the thing, and exit status 2.
# Usage: bad_input.sh LONGSHORE DRIVER_DIR
set -u
longshore=$1
drivers=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

# expect PATTERN ARGS...: runs longshore in a private namespace of its own.
expect() {
    pattern=$1
    shift
    timeout 20 unshare -Urn "$longshore" "$@" >"$work/out" 2>"$work/err"
    rc=$?
    lines=$(wc -l <"$work/err")
    if [ "$rc" -eq 2 ] && [ "$lines" -eq 1 ] && grep -qE "$pattern" "$work/err"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "longshore $*: exit $rc, $lines lines, want 2, one line like /$pattern/:"
        cat "$work/err" | head -5
    fi
}
package() { # NAME: a driver package to spoil
    mkdir -p "$work/$1"
    cp "$drivers/vionet.inf" "$drivers/vionet.sys" "$drivers/vionet.so" "$work/$1/"
}
run="--tap t0 --wire tap:w0 --seconds 1"

package ok
expect "nosuch\.inf" run "$work/nosuch.inf" $run
expect "want one DRIVER" run
expect "tap.*wire.*needed" run "$work/ok/vionet.inf"
expect "driver x: want sys or linked" run "$work/ok/vionet.inf" $run --driver x
expect "mtu 5: want a number" run "$work/ok/vionet.inf" $run --mtu 5
expect "no_such_feature" run "$work/ok/vionet.inf" $run --withhold csum,no_such_feature
expect "carrier:x" run "$work/ok/vionet.inf" --tap t0 --wire carrier:x
expect "nosuchif" run "$work/ok/vionet.inf" --tap t0 --wire packet:nosuchif
expect "averylonginterfacename" run "$work/ok/vionet.inf" --tap averylonginterfacename --wire tap:w0
expect "nosuch\.reg" run "$work/ok/vionet.inf" $run --registry "$work/nosuch.reg"
expect "nosuchdir" run "$work/ok/vionet.inf" $run --capture "$work/nosuchdir/x.pcapng"

package inf
printf '[Version]\nSignature = "$Windows NT$"\n' >"$work/inf/vionet.inf"
expect "vionet\.inf" run "$work/inf/vionet.inf" $run
printf '[Version\nbroken' >"$work/inf/vionet.inf"
expect "vionet\.inf:1" run "$work/inf/vionet.inf" $run
head -c 4096 /dev/urandom >"$work/inf/vionet.inf"
expect "vionet\.inf" run "$work/inf/vionet.inf" $run

package gone
rm "$work/gone/vionet.sys" "$work/gone/vionet.so"
expect "vionet\.sys" run "$work/gone/vionet.inf" $run
expect "vionet\.so" run "$work/gone/vionet.inf" $run --driver linked

package sys
: >"$work/sys/vionet.sys"
expect "vionet\.sys" run "$work/sys/vionet.inf" $run
head -c 1000 "$drivers/vionet.sys" >"$work/sys/vionet.sys"
expect "vionet\.sys" run "$work/sys/vionet.inf" $run
cp /bin/true "$work/sys/vionet.sys"
expect "vionet\.sys" run "$work/sys/vionet.inf" $run
cp /bin/true "$work/sys/vionet.so"
expect "vionet\.so" run "$work/sys/vionet.inf" $run --driver linked

printf 'REGEDIT9\n' >"$work/bad.reg"
expect "bad\.reg:1" run "$work/ok/vionet.inf" $run --registry "$work/bad.reg"

# A driver whose start needs a function that nobody provides: the error names it.
cat >"$work/absent.c" <<'C'
__declspec(dllimport) int NoSuchKernelFunction(int);
int DriverEntry(void *o, void *p) { (void)o; (void)p; return NoSuchKernelFunction(1) ? 0 : (int)0xC0000001; }
C
printf 'LIBRARY ntoskrnl.exe\nEXPORTS\nNoSuchKernelFunction\n' >"$work/absent.def"
package absent
x86_64-w64-mingw32-dlltool -d "$work/absent.def" -l "$work/libabsent.a" &&
    x86_64-w64-mingw32-gcc -O1 -ffreestanding -shared -nostdlib -Wl,--subsystem,native -Wl,--entry,DriverEntry \
        -Wl,--dynamicbase -o "$work/absent/vionet.sys" "$work/absent.c" "$work/libabsent.a"
timeout 20 unshare -Urn "$longshore" run "$work/absent/vionet.inf" $run >"$work/out" 2>"$work/err"
rc=$?
if [ $rc -eq 2 ] && cat "$work/out" "$work/err" | grep -q NoSuchKernelFunction; then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
    echo "absent import: exit $rc"
    cat "$work/out" "$work/err"
fi

# Without the privilege to make a TAP.
timeout 20 setpriv --reuid=65534 --clear-groups --bounding-set=-all --inh-caps=-all "$longshore" run \
    "$work/ok/vionet.inf" $run >"$work/out" 2>"$work/err"
rc=$?
if [ $rc -eq 2 ] && [ "$(wc -l <"$work/err")" -eq 1 ]; then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
    echo "without privilege: exit $rc"
    cat "$work/err"
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
