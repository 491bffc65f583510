/* SPDX-License-Identifier: MIT */
/* Binding, pausing, restarting and unbinding protocols: ndis/binding.c, netpnp.c, protocol.c,
 * request.c. */
#include "test_ndis_data.h"

static struct ndis_binding *binding(const struct proto *p)
{
    return p->binding;
}

static void connect(struct proto *p)
{
    struct why why = {""};

    assert_int_equal(ndis_binding_connect(&mp.adapter, p->name, &why), 0);
}

static void test_bind_tells_the_truth_and_restarts(void **state)
{
    struct proto *p = &protos[0];

    (void)state;
    connect(p);
    assert_int_equal(atomic_load(&binding(p)->state), NDIS_BINDING_RUNNING);
    assert_int_equal(p->restarts, 1);
    assert_int_equal(p->bind.MtuSize, 1500);
    assert_int_equal(p->bind.BoundIfIndex, 7);
    assert_memory_equal(p->bind.CurrentMacAddress, mp_mac, 6);
    assert_int_equal(p->bind.Header.Type, NDIS_OBJECT_TYPE_BIND_PARAMETERS);
    assert_null(p->bind.DefaultOffloadConfiguration); /* none registered */
    assert_int_equal(p->bind.AdapterName->Buffer[1], 'D');
    assert_no_findings();
}

static void *complete_bind_later(void *arg)
{
    struct proto *p = arg;

    proto_wait_pended(p);
    assert_int_equal(proto_open(p, p->bind_context), NDIS_STATUS_SUCCESS);
    NdisCompleteBindAdapterEx(p->bind_context, NDIS_STATUS_SUCCESS);
    return NULL;
}

static void test_pending_bind_is_waited_for(void **state)
{
    struct proto *p = &protos[0];
    pthread_t thread;
    struct why why = {""};

    (void)state;
    p->pend_bind = true;
    pthread_create(&thread, NULL, complete_bind_later, p);
    assert_int_equal(ndis_binding_connect(&mp.adapter, "ALPHA", &why), 0);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&binding(p)->state), NDIS_BINDING_RUNNING);
    assert_no_findings();
}

static void test_refused_bind_leaves_nothing(void **state)
{
    struct why why = {""};

    (void)state;
    protos[0].refuse_bind = true;
    assert_int_equal(ndis_binding_connect(&mp.adapter, "alpha", &why), -ECANCELED);
    assert_non_null(strstr(why.text, "alpha"));
    why.text[0] = '\0';
    assert_int_equal(ndis_binding_connect(&mp.adapter, "gamma", &why), -ENOENT);
    assert_null(atomic_load(&mp.adapter.open_bindings));
    assert_no_findings();
}

static void test_connected_while_halted_binds_at_start(void **state)
{
    (void)state;
    atomic_store(&mp.adapter.state, NDIS_ADAPTER_PAUSED);
    connect(&protos[0]);
    assert_null(protos[0].binding);
    atomic_store(&mp.adapter.state, NDIS_ADAPTER_RUNNING);
    ndis_bindings_start(&mp.adapter);
    assert_non_null(protos[0].binding);
    assert_int_equal(protos[0].restarts, 1);
    ndis_bindings_pause(&mp.adapter);
    assert_int_equal(protos[0].pauses, 1);
    assert_int_equal(atomic_load(&binding(&protos[0])->state), NDIS_BINDING_PAUSED);
    ndis_bindings_start(&mp.adapter);
    assert_int_equal(protos[0].restarts, 2);
    assert_int_equal(atomic_load(&binding(&protos[0])->state), NDIS_BINDING_RUNNING);
    assert_no_findings();
}

static void *complete_event_later(void *arg)
{
    struct proto *p = arg;

    proto_wait_pended(p);
    NdisCompleteNetPnPEvent(p->binding, p->event, NDIS_STATUS_SUCCESS);
    return NULL;
}

static void test_pending_pause_is_waited_for(void **state)
{
    struct proto *p = &protos[0];
    pthread_t thread;

    (void)state;
    connect(p);
    p->pend_pause = true;
    pthread_create(&thread, NULL, complete_event_later, p);
    ndis_bindings_pause(&mp.adapter);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&binding(p)->state), NDIS_BINDING_PAUSED);
    assert_no_findings();
    NdisCompleteNetPnPEvent(p->binding, p->event, NDIS_STATUS_SUCCESS);
    assert_findings("GEN-45", 1);
}

static void test_pause_never_completed_is_a_finding(void **state)
{
    (void)state;
    ndis_set_time_factor(0.002);
    connect(&protos[0]);
    protos[0].pend_pause = true;
    ndis_bindings_pause(&mp.adapter);
    assert_findings("GEN-45", 1);
}

static void test_pause_completed_with_sends_out_is_a_finding(void **state)
{
    static const UCHAR peer[6] = {2, 2, 2, 2, 2, 2};
    struct proto *p = &protos[0];
    NDIS_HANDLE pool = frame_pool(NULL);
    NET_BUFFER_LIST *nbl;

    (void)state;
    ndis_set_time_factor(0.005);
    connect(p);
    nbl = frame_new(pool, peer, 1);
    NdisSendNetBufferLists(p->binding, nbl, 0, 0);
    ndis_bindings_pause(&mp.adapter);
    assert_int_equal(findings_of("GEN-45"), 1);
    frames_free(nbl);
    NdisFreeNetBufferListPool(pool);
    mp.sent = NULL;
    mp.sent_tail = &mp.sent;
}

static void test_unbind_closes_and_the_handle_dies(void **state)
{
    struct proto *p = &protos[0];
    NDIS_HANDLE old;

    (void)state;
    connect(p);
    old = p->binding;
    ndis_binding_disconnect(&mp.adapter, "alpha");
    assert_int_equal(p->pauses, 1);
    assert_int_equal(p->unbinds, 1);
    assert_no_findings();
    NdisSendNetBufferLists(old, NULL, 0, 0);
    assert_findings("NT-HANDLE", 1);
    connect(p);
    assert_ptr_not_equal(p->binding, old);
}

static void *complete_unbind_later(void *arg)
{
    struct proto *p = arg;

    proto_wait_pended(p);
    NdisCloseAdapterEx(p->binding);
    NdisCompleteUnbindAdapterEx(p->unbind_context);
    return NULL;
}

static void test_pending_unbind_is_waited_for(void **state)
{
    struct proto *p = &protos[0];
    pthread_t thread;

    (void)state;
    connect(p);
    p->pend_unbind = true;
    pthread_create(&thread, NULL, complete_unbind_later, p);
    ndis_bindings_unbind(&mp.adapter);
    pthread_join(thread, NULL);
    assert_no_findings();
    NdisCompleteUnbindAdapterEx(p->unbind_context);
    assert_findings("GEN-44", 1);
}

static void test_unbind_without_close_is_a_finding(void **state)
{
    (void)state;
    connect(&protos[0]);
    protos[0].keep_open = true;
    ndis_bindings_unbind(&mp.adapter);
    assert_findings("GEN-44", 1);
}

static void test_open_and_close_may_pend(void **state)
{
    struct proto *p = &protos[0];

    (void)state;
    ndis_set_pending(true);
    connect(p);
    ndis_binding_disconnect(&mp.adapter, "alpha");
    assert_int_equal(p->opens, 1);
    assert_int_equal(p->closes, 1);
    assert_no_findings();
}

static void test_status_reaches_every_open_binding(void **state)
{
    NDIS_STATUS_INDICATION s = {.StatusCode = NDIS_STATUS_LINK_STATE};

    (void)state;
    connect(&protos[0]);
    connect(&protos[1]);
    ndis_bindings_status(&mp.adapter, &s);
    ndis_bindings_pause(&mp.adapter);
    ndis_bindings_status(&mp.adapter, &s);
    assert_int_equal(protos[0].statuses, 2);
    assert_int_equal(protos[1].statuses, 2);
    s.DestinationHandle = protos[1].binding;
    ndis_bindings_status(&mp.adapter, &s);
    assert_int_equal(protos[0].statuses, 2);
    assert_int_equal(protos[1].statuses, 3);
    assert_no_findings();
}

static void test_filter_request_reaches_miniport(void **state)
{
    ULONG filter = NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_BROADCAST;
    NDIS_OID_REQUEST r = {
        .Header = {NDIS_OBJECT_TYPE_OID_REQUEST, NDIS_OID_REQUEST_REVISION_1,
                   NDIS_SIZEOF_OID_REQUEST_REVISION_1},
        .RequestType = NdisRequestSetInformation,
    };
    NDIS_STATUS status;

    (void)state;
    connect(&protos[0]);
    r.DATA.SET_INFORMATION.Oid = OID_GEN_CURRENT_PACKET_FILTER;
    r.DATA.SET_INFORMATION.InformationBuffer = &filter;
    r.DATA.SET_INFORMATION.InformationBufferLength = sizeof(filter);
    status = NdisOidRequest(protos[0].binding, &r);
    for (unsigned i = 0; i < 1000 && status == NDIS_STATUS_PENDING &&
                         atomic_load(&binding(&protos[0])->requests_outstanding);
         i++)
        usleep(1000);
    assert_true(status == NDIS_STATUS_SUCCESS || status == NDIS_STATUS_PENDING);
    assert_int_equal(atomic_load(&binding(&protos[0])->packet_filter), filter);
    assert_int_equal(mp.filter, filter);
    assert_no_findings();
}

static void test_registration_is_checked(void **state)
{
    NDIS_PROTOCOL_DRIVER_CHARACTERISTICS c = {
        .Header = {NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
                   NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
                   NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2},
        .MajorNdisVersion = 5,
    };
    NDIS_HANDLE h = NULL;

    (void)state;
    assert_int_equal(NdisRegisterProtocolDriver(NULL, &c, &h), NDIS_STATUS_BAD_VERSION);
    c.MajorNdisVersion = 6;
    assert_int_equal(NdisRegisterProtocolDriver(NULL, &c, &h), NDIS_STATUS_BAD_CHARACTERISTICS);
    c.Header.Size = 8;
    assert_int_equal(NdisRegisterProtocolDriver(NULL, &c, &h), NDIS_STATUS_BAD_CHARACTERISTICS);
    NdisDeregisterProtocolDriver((NDIS_HANDLE)0x40);
    assert_findings("NT-HANDLE", 1);
}

static void test_deregistering_unbinds(void **state)
{
    (void)state;
    connect(&protos[0]);
    NdisDeregisterProtocolDriver(protos[0].handle);
    protos[0].handle = NULL;
    assert_int_equal(protos[0].unbinds, 1);
    assert_true(list_empty(&mp.adapter.bindings));
    assert_no_findings();
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_bind_tells_the_truth_and_restarts),
        T(test_pending_bind_is_waited_for),
        T(test_refused_bind_leaves_nothing),
        T(test_connected_while_halted_binds_at_start),
        T(test_pending_pause_is_waited_for),
        T(test_pause_never_completed_is_a_finding),
        T(test_pause_completed_with_sends_out_is_a_finding),
        T(test_unbind_closes_and_the_handle_dies),
        T(test_pending_unbind_is_waited_for),
        T(test_unbind_without_close_is_a_finding),
        T(test_open_and_close_may_pend),
        T(test_status_reaches_every_open_binding),
        T(test_filter_request_reaches_miniport),
        T(test_registration_is_checked),
        T(test_deregistering_unbinds),
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
