/* SPDX-License-Identifier: MIT */
/* Large sends (LSO2, and LSO1 rows marked "both") through the whole path, both builds: right ones.
 */
#include "test_path_large.h"

static const unsigned versions[] = {4, 6};

static void test_LSO1_3_all_frames_but_the_last_are_full_and_none_is_empty(void **state)
{
    static const uint32_t sizes[] = {2, 3, 999, 1000, 1001, 1999, 2000, 2001, 30000, 44444};
    static const uint32_t segments[] = {1000, 536, 1, 1420};
    static struct segment s;

    UNUSED_STATE;
    for (unsigned i = 0; i < COUNT(sizes) * COUNT(segments) * 2; i++) {
        uint32_t size = sizes[i / 2 % COUNT(sizes)], mss = segments[i / 2 / COUNT(sizes)], n = 0;
        struct frame_recipe r = large_recipe(versions[i % 2], size);
        struct packet *k = large_packet(&r);
        uint32_t at = (uint32_t)k->sh.header_len;

        if (size / mss > 3000)
            continue;
        large_send(k, mss, &(struct ask){0});
        for (; next_segment(&s, &k->sh); n++) {
            assert_int_equal(s.payload, size - n * mss < mss ? size - n * mss : mss);  /* LSO1-3 */
            assert_memory_equal(s.bytes + k->sh.header_len, k->bytes + at, s.payload); /* LSO1-4 */
            at += s.payload;
        }
        assert_int_equal(at, k->len);
        assert_int_equal(n, (size + mss - 1) / mss); /* LSO1-5 */
    }
}

static void test_LSO1_2_options_do_not_count_against_the_mss(void **state)
{
    UNUSED_STATE;
    for (unsigned v = 0; v < 2; v++) {
        struct frame_recipe r = large_recipe(versions[v], 5001);

        r.tcp_options = naive_tcp_options_12;
        r.tcp_options_len = sizeof naive_tcp_options_12;
        expect_large(large_packet(&r), 1000, &(struct ask){0});
    }
}

static void test_LSO1_6_sequence_numbers_count_and_wrap(void **state)
{
    static const uint32_t first[] = {0, 0xffffffff, 0xfffffc18, 0xfffff000, 0x7ffffff0};
    static struct segment s;

    UNUSED_STATE;
    for (unsigned i = 0; i < COUNT(first) * 2; i++) {
        struct frame_recipe r = large_recipe(versions[i % 2], 4500);
        struct packet *k;
        uint32_t n = 0;

        r.seq = first[i / 2];
        k = large_packet(&r);
        large_send(k, 1000, &(struct ask){0});
        for (; next_segment(&s, &k->sh); n++)
            assert_int_equal(naive_get(s.bytes + k->sh.l4 + 4, 4), (uint32_t)(r.seq + n * 1000));
        assert_int_equal(n, 5);
    }
}

/* LSO1-7, LSO1-11, LSO1-19, LSO2-10, LSO2-14. */
static void test_LSO1_7_the_template_is_copied(void **state)
{
    UNUSED_STATE;
    for (unsigned v = 0; v < 2; v++) {
        for (unsigned tos = 0; tos < 256; tos += 51) {
            struct frame_recipe r = large_recipe(versions[v], 3000);
            struct packet *k;

            r.tos = (uint8_t)tos;
            r.ttl = (uint8_t)(255 - tos);
            r.window = (uint16_t)(tos << 8 | 1);
            r.ack = 0x80000000 + tos;
            k = large_packet(&r);
            k->bytes[k->sh.l4 + 12] |= 0x0e; /* reserved bits */
            if (versions[v] == 6)
                naive_put(k->bytes + k->sh.l3 + 1, 3, tos << 20 | 0xabcde); /* flow label */
            else
                k->bytes[k->sh.l3 + 6] = tos & 1 ? 0x40 : 0; /* DF or not */
            expect_large(k, 999, &(struct ask){0});
        }
    }
}

static void test_LSO1_8_9_10_fin_and_psh_last_cwr_first(void **state)
{
    static struct segment s;

    UNUSED_STATE;
    for (unsigned i = 0; i < 64; i++) {
        struct frame_recipe r = large_recipe(versions[i % 2], 4001);
        uint32_t n = 0, last = 4;
        struct packet *k;

        r.tcp_flags = (uint8_t)((i & 2 ? FIN : 0) | (i & 4 ? PSH : 0) | (i & 8 ? CWR : 0) |
                                (i & 16 ? ECE : 0) | (i & 32 ? ACK : 0));
        k = large_packet(&r);
        large_send(k, 1000, &(struct ask){0});
        for (; next_segment(&s, &k->sh); n++) {
            uint8_t flags = s.bytes[k->sh.l4 + 13];

            assert_int_equal(flags & (FIN | PSH), n == last ? r.tcp_flags & (FIN | PSH) : 0);
            assert_int_equal(flags & CWR, n == 0 ? r.tcp_flags & CWR : 0);
            assert_int_equal(flags & (ECE | ACK), r.tcp_flags & (ECE | ACK));
            assert_int_equal(flags & (SYN | RST | URG), 0);
        }
        assert_int_equal(n, last + 1);
    }
}

/* ---- Options -------------------------------------------------------------------------------- */

static void each_option(unsigned version, const uint8_t *ip, uint8_t ip_len, uint8_t first)
{
    static const struct {
        const uint8_t *bytes;
        uint8_t len;
    } tcp[] = {{NULL, 0}, {naive_tcp_options_12, 12}, {naive_tcp_options_40, 40}};

    for (unsigned i = 0; i < COUNT(tcp); i++) {
        struct frame_recipe r = large_recipe(version, 6543);
        struct packet *k;

        r.ip_options = ip;
        r.ip_options_len = ip_len;
        r.ip_options_proto = first;
        r.tcp_options = tcp[i].bytes;
        r.tcp_options_len = tcp[i].len;
        k = large_packet(&r);
        if (k->sh.header_len <= NDIS_LARGE_SEND_OFFLOAD_MAX_HEADER_LENGTH)
            expect_large(k, 1200, &(struct ask){0});
    }
}

static void test_LSO1_13_tcp_options_in_every_frame(void **state)
{
    UNUSED_STATE;
    each_option(4, NULL, 0, 0);
    each_option(6, NULL, 0, 0); /* LSO2-13 */
}

static void test_LSO2_11_ipv4_options_in_every_frame(void **state)
{
    uint8_t options[40];

    UNUSED_STATE;
    naive_fill(options, sizeof options, 11);
    for (uint8_t len = 4; len <= 40; len += 4)
        each_option(4, options, len, 0);
}

static void test_LSO2_12_ipv6_extension_headers_in_every_frame(void **state)
{
    UNUSED_STATE;
    assert_int_equal(path.bind_offload.LsoV2.IPv6.IpExtensionHeadersSupported, 1);
    assert_int_equal(path.bind_offload.LsoV2.IPv6.TcpOptionsSupported, 1);
    each_option(6, naive_ip6_ext_8, 8, 0);
    each_option(6, naive_ip6_ext_48, 48, 0);
}

/* ---- Lengths, sums and numbers -------------------------------------------------------------- */

static void test_LSO1_15_16_17_18_lengths_and_checksums(void **state)
{
    static struct segment s;

    UNUSED_STATE;
    for (unsigned i = 0; i < 8; i++) {
        struct frame_recipe r = large_recipe(versions[i % 2], 7001);
        struct packet *k = large_packet(&r);
        struct ask a = {.checksum = i & 2 ? ask_checksum(k, ASK_IP | ASK_TCP) : NULL};
        uint32_t mss = i & 4 ? 1337 : 1400, n = 0;

        assert_int_equal(large_send(k, mss, &a).status, NDIS_STATUS_SUCCESS);
        for (; next_segment(&s, &k->sh); n++) {
            assert_int_equal(s.payload, 7001 - n * mss < mss ? 7001 - n * mss : mss);
            if (versions[i % 2] == 4)
                assert_int_equal(naive_ip_header(s.bytes, &k->sh), 0xffff);
            assert_int_equal(naive_transport(s.bytes, &k->sh, s.len, 6), 0xffff);
        }
        assert_int_equal(n, 6);
    }
}

static void test_LSO2_5_ipv6_payload_length_is_not_relied_on(void **state)
{
    static const uint16_t there[] = {0, 1, 20, 5020, 0xffff};
    struct frame_recipe r = large_recipe(6, 5000);

    UNUSED_STATE;
    for (unsigned i = 0; i < COUNT(there); i++) {
        struct packet *k = large_packet(&r);

        naive_put(k->bytes + k->sh.l3 + 4, 2, there[i]);
        expect_large(k, 1400, &(struct ask){0});
    }
}

static void test_LSO2_7_identification_wraps_at_7fff(void **state)
{
    static const uint16_t want[] = {0x7ffe, 0x7fff, 0x0000, 0x0001};
    struct frame_recipe r = large_recipe(4, 4000);
    static struct segment s;
    struct packet *k;

    UNUSED_STATE;
    r.ip_id = 0x7ffe;
    k = large_packet(&r);
    large_send(k, 1000, &(struct ask){0});
    for (unsigned i = 0; i < COUNT(want); i++) {
        assert_true(next_segment(&s, &k->sh));
        assert_int_equal(naive_get(s.bytes + k->sh.l3 + 4, 2), want[i]);
        assert_int_equal(naive_ip_header(s.bytes, &k->sh), 0xffff);
    }
    expect_nothing_more();
}

static void test_LSO2_8_identification_of_8000_or_more_loses_its_top_bit(void **state)
{
    static const uint16_t there[] = {0x8000, 0x8001, 0xffff, 0xfffe};

    UNUSED_STATE;
    for (unsigned i = 0; i < COUNT(there); i++) {
        struct frame_recipe r = large_recipe(4, 4000);

        r.ip_id = there[i];
        expect_large(large_packet(&r), 1000, &(struct ask){0});
    }
}

static void test_LSO1_26_the_largest_size_in_force(void **state)
{
    static const uint32_t segments[] = {1400, 536};

    UNUSED_STATE;
    for (unsigned i = 0; i < 4; i++) {
        const uint32_t max = i % 2 ? path.bind_offload.LsoV2.IPv6.MaxOffLoadSize
                                   : path.bind_offload.LsoV2.IPv4.MaxOffLoadSize;
        struct frame_recipe r = large_recipe(versions[i % 2], max);

        assert_true(max > 0 && max < PATH_FRAME - 200);
        r.tcp_options = naive_tcp_options_40;
        r.tcp_options_len = sizeof naive_tcp_options_40;
        expect_large(large_packet(&r), segments[i / 2], &(struct ask){0});
    }
}

/* ---- Buffers and order ---------------------------------------------------------------------- */

static void test_LSO1_24_headers_in_the_first_mdl_payload_behind(void **state)
{
    UNUSED_STATE;
    for (unsigned v = 0; v < 2; v++) {
        struct frame_recipe r = large_recipe(versions[v], 9000);
        struct packet *k = large_packet(&r);
        uint32_t headers = (uint32_t)k->sh.header_len;
        const uint32_t splits[][5] = {{headers, 0},
                                      {headers + 1, 0},
                                      {headers, UINT32_MAX, 0},
                                      {headers, 1, 1460, 1, 0},
                                      {headers, 4096, 4096, 0}};

        for (unsigned i = 0; i < COUNT(splits); i++)
            expect_large(k, 1440, &(struct ask){.splits = splits[i]});
        expect_large(k, 1440, &(struct ask){.splits = splits[0], .front = 0, .back = 77});
    }
}

static void test_LSO1_25_payload_in_pieces_of_any_size(void **state)
{
    static const uint32_t sizes[] = {7, 61, 255, 256, 333, 1459, 1461, 4095};
    static uint32_t splits[2000];

    UNUSED_STATE;
    for (unsigned i = 0; i < COUNT(sizes) * 2; i++) {
        struct frame_recipe r = large_recipe(versions[i % 2], 12345);
        struct packet *k = large_packet(&r);
        uint32_t n = 0;

        splits[n++] = (uint32_t)k->sh.header_len;
        while (n < 12345 / sizes[i / 2])
            splits[n++] = sizes[i / 2];
        splits[n] = 0;
        expect_large(k, 1337, &(struct ask){.splits = splits});
    }
}

/* Also LSO1-32, TXC-23: NBLs of all kinds in one chain, each back once. */
static void test_LSO1_29_frames_leave_in_the_order_of_their_nbls(void **state)
{
    enum { N = 36 };
    static struct packet in[N], want;
    NET_BUFFER_LIST *first = NULL, **tail = &first;

    UNUSED_STATE;
    path_forget(&path);
    for (unsigned i = 0; i < N; i++) {
        struct frame_recipe r = i % 3 ? large_recipe(versions[i % 2], 1000 + i * 1500)
                                      : path_recipe(versions[i % 2], 6, i * 20);
        struct ask a = {0};

        r.ip_id = (uint16_t)i;
        if (i % 3) {
            large_build(&in[i], &r);
            a.lso = large_ask(&in[i], 1400);
        } else {
            packet_build(&in[i], &r);
            packet_unfinish(&in[i]);
            a.checksum = ask_checksum(&in[i], i % 2 ? ASK_TCP : 0);
        }
        *tail = ask_nbl(in[i].bytes, in[i].len, &a);
        tail = &(*tail)->Next;
    }
    path_send(&path, first, N);
    assert_int_equal(path.completed_count, N);
    for (unsigned i = 0; i < N; i++) {
        for (unsigned j = 0; j < i; j++)
            assert_ptr_not_equal(path.completed[i].nbl, path.completed[j].nbl);
        assert_int_equal(path.completed[i].status, NDIS_STATUS_SUCCESS);
        if (i % 3) {
            expect_segments(&in[i], 1400);
        } else {
            packet_finish(&want, &in[i], i % 2 ? ASK_TCP : 0);
            expect_wire(want.bytes, want.len);
        }
    }
    expect_nothing_more();
}

/* The offload work is the card's: one chain in, segments counted there (also LSO2-16). */
static void test_SEC_2_the_card_cuts_and_sums(void **state)
{
    uint64_t large = nic_counter(path.nic, NIC_TX_LARGE),
             cut = nic_counter(path.nic, NIC_TX_SEGMENTS),
             sums = nic_counter(path.nic, NIC_TX_CSUM);
    struct frame_recipe r = large_recipe(4, 10000), small = path_recipe(4, 6, 1000);
    static struct packet k;

    UNUSED_STATE;
    expect_large(large_packet(&r), 1000, &(struct ask){0});
    assert_int_equal(nic_counter(path.nic, NIC_TX_LARGE) - large, 1);
    assert_int_equal(nic_counter(path.nic, NIC_TX_SEGMENTS) - cut, 10);
    packet_build(&k, &small);
    packet_unfinish(&k);
    expect_checksummed(&k, ASK_TCP | ASK_IP, &(struct ask){0});
    assert_int_equal(nic_counter(path.nic, NIC_TX_CSUM) - sums, 1);
}

int main(void)
{
    const struct CMUnitTest large[] = {
        cmocka_unit_test(test_LSO1_3_all_frames_but_the_last_are_full_and_none_is_empty),
        cmocka_unit_test(test_LSO1_2_options_do_not_count_against_the_mss),
        cmocka_unit_test(test_LSO1_6_sequence_numbers_count_and_wrap),
        cmocka_unit_test(test_LSO1_7_the_template_is_copied),
        cmocka_unit_test(test_LSO1_8_9_10_fin_and_psh_last_cwr_first),
        cmocka_unit_test(test_LSO1_13_tcp_options_in_every_frame),
        cmocka_unit_test(test_LSO2_11_ipv4_options_in_every_frame),
        cmocka_unit_test(test_LSO2_12_ipv6_extension_headers_in_every_frame),
        cmocka_unit_test(test_LSO1_15_16_17_18_lengths_and_checksums),
        cmocka_unit_test(test_LSO2_5_ipv6_payload_length_is_not_relied_on),
        cmocka_unit_test(test_LSO2_7_identification_wraps_at_7fff),
        cmocka_unit_test(test_LSO2_8_identification_of_8000_or_more_loses_its_top_bit),
        cmocka_unit_test(test_LSO1_26_the_largest_size_in_force),
        cmocka_unit_test(test_LSO1_24_headers_in_the_first_mdl_payload_behind),
        cmocka_unit_test(test_LSO1_25_payload_in_pieces_of_any_size),
        cmocka_unit_test(test_LSO1_29_frames_leave_in_the_order_of_their_nbls),
        cmocka_unit_test(test_SEC_2_the_card_cuts_and_sums),
        cmocka_unit_test(test_no_rule_was_broken_and_nothing_is_left),
    };

    return path_run("LSO", large, COUNT(large), true);
}
