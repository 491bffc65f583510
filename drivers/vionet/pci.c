/* SPDX-License-Identifier: MIT */
/* The virtio PCI transport (virtio 1.2 §4.1): finding and mapping its structures, feature
 * negotiation, queue set-up. */
#include "vionet.h"

/* What the driver understands. ACCESS_PLATFORM: ring addresses are bus addresses, as NDIS gives
 * them. */
#define VIONET_FEATURES                                                                            \
    (VIRTIO_FEATURE(VIRTIO_F_VERSION_1) | VIRTIO_FEATURE(VIRTIO_F_ACCESS_PLATFORM) |               \
     VIRTIO_FEATURE(VIRTIO_F_INDIRECT_DESC) | VIRTIO_FEATURE(VIRTIO_F_EVENT_IDX) |                 \
     VIRTIO_FEATURE(VIRTIO_NET_F_CSUM) | VIRTIO_FEATURE(VIRTIO_NET_F_GUEST_CSUM) |                 \
     VIRTIO_FEATURE(VIRTIO_NET_F_MAC) | VIRTIO_FEATURE(VIRTIO_NET_F_MTU) |                         \
     VIRTIO_FEATURE(VIRTIO_NET_F_STATUS) | VIRTIO_FEATURE(VIRTIO_NET_F_MRG_RXBUF) |                \
     VIRTIO_FEATURE(VIRTIO_NET_F_HOST_TSO4) | VIRTIO_FEATURE(VIRTIO_NET_F_HOST_TSO6) |             \
     VIRTIO_FEATURE(VIRTIO_NET_F_HOST_ECN) | VIRTIO_FEATURE(VIRTIO_NET_F_CTRL_VQ) |                \
     VIRTIO_FEATURE(VIRTIO_NET_F_CTRL_RX) | VIRTIO_FEATURE(VIRTIO_NET_F_CTRL_MAC_ADDR))

/* And of the vendor's. */
#define VIONET_VENDOR_FEATURES                                                                     \
    ((1u << LONGSHORE_F_IPCSUM) | (1u << LONGSHORE_F_ID15) | (1u << LONGSHORE_F_SNAP) |            \
     (1u << LONGSHORE_F_VERDICTS))

enum {
    PCI_STATUS_AT = 6,
    PCI_CAPS_AT = 0x34,
    PCI_STATUS_HAS_CAPS = 0x10,
    PCI_CAPS_FIRST = 0x40,
    CAPS_MAX = 48,
    RESET_TRIES = 1000,
    BAR_BYTES_MAX = 1 << 20,
    GENERATION_TRIES = 100
};

#define COMMON(a, field)                                                                           \
    ((a)->device.common.base + FIELD_OFFSET(struct virtio_pci_common_cfg, field))

#define VENDOR(a, field)                                                                           \
    ((a)->device.vendor.base + FIELD_OFFSET(struct longshore_vendor_cfg, field))

static UCHAR read8(PUCHAR p)
{
    return READ_REGISTER_UCHAR(p);
}

static USHORT read16(PUCHAR p)
{
    return READ_REGISTER_USHORT((PUSHORT)p);
}

static ULONG read32(PUCHAR p)
{
    return READ_REGISTER_ULONG((PULONG)p);
}

static void write8(PUCHAR p, UCHAR v)
{
    WRITE_REGISTER_UCHAR(p, v);
}

static void write16(PUCHAR p, USHORT v)
{
    WRITE_REGISTER_USHORT((PUSHORT)p, v);
}

static void write32(PUCHAR p, ULONG v)
{
    WRITE_REGISTER_ULONG((PULONG)p, v);
}

/* A 64-bit register is written as two halves (§4.1.3.1). */
static void write_address(PUCHAR low, ULONG64 v)
{
    write32(low, (ULONG)v);
    write32(low + 4, (ULONG)(v >> 32));
}

static BOOLEAN bus_read(struct vionet_adapter *a, ULONG offset, PVOID buffer, ULONG bytes)
{
    return NdisMGetBusData(a->handle, PCI_WHICHSPACE_CONFIG, offset, buffer, bytes) == bytes;
}

/* ---- BARs and capabilities ------------------------------------------------------------ */

/* The assigned memory range that BAR `bar` decodes: resources come in BAR order, but absent ones
 * are left out, so the address decides. */
static const CM_PARTIAL_RESOURCE_DESCRIPTOR *
bar_resource(struct vionet_adapter *a, const NDIS_RESOURCE_LIST *resources, ULONG bar)
{
    ULONG low, high = 0;
    ULONG64 address;

    if (!bus_read(a, 0x10 + 4 * bar, &low, sizeof low) || (low & 1) != 0)
        return NULL;
    if ((low & 6) == 4 && !bus_read(a, 0x14 + 4 * bar, &high, sizeof high))
        return NULL;
    address = ((ULONG64)high << 32) | (low & ~(ULONG)15);
    for (ULONG i = 0; i < resources->Count; i++) {
        const CM_PARTIAL_RESOURCE_DESCRIPTOR *d = &resources->PartialDescriptors[i];

        if (d->Type == CmResourceTypeMemory && (ULONG64)d->u.Memory.Start.QuadPart == address)
            return d;
    }
    return NULL;
}

static NDIS_STATUS map_bar(struct vionet_adapter *a, const NDIS_RESOURCE_LIST *resources, ULONG bar)
{
    const CM_PARTIAL_RESOURCE_DESCRIPTOR *d;

    if (bar >= PCI_TYPE0_ADDRESSES)
        return NDIS_STATUS_ADAPTER_NOT_FOUND;
    if (a->device.bar_va[bar])
        return NDIS_STATUS_SUCCESS;
    d = bar_resource(a, resources, bar);
    if (!d || d->u.Memory.Length == 0 || d->u.Memory.Length > BAR_BYTES_MAX)
        return NDIS_STATUS_RESOURCE_CONFLICT;
    a->device.bar_bytes[bar] = d->u.Memory.Length;
    return NdisMMapIoSpace(&a->device.bar_va[bar], a->handle, d->u.Memory.Start,
                           d->u.Memory.Length);
}

static NDIS_STATUS take_region(struct vionet_adapter *a, const NDIS_RESOURCE_LIST *resources,
                               const struct virtio_pci_cap *c, struct vionet_region *r)
{
    ULONG alignment = 3; /* of its registers (§4.1.4.3.1, §4.1.4.4.1) */
    NDIS_STATUS status;

    if (c->cfg_type == VIRTIO_PCI_CAP_ISR_CFG)
        alignment = 0;
    else if (c->cfg_type == VIRTIO_PCI_CAP_NOTIFY_CFG)
        alignment = 1;
    if (r->base) /* the first of a kind is the preferred one (§4.1.4.1) */
        return NDIS_STATUS_SUCCESS;
    status = map_bar(a, resources, c->bar);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (c->offset > a->device.bar_bytes[c->bar] ||
        c->length > a->device.bar_bytes[c->bar] - c->offset || (c->offset & alignment) != 0)
        return NDIS_STATUS_RESOURCE_CONFLICT;
    r->base = (PUCHAR)a->device.bar_va[c->bar] + c->offset;
    r->bytes = c->length;
    return NDIS_STATUS_SUCCESS;
}

/* Longshore's card says here what it can do beyond virtio (virtio/longshore.h). A capability that
 * cannot be used leaves a plain virtio card. */
static void take_vendor(struct vionet_adapter *a, const NDIS_RESOURCE_LIST *resources, ULONG at)
{
    struct longshore_vendor_cap c;
    struct virtio_pci_cap where;
    struct vionet_region *r = &a->device.vendor;

    if (r->base || !bus_read(a, at, &c, sizeof c) || c.cap_len < sizeof c ||
        c.vendor_id != LONGSHORE_VIRTIO_VENDOR || c.version != LONGSHORE_VIRTIO_VERSION ||
        c.length < sizeof(struct longshore_vendor_cfg))
        return;
    NdisZeroMemory(&where, sizeof where);
    where.bar = c.bar;
    where.offset = c.offset;
    where.length = c.length;
    take_region(a, resources, &where, r);
}

static NDIS_STATUS take_capability(struct vionet_adapter *a, const NDIS_RESOURCE_LIST *resources,
                                   ULONG at)
{
    struct virtio_pci_notify_cap c;
    struct vionet_device *d = &a->device;
    NDIS_STATUS status;

    NdisZeroMemory(&c, sizeof c);
    if (!bus_read(a, at, &c.cap, sizeof c.cap) || c.cap.cap_len < sizeof c.cap)
        return NDIS_STATUS_SUCCESS; /* not one of ours */
    switch (c.cap.cfg_type) {
    case VIRTIO_PCI_CAP_COMMON_CFG:
        return take_region(a, resources, &c.cap, &d->common);
    case VIRTIO_PCI_CAP_ISR_CFG:
        return take_region(a, resources, &c.cap, &d->isr);
    case VIRTIO_PCI_CAP_DEVICE_CFG:
        return take_region(a, resources, &c.cap, &d->config);
    case VIRTIO_PCI_CAP_NOTIFY_CFG:
        if (d->notify.base || c.cap.cap_len < sizeof c || !bus_read(a, at, &c, sizeof c))
            return NDIS_STATUS_SUCCESS;
        status = take_region(a, resources, &c.cap, &d->notify);
        d->notify_multiplier = c.notify_off_multiplier;
        return status;
    case VIRTIO_PCI_CAP_VENDOR_CFG:
        take_vendor(a, resources, at);
        return NDIS_STATUS_SUCCESS;
    default:
        return NDIS_STATUS_SUCCESS;
    }
}

static NDIS_STATUS walk_capabilities(struct vionet_adapter *a, const NDIS_RESOURCE_LIST *resources)
{
    USHORT pci_status;
    UCHAR at, id[2];

    if (!bus_read(a, PCI_STATUS_AT, &pci_status, sizeof pci_status) ||
        !(pci_status & PCI_STATUS_HAS_CAPS) || !bus_read(a, PCI_CAPS_AT, &at, 1))
        return NDIS_STATUS_ADAPTER_NOT_FOUND;
    for (ULONG n = 0; n < CAPS_MAX && at >= PCI_CAPS_FIRST; n++) {
        NDIS_STATUS status;

        at &= 0xfc;
        if (!bus_read(a, at, id, sizeof id))
            return NDIS_STATUS_ADAPTER_NOT_FOUND;
        if (id[0] == VIRTIO_PCI_CAP_ID) {
            status = take_capability(a, resources, at);
            if (status != NDIS_STATUS_SUCCESS)
                return status;
        }
        at = id[1];
    }
    return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS vionet_pci_map(struct vionet_adapter *a, const NDIS_RESOURCE_LIST *resources)
{
    struct vionet_device *d = &a->device;
    USHORT id[2];
    NDIS_STATUS status;

    if (!resources || !bus_read(a, 0, id, sizeof id) || id[0] != VIRTIO_PCI_VENDOR ||
        id[1] != VIRTIO_PCI_DEVICE_NET)
        return NDIS_STATUS_ADAPTER_NOT_FOUND;
    status = walk_capabilities(a, resources);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (!d->common.base || !d->notify.base || !d->isr.base || !d->config.base ||
        d->common.bytes < FIELD_OFFSET(struct virtio_pci_common_cfg, queue_notify_config_data) ||
        d->isr.bytes < 1 || d->config.bytes < FIELD_OFFSET(struct virtio_net_config, speed))
        return NDIS_STATUS_ADAPTER_NOT_FOUND;
    return NDIS_STATUS_SUCCESS;
}

void vionet_pci_unmap(struct vionet_adapter *a)
{
    for (ULONG i = 0; i < PCI_TYPE0_ADDRESSES; i++) {
        if (a->device.bar_va[i])
            NdisMUnmapIoSpace(a->handle, a->device.bar_va[i], a->device.bar_bytes[i]);
        a->device.bar_va[i] = NULL;
    }
    NdisZeroMemory(&a->device.common, sizeof a->device.common);
    NdisZeroMemory(&a->device.vendor, sizeof a->device.vendor);
}

/* ---- Status and features -------------------------------------------------------------- */

UCHAR vionet_pci_status(struct vionet_adapter *a)
{
    return read8(COMMON(a, device_status));
}

void vionet_pci_status_add(struct vionet_adapter *a, UCHAR bits)
{
    write8(COMMON(a, device_status), (UCHAR)(vionet_pci_status(a) | bits));
}

/* §4.1.4.3.2: the reset is done when 0 is read back. PASSIVE_LEVEL. */
BOOLEAN vionet_pci_reset(struct vionet_adapter *a)
{
    if (!a->device.common.base)
        return FALSE;
    write8(COMMON(a, device_status), 0);
    for (ULONG i = 0; i < RESET_TRIES; i++) {
        UCHAR status = vionet_pci_status(a);

        if (status == 0)
            return TRUE;
        if (status == 0xff) /* the card is gone */
            return FALSE;
        NdisMSleep(1000);
    }
    return FALSE;
}

static ULONG64 offered_features(struct vionet_adapter *a)
{
    ULONG low, high;

    write32(COMMON(a, device_feature_select), 0);
    low = read32(COMMON(a, device_feature));
    write32(COMMON(a, device_feature_select), 1);
    high = read32(COMMON(a, device_feature));
    return ((ULONG64)high << 32) | low;
}

/* §5.1.3.1: what requires something that is not there is not taken. */
static ULONG64 consistent(ULONG64 f)
{
    ULONG64 tso = VIRTIO_FEATURE(VIRTIO_NET_F_HOST_TSO4) | VIRTIO_FEATURE(VIRTIO_NET_F_HOST_TSO6);

    if (!(f & VIRTIO_FEATURE(VIRTIO_NET_F_CSUM)))
        f &= ~tso;
    if (!(f & tso))
        f &= ~VIRTIO_FEATURE(VIRTIO_NET_F_HOST_ECN);
    if (!(f & VIRTIO_FEATURE(VIRTIO_NET_F_CTRL_VQ)))
        f &= ~(VIRTIO_FEATURE(VIRTIO_NET_F_CTRL_RX) | VIRTIO_FEATURE(VIRTIO_NET_F_CTRL_MAC_ADDR));
    return f;
}

/* What of the vendor's features goes with these virtio features. */
static ULONG vendor_features(struct vionet_adapter *a, ULONG64 f)
{
    ULONG v;

    if (!a->device.vendor.base)
        return 0;
    v = read32(VENDOR(a, device_feature)) & VIONET_VENDOR_FEATURES;
    if (!(f & VIRTIO_FEATURE(VIRTIO_NET_F_CSUM)))
        v &= ~(1u << LONGSHORE_F_IPCSUM);
    if (!(f & VIRTIO_FEATURE(VIRTIO_NET_F_HOST_TSO4)))
        v &= ~(1u << LONGSHORE_F_ID15);
    if (!(f & VIRTIO_FEATURE(VIRTIO_NET_F_GUEST_CSUM)))
        v &= ~(1u << LONGSHORE_F_VERDICTS);
    if (!(f & (VIRTIO_FEATURE(VIRTIO_NET_F_CSUM) | VIRTIO_FEATURE(VIRTIO_NET_F_GUEST_CSUM))))
        v &= ~(1u << LONGSHORE_F_SNAP);
    return v;
}

NDIS_STATUS vionet_pci_negotiate(struct vionet_adapter *a)
{
    ULONG64 f;
    ULONG v;

    if (!vionet_pci_reset(a))
        return NDIS_STATUS_HARD_ERRORS;
    vionet_pci_status_add(a, VIRTIO_STATUS_ACKNOWLEDGE);
    vionet_pci_status_add(a, VIRTIO_STATUS_DRIVER);
    f = consistent(offered_features(a) & VIONET_FEATURES);
    if (!(f & VIRTIO_FEATURE(VIRTIO_F_VERSION_1)))
        return NDIS_STATUS_NOT_SUPPORTED;
    v = vendor_features(a, f);
    /* After a reset: rings and buffers were made for the features of the first time, and reports
     * given. */
    if (a->device.features && (f != a->device.features || v != a->device.vendor_features))
        return NDIS_STATUS_HARD_ERRORS;
    write32(COMMON(a, driver_feature_select), 0);
    write32(COMMON(a, driver_feature), (ULONG)f);
    write32(COMMON(a, driver_feature_select), 1);
    write32(COMMON(a, driver_feature), (ULONG)(f >> 32));
    if (a->device.vendor.base)
        write32(VENDOR(a, driver_feature), v);
    vionet_pci_status_add(a, VIRTIO_STATUS_FEATURES_OK);
    if (!(vionet_pci_status(a) & VIRTIO_STATUS_FEATURES_OK))
        return NDIS_STATUS_NOT_SUPPORTED;
    if (a->device.features)
        return NDIS_STATUS_SUCCESS; /* and a late DPC may be reading them */
    a->device.features = f;
    a->device.vendor_features = v;
    return NDIS_STATUS_SUCCESS;
}

/* ---- Device configuration ------------------------------------------------------------- */

UCHAR vionet_config_read8(struct vionet_adapter *a, ULONG offset)
{
    return read8(a->device.config.base + offset);
}

USHORT vionet_config_read16(struct vionet_adapter *a, ULONG offset)
{
    return read16(a->device.config.base + offset);
}

/* Six bytes that must belong together: read again until the generation stands still (§4.1.4.3.1),
 * which a sound device's soon does. */
void vionet_read_mac(struct vionet_adapter *a, UCHAR mac[6])
{
    UCHAR before, after = read8(COMMON(a, config_generation));
    ULONG tries = 0;

    do {
        before = after;
        for (ULONG i = 0; i < 6; i++)
            mac[i] = vionet_config_read8(a, i);
        after = read8(COMMON(a, config_generation));
    } while (before != after && ++tries < GENERATION_TRIES);
}

/* ---- Queues --------------------------------------------------------------------------------- */

USHORT vionet_pci_queue_size(struct vionet_adapter *a, USHORT index)
{
    if (index >= read16(COMMON(a, num_queues)))
        return 0;
    write16(COMMON(a, queue_select), index);
    return read16(COMMON(a, queue_size));
}

BOOLEAN vionet_pci_config_vector(struct vionet_adapter *a, USHORT vector)
{
    write16(COMMON(a, config_msix_vector), vector);
    return read16(COMMON(a, config_msix_vector)) == vector;
}

static BOOLEAN place_doorbell(struct vionet_adapter *a, struct vionet_virtq *q)
{
    ULONG64 at = (ULONG64)read16(COMMON(a, queue_notify_off)) * a->device.notify_multiplier;

    if (a->device.notify.bytes < 2 || at > a->device.notify.bytes - 2 || (at & 1) != 0)
        return FALSE;
    q->doorbell = a->device.notify.base + at;
    return TRUE;
}

NDIS_STATUS vionet_pci_queue(struct vionet_adapter *a, struct vionet_virtq *q, USHORT vector)
{
    ULONG64 base = (ULONG64)q->address.QuadPart;

    write16(COMMON(a, queue_select), q->index);
    write16(COMMON(a, queue_size), q->size);
    write_address(COMMON(a, queue_desc_lo), base);
    write_address(COMMON(a, queue_driver_lo), base + (ULONG64)((PUCHAR)q->avail - q->memory));
    write_address(COMMON(a, queue_device_lo), base + (ULONG64)((PUCHAR)q->used - q->memory));
    write16(COMMON(a, queue_msix_vector), vector);
    if (read16(COMMON(a, queue_msix_vector)) != vector || !place_doorbell(a, q))
        return NDIS_STATUS_RESOURCES;
    write16(COMMON(a, queue_enable), 1);
    return NDIS_STATUS_SUCCESS;
}
