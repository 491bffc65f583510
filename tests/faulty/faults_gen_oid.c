/* SPDX-License-Identifier: MIT */
/* What can go wrong with requests. */
#include "aim.h"
#include "hosts.h"

static bool is_query(const NDIS_OID_REQUEST *q, NDIS_OID oid)
{
    return q->RequestType == NdisRequestQueryInformation && q->DATA.QUERY_INFORMATION.Oid == oid;
}

static void submit_at_once(struct ndis_adapter *a, struct ndis_binding *from,
                           NDIS_OID_REQUEST *request, ndis_oid_done done, void *arg)
{
    if (is_query(request, OID_GEN_STATISTICS) && ndis_adapter_state(a) == NDIS_ADAPTER_RUNNING &&
        !a->current_request)
        done(arg, request, a->driver->chars.OidRequestHandler(a->context, request));
    else
        __real_ndis_oid_submit(a, from, request, done, arg);
}
FAULT("GEN-25", requests_at_once, "NDIS does not wait for a request before the next",
      .maybe = "GEN-8,GEN-26", .hosts = {{"ndis_oid_submit", submit_at_once}});

#define OID_HANDLER(fn)                                                                            \
    static NDIS_STATUS NTAPI fn(NDIS_HANDLE MiniportAdapterContext, PNDIS_OID_REQUEST OidRequest)
#define OID_ON driver.OidRequestHandler(MiniportAdapterContext, OidRequest)
#define OID_EDIT(edit, fn)                                                                         \
    static void edit(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)                                      \
    {                                                                                              \
        aim_at_adapter(c);                                                                         \
        c->OidRequestHandler = fn;                                                                 \
    }

OID_HANDLER(OidCompletesToo)
{
    NDIS_STATUS status = OID_ON;

    if (is_query(OidRequest, OID_GEN_VENDOR_ID))
        NdisMOidRequestComplete(aim_adapter(), OidRequest, status);
    return status;
}
OID_EDIT(oid_completes_too, OidCompletesToo)
FAULT("GEN-26", completed_and_returned, "a request that is completed returns a status as well",
      .handlers = oid_completes_too);

OID_HANDLER(OidCompletesPending)
{
    NDIS_STATUS status = OID_ON;

    if (!is_query(OidRequest, OID_GEN_VENDOR_ID))
        return status;
    NdisMOidRequestComplete(aim_adapter(), OidRequest, NDIS_STATUS_PENDING);
    return NDIS_STATUS_PENDING;
}
OID_EDIT(oid_completes_pending, OidCompletesPending)
FAULT("GEN-26", completed_as_pending, "a request is completed with NDIS_STATUS_PENDING",
      .handlers = oid_completes_pending);

OID_HANDLER(OidForgetsWritten)
{
    NDIS_STATUS status = OID_ON;

    if (is_query(OidRequest, OID_GEN_VENDOR_ID))
        OidRequest->DATA.QUERY_INFORMATION.BytesWritten = 0;
    return status;
}
OID_EDIT(oid_forgets_written, OidForgetsWritten)
FAULT("GEN-27", nothing_written, "a query that succeeds has BytesWritten 0",
      .handlers = oid_forgets_written);

OID_HANDLER(OidForgetsNeeded)
{
    NDIS_STATUS status = OID_ON;

    if (is_query(OidRequest, OID_GEN_VENDOR_ID))
        OidRequest->DATA.QUERY_INFORMATION.BytesNeeded = 0;
    return status;
}
OID_EDIT(oid_forgets_needed, OidForgetsNeeded)
FAULT("GEN-27", nothing_needed, "a query with too small a buffer has BytesNeeded 0",
      .handlers = oid_forgets_needed);

OID_HANDLER(OidKnowsAll)
{
    NDIS_STATUS status = OID_ON;

    if (is_query(OidRequest, 0x12345678))
        OidRequest->DATA.QUERY_INFORMATION.BytesWritten = 4;
    return is_query(OidRequest, 0x12345678) ? NDIS_STATUS_SUCCESS : status;
}
OID_EDIT(oid_knows_all, OidKnowsAll)
FAULT("GEN-27", unknown_succeeds, "a query of an OID that there is not succeeds",
      .handlers = oid_knows_all);

static NDIS_OID_REQUEST *pending;

OID_HANDLER(OidWaits)
{
    if (is_query(OidRequest, OID_GEN_VENDOR_ID) && OidRequest->RequestId == (PVOID)0x1000) {
        pending = OidRequest;
        return NDIS_STATUS_PENDING;
    }
    return OID_ON;
}
static VOID NTAPI CancelFails(NDIS_HANDLE MiniportAdapterContext, PVOID RequestId)
{
    NDIS_OID_REQUEST *q = pending;

    pending = NULL;
    if (q)
        NdisMOidRequestComplete(aim_adapter(), q, NDIS_STATUS_FAILURE);
    else
        driver.CancelOidRequestHandler(MiniportAdapterContext, RequestId);
}
static void cancel_fails(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    aim_at_adapter(c);
    c->OidRequestHandler = OidWaits;
    c->CancelOidRequestHandler = CancelFails;
}
FAULT("GEN-28", cancelled_as_failure, "a cancelled request ends with NDIS_STATUS_FAILURE",
      .maybe = "GEN-26,GEN-31", .handlers = cancel_fails);

static bool paused;

OID_HANDLER(OidWhenRunning)
{
    if (paused && is_query(OidRequest, OID_GEN_STATISTICS))
        return NDIS_STATUS_NOT_ACCEPTED;
    return OID_ON;
}
static NDIS_STATUS NTAPI PauseTold(NDIS_HANDLE MiniportAdapterContext,
                                   PNDIS_MINIPORT_PAUSE_PARAMETERS Parameters)
{
    paused = true;
    return driver.PauseHandler(MiniportAdapterContext, Parameters);
}
static NDIS_STATUS NTAPI RestartTold(NDIS_HANDLE MiniportAdapterContext,
                                     PNDIS_MINIPORT_RESTART_PARAMETERS Parameters)
{
    paused = false;
    return driver.RestartHandler(MiniportAdapterContext, Parameters);
}
static void requests_when_running(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->OidRequestHandler = OidWhenRunning;
    c->PauseHandler = PauseTold;
    c->RestartHandler = RestartTold;
}
FAULT("GEN-29", no_requests_in_paused, "a query fails while the adapter is paused",
      .handlers = requests_when_running);

static uint64_t ahead;

static uint64_t clock_ahead(void)
{
    return __real_nt_now_ns() + __atomic_load_n(&ahead, __ATOMIC_RELAXED);
}
OID_HANDLER(OidLate)
{
    if (is_query(OidRequest, OID_GEN_VENDOR_ID))
        __atomic_add_fetch(&ahead, 13000000000ull, __ATOMIC_RELAXED);
    return OID_ON;
}
OID_EDIT(oid_late, OidLate)
FAULT("GEN-31", request_takes_13_s, "a query ends after 13 s", .maybe = "GEN-2",
      .handlers = oid_late, .hosts = {{"nt_now_ns", clock_ahead}});

OID_HANDLER(OidCountsOneMore)
{
    NDIS_STATUS status = OID_ON;
    ULONG *value = OidRequest->DATA.QUERY_INFORMATION.InformationBuffer;

    if (status == NDIS_STATUS_SUCCESS && is_query(OidRequest, OID_GEN_XMIT_OK) && *value > 10)
        ++*value;
    return status;
}
OID_EDIT(oid_counts_one_more, OidCountsOneMore)
FAULT("GEN-42", counts_one_more, "OID_GEN_XMIT_OK is one too many",
      .handlers = oid_counts_one_more);

OID_HANDLER(OidCountsEightBytes)
{
    if (is_query(OidRequest, OID_GEN_RCV_OK) &&
        OidRequest->DATA.QUERY_INFORMATION.InformationBufferLength == 4) {
        OidRequest->DATA.QUERY_INFORMATION.BytesNeeded = 8;
        return NDIS_STATUS_BUFFER_TOO_SHORT;
    }
    return OID_ON;
}
OID_EDIT(oid_counts_eight_bytes, OidCountsEightBytes)
FAULT("GEN-42", counts_in_8_bytes_only, "OID_GEN_RCV_OK does not come in four bytes",
      .handlers = oid_counts_eight_bytes);

OID_HANDLER(OidForgetsMulticast)
{
    NDIS_STATUS status = OID_ON;
    NDIS_STATISTICS_INFO *s = OidRequest->DATA.QUERY_INFORMATION.InformationBuffer;

    if (status == NDIS_STATUS_SUCCESS && is_query(OidRequest, OID_GEN_STATISTICS))
        s->ifHCInMulticastPkts = 0;
    return status;
}
OID_EDIT(oid_forgets_multicast, OidForgetsMulticast)
FAULT("GEN-42", multicast_not_counted, "received multicast frames are missing in the statistics",
      .handlers = oid_forgets_multicast);
