/* SPDX-License-Identifier: MIT */
/* Outbound: TAP frames become NET_BUFFER_LISTs. Slots, the poll, send completion. */
#include "tcpip/tcpip_int.h"

#include <sys/mman.h>

/* A batch of super-frames is kept small enough for the second-level cache: the bytes are read again
 * by the device. */
enum { TX_BATCH_SUPER = 8, TX_BATCHES_PER_POLL = 4, TX_SUPER_BYTES = 8192 };

NDIS_STATUS tcpip_slots_init(struct tcpip *t)
{
    NET_BUFFER_LIST_POOL_PARAMETERS pool = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
                   NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1},
        .fAllocateNetBuffer = TRUE,
        .ContextSize = TCPIP_CONTEXT,
        .PoolTag = TCPIP_TAG,
    };
    size_t bytes = (size_t)TCPIP_SLOTS * TCPIP_SLOT_BYTES;

    t->memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (t->memory == MAP_FAILED) {
        t->memory = NULL;
        return NDIS_STATUS_RESOURCES;
    }
    t->nbl_pool = NdisAllocateNetBufferListPool(t->protocol, &pool);
    if (!t->nbl_pool)
        return NDIS_STATUS_RESOURCES;
    for (unsigned i = 0; i < TCPIP_SLOTS; i++) {
        struct tcpip_slot *s = &t->slots[i];

        s->data = t->memory + (size_t)i * TCPIP_SLOT_BYTES;
        s->mdl = NdisAllocateMdl(t->protocol, s->data, TCPIP_SLOT_BYTES);
        if (!s->mdl)
            return NDIS_STATUS_RESOURCES;
        s->nbl = NdisAllocateNetBufferAndNetBufferList(t->nbl_pool, 0, TCPIP_CONTEXT, s->mdl, 0, 0);
        if (!s->nbl)
            return NDIS_STATUS_RESOURCES;
        s->nbl->ProtocolReserved[0] = s;
        s->next = t->free_slots;
        t->free_slots = s;
        t->free_count++;
    }
    return NDIS_STATUS_SUCCESS;
}

void tcpip_slots_fini(struct tcpip *t)
{
    for (unsigned i = 0; i < TCPIP_SLOTS; i++) {
        if (t->slots[i].nbl)
            NdisFreeNetBufferList(t->slots[i].nbl);
        if (t->slots[i].mdl)
            NdisFreeMdl(t->slots[i].mdl);
    }
    if (t->nbl_pool)
        NdisFreeNetBufferListPool(t->nbl_pool);
    if (t->memory)
        munmap(t->memory, (size_t)TCPIP_SLOTS * TCPIP_SLOT_BYTES);
}

/* Up to n slots off the free stack, linked by next. */
static struct tcpip_slot *slots_take(struct tcpip *t, unsigned n, unsigned *got)
{
    struct tcpip_slot *first = NULL;

    *got = 0;
    NdisDprAcquireSpinLock(&t->lock);
    while (*got < n && t->free_slots) {
        struct tcpip_slot *s = t->free_slots;

        t->free_slots = s->next;
        s->next = first;
        first = s;
        ++*got;
    }
    t->free_count -= *got;
    NdisDprReleaseSpinLock(&t->lock);
    return first;
}

struct tcpip_slot *tcpip_slot_take(struct tcpip *t)
{
    unsigned got;

    return slots_take(t, 1, &got);
}

/* Gives slots linked by next back; restarts the TAP when a poll had stopped for want of them. */
static void slots_give(struct tcpip *t, struct tcpip_slot *first)
{
    bool wake = false;

    NdisAcquireSpinLock(&t->lock);
    while (first) {
        struct tcpip_slot *next = first->next;

        first->next = t->free_slots;
        t->free_slots = first;
        t->free_count++;
        first = next;
    }
    if (t->starved && t->free_count >= TCPIP_SLOTS / 4) {
        t->starved = false;
        wake = true;
    }
    NdisReleaseSpinLock(&t->lock);
    if (wake)
        t->config.want_frames(t->config.arg, true);
}

/* Stops the TAP, then looks again: a completion in between must not be the last one. */
static void starve(struct tcpip *t)
{
    bool again;

    t->config.want_frames(t->config.arg, false);
    NdisDprAcquireSpinLock(&t->lock);
    again = t->free_count > 0;
    t->starved = !again;
    NdisDprReleaseSpinLock(&t->lock);
    if (again)
        t->config.want_frames(t->config.arg, true);
}

/* A recycled NBL starts as a fresh one: no out-of-band value of an earlier frame may show. */
void tcpip_slot_ready(const struct tcpip *t, struct tcpip_slot *s, uint32_t len)
{
    NET_BUFFER *nb = NET_BUFFER_LIST_FIRST_NB(s->nbl);

    memset(s->nbl->NetBufferListInfo, 0, sizeof s->nbl->NetBufferListInfo);
    s->nbl->SourceHandle = t->binding;
    NET_BUFFER_LIST_NEXT_NBL(s->nbl) = NULL;
    NET_BUFFER_LIST_STATUS(s->nbl) = NDIS_STATUS_SUCCESS;
    NET_BUFFER_DATA_LENGTH(nb) = len;
    s->next = NULL;
}

struct chain {
    NET_BUFFER_LIST *first, **tail;
    int64_t count;
};

static void chain_add(struct chain *c, struct tcpip_slot *s)
{
    *c->tail = s->nbl;
    c->tail = &NET_BUFFER_LIST_NEXT_NBL(s->nbl);
    c->count++;
}

/* Cuts a large send that the adapter does not take any more, a slot a segment. */
static void segment_here(struct tcpip *t, const struct frame *f, struct chain *c)
{
    struct frame_segmenter seg;

    if (frame_segment_begin(&seg, f, FRAME_ID_16BIT) != FRAME_SEGMENT_OK) {
        tcpip_count(t, TCPIP_TX_MALFORMED, 1);
        return;
    }
    tcpip_count(t, TCPIP_TX_SOFTWARE, 1);
    for (;;) {
        struct tcpip_slot *s = tcpip_slot_take(t);
        uint32_t len;

        if (!s) {
            tcpip_count(t, TCPIP_TX_NO_SLOT, 1);
            return;
        }
        len = frame_segment_next_copy(&seg, s->data);
        if (len == 0) {
            s->next = NULL;
            slots_give(t, s);
            return;
        }
        tcpip_slot_ready(t, s, len);
        chain_add(c, s);
    }
}

/* Chains one frame, finished or with its request; slots that hold nothing to send go to *unused. */
static void chain_frame(struct tcpip *t, const struct tcpip_offers *offers, struct tcpip_slot *s,
                        const struct port_buffer *b, struct chain *c, struct tcpip_slot **unused)
{
    struct frame_span span = {s->data, b->len};
    struct frame f = {&span, 1, b->len, b->offload};
    enum tcpip_request r;

    tcpip_slot_ready(t, s, b->len);
    r = tcpip_request_write(t, offers, s, &f);
    if (r == TCPIP_REQUEST_DONE) {
        chain_add(c, s);
        return;
    }
    if (r == TCPIP_REQUEST_SEGMENT)
        segment_here(t, &f, c);
    else
        tcpip_count(t, TCPIP_TX_MALFORMED, 1);
    s->next = *unused;
    *unused = s;
}

/* Reads and sends one batch. Returns the number of frames read, and whether they were super-frames.
 */
static int poll_batch(struct tcpip *t, const struct tcpip_offers *offers, unsigned want,
                      bool running, bool *super)
{
    struct port_buffer bufs[PORT_BATCH];
    struct frame_span spans[PORT_BATCH];
    struct tcpip_slot *slots[PORT_BATCH], *s, *unused = NULL;
    struct chain c = {.tail = &c.first};
    unsigned got;
    int n;

    s = slots_take(t, want, &got);
    if (got == 0) {
        starve(t);
        return 0;
    }
    for (unsigned i = 0; i < got; i++, s = s->next) {
        slots[i] = s;
        spans[i] = (struct frame_span){s->data, TCPIP_SLOT_BYTES};
        bufs[i] = (struct port_buffer){.spans = &spans[i], .span_count = 1};
    }
    n = port_rx(t->tap, bufs, got);
    *super = n > 0 && bufs[0].len > TX_SUPER_BYTES;
    for (unsigned i = got; i-- > (unsigned)MAX_OF(n, 0);) {
        slots[i]->next = unused;
        unused = slots[i];
    }
    for (int i = 0; i < n; i++) {
        if (running) {
            chain_frame(t, offers, slots[i], &bufs[i], &c, &unused);
        } else {
            tcpip_count(t, TCPIP_TX_NOT_RUNNING, 1);
            slots[i]->next = unused;
            unused = slots[i];
        }
    }
    if (unused)
        slots_give(t, unused);
    if (c.first) {
        tcpip_count(t, TCPIP_TX_FRAMES, (uint64_t)c.count);
        atomic_fetch_add(&t->busy, c.count);
        NdisSendNetBufferLists(t->binding, c.first, NDIS_DEFAULT_PORT_NUMBER,
                               NDIS_SEND_FLAGS_DISPATCH_LEVEL);
    }
    return n;
}

void tcpip_poll(struct tcpip *t)
{
    struct tcpip_offers offers;
    bool running, super = true;
    unsigned want = TX_BATCH_SUPER;

    /* Busy first, state second: a pause that changes the state afterwards waits for us. */
    atomic_fetch_add(&t->busy, 1);
    running = atomic_load(&t->state) == TCPIP_RUNNING;
    NdisDprAcquireSpinLock(&t->lock);
    offers = t->offers;
    NdisDprReleaseSpinLock(&t->lock);
    for (unsigned i = 0; i < TX_BATCHES_PER_POLL; i++) {
        int n = poll_batch(t, &offers, want, running, &super);

        if (n < (int)want)
            break;
        want = super ? TX_BATCH_SUPER : PORT_BATCH;
    }
    tcpip_not_busy(t, 1);
}

void tcpip_not_busy(struct tcpip *t, int64_t n)
{
    NET_PNP_EVENT_NOTIFICATION *event;

    if (atomic_fetch_sub(&t->busy, n) != n)
        return;
    event = atomic_exchange(&t->pause_event, NULL);
    if (event)
        NdisCompleteNetPnPEvent(t->binding, event, NDIS_STATUS_SUCCESS);
}

VOID NTAPI TcpipSendNetBufferListsComplete(NDIS_HANDLE ProtocolBindingContext,
                                           PNET_BUFFER_LIST NetBufferLists, ULONG SendCompleteFlags)
{
    struct tcpip *t = ProtocolBindingContext;
    struct tcpip_slot *first = NULL;
    uint64_t failed = 0;
    int64_t count = 0;

    (void)SendCompleteFlags;
    for (NET_BUFFER_LIST *nbl = NetBufferLists; nbl; nbl = NET_BUFFER_LIST_NEXT_NBL(nbl)) {
        struct tcpip_slot *s = nbl->ProtocolReserved[0];

        failed += NET_BUFFER_LIST_STATUS(nbl) != NDIS_STATUS_SUCCESS;
        s->next = first;
        first = s;
        count++;
    }
    if (failed)
        tcpip_count(t, TCPIP_TX_FAILED, failed);
    slots_give(t, first);
    tcpip_not_busy(t, count);
}
