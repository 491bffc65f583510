/* SPDX-License-Identifier: MIT */
/* Findings, the ledger, failure injection, exports, pools and lookaside lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nt/export.h"
#include "nt/finding.h"
#include "nt/ledger.h"

#include <pthread.h>
#include <wdk/ntddk.h>

static struct finding last;

static void keep(void *arg, const struct finding *f)
{
    (void)arg;
    last = *f;
}

static int setup(void **state)
{
    *state = nt_owner_new("vionet");
    finding_set_sink(keep, NULL);
    finding_reset();
    memset(&last, 0, sizeof last);
    nt_owner_enter(*state);
    return 0;
}

static int teardown(void **state)
{
    nt_owner_leave(NULL);
    nt_owner_free(*state);
    return 0;
}

static void test_finding_names_the_owner(void **state)
{
    (void)state;
    finding_report("GEN-11", "NBL %d completed twice", 7);
    assert_int_equal(finding_count(), 1);
    assert_string_equal(last.rule, "GEN-11");
    assert_string_equal(last.subject, "vionet");
    assert_string_equal(last.text, "NBL 7 completed twice");
    nt_owner_leave(NULL);
    finding_report("GEN-11", "x");
    assert_string_equal(last.subject, "longshore");
}

static void complain(void *arg, const struct finding *f)
{
    (void)arg;
    (void)f;
    finding_report("X", "from the sink");
}

static void test_sink_that_reports_does_not_recurse(void **state)
{
    (void)state;
    finding_set_sink(complain, NULL);
    finding_report("X", "first");
    assert_int_equal(finding_count(), 2);
}

static void test_ledger_counts_by_kind_and_owner(void **state)
{
    struct nt_owner *o = *state;
    char objects[1000] = {0};

    for (size_t i = 0; i < sizeof objects; i++)
        nt_ledger_add(NT_RES_MDL, &objects[i], 1, 0);
    nt_ledger_add(NT_RES_EVENT, &objects[0], 1, 0);
    assert_int_equal(nt_ledger_count(o, NT_RES_MDL), 1000);
    assert_int_equal(nt_ledger_total(o), 1001);
    assert_true(nt_ledger_remove(NT_RES_EVENT, &objects[0]));
    for (size_t i = 0; i < sizeof objects; i++)
        assert_true(nt_ledger_remove(NT_RES_MDL, &objects[i]));
    assert_int_equal(nt_ledger_total(o), 0);
    assert_int_equal(finding_count(), 0);
}

static void test_removing_what_is_not_there_is_a_finding(void **state)
{
    int object = 0;

    (void)state;
    nt_ledger_add(NT_RES_MDL, &object, 1, 0);
    assert_false(nt_ledger_remove(NT_RES_TIMER, &object));
    assert_string_equal(last.rule, "NT-LEDGER");
    assert_true(nt_ledger_remove(NT_RES_MDL, &object));
    assert_false(nt_ledger_remove(NT_RES_MDL, &object));
    assert_int_equal(finding_count(), 2);
}

static void test_another_owner_may_give_back(void **state)
{
    struct nt_owner *o = *state;
    int object = 0;

    nt_ledger_add(NT_RES_MDL, &object, 1, 0);
    nt_owner_leave(NULL);
    assert_true(nt_ledger_remove(NT_RES_MDL, &object));
    assert_int_equal(nt_ledger_total(o), 0);
    assert_true(nt_ledger_remove(NT_RES_MDL, &object)); /* the runtime's own is not judged */
    assert_int_equal(finding_count(), 0);
}

static void test_report_names_what_is_left(void **state)
{
    struct nt_owner *o = *state;
    void *p = ExAllocatePoolWithTag(NonPagedPoolNx, 100, 0x74656e76);

    assert_non_null(p);
    assert_int_equal(nt_ledger_report(o, "GEN-10"), 1);
    assert_string_equal(last.rule, "GEN-10");
    assert_non_null(strstr(last.text, "1 x pool memory"));
    assert_non_null(strstr(last.text, "'vnet' 100 bytes"));
    /* The block itself goes with the owner (LeakSanitizer watches). */
}

static void test_injection_fails_the_nth_allocation_once(void **state)
{
    struct nt_owner *o = *state;
    void *p[4];

    nt_fail_at(o, 3);
    for (int i = 0; i < 4; i++)
        p[i] = ExAllocatePool2(POOL_FLAG_NON_PAGED, 16, 'a');
    assert_non_null(p[0]);
    assert_non_null(p[1]);
    assert_null(p[2]);
    assert_non_null(p[3]);
    assert_int_equal(nt_allocations_asked(o), 4);
    ExFreePool(p[0]);
    ExFreePool(p[1]);
    ExFreePool(p[3]);
    nt_fail_at(o, 0);
    nt_owner_leave(NULL);
    assert_true(nt_may_allocate());
    assert_int_equal(nt_allocations_asked(o), 0);
}

static void test_pool_alignment_and_zeroing(void **state)
{
    for (SIZE_T bytes = 1; bytes < 20000; bytes = bytes * 2 + 1) {
        UCHAR *p = ExAllocatePool2(POOL_FLAG_NON_PAGED, bytes, 'a');

        assert_non_null(p);
        assert_int_equal((uintptr_t)p % (bytes >= 4096 ? 4096 : 16), 0);
        for (SIZE_T i = 0; i < bytes; i++)
            assert_int_equal(p[i], 0);
        ExFreePoolWithTag(p, 'a');
    }
    assert_int_equal(nt_ledger_total(*state), 0);
    assert_int_equal(finding_count(), 0);
}

static void test_pool_misuse_is_found(void **state)
{
    void *p = ExAllocatePoolWithTag(NonPagedPool, 32, 'a');
    int local;
    KIRQL irql;

    ExFreePoolWithTag(p, 'b');
    assert_string_equal(last.rule, "NT-POOL");
    ExFreePool(&local);
    assert_string_equal(last.rule, "NT-LEDGER");
    assert_null(ExAllocatePool2(0, 16, 'a'));
    assert_int_equal(finding_count(), 3);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    p = ExAllocatePoolWithTag(PagedPool, 32, 'a');
    KeLowerIrql(irql);
    assert_string_equal(last.rule, "NT-IRQL");
    ExFreePool(p);
    assert_int_equal(nt_ledger_total(*state), 0);
}

static void test_freeing_an_armed_timer_is_found(void **state)
{
    LARGE_INTEGER due = {.QuadPart = -100000000};
    KTIMER *t = ExAllocatePoolWithTag(NonPagedPool, sizeof *t, 'a');

    (void)state;
    KeInitializeTimer(t);
    KeSetTimer(t, due, NULL);
    ExFreePool(t);
    assert_string_equal(last.rule, "NT-POOL");
    assert_non_null(strstr(last.text, "armed timer"));
}

static void test_export_table_finds_functions_and_data(void **state)
{
    (void)state;
    assert_ptr_equal(nt_export_find("ExFreePool"), (nt_function)ExFreePool);
    assert_ptr_equal(nt_export_find("PsThreadType"), (nt_function)(void *)&PsThreadType);
    assert_null(nt_export_find("ExFreePoo"));
    assert_null(nt_export_find(""));
}

static void test_lookaside_list_reuses_and_gives_back(void **state)
{
    NPAGED_LOOKASIDE_LIST list;
    LOOKASIDE_LIST_EX ex;
    void *a, *b;

    ExInitializeNPagedLookasideList(&list, NULL, NULL, 0, 40, 'a', 0);
    a = ExAllocateFromNPagedLookasideList(&list);
    ExFreeToNPagedLookasideList(&list, a);
    b = ExAllocateFromNPagedLookasideList(&list);
    assert_ptr_equal(a, b);
    ExFreeToNPagedLookasideList(&list, b);
    ExDeleteNPagedLookasideList(&list);
    assert_int_equal(ExInitializeLookasideListEx(&ex, NULL, NULL, PagedPool, 0, 40, 'b', 0), 0);
    a = ExAllocateFromLookasideListEx(&ex);
    ExFreeToLookasideListEx(&ex, a);
    assert_int_equal(ExQueryDepthSList(&ex.L.ListHead), 1);
    ExDeleteLookasideListEx(&ex);
    assert_int_equal(nt_ledger_total(*state), 0);
    ExDeleteLookasideListEx(&ex);
    assert_string_equal(last.rule, "NT-LEDGER");
}

static SLIST_HEADER shared;

static void *push_and_pop(void *arg)
{
    for (int i = 0; i < 20000; i++) {
        PSLIST_ENTRY e = InterlockedPopEntrySList(&shared);

        if (e)
            InterlockedPushEntrySList(&shared, e);
    }
    return arg;
}

static void test_slist_under_contention(void **state)
{
    SLIST_ENTRY entries[8];
    pthread_t threads[3];
    int count = 0;

    (void)state;
    InitializeSListHead(&shared);
    for (int i = 0; i < 8; i++)
        InterlockedPushEntrySList(&shared, &entries[i]);
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, push_and_pop, NULL);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(ExQueryDepthSList(&shared), 8);
    for (PSLIST_ENTRY e = InterlockedFlushSList(&shared); e; e = e->Next)
        count++;
    assert_int_equal(count, 8);
    assert_int_equal(ExQueryDepthSList(&shared), 0);
}

static void *take_and_give(void *arg)
{
    nt_owner_enter(arg);
    for (int i = 0; i < 3000; i++)
        ExFreePool(ExAllocatePoolWithTag(NonPagedPool, 24, 'a'));
    return NULL;
}

static void test_ledger_under_contention(void **state)
{
    pthread_t threads[3];

    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, take_and_give, *state);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(nt_ledger_total(*state), 0);
    assert_int_equal(finding_count(), 0);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_finding_names_the_owner),
        T(test_sink_that_reports_does_not_recurse),
        T(test_ledger_counts_by_kind_and_owner),
        T(test_removing_what_is_not_there_is_a_finding),
        T(test_another_owner_may_give_back),
        T(test_report_names_what_is_left),
        T(test_injection_fails_the_nth_allocation_once),
        T(test_pool_alignment_and_zeroing),
        T(test_pool_misuse_is_found),
        T(test_freeing_an_armed_timer_is_found),
        T(test_export_table_finds_functions_and_data),
        T(test_lookaside_list_reuses_and_gives_back),
        T(test_slist_under_contention),
        T(test_ledger_under_contention),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
