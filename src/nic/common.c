/* SPDX-License-Identifier: MIT */
/* The common configuration structure (virtio 1.2 §4.1.4.3): feature negotiation, device status,
 * queue set-up, reset. */
#include "nic/device.h"

static struct nic_queue *selected(struct nic *nic)
{
    unsigned count = nic->offered & VIRTIO_FEATURE(VIRTIO_NET_F_CTRL_VQ) ? 3 : 2;

    return nic->queue_select < count ? &nic->queues[nic->queue_select] : NULL;
}

/* What stands in the common configuration. */
static uint64_t virtio_offer(const struct nic *nic)
{
    return nic->offered & ~NIC_VENDOR_MASK;
}

static uint8_t status_get(const struct nic *nic)
{
    return __atomic_load_n(&nic->status, __ATOMIC_RELAXED);
}

static void status_set(struct nic *nic, uint8_t status)
{
    __atomic_store_n(&nic->status, status, __ATOMIC_RELAXED);
}

/* ---- Queues --------------------------------------------------------------------------------- */

static void queue_reset(struct nic *nic, unsigned i)
{
    struct nic_queue *q = &nic->queues[i];

    pthread_mutex_lock(&q->lock);
    virtq_stop(&q->vq);
    q->running = q->enabled = q->reported = false;
    q->desc = q->avail = q->used = 0;
    q->size = nic->config.queue_size;
    q->vector = VIRTIO_MSI_NO_VECTOR;
    if (i == VIRTIO_NET_RXQ)
        nic_rx_forget(nic);
    pthread_mutex_unlock(&q->lock);
}

/* Holding the queue's lock. */
static void queue_run(struct nic_queue *q, bool is_rx)
{
    q->running = true;
    if (is_rx)
        virtq_doorbell_never(&q->vq);
    else
        virtq_doorbell_on(&q->vq);
}

static void queue_enable(struct nic *nic, struct nic_queue *q)
{
    unsigned index = (unsigned)(q - nic->queues);
    struct virtq_setup setup = {
        .bus = nic->bus,
        .desc = q->desc,
        .avail = q->avail,
        .used = q->used,
        .size = q->size,
        .event_idx = nic_has(nic, VIRTIO_F_EVENT_IDX),
        .indirect = nic_has(nic, VIRTIO_F_INDIRECT_DESC),
    };

    if (!(status_get(nic) & VIRTIO_STATUS_FEATURES_OK) || q->enabled || !nic->bus ||
        (index == VIRTIO_NET_CTRLQ && !nic_has(nic, VIRTIO_NET_F_CTRL_VQ))) {
        nic_count(nic, NIC_REG_BAD_VALUE, 1);
        return;
    }
    q->reported = false;
    if (virtq_start(&q->vq, &setup) != VIRTQ_OK)
        return;
    q->enabled = true;
    if (status_get(nic) & VIRTIO_STATUS_DRIVER_OK)
        queue_run(q, index == VIRTIO_NET_RXQ);
}

void nic_check_broken(struct nic *nic, unsigned queue)
{
    struct nic_queue *q = &nic->queues[queue];
    bool broken;

    pthread_mutex_lock(&q->lock);
    broken = q->vq.fault && !q->reported;
    pthread_mutex_unlock(&q->lock);
    if (!broken)
        return;
    /* Asked again in the order of the locks: a reset may have come between. */
    pthread_mutex_lock(&nic->lock);
    pthread_mutex_lock(&q->lock);
    if (q->vq.fault && !q->reported) {
        q->reported = true;
        nic_count(nic, NIC_RING_MISALIGNED + (enum nic_counter)(q->vq.fault - VIRTQ_MISALIGNED), 1);
        status_set(nic, status_get(nic) | VIRTIO_STATUS_NEEDS_RESET);
        nic_config_changed(nic);
    }
    pthread_mutex_unlock(&q->lock);
    pthread_mutex_unlock(&nic->lock);
}

/* ---- Reset, negotiation, status ------------------------------------------------------------- */

void nic_reset(struct nic *nic)
{
    for (unsigned i = 0; i < NIC_QUEUES; i++)
        queue_reset(nic, i);
    status_set(nic, 0);
    nic->accepted = 0;
    nic->vendor_accepted = 0;
    __atomic_store_n(&nic->negotiated, 0, __ATOMIC_RELAXED);
    nic->device_feature_select = nic->driver_feature_select = 0;
    nic->queue_select = 0;
    nic->config_vector = VIRTIO_MSI_NO_VECTOR;
    nic_filter_reset(nic);
    nic_irq_reset(nic);
}

/* What the driver took of both kinds. */
static uint64_t features_taken(const struct nic *nic)
{
    return nic->accepted | (uint64_t)nic->vendor_accepted << NIC_VENDOR_BIT;
}

/* Whether the driver's choice can be worked with; counts why not. */
static bool features_acceptable(struct nic *nic)
{
    uint64_t platform = VIRTIO_FEATURE(VIRTIO_F_ACCESS_PLATFORM);
    uint64_t vendor = (nic->offered & NIC_VENDOR_MASK) >> NIC_VENDOR_BIT;

    if (nic->accepted & ~virtio_offer(nic) || nic->vendor_accepted & ~vendor)
        nic_count(nic, NIC_FEATURES_NOT_OFFERED, 1);
    else if (!(nic->accepted & VIRTIO_FEATURE(VIRTIO_F_VERSION_1)))
        nic_count(nic, NIC_FEATURES_NO_VERSION_1, 1);
    else if (nic->offered & platform && !(nic->accepted & platform))
        nic_count(nic, NIC_FEATURES_NO_PLATFORM, 1);
    else if (nic_features_orphans(features_taken(nic)))
        nic_count(nic, NIC_FEATURES_DEPENDENCY, 1);
    else
        return true;
    return false;
}

static void features_fix(struct nic *nic)
{
    __atomic_store_n(&nic->negotiated, features_taken(nic), __ATOMIC_RELAXED);
    pthread_mutex_lock(&nic->filter.lock);
    nic->filter.vlan_on = nic_has(nic, VIRTIO_NET_F_CTRL_VLAN);
    nic->filter.rx_modes = nic_has(nic, VIRTIO_NET_F_CTRL_RX);
    pthread_mutex_unlock(&nic->filter.lock);
}

static void run_queues(struct nic *nic)
{
    for (unsigned i = 0; i < NIC_QUEUES; i++) {
        struct nic_queue *q = &nic->queues[i];

        pthread_mutex_lock(&q->lock);
        if (q->enabled)
            queue_run(q, i == VIRTIO_NET_RXQ);
        pthread_mutex_unlock(&q->lock);
    }
}

/* Bits are only added (§2.1.1); FEATURES_OK comes after DRIVER, DRIVER_OK after that (§3.1.1). */
static void status_write(struct nic *nic, uint32_t value)
{
    uint8_t known = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_DRIVER_OK |
                    VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_FAILED;
    uint8_t old = status_get(nic);
    uint8_t added = (uint8_t)(value & known & ~old);
    bool bad = old & ~value & known;

    if (value == 0) {
        nic_count(nic, NIC_RESETS, 1);
        nic_reset(nic);
        return;
    }
    if (added & VIRTIO_STATUS_FEATURES_OK) {
        if (!((old | added) & VIRTIO_STATUS_DRIVER)) {
            bad = true;
            added &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
        } else if (features_acceptable(nic)) {
            features_fix(nic);
        } else {
            added &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
        }
    }
    if (added & VIRTIO_STATUS_DRIVER_OK && !((old | added) & VIRTIO_STATUS_FEATURES_OK)) {
        bad = true;
        added &= (uint8_t)~VIRTIO_STATUS_DRIVER_OK;
    }
    nic_count(nic, NIC_STATUS_BAD, bad);
    status_set(nic, old | added);
    if (added & VIRTIO_STATUS_DRIVER_OK)
        run_queues(nic);
}

static void feature_write(struct nic *nic, uint32_t value)
{
    unsigned shift = 32 * nic->driver_feature_select;

    if (status_get(nic) & VIRTIO_STATUS_FEATURES_OK || nic->driver_feature_select > 1) {
        if (value != 0)
            nic_count(nic, NIC_REG_BAD_VALUE, 1);
        return;
    }
    nic->accepted = (nic->accepted & ~((uint64_t)UINT32_MAX << shift)) | (uint64_t)value << shift;
}

/* ---- Vendor features (virtio/longshore.h) --------------------------------------------------- */

uint32_t nic_vendor_read(struct nic *nic, uint32_t offset, uint32_t size)
{
    struct longshore_vendor_cfg c;
    uint32_t value = 0;

    if (offset + size > sizeof c || !(nic->offered & NIC_VENDOR_MASK)) {
        nic_count(nic, NIC_REG_BAD_READ, 1);
        return 0;
    }
    pthread_mutex_lock(&nic->lock);
    c.device_feature = (uint32_t)((nic->offered & NIC_VENDOR_MASK) >> NIC_VENDOR_BIT);
    c.driver_feature = nic->vendor_accepted;
    pthread_mutex_unlock(&nic->lock);
    memcpy(&value, (const uint8_t *)&c + offset, size);
    return value;
}

void nic_vendor_write(struct nic *nic, uint32_t offset, uint32_t size, uint32_t value)
{
    if (offset != offsetof(struct longshore_vendor_cfg, driver_feature) || size != sizeof value ||
        !(nic->offered & NIC_VENDOR_MASK)) {
        nic_count(nic, NIC_REG_BAD_WRITE, 1);
        return;
    }
    pthread_mutex_lock(&nic->lock);
    if (status_get(nic) & VIRTIO_STATUS_FEATURES_OK)
        nic_count(nic, NIC_REG_BAD_VALUE, 1);
    else
        nic->vendor_accepted = value;
    pthread_mutex_unlock(&nic->lock);
}

/* ---- Registers ------------------------------------------------------------------------------ */

static uint32_t feature_word(uint64_t features, uint32_t select)
{
    return select > 1 ? 0 : (uint32_t)(features >> (32 * select));
}

static void fill(struct nic *nic, struct virtio_pci_common_cfg *c)
{
    const struct nic_queue *q = selected(nic);

    *c = (struct virtio_pci_common_cfg){
        .device_feature_select = nic->device_feature_select,
        .device_feature = feature_word(virtio_offer(nic), nic->device_feature_select),
        .driver_feature_select = nic->driver_feature_select,
        .driver_feature = feature_word(nic->accepted, nic->driver_feature_select),
        .config_msix_vector = nic->config_vector,
        .num_queues = nic->offered & VIRTIO_FEATURE(VIRTIO_NET_F_CTRL_VQ) ? 3 : 2,
        .device_status = status_get(nic),
        .config_generation = nic->generation,
        .queue_select = nic->queue_select,
        .queue_msix_vector = VIRTIO_MSI_NO_VECTOR,
    };
    if (!q)
        return;
    c->queue_size = q->size;
    c->queue_msix_vector = q->vector;
    c->queue_enable = q->enabled;
    c->queue_notify_off = nic->queue_select;
    c->queue_desc_lo = (uint32_t)q->desc;
    c->queue_desc_hi = (uint32_t)(q->desc >> 32);
    c->queue_driver_lo = (uint32_t)q->avail;
    c->queue_driver_hi = (uint32_t)(q->avail >> 32);
    c->queue_device_lo = (uint32_t)q->used;
    c->queue_device_hi = (uint32_t)(q->used >> 32);
    c->queue_notify_config_data = nic->queue_select;
}

uint32_t nic_common_read(struct nic *nic, uint32_t offset, uint32_t size)
{
    struct virtio_pci_common_cfg c;
    uint32_t value = 0;

    if (offset + size > sizeof c) {
        nic_count(nic, NIC_REG_BAD_READ, 1);
        return 0;
    }
    pthread_mutex_lock(&nic->lock);
    fill(nic, &c);
    pthread_mutex_unlock(&nic->lock);
    memcpy(&value, (const uint8_t *)&c + offset, size);
    return value;
}

/* A vector that the card does not have reads back as none (§4.1.5.1.2.1). */
static uint16_t vector_for(struct nic *nic, uint32_t value)
{
    if (value < nic->fn.msix_vectors || value == VIRTIO_MSI_NO_VECTOR)
        return (uint16_t)value;
    nic_count(nic, NIC_REG_BAD_VALUE, 1);
    return VIRTIO_MSI_NO_VECTOR;
}

static bool size_allowed(const struct nic *nic, const struct nic_queue *q, uint32_t size)
{
    return !q->enabled && size && (size & (size - 1)) == 0 && size <= nic->config.queue_size;
}

static void write_half(uint64_t *reg, bool high, uint32_t value)
{
    unsigned shift = high ? 32 : 0;

    *reg = (*reg & ~((uint64_t)UINT32_MAX << shift)) | (uint64_t)value << shift;
}

#define AT(field) offsetof(struct virtio_pci_common_cfg, field)

/* Holding `lock` and the queue's. False: the value is refused. */
static bool queue_write(struct nic *nic, struct nic_queue *q, uint32_t offset, uint32_t value)
{
    bool high = offset & 4;

    switch (offset) {
    case AT(queue_size):
        if (!size_allowed(nic, q, value))
            return false;
        q->size = (uint16_t)value;
        return true;
    case AT(queue_msix_vector):
        q->vector = vector_for(nic, value);
        return true;
    case AT(queue_enable):
        if (value != 1)
            return false;
        queue_enable(nic, q);
        return true;
    default:
        break;
    }
    if (q->enabled)
        return false;
    /* The three addresses start at an offset of 32, so bit 2 tells the high halves. */
    _Static_assert(AT(queue_desc_lo) % 8 == 0, "64-bit registers are aligned");
    if (offset < AT(queue_driver_lo))
        write_half(&q->desc, high, value);
    else if (offset < AT(queue_device_lo))
        write_half(&q->avail, high, value);
    else
        write_half(&q->used, high, value);
    return true;
}

static void selected_write(struct nic *nic, uint32_t offset, uint32_t value)
{
    struct nic_queue *q = selected(nic);
    bool taken;

    if (!q) {
        nic_count(nic, NIC_REG_BAD_VALUE, 1);
        return;
    }
    if (offset == AT(queue_reset)) {
        if (value == 1 && nic_has(nic, VIRTIO_F_RING_RESET))
            queue_reset(nic, nic->queue_select);
        else
            nic_count(nic, NIC_REG_BAD_VALUE, 1);
        return;
    }
    pthread_mutex_lock(&q->lock);
    taken = queue_write(nic, q, offset, value);
    pthread_mutex_unlock(&q->lock);
    if (!taken)
        nic_count(nic, NIC_REG_BAD_VALUE, 1);
}

static const struct {
    uint8_t offset, size;
} writable[] = {
    {AT(device_feature_select), 4},
    {AT(driver_feature_select), 4},
    {AT(driver_feature), 4},
    {AT(config_msix_vector), 2},
    {AT(device_status), 1},
    {AT(queue_select), 2},
    {AT(queue_size), 2},
    {AT(queue_msix_vector), 2},
    {AT(queue_enable), 2},
    {AT(queue_desc_lo), 4},
    {AT(queue_desc_hi), 4},
    {AT(queue_driver_lo), 4},
    {AT(queue_driver_hi), 4},
    {AT(queue_device_lo), 4},
    {AT(queue_device_hi), 4},
    {AT(queue_reset), 2},
};

static bool field_writable(uint32_t offset, uint32_t size)
{
    for (size_t i = 0; i < ARRAY_LEN(writable); i++)
        if (writable[i].offset == offset && writable[i].size == size)
            return true;
    return false;
}

void nic_common_write(struct nic *nic, uint32_t offset, uint32_t size, uint32_t value)
{
    unsigned queue = NIC_QUEUES;

    if (!field_writable(offset, size)) {
        nic_count(nic, NIC_REG_BAD_WRITE, 1);
        return;
    }
    pthread_mutex_lock(&nic->lock);
    switch (offset) {
    case AT(device_feature_select):
        nic->device_feature_select = value;
        break;
    case AT(driver_feature_select):
        nic->driver_feature_select = value;
        break;
    case AT(driver_feature):
        feature_write(nic, value);
        break;
    case AT(config_msix_vector):
        nic->config_vector = vector_for(nic, value);
        break;
    case AT(device_status):
        status_write(nic, value);
        break;
    case AT(queue_select):
        nic->queue_select = (uint16_t)value;
        break;
    default:
        selected_write(nic, offset, value);
        queue = nic->queue_select;
    }
    pthread_mutex_unlock(&nic->lock);
    if (queue < NIC_QUEUES)
        nic_check_broken(nic, queue);
}
