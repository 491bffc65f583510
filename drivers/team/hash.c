/* SPDX-License-Identifier: MIT */
/* Which flow a frame belongs to: the Toeplitz hash that receive side scaling defines, with its
 * published verification key, over addresses and ports in the order sent. */
#include "team.h"

enum {
    HEADERS = 64, /* Ethernet, tag, IPv6, ports */
    IP4 = 0x0800,
    IP6 = 0x86dd,
    TAG = 0x8100,
    TCP = 6,
    UDP = 17,
    FRAGMENT = 0x3fff, /* more fragments, or an offset */
};

static const UCHAR key[40] = {
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
    0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
    0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

/* A window of 32 bits slides along the key; each set input bit adds what stands in it. */
ULONG team_toeplitz(const UCHAR *input, ULONG bytes)
{
    ULONG window = (ULONG)key[0] << 24 | (ULONG)key[1] << 16 | (ULONG)key[2] << 8 | key[3];
    ULONG hash = 0;

    for (ULONG i = 0; i < bytes && i + 4 < sizeof key; i++) {
        for (ULONG bit = 0; bit < 8; bit++) {
            if (input[i] & 0x80 >> bit)
                hash ^= window;
            window = window << 1 | (key[i + 4] >> (7 - bit) & 1u);
        }
    }
    return hash;
}

static ULONG get16(const UCHAR *p)
{
    return (ULONG)p[0] << 8 | p[1];
}

/* Addresses, then ports where every frame of the flow has them. */
static ULONG hash_ip(const UCHAR *addresses, ULONG bytes, const UCHAR *ports)
{
    UCHAR input[36];

    NdisMoveMemory(input, addresses, bytes);
    if (ports) {
        NdisMoveMemory(input + bytes, ports, 4);
        bytes += 4;
    }
    return team_toeplitz(input, bytes);
}

static ULONG hash_ip4(const UCHAR *ip, ULONG bytes)
{
    ULONG header = (ip[0] & 15u) * 4u;
    BOOLEAN ports = (ip[9] == TCP || ip[9] == UDP) && !(get16(ip + 6) & FRAGMENT) && header >= 20 &&
                    bytes >= header + 4;

    return hash_ip(ip + 12, 8, ports ? ip + header : NULL);
}

static ULONG hash_ip6(const UCHAR *ip, ULONG bytes)
{
    BOOLEAN ports = (ip[6] == TCP || ip[6] == UDP) && bytes >= 44;

    return hash_ip(ip + 8, 32, ports ? ip + 40 : NULL);
}

ULONG team_hash(NET_BUFFER *nb)
{
    ULONG bytes = NET_BUFFER_DATA_LENGTH(nb) < HEADERS ? NET_BUFFER_DATA_LENGTH(nb) : HEADERS;
    ULONG at = TEAM_ETH_HEADER, type;
    UCHAR storage[HEADERS];
    const UCHAR *p;

    if (bytes < TEAM_ETH_HEADER)
        return 0;
    p = NdisGetDataBuffer(nb, bytes, storage, 1, 0);
    if (!p)
        return 0;
    type = get16(p + 12);
    if (type == TAG && bytes >= TEAM_ETH_HEADER + 4) {
        type = get16(p + 16);
        at += 4;
    }
    if (type == IP4 && bytes >= at + 20)
        return hash_ip4(p + at, bytes - at);
    if (type == IP6 && bytes >= at + 40)
        return hash_ip6(p + at, bytes - at);
    return team_toeplitz(p, 12);
}
