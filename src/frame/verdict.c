/* SPDX-License-Identifier: MIT */
/* What a NIC does with the checksums of one frame: judges them on receive, finishes them on
 * transmit. */
#include "frame/frame.h"

#include "frame/wire.h"

enum frame_verdict frame_check_ip(const struct frame *f, const struct frame_layers *l)
{
    uint8_t ip[60];
    if (l->ip_version != 4 || !l->ip_end || !frame_pull(f, l->l3_offset, ip, 1))
        return FRAME_UNJUDGED;
    size_t len = (size_t)(ip[0] & 15) * 4;
    if (len < WIRE_IP4_LEN || frame_pull(f, l->l3_offset, ip, len) < len)
        return FRAME_UNJUDGED;
    return frame_fold(frame_sum(ip, len, 0)) == 0xffff ? FRAME_GOOD : FRAME_WRONG;
}

/* Length of what the transport checksum covers, or 0 if there is nothing to judge. */
static uint32_t covered_len(const struct frame *f, const struct frame_layers *l)
{
    if (!l->l4_offset || l->ip_end <= l->l4_offset || l->ip_end > f->len)
        return 0;
    uint32_t len = l->ip_end - l->l4_offset;
    if (l->l4_proto == WIRE_PROTO_TCP)
        return len;
    uint8_t udp[WIRE_UDP_LEN];
    if (l->l4_proto != WIRE_PROTO_UDP ||
        frame_pull(f, l->l4_offset, udp, sizeof(udp)) < sizeof(udp))
        return 0;
    /* RFC 768: no checksum. RFC 8200 forbids it, which is the layer above's to say (RXC-12). */
    if (wire_get16(udp + 6) == 0)
        return 0;
    uint32_t udp_len = wire_get16(udp + 4);
    return udp_len <= len ? udp_len : 0;
}

enum frame_verdict frame_check_transport(const struct frame *f, const struct frame_layers *l)
{
    uint32_t len = covered_len(f, l);
    if (!len || l->flags & FRAME_HAS_ROUTE)
        return FRAME_UNJUDGED;
    uint8_t ip[WIRE_IP6_LEN] = {0};
    size_t ip_len = l->ip_version == 4 ? WIRE_IP4_LEN : WIRE_IP6_LEN;
    if (frame_pull(f, l->l3_offset, ip, ip_len) < ip_len)
        return FRAME_UNJUDGED;
    uint64_t sum = frame_pseudo_sum(ip, l->ip_version, l->l4_proto, len);
    sum = frame_sum_spans(f, l->l4_offset, len, sum);
    return frame_fold(sum) == 0xffff ? FRAME_GOOD : FRAME_WRONG;
}

/* Where the summed bytes end: padding behind the datagram does not count (TXC-20). */
static size_t sum_end(const struct frame *f, const struct frame_layers *l, const uint8_t *head,
                      size_t head_len)
{
    if (l->l4_offset != f->offload.csum_start || l->ip_end <= l->l4_offset || l->ip_end > f->len)
        return f->len;
    if (l->l4_proto != WIRE_PROTO_UDP || (size_t)l->l4_offset + WIRE_UDP_LEN > head_len)
        return l->ip_end;
    size_t end = (size_t)l->l4_offset + wire_get16(head + l->l4_offset + 4);
    return end < (size_t)l->l4_offset + WIRE_UDP_LEN || end > l->ip_end ? l->ip_end : end;
}

static void finish_transport(const struct frame *f, const struct frame_layers *l, uint8_t *head,
                             size_t head_len)
{
    const struct frame_offload *o = &f->offload;
    size_t end = sum_end(f, l, head, head_len);
    size_t in_head = (head_len < end ? head_len : end) - o->csum_start;
    uint64_t sum = frame_sum(head + o->csum_start, in_head, 0);
    if (end > head_len)
        sum += wire_sum_moved(frame_sum_spans(f, head_len, end - head_len, 0), in_head);
    uint16_t checksum = (uint16_t)~frame_fold(sum);
    bool udp = l->l4_proto == WIRE_PROTO_UDP && l->l4_offset == o->csum_start;
    wire_put16(head + o->csum_start + o->csum_offset, udp && !checksum ? 0xffff : checksum);
}

static void finish_ip(uint8_t *ip, size_t len)
{
    wire_put16(ip + 10, 0);
    wire_put16(ip + 10, (uint16_t)~frame_fold(frame_sum(ip, len, 0)));
}

bool frame_finish_checksums(const struct frame *f, const struct frame_layers *l, uint8_t *head,
                            size_t head_len)
{
    const struct frame_offload *o = &f->offload;
    if (head_len > f->len)
        head_len = f->len;
    size_t ip_len = 0;
    if (o->flags & FRAME_IPCSUM_NEEDED) {
        if (l->ip_version != 4 || l->l3_offset >= head_len)
            return false;
        ip_len = (size_t)(head[l->l3_offset] & 15) * 4;
        if (ip_len < WIRE_IP4_LEN || l->l3_offset + ip_len > head_len)
            return false;
    }
    if (o->flags & FRAME_CSUM_NEEDED) {
        size_t field_end = (size_t)o->csum_start + o->csum_offset + 2;
        if (field_end > head_len || field_end > sum_end(f, l, head, head_len))
            return false;
    }
    if (ip_len)
        finish_ip(head + l->l3_offset, ip_len);
    if (o->flags & FRAME_CSUM_NEEDED)
        finish_transport(f, l, head, head_len);
    return true;
}
