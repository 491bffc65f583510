/* SPDX-License-Identifier: MIT */
/*
 * A virtio network card: the PCI function that a driver finds on the bus, with a port as its wire.
 *
 * It is hardware. It knows registers, rings in shared memory, frames and its wire; of drivers and
 * operating systems it knows nothing. Everything a driver writes is foreign: each index, length,
 * address and header is checked, what is wrong is counted under a name for its cause, and a ring
 * that contradicts itself stops its queue and sets DEVICE_NEEDS_RESET (virtio 1.2 §2.1.2). Nothing
 * a driver does, and nothing that comes from the wire, ends the process.
 *
 *   BAR 0   0x0000 common configuration   0x1000 ISR   0x1800 vendor features
 *           0x2000 device configuration   0x3000 notify, 4 bytes for each queue
 *   BAR 2   0x0000 MSI-X table   0x0800 pending bits
 *
 *   state            entered by                      the card then
 *   reset            power, status 0, plugging       counts and drops what the wire brings
 *   negotiating      ACKNOWLEDGE, DRIVER             takes driver features
 *   features fixed   FEATURES_OK, unless refused     takes queue set-up; features are closed
 *   running          DRIVER_OK                       moves frames on enabled queues
 *   broken           a ring fault                    leaves that queue alone; the others run on
 *
 * FEATURES_OK is refused (the bit stays clear) when the driver took a feature that was not offered,
 * one without those it requires, none of VERSION_1, or not ACCESS_PLATFORM although offered: the
 * addresses in the rings are bus addresses and go through pci_bus_ops.dma.
 *
 * What plain virtio lacks, the card offers by include/virtio/longshore.h; a driver that takes none
 * of it, or a card with all of it withheld, is plain virtio.
 *
 * Interrupts: by MSI-X message while the MSI-X Enable bit of its capability is set, else by the
 * line and the ISR byte. Whoever owns the bus sets that bit; masks and message addresses are the
 * bus's, so the table in BAR 2 is storage only.
 *
 * Transmit: a doorbell is served on the thread that rang it. Descriptors are mapped, never copied;
 * checksums and TCP segments are made here (frame/), and frames reach the wire in batches, one used
 * index update and at most one interrupt per batch. If several threads ring one queue, one of them
 * drains it and the others only leave a mark. Receive: frames are read from the wire straight into
 * the driver's buffers; without buffers they are dropped, as a card would.
 *
 * Locks, in the order they are taken: configuration, queue (control, receive, transmit), filter,
 * interrupt. Calls into the bus are made holding one of the first two, so that after plugged(NULL)
 * none follows; the bus must not call the function while it holds a lock that its dma, msix or line
 * operation takes.
 */
#pragma once

#include "base/base.h"
#include "base/counters.h"
#include "base/pci.h"
#include "frame/frame.h"
#include "port/port.h"

struct nic;

/* What its configuration space makes of the card (virtio 1.2, 4.1.2), as an .inf names it. */
#define NIC_HARDWARE_ID "PCI\\VEN_1AF4&DEV_1041"

enum {
    NIC_DEFAULT_MTU = 1500,
    NIC_DEFAULT_QUEUE_SIZE = 256,
    NIC_MAX_QUEUE_SIZE = 1024,
    NIC_DEFAULT_VECTORS = 4,
    NIC_MAX_VECTORS = 64,
};

struct nic_config {
    uint8_t mac[6];
    uint16_t mtu;               /* 68 to 65535; 0: default */
    uint16_t queue_size;        /* largest size of each queue, a power of two; 0: default */
    uint16_t msix_vectors;      /* 0: default */
    bool line_only;             /* no MSI-X capability */
    bool link_down;             /* at power on */
    uint64_t features_withheld; /* mask; what requires one of these is withheld with it */
};

/* One counter per cause. NIC_RING_* follow enum virtq_fault (nic/virtq.h). */
enum nic_counter {
    /* transmit, all that left */
    NIC_TX_FRAMES,   /* taken by the wire, segments counted singly */
    NIC_TX_BYTES,    /* handed to the wire */
    NIC_TX_CHAINS,   /* chains completed */
    NIC_TX_CSUM,     /* transport checksums finished for frames that were not segmented */
    NIC_TX_IPCSUM,   /* IPv4 header checksums computed for such frames */
    NIC_TX_LARGE,    /* large sends cut */
    NIC_TX_SEGMENTS, /* segments made of them */
    /* transmit, dropped */
    NIC_TX_BAD_HEADER,   /* virtio_net_hdr contradicts its frame or the negotiated features */
    NIC_TX_SHORT_HEADER, /* chain too short for a virtio_net_hdr */
    NIC_TX_RUNT,         /* shorter than an Ethernet header */
    NIC_TX_OVERSIZE,     /* longer than the MTU allows, and not a large send; or such segments */
    NIC_TX_GSO_NOT_TCP,
    NIC_TX_GSO_MSS_ZERO,
    NIC_TX_GSO_FRAGMENT,
    NIC_TX_GSO_FLAGS,
    NIC_TX_GSO_HEADERS,
    NIC_TX_LINK_DOWN,
    NIC_TX_WIRE, /* the wire took it not; its port says why */
    /* receive, delivered */
    NIC_RX_FRAMES,
    NIC_RX_BYTES,
    NIC_RX_BUFFERS,    /* chains filled */
    NIC_RX_CSUM_GOOD,  /* delivered with DATA_VALID, nothing wrong */
    NIC_RX_CSUM_WRONG, /* delivered: some checksum was wrong */
    /* receive, dropped */
    NIC_RX_NO_BUFFER,
    NIC_RX_NOT_READY, /* no running receive queue */
    NIC_RX_LINK_DOWN,
    NIC_RX_RUNT,
    NIC_RX_OVERSIZE,
    NIC_RX_UNFINISHED, /* the wire left a checksum or segmentation to do */
    NIC_RX_FILTER_UNICAST,
    NIC_RX_FILTER_MULTICAST,
    NIC_RX_FILTER_VLAN,
    /* control queue */
    NIC_CTRL_COMMANDS,
    NIC_CTRL_REFUSED, /* answered VIRTIO_NET_ERR */
    /* notifications */
    NIC_DOORBELLS,
    NIC_DOORBELL_BAD, /* no such queue, wrong value, or the queue is not running */
    NIC_INTERRUPTS,   /* messages sent and line assertions */
    NIC_CONFIG_CHANGES,
    /* registers */
    NIC_RESETS,
    NIC_REG_BAD_READ,  /* outside every structure */
    NIC_REG_BAD_WRITE, /* read-only or absent field, or wrong width */
    NIC_REG_BAD_VALUE, /* refused: queue size, vector, or the wrong moment */
    NIC_STATUS_BAD,    /* status bit cleared, or set out of order */
    NIC_FEATURES_NOT_OFFERED,
    NIC_FEATURES_DEPENDENCY,
    NIC_FEATURES_NO_VERSION_1,
    NIC_FEATURES_NO_PLATFORM,
    /* ring faults: each stops its queue */
    NIC_RING_MISALIGNED,
    NIC_RING_UNMAPPED,     /* a part of the ring is not mapped for the card */
    NIC_RING_OVERRUN,      /* more available than the ring holds, or the index went back */
    NIC_RING_HEAD_RANGE,   /* head beyond the table */
    NIC_RING_HEAD_BUSY,    /* head made available again before it was used */
    NIC_RING_NEXT_RANGE,   /* next beyond the table */
    NIC_RING_CHAIN_LONG,   /* more descriptors than the queue has: a loop, or a forbidden chain */
    NIC_RING_EMPTY_BUFFER, /* descriptor of no bytes */
    NIC_RING_BUFFER_UNMAPPED,
    NIC_RING_INDIRECT_OFF, /* indirect descriptor, not negotiated */
    NIC_RING_INDIRECT_NEST,
    NIC_RING_INDIRECT_NEXT, /* INDIRECT and NEXT in one descriptor */
    NIC_RING_INDIRECT_SIZE, /* table empty, not a whole number of descriptors, or not mapped */
    NIC_RING_ORDER,         /* device-readable after device-writable */
    NIC_RING_DIRECTION,     /* writable in a transmit chain, readable in a receive chain */
    NIC_RING_RX_SMALL,      /* receive buffer without room for a virtio_net_hdr */
    NIC_RING_CTRL_SHAPE,    /* control chain without header or acknowledgement byte */
    NIC_COUNTERS
};

/* ---- Life (nic.c) --------------------------------------------------------------------------- */

/* The wire outlives the card, and nobody else receives from or sends to it. -EINVAL, and why, for a
 * configuration that no card can have. */
int nic_new(const struct nic_config *config, struct port *wire, struct nic **out, struct why *why);
/* The function is unplugged by then. */
void nic_free(struct nic *nic);

/* What to plug. Part of the card. */
struct pci_function *nic_pci(struct nic *nic);

/*
 * Takes frames from the wire: to be called when its fd polls readable, by one thread at a time.
 * Work per call is bounded, and ends when the driver's buffers do: frames are dropped for want of
 * buffers only when there was none to begin with. Returns the number of frames taken (0: none
 * waiting), or the negative errno of a wire that is gone.
 */
int nic_wire_ready(struct nic *nic);

/* Plugs the cable in or out. The driver sees a configuration change if it negotiated STATUS. */
void nic_set_link(struct nic *nic, bool up);
bool nic_link(const struct nic *nic);

uint64_t nic_counter(const struct nic *nic, enum nic_counter c);
const char *nic_counter_name(enum nic_counter c);

/* ---- Features (features.c). Masks are made of VIRTIO_FEATURE() bits. ------------------------ */

/* Vendor features (virtio/longshore.h) share the masks, in bits that virtio 1.2 §6 reserves and
 * that never show in the common configuration. */
enum { NIC_VENDOR_BIT = 46 };
#define NIC_VENDOR(feature) ((uint64_t)1 << (NIC_VENDOR_BIT + (feature)))
#define NIC_VENDOR_MASK     ((uint64_t)15 << NIC_VENDOR_BIT)

uint64_t nic_features_all(void);             /* all this card can do */
uint64_t nic_offered(const struct nic *nic); /* all, less what is withheld and what required that */
/* Withheld only because something it requires was: never silent, so that a user can be told. */
uint64_t nic_withheld_with(const struct nic *nic);
uint64_t nic_negotiated(const struct nic *nic); /* 0 until FEATURES_OK */
/* The device status byte as the driver would read it. */
uint8_t nic_status(const struct nic *nic);

/* Name of one feature bit ("csum", "host_tso4"), NULL for one this card does not know. */
const char *nic_feature_name(unsigned bit);
/* Mask of a comma-separated list of names. -EINVAL, with the bad name in why. */
int nic_features_parse(const char *list, uint64_t *mask, struct why *why);
/* Those of `offered` that require, directly or not, something that is not in it. */
uint64_t nic_features_orphans(uint64_t offered);
