/* SPDX-License-Identifier: MIT */
/* What can go wrong with transmit checksums. */
#include "fault.h"

static NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO asked(const NET_BUFFER_LIST *nbl)
{
    return (NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO){
        .Value = nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo]};
}

static bool large(const NET_BUFFER_LIST *nbl)
{
    return nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] != NULL;
}

/* An ordinary send of that version and protocol that asks for its checksum. */
static bool plain(const NET_BUFFER_LIST *nbl, const struct fields *f, unsigned version,
                  unsigned proto)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO i = asked(nbl);

    return f && !large(nbl) && f->version == version && f->proto == proto &&
           (proto == 6 ? i.Transmit.TcpChecksum : i.Transmit.UdpChecksum);
}

static uint32_t data_of(const struct fields *f)
{
    return f->len - f->payload;
}

/* ---- TXC-1 to 3 ----------------------------------------------------------------------------- */

static bool value_of_104(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    return f && !large(nbl) && data_of(f) == 104 && asked(nbl).Value;
}
/* What becomes of a driver that looks for its request where the slot points. */
static bool forget_request(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    if (value_of_104(nbl, f))
        nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = NULL;
    return false;
}
static bool never(uint8_t *frame, uint32_t *len)
{
    (void)frame;
    (void)len;
    return true;
}
FAULT("TXC-1", request_not_read, "the request in the slot is not seen", .when = forget_request,
      .wire_out = never);

static bool guess_family(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO i = asked(nbl);

    if (f && i.Value && !i.Transmit.IsIPv4 && !i.Transmit.IsIPv6) {
        i.Transmit.IsIPv4 = f->version == 4;
        i.Transmit.IsIPv6 = f->version == 6;
        nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = i.Value;
    }
    return false;
}
FAULT("TXC-2", family_guessed, "checksums are computed although no family bit is set",
      .when = guess_family, .wire_out = never);

static bool add_ip(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO i = asked(nbl);

    (void)f;
    if (i.Transmit.IsIPv4) {
        i.Transmit.IpHeaderChecksum = 1;
        nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = i.Value;
    }
    return false;
}
FAULT("TXC-3", ip_always, "the IP checksum is computed whenever any is", .when = add_ip,
      .wire_out = never);

/* ---- TXC-6 to 11 ---------------------------------------------------------------------------- */

static bool tcp4_57(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    return plain(nbl, f, 4, 6) && data_of(f) == 57;
}
FAULT("TXC-6", tcp4_odd, "IPv4 TCP: wrong for an odd length", .when = tcp4_57,
      .wire_out = spoil_transport);

static bool tcp6_57(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    return plain(nbl, f, 6, 6) && data_of(f) == 57;
}
FAULT("TXC-7", tcp6_odd, "IPv6 TCP: wrong for an odd length", .when = tcp6_57,
      .wire_out = spoil_transport);

static bool udp4_57(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    return plain(nbl, f, 4, 17) && data_of(f) == 57;
}
FAULT("TXC-8", udp4_odd, "IPv4 UDP: wrong for an odd length", .when = udp4_57,
      .wire_out = spoil_transport);

static bool udp6_57(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    return plain(nbl, f, 6, 17) && data_of(f) == 57;
}
FAULT("TXC-9", udp6_odd, "IPv6 UDP: wrong for an odd length", .when = udp6_57,
      .wire_out = spoil_transport);

/* 0xffff leaves as 0: "no checksum" (RFC 768). */
static bool zero_for_ffff(uint8_t *frame, uint32_t *len)
{
    struct fields *f = frame_fields(frame, *len);

    if (f && f->checksum == 0xffff)
        naive_put(frame + f->l4 + 6, 2, 0);
    return true;
}
static bool udp4(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    return plain(nbl, f, 4, 17);
}
static bool udp6(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    return plain(nbl, f, 6, 17);
}
FAULT("TXC-8", udp4_zero, "IPv4 UDP: a sum of 0 is sent as 0", .when = udp4,
      .wire_out = zero_for_ffff);
FAULT("TXC-9", udp6_zero, "IPv6 UDP: a sum of 0 is sent as 0", .when = udp6,
      .wire_out = zero_for_ffff);

static bool header_of_36(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    return f && !large(nbl) && f->version == 4 && f->ip_header_len == 36;
}
FAULT("TXC-10", ip_options_missed, "a header of 36 bytes is summed wrongly", .when = header_of_36,
      .wire_out = spoil_ip);

static bool garbage_1234(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    return f && !large(nbl) && f->version == 4 && naive_get(f->bytes + f->l3 + 10, 2) == 0x1234 &&
           asked(nbl).Transmit.IpHeaderChecksum;
}
FAULT("TXC-11", garbage_summed, "what stands in the IP checksum field is summed with the rest",
      .when = garbage_1234, .wire_out = spoil_ip);

/* ---- TXC-12 to 23 --------------------------------------------------------------------------- */

static bool udp_with_offset(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    return (plain(nbl, f, 4, 17) || plain(nbl, f, 6, 17)) && asked(nbl).Transmit.TcpHeaderOffset &&
           data_of(f) == 50;
}
FAULT("TXC-12", udp_at_offset, "the UDP header is taken to be at TcpHeaderOffset",
      .when = udp_with_offset, .wire_out = spoil_transport);

static bool with_extensions(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    return plain(nbl, f, 6, 6) && f->ip_header_len > 40 && data_of(f) == 321;
}
FAULT("TXC-13", extensions_missed, "extension headers are not looked past", .when = with_extensions,
      .wire_out = spoil_transport);
static bool with_options(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    return plain(nbl, f, 4, 6) && f->ip_header_len == 60 && data_of(f) == 555;
}
FAULT("TXC-13", options_missed, "IPv4 options move the TCP header, which is not seen",
      .when = with_options, .wire_out = spoil_transport);

static bool several(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    return f && !large(nbl) && asked(nbl).Value && nbl->FirstNetBuffer->Next;
}
static bool spoil_second(uint8_t *frame, uint32_t *len)
{
    struct fields *f = frame_fields(frame, *len);

    return f && f->len - f->payload != 0 ? spoil_transport(frame, len) : true;
}
FAULT("TXC-14", first_only, "only the first NET_BUFFER gets its checksum", .when = several,
      .wire_out = spoil_second);

static bool empty_mdl(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    if (!f || large(nbl) || data_of(f) != 401)
        return false;
    for (MDL *mdl = nbl->FirstNetBuffer->MdlChain; mdl; mdl = mdl->Next) {
        if (MmGetMdlByteCount(mdl) == 0)
            return true;
    }
    return false;
}
FAULT("TXC-15", stops_at_empty, "the sum ends at an empty MDL", .when = empty_mdl,
      .wire_out = spoil_transport);
static bool header_split(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    return f && !large(nbl) && data_of(f) == 401 &&
           MmGetMdlByteCount(nbl->FirstNetBuffer->CurrentMdl) == 39;
}
FAULT("TXC-15", one_mdl_headers, "headers are expected in one MDL", .when = header_split,
      .wire_out = spoil_transport);

/* The last payload byte, while the send is the driver's. */
static bool write_into(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    MDL *mdl = nbl->FirstNetBuffer->CurrentMdl;

    if (f && !large(nbl) && data_of(f) == 333 && asked(nbl).Value && !mdl->Next) {
        uint8_t *bytes = MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority);

        bytes[MmGetMdlByteCount(mdl) - 1] ^= 1;
    }
    return false;
}
FAULT("TXC-16", writes_into_payload, "payload bytes are changed in the protocol's buffer",
      .when = write_into, .wire_out = never);

static bool tag_inside(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    return f && !large(nbl) && f->tagged && asked(nbl).Value && data_of(f) == 222;
}
FAULT("TXC-17", tag_not_skipped, "a tag in the frame shifts the sum", .when = tag_inside,
      .wire_out = spoil_transport);

static bool tag_beside(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    return f && !large(nbl) && nbl->NetBufferListInfo[Ieee8021QNetBufferListInfo] &&
           asked(nbl).Value && data_of(f) == 223;
}
FAULT("TXC-18", tag_shifts, "the tag that goes in shifts the sum", .when = tag_beside,
      .wire_out = spoil_transport);

static bool snap(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    return f && !large(nbl) && f->snap && asked(nbl).Value && data_of(f) >= 99 && data_of(f) < 103;
}
FAULT("TXC-19", snap_missed, "LLC/SNAP frames are summed as if they were Ethernet", .when = snap,
      .wire_out = spoil_transport);

static bool shortest(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    return plain(nbl, f, 4, 17) && data_of(f) == 16;
}
static bool dirty_padding(uint8_t *frame, uint32_t *len)
{
    frame[*len - 1] = 0xcc;
    return true;
}
FAULT("TXC-20", stale_padding, "stale bytes in the padding", .when = shortest,
      .wire_out = dirty_padding, .maybe = "GEN-18");

/* IPv4 or IPv6 in IPv4. */
static bool is_tunnel(const uint8_t *frame, uint32_t len)
{
    return len > ETH_LEN + 40 && naive_get(frame + 12, 2) == 0x0800 &&
           (frame[ETH_LEN + 9] == 4 || frame[ETH_LEN + 9] == 41);
}

static bool spoil_outer(uint8_t *frame, uint32_t *len)
{
    if (is_tunnel(frame, *len))
        frame[ETH_LEN + 10] ^= 0x5a;
    return true;
}
FAULT("TXC-22", tunnel_outer_left, "the outer header of a tunnel is not summed",
      .wire_out = spoil_outer);

static bool spoil_inner(uint8_t *frame, uint32_t *len)
{
    if (is_tunnel(frame, *len) && frame[ETH_LEN + 9] == 4)
        frame[ETH_LEN + 20 + 10] ^= 0x5a;
    return true;
}
FAULT("TXC-22", tunnel_inner_summed, "the inner header of a tunnel is summed once more",
      .wire_out = spoil_inner);

static VOID NTAPI BackToFront(NDIS_HANDLE MiniportAdapterContext, PNET_BUFFER_LIST NetBufferList,
                              NDIS_PORT_NUMBER PortNumber, ULONG SendFlags)
{
    NET_BUFFER_LIST *second = NetBufferList->Next, *rest = second ? second->Next : NULL;

    if (rest && asked(second).Value && !asked(NetBufferList).Value) {
        second->Next = NetBufferList;
        NetBufferList->Next = rest;
        NetBufferList = second;
    }
    driver.SendNetBufferListsHandler(MiniportAdapterContext, NetBufferList, PortNumber, SendFlags);
}
static void register_back_to_front(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->SendNetBufferListsHandler = BackToFront;
}
FAULT("TXC-23", offloaded_first, "sends that ask for nothing wait for those that do",
      .handlers = register_back_to_front, .maybe = "GEN-15,LSO1-29");
