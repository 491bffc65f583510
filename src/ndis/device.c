/* SPDX-License-Identifier: MIT */
/*
 * Control devices of NDIS drivers: NdisRegisterDeviceEx and its kin. NDIS owns DeviceExtension and
 * the driver object's dispatch table; each device has a table of its own, to which requests are
 * handed on. Pages: NdisRegisterDeviceEx, NDIS_DEVICE_OBJECT_ATTRIBUTES.
 */
#include "ndis/private.h"

#include "nt/export.h"

struct ndis_device {
    struct ndis_handle handle;
    struct ndis_device *next;
    struct nt_owner *owner;
    DEVICE_OBJECT *object; /* only compared once its driver may be gone */
    ULONG extension_bytes;
    UNICODE_STRING link; /* Buffer NULL: none */
    PDRIVER_DISPATCH dispatch[IRP_MJ_MAXIMUM_FUNCTION + 1];
    WCHAR link_text[];
};

enum { EXTENSION_HEAD = 16 }; /* NDIS's part of the extension; the driver's follows, 16-aligned */

static pthread_mutex_t devices_lock = PTHREAD_MUTEX_INITIALIZER;
static struct ndis_device *devices;

static struct ndis_device *device_find(const DEVICE_OBJECT *object)
{
    struct ndis_device *d;

    pthread_mutex_lock(&devices_lock);
    for (d = devices; d && d->object != object; d = d->next)
        ;
    pthread_mutex_unlock(&devices_lock);
    return d;
}

/* Out of the list, its handle dead. */
static void device_forget(struct ndis_device *d)
{
    pthread_mutex_lock(&devices_lock);
    for (struct ndis_device **at = &devices; *at; at = &(*at)->next)
        if (*at == d) {
            *at = d->next;
            break;
        }
    pthread_mutex_unlock(&devices_lock);
    ndis_handle_retire(&d->handle);
    free(d);
}

static NTSTATUS refuse(PIRP irp)
{
    irp->IoStatus.Status = STATUS_INVALID_DEVICE_REQUEST;
    irp->IoStatus.Information = 0;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return STATUS_INVALID_DEVICE_REQUEST;
}

static NTSTATUS NTAPI dispatch(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    struct ndis_device *d = device_find(DeviceObject);
    PDRIVER_DISPATCH handler;
    struct ndis_call call;
    NTSTATUS status;

    if (!d) /* a device that the driver made without NDIS's help */
        return refuse(Irp);
    handler = d->dispatch[IoGetCurrentIrpStackLocation(Irp)->MajorFunction];
    if (!handler)
        return refuse(Irp);
    call = ndis_call_begin(d->owner);
    status = handler(DeviceObject, Irp);
    ndis_call_end(&call, "a control device's dispatch routine");
    return status;
}

static bool attributes_ok(const NDIS_DEVICE_OBJECT_ATTRIBUTES *a)
{
    if (a->Header.Type != NDIS_OBJECT_TYPE_DEVICE_OBJECT_ATTRIBUTES ||
        a->Header.Revision < NDIS_DEVICE_OBJECT_ATTRIBUTES_REVISION_1 ||
        a->Header.Size < NDIS_SIZEOF_DEVICE_OBJECT_ATTRIBUTES_REVISION_1) {
        finding_report("NT-REGISTER",
                       "NdisRegisterDeviceEx: attributes of type 0x%02x revision %u size %u",
                       a->Header.Type, a->Header.Revision, a->Header.Size);
        return false;
    }
    if (!a->DeviceName || !a->DeviceName->Length || !a->MajorFunctions)
        return false;
    if (!a->MajorFunctions[IRP_MJ_PNP] && !a->MajorFunctions[IRP_MJ_POWER])
        return true;
    finding_report("NT-REGISTER",
                   "NdisRegisterDeviceEx: dispatch routines for PnP or power; a control device "
                   "gets no such requests");
    return false;
}

static struct ndis_device *device_new(const NDIS_DEVICE_OBJECT_ATTRIBUTES *a)
{
    USHORT bytes = a->SymbolicName ? a->SymbolicName->Length : 0;
    struct ndis_device *d = nt_may_allocate() ? calloc(1, sizeof(*d) + bytes) : NULL;

    if (!d)
        return NULL;
    d->extension_bytes = a->ExtensionSize;
    memcpy(d->dispatch, a->MajorFunctions, sizeof(d->dispatch));
    if (bytes) {
        memcpy(d->link_text, a->SymbolicName->Buffer, bytes);
        d->link = (UNICODE_STRING){bytes, bytes, d->link_text};
    }
    return d;
}

/* The kernel's part: object, link. */
static NTSTATUS device_create(struct ndis_device *d, DRIVER_OBJECT *driver,
                              const NDIS_DEVICE_OBJECT_ATTRIBUTES *a)
{
    NTSTATUS status;

    if (a->ExtensionSize > 0xffffffffu - EXTENSION_HEAD)
        return STATUS_INVALID_PARAMETER;
    status = IoCreateDevice(driver, EXTENSION_HEAD + a->ExtensionSize, a->DeviceName,
                            FILE_DEVICE_NETWORK, FILE_DEVICE_SECURE_OPEN, FALSE, &d->object);
    if (!NT_SUCCESS(status) || !d->link.Buffer)
        return status;
    status = IoCreateSymbolicLink(&d->link, a->DeviceName);
    if (!NT_SUCCESS(status))
        IoDeleteDevice(d->object);
    return status;
}

static void device_publish(struct ndis_device *d, DRIVER_OBJECT *driver)
{
    struct ndis_device *stale = device_find(d->object);

    if (stale) /* its driver left without a word, and the address is used again */
        device_forget(stale);
    for (size_t i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        driver->MajorFunction[i] = dispatch;
    d->object->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    ndis_handle_register(&d->handle, NDIS_H_DEVICE);
    pthread_mutex_lock(&devices_lock);
    d->next = devices;
    devices = d;
    pthread_mutex_unlock(&devices_lock);
}

NDIS_STATUS NTAPI NdisRegisterDeviceEx(NDIS_HANDLE NdisHandle,
                                       PNDIS_DEVICE_OBJECT_ATTRIBUTES DeviceObjectAttributes,
                                       PDEVICE_OBJECT *pDeviceObject, PNDIS_HANDLE NdisDeviceHandle)
{
    struct ndis_driver *driver = ndis_handle_get(NdisHandle, NDIS_H_MINIPORT_DRIVER, __func__);
    struct ndis_device *d;
    NTSTATUS status;

    if (!pDeviceObject || !NdisDeviceHandle)
        return NDIS_STATUS_INVALID_PARAMETER;
    *pDeviceObject = NULL;
    *NdisDeviceHandle = NULL;
    if (!driver)
        return NDIS_STATUS_NOT_SUPPORTED;
    if (!NT_PASSIVE_ONLY())
        return NDIS_STATUS_FAILURE;
    if (!DeviceObjectAttributes || !attributes_ok(DeviceObjectAttributes))
        return NDIS_STATUS_INVALID_PARAMETER;
    d = device_new(DeviceObjectAttributes);
    if (!d)
        return NDIS_STATUS_RESOURCES;
    d->owner = driver->owner;
    status = device_create(d, nt_driver_object(driver->nt), DeviceObjectAttributes);
    if (!NT_SUCCESS(status)) {
        free(d);
        return status;
    }
    device_publish(d, nt_driver_object(driver->nt));
    *pDeviceObject = d->object;
    *NdisDeviceHandle = d;
    return NDIS_STATUS_SUCCESS;
}
NT_EXPORT(NdisRegisterDeviceEx);

VOID NTAPI NdisDeregisterDeviceEx(NDIS_HANDLE NdisDeviceHandle)
{
    struct ndis_device *d = ndis_handle_get(NdisDeviceHandle, NDIS_H_DEVICE, __func__);

    if (!d || !NT_PASSIVE_ONLY())
        return;
    if (d->link.Buffer)
        IoDeleteSymbolicLink(&d->link);
    IoDeleteDevice(d->object);
    device_forget(d);
}
NT_EXPORT(NdisDeregisterDeviceEx);

/* NULL for a device that NDIS did not make, and for one registered without an extension. */
PVOID NTAPI NdisGetDeviceReservedExtension(PDEVICE_OBJECT DeviceObject)
{
    const struct ndis_device *d = device_find(DeviceObject);

    return d && d->extension_bytes ? (char *)DeviceObject->DeviceExtension + EXTENSION_HEAD : NULL;
}
NT_EXPORT(NdisGetDeviceReservedExtension);

void ndis_devices_fini(void)
{
    while (devices)
        device_forget(devices);
}
