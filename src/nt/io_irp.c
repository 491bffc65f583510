/* SPDX-License-Identifier: MIT */
/* IRPs: made, sent down a stack, completed up again, cancelled; and what drivers ask about their
 * device. */
#include "nt/export.h"
#include "nt/finding.h"
#include "nt/ledger.h"
#include "nt/processor.h"

#include <wdk/ntddk.h>

static KSPIN_LOCK cancel_lock;

VOID NTAPI IoInitializeIrp(PIRP Irp, USHORT PacketSize, CCHAR StackSize)
{
    memset(Irp, 0, PacketSize);
    Irp->Type = IO_TYPE_IRP;
    Irp->Size = PacketSize;
    Irp->StackCount = StackSize;
    Irp->CurrentLocation = (CHAR)(StackSize + 1);
    Irp->Tail.Overlay.CurrentStackLocation = (PIO_STACK_LOCATION)(Irp + 1) + StackSize;
    InitializeListHead(&Irp->ThreadListEntry);
}
NT_EXPORT(IoInitializeIrp);

PIRP NTAPI IoAllocateIrp(CCHAR StackSize, BOOLEAN ChargeQuota)
{
    PIRP irp;

    (void)ChargeQuota;
    NT_DISPATCH_MAX();
    if (StackSize <= 0 || !nt_may_allocate())
        return NULL;
    irp = aligned_alloc(16, ALIGN_UP((size_t)IoSizeOfIrp(StackSize), (size_t)16));
    if (irp) {
        IoInitializeIrp(irp, IoSizeOfIrp(StackSize), StackSize);
        nt_ledger_add(NT_RES_REGISTRATION, irp, IoSizeOfIrp(StackSize), 0x20707249 /* "Irp " */);
    }
    return irp;
}
NT_EXPORT(IoAllocateIrp);

VOID NTAPI IoFreeIrp(PIRP Irp)
{
    NT_DISPATCH_MAX();
    if (nt_ledger_remove(NT_RES_REGISTRATION, Irp))
        free(Irp);
}
NT_EXPORT(IoFreeIrp);

VOID NTAPI IoReuseIrp(PIRP Irp, NTSTATUS Iostatus)
{
    IoInitializeIrp(Irp, Irp->Size, Irp->StackCount);
    Irp->IoStatus.Status = Iostatus;
}
NT_EXPORT(IoReuseIrp);

NTSTATUS NTAPI IofCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_STACK_LOCATION next;
    PDRIVER_DISPATCH dispatch;

    NT_DISPATCH_MAX();
    if (Irp->CurrentLocation <= 1) {
        finding_report("NT-IRP", "IoCallDriver: the IRP has no stack location left");
        return STATUS_INVALID_PARAMETER;
    }
    IoSetNextIrpStackLocation(Irp);
    next = IoGetCurrentIrpStackLocation(Irp);
    next->DeviceObject = DeviceObject;
    if (next->MajorFunction > IRP_MJ_MAXIMUM_FUNCTION || !DeviceObject->DriverObject) {
        Irp->IoStatus.Status = STATUS_INVALID_DEVICE_REQUEST;
        IofCompleteRequest(Irp, IO_NO_INCREMENT);
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    dispatch = DeviceObject->DriverObject->MajorFunction[next->MajorFunction];
    return dispatch(DeviceObject, Irp);
}
NT_EXPORT(IofCallDriver);

/* Calls the completion routine that the driver above set in this location; false when it keeps the
 * IRP. */
static bool complete_one(PIRP irp, PIO_STACK_LOCATION location)
{
    bool above = irp->CurrentLocation <= irp->StackCount;
    UCHAR wanted = NT_SUCCESS(irp->IoStatus.Status) ? SL_INVOKE_ON_SUCCESS : SL_INVOKE_ON_ERROR;

    if (irp->Cancel)
        wanted = (UCHAR)(wanted | SL_INVOKE_ON_CANCEL);
    irp->PendingReturned = (location->Control & SL_PENDING_RETURNED) != 0;
    if (location->CompletionRoutine && (location->Control & wanted))
        return location->CompletionRoutine(
                   above ? IoGetCurrentIrpStackLocation(irp)->DeviceObject : NULL, irp,
                   location->Context) != STATUS_MORE_PROCESSING_REQUIRED;
    if (irp->PendingReturned && above)
        IoMarkIrpPending(irp);
    return true;
}

/* An IRP of ours (IoBuild...) tells its maker and goes; others belong to who allocated them. */
static void finish(PIRP irp)
{
    if (!(irp->Flags & IRP_SYNCHRONOUS_API))
        return;
    if ((irp->Flags & IRP_INPUT_OPERATION) && irp->UserBuffer && irp->AssociatedIrp.SystemBuffer &&
        NT_SUCCESS(irp->IoStatus.Status))
        memcpy(irp->UserBuffer, irp->AssociatedIrp.SystemBuffer, irp->IoStatus.Information);
    if (irp->Flags & IRP_DEALLOCATE_BUFFER)
        free(irp->AssociatedIrp.SystemBuffer);
    if (irp->UserIosb)
        *irp->UserIosb = irp->IoStatus;
    if (irp->UserEvent)
        KeSetEvent(irp->UserEvent, IO_NO_INCREMENT, FALSE);
    nt_ledger_take(NT_RES_REGISTRATION, irp, NULL);
    free(irp);
}

VOID NTAPI IofCompleteRequest(PIRP Irp, CCHAR PriorityBoost)
{
    (void)PriorityBoost;
    NT_DISPATCH_MAX();
    if (Irp->CurrentLocation > Irp->StackCount + 1 || Irp->Type != IO_TYPE_IRP) {
        finding_report("NT-IRP", "IoCompleteRequest: the IRP is complete already");
        return;
    }
    if (Irp->IoStatus.Status == STATUS_PENDING)
        finding_report("NT-IRP", "IoCompleteRequest: the IRP's status is STATUS_PENDING");
    while (Irp->CurrentLocation <= Irp->StackCount) {
        PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(Irp);

        IoSkipCurrentIrpStackLocation(Irp);
        if (!complete_one(Irp, location))
            return;
    }
    Irp->CurrentLocation = (CHAR)(Irp->StackCount + 2);
    finish(Irp);
}
NT_EXPORT(IofCompleteRequest);

VOID NTAPI IoAcquireCancelSpinLock(PKIRQL Irql)
{
    *Irql = KeAcquireSpinLockRaiseToDpc(&cancel_lock);
}
NT_EXPORT(IoAcquireCancelSpinLock);

VOID NTAPI IoReleaseCancelSpinLock(KIRQL Irql)
{
    KeReleaseSpinLock(&cancel_lock, Irql);
}
NT_EXPORT(IoReleaseCancelSpinLock);

/* The cancel routine gives the lock back. */
BOOLEAN NTAPI IoCancelIrp(PIRP Irp)
{
    PDRIVER_CANCEL routine;
    KIRQL irql;

    NT_DISPATCH_MAX();
    IoAcquireCancelSpinLock(&irql);
    Irp->Cancel = TRUE;
    routine = IoSetCancelRoutine(Irp, NULL);
    if (!routine || Irp->CurrentLocation > Irp->StackCount) {
        IoReleaseCancelSpinLock(irql);
        return FALSE;
    }
    Irp->CancelIrql = irql;
    routine(IoGetCurrentIrpStackLocation(Irp)->DeviceObject, Irp);
    return TRUE;
}
NT_EXPORT(IoCancelIrp);

static PIRP build(PDEVICE_OBJECT device, PKEVENT event, PIO_STATUS_BLOCK status)
{
    PIRP irp = IoAllocateIrp(device->StackSize, FALSE);

    if (irp) {
        irp->Flags = IRP_SYNCHRONOUS_API;
        irp->UserEvent = event;
        irp->UserIosb = status;
    }
    return irp;
}

static bool build_buffer(PIRP irp, const void *in, size_t in_bytes, void *out, size_t out_bytes)
{
    size_t bytes = MAX_OF(in_bytes, out_bytes);

    if (bytes == 0)
        return true;
    irp->AssociatedIrp.SystemBuffer = calloc(1, bytes);
    if (!irp->AssociatedIrp.SystemBuffer)
        return false;
    if (in_bytes)
        memcpy(irp->AssociatedIrp.SystemBuffer, in, in_bytes);
    irp->UserBuffer = out;
    irp->Flags |= IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER | (out_bytes ? IRP_INPUT_OPERATION : 0u);
    return true;
}

PIRP NTAPI IoBuildDeviceIoControlRequest(ULONG IoControlCode, PDEVICE_OBJECT DeviceObject,
                                         PVOID InputBuffer, ULONG InputBufferLength,
                                         PVOID OutputBuffer, ULONG OutputBufferLength,
                                         BOOLEAN InternalDeviceIoControl, PKEVENT Event,
                                         PIO_STATUS_BLOCK IoStatusBlock)
{
    PIRP irp;
    PIO_STACK_LOCATION next;

    NT_PASSIVE_ONLY();
    irp = build(DeviceObject, Event, IoStatusBlock);
    if (!irp)
        return NULL;
    next = IoGetNextIrpStackLocation(irp);
    next->MajorFunction =
        InternalDeviceIoControl ? IRP_MJ_INTERNAL_DEVICE_CONTROL : IRP_MJ_DEVICE_CONTROL;
    next->Parameters.DeviceIoControl.IoControlCode = IoControlCode;
    next->Parameters.DeviceIoControl.InputBufferLength = InputBufferLength;
    next->Parameters.DeviceIoControl.OutputBufferLength = OutputBufferLength;
    if (METHOD_FROM_CTL_CODE(IoControlCode) == METHOD_NEITHER) {
        next->Parameters.DeviceIoControl.Type3InputBuffer = InputBuffer;
        irp->UserBuffer = OutputBuffer;
    } else if (METHOD_FROM_CTL_CODE(IoControlCode) != METHOD_BUFFERED ||
               !build_buffer(irp, InputBuffer, InputBufferLength, OutputBuffer,
                             OutputBufferLength)) {
        /* Direct I/O would want an MDL of the caller's buffer; nobody here asks for it. */
        IoFreeIrp(irp);
        return NULL;
    }
    return irp;
}
NT_EXPORT(IoBuildDeviceIoControlRequest);

/* IRP_MJ_PNP and the like: reads and writes of data go to no device here. */
PIRP NTAPI IoBuildSynchronousFsdRequest(ULONG MajorFunction, PDEVICE_OBJECT DeviceObject,
                                        PVOID Buffer, ULONG Length, PLARGE_INTEGER StartingOffset,
                                        PKEVENT Event, PIO_STATUS_BLOCK IoStatusBlock)
{
    PIRP irp;

    (void)StartingOffset;
    NT_PASSIVE_ONLY();
    irp = build(DeviceObject, Event, IoStatusBlock);
    if (!irp)
        return NULL;
    IoGetNextIrpStackLocation(irp)->MajorFunction = (UCHAR)MajorFunction;
    irp->UserBuffer = Buffer;
    if (MajorFunction == IRP_MJ_READ || MajorFunction == IRP_MJ_WRITE)
        IoGetNextIrpStackLocation(irp)->Parameters.Read.Length = Length;
    return irp;
}
NT_EXPORT(IoBuildSynchronousFsdRequest);

NTSTATUS NTAPI PoCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    return IofCallDriver(DeviceObject, Irp);
}
NT_EXPORT(PoCallDriver);

/* Since Windows Vista it does nothing there either. */
VOID NTAPI PoStartNextPowerIrp(PIRP Irp)
{
    (void)Irp;
}
NT_EXPORT(PoStartNextPowerIrp);

/* The machine is always on: the previous state is D0 or S0. */
POWER_STATE NTAPI PoSetPowerState(PDEVICE_OBJECT DeviceObject, POWER_STATE_TYPE Type,
                                  POWER_STATE State)
{
    POWER_STATE was = State;

    (void)DeviceObject;
    if (Type == DevicePowerState)
        was.DeviceState = PowerDeviceD0;
    else
        was.SystemState = PowerSystemWorking;
    return was;
}
NT_EXPORT(PoSetPowerState);

/* WMI has nobody to ask. */
NTSTATUS NTAPI IoWMIRegistrationControl(PDEVICE_OBJECT DeviceObject, ULONG Action)
{
    (void)DeviceObject, (void)Action;
    NT_PASSIVE_ONLY();
    return STATUS_SUCCESS;
}
NT_EXPORT(IoWMIRegistrationControl);

NTSTATUS NTAPI IoRegisterDeviceInterface(PDEVICE_OBJECT PhysicalDeviceObject,
                                         const GUID *InterfaceClassGuid,
                                         PUNICODE_STRING ReferenceString,
                                         PUNICODE_STRING SymbolicLinkName)
{
    (void)PhysicalDeviceObject, (void)InterfaceClassGuid, (void)ReferenceString;
    NT_PASSIVE_ONLY();
    RtlInitUnicodeString(SymbolicLinkName, NULL);
    return STATUS_INVALID_DEVICE_REQUEST;
}
NT_EXPORT(IoRegisterDeviceInterface);

NTSTATUS NTAPI IoSetDeviceInterfaceState(PUNICODE_STRING SymbolicLinkName, BOOLEAN Enable)
{
    (void)SymbolicLinkName, (void)Enable;
    NT_PASSIVE_ONLY();
    return STATUS_OBJECT_NAME_NOT_FOUND;
}
NT_EXPORT(IoSetDeviceInterfaceState);

/* What the bus knows of its devices is in the resources and config space; strings about them are
 * not kept. */
NTSTATUS NTAPI IoGetDeviceProperty(PDEVICE_OBJECT DeviceObject,
                                   DEVICE_REGISTRY_PROPERTY DeviceProperty, ULONG BufferLength,
                                   PVOID PropertyBuffer, PULONG ResultLength)
{
    ULONG number;

    (void)DeviceObject;
    NT_PASSIVE_ONLY();
    *ResultLength = 0;
    switch (DeviceProperty) {
    case DevicePropertyBusNumber:
        number = 0;
        break;
    case DevicePropertyLegacyBusType:
        number = PCIBus;
        break;
    default:
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    *ResultLength = sizeof number;
    if (BufferLength < sizeof number)
        return STATUS_BUFFER_TOO_SMALL;
    memcpy(PropertyBuffer, &number, sizeof number);
    return STATUS_SUCCESS;
}
NT_EXPORT(IoGetDeviceProperty);

/* NDIS miniports get their DMA from NDIS. A driver that asks the bus is told in the log why it got
 * none. */
PDMA_ADAPTER NTAPI IoGetDmaAdapter(PDEVICE_OBJECT PhysicalDeviceObject,
                                   PDEVICE_DESCRIPTION DeviceDescription,
                                   PULONG NumberOfMapRegisters)
{
    (void)PhysicalDeviceObject, (void)DeviceDescription;
    NT_PASSIVE_ONLY();
    log_warn("%s: IoGetDmaAdapter is not provided: use NdisMRegisterScatterGatherDma",
             nt_owner_name(nt_owner_current()));
    *NumberOfMapRegisters = 0;
    return NULL;
}
NT_EXPORT(IoGetDmaAdapter);
