/* SPDX-License-Identifier: MIT */
/*
 * A send or a received frame with any bytes and any out-of-band word, through the driver's header
 * code, on a plain virtio card or on Longshore's. Input: 1 byte of choices, 8 of slots, 12 of
 * virtio header, 1 of piece size, then the frame. Whatever is let through must be inside the frame,
 * and a packet that the device can finish.
 */
#include "../tests/unit/test_vionet_rig.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 22 };

static void check_sent(const struct rig_send *s, size_t bytes)
{
    const struct vionet_tx_request *t = &s->request;
    struct virtio_net_hdr h;
    size_t head = t->head_bytes - sizeof h, total;

    memcpy(&h, t->head, sizeof h);
    assert(t->head_bytes >= sizeof h && t->head_bytes <= VIONET_HEAD_BYTES && t->skip <= bytes);
    total = head + bytes - t->skip;
    assert(total >= bytes && total <= bytes + 4 + 60);
    assert(t->frames >= 1 && t->wire_bytes >= total && t->cast < 3);
    if (h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
        assert((size_t)h.csum_start + h.csum_offset + 2 <= total);
    if (h.gso_type != VIRTIO_NET_HDR_GSO_NONE)
        assert(h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM && h.gso_size && h.hdr_len <= head &&
               h.hdr_len > h.csum_start + 19 && h.hdr_len < total);
}

/* The parts of a send together are its payload, each small enough. */
static void check_parts(const struct vionet_tx_request *t)
{
    static uint8_t head[VIONET_HEAD_BYTES];
    ULONG next = 0, at;

    assert(t->cut.parts <= VIONET_TX_PARTS);
    for (ULONG part = 0; part < t->cut.parts; part++) {
        ULONG n = vionet_offload_part(t, part, head, &at);

        assert(n > 0 && at == next && (n + t->cut.mss - 1) / t->cut.mss <= 0x8000);
        next += n;
    }
    assert(next == t->cut.bytes && t->cut.head == t->head_bytes);
}

static void send(struct vionet_adapter *a, const uint8_t *data, size_t size)
{
    static struct rig_send s;
    size_t cuts[RIG_PIECES], bytes = size - HEAD;
    ULONG word[2];

    memcpy(word, data + 1, sizeof word);
    for (unsigned i = 0; i < RIG_PIECES; i++)
        cuts[i] = data[21] ? data[21] + i % 3 - 1 : bytes;
    rig_wrap(&s, data + HEAD, bytes, cuts, RIG_PIECES - 1, data[0] >> 5);
    s.nbl.NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = (PVOID)(ULONG_PTR)word[0];
    if (data[0] & 2)
        s.nbl.NetBufferListInfo[TcpLargeSendNetBufferListInfo] = (PVOID)(ULONG_PTR)word[1];
    if (data[0] & 4)
        s.nbl.NetBufferListInfo[Ieee8021QNetBufferListInfo] = (PVOID)(ULONG_PTR)(word[0] >> 7);
    if (vionet_offload_send(a, &s.request) == NDIS_STATUS_SUCCESS)
        check_sent(&s, bytes);
    if (s.request.cut.parts > 1)
        check_parts(&s.request);
    rig_drop(&s);
}

static void receive(const struct vionet_adapter *a, const uint8_t *data, size_t size)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO q;
    size_t bytes = size - HEAD;
    uint8_t *exact = malloc(bytes ? bytes : 1);
    struct virtio_net_hdr h;

    memcpy(&h, data + 9, sizeof h);
    memcpy(exact, data + HEAD, bytes);
    q.Value = vionet_offload_received(a, &h, exact, (ULONG)bytes, (ULONG)bytes);
    assert(!q.Receive.TcpChecksumSucceeded || !q.Receive.UdpChecksumSucceeded);
    assert(!q.Receive.TcpChecksumSucceeded || !q.Receive.TcpChecksumFailed);
    assert(!q.Receive.UdpChecksumSucceeded || !q.Receive.UdpChecksumFailed);
    assert(!q.Receive.IpChecksumSucceeded || !q.Receive.IpChecksumFailed);
    if (!a->device.vendor_features)
        assert(!q.Receive.IpChecksumSucceeded && !q.Receive.IpChecksumFailed &&
               !q.Receive.TcpChecksumFailed && !q.Receive.UdpChecksumFailed);
    if (q.Value)
        assert(h.flags & (a->device.vendor_features ? 0x73 : 3) && bytes >= 14 + 20);
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct vionet_adapter cards[2], *a; /* plain, ours */

    if (size < HEAD || size > RIG_FRAME_BYTES)
        return 0;
    for (unsigned i = 0; i < 2 && !cards[i].handle; i++) {
        rig_adapter(&cards[i], RIG_ALL);
        cards[i].device.vendor_features = i ? 15 : 0;
        vionet_offload_init(&cards[i]);
        cards[i].offload.encapsulated4 = cards[i].offload.encapsulated6 = TRUE;
        vionet_offload_update(&cards[i]);
    }
    a = &cards[data[0] >> 4 & 1];
    if (data[0] & 1)
        receive(a, data, size);
    else
        send(a, data, size);
    return 0;
}
