#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""drivers.py LONGSHORE DIR: `longshore test` on drivers without hardware, good, bad and hostile.

DIR holds the packages of tests/data/soft. Every run must end in a bounded time with the exit status
that `longshore test --help` names, and leave no process behind."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

longshore, soft = sys.argv[1], pathlib.Path(sys.argv[2])
work = pathlib.Path(tempfile.mkdtemp(prefix="longshore-drivers-"))
FINDS, CANNOT = 1, 2
# Checks that load, bind, send and look at the wire, so that a fault in any of them shows.
FEW = ["--seed", "3", "--only", "TXC-2,TXC-4,LSO1-8"]
NO_WIRE = "there is no wire"
failures = []
unchecked = []  # rows without a check


def want(holds, text):
    if not holds:
        failures.append(text)


def members(session):
    """Processes of a session that are not yet gone."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if fields[0] != "Z" and int(fields[3]) == session:
            found.append(int(path.parent.name))
    return found


def wait_gone(session, what):
    until = time.monotonic() + 20
    while members(session) and time.monotonic() < until:
        time.sleep(0.05)
    want(not members(session), f"{what}: processes are left: {members(session)}")


def run(what, *args, limit=100):
    """The finished process, its stdout, and its report where the run could be made."""
    report = work / "report.json"
    report.unlink(missing_ok=True)
    p = subprocess.Popen([longshore, "test", *args, "--json", report], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        out, err = p.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGKILL)
        out, err = p.communicate()
        want(False, f"{what}: not at its end after {limit} s")
    wait_gone(p.pid, what)
    said = json.loads(report.read_text()) if report.exists() else None
    return p.returncode, out, err, said


def texts(report):
    rows = [e for r in report["requirements"] for e in r["evidence"]] + report["other"]
    return [f"{e['id']} {e.get('text', '')}" for e in rows if e["kind"] == "finding"]


def cannot(pattern, *args):
    """Exit 2, and one line on stderr that names the thing."""
    status, _, err, report = run(str(args), *args)
    good = status == CANNOT and err.count("\n") == 1 and re.search(pattern, err)
    want(good and report is None, f"{args}: exit {status}, want {CANNOT} and /{pattern}/:\n{err}")


def finds(name, pattern, *args):
    """Exit 1, a finding that reads so, and checks behind it that were made all the same."""
    status, out, err, report = run(name, soft / f"{name}.inf", *FEW, *args)
    want(status == FINDS and report, f"{name} {args}: exit {status}, want {FINDS}:\n{out}{err}")
    if report:
        want(any(re.search(pattern, t) for t in texts(report)),
             f"{name} {args}: no finding like /{pattern}/ in {texts(report)}")
    return report


# ---- Drivers that do nothing wrong


def test_good():
    for build in "sys", "linked":
        status, out, err, report = run("soft", soft / "soft.inf", "--driver", build)
        want(status == 0, f"soft, {build}: exit {status}:\n{out}{err}")
        if not report:
            continue
        want(report["findings"] == 0 and not report["hardware"], f"soft, {build}: {texts(report)}")
        rows = report["requirements"]
        unchecked[:] = [r["id"] for r in rows if r["verdict"] == "none"]
        verdicts = {v for r in rows for v in [r["verdict"]]}
        want(verdicts <= {"pass", "warn", "skip", "not seen", "none"}, f"soft: {verdicts}")
        want(all(r.get("reason") for r in rows if r["verdict"] in ("skip", "not seen")),
             "soft: skipped without a reason")
        # Nothing about the wire holds by itself; what is above it has really been looked at.
        for group in "GEN", "INIT":
            here = [r for r in rows if r["group"] == group and r["verdict"] != "none"]
            held = [r for r in here if r["verdict"] == "pass" and r["comparisons"]]
            want(not here or len(held) > len(here) / 3, f"soft: {group}: {len(held)}/{len(here)}")


def test_claims():
    """The wire cannot be looked at: no row that depends on it may hold."""
    status, out, err, report = run("claims", soft / "soft_claims.inf")
    want(status in (0, FINDS) and report, f"claims: exit {status}:\n{out}{err}")
    if not report:
        return
    rows = {r["id"]: r for r in report["requirements"]}
    for row in "TXC-1", "TXC-2", "LSO1-8":
        # Skipped for the wire, or for the version that is not listed, or found wrong above it.
        want(rows[row]["verdict"] in ("skip", "FAIL"), f"claims: {row}: {rows[row]['verdict']}")
    want(NO_WIRE in rows["TXC-2"].get("reason", ""), f"claims: TXC-2: {rows['TXC-2']}")
    want(report["verdicts"]["ERROR"] == 0, f"claims: errors:\n{out}")


# ---- Drivers that err


def test_start():
    cannot("soft_fail_entry.*DriverEntry failed", soft / "soft_fail_entry.inf")
    cannot("soft_fail_initialize.*MiniportInitializeEx NDIS_STATUS_FAILURE",
           soft / "soft_fail_initialize.inf")
    cannot("soft_crash_entry.sys.*in DriverEntry.*NT-FAULT", soft / "soft_crash_entry.inf")
    cannot("soft_crash_entry.so.*in DriverEntry.*signal 11", soft / "soft_crash_entry.inf",
           "--driver", "linked")
    cannot("DriverEntry did not return within 2 s", soft / "soft_hang_entry.inf", "--limit", "2")


def test_crash():
    finds("soft_crash_send", r"NT-FAULT soft_crash_send\.sys\+0x[0-9a-f]+: .*writes to 0x0")
    finds("soft_crash_oid", r"NT-FAULT soft_crash_oid\.sys\+0x")
    # A library has no name for the place; the process's end does.
    finds("soft_crash_send", "TXC-2 the process died of signal 11", "--driver", "linked")
    report = finds("soft_missing_send", "NT-IMPORT .*LongshoreTestMissingFunction")
    want([i for i in report["imports"] if i["missing"]] ==
         [{"name": "nowhere.sys!LongshoreTestMissingFunction", "missing": True, "called": True}],
         f"missing import: {report['imports']}")


def test_lost():
    report = finds("soft_lost_send", "GEN-11 .*did not come back")
    want(not any("GEN-45" in t for t in texts(report)), "lost sends: the rig's own fault is told")


def test_hang():
    finds("soft_hang_send", "did not come to an end within", "--limit", "2")
    finds("soft_hang_halt", "did not come to an end within", "--limit", "2", "--driver", "linked")


def test_hangs_everywhere():
    """Each check hangs; the run is cut short all the same, and says which rows were not tried."""
    began = time.monotonic()
    status, _, _, report = run("hang", soft / "soft_hang_halt.inf", "--limit", "1", "--jobs", "2")
    seconds = time.monotonic() - began
    want(status == FINDS and seconds < 60, f"hangs everywhere: exit {status} in {seconds} s")
    rows = report["requirements"]
    hung = [r for r in rows if r["verdict"] == "FAIL"]
    left = [r for r in rows if "not tried" in r.get("reason", "")]
    want(hung and all(r["verdict"] == "ERROR" for r in left), "hangs everywhere: verdicts")
    want(len(hung) + len(left) == sum(report["verdicts"][v] for v in ("FAIL", "ERROR")) and left,
         f"hangs everywhere: {len(hung)} hung, {len(left)} not tried, {report['verdicts']}")


def test_killed():
    """A run that is killed takes its children along, also one that spins."""
    p = subprocess.Popen([longshore, "test", soft / "soft_hang_send.inf", *FEW],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                         start_new_session=True)
    until = time.monotonic() + 20
    while len(members(p.pid)) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    want(len(members(p.pid)) >= 2, "killed: no child was seen")
    p.kill()
    p.wait()
    wait_gone(p.pid, "killed")


# ---- Bad input


def package(name, edit=lambda text: text):
    """A package of its own to spoil; edit changes the text of its .inf."""
    there = work / name
    there.mkdir()
    for suffix in "sys", "so":
        shutil.copy(soft / f"soft.{suffix}", there)
    (there / "soft.inf").write_text(edit((soft / "soft.inf").read_text()))
    return there / "soft.inf"


def test_input():
    good = soft / "soft.inf"
    cannot("nosuch.inf: No such file", work / "nosuch.inf")
    cannot("not a file", work)
    cannot("soft.sys:1", soft / "soft.sys")
    cannot("no model", package("models", lambda t: t[:t.index("[Manufacturer]")]))
    cannot("no driver service", package("service", lambda t: t.replace("AddService = ", ";")))
    cannot(r"hardware that is not here \(PCI.VEN_8086&DEV_100E\)",
           package("other", lambda t: t.replace("root\\longshore_soft", "PCI\\VEN_8086&DEV_100E")))
    gone = package("gone", lambda t: t.replace("soft.sys", "gone.sys"))
    cannot("gone.sys: No such file", gone)
    cannot("gone.so: No such file", gone, "--driver", "linked")
    spoilt = package("spoilt")
    (spoilt.parent / "soft.sys").write_text("MZ and no more")
    cannot("soft.sys: ", spoilt)
    shutil.copy("/bin/true", spoilt.parent / "soft.so")
    cannot("soft.so: ", spoilt, "--driver", "linked")
    for only in "", ",", "NONSENSE", "LSO1,,TXC", "LSO1-" + "8" * 100:
        cannot("--only", good, "--only", only)
    if unchecked:
        cannot("nothing to check", good, "--only", unchecked[0])
    for option in "--tier", "--jobs", "--limit":
        cannot(option, good, option, "0")


def test_output():
    good = soft / "soft.inf"
    a_file = work / "file"
    a_file.touch()
    cannot("file/x: Not a directory", good, "--capture", a_file / "x")
    cannot("file: cannot write captures", good, "--capture", a_file)
    for option in "--html", "--junit", "--markdown":
        cannot("nosuch/x: No such file", good, option, work / "nosuch/x")
        status, _, err, _ = run(option, good, option, "/dev/full")
        want(status == CANNOT and "/dev/full: cannot write" in err, f"{option} /dev/full: {err}")
    kept = work / "kept.html"
    cannot("DriverEntry", soft / "soft_fail_entry.inf", "--html", kept)
    want(not kept.exists(), "a run that could not be made leaves a report")
    with open("/dev/full", "w", encoding="ascii") as full:
        p = subprocess.run([longshore, "test", good], stdout=full, stderr=subprocess.PIPE,
                           check=False)
    want(p.returncode == CANNOT, f"full stdout: exit {p.returncode}")


try:
    for test in (test_good, test_claims, test_start, test_crash, test_lost, test_hang,
                 test_hangs_everywhere, test_killed, test_input, test_output):
        before, at = len(failures), time.monotonic()
        test()
        print(f"{test.__name__}: {'ok' if len(failures) == before else 'FAILED'}, "
              f"{time.monotonic() - at:.1f} s", flush=True)
finally:
    shutil.rmtree(work)
sys.exit("\n".join(failures) if failures else 0)
