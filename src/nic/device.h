/* SPDX-License-Identifier: MIT */
/*
 * Inside the room: the parts of the card and what its files ask of each other.
 *
 * What guards what: `lock` the registers, configuration space, status and queue set-up (all of
 * which change holding the queue's lock as well, so a queue's thread may read its own); queue.lock
 * the ring and what tx, rx or ctrl keep beside it; filter.lock what may be received, and the MAC
 * address; irq_lock the interrupt state.
 */
#pragma once

#include <pthread.h>

#include <virtio/longshore.h>
#include <virtio/net.h>
#include <virtio/pci.h>
#include <virtio/ring.h>

#include "nic/nic.h"
#include "nic/virtq.h"

enum { NIC_QUEUES = 3 }; /* VIRTIO_NET_RXQ, VIRTIO_NET_TXQ, VIRTIO_NET_CTRLQ */

/* BAR 0, and the table BAR. A 64-bit BAR takes two registers, hence 0 and 2. */
enum {
    NIC_BAR_REGS = 0,
    NIC_BAR_MSIX = 2,
    NIC_BAR_REGS_BYTES = 0x4000,
    NIC_BAR_MSIX_BYTES = 0x1000,
    NIC_COMMON_AT = 0x0000,
    NIC_ISR_AT = 0x1000,
    NIC_VENDOR_AT = 0x1800,
    NIC_DEVICE_AT = 0x2000,
    NIC_NOTIFY_AT = 0x3000,
    NIC_NOTIFY_STRIDE = 4,
    NIC_PBA_AT = 0x800,
};

enum {
    NIC_TX_SPANS = 64,       /* per frame on the wire; a frame in more pieces is copied together */
    NIC_RX_SPANS = 64,       /* per receive chain: the limit §2.7.4.1 lets a device have */
    NIC_RX_SLOT_SPANS = 256, /* per received frame, over all chains it is merged from */
    NIC_MAC_TABLE = 64,
};

struct nic_queue {
    pthread_mutex_t lock;
    uint32_t rings; /* doorbells not answered yet; atomic */
    struct virtq vq;
    bool running;  /* enabled and DRIVER_OK */
    bool reported; /* its fault has been counted and told */
    /* registers */
    uint64_t desc, avail, used;
    uint16_t size;
    uint16_t vector;
    bool enabled;
};

/* Frames for the wire, collected until the batch is full. Guarded by the transmit queue's lock. */
struct nic_tx {
    struct frame out[PORT_BATCH];
    struct nic_tx_slot {
        struct frame_span spans[NIC_TX_SPANS];
        uint8_t head[FRAME_MAX_HEADERS];
    } slots[PORT_BATCH];
    unsigned count;
    uint16_t heads[PORT_BATCH]; /* chains whose frames are all in out or beyond */
    unsigned head_count;
    bool copy_used; /* a frame in out lies in copy */
    uint8_t *copy;  /* one frame of the greatest length */
    uint32_t copy_bytes;
    struct frame_span chain[NIC_MAX_QUEUE_SIZE];
    struct frame_segmenter segmenter;
    uint8_t zeros[FRAME_MIN_LEN];
};

/* Chains taken from the receive queue and not filled yet. Guarded by the receive queue's lock. */
struct nic_rx {
    uint16_t held[NIC_MAX_QUEUE_SIZE]; /* oldest first */
    unsigned held_count;
    unsigned depth; /* slots to prepare: follows the traffic */
    struct port_buffer bufs[PORT_BATCH];
    struct nic_rx_slot {
        unsigned first_chain, chain_count; /* in held */
        struct frame_span header[sizeof(struct virtio_net_hdr)];
        uint32_t header_spans;
        struct frame_span *spans; /* for the frame: after the header */
        uint32_t span_count;
        uint32_t capacity; /* frame bytes */
    } slots[PORT_BATCH];
    unsigned slot_count;
    unsigned mapped;                          /* held chains that are in a slot: the first ones */
    uint32_t chain_bytes[NIC_MAX_QUEUE_SIZE]; /* of those */
    bool filled[NIC_MAX_QUEUE_SIZE];          /* those given back */
    struct frame_span spans[PORT_BATCH * 8 + NIC_RX_SLOT_SPANS];
    uint32_t span_count;
    uint8_t junk[PORT_MAX_FRAME]; /* where frames go that nobody wants */
};

/* The command being executed, copied out of the driver's reach. Guarded by the control queue's
 * lock. */
struct nic_ctrl {
    struct frame_span chain[NIC_MAX_QUEUE_SIZE];
    uint8_t command[16384];
};

struct nic_filter {
    pthread_mutex_t lock;
    uint8_t mac[6];
    bool promiscuous, all_multicast;
    bool any_unicast, any_multicast; /* the table did not fit: take all (§5.1.6.5.2, footnote) */
    bool vlan_on;                    /* CTRL_VLAN negotiated */
    bool rx_modes;                   /* CTRL_RX negotiated; else every multicast is taken */
    uint8_t unicast[NIC_MAC_TABLE][6], multicast[NIC_MAC_TABLE][6];
    unsigned unicast_count, multicast_count;
    uint8_t vlans[4096 / 8];
};

struct nic {
    struct pci_function fn;
    struct nic_config config;
    struct port *wire;
    counter counters[NIC_COUNTERS];

    pthread_mutex_t lock;
    struct pci_bus *bus; /* NULL: not plugged */
    uint8_t space[PCI_CONFIG_BYTES], writable[PCI_CONFIG_BYTES];
    uint8_t msix_at, window_at; /* capabilities */
    uint8_t msix_table[NIC_BAR_MSIX_BYTES];
    uint64_t offered, negotiated; /* with the vendor's, see NIC_VENDOR() */
    uint64_t accepted;
    uint32_t vendor_accepted;
    uint32_t device_feature_select, driver_feature_select;
    uint16_t queue_select, config_vector;
    uint8_t status; /* atomic: read without the lock */
    bool link;      /* likewise */
    uint8_t generation;
    bool generation_stale; /* configuration changed since it was last read; atomic */

    pthread_mutex_t irq_lock;
    bool msix_enabled;
    bool line_disabled; /* command register */
    uint8_t isr;

    struct nic_queue queues[NIC_QUEUES];
    struct nic_filter filter;
    struct nic_tx tx;
    struct nic_rx rx;
    struct nic_ctrl ctrl;
};

/* For what any thread may count. */
static inline void nic_count(struct nic *nic, enum nic_counter c, uint64_t n)
{
    __atomic_fetch_add(&nic->counters[c], n, __ATOMIC_RELAXED);
}

/* For NIC_TX_*, NIC_RX_* and NIC_CTRL_*: holding the lock of that queue. */
static inline void nic_tally(struct nic *nic, enum nic_counter c, uint64_t n)
{
    counter_add(&nic->counters[c], n);
}

static inline bool nic_has(const struct nic *nic, unsigned feature)
{
    return nic->negotiated & VIRTIO_FEATURE(feature);
}

/* enum longshore_feature */
static inline bool nic_has_vendor(const struct nic *nic, unsigned feature)
{
    return nic->negotiated & NIC_VENDOR(feature);
}

/* Longest frame allowed, tags aside. */
static inline uint32_t nic_frame_limit(const struct nic *nic)
{
    return (uint32_t)nic->config.mtu + FRAME_ETH_LEN;
}

/* Bytes of up to two VLAN tags at the start of a frame: they come on top of the MTU. */
uint32_t nic_tag_bytes(const uint8_t *head, size_t len);

/* ---- config.c: configuration space ---------------------------------------------------------- */

void nic_space_init(struct nic *nic);
uint32_t nic_space_read(struct pci_function *fn, uint32_t offset, uint32_t size);
void nic_space_write(struct pci_function *fn, uint32_t offset, uint32_t size, uint32_t value);

/* ---- bar.c: which structure an address belongs to; notification, ISR, device configuration -- */

uint64_t nic_bar_read(struct pci_function *fn, uint32_t bar, uint64_t offset, uint32_t size);
void nic_bar_write(struct pci_function *fn, uint32_t bar, uint64_t offset, uint32_t size,
                   uint64_t value);
/* Answers doorbells of a queue on this thread, unless another thread is at it already. */
void nic_ring(struct nic *nic, unsigned queue);

/* ---- common.c: common configuration, status, negotiation, queue set-up ---------------------- */

uint32_t nic_common_read(struct nic *nic, uint32_t offset, uint32_t size);
void nic_common_write(struct nic *nic, uint32_t offset, uint32_t size, uint32_t value);
uint32_t nic_vendor_read(struct nic *nic, uint32_t offset, uint32_t size);
void nic_vendor_write(struct nic *nic, uint32_t offset, uint32_t size, uint32_t value);
/* Back to power on, but for the link. Holding `lock`. */
void nic_reset(struct nic *nic);
/* Sets DEVICE_NEEDS_RESET if the queue is broken, and tells the driver. Holding no lock. */
void nic_check_broken(struct nic *nic, unsigned queue);

/* ---- irq.c. Holding the queue's lock; holding `lock`. --------------------------------------- */

void nic_interrupt(struct nic *nic, struct nic_queue *q);
void nic_config_changed(struct nic *nic);
uint8_t nic_isr_read(struct nic *nic);
void nic_irq_mode(struct nic *nic, bool msix, bool line_disabled);
void nic_irq_reset(struct nic *nic);
bool nic_irq_pending(struct nic *nic);

/* ---- tx.c, rx.c, ctrl.c. Holding the queue's lock. ------------------------------------------ */

/* Serves what is available, bounded; true when there is more. */
bool nic_tx_drain(struct nic *nic);
bool nic_ctrl_drain(struct nic *nic);
void nic_rx_forget(struct nic *nic);

/* ---- offload.c ------------------------------------------------------------------------------ */

/* What the driver asks for a frame of len bytes. False: the header asks what it may not. */
bool nic_offload_read(const struct virtio_net_hdr *hdr, uint64_t negotiated, uint32_t len,
                      struct frame_offload *out);
/* How the segments of a large send are numbered. */
enum frame_id_mode nic_offload_id_mode(const struct virtio_net_hdr *hdr, uint64_t negotiated);
/* frame_parse(), FRAME_STRICT, of what the card may know: LLC/SNAP by negotiation only. */
void nic_offload_parse(const uint8_t *head, size_t head_len, size_t frame_len, uint64_t negotiated,
                       struct frame_layers *out);
/* Judges a received frame; fills the header's flags. Returns the counter of the outcome, or
 * NIC_COUNTERS when there was nothing to judge. */
enum nic_counter nic_offload_judge(const struct frame *f, uint64_t negotiated,
                                   struct virtio_net_hdr *hdr);

/* ---- filter.c ------------------------------------------------------------------------------- */

void nic_filter_reset(struct nic *nic);
/* Whether a frame that starts with these bytes is for us: NIC_COUNTERS, or else the counter of the
 * refusal. Holding filter.lock. */
enum nic_counter nic_filter_refuses(const struct nic_filter *f, const uint8_t *head, size_t len);
