/* SPDX-License-Identifier: MIT */
/* Receives for tests of the whole path: a frame in, its checksum slot out. */
#pragma once

#include "test_path_frames.h"

/* Slot 0 on receive, as the catalogue's table of bit layouts has it. */
enum {
    TCP_BAD = 1 << 0,
    UDP_BAD = 1 << 1,
    IP_BAD = 1 << 2,
    TCP_OK = 1 << 3,
    UDP_OK = 1 << 4,
    IP_OK = 1 << 5,
    TRANSPORT = TCP_BAD | UDP_BAD | TCP_OK | UDP_OK,
    ANY_BAD = TCP_BAD | UDP_BAD | IP_BAD,
    ANY_OK = TCP_OK | UDP_OK | IP_OK,
};

static const uint8_t path_card[6] = {0x02, 0, 0, 0, 0, 0x01};

/* What holds for every frame whatsoever: RXC-4, RXC-17, RXC-18, RXC-7; and RXC-16. */
static inline unsigned judge_slot(const struct path_received *r, const uint8_t *want, uint32_t len)
{
    uintptr_t v = r->oob[TcpIpChecksumNetBufferListInfo];

    assert_int_equal(r->len, len);
    assert_memory_equal(r->data, want, len);
    assert_int_equal(v & ~(uintptr_t)(ANY_BAD | ANY_OK), 0);
    assert_int_equal((v & ANY_BAD) << 3 & (v & ANY_OK), 0);
    if (len >= 14 && want[12] == 0x86 && want[13] == 0xdd)
        assert_int_equal(v & (IP_BAD | IP_OK), 0);
    return (unsigned)v;
}

/* One frame arrives, unchanged; its slot 0. */
static inline unsigned receive(const void *bytes, uint32_t len)
{
    unsigned v;

    path.received_count = 0;
    path_wire_write(&path, bytes, len);
    assert_true(path_wait(&path, &path.received_count, 1, 5));
    assert_int_equal(path.received_count, 1);
    v = judge_slot(&path.received[0], bytes, len);
    path.received_count = 0;
    return v;
}

static inline unsigned receive_packet(const struct packet *k)
{
    return receive(k->bytes, k->len);
}

static inline struct frame_recipe arriving(unsigned version, unsigned proto, uint32_t len)
{
    struct frame_recipe r = path_recipe(version, proto, len);

    memcpy(r.dst_mac, path_card, 6);
    return r;
}

/* A packet for the card, its checksums right. */
static inline void arriving_packet(struct packet *k, unsigned version, unsigned proto, uint32_t len)
{
    struct frame_recipe r = arriving(version, proto, len);

    packet_build(k, &r);
}

static inline unsigned good_bit(unsigned proto)
{
    return proto == 6 ? TCP_OK : UDP_OK;
}

static inline unsigned bad_bit(unsigned proto)
{
    return proto == 6 ? TCP_BAD : UDP_BAD;
}

/* What a right frame of this kind should say when nothing is switched off. */
static inline unsigned good_bits(unsigned version, unsigned proto)
{
    unsigned ip = version == 4 && path.bind_offload.Checksum.IPv4Receive.IpChecksum ? IP_OK : 0;

    return good_bit(proto) | ip;
}

/* The verdict on one right frame of this kind now. */
static inline unsigned verdict_now(unsigned version, unsigned proto)
{
    static struct packet k;

    arriving_packet(&k, version, proto, 333);
    return receive_packet(&k);
}
