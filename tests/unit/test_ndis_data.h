/* SPDX-License-Identifier: MIT */
/* A miniport and a protocol that do what a test says, for tests of ndis' data path and bindings: no
 * driver image, no device. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ndis/adapter.h"
#include "ndis/binding.h"
#include "nt/processor.h"

/* Findings, by rule. */
static char finding_rules[64][16];
static char finding_texts[64][400];
static _Atomic(unsigned) finding_total;

static void finding_note(void *arg, const struct finding *f)
{
    unsigned at = atomic_fetch_add(&finding_total, 1);

    (void)arg;
    if (at < 64) {
        memcpy(finding_rules[at], f->rule, sizeof(f->rule));
        memcpy(finding_texts[at], f->text, sizeof(f->text));
    }
}

static unsigned findings_of(const char *rule)
{
    unsigned n = 0;

    for (unsigned i = 0; i < MIN_OF(atomic_load(&finding_total), 64u); i++)
        n += strcmp(finding_rules[i], rule) == 0;
    return n;
}

static void findings_reset(void)
{
    atomic_store(&finding_total, 0);
    finding_set_sink(finding_note, NULL);
}

/* Nothing but `n` findings of that rule. */
static inline void assert_findings(const char *rule, unsigned n)
{
    if (findings_of(rule) != n || atomic_load(&finding_total) != n)
        for (unsigned i = 0; i < MIN_OF(atomic_load(&finding_total), 64u); i++)
            print_message("finding %s: %s\n", finding_rules[i], finding_texts[i]);
    assert_int_equal(findings_of(rule), n);
    assert_int_equal(atomic_load(&finding_total), n);
}

#define assert_no_findings() assert_findings("", 0)

/* The miniport: keeps what it is sent until told, records what comes back. */
static struct {
    struct ndis_driver driver;
    struct ndis_adapter adapter;
    NET_BUFFER_LIST *sent, **sent_tail;
    unsigned send_calls, sent_count, returned, return_calls, cancels;
    ULONG send_flags, return_flags;
    bool complete_at_once;
    ULONG filter;
} mp;

static const UCHAR mp_mac[6] = {0x02, 0, 0, 0, 0, 1};

static VOID NTAPI MpSend(NDIS_HANDLE context, PNET_BUFFER_LIST nbls, NDIS_PORT_NUMBER port,
                         ULONG flags)
{
    (void)context, (void)port;
    mp.send_calls++;
    mp.send_flags = flags;
    if (mp.complete_at_once) {
        for (NET_BUFFER_LIST *nbl = nbls; nbl; nbl = nbl->Next) {
            nbl->Status = NDIS_STATUS_SUCCESS;
            mp.sent_count++;
        }
        NdisMSendNetBufferListsComplete(&mp.adapter, nbls, 0);
        return;
    }
    *mp.sent_tail = nbls;
    while (*mp.sent_tail) {
        mp.sent_tail = &(*mp.sent_tail)->Next;
        mp.sent_count++;
    }
}

static VOID NTAPI MpReturn(NDIS_HANDLE context, PNET_BUFFER_LIST nbls, ULONG flags)
{
    (void)context;
    mp.return_calls++;
    mp.return_flags = flags;
    for (; nbls; nbls = nbls->Next)
        mp.returned++;
}

static VOID NTAPI MpCancel(NDIS_HANDLE context, PVOID id)
{
    (void)context, (void)id;
    mp.cancels++;
}

static NDIS_STATUS NTAPI MpOid(NDIS_HANDLE context, PNDIS_OID_REQUEST r)
{
    (void)context;
    if (r->RequestType != NdisRequestSetInformation ||
        r->DATA.SET_INFORMATION.Oid != OID_GEN_CURRENT_PACKET_FILTER)
        return NDIS_STATUS_NOT_SUPPORTED;
    memcpy(&mp.filter, r->DATA.SET_INFORMATION.InformationBuffer, sizeof(mp.filter));
    r->DATA.SET_INFORMATION.BytesRead = sizeof(mp.filter);
    return NDIS_STATUS_SUCCESS;
}

static inline void mp_complete(NDIS_STATUS status)
{
    NET_BUFFER_LIST *first = mp.sent;

    mp.sent = NULL;
    mp.sent_tail = &mp.sent;
    for (NET_BUFFER_LIST *nbl = first; nbl; nbl = nbl->Next)
        nbl->Status = status;
    if (first)
        NdisMSendNetBufferListsComplete(&mp.adapter, first, 0);
}

static void mp_start(void)
{
    struct ndis_adapter *a = &mp.adapter;

    memset(&mp, 0, sizeof(mp));
    mp.sent_tail = &mp.sent;
    mp.driver.owner = nt_owner_new("testmp");
    mp.driver.chars.SendNetBufferListsHandler = MpSend;
    mp.driver.chars.ReturnNetBufferListsHandler = MpReturn;
    mp.driver.chars.CancelSendHandler = MpCancel;
    mp.driver.chars.OidRequestHandler = MpOid;
    list_init(&mp.driver.adapters);
    a->driver = &mp.driver;
    strcpy(a->name, "test0");
    strcpy(a->ndis_name, "\\DEVICE\\{0}");
    a->index = 7;
    a->general.MediaType = NdisMedium802_3;
    a->general.MtuSize = 1500;
    a->general.MacAddressLength = 6;
    a->general.SupportedPacketFilters = NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_MULTICAST |
                                        NDIS_PACKET_TYPE_ALL_MULTICAST |
                                        NDIS_PACKET_TYPE_BROADCAST | NDIS_PACKET_TYPE_PROMISCUOUS;
    a->general.MacOptions = NDIS_MAC_OPTION_NO_LOOPBACK;
    memcpy(a->general.CurrentMacAddress, mp_mac, 6);
    pthread_mutex_init(&a->operation, NULL);
    pthread_spin_init(&a->lock, PTHREAD_PROCESS_PRIVATE);
    list_init(&a->bindings);
    list_init(&a->requests);
    list_init(&a->interrupts);
    list_init(&a->dma_channels);
    list_init(&a->timers);
    atomic_store(&a->state, NDIS_ADAPTER_RUNNING);
    atomic_store(&a->packet_filter, NDIS_PACKET_TYPE_DIRECTED);
    ndis_handle_register(&a->handle, NDIS_H_ADAPTER);
}

static void mp_stop(void)
{
    ndis_bindings_unbind(&mp.adapter);
    ndis_bindings_fini(&mp.adapter);
    ndis_handle_retire(&mp.adapter.handle);
    nt_owner_free(mp.driver.owner);
}

/* Protocols: two of them, "alpha" and "beta". */
struct proto {
    NDIS_HANDLE handle, binding;
    const char *name;
    bool hold; /* keep receives until proto_return */
    bool pend_pause, pend_restart, pend_bind, pend_unbind, refuse_bind, keep_open;
    unsigned send_completes, sends_back, receives, receive_calls, resources_calls, opens, closes,
        unbinds;
    unsigned pauses, restarts, statuses;
    _Atomic(bool) pended; /* a handler is about to return NDIS_STATUS_PENDING */
    ULONG complete_flags, receive_flags;
    NDIS_STATUS last_status;
    NET_BUFFER_LIST *back, *held;
    PNET_PNP_EVENT_NOTIFICATION event;
    NDIS_HANDLE bind_context, unbind_context;
    NDIS_BIND_PARAMETERS bind;
    uint8_t seen[64]; /* first payload byte of each frame, in order */
};

static struct proto protos[2];

static NDIS_STATUS proto_open(struct proto *p, NDIS_HANDLE bind_context)
{
    static NDIS_MEDIUM media[] = {NdisMediumFddi, NdisMedium802_3};
    UINT selected = 9;
    NDIS_OPEN_PARAMETERS o = {
        .Header = {NDIS_OBJECT_TYPE_OPEN_PARAMETERS, NDIS_OPEN_PARAMETERS_REVISION_1,
                   NDIS_SIZEOF_OPEN_PARAMETERS_REVISION_1},
        .AdapterName = p->bind.AdapterName,
        .MediumArray = media,
        .MediumArraySize = 2,
        .SelectedMediumIndex = &selected,
    };
    NDIS_STATUS status = NdisOpenAdapterEx(p->handle, p, &o, bind_context, &p->binding);

    assert_int_equal(selected, 1);
    return status;
}

static NDIS_STATUS NTAPI PrBind(NDIS_HANDLE context, NDIS_HANDLE bind_context,
                                PNDIS_BIND_PARAMETERS params)
{
    struct proto *p = context;

    p->bind = *params;
    p->bind_context = bind_context;
    if (p->refuse_bind)
        return NDIS_STATUS_NOT_SUPPORTED;
    if (p->pend_bind) {
        atomic_store(&p->pended, true);
        return NDIS_STATUS_PENDING;
    }
    return proto_open(p, bind_context);
}

static NDIS_STATUS NTAPI PrUnbind(NDIS_HANDLE unbind_context, NDIS_HANDLE context)
{
    struct proto *p = context;

    p->unbinds++;
    p->unbind_context = unbind_context;
    if (p->pend_unbind) {
        atomic_store(&p->pended, true);
        return NDIS_STATUS_PENDING;
    }
    return p->keep_open ? NDIS_STATUS_SUCCESS : NdisCloseAdapterEx(p->binding);
}

static VOID NTAPI PrOpenComplete(NDIS_HANDLE context, NDIS_STATUS status)
{
    struct proto *p = context;

    assert_int_equal(status, NDIS_STATUS_SUCCESS);
    p->opens++;
    NdisCompleteBindAdapterEx(p->bind_context, status);
}

static VOID NTAPI PrCloseComplete(NDIS_HANDLE context)
{
    struct proto *p = context;

    p->closes++;
    NdisCompleteUnbindAdapterEx(p->unbind_context);
}

static NDIS_STATUS NTAPI PrEvent(NDIS_HANDLE context, PNET_PNP_EVENT_NOTIFICATION e)
{
    struct proto *p = context;
    bool pend = false;

    p->event = e;
    if (e->NetPnPEvent.NetEvent == NetEventPause) {
        p->pauses++;
        pend = p->pend_pause;
    } else if (e->NetPnPEvent.NetEvent == NetEventRestart) {
        p->restarts++;
        pend = p->pend_restart;
    }
    if (!pend)
        return NDIS_STATUS_SUCCESS;
    atomic_store(&p->pended, true);
    return NDIS_STATUS_PENDING;
}

static VOID NTAPI PrOidComplete(NDIS_HANDLE context, PNDIS_OID_REQUEST r, NDIS_STATUS status)
{
    (void)context, (void)r, (void)status;
}

static VOID NTAPI PrStatus(NDIS_HANDLE context, PNDIS_STATUS_INDICATION s)
{
    (void)s;
    ((struct proto *)context)->statuses++;
}

static VOID NTAPI PrReceive(NDIS_HANDLE context, PNET_BUFFER_LIST nbls, NDIS_PORT_NUMBER port,
                            ULONG count, ULONG flags)
{
    struct proto *p = context;
    unsigned n = 0;

    (void)port;
    p->receive_calls++;
    p->receive_flags = flags;
    for (NET_BUFFER_LIST *nbl = nbls; nbl; nbl = nbl->Next, n++) {
        uint8_t *frame = NdisGetDataBuffer(nbl->FirstNetBuffer, 15, NULL, 1, 0);

        if (frame && p->receives < 64)
            p->seen[p->receives] = frame[14];
        p->receives++;
    }
    assert_int_equal(n, count);
    if (flags & NDIS_RECEIVE_FLAGS_RESOURCES)
        p->resources_calls++;
    else if (p->hold)
        p->held = nbls;
    else
        NdisReturnNetBufferLists(p->binding, nbls, 0);
}

static VOID NTAPI PrSendComplete(NDIS_HANDLE context, PNET_BUFFER_LIST nbls, ULONG flags)
{
    struct proto *p = context;

    p->send_completes++;
    p->complete_flags = flags;
    p->back = nbls;
    for (; nbls; nbls = nbls->Next) {
        p->sends_back++;
        p->last_status = nbls->Status;
        assert_ptr_equal(nbls->SourceHandle, p->binding);
    }
}

static inline void proto_wait_pended(struct proto *p)
{
    while (!atomic_load(&p->pended))
        usleep(500);
    usleep(2000);
}

static void proto_register(struct proto *p, const char *name, PWSTR wide_name, USHORT bytes)
{
    NDIS_PROTOCOL_DRIVER_CHARACTERISTICS c = {
        .Header = {NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
                   NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
                   NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2},
        .MajorNdisVersion = 6,
        .MinorNdisVersion = 30,
        .Name = {bytes, bytes, wide_name},
        .BindAdapterHandlerEx = PrBind,
        .UnbindAdapterHandlerEx = PrUnbind,
        .OpenAdapterCompleteHandlerEx = PrOpenComplete,
        .CloseAdapterCompleteHandlerEx = PrCloseComplete,
        .NetPnPEventHandler = PrEvent,
        .OidRequestCompleteHandler = PrOidComplete,
        .StatusHandlerEx = PrStatus,
        .ReceiveNetBufferListsHandler = PrReceive,
        .SendNetBufferListsCompleteHandler = PrSendComplete,
    };

    memset(p, 0, sizeof(*p));
    p->name = name;
    assert_int_equal(NdisRegisterProtocolDriver(p, &c, &p->handle), NDIS_STATUS_SUCCESS);
}

static inline void proto_bind(struct proto *p, uint32_t filter)
{
    struct why why = {""};

    assert_int_equal(ndis_binding_connect(&mp.adapter, p->name, &why), 0);
    atomic_store(&((struct ndis_binding *)p->binding)->packet_filter, filter);
}

static inline int fixture_setup(void **state)
{
    (void)state;
    findings_reset();
    mp_start();
    proto_register(&protos[0], "alpha", (PWSTR)L"alpha", 10);
    proto_register(&protos[1], "beta", (PWSTR)L"beta", 8);
    return 0;
}

static inline int fixture_teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++)
        if (protos[i].handle)
            NdisDeregisterProtocolDriver(protos[i].handle);
    mp_stop();
    ndis_set_time_factor(1);
    ndis_set_pending(false);
    return 0;
}

/* NBLs with a frame each: destination, then payload byte `mark` at offset 14. */
static inline NDIS_HANDLE frame_pool(NDIS_HANDLE owner)
{
    NET_BUFFER_LIST_POOL_PARAMETERS p = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
                   NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1},
        .fAllocateNetBuffer = TRUE,
        .DataSize = 256,
        .PoolTag = 0x74736554,
    };
    NDIS_HANDLE pool = NdisAllocateNetBufferListPool(owner, &p);

    assert_non_null(pool);
    return pool;
}

static inline NET_BUFFER_LIST *frame_new(NDIS_HANDLE pool, const UCHAR *to, UCHAR mark)
{
    NET_BUFFER_LIST *nbl = NdisAllocateNetBufferList(pool, 0, 0);
    UCHAR *at;

    assert_non_null(nbl);
    assert_int_equal(NdisRetreatNetBufferDataStart(nbl->FirstNetBuffer, 60, 0, NULL),
                     NDIS_STATUS_SUCCESS);
    at = NdisGetDataBuffer(nbl->FirstNetBuffer, 60, NULL, 1, 0);
    assert_non_null(at);
    memset(at, 0, 60);
    memcpy(at, to, 6);
    at[14] = mark;
    return nbl;
}

static inline NET_BUFFER_LIST *frames_new(NDIS_HANDLE pool, const UCHAR *to, unsigned count)
{
    NET_BUFFER_LIST *first = NULL;

    while (count--) {
        NET_BUFFER_LIST *nbl = frame_new(pool, to, (UCHAR)(count + 1));

        nbl->Next = first;
        first = nbl;
    }
    return first;
}

static inline void frames_free(NET_BUFFER_LIST *first)
{
    while (first) {
        NET_BUFFER_LIST *next = first->Next;

        NdisFreeNetBufferList(first);
        first = next;
    }
}

static inline void frames_source(NET_BUFFER_LIST *first, NDIS_HANDLE source)
{
    for (; first; first = first->Next)
        first->SourceHandle = source;
}
