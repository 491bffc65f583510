/* SPDX-License-Identifier: MIT */
/*
 * Transmit.
 *
 * A NET_BUFFER waits (tx.waiting), is taken by a request and joins the line (tx.line), is
 * translated and mapped outside the lock, is posted to the ring in the line's order, and is reaped.
 * One thread at a time drains, that is takes, posts and kicks: whoever finds somebody draining
 * leaves its work to them, as the drainer looks again before it gives up the role. A list that NDIS
 * maps later holds up the line behind it: order comes first.
 *
 * An NBL's MiniportReserved[0] counts its NET_BUFFERs that are not finished, [1] adds up the
 * payload of its large sends that went out; Status collects the first failure. The last one
 * finished completes it.
 */
#include "vionet.h"

enum { TX_BATCH = 32, REAP_BATCH = 64, LOW = 4 /* fewer than one request in so many is few */ };

struct done { /* NBLs to complete */
    NET_BUFFER_LIST *first, **tail;
    LONG count;
};

static void drain(struct vionet_adapter *a);

static void done_none(struct done *d)
{
    d->first = NULL;
    d->tail = &d->first;
    d->count = 0;
}

static void set_unfinished(NET_BUFFER_LIST *nbl, ULONG_PTR n)
{
    NET_BUFFER_LIST_MINIPORT_RESERVED(nbl)[0] = (PVOID)n;
}

static ULONG_PTR large_bytes(NET_BUFFER_LIST *nbl)
{
    return (ULONG_PTR)NET_BUFFER_LIST_MINIPORT_RESERVED(nbl)[1];
}

static void set_large_bytes(NET_BUFFER_LIST *nbl, ULONG_PTR bytes)
{
    NET_BUFFER_LIST_MINIPORT_RESERVED(nbl)[1] = (PVOID)bytes;
}

static void done_add(struct done *d, NET_BUFFER_LIST *nbl)
{
    nbl->Next = NULL;
    *d->tail = nbl;
    d->tail = &nbl->Next;
    d->count++;
}

/* Takes n NET_BUFFERs off an NBL's count. */
static void finish(NET_BUFFER_LIST *nbl, ULONG n, NDIS_STATUS status, struct done *d)
{
    ULONG_PTR left;

    if (status != NDIS_STATUS_SUCCESS && nbl->Status == NDIS_STATUS_SUCCESS)
        nbl->Status = status;
    left = (ULONG_PTR)NET_BUFFER_LIST_MINIPORT_RESERVED(nbl)[0] - n;
    set_unfinished(nbl, left);
    if (left == 0)
        done_add(d, nbl);
}

/* At DISPATCH_LEVEL, without the lock. counted: they are part of tx.outstanding. */
static void complete(struct vionet_adapter *a, struct done *d, BOOLEAN counted)
{
    if (!d->first)
        return;
    for (NET_BUFFER_LIST *nbl = d->first; nbl; nbl = nbl->Next) {
        if (NET_BUFFER_LIST_INFO(nbl, TcpLargeSendNetBufferListInfo))
            vionet_offload_completed(nbl, (ULONG)large_bytes(nbl));
    }
    NdisMSendNetBufferListsComplete(a->handle, d->first, NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL);
    if (counted && InterlockedExchangeAdd(&a->tx.outstanding, -d->count) == d->count)
        vionet_pause_progress(a);
}

/* ---- Requests ------------------------------------------------------------------------------- */

static void count_frames(struct vionet_adapter *a, const struct vionet_tx_request *t)
{
    struct vionet_statistics *s = &a->statistics;

    if (t->status == NDIS_STATUS_SUCCESS) {
        s->tx.frames[t->cast] += t->frames;
        s->tx.bytes[t->cast] += t->wire_bytes;
    } else if (t->phase == VIONET_TX_FAILED) {
        s->tx.errors++;
    } else {
        s->tx.discards++;
    }
}

/* Without the lock, at DISPATCH_LEVEL. */
static void unmap(struct vionet_adapter *a, struct vionet_tx_request *t)
{
    for (; t; t = t->next) {
        if (t->sg)
            NdisMFreeNetBufferSGList(a->dma, t->sg, t->nb);
        t->sg = NULL;
    }
}

/* Lock held; the requests are unmapped. */
static void release(struct vionet_adapter *a, struct vionet_tx_request *t, struct done *d)
{
    struct vionet_tx *tx = &a->tx;
    struct vionet_tx_request *next;

    for (; t; t = next) {
        next = t->next;
        count_frames(a, t);
        if (t->bounce) {
            t->bounce->next = tx->bounce_free;
            tx->bounce_free = t->bounce;
            t->bounce = NULL;
        }
        if (t->status == NDIS_STATUS_SUCCESS)
            set_large_bytes(t->nbl, large_bytes(t->nbl) + t->large_bytes);
        finish(t->nbl, 1, t->status, d);
        t->next = tx->free;
        tx->free = t;
        tx->free_count++;
    }
}

/* ---- From waiting to ready ------------------------------------------------------------ */

static void add_element(struct vionet_tx_request *t, ULONG64 address, ULONG bytes)
{
    struct virtio_desc *d = &t->table[t->table_count++];

    d->addr = address;
    d->len = bytes;
    d->flags = VIRTIO_DESC_F_NEXT;
    d->next = (le16)t->table_count;
}

/* The chain: head, then the list without what head replaces. A list covers its first MDL from
 * the very beginning. FALSE: too many elements, or not all of the frame. */
static BOOLEAN build(struct vionet_tx_request *t, const SCATTER_GATHER_LIST *sg)
{
    ULONG limit = t->adapter->tx.element_limit;
    ULONG64 skip = (ULONG64)NET_BUFFER_CURRENT_MDL_OFFSET(t->nb) + t->skip;
    ULONG left = NET_BUFFER_DATA_LENGTH(t->nb) - t->skip;

    t->table_count = 0;
    add_element(t, t->head_address, t->head_bytes);
    for (ULONG i = 0; sg && i < sg->NumberOfElements && left; i++) {
        ULONG64 address = (ULONG64)sg->Elements[i].Address.QuadPart;
        ULONG bytes = sg->Elements[i].Length;

        if (bytes <= skip) {
            skip -= bytes;
            continue;
        }
        bytes -= (ULONG)skip;
        if (bytes > left)
            bytes = left;
        if (t->table_count == limit)
            return FALSE;
        add_element(t, address + skip, bytes);
        skip = 0;
        left -= bytes;
    }
    t->table[t->table_count - 1].flags = 0;
    return left == 0;
}

VOID NTAPI VionetProcessSGList(PDEVICE_OBJECT pDO, PVOID Reserved, PSCATTER_GATHER_LIST pSGL,
                               PVOID Context)
{
    struct vionet_tx_request *t = Context;
    struct vionet_adapter *a = t->adapter;
    LONG phase;

    UNREFERENCED_PARAMETER(pDO);
    UNREFERENCED_PARAMETER(Reserved);
    t->sg = pSGL;
    phase = build(t, pSGL) ? VIONET_TX_READY : VIONET_TX_COPY;
    /* From here on it may be posted and used again. */
    if (InterlockedExchange(&t->phase, phase) == VIONET_TX_DEFERRED)
        drain(a);
}

/* Without the lock. The frame as descriptors, now or when NDIS calls back. */
static void prepare(struct vionet_adapter *a, struct vionet_tx_request *t)
{
    t->status = vionet_offload_send(a, t);
    if (t->status == NDIS_STATUS_SUCCESS && t->skip == NET_BUFFER_DATA_LENGTH(t->nb)) {
        build(t, NULL);
        t->phase = VIONET_TX_READY;
        return;
    }
    if (t->status == NDIS_STATUS_SUCCESS && t->cut.parts > 1) {
        t->phase = VIONET_TX_COPY;
        return;
    }
    if (t->status == NDIS_STATUS_SUCCESS)
        t->status = NdisMAllocateNetBufferSGList(a->dma, t->nb, t, NDIS_SG_LIST_WRITE_TO_DEVICE,
                                                 t->sg_memory, a->sg_bytes);
    if (t->status == NDIS_STATUS_SUCCESS)
        InterlockedCompareExchange(&t->phase, VIONET_TX_DEFERRED, VIONET_TX_MAPPING);
    else
        t->phase = VIONET_TX_FAILED;
}

/* Lock held. Gives requests to the next waiting NET_BUFFERs, as many as there are. */
static ULONG take(struct vionet_tx *tx, struct vionet_tx_request **batch)
{
    ULONG n = 0;

    while (n < TX_BATCH && tx->waiting && tx->free) {
        struct vionet_tx_request *t = tx->free;
        NET_BUFFER_LIST *nbl = tx->waiting;

        tx->free = t->next;
        tx->free_count--;
        t->next = NULL;
        t->nbl = nbl;
        t->nb = tx->waiting_nb;
        t->sg = NULL;
        t->cast = 0;
        t->phase = VIONET_TX_MAPPING;
        *tx->line_tail = t;
        tx->line_tail = &t->next;
        tx->waiting_nb = t->nb->Next;
        if (!tx->waiting_nb) {
            tx->waiting = nbl->Next;
            nbl->Next = NULL;
            if (tx->waiting)
                tx->waiting_nb = NET_BUFFER_LIST_FIRST_NB(tx->waiting);
            else
                tx->waiting_tail = &tx->waiting;
        }
        batch[n++] = t;
    }
    return n;
}

/* ---- From ready to the ring ----------------------------------------------------------- */

/* Descriptors of the ring that the request takes: its parts are posted together, as nothing may
 * come between their frames. */
static ULONG room_for(const struct vionet_tx_request *t)
{
    return vionet_has(t->adapter, VIRTIO_F_INDIRECT_DESC) ? t->cut.parts : t->table_count;
}

/* A table of two for each part: its header, and its share of the bounce buffer. Headers stand
 * behind the payload there; the first one's place is the template's, so it is made last. */
static BOOLEAN build_parts(struct vionet_tx_request *t)
{
    ULONG free_at = (ULONG)ALIGN_UP_BY(t->cut.bytes, 16);
    ULONG stride = (ULONG)ALIGN_UP_BY(t->cut.head, 16);

    t->table_count = 2 * t->cut.parts;
    if (t->cut.parts > VIONET_TX_PARTS || room_for(t) > t->adapter->tx.queue.size ||
        free_at + (t->cut.parts - 1) * stride > VIONET_BOUNCE_BYTES)
        return FALSE;
    for (ULONG part = t->cut.parts; part-- > 0;) {
        struct virtio_desc *d = &t->table[2 * part];
        ULONG at, place = free_at + part * stride - stride;
        PUCHAR to = part ? t->bounce->va + place : t->head;

        d[1].len = vionet_offload_part(t, part, to, &at);
        d[1].addr = t->bounce->address + at;
        d[1].flags = d[1].next = 0;
        d[0].len = t->cut.head;
        d[0].addr = part ? t->bounce->address + place : t->head_address;
        d[0].flags = VIRTIO_DESC_F_NEXT;
        d[0].next = 1;
    }
    return TRUE;
}

/* Lock held and given up meanwhile; we drain, so the line stays as it is. */
static void copy(struct vionet_adapter *a, struct vionet_tx_request *t)
{
    ULONG bytes = NET_BUFFER_DATA_LENGTH(t->nb) - t->skip;
    BOOLEAN good;

    t->bounce = a->tx.bounce_free;
    a->tx.bounce_free = t->bounce->next;
    NdisDprReleaseSpinLock(&a->tx.lock);
    good = bytes <= VIONET_BOUNCE_BYTES && vionet_frame_copy(t->nb, t->skip, t->bounce->va, bytes);
    t->table_count = 0;
    if (t->cut.parts > 1) {
        good = good && build_parts(t);
    } else {
        add_element(t, t->head_address, t->head_bytes);
        add_element(t, t->bounce->address, bytes);
        t->table[1].flags = 0;
    }
    if (!good)
        t->status = NDIS_STATUS_RESOURCES;
    t->phase = good ? VIONET_TX_READY : VIONET_TX_FAILED;
    NdisDprAcquireSpinLock(&a->tx.lock);
}

/* One chain: count elements of the table, from there on. */
static BOOLEAN post_chain(struct vionet_adapter *a, struct vionet_tx_request *t, ULONG from,
                          ULONG count)
{
    struct vionet_piece pieces[VIONET_SG_MAX + 1];

    if (vionet_has(a, VIRTIO_F_INDIRECT_DESC))
        return vionet_virtq_add_indirect(
            &a->tx.queue, t->table_address + from * sizeof(struct virtio_desc), count, t);
    for (ULONG i = 0; i < count; i++) {
        pieces[i].address = t->table[from + i].addr;
        pieces[i].bytes = t->table[from + i].len;
    }
    return vionet_virtq_add(&a->tx.queue, pieces, count, 0, t);
}

/* Lock held. All of the request's chains, or none. */
static BOOLEAN post(struct vionet_adapter *a, struct vionet_tx_request *t)
{
    t->cut.in_flight = t->cut.parts;
    if (t->cut.parts == 1)
        return post_chain(a, t, 0, t->table_count);
    if (a->tx.queue.broken || room_for(t) > a->tx.queue.free_count)
        return FALSE;
    for (ULONG part = 0; part < t->cut.parts; part++)
        post_chain(a, t, 2 * part, 2);
    return TRUE;
}

/* Lock held. Posts the line up to the first request that is not ready or finds no room; those that
 * cannot be sent go to failed. */
static BOOLEAN post_line(struct vionet_adapter *a, struct vionet_tx_request **failed)
{
    struct vionet_tx *tx = &a->tx;
    BOOLEAN posted = FALSE;

    while (tx->line) {
        struct vionet_tx_request *t = tx->line;
        LONG phase = __atomic_load_n(&t->phase, __ATOMIC_ACQUIRE);

        if (phase == VIONET_TX_MAPPING || phase == VIONET_TX_DEFERRED)
            break;
        if (phase != VIONET_TX_FAILED && !tx->open) {
            t->status = tx->gate_status;
        } else if (phase == VIONET_TX_COPY) {
            if (!tx->bounce_free)
                break;
            copy(a, t);
            continue;
        } else if (phase == VIONET_TX_READY) {
            /* Once posted it may not be touched: so it leaves the line first. */
            tx->line = t->next;
            if (post(a, t)) {
                posted = TRUE;
                if (!tx->line)
                    tx->line_tail = &tx->line;
                continue;
            }
            tx->line = t;
            break;
        }
        tx->line = t->next;
        if (!tx->line)
            tx->line_tail = &tx->line;
        t->next = NULL;
        *failed = t;
        failed = &t->next;
    }
    return posted;
}

/* At DISPATCH_LEVEL with the lock, which is given up. */
static void drain_locked(struct vionet_adapter *a)
{
    struct vionet_tx *tx = &a->tx;
    struct vionet_tx_request *batch[TX_BATCH];

    if (tx->draining) {
        NdisDprReleaseSpinLock(&tx->lock);
        return;
    }
    tx->draining = TRUE;
    for (;;) {
        struct vionet_tx_request *failed = NULL;
        BOOLEAN posted = post_line(a, &failed);
        ULONG n = take(tx, batch);
        struct done d;

        if (!posted && !failed && n == 0)
            break;
        NdisDprReleaseSpinLock(&tx->lock);
        if (posted)
            vionet_virtq_kick(&tx->queue);
        for (ULONG i = 0; i < n; i++)
            prepare(a, batch[i]);
        unmap(a, failed);
        NdisDprAcquireSpinLock(&tx->lock);
        if (failed) {
            done_none(&d);
            release(a, failed, &d);
            NdisDprReleaseSpinLock(&tx->lock);
            complete(a, &d, TRUE);
            NdisDprAcquireSpinLock(&tx->lock);
        }
    }
    tx->draining = FALSE;
    NdisDprReleaseSpinLock(&tx->lock);
}

static void drain(struct vionet_adapter *a)
{
    NdisDprAcquireSpinLock(&a->tx.lock);
    drain_locked(a);
}

/* ---- Completion ----------------------------------------------------------------------------- */

/* Lock held. Requests that the device is through with; TRUE: there may be more. Arms the interrupt
 * when there are none. */
static BOOLEAN collect(struct vionet_adapter *a, struct vionet_tx_request **list)
{
    struct vionet_tx_request *t;
    ULONG n = 0, bytes;

    *list = NULL;
    do {
        while (n < REAP_BATCH && (t = vionet_virtq_get(&a->tx.queue, &bytes)) != NULL) {
            if (--t->cut.in_flight)
                continue;
            t->next = NULL;
            *list = t;
            list = &t->next;
            n++;
        }
        if (n == REAP_BATCH)
            return TRUE;
    } while (!vionet_virtq_interrupt_late(&a->tx.queue));
    return FALSE;
}

void vionet_tx_reap(struct vionet_adapter *a)
{
    struct vionet_tx_request *list = NULL;
    BOOLEAN more = TRUE;

    NdisDprAcquireSpinLock(&a->tx.lock);
    for (;;) {
        struct done d;

        done_none(&d);
        release(a, list, &d);
        list = NULL;
        if (more)
            more = collect(a, &list);
        if (!list && !d.first)
            break;
        NdisDprReleaseSpinLock(&a->tx.lock);
        complete(a, &d, TRUE);
        unmap(a, list);
        NdisDprAcquireSpinLock(&a->tx.lock);
    }
    drain_locked(a);
}

/* ---- Entry points --------------------------------------------------------------------------- */

/* Prepares a chain for its time with us. NBLs without a NET_BUFFER go to bad. */
static NET_BUFFER_LIST **receive_chain(NET_BUFFER_LIST **first, LONG *count, struct done *bad)
{
    NET_BUFFER_LIST **link = first;

    while (*link) {
        NET_BUFFER_LIST *nbl = *link;
        ULONG_PTR n = 0;

        for (NET_BUFFER *nb = NET_BUFFER_LIST_FIRST_NB(nbl); nb; nb = nb->Next)
            n++;
        set_unfinished(nbl, n);
        set_large_bytes(nbl, 0);
        nbl->Status = n ? NDIS_STATUS_SUCCESS : NDIS_STATUS_INVALID_LENGTH;
        if (n) {
            (*count)++;
            link = &nbl->Next;
        } else {
            *link = nbl->Next;
            done_add(bad, nbl);
        }
    }
    return link;
}

static void queue_chain(struct vionet_tx *tx, NET_BUFFER_LIST *first, NET_BUFFER_LIST **tail,
                        LONG count)
{
    if (!first)
        return;
    if (!tx->waiting)
        tx->waiting_nb = NET_BUFFER_LIST_FIRST_NB(first);
    *tx->waiting_tail = first;
    tx->waiting_tail = tail;
    InterlockedExchangeAdd(&tx->outstanding, count);
}

static void refuse_chain(struct vionet_adapter *a, NET_BUFFER_LIST *first, NDIS_STATUS status)
{
    struct done d;

    done_none(&d);
    d.first = first;
    for (NET_BUFFER_LIST *nbl = first; nbl; nbl = nbl->Next)
        nbl->Status = status;
    complete(a, &d, FALSE);
}

VOID NTAPI VionetSendNetBufferLists(NDIS_HANDLE MiniportAdapterContext,
                                    PNET_BUFFER_LIST NetBufferList, NDIS_PORT_NUMBER PortNumber,
                                    ULONG SendFlags)
{
    struct vionet_adapter *a = MiniportAdapterContext;
    struct vionet_tx *tx = &a->tx;
    NET_BUFFER_LIST **tail;
    struct done bad;
    LONG count = 0;
    KIRQL irql;

    UNREFERENCED_PARAMETER(PortNumber);
    UNREFERENCED_PARAMETER(SendFlags);
    done_none(&bad);
    tail = receive_chain(&NetBufferList, &count, &bad);
    NDIS_RAISE_IRQL_TO_DISPATCH(&irql);
    NdisDprAcquireSpinLock(&tx->lock);
    if (!tx->open) {
        NDIS_STATUS status = tx->gate_status;

        NdisDprReleaseSpinLock(&tx->lock);
        refuse_chain(a, NetBufferList, status);
    } else {
        queue_chain(tx, NetBufferList, tail, count);
        if (tx->free_count < tx->request_count / LOW && vionet_virtq_used_waiting(&tx->queue)) {
            NdisDprReleaseSpinLock(&tx->lock);
            vionet_tx_reap(a);
        } else {
            drain_locked(a);
        }
    }
    complete(a, &bad, FALSE);
    KeLowerIrql(irql);
}

/* Lock held. Takes the waiting NBLs that fit off the queue; match NULL: all of them. What is taken
 * already of the first one runs its course. */
static void drop_waiting(struct vionet_adapter *a, BOOLEAN all, PVOID id, NDIS_STATUS status,
                         struct done *d)
{
    struct vionet_tx *tx = &a->tx;
    NET_BUFFER_LIST **link = &tx->waiting, *nbl;

    while ((nbl = *link) != NULL) {
        BOOLEAN begun = nbl == tx->waiting && tx->waiting_nb != NET_BUFFER_LIST_FIRST_NB(nbl);
        NET_BUFFER *nb = nbl == tx->waiting ? tx->waiting_nb : NET_BUFFER_LIST_FIRST_NB(nbl);
        ULONG n = 0;

        if (!all && (begun || NDIS_GET_NET_BUFFER_LIST_CANCEL_ID(nbl) != id)) {
            link = &nbl->Next;
            continue;
        }
        for (; nb; nb = nb->Next)
            n++;
        *link = nbl->Next;
        if (link == &tx->waiting && tx->waiting)
            tx->waiting_nb = NET_BUFFER_LIST_FIRST_NB(tx->waiting);
        nbl->Next = NULL;
        a->statistics.tx.discards += n;
        finish(nbl, n, status, d);
    }
    tx->waiting_tail = link;
}

VOID NTAPI VionetCancelSend(NDIS_HANDLE MiniportAdapterContext, PVOID CancelId)
{
    struct vionet_adapter *a = MiniportAdapterContext;
    struct done d;
    KIRQL irql;

    done_none(&d);
    NDIS_RAISE_IRQL_TO_DISPATCH(&irql);
    NdisDprAcquireSpinLock(&a->tx.lock);
    drop_waiting(a, FALSE, CancelId, NDIS_STATUS_SEND_ABORTED, &d);
    NdisDprReleaseSpinLock(&a->tx.lock);
    complete(a, &d, TRUE);
    KeLowerIrql(irql);
}

/* ---- Gate, reset ---------------------------------------------------------------------------- */

void vionet_tx_open(struct vionet_adapter *a)
{
    NdisAcquireSpinLock(&a->tx.lock);
    a->tx.open = TRUE;
    NdisReleaseSpinLock(&a->tx.lock);
}

void vionet_tx_close(struct vionet_adapter *a, NDIS_STATUS status)
{
    struct done d;
    KIRQL irql;

    done_none(&d);
    NDIS_RAISE_IRQL_TO_DISPATCH(&irql);
    NdisDprAcquireSpinLock(&a->tx.lock);
    a->tx.open = FALSE;
    a->tx.gate_status = status;
    drop_waiting(a, TRUE, NULL, status, &d);
    NdisDprReleaseSpinLock(&a->tx.lock);
    complete(a, &d, TRUE);
    drain(a); /* the line has nowhere to go */
    KeLowerIrql(irql);
}

/* Lock held, device reset. What it was through with was sent, and says so: a sender that is told of
 * the reset sends again. The rest comes back with the status given. */
static struct vionet_tx_request *take_all(struct vionet_tx *tx, NDIS_STATUS status)
{
    struct vionet_tx_request *list = NULL, *t;
    BOOLEAN sent = TRUE;
    ULONG bytes;

    for (;;) {
        t = sent ? vionet_virtq_get(&tx->queue, &bytes) : vionet_virtq_take_back(&tx->queue);
        if (!t && !sent)
            return list;
        if (!t) {
            sent = FALSE;
        } else if (--t->cut.in_flight == 0) {
            if (!sent)
                t->status = status;
            t->next = list;
            list = t;
        }
    }
}

/* PASSIVE_LEVEL, gate closed. A drainer may be on its way to kick: it is let go first. */
void vionet_tx_abort(struct vionet_adapter *a, NDIS_STATUS status)
{
    struct vionet_tx *tx = &a->tx;
    struct vionet_tx_request *list;
    struct done d;
    KIRQL irql;

    NdisAcquireSpinLock(&tx->lock);
    while (tx->draining) {
        NdisReleaseSpinLock(&tx->lock);
        NdisMSleep(100);
        NdisAcquireSpinLock(&tx->lock);
    }
    list = take_all(tx, status);
    vionet_virtq_clear(&tx->queue);
    NdisReleaseSpinLock(&tx->lock);

    done_none(&d);
    NDIS_RAISE_IRQL_TO_DISPATCH(&irql);
    unmap(a, list);
    NdisDprAcquireSpinLock(&tx->lock);
    tx->stuck_checks = tx->used_seen = 0;
    release(a, list, &d);
    NdisDprReleaseSpinLock(&tx->lock);
    complete(a, &d, TRUE);
    KeLowerIrql(irql);
}
