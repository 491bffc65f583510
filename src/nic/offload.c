/* SPDX-License-Identifier: MIT */
/* virtio_net_hdr and the project's offload request: what a driver asks for, and what the card found
 * out. */
#include "nic/device.h"

static bool read_gso(uint8_t type, uint64_t negotiated, uint8_t *out)
{
    switch (type) {
    case VIRTIO_NET_HDR_GSO_NONE:
        *out = FRAME_GSO_NONE;
        return true;
    case VIRTIO_NET_HDR_GSO_TCPV4:
        *out = FRAME_GSO_TCP4;
        return negotiated & VIRTIO_FEATURE(VIRTIO_NET_F_HOST_TSO4);
    case VIRTIO_NET_HDR_GSO_TCPV6:
        *out = FRAME_GSO_TCP6;
        return negotiated & VIRTIO_FEATURE(VIRTIO_NET_F_HOST_TSO6);
    default:
        return false;
    }
}

/*
 * §5.1.6.2. hdr_len is a hint that need not be right: not read. Flags that are unknown are ignored,
 * as is num_buffers. Asking for what was not negotiated is refused: the bytes would leave
 * unfinished.
 */
bool nic_offload_read(const struct virtio_net_hdr *hdr, uint64_t negotiated, uint32_t len,
                      struct frame_offload *out)
{
    bool ecn = hdr->gso_type & VIRTIO_NET_HDR_GSO_ECN;
    bool csum = hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;

    *out = (struct frame_offload){0};
    if (!read_gso(hdr->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN, negotiated, &out->gso))
        return false;
    if (ecn && !(negotiated & VIRTIO_FEATURE(VIRTIO_NET_F_HOST_ECN)))
        return false;
    if (csum) {
        if (!(negotiated & VIRTIO_FEATURE(VIRTIO_NET_F_CSUM)) ||
            (uint32_t)hdr->csum_start + hdr->csum_offset + 2 > len)
            return false;
        out->flags = FRAME_CSUM_NEEDED;
        out->csum_start = hdr->csum_start;
        out->csum_offset = hdr->csum_offset;
    }
    if (out->gso == FRAME_GSO_NONE)
        return true;
    if (!csum)
        return false;
    if (ecn)
        out->flags |= FRAME_GSO_ECN;
    out->mss = hdr->gso_size;
    return true;
}

enum nic_counter nic_offload_judge(const struct frame *f, struct virtio_net_hdr *hdr)
{
    uint8_t head[FRAME_MAX_HEADERS];
    size_t have = frame_pull(f, 0, head, MIN_OF(sizeof head, f->len));
    struct frame_layers layers;
    enum frame_verdict ip, transport;

    frame_parse(head, have, f->len, FRAME_STRICT, &layers);
    ip = frame_check_ip(f, &layers);
    transport = frame_check_transport(f, &layers);
    if (ip == FRAME_WRONG || transport == FRAME_WRONG)
        return NIC_RX_CSUM_WRONG;
    if (transport != FRAME_GOOD)
        return NIC_COUNTERS;
    hdr->flags |= VIRTIO_NET_HDR_F_DATA_VALID;
    return NIC_RX_CSUM_GOOD;
}
