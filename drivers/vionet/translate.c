/* SPDX-License-Identifier: MIT */
/*
 * Between NDIS out-of-band information and the virtio header, both ways.
 *
 * A send's header changes only in a private copy, which replaces the frame's first bytes in the
 * descriptor chain. Checksums of payload are the device's; the driver fills in what stands in
 * headers: lengths that a large send leaves open and, where the device is plain virtio, the IPv4
 * header checksum. A plain device also numbers segments over 16 bits: then a large send that would
 * pass 0x7fff goes to it in parts.
 */
#include "vionet.h"

enum {
    ADDRESSES = 12,
    WINDOW = VIONET_HEAD_BYTES - (int)sizeof(struct virtio_net_hdr) - VIONET_VLAN_TAG,
    FIRST_LOOK = 128, /* holds all headers but long chains of IPv6 extensions */
    COPY_WHOLE = 128, /* frames up to here are cheaper to copy than to map */
    TAG_TYPE = 0x8100,
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    IP4_BYTES = 20,
    IP6_BYTES = 40,
    TCP_BYTES = 20,
    UDP_BYTES = 8,
    TCP_CHECKSUM = 16,
    UDP_CHECKSUM = 6,
    TCP_FIN = 0x01,
    TCP_SYN = 0x02,
    TCP_RST = 0x04,
    TCP_PSH = 0x08,
    TCP_URG = 0x20,
    TCP_CWR = 0x80,
    GSO_MAX = 0xffff,
    ID_MASK = 0x7fff, /* version 2 numbers in 15 bits */
    ID_COUNT = 0x8000,
    SNAP_HEADER = 8,
};

struct send {
    struct vionet_adapter *a;
    struct vionet_tx_request *t;
    PUCHAR frame;      /* private copy of its first bytes */
    ULONG frame_bytes; /* of all of it, as handed down */
    ULONG copied,
        keep;  /* bytes copied; of these, bytes that were changed and must replace the original */
    ULONG tag; /* bytes that insertion of a tag adds */
    BOOLEAN version1; /* of large send */
    struct vionet_headers h;
};

static USHORT get16(const UCHAR *p)
{
    return (USHORT)(p[0] << 8 | p[1]);
}

static void put16(PUCHAR p, ULONG v)
{
    p[0] = (UCHAR)(v >> 8);
    p[1] = (UCHAR)v;
}

static ULONG get32(const UCHAR *p)
{
    return (ULONG)get16(p) << 16 | get16(p + 2);
}

static void put32(PUCHAR p, ULONG v)
{
    put16(p, v >> 16);
    put16(p + 2, v);
}

/* What lies behind LLC/SNAP is known only if the device knows it, too. */
static void parse(const struct vionet_adapter *a, const UCHAR *p, ULONG bytes,
                  struct vionet_headers *h)
{
    vionet_headers_parse(p, bytes, h);
    if (h->snap && !vionet_has_vendor(a, LONGSHORE_F_SNAP))
        NdisZeroMemory(h, sizeof *h);
}

ULONG vionet_cast(const UCHAR *destination)
{
    UCHAR all = destination[0] & destination[1] & destination[2] & destination[3] & destination[4] &
                destination[5];

    if (!(destination[0] & 1))
        return 0;
    return all == 0xff ? 2 : 1;
}

/* ---- Send ----------------------------------------------------------------------------------- */

/* Makes the private copy hold the frame's first bytes, as many as there are. */
static BOOLEAN copy_up_to(struct send *s, ULONG bytes)
{
    if (bytes > s->frame_bytes)
        bytes = s->frame_bytes;
    if (bytes <= s->copied)
        return TRUE;
    if (!vionet_frame_copy(s->t->nb, s->copied, s->frame + s->copied, bytes - s->copied))
        return FALSE;
    s->copied = bytes;
    return TRUE;
}

static BOOLEAN find_headers(struct send *s)
{
    if (!copy_up_to(s, FIRST_LOOK))
        return FALSE;
    parse(s->a, s->frame, s->copied, &s->h);
    if (s->h.transport || s->copied == s->frame_bytes)
        return TRUE;
    if (!copy_up_to(s, WINDOW))
        return FALSE;
    parse(s->a, s->frame, s->copied, &s->h);
    return TRUE;
}

static struct virtio_net_hdr *virtio_header(const struct send *s)
{
    return (struct virtio_net_hdr *)(PVOID)s->t->head;
}

static void fill_ip4_checksum(PUCHAR ip, ULONG header)
{
    put16(ip + 10, 0);
    put16(ip + 10, (USHORT)~vionet_sum(ip, header, 0));
}

/* virtio itself has no word for the IPv4 header checksum. What stands in the field does not matter.
 */
static void ask_ip4_checksum(struct send *s)
{
    if (vionet_has_vendor(s->a, LONGSHORE_F_IPCSUM)) {
        virtio_header(s)->flags |= LONGSHORE_TX_IPCSUM;
        return;
    }
    fill_ip4_checksum(s->frame + s->h.ip, s->h.transport - s->h.ip);
    if (s->keep < s->h.transport)
        s->keep = s->h.transport;
}

static void ask_checksum(struct send *s, ULONG field)
{
    struct virtio_net_hdr *v = virtio_header(s);

    v->flags |= VIRTIO_NET_HDR_F_NEEDS_CSUM;
    v->csum_start = (le16)(s->h.transport + s->tag);
    v->csum_offset = (le16)field;
}

/*
 * Done whether or not the offload is on at the moment: a send that was built before it was switched
 * off still gets its checksum. What cannot be done is not sent. TCP and UDP fields hold the
 * pseudo-header sum that virtio wants there, too.
 */
static NDIS_STATUS add_checksums(struct send *s, NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO q)
{
    BOOLEAN transport = q.Transmit.TcpChecksum || q.Transmit.UdpChecksum;
    BOOLEAN ip = q.Transmit.IsIPv4 && q.Transmit.IpHeaderChecksum;

    if ((!q.Transmit.IsIPv4 && !q.Transmit.IsIPv6) || (!ip && !transport))
        return NDIS_STATUS_SUCCESS;
    if (!find_headers(s))
        return NDIS_STATUS_RESOURCES;
    if (!(s->h.version == 4 && q.Transmit.IsIPv4) && !(s->h.version == 6 && q.Transmit.IsIPv6))
        return NDIS_STATUS_FAILURE;
    if (ip && s->h.version == 4)
        ask_ip4_checksum(s);
    if (!transport)
        return NDIS_STATUS_SUCCESS;
    if (!vionet_has(s->a, VIRTIO_NET_F_CSUM) || s->h.fragment || !s->h.transport)
        return NDIS_STATUS_FAILURE;
    if (s->h.protocol == PROTOCOL_TCP && q.Transmit.TcpChecksum &&
        q.Transmit.TcpHeaderOffset == s->h.transport &&
        s->h.transport + TCP_BYTES <= s->frame_bytes)
        ask_checksum(s, TCP_CHECKSUM);
    else if (s->h.protocol == PROTOCOL_UDP && q.Transmit.UdpChecksum &&
             s->h.transport + UDP_BYTES <= s->frame_bytes)
        ask_checksum(s, UDP_CHECKSUM);
    else
        return NDIS_STATUS_FAILURE;
    return NDIS_STATUS_SUCCESS;
}

/* Where the payload of a large send begins; 0 when this is no packet that may be cut. */
static ULONG large_payload_at(struct send *s, NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO q)
{
    ULONG tcp = q.LsoV2Transmit.TcpHeaderOffset, payload; /* in the same place in version 1 */
    BOOLEAN v6 = !s->version1 && q.LsoV2Transmit.IPVersion == NDIS_TCP_LARGE_SEND_OFFLOAD_IPv6;

    if (!copy_up_to(s, NDIS_LARGE_SEND_OFFLOAD_MAX_HEADER_LENGTH))
        return 0;
    parse(s->a, s->frame, s->copied, &s->h);
    if (s->h.version != (v6 ? 6 : 4) || s->h.protocol != PROTOCOL_TCP || s->h.fragment ||
        s->h.transport != tcp || tcp + TCP_BYTES > s->copied)
        return 0;
    if (s->frame[tcp + 13] & (TCP_SYN | TCP_RST | TCP_URG))
        return 0;
    payload = tcp + (s->frame[tcp + 12] >> 4) * 4u;
    if (payload < tcp + TCP_BYTES || payload > NDIS_LARGE_SEND_OFFLOAD_MAX_HEADER_LENGTH ||
        payload >= s->frame_bytes)
        return 0;
    return payload;
}

/* Both versions leave the TCP length out of the pseudo-header sum, version 2 leaves the IP length
 * open; virtio wants both of the whole packet. */
static void finish_large_headers(struct send *s)
{
    PUCHAR ip = s->frame + s->h.ip, tcp = s->frame + s->h.transport;

    put16(tcp + TCP_CHECKSUM,
          vionet_fold((ULONG)get16(tcp + TCP_CHECKSUM) + s->frame_bytes - s->h.transport));
    if (s->h.version == 6) {
        put16(ip + 4, s->frame_bytes - s->h.ip - IP6_BYTES);
        return;
    }
    put16(ip + 2, s->frame_bytes - s->h.ip);
    if (!s->version1)
        put16(ip + 4, get16(ip + 4) & ID_MASK);
    ask_ip4_checksum(s);
}

/* The 802.3 length of a frame that is not cut; segments get theirs from the device. */
static void put_snap_length(PUCHAR ip, ULONG ip_bytes)
{
    put16(ip - SNAP_HEADER - 2, ip_bytes + SNAP_HEADER);
}

/* How many parts a send of so many segments has to be cut into, so that none passes 0x7fff. */
static ULONG parts_of(const struct send *s, ULONG segments, ULONG *first)
{
    if (s->h.version != 4 || s->version1) { /* the 15 bits are version 2's rule */
        *first = segments;
        return 1;
    }
    *first = ID_COUNT - get16(s->frame + s->h.ip + 4);
    if (segments <= *first)
        return 1;
    if (vionet_has_vendor(s->a, LONGSHORE_F_ID15)) {
        virtio_header(s)->flags |= LONGSHORE_TX_ID15;
        *first = segments;
        return 1;
    }
    return 1 + (segments - *first + ID_COUNT - 1) / ID_COUNT;
}

static void plan_parts(struct send *s, ULONG payload_at, ULONG mss, BOOLEAN lone)
{
    struct vionet_tx_cut *c = &s->t->cut;
    ULONG front = (ULONG)sizeof(struct virtio_net_hdr) + s->tag;

    c->parts = parts_of(s, s->t->frames, &c->first);
    c->lone = lone && c->first > 1;
    c->parts += c->lone;
    c->id_mask = s->h.version == 6 ? 0 : s->version1 ? 0xffff : ID_MASK;
    c->mss = mss;
    c->ip = front + s->h.ip;
    c->tcp = front + s->h.transport;
    c->head = front + payload_at;
    c->bytes = s->frame_bytes - payload_at;
    c->snap = s->h.snap;
}

static void number_part(const struct vionet_tx_cut *c, PUCHAR to, ULONG skip, ULONG bytes)
{
    PUCHAR ip = to + c->ip, tcp = to + c->tcp;

    /* The template's pseudo-header sum has the length of the whole: less what others carry. */
    put16(tcp + TCP_CHECKSUM,
          vionet_fold(get16(tcp + TCP_CHECKSUM) + 0xffffu - (c->bytes - bytes)));
    put32(tcp + 4, get32(tcp + 4) + skip);
    if (skip)
        tcp[13] &= (UCHAR)~TCP_CWR;
    if (skip + bytes < c->bytes)
        tcp[13] &= (UCHAR) ~(TCP_FIN | TCP_PSH);
    if (!c->id_mask) {
        put16(ip + 4, c->head + bytes - c->ip - IP6_BYTES);
        return;
    }
    put16(ip + 2, c->head + bytes - c->ip);
    put16(ip + 4, (get16(ip + 4) + skip / c->mss) & c->id_mask);
}

/* The first segment of a part; that of the part behind the last one is beyond the end. */
static ULONG segment_at(const struct vionet_tx_cut *c, ULONG part)
{
    if (part <= c->lone)
        return part;
    return c->first + (part - c->lone - 1) * ID_COUNT;
}

ULONG vionet_offload_part(const struct vionet_tx_request *t, ULONG part, PUCHAR to, ULONG *at)
{
    const struct vionet_tx_cut *c = &t->cut;
    ULONG skip = segment_at(c, part) * c->mss;
    ULONG bytes = segment_at(c, part + 1) * c->mss - skip;
    struct virtio_net_hdr *v = (struct virtio_net_hdr *)(PVOID)to;
    PUCHAR ip = to + c->ip;

    if (bytes > c->bytes - skip)
        bytes = c->bytes - skip;
    if (to != t->head)
        NdisMoveMemory(to, t->head, c->head);
    number_part(c, to, skip, bytes);
    if (!(to[c->tcp + 13] & TCP_CWR))
        v->gso_type &= (UCHAR)~VIRTIO_NET_HDR_GSO_ECN;
    if (bytes <= c->mss) {
        v->gso_type = VIRTIO_NET_HDR_GSO_NONE;
        v->flags &= (UCHAR)~LONGSHORE_TX_ID15;
        v->hdr_len = v->gso_size = 0;
        if (c->snap)
            put_snap_length(ip, c->head - c->ip + bytes);
    }
    if (c->id_mask && !(v->flags & LONGSHORE_TX_IPCSUM))
        fill_ip4_checksum(ip, c->tcp - c->ip);
    *at = skip;
    return bytes;
}

/* §5.1.6.2.1 advises against large sends with CWR to a device that did not take HOST_ECN, as such a
 * device repeats the flag in every segment: there the first segment goes alone (RFC 3168, 6.1.2).
 */
static NDIS_STATUS cut(struct send *s, ULONG payload_at, ULONG mss)
{
    struct virtio_net_hdr *v = virtio_header(s);
    ULONG payload = s->frame_bytes - payload_at;
    BOOLEAN cwr = (s->frame[s->h.transport + 13] & TCP_CWR) != 0;
    BOOLEAN knows = vionet_has(s->a, VIRTIO_NET_F_HOST_ECN);

    finish_large_headers(s);
    s->keep = payload_at;
    ask_checksum(s, TCP_CHECKSUM);
    s->t->large_bytes = payload;
    if (payload <= mss) { /* one ordinary frame */
        if (s->h.snap)
            put_snap_length(s->frame + s->h.ip, s->frame_bytes - s->h.ip);
        return NDIS_STATUS_SUCCESS;
    }
    v->gso_type = s->h.version == 6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
    if (cwr && knows)
        v->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
    v->hdr_len = (le16)(payload_at + s->tag);
    v->gso_size = (le16)mss;
    s->t->frames = (payload + mss - 1) / mss;
    s->t->wire_bytes += (s->t->frames - 1) * (payload_at + s->tag);
    plan_parts(s, payload_at, mss, cwr && !knows);
    return NDIS_STATUS_SUCCESS;
}

/* Each kind has a switch of its own. Only version 1 may come with several NET_BUFFERs, each of them
 * a packet. */
static BOOLEAN large_send_allowed(const struct send *s,
                                  NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO q)
{
    ULONG on = vionet_on(s->a);

    if (s->version1)
        return (on & VIONET_ON_LSO1) != 0;
    if (NET_BUFFER_LIST_FIRST_NB(s->t->nbl)->Next)
        return FALSE;
    return q.LsoV2Transmit.IPVersion == NDIS_TCP_LARGE_SEND_OFFLOAD_IPv6
               ? (on & VIONET_ON_LSO2_6) != 0
               : (on & VIONET_ON_LSO2_4) != 0;
}

/* Version 1's packet is as long as its IPv4 header says, and that must be what there is. */
static NDIS_STATUS add_large_send(struct send *s,
                                  NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO q)
{
    ULONG mss = q.LsoV2Transmit.MSS, payload_at, segment;

    s->version1 = q.Transmit.Type == NDIS_TCP_LARGE_SEND_OFFLOAD_V1_TYPE;
    if (!large_send_allowed(s, q) || mss == 0 || mss > GSO_MAX)
        return NDIS_STATUS_FAILURE;
    payload_at = large_payload_at(s, q);
    if (payload_at == 0)
        return NDIS_STATUS_FAILURE;
    if (s->version1 && get16(s->frame + s->h.ip + 2) != s->frame_bytes - s->h.ip)
        return NDIS_STATUS_INVALID_LENGTH;
    segment = s->frame_bytes - payload_at;
    if (segment > VIONET_MAX_OFFLOAD)
        return NDIS_STATUS_INVALID_LENGTH;
    if (segment > mss)
        segment = mss;
    if (payload_at + segment > s->a->mtu + VIONET_ETH_HEADER + (s->h.tagged ? VIONET_VLAN_TAG : 0))
        return NDIS_STATUS_INVALID_LENGTH;
    return cut(s, payload_at, mss);
}

/* A tag in the buffer is allowed for. */
static BOOLEAN too_long(const struct send *s)
{
    ULONG max = s->a->mtu + VIONET_ETH_HEADER;

    if (get16(s->frame + ADDRESSES) == TAG_TYPE)
        max += VIONET_VLAN_TAG;
    return s->frame_bytes > max;
}

/* The tag goes behind the addresses, which move down into the gap that was left for it. */
static void insert_tag(struct send *s, NDIS_NET_BUFFER_LIST_8021Q_INFO q)
{
    PUCHAR to = s->frame - VIONET_VLAN_TAG;

    for (ULONG i = 0; i < ADDRESSES; i++)
        to[i] = s->frame[i];
    put16(to + ADDRESSES, TAG_TYPE);
    put16(to + ADDRESSES + 2, (ULONG)q.TagHeader.UserPriority << 13 |
                                  (ULONG)q.TagHeader.CanonicalFormatId << 12 | q.TagHeader.VlanId);
    if (s->keep < ADDRESSES)
        s->keep = ADDRESSES;
}

/* Short frames go as a copy altogether, filled up with zeros: but for what is cut, where they would
 * become payload. */
static BOOLEAN copy_small(struct send *s)
{
    ULONG bytes = s->frame_bytes + s->tag;

    s->keep = s->frame_bytes;
    if (!copy_up_to(s, s->frame_bytes))
        return FALSE;
    if (bytes < VIONET_MIN_FRAME && s->t->frames == 1) {
        NdisZeroMemory(s->frame + s->frame_bytes, VIONET_MIN_FRAME - bytes);
        s->t->head_bytes = VIONET_MIN_FRAME - bytes;
        s->t->wire_bytes = VIONET_MIN_FRAME;
    }
    return TRUE;
}

static BOOLEAN tagged_in_buffer(const NET_BUFFER *nb)
{
    UCHAR type[2];

    return NET_BUFFER_DATA_LENGTH(nb) >= VIONET_ETH_HEADER &&
           vionet_frame_copy(nb, ADDRESSES, type, sizeof type) && get16(type) == TAG_TYPE;
}

/* The tag that the slot asks for, as far as *PriorityVLANTag allows it (KEY-16). A frame that names
 * no VLAN leaves in the adapter's own (KEY-18). */
static NDIS_NET_BUFFER_LIST_8021Q_INFO tag_for(const struct vionet_adapter *a,
                                               const struct vionet_tx_request *t)
{
    NDIS_NET_BUFFER_LIST_8021Q_INFO q;

    q.Value = NET_BUFFER_LIST_INFO(t->nbl, Ieee8021QNetBufferListInfo);
    if (!(a->tagging & VIONET_TAG_PRIORITY))
        q.TagHeader.UserPriority = 0;
    if (!(a->tagging & VIONET_TAG_VLAN))
        q.TagHeader.VlanId = 0;
    else if (!q.TagHeader.VlanId && vionet_vlan(a) && !tagged_in_buffer(t->nb))
        q.TagHeader.VlanId = vionet_vlan(a) & 0xfffu;
    return q;
}

NDIS_STATUS vionet_offload_send(struct vionet_adapter *a, struct vionet_tx_request *t)
{
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO large;
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO checksum;
    NDIS_NET_BUFFER_LIST_8021Q_INFO q;
    NDIS_STATUS status;
    struct send s = {.a = a, .t = t, .frame_bytes = NET_BUFFER_DATA_LENGTH(t->nb)};

    large.Value = NET_BUFFER_LIST_INFO(t->nbl, TcpLargeSendNetBufferListInfo);
    checksum.Value = NET_BUFFER_LIST_INFO(t->nbl, TcpIpChecksumNetBufferListInfo);
    q = tag_for(a, t);
    s.tag = q.TagHeader.UserPriority || q.TagHeader.VlanId ? VIONET_VLAN_TAG : 0;
    s.frame = t->head + sizeof(struct virtio_net_hdr) + s.tag;
    t->head_bytes = t->large_bytes = 0;
    t->cut.parts = t->cut.in_flight = t->frames = 1;
    t->wire_bytes = s.frame_bytes + s.tag;
    NdisZeroMemory(t->head, sizeof(struct virtio_net_hdr));
    if (s.frame_bytes < VIONET_ETH_HEADER)
        return NDIS_STATUS_INVALID_LENGTH;
    if (!copy_up_to(&s, VIONET_ETH_HEADER))
        return NDIS_STATUS_RESOURCES;
    t->cast = vionet_cast(s.frame);
    if (!large.Value && too_long(&s))
        return NDIS_STATUS_INVALID_LENGTH;
    status = large.Value ? add_large_send(&s, large) : add_checksums(&s, checksum);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (s.frame_bytes <= COPY_WHOLE && t->cut.parts == 1 && !copy_small(&s))
        return NDIS_STATUS_RESOURCES;
    if (s.tag)
        insert_tag(&s, q);
    t->skip = s.keep;
    t->head_bytes += (ULONG)sizeof(struct virtio_net_hdr) + s.tag + s.keep;
    return NDIS_STATUS_SUCCESS;
}

void vionet_offload_completed(NET_BUFFER_LIST *nbl, ULONG payload_sent)
{
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO q, done;

    q.Value = NET_BUFFER_LIST_INFO(nbl, TcpLargeSendNetBufferListInfo);
    done.Value = NULL;
    if (q.Transmit.Type == NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE)
        done.LsoV2TransmitComplete.Type = NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE;
    else
        done.LsoV1TransmitComplete.TcpPayload = payload_sent & 0x3fffffff;
    NET_BUFFER_LIST_INFO(nbl, TcpLargeSendNetBufferListInfo) = done.Value;
}

/* ---- Receive -------------------------------------------------------------------------------- */

static BOOLEAN tcp_judged(const struct vionet_headers *f, const UCHAR *head, ULONG head_bytes)
{
    ULONG header;

    if (f->transport + TCP_BYTES > head_bytes)
        return FALSE;
    header = (head[f->transport + 12] >> 4) * 4u;
    return header >= TCP_BYTES && f->transport + header <= f->end;
}

/* A checksum of zero was not computed: nobody can have verified it. */
static BOOLEAN udp_judged(const struct vionet_headers *f, const UCHAR *head, ULONG head_bytes)
{
    const UCHAR *udp = head + f->transport;

    if (f->transport + UDP_BYTES > head_bytes)
        return FALSE;
    return get16(udp + 4) >= UDP_BYTES && f->transport + get16(udp + 4) <= f->end &&
           get16(udp + UDP_CHECKSUM) != 0;
}

struct verdict {
    ULONG good : 1, bad : 1; /* never both; neither: not judged */
};

/* A device that leaves a checksum unfinished vouches for the one at that place only. */
static struct verdict transport_verdict(const struct vionet_adapter *a,
                                        const struct virtio_net_hdr *h,
                                        const struct vionet_headers *f, ULONG field)
{
    BOOLEAN bad = vionet_has_vendor(a, LONGSHORE_F_VERDICTS) && (h->flags & LONGSHORE_RX_L4_BAD);
    BOOLEAN good = (h->flags & VIRTIO_NET_HDR_F_DATA_VALID) != 0;

    if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
        good = h->csum_start == f->transport && h->csum_offset == field;
    return (struct verdict){good && !bad, bad && !good};
}

static struct verdict ip_verdict(const struct vionet_adapter *a, const struct virtio_net_hdr *h)
{
    UCHAR word = h->flags & (LONGSHORE_RX_IP_GOOD | LONGSHORE_RX_IP_BAD);

    if (!vionet_has_vendor(a, LONGSHORE_F_VERDICTS))
        word = 0;
    return (struct verdict){word == LONGSHORE_RX_IP_GOOD, word == LONGSHORE_RX_IP_BAD};
}

/* Whether the device may have said anything. */
static BOOLEAN spoken(const struct vionet_adapter *a, const struct virtio_net_hdr *h)
{
    UCHAR words = VIRTIO_NET_HDR_F_DATA_VALID | VIRTIO_NET_HDR_F_NEEDS_CSUM;

    if (vionet_has_vendor(a, LONGSHORE_F_VERDICTS))
        words |= LONGSHORE_RX_IP_GOOD | LONGSHORE_RX_IP_BAD | LONGSHORE_RX_L4_BAD;
    return (h->flags & words) != 0;
}

static void judge_transport(const struct vionet_adapter *a, const struct virtio_net_hdr *h,
                            const struct vionet_headers *f,
                            NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO *q)
{
    ULONG on = vionet_on(a);
    struct verdict v;

    if (f->protocol == PROTOCOL_TCP && (on & (f->version == 4 ? VIONET_RX_TCP4 : VIONET_RX_TCP6))) {
        v = transport_verdict(a, h, f, TCP_CHECKSUM);
        q->Receive.TcpChecksumSucceeded = v.good;
        q->Receive.TcpChecksumFailed = v.bad;
    }
    if (f->protocol == PROTOCOL_UDP && (on & (f->version == 4 ? VIONET_RX_UDP4 : VIONET_RX_UDP6))) {
        v = transport_verdict(a, h, f, UDP_CHECKSUM);
        q->Receive.UdpChecksumSucceeded = v.good;
        q->Receive.UdpChecksumFailed = v.bad;
    }
}

PVOID vionet_offload_received(const struct vionet_adapter *a, const struct virtio_net_hdr *h,
                              const UCHAR *head, ULONG head_bytes, ULONG frame_bytes)
{
    ULONG on = vionet_on(a);
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO q;
    struct vionet_headers f;

    q.Value = NULL;
    if (!(on &
          (VIONET_RX_IP4 | VIONET_RX_TCP4 | VIONET_RX_UDP4 | VIONET_RX_TCP6 | VIONET_RX_UDP6)) ||
        !spoken(a, h))
        return NULL;
    parse(a, head, head_bytes, &f);
    if (f.tagged || !f.transport || f.end > frame_bytes)
        return NULL;
    /* IPv4 options on receive are reported together with the IPv4 header checksum. */
    if (f.version == 4 && f.transport - f.ip != IP4_BYTES && !(on & VIONET_RX_IP4))
        return NULL;
    if (f.version == 4 && (on & VIONET_RX_IP4)) {
        struct verdict v = ip_verdict(a, h);

        q.Receive.IpChecksumSucceeded = v.good;
        q.Receive.IpChecksumFailed = v.bad;
    }
    if (!f.fragment && (f.protocol == PROTOCOL_TCP ? tcp_judged(&f, head, head_bytes)
                                                   : udp_judged(&f, head, head_bytes)))
        judge_transport(a, h, &f, &q);
    return q.Value;
}
