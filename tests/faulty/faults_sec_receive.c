/* SPDX-License-Identifier: MIT */
/* Drivers that do something to frames that arrive. All faults are modes of one hook where frames
 * are indicated. */
#include "fault.h"

enum mode {
    MARK_OTHER_TYPES,
    CHANGE_OTHER_TYPES,
    JUDGE_WITHOUT_CARD,
    MEND_CHECKSUMS,
    DROP_WRONG,
    CUT_TRAILERS,
    DROP_TWICE,
    KEEP_OLD_VERDICTS,
    WALK_FROM_THE_START,
};

static NDIS_HANDLE context; /* MiniportAdapterContext */
static bool judges;         /* the card does */

/* The frame where it lies, or a copy when it lies in several MDLs. */
static uint8_t *frame_of(const NET_BUFFER_LIST *nbl)
{
    static uint8_t whole[FAULT_FRAME];
    const NET_BUFFER *nb = nbl->FirstNetBuffer;
    ULONG left = MIN_OF(nb->DataLength, (ULONG)sizeof whole), offset = nb->CurrentMdlOffset, n;
    uint8_t *to = whole, *at;

    for (MDL *mdl = nb->CurrentMdl; mdl && left; mdl = mdl->Next) {
        at = (uint8_t *)MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority) + offset;
        n = MIN_OF(MmGetMdlByteCount(mdl) - offset, left);
        if (n == nb->DataLength)
            return at;
        memcpy(to, at, n);
        to += n;
        left -= n;
        offset = 0;
    }
    return whole;
}

static void mark_good(NET_BUFFER_LIST *nbl)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO good = {.Value = NULL};

    good.Receive.TcpChecksumSucceeded = 1;
    nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = good.Value;
}

/* The verdict of the last frame that had one, on every 997th. */
static void keep_verdict(NET_BUFFER_LIST *nbl)
{
    static void *last;
    static unsigned number;
    void **slot = &nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo];

    if (++number % 997 == 0 && !*slot)
        *slot = last;
    if (*slot)
        last = *slot;
}

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

/* False: the frame is not indicated. */
static bool mistreat(NET_BUFFER_LIST *nbl)
{
    static uint8_t before[2048];
    static uint32_t before_len;
    NET_BUFFER *nb = nbl->FirstNetBuffer;
    uint8_t *bytes = frame_of(nbl);
    uint32_t len = nb->DataLength;
    struct fields *f = frame_fields(bytes, len);
    bool same;

    switch (fault->mode) {
    case MARK_OTHER_TYPES:
        if (naive_get(bytes + 12, 2) == 0x88b6)
            mark_good(nbl);
        return true;
    case CHANGE_OTHER_TYPES:
        if (naive_get(bytes + 12, 2) == 0x88b6)
            bytes[len - 1]++;
        return true;
    case JUDGE_WITHOUT_CARD:
        if (!judges && f && f->proto == 6 && f->transport_good)
            mark_good(nbl);
        return true;
    case MEND_CHECKSUMS:
        if (f && !f->transport_good && f->end - f->payload == 333)
            frame_mend(bytes, len);
        return true;
    case DROP_WRONG:
        return !f || f->transport_good || f->end - f->payload != 333;
    case CUT_TRAILERS:
        if (f && f->end < len && len > SHORTEST)
            nb->DataLength = f->end;
        return true;
    case DROP_TWICE:
        same = len == before_len && len < sizeof before && f && memcmp(bytes, before, len) == 0;
        before_len = len;
        memcpy(before, bytes, MIN_OF(len, (uint32_t)sizeof before));
        return !same;
    case KEEP_OLD_VERDICTS:
        keep_verdict(nbl);
        return true;
    default:
        walk(bytes, len);
        return true;
    }
}

/* Each frame singly; what is not indicated goes back to the driver. */
static VOID NTAPI indicate(NDIS_HANDLE h, PNET_BUFFER_LIST first, NDIS_PORT_NUMBER port,
                           ULONG count, ULONG flags)
{
    (void)count;
    while (first) {
        NET_BUFFER_LIST *nbl = first;

        first = nbl->Next;
        nbl->Next = NULL;
        if (mistreat(nbl))
            NdisMIndicateReceiveNetBufferLists(h, nbl, port, 1, flags);
        else if (!(flags & NDIS_RECEIVE_FLAGS_RESOURCES))
            driver.ReturnNetBufferListsHandler(
                context, nbl,
                flags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL ? NDIS_RETURN_FLAGS_DISPATCH_LEVEL : 0);
    }
}

static NDIS_STATUS NTAPI set_noted(NDIS_HANDLE h, void *block)
{
    const NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES *o = block;

    if (o->Header.Type == NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES)
        judges = o->HardwareOffloadCapabilities->Checksum.IPv4Receive.TcpChecksum ==
                 NDIS_OFFLOAD_SUPPORTED;
    return NdisMSetMiniportAttributes(h, block);
}

static NDIS_STATUS NTAPI restart(NDIS_HANDLE MiniportAdapterContext,
                                 PNDIS_MINIPORT_RESTART_PARAMETERS p)
{
    context = MiniportAdapterContext;
    return driver.RestartHandler(MiniportAdapterContext, p);
}

static void receiving(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->RestartHandler = restart;
}

#define RECEIVES(m)                                                                                \
    .handlers = receiving, .mode = (m),                                                            \
    .imports = {{"NdisMIndicateReceiveNetBufferLists", (void *)indicate},                          \
                {"NdisMSetMiniportAttributes", (void *)set_noted}}

FAULT("SEC-3", other_types_marked, "a frame that is no IP has a TCP verdict",
      RECEIVES(MARK_OTHER_TYPES), .maybe = "RXC");
FAULT("SEC-3", other_types_changed, "a frame that is no IP is indicated with a byte changed",
      RECEIVES(CHANGE_OTHER_TYPES), .maybe = "RXC");
FAULT("SEC-2", verdicts_in_software, "on a card that judges nothing the driver judges itself",
      RECEIVES(JUDGE_WITHOUT_CARD), .also = "SEC-3", .maybe = "RXC,ENC");
FAULT("SEC-4", checksums_mended, "wrong checksums of received packets are mended",
      RECEIVES(MEND_CHECKSUMS), .maybe = "RXC");
FAULT("SEC-4", wrong_packets_dropped, "received packets with wrong checksums are dropped",
      RECEIVES(DROP_WRONG), .maybe = "RXC");
FAULT("SEC-4", trailers_cut, "bytes behind the datagram are cut off", RECEIVES(CUT_TRAILERS),
      .maybe = "RXC");
FAULT("SEC-4", duplicates_dropped, "a packet that comes twice is indicated once",
      RECEIVES(DROP_TWICE), .maybe = "RXC,GEN,ENC,PAR,CFG,KEY");
FAULT("SEC-7", verdicts_of_other_frames, "every 997th frame keeps the verdict of another",
      RECEIVES(KEEP_OLD_VERDICTS));
FAULT("SEC-9", quadratic_receives, "each extension header that arrives is found from the first",
      RECEIVES(WALK_FROM_THE_START));
