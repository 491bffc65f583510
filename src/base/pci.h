/* SPDX-License-Identifier: MIT */
/*
 * A PCI function, and the bus it is plugged into: the only border between nic (provider of
 * functions) and nt (owner of the bus). machine plugs one into the other.
 *
 * The function is passive: its ops are called on whatever thread the driver runs on (register
 * access) and may call back into the bus (interrupts, DMA) before they return. The function does
 * its own locking.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pci_function;
struct pci_bus;

enum { PCI_BAR_COUNT = 6, PCI_CONFIG_BYTES = 256 };

/* Direction of a transfer as the device sees it. */
enum pci_dma_dir { PCI_DMA_READ, PCI_DMA_WRITE }; /* device reads memory / device writes memory */

/* What the function provides. Offsets and sizes are checked by the caller: size is 1, 2, 4 or 8,
 * naturally aligned, and inside config space or the BAR. */
struct pci_function_ops {
    uint32_t (*config_read)(struct pci_function *fn, uint32_t offset, uint32_t size);
    void (*config_write)(struct pci_function *fn, uint32_t offset, uint32_t size, uint32_t value);
    uint64_t (*bar_read)(struct pci_function *fn, uint32_t bar, uint64_t offset, uint32_t size);
    void (*bar_write)(struct pci_function *fn, uint32_t bar, uint64_t offset, uint32_t size,
                      uint64_t value);
    /* Called once when plugged (bus != NULL) and once when unplugged (bus == NULL). After the
     * latter the function makes no bus call any more. */
    void (*plugged)(struct pci_function *fn, struct pci_bus *bus);
};

struct pci_function {
    const struct pci_function_ops *ops;
    uint64_t
        bar_bytes[PCI_BAR_COUNT]; /* 0: BAR absent; else a power of two >= 4096, memory, 64-bit */
    uint32_t msix_vectors;        /* 0: line interrupt only */
};

/* What the bus provides to the function. */
struct pci_bus_ops {
    /*
     * The bytes behind device address [addr, addr+len), or NULL when any of them lies outside what
     * the driver mapped for this function in that direction (the bus has then recorded a finding).
     * Valid until the driver unmaps; a function may keep the pointer of long-lived shared memory
     * (rings) but asks anew for each transient buffer.
     */
    void *(*dma)(struct pci_bus *bus, uint64_t addr, uint64_t len, enum pci_dma_dir dir);
    /* Posts MSI-X message `vector` (table entry; masks are the bus's). Any thread. Never runs the
     * service routine inside the call. */
    void (*msix)(struct pci_bus *bus, uint32_t vector);
    /* Sets the level of the line interrupt. */
    void (*line)(struct pci_bus *bus, bool asserted);
};

struct pci_bus {
    const struct pci_bus_ops *ops;
};
