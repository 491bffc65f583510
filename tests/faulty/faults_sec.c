/* SPDX-License-Identifier: MIT */
/* Drivers that do more than their card, less than they say, or trust what they are handed: what is
 * sent, and what is reported. */
#include "fault.h"

/* ---- What the driver reports ---------------------------------------------------------------- */

static NDIS_OFFLOAD reported;

typedef void (*change_views)(NDIS_OFFLOAD *now, NDIS_OFFLOAD *hardware);

static NDIS_STATUS set_changed(NDIS_HANDLE h, void *block, change_views change)
{
    static NDIS_OFFLOAD now, hardware;
    NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES o;

    if (((NDIS_OBJECT_HEADER *)block)->Type != NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES)
        return NdisMSetMiniportAttributes(h, block);
    memcpy(&o, block, sizeof o);
    memcpy(&now, o.DefaultOffloadConfiguration, NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
    memcpy(&hardware, o.HardwareOffloadCapabilities, NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
    reported = hardware;
    if (change)
        change(&now, &hardware);
    o.DefaultOffloadConfiguration = &now;
    o.HardwareOffloadCapabilities = &hardware;
    return NdisMSetMiniportAttributes(h, (void *)&o);
}

static NDIS_STATUS NTAPI set_noted(NDIS_HANDLE h, void *block)
{
    return set_changed(h, block, NULL);
}
#define NOTED                                                                                      \
    {                                                                                              \
        "NdisMSetMiniportAttributes", (void *)set_noted                                            \
    }

static void large_always(NDIS_OFFLOAD *now, NDIS_OFFLOAD *hardware)
{
    (void)now;
    if (hardware->LsoV2.IPv6.Encapsulation)
        return;
    hardware->LsoV2.IPv6.Encapsulation = NDIS_ENCAPSULATION_IEEE_802_3;
    hardware->LsoV2.IPv6.MaxOffLoadSize = 60000;
    hardware->LsoV2.IPv6.MinSegmentCount = 2;
}

static NDIS_STATUS NTAPI set_large_always(NDIS_HANDLE h, void *block)
{
    return set_changed(h, block, large_always);
}
FAULT("SEC-1", large_sends_without_the_card, "LSOv2 over IPv6 is reported on cards without it",
      .imports = {{"NdisMSetMiniportAttributes", (void *)set_large_always}}, .maybe = "CAP,ENC");

static void all_or_nothing(NDIS_OFFLOAD *now, NDIS_OFFLOAD *hardware)
{
    if (hardware->LsoV2.IPv4.Encapsulation && hardware->LsoV2.IPv6.Encapsulation)
        return;
    memset(&now->Checksum.IPv4Transmit, 0, sizeof now->Checksum.IPv4Transmit);
    memset(&now->Checksum.IPv6Transmit, 0, sizeof now->Checksum.IPv6Transmit);
    now->LsoV1 = (NDIS_TCP_LARGE_SEND_OFFLOAD_V1){0};
    now->LsoV2 = (NDIS_TCP_LARGE_SEND_OFFLOAD_V2){0};
    hardware->Checksum.IPv4Transmit = now->Checksum.IPv4Transmit;
    hardware->Checksum.IPv6Transmit = now->Checksum.IPv6Transmit;
    hardware->LsoV1 = now->LsoV1;
    hardware->LsoV2 = now->LsoV2;
}

static NDIS_STATUS NTAPI set_all_or_nothing(NDIS_HANDLE h, void *block)
{
    return set_changed(h, block, all_or_nothing);
}
FAULT("SEC-1", no_sends_without_large_ones,
      "without one large send no transmit offload is reported",
      .imports = {{"NdisMSetMiniportAttributes", (void *)set_all_or_nothing}},
      .maybe = "CAP,ENC,CFG,PAR");

/* ---- Sends ---------------------------------------------------------------------------------- */

static uint8_t *first_bytes(const NET_BUFFER_LIST *nbl, uint32_t *contiguous)
{
    const NET_BUFFER *nb = nbl->FirstNetBuffer;
    uint8_t *start = MmGetSystemAddressForMdlSafe(nb->CurrentMdl, NormalPagePriority);

    *contiguous = (uint32_t)(MmGetMdlByteCount(nb->CurrentMdl) - nb->CurrentMdlOffset);
    return start + nb->CurrentMdlOffset;
}

static NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO checksum_of(const NET_BUFFER_LIST *nbl)
{
    return (NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO){
        .Value = nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo]};
}

/* What was summed in software, to be put back at completion. */
static struct summed {
    NET_BUFFER_LIST *nbl;
    void *slot;
    uint8_t *field, was[2];
} summed[64];

static void sum_in_software(NET_BUFFER_LIST *nbl)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO i = checksum_of(nbl);
    struct summed *s = summed;
    uint32_t len = nbl->FirstNetBuffer->DataLength, contiguous, sum;
    uint8_t *bytes = first_bytes(nbl, &contiguous);
    struct fields *f = contiguous >= len ? frame_fields(bytes, len) : NULL;

    while (s < summed + 63 && s->nbl)
        s++;
    if (!f || s->nbl)
        return;
    *s = (struct summed){nbl, i.Value, bytes + f->l4 + (f->proto == 6 ? 16 : 6), {0}};
    memcpy(s->was, s->field, 2);
    naive_put(s->field, 2, 0);
    sum = naive_pseudo(bytes + f->l3, f->version, f->proto, f->end - f->l4);
    naive_put(s->field, 2, 0xffff - naive_sum(bytes + f->l4, f->end - f->l4, 0, sum));
    i.Transmit.TcpChecksum = i.Transmit.UdpChecksum = 0;
    nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] =
        i.Transmit.IpHeaderChecksum ? i.Value : NULL;
}

enum mode {
    SUM_UDP6,
    SUM_UNADVERTISED,
    TRUST_OFFSET,
    TRUST_HEADER_LENGTH,
    READ_ON_WHEN_UNADVERTISED,
    FAIL_AFTER_MANY,
    WALK_FROM_THE_START,
    SAY_THAT_IT_WENT,
};

static VOID NTAPI complete_summed(NDIS_HANDLE h, PNET_BUFFER_LIST first, ULONG flags)
{
    for (NET_BUFFER_LIST *nbl = first; nbl; nbl = nbl->Next) {
        if (fault->mode == SAY_THAT_IT_WENT && !reported.LsoV2.IPv4.Encapsulation &&
            nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo])
            nbl->Status = NDIS_STATUS_SUCCESS;
        for (struct summed *s = summed; s < summed + 64; s++) {
            if (s->nbl != nbl)
                continue;
            memcpy(s->field, s->was, 2);
            nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = s->slot;
            s->nbl = NULL;
        }
    }
    NdisMSendNetBufferListsComplete(h, first, flags);
}

/* Goes over the extension headers once more for each that it finds. */
static void walk(const uint8_t *bytes, uint32_t len)
{
    static volatile uint8_t last;

    if (len < 62 || naive_get(bytes + 12, 2) != 0x86dd || bytes[20] != 60)
        return;
    for (uint32_t to = 54; to + 8 <= len; to += 8) {
        for (uint32_t at = 54; at <= to; at += 8)
            last = bytes[at];
    }
    (void)last;
}

static void misuse(NET_BUFFER_LIST *nbl)
{
    static unsigned sent;
    static const volatile uint8_t *volatile nowhere = (uint8_t *)8;
    static volatile uint8_t read;
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO i = checksum_of(nbl);
    bool asks = i.Transmit.TcpChecksum || i.Transmit.UdpChecksum;
    uint32_t contiguous;
    uint8_t *bytes = first_bytes(nbl, &contiguous);

    switch (fault->mode) {
    case SUM_UDP6:
        if (i.Transmit.UdpChecksum && i.Transmit.IsIPv6 &&
            reported.Checksum.IPv6Transmit.UdpChecksum == NDIS_OFFLOAD_SUPPORTED)
            sum_in_software(nbl);
        break;
    case SUM_UNADVERTISED:
        if (asks && reported.Checksum.IPv4Transmit.TcpChecksum != NDIS_OFFLOAD_SUPPORTED)
            sum_in_software(nbl);
        break;
    case TRUST_OFFSET:
        if (i.Transmit.TcpChecksum)
            read = bytes[i.Transmit.TcpHeaderOffset + 12];
        break;
    case TRUST_HEADER_LENGTH:
        if (contiguous > 14 && bytes[14] >> 4 == 4)
            read = bytes[14 + (bytes[14] & 15) * 4 + 7];
        break;
    case READ_ON_WHEN_UNADVERTISED:
        if (asks && reported.Checksum.IPv4Transmit.TcpChecksum != NDIS_OFFLOAD_SUPPORTED)
            read = bytes[nbl->FirstNetBuffer->DataLength];
        break;
    case FAIL_AFTER_MANY:
        if (++sent > 30000)
            read = *nowhere;
        break;
    case WALK_FROM_THE_START:
        walk(bytes, contiguous);
        break;
    default: /* at completion */
        break;
    }
    (void)read;
}

static VOID NTAPI send(NDIS_HANDLE context, PNET_BUFFER_LIST first, NDIS_PORT_NUMBER port,
                       ULONG flags)
{
    for (NET_BUFFER_LIST *nbl = first; nbl; nbl = nbl->Next)
        misuse(nbl);
    driver.SendNetBufferListsHandler(context, first, port, flags);
}

static void sending(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->SendNetBufferListsHandler = send;
}

#define SENDS(m)                                                                                   \
    .handlers = sending, .mode = (m),                                                              \
    .imports = {NOTED, {"NdisMSendNetBufferListsComplete", (void *)complete_summed}}

FAULT("SEC-2", checksum_in_software, "UDP over IPv6 is summed by the driver", SENDS(SUM_UDP6),
      .maybe = "TXC,GEN");
FAULT("SEC-5", unadvertised_in_software, "checksums that are not reported are done all the same",
      SENDS(SUM_UNADVERTISED), .maybe = "TXC,PAR");
FAULT("SEC-5", unadvertised_read_on, "a checksum that is not reported reads past the frame",
      SENDS(READ_ON_WHEN_UNADVERTISED), .maybe = "NT-FAULT,TXC,PAR");
FAULT("SEC-5", unadvertised_large_send, "a large send that is not reported is said to have gone",
      SENDS(SAY_THAT_IT_WENT), .maybe = "LSO1,LSO2,PAR");
FAULT("SEC-6", offset_unchecked, "TcpHeaderOffset is used unchecked", SENDS(TRUST_OFFSET),
      .maybe = "NT-FAULT");
FAULT("SEC-6", header_length_unchecked, "the IPv4 header's length is used unchecked",
      SENDS(TRUST_HEADER_LENGTH), .maybe = "NT-FAULT");
FAULT("SEC-7", crash_in_the_long_run, "the driver reads address 8 in its 30001st send",
      SENDS(FAIL_AFTER_MANY), .maybe = "NT-FAULT");
FAULT("SEC-9", quadratic_sends, "each extension header of a send is found from the first",
      SENDS(WALK_FROM_THE_START), .maybe = "GEN-31");

/* ---- SEC-8: requests ------------------------------------------------------------------------ */

/* Large sends over IPv6 go off before the rest is looked at. */
static NDIS_STATUS NTAPI apply_half(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_PARAMETERS *p = q->DATA.SET_INFORMATION.InformationBuffer, half;
    NDIS_STATUS status = driver.OidRequestHandler(context, q);
    NDIS_OID_REQUEST own = *q;

    if (q->RequestType != NdisRequestSetInformation || status == NDIS_STATUS_SUCCESS ||
        q->DATA.SET_INFORMATION.Oid != OID_TCP_OFFLOAD_PARAMETERS ||
        q->DATA.SET_INFORMATION.InformationBufferLength <
            NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1 ||
        p->LsoV2IPv6 == NDIS_OFFLOAD_PARAMETERS_NO_CHANGE)
        return status;
    memset(&half, 0, sizeof half);
    half.Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_DEFAULT, NDIS_OFFLOAD_PARAMETERS_REVISION_1,
                                       NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1};
    half.LsoV2IPv6 = NDIS_OFFLOAD_PARAMETERS_LSOV2_DISABLED;
    own.DATA.SET_INFORMATION.InformationBuffer = &half;
    own.DATA.SET_INFORMATION.InformationBufferLength = half.Header.Size;
    driver.OidRequestHandler(context, &own);
    return status;
}

static void applying(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->OidRequestHandler = apply_half;
}
FAULT("SEC-8", parameters_half_applied, "refused parameters have switched off LSOv2 over IPv6",
      .handlers = applying, .maybe = "PAR,KEY,CFG");

static NDIS_STATUS NTAPI read_whole_structure(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    static volatile uint8_t read;
    const uint8_t *buffer = q->DATA.SET_INFORMATION.InformationBuffer;

    if (q->RequestType == NdisRequestSetInformation &&
        q->DATA.SET_INFORMATION.Oid == OID_OFFLOAD_ENCAPSULATION)
        read = buffer[NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1 - 1];
    (void)read;
    return driver.OidRequestHandler(context, q);
}

static void reading(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->OidRequestHandler = read_whole_structure;
}
FAULT("SEC-8", request_length_unchecked, "a structure is read whole whatever the buffer's length",
      .handlers = reading, .maybe = "NT-FAULT");
