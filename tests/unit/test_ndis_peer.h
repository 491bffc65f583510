/* SPDX-License-Identifier: MIT */
/* Protocols above the rig's adapter: they keep what they are told at bind and by indications, and
 * issue requests. Also the rig's requests and indications in short. */
#pragma once

#include "test_ndis_rig.h"

enum { PEERS = 2, PEER_STATUSES = 64 };

struct peer {
    const char *name;
    NDIS_HANDLE handle, binding;
    bool has_offload, has_connection; /* in the bind parameters */
    NDIS_OFFLOAD bind_offload;
    NDIS_TCP_CONNECTION_OFFLOAD bind_connection;
    NDIS_STATUS codes[PEER_STATUSES];
    ULONG first_word[PEER_STATUSES]; /* of LsoV2.IPv4 or Encapsulation: tells indications apart */
    unsigned count;
    NDIS_OID_REQUEST request;
    _Atomic(int) completed;
    NDIS_STATUS request_status;
};

static struct peer peers[PEERS];

static NDIS_STATUS NTAPI peer_bind(NDIS_HANDLE context, NDIS_HANDLE bind_context,
                                   PNDIS_BIND_PARAMETERS params)
{
    static NDIS_MEDIUM media[] = {NdisMedium802_3};
    struct peer *p = context;
    UINT selected = 0;
    NDIS_OPEN_PARAMETERS o = {
        .Header = {NDIS_OBJECT_TYPE_OPEN_PARAMETERS, NDIS_OPEN_PARAMETERS_REVISION_1,
                   NDIS_SIZEOF_OPEN_PARAMETERS_REVISION_1},
        .AdapterName = params->AdapterName,
        .MediumArray = media,
        .MediumArraySize = 1,
        .SelectedMediumIndex = &selected,
    };

    p->has_offload = params->DefaultOffloadConfiguration != NULL;
    if (p->has_offload)
        p->bind_offload = *params->DefaultOffloadConfiguration;
    p->has_connection = params->TcpConnectionOffloadCapabilities != NULL;
    if (p->has_connection)
        p->bind_connection = *params->TcpConnectionOffloadCapabilities;
    return NdisOpenAdapterEx(p->handle, p, &o, bind_context, &p->binding);
}

static NDIS_STATUS NTAPI peer_unbind(NDIS_HANDLE unbind_context, NDIS_HANDLE context)
{
    (void)unbind_context;
    return NdisCloseAdapterEx(((struct peer *)context)->binding);
}

static VOID NTAPI peer_open_done(NDIS_HANDLE context, NDIS_STATUS status)
{
    (void)context, (void)status;
}

static VOID NTAPI peer_close_done(NDIS_HANDLE context)
{
    (void)context;
}

static NDIS_STATUS NTAPI peer_event(NDIS_HANDLE context, PNET_PNP_EVENT_NOTIFICATION e)
{
    (void)context, (void)e;
    return NDIS_STATUS_SUCCESS;
}

static VOID NTAPI peer_oid_done(NDIS_HANDLE context, PNDIS_OID_REQUEST r, NDIS_STATUS status)
{
    struct peer *p = context;

    (void)r;
    p->request_status = status;
    atomic_fetch_add(&p->completed, 1);
}

static VOID NTAPI peer_status(NDIS_HANDLE context, PNDIS_STATUS_INDICATION s)
{
    struct peer *p = context;
    const NDIS_OFFLOAD *o = s->StatusBuffer;

    if (p->count == PEER_STATUSES)
        return;
    if (s->StatusCode == NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG)
        p->first_word[p->count] = o->LsoV2.IPv4.MaxOffLoadSize;
    p->codes[p->count++] = s->StatusCode;
}

static VOID NTAPI peer_receive(NDIS_HANDLE context, PNET_BUFFER_LIST nbl, NDIS_PORT_NUMBER port,
                               ULONG count, ULONG flags)
{
    (void)context, (void)nbl, (void)port, (void)count, (void)flags;
}

static VOID NTAPI peer_sent(NDIS_HANDLE context, PNET_BUFFER_LIST nbl, ULONG flags)
{
    (void)context, (void)nbl, (void)flags;
}

static inline void peers_up(void)
{
    static WCHAR names[PEERS][4] = {L"one", L"two"};
    static const char *const ascii[PEERS] = {"one", "two"};

    memset(peers, 0, sizeof(peers));
    for (unsigned i = 0; i < PEERS; i++) {
        NDIS_PROTOCOL_DRIVER_CHARACTERISTICS c = {
            .Header = {NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
                       NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
                       NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2},
            .MajorNdisVersion = 6,
            .MinorNdisVersion = 30,
            .Name = {6, 6, names[i]},
            .BindAdapterHandlerEx = peer_bind,
            .UnbindAdapterHandlerEx = peer_unbind,
            .OpenAdapterCompleteHandlerEx = peer_open_done,
            .CloseAdapterCompleteHandlerEx = peer_close_done,
            .NetPnPEventHandler = peer_event,
            .OidRequestCompleteHandler = peer_oid_done,
            .StatusHandlerEx = peer_status,
            .ReceiveNetBufferListsHandler = peer_receive,
            .SendNetBufferListsCompleteHandler = peer_sent,
        };

        peers[i].name = ascii[i];
        assert_int_equal(NdisRegisterProtocolDriver(&peers[i], &c, &peers[i].handle),
                         NDIS_STATUS_SUCCESS);
    }
}

static inline void peer_connect(unsigned i)
{
    struct why why = {""};

    assert_int_equal(ndis_adapter_connect(rig.adapter, peers[i].name, &why), 0);
}

static inline void peers_down(void)
{
    for (unsigned i = 0; i < PEERS; i++)
        NdisDeregisterProtocolDriver(peers[i].handle);
}

static inline NDIS_STATUS peer_ask(unsigned i, NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buffer,
                                   ULONG bytes)
{
    struct peer *p = &peers[i];
    int before = atomic_load(&p->completed);
    NDIS_STATUS status;

    memset(&p->request, 0, sizeof(p->request));
    p->request.Header =
        (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_OID_REQUEST, NDIS_OID_REQUEST_REVISION_1,
                             NDIS_SIZEOF_OID_REQUEST_REVISION_1};
    p->request.RequestType = type;
    p->request.RequestId = p;
    p->request.DATA.SET_INFORMATION.Oid = oid;
    p->request.DATA.SET_INFORMATION.InformationBuffer = buffer;
    p->request.DATA.SET_INFORMATION.InformationBufferLength = bytes;
    status = NdisOidRequest(p->binding, &p->request);
    if (status != NDIS_STATUS_PENDING)
        return status;
    for (int n = 0; n < 4000 && atomic_load(&p->completed) == before; n++)
        usleep(500);
    assert_int_equal(atomic_load(&p->completed), before + 1);
    return p->request_status;
}

static inline unsigned peer_heard(unsigned i, NDIS_STATUS code)
{
    unsigned n = 0;

    for (unsigned k = 0; k < peers[i].count; k++)
        n += peers[i].codes[k] == code;
    return n;
}

/* From outside any binding. */
static inline NDIS_STATUS query(NDIS_OID oid, void *buffer, ULONG *bytes)
{
    return ndis_adapter_request(rig.adapter, NdisRequestQueryInformation, oid, buffer, bytes);
}

static inline NDIS_STATUS set(NDIS_OID oid, void *buffer, ULONG bytes)
{
    return ndis_adapter_request(rig.adapter, NdisRequestSetInformation, oid, buffer, &bytes);
}

static inline void indicate(NDIS_STATUS code, void *buffer, ULONG bytes)
{
    NDIS_STATUS_INDICATION s = {
        .Header = {NDIS_OBJECT_TYPE_STATUS_INDICATION, 1, NDIS_SIZEOF_STATUS_INDICATION_REVISION_1},
        .SourceHandle = mp.handle,
        .StatusCode = code,
        .StatusBuffer = buffer,
        .StatusBufferSize = bytes,
    };

    NdisMIndicateStatusEx(mp.handle, &s);
}

static inline NDIS_OFFLOAD_ENCAPSULATION encapsulation(ULONG ipv4, ULONG ipv6, ULONG header)
{
    NDIS_OFFLOAD_ENCAPSULATION e;

    memset(&e, 0, sizeof(e));
    e.Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_OFFLOAD_ENCAPSULATION, 1,
                                    NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1};
    e.IPv4.Enabled = ipv4;
    e.IPv6.Enabled = ipv6;
    if (ipv4 == NDIS_OFFLOAD_SET_ON) {
        e.IPv4.EncapsulationType = NDIS_ENCAPSULATION_IEEE_802_3;
        e.IPv4.HeaderSize = header;
    }
    if (ipv6 == NDIS_OFFLOAD_SET_ON) {
        e.IPv6.EncapsulationType = NDIS_ENCAPSULATION_IEEE_802_3;
        e.IPv6.HeaderSize = header;
    }
    return e;
}

static inline NDIS_OFFLOAD_PARAMETERS parameters(void)
{
    NDIS_OFFLOAD_PARAMETERS p;

    memset(&p, 0, sizeof(p));
    p.Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_DEFAULT, 1,
                                    NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1};
    return p;
}

static inline const char *keyword(const char *name)
{
    static char text[16];

    memset(text, 0, sizeof(text));
    return reg_get(rig.key, name, NULL, text, sizeof(text) - 1) < 0 ? "absent" : text;
}
