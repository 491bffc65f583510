#!/bin/sh
# SPDX-License-Identifier: MIT
# Every header compiles alone: the ABI and virtio ones under gcc, clang and mingw, the rooms' under gcc.
set -u
root=$1
fail=0
n=0
try() {
    n=$((n + 1))
    if ! out=$("$@" -fsyntax-only -x c -include "$header" /dev/null 2>&1); then
        fail=$((fail + 1))
        printf '%s: %s\n%s\n' "$1" "$header" "$out" | head -20
    fi
}
flags="-std=c17 -fshort-wchar -Wall -Wextra -Werror"
for header in $(find "$root/include/wdk" "$root/include/virtio" -name '*.h' | sort); do
    try gcc $flags -ffreestanding -I"$root/include/wdk" -I"$root/include"
    try clang $flags -ffreestanding -I"$root/include/wdk" -I"$root/include"
    try x86_64-w64-mingw32-gcc $flags -ffreestanding -I"$root/include/wdk" -I"$root/include"
done
for header in $(find "$root/src" "$root/include/longshore.h" -name '*.h' | sort); do
    try gcc -std=gnu17 -D_GNU_SOURCE -fshort-wchar -Wall -Wextra -Werror -I"$root/src" -I"$root/include" -I"$root"
done
echo "$n compilations, $fail failed"
[ "$n" -gt 0 ] && [ "$fail" -eq 0 ]
