/* SPDX-License-Identifier: MIT */
/* The input of fuzz_vionet_ring.c, and frames and sends made from it. */
#pragma once

#include "vionet_protocol.h"

enum { FRAME_MAX = 70000 };

struct fuzz {
    const uint8_t *data;
    size_t left;
    struct nt_device *device;
    struct ndis_adapter *adapter;
};

static uint8_t frame[FRAME_MAX];

static uint64_t take(struct fuzz *f, unsigned bytes)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < bytes && f->left; i++, f->left--)
        v |= (uint64_t)*f->data++ << (8 * i);
    return v;
}

/* A frame whose headers are sound unless the input says otherwise; returns the transport offset. */
static uint32_t make_frame(struct fuzz *f, unsigned kind, uint32_t bytes)
{
    bool v6 = kind & 1, udp = kind & 2;
    uint8_t *ip = frame + 14;
    uint32_t at = v6 ? 54 : 34;

    memset(frame, 0x11, 128);
    frame[0] = kind & 8 ? 0xff : 2;
    frame[12] = v6 ? 0x86 : 0x08;
    frame[13] = v6 ? 0xdd : 0;
    ip[0] = v6 ? 0x60 : 0x45;
    ip[2] = (uint8_t)((bytes - 14) >> 8);
    ip[3] = (uint8_t)(bytes - 14);
    ip[4] = (uint8_t)((bytes - 54) >> 8);
    ip[5] = (uint8_t)(bytes - 54);
    if (!v6)
        ip[6] = ip[7] = 0;
    ip[v6 ? 6 : 9] = udp ? 17 : 6;
    frame[at + 12] = 0x50;
    frame[at + 13] = 0x10;
    for (unsigned n = kind & 4 ? (unsigned)take(f, 1) % 16 : 0; n; n--) {
        size_t where = take(f, 1);

        frame[where] = (uint8_t)take(f, 1);
    }
    return at;
}

static void ask(struct fuzz *f, NET_BUFFER_LIST *nbl, unsigned kind, uint32_t at)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO c = {.Value = NULL};
    NDIS_NET_BUFFER_LIST_8021Q_INFO q = {.Value = NULL};

    if (kind & 0x10) {
        c.Transmit.IsIPv4 = !(kind & 1);
        c.Transmit.IsIPv6 = kind & 1;
        c.Transmit.IpHeaderChecksum = !(kind & 1);
        c.Transmit.TcpChecksum = !(kind & 2);
        c.Transmit.UdpChecksum = (kind & 2) != 0;
        c.Transmit.TcpHeaderOffset = at & 0x3ff;
    }
    if (kind & 0x20)
        q.TagHeader.VlanId = take(f, 1) & 0xfff;
    nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = c.Value;
    nbl->NetBufferListInfo[Ieee8021QNetBufferListInfo] = q.Value;
}

static NET_BUFFER_LIST *ordinary(struct fuzz *f)
{
    unsigned kind = (unsigned)take(f, 1), more = (unsigned)take(f, 1);
    uint32_t bytes = (uint32_t)take(f, 2) % 2048, piece = (uint32_t)take(f, 1);
    uint32_t at = make_frame(f, kind, bytes);
    NET_BUFFER_LIST *nbl = make_nbl(frame, MAX_OF(bytes, 1u), piece, more >> 4);

    for (unsigned i = 0; i < more % 4; i++)
        add_nb(nbl, frame, MAX_OF(bytes, 1u), piece / 2);
    ask(f, nbl, kind, at);
    NDIS_SET_NET_BUFFER_LIST_CANCEL_ID(nbl, (PVOID)(uintptr_t)(kind & 1));
    return nbl;
}

static NET_BUFFER_LIST *large(struct fuzz *f)
{
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO l = {.Value = NULL};
    unsigned kind = (unsigned)take(f, 1) & ~2u;
    uint32_t bytes = 100 + (uint32_t)take(f, 2) % (FRAME_MAX - 100);
    uint32_t mss = (uint32_t)take(f, 2) % 1600, piece = (uint32_t)take(f, 1) * 16;
    uint32_t at = make_frame(f, kind, bytes);
    NET_BUFFER_LIST *nbl = make_nbl(frame, bytes, piece, kind >> 6);

    ask(f, nbl, kind & ~0x10u, at);
    l.LsoV2Transmit.MSS = mss & 0xfffff;
    l.LsoV2Transmit.TcpHeaderOffset = at & 0x3ff;
    l.LsoV2Transmit.Type = NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE;
    l.LsoV2Transmit.IPVersion = kind & 1u; /* ..._IPv4 is 0, ..._IPv6 is 1 */
    nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] = l.Value;
    return nbl;
}
