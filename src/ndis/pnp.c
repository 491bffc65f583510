/* SPDX-License-Identifier: MIT */
/* Bus data, device memory, removal, check-for-hang, log entries: what a miniport asks of the
 * machine around it. */
#include "ndis/private.h"

#include "nt/export.h"

enum { HANG_SECONDS = 2 };

ULONG NTAPI NdisMGetBusData(NDIS_HANDLE NdisMiniportHandle, ULONG WhichSpace, ULONG Offset,
                            PVOID Buffer, ULONG Length)
{
    struct ndis_adapter *a = ndis_adapter_get(NdisMiniportHandle, __func__);

    if (!a || !a->device || !Buffer || WhichSpace != PCI_WHICHSPACE_CONFIG)
        return 0;
    return nt_device_config(a->device, false, Offset, Buffer, Length);
}
NT_EXPORT(NdisMGetBusData);

ULONG NTAPI NdisMSetBusData(NDIS_HANDLE NdisMiniportHandle, ULONG WhichSpace, ULONG Offset,
                            PVOID Buffer, ULONG Length)
{
    struct ndis_adapter *a = ndis_adapter_get(NdisMiniportHandle, __func__);

    if (!a || !a->device || !Buffer || WhichSpace != PCI_WHICHSPACE_CONFIG)
        return 0;
    return nt_device_config(a->device, true, Offset, Buffer, Length);
}
NT_EXPORT(NdisMSetBusData);

NDIS_STATUS NTAPI NdisMMapIoSpace(PVOID *VirtualAddress, NDIS_HANDLE MiniportAdapterHandle,
                                  NDIS_PHYSICAL_ADDRESS PhysicalAddress, UINT Length)
{
    struct ndis_adapter *a = ndis_adapter_get(MiniportAdapterHandle, __func__);

    *VirtualAddress = NULL;
    if (!a || !NT_PASSIVE_ONLY())
        return NDIS_STATUS_FAILURE;
    if (!a->registration_set) {
        ndis_adapter_finding(a, "INIT-3", "%s before NdisMSetMiniportAttributes", __func__);
        return NDIS_STATUS_FAILURE;
    }
    if (!nt_may_allocate())
        return NDIS_STATUS_RESOURCES;
    *VirtualAddress = nt_mmio_map(PhysicalAddress, Length);
    if (!*VirtualAddress)
        return NDIS_STATUS_RESOURCE_CONFLICT;
    nt_ledger_add(NT_RES_IO_SPACE, *VirtualAddress, Length, 0);
    return NDIS_STATUS_SUCCESS;
}
NT_EXPORT(NdisMMapIoSpace);

VOID NTAPI NdisMUnmapIoSpace(NDIS_HANDLE MiniportAdapterHandle, PVOID VirtualAddress, UINT Length)
{
    struct ndis_adapter *a = ndis_adapter_get(MiniportAdapterHandle, __func__);

    if (!a || !NT_PASSIVE_ONLY())
        return;
    if (nt_ledger_remove(NT_RES_IO_SPACE, VirtualAddress) && !nt_mmio_unmap(VirtualAddress, Length))
        ndis_adapter_finding(a, "NT-IOSPACE", "%s of %p, %u bytes: not what was mapped", __func__,
                             VirtualAddress, Length);
}
NT_EXPORT(NdisMUnmapIoSpace);

/* No device here has I/O ports; one that asks for them gets none. */
NDIS_STATUS NTAPI NdisMRegisterIoPortRange(PVOID *PortOffset, NDIS_HANDLE MiniportAdapterHandle,
                                           UINT InitialPort, UINT NumberOfPorts)
{
    (void)InitialPort;
    (void)NumberOfPorts;
    *PortOffset = NULL;
    return ndis_adapter_get(MiniportAdapterHandle, __func__) ? NDIS_STATUS_RESOURCE_CONFLICT
                                                             : NDIS_STATUS_FAILURE;
}
NT_EXPORT(NdisMRegisterIoPortRange);

VOID NTAPI NdisMDeregisterIoPortRange(NDIS_HANDLE MiniportAdapterHandle, UINT InitialPort,
                                      UINT NumberOfPorts, PVOID PortOffset)
{
    struct ndis_adapter *a = ndis_adapter_get(MiniportAdapterHandle, __func__);

    if (a)
        ndis_adapter_finding(a, "NT-IOSPACE",
                             "%s of ports 0x%x (%u) at %p, which were never granted", __func__,
                             InitialPort, NumberOfPorts, PortOffset);
}
NT_EXPORT(NdisMDeregisterIoPortRange);

VOID NTAPI NdisMGetDeviceProperty(NDIS_HANDLE MiniportAdapterHandle,
                                  PDEVICE_OBJECT *PhysicalDeviceObject,
                                  PDEVICE_OBJECT *FunctionalDeviceObject,
                                  PDEVICE_OBJECT *NextDeviceObject,
                                  PCM_RESOURCE_LIST *AllocatedResources,
                                  PCM_RESOURCE_LIST *AllocatedResourcesTranslated)
{
    struct ndis_adapter *a = ndis_adapter_get(MiniportAdapterHandle, __func__);
    DEVICE_OBJECT *pdo = a && a->device ? nt_device_pdo(a->device) : NULL;
    CM_RESOURCE_LIST *resources =
        a && a->device ? (CM_RESOURCE_LIST *)(uintptr_t)nt_device_resources(a->device) : NULL;

    if (PhysicalDeviceObject)
        *PhysicalDeviceObject = pdo;
    if (FunctionalDeviceObject)
        *FunctionalDeviceObject =
            pdo; /* opaque to the miniport, and NDIS has no function device of its own here */
    if (NextDeviceObject)
        *NextDeviceObject = pdo;
    if (AllocatedResources)
        *AllocatedResources = resources;
    if (AllocatedResourcesTranslated)
        *AllocatedResourcesTranslated = resources;
}
NT_EXPORT(NdisMGetDeviceProperty);

NDIS_STATUS NTAPI NdisMRemoveMiniport(NDIS_HANDLE MiniportAdapterHandle)
{
    struct ndis_adapter *a = ndis_adapter_get(MiniportAdapterHandle, __func__);

    if (!a)
        return NDIS_STATUS_FAILURE;
    log_warn("ndis: %s: its driver says that it failed and has it removed", a->name);
    atomic_store(&a->remove_wanted, true);
    ndis_runtime_wake();
    return NDIS_STATUS_SUCCESS;
}
NT_EXPORT(NdisMRemoveMiniport);

VOID NTAPI NdisMResetMiniport(NDIS_HANDLE MiniportAdapterHandle)
{
    struct ndis_adapter *a = ndis_adapter_get(MiniportAdapterHandle, __func__);

    if (!a || !NT_DISPATCH_MAX())
        return;
    atomic_store(&a->reset_wanted, true);
    ndis_runtime_wake();
}
NT_EXPORT(NdisMResetMiniport);

NDIS_STATUS NTAPI NdisMNetPnPEvent(NDIS_HANDLE MiniportAdapterHandle,
                                   PNET_PNP_EVENT_NOTIFICATION NetPnPEventNotification)
{
    struct ndis_adapter *a = ndis_adapter_get(MiniportAdapterHandle, __func__);

    if (!a || !NetPnPEventNotification || !NT_PASSIVE_ONLY() ||
        NetPnPEventNotification->Header.Size < NDIS_SIZEOF_NET_PNP_EVENT_NOTIFICATION_REVISION_1)
        return NDIS_STATUS_INVALID_PARAMETER;
    if (!nt_may_allocate())
        return NDIS_STATUS_RESOURCES;
    ndis_bindings_pnp(a, NetPnPEventNotification);
    return NDIS_STATUS_SUCCESS;
}
NT_EXPORT(NdisMNetPnPEvent);

VOID NTAPI NdisWriteErrorLogEntry(NDIS_HANDLE NdisHandle, ULONG ErrorCode,
                                  ULONG NumberOfErrorValues, ...)
{
    struct ndis_adapter *a = ndis_handle_get(NdisHandle, NDIS_H_ADAPTER, __func__);
    char values[160] = "";
    size_t used = 0;
    __builtin_ms_va_list args;

    __builtin_ms_va_start(args, NumberOfErrorValues);
    for (ULONG n = 0; n < MIN_OF(NumberOfErrorValues, (ULONG)8); n++)
        used += (size_t)snprintf(values + used, sizeof(values) - used, " 0x%x",
                                 __builtin_va_arg(args, ULONG));
    __builtin_ms_va_end(args);
    log_warn("ndis: %s: driver logs error 0x%08x%s", a ? a->name : "?", ErrorCode, values);
}
NT_EXPORT(NdisWriteErrorLogEntry);

static bool hangs_are_checked(struct ndis_adapter *a)
{
    enum ndis_adapter_state s = ndis_adapter_state(a);

    return a->driver->chars.CheckForHangHandlerEx && !atomic_load(&a->removed) &&
           (s == NDIS_ADAPTER_PAUSED || s == NDIS_ADAPTER_RUNNING);
}

static uint64_t hang_period_ns(const struct ndis_adapter *a)
{
    unsigned seconds = a->hang_period_s ? a->hang_period_s : HANG_SECONDS;

    return (uint64_t)(seconds * ndis_time_factor * 1e9);
}

bool ndis_pnp_due(struct ndis_adapter *a, uint64_t now)
{
    enum ndis_adapter_state s = ndis_adapter_state(a);

    if (s == NDIS_ADAPTER_HALTED || s == NDIS_ADAPTER_SHUTDOWN || s == NDIS_ADAPTER_INITIALIZING)
        return false;
    return atomic_load(&a->remove_wanted) || atomic_load(&a->reset_wanted) ||
           (hangs_are_checked(a) && now >= a->hang_due_ns + hang_period_ns(a));
}

bool ndis_pnp_rescue_due(struct ndis_adapter *a, uint64_t now)
{
    return atomic_load(&a->rescuable) && ndis_adapter_state(a) == NDIS_ADAPTER_RUNNING &&
           (atomic_load(&a->reset_wanted) ||
            (hangs_are_checked(a) && now >= a->hang_due_ns + hang_period_ns(a)));
}

void ndis_pnp_rescue(struct ndis_adapter *a)
{
    struct ndis_call call;
    BOOLEAN hung = FALSE;

    if (hangs_are_checked(a) && nt_now_ns() >= a->hang_due_ns + hang_period_ns(a)) {
        call = ndis_call_begin(a->driver->owner);
        hung = a->driver->chars.CheckForHangHandlerEx(a->context);
        ndis_call_end(&call, "MiniportCheckForHangEx");
    }
    a->hang_due_ns = nt_now_ns();
    if (atomic_exchange(&a->reset_wanted, false) || hung)
        ndis_adapter_reset_locked(a);
}

void ndis_pnp_service(struct ndis_adapter *a)
{
    if (!atomic_exchange(&a->remove_wanted, false)) {
        ndis_pnp_rescue(a);
        return;
    }
    atomic_store(&a->removed, true);
    ndis_oid_abort_all(a);
    ndis_adapter_halt_locked(a, NdisHaltDeviceFailed);
}
