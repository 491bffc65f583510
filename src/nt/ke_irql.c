/* SPDX-License-Identifier: MIT */
/* IRQL, and every lock that raises it: spin locks, queued spin locks, reader-writer spin locks. */
#include "nt/export.h"
#include "nt/finding.h"
#include "nt/spin.h"

#include <wdk/ntddk.h>

KIRQL NTAPI KeGetCurrentIrql(VOID)
{
    return nt_thread_self()->irql;
}
NT_EXPORT(KeGetCurrentIrql);

KIRQL NTAPI KfRaiseIrql(KIRQL NewIrql)
{
    struct nt_thread *t = nt_thread_self();
    KIRQL old = t->irql;

    if (unlikely(NewIrql < old))
        finding_report("NT-IRQL", "raises IRQL from %u to %u, which is lower", old, NewIrql);
    t->irql = NewIrql;
    return old;
}
NT_EXPORT(KfRaiseIrql);

VOID NTAPI KeLowerIrql(KIRQL NewIrql)
{
    struct nt_thread *t = nt_thread_self();

    if (unlikely(NewIrql > t->irql))
        finding_report("NT-IRQL", "lowers IRQL from %u to %u, which is higher", t->irql, NewIrql);
    if (unlikely(NewIrql < DISPATCH_LEVEL && t->locks_held != 0))
        finding_report("NT-LOCK", "lowers IRQL to %u holding %u spin lock(s)", NewIrql,
                       t->locks_held);
    t->irql = NewIrql;
}
NT_EXPORT(KeLowerIrql);

/* Taking a lock that the thread holds would hang a processor: it is reported, and the thread goes
 * on. */
static void acquire(PKSPIN_LOCK lock, struct nt_thread *t)
{
    uintptr_t *word = (uintptr_t *)(void *)lock;
    uintptr_t me = (uintptr_t)t;

    if (!likely(nt_spin_try(word, me))) {
        if (__atomic_load_n(word, __ATOMIC_RELAXED) == me)
            finding_report("NT-LOCK", "acquires spin lock %p, which it holds already",
                           (void *)lock);
        else
            nt_spin_lock_as(word, me);
    }
    t->locks_held++;
}

static void release(PKSPIN_LOCK lock, struct nt_thread *t)
{
    uintptr_t *word = (uintptr_t *)(void *)lock;
    uintptr_t holder = __atomic_load_n(word, __ATOMIC_RELAXED);

    if (likely(holder == (uintptr_t)t)) {
        nt_spin_unlock(word);
    } else if (holder == 0) {
        finding_report("NT-LOCK", "releases spin lock %p, which nobody holds", (void *)lock);
    } else {
        finding_report("NT-LOCK", "releases spin lock %p, which another thread holds",
                       (void *)lock);
        nt_spin_unlock(word);
    }
    if (t->locks_held > 0)
        t->locks_held--;
}

static KIRQL raise_for_lock(struct nt_thread *t, const void *lock)
{
    KIRQL old = t->irql;

    if (unlikely(old > DISPATCH_LEVEL))
        finding_report("NT-LOCK", "acquires spin lock %p at IRQL %u; it may be acquired up to %u",
                       lock, old, DISPATCH_LEVEL);
    else
        t->irql = DISPATCH_LEVEL;
    return old;
}

static void restore(struct nt_thread *t, KIRQL irql)
{
    if (unlikely(irql > t->irql || (irql < DISPATCH_LEVEL && t->locks_held != 0)))
        finding_report("NT-IRQL", "releases a spin lock to IRQL %u, at IRQL %u, holding %u more",
                       irql, t->irql, t->locks_held);
    t->irql = irql;
}

static void check_raised(const struct nt_thread *t, const char *what)
{
    if (unlikely(t->irql < DISPATCH_LEVEL))
        finding_report("NT-IRQL", "%s called at IRQL %u; it needs DISPATCH_LEVEL", what, t->irql);
}

VOID NTAPI KeInitializeSpinLock(PKSPIN_LOCK SpinLock)
{
    __atomic_store_n(SpinLock, 0, __ATOMIC_RELEASE);
}
NT_EXPORT(KeInitializeSpinLock);

KIRQL NTAPI KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK SpinLock)
{
    struct nt_thread *t = nt_thread_self();
    KIRQL old = raise_for_lock(t, SpinLock);

    acquire(SpinLock, t);
    return old;
}
NT_EXPORT(KeAcquireSpinLockRaiseToDpc);

VOID NTAPI KeReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL NewIrql)
{
    struct nt_thread *t = nt_thread_self();

    release(SpinLock, t);
    restore(t, NewIrql);
}
NT_EXPORT(KeReleaseSpinLock);

VOID NTAPI KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    struct nt_thread *t = nt_thread_self();

    check_raised(t, __func__);
    acquire(SpinLock, t);
}
NT_EXPORT(KeAcquireSpinLockAtDpcLevel);

VOID NTAPI KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock)
{
    release(SpinLock, nt_thread_self());
}
NT_EXPORT(KeReleaseSpinLockFromDpcLevel);

BOOLEAN NTAPI KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    struct nt_thread *t = nt_thread_self();

    check_raised(t, __func__);
    if (!nt_spin_try((uintptr_t *)(void *)SpinLock, (uintptr_t)t))
        return FALSE;
    t->locks_held++;
    return TRUE;
}
NT_EXPORT(KeTryToAcquireSpinLockAtDpcLevel);

/* TRUE: it is free. */
BOOLEAN NTAPI KeTestSpinLock(PKSPIN_LOCK SpinLock)
{
    return __atomic_load_n(SpinLock, __ATOMIC_RELAXED) == 0;
}
NT_EXPORT(KeTestSpinLock);

/* The queue of the queued kind is a matter of speed on many processors, not of behaviour: the
 * handle only remembers. */
VOID NTAPI KeAcquireInStackQueuedSpinLock(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
{
    struct nt_thread *t = nt_thread_self();

    LockHandle->LockQueue.Next = NULL;
    LockHandle->LockQueue.Lock = SpinLock;
    LockHandle->OldIrql = raise_for_lock(t, SpinLock);
    acquire(SpinLock, t);
}
NT_EXPORT(KeAcquireInStackQueuedSpinLock);

VOID NTAPI KeReleaseInStackQueuedSpinLock(PKLOCK_QUEUE_HANDLE LockHandle)
{
    struct nt_thread *t = nt_thread_self();

    release(LockHandle->LockQueue.Lock, t);
    restore(t, LockHandle->OldIrql);
}
NT_EXPORT(KeReleaseInStackQueuedSpinLock);

VOID NTAPI KeAcquireInStackQueuedSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock,
                                                    PKLOCK_QUEUE_HANDLE LockHandle)
{
    struct nt_thread *t = nt_thread_self();

    check_raised(t, __func__);
    LockHandle->LockQueue.Next = NULL;
    LockHandle->LockQueue.Lock = SpinLock;
    LockHandle->OldIrql = t->irql;
    acquire(SpinLock, t);
}
NT_EXPORT(KeAcquireInStackQueuedSpinLockAtDpcLevel);

VOID NTAPI KeReleaseInStackQueuedSpinLockFromDpcLevel(PKLOCK_QUEUE_HANDLE LockHandle)
{
    release(LockHandle->LockQueue.Lock, nt_thread_self());
}
NT_EXPORT(KeReleaseInStackQueuedSpinLockFromDpcLevel);

/* EX_SPIN_LOCK: the number of readers, or -1 with a writer. */
static void rw_wait(unsigned *spins)
{
    if ((*spins)++ < NT_SPIN_BEFORE_YIELD)
        __builtin_ia32_pause();
    else
        sched_yield();
}

KIRQL NTAPI ExAcquireSpinLockShared(PEX_SPIN_LOCK SpinLock)
{
    struct nt_thread *t = nt_thread_self();
    KIRQL old = raise_for_lock(t, (const void *)SpinLock);
    LONG readers = __atomic_load_n(SpinLock, __ATOMIC_RELAXED);
    unsigned spins = 0;

    while (readers < 0 || !__atomic_compare_exchange_n(SpinLock, &readers, readers + 1, true,
                                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        rw_wait(&spins);
        readers = __atomic_load_n(SpinLock, __ATOMIC_RELAXED);
    }
    t->locks_held++;
    return old;
}
NT_EXPORT(ExAcquireSpinLockShared);

static void rw_released(KIRQL old, const void *lock, bool was_held)
{
    struct nt_thread *t = nt_thread_self();

    if (!was_held)
        finding_report("NT-LOCK", "releases reader-writer spin lock %p, which is not held so",
                       lock);
    if (t->locks_held > 0)
        t->locks_held--;
    restore(t, old);
}

VOID NTAPI ExReleaseSpinLockShared(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql)
{
    LONG readers = __atomic_load_n(SpinLock, __ATOMIC_RELAXED);

    while (readers > 0 && !__atomic_compare_exchange_n(SpinLock, &readers, readers - 1, true,
                                                       __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        ;
    rw_released(OldIrql, (const void *)SpinLock, readers > 0);
}
NT_EXPORT(ExReleaseSpinLockShared);

KIRQL NTAPI ExAcquireSpinLockExclusive(PEX_SPIN_LOCK SpinLock)
{
    struct nt_thread *t = nt_thread_self();
    KIRQL old = raise_for_lock(t, (const void *)SpinLock);
    LONG none = 0;
    unsigned spins = 0;

    while (!__atomic_compare_exchange_n(SpinLock, &none, -1, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
        rw_wait(&spins);
        none = 0;
    }
    t->locks_held++;
    return old;
}
NT_EXPORT(ExAcquireSpinLockExclusive);

VOID NTAPI ExReleaseSpinLockExclusive(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql)
{
    LONG writer = -1;
    bool held = __atomic_compare_exchange_n(SpinLock, &writer, 0, false, __ATOMIC_RELEASE,
                                            __ATOMIC_RELAXED);

    rw_released(OldIrql, (const void *)SpinLock, held);
}
NT_EXPORT(ExReleaseSpinLockExclusive);
