/* SPDX-License-Identifier: MIT */
/* BAR accesses: finds the structure, and serves the small ones: doorbells, ISR, device
 * configuration, MSI-X table. */
#include "nic/device.h"

/* ---- Doorbells ------------------------------------------------------------------------------ */

/* Holding the queue's lock. Receive buffers wait for frames: their doorbell says nothing. */
static bool drain(struct nic *nic, unsigned queue)
{
    if (!nic->queues[queue].running) {
        nic_count(nic, NIC_DOORBELL_BAD, 1);
        return false;
    }
    if (queue == VIRTIO_NET_TXQ)
        return nic_tx_drain(nic);
    if (queue == VIRTIO_NET_CTRLQ)
        return nic_ctrl_drain(nic);
    virtq_doorbell_never(&nic->queues[queue].vq);
    return false;
}

void nic_ring(struct nic *nic, unsigned queue)
{
    struct nic_queue *q = &nic->queues[queue];
    uint32_t seen;

    if (__atomic_fetch_add(&q->rings, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    do {
        bool more;

        seen = __atomic_load_n(&q->rings, __ATOMIC_ACQUIRE);
        do {
            pthread_mutex_lock(&q->lock);
            more = drain(nic, queue);
            pthread_mutex_unlock(&q->lock);
        } while (more);
        nic_check_broken(nic, queue);
    } while (!__atomic_compare_exchange_n(&q->rings, &seen, 0, false, __ATOMIC_ACQ_REL,
                                          __ATOMIC_ACQUIRE));
}

/* §4.1.5.2: the queue's index, written as 16 bits to the queue's address. */
static void notify_write(struct nic *nic, uint32_t offset, uint64_t value)
{
    uint32_t queue = offset / NIC_NOTIFY_STRIDE;

    nic_count(nic, NIC_DOORBELLS, 1);
    if (queue >= NIC_QUEUES || offset % NIC_NOTIFY_STRIDE || value != queue)
        nic_count(nic, NIC_DOORBELL_BAD, 1);
    else
        nic_ring(nic, queue);
}

/* ---- Device configuration (§5.1.4) ---------------------------------------------------------- */

static bool offers(const struct nic *nic, unsigned feature)
{
    return nic->offered & VIRTIO_FEATURE(feature);
}

static uint32_t device_read(struct nic *nic, uint32_t offset, uint32_t size)
{
    struct virtio_net_config c = {0};
    uint32_t value = 0;

    if (offset + size > sizeof c) {
        nic_count(nic, NIC_REG_BAD_READ, 1);
        return 0;
    }
    pthread_mutex_lock(&nic->lock);
    pthread_mutex_lock(&nic->filter.lock);
    if (offers(nic, VIRTIO_NET_F_MAC))
        memcpy(c.mac, nic->filter.mac, sizeof c.mac);
    pthread_mutex_unlock(&nic->filter.lock);
    if (offers(nic, VIRTIO_NET_F_STATUS))
        c.status = nic->link ? VIRTIO_NET_S_LINK_UP : 0;
    if (offers(nic, VIRTIO_NET_F_MTU))
        c.mtu = nic->config.mtu;
    /* The generation moves when a change is first seen: then it cannot wrap unseen (§4.1.4.3.1). */
    if (__atomic_exchange_n(&nic->generation_stale, false, __ATOMIC_ACQ_REL))
        nic->generation++;
    pthread_mutex_unlock(&nic->lock);
    memcpy(&value, (const uint8_t *)&c + offset, size);
    return value;
}

/* ---- MSI-X table: storage; masks and addresses are the bus's -------------------------------- */

static uint32_t table_read(struct nic *nic, uint32_t offset, uint32_t size)
{
    uint32_t value = 0;

    pthread_mutex_lock(&nic->lock);
    memcpy(&value, &nic->msix_table[offset], size);
    pthread_mutex_unlock(&nic->lock);
    return value;
}

static void table_write(struct nic *nic, uint32_t offset, uint32_t size, uint32_t value)
{
    if (offset + size > 16u * nic->config.msix_vectors) {
        nic_count(nic, NIC_REG_BAD_WRITE, 1);
        return;
    }
    pthread_mutex_lock(&nic->lock);
    memcpy(&nic->msix_table[offset], &value, size);
    pthread_mutex_unlock(&nic->lock);
}

/* ---- Dispatch ------------------------------------------------------------------------------- */

static uint32_t regs_read(struct nic *nic, uint32_t offset, uint32_t size)
{
    if (offset >= NIC_DEVICE_AT && offset < NIC_NOTIFY_AT)
        return device_read(nic, offset - NIC_DEVICE_AT, size);
    if (offset == NIC_ISR_AT)
        return nic_isr_read(nic);
    if (offset >= NIC_VENDOR_AT && offset < NIC_DEVICE_AT)
        return nic_vendor_read(nic, offset - NIC_VENDOR_AT, size);
    if (offset < NIC_ISR_AT)
        return nic_common_read(nic, offset - NIC_COMMON_AT, size);
    nic_count(nic, NIC_REG_BAD_READ, 1);
    return 0;
}

static void regs_write(struct nic *nic, uint32_t offset, uint32_t size, uint32_t value)
{
    if (offset >= NIC_NOTIFY_AT)
        notify_write(nic, offset - NIC_NOTIFY_AT, value);
    else if (offset < NIC_ISR_AT)
        nic_common_write(nic, offset - NIC_COMMON_AT, size, value);
    else if (offset >= NIC_VENDOR_AT && offset < NIC_DEVICE_AT)
        nic_vendor_write(nic, offset - NIC_VENDOR_AT, size, value);
    else
        nic_count(nic, NIC_REG_BAD_WRITE, 1);
}

static bool inside(const struct nic *nic, uint32_t bar, uint64_t offset, uint32_t size)
{
    return bar < PCI_BAR_COUNT && size <= 8 && nic->fn.bar_bytes[bar] >= size &&
           offset <= nic->fn.bar_bytes[bar] - size;
}

/* No register here is wider than 32 bits: 64-bit accesses are two (§4.1.3). */
uint64_t nic_bar_read(struct pci_function *fn, uint32_t bar, uint64_t offset, uint32_t size)
{
    struct nic *nic = CONTAINER_OF(fn, struct nic, fn);
    uint32_t at = (uint32_t)offset;

    if (!inside(nic, bar, offset, size))
        return UINT64_MAX;
    if (size == 8)
        return nic_bar_read(fn, bar, offset, 4) | nic_bar_read(fn, bar, offset + 4, 4) << 32;
    return bar == NIC_BAR_REGS ? regs_read(nic, at, size) : table_read(nic, at, size);
}

void nic_bar_write(struct pci_function *fn, uint32_t bar, uint64_t offset, uint32_t size,
                   uint64_t value)
{
    struct nic *nic = CONTAINER_OF(fn, struct nic, fn);
    uint32_t at = (uint32_t)offset;

    if (!inside(nic, bar, offset, size))
        return;
    if (size == 8) {
        nic_bar_write(fn, bar, offset, 4, (uint32_t)value);
        nic_bar_write(fn, bar, offset + 4, 4, value >> 32);
    } else if (bar == NIC_BAR_REGS) {
        regs_write(nic, at, size, (uint32_t)value);
    } else {
        table_write(nic, at, size, (uint32_t)value);
    }
}
