/* SPDX-License-Identifier: MIT */
/* NDIS's spin locks, reader-writer locks (both generations), events and sleeps, over the kernel's.
 */
#include "ndis/adapter.h"

#include "nt/export.h"
#include "nt/processor.h"

#include <sched.h>

/* The headers turn these into kernel calls; drivers that were built otherwise import them. */
#undef NdisAcquireSpinLock
#undef NdisReleaseSpinLock
#undef NdisDprAcquireSpinLock
#undef NdisDprReleaseSpinLock

VOID NTAPI NdisAllocateSpinLock(PNDIS_SPIN_LOCK SpinLock)
{
    KeInitializeSpinLock(&SpinLock->SpinLock);
}
NT_EXPORT(NdisAllocateSpinLock);

VOID NTAPI NdisFreeSpinLock(PNDIS_SPIN_LOCK SpinLock)
{
    if (!KeTestSpinLock(&SpinLock->SpinLock))
        finding_report("NT-LOCK", "NdisFreeSpinLock of lock %p, which is held", (void *)SpinLock);
}
NT_EXPORT(NdisFreeSpinLock);

VOID NTAPI NdisAcquireSpinLock(PNDIS_SPIN_LOCK SpinLock)
{
    KIRQL old = KeAcquireSpinLockRaiseToDpc(&SpinLock->SpinLock);

    SpinLock->OldIrql = old;
}
NT_EXPORT(NdisAcquireSpinLock);

VOID NTAPI NdisReleaseSpinLock(PNDIS_SPIN_LOCK SpinLock)
{
    KeReleaseSpinLock(&SpinLock->SpinLock, SpinLock->OldIrql);
}
NT_EXPORT(NdisReleaseSpinLock);

VOID NTAPI NdisDprAcquireSpinLock(PNDIS_SPIN_LOCK SpinLock)
{
    KeAcquireSpinLockAtDpcLevel(&SpinLock->SpinLock);
}
NT_EXPORT(NdisDprAcquireSpinLock);

VOID NTAPI NdisDprReleaseSpinLock(PNDIS_SPIN_LOCK SpinLock)
{
    KeReleaseSpinLockFromDpcLevel(&SpinLock->SpinLock);
}
NT_EXPORT(NdisDprReleaseSpinLock);

/*
 * Reader-writer locks. holders: readers inside, or -1 for a writer. A waiting writer holds off
 * readers that hold no lock yet; one that holds some may hold this very lock, as reads may nest.
 */
struct rw {
    int32_t holders;
    int32_t writers_waiting;
};

struct _NDIS_RW_LOCK_EX {
    struct rw rw;
};

enum rw_state { RW_FREE = 0, RW_READ = 1, RW_WRITE = 2, RW_RAISED = 4 };

static void rw_pause(unsigned spins)
{
    if (spins < 128)
        __builtin_ia32_pause();
    else
        sched_yield();
}

static void rw_read(struct rw *l, const struct nt_thread *t)
{
    for (unsigned spins = 0;; spins++) {
        int32_t n = __atomic_load_n(&l->holders, __ATOMIC_RELAXED);

        if (n >= 0 && (t->locks_held || !__atomic_load_n(&l->writers_waiting, __ATOMIC_RELAXED)) &&
            __atomic_compare_exchange_n(&l->holders, &n, n + 1, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return;
        rw_pause(spins);
    }
}

static void rw_write(struct rw *l)
{
    __atomic_fetch_add(&l->writers_waiting, 1, __ATOMIC_RELAXED);
    for (unsigned spins = 0;; spins++) {
        int32_t none = 0;

        if (__atomic_compare_exchange_n(&l->holders, &none, -1, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            break;
        rw_pause(spins);
    }
    __atomic_fetch_sub(&l->writers_waiting, 1, __ATOMIC_RELAXED);
}

static UCHAR rw_acquire(struct rw *l, bool write, bool raise, KIRQL *old)
{
    struct nt_thread *t = nt_thread_self();

    nt_check_irql_max(DISPATCH_LEVEL, "a reader-writer lock");
    *old = t->irql;
    if (raise)
        t->irql = DISPATCH_LEVEL;
    else if (unlikely(t->irql < DISPATCH_LEVEL))
        finding_report("NT-LOCK", "takes reader-writer lock %p as if at DISPATCH_LEVEL, at IRQL %u",
                       (void *)l, t->irql);
    if (write)
        rw_write(l);
    else
        rw_read(l, t);
    t->locks_held++;
    return (UCHAR)((write ? RW_WRITE : RW_READ) | (raise ? RW_RAISED : 0));
}

static void rw_release(struct rw *l, UCHAR state, KIRQL old)
{
    struct nt_thread *t = nt_thread_self();
    int32_t n = __atomic_load_n(&l->holders, __ATOMIC_RELAXED);

    if (!(state & (RW_READ | RW_WRITE)) || ((state & RW_WRITE) ? n != -1 : n <= 0)) {
        finding_report("NT-LOCK", "releases reader-writer lock %p, which is not so held",
                       (void *)l);
        return;
    }
    if (state & RW_WRITE)
        __atomic_store_n(&l->holders, 0, __ATOMIC_RELEASE);
    else
        __atomic_fetch_sub(&l->holders, 1, __ATOMIC_RELEASE);
    if (t->locks_held)
        t->locks_held--;
    if (state & RW_RAISED)
        t->irql = old;
}

PNDIS_RW_LOCK_EX NTAPI NdisAllocateRWLock(NDIS_HANDLE NdisHandle)
{
    PNDIS_RW_LOCK_EX lock;

    NT_DISPATCH_MAX();
    if (!ndis_handle_is_any(NdisHandle, __func__) || !nt_may_allocate())
        return NULL;
    lock = aligned_alloc(64, 64);
    if (!lock)
        return NULL;
    memset(lock, 0, 64);
    nt_ledger_add(NT_RES_LOCK, lock, sizeof(*lock), 0);
    return lock;
}
NT_EXPORT(NdisAllocateRWLock);

VOID NTAPI NdisFreeRWLock(PNDIS_RW_LOCK_EX Lock)
{
    if (!nt_ledger_remove(NT_RES_LOCK, Lock))
        return;
    if (__atomic_load_n(&Lock->rw.holders, __ATOMIC_ACQUIRE))
        finding_report("NT-LOCK", "NdisFreeRWLock of lock %p, which is held", (void *)Lock);
    free(Lock);
}
NT_EXPORT(NdisFreeRWLock);

VOID NTAPI NdisAcquireRWLockRead(PNDIS_RW_LOCK_EX Lock, PLOCK_STATE_EX LockState, UCHAR Flags)
{
    KIRQL old;

    LockState->Flags = Flags;
    LockState->LockState =
        rw_acquire(&Lock->rw, false, !(Flags & NDIS_RWL_AT_DISPATCH_LEVEL), &old);
    LockState->OldIrql = old;
}
NT_EXPORT(NdisAcquireRWLockRead);

VOID NTAPI NdisAcquireRWLockWrite(PNDIS_RW_LOCK_EX Lock, PLOCK_STATE_EX LockState, UCHAR Flags)
{
    KIRQL old;

    LockState->Flags = Flags;
    LockState->LockState = rw_acquire(&Lock->rw, true, !(Flags & NDIS_RWL_AT_DISPATCH_LEVEL), &old);
    LockState->OldIrql = old;
}
NT_EXPORT(NdisAcquireRWLockWrite);

VOID NTAPI NdisReleaseRWLock(PNDIS_RW_LOCK_EX Lock, PLOCK_STATE_EX LockState)
{
    UCHAR state = LockState->LockState;

    LockState->LockState = RW_FREE;
    rw_release(&Lock->rw, state, LockState->OldIrql);
}
NT_EXPORT(NdisReleaseRWLock);

/* The older kind lives in the caller's memory. */
static struct rw *rw_of(PNDIS_RW_LOCK lock)
{
    return (struct rw *)(void *)lock;
}

VOID NTAPI NdisInitializeReadWriteLock(PNDIS_RW_LOCK Lock)
{
    memset(Lock, 0, sizeof(*Lock));
}
NT_EXPORT(NdisInitializeReadWriteLock);

static void old_acquire(PNDIS_RW_LOCK lock, bool write, bool raise, PLOCK_STATE state)
{
    KIRQL old;

    state->LockState = rw_acquire(rw_of(lock), write, raise, &old);
    state->OldIrql = old;
}

static void old_release(PNDIS_RW_LOCK lock, PLOCK_STATE state)
{
    UCHAR how = (UCHAR)state->LockState;

    state->LockState = RW_FREE;
    rw_release(rw_of(lock), how, state->OldIrql);
}

VOID NTAPI NdisAcquireReadWriteLock(PNDIS_RW_LOCK Lock, BOOLEAN fWrite, PLOCK_STATE LockState)
{
    old_acquire(Lock, fWrite, true, LockState);
}
NT_EXPORT(NdisAcquireReadWriteLock);

VOID NTAPI NdisReleaseReadWriteLock(PNDIS_RW_LOCK Lock, PLOCK_STATE LockState)
{
    old_release(Lock, LockState);
}
NT_EXPORT(NdisReleaseReadWriteLock);

VOID NTAPI NdisDprAcquireReadWriteLock(PNDIS_RW_LOCK Lock, BOOLEAN fWrite, PLOCK_STATE LockState)
{
    old_acquire(Lock, fWrite, false, LockState);
}
NT_EXPORT(NdisDprAcquireReadWriteLock);

VOID NTAPI NdisDprReleaseReadWriteLock(PNDIS_RW_LOCK Lock, PLOCK_STATE LockState)
{
    old_release(Lock, LockState);
}
NT_EXPORT(NdisDprReleaseReadWriteLock);

/* Events and sleeps. */
VOID NTAPI NdisInitializeEvent(PNDIS_EVENT Event)
{
    KeInitializeEvent(&Event->Event, NotificationEvent, FALSE);
}
NT_EXPORT(NdisInitializeEvent);

VOID NTAPI NdisSetEvent(PNDIS_EVENT Event)
{
    KeSetEvent(&Event->Event, 0, FALSE);
}
NT_EXPORT(NdisSetEvent);

VOID NTAPI NdisResetEvent(PNDIS_EVENT Event)
{
    KeClearEvent(&Event->Event);
}
NT_EXPORT(NdisResetEvent);

static LARGE_INTEGER relative_us(uint64_t microseconds)
{
    LARGE_INTEGER due;

    due.QuadPart = -(LONGLONG)(microseconds * 10);
    return due;
}

/* MsToWait 0 waits without a limit. */
BOOLEAN NTAPI NdisWaitEvent(PNDIS_EVENT Event, UINT MsToWait)
{
    LARGE_INTEGER due = relative_us((uint64_t)MsToWait * 1000);

    NT_PASSIVE_ONLY();
    return KeWaitForSingleObject(&Event->Event, Executive, KernelMode, FALSE,
                                 MsToWait ? &due : NULL) == STATUS_SUCCESS;
}
NT_EXPORT(NdisWaitEvent);

VOID NTAPI NdisMSleep(ULONG MicrosecondsToSleep)
{
    LARGE_INTEGER due = relative_us(MicrosecondsToSleep);

    NT_PASSIVE_ONLY();
    KeDelayExecutionThread(KernelMode, FALSE, &due);
}
NT_EXPORT(NdisMSleep);
