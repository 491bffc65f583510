/* SPDX-License-Identifier: MIT */
/*
 * Checksum tiers for x86-64. All work alike: 2^32 is 1 modulo 0xffff, so 32-bit words are summed in
 * 64-bit lanes, the low and the high halves of each lane separately, and no carry is ever lost (4
 * GB of data stay below 2^62 a lane).
 */
#include "frame/checksum_tier.h"

#if defined(__x86_64__)

#include <immintrin.h>

/* clang 14 fails ("Cannot emit physreg copy instruction") on its own pointer-overflow checks beside
 * AVX-512 masks. */
#define FOR(isa) static __attribute__((target(isa), no_sanitize("pointer-overflow")))
#define INLINE_FOR(isa)                                                                            \
    static inline __attribute__((always_inline, target(isa), no_sanitize("pointer-overflow")))

/* What is left after whole vectors. dst NULL: only sum. */
static inline __attribute__((always_inline)) uint64_t tail(uint8_t *dst, const uint8_t *src,
                                                           size_t len)
{
    return dst ? frame_scalar_copy_sum(dst, src, len) : frame_scalar_sum(src, len);
}

/* ---- SSE2: 16 bytes ------------------------------------------------------------------------- */

INLINE_FOR("sse2") __m128i sse2_add(__m128i sum, __m128i v)
{
    const __m128i low = _mm_set1_epi64x(0xffffffff);
    return _mm_add_epi64(sum, _mm_add_epi64(_mm_and_si128(v, low), _mm_srli_epi64(v, 32)));
}

INLINE_FOR("sse2") __m128i sse2_take(uint8_t *dst, const uint8_t *src, size_t at)
{
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(src + at));
    if (dst)
        _mm_storeu_si128((__m128i *)(void *)(dst + at), v);
    return v;
}

INLINE_FOR("sse2") uint64_t sse2_walk(uint8_t *dst, const uint8_t *src, size_t len)
{
    __m128i a = _mm_setzero_si128(), b = a, c = a, d = a;
    size_t at = 0;
    for (; len - at >= 64; at += 64) {
        a = sse2_add(a, sse2_take(dst, src, at));
        b = sse2_add(b, sse2_take(dst, src, at + 16));
        c = sse2_add(c, sse2_take(dst, src, at + 32));
        d = sse2_add(d, sse2_take(dst, src, at + 48));
    }
    for (; len - at >= 16; at += 16)
        a = sse2_add(a, sse2_take(dst, src, at));
    a = _mm_add_epi64(_mm_add_epi64(a, b), _mm_add_epi64(c, d));
    uint64_t sum = (uint64_t)_mm_cvtsi128_si64(a);
    sum = tier_add(sum, (uint64_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(a, a)));
    return tier_add(sum, tail(dst ? dst + at : NULL, src + at, len - at));
}

FOR("sse2") uint64_t sse2_sum(const uint8_t *data, size_t len)
{
    return sse2_walk(NULL, data, len);
}

FOR("sse2") uint64_t sse2_copy_sum(uint8_t *dst, const uint8_t *src, size_t len)
{
    return sse2_walk(dst, src, len);
}

static bool sse2_present(void)
{
    return true; /* part of x86-64 */
}

static const struct sum_tier sse2_tier = {"sse2", sse2_present, sse2_sum, sse2_copy_sum};

/* ---- AVX2: 32 bytes ------------------------------------------------------------------------- */

INLINE_FOR("avx2") __m256i avx2_add(__m256i sum, __m256i v)
{
    const __m256i low = _mm256_set1_epi64x(0xffffffff);
    return _mm256_add_epi64(sum,
                            _mm256_add_epi64(_mm256_and_si256(v, low), _mm256_srli_epi64(v, 32)));
}

INLINE_FOR("avx2") __m256i avx2_take(uint8_t *dst, const uint8_t *src, size_t at)
{
    __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(src + at));
    if (dst)
        _mm256_storeu_si256((__m256i *)(void *)(dst + at), v);
    return v;
}

INLINE_FOR("avx2") uint64_t avx2_walk(uint8_t *dst, const uint8_t *src, size_t len)
{
    __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
    size_t at = 0;
    for (; len - at >= 128; at += 128) {
        a = avx2_add(a, avx2_take(dst, src, at));
        b = avx2_add(b, avx2_take(dst, src, at + 32));
        c = avx2_add(c, avx2_take(dst, src, at + 64));
        d = avx2_add(d, avx2_take(dst, src, at + 96));
    }
    for (; len - at >= 32; at += 32)
        a = avx2_add(a, avx2_take(dst, src, at));
    a = _mm256_add_epi64(_mm256_add_epi64(a, b), _mm256_add_epi64(c, d));
    __m128i half = _mm_add_epi64(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    uint64_t sum = (uint64_t)_mm_cvtsi128_si64(half);
    sum = tier_add(sum, (uint64_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(half, half)));
    return tier_add(sum, tail(dst ? dst + at : NULL, src + at, len - at));
}

FOR("avx2") uint64_t avx2_sum(const uint8_t *data, size_t len)
{
    return avx2_walk(NULL, data, len);
}

FOR("avx2") uint64_t avx2_copy_sum(uint8_t *dst, const uint8_t *src, size_t len)
{
    return avx2_walk(dst, src, len);
}

static bool avx2_present(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2");
}

static const struct sum_tier avx2_tier = {"avx2", avx2_present, avx2_sum, avx2_copy_sum};

/* ---- AVX-512 with byte masks: 64 bytes, and the tail is one masked vector ------------------- */

#define AVX512 "avx512f,avx512bw"

INLINE_FOR(AVX512) __m512i avx512_add(__m512i sum, __m512i v)
{
    const __m512i low = _mm512_set1_epi64(0xffffffff);
    return _mm512_add_epi64(sum,
                            _mm512_add_epi64(_mm512_and_si512(v, low), _mm512_srli_epi64(v, 32)));
}

/* Bytes [from, to) of a vector. Bytes outside a mask are neither read nor written. */
static inline __mmask64 avx512_mask(size_t from, size_t to)
{
    return (to == 64 ? ~(__mmask64)0 : ((__mmask64)1 << to) - 1) & ~(__mmask64)0 << from;
}

INLINE_FOR(AVX512) __m512i avx512_take(uint8_t *dst, const uint8_t *src, size_t at)
{
    __m512i v = _mm512_loadu_si512(src + at);
    if (dst)
        _mm512_storeu_si512(dst + at, v);
    return v;
}

INLINE_FOR(AVX512) uint64_t avx512_walk(uint8_t *dst, const uint8_t *src, size_t len, __m512i a)
{
    __m512i b = _mm512_setzero_si512(), c = b, d = b;
    size_t at = 0;
    for (; len - at >= 256; at += 256) {
        a = avx512_add(a, avx512_take(dst, src, at));
        b = avx512_add(b, avx512_take(dst, src, at + 64));
        c = avx512_add(c, avx512_take(dst, src, at + 128));
        d = avx512_add(d, avx512_take(dst, src, at + 192));
    }
    for (; len - at >= 64; at += 64)
        a = avx512_add(a, avx512_take(dst, src, at));
    __mmask64 mask = avx512_mask(0, len - at);
    __m512i v = _mm512_maskz_loadu_epi8(mask, src + at);
    if (dst)
        _mm512_mask_storeu_epi8(dst + at, mask, v);
    b = avx512_add(b, v);
    a = _mm512_add_epi64(_mm512_add_epi64(a, b), _mm512_add_epi64(c, d));
    return (uint64_t)_mm512_reduce_add_epi64(a);
}

/*
 * Loads that straddle cache lines cost a third of the speed, and payload rarely starts at one: so
 * the first vector starts at the line's start, its foreign bytes masked. At an odd address each
 * byte then stands in the other half of its word, which a rotation by 8 repairs: 2^64 is 1 modulo
 * 0xffff.
 */
FOR(AVX512) uint64_t avx512_sum(const uint8_t *data, size_t len)
{
    size_t skip = (uintptr_t)data % 64;
    if (skip == 0 || len < 256)
        return avx512_walk(NULL, data, len, _mm512_setzero_si512());
    const void *line = (const void *)((uintptr_t)data - skip);
    __m512i v = _mm512_maskz_loadu_epi8(avx512_mask(skip, 64), line);
    v = avx512_add(_mm512_setzero_si512(), v);
    uint64_t sum = avx512_walk(NULL, data + (64 - skip), len - (64 - skip), v);
    return skip & 1 ? sum << 8 | sum >> 56 : sum;
}

FOR(AVX512) uint64_t avx512_copy_sum(uint8_t *dst, const uint8_t *src, size_t len)
{
    return avx512_walk(dst, src, len, _mm512_setzero_si512());
}

static bool avx512_present(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
}

static const struct sum_tier avx512_tier = {"avx512", avx512_present, avx512_sum, avx512_copy_sum};

const struct sum_tier *const frame_x86_tiers[] = {&sse2_tier, &avx2_tier, &avx512_tier, NULL};

#else

const struct sum_tier *const frame_x86_tiers[] = {NULL};

#endif
