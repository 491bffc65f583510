/* SPDX-License-Identifier: MIT */
/* The card as a PCI function: identity, BARs, capabilities, the window into a BAR, interrupts by
 * message and by line. */
#include "test_nic_rig.h"

static uint32_t get(struct rig *r, uint32_t offset, uint32_t size)
{
    return r->fn->ops->config_read(r->fn, offset, size);
}

static void set(struct rig *r, uint32_t offset, uint32_t size, uint32_t value)
{
    r->fn->ops->config_write(r->fn, offset, size, value);
}

static void test_identity_is_a_modern_network_card(void **state)
{
    struct rig *r = rig_new(NULL);

    (void)state;
    assert_int_equal(get(r, 0x00, 2), 0x1af4);
    assert_int_equal(get(r, 0x02, 2), 0x1041);
    assert_int_equal(get(r, 0x00, 4), 0x10411af4);
    assert_true(get(r, 0x08, 1) >= 1);
    assert_int_equal(get(r, 0x0a, 2), 0x0200);
    assert_true(get(r, 0x2e, 2) >= 0x40);
    assert_int_equal(get(r, 0x06, 2) & 0x10, 0x10);
    assert_int_equal(get(r, 0x3d, 1), 1);
    set(r, 0x00, 4, 0);
    assert_int_equal(get(r, 0x00, 4), 0x10411af4);
    rig_free(r);
}

static void test_bars_size_as_pci_says(void **state)
{
    struct rig *r = rig_new(NULL);

    (void)state;
    for (unsigned bar = 0; bar < PCI_BAR_COUNT; bar += 2) {
        uint64_t bytes = r->fn->bar_bytes[bar];

        set(r, 0x10 + 4 * bar, 4, 0xffffffff);
        set(r, 0x14 + 4 * bar, 4, 0xffffffff);
        if (bytes == 0) {
            assert_int_equal(get(r, 0x10 + 4 * bar, 4), 0);
            continue;
        }
        assert_true(bytes >= 4096 && (bytes & (bytes - 1)) == 0);
        assert_int_equal(get(r, 0x10 + 4 * bar, 4), (uint32_t) ~(bytes - 1) | 4);
        assert_int_equal(get(r, 0x14 + 4 * bar, 4), 0xffffffff);
        set(r, 0x10 + 4 * bar, 4, 0xfe000000);
        assert_int_equal(get(r, 0x10 + 4 * bar, 4), 0xfe000004);
    }
    rig_free(r);
}

static void test_capability_list_ends_and_has_each_structure(void **state)
{
    struct rig *r = rig_new(NULL);
    unsigned seen = 0, caps = 0;

    (void)state;
    for (uint32_t at = get(r, 0x34, 1); at; at = get(r, at + 1, 1)) {
        assert_true(at >= 0x40 && at % 4 == 0);
        assert_true(++caps < 48);
        if (get(r, at, 1) == 0x11) {
            seen |= 1;
            continue;
        }
        assert_int_equal(get(r, at, 1), 0x09);
        assert_true(at + get(r, at + 2, 1) <= 256);
        seen |= 1u << get(r, at + 3, 1);
        if (get(r, at + 3, 1) == VIRTIO_PCI_CAP_VENDOR_CFG)
            assert_int_equal(get(r, at + 4, 2), LONGSHORE_VIRTIO_VENDOR);
        else if (get(r, at + 3, 1) != VIRTIO_PCI_CAP_PCI_CFG)
            assert_true(get(r, at + 8, 4) + get(r, at + 12, 4) <=
                        r->fn->bar_bytes[get(r, at + 4, 1)]);
    }
    assert_int_equal(seen, 0x3f | 1u << VIRTIO_PCI_CAP_VENDOR_CFG);
    rig_free(r);
}

static void test_notify_capability_covers_each_queue(void **state)
{
    struct rig *r = rig_new(NULL);
    uint32_t at = rig_cap(r, 0x09, VIRTIO_PCI_CAP_NOTIFY_CFG);
    uint32_t multiplier = get(r, at + 16, 4);

    (void)state;
    for (unsigned i = 0; i < RIG_GET(r, num_queues); i++) {
        RIG_SET(r, queue_select, i);
        assert_true(get(r, at + 12, 4) >= RIG_GET(r, queue_notify_off) * multiplier + 2);
    }
    rig_free(r);
}

static void test_window_reaches_the_registers(void **state)
{
    struct rig *r = rig_new(NULL);
    uint32_t at = rig_cap(r, 0x09, VIRTIO_PCI_CAP_PCI_CFG);

    (void)state;
    set(r, at + 4, 1, 0);
    set(r, at + 8, 4, RIG_COMMON + RIG_FIELD(queue_select));
    set(r, at + 12, 4, 2);
    set(r, at + 16, 2, 1);
    assert_int_equal(RIG_GET(r, queue_select), 1);
    set(r, at + 8, 4, RIG_COMMON + RIG_FIELD(num_queues));
    assert_int_equal(get(r, at + 16, 2), 3);
    rig_free(r);
}

static void test_window_refuses_what_is_no_register(void **state)
{
    static const struct {
        uint32_t bar, offset, length;
    } bad[] = {{1, 0, 4},          {6, 0, 4},          {255, 0, 4}, {0, 0x4000, 4},
               {0, 0xfffffffc, 4}, {0, 2, 4},          {0, 0, 0},   {0, 0, 3},
               {0, 0, 8},          {0, 0, 0xffffffff}, {0, 1, 2},   {2, 0x1000, 1}};
    struct rig *r = rig_new(NULL);
    uint32_t at = rig_cap(r, 0x09, VIRTIO_PCI_CAP_PCI_CFG);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        set(r, at + 4, 1, bad[i].bar);
        set(r, at + 8, 4, bad[i].offset);
        set(r, at + 12, 4, bad[i].length);
        get(r, at + 16, 4);
        set(r, at + 16, 4, 0x55);
        assert_int_equal(rig_count(r, NIC_REG_BAD_READ), i + 1);
        assert_int_equal(rig_count(r, NIC_REG_BAD_WRITE), i + 1);
    }
    rig_free(r);
}

static void test_every_byte_of_config_space_can_be_read_and_written(void **state)
{
    struct rig *r = rig_new(NULL);

    (void)state;
    for (uint32_t size = 1; size <= 4; size *= 2)
        for (uint32_t at = 0; at < 256; at += size) {
            uint32_t before = get(r, at, size);

            set(r, at, size, ~before);
            get(r, at, size);
            set(r, at, size, before);
        }
    assert_int_equal(get(r, 0, 4), 0x10411af4);
    rig_free(r);
}

static void test_every_register_can_be_read_and_written(void **state)
{
    struct rig *r = rig_new(NULL);

    (void)state;
    for (uint32_t bar = 0; bar < PCI_BAR_COUNT; bar++)
        for (uint32_t size = 1; size <= 8; size *= 2)
            for (uint64_t at = 0; at < r->fn->bar_bytes[bar]; at += size) {
                r->fn->ops->bar_read(r->fn, bar, at, size);
                r->fn->ops->bar_write(r->fn, bar, at, size, 0x0101010101010101ull);
            }
    rig_free(r);
}

static void test_msix_table_is_masked_storage(void **state)
{
    struct rig *r = rig_new(NULL);

    (void)state;
    assert_int_equal(r->fn->msix_vectors, NIC_DEFAULT_VECTORS);
    assert_int_equal(get(r, rig_cap(r, 0x11, -1) + 2, 2) & 0x7ff, NIC_DEFAULT_VECTORS - 1);
    assert_int_equal(r->fn->ops->bar_read(r->fn, 2, 12, 4), 1);
    r->fn->ops->bar_write(r->fn, 2, 0, 8, 0xfee00000deadbeefull);
    assert_int_equal(r->fn->ops->bar_read(r->fn, 2, 0, 8), 0xfee00000deadbeefull);
    r->fn->ops->bar_write(r->fn, 2, 0x800, 4, 1);
    assert_int_equal(r->fn->ops->bar_read(r->fn, 2, 0x800, 4), 0);
    rig_free(r);
}

static void test_line_only_card_has_no_messages(void **state)
{
    struct nic_config config = rig_default;
    struct rig *r;

    (void)state;
    config.line_only = true;
    r = rig_new(&config);
    assert_int_equal(r->fn->msix_vectors, 0);
    assert_int_equal(rig_cap(r, 0x11, -1), 0);
    assert_int_equal(r->fn->bar_bytes[2], 0);
    RIG_SET(r, config_msix_vector, 0);
    assert_int_equal(RIG_GET(r, config_msix_vector), VIRTIO_MSI_NO_VECTOR);
    rig_free(r);
}

/* §4.1.4.5: line and status byte until MSI-X is enabled; reading the byte lowers the line. */
static void test_line_interrupt_follows_the_status_byte(void **state)
{
    struct rig *r = rig_new(NULL);

    (void)state;
    assert_true(rig_negotiate(r, rig_base_features | VIRTIO_FEATURE(VIRTIO_NET_F_STATUS)));
    rig_driver_ok(r);
    nic_set_link(r->nic, false);
    assert_true(r->line);
    assert_int_equal(get(r, 0x06, 2) & 8, 8);
    assert_int_equal(rig_read(r, RIG_ISR, 1), VIRTIO_PCI_ISR_CONFIG);
    assert_false(r->line);
    assert_int_equal(get(r, 0x06, 2) & 8, 0);
    assert_int_equal(rig_read(r, RIG_ISR, 1), 0);

    set(r, 0x04, 2, 0x0406); /* disabled in the command register: pending, but not raised */
    nic_set_link(r->nic, true);
    assert_false(r->line);
    set(r, 0x04, 2, 0x0006);
    assert_true(r->line);
    rig_free(r);
}

static void test_message_interrupt_needs_a_vector(void **state)
{
    struct rig *r = rig_up(NULL, VIRTIO_FEATURE(VIRTIO_NET_F_STATUS));

    (void)state;
    nic_set_link(r->nic, false);
    assert_int_equal(r->messages[3], 1);
    assert_false(r->line);
    RIG_SET(r, config_msix_vector, VIRTIO_MSI_NO_VECTOR);
    nic_set_link(r->nic, true);
    assert_int_equal(r->messages[3], 1);
    RIG_SET(r, config_msix_vector, NIC_DEFAULT_VECTORS);
    assert_int_equal(RIG_GET(r, config_msix_vector), VIRTIO_MSI_NO_VECTOR);
    rig_free(r);
}

static void test_bad_configurations_are_refused_with_a_reason(void **state)
{
    struct nic_config bad[] = {
        {.mtu = 67},          {.queue_size = 3},
        {.queue_size = 2048}, {.msix_vectors = NIC_MAX_VECTORS + 1},
        {.mac = {1}},         {.features_withheld = VIRTIO_FEATURE(VIRTIO_F_VERSION_1)},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct nic *nic = NULL;
        struct why why = {0};

        assert_int_equal(nic_new(&bad[i], NULL, &nic, &why), -EINVAL);
        assert_null(nic);
        assert_true(why.text[0] != '\0');
    }
    nic_free(NULL);
}

static void test_every_counter_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NIC_COUNTERS; i++) {
        assert_non_null(nic_counter_name(i));
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(nic_counter_name(i), nic_counter_name(j));
    }
    assert_null(nic_counter_name(NIC_COUNTERS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity_is_a_modern_network_card),
        cmocka_unit_test(test_bars_size_as_pci_says),
        cmocka_unit_test(test_capability_list_ends_and_has_each_structure),
        cmocka_unit_test(test_notify_capability_covers_each_queue),
        cmocka_unit_test(test_window_reaches_the_registers),
        cmocka_unit_test(test_window_refuses_what_is_no_register),
        cmocka_unit_test(test_every_byte_of_config_space_can_be_read_and_written),
        cmocka_unit_test(test_every_register_can_be_read_and_written),
        cmocka_unit_test(test_msix_table_is_masked_storage),
        cmocka_unit_test(test_line_only_card_has_no_messages),
        cmocka_unit_test(test_line_interrupt_follows_the_status_byte),
        cmocka_unit_test(test_message_interrupt_needs_a_vector),
        cmocka_unit_test(test_bad_configurations_are_refused_with_a_reason),
        cmocka_unit_test(test_every_counter_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
