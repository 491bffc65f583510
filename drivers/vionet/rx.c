/* SPDX-License-Identifier: MIT */
/*
 * Receive.
 *
 * A buffer is at home, posted, or out: held by us on its way up, or lent to whoever was indicated
 * its frame. Each has an NBL, NET_BUFFER and MDLs for life; a frame over several buffers travels in
 * the NBL of the first, whose MDL chain runs on through the others. What comes back while no device
 * runs stays at home until the next vionet_rx_fill.
 */
#include "vionet.h"

enum {
    HEADER = sizeof(struct virtio_net_hdr),
    ADDRESSES = 12,
    TAG_TYPE = 0x8100,
    QUARTER = 4,
};

/* ---- Buffers -------------------------------------------------------------------------------- */

/* Lock held. */
static void put(struct vionet_adapter *a, struct vionet_rx_buffer *b)
{
    struct vionet_piece piece = {b->address, a->rx.buffer_bytes};

    b->place = VIONET_RX_HOME;
    if (a->rx.live && vionet_virtq_add(&a->rx.queue, &piece, 0, 1, b))
        b->place = VIONET_RX_POSTED;
}

/* Lock held. All buffers of a frame. */
static void put_frame(struct vionet_adapter *a, struct vionet_rx_buffer *b)
{
    while (b) {
        struct vionet_rx_buffer *next = b->next;

        b->next = NULL;
        b->mdl->Next = b->whole->Next = NULL;
        NdisAdjustMdlLength(b->mdl, a->rx.buffer_bytes - HEADER);
        NdisAdjustMdlLength(b->whole, a->rx.buffer_bytes);
        put(a, b);
        b = next;
    }
}

void vionet_rx_fill(struct vionet_adapter *a)
{
    struct vionet_rx *rx = &a->rx;

    NdisAcquireSpinLock(&rx->lock);
    rx->live = TRUE;
    for (ULONG i = 0; i < rx->buffer_count; i++) {
        if (rx->buffers[i].place == VIONET_RX_HOME)
            put(a, &rx->buffers[i]);
    }
    vionet_virtq_interrupt_on(&rx->queue);
    vionet_virtq_kick(&rx->queue);
    NdisReleaseSpinLock(&rx->lock);
}

void vionet_rx_stop(struct vionet_adapter *a)
{
    struct vionet_rx *rx = &a->rx;

    NdisAcquireSpinLock(&rx->lock);
    rx->live = FALSE;
    for (ULONG i = 0; i < rx->buffer_count; i++) {
        if (rx->buffers[i].place == VIONET_RX_POSTED)
            rx->buffers[i].place = VIONET_RX_HOME;
    }
    vionet_virtq_clear(&rx->queue);
    NdisReleaseSpinLock(&rx->lock);
}

void vionet_rx_open(struct vionet_adapter *a, BOOLEAN open)
{
    NdisAcquireSpinLock(&a->rx.lock);
    a->rx.open = open;
    NdisReleaseSpinLock(&a->rx.lock);
}

/* ---- From the ring -------------------------------------------------------------------------- */

/* Lock held. The next frame's buffers, or NULL. bytes: of the frame; 0 when the device's word about
 * it is senseless. */
static struct vionet_rx_buffer *take_frame(struct vionet_adapter *a, ULONG *bytes)
{
    struct vionet_rx *rx = &a->rx;
    struct vionet_rx_buffer *first, *last;
    struct virtio_net_hdr h;
    ULONG used, n = 1;

    first = last = vionet_virtq_get(&rx->queue, &used);
    if (!first)
        return NULL;
    first->place = VIONET_RX_OUT;
    *bytes = 0;
    if (used < HEADER || used > rx->buffer_bytes) {
        rx->queue.broken = used > rx->buffer_bytes;
        return first;
    }
    NdisMoveMemory(&h, first->va, HEADER);
    *bytes = first->used = used - HEADER;
    if (vionet_has(a, VIRTIO_NET_F_MRG_RXBUF))
        n = h.num_buffers;
    if (n == 0 || n > VIONET_RX_CHAIN)
        rx->queue.broken = TRUE;
    while (--n && !rx->queue.broken) {
        struct vionet_rx_buffer *b = vionet_virtq_get(&rx->queue, &used);

        /* Buffers of one frame are used together (§5.1.6.4). */
        if (!b || used == 0 || used > rx->buffer_bytes)
            rx->queue.broken = TRUE;
        if (!b)
            break;
        b->place = VIONET_RX_OUT;
        b->used = used;
        *bytes += used;
        last->next = b;
        last = b;
    }
    if (rx->queue.broken)
        *bytes = 0;
    return first;
}

static BOOLEAN is_tagged(const UCHAR *frame, ULONG bytes)
{
    return bytes >= VIONET_ETH_HEADER + VIONET_VLAN_TAG &&
           (frame[ADDRESSES] << 8 | frame[ADDRESSES + 1]) == TAG_TYPE;
}

/* An adapter in a VLAN hears that one alone: what has no tag, or another, is somebody else's. */
static BOOLEAN in_vlan(const struct vionet_adapter *a, const UCHAR *frame, ULONG bytes)
{
    ULONG vlan = vionet_vlan(a);

    return !vlan || (is_tagged(frame, bytes) &&
                     ((frame[ADDRESSES + 2] << 8 | frame[ADDRESSES + 3]) & 0xfff) == (LONG)vlan);
}

/* Lock held. Whether the frame goes up; counts it. */
static BOOLEAN accept(struct vionet_adapter *a, const struct vionet_rx_buffer *b, ULONG bytes)
{
    struct vionet_statistics *s = &a->statistics;
    const UCHAR *frame = b->va + HEADER;
    ULONG cast;

    if (bytes == 0 || b->used < VIONET_ETH_HEADER ||
        bytes > a->mtu + VIONET_ETH_HEADER + VIONET_VLAN_TAG) {
        s->rx.errors++;
        return FALSE;
    }
    if (!a->rx.open || !vionet_filter_wants(a, frame) || !in_vlan(a, frame, b->used)) {
        s->rx.filtered++;
        return FALSE;
    }
    cast = vionet_cast(frame);
    s->rx.frames[cast]++;
    s->rx.bytes[cast] += bytes;
    return TRUE;
}

/* ---- Into an NBL ---------------------------------------------------------------------------- */

/*
 * A checksum that a peer on the same host left unfinished, and that may not be reported as good:
 * having taken GUEST_CSUM, finishing it is our part of the bargain (§5.1.6.4), as nobody above
 * could accept the frame.
 */
static void finish_checksum(struct vionet_rx_buffer *b, const struct virtio_net_hdr *h)
{
    ULONG at = h->csum_start, field = at + h->csum_offset, sum = 0;
    PUCHAR p = b->va + HEADER;
    BOOLEAN odd = FALSE;
    USHORT s;

    if (field + 2 > b->used)
        return;
    for (struct vionet_rx_buffer *i = b; i; i = i->next, at = 0) {
        const UCHAR *from = i == b ? p + at : i->va;
        ULONG part = vionet_sum(from, i->used - at, 0);

        sum += odd ? ((part << 8) & 0xff00) | (part >> 8) : part;
        if ((i->used - at) & 1)
            odd = !odd;
    }
    s = (USHORT)~vionet_fold(sum);
    if (s == 0)
        s = 0xffff;
    p[field] = (UCHAR)(s >> 8);
    p[field + 1] = (UCHAR)s;
}

static BOOLEAN vouched_for(PVOID verdict)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO q;

    q.Value = verdict;
    return q.Receive.TcpChecksumSucceeded || q.Receive.UdpChecksumSucceeded;
}

/* The tag moves from the frame to its slot, or what *PriorityVLANTag allows of it (KEY-17). Returns
 * the bytes that the frame's beginning moved. */
static ULONG strip_tag(const struct vionet_adapter *a, NET_BUFFER_LIST *nbl, PUCHAR frame,
                       ULONG bytes)
{
    NDIS_NET_BUFFER_LIST_8021Q_INFO q;
    USHORT tci;

    if (!is_tagged(frame, bytes))
        return 0;
    tci = (USHORT)(frame[ADDRESSES + 2] << 8 | frame[ADDRESSES + 3]);
    q.Value = NULL;
    if (a->tagging & VIONET_TAG_PRIORITY)
        q.TagHeader.UserPriority = (tci >> 13) & 7u;
    if (a->tagging)
        q.TagHeader.CanonicalFormatId = (tci >> 12) & 1u;
    if (a->tagging & VIONET_TAG_VLAN)
        q.TagHeader.VlanId = tci & 0xfffu;
    NET_BUFFER_LIST_INFO(nbl, Ieee8021QNetBufferListInfo) = q.Value;
    for (ULONG i = ADDRESSES; i-- > 0;)
        frame[i + VIONET_VLAN_TAG] = frame[i];
    return VIONET_VLAN_TAG;
}

static void chain_mdls(struct vionet_rx_buffer *b)
{
    MDL *last = b->mdl;

    NdisAdjustMdlLength(last, b->used);
    for (struct vionet_rx_buffer *i = b->next; i; i = i->next) {
        NdisAdjustMdlLength(i->whole, i->used);
        last->Next = i->whole;
        last = i->whole;
    }
    last->Next = NULL;
}

/* Nothing of the NBL's last frame is left. */
static void build(struct vionet_adapter *a, struct vionet_rx_buffer *b, ULONG bytes)
{
    NET_BUFFER_LIST *nbl = b->nbl;
    NET_BUFFER *nb = NET_BUFFER_LIST_FIRST_NB(nbl);
    PUCHAR frame = b->va + HEADER;
    struct virtio_net_hdr h;
    USHORT type;
    PVOID verdict;
    ULONG moved;

    NdisMoveMemory(&h, b->va, HEADER);
    NdisZeroMemory(nbl->NetBufferListInfo, sizeof nbl->NetBufferListInfo);
    verdict = vionet_offload_received(a, &h, frame, b->used, bytes);
    if ((h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) && !vouched_for(verdict) &&
        vionet_has(a, VIRTIO_NET_F_GUEST_CSUM))
        finish_checksum(b, &h);
    NET_BUFFER_LIST_INFO(nbl, TcpIpChecksumNetBufferListInfo) = verdict;
    chain_mdls(b);
    moved = strip_tag(a, nbl, frame, b->used);
    NdisMoveMemory(&type, frame + moved + ADDRESSES, sizeof type);
    NET_BUFFER_LIST_INFO(nbl, NetBufferListFrameType) = (PVOID)(ULONG_PTR)type; /* as on the wire */
    NET_BUFFER_FIRST_MDL(nb) = NET_BUFFER_CURRENT_MDL(nb) = b->mdl;
    NET_BUFFER_DATA_OFFSET(nb) = NET_BUFFER_CURRENT_MDL_OFFSET(nb) = moved;
    NET_BUFFER_DATA_LENGTH(nb) = bytes - moved;
    nbl->SourceHandle = a->handle;
    nbl->NblFlags = 0;
    nbl->Status = NDIS_STATUS_SUCCESS;
    nbl->Next = NULL;
}

/* ---- Up and back ---------------------------------------------------------------------------- */

/* Lock held. */
static void give_back(struct vionet_adapter *a, NET_BUFFER_LIST *nbl)
{
    while (nbl) {
        NET_BUFFER_LIST *next = nbl->Next;

        nbl->Next = NULL;
        put_frame(a, NET_BUFFER_LIST_MINIPORT_RESERVED(nbl)[0]);
        a->rx.lent--;
        nbl = next;
    }
}

VOID NTAPI VionetReturnNetBufferLists(NDIS_HANDLE MiniportAdapterContext,
                                      PNET_BUFFER_LIST NetBufferLists, ULONG ReturnFlags)
{
    struct vionet_adapter *a = MiniportAdapterContext;
    BOOLEAN idle;

    UNREFERENCED_PARAMETER(ReturnFlags);
    NdisAcquireSpinLock(&a->rx.lock);
    give_back(a, NetBufferLists);
    if (a->rx.live)
        vionet_virtq_kick(&a->rx.queue);
    idle = a->rx.lent == 0;
    NdisReleaseSpinLock(&a->rx.lock);
    if (idle)
        vionet_pause_progress(a);
}

struct frame {
    struct vionet_rx_buffer *buffer;
    ULONG bytes;
};

/* Lock held. Frames for going up; *used: how many the device had, the unwanted included. */
static ULONG collect(struct vionet_adapter *a, struct frame *frames, ULONG *used)
{
    ULONG n = 0;

    for (*used = 0; *used < VIONET_RX_BATCH; (*used)++) {
        struct frame *f = &frames[n];

        f->buffer = take_frame(a, &f->bytes);
        if (!f->buffer)
            break;
        if (accept(a, f->buffer, f->bytes))
            n++;
        else
            put_frame(a, f->buffer);
    }
    a->rx.lent += (LONG)n;
    return n;
}

static NET_BUFFER_LIST *build_chain(struct vionet_adapter *a, const struct frame *frames, ULONG n)
{
    NET_BUFFER_LIST *first = NULL, **tail = &first;

    for (ULONG i = 0; i < n; i++) {
        build(a, frames[i].buffer, frames[i].bytes);
        *tail = frames[i].buffer->nbl;
        tail = &(*tail)->Next;
    }
    return first;
}

BOOLEAN vionet_rx_reap(struct vionet_adapter *a)
{
    struct vionet_rx *rx = &a->rx;
    struct frame frames[VIONET_RX_BATCH];
    NET_BUFFER_LIST *chain, *back = NULL;
    ULONG n, used, flags = NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL;
    BOOLEAN more, idle;

    NdisDprAcquireSpinLock(&rx->lock);
    if (rx->reaping) { /* that one looks again before it leaves */
        NdisDprReleaseSpinLock(&rx->lock);
        return FALSE;
    }
    rx->reaping = TRUE;
    n = collect(a, frames, &used);
    /* Few are left for the device: these are only shown, not lent. */
    if ((ULONG)rx->queue.size - rx->queue.free_count < rx->buffer_count / QUARTER)
        flags |= NDIS_RECEIVE_FLAGS_RESOURCES;
    NdisDprReleaseSpinLock(&rx->lock);

    if (n) {
        chain = build_chain(a, frames, n);
        NdisMIndicateReceiveNetBufferLists(a->handle, chain, NDIS_DEFAULT_PORT_NUMBER, n, flags);
        if (flags & NDIS_RECEIVE_FLAGS_RESOURCES)
            back = chain;
    }

    NdisDprAcquireSpinLock(&rx->lock);
    give_back(a, back);
    rx->reaping = FALSE;
    more = used == VIONET_RX_BATCH || !vionet_virtq_interrupt_on(&rx->queue);
    if (rx->live)
        vionet_virtq_kick(&rx->queue);
    idle = back && rx->lent == 0;
    NdisDprReleaseSpinLock(&rx->lock);
    if (idle)
        vionet_pause_progress(a);
    return more;
}

/* ---- Life ----------------------------------------------------------------------------------- */

static NDIS_STATUS make_pool(struct vionet_adapter *a)
{
    NET_BUFFER_LIST_POOL_PARAMETERS p;

    NdisZeroMemory(&p, sizeof p);
    p.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    p.Header.Revision = NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1;
    p.Header.Size = NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1;
    p.ProtocolId = NDIS_PROTOCOL_ID_DEFAULT;
    p.fAllocateNetBuffer = TRUE;
    p.ContextSize = VIONET_RX_CONTEXT;
    p.PoolTag = VIONET_TAG;
    a->rx.nbl_pool = NdisAllocateNetBufferListPool(a->handle, &p);
    return a->rx.nbl_pool ? NDIS_STATUS_SUCCESS : NDIS_STATUS_RESOURCES;
}

static NDIS_STATUS make_buffer(struct vionet_adapter *a, ULONG i)
{
    struct vionet_rx *rx = &a->rx;
    struct vionet_rx_buffer *b = &rx->buffers[i];

    b->va = rx->shared + (SIZE_T)i * rx->buffer_bytes;
    b->address = (ULONG64)rx->shared_address.QuadPart + (ULONG64)i * rx->buffer_bytes;
    b->mdl = NdisAllocateMdl(a->handle, b->va + HEADER, rx->buffer_bytes - HEADER);
    b->whole = NdisAllocateMdl(a->handle, b->va, rx->buffer_bytes);
    if (!b->mdl || !b->whole)
        return NDIS_STATUS_RESOURCES;
    b->nbl = NdisAllocateNetBufferAndNetBufferList(rx->nbl_pool, 0, 0, b->mdl, 0, 0);
    if (!b->nbl)
        return NDIS_STATUS_RESOURCES;
    NET_BUFFER_LIST_MINIPORT_RESERVED(b->nbl)[0] = b;
    return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS vionet_rx_init(struct vionet_adapter *a)
{
    struct vionet_rx *rx = &a->rx;
    NDIS_STATUS status;
    ULONG longest; /* buffers of the longest frame */

    NdisAllocateSpinLock(&rx->lock);
    status = vionet_virtq_init(a, &rx->queue, VIRTIO_NET_RXQ, VIONET_QUEUE_MAX);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    rx->buffer_bytes = VIONET_RX_BYTES;
    if (!vionet_has(a, VIRTIO_NET_F_MRG_RXBUF)) /* then one must hold a whole frame */
        rx->buffer_bytes =
            (ULONG)ALIGN_UP_BY(HEADER + VIONET_ETH_HEADER + VIONET_VLAN_TAG + a->mtu, 64);
    longest = (HEADER + VIONET_ETH_HEADER + VIONET_VLAN_TAG + a->mtu + rx->buffer_bytes - 1) /
              rx->buffer_bytes;
    rx->buffer_count = rx->queue.size;
    if (rx->buffer_count > a->rx_buffers)
        rx->buffer_count = a->rx_buffers;
    if (rx->buffer_count < longest) /* fewer would not hold the longest frame */
        rx->buffer_count = longest;
    rx->shared_bytes = rx->buffer_count * rx->buffer_bytes;
    NdisMAllocateSharedMemory(a->handle, rx->shared_bytes, TRUE, (PVOID *)&rx->shared,
                              &rx->shared_address);
    rx->buffers = NdisAllocateMemoryWithTagPriority(
        a->handle, rx->buffer_count * (UINT)sizeof *rx->buffers, VIONET_TAG, NormalPoolPriority);
    if (rx->buffers) /* teardown looks into it, however far this comes */
        NdisZeroMemory(rx->buffers, rx->buffer_count * sizeof *rx->buffers);
    if (!rx->shared || !rx->buffers)
        return NDIS_STATUS_RESOURCES;
    status = make_pool(a);
    for (ULONG i = 0; i < rx->buffer_count && status == NDIS_STATUS_SUCCESS; i++)
        status = make_buffer(a, i);
    return status;
}

void vionet_rx_fini(struct vionet_adapter *a)
{
    struct vionet_rx *rx = &a->rx;

    for (ULONG i = 0; rx->buffers && i < rx->buffer_count; i++) {
        struct vionet_rx_buffer *b = &rx->buffers[i];

        if (b->nbl)
            NdisFreeNetBufferList(b->nbl);
        if (b->mdl)
            NdisFreeMdl(b->mdl);
        if (b->whole)
            NdisFreeMdl(b->whole);
    }
    if (rx->buffers)
        NdisFreeMemory(rx->buffers, 0, 0);
    if (rx->nbl_pool)
        NdisFreeNetBufferListPool(rx->nbl_pool);
    if (rx->shared)
        NdisMFreeSharedMemory(a->handle, rx->shared_bytes, TRUE, rx->shared, rx->shared_address);
    rx->buffers = NULL;
    rx->nbl_pool = NULL;
    rx->shared = NULL;
    vionet_virtq_fini(&rx->queue);
    NdisFreeSpinLock(&rx->lock);
}
