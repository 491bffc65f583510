/* SPDX-License-Identifier: MIT */
/* Large sends that may not or cannot be done (LSO2, LSO1 rows marked "both", SEC): through the
 * whole path, both builds. */
#include "test_path_large.h"

static const unsigned versions[] = {4, 6};

/* ---- Requests that contradict their packet -------------------------------------------- */

static void test_LSO1_1_without_the_slot_nothing_is_cut(void **state)
{
    UNUSED_STATE;
    for (unsigned v = 0; v < 2; v++) {
        struct frame_recipe r = path_recipe(versions[v], 6, 5000);
        static struct packet k;

        packet_build(&k, &r);
        packet_unfinish(&k);
        expect_failed(path_ask(k.bytes, k.len, &(struct ask){0}).status);
        expect_failed(
            path_ask(k.bytes, k.len, &(struct ask){.checksum = ask_checksum(&k, ASK_TCP)}).status);
        expect_silence();
    }
}

static void test_LSO1_39_mss_of_0(void **state)
{
    UNUSED_STATE;
    for (unsigned v = 0; v < 2; v++) {
        struct frame_recipe r = large_recipe(versions[v], 5000);
        struct packet *k = large_packet(&r);

        expect_refused(k, large_ask(k, 0));
        expect_refused(k, ask_lso2(versions[v], 0, 0));
    }
}

static void test_LSO1_39_every_wrong_header_offset(void **state)
{
    UNUSED_STATE;
    for (unsigned v = 0; v < 2; v++) {
        struct frame_recipe r = large_recipe(versions[v], 5000);
        struct packet *k = large_packet(&r);

        for (unsigned at = 0; at < 1024; at++) {
            struct ask a = {.lso = ask_lso2(versions[v], 1400, at)};
            struct outcome o;

            if (at == k->sh.l4)
                continue;
            o = path_ask(k->bytes, k->len, &a);
            expect_failed(o.status);
            assert_int_equal(o.lso, LSO2_COMPLETE);
        }
        expect_silence();
    }
}

/* Also SEC-5, SEC-6: the buffer ends before what the request speaks of. */
static void test_LSO1_39_frames_shorter_than_their_headers(void **state)
{
    UNUSED_STATE;
    for (unsigned v = 0; v < 2; v++) {
        struct frame_recipe r = large_recipe(versions[v], 5000);
        struct packet *k;

        r.tcp_options = naive_tcp_options_12;
        r.tcp_options_len = sizeof naive_tcp_options_12;
        k = large_packet(&r);
        for (uint32_t len = 1; len < k->sh.header_len; len++) {
            struct outcome o = path_ask(k->bytes, len, &(struct ask){.lso = large_ask(k, 1000)});

            expect_failed(o.status);
            assert_int_equal(o.lso, LSO2_COMPLETE);
        }
        expect_silence();
    }
}

static void test_LSO1_39_no_tcp_at_the_offset(void **state)
{
    static const struct {
        unsigned version;
        uint8_t at, value;
        bool l4;
    } damages[] = {
        {4, 9, 17, false},   {4, 9, 0, false},    {4, 0, 0x44, false}, {4, 0, 0x46, false},
        {4, 0, 0x4f, false}, {4, 0, 0x65, false}, {4, 0, 0x00, false}, {6, 6, 17, false},
        {6, 6, 0, false},    {6, 6, 59, false},   {6, 6, 44, false},   {6, 0, 0x45, false},
        {4, 12, 0x00, true}, {4, 12, 0x40, true}, {6, 12, 0x10, true}, {6, 12, 0x4f, true},
    };
    static const unsigned types[] = {0x0806, 0x88b5, 0x8100, 0x05dc, 0x0000};

    UNUSED_STATE;
    for (unsigned i = 0; i < COUNT(damages); i++) {
        struct frame_recipe r = large_recipe(damages[i].version, 3000);
        struct packet *k = large_packet(&r);

        k->bytes[(damages[i].l4 ? k->sh.l4 : k->sh.l3) + damages[i].at] = damages[i].value;
        expect_refused(k, large_ask(k, 1000));
    }
    for (unsigned i = 0; i < COUNT(types); i++) {
        struct frame_recipe r = large_recipe(4, 3000);
        struct packet *k = large_packet(&r);

        naive_put(k->bytes + 12, 2, types[i]);
        expect_refused(k, large_ask(k, 1000));
    }
}

/* No frame on the wire is ever longer than the link takes. */
static void test_LSO1_39_mss_beyond_the_link(void **state)
{
    static const uint32_t segments[] = {1461, 1481, 4000, 0xffff, 0x10000, 0x105b4, 0xfffff};

    UNUSED_STATE;
    for (unsigned i = 0; i < COUNT(segments) * 2; i++) {
        struct frame_recipe r = large_recipe(versions[i % 2], 5000);
        struct packet *k = large_packet(&r);

        expect_refused(k, large_ask(k, segments[i / 2]));
    }
}

static void test_LSO2_2_version_that_is_not_the_packets(void **state)
{
    UNUSED_STATE;
    for (unsigned v = 0; v < 2; v++) {
        struct frame_recipe r = large_recipe(versions[v], 5000);
        struct packet *k = large_packet(&r);
        struct outcome o = path_ask(k->bytes, k->len,
                                    &(struct ask){.lso = ask_lso2(versions[!v], 1000, k->sh.l4)});

        if (o.status == NDIS_STATUS_SUCCESS)
            expect_segments(k, 1000);
        else
            expect_failed(o.status);
        assert_int_equal(o.lso, LSO2_COMPLETE);
        expect_silence();
    }
}

static void test_LSO2_15_second_net_buffer(void **state)
{
    struct frame_recipe r = large_recipe(4, 3000);
    struct packet *k = large_packet(&r);
    uint64_t before = finding_count();
    NET_BUFFER_LIST *nbl;

    UNUSED_STATE;
    path_forget(&path);
    nbl = ask_nbl(k->bytes, k->len, &(struct ask){.lso = large_ask(k, 1000)});
    path_add_nb(&path, nbl, k->bytes, k->len, NULL, 0);
    path_send(&path, nbl, 1);
    expect_failed(path.completed[0].status);
    assert_int_equal(path.completed[0].lso, LSO2_COMPLETE);
    assert_int_equal(finding_count() - before, 1); /* against the protocol */
    assert_memory_equal(path.last_finding, "LSO2-15 ", 8);
    path.findings_before++;
    path_forget(&path);
    expect_silence();
}

/* ---- What a protocol never asks for (LSO1-12), small payload, long headers ------------ */

static void test_LSO1_12_flags_and_fragments_that_are_never_cut(void **state)
{
    static const uint8_t flags[] = {SYN, RST, URG, SYN | ACK, ACK | URG | PSH, RST | ACK, 0x3f};
    static const uint16_t words[] = {0x2000, 0x6000, 0x0001, 0x1fff};

    UNUSED_STATE;
    for (unsigned i = 0; i < COUNT(flags) * 2; i++) {
        struct frame_recipe r = large_recipe(versions[i % 2], 3000);

        r.tcp_flags = flags[i / 2];
        expect_right_or_refused(large_packet(&r), 1000);
    }
    for (unsigned i = 0; i < COUNT(words); i++) {
        struct frame_recipe r = large_recipe(4, 3000);
        struct packet *k = large_packet(&r);

        naive_put(k->bytes + k->sh.l3 + 6, 2, words[i]);
        expect_right_or_refused(k, 1000);
    }
    for (unsigned v = 0; v < 2; v++) {
        struct frame_recipe r = large_recipe(versions[v], 3000);
        struct packet *k = large_packet(&r);

        naive_put(k->bytes + k->sh.l4 + 18, 2, 0x1234); /* urgent pointer */
        expect_right_or_refused(k, 1000);
    }
}

static void test_LSO1_38_payload_of_at_most_one_segment(void **state)
{
    static const uint32_t sizes[] = {1, 2, 5, 6, 7, 999, 1000};

    UNUSED_STATE;
    for (unsigned i = 0; i < COUNT(sizes) * 2; i++) {
        struct frame_recipe r = large_recipe(versions[i % 2], sizes[i / 2]);

        r.tcp_flags = FIN | PSH | CWR | ACK;
        r.ip_id = 0xffff;
        expect_right_or_refused(large_packet(&r), 1000);
    }
}

static void test_LSO1_38_no_payload(void **state)
{
    UNUSED_STATE;
    for (unsigned v = 0; v < 2; v++) {
        struct frame_recipe r = large_recipe(versions[v], 0);

        expect_right_or_refused(large_packet(&r), 1000);
    }
}

static void test_LSO1_27_headers_of_more_than_128_bytes(void **state)
{
    struct frame_recipe r = large_recipe(4, 3000);
    struct packet *k;

    UNUSED_STATE;
    r.ip_options = naive_ip4_options_40;
    r.ip_options_len = 40;
    r.tcp_options = naive_tcp_options_40;
    r.tcp_options_len = 32;
    k = large_packet(&r);
    assert_int_equal(k->sh.header_len, 126);
    expect_large(k, 1000, &(struct ask){0});
    r.tcp_options_len = 36;
    k = large_packet(&r);
    assert_int_equal(k->sh.header_len, 130);
    expect_refused(k, large_ask(k, 1000));
    r = large_recipe(6, 3000);
    r.ip_options = naive_ip6_ext_48;
    r.ip_options_len = 48;
    r.tcp_options = naive_tcp_options_12;
    r.tcp_options_len = 12;
    k = large_packet(&r);
    expect_refused(k, large_ask(k, 1000));
}

static void test_LSO1_26_more_than_the_largest_size(void **state)
{
    UNUSED_STATE;
    for (unsigned i = 0; i < 8; i++) {
        static const uint32_t more[] = {1, 100, 121, 1000};
        struct frame_recipe r = large_recipe(
            versions[i % 2], more[i / 2] + (i % 2 ? path.bind_offload.LsoV2.IPv6.MaxOffLoadSize
                                                  : path.bind_offload.LsoV2.IPv4.MaxOffLoadSize));

        expect_right_or_refused(large_packet(&r), 1400);
    }
}

/* UDP, and a tunnel's inner TCP: not what this offload is for (LSO1-28 from the driver's side). */
static void test_LSO1_28_udp_and_tunnels(void **state)
{
    UNUSED_STATE;
    for (unsigned v = 0; v < 2; v++) {
        struct frame_recipe r = path_recipe(versions[v], 17, 1400), inner = large_recipe(4, 3000);
        static struct packet k, t;

        packet_build(&k, &r);
        expect_refused(&k, large_ask(&k, 500));
        large_build(&t, &inner); /* IP in IP: an outer header before the packet's own */
        memmove(t.bytes + 34, t.bytes + 14, t.len - 14);
        t.len += 20;
        t.bytes[14 + 9] = 4;
        expect_refused(&t, ask_lso2(4, 1000, 54));
    }
}

int main(void)
{
    const struct CMUnitTest refused[] = {
        cmocka_unit_test(test_LSO1_1_without_the_slot_nothing_is_cut),
        cmocka_unit_test(test_LSO1_39_mss_of_0),
        cmocka_unit_test(test_LSO1_39_every_wrong_header_offset),
        cmocka_unit_test(test_LSO1_39_frames_shorter_than_their_headers),
        cmocka_unit_test(test_LSO1_39_no_tcp_at_the_offset),
        cmocka_unit_test(test_LSO1_39_mss_beyond_the_link),
        cmocka_unit_test(test_LSO2_2_version_that_is_not_the_packets),
        cmocka_unit_test(test_LSO2_15_second_net_buffer),
        cmocka_unit_test(test_LSO1_12_flags_and_fragments_that_are_never_cut),
        cmocka_unit_test(test_LSO1_38_payload_of_at_most_one_segment),
        cmocka_unit_test(test_LSO1_38_no_payload),
        cmocka_unit_test(test_LSO1_27_headers_of_more_than_128_bytes),
        cmocka_unit_test(test_LSO1_26_more_than_the_largest_size),
        cmocka_unit_test(test_LSO1_28_udp_and_tunnels),
        cmocka_unit_test(test_no_rule_was_broken_and_nothing_is_left),
    };

    return path_run("LSO refused", refused, COUNT(refused), true);
}
