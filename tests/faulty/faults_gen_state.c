/* SPDX-License-Identifier: MIT */
/* What can go wrong with states: pausing, restarting, halting, unloading. */
#include "aim.h"
#include "hosts.h"

static bool paused; /* between MiniportPause and MiniportRestart, as the twin has it */

/* ---- NDIS ----------------------------------------------------------------------------------- */

static void failed_restart_halts(struct ndis_adapter *a, enum ndis_adapter_state to)
{
    bool failed = to == NDIS_ADAPTER_PAUSED && ndis_adapter_state(a) == NDIS_ADAPTER_RESTARTING;

    if (failed) /* by way of Halted */
        __real_ndis_adapter_set_state(a, NDIS_ADAPTER_HALTED);
    __real_ndis_adapter_set_state(a, to);
}
FAULT("GEN-1", failed_restart_halts, "a failed restart goes to Halted and from there to Paused",
      .maybe = "GEN-6", .hosts = {{"ndis_adapter_set_state", failed_restart_halts}});

static void no_pausing(struct ndis_adapter *a, enum ndis_adapter_state to)
{
    if (to != NDIS_ADAPTER_PAUSING)
        __real_ndis_adapter_set_state(a, to);
}
FAULT("GEN-1", no_pausing, "NDIS goes from Running to Paused at once", .also = "GEN-7",
      .maybe = "CFG-18,GEN-2,GEN-4", .hosts = {{"ndis_adapter_set_state", no_pausing}});

static NDIS_STATUS restart_at_once(struct ndis_adapter *a)
{
    NDIS_MINIPORT_RESTART_PARAMETERS p = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, NDIS_MINIPORT_RESTART_PARAMETERS_REVISION_1,
                   NDIS_SIZEOF_MINIPORT_RESTART_PARAMETERS_REVISION_1}};

    if (ndis_adapter_state(a) == NDIS_ADAPTER_PAUSING)
        return a->driver->chars.RestartHandler(a->context, &p);
    return __real_ndis_adapter_restart(a);
}
FAULT("GEN-7", restart_while_pausing, "MiniportRestart is called while the adapter pauses",
      .hosts = {{"ndis_adapter_restart", restart_at_once}});

static void halt_at_once(struct ndis_adapter *a)
{
    (void)a;
}
FAULT("GEN-8", halt_before_requests, "MiniportHaltEx comes with a request at the driver",
      .maybe = "GEN-7", .hosts = {{"ndis_oid_drain", halt_at_once}});

static NDIS_STATUS restart_at_dispatch(struct ndis_adapter *a)
{
    NDIS_STATUS status;
    KIRQL irql;

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    status = __real_ndis_adapter_restart(a);
    KeLowerIrql(irql);
    return status;
}
FAULT("GEN-37", restart_at_dispatch, "MiniportRestart is called at DISPATCH_LEVEL",
      .maybe = "NT-IRQL", .hosts = {{"ndis_adapter_restart", restart_at_dispatch}});

/* ---- Pause ---------------------------------------------------------------------------------- */

static NDIS_STATUS NTAPI PauseHasSucceeded(NDIS_HANDLE MiniportAdapterContext,
                                           PNDIS_MINIPORT_PAUSE_PARAMETERS MiniportPauseParameters)
{
    driver.PauseHandler(MiniportAdapterContext, MiniportPauseParameters);
    return NDIS_STATUS_SUCCESS;
}
static VOID NTAPI NoPauseComplete(NDIS_HANDLE MiniportAdapterHandle)
{
    (void)MiniportAdapterHandle;
}
static void pause_at_once(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->PauseHandler = PauseHasSucceeded;
}
FAULT("GEN-2", pause_with_lent_frames, "the pause is over while lent NBLs are still out",
      .maybe = "GEN-4,GEN-5,GEN-29", .handlers = pause_at_once,
      .imports = {{"NdisMPauseComplete", NoPauseComplete}});

static NDIS_STATUS NTAPI PauseFails(NDIS_HANDLE MiniportAdapterContext,
                                    PNDIS_MINIPORT_PAUSE_PARAMETERS MiniportPauseParameters)
{
    NDIS_STATUS status = driver.PauseHandler(MiniportAdapterContext, MiniportPauseParameters);

    return status == NDIS_STATUS_SUCCESS ? NDIS_STATUS_FAILURE : status;
}
static void pause_fails(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->PauseHandler = PauseFails;
}
FAULT("GEN-3", pause_fails, "MiniportPause returns NDIS_STATUS_FAILURE", .handlers = pause_fails);

static VOID NTAPI PauseCompleteTwice(NDIS_HANDLE MiniportAdapterHandle)
{
    NdisMPauseComplete(MiniportAdapterHandle);
    NdisMPauseComplete(MiniportAdapterHandle);
}
FAULT("GEN-3", pause_completed_twice, "NdisMPauseComplete is called twice",
      .imports = {{"NdisMPauseComplete", PauseCompleteTwice}});

/* ---- While paused --------------------------------------------------------------------------- */

static NDIS_STATUS NTAPI PauseNoted(NDIS_HANDLE MiniportAdapterContext,
                                    PNDIS_MINIPORT_PAUSE_PARAMETERS MiniportPauseParameters)
{
    paused = true;
    return driver.PauseHandler(MiniportAdapterContext, MiniportPauseParameters);
}
static NDIS_STATUS NTAPI RestartNoted(NDIS_HANDLE MiniportAdapterContext,
                                      PNDIS_MINIPORT_RESTART_PARAMETERS MiniportRestartParameters)
{
    paused = false;
    return driver.RestartHandler(MiniportAdapterContext, MiniportRestartParameters);
}
static VOID NTAPI SendLost(NDIS_HANDLE MiniportAdapterContext, PNET_BUFFER_LIST NetBufferList,
                           NDIS_PORT_NUMBER PortNumber, ULONG SendFlags)
{
    if (!paused) {
        driver.SendNetBufferListsHandler(MiniportAdapterContext, NetBufferList, PortNumber,
                                         SendFlags);
        return;
    }
    aim_complete(NetBufferList, NDIS_STATUS_SUCCESS);
}
static void sends_succeed_while_paused(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->PauseHandler = PauseNoted;
    c->RestartHandler = RestartNoted;
    c->SendNetBufferListsHandler = SendLost;
}
FAULT("GEN-4", sends_succeed_while_paused, "sends of a paused adapter end with success",
      .handlers = sends_succeed_while_paused);

static NET_BUFFER_LIST *waiting, **waiting_tail = &waiting;

static VOID NTAPI SendWaits(NDIS_HANDLE MiniportAdapterContext, PNET_BUFFER_LIST NetBufferList,
                            NDIS_PORT_NUMBER PortNumber, ULONG SendFlags)
{
    if (!paused) {
        driver.SendNetBufferListsHandler(MiniportAdapterContext, NetBufferList, PortNumber,
                                         SendFlags);
        return;
    }
    *waiting_tail = NetBufferList;
    while (*waiting_tail)
        waiting_tail = &(*waiting_tail)->Next;
}
static NDIS_STATUS NTAPI RestartSends(NDIS_HANDLE MiniportAdapterContext,
                                      PNDIS_MINIPORT_RESTART_PARAMETERS MiniportRestartParameters)
{
    NDIS_STATUS status = driver.RestartHandler(MiniportAdapterContext, MiniportRestartParameters);

    paused = false;
    if (waiting)
        driver.SendNetBufferListsHandler(MiniportAdapterContext, waiting, 0, 0);
    waiting = NULL;
    waiting_tail = &waiting;
    return status;
}
static void sends_wait_for_restart(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->PauseHandler = PauseNoted;
    c->RestartHandler = RestartSends;
    c->SendNetBufferListsHandler = SendWaits;
}
FAULT("GEN-4", sends_wait_for_restart, "sends of a paused adapter leave after its restart",
      .maybe = "GEN-2,GEN-11", .handlers = sends_wait_for_restart);

/* The driver runs on; what it is sent is refused for it. */
static NDIS_STATUS NTAPI PauseForSendsOnly(NDIS_HANDLE MiniportAdapterContext,
                                           PNDIS_MINIPORT_PAUSE_PARAMETERS MiniportPauseParameters)
{
    NDIS_MINIPORT_RESTART_PARAMETERS p = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, NDIS_MINIPORT_RESTART_PARAMETERS_REVISION_1,
                   NDIS_SIZEOF_MINIPORT_RESTART_PARAMETERS_REVISION_1}};
    NDIS_STATUS status = driver.PauseHandler(MiniportAdapterContext, MiniportPauseParameters);

    paused = true;
    driver.RestartHandler(MiniportAdapterContext, &p);
    return status;
}
static NDIS_STATUS NTAPI RestartOnce(NDIS_HANDLE MiniportAdapterContext,
                                     PNDIS_MINIPORT_RESTART_PARAMETERS MiniportRestartParameters)
{
    bool was = paused;

    paused = false;
    return was ? NDIS_STATUS_SUCCESS
               : driver.RestartHandler(MiniportAdapterContext, MiniportRestartParameters);
}
static VOID NTAPI SendRefused(NDIS_HANDLE MiniportAdapterContext, PNET_BUFFER_LIST NetBufferList,
                              NDIS_PORT_NUMBER PortNumber, ULONG SendFlags)
{
    if (paused)
        aim_complete(NetBufferList, NDIS_STATUS_PAUSED);
    else
        driver.SendNetBufferListsHandler(MiniportAdapterContext, NetBufferList, PortNumber,
                                         SendFlags);
}
static VOID NTAPI HaltForgets(NDIS_HANDLE MiniportAdapterContext, NDIS_HALT_ACTION HaltAction)
{
    paused = false;
    driver.HaltHandlerEx(MiniportAdapterContext, HaltAction);
}
static void receives_while_paused(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->HaltHandlerEx = HaltForgets;
    c->PauseHandler = PauseForSendsOnly;
    c->RestartHandler = RestartOnce;
    c->SendNetBufferListsHandler = SendRefused;
}
FAULT("GEN-5", receives_while_paused, "frames are indicated while the adapter is paused",
      .maybe = "GEN-2", .handlers = receives_while_paused);

/* ---- Restart -------------------------------------------------------------------------------- */

static NDIS_STATUS NTAPI RestartCompletesTwice(
    NDIS_HANDLE MiniportAdapterContext, PNDIS_MINIPORT_RESTART_PARAMETERS MiniportRestartParameters)
{
    NDIS_STATUS status = driver.RestartHandler(MiniportAdapterContext, MiniportRestartParameters);

    NdisMRestartComplete(aim_adapter(), status);
    NdisMRestartComplete(aim_adapter(), status);
    return NDIS_STATUS_PENDING;
}
static void restart_completed_twice(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    aim_at_adapter(c);
    c->RestartHandler = RestartCompletesTwice;
}
FAULT("GEN-6", restart_completed_twice, "NdisMRestartComplete is called twice",
      .handlers = restart_completed_twice);

/* From its first packet on, the check of this row pauses and restarts. */
static bool traffic_seen;

static VOID NTAPI SendNoted(NDIS_HANDLE MiniportAdapterContext, PNET_BUFFER_LIST NetBufferList,
                            NDIS_PORT_NUMBER PortNumber, ULONG SendFlags)
{
    traffic_seen |= aim_row(NetBufferList) == 6;
    driver.SendNetBufferListsHandler(MiniportAdapterContext, NetBufferList, PortNumber, SendFlags);
}

static NDIS_STATUS NTAPI RestartDoesNothing(
    NDIS_HANDLE MiniportAdapterContext, PNDIS_MINIPORT_RESTART_PARAMETERS MiniportRestartParameters)
{
    return traffic_seen ? NDIS_STATUS_SUCCESS
                        : driver.RestartHandler(MiniportAdapterContext, MiniportRestartParameters);
}
static void restart_does_nothing(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->RestartHandler = RestartDoesNothing;
    c->SendNetBufferListsHandler = SendNoted;
}
FAULT("GEN-6", restart_does_nothing, "after a pause the restart does nothing",
      .handlers = restart_does_nothing);

static NDIS_STATUS NTAPI RestartWithOddStatus(
    NDIS_HANDLE MiniportAdapterContext, PNDIS_MINIPORT_RESTART_PARAMETERS MiniportRestartParameters)
{
    NDIS_STATUS status = driver.RestartHandler(MiniportAdapterContext, MiniportRestartParameters);

    return traffic_seen ? NDIS_STATUS_INDICATION_REQUIRED : status;
}
static void restart_with_odd_status(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->RestartHandler = RestartWithOddStatus;
    c->SendNetBufferListsHandler = SendNoted;
}
FAULT("GEN-6", restart_with_odd_status, "a later restart ends with neither success nor failure",
      .handlers = restart_with_odd_status);

/* ---- Halt and unload ------------------------------------------------------------------------ */

static VOID NTAPI HaltLeavesMemory(NDIS_HANDLE MiniportAdapterContext, NDIS_HALT_ACTION HaltAction)
{
    driver.HaltHandlerEx(MiniportAdapterContext, HaltAction);
    NdisAllocateMemoryWithTagPriority(aim_adapter(), 100, 0x6b616c, NormalPoolPriority);
}
static void halt_leaves_memory(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    aim_at_adapter(c);
    c->HaltHandlerEx = HaltLeavesMemory;
}
FAULT("GEN-9", halt_leaves_memory, "memory of the adapter is left after halt", .also = "GEN-10",
      .handlers = halt_leaves_memory);

static void *complete_late(void *arg)
{
    while (ndis_adapter_state(arg) != NDIS_ADAPTER_HALTED)
        usleep(100);
    NdisMOidRequestComplete(arg, NULL, NDIS_STATUS_SUCCESS);
    return NULL;
}
static VOID NTAPI HaltLeavesThread(NDIS_HANDLE MiniportAdapterContext, NDIS_HALT_ACTION HaltAction)
{
    static pthread_t thread;

    driver.HaltHandlerEx(MiniportAdapterContext, HaltAction);
    pthread_create(&thread, NULL, complete_late, aim_adapter());
    pthread_detach(thread);
}
static void calls_after_halt(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    aim_at_adapter(c);
    c->HaltHandlerEx = HaltLeavesThread;
}
FAULT("GEN-9", calls_after_halt, "a thread of the driver calls NDIS for a halted adapter",
      .maybe = "GEN-26,NT-HANDLE", .handlers = calls_after_halt);

static void memory_for_ever(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    (void)c;
    ExAllocatePoolWithTag(NonPagedPool, 64, 0x6b616c);
}
FAULT("GEN-10", memory_for_ever, "what DriverEntry allocated is left after unload",
      .handlers = memory_for_ever);

static VOID NTAPI NoDeregister(NDIS_HANDLE NdisMiniportDriverHandle)
{
    (void)NdisMiniportDriverHandle;
}
FAULT("GEN-10", stays_registered, "the driver does not deregister when it is unloaded",
      .imports = {{"NdisMDeregisterMiniportDriver", NoDeregister}});
