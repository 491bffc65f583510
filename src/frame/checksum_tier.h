/* SPDX-License-Identifier: MIT */
/* What an implementation of the Internet checksum gives to checksum.c (private to src/frame). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * sum returns a number that is congruent, modulo 0xffff, to the sum of data's 16-bit words in this
 * machine's byte order, an odd last byte followed by a zero; and 0 only if all bytes are 0. RFC
 * 1071 §2 (B): byte order can be repaired at the end. copy_sum does so while copying. len is below
 * 2^32.
 */
struct sum_tier {
    const char *name;
    bool (*present)(void);
    uint64_t (*sum)(const uint8_t *data, size_t len);
    uint64_t (*copy_sum)(uint8_t *dst, const uint8_t *src, size_t len);
};

/* NULL-terminated, best last. Empty on other processors. */
extern const struct sum_tier *const frame_x86_tiers[];

/* One's complement addition: the carry comes back at the end. */
static inline uint64_t tier_add(uint64_t a, uint64_t b)
{
    a += b;
    return a + (a < b);
}

/* The scalar tier's loops, also the tails of the others. */
uint64_t frame_scalar_sum(const uint8_t *data, size_t len);
uint64_t frame_scalar_copy_sum(uint8_t *dst, const uint8_t *src, size_t len);
