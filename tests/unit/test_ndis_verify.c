/* SPDX-License-Identifier: MIT */
/* What ndis/verify.c finds wrong with miniports and protocols, and what it leaves alone. */
#include "test_ndis_data.h"

static const UCHAR peer[6] = {0x02, 0, 0, 0, 0, 9};
static NDIS_HANDLE pool;
static NET_BUFFER_LIST *nbl;

static int setup(void **state)
{
    fixture_setup(state);
    pool = frame_pool(NULL);
    proto_bind(&protos[0], NDIS_PACKET_TYPE_DIRECTED);
    nbl = frame_new(pool, mp_mac, 1);
    return 0;
}

static int teardown(void **state)
{
    NdisFreeNetBufferList(nbl);
    NdisFreeNetBufferListPool(pool);
    return fixture_teardown(state);
}

static void send(void)
{
    NdisSendNetBufferLists(protos[0].binding, nbl, 0, 0);
}

static void indicate(void)
{
    NdisMIndicateReceiveNetBufferLists(&mp.adapter, nbl, 0, 1, 0);
}

static void test_status_left_pending(void **state)
{
    (void)state;
    send();
    NdisMSendNetBufferListsComplete(&mp.adapter, nbl, 0); /* the driver set none */
    assert_findings("GEN-12", 1);
    assert_int_equal(protos[0].last_status, NDIS_STATUS_FAILURE);
}

static void test_statuses_that_fit(void **state)
{
    static const NDIS_STATUS fit[] = {
        NDIS_STATUS_SUCCESS,           NDIS_STATUS_FAILURE,         NDIS_STATUS_INVALID_LENGTH,
        NDIS_STATUS_RESOURCES,         NDIS_STATUS_PAUSED,          NDIS_STATUS_SEND_ABORTED,
        NDIS_STATUS_RESET_IN_PROGRESS, NDIS_STATUS_REQUEST_ABORTED, NDIS_STATUS_MEDIA_DISCONNECTED};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(fit); i++) {
        send();
        mp_complete(fit[i]);
        assert_int_equal(protos[0].last_status, fit[i]);
    }
    assert_no_findings();
    send();
    mp_complete(NDIS_STATUS_BAD_VERSION);
    assert_findings("GEN-12", 1);
}

static void test_changed_data_offset(void **state)
{
    (void)state;
    send();
    NdisAdvanceNetBufferDataStart(nbl->FirstNetBuffer, 4, FALSE, NULL);
    mp_complete(NDIS_STATUS_SUCCESS);
    assert_findings("GEN-14", 1);
}

static void test_changed_mdl_chain(void **state)
{
    (void)state;
    send();
    nbl->FirstNetBuffer->MdlChain->ByteCount -= 1;
    mp_complete(NDIS_STATUS_SUCCESS);
    nbl->FirstNetBuffer->MdlChain->ByteCount += 1;
    assert_findings("GEN-14", 1);
}

static void test_edits_undone_in_time(void **state)
{
    (void)state;
    send();
    NdisAdvanceNetBufferDataStart(nbl->FirstNetBuffer, 14, FALSE, NULL);
    assert_int_equal(NdisRetreatNetBufferDataStart(nbl->FirstNetBuffer, 14, 0, NULL),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(NdisRetreatNetBufferDataStart(nbl->FirstNetBuffer, 400, 0, NULL),
                     NDIS_STATUS_SUCCESS);
    NdisAdvanceNetBufferDataStart(nbl->FirstNetBuffer, 400, TRUE, NULL);
    mp_complete(NDIS_STATUS_SUCCESS);
    assert_no_findings();
}

static void test_changed_source_handle(void **state)
{
    (void)state;
    send();
    nbl->SourceHandle = (PVOID)5;
    mp_complete(NDIS_STATUS_SUCCESS); /* PrSendComplete sees the right one */
    assert_findings("GEN-24", 1);
}

static void test_send_with_anothers_source_handle(void **state)
{
    (void)state;
    nbl->SourceHandle = (PVOID)5;
    send();
    assert_findings("GEN-24", 1);
    mp_complete(NDIS_STATUS_SUCCESS);
}

static void test_slow_send(void **state)
{
    (void)state;
    ndis_set_time_factor(0.0001);
    send();
    usleep(10000);
    mp_complete(NDIS_STATUS_SUCCESS);
    assert_findings("GEN-31", 1);
}

static void test_lsov2_with_two_net_buffers(void **state)
{
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO lso = {.Value = NULL};
    NET_BUFFER_POOL_PARAMETERS p = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, NET_BUFFER_POOL_PARAMETERS_REVISION_1,
                   NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_1},
    };
    NDIS_HANDLE nbs = NdisAllocateNetBufferPool(NULL, &p);

    (void)state;
    lso.LsoV2Transmit.Type = NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE;
    lso.LsoV2Transmit.MSS = 1460;
    nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] = lso.Value;
    send();
    mp_complete(NDIS_STATUS_SUCCESS);
    assert_no_findings();
    nbl->FirstNetBuffer->Next = NdisAllocateNetBuffer(nbs, nbl->FirstNetBuffer->MdlChain, 0, 60);
    send();
    mp_complete(NDIS_STATUS_SUCCESS);
    assert_findings("LSO2-15", 1);
    NdisFreeNetBuffer(nbl->FirstNetBuffer->Next);
    NdisFreeNetBufferPool(nbs);
}

static void test_calls_with_a_lock_held(void **state)
{
    NDIS_SPIN_LOCK lock;

    (void)state;
    NdisAllocateSpinLock(&lock);
    send();
    NdisAcquireSpinLock(&lock);
    mp_complete(NDIS_STATUS_SUCCESS);
    NdisReleaseSpinLock(&lock);
    NdisFreeSpinLock(&lock);
    assert_findings("GEN-40", 1);
}

static VOID NTAPI RaisingSend(NDIS_HANDLE context, PNET_BUFFER_LIST nbls, NDIS_PORT_NUMBER port,
                              ULONG flags)
{
    KIRQL old;

    MpSend(context, nbls, port, flags);
    KeRaiseIrql(DISPATCH_LEVEL, &old);
}

static void test_handler_that_returns_at_another_level(void **state)
{
    (void)state;
    mp.driver.chars.SendNetBufferListsHandler = RaisingSend;
    send();
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    assert_findings("NT-IRQL", 1);
    mp_complete(NDIS_STATUS_SUCCESS);
}

static void test_indication_with_wrong_source_handle(void **state)
{
    (void)state;
    indicate();
    assert_findings("GEN-23", 1);
    assert_int_equal(protos[0].receives, 1);
}

static void test_indication_without_a_frame(void **state)
{
    NET_BUFFER *nb = nbl->FirstNetBuffer;

    (void)state;
    nbl->SourceHandle = &mp.adapter;
    nbl->FirstNetBuffer = NULL;
    indicate();
    nbl->FirstNetBuffer = nb;
    nb->DataLength = 3;
    indicate();
    assert_findings("GEN-23", 2);
    assert_int_equal(protos[0].receives, 0);
    assert_int_equal(mp.returned, 2);
}

static void test_loopback_bit_is_not_the_drivers(void **state)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO csum = {.Value = NULL};

    (void)state;
    nbl->SourceHandle = &mp.adapter;
    csum.Receive.Loopback = 1;
    nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = csum.Value;
    indicate();
    assert_findings("RXC-17", 1);
}

static void test_verdict_before_encapsulation(void **state)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO csum = {.Value = NULL};

    (void)state;
    nbl->SourceHandle = &mp.adapter;
    csum.Receive.TcpChecksumSucceeded = 1;
    nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = csum.Value;
    indicate();
    assert_findings("RXC-1", 1);
    mp.adapter.encapsulation_set = true;
    mp.adapter.encapsulation.IPv4.Enabled = NDIS_OFFLOAD_SET_ON;
    indicate();
    assert_findings("RXC-1", 1);
}

static VOID NTAPI EditingReceive(NDIS_HANDLE context, PNET_BUFFER_LIST nbls, NDIS_PORT_NUMBER port,
                                 ULONG count, ULONG flags)
{
    struct proto *p = context;

    (void)port, (void)count, (void)flags;
    nbls->FirstNetBuffer->DataOffset++;
    NdisReturnNetBufferLists(p->binding, nbls, 0);
}

static void test_returned_with_changes(void **state)
{
    struct ndis_binding *b = protos[0].binding;

    (void)state;
    nbl->SourceHandle = &mp.adapter;
    b->protocol->chars.ReceiveNetBufferListsHandler = EditingReceive;
    indicate();
    assert_findings("GEN-20", 1);
}

static void test_repeated_breaches_are_told_ever_less(void **state)
{
    unsigned n;

    (void)state;
    for (n = 0; n < 1000; n++) {
        send();
        mp_complete(NDIS_STATUS_BAD_VERSION);
    }
    n = atomic_load(&finding_total);
    assert_in_range(n, 16, 30);
}

/* An intermediate driver's NBL is inside two adapters at a time; each completes its own hand-over.
 */
static void test_nbl_passes_through_two_adapters(void **state)
{
    struct ndis_nbl_side *s = ndis_nbl_side_of(nbl);
    struct ndis_adapter upper = {.handle = {0}}, lower = {.handle = {0}};
    struct ndis_hop hop = {.adapter = &upper}, out;

    (void)state;
    assert_true(ndis_nbl_push(s, NDIS_OWN_SENT, &hop));
    assert_false(ndis_nbl_pop(s, NDIS_OWN_SENT, &lower, NULL, &out));
    hop.adapter = &lower;
    assert_true(ndis_nbl_push(s, NDIS_OWN_SENT, &hop));
    assert_false(ndis_nbl_pop(s, NDIS_OWN_SENT, &upper, NULL, &out));
    assert_false(ndis_nbl_pop(s, NDIS_OWN_LENT, &lower, NULL, &out));
    assert_ptr_equal(ndis_nbl_top(s)->adapter, &lower);
    assert_true(ndis_nbl_pop(s, NDIS_OWN_SENT, &lower, NULL, &out));
    assert_true(ndis_nbl_pop(s, NDIS_OWN_SENT, &upper, NULL, &out));
    assert_int_equal(ndis_nbl_own(s), NDIS_OWN_DRIVER);
    for (unsigned i = 0; i < NDIS_HOPS; i++)
        assert_true(ndis_nbl_push(s, NDIS_OWN_LENT, &hop));
    assert_false(ndis_nbl_push(s, NDIS_OWN_LENT, &hop));
    for (unsigned i = 0; i < NDIS_HOPS; i++)
        assert_true(ndis_nbl_pop(s, NDIS_OWN_LENT, &lower, NULL, &out));
    assert_no_findings();
}

/* Senders, completers and a pauser at once: nothing is lost, nothing is counted twice. */
struct storm {
    _Atomic(bool) stop;
    _Atomic(uint64_t) sent, back;
    NDIS_HANDLE pool;
};

static struct storm storm;

static VOID NTAPI StormSend(NDIS_HANDLE context, PNET_BUFFER_LIST nbls, NDIS_PORT_NUMBER port,
                            ULONG flags)
{
    (void)context, (void)port, (void)flags;
    for (NET_BUFFER_LIST *n = nbls; n; n = n->Next)
        n->Status = NDIS_STATUS_SUCCESS;
    NdisMSendNetBufferListsComplete(&mp.adapter, nbls, 0);
}

static VOID NTAPI StormBack(NDIS_HANDLE context, PNET_BUFFER_LIST nbls, ULONG flags)
{
    (void)context, (void)flags;
    for (NET_BUFFER_LIST *n = nbls; n; n = n->Next)
        atomic_fetch_add(&storm.back, 1);
    frames_free(nbls);
}

static void *storm_sender(void *arg)
{
    struct ndis_binding *b = protos[0].binding;

    (void)arg;
    while (!atomic_load(&storm.stop)) {
        NET_BUFFER_LIST *chain = frames_new(storm.pool, peer, 8);

        if (atomic_load(&b->state) == NDIS_BINDING_PAUSED) {
            frames_free(chain);
            continue;
        }
        atomic_fetch_add(&storm.sent, 8);
        NdisSendNetBufferLists(b, chain, 0, 0);
    }
    return NULL;
}

static void test_pause_under_load(void **state)
{
    pthread_t threads[3];

    (void)state;
    memset(&storm, 0, sizeof(storm));
    storm.pool = frame_pool(NULL);
    mp.driver.chars.SendNetBufferListsHandler = StormSend;
    ((struct ndis_binding *)protos[0].binding)->protocol->chars.SendNetBufferListsCompleteHandler =
        StormBack;
    for (unsigned i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, storm_sender, NULL);
    for (unsigned i = 0; i < 30; i++) {
        ndis_bindings_pause(&mp.adapter);
        assert_int_equal(atomic_load(&mp.adapter.tx_inside), 0);
        usleep(500);
        ndis_bindings_start(&mp.adapter);
        usleep(1000);
    }
    atomic_store(&storm.stop, true);
    for (unsigned i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_true(atomic_load(&storm.sent) == atomic_load(&storm.back));
    assert_true(findings_of("GEN-45") ==
                atomic_load(&finding_total)); /* only the racing protocol's own */
    NdisFreeNetBufferListPool(storm.pool);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_status_left_pending),
        T(test_statuses_that_fit),
        T(test_changed_data_offset),
        T(test_changed_mdl_chain),
        T(test_edits_undone_in_time),
        T(test_changed_source_handle),
        T(test_send_with_anothers_source_handle),
        T(test_slow_send),
        T(test_lsov2_with_two_net_buffers),
        T(test_calls_with_a_lock_held),
        T(test_handler_that_returns_at_another_level),
        T(test_indication_with_wrong_source_handle),
        T(test_indication_without_a_frame),
        T(test_loopback_bit_is_not_the_drivers),
        T(test_verdict_before_encapsulation),
        T(test_returned_with_changes),
        T(test_repeated_breaches_are_told_ever_less),
        T(test_nbl_passes_through_two_adapters),
        T(test_pause_under_load),
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
