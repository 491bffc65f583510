#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Adds up the test runs of the build directories named, and prints one closing line.

A cmocka program counts as many tests as it ran; any other test counts as one."""
import json
import pathlib
import re
import sys

RAN = re.compile(r"\[==========\] .*?(\d+) test\(s\) run")
SKIPPED = re.compile(r"\[  SKIPPED \] (\d+) test\(s\)")
FAILED = re.compile(r"\[  FAILED  \] (\d+) test\(s\)")
passed = failed = skipped = 0
for build in sys.argv[1:]:
    for log in sorted(pathlib.Path(build, "meson-logs").glob("testlog*.json")):
        for line in log.read_text().splitlines():
            t = json.loads(line)
            out = (t.get("stdout") or "") + (t.get("stderr") or "")
            ran = sum(int(x) for x in RAN.findall(out)) or 1
            skip = sum(int(x) for x in SKIPPED.findall(out))
            bad = sum(int(x) for x in FAILED.findall(out))
            if t["result"] not in ("OK", "EXPECTEDFAIL", "SKIP"):
                bad = max(bad, 1)
                print(f"FAILED {t['name']}: {t['result']}")
            if t["result"] == "SKIP":
                skip, ran = max(skip, 1), max(ran, 1)
            for reason in re.findall(r"^skip(?:ped)?: .*$", out, re.M | re.I):
                print(f"{t['name']}: {reason}")
            failed += bad
            skipped += skip
            passed += max(ran - bad - skip, 0)
print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(1 if failed or not passed else 0)
