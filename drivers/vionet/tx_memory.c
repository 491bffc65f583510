/* SPDX-License-Identifier: MIT */
/* What transmit needs from initialize to halt: its ring, and requests with the memory that the
 * device sees of them. */
#include "vionet.h"

enum { TABLE_BYTES = (VIONET_SG_MAX + 1) * sizeof(struct virtio_desc) };

static void lay_out(struct vionet_adapter *a)
{
    struct vionet_tx *tx = &a->tx;
    ULONG64 base = (ULONG64)tx->shared_address.QuadPart;
    ULONG tables = tx->request_count * VIONET_HEAD_BYTES;

    for (ULONG i = tx->request_count; i-- > 0;) {
        struct vionet_tx_request *t = &tx->requests[i];

        t->adapter = a;
        t->sg_memory = tx->sg_memory + (SIZE_T)i * a->sg_bytes;
        t->head = tx->shared + i * VIONET_HEAD_BYTES;
        t->head_address = base + i * VIONET_HEAD_BYTES;
        t->table = (struct virtio_desc *)(PVOID)(tx->shared + tables + i * TABLE_BYTES);
        t->table_address = base + tables + i * TABLE_BYTES;
        t->next = tx->free;
        tx->free = t;
    }
    tx->free_count = tx->request_count;
    for (ULONG i = 0; i < VIONET_TX_BOUNCES; i++) {
        struct vionet_tx_bounce *b = &tx->bounces[i];

        b->va = tx->bounce_memory + i * VIONET_BOUNCE_BYTES;
        b->address = (ULONG64)tx->bounce_address.QuadPart + i * VIONET_BOUNCE_BYTES;
        b->next = tx->bounce_free;
        tx->bounce_free = b;
    }
}

static void size_up(struct vionet_adapter *a)
{
    struct vionet_tx *tx = &a->tx;
    BOOLEAN indirect = vionet_has(a, VIRTIO_F_INDIRECT_DESC);

    tx->element_limit = VIONET_SG_MAX + 1;
    if (!indirect && tx->element_limit > tx->queue.size)
        tx->element_limit = tx->queue.size;
    tx->request_count = indirect ? tx->queue.size : tx->queue.size / 4u;
    if (tx->request_count > a->tx_buffers)
        tx->request_count = a->tx_buffers;
    if (tx->request_count == 0)
        tx->request_count = 1;
    tx->shared_bytes = tx->request_count * (VIONET_HEAD_BYTES + (ULONG)TABLE_BYTES);
    a->sg_bytes = (ULONG)ALIGN_UP_BY(a->sg_bytes, 16);
}

NDIS_STATUS vionet_tx_init(struct vionet_adapter *a)
{
    struct vionet_tx *tx = &a->tx;
    NDIS_STATUS status;

    NdisAllocateSpinLock(&tx->lock);
    tx->waiting_tail = &tx->waiting;
    tx->line_tail = &tx->line;
    tx->gate_status = NDIS_STATUS_PAUSED;
    status = vionet_virtq_init(a, &tx->queue, VIRTIO_NET_TXQ, VIONET_QUEUE_MAX);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (tx->queue.size < 2) /* head and data of one frame */
        return NDIS_STATUS_DEVICE_FAILED;
    size_up(a);
    NdisMAllocateSharedMemory(a->handle, tx->shared_bytes, TRUE, (PVOID *)&tx->shared,
                              &tx->shared_address);
    NdisMAllocateSharedMemory(a->handle, VIONET_TX_BOUNCES * VIONET_BOUNCE_BYTES, TRUE,
                              (PVOID *)&tx->bounce_memory, &tx->bounce_address);
    tx->sg_memory = NdisAllocateMemoryWithTagPriority(a->handle, tx->request_count * a->sg_bytes,
                                                      VIONET_TAG, NormalPoolPriority);
    tx->requests = NdisAllocateMemoryWithTagPriority(
        a->handle, tx->request_count * (UINT)sizeof *tx->requests, VIONET_TAG, NormalPoolPriority);
    if (!tx->shared || !tx->bounce_memory || !tx->sg_memory || !tx->requests)
        return NDIS_STATUS_RESOURCES;
    NdisZeroMemory(tx->requests, tx->request_count * sizeof *tx->requests);
    lay_out(a);
    return NDIS_STATUS_SUCCESS;
}

void vionet_tx_fini(struct vionet_adapter *a)
{
    struct vionet_tx *tx = &a->tx;

    if (tx->requests)
        NdisFreeMemory(tx->requests, 0, 0);
    if (tx->sg_memory)
        NdisFreeMemory(tx->sg_memory, 0, 0);
    if (tx->bounce_memory)
        NdisMFreeSharedMemory(a->handle, VIONET_TX_BOUNCES * VIONET_BOUNCE_BYTES, TRUE,
                              tx->bounce_memory, tx->bounce_address);
    if (tx->shared)
        NdisMFreeSharedMemory(a->handle, tx->shared_bytes, TRUE, tx->shared, tx->shared_address);
    tx->requests = NULL;
    tx->sg_memory = tx->bounce_memory = tx->shared = NULL;
    vionet_virtq_fini(&tx->queue);
    NdisFreeSpinLock(&tx->lock);
}
