/* SPDX-License-Identifier: MIT */
/* Receive: what stands in the driver's buffers for what came over the wire. */
#include "test_nic_rig.h"

#define F(bit) VIRTIO_FEATURE(bit)

enum { HDR = sizeof(struct virtio_net_hdr), BUF = 1600 };

static uint8_t payload[10000], frame[70000];

static int fill_payload(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t)(i * 5 + i / 253);
    return 0;
}

static uint32_t udp_frame(uint32_t bytes)
{
    struct frame_recipe recipe = rig_recipe(4, 17, payload, bytes);

    return (uint32_t)frame_build(&recipe, frame, sizeof frame);
}

static void no_more(struct rig *r)
{
    struct virtio_used_elem e;

    assert_false(rig_used(&r->rings[VIRTIO_NET_RXQ], &e));
}

/* The next used buffer holds one whole frame; returns its header. */
static struct virtio_net_hdr take_one(struct rig *r, const uint64_t *addr, const uint8_t *want,
                                      uint32_t len)
{
    struct virtio_used_elem e = {0};
    struct virtio_net_hdr hdr;
    const uint8_t *at;

    assert_true(rig_used(&r->rings[VIRTIO_NET_RXQ], &e));
    assert_int_equal(e.len, HDR + len);
    at = rig_at(r, addr[e.id]);
    memcpy(&hdr, at, HDR);
    assert_memory_equal(at + HDR, want, len);
    assert_int_equal(hdr.num_buffers, 1);
    assert_int_equal(hdr.gso_type, 0);
    return hdr;
}

static void test_frame_lands_in_a_buffer(void **state)
{
    struct rig *r = rig_up(NULL, 0);
    uint64_t addr[256];
    uint32_t len = udp_frame(500);

    (void)state;
    rig_post_rx(r, 4, BUF, addr);
    rig_wire_put(r, frame, len);
    assert_int_equal(nic_wire_ready(r->nic), 1);
    assert_int_equal(take_one(r, addr, frame, len).flags, 0);
    no_more(r);
    assert_int_equal(r->messages[0], 1);
    assert_int_equal(nic_wire_ready(r->nic), 0);
    assert_int_equal(r->messages[0], 1);
    assert_int_equal(rig_count(r, NIC_RX_FRAMES), 1);
    assert_int_equal(rig_count(r, NIC_RX_BYTES), len);
    rig_free(r);
}

/* Held buffers are used in the order of posting, across batches and the index wrap. */
static void test_many_frames_keep_their_order(void **state)
{
    struct rig *r = rig_up(NULL, F(VIRTIO_F_EVENT_IDX));
    struct rig_ring *q = &r->rings[VIRTIO_NET_RXQ];
    uint64_t addr[256];
    uint32_t sent = 0, seen = 0;

    (void)state;
    rig_post_rx(r, 256, BUF, addr);
    while (seen < 70000) {
        struct virtio_used_elem e;
        unsigned burst = 1 + sent % 100;

        for (unsigned i = 0; i < burst; i++, sent++) {
            memset(frame, 0, 60);
            memcpy(frame, rig_default.mac, 6);
            memcpy(frame + 14, &sent, 4);
            rig_wire_put(r, frame, 60);
        }
        assert_int_equal(nic_wire_ready(r->nic), burst);
        while (rig_used(q, &e)) {
            uint32_t n;

            memcpy(&n, (uint8_t *)rig_at(r, addr[e.id]) + HDR + 14, 4);
            assert_int_equal(n, seen++);
            rig_avail(q, (uint16_t)e.id); /* the same buffer again */
        }
        assert_int_equal(seen, sent);
    }
    assert_int_equal(rig_count(r, NIC_RX_NO_BUFFER), 0);
    assert_false(rig_needs_reset(r));
    rig_free(r);
}

static void test_header_may_lie_across_descriptors(void **state)
{
    (void)state;
    for (uint32_t first = 1; first < 40; first++) {
        struct rig *r = rig_up(NULL, F(VIRTIO_NET_F_GUEST_CSUM));
        uint64_t at = rig_alloc(r, BUF);
        uint32_t len = udp_frame(500);
        struct rig_piece p[] = {{at, first, true},
                                {at + first, first, true},
                                {at + 2 * (uint64_t)first, BUF - 2 * first, true}};
        uint16_t head = rig_post(&r->rings[VIRTIO_NET_RXQ], p, 3);
        uint64_t addr[256];

        addr[head] = at;
        rig_wire_put(r, frame, len);
        assert_int_equal(nic_wire_ready(r->nic), 1);
        assert_int_equal(take_one(r, addr, frame, len).flags, VIRTIO_NET_HDR_F_DATA_VALID);
        rig_free(r);
    }
}

static void test_without_buffers_frames_are_dropped(void **state)
{
    struct rig *r = rig_up(NULL, 0);
    uint64_t addr[256];

    (void)state;
    rig_post_rx(r, 3, BUF, addr);
    for (unsigned i = 0; i < 10; i++)
        rig_wire_put(r, frame, udp_frame(100 + i));
    assert_int_equal(nic_wire_ready(r->nic), 3); /* the others have until the next call */
    assert_int_equal(rig_count(r, NIC_RX_FRAMES), 3);
    assert_int_equal(rig_count(r, NIC_RX_NO_BUFFER), 0);
    rig_post_rx(r, 2, BUF, addr);
    assert_int_equal(nic_wire_ready(r->nic), 2);
    assert_int_equal(rig_count(r, NIC_RX_FRAMES), 5);
    assert_int_equal(rig_count(r, NIC_RX_NO_BUFFER), 0);
    assert_int_equal(nic_wire_ready(r->nic), 5);
    assert_int_equal(rig_count(r, NIC_RX_NO_BUFFER), 5);
    rig_post_rx(r, 1, BUF, addr);
    rig_wire_put(r, frame, udp_frame(50));
    assert_int_equal(nic_wire_ready(r->nic), 1);
    assert_int_equal(rig_count(r, NIC_RX_FRAMES), 6);
    rig_free(r);
}

static void test_work_per_call_is_bounded(void **state)
{
    struct rig *r = rig_up(NULL, 0);
    int total = 0, n;

    (void)state;
    for (unsigned i = 0; i < 5000; i++)
        rig_wire_put(r, frame, udp_frame(20));
    do {
        n = nic_wire_ready(r->nic);
        assert_true(n >= 0 && n <= 8 * PORT_BATCH);
        total += n;
    } while (n);
    assert_int_equal(total, 5000);
    assert_int_equal(rig_count(r, NIC_RX_NO_BUFFER), 5000);
    rig_free(r);
}

static void test_a_card_that_does_not_run_drops(void **state)
{
    struct rig *r = rig_new(NULL);

    (void)state;
    rig_wire_put(r, frame, udp_frame(20));
    assert_int_equal(nic_wire_ready(r->nic), 1);
    assert_int_equal(rig_count(r, NIC_RX_NOT_READY), 1);
    rig_free(r);
    r = rig_up(NULL, 0);
    nic_set_link(r->nic, false);
    rig_wire_put(r, frame, udp_frame(20));
    assert_int_equal(nic_wire_ready(r->nic), 1);
    assert_int_equal(rig_count(r, NIC_RX_LINK_DOWN), 1);
    rig_free(r);
}

/* §5.1.6.4: a frame flows over into as many buffers as it needs; all but the last are full. */
static void test_merged_buffers(void **state)
{
    static const uint32_t sizes[] = {12, 13, 64, 100, 333, 757, 1525, 1526, 1600};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct rig *r = rig_up(NULL, F(VIRTIO_NET_F_MRG_RXBUF) | F(VIRTIO_NET_F_GUEST_CSUM));
        uint32_t lens[] = {udp_frame(1), udp_frame(400), udp_frame(1472)};
        uint64_t addr[256];

        rig_post_rx(r, 256, sizes[i], addr);
        for (size_t k = 0; k < ARRAY_LEN(lens); k++) {
            uint32_t len = lens[k], have = 0, want = HDR + len;
            uint8_t whole[BUF];
            struct virtio_used_elem e;
            struct virtio_net_hdr hdr;
            unsigned buffers = 0;

            if ((want + sizes[i] - 1) / sizes[i] > 60)
                break; /* more buffers than this test posts */
            udp_frame(len - 42);
            rig_wire_put(r, frame, len);
            assert_int_equal(nic_wire_ready(r->nic), 1);
            while (rig_used(&r->rings[VIRTIO_NET_RXQ], &e)) {
                assert_int_equal(e.len, MIN_OF(want - have, sizes[i]));
                memcpy(whole + have, rig_at(r, addr[e.id]), e.len);
                have += e.len;
                buffers++;
            }
            assert_int_equal(have, want);
            memcpy(&hdr, whole, HDR);
            assert_int_equal(hdr.num_buffers, buffers);
            assert_int_equal(hdr.flags, VIRTIO_NET_HDR_F_DATA_VALID);
            assert_memory_equal(whole + HDR, frame, len);
        }
        assert_false(rig_needs_reset(r));
        rig_free(r);
    }
}

static void test_unused_merge_buffers_serve_the_next_frame(void **state)
{
    struct rig *r = rig_up(NULL, F(VIRTIO_NET_F_MRG_RXBUF));
    uint64_t addr[256];

    (void)state;
    rig_post_rx(r, 6, 512, addr); /* 3072 bytes: two slots' worth */
    for (unsigned i = 0; i < 6; i++) {
        uint32_t len = udp_frame(100 + i);

        rig_wire_put(r, frame, len);
        assert_int_equal(nic_wire_ready(r->nic), 1);
        take_one(r, addr, frame, len);
    }
    assert_int_equal(rig_count(r, NIC_RX_FRAMES), 6);
    rig_free(r);
}

static void test_checksum_verdicts(void **state)
{
    enum { GOOD = VIRTIO_NET_HDR_F_DATA_VALID };
    static const struct {
        uint8_t version, proto;
        uint32_t spoil; /* byte to flip; 0: none */
        uint8_t flags;
        enum nic_counter counter;
    } cases[] = {
        {4, 6, 0, GOOD, NIC_RX_CSUM_GOOD}, {4, 17, 0, GOOD, NIC_RX_CSUM_GOOD},
        {6, 6, 0, GOOD, NIC_RX_CSUM_GOOD}, {6, 17, 0, GOOD, NIC_RX_CSUM_GOOD},
        {4, 6, 100, 0, NIC_RX_CSUM_WRONG}, {6, 17, 100, 0, NIC_RX_CSUM_WRONG},
        {4, 6, 22, 0, NIC_RX_CSUM_WRONG}, /* TTL: the IPv4 header's sum only */
        {4, 17, 24, 0, NIC_RX_CSUM_WRONG}, {4, 6, 50, 0, NIC_RX_CSUM_WRONG},
        {4, 17, 13, 0, NIC_RX_FRAMES}, /* another type: nothing to judge */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig *r = rig_up(NULL, F(VIRTIO_NET_F_GUEST_CSUM));
        struct frame_recipe recipe = rig_recipe(cases[i].version, cases[i].proto, payload, 300);
        uint32_t len = (uint32_t)frame_build(&recipe, frame, sizeof frame);
        uint64_t addr[256];

        if (cases[i].spoil)
            frame[cases[i].spoil] ^= 0x40;
        rig_post_rx(r, 1, BUF, addr);
        rig_wire_put(r, frame, len);
        assert_int_equal(nic_wire_ready(r->nic), 1);
        assert_int_equal(take_one(r, addr, frame, len).flags, cases[i].flags);
        assert_int_equal(rig_count(r, cases[i].counter), 1);
        assert_int_equal(rig_count(r, NIC_RX_CSUM_GOOD) + rig_count(r, NIC_RX_CSUM_WRONG),
                         cases[i].counter != NIC_RX_FRAMES);
        rig_free(r);
    }
}

static void test_without_guest_csum_nothing_is_judged(void **state)
{
    struct rig *r = rig_up(NULL, 0);
    uint64_t addr[256];
    uint32_t len = udp_frame(300);

    (void)state;
    rig_post_rx(r, 1, BUF, addr);
    rig_wire_put(r, frame, len);
    assert_int_equal(nic_wire_ready(r->nic), 1);
    assert_int_equal(take_one(r, addr, frame, len).flags, 0);
    assert_int_equal(rig_count(r, NIC_RX_CSUM_GOOD), 0);
    rig_free(r);
}

static void test_frames_beyond_the_mtu_are_not_passed(void **state)
{
    static const struct {
        bool tag;
        uint32_t len;
        bool passes;
    } cases[] = {
        {false, 1514, true}, {false, 1515, false}, {true, 1518, true}, {true, 1519, false}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig *r = rig_up(NULL, F(VIRTIO_NET_F_MTU));
        uint64_t addr[256];

        memset(frame, 0, sizeof frame);
        memcpy(frame, rig_default.mac, 6);
        frame[12] = cases[i].tag ? 0x81 : 0x08;
        rig_post_rx(r, 1, 4096, addr);
        rig_wire_put(r, frame, cases[i].len);
        assert_int_equal(nic_wire_ready(r->nic), 1);
        assert_int_equal(rig_count(r, NIC_RX_FRAMES), cases[i].passes);
        assert_int_equal(rig_count(r, NIC_RX_OVERSIZE), !cases[i].passes);
        rig_free(r);
    }
}

/* Refused frames in the middle of a batch leave their buffers to others. */
static void test_refused_frames_use_no_buffer(void **state)
{
    struct rig *r = rig_up(NULL, 0);
    uint64_t addr[256];
    unsigned delivered = 0;

    (void)state;
    rig_post_rx(r, 8, BUF, addr);
    for (unsigned i = 0; i < 8; i++) {
        udp_frame(100 + i);
        frame[5] = i & 1 ? 9 : 1; /* every other one is for somebody else */
        rig_wire_put(r, frame, 142 + i);
    }
    assert_int_equal(nic_wire_ready(r->nic), 8);
    for (unsigned i = 0; i < 4; i++) {
        udp_frame(100 + 2 * i);
        take_one(r, addr, frame, 142 + 2 * i);
        delivered++;
    }
    no_more(r);
    assert_int_equal(rig_count(r, NIC_RX_FILTER_UNICAST), 4);
    for (unsigned i = 0; i < 4; i++) /* the four others still work */
        rig_wire_put(r, frame, udp_frame(200));
    assert_int_equal(nic_wire_ready(r->nic), 4);
    assert_int_equal(rig_count(r, NIC_RX_FRAMES), delivered + 4);
    assert_int_equal(rig_count(r, NIC_RX_NO_BUFFER), 0);
    rig_free(r);
}

static void test_hostile_receive_buffers_need_a_reset(void **state)
{
    static const struct {
        uint64_t features;
        uint32_t len;
        bool write;
        enum nic_counter cause;
    } cases[] = {
        {0, BUF, false, NIC_RING_DIRECTION},
        {0, 12, true, NIC_RING_RX_SMALL},
        {F(VIRTIO_NET_F_MRG_RXBUF), 11, true, NIC_RING_RX_SMALL},
        {0, 0, true, NIC_RING_EMPTY_BUFFER},
        {0, 0x80000000, true, NIC_RING_BUFFER_UNMAPPED},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig *r = rig_up(NULL, cases[i].features);
        struct rig_piece p = {.addr = rig_alloc(r, BUF), .write = cases[i].write};

        p.len = cases[i].len;
        rig_post(&r->rings[VIRTIO_NET_RXQ], &p, 1);
        rig_wire_put(r, frame, udp_frame(10));
        assert_int_equal(nic_wire_ready(r->nic), 1);
        assert_int_equal(rig_count(r, cases[i].cause), 1);
        assert_int_equal(rig_count(r, NIC_RX_NOT_READY), 1);
        assert_true(rig_needs_reset(r));
        assert_int_equal(r->messages[3], 1);
        rig_free(r);
    }
}

/* Buffers taken before a reset are forgotten, not written. */
static void test_reset_lets_go_of_held_buffers(void **state)
{
    struct rig *r = rig_up(NULL, 0);
    uint64_t addr[256];
    uint32_t len = udp_frame(100);
    uint64_t old;

    (void)state;
    rig_post_rx(r, 8, BUF, addr);
    rig_wire_put(r, frame, len);
    assert_int_equal(nic_wire_ready(r->nic), 1); /* holds seven more */
    old = addr[1];
    assert_true(rig_negotiate(r, rig_base_features));
    rig_wire_put(r, frame, len);
    assert_int_equal(nic_wire_ready(r->nic), 1);
    assert_int_equal(rig_count(r, NIC_RX_NOT_READY), 1);
    for (unsigned i = 0; i < BUF; i++)
        assert_int_equal(*((uint8_t *)rig_at(r, old) + i), 0xee);
    rig_queue(r, 0, 128);
    rig_driver_ok(r);
    rig_post_rx(r, 1, BUF, addr);
    rig_wire_put(r, frame, len);
    assert_int_equal(nic_wire_ready(r->nic), 1);
    take_one(r, addr, frame, len);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frame_lands_in_a_buffer),
        cmocka_unit_test(test_many_frames_keep_their_order),
        cmocka_unit_test(test_header_may_lie_across_descriptors),
        cmocka_unit_test(test_without_buffers_frames_are_dropped),
        cmocka_unit_test(test_work_per_call_is_bounded),
        cmocka_unit_test(test_a_card_that_does_not_run_drops),
        cmocka_unit_test(test_merged_buffers),
        cmocka_unit_test(test_unused_merge_buffers_serve_the_next_frame),
        cmocka_unit_test(test_checksum_verdicts),
        cmocka_unit_test(test_without_guest_csum_nothing_is_judged),
        cmocka_unit_test(test_frames_beyond_the_mtu_are_not_passed),
        cmocka_unit_test(test_refused_frames_use_no_buffer),
        cmocka_unit_test(test_hostile_receive_buffers_need_a_reset),
        cmocka_unit_test(test_reset_lets_go_of_held_buffers),
    };

    return cmocka_run_group_tests(tests, fill_payload, NULL);
}
