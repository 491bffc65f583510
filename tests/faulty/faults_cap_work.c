/* SPDX-License-Identifier: MIT */
/* Offloads that are listed and do not work: lost on the way to the driver, spoiled on the wire, or
 * asked for by the protocol beyond the report. */
#include "fault.h"

enum {
    HEAD = 64,
    TOO_LARGE = 60000,
    SHIFT_MAX = 12 /* of the IP header, by a tag and LLC/SNAP */
};

static NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO large_of(const NET_BUFFER_LIST *nbl)
{
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO i = {
        .Value = nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo]};

    return i;
}

static bool is_lso1(const NET_BUFFER_LIST *nbl)
{
    return large_of(nbl).Value &&
           large_of(nbl).Transmit.Type == NDIS_TCP_LARGE_SEND_OFFLOAD_V1_TYPE;
}

static void no_checksum(NET_BUFFER_LIST *nbl)
{
    nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = NULL;
}

/* ---- Tags and SNAP -------------------------------------------------------------------------- */

static bool unsum_tagged(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    if (f && f->tagged)
        no_checksum(nbl);
    return false;
}
FAULT("CAP-10", tagged_unsummed, "no checksums behind a tag in the data", .maybe = "TXC",
      .when = unsum_tagged);

static bool lose_tag(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    (void)f;
    nbl->NetBufferListInfo[Ieee8021QNetBufferListInfo] = NULL;
    return false;
}
FAULT("CAP-11", tag_lost, "tags out of band are not inserted", .maybe = "TXC,LSO1,LSO2,KEY,GEN",
      .when = lose_tag);

static bool is_tagged_large(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    (void)f;
    return large_of(nbl).Value && nbl->NetBufferListInfo[Ieee8021QNetBufferListInfo];
}

static bool tag_first_only(uint8_t *frame, uint32_t *len)
{
    if (frame_number() > 0 && frame[12] == 0x81 && frame[13] == 0) {
        memmove(frame + 12, frame + 16, *len - 16);
        *len -= 4;
    }
    return true;
}
FAULT("CAP-11", tag_on_first_segment, "the tag is inserted into the first segment only",
      .maybe = "LSO1,LSO2,KEY", .when = is_tagged_large, .wire_out = tag_first_only);

static bool unsum_snap(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    if (f && f->snap)
        no_checksum(nbl);
    return false;
}
FAULT("CAP-13", snap_unsummed, "no checksums behind LLC/SNAP", .maybe = "TXC", .when = unsum_snap);

static bool is_snap(const uint8_t *frame)
{
    return memcmp(frame + 14, "\xaa\xaa\x03", 3) == 0 || memcmp(frame + 18, "\xaa\xaa\x03", 3) == 0;
}

static uint8_t *first_bytes(NET_BUFFER_LIST *nbl, ULONG bytes)
{
    static uint8_t room[HEAD];

    return nbl->FirstNetBuffer->DataLength < bytes
               ? NULL
               : NdisGetDataBuffer(nbl->FirstNetBuffer, bytes, room, 1, 0);
}

static VOID NTAPI indicate_snap(NDIS_HANDLE handle, PNET_BUFFER_LIST first, NDIS_PORT_NUMBER port,
                                ULONG count, ULONG flags)
{
    for (NET_BUFFER_LIST *nbl = first; nbl; nbl = nbl->Next) {
        const uint8_t *head = first_bytes(nbl, 22);

        if (head && is_snap(head))
            no_checksum(nbl);
    }
    NdisMIndicateReceiveNetBufferLists(handle, first, port, count, flags);
}
FAULT("CAP-13", snap_unjudged, "no verdict on LLC/SNAP frames", .maybe = "RXC",
      .imports = {{"NdisMIndicateReceiveNetBufferLists", (void *)indicate_snap}});

/* ---- Options -------------------------------------------------------------------------------- */

static bool has_ip_options(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    return f && f->version == 4 && f->proto == 6 && f->ip_header_len > 20 && !large_of(nbl).Value;
}
FAULT("CAP-14", ip_options_unsummed, "the TCP checksum is wrong behind IP options",
      .maybe = "TXC,ENC,KEY,SEC", .when = has_ip_options, .wire_out = spoil_transport);

static bool has_128_of_extensions(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    return f && f->version == 6 && f->proto == 6 && f->ip_header_len == 168 && !large_of(nbl).Value;
}
FAULT("CAP-15", extensions_of_128_unsummed, "the TCP checksum is wrong behind 128 bytes",
      .maybe = "TXC", .when = has_128_of_extensions, .wire_out = spoil_transport);

static bool is_lso1_with_options(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    (void)f;
    return is_lso1(nbl) && large_of(nbl).LsoV1Transmit.TcpHeaderOffset > ETH_LEN + 20 + SHIFT_MAX;
}
FAULT("CAP-19", lso1_options_spoil_ip, "segments of LSOv1 with IP options have a wrong IP checksum",
      .maybe = "LSO1", .when = is_lso1_with_options, .wire_out = spoil_ip);

static bool is_lso2_with_options(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    (void)f;
    return large_of(nbl).Value && !is_lso1(nbl) &&
           large_of(nbl).LsoV2Transmit.IPVersion == NDIS_TCP_LARGE_SEND_OFFLOAD_IPv4 &&
           large_of(nbl).LsoV2Transmit.TcpHeaderOffset > ETH_LEN + 20 + SHIFT_MAX;
}
FAULT("CAP-21", lso2_options_spoil_tcp, "segments of LSOv2 with IP options have a wrong checksum",
      .maybe = "LSO1,LSO2", .when = is_lso2_with_options, .wire_out = spoil_transport);

/* ---- Sizes ---------------------------------------------------------------------------------- */

static NDIS_HANDLE handle;

static NDIS_STATUS NTAPI initialize(NDIS_HANDLE h, NDIS_HANDLE context,
                                    PNDIS_MINIPORT_INIT_PARAMETERS p)
{
    handle = h;
    return driver.InitializeHandlerEx(h, context, p);
}

static VOID NTAPI send_not_too_large(NDIS_HANDLE context, PNET_BUFFER_LIST first,
                                     NDIS_PORT_NUMBER port, ULONG flags)
{
    if (!large_of(first).Value || is_lso1(first) || first->FirstNetBuffer->DataLength < TOO_LARGE ||
        first->Next) {
        driver.SendNetBufferListsHandler(context, first, port, flags);
        return;
    }
    first->Status = NDIS_STATUS_INVALID_LENGTH;
    NdisMSendNetBufferListsComplete(handle, first, 0);
}
static void install_not_too_large(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->InitializeHandlerEx = initialize;
    c->SendNetBufferListsHandler = send_not_too_large;
}
FAULT("CAP-20", lso2_below_its_size, "LSOv2 sends below MaxOffLoadSize are refused as too large",
      .maybe = "LSO1,LSO2,SEC", .handlers = install_not_too_large);

static enum tcpip_request ask_16_bits(struct tcpip *t, const struct tcpip_offers *offers,
                                      struct tcpip_slot *s, const struct frame *f)
{
    struct tcpip_offers o = *offers;

    o.lso4_max &= 0xffff;
    o.lso6_max &= 0xffff;
    return tcpip_ask(t, &o, s, f);
}
FAULT("CAP-20", protocol_size_in_16_bits, "the protocol keeps MaxOffLoadSize in 16 bits",
      .ask = ask_16_bits);

static enum tcpip_request ask_any_count(struct tcpip *t, const struct tcpip_offers *offers,
                                        struct tcpip_slot *s, const struct frame *f)
{
    struct tcpip_offers o = *offers;

    o.lso4_min = o.lso6_min = 1;
    return tcpip_ask(t, &o, s, f);
}
FAULT("CAP-22", protocol_ignores_minimum, "the protocol asks below MinSegmentCount",
      .maybe = "LSO1,LSO2", .ask = ask_any_count);

static enum tcpip_request ask_any_size(struct tcpip *t, const struct tcpip_offers *offers,
                                       struct tcpip_slot *s, const struct frame *f)
{
    struct tcpip_offers o = *offers;

    o.lso4_max = o.lso6_max = 65535;
    return tcpip_ask(t, &o, s, f);
}
FAULT("CAP-24", protocol_ignores_size, "the protocol asks beyond MaxOffLoadSize",
      .maybe = "LSO1,LSO2", .ask = ask_any_size);

static enum tcpip_request ask_with_options(struct tcpip *t, const struct tcpip_offers *offers,
                                           struct tcpip_slot *s, const struct frame *f)
{
    struct tcpip_offers o = *offers;

    o.lso6_extensions = o.lso6_options = o.lso1_ip_options = o.lso1_tcp_options = true;
    return tcpip_ask(t, &o, s, f);
}
FAULT("CAP-24", protocol_ignores_options, "the protocol asks for options that are not listed",
      .maybe = "LSO1,LSO2,TXC", .ask = ask_with_options);

/* ---- All ------------------------------------------------------------------------------------ */

static bool unsum_udp6(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    if (f && f->version == 6 && f->proto == 17)
        no_checksum(nbl);
    return false;
}
FAULT("CAP-25", udp6_unsummed, "the UDP checksum for IPv6 is listed and not done",
      .maybe = "TXC,ENC,PAR,KEY,GEN,SEC-2", .when = unsum_udp6);

static VOID NTAPI indicate_udp4(NDIS_HANDLE h, PNET_BUFFER_LIST first, NDIS_PORT_NUMBER port,
                                ULONG count, ULONG flags)
{
    for (NET_BUFFER_LIST *nbl = first; nbl; nbl = nbl->Next) {
        const uint8_t *head = first_bytes(nbl, 24);

        if (head && head[12] == 8 && head[23] == 17)
            no_checksum(nbl);
    }
    NdisMIndicateReceiveNetBufferLists(h, first, port, count, flags);
}
FAULT("CAP-25", udp4_unjudged, "the UDP verdict for IPv4 is listed and never given",
      .maybe = "RXC,ENC,PAR,KEY,SEC-2",
      .imports = {{"NdisMIndicateReceiveNetBufferLists", (void *)indicate_udp4}});
