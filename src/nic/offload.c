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
 * as is num_buffers, and so are the vendor's flags when their features were not negotiated. Asking
 * virtio for what was not negotiated is refused: the bytes would leave unfinished.
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
    if (hdr->flags & LONGSHORE_TX_IPCSUM && negotiated & NIC_VENDOR(LONGSHORE_F_IPCSUM))
        out->flags |= FRAME_IPCSUM_NEEDED;
    if (out->gso == FRAME_GSO_NONE)
        return true;
    if (!csum || (out->gso == FRAME_GSO_TCP6 && out->flags & FRAME_IPCSUM_NEEDED))
        return false;
    if (ecn)
        out->flags |= FRAME_GSO_ECN;
    out->mss = hdr->gso_size;
    return true;
}

enum frame_id_mode nic_offload_id_mode(const struct virtio_net_hdr *hdr, uint64_t negotiated)
{
    return hdr->flags & LONGSHORE_TX_ID15 && negotiated & NIC_VENDOR(LONGSHORE_F_ID15)
               ? FRAME_ID_15BIT
               : FRAME_ID_16BIT;
}

void nic_offload_parse(const uint8_t *head, size_t head_len, size_t frame_len, uint64_t negotiated,
                       struct frame_layers *out)
{
    frame_parse(head, head_len, frame_len, FRAME_STRICT, out);
    if (out->flags & FRAME_HAS_SNAP && !(negotiated & NIC_VENDOR(LONGSHORE_F_SNAP)))
        *out = (struct frame_layers){0};
}

/* Each layer for itself (virtio/longshore.h). */
static void put_verdicts(enum frame_verdict ip, enum frame_verdict transport,
                         struct virtio_net_hdr *hdr)
{
    if (ip != FRAME_UNJUDGED)
        hdr->flags |= ip == FRAME_GOOD ? LONGSHORE_RX_IP_GOOD : LONGSHORE_RX_IP_BAD;
    if (transport != FRAME_UNJUDGED)
        hdr->flags |= transport == FRAME_GOOD ? VIRTIO_NET_HDR_F_DATA_VALID : LONGSHORE_RX_L4_BAD;
}

enum nic_counter nic_offload_judge(const struct frame *f, uint64_t negotiated,
                                   struct virtio_net_hdr *hdr)
{
    uint8_t head[FRAME_MAX_HEADERS];
    size_t have = frame_pull(f, 0, head, MIN_OF(sizeof head, f->len));
    struct frame_layers layers;
    enum frame_verdict ip, transport;

    nic_offload_parse(head, have, f->len, negotiated, &layers);
    ip = frame_check_ip(f, &layers);
    transport = frame_check_transport(f, &layers);
    if (negotiated & NIC_VENDOR(LONGSHORE_F_VERDICTS))
        put_verdicts(ip, transport, hdr);
    else if (transport == FRAME_GOOD && ip != FRAME_WRONG)
        hdr->flags |= VIRTIO_NET_HDR_F_DATA_VALID;
    if (ip == FRAME_WRONG || transport == FRAME_WRONG)
        return NIC_RX_CSUM_WRONG;
    return transport == FRAME_GOOD ? NIC_RX_CSUM_GOOD : NIC_COUNTERS;
}
