/* SPDX-License-Identifier: MIT */
/* A PCI function that does nothing by itself: tests raise its interrupts and reach memory through
 * its bus. */
#pragma once

#include "base/pci.h"
#include "nt/device.h"

static struct rig_function {
    struct pci_function fn;
    struct pci_bus *bus;
    uint8_t config[PCI_CONFIG_BYTES];
} function;

static struct nt_device *device;

static uint32_t function_config_read(struct pci_function *fn, uint32_t offset, uint32_t size)
{
    uint32_t value = 0;

    (void)fn;
    memcpy(&value, function.config + offset, size);
    return value;
}

static void function_config_write(struct pci_function *fn, uint32_t offset, uint32_t size,
                                  uint32_t value)
{
    (void)fn;
    memcpy(function.config + offset, &value, size);
}

static uint64_t function_bar_read(struct pci_function *fn, uint32_t bar, uint64_t offset,
                                  uint32_t size)
{
    (void)fn;
    (void)bar;
    (void)offset;
    (void)size;
    return 0;
}

static void function_bar_write(struct pci_function *fn, uint32_t bar, uint64_t offset,
                               uint32_t size, uint64_t value)
{
    (void)fn;
    (void)bar;
    (void)offset;
    (void)size;
    (void)value;
}

static void function_plugged(struct pci_function *fn, struct pci_bus *bus)
{
    (void)fn;
    function.bus = bus;
}

static inline void device_up(uint32_t vectors)
{
    static const struct pci_function_ops ops = {function_config_read, function_config_write,
                                                function_bar_read, function_bar_write,
                                                function_plugged};
    struct why why = {""};

    memset(&function, 0, sizeof(function));
    function.fn.ops = &ops;
    function.fn.bar_bytes[0] = 4096;
    function.fn.msix_vectors = vectors;
    function.config[0] = 0xf4;
    function.config[1] = 0x1a;
    assert_int_equal(nt_device_new(&function.fn, &device, &why), 0);
}
