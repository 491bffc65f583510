#!/bin/sh
# SPDX-License-Identifier: MIT
# Compares the layout of the driver ABI as Linux compilers and Windows compilers see it.
# Usage: compare.sh INCLUDE_DIR
# Exit: 0 all agree, 1 a difference or a failed build, 77 no Windows compiler.
set -eu

include=${1:?usage: compare.sh INCLUDE_DIR}
here=$(CDPATH="" cd -- "$(dirname -- "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! command -v x86_64-w64-mingw32-gcc >/dev/null; then
    echo "compare.sh: x86_64-w64-mingw32-gcc is not installed" >&2
    exit 77
fi

# layout NAME OBJCOPY COMPILER...: leaves NAME.val and NAME.nam in $work.
layout() {
    name=$1
    objcopy=$2
    shift 2
    "$@" -std=c17 -Wall -Wextra -Werror -I"$include" -c -o "$work/$name.o" "$here/layout.c"
    "$objcopy" -O binary -j .abival "$work/$name.o" "$work/$name.val"
    "$objcopy" -O binary -j .abinam "$work/$name.o" "$work/$name.raw"
    tr -d '\000' <"$work/$name.raw" >"$work/$name.nam"
    if [ "$(wc -c <"$work/$name.val")" -lt $(($(wc -l <"$work/$name.nam") * 8)) ]; then
        echo "compare.sh: $name: fewer numbers than names" >&2
        exit 1
    fi
}

# value NAME INDEX: entry INDEX (from 0) as a decimal number.
value() {
    od -An -v -t u8 -j $(($2 * 8)) -N 8 "$work/$1.val" | tr -d ' '
}

layout gcc objcopy gcc -fshort-wchar
entries=$(wc -l <"$work/gcc.nam")
others=""
if command -v clang >/dev/null; then
    layout clang objcopy clang -fshort-wchar
    layout clang-msvc x86_64-w64-mingw32-objcopy clang --target=x86_64-pc-windows-msvc
    others="clang clang-msvc"
fi
layout mingw x86_64-w64-mingw32-objcopy x86_64-w64-mingw32-gcc
others="$others mingw"

for other in $others; do
    if ! cmp -s "$work/gcc.nam" "$work/$other.nam"; then
        echo "compare.sh: gcc and $other list different entries" >&2
        exit 1
    fi
    # Sections are padded at their end, so only the entries themselves count.
    byte=$(cmp -n $((entries * 8)) "$work/gcc.val" "$work/$other.val" | awk '{ print $5 + 0 }')
    if [ -n "$byte" ]; then
        index=$(((byte - 1) / 8))
        entry=$(sed -n "$((index + 1))p" "$work/gcc.nam")
        echo "compare.sh: $entry: gcc $(value gcc "$index"), $other $(value "$other" "$index")" >&2
        exit 1
    fi
done
echo "compare.sh: $entries numbers agree: gcc, $(echo "$others" | xargs | sed 's/ /, /g')"
