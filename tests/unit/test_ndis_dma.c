/* SPDX-License-Identifier: MIT */
/* Scatter-gather lists and shared memory: src/ndis/dma.c. */
#include "test_ndis_rig.h"

#include "test_ndis_device.h"

static struct {
    NDIS_HANDLE handle;
    NDIS_STATUS status;
    ULONG list_bytes;
    SCATTER_GATHER_LIST *list;
    PVOID context;
    uint8_t irql;
    unsigned lists;
    _Atomic(int) shared;
    void *shared_va;
    NDIS_PHYSICAL_ADDRESS shared_address;
    bool bus_master_missing;
} seen;

static VOID NTAPI process(PDEVICE_OBJECT pdo, PVOID reserved, PSCATTER_GATHER_LIST list,
                          PVOID context)
{
    (void)pdo;
    (void)reserved;
    seen.list = list;
    seen.context = context;
    seen.irql = nt_thread_self()->irql;
    seen.lists++;
}

static VOID NTAPI shared_done(NDIS_HANDLE context, PVOID va, PNDIS_PHYSICAL_ADDRESS address,
                              ULONG length, PVOID own)
{
    assert_ptr_equal(context, &mp);
    assert_ptr_equal(own, &seen);
    assert_int_equal(length, 10000);
    seen.shared_va = va;
    seen.shared_address = *address;
    atomic_store(&seen.shared, 1);
}

static void register_dma(NDIS_HANDLE adapter)
{
    NDIS_SG_DMA_DESCRIPTION d = {
        .Header = {NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION, NDIS_SG_DMA_DESCRIPTION_REVISION_1,
                   NDIS_SIZEOF_SG_DMA_DESCRIPTION_REVISION_1},
        .Flags = NDIS_SG_DMA_64_BIT_ADDRESS,
        .MaximumPhysicalMapping = 65536,
        .ProcessSGListHandler = process,
        .SharedMemAllocateCompleteHandler = shared_done,
    };

    seen.status = NdisMRegisterScatterGatherDma(adapter, &d, &seen.handle);
    seen.list_bytes = d.ScatterGatherListSize;
}

static void up(void)
{
    memset(&seen, 0, sizeof(seen));
    device_up(1);
    mp.in_init = register_dma;
    rig_up(device);
    assert_int_equal(ndis_adapter_initialize(rig.adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(seen.status, NDIS_STATUS_SUCCESS);
}

static void down(void)
{
    if (seen.handle)
        NdisMDeregisterScatterGatherDma(seen.handle);
    assert_int_equal(nt_dma_mapped(device), 0);
    rig_down();
    nt_device_free(device);
}

static MDL mdl_of(void *va, ULONG bytes, MDL *next)
{
    return (MDL){.Next = next,
                 .MdlFlags = MDL_SOURCE_IS_NONPAGED_POOL,
                 .MappedSystemVa = va,
                 .StartVa = (PVOID)((uintptr_t)va & ~(uintptr_t)0xfff),
                 .ByteOffset = (ULONG)((uintptr_t)va & 0xfff),
                 .ByteCount = bytes};
}

static void test_list_covers_the_data_from_the_current_mdl(void **state)
{
    _Alignas(64) static uint8_t storage[4096], data[4][1000];
    MDL last = mdl_of(data[3], 1000, NULL);
    MDL empty = mdl_of(data[2], 0, &last);
    MDL second = mdl_of(data[1] + 300, 700, &empty); /* follows the first in memory */
    MDL first = mdl_of(data[1], 300, &second);
    NET_BUFFER nb = {.CurrentMdl = &first, .CurrentMdlOffset = 14, .DataLength = 1186};

    (void)state;
    up();
    memset(data, 0x5a, sizeof(data));
    assert_true(seen.list_bytes <= sizeof(storage));
    assert_int_equal(NdisMAllocateNetBufferSGList(seen.handle, &nb, &nb,
                                                  NDIS_SG_LIST_WRITE_TO_DEVICE, storage,
                                                  sizeof(storage)),
                     NDIS_STATUS_SUCCESS);
    assert_ptr_equal(seen.list, storage);
    assert_ptr_equal(seen.context, &nb);
    assert_int_equal(seen.irql, 2);
    assert_int_equal(nt_thread_self()->irql, 0);
    assert_int_equal(seen.list->NumberOfElements, 2);
    assert_int_equal(seen.list->Elements[0].Length, 1000);
    assert_int_equal(seen.list->Elements[1].Length, 200); /* 14 + 1186 - 1000 */
    assert_ptr_equal(function.bus->ops->dma(function.bus,
                                            (uint64_t)seen.list->Elements[0].Address.QuadPart, 1000,
                                            PCI_DMA_READ),
                     data[1]);
    assert_int_equal(nt_dma_mapped(device), 2);
    NdisMFreeNetBufferSGList(seen.handle, seen.list, &nb);
    assert_int_equal(nt_dma_mapped(device), 0);
    NdisMFreeNetBufferSGList(seen.handle, seen.list, &nb);
    assert_int_equal(rig_found("NT-SGLIST"), 1);
    down();
}

static void test_short_buffer_makes_ndis_allocate(void **state)
{
    static uint8_t data[2][100], small[16];
    MDL second = mdl_of(data[0], 100, NULL), first = mdl_of(data[1], 100, &second);
    NET_BUFFER nb = {.CurrentMdl = &first, .DataLength = 200};

    (void)state;
    up();
    assert_int_equal(NdisMAllocateNetBufferSGList(seen.handle, &nb, NULL, 0, small, sizeof(small)),
                     NDIS_STATUS_SUCCESS);
    assert_ptr_not_equal(seen.list, small);
    NdisMFreeNetBufferSGList(seen.handle, seen.list, &nb);
    assert_int_equal(NdisMAllocateNetBufferSGList(seen.handle, &nb, NULL, 0, NULL, 0),
                     NDIS_STATUS_SUCCESS);
    NdisMFreeNetBufferSGList(seen.handle, seen.list, &nb);
    assert_int_equal(rig.findings, 0);
    down();
}

static void test_chain_shorter_than_its_data_is_refused(void **state)
{
    static uint8_t data[100];
    MDL only = mdl_of(data, 100, NULL);
    NET_BUFFER nb = {.CurrentMdl = &only, .DataLength = 101};

    (void)state;
    up();
    assert_int_equal(NdisMAllocateNetBufferSGList(seen.handle, &nb, NULL, 0, NULL, 0),
                     NDIS_STATUS_FAILURE);
    assert_int_equal(seen.lists, 0);
    assert_int_equal(rig_found("NT-SGLIST"), 1);
    down();
}

static void test_injected_failure_gives_resources(void **state)
{
    static uint8_t data[100];
    MDL only = mdl_of(data, 100, NULL);
    NET_BUFFER nb = {.CurrentMdl = &only, .DataLength = 100};
    struct nt_owner *previous;

    (void)state;
    up();
    previous = nt_owner_enter(nt_driver_owner(rig.driver));
    nt_fail_at(nt_driver_owner(rig.driver), 1);
    assert_int_equal(NdisMAllocateNetBufferSGList(seen.handle, &nb, NULL, 0, NULL, 0),
                     NDIS_STATUS_RESOURCES);
    nt_owner_leave(previous);
    assert_int_equal(seen.lists, 0);
    down();
}

static void test_shared_memory_is_seen_from_both_sides(void **state)
{
    NDIS_PHYSICAL_ADDRESS address, wrong = {.QuadPart = 1};
    PVOID va;

    (void)state;
    up();
    NdisMAllocateSharedMemory(mp.handle, 5000, TRUE, &va, &address);
    assert_non_null(va);
    assert_int_equal((uintptr_t)va & 0xfff, 0);
    assert_ptr_equal(
        function.bus->ops->dma(function.bus, (uint64_t)address.QuadPart, 5000, PCI_DMA_WRITE), va);
    NdisMFreeSharedMemory(mp.handle, 5000, TRUE, (uint8_t *)va + 1, address);
    assert_int_equal(rig_found("NT-DMA"), 1);
    NdisMFreeSharedMemory(mp.handle, 5000, TRUE, va, wrong);
    assert_int_equal(rig_found("NT-DMA"), 2);
    assert_int_equal(nt_dma_mapped(device), 0);
    down();
}

static void test_asynchronous_shared_memory_completes_at_passive(void **state)
{
    (void)state;
    up();
    assert_int_equal(NdisMAllocateSharedMemoryAsyncEx(seen.handle, 10000, TRUE, &seen),
                     NDIS_STATUS_PENDING);
    for (int i = 0; i < 4000 && !atomic_load(&seen.shared); i++)
        usleep(500);
    assert_non_null(seen.shared_va);
    NdisMFreeSharedMemory(mp.handle, 10000, TRUE, seen.shared_va, seen.shared_address);
    down();
}

static void test_what_is_left_is_found_and_taken_back(void **state)
{
    NDIS_PHYSICAL_ADDRESS address;
    PVOID va;

    (void)state;
    up();
    NdisMAllocateSharedMemory(mp.handle, 100, TRUE, &va, &address);
    ndis_adapter_halt(rig.adapter);
    assert_true(rig_found("GEN-9") >= 1);
    seen.handle = NULL;
    down();
}

static void no_attributes_first(NDIS_HANDLE adapter)
{
    PVOID va = &va;
    NDIS_PHYSICAL_ADDRESS address;

    NdisMAllocateSharedMemory(adapter, 100, TRUE, &va, &address);
    assert_null(va); /* no channel yet */
    register_dma(adapter);
}

static void test_channel_comes_first(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof(seen));
    device_up(1);
    mp.in_init = no_attributes_first;
    rig_up(device);
    ndis_adapter_initialize(rig.adapter);
    assert_int_equal(rig_found("NT-DMA"), 1);
    down();
}

static void test_software_adapters_have_no_dma(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof(seen));
    mp.in_init = register_dma;
    rig_up(NULL);
    ndis_adapter_initialize(rig.adapter);
    assert_int_equal(seen.status, NDIS_STATUS_NOT_SUPPORTED);
    rig_down();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(test_list_covers_the_data_from_the_current_mdl),
        RIG_TEST(test_short_buffer_makes_ndis_allocate),
        RIG_TEST(test_chain_shorter_than_its_data_is_refused),
        RIG_TEST(test_injected_failure_gives_resources),
        RIG_TEST(test_shared_memory_is_seen_from_both_sides),
        RIG_TEST(test_asynchronous_shared_memory_completes_at_passive),
        RIG_TEST(test_what_is_left_is_found_and_taken_back),
        RIG_TEST(test_channel_comes_first),
        RIG_TEST(test_software_adapters_have_no_dma),
    };

    return RIG_MAIN(tests);
}
