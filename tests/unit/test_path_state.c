/* SPDX-License-Identifier: MIT */
/* The life of an adapter with traffic on it: pause, restart, halt, unbinding. Rules that the
 * runtime enforces on drivers (GEN-1, 3, 7, 9, 37) are test_ndis_adapter's, the ledger after halt
 * is test_vionet_life's. */
#include "test_path_load.h"

/* ---- MiniportPause itself: NDIS has everything back before it calls it, so the driver's own rules
 * need a caller that has not. ---- */

static NDIS_STATUS call_pause(struct path *p)
{
    struct ndis_adapter *a = p->adapter;
    NDIS_MINIPORT_PAUSE_PARAMETERS parameters = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, 1, sizeof parameters},
        .PauseReason = NDIS_PAUSE_NDIS_INTERNAL};
    struct ndis_call call;
    NDIS_STATUS status;

    a->pause_wait.done = false;
    pthread_spin_lock(&a->lock);
    a->state_wait = &a->pause_wait;
    pthread_spin_unlock(&a->lock);
    call = ndis_call_begin(a->driver->owner);
    status = a->driver->chars.PauseHandler(a->context, &parameters);
    ndis_call_end(&call, "MiniportPause");
    return status;
}

static bool pause_completed(struct path *p, double seconds)
{
    NDIS_STATUS status;
    bool done = ndis_wait_for(&p->adapter->pause_wait, seconds, &status);

    if (done) {
        pthread_spin_lock(&p->adapter->lock);
        p->adapter->state_wait = NULL;
        pthread_spin_unlock(&p->adapter->lock);
    }
    return done;
}

static void call_restart(struct path *p)
{
    struct ndis_adapter *a = p->adapter;
    NDIS_MINIPORT_RESTART_PARAMETERS parameters = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, 1, sizeof parameters}};
    struct ndis_call call = ndis_call_begin(a->driver->owner);
    NDIS_STATUS status = a->driver->chars.RestartHandler(a->context, &parameters);

    ndis_call_end(&call, "MiniportRestart");
    assert_int_equal(status, NDIS_STATUS_SUCCESS);
}

static struct pauser {
    pthread_t thread;
    _Atomic(bool) done;
    NDIS_STATUS status;
} pauser;

static void *pauser_main(void *arg)
{
    pauser.status = call_pause(arg);
    atomic_store(&pauser.done, pauser.status == NDIS_STATUS_SUCCESS || pause_completed(arg, 5));
    return NULL;
}

static void pauser_begin(struct path *p)
{
    atomic_store(&pauser.done, false);
    pthread_create(&pauser.thread, NULL, pauser_main, p);
}

/* The driver may wait inside the call, or say that it will call back. */
static void pauser_end(void)
{
    pthread_join(pauser.thread, NULL);
    assert_true(pauser.status == NDIS_STATUS_SUCCESS || pauser.status == NDIS_STATUS_PENDING);
    assert_true(atomic_load(&pauser.done));
}

/* GEN-2, 3, 4 */
static void test_GEN_2_4_pause_waits_for_sends_and_refuses_new_ones(void **state)
{
    struct path *p = watch_open(state, (struct path_config){0});
    uint8_t frame[2048];

    stall_begin();
    NdisSendNetBufferLists(p->binding, numbered_chain(p, 0, 4, 100), 0, 0);
    assert_int_equal(p->completed_count, 0);
    pauser_begin(p);
    usleep(50000);
    assert_false(atomic_load(&pauser.done));
    NdisSendNetBufferLists(p->binding, numbered_nbl(p, 99, 100), 0, 0);
    assert_int_equal(p->completed_count, 1);
    assert_int_equal(p->completed[0].status, NDIS_STATUS_PAUSED);
    stall_end();
    pauser_end();
    assert_int_equal(p->completed_count, 5);
    for (unsigned i = 1; i < 5; i++)
        assert_int_equal(p->completed[i].status, NDIS_STATUS_SUCCESS);
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(path_wire_read(p, frame, sizeof frame, 1) > 0);
        assert_int_equal(number_of(frame), i);
    }
    assert_int_equal(path_wire_read(p, frame, sizeof frame, 0.05), 0);
    call_restart(p);
    assert_traffic(p);
    watch_close(p);
}

/* GEN-2, 3: a pause cannot fail, not even when nothing comes back. */
static void test_GEN_3_pause_ends_though_the_card_gives_nothing_back(void **state)
{
    struct path *p = watch_open(state, (struct path_config){.queue_size = 8});

    stall_begin();
    NdisSendNetBufferLists(p->binding, numbered_chain(p, 0, 20, 100), 0, 0);
    pauser_begin(p);
    pauser_end();
    assert_int_equal(p->completed_count, 20);
    stall_end();
    for (unsigned i = 0; i < 20; i++)
        assert_true(load_fits(p->completed[i].status));
    path_forget(p);
    while (path_wire_read(p, (uint8_t[2048]){0}, 2048, 0))
        ;
    call_restart(p);
    assert_traffic(p);
    watch_close(p);
}

/* GEN-2, 5, 22 */
static void test_GEN_2_5_pause_waits_for_receives_and_indicates_no_more(void **state)
{
    struct path *p = watch_open(state, (struct path_config){0});

    p->hold_receives = true;
    for (uint32_t i = 0; i < 3; i++)
        arrive(p, i, 100);
    assert_true(path_wait(p, &p->held_count, 3, 2));
    assert_int_equal(call_pause(p), NDIS_STATUS_PENDING);
    arrive(p, 3, 100);
    assert_false(pause_completed(p, 0.05));
    assert_int_equal(p->received_count, 3);
    path_return_held(p);
    assert_true(pause_completed(p, 5));
    arrive(p, 4, 100);
    usleep(20000);
    assert_int_equal(p->received_count, 3);
    p->hold_receives = false;
    call_restart(p);
    assert_traffic(p);
    assert_int_equal(p->received_count, 4); /* what came while paused is gone, not late */
    watch_close(p);
}

static void test_GEN_3_pause_with_nothing_out_is_immediate(void **state)
{
    struct path *p = watch_open(state, (struct path_config){0});

    assert_int_equal(call_pause(p), NDIS_STATUS_SUCCESS);
    call_restart(p);
    assert_traffic(p);
    watch_close(p);
}

/* ---- Pause and restart through NDIS --------------------------------------------------------- */

static NET_BUFFER_LIST *late;

static void send_late(struct path *p)
{
    if (late)
        NdisSendNetBufferLists(p->binding, late, 0, 0);
    late = NULL;
}

/* GEN-4, 45: a send from inside the pause event. */
static void test_GEN_4_send_while_pausing_ends_paused(void **state)
{
    struct path *p = watch_open(state, (struct path_config){.on_pause = send_late});
    uint8_t frame[2048];

    late = numbered_nbl(p, 7, 100);
    assert_int_equal(ndis_adapter_pause(p->adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(p->completed_count, 1);
    assert_int_equal(p->completed[0].status, NDIS_STATUS_PAUSED);
    assert_int_equal(path_wire_read(p, frame, sizeof frame, 0.02), 0);
    assert_int_equal(ndis_adapter_restart(p->adapter), NDIS_STATUS_SUCCESS);
    assert_traffic(p);
    watch_close(p);
}

/* GEN-1, 5, 6 */
static void test_GEN_5_6_paused_is_silent_and_restart_brings_traffic_back(void **state)
{
    static const enum ndis_adapter_state want[] = {
        NDIS_ADAPTER_INITIALIZING, NDIS_ADAPTER_PAUSED,  NDIS_ADAPTER_RESTARTING,
        NDIS_ADAPTER_RUNNING,      NDIS_ADAPTER_PAUSING, NDIS_ADAPTER_PAUSED,
        NDIS_ADAPTER_RESTARTING,   NDIS_ADAPTER_RUNNING, NDIS_ADAPTER_PAUSING,
        NDIS_ADAPTER_PAUSED,       NDIS_ADAPTER_HALTED};
    struct path *p = watch_open(state, (struct path_config){0});
    unsigned n = 0;

    assert_int_equal(ndis_adapter_pause(p->adapter), NDIS_STATUS_SUCCESS);
    for (uint32_t i = 0; i < 20; i++)
        arrive(p, i, 100);
    usleep(20000);
    assert_int_equal(p->received_count, 0);
    assert_int_equal(watch_find(0, WATCH_RECEIVE, NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL), -1);
    assert_int_equal(ndis_adapter_restart(p->adapter), NDIS_STATUS_SUCCESS);
    assert_traffic(p);
    watch_close(p);
    for (unsigned i = 0; i < watch.count; i++) {
        if (watch.event[i].kind == WATCH_STATE) {
            assert_true(n < ARRAY_LEN(want));
            assert_int_equal(watch.event[i].to, want[n]);
            n++;
        }
    }
    assert_int_equal(n, ARRAY_LEN(want));
}

/* GEN-29, CFG-18: a setting made while paused is in force after restart. */
static void test_GEN_29_CFG_18_requests_are_served_while_paused(void **state)
{
    struct path *p = watch_open(state, (struct path_config){0});
    ULONG64 sent;
    unsigned statuses;

    assert_int_equal(ndis_adapter_pause(p->adapter), NDIS_STATUS_SUCCESS);
    statuses = p->status_count;
    assert_int_equal(path_query(p, OID_GEN_XMIT_OK, &sent, sizeof sent, NULL), NDIS_STATUS_SUCCESS);
    assert_int_equal(path_parameter(p, offsetof(NDIS_OFFLOAD_PARAMETERS, UDPIPv4Checksum),
                                    NDIS_OFFLOAD_PARAMETERS_TX_RX_DISABLED),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(p->status_count, statuses + 1);
    assert_int_equal(ndis_adapter_restart(p->adapter), NDIS_STATUS_SUCCESS);
    assert_traffic(p);
    /* UDP: neither of its bits; the header's verdict goes on. */
    assert_int_equal(p->received[0].oob[TcpIpChecksumNetBufferListInfo] & 0x12, 0);
    watch_close(p);
}

/* GEN-2, 4, 11, 15: pauses in the middle of sends and receives. */
static void test_GEN_2_pause_and_restart_under_load(void **state)
{
    struct path *p = watch_open(state, (struct path_config){.on_pause = load_stop_sending});

    load_begin(p);
    for (unsigned i = 0; i < 20; i++) {
        load_arrivals(p, 40);
        assert_int_equal(ndis_adapter_pause(p->adapter), NDIS_STATUS_SUCCESS);
        assert_int_equal(atomic_load(&p->adapter->tx_inside), 0);
        assert_int_equal(atomic_load(&p->adapter->rx_outside), 0);
        assert_int_equal(ndis_adapter_restart(p->adapter), NDIS_STATUS_SUCCESS);
        usleep(1000);
    }
    load_end(p);
    assert_int_equal(load.odd, 0);
    assert_true(load.good > 0);
    path_forget(p);
    assert_traffic(p);
    watch_close(p);
}

static void assert_settled(enum ndis_adapter_state to)
{
    struct ndis_adapter_info info;

    if (to != NDIS_ADAPTER_HALTED)
        return;
    ndis_adapter_info(the_path.adapter, &info);
    load.unsettled = info.tx_nbls != info.tx_completed || info.rx_nbls != info.rx_returned;
    load.halts++;
}

/* GEN-8, 9, 11, 22 */
static void test_GEN_8_halt_under_load_comes_after_everything_is_back(void **state)
{
    struct path *p = watch_open(state, (struct path_config){.on_pause = load_stop_sending});
    int halted;

    load_begin(p);
    watch.on_state = assert_settled;
    load_arrivals(p, 100);
    assert_int_equal(ndis_adapter_halt(p->adapter), NDIS_STATUS_SUCCESS);
    load_end(p);
    assert_int_equal(load.halts, 1);
    assert_false(load.unsettled);
    assert_int_equal(load.odd, 0);
    halted = watch_find_state(2, NDIS_ADAPTER_HALTED);
    assert_true(halted >= 0);
    assert_int_equal(watch.event[halted].from, NDIS_ADAPTER_PAUSED);
    assert_int_equal(watch.count,
                     halted + 1); /* the driver was not heard of again (GEN-9, CFG-19) */
    watch_close(p);
}

/* ---- Unbinding ------------------------------------------------------------------------------ */

static void *disconnect(void *arg)
{
    struct path *p = arg;

    ndis_adapter_disconnect(p->adapter, "PATH");
    return NULL;
}

static void five_sends_back(struct path *p)
{
    assert_true(path_wait(p, &p->completed_count, 5, 5));
}

/* GEN-44, 22 */
static void test_GEN_44_unbinding_waits_for_what_is_out_and_is_final(void **state)
{
    struct path *p = watch_open(state, (struct path_config){.on_pause = five_sends_back});
    NDIS_HANDLE binding = p->binding;
    unsigned statuses;
    pthread_t t;

    p->hold_receives = true;
    arrive(p, 1, 100);
    assert_true(path_wait(p, &p->held_count, 1, 2));
    stall_begin();
    NdisSendNetBufferLists(p->binding, numbered_chain(p, 0, 5, 100), 0, 0);
    pthread_create(&t, NULL, disconnect, p);
    usleep(50000);
    assert_ptr_equal(p->binding, binding);
    stall_end();
    assert_true(path_wait(p, &p->completed_count, 5, 2));
    usleep(20000);
    assert_ptr_equal(p->binding, binding);
    path_return_held(p);
    pthread_join(t, NULL);
    assert_null(p->binding);
    statuses = p->status_count;
    arrive(p, 2, 100);
    nic_set_link(p->nic, false);
    usleep(20000);
    assert_int_equal(p->received_count, 1);
    assert_int_equal(p->status_count, statuses);
    watch_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PATH_BOTH(test_GEN_2_4_pause_waits_for_sends_and_refuses_new_ones),
        PATH_BOTH(test_GEN_3_pause_ends_though_the_card_gives_nothing_back),
        PATH_BOTH(test_GEN_2_5_pause_waits_for_receives_and_indicates_no_more),
        PATH_BOTH(test_GEN_3_pause_with_nothing_out_is_immediate),
        PATH_BOTH(test_GEN_4_send_while_pausing_ends_paused),
        PATH_BOTH(test_GEN_5_6_paused_is_silent_and_restart_brings_traffic_back),
        PATH_BOTH(test_GEN_29_CFG_18_requests_are_served_while_paused),
        PATH_BOTH(test_GEN_2_pause_and_restart_under_load),
        PATH_BOTH(test_GEN_8_halt_under_load_comes_after_everything_is_back),
        PATH_BOTH(test_GEN_44_unbinding_waits_for_what_is_out_and_is_final),
    };

    return path_run(tests);
}
