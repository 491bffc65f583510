/* SPDX-License-Identifier: MIT */
/* IRQL, spin locks, events, semaphores, mutexes, waits, timers, rundown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nt/finding.h"
#include "nt/processor.h"

#include <pthread.h>
#include <wdk/ntddk.h>

enum { THREADS = 3, ROUNDS = 5000 };
enum { MS = 10000 }; /* in 100 ns units */

static struct finding last;

static void keep(void *arg, const struct finding *f)
{
    (void)arg;
    last = *f;
}

static int start(void **state)
{
    struct why why = {{0}};

    (void)state;
    finding_set_sink(keep, NULL);
    finding_reset();
    nt_thread_self()->irql = 0;
    nt_thread_self()->locks_held = 0;
    return nt_start(2, &why);
}

static int stop(void **state)
{
    (void)state;
    nt_stop();
    return 0;
}

static LARGE_INTEGER after(LONGLONG units)
{
    return (LARGE_INTEGER){.QuadPart = -units};
}

static NTSTATUS wait_one(PVOID object, LONGLONG units)
{
    LARGE_INTEGER timeout = after(units);

    return KeWaitForSingleObject(object, Executive, KernelMode, FALSE, &timeout);
}

static void run_threads(void *(*fn)(void *), void *arg)
{
    pthread_t t[THREADS];

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, fn, arg), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
}

static void test_irql_misuse_is_found(void **state)
{
    KIRQL old;

    (void)state;
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    assert_int_equal(old, PASSIVE_LEVEL);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeRaiseIrql(APC_LEVEL, &old);
    assert_string_equal(last.rule, "NT-IRQL");
    KeLowerIrql(DISPATCH_LEVEL);
    assert_int_equal(finding_count(), 2);
    KeLowerIrql(PASSIVE_LEVEL);
    assert_int_equal(finding_count(), 2);
}

struct counted {
    KSPIN_LOCK lock;
    EX_SPIN_LOCK rw;
    FAST_MUTEX fast;
    KMUTEX mutex;
    KEVENT event;
    long value;
};

static void *count_under_lock(void *arg)
{
    struct counted *c = arg;

    for (int i = 0; i < ROUNDS; i++) {
        KIRQL irql;

        KeAcquireSpinLock(&c->lock, &irql);
        c->value++;
        KeReleaseSpinLock(&c->lock, irql);
    }
    return NULL;
}

static void *count_under_queued_lock(void *arg)
{
    struct counted *c = arg;

    for (int i = 0; i < ROUNDS; i++) {
        KLOCK_QUEUE_HANDLE h;

        KeAcquireInStackQueuedSpinLock(&c->lock, &h);
        c->value++;
        KeReleaseInStackQueuedSpinLock(&h);
    }
    return NULL;
}

static void *count_under_rw_lock(void *arg)
{
    struct counted *c = arg;

    for (int i = 0; i < ROUNDS; i++) {
        KIRQL irql = ExAcquireSpinLockShared(&c->rw);
        long seen = c->value;

        ExReleaseSpinLockShared(&c->rw, irql);
        irql = ExAcquireSpinLockExclusive(&c->rw);
        c->value += c->value >= seen;
        ExReleaseSpinLockExclusive(&c->rw, irql);
    }
    return NULL;
}

static void test_locks_under_contention(void **state)
{
    struct counted c = {.value = 0};

    (void)state;
    KeInitializeSpinLock(&c.lock);
    run_threads(count_under_lock, &c);
    assert_int_equal(c.value, THREADS * ROUNDS);
    run_threads(count_under_queued_lock, &c);
    assert_int_equal(c.value, 2 * THREADS * ROUNDS);
    run_threads(count_under_rw_lock, &c);
    assert_int_equal(c.value, 3 * THREADS * ROUNDS);
    assert_int_equal(c.lock, 0);
    assert_int_equal(finding_count(), 0);
}

static void test_lock_raises_and_restores(void **state)
{
    KSPIN_LOCK lock = 0;
    KIRQL irql;

    (void)state;
    KeAcquireSpinLock(&lock, &irql);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    assert_int_equal(nt_thread_self()->locks_held, 1);
    assert_false(KeTestSpinLock(&lock));
    assert_false(KeTryToAcquireSpinLockAtDpcLevel(&lock));
    KeReleaseSpinLock(&lock, irql);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    assert_int_equal(nt_thread_self()->locks_held, 0);
    assert_true(KeTestSpinLock(&lock));
    assert_int_equal(finding_count(), 0);
}

static void test_lock_misuse_is_found_and_does_not_hang(void **state)
{
    KSPIN_LOCK lock = 0, other = 0;
    KIRQL irql, again;

    (void)state;
    KeAcquireSpinLock(&lock, &irql);
    KeAcquireSpinLock(&lock, &again);
    assert_string_equal(last.rule, "NT-LOCK");
    assert_non_null(strstr(last.text, "holds already"));
    KeReleaseSpinLock(&lock, again);
    assert_int_equal(finding_count(), 1);
    KeReleaseSpinLock(&lock, irql); /* the second release finds it free */
    assert_int_equal(finding_count(), 2);
    KeAcquireSpinLockAtDpcLevel(&lock);
    assert_string_equal(last.rule, "NT-IRQL");
    KeReleaseSpinLockFromDpcLevel(&lock);
    KeReleaseSpinLockFromDpcLevel(&other);
    assert_non_null(strstr(last.text, "nobody holds"));
    KeRaiseIrql(HIGH_LEVEL, &irql);
    KeAcquireSpinLock(&lock, &again);
    assert_string_equal(last.rule, "NT-LOCK");
    KeReleaseSpinLock(&lock, again);
    KeLowerIrql(irql);
    KeAcquireSpinLock(&lock, &irql);
    KeLowerIrql(PASSIVE_LEVEL);
    assert_non_null(strstr(last.text, "holding 1"));
    KeReleaseSpinLockFromDpcLevel(&lock);
    assert_int_equal(nt_thread_self()->locks_held, 0);
}

static void test_event_kinds(void **state)
{
    KEVENT note, sync;

    (void)state;
    KeInitializeEvent(&note, NotificationEvent, TRUE);
    KeInitializeEvent(&sync, SynchronizationEvent, TRUE);
    assert_int_equal(wait_one(&note, 0), STATUS_SUCCESS);
    assert_int_equal(wait_one(&note, 0), STATUS_SUCCESS);
    assert_int_equal(wait_one(&sync, 0), STATUS_SUCCESS);
    assert_int_equal(wait_one(&sync, 0), STATUS_TIMEOUT);
    assert_int_equal(KeSetEvent(&sync, 0, FALSE), 0);
    assert_int_equal(KeSetEvent(&sync, 0, FALSE), 1);
    assert_int_equal(KeReadStateEvent(&sync), 1);
    assert_int_equal(KeResetEvent(&sync), 1);
    KeClearEvent(&note);
    assert_int_equal(KeReadStateEvent(&note), 0);
}

static void *set_soon(void *arg)
{
    usleep(3000);
    KeSetEvent(arg, 0, FALSE);
    return NULL;
}

static void test_wait_wakes_and_times_out(void **state)
{
    uint64_t before = nt_now_ns();
    pthread_t t;
    KEVENT e;

    (void)state;
    KeInitializeEvent(&e, SynchronizationEvent, FALSE);
    assert_int_equal(wait_one(&e, 5 * MS), STATUS_TIMEOUT);
    assert_true(nt_now_ns() - before >= 5000000);
    pthread_create(&t, NULL, set_soon, &e);
    assert_int_equal(KeWaitForSingleObject(&e, Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
    pthread_join(t, NULL);
    LARGE_INTEGER absolute = {.QuadPart = (LONGLONG)nt_system_time() + 5 * MS};
    assert_int_equal(KeWaitForSingleObject(&e, Executive, KernelMode, FALSE, &absolute),
                     STATUS_TIMEOUT);
}

static void *wait_twice(void *arg)
{
    for (int i = 0; i < 2; i++)
        KeWaitForSingleObject(arg, Executive, KernelMode, FALSE, NULL);
    return NULL;
}

static void test_semaphore_wakes_as_many_as_released(void **state)
{
    pthread_t t[THREADS];
    KSEMAPHORE s;

    (void)state;
    KeInitializeSemaphore(&s, 0, 100);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, wait_twice, &s);
    usleep(1000);
    assert_int_equal(KeReleaseSemaphore(&s, 0, 2 * THREADS, FALSE) <= 0, 1);
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(KeReadStateSemaphore(&s), 0);
    KeReleaseSemaphore(&s, 0, 101, FALSE);
    assert_string_equal(last.rule, "NT-WAIT");
}

static void test_wait_for_several(void **state)
{
    KEVENT a, b, c, d;
    PVOID objects[] = {&a, &b, &c, &d};
    LARGE_INTEGER now = {.QuadPart = 0}, soon = after(2 * MS);
    KWAIT_BLOCK blocks[4];
    pthread_t t;

    (void)state;
    KeInitializeEvent(&a, SynchronizationEvent, FALSE);
    KeInitializeEvent(&b, SynchronizationEvent, TRUE);
    KeInitializeEvent(&c, SynchronizationEvent, TRUE);
    KeInitializeEvent(&d, SynchronizationEvent, FALSE);
    assert_int_equal(
        KeWaitForMultipleObjects(3, objects, WaitAll, Executive, KernelMode, FALSE, &soon, NULL),
        STATUS_TIMEOUT);
    assert_int_equal(KeReadStateEvent(&b), 1); /* nothing was taken */
    assert_int_equal(
        KeWaitForMultipleObjects(3, objects, WaitAny, Executive, KernelMode, FALSE, &now, NULL),
        STATUS_WAIT_0 + 1);
    KeSetEvent(&b, 0, FALSE);
    pthread_create(&t, NULL, set_soon, &a);
    assert_int_equal(
        KeWaitForMultipleObjects(3, objects, WaitAll, Executive, KernelMode, FALSE, NULL, NULL),
        STATUS_WAIT_0);
    pthread_join(t, NULL);
    assert_int_equal(KeReadStateEvent(&c), 0);
    assert_int_equal(finding_count(), 0);
    KeSetEvent(&d, 0, FALSE);
    assert_int_equal(
        KeWaitForMultipleObjects(4, objects, WaitAny, Executive, KernelMode, FALSE, NULL, blocks),
        STATUS_WAIT_0 + 3);
    assert_int_equal(finding_count(), 0);
    KeWaitForMultipleObjects(4, objects, WaitAny, Executive, KernelMode, FALSE, &now, NULL);
    assert_string_equal(last.rule, "NT-WAIT");
}

static void test_waiting_at_dispatch_level_is_found(void **state)
{
    KEVENT e;
    KIRQL irql;

    (void)state;
    KeInitializeEvent(&e, NotificationEvent, FALSE);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    assert_int_equal(wait_one(&e, 0), STATUS_TIMEOUT);
    assert_int_equal(finding_count(), 0);
    assert_int_equal(wait_one(&e, MS), STATUS_TIMEOUT);
    assert_string_equal(last.rule, "NT-IRQL");
    LARGE_INTEGER delay = after(1);
    KeDelayExecutionThread(KernelMode, FALSE, &delay);
    assert_int_equal(finding_count(), 2);
    KeLowerIrql(irql);
}

static void wait_for_ever(void *arg)
{
    KEVENT e;

    KeInitializeEvent(&e, NotificationEvent, FALSE);
    *(NTSTATUS *)arg = KeWaitForSingleObject(&e, Executive, KernelMode, FALSE, NULL);
}

static void test_a_loop_is_not_hung_by_a_wait(void **state)
{
    NTSTATUS status = 0;

    (void)state;
    nt_loop_call(0, wait_for_ever, &status);
    assert_int_equal(status, STATUS_TIMEOUT);
    assert_string_equal(last.rule, "NT-IRQL");
}

static void *count_under_fast(void *arg)
{
    struct counted *c = arg;

    for (int i = 0; i < ROUNDS; i++) {
        KeAcquireGuardedMutex(&c->fast);
        c->value++;
        KeReleaseGuardedMutex(&c->fast);
    }
    return NULL;
}

static void *count_under_kmutex(void *arg)
{
    struct counted *c = arg;

    for (int i = 0; i < ROUNDS / 10; i++) {
        KeWaitForMutexObject(&c->mutex, Executive, KernelMode, FALSE, NULL);
        KeWaitForMutexObject(&c->mutex, Executive, KernelMode, FALSE, NULL);
        c->value++;
        KeReleaseMutex(&c->mutex, FALSE);
        KeReleaseMutex(&c->mutex, FALSE);
    }
    return NULL;
}

static void test_mutexes_under_contention(void **state)
{
    struct counted c = {.value = 0};

    (void)state;
    ExInitializeFastMutex(&c.fast);
    KeInitializeMutex(&c.mutex, 0);
    run_threads(count_under_fast, &c);
    assert_int_equal(c.value, THREADS * ROUNDS);
    c.value = 0;
    run_threads(count_under_kmutex, &c);
    assert_int_equal(c.value, THREADS * (ROUNDS / 10));
    assert_int_equal(KeReadStateMutex(&c.mutex), 1);
    assert_int_equal(finding_count(), 0);
    KeReleaseMutex(&c.mutex, FALSE);
    assert_string_equal(last.rule, "NT-LOCK");
    ExReleaseFastMutexUnsafe(&c.fast);
    assert_int_equal(finding_count(), 2);
}

struct fired {
    int count;
    uint64_t at_ns;
    KEVENT event;
};

static VOID NTAPI on_timer(PKDPC Dpc, PVOID DeferredContext, PVOID SystemArgument1,
                           PVOID SystemArgument2)
{
    struct fired *f = DeferredContext;

    (void)Dpc;
    (void)SystemArgument1;
    (void)SystemArgument2;
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    f->at_ns = nt_now_ns();
    __atomic_fetch_add(&f->count, 1, __ATOMIC_ACQ_REL);
    KeSetEvent(&f->event, 0, FALSE);
}

static void test_timer_fires_its_dpc_in_time(void **state)
{
    struct fired f = {.count = 0};
    uint64_t set_ns;
    KTIMER timer;
    KDPC dpc;

    (void)state;
    KeInitializeEvent(&f.event, SynchronizationEvent, FALSE);
    KeInitializeTimer(&timer);
    KeInitializeDpc(&dpc, on_timer, &f);
    set_ns = nt_now_ns();
    assert_false(KeSetTimer(&timer, after(20 * MS), &dpc));
    assert_true(KeSetTimer(&timer, after(2 * MS), &dpc));
    assert_int_equal(wait_one(&f.event, 2000 * MS), STATUS_SUCCESS);
    assert_true(f.at_ns - set_ns >= 2000000);
    assert_true(f.at_ns - set_ns < 1000000000);
    assert_true(KeReadStateTimer(&timer));
    assert_int_equal(wait_one(&timer, 0), STATUS_SUCCESS);
    assert_false(KeCancelTimer(&timer));
    KeSetTimer(&timer, after(1000 * MS), &dpc);
    assert_true(KeCancelTimer(&timer));
    KeFlushQueuedDpcs();
    assert_int_equal(f.count, 1);
}

static void test_periodic_timer(void **state)
{
    struct fired f = {.count = 0};
    KTIMER timer;
    KDPC dpc;

    (void)state;
    KeInitializeEvent(&f.event, SynchronizationEvent, FALSE);
    KeInitializeTimerEx(&timer, SynchronizationTimer);
    KeInitializeDpc(&dpc, on_timer, &f);
    KeSetTimerEx(&timer, after(MS), 1, &dpc);
    for (int i = 0; i < 3; i++)
        assert_int_equal(wait_one(&timer, 2000 * MS), STATUS_SUCCESS);
    assert_true(KeCancelTimer(&timer));
    KeFlushQueuedDpcs();
    int count = __atomic_load_n(&f.count, __ATOMIC_ACQUIRE);
    assert_true(count >= 3);
    usleep(5000);
    assert_int_equal(__atomic_load_n(&f.count, __ATOMIC_ACQUIRE), count);
}

static void test_timers_expire_in_order_of_due_time(void **state)
{
    enum { N = 20 };
    KTIMER timers[N];
    PVOID objects[2];

    (void)state;
    for (int i = 0; i < N; i++) {
        KeInitializeTimer(&timers[i]);
        KeSetTimer(&timers[i], after((LONGLONG)(i * 7 % N + 1) * MS / 4), NULL);
    }
    for (int i = 0; i < N; i++)
        assert_int_equal(wait_one(&timers[i], 2000 * MS), STATUS_SUCCESS);
    objects[0] = &timers[0];
    objects[1] = &timers[1];
    assert_int_equal(
        KeWaitForMultipleObjects(2, objects, WaitAll, Executive, KernelMode, FALSE, NULL, NULL),
        STATUS_SUCCESS);
}

/* The loop is still in the round that fired the last one when the next is armed: no wake-up may be
 * lost. */
static void test_timer_armed_while_the_loop_is_busy(void **state)
{
    KTIMER timer;

    (void)state;
    KeInitializeTimer(&timer);
    for (int i = 0; i < 500; i++) {
        KeSetTimer(&timer, after(MS / 20), NULL);
        assert_int_equal(wait_one(&timer, 2000 * MS), STATUS_SUCCESS);
    }
}

struct ex_fired {
    int count, deleted;
    bool delete_self;
};

static VOID NTAPI on_deleted(PVOID Context)
{
    __atomic_fetch_add(&((struct ex_fired *)Context)->deleted, 1, __ATOMIC_ACQ_REL);
}

static VOID NTAPI on_ex_timer(PEX_TIMER Timer, PVOID Context)
{
    struct ex_fired *f = Context;
    EXT_DELETE_PARAMETERS p = {.DeleteCallback = on_deleted, .DeleteContext = f};

    __atomic_fetch_add(&f->count, 1, __ATOMIC_ACQ_REL);
    if (f->delete_self)
        ExDeleteTimer(Timer, TRUE, FALSE, &p);
}

static void test_allocated_timer_may_delete_itself(void **state)
{
    struct ex_fired f = {.delete_self = true};
    PEX_TIMER t = ExAllocateTimer(on_ex_timer, &f, EX_TIMER_HIGH_RESOLUTION);

    (void)state;
    assert_non_null(t);
    assert_false(ExSetTimer(t, -MS, MS, NULL));
    for (int i = 0; i < 20000 && !__atomic_load_n(&f.deleted, __ATOMIC_ACQUIRE); i++)
        usleep(100);
    assert_int_equal(f.deleted, 1);
    assert_int_equal(f.count, 1);
    t = ExAllocateTimer(on_ex_timer, &f, 0);
    ExSetTimer(t, -1000 * MS, 0, NULL);
    assert_true(ExDeleteTimer(t, TRUE, TRUE, NULL));
    assert_int_equal(f.count, 1);
}

struct guarded {
    EX_RUNDOWN_REF ref;
    int released;
};

static void *hold_then_release(void *arg)
{
    struct guarded *g = arg;

    usleep(2000);
    __atomic_store_n(&g->released, 1, __ATOMIC_RELEASE);
    ExReleaseRundownProtection(&g->ref);
    return NULL;
}

static void test_rundown_waits_for_references(void **state)
{
    struct guarded g = {.released = 0};
    pthread_t t;

    (void)state;
    ExInitializeRundownProtection(&g.ref);
    assert_true(ExAcquireRundownProtection(&g.ref));
    pthread_create(&t, NULL, hold_then_release, &g);
    ExWaitForRundownProtectionRelease(&g.ref);
    assert_int_equal(__atomic_load_n(&g.released, __ATOMIC_ACQUIRE), 1);
    assert_false(ExAcquireRundownProtection(&g.ref));
    pthread_join(t, NULL);
    ExReInitializeRundownProtection(&g.ref);
    assert_true(ExAcquireRundownProtection(&g.ref));
    ExReleaseRundownProtection(&g.ref);
    ExReleaseRundownProtection(&g.ref);
    assert_int_equal(finding_count(), 1);
}

static void test_clocks_agree(void **state)
{
    LARGE_INTEGER frequency, a, b, system, ticks;
    uint64_t ns = nt_now_ns();

    (void)state;
    a = KeQueryPerformanceCounter(&frequency);
    KeStallExecutionProcessor(1000);
    b = KeQueryPerformanceCounter(NULL);
    assert_true(b.QuadPart - a.QuadPart >= frequency.QuadPart / 1000);
    KeQuerySystemTime(&system);
    assert_true(system.QuadPart > 130000000000000000); /* later than 2012 */
    KeQueryTickCount(&ticks);
    assert_true((uint64_t)ticks.QuadPart >= ns / 100 / KeQueryTimeIncrement());
}

/* STATUS_UNSUCCESSFUL where no DPC runs; limits of 0: nothing watches. */
static void test_dpc_watchdog_is_off(void **state)
{
    KDPC_WATCHDOG_INFORMATION w = {.DpcWatchdogLimit = 1, .DpcTimeLimit = 1};
    KIRQL before;

    (void)state;
    assert_int_equal(KeQueryDpcWatchdogInformation(&w), STATUS_UNSUCCESSFUL);
    KeRaiseIrql(DISPATCH_LEVEL, &before);
    assert_int_equal(KeQueryDpcWatchdogInformation(&w), STATUS_SUCCESS);
    KeLowerIrql(before);
    assert_int_equal(w.DpcWatchdogLimit, 0);
    assert_int_equal(w.DpcTimeLimit, 0);
}

static void test_processors_and_affinity(void **state)
{
    PROCESSOR_NUMBER n = {.Number = 9};
    KAFFINITY mask = 0;

    (void)state;
    assert_int_equal(KeQueryActiveProcessorCount(&mask), 64);
    assert_true(mask == ~(KAFFINITY)0);
    assert_int_equal(KeGetProcessorNumberFromIndex(3, &n), STATUS_SUCCESS);
    assert_int_equal(KeGetProcessorIndexFromNumber(&n), 3);
    assert_int_equal(KeGetProcessorNumberFromIndex(64, &n), STATUS_INVALID_PARAMETER);
    assert_int_equal(KeSetSystemAffinityThreadEx(2), 0);
    assert_int_equal(KeSetSystemAffinityThreadEx(4), 2);
    KeRevertToUserAffinityThreadEx(0);
    assert_false(KeAreApcsDisabled());
    KeEnterCriticalRegion();
    assert_true(KeAreApcsDisabled());
    KeLeaveCriticalRegion();
    assert_int_equal(finding_count(), 0);
    KeLeaveCriticalRegion();
    assert_int_equal(finding_count(), 1);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_irql_misuse_is_found),
        T(test_locks_under_contention),
        T(test_lock_raises_and_restores),
        T(test_lock_misuse_is_found_and_does_not_hang),
        T(test_event_kinds),
        T(test_wait_wakes_and_times_out),
        T(test_semaphore_wakes_as_many_as_released),
        T(test_wait_for_several),
        T(test_waiting_at_dispatch_level_is_found),
        T(test_a_loop_is_not_hung_by_a_wait),
        T(test_mutexes_under_contention),
        T(test_timer_fires_its_dpc_in_time),
        T(test_periodic_timer),
        T(test_timers_expire_in_order_of_due_time),
        T(test_timer_armed_while_the_loop_is_busy),
        T(test_allocated_timer_may_delete_itself),
        T(test_rundown_waits_for_references),
        T(test_clocks_agree),
        T(test_dpc_watchdog_is_off),
        T(test_processors_and_affinity),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
