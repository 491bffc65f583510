/* SPDX-License-Identifier: MIT */
/* Processor loops: start and stop, watches, idle callbacks, DPCs, work; system threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nt/device.h"
#include "nt/finding.h"
#include "nt/ledger.h"
#include "nt/processor.h"

#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <wdk/ntddk.h>

extern NTSTATUS NTAPI ZwClose(HANDLE Handle) __attribute__((weak));

static void ignore(void *arg, const struct finding *f)
{
    (void)arg;
    (void)f;
}

static int start(void **state)
{
    struct why why = {{0}};

    (void)state;
    finding_set_sink(ignore, NULL);
    finding_reset();
    return nt_start(2, &why);
}

static int stop(void **state)
{
    (void)state;
    nt_stop();
    return 0;
}

/* Polls for up to two seconds: the machine may be busy. */
static bool becomes(const int *value, int wanted)
{
    for (int i = 0; i < 20000; i++) {
        if (__atomic_load_n(value, __ATOMIC_ACQUIRE) == wanted)
            return true;
        usleep(100);
    }
    return false;
}

static void count_up(void *arg)
{
    __atomic_fetch_add((int *)arg, 1, __ATOMIC_ACQ_REL);
}

static void test_start_and_stop_many_times(void **state)
{
    struct why why = {{0}};

    (void)state;
    for (int i = 0; i < 100; i++) {
        int ran = 0;

        assert_int_equal(nt_start(1 + (unsigned)i % 3, &why), 0);
        assert_int_equal(nt_work_queue(count_up, &ran), 0);
        nt_loop_call((unsigned)i, count_up, &ran);
        nt_stop();
        assert_int_equal(ran, 2);
        assert_int_equal(nt_loop_count(), 0);
    }
}

static void test_bad_starts_are_refused(void **state)
{
    struct why why = {{0}};

    (void)state;
    assert_int_equal(nt_start(1, &why), -EBUSY);
    assert_true(why.text[0] != '\0');
    nt_stop();
    assert_int_equal(nt_start(0, &why), -EINVAL);
    assert_int_equal(nt_start(NT_MAX_LOOPS + 1, &why), -EINVAL);
}

struct place {
    int loop, cpu, irql;
    pthread_t thread;
};

static void look(void *arg)
{
    const struct nt_thread *t = nt_thread_self();

    *(struct place *)arg = (struct place){t->loop, t->cpu, t->irql, pthread_self()};
}

static void test_loop_call_runs_at_dispatch_on_its_processor(void **state)
{
    struct place a, b;

    (void)state;
    nt_loop_call(0, look, &a);
    nt_loop_call(1, look, &b);
    assert_int_equal(a.loop, 0);
    assert_int_equal(a.cpu, 0);
    assert_int_equal(b.cpu, 1);
    assert_int_equal(b.irql, DISPATCH_LEVEL);
    assert_false(pthread_equal(a.thread, b.thread));
    assert_true(KeGetCurrentProcessorNumberEx(NULL) >= NT_MAX_LOOPS);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    nt_stop();
    nt_loop_call(0, look, &a);
    assert_true(pthread_equal(a.thread, pthread_self()));
    assert_int_equal(a.irql, DISPATCH_LEVEL);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

struct drain {
    int fd;
    int calls;
    struct nt_watch *watch;
    bool remove_self;
};

static void on_readable(void *arg)
{
    struct drain *d = arg;
    uint64_t n;

    if (read(d->fd, &n, sizeof n) != sizeof n)
        return;
    if (d->remove_self)
        nt_watch_remove(d->watch);
    __atomic_fetch_add(&d->calls, 1, __ATOMIC_ACQ_REL);
}

static void poke(int fd)
{
    const uint64_t one = 1;

    assert_int_equal(write(fd, &one, sizeof one), sizeof one);
}

static void test_watch_calls_enables_and_removes(void **state)
{
    struct drain d = {.fd = eventfd(0, EFD_NONBLOCK)};

    (void)state;
    assert_int_equal(nt_watch_add(1, d.fd, on_readable, &d, &d.watch), 0);
    poke(d.fd);
    assert_true(becomes(&d.calls, 1));
    nt_watch_enable(d.watch, false);
    poke(d.fd);
    usleep(5000);
    assert_int_equal(__atomic_load_n(&d.calls, __ATOMIC_ACQUIRE), 1);
    nt_watch_enable(d.watch, true);
    assert_true(becomes(&d.calls, 2));
    nt_watch_remove(d.watch);
    poke(d.fd);
    usleep(5000);
    assert_int_equal(d.calls, 2);
    close(d.fd);
}

static void test_watch_may_remove_itself(void **state)
{
    struct drain d = {.fd = eventfd(0, EFD_NONBLOCK), .remove_self = true};

    (void)state;
    assert_int_equal(nt_watch_add(0, d.fd, on_readable, &d, &d.watch), 0);
    poke(d.fd);
    assert_true(becomes(&d.calls, 1));
    poke(d.fd);
    nt_loop_call(0, count_up, &d.calls);
    usleep(2000);
    assert_int_equal(__atomic_load_n(&d.calls, __ATOMIC_ACQUIRE), 2);
    close(d.fd);
}

static void test_watch_survives_the_machine(void **state)
{
    struct drain d = {.fd = eventfd(0, EFD_NONBLOCK)};

    (void)state;
    assert_int_equal(nt_watch_add(0, d.fd, on_readable, &d, &d.watch), 0);
    assert_int_equal(nt_watch_add(0, -1, on_readable, &d, &(struct nt_watch *){NULL}), -EBADF);
    nt_stop();
    nt_watch_remove(d.watch);
    assert_int_equal(nt_watch_add(0, d.fd, on_readable, &d, &d.watch), -ESRCH);
    close(d.fd);
}

struct round {
    char trace[16];
    int length;
    struct nt_idle *idle;
    struct nt_dpc dpc;
    int fd;
};

static void trace(struct round *r, char c)
{
    if (r->length < 15)
        r->trace[r->length] = c;
    __atomic_fetch_add(&r->length, 1, __ATOMIC_ACQ_REL);
}

static void trace_dpc(void *arg)
{
    trace(arg, 'd');
}

static void trace_idle(void *arg)
{
    struct round *r = arg;

    if (r->length > 0 && r->length < 3)
        trace(r, 'i');
}

static void trace_fd(void *arg)
{
    struct round *r = arg;
    uint64_t n;

    if (read(r->fd, &n, sizeof n) != sizeof n)
        return;
    nt_dpc_queue(&r->dpc, 0);
    nt_dpc_queue(&r->dpc, 1); /* it is queued already */
    trace(r, 'w');
}

static void test_order_of_a_round(void **state)
{
    struct round r = {.fd = eventfd(0, EFD_NONBLOCK), .dpc = {.fn = trace_dpc, .arg = &r}};
    struct nt_watch *w;

    (void)state;
    assert_int_equal(nt_idle_add(0, trace_idle, &r, &r.idle), 0);
    assert_int_equal(nt_watch_add(0, r.fd, trace_fd, &r, &w), 0);
    poke(r.fd);
    assert_true(becomes(&r.length, 3));
    nt_idle_remove(r.idle);
    nt_watch_remove(w);
    assert_string_equal(r.trace, "wdi");
    close(r.fd);
}

struct ping {
    struct nt_dpc dpc;
    int left;
    unsigned loop;
    struct ping *other;
};

static void ping(void *arg)
{
    struct ping *p = arg;

    if (__atomic_fetch_sub(&p->left, 1, __ATOMIC_ACQ_REL) > 1)
        nt_dpc_queue(&p->other->dpc, p->other->loop);
}

static void test_loops_wake_each_other(void **state)
{
    struct ping a = {.dpc = {.fn = ping, .arg = &a}, .left = 5000, .loop = 0};
    struct ping b = {.dpc = {.fn = ping, .arg = &b}, .left = 5000, .loop = 1, .other = &a};

    (void)state;
    a.other = &b;
    nt_dpc_queue(&a.dpc, 0);
    assert_true(becomes(&b.left, 0) || becomes(&a.left, 0));
    nt_dpc_cancel(&a.dpc);
    nt_dpc_cancel(&b.dpc);
    assert_int_equal(finding_count(), 0);
}

struct forever {
    struct nt_dpc dpc;
    int runs, stop;
};

static void again(void *arg)
{
    struct forever *f = arg;

    __atomic_fetch_add(&f->runs, 1, __ATOMIC_ACQ_REL);
    if (!__atomic_load_n(&f->stop, __ATOMIC_ACQUIRE))
        nt_dpc_queue(&f->dpc, 0);
}

static void test_endless_dpcs_starve_nobody_and_can_be_cancelled(void **state)
{
    struct forever f = {.dpc = {.fn = again, .arg = &f}};
    struct drain d = {.fd = eventfd(0, EFD_NONBLOCK)};
    int runs;

    (void)state;
    assert_int_equal(nt_watch_add(0, d.fd, on_readable, &d, &d.watch), 0);
    nt_dpc_queue(&f.dpc, 0);
    poke(d.fd);
    assert_true(becomes(&d.calls, 1));
    nt_watch_remove(d.watch);
    /* Cancel waits for the run in progress, which requeues once more: stop that, then cancel for
     * good. */
    __atomic_store_n(&f.stop, 1, __ATOMIC_RELEASE);
    nt_dpc_cancel(&f.dpc);
    runs = __atomic_load_n(&f.runs, __ATOMIC_ACQUIRE);
    assert_true(runs > 0);
    usleep(2000);
    assert_true(__atomic_load_n(&f.runs, __ATOMIC_ACQUIRE) == runs);
    close(d.fd);
}

static VOID NTAPI kdpc_routine(PKDPC Dpc, PVOID DeferredContext, PVOID SystemArgument1,
                               PVOID SystemArgument2)
{
    int *sum = DeferredContext;

    (void)Dpc;
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    assert_string_equal(nt_owner_name(nt_owner_current()), "driver");
    __atomic_fetch_add(sum, (int)(intptr_t)SystemArgument1 + (int)(intptr_t)SystemArgument2,
                       __ATOMIC_ACQ_REL);
}

static void block_loop(void *arg)
{
    while (!__atomic_load_n((int *)arg, __ATOMIC_ACQUIRE))
        sched_yield();
}

static void test_kdpc_queues_once_and_can_be_removed(void **state)
{
    struct nt_owner *o = nt_owner_new("driver"), *previous = nt_owner_enter(o);
    int sum = 0, go = 0;
    struct nt_dpc blocker = {.fn = block_loop, .arg = &go};
    KDPC dpc;

    (void)state;
    KeInitializeDpc(&dpc, kdpc_routine, &sum);
    KeSetTargetProcessorDpc(&dpc, 1);
    nt_owner_leave(previous);
    nt_dpc_queue(&blocker, 1);
    assert_true(KeInsertQueueDpc(&dpc, (PVOID)1, (PVOID)2));
    assert_false(KeInsertQueueDpc(&dpc, (PVOID)10, (PVOID)20));
    assert_true(KeRemoveQueueDpc(&dpc));
    assert_false(KeRemoveQueueDpc(&dpc));
    assert_true(KeInsertQueueDpc(&dpc, (PVOID)3, (PVOID)4));
    __atomic_store_n(&go, 1, __ATOMIC_RELEASE);
    KeFlushQueuedDpcs();
    assert_int_equal(__atomic_load_n(&sum, __ATOMIC_ACQUIRE), 7);
    nt_owner_free(o);
}

static void misbehave(void *arg)
{
    (void)arg;
    KeLowerIrql(PASSIVE_LEVEL);
}

static void test_dpc_that_leaves_another_irql_is_found(void **state)
{
    struct place p;

    (void)state;
    nt_loop_call(0, misbehave, NULL);
    nt_loop_call(0, look, &p);
    assert_int_equal(p.irql, DISPATCH_LEVEL);
    assert_int_equal(finding_count(), 1);
}

static void wait_flag(void *arg)
{
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    while (!__atomic_load_n((int *)arg, __ATOMIC_ACQUIRE))
        usleep(100);
}

static void test_work_that_waits_for_work_does_not_hang(void **state)
{
    int flag = 0;

    (void)state;
    for (int i = 0; i < 8; i++)
        assert_int_equal(nt_work_queue(wait_flag, &flag), 0);
    assert_int_equal(nt_work_queue(count_up, &flag), 0);
    assert_true(becomes(&flag, 1));
    nt_stop();
}

struct item {
    PIO_WORKITEM io;
    WORK_QUEUE_ITEM ex;
    int done;
    char owner[32];
};

static VOID NTAPI io_routine(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    struct item *it = Context;

    assert_ptr_equal(DeviceObject, (PDEVICE_OBJECT)it);
    snprintf(it->owner, sizeof it->owner, "%s", nt_owner_name(nt_owner_current()));
    IoFreeWorkItem(it->io);
    __atomic_fetch_add(&it->done, 1, __ATOMIC_ACQ_REL);
}

static VOID NTAPI ex_routine(PVOID Parameter)
{
    struct item *it = Parameter;

    assert_string_equal(nt_owner_name(nt_owner_current()), "driver");
    __atomic_fetch_add(&it->done, 1, __ATOMIC_ACQ_REL);
}

static void test_work_items_run_as_their_driver(void **state)
{
    struct nt_owner *o = nt_owner_new("driver"), *previous = nt_owner_enter(o);
    struct item it = {.done = 0};

    (void)state;
    it.io = IoAllocateWorkItem((PDEVICE_OBJECT)&it);
    assert_int_equal(nt_ledger_count(o, NT_RES_WORK_ITEM), 1);
    IoQueueWorkItem(it.io, io_routine, DelayedWorkQueue, &it);
    assert_true(becomes(&it.done, 1));
    assert_string_equal(it.owner, "driver");
    ExInitializeWorkItem(&it.ex, ex_routine, &it);
    ExQueueWorkItem(&it.ex, DelayedWorkQueue);
    assert_true(becomes(&it.done, 2));
    nt_owner_leave(previous);
    nt_stop();
    assert_int_equal(nt_ledger_total(o), 0);
    assert_int_equal(finding_count(), 0);
    nt_owner_free(o);
}

static VOID NTAPI thread_routine(PVOID StartContext)
{
    int *runs = StartContext;

    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    __atomic_fetch_add(runs, 1, __ATOMIC_ACQ_REL);
    PsTerminateSystemThread(STATUS_SUCCESS);
    __atomic_fetch_add(runs, 100, __ATOMIC_ACQ_REL);
}

static void test_system_thread_ends_and_can_be_waited_for(void **state)
{
    struct nt_owner *o = nt_owner_new("driver"), *previous = nt_owner_enter(o);
    PVOID object, wrong;
    HANDLE handle;
    int runs = 0;

    (void)state;
    assert_int_equal(
        PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, thread_routine, &runs),
        STATUS_SUCCESS);
    assert_int_equal(ObReferenceObjectByHandle(handle, THREAD_ALL_ACCESS, *ExEventObjectType,
                                               KernelMode, &wrong, NULL),
                     STATUS_OBJECT_TYPE_MISMATCH);
    assert_int_equal(ObReferenceObjectByHandle(handle, THREAD_ALL_ACCESS, *PsThreadType, KernelMode,
                                               &object, NULL),
                     STATUS_SUCCESS);
    assert_int_equal(KeWaitForSingleObject(object, Executive, KernelMode, FALSE, NULL), 0);
    assert_int_equal(__atomic_load_n(&runs, __ATOMIC_ACQUIRE), 1);
    assert_int_equal(nt_ledger_count(o, NT_RES_THREAD), 0);
    ObDereferenceObject(object);
    assert_int_equal(nt_ledger_count(o, NT_RES_HANDLE), 1);
    if (ZwClose)
        assert_int_equal(ZwClose(handle), STATUS_SUCCESS);
    nt_owner_leave(previous);
    nt_owner_free(o);
}

static void test_thread_creation_fails_cleanly(void **state)
{
    struct nt_owner *o = nt_owner_new("driver"), *previous = nt_owner_enter(o);
    HANDLE handle;

    (void)state;
    nt_fail_at(o, 1);
    assert_int_equal(PsCreateSystemThread(&handle, 0, NULL, NULL, NULL, thread_routine, NULL),
                     STATUS_INSUFFICIENT_RESOURCES);
    nt_fail_at(o, 1);
    assert_null(IoAllocateWorkItem(NULL));
    assert_int_equal(nt_ledger_total(o), 0);
    assert_int_equal(PsTerminateSystemThread(0), STATUS_INVALID_PARAMETER);
    assert_int_equal(finding_count(), 1);
    nt_owner_leave(previous);
    nt_owner_free(o);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_and_stop_many_times),
        T(test_bad_starts_are_refused),
        T(test_loop_call_runs_at_dispatch_on_its_processor),
        T(test_watch_calls_enables_and_removes),
        T(test_watch_may_remove_itself),
        T(test_watch_survives_the_machine),
        T(test_order_of_a_round),
        T(test_loops_wake_each_other),
        T(test_endless_dpcs_starve_nobody_and_can_be_cancelled),
        T(test_kdpc_queues_once_and_can_be_removed),
        T(test_dpc_that_leaves_another_irql_is_found),
        T(test_work_that_waits_for_work_does_not_hang),
        T(test_work_items_run_as_their_driver),
        T(test_system_thread_ends_and_can_be_waited_for),
        T(test_thread_creation_fails_cleanly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
