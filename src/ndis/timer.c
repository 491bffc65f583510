/* SPDX-License-Identifier: MIT */
/* NDIS timer objects over kernel timers and DPCs. Pages: NdisAllocateTimerObject,
 * NdisSetTimerObject, NdisCancelTimerObject. */
#include "ndis/adapter.h"

#include "nt/export.h"
#include "nt/processor.h"

#include <sched.h>

struct ndis_timer {
    struct ndis_handle handle;
    struct nt_owner *owner;
    KTIMER timer;
    KDPC dpc;
    PNDIS_TIMER_FUNCTION function;
    PVOID context;              /* given at allocation */
    _Atomic(PVOID) set_context; /* given at the last set, or NULL */
    _Atomic(int) running;       /* function calls under way */
    _Atomic(struct nt_thread *) runner;
    _Atomic(bool) freed_inside; /* by its own function: freed when that returns */
};

static void timer_destroy(struct ndis_timer *t)
{
    free(t);
}

static VOID NTAPI timer_fire(PKDPC Dpc, PVOID DeferredContext, PVOID Argument1, PVOID Argument2)
{
    struct ndis_timer *t = DeferredContext;
    PVOID context = atomic_load(&t->set_context);
    struct ndis_call call;

    atomic_fetch_add(&t->running, 1);
    atomic_store(&t->runner, nt_thread_self());
    call = ndis_call_begin(t->owner);
    t->function(Dpc, context ? context : t->context, Argument1, Argument2);
    ndis_call_end(&call, "NetTimerCallback");
    atomic_store(&t->runner, NULL);
    if (atomic_load(&t->freed_inside))
        timer_destroy(t);
    else
        atomic_fetch_sub(&t->running, 1);
}

NDIS_STATUS NTAPI NdisAllocateTimerObject(NDIS_HANDLE NdisHandle,
                                          PNDIS_TIMER_CHARACTERISTICS TimerCharacteristics,
                                          PNDIS_HANDLE pTimerObject)
{
    struct ndis_timer *t;

    NT_DISPATCH_MAX();
    if (!ndis_handle_is_any(NdisHandle, __func__) || !TimerCharacteristics || !pTimerObject ||
        TimerCharacteristics->Header.Type != NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS ||
        TimerCharacteristics->Header.Size < NDIS_SIZEOF_TIMER_CHARACTERISTICS_REVISION_1 ||
        !TimerCharacteristics->TimerFunction)
        return NDIS_STATUS_INVALID_PARAMETER;
    t = nt_may_allocate() ? calloc(1, sizeof(*t)) : NULL;
    if (!t)
        return NDIS_STATUS_RESOURCES;
    t->owner = nt_owner_current();
    t->function = TimerCharacteristics->TimerFunction;
    t->context = TimerCharacteristics->FunctionContext;
    KeInitializeTimer(&t->timer);
    KeInitializeDpc(&t->dpc, timer_fire, t);
    ndis_handle_register(&t->handle, NDIS_H_TIMER);
    nt_ledger_add(NT_RES_TIMER, t, sizeof(*t), TimerCharacteristics->AllocationTag);
    *pTimerObject = t;
    return NDIS_STATUS_SUCCESS;
}
NT_EXPORT(NdisAllocateTimerObject);

BOOLEAN NTAPI NdisSetCoalescableTimerObject(NDIS_HANDLE TimerObject, LARGE_INTEGER DueTime,
                                            LONG MillisecondsPeriod, PVOID FunctionContext,
                                            ULONG Tolerance)
{
    struct ndis_timer *t = ndis_handle_get(TimerObject, NDIS_H_TIMER, __func__);

    NT_DISPATCH_MAX();
    (void)Tolerance; /* an exact timer is within any tolerance */
    if (!t || MillisecondsPeriod < 0)
        return FALSE;
    atomic_store(&t->set_context, FunctionContext);
    return KeSetTimerEx(&t->timer, DueTime, MillisecondsPeriod, &t->dpc);
}
NT_EXPORT(NdisSetCoalescableTimerObject);

BOOLEAN NTAPI NdisSetTimerObject(NDIS_HANDLE TimerObject, LARGE_INTEGER DueTime,
                                 LONG MillisecondsPeriod, PVOID FunctionContext)
{
    return NdisSetCoalescableTimerObject(TimerObject, DueTime, MillisecondsPeriod, FunctionContext,
                                         0);
}
NT_EXPORT(NdisSetTimerObject);

BOOLEAN NTAPI NdisCancelTimerObject(NDIS_HANDLE TimerObject)
{
    struct ndis_timer *t = ndis_handle_get(TimerObject, NDIS_H_TIMER, __func__);

    NT_DISPATCH_MAX();
    return t ? KeCancelTimer(&t->timer) : FALSE;
}
NT_EXPORT(NdisCancelTimerObject);

/* Returns when the function is not running and will not run: the object's memory goes. */
VOID NTAPI NdisFreeTimerObject(NDIS_HANDLE TimerObject)
{
    struct ndis_timer *t = ndis_handle_get(TimerObject, NDIS_H_TIMER, __func__);

    NT_DISPATCH_MAX();
    if (!t || !nt_ledger_remove(NT_RES_TIMER, t))
        return;
    ndis_handle_retire(&t->handle);
    if (KeCancelTimer(&t->timer))
        finding_report("NT-TIMER", "NdisFreeTimerObject of timer %p, which is still set",
                       (void *)t);
    KeRemoveQueueDpc(&t->dpc);
    if (atomic_load(&t->runner) == nt_thread_self()) {
        atomic_store(&t->freed_inside, true);
        return;
    }
    if (nt_thread_self()->loop < 0)
        KeFlushQueuedDpcs();
    while (atomic_load(&t->running))
        sched_yield();
    timer_destroy(t);
}
NT_EXPORT(NdisFreeTimerObject);
