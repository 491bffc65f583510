/* SPDX-License-Identifier: MIT */
/* Device side of a split virtqueue: checked taking, mapping and giving back of chains. */
#include "nic/virtq.h"

/* Shared memory is read and written through these: each access happens once, as written. */
static uint16_t load16(const le16 *p)
{
    return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static void store16(le16 *p, uint16_t v)
{
    __atomic_store_n(p, v, __ATOMIC_RELAXED);
}

static struct virtio_desc load_desc(const struct virtio_desc *p)
{
    return (struct virtio_desc){
        .addr = __atomic_load_n(&p->addr, __ATOMIC_RELAXED),
        .len = __atomic_load_n(&p->len, __ATOMIC_RELAXED),
        .flags = __atomic_load_n(&p->flags, __ATOMIC_RELAXED),
        .next = __atomic_load_n(&p->next, __ATOMIC_RELAXED),
    };
}

void virtq_break(struct virtq *q, enum virtq_fault fault)
{
    if (q->fault == VIRTQ_OK)
        q->fault = fault;
}

static void *map(struct pci_bus *bus, uint64_t addr, uint64_t len, enum pci_dma_dir dir)
{
    return bus->ops->dma(bus, addr, len, dir);
}

enum virtq_fault virtq_start(struct virtq *q, const struct virtq_setup *setup)
{
    virtq_stop(q);
    q->bus = setup->bus;
    q->size = setup->size;
    q->event_idx = setup->event_idx;
    q->indirect = setup->indirect;
    if (setup->desc % VIRTIO_DESC_ALIGN || setup->avail % VIRTIO_AVAIL_ALIGN ||
        setup->used % VIRTIO_USED_ALIGN) {
        virtq_break(q, VIRTQ_MISALIGNED);
        return q->fault;
    }
    q->desc = map(q->bus, setup->desc, VIRTIO_DESC_BYTES(q->size), PCI_DMA_READ);
    q->avail = map(q->bus, setup->avail, VIRTIO_AVAIL_BYTES(q->size), PCI_DMA_READ);
    q->used = map(q->bus, setup->used, VIRTIO_USED_BYTES(q->size), PCI_DMA_WRITE);
    /* A bus may map aligned addresses to memory that is not; atomics need it to be. */
    if (!q->desc || !q->avail || !q->used)
        virtq_break(q, VIRTQ_UNMAPPED);
    else if ((uintptr_t)q->desc % VIRTIO_DESC_ALIGN || (uintptr_t)q->avail % VIRTIO_AVAIL_ALIGN ||
             (uintptr_t)q->used % VIRTIO_USED_ALIGN)
        virtq_break(q, VIRTQ_MISALIGNED);
    if (q->fault)
        q->desc = NULL;
    return q->fault;
}

void virtq_stop(struct virtq *q)
{
    memset(q, 0, sizeof *q);
}

static bool usable(const struct virtq *q)
{
    return q->desc && q->fault == VIRTQ_OK;
}

/* How many entries wait. More than the ring has room for beside those in flight: the index jumped
 * or went back. */
static uint16_t waiting(struct virtq *q)
{
    uint16_t idx = __atomic_load_n(&q->avail->idx, __ATOMIC_ACQUIRE);
    uint16_t n = (uint16_t)(idx - q->avail_next);
    uint16_t in_flight = (uint16_t)(q->avail_next - q->used_shown);

    if (n <= q->size - in_flight)
        return n;
    virtq_break(q, VIRTQ_OVERRUN);
    return 0;
}

bool virtq_take(struct virtq *q, uint16_t *head)
{
    if (!usable(q) || waiting(q) == 0)
        return false;
    *head = load16(&q->avail->ring[q->avail_next & (q->size - 1)]);
    if (*head >= q->size)
        virtq_break(q, VIRTQ_HEAD_RANGE);
    else if (q->busy[*head])
        virtq_break(q, VIRTQ_HEAD_BUSY);
    if (q->fault)
        return false;
    q->busy[*head] = true;
    q->avail_next++;
    return true;
}

/* A walk along one chain: the table it is in, and what has been collected. */
struct walk {
    struct virtq *q;
    const struct virtio_desc *table;
    uint32_t table_len;
    bool in_indirect;
    uint32_t steps;
    struct frame_span *spans;
    uint32_t max;
    struct virtq_chain *chain;
};

static enum virtq_fault add_buffer(struct walk *w, const struct virtio_desc *d)
{
    struct virtq_chain *c = w->chain;
    bool writable = d->flags & VIRTIO_DESC_F_WRITE;
    uint32_t at = c->read_spans + c->write_spans;
    void *data;

    if (d->len == 0)
        return VIRTQ_EMPTY_BUFFER;
    if (!writable && c->write_spans)
        return VIRTQ_ORDER;
    if (at >= w->max)
        return VIRTQ_CHAIN_LONG;
    data = map(w->q->bus, d->addr, d->len, writable ? PCI_DMA_WRITE : PCI_DMA_READ);
    if (!data)
        return VIRTQ_BUFFER_UNMAPPED;
    w->spans[at] = (struct frame_span){.data = data, .len = d->len};
    if (writable) {
        c->write_spans++;
        c->write_bytes += d->len;
    } else {
        c->read_spans++;
        c->read_bytes += d->len;
    }
    return VIRTQ_OK;
}

/* The write flag of a descriptor that refers to a table is ignored (§2.7.5.3.2). */
static enum virtq_fault enter_table(struct walk *w, const struct virtio_desc *d)
{
    if (!w->q->indirect)
        return VIRTQ_INDIRECT_OFF;
    if (w->in_indirect)
        return VIRTQ_INDIRECT_NEST;
    if (d->flags & VIRTIO_DESC_F_NEXT)
        return VIRTQ_INDIRECT_NEXT;
    if (d->len == 0 || d->len % sizeof(struct virtio_desc))
        return VIRTQ_INDIRECT_SIZE;
    w->table = map(w->q->bus, d->addr, d->len, PCI_DMA_READ);
    if (!w->table || (uintptr_t)w->table % _Alignof(struct virtio_desc))
        return VIRTQ_INDIRECT_SIZE;
    w->table_len = d->len / (uint32_t)sizeof(struct virtio_desc);
    w->in_indirect = true;
    return VIRTQ_OK;
}

/* Counting steps bounds loops too: a chain has at most as many buffers as the queue has entries
 * (§2.7.5.3.1). */
static enum virtq_fault walk_chain(struct walk *w, uint32_t index)
{
    enum virtq_fault fault;

    for (;;) {
        struct virtio_desc d;

        if (index >= w->table_len)
            return VIRTQ_NEXT_RANGE;
        d = load_desc(&w->table[index]);
        if (d.flags & VIRTIO_DESC_F_INDIRECT) {
            fault = enter_table(w, &d);
            if (fault)
                return fault;
            index = 0;
            continue;
        }
        if (++w->steps > w->q->size)
            return VIRTQ_CHAIN_LONG;
        fault = add_buffer(w, &d);
        if (fault || !(d.flags & VIRTIO_DESC_F_NEXT))
            return fault;
        index = d.next;
    }
}

bool virtq_map(struct virtq *q, uint16_t head, struct frame_span *spans, uint32_t max,
               struct virtq_chain *chain)
{
    struct walk w = {
        .q = q,
        .table = q->desc,
        .table_len = q->size,
        .spans = spans,
        .max = max,
        .chain = chain,
    };

    *chain = (struct virtq_chain){0};
    if (!usable(q))
        return false;
    virtq_break(q, walk_chain(&w, head));
    return q->fault == VIRTQ_OK;
}

void virtq_give(struct virtq *q, uint16_t head, uint32_t written)
{
    struct virtio_used_elem *e;

    if (!q->desc)
        return;
    e = &q->used->ring[q->used_next & (q->size - 1)];
    __atomic_store_n(&e->id, head, __ATOMIC_RELAXED);
    __atomic_store_n(&e->len, written, __ATOMIC_RELAXED);
    q->busy[head] = false;
    q->used_next++;
}

void virtq_show(struct virtq *q)
{
    if (!q->desc || q->used_shown == q->used_next)
        return;
    q->used_shown = q->used_next;
    __atomic_store_n(&q->used->idx, q->used_shown, __ATOMIC_RELEASE);
}

bool virtq_passed(uint16_t event, uint16_t now, uint16_t before)
{
    return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

bool virtq_wants_interrupt(struct virtq *q)
{
    uint16_t before = q->used_signalled;

    if (!q->desc || before == q->used_shown)
        return false;
    q->used_signalled = q->used_shown;
    /* The driver arms, then looks at the index; we move the index, then look whether it armed. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (q->event_idx)
        return virtq_passed(load16(&q->avail->ring[q->size]), q->used_shown, before);
    return !(load16(&q->avail->flags) & VIRTIO_AVAIL_F_NO_INTERRUPT);
}

static le16 *avail_event(struct virtq *q)
{
    return (le16 *)(void *)&q->used->ring[q->size];
}

void virtq_doorbell_off(struct virtq *q)
{
    if (usable(q) && !q->event_idx)
        store16(&q->used->flags, VIRTIO_USED_F_NO_NOTIFY);
}

bool virtq_doorbell_on(struct virtq *q)
{
    if (!usable(q))
        return false;
    if (q->event_idx)
        store16(avail_event(q), q->avail_next);
    else
        store16(&q->used->flags, 0);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return load16(&q->avail->idx) != q->avail_next;
}

void virtq_doorbell_never(struct virtq *q)
{
    if (!usable(q))
        return;
    /* No index gets past that before the next call: at most size entries are outstanding. */
    if (q->event_idx)
        store16(avail_event(q), (uint16_t)(q->avail_next + q->size));
    else
        store16(&q->used->flags, VIRTIO_USED_F_NO_NOTIFY);
}
