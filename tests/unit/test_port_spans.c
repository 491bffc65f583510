/* SPDX-License-Identifier: MIT */
/* port/spans.c: pieces of every size against a flat buffer. */
#include "test_port_env.h"

#include "port/ops.h"

enum { LEN = 40, PIECES = 8 };

/* Cuts bytes into pieces of `size`, an empty one after each. Returns how many spans. */
static uint32_t cut(uint8_t *bytes, uint32_t len, uint32_t size, struct frame_span *spans)
{
    uint32_t n = 0;

    for (uint32_t at = 0; at < len; at += size) {
        spans[n++] = (struct frame_span){bytes + at, MIN_OF(size, len - at)};
        spans[n++] = (struct frame_span){bytes, 0};
    }
    return n;
}

static void test_put_fills_pieces_in_order_and_refuses_what_does_not_fit(void **state)
{
    (void)state;
    for (uint32_t size = 1; size <= LEN; size++) {
        struct frame_span spans[2 * LEN];
        uint8_t src[LEN + 1], dst[LEN] = {0};
        uint32_t n = cut(dst, LEN, size, spans);

        for (unsigned i = 0; i < sizeof src; i++)
            src[i] = (uint8_t)(i + 1);
        assert_int_equal(port_spans_capacity(spans, n), LEN);
        assert_false(port_spans_put(spans, n, src, LEN + 1));
        assert_int_equal(dst[0], 0);
        assert_true(port_spans_put(spans, n, src, LEN));
        assert_memory_equal(dst, src, LEN);
    }
}

static void test_move_between_differently_cut_lists(void **state)
{
    (void)state;
    for (uint32_t from_size = 1; from_size <= LEN; from_size++) {
        for (uint32_t to_size = 1; to_size <= LEN; to_size++) {
            struct frame_span from[2 * LEN], to[2 * LEN];
            uint8_t src[LEN], dst[LEN] = {0};
            uint32_t n;

            for (unsigned i = 0; i < LEN; i++)
                src[i] = (uint8_t)(i * 3 + 1);
            cut(src, LEN, from_size, from);
            n = cut(dst, LEN, to_size, to);
            assert_true(port_spans_move(to, n, from, LEN - 3));
            assert_memory_equal(dst, src, LEN - 3);
            assert_int_equal(dst[LEN - 3], 0);
            assert_false(port_spans_move(to, n - 2, from, LEN));
        }
    }
}

static void test_insert_opens_a_gap_of_four_at_any_cut(void **state)
{
    static const uint8_t tag[4] = {0x81, 0x00, 0x0f, 0xff};

    (void)state;
    for (uint32_t size = 1; size <= LEN; size++) {
        for (uint32_t offset = 0; offset <= LEN - 4; offset++) {
            struct frame_span spans[2 * LEN];
            uint8_t bytes[LEN], want[LEN];
            uint32_t n = cut(bytes, LEN, size, spans);

            for (unsigned i = 0; i < LEN; i++)
                bytes[i] = (uint8_t)i;
            memcpy(want, bytes, offset);
            memcpy(want + offset, tag, 4);
            memcpy(want + offset + 4, bytes + offset, LEN - 4 - offset);
            assert_false(port_spans_insert4(spans, n, LEN - 3, offset, tag));
            assert_true(port_spans_insert4(spans, n, LEN - 4, offset, tag));
            assert_memory_equal(bytes, want, LEN);
        }
    }
}

static void test_iov_covers_as_much_as_it_may(void **state)
{
    struct frame_span spans[2 * LEN];
    struct iovec iov[LEN];
    uint8_t bytes[LEN];
    uint32_t n = cut(bytes, LEN, 3, spans);
    size_t covered;

    (void)state;
    assert_int_equal(port_spans_iov(spans, n, iov, LEN, &covered), 14);
    assert_int_equal(covered, LEN);
    assert_ptr_equal(iov[13].iov_base, bytes + 39);
    assert_int_equal(iov[13].iov_len, 1);
    assert_int_equal(port_spans_iov(spans, n, iov, PIECES, &covered), PIECES);
    assert_int_equal(covered, 3 * PIECES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_fills_pieces_in_order_and_refuses_what_does_not_fit),
        cmocka_unit_test(test_move_between_differently_cut_lists),
        cmocka_unit_test(test_insert_opens_a_gap_of_four_at_any_cut),
        cmocka_unit_test(test_iov_covers_as_much_as_it_may),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
