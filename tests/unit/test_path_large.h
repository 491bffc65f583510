/* SPDX-License-Identifier: MIT */
/* Large sends for tests of the whole path, and the frames that should come of them. */
#pragma once

#include "test_path_frames.h"

enum {
    FIN = 0x01,
    SYN = 0x02,
    RST = 0x04,
    PSH = 0x08,
    ACK = 0x10,
    URG = 0x20,
    ECE = 0x40,
    CWR = 0x80
};

/* LsoV2TransmitComplete: Type 1, Reserved 0 (bit 30 alone). */
#define LSO2_COMPLETE ((uintptr_t)1 << 30)

static inline struct frame_recipe large_recipe(unsigned version, uint32_t len)
{
    struct frame_recipe r = path_recipe(version, 6, len);

    r.large_send = true;
    return r;
}

/* The template as the page wants it: length 0, the seed without length (LSO1-17, LSO2-4). */
static inline void large_build(struct packet *k, const struct frame_recipe *r)
{
    packet_build(k, r);
    naive_put(packet_field(k), 2, packet_pseudo(k, 0));
    if (r->ip_version == 4)
        assert_int_equal(naive_get(k->bytes + k->sh.l3 + 2, 2), 0);
}

static inline struct packet *large_packet(const struct frame_recipe *r)
{
    static struct packet k;

    large_build(&k, r);
    return &k;
}

static inline void *large_ask(const struct packet *k, uint32_t mss)
{
    return ask_lso2(k->sh.version, mss, k->sh.l4);
}

/* The template for version 1: the real length in the IPv4 header (LSO1-21). */
static inline struct packet *large_packet_v1(const struct frame_recipe *r)
{
    struct packet *k = large_packet(r);

    naive_put(k->bytes + k->sh.l3 + 2, 2, k->len - (uint32_t)k->sh.l3);
    return k;
}

static inline void *large_ask_v1(const struct packet *k, uint32_t mss)
{
    return ask_lso1(mss, k->sh.l4);
}

static inline struct outcome large_send(const struct packet *k, uint32_t mss, const struct ask *how)
{
    struct ask a = *how;

    if (!a.lso)
        a.lso = large_ask(k, mss);
    return path_ask(k->bytes, k->len, &a);
}

static inline void expect_nothing_more(void)
{
    static uint8_t junk[PATH_FRAME];

    assert_int_equal(path_wire_read(&path, junk, sizeof junk, 0), 0);
}

/* The frames of one large send, in order, each as the rules want it. */
static inline void expect_segments(const struct packet *k, uint32_t mss)
{
    static uint8_t want[PATH_FRAME];
    size_t count = naive_count(k->len - k->sh.header_len, mss);
    const uint8_t *ip = k->bytes + k->sh.l3;
    /* Version 1 has a length there, and may number beyond 15 bits. */
    unsigned bits = k->sh.version == 4 && naive_get(ip + 2, 2) && ip[4] & 0x80 ? 16 : 15;

    for (size_t i = 0; i < count; i++)
        expect_wire(want, (uint32_t)naive_segment(k->bytes, k->len, &k->sh, mss, bits, i, want));
}

static inline void expect_large(const struct packet *k, uint32_t mss, const struct ask *how)
{
    struct outcome r = large_send(k, mss, how);

    assert_int_equal(r.status, NDIS_STATUS_SUCCESS);
    assert_int_equal(r.lso, LSO2_COMPLETE);
    expect_segments(k, mss);
    expect_nothing_more();
}

/* TcpPayload is what went out (LSO1-30). */
static inline void expect_large_v1(const struct packet *k, uint32_t mss, const struct ask *how)
{
    struct ask a = *how;
    struct outcome r;

    a.lso = large_ask_v1(k, mss);
    r = large_send(k, mss, &a);
    assert_int_equal(r.status, NDIS_STATUS_SUCCESS);
    assert_int_equal(r.lso, k->len - k->sh.header_len);
    expect_segments(k, mss);
    expect_nothing_more();
}

/* Failed without a frame, its slot as that of any completed one (LSO2-17). */
static inline void expect_refused(const struct packet *k, void *lso)
{
    struct outcome r = path_ask(k->bytes, k->len, &(struct ask){.lso = lso});

    expect_failed(r.status);
    if ((uintptr_t)lso >> 30 & 1)
        assert_int_equal(r.lso, LSO2_COMPLETE);
    else
        assert_int_equal(r.lso, 0); /* LSO1-31 */
    expect_silence();
}

/* For what a driver may refuse or do properly. */
static inline void expect_right_or_refused(const struct packet *k, uint32_t mss)
{
    struct outcome r = large_send(k, mss, &(struct ask){0});

    assert_int_equal(r.lso, LSO2_COMPLETE);
    if (r.status == NDIS_STATUS_SUCCESS)
        expect_segments(k, mss);
    else
        expect_failed(r.status);
    expect_silence();
}

/* One frame off the wire with its parts where the template has them. */
struct segment {
    uint8_t bytes[PATH_FRAME];
    uint32_t len;     /* without padding, by the IP header */
    uint32_t payload; /* bytes behind the headers */
};

static inline bool next_segment(struct segment *s, const struct shape *sh)
{
    uint32_t wire = path_wire_read(&path, s->bytes, sizeof s->bytes, 0);
    const uint8_t *ip = s->bytes + sh->l3;

    if (wire == 0)
        return false;
    s->len =
        (uint32_t)sh->l3 + (sh->version == 4 ? naive_get(ip + 2, 2) : 40 + naive_get(ip + 4, 2));
    assert_true(s->len >= sh->header_len && s->len <= wire);
    if (wire > s->len)
        assert_int_equal(wire, SHORTEST);
    s->payload = s->len - (uint32_t)sh->header_len;
    return true;
}
