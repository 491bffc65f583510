/* SPDX-License-Identifier: MIT */
/*
 * One large send under test: built with a known shape, cut both ways, each segment compared with
 * naive_segment(). A header because two test programs share it; each has its own copy of the
 * buffers.
 */
#pragma once

#include "test_frame_naive.h"

/* A large send as the segmenter gets it, and what the test knows about it. */
struct large {
    uint8_t bytes[NAIVE_MAX];
    size_t len;
    struct shape sh;
    struct frame_span span;
    struct frame frame;
};

static struct large send_;
static uint8_t payload[NAIVE_MAX], cut[NAIVE_MAX], want[NAIVE_MAX];

static inline void make(struct large *s, struct frame_recipe r, uint32_t payload_len, uint16_t mss)
{
    r.payload = payload;
    r.payload_len = payload_len;
    r.large_send = true;
    s->sh = naive_shape(&r);
    s->len = frame_build(&r, s->bytes, sizeof(s->bytes));
    assert_int_equal(s->len, s->sh.header_len + payload_len);
    s->span = (struct frame_span){s->bytes, (uint32_t)s->len};
    s->frame = (struct frame){
        .spans = &s->span,
        .span_count = 1,
        .len = (uint32_t)s->len,
        .offload = {.gso = r.ip_version == 4 ? FRAME_GSO_TCP4 : FRAME_GSO_TCP6, .mss = mss},
    };
}

static inline void assert_segment(const struct large *s, enum frame_id_mode mode, size_t k,
                                  const uint8_t *got, size_t got_len)
{
    unsigned bits = mode == FRAME_ID_15BIT ? 15 : 16;
    size_t mss = s->frame.offload.mss;
    size_t len = naive_segment(s->bytes, s->len, &s->sh, mss, bits, k, want);
    assert_int_equal(got_len, len);
    assert_memory_equal(got, want, len);
}

/* Cuts both ways and compares each segment. */
static inline void check(const struct large *s, enum frame_id_mode mode)
{
    struct frame_segmenter a, b;
    assert_int_equal(frame_segment_begin(&a, &s->frame, mode), FRAME_SEGMENT_OK);
    assert_int_equal(frame_segment_begin(&b, &s->frame, mode), FRAME_SEGMENT_OK);
    size_t count = naive_count(s->len - s->sh.header_len, s->frame.offload.mss);
    assert_int_equal(a.segment_count, count);
    assert_int_equal(a.header_len, s->sh.header_len);
    for (size_t k = 0; k < count; k++) {
        uint8_t header[FRAME_MAX_HEADERS];
        struct frame_span out[64];
        uint32_t len = 0;
        int n = frame_segment_next(&a, header, out, COUNT(out), &len);
        assert_in_range(n, 1, COUNT(out));
        struct frame joined = {.spans = out, .span_count = (uint32_t)n, .len = len};
        assert_int_equal(frame_pull(&joined, 0, cut, sizeof(cut)), len);
        assert_segment(s, mode, k, cut, len);
        len = frame_segment_next_copy(&b, cut);
        assert_segment(s, mode, k, cut, len);
    }
    struct frame_span none;
    uint32_t len;
    assert_int_equal(frame_segment_next(&a, cut, &none, 1, &len), 0);
    assert_int_equal(frame_segment_next_copy(&b, cut), 0);
}

/* Cuts by copying into `cut`, one segment behind the other; returns how many. Starts in at[]. */
static inline size_t cut_all(const struct large *s, enum frame_id_mode mode, size_t *at, size_t max)
{
    struct frame_segmenter seg;
    assert_int_equal(frame_segment_begin(&seg, &s->frame, mode), FRAME_SEGMENT_OK);
    size_t n = 0, end = 0;
    for (uint32_t len; (len = frame_segment_next_copy(&seg, cut + end)) != 0; n++) {
        assert_in_range(n, 0, max - 1);
        at[n] = end;
        end += len;
    }
    at[n] = end;
    return n;
}

/* ---- Layouts -------------------------------------------------------------------------------- */

static const struct layout {
    const char *name;
    unsigned version;
    bool vlan, snap;
    const uint8_t *ip_options;
    uint8_t ip_len, ip_proto;
    const uint8_t *tcp_options;
    uint8_t tcp_len;
} layouts[] = {
    {"ipv4", 4, false, false, NULL, 0, 0, NULL, 0},
    {"ipv4 timestamps", 4, false, false, NULL, 0, 0, naive_tcp_options_12, 12},
    {"ipv4 options 4", 4, false, false, naive_ip4_options_4, 4, 0, NULL, 0},
    {"ipv4 options 40, tcp 40", 4, false, false, naive_ip4_options_40, 40, 0, naive_tcp_options_40,
     40},
    {"ipv4 vlan", 4, true, false, NULL, 0, 0, naive_tcp_options_12, 12},
    {"ipv4 snap", 4, false, true, NULL, 0, 0, NULL, 0},
    {"ipv4 vlan snap options", 4, true, true, naive_ip4_options_40, 40, 0, naive_tcp_options_40,
     40},
    {"ipv6", 6, false, false, NULL, 0, 0, NULL, 0},
    {"ipv6 timestamps", 6, false, false, NULL, 0, 0, naive_tcp_options_12, 12},
    {"ipv6 hop-by-hop", 6, false, false, naive_ip6_ext_8, 8, 0, NULL, 0},
    {"ipv6 three extensions, tcp 40", 6, false, false, naive_ip6_ext_48, 48, 0,
     naive_tcp_options_40, 40},
    {"ipv6 vlan", 6, true, false, NULL, 0, 0, naive_tcp_options_12, 12},
    {"ipv6 snap", 6, false, true, NULL, 0, 0, naive_tcp_options_12, 12},
    {"ipv6 vlan snap extensions", 6, true, true, naive_ip6_ext_48, 48, 0, naive_tcp_options_40, 40},
};

static inline struct frame_recipe recipe_of(const struct layout *l)
{
    struct frame_recipe r = naive_recipe(l->version);
    r.vlan = l->vlan;
    r.snap = l->snap;
    r.ip_options = l->ip_options;
    r.ip_options_len = l->ip_len;
    r.ip_options_proto = l->ip_proto;
    r.tcp_options = l->tcp_options;
    r.tcp_options_len = l->tcp_len;
    r.tcp_flags = 0xd9; /* CWR ECE ACK PSH FIN */
    return r;
}
