/* SPDX-License-Identifier: MIT */
/* Interrupts: MSI-X messages, or the line with its status byte (virtio 1.2 §4.1.5.3, §4.1.5.4). */
#include "nic/device.h"

/*
 * The line's level and the ISR byte change together under irq_lock, so that a read which clears the
 * byte and an event which sets it cannot leave the line down with a bit set.
 */
static void raise_irq(struct nic *nic, uint16_t vector, uint8_t isr_bit)
{
    bool message;

    if (!nic->bus)
        return;
    pthread_mutex_lock(&nic->irq_lock);
    message = nic->msix_enabled;
    /* §4.1.4.5.1: the configuration bit is set in either mode. */
    if (!message || isr_bit == VIRTIO_PCI_ISR_CONFIG)
        nic->isr |= isr_bit;
    if (!message && !nic->line_disabled) {
        nic_count(nic, NIC_INTERRUPTS, 1);
        nic->bus->ops->line(nic->bus, true);
    }
    pthread_mutex_unlock(&nic->irq_lock);
    if (message && vector != VIRTIO_MSI_NO_VECTOR) {
        nic_count(nic, NIC_INTERRUPTS, 1);
        nic->bus->ops->msix(nic->bus, vector);
    }
}

void nic_interrupt(struct nic *nic, struct nic_queue *q)
{
    raise_irq(nic, q->vector, VIRTIO_PCI_ISR_QUEUE);
}

void nic_config_changed(struct nic *nic)
{
    __atomic_store_n(&nic->generation_stale, true, __ATOMIC_RELEASE);
    nic_count(nic, NIC_CONFIG_CHANGES, 1);
    if (nic->status & VIRTIO_STATUS_DRIVER_OK)
        raise_irq(nic, nic->config_vector, VIRTIO_PCI_ISR_CONFIG);
}

uint8_t nic_isr_read(struct nic *nic)
{
    uint8_t isr;

    pthread_mutex_lock(&nic->irq_lock);
    isr = nic->isr;
    nic->isr = 0;
    if (nic->bus && !nic->msix_enabled)
        nic->bus->ops->line(nic->bus, false);
    pthread_mutex_unlock(&nic->irq_lock);
    return isr;
}

void nic_irq_mode(struct nic *nic, bool msix, bool line_disabled)
{
    pthread_mutex_lock(&nic->irq_lock);
    if (nic->bus && (nic->msix_enabled != msix || nic->line_disabled != line_disabled))
        nic->bus->ops->line(nic->bus, nic->isr && !msix && !line_disabled);
    nic->msix_enabled = msix;
    nic->line_disabled = line_disabled;
    pthread_mutex_unlock(&nic->irq_lock);
}

void nic_irq_reset(struct nic *nic)
{
    pthread_mutex_lock(&nic->irq_lock);
    if (nic->bus && nic->isr && !nic->msix_enabled)
        nic->bus->ops->line(nic->bus, false);
    nic->isr = 0;
    pthread_mutex_unlock(&nic->irq_lock);
}

bool nic_irq_pending(struct nic *nic)
{
    bool pending;

    pthread_mutex_lock(&nic->irq_lock);
    pending = nic->isr && !nic->msix_enabled;
    pthread_mutex_unlock(&nic->irq_lock);
    return pending;
}
