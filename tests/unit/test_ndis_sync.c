/* SPDX-License-Identifier: MIT */
/* Locks, events, timers, work items, memory and the rest of the general-purpose exports:
 * ndis/sync.c, timer.c, work.c, memory.c, cpu.c. */
#include "test_ndis_data.h"

static void test_rw_lock_excludes_and_raises(void **state)
{
    PNDIS_RW_LOCK_EX lock = NdisAllocateRWLock(protos[0].handle);
    LOCK_STATE_EX outer, inner;

    (void)state;
    NdisAcquireRWLockRead(lock, &outer, 0);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    assert_int_equal(nt_thread_self()->locks_held, 1);
    NdisAcquireRWLockRead(lock, &inner, NDIS_RWL_AT_DISPATCH_LEVEL);
    NdisReleaseRWLock(lock, &inner);
    NdisReleaseRWLock(lock, &outer);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    NdisAcquireRWLockWrite(lock, &outer, 0);
    NdisReleaseRWLock(lock, &outer);
    assert_int_equal(nt_thread_self()->locks_held, 0);
    assert_no_findings();
    NdisReleaseRWLock(lock, &outer);
    assert_findings("NT-LOCK", 1);
    NdisFreeRWLock(lock);
}

struct counting {
    PNDIS_RW_LOCK_EX lock;
    NDIS_RW_LOCK old;
    long guarded, guarded_old;
};

static void *count(void *arg)
{
    struct counting *c = arg;
    LOCK_STATE_EX s;
    LOCK_STATE o;

    for (unsigned i = 0; i < 3000; i++) {
        NdisAcquireRWLockWrite(c->lock, &s, 0);
        c->guarded++;
        NdisReleaseRWLock(c->lock, &s);
        NdisAcquireRWLockRead(c->lock, &s, 0);
        assert_true(c->guarded > 0);
        NdisReleaseRWLock(c->lock, &s);
        NdisAcquireReadWriteLock(&c->old, TRUE, &o);
        c->guarded_old++;
        NdisReleaseReadWriteLock(&c->old, &o);
        NdisAcquireReadWriteLock(&c->old, FALSE, &o);
        assert_true(c->guarded_old > 0);
        NdisReleaseReadWriteLock(&c->old, &o);
    }
    return NULL;
}

static void test_rw_locks_under_contention(void **state)
{
    struct counting c = {.lock = NdisAllocateRWLock(protos[0].handle)};
    pthread_t threads[3];

    (void)state;
    NdisInitializeReadWriteLock(&c.old);
    for (unsigned i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, count, &c);
    for (unsigned i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(c.guarded, 9000);
    assert_int_equal(c.guarded_old, 9000);
    NdisFreeRWLock(c.lock);
    assert_no_findings();
}

#undef NdisAcquireSpinLock
#undef NdisReleaseSpinLock
#undef NdisDprAcquireSpinLock
#undef NdisDprReleaseSpinLock

static void test_exported_spin_locks(void **state)
{
    NDIS_SPIN_LOCK lock;

    (void)state;
    NdisAllocateSpinLock(&lock);
    NdisAcquireSpinLock(&lock);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    NdisFreeSpinLock(&lock);
    assert_findings("NT-LOCK", 1);
    NdisReleaseSpinLock(&lock);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    NdisFreeSpinLock(&lock);
    assert_findings("NT-LOCK", 1);
}

static void *set_event(void *event)
{
    usleep(2000);
    NdisSetEvent(event);
    return NULL;
}

static void test_events(void **state)
{
    NDIS_EVENT event;
    pthread_t thread;

    (void)state;
    NdisInitializeEvent(&event);
    assert_false(NdisWaitEvent(&event, 5));
    pthread_create(&thread, NULL, set_event, &event);
    assert_true(NdisWaitEvent(&event, 0));
    assert_true(NdisWaitEvent(&event, 1)); /* stays set */
    NdisResetEvent(&event);
    assert_false(NdisWaitEvent(&event, 1));
    pthread_join(thread, NULL);
    assert_no_findings();
}

static struct {
    _Atomic(unsigned) fired, worked;
    _Atomic(PVOID) context;
    _Atomic(int) irql;
    NDIS_HANDLE timer;
    _Atomic(bool) free_inside;
} seen;

static VOID NTAPI Fired(PVOID a, PVOID context, PVOID b, PVOID c)
{
    (void)a, (void)b, (void)c;
    atomic_store(&seen.context, context);
    atomic_store(&seen.irql, KeGetCurrentIrql());
    if (atomic_load(&seen.free_inside))
        NdisFreeTimerObject(seen.timer);
    atomic_fetch_add(&seen.fired, 1);
}

static NDIS_HANDLE timer_new(PVOID context)
{
    NDIS_TIMER_CHARACTERISTICS c = {
        .Header = {NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS, NDIS_TIMER_CHARACTERISTICS_REVISION_1,
                   NDIS_SIZEOF_TIMER_CHARACTERISTICS_REVISION_1},
        .TimerFunction = Fired,
        .FunctionContext = context,
    };
    NDIS_HANDLE timer = NULL;

    memset(&seen, 0, sizeof(seen));
    assert_int_equal(NdisAllocateTimerObject(protos[0].handle, &c, &timer), NDIS_STATUS_SUCCESS);
    return timer;
}

static LARGE_INTEGER in_ms(LONGLONG ms)
{
    LARGE_INTEGER due;

    due.QuadPart = -ms * 10000;
    return due;
}

static void wait_until(_Atomic(unsigned) *n, unsigned at_least)
{
    for (unsigned i = 0; i < 2000 && atomic_load(n) < at_least; i++)
        usleep(1000);
    assert_true(atomic_load(n) >= at_least);
}

static void test_timer_fires_at_dispatch_level(void **state)
{
    NDIS_HANDLE timer = timer_new((PVOID)11);

    (void)state;
    assert_false(NdisSetTimerObject(timer, in_ms(2), 0, NULL));
    wait_until(&seen.fired, 1);
    assert_ptr_equal(atomic_load(&seen.context), (PVOID)11);
    assert_int_equal(atomic_load(&seen.irql), DISPATCH_LEVEL);
    NdisSetTimerObject(timer, in_ms(1), 2, (PVOID)12);
    wait_until(&seen.fired, 4);
    assert_ptr_equal(atomic_load(&seen.context), (PVOID)12);
    assert_true(NdisCancelTimerObject(timer));
    NdisFreeTimerObject(timer);
    assert_no_findings();
}

static void test_timer_cancelled_does_not_fire(void **state)
{
    NDIS_HANDLE timer = timer_new(NULL);

    (void)state;
    NdisSetTimerObject(timer, in_ms(50), 0, NULL);
    assert_true(NdisSetTimerObject(timer, in_ms(60), 0, NULL));
    assert_true(NdisCancelTimerObject(timer));
    assert_false(NdisCancelTimerObject(timer));
    NdisFreeTimerObject(timer);
    assert_int_equal(atomic_load(&seen.fired), 0);
    NdisSetTimerObject(timer, in_ms(1), 0, NULL);
    assert_findings("NT-HANDLE", 1);
}

static void test_timer_frees_itself(void **state)
{
    NDIS_HANDLE timer = timer_new(NULL);

    (void)state;
    seen.timer = timer;
    atomic_store(&seen.free_inside, true);
    NdisSetTimerObject(timer, in_ms(1), 0, NULL);
    wait_until(&seen.fired, 1);
    usleep(2000);
    assert_no_findings();
}

static VOID NTAPI Worked(PVOID context, NDIS_HANDLE item)
{
    atomic_store(&seen.context, context);
    atomic_store(&seen.irql, KeGetCurrentIrql());
    if (atomic_load(&seen.worked) == 1)
        NdisFreeIoWorkItem(item);
    else
        NdisQueueIoWorkItem(item, Worked, (PVOID)22);
    atomic_fetch_add(&seen.worked, 1);
}

static void test_work_item_runs_at_passive_level(void **state)
{
    NDIS_HANDLE item = NdisAllocateIoWorkItem(protos[0].handle);

    (void)state;
    memset(&seen, 0, sizeof(seen));
    NdisQueueIoWorkItem(item, Worked, (PVOID)21);
    wait_until(&seen.worked, 2);
    assert_ptr_equal(atomic_load(&seen.context), (PVOID)22);
    assert_int_equal(atomic_load(&seen.irql), PASSIVE_LEVEL);
    assert_no_findings();
    assert_null(NdisAllocateIoWorkItem(NULL));
    NdisQueueIoWorkItem(item, Worked, NULL);
    assert_findings("NT-HANDLE", 1);
}

static void test_memory(void **state)
{
    PVOID p = NULL;

    (void)state;
    assert_int_equal(NdisAllocateMemoryWithTag(&p, 100, 0x31676154), NDIS_STATUS_SUCCESS);
    memset(p, 1, 100);
    NdisFreeMemory(p, 100, 0);
    p = NdisAllocateMemoryWithTagPriority(protos[0].handle, 100, 0x31676154, NormalPoolPriority);
    assert_non_null(p);
    NdisFreeMemory(p, 0, 0);
    assert_null(NdisAllocateMemoryWithTagPriority((NDIS_HANDLE)8, 100, 1, NormalPoolPriority));
    assert_findings("NT-HANDLE", 1);
}

static void test_versions_processors_and_time(void **state)
{
    char buffer[8192];
    SIZE_T size = 0;
    LARGE_INTEGER up, later;

    (void)state;
    assert_int_equal(NdisGetVersion(), 0x0006001e);
    assert_int_equal(NdisSystemProcessorCount(), NT_MAX_PROCESSORS);
    assert_true(NdisCurrentProcessorIndex() < NT_MAX_PROCESSORS);
    assert_int_equal(NdisGetProcessorInformationEx(NULL, NULL, &size),
                     NDIS_STATUS_BUFFER_TOO_SHORT);
    assert_true(size <= sizeof(buffer));
    assert_int_equal(NdisGetProcessorInformationEx(NULL, (void *)buffer, &size),
                     NDIS_STATUS_SUCCESS);
    size = sizeof(buffer);
    assert_int_equal(NdisGetRssProcessorInformation(NULL, (void *)buffer, &size),
                     NDIS_STATUS_SUCCESS);
    NdisGetSystemUpTimeEx(&up);
    NdisMSleep(3000);
    NdisGetSystemUpTimeEx(&later);
    assert_in_range(later.QuadPart - up.QuadPart, 2, 500);
    assert_int_not_equal(NdisGeneratePartialCancelId(), NdisGeneratePartialCancelId());
    assert_no_findings();
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_rw_lock_excludes_and_raises),
        T(test_rw_locks_under_contention),
        T(test_exported_spin_locks),
        T(test_events),
        T(test_timer_fires_at_dispatch_level),
        T(test_timer_cancelled_does_not_fire),
        T(test_timer_frees_itself),
        T(test_work_item_runs_at_passive_level),
        T(test_memory),
        T(test_versions_processors_and_time),
    };
    struct why why = {""};
    int failed;

    if (nt_start(1, &why)) {
        print_error("%s\n", why.text);
        return 1;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    nt_stop();
    return failed;
}
