/* SPDX-License-Identifier: MIT */
/* What can go wrong with reset, hang, removal, shutdown and link. */
#include "aim.h"
#include "hosts.h"

static NDIS_STATUS NTAPI ResetForgetsFilter(NDIS_HANDLE MiniportAdapterContext,
                                            PBOOLEAN AddressingReset)
{
    static ULONG none;
    NDIS_OID_REQUEST q =
        rig_request(NdisRequestSetInformation, OID_GEN_CURRENT_PACKET_FILTER, &none, sizeof none);
    NDIS_STATUS status = driver.ResetHandlerEx(MiniportAdapterContext, AddressingReset);

    driver.OidRequestHandler(MiniportAdapterContext, &q);
    return status;
}
static void reset_forgets_filter(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->ResetHandlerEx = ResetForgetsFilter;
}
FAULT("GEN-32", reset_forgets_filter, "the packet filter is lost in a reset",
      .maybe = "CFG-12,ENC-22,GEN-40", .handlers = reset_forgets_filter);

static NDIS_STATUS NTAPI ResetCompletes(NDIS_HANDLE MiniportAdapterContext,
                                        PBOOLEAN AddressingReset)
{
    NDIS_STATUS status = driver.ResetHandlerEx(MiniportAdapterContext, AddressingReset);

    NdisMResetComplete(aim_adapter(), status, FALSE);
    NdisMResetComplete(aim_adapter(), status, FALSE);
    return NDIS_STATUS_PENDING;
}
static void reset_completed_twice(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    aim_at_adapter(c);
    c->ResetHandlerEx = ResetCompletes;
}
FAULT("GEN-32", reset_completed_twice, "NdisMResetComplete is called twice",
      .handlers = reset_completed_twice);

static void no_restore(struct ndis_adapter *a)
{
    (void)a;
}
FAULT("GEN-32", nothing_restored, "after an AddressingReset NDIS sets no filter again",
      .oid_restore = no_restore);

static void no_reset_end(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    if (s->StatusCode != NDIS_STATUS_RESET_END)
        host_bindings_status(a, s);
}
FAULT("GEN-33", no_reset_end, "NDIS_STATUS_RESET_END is not indicated",
      .bindings_status = no_reset_end);

static void two_reset_starts(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    if (s->StatusCode == NDIS_STATUS_RESET_START)
        host_bindings_status(a, s);
    host_bindings_status(a, s);
}
FAULT("GEN-33", two_reset_starts, "NDIS_STATUS_RESET_START is indicated twice",
      .bindings_status = two_reset_starts);

static NDIS_STATUS no_reset(struct ndis_adapter *a)
{
    (void)a;
    return NDIS_STATUS_SUCCESS;
}
FAULT("GEN-34", hang_is_ignored, "a TRUE of MiniportCheckForHangEx leads to nothing",
      .hosts = {{"ndis_adapter_reset_locked", no_reset}});

static BOOLEAN NTAPI AlwaysHung(NDIS_HANDLE MiniportAdapterContext)
{
    driver.CheckForHangHandlerEx(MiniportAdapterContext);
    return TRUE;
}
static void always_hung(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->CheckForHangHandlerEx = AlwaysHung;
}
FAULT("GEN-34", always_hung, "a check for hang finds a hang where there is none",
      .maybe = "GEN-31,GEN-33", .handlers = always_hung);

static bool removed;

static VOID NTAPI RemovalNoted(NDIS_HANDLE MiniportAdapterContext,
                               PNET_DEVICE_PNP_EVENT NetDevicePnPEvent)
{
    removed |= NetDevicePnPEvent->DevicePnPEvent == NdisDevicePnPEventSurpriseRemoved;
    driver.DevicePnPEventNotifyHandler(MiniportAdapterContext, NetDevicePnPEvent);
}
static VOID NTAPI SucceedsAfterRemoval(NDIS_HANDLE MiniportAdapterHandle,
                                       PNET_BUFFER_LIST NetBufferList, ULONG SendCompleteFlags)
{
    for (NET_BUFFER_LIST *nbl = NetBufferList; nbl && removed; nbl = nbl->Next)
        nbl->Status = NDIS_STATUS_SUCCESS;
    NdisMSendNetBufferListsComplete(MiniportAdapterHandle, NetBufferList, SendCompleteFlags);
}
static void note_removal(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->DevicePnPEventNotifyHandler = RemovalNoted;
}
FAULT("GEN-35", sends_succeed_after_removal, "sends after the removal end with success",
      .handlers = note_removal,
      .imports = {{"NdisMSendNetBufferListsComplete", SucceedsAfterRemoval}});

static VOID NTAPI ShutdownForgotten(NDIS_HANDLE MiniportAdapterContext,
                                    NDIS_SHUTDOWN_ACTION ShutdownAction)
{
    (void)MiniportAdapterContext, (void)ShutdownAction;
}
static void shutdown_does_nothing(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->ShutdownHandlerEx = ShutdownForgotten;
}
FAULT("GEN-36", shutdown_does_nothing, "the card runs on after MiniportShutdownEx",
      .handlers = shutdown_does_nothing);

static VOID NTAPI ShutdownFrees(NDIS_HANDLE MiniportAdapterContext,
                                NDIS_SHUTDOWN_ACTION ShutdownAction)
{
    (void)ShutdownAction;
    driver.HaltHandlerEx(MiniportAdapterContext, NdisHaltDeviceDisabled);
}
static void shutdown_frees(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->ShutdownHandlerEx = ShutdownFrees;
}
FAULT("GEN-36", shutdown_frees, "MiniportShutdownEx takes the adapter apart",
      .handlers = shutdown_frees);

static void runs_on(struct ndis_adapter *a)
{
    __real_ndis_adapter_shutdown(a);
    atomic_store(&a->state, NDIS_ADAPTER_RUNNING);
}
FAULT("GEN-36", runs_on_after_shutdown, "NDIS uses the adapter after its shutdown",
      .maybe = "NT-HANDLE", .hosts = {{"ndis_adapter_shutdown", runs_on}});

static VOID NTAPI NoLinkState(NDIS_HANDLE MiniportAdapterHandle,
                              PNDIS_STATUS_INDICATION StatusIndication)
{
    if (StatusIndication->StatusCode != NDIS_STATUS_LINK_STATE)
        NdisMIndicateStatusEx(MiniportAdapterHandle, StatusIndication);
}
FAULT("GEN-41", link_changes_untold, "NDIS_STATUS_LINK_STATE is not indicated",
      .imports = {{"NdisMIndicateStatusEx", NoLinkState}});

static NET_BUFFER_LIST *waiting, **waiting_tail = &waiting;
static bool link_down;

static VOID NTAPI LinkNoted(NDIS_HANDLE MiniportAdapterHandle,
                            PNDIS_STATUS_INDICATION StatusIndication)
{
    const NDIS_LINK_STATE *l = StatusIndication->StatusBuffer;

    if (StatusIndication->StatusCode == NDIS_STATUS_LINK_STATE) {
        link_down = l->MediaConnectState == MediaConnectStateDisconnected;
    }
    NdisMIndicateStatusEx(MiniportAdapterHandle, StatusIndication);
}
static VOID NTAPI SendWaitsForLink(NDIS_HANDLE MiniportAdapterContext,
                                   PNET_BUFFER_LIST NetBufferList, NDIS_PORT_NUMBER PortNumber,
                                   ULONG SendFlags)
{
    if (link_down && aim_row(NetBufferList) == 41) {
        *waiting_tail = NetBufferList;
        while (*waiting_tail)
            waiting_tail = &(*waiting_tail)->Next;
        return;
    }
    driver.SendNetBufferListsHandler(MiniportAdapterContext, NetBufferList, PortNumber, SendFlags);
    if (waiting)
        driver.SendNetBufferListsHandler(MiniportAdapterContext, waiting, PortNumber, 0);
    waiting = NULL;
    waiting_tail = &waiting;
}
static void sends_wait_for_link(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->SendNetBufferListsHandler = SendWaitsForLink;
}
FAULT("GEN-41", sends_wait_for_link, "sends without link are kept until there is one",
      .handlers = sends_wait_for_link, .imports = {{"NdisMIndicateStatusEx", LinkNoted}});
