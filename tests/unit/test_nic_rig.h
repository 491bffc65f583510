/* SPDX-License-Identifier: MIT */
/*
 * What the card's tests share: a bus with one window of memory, a cable as wire, and just enough of
 * a driver to set up rings and post chains. The ring code here is the tests' own, so that neither
 * side's implementation judges itself.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <virtio/longshore.h>
#include <virtio/net.h>
#include <virtio/pci.h>
#include <virtio/ring.h>

#include "base/base.h"
#include "base/pci.h"
#include "frame/frame.h"
#include "nic/nic.h"
#include "port/port.h"

enum {
    RIG_MEM_AT = 0x100000, /* bus address of the first byte */
    RIG_MEM_BYTES = 2 << 20,
    RIG_RING_BYTES = 0x10000, /* per queue, from the start of memory */
    RIG_BUFFERS_AT = RIG_MEM_AT + 4 * RIG_RING_BYTES,
    RIG_COMMON = 0x0000,
    RIG_ISR = 0x1000,
    RIG_DEVICE = 0x2000,
    RIG_NOTIFY = 0x3000,
    RIG_VENDOR = 0x1800, /* struct longshore_vendor_cfg */
};

struct rig_ring {
    uint16_t size, avail_idx, used_seen, next_desc;
    uint64_t at;
    struct virtio_desc *desc;
    struct virtio_avail *avail;
    struct virtio_used *used;
};

struct rig {
    struct pci_bus bus;
    uint8_t *mem;
    uint32_t messages[NIC_MAX_VECTORS];
    bool line;
    struct nic *nic;
    struct pci_function *fn;
    struct port *wire, *far;
    struct rig_ring rings[3];
    uint64_t next_buffer;
};

/* ---- Bus ------------------------------------------------------------------------------------ */

static inline void *rig_at(struct rig *r, uint64_t address)
{
    return r->mem + (address - RIG_MEM_AT);
}

static inline void *rig_dma(struct pci_bus *bus, uint64_t addr, uint64_t len, enum pci_dma_dir dir)
{
    struct rig *r = (struct rig *)(void *)bus;

    (void)dir;
    if (addr < RIG_MEM_AT || len > RIG_MEM_BYTES || addr - RIG_MEM_AT > RIG_MEM_BYTES - len)
        return NULL;
    return rig_at(r, addr);
}

static inline void rig_msix(struct pci_bus *bus, uint32_t vector)
{
    struct rig *r = (struct rig *)(void *)bus;

    __atomic_fetch_add(&r->messages[vector], 1, __ATOMIC_RELAXED);
}

static inline void rig_line(struct pci_bus *bus, bool asserted)
{
    ((struct rig *)(void *)bus)->line = asserted;
}

static const struct pci_bus_ops rig_bus_ops = {rig_dma, rig_msix, rig_line};

/* ---- Life ----------------------------------------------------------------------------------- */

static const struct nic_config rig_default = {.mac = {2, 0, 0, 0, 0, 1}};

static inline struct rig *rig_new(const struct nic_config *config)
{
    struct rig *r = calloc(1, sizeof *r);
    struct why why = {0};

    assert_non_null(r);
    r->bus.ops = &rig_bus_ops;
    r->mem = aligned_alloc(4096, RIG_MEM_BYTES);
    assert_non_null(r->mem);
    memset(r->mem, 0, RIG_MEM_BYTES);
    assert_int_equal(port_open("cable", &r->wire, &why), 0);
    r->far = port_cable_peer(r->wire);
    assert_int_equal(nic_new(config ? config : &rig_default, r->wire, &r->nic, &why), 0);
    r->fn = nic_pci(r->nic);
    r->fn->ops->plugged(r->fn, &r->bus);
    r->next_buffer = RIG_BUFFERS_AT;
    return r;
}

static inline void rig_free(struct rig *r)
{
    r->fn->ops->plugged(r->fn, NULL);
    nic_free(r->nic);
    port_free(r->wire);
    port_free(r->far);
    free(r->mem);
    free(r);
}

/* ---- Registers ------------------------------------------------------------------------------ */

static inline uint32_t rig_read(struct rig *r, uint32_t offset, uint32_t size)
{
    return (uint32_t)r->fn->ops->bar_read(r->fn, 0, offset, size);
}

static inline void rig_write(struct rig *r, uint32_t offset, uint32_t size, uint32_t value)
{
    r->fn->ops->bar_write(r->fn, 0, offset, size, value);
}

#define RIG_FIELD(f) (uint32_t) offsetof(struct virtio_pci_common_cfg, f)
#define RIG_GET(r, f)                                                                              \
    rig_read(r, RIG_COMMON + RIG_FIELD(f), sizeof(((struct virtio_pci_common_cfg *)0)->f))
#define RIG_SET(r, f, v)                                                                           \
    rig_write(r, RIG_COMMON + RIG_FIELD(f), sizeof(((struct virtio_pci_common_cfg *)0)->f), v)

static inline uint32_t rig_cap(struct rig *r, uint8_t id, int type)
{
    uint32_t at = r->fn->ops->config_read(r->fn, 0x34, 1);

    while (at) {
        if (r->fn->ops->config_read(r->fn, at, 1) == id &&
            (type < 0 || r->fn->ops->config_read(r->fn, at + 3, 1) == (uint32_t)type))
            return at;
        at = r->fn->ops->config_read(r->fn, at + 1, 1);
    }
    return 0;
}

static inline uint64_t rig_offered(struct rig *r)
{
    uint64_t low, high;

    RIG_SET(r, device_feature_select, 0);
    low = RIG_GET(r, device_feature);
    RIG_SET(r, device_feature_select, 1);
    high = RIG_GET(r, device_feature);
    low |= high << 32;
    if (rig_cap(r, VIRTIO_PCI_CAP_ID, VIRTIO_PCI_CAP_VENDOR_CFG))
        low |= (uint64_t)rig_read(r, RIG_VENDOR, 4) << NIC_VENDOR_BIT;
    return low;
}

/* Reset to FEATURES_OK; vendor features go to their own word. Returns whether the card agreed. */
static inline bool rig_negotiate(struct rig *r, uint64_t features)
{
    RIG_SET(r, device_status, 0);
    RIG_SET(r, device_status, VIRTIO_STATUS_ACKNOWLEDGE);
    RIG_SET(r, device_status, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
    if (features & NIC_VENDOR_MASK)
        rig_write(r, RIG_VENDOR + 4, 4, (uint32_t)((features & NIC_VENDOR_MASK) >> NIC_VENDOR_BIT));
    features &= ~NIC_VENDOR_MASK;
    RIG_SET(r, driver_feature_select, 0);
    RIG_SET(r, driver_feature, (uint32_t)features);
    RIG_SET(r, driver_feature_select, 1);
    RIG_SET(r, driver_feature, (uint32_t)(features >> 32));
    RIG_SET(r, device_status,
            VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK);
    return RIG_GET(r, device_status) & VIRTIO_STATUS_FEATURES_OK;
}

static inline void rig_ring_init(struct rig *r, unsigned i, uint16_t size)
{
    struct rig_ring *q = &r->rings[i];

    memset(q, 0, sizeof *q);
    q->size = size;
    q->at = RIG_MEM_AT + (uint64_t)i * RIG_RING_BYTES;
    memset(rig_at(r, q->at), 0, RIG_RING_BYTES);
    q->desc = rig_at(r, q->at);
    q->avail = rig_at(r, q->at + 0x8000);
    q->used = rig_at(r, q->at + 0xa000);
}

static inline void rig_queue(struct rig *r, unsigned i, uint16_t size)
{
    struct rig_ring *q = &r->rings[i];

    rig_ring_init(r, i, size);
    RIG_SET(r, queue_select, i);
    RIG_SET(r, queue_size, size);
    RIG_SET(r, queue_msix_vector, i);
    RIG_SET(r, queue_desc_lo, (uint32_t)q->at);
    RIG_SET(r, queue_driver_lo, (uint32_t)q->at + 0x8000);
    RIG_SET(r, queue_device_lo, (uint32_t)q->at + 0xa000);
    RIG_SET(r, queue_enable, 1);
}

static inline void rig_driver_ok(struct rig *r)
{
    RIG_SET(r, device_status, 0xf);
}

static inline void rig_enable_msix(struct rig *r)
{
    uint32_t at = rig_cap(r, 0x11, -1);

    r->fn->ops->config_write(r->fn, at + 2, 2, 0x8000);
}

static const uint64_t rig_base_features =
    VIRTIO_FEATURE(VIRTIO_F_VERSION_1) | VIRTIO_FEATURE(VIRTIO_F_ACCESS_PLATFORM);

/* A running card with these features beside the two it insists on. */
static inline struct rig *rig_up(const struct nic_config *config, uint64_t features)
{
    struct rig *r = rig_new(config);

    rig_enable_msix(r);
    assert_true(rig_negotiate(r, rig_base_features | features));
    RIG_SET(r, config_msix_vector, 3);
    for (unsigned i = 0; i < (features & VIRTIO_FEATURE(VIRTIO_NET_F_CTRL_VQ) ? 3u : 2u); i++)
        rig_queue(r, i, 256);
    rig_driver_ok(r);
    return r;
}

static inline uint64_t rig_count(struct rig *r, enum nic_counter c)
{
    return nic_counter(r->nic, c);
}

static inline bool rig_needs_reset(struct rig *r)
{
    return RIG_GET(r, device_status) & VIRTIO_STATUS_NEEDS_RESET;
}

/* ---- Driver's side of a ring ---------------------------------------------------------------- */

/* Bus memory for a buffer; never freed, wraps around. */
static inline uint64_t rig_alloc(struct rig *r, uint32_t bytes)
{
    uint64_t at = ALIGN_UP(r->next_buffer, 16u);

    if (at + bytes > RIG_MEM_AT + RIG_MEM_BYTES)
        at = RIG_BUFFERS_AT;
    r->next_buffer = at + bytes;
    return at;
}

static inline void rig_avail(struct rig_ring *q, uint16_t head)
{
    q->avail->ring[q->avail_idx & (q->size - 1)] = head;
    q->avail_idx++;
    __atomic_store_n(&q->avail->idx, q->avail_idx, __ATOMIC_RELEASE);
}

static inline void rig_ring_doorbell(struct rig *r, unsigned i)
{
    rig_write(r, RIG_NOTIFY + 4 * i, 2, i);
}

struct rig_piece {
    uint64_t addr;
    uint32_t len;
    bool write;
};

/* Writes a chain into the table and returns its head; does not make it available. */
static inline uint16_t rig_chain(struct rig_ring *q, const struct rig_piece *p, unsigned n)
{
    uint16_t head = q->next_desc;

    for (unsigned i = 0; i < n; i++) {
        uint16_t at = q->next_desc;

        q->next_desc = (uint16_t)((at + 1) & (q->size - 1));
        q->desc[at] = (struct virtio_desc){
            .addr = p[i].addr,
            .len = p[i].len,
            .flags = (uint16_t)((i + 1 < n ? VIRTIO_DESC_F_NEXT : 0) |
                                (p[i].write ? VIRTIO_DESC_F_WRITE : 0)),
            .next = q->next_desc,
        };
    }
    return head;
}

static inline uint16_t rig_post(struct rig_ring *q, const struct rig_piece *p, unsigned n)
{
    uint16_t head = rig_chain(q, p, n);

    rig_avail(q, head);
    return head;
}

/* Next used element, if there is one. */
static inline bool rig_used(struct rig_ring *q, struct virtio_used_elem *e)
{
    if (__atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE) == q->used_seen)
        return false;
    *e = q->used->ring[q->used_seen & (q->size - 1)];
    q->used_seen++;
    return true;
}

/* Posts header and frame for transmission, the frame's bytes cut every `cut` bytes (0: header and
 * frame in one piece). */
static inline void rig_tx(struct rig *r, const struct virtio_net_hdr *hdr, const uint8_t *frame,
                          uint32_t len, uint32_t cut)
{
    struct rig_piece p[200];
    uint32_t total = (uint32_t)sizeof *hdr + len;
    uint64_t at = rig_alloc(r, total);
    unsigned n = 0;

    memcpy(rig_at(r, at), hdr, sizeof *hdr);
    memcpy((uint8_t *)rig_at(r, at) + sizeof *hdr, frame, len);
    for (uint32_t done = 0; done < total; n++) {
        uint32_t piece = cut && total - done > cut ? cut : total - done;

        assert_true(n < ARRAY_LEN(p));
        p[n] = (struct rig_piece){.addr = at + done, .len = piece};
        done += piece;
    }
    rig_post(&r->rings[VIRTIO_NET_TXQ], p, n);
}

static inline void rig_kick_tx(struct rig *r)
{
    rig_ring_doorbell(r, VIRTIO_NET_TXQ);
}

/* Next frame at the far end of the wire; its length, or 0. */
static inline uint32_t rig_wire_get(struct rig *r, uint8_t *dst, uint32_t size)
{
    struct frame_span span = {.data = dst, .len = size};
    struct port_buffer buf = {.spans = &span, .span_count = 1};

    return port_rx(r->far, &buf, 1) == 1 ? buf.len : 0;
}

static inline void rig_wire_put(struct rig *r, const uint8_t *src, uint32_t len)
{
    struct frame_span span = {.data = (uint8_t *)(uintptr_t)src, .len = len};
    struct frame f = {.spans = &span, .span_count = 1, .len = len};

    assert_int_equal(port_tx(r->far, &f, 1), 1);
}

/* Posts n receive buffers of `bytes` each; their addresses are addr[head]. */
static inline void rig_post_rx(struct rig *r, unsigned n, uint32_t bytes, uint64_t *addr)
{
    for (unsigned i = 0; i < n; i++) {
        struct rig_piece p = {.addr = rig_alloc(r, bytes), .len = bytes, .write = true};

        memset(rig_at(r, p.addr), 0xee, bytes);
        addr[rig_post(&r->rings[VIRTIO_NET_RXQ], &p, 1)] = p.addr;
    }
}

/* ---- Frames --------------------------------------------------------------------------------- */

static inline struct frame_recipe rig_recipe(uint8_t ip_version, uint8_t proto,
                                             const uint8_t *payload, uint32_t len)
{
    return (struct frame_recipe){
        .dst_mac = {2, 0, 0, 0, 0, 1},
        .src_mac = {2, 0, 0, 0, 0, 2},
        .ip_version = ip_version,
        .l4_proto = proto,
        .src_ip = {10, 0, 0, 1},
        .dst_ip = {10, 0, 0, 2},
        .src_port = 1000,
        .dst_port = 2000,
        .ip_id = 7,
        .ttl = 64,
        .tcp_flags = 0x18,
        .seq = 0xfffffff0u,
        .window = 512,
        .payload = payload,
        .payload_len = len,
    };
}

static inline void rig_layers(const uint8_t *frame, uint32_t len, struct frame_layers *l)
{
    frame_parse(frame, MIN_OF(len, (uint32_t)FRAME_MAX_HEADERS), len, FRAME_STRICT, l);
}

/* Both checksums right, by the receiver's own reckoning. */
static inline bool rig_frame_good(const uint8_t *frame, uint32_t len)
{
    struct frame_span span = {.data = (uint8_t *)(uintptr_t)frame, .len = len};
    struct frame f = {.spans = &span, .span_count = 1, .len = len};
    struct frame_layers l;

    rig_layers(frame, len, &l);
    return frame_check_transport(&f, &l) == FRAME_GOOD && frame_check_ip(&f, &l) != FRAME_WRONG;
}

/* Makes of a finished frame what a driver hands down with NEEDS_CSUM: field = pseudo-header sum. */
static inline struct virtio_net_hdr rig_unfinish(uint8_t *frame, uint32_t len)
{
    struct frame_layers l;
    uint16_t offset, sum;

    rig_layers(frame, len, &l);
    offset = l.l4_proto == 6 ? 16 : 6;
    sum = frame_fold(
        frame_pseudo_sum(frame + l.l3_offset, l.ip_version, l.l4_proto, l.ip_end - l.l4_offset));
    frame[l.l4_offset + offset] = (uint8_t)(sum >> 8);
    frame[l.l4_offset + offset + 1] = (uint8_t)sum;
    return (struct virtio_net_hdr){
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = l.l4_offset, .csum_offset = offset};
}
