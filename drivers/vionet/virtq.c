/* SPDX-License-Identifier: MIT */
/*
 * The driver's side of a split ring (virtio 1.2 §2.7). Callers hold the lock of the side the ring
 * belongs to. Indices run freely modulo 2^16; an id or index from the device that cannot be marks
 * the ring broken, which check-for-hang turns into a reset.
 */
#include "vionet.h"

/* The word behind the available ring: the driver's wish for an interrupt; behind the used ring: the
 * device's for a kick. */
static USHORT *used_event(const struct vionet_virtq *q)
{
    return &q->avail->ring[q->size];
}

static USHORT *avail_event(const struct vionet_virtq *q)
{
    return (USHORT *)&q->used->ring[q->size];
}

/* Words that the other side reads or writes at any time. */
static USHORT load16(const USHORT *p)
{
    return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static void store16(USHORT *p, USHORT v)
{
    __atomic_store_n(p, v, __ATOMIC_RELEASE);
}

static USHORT device_index(const struct vionet_virtq *q)
{
    return load16(&q->used->idx);
}

NDIS_STATUS vionet_virtq_init(struct vionet_adapter *a, struct vionet_virtq *q, USHORT index,
                              USHORT size_limit)
{
    ULONG desc, avail, used;

    q->adapter = a;
    q->index = index;
    q->size = vionet_pci_queue_size(a, index);
    if (q->size == 0 || (q->size & (q->size - 1)) != 0)
        return NDIS_STATUS_DEVICE_FAILED;
    if (q->size > size_limit)
        q->size = size_limit;
    desc = (ULONG)VIRTIO_DESC_BYTES(q->size);
    avail = (ULONG)ALIGN_UP_BY(VIRTIO_AVAIL_BYTES(q->size), VIRTIO_USED_ALIGN);
    used = (ULONG)VIRTIO_USED_BYTES(q->size);
    q->memory_bytes = desc + avail + used;
    NdisMAllocateSharedMemory(a->handle, q->memory_bytes, TRUE, (PVOID *)&q->memory, &q->address);
    q->cookies = NdisAllocateMemoryWithTagPriority(
        a->handle, q->size * (ULONG)(sizeof *q->cookies + 2 * sizeof *q->chain), VIONET_TAG,
        NormalPoolPriority);
    if (!q->memory || !q->cookies)
        return NDIS_STATUS_RESOURCES;
    q->chain = (USHORT *)(q->cookies + q->size);
    q->next = q->chain + q->size;
    q->desc = (struct virtio_desc *)q->memory;
    q->avail = (struct virtio_avail *)(q->memory + desc);
    q->used = (struct virtio_used *)(q->memory + desc + avail);
    vionet_virtq_clear(q);
    return NDIS_STATUS_SUCCESS;
}

void vionet_virtq_clear(struct vionet_virtq *q)
{
    USHORT i;

    if (!q->memory || !q->cookies)
        return;
    NdisZeroMemory(q->memory, q->memory_bytes);
    NdisZeroMemory(q->cookies, q->size * sizeof *q->cookies);
    for (i = 0; i < q->size; i++)
        q->next[i] = (USHORT)(i + 1);
    q->free_head = 0;
    q->free_count = q->size;
    q->avail_next = q->used_next = q->kicked = 0;
    q->event_idx = vionet_has(q->adapter, VIRTIO_F_EVENT_IDX);
    q->broken = FALSE;
}

void vionet_virtq_fini(struct vionet_virtq *q)
{
    if (q->memory)
        NdisMFreeSharedMemory(q->adapter->handle, q->memory_bytes, TRUE, q->memory, q->address);
    if (q->cookies)
        NdisFreeMemory(q->cookies, 0, 0);
    q->memory = NULL;
    q->cookies = NULL;
}

static void publish(struct vionet_virtq *q, USHORT head, USHORT count, PVOID cookie)
{
    q->cookies[head] = cookie;
    q->chain[head] = count;
    q->free_count = (USHORT)(q->free_count - count);
    q->avail->ring[q->avail_next & (q->size - 1)] = head;
    q->avail_next++;
    store16(&q->avail->idx, q->avail_next);
}

BOOLEAN vionet_virtq_add(struct vionet_virtq *q, const struct vionet_piece *pieces, ULONG out,
                         ULONG in, PVOID cookie)
{
    USHORT head = q->free_head, i = head;
    ULONG n = out + in, k;

    if (q->broken || n == 0 || n > q->free_count)
        return FALSE;
    for (k = 0; k < n; k++) {
        struct virtio_desc *d = &q->desc[i];

        d->addr = pieces[k].address;
        d->len = pieces[k].bytes;
        d->flags =
            (USHORT)((k >= out ? VIRTIO_DESC_F_WRITE : 0) | (k + 1 < n ? VIRTIO_DESC_F_NEXT : 0));
        d->next = i = q->next[i];
    }
    q->free_head = i;
    publish(q, head, (USHORT)n, cookie);
    return TRUE;
}

BOOLEAN vionet_virtq_add_indirect(struct vionet_virtq *q, ULONG64 table, ULONG count, PVOID cookie)
{
    USHORT head = q->free_head;
    struct virtio_desc *d = &q->desc[head];

    if (q->broken || q->free_count == 0)
        return FALSE;
    d->addr = table;
    d->len = count * (ULONG)sizeof *d;
    d->flags = VIRTIO_DESC_F_INDIRECT;
    q->free_head = q->next[head];
    publish(q, head, 1, cookie);
    return TRUE;
}

/* §2.7.10: with the event index the device says at which index it wants to be told. */
void vionet_virtq_kick(struct vionet_virtq *q)
{
    USHORT old = q->kicked, now = q->avail_next;
    BOOLEAN wanted;

    if (now == old)
        return;
    KeMemoryBarrier();
    if (q->event_idx)
        wanted = (USHORT)(now - load16(avail_event(q)) - 1) < (USHORT)(now - old);
    else
        wanted = !(load16(&q->used->flags) & VIRTIO_USED_F_NO_NOTIFY);
    q->kicked = now;
    if (wanted && !vionet_removed(q->adapter))
        WRITE_REGISTER_USHORT((PUSHORT)q->doorbell, q->index);
}

static void free_chain(struct vionet_virtq *q, USHORT head)
{
    USHORT last = head, n = q->chain[head];

    for (USHORT k = 1; k < n; k++)
        last = q->next[last];
    q->next[last] = q->free_head;
    q->free_head = head;
    q->free_count = (USHORT)(q->free_count + n);
    q->cookies[head] = NULL;
}

PVOID vionet_virtq_get(struct vionet_virtq *q, ULONG *bytes)
{
    const struct virtio_used_elem *e;
    USHORT pending = (USHORT)(device_index(q) - q->used_next);
    PVOID cookie;
    ULONG id;

    if (q->broken || pending == 0)
        return NULL;
    e = &q->used->ring[q->used_next & (q->size - 1)];
    id = e->id;
    if (pending > q->size || id >= q->size || !q->cookies[id]) {
        q->broken = TRUE;
        return NULL;
    }
    *bytes = e->len;
    cookie = q->cookies[id];
    free_chain(q, (USHORT)id);
    q->used_next++;
    return cookie;
}

PVOID vionet_virtq_take_back(struct vionet_virtq *q)
{
    for (USHORT i = 0; i < q->size; i++) {
        PVOID cookie = q->cookies[i];

        if (cookie) {
            q->cookies[i] = NULL;
            return cookie;
        }
    }
    return NULL;
}

BOOLEAN vionet_virtq_used_waiting(const struct vionet_virtq *q)
{
    return !q->broken && device_index(q) != q->used_next;
}

void vionet_virtq_interrupt_off(struct vionet_virtq *q)
{
    if (q->event_idx)
        store16(used_event(q), (USHORT)(q->used_next - 1)); /* as far away as it gets */
    else
        store16(&q->avail->flags, VIRTIO_AVAIL_F_NO_INTERRUPT);
}

static BOOLEAN interrupt_after(struct vionet_virtq *q, USHORT chains)
{
    if (q->event_idx)
        store16(used_event(q), (USHORT)(q->used_next + chains));
    else
        store16(&q->avail->flags, 0);
    KeMemoryBarrier();
    return q->broken || (USHORT)(device_index(q) - q->used_next) <= chains;
}

BOOLEAN vionet_virtq_interrupt_on(struct vionet_virtq *q)
{
    return interrupt_after(q, 0);
}

BOOLEAN vionet_virtq_interrupt_late(struct vionet_virtq *q)
{
    USHORT in_flight = (USHORT)(q->avail_next - q->used_next);

    return interrupt_after(q, (USHORT)(in_flight / 4 * 3));
}
