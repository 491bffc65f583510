/* SPDX-License-Identifier: MIT */
/* Faults on the data path of an intermediate driver. */
#include "fault.h"

#include "conform/verdict.h"

/* ---- What the driver is told ---------------------------------------------------------------- */

static NDIS_PROTOCOL_DRIVER_CHARACTERISTICS lower; /* its own */
static _Atomic(bool) link_is_down, has_left;       /* a member's; a member */

/* One segment is enough, it thinks. */
static void *least_of_one(const void *offload, NDIS_OFFLOAD *copy)
{
    memcpy(copy, offload, NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
    copy->LsoV1.IPv4.MinSegmentCount = 1;
    copy->LsoV2.IPv4.MinSegmentCount = copy->LsoV2.IPv6.MinSegmentCount = 1;
    return copy;
}

enum { LEAST_OF_ONE = 1, LATE = 2 };

/* Mode LATE: what a member's configuration becomes while it resets, heard when the reset is over.
 */
static struct {
    bool resetting, kept;
    NDIS_STATUS_INDICATION s;
    NDIS_OFFLOAD offload;
} late;

/* TRUE: it is kept. */
static bool hear_late(const NDIS_STATUS_INDICATION *s)
{
    if (s->StatusCode == NDIS_STATUS_RESET_START)
        late.resetting = true;
    if (s->StatusCode != NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG || !late.resetting)
        return false;
    late.s = *s;
    memcpy(&late.offload, s->StatusBuffer, NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
    late.s.StatusBuffer = &late.offload;
    late.kept = true;
    return true;
}

static void hear_kept(NDIS_HANDLE context)
{
    late.resetting = false;
    if (late.kept)
        lower.StatusHandlerEx(context, &late.s);
    late.kept = false;
}

static VOID NTAPI HearStatus(NDIS_HANDLE ProtocolBindingContext,
                             PNDIS_STATUS_INDICATION StatusIndication)
{
    const NDIS_LINK_STATE *link = StatusIndication->StatusBuffer;
    NDIS_STATUS_INDICATION s = *StatusIndication;
    NDIS_OFFLOAD copy;

    if (s.StatusCode == NDIS_STATUS_LINK_STATE)
        link_is_down = link->MediaConnectState != MediaConnectStateConnected;
    if (s.StatusCode == NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG && fault->mode == LEAST_OF_ONE)
        s.StatusBuffer = least_of_one(s.StatusBuffer, &copy);
    if (fault->mode == LATE && hear_late(&s))
        return;
    lower.StatusHandlerEx(ProtocolBindingContext, &s);
    if (s.StatusCode == NDIS_STATUS_RESET_END && fault->mode == LATE)
        hear_kept(ProtocolBindingContext);
}

static NDIS_STATUS NTAPI Bind(NDIS_HANDLE ProtocolDriverContext, NDIS_HANDLE BindContext,
                              PNDIS_BIND_PARAMETERS BindParameters)
{
    NDIS_BIND_PARAMETERS p = *BindParameters;
    NDIS_OFFLOAD copy;

    has_left = false;
    if (p.DefaultOffloadConfiguration && fault->mode == LEAST_OF_ONE)
        p.DefaultOffloadConfiguration = least_of_one(p.DefaultOffloadConfiguration, &copy);
    return lower.BindAdapterHandlerEx(ProtocolDriverContext, BindContext, &p);
}

static NDIS_STATUS NTAPI Unbind(NDIS_HANDLE UnbindContext, NDIS_HANDLE ProtocolBindingContext)
{
    has_left = true;
    return lower.UnbindAdapterHandlerEx(UnbindContext, ProtocolBindingContext);
}

static NDIS_STATUS NTAPI RegisterLower(NDIS_HANDLE ProtocolDriverContext,
                                       PNDIS_PROTOCOL_DRIVER_CHARACTERISTICS c,
                                       PNDIS_HANDLE NdisProtocolHandle)
{
    NDIS_PROTOCOL_DRIVER_CHARACTERISTICS changed = *c;

    lower = *c;
    changed.StatusHandlerEx = HearStatus;
    changed.BindAdapterHandlerEx = Bind;
    changed.UnbindAdapterHandlerEx = Unbind;
    return NdisRegisterProtocolDriver(ProtocolDriverContext, &changed, NdisProtocolHandle);
}

#define LOWER .imports = {{"NdisRegisterProtocolDriver", (void *)RegisterLower}}

FAULT("MUX-8", mux_least_count_lost, "a large send of one segment is passed down",
      .mode = LEAST_OF_ONE, LOWER);
FAULT("MUX-8", mux_limit_late, "large sends that wait for a member go beyond its new limit",
      .mode = LATE, LOWER);

/* ---- Down ----------------------------------------------------------------------------------- */

static bool team_offers(bool large)
{
    struct ndis_offload_state s;

    ndis_adapter_offload(driver_adapter, &s);
    return large ? s.current.LsoV1.IPv4.Encapsulation || s.current.LsoV2.IPv4.Encapsulation ||
                       s.current.LsoV2.IPv6.Encapsulation
                 : s.current.Checksum.IPv4Receive.UdpChecksum == NDIS_OFFLOAD_SUPPORTED;
}

static void give_up(NET_BUFFER_LIST *chain)
{
    for (NET_BUFFER_LIST *nbl = chain; nbl; nbl = nbl->Next)
        nbl->Status = NDIS_STATUS_FAILURE;
    NdisMSendNetBufferListsComplete(driver_adapter, chain, 0);
}

/* The request is forgotten, the frame goes unfinished. */
static VOID NTAPI SendUnfinished(NDIS_HANDLE MiniportAdapterContext, PNET_BUFFER_LIST first,
                                 NDIS_PORT_NUMBER PortNumber, ULONG SendFlags)
{
    for (NET_BUFFER_LIST *nbl = first; nbl && link_is_down; nbl = nbl->Next)
        nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = NULL;
    driver.SendNetBufferListsHandler(MiniportAdapterContext, first, PortNumber, SendFlags);
}

static VOID NTAPI SendStuck(NDIS_HANDLE MiniportAdapterContext, PNET_BUFFER_LIST first,
                            NDIS_PORT_NUMBER PortNumber, ULONG SendFlags)
{
    static bool stuck;

    stuck |= first->NetBufferListInfo[TcpLargeSendNetBufferListInfo] && !team_offers(true);
    if (stuck)
        give_up(first);
    else
        driver.SendNetBufferListsHandler(MiniportAdapterContext, first, PortNumber, SendFlags);
}

static VOID NTAPI SendLeft(NDIS_HANDLE MiniportAdapterContext, PNET_BUFFER_LIST first,
                           NDIS_PORT_NUMBER PortNumber, ULONG SendFlags)
{
    if (has_left)
        give_up(first);
    else
        driver.SendNetBufferListsHandler(MiniportAdapterContext, first, PortNumber, SendFlags);
}

static void send_unfinished(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->SendNetBufferListsHandler = SendUnfinished;
}

static void send_stuck(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->SendNetBufferListsHandler = SendStuck;
}

static void send_left(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->SendNetBufferListsHandler = SendLeft;
}

FAULT("MUX-6", mux_unfinished, "after a failover checksums that were asked for are left out",
      .handlers = send_unfinished, LOWER);
FAULT("MUX-9", mux_stuck, "a large send that is not offered any more ends all traffic",
      .handlers = send_stuck, .maybe = "PAR-22,PAR-23,CFG-17,MUX-6,MUX-8");
FAULT("MUX-24", mux_left_is_lost, "sends are lost once a member has left", .handlers = send_left,
      .maybe = "MUX-7,MUX-25", LOWER);

static NET_BUFFER_LIST *reversed(NET_BUFFER_LIST *first)
{
    NET_BUFFER_LIST *out = NULL, *next;

    for (; first; first = next) {
        next = first->Next;
        first->Next = out;
        out = first;
    }
    return out;
}

static VOID NTAPI PassChanged(NDIS_HANDLE NdisBindingHandle, PNET_BUFFER_LIST first,
                              NDIS_PORT_NUMBER PortNumber, ULONG SendFlags)
{
    for (NET_BUFFER_LIST *nbl = first; nbl && !fault->mode; nbl = nbl->Next)
        nbl->NetBufferListInfo[NetBufferListCancelId] = NULL;
    NdisSendNetBufferLists(NdisBindingHandle, fault->mode ? reversed(first) : first, PortNumber,
                           SendFlags);
}

#define PASS_CHANGED .imports = {{"NdisSendNetBufferLists", (void *)PassChanged}}

FAULT("MUX-17", mux_cancel_id_lost, "the cancel id does not go down", .mode = 0, .maybe = "GEN-19",
      PASS_CHANGED);
FAULT("MUX-20", mux_reversed, "a chain goes down the other way round", .mode = 1,
      .maybe = "TXC-23,LSO1-29,GEN-15,GEN-16,GEN-17", PASS_CHANGED);

/* ---- Up ------------------------------------------------------------------------------------- */

/* Mode 0: the result of a large send of version 1 is lost; 1: a frame is given back a byte short.
 */
static VOID NTAPI CompleteChanged(NDIS_HANDLE MiniportAdapterHandle, PNET_BUFFER_LIST first,
                                  ULONG SendCompleteFlags)
{
    for (NET_BUFFER_LIST *nbl = first; nbl; nbl = nbl->Next) {
        NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO q = {
            .Value = nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo]};

        if (fault->mode == 0 && q.Transmit.Type == NDIS_TCP_LARGE_SEND_OFFLOAD_V1_TYPE)
            nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] = NULL;
        if (fault->mode == 1 && nbl->FirstNetBuffer->Next)
            nbl->FirstNetBuffer->DataLength--;
    }
    NdisMSendNetBufferListsComplete(MiniportAdapterHandle, first, SendCompleteFlags);
}

#define COMPLETE_CHANGED .imports = {{"NdisMSendNetBufferListsComplete", (void *)CompleteChanged}}

FAULT("MUX-18", mux_result_lost, "the member's TcpPayload does not come up", .mode = 0,
      .maybe = "LSO1,LSO2-20", COMPLETE_CHANGED);
FAULT("MUX-21", mux_given_back_short, "a NET_BUFFER is given back a byte short", .mode = 1,
      .maybe = "GEN-14", COMPLETE_CHANGED);

/* As the member has it. */
static void result_anyway(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    const struct fields *f = frame_fields(frame, len);
    void **slot = &nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo];

    if (f && f->proto == 17 && f->version == 4 && !team_offers(false))
        *slot = (void *)((uintptr_t)*slot | SLOT_UDP_OK);
}
FAULT("MUX-19", mux_result_not_offered, "results go up that the team does not offer",
      .indicate = result_anyway, .maybe = "RXC,PAR,ENC,KEY,CFG,CAP,SEC");
