/* SPDX-License-Identifier: MIT */
/*
 * The split virtqueue: wire structs and constants (virtio 1.2 §2.7), and the status and feature
 * bits that belong to no device type (§2.1, §6). Driver and device share these constants, never
 * code: each side has its own virtqueue.
 */
#pragma once

#include <stdint.h>

/* Integers as they lie in shared memory: little endian, as is every machine this runs on. */
typedef uint16_t le16;
typedef uint32_t le32;
typedef uint64_t le64;

/* §2.1: device status. Bits are only ever added; writing 0 resets the device. */
enum virtio_status {
    VIRTIO_STATUS_ACKNOWLEDGE = 1,
    VIRTIO_STATUS_DRIVER = 2,
    VIRTIO_STATUS_DRIVER_OK = 4,
    VIRTIO_STATUS_FEATURES_OK = 8,
    VIRTIO_STATUS_NEEDS_RESET = 64,
    VIRTIO_STATUS_FAILED = 128,
};

/* Feature bits are named by their number; masks are made with this. */
#define VIRTIO_FEATURE(bit) ((uint64_t)1 << (bit))

/* §6: reserved feature bits, same for every device type. */
enum virtio_feature {
    VIRTIO_F_INDIRECT_DESC = 28,
    VIRTIO_F_EVENT_IDX = 29,
    VIRTIO_F_VERSION_1 = 32,
    VIRTIO_F_ACCESS_PLATFORM = 33,
    VIRTIO_F_RING_PACKED = 34,
    VIRTIO_F_IN_ORDER = 35,
    VIRTIO_F_ORDER_PLATFORM = 36,
    VIRTIO_F_SR_IOV = 37,
    VIRTIO_F_NOTIFICATION_DATA = 38,
    VIRTIO_F_NOTIF_CONFIG_DATA = 39,
    VIRTIO_F_RING_RESET = 40,
};

enum { VIRTIO_RING_MAX_SIZE = 32768 };

/* Alignment of the three parts of a ring. */
enum { VIRTIO_DESC_ALIGN = 16, VIRTIO_AVAIL_ALIGN = 2, VIRTIO_USED_ALIGN = 4 };

/* §2.7.5 */
enum virtio_desc_flag {
    VIRTIO_DESC_F_NEXT = 1,     /* continues at `next` */
    VIRTIO_DESC_F_WRITE = 2,    /* device writes (else device reads) */
    VIRTIO_DESC_F_INDIRECT = 4, /* addr, len: a table of descriptors */
};

struct virtio_desc {
    le64 addr;
    le32 len;
    le16 flags;
    le16 next;
};

/* §2.7.6: written by the driver. `le16 used_event` follows at ring[queue size]. */
enum { VIRTIO_AVAIL_F_NO_INTERRUPT = 1 };

struct virtio_avail {
    le16 flags;
    le16 idx;
    le16 ring[];
};

/* §2.7.8: written by the device. `le16 avail_event` follows at ring[queue size]. */
enum { VIRTIO_USED_F_NO_NOTIFY = 1 };

struct virtio_used_elem {
    le32 id;  /* head of the chain */
    le32 len; /* bytes written into it by the device */
};

struct virtio_used {
    le16 flags;
    le16 idx;
    struct virtio_used_elem ring[];
};

/* Bytes of each part for a queue of n entries, the trailing event word included. */
#define VIRTIO_DESC_BYTES(n)  ((uint64_t)16 * (n))
#define VIRTIO_AVAIL_BYTES(n) ((uint64_t)6 + (uint64_t)2 * (n))
#define VIRTIO_USED_BYTES(n)  ((uint64_t)6 + (uint64_t)8 * (n))
