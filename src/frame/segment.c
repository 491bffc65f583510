/* SPDX-License-Identifier: MIT */
/*
 * Cuts one large TCP send into segments (Microsoft: "Offloading the Segmentation of Large TCP
 * Packets"; requirements LSO1, LSO2). The template's headers are read once. What is equal in all
 * segments is summed once; per segment only length, Identification, sequence number, flags and the
 * payload's own sum are added.
 */
#include "frame/frame.h"

#include <string.h>

#include "frame/wire.h"

/* Of the template: only in the last segment, only in the first one, and a send that may not be cut
 * at all. */
enum {
    LAST_FLAGS = WIRE_TCP_FIN | WIRE_TCP_PSH,
    FIRST_FLAGS = WIRE_TCP_CWR,
    REFUSED_FLAGS = WIRE_TCP_SYN | WIRE_TCP_RST | WIRE_TCP_URG,
};

static bool spans_hold(const struct frame *f)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < f->span_count; i++)
        total += f->spans[i].len;
    return total >= f->len;
}

static enum frame_segment_error check_template(const struct frame_segmenter *s, size_t head_len)
{
    const struct frame_layers *l = &s->layers;
    uint8_t gso = s->frame.offload.gso;
    uint8_t version = gso == FRAME_GSO_TCP4 ? 4 : gso == FRAME_GSO_TCP6 ? 6 : 0;

    if (s->mss == 0)
        return FRAME_SEGMENT_MSS_ZERO;
    if (l->flags & FRAME_IS_FRAGMENT)
        return FRAME_SEGMENT_FRAGMENT;
    if (l->flags & FRAME_HEAD_SHORT && head_len == FRAME_MAX_HEADERS)
        return FRAME_SEGMENT_HEADERS;
    if (!version || l->ip_version != version || l->l4_proto != WIRE_PROTO_TCP || !l->l4_offset ||
        l->flags & FRAME_HAS_ROUTE)
        return FRAME_SEGMENT_NOT_TCP;
    if (s->header[l->l4_offset + 13] & REFUSED_FLAGS)
        return FRAME_SEGMENT_FLAGS;
    return FRAME_SEGMENT_OK;
}

/* Can the IP length, and with SNAP the 802.3 length, of the longest segment be written down? */
static bool lengths_fit(const struct frame_segmenter *s)
{
    uint32_t longest = s->payload_len < s->mss ? s->payload_len : s->mss;
    uint32_t ip_len = s->header_len - s->layers.l3_offset + longest;
    if (s->layers.flags & FRAME_HAS_SNAP && ip_len + WIRE_SNAP_LEN > WIRE_LENGTH_MAX)
        return false;
    return ip_len - (s->layers.ip_version == 6 ? WIRE_IP6_LEN : 0) <= WIRE_IP_MAX;
}

/* Sums of what is equal in each segment; the fields that differ count as 0. */
static void sum_constant_parts(struct frame_segmenter *s)
{
    const struct frame_layers *l = &s->layers;
    const uint8_t *ip = s->header + l->l3_offset, *tcp = s->header + l->l4_offset;

    s->pseudo_sum = frame_pseudo_sum(ip, l->ip_version, WIRE_PROTO_TCP, 0);
    s->header_sum = frame_sum(tcp, 4, 0);                  /* ports */
    s->header_sum = frame_sum(tcp + 8, 4, s->header_sum);  /* acknowledgment */
    s->header_sum += (uint32_t)tcp[12] << 8;               /* data offset, reserved */
    s->header_sum = frame_sum(tcp + 14, 2, s->header_sum); /* window */
    s->header_sum = frame_sum(tcp + 18, s->header_len - l->l4_offset - 18u, s->header_sum);
    if (l->ip_version == 4) {
        s->ip_sum = frame_sum(ip, 2, 0);             /* version, IHL, TOS */
        s->ip_sum = frame_sum(ip + 6, 4, s->ip_sum); /* DF, TTL, protocol */
        s->ip_sum = frame_sum(ip + 12, (size_t)(ip[0] & 15) * 4 - 12, s->ip_sum);
    }
}

static void find_first_payload(struct frame_segmenter *s)
{
    s->span = 0;
    s->span_offset = s->header_len;
    while (s->span < s->frame.span_count && s->span_offset >= s->frame.spans[s->span].len)
        s->span_offset -= s->frame.spans[s->span++].len;
}

enum frame_segment_error frame_segment_begin(struct frame_segmenter *s, const struct frame *f,
                                             enum frame_id_mode id_mode)
{
    s->frame = *f;
    s->mss = f->offload.mss;
    s->id_mode = id_mode;
    s->next = s->segment_count = 0;
    size_t head_len = f->len < FRAME_MAX_HEADERS ? f->len : FRAME_MAX_HEADERS;
    if (!spans_hold(f) || frame_pull(f, 0, s->header, head_len) < head_len)
        return FRAME_SEGMENT_NOT_TCP;
    frame_parse(s->header, head_len, f->len, FRAME_LARGE_TEMPLATE, &s->layers);
    enum frame_segment_error error = check_template(s, head_len);
    if (error)
        return error;

    s->header_len = s->layers.payload_offset;
    s->payload_len = f->len - s->header_len;
    if (!lengths_fit(s))
        return FRAME_SEGMENT_HEADERS;
    s->segment_count = s->payload_len / s->mss + (s->payload_len % s->mss != 0);
    if (s->segment_count == 0)
        s->segment_count = 1; /* no data: the header alone is the frame */
    sum_constant_parts(s);
    find_first_payload(s);
    return FRAME_SEGMENT_OK;
}

static uint32_t payload_of_next(const struct frame_segmenter *s)
{
    uint32_t left = s->payload_len - s->next * s->mss;
    return left < s->mss ? left : s->mss;
}

static uint8_t flags_of_next(const struct frame_segmenter *s, uint8_t flags)
{
    if (s->next > 0)
        flags &= (uint8_t)~FIRST_FLAGS;
    if (s->next + 1 < s->segment_count)
        flags &= (uint8_t)~LAST_FLAGS;
    return flags;
}

static void put_ip(const struct frame_segmenter *s, uint8_t *header, uint32_t ip_len)
{
    uint8_t *ip = header + s->layers.l3_offset;
    if (s->layers.flags & FRAME_HAS_SNAP)
        wire_put16(ip - WIRE_SNAP_LEN - 2, ip_len + WIRE_SNAP_LEN);
    if (s->layers.ip_version == 6) {
        wire_put16(ip + 4, ip_len - WIRE_IP6_LEN);
        return;
    }
    uint32_t id = wire_get16(s->header + s->layers.l3_offset + 4) + s->next;
    id &= s->id_mode == FRAME_ID_15BIT ? 0x7fff : 0xffff;
    wire_put16(ip + 2, ip_len);
    wire_put16(ip + 4, id);
    wire_put16(ip + 10, (uint16_t)~frame_fold(s->ip_sum + ip_len + id));
}

/* Header of the next segment, which carries payload_len bytes that sum to payload_sum; and on to
 * the one after. */
static void put_header(struct frame_segmenter *s, uint8_t *header, uint32_t payload_len,
                       uint64_t payload_sum)
{
    const struct frame_layers *l = &s->layers;
    memcpy(header, s->header, s->header_len);
    put_ip(s, header, s->header_len - l->l3_offset + payload_len);

    const uint8_t *template = s->header + l->l4_offset;
    uint8_t *tcp = header + l->l4_offset;
    uint32_t seq = wire_get32(template + 4) + s->next * s->mss;
    uint8_t flags = flags_of_next(s, template[13]);
    uint32_t tcp_len = s->header_len - l->l4_offset + payload_len;
    /* Far below 2^64. The fold brings seq's upper half down: 2^16 is 1 modulo 0xffff. */
    uint64_t sum = s->pseudo_sum + s->header_sum + tcp_len + seq + flags + payload_sum;
    wire_put32(tcp + 4, seq);
    tcp[13] = flags;
    wire_put16(tcp + 16, (uint16_t)~frame_fold(sum));
    s->next++;
}

/* Spans that the next n payload bytes lie in; empty ones do not count. */
static uint32_t count_pieces(const struct frame_segmenter *s, uint32_t n)
{
    uint32_t pieces = 0, offset = s->span_offset;
    for (uint32_t i = s->span; n > 0; i++, offset = 0) {
        uint32_t here = s->frame.spans[i].len - offset;
        if (here > n)
            here = n;
        pieces += here > 0;
        n -= here;
    }
    return pieces;
}

/* The next piece of at most n bytes that lies in one span. n is not more than what is left. */
static struct frame_span take_piece(struct frame_segmenter *s, uint32_t n)
{
    while (s->span_offset == s->frame.spans[s->span].len) {
        s->span++;
        s->span_offset = 0;
    }
    const struct frame_span *span = &s->frame.spans[s->span];
    uint32_t here = span->len - s->span_offset;
    struct frame_span piece = {span->data + s->span_offset, here < n ? here : n};
    s->span_offset += piece.len;
    return piece;
}

int frame_segment_next(struct frame_segmenter *s, uint8_t *header, struct frame_span *out,
                       uint32_t out_max, uint32_t *len)
{
    if (s->next == s->segment_count)
        return 0;
    uint32_t n = payload_of_next(s), used = 1;
    if (out_max < 1 || count_pieces(s, n) > out_max - 1)
        return -1;

    uint64_t sum = 0;
    for (uint32_t done = 0; done < n; used++) {
        out[used] = take_piece(s, n - done);
        sum = frame_sum_at(out[used].data, out[used].len, done, sum);
        done += out[used].len;
    }
    put_header(s, header, n, sum);
    out[0] = (struct frame_span){header, s->header_len};
    *len = s->header_len + n;
    return (int)used;
}

uint32_t frame_segment_next_copy(struct frame_segmenter *s, uint8_t *dst)
{
    if (s->next == s->segment_count)
        return 0;
    uint32_t n = payload_of_next(s);
    uint8_t *to = dst + s->header_len;
    uint64_t sum = 0;
    for (uint32_t done = 0; done < n;) {
        struct frame_span piece = take_piece(s, n - done);
        sum += wire_sum_moved(frame_sum_copy(to + done, piece.data, piece.len, 0), done);
        done += piece.len;
    }
    put_header(s, dst, n, sum);
    return s->header_len + n;
}
