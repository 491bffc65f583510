/* SPDX-License-Identifier: MIT */
/*
 * The PCI bus as drivers see it: a plugged function, its resources, BARs, interrupts and DMA map.
 *
 * BARs get physical addresses; a mapping of one is a region of reserved, inaccessible address
 * space. READ_REGISTER_* and WRITE_REGISTER_* from linked drivers go through nt_mmio_access; plain
 * loads and stores of a .sys fault, are decoded (mmio.c) and end in the same function.
 *
 * DMA addresses are not host addresses: each mapping gets a slot, address = (generation << 44 |
 * slot << 28 | page offset of the buffer), so that translation is two shifts and exact bounds, and
 * an address of a mapping that is gone is recognised. Addresses are below 2^52.
 */
#pragma once

#include "base/base.h"
#include "base/pci.h"

#include <wdk/ntddk.h>

struct nt_device;

/* Plugs the function in: BARs placed (sizes as the function says; config space tells the driver
 * where), memory space, bus mastering and MSI-X enabled. The function outlives the device. Before
 * free, interrupts are disconnected; mappings go with the device. */
int nt_device_new(struct pci_function *fn, struct nt_device **out, struct why *why);
void nt_device_free(struct nt_device *d);

/* Translated resources as PnP would hand them out: memory BARs, then messages (one descriptor per
 * vector) or the line. Owned by the device. */
const CM_RESOURCE_LIST *nt_device_resources(const struct nt_device *d);
DEVICE_OBJECT *nt_device_pdo(struct nt_device *d);

/* Config space with bounds; returns bytes done. */
uint32_t nt_device_config(struct nt_device *d, bool write, uint32_t offset, void *buffer,
                          uint32_t bytes);

/* Surprise removal: register reads give all ones, writes, interrupts and DMA go nowhere from now
 * on.
 * The function is unplugged when it returns. */
void nt_device_remove(struct nt_device *d);
bool nt_device_removed(const struct nt_device *d);

/* MMIO. map: NULL when the range is not (inside) a BAR, or larger than 64 MiB. access: size 1, 2,
 * 4, 8; false when va lies in no mapping. */
void *nt_mmio_map(PHYSICAL_ADDRESS pa, size_t bytes);
bool nt_mmio_unmap(void *va, size_t bytes);
bool nt_mmio_access(uintptr_t va, uint32_t size, bool write, uint64_t *value);

/* DMA map. Any IRQL. 0 when no slot is free (65535 are), or bytes is 0 or above 2^28 - 4096.
 * device_writes: the device may read and write, else read. unmap of an address that is not mapped
 * is a finding. */
uint64_t nt_dma_map(struct nt_device *d, void *va, size_t bytes, bool device_writes);
void nt_dma_unmap(struct nt_device *d, uint64_t address);
uint64_t nt_dma_mapped(const struct nt_device *d); /* mappings alive */

/* Interrupts. None of these enters the ledger: who offers them to drivers does. connect: -EBUSY
 * when the message is connected. The service routine runs on a loop, at `irql`, holding the
 * interrupt's lock. connect: message < 0 is the line. disconnect returns when the routine is not
 * running and will not run again. */
struct nt_interrupt;
typedef bool (*nt_isr)(void *context, uint32_t message);
int nt_interrupt_connect(struct nt_device *d, int message, unsigned loop, nt_isr isr, void *context,
                         struct nt_interrupt **out);
void nt_interrupt_disconnect(struct nt_interrupt *i);
/* Runs fn holding the interrupt's lock at its IRQL (NdisMSynchronizeWithInterruptEx). */
bool nt_interrupt_synchronize(struct nt_interrupt *i, bool (*fn)(void *), void *context);
uint8_t nt_interrupt_irql(const struct nt_interrupt *i);
void nt_interrupt_mask(struct nt_interrupt *i, bool masked);

/* DPC without a KDPC, for ndis: allocation-free requeue; runs at DISPATCH_LEVEL on the loop. cancel
 * waits for a running one. */
struct nt_dpc {
    void (*fn)(void *arg);
    void *arg;
    struct nt_dpc *next;
    int queued;
    int loop; /* set when queued */
};
void nt_dpc_queue(struct nt_dpc *d,
                  unsigned loop); /* no-op when already queued; loop is taken modulo their number */
void nt_dpc_cancel(struct nt_dpc *d);
