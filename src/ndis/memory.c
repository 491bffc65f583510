/* SPDX-License-Identifier: MIT */
/* NDIS's general-purpose exports: memory, strings, times, versions, interlocked operations; most
 * stand for the kernel's. */
#include "ndis/adapter.h"

#include "nt/export.h"
#include "nt/processor.h"

/* The headers turn these into kernel calls; drivers that were built otherwise import them. */
#undef NdisGetCurrentSystemTime
#undef NdisAnsiStringToUnicodeString
#undef NdisUnicodeStringToAnsiString
#undef NdisUpcaseUnicodeString
#undef NdisEqualString
#undef NdisInterlockedAddUlong
#undef NdisInterlockedInsertHeadList
#undef NdisInterlockedInsertTailList
#undef NdisInterlockedRemoveHeadList

enum { STRING_TAG = 0x7274534e }; /* "NStr" */

PVOID NTAPI NdisAllocateMemoryWithTagPriority(NDIS_HANDLE NdisHandle, UINT Length, ULONG Tag,
                                              EX_POOL_PRIORITY Priority)
{
    (void)Priority;
    if (!ndis_handle_is_any(NdisHandle, __func__))
        return NULL;
    return ExAllocatePoolWithTag(NonPagedPool, Length, Tag);
}
NT_EXPORT(NdisAllocateMemoryWithTagPriority);

NDIS_STATUS NTAPI NdisAllocateMemoryWithTag(PVOID *VirtualAddress, UINT Length, ULONG Tag)
{
    *VirtualAddress = ExAllocatePoolWithTag(NonPagedPool, Length, Tag);
    return *VirtualAddress ? NDIS_STATUS_SUCCESS : NDIS_STATUS_RESOURCES;
}
NT_EXPORT(NdisAllocateMemoryWithTag);

VOID NTAPI NdisFreeMemory(PVOID VirtualAddress, UINT Length, UINT MemoryFlags)
{
    (void)Length;
    if (MemoryFlags)
        finding_report("NT-POOL",
                       "NdisFreeMemory with flags %#x: such memory is not allocated any more",
                       MemoryFlags);
    if (VirtualAddress)
        ExFreePool(VirtualAddress);
}
NT_EXPORT(NdisFreeMemory);

VOID NTAPI NdisFreeMemoryWithTag(PVOID VirtualAddress, ULONG Tag)
{
    ExFreePoolWithTag(VirtualAddress, Tag);
}
NT_EXPORT(NdisFreeMemoryWithTag);

VOID NTAPI NdisFreeMemoryWithTagPriority(NDIS_HANDLE NdisHandle, PVOID VirtualAddress, ULONG Tag)
{
    ndis_handle_is_any(NdisHandle, __func__);
    ExFreePoolWithTag(VirtualAddress, Tag);
}
NT_EXPORT(NdisFreeMemoryWithTagPriority);

PNDIS_GENERIC_OBJECT NTAPI NdisAllocateGenericObject(PDRIVER_OBJECT DriverObject, ULONG Tag,
                                                     USHORT Size)
{
    PNDIS_GENERIC_OBJECT o;

    if (Size && Size < sizeof(*o))
        return NULL;
    o = ExAllocatePoolWithTag(NonPagedPool, Size ? Size : sizeof(*o), Tag);
    if (!o)
        return NULL;
    memset(o, 0, Size ? Size : sizeof(*o));
    o->Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_DEFAULT, NDIS_GENERIC_OBJECT_REVISION_1,
                                     NDIS_SIZEOF_GENERIC_OBJECT_REVISION_1};
    o->DriverObject = DriverObject;
    o->Caller = __builtin_return_address(0);
    return o;
}
NT_EXPORT(NdisAllocateGenericObject);

VOID NTAPI NdisFreeGenericObject(PNDIS_GENERIC_OBJECT NdisObject)
{
    ExFreePool(NdisObject);
}
NT_EXPORT(NdisFreeGenericObject);

/* Strings. */
VOID NTAPI NdisInitializeString(PNDIS_STRING Destination, PUCHAR Source)
{
    size_t n = strlen((const char *)Source);

    *Destination = (NDIS_STRING){.Length = 0};
    if (n > 0x7ffe)
        return;
    Destination->Buffer = ExAllocatePoolWithTag(NonPagedPool, (n + 1) * sizeof(WCHAR), STRING_TAG);
    if (!Destination->Buffer)
        return;
    for (size_t i = 0; i <= n; i++)
        Destination->Buffer[i] = Source[i];
    Destination->Length = (USHORT)(n * sizeof(WCHAR));
    Destination->MaximumLength = (USHORT)((n + 1) * sizeof(WCHAR));
}
NT_EXPORT(NdisInitializeString);

NDIS_STATUS NTAPI NdisAnsiStringToUnicodeString(PNDIS_STRING DestinationString,
                                                PNDIS_ANSI_STRING SourceString)
{
    return RtlAnsiStringToUnicodeString(DestinationString, SourceString, FALSE);
}
NT_EXPORT(NdisAnsiStringToUnicodeString);

NDIS_STATUS NTAPI NdisUnicodeStringToAnsiString(PNDIS_ANSI_STRING DestinationString,
                                                PNDIS_STRING SourceString)
{
    return RtlUnicodeStringToAnsiString(DestinationString, SourceString, FALSE);
}
NT_EXPORT(NdisUnicodeStringToAnsiString);

NDIS_STATUS NTAPI NdisUpcaseUnicodeString(PUNICODE_STRING DestinationString,
                                          PUNICODE_STRING SourceString)
{
    return RtlUpcaseUnicodeString(DestinationString, SourceString, FALSE);
}
NT_EXPORT(NdisUpcaseUnicodeString);

BOOLEAN NTAPI NdisEqualString(PNDIS_STRING String1, PNDIS_STRING String2, BOOLEAN CaseInsensitive)
{
    return RtlEqualUnicodeString(String1, String2, CaseInsensitive);
}
NT_EXPORT(NdisEqualString);

/* Time, versions, ids. */
VOID NTAPI NdisGetSystemUpTimeEx(PLARGE_INTEGER pSystemUpTime)
{
    pSystemUpTime->QuadPart = (LONGLONG)(nt_now_ns() / 1000000);
}
NT_EXPORT(NdisGetSystemUpTimeEx);

VOID NTAPI NdisGetSystemUpTime(PULONG pSystemUpTime)
{
    *pSystemUpTime = (ULONG)(nt_now_ns() / 1000000);
}
NT_EXPORT(NdisGetSystemUpTime);

VOID NTAPI NdisGetCurrentSystemTime(PLARGE_INTEGER pSystemTime)
{
    pSystemTime->QuadPart = (LONGLONG)nt_system_time();
}
NT_EXPORT(NdisGetCurrentSystemTime);

UINT NTAPI NdisGetVersion(VOID)
{
    return NDIS_RUNTIME_VERSION_630;
}
NT_EXPORT(NdisGetVersion);

/* The high byte that tells one driver's cancel ids from another's. */
UCHAR NTAPI NdisGeneratePartialCancelId(VOID)
{
    static _Atomic(uint8_t) last;

    return (UCHAR)(atomic_fetch_add(&last, 1) + 1);
}
NT_EXPORT(NdisGeneratePartialCancelId);

PVOID NTAPI NdisGetRoutineAddress(PNDIS_STRING NdisRoutineName)
{
    char name[128];
    size_t n = NdisRoutineName->Length / sizeof(WCHAR);

    if (n >= sizeof(name))
        return NULL;
    for (size_t i = 0; i < n; i++)
        name[i] = (char)NdisRoutineName->Buffer[i];
    name[n] = '\0';
    return (PVOID)nt_export_find(name);
}
NT_EXPORT(NdisGetRoutineAddress);

UINT NTAPI NdisGetSharedDataAlignment(VOID)
{
    return 64;
}
NT_EXPORT(NdisGetSharedDataAlignment);

/* Interlocked. */
ULONG NTAPI NdisInterlockedAddUlong(PULONG Addend, ULONG Increment, PNDIS_SPIN_LOCK SpinLock)
{
    (void)SpinLock;
    return __atomic_fetch_add(Addend, Increment, __ATOMIC_SEQ_CST);
}
NT_EXPORT(NdisInterlockedAddUlong);

PLIST_ENTRY NTAPI NdisInterlockedInsertHeadList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry,
                                                PNDIS_SPIN_LOCK SpinLock)
{
    return ExInterlockedInsertHeadList(ListHead, ListEntry, &SpinLock->SpinLock);
}
NT_EXPORT(NdisInterlockedInsertHeadList);

PLIST_ENTRY NTAPI NdisInterlockedInsertTailList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry,
                                                PNDIS_SPIN_LOCK SpinLock)
{
    return ExInterlockedInsertTailList(ListHead, ListEntry, &SpinLock->SpinLock);
}
NT_EXPORT(NdisInterlockedInsertTailList);

PLIST_ENTRY NTAPI NdisInterlockedRemoveHeadList(PLIST_ENTRY ListHead, PNDIS_SPIN_LOCK SpinLock)
{
    return ExInterlockedRemoveHeadList(ListHead, &SpinLock->SpinLock);
}
NT_EXPORT(NdisInterlockedRemoveHeadList);
