/* SPDX-License-Identifier: MIT */
/* frame_parse(): each layer where the bytes say it is, and nothing of what is cut off, malformed or
 * contradicted. */
#include "test_frame_naive.h"

static uint8_t bytes[2048], text[600];

static struct frame_layers parse(const uint8_t *p, size_t len, enum frame_parse_mode mode)
{
    struct frame_layers l;
    frame_parse(p, len, len, mode, &l);
    return l;
}

static size_t build(struct frame_recipe r, uint32_t payload_len)
{
    r.payload = text;
    r.payload_len = payload_len;
    size_t len = frame_build(&r, bytes, sizeof(bytes));
    assert_true(len > 0);
    return len;
}

static void test_tcp_ipv4(void **state)
{
    UNUSED_STATE;
    struct frame_layers l = parse(bytes, build(naive_recipe(4), 100), FRAME_STRICT);
    assert_int_equal(l.flags, 0);
    assert_int_equal(l.ether_type, 0x0800);
    assert_int_equal(l.l2_len, 14);
    assert_int_equal(l.l3_offset, 14);
    assert_int_equal(l.l4_offset, 34);
    assert_int_equal(l.payload_offset, 54);
    assert_int_equal(l.ip_version, 4);
    assert_int_equal(l.l4_proto, 6);
    assert_int_equal(l.ip_len, 140);
    assert_int_equal(l.ip_end, 154);
}

static void test_tcp_ipv6_with_extensions_tag_and_snap(void **state)
{
    UNUSED_STATE;
    struct frame_recipe r = naive_recipe(6);
    r.vlan = r.snap = true;
    r.ip_options = naive_ip6_ext_48;
    r.ip_options_len = sizeof(naive_ip6_ext_48);
    r.tcp_options = naive_tcp_options_12;
    r.tcp_options_len = 12;
    struct frame_layers l = parse(bytes, build(r, 100), FRAME_STRICT);
    assert_int_equal(l.flags, FRAME_HAS_VLAN | FRAME_HAS_SNAP | FRAME_HAS_IP_OPTIONS |
                                  FRAME_HAS_TCP_OPTIONS);
    assert_int_equal(l.ether_type, 0x86dd);
    assert_int_equal(l.vlan_tci, 0x6ffe);
    assert_int_equal(l.l2_len, 26);
    assert_int_equal(l.l3_offset, 26);
    assert_int_equal(l.l4_offset, 26 + 40 + 48);
    assert_int_equal(l.payload_offset, 26 + 40 + 48 + 32);
    assert_int_equal(l.ip_len, 40 + 48 + 32 + 100);
    assert_int_equal(l.ip_end, 26 + 40 + 48 + 32 + 100);
}

static void test_udp_both_versions(void **state)
{
    UNUSED_STATE;
    for (unsigned version = 4; version <= 6; version += 2) {
        struct frame_recipe r = naive_recipe(version);
        r.l4_proto = 17;
        size_t l4 = version == 4 ? 34 : 54, len = build(r, 9);
        struct frame_layers l = parse(bytes, len, FRAME_STRICT);
        assert_int_equal(l.l4_proto, 17);
        assert_int_equal(l.l4_offset, l4);
        assert_int_equal(l.payload_offset, l4 + 8);
        assert_int_equal(l.ip_end, len);
    }
}

static void test_udp_length_that_contradicts_is_no_transport(void **state)
{
    UNUSED_STATE;
    struct frame_recipe r = naive_recipe(4);
    r.l4_proto = 17;
    size_t len = build(r, 9);
    static const uint16_t bad[] = {0, 7, 18, 0xffff};
    for (size_t i = 0; i < COUNT(bad); i++) {
        naive_put(bytes + 38, 2, bad[i]);
        assert_int_equal(parse(bytes, len, FRAME_STRICT).l4_offset, 0);
        assert_int_equal(parse(bytes, len, FRAME_STRICT).l4_proto, 0);
    }
    naive_put(bytes + 38, 2, 16); /* shorter than the datagram: legal */
    assert_int_equal(parse(bytes, len, FRAME_STRICT).l4_offset, 34);
}

static void test_stacked_tags_report_the_outermost(void **state)
{
    UNUSED_STATE;
    struct frame_recipe r = naive_recipe(4);
    r.vlan = true;
    size_t len = build(r, 10);
    memmove(bytes + 16, bytes + 12, len - 12);
    naive_put(bytes + 12, 4, 0x88a80001);
    struct frame_layers l = parse(bytes, len + 4, FRAME_STRICT);
    assert_int_equal(l.vlan_tci, 1);
    assert_int_equal(l.l3_offset, 22);
    assert_int_equal(l.l4_offset, 42);
}

static void test_tags_to_the_end_are_bounded(void **state)
{
    UNUSED_STATE;
    for (size_t i = 0; i < sizeof(bytes); i += 2)
        naive_put(bytes + i, 2, 0x8100);
    struct frame_layers l = parse(bytes, sizeof(bytes), FRAME_STRICT);
    assert_int_equal(l.l3_offset, 0);
    assert_int_equal(l.l2_len, 0);
    assert_true(l.flags & FRAME_HEAD_SHORT);
}

static void test_802_3_without_snap_has_no_type(void **state)
{
    UNUSED_STATE;
    struct frame_recipe r = naive_recipe(4);
    r.snap = true;
    size_t len = build(r, 10);
    bytes[14] = 0x42; /* a bridge's LLC address */
    struct frame_layers l = parse(bytes, len, FRAME_STRICT);
    assert_int_equal(l.ether_type, 0);
    assert_int_equal(l.l2_len, 14);
    assert_int_equal(l.l3_offset, 0);
    assert_int_equal(l.flags, 0);
}

static void test_802_3_length_bounds_the_datagram(void **state)
{
    UNUSED_STATE;
    struct frame_recipe r = naive_recipe(4);
    r.snap = true;
    size_t len = build(r, 10);
    assert_int_equal(parse(bytes, len, FRAME_STRICT).l4_offset, 42);
    uint32_t right = naive_get(bytes + 12, 2);
    naive_put(bytes + 12, 2, right - 1);
    assert_int_equal(parse(bytes, len, FRAME_STRICT).l4_offset, 0);
    assert_int_equal(parse(bytes, len, FRAME_STRICT).ip_end, 0);
    naive_put(bytes + 12, 2, right + 1);
    assert_int_equal(parse(bytes, len, FRAME_STRICT).l3_offset, 0);
    assert_int_equal(parse(bytes, len, FRAME_LARGE_TEMPLATE).l4_offset, 42);
    naive_put(bytes + 12, 2, 1501); /* neither length nor type */
    assert_int_equal(parse(bytes, len, FRAME_LARGE_TEMPLATE).l3_offset, 0);
}

static void test_padding_is_outside_the_datagram(void **state)
{
    UNUSED_STATE;
    size_t len = build(naive_recipe(4), 1);
    memset(bytes + len, 0x5a, 60 - len);
    struct frame_layers l = parse(bytes, 60, FRAME_STRICT);
    assert_int_equal(l.ip_end, 55);
    assert_int_equal(l.l4_offset, 34);
}

static void test_ip_length_beyond_frame_reports_header_only(void **state)
{
    UNUSED_STATE;
    for (unsigned version = 4; version <= 6; version += 2) {
        size_t len = build(naive_recipe(version), 100);
        struct frame_layers l = parse(bytes, len - 1, FRAME_STRICT);
        assert_int_equal(l.ip_version, version);
        assert_int_equal(l.l3_offset, 14);
        assert_int_equal(l.ip_len, len - 14);
        assert_int_equal(l.ip_end, 0);
        assert_int_equal(l.l4_offset, 0);
        assert_int_equal(l.l4_proto, 0);
    }
}

static void test_large_template_ignores_ip_length(void **state)
{
    UNUSED_STATE;
    for (unsigned version = 4; version <= 6; version += 2) {
        size_t len = build(naive_recipe(version), 100);
        static const uint16_t any[] = {0, 1, 60, 0xffff};
        for (size_t i = 0; i < COUNT(any); i++) {
            naive_put(bytes + (version == 4 ? 16 : 18), 2, any[i]);
            struct frame_layers l = parse(bytes, len, FRAME_LARGE_TEMPLATE);
            assert_int_equal(l.ip_len, any[i] + (version == 6 ? 40u : 0));
            assert_int_equal(l.ip_end, len);
            assert_int_equal(l.l4_offset, version == 4 ? 34 : 54);
        }
    }
}

static void test_wrong_version_or_header_length_is_no_ip(void **state)
{
    UNUSED_STATE;
    size_t len = build(naive_recipe(4), 100);
    static const uint8_t bad[] = {0x65, 0x05, 0x44, 0x40};
    for (size_t i = 0; i < COUNT(bad); i++) {
        bytes[14] = bad[i];
        struct frame_layers l = parse(bytes, len, FRAME_STRICT);
        assert_int_equal(l.ether_type, 0x0800);
        assert_int_equal(l.l3_offset, 0);
        assert_int_equal(l.ip_version, 0);
    }
    len = build(naive_recipe(6), 100);
    bytes[14] = 0x45;
    assert_int_equal(parse(bytes, len, FRAME_STRICT).l3_offset, 0);
}

static void test_tcp_data_offset_outside_datagram_is_no_transport(void **state)
{
    UNUSED_STATE;
    size_t len = build(naive_recipe(4), 3);
    static const uint8_t bad[] = {0x00, 0x40, 0x60, 0xf0};
    for (size_t i = 0; i < COUNT(bad); i++) {
        bytes[46] = bad[i];
        struct frame_layers l = parse(bytes, len, FRAME_STRICT);
        assert_int_equal(l.l3_offset, 14);
        assert_int_equal(l.l4_offset, 0);
        assert_int_equal(l.l4_proto, 0);
    }
}

static void test_fragments_have_no_transport(void **state)
{
    UNUSED_STATE;
    size_t len = build(naive_recipe(4), 100);
    naive_put(bytes + 20, 2, 0x2000);
    struct frame_layers l = parse(bytes, len, FRAME_STRICT);
    assert_int_equal(l.flags, FRAME_IS_FRAGMENT);
    assert_int_equal(l.l4_offset, 0);
    assert_int_equal(l.ip_end, len);
    naive_put(bytes + 20, 2, 0x4000); /* DF is none */
    assert_int_equal(parse(bytes, len, FRAME_STRICT).flags, 0);
}

static void test_ipv6_fragment_header(void **state)
{
    UNUSED_STATE;
    uint8_t header[8] = {0};
    struct frame_recipe r = naive_recipe(6);
    r.ip_options = header;
    r.ip_options_len = 8;
    r.ip_options_proto = 44;
    size_t len = build(r, 100);
    struct frame_layers l = parse(bytes, len, FRAME_STRICT); /* atomic: RFC 6946 */
    assert_int_equal(l.flags, FRAME_HAS_IP_OPTIONS);
    assert_int_equal(l.l4_offset, 62);
    static const uint16_t parts[] = {0x0001, 0x0008, 0xfff8};
    for (size_t i = 0; i < COUNT(parts); i++) {
        naive_put(bytes + 56, 2, parts[i]);
        l = parse(bytes, len, FRAME_STRICT);
        assert_true(l.flags & FRAME_IS_FRAGMENT);
        assert_int_equal(l.l4_offset, 0);
    }
}

static void test_routing_header_with_segments_left_is_flagged(void **state)
{
    UNUSED_STATE;
    struct frame_recipe r = naive_recipe(6);
    r.ip_options = naive_ip6_ext_48;
    r.ip_options_len = sizeof(naive_ip6_ext_48);
    size_t len = build(r, 100);
    assert_false(parse(bytes, len, FRAME_STRICT).flags & FRAME_HAS_ROUTE);
    bytes[14 + 40 + 24 + 3] = 1;
    struct frame_layers l = parse(bytes, len, FRAME_STRICT);
    assert_true(l.flags & FRAME_HAS_ROUTE);
    assert_int_equal(l.l4_offset, 14 + 40 + 48);
}

static void test_other_protocols_as_found(void **state)
{
    UNUSED_STATE;
    size_t len = build(naive_recipe(4), 100);
    bytes[23] = 1; /* ICMP */
    struct frame_layers l = parse(bytes, len, FRAME_STRICT);
    assert_int_equal(l.l4_proto, 1);
    assert_int_equal(l.l4_offset, 34);
    assert_int_equal(l.payload_offset, 0);
    len = build(naive_recipe(6), 100);
    bytes[20] = 51; /* authentication header: covers the payload, so not walked */
    assert_int_equal(parse(bytes, len, FRAME_STRICT).l4_proto, 51);
    bytes[20] = 59;
    assert_int_equal(parse(bytes, len, FRAME_STRICT).l4_offset, 0);
}

static void test_arp_has_no_network_layer(void **state)
{
    UNUSED_STATE;
    size_t len = build(naive_recipe(4), 100);
    naive_put(bytes + 12, 2, 0x0806);
    struct frame_layers l = parse(bytes, len, FRAME_STRICT);
    assert_int_equal(l.ether_type, 0x0806);
    assert_int_equal(l.l2_len, 14);
    assert_int_equal(l.l3_offset, 0);
    assert_int_equal(l.ip_version, 0);
}

/* What holds for any bytes. */
static void assert_sane(const struct frame_layers *l, size_t have, size_t frame_len)
{
    assert_true(l->l2_len <= have && l->l3_offset <= have && l->l4_offset <= have);
    assert_true(l->payload_offset <= have && l->ip_end <= frame_len);
    assert_int_equal(l->l3_offset != 0, l->ip_version != 0);
    if (l->l3_offset)
        assert_int_equal(l->l3_offset, l->l2_len);
    if (l->l4_offset)
        assert_true(l->l3_offset && l->ip_end > l->l4_offset && l->l4_offset > l->l3_offset);
    if (l->payload_offset)
        assert_true(l->l4_offset && l->payload_offset <= l->ip_end);
    if (!l->l4_offset)
        assert_int_equal(l->l4_proto, 0);
}

/* Heap blocks of the exact size, so that a sanitizer sees one byte too many. */
static void truncate_everywhere(size_t len, const struct frame_layers *whole)
{
    for (size_t have = 0; have <= len; have++) {
        uint8_t *exact = malloc(have ? have : 1);
        assert_non_null(exact);
        memcpy(exact, bytes, have);
        for (enum frame_parse_mode mode = FRAME_STRICT; mode <= FRAME_LARGE_TEMPLATE; mode++) {
            struct frame_layers l;
            frame_parse(exact, have, len, mode, &l); /* the head is short */
            assert_sane(&l, have, len);
            if (have >= whole->payload_offset)
                assert_memory_equal(&l.l2_len, &whole->l2_len, 8);
            else
                assert_true(l.payload_offset == 0 && l.flags & FRAME_HEAD_SHORT);
            frame_parse(exact, have, have, mode, &l); /* the frame is short */
            assert_sane(&l, have, have);
            assert_false(l.flags & FRAME_HEAD_SHORT);
            if (have < whole->payload_offset)
                assert_int_equal(l.payload_offset, 0);
        }
        free(exact);
    }
}

static void test_truncated_at_every_length(void **state)
{
    UNUSED_STATE;
    for (unsigned i = 0; i < 32; i++) {
        struct frame_recipe r = naive_recipe(i & 1 ? 4 : 6);
        r.vlan = i & 2;
        r.snap = i & 4;
        r.l4_proto = i & 8 ? 6 : 17;
        if (i & 16) {
            r.ip_options = i & 1 ? naive_ip4_options_40 : naive_ip6_ext_48;
            r.ip_options_len = i & 1 ? 40 : 48;
            if (r.l4_proto == 6) {
                r.tcp_options = naive_tcp_options_40;
                r.tcp_options_len = 40;
            }
        }
        size_t len = build(r, 20);
        struct frame_layers whole = parse(bytes, len, FRAME_STRICT);
        assert_int_equal(whole.payload_offset, naive_shape(&r).header_len);
        truncate_everywhere(len, &whole);
    }
}

static void test_any_bytes_change_nothing_but_the_answer(void **state)
{
    UNUSED_STATE;
    uint64_t seed = 99;
    for (unsigned round = 0; round < 20000; round++) {
        struct frame_recipe r = naive_recipe(round & 1 ? 4 : 6);
        if (!(round & 1)) {
            r.ip_options = naive_ip6_ext_48;
            r.ip_options_len = 48;
        }
        size_t len = build(r, 20);
        for (unsigned i = 0; i < 1 + round % 4; i++)
            bytes[12 + naive_random(&seed) % (len - 12)] = naive_random(&seed);
        for (enum frame_parse_mode mode = FRAME_STRICT; mode <= FRAME_LARGE_TEMPLATE; mode++) {
            struct frame_layers l = parse(bytes, len, mode);
            assert_sane(&l, len, len);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp_ipv4),
        cmocka_unit_test(test_tcp_ipv6_with_extensions_tag_and_snap),
        cmocka_unit_test(test_udp_both_versions),
        cmocka_unit_test(test_udp_length_that_contradicts_is_no_transport),
        cmocka_unit_test(test_stacked_tags_report_the_outermost),
        cmocka_unit_test(test_tags_to_the_end_are_bounded),
        cmocka_unit_test(test_802_3_without_snap_has_no_type),
        cmocka_unit_test(test_802_3_length_bounds_the_datagram),
        cmocka_unit_test(test_padding_is_outside_the_datagram),
        cmocka_unit_test(test_ip_length_beyond_frame_reports_header_only),
        cmocka_unit_test(test_large_template_ignores_ip_length),
        cmocka_unit_test(test_wrong_version_or_header_length_is_no_ip),
        cmocka_unit_test(test_tcp_data_offset_outside_datagram_is_no_transport),
        cmocka_unit_test(test_fragments_have_no_transport),
        cmocka_unit_test(test_ipv6_fragment_header),
        cmocka_unit_test(test_routing_header_with_segments_left_is_flagged),
        cmocka_unit_test(test_other_protocols_as_found),
        cmocka_unit_test(test_arp_has_no_network_layer),
        cmocka_unit_test(test_truncated_at_every_length),
        cmocka_unit_test(test_any_bytes_change_nothing_but_the_answer),
    };
    naive_fill(text, sizeof(text), 3);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
