/* SPDX-License-Identifier: MIT */
/* Reads Ethernet, tags, LLC/SNAP, IPv4, IPv6 with extension headers, TCP and UDP headers. */
#include "frame/frame.h"

#include <string.h>

#include "frame/wire.h"

enum { IP6_HOP_BY_HOP = 0, IP6_ROUTING = 43, IP6_FRAGMENT = 44, IP6_NONE = 59, IP6_OPTIONS = 60 };

struct reader {
    const uint8_t *head;
    size_t have; /* bytes at head that may be looked at */
    size_t end;  /* where the layer being read ends; never beyond the frame */
    enum frame_parse_mode mode;
    struct frame_layers *out;
};

static void add_flag(struct reader *r, enum frame_layer_flag flag)
{
    r->out->flags = (uint16_t)(r->out->flags | flag);
}

/* The only way to a byte. offset and len come from 16-bit arithmetic at most: no overflow. */
static const uint8_t *peek(struct reader *r, size_t offset, size_t len)
{
    if (offset + len > r->end)
        return NULL;
    if (offset + len > r->have) {
        add_flag(r, FRAME_HEAD_SHORT);
        return NULL;
    }
    return r->head + offset;
}

static void read_tcp(struct reader *r, size_t at)
{
    const uint8_t *tcp = peek(r, at, WIRE_TCP_LEN);
    if (!tcp)
        return;
    size_t len = (size_t)(tcp[12] >> 4) * 4;
    if (len < WIRE_TCP_LEN || !peek(r, at, len))
        return;
    if (len > WIRE_TCP_LEN)
        add_flag(r, FRAME_HAS_TCP_OPTIONS);
    r->out->l4_offset = (uint16_t)at;
    r->out->l4_proto = WIRE_PROTO_TCP;
    r->out->payload_offset = (uint16_t)(at + len);
}

static void read_udp(struct reader *r, size_t at)
{
    const uint8_t *udp = peek(r, at, WIRE_UDP_LEN);
    if (!udp)
        return;
    size_t len = wire_get16(udp + 4);
    if (r->mode == FRAME_STRICT && (len < WIRE_UDP_LEN || at + len > r->end))
        return;
    r->out->l4_offset = (uint16_t)at;
    r->out->l4_proto = WIRE_PROTO_UDP;
    r->out->payload_offset = (uint16_t)(at + WIRE_UDP_LEN);
}

static void read_transport(struct reader *r, size_t at, uint8_t proto)
{
    if (proto == WIRE_PROTO_TCP) {
        read_tcp(r, at);
    } else if (proto == WIRE_PROTO_UDP) {
        read_udp(r, at);
    } else if (peek(r, at, 1)) {
        r->out->l4_offset = (uint16_t)at;
        r->out->l4_proto = proto;
    }
}

/* Takes the datagram's own length, and narrows the reader to it. A template's length says nothing
 * (LSO2-4, LSO2-5). */
static bool take_ip_len(struct reader *r, size_t at, size_t ip_len, size_t min)
{
    r->out->ip_len = (uint32_t)ip_len;
    if (r->mode == FRAME_STRICT) {
        if (ip_len < min || at + ip_len > r->end)
            return false;
        r->end = at + ip_len;
    }
    r->out->ip_end = (uint32_t)r->end;
    return true;
}

static void read_ip4(struct reader *r, size_t at)
{
    const uint8_t *ip = peek(r, at, WIRE_IP4_LEN);
    if (!ip || ip[0] >> 4 != 4)
        return;
    size_t len = (size_t)(ip[0] & 15) * 4;
    if (len < WIRE_IP4_LEN || !peek(r, at, len))
        return;
    r->out->l3_offset = (uint16_t)at;
    r->out->ip_version = 4;
    if (len > WIRE_IP4_LEN)
        add_flag(r, FRAME_HAS_IP_OPTIONS);
    if (!take_ip_len(r, at, wire_get16(ip + 2), len))
        return;
    if (wire_get16(ip + 6) & 0x3fff) { /* MF or offset */
        add_flag(r, FRAME_IS_FRAGMENT);
        return;
    }
    read_transport(r, at + len, ip[9]);
}

/* Extension headers (RFC 8200 §4). Each is at least 8 bytes, so FRAME_MAX_HEADERS bounds the walk
 * (SEC-9). */
static void read_ip6_chain(struct reader *r, size_t at, uint8_t next)
{
    while (next == IP6_HOP_BY_HOP || next == IP6_ROUTING || next == IP6_FRAGMENT ||
           next == IP6_OPTIONS) {
        const uint8_t *ext = peek(r, at, 8);
        if (!ext)
            return;
        size_t len = next == IP6_FRAGMENT ? 8 : ((size_t)ext[1] + 1) * 8;
        if (!peek(r, at, len))
            return;
        add_flag(r, FRAME_HAS_IP_OPTIONS);
        if (next == IP6_ROUTING && ext[3] != 0)
            add_flag(r, FRAME_HAS_ROUTE);
        if (next == IP6_FRAGMENT && wire_get16(ext + 2) & 0xfff9) { /* offset or M */
            add_flag(r, FRAME_IS_FRAGMENT);
            return;
        }
        next = ext[0];
        at += len;
    }
    if (next != IP6_NONE)
        read_transport(r, at, next);
}

static void read_ip6(struct reader *r, size_t at)
{
    const uint8_t *ip = peek(r, at, WIRE_IP6_LEN);
    if (!ip || ip[0] >> 4 != 6)
        return;
    r->out->l3_offset = (uint16_t)at;
    r->out->ip_version = 6;
    if (take_ip_len(r, at, WIRE_IP6_LEN + (size_t)wire_get16(ip + 4), WIRE_IP6_LEN))
        read_ip6_chain(r, at + WIRE_IP6_LEN, ip[6]);
}

/* An 802.3 length instead of a type. Bytes beyond it are padding. Returns whether a network header
 * may follow. */
static bool read_llc(struct reader *r, size_t *at, size_t length)
{
    static const uint8_t snap[6] = {0xaa, 0xaa, 0x03, 0, 0, 0};
    if (length > WIRE_LENGTH_MAX)
        return false;
    if (r->mode == FRAME_STRICT) {
        if (*at + length > r->end)
            return false;
        r->end = *at + length;
    }
    const uint8_t *llc = peek(r, *at, WIRE_SNAP_LEN);
    if (!llc || memcmp(llc, snap, sizeof(snap)) != 0)
        return false;
    add_flag(r, FRAME_HAS_SNAP);
    r->out->ether_type = wire_get16(llc + 6);
    *at += WIRE_SNAP_LEN;
    r->out->l2_len = (uint16_t)*at;
    return true;
}

/* Returns the offset of what follows the link layer, or 0. */
static size_t read_link(struct reader *r)
{
    const uint8_t *p = peek(r, 0, FRAME_ETH_LEN);
    if (!p)
        return 0;
    uint16_t type = wire_get16(p + WIRE_ETH_TYPE_AT);
    size_t at = FRAME_ETH_LEN;
    while (type == WIRE_TYPE_CTAG || type == WIRE_TYPE_STAG) {
        p = peek(r, at, WIRE_TAG_LEN);
        if (!p)
            return 0;
        if (!(r->out->flags & FRAME_HAS_VLAN))
            r->out->vlan_tci = wire_get16(p);
        add_flag(r, FRAME_HAS_VLAN);
        type = wire_get16(p + 2);
        at += WIRE_TAG_LEN;
    }
    r->out->l2_len = (uint16_t)at;
    if (type < WIRE_TYPE_MIN)
        return read_llc(r, &at, type) ? at : 0;
    r->out->ether_type = type;
    return at;
}

void frame_parse(const uint8_t *head, size_t head_len, size_t frame_len, enum frame_parse_mode mode,
                 struct frame_layers *out)
{
    memset(out, 0, sizeof(*out));
    struct reader r = {.head = head, .have = head_len, .end = frame_len, .mode = mode, .out = out};
    if (r.have > FRAME_MAX_HEADERS)
        r.have = FRAME_MAX_HEADERS;
    if (r.end > UINT32_MAX)
        r.end = UINT32_MAX;

    size_t at = read_link(&r);
    if (at && out->ether_type == WIRE_TYPE_IP4)
        read_ip4(&r, at);
    else if (at && out->ether_type == WIRE_TYPE_IP6)
        read_ip6(&r, at);
}
