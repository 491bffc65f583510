/* SPDX-License-Identifier: MIT */
/* Negotiation, status and queue set-up: each refusal, each feature withheld, reset. */
#include "test_nic_rig.h"

#define F(bit) VIRTIO_FEATURE(bit)

static void test_offer_is_the_mask_of_all_features(void **state)
{
    struct rig *r = rig_new(NULL);

    (void)state;
    assert_int_equal(rig_offered(r), nic_features_all());
    assert_int_equal(nic_offered(r->nic), nic_features_all());
    RIG_SET(r, device_feature_select, 2);
    assert_int_equal(RIG_GET(r, device_feature), 0);
    rig_free(r);
}

static void test_each_feature_can_be_withheld(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        struct nic_config config = rig_default;
        struct rig *r;

        if (!nic_feature_name(bit) || bit == VIRTIO_F_VERSION_1)
            continue;
        config.features_withheld = F(bit);
        r = rig_new(&config);
        assert_int_equal(rig_offered(r) & F(bit), 0);
        /* What the card still offers can all be taken together, and what it does not is refused. */
        assert_true(rig_negotiate(r, rig_offered(r)));
        assert_int_equal(nic_negotiated(r->nic), rig_offered(r));
        assert_false(rig_negotiate(r, rig_offered(r) | F(bit)));
        assert_int_equal(rig_count(r, NIC_FEATURES_NOT_OFFERED), 1);
        assert_int_equal(nic_negotiated(r->nic), 0);
        rig_free(r);
    }
}

static void test_withholding_takes_dependents_along_and_says_so(void **state)
{
    static const struct {
        uint64_t withheld, along;
    } cases[] = {
        {F(VIRTIO_NET_F_CSUM), F(VIRTIO_NET_F_HOST_TSO4) | F(VIRTIO_NET_F_HOST_TSO6) |
                                   F(VIRTIO_NET_F_HOST_ECN) | NIC_VENDOR(LONGSHORE_F_IPCSUM) |
                                   NIC_VENDOR(LONGSHORE_F_ID15)},
        {F(VIRTIO_NET_F_HOST_TSO4), NIC_VENDOR(LONGSHORE_F_ID15)},
        {F(VIRTIO_NET_F_HOST_TSO6), 0},
        {F(VIRTIO_NET_F_HOST_TSO4) | F(VIRTIO_NET_F_HOST_TSO6),
         F(VIRTIO_NET_F_HOST_ECN) | NIC_VENDOR(LONGSHORE_F_ID15)},
        {F(VIRTIO_NET_F_CTRL_VQ),
         F(VIRTIO_NET_F_CTRL_RX) | F(VIRTIO_NET_F_CTRL_VLAN) | F(VIRTIO_NET_F_CTRL_MAC_ADDR)},
        {F(VIRTIO_NET_F_GUEST_CSUM), NIC_VENDOR(LONGSHORE_F_VERDICTS)},
        {NIC_VENDOR_MASK, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct nic_config config = rig_default;
        struct rig *r;

        config.features_withheld = cases[i].withheld;
        r = rig_new(&config);
        assert_int_equal(nic_withheld_with(r->nic), cases[i].along);
        assert_int_equal(rig_offered(r), nic_features_all() & ~cases[i].withheld & ~cases[i].along);
        rig_free(r);
    }
}

static void test_feature_names_go_both_ways(void **state)
{
    struct why why = {0};
    uint64_t mask = 1;

    (void)state;
    assert_int_equal(nic_features_parse("", &mask, &why), 0);
    assert_int_equal(mask, 0);
    assert_int_equal(nic_features_parse("csum,guest_csum,host_tso4", &mask, &why), 0);
    assert_int_equal(mask,
                     F(VIRTIO_NET_F_CSUM) | F(VIRTIO_NET_F_GUEST_CSUM) | F(VIRTIO_NET_F_HOST_TSO4));
    for (unsigned bit = 0; bit < 64; bit++)
        if (nic_feature_name(bit)) {
            assert_int_equal(nic_features_parse(nic_feature_name(bit), &mask, &why), 0);
            assert_int_equal(mask, F(bit));
        }
    assert_int_equal(nic_features_parse("csum,tso9", &mask, &why), -EINVAL);
    assert_non_null(strstr(why.text, "tso9"));
    assert_int_equal(nic_features_parse("csum,,mac", &mask, &why), -EINVAL);
    assert_int_equal(nic_features_parse("csu", &mask, &why), -EINVAL);
}

static void test_features_ok_is_refused_for_each_reason(void **state)
{
    static const struct {
        uint64_t features;
        enum nic_counter cause;
    } cases[] = {
        {F(VIRTIO_F_VERSION_1) | F(VIRTIO_F_ACCESS_PLATFORM) | F(VIRTIO_F_RING_PACKED),
         NIC_FEATURES_NOT_OFFERED},
        {F(VIRTIO_F_ACCESS_PLATFORM), NIC_FEATURES_NO_VERSION_1},
        {F(VIRTIO_F_VERSION_1), NIC_FEATURES_NO_PLATFORM},
        {F(VIRTIO_F_VERSION_1) | F(VIRTIO_F_ACCESS_PLATFORM) | F(VIRTIO_NET_F_HOST_TSO4),
         NIC_FEATURES_DEPENDENCY},
        {F(VIRTIO_F_VERSION_1) | F(VIRTIO_F_ACCESS_PLATFORM) | F(VIRTIO_NET_F_HOST_TSO6),
         NIC_FEATURES_DEPENDENCY},
        {F(VIRTIO_F_VERSION_1) | F(VIRTIO_F_ACCESS_PLATFORM) | F(VIRTIO_NET_F_CSUM) |
             F(VIRTIO_NET_F_HOST_ECN),
         NIC_FEATURES_DEPENDENCY},
        {F(VIRTIO_F_VERSION_1) | F(VIRTIO_F_ACCESS_PLATFORM) | F(VIRTIO_NET_F_CTRL_RX),
         NIC_FEATURES_DEPENDENCY},
        {F(VIRTIO_F_VERSION_1) | F(VIRTIO_F_ACCESS_PLATFORM) | F(VIRTIO_NET_F_CTRL_VLAN),
         NIC_FEATURES_DEPENDENCY},
        {F(VIRTIO_F_VERSION_1) | F(VIRTIO_F_ACCESS_PLATFORM) | F(VIRTIO_NET_F_CTRL_MAC_ADDR),
         NIC_FEATURES_DEPENDENCY},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig *r = rig_new(NULL);

        assert_false(rig_negotiate(r, cases[i].features));
        assert_int_equal(rig_count(r, cases[i].cause), 1);
        assert_int_equal(nic_negotiated(r->nic), 0);
        /* The driver may mend its choice without a reset. */
        RIG_SET(r, driver_feature_select, 0);
        RIG_SET(r, driver_feature, 0);
        RIG_SET(r, driver_feature_select, 1);
        RIG_SET(r, driver_feature, (uint32_t)(rig_base_features >> 32));
        RIG_SET(r, device_status, 0xb);
        assert_int_equal(RIG_GET(r, device_status), 0xb);
        rig_free(r);
    }
}

static void test_features_are_closed_once_accepted(void **state)
{
    struct rig *r = rig_new(NULL);

    (void)state;
    assert_true(rig_negotiate(r, rig_base_features));
    RIG_SET(r, driver_feature_select, 0);
    RIG_SET(r, driver_feature, F(VIRTIO_NET_F_CSUM));
    assert_int_equal(RIG_GET(r, driver_feature), 0);
    assert_int_equal(rig_count(r, NIC_REG_BAD_VALUE), 1);
    assert_int_equal(nic_negotiated(r->nic), rig_base_features);
    rig_free(r);
}

static void test_status_bits_come_in_order_and_stay(void **state)
{
    struct rig *r = rig_new(NULL);

    (void)state;
    RIG_SET(r, device_status, VIRTIO_STATUS_FEATURES_OK); /* without DRIVER */
    assert_int_equal(RIG_GET(r, device_status), 0);
    RIG_SET(r, device_status, 3 | VIRTIO_STATUS_DRIVER_OK); /* without FEATURES_OK */
    assert_int_equal(RIG_GET(r, device_status), 3);
    RIG_SET(r, device_status, VIRTIO_STATUS_DRIVER); /* ACKNOWLEDGE cannot be taken back */
    assert_int_equal(RIG_GET(r, device_status), 3);
    assert_int_equal(rig_count(r, NIC_STATUS_BAD), 3);
    RIG_SET(r, device_status, 3 | VIRTIO_STATUS_FAILED);
    assert_int_equal(RIG_GET(r, device_status), 3 | VIRTIO_STATUS_FAILED);
    RIG_SET(r, device_status, 3 | VIRTIO_STATUS_FAILED | VIRTIO_STATUS_NEEDS_RESET);
    assert_false(rig_needs_reset(r)); /* the device's bit */
    RIG_SET(r, device_status, 0);
    assert_int_equal(RIG_GET(r, device_status), 0);
    rig_free(r);
}

static void test_queue_registers_keep_what_is_allowed(void **state)
{
    struct rig *r = rig_new(NULL);

    (void)state;
    assert_true(rig_negotiate(r, rig_base_features));
    for (unsigned i = 0; i < 3; i++) {
        RIG_SET(r, queue_select, i);
        assert_int_equal(RIG_GET(r, queue_size), NIC_DEFAULT_QUEUE_SIZE);
        assert_int_equal(RIG_GET(r, queue_msix_vector), VIRTIO_MSI_NO_VECTOR);
        assert_int_equal(RIG_GET(r, queue_enable), 0);
        RIG_SET(r, queue_desc_lo, 0x11111110);
        RIG_SET(r, queue_desc_hi, 1);
        RIG_SET(r, queue_driver_lo, 0x22222222);
        RIG_SET(r, queue_driver_hi, 2);
        RIG_SET(r, queue_device_lo, 0x33333334);
        RIG_SET(r, queue_device_hi, 3);
        assert_int_equal(RIG_GET(r, queue_desc_lo), 0x11111110);
        assert_int_equal(RIG_GET(r, queue_desc_hi), 1);
        assert_int_equal(RIG_GET(r, queue_driver_lo), 0x22222222);
        assert_int_equal(RIG_GET(r, queue_driver_hi), 2);
        assert_int_equal(RIG_GET(r, queue_device_lo), 0x33333334);
        assert_int_equal(RIG_GET(r, queue_device_hi), 3);
    }
    RIG_SET(r, queue_select, 3);
    assert_int_equal(RIG_GET(r, queue_size), 0);
    RIG_SET(r, queue_size, 64);
    assert_int_equal(rig_count(r, NIC_REG_BAD_VALUE), 1);
    rig_free(r);
}

static void test_queue_size_must_be_a_power_of_two_within_the_offer(void **state)
{
    static const uint16_t bad[] = {0, 3, 255, 512, 65535};
    struct rig *r = rig_new(NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        RIG_SET(r, queue_size, bad[i]);
        assert_int_equal(RIG_GET(r, queue_size), NIC_DEFAULT_QUEUE_SIZE);
        assert_int_equal(rig_count(r, NIC_REG_BAD_VALUE), i + 1);
    }
    RIG_SET(r, queue_size, 1);
    assert_int_equal(RIG_GET(r, queue_size), 1);
    rig_free(r);
}

static void test_queue_is_closed_once_enabled(void **state)
{
    struct rig *r = rig_new(NULL);

    (void)state;
    rig_queue(r, 0, 64); /* before FEATURES_OK */
    assert_int_equal(RIG_GET(r, queue_enable), 0);
    assert_int_equal(rig_count(r, NIC_REG_BAD_VALUE), 1);
    assert_true(rig_negotiate(r, rig_base_features));
    rig_queue(r, 0, 64);
    assert_int_equal(RIG_GET(r, queue_enable), 1);
    RIG_SET(r, queue_size, 32);
    RIG_SET(r, queue_desc_lo, 0);
    RIG_SET(r, queue_enable, 0);
    RIG_SET(r, queue_enable, 1);
    assert_int_equal(RIG_GET(r, queue_size), 64);
    assert_int_equal(RIG_GET(r, queue_desc_lo), RIG_MEM_AT);
    assert_int_equal(rig_count(r, NIC_REG_BAD_VALUE), 5);
    rig_free(r);
}

static void test_control_queue_goes_with_its_feature(void **state)
{
    struct nic_config config = rig_default;
    struct rig *r = rig_new(NULL);

    (void)state;
    assert_true(rig_negotiate(r, rig_base_features));
    rig_queue(r, 2, 64);
    assert_int_equal(RIG_GET(r, queue_enable), 0); /* not negotiated */
    rig_free(r);
    config.features_withheld = F(VIRTIO_NET_F_CTRL_VQ);
    r = rig_new(&config);
    assert_int_equal(RIG_GET(r, num_queues), 2);
    RIG_SET(r, queue_select, 2);
    assert_int_equal(RIG_GET(r, queue_size), 0);
    rig_free(r);
}

static void test_registers_take_their_own_width_only(void **state)
{
    struct rig *r = rig_new(NULL);

    (void)state;
    rig_write(r, RIG_COMMON + RIG_FIELD(device_status), 2, 1);
    rig_write(r, RIG_COMMON + RIG_FIELD(queue_select), 4, 1);
    rig_write(r, RIG_COMMON + RIG_FIELD(device_feature), 4, 1);
    rig_write(r, RIG_COMMON + RIG_FIELD(num_queues), 2, 1);
    rig_write(r, RIG_COMMON + RIG_FIELD(queue_notify_off), 2, 1);
    rig_write(r, RIG_DEVICE, 1, 1);
    assert_int_equal(rig_count(r, NIC_REG_BAD_WRITE), 6);
    assert_int_equal(RIG_GET(r, device_status), 0);
    /* A 64-bit access is two of 32 bits. */
    r->fn->ops->bar_write(r->fn, 0, RIG_FIELD(queue_desc_lo), 8, 0x123456789abcdef0ull);
    assert_int_equal(r->fn->ops->bar_read(r->fn, 0, RIG_FIELD(queue_desc_lo), 8),
                     0x123456789abcdef0ull);
    rig_free(r);
}

static void test_device_configuration_shows_what_is_offered(void **state)
{
    struct nic_config config = rig_default;
    struct rig *r;

    (void)state;
    config.mtu = 9000;
    r = rig_new(&config);
    assert_int_equal(rig_read(r, RIG_DEVICE, 4), 2);
    assert_int_equal(rig_read(r, RIG_DEVICE + 5, 1), 1);
    assert_int_equal(rig_read(r, RIG_DEVICE + 6, 2), VIRTIO_NET_S_LINK_UP);
    assert_int_equal(rig_read(r, RIG_DEVICE + 10, 2), 9000);
    rig_free(r);
    config.features_withheld = F(VIRTIO_NET_F_MAC) | F(VIRTIO_NET_F_MTU) | F(VIRTIO_NET_F_STATUS);
    r = rig_new(&config);
    for (uint32_t at = 0; at < sizeof(struct virtio_net_config); at++)
        assert_int_equal(rig_read(r, RIG_DEVICE + at, 1), 0);
    rig_free(r);
}

static void test_link_change_is_told_and_moves_the_generation(void **state)
{
    struct rig *r = rig_up(NULL, F(VIRTIO_NET_F_STATUS));
    uint32_t before = RIG_GET(r, config_generation);

    (void)state;
    nic_set_link(r->nic, false);
    nic_set_link(r->nic, false);
    assert_int_equal(r->messages[3], 1);
    assert_int_equal(rig_read(r, RIG_DEVICE + 6, 2), 0);
    assert_int_not_equal(RIG_GET(r, config_generation), before);
    before = RIG_GET(r, config_generation);
    assert_int_equal(rig_read(r, RIG_DEVICE + 6, 2), 0);
    assert_int_equal(RIG_GET(r, config_generation), before);
    nic_set_link(r->nic, true);
    assert_int_equal(rig_read(r, RIG_DEVICE + 6, 2), VIRTIO_NET_S_LINK_UP);
    rig_free(r);
    r = rig_up(NULL, 0);
    nic_set_link(r->nic, false);
    assert_int_equal(r->messages[3], 0); /* the driver knows of no link */
    rig_free(r);
}

static void test_reset_forgets_everything_but_the_link(void **state)
{
    struct rig *r = rig_up(NULL, F(VIRTIO_NET_F_CTRL_VQ));

    (void)state;
    nic_set_link(r->nic, false);
    RIG_SET(r, device_status, 0);
    assert_int_equal(RIG_GET(r, device_status), 0);
    assert_int_equal(RIG_GET(r, config_msix_vector), VIRTIO_MSI_NO_VECTOR);
    assert_int_equal(nic_negotiated(r->nic), 0);
    for (unsigned i = 0; i < 3; i++) {
        RIG_SET(r, queue_select, i);
        assert_int_equal(RIG_GET(r, queue_enable), 0);
        assert_int_equal(RIG_GET(r, queue_size), NIC_DEFAULT_QUEUE_SIZE);
        assert_int_equal(RIG_GET(r, queue_desc_lo), 0);
        assert_int_equal(RIG_GET(r, queue_msix_vector), VIRTIO_MSI_NO_VECTOR);
    }
    assert_false(nic_link(r->nic));
    assert_true(rig_negotiate(r, nic_features_all()));
    rig_free(r);
}

static void test_one_queue_can_be_reset_when_negotiated(void **state)
{
    struct rig *r = rig_up(NULL, F(VIRTIO_F_RING_RESET));

    (void)state;
    RIG_SET(r, queue_select, 1);
    RIG_SET(r, queue_reset, 1);
    assert_int_equal(RIG_GET(r, queue_reset), 0);
    assert_int_equal(RIG_GET(r, queue_enable), 0);
    RIG_SET(r, queue_select, 0);
    assert_int_equal(RIG_GET(r, queue_enable), 1);
    rig_queue(r, 1, 32); /* runs at once: DRIVER_OK still stands */
    RIG_SET(r, queue_select, 1);
    assert_int_equal(RIG_GET(r, queue_enable), 1);
    rig_kick_tx(r);
    assert_int_equal(rig_count(r, NIC_DOORBELL_BAD), 0);
    rig_free(r);
    r = rig_up(NULL, 0);
    RIG_SET(r, queue_select, 1);
    RIG_SET(r, queue_reset, 1);
    assert_int_equal(RIG_GET(r, queue_enable), 1);
    assert_int_equal(rig_count(r, NIC_REG_BAD_VALUE), 1);
    rig_free(r);
}

static void test_stray_doorbells_are_counted(void **state)
{
    struct rig *r = rig_new(NULL);

    (void)state;
    rig_kick_tx(r); /* not running */
    rig_write(r, RIG_NOTIFY + 4 * 3, 2, 3);
    rig_write(r, RIG_NOTIFY + 2, 2, 0);
    rig_write(r, RIG_NOTIFY + 4, 2, 0); /* value of another queue */
    assert_int_equal(rig_count(r, NIC_DOORBELL_BAD), 4);
    assert_int_equal(rig_count(r, NIC_DOORBELLS), 4);
    rig_free(r);
}

/* A ring that is not all in memory the card may reach: §2.1.2 gives the answer. */
static void test_unusable_rings_need_a_reset(void **state)
{
    static const struct {
        uint64_t desc, avail, used;
        enum nic_counter cause;
    } cases[] = {
        {RIG_MEM_AT + 8, RIG_MEM_AT + 0x8000, RIG_MEM_AT + 0xa000, NIC_RING_MISALIGNED},
        {RIG_MEM_AT, RIG_MEM_AT + 0x8001, RIG_MEM_AT + 0xa000, NIC_RING_MISALIGNED},
        {RIG_MEM_AT, RIG_MEM_AT + 0x8000, RIG_MEM_AT + 0xa002, NIC_RING_MISALIGNED},
        {0, RIG_MEM_AT + 0x8000, RIG_MEM_AT + 0xa000, NIC_RING_UNMAPPED},
        {RIG_MEM_AT, RIG_MEM_AT + RIG_MEM_BYTES - 4, RIG_MEM_AT + 0xa000, NIC_RING_UNMAPPED},
        {RIG_MEM_AT, RIG_MEM_AT + 0x8000, 0xfffffffffffffff0ull, NIC_RING_UNMAPPED},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig *r = rig_new(NULL);

        assert_true(rig_negotiate(r, rig_base_features));
        RIG_SET(r, queue_select, 1);
        r->fn->ops->bar_write(r->fn, 0, RIG_FIELD(queue_desc_lo), 8, cases[i].desc);
        r->fn->ops->bar_write(r->fn, 0, RIG_FIELD(queue_driver_lo), 8, cases[i].avail);
        r->fn->ops->bar_write(r->fn, 0, RIG_FIELD(queue_device_lo), 8, cases[i].used);
        RIG_SET(r, queue_enable, 1);
        assert_int_equal(RIG_GET(r, queue_enable), 0);
        assert_true(rig_needs_reset(r));
        assert_int_equal(rig_count(r, cases[i].cause), 1);
        rig_free(r);
    }
}

static void test_unplugged_card_makes_no_bus_call(void **state)
{
    struct rig *r = rig_up(NULL, F(VIRTIO_NET_F_STATUS));
    static const uint8_t frame[60] = {2, 0, 0, 0, 0, 1};

    (void)state;
    r->fn->ops->plugged(r->fn, NULL);
    r->bus.ops = NULL; /* a call would crash */
    nic_set_link(r->nic, false);
    rig_kick_tx(r);
    rig_wire_put(r, frame, sizeof frame);
    assert_int_equal(nic_wire_ready(r->nic), 1);
    rig_read(r, RIG_ISR, 1);
    assert_true(rig_negotiate(r, rig_base_features));
    RIG_SET(r, queue_enable, 1);
    assert_int_equal(RIG_GET(r, queue_enable), 0);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offer_is_the_mask_of_all_features),
        cmocka_unit_test(test_each_feature_can_be_withheld),
        cmocka_unit_test(test_withholding_takes_dependents_along_and_says_so),
        cmocka_unit_test(test_feature_names_go_both_ways),
        cmocka_unit_test(test_features_ok_is_refused_for_each_reason),
        cmocka_unit_test(test_features_are_closed_once_accepted),
        cmocka_unit_test(test_status_bits_come_in_order_and_stay),
        cmocka_unit_test(test_queue_registers_keep_what_is_allowed),
        cmocka_unit_test(test_queue_size_must_be_a_power_of_two_within_the_offer),
        cmocka_unit_test(test_queue_is_closed_once_enabled),
        cmocka_unit_test(test_control_queue_goes_with_its_feature),
        cmocka_unit_test(test_registers_take_their_own_width_only),
        cmocka_unit_test(test_device_configuration_shows_what_is_offered),
        cmocka_unit_test(test_link_change_is_told_and_moves_the_generation),
        cmocka_unit_test(test_reset_forgets_everything_but_the_link),
        cmocka_unit_test(test_one_queue_can_be_reset_when_negotiated),
        cmocka_unit_test(test_stray_doorbells_are_counted),
        cmocka_unit_test(test_unusable_rings_need_a_reset),
        cmocka_unit_test(test_unplugged_card_makes_no_bus_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
