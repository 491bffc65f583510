/* SPDX-License-Identifier: MIT */
/* Builds one TCP or UDP frame from a recipe, for tests and probes: plain and slow, written apart
 * from the segmenter. */
#include "frame/frame.h"

#include <string.h>

#include "frame/wire.h"

enum { IP4_DF = 0x4000 };

/* Bytes written so far. Nothing is written beyond size; at grows all the same, so that one check at
 * the end suffices. */
struct writer {
    uint8_t *dst;
    size_t size, at;
};

static void put_bytes(struct writer *w, const void *bytes, size_t len)
{
    if (len && len <= w->size && w->at <= w->size - len)
        memcpy(w->dst + w->at, bytes, len);
    w->at += len;
}

static void put16(struct writer *w, uint32_t v)
{
    uint8_t bytes[2];
    wire_put16(bytes, v);
    put_bytes(w, bytes, sizeof(bytes));
}

static void put32(struct writer *w, uint32_t v)
{
    put16(w, v >> 16);
    put16(w, v);
}

static void put8(struct writer *w, uint8_t v)
{
    put_bytes(w, &v, 1);
}

static size_t l4_header_len(const struct frame_recipe *r)
{
    return r->l4_proto == WIRE_PROTO_TCP ? WIRE_TCP_LEN + (size_t)r->tcp_options_len : WIRE_UDP_LEN;
}

static size_t ip_datagram_len(const struct frame_recipe *r)
{
    size_t ip = r->ip_version == 4 ? WIRE_IP4_LEN : WIRE_IP6_LEN;
    return ip + r->ip_options_len + l4_header_len(r) + r->payload_len;
}

static bool recipe_fits(const struct frame_recipe *r)
{
    bool tcp = r->l4_proto == WIRE_PROTO_TCP;
    if (!tcp && (r->l4_proto != WIRE_PROTO_UDP || r->tcp_options_len || r->large_send))
        return false;
    if (r->tcp_options_len % 4 || r->tcp_options_len > 40)
        return false;
    if (r->ip_version == 4 ? r->ip_options_len % 4 || r->ip_options_len > 40
                           : r->ip_version != 6 || r->ip_options_len % 8)
        return false;
    if (r->large_send)
        return true;
    size_t len = ip_datagram_len(r);
    if (r->snap && len + WIRE_SNAP_LEN > WIRE_LENGTH_MAX)
        return false;
    return len - (r->ip_version == 6 ? WIRE_IP6_LEN : 0) <= WIRE_IP_MAX;
}

static void put_link(struct writer *w, const struct frame_recipe *r)
{
    static const uint8_t snap[6] = {0xaa, 0xaa, 0x03, 0, 0, 0};
    put_bytes(w, r->dst_mac, 6);
    put_bytes(w, r->src_mac, 6);
    if (r->vlan) {
        put16(w, WIRE_TYPE_CTAG);
        put16(w, r->vlan_tci);
    }
    if (r->snap) {
        put16(w, r->large_send ? 0 : (uint32_t)ip_datagram_len(r) + WIRE_SNAP_LEN);
        put_bytes(w, snap, sizeof(snap));
    }
    put16(w, r->ip_version == 4 ? WIRE_TYPE_IP4 : WIRE_TYPE_IP6);
}

static void put_ip4(struct writer *w, const struct frame_recipe *r)
{
    put8(w, (uint8_t)(0x45 + r->ip_options_len / 4));
    put8(w, r->tos);
    put16(w, r->large_send ? 0 : (uint32_t)ip_datagram_len(r));
    put16(w, r->ip_id);
    put16(w, IP4_DF);
    put8(w, r->ttl);
    put8(w, r->l4_proto);
    put16(w, 0);
    put_bytes(w, r->src_ip, 4);
    put_bytes(w, r->dst_ip, 4);
    put_bytes(w, r->ip_options, r->ip_options_len);
}

static void put_ip6(struct writer *w, const struct frame_recipe *r)
{
    put32(w, 6u << 28 | (uint32_t)r->tos << 20);
    put16(w, r->large_send ? 0 : (uint32_t)ip_datagram_len(r) - WIRE_IP6_LEN);
    put8(w, r->ip_options_len ? r->ip_options_proto : r->l4_proto);
    put8(w, r->ttl);
    put_bytes(w, r->src_ip, 16);
    put_bytes(w, r->dst_ip, 16);
    put_bytes(w, r->ip_options, r->ip_options_len);
}

static void put_transport(struct writer *w, const struct frame_recipe *r)
{
    put16(w, r->src_port);
    put16(w, r->dst_port);
    if (r->l4_proto == WIRE_PROTO_UDP) {
        put16(w, WIRE_UDP_LEN + r->payload_len);
        put16(w, 0);
        return;
    }
    put32(w, r->seq);
    put32(w, r->ack);
    put8(w, (uint8_t)((WIRE_TCP_LEN + r->tcp_options_len) << 2));
    put8(w, r->tcp_flags);
    put16(w, r->window);
    put32(w, 0); /* checksum, urgent pointer */
    put_bytes(w, r->tcp_options, r->tcp_options_len);
}

/* Next header of the last extension header. False if their lengths do not add up. */
static bool close_ip6_chain(uint8_t *ext, size_t len, uint8_t proto)
{
    while (len) {
        size_t here = ((size_t)ext[1] + 1) * 8;
        if (here > len)
            return false;
        if (here == len)
            ext[0] = proto;
        ext += here;
        len -= here;
    }
    return true;
}

static void put_checksums(const struct frame_recipe *r, uint8_t *ip, uint8_t *l4, size_t l4_len)
{
    uint8_t *field = l4 + (r->l4_proto == WIRE_PROTO_TCP ? 16 : 6);
    if (r->large_send) {
        uint64_t seed = frame_pseudo_sum(ip, r->ip_version, r->l4_proto, 0);
        wire_put16(field, frame_fold(seed));
        return;
    }
    if (r->ip_version == 4) {
        size_t ip_len = WIRE_IP4_LEN + (size_t)r->ip_options_len;
        wire_put16(ip + 10, (uint16_t)~frame_fold(frame_sum(ip, ip_len, 0)));
    }
    uint64_t sum = frame_pseudo_sum(ip, r->ip_version, r->l4_proto, (uint32_t)l4_len);
    uint16_t checksum = (uint16_t)~frame_fold(frame_sum(l4, l4_len, sum));
    if (r->l4_proto == WIRE_PROTO_UDP && checksum == 0)
        checksum = 0xffff; /* RFC 768: 0 says that there is none */
    wire_put16(field, checksum);
}

size_t frame_build(const struct frame_recipe *r, uint8_t *dst, size_t size)
{
    struct writer w = {.dst = dst, .size = size};
    if (!recipe_fits(r))
        return 0;
    put_link(&w, r);
    size_t ip = w.at;
    if (r->ip_version == 4)
        put_ip4(&w, r);
    else
        put_ip6(&w, r);
    size_t l4 = w.at;
    put_transport(&w, r);
    put_bytes(&w, r->payload, r->payload_len);
    if (w.at > size)
        return 0;
    if (r->ip_version == 6 &&
        !close_ip6_chain(dst + l4 - r->ip_options_len, r->ip_options_len, r->l4_proto))
        return 0;
    put_checksums(r, dst + ip, dst + l4, w.at - l4);
    return w.at;
}
