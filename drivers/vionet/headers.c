/* SPDX-License-Identifier: MIT */
/* Finding the headers of a frame, and the arithmetic of checksums. Every byte is checked to be
 * there before it is read, whoever sent the frame. */
#include "vionet.h"

enum {
    TYPE_AT = 12, /* in an untagged frame */
    TYPE_IP4 = 0x0800,
    TYPE_IP6 = 0x86dd,
    TYPE_TAG = 0x8100,
    LENGTH_MAX = 1500, /* what is not above is an 802.3 length */
    SNAP_BYTES = 8,
    IP4_BYTES = 20,
    IP6_BYTES = 40,
    IP4_MORE_AND_OFFSET = 0x3fff,
    NEXT_HOP_BY_HOP = 0,
    NEXT_ROUTING = 43,
    NEXT_FRAGMENT = 44,
    NEXT_DESTINATION = 60,
    EXTENSIONS_MAX = 16,
};

static USHORT get16(const UCHAR *p)
{
    return (USHORT)(p[0] << 8 | p[1]);
}

/* RFC 1042: LLC to and from SNAP, unnumbered information, and an organization of zero. */
static BOOLEAN is_snap(const UCHAR *p)
{
    return p[0] == 0xaa && p[1] == 0xaa && p[2] == 3 && p[3] == 0 && p[4] == 0 && p[5] == 0;
}

static void parse_ip4(const UCHAR *p, ULONG bytes, struct vionet_headers *h)
{
    const UCHAR *ip = p + h->ip;
    ULONG header;

    if (h->ip + IP4_BYTES > bytes || ip[0] >> 4 != 4)
        return;
    header = (ip[0] & 15u) * 4;
    if (header < IP4_BYTES || h->ip + header > bytes)
        return;
    h->version = 4;
    h->protocol = ip[9];
    h->transport = h->ip + header;
    h->end = h->ip + get16(ip + 2);
    h->fragment = (get16(ip + 6) & IP4_MORE_AND_OFFSET) != 0;
}

/* Extension headers up to the first that is no option, routing or fragment header (RFC 8200 §4). */
static void parse_ip6(const UCHAR *p, ULONG bytes, struct vionet_headers *h)
{
    const UCHAR *ip = p + h->ip;
    ULONG at = h->ip + IP6_BYTES, next_at;
    UCHAR next;

    if (at > bytes || ip[0] >> 4 != 6)
        return;
    h->version = 6;
    h->end = at + get16(ip + 4);
    next = ip[6];
    for (ULONG i = 0; i < EXTENSIONS_MAX; i++) {
        if (next != NEXT_HOP_BY_HOP && next != NEXT_ROUTING && next != NEXT_DESTINATION &&
            next != NEXT_FRAGMENT) {
            h->protocol = next;
            h->transport = at;
            return;
        }
        if (at + 8 > bytes)
            return;
        if (next == NEXT_FRAGMENT) /* its second byte is reserved, its length fixed */
            h->fragment = TRUE;
        next_at = at;
        at += next == NEXT_FRAGMENT ? 8 : 8 + p[at + 1] * 8u;
        next = p[next_at];
    }
}

void vionet_headers_parse(const UCHAR *p, ULONG bytes, struct vionet_headers *h)
{
    USHORT type;

    NdisZeroMemory(h, sizeof *h);
    if (bytes < VIONET_ETH_HEADER)
        return;
    type = get16(p + TYPE_AT);
    h->ip = VIONET_ETH_HEADER;
    if (type == TYPE_TAG) {
        h->tagged = TRUE;
        h->ip += VIONET_VLAN_TAG;
        if (bytes < h->ip)
            return;
        type = get16(p + TYPE_AT + VIONET_VLAN_TAG);
    }
    if (type <= LENGTH_MAX && h->ip + SNAP_BYTES <= bytes && is_snap(p + h->ip)) {
        h->snap = TRUE;
        type = get16(p + h->ip + SNAP_BYTES - 2);
        h->ip += SNAP_BYTES;
    }
    if (type == TYPE_IP4)
        parse_ip4(p, bytes, h);
    else if (type == TYPE_IP6)
        parse_ip6(p, bytes, h);
}

BOOLEAN vionet_frame_copy(const NET_BUFFER *nb, ULONG offset, PUCHAR to, ULONG bytes)
{
    ULONG skip = offset;
    ULONG at = NET_BUFFER_CURRENT_MDL_OFFSET(nb);

    for (MDL *mdl = NET_BUFFER_CURRENT_MDL(nb); mdl && bytes; mdl = mdl->Next, at = 0) {
        ULONG have = MmGetMdlByteCount(mdl);
        const UCHAR *from;

        have = have > at ? have - at : 0;
        if (have <= skip) {
            skip -= have;
            continue;
        }
        from = MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority);
        if (!from)
            return FALSE;
        have -= skip;
        if (have > bytes)
            have = bytes;
        NdisMoveMemory(to, from + at + skip, have);
        skip = 0;
        to += have;
        bytes -= have;
    }
    return bytes == 0;
}

ULONG vionet_sum(const UCHAR *p, ULONG bytes, ULONG sum)
{
    for (; bytes > 1; p += 2, bytes -= 2)
        sum += get16(p);
    if (bytes)
        sum += (ULONG)p[0] << 8;
    return vionet_fold(sum);
}

USHORT vionet_fold(ULONG sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (USHORT)sum;
}
