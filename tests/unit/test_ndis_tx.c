/* SPDX-License-Identifier: MIT */
/* Sends and their completions through ndis/tx.c. */
#include "test_ndis_data.h"

static const UCHAR peer[6] = {0x02, 0, 0, 0, 0, 9};

static void test_send_reaches_miniport_and_comes_back(void **state)
{
    struct proto *p = &protos[0];
    NDIS_HANDLE pool;
    NET_BUFFER_LIST *chain;

    (void)state;
    proto_bind(p, NDIS_PACKET_TYPE_DIRECTED);
    pool = frame_pool(p->handle);
    chain = frames_new(pool, peer, 5);
    NdisSendNetBufferLists(p->binding, chain, 0, 0);
    assert_int_equal(mp.send_calls, 1);
    assert_int_equal(mp.sent_count, 5);
    assert_int_equal(atomic_load(&mp.adapter.tx_inside), 5);
    assert_ptr_equal(chain->SourceHandle, p->binding);
    mp_complete(NDIS_STATUS_SUCCESS);
    assert_int_equal(p->send_completes, 1);
    assert_int_equal(p->sends_back, 5);
    assert_ptr_equal(p->back, chain);
    assert_int_equal(atomic_load(&mp.adapter.tx_inside), 0);
    assert_int_equal(atomic_load(&mp.adapter.tx_completed), 5);
    frames_free(chain);
    NdisFreeNetBufferListPool(pool);
    assert_no_findings();
}

static void test_completions_go_to_their_senders_in_order(void **state)
{
    NDIS_HANDLE pool = frame_pool(NULL);
    NET_BUFFER_LIST *nbl[4];

    (void)state;
    proto_bind(&protos[0], NDIS_PACKET_TYPE_DIRECTED);
    proto_bind(&protos[1], NDIS_PACKET_TYPE_DIRECTED);
    for (unsigned i = 0; i < 4; i++) {
        nbl[i] = frame_new(pool, peer, (UCHAR)i);
        NdisSendNetBufferLists(protos[i == 2].binding, nbl[i], 0, 0);
    }
    mp_complete(NDIS_STATUS_SUCCESS);
    assert_int_equal(protos[0].sends_back, 3);
    assert_int_equal(protos[0].send_completes, 2); /* 0 and 1 together, 3 by itself */
    assert_int_equal(protos[1].sends_back, 1);
    for (unsigned i = 0; i < 4; i++) {
        nbl[i]->Next = NULL;
        frames_free(nbl[i]);
    }
    NdisFreeNetBufferListPool(pool);
    assert_no_findings();
}

/* GEN-32, GEN-35: such sends are NDIS's to complete, and the miniport sees none of them. */
static void test_GEN_32_35_no_send_reaches_a_miniport_in_reset_or_removed(void **state)
{
    static const NDIS_STATUS want[] = {NDIS_STATUS_RESET_IN_PROGRESS, NDIS_STATUS_FAILURE,
                                       NDIS_STATUS_FAILURE};
    struct proto *p = &protos[0];
    NDIS_HANDLE pool;

    (void)state;
    proto_bind(p, NDIS_PACKET_TYPE_DIRECTED);
    pool = frame_pool(p->handle);
    for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
        NET_BUFFER_LIST *chain = frames_new(pool, peer, 3);

        atomic_store(&mp.adapter.resetting, i != 1);
        atomic_store(&mp.adapter.removed, i != 0);
        NdisSendNetBufferLists(p->binding, chain, 0, 0);
        assert_int_equal(p->sends_back, 3 * (i + 1));
        for (NET_BUFFER_LIST *nbl = chain; nbl; nbl = nbl->Next)
            assert_int_equal(nbl->Status, want[i]);
        frames_free(chain);
    }
    assert_int_equal(mp.send_calls, 0);
    atomic_store(&mp.adapter.resetting, false);
    atomic_store(&mp.adapter.removed, false);
    NdisFreeNetBufferListPool(pool);
    assert_no_findings();
}

static void test_level_flag_tells_the_truth(void **state)
{
    struct proto *p = &protos[0];
    NDIS_HANDLE pool = frame_pool(NULL);
    NET_BUFFER_LIST *chain;
    KIRQL old;

    (void)state;
    proto_bind(p, NDIS_PACKET_TYPE_DIRECTED);
    chain = frames_new(pool, peer, 1);
    mp.complete_at_once = true;
    NdisSendNetBufferLists(p->binding, chain, 0, 0);
    assert_false(mp.send_flags & NDIS_SEND_FLAGS_DISPATCH_LEVEL);
    assert_false(p->complete_flags & NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL);
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    NdisSendNetBufferLists(p->binding, chain, 0, 0);
    KeLowerIrql(old);
    assert_true(mp.send_flags & NDIS_SEND_FLAGS_DISPATCH_LEVEL);
    assert_true(p->complete_flags & NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL);
    assert_no_findings();
    NdisSendNetBufferLists(p->binding, chain, 0, NDIS_SEND_FLAGS_DISPATCH_LEVEL);
    assert_findings("GEN-39", 1);
    frames_free(chain);
    NdisFreeNetBufferListPool(pool);
}

static void test_send_while_paused_completes_with_paused(void **state)
{
    struct proto *p = &protos[0];
    NDIS_HANDLE pool = frame_pool(NULL);
    NET_BUFFER_LIST *chain;

    (void)state;
    proto_bind(p, NDIS_PACKET_TYPE_DIRECTED);
    chain = frames_new(pool, peer, 3);
    atomic_store(&mp.adapter.state, NDIS_ADAPTER_PAUSING);
    NdisSendNetBufferLists(p->binding, chain, 0, 0);
    assert_int_equal(mp.send_calls, 0);
    assert_int_equal(p->sends_back, 3);
    assert_int_equal(p->last_status, NDIS_STATUS_PAUSED);
    assert_no_findings();
    atomic_store(&mp.adapter.state, NDIS_ADAPTER_RUNNING);
    ndis_bindings_pause(&mp.adapter);
    NdisSendNetBufferLists(p->binding, chain, 0, 0);
    assert_int_equal(p->sends_back, 6);
    assert_findings("GEN-45", 1);
    frames_free(chain);
    NdisFreeNetBufferListPool(pool);
}

static void test_double_completion_is_a_finding(void **state)
{
    struct proto *p = &protos[0];
    NDIS_HANDLE pool = frame_pool(NULL);
    NET_BUFFER_LIST *nbl;

    (void)state;
    proto_bind(p, NDIS_PACKET_TYPE_DIRECTED);
    nbl = frames_new(pool, peer, 1);
    NdisSendNetBufferLists(p->binding, nbl, 0, 0);
    mp_complete(NDIS_STATUS_SUCCESS);
    nbl->Status = NDIS_STATUS_SUCCESS;
    NdisMSendNetBufferListsComplete(&mp.adapter, nbl, 0);
    assert_findings("GEN-11", 1);
    assert_int_equal(p->sends_back, 1);
    frames_free(nbl);
    NdisMSendNetBufferListsComplete(&mp.adapter, nbl, 0); /* and once more, now that it is free */
    assert_findings("GEN-11", 2);
    NdisFreeNetBufferListPool(pool);
}

static void test_completion_of_garbage_is_a_finding(void **state)
{
    struct proto *p = &protos[0];
    NDIS_HANDLE pool = frame_pool(NULL);
    NET_BUFFER_LIST *nbl;
    NET_BUFFER_LIST stack;

    (void)state;
    proto_bind(p, NDIS_PACKET_TYPE_DIRECTED);
    nbl = frames_new(pool, peer, 1);
    memset(&stack, 0, sizeof(stack));
    NdisMSendNetBufferListsComplete(&mp.adapter, &stack, 0);
    NdisMSendNetBufferListsComplete(&mp.adapter, (NET_BUFFER_LIST *)0x1230, 0);
    NdisMSendNetBufferListsComplete(&mp.adapter, (NET_BUFFER_LIST *)((char *)nbl + 16), 0);
    NdisMSendNetBufferListsComplete(&mp.adapter, (NET_BUFFER_LIST *)~(uintptr_t)0xf, 0);
    NdisMSendNetBufferListsComplete(&mp.adapter, nbl, 0); /* never sent */
    assert_findings("GEN-11", 5);
    assert_int_equal(p->send_completes, 0);
    frames_free(nbl);
    NdisFreeNetBufferListPool(pool);
}

static void test_double_completion_inside_a_chain_spares_the_rest(void **state)
{
    struct proto *p = &protos[0];
    NDIS_HANDLE pool = frame_pool(NULL);
    NET_BUFFER_LIST *a, *b, *c;

    (void)state;
    proto_bind(p, NDIS_PACKET_TYPE_DIRECTED);
    a = frames_new(pool, peer, 3);
    b = a->Next;
    c = b->Next;
    NdisSendNetBufferLists(p->binding, a, 0, 0);
    mp.sent = NULL;
    mp.sent_tail = &mp.sent;
    a->Status = b->Status = c->Status = NDIS_STATUS_SUCCESS;
    b->Next = NULL;
    NdisMSendNetBufferListsComplete(&mp.adapter, b, 0);
    a->Next = b;
    b->Next = c;
    NdisMSendNetBufferListsComplete(&mp.adapter, a, 0);
    assert_findings("GEN-11", 1);
    assert_int_equal(p->sends_back, 3);
    assert_int_equal(atomic_load(&mp.adapter.tx_inside), 0);
    a->Next = b->Next = c->Next = NULL;
    frames_free(a), frames_free(b), frames_free(c);
    NdisFreeNetBufferListPool(pool);
}

static void test_ring_of_completions_ends(void **state)
{
    struct proto *p = &protos[0];
    NDIS_HANDLE pool = frame_pool(NULL);
    NET_BUFFER_LIST *a, *b;

    (void)state;
    proto_bind(p, NDIS_PACKET_TYPE_DIRECTED);
    a = frames_new(pool, peer, 2);
    b = a->Next;
    NdisSendNetBufferLists(p->binding, a, 0, 0);
    a->Status = b->Status = NDIS_STATUS_SUCCESS;
    b->Next = a;
    NdisMSendNetBufferListsComplete(&mp.adapter, a, 0);
    assert_int_equal(p->sends_back, 2);
    assert_true(findings_of("GEN-11") >= 1);
    a->Next = b->Next = NULL;
    frames_free(a), frames_free(b);
    NdisFreeNetBufferListPool(pool);
    mp.sent = NULL;
    mp.sent_tail = &mp.sent;
}

static void test_send_of_a_sent_nbl_is_a_finding(void **state)
{
    struct proto *p = &protos[0];
    NDIS_HANDLE pool = frame_pool(NULL);
    NET_BUFFER_LIST *nbl;

    (void)state;
    proto_bind(p, NDIS_PACKET_TYPE_DIRECTED);
    nbl = frames_new(pool, peer, 1);
    NdisFreeNetBufferList(nbl);
    NdisSendNetBufferLists(p->binding, nbl, 0, 0);
    assert_findings("GEN-13", 1);
    assert_int_equal(mp.send_calls, 0);
    NdisFreeNetBufferListPool(pool);
}

static void test_bad_handles_are_findings(void **state)
{
    (void)state;
    NdisSendNetBufferLists((NDIS_HANDLE)0x1000, NULL, 0, 0);
    NdisSendNetBufferLists(&mp.adapter, NULL, 0, 0);
    NdisMSendNetBufferListsComplete(NULL, NULL, 0);
    assert_findings("NT-HANDLE", 3);
}

static void test_cancel_reaches_miniport(void **state)
{
    (void)state;
    proto_bind(&protos[0], NDIS_PACKET_TYPE_DIRECTED);
    NdisCancelSendNetBufferLists(protos[0].binding, (PVOID)77);
    assert_int_equal(mp.cancels, 1);
    assert_no_findings();
}

static void test_drain_names_what_is_held(void **state)
{
    struct proto *p = &protos[0];
    NDIS_HANDLE pool = frame_pool(NULL);
    NET_BUFFER_LIST *nbl;

    (void)state;
    ndis_set_time_factor(0.005);
    proto_bind(p, NDIS_PACKET_TYPE_DIRECTED);
    nbl = frames_new(pool, peer, 1);
    NdisSendNetBufferLists(p->binding, nbl, 0, 0);
    ndis_tx_drain(&mp.adapter);
    assert_int_equal(findings_of("GEN-2"), 1);
    assert_int_equal(findings_of("GEN-11"), 1);
    mp_complete(NDIS_STATUS_SUCCESS);
    frames_free(nbl);
    NdisFreeNetBufferListPool(pool);
}

static void test_forgotten_sends_are_given_back_at_pause(void **state)
{
    struct proto *p = &protos[0];
    NDIS_HANDLE pool = frame_pool(NULL);
    NET_BUFFER_LIST *chain;

    (void)state;
    ndis_set_time_factor(0.002);
    proto_bind(p, NDIS_PACKET_TYPE_DIRECTED);
    chain = frames_new(pool, peer, 4);
    NdisSendNetBufferLists(p->binding, chain, 0, 0);
    ndis_bindings_pause(&mp.adapter);
    assert_true(findings_of("GEN-11") >= 1);
    assert_int_equal(p->sends_back, 4);
    assert_int_equal(p->last_status, NDIS_STATUS_FAILURE);
    assert_int_equal(atomic_load(&mp.adapter.tx_inside), 0);
    frames_free(p->back);
    NdisFreeNetBufferListPool(pool);
    mp.sent = NULL;
    mp.sent_tail = &mp.sent;
}

/* Loopback (GEN-43). */
static void test_loopback_goes_to_other_bindings_by_filter(void **state)
{
    NDIS_HANDLE pool = frame_pool(NULL);
    NET_BUFFER_LIST *nbl;

    (void)state;
    proto_bind(&protos[0], NDIS_PACKET_TYPE_PROMISCUOUS);
    proto_bind(&protos[1], NDIS_PACKET_TYPE_PROMISCUOUS);
    mp.complete_at_once = true;
    nbl = frame_new(pool, peer, 42);
    NdisSendNetBufferLists(protos[0].binding, nbl, 0, 0);
    assert_int_equal(protos[0].receives, 0);
    assert_int_equal(protos[1].receives, 1);
    assert_int_equal(protos[1].resources_calls, 1);
    assert_int_equal(protos[1].seen[0], 42);
    NdisSendNetBufferLists(protos[0].binding, nbl, 0, NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK);
    assert_int_equal(protos[0].receives, 1);
    assert_int_equal(protos[1].receives, 2);
    atomic_store(&((struct ndis_binding *)protos[1].binding)->packet_filter,
                 NDIS_PACKET_TYPE_DIRECTED);
    NdisSendNetBufferLists(protos[0].binding, nbl, 0, 0);
    assert_int_equal(protos[1].receives, 2);
    assert_no_findings();
    frames_free(nbl);
    NdisFreeNetBufferListPool(pool);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_send_reaches_miniport_and_comes_back),
        T(test_completions_go_to_their_senders_in_order),
        T(test_GEN_32_35_no_send_reaches_a_miniport_in_reset_or_removed),
        T(test_level_flag_tells_the_truth),
        T(test_send_while_paused_completes_with_paused),
        T(test_double_completion_is_a_finding),
        T(test_completion_of_garbage_is_a_finding),
        T(test_double_completion_inside_a_chain_spares_the_rest),
        T(test_ring_of_completions_ends),
        T(test_send_of_a_sent_nbl_is_a_finding),
        T(test_bad_handles_are_findings),
        T(test_cancel_reaches_miniport),
        T(test_drain_names_what_is_held),
        T(test_forgotten_sends_are_given_back_at_pause),
        T(test_loopback_goes_to_other_bindings_by_filter),
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
