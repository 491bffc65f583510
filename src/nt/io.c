/* SPDX-License-Identifier: MIT */
/* Driver and device objects, their names and links, stacks, driver extensions. */
#include "nt/io_int.h"
#include "nt/driver.h"
#include "nt/export.h"
#include "nt/finding.h"
#include "nt/ledger.h"
#include "nt/processor.h"

#include <pthread.h>

/* Names of devices and links, and driver extensions: few, so lists. */
struct name {
    struct name *next;
    DEVICE_OBJECT *device; /* NULL: a link whose device has no name here */
    DRIVER_OBJECT *driver;
    bool is_link;
    USHORT bytes;
    WCHAR text[];
};

struct extension {
    struct extension *next;
    DRIVER_OBJECT *driver;
    void *id;
    DECLSPEC_ALIGN(16) UCHAR data[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct name *names;
static struct extension *extensions;

static NTSTATUS NTAPI invalid_request(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    (void)DeviceObject;
    Irp->IoStatus.Status = STATUS_INVALID_DEVICE_REQUEST;
    Irp->IoStatus.Information = 0;
    IofCompleteRequest(Irp, IO_NO_INCREMENT);
    return STATUS_INVALID_DEVICE_REQUEST;
}

void nt_io_driver_init(DRIVER_OBJECT *o)
{
    for (size_t n = 0; n <= IRP_MJ_MAXIMUM_FUNCTION; n++)
        o->MajorFunction[n] = invalid_request;
}

static struct name *name_find(PCUNICODE_STRING text)
{
    for (struct name *n = names; n; n = n->next) {
        UNICODE_STRING have = {n->bytes, n->bytes, n->text};

        if (RtlEqualUnicodeString(&have, text, TRUE))
            return n;
    }
    return NULL;
}

static NTSTATUS name_add(PCUNICODE_STRING text, DEVICE_OBJECT *device, DRIVER_OBJECT *driver,
                         bool is_link)
{
    struct name *n = calloc(1, sizeof *n + text->Length);
    NTSTATUS status = STATUS_SUCCESS;

    if (!n)
        return STATUS_INSUFFICIENT_RESOURCES;
    n->device = device;
    n->driver = driver;
    n->is_link = is_link;
    n->bytes = text->Length;
    memcpy(n->text, text->Buffer, text->Length);
    pthread_mutex_lock(&lock);
    if (name_find(text)) {
        status = STATUS_OBJECT_NAME_COLLISION;
    } else {
        n->next = names;
        names = n;
    }
    pthread_mutex_unlock(&lock);
    if (!NT_SUCCESS(status))
        free(n);
    return status;
}

/* Removes the names for which one of the two matches. */
static void names_remove(const DEVICE_OBJECT *device, const DRIVER_OBJECT *driver)
{
    pthread_mutex_lock(&lock);
    for (struct name **at = &names; *at;) {
        struct name *n = *at;

        if ((device && n->device == device && !n->is_link) || (driver && n->driver == driver)) {
            *at = n->next;
            free(n);
        } else {
            at = &n->next;
        }
    }
    pthread_mutex_unlock(&lock);
}

void nt_io_driver_fini(DRIVER_OBJECT *o)
{
    names_remove(NULL, o);
    while (o->DeviceObject) {
        DEVICE_OBJECT *d = o->DeviceObject;

        o->DeviceObject = d->NextDevice;
        nt_ledger_take(NT_RES_DEVICE, d, NULL);
        free(d);
    }
    pthread_mutex_lock(&lock);
    for (struct extension **at = &extensions; *at;) {
        struct extension *e = *at;

        if (e->driver == o) {
            *at = e->next;
            free(e);
        } else {
            at = &e->next;
        }
    }
    pthread_mutex_unlock(&lock);
}

/* The extension follows the object, 16-aligned. */
NTSTATUS NTAPI IoCreateDevice(PDRIVER_OBJECT DriverObject, ULONG DeviceExtensionSize,
                              PUNICODE_STRING DeviceName, DEVICE_TYPE DeviceType,
                              ULONG DeviceCharacteristics, BOOLEAN Exclusive,
                              PDEVICE_OBJECT *DeviceObject)
{
    size_t head = ALIGN_UP(sizeof(DEVICE_OBJECT), (size_t)16);
    DEVICE_OBJECT *d;
    NTSTATUS status = STATUS_SUCCESS;

    NT_PASSIVE_ONLY();
    *DeviceObject = NULL;
    d = nt_may_allocate() ? calloc(1, head + DeviceExtensionSize) : NULL;
    if (!d)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (DeviceName && DeviceName->Length)
        status = name_add(DeviceName, d, DriverObject, false);
    if (!NT_SUCCESS(status)) {
        free(d);
        return status;
    }
    d->Type = IO_TYPE_DEVICE;
    d->Size = (USHORT)(sizeof(DEVICE_OBJECT) + MIN_OF(DeviceExtensionSize, 0xf000u));
    d->DriverObject = DriverObject;
    d->DeviceExtension = DeviceExtensionSize ? (char *)d + head : NULL;
    d->DeviceType = DeviceType;
    d->Characteristics = DeviceCharacteristics;
    d->Flags = DO_DEVICE_INITIALIZING | (Exclusive ? DO_EXCLUSIVE : 0u);
    d->StackSize = 1;
    pthread_mutex_lock(&lock);
    d->NextDevice = DriverObject->DeviceObject;
    DriverObject->DeviceObject = d;
    pthread_mutex_unlock(&lock);
    nt_ledger_add(NT_RES_DEVICE, d, DeviceExtensionSize, 0);
    *DeviceObject = d;
    return STATUS_SUCCESS;
}
NT_EXPORT(IoCreateDevice);

VOID NTAPI IoDeleteDevice(PDEVICE_OBJECT DeviceObject)
{
    PDEVICE_OBJECT *at;

    NT_PASSIVE_ONLY();
    if (!nt_ledger_take(NT_RES_DEVICE, DeviceObject, NULL)) {
        finding_report("NT-LEDGER", "IoDeleteDevice: %p is no device object that was created",
                       (void *)DeviceObject);
        return;
    }
    if (DeviceObject->AttachedDevice)
        finding_report("NT-DEVICE", "IoDeleteDevice: another device is still attached to it");
    names_remove(DeviceObject, NULL);
    pthread_mutex_lock(&lock);
    for (at = &DeviceObject->DriverObject->DeviceObject; *at; at = &(*at)->NextDevice) {
        if (*at == DeviceObject) {
            *at = DeviceObject->NextDevice;
            break;
        }
    }
    pthread_mutex_unlock(&lock);
    free(DeviceObject);
}
NT_EXPORT(IoDeleteDevice);

NTSTATUS NTAPI IoCreateSymbolicLink(PUNICODE_STRING SymbolicLinkName, PUNICODE_STRING DeviceName)
{
    const struct name *device;
    DRIVER_OBJECT *driver;

    NT_PASSIVE_ONLY();
    if (!nt_may_allocate())
        return STATUS_INSUFFICIENT_RESOURCES;
    pthread_mutex_lock(&lock);
    device = name_find(DeviceName);
    driver = device ? device->driver : NULL;
    pthread_mutex_unlock(&lock);
    return name_add(SymbolicLinkName, NULL, driver, true);
}
NT_EXPORT(IoCreateSymbolicLink);

NTSTATUS NTAPI IoDeleteSymbolicLink(PUNICODE_STRING SymbolicLinkName)
{
    struct name *n;
    bool found;

    NT_PASSIVE_ONLY();
    pthread_mutex_lock(&lock);
    n = name_find(SymbolicLinkName);
    found = n && n->is_link;
    for (struct name **at = &names; found && *at; at = &(*at)->next) {
        if (*at == n) {
            *at = n->next;
            free(n);
            break;
        }
    }
    pthread_mutex_unlock(&lock);
    return found ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND;
}
NT_EXPORT(IoDeleteSymbolicLink);

static PDEVICE_OBJECT top_of(PDEVICE_OBJECT d)
{
    while (d->AttachedDevice)
        d = d->AttachedDevice;
    return d;
}

PDEVICE_OBJECT NTAPI IoAttachDeviceToDeviceStack(PDEVICE_OBJECT SourceDevice,
                                                 PDEVICE_OBJECT TargetDevice)
{
    PDEVICE_OBJECT top;

    pthread_mutex_lock(&lock);
    top = top_of(TargetDevice);
    top->AttachedDevice = SourceDevice;
    SourceDevice->StackSize = (CCHAR)(top->StackSize + 1);
    SourceDevice->AlignmentRequirement = top->AlignmentRequirement;
    pthread_mutex_unlock(&lock);
    return top;
}
NT_EXPORT(IoAttachDeviceToDeviceStack);

VOID NTAPI IoDetachDevice(PDEVICE_OBJECT TargetDevice)
{
    pthread_mutex_lock(&lock);
    TargetDevice->AttachedDevice = NULL;
    pthread_mutex_unlock(&lock);
}
NT_EXPORT(IoDetachDevice);

PDEVICE_OBJECT NTAPI IoGetAttachedDeviceReference(PDEVICE_OBJECT DeviceObject)
{
    PDEVICE_OBJECT top;

    pthread_mutex_lock(&lock);
    top = top_of(DeviceObject);
    pthread_mutex_unlock(&lock);
    ObfReferenceObject(top);
    return top;
}
NT_EXPORT(IoGetAttachedDeviceReference);

/* There are no devices but the adapters' own, and these are not opened by name. */
NTSTATUS NTAPI IoGetDeviceObjectPointer(PUNICODE_STRING ObjectName, ACCESS_MASK DesiredAccess,
                                        PFILE_OBJECT *FileObject, PDEVICE_OBJECT *DeviceObject)
{
    (void)ObjectName, (void)DesiredAccess;
    NT_PASSIVE_ONLY();
    *FileObject = NULL;
    *DeviceObject = NULL;
    return STATUS_OBJECT_NAME_NOT_FOUND;
}
NT_EXPORT(IoGetDeviceObjectPointer);

static struct extension *extension_find(const DRIVER_OBJECT *driver, const void *id)
{
    struct extension *e = extensions;

    while (e && (e->driver != driver || e->id != id))
        e = e->next;
    return e;
}

NTSTATUS NTAPI IoAllocateDriverObjectExtension(PDRIVER_OBJECT DriverObject,
                                               PVOID ClientIdentificationAddress,
                                               ULONG DriverObjectExtensionSize,
                                               PVOID *DriverObjectExtension)
{
    struct extension *e = NULL;
    NTSTATUS status = STATUS_SUCCESS;

    NT_PASSIVE_ONLY();
    *DriverObjectExtension = NULL;
    if (nt_may_allocate())
        e = aligned_alloc(16, ALIGN_UP(sizeof *e + DriverObjectExtensionSize, (size_t)16));
    if (!e)
        return STATUS_INSUFFICIENT_RESOURCES;
    memset(e, 0, sizeof *e + DriverObjectExtensionSize);
    e->driver = DriverObject;
    e->id = ClientIdentificationAddress;
    pthread_mutex_lock(&lock);
    if (extension_find(DriverObject, e->id)) {
        status = STATUS_OBJECT_NAME_COLLISION;
    } else {
        e->next = extensions;
        extensions = e;
    }
    pthread_mutex_unlock(&lock);
    if (NT_SUCCESS(status))
        *DriverObjectExtension = e->data;
    else
        free(e);
    return status;
}
NT_EXPORT(IoAllocateDriverObjectExtension);

PVOID NTAPI IoGetDriverObjectExtension(PDRIVER_OBJECT DriverObject,
                                       PVOID ClientIdentificationAddress)
{
    struct extension *e;

    pthread_mutex_lock(&lock);
    e = extension_find(DriverObject, ClientIdentificationAddress);
    pthread_mutex_unlock(&lock);
    return e ? e->data : NULL;
}
NT_EXPORT(IoGetDriverObjectExtension);
