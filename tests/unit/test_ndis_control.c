/* SPDX-License-Identifier: MIT */
/* Control devices: NdisRegisterDeviceEx and its kin, src/ndis/device.c. */
#include "test_ndis_rig.h"

static WCHAR device_text[] = L"\\Device\\rigctl", link_text[] = L"\\DosDevices\\rigctl";
static UNICODE_STRING device_name = {sizeof(device_text) - 2, sizeof(device_text), device_text};
static UNICODE_STRING link_name = {sizeof(link_text) - 2, sizeof(link_text), link_text};
static DEVICE_OBJECT *seen_device;
static unsigned dispatched;

static NTSTATUS NTAPI answer(PDEVICE_OBJECT device, PIRP irp)
{
    ULONG *calls = NdisGetDeviceReservedExtension(device);

    dispatched++;
    seen_device = device;
    if (calls)
        ++*calls;
    irp->IoStatus.Status = STATUS_SUCCESS;
    irp->IoStatus.Information = 0;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

static NDIS_DEVICE_OBJECT_ATTRIBUTES attributes(PDRIVER_DISPATCH *table, ULONG extension)
{
    return (NDIS_DEVICE_OBJECT_ATTRIBUTES){
        .Header = {NDIS_OBJECT_TYPE_DEVICE_OBJECT_ATTRIBUTES,
                   NDIS_DEVICE_OBJECT_ATTRIBUTES_REVISION_1,
                   NDIS_SIZEOF_DEVICE_OBJECT_ATTRIBUTES_REVISION_1},
        .DeviceName = &device_name,
        .SymbolicName = &link_name,
        .MajorFunctions = table,
        .ExtensionSize = extension,
    };
}

static NTSTATUS ask(DEVICE_OBJECT *device, UCHAR major)
{
    IO_STATUS_BLOCK result;
    KEVENT done;
    IRP *irp;
    NTSTATUS status;

    KeInitializeEvent(&done, NotificationEvent, FALSE);
    irp = IoBuildDeviceIoControlRequest(CTL_CODE(FILE_DEVICE_NETWORK, 1, METHOD_BUFFERED, 0),
                                        device, NULL, 0, NULL, 0, FALSE, &done, &result);
    assert_non_null(irp);
    IoGetNextIrpStackLocation(irp)->MajorFunction = major;
    status = IoCallDriver(device, irp);
    assert_int_equal(result.Status, status);
    return status;
}

static void test_a_device_takes_requests_until_it_is_deregistered(void **state)
{
    PDRIVER_DISPATCH table[IRP_MJ_MAXIMUM_FUNCTION + 1] = {[IRP_MJ_DEVICE_CONTROL] = answer};
    NDIS_DEVICE_OBJECT_ATTRIBUTES a = attributes(table, 64), again;
    DEVICE_OBJECT *device, *other;
    NDIS_HANDLE handle, second;
    ULONG *calls;

    (void)state;
    rig_up(NULL);
    dispatched = 0;
    assert_int_equal(NdisRegisterDeviceEx(mp.driver, &a, &device, &handle), NDIS_STATUS_SUCCESS);
    memset(table, 0, sizeof(table)); /* NDIS has its own copy */
    assert_non_null(device);
    assert_false(device->Flags & DO_DEVICE_INITIALIZING);
    calls = NdisGetDeviceReservedExtension(device);
    assert_non_null(calls);
    assert_int_equal((uintptr_t)calls % 16, 0);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(calls[i], 0);
    assert_int_equal(ask(device, IRP_MJ_DEVICE_CONTROL), STATUS_SUCCESS);
    assert_int_equal(ask(device, IRP_MJ_READ), STATUS_INVALID_DEVICE_REQUEST);
    assert_int_equal(dispatched, 1);
    assert_int_equal(*calls, 1);
    assert_ptr_equal(seen_device, device);

    again = attributes(table, 0);
    assert_int_equal(NdisRegisterDeviceEx(mp.driver, &again, &other, &second),
                     STATUS_OBJECT_NAME_COLLISION);
    assert_null(other);
    assert_null(second);
    NdisDeregisterDeviceEx(handle);
    assert_int_equal(NdisRegisterDeviceEx(mp.driver, &again, &other, &second),
                     NDIS_STATUS_SUCCESS); /* device and link names are free again */
    assert_null(NdisGetDeviceReservedExtension(other));
    NdisDeregisterDeviceEx(second);
    assert_int_equal(rig.findings, 0);
    NdisDeregisterDeviceEx(second);
    assert_int_equal(rig_found("NT-HANDLE"), 1);
    assert_int_equal(rig_down(), 0);
}

static void test_two_devices_have_tables_of_their_own(void **state)
{
    static WCHAR other_text[] = L"\\Device\\rigother";
    UNICODE_STRING other_name = {sizeof(other_text) - 2, sizeof(other_text), other_text};
    PDRIVER_DISPATCH table[IRP_MJ_MAXIMUM_FUNCTION + 1] = {[IRP_MJ_DEVICE_CONTROL] = answer};
    NDIS_DEVICE_OBJECT_ATTRIBUTES a = attributes(table, 4);
    DEVICE_OBJECT *first, *second, *plain;
    NDIS_HANDLE handles[2];

    (void)state;
    rig_up(NULL);
    assert_int_equal(NdisRegisterDeviceEx(mp.driver, &a, &first, &handles[0]), NDIS_STATUS_SUCCESS);
    table[IRP_MJ_DEVICE_CONTROL] = NULL;
    table[IRP_MJ_CREATE] = answer;
    a.DeviceName = &other_name;
    a.SymbolicName = NULL;
    assert_int_equal(NdisRegisterDeviceEx(mp.driver, &a, &second, &handles[1]),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(ask(first, IRP_MJ_DEVICE_CONTROL), STATUS_SUCCESS);
    assert_int_equal(ask(first, IRP_MJ_CREATE), STATUS_INVALID_DEVICE_REQUEST);
    assert_int_equal(ask(second, IRP_MJ_CREATE), STATUS_SUCCESS);
    assert_int_equal(ask(second, IRP_MJ_DEVICE_CONTROL), STATUS_INVALID_DEVICE_REQUEST);
    /* A device that NDIS did not make is none of its own. */
    assert_int_equal(IoCreateDevice(nt_driver_object(rig.driver), 8, NULL, FILE_DEVICE_NETWORK, 0,
                                    FALSE, &plain),
                     STATUS_SUCCESS);
    assert_null(NdisGetDeviceReservedExtension(plain));
    assert_int_equal(ask(plain, IRP_MJ_DEVICE_CONTROL), STATUS_INVALID_DEVICE_REQUEST);
    IoDeleteDevice(plain);
    NdisDeregisterDeviceEx(handles[0]);
    NdisDeregisterDeviceEx(handles[1]);
    assert_int_equal(rig.findings, 0);
    assert_int_equal(rig_down(), 0);
}

static void test_bad_registrations_are_refused(void **state)
{
    PDRIVER_DISPATCH table[IRP_MJ_MAXIMUM_FUNCTION + 1] = {[IRP_MJ_PNP] = answer};
    NDIS_DEVICE_OBJECT_ATTRIBUTES a = attributes(table, 0);
    DEVICE_OBJECT *device = (DEVICE_OBJECT *)&a;
    NDIS_HANDLE handle = &a;

    (void)state;
    rig_up(NULL);
    assert_int_equal(NdisRegisterDeviceEx(rig.adapter, &a, &device, &handle),
                     NDIS_STATUS_NOT_SUPPORTED); /* an adapter is no driver */
    assert_null(device);
    assert_null(handle);
    assert_int_equal(rig_found("NT-HANDLE"), 1);
    assert_int_equal(NdisRegisterDeviceEx(mp.driver, &a, &device, &handle),
                     NDIS_STATUS_INVALID_PARAMETER); /* PnP */
    table[IRP_MJ_PNP] = NULL;
    a.Header.Size--;
    assert_int_equal(NdisRegisterDeviceEx(mp.driver, &a, &device, &handle),
                     NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(rig_found("NT-REGISTER"), 2);
    a.Header.Size++;
    a.MajorFunctions = NULL;
    assert_int_equal(NdisRegisterDeviceEx(mp.driver, &a, &device, &handle),
                     NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(rig_down(), 0);
}

/* GEN-10: what the driver forgets is counted at unload, and NDIS forgets it too. */
static void test_a_forgotten_device_is_counted_at_unload(void **state)
{
    PDRIVER_DISPATCH table[IRP_MJ_MAXIMUM_FUNCTION + 1] = {0};
    NDIS_DEVICE_OBJECT_ATTRIBUTES a = attributes(table, 16);
    DEVICE_OBJECT *device;
    struct nt_owner *before;
    NDIS_HANDLE handle;

    (void)state;
    rig_up(NULL);
    before = nt_owner_enter(nt_driver_owner(rig.driver)); /* as from a handler of the driver */
    assert_int_equal(NdisRegisterDeviceEx(mp.driver, &a, &device, &handle), NDIS_STATUS_SUCCESS);
    nt_owner_leave(before);
    assert_true(rig_down() > 0);
    rig_up(NULL);
    NdisDeregisterDeviceEx(handle);
    assert_int_equal(rig_found("NT-HANDLE"), 1);
    assert_null(NdisGetDeviceReservedExtension(device));
    rig_down();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(test_a_device_takes_requests_until_it_is_deregistered),
        RIG_TEST(test_two_devices_have_tables_of_their_own),
        RIG_TEST(test_bad_registrations_are_refused),
        RIG_TEST(test_a_forgotten_device_is_counted_at_unload),
    };

    return RIG_MAIN(tests);
}
