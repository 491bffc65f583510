/* SPDX-License-Identifier: MIT */
/*
 * The device side of a split virtqueue (virtio 1.2 §2.7): takes chains, checks them, gives them
 * back.
 *
 * A ring whose contents contradict themselves is broken: `fault` says how, and from then on nothing
 * is taken from it until it is set up anew. Descriptors are read once into locals and judged there,
 * for the driver can change them at any time.
 *
 * No locking: the owner of the queue calls. A head that was taken and not yet given back may be
 * mapped again (virtq_map), which asks the bus for its buffers anew.
 */
#pragma once

#include <virtio/ring.h>

#include "base/base.h"
#include "base/pci.h"
#include "frame/frame.h"
#include "nic/nic.h"

enum virtq_fault {
    VIRTQ_OK,
    VIRTQ_MISALIGNED,
    VIRTQ_UNMAPPED,
    VIRTQ_OVERRUN,
    VIRTQ_HEAD_RANGE,
    VIRTQ_HEAD_BUSY,
    VIRTQ_NEXT_RANGE,
    VIRTQ_CHAIN_LONG,
    VIRTQ_EMPTY_BUFFER,
    VIRTQ_BUFFER_UNMAPPED,
    VIRTQ_INDIRECT_OFF,
    VIRTQ_INDIRECT_NEST,
    VIRTQ_INDIRECT_NEXT,
    VIRTQ_INDIRECT_SIZE,
    VIRTQ_ORDER,
    VIRTQ_DIRECTION,
    VIRTQ_RX_SMALL,
    VIRTQ_CTRL_SHAPE,
    VIRTQ_FAULTS
};

struct virtq {
    struct pci_bus *bus;
    const struct virtio_desc *desc; /* NULL: not set up */
    struct virtio_avail *avail;     /* written by the driver only */
    struct virtio_used *used;
    uint16_t size;
    bool event_idx, indirect;
    enum virtq_fault fault;
    uint16_t avail_next; /* next available entry to take */
    uint16_t used_next;  /* next used entry to write; those before used_shown are published */
    uint16_t used_shown;
    uint16_t used_signalled;       /* published when an interrupt was last considered */
    bool busy[NIC_MAX_QUEUE_SIZE]; /* heads taken and not given back */
};

struct virtq_setup {
    struct pci_bus *bus;
    uint64_t desc, avail, used; /* bus addresses */
    uint16_t size;
    bool event_idx, indirect;
};

/* A chain mapped into spans: the device-readable ones first, then the writable ones. */
struct virtq_chain {
    uint32_t read_spans, write_spans;
    uint64_t read_bytes, write_bytes;
};

/* Maps the three parts. On failure the queue is broken and the fault is returned. */
enum virtq_fault virtq_start(struct virtq *q, const struct virtq_setup *setup);
/* Forgets everything; safe on a zeroed queue. */
void virtq_stop(struct virtq *q);

/* Takes the next available head. False: none is available, or the queue is (now) broken. */
bool virtq_take(struct virtq *q, uint16_t *head);
/* Maps the chain of a taken head into spans, of which there are at most max. False: broken. */
bool virtq_map(struct virtq *q, uint16_t head, struct frame_span *spans, uint32_t max,
               struct virtq_chain *chain);
/* Gives a taken head back with `written` bytes in its writable part; seen by the driver after
 * _show. */
void virtq_give(struct virtq *q, uint16_t head, uint32_t written);
void virtq_show(struct virtq *q);

/* Whether what was shown since the last question wants an interrupt (§2.7.7). */
bool virtq_wants_interrupt(struct virtq *q);
/* The event index rule: does moving an index from `before` to `now` pass `event`? */
bool virtq_passed(uint16_t event, uint16_t now, uint16_t before);

/* Doorbell suppression (§2.7.10). off: while draining. on: returns true if more came meanwhile.
 * never: for a queue that is looked at whenever the other side has something for it. */
void virtq_doorbell_off(struct virtq *q);
bool virtq_doorbell_on(struct virtq *q);
void virtq_doorbell_never(struct virtq *q);

void virtq_break(struct virtq *q, enum virtq_fault fault);
