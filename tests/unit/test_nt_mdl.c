/* SPDX-License-Identifier: MIT */
/* MDLs, contiguous memory and I/O space. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nt/finding.h"
#include "nt/ledger.h"

#include <wdk/ntddk.h>

static int setup(void **state)
{
    (void)state;
    finding_reset();
    log_set_level(LOG_ERROR);
    return 0;
}

static void test_an_mdl_describes_its_buffer(void **state)
{
    static char buffer[3 * PAGE_SIZE];
    PMDL mdl = IoAllocateMdl(buffer + 100, 2 * PAGE_SIZE, FALSE, FALSE, NULL);

    (void)state;
    assert_non_null(mdl);
    assert_ptr_equal(MmGetMdlVirtualAddress(mdl), buffer + 100);
    assert_int_equal(MmGetMdlByteCount(mdl), 2 * PAGE_SIZE);
    assert_true(MmSizeOfMdl(buffer + 100, 2 * PAGE_SIZE) >= (SIZE_T)mdl->Size);
    MmBuildMdlForNonPagedPool(mdl);
    assert_ptr_equal(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority), buffer + 100);
    assert_int_equal(MmGetMdlPfnArray(mdl)[0], (uintptr_t)(buffer + 100) >> PAGE_SHIFT);
    assert_int_equal(MmAdvanceMdl(mdl, PAGE_SIZE), STATUS_SUCCESS);
    assert_ptr_equal(MmGetMdlVirtualAddress(mdl), buffer + 100 + PAGE_SIZE);
    assert_int_equal(MmAdvanceMdl(mdl, PAGE_SIZE + 1), STATUS_INVALID_PARAMETER_2);
    IoFreeMdl(mdl);
    assert_int_equal(finding_count(), 0);
}

static void test_locked_pages_map_and_unmap(void **state)
{
    static char buffer[PAGE_SIZE];
    PMDL mdl = IoAllocateMdl(buffer, 64, FALSE, FALSE, NULL);

    (void)state;
    MmProbeAndLockPages(mdl, KernelMode, IoWriteAccess);
    assert_ptr_equal(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority), buffer);
    MmUnmapLockedPages(buffer, mdl);
    MmUnlockPages(mdl);
    assert_int_equal(finding_count(), 0);
    MmUnlockPages(mdl);
    assert_int_equal(finding_count(), 1);
    IoFreeMdl(mdl);
}

static void test_a_partial_mdl_stays_inside_its_source(void **state)
{
    static char buffer[2 * PAGE_SIZE];
    PMDL whole = IoAllocateMdl(buffer, sizeof buffer, FALSE, FALSE, NULL);
    PMDL part = IoAllocateMdl(buffer, sizeof buffer, FALSE, FALSE, NULL);

    (void)state;
    MmBuildMdlForNonPagedPool(whole);
    IoBuildPartialMdl(whole, part, buffer + 10, 20);
    assert_ptr_equal(MmGetSystemAddressForMdlSafe(part, NormalPagePriority), buffer + 10);
    assert_int_equal(part->ByteCount, 20);
    IoBuildPartialMdl(whole, part, buffer + 10, 0);
    assert_int_equal(part->ByteCount, sizeof buffer - 10);
    IoBuildPartialMdl(whole, part, buffer + 10, sizeof buffer);
    assert_int_equal(finding_count(), 1);
    IoFreeMdl(part);
    IoFreeMdl(whole);
}

static void test_pages_for_an_mdl_can_be_mapped_and_freed(void **state)
{
    PHYSICAL_ADDRESS zero = {.QuadPart = 0}, high = {.QuadPart = -1};
    PMDL mdl = MmAllocatePagesForMdl(zero, high, zero, 10000);
    char *va;

    (void)state;
    assert_non_null(mdl);
    assert_int_equal(MmGetMdlByteCount(mdl), 3 * PAGE_SIZE);
    va = MmMapLockedPagesSpecifyCache(mdl, KernelMode, MmCached, NULL, FALSE, NormalPagePriority);
    memset(va, 1, 3 * PAGE_SIZE);
    MmUnmapLockedPages(va, mdl);
    MmFreePagesFromMdl(mdl);
    ExFreePool(mdl);
    assert_int_equal(finding_count(), 0);
}

static void test_contiguous_memory_keeps_its_bounds(void **state)
{
    PHYSICAL_ADDRESS low = {.QuadPart = 0}, high = {.QuadPart = 0xffffffff};
    PHYSICAL_ADDRESS boundary = {.QuadPart = 0x10000};
    char *p = MmAllocateContiguousMemorySpecifyCache(0x9000, low, high, boundary, MmCached);

    (void)state;
    assert_non_null(p);
    assert_true((uintptr_t)p + 0x9000 <= 0x100000000);
    assert_int_equal((uintptr_t)p / 0x10000, ((uintptr_t)p + 0x8fff) / 0x10000);
    assert_true(MmIsAddressValid(p));
    assert_int_equal(MmGetPhysicalAddress(p).QuadPart, (LONGLONG)(uintptr_t)p);
    MmFreeContiguousMemory(p);
    assert_false(MmIsAddressValid(p));
    assert_false(MmIsAddressValid((PVOID)0xfffff80000000000));
    MmFreeContiguousMemory(p);
    assert_int_equal(finding_count(), 1);
    high.QuadPart = 0xffffff;
    assert_null(MmAllocateContiguousMemory(4096, high));
}

static void test_io_space_outside_every_bar_is_not_mapped(void **state)
{
    PHYSICAL_ADDRESS pa = {.QuadPart = 0xfee00000};

    (void)state;
    assert_null(MmMapIoSpace(pa, 4096, MmNonCached));
    assert_int_equal(finding_count(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_an_mdl_describes_its_buffer, setup),
        cmocka_unit_test_setup(test_locked_pages_map_and_unmap, setup),
        cmocka_unit_test_setup(test_a_partial_mdl_stays_inside_its_source, setup),
        cmocka_unit_test_setup(test_pages_for_an_mdl_can_be_mapped_and_freed, setup),
        cmocka_unit_test_setup(test_contiguous_memory_keeps_its_bounds, setup),
        cmocka_unit_test_setup(test_io_space_outside_every_bar_is_not_mapped, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
