/* SPDX-License-Identifier: MIT */
/* What can go wrong with the frames of a large send: where it is cut, numbers, flags, data. */
#include "fault.h"

/* Every frame of version 2 is part of LSO2-1, which compares whole frames. */
#define SEGMENT_FAULT(id, name, what, ...)                                                         \
    FAULT(id, name, what, .maybe = "LSO2-1", .segment = name, ##__VA_ARGS__)

static uint8_t *tcp_of(struct fault_segment *s)
{
    return s->bytes + s->f->l4;
}

static uint8_t template_flags(const struct fault_segment *s)
{
    return s->sent->slot.Value ? s->sent->head[s->sent->l4 + 13] : 0;
}

/* ---- Where it is cut ------------------------------------------------------------------------ */

/* The headers of a frame that is about to be cut. */
static void headers_of(const struct frame *f, uint8_t head[192], struct fields *out)
{
    struct rig_seen seen = {head, (uint32_t)frame_pull(f, 0, head, 192)};

    fields_read(&seen, out);
}

static void count_options(struct frame *f, enum frame_id_mode *mode)
{
    uint8_t head[192];
    struct fields fields;

    (void)mode;
    headers_of(f, head, &fields);
    f->offload.mss = (uint16_t)(f->offload.mss - (fields.tcp_header_len - 20));
}
FAULT("LSO1-2", count_options, "TCP options count against the MSS", .maybe = "LSO2-1",
      .cut = count_options);

static void balance(struct frame *f, enum frame_id_mode *mode)
{
    uint32_t data, frames;
    uint8_t head[192];
    struct fields fields;

    (void)mode;
    headers_of(f, head, &fields);
    data = f->len - fields.payload;
    frames = (data + f->offload.mss - 1) / f->offload.mss;
    f->offload.mss = (uint16_t)((data + frames - 1) / frames);
}
FAULT("LSO1-3", balance, "data is spread evenly over the frames", .maybe = "LSO2-1",
      .cut = balance);

/* A frame of headers alone after the last one that is full. */
static bool empty_frame(struct fault_segment *s)
{
    uint32_t data = s->sent->bytes - MIN_OF(s->sent->bytes, s->len);
    uint8_t *tcp = s->bytes + s->sent->l4, *ip;

    if (!s->sent->slot.Value || s->sent->tagged || data % s->mss != 0 || !s->f)
        return false;
    ip = s->bytes + s->f->l3;
    naive_put(tcp + 4, 4, naive_get(tcp + 4, 4) + s->count * s->mss);
    tcp[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH | TCP_CWR);
    if (ip[0] >> 4 == 6) {
        naive_put(ip + 4, 2, s->len - s->f->l3 - 40);
    } else {
        naive_put(ip + 2, 2, s->len - s->f->l3);
        naive_put(ip + 4, 2, (naive_get(ip + 4, 2) + s->count) & 0x7fff);
    }
    return true;
}
FAULT("LSO1-3", empty_frame, "an empty frame follows when the data fills all frames",
      .also = "LSO1-5", .maybe = "LSO2-1", .extra = empty_frame);

static enum segment_fate change_data(struct fault_segment *s)
{
    if (s->index != 4)
        return SEGMENT_GOES;
    s->bytes[s->f->payload] ^= 0xff;
    return SEGMENT_MEND;
}
SEGMENT_FAULT("LSO1-4", change_data, "a byte of the fifth frame's data is another");

static enum segment_fate lose_tenth(struct fault_segment *s)
{
    return s->index == 9 ? SEGMENT_LOST : SEGMENT_GOES;
}
/* The largest sends have more: rows about sizes see it, too. */
FAULT("LSO1-5", lose_tenth, "the tenth frame is lost", .also = "LSO1-26",
      .maybe = "LSO2-1,CAP-20,KEY-28", .segment = lose_tenth);

static uint32_t first_seq(const struct fault_segment *s)
{
    return naive_get(s->sent->head + s->sent->l4 + 4, 4);
}

static enum segment_fate saturate(struct fault_segment *s)
{
    if (!s->sent->slot.Value || s->f->seq >= first_seq(s))
        return SEGMENT_GOES;
    naive_put(tcp_of(s) + 4, 4, 0xffffffff);
    return SEGMENT_MEND;
}
SEGMENT_FAULT("LSO1-6", saturate, "sequence numbers stop at their largest");

static enum segment_fate count_frames(struct fault_segment *s)
{
    if (!s->sent->slot.Value)
        return SEGMENT_GOES;
    naive_put(tcp_of(s) + 4, 4, first_seq(s) + s->index);
    return SEGMENT_MEND;
}
FAULT("LSO1-6", count_frames, "sequence numbers count frames instead of bytes",
      .also = "LSO1-23,LSO1-29,LSO2-9", .maybe = "LSO2-1,SEC-9", .segment = count_frames);

/* ---- TCP's fields and flags ----------------------------------------------------------------- */

static enum segment_fate count_ack(struct fault_segment *s)
{
    naive_put(tcp_of(s) + 8, 4, s->f->ack + s->index);
    return SEGMENT_MEND;
}
SEGMENT_FAULT("LSO1-7", count_ack, "acknowledgment numbers count up");

static enum segment_fate shrink_window(struct fault_segment *s)
{
    if (s->index > 0 && s->f->window > 0)
        naive_put(tcp_of(s) + 14, 2, s->f->window - 1u);
    return SEGMENT_MEND;
}
SEGMENT_FAULT("LSO1-7", shrink_window, "the window shrinks after the first frame");

static enum segment_fate clear_reserved(struct fault_segment *s)
{
    tcp_of(s)[12] &= s->index ? 0xf0 : 0xff;
    return SEGMENT_MEND;
}
SEGMENT_FAULT("LSO1-7", clear_reserved, "reserved bits are cleared after the first frame");

static enum segment_fate fin_everywhere(struct fault_segment *s)
{
    tcp_of(s)[13] |= template_flags(s) & TCP_FIN;
    return SEGMENT_MEND;
}
SEGMENT_FAULT("LSO1-8", fin_everywhere, "FIN is set in every frame");

static enum segment_fate fin_lost(struct fault_segment *s)
{
    tcp_of(s)[13] &= (uint8_t)~TCP_FIN;
    return SEGMENT_MEND;
}
SEGMENT_FAULT("LSO1-8", fin_lost, "FIN is not restored in the last frame");

static enum segment_fate psh_everywhere(struct fault_segment *s)
{
    tcp_of(s)[13] |= template_flags(s) & TCP_PSH;
    return SEGMENT_MEND;
}
SEGMENT_FAULT("LSO1-9", psh_everywhere, "PSH is set in every frame");

static enum segment_fate psh_always(struct fault_segment *s)
{
    tcp_of(s)[13] |= s->index + 1 == s->count ? TCP_PSH : 0;
    return SEGMENT_MEND;
}
SEGMENT_FAULT("LSO1-9", psh_always, "PSH is set in the last frame though the template has none");

static enum segment_fate cwr_everywhere(struct fault_segment *s)
{
    tcp_of(s)[13] |= template_flags(s) & TCP_CWR;
    return SEGMENT_MEND;
}
SEGMENT_FAULT("LSO1-10", cwr_everywhere, "CWR is set in every frame");

static enum segment_fate cwr_lost(struct fault_segment *s)
{
    tcp_of(s)[13] &= (uint8_t)~TCP_CWR;
    return SEGMENT_MEND;
}
SEGMENT_FAULT("LSO1-10", cwr_lost, "CWR is set in no frame");

static enum segment_fate ece_first(struct fault_segment *s)
{
    tcp_of(s)[13] &= (uint8_t) ~(s->index ? TCP_ECE : 0);
    return SEGMENT_MEND;
}
SEGMENT_FAULT("LSO1-11", ece_first, "ECE is set in the first frame only");

static enum segment_fate no_ecn(struct fault_segment *s)
{
    if (s->f->version == 4 && s->index > 0)
        s->bytes[s->f->l3 + 1] &= 0xfc;
    return SEGMENT_MEND;
}
SEGMENT_FAULT("LSO1-11", no_ecn, "the IPv4 ECN bits are cleared after the first frame");

static enum segment_fate ack_first(struct fault_segment *s)
{
    tcp_of(s)[13] &= (uint8_t) ~(s->index ? TCP_ACK : 0);
    return SEGMENT_MEND;
}
SEGMENT_FAULT("LSO2-10", ack_first, "ACK is set in the first frame only");

static enum segment_fate psh_beside_fin(struct fault_segment *s)
{
    tcp_of(s)[13] &= (uint8_t) ~(template_flags(s) & TCP_FIN ? TCP_PSH : 0);
    return SEGMENT_MEND;
}
FAULT("LSO2-1", psh_beside_fin, "PSH is lost where FIN stands beside it",
      .segment = psh_beside_fin);

static enum segment_fate fin_everywhere_ip6(struct fault_segment *s)
{
    tcp_of(s)[13] |= s->f->version == 6 ? template_flags(s) & TCP_FIN : 0;
    return SEGMENT_MEND;
}
FAULT("LSO2-1", fin_everywhere_ip6, "FIN is set in every frame over IPv6", .also = "LSO1-8",
      .segment = fin_everywhere_ip6);

/* ---- Who does TCP's work -------------------------------------------------------------------- */

static enum segment_fate heed_window(struct fault_segment *s)
{
    return s->index > 0 && s->f->window == 0 ? SEGMENT_LOST : SEGMENT_GOES;
}
SEGMENT_FAULT("LSO1-37", heed_window, "a closed window holds frames back");

static bool send_again(struct fault_segment *s)
{
    return s->sent->slot.Value && naive_get(s->bytes + s->sent->l4 + 14, 2) == 0 &&
           s->bytes[s->sent->l4 + 13] & TCP_ACK;
}
FAULT("LSO1-37", send_again, "the headers leave once more when the window is closed",
      .extra = send_again);

/* ---- Order ---------------------------------------------------------------------------------- */

static uint8_t held[FAULT_FRAME];
static uint32_t held_len;

static enum segment_fate hold_first(struct fault_segment *s)
{
    if (s->index > 0 || s->count < 2 || s->sent->chain < 2)
        return SEGMENT_GOES;
    memcpy(held, s->bytes, s->len);
    held_len = s->len;
    return SEGMENT_LOST;
}

static bool let_go(struct fault_segment *s)
{
    uint32_t len = held_len;

    held_len = 0;
    memcpy(s->bytes, held, len);
    s->len = len;
    return len > 0;
}
FAULT("LSO1-29", hold_first, "the first frame leaves last when NBLs come in a chain",
      .also = "LSO2-20", .segment = hold_first, .extra = let_go);
