/* SPDX-License-Identifier: MIT */
/* The send rules of group GEN on the whole path. What a send asks of the card (checksums, large
 * sends) is test_path_tx's and test_path_lso's; that the runtime notices a driver which breaks
 * GEN-11, 12, 13, 14, 40 is test_ndis_tx's and test_ndis_verify's. */
#include "test_path_watch.h"

static void assert_wire(struct path *p, uint32_t first, uint32_t n, uint32_t bytes)
{
    uint8_t frame[9200];

    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(path_wire_read(p, frame, sizeof frame, 2), bytes);
        assert_int_equal(number_of(frame), first + i);
    }
}

static void assert_silence(struct path *p)
{
    uint8_t frame[9200];

    assert_int_equal(path_wire_read(p, frame, sizeof frame, 0.02), 0);
}

static void test_GEN_11_12_15_each_send_completes_once_and_leaves_in_order(void **state)
{
    struct path *p = watch_open(state, (struct path_config){0});
    struct ndis_adapter_info info;

    for (uint32_t round = 0; round < 4; round++) {
        path_send(p, numbered_chain(p, round * 50, 50, 300), 50);
        for (uint32_t i = 0; i < 50; i++)
            NdisSendNetBufferLists(p->binding, numbered_nbl(p, 1000 + i, 300), 0, 0);
        assert_true(path_wait(p, &p->completed_count, 100, 2));
        for (unsigned i = 0; i < 100; i++)
            assert_int_equal(p->completed[i].status, NDIS_STATUS_SUCCESS);
        assert_wire(p, round * 50, 50, 342);
        assert_wire(p, 1000, 50, 342);
        path_forget(p);
    }
    ndis_adapter_info(p->adapter, &info);
    assert_int_equal(info.tx_nbls, 400);
    assert_int_equal(info.tx_completed, 400);
    watch_close(p);
}

/* GEN-38, 39 */
static void test_GEN_38_39_sends_at_dispatch_level(void **state)
{
    struct path *p = watch_open(state, (struct path_config){.queue_size = 16});
    NET_BUFFER_LIST *flagged = numbered_chain(p, 0, 100, 300),
                    *plain = numbered_chain(p, 100, 100, 300);
    KIRQL irql;

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    NdisSendNetBufferLists(p->binding, flagged, 0, NDIS_SEND_FLAGS_DISPATCH_LEVEL);
    NdisSendNetBufferLists(p->binding, plain, 0, 0);
    KeLowerIrql(irql);
    assert_true(path_wait(p, &p->completed_count, 200, 2));
    assert_wire(p, 0, 200, 342);
    watch_close(p);
}

/* GEN-16: far more than the ring holds, in one call, while nothing is reaped. */
static void test_GEN_16_more_sends_than_the_ring_holds(void **state)
{
    static const char *const withhold[] = {"ring_reset", "indirect_desc", "event_idx"};

    for (unsigned w = 0; w < ARRAY_LEN(withhold); w++) {
        struct path *p =
            watch_open(state, (struct path_config){.queue_size = 8, .withhold = withhold[w]});

        stall_begin();
        NdisSendNetBufferLists(p->binding, numbered_chain(p, 0, 300, 300), 0, 0);
        assert_true(p->completed_count < 300);
        stall_end();
        assert_true(path_wait(p, &p->completed_count, 300, 5));
        for (unsigned i = 0; i < 300; i++)
            assert_int_equal(p->completed[i].status, NDIS_STATUS_SUCCESS);
        assert_wire(p, 0, 300, 342);
        watch_close(p);
    }
}

/* GEN-15, 16: several threads, each in order. */
struct sender {
    struct path *path;
    NET_BUFFER_LIST *chains[20];
    pthread_t thread;
};

static void *sender_main(void *arg)
{
    struct sender *s = arg;

    for (unsigned i = 0; i < ARRAY_LEN(s->chains); i++)
        NdisSendNetBufferLists(s->path->binding, s->chains[i], 0, 0);
    return NULL;
}

static void test_GEN_15_16_senders_on_several_processors(void **state)
{
    struct path *p = watch_open(state, (struct path_config){.queue_size = 16});
    struct sender senders[3];
    uint32_t next[3] = {0};
    uint8_t frame[2048];

    for (uint32_t s = 0; s < 3; s++) {
        senders[s].path = p;
        for (uint32_t i = 0; i < 20; i++)
            senders[s].chains[i] = numbered_chain(p, s << 16 | (i * 8), 8, 300);
    }
    for (unsigned s = 0; s < 3; s++)
        pthread_create(&senders[s].thread, NULL, sender_main, &senders[s]);
    for (unsigned s = 0; s < 3; s++)
        pthread_join(senders[s].thread, NULL);
    assert_true(path_wait(p, &p->completed_count, 480, 5));
    for (unsigned i = 0; i < 480; i++) {
        uint32_t n;

        assert_int_equal(path_wire_read(p, frame, sizeof frame, 1), 342);
        n = number_of(frame);
        assert_int_equal(n & 0xffff, next[n >> 16]++);
    }
    watch_close(p);
}

/* GEN-12, 17 */
static void test_GEN_17_a_frame_too_long_fails_alone(void **state)
{
    static const uint16_t mtus[] = {1500, 576, 9000};

    for (unsigned m = 0; m < ARRAY_LEN(mtus); m++) {
        struct path *p = watch_open(state, (struct path_config){.mtu = mtus[m]});
        NET_BUFFER_LIST *first = numbered_nbl(p, 0, mtus[m] - 28u),
                        *last = numbered_nbl(p, 1, mtus[m] - 28u);
        NET_BUFFER_LIST *bad = numbered_nbl(p, 9, mtus[m] - 27u);

        first->Next = bad;
        bad->Next = last;
        path_send(p, first, 3);
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(p->completed[i].status, p->completed[i].nbl == bad
                                                         ? NDIS_STATUS_INVALID_LENGTH
                                                         : NDIS_STATUS_SUCCESS);
        assert_wire(p, 0, 2, mtus[m] + 14u);
        assert_silence(p);
        watch_close(p);
    }
}

/* GEN-18: from the bare Ethernet header to 60 bytes, each after a frame full of ones has been where
 * its padding comes from. */
static void test_GEN_18_short_frames_are_padded_with_zeros(void **state)
{
    struct path *p = watch_open(state, (struct path_config){.queue_size = 8});
    uint8_t frame[2048], ones[300];

    memset(ones, 0xff, sizeof ones);
    memcpy(ones, peer_mac, 6);
    memcpy(ones + 6, card_mac, 6);
    for (uint32_t len = 14; len <= 64; len++) {
        NET_BUFFER_LIST *chain = NULL;

        for (unsigned i = 0; i < 8; i++) {
            NET_BUFFER_LIST *nbl = path_nbl(p, ones, sizeof ones, NULL, 0);

            nbl->Next = chain;
            chain = nbl;
        }
        path_send(p, chain, 8);
        for (unsigned i = 0; i < 8; i++)
            assert_int_equal(path_wire_read(p, frame, sizeof frame, 2), sizeof ones);
        path_send(p, path_nbl(p, ones, len, NULL, 0), 1);
        memset(frame, 0xee, sizeof frame);
        assert_int_equal(path_wire_read(p, frame, sizeof frame, 2), MAX_OF(len, 60u));
        assert_memory_equal(frame, ones, len);
        for (uint32_t i = len; i < 60; i++)
            assert_int_equal(frame[i], 0);
        path_forget(p);
    }
    watch_close(p);
}

/* SEC-5: not even an Ethernet header. Completed once, and nothing leaves. */
static void test_SEC_5_runts_are_completed_and_do_not_leave(void **state)
{
    struct path *p = watch_open(state, (struct path_config){0});
    uint8_t bytes[14] = {0x02};

    for (uint32_t len = 1; len < 14; len++)
        path_send(p, path_nbl(p, bytes, len, NULL, 0), 1);
    for (unsigned i = 0; i < 13; i++)
        assert_int_not_equal(p->completed[i].status, NDIS_STATUS_SUCCESS);
    assert_silence(p);
    assert_traffic(p);
    watch_close(p);
}

/* GEN-14, TXC-16: the sender's bytes, MDLs and offsets are as before. */
static void test_GEN_14_a_send_comes_back_as_it_was(void **state)
{
    static const uint32_t splits[] = {7, 9, UINT32_MAX, 30, 1, 100, 0};
    struct path *p = watch_open(state, (struct path_config){0});
    uint8_t frame[400], wire[400];
    uint32_t len = numbered(frame, sizeof frame, false, 5, 300);

    for (uint32_t front = 0; front < 40; front += 13) {
        NET_BUFFER_LIST *nbl = path_nbl(p, frame, len, splits, front);
        NET_BUFFER *nb = nbl->FirstNetBuffer, before = *nb;
        MDL *mdls[16];
        unsigned n = 0;

        for (MDL *m = nb->MdlChain; m; m = m->Next)
            mdls[n++] = m;
        path_checksum(nbl, true, true, false, true, 0);
        path_send(p, nbl, 1);
        assert_ptr_equal(nbl->FirstNetBuffer, nb);
        assert_null(nb->Next);
        assert_ptr_equal(nb->MdlChain, before.MdlChain);
        assert_ptr_equal(nb->CurrentMdl, before.CurrentMdl);
        assert_int_equal(nb->CurrentMdlOffset, before.CurrentMdlOffset);
        assert_int_equal(nb->DataOffset, before.DataOffset);
        assert_int_equal(nb->DataLength, before.DataLength);
        for (MDL *m = nb->MdlChain, **want = mdls; m; m = m->Next)
            assert_ptr_equal(m, *want++);
        path_copy_nb(nb, wire);
        assert_memory_equal(wire, frame, len);
        assert_int_equal(path_wire_read(p, wire, sizeof wire, 2), len);
        path_forget(p);
    }
    watch_close(p);
}

/* GEN-19: what waits and has the id comes back; the rest runs its course. */
static void test_GEN_19_cancel_takes_only_what_waits_and_matches(void **state)
{
    struct path *p = watch_open(state, (struct path_config){.queue_size = 8});
    NET_BUFFER_LIST *chain = numbered_chain(p, 0, 60, 300);
    unsigned aborted = 0, waiting, n = 0;

    for (NET_BUFFER_LIST *nbl = chain; nbl; nbl = nbl->Next, n++)
        NDIS_SET_NET_BUFFER_LIST_CANCEL_ID(nbl, (void *)(uintptr_t)(0x100 + n % 3));
    stall_begin();
    NdisSendNetBufferLists(p->binding, chain, 0, 0);
    NdisCancelSendNetBufferLists(p->binding, (void *)0x777); /* nobody's */
    assert_int_equal(p->completed_count, 0);
    NdisCancelSendNetBufferLists(p->binding, (void *)0x101);
    waiting = p->completed_count;
    assert_true(waiting > 0 && waiting <= 20);
    stall_end();
    assert_true(path_wait(p, &p->completed_count, 60, 5));
    for (unsigned i = 0; i < 60; i++) {
        uintptr_t id = (uintptr_t)NDIS_GET_NET_BUFFER_LIST_CANCEL_ID(p->completed[i].nbl);

        aborted += p->completed[i].status == NDIS_STATUS_SEND_ABORTED;
        if (p->completed[i].status == NDIS_STATUS_SEND_ABORTED)
            assert_int_equal(id, 0x101);
        else
            assert_int_equal(p->completed[i].status, NDIS_STATUS_SUCCESS);
    }
    assert_int_equal(aborted, waiting);
    NdisCancelSendNetBufferLists(p->binding, (void *)0x100); /* too late for any */
    path_forget(p);
    while (path_wire_read(p, (uint8_t[2048]){0}, 2048, 0.02))
        waiting++;
    assert_int_equal(waiting, 60);
    assert_traffic(p);
    watch_close(p);
}

/* GEN-12: out-of-band words of an earlier send do not stick (a request is used again). */
static void test_GEN_13_requests_are_clean_when_used_again(void **state)
{
    struct path *p = watch_open(state, (struct path_config){.queue_size = 8});
    uint8_t frame[400], wire[400];
    uint32_t len = numbered(frame, sizeof frame, false, 5, 300);

    frame[24] = frame[25] = frame[40] = frame[41] =
        0x55; /* wrong checksums, which only a request would mend */
    for (unsigned i = 0; i < 40; i++) {
        NET_BUFFER_LIST *nbl = path_nbl(p, frame, len, NULL, 0);

        if (i & 1)
            path_checksum(nbl, true, true, false, true, 0);
        path_send(p, nbl, 1);
        assert_int_equal(p->completed[i].status, NDIS_STATUS_SUCCESS);
        assert_int_equal(path_wire_read(p, wire, sizeof wire, 2), len);
        assert_int_equal(memcmp(wire, frame, len) == 0, !(i & 1));
    }
    watch_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PATH_BOTH(test_GEN_11_12_15_each_send_completes_once_and_leaves_in_order),
        PATH_BOTH(test_GEN_38_39_sends_at_dispatch_level),
        PATH_BOTH(test_GEN_16_more_sends_than_the_ring_holds),
        PATH_BOTH(test_GEN_15_16_senders_on_several_processors),
        PATH_BOTH(test_GEN_17_a_frame_too_long_fails_alone),
        PATH_BOTH(test_GEN_18_short_frames_are_padded_with_zeros),
        PATH_BOTH(test_SEC_5_runts_are_completed_and_do_not_leave),
        PATH_BOTH(test_GEN_14_a_send_comes_back_as_it_was),
        PATH_BOTH(test_GEN_19_cancel_takes_only_what_waits_and_matches),
        PATH_BOTH(test_GEN_13_requests_are_clean_when_used_again),
    };

    return path_run(tests);
}
