/* SPDX-License-Identifier: MIT */
/* Every checksum tier against the byte-at-a-time sum, at every alignment, short length and split.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "test_frame_naive.h"

static const char *const tier_names[] = {"scalar", "sse2", "avx2", "avx512"};

/* Runs check once in each tier that this processor has; prints those it lacks. */
static void in_each_tier(void (*check)(void))
{
    for (size_t i = 0; i < COUNT(tier_names); i++) {
        const char *got = frame_sum_tier(tier_names[i]);
        if (!got) {
            print_message("no %s on this processor: tier not tested\n", tier_names[i]);
            continue;
        }
        assert_string_equal(got, tier_names[i]);
        check();
    }
    assert_non_null(frame_sum_tier(NULL));
}

static uint8_t pool[70000 + 128], copied[70000 + 128];

static void fill_pool(void)
{
    naive_fill(pool, sizeof(pool), 42);
    memset(pool + 3000, 0xff, 1000); /* runs that carry all the time */
    memset(pool + 5000, 0, 1000);
}

static void test_rfc1071_example(void **state)
{
    UNUSED_STATE;
    const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    assert_int_equal(frame_fold(frame_sum(bytes, sizeof(bytes), 0)), 0xddf2);
    assert_int_equal(frame_fold(frame_sum(bytes, 3, 0)), 0xf201);
}

static void test_fold_edges(void **state)
{
    UNUSED_STATE;
    const uint64_t edges[] = {0,
                              1,
                              0xfffe,
                              0xffff,
                              0x10000,
                              0x1fffe,
                              0x1ffff,
                              0xffff0000,
                              0xffffffff,
                              0x100000000,
                              0x1fffffffe,
                              0xffffffff00000000,
                              0xfffffffeffffffff,
                              0xffffffffffff0000,
                              UINT64_MAX - 1,
                              UINT64_MAX,
                              0x8000800080008000,
                              0xffff0000ffff0000};
    for (size_t i = 0; i < COUNT(edges); i++) {
        uint64_t want = edges[i] % 0xffff;
        if (want == 0 && edges[i] != 0)
            want = 0xffff;
        assert_int_equal(frame_fold(edges[i]), want);
    }
}

static void test_unknown_tier_changes_nothing(void **state)
{
    UNUSED_STATE;
    assert_string_equal(frame_sum_tier("scalar"), "scalar");
    assert_null(frame_sum_tier("mmx"));
    assert_null(frame_sum_tier(""));
    assert_non_null(frame_sum_tier(NULL));
}

static void check_sum(const uint8_t *p, size_t len)
{
    uint32_t want = naive_sum(p, len, 0, 0);
    assert_int_equal(frame_fold(frame_sum(p, len, 0)), want);
    assert_int_equal(frame_fold(frame_sum(p, len, 0x12345)), naive_sum(p, len, 0, 0x2346));
    want = naive_sum(p, len, 1, 0);
    assert_int_equal(frame_fold(frame_sum_at(p, len, 7, 0)), want);
}

static void every_alignment_and_length(void)
{
    for (size_t align = 0; align < 64; align++)
        for (size_t len = 0; len <= 320; len++)
            check_sum(pool + align, len);
}

static void test_sum_every_alignment_every_short_length(void **state)
{
    UNUSED_STATE;
    in_each_tier(every_alignment_and_length);
}

static const size_t long_lengths[] = {511,  513,  575,  1447, 1448,  1449,  1460,
                                      4095, 4097, 8999, 9001, 65159, 65535, 65537};

static void long_ones(void)
{
    for (size_t i = 0; i < COUNT(long_lengths); i++)
        for (size_t align = 0; align < 64; align += 7)
            check_sum(pool + align, long_lengths[i]);
}

static void test_sum_long_odd_lengths(void **state)
{
    UNUSED_STATE;
    in_each_tier(long_ones);
}

static void check_copy(size_t to, size_t from, size_t len)
{
    memset(copied, 0xa5, len + to + 64);
    uint64_t sum = frame_sum_copy(copied + to, pool + from, len, 0xffff0001);
    uint32_t want = naive_sum(pool + from, len, 0, 1);
    assert_int_equal(naive_class(frame_fold(sum)), naive_class(want));
    assert_memory_equal(copied + to, pool + from, len);
    for (size_t i = 0; i < to; i++)
        assert_int_equal(copied[i], 0xa5);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(copied[to + len + i], 0xa5);
}

static void copies(void)
{
    for (size_t align = 0; align < 64; align++)
        for (size_t len = 0; len <= 320; len += align % 4 ? 7 : 1)
            check_copy((align * 5 + len) % 64, align, len);
    for (size_t i = 0; i < COUNT(long_lengths); i++)
        check_copy(i * 3, i * 5 + 1, long_lengths[i]);
}

static void test_copy_every_alignment_copies_and_sums(void **state)
{
    UNUSED_STATE;
    in_each_tier(copies);
}

static void splits(void)
{
    const uint8_t *p = pool + 2900; /* into the run of 0xff */
    const size_t len = 333;
    uint32_t want = naive_sum(p, len, 0, 0);
    for (size_t a = 0; a <= len; a++) {
        for (size_t b = a; b <= len; b += b < a + 3 ? 1 : 13) {
            uint64_t sum = frame_sum_at(p, a, 0, 0);
            sum = frame_sum_at(p + a, b - a, a, sum);
            sum = frame_sum_at(p + b, len - b, b, sum);
            assert_int_equal(frame_fold(sum), want);
        }
    }
}

static void test_sum_every_odd_split(void **state)
{
    UNUSED_STATE;
    in_each_tier(splits);
}

/* Data that ends, then data that starts, at a page that may not be touched. */
static void edges_of_pages(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *at = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(at, MAP_FAILED);
    assert_int_equal(mprotect(at + page, page, PROT_READ | PROT_WRITE), 0);
    memcpy(at + page, pool, page);
    for (size_t len = 0; len <= 300; len++) {
        check_sum(at + page, len);
        check_sum(at + 2 * page - len, len);
        frame_sum_copy(copied, at + page, len, 0);
        frame_sum_copy(copied, at + 2 * page - len, len, 0);
        frame_sum_copy(at + 2 * page - len, pool, len, 0);
    }
    munmap(at, 3 * page);
}

static void test_tiers_touch_only_their_bytes(void **state)
{
    UNUSED_STATE;
    in_each_tier(edges_of_pages);
}

static void all_ones(void)
{
    const size_t len = 8 << 20;
    uint8_t *p = malloc(len);
    assert_non_null(p);
    memset(p, 0xff, len);
    assert_int_equal(frame_fold(frame_sum(p, len, 0)), 0xffff);
    assert_int_equal(frame_fold(frame_sum(p, len - 1, 0)), 0xff00);
    memset(p, 0, len);
    assert_int_equal(frame_sum(p, len, 0), 0);
    free(p);
}

static void test_no_carry_is_lost_and_zero_stays_zero(void **state)
{
    UNUSED_STATE;
    in_each_tier(all_ones);
}

static void test_sum_spans_every_cut(void **state)
{
    UNUSED_STATE;
    enum { LEN = 120 };
    for (uint32_t a = 0; a <= LEN; a++) {
        for (uint32_t b = a; b <= LEN; b++) {
            struct frame_span spans[] = {
                {pool, a}, {pool + a, 0}, {pool + a, b - a}, {pool + b, LEN - b}};
            struct frame f = {.spans = spans, .span_count = 4, .len = LEN};
            size_t from = (a * 7 + b) % 40, len = LEN - from - b % 30;
            uint64_t sum = frame_sum_spans(&f, from, len, 0);
            assert_int_equal(frame_fold(sum), naive_sum(pool + from, len, 0, 0));
            uint8_t pulled[LEN];
            assert_int_equal(frame_pull(&f, from, pulled, LEN), LEN - from);
            assert_memory_equal(pulled, pool + from, LEN - from);
        }
    }
}

static void test_pull_beyond_the_end_gives_what_there_is(void **state)
{
    UNUSED_STATE;
    struct frame_span span = {pool, 10};
    struct frame f = {.spans = &span, .span_count = 1, .len = 10};
    uint8_t out[20];
    assert_int_equal(frame_pull(&f, 10, out, 5), 0);
    assert_int_equal(frame_pull(&f, 4, out, sizeof(out)), 6);
    assert_int_equal(frame_pull(&f, 99, out, 1), 0);
}

static void test_pseudo_sum_both_versions(void **state)
{
    UNUSED_STATE;
    for (unsigned version = 4; version <= 6; version += 2) {
        struct frame_recipe r = naive_recipe(version);
        uint8_t frame[200];
        assert_true(frame_build(&r, frame, sizeof(frame)) > 0);
        const uint8_t *ip = frame + 14;
        size_t at = version == 4 ? 12 : 8, len = version == 4 ? 8 : 32;
        uint32_t want = naive_sum(ip + at, len, 0, 0);
        assert_int_equal(frame_fold(frame_pseudo_sum(ip, (uint8_t)version, 6, 0)),
                         naive_sum((uint8_t[]){0, 6}, 2, 0, want));
        /* A length above 64 KB spreads over two words (RFC 8200 §8.1). */
        assert_int_equal(frame_fold(frame_pseudo_sum(ip, (uint8_t)version, 17, 0x12345)),
                         naive_sum((uint8_t[]){0, 17, 0, 1, 0x23, 0x45}, 6, 0, want));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc1071_example),
        cmocka_unit_test(test_fold_edges),
        cmocka_unit_test(test_unknown_tier_changes_nothing),
        cmocka_unit_test(test_sum_every_alignment_every_short_length),
        cmocka_unit_test(test_sum_long_odd_lengths),
        cmocka_unit_test(test_copy_every_alignment_copies_and_sums),
        cmocka_unit_test(test_sum_every_odd_split),
        cmocka_unit_test(test_tiers_touch_only_their_bytes),
        cmocka_unit_test(test_no_carry_is_lost_and_zero_stays_zero),
        cmocka_unit_test(test_sum_spans_every_cut),
        cmocka_unit_test(test_pull_beyond_the_end_gives_what_there_is),
        cmocka_unit_test(test_pseudo_sum_both_versions),
    };
    fill_pool();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
