/* SPDX-License-Identifier: MIT */
/* A small whole driver: a device, a link, pool memory, a registry value; DriverUnload leaves one
 * block behind when the service key says Leak = 1. */
#include <wdk/ntddk.h>

static PDEVICE_OBJECT device;
static PVOID kept;

static ULONG setting(PUNICODE_STRING path, PCWSTR name)
{
    struct {
        KEY_VALUE_PARTIAL_INFORMATION info;
        UCHAR more[16];
    } answer;
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING value;
    ULONG needed, number = 0;
    HANDLE key;

    InitializeObjectAttributes(&attributes, path, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL,
                               NULL);
    if (!NT_SUCCESS(ZwOpenKey(&key, KEY_READ, &attributes)))
        return 0;
    RtlInitUnicodeString(&value, name);
    if (NT_SUCCESS(ZwQueryValueKey(key, &value, KeyValuePartialInformation, &answer, sizeof answer,
                                   &needed)) &&
        answer.info.Type == REG_DWORD)
        number = *(ULONG *)(void *)answer.info.Data;
    ZwClose(key);
    return number;
}

static VOID NTAPI unload(PDRIVER_OBJECT driver)
{
    UNICODE_STRING link;

    (void)driver;
    RtlInitUnicodeString(&link, L"\\DosDevices\\Simple");
    IoDeleteSymbolicLink(&link);
    IoDeleteDevice(device);
    if (kept != NULL)
        ExFreePoolWithTag(kept, 'tseT');
}

DRIVER_INITIALIZE DriverEntry;

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    UNICODE_STRING name, link;
    NTSTATUS status;
    PVOID block;

    if (setting(path, L"Fail"))
        return STATUS_DEVICE_CONFIGURATION_ERROR;
    RtlInitUnicodeString(&name, L"\\Device\\Simple");
    RtlInitUnicodeString(&link, L"\\DosDevices\\Simple");
    status = IoCreateDevice(driver, 64, &name, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    if (!NT_SUCCESS(status))
        return status;
    status = IoCreateSymbolicLink(&link, &name);
    block = ExAllocatePoolWithTag(NonPagedPoolNx, 100, 'tseT');
    if (!NT_SUCCESS(status) || block == NULL) {
        IoDeleteDevice(device);
        return NT_SUCCESS(status) ? STATUS_INSUFFICIENT_RESOURCES : status;
    }
    kept = setting(path, L"Leak") ? NULL : block;
    driver->DriverUnload = unload;
    return STATUS_SUCCESS;
}
