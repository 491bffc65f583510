#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""report.py LONGSHORE TWINS DRIVER.inf: the reports of `longshore test`, read by others.

JUnit by junitparser (and by xmllint against a schema, where LONGSHORE_JUNIT_XSD names one), JSON by
Python, HTML by headless Chromium: no script error, the script has run, the broken field of a faulty
twin is drawn in red. The pages are left as PNG beside the build for people to look at."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

import junitparser

longshore, twins, inf = sys.argv[1:4]
out = pathlib.Path(os.environ.get("LONGSHORE_BUILD", ".")) / "reports"
out.mkdir(exist_ok=True)


def fail(text):
    sys.exit(f"report: {text}")


def want(holds, text):
    if not holds:
        fail(text)


def suite(*more):
    """Runs the suite; the three reports must agree on every verdict."""
    paths = {k: out / f"report.{k}" for k in ("json", "xml", "html")}
    run = subprocess.run([longshore, "test", inf, "--seed", "7", "--json", paths["json"], "--junit",
                          paths["xml"], "--html", paths["html"], *more], capture_output=True,
                         text=True, check=False)
    want(run.returncode == 0, f"exit {run.returncode}: {run.stdout}{run.stderr}")
    return paths, run.stdout


def check_json(path):
    report = json.loads(path.read_text())
    want(report["findings"] == 0, "findings in the JSON report")
    want(len(report["requirements"]) == 413, "not every requirement is in the JSON report")
    want(sum(report["verdicts"].values()) == 413, "verdicts do not add up")
    return {r["id"]: r["verdict"] for r in report["requirements"]}


def check_junit(path, verdicts):
    xml = junitparser.JUnitXml.fromfile(str(path))
    cases = [c for s in xml for c in s]
    ran = {k for k, v in verdicts.items() if v not in ("none", "left out")}
    want({c.name for c in cases} == ran, "JUnit and JSON do not have the same cases")
    want(xml.failures == 0 and xml.errors == 0 and xml.tests == len(cases), "JUnit sums")
    for c in cases:
        skipped = any(isinstance(r, junitparser.Skipped) for r in c.result)
        want(skipped == (verdicts[c.name] in ("skip", "not seen")), f"JUnit verdict of {c.name}")
    xsd = os.environ.get("LONGSHORE_JUNIT_XSD")
    if xsd:
        subprocess.run(["xmllint", "--noout", "--schema", xsd, path], check=True)


def browse(page, png):
    """The page as Chromium sees it: its DOM after scripts, and a picture."""
    with tempfile.TemporaryDirectory() as home:
        base = ["chromium-headless-shell", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                f"--user-data-dir={home}", "--window-size=1180,1800", "--enable-logging=stderr",
                "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=3000"]
        url = page.resolve().as_uri()
        dom = subprocess.run([*base, "--dump-dom", url], capture_output=True, text=True,
                             timeout=120, check=True)
        shot = subprocess.run([*base, f"--screenshot={png}", url], capture_output=True, text=True,
                              timeout=120, check=True)
    for line in (dom.stderr + shot.stderr).splitlines():
        want("CONSOLE" not in line, f"the page's console says: {line}")
    want(png.stat().st_size > 20000, f"{png} is as good as empty")
    want(not re.search(r'(src|href)="(https?:)?//', dom.stdout), "the page wants the network")
    return dom.stdout


def check_html(path, verdicts):
    dom = browse(path, out / "report.png")
    want(re.search(r'<button[^>]*class="on"', dom), "the page's script has not run")
    ids = set(re.findall(r'<details id="([A-Z0-9-]+)"', dom))
    want(ids == set(verdicts), "the page does not have every requirement")
    hidden = set(re.findall(r'<details id="([A-Z0-9-]+)"[^>]*hidden', dom))
    want(hidden == {k for k, v in verdicts.items() if v in ("none", "left out")},
         "rows without a check should be hidden at first")


def check_broken():
    page = out / "broken.html"
    run = subprocess.run([twins, inf, "--only", "LSO1-8", "--html", page], capture_output=True,
                         text=True, check=False)
    want(run.returncode == 0, f"the twin was not caught: {run.stdout}{run.stderr}")
    dom = browse(page, out / "broken.png")
    row = re.search(r'<details id="LSO1-8"[^>]*>.*?</details>', dom, re.S).group(0)
    want('data-v="FAIL"' in row and " open" in row.split(">")[0], "LSO1-8 is not shown as broken")
    want(re.search(r'<rect[^>]*class="wrong"', row), "no field is drawn in red")


paths, text = suite()
verdicts = check_json(paths["json"])
check_junit(paths["xml"], verdicts)
ET.parse(paths["xml"])
check_html(paths["html"], verdicts)
check_broken()
print(f"{sum(v == 'pass' for v in verdicts.values())} rows hold in three reports; pictures in {out}")
