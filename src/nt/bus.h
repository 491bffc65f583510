/* SPDX-License-Identifier: MIT */
/* A plugged device from the inside, for the files that make up the bus: device.c, mmio.c, dma.c,
 * interrupt.c. */
#pragma once

#include "nt/device.h"

struct nt_dma_slot;

struct nt_device {
    struct pci_bus bus;
    struct pci_function *fn;
    struct nt_device *next; /* all devices, under the table's lock */
    bool removed;           /* atomic */
    uint64_t bar_address[PCI_BAR_COUNT];
    CM_RESOURCE_LIST *resources;
    DEVICE_OBJECT pdo;

    /* interrupt.c. The lock guards which interrupt a message or the line belongs to. */
    uintptr_t interrupt_lock;
    struct nt_interrupt **by_message; /* fn->msix_vectors of them */
    struct nt_interrupt *line;
    bool line_asserted;

    /* dma.c */
    uintptr_t dma_lock;
    struct nt_dma_slot *slots;
    uint32_t slots_used; /* slots that ever held a mapping; atomic, grows */
    uint32_t free_head, free_tail, free_count;
    uint64_t mapped; /* atomic */
    struct nt_owner *driver_seen;
    char driver[48]; /* who maps: the subject of DMA findings, which show on the device's thread */
};

static inline bool nt_device_gone(const struct nt_device *d)
{
    return __atomic_load_n(&d->removed, __ATOMIC_ACQUIRE);
}

/* The device whose BAR holds [pa, pa+bytes), with BAR and offset; NULL when there is none. */
struct nt_device *nt_device_at(uint64_t pa, uint64_t bytes, uint32_t *bar, uint64_t *offset);

int nt_dma_init(struct nt_device *d);
void nt_dma_fini(struct nt_device *d);
void *nt_dma_reach(struct pci_bus *bus, uint64_t addr, uint64_t len, enum pci_dma_dir dir);

int nt_interrupt_init(struct nt_device *d);
void nt_interrupt_fini(struct nt_device *d);
void nt_interrupt_msix(struct pci_bus *bus, uint32_t vector);
void nt_interrupt_line(struct pci_bus *bus, bool asserted);

/* Drops the device's mappings. */
void nt_mmio_forget(const struct nt_device *d);
