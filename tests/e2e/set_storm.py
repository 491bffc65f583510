#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random `longshore set` under four TCP connections: IPv4 and IPv6, one each way.

After each set, offloads and wmi say what was set; while large send of a family is off, the TAP carries
no large send of it; no frame on the wire is above the MTU; neither kernel counts a bad TCP checksum;
no connection breaks, the bytes are the same at both ends, and longshore ends with no finding.

    set_storm.py LONGSHORE DRIVER.inf BUILD SECONDS [SEED]
"""
import ctypes
import hashlib
import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

NAME = "storm"
HEADER, MTU = 14, 1500
PATIENCE = 10  # seconds that a connection may stand still, and that a command may take
NET = {socket.AF_INET: ("10.9.0.%d", 24, 0x0800), socket.AF_INET6: ("fd09::%d", 64, 0x86DD)}
# (family, does the near side send, port)
STREAMS = [(family, out, 5000 + i) for i, (family, out) in
           enumerate((family, out) for family in NET for out in (True, False))]

CHECKSUM = {"0": "-", "off": "-", "1": "tx", "tx": "tx", "2": "rx", "rx": "rx", "3": "tx rx", "on": "tx rx"}
LSO = {"0": "-", "off": "-", "1": "on", "on": "on"}
# Keyword: its values, and where WMI shows it as ("tx" or "rx" or "on", part, member).
KEYWORDS = {proto + "ChecksumOffloadIPv" + v:
            (CHECKSUM, [("tx", f"Checksum.IPv{v}Transmit", member), ("rx", f"Checksum.IPv{v}Receive", member)])
            for proto, v, member in (("IP", "4", "IpChecksum"), ("TCP", "4", "TcpChecksum"),
                                     ("UDP", "4", "UdpChecksum"), ("TCP", "6", "TcpChecksum"),
                                     ("UDP", "6", "UdpChecksum"))}
KEYWORDS |= {f"Lso{lso}": (LSO, [("on", f"Lso{lso[:2]}.{lso[2:]}", "MaxOffLoadSize")])
             for lso in ("V1IPv4", "V2IPv4", "V2IPv6")}


class Sniffer:
    """Counts frames above LENGTH bytes, of one Ethernet type or any, in the kernel: none is missed."""

    def __init__(self, interface, above, ethertype=None, received_only=False):
        code = [(0x80, 0, 0, 0), (0x25, 0, 3, above)]  # A = length; jump if greater
        code += [(0x28, 0, 0, 12), (0x15, 0, 1, ethertype)] if ethertype else [(0x05, 0, 0, 0)] * 2
        code += [(0x06, 0, 0, 1), (0x06, 0, 0, 0)]
        raw = b"".join(struct.pack("HBBI", *line) for line in code)
        self.program = ctypes.create_string_buffer(raw, len(raw))
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # deaf until bound
        self.socket.setsockopt(socket.SOL_SOCKET, 26,  # SO_ATTACH_FILTER
                               struct.pack("HL", len(code), ctypes.addressof(self.program)))
        if received_only:
            self.socket.setsockopt(263, 23, 1)  # SOL_PACKET, PACKET_IGNORE_OUTGOING
        self.socket.bind((interface, 3))  # ETH_P_ALL
        self.count()

    def count(self):
        """Frames since the last call (PACKET_STATISTICS, which counts dropped ones too)."""
        return struct.unpack("II", self.socket.getsockopt(263, 6, 8))[0]


def ip(*args):
    subprocess.run(["ip", *args], check=True)


def configure(interface, host):
    for pattern, prefix, _ in NET.values():
        address = f"{pattern % host}/{prefix}"
        ip("addr", "add", address, "dev", interface, *(["nodad"] if ":" in address else []))
    ip("link", "set", interface, "up")
    ip("link", "set", "lo", "up")


def bad_checksums(protocol="Tcp"):
    with open("/proc/net/snmp") as f:
        names, values = [line.split() for line in f if line.startswith(protocol + ":")]
    return int(values[names.index("InCsumErrors")])


class Stream(threading.Thread):
    """One end of one connection: sends until told to stop, or receives to the end, and digests."""

    def __init__(self, connection, sends, stop, pace=0, patience=PATIENCE):
        super().__init__(daemon=True)
        connection.settimeout(patience)  # of a block, however slowly it goes
        self.connection, self.sends, self.stop, self.pace = connection, sends, stop, pace
        self.digest, self.bytes, self.error = hashlib.blake2b(), 0, None
        self.start()

    def run(self):
        try:
            self.send() if self.sends else self.receive()
        except OSError as e:
            self.error = str(e)

    def send(self):
        pool = os.urandom(1 << 20)
        while not self.stop.is_set():
            start = random.randrange(1 << 19)
            block = memoryview(pool)[start:start + random.randrange(1, 1 << 18)]
            self.connection.sendall(block)
            self.digest.update(block)
            self.bytes += len(block)
            if self.pace:
                time.sleep(self.pace)
        self.connection.shutdown(socket.SHUT_WR)

    def receive(self):
        buffer = memoryview(bytearray(1 << 18))
        while n := self.connection.recv_into(buffer):
            self.digest.update(buffer[:n])
            self.bytes += n

    def result(self):
        self.join(2 * PATIENCE)
        return [self.error or ("stuck" if self.is_alive() else None), self.bytes, self.digest.hexdigest()]


def far():
    """The far side: a process of its own, told by lines on stdin, answers by lines on stdout."""
    print("ready", flush=True)
    sys.stdin.readline()
    configure("w0", 2)
    long = Sniffer("w0", HEADER + MTU, received_only=True)
    full = Sniffer("w0", HEADER + MTU - 1, received_only=True)
    listeners = [socket.create_server((NET[f][0] % 2, port), family=f) for f, _, port in STREAMS]
    print("ready", flush=True)
    stop = threading.Event()
    streams = [Stream(listener.accept()[0], not out, stop) for listener, (_, out, _) in zip(listeners, STREAMS)]
    sys.stdin.readline()
    stop.set()
    results = [s.result() for s in streams]
    print(json.dumps({"results": results, "long": long.count(), "full": full.count(), "bad": bad_checksums()}),
          flush=True)


class Storm:
    def __init__(self, longshore, control, rng):
        self.longshore, self.control, self.rng = longshore, control, rng
        self.large = {f: Sniffer("t0", HEADER + MTU, NET[f][2]) for f in NET}
        self.state, self.sets, self.refused, self.large_total = {}, 0, 0, 0

    def cli(self, *args, want=0):
        done = subprocess.run([self.longshore, *args, "--control", self.control], capture_output=True, text=True,
                              timeout=PATIENCE)
        assert done.returncode == want, f"{args}: exit {done.returncode}: {done.stderr}"
        return done.stdout

    def set(self, values, refused=False):
        self.cli("set", NAME, *(f"{k}={v}" for k, v in values), want=2 if refused else 0)
        self.sets += 1
        self.refused += refused
        if not refused:
            self.state |= {k: KEYWORDS[k][0][v] for k, v in
                           ((next(n for n in KEYWORDS if n.lower() == k.strip("*").lower()), v) for k, v in values)}

    def check(self):
        """What is set is what both interfaces of the administrator show."""
        [adapter] = json.loads(self.cli("offloads", NAME, "--json"))
        wmi = json.loads(self.cli("wmi", "GUID_NDIS_TCP_OFFLOAD_CURRENT_CONFIG", "--json"))["data"]
        current = {part: {m: v["current"] for m, v in members.items()}
                   for part, members in adapter["offloads"].items()}
        assert current == wmi, f"offloads and wmi differ: {current} {wmi}"
        for keyword, want in self.state.items():
            got = adapter["keywords"][keyword]["current"].split(",")[0]
            assert got == want, f"{keyword} is {got}, want {want}"
            for word, part, member in KEYWORDS[keyword][1]:
                assert (wmi[part][member] != 0) == (word in want.split()), f"{keyword} {want}: {part} {wmi[part]}"

    def check_large(self, streams):
        """Soon after large send is off the TAP carries none, while the stream goes on."""
        off = {socket.AF_INET: self.state["LsoV1IPv4"] == self.state["LsoV2IPv4"] == "-",
               socket.AF_INET6: self.state["LsoV2IPv6"] == "-"}
        sent = {f: s for (f, out, _), s in zip(STREAMS, streams) if out}
        for family, sniffer in self.large.items():
            deadline = time.monotonic() + PATIENCE
            clean = not off[family]
            self.large_total += sniffer.count()
            while not clean:
                before = sent[family].bytes
                sniffer.count()
                time.sleep(0.03)
                clean = sniffer.count() == 0 and sent[family].bytes > before
                assert clean or time.monotonic() < deadline, f"{family.name}: large sends though off, or no bytes"

    def step(self, streams):
        names = self.rng.sample(sorted(KEYWORDS), self.rng.randint(1, 4))
        values = [(self.rng.choice(["", "*"]) + self.rng.choice([str, str.upper, str.lower])(n),
                   self.rng.choice(sorted(KEYWORDS[n][0]))) for n in names]
        refused = self.rng.random() < 0.1
        self.set(values + [("TCPConnectionOffloadIPv4", "on")] * refused, refused)
        self.check()
        self.check_large(streams)
        time.sleep(self.rng.choice([0, 0, 0.02, 0.1]))


def storm(longshore, control, seconds, rng, peer):
    stop = threading.Event()
    configure("t0", 1)
    streams = [Stream(socket.create_connection((NET[f][0] % 2, port), PATIENCE), out, stop) for f, out, port in STREAMS]
    s = Storm(longshore, control, rng)
    s.set([(k, "on") for k in KEYWORDS])
    s.check()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        s.step(streams)
        broken = [x.error for x in streams if x.error or not x.is_alive()]
        assert not broken, f"broken connections: {broken}"
    stop.set()
    peer.stdin.write("stop\n")
    peer.stdin.flush()
    near = [x.result() for x in streams]
    there = json.loads(peer.stdout.readline())
    for (family, out, _), a, b in zip(STREAMS, near, there["results"]):
        assert a == b and a[0] is None and a[1] > 0, f"{family.name} {'out' if out else 'in'}: {a} {b}"
    assert there["long"] == 0, f"{there['long']} frames above {HEADER + MTU} bytes"
    assert there["full"] > 0 and s.large_total > 0, "the sniffers saw nothing"
    assert there["bad"] == 0 and bad_checksums() == 0, f"bad checksums: far {there['bad']}, near {bad_checksums()}"
    return f"{s.sets} sets ({s.refused} refused), {sum(a[1] for a in near)} bytes equal at both ends, " \
           f"{s.large_total} large sends, {there['full']} full frames, none longer"


def main():
    longshore, inf, build, seconds = sys.argv[1:5]
    seed = int(sys.argv[5]) if len(sys.argv) > 5 else random.SystemRandom().randrange(1 << 32)
    print("seed", seed, flush=True)
    with tempfile.TemporaryDirectory() as work:
        control = os.path.join(work, "control")
        log = open(os.path.join(work, "log"), "w+")
        peer = subprocess.Popen(["unshare", "-n", sys.executable, __file__, "--far"], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True)
        run = subprocess.Popen([longshore, "run", inf, "--driver", build, "--name", NAME, "--tap", "t0", "--wire",
                                "tap:w0", "--control", control, "--quiet"], stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + PATIENCE
            while subprocess.run([longshore, "offloads", "--control", control], capture_output=True).returncode:
                assert time.monotonic() < deadline and run.poll() is None, "longshore did not start"
                time.sleep(0.05)
            assert peer.stdout.readline() == "ready\n"
            ip("link", "set", "w0", "netns", str(peer.pid))
            peer.stdin.write("go\n")
            peer.stdin.flush()
            assert peer.stdout.readline() == "ready\n"
            said = storm(longshore, control, float(seconds), random.Random(seed), peer)
            run.send_signal(signal.SIGINT)
            assert run.wait(PATIENCE) == 0, f"longshore exits {run.returncode}"
            log.seek(0)
            assert log.read().splitlines()[-1] == "stopped; 0 findings", "there are findings"
            print(said)
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read())
            raise
        finally:
            for process in (peer, run):
                process.kill()
                process.wait()


if __name__ == "__main__":
    if sys.argv[1:] == ["--far"]:
        far()
    elif os.environ.get("SET_STORM_INSIDE") != "1":
        os.environ["SET_STORM_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "-Urn", sys.executable, *sys.argv])
    else:
        main()
