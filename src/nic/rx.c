/* SPDX-License-Identifier: MIT */
/*
 * Receive: frames from the wire land in the driver's buffers.
 *
 * Buffers are taken from the ring before it is known what arrives. Those that stay unused, because
 * less arrived or a frame was not for us, are held (by their heads only) for the next batch and
 * mapped anew then: the bus may have changed its mind meanwhile. Without MRG_RXBUF a frame has one
 * chain; with it a slot takes as many as the longest frame may need, and returns those it did not.
 */
#include "nic/device.h"

enum { DEPTH_MIN = 8, PASSES = 8, HEADER = sizeof(struct virtio_net_hdr), TAGS_BYTES = 8 };

static struct nic_queue *queue(struct nic *nic)
{
    return &nic->queues[VIRTIO_NET_RXQ];
}

void nic_rx_forget(struct nic *nic)
{
    nic->rx.held_count = 0;
}

static bool merges(const struct nic *nic)
{
    return nic_has(nic, VIRTIO_NET_F_MRG_RXBUF);
}

/* ---- Slots: places for one frame each ------------------------------------------------------- */

/* Maps one more held chain, taking it from the ring if need be, behind the spans there are. */
static bool map_chain(struct nic *nic, uint32_t *spans)
{
    struct nic_rx *rx = &nic->rx;
    struct virtq *vq = &queue(nic)->vq;
    struct virtq_chain chain;

    if (rx->mapped == rx->held_count) {
        if (!virtq_take(vq, &rx->held[rx->held_count]))
            return false;
        rx->held_count++;
    }
    if (!virtq_map(vq, rx->held[rx->mapped], rx->spans + rx->span_count, NIC_RX_SPANS, &chain))
        return false;
    if (chain.read_spans)
        virtq_break(vq, VIRTQ_DIRECTION);
    else if (chain.write_bytes < (merges(nic) ? HEADER : HEADER + 1))
        virtq_break(vq, VIRTQ_RX_SMALL);
    if (vq->fault)
        return false;
    rx->filled[rx->mapped] = false;
    rx->chain_bytes[rx->mapped] = (uint32_t)MIN_OF(chain.write_bytes, (uint64_t)UINT32_MAX);
    rx->mapped++;
    rx->span_count += chain.write_spans;
    *spans = chain.write_spans;
    return true;
}

/* Sets the first bytes of a slot aside for the virtio_net_hdr, which may lie across spans. */
static void cut_header(struct nic_rx_slot *s)
{
    uint32_t left = HEADER;

    s->header_spans = 0;
    while (left) {
        struct frame_span *span = s->spans;
        uint32_t n = MIN_OF(left, span->len);

        s->header[s->header_spans++] = (struct frame_span){.data = span->data, .len = n};
        span->data += n;
        span->len -= n;
        left -= n;
        if (span->len == 0) {
            s->spans++;
            s->span_count--;
        }
    }
}

static bool make_slot(struct nic *nic, struct nic_rx_slot *s)
{
    struct nic_rx *rx = &nic->rx;
    uint64_t want = HEADER + nic_frame_limit(nic) + TAGS_BYTES, have = 0;

    s->first_chain = rx->mapped;
    s->chain_count = s->span_count = 0;
    s->spans = rx->spans + rx->span_count;
    do {
        uint32_t spans;

        if (rx->span_count + NIC_RX_SPANS > ARRAY_LEN(rx->spans) ||
            s->span_count + NIC_RX_SPANS > NIC_RX_SLOT_SPANS || !map_chain(nic, &spans))
            break;
        s->span_count += spans;
        have += rx->chain_bytes[s->first_chain + s->chain_count++];
    } while (merges(nic) && have < want);
    if (s->chain_count == 0)
        return false;
    cut_header(s);
    s->capacity = (uint32_t)MIN_OF(have - HEADER, (uint64_t)UINT32_MAX);
    return true;
}

static unsigned make_slots(struct nic *nic)
{
    struct nic_rx *rx = &nic->rx;
    unsigned n = 0;

    rx->mapped = 0;
    rx->span_count = 0;
    while (n < rx->depth && make_slot(nic, &rx->slots[n])) {
        rx->bufs[n] = (struct port_buffer){.spans = rx->slots[n].spans,
                                           .span_count = rx->slots[n].span_count};
        n++;
    }
    return n;
}

/* ---- One frame ------------------------------------------------------------------------------ */

/* Why a frame is not for the driver; NIC_COUNTERS: it is. Holding filter.lock. */
static enum nic_counter refuses(struct nic *nic, const struct frame *f)
{
    uint8_t head[FRAME_ETH_LEN + TAGS_BYTES];
    size_t len = frame_pull(f, 0, head, sizeof head);

    if (f->len < FRAME_ETH_LEN)
        return NIC_RX_RUNT;
    if (f->offload.gso != FRAME_GSO_NONE || f->offload.flags & FRAME_CSUM_NEEDED)
        return NIC_RX_UNFINISHED;
    if (f->len > nic_frame_limit(nic) + nic_tag_bytes(head, len))
        return NIC_RX_OVERSIZE;
    return nic_filter_refuses(&nic->filter, head, len);
}

static void put_header(const struct nic_rx_slot *s, const struct virtio_net_hdr *hdr)
{
    const uint8_t *from = (const uint8_t *)hdr;

    for (uint32_t i = 0; i < s->header_spans; i++) {
        memcpy(s->header[i].data, from, s->header[i].len);
        from += s->header[i].len;
    }
}

/* Gives the chains that header and frame lie in to the driver: all but the last are full. */
static uint16_t give_chains(struct nic *nic, const struct nic_rx_slot *s, uint32_t frame_len)
{
    struct nic_rx *rx = &nic->rx;
    uint32_t left = HEADER + frame_len;
    uint16_t n = 0;

    while (left && n < s->chain_count) {
        unsigned chain = s->first_chain + n++;
        uint32_t bytes = MIN_OF(left, rx->chain_bytes[chain]);

        virtq_give(&queue(nic)->vq, rx->held[chain], bytes);
        rx->filled[chain] = true;
        left -= bytes;
    }
    return n;
}

static void receive(struct nic *nic, unsigned i)
{
    const struct nic_rx_slot *s = &nic->rx.slots[i];
    const struct port_buffer *buf = &nic->rx.bufs[i];
    struct frame f = {
        .spans = s->spans, .span_count = s->span_count, .len = buf->len, .offload = buf->offload};
    struct virtio_net_hdr hdr = {0};
    enum nic_counter cause = refuses(nic, &f);

    if (cause != NIC_COUNTERS) {
        nic_tally(nic, cause, 1);
        return;
    }
    if (nic_has(nic, VIRTIO_NET_F_GUEST_CSUM)) {
        enum nic_counter verdict = nic_offload_judge(&f, nic->negotiated, &hdr);

        if (verdict != NIC_COUNTERS)
            nic_tally(nic, verdict, 1);
    }
    hdr.num_buffers = give_chains(nic, s, f.len);
    put_header(s, &hdr);
    nic_tally(nic, NIC_RX_FRAMES, 1);
    nic_tally(nic, NIC_RX_BYTES, f.len);
    nic_tally(nic, NIC_RX_BUFFERS, hdr.num_buffers);
}

/* ---- One batch ------------------------------------------------------------------------------ */

/* Keeps what was not filled, oldest first. */
static void keep_unfilled(struct nic_rx *rx)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < rx->held_count; i++)
        if (i >= rx->mapped || !rx->filled[i])
            rx->held[kept++] = rx->held[i];
    rx->held_count = kept;
}

/* Reads frames only to be rid of them. They may lie over each other. */
static int discard(struct nic *nic, enum nic_counter cause)
{
    struct nic_rx *rx = &nic->rx;
    struct frame_span junk = {.data = rx->junk, .len = sizeof rx->junk};
    int n;

    for (unsigned i = 0; i < PORT_BATCH; i++)
        rx->bufs[i] = (struct port_buffer){.spans = &junk, .span_count = 1};
    n = port_rx(nic->wire, rx->bufs, PORT_BATCH);
    if (n > 0)
        nic_tally(nic, cause, (uint64_t)n);
    return n;
}

/* Returns frames taken, and through *asked how many could have been. first: of this call. Buffers
 * that run out later end the call: what waits on the wire then is dropped only if the next call
 * finds none either, for the driver has been told of nothing yet. */
static int receive_batch(struct nic *nic, bool first, unsigned *asked)
{
    struct nic_rx *rx = &nic->rx;
    struct nic_queue *q = queue(nic);
    int n;

    *asked = PORT_BATCH;
    if (!nic_link(nic))
        return discard(nic, NIC_RX_LINK_DOWN);
    if (!q->running || q->vq.fault)
        return discard(nic, NIC_RX_NOT_READY);
    *asked = make_slots(nic);
    if (*asked == 0 && !first && !q->vq.fault)
        return 0;
    if (*asked == 0) {
        *asked = PORT_BATCH;
        return discard(nic, q->vq.fault ? NIC_RX_NOT_READY : NIC_RX_NO_BUFFER);
    }
    n = port_rx(nic->wire, rx->bufs, *asked);
    pthread_mutex_lock(&nic->filter.lock);
    for (int i = 0; i < n; i++)
        receive(nic, (unsigned)i);
    pthread_mutex_unlock(&nic->filter.lock);
    keep_unfilled(rx);
    virtq_show(&q->vq);
    /* Preparing buffers costs time whether frames come or not: as many as lately came, and some. */
    rx->depth =
        n > 0 && (unsigned)n == *asked ? MIN_OF(2 * rx->depth, (unsigned)PORT_BATCH) : DEPTH_MIN;
    return n;
}

int nic_wire_ready(struct nic *nic)
{
    struct nic_queue *q = queue(nic);
    unsigned asked = 0;
    int total = 0, n = 0;

    pthread_mutex_lock(&q->lock);
    if (nic->rx.depth == 0)
        nic->rx.depth = DEPTH_MIN;
    for (unsigned pass = 0; pass < PASSES; pass++) {
        n = receive_batch(nic, pass == 0, &asked);
        if (n > 0)
            total += n;
        if (n < (int)asked || n == 0)
            break;
    }
    if (q->running) {
        virtq_doorbell_never(&q->vq);
        if (virtq_wants_interrupt(&q->vq))
            nic_interrupt(nic, q);
    }
    pthread_mutex_unlock(&q->lock);
    nic_check_broken(nic, VIRTIO_NET_RXQ);
    return n < 0 && total == 0 ? n : total;
}
