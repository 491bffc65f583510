/* SPDX-License-Identifier: MIT */
/* Transmit checksums (TXC) through the whole path, both builds of the driver. */
#include "test_path_frames.h"

static const unsigned versions[] = {4, 6}, protocols[] = {6, 17};
static const uint32_t no_splits[] = {0};

static unsigned transport(unsigned proto)
{
    return proto == 6 ? ASK_TCP : ASK_UDP;
}

static struct packet *unfinished(const struct frame_recipe *r)
{
    static struct packet k;

    packet_build(&k, r);
    packet_unfinish(&k);
    return &k;
}

static void each_length(unsigned version, unsigned proto)
{
    const struct ask plain = {0};

    for (uint32_t len = 0; len <= 1440; len += len < 70 || len >= 1420 ? 1 : 75) {
        struct frame_recipe r = path_recipe(version, proto, len);

        expect_checksummed(unfinished(&r), transport(proto) | ASK_IP, &plain);
    }
}

static void test_TXC_2_without_a_family_bit_the_frame_leaves_as_given(void **state)
{
    UNUSED_STATE;
    for (unsigned i = 0; i < 4; i++) {
        struct frame_recipe r = path_recipe(versions[i / 2], protocols[i % 2], 77 + i);
        struct packet *k = unfinished(&r);
        struct ask a = {.checksum = (void *)(uintptr_t)(0xfffffffcu ^ 0x03ff0000u)};

        assert_int_equal(path_ask(k->bytes, k->len, &a).status, NDIS_STATUS_SUCCESS);
        expect_wire(k->bytes, k->len);
        a.checksum = NULL;
        assert_int_equal(path_ask(k->bytes, k->len, &a).status, NDIS_STATUS_SUCCESS);
        expect_wire(k->bytes, k->len);
    }
}

static void test_TXC_3_only_the_checksums_asked_for_are_computed(void **state)
{
    const struct ask plain = {0};

    UNUSED_STATE;
    for (unsigned i = 0; i < 4; i++) {
        struct frame_recipe r = path_recipe(versions[i / 2], protocols[i % 2], 201);
        unsigned t = transport(protocols[i % 2]);
        struct packet *k = unfinished(&r);

        expect_checksummed(k, 0, &plain);
        expect_checksummed(k, ASK_IP, &plain);
        expect_checksummed(k, t, &plain);
        expect_checksummed(k, t | ASK_IP, &plain);
    }
}

static void test_TXC_6_ipv4_tcp_of_any_length(void **state)
{
    UNUSED_STATE;
    each_length(4, 6);
}

static void test_TXC_7_ipv6_tcp_of_any_length(void **state)
{
    UNUSED_STATE;
    each_length(6, 6);
}

static void test_TXC_8_ipv4_udp_of_any_length(void **state)
{
    UNUSED_STATE;
    each_length(4, 17);
}

static void test_TXC_9_ipv6_udp_of_any_length(void **state)
{
    UNUSED_STATE;
    each_length(6, 17);
}

/* Two payload bytes make up for all others, so that the checksum comes out as 0. */
static void sum_to_zero(unsigned version)
{
    uint8_t payload[2] = {0};
    struct frame_recipe r = path_recipe(version, 17, sizeof payload);
    static struct packet k;
    uint8_t got[SHORTEST + 40];

    r.payload = payload;
    packet_build(&k, &r);
    naive_put(packet_field(&k), 2, 0);
    naive_put(k.bytes + k.sh.header_len, 2, 0xffff - naive_transport(k.bytes, &k.sh, k.len, 17));
    assert_int_equal(naive_transport(k.bytes, &k.sh, k.len, 17), 0xffff);
    packet_unfinish(&k);
    path_ask(k.bytes, k.len, &(struct ask){.checksum = ask_checksum(&k, ASK_UDP)});
    assert_true(path_wire_read(&path, got, sizeof got, 2) >= k.len);
    assert_int_equal(naive_get(got + k.sh.l4 + 6, 2), 0xffff);
}

static void test_TXC_8_ipv4_udp_sum_of_0_leaves_as_ffff(void **state)
{
    UNUSED_STATE;
    sum_to_zero(4);
}

static void test_TXC_9_ipv6_udp_sum_of_0_leaves_as_ffff(void **state)
{
    UNUSED_STATE;
    sum_to_zero(6);
}

static void test_TXC_10_ipv4_headers_of_20_to_60_bytes(void **state)
{
    const struct ask plain = {0};
    uint8_t options[40];

    UNUSED_STATE;
    naive_fill(options, sizeof options, 10);
    for (uint8_t len = 0; len <= 40; len += 4) {
        struct frame_recipe r = path_recipe(4, 17, 33);

        r.ip_options = options;
        r.ip_options_len = len;
        expect_checksummed(unfinished(&r), ASK_IP, &plain);
        expect_checksummed(unfinished(&r), ASK_IP | ASK_UDP, &plain);
    }
}

static void test_TXC_11_what_stands_in_the_ip_field_does_not_matter(void **state)
{
    static const uint16_t there[] = {0, 1, 0xffff, 0x8000, 0x1234};
    struct frame_recipe r = path_recipe(4, 6, 100);
    const struct ask plain = {0};

    UNUSED_STATE;
    for (unsigned i = 0; i < COUNT(there); i++) {
        struct packet *k = unfinished(&r);

        naive_put(k->bytes + k->sh.l3 + 10, 2, there[i]);
        expect_checksummed(k, ASK_IP | ASK_TCP, &plain);
    }
}

static void test_TXC_12_udp_needs_no_header_offset(void **state)
{
    static struct packet want;
    struct frame_recipe r = path_recipe(4, 17, 50);
    struct packet *k = unfinished(&r);

    UNUSED_STATE;
    packet_finish(&want, k, ASK_UDP | ASK_IP);
    for (unsigned offset = 0; offset < 1024; offset += 341) {
        NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO i = {.Value = ask_checksum(k, ASK_UDP | ASK_IP)};

        i.Transmit.TcpHeaderOffset = offset & 0x3ff;
        path_ask(k->bytes, k->len, &(struct ask){.checksum = i.Value});
        expect_wire(want.bytes, want.len);
    }
}

static void test_TXC_13_ipv4_and_tcp_options(void **state)
{
    const struct ask plain = {0};
    struct frame_recipe r = path_recipe(4, 6, 555);

    UNUSED_STATE;
    r.tcp_options = naive_tcp_options_12;
    r.tcp_options_len = sizeof naive_tcp_options_12;
    expect_checksummed(unfinished(&r), ASK_IP | ASK_TCP, &plain);
    r.ip_options = naive_ip4_options_4;
    r.ip_options_len = sizeof naive_ip4_options_4;
    expect_checksummed(unfinished(&r), ASK_IP | ASK_TCP, &plain);
    r.ip_options = naive_ip4_options_40;
    r.ip_options_len = sizeof naive_ip4_options_40;
    r.tcp_options = naive_tcp_options_40;
    r.tcp_options_len = sizeof naive_tcp_options_40;
    expect_checksummed(unfinished(&r), ASK_IP | ASK_TCP, &plain);
    expect_checksummed(unfinished(&r), ASK_TCP, &plain);
}

static void extensions(const uint8_t *bytes, uint8_t len, uint8_t first)
{
    const struct ask plain = {0};

    for (unsigned i = 0; i < 2; i++) {
        struct frame_recipe r = path_recipe(6, protocols[i], 321);

        r.ip_options = bytes;
        r.ip_options_len = len;
        r.ip_options_proto = first;
        expect_checksummed(unfinished(&r), transport(protocols[i]), &plain);
        if (protocols[i] == 6) {
            r.tcp_options = naive_tcp_options_40;
            r.tcp_options_len = sizeof naive_tcp_options_40;
            expect_checksummed(unfinished(&r), ASK_TCP, &plain);
        }
    }
}

static void test_TXC_13_ipv6_extension_headers_of_up_to_128_bytes(void **state)
{
    uint8_t longest[128] = {0, 15, 1, 124};

    UNUSED_STATE;
    naive_fill(longest + 4, sizeof longest - 4, 13);
    extensions(naive_ip6_ext_8, sizeof naive_ip6_ext_8, 0);
    extensions(naive_ip6_ext_48, sizeof naive_ip6_ext_48, 0);
    extensions(longest, sizeof longest, 60);
}

static void test_TXC_14_each_net_buffer_gets_its_own(void **state)
{
    static const uint32_t lengths[] = {0, 1, 700, 701, 1400}, three[] = {3, 14, 5, 0};
    static struct packet in[COUNT(lengths)], want;
    NET_BUFFER_LIST *nbl = NULL;

    UNUSED_STATE;
    for (unsigned v = 0; v < 2; v++) {
        path_forget(&path);
        for (unsigned i = 0; i < COUNT(lengths); i++) {
            struct frame_recipe r = path_recipe(versions[v], 6, lengths[i]);

            r.seq += i;
            packet_build(&in[i], &r);
            packet_unfinish(&in[i]);
            if (i == 0)
                nbl = ask_nbl(in[0].bytes, in[0].len,
                              &(struct ask){.checksum = ask_checksum(&in[0], ASK_IP | ASK_TCP)});
            else
                path_add_nb(&path, nbl, in[i].bytes, in[i].len, three, i);
        }
        path_send(&path, nbl, 1);
        assert_int_equal(path.completed[0].status, NDIS_STATUS_SUCCESS);
        for (unsigned i = 0; i < COUNT(lengths); i++) {
            packet_finish(&want, &in[i], ASK_IP | ASK_TCP);
            expect_wire(want.bytes, want.len);
        }
    }
}

/* ---- Buffers -------------------------------------------------------------------------------- */

static void test_TXC_15_headers_split_at_every_byte(void **state)
{
    UNUSED_STATE;
    for (unsigned v = 0; v < 2; v++) {
        struct frame_recipe r = path_recipe(versions[v], 6, 211);
        struct packet *k;

        r.tcp_options = naive_tcp_options_12;
        r.tcp_options_len = sizeof naive_tcp_options_12;
        k = unfinished(&r);
        for (uint32_t at = 1; at < k->sh.header_len + 4; at++) {
            uint32_t once[] = {at, 0}, thrice[] = {at, 1, 2, 0};

            expect_checksummed(k, ASK_IP | ASK_TCP, &(struct ask){.splits = once});
            expect_checksummed(k, ASK_IP | ASK_TCP, &(struct ask){.splits = thrice});
        }
    }
}

static void test_TXC_15_pieces_of_any_size(void **state)
{
    static const uint32_t sizes[] = {1, 2, 3, 7, 13, 17, 37, 64, 255};
    static uint32_t splits[1600];

    UNUSED_STATE;
    for (unsigned i = 0; i < 4; i++) {
        struct frame_recipe r = path_recipe(versions[i / 2], protocols[i % 2], 1301);
        struct packet *k = unfinished(&r);

        for (unsigned s = 0; s < COUNT(sizes); s++) {
            uint32_t n = k->len / sizes[s];

            for (uint32_t j = 0; j < n; j++)
                splits[j] = sizes[s];
            splits[n] = 0;
            expect_checksummed(k, ASK_IP | transport(protocols[i % 2]),
                               &(struct ask){.splits = splits});
        }
    }
}

static void test_TXC_15_empty_mdls(void **state)
{
    static const uint32_t none = UINT32_MAX;
    const uint32_t splits[][8] = {{none, 0},
                                  {none, none, 14, none, 20, none, 0},
                                  {14, none, 0},
                                  {34, none, 20, none, 1, none, 0},
                                  {254, none, none, 0}};

    UNUSED_STATE;
    for (unsigned v = 0; v < 2; v++) {
        struct frame_recipe r = path_recipe(versions[v], 6, 401);
        struct packet *k = unfinished(&r);

        for (unsigned i = 0; i < COUNT(splits); i++)
            expect_checksummed(k, ASK_IP | ASK_TCP, &(struct ask){.splits = splits[i]});
    }
}

static void test_TXC_15_data_at_an_offset_and_not_to_the_end(void **state)
{
    static const uint32_t offsets[] = {1, 2, 3, 13, 64, 127, 4095, 5000};
    const uint32_t two[] = {40, 60, 0};

    UNUSED_STATE;
    for (unsigned v = 0; v < 2; v++) {
        struct frame_recipe r = path_recipe(versions[v], 6, 301);
        struct packet *k = unfinished(&r);

        for (unsigned i = 0; i < COUNT(offsets); i++) {
            struct ask a = {.front = offsets[i], .back = offsets[COUNT(offsets) - 1 - i]};

            expect_checksummed(k, ASK_IP | ASK_TCP, &a);
            a.splits = two; /* the data begins behind the first MDLs */
            expect_checksummed(k, ASK_IP | ASK_TCP, &a);
        }
    }
}

static void test_TXC_20_padding_is_zero_and_not_summed(void **state)
{
    UNUSED_STATE;
    for (uint32_t len = 0; len < 20; len++) {
        struct frame_recipe r = path_recipe(4, len % 2 ? 6 : 17, len);

        expect_checksummed(unfinished(&r), ASK_IP | transport(r.l4_proto),
                           &(struct ask){.front = len, .back = 64, .splits = no_splits});
    }
}

static void test_TXC_23_mixed_chain_leaves_in_order_each_by_its_own_slot(void **state)
{
    enum { N = 40 };
    static struct packet in[N], want;
    static const unsigned asked[] = {0, ASK_IP, ASK_TCP, ASK_IP | ASK_TCP};
    NET_BUFFER_LIST *first = NULL, **tail = &first;

    UNUSED_STATE;
    path_forget(&path);
    for (unsigned i = 0; i < N; i++) {
        struct frame_recipe r = path_recipe(versions[i % 3 == 2], 6, i * 36);

        r.seq = i;
        packet_build(&in[i], &r);
        packet_unfinish(&in[i]);
        *tail = ask_nbl(in[i].bytes, in[i].len,
                        &(struct ask){.checksum = ask_checksum(&in[i], asked[i % 4])});
        tail = &(*tail)->Next;
    }
    path_send(&path, first, N);
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(path.completed[i].status, NDIS_STATUS_SUCCESS);
        packet_finish(&want, &in[i], asked[i % 4]);
        expect_wire(want.bytes, want.len);
    }
}

int main(void)
{
    const struct CMUnitTest checksums[] = {
        cmocka_unit_test(test_TXC_2_without_a_family_bit_the_frame_leaves_as_given),
        cmocka_unit_test(test_TXC_3_only_the_checksums_asked_for_are_computed),
        cmocka_unit_test(test_TXC_6_ipv4_tcp_of_any_length),
        cmocka_unit_test(test_TXC_7_ipv6_tcp_of_any_length),
        cmocka_unit_test(test_TXC_8_ipv4_udp_of_any_length),
        cmocka_unit_test(test_TXC_8_ipv4_udp_sum_of_0_leaves_as_ffff),
        cmocka_unit_test(test_TXC_9_ipv6_udp_of_any_length),
        cmocka_unit_test(test_TXC_9_ipv6_udp_sum_of_0_leaves_as_ffff),
        cmocka_unit_test(test_TXC_10_ipv4_headers_of_20_to_60_bytes),
        cmocka_unit_test(test_TXC_11_what_stands_in_the_ip_field_does_not_matter),
        cmocka_unit_test(test_TXC_12_udp_needs_no_header_offset),
        cmocka_unit_test(test_TXC_13_ipv4_and_tcp_options),
        cmocka_unit_test(test_TXC_13_ipv6_extension_headers_of_up_to_128_bytes),
        cmocka_unit_test(test_TXC_14_each_net_buffer_gets_its_own),
        cmocka_unit_test(test_TXC_15_headers_split_at_every_byte),
        cmocka_unit_test(test_TXC_15_pieces_of_any_size),
        cmocka_unit_test(test_TXC_15_empty_mdls),
        cmocka_unit_test(test_TXC_15_data_at_an_offset_and_not_to_the_end),
        cmocka_unit_test(test_TXC_20_padding_is_zero_and_not_summed),
        cmocka_unit_test(test_TXC_23_mixed_chain_leaves_in_order_each_by_its_own_slot),
        cmocka_unit_test(test_no_rule_was_broken_and_nothing_is_left),
    };

    return path_run("TXC", checksums, COUNT(checksums), true);
}
