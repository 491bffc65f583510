/* SPDX-License-Identifier: MIT */
/* Interrupts, their DPCs, and what else claims hardware: src/ndis/{interrupt,pnp}.c. */
#include "test_ndis_rig.h"

#include "test_ndis_device.h"

static struct {
    NDIS_HANDLE handle;
    NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS chars;
    NDIS_STATUS status;
    bool msi, together, leave;
    _Atomic(bool) restless;
    _Atomic(int) isrs, dpcs;
    ULONG last_message;
    uint8_t isr_irql, dpc_irql;
    void *dpc_context;
    ULONG targets;
    BOOLEAN queue_default;
} seen;

static BOOLEAN isr(PBOOLEAN queue_default, PULONG targets)
{
    seen.isr_irql = nt_thread_self()->irql;
    *queue_default = seen.queue_default;
    *targets = seen.targets;
    function.bus->ops->line(function.bus, false);
    atomic_fetch_add(&seen.isrs, 1);
    return TRUE;
}

static BOOLEAN NTAPI on_line(NDIS_HANDLE context, PBOOLEAN queue_default, PULONG targets)
{
    assert_ptr_equal(context, &seen);
    return isr(queue_default, targets);
}

static BOOLEAN NTAPI on_message(NDIS_HANDLE context, ULONG message, PBOOLEAN queue_default,
                                PULONG targets)
{
    (void)context;
    seen.last_message = message;
    return isr(queue_default, targets);
}

static VOID NTAPI line_dpc(NDIS_HANDLE context, PVOID dpc_context, PVOID throttle, PVOID reserved)
{
    (void)context;
    (void)throttle;
    (void)reserved;
    seen.dpc_irql = nt_thread_self()->irql;
    seen.dpc_context = dpc_context;
    atomic_fetch_add(&seen.dpcs, 1);
    if (atomic_load(&seen.restless))
        NdisMQueueDpc(seen.handle, 0, 1, NULL);
}

static VOID NTAPI message_dpc(NDIS_HANDLE context, ULONG message, PVOID dpc_context, PVOID throttle,
                              PVOID reserved)
{
    NDIS_RECEIVE_THROTTLE_PARAMETERS *t = throttle;

    (void)message;
    if (t) {
        assert_int_equal(t->MaxNblsToIndicate, NDIS_INDICATE_ALL_NBLS);
        t->MoreNblsPending = atomic_load(&seen.dpcs) == 0; /* once more, please */
    }
    line_dpc(context, dpc_context, throttle, reserved);
}

static void register_interrupt(NDIS_HANDLE adapter)
{
    seen.chars = (NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS){
        .Header = {NDIS_OBJECT_TYPE_MINIPORT_INTERRUPT, NDIS_MINIPORT_INTERRUPT_REVISION_1,
                   NDIS_SIZEOF_MINIPORT_INTERRUPT_CHARACTERISTICS_REVISION_1},
        .InterruptHandler = on_line,
        .InterruptDpcHandler = line_dpc,
        .MsiSupported = seen.msi,
        .MsiSyncWithAllMessages = seen.together,
        .MessageInterruptHandler = on_message,
        .MessageInterruptDpcHandler = message_dpc,
    };
    seen.status = NdisMRegisterInterruptEx(adapter, &seen, &seen.chars, &seen.handle);
}

static void up(uint32_t vectors, bool msi)
{
    bool together = seen.together;

    memset(&seen, 0, sizeof(seen));
    seen.msi = msi;
    seen.together = together;
    device_up(vectors);
    mp.in_init = register_interrupt;
    rig_up(device);
    assert_int_equal(ndis_adapter_initialize(rig.adapter), NDIS_STATUS_SUCCESS);
}

static void down(void)
{
    if (seen.handle)
        NdisMDeregisterInterruptEx(seen.handle);
    rig_down();
    nt_device_free(device);
    seen.together = false;
}

static void wait_for(_Atomic(int) *what, int n)
{
    for (int i = 0; i < 4000 && atomic_load(what) < n; i++)
        usleep(500);
    assert_true(atomic_load(what) >= n);
}

static void test_messages_reach_their_handlers(void **state)
{
    (void)state;
    mp.minor = 20;
    up(3, true);
    assert_int_equal(seen.status, NDIS_STATUS_SUCCESS);
    assert_int_equal(seen.chars.InterruptType, NDIS_CONNECT_MESSAGE_BASED);
    assert_int_equal(seen.chars.MessageInfoTable->MessageCount, 3);
    assert_true(seen.chars.MessageInfoTable->MessageInfo[2].Irql > 2);
    seen.queue_default = TRUE;
    function.bus->ops->msix(function.bus, 2);
    wait_for(&seen.isrs, 1);
    assert_int_equal(seen.last_message, 2);
    assert_true(seen.isr_irql > 2);
    wait_for(&seen.dpcs, 2); /* the first asked for another */
    assert_int_equal(seen.dpc_irql, 2);
    assert_null(seen.dpc_context);
    assert_int_equal(rig.findings, 0);
    down();
}

/* Its interrupt may go away between two runs, or in the midst of one. */
static void test_a_dpc_that_asks_for_the_next_ends_with_its_interrupt(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        up(1, true);
        atomic_store(&seen.restless, true);
        NdisMQueueDpc(seen.handle, 0, 1, NULL);
        wait_for(&seen.dpcs, 1 + round % 7);
        NdisMDeregisterInterruptEx(seen.handle);
        seen.handle = NULL;
        assert_int_equal(rig.findings, 0);
        down();
    }
}

static void test_line_is_granted_when_there_are_no_messages(void **state)
{
    (void)state;
    up(0, true);
    assert_int_equal(seen.chars.InterruptType, NDIS_CONNECT_LINE_BASED);
    assert_null(seen.chars.MessageInfoTable);
    seen.targets = 2;
    function.bus->ops->line(function.bus, true);
    wait_for(&seen.isrs, 1);
    wait_for(&seen.dpcs, 1);
    down();
}

static void test_no_dpc_unless_asked_for(void **state)
{
    (void)state;
    up(1, true);
    function.bus->ops->msix(function.bus, 0);
    wait_for(&seen.isrs, 1);
    usleep(5000);
    assert_int_equal(atomic_load(&seen.dpcs), 0);
    down();
}

static void test_queued_dpc_carries_its_context(void **state)
{
    GROUP_AFFINITY target = {.Mask = 2};
    int context = 0;

    (void)state;
    up(1, true);
    assert_int_equal(NdisMQueueDpcEx(seen.handle, 0, &target, &context), 2);
    wait_for(&seen.dpcs, 1);
    assert_ptr_equal(seen.dpc_context, &context);
    assert_int_equal(NdisMQueueDpc(seen.handle, 9, 1, NULL), 0);
    assert_int_equal(rig_found("NT-INTERRUPT"), 1);
    down();
}

static BOOLEAN NTAPI synchronized(NDIS_HANDLE context)
{
    *(uint8_t *)context = nt_thread_self()->irql;
    return TRUE;
}

static void test_synchronized_function_runs_at_device_level(void **state)
{
    uint8_t irql = 0;

    (void)state;
    seen.together = true;
    up(2, true);
    assert_true(NdisMSynchronizeWithInterruptEx(seen.handle, 1, synchronized, &irql));
    assert_true(irql > 2);
    assert_int_equal(nt_thread_self()->irql, 0);
    down();
}

static void test_interrupt_left_registered_is_a_finding(void **state)
{
    (void)state;
    up(2, true);
    ndis_adapter_halt(rig.adapter);
    assert_true(rig_found("GEN-9") >= 1);
    NdisMDeregisterInterruptEx(seen.handle); /* gone by then */
    assert_int_equal(rig_found("NT-HANDLE"), 1);
    seen.handle = NULL;
    function.bus->ops->msix(function.bus, 0);
    usleep(2000);
    assert_int_equal(atomic_load(&seen.isrs), 0);
    down();
}

static void register_without_handlers(NDIS_HANDLE adapter)
{
    register_interrupt(adapter);
    NdisMDeregisterInterruptEx(seen.handle);
    seen.chars.MessageInterruptHandler = NULL;
    seen.status = NdisMRegisterInterruptEx(adapter, &seen, &seen.chars, &seen.handle);
}

static void test_missing_handlers_are_refused(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof(seen));
    seen.msi = true;
    device_up(1);
    mp.in_init = register_without_handlers;
    rig_up(device);
    ndis_adapter_initialize(rig.adapter);
    assert_int_equal(seen.status, NDIS_STATUS_BAD_CHARACTERISTICS);
    assert_int_equal(rig_found("NT-REGISTER"), 1);
    down();
}

static void use_hardware(NDIS_HANDLE adapter)
{
    const CM_RESOURCE_LIST *resources = nt_device_resources(device);
    PHYSICAL_ADDRESS bar =
        resources->List[0].PartialResourceList.PartialDescriptors[0].u.Memory.Start;
    PVOID va = NULL, port = NULL;
    USHORT vendor = 0;

    assert_int_equal(NdisMGetBusData(adapter, PCI_WHICHSPACE_CONFIG, 0, &vendor, 2), 2);
    assert_int_equal(vendor, 0x1af4);
    assert_int_equal(NdisMMapIoSpace(&va, adapter, bar, 4096), NDIS_STATUS_SUCCESS);
    assert_non_null(va);
    NdisMUnmapIoSpace(adapter, va, 4096);
    bar.QuadPart += 0x10000000;
    assert_int_equal(NdisMMapIoSpace(&va, adapter, bar, 4096), NDIS_STATUS_RESOURCE_CONFLICT);
    assert_int_equal(NdisMRegisterIoPortRange(&port, adapter, 0x300, 32),
                     NDIS_STATUS_RESOURCE_CONFLICT);
}

static void test_bus_data_and_device_memory(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof(seen));
    device_up(1);
    mp.in_init = use_hardware;
    rig_up(device);
    ndis_adapter_initialize(rig.adapter);
    assert_int_equal(rig.findings, 0);
    down();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(test_messages_reach_their_handlers),
        RIG_TEST(test_a_dpc_that_asks_for_the_next_ends_with_its_interrupt),
        RIG_TEST(test_line_is_granted_when_there_are_no_messages),
        RIG_TEST(test_no_dpc_unless_asked_for),
        RIG_TEST(test_queued_dpc_carries_its_context),
        RIG_TEST(test_synchronized_function_runs_at_device_level),
        RIG_TEST(test_interrupt_left_registered_is_a_finding),
        RIG_TEST(test_missing_handlers_are_refused),
        RIG_TEST(test_bus_data_and_device_memory),
    };

    return RIG_MAIN(tests);
}
