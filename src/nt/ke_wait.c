/* SPDX-License-Identifier: MIT */
/* Events, semaphores, mutexes, and waiting for them. */
#include "nt/dispatch.h"
#include "base/list.h"
#include "nt/export.h"
#include "nt/finding.h"
#include "nt/processor.h"

#include <pthread.h>
#include <time.h>

enum { BUCKETS = 64 };
/* A driver that waits where it must not, on a processor loop, is let down after this long instead
 * of hanging the machine. */
static const uint64_t loop_wait_max_ns = 100u * 1000000u;

struct waiter;

struct wait_block {
    struct list link; /* in the object's bucket */
    struct waiter *waiter;
    DISPATCHER_HEADER *object;
};

struct waiter {
    pthread_cond_t wake;
    struct wait_block *blocks;
    unsigned count;
    bool all;
    int satisfied; /* index of the object, or -1 */
    PKTHREAD thread;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct list buckets[BUCKETS];
static pthread_condattr_t monotonic;

static void init(void)
{
    for (size_t i = 0; i < BUCKETS; i++)
        list_init(&buckets[i]);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
}

static struct list *bucket_of(const DISPATCHER_HEADER *h)
{
    return &buckets[((uintptr_t)h >> 4) * 0x9e3779b97f4a7c15u >> 58];
}

void nt_dispatch_lock(void)
{
    pthread_once(&once, init);
    pthread_mutex_lock(&lock);
}

void nt_dispatch_unlock(void)
{
    pthread_mutex_unlock(&lock);
}

void nt_dispatch_init(DISPATCHER_HEADER *h, enum nt_object_type type, size_t bytes, LONG state)
{
    memset(h, 0, sizeof *h);
    h->Type = (UCHAR)type;
    h->Size = (UCHAR)(bytes / sizeof(LONG));
    InitializeListHead(&h->WaitListHead);
    __atomic_store_n(&h->SignalState, state, __ATOMIC_RELEASE);
}

LONG nt_dispatch_state(const DISPATCHER_HEADER *h)
{
    return __atomic_load_n(&h->SignalState, __ATOMIC_ACQUIRE);
}

static void set_state(DISPATCHER_HEADER *h, LONG state)
{
    __atomic_store_n(&h->SignalState, state, __ATOMIC_RELEASE);
}

static bool can_take(const DISPATCHER_HEADER *h, PKTHREAD thread)
{
    if (h->Type == NT_MUTANT && CONTAINING_RECORD(h, KMUTANT, Header)->OwnerThread == thread)
        return true;
    return h->SignalState > 0;
}

static void take(DISPATCHER_HEADER *h, PKTHREAD thread)
{
    switch (h->Type) {
    case NT_EVENT_SYNCHRONIZATION:
    case NT_TIMER_SYNCHRONIZATION:
        set_state(h, 0);
        break;
    case NT_SEMAPHORE:
        set_state(h, h->SignalState - 1);
        break;
    case NT_MUTANT:
        set_state(h, h->SignalState - 1);
        CONTAINING_RECORD(h, KMUTANT, Header)->OwnerThread = thread;
        break;
    default: /* notification objects and threads stay signalled */
        break;
    }
}

static bool satisfy(struct waiter *w)
{
    for (unsigned i = 0; i < w->count; i++) {
        bool ready = can_take(w->blocks[i].object, w->thread);

        if (ready && !w->all) {
            take(w->blocks[i].object, w->thread);
            w->satisfied = (int)i;
            return true;
        }
        if (!ready && w->all)
            return false;
    }
    if (!w->all)
        return false;
    for (unsigned i = 0; i < w->count; i++)
        take(w->blocks[i].object, w->thread);
    w->satisfied = 0;
    return true;
}

void nt_dispatch_set(DISPATCHER_HEADER *h, LONG state)
{
    struct list *pos;

    set_state(h, state);
    if (state <= 0)
        return;
    list_for_each(pos, bucket_of(h))
    {
        struct wait_block *b = list_entry(pos, struct wait_block, link);

        if (b->object == h && b->waiter->satisfied < 0 && satisfy(b->waiter))
            pthread_cond_signal(&b->waiter->wake);
        if (h->SignalState <= 0)
            break;
    }
}

uint64_t nt_due_ns(LONGLONG timeout_100ns)
{
    static const uint64_t far = UINT64_MAX / 400; /* 14 years, in 100 ns units */
    uint64_t delta;

    if (timeout_100ns < 0) {
        delta = (uint64_t)0 - (uint64_t)timeout_100ns;
    } else {
        uint64_t now = nt_system_time();

        delta = (uint64_t)timeout_100ns > now ? (uint64_t)timeout_100ns - now : 0;
    }
    return nt_now_ns() + MIN_OF(delta, far) * 100;
}

/* Waiting is for APC_LEVEL and below; looking (a timeout of zero) for DISPATCH_LEVEL too. */
static uint64_t deadline_of(const LARGE_INTEGER *timeout, const char *what)
{
    bool look = timeout && timeout->QuadPart == 0;
    uint64_t due = timeout ? look ? 0 : nt_due_ns(timeout->QuadPart) : UINT64_MAX;

    if (!nt_check_irql_max(look ? DISPATCH_LEVEL : APC_LEVEL, what) && nt_thread_self()->loop >= 0)
        due = MIN_OF(due, nt_now_ns() + loop_wait_max_ns);
    return due;
}

static void block_until(struct waiter *w, uint64_t due_ns)
{
    struct timespec at = {.tv_sec = (time_t)(due_ns / 1000000000u),
                          .tv_nsec = (long)(due_ns % 1000000000u)};

    for (unsigned i = 0; i < w->count; i++)
        list_push(bucket_of(w->blocks[i].object), &w->blocks[i].link);
    while (w->satisfied < 0) {
        if (due_ns == UINT64_MAX)
            pthread_cond_wait(&w->wake, &lock);
        else if (pthread_cond_timedwait(&w->wake, &lock, &at) == ETIMEDOUT)
            break;
    }
    for (unsigned i = 0; i < w->count; i++)
        list_unlink(&w->blocks[i].link);
}

static NTSTATUS wait_for(struct waiter *w, uint64_t due_ns)
{
    int satisfied;

    w->satisfied = -1;
    w->thread = nt_thread_self()->kthread;
    nt_dispatch_lock();
    if (!satisfy(w) && due_ns != 0) {
        pthread_cond_init(&w->wake, &monotonic);
        block_until(w, due_ns);
        pthread_cond_destroy(&w->wake);
    }
    satisfied = w->satisfied;
    nt_dispatch_unlock();
    return satisfied < 0 ? STATUS_TIMEOUT : STATUS_WAIT_0 + satisfied;
}

NTSTATUS NTAPI KeWaitForSingleObject(PVOID Object, KWAIT_REASON WaitReason,
                                     KPROCESSOR_MODE WaitMode, BOOLEAN Alertable,
                                     PLARGE_INTEGER Timeout)
{
    struct waiter w = {.count = 1};
    struct wait_block block = {.waiter = &w, .object = Object};

    (void)WaitReason;
    (void)WaitMode;
    (void)Alertable;
    w.blocks = &block;
    return wait_for(&w, deadline_of(Timeout, __func__));
}
NT_EXPORT(KeWaitForSingleObject);

NTSTATUS NTAPI KeWaitForMultipleObjects(ULONG Count, PVOID Object[], WAIT_TYPE WaitType,
                                        KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode,
                                        BOOLEAN Alertable, PLARGE_INTEGER Timeout,
                                        PKWAIT_BLOCK WaitBlockArray)
{
    struct wait_block blocks[MAXIMUM_WAIT_OBJECTS];
    struct waiter w = {.blocks = blocks, .count = Count, .all = WaitType == WaitAll};

    (void)WaitReason;
    (void)WaitMode;
    (void)Alertable;
    if (Count == 0 || Count > MAXIMUM_WAIT_OBJECTS ||
        (Count > THREAD_WAIT_OBJECTS && !WaitBlockArray)) {
        finding_report("NT-WAIT", "waits for %u objects %s wait blocks", Count,
                       WaitBlockArray ? "with" : "without");
        if (Count == 0 || Count > MAXIMUM_WAIT_OBJECTS)
            return STATUS_INVALID_PARAMETER;
    }
    for (ULONG i = 0; i < Count; i++)
        blocks[i] = (struct wait_block){.waiter = &w, .object = Object[i]};
    return wait_for(&w, deadline_of(Timeout, __func__));
}
NT_EXPORT(KeWaitForMultipleObjects);

NTSTATUS NTAPI KeDelayExecutionThread(KPROCESSOR_MODE WaitMode, BOOLEAN Alertable,
                                      PLARGE_INTEGER Interval)
{
    uint64_t due = deadline_of(Interval, __func__);
    struct timespec at = {.tv_sec = (time_t)(due / 1000000000u),
                          .tv_nsec = (long)(due % 1000000000u)};

    (void)WaitMode;
    (void)Alertable;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
        ;
    return STATUS_SUCCESS;
}
NT_EXPORT(KeDelayExecutionThread);

VOID NTAPI KeInitializeEvent(PRKEVENT Event, EVENT_TYPE Type, BOOLEAN State)
{
    nt_dispatch_init(&Event->Header,
                     Type == NotificationEvent ? NT_EVENT_NOTIFICATION : NT_EVENT_SYNCHRONIZATION,
                     sizeof *Event, State ? 1 : 0);
}
NT_EXPORT(KeInitializeEvent);

/* Changing the state of an object is for DISPATCH_LEVEL and below; with Wait, for APC_LEVEL. */
static void check_change(BOOLEAN wait, const char *what)
{
    nt_check_irql_max(wait ? APC_LEVEL : DISPATCH_LEVEL, what);
}

LONG NTAPI KeSetEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait)
{
    LONG before;

    (void)Increment;
    check_change(Wait, __func__);
    nt_dispatch_lock();
    before = Event->Header.SignalState;
    nt_dispatch_set(&Event->Header, 1);
    nt_dispatch_unlock();
    return before;
}
NT_EXPORT(KeSetEvent);

LONG NTAPI KeResetEvent(PRKEVENT Event)
{
    LONG before;

    check_change(FALSE, __func__);
    nt_dispatch_lock();
    before = Event->Header.SignalState;
    nt_dispatch_set(&Event->Header, 0);
    nt_dispatch_unlock();
    return before;
}
NT_EXPORT(KeResetEvent);

VOID NTAPI KeClearEvent(PRKEVENT Event)
{
    KeResetEvent(Event);
}
NT_EXPORT(KeClearEvent);

LONG NTAPI KePulseEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait)
{
    LONG before;

    (void)Increment;
    check_change(Wait, __func__);
    nt_dispatch_lock();
    before = Event->Header.SignalState;
    nt_dispatch_set(&Event->Header, 1);
    nt_dispatch_set(&Event->Header, 0);
    nt_dispatch_unlock();
    return before;
}
NT_EXPORT(KePulseEvent);

LONG NTAPI KeReadStateEvent(PRKEVENT Event)
{
    return nt_dispatch_state(&Event->Header);
}
NT_EXPORT(KeReadStateEvent);

VOID NTAPI KeInitializeSemaphore(PRKSEMAPHORE Semaphore, LONG Count, LONG Limit)
{
    nt_dispatch_init(&Semaphore->Header, NT_SEMAPHORE, sizeof *Semaphore, Count);
    Semaphore->Limit = Limit;
}
NT_EXPORT(KeInitializeSemaphore);

LONG NTAPI KeReleaseSemaphore(PRKSEMAPHORE Semaphore, KPRIORITY Increment, LONG Adjustment,
                              BOOLEAN Wait)
{
    LONG before;
    bool fits;

    (void)Increment;
    check_change(Wait, __func__);
    nt_dispatch_lock();
    before = Semaphore->Header.SignalState;
    fits = Adjustment > 0 && Adjustment <= Semaphore->Limit - before;
    if (fits)
        nt_dispatch_set(&Semaphore->Header, before + Adjustment);
    nt_dispatch_unlock();
    if (!fits)
        finding_report("NT-WAIT", "releases semaphore %p by %d at %d of %d", (void *)Semaphore,
                       Adjustment, before, Semaphore->Limit);
    return before;
}
NT_EXPORT(KeReleaseSemaphore);

LONG NTAPI KeReadStateSemaphore(PRKSEMAPHORE Semaphore)
{
    return nt_dispatch_state(&Semaphore->Header);
}
NT_EXPORT(KeReadStateSemaphore);

/* Mutex state: 1 free, 0 held, below: held that many times more. */
VOID NTAPI KeInitializeMutex(PRKMUTEX Mutex, ULONG Level)
{
    (void)Level;
    memset(Mutex, 0, sizeof *Mutex);
    nt_dispatch_init(&Mutex->Header, NT_MUTANT, sizeof *Mutex, 1);
    InitializeListHead(&Mutex->MutantListEntry);
    Mutex->ApcDisable = 1;
}
NT_EXPORT(KeInitializeMutex);

LONG NTAPI KeReleaseMutex(PRKMUTEX Mutex, BOOLEAN Wait)
{
    LONG before;
    bool mine;

    check_change(Wait, __func__);
    nt_dispatch_lock();
    before = Mutex->Header.SignalState;
    mine = Mutex->OwnerThread == nt_thread_self()->kthread;
    if (mine) {
        if (before == 0)
            Mutex->OwnerThread = NULL;
        nt_dispatch_set(&Mutex->Header, before + 1);
    }
    nt_dispatch_unlock();
    if (!mine)
        finding_report("NT-LOCK", "releases mutex %p, which the thread does not hold",
                       (void *)Mutex);
    return before;
}
NT_EXPORT(KeReleaseMutex);

LONG NTAPI KeReadStateMutex(PRKMUTEX Mutex)
{
    return nt_dispatch_state(&Mutex->Header);
}
NT_EXPORT(KeReadStateMutex);
