/* SPDX-License-Identifier: MIT */
/* Transmit: what leaves on the wire for what stands in the ring. */
#include "test_nic_rig.h"

#define F(bit) VIRTIO_FEATURE(bit)

static const uint64_t tx_features = F(VIRTIO_NET_F_CSUM) | F(VIRTIO_NET_F_HOST_TSO4) |
                                    F(VIRTIO_NET_F_HOST_TSO6) | F(VIRTIO_NET_F_HOST_ECN) |
                                    F(VIRTIO_F_INDIRECT_DESC) | F(VIRTIO_NET_F_MTU);

static const struct virtio_net_hdr plain;
static uint8_t payload[65536];
static uint8_t frame[70000], got[70000];

static int fill_payload(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t)(i * 7 + i / 251);
    return 0;
}

/* The one chain that was posted has come back, unwritten. */
static void assert_completed(struct rig *r, unsigned n)
{
    struct virtio_used_elem e;

    while (n--) {
        assert_true(rig_used(&r->rings[VIRTIO_NET_TXQ], &e));
        assert_int_equal(e.len, 0);
    }
    assert_false(rig_used(&r->rings[VIRTIO_NET_TXQ], &e));
}

static void test_plain_frame_leaves_unchanged(void **state)
{
    struct rig *r = rig_up(NULL, tx_features);
    struct frame_recipe recipe = rig_recipe(4, 6, payload, 1000);
    uint32_t len = (uint32_t)frame_build(&recipe, frame, sizeof frame);

    (void)state;
    rig_tx(r, &plain, frame, len, 0);
    rig_kick_tx(r);
    assert_int_equal(rig_wire_get(r, got, sizeof got), len);
    assert_memory_equal(got, frame, len);
    assert_completed(r, 1);
    assert_int_equal(r->messages[1], 1);
    assert_int_equal(rig_count(r, NIC_TX_FRAMES), 1);
    assert_int_equal(rig_count(r, NIC_TX_BYTES), len);
    rig_free(r);
}

/* Header and frame cut at each width from 1 byte on; long chains go through the copy. */
static void test_any_cut_of_the_chain_gives_the_same_frame(void **state)
{
    struct rig *r = rig_up(NULL, tx_features);

    (void)state;
    for (uint32_t cut = 1; cut < 140; cut++) {
        struct frame_recipe recipe = rig_recipe(cut & 1 ? 4 : 6, cut & 2 ? 6 : 17, payload, 100);
        uint32_t len = (uint32_t)frame_build(&recipe, frame, sizeof frame);
        struct virtio_net_hdr hdr;
        uint8_t want[300];

        memcpy(want, frame, len);
        hdr = rig_unfinish(frame, len);
        assert_false(rig_frame_good(frame, len));
        rig_tx(r, &hdr, frame, len, cut);
        rig_kick_tx(r);
        assert_int_equal(rig_wire_get(r, got, sizeof got), len);
        assert_memory_equal(got, want, len);
        assert_completed(r, 1);
    }
    assert_int_equal(rig_count(r, NIC_TX_CSUM), 139);
    assert_false(rig_needs_reset(r));
    rig_free(r);
}

static void test_chain_in_an_indirect_table(void **state)
{
    struct rig *r = rig_up(NULL, tx_features);
    struct frame_recipe recipe = rig_recipe(4, 17, payload, 77);
    uint32_t len = (uint32_t)frame_build(&recipe, frame, sizeof frame);
    struct rig_ring *q = &r->rings[VIRTIO_NET_TXQ];
    uint64_t table = rig_alloc(r, 32), header = rig_alloc(r, 12), at = rig_alloc(r, len);
    struct virtio_desc *d = rig_at(r, table);

    (void)state;
    memcpy(rig_at(r, at), frame, len);
    memset(rig_at(r, header), 0, 12);
    d[0] = (struct virtio_desc){header, 12, VIRTIO_DESC_F_NEXT, 1};
    d[1] = (struct virtio_desc){at, len, 0, 0};
    q->desc[9] = (struct virtio_desc){table, 32, VIRTIO_DESC_F_INDIRECT, 0};
    rig_avail(q, 9);
    rig_kick_tx(r);
    assert_int_equal(rig_wire_get(r, got, sizeof got), len);
    assert_memory_equal(got, frame, len);
    assert_int_equal(q->used->ring[0].id, 9);
    rig_free(r);
}

static void test_short_frames_are_padded_with_zeros(void **state)
{
    struct rig *r = rig_up(NULL, tx_features);

    (void)state;
    for (uint32_t len = 14; len < 64; len++) {
        memset(frame, 0xab, sizeof frame);
        memset(got, 0xcd, sizeof got);
        rig_tx(r, &plain, frame, len, len & 1 ? 5 : 0);
        rig_kick_tx(r);
        assert_int_equal(rig_wire_get(r, got, sizeof got), MAX_OF(len, 60u));
        assert_memory_equal(got, frame, len);
        for (uint32_t i = len; i < 60; i++)
            assert_int_equal(got[i], 0);
    }
    rig_free(r);
}

/* The padding does not count into the checksum. */
static void test_short_frame_with_checksum_to_finish(void **state)
{
    struct rig *r = rig_up(NULL, tx_features);
    struct frame_recipe recipe = rig_recipe(4, 17, payload, 1);
    uint32_t len = (uint32_t)frame_build(&recipe, frame, sizeof frame);
    struct virtio_net_hdr hdr = rig_unfinish(frame, len);

    (void)state;
    assert_true(len < 60);
    rig_tx(r, &hdr, frame, len, 0);
    rig_kick_tx(r);
    assert_int_equal(rig_wire_get(r, got, sizeof got), 60);
    assert_true(rig_frame_good(got, len));
    rig_free(r);
}

static void test_checksum_field_far_into_the_frame(void **state)
{
    struct rig *r = rig_up(NULL, tx_features);
    struct virtio_net_hdr hdr = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 600, .csum_offset = 10};

    (void)state;
    memset(frame, 0, 14);
    memcpy(frame + 14, payload, 986);
    frame[12] = 0x12;
    frame[610] = frame[611] = 0;
    rig_tx(r, &hdr, frame, 1000, 100);
    rig_kick_tx(r);
    assert_int_equal(rig_wire_get(r, got, sizeof got), 1000);
    assert_int_equal(frame_fold(frame_sum(got + 600, 400, 0)), 0xffff);
    assert_memory_equal(got, frame, 610);
    assert_memory_equal(got + 612, frame + 612, 388);
    rig_free(r);
}

static void test_length_limit_counts_tags_and_nothing_else(void **state)
{
    static const struct {
        unsigned tags;
        uint32_t len;
        bool leaves;
    } cases[] = {
        {0, 1514, true},  {0, 1515, false}, {1, 1518, true},   {1, 1519, false},  {2, 1522, true},
        {2, 1523, false}, {3, 1526, false}, {0, 65000, false}, {0, 65600, false}, {0, 65601, false},
    };
    struct rig *r = rig_up(NULL, tx_features);
    uint64_t dropped = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        memset(frame, 0, sizeof frame);
        for (unsigned t = 0; t < 3; t++) {
            frame[12 + 4 * t] = t < cases[i].tags ? 0x81 : 0x08;
            frame[13 + 4 * t] = 0;
        }
        rig_tx(r, &plain, frame, cases[i].len, 0);
        rig_kick_tx(r);
        assert_int_equal(rig_wire_get(r, got, sizeof got), cases[i].leaves ? cases[i].len : 0);
        dropped += !cases[i].leaves;
        assert_int_equal(rig_count(r, NIC_TX_OVERSIZE), dropped);
        assert_completed(r, 1);
    }
    rig_free(r);
}

static void test_short_chains_are_dropped_and_completed(void **state)
{
    struct rig *r = rig_up(NULL, tx_features);
    struct rig_piece p = {.addr = rig_alloc(r, 64), .len = 11};

    (void)state;
    for (p.len = 1; p.len < 26; p.len++)
        rig_post(&r->rings[VIRTIO_NET_TXQ], &p, 1);
    rig_kick_tx(r);
    assert_int_equal(rig_count(r, NIC_TX_SHORT_HEADER), 11);
    assert_int_equal(rig_count(r, NIC_TX_RUNT), 14);
    assert_int_equal(rig_wire_get(r, got, sizeof got), 0);
    assert_completed(r, 25);
    assert_false(rig_needs_reset(r));
    rig_free(r);
}

static void test_bad_headers_are_dropped_by_cause(void **state)
{
    enum { C = VIRTIO_NET_HDR_F_NEEDS_CSUM, T4 = VIRTIO_NET_HDR_GSO_TCPV4 };
    enum { T6 = VIRTIO_NET_HDR_GSO_TCPV6, ECN = VIRTIO_NET_HDR_GSO_ECN };
    static const struct {
        uint64_t features;
        struct virtio_net_hdr hdr;
        enum nic_counter cause;
    } cases[] = {
        {0, {C, 0, 0, 0, 34, 16, 0}, NIC_TX_BAD_HEADER}, /* CSUM not negotiated */
        {F(VIRTIO_NET_F_CSUM), {C, T4, 54, 100, 34, 16, 0}, NIC_TX_BAD_HEADER},
        {F(VIRTIO_NET_F_CSUM), {C, T6, 54, 100, 34, 16, 0}, NIC_TX_BAD_HEADER},
        {F(VIRTIO_NET_F_CSUM) | F(VIRTIO_NET_F_HOST_TSO4),
         {C, T4 | ECN, 54, 100, 34, 16, 0},
         NIC_TX_BAD_HEADER},
        {tx_features, {0, T4, 54, 100, 34, 16, 0}, NIC_TX_BAD_HEADER}, /* no NEEDS_CSUM */
        {tx_features, {C, VIRTIO_NET_HDR_GSO_UDP, 54, 100, 34, 16, 0}, NIC_TX_BAD_HEADER},
        {tx_features, {C, VIRTIO_NET_HDR_GSO_UDP_L4, 54, 100, 34, 16, 0}, NIC_TX_BAD_HEADER},
        {tx_features, {C, 2, 54, 100, 34, 16, 0}, NIC_TX_BAD_HEADER},
        {tx_features, {C, 0x7f, 54, 100, 34, 16, 0}, NIC_TX_BAD_HEADER},
        {tx_features, {C, 0, 0, 0, 1054, 0, 0}, NIC_TX_BAD_HEADER},
        {tx_features, {C, 0, 0, 0, 34, 1019, 0}, NIC_TX_BAD_HEADER},
        {tx_features, {C, 0, 0, 0, 65535, 65535, 0}, NIC_TX_BAD_HEADER},
        {tx_features, {C, T4, 54, 0, 34, 16, 0}, NIC_TX_GSO_MSS_ZERO},
        {tx_features, {C, T6, 54, 100, 34, 16, 0}, NIC_TX_GSO_NOT_TCP}, /* the frame is IPv4 */
        {tx_features, {C, T4, 54, 1461, 34, 16, 0}, NIC_TX_SEGMENTS},   /* one segment: fits */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig *r = rig_up(NULL, cases[i].features);
        struct frame_recipe recipe = rig_recipe(4, 6, payload, 1000);
        uint32_t len = (uint32_t)frame_build(&recipe, frame, sizeof frame);
        bool leaves = cases[i].cause == NIC_TX_SEGMENTS;

        assert_int_equal(len, 1054);
        rig_tx(r, &cases[i].hdr, frame, len, 0);
        rig_kick_tx(r);
        assert_int_equal(rig_count(r, cases[i].cause), 1);
        assert_int_equal(rig_wire_get(r, got, sizeof got), leaves ? len : 0);
        assert_completed(r, 1);
        rig_free(r);
    }
}

/* §5.1.6.2.2: unknown flags, num_buffers and hdr_len do not matter; csum fields only with
 * NEEDS_CSUM. */
static void test_header_fields_that_mean_nothing_are_ignored(void **state)
{
    struct rig *r = rig_up(NULL, tx_features);
    struct virtio_net_hdr hdr = {.flags = 0xfe,
                                 .hdr_len = 0xffff,
                                 .gso_size = 0xffff,
                                 .csum_start = 0xffff,
                                 .csum_offset = 0xffff,
                                 .num_buffers = 0xffff};

    (void)state;
    memset(frame, 0x11, 100);
    rig_tx(r, &hdr, frame, 100, 0);
    rig_kick_tx(r);
    assert_int_equal(rig_wire_get(r, got, sizeof got), 100);
    assert_memory_equal(got, frame, 100);
    rig_free(r);
}

/* Cuts a large send of `bytes` payload bytes, handed over in pieces of `cut`, and reads it back. */
static void large_send(struct rig *r, uint8_t version, uint32_t bytes, uint16_t mss, uint32_t cut)
{
    struct frame_recipe recipe = rig_recipe(version, 6, payload, bytes);
    uint32_t len = (uint32_t)frame_build(&recipe, frame, sizeof frame), done = 0, n = 0;
    struct virtio_net_hdr hdr = rig_unfinish(frame, len);
    uint32_t headers = hdr.csum_start + 20u;

    hdr.gso_type = version == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
    hdr.gso_size = mss;
    rig_tx(r, &hdr, frame, len, cut);
    rig_kick_tx(r);
    while (done < bytes) {
        uint32_t want = MIN_OF(bytes - done, (uint32_t)mss);
        uint32_t size = rig_wire_get(r, got, sizeof got);
        const uint8_t *tcp = got + hdr.csum_start;

        assert_int_equal(size, MAX_OF(headers + want, 60u));
        assert_true(rig_frame_good(got, headers + want));
        assert_memory_equal(got + headers, payload + done, want);
        assert_int_equal((uint32_t)tcp[4] << 24 | (uint32_t)tcp[5] << 16 | (uint32_t)tcp[6] << 8 |
                             tcp[7],
                         recipe.seq + done);
        if (version == 4)
            assert_int_equal(got[18] << 8 | got[19], (recipe.ip_id + n) & 0x7fff);
        done += want;
        assert_int_equal(tcp[13] & 8, done == bytes ? 8 : 0);
        n++;
    }
    assert_int_equal(rig_wire_get(r, got, sizeof got), 0);
    assert_completed(r, 1);
}

static void test_large_sends_are_cut(void **state)
{
    static const struct {
        uint32_t bytes;
        uint16_t mss;
        uint32_t cut;
    } cases[] = {
        {1, 1440, 0},     {1440, 1440, 0},     {1441, 1440, 0},    {4096, 1000, 333},
        {65000, 1440, 0}, {65000, 1440, 4096}, {64000, 536, 1111}, {6000, 7, 100},
        {3000, 1, 0},     {10000, 1400, 57},
    };
    struct rig *r = rig_up(NULL, tx_features);
    uint64_t segments = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (uint8_t version = 4; version <= 6; version += 2) {
            large_send(r, version, cases[i].bytes, cases[i].mss, cases[i].cut);
            segments += (cases[i].bytes + cases[i].mss - 1u) / cases[i].mss;
        }
    assert_int_equal(rig_count(r, NIC_TX_LARGE), 2 * ARRAY_LEN(cases));
    assert_int_equal(rig_count(r, NIC_TX_SEGMENTS), segments);
    assert_int_equal(rig_count(r, NIC_TX_FRAMES), segments);
    rig_free(r);
}

/* A segment whose payload lies in more pieces than a frame may have is put together. */
static void test_large_send_in_crumbs(void **state)
{
    struct rig *r = rig_up(NULL, tx_features);

    (void)state;
    large_send(r, 4, 2900, 1448, 15);
    large_send(r, 6, 2900, 1440, 15);
    rig_free(r);
}

static void test_segments_longer_than_the_mtu_never_leave(void **state)
{
    struct rig *r = rig_up(NULL, tx_features);
    struct frame_recipe recipe = rig_recipe(4, 6, payload, 3000);
    uint32_t len = (uint32_t)frame_build(&recipe, frame, sizeof frame);
    struct virtio_net_hdr hdr = rig_unfinish(frame, len);

    (void)state;
    hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
    hdr.gso_size = 1461; /* 40 bytes of headers: 1501 */
    rig_tx(r, &hdr, frame, len, 0);
    rig_kick_tx(r);
    assert_int_equal(rig_wire_get(r, got, sizeof got), 0);
    assert_int_equal(rig_count(r, NIC_TX_OVERSIZE), 1);
    assert_completed(r, 1);
    rig_free(r);
}

static void test_refused_large_sends_are_counted_by_cause(void **state)
{
    static const struct {
        uint32_t at;
        uint8_t value;
        enum nic_counter cause;
    } cases[] = {
        {23, 17, NIC_TX_GSO_NOT_TCP},        /* protocol */
        {20, 0x20, NIC_TX_GSO_FRAGMENT},     /* MF */
        {34 + 13, 0x02, NIC_TX_GSO_FLAGS},   /* SYN */
        {14, 0x44, NIC_TX_GSO_NOT_TCP},      /* header length */
        {34 + 12, 0x40, NIC_TX_GSO_NOT_TCP}, /* data offset */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig *r = rig_up(NULL, tx_features);
        struct frame_recipe recipe = rig_recipe(4, 6, payload, 3000);
        uint32_t len = (uint32_t)frame_build(&recipe, frame, sizeof frame);
        struct virtio_net_hdr hdr = rig_unfinish(frame, len);

        hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
        hdr.gso_size = 1000;
        frame[cases[i].at] = cases[i].value;
        rig_tx(r, &hdr, frame, len, 0);
        rig_kick_tx(r);
        assert_int_equal(rig_count(r, cases[i].cause), 1);
        assert_int_equal(rig_wire_get(r, got, sizeof got), 0);
        assert_completed(r, 1);
        rig_free(r);
    }
}

static void test_a_full_ring_goes_in_one_doorbell(void **state)
{
    struct rig *r = rig_up(NULL, tx_features | F(VIRTIO_F_EVENT_IDX));
    struct rig_ring *q = &r->rings[VIRTIO_NET_TXQ];

    (void)state;
    for (unsigned round = 0; round < 300; round++) { /* past 65535 */
        q->avail->ring[q->size] = (uint16_t)(q->used_seen + 255);
        for (unsigned i = 0; i < 256; i++) {
            memset(frame, (int)i, 64);
            rig_tx(r, &plain, frame, 64, 0);
        }
        rig_kick_tx(r);
        for (unsigned i = 0; i < 256; i++) {
            assert_int_equal(rig_wire_get(r, got, sizeof got), 64);
            assert_int_equal(got[0], (uint8_t)i);
        }
        assert_completed(r, 256);
    }
    assert_int_equal(r->messages[1], 300); /* one each, at the end, as asked by used_event */
    assert_int_equal(rig_count(r, NIC_TX_CHAINS), 300 * 256);
    rig_free(r);
}

static void test_writable_descriptor_in_a_transmit_chain_needs_a_reset(void **state)
{
    struct rig *r = rig_up(NULL, tx_features);
    struct rig_piece p = {.addr = rig_alloc(r, 100), .len = 100, .write = true};

    (void)state;
    memset(frame, 1, 64);
    rig_tx(r, &plain, frame, 64, 0);
    rig_post(&r->rings[VIRTIO_NET_TXQ], &p, 1);
    rig_tx(r, &plain, frame, 64, 0);
    rig_kick_tx(r);
    assert_true(rig_needs_reset(r));
    assert_int_equal(r->messages[3], 1); /* §2.1.2: a configuration change tells it */
    assert_int_equal(rig_count(r, NIC_RING_DIRECTION), 1);
    assert_completed(r, 1); /* what came before has left, what comes after has not */
    assert_int_equal(rig_count(r, NIC_TX_FRAMES), 1);
    rig_kick_tx(r);
    assert_int_equal(rig_count(r, NIC_RING_DIRECTION), 1);
    /* A reset mends it. */
    assert_true(rig_negotiate(r, rig_base_features));
    assert_false(rig_needs_reset(r));
    rig_queue(r, 1, 256);
    rig_driver_ok(r);
    rig_tx(r, &plain, frame, 64, 0);
    rig_kick_tx(r);
    assert_completed(r, 1);
    rig_free(r);
}

static void test_link_down_drops_and_completes(void **state)
{
    struct rig *r = rig_up(NULL, tx_features);

    (void)state;
    nic_set_link(r->nic, false);
    memset(frame, 1, 64);
    rig_tx(r, &plain, frame, 64, 0);
    rig_kick_tx(r);
    assert_int_equal(rig_wire_get(r, got, sizeof got), 0);
    assert_int_equal(rig_count(r, NIC_TX_LINK_DOWN), 1);
    assert_completed(r, 1);
    rig_free(r);
}

static void test_reset_leaves_posted_chains_alone(void **state)
{
    struct rig *r = rig_up(NULL, tx_features);

    (void)state;
    memset(frame, 1, 64);
    rig_tx(r, &plain, frame, 64, 0);
    RIG_SET(r, device_status, 0);
    rig_kick_tx(r);
    assert_int_equal(rig_wire_get(r, got, sizeof got), 0);
    assert_completed(r, 0);
    assert_int_equal(r->messages[1], 0);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_frame_leaves_unchanged),
        cmocka_unit_test(test_any_cut_of_the_chain_gives_the_same_frame),
        cmocka_unit_test(test_chain_in_an_indirect_table),
        cmocka_unit_test(test_short_frames_are_padded_with_zeros),
        cmocka_unit_test(test_short_frame_with_checksum_to_finish),
        cmocka_unit_test(test_checksum_field_far_into_the_frame),
        cmocka_unit_test(test_length_limit_counts_tags_and_nothing_else),
        cmocka_unit_test(test_short_chains_are_dropped_and_completed),
        cmocka_unit_test(test_bad_headers_are_dropped_by_cause),
        cmocka_unit_test(test_header_fields_that_mean_nothing_are_ignored),
        cmocka_unit_test(test_large_sends_are_cut),
        cmocka_unit_test(test_large_send_in_crumbs),
        cmocka_unit_test(test_segments_longer_than_the_mtu_never_leave),
        cmocka_unit_test(test_refused_large_sends_are_counted_by_cause),
        cmocka_unit_test(test_a_full_ring_goes_in_one_doorbell),
        cmocka_unit_test(test_writable_descriptor_in_a_transmit_chain_needs_a_reset),
        cmocka_unit_test(test_link_down_drops_and_completes),
        cmocka_unit_test(test_reset_leaves_posted_chains_alone),
    };

    return cmocka_run_group_tests(tests, fill_payload, NULL);
}
