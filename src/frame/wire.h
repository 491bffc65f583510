/* SPDX-License-Identifier: MIT */
/* Big-endian fields at any alignment, and the numbers of the headers that this room reads (private
 * to src/frame). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "frame/frame.h"

enum {
    WIRE_ETH_TYPE_AT = 12,
    WIRE_TYPE_MIN = 0x0600, /* IEEE 802.3: from here on a type ... */
    WIRE_LENGTH_MAX = 1500, /* ... and up to here a length */
    WIRE_SNAP_LEN = 8,      /* RFC 1042: AA AA 03 00 00 00, then a type */
    WIRE_TAG_LEN = 4,
    WIRE_TYPE_IP4 = 0x0800,
    WIRE_TYPE_IP6 = 0x86dd,
    WIRE_TYPE_CTAG = 0x8100,
    WIRE_TYPE_STAG = 0x88a8,

    WIRE_IP4_LEN = 20,
    WIRE_IP6_LEN = 40,
    WIRE_TCP_LEN = 20,
    WIRE_UDP_LEN = 8,
    WIRE_IP_MAX = 65535, /* what a 16-bit length can say */

    WIRE_PROTO_TCP = 6,
    WIRE_PROTO_UDP = 17,

    WIRE_TCP_FIN = 0x01,
    WIRE_TCP_SYN = 0x02,
    WIRE_TCP_RST = 0x04,
    WIRE_TCP_PSH = 0x08,
    WIRE_TCP_URG = 0x20,
    WIRE_TCP_CWR = 0x80,
};

static inline uint16_t wire_get16(const uint8_t *p)
{
    return (uint16_t)((uint32_t)p[0] << 8 | p[1]);
}

static inline uint32_t wire_get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void wire_put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void wire_put32(uint8_t *p, uint32_t v)
{
    wire_put16(p, v >> 16);
    wire_put16(p + 2, v);
}

static inline uint16_t wire_swap16(uint16_t v)
{
    return (uint16_t)((uint32_t)v << 8 | v >> 8);
}

/* A sum taken as if its first byte stood at an even position, moved to where it stands: RFC 1071 §2
 * (B). */
static inline uint64_t wire_sum_moved(uint64_t sum, size_t position)
{
    return position & 1 ? wire_swap16(frame_fold(sum)) : sum;
}
