/* SPDX-License-Identifier: MIT */
/* What can go wrong with the completion of large sends. */
#include "fault.h"

typedef NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO large_slot;

static bool is_v1(const struct fault_sent *s)
{
    return s->slot.LsoV2Transmit.Type == NDIS_TCP_LARGE_SEND_OFFLOAD_V1_TYPE;
}

static uint32_t headers_of(const struct fault_sent *s)
{
    return s->l4 + 13 < s->head_len ? s->l4 + (s->head[s->l4 + 12] >> 4) * 4u : 0;
}

static void set_slot(NET_BUFFER_LIST *nbl, void *value)
{
    nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] = value;
}

/* What is done to each large send that the driver completes. */
#define DONE_FAULT(id, name, what, ...)                                                            \
    static VOID NTAPI name##_complete(NDIS_HANDLE adapter, PNET_BUFFER_LIST first, ULONG flags)    \
    {                                                                                              \
        for (NET_BUFFER_LIST *nbl = first; nbl; nbl = nbl->Next) {                                 \
            const struct fault_sent *s = sent_nbl(nbl);                                            \
                                                                                                   \
            if (s)                                                                                 \
                name(nbl, s);                                                                      \
        }                                                                                          \
        NdisMSendNetBufferListsComplete(adapter, first, flags);                                    \
    }                                                                                              \
    FAULT(id, name, what,                                                                          \
          .imports = {{"NdisMSendNetBufferListsComplete", (void *)name##_complete}},               \
          ##__VA_ARGS__)

/* ---- What is completed ---------------------------------------------------------------------- */

static void no_count(NET_BUFFER_LIST *nbl, const struct fault_sent *s)
{
    if (is_v1(s))
        set_slot(nbl, NULL);
}
DONE_FAULT("LSO1-30", no_count, "version 1: TcpPayload stays 0", .also = "LSO2-20");

static void count_headers(NET_BUFFER_LIST *nbl, const struct fault_sent *s)
{
    if (is_v1(s) && nbl->Status == NDIS_STATUS_SUCCESS)
        set_slot(nbl, (void *)(uintptr_t)s->bytes);
}
DONE_FAULT("LSO1-30", count_headers, "version 1: TcpPayload has the headers in it",
           .also = "LSO2-20");

static void v1_as_v2(NET_BUFFER_LIST *nbl, const struct fault_sent *s)
{
    large_slot q = {.Value = nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo]};

    if (!is_v1(s))
        return;
    q.LsoV1TransmitComplete.Type = NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE;
    set_slot(nbl, q.Value);
}
DONE_FAULT("LSO1-30", v1_as_v2, "version 1 completes with version 2's type", .also = "LSO2-20");

static void count_failed(NET_BUFFER_LIST *nbl, const struct fault_sent *s)
{
    if (is_v1(s) && nbl->Status != NDIS_STATUS_SUCCESS)
        set_slot(nbl, (void *)(uintptr_t)(s->bytes - headers_of(s)));
}
DONE_FAULT("LSO1-31", count_failed, "version 1: a send that failed counts its data as sent");

static void long_headers_done(NET_BUFFER_LIST *nbl, const struct fault_sent *s)
{
    if (headers_of(s) > NDIS_LARGE_SEND_OFFLOAD_MAX_HEADER_LENGTH)
        nbl->Status = NDIS_STATUS_SUCCESS;
}
DONE_FAULT("LSO1-27", long_headers_done, "long headers: dropped, and completed with success",
           .also = "LSO1-39"); /* of offsets far behind there are such, too */

static void slot_as_asked(NET_BUFFER_LIST *nbl, const struct fault_sent *s)
{
    if (!is_v1(s) && nbl->Status == NDIS_STATUS_SUCCESS)
        set_slot(nbl, s->slot.Value);
}
DONE_FAULT("LSO2-16", slot_as_asked, "version 2: the slot stays as it was asked",
           .also = "LSO2-20");

static void no_type(NET_BUFFER_LIST *nbl, const struct fault_sent *s)
{
    if (!is_v1(s) && nbl->Status == NDIS_STATUS_SUCCESS)
        set_slot(nbl, NULL);
}
DONE_FAULT("LSO2-16", no_type, "version 2 completes with 0", .also = "LSO2-20");

static void failed_as_asked(NET_BUFFER_LIST *nbl, const struct fault_sent *s)
{
    if (!is_v1(s) && nbl->Status != NDIS_STATUS_SUCCESS)
        set_slot(nbl, s->slot.Value);
}
DONE_FAULT("LSO2-17", failed_as_asked, "version 2: a send that failed leaves the slot as it was");

static void failed_without_type(NET_BUFFER_LIST *nbl, const struct fault_sent *s)
{
    if (!is_v1(s) && nbl->Status != NDIS_STATUS_SUCCESS)
        set_slot(nbl, NULL);
}
DONE_FAULT("LSO2-17", failed_without_type, "version 2: a send that failed completes with 0");

/* Version 2 with a count. */
static void as_the_one_before(NET_BUFFER_LIST *nbl, const struct fault_sent *s)
{
    static bool v1;

    if (v1 && !is_v1(s))
        set_slot(nbl, (void *)(uintptr_t)(s->bytes - headers_of(s)));
    v1 = is_v1(s);
}
DONE_FAULT("LSO2-20", as_the_one_before, "after version 1, version 2 completes with a count");

/* ---- Too early ------------------------------------------------------------------------------ */

enum { SHADOWS = 512, LONG_SEND = 16384 };

static struct shadow {
    NET_BUFFER_LIST nbl;
    NET_BUFFER nb;
} shadows[SHADOWS];
static unsigned shadow_at;
static NDIS_HANDLE miniport;

static NDIS_STATUS NTAPI InitializeAndKeep(NDIS_HANDLE NdisMiniportHandle,
                                           NDIS_HANDLE MiniportDriverContext,
                                           PNDIS_MINIPORT_INIT_PARAMETERS p)
{
    miniport = NdisMiniportHandle;
    return driver.InitializeHandlerEx(NdisMiniportHandle, MiniportDriverContext, p);
}

/* The driver works on a copy of the structures; the data is the protocol's. */
static VOID NTAPI SendEarly(NDIS_HANDLE context, PNET_BUFFER_LIST first, NDIS_PORT_NUMBER port,
                            ULONG flags)
{
    for (NET_BUFFER_LIST *nbl = first, *next; nbl; nbl = next) {
        struct shadow *s = &shadows[shadow_at % SHADOWS];
        bool early = nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] &&
                     nbl->FirstNetBuffer->DataLength > LONG_SEND;

        next = nbl->Next;
        nbl->Next = NULL;
        if (!early) {
            driver.SendNetBufferListsHandler(context, nbl, port, flags);
            continue;
        }
        shadow_at++;
        s->nbl = *nbl;
        s->nb = *nbl->FirstNetBuffer;
        s->nbl.FirstNetBuffer = &s->nb;
        nbl->Status = NDIS_STATUS_SUCCESS;
        NdisMSendNetBufferListsComplete(
            miniport, nbl,
            flags & NDIS_SEND_FLAGS_DISPATCH_LEVEL ? NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL : 0);
        driver.SendNetBufferListsHandler(context, &s->nbl, port, flags);
    }
}

static VOID NTAPI CompleteOthers(NDIS_HANDLE adapter, PNET_BUFFER_LIST first, ULONG flags)
{
    for (NET_BUFFER_LIST *nbl = first, *next; nbl; nbl = next) {
        next = nbl->Next;
        nbl->Next = NULL;
        if ((uintptr_t)nbl < (uintptr_t)shadows || (uintptr_t)nbl >= (uintptr_t)(shadows + SHADOWS))
            NdisMSendNetBufferListsComplete(adapter, nbl, flags);
    }
}

static void send_early(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->InitializeHandlerEx = InitializeAndKeep;
    c->SendNetBufferListsHandler = SendEarly;
}
/* What the slot holds at completion nobody knows by then. */
FAULT("LSO1-32", send_early, "long sends complete before the card has looked at them",
      .also = "LSO1-30,LSO2-16",
      .imports = {{"NdisMSendNetBufferListsComplete", (void *)CompleteOthers}},
      .handlers = send_early);

/* ---- Two buffers as one --------------------------------------------------------------------- */

static struct {
    NET_BUFFER_LIST *nbl;
    NET_BUFFER *second;
    MDL *last;
    ULONG bytes;
} joined;

static VOID NTAPI SendJoined(NDIS_HANDLE context, PNET_BUFFER_LIST first, NDIS_PORT_NUMBER port,
                             ULONG flags)
{
    NET_BUFFER *nb = first->FirstNetBuffer;

    if (sent_nbl(first) && nb->Next && !joined.nbl) {
        joined.nbl = first;
        joined.second = nb->Next;
        joined.bytes = nb->DataLength;
        joined.last = nb->MdlChain;
        while (joined.last->Next)
            joined.last = joined.last->Next;
        joined.last->Next = nb->Next->MdlChain;
        nb->DataLength += nb->Next->DataLength;
        nb->Next = NULL;
    }
    driver.SendNetBufferListsHandler(context, first, port, flags);
}

static VOID NTAPI CompleteApart(NDIS_HANDLE adapter, PNET_BUFFER_LIST first, ULONG flags)
{
    for (NET_BUFFER_LIST *nbl = first; nbl; nbl = nbl->Next) {
        if (nbl != joined.nbl)
            continue;
        joined.last->Next = NULL;
        nbl->FirstNetBuffer->DataLength = joined.bytes;
        nbl->FirstNetBuffer->Next = joined.second;
        joined.nbl = NULL;
    }
    NdisMSendNetBufferListsComplete(adapter, first, flags);
}

static void join_buffers(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->SendNetBufferListsHandler = SendJoined;
}
FAULT("LSO2-15", join_buffers, "two NET_BUFFERs are cut as one",
      .imports = {{"NdisMSendNetBufferListsComplete", (void *)CompleteApart}},
      .handlers = join_buffers);

/* ---- Counters ------------------------------------------------------------------------------- */

/* What the frames of large sends but the first add to counters: themselves, their headers. */
static _Atomic(ULONG64) more_frames, more_octets;

static enum segment_fate add_up(struct fault_segment *s)
{
    more_frames += s->index > 0;
    more_octets += s->index > 0 ? s->f->payload : 0;
    return SEGMENT_GOES;
}

static NDIS_STATUS NTAPI CountOnce(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_STATUS status = driver.OidRequestHandler(context, q);
    void *buffer = q->DATA.QUERY_INFORMATION.InformationBuffer;
    NDIS_STATISTICS_INFO *s = buffer;

    if (status != NDIS_STATUS_SUCCESS || q->RequestType != NdisRequestQueryInformation)
        return status;
    if (q->DATA.QUERY_INFORMATION.Oid == OID_GEN_STATISTICS && fault->mode)
        s->ifHCOutOctets -= MIN_OF(more_octets, s->ifHCOutOctets);
    else if (q->DATA.QUERY_INFORMATION.Oid == OID_GEN_STATISTICS)
        s->ifHCOutUcastPkts -= MIN_OF(more_frames, s->ifHCOutUcastPkts);
    else if (q->DATA.QUERY_INFORMATION.Oid == OID_GEN_XMIT_OK && !fault->mode)
        *(ULONG *)buffer -= (ULONG)MIN_OF(more_frames, *(ULONG *)buffer);
    return status;
}
FAULT("LSO2-22", packets_counted_once, "a large send is counted as one packet", .strict = true,
      .segment = add_up, .oid = CountOnce);
FAULT("LSO2-22", octets_counted_once, "the headers of a large send are counted once",
      .strict = true, .mode = 1, .segment = add_up, .oid = CountOnce);
