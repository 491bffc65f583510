/* SPDX-License-Identifier: MIT */
/*
 * The protocol driver above vionet in fuzz_vionet_ring.c: sends of any shape, each byte in an
 * allocation of its exact size, received frames read to the last byte and kept or returned.
 */
#pragma once

#include "ndis/runtime.h"
#include "vionet_card.h"

#include <stdatomic.h>

enum { PROTOCOL_MDLS = 60, PROTOCOL_TAG = 0x7a7a7566 };

struct protocol {
    NDIS_HANDLE handle, binding, nbl_pool, nb_pool;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    _Atomic(bool) running, hold;
    bool done;
    NDIS_STATUS status;
    NET_BUFFER_LIST *held;
    _Atomic(uint64_t) sent, completed, received, sum;
};

static struct protocol protocol = {.lock = PTHREAD_MUTEX_INITIALIZER,
                                   .changed = PTHREAD_COND_INITIALIZER};

/* ---- Waiting for what may be pending --------------------------------------------------------- */

static void protocol_done(NDIS_STATUS status)
{
    pthread_mutex_lock(&protocol.lock);
    protocol.status = status;
    protocol.done = true;
    pthread_cond_broadcast(&protocol.changed);
    pthread_mutex_unlock(&protocol.lock);
}

static NDIS_STATUS protocol_wait(NDIS_STATUS status)
{
    if (status != NDIS_STATUS_PENDING)
        return status;
    pthread_mutex_lock(&protocol.lock);
    while (!protocol.done)
        pthread_cond_wait(&protocol.changed, &protocol.lock);
    pthread_mutex_unlock(&protocol.lock);
    return protocol.status;
}

static NDIS_STATUS protocol_request(NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buffer, ULONG bytes)
{
    NDIS_OID_REQUEST r;

    memset(&r, 0, sizeof r);
    r.Header.Type = NDIS_OBJECT_TYPE_OID_REQUEST;
    r.Header.Revision = NDIS_OID_REQUEST_REVISION_1;
    r.Header.Size = NDIS_SIZEOF_OID_REQUEST_REVISION_1;
    r.RequestType = type;
    r.DATA.QUERY_INFORMATION.Oid = oid;
    r.DATA.QUERY_INFORMATION.InformationBuffer = buffer;
    r.DATA.QUERY_INFORMATION.InformationBufferLength = bytes;
    protocol.done = false;
    return protocol_wait(NdisOidRequest(protocol.binding, &r));
}

static NDIS_STATUS protocol_encapsulation(bool on)
{
    NDIS_OFFLOAD_ENCAPSULATION e;

    memset(&e, 0, sizeof e);
    e.Header.Type = NDIS_OBJECT_TYPE_OFFLOAD_ENCAPSULATION;
    e.Header.Revision = NDIS_OFFLOAD_ENCAPSULATION_REVISION_1;
    e.Header.Size = NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1;
    e.IPv4.Enabled = e.IPv6.Enabled = on ? NDIS_OFFLOAD_SET_ON : NDIS_OFFLOAD_SET_OFF;
    e.IPv4.EncapsulationType = e.IPv6.EncapsulationType = on ? NDIS_ENCAPSULATION_IEEE_802_3 : 0;
    e.IPv4.HeaderSize = e.IPv6.HeaderSize = on ? 14 : 0;
    return protocol_request(NdisRequestSetInformation, OID_OFFLOAD_ENCAPSULATION, &e,
                            NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1);
}

/* ---- Binding --------------------------------------------------------------------------------- */

static NDIS_STATUS NTAPI Bind(NDIS_HANDLE ProtocolDriverContext, NDIS_HANDLE BindContext,
                              PNDIS_BIND_PARAMETERS BindParameters)
{
    static NDIS_MEDIUM media[] = {NdisMedium802_3};
    ULONG filter = NDIS_PACKET_TYPE_PROMISCUOUS;
    NDIS_OPEN_PARAMETERS o;
    NDIS_STATUS status;
    UINT medium;

    memset(&o, 0, sizeof o);
    o.Header.Type = NDIS_OBJECT_TYPE_OPEN_PARAMETERS;
    o.Header.Revision = NDIS_OPEN_PARAMETERS_REVISION_1;
    o.Header.Size = NDIS_SIZEOF_OPEN_PARAMETERS_REVISION_1;
    o.AdapterName = BindParameters->AdapterName;
    o.MediumArray = media;
    o.MediumArraySize = 1;
    o.SelectedMediumIndex = &medium;
    protocol.done = false;
    status = protocol_wait(NdisOpenAdapterEx(protocol.handle, ProtocolDriverContext, &o,
                                             BindContext, &protocol.binding));
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    protocol_encapsulation(true);
    protocol_request(NdisRequestSetInformation, OID_GEN_CURRENT_PACKET_FILTER, &filter,
                     sizeof filter);
    return status;
}

static NDIS_STATUS NTAPI Unbind(NDIS_HANDLE UnbindContext, NDIS_HANDLE ProtocolBindingContext)
{
    (void)UnbindContext, (void)ProtocolBindingContext;
    protocol.done = false;
    protocol_wait(NdisCloseAdapterEx(protocol.binding));
    protocol.binding = NULL;
    return NDIS_STATUS_SUCCESS;
}

static VOID NTAPI OpenComplete(NDIS_HANDLE ProtocolBindingContext, NDIS_STATUS Status)
{
    (void)ProtocolBindingContext;
    protocol_done(Status);
}

static VOID NTAPI CloseComplete(NDIS_HANDLE ProtocolBindingContext)
{
    (void)ProtocolBindingContext;
    protocol_done(NDIS_STATUS_SUCCESS);
}

static VOID NTAPI OidComplete(NDIS_HANDLE ProtocolBindingContext, PNDIS_OID_REQUEST OidRequest,
                              NDIS_STATUS Status)
{
    (void)ProtocolBindingContext, (void)OidRequest;
    protocol_done(Status);
}

static VOID NTAPI Status(NDIS_HANDLE ProtocolBindingContext,
                         PNDIS_STATUS_INDICATION StatusIndication)
{
    const uint8_t *p = StatusIndication->StatusBuffer;

    (void)ProtocolBindingContext;
    for (ULONG i = 0; i < StatusIndication->StatusBufferSize; i++)
        protocol.sum += p[i];
}

/* ---- Receive --------------------------------------------------------------------------------- */

static void read_frame(const NET_BUFFER *nb)
{
    ULONG left = nb->DataLength, offset = nb->CurrentMdlOffset;
    uint64_t sum = 0;

    MUST(left >= 14 && left <= 9000 + 18);
    for (MDL *mdl = nb->CurrentMdl; mdl && left; mdl = mdl->Next) {
        ULONG bytes = MmGetMdlByteCount(mdl), n;
        const uint8_t *p = MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority);

        MUST(offset <= bytes);
        n = MIN_OF(bytes - offset, left);
        for (ULONG i = 0; i < n; i++)
            sum += p[offset + i];
        left -= n;
        offset = 0;
    }
    MUST(left == 0);
    protocol.sum += sum;
}

static void protocol_return_held(void)
{
    NET_BUFFER_LIST *first;

    pthread_mutex_lock(&protocol.lock);
    first = protocol.held;
    protocol.held = NULL;
    pthread_mutex_unlock(&protocol.lock);
    if (first)
        NdisReturnNetBufferLists(protocol.binding, first, 0);
}

static VOID NTAPI Receive(NDIS_HANDLE ProtocolBindingContext, PNET_BUFFER_LIST NetBufferLists,
                          NDIS_PORT_NUMBER PortNumber, ULONG NumberOfNetBufferLists,
                          ULONG ReceiveFlags)
{
    NET_BUFFER_LIST *last = NULL;
    ULONG n = 0;

    (void)ProtocolBindingContext, (void)PortNumber;
    for (NET_BUFFER_LIST *nbl = NetBufferLists; nbl; nbl = nbl->Next, n++) {
        read_frame(nbl->FirstNetBuffer);
        last = nbl;
    }
    MUST(n == NumberOfNetBufferLists);
    protocol.received += n;
    if (ReceiveFlags & NDIS_RECEIVE_FLAGS_RESOURCES)
        return;
    if (!protocol.hold) {
        NdisReturnNetBufferLists(protocol.binding, NetBufferLists,
                                 ReceiveFlags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL
                                     ? NDIS_RETURN_FLAGS_DISPATCH_LEVEL
                                     : 0);
        return;
    }
    pthread_mutex_lock(&protocol.lock);
    last->Next = protocol.held;
    protocol.held = NetBufferLists;
    pthread_mutex_unlock(&protocol.lock);
}

static NDIS_STATUS NTAPI NetPnPEvent(NDIS_HANDLE ProtocolBindingContext,
                                     PNET_PNP_EVENT_NOTIFICATION NetPnPEventNotification)
{
    (void)ProtocolBindingContext;
    if (NetPnPEventNotification->NetPnPEvent.NetEvent == NetEventRestart)
        protocol.running = true;
    if (NetPnPEventNotification->NetPnPEvent.NetEvent == NetEventPause) {
        protocol.running = protocol.hold = false;
        protocol_return_held();
    }
    return NDIS_STATUS_SUCCESS;
}

/* ---- Send ------------------------------------------------------------------------------------ */

static void free_mdls(MDL *mdl)
{
    while (mdl) {
        MDL *next = mdl->Next;

        free(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority));
        NdisFreeMdl(mdl);
        mdl = next;
    }
}

static void free_nbl(NET_BUFFER_LIST *nbl)
{
    NET_BUFFER *nb;

    while ((nb = nbl->FirstNetBuffer->Next) != NULL) {
        nbl->FirstNetBuffer->Next = nb->Next;
        free_mdls(nb->MdlChain);
        NdisFreeNetBuffer(nb);
    }
    free_mdls(nbl->FirstNetBuffer->MdlChain);
    NdisFreeNetBufferList(nbl);
}

static VOID NTAPI SendComplete(NDIS_HANDLE ProtocolBindingContext, PNET_BUFFER_LIST NetBufferList,
                               ULONG SendCompleteFlags)
{
    (void)ProtocolBindingContext, (void)SendCompleteFlags;
    while (NetBufferList) {
        NET_BUFFER_LIST *next = NetBufferList->Next;

        free_nbl(NetBufferList);
        protocol.completed++;
        NetBufferList = next;
    }
}

/* The frame in MDLs of `piece` bytes (0: one MDL), each ending where its memory ends; the first has
 * `front` bytes before the data. */
static MDL *make_mdls(const uint8_t *frame, uint32_t bytes, uint32_t piece, uint32_t front)
{
    MDL *first = NULL, **tail = &first;
    uint32_t at = 0;

    for (unsigned i = 0; at < bytes || !first; i++) {
        uint32_t n = piece && i + 1 < PROTOCOL_MDLS ? MIN_OF(piece, bytes - at) : bytes - at;
        uint32_t before = i == 0 ? front : 0;
        uint8_t *p = malloc(before + n + (before + n == 0));

        memset(p, 0, before);
        memcpy(p + before, frame + at, n);
        *tail = NdisAllocateMdl(protocol.handle, p, before + n);
        MUST(*tail);
        tail = &(*tail)->Next;
        at += n;
    }
    return first;
}

static NET_BUFFER_LIST *make_nbl(const uint8_t *frame, uint32_t bytes, uint32_t piece,
                                 uint32_t front)
{
    NET_BUFFER_LIST *nbl = NdisAllocateNetBufferAndNetBufferList(
        protocol.nbl_pool, 0, 0, make_mdls(frame, bytes, piece, front), front, bytes);

    MUST(nbl);
    nbl->SourceHandle = protocol.binding;
    return nbl;
}

static void add_nb(NET_BUFFER_LIST *nbl, const uint8_t *frame, uint32_t bytes, uint32_t piece)
{
    NET_BUFFER *nb =
        NdisAllocateNetBuffer(protocol.nb_pool, make_mdls(frame, bytes, piece, 0), 0, bytes);

    MUST(nb);
    nb->Next = nbl->FirstNetBuffer->Next;
    nbl->FirstNetBuffer->Next = nb;
}

/* ---- Registration ---------------------------------------------------------------------------- */

static void protocol_register(void)
{
    static WCHAR name[] = {'F', 'U', 'Z', 'Z'};
    NDIS_PROTOCOL_DRIVER_CHARACTERISTICS c;
    NET_BUFFER_LIST_POOL_PARAMETERS pool;
    NET_BUFFER_POOL_PARAMETERS nb_pool;

    memset(&c, 0, sizeof c);
    c.Header.Type = NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS;
    c.Header.Revision = NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_1;
    c.Header.Size = NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_1;
    c.MajorNdisVersion = 6;
    c.Name = (NDIS_STRING){sizeof name, sizeof name, name};
    c.BindAdapterHandlerEx = Bind;
    c.UnbindAdapterHandlerEx = Unbind;
    c.OpenAdapterCompleteHandlerEx = OpenComplete;
    c.CloseAdapterCompleteHandlerEx = CloseComplete;
    c.NetPnPEventHandler = NetPnPEvent;
    c.OidRequestCompleteHandler = OidComplete;
    c.StatusHandlerEx = Status;
    c.ReceiveNetBufferListsHandler = Receive;
    c.SendNetBufferListsCompleteHandler = SendComplete;
    MUST(NdisRegisterProtocolDriver(&protocol, &c, &protocol.handle) == NDIS_STATUS_SUCCESS);
    memset(&pool, 0, sizeof pool);
    pool.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    pool.Header.Revision = NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1;
    pool.Header.Size = NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1;
    pool.fAllocateNetBuffer = TRUE;
    pool.PoolTag = PROTOCOL_TAG;
    protocol.nbl_pool = NdisAllocateNetBufferListPool(protocol.handle, &pool);
    memset(&nb_pool, 0, sizeof nb_pool);
    nb_pool.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    nb_pool.Header.Revision = NET_BUFFER_POOL_PARAMETERS_REVISION_1;
    nb_pool.Header.Size = NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_1;
    nb_pool.PoolTag = PROTOCOL_TAG;
    protocol.nb_pool = NdisAllocateNetBufferPool(protocol.handle, &nb_pool);
    MUST(protocol.nbl_pool && protocol.nb_pool);
}
