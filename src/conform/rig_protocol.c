/* SPDX-License-Identifier: MIT */
/* The test protocol: binds, issues requests, records what it is told and shown. */
#include "conform/rig_int.h"
#include "conform/trace.h"

enum { PAUSE_SECONDS = 1 };

/* Waits for a completion handler to say that what was begun with done = false has ended. */
static NDIS_STATUS wait_done(struct rig_protocol *p)
{
    struct rig *r = p->rig;

    pthread_mutex_lock(&r->mutex);
    while (!p->done)
        pthread_cond_wait(&r->changed, &r->mutex);
    pthread_mutex_unlock(&r->mutex);
    return p->done_status;
}

static void signal_done(struct rig_protocol *p, NDIS_STATUS status)
{
    pthread_mutex_lock(&p->rig->mutex);
    p->done_status = status;
    p->done = true;
    pthread_cond_broadcast(&p->rig->changed);
    pthread_mutex_unlock(&p->rig->mutex);
}

/* ---- Requests ------------------------------------------------------------------------------- */

NDIS_OID_REQUEST rig_request(NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buffer, ULONG bytes)
{
    NDIS_OID_REQUEST q;

    memset(&q, 0, sizeof q);
    q.Header.Type = NDIS_OBJECT_TYPE_OID_REQUEST;
    q.Header.Revision = NDIS_OID_REQUEST_REVISION_1;
    q.Header.Size = NDIS_SIZEOF_OID_REQUEST_REVISION_1;
    q.RequestType = type;
    q.DATA.QUERY_INFORMATION.Oid = oid;
    q.DATA.QUERY_INFORMATION.InformationBuffer = buffer;
    q.DATA.QUERY_INFORMATION.InformationBufferLength = bytes;
    return q;
}

NDIS_STATUS protocol_issue(struct rig_protocol *p, NDIS_OID_REQUEST *q)
{
    NDIS_STATUS status;

    p->done = false;
    status = NdisOidRequest(p->binding, q);
    return status == NDIS_STATUS_PENDING ? wait_done(p) : status;
}

NDIS_STATUS protocol_set(struct rig_protocol *p, NDIS_OID oid, void *buffer, ULONG bytes)
{
    NDIS_OID_REQUEST q = rig_request(NdisRequestSetInformation, oid, buffer, bytes);

    return protocol_issue(p, &q);
}

NDIS_STATUS protocol_query(struct rig_protocol *p, NDIS_OID oid, void *buffer, ULONG bytes,
                           ULONG *written)
{
    NDIS_OID_REQUEST q = rig_request(NdisRequestQueryInformation, oid, buffer, bytes);
    NDIS_STATUS status = protocol_issue(p, &q);

    if (written)
        *written = status == NDIS_STATUS_SUCCESS ? q.DATA.QUERY_INFORMATION.BytesWritten
                                                 : q.DATA.QUERY_INFORMATION.BytesNeeded;
    return status;
}

NDIS_STATUS rig_set_filter(struct rig *r, ULONG filter)
{
    return rig_set(r, OID_GEN_CURRENT_PACKET_FILTER, &filter, sizeof filter);
}

NDIS_OFFLOAD_ENCAPSULATION rig_encapsulation(ULONG set4, ULONG set6)
{
    NDIS_OFFLOAD_ENCAPSULATION e;

    memset(&e, 0, sizeof e);
    e.Header.Type = NDIS_OBJECT_TYPE_OFFLOAD_ENCAPSULATION;
    e.Header.Revision = NDIS_OFFLOAD_ENCAPSULATION_REVISION_1;
    e.Header.Size = NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1;
    e.IPv4.Enabled = set4;
    e.IPv6.Enabled = set6;
    if (set4 == NDIS_OFFLOAD_SET_ON) {
        e.IPv4.EncapsulationType = NDIS_ENCAPSULATION_IEEE_802_3;
        e.IPv4.HeaderSize = 14;
    }
    if (set6 == NDIS_OFFLOAD_SET_ON) {
        e.IPv6.EncapsulationType = NDIS_ENCAPSULATION_IEEE_802_3;
        e.IPv6.HeaderSize = 14;
    }
    return e;
}

NDIS_STATUS rig_activate(struct rig *r, ULONG set4, ULONG set6)
{
    NDIS_OFFLOAD_ENCAPSULATION e = rig_encapsulation(set4, set6);

    return rig_set(r, OID_OFFLOAD_ENCAPSULATION, &e, NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1);
}

NDIS_OFFLOAD_PARAMETERS rig_parameters(void)
{
    NDIS_OFFLOAD_PARAMETERS o;

    memset(&o, 0, sizeof o);
    o.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    o.Header.Revision = NDIS_OFFLOAD_PARAMETERS_REVISION_1;
    o.Header.Size = NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1;
    return o;
}

NDIS_STATUS rig_parameter(struct rig *r, size_t field, UCHAR value)
{
    NDIS_OFFLOAD_PARAMETERS o = rig_parameters();

    ((UCHAR *)&o)[field] = value;
    return rig_set(r, OID_TCP_OFFLOAD_PARAMETERS, &o, NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1);
}

/* ---- Handlers ------------------------------------------------------------------------------- */

static NDIS_STATUS NTAPI RigBind(NDIS_HANDLE ProtocolDriverContext, NDIS_HANDLE BindContext,
                                 PNDIS_BIND_PARAMETERS BindParameters)
{
    static NDIS_MEDIUM media[] = {NdisMedium802_3};
    struct rig_protocol *p = ProtocolDriverContext;
    const struct rig_config *config = &p->rig->config;
    NDIS_OPEN_PARAMETERS o;
    NDIS_STATUS status;
    UINT medium;

    trace_protocol(p, (struct trace_entry){.call = TRACE_BIND});
    p->bind = *BindParameters;
    p->bind_has_offload = BindParameters->DefaultOffloadConfiguration != NULL;
    if (p->bind_has_offload)
        memcpy(&p->bind_offload, BindParameters->DefaultOffloadConfiguration,
               NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
    memset(&o, 0, sizeof o);
    o.Header.Type = NDIS_OBJECT_TYPE_OPEN_PARAMETERS;
    o.Header.Revision = NDIS_OPEN_PARAMETERS_REVISION_1;
    o.Header.Size = NDIS_SIZEOF_OPEN_PARAMETERS_REVISION_1;
    o.AdapterName = BindParameters->AdapterName;
    o.MediumArray = media;
    o.MediumArraySize = 1;
    o.SelectedMediumIndex = &medium;
    p->done = false;
    status = NdisOpenAdapterEx(p->protocol, p, &o, BindContext, &p->binding);
    if (status == NDIS_STATUS_PENDING)
        status = wait_done(p);
    if (status != NDIS_STATUS_SUCCESS || p->quiet)
        return status;
    if (!config->no_activate)
        rig_activate(p->rig, NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON);
    if (!config->no_filter)
        rig_set_filter(p->rig, NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_BROADCAST |
                                   NDIS_PACKET_TYPE_ALL_MULTICAST);
    return status;
}

static NDIS_STATUS NTAPI RigUnbind(NDIS_HANDLE UnbindContext, NDIS_HANDLE ProtocolBindingContext)
{
    struct rig_protocol *p = ProtocolBindingContext;

    (void)UnbindContext;
    trace_protocol(p, (struct trace_entry){.call = TRACE_UNBIND});
    p->done = false;
    if (NdisCloseAdapterEx(p->binding) == NDIS_STATUS_PENDING)
        wait_done(p);
    p->binding = NULL;
    return NDIS_STATUS_SUCCESS;
}

static VOID NTAPI RigOpenComplete(NDIS_HANDLE ProtocolBindingContext, NDIS_STATUS Status)
{
    signal_done(ProtocolBindingContext, Status);
}

static VOID NTAPI RigCloseComplete(NDIS_HANDLE ProtocolBindingContext)
{
    signal_done(ProtocolBindingContext, NDIS_STATUS_SUCCESS);
}

static VOID NTAPI RigOidComplete(NDIS_HANDLE ProtocolBindingContext, PNDIS_OID_REQUEST OidRequest,
                                 NDIS_STATUS Status)
{
    trace_protocol(ProtocolBindingContext,
                   (struct trace_entry){.call = TRACE_OID_COMPLETE,
                                        .oid = OidRequest->DATA.QUERY_INFORMATION.Oid,
                                        .status = Status});
    signal_done(ProtocolBindingContext, Status);
}

/* "Pausing a Binding": the event is complete when all sends are back. Not for ever: a driver that
 * keeps some has findings of its own. */
static void await_sends(struct rig_protocol *p)
{
    double until = rig_now() + PAUSE_SECONDS * p->rig->suite->time_factor;

    while (p->sends_out > 0 && rig_now() < until)
        usleep(200);
}

static NDIS_STATUS NTAPI RigNetPnPEvent(NDIS_HANDLE ProtocolBindingContext,
                                        PNET_PNP_EVENT_NOTIFICATION NetPnPEventNotification)
{
    struct rig_protocol *p = ProtocolBindingContext;
    NET_PNP_EVENT_CODE event = NetPnPEventNotification->NetPnPEvent.NetEvent;

    trace_protocol(p, (struct trace_entry){.call = TRACE_NET_PNP_EVENT, .flags = (ULONG)event});
    if (event == NetEventRestart || event == NetEventPause)
        atomic_store(&p->running, event == NetEventRestart);
    if (event == NetEventPause && p == &p->rig->main && p->rig->config.on_pause)
        p->rig->config.on_pause(p->rig);
    if (event == NetEventPause)
        await_sends(p);
    return NDIS_STATUS_SUCCESS;
}

static VOID NTAPI RigStatus(NDIS_HANDLE ProtocolBindingContext,
                            PNDIS_STATUS_INDICATION StatusIndication)
{
    struct rig_protocol *p = ProtocolBindingContext;
    struct rig_status *s;

    trace_protocol(
        p, (struct trace_entry){.call = TRACE_STATUS, .status = StatusIndication->StatusCode});
    pthread_mutex_lock(&p->rig->mutex);
    s = &p->status[p->status_count % RIG_RECORDS];
    s->code = StatusIndication->StatusCode;
    s->bytes = StatusIndication->StatusBufferSize;
    s->indication = *StatusIndication;
    if (s->bytes && StatusIndication->StatusBuffer)
        memcpy(s->buffer, StatusIndication->StatusBuffer,
               MIN_OF(s->bytes, (ULONG)sizeof s->buffer));
    p->status_count++;
    pthread_cond_broadcast(&p->rig->changed);
    pthread_mutex_unlock(&p->rig->mutex);
}

void protocol_copy_data(const NET_BUFFER *nb, uint8_t *dst)
{
    ULONG left = nb->DataLength, offset = nb->CurrentMdlOffset;

    for (MDL *mdl = nb->CurrentMdl; mdl && left; mdl = mdl->Next) {
        ULONG n = MIN_OF(MmGetMdlByteCount(mdl) - offset, left);

        memcpy(dst, (uint8_t *)MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority) + offset, n);
        dst += n;
        left -= n;
        offset = 0;
    }
}

static void record_received(struct rig_protocol *p, NET_BUFFER_LIST *nbl, ULONG flags)
{
    struct rig_received *d = &p->received[p->received_count % RIG_RECORDS];
    NET_BUFFER *nb = nbl->FirstNetBuffer;

    free(d->data);
    d->len = nb->DataLength;
    d->data = calloc(1, (size_t)nb->DataLength + 1);
    invariant(d->data);
    protocol_copy_data(nb, d->data);
    d->flags = flags;
    d->net_buffers = 0;
    for (; nb; nb = nb->Next)
        d->net_buffers++;
    for (unsigned i = 0; i < MaxNetBufferListInfo; i++)
        d->oob[i] = (uintptr_t)nbl->NetBufferListInfo[i];
    p->received_count++;
}

static VOID NTAPI RigReceive(NDIS_HANDLE ProtocolBindingContext, PNET_BUFFER_LIST NetBufferLists,
                             NDIS_PORT_NUMBER PortNumber, ULONG NumberOfNetBufferLists,
                             ULONG ReceiveFlags)
{
    struct rig_protocol *p = ProtocolBindingContext;
    bool ours = !(ReceiveFlags & NDIS_RECEIVE_FLAGS_RESOURCES), hold;
    NET_BUFFER_LIST *last = NULL;

    (void)PortNumber;
    trace_protocol(p, (struct trace_entry){
                          .call = TRACE_RECEIVE, .flags = ReceiveFlags, .first = NetBufferLists});
    pthread_mutex_lock(&p->rig->mutex);
    for (NET_BUFFER_LIST *nbl = NetBufferLists; nbl; nbl = nbl->Next) {
        record_received(p, nbl, ReceiveFlags);
        last = nbl;
    }
    hold = p->hold_receives && ours;
    if (hold) {
        *p->held_tail = NetBufferLists;
        p->held_tail = &last->Next;
        p->held_count += NumberOfNetBufferLists;
    }
    pthread_cond_broadcast(&p->rig->changed);
    pthread_mutex_unlock(&p->rig->mutex);
    if (!hold && ours)
        NdisReturnNetBufferLists(p->binding, NetBufferLists,
                                 ReceiveFlags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL
                                     ? NDIS_RETURN_FLAGS_DISPATCH_LEVEL
                                     : 0);
}

void rig_return_held(struct rig *r)
{
    struct rig_protocol *p = &r->main;
    NET_BUFFER_LIST *first;

    pthread_mutex_lock(&r->mutex);
    first = p->held;
    p->held = NULL;
    p->held_tail = &p->held;
    p->held_count = 0;
    pthread_mutex_unlock(&r->mutex);
    if (first)
        NdisReturnNetBufferLists(p->binding, first, 0);
}

/* They are the protocol's again: what the card still reads of them is wrong. */
static void overwrite(const NET_BUFFER_LIST *nbl)
{
    const NET_BUFFER *nb = nbl->FirstNetBuffer;

    memset(nbl->ProtocolReserved[0], 0xcc, nb->DataOffset + nb->DataLength);
}

/* NBLs are freed by rig_forget, after the check has looked at them. */
static VOID NTAPI RigSendComplete(NDIS_HANDLE ProtocolBindingContext,
                                  PNET_BUFFER_LIST NetBufferList, ULONG SendCompleteFlags)
{
    struct rig_protocol *p = ProtocolBindingContext;

    trace_protocol(p, (struct trace_entry){.call = TRACE_SEND_COMPLETE,
                                           .flags = SendCompleteFlags,
                                           .first = NetBufferList,
                                           .source = NetBufferList->SourceHandle});
    pthread_mutex_lock(&p->rig->mutex);
    for (NET_BUFFER_LIST *nbl = NetBufferList; nbl; nbl = nbl->Next) {
        p->completed[p->completed_count % RIG_RECORDS] = (struct rig_completed){
            nbl, nbl->Status, (uintptr_t)nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo],
            (uintptr_t)nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo]};
        if (p->rig->overwrite)
            overwrite(nbl);
        p->completed_count++;
        p->sends_out--;
    }
    pthread_cond_broadcast(&p->rig->changed);
    pthread_mutex_unlock(&p->rig->mutex);
}

void protocol_register(struct rig *r, struct rig_protocol *p, const char *name, bool quiet)
{
    NDIS_PROTOCOL_DRIVER_CHARACTERISTICS c;
    WCHAR wide[16];
    size_t units = 0;

    for (; name[units]; units++)
        wide[units] = (WCHAR)name[units];
    p->rig = r;
    p->name = name;
    p->quiet = quiet;
    p->held_tail = &p->held;
    memset(&c, 0, sizeof c);
    c.Header.Type = NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS;
    c.Header.Revision = NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_1;
    c.Header.Size = NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_1;
    c.MajorNdisVersion = 6;
    c.Name = (NDIS_STRING){(USHORT)(units * 2), (USHORT)(units * 2), wide};
    c.BindAdapterHandlerEx = RigBind;
    c.UnbindAdapterHandlerEx = RigUnbind;
    c.OpenAdapterCompleteHandlerEx = RigOpenComplete;
    c.CloseAdapterCompleteHandlerEx = RigCloseComplete;
    c.NetPnPEventHandler = RigNetPnPEvent;
    c.OidRequestCompleteHandler = RigOidComplete;
    c.StatusHandlerEx = RigStatus;
    c.ReceiveNetBufferListsHandler = RigReceive;
    c.SendNetBufferListsCompleteHandler = RigSendComplete;
    if (NdisRegisterProtocolDriver(p, &c, &p->protocol) != NDIS_STATUS_SUCCESS)
        cannot(r, "the test protocol could not be registered");
}

void protocol_forget_received(struct rig_protocol *p)
{
    for (unsigned i = 0; i < RIG_RECORDS; i++) {
        free(p->received[i].data);
        p->received[i].data = NULL;
    }
    p->received_count = 0;
}

void protocol_deregister(struct rig_protocol *p)
{
    if (!p->protocol)
        return;
    protocol_forget_received(p);
    NdisDeregisterProtocolDriver(p->protocol);
    p->protocol = NULL;
}
