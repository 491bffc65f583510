/* SPDX-License-Identifier: MIT */
/* The request queue, what NDIS answers, combined settings: src/ndis/{oid,admin,answer,filter}.c. */
#include "test_ndis_rig.h"

static void up(void)
{
    rig_up(NULL);
    assert_int_equal(ndis_adapter_initialize(rig.adapter), NDIS_STATUS_SUCCESS);
}

struct asked {
    NDIS_OID_REQUEST r;
    ULONG value;
    _Atomic(int) done;
    NDIS_STATUS status;
};

static void asked_done(void *arg, NDIS_OID_REQUEST *r, NDIS_STATUS status)
{
    struct asked *a = arg;

    (void)r;
    a->status = status;
    atomic_fetch_add(&a->done, 1);
}

static void ask(struct asked *a, struct ndis_binding *from, NDIS_REQUEST_TYPE type, NDIS_OID oid)
{
    a->r.Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_OID_REQUEST, NDIS_OID_REQUEST_REVISION_1,
                                       NDIS_SIZEOF_OID_REQUEST_REVISION_1};
    a->r.RequestType = type;
    a->r.RequestId = a;
    a->r.DATA.SET_INFORMATION.Oid = oid;
    a->r.DATA.SET_INFORMATION.InformationBuffer = &a->value;
    a->r.DATA.SET_INFORMATION.InformationBufferLength = sizeof(a->value);
    ndis_oid_submit(rig.adapter, from, &a->r, asked_done, a);
}

static void wait_done(struct asked *a)
{
    for (int i = 0; i < 4000 && !atomic_load(&a->done); i++)
        usleep(500);
    assert_int_equal(atomic_load(&a->done), 1);
}

static void test_requests_before_initialize_never_reach_the_miniport(void **state)
{
    ULONG value, bytes = sizeof(value);

    (void)state;
    rig_up(NULL);
    assert_int_equal(ndis_adapter_request(rig.adapter, NdisRequestQueryInformation, OID_GEN_XMIT_OK,
                                          &value, &bytes),
                     NDIS_STATUS_INVALID_STATE);
    assert_int_equal(mp.oids, 0);
    rig_down();
}

static void test_pending_request_completes_once_and_holds_the_queue(void **state)
{
    struct asked first = {.value = 1}, second = {.value = 2};

    (void)state;
    up();
    mp.oid = NDIS_STATUS_PENDING;
    ask(&first, NULL, NdisRequestQueryInformation, OID_GEN_XMIT_OK);
    ask(&second, NULL, NdisRequestQueryInformation, OID_GEN_RCV_OK);
    assert_int_equal(mp.oids, 1);
    assert_int_equal(mp.oid_irql, 0);
    mp.oid = NDIS_STATUS_SUCCESS;
    NdisMOidRequestComplete(mp.handle, mp.pending, NDIS_STATUS_SUCCESS);
    wait_done(&first);
    wait_done(&second); /* handed on by a worker */
    assert_int_equal(mp.oids, 2);
    assert_int_equal(mp.oid_irql, 0);
    NdisMOidRequestComplete(mp.handle, &first.r, NDIS_STATUS_SUCCESS);
    assert_int_equal(rig_found("GEN-26"), 1);
    assert_int_equal(atomic_load(&first.done), 1);
    rig_down();
}

static void test_request_from_dispatch_level_is_delivered_at_passive(void **state)
{
    struct asked a = {.value = 0};

    (void)state;
    up();
    mp.oid_irql = 77;
    nt_thread_self()->irql = 2;
    ask(&a, NULL, NdisRequestQueryInformation, OID_GEN_XMIT_OK);
    nt_thread_self()->irql = 0;
    wait_done(&a);
    assert_int_equal(mp.oid_irql, 0);
    rig_down();
}

static void *many(void *arg)
{
    (void)arg;
    for (int i = 0; i < 50; i++) {
        ULONG value, bytes = sizeof(value);

        ndis_adapter_request(rig.adapter, NdisRequestQueryInformation, OID_GEN_XMIT_OK, &value,
                             &bytes);
    }
    return NULL;
}

static void test_one_request_at_a_time(void **state)
{
    pthread_t threads[4];

    (void)state;
    up();
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, many, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(mp.oids, 200);
    assert_int_equal(atomic_load(&mp.inside_most), 1);
    rig_down();
}

static void test_completing_and_returning_a_result_is_a_finding(void **state)
{
    ULONG value, bytes = sizeof(value);

    (void)state;
    up();
    mp.oid_completes = true;
    assert_int_equal(ndis_adapter_request(rig.adapter, NdisRequestQueryInformation, OID_GEN_XMIT_OK,
                                          &value, &bytes),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(rig_found("GEN-26"), 1);
    mp.oid = NDIS_STATUS_PENDING; /* completed before returning pending: fine */
    assert_int_equal(ndis_adapter_request(rig.adapter, NdisRequestQueryInformation, OID_GEN_XMIT_OK,
                                          &value, &bytes),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(rig_found("GEN-26"), 1);
    rig_down();
}

static NDIS_STATUS forgets_bytes(NDIS_OID_REQUEST *r)
{
    (void)r;
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS forgets_needed(NDIS_OID_REQUEST *r)
{
    (void)r;
    return NDIS_STATUS_INVALID_LENGTH;
}

static void test_results_that_were_not_filled_in_are_findings(void **state)
{
    ULONG value = 0, bytes = sizeof(value);

    (void)state;
    up();
    mp.in_oid = forgets_bytes;
    ndis_adapter_request(rig.adapter, NdisRequestQueryInformation, OID_GEN_XMIT_OK, &value, &bytes);
    bytes = sizeof(value);
    ndis_adapter_request(rig.adapter, NdisRequestSetInformation, OID_GEN_VLAN_ID, &value, &bytes);
    mp.in_oid = forgets_needed;
    bytes = sizeof(value);
    ndis_adapter_request(rig.adapter, NdisRequestSetInformation, OID_GEN_VLAN_ID, &value, &bytes);
    assert_int_equal(rig_found("GEN-27"), 3);
    mp.in_oid = forgets_bytes; /* nothing is to be written there */
    bytes = sizeof(value);
    ndis_adapter_request(rig.adapter, NdisRequestQueryInformation, OID_PNP_QUERY_POWER, &value,
                         &bytes);
    assert_int_equal(rig_found("GEN-27"), 3);
    rig_down();
}

static void test_request_that_is_never_completed_is_a_finding_and_taken_back(void **state)
{
    ULONG value, bytes = sizeof(value);

    (void)state;
    up();
    mp.oid = NDIS_STATUS_PENDING;
    assert_int_equal(ndis_adapter_request(rig.adapter, NdisRequestQueryInformation, OID_GEN_XMIT_OK,
                                          &value, &bytes),
                     NDIS_STATUS_REQUEST_ABORTED);
    assert_true(rig_found("GEN-31") >= 1);
    assert_int_equal(mp.cancels, 1);
    assert_int_equal(ndis_adapter_halt(rig.adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(mp.halts, 1);
    rig_down();
}

/* GEN-28: once each, with the word for it. */
static void test_cancel_aborts_queued_requests_and_tells_the_miniport(void **state)
{
    struct asked first = {.value = 1}, second = {.value = 2};

    (void)state;
    up();
    mp.oid = NDIS_STATUS_PENDING;
    ask(&first, NULL, NdisRequestQueryInformation, OID_GEN_XMIT_OK);
    ask(&second, NULL, NdisRequestQueryInformation, OID_GEN_RCV_OK);
    ndis_oid_cancel(rig.adapter, NULL, &second);
    assert_int_equal(second.status, NDIS_STATUS_REQUEST_ABORTED);
    assert_int_equal(atomic_load(&second.done), 1);
    assert_int_equal(mp.cancels, 0);
    ndis_oid_cancel(rig.adapter, NULL, &first);
    assert_int_equal(mp.cancels, 1);
    NdisMOidRequestComplete(mp.handle, mp.pending, NDIS_STATUS_REQUEST_ABORTED);
    assert_int_equal(first.status, NDIS_STATUS_REQUEST_ABORTED);
    assert_int_equal(atomic_load(&first.done), 1);
    assert_int_equal(atomic_load(&second.done), 1);
    rig_down();
}

static void test_direct_requests_pass_the_queue(void **state)
{
    struct asked ordinary = {.value = 1}, direct = {.value = 2};

    (void)state;
    mp.minor = 20;
    up();
    mp.oid = NDIS_STATUS_PENDING;
    ask(&ordinary, NULL, NdisRequestQueryInformation, OID_GEN_XMIT_OK);
    direct.r = ordinary.r;
    direct.r.DATA.QUERY_INFORMATION.InformationBuffer = &direct.value;
    ndis_oid_submit_direct(rig.adapter, NULL, &direct.r, asked_done, &direct);
    assert_int_equal(mp.oids, 2);
    NdisMDirectOidRequestComplete(mp.handle, &direct.r, NDIS_STATUS_SUCCESS);
    assert_int_equal(atomic_load(&direct.done), 1);
    NdisMDirectOidRequestComplete(mp.handle, &direct.r, NDIS_STATUS_SUCCESS);
    assert_int_equal(rig_found("GEN-26"), 1);
    NdisMOidRequestComplete(mp.handle, &ordinary.r, NDIS_STATUS_SUCCESS);
    assert_int_equal(atomic_load(&ordinary.done), 1);
    rig_down();
}

static void test_filters_of_bindings_are_combined(void **state)
{
    static struct ndis_binding b[2];
    struct asked a = {.value = 1}, c = {.value = 8}, q = {.value = 0};

    (void)state;
    up();
    memset(b, 0, sizeof(b));
    for (int i = 0; i < 2; i++)
        list_push(&rig.adapter->bindings, &b[i].adapter_link);
    ask(&a, &b[0], NdisRequestSetInformation, OID_GEN_CURRENT_PACKET_FILTER);
    ask(&c, &b[1], NdisRequestSetInformation, OID_GEN_CURRENT_PACKET_FILTER);
    assert_int_equal(mp.seen_value[0], 1);
    assert_int_equal(mp.seen_value[1], 9);
    assert_int_equal(atomic_load(&rig.adapter->packet_filter), 9);
    ask(&q, &b[1], NdisRequestQueryInformation, OID_GEN_CURRENT_PACKET_FILTER);
    assert_int_equal(q.value, 8);
    assert_int_equal(mp.oids, 2);
    mp.oid = NDIS_STATUS_NOT_SUPPORTED; /* refused: nothing changes */
    memset(&c, 0, sizeof(c));
    c.value = 0x20;
    ask(&c, &b[1], NdisRequestSetInformation, OID_GEN_CURRENT_PACKET_FILTER);
    assert_int_equal(atomic_load(&b[1].packet_filter), 8);
    mp.oid = NDIS_STATUS_SUCCESS;
    list_unlink(&b[1].adapter_link);
    assert_int_equal(ndis_oid_refresh_filter(rig.adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(atomic_load(&rig.adapter->packet_filter), 1);
    list_unlink(&b[0].adapter_link);
    rig_down();
}

static void test_multicast_lists_are_combined(void **state)
{
    static struct ndis_binding b;
    UCHAR list[2][6] = {{1, 0, 0, 0, 0, 1}, {1, 0, 0, 0, 0, 2}};
    ULONG bytes = 6;

    (void)state;
    up();
    memset(&b, 0, sizeof(b));
    b.multicast_count = 2;
    memcpy(b.multicast, list, sizeof(list));
    list_push(&rig.adapter->bindings, &b.adapter_link);
    assert_int_equal(ndis_adapter_request(rig.adapter, NdisRequestSetInformation,
                                          OID_802_3_MULTICAST_LIST, list[1], &bytes),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(rig.adapter->multicast_set, 2); /* one was there twice */
    bytes = 5;
    assert_int_equal(ndis_adapter_request(rig.adapter, NdisRequestSetInformation,
                                          OID_802_3_MULTICAST_LIST, list, &bytes),
                     NDIS_STATUS_INVALID_LENGTH);
    assert_int_equal(mp.oids, 1);
    list_unlink(&b.adapter_link);
    rig_down();
}

static void test_general_questions_are_answered_from_the_attributes(void **state)
{
    UCHAR mac[6], expected[6] = {2, 0, 0, 0, 0, 2};
    ULONG value = 0, bytes = sizeof(mac);

    (void)state;
    up();
    assert_int_equal(ndis_adapter_request(rig.adapter, NdisRequestQueryInformation,
                                          OID_802_3_CURRENT_ADDRESS, mac, &bytes),
                     NDIS_STATUS_SUCCESS);
    assert_memory_equal(mac, expected, 6);
    bytes = 4;
    ndis_adapter_request(rig.adapter, NdisRequestQueryInformation, OID_GEN_MAXIMUM_FRAME_SIZE,
                         &value, &bytes);
    assert_int_equal(value, 1500);
    ndis_adapter_request(rig.adapter, NdisRequestQueryInformation, OID_GEN_LINK_SPEED, &value,
                         &bytes);
    assert_int_equal(value, 10000000);
    bytes = 3;
    assert_int_equal(ndis_adapter_request(rig.adapter, NdisRequestQueryInformation,
                                          OID_GEN_MAC_OPTIONS, &value, &bytes),
                     NDIS_STATUS_BUFFER_TOO_SHORT);
    assert_int_equal(bytes, 4);
    assert_int_equal(mp.oids, 0);
    rig_down();
}

static void test_clones_copy_the_request_and_are_counted(void **state)
{
    NDIS_OID_REQUEST *clone = NULL;
    struct asked a = {.value = 0};

    (void)state;
    up();
    ask(&a, NULL, NdisRequestQueryInformation, OID_GEN_XMIT_OK);
    assert_int_equal(NdisAllocateCloneOidRequest(rig.adapter, &a.r, 0x54534554, &clone),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(clone->DATA.QUERY_INFORMATION.Oid, OID_GEN_XMIT_OK);
    NdisFreeCloneOidRequest(rig.adapter, clone);
    assert_int_equal(NdisAllocateCloneOidRequest(&a, &a.r, 0x54534554, &clone),
                     NDIS_STATUS_INVALID_PARAMETER);
    assert_null(clone);
    rig_down();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(test_requests_before_initialize_never_reach_the_miniport),
        RIG_TEST(test_pending_request_completes_once_and_holds_the_queue),
        RIG_TEST(test_request_from_dispatch_level_is_delivered_at_passive),
        RIG_TEST(test_one_request_at_a_time),
        RIG_TEST(test_completing_and_returning_a_result_is_a_finding),
        RIG_TEST(test_results_that_were_not_filled_in_are_findings),
        RIG_TEST(test_request_that_is_never_completed_is_a_finding_and_taken_back),
        RIG_TEST(test_cancel_aborts_queued_requests_and_tells_the_miniport),
        RIG_TEST(test_direct_requests_pass_the_queue),
        RIG_TEST(test_filters_of_bindings_are_combined),
        RIG_TEST(test_multicast_lists_are_combined),
        RIG_TEST(test_general_questions_are_answered_from_the_attributes),
        RIG_TEST(test_clones_copy_the_request_and_are_counted),
    };

    return RIG_MAIN(tests);
}
