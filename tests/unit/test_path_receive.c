/* SPDX-License-Identifier: MIT */
/* The receive rules of group GEN on the whole path. Verdicts are test_path_rx's; sharing between
 * several bindings, and what the runtime makes of a driver that breaks GEN-20 to 23, are
 * test_ndis_rx's. */
#include "test_path_watch.h"

static void settle(void)
{
    usleep(20000);
}

/* GEN-21: with few buffers left frames are shown, not lent, and all of them still arrive. */
static void test_GEN_21_low_on_buffers_frames_are_only_shown(void **state)
{
    static const uint16_t sizes[] = {8, 16, 0};

    for (unsigned s = 0; s < ARRAY_LEN(sizes); s++) {
        struct path *p = watch_open(state, (struct path_config){.queue_size = sizes[s]});
        unsigned shown = 0;

        p->hold_receives = true;
        for (uint32_t i = 0; i < 400; i++) {
            arrive(p, i, 200);
            assert_true(path_wait(p, &p->received_count, i + 1, 2));
        }
        for (uint32_t i = 0; i < 400; i++) {
            assert_int_equal(number_of(p->received[i].data), i);
            shown += (p->received[i].flags & NDIS_RECEIVE_FLAGS_RESOURCES) != 0;
        }
        assert_true(shown > 0);
        assert_int_equal(shown + p->held_count, 400);
        path_return_held(p);
        p->hold_receives = false;
        path_forget(p);
        arrive(p, 1, 200);
        assert_true(path_wait(p, &p->received_count, 1, 2));
        assert_false(p->received[0].flags & NDIS_RECEIVE_FLAGS_RESOURCES);
        watch_close(p);
    }
}

/* GEN-38, 39: returns at either level. */
static void test_GEN_38_39_returns_at_dispatch_level(void **state)
{
    struct path *p = watch_open(state, (struct path_config){.queue_size = 16});
    KIRQL irql;

    p->hold_receives = true;
    for (unsigned round = 0; round < 20; round++) {
        NET_BUFFER_LIST *first;

        for (uint32_t i = 0; i < 8; i++) {
            arrive(p, i, 200);
            assert_true(path_wait(p, &p->received_count, i + 1, 2));
        }
        pthread_mutex_lock(&p->mutex);
        first = p->held;
        p->held = NULL;
        p->held_tail = &p->held;
        p->held_count = 0;
        pthread_mutex_unlock(&p->mutex);
        KeRaiseIrql(DISPATCH_LEVEL, &irql);
        NdisReturnNetBufferLists(p->binding, first,
                                 round & 1 ? NDIS_RETURN_FLAGS_DISPATCH_LEVEL : 0);
        KeLowerIrql(irql);
        path_forget(p);
    }
    p->hold_receives = false;
    assert_traffic(p);
    watch_close(p);
}

/* What should come is waited for; what should not has a moment to do so. */
static void expect_comes(struct path *p, const uint8_t destination[6], bool wanted)
{
    unsigned before = p->received_count;
    uint8_t frame[200];
    uint32_t len = numbered(frame, sizeof frame, true, 1, 50);

    memcpy(frame, destination, 6);
    path_wire_write(p, frame, len);
    if (wanted)
        assert_true(path_wait(p, &p->received_count, before + 1, 5));
    else
        settle();
    assert_int_equal(p->received_count, before + wanted);
}

/* GEN-30: each kind of destination by its own bit; with and without the card's help. */
static void test_GEN_30_filter_bits(void **state)
{
    static const uint8_t other[6] = {2, 0, 0, 0, 0, 9}, listed[6] = {1, 0, 0x5e, 0, 0, 1},
                         unlisted[6] = {1, 0, 0x5e, 0, 0, 2},
                         all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const struct {
        ULONG filter;
        bool mine, others, in_list, off_list, broadcast;
    } rows[] = {
        {NDIS_PACKET_TYPE_DIRECTED, true, false, false, false, false},
        {NDIS_PACKET_TYPE_MULTICAST, false, false, true, false, false},
        {NDIS_PACKET_TYPE_ALL_MULTICAST, false, false, true, true, false},
        {NDIS_PACKET_TYPE_BROADCAST, false, false, false, false, true},
        {NDIS_PACKET_TYPE_PROMISCUOUS, true, true, true, true, true},
    };
    static const char *const withhold[] = {"ring_reset", "ctrl_vq"};

    for (unsigned w = 0; w < 2; w++) {
        struct path *p =
            watch_open(state, (struct path_config){.withhold = withhold[w], .no_filter = true});

        assert_int_equal(path_set(p, OID_802_3_MULTICAST_LIST, (void *)(uintptr_t)listed, 6),
                         NDIS_STATUS_SUCCESS);
        for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
            bool can = w == 0 || rows[i].filter != NDIS_PACKET_TYPE_PROMISCUOUS; /* SEC-1 */

            assert_int_equal(!(p->bind.SupportedPacketFilters & rows[i].filter), !can);
            assert_int_equal(path_set_filter(p, rows[i].filter),
                             can ? NDIS_STATUS_SUCCESS : NDIS_STATUS_NOT_SUPPORTED);
            if (!can)
                continue;
            expect_comes(p, card_mac, rows[i].mine);
            expect_comes(p, other, rows[i].others);
            expect_comes(p, listed, rows[i].in_list);
            expect_comes(p, unlisted, rows[i].off_list);
            expect_comes(p, all, rows[i].broadcast);
        }
        watch_close(p);
    }
}

/* KEY-30: NetworkAddress. The card, too, is told; one that cannot be told keeps its own. */
static void test_KEY_30_network_address_is_in_force(void **state)
{
    static const uint8_t given[6] = {0x02, 0, 0, 0, 0, 0x77};
    static const char *const words[] = {"NetworkAddress", "020000000077", NULL};
    static const char *const withhold[] = {"ring_reset", "ctrl_mac_addr", "ctrl_vq"};

    for (unsigned w = 0; w < ARRAY_LEN(withhold); w++) {
        struct path *p =
            watch_open(state, (struct path_config){.keywords = words, .withhold = withhold[w]});
        uint8_t mac[6];

        assert_int_equal(path_query(p, OID_802_3_CURRENT_ADDRESS, mac, 6, NULL),
                         NDIS_STATUS_SUCCESS);
        assert_memory_equal(mac, w ? card_mac : given, 6);
        assert_int_equal(path_query(p, OID_802_3_PERMANENT_ADDRESS, mac, 6, NULL),
                         NDIS_STATUS_SUCCESS);
        assert_memory_equal(mac, card_mac, 6);
        expect_comes(p, given, !w);
        expect_comes(p, card_mac, w != 0);
        if (w == 0) {
            assert_int_equal(ndis_adapter_reset(p->adapter), NDIS_STATUS_SUCCESS);
            expect_comes(p, given, true);
        }
        watch_close(p);
    }
}

/* SEC-4, RXC-16: frames of every length arrive as they were; what is longer than the MTU does not
 * arrive, and does no harm. */
static void test_SEC_4_frames_of_every_length(void **state)
{
    static const uint16_t mtus[] = {1500, 9000};

    for (unsigned m = 0; m < ARRAY_LEN(mtus); m++) {
        struct path *p = watch_open(state, (struct path_config){.mtu = mtus[m]});
        uint8_t frame[9400];
        unsigned n = 0;

        for (uint32_t payload = 4; payload <= mtus[m] - 28u;
             payload += payload < 64 || payload > mtus[m] - 60u ? 1 : 131) {
            uint32_t len = numbered(frame, sizeof frame, true, n, payload);

            path_wire_write(p, frame, len);
            assert_true(path_wait(p, &p->received_count, n + 1, 2));
            assert_int_equal(p->received[n].len, len);
            assert_memory_equal(p->received[n].data, frame, len);
            n++;
        }
        numbered(frame, sizeof frame, true, 0, mtus[m] - 28u);
        path_wire_write(p, frame, mtus[m] + 14u + 5u);
        settle();
        assert_int_equal(p->received_count, n);
        assert_traffic(p);
        watch_close(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PATH_BOTH(test_GEN_21_low_on_buffers_frames_are_only_shown),
        PATH_BOTH(test_GEN_38_39_returns_at_dispatch_level),
        PATH_BOTH(test_GEN_30_filter_bits),
        PATH_BOTH(test_KEY_30_network_address_is_in_force),
        PATH_BOTH(test_SEC_4_frames_of_every_length),
    };

    return path_run(tests);
}
