/* SPDX-License-Identifier: MIT */
/* Checksums of one frame: judged on receive (RXC), finished on transmit (TXC), right in what
 * frame_build() makes. */
#include "test_frame_naive.h"

static uint8_t bytes[2048], text[600];

/* Kinds of frame: version, protocol, options, tag, SNAP; 32 of them. */
static struct frame_recipe kind(unsigned i)
{
    struct frame_recipe r = naive_recipe(i & 1 ? 4 : 6);
    r.l4_proto = i & 2 ? 6 : 17;
    r.vlan = i & 4;
    r.snap = i & 8;
    if (i & 16) {
        r.ip_options = i & 1 ? naive_ip4_options_40 : naive_ip6_ext_48;
        r.ip_options_len = i & 1 ? 40 : 48;
        r.tcp_options = naive_tcp_options_12;
        r.tcp_options_len = r.l4_proto == 6 ? 12 : 0;
    }
    return r;
}

enum { KINDS = 32 };

static size_t build(const struct frame_recipe *recipe, uint32_t payload_len)
{
    struct frame_recipe r = *recipe;
    r.payload = text;
    r.payload_len = payload_len;
    size_t len = frame_build(&r, bytes, sizeof(bytes));
    assert_true(len > 0);
    return len;
}

/* Both verdicts on the first len bytes, in spans cut at an odd place. */
static void judge(size_t len, enum frame_verdict *ip, enum frame_verdict *transport)
{
    uint32_t at = (uint32_t)(len * 2 / 3) | 1;
    struct frame_span spans[] = {{bytes, 7}, {bytes + 7, at - 7}, {bytes + at, (uint32_t)len - at}};
    struct frame f = {.spans = spans, .span_count = 3, .len = (uint32_t)len};
    struct frame_layers l;
    frame_parse(bytes, len, len, FRAME_STRICT, &l);
    *ip = frame_check_ip(&f, &l);
    *transport = frame_check_transport(&f, &l);
}

static void assert_verdict(size_t len, enum frame_verdict ip, enum frame_verdict transport)
{
    enum frame_verdict got_ip, got_transport;
    judge(len, &got_ip, &got_transport);
    assert_int_equal(got_ip, ip);
    assert_int_equal(got_transport, transport);
}

static void test_build_makes_checksums_that_verify(void **state)
{
    UNUSED_STATE;
    for (unsigned i = 0; i < KINDS; i++) {
        for (uint32_t payload = 0; payload < 40; payload++) {
            struct frame_recipe r = kind(i);
            struct shape sh = naive_shape(&r);
            size_t len = build(&r, payload);
            assert_int_equal(len, sh.header_len + payload);
            assert_int_equal(naive_transport(bytes, &sh, len, r.l4_proto), 0xffff);
            if (r.ip_version == 4)
                assert_int_equal(naive_ip_header(bytes, &sh), 0xffff);
            if (r.snap)
                assert_int_equal(naive_get(bytes + sh.l3 - 10, 2), len - sh.l3 + 8);
        }
    }
}

static void test_build_refuses_what_does_not_fit(void **state)
{
    UNUSED_STATE;
    struct frame_recipe r = naive_recipe(4);
    assert_int_equal(frame_build(&r, bytes, 54), 54);
    assert_int_equal(frame_build(&r, bytes, 53), 0);
    assert_int_equal(frame_build(&r, bytes, 0), 0);
    r.tcp_options_len = 3;
    assert_int_equal(frame_build(&r, bytes, sizeof(bytes)), 0);
    r = naive_recipe(5);
    assert_int_equal(frame_build(&r, bytes, sizeof(bytes)), 0);
    r = naive_recipe(6);
    r.ip_options = (const uint8_t[]){0, 1, 0, 0, 0, 0, 0, 0}; /* claims 16 bytes */
    r.ip_options_len = 8;
    assert_int_equal(frame_build(&r, bytes, sizeof(bytes)), 0);
    r = naive_recipe(4);
    r.l4_proto = 1;
    assert_int_equal(frame_build(&r, bytes, sizeof(bytes)), 0);
    r = naive_recipe(4);
    r.snap = true;
    r.payload = text;
    r.payload_len = 1453;
    assert_int_equal(frame_build(&r, bytes, sizeof(bytes)), 0);
}

static void test_RXC_2_right_checksums_are_good(void **state)
{
    UNUSED_STATE;
    for (unsigned i = 0; i < KINDS; i++) {
        struct frame_recipe r = kind(i);
        enum frame_verdict ip = i & 1 ? FRAME_GOOD : FRAME_UNJUDGED; /* RXC-7 */
        for (uint32_t payload = 0; payload < 33; payload++)
            assert_verdict(build(&r, payload), ip, FRAME_GOOD);
    }
}

static void test_RXC_3_every_flipped_transport_byte_is_wrong(void **state)
{
    UNUSED_STATE;
    for (unsigned i = 0; i < KINDS; i++) {
        struct frame_recipe r = kind(i);
        size_t len = build(&r, 31), l4 = naive_shape(&r).l4;
        enum frame_verdict ip = i & 1 ? FRAME_GOOD : FRAME_UNJUDGED;
        for (size_t at = l4; at < len; at++) {
            if (r.l4_proto == 17 && (at == l4 + 4 || at == l4 + 5))
                continue; /* the length: see the parser's tests */
            if (r.l4_proto == 6 && at == l4 + 12)
                continue; /* likewise */
            bytes[at] ^= 0x40;
            assert_verdict(len, ip, FRAME_WRONG);
            bytes[at] ^= 0x40;
        }
    }
}

static void test_RXC_6_ip_and_transport_are_judged_apart(void **state)
{
    UNUSED_STATE;
    struct frame_recipe r = naive_recipe(4);
    size_t len = build(&r, 100);
    bytes[14 + 8] ^= 1; /* TTL: not in the pseudo-header */
    assert_verdict(len, FRAME_WRONG, FRAME_GOOD);
    bytes[60] ^= 1;
    assert_verdict(len, FRAME_WRONG, FRAME_WRONG);
    bytes[14 + 8] ^= 1;
    assert_verdict(len, FRAME_GOOD, FRAME_WRONG);
}

static void test_RXC_10_fragments_get_no_transport_verdict(void **state)
{
    UNUSED_STATE;
    struct frame_recipe r = naive_recipe(4);
    size_t len = build(&r, 100);
    naive_put(bytes + 20, 2, 0x2000);
    naive_put(bytes + 24, 2, naive_get(bytes + 24, 2) + 0x2000); /* DF became MF */
    assert_verdict(len, FRAME_GOOD, FRAME_UNJUDGED);
}

static void test_RXC_11_12_udp_without_checksum_is_not_judged(void **state)
{
    UNUSED_STATE;
    for (unsigned version = 4; version <= 6; version += 2) {
        struct frame_recipe r = naive_recipe(version);
        r.l4_proto = 17;
        size_t len = build(&r, 100);
        naive_put(bytes + naive_shape(&r).l4 + 6, 2, 0);
        assert_verdict(len, version == 4 ? FRAME_GOOD : FRAME_UNJUDGED, FRAME_UNJUDGED);
    }
}

static void test_RXC_13_nothing_to_judge(void **state)
{
    UNUSED_STATE;
    struct frame_recipe r = naive_recipe(4);
    size_t len = build(&r, 100);
    assert_verdict(len - 1, FRAME_UNJUDGED, FRAME_UNJUDGED); /* IP length beyond the frame */
    for (size_t cut = 20; cut < len; cut++)
        assert_verdict(cut, FRAME_UNJUDGED, FRAME_UNJUDGED);
    bytes[14] = 0x55;
    assert_verdict(len, FRAME_UNJUDGED, FRAME_UNJUDGED);
    len = build(&r, 100);
    naive_put(bytes + 12, 2, 0x0806);
    assert_verdict(len, FRAME_UNJUDGED, FRAME_UNJUDGED);
    len = build(&r, 100);
    bytes[23] = 1; /* ICMP; TTL pays for it, so that the header stays right */
    naive_put(bytes + 22, 2, 0x4201);
    naive_put(bytes + 24, 2, 0);
    naive_put(bytes + 24, 2, 0xffff - naive_sum(bytes + 14, 20, 0, 0));
    assert_verdict(len, FRAME_GOOD, FRAME_UNJUDGED);
}

static void test_routing_header_with_segments_left_is_not_judged(void **state)
{
    UNUSED_STATE;
    struct frame_recipe r = kind(16 + 2);
    size_t len = build(&r, 100);
    assert_verdict(len, FRAME_UNJUDGED, FRAME_GOOD);
    bytes[14 + 40 + 24 + 3] = 1;
    assert_verdict(len, FRAME_UNJUDGED, FRAME_UNJUDGED);
}

static void test_RXC_15_padding_is_not_summed(void **state)
{
    UNUSED_STATE;
    for (unsigned i = 0; i < KINDS; i++) {
        struct frame_recipe r = kind(i);
        size_t len = build(&r, 3);
        memset(bytes + len, 0x77, 37);
        assert_verdict(len + 37, i & 1 ? FRAME_GOOD : FRAME_UNJUDGED, FRAME_GOOD);
    }
}

/* ---- Transmit ------------------------------------------------------------------------------- */

/* Leaves the frame at `bytes` as TXC-4 and TXC-5 say, and asks for both checksums. */
static struct frame_offload unfinish(const struct frame_recipe *r)
{
    struct shape sh = naive_shape(r);
    struct frame_offload o = {.flags = FRAME_CSUM_NEEDED,
                              .csum_start = (uint16_t)sh.l4,
                              .csum_offset = r->l4_proto == 6 ? 16 : 6};
    uint8_t *field = bytes + sh.l4 + o.csum_offset;
    size_t len =
        naive_get(bytes + sh.l3 + (sh.version == 4 ? 2 : 4), 2) + (sh.version == 4 ? 0 : 40);
    naive_put(field, 2, 0);
    uint32_t all = naive_transport(bytes, &sh, sh.l3 + len, r->l4_proto);
    uint32_t data = naive_sum(bytes + sh.l4, sh.l3 + len - sh.l4, 0, 0);
    naive_put(field, 2, (all + 0xffff - data) % 0xffff); /* the pseudo-header is the difference */
    if (sh.version == 4) {
        naive_put(bytes + sh.l3 + 10, 2, 0xdead); /* TXC-11 */
        o.flags |= FRAME_IPCSUM_NEEDED;
    }
    return o;
}

/* Finishes a frame whose first head_len bytes are a private copy; the result is in joined. */
static bool finish(size_t len, size_t head_len, struct frame_offload o, uint8_t *joined)
{
    uint8_t *head = malloc(head_len ? head_len : 1);
    assert_non_null(head);
    memcpy(head, bytes, head_len);
    uint32_t at = (uint32_t)(len / 2) | 1;
    struct frame_span spans[] = {{bytes, at}, {bytes + at, (uint32_t)len - at}};
    struct frame f = {.spans = spans, .span_count = 2, .len = (uint32_t)len, .offload = o};
    struct frame_layers l;
    frame_parse(head, head_len, len, FRAME_STRICT, &l);
    bool done = frame_finish_checksums(&f, &l, head, head_len);
    memcpy(joined, bytes, len);
    memcpy(joined, head, head_len);
    free(head);
    return done;
}

static void test_TXC_6_10_finished_checksums_are_those_of_build(void **state)
{
    UNUSED_STATE;
    uint8_t right[2048], joined[2048];
    for (unsigned i = 0; i < KINDS; i++) {
        struct frame_recipe r = kind(i);
        for (uint32_t payload = 0; payload < 50; payload += 7) {
            size_t len = build(&r, payload);
            memcpy(right, bytes, len);
            struct frame_offload o = unfinish(&r);
            for (size_t head = naive_shape(&r).header_len; head <= len; head++) {
                assert_true(finish(len, head, o, joined));
                assert_memory_equal(joined, right, len);
            }
        }
    }
}

static void test_TXC_3_only_what_is_asked_for(void **state)
{
    UNUSED_STATE;
    uint8_t joined[2048];
    struct frame_recipe r = naive_recipe(4);
    size_t len = build(&r, 100);
    struct frame_offload o = unfinish(&r);
    uint16_t both = o.flags;
    o.flags = FRAME_CSUM_NEEDED;
    assert_true(finish(len, 54, o, joined));
    assert_int_equal(naive_get(joined + 24, 2), 0xdead);
    o.flags = FRAME_IPCSUM_NEEDED;
    assert_true(finish(len, 54, o, joined));
    assert_int_equal(naive_get(joined + 50, 2), naive_get(bytes + 50, 2));
    o.flags = 0;
    assert_true(finish(len, 54, o, joined));
    assert_memory_equal(joined, bytes, len);
    assert_int_equal(both, FRAME_CSUM_NEEDED | FRAME_IPCSUM_NEEDED);
}

/* Finds payload whose checksum comes to 0, which UDP writes as 0xffff and TCP as 0. */
static void test_TXC_8_9_udp_zero_becomes_ffff(void **state)
{
    UNUSED_STATE;
    uint8_t joined[2048];
    for (unsigned i = 0; i < 4; i++) {
        struct frame_recipe r = kind(i);
        struct shape sh = naive_shape(&r);
        size_t field = sh.l4 + (r.l4_proto == 6 ? 16 : 6);
        memset(text, 0, 2);
        build(&r, 20);
        naive_put(text, 2, naive_get(bytes + field, 2)); /* the sum grows to 0xffff */
        size_t len = build(&r, 20);
        uint32_t zero = r.l4_proto == 17 ? 0xffff : 0;
        assert_int_equal(naive_get(bytes + field, 2), zero);
        struct frame_offload o = unfinish(&r);
        assert_true(finish(len, sh.header_len, o, joined));
        assert_int_equal(naive_get(joined + field, 2), zero);
        memcpy(bytes, joined, len);
        assert_verdict(len, i & 1 ? FRAME_GOOD : FRAME_UNJUDGED, FRAME_GOOD);
    }
}

static void test_TXC_20_padding_is_not_summed(void **state)
{
    UNUSED_STATE;
    uint8_t right[2048], joined[2048];
    for (unsigned i = 0; i < 4; i++) {
        struct frame_recipe r = kind(i);
        size_t len = build(&r, 1);
        memcpy(right, bytes, len);
        struct frame_offload o = unfinish(&r);
        memset(bytes + len, 0x3c, 40);
        assert_true(finish(len + 40, naive_shape(&r).header_len, o, joined));
        assert_memory_equal(joined, right, len);
    }
}

static void test_request_that_does_not_fit_changes_nothing(void **state)
{
    UNUSED_STATE;
    uint8_t joined[2048];
    struct frame_recipe r = naive_recipe(4);
    size_t len = build(&r, 100);
    struct frame_offload right = unfinish(&r);
    static const struct {
        uint16_t start, offset;
    } bad[] = {{34, 19}, {34, 65535}, {65535, 16}, {53, 0}, {54, 16}, {65535, 65535}};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct frame_offload o = right;
        o.csum_start = bad[i].start;
        o.csum_offset = bad[i].offset;
        assert_false(finish(len, 54, o, joined));
        assert_memory_equal(joined, bytes, len);
    }
    assert_false(finish(len, 51, right, joined));
    assert_memory_equal(joined, bytes, len);
    assert_false(finish(40, 40, right, joined));

    r = naive_recipe(6);
    len = build(&r, 100);
    right = unfinish(&r);
    right.flags |= FRAME_IPCSUM_NEEDED;
    assert_false(finish(len, 74, right, joined));
    assert_memory_equal(joined, bytes, len);
}

/* virtio: csum_start and csum_offset count, whatever the bytes are. */
static void test_request_over_bytes_that_are_no_ip(void **state)
{
    UNUSED_STATE;
    uint8_t joined[2048];
    naive_fill(bytes, 301, 5);
    naive_put(bytes + 12, 2, 0x88b5);
    naive_put(bytes + 33, 2, 0x1234);
    struct frame_offload o = {.flags = FRAME_CSUM_NEEDED, .csum_start = 21, .csum_offset = 12};
    uint32_t want = 0xffff - naive_sum(bytes + 21, 280, 0, 0);
    for (size_t head = 35; head <= 301; head += 19) {
        assert_true(finish(301, head, o, joined));
        assert_int_equal(naive_get(joined + 33, 2), want);
    }
}

static void test_large_send_recipe_is_the_ndis_template(void **state)
{
    UNUSED_STATE;
    for (unsigned version = 4; version <= 6; version += 2) {
        struct frame_recipe r = naive_recipe(version);
        r.large_send = true;
        struct shape sh = naive_shape(&r);
        build(&r, 600);
        assert_int_equal(naive_get(bytes + sh.l3 + (version == 4 ? 2 : 4), 2), 0);
        if (version == 4)
            assert_int_equal(naive_get(bytes + sh.l3 + 10, 2), 0);
        size_t at = version == 4 ? 12 : 8, len = version == 4 ? 8 : 32;
        uint32_t seed = naive_sum(bytes + sh.l3 + at, len, 0, 6); /* LSO1-17 */
        assert_int_equal(naive_get(bytes + sh.l4 + 16, 2), seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build_makes_checksums_that_verify),
        cmocka_unit_test(test_build_refuses_what_does_not_fit),
        cmocka_unit_test(test_RXC_2_right_checksums_are_good),
        cmocka_unit_test(test_RXC_3_every_flipped_transport_byte_is_wrong),
        cmocka_unit_test(test_RXC_6_ip_and_transport_are_judged_apart),
        cmocka_unit_test(test_RXC_10_fragments_get_no_transport_verdict),
        cmocka_unit_test(test_RXC_11_12_udp_without_checksum_is_not_judged),
        cmocka_unit_test(test_RXC_13_nothing_to_judge),
        cmocka_unit_test(test_RXC_15_padding_is_not_summed),
        cmocka_unit_test(test_routing_header_with_segments_left_is_not_judged),
        cmocka_unit_test(test_TXC_6_10_finished_checksums_are_those_of_build),
        cmocka_unit_test(test_TXC_3_only_what_is_asked_for),
        cmocka_unit_test(test_TXC_8_9_udp_zero_becomes_ffff),
        cmocka_unit_test(test_TXC_20_padding_is_not_summed),
        cmocka_unit_test(test_request_that_does_not_fit_changes_nothing),
        cmocka_unit_test(test_request_over_bytes_that_are_no_ip),
        cmocka_unit_test(test_large_send_recipe_is_the_ndis_template),
    };
    naive_fill(text, sizeof(text), 11);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
