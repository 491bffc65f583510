/* SPDX-License-Identifier: MIT */
/* The card's locks: doorbells from several threads, resets and link changes while frames move. Says
 * most when built with a thread sanitizer. */
#include "test_nic_rig.h"

#include <pthread.h>

#define F(bit) VIRTIO_FEATURE(bit)

enum { RINGERS = 3, FRAMES = 20000 };

struct crew {
    struct rig *r;
    bool stop;
};

static void *keep_ringing(void *arg)
{
    struct crew *c = arg;

    while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED))
        rig_ring_doorbell(c->r, VIRTIO_NET_TXQ);
    return NULL;
}

/* Whoever drains, each chain is sent once, in order, and none is left behind. */
static void test_many_ringers_one_queue(void **state)
{
    struct crew c = {.r = rig_up(NULL, F(VIRTIO_F_EVENT_IDX))};
    struct rig_ring *q = &c.r->rings[VIRTIO_NET_TXQ];
    static const struct virtio_net_hdr plain;
    pthread_t threads[RINGERS];
    uint8_t frame[64] = {0}, got[64];
    uint32_t sent = 0, seen = 0;

    (void)state;
    for (unsigned i = 0; i < RINGERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, keep_ringing, &c), 0);
    while (seen < FRAMES) {
        struct virtio_used_elem e;

        while (rig_used(q, &e))
            continue;
        for (; sent < FRAMES && (uint16_t)(q->avail_idx - q->used_seen) < q->size; sent++) {
            memcpy(frame + 14, &sent, 4);
            rig_tx(c.r, &plain, frame, sizeof frame, 0);
        }
        rig_kick_tx(c.r);
        while (rig_wire_get(c.r, got, sizeof got)) {
            uint32_t n;

            memcpy(&n, got + 14, 4);
            assert_int_equal(n, seen++);
        }
    }
    __atomic_store_n(&c.stop, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < RINGERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(rig_count(c.r, NIC_TX_FRAMES), FRAMES);
    assert_int_equal(rig_count(c.r, NIC_TX_CHAINS), FRAMES);
    rig_free(c.r);
}

static void *keep_receiving(void *arg)
{
    struct crew *c = arg;
    static const uint8_t frame[64] = {2, 0, 0, 0, 0, 1};

    while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
        rig_wire_put(c->r, frame, sizeof frame);
        assert_true(nic_wire_ready(c->r->nic) >= 0);
    }
    return NULL;
}

static void *keep_pulling_the_cable(void *arg)
{
    struct crew *c = arg;

    for (bool up = false; !__atomic_load_n(&c->stop, __ATOMIC_RELAXED); up = !up)
        nic_set_link(c->r->nic, up);
    return NULL;
}

/* §2.4.1: after a reset the rings are written no more, so they can be cleared at once. */
static void test_reset_while_frames_move(void **state)
{
    struct crew c = {.r = rig_new(NULL)};
    void *(*const roles[])(void *) = {keep_ringing, keep_receiving, keep_pulling_the_cable};
    static const struct virtio_net_hdr plain;
    pthread_t threads[ARRAY_LEN(roles)];
    uint8_t frame[64] = {0}, got[64];
    uint64_t addr[256];

    (void)state;
    rig_enable_msix(c.r);
    for (unsigned i = 0; i < ARRAY_LEN(roles); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, roles[i], &c), 0);
    for (unsigned round = 0; round < 200; round++) {
        struct virtio_used_elem e;

        RIG_SET(c.r, device_status, 0);
        assert_int_equal(RIG_GET(c.r, device_status), 0);
        c.r->next_buffer = RIG_BUFFERS_AT;
        assert_true(rig_negotiate(c.r, rig_base_features | F(VIRTIO_NET_F_STATUS) |
                                           F(VIRTIO_NET_F_GUEST_CSUM)));
        RIG_SET(c.r, config_msix_vector, 3);
        rig_queue(c.r, 0, 256);
        rig_queue(c.r, 1, 256);
        rig_driver_ok(c.r);
        rig_post_rx(c.r, 64, 256, addr);
        for (unsigned i = 0; i < 64; i++)
            rig_tx(c.r, &plain, frame, sizeof frame, 0);
        rig_kick_tx(c.r);
        while (rig_used(&c.r->rings[VIRTIO_NET_TXQ], &e))
            continue;
        while (rig_wire_get(c.r, got, sizeof got))
            continue;
        assert_false(rig_needs_reset(c.r));
    }
    __atomic_store_n(&c.stop, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < ARRAY_LEN(roles); i++)
        pthread_join(threads[i], NULL);
    rig_free(c.r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_ringers_one_queue),
        cmocka_unit_test(test_reset_while_frames_move),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
