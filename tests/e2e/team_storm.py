#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random events on a team under TCP and UDP load: links pulled and restored, members added, removed and pulled
out in mid-work, miniports paused and reset, offloads set on the team and on members.

The wires of three cards (all offloads; none; some) hang on one Linux bridge, a network namespace away from the
team's TAP. After each event the team offers, by what it has indicated, what the members in use have in common, as
computed here; what was switched off on the team stays off; and every connection moves while a member is up. At the end the bytes are the
same at both ends, no datagram came twice or damaged, none that the team sent came out of order, no frame was
above the MTU, no kernel saw a bad checksum, every NBL came back, and longshore has no finding.

    team_storm.py LONGSHORE TEAM.inf MINIPORT.inf BUILD POLICY EVENTS [SEED]
"""
import functools
import json
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import set_storm
from set_storm import HEADER, KEYWORDS, MTU, NET, PATIENCE, Sniffer, Stream, configure, ip

TEAM = "storm"
WITHHOLD = {1: "", 2: ",withhold=csum+guest_csum", 3: ",withhold=host_tso6+ls_ipcsum"}
# (family, does the near side send): one TCP connection and one flow of datagrams of each
FLOWS = [(family, out) for family in NET for out in (True, False)]
TCP_PORT, UDP_PORT = 5000, 6000
NEAR, FAR = 1, 2  # host numbers
VERBOSE = "TEAM_STORM_VERBOSE" in os.environ


# ---- The two ends: processes of their own, told by lines on stdin, answering by lines on stdout

class Datagrams(threading.Thread):
    """One end of a flow of numbered datagrams, some thousand a second."""

    def __init__(self, endpoint, to, stop):
        super().__init__(daemon=True)
        self.socket, self.to, self.stop = endpoint, to, stop
        self.sent = self.received = self.twice = self.late = self.damaged = 0
        self.last, self.seen = 0, set()
        self.start()

    def run(self):
        while not self.stop.is_set():
            self.send() if self.to else self.receive()

    def send(self):
        for _ in range(8):
            self.sent += 1
            n = self.sent
            try:
                self.socket.sendto(struct.pack("!Q", n) + bytes([n & 255]) * (n * 7919 % 1400), self.to)
            except OSError:  # no route while the team has no link, or no room
                pass
        time.sleep(0.003)

    def receive(self):
        if not select.select([self.socket], [], [], 0.1)[0]:
            return
        data = self.socket.recv(2048)
        n = struct.unpack("!Q", data[:8])[0]
        self.received += 1
        self.damaged += data[8:] != bytes([n & 255]) * (n * 7919 % 1400)
        self.twice += n in self.seen
        self.late += n < self.last
        self.seen.add(n)
        self.last = max(n, self.last)

    def report(self):
        return {k: getattr(self, k) for k in ("sent", "received", "twice", "late", "damaged")}


def udp_bad_checksums():
    with open("/proc/net/snmp6") as f:
        six = dict(line.split() for line in f)
    return set_storm.bad_checksums("Udp") + int(six["Udp6InCsumErrors"])


def mac(interface):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
        s.bind((interface, 0))
        return s.getsockname()[4].hex(":")


def connect(interface, host, peer):
    """Both kinds of flow of this end: the near side connects, the far side listens. Returns once the peer has said
    its MAC address, and knows ours: a neighbour that is lost and found lets datagrams overtake those that waited."""
    stop = threading.Event()
    tcp, udp, listeners = [], [], []
    if host == FAR:
        listeners = [socket.create_server((NET[f][0] % FAR, TCP_PORT + i), family=f)
                     for i, (f, _) in enumerate(FLOWS)]
    for i, (family, out) in enumerate(FLOWS):
        endpoint = socket.socket(family, socket.SOCK_DGRAM)
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        endpoint.bind((NET[family][0] % host, UDP_PORT + i))
        udp.append((endpoint, (NET[family][0] % peer, UDP_PORT + i) if out == (host == NEAR) else None))
    print(mac(interface), flush=True)
    there = sys.stdin.readline().strip()
    for pattern, _, _ in NET.values():
        ip("neigh", "replace", pattern % peer, "lladdr", there, "dev", interface, "nud", "permanent")
    print("ready", flush=True)
    sys.stdin.readline()
    for i, (family, out) in enumerate(FLOWS):
        connection = listeners[i].accept()[0] if listeners else \
            socket.create_connection((NET[family][0] % FAR, TCP_PORT + i), PATIENCE)
        tcp.append(Stream(connection, out == (host == NEAR), stop, pace=0.002, patience=6 * PATIENCE))
    return stop, tcp, [Datagrams(endpoint, to, stop) for endpoint, to in udp]


def hurry_tcp():
    """Each outage is a round trip to the retransmission timer, which trebles: the storm would wait for it alone."""
    try:
        with open("/proc/sys/net/ipv4/tcp_rto_max_ms", "w") as f:  # Linux 6.15
            f.write("1000")
    except FileNotFoundError:
        pass


def end(host, interface):
    print("ready", flush=True)
    sys.stdin.readline()
    hurry_tcp()
    configure(interface, host)
    stop, tcp, udp = connect(interface, host, NEAR + FAR - host)
    print("ready", flush=True)
    for line in sys.stdin:
        if line == "stop\n":
            stop.set()
            results = [s.result() for s in tcp]
            print(json.dumps({"tcp": results, "udp": [d.report() for d in udp],
                              "bad": set_storm.bad_checksums() + udp_bad_checksums()}), flush=True)
            sys.stdin.readline()
            ip("link", "set", interface, "down")  # nothing is on its way any more when longshore counts
            print("down", flush=True)
            return
        print(json.dumps([[s.bytes, s.error] for s in tcp]), flush=True)


class End:
    def __init__(self, host, interface, apart):
        self.process = subprocess.Popen([*["unshare", "-n"][:2 * apart], sys.executable, __file__, "--end", str(host),
                                         interface], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.line() == "ready\n"

    def line(self):
        assert select.select([self.process.stdout], [], [], 6 * PATIENCE)[0], "an end does not answer"
        return self.process.stdout.readline()

    def say(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def ask(self, word):
        self.say(word)
        return json.loads(self.line())


# ---- The team, by its control socket

class Control:
    def __init__(self, path, server):
        self.socket = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + PATIENCE
        while self.socket.connect_ex(path):
            assert time.monotonic() < deadline and server.poll() is None, "longshore did not start"
            time.sleep(0.02)
        self.socket.settimeout(6 * PATIENCE)
        self.file = self.socket.makefile("r")

    def ask(self, op, member=None, **fields):
        fields |= {"op": op} | ({"member": member} if member else {})
        self.socket.sendall(json.dumps(fields).encode() + b"\n")
        return json.loads(self.file.readline())

    def do(self, op, member=None, **fields):
        answer = self.ask(op, member, **fields)
        assert answer["ok"], f"{op} {member} {fields}: {answer}"
        return answer


def common(views, off=()):
    """What several offload views have in common (requirements MUX-3), less keywords that are off. This is not the
    driver's code."""
    off = {(part, member) for keyword in off for _, part, member in KEYWORDS[keyword][1]}
    limits = {"Encapsulation": lambda v: functools.reduce(int.__and__, v), "MaxOffLoadSize": min,
              "MinSegmentCount": max}
    result = {}
    for part in views[0]:
        both = {m: 0 if (part, m) in off else
                limits.get(m, lambda v: int(all(x == 1 for x in v)))([view[part][m] for view in views])
                for m in views[0][part]}
        does = [v for m, v in both.items() if m.endswith("Checksum") or m == "MaxOffLoadSize"]
        result[part] = both if both.get("Encapsulation") and any(does) else dict.fromkeys(both, 0)
    return result


class Card:
    def __init__(self, wire):
        self.wire, self.name, self.link, self.running = wire, f"card {wire}", True, True

    def usable(self):
        return self.link and self.running


class Storm:
    def __init__(self, control, inf, policy, rng, ends):
        self.control, self.inf, self.policy, self.rng, self.ends = control, inf, policy, rng, ends
        self.slots = [Card(1), Card(2), None]  # the lowest free one is taken
        self.off, self.counts, self.longest, self.start = {}, {}, 0, time.monotonic()

    def members(self):
        return [c for c in self.slots if c]

    def in_use(self):
        usable = [c for c in self.members() if c.usable()]
        return usable[:1] if self.policy == "standby" else usable

    # -- Events

    def say(self, action, who, what=""):
        if VERBOSE:
            print(f"{time.monotonic() - self.start:8.3f} {action} {who.name if who else 'team'} {what}", file=sys.stderr)

    def act(self, action, who=None, **fields):
        self.say(action, who)
        self.control.do("adapter", who.name if who else None, action=action, **fields)

    def link(self):
        card = self.rng.choice(self.members())
        card.link = not card.link
        self.act("link-up" if card.link else "link-down", card)

    def add(self):
        free = [w for w in WITHHOLD if w not in [c.wire for c in self.members()]]
        if not free:
            return self.link()
        card = Card(self.rng.choice(free))
        self.slots[self.slots.index(None)] = card
        self.act("add", card=f"{self.inf},wire=tap:w{card.wire}{WITHHOLD[card.wire]},name={card.name}")

    def leave(self, action="remove"):
        if len(self.members()) == 1:
            return self.add()
        card = self.rng.choice(self.members())
        self.slots[self.slots.index(card)] = None
        self.act(action, card)

    def surprise(self):
        self.leave("surprise-remove")

    def pause(self):
        card = self.rng.choice([c for c in self.members() if c.running] + [None])
        self.act("pause", card)
        time.sleep(self.rng.choice([0, 0.02]))
        self.act("restart", card)

    def pause_for_long(self):
        card = self.rng.choice(self.members())
        card.running = not card.running
        self.act("restart" if card.running else "pause", card)

    def reset(self):
        card = self.rng.choice([c for c in self.members() if c.running] or [None])
        self.act("reset", card) if card else self.pause_for_long()

    def set(self, card=None):
        values = {self.rng.choice(sorted(KEYWORDS)): self.rng.choice(["on", "off"])
                  for _ in range(self.rng.randint(1, 3))}
        self.say("set", card, values)
        hardware = self.offers(card)[0]
        lacking = [v for k, v in values.items() if not any(hardware[p][m] for _, p, m in KEYWORDS[k][1])]
        answer = self.control.ask("set", card.name if card else None, values=values)
        if self.in_use():  # what is not there cannot be switched on, and all else can be set
            assert not answer["ok"] if "on" in lacking else answer["ok"] or lacking, f"{values}: {answer}, {hardware}"
        if answer["ok"] and not card:
            self.off |= {k: v == "off" for k, v in values.items()}

    def set_on_member(self):
        self.set(self.rng.choice(self.members()))

    def event(self):
        if not self.in_use():  # not without any for long
            card = self.rng.choice(self.members())
            if not card.running:
                card.running = True
                self.act("restart", card)
            if not card.link:
                card.link = True
                self.act("link-up", card)
            return "up again"
        kind = self.rng.choices([self.link, self.add, self.leave, self.surprise, self.pause, self.pause_for_long,
                                 self.reset, self.set, self.set_on_member], [6, 3, 2, 2, 2, 2, 2, 4, 1])[0]
        kind()
        return kind.__name__

    # -- What must hold

    def offers(self, card=None):
        answer = self.control.do("offloads", card.name if card else None)
        return [{part: {m: v[view] for m, v in members.items()} for part, members in answer["offloads"].items()}
                for view in ("hardware", "current")]

    def wrong(self):
        """What the team says differs in from what it should say; None when all is well."""
        status = self.control.do("adapter")
        use = self.in_use()
        if (status["link"] == "up") != bool(use):
            return f"link {status['link']} with {[c.name for c in use]} in use"
        if not use:
            return None
        views = [self.offers(c) for c in use]
        team = self.offers()
        off = [k for k, is_off in self.off.items() if is_off]
        want = [common([v[0] for v in views]), common([v[1] for v in views], off)]
        return None if team == want else f"hardware and current are {team}, want {want}"

    def settle(self):
        deadline = time.monotonic() + PATIENCE
        while what := self.wrong():
            assert time.monotonic() < deadline, f"members {[(c.name, c.usable()) for c in self.members()]}: {what}"
            time.sleep(0.002)

    def bytes(self):
        """Received so far, of each connection."""
        near, far = (e.ask("report") for e in self.ends)
        broken = [error for _, error in near + far if error]
        assert not broken, f"broken connections: {broken}"
        return [(far if out else near)[i][0] for i, (_, out) in enumerate(FLOWS)]

    def flow(self):
        """With a member in use every connection moves."""
        start, before = time.monotonic(), self.bytes()
        while any(now == was for now, was in zip(self.bytes(), before)):
            stood = time.monotonic() - start
            assert stood < PATIENCE, f"bytes {before} do not move: {self.bytes()}"
            self.longest = max(self.longest, stood)
            time.sleep(0.001)

    def step(self):
        kind = self.event()
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.settle()
        if self.in_use():
            self.flow()

    def calm(self):
        for card in self.members():
            if not card.running:
                self.act("restart", card)
            if not card.link:
                self.act("link-up", card)


def check_ends(near, far):
    for (family, out), a, b in zip(FLOWS, near["tcp"], far["tcp"]):
        assert a == b and a[0] is None and a[1] > 0, f"TCP {family.name} {'out' if out else 'in'}: {a} {b}"
    for i, (family, out) in enumerate(FLOWS):
        sent, got = (near, far)[not out]["udp"][i]["sent"], (near, far)[out]["udp"][i]
        assert 0 < got["received"] <= sent and got["damaged"] == 0, f"UDP {family.name}: {sent} sent, {got}"
        assert got["twice"] == 0, f"UDP {family.name} {'out' if out else 'in'}: {got}"
        assert not out or got["late"] == 0, f"UDP {family.name}: reordered by the team: {got}"
    assert near["bad"] == far["bad"] == 0, f"bad checksums: {near['bad']}, {far['bad']}"


def check_ledger(text):
    """Sections "counters...:" of longshore's report: what went into NDIS has come back."""
    for section in text.split("counters")[1:]:
        words = [w for w in map(str.split, section.splitlines()[1:]) if len(w) == 3 and w[2].isdigit()]
        counts = {(room, name): int(value) for room, name, value in words}
        for went, back in (("tx_nbls", "tx_completed"), ("rx_nbls", "rx_returned")):
            went, back = counts.get(("ndis", went), 0), counts.get(("ndis", back), 0)
            assert went == back, f"{went} NBLs, {back} came back: {section}"


def make_switch(policy):
    ip("link", "add", "br0", "address", "02:00:00:00:00:fe", "type", "bridge", "mcast_snooping", "0")
    for wire in WITHHOLD:
        ip("tuntap", "add", f"w{wire}", "mode", "tap")
        ip("link", "set", f"w{wire}", "master", "br0", "up")
        if policy == "hash":  # the ports are one link: nothing goes from one to the other, nothing to all
            ip("link", "set", f"w{wire}", "type", "bridge_slave", "isolated", "on", "flood", "off")


def run(storm, events, sniffers):
    near, far = storm.ends
    addresses = []
    for e in (far, near):
        e.say("go")
        addresses.append(e.line())
    for e, address in zip((near, far), addresses):
        e.say(address.strip())
        assert e.line() == "ready\n"
    storm.settle()
    for e in (far, near):
        e.say("connect")
    for e in (far, near):
        assert e.line() == "ready\n"
    for _ in range(events):
        storm.step()
    storm.calm()
    time.sleep(0.1)
    for e in storm.ends:
        e.say("stop")
    near, far = (json.loads(e.line()) for e in storm.ends)
    for e in storm.ends:
        e.say("down")
        e.line()
    check_ends(near, far)
    long = sum(s.count() for s in sniffers)
    assert long == 0, f"{long} frames above {HEADER + MTU} bytes"
    late = sum(near["udp"][i]["late"] for i, (_, out) in enumerate(FLOWS) if not out)
    return f"{events} events ({', '.join(f'{k} {n}' for k, n in sorted(storm.counts.items()))}); " \
           f"{sum(r[1] for r in near['tcp'])} bytes of TCP equal at both ends, longest stand {storm.longest:.2f} s; " \
           f"{sum(d['received'] for e in (near, far) for d in e['udp'])} of " \
           f"{sum(d['sent'] for e in (near, far) for d in e['udp'])} datagrams, none twice or damaged, {late} that " \
           f"the bridge sent the other way were overtaken"


def main():
    longshore, team, inf, build, policy, events = sys.argv[1:7]
    seed = int(sys.argv[7]) if len(sys.argv) > 7 else random.SystemRandom().randrange(1 << 32)
    print("seed", seed, flush=True)
    make_switch(policy)
    with tempfile.TemporaryDirectory() as work:
        control = os.path.join(work, "control")
        log = open(os.path.join(work, "log"), "w+")
        processes = []
        try:
            cards = [f"--member={inf},wire=tap:w{w}{WITHHOLD[w]},name=card {w}" for w in (1, 2)]
            server = subprocess.Popen([longshore, "run", team, "--driver", build, "--name", TEAM, "--tap", "t0",
                                       "--policy", policy, "--control", control, *cards], stdout=log, stderr=log)
            processes.append(server)
            team = Control(control, server)
            ends = [End(NEAR, "t0", True), End(FAR, "br0", False)]
            processes += [e.process for e in ends]
            ip("link", "set", "t0", "netns", str(ends[0].process.pid))
            sniffers = [Sniffer(f"w{w}", HEADER + MTU, received_only=True) for w in WITHHOLD]
            said = run(Storm(team, inf, policy, random.Random(seed), ends), int(events), sniffers)
            server.send_signal(signal.SIGINT)
            assert server.wait(3 * PATIENCE) == 0, f"longshore exits {server.returncode}"
            log.seek(0)
            text = log.read()
            assert text.splitlines()[-1] == "stopped; 0 findings", "there are findings"
            check_ledger(text)
            print(said)
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read()[-20000:])
            raise
        finally:
            for process in processes:
                process.kill()
                process.wait()


if __name__ == "__main__":
    if sys.argv[1] == "--end":
        end(int(sys.argv[2]), sys.argv[3])
    elif os.environ.get("TEAM_STORM_INSIDE") != "1":
        os.environ["TEAM_STORM_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "-Urn", sys.executable, *sys.argv])
    else:
        main()
