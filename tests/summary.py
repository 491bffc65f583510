#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Adds up the test runs of the build directories named, and prints one closing line.

A cmocka program counts as many tests as it ran, the conformance suite as many checks, the twins as
many twins; any other test counts as one. What the driver does not advertise is no skipped test."""
import json
import pathlib
import re
import sys

RAN = re.compile(r"\[==========\] .*?(\d+) test\(s\) run")
SKIPPED = re.compile(r"\[  SKIPPED \] (\d+) test\(s\)")
CHECKS = re.compile(r"(\d+) checks in [\d.]+ s: (\d+) hold, (\d+) do not, .*?(\d+) skipped, (\d+) errors")
TWINS = re.compile(r"(\d+) twins run, (\d+) caught")
FAILED = re.compile(r"\[  FAILED  \] (\d+) test\(s\)")
passed = failed = skipped = unadvertised = 0
for build in sys.argv[1:]:
    for log in sorted(pathlib.Path(build, "meson-logs").glob("testlog*.json")):
        for line in log.read_text().splitlines():
            t = json.loads(line)
            out = (t.get("stdout") or "") + (t.get("stderr") or "")
            ran = sum(int(x) for x in RAN.findall(out))
            skip = sum(int(x) for x in SKIPPED.findall(out))
            bad = sum(int(x) for x in FAILED.findall(out))
            if "conform /" in t["name"]:
                for checks, _, broken, unlisted, errors in CHECKS.findall(out):
                    ran, bad = ran + int(checks), bad + int(broken) + int(errors)
                    unadvertised += int(unlisted)
                    ran -= int(unlisted)
            for twins, caught in TWINS.findall(out):
                ran, bad = ran + int(twins), bad + int(twins) - int(caught)
            ran = ran or 1
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
if unadvertised:
    print(f"{unadvertised} conformance checks concern what the drivers under test do not advertise")
print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(1 if failed or not passed else 0)
