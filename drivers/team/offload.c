/* SPDX-License-Identifier: MIT */
/*
 * Task offload of several members: what two configurations have in common (MUX-3), whether a send
 * asks only for that, and parameters as far as a member can follow them. Rules: requirements,
 * groups MUX, PAR and CAP.
 */
#include "team.h"

enum {
    TCP_BYTES = 20,
    TCP_BYTES_MAX = 60,
    IP4 = 0x0800,
    IP6 = 0x86dd,
    LENGTH_MAX = 1500,
};

void team_offload_none(NDIS_OFFLOAD *o)
{
    NdisZeroMemory(o, sizeof *o);
    o->Header.Type = NDIS_OBJECT_TYPE_OFFLOAD;
    o->Header.Revision = NDIS_OFFLOAD_REVISION_1;
    o->Header.Size = NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1;
}

/* Only what this driver knows: later revisions and IPsec are not offered by the team. */
void team_offload_copy(NDIS_OFFLOAD *to, const NDIS_OFFLOAD *from)
{
    NDIS_OFFLOAD o;

    team_offload_none(&o);
    if (from) {
        o.Checksum = from->Checksum;
        o.LsoV1 = from->LsoV1;
        o.LsoV2 = from->LsoV2;
    }
    *to = o;
}

/* ---- In common ------------------------------------------------------------------------------ */

/* One two-bit feature: 1 is on, anything else is not (D-3). */
#define FEATURE(part, field)                                                                       \
    to->part.field =                                                                               \
        to->part.field == NDIS_OFFLOAD_SUPPORTED && with->part.field == NDIS_OFFLOAD_SUPPORTED     \
            ? NDIS_OFFLOAD_SUPPORTED                                                               \
            : NDIS_OFFLOAD_NOT_SUPPORTED

static void intersect_checksum4(NDIS_OFFLOAD *to, const NDIS_OFFLOAD *with)
{
    to->Checksum.IPv4Transmit.Encapsulation &= with->Checksum.IPv4Transmit.Encapsulation;
    FEATURE(Checksum.IPv4Transmit, IpOptionsSupported);
    FEATURE(Checksum.IPv4Transmit, TcpOptionsSupported);
    FEATURE(Checksum.IPv4Transmit, TcpChecksum);
    FEATURE(Checksum.IPv4Transmit, UdpChecksum);
    FEATURE(Checksum.IPv4Transmit, IpChecksum);
    to->Checksum.IPv4Receive.Encapsulation &= with->Checksum.IPv4Receive.Encapsulation;
    FEATURE(Checksum.IPv4Receive, IpOptionsSupported);
    FEATURE(Checksum.IPv4Receive, TcpOptionsSupported);
    FEATURE(Checksum.IPv4Receive, TcpChecksum);
    FEATURE(Checksum.IPv4Receive, UdpChecksum);
    FEATURE(Checksum.IPv4Receive, IpChecksum);
}

static void intersect_checksum6(NDIS_OFFLOAD *to, const NDIS_OFFLOAD *with)
{
    to->Checksum.IPv6Transmit.Encapsulation &= with->Checksum.IPv6Transmit.Encapsulation;
    FEATURE(Checksum.IPv6Transmit, IpExtensionHeadersSupported);
    FEATURE(Checksum.IPv6Transmit, TcpOptionsSupported);
    FEATURE(Checksum.IPv6Transmit, TcpChecksum);
    FEATURE(Checksum.IPv6Transmit, UdpChecksum);
    to->Checksum.IPv6Receive.Encapsulation &= with->Checksum.IPv6Receive.Encapsulation;
    FEATURE(Checksum.IPv6Receive, IpExtensionHeadersSupported);
    FEATURE(Checksum.IPv6Receive, TcpOptionsSupported);
    FEATURE(Checksum.IPv6Receive, TcpChecksum);
    FEATURE(Checksum.IPv6Receive, UdpChecksum);
}

/* A part without features names no encapsulation, and one without encapsulation no features. */
#define TIDY(part, any)                                                                            \
    if (!(any) || !to->part.Encapsulation)                                                         \
    NdisZeroMemory(&to->part, sizeof to->part)

static void tidy(NDIS_OFFLOAD *to)
{
    TIDY(Checksum.IPv4Transmit, to->Checksum.IPv4Transmit.IpChecksum |
                                    to->Checksum.IPv4Transmit.TcpChecksum |
                                    to->Checksum.IPv4Transmit.UdpChecksum);
    TIDY(Checksum.IPv4Receive, to->Checksum.IPv4Receive.IpChecksum |
                                   to->Checksum.IPv4Receive.TcpChecksum |
                                   to->Checksum.IPv4Receive.UdpChecksum);
    TIDY(Checksum.IPv6Transmit,
         to->Checksum.IPv6Transmit.TcpChecksum | to->Checksum.IPv6Transmit.UdpChecksum);
    TIDY(Checksum.IPv6Receive,
         to->Checksum.IPv6Receive.TcpChecksum | to->Checksum.IPv6Receive.UdpChecksum);
    TIDY(LsoV1.IPv4, to->LsoV1.IPv4.MaxOffLoadSize);
    TIDY(LsoV2.IPv4, to->LsoV2.IPv4.MaxOffLoadSize);
    TIDY(LsoV2.IPv6, to->LsoV2.IPv6.MaxOffLoadSize);
}

#define LARGE_SEND(part)                                                                           \
    do {                                                                                           \
        to->part.Encapsulation &= with->part.Encapsulation;                                        \
        if (with->part.MaxOffLoadSize < to->part.MaxOffLoadSize)                                   \
            to->part.MaxOffLoadSize = with->part.MaxOffLoadSize;                                   \
        if (with->part.MinSegmentCount > to->part.MinSegmentCount)                                 \
            to->part.MinSegmentCount = with->part.MinSegmentCount;                                 \
    } while (0)

void team_offload_intersect(NDIS_OFFLOAD *to, const NDIS_OFFLOAD *with)
{
    intersect_checksum4(to, with);
    intersect_checksum6(to, with);
    LARGE_SEND(LsoV1.IPv4);
    FEATURE(LsoV1.IPv4, TcpOptions);
    FEATURE(LsoV1.IPv4, IpOptions);
    LARGE_SEND(LsoV2.IPv4);
    LARGE_SEND(LsoV2.IPv6);
    FEATURE(LsoV2.IPv6, IpExtensionHeadersSupported);
    FEATURE(LsoV2.IPv6, TcpOptionsSupported);
    tidy(to);
}

/* ---- Less what is switched off -------------------------------------------------------------- */

/* A checksum parameter leaves transmit, receive, both or neither. */
#define SWITCHED(parameter, tx, rx)                                                                \
    do {                                                                                           \
        if ((parameter) == NDIS_OFFLOAD_PARAMETERS_TX_RX_DISABLED ||                               \
            (parameter) == NDIS_OFFLOAD_PARAMETERS_RX_ENABLED_TX_DISABLED)                         \
            to->Checksum.tx = NDIS_OFFLOAD_NOT_SUPPORTED;                                          \
        if ((parameter) == NDIS_OFFLOAD_PARAMETERS_TX_RX_DISABLED ||                               \
            (parameter) == NDIS_OFFLOAD_PARAMETERS_TX_ENABLED_RX_DISABLED)                         \
            to->Checksum.rx = NDIS_OFFLOAD_NOT_SUPPORTED;                                          \
    } while (0)

void team_offload_restrict(NDIS_OFFLOAD *to, const NDIS_OFFLOAD_PARAMETERS *in_force)
{
    SWITCHED(in_force->IPv4Checksum, IPv4Transmit.IpChecksum, IPv4Receive.IpChecksum);
    SWITCHED(in_force->TCPIPv4Checksum, IPv4Transmit.TcpChecksum, IPv4Receive.TcpChecksum);
    SWITCHED(in_force->UDPIPv4Checksum, IPv4Transmit.UdpChecksum, IPv4Receive.UdpChecksum);
    SWITCHED(in_force->TCPIPv6Checksum, IPv6Transmit.TcpChecksum, IPv6Receive.TcpChecksum);
    SWITCHED(in_force->UDPIPv6Checksum, IPv6Transmit.UdpChecksum, IPv6Receive.UdpChecksum);
    if (in_force->LsoV1 == NDIS_OFFLOAD_PARAMETERS_LSOV1_DISABLED)
        to->LsoV1.IPv4.MaxOffLoadSize = 0;
    if (in_force->LsoV2IPv4 == NDIS_OFFLOAD_PARAMETERS_LSOV2_DISABLED)
        to->LsoV2.IPv4.MaxOffLoadSize = 0;
    if (in_force->LsoV2IPv6 == NDIS_OFFLOAD_PARAMETERS_LSOV2_DISABLED)
        to->LsoV2.IPv6.MaxOffLoadSize = 0;
    tidy(to);
}

/* ---- In short ------------------------------------------------------------------------------- */

static ULONG bit(ULONG feature, ULONG on)
{
    return feature == NDIS_OFFLOAD_SUPPORTED ? on : 0;
}

void team_offload_ability(const NDIS_OFFLOAD *o, struct team_ability *a)
{
    const NDIS_TCP_IP_CHECKSUM_OFFLOAD *c = &o->Checksum;

    a->on = bit(c->IPv4Transmit.IpChecksum, TEAM_TX_IP4) |
            bit(c->IPv4Transmit.TcpChecksum, TEAM_TX_TCP4) |
            bit(c->IPv4Transmit.UdpChecksum, TEAM_TX_UDP4) |
            bit(c->IPv6Transmit.TcpChecksum, TEAM_TX_TCP6) |
            bit(c->IPv6Transmit.UdpChecksum, TEAM_TX_UDP6) |
            bit(c->IPv4Receive.IpChecksum, TEAM_RX_IP4) |
            bit(c->IPv4Receive.TcpChecksum, TEAM_RX_TCP4) |
            bit(c->IPv4Receive.UdpChecksum, TEAM_RX_UDP4) |
            bit(c->IPv6Receive.TcpChecksum, TEAM_RX_TCP6) |
            bit(c->IPv6Receive.UdpChecksum, TEAM_RX_UDP6);
    a->large_max[TEAM_LSO1] = o->LsoV1.IPv4.Encapsulation ? o->LsoV1.IPv4.MaxOffLoadSize : 0;
    a->large_min[TEAM_LSO1] = o->LsoV1.IPv4.MinSegmentCount;
    a->large_max[TEAM_LSO2_4] = o->LsoV2.IPv4.Encapsulation ? o->LsoV2.IPv4.MaxOffLoadSize : 0;
    a->large_min[TEAM_LSO2_4] = o->LsoV2.IPv4.MinSegmentCount;
    a->large_max[TEAM_LSO2_6] = o->LsoV2.IPv6.Encapsulation ? o->LsoV2.IPv6.MaxOffLoadSize : 0;
    a->large_min[TEAM_LSO2_6] = o->LsoV2.IPv6.MinSegmentCount;
}

BOOLEAN team_offload_any(const NDIS_OFFLOAD *o)
{
    struct team_ability a;

    team_offload_ability(o, &a);
    return a.on || a.large_max[TEAM_LSO1] || a.large_max[TEAM_LSO2_4] || a.large_max[TEAM_LSO2_6];
}

/* ---- Sends ---------------------------------------------------------------------------------- */

/* TCP payload of a large send; its header is read only where its length makes a difference. */
static BOOLEAN large_fits(const struct team_ability *a, enum team_large_kind kind, ULONG mss,
                          ULONG tcp, NET_BUFFER *nb)
{
    ULONG max = a->large_max[kind], least = a->large_min[kind] ? a->large_min[kind] - 1 : 0;
    ULONG bytes = NET_BUFFER_DATA_LENGTH(nb), payload;
    UCHAR storage[TCP_BYTES_MAX + 255 * 4 + 4];
    const UCHAR *p;

    if (!max || !mss || bytes < tcp + TCP_BYTES)
        return FALSE;
    payload = bytes - tcp;
    if (payload - TCP_BYTES <= max && payload > TCP_BYTES_MAX + (ULONG64)least * mss)
        return TRUE;
    if (tcp + TCP_BYTES > sizeof storage)
        return FALSE;
    p = NdisGetDataBuffer(nb, tcp + TCP_BYTES, storage, 1, 0);
    if (!p || payload < (p[tcp + 12] >> 4) * 4u)
        return FALSE;
    payload -= (p[tcp + 12] >> 4) * 4u;
    return payload <= max && payload > (ULONG64)least * mss;
}

static BOOLEAN large_permitted(const struct team_ability *a, NET_BUFFER_LIST *nbl,
                               NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO q)
{
    enum team_large_kind kind = TEAM_LSO1;

    if (q.Transmit.Type == NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE)
        kind = q.LsoV2Transmit.IPVersion == NDIS_TCP_LARGE_SEND_OFFLOAD_IPv6 ? TEAM_LSO2_6
                                                                             : TEAM_LSO2_4;
    if (kind != TEAM_LSO1 && NET_BUFFER_NEXT_NB(NET_BUFFER_LIST_FIRST_NB(nbl)))
        return FALSE; /* as a protocol, we would be the ones to break LSO2-15 */
    for (NET_BUFFER *nb = NET_BUFFER_LIST_FIRST_NB(nbl); nb; nb = NET_BUFFER_NEXT_NB(nb)) {
        if (!large_fits(a, kind, q.LsoV2Transmit.MSS, q.LsoV2Transmit.TcpHeaderOffset, nb))
            return FALSE;
    }
    return TRUE;
}

BOOLEAN team_offload_permits(const struct team_ability *a, NET_BUFFER_LIST *nbl)
{
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO large;
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO q;
    ULONG asks = 0;

    large.Value = NET_BUFFER_LIST_INFO(nbl, TcpLargeSendNetBufferListInfo);
    if (large.Value)
        return large_permitted(a, nbl, large);
    q.Value = NET_BUFFER_LIST_INFO(nbl, TcpIpChecksumNetBufferListInfo);
    if (!q.Value)
        return TRUE;
    if (q.Transmit.IsIPv4)
        asks = (q.Transmit.IpHeaderChecksum ? TEAM_TX_IP4 : 0u) |
               (q.Transmit.TcpChecksum ? TEAM_TX_TCP4 : 0u) |
               (q.Transmit.UdpChecksum ? TEAM_TX_UDP4 : 0u);
    else if (q.Transmit.IsIPv6)
        asks = (q.Transmit.TcpChecksum ? TEAM_TX_TCP6 : 0u) |
               (q.Transmit.UdpChecksum ? TEAM_TX_UDP6 : 0u);
    return (asks & ~a->on) == 0;
}

/* Version 1 says that no payload was sent, version 2 only that it is one (LSO1-33, LSO2-17). */
void team_offload_unsent(NET_BUFFER_LIST *nbl)
{
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO q, done;

    q.Value = NET_BUFFER_LIST_INFO(nbl, TcpLargeSendNetBufferListInfo);
    if (!q.Value)
        return;
    done.Value = NULL;
    done.Transmit.Type = q.Transmit.Type & 1u;
    NET_BUFFER_LIST_INFO(nbl, TcpLargeSendNetBufferListInfo) = done.Value;
}

/* ---- Receives ------------------------------------------------------------------------------- */

/* Behind an 802.3 length stand LLC and SNAP (RFC 1042): AA AA 03 00 00 00, then the type. */
static ULONG type_of(const UCHAR *header, ULONG bytes)
{
    static const UCHAR snap[6] = {0xaa, 0xaa, 3, 0, 0, 0};
    ULONG type = (ULONG)header[12] << 8 | header[13];

    if (type > LENGTH_MAX || bytes < TEAM_SNAP_HEADER || !NdisEqualMemory(header + 14, snap, 6))
        return type;
    return (ULONG)header[20] << 8 | header[21];
}

PVOID team_offload_verdict(PVOID verdict, const UCHAR *header, ULONG bytes, ULONG rx_on)
{
    ULONG type = type_of(header, bytes), tcp = 0, udp = 0, ip = 0;
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO q;

    q.Value = verdict;
    if (type == IP4) {
        ip = rx_on & TEAM_RX_IP4;
        tcp = rx_on & TEAM_RX_TCP4;
        udp = rx_on & TEAM_RX_UDP4;
    } else if (type == IP6) {
        tcp = rx_on & TEAM_RX_TCP6;
        udp = rx_on & TEAM_RX_UDP6;
    }
    if (!ip)
        q.Receive.IpChecksumFailed = q.Receive.IpChecksumSucceeded = 0;
    if (!tcp)
        q.Receive.TcpChecksumFailed = q.Receive.TcpChecksumSucceeded = 0;
    if (!udp)
        q.Receive.UdpChecksumFailed = q.Receive.UdpChecksumSucceeded = 0;
    return q.Value;
}

/* ---- Parameters ----------------------------------------------------------------------------- */

enum { TRANSMIT = 1, RECEIVE = 2 }; /* a checksum parameter, less 1, is these bits */

static UCHAR both(const struct team_ability *a, ULONG tx, ULONG rx)
{
    return (UCHAR)((a->on & tx ? TRANSMIT : 0) | (a->on & rx ? RECEIVE : 0));
}

static void clamp_checksum(UCHAR *field, UCHAR able)
{
    if (*field != NDIS_OFFLOAD_PARAMETERS_NO_CHANGE)
        *field = able ? (UCHAR)(((*field - 1) & able) + 1) : NDIS_OFFLOAD_PARAMETERS_NO_CHANGE;
}

static void clamp_switch(UCHAR *field, ULONG able)
{
    if (!able)
        *field = NDIS_OFFLOAD_PARAMETERS_NO_CHANGE;
}

BOOLEAN team_offload_clamp(NDIS_OFFLOAD_PARAMETERS *p, const NDIS_OFFLOAD *hardware)
{
    struct team_ability a;

    team_offload_ability(hardware, &a);
    clamp_checksum(&p->IPv4Checksum, both(&a, TEAM_TX_IP4, TEAM_RX_IP4));
    clamp_checksum(&p->TCPIPv4Checksum, both(&a, TEAM_TX_TCP4, TEAM_RX_TCP4));
    clamp_checksum(&p->UDPIPv4Checksum, both(&a, TEAM_TX_UDP4, TEAM_RX_UDP4));
    clamp_checksum(&p->TCPIPv6Checksum, both(&a, TEAM_TX_TCP6, TEAM_RX_TCP6));
    clamp_checksum(&p->UDPIPv6Checksum, both(&a, TEAM_TX_UDP6, TEAM_RX_UDP6));
    clamp_switch(&p->LsoV1, a.large_max[TEAM_LSO1]);
    clamp_switch(&p->LsoV2IPv4, a.large_max[TEAM_LSO2_4]);
    clamp_switch(&p->LsoV2IPv6, a.large_max[TEAM_LSO2_6]);
    return p->IPv4Checksum || p->TCPIPv4Checksum || p->UDPIPv4Checksum || p->TCPIPv6Checksum ||
           p->UDPIPv6Checksum || p->LsoV1 || p->LsoV2IPv4 || p->LsoV2IPv6;
}

static BOOLEAN want_checksum(UCHAR *in_force, UCHAR field, UCHAR able)
{
    if (field == NDIS_OFFLOAD_PARAMETERS_NO_CHANGE)
        return TRUE;
    if (field > NDIS_OFFLOAD_PARAMETERS_TX_RX_ENABLED || ((field - 1) & ~able))
        return FALSE;
    *in_force = field;
    return TRUE;
}

static BOOLEAN want_switch(UCHAR *in_force, UCHAR field, ULONG able)
{
    if (field == NDIS_OFFLOAD_PARAMETERS_NO_CHANGE)
        return TRUE;
    if (field > NDIS_OFFLOAD_PARAMETERS_LSOV2_ENABLED ||
        (field == NDIS_OFFLOAD_PARAMETERS_LSOV2_ENABLED && !able))
        return FALSE;
    *in_force = field;
    return TRUE;
}

BOOLEAN team_offload_parameters(NDIS_OFFLOAD_PARAMETERS *in_force, const NDIS_OFFLOAD_PARAMETERS *p,
                                const NDIS_OFFLOAD *hardware)
{
    NDIS_OFFLOAD_PARAMETERS w = *in_force;
    struct team_ability a;
    UCHAR absent = 0; /* what no team offers can be left alone or switched off */

    team_offload_ability(hardware, &a);
    if ((p->Flags & ~(ULONG)NDIS_OFFLOAD_PARAMETERS_SKIP_REGISTRY_UPDATE) ||
        !want_switch(&absent, p->IPsecV1, 0) || !want_switch(&absent, p->TcpConnectionIPv4, 0) ||
        !want_switch(&absent, p->TcpConnectionIPv6, 0))
        return FALSE;
    if (!want_checksum(&w.IPv4Checksum, p->IPv4Checksum, both(&a, TEAM_TX_IP4, TEAM_RX_IP4)) ||
        !want_checksum(&w.TCPIPv4Checksum, p->TCPIPv4Checksum,
                       both(&a, TEAM_TX_TCP4, TEAM_RX_TCP4)) ||
        !want_checksum(&w.UDPIPv4Checksum, p->UDPIPv4Checksum,
                       both(&a, TEAM_TX_UDP4, TEAM_RX_UDP4)) ||
        !want_checksum(&w.TCPIPv6Checksum, p->TCPIPv6Checksum,
                       both(&a, TEAM_TX_TCP6, TEAM_RX_TCP6)) ||
        !want_checksum(&w.UDPIPv6Checksum, p->UDPIPv6Checksum,
                       both(&a, TEAM_TX_UDP6, TEAM_RX_UDP6)))
        return FALSE;
    if (!want_switch(&w.LsoV1, p->LsoV1, a.large_max[TEAM_LSO1]) ||
        !want_switch(&w.LsoV2IPv4, p->LsoV2IPv4, a.large_max[TEAM_LSO2_4]) ||
        !want_switch(&w.LsoV2IPv6, p->LsoV2IPv6, a.large_max[TEAM_LSO2_6]))
        return FALSE;
    *in_force = w;
    return TRUE;
}
