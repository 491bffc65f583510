/* SPDX-License-Identifier: MIT */
/*
 * KTIMER, and EX_TIMER on top of it. Armed timers stand in one list, soonest first (a machine has a
 * few dozens, and a new one mostly belongs near the end, where the search begins); loop 0 fires
 * them. Armed: TimerListEntry.Flink is set; DueTime is then in nt_now_ns() time.
 */
#include "nt/dispatch.h"
#include "nt/export.h"
#include "nt/finding.h"
#include "nt/ledger.h"
#include "nt/loop.h"

static LIST_ENTRY armed = {&armed, &armed}; /* under the dispatcher lock */
static uint64_t soonest_ns = UINT64_MAX;    /* atomic copy of the first due time */

static uint64_t due_of(const LIST_ENTRY *e)
{
    return CONTAINING_RECORD(e, KTIMER, TimerListEntry)->DueTime.QuadPart;
}

static void note_soonest(void)
{
    uint64_t due = IsListEmpty(&armed) ? UINT64_MAX : due_of(armed.Flink);

    __atomic_store_n(&soonest_ns, due, __ATOMIC_RELEASE);
}

static void arm(KTIMER *t, uint64_t due_ns)
{
    LIST_ENTRY *after = armed.Blink;

    t->DueTime.QuadPart = due_ns;
    while (after != &armed && due_of(after) > due_ns)
        after = after->Blink;
    InsertHeadList(after, &t->TimerListEntry);
}

static bool disarm(KTIMER *t)
{
    if (!t->TimerListEntry.Flink)
        return false;
    RemoveEntryList(&t->TimerListEntry);
    t->TimerListEntry.Flink = NULL;
    return true;
}

/* SystemArgument1 and 2 of a timer's DPC are the halves of the system time, as on Windows. */
static void fire(KTIMER *t, uint64_t now_ns)
{
    uint64_t system = nt_system_time();

    disarm(t);
    if (t->Period != 0) {
        uint64_t period_ns = (uint64_t)t->Period * 1000000u;
        uint64_t next_ns = t->DueTime.QuadPart + period_ns;

        arm(t, next_ns > now_ns ? next_ns : now_ns + period_ns);
    }
    if (t->Dpc)
        KeInsertQueueDpc(t->Dpc, ULongToPtr((ULONG)system), ULongToPtr((ULONG)(system >> 32)));
    nt_dispatch_set(&t->Header, 1);
}

uint64_t nt_timers_next(void)
{
    return __atomic_load_n(&soonest_ns, __ATOMIC_ACQUIRE);
}

void nt_timers_run(void)
{
    uint64_t due_ns = nt_timers_next();
    uint64_t now_ns = due_ns == UINT64_MAX ? 0 : nt_now_ns();

    if (due_ns > now_ns)
        return;
    nt_dispatch_lock();
    while (!IsListEmpty(&armed) && due_of(armed.Flink) <= now_ns)
        fire(CONTAINING_RECORD(armed.Flink, KTIMER, TimerListEntry), now_ns);
    note_soonest();
    nt_dispatch_unlock();
}

const KTIMER *nt_timer_within(const void *block, size_t bytes)
{
    const KTIMER *found = NULL;
    LIST_ENTRY *next;

    if (__atomic_load_n(&soonest_ns, __ATOMIC_ACQUIRE) == UINT64_MAX)
        return NULL;
    nt_dispatch_lock();
    for (LIST_ENTRY *e = armed.Flink; e != &armed; e = next) {
        KTIMER *t = CONTAINING_RECORD(e, KTIMER, TimerListEntry);

        next = e->Flink;
        if ((uintptr_t)t - (uintptr_t)block < bytes) {
            found = t;
            disarm(t);
        }
    }
    note_soonest();
    nt_dispatch_unlock();
    return found;
}

VOID NTAPI KeInitializeTimerEx(PKTIMER Timer, TIMER_TYPE Type)
{
    memset(Timer, 0, sizeof *Timer);
    nt_dispatch_init(&Timer->Header,
                     Type == NotificationTimer ? NT_TIMER_NOTIFICATION : NT_TIMER_SYNCHRONIZATION,
                     sizeof *Timer, 0);
}
NT_EXPORT(KeInitializeTimerEx);

VOID NTAPI KeInitializeTimer(PKTIMER Timer)
{
    KeInitializeTimerEx(Timer, NotificationTimer);
}
NT_EXPORT(KeInitializeTimer);

static BOOLEAN set(PKTIMER timer, LARGE_INTEGER due, ULONG period_ms, PKDPC dpc)
{
    uint64_t due_ns = nt_due_ns(due.QuadPart);
    bool was_armed, first;

    nt_dispatch_lock();
    was_armed = disarm(timer);
    timer->Header.SignalState = 0;
    timer->Dpc = dpc;
    timer->Period = period_ms;
    arm(timer, due_ns);
    first = armed.Flink == &timer->TimerListEntry;
    note_soonest();
    nt_dispatch_unlock();
    if (first)
        nt_loop_kick(nt_loop_get(0));
    return was_armed;
}

BOOLEAN NTAPI KeSetTimer(PKTIMER Timer, LARGE_INTEGER DueTime, PKDPC Dpc)
{
    NT_DISPATCH_MAX();
    return set(Timer, DueTime, 0, Dpc);
}
NT_EXPORT(KeSetTimer);

BOOLEAN NTAPI KeSetTimerEx(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc)
{
    NT_DISPATCH_MAX();
    return set(Timer, DueTime, Period > 0 ? (ULONG)Period : 0, Dpc);
}
NT_EXPORT(KeSetTimerEx);

/* The tolerable delay is an offer, which we do not take. */
BOOLEAN NTAPI KeSetCoalescableTimer(PKTIMER Timer, LARGE_INTEGER DueTime, ULONG Period,
                                    ULONG TolerableDelay, PKDPC Dpc)
{
    (void)TolerableDelay;
    NT_DISPATCH_MAX();
    return set(Timer, DueTime, Period, Dpc);
}
NT_EXPORT(KeSetCoalescableTimer);

BOOLEAN NTAPI KeCancelTimer(PKTIMER Timer)
{
    bool was_armed;

    NT_DISPATCH_MAX();
    nt_dispatch_lock();
    was_armed = disarm(Timer);
    note_soonest();
    nt_dispatch_unlock();
    return was_armed;
}
NT_EXPORT(KeCancelTimer);

BOOLEAN NTAPI KeReadStateTimer(PKTIMER Timer)
{
    return nt_dispatch_state(&Timer->Header) > 0;
}
NT_EXPORT(KeReadStateTimer);

/* A callback runs on loop 0, and may delete its timer; so the memory is freed by a DPC there, after
 * whatever callback has begun. */
struct _EX_TIMER {
    KTIMER timer;
    KDPC dpc;
    PEXT_CALLBACK callback;
    void *context;
    VOID(NTAPI *deleted)(PVOID Context);
    void *deleted_context;
    struct nt_dpc last;
};

static void ex_timer_free(void *arg)
{
    PEX_TIMER t = arg;

    if (t->deleted)
        t->deleted(t->deleted_context);
    free(t);
}

static VOID NTAPI ex_timer_dpc(PKDPC Dpc, PVOID DeferredContext, PVOID SystemArgument1,
                               PVOID SystemArgument2)
{
    PEX_TIMER t = DeferredContext;

    (void)Dpc;
    (void)SystemArgument1;
    (void)SystemArgument2;
    t->callback(t, t->context);
}

PEX_TIMER NTAPI ExAllocateTimer(PEXT_CALLBACK Callback, PVOID CallbackContext, ULONG Attributes)
{
    PEX_TIMER t;

    (void)Attributes;
    NT_DISPATCH_MAX();
    t = nt_may_allocate() ? calloc(1, sizeof *t) : NULL;
    if (!t)
        return NULL;
    KeInitializeTimerEx(&t->timer, SynchronizationTimer);
    KeInitializeDpc(&t->dpc, ex_timer_dpc, t);
    t->callback = Callback;
    t->context = CallbackContext;
    t->last = (struct nt_dpc){.fn = ex_timer_free, .arg = t};
    nt_ledger_add(NT_RES_TIMER, t, sizeof *t, 0);
    return t;
}
NT_EXPORT(ExAllocateTimer);

BOOLEAN NTAPI ExSetTimer(PEX_TIMER Timer, LONGLONG DueTime, LONGLONG Period,
                         PEXT_SET_PARAMETERS Parameters)
{
    LARGE_INTEGER due = {.QuadPart = DueTime};
    ULONG period_ms = Period > 0 ? (ULONG)MAX_OF(Period / 10000, 1) : 0;

    (void)Parameters;
    NT_DISPATCH_MAX();
    return set(&Timer->timer, due, period_ms, Timer->callback ? &Timer->dpc : NULL);
}
NT_EXPORT(ExSetTimer);

BOOLEAN NTAPI ExCancelTimer(PEX_TIMER Timer, PVOID Parameters)
{
    bool cancelled;

    (void)Parameters;
    cancelled = KeCancelTimer(&Timer->timer) != 0;
    /* Expired, but the callback has not begun: cancelled as well. */
    return cancelled | (KeRemoveQueueDpc(&Timer->dpc) != 0);
}
NT_EXPORT(ExCancelTimer);

BOOLEAN NTAPI ExDeleteTimer(PEX_TIMER Timer, BOOLEAN Cancel, BOOLEAN Wait,
                            PEXT_DELETE_PARAMETERS Parameters)
{
    bool cancelled = Cancel && ExCancelTimer(Timer, NULL);

    if (!nt_ledger_remove(NT_RES_TIMER, Timer))
        return FALSE;
    if (Parameters) {
        Timer->deleted = Parameters->DeleteCallback;
        Timer->deleted_context = Parameters->DeleteContext;
    }
    if (!cancelled)
        ExCancelTimer(Timer, NULL);
    if (nt_loop_count() == 0) {
        ex_timer_free(Timer);
        return cancelled;
    }
    nt_dpc_queue(&Timer->last, 0);
    if (Wait && nt_thread_self()->loop < 0)
        nt_dpcs_flush();
    return cancelled;
}
NT_EXPORT(ExDeleteTimer);
