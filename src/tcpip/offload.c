/* SPDX-License-Identifier: MIT */
/*
 * Offload requests and verdicts between Linux's terms (struct frame_offload) and NDIS out-of-band
 * information, by the transport's rules: "Offloading Checksum Tasks", "Offloading the Segmentation
 * of Large TCP Packets".
 */
#include "tcpip/tcpip_int.h"

enum {
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    IP4_CSUM_AT = 10,
    IP4_LEN_AT = 2,
    IP4_ID_AT = 4,
    IP4_LEN_MAX = 0xffff,
    TCP_FLAGS_AT = 13,
    TCP_CSUM_AT = 16,
    TCP_URGENT_AT = 18,
    TCP_SYN_RST_URG = 0x26,
    UDP_CSUM_AT = 6
};

static void put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static bool on(ULONG member)
{
    return member == NDIS_OFFLOAD_SUPPORTED;
}

static bool ethernet(ULONG encapsulation)
{
    return (encapsulation & NDIS_ENCAPSULATION_IEEE_802_3) != 0;
}

bool tcpip_config_lists_ethernet(const NDIS_OFFLOAD *o)
{
    return ethernet(o->Checksum.IPv4Transmit.Encapsulation | o->Checksum.IPv4Receive.Encapsulation |
                    o->Checksum.IPv6Transmit.Encapsulation | o->Checksum.IPv6Receive.Encapsulation |
                    o->LsoV1.IPv4.Encapsulation | o->LsoV2.IPv4.Encapsulation |
                    o->LsoV2.IPv6.Encapsulation);
}

/* Version 2 where both are on (KEY-9, D-33). */
static void large4(const NDIS_OFFLOAD *o, struct tcpip_offers *r)
{
    bool v2 = ethernet(o->LsoV2.IPv4.Encapsulation) && o->LsoV2.IPv4.MaxOffLoadSize > 0;
    bool v1 = ethernet(o->LsoV1.IPv4.Encapsulation) && o->LsoV1.IPv4.MaxOffLoadSize > 0;

    r->lso4 = r->tcp4 && (v1 || v2);
    r->lso4_is_v1 = r->lso4 && !v2;
    r->lso4_max = v2 ? o->LsoV2.IPv4.MaxOffLoadSize : o->LsoV1.IPv4.MaxOffLoadSize;
    r->lso4_min = v2 ? o->LsoV2.IPv4.MinSegmentCount : o->LsoV1.IPv4.MinSegmentCount;
    r->lso1_ip_options = on(o->LsoV1.IPv4.IpOptions);
    r->lso1_tcp_options = on(o->LsoV1.IPv4.TcpOptions);
}

struct tcpip_offers tcpip_offers_of(const NDIS_OFFLOAD *o)
{
    struct tcpip_offers r = {0};

    if (ethernet(o->Checksum.IPv4Transmit.Encapsulation)) {
        r.ip4 = on(o->Checksum.IPv4Transmit.IpChecksum);
        r.ip4_options = on(o->Checksum.IPv4Transmit.IpOptionsSupported);
        r.tcp4 = on(o->Checksum.IPv4Transmit.TcpChecksum);
        r.tcp4_options = on(o->Checksum.IPv4Transmit.TcpOptionsSupported);
        r.udp4 = on(o->Checksum.IPv4Transmit.UdpChecksum);
    }
    if (ethernet(o->Checksum.IPv6Transmit.Encapsulation)) {
        r.tcp6 = on(o->Checksum.IPv6Transmit.TcpChecksum);
        r.tcp6_options = on(o->Checksum.IPv6Transmit.TcpOptionsSupported);
        r.udp6 = on(o->Checksum.IPv6Transmit.UdpChecksum);
        r.ip6_extensions = on(o->Checksum.IPv6Transmit.IpExtensionHeadersSupported);
    }
    large4(o, &r);
    if (ethernet(o->LsoV2.IPv6.Encapsulation)) {
        r.lso6 = r.tcp6 && o->LsoV2.IPv6.MaxOffLoadSize > 0;
        r.lso6_max = o->LsoV2.IPv6.MaxOffLoadSize;
        r.lso6_min = o->LsoV2.IPv6.MinSegmentCount;
        r.lso6_extensions = on(o->LsoV2.IPv6.IpExtensionHeadersSupported);
        r.lso6_options = on(o->LsoV2.IPv6.TcpOptionsSupported);
    }
    return r;
}

/* Linux has one switch for all transport checksums: it is on when the adapter takes any of them. */
static uint32_t stack_flags(const struct tcpip_offers *o)
{
    uint32_t flags = 0;

    if (o->tcp4 || o->tcp6 || o->udp4 || o->udp6)
        flags |= PORT_CSUM;
    if (o->lso4)
        flags |= PORT_TSO4 | PORT_TSO_ECN;
    if (o->lso6)
        flags |= PORT_TSO6 | PORT_TSO_ECN;
    return flags;
}

void tcpip_offers_update(struct tcpip *t)
{
    uint32_t flags;

    NdisAcquireSpinLock(&t->lock);
    t->offers = t->encapsulated ? tcpip_offers_of(&t->current) : (struct tcpip_offers){0};
    flags = stack_flags(&t->offers);
    NdisReleaseSpinLock(&t->lock);
    atomic_store(&t->stack_offload, flags);
    if (port_set_stack_offload(t->tap, flags) < 0)
        log_warn("tcpip: the TAP refused offload flags 0x%x", flags);
}

/* An NDIS_OFFLOAD of any revision into ours; members that the source's revision lacks read as off.
 */
void tcpip_config_copy(NDIS_OFFLOAD *dst, const NDIS_OFFLOAD *src, ULONG bytes)
{
    ULONG n = src->Header.Size;

    memset(dst, 0, sizeof *dst);
    if (n > bytes)
        n = bytes;
    memcpy(dst, src, MIN_OF(n, (ULONG)sizeof *dst));
}

static bool plain_ethernet(const struct frame_layers *l)
{
    return (l->flags & (FRAME_HAS_VLAN | FRAME_HAS_SNAP | FRAME_IS_FRAGMENT)) == 0;
}

/* LSO1-12. Fragments are not plain Ethernet here. */
static bool never_cut(const uint8_t *tcp)
{
    return tcp[TCP_FLAGS_AT] & TCP_SYN_RST_URG || tcp[TCP_URGENT_AT] || tcp[TCP_URGENT_AT + 1];
}

static bool offers_large(const struct tcpip_offers *o, const struct frame_layers *l,
                         const struct frame *f)
{
    bool v6 = l->ip_version == 6;
    uint32_t payload = f->len - l->payload_offset;
    uint32_t segments = (payload + f->offload.mss - 1) / f->offload.mss;
    bool options = l->flags & FRAME_HAS_IP_OPTIONS, tcp_options = l->flags & FRAME_HAS_TCP_OPTIONS;

    if (!plain_ethernet(l) || l->payload_offset > NDIS_LARGE_SEND_OFFLOAD_MAX_HEADER_LENGTH)
        return false;
    if (v6)
        return o->lso6 && payload <= o->lso6_max && segments >= o->lso6_min &&
               (!options || o->lso6_extensions) && (!tcp_options || o->lso6_options);
    if (o->lso4_is_v1 && (f->len - l->l3_offset > IP4_LEN_MAX || (options && !o->lso1_ip_options) ||
                          (tcp_options && !o->lso1_tcp_options)))
        return false; /* version 1 writes the length down */
    return o->lso4 && payload <= o->lso4_max && segments >= o->lso4_min;
}

/* Both checksums by the device, seed without length; IPv4: version 1 has the real length, version 2
 * length 0 and Identification within 15 bits. */
static void large_write(struct tcpip *t, struct tcpip_slot *s, const struct frame *f,
                        const struct frame_layers *l, bool v1)
{
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO info = {.Value = NULL};
    bool v6 = l->ip_version == 6;
    uint8_t *ip = s->data + l->l3_offset;

    v1 = v1 && !v6;
    info.LsoV2Transmit.MSS = f->offload.mss; /* in the same place in version 1 */
    info.LsoV2Transmit.TcpHeaderOffset = l->l4_offset & 0x3ffu;
    info.LsoV2Transmit.Type =
        v1 ? NDIS_TCP_LARGE_SEND_OFFLOAD_V1_TYPE : NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE;
    info.LsoV2Transmit.IPVersion =
        v6 ? NDIS_TCP_LARGE_SEND_OFFLOAD_IPv6 : NDIS_TCP_LARGE_SEND_OFFLOAD_IPv4;
    NET_BUFFER_LIST_INFO(s->nbl, TcpLargeSendNetBufferListInfo) = info.Value;
    if (!v6) {
        put16(ip + IP4_LEN_AT, v1 ? (uint16_t)(f->len - l->l3_offset) : 0);
        put16(ip + IP4_CSUM_AT, 0);
        if (!v1)
            ip[IP4_ID_AT] &= 0x7f;
    }
    put16(s->data + l->l4_offset + TCP_CSUM_AT,
          frame_fold(frame_pseudo_sum(ip, l->ip_version, PROTO_TCP, 0)));
    tcpip_count(t, TCPIP_TX_LARGE, 1);
    tcpip_count(t, TCPIP_TX_LARGE_BYTES, f->len - l->payload_offset);
}

/* Where the checksum that Linux wants finished is the one of this transport header. */
static bool is_transport_request(const struct frame *f, const struct frame_layers *l)
{
    uint32_t at = l->l4_proto == PROTO_TCP ? TCP_CSUM_AT : UDP_CSUM_AT;

    return l->payload_offset != 0 && (l->l4_proto == PROTO_TCP || l->l4_proto == PROTO_UDP) &&
           f->offload.csum_start == l->l4_offset && f->offload.csum_offset == at;
}

static bool offers_transport(const struct tcpip_offers *o, const struct frame_layers *l)
{
    bool options = l->flags & FRAME_HAS_IP_OPTIONS, tcp_options = l->flags & FRAME_HAS_TCP_OPTIONS;

    if (!plain_ethernet(l) || l->l4_offset > 1023)
        return false;
    if (l->ip_version == 6)
        return (!options || o->ip6_extensions) &&
               (l->l4_proto == PROTO_TCP ? o->tcp6 && (!tcp_options || o->tcp6_options) : o->udp6);
    return (!options || o->ip4_options) &&
           (l->l4_proto == PROTO_TCP ? o->tcp4 && (!tcp_options || o->tcp4_options) : o->udp4);
}

/*
 * The plain checksum request. Linux left the pseudo-header sum, with length, in the field: what
 * NDIS wants too. The IPv4 header checksum, which Linux has always filled, is handed to an adapter
 * that offers to compute it, as Windows does.
 */
static void checksum_write(struct tcpip *t, const struct tcpip_offers *o, struct tcpip_slot *s,
                           const struct frame_layers *l, bool transport)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO info = {.Value = NULL};
    bool ip = l->ip_version == 4 && o->ip4 && plain_ethernet(l) &&
              (!(l->flags & FRAME_HAS_IP_OPTIONS) || o->ip4_options);

    if (!transport && !ip)
        return;
    info.Transmit.IsIPv4 = l->ip_version == 4;
    info.Transmit.IsIPv6 = l->ip_version == 6;
    if (ip) {
        info.Transmit.IpHeaderChecksum = TRUE;
        put16(s->data + l->l3_offset + IP4_CSUM_AT, 0);
    }
    if (transport && l->l4_proto == PROTO_TCP) {
        info.Transmit.TcpChecksum = TRUE;
        info.Transmit.TcpHeaderOffset = l->l4_offset & 0x3ffu;
    } else if (transport) {
        info.Transmit.UdpChecksum = TRUE;
    }
    NET_BUFFER_LIST_INFO(s->nbl, TcpIpChecksumNetBufferListInfo) = info.Value;
    if (transport)
        tcpip_count(t, TCPIP_TX_CHECKSUM, 1);
}

enum tcpip_request tcpip_request_write(struct tcpip *t, const struct tcpip_offers *offers,
                                       struct tcpip_slot *s, const struct frame *f)
{
    bool large = f->offload.gso != FRAME_GSO_NONE;
    bool wanted = f->offload.flags & FRAME_CSUM_NEEDED, transport;
    struct frame_layers l;

    frame_parse(s->data, MIN_OF(f->len, (uint32_t)FRAME_MAX_HEADERS), f->len,
                large ? FRAME_LARGE_TEMPLATE : FRAME_STRICT, &l);
    if (large) {
        if (l.payload_offset == 0 || l.l4_proto != PROTO_TCP || f->offload.mss == 0)
            return TCPIP_REQUEST_MALFORMED;
        if (never_cut(s->data + l.l4_offset) || !offers_large(offers, &l, f))
            return TCPIP_REQUEST_SEGMENT;
        large_write(t, s, f, &l, offers->lso4_is_v1);
        return TCPIP_REQUEST_DONE;
    }
    transport = wanted && is_transport_request(f, &l) && offers_transport(offers, &l);
    if (wanted && !transport) {
        if (!frame_finish_checksums(f, &l, s->data, f->len))
            return TCPIP_REQUEST_MALFORMED;
        tcpip_count(t, TCPIP_TX_SOFTWARE, 1);
    }
    checksum_write(t, offers, s, &l, transport);
    return TCPIP_REQUEST_DONE;
}

bool tcpip_verdict_read(const NET_BUFFER_LIST *nbl, struct frame_offload *offload)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO info;

    info.Value = NET_BUFFER_LIST_INFO(nbl, TcpIpChecksumNetBufferListInfo);
    if (info.Receive.TcpChecksumFailed || info.Receive.UdpChecksumFailed ||
        info.Receive.IpChecksumFailed)
        return false;
    if (info.Receive.TcpChecksumSucceeded || info.Receive.UdpChecksumSucceeded)
        offload->flags |= FRAME_CSUM_VALID;
    return true;
}
