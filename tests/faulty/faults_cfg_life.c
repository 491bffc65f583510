/* SPDX-License-Identifier: MIT */
/* Configurations that do not outlive an event, or outlive the adapter. */
#include "fault.h"

#include "conform/view.h"

static const NDIS_STATUS current_code = NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG;

static bool is_set(const NDIS_OID_REQUEST *q, NDIS_OID oid)
{
    return q->RequestType == NdisRequestSetInformation && q->DATA.SET_INFORMATION.Oid == oid;
}

static NDIS_HANDLE handle;
static bool lost;

static NDIS_STATUS NTAPI initialize(NDIS_HANDLE h, NDIS_HANDLE context,
                                    PNDIS_MINIPORT_INIT_PARAMETERS p)
{
    handle = h;
    return driver.InitializeHandlerEx(h, context, p);
}

static NDIS_STATUS NTAPI reset_and_lose(NDIS_HANDLE context, PBOOLEAN addressing)
{
    lost = true;
    return driver.ResetHandlerEx(context, addressing);
}

static VOID NTAPI send_unsummed(NDIS_HANDLE context, PNET_BUFFER_LIST first, NDIS_PORT_NUMBER port,
                                ULONG flags)
{
    for (NET_BUFFER_LIST *nbl = first; nbl && lost; nbl = nbl->Next)
        nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = NULL;
    driver.SendNetBufferListsHandler(context, first, port, flags);
}
static void install_reset_loses(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->ResetHandlerEx = reset_and_lose;
    c->SendNetBufferListsHandler = send_unsummed;
}
FAULT("CFG-12", reset_loses_checksums, "checksums are not done after a reset, in silence",
      .maybe = "GEN,TXC", .handlers = install_reset_loses);

static NET_BUFFER_LIST *swallowed;

static VOID NTAPI send_swallow(NDIS_HANDLE context, PNET_BUFFER_LIST first, NDIS_PORT_NUMBER port,
                               ULONG flags)
{
    struct ndis_offload_state s;

    ndis_adapter_offload(handle, &s);
    if (!first->NetBufferListInfo[TcpLargeSendNetBufferListInfo] || first->Next || swallowed ||
        s.current.LsoV1.IPv4.Encapsulation || s.current.LsoV2.IPv4.Encapsulation ||
        s.current.LsoV2.IPv6.Encapsulation)
        driver.SendNetBufferListsHandler(context, first, port, flags);
    else
        swallowed = first;
}

/* Given back before the pause, so that nothing else is broken. */
static NDIS_STATUS NTAPI pause_and_return(NDIS_HANDLE context, PNDIS_MINIPORT_PAUSE_PARAMETERS p)
{
    if (swallowed) {
        swallowed->Status = NDIS_STATUS_FAILURE;
        NdisMSendNetBufferListsComplete(handle, swallowed, 0);
        swallowed = NULL;
    }
    return driver.PauseHandler(context, p);
}
static void install_swallow(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->InitializeHandlerEx = initialize;
    c->SendNetBufferListsHandler = send_swallow;
    c->PauseHandler = pause_and_return;
}
FAULT("CFG-17", old_send_forgotten, "a large send after the switch-off is kept until the pause",
      .maybe = "PAR,LSO1,LSO2,GEN,SEC-5", .handlers = install_swallow);

static NDIS_STATUS NTAPI refuse_paused(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    if (is_set(q, OID_TCP_OFFLOAD_PARAMETERS) && ndis_adapter_state(handle) == NDIS_ADAPTER_PAUSED)
        return NDIS_STATUS_FAILURE;
    return driver.OidRequestHandler(context, q);
}
static void install_refuse_paused(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->InitializeHandlerEx = initialize;
    c->OidRequestHandler = refuse_paused;
}
FAULT("CFG-18", paused_is_deaf, "parameters are refused while Paused", .maybe = "GEN,PAR",
      .handlers = install_refuse_paused);

static NDIS_STATUS NTAPI restart_afresh(NDIS_HANDLE context, PNDIS_MINIPORT_RESTART_PARAMETERS p)
{
    static unsigned restarts;
    NDIS_STATUS status = driver.RestartHandler(context, p);
    NDIS_OFFLOAD_PARAMETERS all;
    NDIS_OID_REQUEST q;

    if (restarts++ == 0 || !view_hardware())
        return status;
    all = view_parameters(view_hardware(), true);
    q = rig_request(NdisRequestSetInformation, OID_TCP_OFFLOAD_PARAMETERS, &all,
                    NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1);
    driver.OidRequestHandler(context, &q);
    return status;
}
static void install_restart_afresh(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->RestartHandler = restart_afresh;
}
FAULT("CFG-18", restart_forgets, "a restart switches everything on again", .maybe = "GEN,PAR,KEY",
      .handlers = install_restart_afresh);

static void indicate_halted(struct ndis_adapter *a, enum ndis_adapter_state to)
{
    NDIS_OFFLOAD o;
    NDIS_STATUS_INDICATION s = {
        .Header = {NDIS_OBJECT_TYPE_STATUS_INDICATION, NDIS_STATUS_INDICATION_REVISION_1,
                   NDIS_SIZEOF_STATUS_INDICATION_REVISION_1},
        .SourceHandle = a,
        .StatusCode = current_code,
        .StatusBuffer = &o,
        .StatusBufferSize = NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1,
    };

    if (to != NDIS_ADAPTER_HALTED || !view_default())
        return;
    memcpy(&o, view_default(), NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
    NdisMIndicateStatusEx(a, &s);
}
FAULT("CFG-19", speaks_after_halt, "the configuration is indicated after MiniportHaltEx",
      .maybe = "GEN-9", .state = indicate_halted);
