/* SPDX-License-Identifier: MIT */
/* Control queue: each command, each refusal, and what the receive filter does afterwards. */
#include "test_nic_rig.h"

#define F(bit) VIRTIO_FEATURE(bit)

enum { BUF = 1600 };

static const uint64_t ctrl_features = F(VIRTIO_NET_F_CTRL_VQ) | F(VIRTIO_NET_F_CTRL_RX) |
                                      F(VIRTIO_NET_F_CTRL_VLAN) | F(VIRTIO_NET_F_CTRL_MAC_ADDR) |
                                      F(VIRTIO_NET_F_MAC);

/* Sends one command, its bytes cut in two at `cut` (0: not at all); returns the acknowledgement. */
static uint8_t command_cut(struct rig *r, const void *bytes, uint32_t len, uint32_t cut)
{
    uint64_t at = rig_alloc(r, len), ack = rig_alloc(r, 1);
    struct rig_piece whole[] = {{at, len, false}, {ack, 1, true}};
    struct rig_piece split[] = {{at, cut, false}, {at + cut, len - cut, false}, {ack, 1, true}};
    struct virtio_used_elem e = {0};

    memcpy(rig_at(r, at), bytes, len);
    *(uint8_t *)rig_at(r, ack) = 0xee;
    rig_post(&r->rings[VIRTIO_NET_CTRLQ], cut ? split : whole, cut ? 3 : 2);
    rig_ring_doorbell(r, VIRTIO_NET_CTRLQ);
    assert_true(rig_used(&r->rings[VIRTIO_NET_CTRLQ], &e));
    assert_int_equal(e.len, 1);
    return *(uint8_t *)rig_at(r, ack);
}

#define COMMAND(r, ...)                                                                            \
    command_cut(r, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), 0)

/* Whether a frame to this address, with this tag (-1: none), reaches the driver. */
static bool passes(struct rig *r, const uint8_t mac[6], int vid)
{
    uint8_t frame[64] = {0};
    uint64_t before = rig_count(r, NIC_RX_FRAMES), addr[256];
    struct virtio_used_elem e;

    memcpy(frame, mac, 6);
    frame[12] = 0x08;
    if (vid >= 0) {
        frame[12] = 0x81;
        frame[14] = (uint8_t)(0xe0 | vid >> 8); /* priority bits do not matter */
        frame[15] = (uint8_t)vid;
    }
    rig_post_rx(r, 1, BUF, addr);
    rig_wire_put(r, frame, sizeof frame);
    assert_int_equal(nic_wire_ready(r->nic), 1);
    while (rig_used(&r->rings[VIRTIO_NET_RXQ], &e))
        continue;
    return rig_count(r, NIC_RX_FRAMES) > before;
}

static const uint8_t mine[6] = {2, 0, 0, 0, 0, 1}, other[6] = {2, 0, 0, 0, 0, 9};
static const uint8_t group[6] = {1, 0, 0x5e, 0, 0, 1}, group2[6] = {0x33, 0x33, 0, 0, 0, 1};
static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void test_filter_at_start(void **state)
{
    struct rig *r = rig_up(NULL, ctrl_features);

    (void)state;
    assert_true(passes(r, mine, -1));
    assert_true(passes(r, broadcast, -1));
    assert_false(passes(r, other, -1));
    assert_false(passes(r, group, -1));
    assert_false(passes(r, mine, 5));
    assert_int_equal(rig_count(r, NIC_RX_FILTER_UNICAST), 1);
    assert_int_equal(rig_count(r, NIC_RX_FILTER_MULTICAST), 1);
    assert_int_equal(rig_count(r, NIC_RX_FILTER_VLAN), 1);
    rig_free(r);
}

/* A driver that cannot ask for groups or VLANs gets them all. */
static void test_filter_without_control_features(void **state)
{
    struct rig *r = rig_up(NULL, 0);

    (void)state;
    assert_true(passes(r, group, -1));
    assert_true(passes(r, mine, 4095));
    assert_false(passes(r, other, -1));
    rig_free(r);
}

static void test_receive_modes(void **state)
{
    struct rig *r = rig_up(NULL, ctrl_features);

    (void)state;
    assert_int_equal(COMMAND(r, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLMULTI, 1), VIRTIO_NET_OK);
    assert_true(passes(r, group, -1));
    assert_false(passes(r, other, -1));
    assert_int_equal(COMMAND(r, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLMULTI, 0), VIRTIO_NET_OK);
    assert_false(passes(r, group, -1));
    assert_int_equal(COMMAND(r, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, 1), VIRTIO_NET_OK);
    assert_true(passes(r, group, -1));
    assert_true(passes(r, other, -1));
    assert_true(passes(r, mine, 77));
    assert_int_equal(COMMAND(r, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, 0), VIRTIO_NET_OK);
    assert_false(passes(r, other, -1));
    assert_int_equal(rig_count(r, NIC_CTRL_COMMANDS), 4);
    rig_free(r);
}

static void test_mac_tables_replace_each_other(void **state)
{
    struct rig *r = rig_up(NULL, ctrl_features);

    (void)state;
    assert_int_equal(
        COMMAND(r, 1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 9, 1, 0, 0, 0, 1, 0, 0x5e, 0, 0, 1),
        VIRTIO_NET_OK);
    assert_true(passes(r, other, -1));
    assert_true(passes(r, group, -1));
    assert_false(passes(r, group2, -1));
    assert_true(passes(r, mine, -1));
    assert_int_equal(COMMAND(r, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x33, 0x33, 0, 0, 0, 1),
                     VIRTIO_NET_OK);
    assert_false(passes(r, other, -1));
    assert_false(passes(r, group, -1));
    assert_true(passes(r, group2, -1));
    assert_int_equal(COMMAND(r, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0), VIRTIO_NET_OK);
    assert_false(passes(r, group2, -1));
    rig_free(r);
}

/* §5.1.6.5.2, footnote: too many addresses open the filter instead of losing frames. */
static void test_tables_too_long_open_the_filter(void **state)
{
    struct rig *r = rig_up(NULL, ctrl_features);
    uint8_t bytes[2 + 4 + 65 * 6 + 4 + 65 * 6] = {1, 0, 65};

    (void)state;
    for (unsigned i = 0; i < 65; i++)
        bytes[6 + 6 * i] = 2;
    bytes[6 + 65 * 6] = 65;
    for (unsigned i = 0; i < 65; i++)
        bytes[10 + 65 * 6 + 6 * i] = 3;
    assert_int_equal(command_cut(r, bytes, sizeof bytes, 0), VIRTIO_NET_OK);
    assert_true(passes(r, other, -1));
    assert_true(passes(r, group, -1));
    assert_int_equal(COMMAND(r, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0), VIRTIO_NET_OK);
    assert_false(passes(r, other, -1));
    assert_false(passes(r, group, -1));
    rig_free(r);
}

static void test_address_can_be_changed(void **state)
{
    struct rig *r = rig_up(NULL, ctrl_features);
    uint32_t before;

    (void)state;
    assert_int_equal(rig_read(r, RIG_DEVICE + 5, 1), 1);
    before = RIG_GET(r, config_generation);
    assert_int_equal(COMMAND(r, 1, 1, 2, 0, 0, 0, 0, 9), VIRTIO_NET_OK);
    assert_int_equal(rig_read(r, RIG_DEVICE + 5, 1), 9);
    assert_int_not_equal(RIG_GET(r, config_generation), before);
    assert_true(passes(r, other, -1));
    assert_false(passes(r, mine, -1));
    RIG_SET(r, device_status, 0);
    assert_int_equal(rig_read(r, RIG_DEVICE + 5, 1), 1);
    rig_free(r);
}

static void test_vlan_filter(void **state)
{
    struct rig *r = rig_up(NULL, ctrl_features);
    static const uint16_t vids[] = {0, 1, 4094, 4095};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vids); i++) {
        uint8_t low = (uint8_t)vids[i], high = (uint8_t)(vids[i] >> 8);

        assert_false(passes(r, mine, vids[i]));
        assert_int_equal(COMMAND(r, 2, 0, low, high), VIRTIO_NET_OK);
        assert_true(passes(r, mine, vids[i]));
        assert_false(passes(r, other, vids[i]));
        assert_int_equal(COMMAND(r, 2, 1, low, high), VIRTIO_NET_OK);
        assert_false(passes(r, mine, vids[i]));
        assert_true(passes(r, mine, -1));
    }
    rig_free(r);
}

static void test_commands_cut_anywhere_mean_the_same(void **state)
{
    static const uint8_t bytes[] = {1, 0, 1, 0, 0, 0, 2, 0,    0, 0, 0,
                                    9, 1, 0, 0, 0, 1, 0, 0x5e, 0, 0, 1};

    (void)state;
    for (uint32_t cut = 1; cut < sizeof bytes; cut++) {
        struct rig *r = rig_up(NULL, ctrl_features);

        assert_int_equal(command_cut(r, bytes, sizeof bytes, cut), VIRTIO_NET_OK);
        assert_true(passes(r, other, -1));
        assert_true(passes(r, group, -1));
        rig_free(r);
    }
}

static void test_bad_commands_are_refused(void **state)
{
    static const struct {
        uint32_t len;
        uint8_t bytes[24];
    } cases[] = {
        {2, {0, 0}},             /* no data */
        {4, {0, 0, 1, 0}},       /* too much */
        {3, {0, 0, 2}},          /* neither on nor off */
        {3, {0, 2, 1}},          /* CTRL_RX_EXTRA: not offered */
        {3, {0, 9, 1}},          /* unknown command */
        {3, {9, 0, 1}},          /* unknown class */
        {2, {3, 0}},             /* announce: not offered */
        {2, {1, 0}},             /* tables without counts */
        {6, {1, 0, 0, 0, 0, 0}}, /* one table only */
        {10, {1, 0, 1, 0, 0, 0, 2, 0, 0, 0}},
        {10, {1, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}},
        {11, {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}},                /* rest */
        {16, {1, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 9, 0, 0, 0, 0}}, /* group among unicast */
        {16, {1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 9}}, /* the other way round */
        {7, {1, 1, 2, 0, 0, 0, 0}},
        {8, {1, 1, 3, 0, 0, 0, 0, 9}}, /* group address */
        {8, {1, 1, 0, 0, 0, 0, 0, 0}},
        {9, {1, 1, 2, 0, 0, 0, 0, 9, 9}},
        {3, {2, 0, 1}},
        {4, {2, 0, 0, 0x10}}, /* 4096 */
        {4, {2, 2, 1, 0}},
        {3, {1, 2, 0}},
    };
    struct rig *r = rig_up(NULL, ctrl_features);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(command_cut(r, cases[i].bytes, cases[i].len, 0), VIRTIO_NET_ERR);
        assert_int_equal(rig_count(r, NIC_CTRL_REFUSED), i + 1);
    }
    assert_true(passes(r, mine, -1));
    assert_false(passes(r, other, -1));
    assert_false(rig_needs_reset(r));
    rig_free(r);
}

static void test_oversize_command_is_refused(void **state)
{
    struct rig *r = rig_up(NULL, ctrl_features);
    uint8_t *bytes = calloc(1, 20000);

    (void)state;
    assert_non_null(bytes);
    assert_int_equal(command_cut(r, bytes, 20000, 100), VIRTIO_NET_ERR);
    free(bytes);
    rig_free(r);
}

static void test_commands_need_their_feature(void **state)
{
    struct rig *r = rig_up(NULL, F(VIRTIO_NET_F_CTRL_VQ));

    (void)state;
    assert_int_equal(COMMAND(r, 0, 0, 1), VIRTIO_NET_ERR);
    assert_int_equal(COMMAND(r, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0), VIRTIO_NET_ERR);
    assert_int_equal(COMMAND(r, 1, 1, 2, 0, 0, 0, 0, 9), VIRTIO_NET_ERR);
    assert_int_equal(COMMAND(r, 2, 0, 1, 0), VIRTIO_NET_ERR);
    rig_free(r);
}

static void test_command_without_acknowledgement_needs_a_reset(void **state)
{
    (void)state;
    for (unsigned shape = 0; shape < 3; shape++) {
        struct rig *r = rig_up(NULL, ctrl_features);
        uint64_t at = rig_alloc(r, 16);
        struct rig_piece no_ack[] = {{at, 3, false}};
        struct rig_piece no_header[] = {{at, 1, true}};
        struct rig_piece short_header[] = {{at, 1, false}, {at, 1, true}};
        struct rig_ring *q = &r->rings[VIRTIO_NET_CTRLQ];

        rig_post(q,
                 shape == 0   ? no_ack
                 : shape == 1 ? no_header
                              : short_header,
                 shape == 2 ? 2 : 1);
        rig_ring_doorbell(r, VIRTIO_NET_CTRLQ);
        assert_true(rig_needs_reset(r));
        assert_int_equal(rig_count(r, NIC_RING_CTRL_SHAPE), 1);
        rig_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filter_at_start),
        cmocka_unit_test(test_filter_without_control_features),
        cmocka_unit_test(test_receive_modes),
        cmocka_unit_test(test_mac_tables_replace_each_other),
        cmocka_unit_test(test_tables_too_long_open_the_filter),
        cmocka_unit_test(test_address_can_be_changed),
        cmocka_unit_test(test_vlan_filter),
        cmocka_unit_test(test_commands_cut_anywhere_mean_the_same),
        cmocka_unit_test(test_bad_commands_are_refused),
        cmocka_unit_test(test_oversize_command_is_refused),
        cmocka_unit_test(test_commands_need_their_feature),
        cmocka_unit_test(test_command_without_acknowledgement_needs_a_reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
