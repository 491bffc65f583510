#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Large sends and the frames that must come of them, for tests/unit/test_path_lso_table.c.

Written from RFC 791, 8200, 9293, 1071, 1042, IEEE 802.1Q and Microsoft's page on large sends, and
shares nothing with src/frame: every frame is built anew from what it should say, its checksum is a
remainder of one big number. Prints binary cases to stdout; the same seed gives the same cases.

    lso_table.py SEED
"""
import itertools
import random
import struct
import sys

FIN, PSH, ACK, ECE, CWR = 0x01, 0x08, 0x10, 0x40, 0x80
IN_BUFFER, IN_SLOT, SNAP = 1, 2, 4  # flags of a case
LINK = 1514

IP4_OPTIONS = [b"", bytes([0x94, 4, 0, 0]), bytes([7, 11, 4, 1, 2, 3, 4, 0, 0, 0, 0, 1]),
               bytes([0x44, 40, 5, 0]) + bytes(range(36))]
# First header's type, and a function of the type that follows the chain.
IP6_CHAINS = [
    (6, lambda last: b""),
    (0, lambda last: bytes([last, 0, 5, 2, 0, 0, 1, 0])),
    (60, lambda last: bytes([last, 1, 1, 12]) + bytes(12)),
    (0, lambda last: bytes([60, 0, 5, 2, 0, 0, 1, 0]) + bytes([43, 1, 1, 12]) + bytes(12) +
     bytes([last, 2, 4, 0]) + bytes(range(20))),
]
TCP_OPTIONS = [b"", bytes([1, 1, 1, 0]), bytes([1, 1, 8, 10]) + bytes(range(200, 208)),
               bytes([1, 1, 8, 10]) + bytes([255] * 8) + bytes([1, 1, 5, 26]) + bytes(range(24))]
TAGS = ["none", "buffer", "slot", "buffer priority", "slot priority"]
MSS = [1, 7, 88, 536, None]  # None: as much as the link takes
LENGTHS = ["whole", "over", "under", "odd", "even"]


def ones_sum(data):
    """One's complement sum of 16-bit words: modulo 0xffff, its zero being 0xffff."""
    if len(data) % 2:
        data += b"\0"
    rest = int.from_bytes(data, "big") % 0xFFFF
    return rest or (0xFFFF if any(data) else 0)


def inverted(data):
    return 0xFFFF - ones_sum(data)


class Send:
    """One large send: what is equal in its frames."""

    def __init__(self, rng, version, lso, ip, tcp_options, tag, snap):
        self.version, self.lso, self.tag, self.snap = version, lso, tag, snap
        self.options = ip if version == 4 else b""
        self.first, self.chain = (None, b"") if version == 4 else (ip[0], ip[1](6))
        self.tcp_options = tcp_options
        self.macs = b"\x02" + rng.randbytes(5) + b"\x02" + rng.randbytes(5)
        priority = rng.randrange(1, 8)
        vlan = 0 if "priority" in tag else rng.choice([1, 2, 0x0FF, 4094, 4095, rng.randrange(4096) | 1])
        self.tci = priority << 13 | vlan if tag != "none" else 0
        self.addresses = rng.randbytes(8 if version == 4 else 32)
        self.ports = rng.randbytes(4)
        self.seq = rng.choice([rng.getrandbits(32), 0xFFFFFFFF - rng.randrange(3000)])
        self.ack, self.window = rng.getrandbits(32), rng.getrandbits(16)
        self.tos, self.ttl = rng.getrandbits(8), rng.randrange(1, 256)
        self.label, self.df = rng.getrandbits(20), rng.choice([0, 0x4000])
        self.flags = ACK | rng.getrandbits(8) & (FIN | PSH | ECE | CWR)
        if lso == 2:
            self.id = rng.choice([rng.getrandbits(15), 0x7FFE, 0x7FFF, 0])
        else:  # Where it wraps is left to the driver below 0x8000 (LSO1-20).
            self.id = rng.choice([rng.randrange(0x7F00), 0x8000 + rng.randrange(0x7F00), 0xFFFE, 0xFFFF])

    def link_header(self, tagged, network_len):
        tag = struct.pack(">HH", 0x8100, self.tci) if tagged else b""
        kind = b"\x08\x00" if self.version == 4 else b"\x86\xdd"
        if self.snap:  # RFC 1042: length, LLC AA-AA-03, organization 0, EtherType
            return self.macs + tag + struct.pack(">H", network_len + 8 if network_len else 0) + \
                b"\xaa\xaa\x03\0\0\0" + kind
        return self.macs + tag + kind

    def pseudo(self, tcp_len):
        if self.version == 4:
            return self.addresses + struct.pack(">BBH", 0, 6, tcp_len)
        return self.addresses + struct.pack(">IHBB", tcp_len, 0, 0, 6)

    def tcp(self, at, flags, checksum):
        words = 5 + len(self.tcp_options) // 4
        return self.ports + struct.pack(">IIBBHHH", (self.seq + at) & 0xFFFFFFFF, self.ack, words << 4,
                                        flags, self.window, checksum, 0) + self.tcp_options

    def ip(self, total, number, finish):
        if self.version == 6:
            payload = total - 40 if total else 0
            return struct.pack(">IHBB", 6 << 28 | self.tos << 20 | self.label, payload, self.first,
                               self.ttl) + self.addresses + self.chain
        head = struct.pack(">BBHHHBB", 0x45 + len(self.options) // 4, self.tos, total, number, self.df,
                           self.ttl, 6)
        rest = self.addresses + self.options
        checksum = inverted(head + rest) if finish else 0
        return head + struct.pack(">H", checksum) + rest

    def header_lengths(self):
        ip = len(self.ip(0, 0, False))
        return ip, 20 + len(self.tcp_options)

    def template(self, payload):
        """As the protocol hands it down: seed without length; IP length by the version's rule; 802.3
        length 0, as a longer one than 1500 would be an EtherType."""
        ip, tcp = self.header_lengths()
        total = ip + tcp + len(payload) if self.lso == 1 else 0
        link = self.link_header("buffer" in self.tag, 0)
        seed = ones_sum(self.pseudo(0))
        return link, link + self.ip(total, self.id, False) + self.tcp(0, self.flags, seed) + payload

    def frames(self, payload, mss):
        count = -(-len(payload) // mss)
        ip, tcp = self.header_lengths()
        for k in range(count):
            part = payload[k * mss:(k + 1) * mss]
            flags = self.flags & ~((CWR if k else 0) | (FIN | PSH if k + 1 < count else 0))
            number = self.id + k & (0x7FFF if self.lso == 2 else 0xFFFF)
            total = ip + tcp + len(part)
            checksum = inverted(self.pseudo(tcp + len(part)) + self.tcp(k * mss, flags, 0) + part)
            yield self.link_header(self.tag != "none", total) + self.ip(total, number, True) + \
                self.tcp(k * mss, flags, checksum) + part


def length_of(rng, kind, mss):
    whole = rng.randrange(2, 6) * mss
    if kind == "over":
        return whole + 1
    if kind == "under":
        return max(whole - 1, 1)
    if kind == "odd":
        return rng.randrange(mss + 1, whole + 2) | 1
    if kind == "even":
        return rng.randrange(mss + 1, whole + 2) + 1 & ~1
    return whole


def splits_of(rng, header, total):
    """Byte counts of MDLs, the first with all headers; 0xffff is an empty MDL."""
    kind = rng.randrange(6)
    if kind == 0:
        return []
    if kind == 1:
        return [header]
    if kind == 2:
        return [header + 1]
    if kind == 3:
        return [header, 0xFFFF, rng.randrange(1, 64) | 1]
    size = rng.choice([1, 3, 61, 255, 1459]) if kind == 4 else 0
    splits = [header + rng.randrange(2)]
    while len(splits) < 40 and sum(splits) < total:
        splits.append(size or rng.randrange(1, 700))
    return splits


def case(rng, send, mss, kind, length=None):
    ip, tcp = send.header_lengths()
    link = len(send.link_header(False, 1))
    mss = mss or LINK - link - ip - tcp
    payload = rng.randbytes(length or length_of(rng, kind, mss))
    link, template = send.template(payload)
    header = len(link) + ip + tcp
    flags = (IN_BUFFER if "buffer" in send.tag else 0) | (IN_SLOT if "slot" in send.tag else 0) | \
        (SNAP if send.snap else 0)
    splits = splits_of(rng, header, len(template))
    frames = list(send.frames(payload, mss))
    out = struct.pack("<BBBBHHHHIHH", send.version, send.lso, flags, len(splits), send.tci,
                      len(link) + ip, header, mss, len(template), len(frames), len(link))
    out += struct.pack(f"<{len(splits)}H", *splits) + template
    return out + b"".join(struct.pack("<H", len(f)) + f for f in frames)


def main():
    rng = random.Random(int(sys.argv[1]))
    shapes = list(itertools.product([4], [1, 2], IP4_OPTIONS, TCP_OPTIONS, TAGS, [False, True]))
    shapes += list(itertools.product([6], [2], IP6_CHAINS, TCP_OPTIONS, TAGS, [False, True]))
    cases = [case(rng, Send(rng, *shape), mss, kind) for shape in shapes for mss in MSS
             for kind in LENGTHS]
    for version, lso in [(4, 1), (4, 2), (6, 2)]:
        ip = IP4_OPTIONS[0] if version == 4 else IP6_CHAINS[0]
        for length in [65415, 65414, 40001]:
            cases.append(case(rng, Send(rng, version, lso, ip, TCP_OPTIONS[2], "none", False), 1400,
                              "", length))
    rng.shuffle(cases)
    sys.stdout.buffer.write(struct.pack("<II", 0x544F534C, len(cases)))
    sys.stdout.buffer.writelines(cases)


if __name__ == "__main__":
    main()
