/* SPDX-License-Identifier: MIT */
/* Fast and guarded mutexes, and rundown protection. */
#include "nt/dispatch.h"
#include "nt/export.h"
#include "nt/finding.h"
#include "nt/processor.h"

/* Count: 1 free, 0 held, below: that many wait. Each release with waiters hands the event to one.
 */
static void take(PFAST_MUTEX m, const char *what)
{
    PKTHREAD self = nt_thread_self()->kthread;

    nt_check_irql_max(APC_LEVEL, what);
    if (__atomic_load_n(&m->Owner, __ATOMIC_RELAXED) == (PVOID)self) {
        finding_report("NT-LOCK", "%s of %p, which the thread holds already", what, (void *)m);
        return;
    }
    if (__atomic_sub_fetch(&m->Count, 1, __ATOMIC_ACQUIRE) < 0) {
        __atomic_fetch_add(&m->Contention, 1, __ATOMIC_RELAXED);
        KeWaitForSingleObject(&m->Event, Executive, KernelMode, FALSE, NULL);
    }
    __atomic_store_n(&m->Owner, (PVOID)self, __ATOMIC_RELAXED);
}

static void give(PFAST_MUTEX m, const char *what)
{
    if (__atomic_load_n(&m->Owner, __ATOMIC_RELAXED) != (PVOID)nt_thread_self()->kthread) {
        finding_report("NT-LOCK", "%s of %p, which the thread does not hold", what, (void *)m);
        return;
    }
    __atomic_store_n(&m->Owner, NULL, __ATOMIC_RELAXED);
    if (__atomic_add_fetch(&m->Count, 1, __ATOMIC_RELEASE) <= 0)
        KeSetEvent(&m->Event, 0, FALSE);
}

static KIRQL raise_to_apc(void)
{
    struct nt_thread *t = nt_thread_self();
    KIRQL old = t->irql;

    if (old < APC_LEVEL)
        t->irql = APC_LEVEL;
    return old;
}

VOID NTAPI ExAcquireFastMutex(PFAST_MUTEX FastMutex)
{
    KIRQL old = nt_thread_self()->irql;

    take(FastMutex, __func__);
    raise_to_apc();
    FastMutex->OldIrql = old;
}
NT_EXPORT(ExAcquireFastMutex);

VOID NTAPI ExReleaseFastMutex(PFAST_MUTEX FastMutex)
{
    KIRQL old = (KIRQL)FastMutex->OldIrql;

    give(FastMutex, __func__);
    nt_thread_self()->irql = old;
}
NT_EXPORT(ExReleaseFastMutex);

BOOLEAN NTAPI ExTryToAcquireFastMutex(PFAST_MUTEX FastMutex)
{
    LONG freed = 1;

    nt_check_irql_max(APC_LEVEL, __func__);
    if (!__atomic_compare_exchange_n(&FastMutex->Count, &freed, 0, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        return FALSE;
    __atomic_store_n(&FastMutex->Owner, nt_thread_self()->kthread, __ATOMIC_RELAXED);
    FastMutex->OldIrql = raise_to_apc();
    return TRUE;
}
NT_EXPORT(ExTryToAcquireFastMutex);

VOID NTAPI ExAcquireFastMutexUnsafe(PFAST_MUTEX FastMutex)
{
    take(FastMutex, __func__);
}
NT_EXPORT(ExAcquireFastMutexUnsafe);

VOID NTAPI ExReleaseFastMutexUnsafe(PFAST_MUTEX FastMutex)
{
    give(FastMutex, __func__);
}
NT_EXPORT(ExReleaseFastMutexUnsafe);

VOID NTAPI KeInitializeGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    ExInitializeFastMutex(Mutex);
}
NT_EXPORT(KeInitializeGuardedMutex);

VOID NTAPI KeAcquireGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    KeEnterGuardedRegion();
    take(Mutex, __func__);
}
NT_EXPORT(KeAcquireGuardedMutex);

VOID NTAPI KeReleaseGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    give(Mutex, __func__);
    KeLeaveGuardedRegion();
}
NT_EXPORT(KeReleaseGuardedMutex);

/* Count: twice the number of references; or, once rundown has begun, the address of the waiter's
 * record with bit 0 set. */
enum { RUNDOWN_ACTIVE = 1, RUNDOWN_ONE = 2 };

struct rundown_wait {
    ULONG_PTR left;
    KEVENT drained;
};

VOID NTAPI ExInitializeRundownProtection(PEX_RUNDOWN_REF RunRef)
{
    __atomic_store_n(&RunRef->Count, 0, __ATOMIC_RELEASE);
}
NT_EXPORT(ExInitializeRundownProtection);

VOID NTAPI ExReInitializeRundownProtection(PEX_RUNDOWN_REF RunRef)
{
    __atomic_store_n(&RunRef->Count, 0, __ATOMIC_RELEASE);
}
NT_EXPORT(ExReInitializeRundownProtection);

BOOLEAN NTAPI ExAcquireRundownProtection(PEX_RUNDOWN_REF RunRef)
{
    ULONG_PTR count = __atomic_load_n(&RunRef->Count, __ATOMIC_RELAXED);

    do {
        if (count & RUNDOWN_ACTIVE)
            return FALSE;
    } while (!__atomic_compare_exchange_n(&RunRef->Count, &count, count + RUNDOWN_ONE, true,
                                          __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
    return TRUE;
}
NT_EXPORT(ExAcquireRundownProtection);

VOID NTAPI ExReleaseRundownProtection(PEX_RUNDOWN_REF RunRef)
{
    ULONG_PTR count = __atomic_load_n(&RunRef->Count, __ATOMIC_ACQUIRE);
    struct rundown_wait *wait;

    while (!(count & RUNDOWN_ACTIVE)) {
        if (count == 0) {
            finding_report("NT-LOCK", "releases rundown protection %p, which is not held",
                           (void *)RunRef);
            return;
        }
        if (__atomic_compare_exchange_n(&RunRef->Count, &count, count - RUNDOWN_ONE, true,
                                        __ATOMIC_RELEASE, __ATOMIC_ACQUIRE))
            return;
    }
    wait = (struct rundown_wait *)(uintptr_t)(count & ~(ULONG_PTR)RUNDOWN_ACTIVE);
    if (wait && __atomic_sub_fetch(&wait->left, 1, __ATOMIC_ACQ_REL) == 0)
        KeSetEvent(&wait->drained, 0, FALSE);
}
NT_EXPORT(ExReleaseRundownProtection);

VOID NTAPI ExWaitForRundownProtectionRelease(PEX_RUNDOWN_REF RunRef)
{
    struct rundown_wait wait;
    ULONG_PTR count = __atomic_load_n(&RunRef->Count, __ATOMIC_RELAXED);
    ULONG_PTR next;

    nt_check_irql_max(APC_LEVEL, __func__);
    KeInitializeEvent(&wait.drained, SynchronizationEvent, FALSE);
    do {
        if (count & RUNDOWN_ACTIVE)
            return;
        wait.left = count / RUNDOWN_ONE;
        next = count == 0 ? RUNDOWN_ACTIVE : (ULONG_PTR)(uintptr_t)&wait | RUNDOWN_ACTIVE;
    } while (!__atomic_compare_exchange_n(&RunRef->Count, &count, next, false, __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED));
    if (count != 0)
        KeWaitForSingleObject(&wait.drained, Executive, KernelMode, FALSE, NULL);
    __atomic_store_n(&RunRef->Count, RUNDOWN_ACTIVE, __ATOMIC_RELEASE);
}
NT_EXPORT(ExWaitForRundownProtectionRelease);

VOID NTAPI ExRundownCompleted(PEX_RUNDOWN_REF RunRef)
{
    __atomic_store_n(&RunRef->Count, RUNDOWN_ACTIVE, __ATOMIC_RELEASE);
}
NT_EXPORT(ExRundownCompleted);
