/* SPDX-License-Identifier: MIT */
/*
 * Atomic lists and lookaside lists. An SLIST_HEADER is its own lock (bit 0 of Region, which is
 * Reserved in the x64 layout): a popped entry may be freed at once by its new owner, so a lock-free
 * pop would read freed memory, which Windows forgives itself by handling the fault.
 */
#include "nt/export.h"
#include "nt/finding.h"
#include "nt/ledger.h"
#include "nt/processor.h"
#include "nt/spin.h"

#include <wdk/ntddk.h>

enum { SLIST_LOCKED = 1 };
enum { LOOKASIDE_DEPTH = 256, LOOKASIDE_BYTES_MIN = 16 };

static PSLIST_ENTRY slist_lock(PSLIST_HEADER head)
{
    ULONGLONG region;
    unsigned spins = 0;

    for (;;) {
        region = __atomic_fetch_or(&head->Region, SLIST_LOCKED, __ATOMIC_ACQUIRE);
        if (!(region & SLIST_LOCKED))
            return (PSLIST_ENTRY)(uintptr_t)region;
        if (spins++ < NT_SPIN_BEFORE_YIELD)
            __builtin_ia32_pause();
        else
            sched_yield();
    }
}

/* Depth in the low 16 bits of Alignment, a sequence number above. */
static void slist_unlock(PSLIST_HEADER head, PSLIST_ENTRY first, int depth_change)
{
    ULONGLONG word = __atomic_load_n(&head->Alignment, __ATOMIC_RELAXED);
    ULONGLONG depth = (word + (ULONGLONG)(LONGLONG)depth_change) & 0xffff;
    ULONGLONG sequence = (word >> 16) + 1;

    __atomic_store_n(&head->Alignment, sequence << 16 | depth, __ATOMIC_RELAXED);
    __atomic_store_n(&head->Region, (ULONGLONG)(uintptr_t)first, __ATOMIC_RELEASE);
}

VOID NTAPI InitializeSListHead(PSLIST_HEADER SListHead)
{
    if ((uintptr_t)SListHead % MEMORY_ALLOCATION_ALIGNMENT != 0)
        finding_report("NT-SLIST", "list head %p is not aligned to 16", (void *)SListHead);
    SListHead->Alignment = 0;
    SListHead->Region = 0;
}
NT_EXPORT(InitializeSListHead);
NT_EXPORT_AS(ExInitializeSListHead, InitializeSListHead);

PSLIST_ENTRY NTAPI ExpInterlockedPopEntrySList(PSLIST_HEADER ListHead)
{
    PSLIST_ENTRY first = slist_lock(ListHead);

    slist_unlock(ListHead, first ? first->Next : NULL, first ? -1 : 0);
    return first;
}
NT_EXPORT(ExpInterlockedPopEntrySList);

PSLIST_ENTRY NTAPI ExpInterlockedPushEntrySList(PSLIST_HEADER ListHead, PSLIST_ENTRY ListEntry)
{
    PSLIST_ENTRY first;

    if ((uintptr_t)ListEntry % MEMORY_ALLOCATION_ALIGNMENT != 0) {
        /* Its low bits are not ours to use: it would come back as another address. */
        finding_report("NT-SLIST", "entry %p is not aligned to 16", (void *)ListEntry);
        return NULL;
    }
    first = slist_lock(ListHead);
    ListEntry->Next = first;
    slist_unlock(ListHead, ListEntry, 1);
    return first;
}
NT_EXPORT(ExpInterlockedPushEntrySList);

PSLIST_ENTRY NTAPI ExpInterlockedFlushSList(PSLIST_HEADER ListHead)
{
    PSLIST_ENTRY first = slist_lock(ListHead);

    slist_unlock(ListHead, NULL, -(int)(ListHead->Alignment & 0xffff));
    return first;
}
NT_EXPORT(ExpInterlockedFlushSList);

USHORT NTAPI ExQueryDepthSList(PSLIST_HEADER SListHead)
{
    return (USHORT)__atomic_load_n(&SListHead->Alignment, __ATOMIC_RELAXED);
}
NT_EXPORT(ExQueryDepthSList);

/* Interlocked lists may be used up to HIGH_LEVEL: the lock is taken there, outside the tracker,
 * which only DISPATCH_LEVEL locks enter. */
static KIRQL list_enter(PKSPIN_LOCK lock)
{
    struct nt_thread *t = nt_thread_self();
    KIRQL old = t->irql;

    t->irql = HIGH_LEVEL;
    nt_spin_lock((uintptr_t *)(void *)lock);
    return old;
}

static void list_leave(PKSPIN_LOCK lock, KIRQL old)
{
    nt_spin_unlock((uintptr_t *)(void *)lock);
    nt_thread_self()->irql = old;
}

PLIST_ENTRY NTAPI ExInterlockedInsertHeadList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry,
                                              PKSPIN_LOCK Lock)
{
    KIRQL old = list_enter(Lock);
    PLIST_ENTRY first = IsListEmpty(ListHead) ? NULL : ListHead->Flink;

    InsertHeadList(ListHead, ListEntry);
    list_leave(Lock, old);
    return first;
}
NT_EXPORT(ExInterlockedInsertHeadList);

PLIST_ENTRY NTAPI ExInterlockedInsertTailList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry,
                                              PKSPIN_LOCK Lock)
{
    KIRQL old = list_enter(Lock);
    PLIST_ENTRY last = IsListEmpty(ListHead) ? NULL : ListHead->Blink;

    InsertTailList(ListHead, ListEntry);
    list_leave(Lock, old);
    return last;
}
NT_EXPORT(ExInterlockedInsertTailList);

PLIST_ENTRY NTAPI ExInterlockedRemoveHeadList(PLIST_ENTRY ListHead, PKSPIN_LOCK Lock)
{
    KIRQL old = list_enter(Lock);
    PLIST_ENTRY first = IsListEmpty(ListHead) ? NULL : RemoveHeadList(ListHead);

    list_leave(Lock, old);
    return first;
}
NT_EXPORT(ExInterlockedRemoveHeadList);

ULONG NTAPI ExInterlockedAddUlong(PULONG Addend, ULONG Increment, PKSPIN_LOCK Lock)
{
    KIRQL old = list_enter(Lock);
    ULONG before = *Addend;

    *Addend = before + Increment;
    list_leave(Lock, old);
    return before;
}
NT_EXPORT(ExInterlockedAddUlong);

LARGE_INTEGER NTAPI ExInterlockedAddLargeInteger(PLARGE_INTEGER Addend, LARGE_INTEGER Increment,
                                                 PKSPIN_LOCK Lock)
{
    KIRQL old = list_enter(Lock);
    LARGE_INTEGER before = *Addend;

    Addend->QuadPart = (LONGLONG)((ULONGLONG)before.QuadPart + (ULONGLONG)Increment.QuadPart);
    list_leave(Lock, old);
    return before;
}
NT_EXPORT(ExInterlockedAddLargeInteger);

static PVOID NTAPI allocate_ex(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag,
                               struct _LOOKASIDE_LIST_EX *Lookaside)
{
    (void)Lookaside;
    return ExAllocatePoolWithTag(PoolType, NumberOfBytes, Tag);
}

static VOID NTAPI free_ex(PVOID Buffer, struct _LOOKASIDE_LIST_EX *Lookaside)
{
    (void)Lookaside;
    ExFreePool(Buffer);
}

VOID NTAPI ExInitializeNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside,
                                           PALLOCATE_FUNCTION Allocate, PFREE_FUNCTION Free,
                                           ULONG Flags, SIZE_T Size, ULONG Tag, USHORT Depth)
{
    (void)Flags;
    (void)Depth;
    NT_DISPATCH_MAX();
    memset(Lookaside, 0, sizeof *Lookaside);
    InitializeSListHead(&Lookaside->L.ListHead);
    Lookaside->L.Depth = Lookaside->L.MaximumDepth = LOOKASIDE_DEPTH;
    Lookaside->L.Type = NonPagedPoolNx;
    Lookaside->L.Tag = Tag;
    Lookaside->L.Size = (ULONG)MAX_OF(Size, (SIZE_T)LOOKASIDE_BYTES_MIN);
    Lookaside->L.Allocate = Allocate ? Allocate : ExAllocatePoolWithTag;
    Lookaside->L.Free = Free ? Free : ExFreePool;
    InitializeListHead(&Lookaside->L.ListEntry);
    nt_ledger_add(NT_RES_LOOKASIDE, Lookaside, (size_t)Size, Tag);
}
NT_EXPORT(ExInitializeNPagedLookasideList);

VOID NTAPI ExDeleteNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside)
{
    PSLIST_ENTRY entry;

    NT_DISPATCH_MAX();
    if (!nt_ledger_remove(NT_RES_LOOKASIDE, Lookaside))
        return;
    while ((entry = ExpInterlockedPopEntrySList(&Lookaside->L.ListHead)) != NULL)
        Lookaside->L.Free(entry);
}
NT_EXPORT(ExDeleteNPagedLookasideList);

NTSTATUS NTAPI ExInitializeLookasideListEx(PLOOKASIDE_LIST_EX Lookaside,
                                           PALLOCATE_FUNCTION_EX Allocate, PFREE_FUNCTION_EX Free,
                                           POOL_TYPE PoolType, ULONG Flags, SIZE_T Size, ULONG Tag,
                                           USHORT Depth)
{
    (void)Flags;
    NT_DISPATCH_MAX();
    if (Depth != 0) /* reserved, says its page */
        return STATUS_INVALID_PARAMETER;
    memset(Lookaside, 0, sizeof *Lookaside);
    InitializeSListHead(&Lookaside->L.ListHead);
    Lookaside->L.Depth = Lookaside->L.MaximumDepth = LOOKASIDE_DEPTH;
    Lookaside->L.Type = PoolType;
    Lookaside->L.Tag = Tag;
    Lookaside->L.Size = (ULONG)MAX_OF(Size, (SIZE_T)LOOKASIDE_BYTES_MIN);
    Lookaside->L.AllocateEx = Allocate ? Allocate : allocate_ex;
    Lookaside->L.FreeEx = Free ? Free : free_ex;
    InitializeListHead(&Lookaside->L.ListEntry);
    nt_ledger_add(NT_RES_LOOKASIDE, Lookaside, (size_t)Size, Tag);
    return STATUS_SUCCESS;
}
NT_EXPORT(ExInitializeLookasideListEx);

VOID NTAPI ExFlushLookasideListEx(PLOOKASIDE_LIST_EX Lookaside)
{
    PSLIST_ENTRY entry;

    while ((entry = ExpInterlockedPopEntrySList(&Lookaside->L.ListHead)) != NULL)
        Lookaside->L.FreeEx(entry, Lookaside);
}
NT_EXPORT(ExFlushLookasideListEx);

VOID NTAPI ExDeleteLookasideListEx(PLOOKASIDE_LIST_EX Lookaside)
{
    NT_DISPATCH_MAX();
    if (nt_ledger_remove(NT_RES_LOOKASIDE, Lookaside))
        ExFlushLookasideListEx(Lookaside);
}
NT_EXPORT(ExDeleteLookasideListEx);
