/* SPDX-License-Identifier: MIT */
/* Plugging a PCI function in: where its BARs lie, what resources its driver gets, config space,
 * removal. */
#include "nt/bus.h"
#include "nt/export.h"
#include "nt/processor.h"

#include <pthread.h>

/* Where BARs go, far above any RAM; each on a multiple of its size, never used twice. */
static const uint64_t bar_base = 1ull << 40;
enum { CONFIG_COMMAND = 0x04, CONFIG_STATUS = 0x06, CONFIG_BAR0 = 0x10, CONFIG_CAPS = 0x34 };
enum { MSIX_CONTROL = 2, MSIX_ENABLE = 0x8000, CAPS_MAX = 48 };
enum { VECTOR_BASE = 0x50, LINE_VECTOR = 0x40 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct nt_device *devices;
static uint64_t bar_next = bar_base;

static const struct pci_bus_ops bus_ops = {nt_dma_reach, nt_interrupt_msix, nt_interrupt_line};

static uint32_t config_get(struct nt_device *d, uint32_t offset, uint32_t size)
{
    return d->fn->ops->config_read(d->fn, offset, size);
}

static void config_put(struct nt_device *d, uint32_t offset, uint32_t size, uint32_t value)
{
    d->fn->ops->config_write(d->fn, offset, size, value);
}

static void place_bars(struct nt_device *d)
{
    pthread_mutex_lock(&lock);
    for (uint32_t i = 0; i < PCI_BAR_COUNT; i++) {
        uint64_t bytes = d->fn->bar_bytes[i];

        if (bytes == 0)
            continue;
        d->bar_address[i] = ALIGN_UP(bar_next, bytes);
        bar_next = d->bar_address[i] + bytes;
        config_put(d, CONFIG_BAR0 + 4 * i, 4, (uint32_t)d->bar_address[i]);
        if (i + 1 < PCI_BAR_COUNT)
            config_put(d, CONFIG_BAR0 + 4 * (i + 1), 4, (uint32_t)(d->bar_address[i] >> 32));
    }
    pthread_mutex_unlock(&lock);
}

/* Offset of the capability, or 0. The list is the function's: it may loop. */
static uint32_t find_capability(struct nt_device *d, uint8_t id)
{
    uint32_t at;

    if (!(config_get(d, CONFIG_STATUS, 2) & PCI_STATUS_CAPABILITIES_LIST))
        return 0;
    at = config_get(d, CONFIG_CAPS, 1) & 0xfc;
    for (int n = 0; n < CAPS_MAX && at >= 0x40; n++) {
        if (config_get(d, at, 1) == id)
            return at;
        at = config_get(d, at + 1, 1) & 0xfc;
    }
    return 0;
}

static void enable(struct nt_device *d)
{
    uint32_t command = config_get(d, CONFIG_COMMAND, 2);
    uint32_t msix = d->fn->msix_vectors ? find_capability(d, PCI_CAPABILITY_ID_MSIX) : 0;

    command |= PCI_ENABLE_MEMORY_SPACE | PCI_ENABLE_BUS_MASTER;
    if (msix) {
        uint32_t control = config_get(d, msix + MSIX_CONTROL, 2);

        config_put(d, msix + MSIX_CONTROL, 2, control | MSIX_ENABLE);
        command |= PCI_DISABLE_LEVEL_INTERRUPT;
    }
    config_put(d, CONFIG_COMMAND, 2, command);
}

static void describe_memory(CM_PARTIAL_RESOURCE_DESCRIPTOR *r, uint64_t address, uint64_t bytes)
{
    r->Type = CmResourceTypeMemory;
    r->ShareDisposition = CmResourceShareDeviceExclusive;
    r->Flags = CM_RESOURCE_MEMORY_READ_WRITE | CM_RESOURCE_MEMORY_BAR;
    r->u.Memory.Start.QuadPart = (LONGLONG)address;
    r->u.Memory.Length = (ULONG)bytes;
}

static void describe_message(CM_PARTIAL_RESOURCE_DESCRIPTOR *r, uint32_t vector)
{
    r->Type = CmResourceTypeInterrupt;
    r->ShareDisposition = CmResourceShareDeviceExclusive;
    r->Flags = CM_RESOURCE_INTERRUPT_LATCHED | CM_RESOURCE_INTERRUPT_MESSAGE;
    r->u.MessageInterrupt.Translated.Level = nt_interrupt_irql(NULL);
    r->u.MessageInterrupt.Translated.Vector = VECTOR_BASE + vector;
    r->u.MessageInterrupt.Translated.Affinity = ~(KAFFINITY)0;
}

static void describe_line(CM_PARTIAL_RESOURCE_DESCRIPTOR *r)
{
    r->Type = CmResourceTypeInterrupt;
    r->ShareDisposition = CmResourceShareShared;
    r->Flags = CM_RESOURCE_INTERRUPT_LEVEL_SENSITIVE;
    r->u.Interrupt.Level = nt_interrupt_irql(NULL);
    r->u.Interrupt.Vector = LINE_VECTOR;
    r->u.Interrupt.Affinity = ~(KAFFINITY)0;
}

static int describe(struct nt_device *d)
{
    uint32_t messages = d->fn->msix_vectors;
    ULONG max = PCI_BAR_COUNT + MAX_OF(messages, 1u);
    CM_RESOURCE_LIST *list = calloc(1, sizeof *list + max * sizeof(CM_PARTIAL_RESOURCE_DESCRIPTOR));
    CM_PARTIAL_RESOURCE_DESCRIPTOR *r;

    if (!list)
        return -ENOMEM;
    d->resources = list;
    list->Count = 1;
    list->List[0].InterfaceType = PCIBus;
    list->List[0].PartialResourceList.Version = 1;
    list->List[0].PartialResourceList.Revision = 1;
    r = list->List[0].PartialResourceList.PartialDescriptors;
    for (uint32_t i = 0; i < PCI_BAR_COUNT; i++)
        if (d->fn->bar_bytes[i])
            describe_memory(r++, d->bar_address[i], d->fn->bar_bytes[i]);
    for (uint32_t v = 0; v < messages; v++)
        describe_message(r++, v);
    if (messages == 0)
        describe_line(r++);
    list->List[0].PartialResourceList.Count =
        (ULONG)(r - list->List[0].PartialResourceList.PartialDescriptors);
    return 0;
}

static void init_pdo(struct nt_device *d)
{
    d->pdo.Type = IO_TYPE_DEVICE;
    d->pdo.Size = (USHORT)sizeof d->pdo;
    d->pdo.ReferenceCount = 1;
    d->pdo.Flags = DO_BUS_ENUMERATED_DEVICE;
    d->pdo.DeviceType = FILE_DEVICE_NETWORK;
    d->pdo.StackSize = 1;
    d->pdo.DeviceExtension = d;
}

static bool bars_sane(const struct pci_function *fn)
{
    for (uint32_t i = 0; i < PCI_BAR_COUNT; i++) {
        uint64_t bytes = fn->bar_bytes[i];

        if (bytes && (bytes < 4096 || (bytes & (bytes - 1)) != 0 || bytes > UINT32_MAX))
            return false;
        if (bytes && i + 1 < PCI_BAR_COUNT && fn->bar_bytes[i + 1])
            return false; /* the upper half of a 64-bit BAR */
    }
    return true;
}

int nt_device_new(struct pci_function *fn, struct nt_device **out, struct why *why)
{
    struct nt_device *d;
    int err;

    if (!bars_sane(fn))
        return why_set(why, -EINVAL, "the PCI function asks for BARs that cannot be placed");
    if (posix_memalign((void **)&d, _Alignof(struct nt_device), sizeof *d) != 0)
        return why_set(why, -ENOMEM, "no memory for a device");
    memset(d, 0, sizeof *d);
    d->fn = fn;
    d->bus.ops = &bus_ops;
    err = nt_dma_init(d);
    if (!err)
        err = nt_interrupt_init(d);
    if (!err) {
        place_bars(d);
        err = describe(d);
    }
    if (err) {
        d->fn = NULL; /* never plugged */
        nt_device_free(d);
        return why_set(why, err, "no memory for a device");
    }
    init_pdo(d);
    enable(d);
    pthread_mutex_lock(&lock);
    d->next = devices;
    devices = d;
    pthread_mutex_unlock(&lock);
    fn->ops->plugged(fn, &d->bus);
    *out = d;
    return 0;
}

void nt_device_free(struct nt_device *d)
{
    if (!d)
        return;
    if (d->fn && !nt_device_gone(d))
        d->fn->ops->plugged(d->fn, NULL);
    pthread_mutex_lock(&lock);
    for (struct nt_device **at = &devices; *at; at = &(*at)->next) {
        if (*at == d) {
            *at = d->next;
            break;
        }
    }
    pthread_mutex_unlock(&lock);
    nt_mmio_forget(d);
    nt_interrupt_fini(d);
    nt_dma_fini(d);
    free(d->resources);
    free(d);
}

struct nt_device *nt_device_at(uint64_t pa, uint64_t bytes, uint32_t *bar, uint64_t *offset)
{
    struct nt_device *found = NULL;

    pthread_mutex_lock(&lock);
    for (struct nt_device *d = devices; d && !found; d = d->next) {
        for (uint32_t i = 0; i < PCI_BAR_COUNT; i++) {
            uint64_t size = d->fn->bar_bytes[i];
            uint64_t at = pa - d->bar_address[i];

            if (size == 0 || at >= size || bytes > size - at)
                continue;
            *bar = i;
            *offset = at;
            found = d;
            break;
        }
    }
    pthread_mutex_unlock(&lock);
    return found;
}

const CM_RESOURCE_LIST *nt_device_resources(const struct nt_device *d)
{
    return d->resources;
}

DEVICE_OBJECT *nt_device_pdo(struct nt_device *d)
{
    return &d->pdo;
}

static uint32_t config_piece(uint32_t offset, uint32_t left)
{
    uint32_t size = offset % 4 == 0 ? 4 : offset % 2 == 0 ? 2 : 1;

    while (size > left)
        size /= 2;
    return size;
}

uint32_t nt_device_config(struct nt_device *d, bool write, uint32_t offset, void *buffer,
                          uint32_t bytes)
{
    uint8_t *at = buffer;

    if (offset >= PCI_CONFIG_BYTES)
        return 0;
    bytes = MIN_OF(bytes, PCI_CONFIG_BYTES - offset);
    for (uint32_t left = bytes, size; left > 0; left -= size, offset += size, at += size) {
        uint32_t value = UINT32_MAX;

        size = config_piece(offset, left);
        if (write) {
            value = 0;
            memcpy(&value, at, size);
            if (!nt_device_gone(d))
                config_put(d, offset, size, value);
        } else {
            if (!nt_device_gone(d))
                value = config_get(d, offset, size);
            memcpy(at, &value, size);
        }
    }
    return bytes;
}

void nt_device_remove(struct nt_device *d)
{
    if (__atomic_exchange_n(&d->removed, true, __ATOMIC_ACQ_REL))
        return;
    /* The driver is not going to tell the card any more, and takes back memory that the card knows the place of. */
    d->fn->ops->plugged(d->fn, NULL);
}

bool nt_device_removed(const struct nt_device *d)
{
    return nt_device_gone(d);
}

/* Bus 0; devices have the slots 0, 1, ... in order of plugging among those that are plugged;
 * function 0 only. */
static struct nt_device *device_in_slot(ULONG bus, ULONG slot)
{
    const PCI_SLOT_NUMBER number = {.u.AsULONG = slot};
    struct nt_device *d;
    ULONG count = 0;

    if (bus != 0 || number.u.bits.FunctionNumber != 0)
        return NULL;
    pthread_mutex_lock(&lock);
    for (d = devices; d; d = d->next)
        count++;
    /* The list has the newest first. */
    for (d = devices; d && --count != number.u.bits.DeviceNumber; d = d->next)
        ;
    pthread_mutex_unlock(&lock);
    return d;
}

/* As the page says: 0 when there is no such bus, two bytes of PCI_INVALID_VENDORID for an empty
 * slot. */
ULONG NTAPI HalGetBusDataByOffset(BUS_DATA_TYPE BusDataType, ULONG BusNumber, ULONG SlotNumber,
                                  PVOID Buffer, ULONG Offset, ULONG Length)
{
    static const USHORT nobody = PCI_INVALID_VENDORID;
    struct nt_device *d = device_in_slot(BusNumber, SlotNumber);

    if (BusDataType != PCIConfiguration || BusNumber != 0)
        return 0;
    if (d)
        return nt_device_config(d, false, Offset, Buffer, Length);
    memcpy(Buffer, &nobody, MIN_OF(Length, (ULONG)sizeof nobody));
    return sizeof nobody;
}
NT_EXPORT(HalGetBusDataByOffset);

ULONG NTAPI HalGetBusData(BUS_DATA_TYPE BusDataType, ULONG BusNumber, ULONG SlotNumber,
                          PVOID Buffer, ULONG Length)
{
    return HalGetBusDataByOffset(BusDataType, BusNumber, SlotNumber, Buffer, 0, Length);
}
NT_EXPORT(HalGetBusData);

ULONG NTAPI HalSetBusDataByOffset(BUS_DATA_TYPE BusDataType, ULONG BusNumber, ULONG SlotNumber,
                                  PVOID Buffer, ULONG Offset, ULONG Length)
{
    struct nt_device *d = device_in_slot(BusNumber, SlotNumber);

    return d && BusDataType == PCIConfiguration ? nt_device_config(d, true, Offset, Buffer, Length)
                                                : 0;
}
NT_EXPORT(HalSetBusDataByOffset);
