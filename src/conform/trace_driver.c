/* SPDX-License-Identifier: MIT */
/* The driver's handlers, replaced in NDIS's copy of what it registered by some that write down what
 * passes. */
#include "conform/trace_int.h"

static NDIS_STATUS NTAPI TraceInitializeEx(NDIS_HANDLE NdisMiniportHandle,
                                           NDIS_HANDLE MiniportDriverContext,
                                           PNDIS_MINIPORT_INIT_PARAMETERS MiniportInitParameters)
{
    struct trace_entry *e = trace_enter((struct trace_entry){.call = TRACE_INITIALIZE});
    NDIS_STATUS status;

    if (!trace_answers(TRACE_INITIALIZE, &status))
        status = trace.real.InitializeHandlerEx(NdisMiniportHandle, MiniportDriverContext,
                                                MiniportInitParameters);
    return trace_leave(e, TRACE_INITIALIZE, status);
}

static VOID NTAPI TraceHaltEx(NDIS_HANDLE MiniportAdapterContext, NDIS_HALT_ACTION HaltAction)
{
    struct trace_entry *e =
        trace_enter((struct trace_entry){.call = TRACE_HALT, .flags = (ULONG)HaltAction});

    trace.real.HaltHandlerEx(MiniportAdapterContext, HaltAction);
    trace_leave(e, TRACE_HALT, NDIS_STATUS_SUCCESS);
}

static NDIS_STATUS NTAPI TracePause(NDIS_HANDLE MiniportAdapterContext,
                                    PNDIS_MINIPORT_PAUSE_PARAMETERS MiniportPauseParameters)
{
    struct trace_entry *e = trace_enter((struct trace_entry){.call = TRACE_PAUSE});

    return trace_leave(e, TRACE_PAUSE,
                       trace.real.PauseHandler(MiniportAdapterContext, MiniportPauseParameters));
}

static NDIS_STATUS NTAPI TraceRestart(NDIS_HANDLE MiniportAdapterContext,
                                      PNDIS_MINIPORT_RESTART_PARAMETERS MiniportRestartParameters)
{
    struct trace_entry *e = trace_enter((struct trace_entry){.call = TRACE_RESTART});
    NDIS_STATUS status;

    if (!trace_answers(TRACE_RESTART, &status))
        status = trace.real.RestartHandler(MiniportAdapterContext, MiniportRestartParameters);
    return trace_leave(e, TRACE_RESTART, status);
}

static NDIS_STATUS NTAPI TraceResetEx(NDIS_HANDLE MiniportAdapterContext, PBOOLEAN AddressingReset)
{
    struct trace_entry *e = trace_enter((struct trace_entry){.call = TRACE_RESET});
    NDIS_STATUS status = trace.real.ResetHandlerEx(MiniportAdapterContext, AddressingReset);

    if (trace.addressing)
        *AddressingReset = TRUE;
    trace.addressing = false;
    return trace_leave(e, TRACE_RESET, status);
}

static BOOLEAN NTAPI TraceCheckForHangEx(NDIS_HANDLE MiniportAdapterContext)
{
    struct trace_entry *e = trace_enter((struct trace_entry){.call = TRACE_CHECK_FOR_HANG});
    BOOLEAN hung = trace.real.CheckForHangHandlerEx(MiniportAdapterContext) || trace.hang;

    trace.hang = false;
    trace_leave(e, TRACE_CHECK_FOR_HANG, hung);
    return hung;
}

static VOID NTAPI TraceDevicePnPEventNotify(NDIS_HANDLE MiniportAdapterContext,
                                            PNET_DEVICE_PNP_EVENT NetDevicePnPEvent)
{
    struct trace_entry *e = trace_enter((struct trace_entry){
        .call = TRACE_PNP_EVENT, .flags = (ULONG)NetDevicePnPEvent->DevicePnPEvent});

    trace.real.DevicePnPEventNotifyHandler(MiniportAdapterContext, NetDevicePnPEvent);
    trace_leave(e, TRACE_PNP_EVENT, NDIS_STATUS_SUCCESS);
}

static VOID NTAPI TraceShutdownEx(NDIS_HANDLE MiniportAdapterContext,
                                  NDIS_SHUTDOWN_ACTION ShutdownAction)
{
    struct trace_entry *e =
        trace_enter((struct trace_entry){.call = TRACE_SHUTDOWN, .flags = (ULONG)ShutdownAction});

    trace.real.ShutdownHandlerEx(MiniportAdapterContext, ShutdownAction);
    trace_leave(e, TRACE_SHUTDOWN, NDIS_STATUS_SUCCESS);
}

static VOID NTAPI TraceUnload(PDRIVER_OBJECT DriverObject)
{
    struct trace_entry *e = trace_enter((struct trace_entry){.call = TRACE_UNLOAD});

    trace.unload(DriverObject);
    trace_leave(e, TRACE_UNLOAD, NDIS_STATUS_SUCCESS);
}

static NDIS_STATUS NTAPI TraceOidRequest(NDIS_HANDLE MiniportAdapterContext,
                                         PNDIS_OID_REQUEST OidRequest)
{
    struct trace_entry *e = trace_enter(
        (struct trace_entry){.call = TRACE_OID, .oid = OidRequest->DATA.QUERY_INFORMATION.Oid});
    NDIS_STATUS status;

    if (!trace_answers(TRACE_OID, &status))
        status = trace.real.OidRequestHandler(MiniportAdapterContext, OidRequest);
    return trace_leave(e, TRACE_OID, status);
}

static VOID NTAPI TraceCancelOidRequest(NDIS_HANDLE MiniportAdapterContext, PVOID RequestId)
{
    struct trace_entry *e = trace_enter((struct trace_entry){.call = TRACE_CANCEL_OID});

    trace.real.CancelOidRequestHandler(MiniportAdapterContext, RequestId);
    trace_leave(e, TRACE_CANCEL_OID, NDIS_STATUS_SUCCESS);
}

static VOID NTAPI TraceSendNetBufferLists(NDIS_HANDLE MiniportAdapterContext,
                                          PNET_BUFFER_LIST NetBufferList,
                                          NDIS_PORT_NUMBER PortNumber, ULONG SendFlags)
{
    struct trace_entry *e =
        trace_enter((struct trace_entry){.call = TRACE_SEND,
                                         .flags = SendFlags,
                                         .nbls = trace_chain_length(NetBufferList),
                                         .first = NetBufferList,
                                         .source = NetBufferList->SourceHandle});

    if (!trace_keeps(MiniportAdapterContext, NetBufferList, PortNumber, SendFlags))
        trace.real.SendNetBufferListsHandler(MiniportAdapterContext, NetBufferList, PortNumber,
                                             SendFlags);
    trace_leave(e, TRACE_SEND, NDIS_STATUS_SUCCESS);
}

static VOID NTAPI TraceCancelSend(NDIS_HANDLE MiniportAdapterContext, PVOID CancelId)
{
    struct trace_entry *e = trace_enter((struct trace_entry){.call = TRACE_CANCEL_SEND});

    trace.real.CancelSendHandler(MiniportAdapterContext, CancelId);
    trace_leave(e, TRACE_CANCEL_SEND, NDIS_STATUS_SUCCESS);
}

static VOID NTAPI TraceReturnNetBufferLists(NDIS_HANDLE MiniportAdapterContext,
                                            PNET_BUFFER_LIST NetBufferLists, ULONG ReturnFlags)
{
    struct trace_entry *e =
        trace_enter((struct trace_entry){.call = TRACE_RETURN,
                                         .flags = ReturnFlags,
                                         .nbls = trace_chain_length(NetBufferLists),
                                         .first = NetBufferLists});

    trace.real.ReturnNetBufferListsHandler(MiniportAdapterContext, NetBufferLists, ReturnFlags);
    trace_leave(e, TRACE_RETURN, NDIS_STATUS_SUCCESS);
}

void trace_begin(struct rig *r)
{
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c = &r->adapter->driver->chars;
    DRIVER_OBJECT *object = nt_driver_object(r->driver);

    trace.rig = r;
    trace.real = *c;
    trace.unload = object->DriverUnload;
    c->InitializeHandlerEx = TraceInitializeEx;
    c->HaltHandlerEx = TraceHaltEx;
    c->PauseHandler = TracePause;
    c->RestartHandler = TraceRestart;
    c->ResetHandlerEx = c->ResetHandlerEx ? TraceResetEx : NULL;
    c->CheckForHangHandlerEx = c->CheckForHangHandlerEx ? TraceCheckForHangEx : NULL;
    c->DevicePnPEventNotifyHandler = TraceDevicePnPEventNotify;
    c->ShutdownHandlerEx = TraceShutdownEx;
    c->OidRequestHandler = TraceOidRequest;
    c->CancelOidRequestHandler = TraceCancelOidRequest;
    c->SendNetBufferListsHandler = TraceSendNetBufferLists;
    c->CancelSendHandler = TraceCancelSend;
    c->ReturnNetBufferListsHandler = TraceReturnNetBufferLists;
    if (trace.unload)
        object->DriverUnload = TraceUnload;
}
