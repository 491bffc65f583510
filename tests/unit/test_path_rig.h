/* SPDX-License-Identifier: MIT */
/*
 * The test protocol of the team's tests (test_team_rig.h): what it sees is recorded. And where the
 * drivers are. One at a time in a process. Other tests of whole paths stand on the conformance
 * suite's rig (test_rig.h).
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "frame/frame.h"
#include "ndis/runtime.h"
#include "nic/nic.h"
#include "nt/device.h"
#include "nt/driver.h"
#include "nt/finding.h"
#include "nt/image.h"
#include "nt/inf.h"
#include "nt/processor.h"
#include "nt/registry.h"
#include "port/port.h"

#include <virtio/longshore.h>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

enum { PATH_RECORDS = 512, PATH_FRAME = 70000, PATH_TAG = 0x48544150 };

struct path_config {
    bool linked;      /* the .so; else the .sys */
    bool no_activate; /* no OID_OFFLOAD_ENCAPSULATION after binding */
    bool no_filter;   /* no packet filter after binding */
};

struct path_received {
    uint8_t *data;
    uint32_t len;
    uintptr_t oob[MaxNetBufferListInfo];
    ULONG flags;
};

struct path_completed {
    NET_BUFFER_LIST *nbl;
    NDIS_STATUS status;
    uintptr_t lso, checksum;
};

struct path_status {
    NDIS_STATUS code;
    uint8_t buffer[256];
    ULONG bytes;
    NDIS_STATUS_INDICATION indication;
};

struct path {
    struct path_config config;
    struct registry *registry;
    struct ndis_adapter *adapter;
    NDIS_HANDLE protocol, binding, nbl_pool, nb_pool;
    NDIS_BIND_PARAMETERS bind;
    NDIS_OFFLOAD bind_offload;
    bool bind_has_offload;
    _Atomic(bool) running;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool hold_receives; /* do not return NBLs until path_return_held */
    NET_BUFFER_LIST *held, **held_tail;
    _Atomic(unsigned) held_count;
    struct path_received received[PATH_RECORDS];
    struct path_completed completed[PATH_RECORDS];
    struct path_status status[PATH_RECORDS];
    _Atomic(unsigned) received_count, completed_count, status_count, nbls_out;
    NDIS_STATUS oid_status;
    bool oid_done;
    uint64_t findings_before;
};

/* cmocka takes the fault signals for itself around each test and fixture. The loader needs them all
 * the time, for the registers of a .sys: cmocka's calls end here. */
__attribute__((visibility("default"))) sighandler_t signal(int number, sighandler_t handler)
{
    (void)number;
    (void)handler;
    return SIG_DFL;
}

static inline double path_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* Waits until *count reaches want, or seconds pass; returns whether it did. */
static inline bool path_wait(struct path *p, const _Atomic(unsigned) *count, unsigned want,
                             double seconds)
{
    struct timespec until;
    bool ok;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)seconds;
    until.tv_nsec += (long)((seconds - (double)(time_t)seconds) * 1e9);
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&p->mutex);
    while (*count < want && pthread_cond_timedwait(&p->changed, &p->mutex, &until) == 0)
        ;
    ok = *count >= want;
    pthread_mutex_unlock(&p->mutex);
    return ok;
}

/* ---- The test protocol ---------------------------------------------------------------------- */

static inline NDIS_STATUS path_oid_wait(struct path *p, NDIS_OID_REQUEST *r)
{
    NDIS_STATUS status;

    p->oid_done = false;
    status = NdisOidRequest(p->binding, r);
    if (status != NDIS_STATUS_PENDING)
        return status;
    pthread_mutex_lock(&p->mutex);
    while (!p->oid_done)
        pthread_cond_wait(&p->changed, &p->mutex);
    pthread_mutex_unlock(&p->mutex);
    return p->oid_status;
}

static inline NDIS_OID_REQUEST path_oid_make(NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buffer,
                                             ULONG bytes)
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
    return r;
}

static inline NDIS_STATUS path_set(struct path *p, NDIS_OID oid, void *buffer, ULONG bytes)
{
    NDIS_OID_REQUEST r = path_oid_make(NdisRequestSetInformation, oid, buffer, bytes);

    return path_oid_wait(p, &r);
}

static inline NDIS_STATUS path_query(struct path *p, NDIS_OID oid, void *buffer, ULONG bytes,
                                     ULONG *written)
{
    NDIS_OID_REQUEST r = path_oid_make(NdisRequestQueryInformation, oid, buffer, bytes);
    NDIS_STATUS status = path_oid_wait(p, &r);

    if (written)
        *written = status == NDIS_STATUS_SUCCESS ? r.DATA.QUERY_INFORMATION.BytesWritten
                                                 : r.DATA.QUERY_INFORMATION.BytesNeeded;
    return status;
}

static inline NDIS_STATUS path_set_filter(struct path *p, ULONG filter)
{
    return path_set(p, OID_GEN_CURRENT_PACKET_FILTER, &filter, sizeof filter);
}

/* set4, set6: NDIS_OFFLOAD_SET_*. */
static inline NDIS_STATUS path_activate(struct path *p, ULONG set4, ULONG set6)
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
    return path_set(p, OID_OFFLOAD_ENCAPSULATION, &e, NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1);
}

/* One field of OID_TCP_OFFLOAD_PARAMETERS: path_parameter(p, offsetof(NDIS_OFFLOAD_PARAMETERS,
 * LsoV2IPv4), NDIS_OFFLOAD_PARAMETERS_LSOV2_DISABLED). */
static inline NDIS_STATUS path_parameter(struct path *p, size_t field, UCHAR value)
{
    NDIS_OFFLOAD_PARAMETERS o;

    memset(&o, 0, sizeof o);
    o.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    o.Header.Revision = NDIS_OFFLOAD_PARAMETERS_REVISION_1;
    o.Header.Size = NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1;
    ((UCHAR *)&o)[field] = value;
    return path_set(p, OID_TCP_OFFLOAD_PARAMETERS, &o, NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1);
}

static NDIS_STATUS NTAPI PathBind(NDIS_HANDLE ProtocolDriverContext, NDIS_HANDLE BindContext,
                                  PNDIS_BIND_PARAMETERS BindParameters)
{
    static NDIS_MEDIUM media[] = {NdisMedium802_3};
    struct path *p = ProtocolDriverContext;
    NDIS_OPEN_PARAMETERS o;
    NDIS_STATUS status;
    UINT medium;

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
    p->oid_done = false;
    status = NdisOpenAdapterEx(p->protocol, p, &o, BindContext, &p->binding);
    if (status == NDIS_STATUS_PENDING) {
        pthread_mutex_lock(&p->mutex);
        while (!p->oid_done)
            pthread_cond_wait(&p->changed, &p->mutex);
        pthread_mutex_unlock(&p->mutex);
        status = p->oid_status;
    }
    if (status == NDIS_STATUS_SUCCESS && !p->config.no_activate)
        path_activate(p, NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON);
    if (status == NDIS_STATUS_SUCCESS && !p->config.no_filter)
        path_set_filter(p, NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_BROADCAST |
                               NDIS_PACKET_TYPE_ALL_MULTICAST);
    return status;
}

static inline void path_signal(struct path *p, NDIS_STATUS status)
{
    pthread_mutex_lock(&p->mutex);
    p->oid_status = status;
    p->oid_done = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->mutex);
}

static NDIS_STATUS NTAPI PathUnbind(NDIS_HANDLE UnbindContext, NDIS_HANDLE ProtocolBindingContext)
{
    struct path *p = ProtocolBindingContext;

    (void)UnbindContext;
    p->oid_done = false;
    if (NdisCloseAdapterEx(p->binding) == NDIS_STATUS_PENDING) {
        pthread_mutex_lock(&p->mutex);
        while (!p->oid_done)
            pthread_cond_wait(&p->changed, &p->mutex);
        pthread_mutex_unlock(&p->mutex);
    }
    p->binding = NULL;
    return NDIS_STATUS_SUCCESS;
}

static VOID NTAPI PathOpenComplete(NDIS_HANDLE ProtocolBindingContext, NDIS_STATUS Status)
{
    path_signal(ProtocolBindingContext, Status);
}

static VOID NTAPI PathCloseComplete(NDIS_HANDLE ProtocolBindingContext)
{
    path_signal(ProtocolBindingContext, NDIS_STATUS_SUCCESS);
}

static VOID NTAPI PathOidComplete(NDIS_HANDLE ProtocolBindingContext, PNDIS_OID_REQUEST OidRequest,
                                  NDIS_STATUS Status)
{
    (void)OidRequest;
    path_signal(ProtocolBindingContext, Status);
}

static NDIS_STATUS NTAPI PathNetPnPEvent(NDIS_HANDLE ProtocolBindingContext,
                                         PNET_PNP_EVENT_NOTIFICATION NetPnPEventNotification)
{
    struct path *p = ProtocolBindingContext;

    if (NetPnPEventNotification->NetPnPEvent.NetEvent == NetEventRestart)
        atomic_store(&p->running, true);
    if (NetPnPEventNotification->NetPnPEvent.NetEvent == NetEventPause)
        atomic_store(&p->running, false);
    return NDIS_STATUS_SUCCESS;
}

static VOID NTAPI PathStatus(NDIS_HANDLE ProtocolBindingContext,
                             PNDIS_STATUS_INDICATION StatusIndication)
{
    struct path *p = ProtocolBindingContext;
    struct path_status *s;

    pthread_mutex_lock(&p->mutex);
    s = &p->status[p->status_count % PATH_RECORDS];
    s->code = StatusIndication->StatusCode;
    s->bytes = StatusIndication->StatusBufferSize;
    s->indication = *StatusIndication;
    if (s->bytes)
        memcpy(s->buffer, StatusIndication->StatusBuffer,
               MIN_OF(s->bytes, (ULONG)sizeof s->buffer));
    p->status_count++;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->mutex);
}

static inline void path_copy_nb(const NET_BUFFER *nb, uint8_t *dst)
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

static VOID NTAPI PathReceive(NDIS_HANDLE ProtocolBindingContext, PNET_BUFFER_LIST NetBufferLists,
                              NDIS_PORT_NUMBER PortNumber, ULONG NumberOfNetBufferLists,
                              ULONG ReceiveFlags)
{
    struct path *p = ProtocolBindingContext;
    NET_BUFFER_LIST *last = NULL;
    bool hold;

    (void)PortNumber;
    pthread_mutex_lock(&p->mutex);
    for (NET_BUFFER_LIST *nbl = NetBufferLists; nbl; nbl = nbl->Next) {
        NET_BUFFER *nb = nbl->FirstNetBuffer;
        struct path_received *r = &p->received[p->received_count % PATH_RECORDS];

        free(r->data);
        r->len = nb->DataLength;
        r->data = malloc(nb->DataLength + 1);
        path_copy_nb(nb, r->data);
        r->flags = ReceiveFlags;
        for (unsigned i = 0; i < MaxNetBufferListInfo; i++)
            r->oob[i] = (uintptr_t)nbl->NetBufferListInfo[i];
        p->received_count++;
        last = nbl;
    }
    hold = p->hold_receives && !(ReceiveFlags & NDIS_RECEIVE_FLAGS_RESOURCES);
    if (hold) {
        *p->held_tail = NetBufferLists;
        p->held_tail = &last->Next;
        p->held_count += NumberOfNetBufferLists;
    }
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->mutex);
    if (!hold && !(ReceiveFlags & NDIS_RECEIVE_FLAGS_RESOURCES))
        NdisReturnNetBufferLists(p->binding, NetBufferLists,
                                 ReceiveFlags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL
                                     ? NDIS_RETURN_FLAGS_DISPATCH_LEVEL
                                     : 0);
}

static inline void path_return_held(struct path *p)
{
    NET_BUFFER_LIST *first;

    pthread_mutex_lock(&p->mutex);
    first = p->held;
    p->held = NULL;
    p->held_tail = &p->held;
    p->held_count = 0;
    pthread_mutex_unlock(&p->mutex);
    if (first)
        NdisReturnNetBufferLists(p->binding, first, 0);
}

/* Send NBLs are freed by path_free_nbl, after the test has looked at them. */
static VOID NTAPI PathSendComplete(NDIS_HANDLE ProtocolBindingContext,
                                   PNET_BUFFER_LIST NetBufferList, ULONG SendCompleteFlags)
{
    struct path *p = ProtocolBindingContext;

    (void)SendCompleteFlags;
    pthread_mutex_lock(&p->mutex);
    for (NET_BUFFER_LIST *nbl = NetBufferList; nbl; nbl = nbl->Next) {
        p->completed[p->completed_count % PATH_RECORDS] = (struct path_completed){
            nbl, nbl->Status, (uintptr_t)nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo],
            (uintptr_t)nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo]};
        p->completed_count++;
    }
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->mutex);
}

static inline void path_register(struct path *p)
{
    static WCHAR name[] = {'P', 'A', 'T', 'H'};
    NDIS_PROTOCOL_DRIVER_CHARACTERISTICS c;
    NET_BUFFER_LIST_POOL_PARAMETERS pool;
    NET_BUFFER_POOL_PARAMETERS nb_pool;

    memset(&c, 0, sizeof c);
    c.Header.Type = NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS;
    c.Header.Revision = NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_1;
    c.Header.Size = NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_1;
    c.MajorNdisVersion = 6;
    c.Name = (NDIS_STRING){sizeof name, sizeof name, name};
    c.BindAdapterHandlerEx = PathBind;
    c.UnbindAdapterHandlerEx = PathUnbind;
    c.OpenAdapterCompleteHandlerEx = PathOpenComplete;
    c.CloseAdapterCompleteHandlerEx = PathCloseComplete;
    c.NetPnPEventHandler = PathNetPnPEvent;
    c.OidRequestCompleteHandler = PathOidComplete;
    c.StatusHandlerEx = PathStatus;
    c.ReceiveNetBufferListsHandler = PathReceive;
    c.SendNetBufferListsCompleteHandler = PathSendComplete;
    assert_int_equal(NdisRegisterProtocolDriver(p, &c, &p->protocol), NDIS_STATUS_SUCCESS);
    memset(&pool, 0, sizeof pool);
    pool.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    pool.Header.Revision = NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1;
    pool.Header.Size = NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1;
    pool.fAllocateNetBuffer = TRUE;
    pool.PoolTag = PATH_TAG;
    p->nbl_pool = NdisAllocateNetBufferListPool(p->protocol, &pool);
    assert_non_null(p->nbl_pool);
    memset(&nb_pool, 0, sizeof nb_pool);
    nb_pool.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    nb_pool.Header.Revision = NET_BUFFER_POOL_PARAMETERS_REVISION_1;
    nb_pool.Header.Size = NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_1;
    nb_pool.PoolTag = PATH_TAG;
    p->nb_pool = NdisAllocateNetBufferPool(p->protocol, &nb_pool);
    assert_non_null(p->nb_pool);
}

/* ---- Sends ---------------------------------------------------------------------------------- */

/* A private copy of the frame behind `front` unused bytes, and MDLs over it that end at the byte
 * counts in `splits` (0 ends the list; UINT32_MAX asks for an empty MDL). */
static inline uint8_t *path_data(struct path *p, const void *frame, uint32_t len,
                                 const uint32_t *splits, uint32_t front, MDL **first)
{
    uint8_t *data = malloc(front + len + 1);
    uint32_t at = 0, total = front + len;
    MDL **tail = first;

    *first = NULL;
    memset(data, 0xee, front);
    memcpy(data + front, frame, len);
    while (splits && *splits && at < total) {
        uint32_t n = *splits == UINT32_MAX ? 0 : MIN_OF(*splits, total - at);

        *tail = NdisAllocateMdl(p->protocol, data + at, n);
        assert_non_null(*tail);
        tail = &(*tail)->Next;
        at += n;
        splits++;
    }
    if (at < total || !*first) {
        *tail = NdisAllocateMdl(p->protocol, data + at, total - at);
        assert_non_null(*tail);
    }
    return data;
}

/* An NBL with one NET_BUFFER over path_data. Freed with path_free_nbl. */
static inline NET_BUFFER_LIST *path_nbl(struct path *p, const void *frame, uint32_t len,
                                        const uint32_t *splits, uint32_t front)
{
    MDL *first;
    uint8_t *data = path_data(p, frame, len, splits, front, &first);
    NET_BUFFER_LIST *nbl =
        NdisAllocateNetBufferAndNetBufferList(p->nbl_pool, 0, 0, first, front, len);

    assert_non_null(nbl);
    nbl->ProtocolReserved[0] = data;
    p->nbls_out++;
    return nbl;
}

static inline void path_free_mdls(MDL *mdl)
{
    while (mdl) {
        MDL *next = mdl->Next;

        NdisFreeMdl(mdl);
        mdl = next;
    }
}

static inline void path_free_nbl(struct path *p, NET_BUFFER_LIST *nbl)
{
    void *data = nbl->ProtocolReserved[0];
    NET_BUFFER *nb;

    while ((nb = nbl->FirstNetBuffer->Next) != NULL) {
        nbl->FirstNetBuffer->Next = nb->Next;
        path_free_mdls(nb->MdlChain);
        free(nb->ProtocolReserved[0]);
        NdisFreeNetBuffer(nb);
    }
    path_free_mdls(nbl->FirstNetBuffer->MdlChain);
    NdisFreeNetBufferList(nbl);
    free(data);
    p->nbls_out--;
}

static inline void path_checksum(NET_BUFFER_LIST *nbl, bool v4, bool ip, bool tcp, bool udp,
                                 ULONG tcp_offset)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO i = {.Value = NULL};

    i.Transmit.IsIPv4 = v4;
    i.Transmit.IsIPv6 = !v4;
    i.Transmit.IpHeaderChecksum = ip;
    i.Transmit.TcpChecksum = tcp;
    i.Transmit.UdpChecksum = udp;
    i.Transmit.TcpHeaderOffset = tcp_offset & 0x3ff;
    nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = i.Value;
}

static inline void path_lso2(NET_BUFFER_LIST *nbl, bool v4, ULONG mss, ULONG tcp_offset)
{
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO i = {.Value = NULL};

    i.LsoV2Transmit.MSS = mss & 0xfffff;
    i.LsoV2Transmit.TcpHeaderOffset = tcp_offset & 0x3ff;
    i.LsoV2Transmit.Type = NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE;
    i.LsoV2Transmit.IPVersion =
        v4 ? NDIS_TCP_LARGE_SEND_OFFLOAD_IPv4 : NDIS_TCP_LARGE_SEND_OFFLOAD_IPv6;
    nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] = i.Value;
}

static inline void path_lso1(NET_BUFFER_LIST *nbl, ULONG mss, ULONG tcp_offset)
{
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO i = {.Value = NULL};

    i.LsoV1Transmit.MSS = mss & 0xfffff;
    i.LsoV1Transmit.TcpHeaderOffset = tcp_offset & 0x3ff;
    i.LsoV1Transmit.Type = NDIS_TCP_LARGE_SEND_OFFLOAD_V1_TYPE;
    nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] = i.Value;
}

/* Sends the chain at PASSIVE_LEVEL and waits until `count` more NBLs are complete. */
static inline void path_send(struct path *p, NET_BUFFER_LIST *chain, unsigned count)
{
    unsigned want = p->completed_count + count;

    NdisSendNetBufferLists(p->binding, chain, NDIS_DEFAULT_PORT_NUMBER, 0);
    assert_true(path_wait(p, &p->completed_count, want, 5));
}

/* ---- Life ----------------------------------------------------------------------------------- */

static inline void path_finding(void *arg, const struct finding *f)
{
    (void)arg;
    fprintf(stderr, "finding %s %s: %s\n", f->rule, f->subject, f->text);
}

static inline const char *path_build(void)
{
    const char *dir = getenv("LONGSHORE_BUILD");

    return dir ? dir : "build";
}

static inline void path_driver_path(bool linked, char *out, size_t size)
{
    snprintf(out, size, "%s/drivers/vionet/vionet.%s", path_build(), linked ? "so" : "sys");
}

/* cmocka sets handlers of its own before every test; the machine's, which carry out what images may
 * not do, are put back above them. */
static inline int path_fault_install(struct why *why)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    static struct sigaction ours[ARRAY_LEN(signals)];
    static bool known;
    int err = nt_fault_install(why);

    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        sigaction(signals[i], known ? &ours[i] : NULL, known ? NULL : &ours[i]);
    known = true;
    return err;
}

/* Frees completed NBLs and forgets all records: between the parts of one test. */
static inline void path_forget(struct path *p)
{
    for (unsigned i = 0; i < MIN_OF(p->completed_count, (unsigned)PATH_RECORDS); i++)
        path_free_nbl(p, p->completed[i].nbl);
    p->completed_count = p->received_count = p->status_count = 0;
}
