/* SPDX-License-Identifier: MIT */
/*
 * The slow truth for tests of src/frame: a checksum that adds byte after byte, and a segmenter that
 * builds each segment anew from the RFCs. Shares no code with src/frame; offsets come from what a
 * test put into its frame, not from a parser.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conform/naive.h"
#include "frame/frame.h"

#define UNUSED_STATE (void)state
#define COUNT(a)     (sizeof(a) / sizeof((a)[0]))

/* 0 and 0xffff are the same number in one's complement; this says which class a folded sum is in.
 */
static inline uint32_t naive_class(uint32_t folded)
{
    return folded % 0xffff;
}

/* A generator of the same bytes each run (an LCG: Knuth, MMIX constants). */
static inline uint8_t naive_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint8_t)(*seed >> 56);
}

/* Where things are in a frame, as the test knows it. */
struct shape {
    size_t l3, l4, header_len; /* from the first byte of the frame */
    unsigned version;
    bool snap;
};

/* What the transport checksum of bytes [l4, end) should add up to with its pseudo-header: 0xffff
 * when right. */
static inline uint32_t naive_transport(const uint8_t *frame, const struct shape *sh, size_t end,
                                       uint8_t proto)
{
    const uint8_t *ip = frame + sh->l3;
    uint32_t len = (uint32_t)(end - sh->l4);

    return naive_sum(frame + sh->l4, len, 0, naive_pseudo(ip, sh->version, proto, len));
}

static inline uint32_t naive_ip_header(const uint8_t *frame, const struct shape *sh)
{
    const uint8_t *ip = frame + sh->l3;
    return naive_sum(ip, (ip[0] % 16u) * 4, 0, 0);
}

/* Segments that a send of payload_len bytes should give. */
static inline size_t naive_count(size_t payload_len, size_t mss)
{
    size_t n = 0;
    for (size_t at = 0; at < payload_len; at += mss)
        n++;
    return n ? n : 1;
}

/*
 * Segment k of the large send at `whole`, as Microsoft's page and the RFCs want it; id_bits is 15
 * or 16. Returns its length. The template's own lengths and checksums are not read.
 */
static inline size_t naive_segment(const uint8_t *whole, size_t whole_len, const struct shape *sh,
                                   size_t mss, unsigned id_bits, size_t k, uint8_t *out)
{
    size_t payload = whole_len - sh->header_len, at = k * mss;
    size_t n = payload - at < mss ? payload - at : mss;
    size_t len = sh->header_len + n;
    bool first = k == 0, last = at + n == payload;

    memcpy(out, whole, sh->header_len);
    memcpy(out + sh->header_len, whole + sh->header_len + at, n);

    uint8_t *ip = out + sh->l3, *tcp = out + sh->l4;
    if (sh->snap)
        naive_put(ip - 10, 2, (uint32_t)(len - sh->l3 + 8));
    if (sh->version == 4) {
        uint32_t id = naive_get(ip + 4, 2);
        naive_put(ip + 2, 2, (uint32_t)(len - sh->l3));
        naive_put(ip + 4, 2, (uint32_t)((id + k) % (1u << id_bits)));
        naive_put(ip + 10, 2, 0);
        naive_put(ip + 10, 2, 0xffff - naive_ip_header(out, sh));
    } else {
        naive_put(ip + 4, 2, (uint32_t)(len - sh->l3 - 40));
    }
    naive_put(tcp + 4, 4, (uint32_t)(naive_get(tcp + 4, 4) + at));
    if (!first)
        tcp[13] &= 0x7f; /* CWR */
    if (!last)
        tcp[13] &= 0xf6; /* PSH, FIN */
    naive_put(tcp + 16, 2, 0);
    naive_put(tcp + 16, 2, 0xffff - naive_transport(out, sh, len, 6));
    return len;
}

/* ---- Frames to start from ------------------------------------------------------------------- */

enum { NAIVE_MAX = 200000 };

/* A recipe that fills every field with something that shows when it goes astray. */
static inline struct frame_recipe naive_recipe(unsigned version)
{
    struct frame_recipe r = {
        .dst_mac = {0x02, 0x11, 0x22, 0x33, 0x44, 0x55},
        .src_mac = {0x02, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5},
        .vlan_tci = 0x6ffe,
        .ip_version = (uint8_t)version,
        .l4_proto = 6,
        .src_port = 40001,
        .dst_port = 5201,
        .ip_id = 0x1234,
        .tos = 0xb9,
        .ttl = 61,
        .tcp_flags = 0x10,
        .seq = 0x89abcdef,
        .ack = 0x13579bdf,
        .window = 0x7531,
    };
    static const uint8_t src6[16] = {0xfd, 0x00, 0xa5, [13] = 0x77, [15] = 1};
    static const uint8_t dst6[16] = {0xfd, 0x00, 0xff, [12] = 0xff, [15] = 2};
    if (version == 6) {
        memcpy(r.src_ip, src6, 16);
        memcpy(r.dst_ip, dst6, 16);
    } else {
        memcpy(r.src_ip, (uint8_t[]){10, 9, 8, 7}, 4);
        memcpy(r.dst_ip, (uint8_t[]){192, 168, 255, 3}, 4);
    }
    return r;
}

static inline struct shape naive_shape(const struct frame_recipe *r)
{
    struct shape sh = {.version = r->ip_version, .snap = r->snap};
    sh.l3 = 14u + (r->vlan ? 4 : 0) + (r->snap ? 8 : 0);
    sh.l4 = sh.l3 + (r->ip_version == 4 ? 20u : 40u) + r->ip_options_len;
    sh.header_len = sh.l4 + (r->l4_proto == 6 ? 20u + r->tcp_options_len : 8u);
    return sh;
}

/* Options to try: router alert + padding; record route; as many as fit. RFC 791, RFC 2113. */
static const uint8_t naive_ip4_options_4[] = {0x94, 4, 0, 0};
static const uint8_t naive_ip4_options_40[40] = {0x94, 4, 0, 0, 7, 35, 4, 1, 2, 3, 4, [39] = 0};
/* Hop-by-hop (router alert); and hop-by-hop, destination options of 16 bytes, routing with no
 * segments left. */
static const uint8_t naive_ip6_ext_8[] = {0, 0, 5, 2, 0, 0, 1, 0};
static const uint8_t naive_ip6_ext_48[48] = {
    60, 0, 5, 2, 0,           0,          1, 0, /* hop-by-hop */
    43, 1, 1, 4, 9,           9,          9, 9, /* destination */
    1,  4, 8, 8, 8,           8,          0, 0, /* options */
    0,  2, 4, 0, [40] = 0xee, [47] = 0xdd};
/* Timestamps (RFC 7323); and timestamps + 3 SACK blocks. */
static const uint8_t naive_tcp_options_12[] = {1,    1,    8,    10,   0xde, 0xad,
                                               0xbe, 0xef, 0xca, 0xfe, 1,    2};
static const uint8_t naive_tcp_options_40[40] = {1, 1, 8, 10, 0xff, 0xff, 0xff, 0xff, 0,       0,
                                                 0, 1, 1, 1,  5,    26,   0x80, 0x7f, [39] = 3};

static inline void naive_fill(uint8_t *p, size_t len, uint64_t seed)
{
    for (size_t i = 0; i < len; i++)
        p[i] = naive_random(&seed);
}
