/* SPDX-License-Identifier: MIT */
/* The inline half of the NT headers: lists, interlocked operations, pages and MDLs, IRP stack. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define INITGUID
#include <wdk/ntddk.h>
#include <wdk/ntintsafe.h>

struct item {
    int value;
    LIST_ENTRY link;
};

static void test_list_keeps_order_and_empties(void **state)
{
    LIST_ENTRY head;
    struct item items[3] = {{.value = 0}, {.value = 1}, {.value = 2}};

    (void)state;
    InitializeListHead(&head);
    assert_true(IsListEmpty(&head));
    InsertTailList(&head, &items[1].link);
    InsertTailList(&head, &items[2].link);
    InsertHeadList(&head, &items[0].link);
    assert_int_equal(CONTAINING_RECORD(RemoveTailList(&head), struct item, link)->value, 2);
    assert_int_equal(CONTAINING_RECORD(RemoveHeadList(&head), struct item, link)->value, 0);
    assert_true(RemoveEntryList(&items[1].link));
    assert_ptr_equal(RemoveHeadList(&head), &head);
}

static void test_append_joins_a_ring_without_head(void **state)
{
    LIST_ENTRY head;
    struct item items[3] = {{.value = 0}, {.value = 1}, {.value = 2}};

    (void)state;
    InitializeListHead(&head);
    InsertTailList(&head, &items[0].link);
    InitializeListHead(&items[1].link);
    InsertTailList(&items[1].link, &items[2].link);
    AppendTailList(&head, &items[1].link);
    for (int i = 0; i < 3; i++)
        assert_int_equal(CONTAINING_RECORD(RemoveHeadList(&head), struct item, link)->value, i);
    assert_true(IsListEmpty(&head));
}

static void test_interlocked_returns_as_documented(void **state)
{
    volatile LONG value = 5;
    volatile LONG64 wide = -1;
    PVOID volatile pointer = NULL;
    int object = 0;

    (void)state;
    assert_int_equal(InterlockedIncrement(&value), 6);
    assert_int_equal(InterlockedDecrement(&value), 5);
    assert_int_equal(InterlockedExchangeAdd(&value, 10), 5);
    assert_int_equal(InterlockedAdd(&value, 1), 16);
    assert_int_equal(InterlockedCompareExchange(&value, 1, 99), 16);
    assert_int_equal(InterlockedCompareExchange(&value, 1, 16), 16);
    assert_int_equal(InterlockedOr(&value, 6), 1);
    assert_int_equal(InterlockedAnd(&value, 4), 7);
    assert_int_equal(InterlockedExchange(&value, 0), 4);
    assert_int_equal(InterlockedIncrement64(&wide), 0);
    assert_null(InterlockedCompareExchangePointer(&pointer, &object, NULL));
    assert_ptr_equal(InterlockedExchangePointer(&pointer, NULL), &object);
    assert_int_equal(InterlockedBitTestAndSet(&value, 3), 0);
    assert_int_equal(InterlockedBitTestAndReset(&value, 3), 1);
    assert_int_equal(value, 0);
}

static void test_page_arithmetic_rounds_up(void **state)
{
    (void)state;
    assert_int_equal(BYTES_TO_PAGES(0), 0);
    assert_int_equal(BYTES_TO_PAGES(1), 1);
    assert_int_equal(BYTES_TO_PAGES(PAGE_SIZE), 1);
    assert_int_equal(BYTES_TO_PAGES(PAGE_SIZE + 1), 2);
    assert_int_equal(ROUND_TO_PAGES(PAGE_SIZE + 1), 2 * PAGE_SIZE);
    assert_int_equal(ADDRESS_AND_SIZE_TO_SPAN_PAGES(0x1fff, 2), 2);
    assert_int_equal(ADDRESS_AND_SIZE_TO_SPAN_PAGES(0x1fff, 1), 1);
    assert_int_equal(ADDRESS_AND_SIZE_TO_SPAN_PAGES(0x1000, 0), 0);
}

static void test_mdl_describes_its_buffer(void **state)
{
    MDL mdl;
    PVOID va = (PVOID)(ULONG_PTR)0x12345ff0;

    (void)state;
    MmInitializeMdl(&mdl, va, 0x1020);
    assert_int_equal(mdl.Size, sizeof(MDL) + 3 * sizeof(PFN_NUMBER));
    assert_ptr_equal(mdl.StartVa, (PVOID)(ULONG_PTR)0x12345000);
    assert_int_equal(MmGetMdlByteOffset(&mdl), 0xff0);
    assert_int_equal(MmGetMdlByteCount(&mdl), 0x1020);
    assert_ptr_equal(MmGetMdlVirtualAddress(&mdl), va);
    mdl.MdlFlags |= MDL_SOURCE_IS_NONPAGED_POOL;
    mdl.MappedSystemVa = va;
    assert_ptr_equal(MmGetSystemAddressForMdlSafe(&mdl, NormalPagePriority), va);
}

static void test_irp_stack_moves_downwards(void **state)
{
    struct {
        IRP irp;
        IO_STACK_LOCATION stack[2];
    } block;
    PIRP irp = &block.irp;

    (void)state;
    memset(&block, 0, sizeof(block));
    assert_int_equal(IoSizeOfIrp(2), sizeof(IRP) + 2 * sizeof(IO_STACK_LOCATION));
    irp->CurrentLocation = 2;
    irp->Tail.Overlay.CurrentStackLocation = &block.stack[1];
    IoGetCurrentIrpStackLocation(irp)->MajorFunction = IRP_MJ_PNP;
    IoMarkIrpPending(irp);
    IoCopyCurrentIrpStackLocationToNext(irp);
    assert_int_equal(block.stack[0].MajorFunction, IRP_MJ_PNP);
    assert_int_equal(block.stack[0].Control, 0);
    IoSetCompletionRoutine(irp, NULL, irp, TRUE, FALSE, TRUE);
    assert_int_equal(block.stack[0].Control, SL_INVOKE_ON_SUCCESS | SL_INVOKE_ON_CANCEL);
    IoSetNextIrpStackLocation(irp);
    assert_ptr_equal(IoGetCurrentIrpStackLocation(irp), &block.stack[0]);
    IoSkipCurrentIrpStackLocation(irp);
    assert_int_equal(irp->CurrentLocation, 2);
    assert_int_equal(block.stack[1].Control, SL_PENDING_RETURNED);
}

static void test_constant_strings_count_bytes(void **state)
{
    UNICODE_STRING wide = RTL_CONSTANT_STRING(L"abc");
    ANSI_STRING narrow = RTL_CONSTANT_STRING("abc");
    DECLARE_CONST_UNICODE_STRING(named, L"no");

    (void)state;
    assert_int_equal(wide.Length, 6);
    assert_int_equal(wide.MaximumLength, 8);
    assert_int_equal(narrow.Length, 3);
    assert_int_equal(narrow.MaximumLength, 4);
    assert_int_equal(named.Length, 4);
    assert_int_equal(named.Buffer[1], L'o');
}

static void test_status_severity(void **state)
{
    (void)state;
    assert_true(NT_SUCCESS(STATUS_PENDING));
    assert_true(NT_SUCCESS(STATUS_OBJECT_NAME_EXISTS));
    assert_true(NT_INFORMATION(STATUS_OBJECT_NAME_EXISTS));
    assert_true(NT_WARNING(STATUS_BUFFER_OVERFLOW));
    assert_false(NT_SUCCESS(STATUS_BUFFER_OVERFLOW));
    assert_true(NT_ERROR(STATUS_UNSUCCESSFUL));
}

static void test_initguid_defines(void **state)
{
    (void)state;
    assert_int_equal(GUID_BUS_INTERFACE_STANDARD.Data1, 0x496b8280);
    assert_true(IsEqualGUID(&GUID_BUS_INTERFACE_STANDARD, &GUID_BUS_INTERFACE_STANDARD));
}

/* Sizes that the DDI reference or a debugger of x64 Windows shows. */
static void test_layout_is_that_of_x64_windows(void **state)
{
    (void)state;
    assert_int_equal(sizeof(MDL), 48);
    assert_int_equal(sizeof(KEVENT), 24);
    assert_int_equal(sizeof(KTIMER), 64);
    assert_int_equal(sizeof(KDPC), 64);
    assert_int_equal(sizeof(KMUTEX), 56);
    assert_int_equal(sizeof(NPAGED_LOOKASIDE_LIST), 128);
    assert_int_equal(sizeof(DEVICE_OBJECT), 336);
    assert_int_equal(sizeof(DRIVER_OBJECT), 336);
    assert_int_equal(offsetof(DRIVER_OBJECT, MajorFunction), 112);
    assert_int_equal(sizeof(IRP), 208);
    assert_int_equal(offsetof(IRP, Tail.Overlay.CurrentStackLocation), 184);
    assert_int_equal(sizeof(IO_STACK_LOCATION), 72);
    assert_int_equal(sizeof(FILE_OBJECT), 216);
    assert_int_equal(sizeof(CM_PARTIAL_RESOURCE_DESCRIPTOR), 20);
    assert_int_equal(sizeof(IO_RESOURCE_DESCRIPTOR), 32);
    assert_int_equal(sizeof(SCATTER_GATHER_ELEMENT), 24);
    assert_int_equal(offsetof(SCATTER_GATHER_LIST, Elements), 16);
    assert_int_equal(sizeof(BUS_INTERFACE_STANDARD), 64);
    assert_int_equal(sizeof(PCI_COMMON_CONFIG), 256);
    assert_int_equal(offsetof(PCI_COMMON_CONFIG, DeviceSpecific), 64);
}

static void test_integers_that_do_not_fit_are_told(void **state)
{
    ULONGLONG wide;
    USHORT narrow;
    ULONG v;

    (void)state;
    assert_int_equal(RtlULongAdd(0xfffffffe, 1, &v), STATUS_SUCCESS);
    assert_int_equal(v, 0xffffffff);
    assert_int_equal(RtlULongAdd(0xffffffff, 1, &v), STATUS_INTEGER_OVERFLOW);
    assert_int_equal(RtlULongSub(1, 1, &v), STATUS_SUCCESS);
    assert_int_equal(RtlULongSub(1, 2, &v), STATUS_INTEGER_OVERFLOW);
    assert_int_equal(RtlULongMult(0x10000, 0xffff, &v), STATUS_SUCCESS);
    assert_int_equal(v, 0xffff0000);
    assert_int_equal(RtlULongMult(0x10000, 0x10000, &v), STATUS_INTEGER_OVERFLOW);
    assert_int_equal(RtlULongMult(0, 0xffffffff, &v), STATUS_SUCCESS);
    assert_int_equal(RtlUShortMult(256, 255, &narrow), STATUS_SUCCESS);
    assert_int_equal(RtlUShortMult(256, 256, &narrow), STATUS_INTEGER_OVERFLOW);
    assert_int_equal(RtlUShortAdd(65535, 1, &narrow), STATUS_INTEGER_OVERFLOW);
    assert_int_equal(RtlULongLongMult(1ull << 32, 1ull << 31, &wide), STATUS_SUCCESS);
    assert_int_equal(RtlULongLongMult(1ull << 32, 1ull << 32, &wide), STATUS_INTEGER_OVERFLOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_keeps_order_and_empties),
        cmocka_unit_test(test_append_joins_a_ring_without_head),
        cmocka_unit_test(test_interlocked_returns_as_documented),
        cmocka_unit_test(test_page_arithmetic_rounds_up),
        cmocka_unit_test(test_mdl_describes_its_buffer),
        cmocka_unit_test(test_irp_stack_moves_downwards),
        cmocka_unit_test(test_constant_strings_count_bytes),
        cmocka_unit_test(test_status_severity),
        cmocka_unit_test(test_integers_that_do_not_fit_are_told),
        cmocka_unit_test(test_initguid_defines),
        cmocka_unit_test(test_layout_is_that_of_x64_windows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
