#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the include table of the architecture (docs/architecture.md): no room knows what it must not."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
# Room -> rooms under src/ (or include/) whose headers its files may include. A room may include itself.
MAY = {
    "include/wdk": [],
    "include/virtio": [],
    "drivers/vionet": ["include/wdk", "include/virtio"],
    "drivers/team": ["include/wdk"],
    "src/frame": [],
    "src/base": [],
    "src/port": ["src/frame", "src/base"],
    "src/nic": ["include/virtio", "src/port", "src/frame", "src/base"],
    "src/nt": ["include/wdk", "src/base"],
    "src/ndis": ["include/wdk", "src/nt", "src/base"],
    "src/tcpip": ["include/wdk", "src/port", "src/frame", "src/base"],
    **{f"src/{name}": ["include/wdk", "src/nt", "src/ndis", "src/nic", "src/port", "src/tcpip",
                       "src/frame", "src/base", "include/longshore.h", "src/machine.h"]
       for name in ("machine.c", "machine.h", "operate.c", "admin.c", "admin_wmi.c", "indication.c")},
    "src/conform": ["include/wdk", "include/virtio", "src/nt", "src/ndis", "src/nic", "src/port",
                    "src/tcpip", "src/frame", "src/base", "include/longshore.h", "src/machine.h"],
    "src/cli": ["src/conform", "include/longshore.h", "src/base", "bench/bench.h"],
}
# Rooms that live without libc (freestanding headers and string.h only).
BARE = {"include/wdk", "include/virtio", "drivers/vionet", "drivers/team", "src/frame"}
BARE_HEADERS = {"stdint.h", "stddef.h", "stdbool.h", "string.h", "limits.h", "stdarg.h", "immintrin.h",
                "stdatomic.h"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def room_of(path):
    rel = path.relative_to(root).as_posix()
    return next((r for r in sorted(MAY, key=len, reverse=True)
                 if rel == r or rel.startswith(r + "/")), None)


def target(path, name):
    """The file an include names, or None for a system header."""
    for base in (path.parent, root / "src", root / "include", root / "include/wdk", root):
        candidate = (base / name).resolve()
        if candidate.is_file() and candidate.is_relative_to(root.resolve()):
            return candidate
    return None


def allowed(rel, rooms):
    return any(rel == r or rel.startswith(r + "/") for r in rooms)


problems, files = [], 0
for path in sorted(p for d in ("src", "include", "drivers") for p in (root / d).rglob("*.[ch]")):
    room = room_of(path)
    rel = path.relative_to(root).as_posix()
    text = path.read_text()
    if not text.startswith("/* SPDX-License-Identifier: MIT */"):
        problems.append(f"{rel}: first line is not the SPDX line")
    if path.suffix == ".h" and "#pragma once" not in text:
        problems.append(f"{rel}: no #pragma once")
    if room is None:
        if rel != "include/longshore.h":
            problems.append(f"{rel}: belongs to no room of the table")
        continue
    files += 1
    for kind, name in INCLUDE.findall(text):
        found = target(path, name)
        if found is None:
            if room in BARE and name not in BARE_HEADERS:
                problems.append(f"{rel}: a freestanding room includes <{name}>")
            continue
        hit = found.relative_to(root.resolve()).as_posix()
        if not allowed(hit, MAY[room] + [room]):
            problems.append(f"{rel}: {room} must not include {hit}")

for p in problems:
    print(p)
print(f"{files} files, {len(problems)} problems")
sys.exit(1 if problems or files == 0 else 0)
