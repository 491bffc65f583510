/* SPDX-License-Identifier: MIT */
/* The Internet checksum (RFC 1071): the scalar reference, the choice among tiers, pseudo-headers.
 */
#include "frame/frame.h"

#include <stdatomic.h>
#include <string.h>

#include "frame/checksum_tier.h"
#include "frame/wire.h"

/* Below this a call through the tier costs more than it saves. */
enum { SMALL_LEN = 32 };

static inline uint64_t load64(const uint8_t *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof(w));
    return w;
}

/* Up to 7 bytes, zeros behind them: in memory order, so right in either byte order. */
static inline uint64_t load_tail(const uint8_t *p, size_t len)
{
    uint8_t bytes[8] = {0};
    for (size_t i = 0; i < len; i++)
        bytes[i] = p[i];
    return load64(bytes);
}

uint64_t frame_scalar_sum(const uint8_t *data, size_t len)
{
    uint64_t even = 0, odd = 0;
    for (; len >= 16; data += 16, len -= 16) {
        even = tier_add(even, load64(data));
        odd = tier_add(odd, load64(data + 8));
    }
    uint64_t sum = tier_add(even, odd);
    if (len >= 8) {
        sum = tier_add(sum, load64(data));
        data += 8;
        len -= 8;
    }
    return len ? tier_add(sum, load_tail(data, len)) : sum;
}

uint64_t frame_scalar_copy_sum(uint8_t *dst, const uint8_t *src, size_t len)
{
    uint64_t even = 0, odd = 0;
    for (; len >= 16; dst += 16, src += 16, len -= 16) {
        uint64_t a = load64(src), b = load64(src + 8);
        memcpy(dst, &a, sizeof(a));
        memcpy(dst + 8, &b, sizeof(b));
        even = tier_add(even, a);
        odd = tier_add(odd, b);
    }
    for (size_t i = 0; i < len; i++)
        dst[i] = src[i];
    return tier_add(tier_add(even, odd), frame_scalar_sum(src, len));
}

static bool always(void)
{
    return true;
}

static const struct sum_tier scalar_tier = {"scalar", always, frame_scalar_sum,
                                            frame_scalar_copy_sum};

/* Set at first use and by frame_sum_tier. Racing first users store the same pointer. */
static _Atomic(const struct sum_tier *) tier_in_force;

static const struct sum_tier *best_tier(void)
{
    const struct sum_tier *best = &scalar_tier;
    for (size_t i = 0; frame_x86_tiers[i]; i++)
        if (frame_x86_tiers[i]->present())
            best = frame_x86_tiers[i];
    return best;
}

static const struct sum_tier *named_tier(const char *name)
{
    if (strcmp(name, scalar_tier.name) == 0)
        return &scalar_tier;
    for (size_t i = 0; frame_x86_tiers[i]; i++)
        if (strcmp(name, frame_x86_tiers[i]->name) == 0 && frame_x86_tiers[i]->present())
            return frame_x86_tiers[i];
    return NULL;
}

static inline const struct sum_tier *tier(void)
{
    const struct sum_tier *t = atomic_load_explicit(&tier_in_force, memory_order_relaxed);
    if (__builtin_expect(t != NULL, 1))
        return t;
    t = best_tier();
    atomic_store_explicit(&tier_in_force, t, memory_order_relaxed);
    return t;
}

const char *frame_sum_tier(const char *name)
{
    const struct sum_tier *t = name ? named_tier(name) : best_tier();
    if (!t)
        return NULL;
    atomic_store_explicit(&tier_in_force, t, memory_order_relaxed);
    return t->name;
}

/* From this machine's byte order to the wire's. */
static inline uint16_t to_wire(uint64_t sum)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return wire_swap16(frame_fold(sum));
#else
    return frame_fold(sum);
#endif
}

static inline uint16_t sum_of(const void *data, size_t len)
{
    return to_wire(len < SMALL_LEN ? frame_scalar_sum(data, len) : tier()->sum(data, len));
}

uint64_t frame_sum(const void *data, size_t len, uint64_t seed)
{
    return tier_add(seed, sum_of(data, len));
}

uint64_t frame_sum_at(const void *data, size_t len, size_t position, uint64_t seed)
{
    return tier_add(seed, wire_sum_moved(sum_of(data, len), position));
}

uint64_t frame_sum_copy(void *dst, const void *src, size_t len, uint64_t seed)
{
    uint64_t sum =
        len < SMALL_LEN ? frame_scalar_copy_sum(dst, src, len) : tier()->copy_sum(dst, src, len);
    return tier_add(seed, to_wire(sum));
}

uint64_t frame_pseudo_sum(const uint8_t *l3, uint8_t ip_version, uint8_t proto,
                          uint32_t transport_len)
{
    uint64_t seed = (uint64_t)proto + transport_len; /* a 32-bit length: both halves count alike */
    if (ip_version == 4)
        return frame_sum(l3 + 12, 8, seed);
    return frame_sum(l3 + 8, 32, seed);
}
