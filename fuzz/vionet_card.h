/* SPDX-License-Identifier: MIT */
/*
 * A virtio network card that need not be honest: registers, rings, and what it may do wrong. Modes
 * say how it answers the driver; everything else it does when fuzz_vionet_ring.c tells it to. All
 * functions but the ops take the lock themselves where it says so; `tainted` means that the card
 * has broken the contract, so that a transfer that fails is no longer the driver's fault.
 */
#pragma once

#include <virtio/net.h>
#include <virtio/pci.h>
#include <virtio/ring.h>

#include "base/base.h"
#include "base/pci.h"

#include <pthread.h>

enum { CARD_QUEUES = 3, CARD_HELD = 512, CARD_BAR = 0x4000, CARD_PIECES = 64 };
enum { CARD_ISR_AT = 0x1000, CARD_CONFIG_AT = 0x2000, CARD_NOTIFY_AT = 0x3000 };

enum card_mode {
    CARD_HOLD_TX = 1,       /* sends are not given back by themselves */
    CARD_QUIET = 2,         /* no interrupts */
    CARD_CTRL_ERROR = 4,    /* commands fail */
    CARD_CTRL_SILENT = 8,   /* commands are not answered */
    CARD_CTRL_WRONG = 0x10, /* commands are answered with another id */
    CARD_RESET_SLOW = 0x20,
    CARD_RESET_NEVER = 0x40,
    CARD_RESET_GONE = 0x80, /* status reads 0xff */
    CARD_NO_FEATURES_OK = 0x100,
    CARD_NO_VECTORS = 0x200,
    CARD_RESTLESS = 0x400, /* another configuration generation at each look */
    CARD_NO_QUEUES = 0x800,
};

struct card_queue {
    struct virtio_pci_common_cfg regs; /* its part of them */
    uint16_t offered, notify_off, seen, used, held_count;
    uint16_t held[CARD_HELD]; /* heads taken and not given back */
};

struct card {
    struct pci_function fn;
    struct pci_bus *bus;
    pthread_mutex_t lock;
    uint8_t config[PCI_CONFIG_BYTES], net[64], isr, slow;
    struct virtio_pci_common_cfg common;
    uint64_t features, taken;
    unsigned mode;
    bool tainted;
    struct card_queue queues[CARD_QUEUES];
    uint64_t frames, sum; /* what the wire saw */
};

static struct card card;
static __thread bool card_lies; /* the access under way is the card's own fault */

__attribute__((noreturn, cold)) static void broken(const char *what)
{
    fprintf(stderr, "fuzz_vionet_ring: %s\n", what);
    abort();
}

#define MUST(x)                                                                                    \
    do {                                                                                           \
        if (!(x))                                                                                  \
            broken(#x);                                                                            \
    } while (0)

/* ---- Reaching memory; lock held -------------------------------------------------------------- */

static void *card_reach(uint64_t addr, uint64_t len, enum pci_dma_dir dir)
{
    void *p;

    if (!card.bus)
        return NULL;
    card_lies = card.tainted;
    p = card.bus->ops->dma(card.bus, addr, len, dir);
    card_lies = false;
    return p;
}

struct card_ring {
    struct card_queue *q;
    struct virtio_desc *desc;
    struct virtio_avail *avail;
    struct virtio_used *used;
    uint16_t size;
};

static uint64_t card_address(uint32_t lo, uint32_t hi)
{
    return lo | (uint64_t)hi << 32;
}

static bool card_ring(unsigned queue, struct card_ring *r)
{
    struct card_queue *q = &card.queues[queue % CARD_QUEUES];
    const struct virtio_pci_common_cfg *c = &q->regs;
    uint16_t n = c->queue_size;

    if (!c->queue_enable || !n || n > VIRTIO_RING_MAX_SIZE)
        return false;
    r->q = q;
    r->size = n;
    r->desc = card_reach(card_address(c->queue_desc_lo, c->queue_desc_hi), VIRTIO_DESC_BYTES(n),
                         PCI_DMA_WRITE);
    r->avail = card_reach(card_address(c->queue_driver_lo, c->queue_driver_hi),
                          VIRTIO_AVAIL_BYTES(n), PCI_DMA_WRITE);
    r->used = card_reach(card_address(c->queue_device_lo, c->queue_device_hi), VIRTIO_USED_BYTES(n),
                         PCI_DMA_WRITE);
    return r->desc && r->avail && r->used;
}

/* The next chain that the driver made available. */
static bool card_take(const struct card_ring *r, uint16_t *head)
{
    uint16_t idx = __atomic_load_n(&r->avail->idx, __ATOMIC_ACQUIRE);

    if (idx ==
        r->q->seen) { /* tell me of the next one (the word is there without EVENT_IDX, too) */
        __atomic_store_n((uint16_t *)(void *)&r->used->ring[r->size], idx, __ATOMIC_SEQ_CST);
        idx = __atomic_load_n(&r->avail->idx, __ATOMIC_SEQ_CST);
    }
    if (idx == r->q->seen)
        return false;
    MUST(card.tainted || (uint16_t)(idx - r->q->seen) <= r->size);
    *head = r->avail->ring[r->q->seen++ % r->size];
    MUST(card.tainted || *head < r->size);
    return *head < r->size;
}

/* The elements of a chain; less than there are when it makes no sense. */
static unsigned card_chain(const struct card_ring *r, uint16_t head, struct virtio_desc *out)
{
    struct virtio_desc *table = r->desc;
    uint16_t size = r->size, i = head;
    unsigned n = 0;

    if (table[i].flags & VIRTIO_DESC_F_INDIRECT) {
        uint32_t bytes = table[i].len;

        table = card_reach(table[i].addr, bytes, PCI_DMA_READ);
        size = (uint16_t)MIN_OF(bytes / sizeof *table, (size_t)UINT16_MAX);
        i = 0;
        if (!table)
            return 0;
    }
    while (i < size && n < CARD_PIECES) {
        out[n] = table[i];
        if (!(out[n++].flags & VIRTIO_DESC_F_NEXT))
            return n;
        i = table[i].next;
    }
    MUST(card.tainted);
    return n;
}

static void card_raise(unsigned vector)
{
    if ((card.mode & CARD_QUIET) || !card.bus)
        return;
    if (card.fn.msix_vectors) {
        card.bus->ops->msix(card.bus, vector);
        return;
    }
    card.isr |= VIRTIO_PCI_ISR_QUEUE;
    card.bus->ops->line(card.bus, true);
}

static void card_put(const struct card_ring *r, uint32_t id, uint32_t len)
{
    r->used->ring[r->q->used++ % r->size] = (struct virtio_used_elem){id, len};
    __atomic_store_n(&r->used->idx, r->q->used, __ATOMIC_RELEASE);
}

/* ---- What an honest card does ---------------------------------------------------------------- */

/* Reads all of a send, as the wire would. */
static void card_read_send(const struct card_ring *r, uint16_t head)
{
    struct virtio_desc piece[CARD_PIECES];
    unsigned n = card_chain(r, head, piece);
    struct virtio_net_hdr h = {0};
    uint64_t total = 0;

    for (unsigned i = 0; i < n; i++) {
        const uint8_t *p = card_reach(piece[i].addr, piece[i].len, PCI_DMA_READ);

        MUST(card.tainted || !(piece[i].flags & VIRTIO_DESC_F_WRITE));
        if (!p)
            return;
        if (i == 0 && piece[i].len >= sizeof h)
            memcpy(&h, p, sizeof h);
        for (uint32_t k = 0; k < piece[i].len; k++)
            card.sum += p[k];
        total += piece[i].len;
    }
    MUST(card.tainted || total >= sizeof h + 14);
    if (h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
        MUST(card.tainted || (card.taken & VIRTIO_FEATURE(VIRTIO_NET_F_CSUM)));
    MUST(card.tainted || h.gso_type || total <= sizeof h + 9000 + 18);
    card.frames++;
}

static void card_serve_tx(const struct card_ring *r)
{
    uint16_t head;

    while (r->q->held_count < CARD_HELD && card_take(r, &head)) {
        card_read_send(r, head);
        r->q->held[r->q->held_count++] = head;
    }
}

/* Gives back the oldest sends. */
static void card_finish_tx(unsigned n)
{
    struct card_ring r;

    if (!card_ring(VIRTIO_NET_TXQ, &r))
        return;
    card_serve_tx(&r);
    n = MIN_OF(n, (unsigned)r.q->held_count);
    for (unsigned i = 0; i < n; i++)
        card_put(&r, r.q->held[i], 0);
    r.q->held_count = (uint16_t)(r.q->held_count - n);
    memmove(r.q->held, r.q->held + n, r.q->held_count * sizeof *r.q->held);
    if (n)
        card_raise(r.q->regs.queue_msix_vector);
}

static void card_serve_ctrl(void)
{
    struct virtio_desc piece[CARD_PIECES];
    struct card_ring r;
    uint16_t head;
    unsigned n;

    if ((card.mode & CARD_CTRL_SILENT) || !card_ring(VIRTIO_NET_CTRLQ, &r))
        return;
    while (card_take(&r, &head)) {
        uint8_t *ack;

        n = card_chain(&r, head, piece);
        ack = n ? card_reach(piece[n - 1].addr, 1, PCI_DMA_WRITE) : NULL;
        if (ack)
            *ack = card.mode & CARD_CTRL_ERROR ? VIRTIO_NET_ERR : VIRTIO_NET_OK;
        card.tainted |= (card.mode & CARD_CTRL_WRONG) != 0;
        card_put(&r, card.mode & CARD_CTRL_WRONG ? head + 1u : head, 1);
    }
}

/* ---- Registers; lock held -------------------------------------------------------------------- */

static void card_reset(void)
{
    card.common = (struct virtio_pci_common_cfg){.config_msix_vector = VIRTIO_MSI_NO_VECTOR};
    for (unsigned i = 0; i < CARD_QUEUES; i++) {
        struct card_queue *q = &card.queues[i];

        memset(&q->regs, 0, sizeof q->regs);
        q->regs.queue_size = q->offered;
        q->regs.queue_msix_vector = VIRTIO_MSI_NO_VECTOR;
        q->regs.queue_notify_off = q->notify_off;
        q->seen = q->used = q->held_count = 0;
    }
    card.isr = 0;
    card.taken = 0;
    card.tainted = false;
    if (card.bus && !card.fn.msix_vectors)
        card.bus->ops->line(card.bus, false);
}

enum { QUEUE_REGS = offsetof(struct virtio_pci_common_cfg, queue_size) };

static void card_show(void)
{
    struct virtio_pci_common_cfg *c = &card.common;
    const char *from = (const char *)&card.queues[MIN_OF(c->queue_select, CARD_QUEUES - 1)].regs;

    c->device_feature = c->device_feature_select < 2
                            ? (uint32_t)(card.features >> (32 * c->device_feature_select))
                            : 0;
    c->num_queues = card.mode & CARD_NO_QUEUES ? 1 : CARD_QUEUES;
    if (card.mode & CARD_RESTLESS)
        c->config_generation++;
    memcpy((char *)c + QUEUE_REGS, from + QUEUE_REGS, sizeof *c - QUEUE_REGS);
}

static void card_status(uint8_t value)
{
    if (value == 0) {
        if (card.mode & CARD_RESET_NEVER) {
            card.tainted = true;
            return;
        }
        card_reset();
        card.slow = card.mode & CARD_RESET_SLOW ? 5 : 0;
    } else if ((card.mode & CARD_NO_FEATURES_OK)) {
        value &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
    }
    card.common.device_status = value;
}

static void card_write_common(uint32_t at, uint32_t size, uint64_t value)
{
    struct virtio_pci_common_cfg *c = &card.common;
    struct card_queue *q;

    if (at == offsetof(struct virtio_pci_common_cfg, device_status)) {
        card_status((uint8_t)value);
        return;
    }
    card_show();
    memcpy((char *)c + at, &value, size);
    if (at == offsetof(struct virtio_pci_common_cfg, driver_feature) &&
        c->driver_feature_select < 2)
        card.taken |= (uint64_t)c->driver_feature << (32 * c->driver_feature_select);
    if (card.mode & CARD_NO_VECTORS)
        c->config_msix_vector = c->queue_msix_vector = VIRTIO_MSI_NO_VECTOR;
    if (at < QUEUE_REGS)
        return;
    q = &card.queues[MIN_OF(c->queue_select, CARD_QUEUES - 1)];
    memcpy((char *)&q->regs + QUEUE_REGS, (char *)c + QUEUE_REGS, sizeof *c - QUEUE_REGS);
}

static void card_doorbell(uint64_t queue)
{
    struct card_ring r;

    if (queue == VIRTIO_NET_CTRLQ)
        card_serve_ctrl();
    if (queue != VIRTIO_NET_TXQ || !card_ring(VIRTIO_NET_TXQ, &r))
        return;
    card_serve_tx(&r);
    if (!(card.mode & CARD_HOLD_TX))
        card_finish_tx(CARD_HELD);
}

static uint64_t card_bar_read(struct pci_function *fn, uint32_t bar, uint64_t at, uint32_t size)
{
    uint64_t value = 0;

    (void)fn, (void)bar;
    pthread_mutex_lock(&card.lock);
    if (at + size <= sizeof card.common) {
        card_show();
        memcpy(&value, (char *)&card.common + at, size);
        if (at == offsetof(struct virtio_pci_common_cfg, device_status)) {
            if (card.mode & CARD_RESET_GONE)
                value = 0xff;
            else if (card.slow && card.slow--)
                value |= 1;
        }
    } else if (at == CARD_ISR_AT) {
        value = card.isr;
        card.isr = 0;
        if (card.bus && !card.fn.msix_vectors)
            card.bus->ops->line(card.bus, false);
    } else if (at >= CARD_CONFIG_AT && at + size <= CARD_CONFIG_AT + sizeof card.net) {
        memcpy(&value, card.net + (at - CARD_CONFIG_AT), size);
    }
    pthread_mutex_unlock(&card.lock);
    return value;
}

static void card_bar_write(struct pci_function *fn, uint32_t bar, uint64_t at, uint32_t size,
                           uint64_t value)
{
    (void)fn, (void)bar;
    pthread_mutex_lock(&card.lock);
    if (at + size <= sizeof card.common)
        card_write_common((uint32_t)at, size, value);
    else if (at >= CARD_NOTIFY_AT)
        card_doorbell(value);
    pthread_mutex_unlock(&card.lock);
}

/* ---- PCI ------------------------------------------------------------------------------------- */

static uint32_t card_config_read(struct pci_function *fn, uint32_t offset, uint32_t size)
{
    uint32_t value = 0;

    (void)fn;
    memcpy(&value, card.config + offset, size);
    return value;
}

static void card_config_write(struct pci_function *fn, uint32_t offset, uint32_t size,
                              uint32_t value)
{
    (void)fn;
    if (offset == 0x10)
        value = (value & ~15u) | 4; /* memory, 64 bits wide */
    memcpy(card.config + offset, &value, size);
}

static void card_plugged(struct pci_function *fn, struct pci_bus *bus)
{
    (void)fn;
    pthread_mutex_lock(&card.lock);
    card.bus = bus;
    pthread_mutex_unlock(&card.lock);
}

static void card_capability(uint8_t at, uint8_t next, uint8_t type, uint32_t offset,
                            uint32_t multiplier)
{
    struct virtio_pci_notify_cap c = {
        .cap = {.cap_vndr = VIRTIO_PCI_CAP_ID,
                .cap_next = next,
                .cfg_type = type,
                .offset = offset,
                .length = 0x1000},
        .notify_off_multiplier = multiplier,
    };

    c.cap.cap_len = (uint8_t)(type == VIRTIO_PCI_CAP_NOTIFY_CFG ? sizeof c : sizeof c.cap);
    memcpy(card.config + at, &c, c.cap.cap_len);
}

/* A sound card with `vectors` messages (0: the line). */
static void card_new(uint32_t vectors, uint32_t multiplier)
{
    static const struct pci_function_ops ops = {card_config_read, card_config_write, card_bar_read,
                                                card_bar_write, card_plugged};
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1}, msix[2] = {0x11, 0};
    uint16_t id[2] = {VIRTIO_PCI_VENDOR, VIRTIO_PCI_DEVICE_NET};

    memset(&card, 0, sizeof card);
    pthread_mutex_init(&card.lock, NULL);
    card.fn = (struct pci_function){.ops = &ops, .bar_bytes = {CARD_BAR}, .msix_vectors = vectors};
    memcpy(card.config, id, sizeof id);
    card.config[6] = 0x10; /* status: there are capabilities */
    card.config[0x34] = 0x40;
    card_capability(0x40, 0x50, VIRTIO_PCI_CAP_COMMON_CFG, 0, 0);
    card_capability(0x50, 0x64, VIRTIO_PCI_CAP_NOTIFY_CFG, CARD_NOTIFY_AT, multiplier);
    card_capability(0x64, 0x74, VIRTIO_PCI_CAP_ISR_CFG, CARD_ISR_AT, 0);
    card_capability(0x74, 0x84, VIRTIO_PCI_CAP_DEVICE_CFG, CARD_CONFIG_AT, 0);
    memcpy(card.config + 0x84, msix, sizeof msix);
    memcpy(card.net, mac, sizeof mac);
    card.net[offsetof(struct virtio_net_config, status)] = VIRTIO_NET_S_LINK_UP;
}
