/* SPDX-License-Identifier: MIT */
/*
 * The slow truth about checksums: RFC 1071 one byte after another. Shares no code with src/frame,
 * which does the card's work and is judged by this.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* 16 bits, carries folded after each step. start: position of the first byte in the sum. */
static inline uint32_t naive_sum(const uint8_t *p, size_t len, size_t start, uint32_t sum)
{
    for (size_t i = 0; i < len; i++) {
        sum += (start + i) % 2 ? p[i] : p[i] * 256u;
        while (sum > 0xffff)
            sum -= 0xffff;
    }
    return sum;
}

static inline uint32_t naive_get(const uint8_t *p, size_t bytes)
{
    uint32_t v = 0;

    for (size_t i = 0; i < bytes; i++)
        v = v * 256 + p[i];
    return v;
}

static inline void naive_put(uint8_t *p, size_t bytes, uint32_t v)
{
    for (size_t i = bytes; i-- > 0; v /= 256)
        p[i] = (uint8_t)(v % 256);
}

/* Folded sum of the pseudo-header of the IP header at ip (RFC 793, 768, 8200 section 8.1). */
static inline uint32_t naive_pseudo(const uint8_t *ip, unsigned version, uint8_t proto,
                                    uint32_t transport_len)
{
    uint8_t tail[8] = {[7] = proto};
    uint32_t sum = version == 4 ? naive_sum(ip + 12, 8, 0, 0) : naive_sum(ip + 8, 32, 0, 0);

    naive_put(tail, 4, transport_len);
    return naive_sum(tail, sizeof tail, 0, sum);
}
