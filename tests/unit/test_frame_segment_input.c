/* SPDX-License-Identifier: MIT */
/*
 * What the segmenter refuses, and that it does not matter how a large send lies in memory: LSO1-24
 * lets a driver count on headers in the first MDL, we do not. Names carry the requirement
 * (requirements.md, groups LSO1 and LSO2).
 */
#include "test_frame_large.h"

static enum frame_segment_error begin(const struct large *s)
{
    struct frame_segmenter seg;
    return frame_segment_begin(&seg, &s->frame, FRAME_ID_15BIT);
}

static void test_LSO1_12_syn_rst_urg_refused(void **state)
{
    UNUSED_STATE;
    static const uint8_t bad[] = {0x02, 0x04, 0x20, 0x12, 0x3f};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct frame_recipe r = naive_recipe(i % 2 ? 4 : 6);
        r.tcp_flags = bad[i];
        make(&send_, r, 3000, 1000);
        assert_int_equal(begin(&send_), FRAME_SEGMENT_FLAGS);
    }
}

static void test_LSO1_12_fragments_refused(void **state)
{
    UNUSED_STATE;
    static const uint16_t fragment[] = {0x2000, 0x0001, 0x1fff, 0x6001};
    for (size_t i = 0; i < COUNT(fragment); i++) {
        make(&send_, naive_recipe(4), 3000, 1000);
        naive_put(send_.bytes + 14 + 6, 2, fragment[i]);
        assert_int_equal(begin(&send_), FRAME_SEGMENT_FRAGMENT);
    }
    const uint8_t header[8] = {6, 0, 0, 1, 0, 0, 0, 7};
    struct frame_recipe r = naive_recipe(6);
    r.ip_options = header;
    r.ip_options_len = 8;
    r.ip_options_proto = 44;
    make(&send_, r, 3000, 1000);
    assert_int_equal(begin(&send_), FRAME_SEGMENT_FRAGMENT);
}

static void test_LSO1_35_snap_length_that_cannot_be_written_is_refused(void **state)
{
    UNUSED_STATE;
    struct frame_recipe r = naive_recipe(4);
    r.snap = true;
    make(&send_, r, 9000, 1452);
    check(&send_, FRAME_ID_15BIT); /* 20 + 20 + 1452 + 8 = 1500 */
    make(&send_, r, 9000, 1453);
    assert_int_equal(begin(&send_), FRAME_SEGMENT_HEADERS);
    make(&send_, r, 1452, 1453);
    check(&send_, FRAME_ID_15BIT); /* the longest segment counts, not the MSS */
}

static void test_LSO1_15_ip_length_that_cannot_be_written_is_refused(void **state)
{
    UNUSED_STATE;
    make(&send_, naive_recipe(4), 150000, 65495);
    check(&send_, FRAME_ID_15BIT);
    make(&send_, naive_recipe(4), 150000, 65496);
    assert_int_equal(begin(&send_), FRAME_SEGMENT_HEADERS);
    make(&send_, naive_recipe(6), 150000, 65515);
    check(&send_, FRAME_ID_15BIT);
    make(&send_, naive_recipe(6), 150000, 65516);
    assert_int_equal(begin(&send_), FRAME_SEGMENT_HEADERS);
}

static void test_LSO1_39_mss_zero_refused(void **state)
{
    UNUSED_STATE;
    make(&send_, naive_recipe(4), 1000, 0);
    assert_int_equal(begin(&send_), FRAME_SEGMENT_MSS_ZERO);
}

static void test_LSO2_2_version_mismatch_and_no_request_refused(void **state)
{
    UNUSED_STATE;
    make(&send_, naive_recipe(4), 1000, 100);
    send_.frame.offload.gso = FRAME_GSO_TCP6;
    assert_int_equal(begin(&send_), FRAME_SEGMENT_NOT_TCP);
    make(&send_, naive_recipe(6), 1000, 100);
    send_.frame.offload.gso = FRAME_GSO_TCP4;
    assert_int_equal(begin(&send_), FRAME_SEGMENT_NOT_TCP);
    send_.frame.offload.gso = FRAME_GSO_NONE;
    assert_int_equal(begin(&send_), FRAME_SEGMENT_NOT_TCP);
    send_.frame.offload.gso = 77;
    assert_int_equal(begin(&send_), FRAME_SEGMENT_NOT_TCP);
}

static void test_LSO1_28_udp_refused(void **state)
{
    UNUSED_STATE;
    make(&send_, naive_recipe(4), 1000, 100);
    send_.bytes[14 + 9] = 17;
    assert_int_equal(begin(&send_), FRAME_SEGMENT_NOT_TCP);
}

static void test_routing_header_with_segments_left_refused(void **state)
{
    UNUSED_STATE;
    make(&send_, recipe_of(&layouts[10]), 3000, 1000);
    check(&send_, FRAME_ID_15BIT);
    send_.bytes[14 + 40 + 24 + 3] = 1;
    assert_int_equal(begin(&send_), FRAME_SEGMENT_NOT_TCP);
}

static void test_headers_beyond_limit_refused(void **state)
{
    UNUSED_STATE;
    uint8_t ext[208] = {0, 25}; /* 14 + 40 + 208 > FRAME_MAX_HEADERS */
    struct frame_recipe r = naive_recipe(6);
    r.ip_options = ext;
    r.ip_options_len = sizeof(ext);
    make(&send_, r, 3000, 1000);
    assert_int_equal(begin(&send_), FRAME_SEGMENT_HEADERS);
    uint8_t fits[176] = {0, 21}; /* 14 + 40 + 176 + 20 = 250 */
    r.ip_options = fits;
    r.ip_options_len = sizeof(fits);
    make(&send_, r, 3000, 1000);
    check(&send_, FRAME_ID_15BIT);
}

/* A frame that says more bytes than its spans hold, and headers cut off at every length: an error,
 * no read outside (SEC-6). */
static void test_LSO1_39_short_frames_refused(void **state)
{
    UNUSED_STATE;
    for (size_t i = 0; i < COUNT(layouts); i++) {
        make(&send_, recipe_of(&layouts[i]), 1000, 100);
        send_.frame.len++;
        assert_int_equal(begin(&send_), FRAME_SEGMENT_NOT_TCP);
        for (uint32_t len = 0; len < send_.sh.header_len; len++) {
            uint8_t *exact = malloc(len ? len : 1);
            assert_non_null(exact);
            memcpy(exact, send_.bytes, len);
            send_.span = (struct frame_span){exact, len};
            send_.frame.len = len;
            assert_int_equal(begin(&send_), FRAME_SEGMENT_NOT_TCP);
            free(exact);
        }
    }
    struct frame_segmenter seg;
    struct frame none = {.offload = {.gso = FRAME_GSO_TCP4, .mss = 100}};
    assert_int_equal(frame_segment_begin(&seg, &none, FRAME_ID_15BIT), FRAME_SEGMENT_NOT_TCP);
}

static void test_LSO1_25_split_at_every_place(void **state)
{
    UNUSED_STATE;
    static const size_t which[] = {1, 3, 6, 8, 10};
    for (size_t i = 0; i < COUNT(which); i++) {
        make(&send_, recipe_of(&layouts[which[i]]), 411, 101);
        for (uint32_t a = 0; a <= send_.len; a++) {
            struct frame_span spans[] = {{send_.bytes, a},
                                         {send_.bytes + a, (uint32_t)send_.len - a}};
            send_.frame.spans = spans;
            send_.frame.span_count = 2;
            check(&send_, FRAME_ID_15BIT);
        }
    }
}

static void test_LSO1_25_two_splits_and_empty_spans(void **state)
{
    UNUSED_STATE;
    make(&send_, recipe_of(&layouts[1]), 140, 33);
    uint32_t len = (uint32_t)send_.len;
    for (uint32_t a = 0; a <= len; a++) {
        for (uint32_t b = a; b <= len; b++) {
            struct frame_span spans[] = {
                {NULL, 0},
                {send_.bytes, a},
                {send_.bytes + a, 0},
                {send_.bytes + a, b - a},
                {NULL, 0},
                {send_.bytes + b, 0},
                {send_.bytes + b, len - b},
                {NULL, 0},
            };
            send_.frame.spans = spans;
            send_.frame.span_count = COUNT(spans);
            check(&send_, FRAME_ID_15BIT);
        }
    }
}

static void test_LSO1_25_spans_of_each_small_size(void **state)
{
    UNUSED_STATE;
    static struct frame_span spans[1200];
    for (uint32_t size = 1; size <= 60; size++) {
        make(&send_, recipe_of(&layouts[4]), 1000, size < 3 ? 33 : 63);
        uint32_t n = 0;
        for (uint32_t at = 0; at < send_.len; at += size, n++) {
            uint32_t left = (uint32_t)send_.len - at;
            spans[n] = (struct frame_span){send_.bytes + at, left < size ? left : size};
        }
        send_.frame.spans = spans;
        send_.frame.span_count = n;
        check(&send_, FRAME_ID_15BIT);
    }
}

static void test_LSO1_25_payload_at_every_alignment(void **state)
{
    UNUSED_STATE;
    static uint8_t moved[8192];
    for (uint32_t align = 0; align < 64; align++) {
        make(&send_, recipe_of(&layouts[1]), 4001, 1001);
        uint32_t header = (uint32_t)send_.sh.header_len;
        memcpy(moved + align, send_.bytes + header, 4001);
        struct frame_span spans[] = {{send_.bytes, header}, {moved + align, 4001}};
        send_.frame.spans = spans;
        send_.frame.span_count = 2;
        check(&send_, FRAME_ID_15BIT);
    }
}

static void test_too_few_out_spans_consume_nothing(void **state)
{
    UNUSED_STATE;
    make(&send_, naive_recipe(4), 300, 100);
    struct frame_span spans[] = {
        {send_.bytes, 60}, {send_.bytes + 60, 7}, {send_.bytes + 67, (uint32_t)send_.len - 67}};
    send_.frame.spans = spans;
    send_.frame.span_count = 3;
    struct frame_segmenter seg;
    assert_int_equal(frame_segment_begin(&seg, &send_.frame, FRAME_ID_15BIT), FRAME_SEGMENT_OK);
    struct frame_span out[4];
    uint8_t header[FRAME_MAX_HEADERS];
    uint32_t len = 0;
    for (uint32_t max = 0; max < 4; max++)
        assert_int_equal(frame_segment_next(&seg, header, out, max, &len), -1);
    assert_int_equal(frame_segment_next(&seg, header, out, 4, &len), 4);
    assert_ptr_equal(out[1].data, send_.bytes + 54); /* not a copy */
    assert_int_equal(out[1].len, 6);
    assert_int_equal(frame_segment_next(&seg, header, out, 1, &len), -1);
    assert_segment(&send_, FRAME_ID_15BIT, 1, cut, frame_segment_next_copy(&seg, cut));
    assert_int_equal(frame_segment_next(&seg, header, out, 2, &len), 2);
    assert_int_equal(frame_segment_next(&seg, header, out, 2, &len), 0);
}

/* The template and its payload are the sender's (TXC-16). */
static void test_frame_being_cut_is_not_written_to(void **state)
{
    UNUSED_STATE;
    static uint8_t before[NAIVE_MAX];
    make(&send_, recipe_of(&layouts[6]), 5000, 500);
    memcpy(before, send_.bytes, send_.len);
    check(&send_, FRAME_ID_15BIT);
    assert_memory_equal(before, send_.bytes, send_.len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_LSO1_12_syn_rst_urg_refused),
        cmocka_unit_test(test_LSO1_12_fragments_refused),
        cmocka_unit_test(test_LSO1_35_snap_length_that_cannot_be_written_is_refused),
        cmocka_unit_test(test_LSO1_15_ip_length_that_cannot_be_written_is_refused),
        cmocka_unit_test(test_LSO1_39_mss_zero_refused),
        cmocka_unit_test(test_LSO2_2_version_mismatch_and_no_request_refused),
        cmocka_unit_test(test_LSO1_28_udp_refused),
        cmocka_unit_test(test_routing_header_with_segments_left_refused),
        cmocka_unit_test(test_headers_beyond_limit_refused),
        cmocka_unit_test(test_LSO1_39_short_frames_refused),
        cmocka_unit_test(test_LSO1_25_split_at_every_place),
        cmocka_unit_test(test_LSO1_25_two_splits_and_empty_spans),
        cmocka_unit_test(test_LSO1_25_spans_of_each_small_size),
        cmocka_unit_test(test_LSO1_25_payload_at_every_alignment),
        cmocka_unit_test(test_too_few_out_spans_consume_nothing),
        cmocka_unit_test(test_frame_being_cut_is_not_written_to),
    };
    naive_fill(payload, sizeof(payload), 7);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
