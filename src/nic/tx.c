/* SPDX-License-Identifier: MIT */
/*
 * Transmit: chains from the ring become frames on the wire. Payload is not copied: what goes out
 * are spans of the driver's memory behind a private copy of the header, when that has to change.
 *
 * A chain is given back only after the wire has taken all its frames: heads[] are those whose last
 * frame is in the batch, and flush hands over the batch before it shows them as used.
 */
#include "nic/device.h"

static struct nic_queue *queue(struct nic *nic)
{
    return &nic->queues[VIRTIO_NET_TXQ];
}

/* ---- The batch for the wire ----------------------------------------------------------------- */

static void flush(struct nic *nic)
{
    struct nic_tx *tx = &nic->tx;
    struct virtq *vq = &queue(nic)->vq;

    if (tx->count) {
        uint64_t bytes = 0;
        unsigned went;

        for (unsigned i = 0; i < tx->count; i++)
            bytes += tx->out[i].len;
        went = port_tx(nic->wire, tx->out, tx->count);
        nic_tally(nic, NIC_TX_FRAMES, went);
        nic_tally(nic, NIC_TX_BYTES, bytes);
        if (went < tx->count)
            nic_tally(nic, NIC_TX_WIRE, tx->count - went);
    }
    for (unsigned i = 0; i < tx->head_count; i++)
        virtq_give(vq, tx->heads[i], 0);
    virtq_show(vq);
    nic_tally(nic, NIC_TX_CHAINS, tx->head_count);
    tx->count = tx->head_count = 0;
    tx->copy_used = false;
}

/* A slot for one more frame. */
static struct nic_tx_slot *slot(struct nic *nic)
{
    if (nic->tx.count == PORT_BATCH)
        flush(nic);
    return &nic->tx.slots[nic->tx.count];
}

/* The single place to put a frame together. */
static uint8_t *copy_buffer(struct nic *nic)
{
    if (nic->tx.copy_used)
        flush(nic);
    nic->tx.copy_used = true;
    return nic->tx.copy;
}

/* The frame in the slot is done: n spans, room for one more. Short ones are padded as hardware
 * does. */
static void post(struct nic *nic, struct nic_tx_slot *s, unsigned n, uint32_t len)
{
    struct nic_tx *tx = &nic->tx;

    if (len < FRAME_MIN_LEN) {
        s->spans[n++] = (struct frame_span){.data = tx->zeros, .len = FRAME_MIN_LEN - len};
        len = FRAME_MIN_LEN;
    }
    tx->out[tx->count++] = (struct frame){.spans = s->spans, .span_count = n, .len = len};
}

/* ---- One frame as it is, or with its checksums finished ------------------------------------- */

enum { CSUM_FLAGS = FRAME_CSUM_NEEDED | FRAME_IPCSUM_NEEDED };

/* The spans of f from `skip` on. The caller knows that they fit. */
static unsigned add_spans(struct frame_span *to, unsigned n, const struct frame *f, uint32_t skip)
{
    for (uint32_t i = 0; i < f->span_count; i++) {
        uint32_t len = f->spans[i].len;

        if (skip >= len) {
            skip -= len;
            continue;
        }
        to[n++] = (struct frame_span){.data = f->spans[i].data + skip, .len = len - skip};
        skip = 0;
    }
    return n;
}

static bool finish(struct nic *nic, const struct frame *f, uint8_t *head, uint32_t len)
{
    struct frame_layers layers;

    if (!(f->offload.flags & CSUM_FLAGS))
        return true;
    nic_offload_parse(head, MIN_OF(len, (uint32_t)FRAME_MAX_HEADERS), f->len, nic->negotiated,
                      &layers);
    if (!frame_finish_checksums(f, &layers, head, len)) {
        nic_tally(nic, NIC_TX_BAD_HEADER, 1);
        return false;
    }
    nic_tally(nic, NIC_TX_CSUM, (f->offload.flags & FRAME_CSUM_NEEDED) != 0);
    nic_tally(nic, NIC_TX_IPCSUM, (f->offload.flags & FRAME_IPCSUM_NEEDED) != 0);
    return true;
}

static void send_copied(struct nic *nic, const struct frame *f)
{
    uint8_t *copy = copy_buffer(nic);
    struct nic_tx_slot *s = slot(nic);

    frame_pull(f, 0, copy, f->len);
    if (!finish(nic, f, copy, f->len))
        return;
    s->spans[0] = (struct frame_span){.data = copy, .len = f->len};
    post(nic, s, 1, f->len);
}

static void send_plain(struct nic *nic, const struct frame *f)
{
    const struct frame_offload *o = &f->offload;
    uint32_t field_end = (uint32_t)o->csum_start + o->csum_offset + 2;
    bool patched = o->flags & CSUM_FLAGS;
    struct nic_tx_slot *s;
    unsigned n = 0;
    uint32_t head_len = 0;

    /* Room beside the spans: private header, padding. */
    if (f->span_count > NIC_TX_SPANS - 2 || (patched && field_end > FRAME_MAX_HEADERS)) {
        send_copied(nic, f);
        return;
    }
    s = slot(nic);
    if (patched) {
        head_len = (uint32_t)frame_pull(f, 0, s->head, MIN_OF(f->len, sizeof s->head));
        if (!finish(nic, f, s->head, head_len))
            return;
        s->spans[n++] = (struct frame_span){.data = s->head, .len = head_len};
    }
    n = add_spans(s->spans, n, f, head_len);
    post(nic, s, n, f->len);
}

/* ---- A large send --------------------------------------------------------------------------- */

static enum nic_counter segment_cause(enum frame_segment_error error)
{
    switch (error) {
    case FRAME_SEGMENT_MSS_ZERO:
        return NIC_TX_GSO_MSS_ZERO;
    case FRAME_SEGMENT_FRAGMENT:
        return NIC_TX_GSO_FRAGMENT;
    case FRAME_SEGMENT_FLAGS:
        return NIC_TX_GSO_FLAGS;
    case FRAME_SEGMENT_HEADERS:
        return NIC_TX_GSO_HEADERS;
    default:
        return NIC_TX_GSO_NOT_TCP;
    }
}

/* Cuts and posts one segment. False: there was none left. */
static bool send_segment(struct nic *nic, struct frame_segmenter *seg)
{
    struct nic_tx_slot *s = slot(nic);
    uint32_t len = 0;
    int n = frame_segment_next(seg, s->head, s->spans, NIC_TX_SPANS - 1, &len);

    if (n < 0) {
        uint8_t *copy = copy_buffer(nic);

        s = slot(nic);
        len = frame_segment_next_copy(seg, copy);
        s->spans[0] = (struct frame_span){.data = copy, .len = len};
        n = len ? 1 : 0;
    }
    if (n == 0)
        return false;
    post(nic, s, (unsigned)n, len);
    return true;
}

static void send_large(struct nic *nic, const struct frame *f, uint32_t limit,
                       enum frame_id_mode id_mode)
{
    struct frame_segmenter *seg = &nic->tx.segmenter;
    enum frame_segment_error error = frame_segment_begin(seg, f, id_mode);
    uint64_t made = 0;

    if (!error && seg->layers.flags & FRAME_HAS_SNAP && !nic_has_vendor(nic, LONGSHORE_F_SNAP))
        error = FRAME_SEGMENT_NOT_TCP;
    if (error) {
        nic_tally(nic, segment_cause(error), 1);
        return;
    }
    if (seg->header_len + MIN_OF(seg->mss, seg->payload_len) > limit) {
        nic_tally(nic, NIC_TX_OVERSIZE, 1);
        return;
    }
    while (send_segment(nic, seg))
        made++;
    nic_tally(nic, NIC_TX_LARGE, 1);
    nic_tally(nic, NIC_TX_SEGMENTS, made);
}

/* ---- One chain ------------------------------------------------------------------------------ */

/* Takes the header off the chain's front; what remains is the frame. Spans are cut in place. */
static void split_header(struct frame_span *spans, const struct virtq_chain *chain,
                         struct virtio_net_hdr *hdr, struct frame *f)
{
    struct frame whole = {
        .spans = spans, .span_count = chain->read_spans, .len = (uint32_t)chain->read_bytes};
    uint32_t skip = sizeof *hdr, i = 0;

    frame_pull(&whole, 0, hdr, sizeof *hdr);
    while (i < chain->read_spans && skip >= spans[i].len)
        skip -= spans[i++].len;
    if (i < chain->read_spans) {
        spans[i].data += skip;
        spans[i].len -= skip;
    }
    *f = (struct frame){.spans = spans + i,
                        .span_count = chain->read_spans - i,
                        .len = whole.len - (uint32_t)sizeof *hdr};
}

static uint32_t length_limit(const struct nic *nic, const struct frame *f)
{
    uint8_t start[FRAME_ETH_LEN + 8];

    return nic_frame_limit(nic) + nic_tag_bytes(start, frame_pull(f, 0, start, sizeof start));
}

static void send_frame(struct nic *nic, struct frame *f, const struct virtio_net_hdr *hdr)
{
    uint32_t limit;

    if (f->len < FRAME_ETH_LEN) {
        nic_tally(nic, NIC_TX_RUNT, 1);
        return;
    }
    if (!nic_offload_read(hdr, nic->negotiated, f->len, &f->offload)) {
        nic_tally(nic, NIC_TX_BAD_HEADER, 1);
        return;
    }
    limit = length_limit(nic, f);
    if (f->offload.gso == FRAME_GSO_NONE && f->len > limit)
        nic_tally(nic, NIC_TX_OVERSIZE, 1);
    else if (!nic_link(nic))
        nic_tally(nic, NIC_TX_LINK_DOWN, 1);
    else if (f->offload.gso == FRAME_GSO_NONE)
        send_plain(nic, f);
    else
        send_large(nic, f, limit, nic_offload_id_mode(hdr, nic->negotiated));
}

/* False: the ring is broken. */
static bool send_chain(struct nic *nic, struct virtq *vq, uint16_t head)
{
    struct nic_tx *tx = &nic->tx;
    struct virtq_chain chain;
    struct virtio_net_hdr hdr;
    struct frame f;

    if (!virtq_map(vq, head, tx->chain, ARRAY_LEN(tx->chain), &chain))
        return false;
    if (chain.write_spans) {
        virtq_break(vq, VIRTQ_DIRECTION);
        return false;
    }
    if (chain.read_bytes < sizeof hdr) {
        nic_tally(nic, NIC_TX_SHORT_HEADER, 1);
    } else if (chain.read_bytes > sizeof hdr + PORT_MAX_FRAME) {
        nic_tally(nic, NIC_TX_OVERSIZE, 1);
    } else {
        split_header(tx->chain, &chain, &hdr, &f);
        send_frame(nic, &f, &hdr);
    }
    if (tx->head_count == PORT_BATCH)
        flush(nic);
    tx->heads[tx->head_count++] = head;
    return true;
}

bool nic_tx_drain(struct nic *nic)
{
    struct nic_queue *q = queue(nic);
    unsigned budget = q->vq.size;
    bool more;
    uint16_t head;

    virtq_doorbell_off(&q->vq);
    while (budget && virtq_take(&q->vq, &head) && send_chain(nic, &q->vq, head))
        budget--;
    flush(nic);
    more = virtq_doorbell_on(&q->vq);
    if (virtq_wants_interrupt(&q->vq))
        nic_interrupt(nic, q);
    return more;
}
