/* SPDX-License-Identifier: MIT */
/* Large sends of version 1 through the whole path, both builds: LSO1 for its own wording, and the
 * rows that both versions share; beside version 2 (LSO2-20). */
#include "test_path_large.h"

static const uint32_t sizes[] = {1, 2, 999, 1000, 1001, 1999, 2000, 2001, 30000, 44445};

static void test_LSO1_3_every_size_of_payload_and_segment(void **state)
{
    static const uint32_t segments[] = {1000, 536, 7, 1420};

    UNUSED_STATE;
    for (unsigned i = 0; i < COUNT(sizes) * COUNT(segments); i++) {
        uint32_t size = sizes[i % COUNT(sizes)], mss = segments[i / COUNT(sizes)];
        struct frame_recipe r = large_recipe(4, size);

        if (size / mss < 1000)
            expect_large_v1(large_packet_v1(&r), mss, &(struct ask){0});
    }
}

/* Also LSO1-2, LSO1-6, LSO1-7, LSO1-11, LSO1-19: sequence numbers that wrap, all fields. */
static void test_LSO1_13_14_options_and_fields_in_every_frame(void **state)
{
    static const uint8_t lengths[] = {0, 12, 40};
    uint8_t options[40];

    UNUSED_STATE;
    naive_fill(options, sizeof options, 11);
    for (unsigned i = 0; i < 11 * COUNT(lengths); i++) {
        struct frame_recipe r = large_recipe(4, 6543);
        struct packet *k;

        r.ip_options = options;
        r.ip_options_len = (uint8_t)(i % 11 * 4);
        r.tcp_options = naive_tcp_options_40;
        r.tcp_options_len = lengths[i / 11];
        r.seq = 0xfffff000 + i;
        r.tos = (uint8_t)(i * 23);
        r.ttl = (uint8_t)(255 - i);
        k = large_packet_v1(&r);
        k->bytes[k->sh.l3 + 6] = i & 1 ? 0x40 : 0; /* DF or not */
        if (k->sh.header_len <= NDIS_LARGE_SEND_OFFLOAD_MAX_HEADER_LENGTH)
            expect_large_v1(k, 1200, &(struct ask){0});
        else
            expect_refused(k, large_ask_v1(k, 1200)); /* LSO1-27 */
    }
}

static void test_LSO1_8_9_10_fin_and_psh_last_cwr_first(void **state)
{
    UNUSED_STATE;
    for (unsigned i = 0; i < 32; i++) {
        struct frame_recipe r = large_recipe(4, 4001);

        r.tcp_flags = (uint8_t)((i & 1 ? FIN : 0) | (i & 2 ? PSH : 0) | (i & 4 ? CWR : 0) |
                                (i & 8 ? ECE : 0) | (i & 16 ? ACK : 0));
        expect_large_v1(large_packet_v1(&r), 1000, &(struct ask){0});
    }
}

/* The first has the template's number, each next is one higher; either wrap is right. */
static void test_LSO1_20_identification(void **state)
{
    static const uint16_t first[] = {0, 1, 0x7ffe, 0x7fff, 0x8000, 0x9abc, 0xfffe, 0xffff};
    static struct segment s;

    UNUSED_STATE;
    for (unsigned i = 0; i < COUNT(first); i++) {
        struct frame_recipe r = large_recipe(4, 4000);
        uint32_t wrap = 0, n = 0, id;
        struct packet *k;

        r.ip_id = first[i];
        k = large_packet_v1(&r);
        large_send(k, 1000, &(struct ask){.lso = large_ask_v1(k, 1000)});
        for (; next_segment(&s, &k->sh); n++) {
            id = naive_get(s.bytes + k->sh.l3 + 4, 2);
            if (n > 0 && id == 0)
                wrap = first[i] + n;
            assert_int_equal(id, first[i] + n - wrap);
            assert_int_equal(naive_ip_header(s.bytes, &k->sh), 0xffff);
        }
        assert_int_equal(n, 4);
        assert_true(wrap == 0 || wrap == 0x8000 || wrap == 0x10000);
    }
}

/* Also LSO1-15, LSO1-16, LSO1-17, LSO1-18: as much as is reported. */
static void test_LSO1_26_the_largest_size_in_force(void **state)
{
    const uint32_t max = path.bind_offload.LsoV1.IPv4.MaxOffLoadSize;
    struct frame_recipe r = large_recipe(4, max);
    struct packet *k;

    UNUSED_STATE;
    assert_in_range(max, 1, 0x10000); /* CAP-18 */
    r.tcp_options = naive_tcp_options_40;
    r.tcp_options_len = sizeof naive_tcp_options_40;
    k = large_packet_v1(&r);
    assert_true(k->len - k->sh.l3 <= 0xffff);
    expect_large_v1(k, 1400, &(struct ask){0});
    r.payload_len++;
    expect_refused(large_packet_v1(&r), large_ask_v1(large_packet_v1(&r), 1400));
}

/* The length is that of the IPv4 header, and the data must be as long (D-5). */
static void test_LSO1_21_a_length_that_is_not_the_datas(void **state)
{
    struct frame_recipe r = large_recipe(4, 5000);

    UNUSED_STATE;
    for (unsigned i = 0; i < 6; i++) {
        struct packet *k = large_packet_v1(&r);
        const uint32_t lengths[] = {0, 20, k->len - 15, k->len - 13, k->len, 0xffff};

        naive_put(k->bytes + k->sh.l3 + 2, 2, lengths[i]);
        expect_refused(k, large_ask_v1(k, 1000));
    }
    expect_large_v1(large_packet_v1(&r), 1000, &(struct ask){0});
}

static void test_LSO1_22_no_version_1_on_ipv6(void **state)
{
    struct frame_recipe r = large_recipe(6, 5000);

    UNUSED_STATE;
    for (unsigned i = 0; i < 3; i++) {
        static const uint32_t lengths[] = {0, 5020, 5060};
        struct packet *k = large_packet(&r);

        naive_put(k->bytes + k->sh.l3 + 4, 2, lengths[i]);
        expect_refused(k, large_ask_v1(k, 1000));
    }
}

/* Also LSO1-12, LSO1-38: what no protocol asks. */
static void test_LSO1_39_what_is_no_large_send(void **state)
{
    static const uint8_t flags[] = {SYN, RST, URG};
    struct frame_recipe r = large_recipe(4, 3000);
    struct packet *k;

    UNUSED_STATE;
    expect_refused(large_packet_v1(&r), ask_lso1(0, 34));
    for (unsigned at = 0; at < 1024; at++) {
        if (at != 34)
            expect_failed(path_ask(large_packet_v1(&r)->bytes, large_packet_v1(&r)->len,
                                   &(struct ask){.lso = ask_lso1(1000, at)})
                              .status);
    }
    expect_silence();
    for (unsigned i = 0; i < COUNT(flags); i++) {
        r.tcp_flags = flags[i];
        expect_refused(large_packet_v1(&r), ask_lso1(1000, 34));
    }
    r.tcp_flags = ACK;
    k = large_packet_v1(&r);
    naive_put(k->bytes + k->sh.l3 + 6, 2, 0x2000); /* more fragments */
    expect_refused(k, ask_lso1(1000, 34));
    expect_refused(large_packet_v1(&r), ask_lso1(1461, 34)); /* beyond the link */
    r.payload_len = 0;
    expect_refused(large_packet_v1(&r), ask_lso1(1000, 34));
}

/* ---- Buffers, tags, order, completion ------------------------------------------------------- */

/* Also LSO1-23, LSO1-24. */
static void test_LSO1_25_payload_in_pieces_of_any_size(void **state)
{
    static const uint32_t pieces[] = {7, 61, 255, 333, 1459, 4095};
    static uint32_t splits[2000];

    UNUSED_STATE;
    for (unsigned i = 0; i < COUNT(pieces); i++) {
        struct frame_recipe r = large_recipe(4, 12345);
        struct packet *k = large_packet_v1(&r);
        uint32_t n = 0;

        splits[n++] = (uint32_t)k->sh.header_len;
        while (n < 12345 / pieces[i])
            splits[n++] = pieces[i];
        splits[n] = 0;
        expect_large_v1(k, 1337, &(struct ask){.splits = splits, .front = i, .back = i});
    }
}

static void test_LSO1_34_tag_in_its_slot_on_every_frame(void **state)
{
    static uint8_t segment[PATH_FRAME], want[PATH_FRAME];
    struct frame_recipe r = large_recipe(4, 5001);
    struct packet *k = large_packet_v1(&r);

    UNUSED_STATE;
    large_send(k, 1400, &(struct ask){.lso = large_ask_v1(k, 1400), .tag = ask_tag(3, 4094)});
    for (size_t i = 0; i < 4; i++) {
        size_t len = naive_segment(k->bytes, k->len, &k->sh, 1400, 15, i, segment);

        memcpy(want, segment, 12);
        naive_put(want + 12, 4, 0x81006ffe);
        memcpy(want + 16, segment + 12, len - 12);
        expect_wire(want, (uint32_t)len + 4);
    }
    expect_nothing_more();
}

/* D-31: each buffer is a packet of its own; what is counted are all of them (LSO1-30). */
static void test_LSO1_33_more_than_one_net_buffer(void **state)
{
    struct frame_recipe r = large_recipe(4, 3001), other = large_recipe(4, 2500);
    static struct packet first, second;
    NET_BUFFER_LIST *nbl;

    UNUSED_STATE;
    path_forget(&path);
    other.seq = 77;
    memcpy(&first, large_packet_v1(&r), sizeof first);
    memcpy(&second, large_packet_v1(&other), sizeof second);
    nbl = ask_nbl(first.bytes, first.len, &(struct ask){.lso = ask_lso1(1000, 34)});
    path_add_nb(&path, nbl, second.bytes, second.len, NULL, 0);
    path_send(&path, nbl, 1);
    assert_int_equal(path.completed[0].status, NDIS_STATUS_SUCCESS);
    assert_int_equal(path.completed[0].lso, 5501);
    expect_segments(&first, 1000);
    expect_segments(&second, 1000);
    path_forget(&path);
    expect_silence();
}

/* One buffer of two fails: only the other's bytes count, and the NBL has failed. */
static void test_LSO1_31_what_was_really_sent(void **state)
{
    struct frame_recipe r = large_recipe(4, 3001);

    UNUSED_STATE;
    for (unsigned bad = 0; bad < 2; bad++) {
        static struct packet k[2];
        NET_BUFFER_LIST *nbl;

        path_forget(&path);
        memcpy(&k[0], large_packet_v1(&r), sizeof k[0]);
        memcpy(&k[1], &k[0], sizeof k[1]);
        k[bad].bytes[k[bad].sh.l3 + 9] = 17; /* not TCP */
        nbl = ask_nbl(k[0].bytes, k[0].len, &(struct ask){.lso = ask_lso1(1000, 34)});
        path_add_nb(&path, nbl, k[1].bytes, k[1].len, NULL, 0);
        path_send(&path, nbl, 1);
        expect_failed(path.completed[0].status);
        assert_int_equal(path.completed[0].lso, 3001);
        expect_segments(&k[!bad], 1000);
        path_forget(&path);
        expect_silence();
    }
}

/* Each by its own rules: length, Identification, completion. Also LSO1-1, LSO1-29, LSO1-32. */
static void test_LSO2_20_both_versions_interleaved(void **state)
{
    enum { N = 30 };
    static struct packet in[N];
    NET_BUFFER_LIST *first = NULL, **tail = &first;

    UNUSED_STATE;
    path_forget(&path);
    for (unsigned i = 0; i < N; i++) {
        bool v1 = i % 3 == 1;
        struct frame_recipe r = large_recipe(i % 3 == 2 ? 6 : 4, 1000 + i * 777);

        r.ip_id = (uint16_t)(0x8800 + i);
        memcpy(&in[i], v1 ? large_packet_v1(&r) : large_packet(&r), sizeof in[i]);
        *tail = ask_nbl(
            in[i].bytes, in[i].len,
            &(struct ask){.lso = v1 ? large_ask_v1(&in[i], 1400) : large_ask(&in[i], 1400)});
        tail = &(*tail)->Next;
    }
    path_send(&path, first, N);
    for (unsigned i = 0; i < N; i++) {
        bool v1 = i % 3 == 1;

        assert_int_equal(path.completed[i].status, NDIS_STATUS_SUCCESS);
        assert_int_equal(path.completed[i].lso,
                         v1 ? in[i].len - in[i].sh.header_len : LSO2_COMPLETE);
        expect_segments(&in[i], 1400);
    }
    path_forget(&path);
    expect_nothing_more();
}

/* ---- Switches: paths of their own ----------------------------------------------------------- */

static void works(bool v1)
{
    struct frame_recipe r = large_recipe(4, 5000);

    if (v1)
        expect_large_v1(large_packet_v1(&r), 1000, &(struct ask){0});
    else
        expect_large(large_packet(&r), 1000, &(struct ask){0});
}

static void refused(bool v1)
{
    struct frame_recipe r = large_recipe(4, 5000);
    struct packet *k = v1 ? large_packet_v1(&r) : large_packet(&r);

    expect_refused(k, v1 ? large_ask_v1(k, 1000) : large_ask(k, 1000));
}

/* Also PAR-11, PAR-22, LSO2-19. */
static void test_LSO1_36_each_version_is_switched_on_its_own(void **state)
{
    static const size_t fields[] = {offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv4),
                                    offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV1)};
    struct frame_recipe r6 = large_recipe(6, 5000);
    char word[8] = "";

    UNUSED_STATE;
    path_begin((struct path_config){0});
    for (int v1 = 0; v1 < 2; v1++) {
        assert_int_equal(path_parameter(&path, fields[v1], NDIS_OFFLOAD_PARAMETERS_LSOV1_DISABLED),
                         NDIS_STATUS_SUCCESS);
        refused(v1);
        works(!v1);
        expect_large(large_packet(&r6), 1000, &(struct ask){0});
        assert_int_equal(path_parameter(&path, fields[v1], NDIS_OFFLOAD_PARAMETERS_LSOV1_ENABLED),
                         NDIS_STATUS_SUCCESS);
        works(v1);
        works(!v1);
    }
    reg_get(path.key, "*LsoV1IPv4", NULL, word, sizeof word); /* PAR-17 */
    assert_string_equal(word, "1");
    path_end();
}

/* Also KEY-6, KEY-22. */
static void test_KEY_9_keywords_of_both_versions(void **state)
{
    static const char *const off1[] = {"*LsoV1IPv4", "0", NULL};
    static const char *const off2[] = {"*LsoV2IPv4", "0", "*LsoV1IPv4", "1", NULL};

    UNUSED_STATE;
    path_begin((struct path_config){.keywords = off1});
    assert_int_equal(path.bind_offload.LsoV1.IPv4.MaxOffLoadSize, 0);
    refused(true);
    works(false);
    path_end();
    path_begin((struct path_config){.keywords = off2});
    assert_int_equal(path.bind_offload.LsoV2.IPv4.MaxOffLoadSize, 0);
    refused(false);
    works(true);
    path_end();
    path_begin((struct path_config){.withhold = "host_tso4"});
    assert_int_equal(path.bind_offload.LsoV1.IPv4.MaxOffLoadSize, 0);
    refused(true);
    path_end();
}

int main(void)
{
    const struct CMUnitTest sends[] = {
        cmocka_unit_test(test_LSO1_3_every_size_of_payload_and_segment),
        cmocka_unit_test(test_LSO1_13_14_options_and_fields_in_every_frame),
        cmocka_unit_test(test_LSO1_8_9_10_fin_and_psh_last_cwr_first),
        cmocka_unit_test(test_LSO1_20_identification),
        cmocka_unit_test(test_LSO1_26_the_largest_size_in_force),
        cmocka_unit_test(test_LSO1_21_a_length_that_is_not_the_datas),
        cmocka_unit_test(test_LSO1_22_no_version_1_on_ipv6),
        cmocka_unit_test(test_LSO1_39_what_is_no_large_send),
        cmocka_unit_test(test_LSO1_25_payload_in_pieces_of_any_size),
        cmocka_unit_test(test_LSO1_34_tag_in_its_slot_on_every_frame),
        cmocka_unit_test(test_LSO1_33_more_than_one_net_buffer),
        cmocka_unit_test(test_LSO1_31_what_was_really_sent),
        cmocka_unit_test(test_LSO2_20_both_versions_interleaved),
        cmocka_unit_test(test_no_rule_was_broken_and_nothing_is_left),
    };
    const struct CMUnitTest switches[] = {
        cmocka_unit_test(test_LSO1_36_each_version_is_switched_on_its_own),
        cmocka_unit_test(test_KEY_9_keywords_of_both_versions),
    };

    return path_run("LSO version 1", sends, COUNT(sends), true) +
           path_run("LSO version 1 switched", switches, COUNT(switches), false);
}
