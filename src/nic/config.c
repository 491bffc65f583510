/* SPDX-License-Identifier: MIT */
/*
 * PCI configuration space: header, BAR registers, the virtio structure capabilities (virtio 1.2
 * §4.1.4) and MSI-X. A byte array with a mask of the bits that can be written; what has effects is
 * looked at after the bytes have changed.
 */
#include "nic/device.h"

/* PCI Local Bus 3.0, chapter 6 and §6.8.2. */
enum {
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_REVISION = 0x08,
    PCI_CLASS = 0x0a, /* sub-class and class */
    PCI_BAR0 = 0x10,
    PCI_SUBSYSTEM_VENDOR = 0x2c,
    PCI_SUBSYSTEM = 0x2e,
    PCI_CAPABILITIES = 0x34,
    PCI_INTERRUPT_LINE = 0x3c,
    PCI_INTERRUPT_PIN = 0x3d,
    PCI_FIRST_CAP = 0x40,

    PCI_COMMAND_WRITABLE = 0x0406, /* memory space, bus master, line disable */
    PCI_COMMAND_LINE_DISABLE = 0x0400,
    PCI_STATUS_INTERRUPT = 0x08,
    PCI_STATUS_CAPABILITIES = 0x10,
    PCI_BAR_MEMORY_64 = 0x4,
    PCI_CLASS_ETHERNET = 0x0200,

    PCI_CAP_MSIX = 0x11,
    MSIX_CONTROL = 2,
    MSIX_ENABLE = 0x8000,
    MSIX_FUNCTION_MASK = 0x4000,
    MSIX_BYTES = 12,
};

static void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v);
    put16(p + 2, v >> 16);
}

static uint32_t get(const uint8_t *p, uint32_t size)
{
    uint32_t v = 0;

    for (uint32_t i = 0; i < size; i++)
        v |= (uint32_t)p[i] << (8 * i);
    return v;
}

static void init_bar(struct nic *nic, unsigned bar, uint32_t bytes)
{
    uint32_t at = PCI_BAR0 + 4 * bar;

    nic->fn.bar_bytes[bar] = bytes;
    nic->space[at] = PCI_BAR_MEMORY_64;
    put32(&nic->writable[at], ~(bytes - 1));
    put32(&nic->writable[at + 4], UINT32_MAX);
}

/* Appends a capability of `bytes` bytes; *link is where its place is noted. Returns the place. */
static uint8_t add_cap(struct nic *nic, uint8_t *link, uint8_t *end, uint8_t id, uint8_t bytes)
{
    uint8_t at = *end;

    nic->space[*link] = at;
    nic->space[at] = id;
    *link = (uint8_t)(at + 1);
    *end = (uint8_t)(at + ALIGN_UP((unsigned)bytes, 4u));
    return at;
}

static void init_virtio_caps(struct nic *nic, uint8_t *link, uint8_t *end)
{
    static const struct {
        uint8_t type, bytes;
        uint32_t offset, length;
    } caps[] = {
        {VIRTIO_PCI_CAP_COMMON_CFG, sizeof(struct virtio_pci_cap), NIC_COMMON_AT,
         sizeof(struct virtio_pci_common_cfg)},
        {VIRTIO_PCI_CAP_NOTIFY_CFG, sizeof(struct virtio_pci_notify_cap), NIC_NOTIFY_AT,
         NIC_QUEUES * NIC_NOTIFY_STRIDE},
        {VIRTIO_PCI_CAP_ISR_CFG, sizeof(struct virtio_pci_cap), NIC_ISR_AT, 1},
        {VIRTIO_PCI_CAP_DEVICE_CFG, sizeof(struct virtio_pci_cap), NIC_DEVICE_AT,
         sizeof(struct virtio_net_config)},
        {VIRTIO_PCI_CAP_PCI_CFG, sizeof(struct virtio_pci_cfg_cap), 0, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(caps); i++) {
        uint8_t at = add_cap(nic, link, end, VIRTIO_PCI_CAP_ID, caps[i].bytes);
        struct virtio_pci_cap cap = {
            .cap_vndr = VIRTIO_PCI_CAP_ID,
            .cap_len = caps[i].bytes,
            .cfg_type = caps[i].type,
            .bar = NIC_BAR_REGS,
            .offset = caps[i].offset,
            .length = caps[i].length,
        };

        memcpy(&nic->space[at], &cap, sizeof cap);
        if (caps[i].type == VIRTIO_PCI_CAP_NOTIFY_CFG)
            put32(&nic->space[at + sizeof cap], NIC_NOTIFY_STRIDE);
        if (caps[i].type == VIRTIO_PCI_CAP_PCI_CFG)
            nic->window_at = at;
    }
    /* The window's place and its data are the driver's to write (§4.1.4.9). */
    nic->writable[nic->window_at + offsetof(struct virtio_pci_cap, bar)] = 0xff;
    memset(&nic->writable[nic->window_at + offsetof(struct virtio_pci_cap, offset)], 0xff,
           sizeof(struct virtio_pci_cfg_cap) - offsetof(struct virtio_pci_cap, offset));
}

/* A card that offers none of the vendor's features is a plain one to look at, too. */
static void init_vendor_cap(struct nic *nic, uint8_t *link, uint8_t *end)
{
    struct longshore_vendor_cap cap = {
        .cap_vndr = VIRTIO_PCI_CAP_ID,
        .cap_len = sizeof cap,
        .cfg_type = VIRTIO_PCI_CAP_VENDOR_CFG,
        .vendor_id = LONGSHORE_VIRTIO_VENDOR,
        .version = LONGSHORE_VIRTIO_VERSION,
        .bar = NIC_BAR_REGS,
        .offset = NIC_VENDOR_AT,
        .length = sizeof(struct longshore_vendor_cfg),
    };

    if (nic->offered & NIC_VENDOR_MASK)
        memcpy(&nic->space[add_cap(nic, link, end, VIRTIO_PCI_CAP_ID, sizeof cap)], &cap,
               sizeof cap);
}

static void init_msix(struct nic *nic, uint8_t *link, uint8_t *end)
{
    uint8_t at = add_cap(nic, link, end, PCI_CAP_MSIX, MSIX_BYTES);

    nic->msix_at = at;
    nic->fn.msix_vectors = nic->config.msix_vectors;
    put16(&nic->space[at + MSIX_CONTROL], nic->config.msix_vectors - 1u);
    put16(&nic->writable[at + MSIX_CONTROL], MSIX_ENABLE | MSIX_FUNCTION_MASK);
    put32(&nic->space[at + 4], NIC_BAR_MSIX);
    put32(&nic->space[at + 8], NIC_PBA_AT | NIC_BAR_MSIX);
    init_bar(nic, NIC_BAR_MSIX, NIC_BAR_MSIX_BYTES);
    /* Entries are masked at power on: bit 0 of their fourth word. */
    for (unsigned i = 0; i < nic->config.msix_vectors; i++)
        nic->msix_table[16 * i + 12] = 1;
}

void nic_space_init(struct nic *nic)
{
    uint8_t *s = nic->space;
    uint8_t link = PCI_CAPABILITIES, end = PCI_FIRST_CAP;

    put16(s, VIRTIO_PCI_VENDOR);
    put16(s + 2, VIRTIO_PCI_DEVICE_NET);
    put16(s + PCI_STATUS, PCI_STATUS_CAPABILITIES);
    s[PCI_REVISION] = 1;
    put16(s + PCI_CLASS, PCI_CLASS_ETHERNET);
    put16(s + PCI_SUBSYSTEM_VENDOR, VIRTIO_PCI_VENDOR);
    put16(s + PCI_SUBSYSTEM, VIRTIO_PCI_DEVICE_NET);
    s[PCI_INTERRUPT_PIN] = 1;
    put16(nic->writable + PCI_COMMAND, PCI_COMMAND_WRITABLE);
    nic->writable[PCI_INTERRUPT_LINE] = 0xff;
    init_bar(nic, NIC_BAR_REGS, NIC_BAR_REGS_BYTES);
    init_virtio_caps(nic, &link, &end);
    init_vendor_cap(nic, &link, &end);
    if (!nic->config.line_only)
        init_msix(nic, &link, &end);
}

/* ---- The window into a BAR ------------------------------------------------------------------ */

/* Where the window stands, if that is a place one may access. */
static bool window(const struct nic *nic, uint32_t *bar, uint32_t *offset, uint32_t *size)
{
    const uint8_t *cap = &nic->space[nic->window_at];

    *bar = cap[offsetof(struct virtio_pci_cap, bar)];
    *offset = get(cap + offsetof(struct virtio_pci_cap, offset), 4);
    *size = get(cap + offsetof(struct virtio_pci_cap, length), 4);
    return (*size == 1 || *size == 2 || *size == 4) && *offset % *size == 0 &&
           *bar < PCI_BAR_COUNT && *offset < nic->fn.bar_bytes[*bar];
}

static bool touches_window(const struct nic *nic, uint32_t offset)
{
    uint32_t data = nic->window_at + (uint32_t)offsetof(struct virtio_pci_cfg_cap, pci_cfg_data);

    return offset >= data && offset < data + 4;
}

static uint8_t *window_data(struct nic *nic)
{
    return &nic->space[nic->window_at + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data)];
}

static void window_read(struct nic *nic)
{
    uint32_t bar, offset, size, value;
    bool ok;

    pthread_mutex_lock(&nic->lock);
    ok = window(nic, &bar, &offset, &size);
    pthread_mutex_unlock(&nic->lock);
    if (!ok) {
        nic_count(nic, NIC_REG_BAD_READ, 1);
        return;
    }
    value = (uint32_t)nic_bar_read(&nic->fn, bar, offset, size);
    pthread_mutex_lock(&nic->lock);
    for (uint32_t i = 0; i < size; i++)
        window_data(nic)[i] = (uint8_t)(value >> (8 * i));
    pthread_mutex_unlock(&nic->lock);
}

static void window_write(struct nic *nic)
{
    uint32_t bar, offset, size, value = 0;
    bool ok;

    pthread_mutex_lock(&nic->lock);
    ok = window(nic, &bar, &offset, &size);
    if (ok)
        value = get(window_data(nic), size);
    pthread_mutex_unlock(&nic->lock);
    if (ok)
        nic_bar_write(&nic->fn, bar, offset, size, value);
    else
        nic_count(nic, NIC_REG_BAD_WRITE, 1);
}

/* ---- Access --------------------------------------------------------------------------------- */

uint32_t nic_space_read(struct pci_function *fn, uint32_t offset, uint32_t size)
{
    struct nic *nic = CONTAINER_OF(fn, struct nic, fn);
    uint32_t value;

    if (size > 4 || offset > PCI_CONFIG_BYTES - size)
        return UINT32_MAX;
    if (touches_window(nic, offset))
        window_read(nic);
    pthread_mutex_lock(&nic->lock);
    nic->space[PCI_STATUS] =
        (uint8_t)(PCI_STATUS_CAPABILITIES | (nic_irq_pending(nic) ? PCI_STATUS_INTERRUPT : 0));
    value = get(&nic->space[offset], size);
    pthread_mutex_unlock(&nic->lock);
    return value;
}

void nic_space_write(struct pci_function *fn, uint32_t offset, uint32_t size, uint32_t value)
{
    struct nic *nic = CONTAINER_OF(fn, struct nic, fn);
    bool msix;

    if (size > 4 || offset > PCI_CONFIG_BYTES - size)
        return;
    pthread_mutex_lock(&nic->lock);
    for (uint32_t i = 0; i < size; i++) {
        uint8_t mask = nic->writable[offset + i];
        uint8_t byte = (uint8_t)(value >> (8 * i));

        nic->space[offset + i] = (uint8_t)((nic->space[offset + i] & ~mask) | (byte & mask));
    }
    msix = nic->msix_at && get(&nic->space[nic->msix_at + MSIX_CONTROL], 2) & MSIX_ENABLE;
    nic_irq_mode(nic, msix, get(&nic->space[PCI_COMMAND], 2) & PCI_COMMAND_LINE_DISABLE);
    pthread_mutex_unlock(&nic->lock);
    if (touches_window(nic, offset))
        window_write(nic);
}
