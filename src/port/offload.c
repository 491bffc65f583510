/* SPDX-License-Identifier: MIT */
/*
 * The offload request as Linux writes it (struct virtio_net_hdr of linux/virtio_net.h, little
 * endian; meaning: virtio 1.2, 5.1.6.2 and 5.1.6.4) from and to frame_offload. A header is a
 * foreign claim about a frame: each part is held against the frame's own bytes. hdr_len is only
 * ever a hint; csum_start counts from the frame's first byte, csum_offset from there.
 */
#include <endian.h>
#include <linux/virtio_net.h>

#include "port/ops.h"

enum { TCP_CSUM_OFFSET = 16, UDP_CSUM_OFFSET = 6, PROTO_TCP = 6, PROTO_UDP = 17 };

static void parse_head(const struct frame *f, enum frame_parse_mode mode, struct frame_layers *l)
{
    uint8_t copy[FRAME_MAX_HEADERS];
    size_t want = MIN_OF(f->len, (uint32_t)FRAME_MAX_HEADERS);
    const uint8_t *head = f->spans[0].data;

    if (f->spans[0].len < want) {
        want = frame_pull(f, 0, copy, want);
        head = copy;
    }
    frame_parse(head, want, f->len, mode, l);
}

/* May a transport checksum of this frame start at start and be stored offset bytes on? A start
 * behind the outer transport header is fine (a tunnel's inner one); one before it, or inside the IP
 * header, is not. */
static bool csum_plausible(const struct frame_layers *l, uint32_t start, uint32_t offset)
{
    uint32_t min_ip = l->ip_version == 6 ? 40 : 20;

    if (l->l3_offset == 0 || l->ip_version == 0 || (l->flags & FRAME_IS_FRAGMENT))
        return false;
    if (l->l4_offset == 0)
        return start >= l->l3_offset + min_ip;
    if (start != l->l4_offset)
        return start > l->l4_offset;
    return (l->l4_proto != PROTO_TCP || offset == TCP_CSUM_OFFSET) &&
           (l->l4_proto != PROTO_UDP || offset == UDP_CSUM_OFFSET);
}

static bool gso_from_vnet(const struct virtio_net_hdr *hdr, const struct frame *f,
                          const struct frame_layers *l, struct frame_offload *out)
{
    uint8_t type = hdr->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
    bool v4 = type == VIRTIO_NET_HDR_GSO_TCPV4;

    if (!v4 && type != VIRTIO_NET_HDR_GSO_TCPV6)
        return false;
    if (l->ip_version != (v4 ? 4 : 6) || l->l4_proto != PROTO_TCP || l->payload_offset == 0 ||
        out->csum_start != l->l4_offset || le16toh(hdr->gso_size) == 0 ||
        le16toh(hdr->hdr_len) > f->len)
        return false;
    out->gso = v4 ? FRAME_GSO_TCP4 : FRAME_GSO_TCP6;
    out->mss = le16toh(hdr->gso_size);
    if (hdr->gso_type & VIRTIO_NET_HDR_GSO_ECN)
        out->flags |= FRAME_GSO_ECN;
    return true;
}

bool port_offload_from_vnet(const struct virtio_net_hdr *hdr, const struct frame *f,
                            struct frame_offload *out)
{
    bool large = hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE;
    struct frame_layers layers;

    memset(out, 0, sizeof *out);
    if (likely(hdr->flags == 0 && !large))
        return true;
    if (hdr->flags & ~(VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID))
        return false;
    if (!(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)) {
        out->flags = FRAME_CSUM_VALID;
        return !large; /* segmentation without NEEDS_CSUM is forbidden: 5.1.6.4.1 */
    }
    out->flags = FRAME_CSUM_NEEDED;
    out->csum_start = le16toh(hdr->csum_start);
    out->csum_offset = le16toh(hdr->csum_offset);
    if ((uint32_t)out->csum_start + out->csum_offset + 2 > f->len)
        return false;
    parse_head(f, large ? FRAME_LARGE_TEMPLATE : FRAME_STRICT, &layers);
    if (!csum_plausible(&layers, out->csum_start, out->csum_offset))
        return false;
    out->header_len = layers.payload_offset;
    return !large || gso_from_vnet(hdr, f, &layers, out);
}

bool port_offload_to_vnet(const struct frame *f, struct virtio_net_hdr *hdr)
{
    const struct frame_offload *o = &f->offload;

    memset(hdr, 0, sizeof *hdr);
    if (o->flags & FRAME_IPCSUM_NEEDED)
        return false;
    if (!(o->flags & FRAME_CSUM_NEEDED)) {
        if (o->flags & FRAME_CSUM_VALID)
            hdr->flags = VIRTIO_NET_HDR_F_DATA_VALID;
        return o->gso == FRAME_GSO_NONE;
    }
    if ((uint32_t)o->csum_start + o->csum_offset + 2 > f->len)
        return false;
    hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    hdr->csum_start = htole16(o->csum_start);
    hdr->csum_offset = htole16(o->csum_offset);
    if (o->gso == FRAME_GSO_NONE)
        return true;
    if (o->mss == 0 || o->header_len > f->len)
        return false;
    hdr->gso_type = o->gso == FRAME_GSO_TCP4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
    if (o->flags & FRAME_GSO_ECN)
        hdr->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
    hdr->gso_size = htole16(o->mss);
    hdr->hdr_len = htole16(o->header_len);
    return true;
}
