#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Linux TCP and UDP over every card that differs in its offload features, with both driver builds.

512 subsets of the features can be withheld; as a feature goes with what it requires, that makes 137
cards. Each is made by one of its subsets, drawn at random, and carries TCP and UDP, IPv4 and IPv6,
there and back: bytes equal, no bad checksum in either kernel, no frame above the MTU, the offloads
listed are those that the card offers, and the work is the card's. (tests/unit/test_path_matrix.c has
all 512, frame by frame.) With "all" each subset is tried here, too.

    matrix.py LONGSHORE DRIVER.inf [SEED [all]]
"""
import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from set_storm import HEADER, MTU, NET, PATIENCE, Sniffer

NAME = "matrix"
PORT = 5000
TCP_BYTES = 200_001
# The last three go in fragments.
UDP_BYTES = [0, 1, 2, 333, 1451, 1452, 1473, 4001, 20000]
# Each feature, and which one of others it requires (virtio 1.2 §5.1.3.1, virtio/longshore.h).
REQUIRES = {"csum": [], "guest_csum": [], "host_tso4": ["csum"], "host_tso6": ["csum"],
            "host_ecn": ["host_tso4", "host_tso6"], "ls_ipcsum": ["csum"], "ls_id15": ["host_tso4"],
            "ls_snap": ["csum", "guest_csum"], "ls_verdicts": ["guest_csum"]}
# Keyword: what has it listed, by word (SEC-1, D-26).
LISTED = {f"{proto}ChecksumOffloadIPv{v}": {"tx": "csum", "rx": "ls_verdicts" if proto == "IP" else "guest_csum"}
          for proto, v in (("IP", 4), ("TCP", 4), ("UDP", 4), ("TCP", 6), ("UDP", 6))}
LISTED |= {"LsoV1IPv4": {"on": "host_tso4"}, "LsoV2IPv4": {"on": "host_tso4"}, "LsoV2IPv6": {"on": "host_tso6"}}
# Counter of the card: it counts when one of these is there.
COUNTS = {"tx_csum": ["csum"], "tx_ipcsum": ["ls_ipcsum"], "tx_large": ["host_tso4", "host_tso6"],
          "rx_csum_good": ["guest_csum"]}
NEVER = {("nic", "tx_bad_header"), ("nic", "rx_csum_wrong"), ("nic", "tx_oversize"), ("tcpip", "tx_failed")}
LARGE = {socket.AF_INET: "host_tso4", socket.AF_INET6: "host_tso6"}
# What the kernels count of frames that are wrong.
BAD = {"/proc/net/snmp": {"Ip": ["InHdrErrors"], "Tcp": ["InErrs", "InCsumErrors"],
                          "Udp": ["InErrors", "InCsumErrors"]},
       "/proc/net/netstat": {"IpExt": ["InCsumErrors"]}}
BAD6 = ["Ip6InHdrErrors", "Udp6InErrors", "Udp6InCsumErrors"]


def cards(rng, every):
    """One (withheld, offered) for each card there is, or every one, in random order."""
    by_offer = {}
    for subset in range(1 << len(REQUIRES)):
        withheld = [name for i, name in enumerate(REQUIRES) if subset >> i & 1]
        offered = set()
        for name, needs in REQUIRES.items():  # none requires a later one
            if name not in withheld and (not needs or offered & set(needs)):
                offered.add(name)
        by_offer.setdefault(frozenset(offered), []).append(withheld)
    chosen = [(withheld, offered) for offered, lists in by_offer.items()
              for withheld in (lists if every else [rng.choice(lists)])]
    rng.shuffle(chosen)
    return chosen


def bad_counts():
    """Those that are not 0, of this namespace."""
    found = {}
    for path, wanted in BAD.items():
        with open(path) as f:
            lines = [line.split() for line in f]
        for names, values in zip(lines[::2], lines[1::2]):
            row = dict(zip(names, values))
            for name in wanted.get(names[0].rstrip(":"), []):
                found[names[0] + name] = int(row[name])
    with open("/proc/net/snmp6") as f:
        found |= {k: int(v) for k, v in (line.split() for line in f) if k in BAD6}
    return {k: v for k, v in found.items() if v}


def ip(*lines):
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)


def addresses(interface, host):
    for pattern, prefix, _ in NET.values():
        address = pattern % host
        yield f"addr add {address}/{prefix} dev {interface}" + (" nodad" if ":" in address else "")
    yield f"link set {interface} up"


def bound(family, kind):
    s = socket.socket(family, kind)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("", PORT))
    return s


# ---- The far side: echoes, told by lines on stdin what happens to its interface

def echo_tcp(listener):
    listener.listen()
    while True:
        connection = listener.accept()[0]
        connection.settimeout(PATIENCE)
        try:
            while data := connection.recv(1 << 16):
                connection.sendall(data)
            connection.close()
        except OSError as e:
            print(f"far: {e}", file=sys.stderr)


def echo_udp(s):
    while True:
        data, sender = s.recvfrom(1 << 16)
        s.sendto(data, sender)


def far():
    ip("link set lo up")
    for family in NET:
        for kind, echo in ((socket.SOCK_STREAM, echo_tcp), (socket.SOCK_DGRAM, echo_udp)):
            threading.Thread(target=echo, args=[bound(family, kind)], daemon=True).start()
    print("up", flush=True)
    while sys.stdin.readline():
        ip(*addresses("w0", 2))
        long = Sniffer("w0", HEADER + MTU, received_only=True)
        print("ready", flush=True)
        if not sys.stdin.readline():
            break
        print(json.dumps({"long": long.count(), "bad": bad_counts()}), flush=True)
        long.socket.close()


# ---- The near side

def tcp(family, pool):
    """Sends all and reads its echo; sending does not wait for reading."""
    with socket.create_connection((NET[family][0] % 2, PORT), PATIENCE) as s:
        def send():
            s.sendall(pool[:TCP_BYTES])
            s.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        digest, count = hashlib.blake2b(), 0
        while data := s.recv(1 << 18):
            digest.update(data)
            count += len(data)
        sender.join(PATIENCE)
    assert count == TCP_BYTES and digest.digest() == hashlib.blake2b(pool[:TCP_BYTES]).digest(), \
        f"{family.name} TCP: {count} of {TCP_BYTES} bytes, or other ones"


def udp(family, pool):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(PATIENCE)
        s.connect((NET[family][0] % 2, PORT))
        for size in UDP_BYTES:
            sent = pool[size:2 * size]
            s.send(sent)
            assert s.recv(1 << 16) == sent, f"{family.name} UDP: {size} bytes come back as others"


def carry(pool):
    """Over both families; how many large sends the TAP carried of each."""
    large = {}
    for family in NET:
        sniffer = Sniffer("t0", HEADER + MTU, NET[family][2])
        tcp(family, pool)
        udp(family, pool)
        large[family] = sniffer.count()
        sniffer.socket.close()
    return large


def check_listed(longshore, control, offered):
    done = subprocess.run([longshore, "offloads", NAME, "--json", "--control", control], capture_output=True,
                          text=True, timeout=PATIENCE, check=True)
    [adapter] = json.loads(done.stdout)
    for keyword, words in LISTED.items():
        want = {word for word, feature in words.items() if feature in offered}
        for view in ("hardware", "current"):
            got = adapter["keywords"][keyword][view].split(",")[0].split()
            assert set(got) - {"-"} == want, f"{keyword} {view}: {got}, want {want}"


def check_counters(log, offered):
    rows = [line.split() for line in log.split("counters:")[1].splitlines() if line.startswith("  ")]
    counted = {(room, name): int(value) for room, name, value in rows}
    for name, features in COUNTS.items():
        want = bool(offered & set(features))
        assert (("nic", name) in counted) == want, f"{name} is {counted.get(('nic', name), 0)}"
    wrong = {k: counted[k] for k in NEVER & counted.keys()}
    assert not wrong, f"counters: {wrong}"
    assert "stopped; 0 findings" in log, "there are findings"


class Side:
    """The near side of one build."""

    def __init__(self, longshore, inf, build, work):
        self.longshore, self.inf, self.build = longshore, inf, build
        self.control, self.log = os.path.join(work, "control"), os.path.join(work, "log")
        self.pool = os.urandom(TCP_BYTES)
        self.peer = subprocess.Popen(["unshare", "-n", sys.executable, __file__, "--far"], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True)
        assert self.peer.stdout.readline() == "up\n"
        ip("link set lo up")

    def tell(self):
        self.peer.stdin.write("\n")
        self.peer.stdin.flush()
        return self.peer.stdout.readline()

    def start(self, withheld):
        with open(self.log, "w") as log:
            run = subprocess.Popen([self.longshore, "run", self.inf, "--driver", self.build, "--name", NAME, "--tap",
                                    "t0", "--wire", "tap:w0", "--control", self.control] +
                                   (["--withhold", ",".join(withheld)] if withheld else []), stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE
        while not os.path.exists(self.control):
            assert time.monotonic() < deadline and run.poll() is None, "longshore did not start"
            time.sleep(0.002)
        return run

    def card(self, withheld, offered):
        run = self.start(withheld)
        try:
            ip(f"link set w0 netns {self.peer.pid}", *addresses("t0", 1))
            assert self.tell() == "ready\n"
            check_listed(self.longshore, self.control, offered)
            large = carry(self.pool)
            there = json.loads(self.tell())
            run.send_signal(signal.SIGINT)
            assert run.wait(PATIENCE) == 0, f"longshore exits {run.returncode}"
        finally:
            run.kill()
            run.wait()
        assert there == {"long": 0, "bad": {}} and bad_counts() == {}, f"far: {there}, near: {bad_counts()}"
        for family, feature in LARGE.items():
            assert (large[family] > 0) == (feature in offered), f"{family.name}: {large[family]} large sends"
        with open(self.log) as log:
            check_counters(log.read(), offered)


def near(longshore, inf, build, seed, *every):
    start, count = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as work:
        side = Side(longshore, inf, build, work)
        try:
            for withheld, offered in cards(random.Random(int(seed)), every):
                try:
                    side.card(withheld, offered)
                except BaseException:
                    with open(side.log) as log:
                        sys.stderr.write(f"{build}, withheld {','.join(withheld)}:\n{log.read()}")
                    raise
                count += 1
        finally:
            side.peer.kill()
            side.peer.wait()
    print(f"{build}: {count} cards, {count * len(NET)} times TCP of {TCP_BYTES} bytes and "
          f"{len(UDP_BYTES)} datagrams there and back, in {time.monotonic() - start:.1f} s")


def main():
    longshore, inf = sys.argv[1:3]
    seed = sys.argv[3] if len(sys.argv) > 3 else str(random.SystemRandom().randrange(1 << 32))
    print("seed", seed, flush=True)
    sides = [subprocess.Popen(["unshare", "-Urn", sys.executable, __file__, "--near", longshore, inf, build, seed,
                               *sys.argv[4:]])
             for build in ("sys", "linked")]
    sys.exit(any([side.wait() for side in sides]))


if __name__ == "__main__":
    if sys.argv[1:] == ["--far"]:
        far()
    elif sys.argv[1:2] == ["--near"]:
        near(*sys.argv[2:])
    else:
        main()
