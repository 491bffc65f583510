/* SPDX-License-Identifier: MIT */
/*
 * Large sends cut into segments, byte for byte against naive_segment(), over layouts and sizes.
 * Names carry the requirement (requirements.md, groups LSO1 and LSO2) that a test holds to.
 */
#include "test_frame_large.h"

/* LSO1-2..11, 13..16, 18, 19, 34, 35; LSO2-1, 4, 5, 10..14: every byte of every segment. */
static void test_LSO1_LSO2_every_layout_size_and_mss(void **state)
{
    UNUSED_STATE;
    static const uint16_t mss[] = {1, 2, 7, 64, 535, 536, 1301, 1302};
    static const uint32_t sizes[] = {1, 2, 63, 535, 536, 537, 1071, 1072, 2603, 2604, 5001};
    for (size_t i = 0; i < COUNT(layouts); i++) {
        for (size_t m = 0; m < COUNT(mss); m++) {
            for (size_t n = 0; n < COUNT(sizes); n++) {
                if (sizes[n] / mss[m] > 1000)
                    continue;
                make(&send_, recipe_of(&layouts[i]), sizes[n], mss[m]);
                check(&send_, FRAME_ID_15BIT);
                check(&send_, FRAME_ID_16BIT);
            }
        }
    }
}

static void test_LSO1_2_mss_counts_payload_only_and_may_be_large(void **state)
{
    UNUSED_STATE;
    static const uint16_t mss[] = {1448, 1449, 1460, 8948, 9001, 32767, 65000};
    for (size_t i = 0; i < COUNT(layouts); i++) {
        for (size_t m = 0; m < COUNT(mss); m++) {
            if (layouts[i].snap)
                continue;
            make(&send_, recipe_of(&layouts[i]), 65000, mss[m]);
            check(&send_, FRAME_ID_15BIT);
        }
    }
}

static void test_LSO1_3_all_but_last_are_exactly_mss(void **state)
{
    UNUSED_STATE;
    size_t at[16];
    for (uint32_t size = 3001; size <= 4001; size += 100) {
        make(&send_, naive_recipe(4), size, 1000);
        size_t n = cut_all(&send_, FRAME_ID_15BIT, at, 16);
        for (size_t k = 0; k + 1 < n; k++)
            assert_int_equal(at[k + 1] - at[k] - 54, 1000);
        assert_int_equal(at[n] - at[n - 1] - 54, size - 1000 * (n - 1));
        assert_in_range(at[n] - at[n - 1] - 54, 1, 1000);
    }
}

static void test_LSO1_5_no_empty_frame_at_exact_multiple(void **state)
{
    UNUSED_STATE;
    size_t at[16];
    make(&send_, naive_recipe(6), 4000, 1000);
    assert_int_equal(cut_all(&send_, FRAME_ID_15BIT, at, 16), 4);
    make(&send_, naive_recipe(6), 4001, 1000);
    assert_int_equal(cut_all(&send_, FRAME_ID_15BIT, at, 16), 5);
}

static void test_LSO1_6_sequence_number_wraps(void **state)
{
    UNUSED_STATE;
    size_t at[16];
    struct frame_recipe r = naive_recipe(4);
    r.seq = 0xffffff00;
    make(&send_, r, 3000, 1000);
    assert_int_equal(cut_all(&send_, FRAME_ID_15BIT, at, 16), 3);
    assert_int_equal(naive_get(cut + at[0] + 34 + 4, 4), 0xffffff00);
    assert_int_equal(naive_get(cut + at[1] + 34 + 4, 4), 0x000002e8);
    assert_int_equal(naive_get(cut + at[2] + 34 + 4, 4), 0x000006d0);
    check(&send_, FRAME_ID_15BIT);
}

/* Flags of each of n segments, when the template has `flags`. */
static void assert_flags(uint8_t flags, const uint8_t *each, size_t n)
{
    for (unsigned version = 4; version <= 6; version += 2) {
        size_t at[16];
        struct frame_recipe r = naive_recipe(version);
        r.tcp_flags = flags;
        make(&send_, r, (uint32_t)(n * 100 - 1), 100);
        assert_int_equal(cut_all(&send_, FRAME_ID_15BIT, at, 16), n);
        for (size_t k = 0; k < n; k++)
            assert_int_equal(cut[at[k] + send_.sh.l4 + 13], each[k]);
    }
}

static void test_LSO1_8_fin_only_in_last(void **state)
{
    UNUSED_STATE;
    assert_flags(0x11, (uint8_t[]){0x10, 0x10, 0x10, 0x11}, 4);
    assert_flags(0x11, (uint8_t[]){0x11}, 1);
}

static void test_LSO1_9_psh_only_in_last(void **state)
{
    UNUSED_STATE;
    assert_flags(0x18, (uint8_t[]){0x10, 0x10, 0x18}, 3);
    assert_flags(0x19, (uint8_t[]){0x10, 0x19}, 2);
}

static void test_LSO1_10_cwr_only_in_first(void **state)
{
    UNUSED_STATE;
    assert_flags(0x90, (uint8_t[]){0x90, 0x10, 0x10}, 3);
    assert_flags(0x99, (uint8_t[]){0x99}, 1);
}

static void test_LSO1_11_ece_in_every_frame(void **state)
{
    UNUSED_STATE;
    assert_flags(0xd8, (uint8_t[]){0xd0, 0x50, 0x58}, 3);
}

static void test_LSO1_7_reserved_bits_and_urgent_pointer_copied(void **state)
{
    UNUSED_STATE;
    size_t at[8];
    make(&send_, naive_recipe(4), 500, 200);
    send_.bytes[34 + 12] |= 0x0f;
    naive_put(send_.bytes + 34 + 18, 2, 0xbeef); /* without URG: meaningless, so copied (LSO1-12) */
    assert_int_equal(cut_all(&send_, FRAME_ID_15BIT, at, 8), 3);
    for (size_t k = 0; k < 3; k++) {
        assert_int_equal(cut[at[k] + 34 + 12], 0x5f);
        assert_int_equal(naive_get(cut + at[k] + 34 + 18, 2), 0xbeef);
    }
    check(&send_, FRAME_ID_15BIT);
}

static void test_LSO1_16_18_template_checksums_and_lengths_not_relied_on(void **state)
{
    UNUSED_STATE;
    for (unsigned i = 0; i < 16; i++) {
        unsigned version = i % 2 ? 4 : 6;
        make(&send_, naive_recipe(version), 3333, 1000);
        uint8_t *ip = send_.bytes + send_.sh.l3, *tcp = send_.bytes + send_.sh.l4;
        naive_put(tcp + 16, 2, 0x1111 * i); /* virtio's seed, NDIS's seed, or rubbish */
        if (version == 4) {
            naive_put(ip + 2, 2, i * 4369u);
            naive_put(ip + 10, 2, 0xffff - i);
        } else {
            naive_put(ip + 4, 2, i * 4369u);
        }
        check(&send_, FRAME_ID_15BIT);
    }
}

/* LSO1-18: a sum that comes to 0xffff must be written as 0, never as the other zero. */
static void test_LSO1_18_checksum_of_every_value(void **state)
{
    UNUSED_STATE;
    for (uint32_t v = 0; v < 0x10000; v += v < 0xff00 ? 251 : 1) {
        make(&send_, naive_recipe(4), 40, 33);
        naive_put(send_.bytes + 54, 2, v);
        naive_put(send_.bytes + 14 + 4, 2, v);
        check(&send_, FRAME_ID_16BIT);
    }
}

static void assert_ids(uint16_t first, enum frame_id_mode mode, const uint16_t *each, size_t n)
{
    size_t at[16];
    struct frame_recipe r = naive_recipe(4);
    r.ip_id = first;
    make(&send_, r, (uint32_t)n * 100, 100);
    assert_int_equal(cut_all(&send_, mode, at, 16), n);
    for (size_t k = 0; k < n; k++)
        assert_int_equal(naive_get(cut + at[k] + 18, 2), each[k]);
    check(&send_, mode);
}

static void test_LSO2_7_identification_wraps_at_7fff(void **state)
{
    UNUSED_STATE;
    assert_ids(0x7ffe, FRAME_ID_15BIT, (uint16_t[]){0x7ffe, 0x7fff, 0, 1}, 4);
    assert_ids(0, FRAME_ID_15BIT, (uint16_t[]){0, 1, 2}, 3);
}

static void test_LSO2_8_identification_top_bit_cleared(void **state)
{
    UNUSED_STATE;
    assert_ids(0x8000, FRAME_ID_15BIT, (uint16_t[]){0, 1}, 2);
    assert_ids(0xfffe, FRAME_ID_15BIT, (uint16_t[]){0x7ffe, 0x7fff, 0}, 3);
}

static void test_LSO1_20_identification_16_bits(void **state)
{
    UNUSED_STATE;
    assert_ids(0x7ffe, FRAME_ID_16BIT, (uint16_t[]){0x7ffe, 0x7fff, 0x8000}, 3);
    assert_ids(0xfffe, FRAME_ID_16BIT, (uint16_t[]){0xfffe, 0xffff, 0, 1}, 4);
}

static void test_LSO2_6_more_than_64_kb(void **state)
{
    UNUSED_STATE;
    make(&send_, recipe_of(&layouts[1]), 150001, 1448);
    check(&send_, FRAME_ID_15BIT);
    make(&send_, recipe_of(&layouts[8]), 180000, 9000);
    check(&send_, FRAME_ID_15BIT);
}

/* Bits not named elsewhere (LSO2-10), TTL, DF, MACs (LSO1-19), flow label and class (LSO2-14), all
 * flipped from the usual. */
static void test_LSO2_10_14_unnamed_bits_copied(void **state)
{
    UNUSED_STATE;
    make(&send_, naive_recipe(6), 3000, 999);
    naive_put(send_.bytes + 14, 4, 0x6badcafe);
    send_.bytes[14 + 7] = 255;
    check(&send_, FRAME_ID_15BIT);
    make(&send_, naive_recipe(4), 3000, 999);
    naive_put(send_.bytes + 14 + 6, 2, 0x8000); /* DF clear, reserved bit set */
    send_.bytes[14 + 8] = 1;
    check(&send_, FRAME_ID_15BIT);
}

static void test_LSO1_34_two_tags_repeated(void **state)
{
    UNUSED_STATE;
    struct frame_recipe r = naive_recipe(4);
    r.vlan = true;
    make(&send_, r, 3000, 1000);
    memmove(send_.bytes + 16, send_.bytes + 12, send_.len - 12);
    naive_put(send_.bytes + 12, 4, 0x88a80fff);
    send_.len += 4;
    send_.sh.l3 += 4;
    send_.sh.l4 += 4;
    send_.sh.header_len += 4;
    send_.span.len += 4;
    send_.frame.len += 4;
    check(&send_, FRAME_ID_15BIT);
}

static void test_LSO1_38_not_more_than_mss_gives_one_right_frame(void **state)
{
    UNUSED_STATE;
    for (size_t i = 0; i < COUNT(layouts); i++) {
        for (uint32_t size = 0; size <= 100; size += size < 3 ? 1 : 97) {
            size_t at[2];
            make(&send_, recipe_of(&layouts[i]), size, 100);
            assert_int_equal(cut_all(&send_, FRAME_ID_15BIT, at, 2), 1);
            check(&send_, FRAME_ID_15BIT);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_LSO1_LSO2_every_layout_size_and_mss),
        cmocka_unit_test(test_LSO1_2_mss_counts_payload_only_and_may_be_large),
        cmocka_unit_test(test_LSO1_3_all_but_last_are_exactly_mss),
        cmocka_unit_test(test_LSO1_5_no_empty_frame_at_exact_multiple),
        cmocka_unit_test(test_LSO1_6_sequence_number_wraps),
        cmocka_unit_test(test_LSO1_8_fin_only_in_last),
        cmocka_unit_test(test_LSO1_9_psh_only_in_last),
        cmocka_unit_test(test_LSO1_10_cwr_only_in_first),
        cmocka_unit_test(test_LSO1_11_ece_in_every_frame),
        cmocka_unit_test(test_LSO1_7_reserved_bits_and_urgent_pointer_copied),
        cmocka_unit_test(test_LSO1_16_18_template_checksums_and_lengths_not_relied_on),
        cmocka_unit_test(test_LSO1_18_checksum_of_every_value),
        cmocka_unit_test(test_LSO2_7_identification_wraps_at_7fff),
        cmocka_unit_test(test_LSO2_8_identification_top_bit_cleared),
        cmocka_unit_test(test_LSO1_20_identification_16_bits),
        cmocka_unit_test(test_LSO2_6_more_than_64_kb),
        cmocka_unit_test(test_LSO2_10_14_unnamed_bits_copied),
        cmocka_unit_test(test_LSO1_34_two_tags_repeated),
        cmocka_unit_test(test_LSO1_38_not_more_than_mss_gives_one_right_frame),
    };
    naive_fill(payload, sizeof(payload), 7);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
