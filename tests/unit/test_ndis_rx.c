/* SPDX-License-Identifier: MIT */
/* Receive indications and returns through ndis/rx.c. */
#include "test_ndis_data.h"

static const UCHAR broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const UCHAR group[6] = {0x01, 0, 0x5e, 0, 0, 1};
static const UCHAR stranger[6] = {0x02, 0, 0, 0, 0, 0x77};

static NDIS_HANDLE pool;

static int setup(void **state)
{
    fixture_setup(state);
    pool = frame_pool(NULL);
    return 0;
}

static int teardown(void **state)
{
    NdisFreeNetBufferListPool(pool);
    return fixture_teardown(state);
}

static NET_BUFFER_LIST *indicable(const UCHAR *to, unsigned count)
{
    NET_BUFFER_LIST *chain = frames_new(pool, to, count);

    frames_source(chain, &mp.adapter);
    return chain;
}

static void indicate(NET_BUFFER_LIST *chain, unsigned count, ULONG flags)
{
    NdisMIndicateReceiveNetBufferLists(&mp.adapter, chain, 0, count, flags);
}

static void test_one_binding_owns_the_chain(void **state)
{
    NET_BUFFER_LIST *chain = indicable(mp_mac, 4);

    (void)state;
    proto_bind(&protos[0], NDIS_PACKET_TYPE_DIRECTED);
    protos[0].hold = true;
    indicate(chain, 4, 0);
    assert_int_equal(protos[0].receive_calls, 1);
    assert_int_equal(protos[0].receives, 4);
    assert_false(protos[0].receive_flags & NDIS_RECEIVE_FLAGS_RESOURCES);
    assert_int_equal(atomic_load(&mp.adapter.rx_outside), 4);
    assert_int_equal(mp.returned, 0);
    NdisReturnNetBufferLists(protos[0].binding, protos[0].held, 0);
    assert_int_equal(mp.returned, 4);
    assert_int_equal(mp.return_calls, 1);
    assert_int_equal(atomic_load(&mp.adapter.rx_outside), 0);
    frames_free(chain);
    assert_no_findings();
}

static void test_two_bindings_share_by_resources(void **state)
{
    NET_BUFFER_LIST *chain = indicable(mp_mac, 3);

    (void)state;
    proto_bind(&protos[0], NDIS_PACKET_TYPE_PROMISCUOUS);
    proto_bind(&protos[1], NDIS_PACKET_TYPE_DIRECTED);
    protos[1].hold = true;
    indicate(chain, 3, 0);
    assert_int_equal(protos[0].receives, 3);
    assert_int_equal(protos[0].resources_calls, 1);
    assert_int_equal(protos[1].receives, 3);
    assert_int_equal(protos[1].resources_calls, 0);
    NdisReturnNetBufferLists(protos[1].binding, protos[1].held, 0);
    assert_int_equal(mp.returned, 3);
    frames_free(chain);
    assert_no_findings();
}

/* mine, stranger, mine, broadcast: alpha hears all in order, beta what is meant for it; each NBL is
 * returned once. */
static void test_mixed_destinations_keep_order(void **state)
{
    const UCHAR *to[] = {mp_mac, stranger, mp_mac, broadcast};
    NET_BUFFER_LIST *nbl[4];

    (void)state;
    proto_bind(&protos[0], NDIS_PACKET_TYPE_PROMISCUOUS);
    proto_bind(&protos[1], NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_BROADCAST);
    for (unsigned i = 0; i < 4; i++) {
        nbl[i] = frame_new(pool, to[i], (UCHAR)(i + 1));
        nbl[i]->SourceHandle = &mp.adapter;
        if (i)
            nbl[i - 1]->Next = nbl[i];
    }
    indicate(nbl[0], 4, 0);
    assert_int_equal(protos[0].receives, 4);
    assert_memory_equal(protos[0].seen, ((uint8_t[]){1, 2, 3, 4}), 4);
    assert_int_equal(protos[0].receive_calls, 3); /* shown, owned, shown */
    assert_int_equal(protos[1].receives, 3);
    assert_memory_equal(protos[1].seen, ((uint8_t[]){1, 3, 4}), 3);
    assert_int_equal(mp.returned, 4);
    assert_int_equal(atomic_load(&mp.adapter.rx_outside), 0);
    for (unsigned i = 0; i < 4; i++)
        NdisFreeNetBufferList(nbl[i]);
    assert_no_findings();
}

static void test_nobody_wants_it_returns_at_once(void **state)
{
    NET_BUFFER_LIST *chain = indicable(stranger, 2);

    (void)state;
    proto_bind(&protos[0], NDIS_PACKET_TYPE_DIRECTED);
    indicate(chain, 2, 0);
    assert_int_equal(protos[0].receives, 0);
    assert_int_equal(mp.returned, 2);
    frames_free(chain);
    assert_no_findings();
}

static void test_resources_come_back_with_the_call(void **state)
{
    NET_BUFFER_LIST *chain = indicable(mp_mac, 3), *second = chain->Next, *third = second->Next;

    (void)state;
    proto_bind(&protos[0], NDIS_PACKET_TYPE_PROMISCUOUS);
    proto_bind(&protos[1], NDIS_PACKET_TYPE_DIRECTED);
    indicate(chain, 3, NDIS_RECEIVE_FLAGS_RESOURCES);
    assert_int_equal(protos[0].resources_calls, 1);
    assert_int_equal(protos[1].resources_calls, 1);
    assert_int_equal(mp.return_calls, 0);
    assert_ptr_equal(chain->Next, second);
    assert_ptr_equal(second->Next, third);
    assert_null(third->Next);
    assert_int_equal(atomic_load(&mp.adapter.rx_outside), 0);
    frames_free(chain);
    assert_no_findings();
}

static void test_multicast_filter_uses_the_list(void **state)
{
    struct ndis_binding *b;
    NET_BUFFER_LIST *nbl = indicable(group, 1);

    (void)state;
    proto_bind(&protos[0], NDIS_PACKET_TYPE_MULTICAST);
    b = protos[0].binding;
    indicate(nbl, 1, 0);
    assert_int_equal(protos[0].receives, 0);
    memcpy(b->multicast[0], group, 6);
    b->multicast_count = 1;
    indicate(nbl, 1, 0);
    assert_int_equal(protos[0].receives, 1);
    b->multicast_count = 0;
    atomic_store(&b->packet_filter, NDIS_PACKET_TYPE_ALL_MULTICAST);
    indicate(nbl, 1, 0);
    assert_int_equal(protos[0].receives, 2);
    assert_int_equal(mp.returned, 3);
    frames_free(nbl);
    assert_no_findings();
}

static void test_double_return_is_a_finding(void **state)
{
    NET_BUFFER_LIST *nbl = indicable(mp_mac, 1);

    (void)state;
    proto_bind(&protos[0], NDIS_PACKET_TYPE_DIRECTED);
    indicate(nbl, 1, 0);
    NdisReturnNetBufferLists(protos[0].binding, nbl, 0);
    NdisReturnNetBufferLists(protos[0].binding, (NET_BUFFER_LIST *)&nbl, 0);
    assert_findings("GEN-22", 2);
    assert_int_equal(mp.returned, 1);
    frames_free(nbl);
}

static void test_indicating_a_lent_nbl_is_a_finding(void **state)
{
    NET_BUFFER_LIST *nbl = indicable(mp_mac, 1);

    (void)state;
    proto_bind(&protos[0], NDIS_PACKET_TYPE_DIRECTED);
    protos[0].hold = true;
    indicate(nbl, 1, 0);
    indicate(nbl, 1, 0);
    assert_findings("GEN-20", 1);
    NdisFreeNetBufferList(nbl);
    assert_findings("GEN-20", 2);
    assert_int_equal(protos[0].receives, 1);
    NdisReturnNetBufferLists(protos[0].binding, nbl, 0);
    frames_free(nbl);
}

static void test_wrong_count_is_a_finding(void **state)
{
    NET_BUFFER_LIST *chain = indicable(mp_mac, 2);

    (void)state;
    proto_bind(&protos[0], NDIS_PACKET_TYPE_DIRECTED);
    indicate(chain, 7, 0);
    assert_findings("GEN-23", 1);
    assert_int_equal(protos[0].receives, 2);
    frames_free(chain);
}

static void test_indication_while_paused_is_a_finding(void **state)
{
    NET_BUFFER_LIST *nbl = indicable(mp_mac, 1);

    (void)state;
    proto_bind(&protos[0], NDIS_PACKET_TYPE_DIRECTED);
    ndis_bindings_pause(&mp.adapter);
    atomic_store(&mp.adapter.state, NDIS_ADAPTER_PAUSED);
    indicate(nbl, 1, 0);
    assert_findings("GEN-5", 1);
    assert_int_equal(protos[0].receives, 0);
    assert_int_equal(mp.returned, 1);
    frames_free(nbl);
}

static void test_indication_with_filter_zero_is_a_finding(void **state)
{
    NET_BUFFER_LIST *nbl = indicable(mp_mac, 1);

    (void)state;
    proto_bind(&protos[0], 0);
    atomic_store(&mp.adapter.packet_filter, 0);
    indicate(nbl, 1, 0);
    assert_findings("GEN-30", 1);
    assert_int_equal(mp.returned, 1);
    frames_free(nbl);
}

static void test_garbage_chain_ends(void **state)
{
    NET_BUFFER_LIST *nbl = indicable(mp_mac, 1);

    (void)state;
    proto_bind(&protos[0], NDIS_PACKET_TYPE_DIRECTED);
    nbl->Next = (NET_BUFFER_LIST *)0xdeadbee0;
    indicate(nbl, 1, 0);
    assert_findings("GEN-23", 1);
    assert_int_equal(protos[0].receives, 1);
    NdisFreeNetBufferList(nbl);
    indicate((NET_BUFFER_LIST *)0x10, 1, 0);
    assert_true(findings_of("GEN-23") >= 2);
}

static void test_return_of_what_another_binding_owns_is_a_finding(void **state)
{
    NET_BUFFER_LIST *nbl = indicable(mp_mac, 1);

    (void)state;
    proto_bind(&protos[0], NDIS_PACKET_TYPE_DIRECTED);
    proto_bind(&protos[1], NDIS_PACKET_TYPE_DIRECTED);
    protos[1].hold = true;
    indicate(nbl, 1, 0);
    NdisReturnNetBufferLists(protos[0].binding, nbl, 0); /* it was only shown to that one */
    assert_findings("GEN-21", 1);
    assert_int_equal(mp.returned, 0);
    NdisReturnNetBufferLists(protos[1].binding, nbl, 0);
    assert_int_equal(mp.returned, 1);
    frames_free(nbl);
}

static void test_unreturned_receives_are_taken_back_at_pause(void **state)
{
    NET_BUFFER_LIST *nbl = indicable(mp_mac, 1);

    (void)state;
    ndis_set_time_factor(0.005);
    proto_bind(&protos[0], NDIS_PACKET_TYPE_DIRECTED);
    protos[0].hold = true;
    indicate(nbl, 1, 0);
    ndis_bindings_pause(&mp.adapter);
    assert_findings("GEN-22", 1);
    assert_int_equal(mp.returned, 1);
    assert_int_equal(atomic_load(&mp.adapter.rx_outside), 0);
    frames_free(nbl);
}

static void test_levels_are_told_truly(void **state)
{
    NET_BUFFER_LIST *nbl = indicable(mp_mac, 1);
    KIRQL old;

    (void)state;
    proto_bind(&protos[0], NDIS_PACKET_TYPE_DIRECTED);
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    indicate(nbl, 1, 0);
    KeLowerIrql(old);
    assert_true(protos[0].receive_flags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL);
    assert_true(mp.return_flags & NDIS_RETURN_FLAGS_DISPATCH_LEVEL);
    assert_no_findings();
    indicate(nbl, 1, NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL);
    assert_findings("GEN-39", 1);
    assert_false(protos[0].receive_flags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL);
    frames_free(nbl);
}

/* An intermediate driver: what it is shown on test0 it shows on from its own adapter, from inside
 * the receive handler. */
static struct ndis_adapter upper;
static struct ndis_driver upper_driver;

static VOID NTAPI ForwardingReceive(NDIS_HANDLE context, PNET_BUFFER_LIST nbls,
                                    NDIS_PORT_NUMBER port, ULONG count, ULONG flags)
{
    struct proto *p = context;

    p->receives += count;
    assert_true(flags & NDIS_RECEIVE_FLAGS_RESOURCES);
    frames_source(nbls, &upper);
    NdisMIndicateReceiveNetBufferLists(&upper, nbls, port, count, NDIS_RECEIVE_FLAGS_RESOURCES);
    frames_source(nbls, &mp.adapter);
}

static void test_indication_inside_an_indication(void **state)
{
    NET_BUFFER_LIST *chain = indicable(mp_mac, 3), *second = chain->Next, *third = second->Next;
    struct ndis_binding *b;

    (void)state;
    memset(&upper, 0, sizeof(upper));
    strcpy(upper.name, "upper");
    upper_driver.owner = mp.driver.owner;
    upper.driver = &upper_driver;
    atomic_store(&upper.state, NDIS_ADAPTER_RUNNING);
    atomic_store(&upper.packet_filter, 1);
    ndis_handle_register(&upper.handle, NDIS_H_ADAPTER);
    proto_bind(&protos[0], NDIS_PACKET_TYPE_PROMISCUOUS);
    proto_bind(&protos[1], NDIS_PACKET_TYPE_DIRECTED);
    b = protos[0].binding;
    b->protocol->chars.ReceiveNetBufferListsHandler = ForwardingReceive;
    indicate(chain, 3, 0);
    assert_int_equal(protos[0].receives, 3);
    assert_int_equal(protos[1].receives, 3);
    assert_memory_equal(protos[1].seen, ((uint8_t[]){1, 2, 3}), 3);
    assert_int_equal(mp.returned, 3);
    chain->Next = second, second->Next = third, third->Next = NULL;
    indicate(chain, 3, NDIS_RECEIVE_FLAGS_RESOURCES);
    assert_ptr_equal(chain->Next, second);
    assert_ptr_equal(second->Next, third);
    assert_null(third->Next);
    assert_int_equal(protos[1].receives, 6);
    frames_free(chain);
    ndis_handle_retire(&upper.handle);
    assert_no_findings();
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_one_binding_owns_the_chain),
        T(test_two_bindings_share_by_resources),
        T(test_mixed_destinations_keep_order),
        T(test_nobody_wants_it_returns_at_once),
        T(test_resources_come_back_with_the_call),
        T(test_multicast_filter_uses_the_list),
        T(test_double_return_is_a_finding),
        T(test_return_of_what_another_binding_owns_is_a_finding),
        T(test_indicating_a_lent_nbl_is_a_finding),
        T(test_wrong_count_is_a_finding),
        T(test_indication_while_paused_is_a_finding),
        T(test_indication_with_filter_zero_is_a_finding),
        T(test_garbage_chain_ends),
        T(test_unreturned_receives_are_taken_back_at_pause),
        T(test_levels_are_told_truly),
        T(test_indication_inside_an_indication),
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
