/* SPDX-License-Identifier: MIT */
/* vionet's life, both builds: start and stop again and again, with every ledger at zero; and every
 * allocation of DriverEntry, initialize and restart failing once. */
#include "test_path_rig.h"

enum { CYCLES = 200 };

/* The parts of a machine that one cycle does not rebuild. */
struct box {
    struct registry *registry;
    struct port *wire, *far;
    struct nic *nic;
    char image[4096];
};

static void box_open(struct box *b, bool linked, uint16_t queue_size)
{
    struct nic_config nic = {.mac = {0x02, 0, 0, 0, 0, 1}, .queue_size = queue_size};
    struct why why = {0};

    b->registry = registry_new();
    registry_set_system(b->registry);
    if (path_fault_install(&why) < 0 || nt_start(1, &why) < 0 || ndis_start(&why) < 0 ||
        port_open("cable", &b->wire, &why) < 0 || nic_new(&nic, b->wire, &b->nic, &why) < 0)
        fail_msg("%s", why.text);
    b->far = port_cable_peer(b->wire);
    path_driver_path(linked, b->image, sizeof b->image);
}

static void box_close(struct box *b)
{
    nic_free(b->nic);
    port_free(b->far);
    port_free(b->wire);
    ndis_stop();
    nt_stop();
    registry_set_system(NULL);
    registry_free(b->registry);
}

struct cycle {
    struct nt_device *device;
    struct nt_driver *driver;
    struct ndis_adapter *adapter;
};

static void cycle_load(struct box *b, struct cycle *c)
{
    struct ndis_adapter_config config = {.name = "vionet"};
    struct why why = {0};

    if (nt_device_new(nic_pci(b->nic), &c->device, &why) < 0 ||
        nt_driver_load(b->image, "vionet", &c->driver, &why) < 0)
        fail_msg("%s", why.text);
    config.driver = c->driver;
    config.device = c->device;
    config.key = registry_open(b->registry, "HKEY_LOCAL_MACHINE\\SYSTEM\\Test", true);
    reg_set_sz(config.key, "*IfType", "6"); /* KEY-29: what the class installer leaves there */
    reg_set_sz(config.key, "*MediaType", "0");
    reg_set_sz(config.key, "*PhysicalMediaType", "14");
    if (ndis_adapter_new(&config, &c->adapter, &why) < 0)
        fail_msg("%s", why.text);
}

static void cycle_unload(struct cycle *c)
{
    ndis_adapter_free(c->adapter);
    assert_int_equal(nt_driver_unload(c->driver), 0);
    assert_int_equal(nt_dma_mapped(c->device), 0);
    nt_device_free(c->device);
}

/* GEN-1, GEN-8, GEN-9, GEN-10 */
static void cycles(bool linked)
{
    uint64_t findings = finding_count();
    struct box b;

    box_open(&b, linked, 0);
    for (unsigned i = 0; i < CYCLES; i++) {
        struct cycle c;

        cycle_load(&b, &c);
        assert_int_equal(ndis_adapter_initialize(c.adapter), NDIS_STATUS_SUCCESS);
        assert_int_equal(ndis_adapter_state(c.adapter), NDIS_ADAPTER_PAUSED);
        assert_int_equal(ndis_adapter_restart(c.adapter), NDIS_STATUS_SUCCESS);
        assert_int_equal(ndis_adapter_state(c.adapter), NDIS_ADAPTER_RUNNING);
        assert_int_equal(ndis_adapter_pause(c.adapter), NDIS_STATUS_SUCCESS);
        assert_int_equal(ndis_adapter_restart(c.adapter), NDIS_STATUS_SUCCESS);
        assert_int_equal(ndis_adapter_halt(c.adapter), NDIS_STATUS_SUCCESS);
        assert_int_equal(ndis_adapter_state(c.adapter), NDIS_ADAPTER_HALTED);
        assert_int_equal(nt_ledger_count(nt_driver_owner(c.driver), NT_RES_POOL_MEMORY), 0);
        cycle_unload(&c);
    }
    box_close(&b);
    assert_int_equal(finding_count() - findings, 0);
}

static void test_GEN_9_200_cycles_leave_nothing_linked(void **state)
{
    (void)state;
    cycles(true);
}

static void test_GEN_9_200_cycles_leave_nothing_sys(void **state)
{
    (void)state;
    cycles(false);
}

/* SEC-10, INIT-6, INIT-21: the n-th allocation of initialize fails, for every n there is. A failed
 * initialize leaves the ledger as DriverEntry left it. */
static void inject(bool linked)
{
    uint64_t findings = finding_count(), n, failures = 0;
    bool reached = true;
    struct box b;

    box_open(&b, linked, 8);
    for (n = 1; reached; n++) {
        struct cycle c;
        struct nt_owner *owner;
        uint64_t before;
        NDIS_STATUS status;

        cycle_load(&b, &c);
        owner = nt_driver_owner(c.driver);
        before = nt_ledger_total(owner);
        nt_fail_at(owner, n);
        status = ndis_adapter_initialize(c.adapter);
        if (status == NDIS_STATUS_SUCCESS && ndis_adapter_restart(c.adapter) == NDIS_STATUS_SUCCESS)
            assert_int_equal(ndis_adapter_pause(c.adapter), NDIS_STATUS_SUCCESS);
        reached = nt_allocations_asked(owner) >= n;
        if (status != NDIS_STATUS_SUCCESS) {
            failures++;
            assert_true(status == NDIS_STATUS_RESOURCES || status == NDIS_STATUS_FAILURE);
            assert_int_equal(ndis_adapter_state(c.adapter), NDIS_ADAPTER_HALTED);
            assert_int_equal(nt_ledger_total(owner), before);
        } else {
            assert_int_equal(ndis_adapter_restart(c.adapter), NDIS_STATUS_SUCCESS);
            assert_int_equal(ndis_adapter_halt(c.adapter), NDIS_STATUS_SUCCESS);
        }
        cycle_unload(&c);
    }
    box_close(&b);
    assert_true(failures > 30); /* else nothing was injected */
    assert_int_equal(finding_count() - findings, 0);
}

static void test_SEC_10_every_allocation_of_start_fails_once_linked(void **state)
{
    (void)state;
    inject(true);
}

static void test_SEC_10_every_allocation_of_start_fails_once_sys(void **state)
{
    (void)state;
    inject(false);
}

/* SEC-10: the same for DriverEntry. What it took is given back (else a finding GEN-10), and the
 * next load works. */
static void inject_entry(bool linked)
{
    uint64_t findings = finding_count(), n, asked = 0, failures = 0;
    struct box b;

    box_open(&b, linked, 8);
    for (n = 1; n <= asked + 1; n++) {
        struct nt_driver *driver;
        struct why why = {0};
        int err;

        nt_fail_next_owner_at(n);
        err = nt_driver_load(b.image, "vionet", &driver, &why);
        if (err < 0) {
            assert_int_equal(err, -ECANCELED);
            failures++;
            asked = n; /* there is at least one more to try */
            continue;
        }
        asked = nt_allocations_asked(nt_driver_owner(driver));
        assert_int_equal(nt_driver_unload(driver), 0);
    }
    nt_fail_next_owner_at(0);
    box_close(&b);
    assert_true(failures > 0);
    assert_int_equal(finding_count() - findings, 0);
}

static void test_SEC_10_every_allocation_of_entry_fails_once_linked(void **state)
{
    (void)state;
    inject_entry(true);
}

static void test_SEC_10_every_allocation_of_entry_fails_once_sys(void **state)
{
    (void)state;
    inject_entry(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_GEN_9_200_cycles_leave_nothing_linked),
        cmocka_unit_test(test_GEN_9_200_cycles_leave_nothing_sys),
        cmocka_unit_test(test_SEC_10_every_allocation_of_start_fails_once_linked),
        cmocka_unit_test(test_SEC_10_every_allocation_of_start_fails_once_sys),
        cmocka_unit_test(test_SEC_10_every_allocation_of_entry_fails_once_linked),
        cmocka_unit_test(test_SEC_10_every_allocation_of_entry_fails_once_sys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
