/* SPDX-License-Identifier: MIT */
/* Virtio over PCI: identity, capabilities and register structures (virtio 1.2 §4.1). Constants and
 * wire structs only. */
#pragma once

#include "ring.h"

/* §4.1.2: device id = base + device type. Non-transitional devices have revision 1 or higher. */
enum {
    VIRTIO_PCI_VENDOR = 0x1af4,
    VIRTIO_PCI_DEVICE_BASE = 0x1040,
    VIRTIO_PCI_DEVICE_NET = 0x1041,
};

/* Capability id of every virtio structure capability (PCI "vendor specific"). */
enum { VIRTIO_PCI_CAP_ID = 0x09 };

/* §4.1.4: cfg_type. Others are to be skipped. */
enum virtio_pci_cap_type {
    VIRTIO_PCI_CAP_COMMON_CFG = 1,
    VIRTIO_PCI_CAP_NOTIFY_CFG = 2,
    VIRTIO_PCI_CAP_ISR_CFG = 3,
    VIRTIO_PCI_CAP_DEVICE_CFG = 4,
    VIRTIO_PCI_CAP_PCI_CFG = 5,
    VIRTIO_PCI_CAP_SHARED_MEMORY_CFG = 8,
    VIRTIO_PCI_CAP_VENDOR_CFG = 9,
};

struct virtio_pci_cap {
    uint8_t cap_vndr; /* VIRTIO_PCI_CAP_ID */
    uint8_t cap_next;
    uint8_t cap_len;
    uint8_t cfg_type;
    uint8_t bar;
    uint8_t id;
    uint8_t padding[2];
    le32 offset;
    le32 length;
};

/* VIRTIO_PCI_CAP_NOTIFY_CFG. A queue's doorbell is at
 * cap.offset + queue_notify_off * notify_off_multiplier. */
struct virtio_pci_notify_cap {
    struct virtio_pci_cap cap;
    le32 notify_off_multiplier;
};

/* VIRTIO_PCI_CAP_PCI_CFG: a window into a BAR through configuration space. */
struct virtio_pci_cfg_cap {
    struct virtio_pci_cap cap;
    uint8_t pci_cfg_data[4];
};

/* VIRTIO_PCI_CAP_VENDOR_CFG: vendor's own bytes follow. vendor_id is never 0x1af4. */
struct virtio_pci_vendor_cap {
    uint8_t cap_vndr;
    uint8_t cap_next;
    uint8_t cap_len;
    uint8_t cfg_type;
    le16 vendor_id;
};

/* §4.1.4.3: common configuration. Fields from queue_notify_config_data on exist when the
 * capability is that long. */
struct virtio_pci_common_cfg {
    le32 device_feature_select; /* rw */
    le32 device_feature;        /* ro */
    le32 driver_feature_select; /* rw */
    le32 driver_feature;        /* rw */
    le16 config_msix_vector;    /* rw */
    le16 num_queues;            /* ro */
    uint8_t device_status;      /* rw */
    uint8_t config_generation;  /* ro */

    /* Of the queue chosen by queue_select. */
    le16 queue_select;      /* rw */
    le16 queue_size;        /* rw; 0: no such queue */
    le16 queue_msix_vector; /* rw */
    le16 queue_enable;      /* rw; only 1 may be written */
    le16 queue_notify_off;  /* ro */
    le32 queue_desc_lo;     /* rw */
    le32 queue_desc_hi;
    le32 queue_driver_lo; /* rw; available ring */
    le32 queue_driver_hi;
    le32 queue_device_lo; /* rw; used ring */
    le32 queue_device_hi;
    le16 queue_notify_config_data; /* ro; VIRTIO_F_NOTIF_CONFIG_DATA */
    le16 queue_reset;              /* rw; VIRTIO_F_RING_RESET */
};

enum { VIRTIO_MSI_NO_VECTOR = 0xffff };

/* §4.1.4.5: interrupt status byte; reading clears it. */
enum virtio_pci_isr { VIRTIO_PCI_ISR_QUEUE = 1, VIRTIO_PCI_ISR_CONFIG = 2 };
